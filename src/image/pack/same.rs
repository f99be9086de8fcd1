//! Whether a name is as below: metadata first, the content only where times have no fraction of a second and so prove
//! nothing (continuity fs/path.go, sameFile; buildkit util/overlay, sameDirent).

use std::ffi::CStr;
use std::io::Read;
use std::os::fd::{AsFd, BorrowedFd};

use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, readlinkat};
use nix::sys::stat::fstatat;

use super::open::open_anyway;
use super::owners::{Meta, Owners, meta};
use crate::image::stack::{Found, Part};
use crate::image::tar::EntryType;

/// What is below a name: the folder's parts, what was found there, and the owners of each layer.
pub(super) struct Below<'a> {
    pub(super) base: &'a [Part],
    pub(super) found: &'a Found,
    pub(super) owners: &'a [Owners],
}

impl Below<'_> {
    /// Compares with `name` in the folder `dir`, which is `upper` and lies at `path`.
    pub(super) fn is_same(
        &self,
        dir: BorrowedFd<'_>,
        name: &CStr,
        path: &[u8],
        upper: &Meta,
    ) -> nix::Result<bool> {
        let part = match self.found {
            Found::Folder(parts) => self.base.iter().find(|part| part.layer == parts[0].layer),
            Found::Other(index, _) => self.base.get(*index),
        };
        let part = part.ok_or(Errno::ENOENT)?;
        let stat = match self.found {
            Found::Other(_, stat) => *stat,
            Found::Folder(_) => fstatat(&part.fd, name, AtFlags::AT_SYMLINK_NOFOLLOW)?,
        };
        let none = Owners::default();
        let owners = self.owners.get(part.layer).unwrap_or(&none);
        let Some(below) = meta(part.fd.as_fd(), name, &stat, path, owners)? else {
            return Ok(false);
        };
        let key = |m: &Meta| (m.kind, m.mode, m.uid, m.gid, m.major, m.minor, m.size);
        if key(upper) != key(&below) || upper.capability != below.capability {
            return Ok(false);
        }
        if upper.kind == EntryType::Folder {
            return Ok(true);
        }
        if upper.mtime != below.mtime {
            return Ok(false);
        }
        match upper.kind {
            EntryType::Symlink => Ok(readlinkat(dir, name)? == readlinkat(&part.fd, name)?),
            EntryType::File if upper.mtime.1 == 0 && upper.size > 0 => {
                has_same_content(dir, part.fd.as_fd(), name)
            }
            _ => Ok(true),
        }
    }
}

fn has_same_content(a: BorrowedFd<'_>, b: BorrowedFd<'_>, name: &CStr) -> nix::Result<bool> {
    let open = |at| open_anyway(at, name, OFlag::O_NONBLOCK).map(std::fs::File::from);
    let (a, b) = (open(a)?, open(b)?);
    let errno = |e: std::io::Error| Errno::from_raw(e.raw_os_error().unwrap_or(libc::EIO));
    let (mut left, mut right) = (vec![0; 64 << 10], vec![0; 64 << 10]);
    let mut a = std::io::BufReader::with_capacity(0, a);
    loop {
        let n = a.read(&mut left).map_err(errno)?;
        if n == 0 {
            return Ok(true); // the sizes are known to be equal
        }
        match (&b).read_exact(&mut right[..n]) {
            Ok(()) if left[..n] == right[..n] => {}
            Ok(()) => return Ok(false),
            Err(e) if e.kind() == std::io::ErrorKind::UnexpectedEof => return Ok(false),
            Err(e) => return Err(errno(e)),
        }
    }
}
