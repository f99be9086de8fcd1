//! The build cache beyond this store: inside of an image, beside it in a registry, or in a folder.
//!
//! The envelope is BuildKit's: an image manifest whose configuration has `moby.buildkit.cache.v0`. What is in it is ours,
//! since BuildKit's keys are digests of its own structures: it finds no match in ours and goes on, as we do in its.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use base64::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::document;
use super::progress::{Board, End};
use super::request::Request;
use crate::error::{Context, Error, Kind, Result};
use crate::grammar::reference::Reference;
use crate::image::archive::write::{Content, Member};
use crate::image::config::{History, ImageConfig};
use crate::image::decode;
use crate::image::progress::Silent;
use crate::image::pull::Peeked;
use crate::image::unpack::{self, Limits};
use crate::image::{pull, push, regenerate, save};
use crate::registry::Settings;
use crate::store::blobs::digest_of;
use crate::store::builds::Step;
use crate::store::images::Name;
use crate::store::layers::Stage;
use crate::store::{self, Store};

/// The member of a configuration that holds the records.
pub(super) const MEMBER: &str = "moby.buildkit.cache.v0";

/// By which our records are known among BuildKit's.
const FORM: &str = "coracle-build-1";

/// Where a cache is read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum From {
    /// An image or cache of a registry.
    Registry(String),
    /// A folder.
    Local(PathBuf),
}

/// Where a cache is written to; `all`: the steps of all stages, else those of the result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum To {
    /// Into the image itself.
    Inline,
    /// Beside it.
    Registry {
        /// Its name.
        name: String,
        /// `mode=max`.
        all: bool,
    },
    /// Into a folder, as an OCI layout.
    Local {
        /// The folder.
        folder: PathBuf,
        /// `mode=max`.
        all: bool,
    },
}

/// One step's record on its way.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Record {
    pub(super) key: String,
    #[serde(flatten)]
    pub(super) step: Step,
}

#[derive(Serialize, Deserialize)]
struct Envelope {
    form: String,
    records: Vec<Record>,
}

/// The records as a configuration holds them.
pub(super) fn text(records: &[Record]) -> String {
    let envelope = Envelope {
        form: FORM.to_owned(),
        records: records.to_vec(),
    };
    BASE64_STANDARD.encode(serde_json::to_vec(&envelope).unwrap_or_default())
}

/// Our records in a configuration; `None` when there are none of ours.
fn records(config: &[u8]) -> Option<Vec<Record>> {
    let config: Value = serde_json::from_slice(config).ok()?;
    let bytes = BASE64_STANDARD.decode(config[MEMBER].as_str()?).ok()?;
    let mut envelope: Envelope = serde_json::from_slice(&bytes).ok()?;
    // a key becomes the name of a file
    let is_key = |key: &str| key.len() == 64 && key.bytes().all(|b| b.is_ascii_hexdigit());
    envelope.records.retain(|record| is_key(&record.key));
    (envelope.form == FORM).then_some(envelope.records)
}

/// A cache that a build is given: its records, and where the layers are that a hit needs.
pub(super) struct Cache {
    records: BTreeMap<String, Step>,
    place: Place,
}

enum Place {
    Registry(Peeked),
    Folder(PathBuf),
}

impl Cache {
    /// Returns what a key stands for in this cache; its layer and its record are in the store then.
    pub(super) fn step(
        &self,
        store: &Store,
        settings: &Settings,
        key: &str,
    ) -> Result<Option<Step>> {
        let Some(step) = self.records.get(key) else {
            return Ok(None);
        };
        match &self.place {
            Place::Registry(image) => image.fetch(store, settings, &step.diff_id)?,
            Place::Folder(folder) => layer_of_folder(store, folder, &step.diff_id)?,
        }
        store.builds().put_step(key, step)?;
        Ok(Some(step.clone()))
    }
}

