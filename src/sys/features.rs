//! Questions to a file system that can only be answered by trying, and that no safe wrapper asks.

#![allow(unsafe_code)]

use std::os::fd::{AsRawFd, BorrowedFd};

use super::{Result, SysError};

/// Sets and reads back a `user.*` extended attribute of an open file (xattr(7)).
pub(crate) fn user_attributes(file: BorrowedFd<'_>) -> Result<()> {
    let (name, value) = (c"user.coracle.probe", b"1");
    let mut read = [0u8; 1];
    // SAFETY: a live descriptor, a C string, and a buffer with its length.
    let set =
        unsafe { libc::fsetxattr(file.as_raw_fd(), name.as_ptr(), value.as_ptr().cast(), 1, 0) };
    if set != 0 {
        return Err(SysError::last("fsetxattr(user.coracle.probe)"));
    }
    // SAFETY: as above; the kernel writes at most one byte.
    let got =
        unsafe { libc::fgetxattr(file.as_raw_fd(), name.as_ptr(), read.as_mut_ptr().cast(), 1) };
    if got != 1 || &read != value {
        return Err(SysError::last("fgetxattr(user.coracle.probe)"));
    }
    Ok(())
}

/// Makes `to` share the blocks of `from` (ioctl_ficlone(2); btrfs, xfs, bcachefs, some NFS 4.2).
pub(crate) fn reflink(to: BorrowedFd<'_>, from: BorrowedFd<'_>) -> Result<()> {
    // SAFETY: both descriptors are live; the ioctl takes the second by value and touches no memory of ours.
    let done = unsafe { libc::ioctl(to.as_raw_fd(), libc::FICLONE, from.as_raw_fd()) };
    if done != 0 {
        Err(SysError::last("ioctl(FICLONE)"))
    } else {
        Ok(())
    }
}
