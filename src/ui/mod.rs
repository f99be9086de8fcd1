//! The only writer of the terminal.

pub(crate) mod out;
pub(crate) mod table;
