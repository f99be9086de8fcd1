//! The disk: owns every path under the store and the runtime folder. Starts no process, uses no network, prints nothing.

pub mod containers;
pub mod paths;
