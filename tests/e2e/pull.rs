//! `pull`: images from a registry, whole or not at all.

use serde_json::json;

use crate::support::image::{self, Layer, Tar};
use crate::support::{Sandbox, eventually, masked, registry, skipped};

#[test]
fn pull_prints_dockers_lines_and_a_second_one_is_up_to_date() {
    let Some(image) = registry::get().and_then(registry::Registry::busybox) else {
        return skipped("no registry");
    };
    let sandbox = Sandbox::new();
    let first = sandbox.coracle(["pull", &image]).ok();
    assert!(first.starts_with("1: Pulling from busybox\n"), "{first}");
    assert!(
        masked(&first).contains("Digest: sha256:<id>\nStatus: Downloaded newer image for "),
        "{first}"
    );
    assert!(first.ends_with(&format!("{image}\n")), "{first}");
    let second = sandbox.coracle(["pull", &image]).ok();
    assert!(
        second.contains(&format!("Status: Image is up to date for {image}\n")),
        "{second}"
    );
    assert_eq!(
        sandbox.coracle(["pull", "-q", &image]).ok(),
        format!("{image}\n")
    );
}

#[test]
fn a_digest_names_an_image_too() {
    busybox!(sandbox, image);
    let digest = sandbox
        .coracle(["inspect", "-f", "{{index .RepoDigests 0}}", &image])
        .ok();
    let other = Sandbox::new();
    assert_eq!(
        other
            .coracle(["run", "--rm", digest.trim(), "echo", "x"])
            .output()
            .expect_code(0)
            .stdout,
        "x\n"
    );
}

#[test]
fn an_index_gives_the_hosts_platform_and_another_on_request() {
    let Some(registry) = registry::get() else {
        return skipped("no registry");
    };
    let make = |text: &str| {
        registry.push_parts(
            "index",
            &[Layer::from_tar(
                &Tar::default().file("f", 0o644, text).finish(),
            )],
            json!({}),
        )
    };
    let host = if cfg!(target_arch = "x86_64") {
        "linux/amd64"
    } else {
        "linux/arm64"
    };
    let other = if cfg!(target_arch = "x86_64") {
        "linux/arm64"
    } else {
        "linux/amd64"
    };
    let (mine, theirs) = (make("host"), make("other"));
    let image = registry.push_index("index:1", &[(other, theirs.clone()), (host, mine.clone())]);
    let config = |manifest: &[u8]| -> String {
        let manifest: serde_json::Value = serde_json::from_slice(manifest).unwrap();
        manifest["config"]["digest"].as_str().unwrap().to_owned()
    };
    let sandbox = Sandbox::new();
    sandbox.coracle(["pull", "-q", &image]).ok();
    assert_eq!(
        sandbox
            .coracle(["inspect", "-f", "{{.Id}}", &image])
            .ok()
            .trim(),
        config(&mine)
    );
    let sandbox = Sandbox::new();
    sandbox
        .coracle(["pull", "-q", "--platform", other, &image])
        .ok();
    assert_eq!(
        sandbox
            .coracle(["inspect", "-f", "{{.Id}}", &image])
            .ok()
            .trim(),
        config(&theirs)
    );
    let text = Sandbox::new()
        .docker(["pull", "--platform", "linux/s390x", &image])
        .fails(1);
    assert!(
        text.contains("no matching manifest for linux/s390x"),
        "{text}"
    );
}

#[test]
fn an_index_may_be_in_another_and_leave_its_platforms_to_the_images() {
    let Some(registry) = registry::get() else {
        return skipped("no registry");
    };
    let layer = Layer::from_tar(&Tar::default().file("f", 0o644, "x").finish());
    let image = registry.push_parts("plain", &[layer], json!({}));
    let name = registry.push_index("plain:1", &[("", image)]);
    for name in [&name, &format!("{name}-around")] {
        let sandbox = Sandbox::new();
        sandbox.coracle(["pull", "-q", name]).ok();
        let text = sandbox
            .docker(["pull", "--platform", "linux/s390x", name])
            .fails(1);
        assert!(
            text.contains("does not match the specified platform"),
            "{text}"
        );
    }
}

