//! Images: their configuration, unpacking, pulling, removal.

pub mod config;
