//! The gateway of a network: a network namespace where every address is local, so that the kernel itself speaks TCP and UDP
//! with containers in the name of the whole world.
//!
//! One thread of a relay lives in gateways: it makes or joins them, plugs the container in, and makes sockets there for the
//! main thread, which stays in the host's network namespace. A socket belongs to the namespace that its maker was in, for
//! ever, and a thread that has left the host's has no way back.
//!
//! ```text
//! container (owned by its own user namespace)      gateway (owned by U0)
//!   eth0 172.17.0.2, default via 172.17.0.1  <==>   coracle0 172.17.0.1, a bridge; everything else local too
//! ```

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::sync::mpsc;

use nix::errno::Errno;

use super::link::{self, Subnets};
use super::message::Message;
use super::requests::{LOOPBACK, answer, index_of, netfilter, route};
use super::resolver::{self, Heard};
use super::{filter, nft, plan};
use crate::error::{Context, Error, Kind as ErrorKind, Result};
use crate::grammar::subnet::Subnet;
use crate::store::networks::{Endpoint, Network, Rung};
use crate::sys::inet::{self, Kind, Version};
use crate::sys::netlink::{Family, Netlink};
use crate::sys::{self, SysError, namespace};

/// Mark of what relays send: where there are no rules, only that finds the containers.
const MARK: u32 = 0xC0AC;
/// Index and name of the bridge in every gateway.
const BRIDGE: u32 = 5;
const BRIDGE_NAME: &str = "coracle0";
/// Bytes that wait on a datagram socket.
const DATAGRAM_BUFFER: i32 = 4 << 20;

/// Where a gateway comes from.
#[derive(Debug)]
pub(crate) enum Origin {
    /// A live one.
    Join(OwnedFd, Rung),
    /// Nobody is on the network; without a choice the best that works is made.
    Make(Option<Rung>),
}

/// A relay's sockets in one gateway, for one version of IP.
#[derive(Debug)]
pub(super) struct Sockets {
    pub(super) version: Version,
    /// Takes every datagram of the container's; without rules with its headers.
    pub(super) datagrams: OwnedFd,
    /// Sees what begins.
    pub(super) capture: OwnedFd,
    /// Sends whole packets, marked.
    pub(super) raw: OwnedFd,
}

/// A container's place in one network, ready to be plugged in.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) network: Network,
    pub(super) endpoint: Endpoint,
    pub(super) origin: Origin,
}

/// What the main thread knows of a place afterwards.
#[derive(Debug)]
pub(super) struct Opened {
    /// The gateway's namespace, by which others find it.
    pub(super) namespace: OwnedFd,
    pub(super) rung: Rung,
    pub(super) sockets: Vec<Sockets>,
}

/// What the main thread asks for.
pub(super) enum Request {
    /// Enter or make a gateway; the answer is its number of sockets.
    Open(Box<Place>, mpsc::Sender<Result<Opened>>),
    /// Plug into the container's namespace, which comes over the socket, every place; then let its first process go on.
    Plug(OwnedFd),
    /// Plug one more place into the running container.
    PlugOne(String, mpsc::Sender<Result<()>>),
    /// Unplug a network from the running container.
    Unplug(String, mpsc::Sender<Result<()>>),
    /// Take these addresses of the container's out of the gateways' maps.
    Withdraw(Vec<IpAddr>, mpsc::Sender<Result<()>>),
    /// Some sockets in a network's gateway.
    Sockets(String, Version, Kind, usize, mpsc::Sender<Vec<OwnedFd>>),
}

/// One network as the thread has it.
struct Net {
    id: String,
    namespace: OwnedFd,
    /// Open for as long as we are on the network: its close waits until the kernel has tidied after every change (20 ms).
    /// `None` where there are no rules.
    netfilter: Option<Netlink>,
    endpoint: Endpoint,
    internal: bool,
    /// Its name server knows no containers.
    is_default: bool,
    /// Name of the link inside.
    inside: String,
    /// Of its links, bytes.
    mtu: u32,
}

/// What the thread tells the main one unasked.
pub(super) struct Ears {
    /// What went wrong.
    pub(super) failed: Box<dyn Fn(Error) + Send>,
    /// Takes docker's address of a name server, inside the container; `None` where its program is one itself.
    pub(super) resolver: Option<Box<dyn Fn(Heard) + Send>>,
}

