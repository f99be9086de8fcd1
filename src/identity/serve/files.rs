//! A file of the container: what it is, whom it belongs to, and the writing down of a new owner.

use std::ffi::{CStr, CString};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use nix::errno::Errno;
use nix::fcntl::{OFlag, open, readlink};
use nix::sys::stat::Mode;
use nix::time::{ClockId, clock_gettime};

use super::ByNumber;
use super::make::own_name;
use super::tracee::Tracee;
use super::worker::{Asked, Worker};
use crate::identity::permission::Seen;
use crate::store::ids::{Ids, What};
use crate::store::owners::Place;
use crate::sys::stat::{EVERYTHING, Statx, statx, statx_here, statx_of};
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
/// may come again and is not remembered, unless the file system tells each change from the one before. In parts, so that
/// threads seldom wait for each other.
#[derive(Default)]
pub(super) struct Cache {
    parts: [Part; 16],
    /// Held by who writes a record until it is remembered, by inode: a file system that hangs then keeps no reader.
    writing: [Mutex<()>; 16],
    /// Devices that were tried: whether a change after a look has a time of its own (multigrain timestamps, Linux 6.13).
    fine: Mutex<ByNumber<Device, bool>>,
}

/// Locked in a line of the CPUs' caches of its own.
#[derive(Default)]
#[repr(align(128))]
struct Part(Mutex<ByNumber<Version, Option<Ids>>>);

