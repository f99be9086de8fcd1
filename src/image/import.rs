//! Importing: a tar of a root becomes an image of one layer; and the way in which an image that is made here gets its
//! documents and its name, a commit's too.
//!
//! Killed at any line: a layer without a root, swept later.

use std::fs::File;

use oci_client::manifest::IMAGE_LAYER_MEDIA_TYPE;

use crate::error::{Context, Error, Kind, Result};
use crate::grammar::platform::Platform;
use crate::grammar::reference::Reference;
use crate::image::change;
use crate::image::config::{History, ImageConfig, RootFs};
use crate::image::decode;
use crate::image::progress::{Progress, Step};
use crate::image::save::{descriptor, tar_size, uncompressed_manifest};
use crate::image::unpack;
use crate::store::blobs::digest_of;
use crate::store::images::Name;
use crate::store::{Store, now};

/// What to make of a tar.
#[derive(Debug, Default)]
pub(crate) struct Request {
    /// Instructions of a Dockerfile (`-c`).
    pub(crate) changes: Vec<String>,
    /// `-m`.
    pub(crate) message: String,
    /// `--platform`; `None` means this machine's.
    pub(crate) platform: Option<Platform>,
    /// The name to give it.
    pub(crate) name: Option<Reference>,
}

/// Makes an image of a tar, plain or compressed; returns its id.
pub(crate) fn import(
    store: &Store,
    input: File,
    request: &Request,
    told: &dyn Progress,
) -> Result<String> {
    let platform = request.platform.clone().unwrap_or_else(Platform::host);
    let time = now();
    let history = History {
        created: Some(time.clone()),
        comment: Some(request.message.clone()).filter(|m| !m.is_empty()),
        ..History::default()
    };
    let mut config = ImageConfig {
        created: Some(time),
        architecture: platform.architecture.clone(),
        variant: Some(platform.variant.clone()).filter(|v| !v.is_empty()),
        os: platform.os.clone(),
        history: vec![history],
        ..ImageConfig::default()
    };
    change::apply(&mut config.config, &request.changes)?;
    let draft = store.layers().draft()?;
    let size = input.metadata().map_or(0, |meta| meta.len());
    let mut done = 0;
    let mut source = decode::Source::new(input);
    let next = |spare| {
        let chunk = source.next(spare)?;
        done += chunk.len() as u64;
        // of a pipe nobody knows how much there is
        if size > 0 {
            told.layer("", Step::Importing(done.min(size), size));
        }
        Some(chunk)
    };
    let unpacked = unpack::layer_from(next, draft.path(), &unpack::Limits::default());
    source.finish(|| "cannot read the archive".to_owned())?;
    let unpacked = unpacked?;
    if unpacked.tar_size < 512 {
        return Err(Error::new(Kind::Invalid, "unexpected EOF"));
    }
    draft.publish(&unpacked, None)?;
    config.rootfs = RootFs {
        kind: "layers".to_owned(),
        diff_ids: vec![unpacked.diff_id],
    };
    keep(store, &config, request.name.as_ref())
}

/// Writes the documents of an image whose layers are here, and its name; returns its id.
pub(crate) fn keep(
    store: &Store,
    config: &ImageConfig,
    name: Option<&Reference>,
) -> Result<String> {
    let bytes =
        serde_json::to_vec(config).context(Kind::System, || "cannot write the configuration")?;
    let id = digest_of(&bytes);
    let mut size = 0;
    let mut layers = Vec::new();
    for diff_id in &config.rootfs.diff_ids {
        size += store.layers().size(diff_id)?;
        layers.push(descriptor(
            IMAGE_LAYER_MEDIA_TYPE,
            diff_id,
            tar_size(store, diff_id)?,
        ));
    }
    let manifest = uncompressed_manifest(&id, bytes.len() as u64, &layers);
    let digest = digest_of(&manifest);
    store.blobs().put(&id, &bytes)?;
    store.blobs().put(&digest, &manifest)?;
    store.images().put(Name {
        name: name.map(ToString::to_string).unwrap_or_default(),
        manifest: digest,
        config: id.clone(),
        size,
        created: config.created.clone().unwrap_or_default(),
        tagged: now(),
        digest: String::new(),
        index: String::new(),
    })?;
    Ok(id)
}
