//! The child between fork and exec: an ordered list of operations and the loop that walks it.
//!
//! The list is data, made beforehand: every string is already a C string. On failure the child writes 8 bytes
//! {index of the operation, errno} into the report pipe, which closes by itself at the exec; the parent turns them back
//! into a sentence with [`Script::explain`]. The end of the pipe alone is no proof of an exec: the child may have been
//! killed, so the parent asks waitid(2) too.

#![allow(unsafe_code)]

mod network;

use std::ffi::{CStr, CString};
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd, RawFd};

use nix::errno::Errno;

use super::seccomp::{self, Listen};
pub(crate) use super::stub::Last;
use super::{SysError, fd, mount, stub};

/// What to do when a mount's target is not there or the kernel refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum When {
    /// Fail.
    Must,
    /// Go on when the target does not exist.
    IfThere,
    /// Go on whatever happens.
    Try,
}

/// Number of a descriptor that an operation keeps for a later one.
pub(crate) type Slot = usize;
/// How many slots there are: a container with more mounts than this gets an error before anything starts.
pub(crate) const SLOTS: usize = 512;

/// One operation. Paths without a leading slash are relative to the current directory: the new root, from the moment of
/// its `Chdir` on.
#[derive(Debug, Clone)]
pub(crate) enum Op {
    /// open(2) for writing, write, close: /proc files.
    Write {
        path: CString,
        data: CString,
        when: When,
    },
    /// PR_SET_DUMPABLE.
    Dumpable(bool),
    /// PR_SET_PDEATHSIG, SIGKILL. Any change of credentials clears it.
    DeathSignal,
    /// setsid(2).
    Session,
    /// Every signal to its default, none blocked.
    DefaultSignals,
    /// umask(2).
    Umask(u32),
    /// setns(2) with a pidfd or a namespace's descriptor, and CLONE_NEW* flags.
    Join { fd: RawFd, flags: i32 },
    /// unshare(2) with CLONE_NEW* flags.
    Unshare { flags: i32 },
    /// mount(2).
    Mount {
        source: CString,
        target: CString,
        fstype: CString,
        flags: u64,
        data: CString,
        when: When,
    },
    /// fsopen(2) and fsconfig(2), for options longer than mount(2)'s page; mounted at `target`.
    MountLong {
        fstype: CString,
        options: Vec<(CString, CString)>,
        target: CString,
    },
    /// A folder that must be a real one: a symbolic link of the image's in its place is refused, since mounts follow it.
    RealDir { path: CString, mode: u32 },
    /// mkdir(2); an existing one is right.
    Dir { path: CString, mode: u32 },
    /// An empty file; an existing one is right.
    File { path: CString, mode: u32 },
    /// A new file with this content.
    Text {
        path: CString,
        mode: u32,
        text: CString,
    },
    /// Keeps a folder open, whatever is mounted over it later.
    OpenDir { path: CString, slot: Slot },
    /// unlinkat(2) below the slot's folder.
    Unlink { slot: Slot, name: CString },
    /// symlink(2); an existing name is right.
    Symlink { text: CString, path: CString },
    /// Copies the content of `from` (inside the root at the current directory) into the empty folder `to`.
    CopyUp { from: CString, to: CString },
    /// open_tree(2) with OPEN_TREE_CLONE. `below`: only this part of `path`, whose links stay inside it; empty for all.
    OpenTree {
        path: CString,
        below: CString,
        recursive: bool,
        slot: Slot,
    },
    /// A new detached file system: fsopen(2) .. fsmount(2).
    NewTree {
        fstype: CString,
        options: Vec<(CString, CString)>,
        slot: Slot,
    },
    /// Mounts the tree in `slot` at `target` inside the root at `/`; missing folders (or the file) are made, symbolic
    /// links are followed inside the root only.
    Attach {
        slot: Slot,
        target: CString,
        attributes: u64,
        recursive: bool,
        propagation: u64,
    },
    /// Hides a path: `/dev/null` over a file, an empty read-only tmpfs over a folder; nothing where it does not exist.
    Mask(CString),
    /// Makes a path read-only by a bind mount over itself; nothing where it does not exist.
    ReadOnly(CString),
    /// chmod(2), best effort.
    Mode { path: CString, mode: u32 },
    /// chdir(2).
    Chdir(CString),
    /// pivot_root(".", "."), umount2(".", MNT_DETACH), chdir("/").
    Pivot,
    /// Makes the mount at `/` read-only, submounts untouched.
    ReadOnlyRoot,
    /// sethostname(2).
    Hostname(CString),
    /// setdomainname(2).
    Domainname(CString),
    /// Brings `lo` up in a new network namespace.
    LoopbackUp,
    /// Sends a descriptor of our network namespace over a socket, with one byte: we will not be dumpable later.
    OfferNetwork { socket: RawFd },
    /// Waits until whoever took it has sent one byte; ENETDOWN when the socket ends without.
    AwaitNetwork { socket: RawFd },
    /// A new pty from /dev/ptmx, with rows and columns: slots of master and slave. `console`: bound on /dev/console.
    Pty {
        window: (u16, u16),
        master: Slot,
        slave: Slot,
        console: bool,
    },
    /// Sends the slot's descriptor over a socket, with one byte.
    Send { socket: RawFd, slot: Slot },
    /// Closes a slot.
    Close(Slot),
    /// Makes the slot's pty the session's terminal and 0, 1, 2.
    Terminal(Slot),
    /// dup2(2) of three descriptors to 0, 1, 2.
    Stdio([RawFd; 3]),
    /// A user namespace below the current one in which our one id is `uid`:`gid`. Needs a proc that shows us at `proc`
    /// (a descriptor of it), and takes all capabilities of the namespace we leave.
    NativeUser { uid_map: CString, gid_map: CString },
    /// As `NativeUser`, by way of an already opened proc.
    NativeUserAt {
        proc: RawFd,
        uid_map: CString,
        gid_map: CString,
    },
    /// Goes on in a child (in the pid namespace joined before) whose parent is ours; the pid goes over `socket`.
    ForkInto { socket: RawFd },
    /// setrlimit(2).
    Limit { resource: u32, soft: u64, hard: u64 },
    /// sched_setaffinity(2) to these CPUs.
    Affinity(Vec<u16>),
    /// Drops every capability out of the mask from the bounding set.
    Bounding(u64),
    /// PR_SET_NO_NEW_PRIVS.
    NoNewPrivs,
    /// Loads a classic BPF program.
    Seccomp(Vec<u8>),
    /// Loads one with a listener and sends it over `socket` with our mount, user and pid namespaces. Where there is one
    /// already (EBUSY: a container in such a container) nothing is sent, unless it `must` be.
    Listen {
        program: Vec<u8>,
        socket: RawFd,
        must: bool,
    },
    /// chdir(2) inside the final root; made when missing; checked to lie under `/` (CVE-2024-21626).
    WorkDir(CString),
    /// The same for a process that joins: it must be there.
    EnterDir(CString),
    /// Closes everything but the standard streams and the report pipe.
    CloseRest,
    /// Finds the first of these that is an executable file.
    Find(Vec<CString>),
    /// Executes what was found, by way of the stub.
    Exec {
        argv: Vec<CString>,
        env: Vec<CString>,
        last: Last,
    },
}