type Version = (u32, u32, u64, i64, u32);
/// Major and minor number.
type Device = (u32, u32);

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

    fn part(&self, stat: &Statx) -> MutexGuard<'_, ByNumber<Version, Option<Ids>>> {
        let part = &self.parts[stat.stx_ino as usize % self.parts.len()];
        part.0.lock().expect("no panic while it was held")
    }

    fn get(&self, stat: &Statx) -> Option<Option<Ids>> {
        self.part(stat).get(&Cache::version(stat)).copied()
    }

    /// Whether each change of it has a time of its own; `None` where that was not tried.
    fn is_fine(&self, stat: &Statx) -> Option<bool> {
        let fine = self.fine.lock().expect("no panic while it was held");
        fine.get(&(stat.stx_dev_major, stat.stx_dev_minor)).copied()
    }

    /// Tries whether it has, by writing the same record in two ways, again and again.
    fn try_fine(
        &self,
        file: &File,
        ids: Ids,
        write: impl Fn(Option<&[u8]>) -> Result<(), Errno>,
    ) -> bool {
        /// All within one step of a clock: none at all if each has to be seen by itself.
        const TIMES: usize = 8;
        /// Less than a step for each.
        const STEP: Duration = Duration::from_millis(4);
        let begun = Instant::now();
        let plain = Place::Text.write(&ids);
        let other = [b"0", plain.as_slice()].concat();
        let changed = |n| {
            // an equal value would change nothing; the last one is the usual one
            write(Some([other.as_slice(), &plain][n % 2])).ok()?;
            let at = file.now().ok()?.stx_ctime;
            Some((at.tv_sec, at.tv_nsec))
        };
        let times: Option<Vec<_>> = (0..TIMES).map(changed).collect();
        let is_fine =
            begun.elapsed() < STEP && times.is_some_and(|times| times.is_sorted_by(|a, b| a < b));
        let device = (file.stat.stx_dev_major, file.stat.stx_dev_minor);
        let mut fine = self.fine.lock().expect("no panic while it was held");
        fine.insert(device, is_fine);
        is_fine
    }

    /// Has a record written or, where it is `None`, removed, and remembers it where that can be.
    fn written(
        &self,
        file: &File,
        ids: Option<Ids>,
        write: impl Fn(Option<&[u8]>) -> Result<(), Errno>,
    ) -> Result<(), Errno> {
        let place = file.place();
        let writing = &self.writing[file.stat.stx_ino as usize % self.writing.len()];
        // what another thread writes to the same file comes before or after both
        let _alone = writing.lock().expect("no panic while it was held");
        write(ids.map(|ids| place.write(&ids)).as_deref())?;
        let is_fine = match (self.is_fine(&file.stat), ids) {
            (None, Some(ids)) if place == Place::Text => self.try_fine(file, ids, write),
            (known, _) => known == Some(true),
        };
        if is_fine && let Ok(now) = file.now() {
            Cache::add(&mut self.part(&now), &now, ids);
        }
        Ok(())
    }

    fn add(part: &mut ByNumber<Version, Option<Ids>>, stat: &Statx, ids: Option<Ids>) {
        // one without a name goes with its last descriptor, which changes no time, and its inode is the next file's at once
        if stat.stx_nlink == 0 {
            return;
        }
        if part.len() >= MOST_KNOWN {
            part.clear();
        }
        part.insert(Cache::version(stat), ids);
    }

    /// Whether its change was long enough ago that another one would have another time.
    fn is_settled(stat: &Statx) -> bool {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let at = &stat.stx_ctime;
        let changed = at.tv_sec.saturating_mul(1_000_000_000) + i64::from(at.tv_nsec);
        now.as_nanos() as i64 - changed >= SETTLED
    }

    fn put(&self, stat: &Statx, ids: Option<Ids>) {
        if Cache::is_settled(stat) || self.is_fine(stat) == Some(true) {
            Cache::add(&mut self.part(stat), stat, ids);
        }
    }

    /// Gives memory back that a walk through many files took.
    pub(super) fn shrink(&self) {
        const FEW: usize = MOST_KNOWN / 16;
        for part in &self.parts {
            let mut part = part.0.lock().expect("no panic while it was held");
            if part.len() > FEW {
                *part = ByNumber::default();
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

    /// What it is by now.
    fn now(&self) -> Result<Statx, Errno> {
        statx_of(&self.fd)
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
        let stat = statx_of(&fd)?;
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
            match self.write_inode(file, ids) {
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
        if file.now().is_ok_and(|now| now.stx_nlink == 0) {
            outlive(&file.stat);
        }
        Ok(())
    }

    fn write_inode(&self, file: &File, ids: Ids) -> Result<(), Errno> {
        let attribute = file.place().attribute().ok_or(Errno::EOPNOTSUPP)?;
        let descriptors = self.shared.descriptors.as_fd();
        // a layer's word would count again
        let is_needed = !ids.is_plain() || !self.shared.of_layers.is_empty();
        let ids = is_needed.then_some(ids);
        (self.shared.cache).written(file, ids, |value| match value {
            None => xattr::remove_by_path(&file.own_name(), attribute),
            Some(value) => match xattr::set_of(descriptors, file.fd.as_fd(), attribute, value) {
                Err(Errno::ENOSYS) => xattr::set_by_path(&file.own_name(), attribute, value),
                done => done,
            },
        })
    }
}

/// Waits until a new file cannot be born when this one was: its inode is the next one's as soon as it is closed, and what is known
/// beside by number and birth would be the next one's too.
fn outlive(stat: &Statx) {
    /// Steps of the kernel's clock are up to 10 ms; one that is set back is not waited for.
    const LONGEST: usize = 20;
    let birth = (stat.stx_btime.tv_sec, i64::from(stat.stx_btime.tv_nsec));
    let is_past = || {
        clock_gettime(ClockId::CLOCK_REALTIME_COARSE)
            .is_ok_and(|now| (now.tv_sec(), now.tv_nsec()) > birth)
    };
    for _ in 0..LONGEST {
        if is_past() {
            return;
        }
        std::thread::sleep(Duration::from_millis(1));
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::ids::NAME;

    fn opened(path: &CStr) -> File {
        let fd = open(path, OFlag::O_PATH | OFlag::O_CLOEXEC, Mode::empty()).unwrap();
        let stat = statx_of(&fd).unwrap();
        File {
            fd,
            stat,
            ids: None,
        }
    }

    #[test]
    fn a_record_written_in_another_way_says_the_same() {
        for text in ["33:33", "0:42:f:0", "0:0:c:1:3"] {
            let ids = Place::Text.read(text.as_bytes());
            assert!(ids.is_some());
            assert_eq!(
                Place::Text.read(format!("0{text}").as_bytes()),
                ids,
                "{text}"
            );
        }
    }

    #[test]
    fn what_two_threads_write_is_remembered_as_it_is() {
        const TIMES: u64 = 300;
        let name = format!("coracle-files-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::write(&path, b"").unwrap();
        let path = CString::new(path.into_os_string().into_encoded_bytes()).unwrap();
        let cache = Cache::default();
        let ids = |uid| Ids {
            uid,
            gid: uid,
            what: What::Same,
        };
        let write = |uid, value: Option<&[u8]>| {
            match value {
                Some(value) => xattr::set_by_path(&path, NAME, value)?,
                None => xattr::remove_by_path(&path, NAME)?,
            }
            // the other one has time to come between
            std::thread::sleep(Duration::from_micros(uid % 3 * 40));
            Ok(())
        };
        let mut remembered = 0;
        for time in 0..TIMES {
            std::thread::scope(|scope| {
                for (nth, uid) in [2 * time + 1, 2 * time + 2].into_iter().enumerate() {
                    let (cache, file, write) = (&cache, opened(&path), &write);
                    scope.spawn(move || {
                        // each third one gives it back to root
                        let ids = (nth == 0 || time % 3 > 0).then(|| ids(uid));
                        cache
                            .written(&file, ids, |value| write(uid, value))
                            .unwrap();
                    });
                }
            });
            let known = cache.get(&opened(&path).stat);
            let mut buffer = [0; 64];
            let truth = xattr::get_by_path(&path, NAME, &mut buffer).unwrap();
            let truth = truth.and_then(|value| Place::Text.read(value));
            remembered += u64::from(known.is_some());
            assert!(
                known.is_none_or(|known| known == truth),
                "{known:?} {truth:?}"
            );
        }
        let is_fine = cache.is_fine(&opened(&path).stat) == Some(true);
        nix::unistd::unlink(path.as_c_str()).unwrap();
        assert_eq!(remembered, if is_fine { TIMES } else { 0 });
    }
}
