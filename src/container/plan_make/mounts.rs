//! The user's mounts in the order of mounting.

use std::path::PathBuf;

use super::Facts;
use crate::container::plan::{Mount, Source, Submounts};
use crate::error::{Error, Kind, Result};
use crate::grammar::go::clean;
use crate::store::containers::{MountPoint, Record};

/// Returns `-v`, `--mount` and `--tmpfs`, parents before children, over those that the root consists of.
pub(super) fn all(record: &Record, facts: &Facts) -> Result<Vec<Mount>> {
    let mut mounts = facts.root_mounts.clone();
    mounts
        .iter_mut()
        .for_each(|m| m.read_only |= record.host.readonly_rootfs);
    for point in &record.mounts {
        // `--tmpfs` at the path of a VOLUME of the image wins.
        if !record.host.tmpfs.contains_key(&point.destination) {
            mounts.push(mount(point)?);
        }
    }
    for (destination, options) in &record.host.tmpfs {
        mounts.push(tmpfs(destination, options, false)?);
    }
    for mount in &mut mounts {
        inherit_mode(mount, facts);
    }
    mounts.sort_by_key(|m| m.destination.matches('/').count());
    Ok(mounts)
}

/// A tmpfs over a folder of the image has that one's permissions, unless the options name others (runc).
fn inherit_mode(mount: &mut Mount, facts: &Facts) {
    if let Source::Tmpfs { data, .. } = &mut mount.source
        && let Some(mode) = facts.tmpfs_modes.get(&mount.destination)
        && !data.split(',').any(|word| word.starts_with("mode="))
    {
        let comma = if data.is_empty() { "" } else { "," };
        data.push_str(&format!("{comma}mode={mode:o}"));
    }
}

/// Returns the destinations of all tmpfs.
pub(super) fn tmpfs_paths(record: &Record) -> impl Iterator<Item = String> {
    let mounts = record
        .mounts
        .iter()
        .filter(|m| m.kind == "tmpfs")
        .map(|m| &m.destination);
    mounts
        .chain(record.host.tmpfs.keys())
        .map(|path| clean(path))
}

fn mount(point: &MountPoint) -> Result<Mount> {
    match point.kind.as_str() {
        "tmpfs" => tmpfs(&point.destination, &point.tmpfs_options, !point.rw),
        // a volume that is one: each container has its own
        "volume" if !point.tmpfs_options.is_empty() => {
            tmpfs(&point.destination, &point.tmpfs_options, !point.rw)
        }
        "bind" | "volume" => Ok(bind(point)),
        kind => Err(Error::new(
            Kind::Usage,
            format!("cannot mount at `{}`", point.destination),
        )
        .because(format!("mounts of type {kind} are not known here"))),
    }
}

fn bind(point: &MountPoint) -> Mount {
    let words = || point.mode.split(',');
    Mount {
        destination: clean(&point.destination),
        source: Source::Bind {
            path: PathBuf::from(&point.source),
            below: point.subpath.clone(),
            // docker fills whole volumes only
            copy_up: point.copy && point.subpath.is_empty(),
        },
        read_only: !point.rw,
        flags: words()
            .filter_map(flag)
            .filter(|(_, on)| *on)
            .fold(0, |set, (bit, _)| set | bit),
        submounts: match point.recursive.as_str() {
            "disabled" => Submounts::Absent,
            "writable" => Submounts::Untouched,
            _ => Submounts::Same,
        },
        propagation: propagation(&point.propagation),
    }
}

/// Flags of mount(2) for docker's word; private needs none.
fn propagation(word: &str) -> u64 {
    match word {
        "private" => libc::MS_PRIVATE,
        "slave" => libc::MS_SLAVE,
        "rslave" => libc::MS_SLAVE | libc::MS_REC,
        "shared" => libc::MS_SHARED,
        "rshared" => libc::MS_SHARED | libc::MS_REC,
        _ => 0,
    }
}

/// A mount flag by its word, and whether the word sets or clears it.
fn flag(word: &str) -> Option<(u64, bool)> {
    Some(match word {
        "noexec" => (libc::MS_NOEXEC, true),
        "exec" => (libc::MS_NOEXEC, false),
        "nosuid" => (libc::MS_NOSUID, true),
        "suid" => (libc::MS_NOSUID, false),
        "nodev" => (libc::MS_NODEV, true),
        "dev" => (libc::MS_NODEV, false),
        "sync" => (libc::MS_SYNCHRONOUS, true),
        "async" => (libc::MS_SYNCHRONOUS, false),
        "dirsync" => (libc::MS_DIRSYNC, true),
        "noatime" => (libc::MS_NOATIME, true),
        "atime" => (libc::MS_NOATIME, false),
        "nodiratime" => (libc::MS_NODIRATIME, true),
        "diratime" => (libc::MS_NODIRATIME, false),
        "relatime" => (libc::MS_RELATIME, true),
        "norelatime" => (libc::MS_RELATIME, false),
        "strictatime" => (libc::MS_STRICTATIME, true),
        "nostrictatime" => (libc::MS_STRICTATIME, false),
        _ => return None,
    })
}

