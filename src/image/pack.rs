//! A folder of changes to a layer: what an overlay's upper folder, or a tree that a builder made, says about the layers
//! below it, as the tar that BuildKit would have made of it, and the folder itself as the layer's tree.
//!
//! ```text
//! Changes::of(tree, lowers) ──▶ entries of the tar, from metadata alone                      survey.rs
//!     ├─▶ write(out)                the tar: for export, or a commit of a tree that stays    stream.rs
//!     └─▶ adopt(store)              the tree itself becomes layers/<diff id>/tree            normalise.rs
//!           rename into a draft ─▶ normalise ─▶ tar: sha256 and `entries` ─▶ rename to its diff id
//! ```
//! A builder that wants the next step to begin while the digest is computed takes three steps: [`Changes::settle`] moves
//! and normalises, and what it returns is a whole lower tree from then on; measure; name.
//!
//! Killed at any line: a draft in `staging/`, swept later. Two processes that make the same layer: one stays.

pub(crate) mod merged;
mod normalise;
pub(crate) mod open;
pub(crate) mod owners;
mod same;
pub(crate) mod stream;
mod survey;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use nix::fcntl::{OFlag, open as open_fd};
use nix::sys::stat::Mode;

use crate::error::{Context, Kind, Result};
use crate::image::decode::BLOCK;
use crate::image::stack;
use crate::image::tar::Entry;
use crate::image::unpack::{Entries, Limits, layer, write_owners};
use crate::store::Store;
use crate::store::ids::Ids;
use crate::store::layers::{Draft, Unpacked};
use crate::store::sum::Sum;
use owners::Owners;
use stream::{Sink, stream};
use survey::{Survey, Walk};

pub use survey::ChangeKind;

/// The diff id of a layer without entries: two zero blocks.
pub const EMPTY_DIFF_ID: &str =
    "sha256:5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef";

/// What a tree is over the layers below it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Form {
    /// The upper folder of an overlay: what it does not have shows through.
    #[default]
    Upper,
    /// A whole root: what it does not have is gone.
    Whole,
}

/// How to make the layer.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// What the tree is.
    pub form: Form,
    /// Seconds since 1970: later times become this one, on the disk too (SOURCE_DATE_EPOCH with rewrite-timestamp).
    pub latest: Option<i64>,
}

/// The changes that a tree holds.
#[derive(Debug)]
pub struct Changes {
    tree: PathBuf,
    survey: Survey,
}

impl Changes {
    /// Surveys `tree` over the trees `lowers`, the uppermost first. Reads metadata alone, but for files whose metadata
    /// prove nothing.
    ///
    /// Recorded owners and modes count (store/ids.rs): in attributes, or in a file `owners` beside the tree.
    pub fn of(tree: &Path, lowers: &[PathBuf], options: &Options) -> Result<Changes> {
        Changes::survey(tree, lowers, options, &Owners::beside(tree), &[])
    }

    /// The same of a container's writable part, which may be mounted: `owners` are those that it recorded, and `points`
    /// are what its mounts lie on.
    pub(crate) fn of_container(
        tree: &Path,
        lowers: &[PathBuf],
        options: &Options,
        owners: &Owners,
        points: &[Vec<u8>],
    ) -> Result<Changes> {
        Changes::survey(tree, lowers, options, owners, points)
    }

    fn survey(
        tree: &Path,
        lowers: &[PathBuf],
        options: &Options,
        owners: &Owners,
        points: &[Vec<u8>],
    ) -> Result<Changes> {
        let base = stack::roots(lowers);
        let lower_owners: Vec<Owners> = lowers.iter().map(|tree| Owners::beside(tree)).collect();
        let root = open_tree(tree, OFlag::O_RDONLY)?;
        let walk = Walk::new(owners, &lower_owners, options.latest, points);
        let survey = walk.run(
            std::os::fd::AsFd::as_fd(&root),
            &base,
            options.form == Form::Whole,
        )?;
        Ok(Changes {
            tree: tree.to_owned(),
            survey,
        })
    }

    /// Returns what happened to each path that the tree holds or hides, in no useful order; `Same` for what only came up.
    pub fn changes(&self) -> &[(ChangeKind, Vec<u8>)] {
        &self.survey.changes
    }

    /// Returns the entries of the tar.
    pub(crate) fn entries(&self) -> &[Entry] {
        &self.survey.entries
    }

    /// Writes the tar; the tree stays as it is.
    pub fn write(&self, out: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> {
        let tree = open_tree(&self.tree, OFlag::O_PATH)?;
        stream(tree, self.entries(), &mut Plain(out))
    }

    /// Makes the tree a layer of the store; it is gone from where it was. It must not be mounted any more.
    pub fn adopt(self, store: &Store) -> Result<Unpacked> {
        let settled = self.settle(store)?;
        let unpacked = settled.measure()?;
        settled.name(&unpacked)?;
        Ok(unpacked)
    }

    /// Moves the tree into the store and makes it the lower tree that it will be, still without a name: that takes its
    /// digest, which [`Settled::measure`] computes.
    pub fn settle(mut self, store: &Store) -> Result<Settled<'_>> {
        let draft = store.layers().draft()?;
        let tree = draft.path().join("tree");
        match std::fs::rename(&self.tree, &tree) {
            Ok(()) => {}
            Err(e) if e.kind() == std::io::ErrorKind::CrossesDevices => {
                let made = Made::Copied(self.copy(&draft)?);
                crate::store::trash::remove_tree(&self.tree)?;
                return Ok(Settled { draft, made, tree });
            }
            Err(e) => {
                return Err(e).context(Kind::System, || {
                    format!("cannot move `{}` into the store", self.tree.display())
                });
            }
        }
        let mut aside: BTreeMap<Vec<u8>, Ids> =
            std::mem::take(&mut self.survey.aside).into_iter().collect();
        normalise::normalise(&tree, &self.survey.fixes, &mut aside)?;
        write_owners(draft.path(), &aside)?;
        Ok(Settled {
            draft,
            made: Made::Moved(self.survey.entries),
            tree,
        })
    }

