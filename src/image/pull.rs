//! Pulling: what is missing here, from the registry through the unpacker into the store.
//!
//! ```text
//! calling thread ── network: sha256, partial file ──▶ bounded channel ──▶ a thread per layer: unpack ──▶ rename
//! ```
//! In this order, so that a kill at any line leaves nothing that could be believed: layers by one rename each, then
//! manifest and configuration, then the name. A layer that another process is unpacking is waited for. What a killed
//! pull had fetched of a layer lies in `partial/` and is continued; a partial that turns out wrong is dropped and the
//! layer fetched once more from its first byte.

use std::time::Duration;

use oci_client::manifest::{OciDescriptor, OciImageManifest};

use crate::error::{Context, Error, Kind, Result};
use crate::grammar::platform::Platform;
use crate::grammar::reference::Reference;
use crate::image::config::ImageConfig;
use crate::image::manifest::{self, Document};
use crate::image::progress::{Progress, Silent, Step};
use crate::registry::{Manifest, Remote, Settings};
use crate::store::images::Name;
use crate::store::{Store, now, short_id};

use layers::{Layer, Layers, source};

mod layers;

/// Tries of a pull whose layers an `rmi` or `prune` keeps taking away.
const TRIES: u32 = 3;

/// Indexes that may be in each other.
const DEEPEST: usize = 4;

/// How to pull.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Where registries, mirrors and logins are written down.
    pub settings: Settings,
    /// `--platform`; None means this machine's.
    pub platform: Option<Platform>,
    /// A tag that an image for another platform has here stays with that image; this one is known by its digest alone.
    pub leaves_tag: bool,
    /// A name that means one image alone means it for every platform, as builds have it.
    pub takes_any: bool,
}

/// An image that is here now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pulled {
    /// Its canonical name: `docker.io/library/debian:12`.
    pub name: String,
    /// `sha256:...` of its configuration.
    pub id: String,
    /// `sha256:...` of the index or manifest in the registry.
    pub digest: String,
    /// It was not here before under this name.
    pub is_new: bool,
}

/// Makes `reference` present and up to date; the last line told is docker's `Status:`.
pub fn pull(
    store: &Store,
    reference: &Reference,
    options: &Options,
    progress: &dyn Progress,
) -> Result<Pulled> {
    let reference = reference.clone().or_latest();
    let remote = Remote::open(&options.settings, &reference)?;
    let pulled = pull_one(store, &remote, &reference, options, progress)?;
    progress.line(&status(pulled.is_new, &reference.familiar()));
    Ok(pulled)
}

/// Pulls every tag of the repository.
pub fn pull_all(
    store: &Store,
    reference: &Reference,
    options: &Options,
    progress: &dyn Progress,
) -> Result<Vec<Pulled>> {
    let remote = Remote::open(&options.settings, reference)?;
    let mut all = Vec::new();
    for tag in remote.tags()? {
        let one = reference.with_tag(&tag)?;
        all.push(pull_one(store, &remote, &one, options, progress)?);
    }
    let is_new = all.iter().any(|p: &Pulled| p.is_new);
    progress.line(&status(is_new, &reference.familiar_name()));
    Ok(all)
}

fn status(is_new: bool, name: &str) -> String {
    let found = if is_new {
        "Downloaded newer image"
    } else {
        "Image is up to date"
    };
    format!("Status: {found} for {name}")
}

fn pull_one(
    store: &Store,
    remote: &Remote,
    reference: &Reference,
    options: &Options,
    progress: &dyn Progress,
) -> Result<Pulled> {
    let pull = Pull {
        store,
        remote,
        reference,
        platform: options.platform.clone(),
        leaves_tag: options.leaves_tag,
        takes_any: options.takes_any,
        progress,
    };
    let name = pull.name()?;
    let before = pull.before(store.images().names()?, &name);
    for _ in 1..TRIES {
        match pull.once(&name, before.as_ref()) {
            // an rmi took a layer between our look and our name: it is fetched again
            Err(e) if e.kind() == Kind::NotFound && e.to_string().contains("removed meanwhile") => {
            }
            other => return other,
        }
    }
    pull.once(&name, before.as_ref())
}

