//! Answers to calls about extended attributes: access control lists that name ids the kernel cannot keep. They lie in
//! attributes of the file's own ([`List::kept`]); a file `acls` in the container's folder says that there are any.

use std::ffi::{CStr, CString};
use std::sync::atomic::Ordering;

use nix::errno::Errno;
use nix::sys::stat::{FchmodatFlags, Mode, fchmodat};

use super::files::{File, Last};
use super::worker::{Asked, CONTINUE, Outcome, Worker, value};
use crate::identity::acl::Acl;
use crate::identity::calls::Call;
use crate::identity::permission::{self, Seen};
use crate::store::owners::Place;
use crate::sys::xattr;

/// Which list of a file's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum List {
    /// Who may do what.
    Access,
    /// What a folder hands on to what is made in it.
    Default,
}

impl List {
    const BOTH: [List; 2] = [List::Access, List::Default];

    /// The attribute that programs ask for.
    fn name(self) -> &'static CStr {
        match self {
            List::Access => c"system.posix_acl_access",
            List::Default => c"system.posix_acl_default",
        }
    }

    /// The attribute of a list that names others; its value is that of the list's own.
    fn kept(self) -> &'static CStr {
        match self {
            List::Access => c"user.coracle.acl",
            List::Default => c"user.coracle.acl.default",
        }
    }
}

/// What no program is shown.
const OURS: &[u8] = b"user.coracle.";
/// Longest list that is looked at: 500 entries.
const LONGEST: usize = 4 + 8 * 500;

impl Worker {
    pub(super) fn attributes(&mut self, asked: &Asked<'_>) -> Outcome {
        use Call::*;
        let sets = matches!(asked.call, Setxattr | Lsetxattr | Fsetxattr);
        if !sets && !self.shared.has_acls.load(Ordering::Acquire) {
            return CONTINUE;
        }
        let lists = matches!(asked.call, Listxattr | Llistxattr | Flistxattr);
        let mut list = List::Access;
        if !lists {
            let mut name = Vec::new();
            let read = self.tracee(asked)?.read_path(asked.args[1], &mut name);
            let found = List::BOTH.iter().find(|l| l.name().to_bytes() == name);
            match found {
                Some(found) if read.is_ok() => list = *found,
                _ => return CONTINUE,
            }
        }
        let (name, last) = match asked.call {
            Fsetxattr | Fgetxattr | Flistxattr | Fremovexattr => {
                (self.descriptor(asked, asked.int(0)), Last::Follow)
            }
            Lsetxattr | Lgetxattr | Llistxattr | Lremovexattr => (
                self.name(asked, libc::AT_FDCWD, asked.args[0], false),
                Last::Itself,
            ),
            _ => (
                self.name(asked, libc::AT_FDCWD, asked.args[0], false),
                Last::Follow,
            ),
        };
        let Ok(file) = name.and_then(|name| self.file(&name, last)) else {
            return CONTINUE; // the kernel says what is wrong
        };
        if file.place() != Place::Text || !self.shared.ours.contains(&file.stat.stx_mnt_id) {
            return CONTINUE;
        }
        match asked.call {
            _ if sets => self.set_acl(asked, &file, list),
            _ if lists => self.list(asked, &file),
            Getxattr | Lgetxattr | Fgetxattr => match self.acl(&file.own_name(), list) {
                Some(acl) => {
                    let acl = match list {
                        List::Access => acl.with_mode(file.seen().mode),
                        List::Default => acl,
                    };
                    self.give(asked, asked.args[2], asked.args[3], &acl.to_bytes())
                }
                None => CONTINUE,
            },
            _ => self.remove_acl(asked, &file, list),
        }
    }

