//! Hard links, also those that come before their targets.

use std::ffi::CString;

use nix::errno::Errno;
use nix::fcntl::AtFlags;
use nix::sys::stat::fstatat;
use nix::unistd::linkat;

use super::writer::{Writer, cannot};
use crate::error::{Error, Kind, Result};
use crate::image::tar::{show, split};

impl Writer {
    /// Makes a hard link; false when the target is not there (yet).
    pub(super) fn hard_link(&mut self, path: &[u8], target: &[u8]) -> nix::Result<bool> {
        if path == target {
            return Ok(true);
        }
        let (name, target_name) = (last(path)?, last(target)?);
        let folder = self.folders.get(split(path).0)?;
        let of = match self.folders.find(split(target).0) {
            Err(Errno::ENOENT) => return Ok(false),
            of => of?,
        };
        let there = match fstatat(&*of, target_name.as_c_str(), AtFlags::AT_SYMLINK_NOFOLLOW) {
            Err(Errno::ENOENT) => return Ok(false),
            stat => stat?,
        };
        // a link to a link is a second name of the link itself: nothing is followed
        let link = || {
            linkat(
                &*of,
                target_name.as_c_str(),
                &*folder,
                name.as_c_str(),
                AtFlags::empty(),
            )
        };
        match link() {
            Err(Errno::EEXIST) => {
                let taken = fstatat(&*folder, name.as_c_str(), AtFlags::AT_SYMLINK_NOFOLLOW)?;
                if taken.st_ino == there.st_ino {
                    return Ok(true); // by another spelling, or once more
                }
                self.discard(&folder, &name, path)?;
                link()?;
            }
            result => result?,
        }
        let real = of.real_path(target);
        if let Some(ids) = self.owners.get(&real).copied() {
            self.owners.insert(folder.real_path(path), ids);
        }
        Ok(true)
    }

    /// Makes the links that came before their targets, in their order and then backwards, for chains.
    pub(super) fn pending_links(&mut self) -> Result<()> {
        let mut left = Vec::new();
        for (path, target) in std::mem::take(&mut self.pending) {
            if !self.late_link(&path, &target)? {
                left.push((path, target));
            }
        }
        for (path, target) in left.into_iter().rev() {
            if !self.late_link(&path, &target)? {
                return Err(
                    Error::new(Kind::Corrupt, format!("cannot unpack {}", show(&path))).because(
                        format!(
                            "it is a hard link to {}, which is not in the layer",
                            show(&target)
                        ),
                    ),
                );
            }
        }
        Ok(())
    }

    fn late_link(&mut self, path: &[u8], target: &[u8]) -> Result<bool> {
        // what has the name came after the link, and wins
        let done = match self.is_taken(path) {
            Ok(false) => self.hard_link(path, target),
            other => other,
        };
        done.map_err(|e| cannot(path, e))
    }

    fn is_taken(&mut self, path: &[u8]) -> nix::Result<bool> {
        let folder = self.folders.get(split(path).0)?;
        match fstatat(
            &*folder,
            last(path)?.as_c_str(),
            AtFlags::AT_SYMLINK_NOFOLLOW,
        ) {
            Err(Errno::ENOENT) => Ok(false),
            stat => stat.map(|_| true),
        }
    }
}

fn last(path: &[u8]) -> nix::Result<CString> {
    let name = split(path).1;
    if name.is_empty() {
        return Err(Errno::EINVAL);
    }
    CString::new(name).map_err(|_| Errno::EINVAL)
}
