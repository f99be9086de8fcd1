//! `coracle system check`: is everything in the store what it should be?
//!
//! Two sorts of findings: what is broken (a name without its layer, a record that cannot be read), and what a killed
//! command left behind and the next sweep would clear. What a living command is making is neither: it is younger than the
//! grace time or its lock is held.
//!
//! A repair never deletes what may hold a user's data: a container whose record cannot be read is moved to
//! `<data>/lost/<id>`, for the user to look at. Everything else that is broken can be had again from a registry.

use std::collections::HashSet;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::error::{Context, Kind, Result};
use crate::image::config::ImageConfig;
use crate::store::containers::{self, Record, State};
use crate::store::images::Name;
use crate::store::sum;
use crate::store::{FOLDERS, Store, folder, gc, record, short_id};

/// What a check may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Look and tell.
    Look,
    /// Also sweep, and take away what cannot be used.
    Repair,
}

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weight {
    /// Something that a user has does not work.
    Broken,
    /// A killed command left it; it is in nobody's way.
    Leftover,
}

/// One thing that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How bad it is.
    pub weight: Weight,
    /// Where.
    pub path: PathBuf,
    /// What, in one line.
    pub text: String,
    /// It was repaired.
    pub repaired: bool,
}

/// Looks at everything; returns what is not as it should be, the broken first.
pub fn check(store: &Store, mode: Mode) -> Result<Vec<Finding>> {
    check_older(store, mode, gc::GRACE)
}

/// Does as [`check`] does, with a grace time of one's own.
pub(crate) fn check_older(store: &Store, mode: Mode, grace: Duration) -> Result<Vec<Finding>> {
    let mut check = Check {
        store,
        mode,
        grace,
        findings: Vec::new(),
    };
    check.folders()?;
    // first, since a repair adds to the trash
    check.leftovers()?;
    check.containers()?;
    check.names()?;
    check.images()?;
    check.volumes()?;
    if mode == Mode::Repair {
        gc::sweep(store, grace)?;
    }
    check
        .findings
        .sort_by_key(|finding| finding.weight == Weight::Leftover);
    Ok(check.findings)
}

struct Check<'a> {
    store: &'a Store,
    mode: Mode,
    grace: Duration,
    findings: Vec<Finding>,
}

