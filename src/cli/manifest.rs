//! `coracle manifest inspect`: a manifest or an index as a registry has it.

use clap::{ArgMatches, Command};

use super::args::{flag, operands, value};
use super::{Session, Verb};
use crate::error::{Context, Error, Kind, Result};
use crate::grammar::reference::{DEFAULT_TAG, Reference};
use crate::registry::Remote;
use crate::registry::mirrors::Registries;
use crate::ui::out;
use crate::wire::manifest;

/// `manifest inspect`.
pub(super) const INSPECT: Verb = Verb {
    path: &["manifest", "inspect"],
    aliases: &[],
    about: "Display an image manifest, or manifest list",
    args: |command: Command| {
        command
            .arg(operands("manifest", 1).value_name("MANIFEST"))
            .arg(flag(
                "insecure",
                None,
                "Has no effect: registries.conf says which registries are",
            ))
    },
    run,
};

fn run(matches: &ArgMatches, session: &mut Session) -> Result<u8> {
    let word = value(matches, "manifest").unwrap_or_default();
    let settings = session.registries();
    let text = Registries::read(&settings)?.expand(word);
    let reference = Reference::parse(&text)
        .map_err(|e| Error::new(Kind::Usage, e.to_string()))?
        .or_latest();
    let remote = Remote::open(&settings, &reference)?;
    let name = reference
        .digest()
        .or(reference.tag())
        .unwrap_or(DEFAULT_TAG);
    let found = remote.manifest(name).map_err(|e| match e.kind() {
        Kind::NotFound => Error::new(Kind::Usage, format!("no such manifest: {word}")),
        _ => e,
    })?;
    let document = serde_json::from_slice(&found.bytes).context(Kind::Corrupt, || {
        format!("cannot read the manifest of `{word}`")
    })?;
    out::line(manifest::text(document))?;
    Ok(0)
}
