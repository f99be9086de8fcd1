//! The child and its network: its namespace goes out to whoever makes the network, and it waits until that is done.

use std::os::fd::{BorrowedFd, RawFd};

use nix::errno::Errno;

use super::{Step, check};

pub(super) fn offer(socket: RawFd) -> Step {
    let namespace =
        crate::sys::fd::open(c"/proc/self/ns/net", libc::O_RDONLY).map_err(|e| e.errno())?;
    // SAFETY: the socket was inherited from the parent.
    let socket = unsafe { BorrowedFd::borrow_raw(socket) };
    let fds = [std::os::fd::AsFd::as_fd(&namespace)];
    crate::sys::socket::send(socket, b"n", &fds).map_err(|e| e.errno())
}

pub(super) fn wait(socket: RawFd) -> Step {
    let mut byte = 0u8;
    loop {
        // SAFETY: one byte of this function.
        match unsafe { libc::recv(socket, (&raw mut byte).cast(), 1, 0) } {
            1 => return Ok(()),
            0 => return Err(Errno::ENETDOWN),
            _ if Errno::last() == Errno::EINTR => {}
            _ => return Err(Errno::last()),
        }
    }
}

pub(super) fn loopback_up() -> Step {
    // SAFETY: ifreq is zeroed plain data; the socket is closed here.
    unsafe {
        let socket =
            check(libc::socket(libc::AF_INET, libc::SOCK_DGRAM | libc::SOCK_CLOEXEC, 0).into())?;
        let mut request: libc::ifreq = std::mem::zeroed();
        request.ifr_name[0] = b'l' as libc::c_char;
        request.ifr_name[1] = b'o' as libc::c_char;
        request.ifr_ifru.ifru_flags = (libc::IFF_UP | libc::IFF_RUNNING) as libc::c_short;
        let result = libc::ioctl(socket as RawFd, libc::SIOCSIFFLAGS, &raw const request);
        let errno = Errno::last();
        libc::close(socket as RawFd);
        if result < 0 { Err(errno) } else { Ok(()) }
    }
}
