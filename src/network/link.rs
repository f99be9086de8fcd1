//! Links, addresses and routes as messages (rtnetlink(7)).

use std::net::IpAddr;

use super::message::Message;
use crate::grammar::subnet::{Subnet, octets};

const CREATE: u16 = (libc::NLM_F_CREATE | libc::NLM_F_EXCL) as u16;
const UP: u32 = libc::IFF_UP as u32;

/// struct ifinfomsg.
fn link(index: u32, flags: u32, change: u32) -> Vec<u8> {
    [
        &[0; 4][..],
        &index.to_ne_bytes(),
        &flags.to_ne_bytes(),
        &change.to_ne_bytes(),
    ]
    .concat()
}

/// Brings a link up.
pub(super) fn up(index: u32) -> Message {
    Message::new(libc::RTM_NEWLINK, 0, &link(index, UP, UP))
}

/// Removes a link by its name. Waits for the kernel (30 ms measured): never on the way of a start or an end.
pub(super) fn remove(name: &str) -> Message {
    Message::new(libc::RTM_DELLINK, 0, &link(0, 0, 0)).text(libc::IFLA_IFNAME, name)
}

/// A new bridge, up.
pub(super) fn bridge(name: &str, index: u32, mac: [u8; 6], mtu: u32) -> Message {
    Message::new(libc::RTM_NEWLINK, CREATE, &link(index, UP, UP))
        .text(libc::IFLA_IFNAME, name)
        .bytes(libc::IFLA_ADDRESS, &mac)
        .number(libc::IFLA_MTU, mtu)
        .nest(libc::IFLA_LINKINFO, |m| {
            m.text(libc::IFLA_INFO_KIND, "bridge")
        })
}

/// The end of a veth pair that a container gets.
#[derive(Debug, Clone)]
pub(super) struct Peer<'a> {
    /// `eth0`.
    pub(super) name: &'a str,
    /// Hardware address.
    pub(super) mac: [u8; 6],
    /// A descriptor of its network namespace.
    pub(super) namespace: std::os::fd::RawFd,
}

/// A new veth pair: our end `name` at the bridge `master` and up, the other in the container's namespace, down.
pub(super) fn veth(name: &str, master: u32, mtu: u32, peer: &Peer<'_>) -> Message {
    const VETH_INFO_PEER: u16 = 1;
    Message::new(libc::RTM_NEWLINK, CREATE, &link(0, UP, UP))
        .text(libc::IFLA_IFNAME, name)
        .number(libc::IFLA_MTU, mtu)
        .number(libc::IFLA_MASTER, master)
        .nest(libc::IFLA_LINKINFO, |m| {
            m.text(libc::IFLA_INFO_KIND, "veth")
                .nest(libc::IFLA_INFO_DATA, |m| {
                    m.nest(VETH_INFO_PEER, |m| {
                        m.fixed(&link(0, 0, 0))
                            .text(libc::IFLA_IFNAME, peer.name)
                            .number(libc::IFLA_MTU, mtu)
                            .bytes(libc::IFLA_ADDRESS, &peer.mac)
                            .number(libc::IFLA_NET_NS_FD, peer.namespace as u32)
                    })
                })
        })
}

fn family(address: IpAddr) -> u8 {
    (if address.is_ipv4() {
        libc::AF_INET
    } else {
        libc::AF_INET6
    }) as u8
}

/// Whether an address brings the route to its subnet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Subnets {
    /// It does.
    Routed,
    /// It is an address alone.
    Unrouted,
}

/// Gives a link an address of a subnet, at once (no duplicate address detection).
pub(super) fn address(index: u32, address: IpAddr, subnet: &Subnet, subnets: Subnets) -> Message {
    const IFA_FLAGS: u16 = 8;
    const NODAD: u32 = 2;
    const NOPREFIXROUTE: u32 = 0x200;
    let flags = match subnets {
        Subnets::Routed => NODAD,
        Subnets::Unrouted => NODAD | NOPREFIXROUTE,
    };
    let head = [family(address), subnet.prefix(), 0, 0];
    let bytes = octets(address);
    Message::new(
        libc::RTM_NEWADDR,
        CREATE,
        &[&head[..], &index.to_ne_bytes()].concat(),
    )
    .bytes(libc::IFA_LOCAL, &bytes)
    .bytes(libc::IFA_ADDRESS, &bytes)
    .number(IFA_FLAGS, flags)
}

/// Takes an address off a link.
pub(super) fn no_address(index: u32, address: IpAddr, prefix: u8) -> Message {
    let head = [family(address), prefix, 0, 0];
    let fixed = [&head[..], &index.to_ne_bytes()].concat();
    Message::new(libc::RTM_DELADDR, 0, &fixed).bytes(libc::IFA_LOCAL, &octets(address))
}

/// struct rtmsg: family, prefix, .., table, protocol, scope, type, flags.
fn route(like: IpAddr, prefix: u8, table: u8, scope: u8, kind: u8) -> Message {
    const BOOT: u8 = 3;
    let head = [
        family(like),
        prefix,
        0,
        0,
        table,
        BOOT,
        scope,
        kind,
        0,
        0,
        0,
        0,
    ];
    Message::new(libc::RTM_NEWROUTE, CREATE, &head)
}

const MAIN: u8 = 254;
const UNICAST: u8 = 1;
const LOCAL: u8 = 2;

/// The table of what carries a relay's mark.
const MARKED: u8 = 200;

/// What carries `mark` finds a subnet behind a link; nothing else does (ip-rule(8)). Two messages.
pub(super) fn marked_routes(mark: u32, link: u32, subnet: &Subnet) -> [Message; 2] {
    const TO_TABLE: u8 = 1;
    const PRIORITY: (u16, u32) = (6, 100);
    const FWMARK: u16 = 10;
    const LINK_SCOPE: u8 = 253;
    let like = subnet.address();
    // struct fib_rule_hdr
    let rule = [family(like), 0, 0, 0, MARKED, 0, 0, TO_TABLE, 0, 0, 0, 0];
    [
        Message::new(libc::RTM_NEWRULE, CREATE, &rule)
            .number(PRIORITY.0, PRIORITY.1)
            .number(FWMARK, mark),
        route(like, subnet.prefix(), MARKED, LINK_SCOPE, UNICAST)
            .bytes(libc::RTA_DST, &octets(like))
            .number(libc::RTA_OIF, link),
    ]
}

/// The way to everywhere else, by a gateway.
pub(super) fn default_route(index: u32, gateway: IpAddr) -> Message {
    route(gateway, 0, MAIN, 0, UNICAST)
        .number(libc::RTA_OIF, index)
        .bytes(libc::RTA_GATEWAY, &octets(gateway))
}

/// Every address of the version of `like` that no other route knows is our own ("any IP").
pub(super) fn everything_is_local(like: IpAddr, loopback: u32) -> Message {
    const HOST: u8 = 254;
    route(like, 0, MAIN, HOST, LOCAL).number(libc::RTA_OIF, loopback)
}
