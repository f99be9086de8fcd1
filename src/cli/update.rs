//! `coracle update`.

use clap::{ArgMatches, Command};

use super::args::{operands, values};
use super::{Session, Verb, flags};
use crate::container::update::update;
use crate::error::Result;
use crate::ui::out;

pub(super) const VERB: Verb = Verb {
    path: &["update"],
    aliases: &[&["container", "update"]],
    about: "Update configuration of one or more containers",
    args: |command: Command| flags::update::args(command).arg(operands("CONTAINER", 1..)),
    run,
};

fn run(matches: &ArgMatches, session: &mut Session) -> Result<u8> {
    let change = flags::update::parse(matches)?;
    let mut warnings = Vec::new();
    let status = session.each(values(matches, "CONTAINER"), |session, name| {
        let store = session.store()?;
        warnings.extend(update(store, &store.containers().find(name)?, &change)?);
        out::line(name)
    })?;
    warnings.iter().try_for_each(out::line)?;
    Ok(status)
}
