//! ROLE. One monitor per container, and a short-lived one per exec session.
//!
//! Runs as the calling user: a container's monitor in a user namespace of its own (U0) where it is root over the container's
//! (Uc, a child of U0), everything else the host's; an exec session's monitor in the host's namespaces altogether. Nobody's
//! child, one thread, no terminal. It writes the container's state and log; it holds the container's lock for as long as it
//! lives, and the container dies with it (parent-death signal).
//!
//! Killed at any line: the container's processes die, the lock is free, the state says what it last said; the next command
//! reads that as "exited" (see `store::containers`).

mod clients;
mod events;
mod freeze;
mod group;
mod health;
mod io;
mod joiner;
mod life;
mod log_file;
mod namespaces;
mod net;
mod program;
mod root;
mod script;
mod supervisor;

use std::os::fd::OwnedFd;

use crate::container::control::{Ask, Tell};
use crate::container::plan::{Kind as PlanKind, Plan};
use crate::error::{Context, Error, Kind, Result};
use crate::sys;

/// argv[1] of this role.
pub const ROLE: &str = crate::container::launch::MONITOR_ROLE;

/// Runs the role in a program executed for it; never returns.
pub fn main() -> ! {
    end(start())
}

/// Runs the role in a fork of the launcher; never returns.
pub(crate) fn forked(plan: &Plan, launcher: OwnedFd, attach: [bool; 3]) -> ! {
    end(settle().and_then(|()| live(plan, &launcher, attach)))
}

fn end(lived: Result<()>) -> ! {
    // whoever launched us was told on the socket, or is gone
    sys::process::exit_now(if lived.is_ok() { 0 } else { 125 })
}

fn start() -> Result<()> {
    sys::process::detach()?;
    let launcher = sys::fd::duplicate(sys::fd::standard(0))?;
    settle()?;
    let (plan, attach) = receive(&launcher).inspect_err(|e| refuse(&launcher, e))?;
    live(&plan, &launcher, attach)
}

/// Leaves the launcher's streams and its working folder, which may be unmounted while we live.
fn settle() -> Result<()> {
    // a log that may not grow (`ulimit -f`) must not end a container
    sys::process::survive_full_files();
    nix::unistd::chdir("/").map_err(|e| sys::SysError::new("chdir(\"/\")", e))?;
    let null = sys::fd::dev_null()?;
    for n in 0..3 {
        sys::fd::dup_to(std::os::fd::AsFd::as_fd(&null), n)?;
    }
    Ok(())
}

fn live(plan: &Plan, launcher: &OwnedFd, attach: [bool; 3]) -> Result<()> {
    match &plan.kind {
        PlanKind::Start(_) => life::live(plan, launcher, attach),
        PlanKind::Join(_) => joiner::live(plan, launcher, attach),
    }
    .inspect_err(|e| refuse(launcher, e))
}

/// A launcher that is gone needs no answer.
fn refuse(launcher: &OwnedFd, error: &Error) {
    let _ = tell(launcher, &Tell::Failed(error.clone()), &[]);
}

fn receive(launcher: &OwnedFd) -> Result<(Plan, [bool; 3])> {
    use std::os::fd::AsFd;
    let bad = || {
        Error::new(
            Kind::Corrupt,
            "the monitor's launch message is not understood",
        )
    };
    let message = sys::socket::receive(launcher.as_fd())?.ok_or_else(bad)?;
    let Ok(Ask::Launch { attach }) = serde_json::from_slice(&message.bytes) else {
        return Err(bad());
    };
    let plan = message.fds.into_iter().next().ok_or_else(bad)?;
    let plan = serde_json::from_slice(&sys::fd::read_all(plan)?)
        .context(Kind::Corrupt, || "the plan is not understood")?;
    Ok((plan, attach))
}

fn tell(socket: &OwnedFd, tell: &Tell, fds: &[std::os::fd::BorrowedFd<'_>]) -> Result<()> {
    let bytes =
        serde_json::to_vec(tell).context(Kind::System, || "cannot write a control message")?;
    Ok(sys::socket::send(
        std::os::fd::AsFd::as_fd(socket),
        &bytes,
        fds,
    )?)
}
