//! The door: everything that starts a process in a container goes through here.
//!
//! It starts our own program as a monitor with a seqpacket socket as its stdin, and sends the Plan in a sealed memfd. So no
//! descriptor is ever inheritable, threads of the caller cannot leak into the container, and the monitor is born with one
//! thread and a small heap whatever the caller was. The same socket later carries the streams, "started", the exit status
//! and any error.

use std::os::fd::AsFd;

use super::attach::Session;
use super::control::{Ask, Client};
use super::plan::Plan;
use crate::error::{Context, Kind, Result};
use crate::sys;

/// argv[1] of the monitor's role.
pub(crate) const MONITOR_ROLE: &str = "__monitor";

/// Starts the plan's process under a monitor of its own. `attach`: which of stdin, stdout, stderr the caller wants.
pub(crate) fn launch(plan: &Plan, attach: [bool; 3]) -> Result<Session> {
    let bytes = serde_json::to_vec(plan).context(Kind::System, || "cannot write the plan")?;
    let plan = sys::fd::sealed(c"plan", &bytes, false)?;
    let (ours, theirs) = sys::socket::pair()?;
    let client = Client::new(ours);
    client.ask(&Ask::Launch { attach }, &[plan.as_fd()])?;
    sys::process::spawn_role(MONITOR_ROLE, theirs)
        .context(Kind::System, || "cannot start the container's monitor")?;
    Ok(Session::new(client))
}
