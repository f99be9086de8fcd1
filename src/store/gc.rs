//! What may go: roots are the image names and the containers; the rest goes with `rmi` and `prune`.
//!
//! Whether a layer is deleted is decided under `names.lock`, so no name can appear meanwhile that needs it. A container
//! needs no lock to appear; so the layer is renamed into the trash first, and then the containers are looked at once more:
//! one that appeared in between gets its layer back (or saw that it was gone, and refused; see `Containers::create`).

use std::collections::HashSet;

use sha2::{Digest, Sha256};

use crate::error::Result;
use crate::image::config::ImageConfig;
use crate::store::Store;
use crate::store::images::{Listed, Name};

/// What went with an image.
#[derive(Debug, Default)]
pub(crate) struct Dropped {
    /// Chain ids of the layers, the topmost first.
    pub(crate) chain_ids: Vec<String>,
    /// Their bytes.
    pub(crate) bytes: u64,
}

/// Removes what only the image `gone` needed. The caller holds `names.lock` and has written `names` without it.
pub(crate) fn drop_image(
    store: &Store,
    names: &[Name],
    gone: &Listed,
    config: &ImageConfig,
) -> Result<Dropped> {
    let mut dropped = Dropped::default();
    let mut needed: HashSet<String> = HashSet::new();
    for name in names {
        // an image whose configuration is broken cannot tell its layers: then none is safe to delete
        needed.extend(store.images().config(&name.config)?.rootfs.diff_ids);
    }
    needed.extend(layers_of_containers(store)?);
    let chain = chain_ids(&config.rootfs.diff_ids);
    for (layer, chain_id) in config.rootfs.diff_ids.iter().zip(&chain).rev() {
        if needed.contains(layer) || !store.layer_path(layer).exists() {
            continue;
        }
        let size = layer_bytes(store, layer);
        if drop_layer(store, layer)? {
            dropped.bytes += size;
            dropped.chain_ids.push(chain_id.clone());
        }
    }
    for digest in [&gone.manifest, &gone.id] {
        if !names
            .iter()
            .any(|name| name.manifest == *digest || name.config == *digest)
        {
            store.trash().put(&store.blob_path(digest))?;
        }
    }
    Ok(dropped)
}

/// Renames a layer into the trash, unless a container appears that uses it.
fn drop_layer(store: &Store, layer: &str) -> Result<bool> {
    let path = store.layer_path(layer);
    let Some(thrown) = store.trash().put_named(&path)? else {
        return Ok(false);
    };
    if layers_of_containers(store)?.contains(layer) {
        // a whole layer that somebody published again meanwhile is as good
        std::fs::rename(&thrown, &path).ok();
        return Ok(false);
    }
    Ok(true)
}

/// Returns the layers that containers use.
fn layers_of_containers(store: &Store) -> Result<HashSet<String>> {
    let mut layers = HashSet::new();
    for found in store.containers().list()? {
        layers.extend(found.record.layers);
    }
    Ok(layers)
}

fn layer_bytes(store: &Store, layer: &str) -> u64 {
    /// The part of a layer's record that is of interest here.
    #[derive(serde::Deserialize)]
    struct Size {
        #[serde(default)]
        size: u64,
    }
    let path = store.layer_path(layer).join("layer");
    crate::store::record::read::<Size>(&path)
        .ok()
        .flatten()
        .map_or(0, |record| record.size)
}

/// Returns the chain id of each layer (OCI image-spec, config.md, "Layer ChainID"), the lowest first.
pub(crate) fn chain_ids(diff_ids: &[String]) -> Vec<String> {
    let mut chain: Vec<String> = Vec::new();
    for diff_id in diff_ids {
        chain.push(match chain.last() {
            None => diff_id.clone(),
            Some(below) => {
                let digest = Sha256::digest(format!("{below} {diff_id}").as_bytes());
                format!(
                    "sha256:{}",
                    digest
                        .iter()
                        .map(|b| format!("{b:02x}"))
                        .collect::<String>()
                )
            }
        });
    }
    chain
}
