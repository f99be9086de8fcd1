//! `coracle stats`: what containers use, once or every second.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use clap::{ArgMatches, Command};

use super::args::{flag, is_set, operands, values};
use super::format::{self, Format};
use super::ps::width;
use super::{Session, Verb};
use crate::container::stats::Usage;
use crate::error::{Kind, Result};
use crate::store::Store;
use crate::store::containers::Found;
use crate::ui::out;
use crate::wire::stats::Row;

pub(super) const VERB: Verb = Verb {
    path: &["stats"],
    aliases: &[&["container", "stats"]],
    about: "Display a live stream of container(s) resource usage statistics",
    args: |command: Command| {
        command
            .arg(operands("CONTAINER", 0..))
            .arg(flag(
                "all",
                'a',
                "Show all containers (default shows just running)",
            ))
            .arg(format::list_arg())
            .arg(flag(
                "no-stream",
                None,
                "Disable streaming stats and only pull the first result",
            ))
            .arg(flag("no-trunc", None, "Do not truncate output"))
    },
    run,
};

/// Between two looks.
const PAUSE: Duration = Duration::from_secs(1);
/// The terminal's screen is cleared and written anew.
const CLEAR: &str = "\x1b[2J\x1b[H";

fn run(matches: &ArgMatches, session: &mut Session) -> Result<u8> {
    let default = format::Default {
        table: vec![
            "ID", "Name", "CPUPerc", "MemUsage", "MemPerc", "NetIO", "BlockIO", "PIDs",
        ],
        quiet: "ID",
    };
    let format = Format::choose(session, matches, "statsFormat", default);
    let is_once = is_set(matches, "no-stream");
    let store = session.store()?;
    let mut last = HashMap::new();
    for name in values(matches, "CONTAINER") {
        store.containers().find(name)?;
    }
    look(store, matches, &mut last)?;
    loop {
        std::thread::sleep(PAUSE);
        let rows = look(store, matches, &mut last)?;
        let text = format.render(&rows, "*container.statsContext")?;
        match is_once {
            true => out::text(text)?,
            false => out::text(format!("{CLEAR}{text}"))?,
        }
        let is_over = rows.is_empty() && values(matches, "CONTAINER").next().is_some();
        if is_once || is_over {
            return Ok(0);
        }
    }
}

/// The containers that are to be shown, as the user called them. Who is gone is left out.
fn chosen(store: &Store, matches: &ArgMatches) -> Result<Vec<(Option<String>, Found)>> {
    let mut named = values(matches, "CONTAINER").peekable();
    if named.peek().is_some() {
        let find = |name: &String| match store.containers().find(name) {
            Err(e) if e.kind() == Kind::NotFound => None,
            found => Some(found.map(|found| (Some(name.clone()), found))),
        };
        return named.filter_map(find).collect();
    }
    let mut all = store.containers().list()?;
    all.retain(|found| is_set(matches, "all") || found.is_running);
    Ok(all.into_iter().map(|found| (None, found)).collect())
}

/// One row for each; `last` has the time and the CPU's share of the look before.
fn look(
    store: &Store,
    matches: &ArgMatches,
    last: &mut HashMap<String, (Instant, u64)>,
) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for (called, found) in chosen(store, matches)? {
        // one that ends in this moment uses nothing any more
        let usage = Usage::of(&found).unwrap_or_default();
        let now = Instant::now();
        let before = last.insert(found.id().to_owned(), (now, usage.cpu));
        let cpu = before.map_or(0.0, |(then, cpu)| {
            let spent = Duration::from_micros(usage.cpu.saturating_sub(cpu));
            spent.as_secs_f64() / (now - then).as_secs_f64() * 100.0
        });
        let short = crate::store::short_id(found.id());
        rows.push(Row {
            called: called.unwrap_or_else(|| short.to_owned()),
            id: found.id().to_owned(),
            name: found.name().to_owned(),
            usage,
            cpu,
            width: width(matches),
        });
    }
    Ok(rows)
}
