//! ROLE. The relay: one process per container with a network of its own, a fork of its monitor.
//!
//! Runs in U0; its main thread is in the host's network namespace and opens ordinary sockets there, its other thread lives in
//! gateways (`network::gateway`). Everything happens in one epoll loop on the main thread; without traffic nothing wakes it.
//! It is a process and not threads of the monitor because a monitor forks again when it restarts its program, and because
//! closing what it holds takes the kernel 10 to 30 ms: the monitor tells the exit status meanwhile.
//!
//! Killed at any line: the container loses its connections, nothing else, and its monitor starts another relay, with the same
//! addresses and ports; another container's relay keeps the networks that they share. When its monitor ends it delivers what
//! the container said last, for at most [`DRAIN`], and ends.
//!
//! # Limits of one container
//! | what | limit | beyond it |
//! | --- | --- | --- |
//! | connections being made | 1,024 | the SYN is lost; the container tries again |
//! | connections | (descriptors - 512) / 2 | the SYN is lost; from outside: closed at once |
//! | UDP sources | 4,096 | the datagram is lost |
//! | peers of one UDP source | 1,024 | the oldest half is forgotten |
//! | questions to name servers | 256 | the datagram is lost |
//! | who asks names by TCP | 64 | the SYN is lost |
//! | echo identifiers | 64 | the request is lost |

mod control;
mod datagrams;
mod echo;
mod gate;
mod inquiry;
mod names;
mod parting;
mod published;
mod sleep;
mod stream;

use std::collections::{BTreeMap, HashMap};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};

pub(crate) use control::{Order, Report, report};
pub(crate) use published::{Bound, bind};

use super::gateway::{self, Opened, Place, Request, Sockets};
use super::join::{self, Newcomer};
use super::packet;
use super::plan::NetworkPlan;
use crate::error::{Error, Kind as ErrorKind, Result};
use crate::store::networks::members::{Member, Members};
use crate::store::networks::{Endpoint, Network, Rung};
use crate::store::paths::Paths;
use crate::sys::datagram::Batch;
use crate::sys::inet::{self, Kind, Version};
use crate::sys::memory::Nap;
use crate::sys::{self, namespace};
use stream::{After, Ready, Room, Stream};

/// What the process is called.
const ROLE: &str = "__relay";
/// The longest that last bytes are delivered after the container's end.
const DRAIN: Duration = Duration::from_secs(5);
/// Time between looks at what has a time limit, while there is something that has one.
const SWEEP: Duration = Duration::from_secs(5);
/// Quiet time after which memory is given back.
const REST_AFTER: Duration = Duration::from_millis(200);
/// Descriptors that are not for connections.
const RESERVED: u64 = 512;
/// Sockets that the gateway's thread makes at once.
const SPARE_SOCKETS: usize = 8;
/// Events in one look.
const EVENTS: usize = 128;

/// Everything that a relay begins with.
pub(crate) struct Setup<'a> {
    /// The user's folders.
    pub(crate) paths: &'a Paths,
    /// The container's id and name.
    pub(crate) container: (&'a str, &'a str),
    /// The plan.
    pub(crate) plan: &'a NetworkPlan,
    /// The list of members, held since the addresses were chosen.
    pub(crate) members: Members,
    /// The chosen places.
    pub(crate) places: Places,
    /// Published ports.
    pub(crate) ports: Vec<Bound>,
    /// To the monitor.
    pub(crate) control: OwnedFd,
}

/// Chosen places, with the living gateways among them open.
pub(crate) struct Places {
    list: Vec<Place>,
    /// Others can enter what we make: we are in their user namespace.
    is_of_the_family: bool,
}

impl Places {
    /// Chooses. `is_of_the_family`: we are in the user namespace of those who are on networks.
    pub(crate) fn choose(
        members: &Members,
        plan: &NetworkPlan,
        container: &str,
        is_of_the_family: bool,
    ) -> Result<Places> {
        let who = Newcomer {
            id: container,
            is_of_the_family,
            rung: plan.rung,
        };
        Ok(Places {
            list: join::places(members, &plan.attachments, who)?,
            is_of_the_family,
        })
    }

