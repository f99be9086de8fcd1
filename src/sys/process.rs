//! Processes: the one fork, pidfds, waiting, who is alive.

#![allow(unsafe_code)]

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::process::CommandExt;

use nix::errno::Errno;
use nix::sys::signal::SaFlags;

use super::fd::{number, owned};
use super::thread::{KNOCK, notice_knocks};
use super::{Result, SysError};

/// Pid and pidfd of a child.
#[derive(Debug)]
pub(crate) struct Child {
    /// Pid in our pid namespace.
    pub(crate) pid: i32,
    /// Its pidfd; polls readable when it has ended.
    pub(crate) pidfd: OwnedFd,
}

/// How a process ended: 0..255, or 128 + signal.
pub(crate) fn exit_code(status: &nix::sys::wait::WaitStatus) -> i32 {
    use nix::sys::wait::WaitStatus::{Exited, Signaled};
    match status {
        Exited(_, code) => *code,
        Signaled(_, signal, _) => 128 + *signal as i32,
        _ => 255,
    }
}

/// struct clone_args, clone3(2).
#[repr(C)]
#[derive(Default)]
struct CloneArgs {
    flags: u64,
    pidfd: u64,
    child_tid: u64,
    parent_tid: u64,
    exit_signal: u64,
    stack: u64,
    stack_size: u64,
    tls: u64,
    set_tid: u64,
    set_tid_size: u64,
    cgroup: u64,
}

/// Forks with new namespaces (CLONE_NEW* in `flags`); the child runs `body`, which must not return.
///
/// # Panics
/// In a process that has started a thread: the child could then inherit a lock that nobody will ever release.
pub(crate) fn fork(flags: u64, body: impl FnOnce()) -> Result<Child> {
    assert_single_threaded();
    let mut pidfd: libc::c_int = -1;
    let arguments = CloneArgs {
        flags: flags | libc::CLONE_PIDFD as u64,
        pidfd: &raw mut pidfd as u64,
        exit_signal: libc::SIGCHLD as u64,
        ..CloneArgs::default()
    };
    // SAFETY: a clone without CLONE_VM is a fork; the process has one thread, so that the child's copy is consistent.
    let pid = unsafe {
        libc::syscall(
            libc::SYS_clone3,
            &raw const arguments,
            std::mem::size_of::<CloneArgs>(),
        )
    };
    if pid == 0 {
        body();
        // SAFETY: ends the child without the parent's destructors, should the body return.
        unsafe { libc::_exit(127) };
    }
    let pid = number(pid, || format!("clone3({flags:#x})"))? as i32;
    Ok(Child {
        pid,
        pidfd: owned(pidfd.into(), || "clone3(CLONE_PIDFD)".to_owned())?,
    })
}

/// Forks a sibling (CLONE_PARENT): `None` in it. Used inside a child, to enter a pid namespace joined before.
pub(crate) fn fork_sibling() -> Result<Option<Child>> {
    let mut pidfd: libc::c_int = -1;
    let arguments = CloneArgs {
        flags: (libc::CLONE_PIDFD | libc::CLONE_PARENT) as u64,
        pidfd: &raw mut pidfd as u64,
        ..CloneArgs::default()
    };
    // SAFETY: as in `fork`: a child of a fork has one thread.
    let pid = unsafe {
        libc::syscall(
            libc::SYS_clone3,
            &raw const arguments,
            std::mem::size_of::<CloneArgs>(),
        )
    };
    match number(pid, || "clone3(CLONE_PARENT)".to_owned())? {
        0 => Ok(None),
        pid => {
            let pidfd = owned(pidfd.into(), || "clone3(CLONE_PIDFD)".to_owned())?;
            Ok(Some(Child {
                pid: pid as i32,
                pidfd,
            }))
        }
    }
}

fn assert_single_threaded() {
    #[cfg(debug_assertions)]
    {
        let threads = std::fs::read_dir("/proc/self/task").map_or(1, Iterator::count);
        assert!(
            threads <= 1 || cfg!(test),
            "fork in a process with {threads} threads"
        );
    }
}

/// Leaves the caller's session and process tree: the parent returns to its caller's wait, the child goes on as nobody's
/// child.
pub(crate) fn detach() -> Result<()> {
    nix::unistd::setsid().map_err(|e| SysError::new("setsid()", e))?;
    assert_single_threaded();
    #[expect(
        clippy::disallowed_methods,
        reason = "leaving the caller's tree; one thread, as for `fork`"
    )]
    // SAFETY: one thread, see `fork`.
    let forked = unsafe { libc::fork() };
    match number(forked.into(), || "fork()".to_owned())? {
        0 => Ok(()),
        // SAFETY: the parent ends at once without running destructors.
        _ => unsafe { libc::_exit(0) },
    }
}

