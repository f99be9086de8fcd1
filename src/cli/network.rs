//! `coracle network ls`: the networks.

use clap::{ArgMatches, Command};

use super::args::flag;
use super::format::{self, Format};
use super::ps::width;
use super::{Session, Verb, filter};
use crate::error::Result;
use crate::ui::out;
use crate::wire::network::{Network, Row};

/// `network ls`.
pub(super) const LS: Verb = Verb {
    path: &["network", "ls"],
    aliases: &[&["network", "list"]],
    about: "List networks",
    args: |command: Command| {
        command
            .arg(filter::arg(
                "Provide filter values (e.g. \"driver=bridge\")",
            ))
            .arg(format::list_arg())
            .arg(flag("no-trunc", None, "Do not truncate the output"))
            .arg(flag("quiet", 'q', "Only display network IDs"))
    },
    run,
};

const KEYS: &[&str] = &["dangling", "driver", "id", "label", "name", "scope", "type"];

fn run(matches: &ArgMatches, session: &mut Session) -> Result<u8> {
    let table = vec!["ID", "Name", "Driver", "Scope"];
    let format = Format::choose(
        session,
        matches,
        "networksFormat",
        format::Default { table, quiet: "ID" },
    );
    let filters = filter::read(matches, KEYS)?;
    filters.check_words("type", &["builtin", "custom"])?;
    let dangling = filters.boolean("dangling")?;
    let networks = Network::built_in().into_iter().filter(|n| {
        filters.exact("driver", n.driver)
            && filters.prefix("id", n.id)
            && filters.pattern("name", n.name)
            && filters.exact("scope", n.scope)
            && filters.exact("type", "builtin")
            && filters.labels("label", &Default::default())
            && dangling != Some(true)
    });
    let rows: Vec<Row> = networks
        .map(|network| Row {
            network,
            width: width(matches),
        })
        .collect();
    out::text(format.render(&rows, "*network.networkContext")?)?;
    Ok(0)
}