/// An image of a registry of which the documents were read, and no layer.
#[derive(Debug)]
pub(crate) struct Peeked {
    reference: Reference,
    /// Its configuration's bytes.
    pub(crate) config: Vec<u8>,
    /// Diff ids and blobs.
    layers: Vec<(String, OciDescriptor)>,
}

/// Reads what an image of a registry consists of.
pub(crate) fn peek(store: &Store, reference: &Reference, options: &Options) -> Result<Peeked> {
    let reference = reference.clone().or_latest();
    let remote = Remote::open(&options.settings, &reference)?;
    let pull = Pull {
        store,
        remote: &remote,
        reference: &reference,
        platform: options.platform.clone(),
        leaves_tag: true,
        takes_any: options.takes_any,
        progress: &Silent,
    };
    let found = pull.describe()?;
    let diff_ids = found.config.rootfs.diff_ids.into_iter();
    Ok(Peeked {
        layers: diff_ids.zip(found.manifest.layers).collect(),
        config: found.config_bytes,
        reference,
    })
}

impl Peeked {
    /// Brings one of its layers into the store.
    pub(crate) fn fetch(&self, store: &Store, settings: &Settings, diff_id: &str) -> Result<()> {
        if store.layers().has(diff_id) {
            return Ok(());
        }
        let found = self.layers.iter().find(|(id, _)| id == diff_id);
        let (diff_id, blob) = found.ok_or_else(|| {
            let text = format!("{} has no layer {diff_id}", self.reference.familiar());
            Error::new(Kind::NotFound, text)
        })?;
        let repository = self.reference.name();
        let layers = Layers {
            store,
            progress: &Silent,
            repository: &repository,
        };
        let layer = Layer {
            blob,
            diff_id,
            id: short_id(&blob.digest),
        };
        layers.fetch(&Remote::open(settings, &self.reference)?, &[layer])
    }
}

/// One image on its way.
struct Pull<'a> {
    store: &'a Store,
    remote: &'a Remote,
    reference: &'a Reference,
    platform: Option<Platform>,
    leaves_tag: bool,
    takes_any: bool,
    progress: &'a dyn Progress,
}

/// An image as the registry describes it, nothing of it unpacked yet.
struct Described {
    /// Digest that the name means in the registry.
    digest: String,
    /// Documents to keep, the index first.
    documents: Vec<Manifest>,
    manifest: Box<OciImageManifest>,
    config_bytes: Vec<u8>,
    config: ImageConfig,
}

