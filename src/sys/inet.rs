//! Internet sockets as a relay needs them: addresses in, descriptors out; nothing here ever waits.
//!
//! Calls on the way of every byte return a bare `Errno`: EAGAIN is their everyday answer and must not cost a string.

#![allow(unsafe_code)]

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::sync::OnceLock;

use nix::errno::Errno;

use super::Result;
use super::fd::{number, owned};

/// What a socket carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    /// TCP.
    Stream,
    /// UDP.
    Datagram,
    /// ICMP echo by a plain user (`ping_group_range`).
    Ping,
    /// Whole packets with their IP header.
    Raw,
    /// A copy of every datagram that comes to this host, of IPv4 with its IP header, with its UDP header in any case.
    RawDatagram,
}

/// IPv4 or IPv6.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Version {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl Version {
    /// Returns the version of an address.
    pub(crate) fn of(address: IpAddr) -> Version {
        if address.is_ipv4() {
            Version::V4
        } else {
            Version::V6
        }
    }
}

/// One option that is a number (socket(7), ip(7), ipv6(7), tcp(7), udp(7)).
pub(crate) type Number = (libc::c_int, libc::c_int);
/// Two sockets may have the same port.
pub(crate) const REUSE_ADDRESS: Number = (libc::SOL_SOCKET, libc::SO_REUSEADDR);
/// Two sockets of one user may have the same address and port.
pub(crate) const REUSE_PORT: Number = (libc::SOL_SOCKET, libc::SO_REUSEPORT);
/// Mark of what is sent (needs CAP_NET_ADMIN over the namespace).
pub(crate) const MARK: Number = (libc::SOL_SOCKET, libc::SO_MARK);
/// Receive buffer beyond the limit of plain users.
pub(crate) const RECEIVE_BUFFER: Number = (libc::SOL_SOCKET, libc::SO_RCVBUFFORCE);
/// Receive buffer within it.
pub(crate) const RECEIVE_BUFFER_PLAIN: Number = (libc::SOL_SOCKET, libc::SO_RCVBUF);
/// Send at once.
pub(crate) const NO_DELAY: Number = (libc::IPPROTO_TCP, libc::TCP_NODELAY);
/// IPv6 only.
pub(crate) const V6_ONLY: Number = (libc::IPPROTO_IPV6, libc::IPV6_V6ONLY);
/// Datagrams of one flow come joined.
pub(crate) const JOIN_DATAGRAMS: Number = (libc::SOL_UDP, libc::UDP_GRO);

/// Sets an option.
pub(crate) fn set(fd: BorrowedFd<'_>, option: Number, value: i32) -> Result<()> {
    set_bytes(fd, option, &value.to_ne_bytes())
}

fn set_bytes(fd: BorrowedFd<'_>, (level, name): Number, value: &[u8]) -> Result<()> {
    // SAFETY: the value lives until the call returns and its length is given.
    let r = unsafe {
        libc::setsockopt(
            fd.as_raw_fd(),
            level,
            name,
            value.as_ptr().cast(),
            value.len() as libc::socklen_t,
        )
    };
    number(r.into(), || format!("setsockopt({level}, {name})")).map(drop)
}

/// Any address may be the socket's own (IP_TRANSPARENT).
pub(crate) fn set_transparent(fd: BorrowedFd<'_>, version: Version) -> Result<()> {
    match version {
        Version::V4 => set(fd, (libc::SOL_IP, libc::IP_TRANSPARENT), 1),
        Version::V6 => set(fd, (libc::IPPROTO_IPV6, libc::IPV6_TRANSPARENT), 1),
    }
}

/// Each datagram comes with the address that it was sent to.
pub(crate) fn set_original_destination(fd: BorrowedFd<'_>, version: Version) -> Result<()> {
    match version {
        Version::V4 => set(fd, (libc::SOL_IP, libc::IP_RECVORIGDSTADDR), 1),
        Version::V6 => set(fd, (libc::IPPROTO_IPV6, libc::IPV6_RECVORIGDSTADDR), 1),
    }
}

/// Errors that ICMP reports come to the socket's error queue, with the address that they are about.
pub(crate) fn set_error_queue(fd: BorrowedFd<'_>, version: Version) -> Result<()> {
    match version {
        Version::V4 => set(fd, (libc::SOL_IP, libc::IP_RECVERR), 1),
        Version::V6 => set(fd, (libc::IPPROTO_IPV6, libc::IPV6_RECVERR), 1),
    }
}

