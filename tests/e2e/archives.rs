//! `save` and `load`: archives that other programs read, and theirs.

use crate::support::{Sandbox, skipped};

#[test]
fn what_is_saved_loads_in_another_store_and_runs() {
    busybox!(sandbox, image);
    sandbox.coracle(["tag", &image, "mine:2"]).ok();
    let path = sandbox.work().join("a.tar");
    let file = path.to_str().unwrap();
    sandbox.coracle(["save", "-o", file, &image, "mine"]).ok();
    let id = sandbox.coracle(["images", "-q", "--no-trunc", "mine"]).ok();

    let other = Sandbox::new();
    let loaded = other.coracle(["load", "-i", file]).ok();
    assert_eq!(
        loaded,
        format!("Loaded image: {image}\nLoaded image: mine:2\n")
    );
    assert_eq!(
        other.coracle(["images", "-q", "--no-trunc", "mine"]).ok(),
        id
    );
    assert_eq!(
        other.coracle(["run", "--rm", "mine:2", "echo", "x"]).ok(),
        "x\n"
    );
    // a pipe, compressed, is as good
    let archive = std::fs::read(&path).unwrap();
    let zstd = zstd::encode_all(&archive[..], 1).unwrap();
    let third = Sandbox::new();
    assert_eq!(third.coracle(["load", "-q"]).stdin(zstd).ok(), loaded);
    // and by id there is no name
    sandbox
        .coracle(["image", "save", "-o", file, id.trim()])
        .ok();
    let fourth = Sandbox::new();
    let loaded = fourth.coracle(["image", "load", "-i", file]).ok();
    assert_eq!(loaded, format!("Loaded image ID: {id}"));
}

#[test]
fn refusals_are_dockers() {
    busybox!(sandbox, image);
    let cases: [(&[&str], &str); 5] = [
        (
            &["save", "nosuch"],
            "Error response from daemon: No such image: nosuch\n",
        ),
        (
            &["save", "nosuch:x"],
            "Error response from daemon: reference does not exist\n",
        ),
        (
            &["save", "-o", "/nonexist/x", &image],
            "failed to save image: invalid output path: directory \"/nonexist\" does not exist",
        ),
        (
            &["save", "-o", "/dev/null", &image],
            "failed to save image: invalid output path: \"/dev/null\" must be a directory or a regular file: got a device",
        ),
        (
            &["load", "-i", "/nonexist"],
            "open /nonexist: no such file or directory",
        ),
    ];
    for (words, text) in cases {
        let told = sandbox.docker(words).fails(1);
        assert!(told.starts_with(text), "{told}");
    }
    let told = sandbox.docker(["load"]).stdin("hello\n").fails(1);
    assert!(told.contains("unexpected EOF"), "{told}");
    let left = std::fs::read_dir(sandbox.data().join("staging"))
        .unwrap()
        .count();
    assert_eq!(left, 0);
}

/// skopeo reads both forms of one archive, and we read both of its.
#[test]
fn skopeo_reads_our_archives_and_we_read_its() {
    let skopeo = |sandbox: &Sandbox, words: &[&str]| {
        sandbox
            .command("skopeo")
            .args(words)
            .output()
            .is_ok_and(|done| done.status.success())
    };
    busybox!(sandbox, image);
    if !skopeo(&sandbox, &["--version"]) {
        return skipped("no skopeo");
    }
    sandbox.coracle(["tag", &image, "mine:2"]).ok();
    let work = sandbox.work();
    let path = |name: &str| work.join(name).to_str().unwrap().to_owned();
    let ours = path("ours.tar");
    sandbox.coracle(["save", "-o", &ours, "mine:2"]).ok();
    let id = sandbox.coracle(["images", "-q", "--no-trunc", "mine"]).ok();
    for (from, to) in [
        ("docker-archive", "docker-archive"),
        ("oci-archive", "docker-archive"),
        ("docker-archive", "oci-archive"),
    ] {
        let theirs = path(&format!("{from}-{to}.tar"));
        let from = format!("{from}:{ours}");
        let name = if to == "docker-archive" {
            "other:3"
        } else {
            "other.io/x:3"
        };
        assert!(
            skopeo(
                &sandbox,
                &[
                    "--insecure-policy",
                    "copy",
                    "-q",
                    &from,
                    &format!("{to}:{theirs}:{name}")
                ]
            ),
            "{from}"
        );
        let other = Sandbox::new();
        assert_eq!(
            other.coracle(["load", "-i", &theirs]).ok(),
            format!("Loaded image: {name}\n")
        );
        // an OCI archive makes the configuration anew
        if to == "docker-archive" {
            assert_eq!(other.coracle(["images", "-q", "--no-trunc"]).ok(), id);
        }
        assert_eq!(
            other.coracle(["run", "--rm", name, "echo", "x"]).ok(),
            "x\n"
        );
    }
}
