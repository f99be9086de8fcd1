//! UDP: every source of the container's has one socket on the host, whoever it talks to (endpoint-independent mapping, RFC
//! 4787), and hears only those whom it has spoken to.
//!
//! Outwards the container's datagrams come to one socket in the gateway with the address that they were sent to. Inwards they
//! leave the gateway from a socket that has the peer's port, with the peer's address as their source.

use std::collections::{HashMap, VecDeque};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

use nix::sys::epoll::EpollFlags;

use super::{Entry, LinkId, Relay, gate};
use crate::network::{filter, packet};
use crate::store::networks::Rung;
use crate::sys::datagram::{self, Batch, Outgoing, Received};
use crate::sys::fd::borrow;
use crate::sys::inet::{self, Kind, Version};

/// A container's address and port.
pub(super) type Source = SocketAddr;

/// Sources at once.
const MOST_FLOWS: usize = 4096;
/// Peers of one source.
const MOST_PEERS: usize = 1024;
/// Sockets in gateways that answer from a peer's port.
const MOST_REPLIES: usize = 256;
/// A source without an answer, and one with (RFC 4787 wants two minutes at least).
const UNANSWERED: Duration = Duration::from_secs(30);
const ANSWERED: Duration = Duration::from_secs(180);
/// Looks at one socket before others get their turn.
const LOOKS: usize = 4;

/// One source.
struct Flow {
    link: LinkId,
    /// The host's sockets: one of its version, or those of a published port.
    outside: Vec<Outside>,
    peers: HashMap<SocketAddr, Peer>,
    /// In the order of their coming.
    order: VecDeque<SocketAddr>,
    /// Peers that the container knows by another address.
    aliases: HashMap<SocketAddr, SocketAddr>,
    used: Instant,
    is_answered: bool,
    is_published: bool,
}

struct Outside {
    version: Version,
    fd: OwnedFd,
    entry: u64,
}

/// Somebody whom a source talks to.
#[derive(Clone, Copy)]
struct Peer {
    /// As the container knows it.
    shown: SocketAddr,
    /// By which of the host's sockets it is reached.
    outside: usize,
}

impl Flow {
    fn meet(&mut self, real: SocketAddr, peer: Peer) {
        if self.peers.insert(real, peer).is_some() {
            return;
        }
        if peer.shown != real {
            self.aliases.insert(peer.shown, real);
        }
        self.order.push_back(real);
        if self.order.len() > MOST_PEERS {
            for old in self.order.drain(..MOST_PEERS / 2) {
                if let Some(peer) = self.peers.remove(&old) {
                    self.aliases.remove(&peer.shown);
                }
            }
        }
    }

    fn outside(&self, version: Version) -> Option<usize> {
        self.outside.iter().position(|o| o.version == version)
    }
}

/// Everything about UDP.
#[derive(Default)]
pub(super) struct Datagrams {
    flows: HashMap<Source, Flow>,
    pub(super) asked: super::names::AllAsked,
    replies: HashMap<(LinkId, Version, u16), OwnedFd>,
}

impl Datagrams {
    /// Whether nothing here has a time limit.
    pub(super) fn is_empty(&self) -> bool {
        self.flows.values().all(|f| f.is_published) && self.asked.is_empty()
    }

    /// Drops what was silent for long; returns its entries.
    pub(super) fn expired(&mut self, now: Instant) -> Vec<u64> {
        let mut gone = self.asked.expired(now);
        self.flows.retain(|_, flow| {
            let limit = if flow.is_answered {
                ANSWERED
            } else {
                UNANSWERED
            };
            let stays = flow.is_published || now < flow.used + limit;
            if !stays {
                gone.extend(flow.outside.iter().map(|o| o.entry));
            }
            stays
        });
        if self.flows.is_empty() {
            self.replies.clear();
        }
        gone
    }

    /// Forgets a network.
    pub(super) fn leave(&mut self, link: LinkId) {
        self.flows.retain(|_, f| f.link != link);
        self.replies.retain(|(l, ..), _| *l != link);
    }

