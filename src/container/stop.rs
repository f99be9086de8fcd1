//! Signals to running containers: stop, kill, pause.

use std::time::{Duration, Instant};

use super::control::Client;
use super::plan_make;
use crate::error::{Error, Kind, Result};
use crate::grammar::units;
use crate::store::Store;
use crate::store::containers::{Found, Status, boot_id};
use crate::sys::process;

/// Docker's patience, seconds.
const TIMEOUT: i64 = 10;
/// How long a monitor whose socket is closed may take to end, and the time between looks.
const PARTING: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(5);

/// How to stop.
#[derive(Debug, Clone, Default)]
pub(crate) struct Options {
    /// `-s`; `None`: the container's own.
    pub(crate) signal: Option<String>,
    /// `-t`, seconds, negative for ever; `None`: the container's own.
    pub(crate) timeout: Option<i64>,
}

/// Stops a container and waits until it has ended. One that does not run is stopped already.
pub(crate) fn stop(store: &Store, container: &Found, options: &Options) -> Result<()> {
    let config = &container.record.config;
    let signal = match options.signal.as_ref().filter(|name| !name.is_empty()) {
        Some(name) => parse_signal(name)?,
        None => plan_make::stop_signal(config),
    };
    let timeout = options.timeout.or(config.stop_timeout).unwrap_or(TIMEOUT);
    end_orphan(container)?;
    // whoever listens lives, also where a full disk kept it from saying so
    match Client::connect(store.paths(), container.id())? {
        Some(client) => client.stop(signal, timeout.max(-1)).map(drop),
        None => await_end(store, container),
    }
}

/// Nobody listens: it has ended, or is about to.
fn await_end(store: &Store, container: &Found) -> Result<()> {
    let until = Instant::now() + PARTING;
    while store.containers().is_held(container.id())? {
        if Instant::now() >= until {
            let text = format!("cannot reach the monitor of container {}", container.name());
            return Err(match container.state.boot_id == boot_id() {
                true => Error::new(Kind::State, text)
                    .hint(format!("its first process is {}", container.state.pid)),
                false => Error::new(Kind::State, text).because("it lives on another host"),
            });
        }
        std::thread::sleep(PAUSE);
    }
    Ok(())
}

/// Sends a signal to a container's first process.
///
/// `Kind::State` with docker's text when it does not run.
pub(crate) fn kill(store: &Store, container: &Found, signal: &str) -> Result<()> {
    let signal = parse_signal(signal)?;
    end_orphan(container)?;
    match Client::connect(store.paths(), container.id())? {
        Some(client) if signal == libc::SIGKILL => {
            // docker's `kill` returns when the container is down
            client.stop(signal, 0).map(drop)
        }
        Some(client) => client.kill(signal),
        None => Err(not_running(container)),
    }
}

/// Freezes (`true`) or thaws a container.
pub(crate) fn pause(store: &Store, container: &Found, on: bool) -> Result<()> {
    let refuse = |text: String| Err(Error::new(Kind::State, text));
    let id = container.id();
    match (container.state.status, on) {
        (Status::Paused, true) => {
            return refuse(format!("Container {id} is already paused"));
        }
        (Status::Restarting, true) => {
            return refuse(format!(
                "Container {id} is restarting, wait until the container is running"
            ));
        }
        (Status::Running, true) | (Status::Paused, false) => {}
        (_, true) => return Err(not_running(container)),
        (_, false) => return refuse(format!("Container {id} is not paused")),
    }
    match Client::connect(store.paths(), id)? {
        Some(client) => client.pause(on),
        None => Err(not_running(container)),
    }
}

/// Ends a program whose monitor was killed.
pub(crate) fn end_orphan(container: &Found) -> Result<()> {
    container
        .orphan
        .map_or(Ok(()), |orphan| end_process(orphan.pid, orphan.pid_start))
}

/// Ends a container's monitor, and with it the container.
pub(super) fn end_monitor(container: &Found) -> Result<()> {
    let state = &container.state;
    match state.boot_id == boot_id() && state.monitor_start != 0 {
        true => end_process(state.monitor, state.monitor_start),
        false => Ok(()),
    }
}

fn end_process(pid: i32, start: u64) -> Result<()> {
    if let Some(pidfd) = process::open_pid(pid, start)? {
        process::signal(std::os::fd::AsFd::as_fd(&pidfd), libc::SIGKILL)?;
    }
    Ok(())
}

/// Reads a signal's name or number, in the words of docker's daemon.
pub(crate) fn parse_signal(text: &str) -> Result<i32> {
    let invalid = || Error::new(Kind::Invalid, format!("invalid signal: {text}"));
    if text.parse::<i32>().is_ok_and(|n| n > 64) {
        return Err(Error::new(
            Kind::Invalid,
            format!("the linux daemon does not support signal {text}"),
        ));
    }
    match units::signal(text) {
        Ok(n) if n > 0 => Ok(n),
        _ => Err(invalid()),
    }
}

fn not_running(container: &Found) -> Error {
    Error::new(
        Kind::State,
        format!("container {} is not running", container.id()),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_are_read_as_docker_reads_them() {
        for (text, want) in [
            ("KILL", Ok(9)),
            ("SIGTERM", Ok(15)),
            ("15", Ok(15)),
            ("foo", Err("invalid signal: foo")),
            ("0", Err("invalid signal: 0")),
            ("99", Err("the linux daemon does not support signal 99")),
        ] {
            let got = parse_signal(text).map_err(|e| e.to_string());
            assert_eq!(got, want.map_err(str::to_owned), "{text}");
        }
    }
}
