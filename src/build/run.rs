//! RUN: a container without a name, started through the door; what its upper folder holds afterwards is the layer.

use std::path::{Path, PathBuf};

use super::mounts::{self, Ready};
use super::plan::RunOp;
use super::progress::Work;
use super::request::Request;
use super::source::Tree;
use crate::container::attach::{End, RelayOptions};
use crate::container::launch::{self, Door};
use crate::container::plan::{Kind as PlanKind, Plan, Root, Start};
use crate::container::user::RECORDED;
use crate::container::{rootfs, start};
use crate::error::{Error, Kind, Result};
use crate::grammar::platform::Platform;
use crate::host::storage::Rung;
use crate::image::config::{ContainerConfig, ImageConfig};
use crate::store::containers::{HostConfig, LogConfig, Record};
use crate::store::{self, Store};
use crate::sys::{fd, tty};

/// BuildKit's name of the host in a step.
const HOSTNAME: &str = "buildkitsandbox";

/// A folder for one step's work, gone when dropped: that of a container without a name.
pub(super) struct Room<'a> {
    store: &'a Store,
    pub(super) record: Record,
    pub(super) upper: PathBuf,
}

impl<'a> Room<'a> {
    /// Makes one over these layers, the lowest first.
    pub(super) fn new(
        store: &'a Store,
        rung: &Rung,
        image: &ImageConfig,
        layers: &[String],
    ) -> Result<Room<'a>> {
        let id = store::new_id()?;
        let dir = store.containers().path(&id);
        let record = Record {
            created: store::now(),
            platform: format!("{}/{}", image.os, image.architecture),
            layers: layers.to_vec(),
            driver: rung.driver.name().to_owned(),
            writable: rung.writable.as_ref().map(|folder| folder.join(&id)),
            host: HostConfig {
                auto_remove: true,
                // a step of another than root leaves files of that user's
                identity: RECORDED.to_owned(),
                ipc_mode: "private".to_owned(),
                cgroupns_mode: "private".to_owned(),
                log_config: LogConfig {
                    driver: "none".to_owned(),
                    ..LogConfig::default()
                },
                ..HostConfig::default()
            },
            name: format!("build-{}", &id[..12]),
            id,
            ..Record::default()
        };
        store.containers().create_unnamed(&record)?;
        let upper = record.writable.clone().unwrap_or(dir).join("upper");
        let room = Room {
            store,
            record,
            upper,
        };
        Ok(room)
    }

    /// The store that it is in.
    pub(super) fn store(&self) -> &'a Store {
        self.store
    }

    /// Makes the upper folder for a step that runs nothing, and a folder for what it needs on the way.
    pub(super) fn scratch(&self) -> Result<PathBuf> {
        fs_err::create_dir_all(&self.upper)?;
        let scratch = self.dir().join("scratch");
        fs_err::create_dir(&scratch)?;
        Ok(scratch)
    }

    /// Its folder.
    pub(super) fn dir(&self) -> PathBuf {
        self.store.containers().path(&self.record.id)
    }
}

impl Drop for Room<'_> {
    fn drop(&mut self) {
        if let Some(writable) = &self.record.writable {
            // beside what the sweep finds, there is nobody who would look there
            store::trash::remove_tree(writable).ok();
        }
        self.store.containers().remove_unnamed(&self.record.id).ok();
    }
}

/// Why a step failed.
pub(super) enum Failure {
    /// The program ended with this code.
    Exit(i32),
    /// Somebody else failed first.
    Canceled,
    /// It could not be run.
    Other(Error),
}

impl From<Error> for Failure {
    fn from(e: Error) -> Failure {
        Failure::Other(e)
    }
}

/// What is around a program.
pub(super) struct Bench<'a> {
    /// The layers, the uppermost first.
    pub(super) lowers: &'a [PathBuf],
    /// Where its output goes.
    pub(super) work: &'a Work<'a>,
    /// Called when the layers are mounted.
    pub(super) started: &'a dyn Fn(),
    /// Says that somebody else failed.
    pub(super) is_unwanted: &'a dyn Fn() -> bool,
}

