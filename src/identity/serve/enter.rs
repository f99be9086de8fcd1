//! Whether another than root may open, make, move and remove what it names: by recorded owner and mode, for the file and
//! the folders on the way to it.
//!
//! What is allowed the kernel does, and it reads the path again: a program that changes it meanwhile gets what its real
//! user may. This keeps programs honest with each other, it does not part them.

use std::ffi::{CStr, CString};
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::readlink;

use super::files::{File, Last, seen};
use super::make::{bare, below, last, parent};
use super::proc::{self, Whose};
use super::search::{Found, Way, kind};
use super::worker::{Asked, CONTINUE, Outcome, Worker};
use crate::identity::calls::Call;
use crate::identity::credentials::{Credentials, cap};
use crate::identity::permission::{self, Seen};
use crate::store::ids::Ids;
use crate::store::owners::{Key, Place};
use crate::sys::seccomp::Arch;
use crate::sys::stat::{EVERYTHING, Statx, statx_here};

pub(super) const READ: u32 = 4;
pub(super) const WRITE: u32 = 2;
pub(super) const SEARCH: u32 = 1;
/// Where it is no folder the kernel says so before it asks who may.
const FOLDER: u32 = 8;
/// The same where it is one.
const NO_FOLDER: u32 = 16;
/// Only its owner may.
const OWNER: u32 = 32;

/// What takes a name away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Gone {
    /// unlink(2).
    Unlinked,
    /// rmdir(2).
    Removed,
}

/// A name that is to be made, below its folder, which is held open: what is judged is where it is made, whatever another
/// thread puts on the way meanwhile.
pub(super) struct Spot {
    pub(super) folder: File,
    /// Ours.
    pub(super) name: CString,
}

impl Spot {
    fn new(folder: File, name: &CStr) -> Spot {
        let name = below(&folder.own_name(), last(name));
        Spot { folder, name }
    }
}

/// What a call does to a file's times.
enum Times {
    Kept,
    Present,
    Given,
}

impl Worker {
    /// Answers calls that remove, move, cut and enter.
    pub(super) fn enter(&mut self, asked: &Asked<'_>) -> Outcome {
        let who = self.credentials(asked)?;
        if who.has(cap::DAC_OVERRIDE) {
            return CONTINUE;
        }
        let (a, here) = (asked.args, libc::AT_FDCWD);
        match asked.call {
            Call::Unlink => self.may_remove(asked, &who, (here, a[0]), Gone::Unlinked),
            Call::Rmdir => self.may_remove(asked, &who, (here, a[0]), Gone::Removed),
            Call::Unlinkat => {
                let gone = match asked.int(2) & libc::AT_REMOVEDIR {
                    0 => Gone::Unlinked,
                    _ => Gone::Removed,
                };
                self.may_remove(asked, &who, (asked.int(0), a[1]), gone)
            }
            Call::Rename => self.may_rename(asked, &who, (here, a[0]), (here, a[1])),
            Call::Renameat => {
                let (from, to) = ((asked.int(0), a[1]), (asked.int(2), a[3]));
                self.may_rename(asked, &who, from, to)
            }
            Call::Link => self.may_link(asked, &who, ((here, a[0]), 0), (here, a[1])),
            Call::Linkat => {
                let (from, to) = ((asked.int(0), a[1]), (asked.int(2), a[3]));
                self.may_link(asked, &who, (from, asked.int(4)), to)
            }
            Call::Chdir => {
                let what = (Last::Follow, false);
                self.may_enter(asked, &who, (here, a[0]), what, SEARCH | FOLDER)
            }
            _ => self.may_cut(asked, &who, (here, a[0])),
        }
    }

    /// truncate(2): that it is no plain file is found before it is asked who may.
    fn may_cut(
        &mut self,
        asked: &Asked<'_>,
        who: &Credentials,
        (dirfd, path): (i32, u64),
    ) -> Outcome {
        let Ok(name) = self.name(asked, dirfd, path, false) else {
            return CONTINUE;
        };
        match self.look(&name, 0) {
            Ok((stat, _)) if kind(&stat) != libc::S_IFREG => {
                self.may_walk(who, &name, Last::Follow)?;
                CONTINUE
            }
            _ => self.may_open_read(asked, who, dirfd, libc::O_WRONLY),
        }
    }

