//! What is known of files and is in no inode: the container's file `owners`, and what is said of files that are not the
//! user's at all. Both files of the container's folder are made when there is something to say.

use std::collections::HashMap;
use std::ffi::CString;
use std::fs::File;
use std::io::Write;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::atomic::Ordering;

use nix::errno::Errno;
use nix::fcntl::{OFlag, openat};
use nix::sys::stat::Mode;

use super::{Given, Shared};
use crate::store::ids::{self, Ids};
use crate::store::owners::{Key, Place, Sidecar};
use crate::sys::stat::{EVERYTHING, Statx, statx_here};
use crate::sys::{self, xattr};

/// A file in the container's folder: some of its files have access control lists that name others.
const ACLS: &str = "acls";

#[derive(Debug, Default)]
pub(super) struct Beside {
    sidecar: Sidecar,
    /// The container's folder on the host.
    folder: Option<OwnedFd>,
    /// The sidecar's file, from the first record on.
    file: Option<File>,
    /// Files that are not the user's at all: what is said about them lives as long as the container.
    foreign: HashMap<(u64, u64), Ids>,
    /// A record could not be written down.
    is_unsaved: bool,
    /// Whether the file of [`ACLS`] was there.
    pub(super) has_acls: bool,
}

impl Beside {
    /// Reads what there is, while the host's paths are still to be seen.
    pub(super) fn read(sidecar: &Path) -> Beside {
        let folder = sidecar.parent().and_then(|folder| {
            let path = CString::new(folder.as_os_str().as_encoded_bytes()).ok()?;
            sys::fd::open(&path, libc::O_PATH | libc::O_DIRECTORY).ok()
        });
        Beside {
            sidecar: Sidecar::parse(&std::fs::read(sidecar).unwrap_or_default()),
            has_acls: sidecar.with_file_name(ACLS).exists(),
            folder,
            ..Beside::default()
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.sidecar.is_empty() && self.foreign.is_empty()
    }

    /// Whether all of it is on the disk.
    pub(super) fn is_saved(&self) -> bool {
        self.foreign.is_empty() && !self.is_unsaved
    }

    fn get(&self, key: &Key) -> Option<Ids> {
        let foreign = || self.foreign.get(&(key.dev, key.ino)).copied();
        self.sidecar.get(key).or_else(foreign)
    }

    fn set(&mut self, key: Key, ids: Ids) {
        self.sidecar.set(key, ids);
        if self.file.is_none() {
            self.file = self.open(Sidecar::NAME).ok();
        }
        let line = Sidecar::line(&key, &ids);
        let written = (self.file.as_mut()).is_some_and(|f| f.write_all(line.as_bytes()).is_ok());
        // in memory it counts anyhow
        self.is_unsaved |= !written;
    }

    /// Opens a file of the container's folder to append to it.
    fn open(&self, name: &str) -> Result<File, Errno> {
        let folder = self.folder.as_ref().ok_or(Errno::ENOENT)?;
        let flags = OFlag::O_WRONLY | OFlag::O_APPEND | OFlag::O_CREAT | OFlag::O_CLOEXEC;
        openat(folder, name, flags, Mode::from_bits_truncate(0o600)).map(File::from)
    }
}

impl Shared {
    /// By what a file is known in the container's file `owners`.
    pub(super) fn key(&self, stat: &Statx) -> Key {
        let key = Key::of(stat);
        match self.root_device == Some((stat.stx_dev_major, stat.stx_dev_minor)) {
            true => key.within(),
            false => key,
        }
    }

    /// The record of a file that is in no inode.
    pub(super) fn recorded_beside(&self, key: &Key) -> Option<Ids> {
        if !self.has_beside.load(Ordering::Acquire) {
            return None;
        }
        self.beside
            .lock()
            .expect("no panic while it was held")
            .get(key)
    }

    /// Records a file's owner beside it; `is_foreign`: for as long as the container runs.
    pub(super) fn record_beside(&self, key: Key, ids: Ids, is_foreign: bool) {
        let mut beside = self.beside.lock().expect("no panic while it was held");
        if is_foreign {
            beside.foreign.insert((key.dev, key.ino), ids);
        } else {
            beside.set(key, ids);
        }
        self.has_beside.store(true, Ordering::Release);
    }

    /// Records whom a mounted folder belongs to, in its inode where it can be (a tmpfs: Linux 6.6).
    pub(super) fn hand_over(&self, given: &Given) {
        let Ok(stat) = statx_here(&given.at, 0, EVERYTHING) else {
            return; // the image has no such place, and the start failed
        };
        let ids = Ids {
            uid: given.uid.into(),
            gid: given.gid.into(),
            ..Ids::default()
        };
        let value = Place::Text.write(&ids);
        if xattr::set_by_path(&given.at, ids::NAME, &value).is_err() {
            self.record_beside(self.key(&stat), ids, false);
        }
    }

    /// From now on files are asked for lists.
    pub(super) fn note_acls(&self) -> Result<(), Errno> {
        if !self.has_acls.load(Ordering::Acquire) {
            let beside = self.beside.lock().expect("no panic while it was held");
            beside.open(ACLS)?;
            self.has_acls.store(true, Ordering::Release);
        }
        Ok(())
    }
}
