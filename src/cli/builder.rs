//! `coracle buildx du` and `builder prune`: what the build cache holds, and its removal.

use std::collections::HashSet;
use std::time::{Duration, SystemTime};

use clap::{ArgMatches, Command};

use super::args::{flag, is_set, list, opt, value, values};
use super::{Session, Verb};
use crate::container::sweep;
use crate::error::{Error, Kind, Result};
use crate::grammar::units;
use crate::store::builds::Listed;
use crate::store::{Store, gc, short_id};
use crate::ui::{ask, out};

/// `buildx du`.
pub(super) const DU: Verb = Verb {
    path: &["buildx", "du"],
    aliases: &[&["builder", "du"]],
    about: "Disk usage",
    args: |command: Command| {
        command
            .arg(list("filter", None, "filter", "Provide filter values"))
            .arg(flag("verbose", None, "Provide a more verbose output"))
            .arg(opt("builder", None, "string", "Has no effect"))
    },
    run: du,
};

/// `builder prune`.
pub(super) const PRUNE: Verb = Verb {
    path: &["builder", "prune"],
    aliases: &[&["buildx", "prune"]],
    about: "Remove build cache",
    args: |command: Command| {
        command
            .arg(flag(
                "all",
                'a',
                "Remove all unused build cache, not just dangling ones",
            ))
            .arg(list(
                "filter",
                None,
                "filter",
                "Provide filter values (e.g., \"until=24h\")",
            ))
            .arg(flag("force", 'f', "Do not prompt for confirmation"))
            .arg(opt(
                "keep-storage",
                None,
                "bytes",
                "Amount of disk space to keep for cache",
            ))
            .arg(opt(
                "max-used-space",
                None,
                "bytes",
                "Maximum amount of disk space allowed to keep for cache",
            ))
            .arg(opt("builder", None, "string", "Has no effect"))
            .arg(flag("verbose", None, "Provide a more verbose output"))
    },
    run: prune,
};

/// Everything in the cache, the least lately used first.
pub(super) fn listed(store: &Store) -> Result<Vec<Listed>> {
    let mut needed = HashSet::new();
    for image in store.images().list()? {
        needed.extend(store.images().config(&image.id)?.rootfs.diff_ids);
    }
    store.builds().list(&|layer| needed.contains(layer))
}

fn size(bytes: u64) -> String {
    units::human_size(bytes as f64, 4)
}

fn du(matches: &ArgMatches, session: &mut Session) -> Result<u8> {
    let all = listed(session.store()?)?;
    match is_set(matches, "verbose") {
        true => all.iter().try_for_each(|entry| out::text(block(entry)))?,
        false => out::text(table(&all))?,
    }
    let sum = |shared: bool| -> u64 {
        let chosen = all.iter().filter(|entry| entry.is_shared == shared);
        chosen.map(|entry| entry.size).sum()
    };
    let (shared, private) = (sum(true), sum(false));
    out::text(format!(
        "Shared:\t\t{}\nPrivate:\t{}\nReclaimable:\t{}\nTotal:\t\t{}\n",
        size(shared),
        size(private),
        size(private + shared),
        size(private + shared)
    ))?;
    Ok(0)
}

fn table(all: &[Listed]) -> String {
    let mut text = "ID\t\t\t\t\t\tRECLAIMABLE\tSIZE\t\tLAST ACCESSED\n".to_owned();
    for entry in all.iter().rev() {
        let mark = if entry.step.is_none() { "*" } else { "" };
        let shared = if entry.is_shared { "*" } else { "" };
        text += &format!(
            "{}{mark}\ttrue    \t{}{shared}\t\t{}\n",
            short_id(&entry.key),
            size(entry.size),
            ago(entry.used)
        );
    }
    text
}

fn ago(time: SystemTime) -> String {
    let seconds = time.elapsed().map_or(0, |d| d.as_secs());
    let text = units::human_duration(i64::try_from(seconds).unwrap_or(i64::MAX));
    format!("{} ago", text.to_lowercase())
}

fn kind(entry: &Listed) -> &'static str {
    match entry.step {
        Some(_) => "regular",
        None => "exec.cachemount",
    }
}

fn description(entry: &Listed) -> String {
    match entry.step {
        Some(_) => entry.about.clone(),
        None => format!("cached mount {}", entry.about),
    }
}