    /// Both ways are gone before anybody looks at what is there (do_renameat2).
    fn may_rename(
        &mut self,
        asked: &Asked<'_>,
        who: &Credentials,
        from: (i32, u64),
        to: (i32, u64),
    ) -> Outcome {
        let Ok(name) = self.name(asked, from.0, from.1, false) else {
            return CONTINUE;
        };
        let (is_asked, folder) = self.may_come(who, &name)?;
        let Ok(new) = self.name(asked, to.0, to.1, false) else {
            return CONTINUE;
        };
        if is_asked && folder.is_none() {
            return CONTINUE; // there is no such way
        }
        let (is_asked, new_folder) = self.may_come(who, &new)?;
        if is_asked && new_folder.is_none() {
            return CONTINUE;
        }
        let Ok(file) = self.look(&bare(&name), libc::AT_SYMLINK_NOFOLLOW) else {
            return CONTINUE;
        };
        let is_folder = kind(&file.0) == libc::S_IFDIR;
        let refused = |name: &CStr| is_fixed(name) || !is_folder && name.to_bytes().ends_with(b"/");
        if !refused(&name) && !refused(&new) {
            let replaced = self.look(&bare(&new), libc::AT_SYMLINK_NOFOLLOW).ok();
            if replaced.is_some_and(|replaced| Key::of(&replaced.0) == Key::of(&file.0)) {
                return CONTINUE; // nothing happens
            }
            // what takes the place of no folder the kernel refuses before
            let is_moved = is_folder
                && replaced.is_none_or(|replaced| kind(&replaced.0) == libc::S_IFDIR)
                && (folder.zip(new_folder)).is_some_and(|(a, b)| Key::of(&a.0) != Key::of(&b.0));
            let mut judged = self.may_take(who, &name, folder, Some(file));
            if judged.is_ok() {
                judged = self.may_take(who, &new, new_folder, replaced);
            }
            // a folder's `..` is written
            if judged.is_ok() && is_moved {
                judged = self.judged(who, &bare(&name), (&file.0, file.1), WRITE);
            }
            // that one lies below the other is found first
            if judged.is_err() && !self.is_below(&new, &name) && !self.is_below(&name, &new) {
                return judged;
            }
        }
        CONTINUE
    }

    /// Whether a name is one in or below the folder `above`.
    fn is_below(&mut self, name: &CStr, above: &CStr) -> bool {
        let mut path_of = |name: &CStr, last| {
            let file = self.file(name, last).ok().filter(File::is_folder)?;
            readlink(file.own_name().as_c_str()).ok()
        };
        let folder = path_of(&parent(name), Last::Follow);
        let above = path_of(&bare(above), Last::Itself);
        (folder.zip(above)).is_some_and(|(folder, above)| Path::new(&folder).starts_with(above))
    }

    /// EACCES where a file may not be opened so; what is not there is the kernel's to say.
    pub(super) fn may_open(
        &mut self,
        asked: &Asked<'_>,
        who: &Credentials,
        (dirfd, path): (i32, u64),
        flags: i32,
    ) -> Outcome {
        if who.has(cap::DAC_OVERRIDE) || self.read_path(asked, path).is_err() {
            return CONTINUE;
        }
        self.may_open_read(asked, who, dirfd, flags)
    }

    /// The same of the path in `self.path`.
    pub(super) fn may_open_read(
        &mut self,
        asked: &Asked<'_>,
        who: &Credentials,
        dirfd: i32,
        flags: i32,
    ) -> Outcome {
        let last = match flags & libc::O_NOFOLLOW {
            0 => Last::Follow,
            _ => Last::Itself,
        };
        let wanted = match flags & libc::O_PATH {
            0 => wanted(flags),
            _ => 0,
        };
        self.may_enter_read(asked, who, dirfd, (last, false), wanted)
    }

    /// EACCES where what a path names may not be reached and used so.
    pub(super) fn may_enter(
        &mut self,
        asked: &Asked<'_>,
        who: &Credentials,
        (dirfd, path): (i32, u64),
        (last, may_be_empty): (Last, bool),
        wanted: u32,
    ) -> Outcome {
        if who.has(cap::DAC_OVERRIDE) || self.read_path(asked, path).is_err() {
            return CONTINUE;
        }
        self.may_enter_read(asked, who, dirfd, (last, may_be_empty), wanted)
    }

