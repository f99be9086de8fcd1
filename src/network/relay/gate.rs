//! Gating of connections: a container's SYN waits until the outside has answered, so that refused is refused.
//!
//! ```text
//! SYN ---> capture (nobody else takes it) ---> connect on the host --- refused ---> RST, or "unreachable"
//!                                                     |
//!                                                  stands ---> connect in the gateway, in the outside's name: a stream
//! ```
//!
//! The other end connects to the container in turn, and the kernels open the connection from both sides at once (RFC 9293,
//! 3.5). A listener that the SYN is let through to would do as well, but for one connection in 60,000: the kernel takes what
//! is half open out of its table before it puts the whole in (inet_ehash_insert(), seen on Linux 6.18), and what the
//! container says at once, on another processor, finds nobody there and is answered by a reset.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::epoll::EpollFlags;

use super::{Entry, LinkId, Relay};
use crate::network::packet::{self, Beginning, Unreachable};
use crate::sys::inet::{self, Kind, Version};

/// Connections being made at once.
const MOST_PENDING: usize = 1024;
/// How long a connection may take to stand.
const PATIENCE: Duration = Duration::from_secs(30);
/// The largest packet that begins something.
const LARGEST: usize = 65_536;

/// Sockets of the host made ahead while connections come, of each version.
const AHEAD: usize = 2;
/// For so long after a connection was let through there is more to come of it.
const YOUNG: Duration = Duration::from_micros(300);
/// For so long it is looked for what comes of a young connection before we sleep: a wake-up costs as much.
const EAGER: Duration = Duration::from_micros(50);

/// Both ends as the container sees them: from, to.
type Ends = (SocketAddr, SocketAddr);

/// A host's socket that is being connected.
pub(super) struct Pending {
    ends: Ends,
    link: LinkId,
    syn: Vec<u8>,
    fd: OwnedFd,
}

/// What is between a SYN and a stream.
#[derive(Default)]
pub(super) struct Gate {
    pending: HashMap<Ends, (u64, Instant)>,
    /// The host's sockets that are made ahead.
    ahead: HashMap<Version, Vec<OwnedFd>>,
    last: Option<Instant>,
}

impl Gate {
    /// A socket of the host that is to be connected.
    fn outside(&mut self, version: Version) -> Option<OwnedFd> {
        let ahead = self.ahead.entry(version).or_default();
        ahead.pop().or_else(|| outside(version))
    }

    /// Makes what was taken anew, when nobody waits for it.
    pub(super) fn prepare(&mut self) {
        for (version, ahead) in &mut self.ahead {
            let missing = AHEAD.saturating_sub(ahead.len());
            ahead.extend((0..missing).map_while(|_| outside(*version)));
        }
    }

    /// Nothing comes: nothing is kept for it.
    pub(super) fn rest(&mut self) {
        self.ahead = HashMap::new();
    }

    /// For how long what comes next is to be looked for.
    pub(super) fn busy_poll(&self) -> Duration {
        match self.last {
            Some(last) if last.elapsed() < YOUNG => EAGER,
            _ => Duration::ZERO,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.pending.is_empty()
    }

    pub(super) fn clear(&mut self) {
        *self = Gate::default();
    }

    pub(super) fn forget(&mut self, pending: &Pending) {
        self.pending.remove(&pending.ends);
    }

    /// Returns the entries of what takes too long to stand.
    pub(super) fn expired(&mut self, now: Instant, entries: &HashMap<u64, Entry>) -> Vec<u64> {
        self.pending.retain(|_, (id, _)| entries.contains_key(id));
        let late = self
            .pending
            .values()
            .filter(|(_, at)| now >= *at + PATIENCE);
        late.map(|(id, _)| *id).collect()
    }
}

impl Relay {
    /// A packet that begins something. One in each look: the next look costs no more than to be told that there is none.
    pub(super) fn captured(&mut self, link: LinkId, version: Version) {
        let mut buffer = std::mem::take(&mut self.packet);
        buffer.resize(LARGEST, 0);
        let sockets = self.links.get(&link).and_then(|l| l.sockets(version));
        let got = sockets.map(|s| inet::receive(s.capture.as_fd(), &mut buffer));
        if let Some(Ok(n)) = got {
            let packet = &buffer[..n];
            match packet::read(packet) {
                Some(Beginning::Connection(from, to)) => self.syn(link, (from, to), packet),
                Some(Beginning::Echo(from, to, id, at)) => {
                    self.echo(link, (from, to, id), packet, at);
                }
                None => {}
            }
        }
        self.packet = buffer;
    }

    fn syn(&mut self, link: LinkId, ends: Ends, syn: &[u8]) {
        if self.gate.pending.contains_key(&ends) {
            return;
        }
        if self.is_name_server(link, ends.1) {
            self.inquire(link, ends);
            return;
        }
        let Some(to) = self.outside(link, ends.1) else {
            return;
        };
        if self.gate.pending.len() >= MOST_PENDING || !self.has_room() {
            return;
        }
        let Ok(to) = to else {
            self.refuse(link, syn, ends, Errno::ECONNREFUSED);
            return;
        };
        let Some(fd) = self.gate.outside(Version::of(to.ip())) else {
            return;
        };
        match inet::connect_now(fd.as_fd(), to) {
            Ok(true) => self.let_through(link, ends, fd, false),
            Ok(false) => {
                let watched = crate::sys::fd::borrow(std::os::fd::AsRawFd::as_raw_fd(&fd));
                let pending = Pending {
                    ends,
                    link,
                    syn: syn.to_vec(),
                    fd,
                };
                let flags = EpollFlags::EPOLLOUT | EpollFlags::EPOLLONESHOT;
                let id = self.watch(watched, flags, Entry::Pending(pending));
                self.gate.pending.insert(ends, (id, Instant::now()));
                self.expect_end();
            }
            Err(e) => self.refuse(link, syn, ends, e),
        }
    }

