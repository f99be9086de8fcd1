//! Whether another than root may open, make, move and remove what it names: by recorded owner and mode, for the file and
//! the folders on the way to it.
//!
//! What is allowed the kernel does, and it reads the path again: a program that changes it meanwhile gets what its real
//! user may. This keeps programs honest with each other, it does not part them.

use std::ffi::CStr;

use nix::errno::Errno;

use super::files::{File, Last, seen};
use super::make::parent;
use super::proc::{self, Whose};
use super::search::Way;
use super::worker::{Asked, CONTINUE, Outcome, Worker};
use crate::identity::calls::Call;
use crate::identity::credentials::{Credentials, cap};
use crate::identity::permission::{self, Seen};
use crate::store::owners::Place;
use crate::sys::seccomp::Arch;
use crate::sys::stat::{EVERYTHING, statx_here};

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
    /// It must be there.
    Must,
    /// It may be.
    May,
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
        let (from, to) = match asked.call {
            Call::Unlink => ((here, a[0]), None),
            Call::Unlinkat => ((asked.int(0), a[1]), None),
            Call::Rename => ((here, a[0]), Some((here, a[1]))),
            Call::Renameat => ((asked.int(0), a[1]), Some((asked.int(2), a[3]))),
            Call::Link => return self.may_link(asked, &who, ((here, a[0]), 0), (here, a[1])),
            Call::Linkat => {
                let (from, to) = ((asked.int(0), a[1]), (asked.int(2), a[3]));
                return self.may_link(asked, &who, (from, asked.int(4)), to);
            }
            Call::Chdir => {
                let what = (Last::Follow, false);
                return self.may_enter(asked, &who, (here, a[0]), what, SEARCH | FOLDER);
            }
            _ => return self.may_open(asked, &who, (here, a[0]), libc::O_WRONLY),
        };
        let is_there = self.may_remove(asked, &who, from, Gone::Must)?;
        if let Some(to) = to.filter(|_| is_there) {
            self.may_remove(asked, &who, to, Gone::May)?;
        }
        CONTINUE
    }

    /// EACCES where a file may not be opened so; what is not there is the kernel's to say.
    pub(super) fn may_open(
        &mut self,
        asked: &Asked<'_>,
        who: &Credentials,
        (dirfd, path): (i32, u64),
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
        self.may_enter(asked, who, (dirfd, path), (last, false), wanted)
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
        if who.has(cap::DAC_OVERRIDE) {
            return CONTINUE;
        }
        let Ok(name) = self.name(asked, dirfd, path, may_be_empty) else {
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
        match self.file(&name, last) {
            Ok(file) => self.may_use(who, &file, Way::Named(&name, last), wanted),
            Err(_) => {
                self.may_walk(who, &name, last)?;
                CONTINUE
            }
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
        let wrong = if file.is_folder() { NO_FOLDER } else { FOLDER };
        if self.is_judged(file) && wanted & wrong == 0 {
            let seen = file.seen();
            self.allowed(who, &file.own_name(), &seen, wanted)?;
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
        self.may_make(asked, who, to)?;
        let Some(file) = source.filter(|file| self.is_judged(file)) else {
            return CONTINUE;
        };
        let seen = file.seen();
        let is_safe = permission::is_safe_to_link(&seen)
            && self
                .allowed(who, &file.own_name(), &seen, READ | WRITE)
                .is_ok();
        match is_safe || permission::is_owner(who, &seen) {
            true => CONTINUE,
            false => Err(Errno::EPERM),
        }
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
        if permission::is_owner(&who, &seen) || !self.is_judged(&file) {
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

    /// Whether a name may be made.
    pub(super) fn may_make(
        &mut self,
        asked: &Asked<'_>,
        who: &Credentials,
        (dirfd, path): (i32, u64),
    ) -> Outcome {
        if let Ok(name) = self.name(asked, dirfd, path, false) {
            self.may_add(who, &name)?;
        }
        CONTINUE
    }

    /// Whether names may be made and taken away in the folder of our name for one; returns the folder as it is seen.
    pub(super) fn may_change(
        &mut self,
        who: &Credentials,
        name: &CStr,
    ) -> Result<Option<Seen>, Errno> {
        if who.has(cap::DAC_OVERRIDE) {
            return Ok(None);
        }
        self.may_walk(who, name, Last::Itself)?;
        let Ok(folder) = self.file(&parent(name), Last::Follow) else {
            return Ok(None);
        };
        if !self.is_judged(&folder) {
            return Ok(None);
        }
        let seen = folder.seen();
        self.allowed(who, &folder.own_name(), &seen, WRITE | SEARCH)?;
        Ok(Some(seen))
    }

    /// Whether a new name may be made; `false` where there is one, which the kernel finds before it asks who may.
    pub(super) fn may_add(&mut self, who: &Credentials, name: &CStr) -> Result<bool, Errno> {
        if self.look(name, libc::AT_SYMLINK_NOFOLLOW).is_ok() {
            self.may_walk(who, name, Last::Itself)?;
            return Ok(false);
        }
        self.may_change(who, name).map(|_| true)
    }

    /// Whether a name may be taken away: in a sticky folder only what is one's own. `false` where there is none.
    fn may_remove(
        &mut self,
        asked: &Asked<'_>,
        who: &Credentials,
        (dirfd, path): (i32, u64),
        gone: Gone,
    ) -> Result<bool, Errno> {
        let Ok(name) = self.name(asked, dirfd, path, false) else {
            return Ok(false);
        };
        let file = self.look(&name, libc::AT_SYMLINK_NOFOLLOW).ok();
        if gone == Gone::Must && file.is_none() {
            self.may_walk(who, &name, Last::Itself)?;
            return Ok(false);
        }
        let Some(folder) = self.may_change(who, &name)? else {
            return Ok(true);
        };
        if folder.mode & libc::S_ISVTX == 0 || permission::is_owner(who, &folder) {
            return Ok(true);
        }
        match file {
            Some((stat, ids)) if !permission::is_owner(who, &seen(&stat, ids)) => Err(Errno::EPERM),
            _ => Ok(true),
        }
    }

    /// Files and folders of the container and of the user's are; what the kernel makes by itself (pipes, terminals) and
    /// what is not the user's at all the kernel judges.
    fn is_judged(&self, file: &File) -> bool {
        let is_ours = self.shared.ours.contains(&file.stat.stx_mnt_id);
        let is_plain =
            matches!(file.place(), Place::Text) || file.place() == Place::Mark && is_ours;
        is_plain && (file.stat.stx_uid == 0 || file.ids.is_some())
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

/// What an open with these flags needs.
pub(super) fn wanted(flags: i32) -> u32 {
    let with = |flag, needs| if flags & flag != 0 { needs } else { 0 };
    let access = match flags & libc::O_ACCMODE {
        libc::O_RDONLY => READ,
        libc::O_WRONLY => WRITE,
        _ => READ | WRITE,
    } | with(libc::O_TRUNC, WRITE);
    let is_written = if access & WRITE != 0 { NO_FOLDER } else { 0 };
    access | is_written | with(libc::O_DIRECTORY, FOLDER) | with(libc::O_NOATIME, OWNER)
}
