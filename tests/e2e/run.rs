//! `run`: what the program gets and what the user gets back.

use std::os::unix::fs::MetadataExt;
use std::time::Duration;

use serde_json::json;

use crate::support::image::{Layer, Tar};
use crate::support::{Sandbox, eventually, finish, registry, skipped};

#[test]
fn a_program_runs_and_its_streams_and_status_come_back() {
    busybox!(sandbox, image);
    let output = sandbox
        .coracle([
            "run",
            "--rm",
            &image,
            "sh",
            "-c",
            "echo out; echo err >&2; exit 7",
        ])
        .output();
    assert_eq!(
        (output.code, output.stdout.as_str(), output.stderr.as_str()),
        (7, "out\n", "err\n")
    );
    assert_eq!(sandbox.coracle(["ps", "-aq"]).ok(), "");
}

#[test]
fn a_program_killed_by_a_signal_gives_128_and_its_number() {
    busybox!(sandbox, image);
    let script = "sh -c 'kill -9 $$'; exit $?";
    sandbox
        .coracle(["run", "--rm", &image, "sh", "-c", script])
        .fails(137);
}

#[test]
fn stdin_comes_in_with_i_alone() {
    busybox!(sandbox, image);
    let text = "one\ntwo\n".repeat(20_000);
    assert_eq!(
        sandbox
            .coracle(["run", "--rm", "-i", &image, "cat"])
            .stdin(text.clone())
            .ok(),
        text
    );
    assert_eq!(
        sandbox
            .coracle(["run", "--rm", &image, "cat"])
            .stdin(text)
            .ok(),
        ""
    );
}

/// `| head`: a container that goes with its end learns of it as in a shell's pipeline, another lives on as docker's.
#[test]
fn output_that_nobody_reads_ends_the_command() {
    use std::io::{BufRead, BufReader};
    busybox!(sandbox, image);
    let first_line = |words: &[&str]| {
        let mut child = sandbox.coracle(words).spawn();
        let mut line = String::new();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        stdout.read_line(&mut line).unwrap();
        drop(stdout);
        let what = words.join(" ");
        let output = finish(child, Vec::new(), Duration::from_secs(30), what);
        assert_eq!(line, "y\n", "{}", output.stderr);
        output
    };
    let ended = first_line(&["run", "--rm", &image, "yes"]);
    assert_eq!(ended.code, 1, "{}", ended.stderr);
    assert_eq!(sandbox.coracle(["ps", "-aq"]).ok(), "");
    let script = "echo y; for i in 1 2 3; do echo more; sleep 0.1; done; echo last; sleep 600";
    let words = ["run", "--name", "on", &image, "sh", "-c", script];
    let left = first_line(&words);
    assert_eq!(
        (left.code, left.stderr.as_str()),
        (1, "write /dev/stdout: broken pipe\n")
    );
    eventually("the rest in the log", || {
        sandbox.coracle(["logs", "on"]).ok().ends_with("last\n")
    });
    sandbox.coracle(["rm", "-f", "on"]).ok();
}

#[test]
fn much_output_arrives_whole() {
    busybox!(sandbox, image);
    let output = sandbox
        .coracle(["run", "--rm", &image, "seq", "1", "200000"])
        .ok();
    assert_eq!(output.lines().count(), 200_000);
    assert!(output.ends_with("200000\n"));
}

#[test]
fn the_environment_is_the_images_and_the_users() {
    busybox!(sandbox, image);
    std::fs::write(
        sandbox.work().join("vars"),
        "# comment\nFILE=f\nHOST_VALUE\n",
    )
    .unwrap();
    let out = sandbox
        .coracle([
            "run",
            "--rm",
            "-e",
            "A=1 2",
            "-e",
            "HOST_VALUE",
            "-e",
            "UNSET",
            "--env-file",
            "vars",
            &image,
            "env",
        ])
        .env("HOST_VALUE", "h")
        .ok();
    for line in ["A=1 2", "FILE=f", "HOST_VALUE=h", "HOME=/root"] {
        assert!(out.lines().any(|l| l == line), "{line} is not in\n{out}");
    }
    assert!(
        out.contains("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n"),
        "{out}"
    );
    assert!(!out.contains("UNSET") && !out.contains("CORACLE"), "{out}");
}