    /// Closes what was adopted from published ports.
    pub(super) fn forget_published(&mut self) {
        self.flows.retain(|_, f| !f.is_published);
    }
}

impl Relay {
    pub(super) fn take_batch(&mut self) -> Batch {
        self.batch.take().unwrap_or_else(Batch::new)
    }

    /// From the container to the outside.
    pub(super) fn datagrams_out(&mut self, link: LinkId, version: Version) {
        let mut batch = self.take_batch();
        for _ in 0..LOOKS {
            let Some(sockets) = self.links.get(&link).and_then(|l| l.sockets(version)) else {
                break;
            };
            let Ok((n, more)) = batch.receive(sockets.datagrams.as_fd()) else {
                break;
            };
            self.send_out(link, &batch, n);
            if !more {
                break;
            }
        }
        self.batch = Some(batch);
    }

    fn send_out(&mut self, link: LinkId, batch: &Batch, n: usize) {
        let mut run: Vec<Outgoing<'_>> = Vec::with_capacity(n);
        let mut run_of = None;
        for mut got in (0..n).filter_map(|i| batch.get(i)) {
            let Some(to) = got.to else { continue };
            if self.unpack(link, to, &mut got).is_none() {
                continue;
            }
            let is_gateway = self
                .links
                .get(&link)
                .is_some_and(|l| l.gateway(Version::of(to.ip())) == Some(to.ip()));
            if is_gateway && to.port() == 53 {
                self.question(link, got.from, to, got.bytes);
                continue;
            }
            let Some((real, outside)) = self.way_out(link, got.from, to, is_gateway) else {
                continue;
            };
            if run_of != Some((got.from, outside)) {
                self.send_run(run_of, &mut run);
                run_of = Some((got.from, outside));
            }
            run.extend(datagram::split(Outgoing {
                bytes: got.bytes,
                to: real,
                from: None,
                segment: got.segment,
            }));
        }
        self.send_run(run_of, &mut run);
    }

    /// Without rules datagrams come with their headers, and those that came before the socket had its filter are anybody's.
    fn unpack(&self, link: LinkId, to: SocketAddr, got: &mut Received<'_>) -> Option<()> {
        let link = self.links.get(&link)?;
        if link.rung == Rung::AnyIp {
            let version = Version::of(to.ip());
            let (port, bytes) = packet::strip(version, got.bytes)?;
            got.from.set_port(port);
            got.bytes = bytes;
            link.address(version).filter(|own| *own == got.from.ip())?;
        }
        Some(())
    }

    fn send_run(&mut self, of: Option<(Source, usize)>, run: &mut Vec<Outgoing<'_>>) {
        if let Some((source, outside)) = of
            && let Some(flow) = self.datagrams.flows.get_mut(&source)
        {
            flow.used = Instant::now();
            if let Some(outside) = flow.outside.get(outside) {
                datagram::send(outside.fd.as_fd(), run);
            }
        }
        run.clear();
    }

    /// Where a datagram goes and by which of the source's sockets; `None` where it may not go.
    fn way_out(
        &mut self,
        link: LinkId,
        source: Source,
        to: SocketAddr,
        is_gateway: bool,
    ) -> Option<(SocketAddr, usize)> {
        if let Some(flow) = self.datagrams.flows.get(&source) {
            if let Some(peer) = flow.peers.get(&to).filter(|p| p.shown == to) {
                return Some((to, peer.outside));
            }
            if let Some(real) = flow.aliases.get(&to) {
                return Some((*real, flow.peers.get(real)?.outside));
            }
        }
        let owner = self.links.get(&link)?;
        let real = match is_gateway {
            true => SocketAddr::new(gate::host_address(to.ip())?, to.port()),
            false => owner.may_leave(to.ip()).then_some(to)?,
        };
        let version = Version::of(real.ip());
        if !self.datagrams.flows.contains_key(&source) {
            self.new_flow(link, source, version)?;
        }
        let flow = self.datagrams.flows.get_mut(&source)?;
        let outside = flow.outside(version)?;
        flow.meet(real, Peer { shown: to, outside });
        Some((real, outside))
    }

