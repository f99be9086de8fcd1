//! `coracle container prune`, `image prune`, `volume prune` and `system prune`.

use std::collections::BTreeMap;

use clap::{ArgMatches, Command};
use jiff::Timestamp;

use super::args::{flag, is_set, list, values};
use super::{Session, Verb, builder};
use crate::container::sweep;
use crate::error::{Error, Kind, Result};
use crate::grammar::filter::Filters;
use crate::grammar::units::human_size;
use crate::store::prune::{self, Gone, Which};
use crate::store::{Store, short_id};
use crate::ui::{ask, out};
use crate::wire::time::{moment, parse};

/// `container prune`.
pub(super) const CONTAINER: Verb = Verb {
    path: &["container", "prune"],
    aliases: &[],
    about: "Remove all stopped containers",
    args: |command: Command| command.arg(filter(BY_TIME)).arg(force()),
    run: |matches, session| {
        run(
            matches,
            session,
            &["label", "label!", "until"],
            CONTAINERS,
            |store, filters| Ok(Pruned::containers(store, filters)?.into()),
        )
    },
};

/// `image prune`.
pub(super) const IMAGE: Verb = Verb {
    path: &["image", "prune"],
    aliases: &[],
    about: "Remove unused images",
    args: |command: Command| {
        command
            .arg(flag(
                "all",
                'a',
                "Remove all unused images, not just dangling ones",
            ))
            .arg(filter(BY_TIME))
            .arg(force())
    },
    run: |matches, session| {
        let all = is_set(matches, "all");
        let question = if all { ALL_IMAGES } else { DANGLING_IMAGES };
        run(
            matches,
            session,
            &["dangling", "label", "label!", "until"],
            question,
            move |store, filters| {
                // docker's own way to say -a
                let dangling = filters.boolean("dangling")?.unwrap_or(!all);
                Ok(Pruned::images(store, which(!dangling), filters)?.into())
            },
        )
    },
};

/// `network prune`.
pub(super) const NETWORK: Verb = Verb {
    path: &["network", "prune"],
    aliases: &[],
    about: "Remove all unused networks",
    args: |command: Command| command.arg(filter(BY_TIME)).arg(force()),
    run: |matches, session| {
        let given: Vec<&String> = values(matches, "filter").collect();
        let filters = Filters::parse(&given, &["label", "label!", "until"])?;
        if is_set(matches, "force") || is_confirmed(NETWORKS)? {
            let gone = Pruned::networks(session.store()?, &filters)?;
            out::text(sections(&[gone]))?;
        }
        Ok(0)
    },
};

/// `volume prune`.
pub(super) const VOLUME: Verb = Verb {
    path: &["volume", "prune"],
    aliases: &[],
    about: "Remove unused local volumes",
    args: |command: Command| {
        command
            .arg(flag(
                "all",
                'a',
                "Remove all unused volumes, not just anonymous ones",
            ))
            .arg(filter(BY_LABEL_ALONE))
            .arg(force())
    },
    run: |matches, session| {
        let all = is_set(matches, "all");
        let question = if all { ALL_VOLUMES } else { ANONYMOUS_VOLUMES };
        run(
            matches,
            session,
            &["all", "label", "label!"],
            question,
            move |store, filters| {
                let all = filters.boolean("all")?.unwrap_or(all);
                Ok(Pruned::volumes(store, all, filters)?.into())
            },
        )
    },
};

/// `system prune`.
pub(super) const SYSTEM: Verb = Verb {
    path: &["system", "prune"],
    aliases: &[],
    about: "Remove unused data",
    args: |command: Command| {
        command
            .arg(flag(
                "all",
                'a',
                "Remove all unused images not just dangling ones",
            ))
            .arg(filter(BY_LABEL))
            .arg(force())
            .arg(flag("volumes", None, "Prune anonymous volumes"))
    },
    run: |matches, session| {
        let (all, volumes) = (is_set(matches, "all"), is_set(matches, "volumes"));
        let question = system_question(matches);
        run(
            matches,
            session,
            &["label", "label!", "until"],
            &question,
            move |store, filters| {
                let mut pruned = vec![
                    Pruned::containers(store, filters)?,
                    Pruned::networks(store, filters)?,
                ];
                if volumes {
                    pruned.push(Pruned::volumes(store, false, filters)?);
                }
                pruned.push(Pruned::images(store, which(all), filters)?);
                // what is cached has no labels
                if !filters.has("label") && !filters.has("label!") {
                    pruned.push(Pruned::build_cache(store, all, filters)?);
                }
                Ok(pruned)
            },
        )
    },
};

