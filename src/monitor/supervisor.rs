//! The container's identity supervisor as its monitor sees it: a child that answers, and a socket to it; or, where nothing was
//! asked for a while, what the child has left, until somebody asks again.

use std::ffi::CString;
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::time::Duration;

use crate::container::plan::{Mount, Root, Source, Start};
use crate::error::Result;
use crate::identity::serve::{self, Begin, Ends, Given, Left, Served, Settings};
use crate::store::owners::Sidecar;
use crate::sys::process::{self, Child};
use crate::sys::socket;

/// Lives as long as one start of the container.
pub(super) struct Supervisor<'a> {
    start: &'a Start,
    first: serve::Start,
    now: Now,
}

enum Now {
    Awake(Running),
    Away(Left),
    Over,
}

struct Running {
    child: Child,
    control: OwnedFd,
}

/// Who answers from now on.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// A supervisor, or the next one.
    Well,
    /// Nobody, and nobody is there who could ask.
    Unneeded,
    /// Nobody.
    Killed,
}

impl<'a> Supervisor<'a> {
    /// Forks it, to be ready by the time that the first process sends its listener over `ends`: it comes to be while that one
    /// still mounts.
    pub(super) fn start(
        start: &'a Start,
        first: &serve::Start,
        ends: OwnedFd,
    ) -> Result<Supervisor<'a>> {
        let now = Now::Awake(Running::fork(start, first, &mut Some(Begin::First(ends)))?);
        Ok(Supervisor {
            start,
            first: first.clone(),
            now,
        })
    }

    /// The same for a container whose own program has none: root's first `exec` in one that is natively another's.
    pub(super) fn for_exec(
        start: &'a Start,
        first: &serve::Start,
        ends: &Ends,
    ) -> Result<Supervisor<'a>> {
        let (ours, theirs) = socket::pair()?;
        socket::send(ours.as_fd(), b"ends", &ends.all())?;
        Supervisor::start(start, first, theirs)
    }

    /// Gives it the listener of one more program.
    pub(super) fn add(&mut self, start: serve::Start, listener: OwnedFd) -> Fate {
        let mut fate = Fate::Well;
        if let Now::Awake(running) = &self.now {
            let bytes = serde_json::to_vec(&start).expect("numbers only");
            if socket::send(running.control.as_fd(), &bytes, &[listener.as_fd()]).is_ok() {
                return fate;
            }
            // it goes just now
            fate = self.look();
        }
        if let Now::Away(left) = &mut self.now {
            left.add(start, listener);
        }
        fate
    }

    /// What becomes readable when there is something to [`look`](Supervisor::look) at.
    pub(super) fn interests(&self) -> Vec<RawFd> {
        match &self.now {
            // its end is seen there as well
            Now::Awake(running) => vec![running.control.as_raw_fd()],
            Now::Away(left) => left.interests(),
            Now::Over => Vec::new(),
        }
    }

    /// Takes what one leaves that goes, and starts one when somebody asks.
    pub(super) fn look(&mut self) -> Fate {
        match std::mem::replace(&mut self.now, Now::Over) {
            Now::Awake(Running { child, control }) => {
                let left = Left::receive(&control);
                let code = process::wait(child.pid);
                match left {
                    Ok(left) => self.now = Now::Away(left),
                    Err(_) if code.is_ok_and(|code| code == NOBODY) => return Fate::Unneeded,
                    Err(_) => return Fate::Killed,
                }
            }
            Now::Away(left) => self.now = self.wake(left),
            Now::Over => {}
        }
        Fate::Well
    }

    fn wake(&self, left: Left) -> Now {
        /// Until the next try, where the user has as many processes as allowed: the askers wait.
        const PAUSE: Duration = Duration::from_millis(20);
        if !left.is_asked() {
            return Now::Away(left);
        }
        let mut begin = Some(Begin::Again(left));
        match (Running::fork(self.start, &self.first, &mut begin), begin) {
            (Err(_), Some(Begin::Again(left))) => {
                std::thread::sleep(PAUSE);
                Now::Away(left)
            }
            (running, _) => running.map_or(Now::Over, Now::Awake),
        }
    }

    /// Tells it to end: it holds the container's mounts.
    pub(super) fn kill(&mut self) {
        match &self.now {
            // one that has ended already needs no signal
            Now::Awake(running) => {
                let _ = process::signal(running.child.pidfd.as_fd(), libc::SIGKILL);
            }
            Now::Away(_) | Now::Over => self.now = Now::Over,
        }
    }

    /// Ends it.
    pub(super) fn end(mut self) {
        self.kill();
        if let Now::Awake(running) = self.now {
            let _ = process::wait(running.child.pid);
        }
    }
}

impl Running {
    /// The monitor has one thread, so the child may do what it likes; it is the one that has threads. `begin` is still there
    /// where no child is.
    fn fork(start: &Start, first: &serve::Start, begin: &mut Option<Begin>) -> Result<Running> {
        let (control, theirs) = socket::pair()?;
        let mut theirs = Some(theirs);
        let child = process::fork(0, || {
            process::rename("__ids");
            let settings = settings(start, first);
            if let (Some(begin), Some(theirs)) = (begin.take(), theirs.take()) {
                // whoever asks gets ENOSYS from now on, and the monitor sees us gone
                if matches!(
                    serve::run(&settings, begin, theirs),
                    Ok(Served::Nobody | Served::ForNow)
                ) {
                    process::exit_now(NOBODY);
                }
            }
        })?;
        Ok(Running { child, control })
    }
}

/// The exit code of one that no listener was sent to.
const NOBODY: i32 = 0;

fn settings(start: &Start, first: &serve::Start) -> Settings {
    let layers = match &start.root {
        Root::Overlay { lower, .. } | Root::Fuse { lower, .. } => lower.clone(),
        Root::Plain { .. } => Vec::new(),
    };
    Settings {
        first: first.clone(),
        ours: ours(start),
        given: given(start),
        layers,
        sidecar: start.dir.join(Sidecar::NAME),
    }
}

/// Whom the user gave a tmpfs to (`--tmpfs /t:uid=1000,gid=1000`).
fn given(start: &Start) -> Vec<Given> {
    let one = |mount: &Mount| {
        let Source::Tmpfs { data, .. } = &mount.source else {
            return None;
        };
        let id = |key: &str| {
            data.split(',')
                .find_map(|o| o.strip_prefix(key)?.parse().ok())
        };
        let (uid, gid) = (id("uid="), id("gid="));
        (uid.is_some() || gid.is_some()).then_some(Given {
            at: CString::new(mount.destination.as_str()).ok()?,
            uid: uid.unwrap_or(0),
            gid: gid.unwrap_or(0),
        })
    };
    start.mounts.iter().filter_map(one).collect()
}

/// Mount points whose files lie in the store or in the container's memory.
fn ours(start: &Start) -> Vec<CString> {
    let volumes = start
        .dir
        .ancestors()
        .nth(2)
        .map(|data| data.join("volumes"));
    let is_ours = |source: &Source| match source {
        Source::Bind { path, .. } => volumes.as_ref().is_some_and(|v| path.starts_with(v)),
        Source::Overlay { .. } | Source::Tmpfs { .. } => true,
    };
    let mounted = start.mounts.iter().filter(|m| is_ours(&m.source));
    ["/", "/dev", "/dev/shm"]
        .into_iter()
        .chain(mounted.map(|m| m.destination.as_str()))
        .filter_map(|at| CString::new(at).ok())
        .collect()
}