/// Runs the program; its changes lie in the room's upper folder then.
pub(super) fn run(
    room: &mut Room<'_>,
    op: &RunOp,
    request: &Request,
    mounts: &Ready,
    bench: &Bench<'_>,
) -> Result<(), Failure> {
    let Bench {
        lowers,
        work,
        started,
        is_unwanted,
    } = *bench;
    let store = room.store;
    room.record.config = config(op);
    room.record.host.network_mode = network(op, request);
    room.record.host.extra_hosts = request.add_hosts.clone();
    room.record.host.shm_size = request.shm_size;
    room.record.host.ulimits = request.ulimits.clone();
    room.record.host.privileged = op.insecure;
    rootfs::prepare(&room.record, store.paths(), &|layer| {
        store.layer_path(layer)
    })?;
    let mut plan = start::first(store, &room.record, (0, 0))?;
    environment(&mut plan, op, mounts);
    let PlanKind::Start(begin) = &mut plan.kind else {
        unreachable!("the first process starts the container")
    };
    begin.remove = false;
    begin.bound = true;
    begin.hostname = HOSTNAME.to_owned();
    etc(begin, request);
    begin.mounts.extend(mounts.mounts.iter().cloned());
    begin
        .mounts
        .sort_by_key(|m| m.destination.matches('/').count());
    let stubs = stubs(begin, lowers)?;
    let mut session = launch::launch(&plan, [false, true, true], Door::Spawn)?;
    if let Err(e) = session.wait_started() {
        return match e.kind() {
            Kind::CommandNotFound | Kind::CannotInvoke => {
                work.log(2, format!("{e}\n").as_bytes());
                if e.kind() == Kind::CannotInvoke && is_foreign(&room.record.platform) {
                    work.log(2, no_handler(&room.record.platform).as_bytes());
                }
                Err(Failure::Exit(e.kind().exit_code().into()))
            }
            _ => Err(e.into()),
        };
    }
    started();
    let end = session.collect(&mut |stream, bytes| work.log(stream, bytes), is_unwanted)?;
    if is_unwanted() {
        return Err(Failure::Canceled);
    }
    if request.shell_on_error && !matches!(end, End::Exited(0)) {
        work.lend(true);
        let shell = shell(&mut plan);
        work.lend(false);
        shell?;
    }
    remove_stubs(&room.upper, &stubs);
    match end {
        End::Exited(0) => Ok(()),
        End::Exited(code) => Err(Failure::Exit(code)),
        End::Detached | End::Lost | End::Unread(..) => Err(Failure::Other(
            Error::new(Kind::State, "the step's monitor ended without a word")
                .hint("it was killed, or this host is out of memory"),
        )),
    }
}

/// Says whether an image is for another processor than this machine's.
fn is_foreign(platform: &str) -> bool {
    Platform::parse(platform).is_ok_and(|p| p.architecture != Platform::host().architecture)
}

fn no_handler(platform: &str) -> String {
    format!(
        "this host runs no programs for {platform}: install qemu-user-static (a static qemu in your PATH is enough from Linux 6.7 on), or make that step on this machine (FROM --platform=$BUILDPLATFORM)\n"
    )
}

/// A shell of the user's in the state in which the step failed.
fn shell(plan: &mut Plan) -> Result<()> {
    let PlanKind::Start(start) = &plan.kind else {
        return Ok(());
    };
    if let Root::Overlay { work, .. } = &start.root {
        // an overlay that was not synced is not mounted again over its old work folder
        store::trash::remove_tree(work)?;
        fs_err::create_dir(work)?;
    }
    plan.process.argv = vec!["/bin/sh".to_owned()];
    plan.process.tty = true;
    plan.process.stdin = true;
    plan.process.env.push("TERM=xterm".to_owned());
    plan.process.window = tty::window(fd::standard(0));
    let mut session = launch::launch(plan, [true, true, false], Door::Spawn)?;
    session.wait_started()?;
    let options = RelayOptions {
        redraws: false,
        tty: true,
        ..RelayOptions::default()
    };
    session.relay(&options).map(drop)
}

