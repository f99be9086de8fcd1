//! The only writer of the terminal.
pub(crate) mod table;