/// Docker's tmpfs: noexec, nosuid and nodev unless the options say otherwise; a later word wins.
fn tmpfs(destination: &str, options: &str, read_only: bool) -> Result<Mount> {
    let mut mount = Mount {
        destination: clean(destination),
        source: Source::Tmpfs {
            data: String::new(),
            copy_up: false,
        },
        read_only,
        flags: libc::MS_NOEXEC | libc::MS_NOSUID | libc::MS_NODEV,
        submounts: Submounts::Absent,
        propagation: 0,
    };
    let mut data: Vec<&str> = Vec::new();
    let mut copy_up = false;
    for word in options.split(',').filter(|w| !w.is_empty()) {
        let key = word.split_once('=').map_or(word, |(key, _)| key);
        match key {
            "rw" => mount.read_only = read_only,
            "ro" => mount.read_only = true,
            "defaults" | "bind" | "rbind" | "private" | "rprivate" | "notmpcopyup" => {}
            "slave" | "rslave" | "shared" | "rshared" => mount.propagation = propagation(key),
            "tmpcopyup" => copy_up = true,
            // whose it is (`uid`, `gid`) is written down where ids are emulated; natively all is the one id's
            "size" | "mode" | "nr_inodes" | "nr_blocks" | "mpol" | "huge" | "uid" | "gid"
                if word != key =>
            {
                data.retain(|d| !d.starts_with(&format!("{key}=")));
                data.push(word);
            }
            key => match flag(key) {
                Some((bit, true)) => mount.flags |= bit,
                Some((bit, false)) => mount.flags &= !bit,
                None => {
                    return Err(Error::new(
                        Kind::Invalid,
                        format!("invalid tmpfs option {key:?}"),
                    ));
                }
            },
        }
    }
    mount.source = Source::Tmpfs {
        data: data.join(","),
        copy_up,
    };
    Ok(mount)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(m: &Mount) -> String {
        let words: Vec<&str> = ["ro", "nosuid", "nodev", "noexec"]
            .into_iter()
            .filter(|w| match *w {
                "ro" => m.read_only,
                w => m.flags & flag(w).unwrap().0 != 0,
            })
            .collect();
        let Source::Tmpfs { data, .. } = &m.source else {
            panic!("no tmpfs")
        };
        format!("{} {data}", words.join(","))
    }

    /// What docker 26 mounted (/proc/self/mountinfo).
    #[test]
    fn tmpfs_options_become_flags_and_data_as_docker_does() {
        for (options, want) in [
            ("", "nosuid,nodev,noexec "),
            ("exec,size=1m,mode=700", "nosuid,nodev size=1m,mode=700"),
            ("rw,suid,ro", "ro,nodev,noexec "),
            ("size=1m,size=2m", "nosuid,nodev,noexec size=2m"),
            (
                "uid=1000,gid=1000,exec,noexec",
                "nosuid,nodev,noexec uid=1000,gid=1000",
            ),
        ] {
            assert_eq!(
                shown(&tmpfs("/x", options, false).unwrap()),
                want,
                "{options}"
            );
        }
        assert_eq!(
            shown(&tmpfs("/x", "size=1m,mode=700", true).unwrap()),
            "ro,nosuid,nodev,noexec size=1m,mode=700"
        );
        let e = tmpfs("/x", "bar=1,size=1m", false).unwrap_err();
        assert_eq!(e.to_string(), "invalid tmpfs option \"bar\"");
    }

    #[test]
    fn bind_options_are_read() {
        let point = MountPoint {
            kind: "volume".to_owned(),
            source: "/v/data".to_owned(),
            destination: "/d/".to_owned(),
            mode: "ro,noexec,z".to_owned(),
            propagation: "rslave".to_owned(),
            subpath: "a/b".to_owned(),
            recursive: "disabled".to_owned(),
            copy: true,
            ..MountPoint::default()
        };
        let m = mount(&point).unwrap();
        assert_eq!(
            (m.destination.as_str(), m.read_only, m.submounts),
            ("/d", true, Submounts::Absent)
        );
        assert_eq!(
            (m.flags, m.propagation),
            (libc::MS_NOEXEC, libc::MS_SLAVE | libc::MS_REC)
        );
        let Source::Bind {
            path,
            below,
            copy_up,
        } = m.source
        else {
            panic!("no bind")
        };
        assert_eq!(
            (path, below.as_str(), copy_up),
            (PathBuf::from("/v/data"), "a/b", false)
        );
        assert!(
            mount(&MountPoint {
                kind: "npipe".to_owned(),
                ..MountPoint::default()
            })
            .is_err()
        );
    }
}