/// A dead peer is noticed: first question after 60 s, six of them 10 s apart.
pub(crate) fn set_keepalive(fd: BorrowedFd<'_>) -> Result<()> {
    set(fd, (libc::SOL_SOCKET, libc::SO_KEEPALIVE), 1)?;
    set(fd, (libc::IPPROTO_TCP, libc::TCP_KEEPIDLE), 60)?;
    set(fd, (libc::IPPROTO_TCP, libc::TCP_KEEPINTVL), 10)?;
    set(fd, (libc::IPPROTO_TCP, libc::TCP_KEEPCNT), 6)
}

/// The next close sends a reset.
pub(crate) fn set_reset(fd: BorrowedFd<'_>) {
    let linger = [1i32.to_ne_bytes(), 0i32.to_ne_bytes()].concat();
    // a socket that is dead already needs none
    let _ = set_bytes(fd, (libc::SOL_SOCKET, libc::SO_LINGER), &linger);
}

/// One instruction of classic BPF: code, jump if true, jump if false, constant.
pub(crate) type Instruction = (u16, u8, u8, u32);

/// The socket takes only what this program accepts.
pub(crate) fn set_filter(fd: BorrowedFd<'_>, program: &[Instruction]) -> Result<()> {
    let program: Vec<libc::sock_filter> = program
        .iter()
        .map(|&(code, jt, jf, k)| libc::sock_filter { code, jt, jf, k })
        .collect();
    let whole = libc::sock_fprog {
        len: program.len() as u16,
        filter: program.as_ptr().cast_mut(),
    };
    // SAFETY: the kernel copies the program, which lives until the call returns.
    let r = unsafe {
        libc::setsockopt(
            fd.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_ATTACH_FILTER,
            (&raw const whole).cast(),
            std::mem::size_of::<libc::sock_fprog>() as libc::socklen_t,
        )
    };
    number(r.into(), || "setsockopt(SO_ATTACH_FILTER)".to_owned()).map(drop)
}

/// Makes a socket in the calling thread's network namespace.
pub(crate) fn socket(version: Version, kind: Kind) -> Result<OwnedFd> {
    let family = match version {
        Version::V4 => libc::AF_INET,
        Version::V6 => libc::AF_INET6,
    };
    let (kind, protocol) = match (kind, version) {
        (Kind::Stream, _) => (libc::SOCK_STREAM, 0),
        (Kind::Datagram, _) => (libc::SOCK_DGRAM, 0),
        (Kind::Ping, Version::V4) => (libc::SOCK_DGRAM, libc::IPPROTO_ICMP),
        (Kind::Ping, Version::V6) => (libc::SOCK_DGRAM, libc::IPPROTO_ICMPV6),
        (Kind::Raw, _) => (libc::SOCK_RAW, libc::IPPROTO_RAW),
        (Kind::RawDatagram, _) => (libc::SOCK_RAW, libc::IPPROTO_UDP),
    };
    new(family, kind, protocol)
}

fn new(family: i32, kind: i32, protocol: i32) -> Result<OwnedFd> {
    // SAFETY: plain numbers.
    let fd = unsafe {
        libc::socket(
            family,
            kind | libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC,
            protocol,
        )
    };
    owned(fd.into(), || {
        format!("socket({family}, {kind}, {protocol})")
    })
}

/// Copies of the IP packets that a link receives, without the link's header (packet(7)). Only what `filter` accepts, from
/// the first packet on.
pub(crate) fn capture(link: u32, version: Version, filter: &[Instruction]) -> Result<OwnedFd> {
    // protocol 0: nothing comes before the filter is there
    let fd = new(libc::AF_PACKET, libc::SOCK_DGRAM, 0)?;
    set_filter(std::os::fd::AsFd::as_fd(&fd), filter)?;
    let protocol = match version {
        Version::V4 => libc::ETH_P_IP,
        Version::V6 => libc::ETH_P_IPV6,
    };
    // SAFETY: all zeroes is a valid sockaddr_ll.
    let mut address: libc::sockaddr_ll = unsafe { std::mem::zeroed() };
    address.sll_family = libc::AF_PACKET as u16;
    address.sll_protocol = (protocol as u16).to_be();
    address.sll_ifindex = link as i32;
    // SAFETY: the address lives until the call returns.
    let r = unsafe {
        libc::bind(
            fd.as_raw_fd(),
            (&raw const address).cast(),
            std::mem::size_of::<libc::sockaddr_ll>() as libc::socklen_t,
        )
    };
    number(r.into(), || format!("bind(AF_PACKET, {link})"))?;
    Ok(fd)
}