    /// Copies the layer into `draft` by unpacking its tar, for a tree that stays or lies on another file system.
    fn copy(&self, draft: &Draft<'_>) -> Result<Unpacked> {
        unpack_stream(draft.path(), |out| self.write(out))
    }

    /// Makes a layer of the store of a copy of the tree, which stays as it is; it may be a mounted one.
    pub fn commit(&self, store: &Store) -> Result<Unpacked> {
        let draft = store.layers().draft()?;
        let unpacked = self.copy(&draft)?;
        draft.publish(&unpacked, None)?;
        Ok(unpacked)
    }
}

/// A tree that lies in the store as a layer will, and has no name yet; dropped, it is gone.
#[derive(Debug)]
pub struct Settled<'a> {
    draft: Draft<'a>,
    made: Made,
    tree: PathBuf,
}

/// How the tree came into the store.
#[derive(Debug)]
enum Made {
    /// By a rename; the entries of its tar.
    Moved(Vec<Entry>),
    /// From another file system, by unpacking its tar.
    Copied(Unpacked),
}

impl<'a> Settled<'a> {
    /// Returns by which id the layer is known until it has its name ([`Draft::id`]).
    pub(crate) fn id(&self) -> String {
        self.draft.id()
    }

    /// Computes the digest of the tar and writes `entries`.
    pub(crate) fn measure(&self) -> Result<Unpacked> {
        let entries = match &self.made {
            Made::Moved(entries) => entries,
            Made::Copied(unpacked) => return Ok(unpacked.clone()),
        };
        let mut record = Recorder {
            entries: Entries::new(&self.draft.path().join("entries"))?,
            sum: Sum::new(),
            size: 0,
            tar_size: 0,
        };
        stream(open_tree(&self.tree, OFlag::O_PATH)?, entries, &mut record)?;
        record.entries.finish()?;
        Ok(Unpacked {
            diff_id: record.sum.finish(),
            size: record.size,
            files: entries.len() as u64,
            tar_size: record.tar_size,
        })
    }

    /// Gives the layer the name that was computed; from then on it is not where it was. Returns the draft when there is a
    /// layer like it: who has the draft mounted keeps it until then.
    pub(crate) fn name(self, unpacked: &Unpacked) -> Result<Option<Draft<'a>>> {
        self.draft.publish_or_return(unpacked, None)
    }
}

/// Unpacks what `write` writes into the folder of a layer; the diff id is that of the bytes.
pub(crate) fn unpack_stream(
    folder: &Path,
    write: impl FnOnce(&mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> + Send,
) -> Result<Unpacked> {
    use std::sync::mpsc::sync_channel;
    std::thread::scope(|scope| {
        let (sender, receiver) = sync_channel::<Vec<u8>>(8);
        let writer = crate::sys::thread::spawn_scoped(scope, "pack", move || -> Result<()> {
            let mut block = Vec::with_capacity(BLOCK);
            write(&mut |bytes| {
                block.extend_from_slice(bytes);
                if block.len() >= BLOCK {
                    // an unpacker that stopped has the better word for it
                    sender.send(std::mem::take(&mut block)).ok();
                }
                Ok(())
            })?;
            sender.send(block).ok();
            Ok(())
        })?;
        let unpacked = layer(|| receiver.recv().ok(), folder, &Limits::default());
        drop(receiver);
        crate::sys::thread::joined(writer)?;
        unpacked
    })
}

fn open_tree(tree: &Path, flags: OFlag) -> Result<std::os::fd::OwnedFd> {
    let flags = flags | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    open_fd(tree, flags, Mode::empty())
        .context(Kind::System, || format!("cannot read `{}`", tree.display()))
}

/// A tar to a stream.
struct Plain<'a>(&'a mut dyn FnMut(&[u8]) -> Result<()>);

impl Sink for Plain<'_> {
    fn raw(&mut self, bytes: &[u8]) -> Result<()> {
        (self.0)(bytes)
    }

    fn payload(&mut self, bytes: &[u8]) -> Result<()> {
        (self.0)(bytes)
    }
}

/// A tar to its digest and to `entries`.
struct Recorder {
    entries: Entries,
    sum: Sum,
    size: u64,
    tar_size: u64,
}

impl Sink for Recorder {
    fn raw(&mut self, bytes: &[u8]) -> Result<()> {
        self.sum.update(bytes);
        self.tar_size += bytes.len() as u64;
        self.entries.write(bytes)
    }

    fn payload(&mut self, bytes: &[u8]) -> Result<()> {
        self.sum.update(bytes);
        self.size += bytes.len() as u64;
        self.tar_size += bytes.len() as u64;
        Ok(())
    }
}
