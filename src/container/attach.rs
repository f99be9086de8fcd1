//! A command's side of a container's streams: waits for the start, copies between the terminal and the container, tells the
//! end.
//!
//! The monitor hands over descriptors, not bytes: the write end of the container's stdin (or the pty's master) and the read
//! ends of pipes that it fills with output. So input never passes through the monitor, and a command that is killed or
//! stopped takes nothing along: its pipes close, or fill up and hold the container's output back.

mod collect;

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

use super::control::{Ask, Client, Tell};
use crate::error::{Error, Kind, Result};
use crate::store::paths::Paths;
use crate::sys::SysError;
use crate::sys::fd::{self, read_some, write_all, write_some};
use crate::sys::tty::{self, RawMode};

/// Bytes that a user types into a process that does not read, before they wait in the terminal.
const MOST_TYPED: usize = 64 * 1024;

/// For a program to look at the size of its terminal.
const SEEN: std::time::Duration = std::time::Duration::from_millis(50);

/// An attached command.
#[derive(Debug)]
pub(crate) struct Session {
    /// The connection.
    pub(crate) client: Client,
    /// What was handed over.
    pub(crate) streams: Streams,
    /// What arrived while something else was waited for.
    early_exit: Option<i32>,
}

/// What the monitor handed over.
#[derive(Debug, Default)]
pub(crate) struct Streams {
    /// Write end of the program's stdin, or the pty's master.
    pub(crate) stdin: Option<OwnedFd>,
    /// Read end of a pipe.
    pub(crate) stdout: Option<OwnedFd>,
    /// As `stdout`; absent for a pty.
    pub(crate) stderr: Option<OwnedFd>,
}

/// How a relay ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// The process ended with this code.
    Exited(i32),
    /// The user typed the detach keys; the process goes on.
    Detached,
    /// The monitor was killed, and the container with it.
    Lost,
    /// Our stdout (1) or stderr (2) takes no more; the process may go on.
    Unread(i32, Errno),
}

/// How to relay.
#[derive(Debug, Clone, Default)]
pub(crate) struct RelayOptions {
    /// Typed bytes that detach; empty: none do. Only looked for on a terminal.
    pub(crate) detach_keys: Vec<u8>,
    /// Pass signals on to the process.
    pub(crate) sig_proxy: bool,
    /// The process has a pty.
    pub(crate) tty: bool,
    /// End where our output takes no more, as docker does; else wait for the process, as a shell does for its pipelines.
    pub(crate) leaves_unread: bool,
    /// The process has been running: a program of full screens is to draw anew, and a shell to show its prompt.
    pub(crate) redraws: bool,
}

/// Attaches to a running container; `None` when it is not running.
pub(crate) fn connect(paths: &Paths, id: &str, streams: [bool; 3]) -> Result<Option<Session>> {
    let Some(client) = Client::connect(paths, id)? else {
        return Ok(None);
    };
    client.ask(&Ask::Attach { streams }, &[])?;
    let mut session = Session::new(client);
    session.receive_until(|tell| matches!(tell, Tell::Streams { .. }))?;
    Ok(Some(session))
}

impl Session {
    pub(crate) fn new(client: Client) -> Session {
        Session {
            client,
            streams: Streams::default(),
            early_exit: None,
        }
    }

    /// Waits until the program was executed; returns its pid on the host.
    ///
    /// # Errors
    /// Whatever kept it from starting.
    pub(crate) fn wait_started(&mut self) -> Result<i32> {
        match self.receive_until(|tell| matches!(tell, Tell::Started { .. }))? {
            Tell::Started { pid } => Ok(pid),
            _ => Err(lost()),
        }
    }

    fn receive_until(&mut self, wanted: impl Fn(&Tell) -> bool) -> Result<Tell> {
        loop {
            let Some((tell, fds)) = self.client.told()? else {
                return Err(lost());
            };
            if let Tell::Streams { streams } = &tell {
                self.streams.take(*streams, fds);
            }
            match tell {
                Tell::Failed(e) => return Err(e),
                Tell::Exited { code } => self.early_exit = Some(code),
                _ => {}
            }
            if wanted(&tell) || matches!(tell, Tell::Exited { .. }) {
                return Ok(tell);
            }
        }
    }

