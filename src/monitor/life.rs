//! The life of one container: lock, namespaces, start, watch, end; and again, as long as the restart policy says so.

mod end;
mod follow;
mod note;

use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::clients::{Clients, LAUNCHER, Request};
use super::health::Checks;
use super::io::Io;
use super::log_file::LogFile;
use super::namespaces::Home;
use super::net::{self, Entered, Net};
use super::program::{Pipes, fork_error};
use super::supervisor::{Fate, Supervisor};
use super::{events, group, namespaces, root, script, tell};
use crate::container::control::{self, Tell};
use crate::container::etc_files::Files;
use crate::container::plan::{Join, Kind as PlanKind, Plan, Start, User};
use crate::container::restart::{self, Verdict};
use crate::error::{Error, Kind as ErrorKind, Result};
use crate::identity::serve::{self, Ends};
use crate::store::Store;
use crate::store::containers::{RestartPolicy, State, Status};
use crate::store::paths::Paths;
use crate::sys::lock::Lock;
use crate::sys::memory::Nap;
use crate::sys::process::Child;
use crate::sys::{self, SysError};

/// Quiet time after which a monitor gives memory back.
const REST_AFTER: Duration = Duration::from_millis(200);

/// Lives until the container has ended for good.
pub(super) fn live(plan: &Plan, launcher: &OwnedFd, attach: [bool; 3]) -> Result<()> {
    let PlanKind::Start(start) = &plan.kind else {
        unreachable!("a container's plan starts it")
    };
    let store = Store::known(paths_of(start));
    // held for as long as we live: this is what "running" means
    let lock = store.containers().hold(&plan.id)?;
    let pledge = store.containers().pledge(&plan.id)?;
    sys::process::hear_calls()?;
    let mut life = Life::new(plan, start, store, (lock, pledge))?;
    let started = life
        .settle()
        .and_then(|()| life.first_start(launcher, attach));
    match started {
        Ok(()) => {
            let code = life.watch()?;
            life.end(code)
        }
        Err(e) => {
            life.not_started(&e);
            Err(e)
        }
    }
}

/// `<data>/containers/<id>` and `<runtime>/containers/<id>` to their two roots.
fn paths_of(start: &Start) -> Paths {
    let root = |p: &std::path::Path| {
        p.ancestors()
            .nth(2)
            .map(std::path::Path::to_owned)
            .unwrap_or_default()
    };
    Paths {
        data: root(&start.dir),
        runtime: root(&start.runtime),
    }
}

pub(super) struct Life<'a> {
    plan: &'a Plan,
    start: &'a Start,
    /// Its runtime folder may come to be another one than the plan's.
    store: Store,
    /// Held for as long as the container may run.
    lock: Option<Lock>,
    /// The same in the store.
    pledge: Option<Lock>,
    state: State,
    log: Option<LogFile>,
    clients: Clients,
    io: Io,
    child: Option<Child>,
    net: Option<Net>,
    /// Answers the child's questions about ids.
    supervisor: Option<Supervisor<'a>>,
    checks: Option<Checks>,
    /// Somebody has asked for the end.
    is_stopping: bool,
    /// SIGKILL is due: a stop's patience ends.
    kill_at: Option<Instant>,
    /// The next try of the restart policy.
    restart_at: Option<Instant>,
    /// When to give memory back.
    rest_at: Option<Instant>,
    /// The lock file tells listings what the state says.
    is_noted: bool,
    /// While nothing happens.
    nap: Option<Nap>,
    /// When a killed relay was last replaced.
    renewed: Option<Instant>,
    /// When the next one is to be.
    renew_at: Option<Instant>,
    /// The last start, for the policy's back-off.
    started: Instant,
    backoff: Duration,
    last_code: i32,
}

