//! Removal of containers.

use super::control::Client;
use super::stop;
use crate::error::{Error, Kind, Result};
use crate::store::Store;
use crate::store::containers::{Found, Status};

/// How to remove.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Options {
    /// `-f`: kill it first.
    pub(crate) force: bool,
    /// `-v`: with its anonymous volumes.
    pub(crate) volumes: bool,
}

/// How long a monitor that is ending is waited for.
const ENDING_TRIES: u32 = 500;
const ENDING_PAUSE: std::time::Duration = std::time::Duration::from_millis(10);

/// Removes a container.
///
/// `Kind::Conflict` with docker's text when it runs and `force` is not set.
pub(crate) fn remove(store: &Store, container: &Found, options: Options) -> Result<()> {
    if !options.force {
        check(container)?;
    }
    stop::end_orphan(container)?;
    if container.is_running
        && let Some(client) = Client::connect(store.paths(), container.id())?
    {
        client.stop(libc::SIGKILL, 0)?;
    }
    let mut removed = store.containers().remove(container.id());
    // its monitor was killed or told to end, answers nobody any more, and is about to let go of its lock
    for _ in 0..ENDING_TRIES {
        match &removed {
            Err(e) if options.force && e.kind() == Kind::State => {
                std::thread::sleep(ENDING_PAUSE);
                removed = store.containers().remove(container.id());
            }
            _ => break,
        }
    }
    match removed {
        // `--rm`: its monitor was faster
        Err(e) if options.force && e.kind() == Kind::NotFound => return Ok(()),
        other => other?,
    }
    if options.volumes {
        remove_anonymous(store, container)?;
    }
    Ok(())
}

/// Asks the monitor to kill a container, and does not wait: when many are to be removed, they end side by side.
pub(crate) fn begin_kill(store: &Store, container: &Found) -> Result<()> {
    let ask = super::control::Ask::Stop {
        signal: libc::SIGKILL,
        timeout: 0,
    };
    match Client::connect(store.paths(), container.id())? {
        Some(client) if container.is_running => client.ask(&ask, &[]),
        _ => Ok(()),
    }
}

fn check(container: &Found) -> Result<()> {
    let why = match container.state.status {
        Status::Running => {
            "container is running: stop the container before removing or force remove"
        }
        Status::Restarting => {
            "container is restarting: stop the container before removing or force remove"
        }
        Status::Paused => "container is paused and must be unpaused first",
        _ => return Ok(()),
    };
    Err(Error::new(
        Kind::Conflict,
        format!("cannot remove container \"/{}\": {why}", container.name()),
    ))
}

fn remove_anonymous(store: &Store, container: &Found) -> Result<()> {
    let mut anonymous = container
        .record
        .mounts
        .iter()
        .filter(|m| m.anonymous)
        .peekable();
    if anonymous.peek().is_none() {
        return Ok(());
    }
    let users = store.volumes().users()?;
    for mount in anonymous {
        match store.volumes().remove(&mount.name, &users) {
            // another container mounts it too (`--volumes-from`): it goes with that one
            Err(e) if matches!(e.kind(), Kind::Conflict | Kind::NotFound) => {}
            other => other?,
        }
    }
    Ok(())
}
