//! `ps`, `inspect`, `top`, `port`, `version`, `info`: what is there.

use serde_json::Value;

use crate::support::{Sandbox, masked};

#[test]
fn an_empty_store_lists_headings() {
    let sandbox = Sandbox::new();
    assert_eq!(
        sandbox.coracle(["ps"]).ok(),
        "CONTAINER ID   IMAGE     COMMAND   CREATED   STATUS    PORTS     NAMES\n"
    );
    assert_eq!(
        sandbox.coracle(["images"]).ok(),
        "REPOSITORY   TAG       IMAGE ID   CREATED   SIZE\n"
    );
    assert_eq!(
        sandbox.coracle(["volume", "ls"]).ok(),
        "DRIVER    VOLUME NAME\n"
    );
    for list in [
        ["ps", "-q"].as_slice(),
        &["images", "-q"],
        &["volume", "ls", "-q"],
    ] {
        assert_eq!(sandbox.coracle(list).ok(), "");
    }
}

#[test]
fn ps_shows_what_runs_and_with_a_what_ran() {
    busybox!(sandbox, image);
    let one = sandbox
        .coracle([
            "run", "-d", "--name", "one", "--label", "x=1", &image, "sleep", "1000",
        ])
        .ok();
    sandbox
        .coracle(["run", "--name", "two", &image, "sh", "-c", "exit 4"])
        .fails(4);
    sandbox.coracle(["create", "--name", "three", &image]).ok();
    let shown = sandbox.coracle(["ps"]).ok();
    assert_eq!(shown.lines().count(), 2, "{shown}");
    assert!(
        shown.contains(&one[..12]) && shown.contains("\"sleep 1000\"") && shown.contains("Up "),
        "{shown}"
    );

    let format = [
        "ps",
        "-a",
        "--format",
        "{{.Names}}|{{.State}}|{{.Status}}|{{.Command}}|{{.Image}}",
    ];
    let all = sandbox.coracle(format).ok();
    let lines: Vec<&str> = all.lines().collect();
    assert_eq!(lines.len(), 3, "{all}");
    assert_eq!(lines[0], format!("three|created|Created|\"sh\"|{image}"));
    assert!(
        lines[1].starts_with("two|exited|Exited (4) ")
            && lines[1].contains(" ago|\"sh -c 'exit 4'\""),
        "{all}"
    );
    assert!(lines[2].starts_with("one|running|Up "), "{all}");

    let names = |filter: &[&str]| {
        let args = [&["ps", "-a", "--format", "{{.Names}}"], filter].concat();
        sandbox
            .coracle(args)
            .ok()
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ")
    };
    assert_eq!(names(&["-f", "name=tw"]), "two");
    assert_eq!(names(&["-f", "status=exited"]), "two");
    assert_eq!(
        names(&["-f", "status=running", "-f", "status=created"]),
        "three one"
    );
    assert_eq!(names(&["-f", "label=x=1"]), "one");
    assert_eq!(names(&["-f", "exited=4"]), "two");
    assert_eq!(names(&["-f", &format!("id={}", &one[..6])]), "one");
    assert_eq!(names(&["-f", "before=two"]), "one");
    assert_eq!(names(&["-f", "since=two"]), "three");
    assert_eq!(names(&["-n", "2"]), "three two");
    assert_eq!(names(&["-l"]), "three");
    assert_eq!(sandbox.coracle(["ps", "-q", "--no-trunc"]).ok(), one);
    let json: Value =
        serde_json::from_str(&sandbox.coracle(["ps", "--format", "json"]).ok()).unwrap();
    assert_eq!(
        (json["Names"].as_str(), json["State"].as_str()),
        (Some("one"), Some("running"))
    );
}

#[test]
fn inspect_prints_dockers_json() {
    busybox!(sandbox, image);
    let id = sandbox
        .coracle([
            "run", "-d", "--name", "c1", "-e", "A=b", &image, "sleep", "1000",
        ])
        .ok();
    let list: Value = serde_json::from_str(&sandbox.coracle(["inspect", "c1"]).ok()).unwrap();
    let one = &list[0];
    assert_eq!(one["Id"], id.trim());
    assert_eq!(one["Name"], "/c1");
    assert_eq!(one["Path"], "sleep");
    assert_eq!(one["Args"], serde_json::json!(["1000"]));
    assert_eq!(one["Config"]["Image"], image);
    assert_eq!(one["State"]["Status"], "running");
    assert_eq!(one["State"]["Running"], true);
    assert!(one["State"]["Pid"].as_i64().unwrap() > 1);
    assert!(
        one["Config"]["Env"]
            .as_array()
            .unwrap()
            .contains(&"A=b".into())
    );
    assert_eq!(one["HostConfig"]["RestartPolicy"]["Name"], "no");
    assert!(one["Image"].as_str().unwrap().starts_with("sha256:"));
    let pid = one["State"]["Pid"].to_string();
    assert_eq!(
        sandbox
            .coracle(["inspect", "--format", "{{.State.Pid}}", "c1"])
            .ok()
            .trim(),
        pid
    );
    assert_eq!(
        sandbox
            .coracle([
                "container",
                "inspect",
                "-f",
                "{{json .State.Running}}",
                "c1"
            ])
            .ok(),
        "true\n"
    );

    let images: Value =
        serde_json::from_str(&sandbox.coracle(["image", "inspect", &image]).ok()).unwrap();
    assert_eq!(images[0]["Id"], one["Image"]);
    assert_eq!(images[0]["RepoTags"][0], image);
    assert_eq!(images[0]["RootFS"]["Type"], "layers");
}

