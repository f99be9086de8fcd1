//! A stack of trees as one, walked from a folder down, the way a container sees it: for an export, and for `cp`.
//!
//! What is found goes to a [`Sink`] as the entries of a tar with their bodies; sockets are left out, hard links stay
//! links. Reads alone.

use std::collections::HashMap;
use std::ffi::CStr;
use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::OsStringExt;

use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, readlinkat};
use nix::sys::stat::{FileStat, fstatat};

use super::open::open_anyway;
use super::owners::{Owners, meta};
use crate::error::{Context, Error, Kind, Result};
use crate::image::capabilities;
use crate::image::stack::{self, Found, Part};
use crate::image::tar::{Entry, EntryType, Sink, show};
use crate::sys::sentence;

const BUFFER: usize = 256 << 10;

/// A walk. `owners`: of each layer of the stack, by [`Part::layer`].
pub(crate) struct Merged<'a, S: Sink> {
    owners: &'a [Owners],
    sink: &'a mut S,
    count: u64,
    /// (layer, device, inode) -> its first name.
    first: HashMap<(usize, u64, u64), Vec<u8>>,
    buffer: Vec<u8>,
    /// The files' own owners count: those of the host.
    has_owners: bool,
}

impl<'a, S: Sink> Merged<'a, S> {
    pub(crate) fn new(owners: &'a [Owners], sink: &'a mut S) -> Self {
        Merged {
            owners,
            sink,
            count: 0,
            first: HashMap::new(),
            buffer: vec![0; BUFFER],
            has_owners: false,
        }
    }

    /// Says whether the owners of the files themselves are to be told, and not recorded ones.
    pub(crate) fn shows_owners(&mut self, on: bool) {
        self.has_owners = on;
    }

    /// A folder itself, without what is in it.
    pub(crate) fn folder(&mut self, part: &Part, inside: &[u8], shown: &[u8]) -> Result<()> {
        let stat = nix::sys::stat::fstat(&part.fd).map_err(|e| cannot(inside, e))?;
        if let Some(entry) = self.entry(part, c".", &stat, inside, shown)? {
            self.sink.begin(&entry)?;
            self.sink.end()?;
        }
        Ok(())
    }

    /// Everything in a folder. `inside` is where it lies in the stack, `shown` what the entries' names begin with; both
    /// are empty or without a slash at the end.
    pub(crate) fn below(&mut self, folder: &[Part], inside: &[u8], shown: &[u8]) -> Result<()> {
        for name in stack::names(folder).map_err(|e| cannot(inside, e))? {
            let (inside, shown) = (join(inside, &name), join(shown, &name));
            self.one(folder, &name, &inside, &shown)?;
        }
        Ok(())
    }

    /// `name` of a folder, and when it is a folder itself all in it.
    pub(crate) fn one(
        &mut self,
        folder: &[Part],
        name: &CStr,
        inside: &[u8],
        shown: &[u8],
    ) -> Result<()> {
        if inside.len() >= libc::PATH_MAX as usize {
            return Err(cannot(inside, Errno::ENAMETOOLONG));
        }
        match stack::step(folder, name) {
            None => Ok(()), // it has just gone
            Some(Found::Other(part, stat)) => self.other(&folder[part], name, &stat, inside, shown),
            Some(Found::Folder(parts)) => {
                let top = folder.iter().find(|part| part.layer == parts[0].layer);
                let top = top.ok_or_else(|| cannot(inside, Errno::ENOENT))?;
                let stat = fstatat(&top.fd, name, AtFlags::AT_SYMLINK_NOFOLLOW)
                    .map_err(|e| cannot(inside, e))?;
                if let Some(entry) = self.entry(top, name, &stat, inside, shown)? {
                    self.sink.begin(&entry)?;
                    self.sink.end()?;
                }
                self.below(&parts, inside, shown)
            }
        }
    }

    fn other(
        &mut self,
        part: &Part,
        name: &CStr,
        stat: &FileStat,
        inside: &[u8],
        shown: &[u8],
    ) -> Result<()> {
        let Some(mut entry) = self.entry(part, name, stat, inside, shown)? else {
            return Ok(());
        };
        if stat.st_nlink > 1 {
            let key = (part.layer, stat.st_dev, stat.st_ino);
            if let Some(first) = self.first.get(&key) {
                entry.kind = EntryType::HardLink;
                entry.link = first.clone();
                entry.size = 0;
                self.sink.begin(&entry)?;
                return self.sink.end();
            }
            self.first.insert(key, shown.to_vec());
        }
        self.sink.begin(&entry)?;
        if entry.kind == EntryType::File && entry.size > 0 {
            self.body(part.fd.as_fd(), name, &entry)?;
        }
        self.sink.end()
    }

