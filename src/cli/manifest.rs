//! `coracle manifest inspect`: a manifest or an index as a registry has it.

use clap::{ArgMatches, Command};

use super::args::{flag, operands, value};
use super::image::remote_name;
use super::{Session, Verb};
use crate::error::{Context, Error, Kind, Result};
use crate::registry::{Remote, quiet};
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
    let reference = remote_name(session, word)?;
    let remote = Remote::open(&session.registries(), &reference)?;
    let found = remote
        .manifest(reference.asked(), &quiet)
        .map_err(|e| match e.kind() {
            Kind::NotFound => Error::new(Kind::Usage, format!("no such manifest: {word}")),
            _ => e,
        })?;
    let document = serde_json::from_slice(&found.bytes).context(Kind::Corrupt, || {
        format!("cannot read the manifest of `{word}`")
    })?;
    out::line(manifest::text(document))?;
    Ok(0)
}
