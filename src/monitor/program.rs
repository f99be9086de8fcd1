//! A program being started: its descriptors, the fork, and what the report pipe says.

use std::collections::VecDeque;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use super::io::Io;
use super::script::Fds;
use crate::container::plan::{Kind as PlanKind, Plan, Process, Source, User};
use crate::error::{Error, Kind, Result};
use crate::identity::serve::{Ends, Start};
use crate::sys::process::{self, Child};
use crate::sys::socket::Message;
use crate::sys::spawn::{Op, Script};
use crate::sys::{self, SysError};

/// Descriptors of a start: ours and the child's.
pub(super) struct Pipes {
    /// Our ends.
    io: Io,
    report: OwnedFd,
    sync: OwnedFd,
    /// The child's ends; dropped after the fork.
    child: Vec<OwnedFd>,
    child_report: OwnedFd,
    /// The child's by number.
    pub(super) fds: Fds,
}

impl Pipes {
    /// Makes what `process` needs: three pipes, or nothing for a pty, which the child makes.
    pub(super) fn new(process: &Process) -> Result<Pipes> {
        let (report, child_report) = sys::fd::pipe()?;
        let (sync, child_sync) = sys::socket::pair()?;
        let mut io = Io::new(process.tty);
        let mut stdio = [-1; 3];
        let mut child = Vec::with_capacity(4);
        if !process.tty {
            let stdin = if process.stdin {
                let (read, write) = sys::fd::pipe()?;
                // who writes to it also reads what a filter has made of it
                sys::fd::set_nonblocking(write.as_fd(), true)?;
                io.stdin = Some(write);
                read
            } else {
                sys::fd::dev_null()?
            };
            let (stdout, out) = sys::fd::pipe()?;
            let (stderr, err) = sys::fd::pipe()?;
            io.set_outputs(stdout, Some(stderr))?;
            for (n, fd) in [stdin, out, err].into_iter().enumerate() {
                stdio[n] = fd.as_raw_fd();
                child.push(fd);
            }
        }
        let fds = Fds {
            stdio,
            sync: child_sync.as_raw_fd(),
            relay: None,
            supervisor: None,
            home: None,
        };
        child.push(child_sync);
        Ok(Pipes {
            io,
            report,
            sync,
            child,
            child_report,
            fds,
        })
    }

    /// Gives the child an end of a socket to the relay.
    pub(super) fn add_relay(&mut self, socket: OwnedFd) {
        self.fds.relay = Some(socket.as_raw_fd());
        self.child.push(socket);
    }

    /// Gives the child an end of a socket over which it sends its listener; returns the supervisor's.
    pub(super) fn add_supervisor(&mut self) -> Result<OwnedFd> {
        let (ours, socket) = sys::socket::pair()?;
        self.fds.supervisor = Some(socket.as_raw_fd());
        self.child.push(socket);
        Ok(ours)
    }

    /// Forks with `flags`; the child walks the script.
    pub(super) fn fork(self, flags: u64, script: &Script) -> Result<Born> {
        let Pipes {
            io,
            report,
            sync,
            child: its_ends,
            child_report,
            ..
        } = self;
        let child = process::fork(flags, || script.run(child_report.as_fd()))?;
        drop(its_ends);
        Ok(Born {
            child,
            early: VecDeque::new(),
            io,
            report,
            sync,
        })
    }
}

/// A child on its way through its script.
pub(super) struct Born {
    pub(super) child: Child,
    /// Messages that were received before they were asked for.
    early: VecDeque<Message>,
    io: Io,
    report: OwnedFd,
    sync: OwnedFd,
}

impl Born {
    /// Of a script that enters a pid namespace first: goes on with the child's own child, whose program it will be. Both are
    /// ours to wait for.
    pub(super) fn follow(mut self) -> Result<Born> {
        loop {
            let Some(message) = self.receive()? else {
                process::wait(self.child.pid)?;
                return Ok(self); // it failed on the way; the report says where
            };
            let Ok(pid) = message.bytes.as_slice().try_into() else {
                // the program's process is faster than its go-between
                self.early.push_back(message);
                continue;
            };
            process::wait(self.child.pid)?;
            let Some(pidfd) = message.fds.into_iter().next() else {
                return Err(Error::new(Kind::System, "the joining process sent no pid"));
            };
            let pid = i32::from_ne_bytes(pid);
            self.child = Child { pid, pidfd };
            return Ok(self);
        }
    }

