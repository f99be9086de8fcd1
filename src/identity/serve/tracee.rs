//! The asking thread: its folder in the host's /proc and its memory.
//!
//! Both are held open, so that they are the asker's own even when its number is given to another process meanwhile; that
//! they are is checked once, after the opening.

use std::cell::Cell;
use std::io::IoSliceMut;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::fcntl::{OFlag, openat};
use nix::sys::stat::Mode;
use nix::sys::uio::{RemoteIoVec, process_vm_readv, pwrite};
use nix::unistd::Pid;

use crate::sys::task;

pub(super) struct Tracee {
    /// `/proc/TID`: nothing is found below it when the thread is gone.
    pub(super) folder: OwnedFd,
    memory: OwnedFd,
    is_gone: Cell<bool>,
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
        Ok(Tracee {
            folder,
            memory,
            is_gone: Cell::new(false),
        })
    }

    /// Whether anybody has found that the program is gone.
    pub(super) fn is_gone(&self) -> bool {
        self.is_gone.get()
    }

    /// Whether the memory is still a living program's: an exec and an end leave an empty one.
    pub(super) fn is_current(&self, at: u64) -> bool {
        !matches!(
            task::read_memory(self.memory.as_fd(), &mut [0; 1], at),
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
        match task::read_memory(self.memory.as_fd(), buffer, at) {
            Ok(0) if !buffer.is_empty() => {
                self.is_gone.set(true);
                Err(Errno::ESTALE)
            }
            Ok(n) => Ok(n),
            Err(_) => Err(Errno::EFAULT),
        }
    }

    /// Reads a path, without its zero byte.
    pub(super) fn read_path(&self, at: u64, out: &mut Vec<u8>) -> Result<(), Errno> {
        collect_path(at, out, |at, part| self.read_some(at, part))
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

/// Reads a path of who is `tid` now, without opening anything. Whether it still is the asker is the caller's to check, afterwards.
pub(super) fn peek_path(tid: u32, at: u64, out: &mut Vec<u8>) -> Result<(), Errno> {
    let pid = Pid::from_raw(tid as i32);
    collect_path(at, out, |at, part| {
        let there = RemoteIoVec {
            base: at as usize,
            len: part.len(),
        };
        process_vm_readv(pid, &mut [IoSliceMut::new(part)], &[there])
    })
}

fn collect_path(
    at: u64,
    out: &mut Vec<u8>,
    read: impl Fn(u64, &mut [u8]) -> Result<usize, Errno>,
) -> Result<(), Errno> {
    out.clear();
    if at == 0 {
        return Err(Errno::EFAULT);
    }
    while out.len() < LONGEST {
        let mut part = [0; 256];
        let n = read(at.wrapping_add(out.len() as u64), &mut part)?;
        if n == 0 {
            return Err(Errno::EFAULT);
        }
        if let Some(end) = part[..n].iter().position(|b| *b == 0) {
            out.extend_from_slice(&part[..end]);
            return Ok(());
        }
        out.extend_from_slice(&part[..n]);
    }
    Err(Errno::ENAMETOOLONG)
}