fn config(op: &RunOp) -> ContainerConfig {
    let variables = op.env.iter().chain(&op.proxies);
    ContainerConfig {
        user: op.user.clone(),
        env: variables
            .map(|(name, value)| format!("{name}={value}"))
            .collect(),
        cmd: Some(op.command.argv.clone()),
        working_dir: op.cwd.clone(),
        hostname: HOSTNAME.to_owned(),
        ..ContainerConfig::default()
    }
}

fn network(op: &RunOp, request: &Request) -> String {
    match op.network.as_deref().unwrap_or(&request.network) {
        "none" => "none".to_owned(),
        "host" => "host".to_owned(),
        _ => "bridge".to_owned(),
    }
}

/// A step has no HOSTNAME, and HOME comes last.
fn environment(plan: &mut Plan, op: &RunOp, mounts: &Ready) {
    let home = plan
        .process
        .env
        .iter()
        .find(|e| e.starts_with("HOME="))
        .cloned();
    let mut env: Vec<String> = op
        .env
        .iter()
        .chain(&mounts.env)
        .chain(&op.proxies)
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    if !op.env.iter().any(|(name, _)| name == "HOME") {
        env.extend(home);
    }
    plan.process.env = env;
}

/// BuildKit's /etc/hosts, and no /etc/hostname: the image's own is seen.
fn etc(start: &mut Start, request: &Request) {
    start.etc.retain(|(name, _)| name == "resolv.conf");
    let mut hosts =
        format!("127.0.0.1\tlocalhost {HOSTNAME}\n::1\tlocalhost ip6-localhost ip6-loopback\n");
    for host in &request.add_hosts {
        if let Some((name, address)) = host.split_once(':') {
            hosts += &format!("{address}\t{name}\n");
        }
    }
    start.etc.push(("hosts".to_owned(), hosts));
}

/// What the mounts need in the root and the layers do not have, the deepest first: it is made for them, and is no change
/// of the step's.
fn stubs(start: &Start, lowers: &[PathBuf]) -> Result<Vec<String>> {
    let tree = Tree::layers(lowers.to_vec());
    let etc = start.etc.iter().map(|(name, _)| format!("/etc/{name}"));
    let targets = start.mounts.iter().map(|m| m.destination.clone());
    let mut missing = Vec::new();
    for target in etc.chain(targets) {
        let target = target.trim_matches('/').to_owned();
        for (end, _) in target.match_indices('/').chain([(target.len(), "")]) {
            let part = &target[..end];
            if tree.locate_plain(part)?.is_none() && !missing.iter().any(|m| m == part) {
                missing.push(part.to_owned());
            }
        }
    }
    missing.sort_by_key(|path| std::cmp::Reverse(path.matches('/').count()));
    Ok(missing)
}

fn remove_stubs(upper: &Path, stubs: &[String]) {
    for stub in stubs {
        let path = upper.join(stub);
        match std::fs::symlink_metadata(&path) {
            Ok(meta) if meta.is_file() && meta.len() == 0 => drop(std::fs::remove_file(&path)),
            // one that the step filled stays
            Ok(meta) if meta.is_dir() => drop(std::fs::remove_dir(&path)),
            _ => {}
        }
    }
}

/// What a script of a heredoc is mounted as.
pub(super) fn script(room: &Room<'_>, op: &RunOp, ready: &mut Ready) -> Result<()> {
    let Some((name, text)) = &op.command.script else {
        return Ok(());
    };
    let path = room.dir().join("script");
    fs_err::write(&path, text)?;
    use std::os::unix::fs::PermissionsExt;
    fs_err::set_permissions(&path, std::fs::Permissions::from_mode(0o755))?;
    ready
        .mounts
        .push(mounts::bind(path, format!("/dev/pipes/{name}"), true));
    Ok(())
}
