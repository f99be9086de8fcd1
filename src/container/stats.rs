//! What a running container uses: of its control group where it has one, else the sum of what /proc says of its processes.
//! What nobody has mapped, files in a tmpfs and caches, counts only in a group.

use std::path::Path;

use nix::unistd::{SysconfVar, sysconf};

use super::limits::group_of;
use super::top::{Process, pids};
use crate::error::Result;
use crate::store::containers::Found;
use crate::sys::cgroup;

/// Everything until now; all zero for one that does not run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Usage {
    /// Microseconds of CPU.
    pub(crate) cpu: u64,
    /// Bytes of memory that are its own.
    pub(crate) memory: u64,
    /// The most that it may have, bytes.
    pub(crate) limit: u64,
    /// Bytes that came by its networks, and that left.
    pub(crate) network: [u64; 2],
    /// Bytes read from disks, and written.
    pub(crate) disk: [u64; 2],
    /// Its processes and threads.
    pub(crate) processes: u64,
}

impl Usage {
    /// Measures a container.
    pub(crate) fn of(found: &Found) -> Result<Usage> {
        if !found.is_running || found.state.pid == 0 {
            return Ok(Usage::default());
        }
        let group = group_of(found.state.pid, found.id());
        let mut usage = match group.as_deref().and_then(of_group) {
            Some(usage) => usage,
            None => of_processes(&pids(found)?),
        };
        let all = memory_of_host();
        usage.limit = match u64::try_from(found.record.host.memory) {
            Ok(limit) if limit > 0 => limit.min(all),
            _ => all,
        };
        usage.network = read(&format!("/proc/{}/net/dev", found.state.pid), network);
        Ok(usage)
    }
}

fn read<T: Default>(path: &str, parse: impl Fn(&str) -> T) -> T {
    // a process may be gone
    std::fs::read_to_string(path).map_or_else(|_| T::default(), |text| parse(&text))
}

/// The number behind `name` at a line's beginning.
fn number(text: &str, name: &str) -> u64 {
    let line = text.lines().find_map(|l| l.strip_prefix(name));
    let word = line.and_then(|l| l.split_ascii_whitespace().next());
    word.and_then(|w| w.parse().ok()).unwrap_or(0)
}

/// cgroup-v2.rst; `None` where a controller is not there.
fn of_group(group: &Path) -> Option<Usage> {
    let file = |name| cgroup::read(group, name);
    let current: u64 = file("memory.current")?.trim().parse().ok()?;
    // as docker: what the kernel would give up first is not counted
    let inactive = number(&file("memory.stat")?, "inactive_file ");
    Some(Usage {
        cpu: number(&file("cpu.stat")?, "usage_usec "),
        memory: current.saturating_sub(inactive),
        disk: disks(&file("io.stat").unwrap_or_default()),
        processes: file("pids.current")?.trim().parse().ok()?,
        ..Usage::default()
    })
}

/// `8:0 rbytes=1 wbytes=2 ...` of each disk.
fn disks(text: &str) -> [u64; 2] {
    ["rbytes=", "wbytes="].map(|name| {
        let words = text.split_ascii_whitespace();
        let numbers = words.filter_map(|w| w.strip_prefix(name)?.parse::<u64>().ok());
        numbers.sum()
    })
}

fn of_processes(pids: &[i32]) -> Usage {
    let ticks = sysconf(SysconfVar::CLK_TCK).ok().flatten().unwrap_or(100);
    let ticks = u64::try_from(ticks).unwrap_or(100);
    let mut usage = Usage::default();
    for process in pids.iter().filter_map(|p| Process::read(*p)) {
        let of = |file: &str| format!("/proc/{}/{file}", process.pid);
        usage.cpu += (process.cpu_ticks + process.reaped_ticks) * 1_000_000 / ticks;
        usage.processes += process.threads;
        // shared pages count once for all who share them
        usage.memory += read(&of("smaps_rollup"), |text| {
            1024 * (number(text, "Pss_Anon:") + number(text, "Pss_Shmem:"))
        });
        let disk = read(&of("io"), |text| {
            ["read_bytes: ", "write_bytes: "].map(|name| number(text, name))
        });
        for (all, one) in usage.disk.iter_mut().zip(disk) {
            *all += one;
        }
    }
    usage
}

/// Of /proc/PID/net/dev (proc_pid_net(5)): received and sent by all but the loopback.
fn network(text: &str) -> [u64; 2] {
    let links = text.lines().skip(2).filter_map(|l| l.split_once(':'));
    let links = links.filter(|(name, _)| name.trim() != "lo");
    let mut all = [0, 0];
    for (_, numbers) in links {
        let numbers: Vec<u64> = numbers
            .split_ascii_whitespace()
            .filter_map(|n| n.parse().ok())
            .collect();
        all[0] += numbers.first().unwrap_or(&0);
        all[1] += numbers.get(8).unwrap_or(&0);
    }
    all
}

/// Bytes of memory that this host has; 0 where the kernel does not say.
pub(crate) fn memory_of_host() -> u64 {
    read("/proc/meminfo", |text| number(text, "MemTotal:") * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_the_kernel_are_read() {
        let dev = "Inter-| Receive | Transmit\n face |bytes packets\n    lo: 7 1 0 0 0 0 0 0 7 1 0 0 0 0 0 0\n  eth0: 486 5 0 0 0 0 0 0 42 1 0 0 0 0 0 0\n  eth1:1 1 0 0 0 0 0 0 2 1 0 0 0 0 0 0\n";
        assert_eq!(network(dev), [487, 44]);
        let io = "8:0 rbytes=10 wbytes=4 rios=1\n8:16 rbytes=5 wbytes=0 rios=1\n";
        assert_eq!(disks(io), [15, 4]);
        assert_eq!(number("a 1\nusage_usec 25\n", "usage_usec "), 25);
        assert_eq!(number("", "usage_usec "), 0);
        assert!(memory_of_host() > 1 << 20);
    }

    #[test]
    fn a_process_uses_something() {
        let usage = of_processes(&[std::process::id() as i32]);
        assert!(usage.memory > 0 && usage.processes > 0);
        assert_eq!(of_processes(&[]), Usage::default());
    }
}
