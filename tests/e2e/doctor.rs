//! `doctor`, on this machine as it is and where a switch forbids user namespaces.

use crate::support::{self, Sandbox, skipped};

#[test]
fn doctor_says_how_each_thing_stands_and_json_says_the_same() {
    let sandbox = Sandbox::new();
    let table = sandbox.coracle(["doctor"]).output();
    let json = sandbox.coracle(["doctor", "--format", "json"]).output();
    assert_eq!(table.code, json.code);
    let report: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    let checks = report["checks"].as_array().unwrap();
    assert!(checks.len() >= 14, "{report:#}");
    for check in checks {
        let (state, name) = (
            check["state"].as_str().unwrap(),
            check["name"].as_str().unwrap(),
        );
        let line = table.stdout.lines().find(|line| {
            line.split_once(' ')
                .is_some_and(|(_, l)| l.trim().starts_with(name))
        });
        assert!(
            line.is_some_and(|line| line.starts_with(state)),
            "{name} is not `{state}` in:\n{}",
            table.stdout
        );
    }
    assert_eq!(report["store"], sandbox.data().to_str().unwrap());
    assert_eq!(report["runtime"], sandbox.runtime().to_str().unwrap());
    // the probe leaves nothing but the store's folder and one remembered answer
    let left: Vec<_> = std::fs::read_dir(sandbox.data())
        .unwrap()
        .flatten()
        .map(|e| e.file_name())
        .collect();
    assert!(
        left.iter()
            .all(|name| !name.to_string_lossy().contains("probe")),
        "{left:?}"
    );
}

#[test]
fn a_switch_that_forbids_user_namespaces_is_named_with_its_line() {
    let sandbox = Sandbox::new();
    // the limit belongs to a user namespace, so it can be set for this test alone
    let script = "echo 0 >/proc/sys/user/max_user_namespaces && exec \"$0\" \"$@\"";
    let within = |args: &[&str]| {
        let mut command = sandbox.command("unshare");
        command
            .args(["--user", "--map-root-user", "sh", "-c", script])
            .arg(support::program())
            .args(args);
        command.output().unwrap()
    };
    if !within(&["version"]).status.success() {
        return skipped("unshare(1) cannot make a user namespace here");
    }
    let output = within(&["doctor"]);
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{text}");
    let line = text
        .lines()
        .find(|line| line.contains("user namespace "))
        .unwrap();
    assert!(line.starts_with("missing"), "{line}");
    assert!(line.contains("user.max_user_namespaces is 0"), "{line}");
    assert!(
        text.contains("sysctl -w user.max_user_namespaces="),
        "{text}"
    );
    assert!(
        text.trim_end()
            .ends_with("Containers do not run here until what is missing above is there.")
    );
}

#[test]
fn an_unknown_format_or_driver_is_refused_in_one_line() {
    let sandbox = Sandbox::new();
    let text = sandbox.coracle(["doctor", "--format", "xml"]).fails(1);
    assert_eq!(text, "unknown format `xml`; use table or json\n");
    let output = sandbox
        .coracle(["doctor"])
        .env("CORACLE_STORAGE_DRIVER", "btrfs")
        .output();
    assert_eq!(output.code, 1);
    assert!(
        output.stdout.contains("unknown storage driver `btrfs`"),
        "{}",
        output.stdout
    );
}

#[test]
fn a_forced_driver_is_told() {
    let sandbox = Sandbox::new();
    let output = sandbox
        .coracle(["doctor", "-f", "json"])
        .env("CORACLE_STORAGE_DRIVER", "copy")
        .output();
    let report: serde_json::Value = serde_json::from_str(&output.stdout).unwrap();
    assert_eq!(report["storage_driver"], "copy");
}

#[test]
fn a_start_that_is_forbidden_cites_the_same_fact() {
    busybox!(sandbox, image);
    sandbox
        .coracle(["create", "--name", "c1", &image, "true"])
        .ok();
    let script = "echo 0 >/proc/sys/user/max_user_namespaces && exec \"$0\" \"$@\"";
    let output = sandbox
        .command("unshare")
        .args(["--user", "--map-root-user", "sh", "-c", script])
        .arg(support::program())
        .args(["start", "c1"])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(
        text.contains("user.max_user_namespaces is 0; an administrator can run: "),
        "{text}"
    );
}
