//! Questions about names by TCP: after an answer that was too long for a datagram, with `options use-vc`, or from another name
//! server (RFC 7766). The gateway's port 53 is answered here, message by message, as it is by datagrams (`names`).

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::epoll::{EpollEvent, EpollFlags};

use super::{Entry, LinkId, Relay};
use crate::grammar::dns::serve;
use crate::sys::inet::{self, Kind, Version};

/// Who asks at once.
const MOST: usize = 64;
/// Silence after which one is sent away.
const PATIENCE: Duration = Duration::from_secs(15);
/// Questions of one that are on their way.
const ASKED: usize = 16;
/// Bytes of answers that wait for one who does not read.
const WAITING: usize = 128 * 1024;
/// The longest message, and its length before it.
const LARGEST: usize = 2 + 65_535;

/// One who asks, and the server that is asked for him.
pub(super) struct Inquiry {
    link: LinkId,
    inside: Peer,
    server: Option<Peer>,
    /// Which of the servers it is.
    turn: usize,
    /// What it has not answered.
    asked: Vec<Vec<u8>>,
    /// No more questions come.
    has_ended: bool,
    since: Instant,
}

/// One end. What is connected yet takes and gives nothing, as one that is slow.
struct Peer {
    fd: OwnedFd,
    heard: Vec<u8>,
    to_say: Vec<u8>,
}

impl Peer {
    fn new(fd: OwnedFd) -> Peer {
        Peer {
            fd,
            heard: Vec::new(),
            to_say: Vec::new(),
        }
    }

    /// Reads once. True: nothing more comes.
    fn hear(&mut self, buffer: &mut [u8]) -> nix::Result<bool> {
        match inet::receive(self.fd.as_fd(), buffer) {
            Ok(n) => {
                self.heard.extend_from_slice(&buffer[..n]);
                Ok(n == 0)
            }
            Err(Errno::EAGAIN | Errno::EINTR) => Ok(false),
            Err(e) => Err(e),
        }
    }

    /// The next whole message.
    fn message(&mut self) -> Option<Vec<u8>> {
        let length = self.heard.first_chunk().copied().map(u16::from_be_bytes)?;
        let end = 2 + usize::from(length);
        let message = self.heard.get(2..end)?.to_vec();
        self.heard.drain(..end);
        Some(message)
    }

    fn say(&mut self, message: &[u8]) {
        let length = message.len().min(usize::from(u16::MAX));
        self.to_say.extend((length as u16).to_be_bytes());
        self.to_say.extend(&message[..length]);
    }

