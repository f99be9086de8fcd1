//! Record to a plan that can be launched: asks the facts, makes what must lie on the disk, and thinks.
//!
//! Killed at any line nothing is lost: what is made here is made again by the next start.

use crate::error::{Context, Error, Kind, Result};
use crate::store::Store;
use crate::store::containers::{Record, State, Status};

use super::etc_files::{self, HostFiles, Reach};
use super::plan::{self, Plan};
use super::plan_make::{self, ExecRequest, Facts};

/// Returns the plan of a container's first process; its /etc files and the host folders of `-v` are there afterwards.
/// `window`: rows and columns of the caller's terminal, (0, 0) when there is none.
pub(crate) fn first(store: &Store, record: &Record, window: (u16, u16)) -> Result<Plan> {
    let mut facts = gather(store, record)?;
    facts.window = window;
    let plan = plan_make::plan(record, &facts)?;
    make_sources(record)?;
    if let plan::Kind::Start(start) = &plan.kind {
        let reach = reach(&record.host.network_mode);
        let made = etc_files::make(record, &start.hostname, &reach, &HostFiles::read())?;
        made.write(&start.dir)?;
    }
    Ok(plan)
}

/// Returns the plan of one more process. `Kind::State` with docker's text when the container does not run.
pub(crate) fn another(
    store: &Store,
    record: &Record,
    state: &State,
    request: &ExecRequest,
    window: (u16, u16),
) -> Result<Plan> {
    match state.status {
        Status::Running => {}
        Status::Paused => {
            let text = format!(
                "Container {} is paused, unpause the container before exec",
                record.name
            );
            return Err(Error::new(Kind::State, text));
        }
        Status::Restarting => {
            let text = format!(
                "Container {} is restarting, wait until the container is running",
                record.id
            );
            return Err(Error::new(Kind::State, text));
        }
        _ => {
            return Err(Error::new(
                Kind::State,
                format!("container {} is not running", record.id),
            ));
        }
    }
    let mut facts = gather(store, record)?;
    facts.window = window;
    plan_make::plan_exec(record, state, request, &facts)
}

fn gather(store: &Store, record: &Record) -> Result<Facts> {
    Facts::gather(
        record,
        store.paths(),
        &|layer| store.layer_path(layer),
        &|name| {
            let found = store.containers().find(name)?;
            if !found.is_running {
                let text =
                    format!("cannot join the namespaces of a container that does not run: {name}");
                return Err(Error::new(Kind::State, text).hint("start it first"));
            }
            Ok((found.state.pid, found.state.pid_start))
        },
    )
}

/// Makes the missing host folders of `-v`.
fn make_sources(record: &Record) -> Result<()> {
    for point in record.mounts.iter().filter(|m| m.create_source) {
        if fs_err::symlink_metadata(&point.source).is_err() {
            fs_err::create_dir_all(&point.source).context(Kind::System, || {
                format!(
                    "cannot make `{}` to mount it at `{}`",
                    point.source, point.destination
                )
            })?;
        }
    }
    Ok(())
}

fn reach(network_mode: &str) -> Reach {
    match network_mode {
        "host" => Reach::Host,
        "none" => Reach::None,
        _ => Reach::Shared,
    }
}
