//! `push`: what a registry gets, and that a pulled image keeps its digests.

use crate::support::{Sandbox, masked, registry, skipped};

/// The digest of the line `TAG: digest: sha256:... size: N`.
fn digest(told: &str) -> String {
    let line = told
        .lines()
        .find(|line| line.contains(": digest: "))
        .expect("a digest is told");
    line.split(' ').nth(2).unwrap().to_owned()
}

/// A name in a repository that no other test uses.
fn name(registry: &registry::Registry, tag: &str) -> String {
    let unique = format!("{:x}", std::process::id());
    format!("{}/pushed/{unique}-{tag}:{tag}", registry.address())
}

#[test]
fn a_pulled_image_is_mounted_and_keeps_its_digest() {
    let Some(registry) = registry::get() else {
        return skipped("no registry");
    };
    let Some(image) = registry.push_small("small:1") else {
        return skipped("no registry");
    };
    let sandbox = Sandbox::new();
    let pulled = sandbox.coracle(["pull", &image]).ok();
    let theirs = pulled
        .lines()
        .find_map(|l| l.strip_prefix("Digest: "))
        .unwrap();
    let target = name(registry, "a");
    let repository = target.rsplit_once(':').unwrap().0;
    sandbox.coracle(["tag", &image, &target]).ok();
    let told = sandbox.coracle(["push", &target]).ok();
    assert!(
        told.starts_with(&format!("The push refers to repository [{repository}]\n")),
        "{told}"
    );
    assert_eq!(told.matches(": Preparing\n").count(), 2, "{told}");
    assert_eq!(told.matches(": Mounted from small\n").count(), 2, "{told}");
    assert_eq!(digest(&told), theirs);
    let again = sandbox.coracle(["push", &target]).ok();
    assert_eq!(
        again.matches(": Layer already exists\n").count(),
        2,
        "{again}"
    );
    assert_eq!(
        sandbox.coracle(["push", "-q", &target]).ok(),
        format!("{target}\n")
    );
    // by its digest it is known here now
    let by_digest = format!("{repository}@{theirs}");
    sandbox.coracle(["inspect", &by_digest]).ok();

    let all = sandbox
        .coracle(["image", "push", "--all-tags", repository])
        .ok();
    assert_eq!(digest(&all), theirs);
}

#[test]
fn what_was_loaded_is_compressed_and_pulls_again_elsewhere() {
    busybox!(sandbox, image);
    let registry = registry::get().unwrap();
    let path = sandbox.work().join("a.tar");
    let file = path.to_str().unwrap();
    sandbox.coracle(["save", "-o", file, &image]).ok();
    let other = Sandbox::new();
    other.coracle(["load", "-i", file]).ok();
    for (tag, words) in [
        ("gz", &["push"][..]),
        ("zstd", &["push", "--compression", "zstd"]),
    ] {
        let target = name(registry, tag);
        other.coracle(["tag", &image, &target]).ok();
        let mut words = words.to_vec();
        words.push(&target);
        let told = other.coracle(&words).ok();
        assert_eq!(told.matches(": Pushed\n").count(), 1, "{told}");
        let third = Sandbox::new();
        let pulled = third.coracle(["pull", &target]).ok();
        assert!(
            pulled.contains(&format!("Digest: {}", digest(&told))),
            "{pulled}"
        );
        assert_eq!(
            third.coracle(["run", "--rm", &target, "echo", "x"]).ok(),
            "x\n"
        );
        // once more: nothing is compressed, since the registry is asked for what it was given
        let again = other.coracle(&words).ok();
        assert!(again.contains(": Layer already exists\n"), "{again}");
        assert_eq!(digest(&again), digest(&told));
    }
    let id = |s: &Sandbox| s.coracle(["images", "-q", "--no-trunc", &image]).ok();
    assert_eq!(id(&other), id(&sandbox));
    let left = std::fs::read_dir(other.data().join("staging"))
        .unwrap()
        .count();
    assert_eq!(left, 0);
}

#[test]
fn refusals_are_dockers() {
    busybox!(sandbox, image);
    let registry = registry::get().unwrap();
    let none = format!("{}/none", registry.address());
    let nothing = format!("An image does not exist locally with the tag: {none}\n");
    let (tagged, missing) = (
        format!("{none}:1"),
        format!("{}:nosuch", image.rsplit_once(':').unwrap().0),
    );
    let by_digest = format!("{none}@sha256:{}", "a".repeat(64));
    let cases: [(&[&str], String); 6] = [
        (&["push", &tagged], nothing.clone()),
        (&["push", "-a", &none], nothing),
        (
            &["push", &missing],
            format!("tag does not exist: {missing}\n"),
        ),
        (
            &["push", "-a", &tagged],
            "tag can't be used with --all-tags/-a\n".to_owned(),
        ),
        (
            &["push", &by_digest],
            "cannot push a digest reference\n".to_owned(),
        ),
        (
            &["push", "UP:1"],
            "invalid reference format: repository name (library/UP) must be lowercase\n".to_owned(),
        ),
    ];
    for (words, text) in cases {
        assert_eq!(sandbox.docker(words).fails(1), text, "{words:?}");
    }
    sandbox.coracle(["tag", &image, "127.0.0.1:1/none:1"]).ok();
    let told = sandbox.docker(["push", "127.0.0.1:1/none:1"]).fails(1);
    assert_eq!(
        masked(&told),
        "Get \"http://127.0.0.1:1/v2/\": dial tcp 127.0.0.1:1: connect: connection refused\n"
    );
}
