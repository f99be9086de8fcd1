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
        let gone = || {
            Error::new(Kind::State, format!("cannot start `{}`", plan.name))
                .because("the container whose namespaces it shares is not running")
        };
        let pidfd = sys::process::open_pid(*pid, *pid_start)?.ok_or_else(gone)?;
        if entered == Entered::No {
            let outer = sys::namespace::below_ours(*pid)?;
            sys::namespace::enter(outer.as_fd(), libc::CLONE_NEWUSER)?;
            entered = Entered::Other;
        }
        sys::namespace::enter(pidfd.as_fd(), flag)?;
    }
    Ok(entered)
}

/// Returns the user namespace of the container whose processes this one sees (`--pid container:`): only there they can be
/// shown by a proc of ours, and traced.
pub(super) fn home(start: &Start) -> Result<Option<OwnedFd>> {
    match start.namespaces.pid {
        Namespace::Of(pid, _) => Ok(Some(sys::namespace::owner_of_pids(pid)?)),
        _ => Ok(None),
    }
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
