//! Whether another than root may open, make, move and remove what it names: by recorded owner and mode, for the file and
//! the folders on the way to it.
//!
//! What is allowed the kernel does, and it reads the path again: a program that changes it meanwhile gets what its real
//! user may. This keeps programs honest with each other, it does not part them.

use std::ffi::{CStr, CString};
use std::os::unix::ffi::OsStrExt;

use nix::errno::Errno;
use nix::fcntl::readlink;

use super::files::{File, Last, seen};
use super::make::parent;
use super::worker::{Asked, CONTINUE, Outcome, Worker};
use crate::identity::calls::Call;
use crate::identity::credentials::{Credentials, cap};
use crate::identity::permission::{self, Seen};
use crate::store::owners::Place;
use crate::sys::seccomp::Arch;

const READ: u32 = 4;
pub(super) const WRITE: u32 = 2;
pub(super) const SEARCH: u32 = 1;

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
            Call::Link => return self.may_make(asked, &who, here, a[1]),
            Call::Linkat => return self.may_make(asked, &who, asked.int(2), a[3]),
            Call::Chdir => return self.may_enter(asked, &who, (here, a[0]), Last::Follow, SEARCH),
            _ => return self.may_open(asked, &who, (here, a[0]), libc::O_WRONLY),
        };
        self.may_remove(asked, &who, from)?;
        if let Some(to) = to {
            self.may_remove(asked, &who, to)?;
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
        if who.has(cap::DAC_OVERRIDE) || flags & libc::O_PATH != 0 {
            return CONTINUE;
        }
        let last = match flags & libc::O_NOFOLLOW {
            0 => Last::Follow,
            _ => Last::Itself,
        };
        self.may_enter(asked, who, (dirfd, path), last, wanted(flags))
    }

    /// EACCES where what a path names may not be reached and used so.
    fn may_enter(
        &mut self,
        asked: &Asked<'_>,
        who: &Credentials,
        (dirfd, path): (i32, u64),
        last: Last,
        wanted: u32,
    ) -> Outcome {
        let Ok(name) = self.name(asked, dirfd, path, false) else {
            return CONTINUE;
        };
        let is_absolute = self.path.first() == Some(&b'/');
        if self.path.starts_with(b"/proc/") || self.path.starts_with(b"/sys/") {
            return CONTINUE;
        }
        match self.file(&name, last) {
            Ok(file) => self.may_use(who, &file, is_absolute, wanted),
            Err(_) => CONTINUE,
        }
    }

    /// EACCES where a file may not be reached and used so.
    pub(super) fn may_use(
        &mut self,
        who: &Credentials,
        file: &File,
        is_absolute: bool,
        wanted: u32,
    ) -> Outcome {
        if !who.has(cap::DAC_OVERRIDE) && self.is_judged(file) {
            self.may_reach(who, file, is_absolute)?;
            self.allowed(who, &file.own_name(), &file.seen(), wanted)?;
        }
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
        let Ok(file) = name.and_then(|name| self.file(&name, last)) else {
            return CONTINUE; // the kernel says what is wrong
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
        dirfd: i32,
        path: u64,
    ) -> Outcome {
        if let Ok(name) = self.name(asked, dirfd, path, false) {
            self.may_change(who, &name)?;
        }
        CONTINUE
    }

    /// The same by our name for it; returns the folder as it is seen.
    pub(super) fn may_change(
        &mut self,
        who: &Credentials,
        name: &CStr,
    ) -> Result<Option<Seen>, Errno> {
        if who.has(cap::DAC_OVERRIDE) {
            return Ok(None);
        }
        let Ok(folder) = self.file(&parent(name), Last::Follow) else {
            return Ok(None);
        };
        if !self.is_judged(&folder) {
            return Ok(None);
        }
        self.may_reach(who, &folder, self.path.first() == Some(&b'/'))?;
        let seen = folder.seen();
        self.allowed(who, &folder.own_name(), &seen, WRITE | SEARCH)?;
        Ok(Some(seen))
    }

    /// Whether a new name may be made; `false` where there is one, which the kernel finds before it asks who may.
    pub(super) fn may_add(&mut self, who: &Credentials, name: &CStr) -> Result<bool, Errno> {
        if self.look(name, libc::AT_SYMLINK_NOFOLLOW).is_ok() {
            return Ok(false);
        }
        self.may_change(who, name).map(|_| true)
    }

    /// Whether a name may be taken away: in a sticky folder only what is one's own.
    fn may_remove(
        &mut self,
        asked: &Asked<'_>,
        who: &Credentials,
        (dirfd, path): (i32, u64),
    ) -> Result<(), Errno> {
        let Ok(name) = self.name(asked, dirfd, path, false) else {
            return Ok(());
        };
        let Some(folder) = self.may_change(who, &name)? else {
            return Ok(());
        };
        if folder.mode & libc::S_ISVTX == 0 || permission::is_owner(who, &folder) {
            return Ok(());
        }
        match self.look(&name, libc::AT_SYMLINK_NOFOLLOW) {
            Ok((stat, ids)) if !permission::is_owner(who, &seen(&stat, ids)) => Err(Errno::EPERM),
            _ => Ok(()),
        }
    }

    /// Whether a program may be executed.
    pub(super) fn may_execute(
        &mut self,
        who: &Credentials,
        file: &File,
        is_absolute: bool,
    ) -> Result<(), Errno> {
        self.may_use(who, file, is_absolute, SEARCH).map(drop)
    }

    /// Files and folders of the container and of the user's are; what the kernel makes by itself (pipes, terminals) and
    /// what is not the user's at all the kernel judges.
    fn is_judged(&self, file: &File) -> bool {
        let is_ours = self.shared.ours.contains(&file.stat.stx_mnt_id);
        let is_plain =
            matches!(file.place(), Place::Text) || file.place() == Place::Mark && is_ours;
        is_plain && (file.stat.stx_uid == 0 || file.ids.is_some())
    }

    fn allowed(
        &self,
        who: &Credentials,
        name: &CStr,
        seen: &Seen,
        wanted: u32,
    ) -> Result<(), Errno> {
        let user = (who.user.fs, |gid| who.is_in(gid));
        match self.grants(user, name, seen, wanted) {
            true => Ok(()),
            false => Err(Errno::EACCES),
        }
    }

    /// Whether the folders on the way may be searched; of a relative path only the nearest, since where it begins was
    /// reached already.
    fn may_reach(
        &mut self,
        who: &Credentials,
        file: &File,
        is_absolute: bool,
    ) -> Result<(), Errno> {
        let Ok(path) = readlink(file.own_name().as_c_str()) else {
            return Ok(());
        };
        let path = path.as_bytes();
        let ends = (0..path.len()).filter(|at| path[*at] == b'/');
        let ends: Vec<usize> = match is_absolute {
            true => ends.collect(),
            false => ends.max().into_iter().collect(),
        };
        for end in ends {
            let folder = if end == 0 { &b"/"[..] } else { &path[..end] };
            let Ok(folder) = CString::new(folder) else {
                break;
            };
            if let Ok((stat, ids)) = self.look(&folder, 0) {
                self.allowed(who, &folder, &seen(&stat, ids), SEARCH)?;
            }
        }
        Ok(())
    }
}

/// What an open with these flags needs.
pub(super) fn wanted(flags: i32) -> u32 {
    let truncates = if flags & libc::O_TRUNC != 0 { WRITE } else { 0 };
    truncates
        | match flags & libc::O_ACCMODE {
            libc::O_RDONLY => READ,
            libc::O_WRONLY => WRITE,
            _ => READ | WRITE,
        }
}
