//! An exec session's monitor: joins one process to a running container, passes its streams, tells its exit, ends.
//!
//! Its process is reaped at once: an unreaped one would keep the container's own first process from ending.

use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::io::Io;
use super::program::Pipes;
use super::script::{self, Entry};
use super::tell;
use crate::container::control::{Ask, Client, Tell};
use crate::container::plan::{Join, Kind as PlanKind, Plan, User};
use crate::error::{Context, Error, Kind, Result};
use crate::sys::{self, SysError};

/// Runs the session to its end.
pub(super) fn live(plan: &Plan, launcher: &OwnedFd, attach: [bool; 3]) -> Result<()> {
    let PlanKind::Join(join) = &plan.kind else {
        unreachable!("a joiner's plan joins")
    };
    let stopped = || not_running(plan);
    let pidfd = sys::process::open_pid(join.pid, join.pid_start)?.ok_or_else(stopped)?;
    let target = Target::look(join, plan)?;
    let proc = sys::fd::open(c"/proc", libc::O_PATH | libc::O_DIRECTORY)?;
    let pipes = Pipes::new(&plan.process)?;
    let script = script::join(
        plan,
        target.entry(pidfd.as_raw_fd(), proc.as_raw_fd()),
        pipes.fds,
    )?;
    // told, not asked: a container whose monitor does not listen can still be joined
    let watcher = Client::connect_at(&join.control)?;
    if let Some(watcher) = &watcher {
        watcher.ask(
            &Ask::Exec {
                id: join.exec_id.clone(),
                monitor: std::process::id() as i32,
            },
            &[],
        )?;
    }
    let born = pipes.fork(0, &script)?.follow()?;
    let born = born.supervised(plan, |ends, start| {
        let monitor = watcher.as_ref().ok_or_else(stopped)?;
        let start = start.clone();
        monitor.ask(&Ask::Supervise { start }, &ends.all())
    })?;
    let (child, mut io) = born.wait(plan, &script)?;
    if attach.contains(&true) {
        let (streams, fds) = io.attach(0, attach, plan.process.stdin_once)?;
        let fds: Vec<_> = fds.iter().map(AsFd::as_fd).collect();
        tell(launcher, &Tell::Streams { streams }, &fds)?;
    }
    tell(launcher, &Tell::Started { pid: child.pid }, &[])?;
    let code = watch(&child, &mut io, launcher)?;
    io.drain(None);
    // a launcher that is gone needs no answer
    let _ = tell(launcher, &Tell::Exited { code }, &[]);
    drop(watcher);
    while io.has_backlog() {
        wait_for(&io, &[])?
            .into_iter()
            .for_each(|fd| io.ready(fd, None));
    }
    Ok(())
}

/// Docker's words for a container that ended before it was joined.
pub(super) fn not_running(plan: &Plan) -> Error {
    let id = crate::store::short_id(&plan.id);
    Error::new(Kind::State, format!("container {id} is not running"))
}

/// Which namespaces to enter, by comparing ours with the container's.
struct Target {
    flags: i32,
    user: Option<OwnedFd>,
    native: bool,
}

impl Target {
    fn look(join: &Join, plan: &Plan) -> Result<Target> {
        let differs = |name: &str| {
            let link = |who: &str| std::fs::read_link(format!("/proc/{who}/ns/{name}")).ok();
            link("self") != link(&join.pid.to_string())
        };
        // entering a namespace that we are in already is refused (EPERM for the host's pid namespace)
        let mut flags = 0;
        for (name, flag) in [
            ("mnt", libc::CLONE_NEWNS),
            ("pid", libc::CLONE_NEWPID),
            ("ipc", libc::CLONE_NEWIPC),
            ("uts", libc::CLONE_NEWUTS),
            ("net", libc::CLONE_NEWNET),
            ("cgroup", libc::CLONE_NEWCGROUP),
        ] {
            if differs(name) {
                flags |= flag;
            }
        }
        // the container's own program may have an id of its own, one user namespace below the container's
        let ids = inside_ids(join.pid)?;
        let wanted = match plan.process.user {
            User::Root | User::Supervised { .. } => (0, 0),
            User::Native { uid, gid } => (uid, gid),
        };
        if ids == wanted {
            return Ok(Target {
                flags: flags | libc::CLONE_NEWUSER,
                user: None,
                native: false,
            });
        }
        let user = sys::namespace::user_of(join.pid)?;
        let user = if ids == (0, 0) {
            user
        } else {
            sys::namespace::parent(user.as_fd())?
        };
        Ok(Target {
            flags,
            user: Some(user),
            native: wanted != (0, 0),
        })
    }

