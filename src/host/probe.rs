//! ROLE `__probe`. Tries what a container needs, in a process of its own, and tells what happened as JSON on stdout.
//!
//! Runs as the calling user in the host's namespaces at first, then in a user namespace of its own; a process of its own,
//! because a user namespace cannot be left again and a program with threads cannot enter one. Everything it makes lies
//! in one folder per file system that is probed, and the asker removes them.

use std::ffi::OsString;
use std::io::Write;
use std::os::fd::AsFd;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use serde::{Deserialize, Serialize};

use crate::error::{Context, Error, Kind, Result};
use crate::sys::{SysError, features};

/// argv[1] of this role.
pub const ROLE: &str = "__probe";
/// argv[2] of its child, which is the first process of a new pid namespace.
const PROC: &str = "proc";

/// What one try gave: done, or why not (`call: what errno means`).
pub type Try = std::result::Result<(), String>;

/// What a container needs from the kernel and from the file systems of its layers and of its writable part.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Probe {
    /// A user namespace with the calling user's one id mapped.
    pub userns: Try,
    /// Another one inside it.
    pub nested_userns: Try,
    /// Mount, IPC, UTS and cgroup namespaces, and a mount of a tmpfs: with AppArmor's restriction the namespace can be
    /// made and has no power.
    pub mount: Try,
    /// A network namespace.
    pub netns: Try,
    /// A gateway of a network: any address local, nf_tables' tproxy, packet and raw sockets.
    pub gateway: Try,
    /// One without nf_tables.
    pub unruled_gateway: Try,
    /// A pid namespace with its own /proc; refused inside containers that mask parts of /proc.
    pub proc: Try,
    /// Overlay with `userxattr`, layers and writable part in the probed folders, with a whiteout made by it.
    pub overlay: Try,
    /// `user.*` extended attributes on the writable part's file system.
    pub attributes: Try,
    /// The same on the layers' file system.
    pub layer_attributes: Try,
    /// flock(2) on the layers' file system.
    pub flock: Try,
    /// A character device 0:0 made by a plain user (Linux 4.17): the whiteout of an unpacked layer.
    pub whiteout: Try,
    /// Files that share blocks, from the layers' to the writable part's file system.
    pub reflink: Try,
    /// A program run from a sealed memfd is allowed.
    pub memfd_exec: Try,
}

/// Asks a process of this role. `data` is the store, `writable` the folder for writable parts; both exist. A killed probe
/// leaves a folder in `staging/`, which the sweeper clears.
pub(crate) fn ask(data: &Path, writable: &Path) -> Result<Probe> {
    let failed = || "cannot probe this host";
    let staging = data.join("staging");
    let writable = if writable == data { &staging } else { writable };
    let (lower, upper) = (Scratch::new(&staging)?, Scratch::new(writable)?);
    #[expect(
        clippy::disallowed_methods,
        reason = "a process that enters namespaces must not be this one"
    )]
    let output = Command::new("/proc/self/exe")
        .arg(ROLE)
        .args([&lower.0, &upper.0])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .context(Kind::System, failed)?;
    serde_json::from_slice(&output.stdout).context(Kind::System, failed)
}

/// A folder for one probe, gone with the value.
struct Scratch(PathBuf);

impl Scratch {
    fn new(parent: &Path) -> Result<Scratch> {
        let path = parent.join(format!("probe-{}", std::process::id()));
        let made = std::fs::DirBuilder::new()
            .mode(0o700)
            .recursive(true)
            .create(&path);
        made.context(Kind::System, || format!("cannot make `{}`", path.display()))?;
        Ok(Scratch(path))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs_err::remove_dir_all(&self.0); // an empty folder that stays is harmless
    }
}

/// The role: `__probe LAYERS WRITABLE`, or `__probe proc` as the first process of a pid namespace. `gateways` are
/// those of [`Probe::gateway`] and [`Probe::unruled_gateway`], for the network namespace that they are called in; the room of
/// networks lies above this one.
pub fn main(args: &[OsString], gateways: [fn() -> Try; 2]) -> ExitCode {
    match args {
        [word] if word == PROC => mount_proc(),
        [layers, writable] => tell(&run(Path::new(layers), Path::new(writable), gateways)),
        _ => ExitCode::from(125),
    }
}

