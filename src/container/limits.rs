//! `--memory`, `--cpus`, `--cpuset-cpus`, `--pids-limit`: what can be held here, and the sentence for what cannot.

use crate::error::{Error, Kind, Result};
use crate::store::containers::HostConfig;

/// Returns the CPUs that `--cpuset-cpus` or, where no cgroup can hold a quota, `--cpus` leaves; empty for all.
pub(crate) fn cpus(host: &HostConfig) -> Result<Vec<u16>> {
    if host.cpuset_cpus.is_empty() && host.nano_cpus <= 0 {
        return Ok(Vec::new());
    }
    let mine = allowed();
    let mut chosen = match host.cpuset_cpus.as_str() {
        "" => mine.clone(),
        list => {
            let wanted = parse(list).ok_or_else(|| {
                Error::new(
                    Kind::Invalid,
                    format!("Invalid value {list} for cpuset cpus"),
                )
                .because(format!("invalid format: {list}"))
            })?;
            if let Some(_missing) = wanted.iter().find(|c| !mine.contains(c)) {
                let text = format!(
                    "Requested CPUs are not available - requested {list}, available: {}",
                    shown(&mine)
                );
                return Err(Error::new(Kind::Invalid, text));
            }
            wanted
        }
    };
    if host.nano_cpus > 0 {
        let most = (host.nano_cpus as u64).div_ceil(1_000_000_000) as usize;
        chosen.truncate(most.max(1));
    }
    Ok(if chosen == mine { Vec::new() } else { chosen })
}

/// The CPUs of this process.
fn allowed() -> Vec<u16> {
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
    let mut out = std::collections::BTreeSet::new();
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
    fn a_quota_becomes_a_number_of_cpus() {
        let mine = allowed();
        let with = |nano, set: &str| {
            let host = HostConfig {
                nano_cpus: nano,
                cpuset_cpus: set.to_owned(),
                ..HostConfig::default()
            };
            cpus(&host).map_err(|e| e.to_string())
        };
        assert_eq!(with(0, ""), Ok(vec![]));
        assert_eq!(with(1_000_000_000 * 1000, ""), Ok(vec![]));
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
    }
}
