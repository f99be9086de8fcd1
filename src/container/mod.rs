//! Containers: from what was meant (Request) to what the kernel is told (Plan), and talk to the living ones.

pub mod control;
pub mod plan;
pub mod request;
