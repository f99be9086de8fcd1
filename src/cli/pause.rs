//! `coracle pause` and `coracle unpause`.

use clap::{ArgMatches, Command};

use super::args::{operands, values};
use super::{Session, Verb};
use crate::container::stop;
use crate::error::Result;
use crate::ui::out;

pub(super) const PAUSE: Verb = Verb {
    path: &["pause"],
    aliases: &[&["container", "pause"]],
    about: "Pause all processes within one or more containers",
    args,
    run: |matches, session| run(matches, session, true),
};

pub(super) const UNPAUSE: Verb = Verb {
    path: &["unpause"],
    aliases: &[&["container", "unpause"]],
    about: "Unpause all processes within one or more containers",
    args,
    run: |matches, session| run(matches, session, false),
};

fn args(command: Command) -> Command {
    command.arg(operands("CONTAINER", 1..))
}

fn run(matches: &ArgMatches, session: &mut Session, on: bool) -> Result<u8> {
    session.each(values(matches, "CONTAINER"), |session, name| {
        let store = session.store()?;
        stop::pause(store, &store.containers().find(name)?, on)?;
        out::line(name)
    })
}