    /// Copies until the process ends or the user detaches.
    pub(crate) fn relay(mut self, options: &RelayOptions) -> Result<End> {
        let exited = self.early_exit.take();
        let keyboard = fd::standard(0);
        let interactive = options.tty && self.streams.stdin.is_some() && tty::is_terminal(keyboard);
        let raw = if interactive {
            Some(RawMode::enter(keyboard)?)
        } else {
            None
        };
        let signals = Signals::take(options.sig_proxy, options.tty)?;
        let mut relay = Relay {
            client: self.client,
            streams: self.streams,
            options,
            signals,
            keys: Keys::new(if interactive {
                &options.detach_keys
            } else {
                &[]
            }),
            exited,
            detached: false,
            unread: None,
            lost: false,
            buffer: vec![0; 64 * 1024],
            pending: Vec::new(),
        };
        if options.redraws {
            // as docker, whose two requests are some time apart: a size that does not change is no signal, and a program that
            // is told of both at once sees none either
            relay.resize(1);
            std::thread::sleep(SEEN);
        }
        relay.resize(0);
        let end = relay.run();
        drop(raw);
        end
    }
}

fn lost() -> Error {
    Error::new(Kind::State, "the container's monitor ended without a word")
        .hint("it was killed, or this host is out of memory; `coracle logs` shows what the container said")
}

impl Streams {
    /// Sorts what came with a `Streams` message.
    pub(crate) fn take(&mut self, which: [bool; 3], fds: Vec<OwnedFd>) {
        let mut fds = fds.into_iter();
        for (there, place) in
            which
                .into_iter()
                .zip([&mut self.stdin, &mut self.stdout, &mut self.stderr])
        {
            if there {
                *place = fds.next();
            }
        }
    }
}

/// The copying loop.
struct Relay<'a> {
    client: Client,
    streams: Streams,
    options: &'a RelayOptions,
    signals: Signals,
    keys: Keys,
    exited: Option<i32>,
    detached: bool,
    unread: Option<(i32, Errno)>,
    lost: bool,
    buffer: Vec<u8>,
    /// Input that the container has not taken yet.
    pending: Vec<u8>,
}

/// Whom a poll entry belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Who {
    Monitor,
    Signals,
    Keyboard,
    /// The container's stdin.
    Input,
    Stdout,
    Stderr,
}

