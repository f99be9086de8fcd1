//! Which namespaces a container shares, and which are new.

use std::os::fd::{AsFd, OwnedFd};

use super::net::Entered;
use crate::container::plan::{Namespace, Namespaces, Plan, Start};
use crate::error::{Error, Kind, Result};
use crate::sys;

/// A container that shares another's namespaces is made in that one's U0, since only there somebody may enter them.
pub(super) fn enter(plan: &Plan, start: &Start) -> Result<Entered> {
    let ns = &start.namespaces;
    let shared = [
        (&ns.net, libc::CLONE_NEWNET),
        (&ns.pid, libc::CLONE_NEWPID),
        (&ns.ipc, libc::CLONE_NEWIPC),
        (&ns.uts, libc::CLONE_NEWUTS),
    ];
    let mut entered = Entered::No;
    for (namespace, flag) in shared {
        let Namespace::Of(pid, pid_start) = namespace else {
            continue;
        };
        let pidfd = sys::process::open_pid(*pid, *pid_start)?.ok_or_else(|| gone(plan))?;
        if entered == Entered::No {
            let outer = sys::namespace::below_ours(*pid)?;
            sys::namespace::enter(outer.as_fd(), libc::CLONE_NEWUSER)?;
            entered = Entered::Other;
        }
        // whoever is forked after that is born there, and the relay and the supervisor are not to be
        if flag != libc::CLONE_NEWPID {
            sys::namespace::enter(pidfd.as_fd(), flag)?;
        }
    }
    Ok(entered)
}

/// What a container enters whose processes are to be those of another one (`--pid container:`).
pub(super) struct Home {
    /// pidfd of a process there.
    pub(super) process: OwnedFd,
    /// The user namespace that the pid namespace belongs to: only there its processes can be shown by a proc of ours, and
    /// traced.
    pub(super) user: OwnedFd,
}

/// Opens the home of a container that has one.
pub(super) fn home(plan: &Plan, start: &Start) -> Result<Option<Home>> {
    let Namespace::Of(pid, pid_start) = start.namespaces.pid else {
        return Ok(None);
    };
    Ok(Some(Home {
        process: sys::process::open_pid(pid, pid_start)?.ok_or_else(|| gone(plan))?,
        user: sys::namespace::owner_of_pids(pid)?,
    }))
}

fn gone(plan: &Plan) -> Error {
    Error::new(Kind::State, format!("cannot start `{}`", plan.name))
        .because("the container whose namespaces it shares is not running")
}

/// The flags of clone(2) for the first process. Where it has a home to enter, others are made there.
pub(super) fn at_birth(ns: &Namespaces) -> u64 {
    match ns.pid {
        Namespace::Of(..) => 0,
        _ => flags(ns) as u64,
    }
}

/// Those that a container gets of its own, as flags of clone(2) and unshare(2).
pub(super) fn flags(ns: &Namespaces) -> i32 {
    let mut flags = libc::CLONE_NEWUSER | libc::CLONE_NEWNS;
    for (namespace, flag) in [
        (&ns.net, libc::CLONE_NEWNET),
        (&ns.pid, libc::CLONE_NEWPID),
        (&ns.ipc, libc::CLONE_NEWIPC),
        (&ns.uts, libc::CLONE_NEWUTS),
        (&ns.cgroup, libc::CLONE_NEWCGROUP),
    ] {
        if *namespace == Namespace::New {
            flags |= flag;
        }
    }
    flags
}
