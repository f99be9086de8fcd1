//! Answers to sendmsg: what a program says of itself to the other end of a local socket (SCM_CREDENTIALS, unix(7)).
//!
//! The kernel sends no ids that are not mapped. So what its rules allow the program to say is made root's in the program's
//! own message, and the kernel sends it, with the process it comes from. Who is told root's by everybody asks the kernel
//! for the peer (SO_PEERCRED), and that is answered by who it is.

use nix::errno::Errno;

use super::tracee::Tracee;
use super::worker::{Asked, CONTINUE, Outcome, Worker};
use crate::identity::claim;
use crate::sys::seccomp::Arch;

/// Longest control data that is looked at; the kernel takes 253 descriptors in one message.
const LONGEST: usize = 4096;

impl Worker {
    pub(super) fn send(&mut self, asked: &Asked<'_>) -> Outcome {
        if matches!(asked.arch, Arch::I386 | Arch::Arm) {
            return CONTINUE; // their messages look otherwise
        }
        let tracee = self.tracee(asked)?;
        let Some((at, [uid, gid])) = claimed(&tracee, asked.args[1])? else {
            return CONTINUE;
        };
        let who = self.credentials(asked)?;
        // root's is what is left of a claim that could not be sent at once, and it says nothing anyhow
        if [uid, gid] != [0, 0] {
            claim::may(&who, uid, gid)?;
            tracee.write(at, &[0; 8])?;
        }
        CONTINUE
    }
}

/// Where in a message its sender says who it is, and who; `None` where it does not, or not as the kernel takes it.
fn claimed(tracee: &Tracee, message: u64) -> Result<Option<(u64, [u32; 2])>, Errno> {
    let mut head = [0; 56];
    match tracee.read(message, &mut head) {
        Err(Errno::ESTALE) => return Err(Errno::ESTALE),
        Err(_) => return Ok(None),
        Ok(()) => {}
    }
    let (at, len) = (word(&head, 32), word(&head, 40) as usize);
    if at == 0 || !(claim::LEN..=LONGEST).contains(&len) {
        return Ok(None);
    }
    let mut control = vec![0; len];
    if tracee.read(at, &mut control).is_err() {
        return Ok(None);
    }
    Ok(claim::find(&control).map(|(offset, ids)| (at + offset as u64, ids)))
}

fn word(bytes: &[u8], at: usize) -> u64 {
    u64::from_ne_bytes(bytes[at..at + 8].try_into().expect("eight bytes"))
}
