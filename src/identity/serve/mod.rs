//! The supervisor: a process beside the container's monitor that answers the questions of the container's filters.
//!
//! Runs as the calling user, root of U0 (the user namespace above the container's), in the container's mount namespace, in
//! the host's pid namespace: the container cannot see, signal or trace it. Each of its threads has the folder of the asking
//! thread in the host's /proc as its working folder, so that a path of the asker's is a plain relative path (`cwd/x`,
//! `fd/3/x`), and its root is the container's.
//!
//! It is forked by the monitor while the container's first process mounts, and has threads, so it never forks. It dies with
//! the monitor. Where nothing was asked for a while it goes, and the monitor starts another at the next question (`leave.rs`).
//! Killed at any line: each waiting and later call fails with ENOSYS, nothing waits for ever, and the monitor ends
//! the container. What is recorded is recorded by one call each.

mod attributes;
mod beside;
mod enter;
mod exec;
mod files;
mod groups;
mod leave;
mod make;
mod messages;
mod owners;
mod paths;
mod pool;
mod proc;
mod process;
mod rules;
mod search;
mod secure;
mod show;
mod status;
mod tracee;
mod trial;
mod worker;

use std::collections::HashMap;
use std::ffi::CString;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32};
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::stat::Mode;
use serde::{Deserialize, Serialize};

use super::credentials::Credentials;
use super::table::Table;
use crate::store::ids::{self, Ids, What};
use crate::sys::memory::Nap;
use crate::sys::seccomp::Arch;
use crate::sys::{self, SysError, socket};

use beside::Beside;
use files::Cache;
pub use leave::Left;
use leave::{Patience, Scene};
use pool::{Lead, Pool};

/// Who a program is when it starts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Start {
    /// User id.
    pub uid: u32,
    /// Group id.
    pub gid: u32,
    /// Supplementary groups.
    pub groups: Vec<u32>,
    /// Its bounding set.
    pub capabilities: u64,
}

impl Start {
    fn credentials(&self) -> Credentials {
        Credentials::new(self.uid, self.gid, &self.groups, self.capabilities)
    }
}

/// A mount point, and whom its root belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Given {
    /// Path inside.
    pub at: CString,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
}

/// What a supervisor knows of its container.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Who its first process is.
    pub first: Start,
    /// Mount points whose files are ours to leave attributes on; all others may be the user's own.
    pub ours: Vec<CString>,
    /// Folders that belong to others than root from the start.
    pub given: Vec<Given>,
    /// Layers' trees on the host, the uppermost first.
    pub layers: Vec<PathBuf>,
    /// The container's file of owners on the host.
    pub sidecar: PathBuf,
}

/// Descriptors of a container, sent by its first process before its program runs.
#[derive(Debug)]
pub struct Ends {
    /// Of its filter.
    pub listener: OwnedFd,
    /// Its mount namespace.
    pub mounts: OwnedFd,
    /// Its user namespace.
    pub user: OwnedFd,
    /// Its pid namespace.
    pub pids: OwnedFd,
}

impl Ends {
    /// From a message of the first process's; `None` when it has no listener.
    pub fn of(fds: Vec<OwnedFd>) -> Option<Ends> {
        let [listener, mounts, user, pids] = fds.try_into().ok()?;
        Some(Ends {
            listener,
            mounts,
            user,
            pids,
        })
    }

    /// As [`Ends::of`] takes them.
    pub fn all(&self) -> [BorrowedFd<'_>; 4] {
        [&self.listener, &self.mounts, &self.user, &self.pids].map(AsFd::as_fd)
    }
}

/// By numbers of the kernel's: each question looks into several. Who has them collide, by a FUSE of his own, slows himself down.
type ByNumber<K, V> = HashMap<K, V, foldhash::fast::RandomState>;

