//! Seqpacket sockets of the file system: messages with descriptors, and who is at the other end (unix(7)).

use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::path::Path;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, Backlog, ControlMessage, ControlMessageOwned, MsgFlags, SockFlag, SockType,
    UnixAddr, accept4, bind, connect, getsockopt, listen, recv, recvmsg, sendmsg, sendto,
    setsockopt, socket, socketpair, sockopt,
};
use nix::sys::time::{TimeVal, TimeValLike};

use super::{Result, SysError};

/// The longest message.
pub(crate) const MESSAGE_MAX: usize = 64 * 1024;
/// The most descriptors in one message.
const FDS_MAX: usize = 8;

/// Returns a connected pair.
pub(crate) fn pair() -> Result<(OwnedFd, OwnedFd)> {
    socketpair(
        AddressFamily::Unix,
        SockType::SeqPacket,
        None,
        SockFlag::SOCK_CLOEXEC,
    )
    .map_err(|e| SysError::new("socketpair()", e))
}

/// Listens at `path`, which must not exist. `path` may be longer than sun_path allows: its folder is then opened and
/// the socket is made relative to it.
pub(crate) fn listen_at(path: &Path) -> Result<OwnedFd> {
    let call = || format!("bind({path:?})");
    let fd = new_socket(SockType::SeqPacket, SockFlag::SOCK_NONBLOCK)?;
    with_address(path, |address| bind(fd.as_raw_fd(), address))
        .map_err(|e| SysError::new(call(), e))?;
    listen(&fd, Backlog::new(128).expect("128 is a valid backlog"))
        .map_err(|e| SysError::new("listen()", e))?;
    Ok(fd)
}

/// Connects to the socket at `path`.
pub(crate) fn connect_to(path: &Path) -> Result<OwnedFd> {
    let fd = new_socket(SockType::SeqPacket, SockFlag::empty())?;
    with_address(path, |address| connect(fd.as_raw_fd(), address))
        .map_err(|e| SysError::new(format!("connect({path:?})"), e))?;
    Ok(fd)
}

/// Returns a socket at `path` to which [`tell`] sends; a read of it does not wait.
pub(crate) fn datagrams_at(path: &Path) -> Result<OwnedFd> {
    let fd = new_socket(SockType::Datagram, SockFlag::SOCK_NONBLOCK)?;
    with_address(path, |address| bind(fd.as_raw_fd(), address))
        .map_err(|e| SysError::new(format!("bind({path:?})"), e))?;
    Ok(fd)
}

/// Sends one message to the socket at `path`; waits a tenth of a second for one who does not come to read.
pub(crate) fn tell(path: &Path, bytes: &[u8]) -> Result<()> {
    let fd = new_socket(SockType::Datagram, SockFlag::empty())?;
    let patience = TimeVal::milliseconds(100);
    // without it the wait would be longer
    let _ = setsockopt(&fd, sockopt::SendTimeout, &patience);
    with_address(path, |address| {
        sendto(fd.as_raw_fd(), bytes, address, MsgFlags::MSG_NOSIGNAL)
    })
    .map_err(|e| SysError::new(format!("sendto({path:?})"), e))?;
    Ok(())
}

/// Reads one message that [`tell`] sent; `None` when there is none.
pub(crate) fn hear(fd: BorrowedFd<'_>) -> Result<Option<Vec<u8>>> {
    let mut buffer = vec![0; MESSAGE_MAX];
    match recv(fd.as_raw_fd(), &mut buffer, MsgFlags::empty()) {
        Ok(n) => {
            buffer.truncate(n);
            Ok(Some(buffer))
        }
        Err(Errno::EAGAIN | Errno::EINTR) => Ok(None),
        Err(e) => Err(SysError::new("recv()", e)),
    }
}

/// Accepts one connection of the same user; `None` when none waits or when it was another user's.
pub(crate) fn accept_own(listener: BorrowedFd<'_>) -> Result<Option<OwnedFd>> {
    let fd = match accept4(listener.as_raw_fd(), SockFlag::SOCK_CLOEXEC) {
        Ok(fd) => super::fd::owned(fd.into(), String::new)?,
        Err(Errno::EAGAIN | Errno::ECONNABORTED | Errno::EINTR) => return Ok(None),
        Err(e) => return Err(SysError::new("accept4()", e)),
    };
    let peer = getsockopt(&fd, sockopt::PeerCredentials)
        .map_err(|e| SysError::new("getsockopt(SO_PEERCRED)", e))?;
    Ok((peer.uid() == nix::unistd::geteuid().as_raw()).then_some(fd))
}

