//! The end of a relay. The last one on a network keeps the gateway for a moment, for the container that comes next.
//!
//! A gateway's end is dear: the kernel waits for `rcu_barrier()` under its network lock when a bridge goes
//! (br_multicast_dev_del), 20 to 90 ms in which every start of a container on this machine waits in clone(2). In runs one
//! after the other the gateway stays, which spares its making (2 ms) too; half a second after the last one all is gone.

use std::os::fd::AsFd;
use std::time::Duration;

use super::{Relay, Request};
use crate::store::networks::members::{Member, Members};
use crate::sys::process;

/// How long a gateway outlives its last container.
const LINGER: Duration = Duration::from_millis(500);

impl Relay {
    /// Leaves every network. Returns when nobody needs us, or is ended by the next container's relay.
    pub(super) fn part(mut self) {
        self.entries.clear();
        if self.hand_over() == Some(true) {
            for link in self.links.values_mut() {
                link.sockets.clear();
            }
            pause();
            self.leave();
        }
    }

    /// Gives our addresses back and stays listed where nobody else keeps the gateway: true when there is such a network.
    fn hand_over(&self) -> Option<bool> {
        let mut members = Members::hold(&self.paths).ok()?;
        let own: Vec<Member> = members
            .list()
            .iter()
            .filter(|m| self.is_ours(m))
            .cloned()
            .collect();
        // a newer relay of the same container may be listed already
        if own.is_empty() {
            return None;
        }
        let is_other = |m: &&Member| !self.is_ours(m) && m.is_alive();
        let others: Vec<&Member> = members.list().iter().filter(is_other).collect();
        self.withdraw(&own, &others);
        let is_kept = |own: &&Member| {
            let network = &own.endpoint.network_id;
            others.iter().any(|m| m.endpoint.network_id == *network)
        };
        let keepers: Vec<_> = own
            .iter()
            .filter(|m| !is_kept(m))
            .map(Member::keeper)
            .collect();
        let is_keeper = !keepers.is_empty();
        members.replace(&self.container.0, keepers).ok()?;
        Some(is_keeper)
    }

    /// The gateways forget our addresses, but for those that a newer container has got already.
    fn withdraw(&self, own: &[Member], others: &[&Member]) {
        let of = |m: &Member| [m.endpoint.address, m.endpoint.address6];
        let taken: Vec<_> = others.iter().flat_map(|m| of(m)).flatten().collect();
        let addresses = own.iter().flat_map(of).flatten();
        let left = addresses.filter(|a| !taken.contains(a)).collect();
        // a thread that has ended has nothing to forget
        let _ = self.ask(|answer| Request::Withdraw(left, answer));
    }

    fn leave(&self) {
        if let Ok(mut members) = Members::hold(&self.paths)
            && members.list().iter().any(|m| self.is_ours(m))
        {
            // what is wrong with the list, the next one finds out
            let _ = members.replace(&self.container.0, Vec::new());
        }
    }

    fn is_ours(&self, member: &Member) -> bool {
        member.container == self.container.0 && member.process == std::process::id() as i32
    }
}

fn pause() {
    let wait = nix::poll::PollTimeout::try_from(LINGER).unwrap_or(nix::poll::PollTimeout::ZERO);
    // cut short: as good
    let _ = nix::poll::poll(&mut [], wait);
}

/// Ends relays that have waited for a successor.
pub(super) fn relieve(keepers: Vec<(i32, u64)>) {
    for (pid, start) in keepers {
        if let Ok(Some(pidfd)) = process::open_pid(pid, start) {
            // it ends by itself soon
            let _ = process::signal(pidfd.as_fd(), libc::SIGTERM);
        }
    }
}
