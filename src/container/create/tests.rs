//! What docker 26 recorded: `docker create ARGS IMAGE`, `docker inspect`, for an image with everything set.

use super::*;
use crate::store::containers::MountPoint;
use crate::store::networks::Wish;
use crate::store::scratch::Scratch;

fn image() -> ImageConfig {
    serde_json::from_str(
        r#"{"architecture":"amd64","os":"linux","config":{
            "Env":["PATH=/img","A=img","B=img2"],"Labels":{"l":"1","m":"2"},"User":"3:4","WorkingDir":"/w",
            "ExposedPorts":{"80/tcp":{},"81/udp":{}},"Volumes":{"/v1":{},"/tmp/v2":{}},
            "Entrypoint":["/bin/echo","e"],"Cmd":["c1","c2"],"StopSignal":"SIGINT","OnBuild":["RUN x"],
            "Healthcheck":{"Test":["CMD-SHELL","true"],"Interval":7000000000,"Retries":9}},
            "rootfs":{"type":"layers","diff_ids":[]}}"#,
    )
    .unwrap()
}

fn merged(change: impl FnOnce(&mut Request)) -> Result<ContainerConfig> {
    let mut request = Request {
        attach: [false, true, true],
        ..Request::default()
    };
    change(&mut request);
    merge(&request, &image().config)
}

fn list(words: &str) -> Option<Vec<String>> {
    Some(words.split_whitespace().map(str::to_owned).collect())
}

#[test]
fn an_entrypoint_of_the_users_takes_the_images_command_away() {
    let none: Option<Vec<String>> = None;
    for (entrypoint, cmd, want) in [
        (None, None, (list("/bin/echo e"), list("c1 c2"))),
        (None, list("x"), (list("/bin/echo e"), list("x"))),
        (list("/e"), None, (list("/e"), none.clone())),
        (list("/e"), list("y"), (list("/e"), list("y"))),
        (list(""), list("z"), (none, list("z"))),
    ] {
        let shown = format!("{entrypoint:?} {cmd:?}");
        let config = merged(|r| (r.entrypoint, r.cmd) = (entrypoint, cmd)).unwrap();
        assert_eq!((config.entrypoint, config.cmd), want, "{shown}");
    }
    let error = merged(|r| r.entrypoint = list("")).unwrap_err();
    assert_eq!(
        (error.kind(), error.to_string()),
        (Kind::Invalid, "no command specified".to_owned())
    );
}

#[test]
fn the_image_fills_what_the_user_left_open() {
    let config = merged(|_| {}).unwrap();
    assert_eq!(config.env, ["PATH=/img", "A=img", "B=img2"]);
    assert_eq!(
        (config.user.as_str(), config.working_dir.as_str()),
        ("3:4", "/w")
    );
    assert_eq!(config.stop_signal.as_deref(), Some("SIGINT"));
    assert_eq!(config.labels.len(), 2);
    assert!(config.on_build.is_empty(), "a container builds nothing");
    assert!((config.attach_stdout, config.attach_stdin) == (true, false));

    let config = merged(|r| {
        r.env = vec!["A=mine".to_owned(), "C=3".to_owned(), "B".to_owned()];
        r.labels.insert("l".to_owned(), "9".to_owned());
        r.user = Some("9".to_owned());
        r.working_dir = Some("/x/../y/".to_owned());
        r.expose = vec!["99/tcp".to_owned()];
        r.stop_signal = Some("9".to_owned());
        (r.open_stdin, r.attach) = (true, [true; 3]);
    })
    .unwrap();
    assert_eq!(config.env, ["B", "A=mine", "C=3", "PATH=/img"]);
    assert_eq!(
        (config.user.as_str(), config.working_dir.as_str()),
        ("9", "/y")
    );
    let labels: Vec<_> = config
        .labels
        .iter()
        .map(|(k, v)| format!("{k}={v}"))
        .collect();
    assert_eq!(labels, ["l=9", "m=2"]);
    assert_eq!(
        config.exposed_ports.into_keys().collect::<Vec<_>>(),
        ["80/tcp", "81/udp", "99/tcp"]
    );
    assert_eq!(config.stop_signal.as_deref(), Some("9"));
    assert!(config.stdin_once);
}

