//! `coracle push`.

use clap::{ArgMatches, Command};

use super::args::{flag, is_set, operands, opt, value};
use super::image::remote_name;
use super::{Session, Verb};
use crate::error::{Error, Kind, Result};
use crate::grammar::reference::DEFAULT_TAG;
use crate::image::progress::{Progress, Silent};
use crate::image::push::{Compression, Options, Which, push};
use crate::ui::out;
use crate::ui::progress::{Stream, progress};

pub(super) const VERB: Verb = Verb {
    path: &["push"],
    aliases: &[&["image", "push"]],
    about: "Upload an image to a registry",
    args,
    run,
};

fn args(command: Command) -> Command {
    command
        .arg(operands("image", 1).value_name("NAME[:TAG]"))
        .arg(flag(
            "all-tags",
            'a',
            "Push all tags of an image to the repository",
        ))
        .arg(opt(
            "compression",
            None,
            "string",
            "Compress layers with \"gzip\" or \"zstd\" (default: as they are, else gzip)",
        ))
        .arg(flag(
            "disable-content-trust",
            None,
            "Skip image signing (default true)",
        ))
        .arg(flag("quiet", 'q', "Suppress verbose output"))
}

fn run(matches: &ArgMatches, session: &mut Session) -> Result<u8> {
    let settings = session.registries();
    let mut reference = remote_name(session, value(matches, "image").unwrap_or_default())?;
    let usage = |text: String| Error::new(Kind::Usage, text);
    let all = is_set(matches, "all-tags");
    if all && (reference.tag().is_some() || reference.digest().is_some()) {
        return Err(usage("tag can't be used with --all-tags/-a".to_owned()));
    }
    if reference.digest().is_some() {
        return Err(usage("cannot push a digest reference".to_owned()));
    }
    let compression = match value(matches, "compression") {
        None | Some("") => None,
        Some("gzip") => Some(Compression::Gzip),
        Some("zstd") => Some(Compression::Zstd),
        Some(other) => {
            return Err(usage(format!(
                "unknown compression `{other}`: gzip or zstd"
            )));
        }
    };
    let quiet = is_set(matches, "quiet");
    let shown: Box<dyn Progress> = if quiet {
        Box::new(Silent)
    } else {
        progress(Stream::Stdout)
    };
    if !all && reference.tag().is_none() {
        if !quiet {
            out::line(format_args!("Using default tag: {DEFAULT_TAG}"))?;
        }
        reference = reference.or_latest();
    }
    let options = Options {
        settings,
        compression,
    };
    let which = if all { Which::All } else { Which::Tag };
    let done = push(
        session.store()?,
        &reference,
        which,
        &options,
        shown.as_ref(),
    );
    drop(shown);
    // docker tells these on the stream of the push, without its daemon's prefix
    done.map_err(|e| match e.kind() {
        Kind::NotFound | Kind::Denied | Kind::Network => usage(e.to_string()),
        _ => e,
    })?;
    session
        .store()?
        .images()
        .tell("push", &reference.familiar(), &reference.familiar_name());
    if quiet {
        out::line(match all {
            true => reference.name(),
            false => reference.to_string(),
        })?;
    }
    Ok(0)
}
