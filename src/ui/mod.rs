//! The only writer of the terminal.
