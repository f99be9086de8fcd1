//! Who is on a network now: written by whoever joins or leaves, believed only as far as the process that it names lives.

use std::net::IpAddr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{Endpoint, Pool, Rung};
use crate::error::{Context, Error, Kind, Result};
use crate::store::containers::has_ended;
use crate::store::paths::Paths;
use crate::store::{folder, record};
use crate::sys::lock::Lock;
use crate::sys::process::start_time;

/// One endpoint of a live container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// The container's id.
    pub container: String,
    /// The container's name.
    pub name: String,
    /// Its place.
    pub endpoint: Endpoint,
    /// The process that relays for it: it keeps the user namespace and the gateway's network namespace alive.
    pub process: i32,
    /// That one's start time (clock ticks since boot).
    pub start: u64,
    /// Its descriptor of the gateway's network namespace.
    pub gateway: i32,
    /// How that gateway works.
    #[serde(default)]
    pub rung: Rung,
}

impl Member {
    /// Says whether the process that it names lives.
    pub fn is_alive(&self) -> bool {
        start_time(self.process) == Some(self.start)
    }

    /// Returns what it leaves for the next one when its container is gone: the namespaces, without a name or an address.
    pub fn keeper(&self) -> Member {
        let mut keeper = self.clone();
        keeper.name = String::new();
        keeper.endpoint.names = Vec::new();
        keeper.endpoint.address = None;
        keeper.endpoint.address6 = None;
        keeper
    }

    /// Says whether it only keeps namespaces for the next one.
    pub fn is_keeper(&self) -> bool {
        self.endpoint.address.is_none() && self.endpoint.address6.is_none()
    }

    /// Returns where its user namespace can be opened.
    pub fn user_namespace(&self) -> PathBuf {
        format!("/proc/{}/ns/user", self.process).into()
    }

    /// Returns where its gateway's network namespace can be opened.
    pub fn network_namespace(&self) -> PathBuf {
        format!("/proc/{}/fd/{}", self.process, self.gateway).into()
    }
}

fn path(paths: &Paths) -> PathBuf {
    paths.runtime.join("networks/members")
}

/// Returns all that are listed, the dead among them.
pub fn read(paths: &Paths) -> Result<Vec<Member>> {
    Ok(record::read(&path(paths))?.unwrap_or_default())
}

/// The list, held: nobody else joins or leaves.
#[derive(Debug)]
pub struct Members {
    lock: Lock,
    paths: Paths,
    list: Vec<Member>,
}

impl Members {
    /// Waits for the list's lock and reads it.
    pub fn hold(paths: &Paths) -> Result<Members> {
        let parent = paths.runtime.join("networks");
        folder(&parent).context(Kind::System, || {
            format!("cannot make `{}`", parent.display())
        })?;
        let lock = Lock::wait(&parent.join("lock"))?;
        // one that cannot be understood is another program's, of another time: who is on it is not ours to join
        let list = record::read(&path(paths))
            .ok()
            .flatten()
            .unwrap_or_default();
        Ok(Members {
            lock,
            paths: paths.clone(),
            list,
        })
    }

    /// Returns them.
    pub fn list(&self) -> &[Member] {
        &self.list
    }

    /// Returns the lock's descriptor, which must stay open in a process that goes on with the list.
    pub fn lock(&self) -> &Lock {
        &self.lock
    }

    /// Replaces the members of a container, and forgets the dead when something else is written anyway.
    pub fn replace(&mut self, container: &str, new: Vec<Member>) -> Result<()> {
        self.list.retain(|m| m.container != container);
        self.list.retain(Member::is_alive);
        self.list.extend(new);
        record::write(&path(&self.paths), &self.list)
    }

    /// Takes the keepers of a container's networks off the list, which has the namespaces itself now; returns each one's
    /// process and start time where it keeps no other network. Written with the next change.
    pub fn relieve(&mut self, networks: &[&str]) -> Vec<(i32, u64)> {
        let is_relieved =
            |m: &Member| m.is_keeper() && networks.contains(&m.endpoint.network_id.as_str());
        let (gone, left): (Vec<_>, Vec<_>) = std::mem::take(&mut self.list)
            .into_iter()
            .partition(is_relieved);
        self.list = left;
        let is_free = |m: &&Member| self.list.iter().all(|other| other.process != m.process);
        gone.iter()
            .filter(is_free)
            .map(|m| (m.process, m.start))
            .collect()
    }

    /// Says whether whoever has an address has ended and still delivers its last words: an earlier start of `container`
    /// itself, or another one.
    pub fn is_parting(&self, network: &str, container: &str, address: IpAddr) -> bool {
        let has_it = |m: &&Member| {
            let endpoint = &m.endpoint;
            let own = [endpoint.address, endpoint.address6];
            endpoint.network_id == network && own.contains(&Some(address)) && m.is_alive()
        };
        let mut having = self.list.iter().filter(has_it);
        having.any(|m| m.container == container || has_ended(&self.paths, &m.container))
    }

    /// Returns an address of the pool that no living member has: the one asked for, else `last` (the one it had before)
    /// when free, else the first free one.
    pub fn free(
        &self,
        network: &str,
        pool: &Pool,
        container: &str,
        wanted: Option<IpAddr>,
        last: Option<IpAddr>,
    ) -> Result<IpAddr> {
        let taken: Vec<(&Member, IpAddr)> = self
            .list
            .iter()
            .filter(|m| m.endpoint.network_id == network)
            .flat_map(|m| [(m, m.endpoint.address), (m, m.endpoint.address6)])
            .filter_map(|(m, address)| address.map(|a| (m, a)))
            .filter(|(m, a)| pool.subnet.contains(*a) && m.is_alive())
            .collect();
        let is_free = |a: &IpAddr| *a != pool.gateway && taken.iter().all(|(_, t)| t != a);
        if let Some(wanted) = wanted {
            if !pool.subnet.contains(wanted) || pool.subnet.is_reserved(wanted) {
                let text = format!(
                    "invalid endpoint settings:\nno configured subnet or ip-range contain the IP address {wanted}"
                );
                return Err(Error::new(Kind::Invalid, text));
            }
            let is_taken = taken.iter().any(|(_, a)| *a == wanted);
            // who has ended and is slow to go keeps nobody out
            let is_kept = is_taken && !self.is_parting(network, container, wanted);
            return match wanted == pool.gateway || is_kept {
                true => Err(Error::new(Kind::Denied, "Address already in use")),
                false => Ok(wanted),
            };
        }
        if let Some(last) = last.filter(|a| pool.subnet.contains(*a) && is_free(a)) {
            return Ok(last);
        }
        let range = pool.range.unwrap_or(pool.subnet);
        let found = range
            .hosts()
            .find(|a| is_free(a) && !pool.subnet.is_reserved(*a));
        found.ok_or_else(|| {
            Error::new(
                Kind::Denied,
                "no available IPv4 addresses on this network's address pools",
            )
            .because(format!("all of {range} are taken"))
        })
    }
}