    /// The same of the path in `self.path`.
    fn may_enter_read(
        &mut self,
        asked: &Asked<'_>,
        who: &Credentials,
        dirfd: i32,
        (last, may_be_empty): (Last, bool),
        wanted: u32,
    ) -> Outcome {
        if who.has(cap::DAC_OVERRIDE) || self.path.is_empty() && !may_be_empty {
            return CONTINUE;
        }
        let Ok(name) = self.name_of(asked, dirfd) else {
            return CONTINUE;
        };
        match proc::parse(&self.path) {
            Some(below) if below.leads_on(&self.path, last) => {
                self.may_lead_on(asked, who, &below)?;
            }
            Some(below) => return self.may_use_process(asked, who, &name, below.whose, wanted),
            None if self.path.starts_with(b"/proc/") || self.path.starts_with(b"/sys/") => {
                return CONTINUE;
            }
            None => {}
        }
        if wanted == 0 {
            self.may_walk(who, &name, last)?;
            return CONTINUE;
        }
        match self.walk(who, &name, last)? {
            Some((stat, ids)) => self.judged(who, &name, (&stat, ids), wanted),
            None => CONTINUE,
        }
    }

    /// The same of what is in a process's folder.
    fn may_use_process(
        &mut self,
        asked: &Asked<'_>,
        who: &Credentials,
        name: &CStr,
        whose: Whose,
        wanted: u32,
    ) -> Outcome {
        let owner = match whose {
            Whose::Asker => None,
            Whose::Process(_) => self.owner_of(asked, whose),
        };
        let (Some(owner), Ok(stat)) = (owner, statx_here(name, 0, EVERYTHING)) else {
            return CONTINUE;
        };
        let seen = Seen {
            uid: owner.user.effective,
            gid: owner.group.effective,
            mode: stat.stx_mode.into(),
        };
        match permission::access(&seen, wanted, who.user.fs, |gid| who.is_in(gid), false) {
            true => CONTINUE,
            false => Err(Errno::EACCES),
        }
    }

    /// EACCES where a file may not be reached and used so.
    pub(super) fn may_use(
        &mut self,
        who: &Credentials,
        file: &File,
        way: Way<'_>,
        wanted: u32,
    ) -> Outcome {
        if who.has(cap::DAC_OVERRIDE) {
            return CONTINUE;
        }
        self.may_reach(who, file, way)?;
        self.judged(who, &file.own_name(), (&file.stat, file.ids), wanted)
    }

    /// The same of one that was reached. `name` is followed.
    pub(super) fn judged(
        &mut self,
        who: &Credentials,
        name: &CStr,
        (stat, ids): (&Statx, Option<Ids>),
        wanted: u32,
    ) -> Outcome {
        let wrong = match kind(stat) {
            libc::S_IFLNK => return CONTINUE, // to all of them everybody may do everything
            libc::S_IFDIR => NO_FOLDER,
            _ => FOLDER,
        };
        if self.is_judged(stat, ids) && wanted & wrong == 0 {
            let seen = seen(stat, ids);
            self.allowed(who, name, &seen, wanted)?;
            if wanted & OWNER != 0 && !permission::is_owner(who, &seen) {
                return Err(Errno::EPERM);
            }
        }
        CONTINUE
    }

    /// Whether a file may get one more name: another's only if one may write it (fs.protected_hardlinks, may_linkat).
    fn may_link(
        &mut self,
        asked: &Asked<'_>,
        who: &Credentials,
        ((dirfd, path), flags): ((i32, u64), i32),
        to: (i32, u64),
    ) -> Outcome {
        let last = match flags & libc::AT_SYMLINK_FOLLOW {
            0 => Last::Itself,
            _ => Last::Follow,
        };
        let may_be_empty = flags & libc::AT_EMPTY_PATH != 0;
        let name = self.name(asked, dirfd, path, may_be_empty);
        let source = match name {
            Ok(name) => {
                self.may_walk(who, &name, last)?;
                self.file(&name, last).ok()
            }
            Err(_) => None,
        };
        let Some(file) = source else {
            return CONTINUE;
        };
        let Ok(to) = self.name(asked, to.0, to.1, false) else {
            return CONTINUE;
        };
        // that there is one, whom the file is, where it goes: in the kernel's order
        let Some(spot) = self.spot(who, &to)? else {
            return CONTINUE;
        };
        let is_folder = to.to_bytes().ends_with(b"/");
        if is_folder || self.look(&spot.name, libc::AT_SYMLINK_NOFOLLOW).is_ok() {
            return CONTINUE;
        }
        if self.is_judged(&file.stat, file.ids) {
            let seen = file.seen();
            let is_safe = permission::is_safe_to_link(&seen)
                && (self.allowed(who, &file.own_name(), &seen, READ | WRITE)).is_ok();
            if !is_safe && !permission::is_owner(who, &seen) {
                return Err(Errno::EPERM);
            }
        }
        self.may_change_in(who, &spot.folder)?;
        CONTINUE
    }

