//! Names: the gateway's port 53. Containers of networks that the user made are known here; what is not is asked of the name
//! servers that the host uses at that moment (a VPN may come and go).
//!
//! A question is passed on as it is, by a connected socket of its own source: only the server that was asked can answer.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use nix::sys::epoll::{Epoll, EpollEvent, EpollFlags};

use super::datagrams::Source;
use super::{Entry, LinkId, Relay};
use crate::error::Result;
use crate::grammar::dns::{self, serve};
use crate::network::resolver::{Heard, RESOLVER};
use crate::store::networks::members;
use crate::sys::datagram::Outgoing;
use crate::sys::fd::borrow;
use crate::sys::inet::{self, Kind, Version};

/// Questions on their way at once.
const MOST: usize = 256;
/// Questions of one source that are remembered, to ask another server.
const REMEMBERED: usize = 4;
/// An unanswered question.
const PATIENCE: Duration = Duration::from_secs(15);
/// The longest message by UDP.
const LARGEST: usize = 65_536;
/// Questions taken in one look.
const TAKEN: usize = 16;

/// The host under the names that programs expect.
const HOST_NAMES: [&str; 2] = ["host.docker.internal", "host.containers.internal"];

/// The host's name servers as last read.
#[derive(Default)]
pub(super) struct Names {
    read: Option<SystemTime>,
    servers: Vec<IpAddr>,
}

/// A source whose questions are on their way.
struct Asked {
    link: LinkId,
    gateway: SocketAddr,
    fd: OwnedFd,
    entry: u64,
    server: usize,
    since: Instant,
    questions: Vec<Vec<u8>>,
}

/// All of them.
#[derive(Default)]
pub(super) struct AllAsked(HashMap<Source, Asked>);

impl AllAsked {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn expired(&mut self, now: Instant) -> Vec<u64> {
        let mut gone = Vec::new();
        self.0.retain(|_, asked| {
            let stays = now < asked.since + PATIENCE;
            if !stays {
                gone.push(asked.entry);
            }
            stays
        });
        gone
    }
}

impl Names {
    /// What the host uses now; a file that has not changed is not read again.
    fn servers(&mut self) -> &[IpAddr] {
        const PATH: &str = "/etc/resolv.conf";
        let changed = std::fs::metadata(PATH).and_then(|m| m.modified()).ok();
        if changed.is_none() || changed != self.read {
            let text = std::fs::read_to_string(PATH).unwrap_or_default();
            self.servers = dns::resolv(&text).servers;
            self.read = changed;
        }
        &self.servers
    }
}

/// The entry of [`Resolver`]: the others count from 1.
pub(super) const RESOLVER_ENTRY: u64 = 0;

/// Docker's address of a name server, in the container's own namespace; the gateway's thread gives it.
#[derive(Default, Clone)]
pub(super) struct Resolver(Arc<Mutex<Option<Heard>>>);

