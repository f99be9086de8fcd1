use std::collections::BTreeMap;

use super::*;
use crate::store::containers::{Health, MountPoint, PortBinding};
use crate::store::scratch::Scratch;

/// A store with five containers: `rich` and `plain` run, `gone` exited with 3, `new` never ran, `bad` could not be started.
struct World {
    scratch: Scratch,
    _locks: Vec<crate::sys::lock::Lock>,
}

fn id(digit: char) -> String {
    format!("{digit}f").repeat(32)
}

fn record(name: &str, digit: char, second: u32) -> Record {
    Record {
        id: id(digit),
        name: name.to_owned(),
        created: format!("2026-01-01T00:00:{second:02}.5Z"),
        image_id: "sha256:i".to_owned(),
        ..Record::default()
    }
}

fn rich() -> Record {
    let mut rich = record("rich", 'b', 2);
    let labels = [("k", "v"), ("a", "z"), ("e", "")];
    rich.config.labels = labels
        .iter()
        .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
        .collect();
    rich.config.exposed_ports = ["7000/tcp", "53/udp"]
        .map(|p| (p.to_owned(), Default::default()))
        .into();
    let to = |port: &str| {
        vec![PortBinding {
            host_ip: String::new(),
            host_port: port.to_owned(),
        }]
    };
    rich.host.port_bindings = BTreeMap::from([
        ("80/tcp".to_owned(), to("8081")),
        ("53/udp".to_owned(), to("32768")),
    ]);
    let mount = |name: &str, source: &str, destination: &str| MountPoint {
        name: name.to_owned(),
        source: source.to_owned(),
        destination: destination.to_owned(),
        ..MountPoint::default()
    };
    rich.mounts = vec![
        mount("vol", "/store/vol", "/data"),
        mount("", "/host", "/b"),
    ];
    rich
}

impl World {
    fn new() -> World {
        let scratch = Scratch::new();
        let containers = scratch.store.containers();
        let mut gone = record("gone", 'c', 3);
        gone.host.network_mode = "host".to_owned();
        let all = [
            record("plain", 'a', 1),
            rich(),
            gone,
            record("new", 'd', 4),
            record("bad", 'e', 5),
        ];
        let state = |status, code| State {
            status,
            exit_code: code,
            ..State::default()
        };
        let health = Health {
            status: "healthy".to_owned(),
            ..Health::default()
        };
        let states = [
            state(Status::Running, 0),
            State {
                health: Some(health),
                ..state(Status::Running, 0)
            },
            state(Status::Exited, 3),
            State::default(),
            state(Status::Created, 127),
        ];
        let mut locks = Vec::new();
        for (record, state) in all.iter().zip(&states) {
            containers.create(record).unwrap();
            containers.write_state(&record.id, state).unwrap();
            if state.status == Status::Running {
                locks.push(containers.hold(&record.id).unwrap());
            }
        }
        World {
            scratch,
            _locks: locks,
        }
    }

    fn list(&self, all: bool, limit: Option<usize>, filters: &[&str]) -> Result<String> {
        let filters = Filters::parse(filters, KEYS)?;
        let query = Query {
            all,
            limit,
            filters,
        };
        let found = list(&self.scratch.store, &query)?;
        Ok(found
            .iter()
            .map(|f| f.record.name.as_str())
            .collect::<Vec<_>>()
            .join(" "))
    }
}