    /// Returns what the container gets.
    pub(crate) fn endpoints(&self) -> Vec<Endpoint> {
        self.list.iter().map(|p| p.endpoint.clone()).collect()
    }

    fn descriptors(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.list.iter().filter_map(|p| match &p.origin {
            gateway::Origin::Join(fd, _) => Some(fd.as_fd()),
            gateway::Origin::Make(_) => None,
        })
    }
}

/// Runs the role in a fork of a monitor; never returns.
pub(crate) fn main(setup: Setup<'_>) -> ! {
    sys::process::rename(ROLE);
    let control = sys::fd::duplicate(setup.control.as_fd());
    let code = match Relay::start(setup).and_then(Relay::run) {
        Ok(()) => 0,
        Err(e) => {
            if let Ok(control) = control {
                // a monitor that is gone needs no report
                let _ = control::report(control.as_fd(), &Report::Failed(e));
            }
            1
        }
    };
    sys::process::exit_now(code)
}

/// One network that the container is on.
struct Link {
    network: Network,
    endpoint: Endpoint,
    /// Others find the gateway by it.
    namespace: OwnedFd,
    rung: Rung,
    sockets: Vec<Sockets>,
    /// For how long it is looked after traffic before we sleep.
    busy_poll: Duration,
}

impl Link {
    fn sockets(&self, version: Version) -> Option<&Sockets> {
        self.sockets.iter().find(|s| s.version == version)
    }

    fn gateway(&self, version: Version) -> Option<std::net::IpAddr> {
        match version {
            Version::V4 => self.endpoint.gateway,
            Version::V6 => self.endpoint.gateway6,
        }
    }

    /// Whether something sent to this address goes out: those of the network itself are on the link, or nowhere.
    fn may_leave(&self, to: std::net::IpAddr) -> bool {
        let is_inside = self.network.pools.iter().any(|p| p.subnet.contains(to));
        !self.network.internal && !is_inside && packet::is_reachable(to)
    }

    fn address(&self, version: Version) -> Option<std::net::IpAddr> {
        match version {
            Version::V4 => self.endpoint.address,
            Version::V6 => self.endpoint.address6,
        }
    }
}

/// Number of a link, by which entries know it: the links themselves come and go.
type LinkId = u32;

/// Where a socket is, and what it carries.
type SpareKey = (LinkId, Version, Kind);

/// Sockets of one kind in one gateway that nobody has used.
#[derive(Default)]
struct Spares {
    made: Vec<OwnedFd>,
    /// The gateway's thread is at the next ones.
    coming: Option<mpsc::Receiver<Vec<OwnedFd>>>,
}

/// What a watched descriptor is.
enum Entry {
    Control,
    Capture(LinkId, Version),
    Datagrams(LinkId, Version),
    Published(usize),
    Pending(gate::Pending),
    Stream(Box<Stream>),
    /// The host's side of a UDP source.
    Flow(datagrams::Source),
    /// A question on its way to a name server.
    Asked(datagrams::Source),
    /// The host's side of an echo identifier.
    Echo(echo::Key),
    /// Questions inside the container.
    Resolver,
    /// One who asks names by TCP.
    Inquiry(Box<inquiry::Inquiry>),
}

