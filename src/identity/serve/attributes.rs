//! Answers to calls about extended attributes. Records of ours are hidden: whoever copies attributes would copy owners, and
//! whoever removes or sets them would take files. Those of programs are held to the file's mode. Access control lists that
//! name ids the kernel cannot keep lie in attributes of the file's own ([`List::kept`]); a file `acls` in the container's
//! folder says that there are any.

use std::ffi::{CStr, CString};
use std::sync::atomic::Ordering;

use nix::errno::Errno;
use nix::sys::stat::{FchmodatFlags, Mode, fchmodat};

use super::enter::{READ, WRITE};
use super::files::{File, Last};
use super::search::Way;
use super::worker::{Asked, CONTINUE, Outcome, Worker, value};
use crate::identity::acl::Acl;
use crate::identity::calls::Call;
use crate::identity::credentials::cap;
use crate::identity::permission::{self, Seen};
use crate::store::owners::{MARK, Place};
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

/// What no program is shown, and none may set.
const OURS: &[u8] = b"user.coracle.";
/// Longest list that is looked at: 500 entries.
const LONGEST: usize = 4 + 8 * 500;

/// What a call does to attributes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Act {
    Set,
    Get,
    List,
    Remove,
}

/// Which attribute a call is about, as far as it matters to us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Attribute {
    /// A record of ours.
    Ours,
    /// File capabilities; on links, FIFOs and sockets a record of ours.
    Capability,
    List(List),
    /// A program's own, for which the file's mode counts.
    User,
    Other,
}

impl Attribute {
    fn of(name: &[u8]) -> Attribute {
        let list = List::BOTH.iter().find(|l| l.name().to_bytes() == name);
        match (name, list) {
            (_, Some(list)) => Attribute::List(*list),
            (name, _) if name.starts_with(OURS) => Attribute::Ours,
            (name, _) if name == MARK.to_bytes() => Attribute::Capability,
            (name, _) if name.starts_with(b"user.") => Attribute::User,
            _ => Attribute::Other,
        }
    }
}

impl Worker {
    pub(super) fn attributes(&mut self, asked: &Asked<'_>) -> Outcome {
        use Call::*;
        let act = match asked.call {
            Setxattr | Lsetxattr | Fsetxattr => Act::Set,
            Getxattr | Lgetxattr | Fgetxattr => Act::Get,
            Listxattr | Llistxattr | Flistxattr => Act::List,
            _ => Act::Remove,
        };
        let attribute = match act {
            Act::List => Attribute::Other,
            _ => match self.read_path(asked, asked.args[1]) {
                Err(Errno::ESTALE) => return Err(Errno::ESTALE),
                Err(_) => return CONTINUE, // the kernel says what is wrong
                Ok(()) => Attribute::of(&self.path),
            },
        };
        let has_acls = self.shared.has_acls.load(Ordering::Acquire);
        match (attribute, act) {
            (Attribute::Other, Act::List) | (Attribute::Ours | Attribute::Capability, _) => {}
            (Attribute::List(_), _) if has_acls || act == Act::Set => {}
            (Attribute::User, _) if !self.credentials(asked)?.has(cap::DAC_OVERRIDE) => {}
            _ => return CONTINUE,
        }
        let last = match asked.call {
            Lsetxattr | Lgetxattr | Llistxattr | Lremovexattr => Last::Itself,
            _ => Last::Follow,
        };
        let name = match asked.call {
            Fsetxattr | Fgetxattr | Flistxattr | Fremovexattr => {
                self.descriptor(asked, asked.int(0))
            }
            _ => self.name(asked, libc::AT_FDCWD, asked.args[0], false),
        };
        if let Ok(name) = &name {
            self.asker_may_walk(asked, name, last)?;
        }
        let file = match name.and_then(|name| self.file(&name, last)) {
            Ok(file) => file,
            Err(errno) if attribute == Attribute::Ours => return Err(errno),
            Err(_) => return CONTINUE, // the kernel says what is wrong
        };
        match attribute {
            Attribute::Ours => hidden(act),
            Attribute::Capability if file.place() == Place::Mark => hidden(act),
            Attribute::Capability => match act {
                Act::Get => CONTINUE,
                _ if self.credentials(asked)?.has(cap::SETFCAP) => CONTINUE,
                _ => Err(Errno::EPERM),
            },
            Attribute::User => self.may_use_attribute(asked, &file, act),
            Attribute::List(list) => self.acl_call(asked, &file, list, act),
            Attribute::Other => self.list(asked, &file),
        }
    }

