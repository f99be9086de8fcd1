//! `coracle rename`.

use clap::{ArgMatches, Command};

use super::args::{operands, values};
use super::{Session, Verb};
use crate::error::{Error, Kind, Result};
use crate::ui::out;

pub(super) const VERB: Verb = Verb {
    path: &["rename"],
    aliases: &[&["container", "rename"]],
    about: "Rename a container",
    args: |command: Command| command.arg(operands("names", 2).value_name("CONTAINER NEW_NAME")),
    run,
};

fn run(matches: &ArgMatches, session: &mut Session) -> Result<u8> {
    let mut names = values(matches, "names");
    let (old, new) = (
        names.next().expect("clap counted"),
        names.next().expect("clap counted"),
    );
    if old.trim().is_empty() || new.trim().is_empty() {
        return Err(Error::new(
            Kind::Usage,
            "Error: Neither old nor new names may be empty",
        ));
    }
    let containers = session.store()?.containers();
    let renamed = containers
        .find(old)
        .and_then(|found| containers.rename(found.id(), new));
    if let Err(e) = renamed {
        session.complain(&e);
        out::talk(format_args!(
            "Error: failed to rename container named {old}"
        ));
        return Ok(1);
    }
    Ok(0)
}