fn block(entry: &Listed) -> String {
    let kind = kind(entry);
    let parent = entry
        .step
        .as_ref()
        .map(|step| step.parent.clone())
        .unwrap_or_default();
    let time =
        |time: SystemTime| jiff::Timestamp::try_from(time).map_or(String::new(), |t| t.to_string());
    let about = description(entry);
    format!(
        "ID:\t\t{}\nParent:\t\t{}\nCreated at:\t{}\nMutable:\t{}\nReclaimable:\ttrue\nShared:\t\t{}\nSize:\t\t{}\nDescription:\t{about}\nLast used:\t{}\nType:\t\t{kind}\n\n",
        short_id(&entry.key),
        parent.get(..12).unwrap_or(&parent),
        time(entry.made),
        entry.step.is_none(),
        entry.is_shared,
        size(entry.size),
        ago(entry.used)
    )
}

fn prune(matches: &ArgMatches, session: &mut Session) -> Result<u8> {
    let keep = match value(matches, "keep-storage").or(value(matches, "max-used-space")) {
        Some(text) => u64::try_from(units::bytes(text)?).unwrap_or(0),
        None => 0,
    };
    let wanted = Wanted::read(matches)?;
    let question = match is_set(matches, "all") {
        true => "WARNING! This will remove all build cache. Are you sure you want to continue?",
        false => {
            "WARNING! This will remove all dangling build cache. Are you sure you want to continue?"
        }
    };
    if !is_set(matches, "force") {
        let answer = ask::line(&format!("{question} [y/N] "))?;
        if !answer.trim().eq_ignore_ascii_case("y") {
            return Ok(0);
        }
    }
    let store = session.store()?;
    let gone = clear(store, is_set(matches, "all"), keep, |e| wanted.fits(e))?;
    if keep == 0 && wanted.is_all() {
        store.builds().forget_contents()?;
    }
    sweep::finish(store);
    if !gone.is_empty() {
        out::text(table(&gone))?;
    }
    out::line(format_args!("Total:\t{}", size(freed(&gone))))?;
    Ok(0)
}

/// Takes from the cache what fits, until it has no more than `keep` bytes. What an image needs as well costs nothing and stays,
/// but for `all`.
pub(super) fn clear(
    store: &Store,
    all: bool,
    keep: u64,
    fits: impl Fn(&Listed) -> bool,
) -> Result<Vec<Listed>> {
    let cache = listed(store)?;
    let mut left: u64 = cache.iter().map(|entry| entry.size).sum();
    let mut gone = Vec::new();
    for entry in cache {
        if left <= keep || (entry.is_shared && !all) || !fits(&entry) {
            continue;
        }
        left -= entry.size;
        store.builds().forget(&entry)?;
        gone.push(entry);
    }
    // what another build is making now has no name yet
    gc::prune_unreferenced(store, Duration::from_secs(60))?;
    Ok(gone)
}

/// Bytes that are free when this is gone.
pub(super) fn freed(gone: &[Listed]) -> u64 {
    let own = gone.iter().filter(|entry| !entry.is_shared);
    own.map(|entry| entry.size).sum()
}

/// `--filter`: how old, and what else, as buildkit's adaptor of a cache record: what no record has fits none.
struct Wanted<'a> {
    age: Duration,
    others: Vec<(&'a str, &'a str)>,
}

impl<'a> Wanted<'a> {
    fn read(matches: &'a ArgMatches) -> Result<Wanted<'a>> {
        let mut wanted = Wanted {
            age: Duration::ZERO,
            others: Vec::new(),
        };
        for word in values(matches, "filter") {
            match word.split_once('=') {
                Some(("until" | "unused-for", text)) => {
                    let age = units::duration(text)?;
                    wanted.age = Duration::from_nanos(u64::try_from(age).unwrap_or(0));
                }
                Some(other) => wanted.others.push(other),
                None => {
                    let text = format!("invalid filter '{word}'");
                    return Err(Error::new(Kind::Usage, text));
                }
            }
        }
        Ok(wanted)
    }

    fn is_all(&self) -> bool {
        self.age.is_zero() && self.others.is_empty()
    }

    fn fits(&self, entry: &Listed) -> bool {
        let has = |(key, value): &(&str, &str)| match *key {
            "id" => short_id(&entry.key) == *value || entry.key == *value,
            "type" => kind(entry) == *value,
            "description" => description(entry) == *value,
            _ => false,
        };
        let is_old = entry.used.elapsed().is_ok_and(|since| since >= self.age);
        is_old && self.others.iter().all(has)
    }
}
