//! Lines to stdout and stderr. Data goes to stdout, talk to stderr.
//!
//! Nothing is buffered between two calls, so a relay that writes to the same descriptors cannot overtake a line. A closed
//! pipe (`coracle ps | head -1`) is a quiet end of the process with the status that SIGPIPE would have given.

use std::io::ErrorKind;
use std::os::fd::BorrowedFd;

use crate::error::{Error, Kind, Result};
use crate::sys::fd::standard;

/// 128 + SIGPIPE.
const PIPE_CLOSED: i32 = 141;

/// Writes `text` to stdout as it is.
pub(crate) fn text(text: impl AsRef<[u8]>) -> Result<()> {
    write(standard(1), text.as_ref())
        .map_err(|e| Error::new(Kind::System, "cannot write to the standard output").because(e))
}

/// Writes bytes to stderr as they are: what a program printed there.
pub(crate) fn error_text(text: impl AsRef<[u8]>) -> Result<()> {
    write(standard(2), text.as_ref())
        .map_err(|e| Error::new(Kind::System, "cannot write to the standard error").because(e))
}

/// Writes `text` and a line end to stdout.
pub(crate) fn line(line: impl std::fmt::Display) -> Result<()> {
    text(format!("{line}\n"))
}

/// Writes `text` and a line end to stderr.
pub(crate) fn talk(text: impl std::fmt::Display) {
    // where stderr is closed there is nobody to tell
    let _ = write(standard(2), format!("{text}\n").as_bytes());
}

/// Warns: the command goes on, but not quite as the user asked.
pub(crate) fn warn(text: impl std::fmt::Display) {
    talk(format_args!("WARNING: {text}"));
}

/// Writes everything, or ends the process quietly when nobody reads any more.
#[expect(
    clippy::disallowed_methods,
    reason = "nothing that anybody could still see is lost, and no caller has to know of closed pipes"
)]
fn write(fd: BorrowedFd<'_>, bytes: &[u8]) -> std::io::Result<()> {
    match crate::sys::fd::write_all(fd, bytes) {
        Ok(()) => Ok(()),
        Err(e) => {
            let e = std::io::Error::from(e.errno());
            if e.kind() == ErrorKind::BrokenPipe {
                std::process::exit(PIPE_CLOSED);
            }
            Err(e)
        }
    }
}
