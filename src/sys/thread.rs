//! The one way to start a thread: it marks the process, so that a fork can refuse.
//!
//! A fork of a process with threads copies one of them and the locks of all, which is why a process that has started a
//! thread spawns `/proc/self/exe` with a role instead. The mark is never taken back: a thread that has ended may have
//! left an allocator arena or a lock of the C library behind.

#![allow(unsafe_code)]

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{Builder, JoinHandle, Scope, ScopedJoinHandle};

use nix::errno::Errno;
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};
use nix::unistd::Pid;

use super::{Result, SysError};

static THREADED: AtomicBool = AtomicBool::new(false);

/// Returns whether this process has ever started a thread through this room.
pub fn is_threaded() -> bool {
    THREADED.load(Ordering::Relaxed)
}

fn mark_threaded() {
    THREADED.store(true, Ordering::Relaxed);
}

/// Starts a thread called `name` (at most 15 bytes are seen in /proc).
pub fn spawn<T: Send + 'static>(
    name: &str,
    body: impl FnOnce() -> T + Send + 'static,
) -> Result<JoinHandle<T>> {
    mark_threaded();
    Builder::new()
        .name(name.to_owned())
        .spawn(body)
        .map_err(|e| refused(name, &e))
}

/// Starts a thread that ends before `scope` does and may therefore borrow from outside.
pub fn spawn_scoped<'scope, 'env, T: Send + 'scope>(
    scope: &'scope Scope<'scope, 'env>,
    name: &str,
    body: impl FnOnce() -> T + Send + 'scope,
) -> Result<ScopedJoinHandle<'scope, T>> {
    mark_threaded();
    Builder::new()
        .name(name.to_owned())
        .spawn_scoped(scope, body)
        .map_err(|e| refused(name, &e))
}

/// Waits for a thread and returns what it has made; a panic in it goes on here.
pub fn joined<T>(thread: ScopedJoinHandle<'_, T>) -> T {
    thread
        .join()
        .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// What [`knock`] sends, and [`super::process::call`] to whole processes: nobody else does, and who does not wait for it ignores
/// it (signal(7)).
pub(super) const KNOCK: Signal = Signal::SIGURG;

extern "C" fn nothing(_: libc::c_int) {}

/// Has the process be interrupted by it, and no more.
pub(super) fn notice_knocks(flags: SaFlags) -> Result<()> {
    let action = SigAction::new(SigHandler::Handler(nothing), flags, SigSet::empty());
    // SAFETY: the handler does nothing.
    unsafe { sigaction(KNOCK, &action) }
        .map(drop)
        .map_err(|e| SysError::new("sigaction(SIGURG)", e))
}

/// From now on a [`knock`] at the calling thread, whose id is returned, ends the call that it waits in with EINTR.
pub(crate) fn hear_knocks() -> Result<Pid> {
    notice_knocks(SaFlags::empty())?;
    SigSet::from(KNOCK)
        .thread_unblock()
        .map_err(|e| SysError::new("sigprocmask(SIGURG)", e))?;
    Ok(nix::unistd::gettid())
}

/// Ends the wait of a thread of this process's that hears it; one that works notices nothing, and waits afterwards.
pub(crate) fn knock(thread: Pid) {
    // SAFETY: numbers only; a thread that has ended is an error without effect.
    unsafe {
        libc::syscall(
            libc::SYS_tgkill,
            libc::getpid(),
            thread.as_raw(),
            KNOCK as libc::c_int,
        )
    };
}

fn refused(name: &str, e: &io::Error) -> SysError {
    SysError::new(
        format!("clone3(thread `{name}`)"),
        Errno::from_raw(e.raw_os_error().unwrap_or(0)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_marks_the_process_before_it_runs() {
        let marked_inside = spawn("mark", is_threaded)
            .expect("a thread")
            .join()
            .expect("no panic");
        assert!(marked_inside && is_threaded());
    }

    #[test]
    fn a_knock_ends_a_wait() {
        let (read, _write) = crate::sys::fd::pipe().expect("a pipe");
        let (told, tid) = std::sync::mpsc::channel();
        let waiting = spawn("knocked", move || {
            told.send(hear_knocks().expect("a handler")).expect("told");
            nix::unistd::read(&read, &mut [0])
        });
        let (waiting, tid) = (waiting.expect("a thread"), tid.recv().expect("an id"));
        while !waiting.is_finished() {
            knock(tid);
            std::thread::yield_now();
        }
        assert_eq!(waiting.join().expect("no panic"), Err(Errno::EINTR));
    }

    #[test]
    fn a_scoped_thread_borrows_and_returns() {
        let text = String::from("borrowed");
        let length = std::thread::scope(|s| {
            joined(spawn_scoped(s, "scoped", || text.len()).expect("a thread"))
        });
        assert_eq!(length, 8);
    }
}
