//! Golden plans: what a record makes of the facts, as text.

use std::collections::BTreeMap;

use super::*;
use crate::container::plan::{Kind, Root};
use crate::container::user::Accounts;
use crate::store::containers::{MountPoint, PortBinding, RestartPolicy};
use crate::store::networks::Wish;
use crate::store::paths::Paths;

const ID: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

fn facts() -> Facts {
    Facts {
        paths: Paths {
            data: "/data".into(),
            runtime: "/run/c".into(),
        },
        root: Root::Overlay {
            lower: vec!["/data/layers/b".into(), "/data/layers/a".into()],
            upper: "/up".into(),
            work: "/work".into(),
            volatile: false,
        },
        root_mounts: Vec::new(),
        tmpfs_modes: BTreeMap::from([("/run".to_owned(), 0o755)]),
        accounts: Accounts::of_texts("root:x:0:0::/root:\nwww:x:33:33::/var/www:\n", ""),
        needs: crate::container::user::Needs {
            kernel: (6, 1),
            ..Default::default()
        },
        hostname: "box".to_owned(),
        kernel: (6, 1),
        others: BTreeMap::from([("web".to_owned(), (77, 1234))]),
        links: Vec::new(),
        network_program: None,
        rung: None,
        networks: vec![crate::store::networks::built_in()[0].clone()],
        devices: Vec::new(),
        handler: None,
        hard_limits: BTreeMap::from([(libc::RLIMIT_NOFILE, 4096)]),
        limits: Default::default(),
        window: (0, 0),
    }
}

fn record() -> Record {
    let mut record = Record {
        id: ID.to_owned(),
        name: "web".to_owned(),
        ..Record::default()
    };
    record.config.cmd = Some(vec!["sh".to_owned()]);
    record
}

/// One line a fact; lines that say the default are left out.
fn shown(plan: &Plan) -> String {
    let mut lines = Vec::new();
    let p = &plan.process;
    lines.push(format!("exec {:?} as {:?} in {}", p.argv, p.user, p.cwd));
    lines.push(format!("env {}", p.env.join(" ")));
    if p.tty || p.stdin {
        lines.push(format!(
            "tty {} stdin {} once {}",
            p.tty, p.stdin, p.stdin_once
        ));
    }
    if !p.rlimits.is_empty() || p.oom_score_adj.is_some() {
        lines.push(format!("limits {:?} oom {:?}", p.rlimits, p.oom_score_adj));
    }
    let s = &plan.security;
    let filter = s.seccomp.as_ref().map_or("none", |_| "filter");
    lines.push(format!(
        "caps {:x} seccomp {filter} nnp {} privileged {}",
        s.capabilities, s.no_new_privs, s.privileged
    ));
    match &plan.kind {
        Kind::Join(j) => lines.push(format!(
            "join {} {} by {}",
            j.pid,
            j.pid_start,
            j.control.display()
        )),
        Kind::Start(s) => show_start(s, &mut lines),
    }
    lines.join("\n")
}

fn show_start(s: &Start, lines: &mut Vec<String>) {
    let n = &s.namespaces;
    lines.push(format!(
        "ns net {:?} pid {:?} ipc {:?} uts {:?} cgroup {:?}",
        n.net, n.pid, n.ipc, n.uts, n.cgroup
    ));
    if let Some(network) = &s.network {
        for a in &network.attachments {
            let address = a.address.map(|a| format!(" as {a}")).unwrap_or_default();
            let names = a.names.join(" ");
            lines.push(
                format!("on {}{address} {names}", a.network.name)
                    .trim()
                    .to_owned(),
            );
        }
        for p in &network.ports {
            lines.push(format!(
                "port {}/{} at {:?}:{:?}",
                p.inside, p.protocol, p.address, p.outside
            ));
        }
    }
    lines.push(format!(
        "root {} ro {} name {:?} shm {}",
        s.root_point.display(),
        s.read_only,
        s.hostname,
        s.shm_size
    ));
    lines.push(format!(
        "masked {} readonly {}",
        s.masked_paths.len(),
        s.readonly_paths.len()
    ));
    lines.extend(
        s.mounts
            .iter()
            .map(|m| format!("mount {} ro {} {:?}", m.destination, m.read_only, m.source)),
    );
    lines.extend(s.sysctls.iter().map(|(k, v)| format!("sysctl {k}={v}")));
    lines.push(format!(
        "stop {} after {} restart {}",
        s.stop_signal, s.stop_timeout, s.restart.name
    ));
    lines.push(format!(
        "log {:?}",
        s.log.as_ref().map(|l| (l.max_size, l.max_file))
    ));
    if s.remove {
        lines.push(format!("remove with {:?}", s.anonymous_volumes));
    }
    if let Some(h) = &s.health {
        lines.push(format!(
            "health {:?} every {} for {} x{}",
            h.test, h.interval, h.timeout, h.retries
        ));
    }
}

