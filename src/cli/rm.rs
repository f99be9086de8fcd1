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
    let ids = match options.force && !is_link && names.len() > 1 {
        true => begin(session, &names)?,
        false => names.iter().map(|name| (*name).clone()).collect(),
    };
    let mut missing = 0;
    let mut failed = 0;
    for (name, id) in names.into_iter().zip(&ids) {
        match one(session, id, options, is_link) {
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

/// Tells all to end before the first one is waited for. Returns the ids, and where there is none the name: whatever is
/// wrong with one is told when its turn comes.
fn begin(session: &Session, names: &[&String]) -> Result<Vec<String>> {
    let store = session.store()?;
    let begin = |name: &&String| match store.containers().find(name) {
        Ok(container) => {
            remove::begin_kill(store, &container).ok();
            container.record.id
        }
        Err(_) => (*name).clone(),
    };
    Ok(names.iter().map(begin).collect())
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