/// The thread's state.
struct Worker {
    nets: Vec<Net>,
    /// The container's namespace.
    container: Option<OwnedFd>,
    /// Its namespace has the resolver's socket.
    has_resolver: bool,
    /// Open as [`Net::netfilter`] is: by it the resolver's port was moved.
    moved: Option<Netlink>,
    ears: Ears,
}

/// Starts the thread.
pub(super) fn start(ears: Ears) -> Result<mpsc::Sender<Request>> {
    let (send, receive) = mpsc::channel();
    let mut worker = Worker {
        nets: Vec::new(),
        container: None,
        has_resolver: false,
        moved: None,
        ears,
    };
    sys::thread::spawn("gateway", move || {
        for request in receive {
            worker.serve(request);
        }
    })?;
    Ok(send)
}

impl Worker {
    fn serve(&mut self, request: Request) {
        // whoever asked may be gone: the process ends then
        match request {
            Request::Open(place, answer) => drop(answer.send(self.open(*place))),
            Request::Plug(socket) => {
                // the socket ends after the report: whoever sees its end finds one
                if let Err(e) = self.plug_all(&socket) {
                    (self.ears.failed)(e);
                }
            }
            Request::PlugOne(network, answer) => drop(answer.send(self.plug_one(&network))),
            Request::Unplug(network, answer) => drop(answer.send(self.unplug(&network))),
            Request::Withdraw(addresses, answer) => {
                self.strip();
                for net in &self.nets {
                    withdraw(net, |a| addresses.contains(a));
                }
                // as above
                let _ = answer.send(Ok(()));
            }
            Request::Sockets(network, version, kind, count, answer) => {
                drop(answer.send(self.sockets(&network, version, kind, count)));
            }
        }
    }

    fn open(&mut self, place: Place) -> Result<Opened> {
        match &place.origin {
            Origin::Join(fd, rung) => {
                enter(fd)?;
                self.settle(&place, *rung, Vec::new())
            }
            Origin::Make(Some(rung)) => self.make(&place, *rung),
            Origin::Make(None) => self.make(&place, Rung::Tproxy).or_else(|e| {
                // a kernel without nf_tables; where this does not work either, its own error is the better one
                self.make(&place, Rung::AnyIp).map_err(|_| e)
            }),
        }
        .map_err(|e| e.hint(crate::host::explain_networks()))
    }

    fn make(&mut self, place: &Place, rung: Rung) -> Result<Opened> {
        let rules = make(&place.network, &place.endpoint, rung)?;
        self.settle(place, rung, rules)
    }

    /// Makes this relay's sockets in the gateway that the thread is in; `rules` are not in force yet.
    fn settle(&mut self, place: &Place, rung: Rung, rules: Vec<Message>) -> Result<Opened> {
        let cannot = || format!("cannot join the network `{}`", place.network.name);
        let endpoint = &place.endpoint;
        let netfilter = match rung {
            Rung::Tproxy => Some(Netlink::open(Family::Netfilter)?),
            Rung::AnyIp => None,
        };
        let own = namespace::own_network()?;
        quieten_bridge();
        let mut sockets = Vec::new();
        let mut elements = Vec::new();
        for address in [endpoint.address, endpoint.address6].into_iter().flatten() {
            let (made, port) = open_sockets(address, rung).context(ErrorKind::Host, cannot)?;
            sockets.push(made);
            elements.push((address, port));
        }
        if let Some(netfilter) = &netfilter {
            enlist(netfilter, rules, &elements).context(ErrorKind::Host, cannot)?;
        }
        let shared = sys::fd::duplicate(own.as_fd())?;
        let number = (0..).find(|n| {
            let name = format!("eth{n}");
            self.nets.iter().all(|net| net.inside != name)
        });
        self.nets.push(Net {
            id: place.network.id.clone(),
            namespace: own,
            netfilter,
            endpoint: endpoint.clone(),
            internal: place.network.internal,
            is_default: place.network.is_default(),
            inside: format!("eth{}", number.unwrap_or_default()),
            // checked when the network was made
            mtu: plan::mtu(&place.network.options).unwrap_or(plan::ETHERNET),
        });
        Ok(Opened {
            namespace: shared,
            rung,
            sockets,
        })
    }

