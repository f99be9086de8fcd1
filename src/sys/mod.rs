//! The kernel: file descriptors, processes, mounts, bytes. Does not know the word "container".
//!
//! The only room where `unsafe` is allowed; every block has a SAFETY line that names its invariant, and everything
//! leaves this room as `OwnedFd`, `BorrowedFd`, `CStr` and plain enums. A failed call carries its arguments.

pub(crate) mod caps;
pub(crate) mod cgroup;
pub(crate) mod copy;
pub(crate) mod datagram;
mod error;
pub(crate) mod fd;
pub(crate) mod features;
pub(crate) mod inet;
pub(crate) mod listen;
pub mod lock;
pub(crate) mod memory;
pub(crate) mod mount;
pub(crate) mod namespace;
pub(crate) mod netlink;
pub(crate) mod notify;
pub(crate) mod offload;
pub(crate) mod overlay;
pub(crate) mod path;
pub(crate) mod priority;
pub(crate) mod process;
pub mod random;
pub(crate) mod seccomp;
pub(crate) mod socket;
pub(crate) mod spawn;
pub(crate) mod stat;
mod stub;
pub(crate) mod syscalls;
pub(crate) mod task;
pub mod thread;
pub(crate) mod tty;
pub(crate) mod writeback;
pub(crate) mod xattr;

pub use error::{SysError, sentence};

/// The result of every system call wrapper.
pub type Result<T, E = SysError> = std::result::Result<T, E>;