/// Everything that the threads share.
struct Shared {
    table: Table,
    /// Held while a process's credentials are read and changed.
    changing: Mutex<()>,
    /// Somebody may be in another root or another user namespace than the container's.
    moved: AtomicBool,
    /// Records that are in no inode.
    beside: Mutex<Beside>,
    /// Whether there are any.
    has_beside: AtomicBool,
    /// Whether a file has a list that the kernel cannot keep.
    has_acls: AtomicBool,
    /// Records of the layers' files that have none in their inode, by path.
    of_layers: HashMap<Vec<u8>, Ids>,
    /// Whom files on other mounts belong to, of which nothing is recorded: who the container was started as.
    first: Ids,
    cache: Cache,
    /// Ids of the mounts whose files may get attributes.
    ours: Vec<u64>,
    /// The device of the container's /sys.
    sys: Option<(u32, u32)>,
    /// The device of its root.
    root_device: Option<(u32, u32)>,
    /// The host's /proc.
    proc: OwnedFd,
    /// Our own folder in it: where a thread is while it is in no asker's.
    own: OwnedFd,
    /// Our descriptors there, by number.
    descriptors: OwnedFd,
    /// The container's root.
    root: OwnedFd,
    /// Device and inode of the container's user namespace.
    user: (u64, u64),
    /// Its mount namespace.
    mount_namespace: OwnedFd,
    /// Device and inode of that.
    mounts: (u64, u64),
    pids: OwnedFd,
    /// Execs by thread id, modulo: memory that was opened before is not the program's any more.
    execs: [AtomicU32; EXECS],
    pool: Pool,
}

const EXECS: usize = 1024;

/// How a supervisor begins.
#[derive(Debug)]
pub enum Begin {
    /// The container's first process sends its [`Ends`] over this.
    First(OwnedFd),
    /// Another one has gone, and somebody asks.
    Again(Left),
}

/// How a supervisor ended by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Served {
    /// The first process ended, or goes on, without a listener.
    Nobody,
    /// Until nothing was asked for a while; the monitor has what it [`Left`].
    ForNow,
    /// Until the monitor ended.
    All,
}

/// The supervisor's whole life, in a fork of the monitor's. `control`: the monitor's other end, over which listeners of exec
/// sessions come.
pub fn run(settings: &Settings, begin: Begin, control: OwnedFd) -> Result<Served, SysError> {
    nix::sys::prctl::set_pdeathsig(nix::sys::signal::Signal::SIGKILL)
        .map_err(|e| SysError::new("prctl(PR_SET_PDEATHSIG)", e))?;
    let mut needed = begin.needs();
    needed.push(control.as_fd());
    // what an odd kernel leaves open, the supervisor does not use
    sys::fd::close_all_but(&needed).ok();
    if let Ok((_, hard)) = getrlimit(Resource::RLIMIT_NOFILE) {
        // two for each asker that is known
        let _ = setrlimit(Resource::RLIMIT_NOFILE, hard.min(1 << 16), hard);
    }
    let of_layers = layer_owners(&settings.layers);
    let beside = Beside::read(&settings.sidecar);
    let folder = |path| sys::fd::open(path, libc::O_PATH | libc::O_DIRECTORY);
    let proc = folder(c"/proc")?;
    let (own, descriptors) = (folder(c"/proc/self")?, folder(c"/proc/self/fd")?);
    let pool = Pool::new()?;
    // now, and not when the first question waits
    worker::numbers(Arch::native());
    let is_first = matches!(begin, Begin::First(_));
    let Some(scene) = Scene::enter(begin, settings)? else {
        return Ok(Served::Nobody);
    };
    nix::sys::stat::umask(Mode::empty());
    let shared: &'static Shared = Box::leak(Box::new(Shared {
        table: scene.table,
        changing: Mutex::new(()),
        moved: AtomicBool::new(false),
        has_beside: AtomicBool::new(!beside.is_empty()),
        has_acls: AtomicBool::new(beside.has_acls),
        beside: Mutex::new(beside),
        of_layers,
        first: Ids {
            uid: settings.first.uid.into(),
            gid: settings.first.gid.into(),
            what: What::Same,
        },
        cache: Cache::default(),
        ours: scene.ours,
        sys: sys::stat::statx_here(c"/sys", 0, libc::STATX_TYPE)
            .ok()
            .filter(|stat| stat.stx_uid != 0)
            .map(|stat| (stat.stx_dev_major, stat.stx_dev_minor)),
        root_device: sys::stat::statx_here(c"/", 0, libc::STATX_TYPE)
            .ok()
            .map(|stat| (stat.stx_dev_major, stat.stx_dev_minor)),
        proc,
        own,
        descriptors,
        root: scene.root,
        user: scene.user,
        mounts: inode(&scene.mounts)?,
        mount_namespace: scene.mounts,
        pids: scene.pids,
        execs: [const { AtomicU32::new(0) }; EXECS],
        pool,
    }));
    for given in settings.given.iter().filter(|_| is_first) {
        shared.hand_over(given);
    }
    for lead in scene.leads {
        shared.lead(lead)?;
    }
    shared.watch(&control, scene.patience)
}