impl Relay<'_> {
    fn run(&mut self) -> Result<End> {
        loop {
            if self.detached {
                return Ok(End::Detached);
            }
            if let (Some((number, errno)), true) = (self.unread, self.options.leaves_unread) {
                return Ok(End::Unread(number, errno));
            }
            // the exit is told first, output may still lie in the pipes: they end when the monitor closes them
            if self.streams.stdout.is_none() && self.streams.stderr.is_none() {
                if let Some(code) = self.exited {
                    return Ok(match self.unread {
                        // a full disk; of a reader that has gone nobody wants to hear
                        Some((number, errno)) if errno != Errno::EPIPE => {
                            End::Unread(number, errno)
                        }
                        _ => End::Exited(code),
                    });
                }
                if self.lost {
                    return Ok(End::Lost);
                }
            }
            for who in self.wait()? {
                match who {
                    Who::Monitor => self.monitor()?,
                    Who::Signals => self.signal()?,
                    Who::Keyboard => self.keyboard(),
                    Who::Input => self.input(),
                    Who::Stdout => self.output(1),
                    Who::Stderr => self.output(2),
                }
            }
        }
    }

    fn wait(&self) -> Result<Vec<Who>> {
        let mut who = Vec::with_capacity(5);
        let mut fds = Vec::with_capacity(5);
        let mut add = |name, fd: BorrowedFd<'_>| {
            who.push(name);
            let flags = match name {
                Who::Input => PollFlags::POLLOUT,
                _ => PollFlags::POLLIN,
            };
            fds.push((fd.as_raw_fd(), flags));
        };
        if self.exited.is_none() && !self.lost {
            add(Who::Monitor, self.client.as_fd());
        }
        add(Who::Signals, self.signals.fd.as_fd());
        if let (Some(target), None) = (&self.streams.stdin, self.exited) {
            // the next bytes are read when these are gone; detach keys always
            if self.pending.is_empty()
                || !self.keys.keys.is_empty() && self.pending.len() < MOST_TYPED
            {
                add(Who::Keyboard, fd::standard(0));
            }
            if !self.pending.is_empty() {
                add(Who::Input, target.as_fd());
            }
        }
        if let Some(fd) = &self.streams.stdout {
            add(Who::Stdout, fd.as_fd());
        }
        if let Some(fd) = &self.streams.stderr {
            add(Who::Stderr, fd.as_fd());
        }
        let ready = poll_all(&fds)?;
        Ok(who
            .into_iter()
            .zip(ready)
            .filter_map(|(who, ready)| ready.then_some(who))
            .collect())
    }

    fn monitor(&mut self) -> Result<()> {
        match self.client.told() {
            Ok(Some((Tell::Exited { code }, _))) => self.exited = Some(code),
            Ok(Some((Tell::Failed(e), _))) => return Err(e),
            Ok(Some(_)) => {}
            Ok(None) | Err(_) => self.lost = true,
        }
        Ok(())
    }

    fn signal(&mut self) -> Result<()> {
        let Some(signal) = self.signals.next()? else {
            return Ok(());
        };
        if signal == Signal::SIGWINCH as i32 {
            self.resize(0);
        } else if self.exited.is_none() {
            // a process that is gone meanwhile needs no signal
            let _ = self.client.ask(&Ask::Kill { signal }, &[]);
        }
        Ok(())
    }

    /// The pty gets our terminal's size.
    /// Gives the process's terminal the size of ours, and `more` rows and columns.
    fn resize(&self, more: u16) {
        if let (true, Some(master)) = (
            self.options.tty,
            self.streams.stdin.as_ref().or(self.streams.stdout.as_ref()),
        ) {
            let size = [0, 1, 2]
                .into_iter()
                .map(|n| tty::window(fd::standard(n)))
                .find(|s| *s != (0, 0));
            if let Some(size) = size.map(|(rows, columns)| (rows + more, columns + more)) {
                // stdout is a pipe and no master when stdin was not asked for: nothing to resize then
                let _ = tty::set_window(master.as_fd(), size);
            }
        }
    }

    fn keyboard(&mut self) {
        match read_some(fd::standard(0), &mut self.buffer) {
            // of a pty: our terminal is gone, of which SIGHUP tells; the process keeps its own
            Ok(Some(0)) | Err(_) => self.streams.stdin = None,
            Ok(Some(n)) => {
                let (pass, detach) = self.keys.filter(&self.buffer[..n]);
                self.pending.extend(pass);
                self.input();
                self.detached = detach;
            }
            Ok(None) => {}
        }
    }

    /// Writes what the container takes now; a process that does not read may be one whose output waits for us.
    fn input(&mut self) {
        let Some(target) = &self.streams.stdin else {
            return;
        };
        match write_some(target.as_fd(), &self.pending) {
            Ok(n) => drop(self.pending.drain(..n.unwrap_or(0))),
            // a process that does not read any more: EPIPE, its stdin is over
            Err(_) => {
                self.pending.clear();
                self.streams.stdin = None;
            }
        }
    }

    fn output(&mut self, number: i32) {
        let stream = if number == 1 {
            &mut self.streams.stdout
        } else {
            &mut self.streams.stderr
        };
        let Some(source) = stream else { return };
        match read_some(source.as_fd(), &mut self.buffer) {
            Ok(Some(n)) if n > 0 => {
                if let Err(e) = write_all(fd::standard(number), &self.buffer[..n]) {
                    *stream = None;
                    self.unread = Some((number, e.errno()));
                    // a monitor that is gone has nothing to close
                    let _ = self.client.ask(&Ask::Unread { stream: number }, &[]);
                }
            }
            Ok(None) => {}
            _ => *stream = None,
        }
    }
}

