//! `create`, `start`, `stop`, `kill`, `restart`, `pause`, `wait`, `rename`, `rm`: the life of a container.

use std::time::{Duration, Instant};

use crate::support::{Coracle, Sandbox, eventually, skipped};

fn state(sandbox: &Sandbox, name: &str) -> String {
    sandbox
        .coracle([
            "inspect",
            "-f",
            "{{.State.Status}} {{.State.ExitCode}}",
            name,
        ])
        .ok()
        .trim()
        .to_owned()
}

#[test]
fn from_create_to_rm() {
    busybox!(sandbox, image);
    let id = sandbox
        .coracle([
            "create",
            "--name",
            "c1",
            &image,
            "sh",
            "-c",
            "echo out; echo err >&2; exit 5",
        ])
        .ok();
    assert_eq!(id.len(), 65);
    assert_eq!(state(&sandbox, "c1"), "created 0");
    let run = sandbox.coracle(["start", "-a", "c1"]).output();
    assert_eq!(
        (run.code, run.stdout.as_str(), run.stderr.as_str()),
        (5, "out\n", "err\n")
    );
    assert_eq!(state(&sandbox, "c1"), "exited 5");
    assert_eq!(sandbox.coracle(["wait", "c1"]).ok(), "5\n");
    assert_eq!(sandbox.coracle(["start", "c1"]).ok(), "c1\n");
    assert_eq!(sandbox.coracle(["wait", "c1"]).ok(), "5\n");
    assert_eq!(sandbox.coracle(["logs", "c1"]).ok(), "out\nout\n");
    assert_eq!(sandbox.coracle(["rm", "c1"]).ok(), "c1\n");
    assert_eq!(sandbox.coracle(["ps", "-aq"]).ok(), "");
}

#[test]
fn stop_asks_first_and_kills_then() {
    busybox!(sandbox, image);
    let obedient = "trap 'exit 9' TERM; while :; do sleep 0.1; done";
    sandbox
        .coracle([
            "run", "-d", "--name", "obedient", &image, "sh", "-c", obedient,
        ])
        .ok();
    let stubborn = "trap '' TERM; touch /ready; while :; do sleep 0.1; done";
    sandbox
        .coracle([
            "run", "-d", "--name", "stubborn", &image, "sh", "-c", stubborn,
        ])
        .ok();
    let other = "trap 'exit 8' USR1; touch /ready; while :; do sleep 0.1; done";
    sandbox
        .coracle([
            "run",
            "-d",
            "--name",
            "other",
            "--stop-signal",
            "USR1",
            &image,
            "sh",
            "-c",
            other,
        ])
        .ok();
    eventually("traps are set", || {
        ["stubborn", "other"].iter().all(|c| {
            sandbox
                .coracle(["exec", c, "test", "-e", "/ready"])
                .output()
                .code
                == 0
        })
    });
    let start = Instant::now();
    assert_eq!(
        sandbox.coracle(["stop", "obedient", "other"]).ok(),
        "obedient\nother\n"
    );
    assert!(start.elapsed() < Duration::from_secs(5));
    assert_eq!(state(&sandbox, "obedient"), "exited 9");
    assert_eq!(state(&sandbox, "other"), "exited 8");
    let start = Instant::now();
    sandbox.coracle(["stop", "-t", "1", "stubborn"]).ok();
    assert!(start.elapsed() >= Duration::from_secs(1) && start.elapsed() < Duration::from_secs(6));
    assert_eq!(state(&sandbox, "stubborn"), "exited 137");
}

#[test]
fn kill_sends_any_signal() {
    busybox!(sandbox, image);
    let script = "trap 'echo got' USR1; touch /ready; while :; do sleep 0.1; done";
    sandbox
        .coracle(["run", "-d", "--name", "c1", &image, "sh", "-c", script])
        .ok();
    eventually("the trap is set", || {
        sandbox
            .coracle(["exec", "c1", "test", "-e", "/ready"])
            .output()
            .code
            == 0
    });
    for signal in ["USR1", "SIGUSR1", "10"] {
        assert_eq!(sandbox.coracle(["kill", "-s", signal, "c1"]).ok(), "c1\n");
        std::thread::sleep(Duration::from_millis(300));
    }
    eventually("the program got them", || {
        sandbox.coracle(["logs", "c1"]).ok().lines().count() == 3
    });
    sandbox.coracle(["kill", "c1"]).ok();
    eventually("it is dead", || state(&sandbox, "c1") == "exited 137");
}