/// Goes on as a second process beside this one, in a session of its own, with `socket` and no other descriptor but 0, 1
/// and 2; the other one runs `body`. It is this process's child, never waited for: meant for callers that end.
///
/// # Panics
/// As [`fork`].
pub(crate) fn fork_role(name: &str, socket: OwnedFd, body: impl FnOnce(OwnedFd)) -> Result<()> {
    let forked = fork(0, || {
        leave_terminal();
        if super::fd::close_all_but(&[socket.as_fd()]).is_ok() {
            rename(name);
            body(socket);
        }
    });
    forked.map(drop)
}

/// Ends the process at once: no destructor, no exit handler, nothing flushed that a fork has copied.
pub(crate) fn exit_now(code: i32) -> ! {
    // SAFETY: ends the process.
    unsafe { libc::_exit(code) }
}

unsafe extern "C" {
    /// argv[0], where the kernel has put it (program_invocation_name(3)).
    static program_invocation_name: *mut libc::c_char;
}

/// Gives this process the command line `coracle NAME`, cut where the old one ended, and the name `NAME`.
pub(crate) fn rename(name: &str) {
    if let Ok(name) = std::ffi::CString::new(name) {
        nix::sys::prctl::set_name(&name).ok();
    }
    // a second name has the room of the first one's line
    static ROOM: std::sync::OnceLock<usize> = std::sync::OnceLock::new();
    let room = *ROOM.get_or_init(|| std::env::args_os().map(|word| word.len() + 1).sum());
    let line: Vec<u8> = [b"coracle\0", name.as_bytes()].concat();
    // SAFETY: the kernel lays argv's strings one behind the other, `room` bytes in all, in memory that is ours to write;
    // the last byte stays zero, and the standard library copies an argument whenever it is asked for one.
    unsafe {
        let start = program_invocation_name.cast::<u8>();
        std::ptr::write_bytes(start, 0, room);
        std::ptr::copy_nonoverlapping(line.as_ptr(), start, line.len().min(room.saturating_sub(1)));
    }
}

/// Starts our own program in another role (argv[1]), with `socket` as its stdin and no other descriptor. Works with any
/// number of threads. Returns when the role has detached itself.
pub(crate) fn spawn_role(role: &str, socket: OwnedFd) -> Result<()> {
    // no current_dir: std would fork our whole address space instead of posix_spawn's vfork
    // stderr stays: a panic of the role is then seen somewhere; the role replaces it as soon as it has its own.
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that starts a role"
    )]
    let status = std::process::Command::new("/proc/self/exe")
        .arg0("coracle")
        .arg(role)
        .stdin(socket)
        .stdout(std::process::Stdio::null())
        .status()
        .map_err(|e| SysError::new("posix_spawn(/proc/self/exe)", errno_of(&e)))?;
    if status.success() {
        Ok(())
    } else {
        Err(SysError::new("posix_spawn(/proc/self/exe)", Errno::ECHILD))
    }
}

/// Starts our own program in another role beside us, with nothing of ours but `arguments`; nobody waits for it. Meant for
/// callers that end soon: it then becomes a child of whoever adopts orphans.
pub(crate) fn spawn_aside(role: &str, arguments: &[&std::ffi::OsStr]) -> Result<()> {
    #[expect(
        clippy::disallowed_methods,
        reason = "one of the places that start a role"
    )]
    std::process::Command::new("/proc/self/exe")
        .arg0("coracle")
        .arg(role)
        .args(arguments)
        .stdin(std::process::Stdio::null())
        // a pipe of ours must end with us
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .map(drop)
        .map_err(|e| SysError::new("posix_spawn(/proc/self/exe)", errno_of(&e)))
}

/// Makes a session of our own, so that no terminal sends us signals; a process that leads a group stays in it.
pub(crate) fn leave_terminal() {
    nix::unistd::setsid().ok();
}

fn errno_of(e: &std::io::Error) -> Errno {
    Errno::from_raw(e.raw_os_error().unwrap_or(libc::EIO))
}

