//! Archives of other programs, and of nobody's good will.

use serde_json::json;

use super::*;
use crate::image::progress::Silent;
use crate::image::tar::build::Tar;
use crate::store::scratch::Scratch;

fn try_load(s: &Scratch, archive: &[u8]) -> Result<Vec<String>> {
    let path = s.store.data("archive");
    std::fs::write(&path, archive).unwrap();
    let loaded = load(
        &s.store,
        File::open(&path).unwrap(),
        &Options::default(),
        &Silent,
    )?;
    Ok(loaded.iter().map(ToString::to_string).collect())
}

/// A configuration of these layers.
fn config(tars: &[&[u8]]) -> Vec<u8> {
    let ids: Vec<String> = tars.iter().map(|tar| digest_of(tar)).collect();
    json!({ "architecture": "amd64", "os": "linux", "config": { "Cmd": ["x"] },
        "rootfs": { "type": "layers", "diff_ids": ids } })
    .to_string()
    .into_bytes()
}

fn layer_tar(text: &str) -> Vec<u8> {
    Tar::default().file("f", text.as_bytes()).end()
}

fn is_clean(s: &Scratch) -> bool {
    ["layers", "blobs", "staging", "partial"]
        .iter()
        .all(|name| {
            std::fs::read_dir(s.store.data(name))
                .unwrap()
                .next()
                .is_none()
        })
}

/// docker before 25, and podman: a layer that is there twice is a link the second time, the manifest comes last.
#[test]
fn an_old_archive_with_links_loads_and_gets_a_manifest_of_its_own() {
    let s = Scratch::new();
    let tar = layer_tar("one");
    let config = config(&[&tar, &tar]);
    let manifest = json!([{ "Config": "c.json", "RepoTags": ["a:1", "b/c:2"], "Layers": ["0/layer.tar", "1/layer.tar"] }]);
    let archive = Tar::default()
        .file("0/layer.tar", &tar)
        .symlink("1/layer.tar", "../0/layer.tar")
        .file("c.json", &config)
        .file("manifest.json", manifest.to_string().as_bytes())
        .end();
    assert_eq!(
        try_load(&s, &archive).unwrap(),
        ["Loaded image: a:1", "Loaded image: b/c:2"]
    );
    let image = s.store.images().find("b/c:2").unwrap();
    assert_eq!(image.id, digest_of(&config));
    assert_eq!(image.size, 6);
    let document = s.store.blobs().need(&image.manifest).unwrap();
    let parsed = manifest::parse(&document, "").unwrap();
    assert!(
        matches!(parsed, Document::Image(m) if m.layers.len() == 2 && m.layers[0].digest == digest_of(&tar))
    );
    // compressed it is the same, and a second time nothing happens
    let zstd = zstd::encode_all(&archive[..], 1).unwrap();
    assert_eq!(
        try_load(&s, &zstd).unwrap(),
        ["Loaded image: a:1", "Loaded image: b/c:2"]
    );
}

/// BuildKit's `type=docker`: the layers are compressed, and both documents name them.
#[test]
fn compressed_layers_and_the_archives_own_manifest_are_kept() {
    use flate2::write::GzEncoder;
    let s = Scratch::new();
    let tar = layer_tar("two");
    let mut gzip = GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&tar).unwrap();
    let gzip = gzip.finish().unwrap();
    let config = config(&[&tar]);
    let document = json!({ "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": descriptor("application/vnd.oci.image.config.v1+json", &digest_of(&config), config.len() as u64),
        "layers": [descriptor("application/vnd.oci.image.layer.v1.tar+gzip", &digest_of(&gzip), gzip.len() as u64)] })
    .to_string().into_bytes();
    let mut entry = descriptor(
        "application/vnd.oci.image.manifest.v1+json",
        &digest_of(&document),
        document.len() as u64,
    );
    entry["annotations"] = json!({ "io.containerd.image.name": "docker.io/library/b:1" });
    let index = json!({ "schemaVersion": 2, "manifests": [entry] });
    let mut archive = Tar::default().file("index.json", index.to_string().as_bytes());
    for blob in [&document, &config, &gzip] {
        archive = archive.file(&blob_path(&digest_of(blob)), blob);
    }
    let layout = archive.clone().end();
    assert_eq!(try_load(&s, &layout).unwrap(), ["Loaded image: b:1"]);
    let item = json!([{ "Config": blob_path(&digest_of(&config)), "RepoTags": null, "Layers": [blob_path(&digest_of(&gzip))] }]);
    let both = archive
        .file("manifest.json", item.to_string().as_bytes())
        .end();
    let t = Scratch::new();
    assert_eq!(
        try_load(&t, &both).unwrap(),
        [format!("Loaded image ID: {}", digest_of(&config))]
    );
    for s in [&s, &t] {
        let listed = s.store.images().list().unwrap().remove(0);
        assert_eq!(listed.manifest, digest_of(&document));
    }
}