impl Pull<'_> {
    fn wanted(&self) -> Platform {
        self.platform.clone().unwrap_or_else(Platform::host)
    }

    /// The name under which the image will be known here: a digest wins over a tag, as in docker.
    fn name(&self) -> Result<String> {
        match self.reference.digest() {
            Some(digest) => Ok(self.reference.with_digest(digest)?.to_string()),
            None => Ok(self.reference.to_string()),
        }
    }

    /// What is here under the name; for a digest also what a tag of the repository has brought.
    fn before(&self, names: Vec<Name>, name: &str) -> Option<Name> {
        let mut same = None;
        for known in names {
            if known.name == name {
                return Some(known);
            }
            let repository = self.reference.name();
            let is_same = self.reference.digest() == Some(known.digest.as_str())
                && known
                    .name
                    .strip_prefix(&repository)
                    .is_some_and(|rest| rest.starts_with([':', '@']));
            if is_same {
                same = Some(known);
            }
        }
        same
    }

    fn once(&self, name: &str, before: Option<&Name>) -> Result<Pulled> {
        if let Some(known) = before
            && self.is_current(known)?
        {
            self.announce();
            self.progress.line(&format!("Digest: {}", known.digest));
            return Ok(self.pulled(known, false));
        }
        let described = self.describe()?;
        let size = self.layers(&described)?;
        for document in &described.documents {
            self.store.blobs().put(&document.digest, &document.bytes)?;
        }
        self.store
            .blobs()
            .put(&described.manifest.config.digest, &described.config_bytes)?;
        let fresh = Name {
            name: match self.leaves_tag && self.is_of_another_platform(before) {
                true => {
                    let digest = self.reference.with_digest(&described.digest)?;
                    digest.to_string()
                }
                false => name.to_owned(),
            },
            manifest: described
                .documents
                .last()
                .map(|d| d.digest.clone())
                .unwrap_or_default(),
            config: described.manifest.config.digest.clone(),
            size,
            created: described.config.created.clone().unwrap_or_default(),
            tagged: now(),
            digest: described.digest.clone(),
            index: String::new(),
        };
        self.store.images().put(fresh.clone())?;
        self.progress.line(&format!("Digest: {}", described.digest));
        let is_new =
            before.is_none_or(|b| (&b.config, &b.digest) != (&fresh.config, &fresh.digest));
        Ok(self.pulled(&fresh, is_new))
    }

    fn is_of_another_platform(&self, before: Option<&Name>) -> bool {
        let config = before.and_then(|name| self.store.images().config(&name.config).ok());
        config.is_some_and(|config| self.wanted().rank(&config.platform()).is_none())
    }

    fn pulled(&self, name: &Name, is_new: bool) -> Pulled {
        Pulled {
            name: name.name.clone(),
            id: name.config.clone(),
            digest: name.digest.clone(),
            is_new,
        }
    }

    /// docker names the tag, or for a digest the whole reference.
    fn announce(&self) {
        let what = match self.reference.digest() {
            Some(_) => self.reference.familiar(),
            None => self.reference.asked().to_owned(),
        };
        self.progress.line(&format!(
            "{what}: Pulling from {}",
            self.reference.repository()
        ));
    }

    /// Whether the registry still means by the name what is here, whole and for the platform that is wanted. Costs one
    /// HEAD request, which Docker Hub does not count as a pull.
    fn is_current(&self, known: &Name) -> Result<bool> {
        if known.digest.is_empty() {
            return Ok(false);
        }
        let digest = match self.reference.digest() {
            Some(digest) => Some(digest.to_owned()),
            None => self.remote.digest(self.reference.asked())?,
        };
        if digest.as_deref() != Some(known.digest.as_str()) {
            return Ok(false);
        }
        let Ok(config) = self.store.images().config(&known.config) else {
            return Ok(false);
        };
        let is_wanted = match &self.platform {
            Some(wanted) => wanted.rank(&config.platform()).is_some(),
            None => true,
        };
        let layers = self.store.layers();
        Ok(is_wanted && config.rootfs.diff_ids.iter().all(|id| layers.has(id)))
    }

    /// Fetches manifest and configuration and checks them against each other.
    fn describe(&self) -> Result<Described> {
        let first = self.document(self.reference.asked())?;
        self.announce();
        let digest = first.digest.clone();
        let mut documents = vec![first];
        let mut is_chosen = false;
        let manifest = loop {
            let last = &documents[documents.len() - 1];
            let index = match manifest::parse(&last.bytes, &last.media_type)? {
                Document::Image(manifest) => break manifest,
                Document::Index(index) => index,
            };
            if documents.len() > DEEPEST {
                return Err(Error::new(Kind::Corrupt, "cannot use the index")
                    .because(format!("more than {DEEPEST} are in each other")));
            }
            let entry = manifest::choose(&index, &self.wanted())?;
            is_chosen |= entry.platform.is_some();
            documents.push(self.document(&entry.digest)?);
        };
        let config_bytes = self.config(&manifest.config)?;
        let config: ImageConfig = serde_json::from_slice(&config_bytes)
            .context(Kind::Corrupt, || {
                format!("cannot read the configuration {}", manifest.config.digest)
            })?;
        let (layers, diffs) = (manifest.layers.len(), config.rootfs.diff_ids.len());
        if layers != diffs {
            return Err(
                Error::new(Kind::Corrupt, "the image contradicts itself").because(format!(
                    "its manifest has {layers} layers, its configuration {diffs}"
                )),
            );
        }
        // an index's word counts: some builders leave the wrong platform in the configuration
        if !is_chosen && !self.takes_any {
            self.check_platform(&config)?;
        }
        Ok(Described {
            digest,
            documents,
            manifest,
            config_bytes,
            config,
        })
    }

    /// A manifest from the store when it is asked for by digest and there, else from the registry.
    fn document(&self, name: &str) -> Result<Manifest> {
        if name.contains(':')
            && let Some(bytes) = self.store.blobs().get(name)?
        {
            return Ok(Manifest {
                bytes,
                digest: name.to_owned(),
                media_type: String::new(),
            });
        }
        self.remote.manifest(name, &|wait| self.waiting(wait))
    }

    /// A registry lets us wait.
    fn waiting(&self, wait: Duration) {
        self.progress.line(&Step::Retrying(wait).word());
    }

    fn config(&self, descriptor: &OciDescriptor) -> Result<Vec<u8>> {
        match self.store.blobs().get(&descriptor.digest)? {
            Some(bytes) => Ok(bytes),
            None => self
                .remote
                .document(&descriptor.digest, descriptor.size as u64, &|wait| {
                    self.waiting(wait)
                }),
        }
    }

    fn check_platform(&self, config: &ImageConfig) -> Result<()> {
        let Some(wanted) = &self.platform else {
            return Ok(());
        };
        let actual = config.platform();
        if wanted.rank(&actual).is_some() {
            return Ok(());
        }
        let text = format!(
            "image with reference {} was found but does not match the specified platform",
            self.reference.familiar()
        );
        Err(Error::new(Kind::Usage, text).because(format!("wanted {wanted}, actual: {actual}")))
    }

    /// Fetches and unpacks what is missing; returns the unpacked size of all layers.
    fn layers(&self, described: &Described) -> Result<u64> {
        let (manifest, config) = (&described.manifest, &described.config);
        let repository = self.reference.name();
        config.check()?;
        let mut missing: Vec<Layer<'_>> = Vec::new();
        let mut seen: Vec<(&str, &str)> = Vec::new();
        for (blob, diff_id) in manifest.layers.iter().zip(&config.rootfs.diff_ids) {
            let pair = (blob.digest.as_str(), diff_id.as_str());
            // the same blob cannot be two layers: both would write one partial file
            if seen
                .iter()
                .any(|(digest, id)| *digest == pair.0 && *id != pair.1)
            {
                return Err(
                    Error::new(Kind::Corrupt, "the image contradicts itself").because(format!(
                        "blob {} is said to be two different layers",
                        pair.0
                    )),
                );
            }
            let layer = Layer {
                blob,
                diff_id,
                id: short_id(&blob.digest),
            };
            if self.store.layers().has(diff_id) {
                self.progress.layer(layer.id, Step::Exists);
                // a push to this registry can mount it from here
                self.store
                    .layers()
                    .add_source(diff_id, source(&repository, blob))?;
            } else if seen.iter().all(|(_, id)| *id != pair.1) {
                self.progress.layer(layer.id, Step::Queued);
                missing.push(layer);
            }
            seen.push(pair);
        }
        let layers = Layers {
            store: self.store,
            progress: self.progress,
            repository: &repository,
        };
        layers.fetch(self.remote, &missing)?;
        let sizes = config
            .rootfs
            .diff_ids
            .iter()
            .map(|id| self.store.layers().size(id));
        sizes.sum()
    }
}
