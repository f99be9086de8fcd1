//! A file of the container: what it is, whom it belongs to, and the writing down of a new owner.

use std::collections::HashMap;
use std::ffi::{CStr, CString};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Mutex, MutexGuard};
use std::time::{SystemTime, UNIX_EPOCH};

use nix::errno::Errno;
use nix::fcntl::{OFlag, open, readlink};
use nix::sys::stat::Mode;

use super::make::own_name;
use super::tracee::Tracee;
use super::worker::{Asked, Worker};
use crate::identity::permission::Seen;
use crate::store::ids::{Ids, What};
use crate::store::owners::Place;
use crate::sys::stat::{EVERYTHING, Statx, statx, statx_here};
use crate::sys::xattr;

/// What the kernel shows of files that are not the user's.
const NOBODY: u32 = 65534;

/// An opened file (O_PATH): what is asked and done about it is about this very one.
pub(super) struct File {
    pub(super) fd: OwnedFd,
    pub(super) stat: Statx,
    pub(super) ids: Option<Ids>,
}

/// Whether a last link is followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Last {
    Follow,
    Itself,
}

/// What is known of files: (device, inode, change time) -> record. A change of owner changes the time; a time of just now
/// may come again and is not remembered. In parts, so that threads seldom wait for each other.
#[derive(Default)]
pub(super) struct Cache {
    parts: [Part; 16],
}

/// Locked in a line of the CPUs' caches of its own.
#[derive(Default)]
#[repr(align(128))]
struct Part(Mutex<HashMap<Version, Option<Ids>>>);

type Version = (u32, u32, u64, i64, u32);

/// Of each part: a tree of 60,000 files in all, 5 MiB.
const MOST_KNOWN: usize = 1 << 12;
/// Longer than the kernel's clock of times stands still (10 ms at 100 Hz).
const SETTLED: i64 = 50_000_000;

impl Cache {
    fn version(stat: &Statx) -> Version {
        let at = &stat.stx_ctime;
        (
            stat.stx_dev_major,
            stat.stx_dev_minor,
            stat.stx_ino,
            at.tv_sec,
            at.tv_nsec,
        )
    }

    fn part(&self, stat: &Statx) -> MutexGuard<'_, HashMap<Version, Option<Ids>>> {
        let part = &self.parts[stat.stx_ino as usize % self.parts.len()];
        part.0.lock().expect("no panic while it was held")
    }

    fn get(&self, stat: &Statx) -> Option<Option<Ids>> {
        self.part(stat).get(&Cache::version(stat)).copied()
    }

    /// Whether what is known of it now can be remembered.
    fn is_settled(stat: &Statx) -> bool {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let at = &stat.stx_ctime;
        let changed = at.tv_sec.saturating_mul(1_000_000_000) + i64::from(at.tv_nsec);
        now.as_nanos() as i64 - changed >= SETTLED
    }

    fn put(&self, stat: &Statx, ids: Option<Ids>) {
        if !Cache::is_settled(stat) {
            return;
        }
        let mut part = self.part(stat);
        if part.len() >= MOST_KNOWN {
            part.clear();
        }
        part.insert(Cache::version(stat), ids);
    }

    /// Gives memory back that a walk through many files took.
    pub(super) fn shrink(&self) {
        const FEW: usize = MOST_KNOWN / 16;
        for part in &self.parts {
            let mut part = part.0.lock().expect("no panic while it was held");
            if part.len() > FEW {
                *part = HashMap::new();
            }
        }
    }
}

impl File {
    /// As programs see it.
    pub(super) fn seen(&self) -> Seen {
        seen(&self.stat, self.ids)
    }

    pub(super) fn place(&self) -> Place {
        Place::of(self.stat.stx_mode.into())
    }

    /// The file's name in our own folder of the host's /proc, from an asker's folder.
    pub(super) fn own_name(&self) -> CString {
        own_name(&self.fd)
    }

    pub(super) fn is_folder(&self) -> bool {
        u32::from(self.stat.stx_mode) & libc::S_IFMT == libc::S_IFDIR
    }

    fn is_foreign(&self) -> bool {
        is_foreign(&self.stat)
    }
}

/// Whether a file is not the user's.
pub(super) fn is_foreign(stat: &Statx) -> bool {
    stat.stx_uid == NOBODY
}

/// Owner, group and mode of a file with this record.
pub(super) fn seen(stat: &Statx, ids: Option<Ids>) -> Seen {
    let ids = ids.unwrap_or(Ids {
        uid: stat.stx_uid.into(),
        gid: stat.stx_gid.into(),
        what: What::Same,
    });
    Seen {
        uid: ids.uid as u32,
        gid: ids.gid as u32,
        mode: ids.mode(stat.stx_mode.into()),
    }
}