#[test]
fn a_name_that_moves_is_told_and_the_old_image_stays() {
    struct Lines(Mutex<Vec<String>>);
    impl Progress for Lines {
        fn line(&self, text: &str) {
            self.0.lock().unwrap().push(text.to_owned());
        }
        fn layer(&self, _: &str, _: crate::image::progress::Step) {}
    }
    let s = Scratch::new();
    let lines = Lines(Mutex::default());
    let mut ids = Vec::new();
    for text in ["old", "new"] {
        let tar = layer_tar(text);
        let config = config(&[&tar]);
        let item = json!([{ "Config": "c", "RepoTags": ["a:1"], "Layers": ["l"] }]);
        let archive = Tar::default()
            .file("c", &config)
            .file("l", &tar)
            .file("manifest.json", item.to_string().as_bytes())
            .end();
        let path = s.store.data("archive");
        std::fs::write(&path, archive).unwrap();
        load(
            &s.store,
            File::open(&path).unwrap(),
            &Options::default(),
            &lines,
        )
        .unwrap();
        ids.push(digest_of(&config));
    }
    let expected = format!(
        "The image a:1 already exists, renaming the old one with ID {} to empty string",
        ids[0]
    );
    assert_eq!(*lines.0.lock().unwrap(), [expected]);
    assert_eq!(s.store.images().find("a:1").unwrap().id, ids[1]);
    assert!(s.store.images().find(&ids[0]).unwrap().names.is_empty());
}

#[test]
fn what_is_wrong_is_one_line_and_leaves_nothing() {
    let tar = layer_tar("x");
    let config = config(&[&tar]);
    let item = |layers: &[&str], tag: &str| {
        json!([{ "Config": "c", "RepoTags": [tag], "Layers": layers }]).to_string()
    };
    let with = |layer: &[u8], config: &[u8], manifest: &str| {
        Tar::default()
            .file("l", layer)
            .file("c", config)
            .file("manifest.json", manifest.as_bytes())
            .end()
    };
    let escape = json!({ "rootfs": { "diff_ids": ["sha256:../../x"] } }).to_string();
    let odd_tar = Tar::default().file("../../f", b"x").end();
    let odd_config = self::config(&[&odd_tar]);
    let cases: [(&str, Vec<u8>, &str); 11] = [
        (
            "nothing",
            Tar::default().file("x", b"").end(),
            "neither docker's",
        ),
        (
            "no json",
            with(&tar, &config, "{"),
            "cannot read manifest.json",
        ),
        (
            "no layer",
            with(&tar, &config, &item(&["m"], "a:1")),
            "the archive has no `m`",
        ),
        (
            "outside",
            with(&tar, &config, &item(&["../../etc/passwd"], "a:1")),
            "the archive has no",
        ),
        (
            "too few",
            with(&tar, &config, &item(&[], "a:1")),
            "layers length mismatch: expected 1, got 0",
        ),
        (
            "a tag",
            with(&tar, &config, &item(&["l"], "UP:1")),
            "must be lowercase",
        ),
        (
            "no tag",
            with(&tar, &config, &item(&["l"], "a")),
            "invalid tag \"a\"",
        ),
        (
            "other layer",
            with(&layer_tar("y"), &config, &item(&["l"], "a:1")),
            "invalid diffID for layer `l`",
        ),
        (
            "no tar",
            with(b"not a tar", &config, &item(&["l"], "a:1")),
            "cannot read the layer's tar",
        ),
        (
            "id",
            with(&tar, escape.as_bytes(), &item(&["l"], "a:1")),
            "cannot use the layer id",
        ),
        (
            "tar out",
            with(&odd_tar, &odd_config, &item(&["l"], "a:1")),
            "leads out of the image",
        ),
    ];
    for (name, archive, why) in cases {
        let s = Scratch::new();
        let e = try_load(&s, &archive).unwrap_err().to_string();
        assert!(e.contains(why), "{name}: {e}");
        assert!(!e.contains('\n'), "{name}: {e}");
        assert!(is_clean(&s), "{name}: something is left");
    }
}

#[test]
fn a_blob_that_is_not_its_digest_is_refused() {
    let s = Scratch::new();
    let digest = digest_of(b"right");
    let index = json!({ "manifests": [descriptor("application/vnd.oci.image.manifest.v1+json", &digest, 5)], "schemaVersion": 2 });
    let archive = Tar::default()
        .file("index.json", index.to_string().as_bytes())
        .file(&blob_path(&digest), b"wrong")
        .end();
    let e = try_load(&s, &archive).unwrap_err().to_string();
    assert!(e.contains("does not match its digest"), "{e}");
    let xz = try_load(&s, b"\xfd7zXZ and so on").unwrap_err().to_string();
    assert!(xz.contains("broken xz data"), "{xz}");
}
