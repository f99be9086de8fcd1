//! Coracle: containers and images for one user; no daemon, no root, no subordinate ids.
//!
//! The rooms in layer order; a room names only rooms above it. docs/ARCHITECTURE.md is the map.

pub mod error;
// layer 0: the kernel; imports nothing of ours; the only room with unsafe code
pub mod sys;
// layer 1: words; pure parsing and printing
pub mod grammar;
// layer 2: the disk
pub mod store;
// layer 3: the trades
pub mod build;
pub mod container;
pub mod host;
pub mod identity;
pub mod image;
pub mod monitor;
pub mod network;
pub mod registry;
// layer 4: faces
pub mod cli;
pub mod ui;
pub mod wire;
