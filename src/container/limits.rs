//! `--memory`, `--cpus` (or a quota and its period), `--cpuset-cpus`, `--cpu-shares`, `--pids-limit`: how they are held
//! here, and the sentence for what is not.
//!
//! With a delegated part of the cgroup tree (version 2) they are what docker makes of them. Without: `--cpuset-cpus` and
//! `--cpus` become an affinity (a half processor is a whole one), `--pids-limit` becomes RLIMIT_NPROC, which since Linux
//! 5.14 counts the processes of the container's own user namespace; memory and shares are told and discarded. Nothing
//! that docker takes is an error for want of a cgroup.

use std::collections::BTreeSet;

use crate::error::{Error, Kind, Result};
use crate::store::containers::{HostConfig, Record};
use crate::sys::cgroup::{self, Subtree};

use super::plan::Group;

/// What a container's limits become on this host.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Limits {
    /// A cgroup to make; `None` when there is nothing to hold or nothing to hold it with.
    pub group: Option<Group>,
    /// CPUs that the container may use; empty for all.
    pub cpus: Vec<u16>,
    /// Most processes (RLIMIT_NPROC); `None` leaves the caller's.
    pub processes: Option<u64>,
    /// One sentence for each limit that is not held, in docker's words.
    pub warnings: Vec<String>,
}

/// Kernels before this count all of the user's processes against RLIMIT_NPROC of a container.
const PROCESSES_PER_NAMESPACE: (u32, u32) = (5, 14);

/// Returns how the limits are held. `id`: the container's, for the name of its group. `tree`: see [`Subtree::find`], only
/// asked for when there is something to hold. `kernel`: its version.
pub(crate) fn limits(
    host: &HostConfig,
    id: &str,
    tree: Option<&Subtree>,
    kernel: (u32, u32),
) -> Result<Limits> {
    check(host)?;
    let mut limits = Limits {
        cpus: cpus(host)?,
        ..Limits::default()
    };
    let mut settings = Vec::new();
    let mut controllers: Vec<&str> = Vec::new();
    for wish in wishes(host) {
        if tree.is_some_and(|t| t.has(&[wish.controller])) {
            controllers.push(wish.controller);
            settings.extend(wish.settings);
        } else if wish.controller == "pids" && kernel >= PROCESSES_PER_NAMESPACE {
            limits.processes = u64::try_from(host.pids_limit).ok();
        } else {
            limits.warnings.extend(wish.warning);
        }
    }
    if let (Some(tree), false) = (tree, settings.is_empty()) {
        controllers.dedup();
        limits.group = Some(Group {
            top: tree.path.clone(),
            path: tree.path.join(FOLDER).join(id),
            controllers: controllers.into_iter().map(str::to_owned).collect(),
            settings,
        });
    }
    Ok(limits)
}

/// Returns a sentence for each limit that this host does not hold, in docker's words.
pub(crate) fn warnings(host: &HostConfig) -> Vec<String> {
    if !wants_group(host) {
        return Vec::new();
    }
    limits(host, "", Subtree::find().as_ref(), kernel())
        .map(|l| l.warnings)
        .unwrap_or_default()
}

/// The running kernel's major and minor version.
pub(crate) fn kernel() -> (u32, u32) {
    let release = nix::sys::utsname::uname().map(|u| u.release().to_string_lossy().into_owned());
    release
        .ok()
        .and_then(|r| super::seccomp::version(&r))
        .unwrap_or((0, 0))
}

/// Returns how the limits are held on this host.
pub(crate) fn here(record: &Record, kernel: (u32, u32)) -> Result<Limits> {
    let tree = if wants_group(&record.host) {
        Subtree::find()
    } else {
        None
    };
    limits(&record.host, &record.id, tree.as_ref(), kernel)
}

/// Returns the cgroup of a running container's first process, when it is one that was made for it.
pub(crate) fn group_of(pid: i32, id: &str) -> Option<std::path::PathBuf> {
    let text = fs_err::read_to_string(format!("/proc/{pid}/cgroup")).ok()?;
    let path = text.lines().find_map(|l| l.strip_prefix("0::"))?;
    let is_own = path.ends_with(&format!("/{FOLDER}/{id}"));
    is_own.then(|| cgroup::folder(path)).flatten()
}

/// Folder of all containers' groups below the delegated one.
const FOLDER: &str = "coracle";

/// Returns whether the container has a limit for which a cgroup would be better than none.
pub(crate) fn wants_group(host: &HostConfig) -> bool {
    wishes(host).next().is_some()
}

/// One limit as a cgroup would hold it.
struct Wish {
    controller: &'static str,
    settings: Vec<(String, String)>,
    /// Said when nothing holds it; `None` where something else does.
    warning: Option<String>,
}

