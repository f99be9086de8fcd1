//! Asking the kernel to write soon.
#![expect(unsafe_code, reason = "sync_file_range(2)")]

use std::fs::File;
use std::os::fd::AsRawFd;

/// Starts to write what is dirty of `file`, and does not wait; where that cannot be asked for, the kernel does it later.
pub(crate) fn begin(file: &File) {
    // SAFETY: plain system call with a valid descriptor and numbers.
    unsafe {
        libc::sync_file_range(file.as_raw_fd(), 0, 0, libc::SYNC_FILE_RANGE_WRITE);
    }
}
