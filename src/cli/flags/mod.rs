//! Groups of flags that several verbs share. Flags die here: what leaves this room is a `Request`.

mod host;
mod ports;
pub(crate) mod run;
mod table;
mod text;

#[cfg(test)]
mod tests;
