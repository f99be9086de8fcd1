//! Other limits and another restart policy for a container that is there, from now on and at its later starts.
//!
//! The record is what later starts read, and the monitor reads the policy there when the program ends. What runs gets its
//! new limits from here: control groups, affinities and resource limits of one's own processes need nobody's help.

use nix::sched::{CpuSet, sched_setaffinity};
use nix::unistd::Pid;

use super::limits::{self, Limits};
use super::top::pids;
use crate::error::{Error, Kind, Result};
use crate::store::Store;
use crate::store::containers::{Found, HostConfig, RestartPolicy};
use crate::sys::{cgroup, task};

/// What is to change; `None` stays. Units as in [`HostConfig`].
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Change {
    pub(crate) memory: Option<i64>,
    pub(crate) memory_swap: Option<i64>,
    pub(crate) memory_reservation: Option<i64>,
    pub(crate) nano_cpus: Option<i64>,
    pub(crate) cpu_period: Option<i64>,
    pub(crate) cpu_quota: Option<i64>,
    pub(crate) cpu_shares: Option<i64>,
    pub(crate) cpuset_cpus: Option<String>,
    pub(crate) pids_limit: Option<i64>,
    pub(crate) restart: Option<RestartPolicy>,
}

impl Change {
    fn apply(&self, host: &mut HostConfig) -> Result<()> {
        let conflict = |text: &str| Err(Error::new(Kind::Conflict, text));
        // docker's rule: a limit of the sum that is there already is not passed without a word
        if self.memory_swap.is_none() && self.memory.is_some_and(|m| m > host.memory_swap) {
            return conflict(
                "Memory limit should be smaller than already set memoryswap limit, update the memoryswap at the same time",
            );
        }
        for (name, asked, has) in [
            ("CPU Period", self.cpu_period, host.cpu_period),
            ("CPU Quota", self.cpu_quota, host.cpu_quota),
        ] {
            let (what, other) = match (self.nano_cpus, asked) {
                (Some(_), _) if has > 0 => ("Nano CPUs", name),
                (_, Some(_)) if host.nano_cpus > 0 => (name, "NanoCPUs"),
                _ => continue,
            };
            return conflict(&format!(
                "Conflicting options: {what} cannot be updated as {other} has already been set"
            ));
        }
        let numbers = [
            (&mut host.memory, self.memory),
            (&mut host.memory_swap, self.memory_swap),
            (&mut host.memory_reservation, self.memory_reservation),
            (&mut host.nano_cpus, self.nano_cpus),
            (&mut host.cpu_period, self.cpu_period),
            (&mut host.cpu_quota, self.cpu_quota),
            (&mut host.cpu_shares, self.cpu_shares),
            (&mut host.pids_limit, self.pids_limit),
        ];
        for (old, new) in numbers {
            *old = new.unwrap_or(*old);
        }
        if let Some(cpus) = &self.cpuset_cpus {
            host.cpuset_cpus.clone_from(cpus);
        }
        if let Some(policy) = &self.restart {
            if host.auto_remove && policy.name != "no" {
                return conflict(
                    "Restart policy cannot be updated because AutoRemove is enabled for the container",
                );
            }
            host.restart_policy.clone_from(policy);
        }
        Ok(())
    }

    /// Says whether it changes what the container's processes may use.
    fn has_limits(&self) -> bool {
        let others = Change {
            restart: self.restart.clone(),
            ..Change::default()
        };
        *self != others
    }
}

