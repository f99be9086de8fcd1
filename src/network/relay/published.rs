//! Published ports: bound on the host before anything starts, answered in the container with the client's own address.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};

use nix::errno::Errno;

use super::datagrams::Source;
use super::{Entry, LinkId, Relay, Stream};
use crate::error::{Error, Kind as ErrorKind, Result};
use crate::network::plan::{Port, Protocol};
use crate::store::networks::Pool;
use crate::sys::SysError;
use crate::sys::inet::{self, Kind, Version};

/// Connections that wait to be taken.
const BACKLOG: i32 = 4096;
/// Connections taken in one look.
const TAKEN: usize = 64;

/// A port on the host that is the container's.
#[derive(Debug)]
pub(crate) struct Bound {
    fd: OwnedFd,
    address: SocketAddr,
    inside: u16,
    protocol: Protocol,
}

/// The container's end of a connection that is not joined to the other yet.
pub(super) struct Inside {
    fd: OwnedFd,
    stands: bool,
}

impl Inside {
    /// Joins it to the outside's.
    pub(super) fn join(self, outside: OwnedFd) -> Stream {
        match self.stands {
            true => Stream::new(self.fd, outside),
            false => Stream::connecting(self.fd, outside),
        }
    }
}

impl From<Inside> for OwnedFd {
    fn from(inside: Inside) -> OwnedFd {
        inside.fd
    }
}

impl Bound {
    pub(in crate::network) fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    pub(super) fn number(&self) -> RawFd {
        self.fd.as_raw_fd()
    }

    /// Returns where it is on the host.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the port inside.
    pub(crate) fn inside(&self) -> u16 {
        self.inside
    }

    /// Returns what it carries.
    pub(crate) fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// Returns docker's key of the port inside: `80/tcp`.
    pub(crate) fn key(&self) -> String {
        format!("{}/{}", self.inside, self.protocol)
    }
}

/// Binds every port of a plan, or none: docker's text for the first that cannot be had. `endpoint`: name and id of the
/// container. `is_ours`: whether another container has published this number of that protocol.
pub(crate) fn bind(
    ports: &[Port],
    endpoint: (&str, &str),
    is_ours: &dyn Fn(u16, &str) -> bool,
) -> Result<Vec<Bound>> {
    let mut all = Vec::new();
    for port in ports {
        bind_one(port, &mut all).map_err(|e| {
            let taken = e.errno() == Errno::EADDRINUSE;
            let ours = taken && is_ours(port.outside.0, &port.protocol.to_string());
            refused(port, endpoint, &e, ours)
        })?;
    }
    Ok(all)
}

fn bind_one(port: &Port, all: &mut Vec<Bound>) -> Result<(), SysError> {
    let (first, last) = port.outside;
    let mut failed = None;
    for number in first..=last {
        match bind_number(port, number) {
            Ok(bound) => {
                all.extend(bound);
                return Ok(());
            }
            Err(e) => failed = Some(e),
        }
    }
    Err(failed.unwrap_or_else(|| SysError::new("bind()", Errno::EINVAL)))
}

/// Binds one number on the address, or on all addresses of both versions.
fn bind_number(port: &Port, number: u16) -> Result<Vec<Bound>, SysError> {
    if let Some(address) = port.address {
        return Ok(vec![bind_at(port, SocketAddr::new(address, number))?]);
    }
    for _ in 0..16 {
        let v4 = bind_at(port, (Ipv4Addr::UNSPECIFIED, number).into())?;
        // any number that is free is taken of both
        match bind_at(port, (Ipv6Addr::UNSPECIFIED, v4.address.port()).into()) {
            Ok(v6) => return Ok(vec![v4, v6]),
            Err(e) if e.errno() == Errno::EADDRINUSE && number == 0 => {}
            Err(e) if e.errno() == Errno::EADDRINUSE => return Err(e),
            // a host without IPv6
            Err(_) => return Ok(vec![v4]),
        }
    }
    Err(SysError::new("bind(0.0.0.0:0)", Errno::EADDRINUSE))
}

fn bind_at(port: &Port, at: SocketAddr) -> Result<Bound, SysError> {
    let version = Version::of(at.ip());
    let kind = match port.protocol {
        Protocol::Tcp => Kind::Stream,
        Protocol::Udp => Kind::Datagram,
    };
    let fd = inet::socket(version, kind)?;
    if version == Version::V6 {
        inet::set(fd.as_fd(), inet::V6_ONLY, 1)?;
    }
    if kind == Kind::Stream {
        // connections of the last start may still be ending
        inet::set(fd.as_fd(), inet::REUSE_ADDRESS, 1)?;
        // what it accepts has it too: small messages are whole messages
        inet::set(fd.as_fd(), inet::NO_DELAY, 1)?;
    }
    inet::bind(fd.as_fd(), at)?;
    if kind == Kind::Stream {
        inet::listen(fd.as_fd(), BACKLOG)?;
    }
    let address = inet::local_address(fd.as_fd()).map_err(|e| SysError::new("getsockname()", e))?;
    Ok(Bound {
        fd,
        address,
        inside: port.inside,
        protocol: port.protocol,
    })
}