    /// The container's first process sends its network namespace and waits for one byte.
    fn plug_all(&mut self, socket: &OwnedFd) -> Result<()> {
        let message = sys::socket::receive(socket.as_fd())?;
        let Some(fd) = message.and_then(|m| m.fds.into_iter().next()) else {
            return Ok(()); // it ended before it came so far, and whoever started it knows why
        };
        self.container = Some(fd);
        self.has_resolver = false;
        for n in 0..self.nets.len() {
            self.plug(n)?;
        }
        match sys::socket::send(socket.as_fd(), b"n", &[]) {
            Err(e) if e.errno() == Errno::EPIPE => Ok(()), // it ended meanwhile: the same
            sent => Ok(sent?),
        }
    }

    fn plug_one(&mut self, network: &str) -> Result<()> {
        match self.nets.iter().position(|n| n.id == network) {
            Some(n) if self.container.is_some() => self.plug(n),
            _ => Ok(()),
        }
    }

    fn plug(&mut self, n: usize) -> Result<()> {
        let net = &self.nets[n];
        let Some(container) = &self.container else {
            return Ok(());
        };
        let cannot = || format!("cannot plug into the network `{}`", net.endpoint.network);
        enter(&net.namespace)?;
        let peer = link::Peer {
            name: &net.inside,
            mac: parse_mac(&net.endpoint.mac).unwrap_or_default(),
            namespace: container.as_raw_fd(),
        };
        // the kernel finds a free name
        let veth = || vec![link::veth("veth%d", BRIDGE, net.mtu, &peer)];
        // without IPv6 the link asks nobody on the bridge for routers
        if net.endpoint.address6.is_none() {
            write_sysctl("net/ipv6/conf/default/disable_ipv6", "1");
        }
        let made = match route(veth()) {
            // the last relay was killed, and its gateway lives on
            Err(e) if e.errno() == Errno::EEXIST => {
                enter(container)?;
                let removed = route(vec![link::remove(&net.inside)]);
                enter(&net.namespace)?;
                removed.and_then(|()| route(veth()))
            }
            made => made,
        };
        made.context(ErrorKind::Host, cannot)?;
        let has_route = self
            .nets
            .iter()
            .find(|net| !net.internal)
            .is_some_and(|first| first.id == net.id);
        enter(container)?;
        if net.netfilter.is_none() {
            // a raw socket would see datagrams that are still one piece; a link without the feature never joins them
            let _ = sys::offload::forbid(&net.inside, "tx-udp-segmentation");
        }
        let configured = configure(net, has_route).context(ErrorKind::Host, cannot);
        if let (false, false, Some(give)) = (net.is_default, self.has_resolver, &self.ears.resolver)
            && let Ok((heard, netlink)) = resolver::open(net.netfilter.is_some())
        {
            self.has_resolver = true;
            self.moved = netlink;
            give(heard);
        }
        enter(&net.namespace)?;
        configured
    }

    fn unplug(&mut self, network: &str) -> Result<()> {
        let Some(n) = self.nets.iter().position(|n| n.id == network) else {
            return Ok(());
        };
        let net = self.nets.remove(n);
        enter(&net.namespace)?;
        withdraw(&net, |_| true);
        if let Some(container) = &self.container {
            enter(container)?;
            let removed = route(vec![link::remove(&net.inside)]);
            let next = self.nets.iter().find(|net| !net.internal);
            if let (false, Some(next)) = (net.internal, next) {
                // it may have the default route already
                let _ = default_routes(next);
            }
            removed.context(ErrorKind::System, || {
                format!("cannot unplug from the network `{}`", net.endpoint.network)
            })?;
        }
        Ok(())
    }

    /// Takes the addresses off a container that has ended: its namespace, which the kernel ends in its own time, would go on
    /// to answer for what is the next one's.
    fn strip(&mut self) {
        if self.container.take().is_none_or(|c| enter(&c).is_err()) {
            return;
        }
        for net in &self.nets {
            let Ok(index) = index_of(&net.inside) else {
                continue;
            };
            let endpoint = &net.endpoint;
            let addresses = [
                (endpoint.address, endpoint.prefix),
                (endpoint.address6, endpoint.prefix6),
            ];
            let gone = |(address, prefix): (Option<IpAddr>, u8)| {
                Some(link::no_address(index, address?, prefix))
            };
            // gone already: as good
            let _ = route(addresses.into_iter().filter_map(gone).collect());
        }
        // whoever is in a namespace keeps it
        if let Some(net) = self.nets.first() {
            let _ = enter(&net.namespace);
        }
    }