/// Changes a container. Returns a sentence for each limit that does not hold, or does only from the next start on.
///
/// `Kind::Invalid` and `Kind::Conflict` with docker's texts; nothing has changed then.
pub(crate) fn update(store: &Store, container: &Found, change: &Change) -> Result<Vec<String>> {
    let cannot = |e: Error| {
        let text = format!("Cannot update container {}", container.id());
        Error::new(e.kind(), text).because(e)
    };
    // docker looks at what is asked before it looks at what it would become
    limits::check(&HostConfig {
        memory: change.memory.unwrap_or(0),
        memory_reservation: change.memory_reservation.unwrap_or(0),
        nano_cpus: change.nano_cpus.unwrap_or(0),
        cpu_period: change.cpu_period.unwrap_or(0),
        cpu_quota: change.cpu_quota.unwrap_or(0),
        cpuset_cpus: change.cpuset_cpus.clone().unwrap_or_default(),
        ..HostConfig::default()
    })?;
    let mut record = (*container.record).clone();
    change.apply(&mut record.host).map_err(cannot)?;
    let new = limits::here(&record, limits::kernel())?;
    store.containers().change(container.id(), |record| {
        // it was checked above, and whoever changes the same at the same time is as right
        change.apply(&mut record.host).map_err(cannot)
    })?;
    let mut warnings = new.warnings.clone();
    if change.has_limits() && container.is_running && container.state.pid != 0 {
        warnings.extend(apply_now(container, &new)?);
    }
    store.tell_of(container.id(), "update", &[]);
    Ok(warnings)
}

/// Gives a running container its limits; returns a sentence for what waits for the next start.
fn apply_now(container: &Found, new: &Limits) -> Result<Option<String>> {
    let group = limits::group_of(container.state.pid, container.id());
    let mut is_late = false;
    if let Some(wanted) = &new.group {
        for (file, value) in &wanted.settings {
            let set = group
                .as_ref()
                .map(|group| cgroup::set(group, file, value).is_ok());
            // a kernel without swap accounting has no such file
            is_late |= set != Some(true) && file != "memory.swap.max";
        }
    }
    let mut cpus = CpuSet::new();
    let wanted = match new.cpus.is_empty() {
        true => limits::allowed(),
        false => new.cpus.clone(),
    };
    for cpu in wanted {
        is_late |= cpus.set(cpu.into()).is_err();
    }
    for pid in pids(container)? {
        // one that ends in this moment needs nothing any more
        for thread in threads(pid) {
            sched_setaffinity(Pid::from_raw(thread), &cpus).ok();
        }
        let raised = new
            .processes
            .map(|most| task::set_limit(pid, libc::RLIMIT_NPROC, most));
        is_late |= raised == Some(Err(nix::errno::Errno::EPERM));
    }
    Ok(is_late.then(|| {
        "Some limits of the running container could not be changed: they hold from its next start on."
            .to_owned()
    }))
}

fn threads(pid: i32) -> impl Iterator<Item = i32> {
    let entries = std::fs::read_dir(format!("/proc/{pid}/task"));
    let entries = entries.into_iter().flatten().flatten();
    entries.filter_map(|e| e.file_name().to_str()?.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_given_stays() {
        let mut host = HostConfig {
            memory: 64 << 20,
            memory_swap: 128 << 20,
            cpuset_cpus: "0".to_owned(),
            ..HostConfig::default()
        };
        let before = host.clone();
        Change::default().apply(&mut host).unwrap();
        assert_eq!(host, before);
        let change = Change {
            memory: Some(32 << 20),
            pids_limit: Some(-1),
            ..Change::default()
        };
        assert!(change.has_limits());
        change.apply(&mut host).unwrap();
        let after = (host.memory, host.memory_swap, host.pids_limit);
        assert_eq!(after, (32 << 20, 128 << 20, -1));
        assert_eq!(host.cpuset_cpus, "0");
    }

    #[test]
    fn what_docker_refuses_is_refused() {
        let policy = |name: &str| Change {
            restart: Some(RestartPolicy {
                name: name.to_owned(),
                maximum_retry_count: 0,
            }),
            ..Change::default()
        };
        let mut host = HostConfig {
            auto_remove: true,
            ..HostConfig::default()
        };
        assert!(policy("no").apply(&mut host).is_ok() && !policy("no").has_limits());
        let text = policy("always").apply(&mut host).unwrap_err().to_string();
        assert!(text.starts_with("Restart policy cannot be updated because AutoRemove"));
        let more = Change {
            memory: Some(64 << 20),
            ..Change::default()
        };
        let text = more.apply(&mut host).unwrap_err().to_string();
        assert!(text.contains("update the memoryswap at the same time"));
    }
}