/// Docker's sentence, and what can be done.
fn refused(port: &Port, (name, id): (&str, &str), e: &SysError, is_ours: bool) -> Error {
    let address = port.address.unwrap_or(Ipv4Addr::UNSPECIFIED.into());
    let at = SocketAddr::new(address, port.outside.0);
    let version = if address.is_ipv4() { 4 } else { 6 };
    let why = match is_ours {
        true => format!("Bind for {at} failed: port is already allocated"),
        false => format!(
            "listen {}{version} {at}: bind: {}",
            port.protocol,
            crate::sys::sentence(e.errno())
        ),
    };
    let text =
        format!("driver failed programming external connectivity on endpoint {name} ({id}): {why}");
    let error = Error::new(ErrorKind::Conflict, text);
    if is_ours {
        return error;
    }
    match e.errno() {
        Errno::EADDRINUSE => error.hint("give another port of the host, or end what uses this one"),
        Errno::EACCES | Errno::EPERM => {
            let first = std::fs::read_to_string("/proc/sys/net/ipv4/ip_unprivileged_port_start");
            let first = first.unwrap_or_else(|_| "1024".to_owned());
            error.hint(format!(
                "ports of the host below {} are privileged: use for example -p {}:{}, or ask for `sysctl net.ipv4.ip_unprivileged_port_start={}`",
                first.trim(),
                8000 + port.outside.0 % 1000,
                port.inside,
                port.outside.0,
            ))
        }
        Errno::EADDRNOTAVAIL => error.hint("the address must be one of this host's"),
        _ => error,
    }
}

/// Whether a client's address cannot be shown in the container: of another version, the host's loopback, or one of the
/// network's own, which the container would look for on its link.
pub(super) fn is_hidden(client: IpAddr, version: Version, pools: Option<&[Pool]>) -> bool {
    let mut pools = pools.into_iter().flatten();
    client.is_loopback()
        || Version::of(client) != version
        || pools.any(|p| p.subnet.contains(client))
}

impl Relay {
    /// The link that published ports lead to, and the container's address there, of a port's version where it has one.
    fn published_link(&self, port: usize) -> Option<(LinkId, SocketAddr)> {
        let bound = self.ports.get(port)?;
        let version = Version::of(bound.address.ip());
        let (id, link) = self
            .links
            .iter()
            .find(|(_, l)| !l.network.internal)
            .or_else(|| self.links.iter().next())?;
        let address = link
            .address(version)
            .or_else(|| link.address(Version::V4))
            .or_else(|| link.address(Version::V6))?;
        Some((*id, SocketAddr::new(address, bound.inside)))
    }

    /// The container's end of a published UDP port.
    pub(super) fn published_source(&self, port: usize) -> Option<(LinkId, Source)> {
        let is_udp = self.ports.get(port)?.protocol == Protocol::Udp;
        self.published_link(port).filter(|_| is_udp)
    }

    /// Something comes to a published port.
    pub(super) fn knocked(&mut self, port: usize) {
        match self.ports.get(port).map(|bound| bound.protocol) {
            Some(Protocol::Udp) => self.published_in(port),
            Some(Protocol::Tcp) => self.accept_published(port),
            None => {}
        }
    }

    /// Gives the ports back to the host. What they have accepted goes on.
    pub(super) fn close_published(&mut self) {
        self.entries
            .retain(|_, e| !matches!(e, Entry::Published(_)));
        self.datagrams.forget_published();
        self.resolver.close();
        self.ports.clear();
    }

    fn accept_published(&mut self, port: usize) {
        for _ in 0..TAKEN {
            let Ok((outside, client)) = inet::accept(self.ports[port].as_fd()) else {
                return;
            };
            let connected = self
                .has_room()
                .then(|| self.connect_inside(port, client))
                .flatten();
            match connected {
                Some(inside) => self.begin(inside.join(outside), false),
                None => inet::set_reset(outside.as_fd()),
            }
        }
    }

    /// Begins a connection to the container in the client's name. What listens for IPv4 only is reached by IPv6 too, from
    /// the gateway.
    fn connect_inside(&mut self, port: usize, client: SocketAddr) -> Option<Inside> {
        let (id, own) = self.published_link(port)?;
        let client = SocketAddr::new(client.ip().to_canonical(), client.port());
        let link = self.links.get(&id)?;
        let ends = [Version::of(own.ip()), Version::V4].map(|version| {
            let to = SocketAddr::new(link.address(version)?, own.port());
            let gateway = SocketAddr::new(link.gateway(version)?, 0);
            let is_hidden = is_hidden(client.ip(), version, Some(&link.network.pools));
            Some((
                version,
                to,
                if is_hidden { gateway } else { client },
                gateway,
            ))
        });
        for (version, to, from, gateway) in ends.into_iter().flatten() {
            // another connection may have the very same ends: then only the address is the client's
            let any_port = SocketAddr::new(from.ip(), 0);
            let begun = [from, any_port, gateway]
                .into_iter()
                .find_map(|from| self.connect_as(id, version, from, to));
            if begun.is_some() {
                return begun;
            }
        }
        None
    }

    /// Connects to the container in somebody's name. On a link without delay a refusal is there at once.
    pub(super) fn connect_as(
        &mut self,
        link: LinkId,
        version: Version,
        from: SocketAddr,
        to: SocketAddr,
    ) -> Option<Inside> {
        let fd = self.spare(link, version, Kind::Stream)?;
        inet::bind(fd.as_fd(), from).ok()?;
        let stands = inet::connect_now(fd.as_fd(), to).ok()?;
        Some(Inside { fd, stands })
    }
}