    fn new_flow(&mut self, link: LinkId, source: Source, version: Version) -> Option<()> {
        if self.datagrams.flows.len() >= MOST_FLOWS {
            return None;
        }
        let fd = inet::socket(version, Kind::Datagram).ok()?;
        prepare_outside(&fd, version);
        let watched = borrow(fd.as_raw_fd());
        let entry = self.watch(watched, EpollFlags::EPOLLIN, Entry::Flow(source));
        let outside = vec![Outside { version, fd, entry }];
        let flow = new_flow(link, outside, false);
        self.datagrams.flows.insert(source, flow);
        self.expect_end();
        Some(())
    }

    /// A published port's socket is the one of its source, for ever.
    pub(super) fn adopt_published(&mut self) {
        for port in 0..self.ports.len() {
            let Some((link, source)) = self.published_source(port) else {
                continue;
            };
            let bound = &self.ports[port];
            let version = Version::of(bound.address().ip());
            let Ok(fd) = crate::sys::fd::duplicate(bound.as_fd()) else {
                continue;
            };
            prepare_outside(&fd, version);
            let outside = Outside {
                version,
                fd,
                entry: 0,
            };
            match self.datagrams.flows.get_mut(&source) {
                Some(flow) => flow.outside.push(outside),
                None => {
                    let flow = new_flow(link, vec![outside], true);
                    self.datagrams.flows.insert(source, flow);
                }
            }
        }
    }

    /// From the outside to a source of the container's.
    pub(super) fn datagrams_in(&mut self, source: Source) {
        let Some(flow) = self.datagrams.flows.get_mut(&source) else {
            return;
        };
        flow.is_answered = true;
        flow.used = Instant::now();
        let Some(outside) = flow.outside.first() else {
            return;
        };
        let fd = outside.fd.as_raw_fd();
        self.receive_in(source, fd, |flow, from| {
            flow.peers.get(&from).map(|p| p.shown)
        });
        self.reports(source, fd);
    }

    /// From the outside to a published port: who speaks first here is the peer.
    pub(super) fn published_in(&mut self, port: usize) {
        let Some((link, source)) = self.published_source(port) else {
            return;
        };
        let Some(gateway) = self
            .links
            .get(&link)
            .and_then(|l| l.gateway(Version::of(source.ip())))
        else {
            return;
        };
        let number = self.ports[port].number();
        let pools = self.links.get(&link).map(|l| l.network.pools.clone());
        let is_hidden = move |a: IpAddr| {
            super::published::is_hidden(a, Version::of(source.ip()), pools.as_deref())
        };
        let index = self.outside_of(port, source);
        self.receive_in(source, number, move |flow, from| {
            if let Some(peer) = flow.peers.get(&from) {
                return Some(peer.shown);
            }
            let shown = match is_hidden(from.ip()) {
                false => from,
                // it keeps its port, if no other has it
                true => (0..64)
                    .map(|n| SocketAddr::new(gateway, from.port().wrapping_add(n).max(1024)))
                    .find(|shown| !flow.aliases.contains_key(shown))?,
            };
            flow.meet(
                from,
                Peer {
                    shown,
                    outside: index,
                },
            );
            Some(shown)
        });
        self.reports(source, number);
    }

    /// Which of a source's sockets is that of a published port.
    fn outside_of(&self, port: usize, source: Source) -> usize {
        let same = |other: &usize| {
            self.published_source(*other)
                .is_some_and(|(_, s)| s == source)
        };
        (0..port).filter(same).count()
    }

