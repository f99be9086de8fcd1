//! What a monitor and its relay say to each other (SOCK_SEQPACKET, one JSON value a message).

use std::os::fd::{AsFd, BorrowedFd};
use std::path::PathBuf;
use std::time::Instant;

use nix::errno::Errno;
use serde::{Deserialize, Serialize};

use super::{DRAIN, Entry, Relay, Request, join, mpsc};
use crate::error::{Context, Error, Kind, Result};
use crate::network::plan::Attachment;
use crate::store::networks::Endpoint;
use crate::store::networks::members::Members;
use crate::sys::socket;

/// From the monitor.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Order {
    /// A program is being started; the socket to its first process comes along, which sends its network namespace over it
    /// and waits for a byte.
    Plug,
    /// Join one more network, also while the program runs; answered by `Joined` or `Failed`.
    Connect(Box<Attachment>),
    /// Leave a network, by its id; answered by `Left` or `Failed`.
    Disconnect(String),
    /// The user's runtime folder is this one now: be listed there. Not answered.
    Follow(PathBuf),
    /// Close the published ports, since the container has ended; answered by `Closed`.
    Close,
}

/// From the relay.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Report {
    /// It could not be done.
    Failed(Error),
    /// The place in the new network.
    Joined(Endpoint),
    /// The network is left.
    Left,
    /// The ports are free.
    Closed,
}

/// Sends a report.
pub(crate) fn report(socket: BorrowedFd<'_>, report: &Report) -> Result<()> {
    let bytes = serde_json::to_vec(report).context(Kind::System, || "cannot write a report")?;
    Ok(socket::send(socket, &bytes, &[])?)
}

impl Relay {
    /// One order, or the monitor's end.
    pub(super) fn ordered(&mut self) {
        let message = match socket::receive(self.control.as_fd()) {
            Ok(Some(message)) => message,
            Err(e) if e.errno() == Errno::EAGAIN => return,
            _ => {
                self.close_published();
                self.drain_until = Some(Instant::now() + DRAIN);
                self.entries.retain(|_, e| !matches!(e, Entry::Control));
                // nobody is there to wait for
                let _ = self.epoll.delete(self.control.as_fd());
                // what begins now is the next container's, which may have our address
                for sockets in self.links.values().flat_map(|l| &l.sockets) {
                    let _ = self.epoll.delete(sockets.capture.as_fd());
                }
                return;
            }
        };
        let answer = match serde_json::from_slice(&message.bytes) {
            Ok(Order::Plug) => {
                self.reset_streams();
                if let Some(socket) = message.fds.into_iter().next() {
                    let _ = self.gateway.send(Request::Plug(socket));
                }
                return;
            }
            Ok(Order::Follow(runtime)) => {
                self.paths.runtime = runtime;
                // one that is not listed is alone on its networks
                let _ = Members::hold(&self.paths).and_then(|mut list| self.enlist(&mut list));
                return;
            }
            Ok(Order::Connect(attachment)) => self.connect(*attachment).map(Report::Joined),
            Ok(Order::Disconnect(network)) => self.disconnect(&network).map(|()| Report::Left),
            Ok(Order::Close) => {
                self.close_published();
                Ok(Report::Closed)
            }
            Err(_) => return,
        };
        let answer = answer.unwrap_or_else(Report::Failed);
        // a monitor that is gone needs no answer
        let _ = report(self.control.as_fd(), &answer);
    }

    pub(super) fn ask<T>(
        &self,
        request: impl FnOnce(mpsc::Sender<Result<T>>) -> Request,
    ) -> Result<T> {
        let ended = || Error::new(Kind::System, "the gateway's thread has ended");
        let (send, receive) = mpsc::channel();
        self.gateway.send(request(send)).map_err(|_| ended())?;
        receive.recv().map_err(|_| ended())?
    }

    fn connect(&mut self, attachment: Attachment) -> Result<Endpoint> {
        let mut members = Members::hold(&self.paths)?;
        let who = join::Newcomer {
            id: &self.container.0,
            is_of_the_family: self.is_of_the_family,
            rung: self.rung,
        };
        let network = attachment.network.id.clone();
        let places = join::places(&members, &[attachment], who)?;
        let mut endpoint = Endpoint::default();
        for place in places {
            endpoint = place.endpoint.clone();
            let id = self.open(place)?;
            self.watch_link(id);
        }
        self.enlist(&mut members)?;
        drop(members);
        self.ask(|answer| Request::PlugOne(network, answer))?;
        Ok(endpoint)
    }

    fn disconnect(&mut self, network: &str) -> Result<()> {
        let found = self.links.iter().find(|(_, l)| l.network.id == network);
        let Some((&id, _)) = found else { return Ok(()) };
        let mut members = Members::hold(&self.paths)?;
        self.links.remove(&id);
        self.entries.retain(|_, e| match e {
            Entry::Capture(link, _) | Entry::Datagrams(link, _) => *link != id,
            _ => true,
        });
        self.spares.retain(|(link, ..), _| *link != id);
        self.datagrams.leave(id);
        self.enlist(&mut members)?;
        drop(members);
        self.ask(|answer| Request::Unplug(network.to_owned(), answer))
    }
}
