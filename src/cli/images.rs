//! `coracle images`: names and images of the store.

use clap::{ArgMatches, Command};
use jiff::Timestamp;

use super::args::{self, flag, operands};
use super::format::{self, Format};
use super::ps::width;
use super::{Session, Verb, filter};
use crate::error::Result;
use crate::image::list::{KEYS, list};
use crate::ui::out;
use crate::wire::image::{Digests, Row, rows};
use crate::wire::time;

pub(super) const VERB: Verb = Verb {
    path: &["images"],
    aliases: &[&["image", "ls"], &["image", "list"]],
    about: "List images",
    args: |command: Command| {
        command
            .arg(operands("reference", 0..=1).value_name("[REPOSITORY[:TAG]]"))
            .arg(flag(
                "all",
                'a',
                "Show all images (default hides intermediate images)",
            ))
            .arg(flag("digests", None, "Show digests"))
            .arg(filter::arg("Filter output based on conditions provided"))
            .arg(format::list_arg())
            .arg(flag("no-trunc", None, "Don't truncate output"))
            .arg(flag("quiet", 'q', "Only show image IDs"))
    },
    run,
};

fn run(matches: &ArgMatches, session: &mut Session) -> Result<u8> {
    let shows_digests = args::is_set(matches, "digests");
    let table = match shows_digests {
        true => vec!["Repository", "Tag", "Digest", "ID", "CreatedSince", "Size"],
        false => vec!["Repository", "Tag", "ID", "CreatedSince", "Size"],
    };
    let format = Format::choose(
        session,
        matches,
        "imagesFormat",
        format::Default { table, quiet: "ID" },
    );
    let digests = match (
        shows_digests,
        format != Format::Json && format.wants("Digest"),
    ) {
        (true, _) => Digests::Shown,
        (false, true) => Digests::Asked,
        (false, false) => Digests::Hidden,
    };
    let now = Timestamp::now();
    let mut filters = filter::read(matches, KEYS)?;
    if let Some(pattern) = args::value(matches, "reference") {
        filters.add("reference", pattern);
    }
    let images = list(session.store()?, &filters, |text| time::moment(text, now))?;
    let rows: Vec<Row<'_>> = images
        .iter()
        .flat_map(|i| rows(i, digests, now, width(matches)))
        .collect();
    out::text(format.render(&rows, "*formatter.imageContext")?)?;
    Ok(0)
}
