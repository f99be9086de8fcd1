//! Opening what its own mode forbids: the user owns every file of a store, and a container's program may have taken the
//! user's own permission to read away.

use std::ffi::{CStr, CString};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, OFlag, open, openat};
use nix::sys::stat::{FchmodatFlags, Mode, fchmodat, fstat};

/// Opens `name` in the folder `at` for reading, links not followed. When its mode is in the way it is changed for the
/// moment of the opening.
pub(crate) fn open_anyway(at: BorrowedFd<'_>, name: &CStr, flags: OFlag) -> nix::Result<OwnedFd> {
    let flags = flags | OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    match openat(at, name, flags, Mode::empty()) {
        Err(Errno::EACCES) => {}
        result => return result,
    }
    while_readable(at, name, |path| {
        open(path, flags & !OFlag::O_NOFOLLOW, Mode::empty())
    })
}

/// Has something read of what `name` is, no link, while its mode lets the user read; `read` gets a name for that very file.
pub(super) fn while_readable<T>(
    at: BorrowedFd<'_>,
    name: &CStr,
    read: impl FnOnce(&CStr) -> nix::Result<T>,
) -> nix::Result<T> {
    let flags = OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let found = openat(at, name, flags, Mode::empty())?;
    let mode = Mode::from_bits_truncate(fstat(&found)?.st_mode & 0o7777);
    change_mode(found.as_fd(), mode | Mode::S_IRUSR | Mode::S_IXUSR)?;
    let done = read(&path(found.as_fd()));
    change_mode(found.as_fd(), mode)?;
    done
}

/// chmod(2) of what an O_PATH descriptor means; it must be no link.
pub(super) fn change_mode(fd: BorrowedFd<'_>, mode: Mode) -> nix::Result<()> {
    fchmodat(
        AT_FDCWD,
        path(fd).as_c_str(),
        mode,
        FchmodatFlags::FollowSymlink,
    )
}

/// The name of a descriptor.
pub(super) fn path(fd: BorrowedFd<'_>) -> CString {
    CString::new(format!("/proc/self/fd/{}", fd.as_raw_fd())).expect("digits hold no NUL")
}