/// A kernel's address with its length.
pub(super) struct Raw {
    pub(super) storage: libc::sockaddr_storage,
    pub(super) length: libc::socklen_t,
}

impl Raw {
    pub(super) fn empty() -> Raw {
        Raw {
            // SAFETY: all zeroes is a valid sockaddr_storage.
            storage: unsafe { std::mem::zeroed() },
            length: std::mem::size_of::<libc::sockaddr_storage>() as libc::socklen_t,
        }
    }

    pub(super) fn new(address: SocketAddr) -> Raw {
        let mut raw = Raw::empty();
        let at = &raw mut raw.storage;
        match address {
            SocketAddr::V4(v4) => {
                // SAFETY: sockaddr_storage is at least as large and as aligned as every address.
                let to = unsafe { &mut *at.cast::<libc::sockaddr_in>() };
                to.sin_family = libc::AF_INET as u16;
                to.sin_port = v4.port().to_be();
                to.sin_addr.s_addr = u32::from_ne_bytes(v4.ip().octets());
                raw.length = std::mem::size_of::<libc::sockaddr_in>() as libc::socklen_t;
            }
            SocketAddr::V6(v6) => {
                // SAFETY: as above.
                let to = unsafe { &mut *at.cast::<libc::sockaddr_in6>() };
                to.sin6_family = libc::AF_INET6 as u16;
                to.sin6_port = v6.port().to_be();
                to.sin6_addr.s6_addr = v6.ip().octets();
                to.sin6_scope_id = v6.scope_id();
                raw.length = std::mem::size_of::<libc::sockaddr_in6>() as libc::socklen_t;
            }
        }
        raw
    }

    pub(super) fn as_ptr(&self) -> *const libc::sockaddr {
        (&raw const self.storage).cast()
    }

    pub(super) fn address(&self) -> Option<SocketAddr> {
        let at = &raw const self.storage;
        match i32::from(self.storage.ss_family) {
            libc::AF_INET => {
                // SAFETY: the family says which address the kernel wrote.
                let from = unsafe { &*at.cast::<libc::sockaddr_in>() };
                let ip = Ipv4Addr::from(from.sin_addr.s_addr.to_ne_bytes());
                Some(SocketAddr::new(ip.into(), u16::from_be(from.sin_port)))
            }
            libc::AF_INET6 => {
                // SAFETY: as above.
                let from = unsafe { &*at.cast::<libc::sockaddr_in6>() };
                let ip = Ipv6Addr::from(from.sin6_addr.s6_addr);
                Some(SocketAddr::new(ip.into(), u16::from_be(from.sin6_port)))
            }
            _ => None,
        }
    }
}

/// bind(2).
pub(crate) fn bind(fd: BorrowedFd<'_>, address: SocketAddr) -> Result<()> {
    let raw = Raw::new(address);
    // SAFETY: the address lives until the call returns.
    let r = unsafe { libc::bind(fd.as_raw_fd(), raw.as_ptr(), raw.length) };
    number(r.into(), || format!("bind({address})")).map(drop)
}

/// listen(2).
pub(crate) fn listen(fd: BorrowedFd<'_>, backlog: i32) -> Result<()> {
    // SAFETY: plain numbers.
    let r = unsafe { libc::listen(fd.as_raw_fd(), backlog) };
    number(r.into(), || "listen()".to_owned()).map(drop)
}

/// Begins a connection. Returns whether it stands already.
pub(crate) fn connect(fd: BorrowedFd<'_>, address: SocketAddr) -> nix::Result<bool> {
    let raw = Raw::new(address);
    // SAFETY: the address lives until the call returns.
    match unsafe { libc::connect(fd.as_raw_fd(), raw.as_ptr(), raw.length) } {
        0 => Ok(true),
        _ => match Errno::last() {
            Errno::EINPROGRESS => Ok(false),
            errno => Err(errno),
        },
    }
}

/// As [`connect`]; sees too what a peer without delay (on this host, or one link away) has answered meanwhile.
pub(crate) fn connect_now(fd: BorrowedFd<'_>, address: SocketAddr) -> nix::Result<bool> {
    if connect(fd, address)? {
        return Ok(true);
    }
    match connect(fd, address) {
        Err(Errno::EALREADY) => Ok(false),
        other => other,
    }
}

