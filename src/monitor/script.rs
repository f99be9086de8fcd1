//! Plan to operations: a pure function, so that a change of what the kernel is told shows as a changed line of a test.

mod mounts;

use std::ffi::CString;
use std::os::fd::RawFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::namespaces;
use crate::container::plan::{Join, Kind as PlanKind, Namespace, Plan, Process, Root, Start, User};
use crate::error::{Error, Kind, Result};
use crate::identity::filter;
use crate::sys::inet;
use crate::sys::spawn::{Last, Op, Script, Slot, When};

/// Descriptors that the child inherits, by number.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fds {
    /// Standard streams; not used with a pty.
    pub(super) stdio: [RawFd; 3],
    /// Socket to the monitor: the pty's master, a go-between's child.
    pub(super) sync: RawFd,
    /// Socket to the relay, which makes the network.
    pub(super) relay: Option<RawFd>,
    /// To the supervisor that waits for a listener.
    pub(super) supervisor: Option<RawFd>,
    /// A process of another container's pid namespace, and the user namespace of that: where to live.
    pub(super) home: Option<[RawFd; 2]>,
}

/// How a joiner enters the container.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    /// pidfd of the container's first process.
    pub(super) pidfd: RawFd,
    /// CLONE_NEW* of the namespaces that differ from ours, without CLONE_NEWUSER when `user` is given.
    pub(super) flags: i32,
    /// A user namespace to enter first, other than the first process's own.
    pub(super) user: Option<RawFd>,
    /// Our own proc, to write maps where the container's proc does not show us.
    pub(super) proc: RawFd,
    /// Make a namespace of the program's own for its id.
    pub(super) native: bool,
}

const NOSUID: u64 = libc::MS_NOSUID;
const NODEV: u64 = libc::MS_NODEV;
const NOEXEC: u64 = libc::MS_NOEXEC;
const RDONLY: u64 = libc::MS_RDONLY;
const STRICT: u64 = NOSUID | NODEV | NOEXEC;

const MASTER: Slot = 0;
const SLAVE: Slot = 1;
const DEV: Slot = 2;
const FIRST_TREE: Slot = 3;

