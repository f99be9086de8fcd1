//! Opens of which a path alone does not say what is made: nameless files (O_TMPFILE), and paths with rules of their own
//! (openat2(2) with RESOLVE_*), which the kernel follows for us, by these rules, from where the asker has them begin.

use std::ffi::{CStr, CString};
use std::os::fd::OwnedFd;

use nix::errno::Errno;
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, open, openat2};
use nix::sys::stat::Mode;

use super::enter::{SEARCH, WRITE, wanted};
use super::files::Last;
use super::make::{below, give, last, own_name, parent};
use super::paths::of_asker;
use super::search::{Way, is_link};
use super::worker::{Asked, CONTINUE, Outcome, Worker};
use crate::identity::credentials::{Credentials, cap};

impl Worker {
    /// A nameless file belongs to its maker, before and after it gets a name.
    pub(super) fn nameless(
        &mut self,
        asked: &Asked<'_>,
        who: &Credentials,
        (folder, way): (&CStr, Way<'_>),
        (flags, mode): (i32, u32),
    ) -> Outcome {
        let Some(new) = self.new_in(who, folder) else {
            return CONTINUE;
        };
        if let Ok(file) = self.file(folder, Last::Follow) {
            self.may_use(who, &file, way, WRITE | SEARCH)?;
        }
        let flags_here = OFlag::from_bits_retain(flags) | OFlag::O_CLOEXEC;
        let Ok(fd) = open(folder, flags_here, new.bits(mode)) else {
            return CONTINUE; // the kernel says what is wrong
        };
        let file = self.label_made(fd, &new)?;
        give(asked, &file.fd, flags)
    }

    pub(super) fn open2(&mut self, asked: &Asked<'_>) -> Outcome {
        let mut how = [0; 24];
        if self.tracee(asked)?.read(asked.args[2], &mut how).is_err() {
            return CONTINUE;
        }
        let word =
            |n: usize| u64::from_ne_bytes(how[n * 8..n * 8 + 8].try_into().expect("eight bytes"));
        let (flags, mode, rules) = (word(0) as i32, word(1), word(2));
        match rules {
            0 => self.open(asked, asked.int(0), asked.args[1], flags, mode),
            _ => {
                let rules = ResolveFlag::from_bits_retain(rules);
                self.open_by(rules, asked, (flags, mode as u32))
            }
        }
    }

    fn open_by(
        &mut self,
        rules: ResolveFlag,
        asked: &Asked<'_>,
        (flags, mode): (i32, u32),
    ) -> Outcome {
        let who = self.credentials(asked)?;
        let is_nameless = flags & libc::O_TMPFILE == libc::O_TMPFILE;
        let makes = flags & libc::O_CREAT != 0 && !is_nameless;
        if !makes && !is_nameless && who.has(cap::DAC_OVERRIDE) || flags & libc::O_PATH != 0 {
            return CONTINUE;
        }
        let Some((start, path)) = self.beginning(asked)? else {
            return CONTINUE;
        };
        let way = match path.to_bytes().first() {
            Some(b'/') => Way::FromRoot,
            _ => Way::FromFolder,
        };
        let reach = |path: &CStr, flags: OFlag| {
            let flags = flags | OFlag::O_PATH | OFlag::O_CLOEXEC;
            openat2(&start, path, OpenHow::new().flags(flags).resolve(rules))
        };
        let itself = OFlag::from_bits_truncate(flags & libc::O_NOFOLLOW);
        if makes {
            let Ok(folder) = reach(&parent(&path), OFlag::O_DIRECTORY) else {
                return CONTINUE; // the kernel says what is wrong
            };
            let name = below(&own_name(&folder), last(&path));
            // what a last link that leads to nothing leads to by the call's rules is not found out: root may go there, others not
            let follows = flags & (libc::O_EXCL | libc::O_NOFOLLOW) == 0;
            if follows
                && !who.has(cap::DAC_OVERRIDE)
                && is_link(&name)
                && reach(&path, itself).is_err()
            {
                return Err(Errno::ELOOP);
            }
            let flags_here = flags | libc::O_NOFOLLOW;
            return self.create(
                asked,
                &who,
                &name,
                (flags_here, mode),
                |worker| match reach(&path, itself).and_then(|fd| worker.opened(fd)) {
                    Ok(file) => worker.may_use(&who, &file, way, wanted(flags)),
                    Err(_) => CONTINUE,
                },
            );
        }
        let Ok(file) = reach(&path, itself).and_then(|fd| self.opened(fd)) else {
            return CONTINUE;
        };
        match is_nameless {
            true => {
                let folder = file.own_name();
                self.nameless(asked, &who, (&folder, way), (flags, mode))
            }
            false => self.may_use(&who, &file, way, wanted(flags)),
        }
    }

    /// Where the asker's path begins, and the path; `None` where it is about the asker itself, which the kernel knows.
    fn beginning(&mut self, asked: &Asked<'_>) -> Result<Option<(OwnedFd, CString)>, Errno> {
        self.read_path(asked, asked.args[1])?;
        if of_asker(&self.path).is_some() {
            return Ok(None);
        }
        let path = CString::new(self.path.clone()).map_err(|_| Errno::EINVAL)?;
        self.name_of(asked, asked.int(0))?; // in the asker's root
        self.path.clear();
        let start = self.name_of(asked, asked.int(0))?;
        let flags = OFlag::O_PATH | OFlag::O_CLOEXEC;
        Ok(open(start.as_c_str(), flags, Mode::empty())
            .ok()
            .map(|start| (start, path)))
    }
}
