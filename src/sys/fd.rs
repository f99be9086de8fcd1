//! Making, sealing and moving file descriptors. Every descriptor made here is close-on-exec.

#![allow(unsafe_code)]

use std::ffi::CStr;
use std::fs::File;
use std::io::{Read, Seek, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use nix::errno::Errno;

use super::{Result, SysError};

/// MFD_EXEC, Linux 6.3.
const MFD_EXEC: libc::c_uint = 0x10;

/// Turns the result of a call that returns a new descriptor into an owned one.
pub(crate) fn owned(result: libc::c_long, call: impl FnOnce() -> String) -> Result<OwnedFd> {
    if result < 0 {
        return Err(SysError::last(call()));
    }
    // SAFETY: the kernel has just returned this descriptor to us alone.
    Ok(unsafe { OwnedFd::from_raw_fd(result as RawFd) })
}

/// Turns the result of a call that returns -1 or a number into that number.
pub(crate) fn number(result: libc::c_long, call: impl FnOnce() -> String) -> Result<libc::c_long> {
    if result < 0 {
        Err(SysError::last(call()))
    } else {
        Ok(result)
    }
}

/// Returns a memfd with `bytes` that nobody can change any more (memfd_create(2), F_ADD_SEALS).
pub(crate) fn sealed(name: &CStr, bytes: &[u8], executable: bool) -> Result<OwnedFd> {
    let flags = libc::MFD_CLOEXEC | libc::MFD_ALLOW_SEALING;
    // SAFETY: name is a C string; the call returns a descriptor or -1.
    let create = |flags| unsafe { libc::memfd_create(name.as_ptr(), flags) } as libc::c_long;
    let mut fd = create(flags | if executable { MFD_EXEC } else { 0 });
    if fd < 0 && executable && Errno::last() == Errno::EINVAL {
        fd = create(flags); // before 6.3 every memfd is executable
    }
    let mut file = File::from(owned(fd, || format!("memfd_create({name:?})"))?);
    file.write_all(bytes)
        .map_err(|e| io_error("write(memfd)", &e))?;
    let seals = libc::F_SEAL_SEAL | libc::F_SEAL_SHRINK | libc::F_SEAL_GROW | libc::F_SEAL_WRITE;
    // SAFETY: plain fcntl on our own descriptor.
    let sealed = unsafe { libc::fcntl(file.as_raw_fd(), libc::F_ADD_SEALS, seals) };
    number(sealed.into(), || "fcntl(F_ADD_SEALS)".to_owned())?;
    Ok(file.into())
}

/// Reads a memfd from its start.
pub(crate) fn read_all(fd: OwnedFd) -> Result<Vec<u8>> {
    let mut file = File::from(fd);
    let mut bytes = Vec::new();
    file.rewind()
        .and_then(|()| file.read_to_end(&mut bytes))
        .map_err(|e| io_error("read(memfd)", &e))?;
    Ok(bytes)
}

/// Returns both ends of a pipe: read, write.
pub(crate) fn pipe() -> Result<(OwnedFd, OwnedFd)> {
    nix::unistd::pipe2(nix::fcntl::OFlag::O_CLOEXEC).map_err(|e| SysError::new("pipe2()", e))
}

/// Sets or clears O_NONBLOCK of the open file description behind `fd`.
pub(crate) fn set_nonblocking(fd: BorrowedFd<'_>, on: bool) -> Result<()> {
    // SAFETY: plain fcntl calls on a live descriptor.
    let set = unsafe {
        let flags = libc::fcntl(fd.as_raw_fd(), libc::F_GETFL);
        let flags = if on {
            flags | libc::O_NONBLOCK
        } else {
            flags & !libc::O_NONBLOCK
        };
        libc::fcntl(fd.as_raw_fd(), libc::F_SETFL, flags)
    };
    number(set.into(), || "fcntl(F_SETFL)".to_owned()).map(drop)
}

/// Opens `/dev/null` for reading and writing.
pub(crate) fn dev_null() -> Result<OwnedFd> {
    open(c"/dev/null", libc::O_RDWR)
}

/// open(2) with O_CLOEXEC.
pub(crate) fn open(path: &CStr, flags: libc::c_int) -> Result<OwnedFd> {
    // SAFETY: path is a C string.
    let fd = unsafe { libc::open(path.as_ptr(), flags | libc::O_CLOEXEC, 0o600) };
    owned(fd.into(), || format!("open({path:?})"))
}

/// Makes `fd` descriptor number `target` (dup2(2)); the copy is not close-on-exec.
pub(crate) fn dup_to(fd: BorrowedFd<'_>, target: RawFd) -> Result<()> {
    // SAFETY: plain dup2 of a live descriptor.
    let r = unsafe { libc::dup2(fd.as_raw_fd(), target) };
    number(r.into(), || format!("dup2(_, {target})")).map(drop)
}

/// Returns a duplicate numbered 3 or more, close-on-exec.
pub(crate) fn duplicate(fd: BorrowedFd<'_>) -> Result<OwnedFd> {
    // SAFETY: plain fcntl on a live descriptor.
    let r = unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_DUPFD_CLOEXEC, 3) };
    owned(r.into(), || "fcntl(F_DUPFD_CLOEXEC)".to_owned())
}