/// Takes a waiting connection and its other end's address.
pub(crate) fn accept(fd: BorrowedFd<'_>) -> nix::Result<(OwnedFd, SocketAddr)> {
    let mut raw = Raw::empty();
    // SAFETY: the kernel writes at most `length` bytes of address.
    let r = unsafe {
        libc::accept4(
            fd.as_raw_fd(),
            (&raw mut raw.storage).cast(),
            &raw mut raw.length,
            libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC,
        )
    };
    if r < 0 {
        return Err(Errno::last());
    }
    let fd = owned(r.into(), String::new).map_err(|e| e.errno())?;
    Ok((fd, raw.address().ok_or(Errno::EAFNOSUPPORT)?))
}

/// The socket's own address.
pub(crate) fn local_address(fd: BorrowedFd<'_>) -> nix::Result<SocketAddr> {
    let mut raw = Raw::empty();
    // SAFETY: the kernel writes at most `length` bytes.
    let r = unsafe {
        libc::getsockname(
            fd.as_raw_fd(),
            (&raw mut raw.storage).cast(),
            &raw mut raw.length,
        )
    };
    Errno::result(r)?;
    raw.address().ok_or(Errno::EAFNOSUPPORT)
}

/// Takes the error that waits on a socket; `None` when there is none.
pub(crate) fn take_error(fd: BorrowedFd<'_>) -> Option<Errno> {
    let (mut value, mut length) = (0i32, 4);
    // SAFETY: the kernel writes one int.
    unsafe {
        libc::getsockopt(
            fd.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_ERROR,
            (&raw mut value).cast(),
            &raw mut length,
        );
    }
    (value != 0).then(|| Errno::from_raw(value))
}

/// recv(2).
pub(crate) fn receive(fd: BorrowedFd<'_>, buffer: &mut [u8]) -> nix::Result<usize> {
    // SAFETY: the kernel writes at most the buffer's length.
    let r = unsafe { libc::recv(fd.as_raw_fd(), buffer.as_mut_ptr().cast(), buffer.len(), 0) };
    Errno::result(r).map(|n| n as usize)
}

/// recvfrom(2).
pub(crate) fn receive_from(
    fd: BorrowedFd<'_>,
    buffer: &mut [u8],
) -> nix::Result<(usize, SocketAddr)> {
    let mut raw = Raw::empty();
    // SAFETY: the kernel writes at most the two lengths given.
    let r = unsafe {
        libc::recvfrom(
            fd.as_raw_fd(),
            buffer.as_mut_ptr().cast(),
            buffer.len(),
            0,
            (&raw mut raw.storage).cast(),
            &raw mut raw.length,
        )
    };
    let n = Errno::result(r)? as usize;
    Ok((n, raw.address().ok_or(Errno::EAFNOSUPPORT)?))
}

/// send(2) without a signal.
pub(crate) fn send(fd: BorrowedFd<'_>, bytes: &[u8]) -> nix::Result<usize> {
    // SAFETY: the bytes live until the call returns.
    let r = unsafe {
        libc::send(
            fd.as_raw_fd(),
            bytes.as_ptr().cast(),
            bytes.len(),
            libc::MSG_NOSIGNAL,
        )
    };
    Errno::result(r).map(|n| n as usize)
}

/// sendto(2) without a signal.
pub(crate) fn send_to(fd: BorrowedFd<'_>, bytes: &[u8], to: SocketAddr) -> nix::Result<usize> {
    let raw = Raw::new(to);
    // SAFETY: bytes and address live until the call returns.
    let r = unsafe {
        libc::sendto(
            fd.as_raw_fd(),
            bytes.as_ptr().cast(),
            bytes.len(),
            libc::MSG_NOSIGNAL,
            raw.as_ptr(),
            raw.length,
        )
    };
    Errno::result(r).map(|n| n as usize)
}

/// No more will be sent.
pub(crate) fn shut_down_writing(fd: BorrowedFd<'_>) {
    // SAFETY: plain numbers; a connection that is gone needs none.
    unsafe { libc::shutdown(fd.as_raw_fd(), libc::SHUT_WR) };
}

/// A pipe through which splice(2) moves pages.
#[derive(Debug)]
pub(crate) struct Pipe {
    read: OwnedFd,
    write: OwnedFd,
}

/// Bytes that a relay's pipe holds: the most that a plain user may ask for by default (pipe(7)).
pub(crate) const PIPE_SIZE: usize = 1 << 20;

