//! What `RUN --mount` asks for, made ready: folders, files and sockets on the host, and the mounts of a plan.

use std::path::{Path, PathBuf};

use super::agent::Agent;
use super::copy;
use super::plan::{CopyOp, Origin, RunOp};
use super::request::{Request, Secret};
use super::run::Room;
use super::solve::Solver;
use crate::container::plan::{Mount, Source, Submounts};
use crate::error::{Error, Kind, Result};
use crate::grammar::dockerfile::mount::{self, Sharing};
use crate::grammar::go;
use crate::store::Store;
use crate::sys::lock::Lock;

/// Mounts that can be made; what they need is there as long as this is.
#[derive(Default)]
pub(super) struct Ready {
    pub(super) mounts: Vec<Mount>,
    /// Variables that come with them.
    pub(super) env: Vec<(String, String)>,
    /// Held while the step runs.
    locks: Vec<Lock>,
    agents: Vec<Agent>,
}

/// A bind mount of something of the host's.
pub(super) fn bind(path: PathBuf, destination: String, read_only: bool) -> Mount {
    Mount {
        destination,
        source: Source::Bind {
            path,
            below: String::new(),
            copy_up: false,
        },
        read_only,
        flags: 0,
        submounts: Submounts::Same,
        propagation: 0,
    }
}

/// Makes the mounts of a step ready.
pub(super) fn ready(solver: &Solver<'_>, room: &Room<'_>, op: &RunOp) -> Result<Ready> {
    let mut ready = Ready::default();
    for (number, (wanted, origin)) in op.mounts.iter().enumerate() {
        let target = wanted.target.clone().unwrap_or_default();
        match wanted.kind {
            mount::Kind::Tmpfs => ready.mounts.push(tmpfs(target, wanted.size)),
            mount::Kind::Bind => {
                let folder = room.dir().join(format!("bind-{number}"));
                ready
                    .mounts
                    .push(content(solver, wanted, origin, target, &folder)?);
            }
            mount::Kind::Cache => {
                let made = cache(solver, wanted, origin, target, &mut ready)?;
                ready.mounts.push(made);
            }
            mount::Kind::Secret => secret(solver.request, wanted, room, number, &mut ready)?,
            mount::Kind::Ssh => ssh(solver.request, wanted, room, &mut ready)?,
        }
    }
    Ok(ready)
}

fn tmpfs(target: String, size: Option<u64>) -> Mount {
    let mut data = "mode=1777".to_owned();
    if let Some(size) = size {
        data += &format!(",size={size}");
    }
    Mount {
        destination: target,
        source: Source::Tmpfs {
            data,
            copy_up: false,
        },
        read_only: false,
        flags: libc::MS_NOSUID,
        submounts: Submounts::Same,
        propagation: 0,
    }
}

/// Files of the context, a stage or an image, of which nothing that is left out is seen and nothing that is written stays. A
/// whole folder of the host is mounted as it is, one of layers below a folder for what is written; else it is a copy for
/// this step alone.
fn content(
    solver: &Solver<'_>,
    wanted: &mount::Mount,
    origin: &Option<Origin>,
    target: String,
    folder: &Path,
) -> Result<Mount> {
    let origin = origin.clone().unwrap_or(Origin::Context);
    let source = wanted.source.clone().unwrap_or_default();
    let tree = solver.tree(&origin)?;
    if wanted.read_only
        && let Some(path) = tree.as_it_is(&source)?
    {
        return Ok(bind(path, target, true));
    }
    if solver.has_overlay()
        && let Some(lower) = tree.folders_of(&source)?
    {
        let (upper, work) = (folder.join("upper"), folder.join("work"));
        for made in [&upper, &work] {
            fs_err::create_dir_all(made)?;
        }
        return Ok(Mount {
            source: Source::Overlay { lower, upper, work },
            ..bind(PathBuf::new(), target, wanted.read_only)
        });
    }
    let made = copy::extract(&tree, &source, folder)?;
    Ok(bind(made, target, wanted.read_only))
}

/// What tells one cache folder from another: `begins_as` is the sum of what it begins as a copy of.
fn cache_key(wanted: &mount::Mount, target: &str, begins_as: Option<&str>) -> (String, String) {
    let id = match &wanted.id {
        Some(id) => id.clone(),
        None => go::clean(target),
    };
    let owner = [&wanted.uid, &wanted.gid, &wanted.mode]
        .map(|part| part.clone().unwrap_or_default())
        .join(":");
    let mut key = super::cache::Key::new("cache mount");
    key.add("id", &id);
    key.add("owner", &owner);
    if let Some(sum) = begins_as {
        key.add("from", sum);
    }
    (key.finish().0, id)
}

fn cache(
    solver: &Solver<'_>,
    wanted: &mount::Mount,
    origin: &Option<Origin>,
    target: String,
    ready: &mut Ready,
) -> Result<Mount> {
    let source = wanted.source.clone().unwrap_or_else(|| "/".to_owned());
    let begins_as = origin
        .clone()
        .map(|origin| CopyOp::taking(origin, vec![source]));
    let begins_as = begins_as.map(|op| solver.content(&op)).transpose()?;
    let (mut key, id) = cache_key(wanted, &target, begins_as.as_deref());
    let builds = solver.store.builds();
    let mut path = builds.mount(&key, &id)?;
    match wanted.sharing {
        Sharing::Shared => {}
        Sharing::Locked => ready.locks.push(Lock::wait(&path.join("lock"))?),
        Sharing::Private => {
            let mut number = 0;
            loop {
                if let Some(lock) = Lock::attempt(&path.join("lock"))? {
                    ready.locks.push(lock);
                    break;
                }
                number += 1;
                let mut another = super::cache::Key::new(&key);
                another.add("private", &number.to_string());
                key = another.finish().0;
                path = builds.mount(&key, &id)?;
            }
        }
    }
    let data = path.join("data");
    if !data.is_dir() {
        fill(solver, wanted, origin, &data)?;
    }
    Ok(bind(data, target, wanted.read_only))
}

