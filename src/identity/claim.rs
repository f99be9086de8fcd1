//! What a message's control data says of its sender (SCM_CREDENTIALS, unix(7)), as 64-bit programs lay it out, and whether the
//! sender may say so. Pure.

use nix::errno::Errno;

use super::credentials::{Credentials, Four, SAME, cap};

/// struct cmsghdr of 64-bit programs: length, level, type.
const HEADER: usize = 16;
/// Bytes of a claim, a header and a struct ucred: process, user, group.
pub const LEN: usize = HEADER + 12;

/// Returns the user and group that control data claims, and where they lie; `None` where it claims none, or not as the kernel
/// takes it.
pub fn find(control: &[u8]) -> Option<(usize, [u32; 2])> {
    let half = |at: usize| u32::from_ne_bytes(control[at..at + 4].try_into().expect("four bytes"));
    let word = |at: usize| u64::from_ne_bytes(control[at..at + 8].try_into().expect("eight bytes"));
    let mut at = 0;
    while at + HEADER <= control.len() {
        let len = word(at) as usize;
        if len < HEADER || len > control.len() - at {
            return None;
        }
        let kind = (half(at + 8) as i32, half(at + 12) as i32);
        if kind == (libc::SOL_SOCKET, libc::SCM_CREDENTIALS) && len == LEN {
            let ids = at + HEADER + 4;
            return Some((ids, [half(ids), half(ids + 4)]));
        }
        at += len.next_multiple_of(8);
    }
    None
}

/// Whether who sends may say that it is these: EINVAL for no id at all, EPERM for another's (net/core/scm.c, scm_check_creds). The
/// process's number the kernel judges by itself.
pub fn may(who: &Credentials, uid: u32, gid: u32) -> Result<(), Errno> {
    if uid == SAME || gid == SAME {
        return Err(Errno::EINVAL);
    }
    let is_own = |four: &Four, id| [four.real, four.effective, four.saved].contains(&id);
    let may_user = is_own(&who.user, uid) || who.has(cap::SETUID);
    let may_group = is_own(&who.group, gid) || who.has(cap::SETGID);
    match may_user && may_group {
        true => Ok(()),
        false => Err(Errno::EPERM),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(kind: i32, data: &[u8]) -> Vec<u8> {
        let mut bytes = ((HEADER + data.len()) as u64).to_ne_bytes().to_vec();
        bytes.extend(libc::SOL_SOCKET.to_ne_bytes());
        bytes.extend(kind.to_ne_bytes());
        bytes.extend(data);
        bytes.resize(bytes.len().next_multiple_of(8), 0);
        bytes
    }

    #[test]
    fn a_claim_is_found_where_it_is() {
        let ids = [7u32, 33, 34].map(u32::to_ne_bytes).concat();
        let own = part(libc::SCM_CREDENTIALS, &ids);
        let fds = part(libc::SCM_RIGHTS, &[0; 12]);
        assert_eq!(find(&own), Some((20, [33, 34])));
        assert_eq!(find(&own[..LEN]), Some((20, [33, 34])));
        assert_eq!(
            find(&[fds.clone(), own.clone()].concat()),
            Some((52, [33, 34]))
        );
        assert_eq!(find(&fds), None);
        assert_eq!(find(&[]), None);
    }

    #[test]
    fn lengths_that_lie_lead_nowhere() {
        let own = part(libc::SCM_CREDENTIALS, &[1; 12]);
        for len in [0u64, 1, 15, 27, 29, 40, u64::MAX, u64::MAX - 7] {
            let mut bytes = own.clone();
            bytes[..8].copy_from_slice(&len.to_ne_bytes());
            assert_eq!(find(&bytes), None, "{len}");
        }
        assert_eq!(find(&own[..LEN - 1]), None);
    }

    #[test]
    fn one_says_what_one_is_and_root_says_what_it_likes() {
        let who = Credentials::new(33, 34, &[34, 4], u64::MAX);
        assert_eq!(may(&who, 33, 34), Ok(()));
        assert_eq!(may(&who, 33, 4), Err(Errno::EPERM));
        assert_eq!(may(&who, 0, 34), Err(Errno::EPERM));
        assert_eq!(may(&who, SAME, 34), Err(Errno::EINVAL));
        let root = Credentials::new(0, 0, &[], u64::MAX);
        assert_eq!(may(&root, 1, 2), Ok(()));
        assert_eq!(may(&root, SAME, 2), Err(Errno::EINVAL));
    }
}
