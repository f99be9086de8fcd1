//! Answers to chown and chmod.

use std::ffi::{CStr, CString};

use nix::errno::Errno;
use nix::sys::stat::{FchmodatFlags, Mode, fchmodat};

use super::files::{File, Last, seen};
use super::worker::{Asked, CONTINUE, Outcome, Worker, value};
use crate::identity::calls::Call;
use crate::identity::credentials::{Credentials, cap};
use crate::identity::permission;
use crate::store::owners::MARK;
use crate::sys::stat::statx_here;
use crate::sys::xattr;

impl Worker {
    pub(super) fn owners(&mut self, asked: &Asked<'_>) -> Outcome {
        let args = asked.args;
        let here = libc::AT_FDCWD;
        match asked.call {
            Call::Chown => {
                let name = self.name(asked, here, args[0], false)?;
                self.chown(asked, name, Last::Follow, 1)
            }
            Call::Lchown => {
                let name = self.name(asked, here, args[0], false)?;
                self.chown(asked, name, Last::Itself, 1)
            }
            Call::Fchown => {
                let name = self.descriptor(asked, asked.int(0))?;
                may_change_by(&name)?;
                self.chown(asked, name, Last::Follow, 1)
            }
            Call::Fchownat => {
                let flags = asked.int(4);
                if flags & !(libc::AT_SYMLINK_NOFOLLOW | libc::AT_EMPTY_PATH) != 0 {
                    return Err(Errno::EINVAL);
                }
                let may_be_empty = flags & libc::AT_EMPTY_PATH != 0;
                let name = self.name(asked, asked.int(0), args[1], may_be_empty)?;
                let is_link = flags & libc::AT_SYMLINK_NOFOLLOW != 0 && !self.path.is_empty();
                let last = if is_link { Last::Itself } else { Last::Follow };
                self.chown(asked, name, last, 2)
            }
            _ => self.chmod(asked),
        }
    }

    /// `ids`: which argument is the owner; the next one is the group.
    fn chown(&mut self, asked: &Asked<'_>, name: CString, last: Last, ids: usize) -> Outcome {
        let who = self.credentials(asked)?;
        let wanted = (asked.uid(ids), asked.uid(ids + 1));
        // most files are given to whom they belong to: two calls less
        if !self.gives_away
            && let Some((stat, ids)) = self.walk(&who, &name, last)?
            && !permission::has_privileges(stat.stx_mode.into())
        {
            let old = seen(&stat, ids);
            if permission::chown(&who, &old, wanted.0, wanted.1)? == (old.uid, old.gid) {
                return value(0);
            }
        }
        let mut file = self.reached(asked, &who, name, last)?;
        let old = file.seen();
        let (uid, gid) = permission::chown(&who, &old, wanted.0, wanted.1)?;
        self.drop_privileges(&file)?;
        self.gives_away = (uid, gid) != (old.uid, old.gid);
        if self.gives_away {
            self.record(&mut file, uid, gid)?;
        }
        value(0)
    }

    /// The file that is to be changed. What is wrong is said here: the kernel would read the path again.
    fn reached(
        &mut self,
        asked: &Asked<'_>,
        who: &Credentials,
        name: CString,
        last: Last,
    ) -> Result<File, Errno> {
        self.may_walk(who, &name, last)?;
        match self.file(&name, last) {
            Err(Errno::ENOENT) if last == Last::Follow => {
                let name = self.follow_to_own(asked, name);
                self.file(&name, last)
            }
            file => file,
        }
    }

    /// What the kernel takes from a program that changes hands.
    fn drop_privileges(&self, file: &File) -> Result<(), Errno> {
        let mode = u32::from(file.stat.stx_mode);
        if !permission::has_privileges(mode) {
            return Ok(());
        }
        let name = file.own_name();
        let new = permission::mode_after_chown(mode);
        if new != mode {
            let new = Mode::from_bits_truncate(new & 0o7777);
            fchmodat(
                nix::fcntl::AT_FDCWD,
                name.as_c_str(),
                new,
                FchmodatFlags::FollowSymlink,
            )?;
        }
        if xattr::get_by_path(&name, MARK, &mut [0; 64])?.is_some() {
            xattr::remove_by_path(&name, MARK)?;
        }
        Ok(())
    }

    /// For others than root it is done here, to the very file that was judged: the kernel, to which all are root in the file's
    /// group, would leave a set-gid bit to who is not in that group (setattr_prepare).
    fn chmod(&mut self, asked: &Asked<'_>) -> Outcome {
        let who = self.credentials(asked)?;
        if who.has(cap::FOWNER) {
            return CONTINUE;
        }
        let (args, here) = (asked.args, libc::AT_FDCWD);
        let flags = match asked.call {
            Call::Fchmodat2 => asked.int(3),
            _ => 0,
        };
        if flags & !libc::AT_EMPTY_PATH != 0 {
            return CONTINUE; // no link has a mode
        }
        let (name, mode) = match asked.call {
            Call::Chmod => (self.name(asked, here, args[0], false), args[1]),
            Call::Fchmod => (self.descriptor(asked, asked.int(0)), args[1]),
            _ => (self.name(asked, asked.int(0), args[1], flags != 0), args[2]),
        };
        let name = name?;
        if asked.call == Call::Fchmod {
            may_change_by(&name)?;
        }
        let file = self.reached(asked, &who, name, Last::Follow)?;
        let seen = file.seen();
        if !permission::is_owner(&who, &seen) {
            return Err(Errno::EPERM);
        }
        let new = permission::mode_after_chmod(&who, &seen, mode as u32);
        let new = Mode::from_bits_truncate(new);
        let name = file.own_name();
        let follow = FchmodatFlags::FollowSymlink;
        fchmodat(nix::fcntl::AT_FDCWD, name.as_c_str(), new, follow)?;
        value(0)
    }
}

/// EBADF for a descriptor that is a place only (O_PATH): its link in /proc says that it neither reads nor writes.
fn may_change_by(descriptor: &CStr) -> Result<(), Errno> {
    let link = statx_here(descriptor, libc::AT_SYMLINK_NOFOLLOW, libc::STATX_MODE);
    match link.is_ok_and(|link| link.stx_mode & 0o700 == 0) {
        true => Err(Errno::EBADF),
        false => Ok(()),
    }
}