#[test]
fn restart_gives_a_new_process_with_the_old_files() {
    busybox!(sandbox, image);
    sandbox
        .coracle([
            "run",
            "-d",
            "--name",
            "c1",
            &image,
            "sh",
            "-c",
            "echo x >>/count; sleep 1000",
        ])
        .ok();
    let pid = || {
        sandbox
            .coracle(["inspect", "-f", "{{.State.Pid}}", "c1"])
            .ok()
    };
    let before = pid();
    assert_eq!(sandbox.coracle(["restart", "-t", "0", "c1"]).ok(), "c1\n");
    assert_ne!(before, pid());
    eventually("it wrote again", || {
        sandbox.coracle(["exec", "c1", "cat", "/count"]).ok() == "x\nx\n"
    });
}

#[test]
fn a_restart_policy_starts_again_until_it_gives_up() {
    busybox!(sandbox, image);
    sandbox
        .coracle([
            "run",
            "-d",
            "--name",
            "c1",
            "--restart",
            "on-failure:2",
            &image,
            "sh",
            "-c",
            "echo x; exit 1",
        ])
        .ok();
    eventually("it gave up", || state(&sandbox, "c1") == "exited 1");
    assert_eq!(sandbox.coracle(["logs", "c1"]).ok(), "x\nx\nx\n");
    assert_eq!(
        sandbox
            .coracle(["inspect", "-f", "{{.RestartCount}}", "c1"])
            .ok(),
        "2\n"
    );
    sandbox
        .coracle([
            "run",
            "-d",
            "--name",
            "d1",
            "--restart",
            "always",
            &image,
            "sh",
            "-c",
            "echo x; sleep 0.1",
        ])
        .ok();
    eventually("it started again", || {
        sandbox.coracle(["logs", "d1"]).ok().lines().count() >= 2
    });
    sandbox.coracle(["stop", "-t", "0", "d1"]).ok();
    let count = sandbox.coracle(["logs", "d1"]).ok();
    std::thread::sleep(Duration::from_millis(700));
    assert_eq!(
        sandbox.coracle(["logs", "d1"]).ok(),
        count,
        "it runs again after a stop"
    );
}

/// Recorded from docker 26: `wait` and an attached `run` end with the program, and the container goes on by itself.
#[test]
fn who_waits_or_looks_on_sees_one_life() {
    busybox!(sandbox, image);
    let script = "echo x; sleep 0.4; exit 6";
    let run = |mode: &[&str]| {
        let flags = ["--restart", "always", &image, "sh", "-c", script];
        sandbox.coracle([&["run"], mode, &flags].concat())
    };
    run(&["-d", "--name", "waited"]).ok();
    assert_eq!(sandbox.coracle(["wait", "waited"]).ok(), "6\n");
    let seen = run(&["--name", "seen"]).output().expect_code(6);
    assert_eq!(seen.stdout, "x\n");
    for name in ["waited", "seen"] {
        eventually("it goes on", || {
            sandbox.coracle(["logs", name]).ok().lines().count() >= 3
        });
    }
    sandbox.coracle(["rm", "-f", "waited", "seen"]).ok();
}

