//! Docker's address of a name server, inside a container.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::fd::{AsFd, OwnedFd};

use super::requests::{LOOPBACK, answer, netfilter, route};
use super::{link, nft};
use crate::sys::inet::{self, Kind, Version};
use crate::sys::netlink::{Family, Netlink};
use crate::sys::{self, SysError};

/// Where docker's containers find a name server on networks that the user made. /etc/resolv.conf names the gateway, but
/// configurations name this one.
pub(super) const RESOLVER: SocketAddr =
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(127, 0, 0, 11)), 53);

/// Sockets at [`RESOLVER`].
pub(super) struct Heard {
    pub(super) datagrams: OwnedFd,
    /// Only where a program can have the same port.
    pub(super) connections: Option<OwnedFd>,
}

/// Opens sockets at [`RESOLVER`] in the container's namespace: by rules, which live as long as what is returned with them, at
/// other ports, and without rules there. A program that binds port 53 of every address then needs SO_REUSEADDR, which most name
/// servers have.
pub(super) fn open(has_rules: bool) -> sys::Result<(Heard, Option<Netlink>)> {
    // the container's first process does the same, perhaps later: before, the address is not there
    route(vec![link::up(LOOPBACK)])?;
    let datagrams = inet::socket(Version::V4, Kind::Datagram)?;
    if !has_rules {
        inet::set(datagrams.as_fd(), inet::REUSE_ADDRESS, 1)?;
        inet::bind(datagrams.as_fd(), RESOLVER)?;
        let heard = Heard {
            datagrams,
            connections: None,
        };
        return Ok((heard, None));
    }
    let anywhere = |fd: &OwnedFd| {
        inet::bind(fd.as_fd(), SocketAddr::new(RESOLVER.ip(), 0))?;
        let own = inet::local_address(fd.as_fd());
        own.map_err(|e| SysError::new("getsockname()", e))
    };
    let connections = inet::socket(Version::V4, Kind::Stream)?;
    let ports = [anywhere(&datagrams)?.port(), anywhere(&connections)?.port()];
    inet::listen(connections.as_fd(), 16)?;
    let netlink = Netlink::open(Family::Netfilter)?;
    answer(netfilter(&netlink, nft::moved(RESOLVER, ports)))?;
    let heard = Heard {
        datagrams,
        connections: Some(connections),
    };
    Ok((heard, Some(netlink)))
}
