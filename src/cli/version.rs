//! `coracle version`.

use clap::{ArgMatches, Command};

use super::{Session, Verb, args, format};
use crate::error::Result;
use crate::ui::out;
use crate::ui::table::{Layout, align};
use crate::wire::go;
use crate::wire::version::Version;

pub(super) const VERSION: &str = env!("CARGO_PKG_VERSION");

pub(super) const VERB: Verb = Verb {
    path: &["version"],
    aliases: &[],
    about: "Show the version information",
    args: |command: Command| command.arg(format::object_arg()),
    run,
};

fn run(matches: &ArgMatches, _: &mut Session) -> Result<u8> {
    let kernel = nix::sys::utsname::uname().map(|u| u.release().to_string_lossy().into_owned());
    let kernel = kernel.unwrap_or_default();
    let version = Version::new(VERSION, architecture(), &kernel);
    match args::value(matches, "format").unwrap_or_default() {
        "" => out::text(align(&version.text(), Layout::VERSION))?,
        text => out::line(format::of_object(text, &version, &go::VERSION)?)?,
    }
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
