//! A container's files as they lie on the disk: what it changed, and all of them.

use std::path::PathBuf;

use super::rootfs;
use crate::error::{Error, Kind, Result};
use crate::image::pack::merged::{Merged, TarOut};
use crate::image::pack::owners::Owners;
use crate::image::pack::{ChangeKind, Changes, Form, Options};
use crate::image::stack;
use crate::store::Store;
use crate::store::containers::{Found, Record};

/// What is mounted over in every root, and what [`rootfs::base`] holds where the root is a copy: docker has these in a layer
/// of their own below the container's. The points of the user's mounts are the container's, as with docker.
const POINTS: [&str; 8] = [
    ".dockerenv",
    "etc/mtab",
    "etc/hosts",
    "etc/hostname",
    "etc/resolv.conf",
    "dev",
    "proc",
    "sys",
];

/// The trees of a container, the uppermost first; the first is its own.
pub(crate) struct Trees {
    pub(crate) paths: Vec<PathBuf>,
    pub(crate) owners: Vec<Owners>,
    form: Form,
}

impl Trees {
    /// Returns the trees. `Kind::Invalid` for a container whose root is the host's.
    pub(crate) fn of(store: &Store, record: &Record) -> Result<Trees> {
        if record.driver == rootfs::host::NAME {
            let text = format!("container `{}` has no image", record.name);
            return Err(Error::new(Kind::Invalid, text).because("its files are the host's own"));
        }
        let own = store.containers().path(&record.id);
        let layers = rootfs::trees(record, &|id| store.layers().path(id));
        let layer_owners: Vec<Owners> = layers.iter().map(|tree| Owners::beside(tree)).collect();
        let recorded = Owners::of_container(&own);
        let is_copy = record.driver == "copy";
        let writable = record.writable.clone().unwrap_or_else(|| own.clone());
        let top = match is_copy {
            true => own.join("root"),
            false => writable.join("upper"),
        };
        Ok(Trees {
            paths: std::iter::once(top).chain(layers).collect(),
            owners: std::iter::once(recorded).chain(layer_owners).collect(),
            form: if is_copy { Form::Whole } else { Form::Upper },
        })
    }

    /// The trees that show: a copy hides what it was copied from.
    pub(crate) fn shown(&self) -> &[PathBuf] {
        match self.form {
            Form::Upper => &self.paths,
            Form::Whole => &self.paths[..1],
        }
    }
}

/// Surveys what a container has changed about its image.
pub(crate) fn changes(store: &Store, container: &Found) -> Result<Changes> {
    let mut trees = Trees::of(store, &container.record)?;
    trees.owners[0].made_by(container.state.native);
    let options = Options {
        form: trees.form,
        ..Options::default()
    };
    let points = POINTS.map(|p| p.as_bytes().to_vec());
    Changes::of_container(
        &trees.paths[0],
        &trees.paths[1..],
        &options,
        &trees.owners[0],
        &points,
    )
}

/// Returns docker's `diff`: `A`, `C` or `D` and the path, sorted by path.
///
/// A folder counts as changed when its own metadata are, or when something directly in it came or went.
pub(crate) fn diff(store: &Store, container: &Found) -> Result<Vec<(char, String)>> {
    let changes = changes(store, container)?;
    let mut all: Vec<(char, String)> = Vec::new();
    let text = |path: &[u8]| format!("/{}", String::from_utf8_lossy(path));
    let mut stirred = std::collections::BTreeSet::new();
    for (kind, path) in changes.changes() {
        let letter = match kind {
            ChangeKind::Added => 'A',
            ChangeKind::Modified => 'C',
            ChangeKind::Deleted => 'D',
            ChangeKind::Same => continue,
        };
        if letter != 'C' {
            stirred.insert(crate::image::tar::split(path).0.to_vec());
        }
        all.push((letter, text(path)));
    }
    for (kind, path) in changes.changes() {
        if *kind == ChangeKind::Same && stirred.contains(path) {
            all.push(('C', text(path)));
        }
    }
    all.sort_by(|a, b| a.1.cmp(&b.1));
    Ok(all)
}

/// Writes all files of a container as a tar; volumes are no part of it, as with docker.
pub(crate) fn export(
    store: &Store,
    container: &Found,
    out: &mut dyn FnMut(&[u8]) -> Result<()>,
) -> Result<()> {
    let trees = Trees::of(store, &container.record)?;
    let roots = stack::roots(trees.shown());
    let mut tar = TarOut::new(out);
    Merged::new(&trees.owners, &mut tar).below(&roots, b"", b"")?;
    tar.finish()
}
