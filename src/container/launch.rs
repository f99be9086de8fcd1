//! The door: everything that starts a process in a container goes through here.
//!
//! A monitor comes to be in one of two ways. A command with one thread forks it: the plan is at hand and nothing has to be
//! executed, loaded or written down, which is a tenth of a start. Any other caller (one that has pulled, built or serves)
//! spawns our own program in the monitor's role and sends the plan in a sealed memfd, so that the caller's threads cannot
//! leak into the container. Either way the monitor gets one seqpacket socket, one thread and no other descriptor; the socket
//! later carries the streams, "started", the exit status and any error.

use std::os::fd::{AsFd, OwnedFd};

use super::attach::Session;
use super::control::{Ask, Client};
use super::plan::Plan;
use crate::error::{Context, Kind, Result};
use crate::sys;

/// argv[1] of the monitor's role, and what a forked one is called.
pub(crate) const MONITOR_ROLE: &str = "__monitor";

/// The monitor's role for a plan, the launcher's socket, and which of stdin, stdout, stderr the launcher wants.
pub(crate) type Monitor = fn(&Plan, OwnedFd, [bool; 3]) -> !;

/// How a monitor comes to be.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Door {
    /// As a fork of this process while it has one thread, else as `Spawn`.
    Fork(Monitor),
    /// As our own program, executed again.
    Spawn,
}

/// Starts the plan's process under a monitor of its own. `attach`: which of stdin, stdout, stderr the caller wants.
pub(crate) fn launch(plan: &Plan, attach: [bool; 3], door: Door) -> Result<Session> {
    let (ours, theirs) = sys::socket::pair()?;
    let client = Client::new(ours);
    let started = match door {
        Door::Fork(monitor) if !sys::thread::is_threaded() => {
            sys::process::fork_role(MONITOR_ROLE, theirs, |socket| monitor(plan, socket, attach))
        }
        _ => {
            send(plan, attach, &client)?;
            sys::process::spawn_role(MONITOR_ROLE, theirs)
        }
    };
    started.context(Kind::System, || "cannot start the container's monitor")?;
    Ok(Session::new(client))
}

/// The socket holds the message until the monitor is there to read it.
fn send(plan: &Plan, attach: [bool; 3], client: &Client) -> Result<()> {
    let bytes = serde_json::to_vec(plan).context(Kind::System, || "cannot write the plan")?;
    let plan = sys::fd::sealed(c"plan", &bytes, false)?;
    client.ask(&Ask::Launch { attach }, &[plan.as_fd()])
}
