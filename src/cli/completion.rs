//! `coracle completion SHELL`: the scripts that lie in `share/completions`, generated from the table of verbs.

use clap::{ArgMatches, Command};

use super::args::{operands, value};
use super::{Session, Verb};
use crate::error::{Error, Kind, Result};
use crate::ui::out;

pub(super) const VERB: Verb = Verb {
    path: &["completion"],
    aliases: &[],
    about: "Generate the autocompletion script for the specified shell",
    args: |command: Command| command.arg(operands("SHELL", 1)),
    run,
};

const SCRIPTS: &[(&str, &str)] = &[
    ("bash", include_str!("../../share/completions/coracle.bash")),
    ("fish", include_str!("../../share/completions/coracle.fish")),
    ("zsh", include_str!("../../share/completions/_coracle")),
];

fn run(matches: &ArgMatches, _: &mut Session) -> Result<u8> {
    let shell = value(matches, "SHELL").unwrap_or_default();
    match SCRIPTS.iter().find(|(name, _)| *name == shell) {
        Some((_, script)) => out::text(script).map(|()| 0),
        None => Err(Error::new(
            Kind::Usage,
            format!("no completion for the shell `{shell}`"),
        )
        .hint("there is one for bash, fish and zsh")),
    }
}
