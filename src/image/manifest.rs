//! Manifests and indexes: from a registry's bytes to a checked list of layers.
//!
//! A document may not be an index and a manifest at once (CVE-2021-41190), and every media type is one we know.

use std::collections::HashMap;

use oci_client::manifest::{
    IMAGE_CONFIG_MEDIA_TYPE, IMAGE_DOCKER_CONFIG_MEDIA_TYPE, IMAGE_DOCKER_LAYER_GZIP_MEDIA_TYPE,
    IMAGE_DOCKER_LAYER_TAR_MEDIA_TYPE, IMAGE_LAYER_GZIP_MEDIA_TYPE, IMAGE_LAYER_MEDIA_TYPE,
    IMAGE_LAYER_NONDISTRIBUTABLE_GZIP_MEDIA_TYPE, IMAGE_LAYER_NONDISTRIBUTABLE_MEDIA_TYPE,
    IMAGE_MANIFEST_LIST_MEDIA_TYPE, IMAGE_MANIFEST_MEDIA_TYPE, ImageIndexEntry,
    OCI_IMAGE_INDEX_MEDIA_TYPE, OCI_IMAGE_MEDIA_TYPE, OciDescriptor, OciImageIndex,
    OciImageManifest,
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
    Image(Box<OciImageManifest>),
}

/// Reads a manifest or index; `stated` is the media type that came with it, if any.
pub fn parse(bytes: &[u8], stated: &str) -> Result<Document> {
    let what = || "cannot read the manifest";
    let value: Value = serde_json::from_slice(bytes).context(Kind::Corrupt, what)?;
    let refuse = |why: String| Err(Error::new(Kind::Corrupt, what()).because(why));
    let has = |key: &str| value.get(key).is_some();
    if value.get("schemaVersion").and_then(Value::as_u64) == Some(1) {
        return refuse(
            "schema version 1 was given up by registries in 2019; push the image again".to_owned(),
        );
    }
    if has("manifests") && (has("layers") || has("config")) {
        return refuse("it is an index and an image at once".to_owned());
    }
    let inner = value
        .get("mediaType")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let media_type = if inner.is_empty() { stated } else { inner };
    match media_type {
        OCI_IMAGE_INDEX_MEDIA_TYPE | IMAGE_MANIFEST_LIST_MEDIA_TYPE => {}
        OCI_IMAGE_MEDIA_TYPE | IMAGE_MANIFEST_MEDIA_TYPE => {}
        // nobody says: the fields do
        "" | "application/json" | "application/octet-stream" | "text/plain" => {}
        other => return refuse(format!("unsupported media type `{other}`")),
    }
    let says_index = matches!(
        media_type,
        OCI_IMAGE_INDEX_MEDIA_TYPE | IMAGE_MANIFEST_LIST_MEDIA_TYPE
    );
    let says_image = matches!(media_type, OCI_IMAGE_MEDIA_TYPE | IMAGE_MANIFEST_MEDIA_TYPE);
    if has("manifests") && !says_image {
        return serde_json::from_value(value)
            .map(Document::Index)
            .context(Kind::Corrupt, what);
    }
    if says_index {
        return refuse(format!(
            "it says `{media_type}` and has no list of manifests"
        ));
    }
    let manifest: OciImageManifest = serde_json::from_value(value).context(Kind::Corrupt, what)?;
    check(&manifest)?;
    Ok(Document::Image(Box::new(manifest)))
}

