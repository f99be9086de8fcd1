//! Words: text or bytes to values and back. Pure: no files, no clock, no environment. Everything here is fuzzed.

pub mod annotation;
pub mod csv;
pub mod dns;
pub mod dockerfile;
pub mod env;
pub mod filter;
pub mod go;
pub mod mount;
pub mod name;
pub mod platform;
pub mod port;
pub mod reference;
pub mod subnet;
pub mod template;
pub mod units;
pub mod user;