/// A list of operations, ready to be walked in a child.
#[derive(Debug, Default)]
pub(crate) struct Script {
    /// In order.
    pub(crate) ops: Vec<Op>,
}

impl Script {
    /// Walks the list; ends in an exec or in `_exit(127)` with a report.
    pub(crate) fn run(&self, report: BorrowedFd<'_>) -> ! {
        let mut slots: [RawFd; SLOTS] = [-1; SLOTS];
        let mut program = None;
        for (index, op) in self.ops.iter().enumerate() {
            let done = match op {
                Op::Find(candidates) => find(candidates).map(|found| program = Some(found)),
                Op::Exec { argv, env, last } => {
                    let path = program.unwrap_or_default();
                    Err(exec_by_stub(*last, path, argv, env, report, index as u32))
                }
                op => step(op, &mut slots, report),
            };
            if let Err(errno) = done {
                let mut bytes = [0; 8];
                bytes[..4].copy_from_slice(&(index as u32).to_ne_bytes());
                bytes[4..].copy_from_slice(&(errno as i32).to_ne_bytes());
                // nobody is left to tell when the pipe is broken
                let _ = nix::unistd::write(report, &bytes);
                break;
            }
        }
        // SAFETY: ends the child without destructors or handlers of the parent's.
        unsafe { libc::_exit(127) }
    }