impl Check<'_> {
    /// Notes what is broken; `repair` is tried when the user asked for it.
    fn broken(
        &mut self,
        path: &Path,
        text: impl Into<String>,
        repair: impl FnOnce() -> Result<()>,
    ) {
        let mut text = text.into();
        let repaired = self.mode == Mode::Repair
            && match repair() {
                Ok(()) => true,
                Err(e) => {
                    text = format!("{text}; {e}");
                    false
                }
            };
        self.findings.push(Finding {
            weight: Weight::Broken,
            path: path.to_owned(),
            text,
            repaired,
        });
    }

    /// Notes what the sweep clears.
    fn leftover(&mut self, path: &Path, text: impl Into<String>) {
        let repaired = self.mode == Mode::Repair;
        let text = text.into();
        self.findings.push(Finding {
            weight: Weight::Leftover,
            path: path.to_owned(),
            text,
            repaired,
        });
    }

    /// Every folder of ours is there and the user's alone.
    fn folders(&mut self) -> Result<()> {
        let store = self.store;
        for name in FOLDERS {
            let path = store.data(name);
            let Ok(meta) = std::fs::symlink_metadata(&path) else {
                self.broken(&path, "the folder is missing", || Ok(folder(&path)?));
                continue;
            };
            let mode = meta.permissions().mode() & 0o7777;
            if !meta.is_dir() {
                self.broken(&path, "this is no folder", || {
                    store.trash().put(&path)?;
                    Ok(folder(&path)?)
                });
            } else if mode != 0o700 {
                self.broken(
                    &path,
                    format!("the folder has mode {mode:04o} instead of 0700"),
                    || {
                        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o700))
                            .context(Kind::System, || "cannot change it")
                    },
                );
            }
        }
        Ok(())
    }

    /// Every container's records can be read, say what they are, and need only layers that are there.
    fn containers(&mut self) -> Result<()> {
        let store = self.store;
        let named: HashSet<String> = store
            .containers()
            .names()
            .all()?
            .into_iter()
            .map(|(_, id)| id)
            .collect();
        for (id, _) in gc::older(&store.data("containers"), Duration::ZERO)? {
            if id == "names" {
                continue;
            }
            let path = store.data("containers").join(&id);
            if !containers::is_id(&id) {
                self.broken(&path, "this is no container", || lose(store, &path));
                continue;
            }
            if !named.contains(&id) {
                if gc::is_older(&path, self.grace) && !store.containers().is_held(&id)? {
                    self.leftover(&path, "a container that was never finished");
                }
                continue;
            }
            self.container(&id, &path);
        }
        Ok(())
    }

    fn container(&mut self, id: &str, path: &Path) {
        let store = self.store;
        let short = short_id(id);
        match record::read::<Record>(&path.join("config")) {
            // removed meanwhile, or emptied by a power cut: then its name is dangling, and the sweep takes both
            Ok(None) if !path.exists() => {}
            Ok(None) => self.leftover(
                path,
                format!("container {short} lost its record in a power cut"),
            ),
            Err(e) => self.broken(path, e.to_string(), || lose(store, path)),
            Ok(Some(record)) if record.id != id => {
                self.broken(
                    path,
                    format!("container {short} has the record of another"),
                    || lose(store, path),
                );
            }
            Ok(Some(record)) => {
                for layer in record
                    .layers
                    .iter()
                    .filter(|layer| !store.layers().has(layer))
                {
                    let text = format!(
                        "container {short} needs layer {}, which is missing",
                        short_id(layer)
                    );
                    self.broken(path, text, || Err(pull_again(&record.config.image)));
                }
            }
        }
        let state = path.join("state");
        if let Err(e) = record::read::<State>(&state) {
            // without a state it counts as never started, and can be started
            self.broken(&state, e.to_string(), || {
                store.trash().put(&state).map(drop)
            });
        }
    }

    /// Every name leads to a container.
    fn names(&mut self) -> Result<()> {
        let names = self.store.containers().names();
        for (name, id) in names.all()? {
            if !names.is_whole(&id)? {
                let path = self.store.data("containers/names").join(&name);
                self.leftover(
                    &path,
                    format!("the name of container {}, which is gone", short_id(&id)),
                );
            }
        }
        Ok(())
    }

    /// Every image name leads to whole things.
    fn images(&mut self) -> Result<()> {
        let store = self.store;
        let path = store.data("names");
        let Some(text) = record::read_bytes(&path)? else {
            return Ok(());
        };
        let mut bad = Vec::new();
        for line in text.split(|b| *b == b'\n').filter(|line| !line.is_empty()) {
            match record::parse::<Name>(&path, line) {
                Ok(name) => bad.extend(whole(store, &name).err()),
                Err(e) => bad.push(format!("a line cannot be understood: {e}")),
            }
        }
        for text in bad {
            self.broken(&path, text, || {
                store.images().keep(|name| whole(store, name).is_ok())
            });
        }
        Ok(())
    }

    /// Every volume has its data.
    fn volumes(&mut self) -> Result<()> {
        let store = self.store;
        for (name, _) in gc::older(&store.data("volumes"), Duration::ZERO)? {
            let path = store.data("volumes").join(&name);
            match store.volumes().get(&name) {
                Ok(Some(_)) => {}
                Ok(None) => self.broken(&path, "this is no volume", || lose(store, &path)),
                Err(e) => {
                    // the labels go, the data stays
                    let record = path.join("volume");
                    self.broken(&record, e.to_string(), || {
                        store.trash().put(&record).map(drop)
                    });
                }
            }
        }
        Ok(())
    }

    /// Nothing lies in the folders of passage but what somebody is making.
    fn leftovers(&mut self) -> Result<()> {
        let store = self.store;
        for name in ["names.tmp", "version.tmp"] {
            let path = store.data(name);
            if gc::is_older(&path, self.grace) {
                self.leftover(&path, "a file that was never finished");
            }
        }
        for (name, _) in gc::older(&store.data("staging"), self.grace)? {
            let path = store.data("staging").join(&name);
            let lock = store
                .data("staging")
                .join(format!("{}.lock", name.trim_end_matches(".lock")));
            if !crate::sys::lock::Lock::is_held(&lock)? {
                self.leftover(&path, "something that was never finished");
            }
        }
        for (id, path) in gc::older(&store.paths().runtime.join("containers"), self.grace)? {
            if !store.containers().path(&id).exists() && !store.containers().is_held(&id)? {
                self.leftover(
                    &path,
                    format!("of container {}, which is gone", short_id(&id)),
                );
            }
        }
        // with a broken configuration nobody knows what is needed; that is told elsewhere
        let unreferenced = gc::unreferenced(store, self.grace).unwrap_or_default();
        for layer in &unreferenced.layers {
            self.leftover(&store.layer_path(layer), "a layer that nothing needs");
        }
        for blob in &unreferenced.blobs {
            self.leftover(blob, "a manifest or configuration that nothing needs");
        }
        for (name, _) in gc::older(&store.data("trash"), self.grace)? {
            if name != ".lock" {
                self.leftover(
                    &store.data("trash").join(name),
                    "removed, but not emptied yet",
                );
            }
        }
        Ok(())
    }
}

