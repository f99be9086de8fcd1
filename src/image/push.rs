//! Pushing: what a repository does not have yet, the layers at the same time, the manifest last.
//!
//! ```text
//! a layer: there already? ─▶ in another repository of the registry (mount)? ─▶ its very blob from where it came?
//!          ─▶ compressed anew from its tree, into a nameless file, so that its digest is known before it is sent
//! ```
//! An image that was pulled keeps its digests as long as the first three find its blobs; compressed blobs are not kept
//! here. What is compressed anew has the same diff ids and other digests, and that is told.
//!
//! Killed at any line: the registry has blobs that no manifest names; the next push finds them.

mod blob;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use oci_client::manifest::{
    IMAGE_CONFIG_MEDIA_TYPE, IMAGE_DOCKER_CONFIG_MEDIA_TYPE, IMAGE_DOCKER_LAYER_GZIP_MEDIA_TYPE,
    IMAGE_LAYER_GZIP_MEDIA_TYPE, IMAGE_LAYER_MEDIA_TYPE, IMAGE_MANIFEST_MEDIA_TYPE,
    OCI_IMAGE_MEDIA_TYPE, OciDescriptor, OciImageManifest,
};
use serde_json::{Value, json};

use crate::error::{Context, Error, Kind, Result};
use crate::grammar::reference::Reference;
use crate::image::index::{Annotations, Index};
use crate::image::manifest::{self, Document};
use crate::image::progress::{Progress, Step};
use crate::image::save::descriptor;
use crate::registry::{Remote, Sent, Settings, Start};
use crate::store::blobs::digest_of;
use crate::store::images::Name;
use crate::store::layers::Source;
use crate::store::{Store, now, short_id};
use crate::sys::thread;

/// Layers on their way at once; each has a connection of its own.
const MOST_WORKERS: usize = 4;

/// How a layer is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// What every registry and client takes.
    Gzip,
    /// Smaller and faster, for clients since 2020 (docker 23, podman 2).
    Zstd,
}

/// How to push.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Where registries and logins are written down.
    pub settings: Settings,
    /// `--compression`; `None` keeps what the layers have, and else means gzip.
    pub compression: Option<Compression>,
}

/// What of a repository to push.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// The tag that the reference names.
    Tag,
    /// Every tag that is here.
    All,
}

/// Pushes. docker's texts when there is nothing to push.
pub fn push(
    store: &Store,
    reference: &Reference,
    which: Which,
    options: &Options,
    progress: &dyn Progress,
) -> Result<()> {
    announce(reference, progress);
    let names = store.images().names()?;
    let mut tags = tags(&names, reference);
    if tags.is_empty() {
        return Err(nothing(reference));
    }
    if which == Which::Tag {
        tags.retain(|(found, _)| found.tag() == reference.tag());
    }
    if tags.is_empty() {
        let text = format!("tag does not exist: {}", reference.familiar());
        return Err(Error::new(Kind::NotFound, text));
    }
    tags.into_iter()
        .try_for_each(|(tag, name)| push_one(store, &tag, name, options, progress))
}

fn announce(reference: &Reference, progress: &dyn Progress) {
    progress.line(&format!(
        "The push refers to repository [{}]",
        reference.name()
    ));
}

fn nothing(reference: &Reference) -> Error {
    let text = "An image does not exist locally with the tag";
    Error::new(
        Kind::NotFound,
        format!("{text}: {}", reference.familiar_name()),
    )
}

/// The tags of a repository.
fn tags<'n>(names: &'n [Name], reference: &Reference) -> Vec<(Reference, &'n Name)> {
    let parsed = names
        .iter()
        .filter_map(|name| Some((Reference::parse(&name.name).ok()?, name)));
    parsed
        .filter(|(found, _)| found.tag().is_some() && found.digest().is_none())
        .filter(|(found, _)| found.name() == reference.name())
        .collect()
}

fn push_one(
    store: &Store,
    reference: &Reference,
    name: &Name,
    options: &Options,
    progress: &dyn Progress,
) -> Result<()> {
    let push = Push {
        store,
        reference,
        options,
        progress,
    };
    let (fresh, bytes, media_type) = match name.index.is_empty() {
        true => {
            let (bytes, media_type) = push.image(&name.manifest, &name.config)?;
            let fresh = Name {
                manifest: digest_of(&bytes),
                ..name.clone()
            };
            (fresh, bytes, media_type)
        }
        false => push.index(name)?,
    };
    let remote = Remote::open(&options.settings, reference)?;
    let tag = reference.tag().unwrap_or_default();
    remote.put_manifest(tag, &media_type, &bytes)?;
    let digest = digest_of(&bytes);
    store.blobs().put(&digest, &bytes)?;
    store.images().put(Name {
        digest: digest.clone(),
        tagged: if name.tagged.is_empty() {
            now()
        } else {
            name.tagged.clone()
        },
        ..fresh
    })?;
    progress.line(&format!("{tag}: digest: {digest} size: {}", bytes.len()));
    Ok(())
}

