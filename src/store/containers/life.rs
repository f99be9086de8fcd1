//! Is a container's monitor alive, and what is true when it is not.
//!
//! ```text
//! <runtime>/containers/<id>/lock   held by the living monitor; nobody else ever takes it for longer than a removal
//! <data>/containers/<id>/life      held by it as well
//! ```
//! The first is what is asked. The second is looked at before a container counts as dead whose state says that it lives: a
//! store may be seen from another host (a home on NFS) or by commands with another /tmp and other processes (a sandbox),
//! where there is another runtime folder and the monitor is not to be seen. A file system without locks has the first alone.

use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use nix::fcntl::{AT_FDCWD, OFlag, openat};
use nix::sys::stat::Mode;

use crate::error::{Error, Kind, Result};
use crate::store::containers::{Containers, State, Status, names};
use crate::store::paths::Paths;
use crate::store::{Store, folder, short_id};
use crate::sys::lock::Lock;
use crate::sys::process;

/// Exit code of a container whose monitor was killed: as if its program had been.
const KILLED: i32 = 137;
/// Exit code of a container that a reboot ended (docker's for an unclean restart of its daemon).
const REBOOTED: i32 = 255;
/// How long a monitor that was called may take to have its lock here, and the time between calls.
const PATIENCE: Duration = Duration::from_millis(500);
const PAUSE: Duration = Duration::from_millis(2);
/// Why a container cannot be started or removed: its monitor is one of ours here, or cannot be reached.
const HERE: &str = "its monitor lives";
const ELSEWHERE: &str =
    "its monitor lives on another host, or where its processes cannot be seen from here";

/// A program that outlived its monitor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Orphan {
    /// Process id of the container's first process, as the state says; check `pid_start` before you signal it.
    pub pid: i32,
    /// Its start time in clock ticks since boot.
    pub pid_start: u64,
}

impl Orphan {
    /// Says whether that very process still lives.
    pub fn is_alive(&self) -> bool {
        crate::sys::process::start_time(self.pid) == Some(self.pid_start)
    }
}