    /// Where a supervisor is wanted that runs already: gives `supervise` what comes of the filter's listener. The program
    /// waits until somebody answers.
    pub(super) fn supervised(
        mut self,
        plan: &Plan,
        supervise: impl FnOnce(Ends, &Start) -> Result<()>,
    ) -> Result<Born> {
        let User::Supervised { start, .. } = &plan.process.user else {
            return Ok(self);
        };
        let master = match plan.process.tty {
            true => self.next()?,
            false => None,
        };
        let listener = self.next()?;
        self.early.extend(master);
        // without one it failed on the way, and the report says where
        if let Some(ends) = listener.and_then(|m| Ends::of(m.fds))
            && let Err(e) = supervise(ends, start)
        {
            self.kill();
            return Err(e);
        }
        Ok(self)
    }

    fn next(&mut self) -> Result<Option<Message>> {
        match self.early.pop_front() {
            None => self.receive(),
            early => Ok(early),
        }
    }

    fn receive(&self) -> Result<Option<Message>> {
        let message = sys::socket::receive_or_exit(self.sync.as_fd(), self.child.pidfd.as_fd())?;
        Ok(message)
    }

    /// Returns when the program runs.
    ///
    /// # Errors
    /// Why it does not run, in docker's words where it has some; nothing is left of the child then.
    pub(super) fn wait(mut self, plan: &Plan, script: &Script) -> Result<(Child, Io)> {
        if let Some((op, errno)) = read_report(&self.report, script) {
            // nothing else may wait for it: an unreaped joiner would hold up the container's end
            // (a go-between that failed was waited for already)
            let _ = process::wait(self.child.pid);
            return Err(start_error(plan, op, errno));
        }
        // a child that was killed before its exec left no word either: its pidfd tells that in the watch
        if plan.process.tty {
            let message = match self.early.pop_front() {
                None => sys::socket::receive(self.sync.as_fd())?,
                master => master,
            };
            let master = message.and_then(|m| m.fds.into_iter().next());
            let Some(master) = master else {
                process::wait(self.child.pid)?;
                return Err(Error::new(
                    Kind::System,
                    "the process was killed before its program ran",
                ));
            };
            self.io.set_outputs(master, None)?;
        }
        Ok((self.child, self.io))
    }

    /// Ends the child.
    pub(super) fn kill(self) {
        let _ = process::signal(self.child.pidfd.as_fd(), libc::SIGKILL);
        let _ = process::wait(self.child.pid);
    }
}

/// Waits for the exec: the pipe ends without a word. 8 bytes say what failed.
fn read_report<'a>(report: &OwnedFd, script: &'a Script) -> Option<(&'a Op, nix::errno::Errno)> {
    let mut bytes = [0; 8];
    let mut have = 0;
    while have < 8 {
        match sys::fd::read_some(report.as_fd(), &mut bytes[have..]) {
            Ok(Some(n)) if n > 0 => have += n,
            _ => return None,
        }
    }
    script.explain(&bytes)
}

