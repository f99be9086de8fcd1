//! Docker's answers of record: `docker create ARGS` and `docker inspect`, docker 26.

use super::run::{Form, Parsed, Pull, parse};
use crate::error::Result;
use crate::store::containers::MountPoint;

fn words(line: &str) -> Vec<String> {
    line.split_whitespace().map(str::to_owned).collect()
}

fn read_words(form: Form, words: Vec<String>) -> Result<Parsed> {
    let mut command = match form {
        Form::Run => crate::cli::run::VERB.command(),
        Form::Create => crate::cli::create::VERB.command(),
    };
    let matches = command.try_get_matches_from_mut(words).unwrap();
    parse(&matches, form)
}

fn run(line: &str) -> Parsed {
    read_words(Form::Run, words(line)).unwrap()
}

fn create(line: &str) -> Parsed {
    read_words(Form::Create, words(line)).unwrap()
}

fn refusal(line: &str) -> String {
    let error = read_words(Form::Create, words(line)).unwrap_err();
    format!("{:?}: {error}", error.kind())
}

#[test]
fn podmans_keep_id_is_a_user() {
    let user = |line: &str| run(line).request.user;
    let caller = format!("{}:{}", nix::unistd::getuid(), nix::unistd::getgid());
    assert_eq!(user("--userns keep-id img"), Some(caller));
    assert_eq!(
        user("--userns keep-id:uid=7,gid=8 img").as_deref(),
        Some("7:8")
    );
    assert_eq!(user("--userns keep-id -u 5 img").as_deref(), Some("5"));
    assert_eq!(user("--userns host img"), None);
}

#[test]
fn nothing_after_the_image_is_a_flag() {
    let parsed = run("-it --rm img --rm -v /a:/b -- -c");
    assert_eq!(parsed.request.image, "img");
    assert_eq!(
        parsed.request.cmd,
        Some(words("--rm -v /a:/b -- -c")),
        "the command's own flags stay as they are"
    );
    assert!(parsed.request.mounts.is_empty());
    assert!(parsed.request.host.auto_remove);
    assert_eq!(run("-- img").request.image, "img");
    assert_eq!(run("img").request.cmd, None);
}

#[test]
fn flags_are_spelled_in_every_way_that_docker_takes() {
    for line in [
        "-d --name x -e A=1 img",
        "-d=true --name=x -eA=1 img",
        "--detach --name y --name x -e=A=1 img",
        "--detach=false --detach=1 --name x --env A=1 img",
        "-dtc 5 --tty=false --name x --env=A=1 img",
    ] {
        let parsed = run(line);
        assert!(parsed.detach, "{line}");
        assert_eq!(parsed.request.name.as_deref(), Some("x"), "{line}");
        assert_eq!(parsed.request.env, ["A=1"], "{line}");
        assert!(!parsed.request.tty, "{line}");
    }
}

#[test]
fn a_value_may_look_like_a_flag() {
    let parsed = run("--entrypoint -x -w -y -e -z img");
    assert_eq!(parsed.request.entrypoint, Some(words("-x")));
    assert_eq!(parsed.request.working_dir.as_deref(), Some("-y"));
    assert_eq!(parsed.request.env, ["-z"]);
}

#[test]
fn streams_are_attached_as_docker_does() {
    for (line, want) in [
        ("img", [false, true, true]),
        ("-i img", [true, true, true]),
        ("-d img", [false; 3]),
        ("-di img", [false; 3]),
        ("-a stdin img", [true, false, false]),
        ("-i -a stdout img", [false, true, false]),
        ("-a STDERR -a stdout img", [false, true, true]),
    ] {
        assert_eq!(run(line).request.attach, want, "{line}");
    }
    assert_eq!(create("-i img").request.attach, [true; 3]);
}