#[test]
fn broken_layers_leave_nothing() {
    let Some(registry) = registry::get() else {
        return skipped("no registry");
    };
    let good = Tar::default().file("f", 0o644, "x").finish();
    let lie = Layer {
        diff_id: image::digest(b"another"),
        blob: Layer::from_tar(&good).blob,
    };
    let mut cut = Layer::from_tar(&Tar::default().file("big", 0o644, vec![7; 300_000]).finish());
    cut.blob.truncate(cut.blob.len() - 20);
    let escape = Layer::from_tar(&hard_link_out());
    let garbage = Layer {
        diff_id: image::digest(b"no tar"),
        blob: b"neither gzip nor tar, not at all".to_vec(),
    };
    for (name, layer) in [
        ("lie", lie),
        ("cut", cut),
        ("escape", escape),
        ("garbage", garbage),
    ] {
        let image = registry.push(&format!("broken-{name}:1"), &[layer], json!({}));
        let sandbox = Sandbox::new();
        let text = sandbox.coracle(["pull", &image]).fails(1);
        assert_eq!(text.trim_end().lines().count(), 1, "{name}: {text}");
        assert_eq!(sandbox.coracle(["images", "-q"]).ok(), "", "{name}");
        for folder in ["layers", "staging"] {
            let left = std::fs::read_dir(sandbox.data().join(folder))
                .map(|d| d.count())
                .unwrap_or(0);
            assert_eq!(left, 0, "{name}: {folder}");
        }
    }
}

/// A hard link to a file outside of the root.
fn hard_link_out() -> Vec<u8> {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::Link);
    header.set_path("passwd").unwrap();
    // the crate refuses to write such a name, so it is put in by hand
    header.as_gnu_mut().unwrap().linkname[..19].copy_from_slice(b"../../../etc/passwd");
    header.set_size(0);
    header.set_mode(0o644);
    header.set_cksum();
    let mut bytes = header.as_bytes().to_vec();
    bytes.extend([0; 1024]);
    bytes
}

#[test]
fn thirty_pulls_at_once_make_one_image() {
    let Some(image) = registry::get().and_then(registry::Registry::busybox) else {
        return skipped("no registry");
    };
    let sandbox = Sandbox::new();
    let children: Vec<_> = (0..30)
        .map(|_| sandbox.coracle(["pull", "-q", &image]).spawn())
        .collect();
    for child in children {
        let output = crate::support::finish(
            child,
            Vec::new(),
            std::time::Duration::from_secs(60),
            "pull".to_owned(),
        );
        assert_eq!(
            (output.code, output.stdout),
            (0, format!("{image}\n")),
            "{}",
            output.stderr
        );
    }
    assert_eq!(sandbox.coracle(["images", "-q"]).ok().lines().count(), 1);
}

#[test]
fn a_killed_pull_is_repaired_by_the_next() {
    let Some(image) = registry::get().and_then(registry::Registry::debian) else {
        return skipped("no Debian root (tests/run makes one as root)");
    };
    let sandbox = Sandbox::new();
    for n in 1..8 {
        let mut child = sandbox.coracle(["pull", "-q", &image]).spawn();
        std::thread::sleep(std::time::Duration::from_millis(n * 60));
        child.kill().ok();
        child.wait().unwrap();
    }
    eventually("no process is left", || sandbox.processes().is_empty());
    sandbox.coracle(["pull", "-q", &image]).ok();
    assert_eq!(
        sandbox
            .coracle([
                "run",
                "--rm",
                &image,
                "sh",
                "-c",
                "dpkg --verify; echo whole"
            ])
            .ok(),
        "whole\n"
    );
    let staging = sandbox.data().join("staging");
    let left: Vec<_> = std::fs::read_dir(staging)
        .into_iter()
        .flatten()
        .flatten()
        .map(|e| e.file_name())
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn without_a_network_the_error_is_one_line() {
    let sandbox = Sandbox::new();
    // a port that nobody listens on
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let text = sandbox
        .coracle(["pull", &format!("127.0.0.1:{port}/x:1")])
        .fails(1);
    assert_eq!(text.trim_end().lines().count(), 1, "{text}");
    assert!(text.contains("refused"), "{text}");
}