impl Worker {
    /// Opens a file and finds its record.
    pub(super) fn file(&mut self, name: &CStr, last: Last) -> Result<File, Errno> {
        let mut flags = OFlag::O_PATH | OFlag::O_CLOEXEC;
        if last == Last::Itself {
            flags |= OFlag::O_NOFOLLOW;
        }
        let fd = open(name, flags, Mode::empty()).map_err(|e| why(name, e))?;
        self.opened(fd)
    }

    /// The same of one that is open already.
    pub(super) fn opened(&mut self, fd: OwnedFd) -> Result<File, Errno> {
        let stat = statx(fd.as_fd(), c"", libc::AT_EMPTY_PATH, EVERYTHING)?;
        let mut file = File {
            fd,
            stat,
            ids: None,
        };
        file.ids = match self.shared.cache.get(&file.stat) {
            Some(known) => known,
            None => {
                let found = self.in_file(&file)?;
                self.shared.cache.put(&file.stat, found);
                found
            }
        };
        file.ids = self.beside(&file.stat, file.ids, || {
            readlink(file.own_name().as_c_str()).ok()
        });
        Ok(file)
    }

    /// What the inode of an open file says.
    fn in_file(&self, file: &File) -> Result<Option<Ids>, Errno> {
        let place = file.place();
        let Some(attribute) = place.attribute() else {
            return Ok(None);
        };
        let (descriptors, mut value) = (self.shared.descriptors.as_fd(), [0; 64]);
        match xattr::get_of(descriptors, file.fd.as_fd(), attribute, &mut value) {
            Ok(value) => Ok(value.and_then(|value| place.read(value))),
            Err(Errno::ENOSYS) => in_inode(place, &file.own_name()),
            Err(e) => Err(e),
        }
    }

    /// What a file shows and its record, without opening it where it is known.
    pub(super) fn look(&mut self, name: &CStr, flags: i32) -> Result<(Statx, Option<Ids>), Errno> {
        let stat = statx_here(name, flags & !libc::AT_EMPTY_PATH, EVERYTHING)?;
        self.find(stat, name, flags)
    }

    /// The same by an asker's folder, which becomes our working folder only where the file is not known: where several ask in
    /// turn that is a call less for each.
    pub(super) fn look_from(
        &mut self,
        asked: &Asked<'_>,
        tracee: &Tracee,
        name: &CStr,
        last: Last,
    ) -> Result<(Statx, Option<Ids>), Errno> {
        let flags = match last {
            Last::Follow => libc::AT_NO_AUTOMOUNT,
            Last::Itself => libc::AT_NO_AUTOMOUNT | libc::AT_SYMLINK_NOFOLLOW,
        };
        let stat = statx(tracee.folder.as_fd(), name, flags, EVERYTHING)?;
        match self.known(&stat) {
            Some(known) => Ok((stat, self.beside(&stat, known, || None))),
            None => {
                self.stand_for(asked, name)?;
                self.find(stat, name, flags)
            }
        }
    }

    /// What is known of a file; `None` where it has to be looked at.
    fn known(&self, stat: &Statx) -> Option<Option<Ids>> {
        if Place::of(stat.stx_mode.into()) == Place::Nowhere {
            return Some(None);
        }
        // a path is only needed for records of layers, which are asked for by the opened file
        let has_no_path = self.shared.of_layers.is_empty();
        (self.shared.cache.get(stat)).filter(|known| known.is_some() || has_no_path)
    }

    fn find(
        &mut self,
        stat: Statx,
        name: &CStr,
        flags: i32,
    ) -> Result<(Statx, Option<Ids>), Errno> {
        let place = Place::of(stat.stx_mode.into());
        match self.known(&stat) {
            Some(known) => Ok((stat, self.beside(&stat, known, || None))),
            // what a program is at just now: by its name, since nothing of it will be remembered
            None if self.shared.of_layers.is_empty()
                && place == Place::Text
                && !Cache::is_settled(&stat) =>
            {
                let ids = self.beside(&stat, in_inode(place, name)?, || None);
                Ok((stat, ids))
            }
            None => {
                let last = match flags & libc::AT_SYMLINK_NOFOLLOW {
                    0 => Last::Follow,
                    _ => Last::Itself,
                };
                let file = self.file(name, last)?;
                Ok((file.stat, file.ids))
            }
        }
    }

