//! `coracle tag`.

use clap::{ArgMatches, Command};

use super::args::{operands, values};
use super::{Session, Verb};
use crate::error::Result;

pub(super) const VERB: Verb = Verb {
    path: &["tag"],
    aliases: &[&["image", "tag"]],
    about: "Create a tag TARGET_IMAGE that refers to SOURCE_IMAGE",
    args: |command: Command| {
        command.arg(operands("names", 2).value_name("SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]"))
    },
    run,
};

fn run(matches: &ArgMatches, session: &mut Session) -> Result<u8> {
    let mut names = values(matches, "names");
    let (source, target) = (
        names.next().expect("clap counted"),
        names.next().expect("clap counted"),
    );
    session.store()?.images().tag(source, target)?;
    Ok(0)
}
