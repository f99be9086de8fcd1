//! What may go: roots are the image names and the containers; the rest goes with `rmi` and `prune`.
//!
//! Whether a layer is deleted is decided under `names.lock`, so no name can appear meanwhile that needs it. A container
//! needs no lock to appear; so the layer is marked first, and then the containers are looked at. Whoever makes a container
//! writes its record first and then looks at the marks: one of the two sees the other (`Containers::create` refuses, or
//! the layer stays), and a layer that a container has is never away, not even for a moment.
//!
//! [`sweep`] clears what killed commands left: things without an owner that are older than a grace time, since a living
//! command may be about to give them one. It is run beside the emptying of the trash, never on the way of a `run`.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::error::{Context, Kind, Result};
use crate::image::config::ImageConfig;
use crate::store::containers::{self, Found, Status};
use crate::store::images::{Listed, Name};
use crate::store::sum;
use crate::store::{Store, record};
use crate::sys::lock::Lock;

/// How old a thing without an owner must be before it counts as left behind.
pub const GRACE: Duration = Duration::from_secs(3600);

/// The fetched part of a layer is kept for the next try that many times longer: a week.
const PARTIAL_FACTOR: u32 = 7 * 24;

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
    let needed = needed_layers(store, names)?;
    let others = store.images().of_index(&gone.index)?;
    let mut configs = vec![config.clone()];
    for (_, id) in others.iter().filter(|(_, id)| *id != gone.id) {
        configs.push(store.images().config(id)?);
    }
    for config in &configs {
        let chain = chain_ids(&config.rootfs.diff_ids);
        for (layer, chain_id) in config.rootfs.diff_ids.iter().zip(&chain).rev() {
            if needed.contains(layer) {
                continue;
            }
            if let Some(bytes) = drop_layer(store, layer)? {
                dropped.bytes += bytes;
                dropped.chain_ids.push(chain_id.clone());
            }
        }
    }
    let blobs = needed_blobs(store, names)?;
    let others = others.iter().flat_map(|(manifest, id)| [manifest, id]);
    for digest in others.chain([&gone.index, &gone.manifest, &gone.id]) {
        if !digest.is_empty() && !blobs.contains(digest) {
            store.trash().put(&store.blob_path(digest))?;
        }
    }
    Ok(dropped)
}

/// Removes layers and blobs that no name and no container needs and that are older than `grace`: what interrupted pulls
/// left. Returns the bytes of the layers.
pub fn prune_unreferenced(store: &Store, grace: Duration) -> Result<u64> {
    let _lock = store.images().lock()?;
    // a killed writer's; with the lock held nobody else has one
    std::fs::remove_file(record::temporary(&store.data("names"))).ok();
    let mut bytes = 0;
    let unreferenced = unreferenced(store, grace)?;
    for layer in &unreferenced.layers {
        bytes += drop_layer(store, layer)?.unwrap_or(0);
    }
    for blob in &unreferenced.blobs {
        store.trash().put(blob)?;
    }
    Ok(bytes)
}

/// What no name and no container needs.
#[derive(Debug, Default)]
pub(crate) struct Unreferenced {
    /// Diff ids of layers.
    pub(crate) layers: Vec<String>,
    /// Files of blobs.
    pub(crate) blobs: Vec<PathBuf>,
}

/// Returns the layers and blobs that nothing needs and that are older than `grace`.
pub(crate) fn unreferenced(store: &Store, grace: Duration) -> Result<Unreferenced> {
    let names = store.images().names()?;
    let needed = needed_layers(store, &names)?;
    let blobs = needed_blobs(store, &names)?;
    let layers = older(&store.data("layers"), grace)?.into_iter();
    let layers = layers
        .filter(|(hex, _)| containers::is_id(hex))
        .map(|(hex, _)| format!("sha256:{hex}"));
    let files = older(&store.data("blobs"), grace)?.into_iter();
    let files = files.filter(|(hex, _)| !blobs.contains(&format!("sha256:{hex}")));
    Ok(Unreferenced {
        layers: layers.filter(|layer| !needed.contains(layer)).collect(),
        blobs: files.map(|(_, path)| path).collect(),
    })
}

