//! `coracle load`.

use std::fs::File;

use clap::{ArgMatches, Command};

use super::args::{flag, is_set, opt, value};
use super::{Session, Verb};
use crate::error::{Error, Kind, Result};
use crate::grammar::platform::Platform;
use crate::image::load::{Loaded, Options, load};
use crate::sys::fd::{duplicate, standard};
use crate::ui::out;
use crate::ui::progress::{Stream, progress};

pub(super) const VERB: Verb = Verb {
    path: &["load"],
    aliases: &[&["image", "load"]],
    about: "Load an image from a tar archive or STDIN",
    args,
    run,
};

fn args(command: Command) -> Command {
    command
        .arg(opt(
            "input",
            'i',
            "string",
            "Read from tar archive file, instead of STDIN",
        ))
        .arg(opt(
            "platform",
            None,
            "string",
            "Load only the given platform variant",
        ))
        .arg(flag("quiet", 'q', "Suppress the load output"))
}

fn run(matches: &ArgMatches, session: &mut Session) -> Result<u8> {
    let platform = value(matches, "platform")
        .map(Platform::parse)
        .transpose()?;
    let input = match value(matches, "input").filter(|path| !path.is_empty()) {
        Some(path) => open(path)?,
        None if crate::sys::tty::is_terminal(standard(0)) => {
            return Err(Error::new(
                Kind::Usage,
                "requested load from stdin, but stdin is empty",
            ));
        }
        None => File::from(duplicate(standard(0))?),
    };
    let told = progress(Stream::Stdout);
    let quiet = is_set(matches, "quiet");
    let told: &dyn crate::image::progress::Progress = match quiet {
        true => &crate::image::progress::Silent,
        false => told.as_ref(),
    };
    let store = session.store()?;
    for loaded in load(store, input, &Options { platform }, told)? {
        let (Loaded::Name(name) | Loaded::Id(name)) = &loaded;
        store.images().tell("load", name, name);
        out::line(loaded)?;
    }
    Ok(0)
}

/// Opens what `-i` and its like name, with docker's words for what cannot be.
pub(super) fn open(path: &str) -> Result<File> {
    // docker's text names the path itself
    File::open(path).map_err(|e| {
        let why = crate::sys::sentence(nix::errno::Errno::from_raw(e.raw_os_error().unwrap_or(0)));
        Error::new(Kind::Usage, format!("open {path}: {why}"))
    })
}