impl Resolver {
    /// Returns what keeps sockets here, in place of the last program's, and has `epoll` watch them.
    pub(super) fn taker(&self, epoll: &Epoll) -> Result<impl Fn(Heard) + Send + 'static> {
        let kept = self.clone();
        let epoll = Epoll(crate::sys::fd::duplicate(epoll.0.as_fd())?);
        Ok(move |heard: Heard| {
            let watch = |fd: &OwnedFd, side| {
                let event = EpollEvent::new(EpollFlags::EPOLLIN, RESOLVER_ENTRY << 1 | side);
                // without memory for it nobody is heard there
                let _ = epoll.add(fd.as_fd(), event);
            };
            watch(&heard.datagrams, 0);
            heard.connections.iter().for_each(|fd| watch(fd, 1));
            *kept.lock() = Some(heard);
        })
    }

    /// Takes a connection that waits.
    pub(super) fn accept(&self) -> Option<OwnedFd> {
        let heard = self.lock();
        let listener = heard.as_ref()?.connections.as_ref()?;
        let (fd, _) = inet::accept(listener.as_fd()).ok()?;
        Some(fd)
    }

    /// Leaves the container's namespace.
    pub(super) fn close(&self) {
        *self.lock() = None;
    }

    fn lock(&self) -> MutexGuard<'_, Option<Heard>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Relay {
    /// Questions to docker's name server, inside the container.
    pub(super) fn questions_inside(&mut self) {
        let Some(link) = self.links.keys().next().copied() else {
            return;
        };
        let mut buffer = std::mem::take(&mut self.packet);
        buffer.resize(LARGEST, 0);
        for _ in 0..TAKEN {
            let resolver = self.resolver.lock();
            let got = resolver
                .as_ref()
                .map(|r| inet::receive_from(r.datagrams.as_fd(), &mut buffer));
            drop(resolver);
            let Some(Ok((n, from))) = got else { break };
            self.question(link, from, RESOLVER, &buffer[..n]);
        }
        self.packet = buffer;
    }

    /// The `n`-th name server that the gateway asks.
    pub(super) fn name_server(&mut self, n: usize) -> Option<SocketAddr> {
        let servers = match self.servers.is_empty() {
            false => &self.servers[..],
            true => self.names.servers(),
        };
        let address = servers.get(n)?;
        Some(SocketAddr::new(*address, 53))
    }

    /// A datagram to the gateway's port 53.
    pub(super) fn question(
        &mut self,
        link: LinkId,
        source: Source,
        gateway: SocketAddr,
        query: &[u8],
    ) {
        if !serve::is_query(query) {
            return; // no server would answer
        }
        if let Some(answer) = self.known(link, query, serve::room(query)) {
            self.answer(link, source, gateway, &answer);
            return;
        }
        if self.is_internal() {
            if let Some(failure) = serve::failure(query) {
                self.answer(link, source, gateway, &failure);
            }
            return;
        }
        self.pass_on(link, source, gateway, query);
    }

    /// Nobody outside may be asked.
    pub(super) fn is_internal(&self) -> bool {
        self.links.values().all(|l| l.network.internal)
    }

    fn answer(&mut self, link: LinkId, source: Source, from: SocketAddr, message: &[u8]) {
        if from == RESOLVER {
            if let Some(resolver) = &*self.resolver.lock() {
                // lost, as on any network
                let _ = inet::send_to(resolver.datagrams.as_fd(), message, source);
            }
            return;
        }
        let out = Outgoing {
            bytes: message,
            to: source,
            from: Some(from.ip()),
            segment: 0,
        };
        self.send_in(link, Version::of(source.ip()), from.port(), &[out]);
    }

    /// The answer, of at most `room` bytes, to a question about a container or the host; `None` for anything else.
    pub(super) fn known(&self, link: LinkId, query: &[u8], room: usize) -> Option<Vec<u8>> {
        use serve::Question;
        let question = serve::question(query)?;
        let (name, version) = match &question {
            Question::V4(name) => (name, Some(Version::V4)),
            Question::V6(name) => (name, Some(Version::V6)),
            Question::Other(name) => (name, None),
            Question::Name(address) => {
                let found = self.name_of(*address)?;
                return serve::records(query, &[serve::Record::Name(found)], room);
            }
        };
        let addresses = if HOST_NAMES.contains(&name.as_str()) {
            let link = self.links.get(&link)?;
            [Version::V4, Version::V6]
                .into_iter()
                .filter_map(|v| link.gateway(v))
                .collect()
        } else {
            self.addresses_of(name)?
        };
        let mut records: Vec<_> = addresses
            .into_iter()
            .filter(|a| version == Some(Version::of(*a)))
            .map(serve::Record::Address)
            .collect();
        if !records.is_empty() {
            // as with docker everybody is first once; whoever asks has chosen a random id
            let first = serve::id(query).unwrap_or(0);
            let length = records.len();
            records.rotate_left(usize::from(first) % length);
        }
        serve::records(query, &records, room)
    }

    /// Members of the networks whose name server knows containers.
    fn neighbours(&self) -> Vec<members::Member> {
        let is_named = |id: &str| {
            self.links
                .values()
                .any(|l| l.network.id == id && !l.network.is_default())
        };
        if self.links.values().all(|l| l.network.is_default()) {
            return Vec::new();
        }
        let mut all = members::read(&self.paths).unwrap_or_default();
        all.retain(|m| is_named(&m.endpoint.network_id));
        all
    }

    fn addresses_of(&self, name: &str) -> Option<Vec<IpAddr>> {
        let neighbours = self.neighbours();
        let matching = neighbours.iter().filter(|m| {
            // `name.network` too, as with docker
            let full =
                |n: &String| format!("{n}.{}", m.endpoint.network).eq_ignore_ascii_case(name);
            let given = self.aliases.iter().filter(|(_, id)| *id == m.container);
            let names = m.endpoint.names.iter().chain(given.map(|(name, _)| name));
            names
                .clone()
                .any(|n| n.eq_ignore_ascii_case(name) || full(n))
                && m.is_alive()
        });
        let found: Vec<IpAddr> = matching
            .flat_map(|m| [m.endpoint.address, m.endpoint.address6])
            .flatten()
            .collect();
        (!found.is_empty()).then_some(found)
    }

    fn name_of(&self, address: IpAddr) -> Option<String> {
        let neighbours = self.neighbours();
        let found = neighbours.iter().find(|m| {
            [m.endpoint.address, m.endpoint.address6].contains(&Some(address)) && m.is_alive()
        })?;
        Some(format!("{}.{}", found.name, found.endpoint.network))
    }

    /// Asks a server. The same question again means that the last one did not answer: the next is asked.
    fn pass_on(&mut self, link: LinkId, source: Source, gateway: SocketAddr, query: &[u8]) {
        let repeated = self.datagrams.asked.0.get(&source).and_then(|asked| {
            let id = serve::id(query);
            let is_same = asked.questions.iter().any(|q| serve::id(q) == id);
            is_same.then_some(asked.server + 1)
        });
        let next = match (repeated, self.datagrams.asked.0.contains_key(&source)) {
            (Some(next), _) => Some(next),
            (None, false) => Some(0),
            (None, true) => None,
        };
        if let Some(next) = next {
            let next = if self.name_server(next).is_some() {
                next
            } else {
                0
            };
            if self.ask_server(link, source, gateway, next).is_none() {
                if let Some(failure) = serve::failure(query) {
                    self.answer(link, source, gateway, &failure);
                }
                return;
            }
        }
        if let Some(asked) = self.datagrams.asked.0.get_mut(&source) {
            if asked.questions.len() == REMEMBERED {
                asked.questions.remove(0);
            }
            asked.questions.push(query.to_vec());
            // lost, as on any network
            let _ = inet::send(asked.fd.as_fd(), query);
        }
    }

    fn ask_server(
        &mut self,
        link: LinkId,
        source: Source,
        gateway: SocketAddr,
        server: usize,
    ) -> Option<()> {
        let to = self.name_server(server)?;
        let old = self.datagrams.asked.0.remove(&source);
        if let Some(old) = &old {
            self.entries.remove(&old.entry);
        }
        if self.datagrams.asked.0.len() >= MOST {
            return None;
        }
        let fd = inet::socket(Version::of(to.ip()), Kind::Datagram).ok()?;
        inet::connect(fd.as_fd(), to).ok()?;
        let watched = borrow(fd.as_raw_fd());
        let entry = self.watch(watched, EpollFlags::EPOLLIN, Entry::Asked(source));
        let asked = Asked {
            link,
            gateway,
            fd,
            entry,
            server,
            since: Instant::now(),
            questions: old.map(|o| o.questions).unwrap_or_default(),
        };
        self.datagrams.asked.0.insert(source, asked);
        self.expect_end();
        Some(())
    }

    /// A server has answered, or cannot be reached.
    pub(super) fn answered(&mut self, source: Source) {
        let mut buffer = std::mem::take(&mut self.packet);
        buffer.resize(LARGEST, 0);
        while let Some(asked) = self.datagrams.asked.0.get_mut(&source) {
            match inet::receive(asked.fd.as_fd(), &mut buffer) {
                Ok(n) => {
                    let (link, gateway) = (asked.link, asked.gateway);
                    let id = serve::id(&buffer[..n]);
                    asked.questions.retain(|q| serve::id(q) != id);
                    asked.since = Instant::now();
                    self.answer(link, source, gateway, &buffer[..n]);
                }
                Err(nix::errno::Errno::EAGAIN) => break,
                Err(_) => {
                    self.ask_next(source);
                    break;
                }
            }
        }
        self.packet = buffer;
    }

    /// The server refuses: what it was asked goes to the next, and at the end of the list back as a failure.
    fn ask_next(&mut self, source: Source) {
        let Some(asked) = self.datagrams.asked.0.get(&source) else {
            return;
        };
        let (link, gateway, next) = (asked.link, asked.gateway, asked.server + 1);
        let questions = asked.questions.clone();
        if self.ask_server(link, source, gateway, next).is_some() {
            if let Some(asked) = self.datagrams.asked.0.get(&source) {
                for question in &questions {
                    let _ = inet::send(asked.fd.as_fd(), question);
                }
            }
            return;
        }
        if let Some(old) = self.datagrams.asked.0.remove(&source) {
            self.entries.remove(&old.entry);
        }
        for question in questions {
            if let Some(failure) = serve::failure(&question) {
                self.answer(link, source, gateway, &failure);
            }
        }
    }
}