/// Reads the records of all caches that a build is given. One that cannot be read fails its own line of progress and
/// nothing else.
pub(super) fn import(store: &Store, request: &Request, board: &Board<'_>) -> Vec<Cache> {
    let mut all = Vec::new();
    for from in &request.cache_from {
        let shown = match from {
            From::Registry(name) => name.clone(),
            From::Local(folder) => folder.display().to_string(),
        };
        let work = board.begin(format!("importing cache manifest from {shown}"));
        let read = match from {
            From::Registry(name) => of_registry(store, request, name),
            From::Local(folder) => of_folder(folder),
        };
        let (config, place) = match read {
            Ok(read) => read,
            Err(e) => {
                work.end(End::Failed(e.to_string()));
                continue;
            }
        };
        match records(&config) {
            Some(records) => all.push(Cache {
                records: records.into_iter().map(|r| (r.key, r.step)).collect(),
                place,
            }),
            None => work.log(2, b"it holds no records of this builder's: left alone\n"),
        }
        work.end(End::Done);
    }
    all
}

fn of_registry(store: &Store, request: &Request, name: &str) -> Result<(Vec<u8>, Place)> {
    let options = pull::Options {
        settings: request.settings.clone(),
        platform: request.platforms.first().cloned(),
        leaves_tag: true,
        takes_any: false,
    };
    let image = pull::peek(store, &Reference::parse(name)?, &options)?;
    Ok((image.config.clone(), Place::Registry(image)))
}

fn named(store: &Store, reference: &Reference) -> Result<Option<Name>> {
    let canonical = reference.to_string();
    Ok(store
        .images()
        .names()?
        .into_iter()
        .find(|n| n.name == canonical))
}

fn of_folder(folder: &Path) -> Result<(Vec<u8>, Place)> {
    let blob = |descriptor: &Value| -> Result<Vec<u8>> {
        let digest = descriptor["digest"].as_str().unwrap_or_default();
        let hex = digest.strip_prefix("sha256:").unwrap_or("none");
        let bytes = fs_err::read(folder.join("blobs/sha256").join(hex))?;
        match digest_of(&bytes) == digest {
            true => Ok(bytes),
            false => Err(Error::new(
                Kind::Corrupt,
                format!("blob {digest} is damaged"),
            )),
        }
    };
    let json = |bytes: Vec<u8>| -> Result<Value> {
        serde_json::from_slice(&bytes).context(Kind::Corrupt, || {
            format!("cannot read `{}`", folder.display())
        })
    };
    let index = json(fs_err::read(folder.join("index.json"))?)?;
    let manifest = json(blob(&index["manifests"][0])?)?;
    Ok((blob(&manifest["config"])?, Place::Folder(folder.to_owned())))
}

fn layer_of_folder(store: &Store, folder: &Path, diff_id: &str) -> Result<()> {
    let Stage::Make(staging) = store.layers().stage(diff_id)? else {
        return Ok(());
    };
    let hex = diff_id.trim_start_matches("sha256:");
    let path = folder.join("blobs/sha256").join(hex);
    let mut source = decode::Source::new(fs_err::File::open(&path)?);
    let unpacked = unpack::layer_from(
        |spare| source.next(spare),
        staging.path(),
        &Limits::default(),
    )?;
    source.finish(|| format!("cannot read `{}`", path.display()))?;
    if unpacked.diff_id != *diff_id {
        let text = format!("layer {diff_id} is damaged");
        return Err(Error::new(Kind::Corrupt, text));
    }
    staging.publish(&unpacked, None)
}

/// Writes the caches that a build is to write. `all`: every step; `own`: those of the result.
pub(super) fn export(
    store: &Store,
    request: &Request,
    board: &Board<'_>,
    all: &[Record],
    own: &[Record],
) -> Result<()> {
    for to in &request.cache_to {
        let (shown, records) = match to {
            To::Inline => continue,
            To::Registry { all: true, .. } => ("registry", all),
            To::Registry { .. } => ("registry", own),
            To::Local { all: true, .. } => ("client directory", all),
            To::Local { .. } => ("client directory", own),
        };
        let work = board.begin(format!("exporting cache to {shown}"));
        let written = match to {
            To::Registry { name, .. } => to_registry(store, request, name, records),
            To::Local { folder, .. } => to_folder(store, folder, records),
            To::Inline => Ok(()),
        };
        match written {
            Ok(()) => work.end(End::Done),
            Err(e) => {
                work.end(End::Failed(e.to_string()));
                return Err(e);
            }
        }
    }
    Ok(())
}