#[test]
fn filters_choose_what_docker_chooses() {
    let world = World::new();
    let (a, b, c) = (id('a'), id('b'), id('c'));
    for (all, limit, filters, want) in [
        (false, None, vec![], "rich plain"),
        (true, None, vec![], "bad new gone rich plain"),
        (false, Some(2), vec![], "bad new"),
        (true, None, vec!["status=exited"], "gone"),
        (false, None, vec!["status=exited"], "gone"),
        (
            false,
            None,
            vec!["status=exited", "status=running"],
            "gone rich plain",
        ),
        (false, Some(1), vec!["status=running"], "rich"),
        (false, None, vec!["exited=3"], ""),
        (true, None, vec!["exited=3", "exited=127"], "gone"),
        (true, None, vec!["exited=0"], ""),
        (true, None, vec!["health=healthy"], "rich"),
        (false, None, vec!["health=none"], "plain"),
        (true, None, vec!["name=^/?g"], "gone"),
        (true, None, vec!["name=^gone$"], "gone"),
        (true, None, vec!["name=/gone"], "gone"),
        (true, None, vec!["name=("], ""),
        (true, None, vec!["name=i", "name=new"], "new rich plain"),
        (true, None, vec!["name="], "bad new gone rich plain"),
        (true, None, vec![&*format!("id={a}")], "plain"),
        (true, None, vec!["id=bf"], "rich"),
        (true, None, vec!["id=fb"], ""),
        (true, None, vec![&*format!("before={c}")], "rich plain"),
        (true, None, vec!["since=gone"], "bad new"),
        (true, None, vec!["since=gone", "before=bad"], "new"),
        (true, None, vec!["volume=vol"], "rich"),
        (true, None, vec!["volume=/b"], "rich"),
        (true, None, vec!["volume=/host"], "rich"),
        (true, None, vec!["volume=nope"], ""),
        (true, None, vec!["network=host"], "gone"),
        (true, None, vec!["network=5accd"], "gone"),
        (true, None, vec!["network=bridge"], "bad new rich plain"),
        (true, None, vec!["publish=8081"], "rich"),
        (true, None, vec!["publish=80"], ""),
        (true, None, vec!["publish=8000-8100/tcp"], "rich"),
        (true, None, vec!["publish=32768"], ""),
        (true, None, vec!["publish=32768/udp"], "rich"),
        (true, None, vec!["expose=7000"], "rich"),
        (true, None, vec!["expose=80/tcp"], "rich"),
        (true, None, vec!["expose=53"], ""),
        (true, None, vec!["label=k=v", "label=a"], "rich"),
        (true, None, vec!["label=k=x"], ""),
        (true, None, vec!["label=e="], "rich"),
        (true, None, vec!["label=k", "label=nope"], ""),
        (true, None, vec!["ancestor=nope"], ""),
        (
            true,
            None,
            vec!["is-task=false", "isolation=default"],
            "bad new gone rich plain",
        ),
        (
            true,
            None,
            vec![&*format!("id={b}"), "status=running", "label=k"],
            "rich",
        ),
    ] {
        assert_eq!(
            world.list(all, limit, &filters).unwrap(),
            want,
            "{all} {limit:?} {filters:?}"
        );
    }
}

#[test]
fn wrong_filters_are_refused_in_dockers_words() {
    let world = World::new();
    for (filter, want) in [
        ("foo=bar", "invalid filter 'foo'"),
        ("status=bad", "invalid filter 'status=bad'"),
        (
            "exited=x",
            r#"invalid filter 'exited=x': strconv.Atoi: parsing "x": invalid syntax"#,
        ),
        ("health=bad", "unrecognized filter value for health: bad"),
        ("before=nope", "No such container: nope"),
        ("is-task=x", "invalid filter 'is-task=[x]'"),
        (
            "publish=abc",
            r#"error while looking up for publish abc: strconv.ParseUint: parsing "abc": invalid syntax"#,
        ),
    ] {
        assert_eq!(
            world.list(true, None, &[filter]).unwrap_err().to_string(),
            want
        );
    }
}

#[test]
fn a_container_whose_monitor_was_killed_is_not_running() {
    let mut world = World::new();
    world._locks.clear();
    assert_eq!(world.list(false, None, &[]).unwrap(), "");
    assert_eq!(
        world.list(false, None, &["status=exited"]).unwrap(),
        "gone rich plain"
    );
}
