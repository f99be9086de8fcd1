//! The mounts of a container: volumes get their names, host paths are checked, and what is missing is made.

use crate::error::{Error, Kind, Result};
use crate::grammar::{go, mount};
use crate::image::config::ContainerConfig;
use crate::store::containers::{HostConfig, MountPoint};
use crate::store::volumes::{self, Volume};
use crate::store::{self, Store};

use super::Labels;

/// What lxcfs and its like may mount over in /proc (runc, `checkProcMount`).
const PROC_FILES: &[&str] = &[
    "/proc/cpuinfo",
    "/proc/diskstats",
    "/proc/meminfo",
    "/proc/stat",
    "/proc/swaps",
    "/proc/uptime",
    "/proc/loadavg",
    "/proc/slabinfo",
    "/proc/net/dev",
    "/proc/sys/kernel/ns_last_pid",
];

/// Returns all mounts: those of `--volumes-from`, those asked for, and an anonymous volume for each path of the image that
/// wants one and has nothing on it. Names and paths are whole; nothing is made yet.
pub(super) fn resolve(
    store: &Store,
    asked: &[MountPoint],
    config: &ContainerConfig,
    host: &HostConfig,
) -> Result<Vec<MountPoint>> {
    let mut own: Vec<MountPoint> = Vec::new();
    for point in asked {
        check_proc(point)?;
        let is_taken = own.iter().any(|m| m.destination == point.destination)
            || (!point.anonymous && host.tmpfs.contains_key(&point.destination));
        if is_taken && !point.anonymous {
            return Err(Error::new(
                Kind::Invalid,
                format!("Duplicate mount point: {}", point.destination),
            ));
        }
        if !is_taken {
            own.push(place(store, point.clone())?);
        }
    }
    let mut all = of_others(store, host)?;
    all.retain(|m| !own.iter().any(|o| o.destination == m.destination));
    all.extend(own);
    for path in config.volumes.keys() {
        let destination = go::clean(path);
        let is_taken = all.iter().any(|m| m.destination == destination)
            || host.tmpfs.contains_key(&destination);
        if !is_taken {
            all.push(place(store, anonymous(destination))?);
        }
    }
    Ok(all)
}

/// Checks what docker checks when a container is made: that the sources of `--mount type=bind` are there.
pub(super) fn check_sources(mounts: &[MountPoint]) -> Result<()> {
    for point in mounts {
        let is_missing = point.kind == "bind"
            && !point.create_source
            && std::fs::symlink_metadata(&point.source).is_err();
        if is_missing {
            return Err(Error::new(
                Kind::Invalid,
                format!(
                    "invalid mount config for type \"bind\": bind source path does not exist: {}",
                    point.source
                ),
            ));
        }
    }
    Ok(())
}

/// Makes the volumes that are not there.
pub(crate) fn make_volumes(store: &Store, mounts: &[MountPoint]) -> Result<()> {
    for point in mounts.iter().filter(|m| m.kind == "volume") {
        let mut labels = Labels::new();
        if point.anonymous {
            labels.insert(volumes::ANONYMOUS.to_owned(), String::new());
        }
        if store.volumes().get(&point.name)?.is_none() {
            store.volumes().create(volumes::Request {
                name: Some(point.name.clone()),
                labels,
                ..volumes::Request::default()
            })?;
        }
    }
    Ok(())
}

/// Makes what a start needs and is missing: volumes, and the host folders of `-v`.
pub(crate) fn make_sources(store: &Store, mounts: &[MountPoint]) -> Result<()> {
    make_volumes(store, mounts)?;
    check_sources(mounts)?;
    for point in mounts
        .iter()
        .filter(|m| m.kind == "bind" && m.create_source)
    {
        if std::fs::symlink_metadata(&point.source).is_ok() {
            continue;
        }
        std::fs::create_dir_all(&point.source).map_err(|e| {
            let errno = nix::errno::Errno::from_raw(e.raw_os_error().unwrap_or(libc::EIO));
            Error::new(
                Kind::Invalid,
                format!("error while creating mount source path '{}'", point.source),
            )
            .because(format!(
                "mkdir {}: {}",
                point.source,
                crate::sys::sentence(errno)
            ))
        })?;
    }
    Ok(())
}

/// Fills in what only the store knows.
fn place(store: &Store, mut point: MountPoint) -> Result<MountPoint> {
    if point.kind != "volume" {
        return Ok(point);
    }
    if point.anonymous {
        point.name = store::new_id()?;
    } else {
        mount::check_volume_name(&point.name)?;
        if point.mode.is_empty() {
            // docker shows it so; labels of a security module are not changed here
            "z".clone_into(&mut point.mode);
        }
    }
    let volume = store.volumes().get(&point.name)?.unwrap_or_else(|| Volume {
        name: point.name.clone(),
        ..Volume::default()
    });
    let folder = store.volumes().mountpoint(&volume);
    point.source = folder.to_string_lossy().into_owned();
    point.rw &= !volume
        .device()
        .is_some_and(|(_, is_read_only)| is_read_only);
    if let Some(options) = volume.tmpfs() {
        // mount(8)'s defaults and not those of `--tmpfs`
        point.tmpfs_options = format!("exec,suid,dev,{options}");
        point.copy = false;
    }
    Ok(point)
}

fn anonymous(destination: String) -> MountPoint {
    MountPoint {
        kind: "volume".to_owned(),
        driver: "local".to_owned(),
        destination,
        rw: true,
        copy: true,
        anonymous: true,
        ..MountPoint::default()
    }
}

/// `--volumes-from ID[:ro]`: the mounts of another container.
fn of_others(store: &Store, host: &HostConfig) -> Result<Vec<MountPoint>> {
    let mut all: Vec<MountPoint> = Vec::new();
    for spec in &host.volumes_from {
        let (word, mode) = spec.split_once(':').unwrap_or((spec, ""));
        if word.is_empty()
            || !mode
                .split(',')
                .all(|m| matches!(m, "" | "ro" | "rw" | "z" | "Z"))
        {
            return Err(Error::new(
                Kind::Invalid,
                format!("invalid volumes-from spec: {spec}"),
            ));
        }
        let is_read_only = mode.split(',').any(|m| m == "ro");
        for mut point in store.containers().find(word)?.record.mounts {
            if point.kind == "tmpfs" {
                continue;
            }
            point.mode.clear();
            point.rw = point.rw && !is_read_only;
            all.retain(|m| m.destination != point.destination);
            all.push(point);
        }
    }
    Ok(all)
}

/// Nothing may hide what /proc says, or a program inside would trust a file of the image.
fn check_proc(point: &MountPoint) -> Result<()> {
    let path = point.destination.as_str();
    let is_allowed = path != "/proc" && !path.starts_with("/proc/")
        || PROC_FILES.contains(&path)
        || path == "/proc" && point.kind == "bind" && point.source == "/proc";
    if is_allowed {
        return Ok(());
    }
    Err(Error::new(
        Kind::Invalid,
        format!("invalid mount: {path:?} cannot be mounted because it is inside /proc"),
    ))
}