#[test]
fn who_where_and_what_name() {
    busybox!(sandbox, image);
    let cases: &[(&[&str], &[&str], &str)] = &[
        (&[], &["id", "-u"], "0\n"),
        (
            &["-u", "1000:1000"],
            &["id"],
            "uid=1000 gid=1000 groups=1000\n",
        ),
        (&["-u", "nobody"], &["id", "-un"], "nobody\n"),
        (&["-u", "0"], &["id", "-un"], "root\n"),
        (&["-w", "/new/dir"], &["pwd"], "/new/dir\n"),
        (&[], &["pwd"], "/\n"),
        (&["-h", "box"], &["hostname"], "box\n"),
        (&["--entrypoint", "echo"], &["a", "b"], "a b\n"),
        (&["--entrypoint", ""], &["echo", "x"], "x\n"),
        (
            &["--add-host", "other:10.1.2.3"],
            &["grep", "other", "/etc/hosts"],
            "10.1.2.3\tother\n",
        ),
        (
            &["--dns", "10.9.8.7", "--network", "none"],
            &["grep", "10.9", "/etc/resolv.conf"],
            "nameserver 10.9.8.7\n",
        ),
        (
            &["--shm-size", "1m"],
            &["sh", "-c", "df -k /dev/shm | tail -1 | awk '{print $2}'"],
            "1024\n",
        ),
        (
            &["--ulimit", "nofile=100:200"],
            &["sh", "-c", "ulimit -n; ulimit -Hn"],
            "100\n200\n",
        ),
        (
            &["--tmpfs", "/t:size=2m"],
            &["sh", "-c", "df -k /t | tail -1 | awk '{print $2}'"],
            "2048\n",
        ),
        (
            &["--init"],
            &["sh", "-c", "test $$ != 1 && echo child"],
            "child\n",
        ),
        (
            &["--oom-score-adj", "500"],
            &["cat", "/proc/self/oom_score_adj"],
            "500\n",
        ),
        (
            &[
                "--sysctl",
                "net.ipv4.ip_unprivileged_port_start=7",
                "--network",
                "none",
            ],
            &["cat", "/proc/sys/net/ipv4/ip_unprivileged_port_start"],
            "7\n",
        ),
    ];
    for (flags, command, want) in cases {
        let args = [&["run", "--rm"], *flags, &[image.as_str()], *command].concat();
        let output = sandbox.coracle(&args).output();
        assert_eq!(
            (output.code, output.stdout.as_str()),
            (0, *want),
            "{args:?}: {}",
            output.stderr
        );
    }
}

#[test]
fn a_container_sees_itself_alone() {
    busybox!(sandbox, image);
    let out = |script: &str| {
        sandbox
            .coracle([
                "run",
                "--rm",
                "--network",
                "none",
                &image,
                "sh",
                "-c",
                script,
            ])
            .ok()
    };
    assert_eq!(out("echo $$"), "1\n");
    assert_eq!(out("ps | wc -l"), "4\n"); // heading, sh, ps, wc
    assert_eq!(out("ls /sys/class/net"), "lo\n");
    assert_eq!(
        // `core` only where the host has /proc/kcore
        out("ls -A /dev | grep -v core | sort | tr '\\n' ' '"),
        "fd full mqueue null ptmx pts random shm stderr stdin stdout tty urandom zero "
    );
    assert_eq!(
        out(
            "cat /proc/kcore /proc/keys 2>/dev/null | wc -c; ls -A /proc/acpi /proc/scsi /sys/firmware 2>/dev/null | grep -v : | tr -d '\\n'"
        ),
        "0\n"
    );
    assert_eq!(
        out("echo 1 2>/dev/null >/proc/sysrq-trigger || echo refused"),
        "refused\n"
    );
    assert_eq!(
        out("grep -E 'Seccomp:|NoNewPrivs' /proc/self/status | tr -d '\\t\\n'"),
        "NoNewPrivs:0Seccomp:2"
    );
    assert_eq!(
        out("grep CapBnd /proc/self/status | cut -f2"),
        "00000000a80425fb\n"
    ); // docker's 14
    assert_eq!(
        out("mount -t tmpfs x /tmp 2>/dev/null || echo refused"),
        "refused\n"
    );
    // nothing of the host's is open in it
    assert_eq!(out("ls /proc/self/fd | tr '\\n' ' '"), "0 1 2 3 ");
}

