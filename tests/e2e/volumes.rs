//! `volume` and what containers keep in them.

use serde_json::{Value, json};

use crate::support::image::{Layer, Tar, busybox_root};
use crate::support::{Sandbox, registry, skipped};

#[test]
fn a_volume_outlives_its_containers() {
    busybox!(sandbox, image);
    assert_eq!(sandbox.coracle(["volume", "create", "v1"]).ok(), "v1\n");
    sandbox
        .coracle([
            "run",
            "--rm",
            "-v",
            "v1:/data",
            &image,
            "sh",
            "-c",
            "echo kept >/data/f",
        ])
        .ok();
    assert_eq!(
        sandbox
            .coracle(["run", "--rm", "-v", "v1:/data:ro", &image, "cat", "/data/f"])
            .ok(),
        "kept\n"
    );
    assert_eq!(
        sandbox.coracle(["volume", "ls"]).ok(),
        "DRIVER    VOLUME NAME\nlocal     v1\n"
    );
    let list: Value =
        serde_json::from_str(&sandbox.coracle(["volume", "inspect", "v1"]).ok()).unwrap();
    assert_eq!(
        (&list[0]["Name"], &list[0]["Driver"], &list[0]["Scope"]),
        (&json!("v1"), &json!("local"), &json!("local"))
    );
    let point = list[0]["Mountpoint"].as_str().unwrap();
    assert_eq!(
        std::fs::read_to_string(format!("{point}/f")).unwrap(),
        "kept\n"
    );
    assert_eq!(sandbox.coracle(["volume", "rm", "v1"]).ok(), "v1\n");
    assert_eq!(sandbox.coracle(["volume", "ls", "-q"]).ok(), "");
}

#[test]
fn a_volume_in_use_is_not_removed() {
    busybox!(sandbox, image);
    let id = sandbox.coracle(["create", "-v", "used:/data", &image]).ok();
    let text = sandbox.docker(["volume", "rm", "used"]).fails(1);
    assert_eq!(
        text,
        format!(
            "Error response from daemon: remove used: volume is in use - [{}]\n",
            id.trim()
        )
    );
    sandbox.coracle(["rm", id.trim()]).ok();
    sandbox.coracle(["volume", "rm", "used"]).ok();
}

#[test]
fn an_anonymous_volume_goes_with_rm() {
    busybox!(sandbox, image);
    sandbox
        .coracle(["run", "--rm", "-v", "/data", &image, "touch", "/data/x"])
        .ok();
    assert_eq!(sandbox.coracle(["volume", "ls", "-q"]).ok(), "");
    let name = sandbox.coracle(["volume", "create"]).ok();
    assert_eq!(name.trim().len(), 64);
    let pruned = sandbox.coracle(["volume", "prune", "-f"]).ok();
    assert!(
        pruned.starts_with(&format!("Deleted Volumes:\n{}", name.trim())),
        "{pruned}"
    );
    assert!(pruned.contains("Total reclaimed space: "), "{pruned}");
}

#[test]
fn first_use_copies_what_the_image_has_there() {
    let Some(registry) = registry::get() else {
        return skipped("no loopback registry");
    };
    let Some(root) = busybox_root() else {
        return skipped("no busybox");
    };
    let more = Tar::default()
        .folder("srv", 0o755)
        .folder("srv/sub", 0o750)
        .file("srv/sub/f", 0o640, "content")
        .link("srv/l", "sub/f");
    let layers = [Layer::from_tar(&root), Layer::from_tar(&more.finish())];
    let config = json!({"Env": ["PATH=/bin"], "Cmd": ["sh"], "Volumes": {"/declared": {}}});
    let image = registry.push(&format!("volume-{}:1", std::process::id()), &layers, config);
    let sandbox = Sandbox::new();
    let script = "cat /srv/l; stat -c %a /srv/sub /srv/sub/f; rm /srv/l";
    let run = |flag: &str| {
        sandbox
            .coracle(["run", "--rm", "-v", flag, &image, "sh", "-c", script])
            .output()
    };
    assert_eq!(run("fresh:/srv").stdout, "content750\n640\n");
    // not a second time
    assert_ne!(run("fresh:/srv").code, 0);
    assert_eq!(
        sandbox
            .coracle([
                "run",
                "--rm",
                "-v",
                "empty:/srv:nocopy",
                &image,
                "ls",
                "/srv"
            ])
            .ok(),
        ""
    );
    let mounts = "{{range .Mounts}}{{.Type}} {{.Destination}}{{end}}";
    sandbox.coracle(["create", "--name", "c1", &image]).ok();
    assert_eq!(
        sandbox.coracle(["inspect", "-f", mounts, "c1"]).ok(),
        "volume /declared\n"
    );
}

#[test]
fn a_moved_store_has_its_volumes() {
    busybox!(sandbox, image);
    let run = ["run", "--name", "c1", "-v", "data:/v", &image, "sh", "-c"];
    let script = "echo x >> /v/f; wc -l < /v/f";
    let words: Vec<&str> = run.into_iter().chain([script]).collect();
    assert_eq!(sandbox.coracle(words).ok(), "1\n");
    let moved = sandbox.work().join("moved");
    std::fs::create_dir(&moved).unwrap();
    std::fs::rename(sandbox.data(), moved.join("coracle")).unwrap();
    let start = sandbox.coracle(["start", "-a", "c1"]);
    assert_eq!(start.env("XDG_DATA_HOME", &moved).ok(), "2\n");
    std::fs::rename(moved.join("coracle"), sandbox.data()).unwrap();
    sandbox.coracle(["rm", "-v", "c1"]).ok();
}
