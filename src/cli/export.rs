//! `coracle export`.

use std::io::Write;
use std::path::Path;

use clap::{ArgMatches, Command};

use super::args::{operands, opt, value};
use super::save::{beside, check_output};
use super::{Session, Verb};
use crate::container::files::export;
use crate::error::{Context, Error, Kind, Result};
use crate::sys::fd::standard;
use crate::ui::out;

pub(super) const VERB: Verb = Verb {
    path: &["export"],
    aliases: &[&["container", "export"]],
    about: "Export a container's filesystem as a tar archive",
    args,
    run,
};

fn args(command: Command) -> Command {
    command
        .arg(operands("container", 1).value_name("CONTAINER"))
        .arg(opt(
            "output",
            'o',
            "string",
            "Write to a file, instead of STDOUT",
        ))
}

fn run(matches: &ArgMatches, session: &mut Session) -> Result<u8> {
    let output = value(matches, "output")
        .filter(|path| !path.is_empty())
        .map(Path::new);
    match output {
        Some(path) => check_output(path, "failed to export container: ")?,
        None if crate::sys::tty::is_terminal(standard(1)) => {
            return Err(Error::new(
                Kind::Usage,
                "cowardly refusing to save to a terminal. Use the -o flag or redirect",
            ));
        }
        None => {}
    }
    let store = session.store()?;
    let container = store
        .containers()
        .find(value(matches, "container").unwrap_or_default())?;
    match output {
        None => export(store, &container, &mut |bytes| out::text(bytes))?,
        Some(path) => beside(path, |mut file| {
            export(store, &container, &mut |bytes| {
                file.write_all(bytes).context(Kind::System, || {
                    format!("cannot write `{}`", path.display())
                })
            })
        })?,
    }
    store.tell_of(container.id(), "export", &[]);
    Ok(0)
}