fn wishes(host: &HostConfig) -> impl Iterator<Item = Wish> {
    let discarded = |what: &str, effect: &str| {
        Some(format!(
            "Your kernel does not support {what} or the cgroup is not mounted. {effect} discarded."
        ))
    };
    let one = |is_asked: bool, controller, settings: Vec<(&str, String)>, warning| {
        let settings = settings
            .into_iter()
            .map(|(file, value)| (file.to_owned(), value))
            .collect();
        is_asked.then_some(Wish {
            controller,
            settings,
            warning,
        })
    };
    let swap = match host.memory_swap {
        -1 => "max".to_owned(),
        // Docker: as much swap as memory.
        0 => host.memory.to_string(),
        all => (all - host.memory).max(0).to_string(),
    };
    [
        one(
            host.memory > 0,
            "memory",
            vec![("memory.max", host.memory.to_string()), ("memory.swap.max", swap)],
            discarded("memory limit capabilities", "Limitation"),
        ),
        one(
            host.memory_reservation > 0,
            "memory",
            vec![("memory.low", host.memory_reservation.to_string())],
            discarded("memory soft limit capabilities", "Limitation"),
        ),
        one(
            host.pids_limit > 0,
            "pids",
            vec![("pids.max", host.pids_limit.to_string())],
            discarded("pids limit capabilities", "PIDs limit"),
        ),
        // Held by affinity where whole processors are asked for.
        one(
            nano_cpus(host) > 0,
            "cpu",
            vec![("cpu.max", cpu_max(host))],
            (nano_cpus(host) % NANO != 0).then(|| {
                format!(
                    "Your kernel does not support CPU CFS quotas or the cgroup is not mounted. Limited to {} whole CPUs.",
                    whole_cpus(host)
                )
            }),
        ),
        one(
            host.cpu_shares > 0,
            "cpu",
            vec![("cpu.weight", weight(host.cpu_shares).to_string())],
            discarded("CPU shares", "Shares"),
        ),
    ]
    .into_iter()
    .flatten()
}

/// 1e9: a whole processor.
const NANO: i64 = 1_000_000_000;
/// The period that the kernel takes when none is given, in microseconds.
const PERIOD: i64 = 100_000;

/// Returns the processors that the container may use at most, in units of 1e-9; 0 for no limit.
fn nano_cpus(host: &HostConfig) -> i64 {
    if host.nano_cpus > 0 || host.cpu_quota <= 0 {
        return host.nano_cpus;
    }
    let nano = i128::from(host.cpu_quota) * i128::from(NANO) / i128::from(period(host));
    nano.try_into().unwrap_or(i64::MAX)
}

fn period(host: &HostConfig) -> i64 {
    Some(host.cpu_period).filter(|p| *p > 0).unwrap_or(PERIOD)
}

/// The same as `cpu.max` has it: microseconds in each period.
fn cpu_max(host: &HostConfig) -> String {
    match host.nano_cpus > 0 {
        true => format!("{} {PERIOD}", host.nano_cpus / (NANO / PERIOD)),
        false => format!("{} {}", host.cpu_quota, period(host)),
    }
}

/// Shares (2 to 262144) as a weight (1 to 10000), the conversion of the OCI runtimes.
fn weight(shares: i64) -> i64 {
    1 + (shares.clamp(2, 262_144) - 2) * 9999 / 262_142
}

fn whole_cpus(host: &HostConfig) -> usize {
    (nano_cpus(host).max(0) as u64).div_ceil(NANO as u64).max(1) as usize
}

/// What docker's daemon refuses (moby, verifyPlatformContainerResources).
pub(crate) fn check(host: &HostConfig) -> Result<()> {
    cpus(host)?;
    let refuse = |text: String| Err(Error::new(Kind::Invalid, text));
    let most = allowed().len() as i64;
    match host {
        h if h.memory != 0 && h.memory < 6 << 20 => {
            refuse("Minimum memory limit allowed is 6MB".to_owned())
        }
        h if h.memory > 0 && h.memory_swap > 0 && h.memory_swap < h.memory => refuse(
            "Minimum memoryswap limit should be larger than memory limit, see usage".to_owned(),
        ),
        h if h.memory == 0 && h.memory_swap > 0 => refuse(
            "You should always set the Memory limit when using Memoryswap limit, see usage"
                .to_owned(),
        ),
        h if (1..6 << 20).contains(&h.memory_reservation) => {
            refuse("Minimum memory reservation allowed is 6MB".to_owned())
        }
        h if h.memory > 0 && h.memory_reservation > h.memory => refuse(
            "Minimum memory limit can not be less than memory reservation limit, see usage"
                .to_owned(),
        ),
        h if h.nano_cpus > 0 && h.cpu_period > 0 => {
            refuse("Conflicting options: Nano CPUs and CPU Period cannot both be set".to_owned())
        }
        h if h.nano_cpus > 0 && h.cpu_quota > 0 => {
            refuse("Conflicting options: Nano CPUs and CPU Quota cannot both be set".to_owned())
        }
        h if h.nano_cpus < 0 || h.nano_cpus > most * NANO => refuse(format!(
            "Range of CPUs is from 0.01 to {most}.00, as there are only {most} CPUs available"
        )),
        h if h.cpu_period != 0 && !(1_000..=1_000_000).contains(&h.cpu_period) => refuse(
            "CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)"
                .to_owned(),
        ),
        h if (1..1_000).contains(&h.cpu_quota) => {
            refuse("CPU cfs quota can not be less than 1ms (i.e. 1000)".to_owned())
        }
        _ => Ok(()),
    }
}

