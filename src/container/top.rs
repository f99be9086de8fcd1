//! The processes of a running container, as the host sees them.
//!
//! They are found by their pid namespace, so that `exec` sessions are among them, whose parents are outside. A container
//! that shares the host's pid namespace has the descendants of its first process.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use crate::error::{Error, Kind, Result};
use crate::store::containers::Found;
use crate::sys::process;

/// Returns the pids of the container's processes, in rising order.
///
/// `Kind::State` with docker's text when it does not run.
pub(crate) fn pids(found: &Found) -> Result<Vec<i32>> {
    let first = found.state.pid;
    if !found.is_running || first == 0 {
        let text = format!("container {} is not running", found.record.id);
        return Err(Error::new(Kind::State, text));
    }
    if process::start_time(first) != Some(found.state.pid_start) {
        let text = format!("cannot see the processes of container {}", found.record.id);
        return Err(Error::new(Kind::State, text)
            .because("it has just ended, or lives on another host or in another pid namespace"));
    }
    let all = all_pids();
    if found.record.host.pid_mode.is_empty()
        && let Some(home) = namespace(first)
    {
        return Ok(all
            .into_iter()
            .filter(|p| namespace(*p).as_ref() == Some(&home))
            .collect());
    }
    let parents = all
        .iter()
        .filter_map(|p| Some((*p, Process::read(*p)?.parent)))
        .collect();
    Ok(descendants(first, &parents))
}

fn all_pids() -> Vec<i32> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let mut pids: Vec<i32> = entries
        .filter_map(|e| e.file_name().to_str()?.parse().ok())
        .collect();
    pids.sort_unstable();
    pids
}

fn namespace(pid: i32) -> Option<PathBuf> {
    std::fs::read_link(format!("/proc/{pid}/ns/pid")).ok()
}

fn descendants(first: i32, parents: &BTreeMap<i32, i32>) -> Vec<i32> {
    let mut family = BTreeSet::from([first]);
    loop {
        let more: Vec<i32> = parents
            .iter()
            .filter(|(pid, parent)| family.contains(parent) && !family.contains(pid))
            .map(|(pid, _)| *pid)
            .collect();
        if more.is_empty() {
            return family.into_iter().collect();
        }
        family.extend(more);
    }
}

/// What proc_pid_stat(5) says of one process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Process {
    /// Process id on the host.
    pub(crate) pid: i32,
    /// That of its parent.
    pub(crate) parent: i32,
    /// User id on the host.
    pub(crate) uid: u32,
    /// Device number of its terminal; 0 for none.
    pub(crate) terminal: u64,
    /// Clock ticks of CPU that it took.
    pub(crate) cpu_ticks: u64,
    /// Those of its children that it has waited for.
    pub(crate) reaped_ticks: u64,
    /// Its threads.
    pub(crate) threads: u64,
    /// Clock ticks after boot at which it started.
    pub(crate) start_ticks: u64,
    /// Its command line, or its name in brackets.
    pub(crate) command: String,
}

impl Process {
    /// Returns `None` when the process is gone.
    pub(crate) fn read(pid: i32) -> Option<Process> {
        use std::os::unix::fs::MetadataExt;
        let folder = format!("/proc/{pid}");
        let stat = std::fs::read_to_string(format!("{folder}/stat")).ok()?;
        let uid = std::fs::metadata(&folder).ok()?.uid();
        let words = std::fs::read(format!("{folder}/cmdline")).unwrap_or_default();
        Process::parse(pid, uid, &stat, &words)
    }

    fn parse(pid: i32, uid: u32, stat: &str, words: &[u8]) -> Option<Process> {
        // the name may hold anything, also brackets
        let (before, after) = stat.rsplit_once(')')?;
        let name = before.split_once('(')?.1;
        let fields: Vec<&str> = after.split_ascii_whitespace().collect();
        let number = |place: usize| fields.get(place - 3)?.parse::<u64>().ok();
        let line = String::from_utf8_lossy(words)
            .trim_end_matches('\0')
            .replace('\0', " ");
        Some(Process {
            pid,
            parent: fields.get(1)?.parse().ok()?,
            uid,
            terminal: number(7)?,
            cpu_ticks: number(14)? + number(15)?,
            reaped_ticks: number(16)? + number(17)?,
            threads: number(20)?,
            start_ticks: number(22)?,
            command: if line.is_empty() {
                format!("[{name}]")
            } else {
                line
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_brackets_does_not_confuse() {
        let stat = "7 (a) b (c) S 3 7 7 34816 7 4194304 1 0 0 0 250 50 0 0 20 0 1 0 1234 1 1";
        let process = Process::parse(7, 1000, stat, b"sh\0-c\0x y\0").unwrap();
        assert_eq!((process.parent, process.terminal), (3, 34816));
        assert_eq!((process.cpu_ticks, process.start_ticks), (300, 1234));
        assert_eq!(process.command, "sh -c x y");
        assert_eq!(
            Process::parse(7, 1000, stat, b"").unwrap().command,
            "[a) b (c]"
        );
        assert_eq!(Process::parse(7, 1000, "7 (x", b""), None);
    }

    #[test]
    fn descendants_are_children_of_children() {
        let parents = BTreeMap::from([(10, 1), (11, 10), (5, 11), (12, 1)]);
        assert_eq!(descendants(10, &parents), [5, 10, 11]);
    }

    #[test]
    fn we_find_ourselves() {
        let me = std::process::id() as i32;
        assert!(all_pids().contains(&me));
        assert_eq!(Process::read(me).unwrap().pid, me);
    }
}
