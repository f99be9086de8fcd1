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
use crate::image::index::{Annotations, Index};
use crate::image::regenerate;
use crate::store::Store;
use crate::store::blobs::digest_of;
use crate::store::images::{Name, no_such};

/// What an archive holds under its names: an image, or an index of several.
#[derive(Debug, Default)]
pub(crate) struct Saved {
    /// One, or each of the index.
    pub(crate) images: Vec<One>,
    /// Which of them docker's older form names, which knows no index.
    pub(crate) main: usize,
    /// Its parts are the images, in this order.
    pub(crate) index: Option<Index>,
    /// The names asked for, none for an image asked for by id.
    pub(crate) names: Vec<Reference>,
    /// Those of its descriptor in `index.json`.
    pub(crate) annotations: Annotations,
}

/// One image.
#[derive(Debug)]
pub(crate) struct One {
    /// Its configuration, verbatim.
    pub(crate) config: Vec<u8>,
    /// Those of its manifest.
    pub(crate) annotations: Annotations,
}

/// Returns the members of an archive of the images that `words` mean: names, repositories (all their tags), ids.
///
/// `Kind::NotFound` with docker's text for what is not here, `Kind::Invalid` for another platform than `platform`.
pub(crate) fn members(
    store: &Store,
    words: &[String],
    platform: Option<&Platform>,
) -> Result<Vec<Member>> {
    let all = chosen(store, words)?;
    let all: Result<Vec<_>> = all
        .into_iter()
        .map(|found| saved(store, found, platform))
        .collect();
    of_all(store, all?)
}

/// Reads the documents of an image or index of the store; of an index the image for `platform`, if one is given.
fn saved(store: &Store, found: Chosen, platform: Option<&Platform>) -> Result<Saved> {
    let names = store.images().names()?;
    let own = names.iter().find(|name| name.config == found.id);
    let manifest = own.map(|name| name.manifest.clone()).unwrap_or_default();
    let index = own.map(|name| name.index.as_str()).unwrap_or_default();
    let mut all = store.images().of_index(index)?;
    let mut index = match all.is_empty() {
        true => None,
        false => Some(Index::read(&store.blobs().need(index)?)?),
    };
    if all.is_empty() {
        all.push((manifest, found.id.clone()));
    }
    if let Some(wanted) = platform {
        let fits = |id: &String| -> Result<bool> {
            let actual = store.images().config(id)?.platform();
            Ok(wanted.rank(&actual).is_some())
        };
        let mut fitting = Vec::new();
        for pair in &all {
            if fits(&pair.1)? {
                fitting.push(pair.clone());
            }
        }
        if fitting.is_empty() {
            return Err(other_platform(store, &found, wanted)?);
        }
        (all, index) = (vec![fitting.swap_remove(0)], None);
    }
    let mut images = Vec::new();
    for (manifest, id) in &all {
        let config = store.images().config(id)?;
        regenerate::prove(store, &config.rootfs.diff_ids)?;
        images.push(One {
            config: store.blobs().need(id)?,
            annotations: annotations(store, manifest)?,
        });
    }
    let main = all.iter().position(|(_, id)| *id == found.id);
    Ok(Saved {
        images,
        main: main.unwrap_or_default(),
        index,
        names: found.names,
        annotations: Annotations::new(),
    })
}

/// The annotations of a manifest of the store.
pub(crate) fn annotations(store: &Store, manifest: &str) -> Result<Annotations> {
    let bytes = store.blobs().get(manifest)?.unwrap_or_default();
    let value: Value = serde_json::from_slice(&bytes).unwrap_or_default();
    Ok(serde_json::from_value(value["annotations"].clone()).unwrap_or_default())
}

/// Returns the members of an archive of one image, which need not be one of the store's; its layers are.
pub(crate) fn of_one(store: &Store, config: Vec<u8>) -> Result<Vec<Member>> {
    let one = One {
        config,
        annotations: Annotations::new(),
    };
    let saved = Saved {
        images: vec![one],
        ..Saved::default()
    };
    of_all(store, vec![saved])
}

/// Returns the members of an archive of images whose layers are in the store.
pub(crate) fn of_all(store: &Store, all: Vec<Saved>) -> Result<Vec<Member>> {
    let mut blobs = Blobs::default();
    let (mut items, mut manifests) = (Vec::new(), Vec::new());
    let mut repositories: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    for saved in all {
        let mut documents = Vec::new();
        for (at, one) in saved.images.iter().enumerate() {
            let (manifest, sources, config) = blobs.image(store, one)?;
            if at == saved.main {
                let top = config.rootfs.diff_ids.last();
                let top = top.map_or("", |id| &id["sha256:".len()..]);
                for name in &saved.names {
                    repositories
                        .entry(name.familiar_name())
                        .or_default()
                        .insert(name.tag().unwrap_or_default().to_owned(), top.to_owned());
                }
                items.push(item(
                    &digest_of(&one.config),
                    &saved.names,
                    &config,
                    sources,
                ));
            }
            documents.push(manifest);
        }
        let (media_type, bytes) = match saved.index {
            Some(index) => {
                let parts = index.parts.into_iter().zip(&documents);
                let index = Index {
                    parts: parts
                        .map(|(part, bytes)| part.with(OCI_IMAGE_MEDIA_TYPE, bytes))
                        .collect(),
                    annotations: index.annotations,
                };
                (index.media_type(), index.bytes())
            }
            None => (OCI_IMAGE_MEDIA_TYPE, documents.swap_remove(0)),
        };
        let digest = digest_of(&bytes);
        let plain = descriptor(media_type, &digest, bytes.len() as u64);
        manifests.extend(index_entries(&plain, &saved.names, &saved.annotations));
        blobs.small.insert(blob_path(&digest), bytes);
    }
    let mut all = documents(manifests, items, &repositories)?;
    let file = |(path, bytes)| Member {
        path,
        content: Content::Bytes(bytes),
    };
    all.extend(blobs.small.into_iter().map(file));
    all.extend(blobs.layers.into_values());
    Ok(all)
}