/// Returns the CPUs that `--cpuset-cpus` names and `--cpus` leaves; empty for all.
fn cpus(host: &HostConfig) -> Result<Vec<u16>> {
    if host.cpuset_cpus.is_empty() && nano_cpus(host) <= 0 {
        return Ok(Vec::new());
    }
    let mine = allowed();
    let mut chosen = match host.cpuset_cpus.as_str() {
        "" => mine.clone(),
        list => wanted(list, &mine)?,
    };
    if nano_cpus(host) > 0 {
        chosen.truncate(whole_cpus(host));
    }
    Ok(if chosen == mine { Vec::new() } else { chosen })
}

fn wanted(list: &str, mine: &[u16]) -> Result<Vec<u16>> {
    let chosen = parse(list).ok_or_else(|| {
        Error::new(
            Kind::Invalid,
            format!("Invalid value {list} for cpuset cpus"),
        )
        .because(format!("invalid format: {list}"))
    })?;
    if chosen.iter().all(|c| mine.contains(c)) {
        return Ok(chosen);
    }
    let text = format!(
        "Requested CPUs are not available - requested {list}, available: {}",
        shown(mine)
    );
    Err(Error::new(Kind::Invalid, text))
}

/// The CPUs of this process.
pub(crate) fn allowed() -> Vec<u16> {
    let Ok(set) = nix::sched::sched_getaffinity(nix::unistd::Pid::from_raw(0)) else {
        return vec![0];
    };
    (0..nix::sched::CpuSet::count())
        .filter(|c| set.is_set(*c).unwrap_or(false))
        .filter_map(|c| u16::try_from(c).ok())
        .collect()
}

/// `0-2,5` as numbers, sorted; `None` when it is no such list.
fn parse(list: &str) -> Option<Vec<u16>> {
    let mut out = BTreeSet::new();
    for part in list.split(',') {
        let (from, to) = part.split_once('-').unwrap_or((part, part));
        let (from, to): (u16, u16) = (from.trim().parse().ok()?, to.trim().parse().ok()?);
        if from > to || to >= 8192 {
            return None;
        }
        out.extend(from..=to);
    }
    Some(out.into_iter().collect())
}