fn needed_layers(store: &Store, names: &[Name]) -> Result<HashSet<String>> {
    let mut needed = layers_of_containers(store)?;
    needed.extend(store.builds().layers()?);
    let mut ids: HashSet<String> = names.iter().map(|name| name.config.clone()).collect();
    for name in names {
        let others = store.images().of_index(&name.index)?.into_iter();
        ids.extend(others.map(|(_, id)| id));
    }
    for id in &ids {
        // an image whose configuration is broken cannot tell its layers: then none is safe to delete
        needed.extend(store.images().config(id)?.rootfs.diff_ids);
    }
    Ok(needed)
}

fn needed_blobs(store: &Store, names: &[Name]) -> Result<HashSet<String>> {
    let mut needed = HashSet::new();
    for name in names {
        let own = [&name.manifest, &name.config, &name.digest, &name.index];
        needed.extend(own.into_iter().cloned());
        for (manifest, config) in store.images().of_index(&name.index)? {
            needed.extend([manifest, config]);
        }
    }
    Ok(needed)
}

/// Removes a layer, unless a container uses it. Returns its bytes; `None` when it stays.
fn drop_layer(store: &Store, layer: &str) -> Result<Option<u64>> {
    let Some(going) = store.layers().begin_to_go(layer)? else {
        return Ok(None);
    };
    if layers_of_containers(store)?.contains(layer) {
        going.remove()?;
        return Ok(None);
    }
    let bytes = layer_bytes(store, layer);
    store.trash().put(&store.layer_path(layer))?;
    Ok(Some(bytes))
}

/// Begin of the name of a folder in which the host was probed (host/probe.rs).
const PROBE: &str = ".probe-";

/// Returns the layers that containers use.
fn layers_of_containers(store: &Store) -> Result<HashSet<String>> {
    let mut layers = HashSet::new();
    for record in store.containers().records()? {
        layers.extend(record.layers);
    }
    Ok(layers)
}

/// Returns the bytes of a layer's files; 0 when its record does not say.
pub(crate) fn layer_bytes(store: &Store, layer: &str) -> u64 {
    store.layers().size(layer).unwrap_or(0)
}

/// Returns the chain id of each layer (OCI image-spec, config.md, "Layer ChainID"), the lowest first.
pub(crate) fn chain_ids(diff_ids: &[String]) -> Vec<String> {
    let mut chain: Vec<String> = Vec::new();
    for diff_id in diff_ids {
        chain.push(match chain.last() {
            None => diff_id.clone(),
            Some(below) => sum::text(&sum::sum_of(format!("{below} {diff_id}"))),
        });
    }
    chain
}

/// Removes what killed commands left and nobody owns. Returns what went, but for layers and blobs; a step that fails does
/// not keep the others from being done, and the first failure is told.
pub fn sweep(store: &Store, grace: Duration) -> Result<Vec<PathBuf>> {
    let mut gone = Vec::new();
    let done = [
        sweep_names(store),
        sweep_containers(store, grace, &mut gone),
        sweep_runtime(store),
        sweep_staging(store, grace, &mut gone),
        sweep_partial(store, grace, &mut gone),
        prune_unreferenced(store, grace).map(drop),
    ];
    done.into_iter().collect::<Result<()>>()?;
    Ok(gone)
}

/// Removes what interrupted pulls fetched and nobody has added to for as long as `grace`; returns paths and bytes. Whoever
/// fetches more of a blob right now writes to it, or does without the name.
pub(crate) fn remove_partial(store: &Store, grace: Duration) -> Result<Vec<(PathBuf, u64)>> {
    let mut gone = Vec::new();
    for (_, path) in older(&store.data("partial"), grace)? {
        let size = std::fs::metadata(&path).map_or(0, |m| m.len());
        // its owner may have finished just now
        if std::fs::remove_file(&path).is_ok() {
            gone.push((path, size));
        }
    }
    Ok(gone)
}

fn sweep_partial(store: &Store, grace: Duration, gone: &mut Vec<PathBuf>) -> Result<()> {
    let partial = remove_partial(store, grace.saturating_mul(PARTIAL_FACTOR))?;
    gone.extend(partial.into_iter().map(|(path, _)| path));
    for (name, path) in older(&store.paths().data, grace)? {
        if name.starts_with(PROBE) && store.trash().put(&path)? {
            gone.push(path);
        }
    }
    Ok(())
}

