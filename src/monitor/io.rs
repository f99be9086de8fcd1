//! The container's streams: from its pipes or pty into the log and to every attached command.
//!
//! An attached command has pipes of its own that we fill without ever waiting. When one is full, what is left goes into its
//! backlog, and the container's output is not read until the backlog is gone: a slow reader holds the program back, as
//! in a shell pipeline, and our memory stays bounded.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};

use super::log_file::{LogFile, Stream};
use crate::error::Result;
use crate::sys;

const CHUNK: usize = 64 * 1024;

/// Both directions.
pub(super) struct Io {
    tty: bool,
    /// Write end of the program's stdin, until a client takes it for good (StdinOnce).
    pub(super) stdin: Option<OwnedFd>,
    /// stdout (or the pty's master) and stderr.
    sources: [Option<OwnedFd>; 2],
    attached: Vec<Attached>,
    buffer: Vec<u8>,
}

/// One attached command's pipes.
struct Attached {
    client: u64,
    pipes: [Option<OwnedFd>; 2],
    backlog: [Vec<u8>; 2],
    /// The program that it was attached to has ended: it gets its backlog, and nothing of the next one.
    is_ending: bool,
}

const STREAMS: [Stream; 2] = [Stream::Stdout, Stream::Stderr];

impl Io {
    pub(super) fn new(tty: bool) -> Io {
        Io {
            tty,
            stdin: None,
            sources: [None, None],
            attached: Vec::new(),
            buffer: Vec::new(),
        }
    }

    /// Sets our ends of the program's output, or the pty's master.
    pub(super) fn set_outputs(&mut self, stdout: OwnedFd, stderr: Option<OwnedFd>) -> Result<()> {
        for fd in [Some(&stdout), stderr.as_ref()].into_iter().flatten() {
            sys::fd::set_nonblocking(fd.as_fd(), true)?;
        }
        self.sources = [Some(stdout), stderr];
        Ok(())
    }

    /// Replaces the program's side after a restart.
    pub(super) fn succeed(&mut self, new: Io) {
        self.stdin = new.stdin;
        self.sources = new.sources;
    }

    /// Attaches a client; returns the descriptors it is to get and which streams they are.
    pub(super) fn attach(
        &mut self,
        client: u64,
        wanted: [bool; 3],
        stdin_once: bool,
    ) -> Result<([bool; 3], Vec<OwnedFd>)> {
        let mut fds = Vec::with_capacity(3);
        let mut which = [false; 3];
        if wanted[0] {
            let stdin = match (self.tty, stdin_once) {
                (true, _) => self.sources[0]
                    .as_ref()
                    .map(|m| sys::fd::duplicate(m.as_fd()))
                    .transpose()?,
                (false, true) => self.stdin.take(),
                (false, false) => self
                    .stdin
                    .as_ref()
                    .map(|w| sys::fd::duplicate(w.as_fd()))
                    .transpose()?,
            };
            which[0] = stdin.is_some();
            fds.extend(stdin);
        }
        let mut attached = Attached {
            client,
            pipes: [None, None],
            backlog: [Vec::new(), Vec::new()],
            is_ending: false,
        };
        for n in 0..2 {
            if wanted[n + 1] && self.sources[n].is_some() {
                let (read, write) = sys::fd::pipe()?;
                sys::fd::set_nonblocking(write.as_fd(), true)?;
                attached.pipes[n] = Some(write);
                which[n + 1] = true;
                fds.push(read);
            }
        }
        if attached.is_open() {
            self.attached.push(attached);
        }
        Ok((which, fds))
    }

    /// Forgets a client that is gone.
    pub(super) fn detach(&mut self, client: u64) {
        self.attached.retain(|a| a.client != client);
    }

    /// Gives up a stream of the program's, 1 or 2, that a client reads no more, unless another one does.
    pub(super) fn close(&mut self, client: u64, stream: i32) {
        let n = match stream {
            1 => 0,
            2 => 1,
            _ => return,
        };
        let mut others = self.attached.iter().filter(|a| a.client != client);
        if !others.any(|a| a.pipes[n].is_some()) {
            self.sources[n] = None;
        }
    }

