//! Images: their configuration, unpacking, pulling, removal.

pub(crate) mod archive;
pub mod capabilities;
pub(crate) mod change;
pub mod config;
pub(crate) mod decode;
pub mod embedded;
pub(crate) mod extract;
pub(crate) mod import;
pub(crate) mod index;
pub(crate) mod list;
pub mod load;
pub mod manifest;
pub mod pack;
pub mod progress;
pub mod pull;
pub mod push;
pub mod regenerate;
pub(crate) mod save;
pub(crate) mod stack;
pub(crate) mod tar;
pub mod unpack;
