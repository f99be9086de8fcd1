//! statx(2): more of a file than stat(2) tells: when it was born and which mount it is on.

#![allow(unsafe_code)]

use std::ffi::CStr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use nix::errno::Errno;

/// What a file is, in the kernel's own form.
pub(crate) type Statx = libc::statx;

/// A structure of the kernel's without a gap between its fields.
pub(crate) trait Gapless {}
impl Gapless for Statx {}
impl Gapless for libc::stat {}

/// Returns a structure as the kernel writes it.
pub(crate) fn bytes<T: Gapless>(value: &T) -> &[u8] {
    // SAFETY: a live value, every byte of which is a field's.
    unsafe {
        std::slice::from_raw_parts(std::ptr::from_ref(value).cast(), std::mem::size_of::<T>())
    }
}

/// STATX_BTIME and STATX_MNT_ID (Linux 5.8) beside the basic ones.
pub(crate) const EVERYTHING: u32 = libc::STATX_BASIC_STATS | libc::STATX_BTIME | 0x1000;

/// Asks about `path` below `dir`; with an empty path and AT_EMPTY_PATH about `dir` itself.
pub(crate) fn statx(
    dir: BorrowedFd<'_>,
    path: &CStr,
    flags: i32,
    mask: u32,
) -> Result<Statx, Errno> {
    statx_at(dir.as_raw_fd(), path, flags, mask)
}

/// Everything about an open file, also one of O_PATH.
pub(crate) fn statx_of(file: impl AsFd) -> Result<Statx, Errno> {
    statx(file.as_fd(), c"", libc::AT_EMPTY_PATH, EVERYTHING)
}

/// As [`statx`], from the working folder.
pub(crate) fn statx_here(path: &CStr, flags: i32, mask: u32) -> Result<Statx, Errno> {
    statx_at(libc::AT_FDCWD, path, flags, mask)
}

fn statx_at(dir: i32, path: &CStr, flags: i32, mask: u32) -> Result<Statx, Errno> {
    let mut out = std::mem::MaybeUninit::<Statx>::zeroed();
    // SAFETY: a C string and a buffer of the kernel's own type; all zeroes is a valid value of it.
    unsafe {
        let r = libc::statx(dir, path.as_ptr(), flags, mask, out.as_mut_ptr());
        Errno::result(r).map(|_| out.assume_init())
    }
}