impl<'a> Life<'a> {
    fn new(
        plan: &'a Plan,
        start: &'a Start,
        store: Store,
        (lock, pledge): (Lock, Option<Lock>),
    ) -> Result<Life<'a>> {
        let old = store.containers().state(&plan.id)?;
        let is_new = old.started_at.is_empty();
        Ok(Life {
            plan,
            start,
            store,
            lock: Some(lock),
            pledge,
            state: State {
                monitor: std::process::id() as i32,
                monitor_start: sys::process::start_time(std::process::id() as i32).unwrap_or(0),
                boot_id: crate::store::containers::boot_id(),
                finished_at: old.finished_at,
                identity: plan.process.user.mode().name().to_owned(),
                native: match plan.process.user {
                    User::Native { uid, gid } if old.native.is_some() || is_new => Some([uid, gid]),
                    _ => None,
                },
                ..State::default()
            },
            log: start.log.as_ref().map(LogFile::new),
            clients: Clients::default(),
            io: Io::new(plan.process.tty),
            child: None,
            net: None,
            supervisor: None,
            checks: None,
            is_stopping: false,
            kill_at: None,
            restart_at: None,
            rest_at: Some(Instant::now() + REST_AFTER),
            is_noted: false,
            nap: None,
            renewed: None,
            renew_at: None,
            started: Instant::now(),
            backoff: restart::FIRST_PAUSE,
            last_code: 0,
        })
    }

    /// Becomes root of the user namespace that is the container's, or whose child its own will be, with its network and root.
    fn settle(&mut self) -> Result<()> {
        let entered = namespaces::enter(self.plan, self.start)?;
        match &self.start.network {
            Some(network) => {
                let paths = self.store.paths();
                self.net = Some(net::begin(self.plan, network, paths, entered)?);
            }
            None if entered == Entered::No => {
                sys::namespace::become_root().map_err(fork_error)?;
            }
            None => {}
        }
        root::prepare(self.start)
    }

    fn first_start(&mut self, launcher: &OwnedFd, attach: [bool; 3]) -> Result<()> {
        self.start_program()?;
        let client = self
            .clients
            .add(sys::fd::duplicate(launcher.as_fd())?, true)?;
        if attach.contains(&true) {
            let (streams, fds) = self
                .io
                .attach(client, attach, self.plan.process.stdin_once)?;
            let fds: Vec<_> = fds.iter().map(AsFd::as_fd).collect();
            // a launcher that is gone already: the container runs on, as docker's does
            let _ = tell(launcher, &Tell::Streams { streams }, &fds);
        }
        let _ = tell(
            launcher,
            &Tell::Started {
                pid: self.state.pid,
            },
            &[],
        );
        Ok(())
    }

    /// The state says "running" from the moment that the program does.
    fn start_program(&mut self) -> Result<()> {
        let mut pipes = Pipes::new(&self.plan.process)?;
        if let (Some(network), None) = (&self.start.network, &self.net) {
            // its relay was killed
            let paths = self.store.paths();
            self.net = Some(net::begin(self.plan, network, paths, Entered::Other)?);
        }
        let mut etc = self.start.etc.clone();
        if let Some(net) = &self.net {
            net.complete(&mut etc);
            pipes.add_relay(net.plug()?);
        }
        let first = match &self.plan.process.user {
            User::Supervised { start, .. } => Some((start, pipes.add_supervisor()?)),
            _ => None,
        };
        let home = namespaces::home(self.plan, self.start)?;
        let numbers = |home: &Home| [&home.process, &home.user].map(AsRawFd::as_raw_fd);
        pipes.fds.home = home.as_ref().map(numbers);
        let script = script::start(self.plan, self.start, &etc, pipes.fds)?;
        let flags = namespaces::at_birth(&self.start.namespaces);
        if let Some(net) = &self.net {
            net.note(&mut self.state);
        }
        let born = group::within(self.start, || pipes.fork(flags, &script))??;
        let born = match home {
            Some(_) => born.follow()?,
            None => born,
        };
        // of an earlier start
        self.end_supervisor();
        if let Err(e) = self.expect(&born.child, first) {
            born.kill();
            return Err(e);
        }
        let failure = || self.net.as_ref().and_then(Net::failure);
        let (child, io) = born
            .wait(self.plan, &script)
            .map_err(|e| failure().unwrap_or(e))?;
        self.io.succeed(io);
        self.child = Some(child);
        self.started = Instant::now();
        self.store
            .containers()
            .publish_state(&self.plan.id)
            .inspect_err(|_| {
                self.signal(libc::SIGKILL);
                let child = self.child.take();
                child.map(|child| sys::process::wait(child.pid));
            })?;
        events::started(&self.store, &self.plan.id, &self.state);
        Ok(())
    }

    /// What a running container needs, made while the child mounts: whoever reads "running" finds somebody who answers.
    fn expect(&mut self, child: &Child, first: Option<(&'a serve::Start, OwnedFd)>) -> Result<()> {
        if let Some((first, ends)) = first {
            self.supervisor = Some(Supervisor::start(self.start, first, ends)?);
        }
        let runtime = self.runtime();
        self.clients.listen(&runtime)?;
        self.checks = Checks::new(
            self.start.health.as_ref(),
            &["/bin/sh".to_owned(), "-c".to_owned()],
        );
        self.state.status = Status::Running;
        self.state.pid = child.pid;
        self.state.pid_start = sys::process::start_time(child.pid).unwrap_or(0);
        self.state.started_at = crate::store::now();
        self.state.exit_code = 0;
        self.state.error = String::new();
        self.state.health = self.checks.as_ref().map(|c| c.health.clone());
        self.drop_note();
        // who cannot say that it runs does not
        self.store
            .containers()
            .prepare_state(&self.plan.id, &self.state)
    }

    /// Serves until the container has ended for good; returns its exit code.
    fn watch(&mut self) -> Result<i32> {
        loop {
            for event in self.wait()? {
                self.handle(event)?;
            }
            self.tick();
            if self.child.is_none() && self.restart_at.is_none() {
                return Ok(self.last_code);
            }
        }
    }

    fn wait(&mut self) -> Result<Vec<RawFd>> {
        let mut numbers: Vec<(RawFd, bool)> = self.io.interests();
        numbers.extend(self.net.iter().map(|net| (net.interest(), false)));
        numbers.extend(self.child.iter().map(|c| (c.pidfd.as_raw_fd(), false)));
        let supervisor = self.supervisor.iter().flat_map(Supervisor::interests);
        numbers.extend(supervisor.map(|fd| (fd, false)));
        numbers.extend(self.clients.interests().into_iter().map(|fd| (fd, false)));
        numbers.extend(
            self.checks
                .iter()
                .flat_map(Checks::interests)
                .map(|fd| (fd, false)),
        );
        let mut fds: Vec<PollFd<'_>> = numbers
            .iter()
            .map(|(fd, writing)| {
                let flags = if *writing {
                    PollFlags::POLLOUT
                } else {
                    PollFlags::POLLIN
                };
                PollFd::new(sys::fd::borrow(*fd), flags)
            })
            .collect();
        let timeout = self.timeout();
        let polled = match &self.nap {
            Some(nap) => nap.poll(&mut fds, timeout),
            None => poll(&mut fds, timeout),
        };
        match polled {
            Ok(0) => {
                self.rest();
                return Ok(Vec::new());
            }
            Ok(_) => {
                self.nap = None;
                self.rest_at = Some(Instant::now() + REST_AFTER);
            }
            Err(Errno::EINTR) => {
                self.follow();
                return Ok(Vec::new());
            }
            Err(e) => return Err(SysError::new("poll()", e).into()),
        }
        let ready = fds.iter().map(|f| f.any().unwrap_or(false));
        Ok(numbers
            .into_iter()
            .zip(ready)
            .filter_map(|((fd, _), ready)| ready.then_some(fd))
            .collect())
    }

    /// Nothing has happened for a while: give memory back until something does.
    fn rest(&mut self) {
        if self.rest_at.is_some_and(|at| Instant::now() >= at) {
            self.rest_at = None;
            self.note();
            self.io.rest();
            // without one the monitor is only heavier
            self.nap = Nap::new().ok();
        }
    }

    fn timeout(&self) -> PollTimeout {
        let checks = self
            .child
            .as_ref()
            .and(self.checks.as_ref())
            .map(Checks::deadline);
        match [
            self.kill_at,
            self.restart_at,
            self.renew_at,
            self.rest_at,
            checks,
        ]
        .into_iter()
        .flatten()
        .min()
        {
            // one millisecond more, so that the deadline has passed when poll returns
            Some(at) => {
                let wait = at.saturating_duration_since(Instant::now()) + Duration::from_millis(1);
                PollTimeout::try_from(wait).unwrap_or(PollTimeout::MAX)
            }
            None => PollTimeout::NONE,
        }
    }

    fn handle(&mut self, fd: RawFd) -> Result<()> {
        if self
            .child
            .as_ref()
            .is_some_and(|c| c.pidfd.as_raw_fd() == fd)
        {
            return self.ended();
        }
        if let Some(net) = &self.net
            && net.interest() == fd
        {
            if net.has_ended() {
                let is_program = net.is_program();
                self.net = None;
                if !is_program {
                    self.renew_network();
                }
            }
            return Ok(());
        }
        if let Some(supervisor) = &mut self.supervisor
            && supervisor.interests().contains(&fd)
        {
            let fate = supervisor.look();
            self.supervised(fate);
            return Ok(());
        }
        if self.clients.owns(fd) {
            for (client, request) in self.clients.ready(fd) {
                self.answer(client, request);
            }
            return Ok(());
        }
        if let Some(checks) = &mut self.checks
            && checks.interests().contains(&fd)
        {
            if checks.ready(fd) {
                self.note_health();
            }
            return Ok(());
        }
        self.io.ready(fd, self.log.as_mut());
        Ok(())
    }

    fn end_supervisor(&mut self) {
        if let Some(supervisor) = self.supervisor.take() {
            supervisor.end();
        }
    }

    /// When a supervisor was killed nothing waits for it any more, but nobody knows who is who. A program that has its one id
    /// from the kernel goes on; those of root's `exec` there get ENOSYS, and the next one brings another supervisor.
    fn supervised(&mut self, fate: Fate) {
        if fate != Fate::Well {
            self.supervisor = None;
        }
        let is_the_programs = matches!(self.plan.process.user, User::Supervised { .. });
        if fate == Fate::Killed && is_the_programs && self.child.is_some() {
            "the identity supervisor was killed".clone_into(&mut self.state.error);
            self.signal(libc::SIGKILL);
        }
    }

    fn note_health(&mut self) {
        let status = |state: &State| state.health.as_ref().map(|h| h.status.clone());
        let before = status(&self.state);
        self.state.health = self.checks.as_ref().map(|c| c.health.clone());
        self.save();
        if let Some(now) = status(&self.state).filter(|now| Some(now) != before.as_ref()) {
            let action = format!("health_status: {now}");
            self.store.tell_of(&self.plan.id, &action, &[]);
        }
    }

    /// What time brings: SIGKILL, a health check, a restart.
    fn tick(&mut self) {
        let now = Instant::now();
        if self.kill_at.is_some_and(|at| now >= at) {
            self.kill_at = None;
            self.signal(libc::SIGKILL);
        }
        if let (Some(_), Some(checks)) = (&self.child, &mut self.checks) {
            let (plan, start, state) = (self.plan, self.start, &self.state);
            let control = || control::socket_path(self.store.paths(), &plan.id);
            if checks.tick(|argv| check_plan(plan, start, state, control(), argv)) {
                self.note_health();
            }
        }
        if self.renew_at.is_some_and(|at| now >= at) {
            self.renew_network();
        }
        if self.restart_at.is_some_and(|at| now >= at) {
            self.restart_at = None;
            self.state.restart_count += 1;
            if let Err(e) = self.start_program() {
                self.checks = None;
                self.state.error = e.to_string();
                self.last_code = e.kind().exit_code().into();
                self.after_exit();
            }
        }
    }

    fn signal(&self, signal: i32) {
        if let Some(child) = &self.child {
            events::signalled(&self.store, &self.plan.id, signal);
            // the only failure left is a process that is gone
            let _ = sys::process::signal(child.pidfd.as_fd(), signal);
        }
    }

    /// The first process has ended, and with it, where it has its own pid namespace, all others.
    fn ended(&mut self) -> Result<()> {
        let Some(child) = self.child.take() else {
            return Ok(());
        };
        self.last_code = sys::process::wait(child.pid)?;
        self.checks = None;
        self.kill_at = None;
        // it holds the container's mounts; it is waited for when everything is told
        self.supervisor.iter_mut().for_each(Supervisor::kill);
        self.io.drain(self.log.as_mut());
        let end = events::End {
            code: self.last_code,
            took: self.started.elapsed(),
            was_stopped: std::mem::take(&mut self.is_stopping),
        };
        events::ended(&self.store, &self.plan.id, &self.state, end);
        self.after_exit();
        Ok(())
    }

    fn after_exit(&mut self) {
        self.state.pid = 0;
        self.state.pid_start = 0;
        self.state.exit_code = self.last_code;
        self.state.finished_at = crate::store::now();
        self.state.networks.clear();
        self.state.ports.clear();
        if self.started.elapsed() >= restart::STEADY {
            self.backoff = restart::FIRST_PAUSE;
        }
        let tries = self.state.restart_count;
        let by_user = self.state.stopped_by_user;
        match restart::verdict(&self.policy(), self.last_code, tries, by_user) {
            Verdict::Again => {
                self.state.status = Status::Restarting;
                self.restart_at = Some(Instant::now() + self.backoff);
                self.backoff = (self.backoff * 2).min(restart::LAST_PAUSE);
                self.save();
                // as docker: who waits, or looks on, has seen one life
                self.clients.tell_exit(self.last_code);
            }
            Verdict::Down => self.state.status = Status::Exited,
        }
    }

    /// The restart policy of now: `update` may have changed it.
    fn policy(&self) -> RestartPolicy {
        let now = match self.start.remove {
            true => None,
            false => self.store.containers().restart_policy(&self.plan.id).ok(),
        };
        now.flatten().unwrap_or_else(|| self.start.restart.clone())
    }

    fn answer(&mut self, client: u64, request: Request) {
        match request {
            Request::Attach(streams) => {
                match self
                    .io
                    .attach(client, streams, self.plan.process.stdin_once)
                {
                    Ok((streams, fds)) => {
                        self.clients.tell(client, &Tell::Streams { streams }, &fds)
                    }
                    Err(e) => self.clients.tell(client, &Tell::Failed(e), &[]),
                }
            }
            Request::Kill(signal) => {
                if signal == libc::SIGKILL || signal == self.start.stop_signal {
                    self.state.stopped_by_user = true;
                }
                self.signal(signal);
                self.clients.tell(client, &Tell::Done, &[]);
            }
            Request::Unread(stream) => {
                if client == LAUNCHER && self.start.remove {
                    self.io.close(client, stream);
                }
            }
            Request::Stop(signal, timeout) => self.stop(signal, timeout),
            Request::Pause(on) => {
                let done = self.pause(on);
                self.tell_done(client, done);
            }
            Request::Connect(place, etc) => self.rewire(client, etc, |net| net.connect(*place)),
            Request::Disconnect(id, etc) => self.rewire(client, etc, |net| net.disconnect(&id)),
            Request::Supervise(start, ends) => {
                let Some(ends) = Ends::of(ends) else { return };
                if let Some(supervisor) = &mut self.supervisor {
                    let fate = supervisor.add(start, ends.listener);
                    self.supervised(fate);
                } else {
                    // where there is none the asker gets ENOSYS
                    self.supervisor = Supervisor::for_exec(self.start, &start, &ends).ok();
                    // from now on a file without a record may be root's
                    self.state.native = None;
                    self.save();
                }
            }
            Request::Gone => {
                self.io.detach(client);
                if client == LAUNCHER && self.start.bound {
                    self.signal(libc::SIGKILL);
                }
            }
        }
    }

    fn rewire(&mut self, client: u64, etc: Files, change: impl FnOnce(&mut Net) -> Result<()>) {
        let name = &self.plan.name;
        let gone = || {
            Error::new(ErrorKind::State, format!("the network of `{name}` is gone"))
                .hint("start the container anew")
        };
        let before = self.state.networks.clone();
        let done = self.net.as_mut().ok_or_else(gone).and_then(|net| {
            change(net)?;
            net.keep_files(etc);
            net.note(&mut self.state);
            Ok(())
        });
        self.save();
        events::moved(&self.store, &self.plan.id, &before, &self.state.networks);
        self.tell_done(client, done);
    }

    fn tell_done(&mut self, client: u64, done: Result<()>) {
        let told = done.map_or_else(Tell::Failed, |()| Tell::Done);
        self.clients.tell(client, &told, &[]);
    }

    fn stop(&mut self, signal: i32, timeout: i64) {
        self.state.stopped_by_user = true;
        self.restart_at = None;
        if self.child.is_none() {
            self.state.status = Status::Exited;
            return;
        }
        if self.state.status == Status::Paused {
            // a frozen process takes no signal; docker thaws it first
            let _ = self.pause(false);
        }
        self.is_stopping = signal != libc::SIGKILL;
        if timeout == 0 {
            self.signal(libc::SIGKILL);
            return;
        }
        self.signal(signal);
        if let Ok(seconds) = u64::try_from(timeout) {
            self.kill_at = Some(Instant::now() + Duration::from_secs(seconds));
        }
    }

    fn pause(&mut self, on: bool) -> Result<()> {
        let Some(child) = &self.child else {
            return Ok(());
        };
        match &self.start.group {
            Some(group) => sys::cgroup::freeze(&group.path, on)?,
            None => super::freeze::freeze(child.pid, &self.start.namespaces.pid, on)?,
        }
        self.state.status = if on { Status::Paused } else { Status::Running };
        self.save();
        let action = if on { "pause" } else { "unpause" };
        self.store.tell_of(&self.plan.id, action, &[]);
        Ok(())
    }
}

/// The container's own plan with another program.
fn check_plan(
    plan: &Plan,
    start: &Start,
    state: &State,
    control: PathBuf,
    argv: &[String],
) -> Result<Plan> {
    let mut check = plan.clone();
    check.process.argv = argv.to_vec();
    check.process.tty = false;
    check.process.stdin = false;
    check.kind = PlanKind::Join(Join {
        pid: state.pid,
        pid_start: state.pid_start,
        exec_id: crate::store::new_id()?,
        control,
        group: start.group.as_ref().map(|g| g.path.clone()),
    });
    Ok(check)
}