/// Sends one message.
pub(crate) fn send(fd: BorrowedFd<'_>, bytes: &[u8], fds: &[BorrowedFd<'_>]) -> Result<()> {
    let raw: Vec<RawFd> = fds.iter().map(AsRawFd::as_raw_fd).collect();
    let rights = [ControlMessage::ScmRights(&raw)];
    let control: &[ControlMessage<'_>] = if raw.is_empty() { &[] } else { &rights };
    let iov = [std::io::IoSlice::new(bytes)];
    loop {
        match sendmsg::<()>(fd.as_raw_fd(), &iov, control, MsgFlags::MSG_NOSIGNAL, None) {
            Ok(_) => return Ok(()),
            Err(Errno::EINTR) => {}
            Err(e) => return Err(SysError::new("sendmsg()", e)),
        }
    }
}

/// One received message.
pub(crate) struct Message {
    /// Its bytes.
    pub(crate) bytes: Vec<u8>,
    /// The descriptors that came along.
    pub(crate) fds: Vec<OwnedFd>,
}

/// Receives one message; `None` at the end of the connection.
///
/// # Errors
/// EAGAIN when the socket does not block and nothing is there.
pub(crate) fn receive(fd: BorrowedFd<'_>) -> Result<Option<Message>> {
    let mut bytes = vec![0; MESSAGE_MAX];
    let mut space = nix::cmsg_space!([RawFd; FDS_MAX]);
    let (count, fds) = loop {
        let mut iov = [std::io::IoSliceMut::new(&mut bytes)];
        match recvmsg::<()>(
            fd.as_raw_fd(),
            &mut iov,
            Some(&mut space),
            MsgFlags::MSG_CMSG_CLOEXEC,
        ) {
            Ok(message) => {
                let mut fds = Vec::new();
                for control in message.cmsgs().map_err(|e| SysError::new("recvmsg()", e))? {
                    if let ControlMessageOwned::ScmRights(raw) = control {
                        for fd in raw {
                            fds.push(super::fd::owned(fd.into(), String::new)?);
                        }
                    }
                }
                break (message.bytes, fds);
            }
            Err(Errno::EINTR) => {}
            Err(Errno::ECONNRESET) => return Ok(None),
            Err(e) => return Err(SysError::new("recvmsg()", e)),
        }
    };
    if count == 0 && fds.is_empty() {
        return Ok(None);
    }
    bytes.truncate(count);
    bytes.shrink_to_fit();
    Ok(Some(Message { bytes, fds }))
}

/// Waits at most so long for a message, or the other's end; false when there is neither.
pub(crate) fn speaks_within(fd: BorrowedFd<'_>, patience: Duration) -> Result<bool> {
    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
    let until = Instant::now() + patience;
    loop {
        let left = until.saturating_duration_since(Instant::now());
        let left = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
        match poll(&mut [PollFd::new(fd, PollFlags::POLLIN)], left) {
            Ok(n) => return Ok(n > 0),
            Err(Errno::EINTR) => {}
            Err(e) => return Err(SysError::new("poll()", e)),
        }
    }
}

/// As [`receive`], but gives up when the process behind `pidfd` has ended without sending.
pub(crate) fn receive_or_exit(
    fd: BorrowedFd<'_>,
    pidfd: BorrowedFd<'_>,
) -> Result<Option<Message>> {
    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
    let mut fds = [
        PollFd::new(fd, PollFlags::POLLIN),
        PollFd::new(pidfd, PollFlags::POLLIN),
    ];
    loop {
        match poll(&mut fds, PollTimeout::NONE) {
            Ok(_) if fds[0].any().unwrap_or(false) => return receive(fd),
            Ok(_) => return Ok(None),
            Err(Errno::EINTR) => {}
            Err(e) => return Err(SysError::new("poll()", e)),
        }
    }
}

fn new_socket(kind: SockType, flags: SockFlag) -> Result<OwnedFd> {
    let flags = SockFlag::SOCK_CLOEXEC | flags;
    socket(AddressFamily::Unix, kind, flags, None).map_err(|e| SysError::new("socket(AF_UNIX)", e))
}

/// sun_path holds 107 bytes; a longer path goes through its folder's descriptor.
fn with_address<T>(path: &Path, call: impl Fn(&UnixAddr) -> nix::Result<T>) -> nix::Result<T> {
    if let Ok(address) = UnixAddr::new(path) {
        return call(&address);
    }
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(Errno::ENAMETOOLONG);
    };
    let folder = nix::fcntl::open(
        folder,
        nix::fcntl::OFlag::O_PATH | nix::fcntl::OFlag::O_CLOEXEC,
        nix::sys::stat::Mode::empty(),
    )?;
    let short = Path::new("/proc/self/fd")
        .join(folder.as_raw_fd().to_string())
        .join(name);
    call(&UnixAddr::new(&short)?)
}
