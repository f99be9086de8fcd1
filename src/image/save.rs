//! Saving: images of the store to an archive that docker, podman and skopeo load (see image/archive.rs).
//!
//! Layers are written uncompressed, from their trees. As before a container uses them, those that an older boot left
//! unsynced are proved first; for the others the sum over everything would be most of the time, and a load computes it.

use std::collections::{BTreeMap, BTreeSet};

use oci_client::manifest::{
    IMAGE_CONFIG_MEDIA_TYPE, IMAGE_LAYER_MEDIA_TYPE, OCI_IMAGE_INDEX_MEDIA_TYPE,
    OCI_IMAGE_MEDIA_TYPE,
};
use serde_json::{Map, Value, json};

use crate::error::{Context, Error, Kind, Result};
use crate::grammar::platform::Platform;
use crate::grammar::reference::Reference;
use crate::image::archive::blob_path;
use crate::image::archive::write::{Content, Member};
use crate::image::config::ImageConfig;
use crate::image::regenerate;
use crate::store::Store;
use crate::store::blobs::digest_of;
use crate::store::images::{Name, no_such};

/// One image of an archive.
#[derive(Debug)]
struct Saved {
    /// `sha256:...` of its configuration.
    id: String,
    /// The names asked for, none for an image asked for by id.
    names: Vec<Reference>,
}

/// Returns the members of an archive of the images that `words` mean: names, repositories (all their tags), ids.
///
/// `Kind::NotFound` with docker's text for what is not here, `Kind::Invalid` for another platform than `platform`.
pub(crate) fn members(
    store: &Store,
    words: &[String],
    platform: Option<&Platform>,
) -> Result<Vec<Member>> {
    let mut images = Vec::new();
    for image in chosen(store, words)? {
        let bytes = store.blobs().need(&image.id)?;
        let config = store.images().config(&image.id)?;
        check_platform(&image, &config, platform)?;
        regenerate::prove(store, &config.rootfs.diff_ids)?;
        images.push((image, bytes, config));
    }
    of_images(store, images)
}

/// Returns the members of an archive of one image, which need not be one of the store's; its layers are.
pub(crate) fn of_one(store: &Store, bytes: Vec<u8>, names: Vec<Reference>) -> Result<Vec<Member>> {
    let id = digest_of(&bytes);
    let config = serde_json::from_slice(&bytes)
        .context(Kind::Corrupt, || format!("cannot read configuration {id}"))?;
    of_images(store, vec![(Saved { id, names }, bytes, config)])
}

fn of_images(store: &Store, images: Vec<(Saved, Vec<u8>, ImageConfig)>) -> Result<Vec<Member>> {
    let mut small: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    let mut layers: BTreeMap<String, Member> = BTreeMap::new();
    let (mut items, mut manifests) = (Vec::new(), Vec::new());
    let mut repositories: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    for (image, config_bytes, config) in images {
        let mut sources = Map::new();
        let mut descriptors = Vec::new();
        for diff_id in &config.rootfs.diff_ids {
            let size = tar_size(store, diff_id)?;
            let layer = descriptor(IMAGE_LAYER_MEDIA_TYPE, diff_id, size);
            sources.insert(
                diff_id.clone(),
                json!({ "mediaType": IMAGE_LAYER_MEDIA_TYPE, "size": size, "digest": diff_id }),
            );
            descriptors.push(layer);
            layers
                .entry(blob_path(diff_id))
                .or_insert_with_key(|path| Member {
                    path: path.clone(),
                    content: Content::Layer {
                        folder: store.layers().path(diff_id),
                        diff_id: diff_id.clone(),
                        size,
                    },
                });
        }
        let manifest = uncompressed_manifest(&image.id, config_bytes.len() as u64, &descriptors);
        let digest = digest_of(&manifest);
        manifests.extend(index_entries(&digest, manifest.len(), &image.names));
        items.push(item(&image, &config, sources));
        let top = config
            .rootfs
            .diff_ids
            .last()
            .map_or("", |id| &id["sha256:".len()..]);
        for name in &image.names {
            repositories
                .entry(name.familiar_name())
                .or_default()
                .insert(name.tag().unwrap_or_default().to_owned(), top.to_owned());
        }
        small.insert(blob_path(&image.id), config_bytes);
        small.insert(blob_path(&digest), manifest);
    }
    let mut all = documents(manifests, items, &repositories)?;
    let file = |(path, bytes)| Member {
        path,
        content: Content::Bytes(bytes),
    };
    all.extend(small.into_iter().map(file));
    all.extend(layers.into_values());
    Ok(all)
}

/// Returns the manifest of an image whose layers are not compressed, as docker writes it for archives.
pub(crate) fn uncompressed_manifest(id: &str, config_size: u64, layers: &[Value]) -> Vec<u8> {
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": OCI_IMAGE_MEDIA_TYPE,
        "config": descriptor(IMAGE_CONFIG_MEDIA_TYPE, id, config_size),
        "layers": layers,
    });
    manifest.to_string().into_bytes()
}