impl Containers<'_> {
    /// Takes the lock of the container's monitor, and makes its runtime folder. The container lives as long as the lock.
    ///
    /// `Kind::State` when a monitor lives, `Kind::NotFound` when the container was removed meanwhile.
    pub fn hold(&self, id: &str) -> Result<Lock> {
        if self.is_astray(id, &self.written_state(id)?)? {
            return Err(is_running(id, HERE));
        }
        if self.is_elsewhere(id) {
            return Err(is_running(id, ELSEWHERE));
        }
        let Some(lock) = self.take(id)? else {
            return Err(is_running(id, HERE));
        };
        // of a monitor that was killed
        lock.note("")?;
        // whoever removes a container holds this lock, so from now on it stays
        if !names::Names::new(self.store).is_whole(id)? {
            lock.remove().ok();
            std::fs::remove_dir(self.runtime(id)).ok();
            return Err(super::no_such(id));
        }
        Ok(lock)
    }

    /// Takes the lock, whatever the state says: for its monitor itself, when the runtime folder is another one now.
    pub(crate) fn take(&self, id: &str) -> Result<Option<Lock>> {
        folder(&self.runtime(id))?;
        Ok(Lock::attempt(&self.lock_path(id))?)
    }

    /// Takes the lock in the store as well, for the monitor whose lock [`Containers::hold`] returned. `None` where the file
    /// system has none.
    pub fn pledge(&self, id: &str) -> Result<Option<Lock>> {
        match Lock::attempt(&self.life_path(id)) {
            Ok(Some(lock)) => Ok(Some(lock)),
            Ok(None) => Err(is_running(id, ELSEWHERE)),
            Err(_) => Ok(None),
        }
    }

    /// Says whether a monitor lives that cannot be seen from here.
    fn is_elsewhere(&self, id: &str) -> bool {
        Lock::is_held(&self.life_path(id)).unwrap_or(false)
    }

    /// Says whether the container's monitor lives.
    pub fn is_held(&self, id: &str) -> Result<bool> {
        Ok(Lock::is_held(&self.lock_path(id))?
            || self.is_out_of_sight(id, &self.written_state(id)?)?)
    }

    /// Says whether the monitor that wrote `state` lives although the lock that is here is free.
    fn is_out_of_sight(&self, id: &str, state: &State) -> Result<bool> {
        Ok(self.is_astray(id, state)? || self.is_elsewhere(id))
    }

    /// Says whether the monitor that wrote `state` lives without the lock that is here: the runtime folder was removed, or is
    /// another one. It is called, and has the lock here when it can.
    fn is_astray(&self, id: &str, state: &State) -> Result<bool> {
        let is_alive = || {
            state.monitor_start != 0
                && process::start_time(state.monitor) == Some(state.monitor_start)
        };
        let is_here = || Lock::is_held(&self.lock_path(id));
        if !claims_life(state.status) || state.boot_id != boot_id() || !is_alive() {
            return Ok(false);
        }
        let until = Instant::now() + PATIENCE;
        while !is_here()? && Instant::now() < until {
            process::call(state.monitor);
            std::thread::sleep(PAUSE);
        }
        // one that has ended meanwhile has said so
        Ok(is_here()? || is_alive())
    }

    /// Returns `<runtime>/containers/<id>`: the folder of the lock and the control socket.
    pub fn runtime(&self, id: &str) -> PathBuf {
        self.store.paths().runtime.join("containers").join(id)
    }

    /// Returns what is true of a container whose monitor wrote `written`, and the program that outlived it, if any.
    pub fn truth(&self, id: &str, written: State) -> Result<(State, Option<Orphan>)> {
        self.truth_by(id, written, || self.is_held(id))
    }

    /// As [`Containers::truth`], with the caller's way to ask for the monitor's lock.
    pub(super) fn truth_by(
        &self,
        id: &str,
        mut written: State,
        is_held: impl Fn() -> Result<bool>,
    ) -> Result<(State, Option<Orphan>)> {
        loop {
            if !claims_life(written.status) || is_held()? {
                return Ok((written, None));
            }
            // a monitor that ended between our two looks wrote its last word before it let the lock go
            let last = self.written_state(id)?;
            if last == written && self.is_out_of_sight(id, &written)? {
                return Ok((written, None));
            }
            if last == written {
                let last_sign = self.last_sign_of_life(id);
                return Ok(correct(written, &boot_id(), last_sign));
            }
            written = last;
        }
    }

    /// Opens the folder of all containers' runtime folders; `None` when no container ever ran since the boot.
    pub(super) fn runtimes(&self) -> Option<OwnedFd> {
        let path = self.store.paths().runtime.join("containers");
        let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        openat(AT_FDCWD, &path, flags, Mode::empty()).ok()
    }

    /// Returns the time at which the container last wrote anything: it ended no earlier.
    fn last_sign_of_life(&self, id: &str) -> Option<String> {
        let dir = self.path(id);
        ["state", "log"]
            .iter()
            .filter_map(|name| std::fs::metadata(dir.join(name)).ok()?.modified().ok())
            .max()
            .and_then(|time| jiff::Timestamp::try_from(time).ok())
            .map(crate::store::time_text)
    }

    fn life_path(&self, id: &str) -> PathBuf {
        self.path(id).join("life")
    }

    pub(super) fn lock_path(&self, id: &str) -> PathBuf {
        self.runtime(id).join("lock")
    }
}

fn is_running(id: &str, why: &str) -> Error {
    let text = format!("container {} is running", short_id(id));
    Error::new(Kind::State, text).because(why)
}

/// Says whether nothing of a container's runs: it was removed, or has no monitor.
pub(crate) fn has_ended(paths: &Paths, id: &str) -> bool {
    let store = Store::known(paths.clone());
    let containers = store.containers();
    !containers.path(id).exists() || !containers.is_held(id).unwrap_or(true)
}

/// Says whether a state claims that a monitor lives.
fn claims_life(status: Status) -> bool {
    matches!(
        status,
        Status::Running | Status::Paused | Status::Restarting | Status::Removing
    )
}