/// Device and inode of a namespace.
fn inode(fd: &OwnedFd) -> Result<(u64, u64), SysError> {
    let stat = nix::sys::stat::fstat(fd).map_err(|e| SysError::new("fstat(namespace)", e))?;
    Ok((stat.st_dev, stat.st_ino))
}

/// The lowest layer first, so that the upper one's word counts.
fn layer_owners(layers: &[PathBuf]) -> HashMap<Vec<u8>, Ids> {
    let mut all = HashMap::new();
    for tree in layers.iter().rev() {
        let Some(text) = tree
            .parent()
            .and_then(|l| std::fs::read(l.join("owners")).ok())
        else {
            continue;
        };
        all.extend(ids::parse_owners(&text).map(|(path, ids)| (path.to_vec(), ids)));
    }
    all
}

impl Shared {
    /// Takes new listeners from the monitor, and helps out where a thread is held up, until the monitor closes its end or
    /// nothing was asked for as long as `patience` says.
    fn watch(&'static self, control: &OwnedFd, patience: Patience) -> Result<Served, SysError> {
        /// How long a thread may be held up by one question before another takes over.
        const TICK: Duration = Duration::from_millis(20);
        let mut nap = None;
        let mut may_leave = true;
        loop {
            let is_quiet = self.pool.is_quiet();
            let timeout = match is_quiet {
                true if may_leave => patience.timeout(),
                true => PollTimeout::NONE,
                false => PollTimeout::try_from(TICK).expect("a short time"),
            };
            let mut fds = [
                PollFd::new(control.as_fd(), PollFlags::POLLIN),
                PollFd::new(self.pool.bell(), PollFlags::POLLIN),
            ];
            // nothing happens: our program's pages are let go until something does
            let polled = match is_quiet.then(|| nap.get_or_insert_with(|| Nap::by(&self.proc))) {
                Some(Ok(nap)) => nap.poll(&mut fds, timeout),
                _ => poll(&mut fds, timeout),
            };
            match polled {
                Ok(0) if is_quiet => {
                    if self.leave(control, patience)? {
                        return Ok(Served::ForNow);
                    }
                    may_leave = false;
                }
                Ok(_) => may_leave = true,
                Err(Errno::EINTR) => {}
                Err(e) => return Err(SysError::new("poll()", e)),
            }
            let [asked, rung] = [0, 1].map(|n| fds[n].any().unwrap_or(false));
            if asked {
                let Some(message) = socket::receive(control.as_fd())? else {
                    return Ok(Served::All);
                };
                if let Some(lead) = Lead::of(message) {
                    self.lead(lead)?;
                }
            }
            self.pool.look(self, rung);
        }
    }

    fn execs(&self, tid: u32) -> &AtomicU32 {
        &self.execs[tid as usize % EXECS]
    }
}