/// The script of a container's first process, born in its new namespaces. `etc`: names below /etc and their texts, with
/// what is known of its addresses.
pub(super) fn start(
    plan: &Plan,
    start: &Start,
    etc: &[(String, String)],
    fds: Fds,
) -> Result<Script> {
    let mut b = Builder::default();
    if let Some(score) = plan.process.oom_score_adj {
        // before the process stops being dumpable: its files then belong to root
        b.write("/proc/self/oom_score_adj", &score.to_string(), When::Try)?;
    }
    match fds.home {
        Some([process, user]) => b.ops.extend([
            Op::Join {
                fd: process,
                flags: libc::CLONE_NEWPID,
            },
            Op::ForkInto { socket: fds.sync },
            Op::Join {
                fd: user,
                flags: libc::CLONE_NEWUSER,
            },
            Op::Unshare {
                flags: namespaces::flags(&start.namespaces) & !libc::CLONE_NEWUSER,
            },
        ]),
        None => {
            b.write("/proc/self/uid_map", "0 0 1", When::Must)?;
            b.write("/proc/self/gid_map", "0 0 1", When::Must)?;
        }
    }
    if let Some(socket) = fds.relay {
        b.ops.push(Op::OfferNetwork { socket });
    }
    b.ops.extend([
        Op::Dumpable(false),
        Op::DeathSignal,
        Op::Session,
        Op::DefaultSignals,
        Op::Umask(0),
    ]);
    b.mount(
        "none",
        "/",
        "",
        libc::MS_REC | libc::MS_SLAVE,
        "",
        When::Must,
    )?;
    b.root(start)?;
    b.proc(start)?;
    if let Some(handler) = &start.handler {
        // it lives as long as this mount
        let table = "proc/sys/fs/binfmt_misc";
        b.mount("binfmt_misc", table, "binfmt_misc", STRICT, "", When::Try)?;
        b.write(&format!("{table}/register"), handler, When::Try)?;
        let sealed = libc::MS_REMOUNT | libc::MS_BIND | RDONLY | STRICT;
        b.mount("none", table, "", sealed, "", When::Try)?;
    }
    b.dev(start)?;
    b.sys(plan, start)?;
    let trees = b.open_trees(start, etc)?;
    b.ops.push(Op::Pivot);
    if start.namespaces.net == Namespace::New {
        // what docker lets everybody in a container do; an old kernel has neither
        for (name, value) in [
            ("ip_unprivileged_port_start", "0"),
            ("ping_group_range", "0 0"),
        ] {
            b.write(&format!("/proc/sys/net/ipv4/{name}"), value, When::Try)?;
        }
    }
    for (name, value) in &start.sysctls {
        b.write(
            &format!("/proc/sys/{}", name.replace('.', "/")),
            value,
            When::Must,
        )?;
    }
    for path in &start.readonly_paths {
        b.ops.push(Op::ReadOnly(text(path)?));
    }
    for path in &start.masked_paths {
        b.ops.push(Op::Mask(text(path)?));
    }
    b.ops.extend(trees);
    if start.namespaces.uts == Namespace::New {
        b.ops.push(Op::Hostname(text(&start.hostname)?));
        if !start.domainname.is_empty() {
            b.ops.push(Op::Domainname(text(&start.domainname)?));
        }
    }
    if start.namespaces.net == Namespace::New {
        b.ops.push(Op::LoopbackUp);
    }
    b.pty(&plan.process, fds, true);
    b.ops.push(Op::WorkDir(text(&plan.process.cwd)?));
    if start.read_only {
        b.ops.push(Op::ReadOnlyRoot);
    }
    if let User::Native { uid, gid } = plan.process.user {
        b.ops.push(Op::NativeUser {
            uid_map: map(uid)?,
            gid_map: map(gid)?,
        });
    }
    if let Some(socket) = fds.relay {
        b.ops.push(Op::AwaitNetwork { socket });
    }
    b.finish(plan, fds, if start.init { Last::Init } else { Last::Exec })?;
    b.script()
}

/// The script of one more process.
pub(super) fn join(plan: &Plan, entry: Entry, fds: Fds) -> Result<Script> {
    let mut b = Builder::default();
    if let PlanKind::Join(Join {
        group: Some(group), ..
    }) = &plan.kind
    {
        // from another session it may be refused: the process then has the container's other limits only
        b.write(
            &group.join("cgroup.procs").to_string_lossy(),
            "0",
            When::Try,
        )?;
    }
    b.ops.extend([Op::Dumpable(false), Op::DefaultSignals]);
    if let Some(user) = entry.user {
        b.ops.push(Op::Join {
            fd: user,
            flags: libc::CLONE_NEWUSER,
        });
    }
    b.ops.push(Op::Join {
        fd: entry.pidfd,
        flags: entry.flags,
    });
    if let (true, User::Native { uid, gid }) = (entry.native, &plan.process.user) {
        b.ops.push(Op::NativeUserAt {
            proc: entry.proc,
            uid_map: map(*uid)?,
            gid_map: map(*gid)?,
        });
    }
    b.ops
        .extend([Op::ForkInto { socket: fds.sync }, Op::Session]);
    b.pty(&plan.process, fds, false);
    b.ops.push(Op::EnterDir(text(&plan.process.cwd)?));
    b.finish(plan, fds, Last::Exec)?;
    b.script()
}

#[derive(Default)]
struct Builder {
    ops: Vec<Op>,
}

impl Builder {
    fn script(self) -> Result<Script> {
        Ok(Script { ops: self.ops })
    }

    fn write(&mut self, path: &str, data: &str, when: When) -> Result<()> {
        self.ops.push(Op::Write {
            path: text(path)?,
            data: text(data)?,
            when,
        });
        Ok(())
    }

