//! The output of a process for a caller that is no terminal: a build's step.

use std::os::fd::{AsFd, OwnedFd};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, poll};

use super::{End, Session};
use crate::container::control::{Ask, Tell};
use crate::error::Result;
use crate::sys::SysError;
use crate::sys::fd::read_some;

/// How often a caller is asked whether it still wants the process, in milliseconds.
const PATIENCE: u16 = 100;

impl Session {
    /// Shows what the process writes (1 stdout, 2 stderr) until it ends; kills it when `is_unwanted` says so.
    pub(crate) fn collect(
        mut self,
        show: &mut dyn FnMut(u8, &[u8]),
        is_unwanted: &dyn Fn() -> bool,
    ) -> Result<End> {
        let mut streams = [
            (1, self.streams.stdout.take()),
            (2, self.streams.stderr.take()),
        ];
        let mut buffer = vec![0; 64 * 1024];
        let mut is_killed = false;
        while streams.iter().any(|(_, fd)| fd.is_some()) {
            if !is_killed && is_unwanted() {
                is_killed = true;
                // one that has ended meanwhile needs no signal
                self.client
                    .ask(
                        &Ask::Kill {
                            signal: libc::SIGKILL,
                        },
                        &[],
                    )
                    .ok();
            }
            for index in readable(&streams)? {
                let (number, fd) = &mut streams[index];
                let Some(open) = fd else { continue };
                match read_some(open.as_fd(), &mut buffer) {
                    Ok(Some(0)) | Err(_) => *fd = None,
                    Ok(Some(count)) => show(*number, &buffer[..count]),
                    Ok(None) => {}
                }
            }
        }
        if let Some(code) = self.early_exit {
            return Ok(End::Exited(code));
        }
        loop {
            match self.client.told()? {
                Some((Tell::Exited { code }, _)) => return Ok(End::Exited(code)),
                Some((Tell::Failed(e), _)) => return Err(e),
                Some(_) => {}
                None => return Ok(End::Lost),
            }
        }
    }
}

fn readable(streams: &[(u8, Option<OwnedFd>)]) -> Result<Vec<usize>> {
    let mut numbers = Vec::new();
    let mut fds = Vec::new();
    for (index, (_, fd)) in streams.iter().enumerate() {
        if let Some(fd) = fd {
            numbers.push(index);
            fds.push(PollFd::new(fd.as_fd(), PollFlags::POLLIN));
        }
    }
    match poll(&mut fds, PATIENCE) {
        Ok(_) | Err(Errno::EINTR) => {}
        Err(e) => return Err(SysError::new("poll()", e).into()),
    }
    let ready = fds.iter().map(|fd| fd.any().unwrap_or(false));
    Ok(numbers
        .into_iter()
        .zip(ready)
        .filter_map(|(index, ready)| ready.then_some(index))
        .collect())
}
