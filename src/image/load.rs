//! Loading: archives of docker (before and since version 25), podman and skopeo, and OCI layouts, also compressed ones,
//! into the store.
//!
//! ```text
//! a file, seekable ──▶ its members by their headers ──▶ the layers that are missing: each from where it lies, some at
//! a pipe, or compressed ──▶ a nameless file in staging/ ──▶ once, checked by diff id ──▶ blobs ──▶ names, last
//! ```
//! Killed at any line: layers without a root, swept later.

use std::fs::File;
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use oci_client::manifest::{IMAGE_LAYER_MEDIA_TYPE, OciImageIndex, OciImageManifest};

use crate::error::{Context, Error, Kind, Result};
use crate::grammar::platform::Platform;
use crate::grammar::reference::Reference;
use crate::image::archive::members::Members;
use crate::image::archive::{Item, blob_path};
use crate::image::config::ImageConfig;
use crate::image::decode::{self, Blocks};
use crate::image::manifest::{self, Document};
use crate::image::progress::{Progress, Step};
use crate::image::save::{descriptor, tar_size, uncompressed_manifest};
use crate::image::unpack;
use crate::store::blobs::digest_of;
use crate::store::images::Name;
use crate::store::layers::Stage;
use crate::store::{Store, now, short_id};
use crate::sys::thread;

/// How to load.
#[derive(Debug, Default)]
pub struct Options {
    /// Of an index with several platforms, this one; `None` means this machine's.
    pub platform: Option<Platform>,
}

/// What was loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Loaded {
    /// An image under this familiar name.
    Name(String),
    /// An image without a name.
    Id(String),
}

impl std::fmt::Display for Loaded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Loaded::Name(name) => write!(f, "Loaded image: {name}"),
            Loaded::Id(id) => write!(f, "Loaded image ID: {id}"),
        }
    }
}

/// An image as an archive describes it.
struct Described {
    config_bytes: Vec<u8>,
    /// Members, the lowest first.
    layers: Vec<String>,
    /// The manifest of the archive, where there is one.
    manifest: Option<Vec<u8>>,
    names: Vec<Reference>,
}

/// Loads the images of an archive; those before a damaged one stay. Tells what docker tells of names that move.
pub fn load(
    store: &Store,
    input: File,
    options: &Options,
    told: &dyn Progress,
) -> Result<Vec<Loaded>> {
    let members = Members::read(seekable(store, input)?)?;
    let mut loaded = Vec::new();
    for image in describe(&members, options)? {
        loaded.extend(take(store, &members, image, told)?);
    }
    Ok(loaded)
}

/// Returns the archive as a plain file: itself, or what comes out of it in a file without a name, gone with us.
fn seekable(store: &Store, input: File) -> Result<File> {
    let cannot = || "cannot read the archive";
    let is_file = input.metadata().context(Kind::System, cannot)?.is_file();
    let mut magic = [0; 4];
    if is_file {
        let n = input.read_at(&mut magic, 0).context(Kind::System, cannot)?;
        if decode::Form::of(&magic[..n]).is_none() {
            return Ok(input);
        }
    }
    let spool = store.spool()?;
    let mut source = decode::Source::new(input);
    decode::decode(&mut |spare| source.next(spare), &mut Spool(&spool))?;
    source.finish(|| cannot().to_owned())?;
    Ok(spool)
}

/// Decoded blocks to a file.
struct Spool<'a>(&'a File);

impl Blocks for Spool<'_> {
    fn take(&mut self) -> Vec<u8> {
        vec![0; decode::BLOCK]
    }

    fn put(&mut self, block: Vec<u8>) -> Result<()> {
        self.0
            .write_all(&block)
            .context(Kind::System, || "cannot keep the archive while it is read")
    }
}

fn describe(members: &Members, options: &Options) -> Result<Vec<Described>> {
    let manifests = match members.document("index.json")? {
        Some(bytes) => layout(members, &bytes, options)?,
        None => Vec::new(),
    };
    let Some(bytes) = members.document("manifest.json")? else {
        if manifests.is_empty() {
            return Err(
                Error::new(Kind::Corrupt, "cannot load the archive").because(
                    "it is neither docker's (no manifest.json) nor an OCI layout (no index.json)",
                ),
            );
        }
        return Ok(manifests);
    };
    let items: Vec<Item> =
        serde_json::from_slice(&bytes).context(Kind::Corrupt, || "cannot read manifest.json")?;
    let described = items.into_iter().map(|item| {
        let config_bytes = need(members, &item.config)?;
        let of_layout = manifests.iter().find(|m| m.config_bytes == config_bytes);
        let names = item.repo_tags.iter().map(|tag| {
            let name = Reference::parse(tag)?;
            match name.tag() {
                Some(_) => Ok(name),
                None => Err(Error::new(Kind::Invalid, format!("invalid tag {tag:?}"))),
            }
        });
        Ok(Described {
            layers: item.layers,
            manifest: of_layout.and_then(|m| m.manifest.clone()),
            names: names.collect::<Result<_>>()?,
            config_bytes,
        })
    });
    described.collect()
}

