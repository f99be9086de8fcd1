//! What the attached verbs share: the terminal's checks, the detach keys, and the relay's end as an exit status.

use super::Session;
use crate::container::attach::{self, End, RelayOptions};
use crate::error::{Error, Kind, Result};
use crate::grammar::name;
use crate::sys::fd::standard;
use crate::sys::tty::is_terminal;
use crate::ui::out;

/// Exit status where the monitor, and the container with it, was killed.
const KILLED: u8 = 137;

/// How a process is attached.
#[derive(Debug, Clone, Copy)]
pub(super) struct Attached<'a> {
    /// It has a pty.
    pub(super) tty: bool,
    /// Our stdin is its stdin.
    pub(super) stdin: bool,
    /// `--detach-keys`.
    pub(super) keys: Option<&'a str>,
    /// `--sig-proxy`.
    pub(super) sig_proxy: bool,
    /// It has been running for a while.
    pub(super) joins: bool,
    /// It has a log, and goes on without us.
    pub(super) outlives: bool,
}

/// A pty's user sits at a terminal.
pub(super) fn check_terminal(stdin: bool, tty: bool) -> Result<()> {
    if stdin && tty && !is_terminal(standard(0)) {
        return Err(Error::new(Kind::Usage, "the input device is not a TTY"));
    }
    Ok(())
}

/// How an attached verb ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    /// With this exit status.
    Status(u8),
    /// The user typed the detach keys.
    Detached,
}

impl Ended {
    /// The exit status of `run` and `start`, which say nothing when they are left.
    pub(super) fn quietly(self) -> u8 {
        match self {
            Ended::Status(status) => status,
            Ended::Detached => 0,
        }
    }

    /// The exit status of `attach` and `exec`, for which docker takes the keys for a failure.
    pub(super) fn aloud(self) -> u8 {
        match self {
            Ended::Status(status) => status,
            Ended::Detached => {
                out::talk("read escape sequence");
                1
            }
        }
    }
}

/// Copies between our streams and a process's until it ends or the user detaches.
pub(super) fn relay(
    process: attach::Session,
    how: Attached<'_>,
    session: &Session,
) -> Result<Ended> {
    let options = RelayOptions {
        detach_keys: detach_keys(how, session)?,
        sig_proxy: how.sig_proxy,
        tty: how.tty,
        leaves_unread: how.outlives,
        redraws: how.joins,
    };
    Ok(match process.relay(&options)? {
        End::Exited(code) => Ended::Status(exit_status(code)),
        End::Detached => Ended::Detached,
        End::Unread(number, errno) => {
            let name = if number == 1 { "stdout" } else { "stderr" };
            out::talk(format!(
                "write /dev/{name}: {}",
                crate::sys::sentence(errno)
            ));
            Ended::Status(1)
        }
        End::Lost => {
            session.complain(
                &Error::new(Kind::System, "the container is gone")
                    .because("its monitor was killed"),
            );
            Ended::Status(KILLED)
        }
    })
}

/// An exit code as a process can have it.
pub(super) fn exit_status(code: i32) -> u8 {
    u8::try_from(code & 0xff).unwrap_or(u8::MAX)
}

/// `--detach-keys`, else `detachKeys` of the client's config.json, else ctrl-p ctrl-q.
fn detach_keys(how: Attached<'_>, session: &Session) -> Result<Vec<u8>> {
    let parse = |keys: &str| {
        name::detach_keys(keys).map_err(|e| {
            Error::new(Kind::Usage, format!("invalid detach keys ({keys})")).because(e)
        })
    };
    match how.keys {
        Some(keys) => parse(keys),
        None if !how.tty || !how.stdin => Ok(Vec::new()),
        None => match &session.client_config().detach_keys {
            Some(keys) => parse(keys),
            None => Ok(name::DETACH_KEYS.to_vec()),
        },
    }
}
