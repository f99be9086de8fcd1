//! The rules of a gateway namespace as nf_tables messages: no `nft` program, no conntrack.
//!
//! ```text
//! table inet coracle {
//!   map v4 { type ipv4_addr : inet_service }     container's address : its relay's port
//!   chain pre { type filter hook prerouting priority -150
//!     (a SYN is the relay's)  iif br0, SYN, to outside       drop
//!                             iif br0, SYN, to the gateway   drop
//!     (datagrams)             iif br0, UDP, to outside       tproxy to :map[ip saddr], accept
//!                             iif br0, UDP, to the gateway   tproxy to :map[ip saddr], accept
//!   }
//! }
//! ```
//! and the same for IPv6 with a map of its own. Later packets of a connection need no rule: every address is local in a
//! gateway, so the kernel finds the socket.
//!
//! And the rules of a container's own namespace on a network that the user made, where programs know docker's name server:
//! ```text
//! table inet coracle {
//!   chain dns { type filter hook output priority -150
//!     UDP, ip daddr 127.0.0.11, dport 53      set dport PORT
//!     UDP, ip saddr 127.0.0.11, sport PORT    set sport 53
//!   }
//! }
//! ```

use std::net::{IpAddr, SocketAddr};

use super::message::{Message, NESTED};
use crate::grammar::subnet::{Subnet, octets};
use crate::sys::inet::Version;

const TABLE: &str = "coracle";
/// Name and hook of the gateway's chain, and of a container's.
const PRE: (&str, u32) = ("pre", 0);
const DNS: (&str, u32) = ("dns", 3);
/// NFPROTO_INET: one table for both versions.
const INET: u8 = 1;
const CREATE: u16 = libc::NLM_F_CREATE as u16;
const APPEND: u16 = libc::NLM_F_APPEND as u16;

fn message(kind: u8, flags: u16) -> Message {
    const SUBSYSTEM: u16 = 10;
    Message::new(SUBSYSTEM << 8 | u16::from(kind), flags, &[INET, 0, 0, 0])
}

fn map_name(version: Version) -> (&'static str, u32) {
    match version {
        Version::V4 => ("v4", 1),
        Version::V6 => ("v6", 2),
    }
}

/// Returns the whole table for a network with these subnets and gateways. `bridge`: index of the link that containers are at.
pub(super) fn rules(bridge: u32, subnets: &[(Subnet, IpAddr)]) -> Vec<Message> {
    let mut all = table(PRE);
    for (subnet, gateway) in subnets {
        let version = Version::of(*gateway);
        all.push(map(version));
        let from_container = || {
            Rule::new(version)
                .meta_is(META_PROTOCOL, &[protocol_number(version)])
                .meta_is(META_IN, &bridge.to_ne_bytes())
        };
        all.extend([
            from_container().syn().outside(subnet).drop().done(PRE),
            from_container().syn().to(*gateway).drop().done(PRE),
            from_container().udp().outside(subnet).relayed().done(PRE),
            from_container().udp().to(*gateway).relayed().done(PRE),
        ]);
    }
    all
}

/// Returns the whole table of a container's namespace: what is said to `server` is heard by its own ports of UDP and TCP and
/// answered from where it was said to, so that the server's port is free for the container's programs.
pub(super) fn moved(server: SocketAddr, ports: [u16; 2]) -> Vec<Message> {
    const SOURCE: u32 = 0;
    const DESTINATION: u32 = 2;
    // where a header has its sum
    const SUMS: [u32; 2] = [6, 16];
    let version = Version::of(server.ip());
    let rule = || Rule::new(version).meta_is(META_PROTOCOL, &[protocol_number(version)]);
    let (to, from) = (|| rule().to(server.ip()), || rule().from(server.ip()));
    let mut all = table(DNS);
    for (to, from, port, sum) in [
        (to().udp(), from().udp(), ports[0], SUMS[0]),
        (to().tcp(), from().tcp(), ports[1], SUMS[1]),
    ] {
        let there = to.change_port(DESTINATION, [server.port(), port], sum);
        let back = from.change_port(SOURCE, [port, server.port()], sum);
        all.extend([there.done(DNS), back.done(DNS)]);
    }
    all
}

