//! `coracle create`.

use clap::ArgMatches;

use super::flags::run::{self, Form};
use super::{Session, Verb, making};
use crate::error::Result;
use crate::ui::out;

pub(super) const VERB: Verb = Verb {
    path: &["create"],
    aliases: &[&["container", "create"]],
    about: "Create a new container",
    args: |command| run::args(command, Form::Create),
    run,
};

fn run(matches: &ArgMatches, session: &mut Session) -> Result<u8> {
    let parsed = match making::parse(matches, Form::Create, session)? {
        Ok(parsed) => parsed,
        Err(status) => return Ok(status),
    };
    let record = making::make(session, parsed)?;
    out::line(record.id)?;
    Ok(0)
}
