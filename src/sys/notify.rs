//! The listener of a filter: questions come out of it, answers go in (seccomp_unotify(2)).

#![allow(unsafe_code)]

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;

use super::seccomp::Arch;

/// struct seccomp_notif.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Question {
    /// Cookie of the question.
    pub(crate) id: u64,
    /// The thread that waits, in our pid namespace; 0 when it is not in sight.
    pub(crate) tid: u32,
    flags: u32,
    /// Number of the call.
    pub(crate) nr: u32,
    arch: u32,
    ip: u64,
    /// Its arguments.
    pub(crate) args: [u64; 6],
}

impl Question {
    /// The instruction set of the call.
    pub(crate) fn arch(&self) -> Option<Arch> {
        [Arch::X86_64, Arch::I386, Arch::Aarch64, Arch::Arm]
            .into_iter()
            .find(|arch| arch.audit() == self.arch)
    }
}

/// struct seccomp_notif_resp.
#[repr(C)]
struct Response {
    id: u64,
    val: i64,
    error: i32,
    flags: u32,
}

/// struct seccomp_notif_addfd.
#[repr(C)]
struct AddFd {
    id: u64,
    flags: u32,
    source: u32,
    target: u32,
    target_flags: u32,
}

/// What the waiting thread gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    /// The call returns this.
    Value(i64),
    /// It fails.
    Fail(Errno),
    /// The kernel does it (Linux 5.5).
    Continue,
}

const RECV: libc::c_ulong = 0xc050_2100;
const SEND: libc::c_ulong = 0xc018_2101;
const ID_VALID: libc::c_ulong = 0x4008_2102;
const ADDFD: libc::c_ulong = 0x4018_2103;
const SET_FLAGS: libc::c_ulong = 0x4008_2104;

/// A filter's listener.
#[derive(Debug)]
pub(crate) struct Listener {
    fd: OwnedFd,
}

impl Listener {
    /// Takes the descriptor that seccomp(2) returned. Where the kernel can (Linux 6.6) a question wakes us on the asking
    /// thread's own CPU: 2 us a question, else up to 47.
    pub(crate) fn new(fd: OwnedFd) -> Listener {
        // SAFETY: the ioctl takes a number; an old kernel refuses without effect.
        unsafe { libc::ioctl(fd.as_raw_fd(), SET_FLAGS, 1u64) };
        Listener { fd }
    }

    /// Waits for a question; `None` when nobody is left who could ask, or when a signal came and `is_over` says so.
    pub(crate) fn receive(&self, is_over: impl Fn() -> bool) -> Option<Question> {
        loop {
            let mut question = Question::default();
            // SAFETY: a zeroed buffer of the kernel's own layout.
            let r = unsafe { libc::ioctl(self.fd.as_raw_fd(), RECV, &raw mut question) };
            match Errno::result(r) {
                Ok(_) => return Some(question),
                // its asker was killed, or all have gone
                Err(Errno::ENOENT | Errno::EINTR) if self.has_askers() && !is_over() => {}
                Err(_) => return None,
            }
        }
    }

    /// Whether a question waits already.
    pub(crate) fn is_asked(&self) -> bool {
        self.poll() & libc::POLLIN != 0
    }

    /// Whether anybody is left who could ask.
    pub(crate) fn has_askers(&self) -> bool {
        self.poll() & libc::POLLHUP == 0
    }

    fn poll(&self) -> i16 {
        let mut fd = libc::pollfd {
            fd: self.fd.as_raw_fd(),
            events: libc::POLLIN,
            revents: 0,
        };
        // SAFETY: one pollfd, no wait.
        unsafe { libc::poll(&raw mut fd, 1, 0) };
        fd.revents
    }

    /// Whether the asker still waits: what was opened by its number before is then really its own.
    pub(crate) fn is_valid(&self, id: u64) -> bool {
        // SAFETY: the ioctl reads one number.
        unsafe { libc::ioctl(self.fd.as_raw_fd(), ID_VALID, &raw const id) == 0 }
    }

    /// Answers; an asker that was killed meanwhile needs none.
    pub(crate) fn answer(&self, id: u64, answer: Answer) {
        let mut response = Response {
            id,
            val: 0,
            error: 0,
            flags: 0,
        };
        match answer {
            Answer::Value(value) => response.val = value,
            Answer::Fail(errno) => response.error = -(errno as i32),
            Answer::Continue => response.flags = 1,
        }
        // SAFETY: a buffer of the kernel's own layout.
        unsafe { libc::ioctl(self.fd.as_raw_fd(), SEND, &raw mut response) };
    }

    /// Gives the asker a copy of `fd` and returns its number from the call (SECCOMP_ADDFD_FLAG_SEND, Linux 5.14).
    pub(crate) fn answer_with(
        &self,
        id: u64,
        fd: BorrowedFd<'_>,
        close_on_exec: bool,
    ) -> Result<(), Errno> {
        let request = AddFd {
            id,
            flags: 2,
            source: fd.as_raw_fd() as u32,
            target: 0,
            target_flags: if close_on_exec {
                libc::O_CLOEXEC as u32
            } else {
                0
            },
        };
        // SAFETY: a buffer of the kernel's own layout.
        let r = unsafe { libc::ioctl(self.fd.as_raw_fd(), ADDFD, &raw const request) };
        Errno::result(r).map(drop)
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn structures_have_the_kernels_sizes() {
        // the sizes are part of the ioctl numbers
        assert_eq!(
            std::mem::size_of::<Question>(),
            (RECV >> 16 & 0x3fff) as usize
        );
        assert_eq!(
            std::mem::size_of::<Response>(),
            (SEND >> 16 & 0x3fff) as usize
        );
        assert_eq!(
            std::mem::size_of::<AddFd>(),
            (ADDFD >> 16 & 0x3fff) as usize
        );
    }
}
