//! What a process may do to a file by its recorded owner and mode. Pure; the kernel itself knows one owner for all.

use nix::errno::Errno;

use super::credentials::{Credentials, SAME, cap};

/// Owner, group and mode (with the type) of a file, as programs see them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Type and 12 bits.
    pub mode: u32,
}

/// Returns owner and group after chown(2), `SAME` for one that stays.
pub fn chown(who: &Credentials, file: &Seen, uid: u32, gid: u32) -> Result<(u32, u32), Errno> {
    let is_own = file.uid == who.user.fs;
    let may_own = uid == SAME || is_own && uid == file.uid;
    let may_group = gid == SAME || is_own && (gid == file.gid || who.is_in(gid));
    match who.has(cap::CHOWN) || may_own && may_group {
        true => Ok((
            if uid == SAME { file.uid } else { uid },
            if gid == SAME { file.gid } else { gid },
        )),
        false => Err(Errno::EPERM),
    }
}

/// Whether a file of this mode is a program that may have rights of its own, which a chown takes away.
pub fn has_privileges(mode: u32) -> bool {
    mode & libc::S_IFMT == libc::S_IFREG && mode & 0o6111 != 0
}

/// The mode of a file after a chown by whomever (setattr_should_drop_suidgid): programs lose their set-id bits.
pub fn mode_after_chown(mode: u32) -> u32 {
    match mode & libc::S_IFMT {
        libc::S_IFDIR => mode,
        _ if mode & 0o010 != 0 => mode & !0o6000,
        _ => mode & !0o4000,
    }
}

/// The mode of a file after a chmod by its owner: who is not in the file's group makes no set-gid program of it.
pub fn mode_after_chmod(who: &Credentials, file: &Seen, mode: u32) -> u32 {
    match who.is_in(file.gid) || who.has(cap::FSETID) {
        true => mode & 0o7777,
        false => mode & 0o5777,
    }
}

/// Whether chmod(2), utimes and the like may be done to a file: they are its owner's.
pub fn is_owner(who: &Credentials, file: &Seen) -> bool {
    who.has(cap::FOWNER) || who.user.fs == file.uid
}

/// access(2): `wanted` are R_OK, W_OK, X_OK. `uid`, `is_in`: as whom it is asked; `overrides`: it is above permissions.
pub fn access(
    file: &Seen,
    wanted: u32,
    uid: u32,
    is_in: impl Fn(u32) -> bool,
    overrides: bool,
) -> bool {
    let wanted = wanted & 7;
    if overrides {
        let is_folder = file.mode & libc::S_IFMT == libc::S_IFDIR;
        return wanted & 1 == 0 || is_folder || file.mode & 0o111 != 0;
    }
    let bits = if uid == file.uid {
        file.mode >> 6
    } else if is_in(file.gid) {
        file.mode >> 3
    } else {
        file.mode
    };
    bits & wanted == wanted
}

/// Whether a file that is another's may get one more name where one may read and write it (safe_hardlink_source).
pub fn is_safe_to_link(file: &Seen) -> bool {
    let is_set_gid = file.mode & (libc::S_ISGID | libc::S_IXGRP) == libc::S_ISGID | libc::S_IXGRP;
    file.mode & libc::S_IFMT == libc::S_IFREG && file.mode & libc::S_ISUID == 0 && !is_set_gid
}

/// Whether who has these ids may look into a process and trace it (ptrace(2), __ptrace_may_access).
pub fn trace(uid: &u32, gid: &u32, of: &Credentials) -> bool {
    let (user, group) = (of.user, of.group);
    [user.real, user.effective, user.saved]
        .iter()
        .all(|id| id == uid)
        && [group.real, group.effective, group.saved]
            .iter()
            .all(|id| id == gid)
}

/// Whether how a process is scheduled may be changed (check_same_owner).
pub fn schedule(who: &Credentials, of: &Credentials) -> bool {
    who.has(cap::SYS_NICE) || [of.user.real, of.user.effective].contains(&who.user.effective)
}

