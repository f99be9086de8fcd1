//! What will be done: serialisable data made by a pure function from (record, image, host facts).
//!
//! `run`, `start`, `restart`, `exec`, a health check, and later a build's RUN and `compose up` all start a process with
//! a Plan through [`super::launch`]. Every path is absolute on the host unless said otherwise. Nothing here is looked up
//! again after the plan is made, so two runs of one plan do the same.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::etc_files::Files;
use crate::identity::{self, Mode};
use crate::image::config::Healthcheck;
use crate::network::plan::NetworkPlan;
use crate::store::containers::RestartPolicy;

/// One start of one process in one container.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Plan {
    /// Container id, 64 hex digits.
    pub id: String,
    /// Container name, for messages.
    pub name: String,
    /// A new container's first process, or one more process in a running container.
    pub kind: Kind,
    /// The program.
    pub process: Process,
    /// Confinement of the program.
    pub security: Security,
}

/// What the process is to the container.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Kind {
    /// The first process: makes the namespaces and the root.
    Start(Box<Start>),
    /// One more process in a running container.
    Join(Join),
}

/// Joins a running container.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Join {
    /// Pid of the container's first process.
    pub pid: i32,
    /// Its start time, so that a reused pid is noticed.
    pub pid_start: u64,
    /// Id of the exec session, 64 hex digits.
    pub exec_id: String,
    /// The container's control socket.
    pub control: PathBuf,
    /// The container's cgroup, when it has one of its own.
    #[serde(default)]
    pub group: Option<PathBuf>,
}

/// Makes a container.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Start {
    /// `<data>/containers/<id>`: state, log, etc.
    pub dir: PathBuf,
    /// `<runtime>/containers/<id>`: lock, ctl.
    pub runtime: PathBuf,
    /// The root file system.
    pub root: Root,
    /// `--read-only`.
    pub read_only: bool,
    /// Mount point on which the root is assembled: an existing folder.
    pub root_point: PathBuf,
    /// Files made for this start and mounted below /etc: (name, content). They live in the container's memory and not in its
    /// folder: four files fewer to make and to remove for every `run --rm`.
    pub etc: Files,
    /// Namespaces.
    pub namespaces: Namespaces,
    /// What leads out of a network namespace of its own; `None` for nothing.
    #[serde(default)]
    pub network: Option<NetworkPlan>,
    /// Host name inside.
    pub hostname: String,
    /// NIS domain name inside; empty leaves the kernel's.
    pub domainname: String,
    /// Bytes of /dev/shm.
    pub shm_size: u64,
    /// The user's mounts in the order of mounting (parents before children).
    pub mounts: Vec<Mount>,
    /// `name=value` below /proc/sys.
    pub sysctls: Vec<(String, String)>,
    /// `/dev/null` or an empty tmpfs over each, where it exists (paths inside).
    pub masked_paths: Vec<String>,
    /// Read-only, where it exists (paths inside).
    pub readonly_paths: Vec<String>,
    /// Extra device nodes: (host path, path inside).
    pub devices: Vec<(PathBuf, String)>,
    /// What the kernel is told of who runs programs of the image's processor, where this one does not
    /// (`host::emulator`).
    #[serde(default)]
    pub handler: Option<String>,
    /// Give the program a small init as its parent.
    pub init: bool,
    /// It ends with the command that started it: a step of a build.
    #[serde(default)]
    pub bound: bool,
    /// Remove the container when it ends (`--rm`).
    pub remove: bool,
    /// Names of the anonymous volumes that go with it.
    pub anonymous_volumes: Vec<String>,
    /// Restart policy.
    pub restart: RestartPolicy,
    /// Health check; already merged, `None` when there is none.
    pub health: Option<Healthcheck>,
    /// Log: `None` for `--log-driver none`.
    pub log: Option<Log>,
    /// A cgroup to make for the container, remove after it, and pause it with.
    #[serde(default)]
    pub group: Option<Group>,
    /// Default stop signal number.
    pub stop_signal: i32,
    /// Seconds until SIGKILL; -1 waits for ever.
    pub stop_timeout: i64,
}

/// A cgroup of the container's own (version 2).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Group {
    /// The delegated group above it.
    pub top: PathBuf,
    /// Its own folder, made when missing.
    pub path: PathBuf,
    /// Controllers to put on from `top` down.
    pub controllers: Vec<String>,
    /// File and value.
    pub settings: Vec<(String, String)>,
}

/// json-file log.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Log {
    /// The file.
    pub path: PathBuf,
    /// Rotate at this many bytes; 0 never.
    pub max_size: u64,
    /// Files kept in all.
    pub max_file: u32,
    /// Written with each line.
    pub attributes: BTreeMap<String, String>,
}

/// How the root comes to be.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Root {
    /// Kernel overlay with `userxattr`.
    Overlay {
        /// Layer trees, the uppermost first (the kernel's order).
        lower: Vec<PathBuf>,
        /// Writable layer.
        upper: PathBuf,
        /// Its work folder.
        work: PathBuf,
        /// Skip syncs: for containers that go when they end.
        volatile: bool,
    },
    /// `fuse-overlayfs`, started by the monitor.
    Fuse {
        /// The program.
        program: PathBuf,
        /// As in `Overlay`.
        lower: Vec<PathBuf>,
        /// As in `Overlay`.
        upper: PathBuf,
        /// As in `Overlay`.
        work: PathBuf,
    },
    /// A plain folder: a per-container copy.
    Plain {
        /// The folder.
        path: PathBuf,
    },
}