    fn entry(
        &mut self,
        part: &Part,
        name: &CStr,
        stat: &FileStat,
        inside: &[u8],
        shown: &[u8],
    ) -> Result<Option<Entry>> {
        let failed = |e| cannot(inside, e);
        let none = Owners::default();
        let owners = self.owners.get(part.layer).unwrap_or(&none);
        let Some(meta) = meta(part.fd.as_fd(), name, stat, inside, owners).map_err(failed)? else {
            return Ok(None);
        };
        let link = match meta.kind {
            EntryType::Symlink => readlinkat(&part.fd, name).map_err(failed)?.into_vec(),
            _ => Vec::new(),
        };
        self.count += 1;
        let capability = meta
            .capability
            .map(|value| (capabilities::NAME.to_vec(), value));
        Ok(Some(Entry {
            index: self.count - 1,
            kind: meta.kind,
            path: shown.to_vec(),
            link,
            mode: meta.mode,
            uid: if self.has_owners {
                stat.st_uid.into()
            } else {
                meta.uid
            },
            gid: if self.has_owners {
                stat.st_gid.into()
            } else {
                meta.gid
            },
            mtime: meta.mtime.0,
            mtime_nsec: meta.mtime.1,
            size: meta.size,
            major: meta.major,
            minor: meta.minor,
            xattrs: capability.into_iter().collect(),
            ..Entry::default()
        }))
    }

    /// The bytes that were promised; a file that shrinks meanwhile is filled with zeros, as tar(1) does.
    fn body(&mut self, at: BorrowedFd<'_>, name: &CStr, entry: &Entry) -> Result<()> {
        let failed = || format!("cannot read {}", show(&entry.path));
        let opened = open_anyway(at, name, OFlag::O_NONBLOCK).context(Kind::System, failed)?;
        let mut file = File::from(opened);
        let mut left = entry.size;
        while left > 0 {
            let most = BUFFER.min(usize::try_from(left).unwrap_or(BUFFER));
            let n = match file
                .read(&mut self.buffer[..most])
                .context(Kind::System, failed)?
            {
                0 => {
                    self.buffer[..most].fill(0);
                    most
                }
                n => n,
            };
            self.sink.data(&self.buffer[..n])?;
            left -= n as u64;
        }
        Ok(())
    }
}

/// Entries to the bytes of a tar.
pub(crate) struct TarOut<'a> {
    out: &'a mut dyn FnMut(&[u8]) -> Result<()>,
    buffer: Vec<u8>,
    padding: usize,
}

impl<'a> TarOut<'a> {
    pub(crate) fn new(out: &'a mut dyn FnMut(&[u8]) -> Result<()>) -> Self {
        TarOut {
            out,
            buffer: Vec::new(),
            padding: 0,
        }
    }

    /// Writes the end mark.
    pub(crate) fn finish(mut self) -> Result<()> {
        self.put(&crate::image::tar::write::END)?;
        (self.out)(&self.buffer)
    }

    fn put(&mut self, bytes: &[u8]) -> Result<()> {
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() >= BUFFER {
            (self.out)(&self.buffer)?;
            self.buffer.clear();
        }
        Ok(())
    }
}

impl Sink for TarOut<'_> {
    fn raw(&mut self, _: &[u8]) -> Result<()> {
        Ok(())
    }

    fn begin(&mut self, entry: &Entry) -> Result<()> {
        self.padding = crate::image::tar::write::padding(entry.size);
        self.put(&crate::image::tar::write::header(entry))
    }

    fn data(&mut self, bytes: &[u8]) -> Result<()> {
        self.put(bytes)
    }

    fn end(&mut self) -> Result<()> {
        let padding = std::mem::take(&mut self.padding);
        self.put(&[0; 512][..padding])
    }

    fn payload(&mut self, _: &Entry) -> Result<()> {
        Ok(())
    }
}

pub(crate) fn join(folder: &[u8], name: &CStr) -> Vec<u8> {
    match folder.is_empty() {
        true => name.to_bytes().to_vec(),
        false => [folder, b"/", name.to_bytes()].concat(),
    }
}

fn cannot(path: &[u8], e: Errno) -> Error {
    Error::new(Kind::System, format!("cannot read {}", show(path)))
        .because(format!("{} ({e:?})", sentence(e)))
}
