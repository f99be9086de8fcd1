//! Netlink sockets (netlink(7)): a batch of messages goes out in one call, an answer for each comes back.
//!
//! Bytes only: what they mean is the caller's business.

#![allow(unsafe_code)]

use std::os::fd::{AsRawFd, OwnedFd};

use nix::errno::Errno;

use super::fd::{number, owned};
use super::{Result, SysError};

/// Which part of the kernel answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Family {
    /// Links, addresses, routes (rtnetlink(7)).
    Route,
    /// nf_tables.
    Netfilter,
}

/// One socket. It belongs to the network namespace that its thread was in.
#[derive(Debug)]
pub(crate) struct Netlink {
    fd: OwnedFd,
}

/// A message of a batch that the kernel refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Refused {
    /// Sequence number of the message.
    pub(crate) sequence: u32,
    /// Why.
    pub(crate) errno: Errno,
}

impl Netlink {
    /// Opens one in the calling thread's network namespace.
    pub(crate) fn open(family: Family) -> Result<Netlink> {
        let protocol = match family {
            Family::Route => libc::NETLINK_ROUTE,
            Family::Netfilter => libc::NETLINK_NETFILTER,
        };
        // SAFETY: plain numbers.
        let fd = unsafe {
            libc::socket(
                libc::AF_NETLINK,
                libc::SOCK_RAW | libc::SOCK_CLOEXEC,
                protocol,
            )
        };
        let fd = owned(fd.into(), || "socket(AF_NETLINK)".to_owned())?;
        Ok(Netlink { fd })
    }

    /// Sends `bytes`, whole messages of which `answers` ask for an acknowledgement, and waits for all of them. Returns the
    /// first refusal, if any.
    pub(crate) fn exchange(&self, bytes: &[u8], answers: usize) -> Result<Option<Refused>> {
        // SAFETY: the buffer lives until the call returns.
        let sent =
            unsafe { libc::send(self.fd.as_raw_fd(), bytes.as_ptr().cast(), bytes.len(), 0) };
        number(sent as libc::c_long, || {
            format!("send(AF_NETLINK, {} bytes)", bytes.len())
        })?;
        let mut buffer = vec![0u8; 16 * 1024];
        let (mut seen, mut first) = (0, None);
        while seen < answers {
            // SAFETY: as above; the kernel writes at most the buffer's length.
            let n = unsafe {
                libc::recv(
                    self.fd.as_raw_fd(),
                    buffer.as_mut_ptr().cast(),
                    buffer.len(),
                    0,
                )
            };
            if n < 0 && Errno::last() == Errno::EINTR {
                continue;
            }
            let n = number(n as libc::c_long, || "recv(AF_NETLINK)".to_owned())? as usize;
            for refused in errors(&buffer[..n]) {
                seen += 1;
                if refused.errno != Errno::UnknownErrno {
                    first = first.or(Some(refused));
                }
            }
        }
        Ok(first)
    }
}

/// The NLMSG_ERROR messages in a buffer; an acknowledgement has errno 0 (`UnknownErrno`).
fn errors(buffer: &[u8]) -> Vec<Refused> {
    let word = |at: usize| -> Option<u32> {
        Some(u32::from_ne_bytes(buffer.get(at..at + 4)?.try_into().ok()?))
    };
    let (mut at, mut found) = (0, Vec::new());
    while let (Some(length), Some(kind), Some(sequence)) = (word(at), word(at + 4), word(at + 8)) {
        if kind as u16 == libc::NLMSG_ERROR as u16
            && let Some(error) = word(at + 16)
        {
            found.push(Refused {
                sequence,
                errno: Errno::from_raw((error as i32).wrapping_neg()),
            });
        }
        if length < 16 {
            break;
        }
        at += (length as usize + 3) & !3;
    }
    found
}

impl From<Refused> for SysError {
    fn from(refused: Refused) -> SysError {
        SysError::new(
            format!("netlink message {}", refused.sequence),
            refused.errno,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_found_in_a_buffer_and_a_broken_one_ends() {
        let mut bytes = Vec::new();
        for (sequence, error) in [(1u32, 0i32), (2, -17)] {
            bytes.extend(36u32.to_ne_bytes());
            bytes.extend((libc::NLMSG_ERROR as u16).to_ne_bytes());
            bytes.extend(0u16.to_ne_bytes());
            bytes.extend(sequence.to_ne_bytes());
            bytes.extend(0u32.to_ne_bytes());
            bytes.extend(error.to_ne_bytes());
            bytes.extend([0; 16]);
        }
        let found = errors(&bytes);
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].errno, Errno::UnknownErrno);
        assert_eq!((found[1].sequence, found[1].errno), (2, Errno::EEXIST));
        assert!(errors(&[0; 64]).is_empty());
    }

    #[test]
    fn a_plain_user_is_refused_with_the_number_of_the_message() {
        let Ok(netlink) = Netlink::open(Family::Route) else {
            return; // a host without netlink has no networks either
        };
        // RTM_NEWLINK of a link that does not exist, with an answer wanted
        let mut bytes = 32u32.to_ne_bytes().to_vec();
        bytes.extend(16u16.to_ne_bytes());
        bytes.extend(5u16.to_ne_bytes());
        bytes.extend(9u32.to_ne_bytes());
        bytes.extend([0; 8]);
        bytes.extend(i32::MAX.to_ne_bytes());
        bytes.extend([0; 8]);
        let refused = netlink.exchange(&bytes, 1).expect("an answer");
        assert_eq!(refused.expect("refused").sequence, 9);
    }
}