#[test]
fn everything_at_once_is_what_docker_records() {
    let parsed = create(
        "-it --name foo -e A=1 -e PATH=/x --label a=b --label c -v /tmp:/t:ro,z -v vol1:/v1 -v /anon \
         --mount type=tmpfs,target=/tm,tmpfs-size=1m --mount type=bind,source=/tmp,target=/b2,readonly \
         --mount source=vol2,target=/v2 --tmpfs /tt:size=5m -p 8080:80 -p 127.0.0.1::90/udp --expose 99 -w /x \
         -u 5:6 --entrypoint /bin/sh --add-host h:1.2.3.4 --dns 1.1.1.1 --dns-search s --dns-option o -h hh \
         --domainname dd --init --read-only --shm-size 1m --cap-add net_admin --cap-drop CAP_CHOWN --cap-drop all \
         --security-opt no-new-privileges --security-opt seccomp=unconfined --restart on-failure:3 \
         --stop-signal KILL --stop-timeout 5 --device /dev/null --device /dev/zero:/z:r --log-opt max-size=1m \
         --health-cmd true --health-retries 4 --health-interval 5s -m 100m --cpus 1.5 -c 5 --cpuset-cpus 0 \
         --pids-limit 77 --ulimit nofile=5:6 --ipc host --pid host --cgroupns host \
         --sysctl net.ipv4.ip_forward=1 --oom-score-adj 5 --group-add 7 --annotation a=b --userns host \
         --runtime runc img a b c",
    );
    let request = &parsed.request;
    assert_eq!(request.name.as_deref(), Some("foo"));
    assert_eq!(request.env, ["A=1", "PATH=/x"]);
    assert_eq!(request.expose, ["80/tcp", "90/udp", "99/tcp"]);
    assert_eq!(request.user.as_deref(), Some("5:6"));
    assert_eq!(request.hostname.as_deref(), Some("hh"));
    assert_eq!(request.domainname.as_deref(), Some("dd"));
    assert_eq!(request.stop_signal.as_deref(), Some("KILL"));
    assert_eq!(request.stop_timeout, Some(5));
    assert_eq!(request.cmd, Some(words("a b c")));
    let labels: Vec<_> = request
        .labels
        .iter()
        .map(|(k, v)| format!("{k}={v}"))
        .collect();
    assert_eq!(labels, ["a=b", "c="]);
    let health = request.healthcheck.as_ref().unwrap();
    assert_eq!(health.test, ["CMD-SHELL", "true"]);
    assert_eq!((health.interval, health.retries), (5_000_000_000, 4));

    let shown = |m: &MountPoint| {
        let source = format!("{}{}", m.name, m.source);
        format!("{} {source}>{} {} {}", m.kind, m.destination, m.mode, m.rw)
    };
    let mounts: Vec<_> = request.mounts.iter().map(shown).collect();
    assert_eq!(
        mounts,
        [
            "bind /tmp>/t ro,z false",
            "volume vol1>/v1  true",
            "volume >/anon  true",
            "tmpfs >/tm  true",
            "bind /tmp>/b2  false",
            "volume vol2>/v2  true",
        ]
    );
    assert!(request.mounts[0].create_source, "-v makes the folder");
    assert!(!request.mounts[4].create_source, "--mount does not");
    assert!(request.mounts[2].anonymous && !request.mounts[1].anonymous);
    assert_eq!(request.mounts[0].propagation, "rprivate");

    let mut host = serde_json::to_value(&request.host).unwrap();
    let ours = [
        "Identity",
        "VolumesFrom",
        "ignored",
        "PublishAllPorts",
        "ContainerIDFile",
    ];
    host.as_object_mut()
        .unwrap()
        .retain(|k, _| !ours.contains(&k.as_str()));
    let want: serde_json::Value = serde_json::from_str(
        r#"{"Binds":["/tmp:/t:ro,z","vol1:/v1"],"NetworkMode":"bridge",
            "PortBindings":{"80/tcp":[{"HostIp":"","HostPort":"8080"}],"90/udp":[{"HostIp":"127.0.0.1","HostPort":""}]},
            "RestartPolicy":{"Name":"on-failure","MaximumRetryCount":3},"AutoRemove":false,
            "CapAdd":["CAP_NET_ADMIN"],"CapDrop":["CAP_CHOWN","ALL"],
            "Dns":["1.1.1.1"],"DnsOptions":["o"],"DnsSearch":["s"],"ExtraHosts":["h:1.2.3.4"],"GroupAdd":["7"],
            "IpcMode":"host","CgroupnsMode":"host","OomScoreAdj":5,"PidMode":"host","Privileged":false,
            "ReadonlyRootfs":true,"SecurityOpt":["no-new-privileges","seccomp=unconfined"],"UTSMode":"",
            "ShmSize":1048576,"Sysctls":{"net.ipv4.ip_forward":"1"},
            "Ulimits":[{"Name":"nofile","Hard":6,"Soft":5}],"Tmpfs":{"/tt":"size=5m"},
            "Devices":[{"PathOnHost":"/dev/null","PathInContainer":"/dev/null","CgroupPermissions":"rwm"},
                       {"PathOnHost":"/dev/zero","PathInContainer":"/z","CgroupPermissions":"r"}],
            "Init":true,"LogConfig":{"Type":"json-file","Config":{"max-size":"1m"}},"Memory":104857600,
            "MemorySwap":209715200,"MemoryReservation":0,"NanoCpus":1500000000,"CpuPeriod":0,"CpuQuota":0,"CpuShares":5,"CpusetCpus":"0","PidsLimit":77,
            "Annotations":{"a":"b"},"Ignored":{"runtime":"runc"}}"#,
    )
    .unwrap();
    assert_eq!(host, want);
}

