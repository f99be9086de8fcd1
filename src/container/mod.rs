//! Containers: from what was meant (Request) to what the kernel is told (Plan), and talk to the living ones.

pub(crate) mod attach;
pub(crate) mod commit;
pub mod control;
pub(crate) mod create;
pub(crate) mod etc_files;
pub(crate) mod files;
pub(crate) mod launch;
pub(crate) mod layered;
pub(crate) mod limits;
pub(crate) mod list;
pub(crate) mod logs;
pub(crate) mod network;
pub mod plan;
pub(crate) mod plan_make;
pub(crate) mod remove;
pub mod request;
pub(crate) mod restart;
pub(crate) mod rootfs;
pub(crate) mod seccomp;
pub(crate) mod security;
pub(crate) mod size;
pub(crate) mod start;
pub(crate) mod stop;
pub mod sweep;
pub(crate) mod top;
pub(crate) mod user;