#[test]
fn update_changes_what_runs_and_what_starts_later() {
    busybox!(sandbox, image);
    let update = |flags: &[&str]| sandbox.coracle([&["update"], flags, &["c1"]].concat());
    let run = [
        "run",
        "-d",
        "--name",
        "c1",
        "--restart",
        "always",
        "--ulimit",
    ];
    let more = ["nproc=200:300", image.as_str(), "sleep", "1000"];
    sandbox.coracle([&run[..], &more].concat()).ok();
    assert_eq!(
        update(&["--restart", "no", "--cpuset-cpus", "0"]).ok(),
        "c1\n"
    );
    let status = sandbox
        .coracle(["exec", "c1", "grep", "Cpus_allowed_list", "/proc/1/status"])
        .ok();
    assert_eq!(status, "Cpus_allowed_list:\t0\n");
    let format = "{{.HostConfig.RestartPolicy.Name}} {{.HostConfig.CpusetCpus}}";
    let inspect = |format: &str| sandbox.coracle(["inspect", "-f", format, "c1"]).ok();
    assert_eq!(inspect(format), "no 0\n");
    // recorded from docker 26
    for (flags, want) in [
        (
            &["--memory", "3m"][..],
            "Error response from daemon: Minimum memory limit allowed is 6MB\n",
        ),
        (
            &["--memory", "64m"],
            "Error response from daemon: Cannot update container ID: Memory limit should be smaller than already set memoryswap limit, update the memoryswap at the same time\n",
        ),
        (
            &["--restart", "x"],
            "Error response from daemon: invalid restart policy: unknown policy 'x'; use one of 'no', 'always', 'on-failure', or 'unless-stopped'\n",
        ),
        (
            &[],
            "you must provide one or more flags when using this command\n",
        ),
    ] {
        let want = want.replace("ID", inspect("{{.Id}}").trim());
        assert_eq!(update(flags).fails(1), want);
    }
    // the policy of now counts, not that of the start
    let pid = inspect("{{.State.Pid}}");
    let kill = sandbox.command("kill").args(["-9", pid.trim()]).status();
    assert!(kill.unwrap().success());
    eventually("it stays down", || state(&sandbox, "c1") == "exited 137");
}

#[test]
fn pause_holds_still_and_unpause_goes_on() {
    busybox!(sandbox, image);
    let script = "i=0; while :; do i=$((i+1)); echo $i >/n; sleep 0.02; done";
    sandbox
        .coracle([
            "run",
            "-d",
            "--name",
            "c1",
            "-v",
            "vol:/v",
            &image,
            "sh",
            "-c",
            &script.replace("/n", "/v/n"),
        ])
        .ok();
    let count = || {
        let path = sandbox
            .coracle(["volume", "inspect", "-f", "{{.Mountpoint}}", "vol"])
            .ok();
        std::fs::read_to_string(format!("{}/n", path.trim())).unwrap_or_default()
    };
    eventually("it counts", || {
        count().trim().parse::<u32>().is_ok_and(|n| n > 3)
    });
    assert_eq!(sandbox.coracle(["pause", "c1"]).ok(), "c1\n");
    assert!(state(&sandbox, "c1").starts_with("paused"));
    assert!(sandbox.coracle(["ps"]).ok().contains("(Paused)"));
    let text = sandbox.docker(["exec", "c1", "true"]).fails(1);
    assert_eq!(
        text,
        "Error response from daemon: Container c1 is paused, unpause the container before exec\n"
    );
    std::thread::sleep(Duration::from_millis(100));
    let held = count();
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(count(), held);
    assert_eq!(sandbox.coracle(["unpause", "c1"]).ok(), "c1\n");
    eventually("it counts again", || count() != held);
    let text = sandbox.docker(["unpause", "c1"]).fails(1);
    assert!(text.contains("is not paused"), "{text}");
}

#[test]
fn a_new_name_is_the_name() {
    busybox!(sandbox, image);
    sandbox
        .coracle(["run", "-d", "--name", "old", &image, "sleep", "1000"])
        .ok();
    assert_eq!(sandbox.coracle(["rename", "old", "new"]).ok(), "");
    assert_eq!(
        sandbox.coracle(["ps", "--format", "{{.Names}}"]).ok(),
        "new\n"
    );
    sandbox.coracle(["exec", "new", "true"]).ok();
    sandbox.coracle(["exec", "old", "true"]).fails(1);
    sandbox.coracle(["create", "--name", "old", &image]).ok();
    let text = sandbox.docker(["rename", "old", "new"]).fails(1);
    assert!(
        text.contains("Conflict. The container name \"/new\" is already in use"),
        "{text}"
    );
}