    /// A record that is not in the inode, `ids` when there is none.
    fn beside(
        &self,
        stat: &Statx,
        ids: Option<Ids>,
        path: impl FnOnce() -> Option<std::ffi::OsString>,
    ) -> Option<Ids> {
        if ids.is_some() {
            return ids;
        }
        let shared = self.shared;
        if let Some(ids) = shared.recorded_beside(&shared.key(stat)) {
            return Some(ids);
        }
        if !shared.ours.contains(&stat.stx_mnt_id) {
            // the host's devices and /sys are its root's
            let is_device = Place::of(stat.stx_mode.into()) == Place::Nowhere;
            let device = (stat.stx_dev_major, stat.stx_dev_minor);
            if is_foreign(stat) && (is_device || shared.sys == Some(device)) {
                return Some(Ids {
                    gid: Some(stat.stx_gid)
                        .filter(|gid| *gid != NOBODY)
                        .unwrap_or(0)
                        .into(),
                    ..Ids::default()
                });
            }
            // the user's own trees are whose the container is, as natively
            return (stat.stx_uid == 0 && !shared.first.is_plain()).then_some(shared.first);
        }
        if shared.of_layers.is_empty() {
            return None;
        }
        let path = path()?;
        let path = std::os::unix::ffi::OsStrExt::as_bytes(path.as_os_str());
        shared
            .of_layers
            .get(path.strip_prefix(b"/").unwrap_or(path))
            .copied()
    }

    /// Writes a file's new owner down; type and mode that are recorded stay.
    pub(super) fn record(&mut self, file: &mut File, uid: u32, gid: u32) -> Result<(), Errno> {
        let what = file.ids.map_or(What::Same, |ids| ids.what);
        let ids = Ids {
            uid: uid.into(),
            gid: gid.into(),
            what,
        };
        self.record_all(file, ids)
    }

    /// Writes a file's whole record.
    pub(super) fn record_all(&mut self, file: &mut File, ids: Ids) -> Result<(), Errno> {
        file.ids = Some(ids);
        let key = self.shared.key(&file.stat);
        if file.is_foreign() {
            self.shared.record_beside(key, ids, true);
            return Ok(());
        }
        if self.shared.ours.contains(&file.stat.stx_mnt_id) {
            match self.write_inode(file, &ids) {
                Ok(()) => return Ok(()),
                Err(
                    Errno::EOPNOTSUPP | Errno::EPERM | Errno::ENOSPC | Errno::EDQUOT | Errno::E2BIG,
                ) => {}
                Err(e) => return Err(e),
            }
        } else if is_read_only(file) {
            return Err(Errno::EROFS);
        }
        self.shared.record_beside(key, ids, false);
        Ok(())
    }

    fn write_inode(&self, file: &File, ids: &Ids) -> Result<(), Errno> {
        let place = file.place();
        let attribute = place.attribute().ok_or(Errno::EOPNOTSUPP)?;
        // a layer's word would count again
        if ids.is_plain() && self.shared.of_layers.is_empty() {
            return xattr::remove_by_path(&file.own_name(), attribute);
        }
        let (descriptors, value) = (self.shared.descriptors.as_fd(), place.write(ids));
        match xattr::set_of(descriptors, file.fd.as_fd(), attribute, &value) {
            Err(Errno::ENOSYS) => xattr::set_by_path(&file.own_name(), attribute, &value),
            done => done,
        }
    }
}

/// A descriptor that the asker does not have is no missing file.
fn why(name: &CStr, errno: Errno) -> Errno {
    let Some(rest) = name.to_bytes().strip_prefix(b"fd/") else {
        return errno;
    };
    let number = rest.split(|b| *b == b'/').next().unwrap_or(rest);
    let link = CString::new([b"fd/", number].concat()).expect("a part of a C string");
    match statx_here(&link, libc::AT_SYMLINK_NOFOLLOW, 0) {
        Err(Errno::ENOENT) if errno == Errno::ENOENT => Errno::EBADF,
        _ => errno,
    }
}

/// What an inode says; a last link of `name` is followed.
fn in_inode(place: Place, name: &CStr) -> Result<Option<Ids>, Errno> {
    let Some(attribute) = place.attribute() else {
        return Ok(None);
    };
    let mut value = [0; 64];
    let value = xattr::get_by_path(name, attribute, &mut value)?;
    Ok(value.and_then(|value| place.read(value)))
}

fn is_read_only(file: &File) -> bool {
    nix::sys::statvfs::fstatvfs(&file.fd)
        .is_ok_and(|fs| fs.flags().contains(nix::sys::statvfs::FsFlags::ST_RDONLY))
}
