//! `coracle ps`: containers and what they do.

use clap::{ArgMatches, Command};
use jiff::Timestamp;

use super::args::{self, flag, int};
use super::format::{self, Format};
use super::{Session, Verb, filter};
use crate::container::list::{KEYS, Query};
use crate::container::{list as containers, size};
use crate::error::Result;
use crate::store::Store;
use crate::store::containers::Found;
use crate::ui::out;
use crate::wire::columns::Width;
use crate::wire::container::{ImageNames, Row};

pub(super) const VERB: Verb = Verb {
    path: &["ps"],
    aliases: &[
        &["container", "ls"],
        &["container", "list"],
        &["container", "ps"],
    ],
    about: "List containers",
    args: |command: Command| {
        command
            .arg(flag(
                "all",
                'a',
                "Show all containers (default shows just running)",
            ))
            .arg(filter::arg("Filter output based on conditions provided"))
            .arg(format::list_arg())
            .arg(int(
                "last",
                'n',
                "Show n last created containers (includes all states) (default -1)",
            ))
            .arg(flag(
                "latest",
                'l',
                "Show the latest created container (includes all states)",
            ))
            .arg(flag("no-trunc", None, "Don't truncate output"))
            .arg(flag("quiet", 'q', "Only display container IDs"))
            .arg(flag("size", 's', "Display total file sizes"))
    },
    run,
};

fn run(matches: &ArgMatches, session: &mut Session) -> Result<u8> {
    let shows_size = args::is_set(matches, "size");
    let mut table = vec![
        "ID",
        "Image",
        "Command",
        "RunningFor",
        "Status",
        "Ports",
        "Names",
    ];
    if shows_size {
        table.push("Size");
    }
    let is_quiet = args::is_set(matches, "quiet");
    if is_quiet && args::value(matches, "format").is_some_and(|f| !f.is_empty()) {
        out::warn("Ignoring custom format, because both --format and --quiet are set.");
    }
    let format = match is_quiet {
        true => Format::Quiet("ID"),
        false => Format::choose(
            session,
            matches,
            "psFormat",
            format::Default { table, quiet: "ID" },
        ),
    };
    let store = session.store()?;
    let found = containers::list(store, &query(matches)?)?;
    let names = match format.wants("Image") {
        true => ImageNames::new(store.images().names()?),
        false => ImageNames::default(),
    };
    let sizes = match shows_size || format != Format::Json && format.wants("Size") {
        true => sizes(store, &found)?,
        false => vec![None; found.len()],
    };
    let (now, width) = (Timestamp::now(), width(matches));
    let rows: Vec<Row<'_>> = found
        .iter()
        .zip(sizes)
        .map(|(f, size)| Row {
            record: &f.record,
            state: &f.state,
            image: names.shown(&f.record),
            size,
            now,
            width,
        })
        .collect();
    out::text(format.render(&rows, "*formatter.ContainerContext")?)?;
    Ok(0)
}

/// Whether the user wants whole texts.
pub(super) fn width(matches: &ArgMatches) -> Width {
    if args::is_set(matches, "no-trunc") {
        Width::Full
    } else {
        Width::Cut
    }
}

fn query(matches: &ArgMatches) -> Result<Query> {
    let last = matches.get_one::<i64>("last").copied().unwrap_or(-1);
    let limit = match args::is_set(matches, "latest") {
        true => Some(1),
        false => usize::try_from(last).ok().filter(|n| *n > 0),
    };
    Ok(Query {
        all: args::is_set(matches, "all"),
        limit,
        filters: filter::read(matches, KEYS)?,
    })
}

/// Returns what each container's own layer and whole root take on the disk.
fn sizes(store: &Store, found: &[Found]) -> Result<Vec<Option<(u64, u64)>>> {
    let images = store.images().list()?;
    let image = |id: &str| images.iter().find(|i| i.id == id).map_or(0, |i| i.size);
    Ok(found
        .iter()
        .map(|f| {
            let written = size::writable(store, &f.record);
            Some((written, written + image(&f.record.image_id)))
        })
        .collect())
}
