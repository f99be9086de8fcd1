//! Whiteouts: what a layer says about the names of the layers below it (OCI image-spec, layer.md, "Whiteouts").

use std::ffi::{CStr, CString};
use std::os::fd::{AsFd, BorrowedFd};

use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, openat};
use nix::sys::stat::{Mode, SFlag, fstatat, mknodat};

use super::folders::{Folder, reopen};
use super::writer::{CREATE, Writer};
use crate::image::tar::Entry;
use crate::sys::xattr;

const OPAQUE: &CStr = c"user.overlay.opaque";
const WHITEOUT: &CStr = c"user.overlay.whiteout";

impl Writer {
    /// A whiteout or an opaque mark; what aufs left behind says nothing.
    pub(super) fn mark(&mut self, entry: &Entry) -> nix::Result<()> {
        let name = entry.name();
        if name == b".wh..wh..opq" {
            let folder = self.folders.get(entry.folder())?;
            let fd = reopen(folder.as_fd())?;
            return self.set_opaque(fd.as_fd());
        }
        let Some(hidden) = name
            .strip_prefix(b".wh.")
            .filter(|_| !entry.path.starts_with(b".wh..wh."))
        else {
            return Ok(());
        };
        if hidden.starts_with(b".wh.") {
            return Ok(());
        }
        if matches!(hidden, b"" | b"." | b"..") {
            return Err(Errno::EINVAL);
        }
        let folder = self.folders.get(entry.folder())?;
        let hidden = CString::new(hidden).map_err(|_| Errno::EINVAL)?;
        match mknodat(
            &*folder,
            hidden.as_c_str(),
            SFlag::S_IFCHR,
            Mode::empty(),
            0,
        ) {
            Err(Errno::EEXIST) => self.hide_below(&folder, &hidden),
            Err(Errno::EPERM | Errno::EOPNOTSUPP | Errno::ENOSYS) => {
                self.hide_by_attribute(&folder, &hidden)
            }
            result => result,
        }
    }

    /// A whiteout of what this very layer has: it means the lower one, which only a folder does not hide already.
    fn hide_below(&mut self, folder: &Folder, name: &CStr) -> nix::Result<()> {
        let stat = fstatat(folder, name, AtFlags::AT_SYMLINK_NOFOLLOW)?;
        if stat.st_mode & libc::S_IFMT != libc::S_IFDIR {
            return Ok(());
        }
        let fd = openat(
            folder,
            name,
            OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC,
            Mode::empty(),
        )?;
        self.set_opaque(fd.as_fd())
    }

    /// The form of a whiteout where no device can be made (overlayfs.rst, Linux 6.7); `.wh.NAME` where no attribute can.
    fn hide_by_attribute(&mut self, folder: &Folder, name: &CStr) -> nix::Result<()> {
        let fd = match openat(folder, name, CREATE, Mode::S_IRUSR | Mode::S_IWUSR) {
            Err(Errno::EEXIST) => return self.hide_below(folder, name),
            fd => fd?,
        };
        let parent = reopen(folder.as_fd())?;
        let marked = xattr::set(&fd, WHITEOUT, b"y").and_then(|()| {
            match xattr::get(&parent, OPAQUE)?.as_deref() {
                Some(b"y") => Ok(()),
                _ => xattr::set(&parent, OPAQUE, b"x"),
            }
        });
        if marked.is_ok() {
            return Ok(());
        }
        let text = CString::new([b".wh.", name.to_bytes()].concat()).map_err(|_| Errno::EINVAL)?;
        nix::fcntl::renameat(folder, name, folder, text.as_c_str())
    }

    pub(super) fn is_whiteout(&self, folder: &Folder, name: &CStr) -> nix::Result<bool> {
        let stat = fstatat(folder, name, AtFlags::AT_SYMLINK_NOFOLLOW)?;
        if crate::sys::overlay::is_whiteout(&stat) {
            return Ok(true);
        }
        if stat.st_mode & libc::S_IFMT != libc::S_IFREG || stat.st_size != 0 {
            return Ok(false);
        }
        let fd = openat(
            folder,
            name,
            OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC | OFlag::O_NONBLOCK,
            Mode::empty(),
        )?;
        Ok(xattr::get(&fd, WHITEOUT)?.is_some())
    }

    pub(super) fn set_opaque(&self, folder: BorrowedFd<'_>) -> nix::Result<()> {
        match xattr::set(folder, OPAQUE, b"y") {
            Err(Errno::EOPNOTSUPP) => {
                match openat(folder, c".wh..wh..opq", CREATE, Mode::S_IRUSR) {
                    Err(Errno::EEXIST) => Ok(()),
                    fd => fd.map(drop),
                }
            }
            result => result,
        }
    }
}
