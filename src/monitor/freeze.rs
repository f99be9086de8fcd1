//! Pausing without a cgroup: SIGSTOP and SIGCONT to every process of the container's pid namespace.

use crate::container::plan::Namespace;
use crate::error::{Error, Kind, Result};
use crate::sys;

/// Stops (or continues) all processes that share the pid namespace of `init`.
pub(super) fn freeze(init: i32, pid_namespace: &Namespace, on: bool) -> Result<()> {
    if *pid_namespace != Namespace::New {
        return Err(Error::new(
            Kind::Host,
            "cannot pause a container that shares its pid namespace",
        )
        .hint("give it a namespace of its own, or use a host with a delegated cgroup"));
    }
    let namespace_of = |pid: &str| std::fs::read_link(format!("/proc/{pid}/ns/pid")).ok();
    let ours = namespace_of(&init.to_string());
    let signal = if on { libc::SIGSTOP } else { libc::SIGCONT };
    // two rounds: a process that was forked while we looked is found by the second
    for _round in 0..2 {
        for entry in fs_err::read_dir("/proc")?.flatten() {
            let name = entry.file_name();
            let Some(pid) = name.to_str().and_then(|n| n.parse::<i32>().ok()) else {
                continue;
            };
            if ours.is_some()
                && namespace_of(&pid.to_string()) == ours
                && let Some(start) = sys::process::start_time(pid)
                && let Some(pidfd) = sys::process::open_pid(pid, start)?
            {
                sys::process::signal(std::os::fd::AsFd::as_fd(&pidfd), signal)?;
            }
        }
    }
    Ok(())
}
