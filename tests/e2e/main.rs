//! The program, end to end: the real binary, a real registry, a real root, a real terminal, as a user without
//! subordinate ids. Texts and exit statuses are what docker 26 answers to the same command line.

#![allow(clippy::disallowed_methods, clippy::print_stdout, clippy::print_stderr)] // a test is not the program

#[path = "../support/mod.rs"]
#[macro_use]
mod support;

mod archives;
mod build;
mod build_sources;
mod commit;
mod cp;
mod doctor;
mod errors;
mod events;
mod exec;
mod identity;
mod images;
mod layers;
mod life;
mod lists;
mod logs;
mod mounts;
mod network;
mod packages;
mod platforms;
mod pull;
mod push;

mod recorded_builds;
mod run;
mod scripts;
mod secure;
mod storm;
mod terminal;
mod trouble;
mod volumes;
