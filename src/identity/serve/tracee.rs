//! The asking thread: its folder in the host's /proc and its memory.
//!
//! Both are held open, so that they are the asker's own even when its number is given to another process meanwhile; that
//! they are is checked once, after the opening.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::fcntl::{OFlag, openat};
use nix::sys::stat::Mode;
use nix::sys::uio::{pread, pwrite};

pub(super) struct Tracee {
    /// `/proc/TID`: nothing is found below it when the thread is gone.
    pub(super) folder: OwnedFd,
    memory: OwnedFd,
}

/// Longest path (PATH_MAX), with its zero byte.
const LONGEST: usize = 4096;

impl Tracee {
    /// Opens what belongs to `tid`. Whether it still does is the caller's to check.
    pub(super) fn open(proc: BorrowedFd<'_>, tid: u32) -> Result<Tracee, Errno> {
        let name = tid.to_string();
        let folder = openat(
            proc,
            name.as_str(),
            OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC,
            Mode::empty(),
        )?;
        let memory = openat(
            &folder,
            c"mem",
            OFlag::O_RDWR | OFlag::O_CLOEXEC,
            Mode::empty(),
        )?;
        Ok(Tracee { folder, memory })
    }

    /// Whether the memory is still a living program's: an exec and an end leave an empty one.
    pub(super) fn is_current(&self, at: u64) -> bool {
        !matches!(
            pread(self.memory.as_fd(), &mut [0; 1], at as i64),
            Ok(0) | Err(Errno::ESRCH)
        )
    }

    /// Reads exactly that much.
    pub(super) fn read(&self, at: u64, buffer: &mut [u8]) -> Result<(), Errno> {
        match self.read_some(at, buffer)? == buffer.len() {
            true => Ok(()),
            false => Err(Errno::EFAULT),
        }
    }

    /// Reads up to that much; `ESTALE` when the program is gone.
    fn read_some(&self, at: u64, buffer: &mut [u8]) -> Result<usize, Errno> {
        let at = i64::try_from(at).map_err(|_| Errno::EFAULT)?;
        match pread(self.memory.as_fd(), buffer, at) {
            Ok(0) if !buffer.is_empty() => Err(Errno::ESTALE),
            Ok(n) => Ok(n),
            Err(_) => Err(Errno::EFAULT),
        }
    }

    /// Reads a path, without its zero byte.
    pub(super) fn read_path(&self, at: u64, out: &mut Vec<u8>) -> Result<(), Errno> {
        out.clear();
        if at == 0 {
            return Err(Errno::EFAULT);
        }
        while out.len() < LONGEST {
            let mut part = [0; 256];
            let n = self.read_some(at + out.len() as u64, &mut part)?;
            if let Some(end) = part[..n].iter().position(|b| *b == 0) {
                out.extend_from_slice(&part[..end]);
                return Ok(());
            }
            out.extend_from_slice(&part[..n]);
        }
        Err(Errno::ENAMETOOLONG)
    }

    /// Writes all of it.
    pub(super) fn write(&self, at: u64, bytes: &[u8]) -> Result<(), Errno> {
        let at = i64::try_from(at).map_err(|_| Errno::EFAULT)?;
        match pwrite(self.memory.as_fd(), bytes, at) {
            Ok(n) if n == bytes.len() => Ok(()),
            Ok(0) => Err(Errno::ESTALE),
            _ => Err(Errno::EFAULT),
        }
    }
}