/// Returns descriptor 0, 1 or 2 of this process.
pub(crate) fn standard(fd: RawFd) -> BorrowedFd<'static> {
    debug_assert!((0..3).contains(&fd));
    // SAFETY: std opens the three standard descriptors before main and nobody closes them.
    unsafe { BorrowedFd::borrow_raw(fd) }
}

/// Borrows a descriptor that the caller keeps open meanwhile, for poll(2) lists.
pub(crate) fn borrow<'a>(fd: RawFd) -> BorrowedFd<'a> {
    // SAFETY: a number that is not open makes poll say POLLNVAL and every other call fail with EBADF.
    unsafe { BorrowedFd::borrow_raw(fd) }
}

/// close_range(2), Linux 5.9; before that one by one, up to 4096. Allocates nothing. Whatever believes to own one of them
/// must never use or drop it again.
pub(crate) fn close_range(first: u32, last: u32) -> Result<(), Errno> {
    if first > last {
        return Ok(());
    }
    // SAFETY: as the function's comment says, no owner of a closed number runs again.
    let closed = unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) };
    match Errno::result(closed) {
        Err(Errno::ENOSYS) => {
            for fd in first..last.min(4096) {
                // SAFETY: as above; a descriptor that is not open fails without effect.
                unsafe { libc::close(fd as RawFd) };
            }
            Ok(())
        }
        other => other.map(drop),
    }
}

/// Closes every descriptor but 0, 1, 2 and these, for a process that has just been forked; see [`close_range`].
pub(crate) fn close_all_but(keep: &[BorrowedFd<'_>]) -> Result<(), Errno> {
    let mut keep: Vec<u32> = keep.iter().map(|fd| fd.as_raw_fd() as u32).collect();
    keep.sort_unstable();
    let mut first = 3;
    for number in keep {
        close_range(first, number.saturating_sub(1))?;
        first = number + 1;
    }
    close_range(first, u32::MAX)
}

/// Moves the offset of a file back to its beginning.
pub(crate) fn rewind(fd: impl AsFd) {
    // SAFETY: plain lseek on a live descriptor; what has no offset stays as it is.
    unsafe { libc::lseek(fd.as_fd().as_raw_fd(), 0, libc::SEEK_SET) };
}

/// read(2) once; `Ok(0)` is the end, `None` means that it would block.
pub(crate) fn read_some(fd: BorrowedFd<'_>, buffer: &mut [u8]) -> Result<Option<usize>> {
    loop {
        match nix::unistd::read(fd, buffer) {
            Ok(n) => return Ok(Some(n)),
            Err(Errno::EAGAIN) => return Ok(None),
            Err(Errno::EINTR) => {}
            Err(Errno::EIO) => return Ok(Some(0)), // a pty whose last slave was closed
            Err(e) => return Err(SysError::new("read()", e)),
        }
    }
}

/// write(2) once; `None` means that it would block.
pub(crate) fn write_some(fd: BorrowedFd<'_>, bytes: &[u8]) -> Result<Option<usize>> {
    loop {
        match nix::unistd::write(fd, bytes) {
            Ok(n) => return Ok(Some(n)),
            Err(Errno::EAGAIN) => return Ok(None),
            Err(Errno::EINTR) => {}
            Err(e) => return Err(SysError::new("write()", e)),
        }
    }
}

/// Writes everything, waiting with poll(2) where the other side is slow.
pub(crate) fn write_all(fd: BorrowedFd<'_>, mut bytes: &[u8]) -> Result<()> {
    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
    while !bytes.is_empty() {
        match write_some(fd, bytes)? {
            Some(n) => bytes = &bytes[n..],
            None => {
                let mut fds = [PollFd::new(fd.as_fd(), PollFlags::POLLOUT)];
                match poll(&mut fds, PollTimeout::NONE) {
                    Ok(_) | Err(Errno::EINTR) => {}
                    Err(e) => return Err(SysError::new("poll()", e)),
                }
            }
        }
    }
    Ok(())
}

fn io_error(call: &str, e: &std::io::Error) -> SysError {
    SysError::new(call, Errno::from_raw(e.raw_os_error().unwrap_or(libc::EIO)))
}
