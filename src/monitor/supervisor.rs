//! The container's identity supervisor as its monitor sees it: a child that answers, and a socket to it.

use std::ffi::CString;
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};

use crate::container::plan::{Root, Source, Start};
use crate::error::{Context, Kind, Result};
use crate::identity::serve::{self, Served, Settings};
use crate::store::owners::Sidecar;
use crate::sys::process::{self, Child};
use crate::sys::socket;

/// Lives as long as one start of the container.
pub(super) struct Supervisor {
    child: Child,
    control: OwnedFd,
}

impl Supervisor {
    /// Forks it, to be ready by the time that the first process sends its listener over `ends`: it comes to be while that one
    /// still mounts. The monitor has one thread, so the child may do what it likes; it is the one that has threads.
    pub(super) fn start(start: &Start, first: &serve::Start, ends: OwnedFd) -> Result<Supervisor> {
        let (control, theirs) = socket::pair()?;
        let mut parts = Some((ends, theirs));
        let child = process::fork(0, || {
            process::rename("__ids");
            let settings = settings(start, first);
            if let Some((ends, theirs)) = parts.take() {
                // whoever asks gets ENOSYS from now on, and the monitor sees us gone
                if matches!(serve::run(&settings, ends, theirs), Ok(Served::Nobody)) {
                    process::exit_now(NOBODY);
                }
            }
        })?;
        Ok(Supervisor { child, control })
    }

    /// Gives it the listener of one more program.
    pub(super) fn add(&self, start: &serve::Start, listener: &OwnedFd) -> Result<()> {
        let bytes = serde_json::to_vec(start)
            .context(Kind::System, || "cannot write a supervisor's message")?;
        Ok(socket::send(
            self.control.as_fd(),
            &bytes,
            &[listener.as_fd()],
        )?)
    }

    /// What becomes readable when it has ended.
    pub(super) fn interest(&self) -> RawFd {
        self.child.pidfd.as_raw_fd()
    }

    /// Tells it to end.
    pub(super) fn kill(&self) {
        // one that has ended already needs no signal
        let _ = process::signal(self.child.pidfd.as_fd(), libc::SIGKILL);
    }

    /// Ends it.
    pub(super) fn end(self) {
        self.kill();
        let _ = process::wait(self.child.pid);
    }

    /// One that has ended by itself: whether there was nobody to serve.
    pub(super) fn had_nobody(self) -> bool {
        process::wait(self.child.pid).is_ok_and(|code| code == NOBODY)
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
        layers,
        sidecar: start.dir.join(Sidecar::NAME),
    }
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
