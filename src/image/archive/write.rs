//! Writes an archive whose members are known beforehand, and so where each of them lies: into a file several layers are
//! written at once, each where it belongs.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::error::{Error, Kind, Result};
use crate::image::regenerate::regenerate;
use crate::image::tar::{Entry, EntryType, write};
use crate::sys::thread;

/// Bytes that are gathered before they are written.
const BUFFER: usize = 1 << 20;

/// One member.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) path: String,
    pub(crate) content: Content,
}

/// What a member holds.
#[derive(Debug)]
pub(crate) enum Content {
    Folder,
    Bytes(Vec<u8>),
    /// The tar of the layer that lies in `folder`.
    Layer {
        folder: PathBuf,
        diff_id: String,
        size: u64,
    },
}

impl Member {
    fn size(&self) -> u64 {
        match &self.content {
            Content::Folder => 0,
            Content::Bytes(bytes) => bytes.len() as u64,
            Content::Layer { size, .. } => *size,
        }
    }

    fn header(&self) -> Vec<u8> {
        let (kind, mode) = match self.content {
            Content::Folder => (EntryType::Folder, 0o755),
            _ => (EntryType::File, 0o644),
        };
        write::header(&Entry {
            kind,
            mode,
            path: self.path.clone().into_bytes(),
            size: self.size(),
            ..Entry::default()
        })
    }
}

/// Writes the archive from `start` on of `file`; returns where it ends.
pub(crate) fn to_file(members: &[Member], file: &File, start: u64) -> Result<u64> {
    let mut offset = start;
    let mut layers = Vec::new();
    for member in members {
        let header = member.header();
        file.write_all_at(&header, offset).map_err(cannot)?;
        offset += header.len() as u64;
        match &member.content {
            Content::Folder => {}
            Content::Bytes(bytes) => file.write_all_at(bytes, offset).map_err(cannot)?,
            Content::Layer { .. } => layers.push((member, offset)),
        }
        offset += member.size().next_multiple_of(512);
    }
    // padding and the end are holes, which read as zeros
    let end = offset + write::END.len() as u64;
    file.set_len(end).map_err(cannot)?;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let next = AtomicUsize::new(0);
    let work = || -> Result<()> {
        while let Some((member, offset)) = layers.get(next.fetch_add(1, Ordering::Relaxed)) {
            let mut at = *offset;
            let mut buffer = Vec::with_capacity(BUFFER);
            layer(member, &mut |bytes| {
                buffer.extend_from_slice(bytes);
                if buffer.len() >= BUFFER {
                    file.write_all_at(&buffer, at).map_err(cannot)?;
                    at += buffer.len() as u64;
                    buffer.clear();
                }
                Ok(())
            })?;
            file.write_all_at(&buffer, at).map_err(cannot)?;
        }
        Ok(())
    };
    std::thread::scope(|scope| {
        let helpers: Vec<_> = (1..cores.min(layers.len()))
            .map(|_| thread::spawn_scoped(scope, "save", work))
            .collect();
        let mut result = work();
        for helper in helpers {
            let done = helper.map_err(Error::from).and_then(thread::joined);
            result = result.and(done);
        }
        result
    })?;
    Ok(end)
}

/// Writes the archive to `out`, one member after the other.
pub(crate) fn to_stream(
    members: &[Member],
    out: &mut dyn FnMut(&[u8]) -> Result<()>,
) -> Result<()> {
    let mut buffer = Vec::with_capacity(2 * BUFFER);
    let mut put = |bytes: &[u8]| -> Result<()> {
        buffer.extend_from_slice(bytes);
        if buffer.len() >= BUFFER {
            out(&buffer)?;
            buffer.clear();
        }
        Ok(())
    };
    for member in members {
        put(&member.header())?;
        match &member.content {
            Content::Folder => {}
            Content::Bytes(bytes) => put(bytes)?,
            Content::Layer { .. } => layer(member, &mut put)?,
        }
        put(&[0; 512][..write::padding(member.size())])?;
    }
    put(&write::END)?;
    out(&buffer)
}

/// Writes a layer's tar. It is the very one as far as sizes tell; who lists the members has proved those in doubt.
fn layer(member: &Member, put: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> {
    let Content::Layer {
        folder,
        diff_id,
        size,
    } = &member.content
    else {
        return Ok(());
    };
    let mut left = *size;
    regenerate(folder, &mut |bytes| {
        // more would run over what follows
        left = left
            .checked_sub(bytes.len() as u64)
            .ok_or_else(|| damaged(diff_id))?;
        put(bytes)
    })?;
    if left > 0 {
        Err(damaged(diff_id))
    } else {
        Ok(())
    }
}

fn damaged(diff_id: &str) -> Error {
    Error::new(Kind::Corrupt, format!("cannot read the layer {diff_id}"))
        .because("it is not what it was")
        .hint("see `coracle system check`, or pull the image again")
}

fn cannot(e: std::io::Error) -> Error {
    Error::new(Kind::System, "cannot write the archive").because(e)
}
