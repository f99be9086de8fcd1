//! The image of a `run` or `create`: the one that is here, else the registry's.

use super::Session;
use super::flags::run::Pull;
use crate::error::{Error, Kind, Result};
use crate::grammar::platform::Platform;
use crate::grammar::reference::Reference;
use crate::image::embedded;
use crate::image::progress::{Progress, Silent};
use crate::image::pull;
use crate::registry::mirrors::Registries;
use crate::store::images::{self, Image};
use crate::ui::out;
use crate::ui::progress::{Stream, progress};

/// What image is wanted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted<'a> {
    /// As the user wrote it: a name or an id.
    pub(super) word: &'a str,
    /// `--platform`.
    pub(super) platform: Option<&'a str>,
    /// `--pull`.
    pub(super) pull: Pull,
    /// `-q`.
    pub(super) quiet: bool,
}

/// Finds the image, and pulls it where `--pull` says so.
///
/// `Kind::NotFound` with docker's text when it is nowhere.
pub(super) fn find(session: &Session, wanted: Wanted<'_>) -> Result<Image> {
    let platform = wanted
        .platform
        .map(Platform::parse)
        .transpose()
        .map_err(usage)?;
    let mut here = local(session, wanted.word)?;
    if here.is_none()
        && matches!(wanted.pull, Pull::Missing | Pull::Never)
        && embedded::install(session.store()?, wanted.word)?
    {
        here = local(session, wanted.word)?;
    }
    let fits = |image: &Image| {
        platform
            .as_ref()
            .is_none_or(|p| p.matches(&image.config.platform()))
    };
    if let (Some(platform), Some(image)) = (&platform, &here)
        && !fits(image)
        && let Some(image) = session.store()?.images().sibling(image, platform)?
    {
        here = Some(image);
    }
    match (wanted.pull, here) {
        (Pull::Missing | Pull::Never, Some(image)) if fits(&image) => Ok(image),
        (Pull::Never, None) => Err(images::no_such(wanted.word)),
        (Pull::Never, Some(image)) => Err(wrong_platform(wanted.word, &image, platform.as_ref())),
        (policy, here) => {
            let reference = remote_name(session, wanted.word)?;
            if policy == Pull::Missing && !wanted.quiet {
                let name = reference.clone().or_latest().familiar();
                out::talk(format_args!("Unable to find image '{name}' locally"));
            }
            match fetch(session, &reference, platform.clone(), wanted.quiet) {
                Ok(image) if fits(&image) => Ok(image),
                Ok(image) => Err(wrong_platform(wanted.word, &image, platform.as_ref())),
                Err(e) if policy == Pull::Newer && e.kind() == Kind::Network => here.ok_or(e),
                Err(e) => Err(e),
            }
        }
    }
}

/// The image that is here under that name, or under what registries.conf makes of it.
fn local(session: &Session, word: &str) -> Result<Option<Image>> {
    let store = session.store()?;
    let find = |word: &str| match store.images().find(word) {
        Ok(image) => Ok(Some(image)),
        Err(e) if e.kind() == Kind::NotFound => Ok(None),
        // docker's client reads the name itself
        Err(e) if e.kind() == Kind::Invalid => Err(usage(e)),
        Err(e) => Err(e),
    };
    if let Some(image) = find(word)? {
        return Ok(Some(image));
    }
    Reference::parse(word).map_err(usage)?;
    if embedded::install(store, word)? {
        return find(word);
    }
    match Registries::read(&session.registries())?.expand(word) {
        expanded if expanded == word => Ok(None),
        expanded => find(&expanded),
    }
}

/// What a registry knows a word as: docker's client reads the name, so its daemon's prefix is not said.
pub(super) fn remote_name(session: &Session, word: &str) -> Result<Reference> {
    let expanded = Registries::read(&session.registries())?.expand(word);
    Reference::parse(&expanded).map_err(usage)
}

/// Pulls; the progress goes to stderr, since stdout is the container's.
fn fetch(
    session: &Session,
    reference: &Reference,
    platform: Option<Platform>,
    quiet: bool,
) -> Result<Image> {
    let store = session.store()?;
    let options = pull::Options {
        settings: session.registries(),
        platform,
        leaves_tag: false,
        takes_any: false,
    };
    let shown: Box<dyn Progress> = match quiet {
        true => Box::new(Silent),
        false => progress(Stream::Stderr),
    };
    let pulled = pull::pull(store, reference, &options, shown.as_ref())?;
    drop(shown);
    store.images().find(&pulled.id)
}

fn wrong_platform(word: &str, image: &Image, wanted: Option<&Platform>) -> Error {
    let wanted = wanted.map(ToString::to_string).unwrap_or_default();
    Error::new(
        Kind::Usage,
        format!(
            "image with reference {word} was found but does not match the specified platform: wanted {wanted}, actual: {}",
            image.config.platform()
        ),
    )
}

fn usage(error: Error) -> Error {
    Error::new(Kind::Usage, error.to_string())
}