#[test]
fn a_health_check_is_filled_from_the_images() {
    let check = |test: &[&str], interval| Healthcheck {
        test: test.iter().map(ToString::to_string).collect(),
        interval,
        ..Healthcheck::default()
    };
    for (own, want) in [
        (None, (vec!["CMD-SHELL", "true"], 7_000_000_000)),
        (
            Some(check(&[], 1_000_000_000)),
            (vec!["CMD-SHELL", "true"], 1_000_000_000),
        ),
        (Some(check(&["NONE"], 0)), (vec!["NONE"], 7_000_000_000)),
        (
            Some(check(&["CMD-SHELL", "foo"], 0)),
            (vec!["CMD-SHELL", "foo"], 7_000_000_000),
        ),
    ] {
        let health = merged(|r| r.healthcheck = own)
            .unwrap()
            .healthcheck
            .unwrap();
        assert_eq!(
            (
                health.test.iter().map(String::as_str).collect(),
                health.interval
            ),
            want
        );
        assert_eq!(health.retries, 9);
    }
}

#[test]
fn what_the_daemon_refuses_is_refused() {
    let said = |change: &dyn Fn(&mut Request)| merged(|r| change(r)).unwrap_err().to_string();
    assert_eq!(
        said(&|r| r.working_dir = Some("foo".to_owned())),
        "the working directory 'foo' is invalid, it needs to be an absolute path"
    );
    assert_eq!(
        said(&|r| r.stop_signal = Some("FOO".to_owned())),
        "invalid signal: FOO"
    );
}

fn make(store: &Store, change: impl FnOnce(&mut Request)) -> Result<Record> {
    let mut request = Request {
        image: "img".to_owned(),
        ..Request::default()
    };
    request.host.network_mode = "none".to_owned();
    change(&mut request);
    let rung = Rung {
        driver: crate::host::storage::Driver::Overlay,
        writable: None,
    };
    let config = image();
    let from = From {
        id: "sha256:0",
        config: &config,
    };
    create(store, request, from, &rung)
}

fn mount(kind: &str, name: &str, source: &str, destination: &str) -> MountPoint {
    MountPoint {
        kind: kind.to_owned(),
        name: name.to_owned(),
        source: source.to_owned(),
        destination: destination.to_owned(),
        anonymous: kind == "volume" && name.is_empty(),
        rw: true,
        ..MountPoint::default()
    }
}

#[test]
fn a_container_without_a_name_gets_one_and_its_volumes_are_made() {
    let scratch = Scratch::new();
    let store = scratch.store.clone();
    let record = make(&store, |r| {
        r.mounts = vec![mount("volume", "named", "", "/v1")]
    })
    .unwrap();
    assert_eq!(
        store.containers().find(&record.name).unwrap().id(),
        record.id
    );
    assert_eq!(record.config.hostname, record.id[..12]);
    let shown: Vec<_> = record
        .mounts
        .iter()
        .map(|m| format!("{} {} {}", m.destination, m.anonymous, m.mode))
        .collect();
    assert_eq!(shown, ["/tmp/v2 true ", "/v1 false z"]);
    for mount in &record.mounts {
        assert!(
            std::path::Path::new(&mount.source).is_dir(),
            "{}",
            mount.source
        );
    }
    let anonymous = store.volumes().find(&record.mounts[0].name).unwrap();
    assert!(anonymous.is_anonymous());
    assert!(!store.volumes().find("named").unwrap().is_anonymous());
}

#[test]
fn a_taken_name_is_a_conflict_and_leaves_nothing() {
    let scratch = Scratch::new();
    let store = scratch.store.clone();
    let named = |r: &mut Request| r.name = Some("web".to_owned());
    let first = make(&store, named).unwrap();
    let error = make(&store, named).unwrap_err();
    assert_eq!(error.kind(), Kind::Conflict);
    assert!(error.to_string().starts_with(&format!(
        "Conflict. The container name \"/web\" is already in use by container \"{}\"",
        first.id
    )));
    assert_eq!(store.containers().list().unwrap().len(), 1);
}

#[test]
fn mounts_are_checked_in_dockers_words() {
    let scratch = Scratch::new();
    let store = scratch.store.clone();
    let refused =
        |mounts: Vec<MountPoint>| make(&store, |r| r.mounts = mounts).unwrap_err().to_string();
    assert_eq!(
        refused(vec![
            mount("bind", "", "/tmp", "/b"),
            mount("bind", "", "/etc", "/b")
        ]),
        "Duplicate mount point: /b"
    );
    assert_eq!(
        refused(vec![mount("bind", "", "/nosuch", "/x")]),
        "invalid mount config for type \"bind\": bind source path does not exist: /nosuch"
    );
    assert!(refused(vec![mount("bind", "", "/tmp", "/proc")]).contains("inside /proc"));
    assert!(refused(vec![mount("bind", "", "/tmp", "/proc/sys/x")]).contains("inside /proc"));
    assert!(refused(vec![mount("volume", "a", "", "/x")]).contains("volume name is too short"));
    let lxcfs = vec![mount("bind", "", "/proc/stat", "/proc/stat")];
    assert!(make(&store, |r| r.mounts = lxcfs).is_ok());
}