    /// Turns a report into the operation that failed and the errno.
    pub(crate) fn explain(&self, report: &[u8; 8]) -> Option<(&Op, Errno)> {
        let index = u32::from_ne_bytes(report[..4].try_into().ok()?);
        let errno = i32::from_ne_bytes(report[4..].try_into().ok()?);
        Some((self.ops.get(index as usize)?, Errno::from_raw(errno)))
    }
}

impl Op {
    /// The failed operation as a system call with its arguments.
    pub(crate) fn error(&self, errno: Errno) -> SysError {
        let call = match self {
            Op::Write { path, data, .. } => format!("write({path:?}, {data:?})"),
            Op::Mount {
                source,
                target,
                fstype,
                ..
            } => {
                format!("mount({source:?}, {target:?}, {fstype:?})")
            }
            Op::MountLong { fstype, target, .. } => format!("fsmount({fstype:?}, {target:?})"),
            Op::OpenTree { path, .. } => format!("open_tree({path:?})"),
            Op::NewTree { fstype, .. } => format!("fsopen({fstype:?})"),
            Op::Attach { target, .. } => format!("move_mount({target:?})"),
            Op::RealDir { path, .. } | Op::Dir { path, .. } => format!("mkdir({path:?})"),
            Op::WorkDir(path) | Op::EnterDir(path) | Op::Chdir(path) => format!("chdir({path:?})"),
            Op::Mask(path) | Op::ReadOnly(path) => format!("mount({path:?})"),
            Op::CopyUp { from, to } => format!("copy({from:?}, {to:?})"),
            other => {
                let text = format!("{other:?}");
                let name = text.split([' ', '(', '{']).next().unwrap_or_default();
                name.to_lowercase()
            }
        };
        SysError::new(call, errno)
    }
}

type Step = Result<(), Errno>;

fn check(result: libc::c_long) -> Result<libc::c_long, Errno> {
    if result < 0 {
        Err(Errno::last())
    } else {
        Ok(result)
    }
}

fn forgive(result: Step, when: When) -> Step {
    match (result, when) {
        (Err(Errno::ENOENT | Errno::ENOTDIR), When::IfThere) | (Err(_), When::Try) => Ok(()),
        (other, _) => other,
    }
}

/// `EEXIST` is right.
fn there(result: libc::c_long) -> Step {
    match check(result) {
        Err(Errno::EEXIST) => Ok(()),
        other => other.map(drop),
    }
}

fn keep(slots: &mut [RawFd; SLOTS], slot: Slot, fd: OwnedFd) {
    slots[slot] = std::os::fd::IntoRawFd::into_raw_fd(fd);
}

