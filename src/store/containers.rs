//! Container records.
//!
//! ```text
//! <data>/containers/<id>/          64 hex digits, 0700
//!     config                       Record, JSON; written once by the creator, before the name; absent or empty: no container
//!     state                        State, JSON; written only by the container's monitor
//!     log                          json-file log, made by the monitor
//!     owners                       recorded owners of what has no attributes (owners.rs)
//!     acls                         empty; some files have access control lists that name others (docs/IDENTITY.md)
//!     upper/ work/                 writable layer of the overlay (or under the node-local folder named in Record::writable)
//! <data>/containers/names/<name>   symbolic link whose text is the id in base64; made with O_EXCL semantics, so names are unique without a lock
//! <runtime>/containers/<id>/lock   held by the living monitor (sys::lock); what a listing shows of it (note.rs)
//! <runtime>/containers/<id>/ctl    its SOCK_SEQPACKET control socket
//! ```
//! Liveness is the monitor's lock. The runtime folder may vanish (a logout takes /run/user/UID) or be another one: before a
//! container is believed to be dead, the monitor that its state names is looked for, and called to take its lock where we look.
//! A state that says running without a living monitor means that the monitor was killed
//! or the host rebooted: the container is then "exited", with code 137 or 255 (docker's for an unclean daemon restart).

mod life;
mod names;
mod note;
mod shelf;

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Kind};
use crate::image::config::{ContainerConfig, Empty};
use crate::store::networks::{Endpoint, Wish};

pub(crate) use life::has_ended;
pub use life::{Orphan, boot_id};
pub(crate) use names::{is_id, is_name};
pub use shelf::{Containers, Found};

/// Docker's words for a container that is not there.
pub(crate) fn no_such(word: &str) -> Error {
    Error::new(Kind::NotFound, format!("No such container: {word}"))
}

/// What a container is: written once by its creator.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// 64 lower case hex digits.
    pub id: String,
    /// Without docker's leading slash. The link under `names/` is the truth after a rename.
    pub name: String,
    /// RFC 3339 with nanoseconds, UTC.
    pub created: String,
    /// `sha256:...` of the image's configuration.
    pub image_id: String,
    /// Platform of the image (`linux/amd64`).
    pub platform: String,
    /// `sha256:...` of the layers, the lowest first.
    pub layers: Vec<String>,
    /// How it runs: the image's configuration with the request's overrides.
    pub config: ContainerConfig,
    /// What the host gives it.
    pub host: HostConfig,
    /// The networks beside those that are no networks (`host`, `none`, `container:`); the first is the mode's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub networks: Vec<Wish>,
    /// It was taken off the last of them: its mode says `none` now, but unlike one that was made so it may come to others.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_off_all: bool,
    /// The mounts beside the root, resolved: volumes have their names.
    pub mounts: Vec<MountPoint>,
    /// Storage rung that `create` chose: `overlay`, `fuse-overlayfs` or `copy`; its upper layer can only be read by that one.
    pub driver: String,
    /// Folder of `upper` and `work` when not the container's own (store on a network file system).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub writable: Option<PathBuf>,
}