#[test]
fn capabilities_can_be_added_and_dropped() {
    busybox!(sandbox, image);
    let bounding = |flags: &[&str]| {
        let args = [
            &["run", "--rm"],
            flags,
            &[image.as_str(), "grep", "CapBnd", "/proc/self/status"],
        ]
        .concat();
        let out = sandbox.coracle(args).ok();
        u64::from_str_radix(out.trim().rsplit('\t').next().unwrap(), 16).unwrap()
    };
    assert_eq!(bounding(&["--cap-drop", "ALL"]), 0);
    assert_eq!(bounding(&["--cap-drop", "all", "--cap-add", "chown"]), 1);
    assert_eq!(bounding(&["--cap-add", "SYS_ADMIN"]), 0xa804_25fb | 1 << 21);
    assert!(bounding(&["--privileged"]).count_ones() > 35);
}

#[test]
fn a_read_only_root_is_one() {
    busybox!(sandbox, image);
    let script = "touch /x 2>/dev/null || echo refused; touch /t/x && echo fine; touch /dev/shm/x && echo fine; \
                  for f in hosts hostname resolv.conf; do (echo >>/etc/$f) 2>/dev/null || echo refused; done";
    let out = sandbox
        .coracle([
            "run",
            "--rm",
            "--network",
            "none",
            "--read-only",
            "--tmpfs",
            "/t",
            &image,
            "sh",
            "-c",
            script,
        ])
        .ok();
    assert_eq!(out, "refused\nfine\nfine\nrefused\nrefused\nrefused\n");
}

#[test]
fn one_containers_changes_are_not_anothers() {
    busybox!(sandbox, image);
    let script = "echo x >/etc/new; rm /etc/passwd; rm -r /home; mkdir /home; ls -a /home | wc -l";
    assert_eq!(
        sandbox
            .coracle(["run", "--name", "a1", &image, "sh", "-c", script])
            .ok(),
        "2\n"
    );
    let script = "test -e /etc/new || test ! -e /etc/passwd || echo clean";
    assert_eq!(
        sandbox
            .coracle(["run", "--rm", &image, "sh", "-c", script])
            .ok(),
        "clean\n"
    );
    // and they last
    assert_eq!(sandbox.coracle(["start", "-a", "a1"]).output().code, 0);
    sandbox.coracle(["rm", "a1"]).ok();
}

#[test]
fn every_file_of_the_store_is_the_users() {
    busybox!(sandbox, image);
    let script = "touch /a; mkdir -p /d/e; chmod 000 /d/e /a; chown 1:1 /a 2>/dev/null; true";
    sandbox
        .coracle(["run", "--name", "a1", &image, "sh", "-c", script])
        .ok();
    let uid = nix::unistd::getuid().as_raw();
    let mut folders = vec![sandbox.data()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            let meta = entry.metadata().unwrap();
            assert_eq!(meta.uid(), uid, "{}", entry.path().display());
            if meta.is_dir() {
                folders.push(entry.path());
            }
        }
    }
}

#[test]
fn a_cidfile_and_labels_and_a_name_are_kept() {
    busybox!(sandbox, image);
    let id = sandbox
        .coracle([
            "run",
            "-d",
            "--cidfile",
            "cid",
            "--label",
            "k=v",
            "-l",
            "flag",
            "--name",
            "web",
            &image,
            "sleep",
            "60",
        ])
        .ok();
    assert_eq!(
        std::fs::read_to_string(sandbox.work().join("cid")).unwrap(),
        id.trim()
    );
    let format = "{{.Name}} {{.Id}} {{index .Config.Labels \"k\"}} {{.State.Running}}";
    let shown = sandbox.coracle(["inspect", "-f", format, "web"]).ok();
    assert_eq!(shown, format!("/web {} v true\n", id.trim()));
    let again = sandbox
        .docker(["run", "--rm", "--cidfile", "cid", &image, "true"])
        .fails(125);
    assert!(again.contains("container ID file found"), "{again}");
}

