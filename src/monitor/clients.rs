//! The control socket and the commands connected to it.

use std::collections::BTreeMap;
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::path::Path;

use crate::container::control::{Ask, Tell};
use crate::container::etc_files::Files;
use crate::error::Result;
use crate::identity::serve::Start;
use crate::network::plan::Attachment;
use crate::sys;

/// What a client wants of the container.
#[derive(Debug)]
pub(super) enum Request {
    /// Streams.
    Attach([bool; 3]),
    /// A signal.
    Kill(i32),
    /// Nobody reads the program's stdout (1) or stderr (2) for it any more.
    Unread(i32),
    /// Signal and seconds until SIGKILL.
    Stop(i32, i64),
    /// Freeze or thaw.
    Pause(bool),
    /// Join a network.
    Connect(Box<Attachment>, Files),
    /// Leave the network of this id.
    Disconnect(String, Files),
    /// A listener to answer.
    Supervise(Start, Vec<OwnedFd>),
    /// The client has left.
    Gone,
}

/// The command that started the container: the first client.
pub(super) const LAUNCHER: u64 = 1;

/// All connections.
#[derive(Default)]
pub(super) struct Clients {
    listener: Option<OwnedFd>,
    next: u64,
    connected: BTreeMap<u64, Client>,
}

struct Client {
    socket: OwnedFd,
    /// Wants to be told the exit.
    waits: bool,
}

impl Clients {
    /// Makes the socket `ctl` in the container's runtime folder, once; a stale one of a killed monitor is replaced.
    pub(super) fn listen(&mut self, runtime: &Path) -> Result<()> {
        if self.listener.is_some() {
            return Ok(());
        }
        let path = runtime.join("ctl");
        // we hold the container's lock, so nobody listens there
        let _ = std::fs::remove_file(&path);
        self.listener = Some(sys::socket::listen_at(&path)?);
        Ok(())
    }

    /// The same in another folder, or after the first one was removed. Who is connected stays so.
    pub(super) fn listen_anew(&mut self, runtime: &Path) -> Result<()> {
        self.listener = None;
        self.listen(runtime)
    }

    /// Adds a connection.
    pub(super) fn add(&mut self, socket: OwnedFd, waits: bool) -> Result<u64> {
        // a client that does not read is dropped rather than waited for
        sys::fd::set_nonblocking(socket.as_fd(), true)?;
        self.next += 1;
        self.connected.insert(self.next, Client { socket, waits });
        Ok(self.next)
    }

    /// What to poll for reading.
    pub(super) fn interests(&self) -> Vec<RawFd> {
        let sockets = self.connected.values().map(|c| c.socket.as_raw_fd());
        self.listener
            .iter()
            .map(AsRawFd::as_raw_fd)
            .chain(sockets)
            .collect()
    }

    /// Says whether the descriptor is one of ours.
    pub(super) fn owns(&self, fd: RawFd) -> bool {
        self.interests().contains(&fd)
    }

    /// Accepts, or reads one message.
    pub(super) fn ready(&mut self, fd: RawFd) -> Vec<(u64, Request)> {
        if let Some(listener) = self.listener.as_ref().filter(|l| l.as_raw_fd() == fd) {
            // no descriptors left: the connection waits in the queue
            if let Ok(Some(socket)) = sys::socket::accept_own(listener.as_fd()) {
                let _ = self.add(socket, false);
            }
            return Vec::new();
        }
        let Some(id) = self
            .connected
            .iter()
            .find(|(_, c)| c.socket.as_raw_fd() == fd)
            .map(|(id, _)| *id)
        else {
            return Vec::new();
        };
        self.read(id)
            .map(|request| (id, request))
            .into_iter()
            .collect()
    }

    fn read(&mut self, id: u64) -> Option<Request> {
        let client = self.connected.get_mut(&id)?;
        let message = match sys::socket::receive(client.socket.as_fd()) {
            Ok(Some(message)) => message,
            Err(e) if e.errno() == nix::errno::Errno::EAGAIN => return None,
            _ => {
                self.connected.remove(&id);
                return Some(Request::Gone);
            }
        };
        match serde_json::from_slice(&message.bytes).ok()? {
            Ask::Attach { streams } => {
                client.waits = true;
                Some(Request::Attach(streams))
            }
            Ask::Wait => {
                client.waits = true;
                None
            }
            Ask::Kill { signal } => Some(Request::Kill(signal)),
            Ask::Unread { stream } => Some(Request::Unread(stream)),
            Ask::Stop { signal, timeout } => {
                client.waits = true;
                Some(Request::Stop(signal, timeout))
            }
            Ask::Pause(on) => Some(Request::Pause(on)),
            Ask::Connect(attachment, etc) => Some(Request::Connect(attachment, etc)),
            Ask::Disconnect(network, etc) => Some(Request::Disconnect(network, etc)),
            Ask::Supervise { start } => Some(Request::Supervise(start, message.fds)),
            Ask::Launch { .. } | Ask::Exec { .. } => None,
        }
    }

    /// Sends one message; a client that cannot take it is dropped.
    pub(super) fn tell(&mut self, id: u64, tell: &Tell, fds: &[OwnedFd]) {
        if let Some(client) = self.connected.get(&id) {
            let fds: Vec<_> = fds.iter().map(AsFd::as_fd).collect();
            if super::tell(&client.socket, tell, &fds).is_err() {
                self.connected.remove(&id);
            }
        }
    }

    /// Accepts nobody any more.
    pub(super) fn close(&mut self, runtime: &Path) {
        if self.listener.take().is_some() {
            // a folder that is gone took it along
            let _ = std::fs::remove_file(runtime.join("ctl"));
        }
    }

    /// Tells everybody who waits, and closes their connections.
    pub(super) fn tell_exit(&mut self, code: i32) {
        self.connected.retain(|_, client| {
            if client.waits {
                // one that is gone needs no answer
                let _ = super::tell(&client.socket, &Tell::Exited { code }, &[]);
            }
            !client.waits
        });
    }
}