    /// What to poll: (descriptor, for writing).
    pub(super) fn interests(&self) -> Vec<(RawFd, bool)> {
        let mut list = Vec::new();
        for n in 0..2 {
            let mut waiting = false;
            for attached in &self.attached {
                if let (Some(pipe), false) = (&attached.pipes[n], attached.backlog[n].is_empty()) {
                    waiting = true;
                    list.push((pipe.as_raw_fd(), true));
                }
            }
            if let (Some(source), false) = (&self.sources[n], waiting) {
                list.push((source.as_raw_fd(), false));
            }
        }
        list
    }

    /// Handles one ready descriptor.
    pub(super) fn ready(&mut self, fd: RawFd, log: Option<&mut LogFile>) {
        for n in 0..2 {
            if self.sources[n]
                .as_ref()
                .is_some_and(|s| s.as_raw_fd() == fd)
            {
                self.pump(n, log);
                return;
            }
        }
        for attached in &mut self.attached {
            for n in 0..2 {
                if attached.pipes[n]
                    .as_ref()
                    .is_some_and(|p| p.as_raw_fd() == fd)
                {
                    let backlog = std::mem::take(&mut attached.backlog[n]);
                    attached.write(n, &backlog);
                }
            }
            attached.close_idle();
        }
        self.attached.retain(Attached::is_open);
    }

    /// Reads once from a source and passes it on; returns whether more may be there.
    fn pump(&mut self, n: usize, log: Option<&mut LogFile>) -> bool {
        let Some(source) = &self.sources[n] else {
            return false;
        };
        if self.buffer.is_empty() {
            self.buffer = vec![0; CHUNK];
        }
        match sys::fd::read_some(source.as_fd(), &mut self.buffer) {
            Ok(Some(count)) if count > 0 => {
                if let Some(log) = log {
                    log.write(STREAMS[n], &self.buffer[..count]);
                }
                for attached in &mut self.attached {
                    attached.give(n, &self.buffer[..count]);
                }
                self.attached.retain(Attached::is_open);
                true
            }
            Ok(None) => false,
            _ => {
                self.sources[n] = None;
                false
            }
        }
    }

    /// The program has ended: takes what its pipes still hold, whatever the readers do, and closes them.
    pub(super) fn drain(&mut self, mut log: Option<&mut LogFile>) {
        for n in 0..2 {
            while self.pump(n, log.as_deref_mut()) {}
            self.sources[n] = None;
        }
        self.stdin = None;
        if let Some(log) = log {
            log.finish();
        }
        // readers see the end once their backlog is written
        for attached in &mut self.attached {
            attached.is_ending = true;
            attached.close_idle();
        }
        self.attached.retain(Attached::is_open);
    }

    /// Says whether some reader still has bytes to get after [`Io::drain`].
    pub(super) fn has_backlog(&self) -> bool {
        !self.attached.is_empty()
    }

    /// Drops the read buffer: an idle monitor should weigh little.
    pub(super) fn rest(&mut self) {
        self.buffer = Vec::new();
    }
}

impl Attached {
    fn is_open(&self) -> bool {
        self.pipes.iter().any(Option::is_some)
    }

    fn close_idle(&mut self) {
        for n in 0..2 {
            if self.is_ending && self.backlog[n].is_empty() {
                self.pipes[n] = None;
            }
        }
    }

    /// Passes on what the program says.
    fn give(&mut self, n: usize, bytes: &[u8]) {
        if !self.is_ending {
            self.write(n, bytes);
        }
    }

    /// Writes what fits and keeps the rest. A reader that is gone is forgotten.
    fn write(&mut self, n: usize, bytes: &[u8]) {
        let Some(pipe) = &self.pipes[n] else { return };
        if !self.backlog[n].is_empty() {
            self.backlog[n].extend_from_slice(bytes);
            return;
        }
        match write_most(pipe.as_fd(), bytes) {
            Some(written) => self.backlog[n].extend_from_slice(&bytes[written..]),
            None => self.pipes[n] = None,
        }
    }
}

/// Returns how many bytes went out without waiting; `None` when nobody reads.
fn write_most(fd: BorrowedFd<'_>, bytes: &[u8]) -> Option<usize> {
    let mut done = 0;
    while done < bytes.len() {
        match sys::fd::write_some(fd, &bytes[done..]) {
            Ok(Some(n)) => done += n,
            Ok(None) => break,
            Err(_) => return None,
        }
    }
    Some(done)
}