/// Docker's (runc's) words for what users know, ours for the rest.
fn start_error(plan: &Plan, op: &Op, errno: nix::errno::Errno) -> Error {
    use nix::errno::Errno;
    const CREATE: &str = "failed to create task for container: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process";
    const EXEC: &str = "OCI runtime exec failed: exec failed: unable to start container process";
    // docker's exec ends with 126 whatever was wrong with the program
    let (runc, not_found) = match plan.kind {
        PlanKind::Start(_) => (CREATE, Kind::CommandNotFound),
        PlanKind::Join(_) => (EXEC, Kind::CannotInvoke),
    };
    let program = plan.process.argv.first().map_or("", String::as_str);
    let sentence = sys::sentence(errno);
    match op {
        // while we joined
        _ if errno == Errno::ESRCH && matches!(plan.kind, PlanKind::Join(_)) => {
            super::joiner::not_running(plan)
        }
        Op::Find(_) if errno == Errno::ENOENT && !program.contains('/') => Error::new(
            not_found,
            format!("{runc}: exec: \"{program}\": executable file not found in $PATH: unknown"),
        ),
        Op::Find(_) | Op::Exec { .. } if matches!(errno, Errno::ENOENT | Errno::ENOTDIR) => Error::new(
            not_found,
            format!("{runc}: exec: \"{program}\": stat {program}: no such file or directory: unknown"),
        ),
        Op::Find(_) | Op::Exec { .. } => Error::new(
            Kind::CannotInvoke,
            format!("{runc}: exec: \"{program}\": {sentence}: unknown"),
        ),
        Op::WorkDir(path) if errno == Errno::ENOTDIR && matches!(plan.kind, PlanKind::Start(_)) => Error::new(
            Kind::Invalid,
            format!("Cannot mkdir: {} is not a directory", path.to_string_lossy()),
        ),
        Op::WorkDir(path) | Op::EnterDir(path) => Error::new(
            if matches!(plan.kind, PlanKind::Join(_)) || matches!(errno, Errno::EACCES | Errno::ENOTDIR) {
                Kind::CannotInvoke
            } else {
                Kind::System
            },
            format!("{runc}: chdir to cwd ({path:?}) set in config.json failed: {sentence}: unknown"),
        ),
        Op::Write { path, .. } if path.to_bytes().ends_with(b"id_map") => Error::new(
            Kind::Host,
            format!("cannot make a user namespace for `{}`", plan.name),
        )
        .because(op.error(errno))
        .hint("`coracle doctor` tells what forbids it and how an administrator allows it"),
        // EINVAL: move_mount(2) of a folder to a file, or the other way round
        Op::Attach { target, .. } if matches!(errno, Errno::ENOTDIR | Errno::EISDIR | Errno::EINVAL) => Error::new(
            Kind::Invalid,
            format!(
                "{runc}: error during container init: error mounting {:?} to rootfs at {target:?}: not a directory: unknown: Are you trying to mount a directory onto a file (or vice-versa)? Check if the specified host path exists and is the expected type",
                mounted_at(plan, &target.to_string_lossy()),
            ),
        ),
        Op::Attach { target, .. } => Error::new(
            Kind::System,
            format!("cannot mount at {target:?} in `{}`", plan.name),
        )
        .because(op.error(errno)),
        Op::OpenTree { path, below, .. } if below.is_empty() => Error::new(
            Kind::System,
            format!("cannot mount {path:?} into `{}`", plan.name),
        )
        .because(op.error(errno)),
        Op::OpenTree { path, below, .. } => Error::new(
            Kind::System,
            format!("cannot mount {below:?} of {path:?} into `{}`", plan.name),
        )
        .because(crate::sys::sentence(errno)),
        Op::Mount { fstype, .. } if fstype.to_bytes() == b"overlay" => Error::new(
            Kind::Host,
            format!("cannot mount the layers of `{}`", plan.name),
        )
        .because(op.error(errno))
        .hint("`coracle doctor` tells what this host allows; `--storage-driver copy` works everywhere"),
        other => Error::new(Kind::System, format!("cannot start `{}`", plan.name)).because(other.error(errno)),
    }
}

/// Names what a plan mounts at a path.
fn mounted_at(plan: &Plan, target: &str) -> String {
    let PlanKind::Start(start) = &plan.kind else {
        return String::new();
    };
    match start
        .mounts
        .iter()
        .find(|m| m.destination == target)
        .map(|m| &m.source)
    {
        Some(Source::Bind { path, below, .. }) if below.is_empty() => path.display().to_string(),
        Some(Source::Bind { path, below, .. }) => path.join(below).display().to_string(),
        Some(Source::Overlay { .. }) => "overlay".to_owned(),
        Some(Source::Tmpfs { .. }) => "tmpfs".to_owned(),
        None => String::new(),
    }
}

/// Errno of a fork that a limit forbids, as a sentence that cites the host's facts.
pub(super) fn fork_error(e: SysError) -> Error {
    use nix::errno::Errno;
    let host = matches!(
        e.errno(),
        Errno::EPERM | Errno::ENOSPC | Errno::EUSERS | Errno::EINVAL
    );
    let error = Error::new(
        if host { Kind::Host } else { Kind::System },
        "cannot make the container's namespaces",
    )
    .because(e);
    if host {
        error.hint(crate::host::explain_userns())
    } else {
        error
    }
}
