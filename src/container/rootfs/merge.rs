//! The bottom rung of storage: a copy of the merged layers in a plain folder, for hosts where no overlay can be mounted.
//!
//! Where the file system shares blocks (btrfs, xfs) the kernel does so for copy_file_range(2), and a copy costs little.
//! Files are never linked to the layers' own: a container would write into the image.

use std::collections::{BTreeSet, HashMap};
use std::ffi::CString;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use nix::fcntl::{AtFlags, OFlag, openat};
use nix::sys::stat::{Mode, fstatat, mkdirat};

use crate::error::{Context, Kind, Result};
use crate::sys::{copy as files, overlay};

/// Where the first of several hard links of a layer's file was copied to: (layer, inode) -> (folder, name).
type Links = HashMap<(usize, u64), (OwnedFd, CString)>;

/// Copies what `trees` (the uppermost first) show together into the folder `to`, which is made and must be empty.
pub(super) fn copy(trees: &[PathBuf], to: &Path) -> Result<()> {
    fs_err::create_dir_all(to)?;
    let flags = OFlag::O_DIRECTORY | OFlag::O_RDONLY | OFlag::O_CLOEXEC;
    let open = |p: &Path| {
        nix::fcntl::open(p, flags, Mode::empty()).context(Kind::System, || {
            format!("cannot open the folder {}", p.display())
        })
    };
    let parts = trees
        .iter()
        .enumerate()
        .map(|(i, t)| Ok((i, open(t)?)))
        .collect::<Result<Vec<_>>>()?;
    let target = open(to)?;
    folder(&parts, target.as_fd(), &mut Links::new()).context(Kind::System, || {
        format!("cannot copy the image's layers to {}", to.display())
    })
}

/// One folder: its parts in the layers (with the layer's place in the stack), the uppermost first.
fn folder(parts: &[(usize, OwnedFd)], to: BorrowedFd<'_>, links: &mut Links) -> nix::Result<()> {
    let mut done: BTreeSet<CString> = BTreeSet::new();
    for (place, (layer, part)) in parts.iter().enumerate() {
        for name in files::entries(part.as_fd())? {
            if !done.insert(name.clone()) {
                continue;
            }
            let stat = fstatat(part, name.as_c_str(), AtFlags::AT_SYMLINK_NOFOLLOW)?;
            if overlay::is_whiteout(&stat) {
                continue;
            }
            if stat.st_mode & libc::S_IFMT == libc::S_IFDIR {
                mkdirat(to, name.as_c_str(), Mode::S_IRWXU)?;
                let inner = openat(to, name.as_c_str(), FOLDER, Mode::empty())?;
                folder(&below(&parts[place..], &name)?, inner.as_fd(), links)?;
                continue;
            }
            let first = links
                .get(&(*layer, stat.st_ino))
                .filter(|_| stat.st_nlink > 1);
            if let Some((dir, earlier)) = first {
                nix::unistd::linkat(
                    dir,
                    earlier.as_c_str(),
                    to,
                    name.as_c_str(),
                    AtFlags::empty(),
                )?;
                continue;
            }
            files::copy_entry(part.as_fd(), to, &name, &stat)?;
            if stat.st_nlink > 1 {
                links.insert(
                    (*layer, stat.st_ino),
                    (to.try_clone_to_owned().map_err(raw)?, name),
                );
            }
        }
    }
    match parts.first() {
        Some((_, part)) => files::finish_folder(part.as_fd(), to),
        None => Ok(()),
    }
}

const FOLDER: OFlag = OFlag::O_DIRECTORY
    .union(OFlag::O_NOFOLLOW)
    .union(OFlag::O_CLOEXEC);

/// The parts of a folder's sub-folder, down to one that hides the rest.
fn below(parts: &[(usize, OwnedFd)], name: &CString) -> nix::Result<Vec<(usize, OwnedFd)>> {
    let mut out = Vec::new();
    for (layer, part) in parts {
        match fstatat(part, name.as_c_str(), AtFlags::AT_SYMLINK_NOFOLLOW) {
            Err(nix::errno::Errno::ENOENT) => continue,
            Err(e) => return Err(e),
            Ok(stat) if stat.st_mode & libc::S_IFMT != libc::S_IFDIR => break,
            Ok(_) => {}
        }
        let inner = openat(part, name.as_c_str(), FOLDER, Mode::empty())?;
        let hides = overlay::is_opaque(&inner);
        out.push((*layer, inner));
        if hides {
            break;
        }
    }
    Ok(out)
}

fn raw(e: std::io::Error) -> nix::errno::Errno {
    nix::errno::Errno::from_raw(e.raw_os_error().unwrap_or(libc::EIO))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

    use super::*;

    #[test]
    fn a_copy_shows_what_an_overlay_would() {
        let base = std::env::temp_dir().join(format!("merge-{}", std::process::id()));
        let (up, low, to) = (base.join("up"), base.join("low"), base.join("to"));
        for dir in ["up/a", "up/gone", "low/a/deep", "low/b", "low/gone/x"] {
            fs_err::create_dir_all(base.join(dir)).unwrap();
        }
        for (path, text) in [
            ("up/a/f", "up"),
            ("low/a/f", "low"),
            ("low/a/g", "g"),
            ("low/a/deep/h", "h"),
            ("up/b", "a file now"),
            ("low/b/x", "x"),
        ] {
            fs_err::write(base.join(path), text).unwrap();
        }
        fs_err::hard_link(low.join("a/g"), low.join("linked")).unwrap();
        symlink("../outside", low.join("link")).unwrap();
        fs_err::set_permissions(low.join("a/g"), std::fs::Permissions::from_mode(0o640)).unwrap();
        let made = nix::sys::stat::mknod(
            &up.join("a/g2"),
            nix::sys::stat::SFlag::S_IFCHR,
            Mode::empty(),
            0,
        );
        if made.is_ok() {
            fs_err::write(low.join("a/g2"), "hidden").unwrap();
        }
        copy(&[up, low.clone()], &to).unwrap();
        let read = |p: &str| fs_err::read_to_string(to.join(p)).unwrap();
        assert_eq!(
            (read("a/f"), read("a/g"), read("a/deep/h"), read("b")),
            ("up".into(), "g".into(), "h".into(), "a file now".into())
        );
        assert!(!to.join("a/g2").exists());
        assert_eq!(
            fs_err::read_link(to.join("link")).unwrap(),
            PathBuf::from("../outside")
        );
        let (g, linked) = (
            fs_err::metadata(to.join("a/g")).unwrap(),
            fs_err::metadata(to.join("linked")).unwrap(),
        );
        assert_eq!((g.ino(), g.mode() & 0o777), (linked.ino(), 0o640));
        assert_ne!(g.ino(), fs_err::metadata(low.join("a/g")).unwrap().ino());
        fs_err::remove_dir_all(base).unwrap();
    }
}
