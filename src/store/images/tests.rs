use super::*;
use crate::store::scratch::Scratch;
use crate::store::sum::sum_of;

pub(crate) fn digest(text: &str) -> String {
    let bytes = sum_of(text);
    format!(
        "sha256:{}",
        bytes.iter().map(|b| format!("{b:02x}")).collect::<String>()
    )
}

/// Puts a whole image of `layers` into the store, and returns the line that names it.
pub(crate) fn image(s: &Scratch, name: &str, mark: &str, layers: &[&str]) -> Name {
    let layers: Vec<String> = layers.iter().map(|layer| digest(layer)).collect();
    for layer in &layers {
        std::fs::create_dir_all(s.store.layer_path(layer).join("tree")).unwrap();
        std::fs::write(s.store.layer_path(layer).join("layer"), "{\"size\":10}").unwrap();
    }
    let config = serde_json::json!({
        "architecture": "amd64", "os": "linux", "author": mark,
        "rootfs": {"type": "layers", "diff_ids": layers},
    })
    .to_string();
    let manifest = format!("manifest of {mark}");
    for blob in [&config, &manifest] {
        crate::store::record::write_text(&s.store.blob_path(&digest(blob)), blob).unwrap();
    }
    Name {
        name: name.to_owned(),
        manifest: digest(&manifest),
        config: digest(&config),
        size: 10 * layers.len() as u64,
        created: format!("2026-01-01T00:00:00Z{mark}"),
        tagged: crate::store::now(),
        digest: String::new(),
        index: String::new(),
    }
}

const DEBIAN: &str = "docker.io/library/debian:12";

#[test]
fn an_image_is_found_by_every_way_to_write_it() {
    let s = Scratch::new();
    let mut name = image(&s, DEBIAN, "a", &["l1"]);
    name.digest = digest("index");
    let id = name.config.clone();
    s.store.images().put(name).unwrap();
    let hex = id.strip_prefix("sha256:").unwrap();
    let by_digest = format!("debian@{}", digest("index"));
    let both = format!("debian:12@{}", digest("index"));
    for word in [
        "debian:12",
        DEBIAN,
        "library/debian:12",
        &id,
        hex,
        &hex[..12],
        &id[..19],
        &by_digest,
        &both,
    ] {
        let found = s.store.images().find(word).unwrap();
        assert_eq!(found.id, id, "{word}");
        assert_eq!(found.names, [DEBIAN]);
        assert_eq!(
            found.digests,
            [format!("docker.io/library/debian@{}", digest("index"))]
        );
        assert_eq!(found.config.author.as_deref(), Some("a"));
    }
    let e = s.store.images().find("A").unwrap_err();
    assert_eq!(
        e.to_string(),
        "invalid reference format: repository name (library/A) must be lowercase"
    );
    for (word, shown) in [
        ("debian", "debian:latest"),
        ("nope", "nope:latest"),
        ("x/y:1", "x/y:1"),
        ("0000", "0000:latest"),
    ] {
        let e = s.store.images().find(word).unwrap_err();
        assert_eq!(
            (e.kind(), e.to_string()),
            (Kind::NotFound, format!("No such image: {shown}"))
        );
    }
}

#[test]
fn a_moved_name_leaves_the_old_image_by_digest_or_dangling() {
    let s = Scratch::new();
    let old = image(&s, DEBIAN, "a", &["l1"]);
    let middle = Name {
        digest: digest("index"),
        ..image(&s, DEBIAN, "b", &["l1"])
    };
    let new = image(&s, DEBIAN, "c", &["l1"]);
    for name in [&old, &middle, &new] {
        s.store.images().put(name.clone()).unwrap();
    }
    let all = s.store.images().list().unwrap();
    assert_eq!(
        all.iter().map(|i| &i.id).collect::<Vec<_>>(),
        [&new.config, &middle.config, &old.config]
    );
    assert_eq!(all[0].names, [DEBIAN]);
    assert!(all[1].names.is_empty());
    assert_eq!(
        all[1].digests,
        [format!("docker.io/library/debian@{}", digest("index"))]
    );
    assert!(all[2].names.is_empty() && all[2].digests.is_empty());
    // named again, it is not dangling any more
    s.store.images().tag(&old.config, "old").unwrap();
    assert_eq!(
        s.store.images().find("old").unwrap().names,
        ["docker.io/library/old:latest"]
    );
    assert_eq!(s.store.images().names().unwrap().len(), 3);
}

