//! What becomes of a name that a later entry of the same tar takes.
//!
//! The tar must be written again bit for bit, so a payload that loses its place in the tree is kept: its file moves to
//! `replaced/<number of its entry>`, by one rename. The rest is removed. Payloads are known by inode, since a file may
//! have several names, and one name may be spelled in several ways.

use std::collections::HashMap;
use std::ffi::{CStr, CString};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, openat, renameat};
use nix::sys::stat::{FileStat, Mode, fstatat, mkdirat};
use nix::unistd::{UnlinkatFlags, linkat, unlinkat};

use super::folders::Folders;
use crate::image::tar::split;
use crate::sys::copy::entries;

/// The name of the folder in a layer.
pub(crate) const REPLACED: &CStr = c"replaced";

/// The payloads of a tree that is being made.
#[derive(Debug)]
pub(super) struct Keep {
    /// The layer's folder.
    layer: OwnedFd,
    /// `replaced`, made when first needed.
    replaced: Option<OwnedFd>,
    /// Inode of a payload in the tree -> its entry.
    entries: HashMap<u64, u64>,
    /// Payloads whose path led through links: path, inode. They cannot be found by it once a link is replaced.
    linked: Vec<(Vec<u8>, u64)>,
    /// Folders set aside so far.
    aside: u64,
}

impl Keep {
    pub(super) fn new(layer: OwnedFd) -> Keep {
        Keep {
            layer,
            replaced: None,
            entries: HashMap::new(),
            linked: Vec::new(),
            aside: 0,
        }
    }

    /// Notes that the file of that inode holds the payload of an entry.
    pub(super) fn remember(&mut self, inode: u64, entry: u64) {
        self.entries.insert(inode, entry);
    }

    /// Notes the same of a file whose `path` led through links.
    pub(super) fn remember_linked(&mut self, inode: u64, entry: u64, path: &[u8]) {
        self.remember(inode, entry);
        self.linked.push((path.to_vec(), inode));
    }

    /// Keeps the payload of `entry`, the file `name` of `folder`, by a second name.
    pub(super) fn second_name(
        &mut self,
        folder: BorrowedFd<'_>,
        name: &CStr,
        entry: u64,
    ) -> nix::Result<()> {
        linkat(
            folder,
            name,
            self.replaced()?,
            number(entry).as_c_str(),
            AtFlags::empty(),
        )
    }

    /// Removes `name` of `folder`, and keeps the payloads.
    pub(super) fn discard(
        &mut self,
        folders: &mut Folders,
        folder: BorrowedFd<'_>,
        name: &CStr,
    ) -> nix::Result<()> {
        let stat = fstatat(folder, name, AtFlags::AT_SYMLINK_NOFOLLOW)?;
        let kind = stat.st_mode & libc::S_IFMT;
        if matches!(kind, libc::S_IFLNK | libc::S_IFDIR) {
            self.keep_linked(folders)?;
        }
        folders.forget();
        if kind != libc::S_IFDIR {
            return self.drop_file(folder, name, &stat);
        }
        // No recursion: a folder may be thousands deep. Each one is set aside and emptied there.
        let mut waiting = vec![self.set_aside(folder, name)?];
        while let Some(aside) = waiting.pop() {
            let dir = openat(self.replaced()?, aside.as_c_str(), FOLDER, Mode::empty())?;
            for child in entries(dir.as_fd())? {
                let stat = fstatat(&dir, child.as_c_str(), AtFlags::AT_SYMLINK_NOFOLLOW)?;
                if stat.st_mode & libc::S_IFMT == libc::S_IFDIR {
                    waiting.push(self.set_aside(dir.as_fd(), &child)?);
                } else {
                    self.drop_file(dir.as_fd(), &child, &stat)?;
                }
            }
            unlinkat(self.replaced()?, aside.as_c_str(), UnlinkatFlags::RemoveDir)?;
        }
        Ok(())
    }

    /// Ends the work: the folder goes when nothing is in it.
    pub(super) fn finish(self) -> nix::Result<()> {
        if self.replaced.is_none() {
            return Ok(());
        }
        match unlinkat(&self.layer, REPLACED, UnlinkatFlags::RemoveDir) {
            Ok(()) | Err(Errno::ENOTEMPTY | Errno::EEXIST) => Ok(()),
            Err(e) => Err(e),
        }
    }

    fn drop_file(
        &mut self,
        folder: BorrowedFd<'_>,
        name: &CStr,
        stat: &FileStat,
    ) -> nix::Result<()> {
        let is_file = stat.st_mode & libc::S_IFMT == libc::S_IFREG;
        match self.entries.remove(&stat.st_ino).filter(|_| is_file) {
            Some(entry) => renameat(folder, name, self.replaced()?, number(entry).as_c_str()),
            None => unlinkat(folder, name, UnlinkatFlags::NoRemoveDir),
        }
    }

    /// Moves a folder out of the tree.
    fn set_aside(&mut self, folder: BorrowedFd<'_>, name: &CStr) -> nix::Result<CString> {
        let aside = CString::new(format!("folder-{}", self.aside)).expect("digits hold no NUL");
        self.aside += 1;
        renameat(folder, name, self.replaced()?, aside.as_c_str())?;
        Ok(aside)
    }

    /// Gives payloads that were reached through links a second name, before a link on their way may go. They are rare,
    /// and each is looked at once.
    fn keep_linked(&mut self, folders: &mut Folders) -> nix::Result<()> {
        for (path, inode) in std::mem::take(&mut self.linked) {
            let Some(entry) = self.entries.get(&inode).copied() else {
                continue;
            };
            let (folder, name) = split(&path);
            let name = CString::new(name).map_err(|_| Errno::EINVAL)?;
            let folder = folders.find(folder)?;
            if fstatat(&*folder, name.as_c_str(), AtFlags::AT_SYMLINK_NOFOLLOW)?.st_ino == inode {
                self.second_name(folder.as_fd(), &name, entry)?;
                self.entries.remove(&inode);
            }
        }
        Ok(())
    }

    fn replaced(&mut self) -> nix::Result<BorrowedFd<'_>> {
        if self.replaced.is_none() {
            mkdirat(&self.layer, REPLACED, Mode::S_IRWXU)?;
            self.replaced = Some(openat(&self.layer, REPLACED, FOLDER, Mode::empty())?);
        }
        Ok(self.replaced.as_ref().ok_or(Errno::ENOENT)?.as_fd())
    }
}

const FOLDER: OFlag = OFlag::O_DIRECTORY
    .union(OFlag::O_NOFOLLOW)
    .union(OFlag::O_CLOEXEC);

/// The name of a kept payload.
pub(crate) fn number(entry: u64) -> CString {
    CString::new(entry.to_string()).expect("digits hold no NUL")
}