struct Relay {
    paths: Paths,
    container: (String, String),
    servers: Vec<std::net::IpAddr>,
    /// Names that only this container knows, and whose they are.
    aliases: Vec<(String, String)>,
    /// The way of gateways that are made later, if it was chosen.
    rung: Option<Rung>,
    is_of_the_family: bool,
    control: OwnedFd,
    gateway: mpsc::Sender<Request>,
    links: BTreeMap<LinkId, Link>,
    ports: Vec<Bound>,
    epoll: Epoll,
    entries: HashMap<u64, Entry>,
    next: u64,
    room: Room,
    batch: Option<Batch>,
    packet: Vec<u8>,
    gate: gate::Gate,
    datagrams: datagrams::Datagrams,
    echoes: echo::Echoes,
    names: names::Names,
    resolver: names::Resolver,
    /// Their entries, also of some that are gone.
    inquiries: Vec<u64>,
    spares: HashMap<SpareKey, Spares>,
    streams: u64,
    most_streams: u64,
    /// Connections whose turn was over before their bytes were.
    due: Vec<u64>,
    /// Connections that nobody has asked yet whether they live: most are over before the question.
    young: Vec<u64>,
    /// Until then we look for traffic and do not sleep.
    busy_until: Option<Instant>,
    drain_until: Option<Instant>,
    sweep_at: Option<Instant>,
    nap: Option<Nap>,
}