fn tell(probe: &Probe) -> ExitCode {
    let told =
        serde_json::to_vec(probe).is_ok_and(|text| std::io::stdout().write_all(&text).is_ok());
    if told {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn run(layers: &Path, writable: &Path, gateways: [fn() -> Try; 2]) -> Probe {
    // files first, as the plain user that unpacks layers; then deeper and deeper into namespaces
    let attributes = attributes(writable);
    let layer_attributes = self::attributes(layers);
    let flock = flock(layers);
    let whiteout = whiteout(layers);
    let reflink = reflink(layers, writable);
    let memfd_exec = memfd_exec();
    let userns = user_namespace();
    let deeper = |step: fn() -> Try| if userns.is_ok() { step() } else { not_tried() };
    let mount = deeper(mount_namespace);
    let overlay = if mount.is_ok() {
        overlay(layers, writable)
    } else {
        not_tried()
    };
    let network = || unshared(CloneFlags::CLONE_NEWNET, "unshare(CLONE_NEWNET)");
    let netns = deeper(network);
    let [gateway, unruled_gateway] = gateways.map(|tried| match &netns {
        Ok(()) => network().and_then(|()| tried()),
        Err(_) => not_tried(),
    });
    let proc = if mount.is_ok() {
        pid_namespace()
    } else {
        not_tried()
    };
    let nested_userns = deeper(user_namespace);
    Probe {
        userns,
        nested_userns,
        mount,
        netns,
        gateway,
        unruled_gateway,
        proc,
        overlay,
        attributes,
        layer_attributes,
        flock,
        whiteout,
        reflink,
        memfd_exec,
    }
}

fn not_tried() -> Try {
    Err("not tried: an earlier step failed".to_owned())
}

fn told<T>(call: &str, result: nix::Result<T>) -> std::result::Result<T, String> {
    result.map_err(|errno| SysError::new(call, errno).to_string())
}

fn said(error: impl std::fmt::Display) -> String {
    error.to_string()
}

fn unshared(flags: CloneFlags, call: &str) -> Try {
    told(call, unshare(flags))
}

/// A user namespace in which the calling user is root.
fn user_namespace() -> Try {
    let (uid, gid) = (nix::unistd::geteuid(), nix::unistd::getegid());
    unshared(CloneFlags::CLONE_NEWUSER, "unshare(CLONE_NEWUSER)")?;
    let write = |path: &str, text: String| fs_err::write(path, text).map_err(said);
    write("/proc/self/setgroups", "deny".to_owned())?;
    write("/proc/self/uid_map", format!("0 {uid} 1"))?;
    write("/proc/self/gid_map", format!("0 {gid} 1"))
}

fn mount_namespace() -> Try {
    let flags = CloneFlags::CLONE_NEWNS
        | CloneFlags::CLONE_NEWIPC
        | CloneFlags::CLONE_NEWUTS
        | CloneFlags::CLONE_NEWCGROUP;
    unshared(
        flags,
        "unshare(CLONE_NEWNS|CLONE_NEWIPC|CLONE_NEWUTS|CLONE_NEWCGROUP)",
    )?;
    let none = None::<&str>;
    told(
        "mount(/, MS_PRIVATE)",
        mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none),
    )?;
    // on /sys: it is there everywhere, and nothing later needs it
    told(
        "mount(tmpfs)",
        mount(Some("tmpfs"), "/sys", Some("tmpfs"), MsFlags::empty(), none),
    )
}

/// One lower and one upper folder; a lower file is hidden and a new one written through the mount.
fn overlay(layers: &Path, writable: &Path) -> Try {
    let (lower, upper, work, merged) = (
        layers.join("lower"),
        writable.join("upper"),
        writable.join("work"),
        writable.join("merged"),
    );
    for folder in [&lower, &upper, &work, &merged] {
        fs_err::create_dir_all(folder).map_err(said)?;
    }
    fs_err::write(lower.join("hidden"), "").map_err(said)?;
    let options = format!(
        "lowerdir={},upperdir={},workdir={},userxattr",
        escape(&lower),
        escape(&upper),
        escape(&work)
    );
    let call = "mount(overlay, userxattr)";
    told(
        call,
        mount(
            Some("overlay"),
            &merged,
            Some("overlay"),
            MsFlags::empty(),
            Some(options.as_str()),
        ),
    )?;
    // the kernel gives this folder mode 0, and rm(1) could not remove what is in it
    set_mode(&work.join("work"), 0o700).map_err(said)?;
    fs_err::remove_file(merged.join("hidden")).map_err(said)?;
    fs_err::write(merged.join("new"), "").map_err(said)?;
    if merged.join("hidden").exists() || !upper.join("new").exists() {
        return Err("overlay: a hidden file came back".to_owned());
    }
    Ok(())
}

/// A comma, a colon and a backslash mean something in overlay's options.
fn escape(path: &Path) -> String {
    let mut text = String::new();
    for c in path.to_string_lossy().chars() {
        if matches!(c, ',' | ':' | '\\') {
            text.push('\\');
        }
        text.push(c);
    }
    text
}

fn pid_namespace() -> Try {
    unshared(CloneFlags::CLONE_NEWPID, "unshare(CLONE_NEWPID)")?;
    #[expect(
        clippy::disallowed_methods,
        reason = "the first process of a pid namespace is a child"
    )]
    let status = Command::new("/proc/self/exe")
        .args([ROLE, PROC])
        .status()
        .map_err(said)?;
    match status.code() {
        Some(0) => Ok(()),
        Some(errno) => told("mount(proc)", Err(nix::errno::Errno::from_raw(errno))),
        None => Err("mount(proc): the process was killed".to_owned()),
    }
}

