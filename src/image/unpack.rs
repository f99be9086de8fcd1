//! A layer's compressed bytes to a tree of files.
//!
//! ```text
//!  next() ──▶ caller's thread: inflate ──▶ own thread: sha256 of the plain bytes ──▶ own thread: tar, files
//! ```
//! Between them are channels of a few blocks of 256 KiB. A full one stops who comes before it, and that at last the network;
//! blocks go round in a ring, so a layer costs about 2 MiB however large it is. Without SHA instructions the sum takes as
//! long as inflating does: on one thread they were what a pull waited for while another processor slept. The writer has a thread of its own not only for speed: there it can have a umask of its own
//! (unshare(2), CLONE_FS), so that files get the modes of the tar in one call each and the umask of the process stays.
//!
//! What is made, beside the tree: `entries`, from which [`super::regenerate`] writes the very same tar again. The form
//! of both: store/layers.rs, store/ids.rs. Killed at any line: a part of a staging folder, whose maker is dead.

mod body;
mod entries;
mod folders;
mod keep;
mod links;
mod marks;
mod writer;

pub(super) use entries::Entries;
pub(super) use folders::Folders;
pub(super) use keep::{REPLACED, number};
pub(super) use writer::write_owners;

#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};

use crate::error::{Error, Kind, Result};
use crate::image::capabilities;
use crate::image::decode::{self, Blocks};
use crate::image::tar::{Feed, Parser};
use crate::store::layers::Unpacked;
use crate::store::sum::Sum;
use crate::sys::thread;
use writer::Writer;

/// Blocks before the sum, and before the writer, whose small files take longer than others.
const DEPTH: [usize; 2] = [2, 4];

/// What a layer may cost at most: a few kilobytes can unpack to petabytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the tar and of expanded sparse files.
    pub bytes: u64,
    /// Entries, and folders that no entry names.
    pub files: u64,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            bytes: 1 << 40,
            files: 20_000_000,
        }
    }
}

/// Unpacks one layer into the empty folder `staging`: makes `tree`, `entries` and what else belongs to a layer.
///
/// `next` returns the compressed bytes as they come, `None` at their end; it is called on this thread. The caller
/// compares the diff id, and removes what was made when this fails: `Kind::Corrupt` when the bytes are to blame.
pub fn layer(
    mut next: impl FnMut() -> Option<Vec<u8>>,
    staging: &Path,
    limits: &Limits,
) -> Result<Unpacked> {
    layer_from(|_| next(), staging, limits)
}

/// The same for a source that fills blocks: `next` is given one that is done with, or an empty one.
pub(crate) fn layer_from(
    mut next: impl FnMut(Vec<u8>) -> Option<Vec<u8>>,
    staging: &Path,
    limits: &Limits,
) -> Result<Unpacked> {
    std::thread::scope(|scope| {
        let (full, plain) = sync_channel::<Vec<u8>>(DEPTH[0]);
        let (summed, blocks) = sync_channel::<Vec<u8>>(DEPTH[1]);
        let (back, empty) = channel::<Vec<u8>>();
        let writer = thread::spawn_scoped(scope, "unpack", move || {
            write(blocks, &back, staging, limits)
        })?;
        let summer = thread::spawn_scoped(scope, "sum", move || sum(plain, &summed))?;
        let mut ring = Ring {
            full,
            empty,
            bytes: 0,
            most: limits.bytes,
            is_stopped: false,
        };
        let decoded = decode::decode(&mut next, &mut ring);
        let Ring {
            full,
            bytes: tar_size,
            is_stopped,
            ..
        } = ring;
        drop(full);
        let sum = thread::joined(summer);
        let written = thread::joined(writer);
        // a writer that fails stops the decoder, and a decoder that fails cuts the tar: the first one's word counts
        if !is_stopped {
            decoded?;
        }
        let done = written?;
        if !done.capabilities.is_empty() {
            capabilities::set(&staging.join("tree"), &done.capabilities);
        }
        Ok(Unpacked {
            diff_id: sum.finish(),
            size: done.bytes,
            files: done.entries,
            tar_size,
        })
    })
}

/// The sum's thread. It ends with the decoder, or with the writer.
fn sum(plain: Receiver<Vec<u8>>, summed: &SyncSender<Vec<u8>>) -> Sum {
    let mut sum = Sum::new();
    for block in plain {
        sum.update(&block);
        if summed.send(block).is_err() {
            break;
        }
    }
    sum
}

/// The writer's thread.
fn write(
    blocks: Receiver<Vec<u8>>,
    back: &Sender<Vec<u8>>,
    staging: &Path,
    limits: &Limits,
) -> Result<writer::Done> {
    let mut writer = Writer::new(staging, limits)?;
    let mut parser = Parser::new(Feed::Whole);
    for block in blocks {
        parser.feed(&block, &mut writer)?;
        // the decoder may be done and gone
        back.send(block).ok();
    }
    parser.finish()?;
    writer.finish()
}

/// The decoder's ends of the channels; counts what passes.
struct Ring {
    full: SyncSender<Vec<u8>>,
    empty: Receiver<Vec<u8>>,
    bytes: u64,
    most: u64,
    /// The writer has gone.
    is_stopped: bool,
}

impl Blocks for Ring {
    fn take(&mut self) -> Vec<u8> {
        let mut block = self.spare();
        block.resize(decode::BLOCK, 0);
        block
    }

    fn spare(&mut self) -> Vec<u8> {
        self.empty.try_recv().unwrap_or_default()
    }

    fn put(&mut self, block: Vec<u8>) -> Result<()> {
        self.bytes += block.len() as u64;
        if self.bytes > self.most {
            return Err(too_large(self.most));
        }
        self.full.send(block).map_err(|_| {
            self.is_stopped = true;
            Error::new(Kind::System, "the unpacker has stopped")
        })
    }
}

/// The error of a bomb.
fn too_large(most: u64) -> Error {
    Error::new(Kind::Corrupt, "cannot unpack the layer").because(format!(
        "it holds more than {most} bytes, the limit for one layer"
    ))
}
