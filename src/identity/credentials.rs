//! Who a process believes to be, and the kernel's rules by which that changes (credentials(7), capabilities(7);
//! kernel/sys.c, security/commoncap.c). Pure: a table in, a table out.

use nix::errno::Errno;
use serde::{Deserialize, Serialize};

/// Real, effective, saved and file system id.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Four {
    /// Who started it.
    pub real: u32,
    /// Whose rights it has.
    pub effective: u32,
    /// What it may go back to.
    pub saved: u32,
    /// Whose files it makes and opens.
    pub fs: u32,
}

/// "Leave it as it is", in the calls that take several ids.
pub const SAME: u32 = u32::MAX;

/// Capabilities that go and come with a file system id of 0 (CAP_FS_MASK): CHOWN, DAC_OVERRIDE, DAC_READ_SEARCH, FOWNER,
/// FSETID, LINUX_IMMUTABLE, MKNOD, MAC_OVERRIDE.
const OF_FILES: u64 = 0x1f | 1 << 9 | 1 << 27 | 1 << 32;

/// Numbers of the capabilities that the rules ask for.
pub mod cap {
    /// CAP_CHOWN.
    pub const CHOWN: u32 = 0;
    /// CAP_DAC_OVERRIDE.
    pub const DAC_OVERRIDE: u32 = 1;
    /// CAP_DAC_READ_SEARCH.
    pub const DAC_READ_SEARCH: u32 = 2;
    /// CAP_FOWNER.
    pub const FOWNER: u32 = 3;
    /// CAP_FSETID.
    pub const FSETID: u32 = 4;
    /// CAP_KILL.
    pub const KILL: u32 = 5;
    /// CAP_SETGID.
    pub const SETGID: u32 = 6;
    /// CAP_SETUID.
    pub const SETUID: u32 = 7;
    /// CAP_SETPCAP.
    pub const SETPCAP: u32 = 8;
    /// CAP_SYS_CHROOT.
    pub const SYS_CHROOT: u32 = 18;
    /// CAP_SYS_NICE.
    pub const SYS_NICE: u32 = 23;
    /// CAP_MKNOD.
    pub const MKNOD: u32 = 27;
    /// CAP_SETFCAP.
    pub const SETFCAP: u32 = 31;
    /// CAP_CHECKPOINT_RESTORE.
    pub const LAST: u64 = 40;
}

/// The longest list of groups (NGROUPS_MAX).
pub const MOST_GROUPS: usize = 65536;

/// All that is remembered of a process.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Credentials {
    /// User ids.
    pub user: Four,
    /// Group ids.
    pub group: Four,
    /// Supplementary groups, in ascending order.
    pub groups: Vec<u32>,
    /// PR_SET_KEEPCAPS.
    pub keep: bool,
    /// Effective capabilities.
    pub effective: u64,
    /// Permitted capabilities.
    pub permitted: u64,
    /// Capabilities that an exec may hand on.
    pub inheritable: u64,
    /// Capabilities that an exec as another than root hands on.
    pub ambient: u64,
    /// What an exec as root permits: the bounding set that the container started with, without what was dropped.
    pub bounding: u64,
    /// umask(2).
    pub umask: u32,
}

impl Four {
    /// All four the same.
    pub fn all(id: u32) -> Four {
        Four {
            real: id,
            effective: id,
            saved: id,
            fs: id,
        }
    }

    fn is_any(&self, id: u32) -> bool {
        [self.real, self.effective, self.saved].contains(&id)
    }

    /// setuid(2), setgid(2).
    fn set(&mut self, privileged: bool, id: u32) -> Result<(), Errno> {
        if id == SAME {
            return Err(Errno::EINVAL);
        }
        if privileged {
            (self.real, self.saved) = (id, id);
        } else if id != self.real && id != self.saved {
            return Err(Errno::EPERM);
        }
        (self.effective, self.fs) = (id, id);
        Ok(())
    }

    /// setreuid(2), setregid(2).
    fn set_two(&mut self, privileged: bool, real: u32, effective: u32) -> Result<(), Errno> {
        let old = *self;
        let may_real = real == SAME || privileged || [old.real, old.effective].contains(&real);
        let may_effective = effective == SAME || privileged || old.is_any(effective);
        if !may_real || !may_effective {
            return Err(Errno::EPERM);
        }
        if real != SAME {
            self.real = real;
        }
        if effective != SAME {
            self.effective = effective;
        }
        if real != SAME || (effective != SAME && effective != old.real) {
            self.saved = self.effective;
        }
        self.fs = self.effective;
        Ok(())
    }

