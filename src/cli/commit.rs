//! `coracle commit`.

use clap::{ArgMatches, Command};

use super::args::{flag, list, operands, opt, typed, value, values};
use super::{Session, Verb};
use crate::container::commit::{Request, commit};
use crate::error::{Error, Kind, Result};
use crate::grammar::reference::Reference;
use crate::ui::out;

pub(super) const VERB: Verb = Verb {
    path: &["commit"],
    aliases: &[&["container", "commit"]],
    about: "Create a new image from a container's changes",
    args,
    run,
};

fn args(command: Command) -> Command {
    command
        .arg(operands("names", 1..=2).value_name("CONTAINER [REPOSITORY[:TAG]]"))
        .arg(opt(
            "author",
            'a',
            "string",
            "Author (e.g., \"John Hannibal Smith <hannibal@a-team.com>\")",
        ))
        .arg(list(
            "change",
            'c',
            "list",
            "Apply Dockerfile instruction to the created image",
        ))
        .arg(opt("message", 'm', "string", "Commit message"))
        .arg(flag(
            "pause",
            'p',
            "Pause container during commit (default true)",
        ))
}

fn run(matches: &ArgMatches, session: &mut Session) -> Result<u8> {
    let mut names = values(matches, "names");
    let container = names.next().expect("clap counted");
    let text = |name| value(matches, name).unwrap_or_default().to_owned();
    let request = Request {
        author: text("author"),
        message: text("message"),
        changes: values(matches, "change").cloned().collect(),
        pause: typed::<bool>(matches, "pause").copied().unwrap_or(true),
        name: names
            .next()
            .map(|name| image_name(name))
            .transpose()?
            .flatten(),
    };
    let store = session.store()?;
    let found = store.containers().find(container)?;
    let id = commit(store, &found, &request)?;
    let reference = request.name.map(|n| n.familiar()).unwrap_or_default();
    if !reference.is_empty() {
        store.images().tell("tag", &id, &reference);
    }
    let more = [
        ("comment", &request.message[..]),
        ("imageID", &id),
        ("imageRef", &reference),
    ];
    store.tell_of(found.id(), "commit", &more);
    out::line(id)?;
    Ok(0)
}

/// The name that a made image gets; docker's client reads it itself.
pub(super) fn image_name(text: &str) -> Result<Option<Reference>> {
    if text.is_empty() {
        return Ok(None);
    }
    let name = Reference::parse(text).map_err(|e| Error::new(Kind::Usage, e.to_string()))?;
    match name.digest() {
        None => Ok(Some(name.or_latest())),
        Some(_) => Err(Error::new(Kind::Usage, "cannot import digest reference")),
    }
}
