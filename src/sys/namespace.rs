//! User namespaces: making one for our one id, finding those of others (namespaces(7), ioctl_ns(2)).

#![allow(unsafe_code)]

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use super::fd::{number, owned};
use super::{Result, SysError};

const NS_GET_USERNS: libc::c_ulong = 0xb701;
const NS_GET_PARENT: libc::c_ulong = 0xb702;

/// Moves the calling process into a new user namespace in which it is root; nothing else changes. The process must have one
/// thread.
pub(crate) fn become_root() -> Result<()> {
    let (uid, gid) = (nix::unistd::geteuid(), nix::unistd::getegid());
    // SAFETY: plain flag; affects only this process.
    number(unsafe { libc::unshare(libc::CLONE_NEWUSER) }.into(), || {
        "unshare(CLONE_NEWUSER)".to_owned()
    })?;
    for (path, text) in [
        ("/proc/self/setgroups", "deny".to_owned()),
        ("/proc/self/uid_map", format!("0 {uid} 1")),
        ("/proc/self/gid_map", format!("0 {gid} 1")),
    ] {
        std::fs::write(path, &text).map_err(|e| {
            let errno = nix::errno::Errno::from_raw(e.raw_os_error().unwrap_or(libc::EIO));
            SysError::new(format!("write({path:?}, {text:?})"), errno)
        })?;
    }
    Ok(())
}

/// Enters namespaces through a pidfd or a namespace's descriptor.
pub(crate) fn enter(fd: BorrowedFd<'_>, flags: i32) -> Result<()> {
    // SAFETY: a live descriptor and plain flags.
    number(unsafe { libc::setns(fd.as_raw_fd(), flags) }.into(), || {
        format!("setns({flags:#x})")
    })
    .map(drop)
}

/// Moves the calling process into a new mount namespace whose mounts no longer reach the old one.
pub(crate) fn new_mounts() -> Result<()> {
    // SAFETY: plain flag.
    number(unsafe { libc::unshare(libc::CLONE_NEWNS) }.into(), || {
        "unshare(CLONE_NEWNS)".to_owned()
    })?;
    super::mount::mount(c"none", c"/", c"", libc::MS_REC | libc::MS_SLAVE, c"")
        .map_err(|e| SysError::new("mount(\"/\", MS_SLAVE)", e))
}

/// Returns the user namespace of a process.
pub(crate) fn user_of(pid: i32) -> Result<OwnedFd> {
    of(pid, "user")
}

/// Returns the network namespace of a process.
pub(crate) fn network_of(pid: i32) -> Result<OwnedFd> {
    of(pid, "net")
}

fn of(pid: i32, kind: &str) -> Result<OwnedFd> {
    let path =
        std::ffi::CString::new(format!("/proc/{pid}/ns/{kind}")).expect("no zero byte in a number");
    super::fd::open(&path, libc::O_RDONLY)
}

/// Returns the user namespace that the pid namespace of a process belongs to; EPERM when it is out of sight.
pub(crate) fn owner_of_pids(pid: i32) -> Result<OwnedFd> {
    let pids = of(pid, "pid")?;
    // SAFETY: the ioctl takes no argument and returns a descriptor.
    let fd = unsafe { libc::ioctl(pids.as_raw_fd(), NS_GET_USERNS) };
    owned(fd.into(), || "ioctl(NS_GET_USERNS)".to_owned())
}

/// Returns the parent of a user namespace; EPERM when it is out of sight.
pub(crate) fn parent(user: BorrowedFd<'_>) -> Result<OwnedFd> {
    // SAFETY: the ioctl takes no argument and returns a descriptor.
    let fd = unsafe { libc::ioctl(user.as_raw_fd(), NS_GET_PARENT) };
    owned(fd.into(), || "ioctl(NS_GET_PARENT)".to_owned())
}

/// Returns the user namespace between ours and that of `pid` which is a child of ours: another container's U0.
pub(crate) fn below_ours(pid: i32) -> Result<OwnedFd> {
    let ours = nix::sys::stat::stat("/proc/self/ns/user")
        .map_err(|e| SysError::new("stat(ns/user)", e))?;
    let mut user = user_of(pid)?;
    loop {
        let above = parent(user.as_fd())?;
        let stat = nix::sys::stat::fstat(&above).map_err(|e| SysError::new("fstat(ns/user)", e))?;
        if (stat.st_dev, stat.st_ino) == (ours.st_dev, ours.st_ino) {
            return Ok(user);
        }
        user = above;
    }
}

/// Moves the calling thread alone into a new network namespace. It has no way back into one that is not of its own user
/// namespace.
pub(crate) fn new_network() -> Result<()> {
    // SAFETY: plain flag.
    number(unsafe { libc::unshare(libc::CLONE_NEWNET) }.into(), || {
        "unshare(CLONE_NEWNET)".to_owned()
    })
    .map(drop)
}

/// Returns the calling thread's network namespace.
pub(crate) fn own_network() -> Result<OwnedFd> {
    super::fd::open(c"/proc/thread-self/ns/net", libc::O_RDONLY)
}

/// Lets others of the same user open this process's namespaces and descriptors by way of /proc.
pub(crate) fn show_descriptors() {
    // SAFETY: plain numbers.
    unsafe { libc::prctl(libc::PR_SET_DUMPABLE, 1, 0, 0, 0) };
}
