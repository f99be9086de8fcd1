//! `exec`: one more process in a running container.

use std::time::Duration;

use crate::support::eventually;

#[test]
fn exec_runs_in_the_container_and_tells_its_status() {
    busybox!(sandbox, image);
    sandbox
        .coracle([
            "run", "-d", "--name", "c1", "-e", "A=image", "-w", "/tmp", "-h", "box", &image,
            "sleep", "1000",
        ])
        .ok();
    let cases: &[(&[&str], &[&str], i32, &str)] = &[
        (&[], &["echo", "in"], 0, "in\n"),
        (&[], &["sh", "-c", "exit 3"], 3, ""),
        (&[], &["sh", "-c", "kill -9 $$"], 137, ""),
        (&["-e", "A=b"], &["sh", "-c", "echo $A"], 0, "b\n"),
        (&[], &["sh", "-c", "echo $A"], 0, "image\n"),
        (&[], &["pwd"], 0, "/tmp\n"),
        (&["-w", "/etc"], &["pwd"], 0, "/etc\n"),
        (&[], &["hostname"], 0, "box\n"),
        (&["-u", "65534:65534"], &["id", "-u"], 0, "65534\n"),
        (
            &[],
            &[
                "sh",
                "-c",
                "grep -c . /proc/1/cmdline; tr '\\0' ' ' </proc/1/cmdline",
            ],
            0,
            "1\nsleep 1000 ",
        ),
        (
            &[],
            &["sh", "-c", "grep CapBnd /proc/self/status | cut -f2"],
            0,
            "00000000a80425fb\n",
        ),
        (
            &["--privileged"],
            // docker applies the container's filter all the same, with more capabilities
            &[
                "sh",
                "-c",
                "grep Seccomp: /proc/self/status | cut -f2; grep -c CapBnd:.*000001ff /proc/self/status",
            ],
            0,
            "2\n1\n",
        ),
        (
            &[],
            &["sh", "-c", "grep Seccomp: /proc/self/status | cut -f2"],
            0,
            "2\n",
        ),
        (
            &[],
            &["sh", "-c", "ls /proc/self/fd | tr '\\n' ' '"],
            0,
            "0 1 2 3 ",
        ),
    ];
    for (flags, command, code, want) in cases {
        let args = [&["exec"], *flags, &["c1"], *command].concat();
        let output = sandbox.coracle(&args).output();
        assert_eq!(
            (output.code, output.stdout.as_str()),
            (*code, *want),
            "{args:?}: {}",
            output.stderr
        );
    }
}

#[test]
fn exec_gives_stdin_with_i() {
    busybox!(sandbox, image);
    sandbox
        .coracle(["run", "-d", "--name", "c1", &image, "sleep", "1000"])
        .ok();
    let text = "line\n".repeat(50_000);
    assert_eq!(
        sandbox
            .coracle(["exec", "-i", "c1", "cat"])
            .stdin(text.clone())
            .ok(),
        text
    );
    assert_eq!(sandbox.coracle(["exec", "c1", "cat"]).stdin(text).ok(), "");
}

#[test]
fn a_detached_exec_goes_on() {
    busybox!(sandbox, image);
    sandbox
        .coracle(["run", "-d", "--name", "c1", &image, "sleep", "1000"])
        .ok();
    assert_eq!(
        sandbox
            .coracle(["exec", "-d", "c1", "sh", "-c", "sleep 0.2; touch /done"])
            .ok(),
        ""
    );
    eventually("the detached process made its file", || {
        sandbox
            .coracle(["exec", "c1", "test", "-e", "/done"])
            .output()
            .code
            == 0
    });
}

#[test]
fn a_detached_exec_whose_program_is_missing_says_so() {
    busybox!(sandbox, image);
    sandbox
        .coracle(["run", "-d", "--name", "c1", &image, "sleep", "1000"])
        .ok();
    let output = sandbox.coracle(["exec", "-d", "c1", "nosuch"]).output();
    assert_eq!(output.code, 1);
    assert!(
        output.stderr.contains("executable file not found in $PATH"),
        "{}",
        output.stderr
    );
}

#[test]
fn the_end_of_a_container_ends_its_execs() {
    busybox!(sandbox, image);
    sandbox
        .coracle(["run", "-d", "--name", "c1", &image, "sleep", "1000"])
        .ok();
    let child = sandbox.coracle(["exec", "c1", "sleep", "1000"]).spawn();
    eventually("the exec runs", || {
        sandbox
            .coracle(["top", "c1"])
            .output()
            .stdout
            .matches("sleep 1000")
            .count()
            == 2
    });
    sandbox.coracle(["kill", "c1"]).ok();
    let output = crate::support::finish(
        child,
        Vec::new(),
        std::time::Duration::from_secs(10),
        "exec".to_owned(),
    );
    assert_eq!(output.code, 137);
}

/// More than all pipes on the way hold: who waits until its input is taken must read the output meanwhile.
#[test]
fn a_filter_of_megabytes_gets_and_gives_all() {
    busybox!(sandbox, image);
    sandbox
        .coracle(["run", "-d", "--name", "filter", &image, "sleep", "1000"])
        .ok();
    let input = "0123456789abcde\n".repeat(300_000);
    for words in [
        &["run", "--rm", "-i", &image, "cat"][..],
        &["exec", "-i", "filter", "cat"],
    ] {
        let output = sandbox.coracle(words).stdin(input.clone()).ok();
        assert!(output == input, "{words:?}: {} bytes", output.len());
    }
    // one that takes nothing is ended by the signal all the same
    let deaf = ["run", "-i", "--name", "deaf", &image, "sleep", "1000"];
    let deaf = sandbox
        .coracle(deaf)
        .stdin(input)
        .limit(Duration::from_secs(20));
    let deaf = std::thread::spawn(move || deaf.output().code);
    let state = || {
        sandbox
            .coracle(["inspect", "-f", "{{.State.Status}}", "deaf"])
            .output()
            .stdout
    };
    eventually("it runs", || state().trim() == "running");
    sandbox.coracle(["kill", "deaf"]).ok();
    assert_eq!(deaf.join().unwrap(), 137);
}
