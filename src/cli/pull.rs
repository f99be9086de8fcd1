//! `coracle pull`.

use clap::{ArgMatches, Command};

use super::args::{flag, is_set, operands, opt, value};
use super::image::remote_name;
use super::{Session, Verb};
use crate::error::{Error, Kind, Result};
use crate::grammar::platform::Platform;
use crate::grammar::reference::DEFAULT_TAG;
use crate::image::progress::{Progress, Silent};
use crate::image::pull::{Options, pull, pull_all};
use crate::ui::out;
use crate::ui::progress::{Stream, progress};

pub(super) const VERB: Verb = Verb {
    path: &["pull"],
    aliases: &[&["image", "pull"]],
    about: "Download an image from a registry",
    args,
    run,
};

fn args(command: Command) -> Command {
    command
        .arg(operands("image", 1).value_name("NAME[:TAG|@DIGEST]"))
        .arg(flag(
            "all-tags",
            'a',
            "Download all tagged images in the repository",
        ))
        .arg(flag(
            "disable-content-trust",
            None,
            "Skip image verification (default true)",
        ))
        .arg(opt(
            "platform",
            None,
            "string",
            "Set platform if server is multi-platform capable",
        ))
        .arg(flag("quiet", 'q', "Suppress verbose output"))
}

fn run(matches: &ArgMatches, session: &mut Session) -> Result<u8> {
    let settings = session.registries();
    let reference = remote_name(session, value(matches, "image").unwrap_or_default())?;
    let all = is_set(matches, "all-tags");
    let is_whole = reference.tag().is_none() && reference.digest().is_none();
    if all && !is_whole {
        return Err(Error::new(
            Kind::Usage,
            "tag can't be used with --all-tags/-a",
        ));
    }
    let platform = value(matches, "platform").map(str::to_owned);
    let platform =
        platform.or_else(|| super::variable("DOCKER_DEFAULT_PLATFORM").filter(|p| !p.is_empty()));
    let platform = platform.map(|p| Platform::parse(&p)).transpose()?;
    let quiet = is_set(matches, "quiet");
    let shown: Box<dyn Progress> = if quiet {
        Box::new(Silent)
    } else {
        progress(Stream::Stdout)
    };
    if is_whole && !all {
        // docker says so with -q too
        out::line(format_args!("Using default tag: {DEFAULT_TAG}"))?;
    }
    let store = session.store()?;
    let options = Options {
        settings,
        platform,
        leaves_tag: false,
        takes_any: false,
    };
    let canonical = if all {
        pull_all(store, &reference, &options, shown.as_ref())?;
        reference.to_string()
    } else {
        pull(store, &reference, &options, shown.as_ref())?;
        reference.clone().or_latest().to_string()
    };
    drop(shown);
    store
        .images()
        .tell("pull", &reference.familiar(), &reference.familiar_name());
    out::line(canonical)?;
    Ok(0)
}
