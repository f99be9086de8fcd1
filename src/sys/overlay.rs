//! The marks that an overlay file system made by a user (`userxattr`, overlayfs.rst) leaves in its layers.

#![allow(unsafe_code)]

use std::ffi::{CStr, CString};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use nix::sys::stat::FileStat;

/// Returns whether the entry hides what lower layers have under its name: a character device 0:0.
pub(crate) fn is_whiteout(stat: &FileStat) -> bool {
    stat.st_mode & libc::S_IFMT == libc::S_IFCHR && stat.st_rdev == 0
}

/// Returns whether the folder hides the folders below it. `dir` may be opened with O_PATH.
pub(crate) fn is_opaque(dir: impl AsFd) -> bool {
    CString::new(format!("/proc/self/fd/{}", dir.as_fd().as_raw_fd()))
        .is_ok_and(|path| has_mark(&path))
}

/// Returns whether the folder at `path` hides the folders below it.
pub(crate) fn is_opaque_at(path: &Path) -> bool {
    CString::new(path.as_os_str().as_bytes()).is_ok_and(|path| has_mark(&path))
}

fn has_mark(path: &CStr) -> bool {
    let mut value = [0u8; 4];
    let name = c"user.overlay.opaque";
    // SAFETY: C strings, and a buffer of the length told.
    let n = unsafe {
        libc::getxattr(
            path.as_ptr(),
            name.as_ptr(),
            value.as_mut_ptr().cast(),
            value.len(),
        )
    };
    n == 1 && value[0] == b'y'
}