#[test]
fn rm_takes_what_runs_with_f_alone_and_an_anonymous_volume_with_v() {
    busybox!(sandbox, image);
    sandbox
        .coracle([
            "run", "-d", "--name", "c1", "-v", "/data", &image, "sleep", "1000",
        ])
        .ok();
    sandbox.coracle(["rm", "c1"]).fails(1);
    assert_eq!(
        sandbox.coracle(["volume", "ls", "-q"]).ok().lines().count(),
        1
    );
    assert_eq!(sandbox.coracle(["rm", "-f", "-v", "c1"]).ok(), "c1\n");
    assert_eq!(sandbox.coracle(["volume", "ls", "-q"]).ok(), "");
    assert_eq!(sandbox.wait_until_quiet(), Vec::<String>::new());
}

#[test]
fn a_health_check_is_told() {
    busybox!(sandbox, image);
    let flags = [
        "--health-cmd",
        "test -e /ok",
        "--health-interval",
        "200ms",
        "--health-retries",
        "2",
    ];
    let script = "sleep 1; touch /ok; sleep 2; rm /ok; sleep 1000";
    let args = [
        ["run", "-d", "--name", "c1"].as_slice(),
        &flags,
        &[&image, "sh", "-c", script],
    ]
    .concat();
    sandbox.coracle(args).ok();
    let health = || {
        sandbox
            .coracle(["inspect", "-f", "{{.State.Health.Status}}", "c1"])
            .ok()
    };
    for word in ["healthy\n", "unhealthy\n"] {
        eventually(word, || health() == word);
    }
    assert!(sandbox.coracle(["ps"]).ok().contains("(unhealthy)"));
    sandbox.coracle(["stop", "-t", "0", "c1"]).ok();
    assert_eq!(
        health(),
        "unhealthy\n",
        "the last word stays, as with docker"
    );
    assert!(!sandbox.coracle(["ps", "-a"]).ok().contains("healthy"));
}

#[test]
fn a_dead_monitor_means_exited() {
    busybox!(sandbox, image);
    sandbox
        .coracle(["run", "-d", "--name", "c1", &image, "sleep", "1000"])
        .ok();
    let pids: Vec<String> = sandbox
        .processes()
        .iter()
        .filter(|line| line.contains("__monitor"))
        .map(|line| line.split(' ').next().unwrap().to_owned())
        .collect();
    assert_eq!(pids.len(), 1);
    std::process::Command::new("kill")
        .args(["-9", &pids[0]])
        .status()
        .unwrap();
    eventually("it counts as exited", || {
        state(&sandbox, "c1").starts_with("exited")
    });
    assert_eq!(sandbox.wait_until_quiet(), Vec::<String>::new());
    assert_eq!(sandbox.coracle(["start", "c1"]).ok(), "c1\n");
    assert!(state(&sandbox, "c1").starts_with("running"));
}

