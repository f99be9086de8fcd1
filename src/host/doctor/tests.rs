use std::path::PathBuf;

use super::*;
use crate::error::{Error, Kind};
use crate::host::userns::Switches;
use crate::store::paths::Paths;

/// A host on which nothing is wrong.
fn good() -> Facts {
    let fine = Probe {
        userns: Ok(()),
        nested_userns: Ok(()),
        mount: Ok(()),
        netns: Ok(()),
        gateway: Ok(()),
        unruled_gateway: Ok(()),
        proc: Ok(()),
        overlay: Ok(()),
        attributes: Ok(()),
        layer_attributes: Ok(()),
        flock: Ok(()),
        whiteout: Ok(()),
        reflink: Ok(()),
        memfd_exec: Ok(()),
    };
    let fs = FileSystem::sample(0xEF53, 50 << 30);
    Facts {
        kernel: "6.18.1".to_owned(),
        distribution: "Debian".to_owned(),
        machine: "x86_64".to_owned(),
        paths: Paths {
            data: PathBuf::from("/home/u/store"),
            runtime: PathBuf::from("/run/user/7/coracle"),
        },
        probe: Ok(fine),
        rung: Ok(Rung {
            driver: Driver::Overlay,
            writable: None,
        }),
        store: Ok(fs),
        quota_bytes: None,
        runtime: Ok(FileSystem::sample(0x0102_1994, 1 << 30)),
        fuse: Err("the program fuse-overlayfs is not installed".to_owned()),
        network_rung: None,
        network_programs: Vec::new(),
        cgroup: Cgroup {
            version: 2,
            path: "/user.slice".to_owned(),
            delegated: None,
            controllers: vec!["cpu".to_owned(), "memory".to_owned()],
        },
        has_seccomp_notify: true,
        ping_groups: Some((0, 2_147_483_647)),
        first_port: Some(0),
        ptrace_scope: None,
        switches: Switches {
            is_built_in: true,
            max_user_namespaces: Some(15_000),
            ..Switches::default()
        },
    }
}

fn probe(change: impl FnOnce(&mut Probe)) -> Facts {
    let mut facts = good();
    change(facts.probe.as_mut().unwrap());
    facts
}

fn check(facts: &Facts, name: &str) -> Check {
    examine(facts)
        .into_iter()
        .find(|check| check.name == name)
        .unwrap_or_else(|| panic!("no check {name}"))
}

#[test]
fn a_good_host_is_ok_throughout() {
    let checks = examine(&good());
    assert_eq!(verdict(&checks), State::Ok, "{checks:#?}");
    assert!(checks.iter().all(|check| check.fix.is_none()));
}

