//! `coracle version`.

use clap::{ArgMatches, Command};

use super::{Session, Verb};
use crate::error::Result;
use crate::ui::out;

pub(super) const VERSION: &str = env!("CARGO_PKG_VERSION");

pub(super) const VERB: Verb = Verb {
    path: &["version"],
    aliases: &[],
    about: "Show the version information",
    args: |command: Command| command,
    run,
};

fn run(_: &ArgMatches, _: &mut Session) -> Result<u8> {
    out::text(format!(
        "Client:\n Version:           {VERSION}\n OS/Arch:           linux/{}\n",
        crate::cli::version::architecture()
    ))?;
    Ok(0)
}

/// This machine's architecture in Go's words.
pub(super) fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "x86" => "386",
        other => other,
    }
}