/// Frees the names of containers that are gone.
fn sweep_names(store: &Store) -> Result<()> {
    let names = store.containers().names();
    for (name, id) in names.all()? {
        if !names.is_whole(&id)? {
            names.free_dangling(&name)?;
        }
    }
    Ok(())
}

/// Removes containers that never got a name, and those of `--rm` whose monitor was killed before it could.
fn sweep_containers(store: &Store, grace: Duration, gone: &mut Vec<PathBuf>) -> Result<()> {
    let shelf = store.containers();
    let named: HashSet<String> = shelf.names().all()?.into_iter().map(|(_, id)| id).collect();
    for (id, _) in older(&store.data("containers"), grace)? {
        if containers::is_id(&id) && !named.contains(&id) && !shelf.is_held(&id)? {
            let path = shelf.path(&id);
            if store.trash().put(&path)? {
                gone.push(path);
            }
        }
    }
    for found in shelf.list()? {
        if is_left_by_rm(store, &found)? && shelf.remove(found.id()).is_ok() {
            remove_anonymous(store, &found);
            gone.push(shelf.path(found.id()));
        }
    }
    Ok(())
}

/// Says whether a `--rm` container has run and nobody is there any more to remove it.
fn is_left_by_rm(store: &Store, found: &Found) -> Result<bool> {
    Ok(found.record.host.auto_remove
        && found.state.status == Status::Exited
        && !store.containers().is_held(found.id())?
        && !found.orphan.is_some_and(|orphan| orphan.is_alive()))
}

/// Removes the anonymous volumes of a container that was just removed, as `rm -v` does.
pub fn remove_anonymous(store: &Store, found: &Found) {
    let users = store.volumes().users().unwrap_or_default();
    for mount in found
        .record
        .mounts
        .iter()
        .filter(|mount| mount.kind == "volume" && mount.anonymous)
    {
        // another container may have taken it over by --volumes-from: then it stays
        store.volumes().remove(&mount.name, &users).ok();
    }
}

/// Removes runtime folders of containers that are gone.
fn sweep_runtime(store: &Store) -> Result<()> {
    let shelf = store.containers();
    for (id, _) in older(&store.paths().runtime.join("containers"), Duration::ZERO)? {
        if !shelf.path(&id).exists() && !shelf.is_held(&id)? {
            shelf.remove_runtime(&id);
        }
    }
    Ok(())
}

/// Removes what was being made: a layer when its lock is free, anything else when it is old.
fn sweep_staging(store: &Store, grace: Duration, gone: &mut Vec<PathBuf>) -> Result<()> {
    let staging = store.data("staging");
    for (name, path) in older(&staging, Duration::ZERO)? {
        let held = match name.strip_suffix(".lock") {
            Some(_) => Lock::attempt(&path)?,
            None if staging.join(format!("{name}.lock")).exists() => continue,
            None if is_older(&path, grace) => None,
            None => continue,
        };
        let Some(lock) = held else {
            if !name.ends_with(".lock") && store.trash().put(&path)? {
                gone.push(path);
            }
            continue;
        };
        let made = staging.join(name.trim_end_matches(".lock"));
        if store.trash().put(&made)? {
            gone.push(made);
        }
        lock.remove()?;
    }
    Ok(())
}

/// Lists the entries of a folder that are older than `grace`; a missing folder has none.
pub(crate) fn older(folder: &Path, grace: Duration) -> Result<Vec<(String, PathBuf)>> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => {
            return Err(e).context(Kind::System, || {
                format!("cannot list `{}`", folder.display())
            });
        }
    };
    let mut all = Vec::new();
    for entry in entries {
        let entry = entry.context(Kind::System, || {
            format!("cannot list `{}`", folder.display())
        })?;
        if let Ok(name) = entry.file_name().into_string()
            && is_older(&entry.path(), grace)
        {
            all.push((name, entry.path()));
        }
    }
    Ok(all)
}

/// Says whether something is there and was last changed longer than `grace` ago.
pub(crate) fn is_older(path: &Path, grace: Duration) -> bool {
    let Ok(meta) = std::fs::symlink_metadata(path) else {
        return false;
    };
    let age = meta
        .modified()
        .ok()
        .and_then(|time| SystemTime::now().duration_since(time).ok());
    grace.is_zero() || age.is_some_and(|age| age >= grace)
}