/// Waits until something is ready; says which.
fn poll_all(all: &[(i32, PollFlags)]) -> Result<Vec<bool>> {
    loop {
        let mut fds: Vec<PollFd<'_>> = all
            .iter()
            .map(|(fd, flags)| PollFd::new(fd::borrow(*fd), *flags))
            .collect();
        match poll(&mut fds, PollTimeout::NONE) {
            Ok(_) => return Ok(fds.iter().map(|f| f.any().unwrap_or(false)).collect()),
            Err(Errno::EINTR) => {}
            Err(e) => return Err(SysError::new("poll()", e).into()),
        }
    }
}

/// Signals of the command as bytes of a descriptor.
struct Signals {
    fd: SignalFd,
}

impl Signals {
    /// `proxy`: everything but SIGCHLD, SIGPIPE, SIGURG is passed on (docker's list), and those by which a terminal stops a
    /// job keep their meaning for us. `tty`: window changes matter.
    fn take(proxy: bool, tty: bool) -> Result<Signals> {
        let mut set = SigSet::empty();
        if proxy {
            set = SigSet::all();
            for kept in [
                Signal::SIGCHLD,
                Signal::SIGPIPE,
                Signal::SIGURG,
                Signal::SIGTSTP,
                Signal::SIGTTIN,
                Signal::SIGTTOU,
                Signal::SIGSEGV,
                Signal::SIGBUS,
                Signal::SIGFPE,
                Signal::SIGILL,
                Signal::SIGABRT,
            ] {
                set.remove(kept);
            }
        }
        set.remove(Signal::SIGWINCH);
        if tty {
            set.add(Signal::SIGWINCH);
        }
        let call = |e| SysError::new("signalfd()", e);
        set.thread_block().map_err(call)?;
        let fd = SignalFd::with_flags(&set, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)
            .map_err(call)?;
        Ok(Signals { fd })
    }

    fn next(&mut self) -> Result<Option<i32>> {
        let info = self
            .fd
            .read_signal()
            .map_err(|e| SysError::new("read(signalfd)", e))?;
        Ok(info.map(|info| info.ssi_signo as i32))
    }
}

/// Finds the detach keys in what is typed. A prefix of them is held back until the next key decides.
struct Keys {
    keys: Vec<u8>,
    matched: usize,
}

impl Keys {
    fn new(keys: &[u8]) -> Keys {
        Keys {
            keys: keys.to_vec(),
            matched: 0,
        }
    }

    /// Returns the bytes to pass on, and whether the keys were complete.
    fn filter(&mut self, typed: &[u8]) -> (Vec<u8>, bool) {
        if self.keys.is_empty() {
            return (typed.to_vec(), false);
        }
        let mut pass = Vec::with_capacity(typed.len());
        for byte in typed {
            if *byte == self.keys[self.matched] {
                self.matched += 1;
                if self.matched == self.keys.len() {
                    self.matched = 0;
                    return (pass, true);
                }
                continue;
            }
            pass.extend_from_slice(&self.keys[..self.matched]);
            self.matched = usize::from(*byte == self.keys[0]);
            if self.matched == 0 {
                pass.push(*byte);
            }
        }
        (pass, false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn detach_keys_are_found_across_reads_and_a_broken_prefix_is_passed_on() {
        let mut keys = Keys::new(&[16, 17]);
        assert_eq!(keys.filter(b"ab\x10"), (b"ab".to_vec(), false));
        assert_eq!(keys.filter(b"c"), (b"\x10c".to_vec(), false));
        assert_eq!(keys.filter(b"\x10\x10"), (b"\x10".to_vec(), false));
        assert_eq!(keys.filter(b"\x11x"), (Vec::new(), true));
    }

    #[test]
    fn without_keys_everything_passes() {
        assert_eq!(
            Keys::new(&[]).filter(b"\x10\x11"),
            (b"\x10\x11".to_vec(), false)
        );
    }
}