/// Whether a signal may be sent (kill(2)).
pub fn kill(from: &Credentials, to: &Credentials) -> bool {
    let targets = [to.user.real, to.user.saved];
    from.has(cap::KILL)
        || targets.contains(&from.user.real)
        || targets.contains(&from.user.effective)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(uid: u32, groups: &[u32]) -> Credentials {
        Credentials::new(uid, uid, groups, u64::MAX >> 23)
    }

    fn file(uid: u32, gid: u32, mode: u32) -> Seen {
        Seen {
            uid,
            gid,
            mode: mode | libc::S_IFREG,
        }
    }

    #[test]
    fn owners_give_files_to_their_groups_only() {
        let (root, bob) = (user(0, &[]), user(1000, &[50]));
        let own = file(1000, 1000, 0o644);
        assert_eq!(chown(&root, &own, 5, 6), Ok((5, 6)));
        assert_eq!(chown(&root, &own, SAME, SAME), Ok((1000, 1000)));
        assert_eq!(chown(&bob, &own, SAME, 50), Ok((1000, 50)));
        assert_eq!(chown(&bob, &own, 1000, 51), Err(Errno::EPERM));
        assert_eq!(chown(&bob, &own, 0, SAME), Err(Errno::EPERM));
        assert_eq!(chown(&bob, &file(0, 50, 0o644), SAME, SAME), Ok((0, 50)));
        assert_eq!(
            chown(&bob, &file(0, 50, 0o644), 1000, SAME),
            Err(Errno::EPERM)
        );
    }

    #[test]
    fn a_program_that_changes_hands_loses_its_set_id_bits() {
        assert_eq!(
            mode_after_chown(libc::S_IFREG | 0o4755),
            libc::S_IFREG | 0o755
        );
        assert_eq!(
            mode_after_chown(libc::S_IFREG | 0o2755),
            libc::S_IFREG | 0o755
        );
        assert_eq!(
            mode_after_chown(libc::S_IFREG | 0o2644),
            libc::S_IFREG | 0o2644
        );
        assert_eq!(
            mode_after_chown(libc::S_IFDIR | 0o2775),
            libc::S_IFDIR | 0o2775
        );
    }

    #[test]
    fn who_is_not_in_a_group_makes_no_program_of_it() {
        let bob = user(1000, &[50]);
        let mode = |gid| mode_after_chmod(&bob, &file(1000, gid, 0o644), 0o106755);
        assert_eq!((mode(1000), mode(50), mode(42)), (0o6755, 0o6755, 0o4755));
        let root = mode_after_chmod(&user(0, &[]), &file(1000, 42, 0), 0o2755);
        assert_eq!(root, 0o2755);
    }

    #[test]
    fn access_looks_at_one_class_only() {
        let ask = |who: &Credentials, file: &Seen, wanted| {
            access(
                file,
                wanted,
                who.user.real,
                |g| who.is_in(g),
                who.user.real == 0,
            )
        };
        let (root, bob) = (user(0, &[]), user(1000, &[42]));
        let shadow = file(0, 42, 0o640);
        assert!(ask(&bob, &shadow, 4) && !ask(&bob, &shadow, 2));
        assert!(!ask(&user(33, &[]), &shadow, 4));
        assert!(ask(&root, &file(5, 5, 0), 6) && !ask(&root, &file(5, 5, 0o644), 1));
        // the owner's class hides the others'
        assert!(!ask(&bob, &file(1000, 0, 0o077), 4));
    }

    #[test]
    fn only_plain_files_are_safe_to_link() {
        for (mode, expected) in [
            (libc::S_IFREG | 0o666, true),
            (libc::S_IFREG | 0o2666, true),
            (libc::S_IFREG | 0o2676, false),
            (libc::S_IFREG | 0o4666, false),
            (libc::S_IFIFO | 0o666, false),
        ] {
            let file = Seen {
                mode,
                ..file(0, 0, 0)
            };
            assert_eq!(is_safe_to_link(&file), expected, "{mode:o}");
        }
    }

    #[test]
    fn a_set_id_program_is_not_traced_but_by_its_like() {
        let bob = user(1000, &[]);
        let sudo = bob.executed((Some(0), None));
        assert!(trace(&1000, &1000, &bob) && !trace(&1000, &0, &bob));
        assert!(!trace(&1000, &1000, &sudo) && !trace(&0, &1000, &sudo));
        assert!(schedule(&bob, &sudo) && !schedule(&bob, &user(0, &[])));
    }

    #[test]
    fn signals_go_to_ones_own() {
        let (root, bob, eve) = (user(0, &[]), user(1000, &[]), user(1001, &[]));
        assert!(kill(&root, &bob) && kill(&bob, &bob));
        assert!(!kill(&bob, &root) && !kill(&bob, &eve));
    }
}