#[test]
fn what_is_not_ok_says_what_is_done_or_what_to_do() {
    let denied = || Err("refused (EPERM)".to_owned());
    let cases: Vec<(&str, State, Facts)> = vec![
        (
            "user namespace",
            State::Missing,
            probe(|p| p.userns = denied()),
        ),
        (
            "nested namespace",
            State::Missing,
            probe(|p| p.nested_userns = denied()),
        ),
        ("mounts", State::Missing, probe(|p| p.mount = denied())),
        ("processes", State::Missing, probe(|p| p.proc = denied())),
        (
            "network namespace",
            State::Degraded,
            probe(|p| p.netns = denied()),
        ),
        ("layers", State::Degraded, probe(|p| p.whiteout = denied())),
        (
            "program in memory",
            State::Missing,
            probe(|p| p.memfd_exec = denied()),
        ),
        (
            "storage driver",
            State::Missing,
            Facts {
                rung: Err(Error::new(Kind::Host, "no")),
                ..probe(|p| p.overlay = denied())
            },
        ),
        (
            "storage driver",
            State::Degraded,
            Facts {
                rung: Ok(Rung {
                    driver: Driver::Copy,
                    writable: None,
                }),
                ..probe(|p| p.overlay = denied())
            },
        ),
        (
            "shared blocks",
            State::Degraded,
            Facts {
                rung: Ok(Rung {
                    driver: Driver::Copy,
                    writable: None,
                }),
                ..probe(|p| p.reflink = denied())
            },
        ),
        (
            "storage driver",
            State::Degraded,
            Facts {
                rung: Ok(Rung {
                    driver: Driver::Overlay,
                    writable: Some("/var/tmp/x".into()),
                }),
                ..good()
            },
        ),
        (
            "layers",
            State::Degraded,
            Facts {
                store: Ok(FileSystem::sample(0x6969, 50 << 30)),
                ..good()
            },
        ),
        (
            "room",
            State::Degraded,
            Facts {
                store: Ok(FileSystem::sample(0xEF53, 1 << 20)),
                ..good()
            },
        ),
        (
            "room",
            State::Degraded,
            Facts {
                quota_bytes: Some(5),
                ..good()
            },
        ),
        (
            "runtime folder",
            State::Degraded,
            Facts {
                runtime: Ok(FileSystem::sample(0x6969, 1 << 30)),
                ..good()
            },
        ),
        (
            "control groups",
            State::Degraded,
            Facts {
                cgroup: Cgroup {
                    version: 1,
                    ..Cgroup::default()
                },
                ..good()
            },
        ),
        (
            "seccomp supervisor",
            State::Degraded,
            Facts {
                has_seccomp_notify: false,
                ..good()
            },
        ),
        (
            "seccomp supervisor",
            State::Degraded,
            Facts {
                ptrace_scope: Some(3),
                ..good()
            },
        ),
        (
            "low ports",
            State::Degraded,
            Facts {
                first_port: Some(1024),
                ..good()
            },
        ),
        (
            "ping",
            State::Degraded,
            Facts {
                ping_groups: Some((1, 0)),
                ..good()
            },
        ),
    ];
    for (name, state, facts) in cases {
        let check = check(&facts, name);
        assert_eq!(check.state, state, "{check:?}");
        assert!(check.fix.is_some() || !check.does.is_empty(), "{check:?}");
    }
}

#[test]
fn the_blocking_switch_is_named_with_its_line() {
    let mut facts = probe(|p| {
        p.userns = Err("operation not permitted (unshare(CLONE_NEWUSER): EPERM)".to_owned())
    });
    facts.switches.unprivileged_userns_clone = Some(0);
    let check = check(&facts, "user namespace");
    assert_eq!(
        check.found,
        "operation not permitted (unshare(CLONE_NEWUSER): EPERM); kernel.unprivileged_userns_clone is 0"
    );
    assert!(
        check
            .fix
            .unwrap()
            .ends_with("sysctl -w kernel.unprivileged_userns_clone=1")
    );
}

#[test]
fn the_way_of_networks_is_told_with_its_reason() {
    let no = |name: &str| Err(format!("{name}: not supported"));
    let forced = |name: &str, facts: Facts| Facts {
        network_rung: Some(name.to_owned()),
        ..facts
    };
    let without = |programs: &[&str]| Facts {
        network_programs: programs.iter().map(PathBuf::from).collect(),
        ..probe(|p| (p.gateway, p.unruled_gateway) = (no("rules"), no("a bridge")))
    };
    for (facts, state, found, does) in [
        (good(), State::Ok, "tproxy, by nf_tables", ""),
        (
            forced("anyip", good()),
            State::Ok,
            "as CORACLE_NETWORK_RUNG says",
            "",
        ),
        (
            probe(|p| p.gateway = no("rules")),
            State::Degraded,
            "anyip, since nf_tables cannot be used (rules: not supported)",
            "UDP is slower",
        ),
        (
            forced("tproxy", probe(|p| p.gateway = no("rules"))),
            State::Degraded,
            "rules: not supported",
            "only `--network host`",
        ),
        (
            without(&["/usr/bin/pasta"]),
            State::Degraded,
            "rules: not supported",
            "only `--network pasta`, `--network host`, `none`",
        ),
        (
            forced("x", good()),
            State::Missing,
            "CORACLE_NETWORK_RUNG is `x`",
            "can start",
        ),
    ] {
        let check = check(&facts, "networks");
        assert_eq!(check.state, state, "{check:?}");
        assert!(check.found.contains(found), "{check:?}");
        assert!(check.does.contains(does), "{check:?}");
    }
}

#[test]
fn sizes_for_people() {
    for (n, want) in [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (1536, "1.5 KiB"),
        (53_687_091_200, "50.0 GiB"),
    ] {
        assert_eq!(bytes(n), want);
    }
}