    /// setresuid(2), setresgid(2).
    fn set_three(&mut self, privileged: bool, ids: [u32; 3]) -> Result<(), Errno> {
        let [real, effective, saved] = ids;
        let is_same = |id: u32, old: u32| id == SAME || id == old;
        // a call that changes nothing leaves the file system id alone too (Linux 6.0)
        if is_same(real, self.real)
            && is_same(saved, self.saved)
            && (effective == SAME || effective == self.effective && self.fs == effective)
        {
            return Ok(());
        }
        if !privileged && ids.iter().any(|id| *id != SAME && !self.is_any(*id)) {
            return Err(Errno::EPERM);
        }
        for (old, id) in [
            (&mut self.real, real),
            (&mut self.effective, effective),
            (&mut self.saved, saved),
        ] {
            if id != SAME {
                *old = id;
            }
        }
        self.fs = self.effective;
        Ok(())
    }

    /// setfsuid(2), setfsgid(2): returns the old id, whatever happens.
    fn set_fs(&mut self, privileged: bool, id: u32) -> u32 {
        let old = self.fs;
        if id != SAME && (privileged || self.is_any(id) || old == id) {
            self.fs = id;
        }
        old
    }
}

impl Credentials {
    /// A process that a container starts with these ids.
    pub fn new(uid: u32, gid: u32, groups: &[u32], bounding: u64) -> Credentials {
        let capabilities = if uid == 0 { bounding } else { 0 };
        let mut groups = groups.to_vec();
        groups.sort_unstable();
        groups.dedup();
        Credentials {
            user: Four::all(uid),
            group: Four::all(gid),
            groups,
            keep: false,
            effective: capabilities,
            permitted: capabilities,
            inheritable: 0,
            ambient: 0,
            bounding,
            umask: 0o022,
        }
    }

    /// Whether a capability is in effect.
    pub fn has(&self, capability: u32) -> bool {
        self.effective >> capability & 1 == 1
    }

    /// Whether all ids are root's, so that the kernel's own view is the right one.
    pub fn is_root(&self) -> bool {
        self.user == Four::all(0) && self.group == Four::all(0)
    }

    /// Whether files that it makes are root's.
    pub fn makes_root_files(&self) -> bool {
        self.user.fs == 0 && self.group.fs == 0
    }

    /// Whether it is in a group, for file permissions.
    pub fn is_in(&self, gid: u32) -> bool {
        self.group.fs == gid || self.groups.binary_search(&gid).is_ok()
    }

    /// Whether every folder may be searched.
    pub fn searches_all(&self) -> bool {
        self.has(cap::DAC_OVERRIDE) || self.has(cap::DAC_READ_SEARCH)
    }

    /// access(2) asks as who started the program (access_override_creds).
    pub fn ask_as_real(&mut self) {
        (self.user.fs, self.group.fs) = (self.user.real, self.group.real);
        self.effective = if self.user.real == 0 {
            self.permitted
        } else {
            0
        };
    }

    /// setuid(2).
    pub fn set_uid(&mut self, id: u32) -> Result<(), Errno> {
        self.change_user(|user, privileged| user.set(privileged, id))
    }

    /// setreuid(2).
    pub fn set_reuid(&mut self, real: u32, effective: u32) -> Result<(), Errno> {
        self.change_user(|user, privileged| user.set_two(privileged, real, effective))
    }

    /// setresuid(2).
    pub fn set_resuid(&mut self, ids: [u32; 3]) -> Result<(), Errno> {
        self.change_user(|user, privileged| user.set_three(privileged, ids))
    }

    /// setfsuid(2).
    pub fn set_fsuid(&mut self, id: u32) -> u32 {
        let old = self.user.set_fs(self.has(cap::SETUID), id);
        match (old, self.user.fs) {
            (0, new) if new != 0 => self.effective &= !OF_FILES,
            (old, 0) if old != 0 => self.effective |= self.permitted & OF_FILES,
            _ => {}
        }
        old
    }

    /// setgid(2).
    pub fn set_gid(&mut self, id: u32) -> Result<(), Errno> {
        self.group.set(self.effective >> cap::SETGID & 1 == 1, id)
    }

    /// setregid(2).
    pub fn set_regid(&mut self, real: u32, effective: u32) -> Result<(), Errno> {
        self.group
            .set_two(self.effective >> cap::SETGID & 1 == 1, real, effective)
    }

    /// setresgid(2).
    pub fn set_resgid(&mut self, ids: [u32; 3]) -> Result<(), Errno> {
        self.group
            .set_three(self.effective >> cap::SETGID & 1 == 1, ids)
    }

    /// setfsgid(2).
    pub fn set_fsgid(&mut self, id: u32) -> u32 {
        self.group
            .set_fs(self.effective >> cap::SETGID & 1 == 1, id)
    }