    fn sockets(&self, network: &str, version: Version, kind: Kind, count: usize) -> Vec<OwnedFd> {
        let Some(net) = self.nets.iter().find(|n| n.id == network) else {
            return Vec::new();
        };
        if enter(&net.namespace).is_err() {
            return Vec::new();
        }
        let made = || {
            let fd = inet::socket(version, kind).ok()?;
            // its address is that of somebody outside, and its port may be another's too
            inet::set_transparent(fd.as_fd(), version).ok()?;
            if kind == Kind::Stream {
                // of sockets with the same address and port the kernel looks at all before it lets one more have it, but for
                // this option's: 9,000 connections to one port would be a matter of seconds
                inet::set(fd.as_fd(), inet::REUSE_PORT, 1).ok()?;
                inet::set(fd.as_fd(), inet::NO_DELAY, 1).ok()?;
            } else {
                inet::set(fd.as_fd(), inet::REUSE_ADDRESS, 1).ok()?;
            }
            if net.netfilter.is_none() {
                inet::set(fd.as_fd(), inet::MARK, MARK as i32).ok()?;
            }
            Some(fd)
        };
        (0..count).map_while(|_| made()).collect()
    }
}

/// Takes addresses of the container's out of the gateway's maps.
fn withdraw(net: &Net, is_meant: impl Fn(&IpAddr) -> bool) {
    let addresses = [net.endpoint.address, net.endpoint.address6];
    for address in addresses.into_iter().flatten().filter(is_meant) {
        if let Some(rules) = &net.netfilter {
            // gone already: as good
            let _ = netfilter(rules, vec![nft::forget(address)]);
        }
    }
}

fn enter(fd: &OwnedFd) -> Result<()> {
    Ok(namespace::enter(fd.as_fd(), libc::CLONE_NEWNET)?)
}

/// In the calling thread's network namespace; what the kernel lacks is not needed.
fn write_sysctl(name: &str, value: &str) {
    let _ = std::fs::write(format!("/proc/sys/{name}"), value);
}

/// Makes a gateway and moves the calling thread there; returns its rules, which are not in force yet.
fn make(network: &Network, endpoint: &Endpoint, rung: Rung) -> Result<Vec<Message>> {
    let cannot = || format!("cannot make the network `{}`", network.name);
    namespace::new_network().context(ErrorKind::Host, cannot)?;
    let pools = network.pools.iter().filter(|p| {
        p.gateway.is_ipv4() && endpoint.address.is_some()
            || p.gateway.is_ipv6() && endpoint.address6.is_some()
    });
    let pools: Vec<_> = pools.map(|p| (p.subnet, p.gateway)).collect();
    for (name, value) in [
        ("net/ipv4/ip_forward", "0"),
        ("net/ipv4/conf/all/rp_filter", "0"),
        ("net/ipv4/conf/default/rp_filter", "0"),
        // where every address is local the kernel would answer for the whole world
        ("net/ipv4/icmp_echo_ignore_all", "1"),
        ("net/ipv6/icmp/echo_ignore_all", "1"),
        ("net/ipv6/conf/all/forwarding", "0"),
        ("net/ipv6/conf/default/accept_ra", "0"),
        ("net/ipv4/ip_local_port_range", "1024 65535"),
        // between two ends in one kernel nothing arrives late, and a port in TIME_WAIT could not be used again
        ("net/ipv4/tcp_max_tw_buckets", "0"),
        // the host's may pace (bbr), which costs half on a link without delay; a kernel without it keeps its own
        ("net/ipv4/tcp_congestion_control", "cubic"),
    ] {
        write_sysctl(name, value);
    }
    if rung == Rung::AnyIp {
        for (name, value) in UNRULED {
            write_sysctl(name, value);
        }
    }
    if endpoint.address6.is_none() {
        write_sysctl("net/ipv6/conf/default/disable_ipv6", "1");
    }
    let seed = network
        .pools
        .first()
        .map_or(Ipv4Addr::LOCALHOST.into(), |p| p.gateway);
    let mtu = plan::mtu(&network.options).unwrap_or(plan::ETHERNET);
    route(wires(mac_of(seed), mtu, &pools, rung)).context(ErrorKind::Host, cannot)?;
    Ok(nft::rules(BRIDGE, &pools))
}

