//! How a relay waits: it looks for a while where that pays, sleeps without a time limit when nothing has one, and gives memory
//! back first.

use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use nix::sys::epoll::{EpollEvent, EpollTimeout};

use super::{REST_AFTER, Relay};
use crate::sys::memory::Nap;

impl Relay {
    /// Waits for events. Where a network asks for it, or connections are being made, looks for the next ones for a while
    /// before it sleeps.
    pub(super) fn wait(
        &mut self,
        events: &mut [EpollEvent],
        timeout: EpollTimeout,
    ) -> nix::Result<usize> {
        let mut n = 0;
        let is_idle = self.due.is_empty();
        while n == 0 && is_idle && self.busy_until.is_some_and(|until| Instant::now() < until) {
            n = self.epoll.wait(events, EpollTimeout::ZERO)?;
            if n == 0 {
                std::thread::yield_now();
            }
        }
        if n == 0 {
            n = self.epoll.wait(events, timeout)?;
        }
        let busy = self.busy_poll();
        self.busy_until = (n > 0 && !busy.is_zero()).then(|| Instant::now() + busy);
        Ok(n)
    }

    /// The longest that one of our networks, or a young connection, asks for.
    fn busy_poll(&self) -> Duration {
        let asked = self.links.values().map(|link| link.busy_poll);
        asked
            .chain([self.gate.busy_poll()])
            .max()
            .unwrap_or_default()
    }

    pub(super) fn timeout(&self, quiet_since: Option<Instant>) -> EpollTimeout {
        if !self.due.is_empty() {
            return EpollTimeout::ZERO;
        }
        let rest = quiet_since.map(|since| since + REST_AFTER);
        // while something is delivered at the end, its condition is looked at often
        let drain = self
            .drain_until
            .map(|until| until.min(Instant::now() + Duration::from_millis(20)));
        match [rest, drain, self.sweep_at].into_iter().flatten().min() {
            None => EpollTimeout::NONE,
            Some(at) => {
                let wait = at.saturating_duration_since(Instant::now()) + Duration::from_millis(1);
                EpollTimeout::try_from(wait).unwrap_or(EpollTimeout::NONE)
            }
        }
    }

    /// Waits outside our own program's text.
    pub(super) fn sleep(&mut self, timeout: EpollTimeout) {
        use nix::poll::{PollFd, PollFlags, PollTimeout};
        let mut fds = [PollFd::new(self.epoll.0.as_fd(), PollFlags::POLLIN)];
        let wait = i32::from(timeout);
        let wait = PollTimeout::try_from(wait).unwrap_or(PollTimeout::NONE);
        if let Some(nap) = &self.nap {
            // whatever ends it, epoll tells
            let _ = nap.poll(&mut fds, wait);
        }
    }

    pub(super) fn rest(&mut self) {
        self.room.rest();
        self.gate.rest();
        self.batch = None;
        self.packet = Vec::new();
        // without one the relay is only heavier
        self.nap = Nap::new().ok();
    }
}
