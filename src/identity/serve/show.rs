//! Answers to stat and access. A file without a record is the kernel's to describe.

use std::ffi::CString;
use std::sync::atomic::Ordering;

use nix::errno::Errno;

use super::files::{Last, is_foreign, seen};
use super::proc::{self, Below, Whose};
use super::worker::{Asked, CONTINUE, Outcome, Worker, value};
use crate::identity::calls::Call;
use crate::identity::layout::{self, Shown};
use crate::store::ids::{Ids, What};
use crate::sys::stat::{EVERYTHING, Statx, statx_here};
use crate::sys::task;

/// STATX__RESERVED.
const STATX_RESERVED: u64 = 0x8000_0000;

/// Where a call's arguments are.
struct Wanted {
    dirfd: i32,
    path: u64,
    buffer: u64,
    flags: i32,
}

impl Worker {
    pub(super) fn show(&mut self, asked: &Asked<'_>) -> Outcome {
        let (a, here) = (asked.args, libc::AT_FDCWD);
        let wanted = |dirfd, path, buffer, flags| Wanted {
            dirfd,
            path,
            buffer,
            flags,
        };
        let link = libc::AT_SYMLINK_NOFOLLOW;
        match asked.call {
            Call::Stat => self.stat(asked, &wanted(here, a[0], a[1], 0)),
            Call::Lstat => self.stat(asked, &wanted(here, a[0], a[1], link)),
            Call::Fstat => self.stat(asked, &wanted(asked.int(0), 0, a[1], libc::AT_EMPTY_PATH)),
            Call::Fstatat => self.stat(asked, &wanted(asked.int(0), a[1], a[2], asked.int(3))),
            Call::Statx => self.stat(asked, &wanted(asked.int(0), a[1], a[4], asked.int(2))),
            Call::Access => self.access(asked, here, a[0], asked.int(1), 0),
            Call::Faccessat => self.access(asked, asked.int(0), a[1], asked.int(2), 0),
            _ => self.access(asked, asked.int(0), a[1], asked.int(2), asked.int(3)),
        }
    }

    fn stat(&mut self, asked: &Asked<'_>, wanted: &Wanted) -> Outcome {
        if asked.call == Call::Statx && asked.args[3] & STATX_RESERVED != 0 {
            return CONTINUE; // which the kernel refuses
        }
        let tracee = self.tracee(asked)?;
        self.path.clear();
        if wanted.path != 0 {
            match tracee.read_path(wanted.path, &mut self.path) {
                Err(Errno::ESTALE) => return Err(Errno::ESTALE),
                Err(_) => return CONTINUE,
                Ok(()) => {}
            }
        }
        let is_nameless = self.path.is_empty();
        // AT_FDCWD is a place and no descriptor
        let is_none = asked.call == Call::Fstat && wanted.dirfd == libc::AT_FDCWD;
        if is_nameless && (wanted.flags & libc::AT_EMPTY_PATH == 0 || is_none) {
            return CONTINUE;
        }
        let last = match wanted.flags & libc::AT_SYMLINK_NOFOLLOW {
            _ if is_nameless => Last::Follow,
            0 => Last::Follow,
            _ => Last::Itself,
        };
        if let Some(below) = proc::parse(&self.path)
            && !is_nameless
        {
            if !below.leads_on(&self.path, last) {
                return self.show_process(asked, wanted, below, last);
            }
            let who = self.credentials(asked)?;
            self.may_lead_on(asked, &who, &below)?;
        }
        let name = self.spelled(asked, wanted.dirfd)?;
        let walker = match is_nameless {
            true => None,
            false => self.walker(asked)?,
        };
        let found = match walker {
            Some(who) => {
                self.stand_for(asked, &name)?;
                self.walk(&who, &name, last)?.ok_or(Errno::ENOENT)
            }
            None => self.look_from(asked, &tracee, &name, last),
        };
        match found {
            Ok((stat, Some(ids))) => self.show_as(asked, wanted, &stat, ids),
            Ok((stat, None)) if is_foreign(&stat) && self.path.starts_with(b"/proc") => {
                self.show_as(asked, wanted, &stat, Ids::default())
            }
            // the thread may be another by now; in the other cases the memory that was read or is written shows it
            Err(_) if is_nameless && !tracee.is_current(wanted.buffer) => Err(Errno::ESTALE),
            _ => CONTINUE,
        }
    }