    fn mount(
        &mut self,
        source: &str,
        target: &str,
        fstype: &str,
        flags: u64,
        data: &str,
        when: When,
    ) -> Result<()> {
        self.ops.push(Op::Mount {
            source: text(source)?,
            target: text(target)?,
            fstype: text(fstype)?,
            flags,
            data: text(data)?,
            when,
        });
        Ok(())
    }

    fn real_dir(&mut self, name: &str, mode: u32) -> Result<()> {
        self.ops.push(Op::RealDir {
            path: text(name)?,
            mode,
        });
        Ok(())
    }

    /// The root file system at its mount point, and the step into it: from here on paths are relative.
    fn root(&mut self, start: &Start) -> Result<()> {
        let point = path(&start.root_point)?;
        match &start.root {
            Root::Overlay {
                lower,
                upper,
                work,
                volatile,
            } => {
                self.overlay(lower, upper, work, *volatile, &point)?;
                // the kernel makes these with mode 0, and a plain `rm -rf` of the store would stumble over them
                let mut made = work.join("work");
                for inner in ["", "incompat", "volatile"] {
                    made.push(inner);
                    self.ops.push(Op::Mode {
                        path: path(&made)?,
                        mode: 0o700,
                    });
                    if !volatile {
                        break;
                    }
                }
            }
            Root::Fuse { .. } => self.ops.push(bind(point.clone(), point.clone())),
            Root::Plain { path: folder } => self.ops.push(bind(path(folder)?, point.clone())),
        }
        self.ops.push(Op::Chdir(point));
        Ok(())
    }

    fn overlay(
        &mut self,
        lower: &[impl AsRef<Path>],
        upper: &Path,
        work: &Path,
        volatile: bool,
        at: &CString,
    ) -> Result<()> {
        let all = || lower.iter().map(AsRef::as_ref).chain([upper, work]);
        let plain = all().all(|p| {
            !p.as_os_str()
                .as_bytes()
                .iter()
                .any(|b| b":,\\\"".contains(b))
        });
        let mut data: Vec<u8> = b"lowerdir=".to_vec();
        for (i, layer) in lower.iter().enumerate() {
            data.extend(if i == 0 { &b""[..] } else { b":" });
            data.extend(layer.as_ref().as_os_str().as_bytes());
        }
        for (key, folder) in [(",upperdir=", upper), (",workdir=", work)] {
            data.extend(key.as_bytes());
            data.extend(folder.as_os_str().as_bytes());
        }
        data.extend(if volatile {
            &b",userxattr,volatile"[..]
        } else {
            b",userxattr"
        });
        // mount(2) takes a page of options and gives `:`, `,` and `\` a meaning
        if plain && data.len() < 4096 {
            self.ops.push(Op::Mount {
                source: c"overlay".to_owned(),
                target: at.clone(),
                fstype: c"overlay".to_owned(),
                flags: 0,
                data: CString::new(data).map_err(|_| nul())?,
                when: When::Must,
            });
            return Ok(());
        }
        let mut options = Vec::with_capacity(lower.len() + 5);
        for layer in lower {
            options.push((c"lowerdir+".to_owned(), path(layer.as_ref())?));
        }
        options.push((c"upperdir".to_owned(), escaped(upper)?));
        options.push((c"workdir".to_owned(), escaped(work)?));
        options.push((c"userxattr".to_owned(), CString::default()));
        if volatile {
            options.push((c"volatile".to_owned(), CString::default()));
        }
        self.ops.push(Op::MountLong {
            fstype: c"overlay".to_owned(),
            options,
            target: at.clone(),
        });
        Ok(())
    }

    fn proc(&mut self, start: &Start) -> Result<()> {
        self.real_dir("proc", 0o755)?;
        if start.namespaces.pid == Namespace::Host {
            return self.mount(
                "/proc",
                "proc",
                "",
                libc::MS_BIND | libc::MS_REC,
                "",
                When::Must,
            );
        }
        self.mount("proc", "proc", "proc", STRICT, "", When::Must)
    }

