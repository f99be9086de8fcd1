//! Health checks: an exec session started through the same door as everybody's, watched by the monitor's loop.

use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::time::{Duration, Instant};

use crate::container::attach::Session;
use crate::container::control::{Ask, Tell};
use crate::container::launch::{Door, launch};
use crate::container::plan::Plan;
use crate::error::Result;
use crate::image::config::Healthcheck;
use crate::store::containers::{Health, HealthResult};
use crate::sys;

/// Docker keeps this much of a check's output, and this many results.
const OUTPUT_MAX: usize = 4096;
const RESULTS_MAX: usize = 5;

/// The checks of one running container.
pub(super) struct Checks {
    config: Healthcheck,
    /// argv of a check.
    argv: Vec<String>,
    started: Instant,
    next: Instant,
    running: Option<Running>,
    /// For the state record.
    pub(super) health: Health,
}

struct Running {
    session: Session,
    began: String,
    deadline: Instant,
    output: Vec<u8>,
    code: Option<i32>,
}

impl Checks {
    /// `None` when there is no check.
    pub(super) fn new(config: Option<&Healthcheck>, shell: &[String]) -> Option<Checks> {
        let config = config?.clone();
        let argv = match config.test.split_first()? {
            (kind, rest) if kind == "CMD" && !rest.is_empty() => rest.to_vec(),
            (kind, rest) if kind == "CMD-SHELL" => shell.iter().chain(rest).cloned().collect(),
            _ => return None,
        };
        let now = Instant::now();
        let mut checks = Checks {
            config,
            argv,
            started: now,
            next: now,
            running: None,
            health: Health {
                status: "starting".to_owned(),
                ..Health::default()
            },
        };
        checks.next = now + checks.pause();
        Some(checks)
    }

    /// Until the next check: shorter during the start period.
    fn pause(&self) -> Duration {
        if self.starting() {
            let interval = or(self.config.start_interval, 5);
            return interval.min(or(self.config.interval, 30));
        }
        or(self.config.interval, 30)
    }

    fn starting(&self) -> bool {
        let period = Duration::from_nanos(self.config.start_period.max(0).unsigned_abs());
        self.health.status == "starting" && self.started.elapsed() < period
    }

    /// When something is to be done next.
    pub(super) fn deadline(&self) -> Instant {
        self.running.as_ref().map_or(self.next, |r| r.deadline)
    }

    /// What to poll for reading.
    pub(super) fn interests(&self) -> Vec<RawFd> {
        let Some(running) = &self.running else {
            return Vec::new();
        };
        let streams = &running.session.streams;
        let mut list = vec![running.session.client.as_fd().as_raw_fd()];
        list.extend(
            [&streams.stdout, &streams.stderr]
                .into_iter()
                .flatten()
                .map(AsRawFd::as_raw_fd),
        );
        list
    }

    /// Starts a check that is due or ends one that takes too long. Returns whether the health changed.
    pub(super) fn tick(&mut self, plan: impl FnOnce(&[String]) -> Result<Plan>) -> bool {
        let now = Instant::now();
        if self.running.as_ref().is_some_and(|r| now >= r.deadline) {
            let limit = or(self.config.timeout, 30);
            let running = self.running.take();
            if let Some(running) = &running {
                // a check that has just ended needs no signal
                let _ = running.session.client.ask(
                    &Ask::Kill {
                        signal: libc::SIGKILL,
                    },
                    &[],
                );
            }
            return self.finish(
                running,
                -1,
                Some(format!(
                    "Health check exceeded timeout ({})",
                    seconds(limit)
                )),
            );
        }
        if self.running.is_none() && now >= self.next {
            let began = crate::store::now();
            match plan(&self.argv).and_then(|plan| launch(&plan, [false, true, true], Door::Spawn))
            {
                Ok(session) => {
                    let deadline = now + or(self.config.timeout, 30);
                    self.running = Some(Running {
                        session,
                        began,
                        deadline,
                        output: Vec::new(),
                        code: None,
                    });
                }
                Err(e) => return self.finish(None, -1, Some(e.to_string())),
            }
        }
        false
    }

    /// Handles one ready descriptor. Returns whether the health changed.
    pub(super) fn ready(&mut self, fd: RawFd) -> bool {
        let Some(running) = &mut self.running else {
            return false;
        };
        if running.session.client.as_fd().as_raw_fd() == fd {
            match running.session.client.told() {
                Ok(Some((Tell::Streams { streams }, fds))) => {
                    running.session.streams.take(streams, fds)
                }
                Ok(Some((Tell::Exited { code }, _))) => running.code = Some(code),
                Ok(Some((Tell::Failed(e), _))) => {
                    let running = self.running.take();
                    return self.finish(running, -1, Some(e.to_string()));
                }
                Ok(Some(_)) => {}
                Ok(None) | Err(_) => {
                    let running = self.running.take();
                    let code = running.as_ref().and_then(|r| r.code).unwrap_or(-1);
                    return self.finish(running, code, None);
                }
            }
        } else {
            running.read(fd);
        }
        false
    }

