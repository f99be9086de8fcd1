//! Builds images from Dockerfiles: what BuildKit does, as one command that ends, without a daemon.
//!
//! ```text
//! request.rs    what was meant, free of flags
//! context.rs    where files come from; what of them a step sees, and their digests
//! plan.rs       stages of steps: planner.rs makes them of a Dockerfile and the configurations of bases (state.rs: what an
//!               instruction does to a stage)
//! check.rs      the lint rules
//! outline.rs    what a file can build and what it takes, without building
//! solve.rs      a thread per stage; a step waits for the stages that it takes from
//! cache.rs      content keys and what they stand for    keys.rs   what goes into them
//! run.rs        RUN: a Plan through the door            mounts.rs   its mounts (agent.rs: the way to an ssh agent)
//! copy.rs       COPY, ADD, WORKDIR: files into an upper folder (source.rs: what is taken; place.rs: where it goes)
//! fetch.rs      files by http, repositories by git
//! exchange.rs   the cache in images, registries and folders
//! export.rs     document.rs: layers and history to an image in the store (built.rs: what came of a build)
//! output.rs     a result outside of the store
//! progress.rs   what happens, as events; nothing here prints
//! ```
//! # Killed at any line
//! A step's result is a layer, which appears by one rename; its cache record is written after it, and the image's name
//! last of all. So the next build goes on where a killed one stood. What a killed step leaves is a folder without a name in
//! `containers/` and a draft in `staging/`, both swept later; its processes die with its monitor.

mod agent;
mod bases;
mod built;
mod cache;
mod check;
mod context;
mod copy;
mod document;
pub(crate) mod exchange;
mod export;
pub(crate) mod fetch;
mod keys;
mod mode;
mod mounts;
pub(crate) mod outline;
pub(crate) mod output;
mod place;
pub(crate) mod plan;
mod planner;
pub(crate) mod progress;
pub(crate) mod request;
mod run;
mod solve;
mod source;
mod state;

pub(crate) use built::Built;
pub(crate) use check::check;
pub(crate) use export::archive;
pub(crate) use solve::{CANCELED, build};