/// Returns a descriptor with the keys in Go's order.
pub(crate) fn descriptor(media_type: &str, digest: &str, size: u64) -> Value {
    json!({ "mediaType": media_type, "digest": digest, "size": size })
}

/// Returns the bytes of a layer's tar.
pub(crate) fn tar_size(store: &Store, diff_id: &str) -> Result<u64> {
    match store.layers().record(diff_id)?.tar_size {
        // a power cut emptied the record
        0 => {
            let mut size = 0;
            regenerate::regenerate(&store.layers().path(diff_id), &mut |bytes| {
                size += bytes.len() as u64;
                Ok(())
            })?;
            Ok(size)
        }
        size => Ok(size),
    }
}

/// Groups what was asked for by image, in the order asked.
fn chosen(store: &Store, words: &[String]) -> Result<Vec<Saved>> {
    let names = store.images().names()?;
    let mut all: Vec<Saved> = Vec::new();
    let mut add = |id: &str, name: Option<Reference>| {
        let at = all
            .iter()
            .position(|saved| saved.id == id)
            .unwrap_or_else(|| {
                all.push(Saved {
                    id: id.to_owned(),
                    names: Vec::new(),
                });
                all.len() - 1
            });
        if let Some(name) = name.filter(|name| !all[at].names.contains(name)) {
            all[at].names.push(name);
        }
    };
    for word in words {
        let tagged = tags(&names, word);
        for (id, name) in &tagged {
            add(id, Some(name.clone()));
        }
        if tagged.is_empty() {
            let image = store.images().look_up(word)?.ok_or_else(|| no_such(word))?;
            add(&image.id, None);
        }
    }
    Ok(all)
}

/// The tags that a word means: one, or all of a repository when it names none.
fn tags(names: &[Name], word: &str) -> Vec<(String, Reference)> {
    let Ok(wanted) = Reference::parse(word) else {
        return Vec::new();
    };
    if wanted.digest().is_some() {
        return Vec::new();
    }
    let is_it = |found: &Reference| {
        found.digest().is_none()
            && found.name() == wanted.name()
            && (wanted.tag().is_none() || wanted.tag() == found.tag())
    };
    let parsed = names.iter().filter_map(|name| {
        let reference = Reference::parse(&name.name).ok()?;
        is_it(&reference).then(|| (name.config.clone(), reference))
    });
    parsed.collect()
}

fn check_platform(image: &Saved, config: &ImageConfig, wanted: Option<&Platform>) -> Result<()> {
    let actual = config.platform();
    match wanted.filter(|wanted| wanted.rank(&actual).is_none()) {
        None => Ok(()),
        Some(wanted) => {
            let name = image
                .names
                .first()
                .map_or(image.id.clone(), Reference::familiar);
            let text = format!("no suitable export target found for platform {wanted}");
            Err(Error::new(Kind::Invalid, text).because(format!("image {name} is for {actual}")))
        }
    }
}

fn index_entries(digest: &str, size: usize, names: &[Reference]) -> Vec<Value> {
    let plain = descriptor(OCI_IMAGE_MEDIA_TYPE, digest, size as u64);
    if names.is_empty() {
        return vec![plain];
    }
    let named = names.iter().map(|name| {
        let mut entry = plain.clone();
        entry["annotations"] = json!({
            "io.containerd.image.name": name.to_string(),
            "org.opencontainers.image.ref.name": name.tag().unwrap_or_default(),
        });
        entry
    });
    named.collect()
}

fn item(image: &Saved, config: &ImageConfig, sources: Map<String, Value>) -> Value {
    let tags: Vec<String> = image.names.iter().map(Reference::familiar).collect();
    let layers: Vec<String> = config
        .rootfs
        .diff_ids
        .iter()
        .map(|id| blob_path(id))
        .collect();
    // Go's maps come sorted
    let sources: BTreeMap<String, Value> = sources.into_iter().collect();
    json!({
        "Config": blob_path(&image.id),
        "RepoTags": if tags.is_empty() { Value::Null } else { json!(tags) },
        "Layers": layers,
        "LayerSources": sources,
    })
}

