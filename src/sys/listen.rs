//! Loading a filter with a listener between fork and exec, and handing the listener to the parent.

#![allow(unsafe_code)]

use std::os::fd::{AsRawFd, IntoRawFd, RawFd};

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
    let [mounts, user, pids] = namespaces;
    match loaded {
        Ok(Some(listener)) => send(socket, b"l", &[listener.as_raw_fd(), mounts, user, pids]),
        Err(errno) if must || errno != Errno::EBUSY => Err(errno),
        _ => send(socket, b"n", &[]),
    }
}

/// Sends a message with at most four descriptors. By sendmmsg(2): a filter that is loaded already may stop sendmsg(2), and
/// nobody answers yet.
fn send(socket: RawFd, bytes: &[u8], fds: &[RawFd]) -> Result<(), Errno> {
    let mut part = libc::iovec {
        iov_base: bytes.as_ptr().cast_mut().cast(),
        iov_len: bytes.len(),
    };
    // a header and four descriptors, where a header may lie
    let mut control = [0u64; 4];
    let size = size_of_val(fds) as u32;
    // SAFETY: all zeroes is a valid mmsghdr.
    let mut message: libc::mmsghdr = unsafe { std::mem::zeroed() };
    message.msg_hdr.msg_iov = &raw mut part;
    message.msg_hdr.msg_iovlen = 1;
    // SAFETY: the macros compute; the header and the descriptors lie in `control`, which has room for four.
    unsafe {
        if !fds.is_empty() && libc::CMSG_SPACE(size) as usize <= size_of_val(&control) {
            message.msg_hdr.msg_control = control.as_mut_ptr().cast();
            message.msg_hdr.msg_controllen = libc::CMSG_SPACE(size) as _;
            let header = libc::CMSG_FIRSTHDR(&raw const message.msg_hdr);
            (*header).cmsg_level = libc::SOL_SOCKET;
            (*header).cmsg_type = libc::SCM_RIGHTS;
            (*header).cmsg_len = libc::CMSG_LEN(size) as _;
            let data = libc::CMSG_DATA(header);
            std::ptr::copy_nonoverlapping(fds.as_ptr().cast(), data, size as usize);
        }
    }
    loop {
        // SAFETY: one message, of which all parts live here.
        let r = unsafe { libc::sendmmsg(socket, &raw mut message, 1, libc::MSG_NOSIGNAL) };
        match Errno::result(r) {
            Err(Errno::EINTR) => {}
            result => return result.map(drop),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsFd;

    #[test]
    fn a_message_arrives_with_its_descriptors() {
        let (ours, theirs) = super::super::socket::pair().unwrap();
        send(ours.as_raw_fd(), b"n", &[]).unwrap();
        send(ours.as_raw_fd(), b"l", &[0, 1, 2, 0]).unwrap();
        let next = || {
            super::super::socket::receive(theirs.as_fd())
                .unwrap()
                .unwrap()
        };
        let (first, second) = (next(), next());
        assert_eq!((first.bytes, first.fds.len()), (b"n".to_vec(), 0));
        assert_eq!((second.bytes, second.fds.len()), (b"l".to_vec(), 4));
    }
}
