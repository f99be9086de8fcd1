//! Other processes, seen from outside: a limit of theirs, a descriptor of theirs, their number in another namespace; and
//! what a thread of ours has for itself.

#![allow(unsafe_code)]

use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;

use super::fd::owned;

/// Returns the soft limit of a process (prlimit(2)); `tid` may be any of its threads.
pub(crate) fn soft_limit(tid: u32, resource: u32) -> Result<u64, Errno> {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: one structure to write to.
    let r = unsafe { libc::prlimit(tid as i32, resource, std::ptr::null(), &raw mut limit) };
    Errno::result(r).map(|_| limit.rlim_cur)
}

/// Sets the soft limit of a process; its hard limit becomes infinite, which it must have been.
pub(crate) fn set_soft_limit(tid: u32, resource: u32, soft: u64) -> Result<(), Errno> {
    set_limits(tid as i32, resource, soft, libc::RLIM_INFINITY)
}

/// Sets both limits of a process. EPERM: its hard limit is lower, and only root may raise that.
pub(crate) fn set_limit(pid: i32, resource: u32, most: u64) -> Result<(), Errno> {
    set_limits(pid, resource, most, most)
}

fn set_limits(pid: i32, resource: u32, soft: u64, hard: u64) -> Result<(), Errno> {
    let limit = libc::rlimit {
        rlim_cur: soft,
        rlim_max: hard,
    };
    // SAFETY: one structure to read from.
    let r = unsafe { libc::prlimit(pid, resource, &raw const limit, std::ptr::null_mut()) };
    Errno::result(r).map(drop)
}

/// Opens a pidfd of a process; who it is is the caller's to check.
pub(crate) fn open(pid: i32) -> Result<OwnedFd, Errno> {
    open_as(pid as u32, 0)
}

fn open_as(tid: u32, flags: i32) -> Result<OwnedFd, Errno> {
    // SAFETY: plain numbers.
    let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, tid, flags) };
    owned(fd, String::new).map_err(|e| e.errno())
}

/// Returns a copy of descriptor `number` of the process of `tid` (pidfd_getfd(2), Linux 5.6).
pub(crate) fn descriptor_of(tid: u32, number: i32) -> Result<OwnedFd, Errno> {
    /// Linux 6.9; before, the number must be that of a process.
    const PIDFD_THREAD: i32 = libc::O_EXCL;
    let pidfd = open_as(tid, PIDFD_THREAD).or_else(|_| open_as(tid, 0))?;
    // SAFETY: plain numbers.
    let fd = unsafe { libc::syscall(libc::SYS_pidfd_getfd, pidfd.as_raw_fd(), number, 0) };
    owned(fd, String::new).map_err(|e| e.errno())
}

/// Returns a pidfd of the process that made the other end of a socket (SO_PEERPIDFD, Linux 6.5).
pub(crate) fn peer_of(socket: BorrowedFd<'_>) -> Result<OwnedFd, Errno> {
    const SO_PEERPIDFD: i32 = 77;
    let mut fd: i32 = -1;
    let mut len = std::mem::size_of::<i32>() as libc::socklen_t;
    // SAFETY: room for one number, and its size.
    let r = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            SO_PEERPIDFD,
            (&raw mut fd).cast(),
            &raw mut len,
        )
    };
    Errno::result(r)?;
    owned(fd.into(), String::new).map_err(|e| e.errno())
}

/// Translates the pid that a process has in the pid namespace `namespace` to ours (NS_GET_TGID_FROM_PIDNS, Linux 6.11).
pub(crate) fn pid_here(namespace: BorrowedFd<'_>, pid: i32) -> Option<i32> {
    translate(namespace, 0x8004_b707, pid)
}

/// Translates our number of a process to that which it has in `namespace` (NS_GET_TGID_IN_PIDNS, Linux 6.11).
pub(crate) fn pid_there(namespace: BorrowedFd<'_>, pid: i32) -> Option<i32> {
    translate(namespace, 0x8004_b709, pid)
}

/// Reads the memory of a process (`/proc/PID/mem`). As pread(2), of which the C library makes a place where the calling thread can be
/// cancelled, for 50 ns a call.
pub(crate) fn read_memory(
    memory: BorrowedFd<'_>,
    buffer: &mut [u8],
    at: u64,
) -> Result<usize, Errno> {
    let (fd, to, length) = (memory.as_raw_fd(), buffer.as_mut_ptr(), buffer.len());
    // SAFETY: a buffer with its length.
    let n = unsafe { libc::syscall(libc::SYS_pread64, fd, to, length, at) };
    Errno::result(n).map(|n| n as usize)
}

fn translate(namespace: BorrowedFd<'_>, request: libc::c_ulong, pid: i32) -> Option<i32> {
    // SAFETY: the ioctl takes and returns a number.
    let r = unsafe { libc::ioctl(namespace.as_raw_fd(), request, pid) };
    (r > 0).then_some(r)
}

/// Gives the calling thread a working folder, a root and an umask of its own (CLONE_FS).
pub(crate) fn own_folders() -> Result<(), Errno> {
    // SAFETY: affects the calling thread only.
    Errno::result(unsafe { libc::unshare(libc::CLONE_FS) }).map(drop)
}