/// The images of an OCI layout: one for each name of its index.
fn layout(members: &Members, bytes: &[u8], options: &Options) -> Result<Vec<Described>> {
    let index: OciImageIndex =
        serde_json::from_slice(bytes).context(Kind::Corrupt, || "cannot read index.json")?;
    let mut all: Vec<Described> = Vec::new();
    for entry in &index.manifests {
        let annotation = |key: &str| entry.annotations.as_ref().and_then(|all| all.get(key));
        if annotation("vnd.docker.reference.type").is_some() {
            continue; // an attestation
        }
        let Some(image) = image(members, &entry.digest, options)? else {
            continue;
        };
        let full = annotation("io.containerd.image.name").map(String::as_str);
        // a bare tag names no image (OCI image-spec, annotations.md)
        let short = annotation("org.opencontainers.image.ref.name").map(String::as_str);
        let name = full.or(short.filter(|name| name.contains([':', '/'])));
        let name = name
            .map(|name| Reference::parse(name).map(Reference::or_latest))
            .transpose()?;
        match all
            .iter_mut()
            .find(|other| other.manifest == image.manifest)
        {
            Some(known) => known.names.extend(name),
            None => all.push(Described {
                names: name.into_iter().collect(),
                ..image
            }),
        }
    }
    Ok(all)
}

/// The image that a manifest or index of a layout means; `None` for one that is not in this archive.
fn image(members: &Members, digest: &str, options: &Options) -> Result<Option<Described>> {
    let Some(mut bytes) = blob(members, digest)? else {
        return Ok(None);
    };
    let mut document = manifest::parse(&bytes, "")?;
    if let Document::Index(index) = &document {
        let wanted = options.platform.clone().unwrap_or_else(Platform::host);
        let images: Vec<_> = index
            .manifests
            .iter()
            .filter(|m| {
                m.platform
                    .as_ref()
                    .is_none_or(|p| p.os.to_string() != "unknown")
            })
            .collect();
        let inner = match (&images[..], &options.platform) {
            ([only], None) => only.digest.clone(),
            _ => manifest::choose(index, &wanted)?.digest.clone(),
        };
        let Some(chosen) = blob(members, &inner)? else {
            return Ok(None);
        };
        document = manifest::parse(&chosen, "")?;
        bytes = chosen;
    }
    let Document::Image(manifest) = document else {
        return Err(Error::new(Kind::Corrupt, "cannot use the index")
            .because("its entry is an index again"));
    };
    let config = manifest.config.digest.as_str();
    let config_bytes = blob(members, config)?
        .ok_or_else(|| Error::new(Kind::Corrupt, format!("the archive has no blob {config}")))?;
    let OciImageManifest { layers, .. } = *manifest;
    Ok(Some(Described {
        config_bytes,
        layers: layers
            .iter()
            .map(|layer| blob_path(&layer.digest))
            .collect(),
        manifest: Some(bytes),
        names: Vec::new(),
    }))
}

/// A small blob, which must be what its digest says.
fn blob(members: &Members, digest: &str) -> Result<Option<Vec<u8>>> {
    let bytes = members.document(&blob_path(digest))?;
    match bytes.as_deref().map(digest_of) {
        Some(found) if found != digest => Err(Error::new(
            Kind::Corrupt,
            format!("blob {digest} of the archive does not match its digest"),
        )
        .because(format!("its content is {found}"))),
        _ => Ok(bytes),
    }
}

fn need(members: &Members, name: &str) -> Result<Vec<u8>> {
    members
        .document(name)?
        .ok_or_else(|| Error::new(Kind::Corrupt, format!("the archive has no `{name}`")))
}