/// Returns the state of a container whose monitor is dead.
fn correct(written: State, boot_id: &str, last_sign: Option<String>) -> (State, Option<Orphan>) {
    let same_boot = written.boot_id == boot_id;
    let orphan = (same_boot && written.pid > 0).then_some(Orphan {
        pid: written.pid,
        pid_start: written.pid_start,
    });
    let state = State {
        status: Status::Exited,
        pid: 0,
        pid_start: 0,
        monitor: 0,
        monitor_start: 0,
        exit_code: if same_boot { KILLED } else { REBOOTED },
        // the clock of files is coarser than that of the monitor
        finished_at: last_sign
            .unwrap_or_default()
            .max(written.started_at.clone()),
        execs: Default::default(),
        ..written
    };
    (state, orphan)
}

/// Returns the id of this boot of this host; empty when the kernel does not tell.
pub fn boot_id() -> String {
    crate::store::layers::boot_id().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(status: Status, boot_id: &str, pid: i32) -> State {
        State {
            status,
            pid,
            pid_start: 7,
            boot_id: boot_id.to_owned(),
            started_at: "2026-01-01T00:00:00.000000000Z".to_owned(),
            ..State::default()
        }
    }

    #[test]
    fn a_dead_monitor_means_exited() {
        for (status, boot, pid, code, orphan) in [
            (
                Status::Running,
                "now",
                9,
                137,
                Some(Orphan {
                    pid: 9,
                    pid_start: 7,
                }),
            ),
            (
                Status::Paused,
                "now",
                9,
                137,
                Some(Orphan {
                    pid: 9,
                    pid_start: 7,
                }),
            ),
            (Status::Restarting, "now", 0, 137, None),
            (Status::Running, "before", 9, 255, None),
        ] {
            let (truth, left) = correct(
                state(status, boot, pid),
                "now",
                Some("2026-01-02".to_owned()),
            );
            assert_eq!(
                (truth.status, truth.exit_code, truth.pid),
                (Status::Exited, code, 0),
                "{status:?}"
            );
            assert_eq!(truth.finished_at, "2026-01-02");
            assert_eq!(left, orphan, "{status:?} {boot}");
        }
    }

    #[test]
    fn a_container_that_died_without_a_sign_ended_when_it_started() {
        let (truth, _) = correct(state(Status::Running, "now", 9), "now", None);
        assert_eq!(truth.finished_at, "2026-01-01T00:00:00.000000000Z");
    }

    #[test]
    fn a_monitor_of_another_host_lives_as_long_as_its_lock_in_the_store() {
        let s = crate::store::scratch::Scratch::new();
        let containers = s.store.containers();
        let id = "b".repeat(64);
        std::fs::create_dir_all(containers.path(&id)).unwrap();
        std::fs::write(containers.path(&id).join("config"), "{}").unwrap();
        let theirs = state(Status::Running, "another host's", 9);
        containers.write_state(&id, &theirs).unwrap();
        let lock = containers.pledge(&id).unwrap().unwrap();
        assert!(containers.is_held(&id).unwrap());
        let (truth, _) = containers.truth(&id, theirs.clone()).unwrap();
        assert_eq!(truth, theirs);
        for refused in [
            containers.hold(&id).map(drop),
            containers.pledge(&id).map(drop),
        ] {
            let e = refused.unwrap_err();
            assert_eq!(e.kind(), Kind::State);
            assert!(e.to_string().contains("another host"), "{e}");
        }
        drop(lock);
        let (truth, _) = containers.truth(&id, theirs).unwrap();
        assert_eq!((truth.status, truth.exit_code), (Status::Exited, REBOOTED));
        assert!(containers.pledge(&id).unwrap().is_some());
    }

    #[test]
    fn a_monitor_that_ends_while_we_look_is_believed() {
        let s = crate::store::scratch::Scratch::new();
        let containers = s.store.containers();
        let id = "a".repeat(64);
        std::fs::create_dir_all(containers.path(&id)).unwrap();
        let seen = state(Status::Running, "now", 9);
        let last = State {
            status: Status::Exited,
            exit_code: 0,
            ..seen.clone()
        };
        containers.write_state(&id, &last).unwrap();
        let (truth, orphan) = containers.truth(&id, seen).unwrap();
        assert_eq!(
            (truth.status, truth.exit_code, orphan),
            (Status::Exited, 0, None)
        );
    }
}