    fn receive_in(
        &mut self,
        source: Source,
        fd: i32,
        shown: impl Fn(&mut Flow, SocketAddr) -> Option<SocketAddr>,
    ) {
        let mut batch = self.take_batch();
        for _ in 0..LOOKS {
            let Ok((n, more)) = batch.receive(borrow(fd)) else {
                break;
            };
            let Some(flow) = self.datagrams.flows.get_mut(&source) else {
                break;
            };
            let link = flow.link;
            let mut run: Vec<Outgoing<'_>> = Vec::with_capacity(n);
            let mut run_of = None;
            let mut all = Vec::new();
            for got in (0..n).filter_map(|i| batch.get(i)) {
                let Some(from) = shown(flow, got.from) else {
                    continue;
                };
                if run_of != Some(from.port()) {
                    all.push((run_of, std::mem::take(&mut run)));
                    run_of = Some(from.port());
                }
                run.extend(datagram::split(Outgoing {
                    bytes: got.bytes,
                    to: source,
                    from: Some(from.ip()),
                    segment: got.segment,
                }));
            }
            all.push((run_of, run));
            for (port, run) in all {
                if let Some(port) = port {
                    self.send_in(link, Version::of(source.ip()), port, &run);
                }
            }
            if !more {
                break;
            }
        }
        self.batch = Some(batch);
    }

    /// Sends into the gateway from a peer's port.
    pub(super) fn send_in(
        &mut self,
        link: LinkId,
        version: Version,
        port: u16,
        run: &[Outgoing<'_>],
    ) {
        let key = (link, version, port);
        if !self.datagrams.replies.contains_key(&key) {
            if self.datagrams.replies.len() >= MOST_REPLIES {
                self.datagrams.replies.clear();
            }
            let Some(fd) = self.spare(link, version, Kind::Datagram) else {
                return;
            };
            if prepare_reply(&fd, version, port).is_err() {
                return;
            }
            self.datagrams.replies.insert(key, fd);
        }
        if let Some(fd) = self.datagrams.replies.get(&key) {
            datagram::send(fd.as_fd(), run);
        }
    }

    /// What ICMP has told the host about a source's datagrams, told on.
    fn reports(&mut self, source: Source, fd: i32) {
        for _ in 0..LOOKS {
            let Some((real, errno)) = datagram::take_report(borrow(fd)) else {
                return;
            };
            let Some(flow) = self.datagrams.flows.get(&source) else {
                return;
            };
            let shown = flow.peers.get(&real).map(|p| p.shown);
            if let (Some(shown), Some(why)) = (shown, gate::reason(errno)) {
                let cited = packet::datagram(source, shown);
                // the host that answered is not told apart from the one that was asked
                if let Some(told) = packet::unreachable(&cited, shown.ip(), why) {
                    self.inject(flow.link, shown.ip(), &told, source);
                }
            }
        }
    }
}

fn new_flow(link: LinkId, outside: Vec<Outside>, is_published: bool) -> Flow {
    Flow {
        link,
        outside,
        peers: HashMap::new(),
        order: VecDeque::new(),
        aliases: HashMap::new(),
        used: Instant::now(),
        is_answered: false,
        is_published,
    }
}

/// A host's socket: errors are told, datagrams come joined. It works without either.
fn prepare_outside(fd: &OwnedFd, version: Version) {
    let _ = inet::set_error_queue(fd.as_fd(), version);
    let _ = inet::set(fd.as_fd(), inet::JOIN_DATAGRAMS, 1);
    let _ = inet::set(fd.as_fd(), inet::RECEIVE_BUFFER_PLAIN, 1 << 20);
}

/// A socket in a gateway that only sends, from any address and this port.
fn prepare_reply(fd: &OwnedFd, version: Version, port: u16) -> crate::sys::Result<()> {
    inet::set_filter(fd.as_fd(), &filter::nothing())?;
    let any: IpAddr = match version {
        Version::V4 => Ipv4Addr::UNSPECIFIED.into(),
        Version::V6 => {
            inet::set(fd.as_fd(), inet::V6_ONLY, 1)?;
            Ipv6Addr::UNSPECIFIED.into()
        }
    };
    inet::bind(fd.as_fd(), SocketAddr::new(any, port))
}