const CONTAINERS: &str = "This will remove all stopped containers.";
const NETWORKS: &str = "This will remove all custom networks not used by at least one container.";
const DANGLING_IMAGES: &str = "This will remove all dangling images.";
const ALL_IMAGES: &str =
    "This will remove all images without at least one container associated to them.";
const ANONYMOUS_VOLUMES: &str =
    "This will remove anonymous local volumes not used by at least one container.";
const ALL_VOLUMES: &str = "This will remove all local volumes not used by at least one container.";

fn filter(help: &'static str) -> clap::Arg {
    list("filter", None, "filter", help)
}

const BY_LABEL: &str = "Provide filter values (e.g. \"label=<key>=<value>\")";
const BY_LABEL_ALONE: &str = "Provide filter values (e.g. \"label=<label>\")";
const BY_TIME: &str = "Provide filter values (e.g. \"until=<timestamp>\")";

fn force() -> clap::Arg {
    flag("force", 'f', "Do not prompt for confirmation")
}

fn which(all: bool) -> Which {
    if all { Which::Unused } else { Which::Dangling }
}

/// What `system prune` is going to do, in docker's list.
fn system_question(matches: &ArgMatches) -> String {
    let (all, volumes) = (is_set(matches, "all"), is_set(matches, "volumes"));
    let mut text = "This will remove:\n  - all stopped containers\n\
        \x20 - all networks not used by at least one container\n"
        .to_owned();
    if volumes {
        text += "  - all anonymous volumes not used by at least one container\n";
    }
    text += match all {
        true => {
            "  - all images without at least one container associated to them\n  - all build cache\n"
        }
        false => "  - all dangling images\n  - unused build cache\n",
    };
    let filters: String = values(matches, "filter")
        .map(|f| format!("  - {f}\n"))
        .collect();
    if !filters.is_empty() {
        text += &format!("\n  Items to be pruned will be filtered with:\n{filters}");
    }
    text
}

/// What one sort of things lost.
struct Pruned {
    /// `Deleted Containers:`, ...
    title: &'static str,
    lines: Vec<String>,
    bytes: u64,
}

impl From<Pruned> for Vec<Pruned> {
    fn from(pruned: Pruned) -> Vec<Pruned> {
        vec![pruned]
    }
}

impl Pruned {
    fn containers(store: &Store, filters: &Filters) -> Result<Pruned> {
        let until = until(filters)?;
        let pruned = prune::containers(store, |found| {
            labelled(filters, &found.record.config.labels)
                && is_before(&found.record.created, until)
        })?;
        Ok(Pruned {
            title: "Deleted Containers:",
            lines: pruned.gone,
            bytes: pruned.bytes,
        })
    }

    /// Takes no room, and none is won.
    fn networks(store: &Store, filters: &Filters) -> Result<Pruned> {
        let until = until(filters)?;
        let used = super::network::used(store)?;
        let networks = store.networks();
        let mut lines = Vec::new();
        for network in networks.list()?.into_iter().filter(|n| !n.is_built_in()) {
            let is_wanted = labelled(filters, &network.labels)
                && is_before(&network.created, until)
                && !used.contains(&network.name);
            // one that somebody joins or removes meanwhile stays or is gone
            if is_wanted && networks.remove(&network).is_ok() {
                lines.push(network.name);
            }
        }
        Ok(Pruned {
            title: "Deleted Networks:",
            lines,
            bytes: 0,
        })
    }

    fn volumes(store: &Store, all: bool, filters: &Filters) -> Result<Pruned> {
        if filters.has("until") {
            return Err(Error::new(
                Kind::Invalid,
                "The \"until\" filter is not supported with \"--volumes\"",
            ));
        }
        let none = BTreeMap::new();
        let pruned = prune::volumes(store, |volume| {
            (all || volume.is_anonymous())
                && labelled(filters, volume.labels.as_ref().unwrap_or(&none))
        })?;
        Ok(Pruned {
            title: "Deleted Volumes:",
            lines: pruned.gone,
            bytes: pruned.bytes,
        })
    }

    fn build_cache(store: &Store, all: bool, filters: &Filters) -> Result<Pruned> {
        let until = until(filters)?;
        let is_old =
            |used| Timestamp::try_from(used).is_ok_and(|used| until.is_none_or(|u| used < u));
        let gone = builder::clear(store, all, 0, |entry| is_old(entry.used))?;
        Ok(Pruned {
            title: "Deleted build cache objects:",
            bytes: builder::freed(&gone),
            lines: gone
                .into_iter()
                .map(|e| short_id(&e.key).to_owned())
                .collect(),
        })
    }

