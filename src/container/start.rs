//! Record to a running process: asks the facts, makes what must lie on the disk, thinks, and goes through the door.
//!
//! Killed at any line nothing is lost: what is made here is made again by the next start.

use crate::error::{Error, Kind, Result};
use crate::image::regenerate;
use crate::store::Store;
use crate::store::containers::{Found, Record, State, Status};
use crate::store::events::Event;
use crate::store::networks::Network;
use crate::sys::{fd, tty};

use super::attach::Session;
use super::create::mounts;
use super::etc_change;
use super::etc_files::{self, Files, HostFiles, Reach};
use super::launch::{self, Door};
use super::links;
use super::plan::{self, Namespace, Plan, Start};
use super::plan_make::{self, ExecRequest, Facts};
use super::rootfs;

/// Starts a container that is not running. `attach`: which of stdin, stdout, stderr the caller wants.
///
/// The returned session knows how it went: [`Session::wait_started`].
pub(crate) fn start(
    store: &Store,
    record: &Record,
    attach: [bool; 3],
    door: Door,
) -> Result<Session> {
    let plan = first(store, record, window(record.config.tty))?;
    launch::launch(&plan, attach, door)
}

/// Starts one more process in a running container, `Kind::State` with docker's text when it does not run.
pub(crate) fn exec(
    store: &Store,
    container: &Found,
    request: &ExecRequest,
    attach: [bool; 3],
    door: Door,
) -> Result<Session> {
    let window = window(request.tty);
    let plan = another(store, &container.record, &container.state, request, window)?;
    let (program, rest) = request
        .argv
        .split_first()
        .map_or(("", &[][..]), |(p, r)| (p, r));
    let tell = |action: &str| {
        store.tell(|| {
            let action = format!("{action}: {program} {}", rest.join(" "));
            Some(Event::of(
                &container.record,
                &action,
                &[("execID", &request.id)],
            ))
        });
    };
    tell("exec_create");
    let session = launch::launch(&plan, attach, door)?;
    tell("exec_start");
    Ok(session)
}

/// Rows and columns of the caller's terminal, where a pty is to get them.
fn window(tty: bool) -> (u16, u16) {
    let sizes = || [0, 1, 2].into_iter().map(|n| tty::window(fd::standard(n)));
    let known = |size: &(u16, u16)| *size != (0, 0);
    match tty {
        true => sizes().find(known).unwrap_or_default(),
        false => (0, 0),
    }
}

/// Says in docker's words why no process can be started in a container.
pub(crate) fn check_exec(record: &Record, state: &State) -> Result<()> {
    let id = &record.id;
    let refuse = |text: String| Err(Error::new(Kind::State, text));
    match state.status {
        Status::Running => Ok(()),
        Status::Paused => refuse(format!(
            "Container {} is paused, unpause the container before exec",
            record.name
        )),
        Status::Restarting => refuse(format!(
            "Container {id} is restarting, wait until the container is running"
        )),
        _ => refuse(format!("container {id} is not running")),
    }
}

/// Returns the plan of a container's first process; the host folders of `-v` are there afterwards.
/// `window`: rows and columns of the caller's terminal, (0, 0) when there is none.
pub(crate) fn first(store: &Store, record: &Record, window: (u16, u16)) -> Result<Plan> {
    regenerate::prove(store, &record.layers)?;
    rootfs::base::make(record, store.paths())?;
    let mut facts = gather(store, record, &record.config.user, &|name| {
        process_of(store, name)
    })?;
    facts.window = window;
    facts.links = links::find(store, record)?;
    let mut plan = plan_make::plan(record, &facts)?;
    mounts::make_sources(store, &record.mounts)?;
    if let plan::Kind::Start(start) = &mut plan.kind {
        let reach = reach(start);
        let mut made = etc_files::make(record, &start.hostname, &reach, &HostFiles::read(&reach))?;
        made.hosts += &links::hosts(&facts.links);
        start.etc = made.files();
        if let Namespace::Of(pid, pid_start) = start.namespaces.net {
            share_files(start, etc_change::shared(pid, pid_start)?);
        }
    }
    Ok(plan)
}

/// The names of another container's network are those of the other.
fn share_files(start: &mut Start, theirs: Files) {
    for (name, text) in theirs {
        if name == "hostname" {
            text.trim().clone_into(&mut start.hostname);
        }
        if let Some((_, ours)) = start.etc.iter_mut().find(|(n, _)| **n == name) {
            *ours = text;
        }
    }
}

/// Returns the plan of one more process. `Kind::State` with docker's text when the container does not run.
pub(crate) fn another(
    store: &Store,
    record: &Record,
    state: &State,
    request: &ExecRequest,
    window: (u16, u16),
) -> Result<Plan> {
    check_exec(record, state)?;
    let user = request.user.as_deref().unwrap_or(&record.config.user);
    // The namespaces are those of the running process, wherever it has them from.
    let mut facts = gather(store, record, user, &|_| Ok((0, 0)))?;
    facts.window = window;
    // of those that are still there
    facts.links = links::find(store, record).unwrap_or_default();
    plan_make::plan_exec(record, state, request, &facts)
}

fn gather(
    store: &Store,
    record: &Record,
    user: &str,
    other: &dyn Fn(&str) -> Result<(i32, u64)>,
) -> Result<Facts> {
    Facts::gather(
        record,
        user,
        store.paths(),
        &|layer| store.layer_path(layer),
        other,
        &|name| store.networks().find(name),
    )
}

/// Pid and start time of the first process of a running container.
fn process_of(store: &Store, name: &str) -> Result<(i32, u64)> {
    let found = store.containers().find(name)?;
    if !found.is_running {
        let text = format!("cannot join the namespaces of a container that does not run: {name}");
        return Err(Error::new(Kind::State, text).hint("start it first"));
    }
    Ok((found.state.pid, found.state.pid_start))
}

fn reach(start: &Start) -> Reach {
    let Some(network) = &start.network else {
        return match start.namespaces.net {
            Namespace::Host => Reach::Host,
            Namespace::New => Reach::None,
            Namespace::Of(..) => Reach::Shared,
        };
    };
    match &network.program {
        Some(program) => Reach::Own {
            host: None,
            servers: vec![program.tool.name_server().to_owned()],
            is_named: false,
        },
        None => own_reach(network.attachments.iter().map(|a| &a.network)),
    }
}

/// How a container on these networks reaches names and the host.
pub(super) fn own_reach<'a>(networks: impl Iterator<Item = &'a Network> + Clone) -> Reach {
    let gateway = |network: &Network| network.pools.first().map(|p| p.gateway.to_string());
    Reach::Own {
        host: networks.clone().find(|n| !n.internal).and_then(gateway),
        servers: networks.clone().filter_map(gateway).collect(),
        is_named: networks.clone().any(|n| !n.is_default()),
    }
}
