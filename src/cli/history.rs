//! `coracle history`: the steps of an image's making.

use clap::{ArgMatches, Command};
use jiff::Timestamp;

use super::args::{self, flag, operands};
use super::format::{self, Format};
use super::ps::width;
use super::{Session, Verb};
use crate::error::Result;
use crate::ui::out;
use crate::wire::image::{Numbers, steps};

pub(super) const VERB: Verb = Verb {
    path: &["history"],
    aliases: &[&["image", "history"]],
    about: "Show the history of an image",
    args: |command: Command| {
        command
            .arg(operands("image", 1).value_name("IMAGE"))
            .arg(format::list_arg())
            .arg(
                flag(
                    "human",
                    'H',
                    "Print sizes and dates in human readable format (default true)",
                )
                .default_value("true"),
            )
            .arg(flag("no-trunc", None, "Don't truncate output"))
            .arg(flag("quiet", 'q', "Only show image IDs"))
    },
    run,
};

fn run(matches: &ArgMatches, session: &mut Session) -> Result<u8> {
    let numbers = if args::is_set(matches, "human") {
        Numbers::Human
    } else {
        Numbers::Plain
    };
    let created = if numbers == Numbers::Human {
        "CreatedSince"
    } else {
        "CreatedAt"
    };
    let table = vec!["ID", created, "CreatedBy", "Size", "Comment"];
    let format = Format::choose(
        session,
        matches,
        "historyFormat",
        format::Default { table, quiet: "ID" },
    );
    let store = session.store()?;
    let image = store
        .images()
        .find(args::value(matches, "image").unwrap_or_default())?;
    let layers = store.layers();
    let sizes: Vec<u64> = image
        .config
        .rootfs
        .diff_ids
        .iter()
        .map(|l| layers.size(l).unwrap_or(0))
        .collect();
    let rows = steps(&image, &sizes, Timestamp::now(), width(matches), numbers);
    out::text(format.render(&rows, "*formatter.historyContext")?)?;
    Ok(0)
}
