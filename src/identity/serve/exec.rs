//! Answers to execve: the kernel executes, and what it makes of the ids is noted. Set-id bits count by the recorded owner.
//!
//! Whether an exec succeeds is only known afterwards. Where it changes anything, the tag says so (`Entry::Executing`), and
//! the first question from the process afterwards decides by looking: the program runs, or the old one still does.

use std::ffi::CStr;

use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::sys::stat::Mode;

use super::enter::SEARCH;
use super::files::{File, Last, seen};
use super::worker::{Asked, CONTINUE, Outcome, Worker};
use crate::identity::calls::Call;
use crate::identity::credentials::cap;
use crate::identity::permission::Seen;
use crate::identity::table::Entry;
use crate::store::owners::Key;

impl Worker {
    pub(super) fn exec(&mut self, asked: &Asked<'_>) -> Outcome {
        let who = self.credentials(asked)?;
        let (dirfd, path, flags) = match asked.call {
            Call::Execve => (libc::AT_FDCWD, asked.args[0], 0),
            _ => (asked.int(0), asked.args[1], asked.int(4)),
        };
        let is_nameless = flags & libc::AT_EMPTY_PATH != 0;
        // before its first program a process cannot be looked into; it is what its container says
        let name = match self.name(asked, dirfd, path, is_nameless) {
            Err(Errno::ESTALE) => return Err(Errno::ESTALE),
            Err(_) => return CONTINUE,
            Ok(name) => name,
        };
        let Some((stat, ids)) = self.walk(&who, &name, Last::Follow)? else {
            return CONTINUE; // the kernel says what is wrong
        };
        if !who.has(cap::DAC_OVERRIDE) {
            self.judged(&who, &name, (&stat, ids), SEARCH)?;
        }
        let (key, set_id) = match has_set_id(&seen(&stat, ids)) {
            false => (Key::of(&stat), (None, None)),
            true => {
                let Ok(file) = self.file(&name, Last::Follow) else {
                    return CONTINUE;
                };
                (Key::of(&file.stat), self.set_id(asked, &file))
            }
        };
        let after = who.executed(set_id);
        if after.has_more_than(&who) {
            let variables = asked.args[if asked.call == Call::Execve { 2 } else { 3 }];
            match self.make_secure(asked, variables) {
                Err(Errno::ESTALE) => return Err(Errno::ESTALE),
                Err(_) => return CONTINUE, // the kernel reads them too, and says what is wrong
                Ok(()) => {}
            }
        }
        if after == who {
            return CONTINUE;
        }
        let entry = Entry::Executing {
            before: who,
            after,
            program: (set_id != (None, None)).then_some((key.dev, key.ino)),
            arguments: self.arguments(asked.tid).unwrap_or(0),
        };
        self.tag(asked.tid, entry)?;
        CONTINUE
    }

    /// Owner and group of a set-id program, where the bits count.
    fn set_id(&mut self, asked: &Asked<'_>, file: &File) -> (Option<u32>, Option<u32>) {
        let seen = file.seen();
        if !has_set_id(&seen)
            || self.has_no_new_privs(asked.tid)
            || is_nosuid(file)
            || is_script(&file.own_name())
        {
            return (None, None);
        }
        let uid = (seen.mode & 0o4000 != 0).then_some(seen.uid);
        let gid = (seen.mode & 0o2010 == 0o2010).then_some(seen.gid);
        (uid, gid)
    }

    fn has_no_new_privs(&self, tid: u32) -> bool {
        self.shared
            .proc_text(tid, "status")
            .is_none_or(|status| status.contains("NoNewPrivs:\t1"))
    }

    /// Whether a process has got through its exec: its arguments are elsewhere, and it runs the program whose ids it is to
    /// have.
    pub(super) fn has_executed(
        &self,
        tid: u32,
        program: Option<(u64, u64)>,
        arguments: u64,
    ) -> bool {
        let runs = program.is_none() || self.shared.proc_inode(tid, "exe") == program;
        runs && self.arguments(tid).is_some_and(|now| now != arguments)
    }

    /// Address of the arguments (proc_pid_stat(5), field 48).
    fn arguments(&self, tid: u32) -> Option<u64> {
        let stat = self.shared.proc_text(tid, "stat")?;
        let (_, rest) = stat.rsplit_once(')')?;
        rest.split_ascii_whitespace().nth(48 - 3)?.parse().ok()
    }
}

/// Whether it is a program with such a bit.
fn has_set_id(seen: &Seen) -> bool {
    seen.mode & 0o6000 != 0 && seen.mode & libc::S_IFMT == libc::S_IFREG && seen.mode & 0o111 != 0
}

fn is_nosuid(file: &File) -> bool {
    use nix::sys::statvfs::{FsFlags, fstatvfs};
    fstatvfs(&file.fd).is_ok_and(|fs| fs.flags().contains(FsFlags::ST_NOSUID))
}

/// The kernel ignores set-id bits of scripts.
fn is_script(name: &CStr) -> bool {
    let flags = OFlag::O_RDONLY | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
    let Ok(fd) = open(name, flags, Mode::empty()) else {
        return true;
    };
    let mut start = [0; 2];
    !matches!(nix::unistd::read(&fd, &mut start), Ok(2)) || &start == b"#!"
}