/// Refuses what we could not unpack, before a byte of it is fetched.
fn check(manifest: &OciImageManifest) -> Result<()> {
    let config = manifest.config.media_type.as_str();
    let known = [
        IMAGE_CONFIG_MEDIA_TYPE,
        IMAGE_DOCKER_CONFIG_MEDIA_TYPE,
        "application/octet-stream",
        "",
    ];
    if !known.contains(&config) {
        return Err(
            Error::new(Kind::Corrupt, "cannot use the artifact as an image").because(format!(
                "unsupported media type `{config}` of its configuration"
            )),
        );
    }
    let mut diffs: HashMap<&str, i64> = HashMap::new();
    for layer in std::iter::once(&manifest.config).chain(&manifest.layers) {
        check_descriptor(layer)?;
        if let Some(other) = diffs.insert(&layer.digest, layer.size)
            && other != layer.size
        {
            return Err(Error::new(
                Kind::Corrupt,
                format!(
                    "cannot read the manifest: blob {} has two sizes",
                    layer.digest
                ),
            ));
        }
    }
    for layer in &manifest.layers {
        let media_type = layer.media_type.as_str();
        if !LAYER.contains(&media_type)
            && !LAYER_ZSTD.contains(&media_type)
            && media_type != LAYER_FOREIGN
        {
            return Err(Error::new(
                Kind::Corrupt,
                format!("cannot unpack layer {}", layer.digest),
            )
            .because(format!("unsupported media type `{media_type}`")));
        }
    }
    Ok(())
}