/// The documents that say what is in the archive, and the folders.
fn documents(
    manifests: Vec<Value>,
    items: Vec<Value>,
    repositories: &BTreeMap<String, BTreeMap<String, String>>,
) -> Result<Vec<Member>> {
    let index = json!({
        "schemaVersion": 2,
        "mediaType": OCI_IMAGE_INDEX_MEDIA_TYPE,
        "manifests": manifests,
    });
    let mut all = vec![
        (
            "oci-layout",
            r#"{"imageLayoutVersion": "1.0.0"}"#.to_owned(),
        ),
        ("index.json", index.to_string()),
        ("manifest.json", format!("{}\n", Value::Array(items))),
    ];
    if !repositories.is_empty() {
        all.push(("repositories", format!("{}\n", json!(repositories))));
    }
    let mut members: Vec<Member> = all
        .into_iter()
        .map(|(path, text)| Member {
            path: path.to_owned(),
            content: Content::Bytes(text.into_bytes()),
        })
        .collect();
    for path in ["blobs", "blobs/sha256"] {
        members.push(Member {
            path: path.to_owned(),
            content: Content::Folder,
        });
    }
    debug_assert!(
        members
            .iter()
            .map(|m| &m.path)
            .collect::<BTreeSet<_>>()
            .len()
            == members.len(),
        "every member once"
    );
    Ok(members)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::archive::write::{to_file, to_stream};
    use crate::image::load::{Options, load};
    use crate::image::progress::Silent;
    use crate::image::tar::build::Tar;
    use crate::store::scratch::Scratch;

    /// Puts an image of these layers into a store; returns its id.
    pub(crate) fn image(s: &Scratch, name: &str, tars: &[Vec<u8>]) -> String {
        let mut ids = Vec::new();
        for tar in tars {
            let draft = s.store.layers().draft().unwrap();
            let mut once = Some(tar.clone());
            let unpacked =
                crate::image::unpack::layer(|| once.take(), draft.path(), &Default::default())
                    .unwrap();
            draft.publish(&unpacked, None).unwrap();
            ids.push(unpacked.diff_id);
        }
        let config = json!({ "architecture": "amd64", "os": "linux", "config": {},
            "rootfs": { "type": "layers", "diff_ids": ids } })
        .to_string()
        .into_bytes();
        let id = digest_of(&config);
        let manifest = uncompressed_manifest(&id, config.len() as u64, &[]);
        for bytes in [&config, &manifest] {
            s.store.blobs().put(&digest_of(bytes), bytes).unwrap();
        }
        s.store
            .images()
            .put(Name {
                name: Reference::parse(name).unwrap().to_string(),
                manifest: digest_of(&manifest),
                config: id.clone(),
                ..Name::default()
            })
            .unwrap();
        id
    }

    fn stream(members: &[Member]) -> Vec<u8> {
        let mut all = Vec::new();
        to_stream(members, &mut |bytes| {
            all.extend_from_slice(bytes);
            Ok(())
        })
        .unwrap();
        all
    }

    #[test]
    fn both_ways_of_writing_give_the_same_bytes_and_they_load_again() {
        let s = Scratch::new();
        let layers = [
            Tar::default().file("a", &[7; 3000]).end(),
            Tar::default().file("b", b"b").end(),
        ];
        let id = image(&s, "one:1", &layers);
        s.store.images().tag("one:1", "two:x").unwrap();
        let words = ["two".to_owned(), "one:1".to_owned(), id.clone()];
        let members = members(&s.store, &words, None).unwrap();
        let bytes = stream(&members);
        let path = s.store.data("archive");
        let file = std::fs::File::create(&path).unwrap();
        assert_eq!(to_file(&members, &file, 0).unwrap(), bytes.len() as u64);
        assert!(std::fs::read(&path).unwrap() == bytes);

        let other = Scratch::new();
        let loaded = load(
            &other.store,
            std::fs::File::open(&path).unwrap(),
            &Options::default(),
            &Silent,
        )
        .unwrap();
        let names: Vec<String> = loaded.iter().map(ToString::to_string).collect();
        assert_eq!(names, ["Loaded image: two:x", "Loaded image: one:1"]);
        let found = other.store.images().find("two:x").unwrap();
        assert_eq!(found.id, id);
        let again = super::members(
            &other.store,
            &["two:x".to_owned(), "one:1".to_owned()],
            None,
        )
        .unwrap();
        assert!(
            stream(&again) == bytes,
            "the same images give the same bytes"
        );
    }

    #[test]
    fn what_is_not_here_and_other_platforms_are_refused() {
        let s = Scratch::new();
        image(&s, "one:1", &[]);
        let e = members(&s.store, &["nosuch".to_owned()], None).unwrap_err();
        assert_eq!(
            (e.kind(), e.to_string().as_str()),
            (Kind::NotFound, "No such image: nosuch:latest")
        );
        let arm = Platform::parse("linux/arm64").unwrap();
        assert!(members(&s.store, &["one:1".to_owned()], Some(&arm)).is_err());
    }

    #[test]
    fn a_damaged_layer_is_told_and_not_saved() {
        let s = Scratch::new();
        image(&s, "one:1", &[Tar::default().file("a", b"123").end()]);
        let layer = s.store.layers().list().unwrap().remove(0);
        std::fs::write(s.store.layers().tree(&layer).join("a"), "4321").unwrap();
        let saved = || members(&s.store, &["one:1".to_owned()], None);
        let e = to_stream(&saved().unwrap(), &mut |_| Ok(())).unwrap_err();
        assert_eq!(e.kind(), Kind::Corrupt);
        // what only the digest tells is looked for after a crash
        std::fs::write(s.store.layers().tree(&layer).join("a"), "321").unwrap();
        let path = s.store.layers().path(&layer).join("layer");
        let text = std::fs::read_to_string(&path).unwrap();
        let older = text.replace(crate::store::layers::boot_id(), "older");
        std::fs::write(&path, older).unwrap();
        assert_eq!(saved().unwrap_err().kind(), Kind::Corrupt);
    }
}
