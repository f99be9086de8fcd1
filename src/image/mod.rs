//! Images: their configuration, unpacking, pulling, removal.

pub mod config;
pub(crate) mod list;
pub mod manifest;
pub mod progress;
