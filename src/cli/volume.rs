//! `coracle volume create`, `ls` and `rm`.

use std::collections::BTreeMap;

use clap::{ArgMatches, Command};

use super::args::{flag, is_set, list, operands, opt, pairs, value, values};
use super::format::{self, Format};
use super::{Session, Verb, filter};
use crate::container::sweep;
use crate::error::{Error, Kind, Result};
use crate::store::volumes::Request;
use crate::ui::out;
use crate::wire::volume::Row;

/// `volume create`.
pub(super) const CREATE: Verb = Verb {
    path: &["volume", "create"],
    aliases: &[],
    about: "Create a volume",
    args: |command: Command| {
        command
            .arg(operands("name", 0..=1).value_name("VOLUME"))
            .arg(opt("driver", 'd', "string", "Specify volume driver name").default_value("local"))
            .arg(list("label", None, "list", "Set metadata for a volume"))
            .arg(
                opt("name", None, "string", "Specify volume name")
                    .id("named")
                    .hide(true),
            )
            .arg(list("opt", 'o', "map", "Set driver specific options"))
    },
    run: create,
};

/// `volume ls`.
pub(super) const LS: Verb = Verb {
    path: &["volume", "ls"],
    aliases: &[&["volume", "list"]],
    about: "List volumes",
    args: |command: Command| {
        command
            .arg(filter::arg(
                "Provide filter values (e.g. \"dangling=true\")",
            ))
            .arg(format::list_arg())
            .arg(flag("quiet", 'q', "Only display volume names"))
    },
    run: ls,
};

/// `volume rm`.
pub(super) const RM: Verb = Verb {
    path: &["volume", "rm"],
    aliases: &[&["volume", "remove"]],
    about: "Remove one or more volumes",
    args: |command: Command| {
        command
            .arg(operands("names", 1..).value_name("VOLUME [VOLUME...]"))
            .arg(flag(
                "force",
                'f',
                "Force the removal of one or more volumes",
            ))
    },
    run: rm,
};

fn create(matches: &ArgMatches, session: &mut Session) -> Result<u8> {
    let name = match (value(matches, "name"), value(matches, "named")) {
        (Some(_), Some(_)) => {
            let text =
                "conflicting options: either specify --name or provide positional arg, not both";
            return Err(Error::new(Kind::Usage, text));
        }
        (operand, option) => operand.or(option).map(str::to_owned),
    };
    let driver = value(matches, "driver").unwrap_or_default();
    if !matches!(driver, "" | "local") {
        let name = name.unwrap_or_default();
        let text = format!(
            "create {name}: error looking up volume plugin {driver}: plugin \"{driver}\" not found"
        );
        return Err(Error::new(Kind::NotFound, text));
    }
    let request = Request {
        name,
        labels: pairs(matches, "label"),
        options: pairs(matches, "opt"),
    };
    let volume = session.store()?.volumes().create(request)?;
    out::line(volume.name)?;
    Ok(0)
}

fn ls(matches: &ArgMatches, session: &mut Session) -> Result<u8> {
    let default = format::Default {
        table: vec!["Driver", "Name"],
        quiet: "Name",
    };
    let format = Format::choose(session, matches, "volumesFormat", default);
    let filters = filter::read(matches, &["dangling", "driver", "label", "name"])?;
    let dangling = filters.boolean("dangling")?;
    let store = session.store()?;
    let users = match dangling {
        Some(_) => store.volumes().users()?,
        None => Vec::new(),
    };
    let none = BTreeMap::new();
    let all = store.volumes().list()?;
    let wanted = all.iter().filter(|volume| {
        let is_used = users.iter().any(|user| user.volume == volume.name);
        filters.exact("driver", "local")
            && filters.any("name", |part| volume.name.contains(part))
            && filters.labels("label", volume.labels.as_ref().unwrap_or(&none))
            && dangling.is_none_or(|dangling| dangling != is_used)
    });
    let rows: Vec<Row> = wanted
        .map(|volume| Row {
            volume,
            mountpoint: store.volumes().mountpoint(volume),
        })
        .collect();
    out::text(format.render(&rows, "*formatter.volumeContext")?)?;
    Ok(0)
}

fn rm(matches: &ArgMatches, session: &mut Session) -> Result<u8> {
    let force = is_set(matches, "force");
    let users = session.store()?.volumes().users()?;
    let status = session.each(values(matches, "names"), |session, name| {
        match session.store()?.volumes().remove(name, &users) {
            Err(e) if !(force && e.kind() == Kind::NotFound) => Err(e),
            _ => out::line(name),
        }
    })?;
    sweep::start(session.store()?);
    Ok(status)
}
