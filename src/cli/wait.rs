//! `coracle wait`.

use clap::{ArgMatches, Command};

use super::args::{operands, values};
use super::{Session, Verb};
use crate::container::control::Client;
use crate::error::Result;
use crate::ui::out;

pub(super) const VERB: Verb = Verb {
    path: &["wait"],
    aliases: &[&["container", "wait"]],
    about: "Block until one or more containers stop, then print their exit codes",
    args: |command: Command| command.arg(operands("CONTAINER", 1..)),
    run,
};

fn run(matches: &ArgMatches, session: &mut Session) -> Result<u8> {
    session.each(values(matches, "CONTAINER"), |session, name| {
        out::line(exit_code(session, name)?)
    })
}

/// Waits until a container does not run; returns the exit code of its last run, 0 if it never ran.
fn exit_code(session: &Session, name: &str) -> Result<i32> {
    let store = session.store()?;
    let container = store.containers().find(name)?;
    if container.is_running
        && let Some(client) = Client::connect(store.paths(), container.id())?
        && let Some(code) = client.wait()?
    {
        return Ok(code);
    }
    // it does not run, it is ending, or its monitor was killed; the state is its last one when the lock is free
    while store.containers().is_held(container.id())? {
        if Client::connect(store.paths(), container.id())?.is_some() {
            return exit_code(session, name); // it runs again
        }
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    let state = store.containers().state(container.id())?;
    Ok(state.exit_code)
}