#[test]
fn entrypoint_user_workdir_and_environment_of_an_image_are_used() {
    let Some(registry) = registry::get() else {
        return skipped("no loopback registry");
    };
    let Some(root) = crate::support::image::busybox_root() else {
        return skipped("no busybox");
    };
    let more = Tar::default()
        .folder("srv", 0o755)
        .owned("srv/f", 0o640, (33, 33), "content")
        .finish();
    let config = json!({
        "Env": ["PATH=/bin", "FROM_IMAGE=1"], "Entrypoint": ["echo", "entry"], "Cmd": ["cmd"], "WorkingDir": "/srv",
        "User": "nobody", "Labels": {"from": "image"},
    });
    let layers = [Layer::from_tar(&root), Layer::from_tar(&more)];
    let image = registry.push(
        &format!("configured-{}:1", std::process::id()),
        &layers,
        config,
    );
    let sandbox = Sandbox::new();
    assert_eq!(sandbox.coracle(["run", "--rm", &image]).ok(), "entry cmd\n");
    assert_eq!(
        sandbox.coracle(["run", "--rm", &image, "mine"]).ok(),
        "entry mine\n"
    );
    let script = "pwd; id -un; echo $FROM_IMAGE";
    let out = sandbox
        .coracle(["run", "--rm", "--entrypoint", "sh", &image, "-c", script])
        .ok();
    assert_eq!(out, "/srv\nnobody\n1\n");
}

#[test]
fn debian_runs() {
    let Some(image) = registry::get().and_then(registry::Registry::debian) else {
        return skipped("no Debian root (tests/run makes one as root)");
    };
    let sandbox = Sandbox::new();
    let script = ". /etc/os-release; echo $ID; dpkg-query -W -f '${Status}\\n' base-files; perl -e 'print 6*7, \"\\n\"'";
    let out = sandbox
        .coracle(["run", "--rm", &image, "bash", "-c", script])
        .ok();
    assert_eq!(out, "debian\ninstall ok installed\n42\n");
}

#[test]
fn the_embedded_image_needs_no_registry() {
    let sandbox = Sandbox::new();
    let out = sandbox.coracle(["run", "--rm", "hello"]).ok();
    assert!(out.contains("Hello"), "{out}");
}

#[test]
fn a_shell_over_the_machines_own_root_changes_nothing() {
    let sandbox = Sandbox::new();
    let script = "echo changed >/etc/hostname.coracle-test && cat /etc/hostname.coracle-test";
    let out = sandbox
        .coracle(["run", "--rm", "host", "sh", "-c", script])
        .ok();
    assert_eq!(out, "changed\n");
    assert!(!std::path::Path::new("/etc/hostname.coracle-test").exists());
}

/// As docker's: a container for looking into another one.
#[test]
fn the_processes_of_another_container_are_seen_and_signalled() {
    busybox!(sandbox, image);
    let script = "trap 'echo told; exit 3' USR1; while :; do sleep 0.1; done";
    sandbox
        .coracle(["run", "-d", "--name", "seen", &image, "sh", "-c", script])
        .ok();
    let beside = |script: &str| {
        let flags = ["run", "--rm", "--pid", "container:seen", &image];
        sandbox.coracle([&flags[..], &["sh", "-c", script]].concat())
    };
    assert!(beside("cat /proc/1/cmdline").ok().contains("echo told"));
    // also of what only its own root may read
    assert_eq!(beside("readlink /proc/1/exe").ok(), "/bin/busybox\n");
    // its ids are its own, and its helpers are not among the processes
    let own = "touch /f && chown 5:6 /f && stat -c %u:%g /f";
    assert_eq!(beside(own).ok(), "5:6\n");
    let names = "cat /proc/[0-9]*/comm | sort -u | tr '\\n' ' '";
    let seen = sandbox.coracle(["exec", "seen", "sh", "-c", names]).ok();
    assert!(!seen.contains("__"), "{seen}");
    beside("kill -USR1 1").ok();
    assert_eq!(sandbox.coracle(["wait", "seen"]).ok(), "3\n");
    assert_eq!(sandbox.coracle(["logs", "seen"]).ok(), "told\n");
}