    fn images(store: &Store, which: Which, filters: &Filters) -> Result<Pruned> {
        let until = until(filters)?;
        let pruned = prune::images(store, which, |image, config| {
            labelled(filters, &config.config.labels) && is_before(&image.created, until)
        })?;
        let line = |gone| match gone {
            Gone::Untagged(name) => format!("untagged: {name}"),
            Gone::Deleted(digest) => format!("deleted: {digest}"),
        };
        let lines = pruned.gone.into_iter().map(line).collect();
        Ok(Pruned {
            title: "Deleted Images:",
            lines,
            bytes: pruned.bytes,
        })
    }
}

fn labelled(filters: &Filters, labels: &BTreeMap<String, String>) -> bool {
    filters.labels("label", labels) && filters.labels_absent(labels)
}

fn until(filters: &Filters) -> Result<Option<Timestamp>> {
    match filters.get("until") {
        [] => Ok(None),
        [text] => moment(text, Timestamp::now())
            .map(Some)
            .map_err(|e| Error::new(Kind::Invalid, e.to_string())),
        _ => Err(Error::new(
            Kind::Invalid,
            "more than one until filter specified",
        )),
    }
}

/// Says whether something was made before a moment; what does not say when it was made is older than everything.
fn is_before(created: &str, until: Option<Timestamp>) -> bool {
    until.is_none_or(|until| parse(created).is_none_or(|created| created < until))
}

/// Asks, prunes, and tells what went.
fn run(
    matches: &ArgMatches,
    session: &mut Session,
    keys: &[&str],
    question: &str,
    act: impl FnOnce(&Store, &Filters) -> Result<Vec<Pruned>>,
) -> Result<u8> {
    let given: Vec<&String> = values(matches, "filter").collect();
    let filters = Filters::parse(&given, keys)?;
    if !is_set(matches, "force") && !is_confirmed(question)? {
        return Ok(0);
    }
    let store = session.store()?;
    let pruned = act(store, &filters)?;
    sweep::finish(store);
    out::text(report(&pruned))?;
    Ok(0)
}

fn is_confirmed(question: &str) -> Result<bool> {
    let answer = ask::line(&format!(
        "WARNING! {question}\nAre you sure you want to continue? [y/N] "
    ))?;
    Ok(answer.trim().eq_ignore_ascii_case("y"))
}

fn sections(pruned: &[Pruned]) -> String {
    let told = pruned.iter().filter(|part| !part.lines.is_empty());
    told.map(|part| format!("{}\n{}\n\n", part.title, part.lines.join("\n")))
        .collect()
}

fn report(pruned: &[Pruned]) -> String {
    let bytes: u64 = pruned.iter().map(|part| part.bytes).sum();
    sections(pruned) + &format!("Total reclaimed space: {}\n", human_size(bytes as f64, 4))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_report_is_dockers() {
        assert_eq!(report(&[]), "Total reclaimed space: 0B\n");
        let part = |title, lines: &[&str], bytes| Pruned {
            title,
            lines: lines.iter().map(|line| (*line).to_owned()).collect(),
            bytes,
        };
        let parts = [
            part("Deleted Containers:", &["ab"], 5000),
            part("Deleted Images:", &["untagged: a:1", "deleted: x"], 0),
        ];
        assert_eq!(
            report(&parts),
            "Deleted Containers:\nab\n\nDeleted Images:\nuntagged: a:1\ndeleted: x\n\nTotal reclaimed space: 5kB\n"
        );
        assert_eq!(
            report(&[part("Deleted Volumes:", &[], 0)]),
            "Total reclaimed space: 0B\n"
        );
    }

    #[test]
    fn the_question_of_a_system_prune_lists_what_goes() {
        let ask = |words: &[&str]| {
            let matches = SYSTEM.command().try_get_matches_from(words).unwrap();
            system_question(&matches)
        };
        assert_eq!(
            ask(&[]),
            "This will remove:\n  - all stopped containers\n  - all networks not used by at least one container\n  - all dangling images\n  - unused build cache\n"
        );
        assert_eq!(
            ask(&["-a", "--volumes", "--filter", "label=x"]),
            "This will remove:\n  - all stopped containers\n  - all networks not used by at least one container\n  - all anonymous volumes not used by at least one container\n  - all images without at least one container associated to them\n  - all build cache\n\n  Items to be pruned will be filtered with:\n  - label=x\n"
        );
    }

    #[test]
    fn what_has_no_date_is_older_than_everything() {
        let until = Some(Timestamp::UNIX_EPOCH);
        assert!(is_before("", until));
        assert!(is_before("2026-01-01T00:00:00Z", None));
        assert!(!is_before("2026-01-01T00:00:00Z", until));
        assert!(is_before("1960-01-01T00:00:00Z", until));
    }
}