#[expect(
    clippy::too_many_lines,
    reason = "one arm an operation, most of them one line"
)]
fn step(op: &Op, slots: &mut [RawFd; SLOTS], report: BorrowedFd<'_>) -> Step {
    // SAFETY: slots hold descriptors that this child opened and has not closed.
    let fd = |slot: Slot| unsafe { BorrowedFd::borrow_raw(slots[slot]) };
    // SAFETY (all blocks below): every pointer handed to the kernel comes from a CString or a value of the operation that
    // outlives the call, and the child has one thread.
    match op {
        Op::Write { path, data, when } => forgive(write_file(libc::AT_FDCWD, path, data), *when),
        Op::Dumpable(on) => prctl(libc::PR_SET_DUMPABLE, (*on).into()),
        Op::DeathSignal => prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL as u64),
        Op::Session => {
            // the caller may lead a session already
            let _ = nix::unistd::setsid();
            Ok(())
        }
        Op::DefaultSignals => {
            default_signals();
            Ok(())
        }
        Op::Umask(mask) => {
            nix::sys::stat::umask(nix::sys::stat::Mode::from_bits_truncate(*mask));
            Ok(())
        }
        // SAFETY: see above
        Op::Join { fd, flags } => check(unsafe { libc::setns(*fd, *flags) }.into()).map(drop),
        // SAFETY: plain flags
        Op::Unshare { flags } => check(unsafe { libc::unshare(*flags) }.into()).map(drop),
        Op::Mount {
            source,
            target,
            fstype,
            flags,
            data,
            when,
        } => forgive(mount::mount(source, target, fstype, *flags, data), *when),
        Op::MountLong {
            fstype,
            options,
            target,
        } => {
            let tree = mount::new_tree(fstype, options)?;
            mount::attach_at(&tree, target)
        }
        Op::RealDir { path, mode } => {
            // SAFETY: see above
            there(unsafe { libc::mkdir(path.as_ptr(), *mode) }.into())?;
            mount::is_real_dir(path)
        }
        // SAFETY: see above
        Op::Dir { path, mode } => there(unsafe { libc::mkdir(path.as_ptr(), *mode) }.into()),
        Op::File { path, mode } => {
            // SAFETY: see above
            there(unsafe { libc::mknod(path.as_ptr(), libc::S_IFREG | *mode, 0) }.into())
        }
        Op::Text { path, mode, text } => {
            // SAFETY: see above
            check(unsafe { libc::mknod(path.as_ptr(), libc::S_IFREG | *mode, 0) }.into())?;
            write_file(libc::AT_FDCWD, path, text)
        }
        Op::OpenDir { path, slot } => {
            let folder =
                super::fd::open(path, libc::O_PATH | libc::O_DIRECTORY).map_err(|e| e.errno())?;
            keep(slots, *slot, folder);
            Ok(())
        }
        Op::Unlink { slot, name } => {
            // SAFETY: see above
            check(unsafe { libc::unlinkat(fd(*slot).as_raw_fd(), name.as_ptr(), 0) }.into())
                .map(drop)
        }
        Op::Symlink { text, path } => {
            // SAFETY: see above
            there(unsafe { libc::symlink(text.as_ptr(), path.as_ptr()) }.into())
        }
        Op::CopyUp { from, to } => super::copy::up(from, to).map_err(|e| e.errno()),
        Op::OpenTree {
            path,
            below,
            recursive,
            slot,
        } => {
            let tree = mount::clone_tree(path, below, *recursive)?;
            keep(slots, *slot, tree);
            Ok(())
        }
        Op::NewTree {
            fstype,
            options,
            slot,
        } => {
            let tree = mount::new_tree(fstype, options)?;
            keep(slots, *slot, tree);
            Ok(())
        }
        Op::Attach {
            slot,
            target,
            attributes,
            recursive,
            propagation,
        } => {
            mount::attach(fd(*slot), target, *attributes, *recursive, *propagation)?;
            close(slots, *slot);
            Ok(())
        }
        Op::Mask(path) => forgive(mount::mask(path), When::IfThere),
        Op::ReadOnly(path) => forgive(mount::read_only(path), When::IfThere),
        Op::Mode { path, mode } => {
            // SAFETY: see above
            unsafe { libc::chmod(path.as_ptr(), *mode) };
            Ok(())
        }
        // SAFETY: see above
        Op::Chdir(path) => check(unsafe { libc::chdir(path.as_ptr()) }.into()).map(drop),
        Op::Pivot => mount::pivot(),
        Op::ReadOnlyRoot => mount::read_only_root(),
        Op::Hostname(name) => {
            // SAFETY: see above
            check(unsafe { libc::sethostname(name.as_ptr(), name.as_bytes().len()) }.into())
                .map(drop)
        }
        Op::Domainname(name) => {
            // SAFETY: see above
            check(unsafe { libc::setdomainname(name.as_ptr(), name.as_bytes().len()) }.into())
                .map(drop)
        }
        Op::LoopbackUp => network::loopback_up(),
        Op::OfferNetwork { socket } => network::offer(*socket),
        Op::AwaitNetwork { socket } => network::wait(*socket),
        Op::Pty {
            window,
            master,
            slave,
            console,
        } => {
            let (m, s) = open_pty(*window, *console)?;
            keep(slots, *master, m);
            keep(slots, *slave, s);
            Ok(())
        }
        Op::Send { socket, slot } => {
            // SAFETY: the socket was inherited from the parent.
            let socket = unsafe { BorrowedFd::borrow_raw(*socket) };
            super::socket::send(socket, b"f", &[fd(*slot)]).map_err(|e| e.errno())
        }
        Op::Close(slot) => {
            close(slots, *slot);
            Ok(())
        }
        Op::Terminal(slot) => {
            let slave = fd(*slot).as_raw_fd();
            // SAFETY: see above
            check(unsafe { libc::ioctl(slave, libc::TIOCSCTTY, 0) }.into())?;
            dup_stdio([slave; 3])
        }
        Op::Stdio(fds) => dup_stdio(*fds),
        Op::NativeUser { uid_map, gid_map } => {
            // alone in its pid namespace; a process that is not dumpable may not write its own maps
            // SAFETY: see above
            check(unsafe { libc::unshare(libc::CLONE_NEWUSER) }.into())?;
            prctl(libc::PR_SET_DUMPABLE, 1)?;
            write_file(libc::AT_FDCWD, c"/proc/self/uid_map", uid_map)?;
            write_file(libc::AT_FDCWD, c"/proc/self/gid_map", gid_map)?;
            prctl(libc::PR_SET_DUMPABLE, 0)
        }
        Op::NativeUserAt {
            proc,
            uid_map,
            gid_map,
        } => {
            // SAFETY: see above
            check(unsafe { libc::unshare(libc::CLONE_NEWUSER) }.into())?;
            prctl(libc::PR_SET_DUMPABLE, 1)?;
            write_file(*proc, c"self/uid_map", uid_map)?;
            write_file(*proc, c"self/gid_map", gid_map)?;
            prctl(libc::PR_SET_DUMPABLE, 0)
        }
        Op::ForkInto { socket } => fork_into(*socket),
        Op::Limit {
            resource,
            soft,
            hard,
        } => {
            let limit = libc::rlimit {
                rlim_cur: *soft,
                rlim_max: *hard,
            };
            // SAFETY: see above
            check(unsafe { libc::setrlimit(*resource, &raw const limit) }.into()).map(drop)
        }
        Op::Affinity(cpus) => affinity(cpus),
        Op::Bounding(mask) => bounding(*mask),
        Op::NoNewPrivs => {
            // SAFETY: see above
            check(unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) }.into()).map(drop)
        }
        Op::Listen {
            program,
            socket,
            must,
        } => super::listen::listen(program, *socket, *must),
        Op::Seccomp(program) => seccomp::load(program, Listen::Without).map(drop),
        Op::WorkDir(path) => mount::work_dir(path),
        Op::EnterDir(path) => mount::enter_dir(path),
        Op::CloseRest => close_rest(report.as_raw_fd()),
        Op::Find(_) | Op::Exec { .. } => unreachable!("the walk does them"),
    }
}

