//! Messages between a command and a monitor, on the launch socket and on the control socket alike (SOCK_SEQPACKET; a
//! message is one JSON value of at most 64 KiB; descriptors travel with it by SCM_RIGHTS).

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::errno::Errno;
use serde::{Deserialize, Serialize};

use super::etc_files::Files;
use crate::error::{Context, Error, Kind, Result};
use crate::identity;
use crate::network::plan::Attachment;
use crate::store::paths::Paths;
use crate::sys::socket;

/// From a command to a monitor.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ask {
    /// First message on a launch socket, with the plan's sealed memfd. `attach`: stdin, stdout, stderr.
    Launch {
        /// Streams that the launching command wants; answered by `Streams` before `Started`.
        attach: [bool; 3],
    },
    /// Give me the streams (answered by `Streams`), then tell me the exit.
    Attach {
        /// stdin, stdout, stderr.
        streams: [bool; 3],
    },
    /// Tell me the exit (`Exited`), nothing else.
    Wait,
    /// Send a signal to the container's first process (or to the exec session's process).
    Kill {
        /// Signal number.
        signal: i32,
    },
    /// Nobody reads what the program writes to stdout (1) or stderr (2) any more. From the command that started a container
    /// which goes with its end: the program is to know (EPIPE). Others' output goes on into their logs.
    Unread {
        /// Which stream.
        stream: i32,
    },
    /// Stop: `signal`, then SIGKILL after `timeout` seconds (-1 never); answered by `Exited`. Cancels the restart policy.
    Stop {
        /// Signal number.
        signal: i32,
        /// Seconds.
        timeout: i64,
    },
    /// Join one more network; answered by `Done` or `Failed`. The files are those of later starts.
    Connect(Box<Attachment>, Files),
    /// Leave the network of this id; answered by `Done` or `Failed`. The files are those of later starts.
    Disconnect(String, Files),
    /// Freeze (true) or thaw (false) all processes; answered by `Done` or `Failed`.
    Pause(bool),
    /// The listener of an exec session's filter, which travels with this message ([`identity::serve::Ends`]), is to be answered as
    /// that user's.
    Supervise {
        /// Who its process is.
        start: identity::serve::Start,
    },
    /// An exec monitor of this container: it tells its pid and joiner, so that the container's end does not wait for it.
    Exec {
        /// Exec id.
        id: String,
        /// Pid of the exec monitor.
        monitor: i32,
    },
}

/// From a monitor to a command.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tell {
    /// The streams asked for travel with this message in this order, those not there are left out: stdin (the write end of
    /// the container's stdin pipe, or the pty's master), stdout (a pipe's read end), stderr (absent for a pty).
    Streams {
        /// Which of the three come along.
        streams: [bool; 3],
    },
    /// The program was executed.
    Started {
        /// Pid in the host's pid namespace.
        pid: i32,
    },
    /// The program ended.
    Exited {
        /// 0..255.
        code: i32,
    },
    /// It could not be done; for a launch: the program was not started.
    Failed(Error),
    /// Done.
    Done,
}

/// A connection to a monitor, as its client.
#[derive(Debug)]
pub(crate) struct Client {
    socket: OwnedFd,
}

impl Client {
    /// Wraps the socket of a launch.
    pub(crate) fn new(socket: OwnedFd) -> Client {
        Client { socket }
    }

    /// Connects to the monitor of a running container; `None` when it has none.
    pub(crate) fn connect(paths: &Paths, id: &str) -> Result<Option<Client>> {
        Client::connect_at(&socket_path(paths, id))
    }

    /// As [`Client::connect`], by the socket's path.
    pub(crate) fn connect_at(path: &Path) -> Result<Option<Client>> {
        match socket::connect_to(path) {
            Ok(socket) => Ok(Some(Client { socket })),
            Err(e)
                if matches!(
                    e.errno(),
                    Errno::ENOENT | Errno::ECONNREFUSED | Errno::ENOTDIR
                ) =>
            {
                Ok(None)
            }
            Err(e) => Err(e.into()),
        }
    }

    /// Sends one message. Of a monitor that has just ended [`Client::told`] tells.
    pub(crate) fn ask(&self, ask: &Ask, fds: &[BorrowedFd<'_>]) -> Result<()> {
        let bytes =
            serde_json::to_vec(ask).context(Kind::System, || "cannot write a control message")?;
        match socket::send(self.socket.as_fd(), &bytes, fds) {
            Err(e) if matches!(e.errno(), Errno::EPIPE | Errno::ECONNRESET) => Ok(()),
            sent => Ok(sent?),
        }
    }

    /// Receives one message; `None` when the monitor is gone.
    pub(crate) fn told(&self) -> Result<Option<(Tell, Vec<OwnedFd>)>> {
        let Some(message) = socket::receive(self.socket.as_fd())? else {
            return Ok(None);
        };
        let tell = serde_json::from_slice(&message.bytes).context(
            Kind::Corrupt,
            || "the container's monitor sent a message that is not understood",
        )?;
        Ok(Some((tell, message.fds)))
    }

    /// Sends a signal to the container's first process.
    pub(crate) fn kill(&self, signal: i32) -> Result<()> {
        self.ask(&Ask::Kill { signal }, &[])?;
        self.done()
    }

    /// Stops the container: `signal`, then SIGKILL after `timeout` seconds (-1 never). Returns its exit code.
    pub(crate) fn stop(&self, signal: i32, timeout: i64) -> Result<Option<i32>> {
        self.ask(&Ask::Stop { signal, timeout }, &[])?;
        self.exit()
    }

    /// Asks for the container's end by SIGKILL, and does not wait for it.
    pub(crate) fn begin_end(&self) -> Result<()> {
        let (signal, timeout) = (libc::SIGKILL, 0);
        self.ask(&Ask::Stop { signal, timeout }, &[])
    }

    /// Kills the container. False when its monitor says nothing for as long as `patience`: it was stopped itself, or hangs.
    pub(crate) fn end(&self, patience: Duration) -> Result<bool> {
        self.begin_end()?;
        if !socket::speaks_within(self.socket.as_fd(), patience)? {
            return Ok(false);
        }
        self.exit().map(|_| true)
    }

    /// Changes its networks.
    pub(crate) fn change(&self, ask: &Ask) -> Result<()> {
        self.ask(ask, &[])?;
        self.done()
    }

    /// Freezes or thaws the container.
    pub(crate) fn pause(&self, on: bool) -> Result<()> {
        self.ask(&Ask::Pause(on), &[])?;
        self.done()
    }

    /// Waits for the container's exit; `None` when its monitor was killed.
    pub(crate) fn wait(&self) -> Result<Option<i32>> {
        self.ask(&Ask::Wait, &[])?;
        self.exit()
    }

    fn done(&self) -> Result<()> {
        match self.told()? {
            Some((Tell::Failed(e), _)) => Err(e),
            _ => Ok(()), // a monitor that ended meanwhile has nothing left to signal
        }
    }

    fn exit(&self) -> Result<Option<i32>> {
        loop {
            match self.told()? {
                Some((Tell::Exited { code }, _)) => return Ok(Some(code)),
                Some((Tell::Failed(e), _)) => return Err(e),
                Some(_) => {}
                None => return Ok(None),
            }
        }
    }
}

impl AsFd for Client {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// Path of a container's control socket.
pub(crate) fn socket_path(paths: &Paths, id: &str) -> PathBuf {
    paths.runtime.join("containers").join(id).join("ctl")
}
