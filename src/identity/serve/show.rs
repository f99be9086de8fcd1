//! Answers to stat and access. A file without a record is the kernel's to describe.

use nix::errno::Errno;

use super::files::seen;
use super::worker::{Asked, CONTINUE, Outcome, Worker, value};
use crate::identity::calls::Call;
use crate::identity::layout::{self, Shown};
use crate::store::ids::{Ids, What};
use crate::sys::stat::{EVERYTHING, Statx, statx_here};
use crate::sys::task;

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
        if is_nameless
            && (wanted.flags & libc::AT_EMPTY_PATH == 0 || wanted.dirfd == libc::AT_FDCWD)
        {
            return CONTINUE;
        }
        if let Some(rest) = self.path.strip_prefix(b"/proc") {
            return match rest.first() {
                Some(b'/') => self.process_folder(asked, wanted),
                _ => CONTINUE,
            };
        }
        if self.path.starts_with(b"/sys/") {
            return CONTINUE;
        }
        let name = self.name_of(asked, wanted.dirfd)?;
        let flags = match is_nameless {
            true => wanted.flags & !libc::AT_SYMLINK_NOFOLLOW,
            false => wanted.flags,
        };
        match self.look(
            &name,
            flags & (libc::AT_SYMLINK_NOFOLLOW | libc::AT_NO_AUTOMOUNT),
        ) {
            Ok((stat, Some(ids))) => self.show_as(asked, wanted, &stat, ids),
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

    /// `/proc/PID` itself belongs to whom the process is.
    fn process_folder(&mut self, asked: &Asked<'_>, wanted: &Wanted) -> Outcome {
        let number = std::str::from_utf8(&self.path[6..])
            .ok()
            .and_then(|n| n.parse().ok());
        let pid = number.and_then(|pid| task::pid_here(self.shared.pids(), pid));
        let (Some(pid), false) = (pid, self.has_other_pids(asked)) else {
            return CONTINUE;
        };
        // with `--pid host` there are others' processes, of which we may ask nothing
        let Ok(Some(who)) = self.credentials_of(pid as u32) else {
            return CONTINUE;
        };
        if who.user.effective == 0 && who.group.effective == 0 {
            return CONTINUE;
        }
        let name = self.name_of(asked, libc::AT_FDCWD)?;
        let Ok(stat) = statx_here(&name, 0, EVERYTHING) else {
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
        let who = self.credentials(asked)?;
        let is_effective = flags & libc::AT_EACCESS != 0;
        let user = if is_effective {
            who.user.effective
        } else {
            who.user.real
        };
        if mode == libc::F_OK || user == 0 {
            return CONTINUE;
        }
        let group = if is_effective {
            who.group.effective
        } else {
            who.group.real
        };
        let Ok(name) = self.name(asked, dirfd, path, flags & libc::AT_EMPTY_PATH != 0) else {
            return CONTINUE;
        };
        let Ok((stat, ids)) = self.look(&name, flags & libc::AT_SYMLINK_NOFOLLOW) else {
            return CONTINUE;
        };
        // what is nobody's of ours is the kernel's to judge
        if ids.is_none() && stat.stx_uid != 0 {
            return CONTINUE;
        }
        let is_in = |gid| gid == group || who.groups.binary_search(&gid).is_ok();
        match self.grants((user, is_in), &name, &seen(&stat, ids), mode as u32) {
            true => CONTINUE,
            false => Err(Errno::EACCES),
        }
    }
}