/// Opens a pidfd of `pid` and checks that it is still the process that started at `start` (clock ticks since boot).
/// `None`: that process is gone (or a zombie).
pub(crate) fn open_pid(pid: i32, start: u64) -> Result<Option<OwnedFd>> {
    // SAFETY: plain system call with numbers.
    let fd = match owned(
        unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) },
        || format!("pidfd_open({pid})"),
    ) {
        Ok(fd) => fd,
        Err(e) if e.errno() == Errno::ESRCH || e.errno() == Errno::EINVAL => return Ok(None),
        Err(e) => return Err(e),
    };
    Ok((start_time(pid) == Some(start)).then_some(fd))
}

/// Sends a signal through a pidfd; a process that is gone is no error.
pub(crate) fn signal(pidfd: BorrowedFd<'_>, signal: i32) -> Result<()> {
    let null: *const libc::siginfo_t = std::ptr::null();
    // SAFETY: a null siginfo means that the kernel fills it as kill(2) would.
    let r = unsafe {
        libc::syscall(
            libc::SYS_pidfd_send_signal,
            pidfd.as_raw_fd(),
            signal,
            null,
            0,
        )
    };
    match number(r, || format!("pidfd_send_signal({signal})")) {
        Err(e) if e.errno() == Errno::ESRCH => Ok(()),
        other => other.map(drop),
    }
}

/// From now on a [`call`] ends a wait for events with EINTR; other waits go on.
pub(crate) fn hear_calls() -> Result<()> {
    notice_knocks(SaFlags::SA_RESTART)
}

/// Has a process that hears it look up from its wait. One that is gone is no error.
pub(crate) fn call(pid: i32) {
    // SAFETY: numbers only.
    unsafe { libc::kill(pid, KNOCK as i32) };
}

/// Whether the process behind a pidfd has not ended.
pub(crate) fn is_running(pidfd: BorrowedFd<'_>) -> bool {
    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
    let mut fds = [PollFd::new(pidfd, PollFlags::POLLIN)];
    matches!(poll(&mut fds, PollTimeout::ZERO), Ok(0))
}

/// Start time of a process in clock ticks since boot (proc_pid_stat(5), field 22); `None` when there is no such process
/// or it is a zombie: a zombie keeps its start time, so pid and start time alone do not say that it lives.
pub(crate) fn start_time(pid: i32) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace();
    match fields.next()? {
        "Z" | "X" => None,
        _ => fields.nth(18)?.parse().ok(),
    }
}

/// Has ended children wait to be asked for, whatever the caller of this program made of SIGCHLD (wait(2), NOTES).
pub(crate) fn expect_children() {
    // SAFETY: SIG_DFL runs no code.
    unsafe { libc::signal(libc::SIGCHLD, libc::SIG_DFL) };
}

/// Has a write beyond RLIMIT_FSIZE fail with EFBIG instead of ending this process (setrlimit(2)).
pub(crate) fn survive_full_files() {
    // SAFETY: SIG_IGN runs no code.
    unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_IGN) };
}

/// Has this process's files be its owner's to read and to write, whatever umask(2) the caller has.
pub(crate) fn keep_own_access() {
    use nix::sys::stat::{Mode, umask};
    let old = umask(Mode::S_IRWXG | Mode::S_IRWXO);
    umask(old & (Mode::S_IRWXG | Mode::S_IRWXO));
}

/// Waits for a child by pid; returns its exit code.
pub(crate) fn wait(pid: i32) -> Result<i32> {
    loop {
        match nix::sys::wait::waitpid(nix::unistd::Pid::from_raw(pid), None) {
            Ok(status) => return Ok(exit_code(&status)),
            Err(Errno::EINTR) => {}
            Err(e) => return Err(SysError::new(format!("waitpid({pid})"), e)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_known_by_pid_and_start_time() {
        let pid = std::process::id() as i32;
        let start = start_time(pid).expect("we live");
        assert!(open_pid(pid, start).expect("pidfd").is_some());
        assert!(open_pid(pid, start + 1).expect("pidfd").is_none());
    }

    fn nix_exit(code: i32) {
        // SAFETY: ends the child at once.
        unsafe { libc::_exit(code) }
    }

    #[test]
    fn a_zombie_has_no_start_time() {
        let child = fork(0, || nix_exit(7)).expect("fork");
        let mut fds = [nix::poll::PollFd::new(
            std::os::fd::AsFd::as_fd(&child.pidfd),
            nix::poll::PollFlags::POLLIN,
        )];
        nix::poll::poll(&mut fds, nix::poll::PollTimeout::NONE).expect("poll");
        assert_eq!(start_time(child.pid), None);
        assert_eq!(wait(child.pid).expect("wait"), 7);
    }
}
