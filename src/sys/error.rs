//! A failed system call, told with its arguments.

use std::fmt;

use nix::errno::Errno;

/// `call(args): what errno means (ERRNO)`.
#[derive(Debug, Clone)]
pub struct SysError {
    call: String,
    errno: Errno,
}

impl SysError {
    /// Returns the error of `call`, written as in strace: `openat2("etc", O_PATH)`.
    pub fn new(call: impl Into<String>, errno: Errno) -> SysError {
        SysError {
            call: call.into(),
            errno,
        }
    }

    /// Returns the error of `call` with the calling thread's errno.
    pub fn last(call: impl Into<String>) -> SysError {
        SysError::new(call, Errno::last())
    }

    /// Returns the error number.
    pub fn errno(&self) -> Errno {
        self.errno
    }
}

impl fmt::Display for SysError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} ({}: {:?})",
            sentence(self.errno),
            self.call,
            self.errno
        )
    }
}

impl std::error::Error for SysError {}

/// What an errno means, in the words of strerror(3), lower case (static binaries have no locale).
pub fn sentence(errno: Errno) -> String {
    let text = errno.desc();
    let mut chars = text.chars();
    match (chars.next(), chars.next()) {
        (Some(a), Some(b)) if b.is_lowercase() => {
            format!("{}{}", a.to_lowercase(), &text[a.len_utf8()..])
        }
        _ => text.to_owned(),
    }
}