/// Numbers as `0-2,5`.
fn shown(cpus: &[u16]) -> String {
    let mut parts: Vec<(u16, u16)> = Vec::new();
    for &c in cpus {
        match parts.last_mut() {
            Some((_, end)) if *end + 1 == c => *end = c,
            _ => parts.push((c, c)),
        }
    }
    let text = |(a, b): &(u16, u16)| {
        if a == b {
            a.to_string()
        } else {
            format!("{a}-{b}")
        }
    };
    parts.iter().map(text).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_cpus_are_read_and_shown() {
        for (text, want) in [
            ("0", Some("0")),
            ("0-2,5", Some("0-2,5")),
            ("5,0-2,1", Some("0-2,5")),
            ("2-0", None),
            ("x", None),
            ("", None),
            ("0,", None),
        ] {
            assert_eq!(parse(text).map(|c| shown(&c)).as_deref(), want, "{text}");
        }
    }

    #[test]
    fn processors_that_are_not_there_are_refused_in_dockers_words() {
        let mine = allowed();
        let with = |nano, set: &str| {
            let host = HostConfig {
                nano_cpus: nano,
                cpuset_cpus: set.to_owned(),
                ..HostConfig::default()
            };
            limits(&host, "x", None, (6, 1))
                .map(|l| l.cpus)
                .map_err(|e| e.to_string())
        };
        assert_eq!(with(0, ""), Ok(vec![]));
        if mine.len() > 1 {
            assert_eq!(with(500_000_000, ""), Ok(vec![mine[0]]));
        }
        let want = format!(
            "Requested CPUs are not available - requested 8000, available: {}",
            shown(&mine)
        );
        assert_eq!(with(0, "8000"), Err(want));
        assert_eq!(
            with(0, "x"),
            Err("Invalid value x for cpuset cpus: invalid format: x".to_owned())
        );
        let n = mine.len();
        let want =
            format!("Range of CPUs is from 0.01 to {n}.00, as there are only {n} CPUs available");
        assert_eq!(with(99_000_000_000_000, ""), Err(want));
    }

    fn all() -> HostConfig {
        HostConfig {
            memory: 64 << 20,
            pids_limit: 50,
            nano_cpus: 500_000_000,
            cpu_shares: 1024,
            ..HostConfig::default()
        }
    }

    #[test]
    fn a_delegated_tree_holds_all_and_nothing_is_warned_of() {
        let tree = Subtree {
            path: "/cg/user".into(),
            controllers: ["cpu", "memory", "pids"].map(str::to_owned).to_vec(),
        };
        let got = limits(&all(), "abc", Some(&tree), (6, 1)).unwrap();
        let group = got.group.unwrap();
        assert_eq!(
            (group.path.to_str(), group.controllers.join(" ").as_str()),
            (Some("/cg/user/coracle/abc"), "memory pids cpu")
        );
        let settings: Vec<String> = group
            .settings
            .iter()
            .map(|(k, v)| format!("{k}={v}"))
            .collect();
        let want = "memory.max=67108864 memory.swap.max=67108864 pids.max=50 cpu.max=50000 100000 cpu.weight=39";
        assert_eq!(settings.join(" "), want);
        assert_eq!((got.processes, got.warnings), (None, vec![]));
    }

    #[test]
    fn without_a_tree_there_are_fallbacks_and_dockers_sentences() {
        let got = limits(&all(), "abc", None, (6, 1)).unwrap();
        assert_eq!((got.group, got.processes), (None, Some(50)));
        assert_eq!(
            got.warnings,
            [
                "Your kernel does not support memory limit capabilities or the cgroup is not mounted. Limitation discarded.",
                "Your kernel does not support CPU CFS quotas or the cgroup is not mounted. Limited to 1 whole CPUs.",
                "Your kernel does not support CPU shares or the cgroup is not mounted. Shares discarded.",
            ]
        );
        let old = limits(&all(), "abc", None, (5, 4)).unwrap();
        assert_eq!(old.processes, None);
        assert!(old.warnings.contains(
            &"Your kernel does not support pids limit capabilities or the cgroup is not mounted. PIDs limit discarded.".to_owned()
        ));
        assert!(!wants_group(&HostConfig::default()) && wants_group(&all()));
    }

    #[test]
    fn a_quota_and_its_period_are_as_good_as_cpus() {
        let with = |cpu_quota, cpu_period| {
            let host = HostConfig {
                cpu_quota,
                cpu_period,
                ..HostConfig::default()
            };
            (nano_cpus(&host), cpu_max(&host), whole_cpus(&host))
        };
        assert_eq!(with(50_000, 0), (500_000_000, "50000 100000".to_owned(), 1));
        assert_eq!(with(30_000, 20_000).0, 1_500_000_000);
        assert_eq!(with(30_000, 20_000).2, 2);
        assert_eq!(with(-1, 20_000).0, 0);
        assert_eq!(with(i64::MAX, 1_000).0, i64::MAX);
        let refused = |host: HostConfig| check(&host).unwrap_err().to_string();
        let of = HostConfig::default;
        #[rustfmt::skip]
        let cases = [
            (HostConfig { nano_cpus: 10, cpu_period: 10_000, ..of() },
                "Conflicting options: Nano CPUs and CPU Period cannot both be set"),
            (HostConfig { nano_cpus: 10, cpu_quota: 10_000, ..of() },
                "Conflicting options: Nano CPUs and CPU Quota cannot both be set"),
            (HostConfig { cpu_period: 500, ..of() },
                "CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)"),
            (HostConfig { cpu_quota: 500, ..of() }, "CPU cfs quota can not be less than 1ms (i.e. 1000)"),
            (HostConfig { memory_reservation: 1 << 20, ..of() }, "Minimum memory reservation allowed is 6MB"),
            (HostConfig { memory: 20 << 20, memory_reservation: 30 << 20, ..of() },
                "Minimum memory limit can not be less than memory reservation limit, see usage"),
        ];
        for (host, want) in cases {
            assert_eq!(refused(host), want);
        }
    }

    #[test]
    fn what_docker_refuses_is_refused() {
        for (memory, swap, want) in [
            (10, 0, "Minimum memory limit allowed is 6MB"),
            (
                20 << 20,
                10 << 20,
                "Minimum memoryswap limit should be larger than memory limit, see usage",
            ),
            (
                0,
                10 << 20,
                "You should always set the Memory limit when using Memoryswap limit, see usage",
            ),
        ] {
            let host = HostConfig {
                memory,
                memory_swap: swap,
                ..HostConfig::default()
            };
            assert_eq!(
                limits(&host, "x", None, (6, 1)).unwrap_err().to_string(),
                want
            );
        }
    }
}
