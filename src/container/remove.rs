//! Removal of containers.

use std::time::Duration;

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

/// How often and long a monitor is waited for that holds its lock and does not listen.
const TRIES: u32 = 500;
const PAUSE: Duration = Duration::from_millis(10);
/// How long a monitor may be silent that was told to kill its container, before it is killed itself.
const PATIENCE: Duration = Duration::from_secs(10);

/// Removes a container.
///
/// `Kind::Conflict` with docker's text when it runs and `force` is not set.
pub(crate) fn remove(store: &Store, container: &Found, options: Options) -> Result<()> {
    for attempt in 1.. {
        match remove_now(store, container.id(), options.force) {
            // a monitor that is beginning, or was told to end and is about to let go of its lock
            Err(e) if e.kind() == Kind::State && attempt < TRIES => {
                if options.force && attempt == TRIES / 2 {
                    stop::end_monitor(container)?;
                }
                std::thread::sleep(PAUSE);
            }
            // `--rm`: its monitor was faster
            Err(e) if options.force && e.kind() == Kind::NotFound => return Ok(()),
            other => {
                other?;
                break;
            }
        }
    }
    if options.volumes {
        remove_anonymous(store, container)?;
    }
    Ok(())
}

fn remove_now(store: &Store, id: &str, force: bool) -> Result<()> {
    let container = store.containers().find(id)?;
    if !force {
        check(&container)?;
    }
    stop::end_orphan(&container)?;
    if force
        && let Some(client) = Client::connect(store.paths(), id)?
        && !client.end(PATIENCE)?
    {
        stop::end_monitor(&container)?;
    }
    store.containers().remove(id)
}

/// Asks the monitor to kill a container, and does not wait: when many are to be removed, they end side by side.
pub(crate) fn begin_kill(store: &Store, container: &Found) -> Result<()> {
    match Client::connect(store.paths(), container.id())? {
        Some(client) => client.begin_end(),
        None => Ok(()),
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