/// Says whether all that a name needs is there and unchanged.
fn whole(store: &Store, name: &Name) -> Result<(), String> {
    let shown = if name.name.is_empty() {
        short_id(&name.config)
    } else {
        &name.name
    };
    let others = store.images().of_index(&name.index);
    others.map_err(|e| format!("image `{shown}`: {e}"))?;
    blob(store, &name.manifest).map_err(|why| format!("image `{shown}`: its manifest {why}"))?;
    let config = blob(store, &name.config)
        .map_err(|why| format!("image `{shown}`: its configuration {why}"))?;
    let config: ImageConfig = serde_json::from_slice(&config)
        .map_err(|e| format!("image `{shown}`: its configuration cannot be understood: {e}"))?;
    match config
        .rootfs
        .diff_ids
        .iter()
        .find(|layer| !store.layers().has(layer))
    {
        Some(layer) => Err(format!(
            "image `{shown}`: layer {} is missing",
            short_id(layer)
        )),
        None => Ok(()),
    }
}

/// Returns the bytes of a blob when they have that digest.
fn blob(store: &Store, digest: &str) -> Result<Vec<u8>, String> {
    let bytes = record::read_bytes(&store.blob_path(digest)).map_err(|e| e.to_string())?;
    let bytes = bytes.ok_or_else(|| format!("{} is missing", short_id(digest)))?;
    match digest == sum::text(&sum::sum_of(&bytes)) {
        true => Ok(bytes),
        false => Err(format!("{} has changed", short_id(digest))),
    }
}

/// Moves what may hold a user's data out of the way.
fn lose(store: &Store, path: &Path) -> Result<()> {
    let lost = store.data("lost");
    folder(&lost)?;
    let name = path
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let target = match lost.join(&name) {
        taken if taken.exists() => {
            lost.join(format!("{name}-{}", crate::store::random_hex::<4>()?))
        }
        free => free,
    };
    std::fs::rename(path, &target)
        .context(Kind::System, || format!("cannot move `{}`", path.display()))
}

fn pull_again(image: &str) -> crate::error::Error {
    crate::error::Error::new(
        Kind::NotFound,
        format!("pull `{image}` again, or remove the container"),
    )
}

#[cfg(test)]
mod tests;