    fn dev(&mut self, start: &Start) -> Result<()> {
        self.real_dir("dev", 0o755)?;
        self.mount(
            "tmpfs",
            "dev",
            "tmpfs",
            NOSUID | libc::MS_STRICTATIME,
            "mode=755,size=65536k",
            When::Must,
        )?;
        for name in ["null", "zero", "full", "random", "urandom", "tty"] {
            let inside = text(&format!("dev/{name}"))?;
            self.ops.push(Op::File {
                path: inside.clone(),
                mode: 0o666,
            });
            self.ops.push(bind(text(&format!("/dev/{name}"))?, inside));
        }
        // `--ipc none`
        let has_shm = start.shm_size > 0;
        let shm = has_shm.then_some("dev/shm");
        for name in ["dev/pts", "dev/mqueue"].into_iter().chain(shm) {
            self.ops.push(Op::Dir {
                path: text(name)?,
                mode: 0o755,
            });
        }
        let options = "newinstance,ptmxmode=0666,mode=0620";
        self.mount(
            "devpts",
            "dev/pts",
            "devpts",
            NOSUID | NOEXEC,
            options,
            When::Must,
        )?;
        if start.namespaces.ipc == Namespace::New {
            let size = format!("mode=1777,size={}", start.shm_size);
            if has_shm {
                self.mount("shm", "dev/shm", "tmpfs", STRICT, &size, When::Must)?;
            }
            self.mount("mqueue", "dev/mqueue", "mqueue", STRICT, "", When::Must)?;
        } else {
            self.mount("/dev/shm", "dev/shm", "", libc::MS_BIND, "", When::Must)?;
            self.mount(
                "/dev/mqueue",
                "dev/mqueue",
                "",
                libc::MS_BIND,
                "",
                When::Try,
            )?;
        }
        for (link, target) in [
            ("dev/ptmx", "pts/ptmx"),
            ("dev/fd", "/proc/self/fd"),
            ("dev/stdin", "/proc/self/fd/0"),
            ("dev/stdout", "/proc/self/fd/1"),
            ("dev/stderr", "/proc/self/fd/2"),
            ("dev/core", "/proc/kcore"),
        ] {
            self.ops.push(Op::Symlink {
                text: text(target)?,
                path: text(link)?,
            });
        }
        Ok(())
    }

    fn sys(&mut self, plan: &Plan, start: &Start) -> Result<()> {
        self.real_dir("sys", 0o755)?;
        let read_only = if plan.security.privileged { 0 } else { RDONLY };
        // sysfs shows a network namespace, and only its owner may mount it
        if start.namespaces.net == Namespace::New {
            self.mount("sysfs", "sys", "sysfs", STRICT | read_only, "", When::Must)?;
        } else {
            self.mount(
                "/sys",
                "sys",
                "",
                libc::MS_BIND | libc::MS_REC,
                "",
                When::Must,
            )?;
            let flags = libc::MS_BIND | libc::MS_REMOUNT | STRICT | read_only;
            self.mount("", "sys", "", flags, "", When::Try)?;
        }
        // refused where cgroup v2 is not the host's only hierarchy: an empty folder then, not the host's tree
        if start.namespaces.cgroup == Namespace::New {
            self.mount(
                "cgroup",
                "sys/fs/cgroup",
                "tmpfs",
                STRICT | RDONLY,
                "size=0k",
                When::Try,
            )?;
            self.mount(
                "cgroup",
                "sys/fs/cgroup",
                "cgroup2",
                STRICT | read_only,
                "",
                When::Try,
            )?;
        }
        Ok(())
    }

    fn pty(&mut self, process: &Process, fds: Fds, console: bool) {
        if process.tty {
            self.ops.extend([
                Op::Pty {
                    window: process.window,
                    master: MASTER,
                    slave: SLAVE,
                    console,
                },
                Op::Send {
                    socket: fds.sync,
                    slot: MASTER,
                },
                Op::Close(MASTER),
                Op::Terminal(SLAVE),
            ]);
        } else {
            self.ops.push(Op::Stdio(fds.stdio));
        }
    }

