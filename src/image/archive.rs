//! Archives of images: one tar that is docker's form (`manifest.json`) and an OCI layout (`index.json`) at once, as docker
//! writes it since version 25.
//!
//! ```text
//! oci-layout  index.json  manifest.json  repositories     what is in it; first, so that a reader need not seek
//! blobs/sha256/<hex>                                      configurations, manifests, layers (uncompressed)
//! ```
//! Every time is 0 and every owner 0:0, so the same images give the same bytes.

pub(crate) mod members;
pub(crate) mod write;

use serde::{Deserialize, Serialize};

/// One image of docker's `manifest.json` (moby image/tarexport/tarexport.go, manifestItem).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct Item {
    /// Member that is the configuration.
    pub(crate) config: String,
    /// Familiar names with tags.
    #[serde(deserialize_with = "crate::image::config::null_default")]
    pub(crate) repo_tags: Vec<String>,
    /// Members that are the layers, the lowest first.
    #[serde(deserialize_with = "crate::image::config::null_default")]
    pub(crate) layers: Vec<String>,
}

/// Returns the member that a blob is.
pub(crate) fn blob_path(digest: &str) -> String {
    format!("blobs/{}", digest.replacen(':', "/", 1))
}