#[test]
fn defaults_are_dockers() {
    let parsed = create("img");
    let host = &parsed.request.host;
    assert_eq!(host.network_mode, "bridge");
    assert_eq!(host.restart_policy.name, "no");
    assert_eq!(host.shm_size, 64 << 20);
    assert_eq!(
        (host.ipc_mode.as_str(), host.log_config.driver.as_str()),
        ("private", "json-file")
    );
    assert_eq!(parsed.pull, Pull::Missing);
    assert!(parsed.sig_proxy && parsed.notes.is_empty() && parsed.warnings.is_empty());
    assert_eq!(parsed.request.healthcheck, None);
    assert_eq!(parsed.request.entrypoint, None);
    assert_eq!(
        create("--entrypoint= img").request.entrypoint,
        Some(Vec::new())
    );
}

#[test]
fn variables_of_a_file_come_before_those_of_the_flags() {
    let path = std::env::temp_dir().join(format!("coracle-env-{}", std::process::id()));
    std::fs::write(&path, "# comment\nX=file\nCORACLE_NOT_SET\nY= two \n").unwrap();
    let line = format!(
        "-e X=flag -e HOME -e CORACLE_NOT_SET --env-file {} img",
        path.display()
    );
    let parsed = create(&line);
    std::fs::remove_file(path).unwrap();
    let home = format!("HOME={}", crate::cli::variable("HOME").unwrap());
    let want = ["X=file", "Y= two ", "X=flag", &home, "CORACLE_NOT_SET"];
    assert_eq!(parsed.request.env, want);
}

#[test]
fn variables_can_be_taken_away_or_come_from_the_host() {
    let parsed = create("--unsetenv PATH --unsetenv-all -e A=1 img");
    assert_eq!(parsed.request.env, ["PATH", "A=1"]);
    assert!(parsed.request.clear_env);
    let parsed = create("--env-host -e A=1 img");
    let home = format!("HOME={}", crate::cli::variable("HOME").unwrap());
    assert!(parsed.request.env.contains(&home));
    assert_eq!(parsed.request.env.last().unwrap(), "A=1");
}

#[test]
fn a_volume_made_for_a_mount_gets_its_labels_and_options() {
    let line = "--mount source=data,target=/x,volume-label=a=b,volume-opt=type=none --mount source=plain,target=/y img";
    let volumes = create(line).request.volumes;
    assert_eq!(volumes.len(), 1);
    assert_eq!(volumes[0].name.as_deref(), Some("data"));
    assert_eq!(volumes[0].labels["a"], "b");
    assert_eq!(volumes[0].options["type"], "none");
}

#[test]
fn a_relative_source_starts_at_the_current_folder() {
    let here = std::env::current_dir().unwrap().display().to_string();
    let parsed = create("-v ./rel:/t -v .:/u:ro img");
    assert_eq!(parsed.request.mounts[0].source, format!("{here}/rel"));
    assert_eq!(
        parsed.request.host.binds,
        [format!("{here}/rel:/t"), format!("{here}:/u:ro")]
    );
}

#[test]
fn networks_have_many_names() {
    for (line, want) in [
        ("--network host img", "host"),
        ("--net none img", "none"),
        ("--network default img", "bridge"),
        ("--network name=a,alias=c img", "a"),
        ("--network container:x img", "container:x"),
    ] {
        assert_eq!(create(line).request.host.network_mode, want, "{line}");
    }
}

#[test]
fn what_has_no_effect_is_noted() {
    let parsed = create("--gpus all --blkio-weight 5 --storage-opt size=1 img");
    assert_eq!(
        parsed.notes,
        [
            "--blkio-weight 5 has no effect here",
            "--storage-opt size=1 has no effect here",
        ]
    );
    assert_eq!(parsed.warnings, ["--gpus all has no effect here"]);
    let parsed = create("--network host -p 80:80 img");
    assert_eq!(
        parsed.warnings,
        ["Published ports are discarded when using host network mode"]
    );
}

