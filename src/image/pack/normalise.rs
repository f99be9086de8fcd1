//! Makes the surveyed tree the tree of a layer, in place: what is not in the tar goes, hidden names become whiteouts, and
//! the user can read everything. Not for a tree that is mounted.

use std::collections::BTreeMap;
use std::ffi::CString;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, open, openat};
use nix::sys::stat::{Mode, SFlag, UtimensatFlags, fchmod, fstatat, mknodat, utimensat};
use nix::sys::time::TimeSpec;
use nix::unistd::{UnlinkatFlags, unlinkat};

use super::survey::{Fix, cannot};
use crate::error::{Context, Kind, Result};
use crate::image::tar::split;
use crate::image::unpack::Folders;
use crate::store::ids::{self, Ids};
use crate::store::trash::remove_tree;
use crate::sys::xattr;

/// Does the steps in `tree`; records for which a file has no attributes are added to `aside`.
pub(super) fn normalise(
    tree: &Path,
    fixes: &[Fix],
    aside: &mut BTreeMap<Vec<u8>, Ids>,
) -> Result<()> {
    let failed = || format!("cannot use `{}` as a layer", tree.display());
    let flags = OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    let root = open(tree, flags, Mode::empty()).context(Kind::System, failed)?;
    // overlays show the uppermost root's mode, and a layer says nothing about it
    fchmod(&root, Mode::from_bits_truncate(0o755)).context(Kind::System, failed)?;
    let mut folders = Folders::new(root);
    for fix in fixes {
        let (Fix::Remove(path)
        | Fix::Hide(path)
        | Fix::Unmark(path, _)
        | Fix::Keep(path, ..)
        | Fix::Time(path, _)) = fix;
        one(tree, &mut folders, fix, path, aside).map_err(|e| cannot(path, e))?;
    }
    Ok(())
}

fn one(
    tree: &Path,
    folders: &mut Folders,
    fix: &Fix,
    path: &[u8],
    aside: &mut BTreeMap<Vec<u8>, Ids>,
) -> nix::Result<()> {
    if path.is_empty() {
        return Ok(()); // the root's own time is nobody's
    }
    let (folder, last) = split(path);
    let folder = folders.find(folder)?;
    let name = CString::new(last).map_err(|_| Errno::EINVAL)?;
    match fix {
        Fix::Remove(_) => {
            let stat = fstatat(&*folder, name.as_c_str(), AtFlags::AT_SYMLINK_NOFOLLOW)?;
            if stat.st_mode & libc::S_IFMT != libc::S_IFDIR {
                return unlinkat(&*folder, name.as_c_str(), UnlinkatFlags::NoRemoveDir);
            }
            folders.forget();
            let path = tree.join(std::ffi::OsStr::from_bytes(path));
            // its error names another path, and never happens to files of our own
            remove_tree(&path).map_err(|_| Errno::EIO)
        }
        Fix::Hide(_) => mknodat(&*folder, name.as_c_str(), SFlag::S_IFCHR, Mode::empty(), 0),
        Fix::Unmark(_, marks) => {
            let fd = super::open::open_anyway(folder.as_fd(), &name, OFlag::O_DIRECTORY)?;
            marks.iter().try_for_each(|mark| xattr::remove(&fd, mark))
        }
        Fix::Keep(_, mode, ids) => {
            let fd = openat(
                &*folder,
                name.as_c_str(),
                OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC,
                Mode::empty(),
            )?;
            let mode = Mode::from_bits_truncate(*mode);
            // a user attribute needs write permission
            super::open::change_mode(fd.as_fd(), mode | Mode::S_IWUSR)?;
            let opened = super::open::open_anyway(folder.as_fd(), &name, OFlag::O_NONBLOCK)?;
            match xattr::set(&opened, ids::NAME, ids.to_string().as_bytes()) {
                Err(Errno::EOPNOTSUPP | Errno::ENOSPC | Errno::E2BIG) => {
                    aside.insert(path.to_vec(), *ids);
                }
                result => result?,
            }
            super::open::change_mode(fd.as_fd(), mode)
        }
        Fix::Time(_, (seconds, nanoseconds)) => {
            let time = TimeSpec::new(*seconds, i64::from(*nanoseconds));
            utimensat(
                &*folder,
                name.as_c_str(),
                &time,
                &time,
                UtimensatFlags::NoFollowSymlink,
            )
        }
    }
}