/// The blobs that the image's own manifest names, when they are to be kept: they are compressed, and nobody asks for
/// another form.
fn originals(
    manifest: &OciImageManifest,
    layers: usize,
    compression: Option<Compression>,
) -> Option<Vec<OciDescriptor>> {
    let is_kept = |blob: &OciDescriptor| match compression_of(&blob.media_type) {
        None => false,
        Some(found) => compression.is_none_or(|wanted| wanted == found),
    };
    (manifest.layers.len() == layers && manifest.layers.iter().all(is_kept))
        .then(|| manifest.layers.clone())
}

/// The compression that a media type tells of.
fn compression_of(media_type: &str) -> Option<Compression> {
    if media_type.ends_with("zstd") {
        Some(Compression::Zstd)
    } else if media_type.ends_with("gzip") {
        Some(Compression::Gzip)
    } else {
        None
    }
}

/// One image on its way.
struct Push<'a> {
    store: &'a Store,
    reference: &'a Reference,
    options: &'a Options,
    progress: &'a dyn Progress,
}

impl Push<'_> {
    /// Sends the layers and the configuration of one image; returns its manifest, which is not sent, and the media type.
    fn image(&self, manifest: &str, config: &str) -> Result<(Vec<u8>, String)> {
        let document = self.store.blobs().need(manifest)?;
        let Document::Image(manifest) = manifest::parse(&document, "")? else {
            return Err(Error::new(Kind::Corrupt, "cannot push an index"));
        };
        let diff_ids = self.store.images().config(config)?.rootfs.diff_ids;
        let originals = originals(&manifest, diff_ids.len(), self.options.compression);
        let sent = self.layers(&diff_ids, originals.as_deref())?;
        let remote = Remote::open(&self.options.settings, self.reference)?;
        self.config(&remote, config)?;
        let is_same = originals
            .iter()
            .flatten()
            .zip(&sent)
            .all(|(old, new)| old.digest == new.digest);
        if originals.is_some() && is_same {
            let media_type = manifest.media_type;
            let media_type = media_type.unwrap_or_else(|| OCI_IMAGE_MEDIA_TYPE.to_owned());
            return Ok((document, media_type));
        }
        let annotations = manifest.annotations.unwrap_or_default();
        self.new_manifest(config, &sent, &annotations)
    }

    /// Sends every image of an index; returns what the name means from then on, the index and its media type.
    fn index(&self, name: &Name) -> Result<(Name, Vec<u8>, String)> {
        let remote = Remote::open(&self.options.settings, self.reference)?;
        let old = Index::read(&self.store.blobs().need(&name.index)?)?;
        let images = self.store.images().of_index(&name.index)?;
        let mut fresh = name.clone();
        let mut parts = Vec::new();
        for (part, (manifest, config)) in old.parts.into_iter().zip(&images) {
            let (bytes, media_type) = self.image(manifest, config)?;
            let digest = digest_of(&bytes);
            remote.put_manifest(&digest, &media_type, &bytes)?;
            self.store.blobs().put(&digest, &bytes)?;
            parts.push(part.with(&media_type, &bytes));
            if *config == name.config {
                fresh.manifest = digest;
            }
        }
        let index = Index {
            parts,
            annotations: old.annotations,
        };
        let bytes = index.bytes();
        fresh.index = digest_of(&bytes);
        Ok((fresh, bytes, index.media_type().to_owned()))
    }

    /// Makes sure that the repository has all layers; returns their blobs, the lowest first.
    fn layers(
        &self,
        diff_ids: &[String],
        originals: Option<&[OciDescriptor]>,
    ) -> Result<Vec<Source>> {
        let mut unique: Vec<(&str, Option<&OciDescriptor>)> = Vec::new();
        for (at, diff_id) in diff_ids.iter().enumerate() {
            if unique.iter().all(|(known, _)| known != diff_id) {
                unique.push((diff_id, originals.map(|all| &all[at])));
            }
        }
        for (diff_id, _) in unique.iter().rev() {
            self.progress.layer(short_id(diff_id), Step::Preparing);
        }
        let next = AtomicUsize::new(0);
        let done: Vec<Mutex<Option<Result<Source>>>> =
            unique.iter().map(|_| Mutex::default()).collect();
        let work = || {
            let remote = Remote::open(&self.options.settings, self.reference);
            while let Some(at) =
                Some(next.fetch_add(1, Ordering::Relaxed)).filter(|at| *at < unique.len())
            {
                let (diff_id, original) = unique[at];
                let result = match &remote {
                    Ok(remote) => self.layer(remote, diff_id, original),
                    Err(e) => Err(e.clone()),
                };
                if result.is_err() {
                    next.store(unique.len(), Ordering::Relaxed);
                }
                *done[at].lock().unwrap_or_else(PoisonError::into_inner) = Some(result);
            }
        };
        std::thread::scope(|scope| -> Result<()> {
            for _ in 1..unique.len().min(MOST_WORKERS) {
                thread::spawn_scoped(scope, "push", work)?;
            }
            work();
            Ok(())
        })?;
        let mut found = Vec::new();
        let mut results: Vec<_> = done
            .into_iter()
            .map(|one| one.into_inner().unwrap_or_else(PoisonError::into_inner))
            .collect();
        if let Some(at) = results.iter().position(|r| matches!(r, Some(Err(_)))) {
            return Err(results
                .swap_remove(at)
                .and_then(Result::err)
                .expect("it was just seen"));
        }
        for result in results.into_iter().flatten() {
            found.push(result?);
        }
        let of = |diff_id: &String| {
            let at = unique.iter().position(|(known, _)| known == diff_id);
            found[at.expect("every layer is among the unique ones")].clone()
        };
        Ok(diff_ids.iter().map(of).collect())
    }

    /// Makes sure that the repository has one layer.
    fn layer(
        &self,
        remote: &Remote,
        diff_id: &str,
        original: Option<&OciDescriptor>,
    ) -> Result<Source> {
        let id = short_id(diff_id);
        let record = self.store.layers().record(diff_id)?;
        let candidates = self.candidates(&record.sources, original);
        for blob in &candidates {
            if remote.has_blob(&blob.digest)? {
                self.progress.layer(id, Step::Known);
                return self.keep(diff_id, blob);
            }
        }
        for blob in &candidates {
            let Some(from) = self.neighbour(&blob.repository) else {
                continue;
            };
            if remote.start(Some((&blob.digest, from.repository())))? == Start::Mounted {
                self.progress
                    .layer(id, Step::Mounted(from.repository().to_owned()));
                return self.keep(diff_id, blob);
            }
        }
        let made = match original {
            Some(original) => self.again(diff_id, original, &candidates)?,
            None => self.compressed(diff_id)?,
        };
        let blob = Source {
            repository: self.reference.name(),
            digest: made.digest,
            size: made.size,
            media_type: made.media_type,
        };
        if remote.has_blob(&blob.digest)? {
            self.progress.layer(id, Step::Known);
        } else {
            self.send(remote, id, &blob, &made.file)?;
            self.progress.layer(id, Step::Pushed);
        }
        self.keep(diff_id, &blob)
    }

    /// Forms of the layer that some registry has: the image's own one, or those that fit.
    fn candidates(&self, sources: &[Source], original: Option<&OciDescriptor>) -> Vec<Source> {
        let Some(original) = original else {
            let wanted = self.options.compression.unwrap_or(Compression::Gzip);
            let fits = |source: &&Source| compression_of(&source.media_type) == Some(wanted);
            return sources.iter().filter(fits).cloned().collect();
        };
        let mut all: Vec<Source> = sources
            .iter()
            .filter(|source| source.digest == original.digest)
            .cloned()
            .collect();
        if all.is_empty() {
            all.push(Source {
                repository: String::new(),
                digest: original.digest.clone(),
                size: original.size as u64,
                media_type: original.media_type.clone(),
            });
        }
        all
    }

    /// Another repository of the same registry.
    fn neighbour(&self, repository: &str) -> Option<Reference> {
        let found = Reference::parse(repository).ok()?;
        (found.registry() == self.reference.registry() && found.name() != self.reference.name())
            .then_some(found)
    }

    /// The image's very own blob, from where it came; compressed anew when nobody has it any more.
    fn again(
        &self,
        diff_id: &str,
        original: &OciDescriptor,
        known: &[Source],
    ) -> Result<blob::Made> {
        for source in known.iter().filter(|source| !source.repository.is_empty()) {
            if let Ok(made) = blob::fetch(self.store, &self.options.settings, source) {
                return Ok(made);
            }
        }
        let why = match known.iter().find(|source| !source.repository.is_empty()) {
            Some(source) => format!("{} does not give it any more", source.repository),
            None => "nobody is known to have it".to_owned(),
        };
        self.progress.line(&format!(
            "{}: compressed anew, so the digest changes: blob {} is not kept here, and {why}",
            short_id(diff_id),
            short_id(&original.digest),
        ));
        self.compressed(diff_id)
    }

    fn compressed(&self, diff_id: &str) -> Result<blob::Made> {
        let compression = self.options.compression.unwrap_or(Compression::Gzip);
        blob::compress(self.store, diff_id, compression)
    }

    fn send(&self, remote: &Remote, id: &str, blob: &Source, file: &std::fs::File) -> Result<()> {
        let watch = |sent| match sent {
            Sent::Bytes(bytes) => self.progress.layer(id, Step::Pushing(bytes, blob.size)),
            Sent::Waiting(wait) => self.progress.layer(id, Step::Retrying(wait)),
        };
        match remote.start(None)? {
            Start::Mounted => Ok(()),
            Start::Session(session) => {
                remote.upload(session, &blob.digest, (file, blob.size), &watch)
            }
        }
    }

    /// Notes that this repository has the blob now, for the next push.
    fn keep(&self, diff_id: &str, blob: &Source) -> Result<Source> {
        let here = Source {
            repository: self.reference.name(),
            ..blob.clone()
        };
        self.store.layers().add_source(diff_id, here.clone())?;
        Ok(here)
    }

    fn config(&self, remote: &Remote, id: &str) -> Result<()> {
        if remote.has_blob(id)? {
            return Ok(());
        }
        let bytes = self.store.blobs().need(id)?;
        let path = self.store.blob_path(id);
        let file = std::fs::File::open(&path)
            .context(Kind::System, || format!("cannot read `{}`", path.display()))?;
        match remote.start(None)? {
            Start::Mounted => Ok(()),
            Start::Session(session) => {
                remote.upload(session, id, (&file, bytes.len() as u64), &|_| {})
            }
        }
    }

    /// A manifest of blobs that the image's own one does not name; returns its media type too. docker's form where every
    /// client must understand it, as docker itself pushes.
    fn new_manifest(
        &self,
        config: &str,
        layers: &[Source],
        annotations: &Annotations,
    ) -> Result<(Vec<u8>, String)> {
        let is_gzip = |layer: &Source| compression_of(&layer.media_type) == Some(Compression::Gzip);
        // docker's form has no annotations
        let is_docker = annotations.is_empty() && layers.iter().all(is_gzip);
        let (own, config_type) = match is_docker {
            true => (IMAGE_MANIFEST_MEDIA_TYPE, IMAGE_DOCKER_CONFIG_MEDIA_TYPE),
            false => (OCI_IMAGE_MEDIA_TYPE, IMAGE_CONFIG_MEDIA_TYPE),
        };
        let media_type = |layer: &Source| match compression_of(&layer.media_type) {
            Some(Compression::Gzip) if is_docker => IMAGE_DOCKER_LAYER_GZIP_MEDIA_TYPE.to_owned(),
            Some(Compression::Gzip) => IMAGE_LAYER_GZIP_MEDIA_TYPE.to_owned(),
            Some(Compression::Zstd) => format!("{IMAGE_LAYER_MEDIA_TYPE}+zstd"),
            None => layer.media_type.clone(),
        };
        let layers: Vec<Value> = layers
            .iter()
            .map(|layer| descriptor(&media_type(layer), &layer.digest, layer.size))
            .collect();
        let size = self.store.blobs().need(config)?.len() as u64;
        let mut manifest = json!({
            "schemaVersion": 2,
            "mediaType": own,
            "config": descriptor(config_type, config, size),
            "layers": layers,
        });
        if !annotations.is_empty() {
            manifest["annotations"] = json!(annotations);
        }
        Ok((indented(&manifest), own.to_owned()))
    }
}

/// docker's form of a manifest: three spaces.
fn indented(value: &Value) -> Vec<u8> {
    use serde::Serialize;
    use serde_json::ser::{PrettyFormatter, Serializer};
    let mut bytes = Vec::new();
    let form = PrettyFormatter::with_indent(b"   ");
    value
        .serialize(&mut Serializer::with_formatter(&mut bytes, form))
        .expect("a value of ours has only text keys");
    bytes
}

#[cfg(test)]
mod tests;