impl Pipe {
    /// Makes one of [`PIPE_SIZE`], or smaller where the user's pipes take too much memory already.
    pub(crate) fn new() -> nix::Result<Pipe> {
        use nix::fcntl::{FcntlArg, OFlag, fcntl};
        let (read, write) = nix::unistd::pipe2(OFlag::O_CLOEXEC | OFlag::O_NONBLOCK)?;
        // the size it has is enough to work with
        let _ = fcntl(&write, FcntlArg::F_SETPIPE_SZ(PIPE_SIZE as i32));
        Ok(Pipe { read, write })
    }

    /// Moves bytes from a socket into the pipe; 0 at the end of the stream.
    pub(crate) fn fill(&self, from: BorrowedFd<'_>) -> nix::Result<usize> {
        splice(from.as_raw_fd(), self.write.as_raw_fd(), PIPE_SIZE)
    }

    /// Moves up to `most` bytes from the pipe to a socket.
    pub(crate) fn empty(&self, to: BorrowedFd<'_>, most: usize) -> nix::Result<usize> {
        splice(self.read.as_raw_fd(), to.as_raw_fd(), most)
    }
}

fn splice(from: i32, to: i32, most: usize) -> nix::Result<usize> {
    let null = std::ptr::null_mut();
    let flags = libc::SPLICE_F_NONBLOCK | libc::SPLICE_F_MOVE;
    // SAFETY: live descriptors and no offsets.
    let r = unsafe { libc::splice(from, null, to, null, most, flags) };
    Errno::result(r).map(|n| n as usize)
}

/// The address from which this host reaches `address`; `None` when it has no way there. Nothing is sent.
pub(crate) fn source_for(address: IpAddr) -> Option<IpAddr> {
    use std::os::fd::AsFd;
    let fd = socket(Version::of(address), Kind::Datagram).ok()?;
    connect(fd.as_fd(), SocketAddr::new(address, 9)).ok()?;
    Some(local_address(fd.as_fd()).ok()?.ip())
}

/// The limits of descriptors that this process was born with, once it has raised its own.
static BORN_WITH: OnceLock<(u64, u64)> = OnceLock::new();

/// Returns the limits of descriptors, soft and hard, that a program which this process starts is to have; `None`: its own.
pub(crate) fn descriptor_limit_of_others() -> Option<(u64, u64)> {
    BORN_WITH.get().copied()
}

/// Raises the calling process's soft limit of descriptors to the hard one; returns it.
pub(crate) fn raise_descriptor_limit() -> u64 {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else {
        return 1024;
    };
    let _ = BORN_WITH.set((soft, hard)); // a second time changes nothing
    match setrlimit(Resource::RLIMIT_NOFILE, hard, hard) {
        Ok(()) => hard,
        Err(_) => soft,
    }
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd;

    use super::*;

    #[test]
    fn addresses_survive_the_kernels_form() {
        for text in ["127.0.0.1:80", "[2001:db8::1]:65535", "0.0.0.0:0"] {
            let address: SocketAddr = text.parse().expect("an address");
            assert_eq!(Raw::new(address).address(), Some(address));
        }
        assert_eq!(Raw::empty().address(), None);
    }

    #[test]
    fn a_connection_is_begun_accepted_and_refused() {
        let listener = socket(Version::V4, Kind::Stream).expect("socket");
        bind(listener.as_fd(), "127.0.0.1:0".parse().expect("address")).expect("bind");
        listen(listener.as_fd(), 4).expect("listen");
        let at = local_address(listener.as_fd()).expect("name");
        let client = socket(Version::V4, Kind::Stream).expect("socket");
        connect(client.as_fd(), at).expect("connect");
        let (server, peer) = accept(listener.as_fd()).expect("accept");
        assert_eq!(peer, local_address(client.as_fd()).expect("name"));
        assert_eq!(take_error(client.as_fd()), None);
        // through a pipe and on
        assert_eq!(send(server.as_fd(), b"abc"), Ok(3));
        let pipe = Pipe::new().expect("pipe");
        assert_eq!(pipe.fill(client.as_fd()), Ok(3));
        assert_eq!(pipe.empty(client.as_fd(), 3), Ok(3));
        let mut buffer = [0; 8];
        assert_eq!(receive(server.as_fd(), &mut buffer), Ok(3));
        drop(listener);
        let late = socket(Version::V4, Kind::Stream).expect("socket");
        let begun = connect(late.as_fd(), at);
        let refused = begun.err().or_else(|| take_error(late.as_fd()));
        assert_eq!(refused, Some(Errno::ECONNREFUSED));
    }
}