/// Brings one image into the store and gives it its names.
fn take(
    store: &Store,
    members: &Members,
    image: Described,
    told: &dyn Progress,
) -> Result<Vec<Loaded>> {
    let id = digest_of(&image.config_bytes);
    let config: ImageConfig = serde_json::from_slice(&image.config_bytes)
        .context(Kind::Corrupt, || {
            format!("cannot read the configuration {id}")
        })?;
    config.check()?;
    let diff_ids = &config.rootfs.diff_ids;
    if image.layers.len() != diff_ids.len() {
        let (layers, expected) = (image.layers.len(), diff_ids.len());
        return Err(Error::new(
            Kind::Corrupt,
            format!("invalid manifest, layers length mismatch: expected {expected}, got {layers}"),
        ));
    }
    let layers: Vec<(&str, &str)> = diff_ids
        .iter()
        .zip(&image.layers)
        .map(|(id, member)| (id.as_str(), member.as_str()))
        .collect();
    unpack_missing(store, members, &layers, told)?;
    store.blobs().put(&id, &image.config_bytes)?;
    let known = store.images().names()?;
    let manifest = match known.iter().find(|name| name.config == id) {
        Some(name) => name.manifest.clone(),
        None => keep_manifest(store, &id, &image, diff_ids)?,
    };
    let sizes = diff_ids.iter().map(|id| store.layers().size(id));
    let size = sizes.sum::<Result<u64>>()?;
    let name = |name: String| Name {
        name,
        manifest: manifest.clone(),
        config: id.clone(),
        size,
        created: config.created.clone().unwrap_or_default(),
        tagged: now(),
        digest: String::new(),
        index: String::new(),
    };
    if image.names.is_empty() {
        if !known.iter().any(|name| name.config == id) {
            store.images().put(name(String::new()))?;
        }
        return Ok(vec![Loaded::Id(id)]);
    }
    let mut fresh = Vec::new();
    for reference in &image.names {
        let canonical = reference.to_string();
        match known.iter().find(|name| name.name == canonical) {
            Some(old) if old.config == id => {} // it may know more about it: its digest in a registry
            Some(old) => {
                // docker's line, word by word
                told.line(&format!(
                    "The image {} already exists, renaming the old one with ID {} to empty string",
                    reference.familiar(),
                    old.config
                ));
                fresh.push(name(canonical));
            }
            None => fresh.push(name(canonical)),
        }
    }
    store.images().put_all(fresh)?;
    Ok(image
        .names
        .iter()
        .map(|name| Loaded::Name(name.familiar()))
        .collect())
}

/// Keeps the archive's manifest, or makes one for an archive that has none; returns its digest.
fn keep_manifest(
    store: &Store,
    id: &str,
    image: &Described,
    diff_ids: &[String],
) -> Result<String> {
    let bytes = match &image.manifest {
        Some(bytes) => bytes.clone(),
        None => {
            let layers = diff_ids.iter().map(|diff_id| {
                let size = tar_size(store, diff_id)?;
                Ok(descriptor(IMAGE_LAYER_MEDIA_TYPE, diff_id, size))
            });
            let layers: Vec<_> = layers.collect::<Result<_>>()?;
            uncompressed_manifest(id, image.config_bytes.len() as u64, &layers)
        }
    };
    let digest = digest_of(&bytes);
    store.blobs().put(&digest, &bytes)?;
    Ok(digest)
}

/// Unpacks the layers (diff id, member) that the store does not have, as many at once as there are cores.
fn unpack_missing(
    store: &Store,
    members: &Members,
    layers: &[(&str, &str)],
    told: &dyn Progress,
) -> Result<()> {
    let mut missing: Vec<_> = layers
        .iter()
        .filter(|(id, _)| !store.layers().has(id))
        .collect();
    // the sum over the largest is what the others are done beside
    let size = |member: &str| members.span(member).map_or(0, |span| span.size);
    missing.sort_by_key(|(_, member)| std::cmp::Reverse(size(member)));
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let next = AtomicUsize::new(0);
    let failure = Mutex::new(None);
    let work = || {
        while let Some((diff_id, member)) = missing.get(next.fetch_add(1, Ordering::Relaxed)) {
            if let Err(e) = unpack_one(store, members, diff_id, member, told) {
                next.store(missing.len(), Ordering::Relaxed);
                failure
                    .lock()
                    .unwrap_or_else(std::sync::PoisonError::into_inner)
                    .get_or_insert(e);
            }
        }
    };
    std::thread::scope(|scope| -> Result<()> {
        for _ in 1..cores.min(missing.len()) {
            thread::spawn_scoped(scope, "load", work)?;
        }
        work();
        Ok(())
    })?;
    let failure = failure
        .into_inner()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    failure.map_or(Ok(()), Err)
}

fn unpack_one(
    store: &Store,
    members: &Members,
    diff_id: &str,
    member: &str,
    told: &dyn Progress,
) -> Result<()> {
    let span = members
        .span(member)
        .ok_or_else(|| Error::new(Kind::Corrupt, format!("the archive has no `{member}`")))?;
    let Stage::Make(staging) = store.layers().stage(diff_id)? else {
        return Ok(());
    };
    let (mut chunks, size, mut done) = (members.chunks(span), span.size, 0);
    let next = |spare| {
        let chunk: Vec<u8> = chunks(spare)?;
        done += chunk.len() as u64;
        told.layer(short_id(diff_id), Step::Loading(done, size));
        Some(chunk)
    };
    let unpacked = unpack::layer_from(next, staging.path(), &unpack::Limits::default())?;
    if unpacked.diff_id != diff_id {
        let found = &unpacked.diff_id;
        return Err(Error::new(
            Kind::Corrupt,
            format!("invalid diffID for layer `{member}`: expected {diff_id:?}, got {found:?}"),
        ));
    }
    staging.publish(&unpacked, None)
}

#[cfg(test)]
mod tests;