/// An image of the records' layers; nobody is meant to run it.
fn config(records: &[Record]) -> Vec<u8> {
    let mut image = ImageConfig {
        architecture: "amd64".to_owned(),
        os: "linux".to_owned(),
        created: Some("1970-01-01T00:00:00Z".to_owned()),
        ..ImageConfig::default()
    };
    for record in records {
        if !image.rootfs.diff_ids.contains(&record.step.diff_id) {
            image.rootfs.diff_ids.push(record.step.diff_id.clone());
            image.history.push(History {
                created_by: Some(record.step.about.clone()),
                ..History::default()
            });
        }
    }
    image.rootfs.kind = "layers".to_owned();
    document::bytes(&image, Some((MEMBER, &text(records))))
}

fn to_registry(store: &Store, request: &Request, name: &str, records: &[Record]) -> Result<()> {
    let reference = Reference::parse(name)?.or_latest();
    let config = config(records);
    let id = digest_of(&config);
    let mut layers: Vec<Value> = Vec::new();
    let mut seen: Vec<&str> = Vec::new();
    for record in records {
        let layer = record.step.diff_id.as_str();
        if !seen.contains(&layer) {
            seen.push(layer);
            let size = save::tar_size(store, layer)?;
            let kind = oci_client::manifest::IMAGE_LAYER_MEDIA_TYPE;
            layers.push(save::descriptor(kind, layer, size));
        }
    }
    let manifest = save::uncompressed_manifest(&id, config.len() as u64, &layers);
    store.blobs().put(&id, &config)?;
    store.blobs().put(&digest_of(&manifest), &manifest)?;
    let before = named(store, &reference)?;
    store.images().put(Name {
        name: reference.to_string(),
        manifest: digest_of(&manifest),
        config: id,
        tagged: store::now(),
        ..Name::default()
    })?;
    let options = push::Options {
        settings: request.settings.clone(),
        compression: request.compression,
    };
    let pushed = push::push(store, &reference, push::Which::Tag, &options, &Silent);
    store.images().remove(&reference.to_string(), true, &[])?;
    if let Some(before) = before {
        store.images().put(before)?;
    }
    pushed
}

fn to_folder(store: &Store, folder: &Path, records: &[Record]) -> Result<()> {
    for member in save::of_one(store, config(records))? {
        write(folder, &member)?;
    }
    Ok(())
}

fn write(folder: &Path, member: &Member) -> Result<()> {
    let path = folder.join(&member.path);
    match &member.content {
        Content::Folder => Ok(fs_err::create_dir_all(&path)?),
        Content::Bytes(bytes) => {
            if let Some(parent) = path.parent() {
                fs_err::create_dir_all(parent)?;
            }
            Ok(fs_err::write(&path, bytes)?)
        }
        // content that is there under its digest is that content
        Content::Layer { .. } if path.exists() => Ok(()),
        Content::Layer { folder: layer, .. } => {
            use std::io::Write;
            let half = path.with_extension("half");
            let mut file = fs_err::File::create(&half)?;
            regenerate::regenerate(layer, &mut |bytes| Ok(file.write_all(bytes)?))?;
            Ok(fs_err::rename(&half, &path)?)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_come_back_and_another_tools_do_not() {
        let record = Record {
            key: "a".repeat(64),
            step: Step {
                diff_id: format!("sha256:{}", "b".repeat(64)),
                about: "RUN true".to_owned(),
                ..Step::default()
            },
        };
        let found = records(&config(std::slice::from_ref(&record))).unwrap();
        assert_eq!((&found[0].key, &found[0].step), (&record.key, &record.step));
        let theirs = BASE64_STANDARD.encode(r#"[{"layers":[],"digest":"sha256:1"}]"#);
        let theirs = format!("{{\"{MEMBER}\":\"{theirs}\"}}");
        assert!(records(theirs.as_bytes()).is_none());
        assert!(records(b"{}").is_none());
    }
}