/// Docker's `HostConfig`, the part that we act on; JSON names are docker's.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct HostConfig {
    /// `-v` arguments as docker lists them (`src:dst[:mode]`).
    pub binds: Vec<String>,
    /// `host`, `none`, `bridge`, `container:<id>` or a network's name.
    pub network_mode: String,
    /// `-p`: `80/tcp` -> host addresses.
    pub port_bindings: BTreeMap<String, Vec<PortBinding>>,
    /// `-P`.
    pub publish_all_ports: bool,
    /// `--restart`.
    pub restart_policy: RestartPolicy,
    /// `--rm`.
    pub auto_remove: bool,
    /// `--cap-add` as given, normalised to `CAP_X` or `ALL`.
    pub cap_add: Vec<String>,
    /// `--cap-drop`.
    pub cap_drop: Vec<String>,
    /// `--dns`.
    pub dns: Vec<String>,
    /// `--dns-option`.
    pub dns_options: Vec<String>,
    /// `--dns-search`.
    pub dns_search: Vec<String>,
    /// `--add-host` as `name:address`.
    pub extra_hosts: Vec<String>,
    /// `--link` as given.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<String>,
    /// `--group-add`.
    pub group_add: Vec<String>,
    /// `--ipc`: `private`, `host`, `container:<id>`, `shareable`, `none`.
    pub ipc_mode: String,
    /// `--cgroupns`: `private` or `host`.
    pub cgroupns_mode: String,
    /// `--oom-score-adj`.
    pub oom_score_adj: i64,
    /// `--pid`: empty, `host` or `container:<id>`.
    pub pid_mode: String,
    /// `--privileged`.
    pub privileged: bool,
    /// `--read-only`.
    pub readonly_rootfs: bool,
    /// `--security-opt` as given.
    pub security_opt: Vec<String>,
    /// `--uts`: empty or `host`.
    #[serde(rename = "UTSMode")]
    pub uts_mode: String,
    /// `--shm-size`, bytes.
    pub shm_size: i64,
    /// `--sysctl`.
    pub sysctls: BTreeMap<String, String>,
    /// `--ulimit`.
    pub ulimits: Vec<Ulimit>,
    /// `--tmpfs`: path -> options.
    pub tmpfs: BTreeMap<String, String>,
    /// `--device`.
    pub devices: Vec<DeviceMapping>,
    /// `--init`.
    pub init: bool,
    /// `--log-driver`, `--log-opt`.
    pub log_config: LogConfig,
    /// Memory limit in bytes, 0 for none.
    pub memory: i64,
    /// Memory and swap in bytes; -1 unlimited.
    pub memory_swap: i64,
    /// `--memory-reservation`: bytes that are taken back last, 0 for none.
    pub memory_reservation: i64,
    /// `--cpus` in units of 1e-9.
    pub nano_cpus: i64,
    /// `--cpu-period`: microseconds, 0 for the kernel's 100,000.
    pub cpu_period: i64,
    /// `--cpu-quota`: microseconds of processor time in each period, 0 or less for no limit.
    pub cpu_quota: i64,
    /// `--cpu-shares`.
    pub cpu_shares: i64,
    /// `--cpuset-cpus`.
    pub cpuset_cpus: String,
    /// `--pids-limit`; 0 or -1 for none.
    pub pids_limit: i64,
    /// File that got the container's id (`--cidfile`).
    #[serde(rename = "ContainerIDFile")]
    pub container_id_file: String,
    /// `--identity`: `auto`, `native`, `full`, `ids`, `off`.
    pub identity: String,
    /// `--volumes-from`.
    pub volumes_from: Vec<String>,
    /// `--annotation`.
    pub annotations: BTreeMap<String, String>,
    /// Every tier 3 flag that is accepted and has no effect, for `inspect` and warnings.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub ignored: BTreeMap<String, String>,
}

/// One side of a published port.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct PortBinding {
    /// Address on the host, empty for all.
    pub host_ip: String,
    /// Port or range on the host, empty for any.
    pub host_port: String,
}

/// `--restart`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct RestartPolicy {
    /// `no`, `on-failure`, `always`, `unless-stopped`.
    pub name: String,
    /// For `on-failure`; 0 means without limit.
    pub maximum_retry_count: u32,
}

impl Default for RestartPolicy {
    fn default() -> RestartPolicy {
        RestartPolicy {
            name: "no".to_owned(),
            maximum_retry_count: 0,
        }
    }
}

/// `--ulimit name=soft[:hard]`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Ulimit {
    /// Name in docker's list (`nofile`, `core`, ...).
    pub name: String,
    /// -1 is unlimited.
    pub hard: i64,
    /// -1 is unlimited.
    pub soft: i64,
}

/// `--device host[:container][:rwm]`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct DeviceMapping {
    /// Path on the host.
    pub path_on_host: String,
    /// Path in the container.
    pub path_in_container: String,
    /// Subset of `rwm`.
    pub cgroup_permissions: String,
}

/// `--log-driver` and `--log-opt`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct LogConfig {
    /// `json-file` (also for `local`), or `none`.
    #[serde(rename = "Type")]
    pub driver: String,
    /// `max-size`, `max-file`.
    pub config: BTreeMap<String, String>,
}

impl Default for LogConfig {
    fn default() -> LogConfig {
        LogConfig {
            driver: "json-file".to_owned(),
            config: BTreeMap::new(),
        }
    }
}