#[test]
fn a_plain_record_gets_dockers_defaults() {
    let want = r#"exec ["sh"] as Supervised { mode: Full, start: Start { uid: 0, gid: 0, groups: [0], capabilities: 2818844155 } } in /
env PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOSTNAME=0123456789ab HOME=/root
caps a80425fb seccomp filter nnp false privileged false
ns net New pid New ipc New uts New cgroup New
on bridge
root /up ro false name "0123456789ab" shm 67108864
masked 11 readonly 5
stop 15 after 10 restart no
log Some((0, 1))"#;
    assert_eq!(shown(&plan(&record(), &facts()).unwrap()), want);
}

#[test]
fn a_record_with_everything_shows_everything() {
    let mut r = record();
    let c = &mut r.config;
    c.entrypoint = Some(vec!["/entry".to_owned(), "-x".to_owned()]);
    c.env = ["PATH=/bin", "A=1", "HOSTNAME=zz", "TERM"]
        .map(str::to_owned)
        .to_vec();
    (c.tty, c.open_stdin, c.stdin_once) = (true, true, true);
    c.user = "www:5".to_owned();
    c.working_dir = "/srv//a/../b/".to_owned();
    c.hostname = "h".to_owned();
    c.stop_signal = Some("SIGINT".to_owned());
    c.stop_timeout = Some(3);
    c.healthcheck = Some(Healthcheck {
        test: vec!["CMD".to_owned(), "x".to_owned()],
        retries: 9,
        ..Healthcheck::default()
    });
    let h = &mut r.host;
    h.network_mode = "none".to_owned();
    h.pid_mode = "container:web".to_owned();
    h.ipc_mode = "host".to_owned();
    h.uts_mode = "host".to_owned();
    h.cgroupns_mode = "host".to_owned();
    (
        h.readonly_rootfs,
        h.auto_remove,
        h.oom_score_adj,
        h.shm_size,
    ) = (true, true, 300, 1 << 20);
    h.cap_add = vec!["SYS_ADMIN".to_owned()];
    h.security_opt = [
        "no-new-privileges",
        "seccomp=unconfined",
        "systempaths=unconfined",
    ]
    .map(str::to_owned)
    .to_vec();
    h.ulimits = vec![
        Ulimit {
            name: "nofile".to_owned(),
            soft: 1024,
            hard: -1,
        },
        Ulimit {
            name: "core".to_owned(),
            soft: 0,
            hard: -1,
        },
    ];
    h.sysctls
        .insert("net.core.somaxconn".to_owned(), "10".to_owned());
    h.tmpfs.insert("/tmp".to_owned(), "size=1m".to_owned());
    h.restart_policy = RestartPolicy {
        name: "always".to_owned(),
        maximum_retry_count: 0,
    };
    h.log_config
        .config
        .insert("max-size".to_owned(), "10m".to_owned());
    h.log_config
        .config
        .insert("max-file".to_owned(), "3".to_owned());
    r.mounts = vec![MountPoint {
        kind: "volume".to_owned(),
        name: "v1".to_owned(),
        source: "/data/volumes/v1/data".to_owned(),
        destination: "/tmp/v".to_owned(),
        rw: true,
        copy: true,
        anonymous: true,
        ..MountPoint::default()
    }];
    let want = r#"exec ["/entry", "-x", "sh"] as Native { uid: 33, gid: 5 } in /srv/b
env PATH=/bin HOSTNAME=zz A=1 HOME=/var/www
tty true stdin true once true
limits [(7, 1024, 4096), (4, 0, 18446744073709551615)] oom Some(300)
caps a82425fb seccomp none nnp true privileged false
ns net New pid Of(77, 1234) ipc Host uts Host cgroup Host
root /up ro true name "h" shm 1048576
masked 0 readonly 0
mount /tmp ro false Tmpfs { data: "size=1m", copy_up: false }
mount /tmp/v ro false Bind { path: "/data/volumes/v1/data", below: "", copy_up: true }
sysctl net.core.somaxconn=10
stop 2 after 3 restart always
log Some((10485760, 3))
remove with ["v1"]
health ["CMD", "x"] every 30000000000 for 30000000000 x9"#;
    assert_eq!(shown(&plan(&r, &facts()).unwrap()), want);
}

