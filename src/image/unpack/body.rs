//! Bytes into a file, dense or spread over its parts.

use std::os::fd::BorrowedFd;

use nix::errno::Errno;
use nix::sys::uio::pwrite;

use crate::image::tar::Sparse;

/// Spreads the body of a sparse file over its parts.
pub(super) struct Spread {
    parts: std::vec::IntoIter<(u64, u64)>,
    /// Where the next byte goes, and how many go there.
    at: u64,
    left: u64,
    pub(super) real_size: i64,
}

impl Spread {
    pub(super) fn new(sparse: &Sparse) -> Spread {
        let real_size = i64::try_from(sparse.real_size).unwrap_or(i64::MAX);
        Spread {
            parts: sparse.parts.clone().into_iter(),
            at: 0,
            left: 0,
            real_size,
        }
    }

    pub(super) fn write(&mut self, fd: BorrowedFd<'_>, mut bytes: &[u8]) -> nix::Result<()> {
        while !bytes.is_empty() {
            while self.left == 0 {
                // the parser has checked that the parts hold all bytes
                (self.at, self.left) = self.parts.next().ok_or(Errno::EINVAL)?;
            }
            let part = &bytes[..bytes
                .len()
                .min(usize::try_from(self.left).unwrap_or(usize::MAX))];
            let n = match pwrite(fd, part, self.at as i64) {
                Err(Errno::EINTR) => continue,
                n => n?,
            };
            self.at += n as u64;
            self.left -= n as u64;
            bytes = &bytes[n..];
        }
        Ok(())
    }
}

pub(super) fn write_all(fd: BorrowedFd<'_>, mut bytes: &[u8]) -> nix::Result<()> {
    while !bytes.is_empty() {
        match nix::unistd::write(fd, bytes) {
            Ok(n) => bytes = &bytes[n..],
            Err(Errno::EINTR) => {}
            Err(e) => return Err(e),
        }
    }
    Ok(())
}