    /// The utime family: only its owner gives a file any time, who may write gives it the present one.
    pub(super) fn touch(&mut self, asked: &Asked<'_>) -> Outcome {
        let who = self.credentials(asked)?;
        if who.has(cap::FOWNER) {
            return CONTINUE;
        }
        let (a, here) = (asked.args, libc::AT_FDCWD);
        let (dirfd, path, times, flags) = match asked.call {
            Call::Utime => (here, a[0], a[1], 0),
            Call::Futimesat => (asked.int(0), a[1], a[2], 0),
            _ => (asked.int(0), a[1], a[2], asked.int(3)),
        };
        let name = match path {
            0 => self.descriptor(asked, dirfd),
            _ => self.name(asked, dirfd, path, flags & libc::AT_EMPTY_PATH != 0),
        };
        let last = match flags & libc::AT_SYMLINK_NOFOLLOW {
            0 => Last::Follow,
            _ => Last::Itself,
        };
        let Ok(name) = name else {
            return CONTINUE; // the kernel says what is wrong
        };
        self.may_walk(&who, &name, last)?;
        let Ok(file) = self.file(&name, last) else {
            return CONTINUE;
        };
        let seen = file.seen();
        if permission::is_owner(&who, &seen) || !self.is_judged(&file.stat, file.ids) {
            return CONTINUE;
        }
        match self.times(asked, times)? {
            Times::Kept => CONTINUE,
            Times::Present => {
                self.allowed(&who, &file.own_name(), &seen, WRITE)?;
                CONTINUE
            }
            Times::Given => Err(Errno::EPERM),
        }
    }

    fn times(&mut self, asked: &Asked<'_>, at: u64) -> Result<Times, Errno> {
        if at == 0 {
            return Ok(Times::Present);
        }
        let is_narrow = matches!(asked.arch, Arch::I386 | Arch::Arm);
        if asked.call != Call::Utimensat || is_narrow {
            return Ok(Times::Given);
        }
        let mut both = [0; 32];
        self.tracee(asked)?.read(at, &mut both)?;
        let nanoseconds =
            |n: usize| i64::from_ne_bytes(both[n..n + 8].try_into().expect("eight bytes"));
        Ok(match [nanoseconds(8), nanoseconds(24)] {
            [libc::UTIME_OMIT, libc::UTIME_OMIT] => Times::Kept,
            [libc::UTIME_NOW, libc::UTIME_NOW] => Times::Present,
            _ => Times::Given,
        })
    }

    /// Whether names may be made and taken away in a folder that is open; returns it as it is seen.
    pub(super) fn may_change_in(
        &mut self,
        who: &Credentials,
        folder: &File,
    ) -> Result<Option<Seen>, Errno> {
        self.may_change_at(who, &folder.own_name(), (&folder.stat, folder.ids))
    }

    fn may_change_at(
        &mut self,
        who: &Credentials,
        folder: &CStr,
        (stat, ids): (&Statx, Option<Ids>),
    ) -> Result<Option<Seen>, Errno> {
        if who.has(cap::DAC_OVERRIDE) || !self.is_judged(stat, ids) {
            return Ok(None);
        }
        let seen = seen(stat, ids);
        self.allowed(who, folder, &seen, WRITE | SEARCH)?;
        Ok(Some(seen))
    }

    /// Where a name of ours is to be made; `None` where there is no folder for it, which the kernel says.
    pub(super) fn spot(&mut self, who: &Credentials, name: &CStr) -> Result<Option<Spot>, Errno> {
        self.may_walk(who, name, Last::Itself)?;
        let folder = self.file(&parent(name), Last::Follow).ok();
        Ok(folder
            .filter(File::is_folder)
            .map(|folder| Spot::new(folder, name)))
    }