#[test]
fn networks_and_ports_are_planned() {
    let mut r = record();
    r.config.hostname = "h".to_owned();
    r.config.exposed_ports = ["53/udp", "7/sctp", "80/tcp"]
        .map(|p| (p.to_owned(), Default::default()))
        .into();
    r.host.publish_all_ports = true;
    let at = |ip: &str, port: &str| PortBinding {
        host_ip: ip.to_owned(),
        host_port: port.to_owned(),
    };
    let bound = vec![at("127.0.0.1", "8080-8090"), at("", "")];
    r.host.port_bindings.insert("80/tcp".to_owned(), bound);
    r.networks = vec![Wish {
        network: "own".to_owned(),
        aliases: vec!["db".to_owned()],
        address: "172.18.0.9".parse().ok(),
        ..Wish::default()
    }];
    let mut f = facts();
    f.networks[0].id = "1".repeat(64);
    f.networks[0].name = "own".to_owned();
    let text = shown(&plan(&r, &f).unwrap());
    let lines: Vec<&str> = text
        .lines()
        .filter(|l| l.starts_with("on ") || l.starts_with("port "))
        .collect();
    assert_eq!(
        lines,
        [
            "on own as 172.18.0.9 web db 0123456789ab h",
            "port 80/tcp at Some(127.0.0.1):(8080, 8090)",
            "port 80/tcp at None:(0, 0)",
            "port 53/udp at None:(0, 0)",
        ]
    );
    for mode in ["host", "none", "container:web"] {
        let mut r = record();
        r.host.network_mode = mode.to_owned();
        assert!(!shown(&plan(&r, &f).unwrap()).contains("\non "), "{mode}");
    }
}

/// Recorded from docker 26 (`logs --details`).
#[test]
fn a_log_has_the_attributes_that_were_asked_for() {
    let mut r = record();
    let pair = |(k, v): (&str, &str)| (k.to_owned(), v.to_owned());
    r.config.labels = [("a", "b"), ("b", "c d"), ("com.x", "1")].map(pair).into();
    r.config.env = vec!["X=1".to_owned(), "Y=z z".to_owned(), "XY=2".to_owned()];
    let mut asked = |options: &[(&str, &str)]| {
        r.host.log_config.driver = "json-file".to_owned();
        r.host.log_config.config = options.iter().copied().map(pair).collect();
        let plan = plan(&r, &facts()).map_err(|e| e.to_string())?;
        let plan::Kind::Start(start) = plan.kind else {
            panic!("a start")
        };
        let all = start.log.unwrap().attributes.into_iter();
        Ok::<_, String>(
            all.map(|(k, v)| format!("{k}={v}"))
                .collect::<Vec<_>>()
                .join(","),
        )
    };
    assert_eq!(asked(&[]).unwrap(), "");
    assert_eq!(
        asked(&[("labels", "a,none"), ("env", "Y")]).unwrap(),
        "Y=z z,a=b"
    );
    assert_eq!(
        asked(&[("labels-regex", "^com"), ("env-regex", "^X")]).unwrap(),
        "X=1,XY=2,com.x=1"
    );
    assert_eq!(
        asked(&[("tag", "{{.Name}}/{{.DaemonName}}")]).unwrap(),
        "tag=web/docker"
    );
    let said = asked(&[("env-regex", "(")]).unwrap_err();
    assert!(
        said.contains("failed to initialize logging driver"),
        "{said}"
    );
    assert!(asked(&[("tag", "{{")]).is_err());
}

/// docs.docker.com/engine/logging/drivers/local: 20 MB in each of 5 files; json-file keeps all.
#[test]
fn a_log_is_as_long_as_dockers_driver_of_that_name_keeps_it() {
    for (driver, option, want) in [
        ("json-file", None, "log Some((0, 1))"),
        ("local", None, "log Some((20971520, 5))"),
        ("local", Some(("max-size", "-1")), "log Some((0, 5))"),
        ("local", Some(("max-file", "2")), "log Some((20971520, 2))"),
        ("none", None, "log None"),
    ] {
        let mut r = record();
        r.host.log_config.driver = driver.to_owned();
        let option = option.map(|(name, value)| (name.to_owned(), value.to_owned()));
        r.host.log_config.config.extend(option);
        let text = shown(&plan(&r, &facts()).unwrap());
        assert!(text.contains(want), "{driver}: {text}");
    }
}

#[test]
fn a_privileged_container_is_confined_by_its_namespaces_only() {
    let mut r = record();
    r.host.privileged = true;
    r.host.network_mode = "host".to_owned();
    r.host.log_config.driver = "none".to_owned();
    let text = shown(&plan(&r, &facts()).unwrap());
    assert!(
        text.contains("caps 1ffffffffff seccomp none nnp false privileged true"),
        "{text}"
    );
    assert!(text.contains("masked 0 readonly 0"), "{text}");
    assert!(
        text.contains("HOSTNAME=box") && text.contains("log None"),
        "{text}"
    );
}

