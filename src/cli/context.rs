//! `coracle context inspect`, `ls`, `show` and `use`: there is one context, this machine, and no daemon behind it.

use clap::{ArgMatches, Command};

use super::args::{flag, operands, value, values};
use super::{Session, Verb, format};
use crate::error::{Error, Kind, Result};
use crate::registry::auth::leave_context;
use crate::ui::out;
use crate::wire::context::{Details, NAME, Row};
use crate::wire::json;

/// `context inspect`.
pub(super) const INSPECT: Verb = Verb {
    path: &["context", "inspect"],
    aliases: &[],
    about: "Display detailed information on one or more contexts",
    args: |command: Command| {
        command.arg(operands("names", 0..).value_name("[CONTEXT] [CONTEXT...]"))
    },
    run: |matches, _| {
        for name in values(matches, "names") {
            check(name)?;
        }
        let mut text = String::from("[");
        json::indent_into(&mut text, &Details::default());
        out::line(format_args!("{text}\n]"))?;
        Ok(0)
    },
};

/// `context ls`.
pub(super) const LS: Verb = Verb {
    path: &["context", "ls"],
    aliases: &[&["context", "list"]],
    about: "List contexts",
    args: |command: Command| {
        command
            .arg(format::list_arg())
            .arg(flag("quiet", 'q', "Only show context names"))
    },
    run: ls,
};

/// `context show`.
pub(super) const SHOW: Verb = Verb {
    path: &["context", "show"],
    aliases: &[],
    about: "Print the name of the current context",
    args: |command: Command| command,
    run: |_, _| out::line(NAME).map(|()| 0),
};

/// `context use`.
pub(super) const USE: Verb = Verb {
    path: &["context", "use"],
    aliases: &[],
    about: "Set the current docker context",
    args: |command: Command| command.arg(operands("name", 1).value_name("CONTEXT")),
    run: |matches, session| {
        check(value(matches, "name").unwrap_or_default())?;
        if let Some(folder) = session.docker_folder() {
            leave_context(&folder.join("config.json"))?;
        }
        out::line(NAME)?;
        out::talk(format_args!("Current context is now {NAME:?}"));
        Ok(0)
    },
};

fn check(name: &str) -> Result<()> {
    if name == NAME {
        return Ok(());
    }
    let text = format!(
        "context {name:?}: context not found: there is one here, {NAME:?}, and no daemon behind it"
    );
    Err(Error::new(Kind::Usage, text))
}

fn ls(matches: &ArgMatches, session: &mut Session) -> Result<u8> {
    let default = format::Default {
        table: vec!["Name", "Description", "DockerEndpoint", "Error"],
        quiet: "Name",
    };
    let format = format::Format::choose(session, matches, "", default);
    let is_table = value(matches, "format").is_none_or(|f| f.is_empty() || f.starts_with("table"))
        && !super::args::is_set(matches, "quiet");
    out::text(format.render(&[Row { is_table }], "*formatter.clientContextContext")?)?;
    Ok(0)
}
