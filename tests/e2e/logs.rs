//! `logs`: what a container wrote.

use std::time::Duration;

use crate::support::{eventually, finish};

#[test]
fn both_streams_come_back_and_tail_counts_lines() {
    busybox!(sandbox, image);
    sandbox
        .coracle([
            "run",
            "--name",
            "c1",
            &image,
            "sh",
            "-c",
            "echo one; echo two >&2; echo three; printf four",
        ])
        .ok();
    let all = sandbox.coracle(["logs", "c1"]).output().expect_code(0);
    assert_eq!(
        (all.stdout.as_str(), all.stderr.as_str()),
        ("one\nthree\nfour", "two\n")
    );
    assert_eq!(sandbox.coracle(["logs", "--tail", "1", "c1"]).ok(), "four");
    assert_eq!(sandbox.coracle(["logs", "-n", "0", "c1"]).ok(), "");
    let stamped = sandbox.coracle(["logs", "-t", "c1"]).ok();
    for line in stamped.lines() {
        let (time, _) = line.split_once(' ').unwrap();
        assert!(
            time.starts_with("20") && time.ends_with('Z') && time.len() == 30,
            "{line}"
        );
    }
    assert_eq!(
        sandbox.coracle(["logs", "--since", "1h", "c1"]).ok(),
        "one\nthree\nfour"
    );
    assert_eq!(sandbox.coracle(["logs", "--until", "1h", "c1"]).ok(), "");
}

#[test]
fn following_shows_what_comes_and_ends_with_the_container() {
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
            "echo a; sleep 1; echo b; exit 3",
        ])
        .ok();
    let child = sandbox.coracle(["logs", "-f", "c1"]).spawn();
    let output = finish(
        child,
        Vec::new(),
        Duration::from_secs(20),
        "logs -f".to_owned(),
    );
    assert_eq!((output.code, output.stdout.as_str()), (0, "a\nb\n"));
}

#[test]
fn a_terminals_log_is_its_raw_text() {
    busybox!(sandbox, image);
    sandbox
        .coracle([
            "run",
            "-t",
            "-d",
            "--name",
            "c1",
            &image,
            "sh",
            "-c",
            "echo x; echo y >&2",
        ])
        .ok();
    assert_eq!(sandbox.coracle(["wait", "c1"]).ok(), "0\n");
    assert_eq!(sandbox.coracle(["logs", "c1"]).ok(), "x\r\ny\r\n");
}

#[test]
fn a_log_rotates_at_its_size() {
    busybox!(sandbox, image);
    let flags = ["--log-opt", "max-size=20k", "--log-opt", "max-file=2"];
    let args = [
        ["run", "-d", "--name", "c1"].as_slice(),
        &flags,
        &[&image, "seq", "1", "3000"],
    ]
    .concat();
    let id = sandbox.coracle(args).ok();
    sandbox.coracle(["wait", "c1"]).ok();
    let folder = sandbox.data().join("containers").join(id.trim());
    let size: u64 = std::fs::read_dir(folder)
        .unwrap()
        .flatten()
        .filter(|e| e.file_name().to_string_lossy().starts_with("log"))
        .map(|e| e.metadata().unwrap().len())
        .sum();
    assert!(size <= 44_000, "{size} bytes of log");
    let shown = sandbox.coracle(["logs", "c1"]).ok();
    assert!(shown.ends_with("2999\n3000\n"), "{shown}");
    assert!(!shown.starts_with("1\n"), "nothing was rotated away");
}

#[test]
fn no_log_driver_no_log() {
    busybox!(sandbox, image);
    sandbox
        .coracle([
            "run",
            "--log-driver",
            "none",
            "--name",
            "c1",
            &image,
            "echo",
            "x",
        ])
        .ok();
    let text = sandbox.docker(["logs", "c1"]).fails(1);
    assert!(
        text.contains("configured logging driver does not support reading"),
        "{text}"
    );
}

#[test]
fn a_container_goes_on_when_its_run_was_killed() {
    busybox!(sandbox, image);
    let mut child = sandbox
        .coracle([
            "run",
            "--name",
            "c1",
            &image,
            "sh",
            "-c",
            "sleep 1; echo late; sleep 1000",
        ])
        .spawn();
    eventually("it runs", || sandbox.coracle(["ps", "-q"]).ok().len() > 1);
    child.kill().unwrap();
    child.wait().unwrap();
    eventually("the log goes on", || {
        sandbox.coracle(["logs", "c1"]).ok() == "late\n"
    });
}