/// An empty cache folder, or one that begins as a copy of something. Appears by one rename: two steps may be here at once.
fn fill(
    solver: &Solver<'_>,
    wanted: &mount::Mount,
    origin: &Option<Origin>,
    data: &Path,
) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let half = data.with_file_name(format!("half-{}", crate::store::random_hex::<4>()?));
    fs_err::create_dir(&half)?;
    let made = match origin {
        Some(origin) => {
            let tree = solver.tree(origin)?;
            copy::extract(
                &tree,
                wanted.source.as_deref().unwrap_or_default(),
                &half.join("x"),
            )?
        }
        None => {
            let folder = half.join("x");
            fs_err::create_dir(&folder)?;
            let mode = wanted
                .mode
                .as_deref()
                .and_then(|m| u32::from_str_radix(m, 8).ok());
            let mode = mode.unwrap_or(0o755) | 0o700;
            fs_err::set_permissions(&folder, std::fs::Permissions::from_mode(mode))?;
            let number = |text: &Option<String>| {
                text.as_deref()
                    .and_then(|t| t.parse::<u64>().ok())
                    .unwrap_or(0)
            };
            copy::own(&folder, number(&wanted.uid), number(&wanted.gid))?;
            folder
        }
    };
    let renamed = std::fs::rename(&made, data);
    crate::store::trash::remove_tree(&half)?;
    match renamed {
        Ok(()) => Ok(()),
        // the other one was faster
        Err(_) if data.is_dir() => Ok(()),
        Err(e) => Err(e.into()),
    }
}

fn secret(
    request: &Request,
    wanted: &mount::Mount,
    room: &Room<'_>,
    number: usize,
    ready: &mut Ready,
) -> Result<()> {
    let last = |text: &String| text.rsplit('/').next().unwrap_or_default().to_owned();
    let id = wanted
        .id
        .clone()
        .or_else(|| wanted.source.clone())
        .or_else(|| wanted.target.as_ref().map(last))
        .or_else(|| wanted.env.clone())
        .unwrap_or_default();
    let Some(secret) = request.secrets.get(&id) else {
        if wanted.required {
            return Err(Error::new(Kind::Invalid, format!("secret {id}: not found")));
        }
        return Ok(());
    };
    let bytes = match secret {
        Secret::Value(value) => value.clone().into_bytes(),
        Secret::File(path) => fs_err::read(path)?,
    };
    if let Some(name) = &wanted.env {
        let value = String::from_utf8_lossy(&bytes).into_owned();
        ready.env.push((name.clone(), value));
    }
    if wanted.env.is_some() && wanted.target.is_none() {
        return Ok(());
    }
    let folder = runtime(room)?;
    let path = folder.join(format!("secret-{number}"));
    fs_err::write(&path, bytes)?;
    let octal = |text: &String| u32::from_str_radix(text, 8).ok();
    let mode = wanted.mode.as_ref().and_then(octal).unwrap_or(0o400);
    let owner = |text: &Option<String>| {
        text.as_deref()
            .and_then(|t| t.parse::<u64>().ok())
            .unwrap_or(0)
    };
    // a file system without attributes shows it as root's
    copy::own(&path, owner(&wanted.uid), owner(&wanted.gid)).ok();
    use std::os::unix::fs::PermissionsExt;
    fs_err::set_permissions(&path, std::fs::Permissions::from_mode(mode | 0o400))?;
    let target = wanted
        .target
        .clone()
        .unwrap_or_else(|| format!("/run/secrets/{id}"));
    ready.mounts.push(bind(path, target, true));
    Ok(())
}

/// The step's folder in the runtime folder, which is memory: no secret touches a disk.
fn runtime(room: &Room<'_>) -> Result<PathBuf> {
    let store: &Store = room.store();
    let path = store.containers().runtime(&room.record.id);
    fs_err::create_dir_all(&path)?;
    Ok(path)
}

fn ssh(request: &Request, wanted: &mount::Mount, room: &Room<'_>, ready: &mut Ready) -> Result<()> {
    let id = wanted.id.clone().unwrap_or_else(|| "default".to_owned());
    let Some(socket) = request.ssh.get(&id) else {
        if wanted.required {
            return Err(Error::new(
                Kind::Invalid,
                format!("unset ssh forward key {id}"),
            ));
        }
        return Ok(());
    };
    let number = ready.agents.len();
    let target = match &wanted.target {
        Some(target) => target.clone(),
        None => format!("/run/buildkit/ssh_agent.{number}"),
    };
    if number == 0 {
        ready.env.push(("SSH_AUTH_SOCK".to_owned(), target.clone()));
    }
    let octal = |text: &String| u32::from_str_radix(text, 8).ok();
    let mode = wanted.mode.as_ref().and_then(octal).unwrap_or(0o600);
    let path = runtime(room)?.join(format!("agent-{number}"));
    ready.agents.push(Agent::listen(&path, socket, mode)?);
    ready.mounts.push(bind(path, target, false));
    Ok(())
}