#[test]
fn one_more_process_has_the_containers_environment_and_its_own_user() {
    let mut r = record();
    r.config.env = vec!["A=1".to_owned()];
    r.config.user = "33".to_owned();
    r.config.working_dir = "/w".to_owned();
    let state = State {
        pid: 5,
        pid_start: 99,
        ..State::default()
    };
    let mut request = ExecRequest {
        argv: vec!["id".to_owned()],
        env: vec!["A=2".to_owned()],
        tty: true,
        ..ExecRequest::default()
    };
    let want = r#"exec ["id"] as Native { uid: 33, gid: 33 } in /w
env PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOSTNAME=0123456789ab TERM=xterm A=2 HOME=/var/www
tty true stdin false once true
caps a80425fb seccomp filter nnp false privileged false
join 5 99 by /run/c/containers/0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef/ctl"#;
    assert_eq!(
        shown(&plan_exec(&r, &state, &request, &facts()).unwrap()),
        want
    );
    (request.user, request.working_dir, request.privileged) =
        (Some("0".to_owned()), Some("/x".to_owned()), true);
    let text = shown(&plan_exec(&r, &state, &request, &facts()).unwrap());
    assert!(text.starts_with("exec [\"id\"] as Root in /x"), "{text}");
    assert!(
        text.contains("caps 1ffffffffff seccomp filter nnp false privileged true"),
        "{text}"
    );
}

#[test]
fn of_a_stop_signal_that_is_none_nothing_is_said() {
    for (name, signal) in [
        (None, 15),
        (Some("SIGINT"), 2),
        (Some("SIGFOO"), 15),
        (Some(""), 15),
    ] {
        let config = ContainerConfig {
            stop_signal: name.map(str::to_owned),
            ..ContainerConfig::default()
        };
        assert_eq!(stop_signal(&config), signal, "{name:?}");
    }
}

/// Docker 26's words.
#[test]
fn what_cannot_be_is_refused_in_dockers_words() {
    type Change = fn(&mut Record);
    let cases: [(Change, &str); 9] = [
        (|r| r.config.cmd = None, "no command specified"),
        (|r| r.config.cmd = Some(Vec::new()), "no command specified"),
        (
            |r| r.config.user = "nosuch".to_owned(),
            "unable to find user nosuch: no matching entries in passwd file",
        ),
        (
            |r| r.config.working_dir = "rel".to_owned(),
            "the working directory 'rel' is invalid, it needs to be an absolute path",
        ),
        (
            |r| r.host.pid_mode = "container:nope".to_owned(),
            "No such container: nope",
        ),
        (
            |r| r.host.oom_score_adj = 2000,
            "Invalid value 2000, range for oom score adj is [-1000, 1000]",
        ),
        (
            |r| {
                r.host.network_mode = "host".to_owned();
                r.host
                    .sysctls
                    .insert("net.ipv4.ip_forward".to_owned(), "1".to_owned());
            },
            "failed to create task for container: failed to create shim task: OCI runtime create failed: runc create failed: \
             sysctl \"net.ipv4.ip_forward\" not allowed in host network namespace: unknown",
        ),
        (
            |r| {
                drop(
                    r.host
                        .sysctls
                        .insert("kernel.hostname".to_owned(), "x".to_owned()),
                )
            },
            "sysctl 'kernel.hostname=x' is not allowed",
        ),
        (
            |r| r.host.security_opt = vec!["foo=bar".to_owned()],
            "invalid --security-opt 2: \"foo=bar\"",
        ),
    ];
    for (change, want) in cases {
        let mut r = record();
        change(&mut r);
        assert_eq!(plan(&r, &facts()).unwrap_err().to_string(), want);
    }
}

#[test]
fn mounts_go_parents_first_and_a_tmpfs_beats_a_volume() {
    let point = |kind: &str, destination: &str| MountPoint {
        kind: kind.to_owned(),
        source: "/src".to_owned(),
        destination: destination.to_owned(),
        rw: true,
        ..MountPoint::default()
    };
    let mut r = record();
    r.mounts = vec![
        point("bind", "/run/b/c"),
        point("volume", "/data"),
        point("bind", "/run/b"),
        point("tmpfs", "/run"),
    ];
    for path in ["/data", "/run/b/c/d"] {
        r.host.tmpfs.insert(path.to_owned(), String::new());
    }
    let mut facts = facts();
    facts.root_mounts = mounts::all(
        &Record {
            mounts: vec![point("bind", "/etc")],
            ..record()
        },
        &facts,
    )
    .unwrap();
    r.host.readonly_rootfs = true;
    let all = mounts::all(&r, &facts).unwrap();
    let shown: Vec<String> = all
        .iter()
        .map(|m| match &m.source {
            plan::Source::Tmpfs { data, .. } => format!("{} tmpfs {data}", m.destination),
            _ => format!("{} ro {}", m.destination, m.read_only),
        })
        .collect();
    let want = [
        "/etc ro true",
        "/run tmpfs mode=755",
        "/data tmpfs ",
        "/run/b ro false",
        "/run/b/c ro false",
        "/run/b/c/d tmpfs ",
    ];
    assert_eq!(shown, want);
}
