//! Answers to sendmsg: what a program says of itself to the other end of a local socket (SCM_CREDENTIALS, unix(7)).
//!
//! The kernel sends no ids that are not mapped. So what its rules allow the program to say is made root's in the program's
//! own message, and the kernel sends it, with the process it comes from. Who is told root's by everybody asks the kernel
//! for the peer (SO_PEERCRED), and that is answered by who it is.

use nix::errno::Errno;

use super::tracee::Tracee;
use super::worker::{Asked, CONTINUE, Outcome, Worker};
use crate::identity::credentials::{Credentials, Four, SAME, cap};
use crate::sys::seccomp::Arch;

/// struct cmsghdr of 64-bit programs: length, level, type.
const HEADER: usize = 16;
/// A header and a struct ucred: process, user, group.
const CLAIM: usize = HEADER + 12;
/// Longest control data that is looked at; the kernel takes 253 descriptors in one message.
const LONGEST: usize = 4096;

impl Worker {
    pub(super) fn send(&mut self, asked: &Asked<'_>) -> Outcome {
        if matches!(asked.arch, Arch::I386 | Arch::Arm) {
            return CONTINUE; // their messages look otherwise
        }
        let tracee = self.tracee(asked)?;
        let Some((at, [uid, gid])) = claim(&tracee, asked.args[1])? else {
            return CONTINUE;
        };
        let who = self.credentials(asked)?;
        // root's is what is left of a claim that could not be sent at once, and it says nothing anyhow
        if [uid, gid] != [0, 0] {
            may_claim(&who, uid, gid)?;
            tracee.write(at, &[0; 8])?;
        }
        CONTINUE
    }
}

/// Where in a message its sender says who it is, and who; `None` where it does not, or not as the kernel takes it.
fn claim(tracee: &Tracee, message: u64) -> Result<Option<(u64, [u32; 2])>, Errno> {
    let mut head = [0; 56];
    match tracee.read(message, &mut head) {
        Err(Errno::ESTALE) => return Err(Errno::ESTALE),
        Err(_) => return Ok(None),
        Ok(()) => {}
    }
    let (at, len) = (word(&head, 32), word(&head, 40) as usize);
    if at == 0 || !(CLAIM..=LONGEST).contains(&len) {
        return Ok(None);
    }
    let mut control = vec![0; len];
    if tracee.read(at, &mut control).is_err() {
        return Ok(None);
    }
    Ok(find(&control).map(|(offset, ids)| (at + offset as u64, ids)))
}

/// The ids of credentials in control data, and where they lie.
fn find(control: &[u8]) -> Option<(usize, [u32; 2])> {
    let half = |at: usize| u32::from_ne_bytes(control[at..at + 4].try_into().expect("four bytes"));
    let mut at = 0;
    while at + HEADER <= control.len() {
        let len = word(control, at) as usize;
        if len < HEADER || len > control.len() - at {
            return None;
        }
        let kind = (half(at + 8) as i32, half(at + 12) as i32);
        if kind == (libc::SOL_SOCKET, libc::SCM_CREDENTIALS) && len == CLAIM {
            let ids = at + HEADER + 4;
            return Some((ids, [half(ids), half(ids + 4)]));
        }
        at += len.next_multiple_of(8);
    }
    None
}

fn word(bytes: &[u8], at: usize) -> u64 {
    u64::from_ne_bytes(bytes[at..at + 8].try_into().expect("eight bytes"))
}

/// The kernel's rule (net/core/scm.c, scm_check_creds); the process's number it judges by itself.
fn may_claim(who: &Credentials, uid: u32, gid: u32) -> Result<(), Errno> {
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
        assert_eq!(find(&own[..CLAIM]), Some((20, [33, 34])));
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
        assert_eq!(find(&own[..CLAIM - 1]), None);
    }

    #[test]
    fn one_says_what_one_is_and_root_says_what_it_likes() {
        let who = Credentials::new(33, 34, &[34, 4], u64::MAX);
        assert_eq!(may_claim(&who, 33, 34), Ok(()));
        assert_eq!(may_claim(&who, 33, 4), Err(Errno::EPERM));
        assert_eq!(may_claim(&who, 0, 34), Err(Errno::EPERM));
        assert_eq!(may_claim(&who, SAME, 34), Err(Errno::EINVAL));
        let root = Credentials::new(0, 0, &[], u64::MAX);
        assert_eq!(may_claim(&root, 1, 2), Ok(()));
        assert_eq!(may_claim(&root, SAME, 2), Err(Errno::EINVAL));
    }
}
