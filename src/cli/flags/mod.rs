//! Groups of flags that several verbs share. Flags die here: what leaves this room is a `Request`.

mod host;
mod ports;
pub(crate) mod run;
mod table;
mod text;
pub(crate) mod update;

pub(crate) use text::{address, driver_option};

#[cfg(test)]
mod tests;