    fn entry(&self, pidfd: i32, proc: i32) -> Entry {
        let user = self.user.as_ref().map(AsRawFd::as_raw_fd);
        Entry {
            pidfd,
            flags: self.flags,
            user,
            proc,
            native: self.native,
        }
    }
}

/// The one user and group id that a process's user namespace maps.
fn inside_ids(pid: i32) -> Result<(u32, u32)> {
    let first = |file: &str| -> Result<u32> {
        let path = format!("/proc/{pid}/{file}");
        let text = std::fs::read_to_string(&path)
            .context(Kind::State, || format!("cannot read {path}"))?;
        text.split_ascii_whitespace()
            .next()
            .and_then(|n| n.parse().ok())
            .ok_or_else(|| Error::new(Kind::State, format!("{path} is empty")))
    };
    Ok((first("uid_map")?, first("gid_map")?))
}

/// Copies output and passes signals on until the process ends; returns its exit code.
fn watch(child: &sys::process::Child, io: &mut Io, launcher: &OwnedFd) -> Result<i32> {
    let mut listening = true;
    loop {
        let mut extra = vec![child.pidfd.as_raw_fd()];
        if listening {
            extra.push(launcher.as_raw_fd());
        }
        for fd in wait_for(io, &extra)? {
            if fd == child.pidfd.as_raw_fd() {
                return Ok(sys::process::wait(child.pid)?);
            } else if fd == launcher.as_raw_fd() {
                match sys::socket::receive(launcher.as_fd()) {
                    Ok(Some(message)) => {
                        if let Ok(Ask::Kill { signal }) = serde_json::from_slice(&message.bytes) {
                            sys::process::signal(child.pidfd.as_fd(), signal)?;
                        }
                    }
                    // the command is gone; the process goes on, as docker's does
                    _ => {
                        listening = false;
                        io.detach(0);
                    }
                }
            } else {
                io.ready(fd, None);
            }
        }
    }
}

/// Waits until something is ready; returns the ready descriptors.
pub(super) fn wait_for(io: &Io, extra: &[i32]) -> Result<Vec<i32>> {
    let interests = io.interests();
    let mut fds: Vec<PollFd<'_>> = extra
        .iter()
        .map(|fd| PollFd::new(sys::fd::borrow(*fd), PollFlags::POLLIN))
        .collect();
    fds.extend(interests.iter().map(|(fd, writing)| {
        let flags = if *writing {
            PollFlags::POLLOUT
        } else {
            PollFlags::POLLIN
        };
        PollFd::new(sys::fd::borrow(*fd), flags)
    }));
    loop {
        match poll(&mut fds, PollTimeout::NONE) {
            Ok(_) => break,
            Err(Errno::EINTR) => {}
            Err(e) => return Err(SysError::new("poll()", e).into()),
        }
    }
    let ready = fds.iter().map(|f| f.any().unwrap_or(false));
    let numbers = extra
        .iter()
        .copied()
        .chain(interests.iter().map(|(fd, _)| *fd));
    Ok(numbers
        .zip(ready)
        .filter_map(|(fd, ready)| ready.then_some(fd))
        .collect())
}
