//! Loading a filter with a listener between fork and exec, and handing the listener to the parent.

#![allow(unsafe_code)]

use std::os::fd::{AsFd, BorrowedFd, IntoRawFd, RawFd};

use nix::errno::Errno;

use super::seccomp::{self, Listen};

/// Loads `program` and sends its listener over `socket`, with the mount, user and pid namespaces of the calling process.
/// Where there is a listener already (EBUSY: we are in such a container ourselves) a message without descriptors is sent,
/// unless one `must` be.
pub(crate) fn listen(program: &[u8], socket: RawFd, must: bool) -> Result<(), Errno> {
    let names = [
        c"/proc/self/ns/mnt",
        c"/proc/self/ns/user",
        c"/proc/self/ns/pid",
    ];
    let mut namespaces = [-1; 3];
    for (fd, name) in namespaces.iter_mut().zip(names) {
        let opened = super::fd::open(name, libc::O_RDONLY).map_err(|e| e.errno())?;
        *fd = opened.into_raw_fd();
    }
    let loaded = match seccomp::load(program, Listen::Killable) {
        Err(Errno::EINVAL) => seccomp::load(program, Listen::Plain), // before Linux 5.19
        other => other,
    };
    // SAFETY: the socket was inherited from the parent, the namespaces were opened above; all are closed before the exec.
    let [socket, mounts, user, pids] = [socket, namespaces[0], namespaces[1], namespaces[2]]
        .map(|fd| unsafe { BorrowedFd::borrow_raw(fd) });
    let sent = match loaded {
        Ok(Some(listener)) => {
            let fds = [listener.as_fd(), mounts, user, pids];
            super::socket::send(socket, b"l", &fds)
        }
        Err(errno) if must || errno != Errno::EBUSY => return Err(errno),
        _ => super::socket::send(socket, b"n", &[]),
    };
    sent.map_err(|e| e.errno())
}