impl Relay {
    fn start(setup: Setup<'_>) -> Result<Relay> {
        keep_only(&setup);
        namespace::show_descriptors();
        let limit = inet::raise_descriptor_limit();
        let report = sys::fd::duplicate(setup.control.as_fd())?;
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)
            .map_err(|e| sys::SysError::new("epoll_create1()", e))?;
        let resolver = names::Resolver::default();
        let gateway = gateway::start(gateway::Ears {
            failed: Box::new(move |e| {
                let _ = control::report(report.as_fd(), &Report::Failed(e));
            }),
            resolver: match setup.plan.is_name_server {
                true => None,
                false => Some(Box::new(resolver.taker(&epoll)?)),
            },
        })?;
        let mut relay = Relay {
            paths: setup.paths.clone(),
            container: (setup.container.0.to_owned(), setup.container.1.to_owned()),
            servers: setup.plan.servers.clone(),
            aliases: setup.plan.links.clone(),
            rung: setup.plan.rung,
            is_of_the_family: setup.places.is_of_the_family,
            control: setup.control,
            gateway,
            links: BTreeMap::new(),
            ports: setup.ports,
            epoll,
            entries: HashMap::from([(names::RESOLVER_ENTRY, Entry::Resolver)]),
            next: 0,
            room: Room::new(),
            batch: None,
            packet: Vec::new(),
            gate: gate::Gate::default(),
            datagrams: datagrams::Datagrams::default(),
            echoes: echo::Echoes::default(),
            names: names::Names::default(),
            resolver,
            inquiries: Vec::new(),
            spares: HashMap::new(),
            streams: 0,
            most_streams: limit.saturating_sub(RESERVED) / 2,
            due: Vec::new(),
            young: Vec::new(),
            busy_until: None,
            drain_until: None,
            sweep_at: None,
            nap: None,
        };
        for place in setup.places.list {
            relay.open(place)?;
        }
        let mut members = setup.members;
        relay.enlist(&mut members)?;
        drop(members);
        relay.watch_fixed()?;
        Ok(relay)
    }

    /// Opens one place by way of the gateway's thread.
    fn open(&mut self, place: Place) -> Result<LinkId> {
        let (network, endpoint) = (place.network.clone(), place.endpoint.clone());
        let (send, receive) = mpsc::channel();
        let ended = || Error::new(ErrorKind::System, "the gateway's thread has ended");
        self.gateway
            .send(Request::Open(Box::new(place), send))
            .map_err(|_| ended())?;
        let Opened {
            namespace,
            rung,
            sockets,
        } = receive.recv().map_err(|_| ended())??;
        let id = self.links.keys().last().map_or(0, |last| last + 1);
        self.links.insert(
            id,
            Link {
                // checked when it was given
                busy_poll: super::plan::busy_poll(&network.options).unwrap_or_default(),
                network,
                endpoint,
                namespace,
                rung,
                sockets,
            },
        );
        Ok(id)
    }

    /// Says who we are on each network. In another user namespace than the others nobody could join us.
    fn enlist(&self, members: &mut Members) -> Result<()> {
        if !self.is_of_the_family {
            return Ok(());
        }
        use std::os::fd::AsRawFd;
        let process = std::process::id() as i32;
        let start = sys::process::start_time(process).unwrap_or(0);
        let list = self.links.values().map(|link| Member {
            container: self.container.0.clone(),
            name: self.container.1.clone(),
            endpoint: link.endpoint.clone(),
            process,
            start,
            gateway: link.namespace.as_raw_fd(),
            rung: link.rung,
        });
        let networks: Vec<_> = self.links.values().map(|l| l.network.id.as_str()).collect();
        let relieved = members.relieve(&networks);
        members.replace(&self.container.0, list.collect())?;
        parting::relieve(relieved);
        Ok(())
    }

    fn watch_fixed(&mut self) -> Result<()> {
        let control = sys::fd::duplicate(self.control.as_fd())?;
        sys::fd::set_nonblocking(control.as_fd(), true)?;
        self.control = control;
        let fd = sys::fd::borrow(std::os::fd::AsRawFd::as_raw_fd(&self.control));
        self.watch(fd, EpollFlags::EPOLLIN, Entry::Control);
        for port in 0..self.ports.len() {
            let fd = sys::fd::borrow(self.ports[port].number());
            self.watch(fd, EpollFlags::EPOLLIN, Entry::Published(port));
        }
        for id in self.links.keys().copied().collect::<Vec<_>>() {
            self.watch_link(id);
        }
        self.adopt_published();
        Ok(())
    }

    fn watch_link(&mut self, id: LinkId) {
        use std::os::fd::AsRawFd;
        let Some(link) = self.links.get(&id) else {
            return;
        };
        let watched: Vec<_> = link
            .sockets
            .iter()
            .flat_map(|s| {
                [
                    (s.capture.as_raw_fd(), Entry::Capture(id, s.version)),
                    (s.datagrams.as_raw_fd(), Entry::Datagrams(id, s.version)),
                ]
            })
            .collect();
        for (fd, entry) in watched {
            self.watch(sys::fd::borrow(fd), EpollFlags::EPOLLIN, entry);
        }
    }

    /// Watches a descriptor; returns its entry's number.
    fn watch(&mut self, fd: BorrowedFd<'_>, flags: EpollFlags, entry: Entry) -> u64 {
        self.next += 1;
        // without memory for it the descriptor is silent, and its time limit ends it
        let _ = self.epoll.add(fd, EpollEvent::new(flags, self.next << 1));
        self.entries.insert(self.next, entry);
        self.next
    }

    /// Watches both ends of a connection. `known`: the outside's is watched already, since it had to be waited for.
    fn begin(&mut self, stream: Stream, known: bool) {
        self.next += 1;
        for side in 0..2 {
            watch_end(&self.epoll, self.next, &stream, side, known && side == 1);
        }
        self.streams += 1;
        self.young.push(self.next);
        self.expect_end();
        self.entries
            .insert(self.next, Entry::Stream(Box::new(stream)));
    }

    /// Whether one more connection may be made.
    fn has_room(&self) -> bool {
        self.streams < self.most_streams
    }

    /// A socket in a link's gateway; the gateway's thread makes some at once, and the next ones beside us.
    fn spare(&mut self, id: LinkId, version: Version, kind: Kind) -> Option<OwnedFd> {
        let key = (id, version, kind);
        if self.spares.entry(key).or_default().made.is_empty() {
            let made = match self.spares.get_mut(&key)?.coming.take() {
                Some(coming) => coming.recv(),
                None => self.order_spares(key)?.recv(),
            };
            self.spares.get_mut(&key)?.made = made.ok()?;
        }
        let spares = self.spares.get_mut(&key)?;
        let fd = spares.made.pop();
        if spares.made.len() < SPARE_SOCKETS / 2 && spares.coming.is_none() {
            let coming = self.order_spares(key);
            self.spares.get_mut(&key)?.coming = coming;
        }
        fd
    }

    fn order_spares(&self, (id, version, kind): SpareKey) -> Option<mpsc::Receiver<Vec<OwnedFd>>> {
        let network = self.links.get(&id)?.network.id.clone();
        let (send, receive) = mpsc::channel();
        let request = Request::Sockets(network, version, kind, SPARE_SOCKETS, send);
        self.gateway.send(request).ok()?;
        Some(receive)
    }

    fn run(mut self) -> Result<()> {
        let mut events = [EpollEvent::empty(); EVENTS];
        let mut quiet_since = Some(Instant::now());
        while !self.is_over() {
            let timeout = self.timeout(quiet_since);
            if self.nap.is_some() {
                self.sleep(timeout);
            }
            let has_slept = self.nap.take().is_some();
            let timeout = match has_slept {
                true => EpollTimeout::ZERO,
                false => timeout,
            };
            let n = match self.wait(&mut events, timeout) {
                Err(Errno::EINTR) => continue,
                other => other.map_err(|e| sys::SysError::new("epoll_wait()", e))?,
            };
            // what begins is waited for; what ends is not, and costs as much
            for is_turn_of_beginnings in [true, false] {
                for event in &events[..n] {
                    if self.is_beginning(event) == is_turn_of_beginnings {
                        self.handle(*event);
                    }
                }
            }
            self.take_turns();
            self.gate.prepare();
            let now = Instant::now();
            if self.sweep_at.is_some_and(|at| now >= at) {
                self.sweep(now);
            }
            match quiet_since {
                // awake again, if only for a look at the time: memory is to be given back anew
                _ if n > 0 || has_slept => quiet_since = Some(now),
                Some(since) if now >= since + REST_AFTER => {
                    quiet_since = None;
                    self.rest();
                }
                _ => {}
            }
        }
        self.part();
        Ok(())
    }

    /// The monitor is gone, and what the container said is delivered, or its time is up.
    fn is_over(&self) -> bool {
        let Some(until) = self.drain_until else {
            return false;
        };
        let is_open = |e: &Entry| match e {
            Entry::Stream(stream) => !stream.has_delivered(),
            Entry::Pending(_) => true,
            _ => false,
        };
        Instant::now() >= until || !self.entries.values().any(is_open)
    }

    fn is_beginning(&self, event: &EpollEvent) -> bool {
        let entry = self.entries.get(&(event.data() >> 1));
        matches!(entry, Some(Entry::Capture(..)))
    }

    fn handle(&mut self, event: EpollEvent) {
        let (id, side) = (event.data() >> 1, (event.data() & 1) as usize);
        let flags = event.events();
        // what an earlier event of the same look has closed is not there any more
        let Some(entry) = self.entries.get_mut(&id) else {
            return;
        };
        match entry {
            Entry::Stream(stream) => {
                let over = EpollFlags::EPOLLRDHUP | EpollFlags::EPOLLHUP | EpollFlags::EPOLLERR;
                stream.note(
                    side,
                    Ready {
                        readable: flags.contains(EpollFlags::EPOLLIN),
                        writable: flags.intersects(EpollFlags::EPOLLOUT | EpollFlags::EPOLLERR),
                        hung_up: flags.intersects(over),
                    },
                );
                self.turn(id);
            }
            Entry::Control => self.ordered(),
            Entry::Capture(link, version) => {
                let (link, version) = (*link, *version);
                self.captured(link, version);
            }
            Entry::Datagrams(link, version) => {
                let (link, version) = (*link, *version);
                self.datagrams_out(link, version);
            }
            Entry::Published(port) => {
                let port = *port;
                self.knocked(port);
            }
            Entry::Pending(_) => self.connected(id),
            Entry::Flow(source) => {
                let source = *source;
                self.datagrams_in(source);
            }
            Entry::Asked(source) => {
                let source = *source;
                self.answered(source);
            }
            Entry::Echo(key) => {
                let key = *key;
                self.echoed(key);
            }
            Entry::Resolver if side == 0 => self.questions_inside(),
            Entry::Resolver => self.inquirers_inside(),
            Entry::Inquiry(_) => self.inquired(id, side),
        }
    }

    fn turn(&mut self, id: u64) {
        let Some(Entry::Stream(stream)) = self.entries.get_mut(&id) else {
            return;
        };
        let after = stream.turn(&mut self.room);
        for side in 0..2 {
            if stream.is_newly_full(side) && matches!(after, After::Wait | After::More) {
                watch_end(&self.epoll, id, stream, side, true);
            }
        }
        match after {
            After::Wait => {}
            After::More => {
                if !stream.is_due {
                    stream.is_due = true;
                    self.due.push(id);
                }
            }
            after @ (After::Over | After::Broken) => {
                let Some(Entry::Stream(stream)) = self.entries.remove(&id) else {
                    return;
                };
                self.streams -= 1;
                match after {
                    After::Broken => stream.reset(),
                    _ => stream.finish(&mut self.room),
                }
            }
        }
    }

    fn take_turns(&mut self) {
        for id in std::mem::take(&mut self.due) {
            if let Some(Entry::Stream(stream)) = self.entries.get_mut(&id) {
                stream.is_due = false;
            }
            self.turn(id);
        }
    }

    /// There is something that has a time limit.
    fn expect_end(&mut self) {
        if self.sweep_at.is_none() {
            self.sweep_at = Some(Instant::now() + SWEEP);
        }
    }

    /// Ends what has had its time.
    fn sweep(&mut self, now: Instant) {
        let mut gone = self.gate.expired(now, &self.entries);
        gone.extend(self.datagrams.expired(now));
        gone.extend(self.echoes.expired(now));
        gone.extend(self.silent_inquiries(now));
        for id in gone {
            if let Some(Entry::Pending(pending)) = self.entries.remove(&id) {
                self.gate.forget(&pending);
            }
        }
        for id in std::mem::take(&mut self.young) {
            if let Some(Entry::Stream(stream)) = self.entries.get(&id) {
                stream.keep_alive();
            }
        }
        let is_idle = self.gate.is_empty()
            && self.datagrams.is_empty()
            && self.echoes.is_empty()
            && self.inquiries.is_empty();
        self.sweep_at = (!is_idle).then(|| now + SWEEP);
    }

    /// Forgets everything that belongs to a container's process: another one begins.
    fn reset_streams(&mut self) {
        let mut kept = HashMap::new();
        for (id, entry) in std::mem::take(&mut self.entries) {
            match entry {
                Entry::Stream(stream) => stream.reset(),
                Entry::Pending(pending) => self.gate.forget(&pending),
                Entry::Inquiry(_) => {}
                other => drop(kept.insert(id, other)),
            }
        }
        self.entries = kept;
        self.streams = 0;
        self.due.clear();
        self.young.clear();
        self.gate.clear();
        self.resolver.close();
    }
}

/// Has an end of a connection watched, edge-triggered. `known`: it is watched already, in another way.
fn watch_end(epoll: &Epoll, id: u64, stream: &Stream, side: usize, known: bool) {
    let (fd, asks_for_room) = stream.end(side);
    let mut flags = EpollFlags::EPOLLIN | EpollFlags::EPOLLRDHUP | EpollFlags::EPOLLET;
    flags.set(EpollFlags::EPOLLOUT, asks_for_room);
    let mut event = EpollEvent::new(flags, id << 1 | side as u64);
    // without memory for it the connection is silent, and its keepalive ends it
    let _ = match known {
        true => epoll.modify(fd, &mut event),
        false => epoll.add(fd, event),
    };
}

/// Closes what a monitor's fork has and a relay does not need: above all the lock that says that the container runs.
fn keep_only(setup: &Setup<'_>) {
    let mut keep = vec![setup.control.as_fd(), setup.members.lock().as_fd()];
    keep.extend(setup.places.descriptors());
    keep.extend(setup.ports.iter().map(Bound::as_fd));
    // what an odd kernel leaves open, the relay does not use
    sys::fd::close_all_but(&keep).ok();
}