    /// Writes what a file shows with this record.
    fn show_as(&mut self, asked: &Asked<'_>, wanted: &Wanted, stat: &Statx, ids: Ids) -> Outcome {
        let seen = seen(stat, Some(ids));
        let shown = Shown {
            uid: seen.uid,
            gid: seen.gid,
            mode: seen.mode,
            rdev: match ids.what {
                What::Device { major, minor, .. } => (major, minor),
                _ => (stat.stx_rdev_major, stat.stx_rdev_minor),
            },
        };
        let bytes = match asked.call {
            Call::Statx => Some(layout::statx(stat, &shown)),
            _ => layout::stat(asked.arch, stat, &shown),
        };
        let Some(bytes) = bytes else {
            return CONTINUE;
        };
        self.tracee(asked)?.write(wanted.buffer, &bytes)?;
        value(0)
    }

    /// What is in `/proc/PID` belongs to whom the process is.
    fn show_process(
        &mut self,
        asked: &Asked<'_>,
        wanted: &Wanted,
        below: Below,
        last: Last,
    ) -> Outcome {
        let is_link = below.whose == Whose::Asker && below.folder == self.path.len();
        if is_link && last == Last::Itself {
            // `/proc/self` is root's; what it is in another root the kernel knows
            if self.shared.moved.load(Ordering::Relaxed) {
                return CONTINUE;
            }
            let name = CString::new(self.path.as_slice()).map_err(|_| Errno::EINVAL)?;
            return match statx_here(&name, libc::AT_SYMLINK_NOFOLLOW, EVERYTHING) {
                Ok(stat) => self.show_as(asked, wanted, &stat, Ids::default()),
                Err(_) => CONTINUE,
            };
        }
        let Some(who) = self.owner_of(asked, below.whose) else {
            return CONTINUE;
        };
        if who.user.effective == 0 && who.group.effective == 0 {
            return CONTINUE;
        }
        if below.whose == Whose::Asker
            && let Some(pid) = task::pid_there(self.shared.pids(), asked.tid as i32)
        {
            // in the container's own /proc, whose device and inodes are asked for
            let rest = self.path.split_off(below.folder);
            self.path = [format!("/proc/{pid}").as_bytes(), &rest].concat();
        }
        let name = self.name_of(asked, libc::AT_FDCWD)?;
        let Ok(stat) = statx_here(&name, wanted.flags & libc::AT_SYMLINK_NOFOLLOW, EVERYTHING)
        else {
            return CONTINUE;
        };
        let ids = Ids {
            uid: who.user.effective.into(),
            gid: who.group.effective.into(),
            what: What::Same,
        };
        self.show_as(asked, wanted, &stat, ids)
    }

    /// Refuses what the record refuses; the rest (a missing file, a read-only mount) is the kernel's to say.
    fn access(
        &mut self,
        asked: &Asked<'_>,
        dirfd: i32,
        path: u64,
        mode: i32,
        flags: i32,
    ) -> Outcome {
        let mut who = self.credentials(asked)?;
        if flags & libc::AT_EACCESS == 0 {
            who.ask_as_real();
        }
        let last = match flags & libc::AT_SYMLINK_NOFOLLOW {
            0 => Last::Follow,
            _ => Last::Itself,
        };
        let may_be_empty = flags & libc::AT_EMPTY_PATH != 0;
        self.may_enter(
            asked,
            &who,
            (dirfd, path),
            (last, may_be_empty),
            mode as u32 & 7,
        )
    }
}