    /// What every program gets last: capabilities, limits, filter, exec.
    fn finish(&mut self, plan: &Plan, fds: Fds, last: Last) -> Result<()> {
        let process = &plan.process;
        if !process.cpus.is_empty() {
            self.ops.push(Op::Affinity(process.cpus.clone()));
        }
        self.ops.push(Op::Umask(0o022));
        self.ops.push(Op::Bounding(plan.security.capabilities));
        if plan.security.no_new_privs {
            self.ops.push(Op::NoNewPrivs);
        }
        // nothing of ours may be open when a program of the image's runs (CVE-2024-21626); the death signal comes after the
        // last change of credentials, which would clear it
        self.ops
            .extend([Op::DeathSignal, Op::Find(candidates(process)?)]);
        if let User::Supervised { mode, start } = &process.user {
            self.ops.push(Op::Listen {
                program: filter::program(*mode).unwrap_or_default().to_vec(),
                socket: fds.supervisor.unwrap_or(fds.sync),
                must: start.uid != 0 || start.gid != 0,
            });
        }
        self.ops.push(Op::CloseRest);
        // they are the program's: with few numbers or processes left, none of the steps above would get through
        let born_with = inet::descriptor_limit_of_others();
        let ours = born_with.map(|(soft, hard)| (libc::RLIMIT_NOFILE, soft, hard));
        for (resource, soft, hard) in ours.iter().chain(&process.rlimits) {
            self.ops.push(Op::Limit {
                resource: *resource,
                soft: *soft,
                hard: *hard,
            });
        }
        let filter = plan.security.seccomp.clone();
        self.ops.extend(filter.map(Op::Seccomp));
        self.ops.push(Op::Exec {
            argv: process
                .argv
                .iter()
                .map(|a| text(a))
                .collect::<Result<_>>()?,
            env: process.env.iter().map(|e| text(e)).collect::<Result<_>>()?,
            last,
        });
        Ok(())
    }
}

fn bind(source: CString, target: CString) -> Op {
    Op::Mount {
        source,
        target,
        fstype: CString::default(),
        flags: libc::MS_BIND,
        data: CString::default(),
        when: When::Must,
    }
}

/// `id` is the one id that our parent namespace has, 0.
fn map(id: u32) -> Result<CString> {
    text(&format!("{id} 0 1"))
}

/// Where execvp(3) would look: PATH of the program's own environment.
fn candidates(process: &Process) -> Result<Vec<CString>> {
    let Some(program) = process.argv.first() else {
        return Err(Error::new(Kind::Usage, "no command specified"));
    };
    // an empty name is nowhere, not the folder itself
    if program.contains('/') || program.is_empty() {
        return Ok(vec![text(program)?]);
    }
    let path = process
        .env
        .iter()
        .rev()
        .find_map(|e| e.strip_prefix("PATH="))
        .unwrap_or(DEFAULT_PATH);
    path.split(':')
        .map(|folder| {
            text(&format!(
                "{}/{program}",
                if folder.is_empty() { "." } else { folder }
            ))
        })
        .collect()
}

/// Docker's.
const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

fn text(s: &str) -> Result<CString> {
    CString::new(s).map_err(|_| nul())
}

/// A folder as overlay's options take it (overlayfs.rst): a backslash makes the next character an ordinary one. Not for
/// `lowerdir+`, which takes the path as it is.
fn escaped(p: &Path) -> Result<CString> {
    let mut out = Vec::new();
    for &byte in p.as_os_str().as_bytes() {
        out.extend((byte == b'\\').then_some(byte));
        out.push(byte);
    }
    CString::new(out).map_err(|_| nul())
}

fn path(p: &Path) -> Result<CString> {
    CString::new(p.as_os_str().as_bytes()).map_err(|_| nul())
}

fn nul() -> Error {
    Error::new(
        Kind::Usage,
        "a path, an argument or a variable holds a zero byte, which the kernel cannot take",
    )
}
