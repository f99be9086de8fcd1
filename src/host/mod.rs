//! Facts about this host, probed once, and what they mean.

pub mod paths;
