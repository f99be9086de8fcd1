//! Images: their configuration, unpacking, pulling, removal.

pub mod capabilities;
pub mod config;
pub(crate) mod decode;
pub mod embedded;
pub(crate) mod list;
pub mod manifest;
pub mod pack;
pub mod progress;
pub mod pull;
pub mod regenerate;
pub(crate) mod stack;
pub(crate) mod tar;
pub mod unpack;
