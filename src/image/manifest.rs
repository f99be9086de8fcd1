//! Manifests and indexes: from a registry's bytes to a checked list of layers.
//!
//! A document may not be an index and a manifest at once (CVE-2021-41190), and every media type is one we know.

use std::collections::HashMap;

use oci_client::manifest::{
    IMAGE_CONFIG_MEDIA_TYPE, IMAGE_DOCKER_CONFIG_MEDIA_TYPE, IMAGE_DOCKER_LAYER_GZIP_MEDIA_TYPE,
    IMAGE_DOCKER_LAYER_TAR_MEDIA_TYPE, IMAGE_LAYER_GZIP_MEDIA_TYPE, IMAGE_LAYER_MEDIA_TYPE,
    IMAGE_LAYER_NONDISTRIBUTABLE_GZIP_MEDIA_TYPE, IMAGE_LAYER_NONDISTRIBUTABLE_MEDIA_TYPE,
    IMAGE_MANIFEST_LIST_MEDIA_TYPE, IMAGE_MANIFEST_MEDIA_TYPE, ImageIndexEntry, OCI_IMAGE_INDEX_MEDIA_TYPE,
    OCI_IMAGE_MEDIA_TYPE, OciDescriptor, OciImageIndex, OciImageManifest,
};
use serde_json::Value;

use crate::error::{Context, Error, Kind, Result};
use crate::grammar::platform::Platform;
use crate::grammar::reference::check_digest;

/// Docker's registry since 2024 and BuildKit also write these.
const LAYER_ZSTD: [&str; 3] = [
    "application/vnd.oci.image.layer.v1.tar+zstd",
    "application/vnd.docker.image.rootfs.diff.tar.zstd",
    "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd",
];
const LAYER: [&str; 6] = [
    IMAGE_LAYER_GZIP_MEDIA_TYPE,
    IMAGE_DOCKER_LAYER_GZIP_MEDIA_TYPE,
    IMAGE_LAYER_MEDIA_TYPE,
    IMAGE_DOCKER_LAYER_TAR_MEDIA_TYPE,
    IMAGE_LAYER_NONDISTRIBUTABLE_MEDIA_TYPE,
    IMAGE_LAYER_NONDISTRIBUTABLE_GZIP_MEDIA_TYPE,
];
const LAYER_FOREIGN: &str = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip";

/// What a document turned out to be.
#[derive(Debug)]
pub enum Document {
    /// A list of manifests, one for each platform.
    Index(OciImageIndex),
    /// One image.
    Image(OciImageManifest),
}

/// Reads a manifest or index; `stated` is the media type that came with it, if any.
pub fn parse(bytes: &[u8], stated: &str) -> Result<Document> {
    let what = || "cannot read the manifest";
    let value: Value = serde_json::from_slice(bytes).context(Kind::Corrupt, what)?;
    let refuse = |why: String| Err(Error::new(Kind::Corrupt, what()).because(why));
    let has = |key: &str| value.get(key).is_some();
    if value.get("schemaVersion").and_then(Value::as_u64) == Some(1) {
        return refuse("schema version 1 was given up by registries in 2019; push the image again".to_owned());
    }
    if has("manifests") && (has("layers") || has("config")) {
        return refuse("it is an index and an image at once".to_owned());
    }
    let inner = value.get("mediaType").and_then(Value::as_str).unwrap_or_default();
    let media_type = if inner.is_empty() { stated } else { inner };
    match media_type {
        OCI_IMAGE_INDEX_MEDIA_TYPE | IMAGE_MANIFEST_LIST_MEDIA_TYPE => {}
        OCI_IMAGE_MEDIA_TYPE | IMAGE_MANIFEST_MEDIA_TYPE => {}
        // nobody says: the fields do
        "" | "application/json" | "application/octet-stream" | "text/plain" => {}
        other => return refuse(format!("unsupported media type `{other}`")),
    }
    let says_index = matches!(media_type, OCI_IMAGE_INDEX_MEDIA_TYPE | IMAGE_MANIFEST_LIST_MEDIA_TYPE);
    let says_image = matches!(media_type, OCI_IMAGE_MEDIA_TYPE | IMAGE_MANIFEST_MEDIA_TYPE);
    if has("manifests") && !says_image {
        return serde_json::from_value(value).map(Document::Index).context(Kind::Corrupt, what);
    }
    if says_index {
        return refuse(format!("it says `{media_type}` and has no list of manifests"));
    }
    let manifest: OciImageManifest = serde_json::from_value(value).context(Kind::Corrupt, what)?;
    check(&manifest)?;
    Ok(Document::Image(manifest))
}

/// Refuses what we could not unpack, before a byte of it is fetched.
fn check(manifest: &OciImageManifest) -> Result<()> {
    let config = manifest.config.media_type.as_str();
    let known = [IMAGE_CONFIG_MEDIA_TYPE, IMAGE_DOCKER_CONFIG_MEDIA_TYPE, "application/octet-stream", ""];
    if !known.contains(&config) {
        return Err(Error::new(Kind::Corrupt, "cannot use the artifact as an image")
            .because(format!("unsupported media type `{config}` of its configuration")));
    }
    let mut diffs: HashMap<&str, i64> = HashMap::new();
    for layer in std::iter::once(&manifest.config).chain(&manifest.layers) {
        check_descriptor(layer)?;
        if let Some(other) = diffs.insert(&layer.digest, layer.size)
            && other != layer.size
        {
            return Err(Error::new(Kind::Corrupt, format!("cannot read the manifest: blob {} has two sizes", layer.digest)));
        }
    }
    for layer in &manifest.layers {
        let media_type = layer.media_type.as_str();
        if !LAYER.contains(&media_type) && !LAYER_ZSTD.contains(&media_type) && media_type != LAYER_FOREIGN {
            return Err(Error::new(Kind::Corrupt, format!("cannot unpack layer {}", layer.digest))
                .because(format!("unsupported media type `{media_type}`")));
        }
    }
    Ok(())
}

fn check_descriptor(descriptor: &OciDescriptor) -> Result<()> {
    let refuse = |why: &str| {
        Err(Error::new(Kind::Corrupt, format!("cannot use blob `{}`", descriptor.digest)).because(why))
    };
    if check_digest(&descriptor.digest).is_err() {
        return refuse("invalid digest");
    }
    if !descriptor.digest.starts_with("sha256:") {
        return refuse("only sha256 digests are supported");
    }
    if descriptor.size < 0 {
        return refuse("its size is negative");
    }
    Ok(())
}

/// Returns the entry of the index that fits `wanted` best.
pub fn choose<'a>(index: &'a OciImageIndex, wanted: &Platform) -> Result<&'a ImageIndexEntry> {
    let ranked = index.manifests.iter().filter_map(|entry| {
        let platform = entry.platform.as_ref()?;
        let offered = Platform::new(
            &platform.os.to_string(),
            &platform.architecture.to_string(),
            platform.variant.as_deref(),
        );
        Some((wanted.rank(&offered)?, entry))
    });
    // of equals the first one counts, as in docker
    let best = ranked.min_by_key(|(rank, _)| *rank);
    best.map(|(_, entry)| entry).ok_or_else(|| {
        Error::new(Kind::NotFound, format!("no matching manifest for {wanted} in the manifest list entries"))
    })
}
