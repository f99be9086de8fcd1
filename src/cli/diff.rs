//! `coracle diff`.

use clap::{ArgMatches, Command};

use super::args::{operands, value};
use super::{Session, Verb};
use crate::container::files::diff;
use crate::error::Result;
use crate::ui::out;

pub(super) const VERB: Verb = Verb {
    path: &["diff"],
    aliases: &[&["container", "diff"]],
    about: "Inspect changes to files or directories on a container's filesystem",
    args: |command: Command| command.arg(operands("container", 1).value_name("CONTAINER")),
    run,
};

fn run(matches: &ArgMatches, session: &mut Session) -> Result<u8> {
    let store = session.store()?;
    let container = store
        .containers()
        .find(value(matches, "container").unwrap_or_default())?;
    let text: String = diff(store, &container)?
        .into_iter()
        .map(|(letter, path)| format!("{letter} {path}\n"))
        .collect();
    out::text(text)?;
    Ok(0)
}