#[test]
fn the_same_pull_twice_changes_nothing() {
    let s = Scratch::new();
    let name = Name {
        digest: digest("index"),
        ..image(&s, DEBIAN, "a", &["l1"])
    };
    s.store.images().put(name.clone()).unwrap();
    s.store.images().put(name.clone()).unwrap();
    assert_eq!(s.store.images().names().unwrap(), [name]);
}

#[test]
fn a_name_is_not_written_when_what_it_needs_is_gone() {
    let s = Scratch::new();
    let name = image(&s, DEBIAN, "a", &["l1"]);
    std::fs::remove_dir_all(s.store.layer_path(&digest("l1"))).unwrap();
    assert_eq!(
        s.store.images().put(name).unwrap_err().kind(),
        Kind::NotFound
    );
    assert!(s.store.images().list().unwrap().is_empty());
}

#[test]
fn tagging_keeps_the_digest_only_within_the_repository() {
    let s = Scratch::new();
    let name = Name {
        digest: digest("index"),
        ..image(&s, DEBIAN, "a", &["l1"])
    };
    s.store.images().put(name).unwrap();
    s.store.images().tag("debian:12", "mine").unwrap();
    s.store
        .images()
        .tag("debian:12", "debian:bookworm")
        .unwrap();
    let names = s.store.images().names().unwrap();
    let digest_of = |wanted: &str| {
        names
            .iter()
            .find(|n| n.name.ends_with(wanted))
            .unwrap()
            .digest
            .clone()
    };
    assert_eq!(digest_of("mine:latest"), "");
    assert_eq!(digest_of("debian:bookworm"), digest("index"));
    for (source, target, text) in [
        ("nope", "x", "No such image: nope:latest"),
        (
            "debian:12",
            "",
            "Error parsing reference: \"\" is not a valid repository/tag: invalid reference format",
        ),
        (
            "debian:12",
            "A",
            "Error parsing reference: \"A\" is not a valid repository/tag: invalid reference format: repository name (library/A) must be lowercase",
        ),
    ] {
        assert_eq!(
            s.store
                .images()
                .tag(source, target)
                .unwrap_err()
                .to_string(),
            text
        );
    }
}

#[test]
fn a_thousand_names_and_broken_lines() {
    let s = Scratch::new();
    let one = image(&s, DEBIAN, "a", &["l1"]);
    let many: Vec<Name> = (0..1000)
        .map(|i| Name {
            name: format!("docker.io/library/i{i}:1"),
            ..one.clone()
        })
        .collect();
    s.store.images().put_all(many).unwrap();
    assert_eq!(s.store.images().find("i77:1").unwrap().names.len(), 1000);
    let path = s.store.data("names");
    std::fs::write(&path, "{\"name\"\n").unwrap();
    assert_eq!(s.store.images().list().unwrap_err().kind(), Kind::Corrupt);
}

#[test]
fn a_repository_is_what_stands_before_tag_and_digest() {
    for (name, want) in [
        ("docker.io/library/debian:12", "docker.io/library/debian"),
        ("127.0.0.1:5000/debian", "127.0.0.1:5000/debian"),
        ("127.0.0.1:5000/debian:1", "127.0.0.1:5000/debian"),
        ("h:1/a@sha256:00", "h:1/a"),
        ("", ""),
    ] {
        assert_eq!(repository(name), want);
    }
}