/// What goes below `blobs/`, by path.
#[derive(Default)]
struct Blobs {
    small: BTreeMap<String, Vec<u8>>,
    layers: BTreeMap<String, Member>,
}

impl Blobs {
    /// Adds an image; returns its manifest, what docker's form says of its layers, and its configuration.
    fn image(
        &mut self,
        store: &Store,
        one: &One,
    ) -> Result<(Vec<u8>, Map<String, Value>, ImageConfig)> {
        let id = digest_of(&one.config);
        let config: ImageConfig = serde_json::from_slice(&one.config)
            .context(Kind::Corrupt, || format!("cannot read configuration {id}"))?;
        let mut sources = Map::new();
        let mut descriptors = Vec::new();
        for diff_id in &config.rootfs.diff_ids {
            let size = tar_size(store, diff_id)?;
            descriptors.push(descriptor(IMAGE_LAYER_MEDIA_TYPE, diff_id, size));
            sources.insert(
                diff_id.clone(),
                json!({ "mediaType": IMAGE_LAYER_MEDIA_TYPE, "size": size, "digest": diff_id }),
            );
            self.layers
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
        let manifest =
            annotated_manifest(&id, one.config.len() as u64, &descriptors, &one.annotations);
        self.small
            .insert(blob_path(&digest_of(&manifest)), manifest.clone());
        self.small.insert(blob_path(&id), one.config.clone());
        Ok((manifest, sources, config))
    }
}

/// Returns the manifest of an image whose layers are not compressed, as docker writes it for archives.
pub(crate) fn uncompressed_manifest(id: &str, config_size: u64, layers: &[Value]) -> Vec<u8> {
    annotated_manifest(id, config_size, layers, &Annotations::new())
}

/// Returns the same with annotations.
pub(crate) fn annotated_manifest(
    id: &str,
    config_size: u64,
    layers: &[Value],
    annotations: &Annotations,
) -> Vec<u8> {
    let mut manifest = json!({
        "schemaVersion": 2,
        "mediaType": OCI_IMAGE_MEDIA_TYPE,
        "config": descriptor(IMAGE_CONFIG_MEDIA_TYPE, id, config_size),
        "layers": layers,
    });
    if !annotations.is_empty() {
        manifest["annotations"] = json!(annotations);
    }
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

/// An image of the store that was asked for.
struct Chosen {
    /// `sha256:...` of its configuration.
    id: String,
    names: Vec<Reference>,
}

/// Groups what was asked for by image, in the order asked.
fn chosen(store: &Store, words: &[String]) -> Result<Vec<Chosen>> {
    let names = store.images().names()?;
    let mut all: Vec<Chosen> = Vec::new();
    let mut add = |id: &str, name: Option<Reference>| {
        let at = all
            .iter()
            .position(|saved| saved.id == id)
            .unwrap_or_else(|| {
                all.push(Chosen {
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
            let image = store.images().look_up(word)?;
            let image = image.ok_or_else(|| missing(word))?;
            add(&image.id, None);
        }
    }
    Ok(all)
}

/// docker's words, which for a save are others than elsewhere.
fn missing(word: &str) -> Error {
    match Reference::parse(word) {
        Ok(name) if name.tag().is_none() && name.digest().is_none() => Error::new(
            Kind::NotFound,
            format!("No such image: {}", name.familiar()),
        ),
        Ok(_) => Error::new(Kind::NotFound, "reference does not exist"),
        Err(_) => no_such(word),
    }
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

fn other_platform(store: &Store, image: &Chosen, wanted: &Platform) -> Result<Error> {
    let actual = store.images().config(&image.id)?.platform();
    let name = image.names.first();
    let name = name.map_or(image.id.clone(), Reference::familiar);
    let text = format!("no suitable export target found for platform {wanted}");
    Ok(Error::new(Kind::Invalid, text).because(format!("image {name} is for {actual}")))
}

fn index_entries(plain: &Value, names: &[Reference], annotations: &Annotations) -> Vec<Value> {
    let entry = |own: &[(&str, String)]| {
        let mut all = annotations.clone();
        all.extend(
            own.iter()
                .map(|(key, value)| ((*key).to_owned(), value.clone())),
        );
        let mut entry = plain.clone();
        if !all.is_empty() {
            entry["annotations"] = json!(all);
        }
        entry
    };
    if names.is_empty() {
        return vec![entry(&[])];
    }
    let named = names.iter().map(|name| {
        let tag = name.tag().unwrap_or_default().to_owned();
        entry(&[
            ("io.containerd.image.name", name.to_string()),
            ("org.opencontainers.image.ref.name", tag),
        ])
    });
    named.collect()
}

fn item(id: &str, names: &[Reference], config: &ImageConfig, sources: Map<String, Value>) -> Value {
    let tags: Vec<String> = names.iter().map(Reference::familiar).collect();
    let layers: Vec<String> = config
        .rootfs
        .diff_ids
        .iter()
        .map(|id| blob_path(id))
        .collect();
    // Go's maps come sorted
    let sources: BTreeMap<String, Value> = sources.into_iter().collect();
    json!({
        "Config": blob_path(id),
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
            (Kind::NotFound, "No such image: nosuch")
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
