//! Answers to calls about extended attributes: access control lists that name ids the kernel cannot keep. They lie in an
//! attribute of the file's own, [`KEPT`]; a file `acls` in the container's folder says that there are any.

use std::ffi::{CStr, CString};
use std::sync::atomic::Ordering;

use nix::errno::Errno;
use nix::sys::stat::{FchmodatFlags, Mode, fchmodat};

use super::files::{File, Last};
use super::worker::{Asked, CONTINUE, Outcome, Worker, value};
use crate::identity::acl::{self, Acl};
use crate::identity::calls::Call;
use crate::identity::permission::{self, Seen};
use crate::store::owners::Place;
use crate::sys::xattr;

/// The attribute of a file with such a list; its value is that of the list's own.
const KEPT: &CStr = c"user.coracle.acl";
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
        if !lists {
            let mut name = Vec::new();
            let read = self.tracee(asked)?.read_path(asked.args[1], &mut name);
            if read.is_err() || name != acl::NAME {
                return CONTINUE;
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
            _ if sets => self.set_acl(asked, &file),
            _ if lists => self.list(asked, &file),
            Getxattr | Lgetxattr | Fgetxattr => match self.acl(&file.own_name()) {
                Some(acl) => {
                    let bytes = acl.with_mode(file.seen().mode).to_bytes();
                    self.give(asked, asked.args[2], asked.args[3], &bytes)
                }
                None => CONTINUE,
            },
            _ => self.remove_acl(asked, &file),
        }
    }

    fn set_acl(&mut self, asked: &Asked<'_>, file: &File) -> Outcome {
        let who = self.credentials(asked)?;
        if !permission::is_owner(&who, &file.seen()) {
            return Err(Errno::EPERM);
        }
        let len = asked.args[3] as usize;
        if len > LONGEST {
            return CONTINUE;
        }
        let mut bytes = vec![0; len];
        self.tracee(asked)?.read(asked.args[2], &mut bytes)?;
        let name = file.own_name();
        let Some(acl) = Acl::parse(&bytes).filter(Acl::names_others) else {
            xattr::remove_by_path(&name, KEPT)?;
            return CONTINUE; // one that the kernel keeps, or refuses
        };
        self.shared.note_acls()?;
        xattr::set_by_path(&name, KEPT, &bytes)?;
        let mode = file.seen().mode & 0o7000 | acl.mode();
        let here = nix::fcntl::AT_FDCWD;
        let mode = Mode::from_bits_truncate(mode);
        fchmodat(here, name.as_c_str(), mode, FchmodatFlags::FollowSymlink)?;
        value(0)
    }

    fn remove_acl(&mut self, asked: &Asked<'_>, file: &File) -> Outcome {
        let name = file.own_name();
        if self.acl(&name).is_none() {
            return CONTINUE;
        }
        let who = self.credentials(asked)?;
        if !permission::is_owner(&who, &file.seen()) {
            return Err(Errno::EPERM);
        }
        xattr::remove_by_path(&name, KEPT)?;
        value(0)
    }

    /// The kernel's list with the name of the attribute that is shown, without that which is kept.
    fn list(&mut self, asked: &Asked<'_>, file: &File) -> Outcome {
        let name = file.own_name();
        if self.acl(&name).is_none() {
            return CONTINUE;
        }
        let mut names: Vec<CString> = xattr::list_by_path(&name)?;
        names.retain(|name| name.as_c_str() != KEPT);
        let mut bytes: Vec<u8> = names
            .iter()
            .flat_map(|n| n.to_bytes_with_nul().to_vec())
            .collect();
        bytes.extend(acl::NAME);
        bytes.push(0);
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

    fn acl(&self, name: &CStr) -> Option<Acl> {
        let mut room = [0; LONGEST];
        let bytes = xattr::get_by_path(name, KEPT, &mut room).ok()??;
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
        match has_acls.then(|| self.acl(name)).flatten() {
            Some(acl) => {
                let acl = acl.with_mode(seen.mode);
                acl.allows((seen.uid, seen.gid), wanted, uid, is_in)
            }
            None => permission::access(seen, wanted, uid, is_in, false),
        }
    }
}