    fn finish(&mut self, running: Option<Running>, code: i32, text: Option<String>) -> bool {
        let (began, mut output) = match running {
            Some(mut running) => {
                running.drain();
                (
                    running.began,
                    String::from_utf8_lossy(&running.output).into_owned(),
                )
            }
            None => (crate::store::now(), String::new()),
        };
        if let Some(text) = text {
            output = text;
        }
        self.next = Instant::now() + self.pause();
        let counts = code == 0 || !self.starting();
        self.health.log.push(HealthResult {
            start: began,
            end: crate::store::now(),
            exit_code: code,
            output,
        });
        let surplus = self.health.log.len().saturating_sub(RESULTS_MAX);
        self.health.log.drain(..surplus);
        judge(&mut self.health, code == 0, counts, self.config.retries);
        true
    }
}

/// Docker's rule: one success is healthy; `retries` failures in a row are unhealthy.
fn judge(health: &mut Health, good: bool, counts: bool, retries: i64) {
    if good {
        health.failing_streak = 0;
        "healthy".clone_into(&mut health.status);
    } else if counts {
        health.failing_streak += 1;
        let limit = if retries > 0 { retries } else { 3 };
        if i64::from(health.failing_streak) >= limit {
            "unhealthy".clone_into(&mut health.status);
        }
    }
}

impl Running {
    fn read(&mut self, fd: RawFd) {
        let streams = &mut self.session.streams;
        for stream in [&mut streams.stdout, &mut streams.stderr] {
            let Some(source) = stream else { continue };
            if source.as_raw_fd() == fd {
                let mut buffer = [0; OUTPUT_MAX];
                match sys::fd::read_some(source.as_fd(), &mut buffer) {
                    Ok(Some(n)) if n > 0 => {
                        let room = OUTPUT_MAX.saturating_sub(self.output.len());
                        self.output.extend_from_slice(&buffer[..n.min(room)]);
                    }
                    Ok(None) => {}
                    _ => *stream = None,
                }
            }
        }
    }

    fn drain(&mut self) {
        let streams = &self.session.streams;
        let fds: Vec<RawFd> = [&streams.stdout, &streams.stderr]
            .into_iter()
            .flatten()
            .map(AsRawFd::as_raw_fd)
            .collect();
        for fd in fds {
            // the session has ended: what is not there now will never be
            let _ = sys::fd::set_nonblocking(sys::fd::borrow(fd), true);
            self.read(fd);
        }
    }
}

fn or(nanoseconds: i64, default_seconds: u64) -> Duration {
    match u64::try_from(nanoseconds) {
        Ok(n) if n > 0 => Duration::from_nanos(n),
        _ => Duration::from_secs(default_seconds),
    }
}

/// As Go prints a duration of whole or broken seconds.
fn seconds(d: Duration) -> String {
    if d.subsec_nanos() == 0 && d.as_secs() < 60 {
        format!("{}s", d.as_secs())
    } else {
        format!("{d:?}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_failures_in_a_row_are_unhealthy_and_one_success_heals() {
        let mut health = Health {
            status: "starting".to_owned(),
            ..Health::default()
        };
        judge(&mut health, false, false, 0);
        assert_eq!(
            (health.status.as_str(), health.failing_streak),
            ("starting", 0)
        );
        for n in 1..=3 {
            judge(&mut health, false, true, 0);
            assert_eq!(health.failing_streak, n);
        }
        assert_eq!(health.status, "unhealthy");
        judge(&mut health, true, true, 0);
        assert_eq!(
            (health.status.as_str(), health.failing_streak),
            ("healthy", 0)
        );
    }

    #[test]
    fn a_check_needs_a_command() {
        let shell = ["/bin/sh".to_owned(), "-c".to_owned()];
        let check = |test: &[&str]| {
            let config = Healthcheck {
                test: test.iter().map(|s| (*s).to_owned()).collect(),
                ..Healthcheck::default()
            };
            Checks::new(Some(&config), &shell).map(|c| c.argv.join(" "))
        };
        assert_eq!(check(&["NONE"]), None);
        assert_eq!(check(&[]), None);
        assert_eq!(check(&["CMD", "a", "b"]).as_deref(), Some("a b"));
        assert_eq!(
            check(&["CMD-SHELL", "x | y"]).as_deref(),
            Some("/bin/sh -c x | y")
        );
    }
}