/// A table with one chain.
fn table((chain, hook): (&str, u32)) -> Vec<Message> {
    vec![
        message(0, CREATE).text(1, TABLE),
        message(3, CREATE)
            .text(1, TABLE)
            .text(3, chain)
            .nest(4 | NESTED, |m| m.big(1, hook).big(2, (-150i32) as u32))
            .text(7, "filter"),
    ]
}

fn map(version: Version) -> Message {
    const IS_MAP: u32 = 8;
    const PORT: u32 = 13;
    let (name, id) = map_name(version);
    let (kind, length) = match version {
        Version::V4 => (7, 4),
        Version::V6 => (8, 16),
    };
    message(9, CREATE)
        .text(1, TABLE)
        .text(2, name)
        .big(3, IS_MAP)
        .big(4, kind)
        .big(5, length)
        .big(6, PORT)
        .big(7, 2)
        .big(10, id)
}

/// Puts a container's address into the map.
pub(super) fn add(address: IpAddr, port: u16) -> Message {
    element(12, CREATE, address, Some(port))
}

/// Takes an address out of the map.
pub(super) fn forget(address: IpAddr) -> Message {
    element(14, 0, address, None)
}

fn element(kind: u8, flags: u16, address: IpAddr, port: Option<u16>) -> Message {
    const VALUE: u16 = 1;
    message(kind, flags)
        .text(1, TABLE)
        .text(2, map_name(Version::of(address)).0)
        .nest(3 | NESTED, |m| {
            m.nest(1 | NESTED, |m| {
                let m = m.nest(1 | NESTED, |m| m.bytes(VALUE, &octets(address)));
                match port {
                    Some(port) => m.nest(2 | NESTED, |m| m.bytes(VALUE, &port.to_be_bytes())),
                    None => m,
                }
            })
        })
}

fn protocol_number(version: Version) -> u8 {
    match version {
        Version::V4 => 2,
        Version::V6 => 10,
    }
}

const META_IN: u32 = 4;
const META_PROTOCOL: u32 = 15;
const META_L4: u32 = 16;
const NETWORK: u32 = 1;
const TRANSPORT: u32 = 2;
const EQUAL: u32 = 0;
const NOT_EQUAL: u32 = 1;

/// A rule being written: expressions that load register 1, compare it, and decide.
struct Rule {
    version: Version,
    expressions: Vec<(&'static str, Message)>,
}

impl Rule {
    fn new(version: Version) -> Rule {
        Rule {
            version,
            expressions: Vec::new(),
        }
    }

    fn push(mut self, name: &'static str, data: impl FnOnce(Message) -> Message) -> Rule {
        // an empty message: only its attributes are taken
        self.expressions.push((name, data(Message::new(0, 0, &[]))));
        self
    }

    fn compare(self, how: u32, value: &[u8]) -> Rule {
        self.push("cmp", |m| {
            m.big(1, 1)
                .big(2, how)
                .nest(3 | NESTED, |m| m.bytes(1, value))
        })
    }

    fn meta_is(self, key: u32, value: &[u8]) -> Rule {
        self.push("meta", |m| m.big(1, 1).big(2, key))
            .compare(EQUAL, value)
    }

    fn payload(self, base: u32, offset: u32, length: u32) -> Rule {
        self.push("payload", |m| {
            m.big(1, 1).big(2, base).big(3, offset).big(4, length)
        })
    }

    fn mask(self, mask: &[u8]) -> Rule {
        let zeroes = vec![0; mask.len()];
        self.push("bitwise", |m| {
            m.big(1, 1)
                .big(2, 1)
                .big(3, mask.len() as u32)
                .nest(4 | NESTED, |m| m.bytes(1, mask))
                .nest(5 | NESTED, |m| m.bytes(1, &zeroes))
        })
    }

