//! Many at once, and death at any moment: the next command works and tells the truth.

use std::time::Duration;

use crate::support::{Sandbox, finish, open_up, registry};

#[test]
fn two_hundred_runs_at_once_all_succeed() {
    busybox!(sandbox, image);
    let children: Vec<_> = (0..200)
        .map(|n| {
            (
                n,
                sandbox
                    .coracle([
                        "run",
                        "--rm",
                        "--network",
                        "none",
                        &image,
                        "echo",
                        &n.to_string(),
                    ])
                    .spawn(),
            )
        })
        .collect();
    for (n, child) in children {
        let output = finish(
            child,
            Vec::new(),
            Duration::from_secs(120),
            format!("run {n}"),
        );
        assert_eq!(
            (output.code, output.stdout),
            (0, format!("{n}\n")),
            "{}",
            output.stderr
        );
    }
    assert_eq!(sandbox.coracle(["ps", "-aq"]).ok(), "");
    assert_eq!(sandbox.wait_until_quiet(), Vec::<String>::new());
}

#[test]
fn killed_commands_and_monitors_leave_a_store_that_works() {
    busybox!(sandbox, image);
    let mut seed = 12345u64;
    let mut random = move |below: u64| {
        seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % below
    };
    let other = registry::get()
        .and_then(|r| r.push_small("storm:1"))
        .unwrap();
    for round in 0..300 {
        let name = format!("n{}", random(4));
        let command: Vec<&str> = match random(6) {
            0 => vec!["run", "--rm", "--network", "none", &image, "sleep", "0.05"],
            1 => vec!["run", "-d", "--network", "none", &image, "sleep", "0.05"],
            2 => vec![
                "run", "-d", "--name", &name, "-v", "/v", &image, "sleep", "60",
            ],
            3 => vec!["rm", "-f", "-v", &name],
            4 => vec!["pull", "-q", &other],
            _ => vec!["rmi", "-f", &other],
        };
        let mut child = sandbox.coracle(&command).spawn();
        std::thread::sleep(Duration::from_micros(random(12_000)));
        match random(3) {
            0 => kill_a_monitor(&sandbox, random(4) as usize),
            _ => child.kill().unwrap_or_default(),
        }
        let output = finish(
            child,
            Vec::new(),
            Duration::from_secs(20),
            format!("round {round}"),
        );
        assert_ne!(output.code, -1, "round {round} hangs: {command:?}");
        let check = sandbox.coracle(["system", "check"]).output();
        assert_eq!(
            check.code, 0,
            "round {round}, {command:?}: {}{}",
            check.stdout, check.stderr
        );
        if round % 20 == 0 {
            sandbox.coracle(["ps", "-a"]).ok();
            assert_eq!(
                sandbox.coracle(["run", "--rm", &image, "echo", "x"]).ok(),
                "x\n"
            );
        }
    }
    sandbox.coracle(["pull", "-q", &other]).ok();
    // who is killed inside mount(2) cannot open the folders that the kernel has just made with mode 0; the sweep can, after
    // its grace time, a plain `rm -rf` in between cannot
    open_up(&sandbox.data());
    let check = sandbox.coracle(["system", "check"]).output();
    assert_eq!(check.code, 0, "{}{}", check.stdout, check.stderr);
    let ids = sandbox.coracle(["ps", "-aq"]).ok();
    let ids: Vec<&str> = ids.split_whitespace().collect();
    if !ids.is_empty() {
        sandbox.coracle(["rm", "-f"].iter().chain(&ids)).ok();
    }
    assert_eq!(sandbox.coracle(["ps", "-aq"]).ok(), "");
    assert_eq!(sandbox.wait_until_quiet(), Vec::<String>::new());
}

fn kill_a_monitor(sandbox: &Sandbox, which: usize) {
    let monitors: Vec<String> = sandbox
        .processes()
        .into_iter()
        .filter(|line| line.contains("__monitor"))
        .collect();
    if let Some(line) = monitors.get(which % monitors.len().max(1)) {
        let pid = line.split(' ').next().unwrap();
        std::process::Command::new("kill")
            .args(["-9", pid])
            .stderr(std::process::Stdio::null())
            .status()
            .unwrap();
    }
}

#[test]
fn a_stale_runtime_folder_is_no_obstacle() {
    busybox!(sandbox, image);
    sandbox
        .coracle(["run", "--name", "c1", &image, "true"])
        .ok();
    // its relay leaves the network's list there at its own end
    assert_eq!(sandbox.wait_until_quiet(), Vec::<String>::new());
    std::fs::remove_dir_all(sandbox.runtime()).unwrap();
    assert!(sandbox.coracle(["ps", "-a"]).ok().contains("Exited (0)"));
    assert_eq!(sandbox.coracle(["start", "-a", "c1"]).output().code, 0);
    assert_eq!(
        sandbox.coracle(["run", "--rm", &image, "echo", "x"]).ok(),
        "x\n"
    );
}