    fn set_acl(&mut self, asked: &Asked<'_>, file: &File, list: List) -> Outcome {
        let who = self.credentials(asked)?;
        let len = asked.args[3] as usize;
        if len > LONGEST {
            return CONTINUE;
        }
        let mut bytes = vec![0; len];
        self.tracee(asked)?.read(asked.args[2], &mut bytes)?;
        if list == List::Default && len > 0 && !file.is_folder() {
            return Err(Errno::EACCES);
        }
        if !permission::is_owner(&who, &file.seen()) {
            return Err(Errno::EPERM);
        }
        let name = file.own_name();
        let Some(acl) = Acl::parse(&bytes).filter(Acl::names_others) else {
            xattr::remove_by_path(&name, list.kept())?;
            return CONTINUE; // one that the kernel keeps, or refuses
        };
        self.shared.note_acls()?;
        xattr::set_by_path(&name, list.kept(), &bytes)?;
        match list {
            List::Access => {
                let here = nix::fcntl::AT_FDCWD;
                let mode = Mode::from_bits_truncate(file.seen().mode & 0o7000 | acl.mode());
                fchmodat(here, name.as_c_str(), mode, FchmodatFlags::FollowSymlink)?;
            }
            List::Default => xattr::remove_by_path(&name, list.name())?,
        }
        value(0)
    }

    fn remove_acl(&mut self, asked: &Asked<'_>, file: &File, list: List) -> Outcome {
        let name = file.own_name();
        if self.acl(&name, list).is_none() {
            return CONTINUE;
        }
        let who = self.credentials(asked)?;
        if !permission::is_owner(&who, &file.seen()) {
            return Err(Errno::EPERM);
        }
        xattr::remove_by_path(&name, list.kept())?;
        value(0)
    }

    /// What a folder hands on to what is made in it, where that names others.
    pub(super) fn handed_on(&self, folder: &CStr) -> Option<Acl> {
        let has_acls = self.shared.has_acls.load(Ordering::Acquire);
        has_acls.then(|| self.acl(folder, List::Default)).flatten()
    }

    /// Gives a new file the list that its folder hands on; it has its mode already.
    pub(super) fn inherit(&self, file: &File, list: &Acl) -> Result<(), Errno> {
        if file.place() != Place::Text {
            return Ok(()); // it has no room for one
        }
        let name = file.own_name();
        let own = list.clone().masked(file.seen().mode);
        xattr::set_by_path(&name, List::Access.kept(), &own.to_bytes())?;
        if file.is_folder() {
            xattr::set_by_path(&name, List::Default.kept(), &list.to_bytes())?;
        }
        Ok(())
    }

    /// The kernel's list with the name of the attribute that is shown, without that which is kept.
    fn list(&mut self, asked: &Asked<'_>, file: &File) -> Outcome {
        let name = file.own_name();
        let kept = List::BOTH.map(|list| self.acl(&name, list).map(|_| list.name()));
        if kept == [None, None] {
            return CONTINUE;
        }
        let mut names: Vec<CString> = xattr::list_by_path(&name)?;
        names.retain(|name| !name.to_bytes().starts_with(OURS));
        let bytes: Vec<u8> = (names.iter().map(CString::as_c_str))
            .chain(kept.into_iter().flatten())
            .flat_map(CStr::to_bytes_with_nul)
            .copied()
            .collect();
        self.give(asked, asked.args[1], asked.args[2], &bytes)
    }

    /// As getxattr(2) gives a value: its length alone where there is no room asked for.
    fn give(&mut self, asked: &Asked<'_>, at: u64, room: u64, bytes: &[u8]) -> Outcome {
        if room != 0 {
            if room < bytes.len() as u64 {
                return Err(Errno::ERANGE);
            }
            self.tracee(asked)?.write(at, bytes)?;
        }
        value(bytes.len() as i64)
    }

    fn acl(&self, name: &CStr, list: List) -> Option<Acl> {
        let mut room = [0; LONGEST];
        let bytes = xattr::get_by_path(name, list.kept(), &mut room).ok()??;
        Acl::parse(bytes)
    }

    /// Whether the list of a file, or without one its mode, gives `uid` what is `wanted`.
    pub(super) fn grants(
        &self,
        (uid, is_in): (u32, impl Fn(u32) -> bool),
        name: &CStr,
        seen: &Seen,
        wanted: u32,
    ) -> bool {
        let has_acls = self.shared.has_acls.load(Ordering::Acquire);
        match has_acls.then(|| self.acl(name, List::Access)).flatten() {
            Some(acl) => {
                let acl = acl.with_mode(seen.mode);
                acl.allows((seen.uid, seen.gid), wanted, uid, is_in)
            }
            None => permission::access(seen, wanted, uid, is_in, false),
        }
    }
}
