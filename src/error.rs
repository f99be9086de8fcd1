//! The one error type of the engine rooms: what failed, on what, why, what to do.
//!
//! An error is a value with a [`Kind`]; only `main`, the monitor and (later) the API turn a kind into an exit code or
//! a status. The text is one line in docker's wording where scripts search for it.

use std::fmt;

/// What sort of failure it is, as far as a caller must tell failures apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Kind {
    /// The command line or a file the user named is wrong; nothing was tried.
    Usage,
    /// Bad parameter that docker's daemon, not its CLI, would refuse (`invalid reference format`, ...).
    Invalid,
    /// No such container, image, volume or network.
    NotFound,
    /// A name is taken, or the object is in use.
    Conflict,
    /// The container is not in the state that the command needs.
    State,
    /// The container's program was found but cannot be executed (exit 126).
    CannotInvoke,
    /// The container's program was not found (exit 127).
    CommandNotFound,
    /// A registry refused the credentials or the name.
    Denied,
    /// A registry or the network failed.
    Network,
    /// This host lacks something; the hint says what and how to get it.
    Host,
    /// Bytes from outside are not what they should be (digest, tar, JSON).
    Corrupt,
    /// A system call failed.
    System,
}

impl Kind {
    /// The exit status of `run`, `create`, `start -a` and `exec` for this kind (docker run, "Exit status").
    pub fn exit_code(self) -> u8 {
        match self {
            Kind::CannotInvoke => 126,
            Kind::CommandNotFound => 127,
            _ => 125,
        }
    }
}

/// One failure. `Display` is the whole sentence without prefix: `text: cause; hint`.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub struct Error {
    kind: Kind,
    text: String,
    cause: Option<String>,
    hint: Option<String>,
}

/// The result of every fallible function of the engine.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// Returns an error whose `text` says what failed and on what: lower case, no full stop, user's words in backticks.
    pub fn new(kind: Kind, text: impl Into<String>) -> Error {
        Error {
            kind,
            text: text.into(),
            cause: None,
            hint: None,
        }
    }

    /// Adds why it failed, as far as known.
    pub fn because(mut self, cause: impl fmt::Display) -> Error {
        self.cause = Some(cause.to_string());
        self
    }

    /// Adds what the user can do.
    pub fn hint(mut self, hint: impl Into<String>) -> Error {
        self.hint = Some(hint.into());
        self
    }

    /// Returns the same failure as one of the kind `to`, if it is `from`: what a caller knows of who is to blame.
    pub fn reclassify(mut self, from: Kind, to: Kind) -> Error {
        if self.kind == from {
            self.kind = to;
        }
        self
    }

    /// Returns the kind.
    pub fn kind(&self) -> Kind {
        self.kind
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)?;
        if let Some(cause) = &self.cause {
            write!(f, ": {cause}")?;
        }
        if let Some(hint) = &self.hint {
            write!(f, "; {hint}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}

/// Adds "what failed, on what" to a result whose error knows only why.
pub trait Context<T> {
    /// Wraps the error as the cause of an [`Error`] of `kind`.
    fn context<S: Into<String>>(self, kind: Kind, text: impl FnOnce() -> S) -> Result<T>;
}

impl<T, E: fmt::Display> Context<T> for std::result::Result<T, E> {
    fn context<S: Into<String>>(self, kind: Kind, text: impl FnOnce() -> S) -> Result<T> {
        self.map_err(|cause| Error::new(kind, text()).because(cause))
    }
}

impl From<std::io::Error> for Error {
    /// For errors of `fs_err`, whose text already names the operation and the path.
    fn from(e: std::io::Error) -> Error {
        Error::new(Kind::System, e.to_string())
    }
}

impl From<crate::sys::SysError> for Error {
    fn from(e: crate::sys::SysError) -> Error {
        Error::new(Kind::System, e.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_has_cause_and_hint_in_one_line() {
        let e = Error::new(Kind::Host, "cannot mount `/data` at `/srv`")
            .because("permission denied")
            .hint("make it readable for you");
        assert_eq!(
            e.to_string(),
            "cannot mount `/data` at `/srv`: permission denied; make it readable for you"
        );
    }
}