    /// setgroups(2).
    pub fn set_groups(&mut self, mut groups: Vec<u32>) -> Result<(), Errno> {
        if !self.has(cap::SETGID) {
            return Err(Errno::EPERM);
        }
        if groups.contains(&SAME) {
            return Err(Errno::EINVAL);
        }
        groups.sort_unstable();
        self.groups = groups;
        Ok(())
    }

    /// capset(2) of oneself (cap_capset).
    pub fn set_capabilities(
        &mut self,
        effective: u64,
        permitted: u64,
        inheritable: u64,
    ) -> Result<(), Errno> {
        let may_inherit = match self.has(cap::SETPCAP) {
            true => self.inheritable | self.bounding,
            false => self.inheritable | self.permitted & self.bounding,
        };
        if permitted & !self.permitted != 0
            || effective & !permitted != 0
            || inheritable & !may_inherit != 0
        {
            return Err(Errno::EPERM);
        }
        (self.effective, self.permitted, self.inheritable) = (effective, permitted, inheritable);
        self.ambient &= permitted & inheritable;
        Ok(())
    }

    /// prctl(PR_CAPBSET_DROP).
    pub fn drop_bounding(&mut self, capability: u64) -> Result<(), Errno> {
        if !self.has(cap::SETPCAP) {
            return Err(Errno::EPERM);
        }
        if capability > cap::LAST {
            return Err(Errno::EINVAL);
        }
        self.bounding &= !(1 << capability);
        Ok(())
    }

    /// prctl(PR_CAP_AMBIENT, `what`, `capability`, `rest`...): returns the call's result.
    pub fn change_ambient(
        &mut self,
        what: u64,
        capability: u64,
        rest: [u64; 2],
    ) -> Result<u8, Errno> {
        const IS_SET: u64 = 1;
        const RAISE: u64 = 2;
        const LOWER: u64 = 3;
        const CLEAR_ALL: u64 = 4;
        if rest != [0, 0] || capability > cap::LAST || what == CLEAR_ALL && capability != 0 {
            return Err(Errno::EINVAL);
        }
        let bit = 1 << capability;
        match what {
            IS_SET => return Ok(u8::from(self.ambient & bit != 0)),
            RAISE if self.permitted & self.inheritable & bit == 0 => return Err(Errno::EPERM),
            RAISE => self.ambient |= bit,
            LOWER => self.ambient &= !bit,
            CLEAR_ALL => self.ambient = 0,
            _ => return Err(Errno::EINVAL),
        }
        Ok(0)
    }

    /// What they are after execve(2) of a file. `set_id`: its owner and group, where its mode and mount say that they
    /// count.
    pub fn executed(&self, set_id: (Option<u32>, Option<u32>)) -> Credentials {
        let mut new = self.clone();
        if let Some(uid) = set_id.0 {
            new.user.effective = uid;
        }
        if let Some(gid) = set_id.1 {
            new.group.effective = gid;
        }
        let user = &mut new.user;
        (user.saved, user.fs) = (user.effective, user.effective);
        let group = &mut new.group;
        (group.saved, group.fs) = (group.effective, group.effective);
        let is_root = new.user.effective == 0 || new.user.real == 0;
        if new.has_more_than(self) {
            new.ambient = 0;
        }
        let of_root = if is_root {
            new.bounding | new.inheritable
        } else {
            0
        };
        new.permitted = of_root | new.ambient;
        new.effective = if new.user.effective == 0 {
            new.permitted
        } else {
            new.ambient
        };
        new.keep = false;
        new
    }

    /// Whether a program with these is not to trust who starts it (AT_SECURE, getauxval(3); cap_bprm_creds_from_file).
    pub fn has_more_than(&self, starter: &Credentials) -> bool {
        self.user.effective != starter.user.real || self.group.effective != starter.group.real
    }