#[test]
fn a_tmpfs_takes_the_place_of_an_images_volume() {
    let scratch = Scratch::new();
    let store = scratch.store.clone();
    let record = make(&store, |r| {
        r.mounts = vec![mount("bind", "", "/tmp", "/v1")];
        r.host.tmpfs.insert("/tmp/v2".to_owned(), String::new());
    })
    .unwrap();
    assert_eq!(record.mounts.len(), 1);
    assert!(store.volumes().list().unwrap().is_empty());
}

#[test]
fn mounts_of_another_container_are_shared_and_own_ones_win() {
    let scratch = Scratch::new();
    let store = scratch.store.clone();
    make(&store, |r| {
        r.name = Some("from".to_owned());
        r.mounts = vec![
            mount("bind", "", "/tmp", "/f"),
            mount("volume", "data", "", "/g"),
        ];
    })
    .unwrap();
    for (spec, writable) in [("from:ro", false), ("from", true)] {
        let record = make(&store, |r| {
            r.host.volumes_from = vec![spec.to_owned()];
            r.mounts = vec![mount("bind", "", "/etc", "/f")];
        })
        .unwrap();
        let shown: Vec<_> = record
            .mounts
            .iter()
            .map(|m| (m.destination.as_str(), m.rw))
            .collect();
        let want = [
            ("/f", true),
            ("/g", writable),
            ("/tmp/v2", writable),
            ("/v1", writable),
        ];
        assert_eq!(shown, want, "{spec}");
        assert_eq!(record.mounts[0].source, "/etc");
    }
    let error = make(&store, |r| r.host.volumes_from = vec!["nosuch".to_owned()]).unwrap_err();
    assert_eq!(error.to_string(), "No such container: nosuch");
}

#[test]
fn modes_that_name_another_container_keep_its_id() {
    let scratch = Scratch::new();
    let store = scratch.store.clone();
    let other = make(&store, |r| {
        r.name = Some("other".to_owned());
        r.hostname = Some("ohost".to_owned());
    })
    .unwrap();
    let record = make(&store, |r| {
        r.host.network_mode = "container:other".to_owned()
    })
    .unwrap();
    assert_eq!(record.host.network_mode, format!("container:{}", other.id));
    assert_eq!(record.config.hostname, "ohost");
    let error = make(&store, |r| {
        r.host.network_mode = "container:other".to_owned();
        r.hostname = Some("x".to_owned());
    })
    .unwrap_err();
    assert_eq!(
        error.to_string(),
        "conflicting options: hostname and the network mode"
    );
}

#[test]
fn networks_are_checked_and_named() {
    let scratch = Scratch::new();
    let store = scratch.store.clone();
    let own = store
        .networks()
        .create(crate::store::networks::Request {
            name: "own".to_owned(),
            ..Default::default()
        })
        .unwrap();
    let on = |wish: Wish| {
        make(&store, |r| {
            r.host.network_mode.clone_from(&wish.network);
            r.networks = vec![wish];
        })
    };
    let wish = |network: &str, address: Option<&str>| Wish {
        network: network.to_owned(),
        address: address.map(|a| a.parse().unwrap()),
        ..Wish::default()
    };
    // by the beginning of its id
    let made = on(wish(&own.id[..8], Some("172.18.0.9"))).unwrap();
    assert_eq!(
        (
            made.host.network_mode.as_str(),
            made.networks[0].network.as_str()
        ),
        ("own", "own")
    );
    assert!(on(wish("none", None)).unwrap().networks.is_empty());
    for (asked, want) in [
        (wish("nosuch", None), "network nosuch not found"),
        (
            wish("bridge", Some("172.17.0.9")),
            "invalid config for network bridge: invalid endpoint settings:\n* user specified IP address is supported on user defined networks only",
        ),
        (
            wish("own", Some("10.51.0.1")),
            "invalid config for network own: invalid endpoint settings:\nno configured subnet or ip-range contain the IP address 10.51.0.1",
        ),
    ] {
        assert_eq!(on(asked).unwrap_err().to_string(), want);
    }
    let sctp = make(&store, |r| {
        r.host
            .port_bindings
            .insert("80/sctp".to_owned(), Vec::new());
    });
    assert!(
        sctp.unwrap_err()
            .to_string()
            .contains("protocol not supported")
    );
}
