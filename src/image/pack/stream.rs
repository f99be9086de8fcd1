//! The tar of a surveyed tree: headers from the survey, payloads from the files. Reads only.

use std::ffi::CString;
use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, OwnedFd};

use nix::errno::Errno;
use nix::fcntl::OFlag;

use super::open::open_anyway;
use crate::error::{Context, Error, Kind, Result};
use crate::image::tar::{Entry, show, write};
use crate::image::unpack::Folders;

const BUFFER: usize = 256 << 10;

/// Where the tar goes.
pub(crate) trait Sink {
    /// Bytes that a layer's `entries` holds.
    fn raw(&mut self, bytes: &[u8]) -> Result<()>;

    /// Bytes of a plain file.
    fn payload(&mut self, bytes: &[u8]) -> Result<()>;
}

/// Writes the tar of `entries`, whose files lie in `tree`; `end`: with the two zero blocks.
pub(crate) fn stream(tree: OwnedFd, entries: &[Entry], out: &mut dyn Sink) -> Result<()> {
    let mut folders = Folders::new(tree);
    let mut buffer = vec![0; BUFFER];
    for entry in entries {
        out.raw(&write::header(entry))?;
        if entry.is_cut() {
            body(&mut folders, entry, &mut buffer, out)?;
            out.raw(&[0; 512][..write::padding(entry.size)])?;
        }
    }
    out.raw(&write::END)
}

fn body(folders: &mut Folders, entry: &Entry, buffer: &mut [u8], out: &mut dyn Sink) -> Result<()> {
    let cannot = || format!("cannot read {}", show(&entry.path));
    let mut file = open(folders, entry).context(Kind::System, cannot)?;
    let mut left = entry.size;
    while left > 0 {
        let most = buffer
            .len()
            .min(usize::try_from(left).unwrap_or(usize::MAX));
        match file
            .read(&mut buffer[..most])
            .context(Kind::System, cannot)?
        {
            0 => {
                return Err(Error::new(Kind::System, cannot())
                    .because("it became shorter while it was read"));
            }
            n => {
                out.payload(&buffer[..n])?;
                left -= n as u64;
            }
        }
    }
    Ok(())
}

fn open(folders: &mut Folders, entry: &Entry) -> nix::Result<File> {
    let name = CString::new(entry.name()).map_err(|_| Errno::EINVAL)?;
    let folder = folders.find(entry.folder())?;
    Ok(open_anyway(folder.as_fd(), &name, OFlag::O_NONBLOCK)?.into())
}