/// Which namespaces the container gets.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Namespaces {
    /// Network.
    pub net: Namespace,
    /// Processes.
    pub pid: Namespace,
    /// System V IPC and message queues.
    pub ipc: Namespace,
    /// Host name.
    pub uts: Namespace,
    /// Cgroup view.
    pub cgroup: Namespace,
}

/// Where one namespace comes from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Namespace {
    /// A new one.
    New,
    /// The host's.
    Host,
    /// That of another container's first process (pid, start time).
    Of(i32, u64),
}

/// One mount of the user's.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Mount {
    /// Absolute path inside; made when missing.
    pub destination: String,
    /// What is mounted.
    pub source: Source,
    /// Read-only.
    pub read_only: bool,
    /// MS_NOSUID, MS_NODEV, MS_NOEXEC and the like (mount(2) flags), for tmpfs and where asked.
    pub flags: u64,
    /// What becomes of a bind's submounts.
    pub submounts: Submounts,
    /// Propagation flags of mount(2) (MS_PRIVATE, MS_SLAVE, ... with MS_REC); 0 for private.
    pub propagation: u64,
}

/// Submounts of a bind (`bind-recursive`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Submounts {
    /// They stay behind.
    Absent,
    /// They come along as they are, also below a read-only bind.
    Untouched,
    /// They come along and get the bind's own attributes.
    Same,
}

/// What is mounted.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Source {
    /// A file or folder of the host.
    Bind {
        /// Absolute.
        path: PathBuf,
        /// What of `path` is mounted (`volume-subpath`), empty for all of it; links in it stay inside `path`, whose content a
        /// container has written.
        below: String,
        /// First use: when this folder is empty, copy the content of the destination in the image into it.
        copy_up: bool,
    },
    /// Folders of the host with a writable layer over them: what is changed is not changed on the host.
    Overlay {
        /// The host's, the uppermost first.
        lower: Vec<PathBuf>,
        /// Writable layer.
        upper: PathBuf,
        /// Its work folder.
        work: PathBuf,
    },
    /// A tmpfs.
    Tmpfs {
        /// mount(2) data: `size=..,mode=..`.
        data: String,
        /// Copy the image's content of the destination into it (podman's tmpcopyup; docker does so for `--tmpfs` never).
        copy_up: bool,
    },
}

/// The program and what it starts with.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Process {
    /// Program and arguments; the program is looked up on `PATH` of `env` inside the root when it has no slash.
    pub argv: Vec<String>,
    /// `KEY=value`.
    pub env: Vec<String>,
    /// Absolute path inside; made when missing.
    pub cwd: String,
    /// Who it is.
    pub user: User,
    /// A pty is its stdio.
    pub tty: bool,
    /// Rows and columns at the start; (0, 0) unknown.
    pub window: (u16, u16),
    /// stdin is a pipe; else /dev/null.
    pub stdin: bool,
    /// The pipe closes with the first attached client (StdinOnce).
    pub stdin_once: bool,
    /// (resource number, soft, hard); u64::MAX is unlimited.
    pub rlimits: Vec<(u32, u64, u64)>,
    /// oom_score_adj to set; `None` inherits.
    pub oom_score_adj: Option<i32>,
    /// CPUs that it may use (sched_setaffinity); empty inherits.
    pub cpus: Vec<u16>,
}

/// Identity of the program (DESIGN "Identity").
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum User {
    /// Root of the container: the calling user.
    Root,
    /// One other id, natively: the calling user's id is mapped to it in one more user namespace.
    Native {
        /// User id inside.
        uid: u32,
        /// Group id inside.
        gid: u32,
    },
    /// Root of the container to the kernel, and whoever it says it is to itself: a supervisor answers.
    Supervised {
        /// What is supervised.
        mode: Mode,
        /// Who it is.
        start: identity::serve::Start,
    },
}

impl User {
    /// How its ids are provided.
    pub fn mode(&self) -> Mode {
        match self {
            User::Root => Mode::Off,
            User::Native { .. } => Mode::Native,
            User::Supervised { mode, .. } => *mode,
        }
    }
}

/// Confinement.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Security {
    /// Bounding set as a bit mask (capabilities(7) numbers).
    pub capabilities: u64,
    /// Classic BPF program of the seccomp profile, 8 bytes an instruction in the host's order; `None` for unconfined.
    #[serde(with = "bytes")]
    pub seccomp: Option<Vec<u8>>,
    /// PR_SET_NO_NEW_PRIVS.
    pub no_new_privs: bool,
    /// `--privileged`.
    pub privileged: bool,
}

/// Base64 in JSON: a list of numbers would be five times as long to write and read.
mod bytes {
    use base64::prelude::*;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(v: &Option<Vec<u8>>, s: S) -> Result<S::Ok, S::Error> {
        match v {
            Some(b) => s.serialize_some(&BASE64_STANDARD.encode(b)),
            None => s.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        d: D,
    ) -> Result<Option<Vec<u8>>, D::Error> {
        Option::<String>::deserialize(d)?
            .map(|s| BASE64_STANDARD.decode(s).map_err(serde::de::Error::custom))
            .transpose()
    }
}