    /// The same where it may be made. EEXIST where there is one, which is found before it is asked who may.
    pub(super) fn may_add(
        &mut self,
        who: &Credentials,
        name: &CStr,
    ) -> Result<Option<Spot>, Errno> {
        let Some(spot) = self.spot(who, name)? else {
            return Ok(None);
        };
        if self.look(&spot.name, libc::AT_SYMLINK_NOFOLLOW).is_ok() {
            return Err(Errno::EEXIST);
        }
        self.may_change_in(who, &spot.folder)?;
        Ok(Some(spot))
    }

    /// Whether a name may be taken away: in a sticky folder only what is one's own. What is not there, and what nobody may
    /// take away, the kernel finds before it asks who may.
    fn may_remove(
        &mut self,
        asked: &Asked<'_>,
        who: &Credentials,
        (dirfd, path): (i32, u64),
        gone: Gone,
    ) -> Outcome {
        let Ok(name) = self.name(asked, dirfd, path, false) else {
            return CONTINUE;
        };
        let found = match gone {
            Gone::Removed => &bare(&name),
            _ => &name,
        };
        let file = self.look(found, libc::AT_SYMLINK_NOFOLLOW).ok();
        // a name with a slash behind it is a folder's
        let is_folder = gone == Gone::Unlinked && name.to_bytes().ends_with(b"/");
        let (_, folder) = self.may_come(who, &name)?;
        if is_folder || is_fixed(&name) || file.is_none() {
            return CONTINUE;
        }
        self.may_take(who, &name, folder, file)
    }

    /// Whether a name may be taken from its folder, which was come to.
    fn may_take(
        &mut self,
        who: &Credentials,
        name: &CStr,
        folder: Option<Found>,
        file: Option<Found>,
    ) -> Outcome {
        let at = parent(name);
        let Some((stat, ids)) = folder.or_else(|| self.look(&at, 0).ok()) else {
            return CONTINUE;
        };
        let Some(folder) = self.may_change_at(who, &at, (&stat, ids))? else {
            return CONTINUE;
        };
        if folder.mode & libc::S_ISVTX == 0 || permission::is_owner(who, &folder) {
            return CONTINUE;
        }
        match file {
            Some((stat, ids)) if !permission::is_owner(who, &seen(&stat, ids)) => Err(Errno::EPERM),
            _ => CONTINUE,
        }
    }

    /// Files and folders of the container and of the user's are; what the kernel makes by itself (pipes, terminals) and
    /// what is not the user's at all the kernel judges.
    fn is_judged(&self, stat: &Statx, ids: Option<Ids>) -> bool {
        let is_ours = self.shared.ours.contains(&stat.stx_mnt_id);
        let place = Place::of(stat.stx_mode.into());
        let is_plain = place == Place::Text || place == Place::Mark && is_ours;
        is_plain && (stat.stx_uid == 0 || ids.is_some())
    }

    pub(super) fn allowed(
        &self,
        who: &Credentials,
        name: &CStr,
        seen: &Seen,
        wanted: u32,
    ) -> Result<(), Errno> {
        let user = (who.user.fs, |gid| who.is_in(gid));
        let wanted = wanted & 7;
        let is_folder = seen.mode & libc::S_IFMT == libc::S_IFDIR;
        if who.has(cap::DAC_READ_SEARCH) && (wanted == READ || is_folder && wanted & WRITE == 0) {
            return Ok(());
        }
        match self.grants(user, name, seen, wanted) {
            true => Ok(()),
            false => Err(Errno::EACCES),
        }
    }
}

/// Whether a name is none that could be taken away: the root's, `.`, `..`.
fn is_fixed(name: &CStr) -> bool {
    matches!(last(name), b"" | b"." | b"..")
}

/// What an open with these flags needs.
pub(super) fn wanted(flags: i32) -> u32 {
    let with = |flag, needs| if flags & flag != 0 { needs } else { 0 };
    let access = match flags & libc::O_ACCMODE {
        libc::O_RDONLY => READ,
        libc::O_WRONLY => WRITE,
        _ => READ | WRITE,
    } | with(libc::O_TRUNC, WRITE);
    let is_written = match access & WRITE != 0 || flags & libc::O_CREAT != 0 {
        true => NO_FOLDER,
        false => 0,
    };
    access | is_written | with(libc::O_DIRECTORY, FOLDER) | with(libc::O_NOATIME, OWNER)
}