#[test]
fn top_shows_the_processes() {
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
            "sleep 1000; true",
        ])
        .ok();
    let shown = sandbox.coracle(["top", "c1"]).ok();
    let mut lines = shown.lines();
    assert_eq!(
        lines.next().unwrap().split_whitespace().next(),
        Some("UID"),
        "{shown}"
    );
    assert!(shown.contains("sleep 1000"), "{shown}");
}

#[test]
fn a_prefix_of_an_id_is_enough_and_an_ambiguous_one_is_not() {
    busybox!(sandbox, image);
    let mut ids = Vec::new();
    // 17 ids: two begin with the same digit
    for _ in 0..17 {
        ids.push(sandbox.coracle(["create", &image]).ok().trim().to_owned());
    }
    let same = |n: usize| ids.iter().filter(|id| id.starts_with(&ids[n][..1])).count();
    let twice = (0..17).find(|n| same(*n) > 1).unwrap();
    let text = sandbox
        .docker(["inspect", "--type", "container", &ids[twice][..1]])
        .fails(1);
    assert!(
        text.contains("multiple IDs found with provided prefix"),
        "{text}"
    );
    assert_eq!(
        sandbox
            .coracle(["inspect", "-f", "{{.Id}}", &ids[0][..12]])
            .ok()
            .trim(),
        ids[0]
    );
}

#[test]
fn version_and_info_say_something_for_scripts() {
    let sandbox = Sandbox::new();
    let version = sandbox
        .coracle(["version", "--format", "{{.Client.Version}}"])
        .ok();
    assert_eq!(version.trim(), env!("CARGO_PKG_VERSION"));
    assert!(
        sandbox
            .coracle(["--version"])
            .ok()
            .starts_with("coracle version ")
    );
    let info = sandbox
        .coracle([
            "info",
            "--format",
            "{{.Driver}} {{.Containers}} {{.OSType}}",
        ])
        .ok();
    assert_eq!(masked(info.split_once(' ').unwrap().1), "0 linux\n");
}

#[test]
fn stats_tell_what_containers_use() {
    busybox!(sandbox, image);
    let busy = "x=$(head -c 8388608 /dev/zero | tr '\\0' x); while :; do :; done";
    for words in [
        &["run", "-d", "--name", "busy", &image, "sh", "-c", busy][..],
        &[
            "run",
            "-d",
            "--name",
            "idle",
            "--network",
            "none",
            &image,
            "sleep",
            "1000",
        ],
        &["create", "--name", "never", &image, "true"],
    ] {
        sandbox.coracle(words).ok();
    }
    let form = "{{.Name}} {{.PIDs}} {{.CPUPerc}} {{.MemUsage}}";
    let stats = |words: &[&str]| {
        let all = [&["stats", "--no-stream", "--format", form], words].concat();
        sandbox.coracle(all).ok()
    };
    let all = stats(&["-a"]);
    let line = |name: &str| {
        let line = all.lines().find(|l| l.starts_with(name));
        line.unwrap_or_else(|| panic!("no {name}: {all}"))
            .split(' ')
            .collect::<Vec<_>>()
    };
    let percent = |name: &str| line(name)[2].trim_end_matches('%').parse::<f64>().unwrap();
    assert!(percent("busy") > 1.0 && percent("idle") < 1.0, "{all}");
    let memory = line("busy")[3];
    let mib = memory
        .strip_suffix("MiB")
        .and_then(|m| m.parse::<f64>().ok());
    assert!(mib.is_some_and(|mib| (8.0..30.0).contains(&mib)), "{all}");
    assert_eq!((line("busy")[1], line("idle")[1]), ("1", "1"));
    assert_eq!(line("never")[1..], ["0", "0.00%", "0B", "/", "0B"]);
    assert_eq!(stats(&["idle"]).lines().count(), 1);
    assert_eq!(stats(&[]).lines().count(), 2);
    let table = sandbox.coracle(["stats", "--no-stream", "idle"]).ok();
    let head = "CONTAINER ID   NAME      CPU %     MEM USAGE / LIMIT";
    assert!(table.starts_with(head), "{table}");
    let told = sandbox.coracle(["stats", "--no-stream", "nosuch"]).fails(1);
    assert_eq!(
        told,
        "Error response from daemon: No such container: nosuch\n"
    );
    sandbox.coracle(["rm", "-f", "busy", "idle", "never"]).ok();
}

#[test]
fn networks_show_their_labels() {
    let sandbox = Sandbox::new();
    sandbox
        .coracle(["network", "create", "--label", "k=v", "n"])
        .ok();
    let format = ["--format", "{{.Name}} {{.Labels}}"];
    let listed = sandbox.coracle([&["network", "ls", "-f", "name=n"], &format[..]].concat());
    assert!(listed.ok().contains("n k=v\n"));
}