/// What a gateway without rules needs: answers of the kernel itself, which carry no mark, find no way to the container, since
/// every address is local to them.
const UNRULED: [(&str, &str); 2] = [
    // the containers' addresses are local to what has no mark, too
    ("net/ipv4/conf/all/accept_local", "1"),
    // and the bridge must not answer for them
    ("net/ipv4/conf/all/arp_ignore", "1"),
];

/// The bridge, addresses and routes of a gateway.
fn wires(mac: [u8; 6], mtu: u32, pools: &[(Subnet, IpAddr)], rung: Rung) -> Vec<Message> {
    let mut messages = vec![
        link::up(LOOPBACK),
        link::bridge(BRIDGE_NAME, BRIDGE, mac, mtu),
    ];
    for (subnet, gateway) in pools {
        let subnets = match rung {
            Rung::Tproxy => Subnets::Routed,
            Rung::AnyIp => Subnets::Unrouted,
        };
        messages.push(link::address(BRIDGE, *gateway, subnet, subnets));
        messages.push(link::everything_is_local(*gateway, LOOPBACK));
        if rung == Rung::AnyIp {
            messages.extend(link::marked_routes(MARK, BRIDGE, subnet));
        }
    }
    messages
}

/// Both kinds of gateways, the better first, each to be tried in an empty network namespace; the error says what failed.
pub const TRIES: [fn() -> std::result::Result<(), String>; 2] =
    [|| try_gateway(Rung::Tproxy), || try_gateway(Rung::AnyIp)];

fn try_gateway(rung: Rung) -> std::result::Result<(), String> {
    let subnet: Subnet = "192.0.2.0/24".parse()?;
    let gateway = IpAddr::from([192, 0, 2, 1]);
    let pools = [(subnet, gateway)];
    route(wires(mac_of(gateway), plan::ETHERNET, &pools, rung))
        .map_err(|e| format!("a bridge: {e}"))?;
    if rung == Rung::Tproxy {
        let rules = nft::rules(BRIDGE, &pools);
        let made = Netlink::open(Family::Netfilter).and_then(|n| netfilter(&n, rules));
        answer(made).map_err(|e| format!("the rules of nf_tables: {e}"))?;
    }
    open_sockets(IpAddr::from([192, 0, 2, 2]), rung)
        .map(drop)
        .map_err(|e| format!("a relay's sockets: {e}"))
}

/// Where the module br_netfilter is loaded, a new namespace passes bridged packets by our rules before a capture sees them.
fn quieten_bridge() {
    for table in ["iptables", "ip6tables", "arptables"] {
        write_sysctl(&format!("net/bridge/bridge-nf-call-{table}"), "0");
    }
}

/// Inside the container's namespace.
fn configure(net: &Net, has_route: bool) -> sys::Result<()> {
    let index = index_of(&net.inside)?;
    if net.endpoint.address6.is_none() {
        write_sysctl(&format!("net/ipv6/conf/{}/disable_ipv6", net.inside), "1");
    }
    // the last one with this address may be on the bridge still, whose port the bridge would go on to use: we tell it when
    // we come up, if we have the address by then
    write_sysctl(&format!("net/ipv4/conf/{}/arp_notify", net.inside), "1");
    let endpoint = &net.endpoint;
    let address = |address: Option<IpAddr>, prefix| {
        let subnet = Subnet::new(address?, prefix)?;
        Some(link::address(index, address?, &subnet, Subnets::Routed))
    };
    let before = address(endpoint.address, endpoint.prefix);
    let after = address(endpoint.address6, endpoint.prefix6);
    let messages = before
        .into_iter()
        .chain([link::up(index)])
        .chain(after)
        .collect();
    route(messages)?;
    if has_route {
        default_routes(net)?;
    }
    Ok(())
}

fn default_routes(net: &Net) -> sys::Result<()> {
    let index = index_of(&net.inside)?;
    let gateways = [net.endpoint.gateway, net.endpoint.gateway6];
    let messages = gateways.into_iter().flatten();
    route(messages.map(|g| link::default_route(index, g)).collect())
}