#[test]
fn wrong_combinations_are_refused_in_dockers_words() {
    for (line, want) in [
        (
            "--rm --restart always img",
            "Usage: Conflicting options: --restart and --rm",
        ),
        (
            "--env-file /nosuch img",
            "Usage: open /nosuch: no such file or directory",
        ),
        (
            "--label-file /nosuch img",
            "Usage: open /nosuch: no such file or directory",
        ),
        (
            "--security-opt foo img",
            "Usage: Invalid --security-opt: \"foo\"",
        ),
        ("--pid foo img", "Usage: --pid: invalid PID mode"),
        ("--uts foo img", "Usage: --uts: invalid UTS mode"),
        ("--userns foo img", "Usage: --userns: invalid USER mode"),
        (
            "--userns keep-id:uid=x img",
            "Usage: --userns: invalid uid=x",
        ),
        (
            "--userns keep-id:id=5 img",
            "Usage: --userns: unknown option specified: \"id\"",
        ),
        (
            "--cgroupns foo img",
            "Usage: --cgroupns: invalid CGROUP mode",
        ),
        ("--ipc foo img", "Invalid: invalid IPC mode: foo"),
        (
            "--no-healthcheck --health-cmd x img",
            "Usage: --no-healthcheck conflicts with --health-* options",
        ),
        (
            "--health-retries -1 img",
            "Usage: --health-retries cannot be negative",
        ),
        (
            "--health-interval 1us img",
            "Invalid: Interval in Healthcheck cannot be less than 1ms",
        ),
        (
            "--restart foo img",
            "Invalid: invalid restart policy: unknown policy 'foo'; use one of 'no', 'always', 'on-failure', or 'unless-stopped'",
        ),
        (
            "--restart on-failure:x img",
            "Usage: invalid restart policy format: maximum retry count must be an integer",
        ),
        (
            "--restart on-failure:-1 img",
            "Invalid: invalid restart policy: maximum retry count cannot be negative",
        ),
        (
            "--restart always:3 img",
            "Invalid: invalid restart policy: maximum retry count can only be used with 'on-failure'",
        ),
        ("--device foo img", "Usage: foo is not an absolute path"),
        (
            "--device /dev/null:/x:foo img",
            "Usage: bad mode specified: foo",
        ),
        (
            "--device a:b:c:d img",
            "Usage: bad format for path: a:b:c:d",
        ),
        (
            "--log-driver none --log-opt a=1 img",
            "Usage: invalid logging opts for driver none",
        ),
        (
            "--log-opt foo=bar img",
            "Invalid: unknown log opt 'foo' for json-file log driver",
        ),
        (
            "--log-opt mode=foo img",
            "Invalid: logger: logging mode not supported: foo",
        ),
        (
            "--log-opt max-buffer-size=1m img",
            "Invalid: logger: max-buffer-size option is only supported with 'mode=non-blocking'",
        ),
        (
            "--isolation hyperv img",
            "Invalid: Invalid isolation: \"hyperv\" - linux only supports 'default'",
        ),
        (
            "--runtime foo img",
            "Invalid: unknown or invalid runtime name: foo",
        ),
        (
            "--memory-swappiness 101 img",
            "Usage: invalid value: 101. Valid memory swappiness range is 0-100.",
        ),
        ("--storage-opt foo img", "Usage: invalid storage option."),
        ("--storage-opt foo=1 img", "Invalid: Unknown option foo"),
        (
            "--annotation =x img",
            "Invalid: invalid Annotations: the empty string is not permitted as an annotation key",
        ),
        (
            "--device-cgroup-rule foo img",
            "Usage: invalid argument \"foo\" for \"--device-cgroup-rule\" flag: invalid device cgroup format 'foo'",
        ),
        ("-m 1k img", "Invalid: Minimum memory limit allowed is 6MB"),
        (
            "-m 100m --memory-swap 50m img",
            "Invalid: Minimum memoryswap limit should be larger than memory limit, see usage",
        ),
        (
            "--memory-swap 50m img",
            "Invalid: You should always set the Memory limit when using Memoryswap limit, see usage",
        ),
        (
            "--oom-score-adj 2000 img",
            "Invalid: Invalid value 2000, range for oom score adj is [-1000, 1000]",
        ),
        (
            "--pull foo img",
            "Usage: invalid pull option: 'foo': must be one of \"always\", \"missing\" or \"never\"",
        ),
        ("-p foo img", "Usage: Invalid containerPort: foo"),
        ("--pod web img", "Usage: --pod cannot be had yet"),
        (
            "--mount source=data,target=/x,volume-driver=nfs img",
            "NotFound: create data: error looking up volume plugin nfs: plugin \"nfs\" not found",
        ),
        (
            "--mount type=bind,source=a,target=b img",
            "Invalid: invalid mount config for type \"bind\": invalid mount path: 'b' mount path must be absolute",
        ),
    ] {
        assert_eq!(refusal(line), want, "{line}");
    }
}

#[test]
fn swap_follows_memory() {
    for (line, want) in [
        ("img", 0),
        ("-m 10m img", 20 << 20),
        ("-m 10m --memory-swap 15m img", 15 << 20),
        ("-m 10m --memory-swap -1 img", -1),
    ] {
        assert_eq!(create(line).request.host.memory_swap, want, "{line}");
    }
}
