//! `coracle restart`.

use clap::ArgMatches;

use super::args::values;
use super::{Session, Verb, start, stop};
use crate::container::stop::stop;
use crate::error::{Error, Kind, Result};
use crate::ui::out;

pub(super) const VERB: Verb = Verb {
    path: &["restart"],
    aliases: &[&["container", "restart"]],
    about: "Restart one or more containers",
    args: stop::args,
    run,
};

fn run(matches: &ArgMatches, session: &mut Session) -> Result<u8> {
    let options = stop::options(matches);
    session.each(values(matches, "CONTAINER"), |session, name| {
        let store = session.store()?;
        let container = store.containers().find(name)?;
        stop(store, &container, &options)
            .and_then(|()| start::one(session, container.id()))
            .map_err(|e| {
                if e.kind() == Kind::Invalid {
                    let text = format!("Cannot restart container {name}");
                    return Error::new(e.kind(), text).because(e);
                }
                e
            })?;
        store.tell_of(container.id(), "restart", &[]);
        out::line(name)
    })
}