/// Exits with the error number of mounting /proc, in a mount namespace of its own: the asker still needs the old /proc.
fn mount_proc() -> ExitCode {
    let mounted = unshare(CloneFlags::CLONE_NEWNS).and_then(|()| {
        mount(
            Some("proc"),
            "/proc",
            Some("proc"),
            MsFlags::empty(),
            None::<&str>,
        )
    });
    match mounted {
        Ok(()) => ExitCode::SUCCESS,
        Err(errno) => ExitCode::from(u8::try_from(errno as i32).unwrap_or(1)),
    }
}

fn create(path: &Path) -> std::result::Result<std::fs::File, String> {
    let mut options = fs_err::OpenOptions::new();
    options.read(true).write(true).create(true).truncate(true);
    options.options_mut().mode(0o600);
    options
        .open(path)
        .map(fs_err::File::into_file)
        .map_err(said)
}

fn attributes(folder: &Path) -> Try {
    features::user_attributes(create(&folder.join("attributes"))?.as_fd()).map_err(said)
}

fn flock(folder: &Path) -> Try {
    let file = create(&folder.join("flock"))?;
    nix::fcntl::Flock::lock(file, nix::fcntl::FlockArg::LockExclusiveNonblock)
        .map(drop)
        .map_err(|(_, errno)| SysError::new("flock(LOCK_EX)", errno).to_string())
}

fn whiteout(folder: &Path) -> Try {
    use nix::sys::stat::{Mode, SFlag, makedev, mknod};
    told(
        "mknod(c 0 0)",
        mknod(
            &folder.join("whiteout"),
            SFlag::S_IFCHR,
            Mode::empty(),
            makedev(0, 0),
        ),
    )
}

fn reflink(layers: &Path, writable: &Path) -> Try {
    let from = create(&layers.join("from"))?;
    (&from).write_all(&[0; 4096]).map_err(said)?;
    features::reflink(create(&writable.join("to"))?.as_fd(), from.as_fd()).map_err(said)
}

/// vm.memfd_noexec=2 (Linux 6.3) forbids every memfd that may be executed.
fn memfd_exec() -> Try {
    use nix::sys::memfd::{MFdFlags, memfd_create};
    let exec = MFdFlags::from_bits_retain(libc::MFD_EXEC);
    match memfd_create("probe", MFdFlags::MFD_CLOEXEC | exec) {
        Ok(_) => Ok(()),
        // kernels before 6.3 do not know the flag and allow what it asks for
        Err(nix::errno::Errno::EINVAL) => told(
            "memfd_create()",
            memfd_create("probe", MFdFlags::MFD_CLOEXEC),
        )
        .map(drop),
        Err(errno) => told("memfd_create(MFD_EXEC)", Err(errno)),
    }
}

/// Changes a mode without following a link.
fn set_mode(path: &Path, mode: u32) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs_err::set_permissions(path, std::fs::Permissions::from_mode(mode))
}

impl Probe {
    /// Returns whether containers can run at all here, else the first step that failed.
    pub fn can_run(&self) -> Result<()> {
        let steps = [&self.userns, &self.mount, &self.proc, &self.nested_userns];
        match steps.into_iter().find_map(|step| step.as_ref().err()) {
            None => Ok(()),
            Some(cause) => {
                Err(Error::new(Kind::Host, "cannot make a container on this host").because(cause))
            }
        }
    }
}