    /// A change of user ids, with what it does to capabilities (cap_emulate_setxuid).
    fn change_user(
        &mut self,
        change: impl FnOnce(&mut Four, bool) -> Result<(), Errno>,
    ) -> Result<(), Errno> {
        let old = self.user;
        let privileged = self.has(cap::SETUID);
        change(&mut self.user, privileged)?;
        let new = self.user;
        if old.is_any(0) && !new.is_any(0) {
            if !self.keep {
                (self.permitted, self.effective) = (0, 0);
            }
            self.ambient = 0;
        }
        if old.effective == 0 && new.effective != 0 {
            self.effective = 0;
        }
        if old.effective != 0 && new.effective == 0 {
            self.effective = self.permitted;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: u64 = (1 << 41) - 1;

    fn root() -> Credentials {
        Credentials::new(0, 0, &[0], ALL)
    }

    #[test]
    fn a_daemon_drops_for_good() {
        let mut c = root();
        c.set_groups(vec![60, 50]).unwrap();
        c.set_gid(1000).unwrap();
        c.set_uid(1000).unwrap();
        assert_eq!(
            (c.user, c.group, c.groups.as_slice()),
            (Four::all(1000), Four::all(1000), &[50, 60][..])
        );
        assert_eq!((c.effective, c.permitted), (0, 0));
        assert_eq!(c.set_uid(0), Err(Errno::EPERM));
        assert_eq!(c.set_groups(vec![]), Err(Errno::EPERM));
        assert_eq!(c.set_gid(0), Err(Errno::EPERM));
    }

    #[test]
    fn an_effective_id_is_taken_and_given_back() {
        let mut c = root();
        c.set_resuid([SAME, 33, SAME]).unwrap();
        assert_eq!(
            (c.user.real, c.user.effective, c.user.saved, c.user.fs),
            (0, 33, 0, 33)
        );
        assert!(!c.has(cap::SETUID) && c.permitted == ALL);
        c.set_resuid([SAME, 0, SAME]).unwrap();
        assert!(c.has(cap::SETUID) && c.is_root());
    }

    #[test]
    fn kept_capabilities_survive_leaving_root_but_not_an_exec() {
        let mut c = root();
        c.keep = true;
        c.set_uid(5).unwrap();
        assert_eq!((c.effective, c.permitted), (0, ALL));
        assert_eq!(c.executed((None, None)).permitted, 0);
    }

    #[test]
    fn a_set_id_program_gives_its_owners_id() {
        let mut c = root();
        c.set_gid(1000).unwrap();
        c.set_uid(1000).unwrap();
        let sudo = c.executed((Some(0), None));
        assert_eq!(
            (sudo.user.real, sudo.user.effective, sudo.user.saved),
            (1000, 0, 0)
        );
        assert_eq!(sudo.effective, ALL);
        let crontab = c.executed((None, Some(101)));
        assert_eq!(
            (
                crontab.group.real,
                crontab.group.effective,
                crontab.group.fs
            ),
            (1000, 101, 101)
        );
        assert_eq!(crontab.effective, 0);
    }

    #[test]
    fn a_file_system_id_moves_the_capabilities_of_files() {
        let mut c = root();
        assert_eq!(c.set_fsuid(33), 0);
        assert!(!c.has(cap::CHOWN) && c.has(cap::SETUID));
        assert_eq!(c.set_fsuid(SAME), 33);
        assert_eq!(c.set_fsuid(0), 33);
        assert!(c.has(cap::CHOWN));
    }

    #[test]
    fn ambient_capabilities_go_through_an_exec_of_another() {
        let chown = 1 << cap::CHOWN;
        let mut c = root();
        c.keep = true;
        c.set_uid(1001).unwrap();
        let raise = |c: &mut Credentials| c.change_ambient(2, 0, [0, 0]);
        assert_eq!(raise(&mut c), Err(Errno::EPERM));
        c.set_capabilities(chown, chown, chown).unwrap();
        assert_eq!(c.set_capabilities(chown, chown, 1 << 5), Err(Errno::EPERM));
        assert_eq!(raise(&mut c), Ok(0));
        assert_eq!(c.change_ambient(1, 0, [0, 0]), Ok(1));
        assert_eq!(c.change_ambient(1, 41, [0, 0]), Err(Errno::EINVAL));
        assert_eq!(c.change_ambient(4, 0, [1, 0]), Err(Errno::EINVAL));
        let done = c.executed((None, None));
        assert_eq!((done.effective, done.permitted), (chown, chown));
        assert_eq!(c.executed((Some(7), None)).permitted, 0);
        c.change_ambient(4, 0, [0, 0]).unwrap();
        assert_eq!(c.executed((None, None)).permitted, 0);
    }

    #[test]
    fn what_is_dropped_from_the_bounding_set_is_gone_after_an_exec() {
        let mut c = root();
        c.drop_bounding(0).unwrap();
        assert!(c.has(cap::CHOWN) && !c.executed((None, None)).has(cap::CHOWN));
        assert_eq!(c.drop_bounding(41), Err(Errno::EINVAL));
        c.set_uid(5).unwrap();
        assert_eq!(c.drop_bounding(1), Err(Errno::EPERM));
    }

    #[test]
    fn without_setuid_in_the_bounding_set_root_stays() {
        let mut c = Credentials::new(0, 0, &[0], 0);
        assert_eq!(c.set_uid(33), Err(Errno::EPERM));
        assert_eq!(c.set_uid(0), Ok(()));
    }
}
