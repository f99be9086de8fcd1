//! Facts about this host, probed once, and what they mean.

pub mod doctor;
pub(crate) mod emulator;
pub mod facts;
pub mod filesystem;
pub mod paths;
pub mod probe;
pub mod storage;
mod userns;

pub use userns::explain_userns;

/// What may forbid a plain user the network namespaces of a container, and what can be done without.
pub(crate) fn explain_networks() -> &'static str {
    "`--network host` shares the host's network, `--network none` has none; `coracle doctor` tells what this host allows"
}