#[test]
fn on_a_full_disk_what_starts_can_be_stopped_and_what_cannot_be_known_does_not_start() {
    let sandbox = Sandbox::new();
    let Some(root) = crate::support::image::busybox_root() else {
        return;
    };
    let data = sandbox.data();
    std::fs::create_dir_all(&data).unwrap();
    // a small disk in namespaces of the script's own
    let script = r#"
        mount -t tmpfs -o size=12m,mode=700 none "$DATA" || exit 99
        c() { "$CORACLE" "$@"; }
        c import - bb:1 >/dev/null < "$ROOT"
        c run -d --name ran --network none bb:1 sleep 100 >/dev/null; c stop -t 0 ran >/dev/null
        c create --name new --network none bb:1 sleep 100 >/dev/null
        dd if=/dev/zero of="$DATA/fill" bs=4k 2>/dev/null
        i=0; while [ $i -lt 20000 ] && : > "$DATA/f$i"; do i=$((i+1)); done 2>/dev/null
        c start ran >/dev/null; echo "start $?"; c ps --format '{{.Names}}'
        c stop -t 0 ran >/dev/null; echo "stop $?"; c ps --format '{{.Names}}'
        c start ran >/dev/null; c kill ran >/dev/null; echo "kill $?"
        c start new 2>&1; echo "new $?"; c ps --format '{{.Names}}'
        rm "$DATA/fill"
        c rm -f ran new >/dev/null; echo "rm $?"; c ps -aq
    "#;
    let archive = sandbox.work().join("root.tar");
    std::fs::write(&archive, root).unwrap();
    crate::support::open_up(&sandbox.work());
    let mut command = sandbox.command("unshare");
    command.args(["-r", "-m", "sh", "-c", script]);
    command
        .env("DATA", &data)
        .env("ROOT", &archive)
        .env("CORACLE", crate::support::program());
    let output = command.output().unwrap();
    if output.status.code() == Some(99) {
        return skipped("no tmpfs can be mounted in a user namespace");
    }
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let (before, after) = said.split_once("kill 0\n").unwrap_or((&said, ""));
    assert_eq!(
        before,
        "start 0\nran\nstop 0\n",
        "{said}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let lines: Vec<_> = after.lines().collect();
    assert!(lines[0].contains("No space left on device"), "{said}");
    assert_eq!(lines[2..], ["new 1", "rm 0"], "{said}");
}

/// What every command must see of a living container, whatever became of the runtime folder.
fn is_seen_and_served(seconds: u32, coracle: &dyn Fn(&str) -> Coracle) {
    let status = coracle("ps -a --format {{.Names}}:{{.State}}").ok();
    assert_eq!(status, "web:running\n");
    coracle("start web").ok();
    let text = coracle("rm web").fails(1);
    assert!(text.contains("container is running"), "{text}");
    coracle("container prune -f").ok();
    assert_eq!(coracle("exec web cat /mark").ok(), "here\n");
    let program = format!("sleep\0{seconds}\0");
    let all = std::fs::read_dir("/proc").unwrap().flatten();
    let lines = all.filter_map(|e| std::fs::read_to_string(e.path().join("cmdline")).ok());
    let count = lines.filter(|line| *line == program).count();
    assert_eq!(count, 1, "one program for one writable layer");
    let said = coracle("system check").ok();
    assert!(said.contains("is in order"), "{said}");
}

#[test]
fn a_container_outlives_its_runtime_folder() {
    busybox!(s, image);
    let coracle = |line: &str| s.docker(line.split(' '));
    coracle("network create one").ok();
    let run = [
        "run",
        "-d",
        "--name",
        "web",
        "--network",
        "one",
        &image,
        "sh",
        "-c",
    ];
    s.docker(
        run.iter()
            .copied()
            .chain(["echo here > /mark; exec sleep 4711"]),
    )
    .ok();
    eventually("the mark", || {
        coracle("exec web cat /mark").output().stdout == "here\n"
    });
    // as the last logout does to /run/user/UID; who makes a file there meanwhile is met again
    let log_out = || {
        eventually("no runtime folder", || {
            std::fs::remove_dir_all(s.runtime()).is_ok()
        });
    };
    log_out();
    is_seen_and_served(4711, &coracle);
    // the network is still the same one, and knows its members
    let address = coracle("inspect -f {{.NetworkSettings.Networks.one.IPAddress}} web").ok();
    let found = s
        .docker(["run", "--rm", "--network", "one", &image, "nslookup", "web"])
        .ok();
    assert!(found.contains(address.trim()), "{address} {found}");
    log_out();
    coracle("stop -t 0 web").ok();
    log_out();
    assert_eq!(coracle("ps -a --format {{.State}}").ok(), "exited\n");
    coracle("rm web").ok();
    assert_eq!(s.wait_until_quiet(), [""; 0]);
}

#[test]
fn more_ports_than_the_soft_limit_of_descriptors_are_published() {
    busybox!(s, image);
    let script = "ulimit -Sn 100; \"$CORACLE\" run --rm -p 127.0.0.1:23000-23149:1000-1149 \"$IMAGE\" sh -c 'ulimit -Sn'";
    let mut command = s.command("sh");
    command
        .args(["-c", script])
        .env("IMAGE", &image)
        .env("CORACLE", crate::support::program());
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(String::from_utf8_lossy(&output.stdout), "100\n", "{said}");
}

#[test]
fn a_store_that_another_host_sees_keeps_its_living_containers() {
    busybox!(s, image);
    let run = ["run", "-d", "--name", "web", &image];
    s.docker(run.iter().copied().chain(["sleep", "1000"])).ok();
    // other processes, another name, another runtime folder: the home of a cluster's next node, or of a sandbox
    let script = r#"
        hostname node2 && mount -t tmpfs -o mode=700 none "$RUNTIME" || exit 99
        c() { "$CORACLE" "$@" 2>&1; }
        c ps -a --format '{{.Names}} {{.State}}'
        c rm web; c rm -f web; c container prune -f; c system prune -f; c top web
        c start web; echo "start $?"
    "#;
    crate::support::open_up(&s.work());
    let mut command = s.command("unshare");
    command.args([
        "-r",
        "-m",
        "-u",
        "-p",
        "-f",
        "--mount-proc",
        "sh",
        "-c",
        script,
    ]);
    command
        .env("RUNTIME", s.runtime())
        .env("CORACLE", crate::support::program());
    let output = command.output().unwrap();
    if output.status.code() == Some(99) {
        return skipped("no tmpfs can be mounted in a user namespace");
    }
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.starts_with("web running\n"), "{said}");
    assert!(said.ends_with("web\nstart 0\n"), "{said}");
    for part in [
        "stop the container before",
        "its monitor lives on another host",
        "cannot see the processes",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(!said.contains("Deleted Containers"), "{said}");
    assert_eq!(s.docker(["exec", "web", "echo", "here"]).ok(), "here\n");
    let first = s.docker(["inspect", "-f", "{{.State.Pid}}", "web"]).ok();
    let status = std::fs::read_to_string(format!("/proc/{}/status", first.trim())).unwrap();
    let parent = status.lines().find_map(|l| l.strip_prefix("PPid:"));
    let monitor = nix::unistd::Pid::from_raw(parent.unwrap().trim().parse().unwrap());
    nix::sys::signal::kill(monitor, nix::sys::signal::Signal::SIGKILL).unwrap();
    // the lock in the store goes with the monitor
    eventually("the end is seen", || {
        s.docker(["ps", "-a", "--format", "{{.State}}"]).ok() == "exited\n"
    });
    s.docker(["start", "web"]).ok();
    s.docker(["rm", "-f", "web"]).ok();
    assert_eq!(s.wait_until_quiet(), [""; 0]);
}

#[test]
fn a_shell_with_other_variables_sees_the_same_containers() {
    busybox!(s, image);
    let run = ["run", "-d", "--name", "web", &image, "sh", "-c"];
    s.docker(
        run.iter()
            .copied()
            .chain(["echo here > /mark; exec sleep 4712"]),
    )
    .ok();
    let coracle = |line: &str| s.docker(line.split(' '));
    eventually("the mark", || {
        coracle("exec web cat /mark").output().stdout == "here\n"
    });
    let other = s.work().join("other");
    std::fs::create_dir(&other).unwrap();
    // a cron job, a login after it
    is_seen_and_served(4712, &|line| coracle(line).env("XDG_RUNTIME_DIR", &other));
    assert!(
        !other.join("coracle").exists(),
        "the store has a runtime folder already"
    );
    // by name it is another one: its monitor comes along
    let named = other.join("named");
    is_seen_and_served(4712, &|line| coracle(line).env("CORACLE_RUNROOT", &named));
    assert!(named.join("containers").exists());
    is_seen_and_served(4712, &coracle);
    coracle("rm -f web").ok();
    assert_eq!(s.wait_until_quiet(), [""; 0]);
}
