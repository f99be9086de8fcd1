//! `coracle stop`.

use clap::{ArgMatches, Command};

use super::args::{int, operands, opt, value, values};
use super::{Session, Verb};
use crate::container::stop::{self, Options};
use crate::error::{Error, Kind, Result};
use crate::ui::out;

pub(super) const VERB: Verb = Verb {
    path: &["stop"],
    aliases: &[&["container", "stop"]],
    about: "Stop one or more running containers",
    args,
    run,
};

/// The flags of `stop` and `restart`.
pub(super) fn args(command: Command) -> Command {
    command
        .arg(opt(
            "signal",
            's',
            "string",
            "Signal to send to the container",
        ))
        .arg(int(
            "time",
            't',
            "Seconds to wait before killing the container",
        ))
        .arg(
            int(
                "timeout",
                None,
                "Seconds to wait before killing the container",
            )
            .hide(true),
        )
        .arg(operands("CONTAINER", 1..))
}

/// Reads the flags of `stop` and `restart`.
pub(super) fn options(matches: &ArgMatches) -> Options {
    let seconds = |name| matches.get_one::<i64>(name).copied();
    Options {
        signal: value(matches, "signal").map(str::to_owned),
        timeout: seconds("time").or_else(|| seconds("timeout")),
    }
}

fn run(matches: &ArgMatches, session: &mut Session) -> Result<u8> {
    let options = options(matches);
    session.each(values(matches, "CONTAINER"), |session, name| {
        let store = session.store()?;
        let container = store.containers().find(name)?;
        stop::stop(store, &container, &options).map_err(|e| {
            if e.kind() == Kind::Invalid {
                return Error::new(e.kind(), format!("cannot stop container: {name}")).because(e);
            }
            e
        })?;
        out::line(name)
    })
}