    /// TCP, and of RST, SYN and ACK only SYN.
    fn syn(self) -> Rule {
        self.tcp()
            .payload(TRANSPORT, 13, 1)
            .mask(&[0x16])
            .compare(EQUAL, &[0x02])
    }

    fn tcp(self) -> Rule {
        self.meta_is(META_L4, &[libc::IPPROTO_TCP as u8])
    }

    fn udp(self) -> Rule {
        self.meta_is(META_L4, &[libc::IPPROTO_UDP as u8])
    }

    fn destination(self) -> Rule {
        match self.version {
            Version::V4 => self.payload(NETWORK, 16, 4),
            Version::V6 => self.payload(NETWORK, 24, 16),
        }
    }

    fn to(self, address: IpAddr) -> Rule {
        self.destination().compare(EQUAL, &octets(address))
    }

    fn source(self) -> Rule {
        match self.version {
            Version::V4 => self.payload(NETWORK, 12, 4),
            Version::V6 => self.payload(NETWORK, 8, 16),
        }
    }

    fn from(self, address: IpAddr) -> Rule {
        self.source().compare(EQUAL, &octets(address))
    }

    /// Of a header whose port at `offset` is `old` makes one with `new`, and corrects its sum, which is at `sum`.
    fn change_port(self, offset: u32, [old, new]: [u16; 2], sum: u32) -> Rule {
        const INTERNET_SUM: u32 = 1;
        self.payload(TRANSPORT, offset, 2)
            .compare(EQUAL, &old.to_be_bytes())
            .push("immediate", |m| {
                m.big(1, 1)
                    .nest(2 | NESTED, |m| m.bytes(1, &new.to_be_bytes()))
            })
            .push("payload", |m| {
                let m = m.big(2, TRANSPORT).big(3, offset).big(4, 2).big(5, 1);
                m.big(6, INTERNET_SUM).big(7, sum)
            })
    }

    fn outside(self, subnet: &Subnet) -> Rule {
        self.destination()
            .mask(&subnet.mask())
            .compare(NOT_EQUAL, &octets(subnet.address()))
    }

    /// To the port that the map has for the source address; a source without one passes on to the next rule.
    fn relayed(self) -> Rule {
        let (name, id) = map_name(self.version);
        let family = protocol_number(self.version).into();
        self.source()
            .push("lookup", |m| m.text(1, name).big(2, 1).big(3, 1).big(4, id))
            .push("tproxy", |m| m.big(1, family).big(3, 1))
            .verdict(1)
    }

    fn drop(self) -> Rule {
        self.verdict(0)
    }

    fn verdict(self, code: u32) -> Rule {
        self.push("immediate", |m| {
            m.big(1, 0)
                .nest(2 | NESTED, |m| m.nest(2 | NESTED, |m| m.big(1, code)))
        })
    }

    fn done(self, (chain, _): (&str, u32)) -> Message {
        message(6, CREATE | APPEND)
            .text(1, TABLE)
            .text(2, chain)
            .nest(4 | NESTED, |m| {
                self.expressions.into_iter().fold(m, |m, (name, data)| {
                    m.nest(1 | NESTED, |m| {
                        m.text(1, name).bytes(2 | NESTED, data.attributes())
                    })
                })
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::message::transaction;

    #[test]
    fn a_network_of_two_versions_has_two_maps_and_eight_rules() {
        let subnets = [
            (
                "172.17.0.0/16".parse().expect("subnet"),
                "172.17.0.1".parse().expect("address"),
            ),
            (
                "fd00::/64".parse().expect("subnet"),
                "fd00::1".parse().expect("address"),
            ),
        ];
        assert_eq!(rules(5, &subnets[..1]).len(), 2 + 5);
        assert_eq!(rules(5, &subnets).len(), 2 + 10);
    }

    #[test]
    fn an_element_is_the_address_and_the_port_in_network_order() {
        let bytes = transaction(vec![add("10.0.0.2".parse().expect("address"), 0x1234)]);
        let text = format!("{bytes:?}");
        assert!(
            text.contains("10, 0, 0, 2") && text.contains("18, 52"),
            "{text}"
        );
    }
}
