//! The kernel: file descriptors, processes, mounts, bytes. Does not know the word "container".
//!
//! The only room where `unsafe` is allowed; every block has a SAFETY line that names its invariant, and everything
//! leaves this room as `OwnedFd`, `BorrowedFd`, `CStr` and plain enums. A failed call carries its arguments.

mod error;
pub mod thread;

pub use error::{SysError, sentence};

/// The result of every system call wrapper.
pub type Result<T, E = SysError> = std::result::Result<T, E>;
