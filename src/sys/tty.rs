//! Terminals: raw mode with a guard, window size, pty lines (termios(3), ioctl_tty(2)).

#![allow(unsafe_code)]

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use nix::sys::termios::{SetArg, Termios, cfmakeraw, tcgetattr, tcsetattr};

use super::fd::number;
use super::{Result, SysError};

/// Puts a terminal into raw mode and back when dropped.
#[derive(Debug)]
pub(crate) struct RawMode {
    fd: OwnedFd,
    before: Termios,
}

impl RawMode {
    /// Enters raw mode.
    pub(crate) fn enter(fd: BorrowedFd<'_>) -> Result<RawMode> {
        let call = |e| SysError::new("tcsetattr()", e);
        let before = tcgetattr(fd).map_err(call)?;
        let mut raw = before.clone();
        cfmakeraw(&mut raw);
        tcsetattr(fd, SetArg::TCSANOW, &raw).map_err(call)?;
        Ok(RawMode {
            fd: super::fd::duplicate(fd)?,
            before,
        })
    }
}

impl Drop for RawMode {
    fn drop(&mut self) {
        // a terminal that is gone needs no restoring
        let _ = tcsetattr(self.fd.as_fd(), SetArg::TCSANOW, &self.before);
    }
}

/// Says whether `fd` is a terminal.
pub(crate) fn is_terminal(fd: BorrowedFd<'_>) -> bool {
    nix::unistd::isatty(fd).unwrap_or(false)
}

/// Returns rows and columns; (0, 0) when it is no terminal.
pub(crate) fn window(fd: BorrowedFd<'_>) -> (u16, u16) {
    let mut size = libc::winsize {
        ws_row: 0,
        ws_col: 0,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    // SAFETY: TIOCGWINSZ writes one winsize.
    let r = unsafe { libc::ioctl(fd.as_raw_fd(), libc::TIOCGWINSZ, &raw mut size) };
    if r < 0 {
        (0, 0)
    } else {
        (size.ws_row, size.ws_col)
    }
}

/// Sets rows and columns of a terminal (through a pty's master).
pub(crate) fn set_window(fd: BorrowedFd<'_>, (rows, columns): (u16, u16)) -> Result<()> {
    let size = libc::winsize {
        ws_row: rows,
        ws_col: columns,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    // SAFETY: TIOCSWINSZ reads one winsize.
    let r = unsafe { libc::ioctl(fd.as_raw_fd(), libc::TIOCSWINSZ, &raw const size) };
    number(r.into(), || "ioctl(TIOCSWINSZ)".to_owned()).map(drop)
}
