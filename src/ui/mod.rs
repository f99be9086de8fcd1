//! The only writer of the terminal.

pub(crate) mod ask;
pub(crate) mod build;
pub(crate) mod out;
pub(crate) mod progress;
pub(crate) mod table;