    fn flush(&mut self) -> nix::Result<()> {
        while !self.to_say.is_empty() {
            match inet::send(self.fd.as_fd(), &self.to_say) {
                Ok(n) => drop(self.to_say.drain(..n)),
                Err(Errno::EINTR) => {}
                Err(Errno::EAGAIN) => return Ok(()),
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }

    /// What epoll is to tell of it; `listens`: what it says is wanted.
    fn flags(&self, listens: bool) -> EpollFlags {
        let mut flags = EpollFlags::empty();
        flags.set(EpollFlags::EPOLLIN, listens);
        flags.set(EpollFlags::EPOLLOUT, !self.to_say.is_empty());
        flags
    }
}

impl Inquiry {
    fn wants_questions(&self) -> bool {
        let has_room = self.inside.to_say.len() < WAITING && self.inside.heard.len() < LARGEST;
        !self.has_ended && has_room && self.asked.len() < ASKED
    }

    fn is_over(&self) -> bool {
        self.has_ended && self.asked.is_empty() && self.inside.to_say.is_empty()
    }

    /// Whoever asked is told that nobody could be asked.
    fn fail(&mut self) {
        self.server = None;
        for question in std::mem::take(&mut self.asked) {
            if let Some(failure) = serve::failure(&question) {
                self.inside.say(&failure);
            }
        }
    }
}

impl Relay {
    /// Connections to docker's name server, inside the container.
    pub(super) fn inquirers_inside(&mut self) {
        while let Some(fd) = self.resolver.accept() {
            let link = self.links.keys().next().copied();
            if let (Some(link), true) = (link, self.may_inquire()) {
                self.admit(link, fd);
            }
        }
    }

    /// Whether one more may ask.
    pub(super) fn may_inquire(&mut self) -> bool {
        let entries = &self.entries;
        self.inquiries.retain(|id| entries.contains_key(id));
        self.inquiries.len() < MOST
    }

    /// Takes one who asks, where one more may.
    pub(super) fn admit(&mut self, link: LinkId, fd: OwnedFd) {
        let inquiry = Inquiry {
            link,
            inside: Peer::new(fd),
            server: None,
            turn: 0,
            asked: Vec::new(),
            has_ended: false,
            since: Instant::now(),
        };
        let fd = crate::sys::fd::borrow(std::os::fd::AsRawFd::as_raw_fd(&inquiry.inside.fd));
        let entry = Entry::Inquiry(Box::new(inquiry));
        let id = self.watch(fd, EpollFlags::EPOLLIN, entry);
        self.inquiries.push(id);
        self.expect_end();
    }

    /// Something is to be done for one who asks; `side` as in epoll's data.
    pub(super) fn inquired(&mut self, id: u64, side: usize) {
        let Some(Entry::Inquiry(mut inquiry)) = self.entries.remove(&id) else {
            return;
        };
        if self.serve(id, &mut inquiry, side).is_ok() && !inquiry.is_over() {
            self.watch_inquiry(id, &inquiry);
            self.entries.insert(id, Entry::Inquiry(inquiry));
        }
    }

    /// Entries of those who were silent for too long.
    pub(super) fn silent_inquiries(&mut self, now: Instant) -> Vec<u64> {
        let entries = &self.entries;
        self.inquiries.retain(|id| entries.contains_key(id));
        let is_late = |id: &&u64| match entries.get(id) {
            Some(Entry::Inquiry(inquiry)) => now >= inquiry.since + PATIENCE,
            _ => false,
        };
        self.inquiries.iter().filter(is_late).copied().collect()
    }

    /// An error of the one who asks ends it; those of servers lead to the next.
    fn serve(&mut self, id: u64, inquiry: &mut Inquiry, side: usize) -> nix::Result<()> {
        let mut buffer = std::mem::take(&mut self.packet);
        buffer.resize(LARGEST, 0);
        let heard = match (side, &mut inquiry.server) {
            (0, _) => inquiry.inside.hear(&mut buffer).map(|ended| {
                inquiry.has_ended |= ended;
                inquiry.since = Instant::now();
            }),
            (_, Some(server)) => {
                let ended = server.hear(&mut buffer).unwrap_or(true);
                while let Some(answer) = server.message() {
                    let answered = serve::id(&answer);
                    inquiry.asked.retain(|q| serve::id(q) != answered);
                    inquiry.inside.say(&answer);
                }
                if ended {
                    self.ask_by_connection(id, inquiry, inquiry.turn + 1);
                }
                Ok(())
            }
            _ => Ok(()),
        };
        self.packet = buffer;
        heard?;
        while inquiry.asked.len() < ASKED
            && let Some(question) = inquiry.inside.message()
        {
            self.take_question(id, inquiry, question)?;
        }
        while let Some(server) = &mut inquiry.server
            && server.flush().is_err()
        {
            self.ask_by_connection(id, inquiry, inquiry.turn + 1);
        }
        inquiry.inside.flush()
    }

    fn take_question(
        &mut self,
        id: u64,
        inquiry: &mut Inquiry,
        question: Vec<u8>,
    ) -> nix::Result<()> {
        if !serve::is_query(&question) {
            return Err(Errno::EPROTO);
        }
        if let Some(answer) = self.known(inquiry.link, &question, usize::from(u16::MAX)) {
            inquiry.inside.say(&answer);
            return Ok(());
        }
        inquiry.asked.push(question);
        if self.is_internal() {
            inquiry.fail();
        } else if let Some(server) = &mut inquiry.server {
            server.say(&inquiry.asked[inquiry.asked.len() - 1]);
        } else {
            self.ask_by_connection(id, inquiry, 0);
        }
        Ok(())
    }

    /// Asks the `turn`-th server, or one behind it, all that is not answered.
    fn ask_by_connection(&mut self, id: u64, inquiry: &mut Inquiry, mut turn: usize) {
        inquiry.server = None;
        while !inquiry.asked.is_empty() {
            let Some(to) = self.name_server(turn) else {
                return inquiry.fail();
            };
            let connected = inet::socket(Version::of(to.ip()), Kind::Stream).ok();
            let connected = connected.filter(|fd| inet::connect(fd.as_fd(), to).is_ok());
            if let Some(fd) = connected {
                let event = EpollEvent::new(EpollFlags::EPOLLIN, id << 1 | 1);
                // without memory for it the server is silent
                let _ = self.epoll.add(fd.as_fd(), event);
                let mut server = Peer::new(fd);
                inquiry.asked.iter().for_each(|q| server.say(q));
                (inquiry.server, inquiry.turn) = (Some(server), turn);
                return;
            }
            turn += 1;
        }
    }

    fn watch_inquiry(&self, id: u64, inquiry: &Inquiry) {
        let watch = |fd: BorrowedFd<'_>, flags, side| {
            // it is watched already, which needs no memory
            let _ = self
                .epoll
                .modify(fd, &mut EpollEvent::new(flags, id << 1 | side));
        };
        let inside = &inquiry.inside;
        watch(
            inside.fd.as_fd(),
            inside.flags(inquiry.wants_questions()),
            0,
        );
        if let Some(server) = &inquiry.server {
            let has_room = inside.to_say.len() < WAITING;
            watch(server.fd.as_fd(), server.flags(has_room), 1);
        }
    }
}