/// One resolved mount (docker's `MountPoint`).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct MountPoint {
    /// `bind`, `volume`, `tmpfs` or `image`.
    #[serde(rename = "Type")]
    pub kind: String,
    /// Volume name; empty for others.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Path on the host; for a volume relative paths do not occur: the data folder of the volume.
    pub source: String,
    /// Absolute path in the container.
    pub destination: String,
    /// `local` for volumes.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub driver: String,
    /// Options as the user gave them (`z`, `ro`, ...).
    pub mode: String,
    /// Writable.
    #[serde(rename = "RW")]
    pub rw: bool,
    /// `rprivate`, `rslave`, ...
    pub propagation: String,
    /// First use of an empty volume copies the image's content.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub copy: bool,
    /// The volume is anonymous: goes with `--rm` and `rm -v`.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub anonymous: bool,
    /// Sub-folder of the source that is mounted (`volume-subpath`).
    #[serde(skip_serializing_if = "String::is_empty")]
    pub subpath: String,
    /// A missing host folder is made (`-v`, `bind-create-src`).
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub create_source: bool,
    /// Submounts of a bind: `enabled` (default), `disabled`, `writable`, `readonly`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub recursive: String,
    /// tmpfs options for mount(2)'s data (`size=..,mode=..`) and flags, docker's words.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub tmpfs_options: String,
}

/// docker's `State.Status`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Made, never started.
    #[default]
    Created,
    /// Its program runs.
    Running,
    /// Frozen.
    Paused,
    /// Its monitor waits for the next try.
    Restarting,
    /// Being removed.
    Removing,
    /// Ended.
    Exited,
    /// Could not be removed.
    Dead,
}

/// What a container does: written only by its monitor, by rename.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// As last written; see the module's text on killed monitors.
    pub status: Status,
    /// Process id of the container's first process in the host's pid namespace; 0 when none.
    pub pid: i32,
    /// Its start time, clock ticks since boot (proc_pid_stat(5), field 22).
    pub pid_start: u64,
    /// Process id of the monitor.
    pub monitor: i32,
    /// Its start time, clock ticks since boot; 0 where a monitor did not say.
    #[serde(default)]
    pub monitor_start: u64,
    /// /proc/sys/kernel/random/boot_id of the host where it ran.
    pub boot_id: String,
    /// Exit status of the last run: 0..255, 128+n for signal n.
    pub exit_code: i32,
    /// Why the last start failed.
    pub error: String,
    /// RFC 3339 with nanoseconds, UTC; `0001-01-01T00:00:00Z` for never.
    pub started_at: String,
    /// As `started_at`.
    pub finished_at: String,
    /// Restarts by policy since the last start by a user.
    pub restart_count: u32,
    /// A user stopped it: `unless-stopped` then stays down.
    pub stopped_by_user: bool,
    /// The kernel or the limit watcher killed it for memory.
    pub oom_killed: bool,
    /// Health, when a check is configured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health: Option<Health>,
    /// Identity mode in force.
    #[serde(default)]
    pub identity: String,
    /// User and group of the program where it is natively another than root, and until root came by `exec`: who made the files
    /// without a record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub native: Option<[u32; 2]>,
    /// Its places in networks.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub networks: Vec<Endpoint>,
    /// Published ports as they are bound on the host: `80/tcp` -> addresses.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub ports: BTreeMap<String, Vec<PortBinding>>,
    /// Ids of running exec sessions.
    #[serde(default)]
    pub execs: BTreeMap<String, Empty>,
}

/// docker's `State.Health`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Health {
    /// `starting`, `healthy`, `unhealthy`.
    pub status: String,
    /// Consecutive failures.
    pub failing_streak: u32,
    /// The last five results, the newest last.
    pub log: Vec<HealthResult>,
}

/// One health check's result.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct HealthResult {
    /// RFC 3339.
    pub start: String,
    /// RFC 3339.
    pub end: String,
    /// 0 ok, 1 bad, -1 timed out.
    pub exit_code: i32,
    /// At most 4096 bytes.
    pub output: String,
}

#[cfg(test)]
pub(crate) mod tests;
