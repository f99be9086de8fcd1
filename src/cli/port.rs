//! `coracle port`: which ports of a container are published where.

use clap::{ArgMatches, Command};

use super::args::{self, operands};
use super::{Session, Verb};
use crate::error::{Error, Kind, Result};
use crate::ui::out;
use crate::wire::port;

pub(super) const VERB: Verb = Verb {
    path: &["port"],
    aliases: &[&["container", "port"]],
    about: "List port mappings or a specific mapping for the container",
    args: |command: Command| {
        command.arg(operands("words", 1..=2).value_name("CONTAINER [PRIVATE_PORT[/PROTO]]"))
    },
    run,
};

fn run(matches: &ArgMatches, session: &mut Session) -> Result<u8> {
    let mut words = args::values(matches, "words");
    let name = words.next().expect("clap asks for one or two words");
    let found = session.store()?.containers().find(name)?;
    let ports = match found.is_running {
        true => port::published(&found.record, &found.state),
        false => port::Ports::new(),
    };
    let Some(wanted) = words.next() else {
        port::lines(&ports).into_iter().try_for_each(out::line)?;
        return Ok(0);
    };
    let addresses = port::addresses(&ports, &key(wanted)?);
    if addresses.is_empty() {
        return Err(Error::new(
            Kind::Usage,
            format!("Error: No public port '{wanted}' published for {name}"),
        ));
    }
    addresses.into_iter().try_for_each(out::line)?;
    Ok(0)
}

/// `80` means `80/tcp`.
fn key(wanted: &str) -> Result<String> {
    let (number, kind) = wanted.split_once('/').unwrap_or((wanted, "tcp"));
    match number.parse::<u16>() {
        Ok(number) => Ok(format!("{number}/{kind}")),
        Err(_) => Err(Error::new(
            Kind::Usage,
            format!(
                "Error: invalid port ({number}): strconv.ParseUint: parsing {number:?}: invalid syntax"
            ),
        )),
    }
}
