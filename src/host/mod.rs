//! Facts about this host, probed once, and what they mean.

pub mod doctor;
pub mod facts;
pub mod filesystem;
pub mod paths;
pub mod probe;
pub mod storage;
mod userns;

pub use userns::explain_userns;
