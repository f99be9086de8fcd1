//! Docker's JSON types and column views, one file per noun: what `inspect`, `--format` and the API print.

pub(crate) mod builder;
pub(crate) mod columns;
pub(crate) mod config;
pub(crate) mod container;
pub(crate) mod context;
pub(crate) mod event;
pub(crate) mod go;
pub(crate) mod host_config;
pub(crate) mod image;
pub(crate) mod info;
pub(crate) mod json;
pub(crate) mod manifest;
pub(crate) mod network;
pub(crate) mod port;
pub(crate) mod stats;
pub(crate) mod time;
pub(crate) mod version;
pub(crate) mod volume;

#[cfg(test)]
mod tests;