/// The sockets of a container with this address, and the port that its packets are handed to.
fn open_sockets(address: IpAddr, rung: Rung) -> sys::Result<(Sockets, u16)> {
    let version = Version::of(address);
    let (datagrams, port) = match rung {
        Rung::Tproxy => taker(version)?,
        Rung::AnyIp => {
            let datagrams = inet::socket(version, Kind::RawDatagram)?;
            inet::set_filter(datagrams.as_fd(), &filter::datagrams_of(address))?;
            (datagrams, 0)
        }
    };
    inet::set_original_destination(datagrams.as_fd(), version)?;
    // the limit of plain users is the host's to say
    let _ = inet::set(datagrams.as_fd(), inet::RECEIVE_BUFFER, DATAGRAM_BUFFER).or_else(|_| {
        inet::set(
            datagrams.as_fd(),
            inet::RECEIVE_BUFFER_PLAIN,
            DATAGRAM_BUFFER,
        )
    });
    // an old kernel hands over one by one, and so does a raw socket
    let _ = inet::set(datagrams.as_fd(), inet::JOIN_DATAGRAMS, 1);
    let raw = inet::socket(version, Kind::Raw)?;
    inet::set(raw.as_fd(), inet::MARK, MARK as i32)?;
    inet::set_filter(raw.as_fd(), &filter::nothing())?;
    let capture = inet::capture(BRIDGE, version, &filter::beginnings_of(address))?;
    let sockets = Sockets {
        version,
        datagrams,
        capture,
        raw,
    };
    Ok((sockets, port))
}

/// A socket that takes datagrams to any address, and its port.
fn taker(version: Version) -> sys::Result<(OwnedFd, u16)> {
    let fd = inet::socket(version, Kind::Datagram)?;
    inet::set_transparent(fd.as_fd(), version)?;
    let any: IpAddr = match version {
        Version::V4 => Ipv4Addr::UNSPECIFIED.into(),
        Version::V6 => {
            inet::set(fd.as_fd(), inet::V6_ONLY, 1)?;
            Ipv6Addr::UNSPECIFIED.into()
        }
    };
    inet::bind(fd.as_fd(), SocketAddr::new(any, 0))?;
    let own = inet::local_address(fd.as_fd()).map_err(|e| SysError::new("getsockname()", e))?;
    Ok((fd, own.port()))
}

/// Puts addresses into the gateway's maps, of a new one with its `rules` in one transaction; what a killed relay left there
/// goes.
fn enlist(netlink: &Netlink, rules: Vec<Message>, elements: &[(IpAddr, u16)]) -> sys::Result<()> {
    let add = || elements.iter().map(|(a, p)| nft::add(*a, *p));
    match netfilter(netlink, rules.into_iter().chain(add()).collect())? {
        None => return Ok(()),
        Some(refused) if !matches!(refused.errno, Errno::EEXIST | Errno::EBUSY) => {
            return Err(refused.into());
        }
        Some(_) => {}
    }
    for (address, _) in elements {
        // one that was never there is refused
        let _ = netfilter(netlink, vec![nft::forget(*address)])?;
    }
    answer(netfilter(netlink, add().collect()))
}

/// Docker's hardware address of an address: `02:42` and its four bytes.
pub(super) fn mac_of(address: IpAddr) -> [u8; 6] {
    let bytes = crate::grammar::subnet::octets(address);
    let last: Vec<u8> = bytes.iter().rev().take(4).rev().copied().collect();
    [2, 0x42, last[0], last[1], last[2], last[3]]
}

/// `02:42:ac:11:00:02`.
pub(super) fn mac_text(mac: [u8; 6]) -> String {
    mac.map(|b| format!("{b:02x}")).join(":")
}

fn parse_mac(text: &str) -> Option<[u8; 6]> {
    let mut parts = text.split(':').map(|p| u8::from_str_radix(p, 16));
    let mut mac = [0; 6];
    for byte in &mut mac {
        *byte = parts.next()?.ok()?;
    }
    Some(mac)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hardware_addresses_are_dockers() {
        let mac = mac_of("172.17.0.2".parse().expect("address"));
        assert_eq!(mac_text(mac), "02:42:ac:11:00:02");
        assert_eq!(parse_mac("02:42:ac:11:00:02"), Some(mac));
        assert_eq!(parse_mac("02:42:ac:11:00"), None);
    }
}
