//! Ping: echo requests leave by the host's ping sockets, where its administrator lets the user have them
//! (`net.ipv4.ping_group_range`); elsewhere the container is told that it is forbidden.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

use nix::sys::epoll::EpollFlags;

use super::{Entry, LinkId, Relay, gate};
use crate::network::packet::{self, Unreachable};
use crate::sys::fd::borrow;
use crate::sys::inet::{self, Kind, Version};

/// Identifiers at once.
const MOST: usize = 64;
/// An identifier without traffic.
const PATIENCE: Duration = Duration::from_secs(30);

/// The container's address and its identifier.
pub(super) type Key = (IpAddr, u16);

struct Echo {
    link: LinkId,
    fd: OwnedFd,
    entry: u64,
    used: Instant,
}

/// All of them.
#[derive(Default)]
pub(super) struct Echoes(HashMap<Key, Echo>);

impl Echoes {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Drops what was silent for long; returns its entries.
    pub(super) fn expired(&mut self, now: Instant) -> Vec<u64> {
        let mut gone = Vec::new();
        self.0.retain(|_, echo| {
            let stays = now < echo.used + PATIENCE;
            if !stays {
                gone.push(echo.entry);
            }
            stays
        });
        gone
    }
}

impl Relay {
    /// A request of the container's; the ICMP message begins at `at` in `packet`.
    pub(super) fn echo(
        &mut self,
        link: LinkId,
        (from, to, id): (IpAddr, IpAddr, u16),
        packet: &[u8],
        at: usize,
    ) {
        let version = Version::of(to);
        let Some(owner) = self.links.get(&link) else {
            return;
        };
        let message = &packet[at..];
        if owner.gateway(version) == Some(to) {
            // it is there: the gateway itself
            if let Some(reply) = packet::echo_reply(to, from, id, message) {
                self.inject(link, to, &reply, SocketAddr::new(from, 0));
            }
            return;
        }
        if !owner.may_leave(to) {
            return;
        }
        let Some(reporter) = owner.gateway(version) else {
            return;
        };
        let sent = self.echo_socket(link, (from, id), version).map(|echo| {
            echo.used = Instant::now();
            inet::send_to(echo.fd.as_fd(), message, SocketAddr::new(to, 0))
        });
        let why = match sent {
            None => Some(Unreachable::Forbidden),
            Some(Err(e)) => gate::reason(e),
            Some(Ok(_)) => None,
        };
        if let Some(told) = why.and_then(|why| packet::unreachable(packet, reporter, why)) {
            self.inject(link, to, &told, SocketAddr::new(from, 0));
        }
    }

    fn echo_socket(&mut self, link: LinkId, key: Key, version: Version) -> Option<&mut Echo> {
        if !self.echoes.0.contains_key(&key) {
            if self.echoes.0.len() >= MOST {
                return None;
            }
            let fd = inet::socket(version, Kind::Ping).ok()?;
            let watched = borrow(fd.as_raw_fd());
            let entry = self.watch(watched, EpollFlags::EPOLLIN, Entry::Echo(key));
            let echo = Echo {
                link,
                fd,
                entry,
                used: Instant::now(),
            };
            self.echoes.0.insert(key, echo);
            self.expect_end();
        }
        self.echoes.0.get_mut(&key)
    }

    /// Answers from outside.
    pub(super) fn echoed(&mut self, key: Key) {
        let mut buffer = std::mem::take(&mut self.packet);
        buffer.resize(65_536, 0);
        while let Some(echo) = self.echoes.0.get(&key) {
            let Ok((n, from)) = inet::receive_from(echo.fd.as_fd(), &mut buffer) else {
                break;
            };
            let link = echo.link;
            if let Some(reply) = packet::echo_reply(from.ip(), key.0, key.1, &buffer[..n]) {
                self.inject(link, from.ip(), &reply, SocketAddr::new(key.0, 0));
            }
        }
        self.packet = buffer;
    }
}
