//! `coracle rm`.

use clap::{ArgMatches, Command};

use super::args::{flag, is_set, operands, values};
use super::{Session, Verb};
use crate::container::remove::{self, Options};
use crate::container::sweep;
use crate::error::{Error, Kind, Result};
use crate::ui::out;

pub(super) const VERB: Verb = Verb {
    path: &["rm"],
    aliases: &[&["container", "rm"], &["container", "remove"]],
    about: "Remove one or more containers",
    args,
    run,
};

fn args(command: Command) -> Command {
    command
        .arg(flag(
            "force",
            'f',
            "Force the removal of a running container (uses SIGKILL)",
        ))
        .arg(flag("link", 'l', "Remove the specified link"))
        .arg(flag(
            "volumes",
            'v',
            "Remove anonymous volumes associated with the container",
        ))
        .arg(operands("CONTAINER", 1..))
}

fn run(matches: &ArgMatches, session: &mut Session) -> Result<u8> {
    let options = Options {
        force: is_set(matches, "force"),
        volumes: is_set(matches, "volumes"),
    };
    let is_link = is_set(matches, "link");
    let names: Vec<&String> = values(matches, "CONTAINER").collect();
    if options.force && !is_link && names.len() > 1 {
        begin(session, &names)?;
    }
    let mut missing = 0;
    let mut failed = 0;
    for name in names {
        match one(session, name, options, is_link) {
            Ok(()) => out::line(name)?,
            Err(e) => {
                session.complain(&e);
                match e.kind() {
                    // docker: what is to be gone by force and is gone is no failure
                    Kind::NotFound if options.force => missing += 1,
                    _ => failed += 1,
                }
            }
        }
    }
    session.debug(|| format!("{missing} containers were not there"));
    sweep::start(session.store()?);
    Ok(u8::from(failed > 0))
}

/// All are told to end before the first one is waited for.
fn begin(session: &Session, names: &[&String]) -> Result<()> {
    let store = session.store()?;
    for name in names {
        // whatever is wrong with one is told when its turn comes
        if let Ok(container) = store.containers().find(name) {
            remove::begin_kill(store, &container).ok();
        }
    }
    Ok(())
}

fn one(session: &Session, name: &str, options: Options, is_link: bool) -> Result<()> {
    let store = session.store()?;
    let container = store.containers().find(name)?;
    if is_link {
        return Err(Error::new(
            Kind::Conflict,
            "Conflict, cannot remove the default link name of the container",
        ));
    }
    remove::remove(store, &container, options)
}
