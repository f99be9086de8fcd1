//! `coracle doctor`: what this host allows, what Coracle does about it, and what an administrator could run.

use clap::{ArgMatches, Command};
use serde_json::json;

use super::{Session, Verb, args};
use crate::error::{Error, Kind, Result};
use crate::host::doctor::{self, Check, State};
use crate::host::facts::{self, Facts};
use crate::ui::out;

pub(super) const VERB: Verb = Verb {
    path: &["doctor"],
    aliases: &[&["system", "doctor"]],
    about: "Show what this host allows and what could be better",
    args: |command: Command| {
        command.arg(args::opt(
            "format",
            'f',
            "string",
            "Format the output: \"table\" or \"json\"",
        ))
    },
    run,
};

/// Exits with 1 when containers cannot run here.
fn run(matches: &ArgMatches, session: &mut Session) -> Result<u8> {
    let format = args::value(matches, "format").unwrap_or("table");
    if !matches!(format, "table" | "json") {
        return Err(
            Error::new(Kind::Usage, format!("unknown format `{format}`")).hint("use table or json"),
        );
    }
    let facts = facts::gather(session.paths()?, session.storage_driver.as_deref());
    let checks = doctor::examine(&facts);
    let verdict = doctor::verdict(&checks);
    out::text(if format == "json" {
        as_json(&facts, &checks, verdict)
    } else {
        as_table(&facts, &checks, verdict)
    })?;
    Ok(u8::from(verdict == State::Missing))
}

fn as_json(facts: &Facts, checks: &[Check], verdict: State) -> String {
    let value = json!({
        "version": env!("CARGO_PKG_VERSION"),
        "kernel": facts.kernel,
        "distribution": facts.distribution,
        "architecture": facts.machine,
        "store": facts.paths.data,
        "runtime": facts.paths.runtime,
        "storage_driver": facts.rung.as_ref().ok().map(|rung| rung.driver.name()),
        "state": verdict,
        "checks": checks,
    });
    format!("{value:#}\n")
}

fn as_table(facts: &Facts, checks: &[Check], verdict: State) -> String {
    let mut text = format!(
        "Coracle {} on {}, Linux {}, {}\n\n",
        env!("CARGO_PKG_VERSION"),
        facts.distribution,
        facts.kernel,
        facts.machine
    );
    let width = checks
        .iter()
        .map(|check| check.name.len())
        .max()
        .unwrap_or(0);
    for check in checks {
        text += &format!(
            "{:<9} {:<width$}  {}\n",
            check.state.word(),
            check.name,
            check.found
        );
        let indent = " ".repeat(9 + 1 + width + 2);
        if !check.does.is_empty() {
            text += &format!("{indent}so: {}\n", check.does);
        }
        if let Some(fix) = &check.fix {
            text += &format!("{indent}to do: {fix}\n");
        }
    }
    text += match verdict {
        State::Ok => "\nContainers run here, and nothing could be better.\n",
        State::Degraded => "\nContainers run here; what is degraded above could be better.\n",
        State::Missing => "\nContainers do not run here until what is missing above is there.\n",
    };
    text
}