fn close(slots: &mut [RawFd; SLOTS], slot: Slot) {
    // SAFETY: the slot's descriptor is this child's own and is forgotten here.
    unsafe { libc::close(slots[slot]) };
    slots[slot] = -1;
}

fn prctl(option: libc::c_int, value: u64) -> Step {
    // SAFETY: plain numbers.
    check(unsafe { libc::prctl(option, value, 0, 0, 0) }.into()).map(drop)
}

fn write_file(at: RawFd, path: &CStr, data: &CStr) -> Step {
    // SAFETY: path and data are C strings; the descriptor is closed here.
    unsafe {
        let fd = check(libc::openat(at, path.as_ptr(), libc::O_WRONLY | libc::O_CLOEXEC).into())?;
        let bytes = data.to_bytes();
        let written = libc::write(fd as RawFd, bytes.as_ptr().cast(), bytes.len());
        let errno = Errno::last();
        libc::close(fd as RawFd);
        if written == bytes.len() as isize {
            Ok(())
        } else {
            Err(errno)
        }
    }
}

fn default_signals() {
    // SAFETY: SIG_DFL runs no code; signals that may not be changed fail without effect.
    unsafe {
        for signal in 1..=64 {
            libc::signal(signal, libc::SIG_DFL);
        }
        let mut none: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut none);
        libc::sigprocmask(libc::SIG_SETMASK, &raw const none, std::ptr::null_mut());
    }
}

fn dup_stdio(fds: [RawFd; 3]) -> Step {
    for (target, fd) in fds.into_iter().enumerate() {
        // SAFETY: plain dup2 of descriptors inherited or opened by this child.
        check(unsafe { libc::dup2(fd, target as RawFd) }.into())?;
    }
    Ok(())
}

