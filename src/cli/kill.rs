//! `coracle kill`.

use clap::{ArgMatches, Command};

use super::args::{operands, opt, value, values};
use super::{Session, Verb};
use crate::container::stop;
use crate::error::{Error, Result};
use crate::ui::out;

pub(super) const VERB: Verb = Verb {
    path: &["kill"],
    aliases: &[&["container", "kill"]],
    about: "Kill one or more running containers",
    args,
    run,
};

fn args(command: Command) -> Command {
    command
        .arg(opt(
            "signal",
            's',
            "string",
            "Signal to send to the container",
        ))
        .arg(operands("CONTAINER", 1..))
}

fn run(matches: &ArgMatches, session: &mut Session) -> Result<u8> {
    let signal = value(matches, "signal")
        .filter(|s| !s.is_empty())
        .unwrap_or("KILL");
    session.each(values(matches, "CONTAINER"), |session, name| {
        let store = session.store()?;
        store
            .containers()
            .find(name)
            .and_then(|container| stop::kill(store, &container, signal))
            .map_err(|e| {
                Error::new(e.kind(), format!("cannot kill container: {name}")).because(e)
            })?;
        out::line(name)
    })
}