fn check_descriptor(descriptor: &OciDescriptor) -> Result<()> {
    let refuse = |why: &str| {
        Err(Error::new(
            Kind::Corrupt,
            format!("cannot use blob `{}`", descriptor.digest),
        )
        .because(why))
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

/// Returns the entry of the index that fits `wanted` best. One without a platform fits where no other does, as in docker: its
/// configuration will tell.
pub fn choose<'a>(index: &'a OciImageIndex, wanted: &Platform) -> Result<&'a ImageIndexEntry> {
    let ranked = index.manifests.iter().filter_map(|entry| {
        let Some(platform) = entry.platform.as_ref() else {
            return Some((usize::MAX, entry));
        };
        let offered = Platform::new(
            &platform.os.to_string(),
            &platform.architecture.to_string(),
            platform.variant.as_deref().unwrap_or_default(),
        );
        Some((wanted.rank(&offered)?, entry))
    });
    // of equals the first one counts, as in docker
    let best = ranked.min_by_key(|(rank, _)| *rank);
    best.map(|(_, entry)| entry).ok_or_else(|| {
        Error::new(
            Kind::NotFound,
            format!("no matching manifest for {wanted} in the manifest list entries"),
        )
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn descriptor(media_type: &str, size: i64) -> Value {
        json!({ "mediaType": media_type, "digest": format!("sha256:{size:064x}"), "size": size })
    }

    fn image(layers: &[&str]) -> Value {
        let layers: Vec<Value> = layers
            .iter()
            .zip(2..)
            .map(|(m, n)| descriptor(m, n))
            .collect();
        json!({
            "schemaVersion": 2,
            "mediaType": IMAGE_MANIFEST_MEDIA_TYPE,
            "config": descriptor(IMAGE_DOCKER_CONFIG_MEDIA_TYPE, 1),
            "layers": layers,
        })
    }

    fn refusal(value: &Value) -> String {
        parse(value.to_string().as_bytes(), "")
            .expect_err("refused")
            .to_string()
    }

    #[test]
    fn every_layer_form_of_docker_and_oci_is_an_image() {
        for media_type in LAYER.iter().chain(&LAYER_ZSTD) {
            let document = parse(image(&[media_type]).to_string().as_bytes(), "").expect("known");
            assert!(
                matches!(document, Document::Image(m) if m.layers.len() == 1),
                "{media_type}"
            );
        }
    }

    #[test]
    fn the_stated_type_counts_only_where_the_document_is_silent() {
        let mut silent = image(&[]);
        silent.as_object_mut().expect("object").remove("mediaType");
        let text = silent.to_string();
        assert!(parse(text.as_bytes(), OCI_IMAGE_MEDIA_TYPE).is_ok());
        assert!(parse(text.as_bytes(), "").is_ok());
        assert!(parse(text.as_bytes(), OCI_IMAGE_INDEX_MEDIA_TYPE).is_err());
        assert!(
            parse(
                image(&[]).to_string().as_bytes(),
                OCI_IMAGE_INDEX_MEDIA_TYPE
            )
            .is_ok()
        );
    }

    #[test]
    fn what_cannot_be_an_image_is_refused_in_one_line() {
        let mut both = image(&[]);
        both["manifests"] = json!([]);
        let mut wasm = image(&[]);
        wasm["config"]["mediaType"] = json!("application/vnd.wasm.config.v1+json");
        let mut bad_digest = image(&[LAYER[0]]);
        bad_digest["layers"][0]["digest"] = json!("sha256:../../etc/passwd");
        let mut negative = image(&[LAYER[0]]);
        negative["layers"][0]["size"] = json!(-5);
        let mut sha512 = image(&[LAYER[0]]);
        sha512["layers"][0]["digest"] = json!(format!("sha512:{:0128x}", 1));
        let two = format!("sha256:{:064x}", 2);
        for (value, expected) in [
            (
                both,
                "cannot read the manifest: it is an index and an image at once".to_owned(),
            ),
            (
                wasm,
                "cannot use the artifact as an image: unsupported media type \
                 `application/vnd.wasm.config.v1+json` of its configuration"
                    .to_owned(),
            ),
            (
                image(&["application/x-rpm"]),
                format!("cannot unpack layer {two}: unsupported media type `application/x-rpm`"),
            ),
            (
                bad_digest,
                "cannot use blob `sha256:../../etc/passwd`: invalid digest".to_owned(),
            ),
            (
                negative,
                format!("cannot use blob `{two}`: its size is negative"),
            ),
            (
                json!({ "schemaVersion": 1 }),
                "cannot read the manifest: schema version 1 was given up by registries in 2019; \
                 push the image again"
                    .to_owned(),
            ),
            (
                json!({ "mediaType": "text/html" }),
                "cannot read the manifest: unsupported media type `text/html`".to_owned(),
            ),
        ] {
            assert_eq!(refusal(&value), expected);
        }
        assert!(refusal(&sha512).ends_with(": only sha256 digests are supported"));
    }

    #[test]
    fn the_best_entry_of_an_index_is_chosen() {
        let entry = |os: &str, architecture: &str, variant: Option<&str>, n: u64| {
            let mut platform = json!({ "os": os, "architecture": architecture });
            if let Some(variant) = variant {
                platform["variant"] = json!(variant);
            }
            let digest = format!("sha256:{n:064x}");
            json!({ "mediaType": IMAGE_MANIFEST_MEDIA_TYPE, "size": 1, "platform": platform, "digest": digest })
        };
        let index = json!({ "schemaVersion": 2, "manifests": [
            entry("unknown", "unknown", None, 1),
            entry("windows", "amd64", None, 2),
            entry("linux", "amd64", None, 3),
            entry("linux", "amd64", None, 4),
            entry("linux", "arm", Some("v6"), 5),
            entry("linux", "arm", Some("v7"), 6),
            entry("linux", "arm64", Some("v8"), 7),
        ]});
        let Document::Index(index) = parse(index.to_string().as_bytes(), "").expect("an index")
        else {
            panic!("not an index")
        };
        for (wanted, expected) in [
            ("linux/amd64", 3),
            ("linux/arm/v7", 6),
            ("linux/arm/v6", 5),
            ("linux/arm64", 7),
        ] {
            let entry = choose(&index, &Platform::parse(wanted).expect("valid")).expect("there");
            assert_eq!(entry.digest, format!("sha256:{expected:064x}"), "{wanted}");
        }
        let e =
            choose(&index, &Platform::parse("linux/s390x").expect("valid")).expect_err("not there");
        assert_eq!(
            (e.kind(), e.to_string().as_str()),
            (
                Kind::NotFound,
                "no matching manifest for linux/s390x in the manifest list entries"
            )
        );
    }
}