/// The pty comes from the container's own devpts, so that ttyname(3) and /dev/console are right inside.
fn open_pty(window: (u16, u16), console: bool) -> Result<(OwnedFd, OwnedFd), Errno> {
    let master =
        super::fd::open(c"/dev/pts/ptmx", libc::O_RDWR | libc::O_NOCTTY).map_err(|e| e.errno())?;
    let (mut unlock, mut number) = (0i32, 0i32);
    let flags = libc::O_RDWR | libc::O_NOCTTY | libc::O_CLOEXEC;
    // SAFETY: each ioctl reads or writes the one integer given, TIOCGPTPEER returns a new descriptor.
    let slave = unsafe {
        check(libc::ioctl(master.as_raw_fd(), libc::TIOCSPTLCK, &raw mut unlock).into())?;
        check(libc::ioctl(master.as_raw_fd(), libc::TIOCGPTN, &raw mut number).into())?;
        super::fd::owned(
            libc::ioctl(master.as_raw_fd(), libc::TIOCGPTPEER, flags).into(),
            String::new,
        )
        .map_err(|e| e.errno())?
    };
    if window != (0, 0) {
        super::tty::set_window(std::os::fd::AsFd::as_fd(&master), window).map_err(|e| e.errno())?;
    }
    if console {
        let path = CString::new(format!("/dev/pts/{number}")).map_err(|_| Errno::EINVAL)?;
        // SAFETY: C strings.
        there(unsafe { libc::mknod(c"/dev/console".as_ptr(), libc::S_IFREG | 0o620, 0) }.into())?;
        mount::mount(&path, c"/dev/console", c"", libc::MS_BIND, c"")?;
    }
    Ok((master, slave))
}

fn fork_into(socket: RawFd) -> Step {
    // CLONE_PARENT: the child is our parent's child, so that the monitor can wait for it
    let child = super::process::fork_sibling().map_err(|e| e.errno())?;
    let Some(child) = child else { return Ok(()) };
    // SAFETY: the socket was inherited from the parent.
    let socket = unsafe { BorrowedFd::borrow_raw(socket) };
    let sent = super::socket::send(
        socket,
        &child.pid.to_ne_bytes(),
        &[std::os::fd::AsFd::as_fd(&child.pidfd)],
    );
    // SAFETY: ends this go-between without destructors.
    unsafe { libc::_exit(sent.is_err().into()) }
}

fn affinity(cpus: &[u16]) -> Step {
    let mut set = nix::sched::CpuSet::new();
    for cpu in cpus {
        set.set((*cpu).into())?;
    }
    nix::sched::sched_setaffinity(nix::unistd::Pid::from_raw(0), &set)
}

fn bounding(mask: u64) -> Step {
    for capability in 0..64 {
        if mask & (1 << capability) == 0 {
            match prctl(libc::PR_CAPBSET_DROP, capability) {
                Err(Errno::EINVAL) => break, // past the kernel's last capability
                other => other?,
            }
        }
    }
    Ok(())
}

/// Closed and not only close-on-exec: with `--ulimit nofile=10` the last steps need numbers below ten. Nothing in this child
/// uses or drops what is closed: the steps left open their own.
fn close_rest(report: RawFd) -> Step {
    let report = report as u32;
    fd::close_range(3, report.saturating_sub(1))?;
    fd::close_range(report + 1, u32::MAX)
}

/// Returns the first candidate that can be executed; ENOENT when there is none, EACCES and the like when the best was not
/// executable.
fn find(candidates: &[CString]) -> Result<&CStr, Errno> {
    let mut errno = Errno::ENOENT;
    for path in candidates {
        match mount::is_executable(path) {
            Ok(()) => return Ok(path),
            Err(Errno::ENOENT | Errno::ENOTDIR) => {}
            Err(other) => errno = other,
        }
    }
    Err(errno)
}

/// Returns the errno that the exec failed with.
fn exec_by_stub(
    last: Last,
    path: &CStr,
    argv: &[CString],
    env: &[CString],
    report: BorrowedFd<'_>,
    index: u32,
) -> Errno {
    let stub = match stub::make(last, report.as_raw_fd(), index) {
        Ok(stub) => stub,
        Err(e) => return e.errno(),
    };
    let pointers = |first: Option<&CStr>, list: &[CString]| -> Vec<*const libc::c_char> {
        let list = list.iter().map(|s| s.as_ptr());
        first
            .map(CStr::as_ptr)
            .into_iter()
            .chain(list)
            .chain([std::ptr::null()])
            .collect()
    };
    let (argv, env) = (pointers(Some(path), argv), pointers(None, env));
    // SAFETY: argv and env are null-terminated lists of C strings that live until the exec; the report pipe must survive
    // into the stub, which makes it close-on-exec itself.
    unsafe {
        libc::fcntl(report.as_raw_fd(), libc::F_SETFD, 0);
        libc::syscall(
            libc::SYS_execveat,
            stub.as_raw_fd(),
            c"".as_ptr(),
            argv.as_ptr(),
            env.as_ptr(),
            libc::AT_EMPTY_PATH,
        );
    }
    Errno::last()
}