    /// Whether a program's own attribute may be read or changed (xattr_permission).
    fn may_use_attribute(&mut self, asked: &Asked<'_>, file: &File, act: Act) -> Outcome {
        let who = self.credentials(asked)?;
        let seen = file.seen();
        if !matches!(seen.mode & libc::S_IFMT, libc::S_IFREG | libc::S_IFDIR) {
            return match act {
                Act::Get => Err(Errno::ENODATA),
                _ => Err(Errno::EPERM),
            };
        }
        let is_sticky = file.is_folder() && seen.mode & libc::S_ISVTX != 0;
        let wanted = match act {
            Act::Get => READ,
            _ if is_sticky && !permission::is_owner(&who, &seen) => return Err(Errno::EPERM),
            _ => WRITE,
        };
        // the way to it was gone already
        self.may_use(&who, file, Way::Held, wanted)
    }

    fn acl_call(&mut self, asked: &Asked<'_>, file: &File, list: List, act: Act) -> Outcome {
        if file.place() != Place::Text || !self.shared.ours.contains(&file.stat.stx_mnt_id) {
            return CONTINUE;
        }
        match act {
            Act::Set => self.set_acl(asked, file, list),
            Act::Remove => self.remove_acl(asked, file, list),
            _ => match self.acl(&file.own_name(), list) {
                Some(acl) => {
                    let acl = match list {
                        List::Access => acl.with_mode(file.seen().mode),
                        List::Default => acl,
                    };
                    self.give(asked, asked.args[2], asked.args[3], &acl.to_bytes())
                }
                None => CONTINUE,
            },
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

    /// The kernel's list without what is ours, and with the name of a list that is kept.
    fn list(&mut self, asked: &Asked<'_>, file: &File) -> Outcome {
        let name = file.own_name();
        let kept = match self.shared.has_acls.load(Ordering::Acquire) {
            true => List::BOTH.map(|list| self.acl(&name, list).map(|_| list.name())),
            false => [None, None],
        };
        if file.ids.is_none() && kept == [None, None] {
            return CONTINUE;
        }
        let Ok(mut names) = xattr::list_by_path(&name) else {
            return CONTINUE; // the kernel says what is wrong
        };
        names.retain(|name| match file.place() {
            Place::Mark => name.as_c_str() != MARK,
            _ => !name.to_bytes().starts_with(OURS),
        });
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

/// What comes of a call about a record of ours: there is none, and there can be none.
fn hidden(act: Act) -> Outcome {
    match act {
        Act::Set => Err(Errno::EOPNOTSUPP),
        _ => Err(Errno::ENODATA),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_told_apart_by_their_names() {
        for (name, expected) in [
            (&b"user.coracle.ids"[..], Attribute::Ours),
            (b"user.coracle.acl.default", Attribute::Ours),
            (b"user.coraclex", Attribute::User),
            (b"user.x", Attribute::User),
            (b"security.capability", Attribute::Capability),
            (b"system.posix_acl_default", Attribute::List(List::Default)),
            (b"security.selinux", Attribute::Other),
            (b"", Attribute::Other),
        ] {
            assert_eq!(Attribute::of(name), expected);
        }
        assert_eq!(hidden(Act::Set), Err(Errno::EOPNOTSUPP));
        assert_eq!(hidden(Act::Remove), Err(Errno::ENODATA));
    }
}