    fn is_name_server(&self, link: LinkId, to: SocketAddr) -> bool {
        let link = self.links.get(&link);
        to.port() == 53 && link.and_then(|l| l.gateway(Version::of(to.ip()))) == Some(to.ip())
    }

    /// Whoever asks names is answered by us.
    fn inquire(&mut self, link: LinkId, (from, to): Ends) {
        if !self.may_inquire() {
            return;
        }
        // the same SYN once more finds the ends taken
        if let Some(inside) = self.connect_as(link, Version::of(to.ip()), to, from) {
            self.admit(link, inside.into());
        }
    }

    /// Where a container's destination is for us: `None` where it may not go at all, an error where nobody can be.
    fn outside(&self, link: LinkId, to: SocketAddr) -> Option<Result<SocketAddr, ()>> {
        let link = self.links.get(&link)?;
        let version = Version::of(to.ip());
        let is_internal = link.network.internal;
        if Some(to.ip()) == link.gateway(version) {
            // the host itself, by an address that is not its loopback: what listens there for others
            let host = host_address(to.ip()).filter(|_| !is_internal);
            return Some(host.map(|ip| SocketAddr::new(ip, to.port())).ok_or(()));
        }
        link.may_leave(to.ip()).then_some(Ok(to))
    }

    /// A host's socket stands, or does not.
    pub(super) fn connected(&mut self, id: u64) {
        let Some(Entry::Pending(pending)) = self.entries.remove(&id) else {
            return;
        };
        self.gate.forget(&pending);
        let Pending {
            ends,
            link,
            syn,
            fd,
        } = pending;
        match inet::take_error(fd.as_fd()) {
            None => self.let_through(link, ends, fd, true),
            Some(e) => self.refuse(link, &syn, ends, e),
        }
    }

    /// The outside stands: the container gets its answer. `is_watched`: it had to be waited for.
    fn let_through(&mut self, link: LinkId, (from, to): Ends, fd: OwnedFd, is_watched: bool) {
        self.gate.last = Some(Instant::now());
        // the same SYN once more finds the ends taken
        if let Some(inside) = self.connect_as(link, Version::of(to.ip()), to, from) {
            self.begin(inside.join(fd), is_watched);
        }
    }

    fn refuse(&mut self, link: LinkId, syn: &[u8], ends: Ends, why: Errno) {
        let reporter = self
            .links
            .get(&link)
            .and_then(|l| l.gateway(Version::of(ends.0.ip())));
        let (Some(reporter), from) = (reporter, ends.0) else {
            return;
        };
        let answer = match why {
            // nobody has answered the host, and nobody answers the container
            Errno::ETIMEDOUT | Errno::EMFILE | Errno::ENFILE | Errno::ENOMEM => None,
            Errno::ECONNREFUSED => packet::reset(syn),
            _ => match reason(why) {
                Some(why) => packet::unreachable(syn, reporter, why),
                None => packet::reset(syn),
            },
        };
        if let Some(answer) = answer {
            self.inject(link, reporter, &answer, from);
        }
    }

    /// Puts a whole packet into a link's gateway.
    pub(super) fn inject(&self, link: LinkId, like: IpAddr, packet: &[u8], to: SocketAddr) {
        let version = Version::of(like);
        let sockets = self.links.get(&link).and_then(|l| l.sockets(version));
        if let Some(sockets) = sockets {
            // lost, as on any network; the port of a raw packet's address means nothing and must be 0
            let _ = inet::send_to(sockets.raw.as_fd(), packet, SocketAddr::new(to.ip(), 0));
        }
    }
}

fn outside(version: Version) -> Option<OwnedFd> {
    let fd = inet::socket(version, Kind::Stream).ok()?;
    // small messages are whole messages; not worth a connection
    let _ = inet::set(fd.as_fd(), inet::NO_DELAY, 1);
    Some(fd)
}

/// What ICMP calls an error.
pub(super) fn reason(errno: Errno) -> Option<Unreachable> {
    match errno {
        Errno::ECONNREFUSED => Some(Unreachable::Port),
        Errno::EHOSTUNREACH | Errno::EHOSTDOWN => Some(Unreachable::Host),
        Errno::ENETUNREACH | Errno::ENETDOWN => Some(Unreachable::Network),
        Errno::EACCES | Errno::EPERM => Some(Unreachable::Forbidden),
        _ => None,
    }
}

/// An address of this host that is not its loopback, of the version of `like`.
pub(super) fn host_address(like: IpAddr) -> Option<IpAddr> {
    let far: IpAddr = match like {
        IpAddr::V4(_) => [192, 0, 2, 1].into(),
        IpAddr::V6(_) => [0x2001, 0xdb8, 0, 0, 0, 0, 0, 1].into(),
    };
    let found = inet::source_for(far).filter(|a| !a.is_loopback());
    found.or_else(|| {
        // no way out: any address of an interface
        let interfaces = nix::ifaddrs::getifaddrs().ok()?;
        let addresses = interfaces.filter_map(|i| {
            let address = i.address?;
            let v4 = address.as_sockaddr_in().map(|a| IpAddr::from(a.ip()));
            v4.or_else(|| address.as_sockaddr_in6().map(|a| IpAddr::from(a.ip())))
        });
        let mut usable = addresses.filter(|a| {
            a.is_ipv4() == like.is_ipv4() && !a.is_loopback() && packet::is_reachable(*a)
        });
        usable.next()
    })
}
