//! `coracle buildx create`, `inspect`, `ls`, `rm`, `use` and `version`, which CI files call: there is one builder, this
//! program, whatever it is called.

use clap::{ArgMatches, Command};

use super::args::{flag, list, operands, opt, value};
use super::version::VERSION;
use super::{Session, Verb, format};
use crate::error::{Error, Kind, Result};
use crate::grammar::platform::Platform;
use crate::host::emulator;
use crate::ui::out;
use crate::wire::builder::Row;

/// The one builder's name.
const NAME: &str = "default";
/// The buildx whose flags and texts are these.
const BUILDX: &str = "0.13.1";

/// `buildx create`.
pub(super) const CREATE: Verb = Verb {
    path: &["buildx", "create"],
    aliases: &[],
    about: "Create a new builder instance",
    args: |command: Command| {
        command
            .arg(operands("endpoint", 0..=1).value_name("[CONTEXT|ENDPOINT]"))
            .arg(flag("append", None, "Has no effect"))
            .arg(flag("bootstrap", None, "Has no effect"))
            .arg(opt("buildkitd-config", None, "string", "Has no effect"))
            .arg(opt("buildkitd-flags", None, "string", "Has no effect"))
            .arg(opt("config", None, "string", "Has no effect"))
            .arg(opt("driver", None, "string", "Has no effect"))
            .arg(list("driver-opt", None, "stringArray", "Has no effect"))
            .arg(opt("name", None, "string", "Builder instance name"))
            .arg(opt("node", None, "string", "Has no effect"))
            .arg(list("platform", None, "stringArray", "Has no effect"))
            .arg(flag("use", None, "Set the current builder instance"))
    },
    run: |matches, _| {
        let name = value(matches, "name").unwrap_or(NAME);
        if name == NAME && value(matches, "name").is_some() {
            let text =
                "ERROR: default is a reserved name and cannot be used to identify builder instance";
            return Err(Error::new(Kind::Usage, text));
        }
        if name != NAME {
            out::warn(format_args!(
                "there is one builder here, `{NAME}`, and `{name}` means it, too"
            ));
        }
        out::line(name)?;
        Ok(0)
    },
};

/// `buildx inspect`.
pub(super) const INSPECT: Verb = Verb {
    path: &["buildx", "inspect"],
    aliases: &[],
    about: "Inspect current builder instance",
    args: |command: Command| {
        command
            .arg(operands("name", 0..=1).value_name("[NAME]"))
            .arg(flag("bootstrap", None, "Has no effect: it is always ready"))
            .arg(opt("builder", None, "string", "Has no effect"))
    },
    run: inspect,
};

/// `buildx ls`.
pub(super) const LS: Verb = Verb {
    path: &["buildx", "ls"],
    aliases: &[],
    about: "List builder instances",
    args: |command: Command| command.arg(format::list_arg()),
    run: ls,
};

/// `buildx rm`.
pub(super) const RM: Verb = Verb {
    path: &["buildx", "rm"],
    aliases: &[],
    about: "Remove one or more builder instances",
    args: |command: Command| {
        command
            .arg(operands("names", 0..).value_name("[NAME] [NAME...]"))
            .arg(flag("all-inactive", None, "Has no effect"))
            .arg(opt("builder", None, "string", "Builder instance to remove"))
            .arg(flag("force", 'f', "Has no effect"))
            .arg(flag("keep-daemon", None, "Has no effect"))
            .arg(flag("keep-state", None, "Has no effect"))
    },
    run: rm,
};

/// `buildx use`.
pub(super) const USE: Verb = Verb {
    path: &["buildx", "use"],
    aliases: &[],
    about: "Set the current builder instance",
    args: |command: Command| {
        command
            .arg(operands("name", 1).value_name("NAME"))
            .arg(flag("default", None, "Has no effect"))
            .arg(flag("global", None, "Has no effect"))
    },
    run: |matches, _| {
        let name = value(matches, "name").unwrap_or_default();
        if name != NAME {
            out::warn(format_args!(
                "there is one builder here, `{NAME}`, and it is used already"
            ));
        }
        Ok(0)
    },
};

/// `buildx version`.
pub(super) const VERSION_VERB: Verb = Verb {
    path: &["buildx", "version"],
    aliases: &[],
    about: "Show buildx version information",
    args: |command: Command| command,
    run: |_, _| {
        // scripts look for the second word
        out::line(format_args!("coracle/buildx {BUILDX} {VERSION}"))?;
        Ok(0)
    },
};

fn rm(matches: &ArgMatches, _: &mut Session) -> Result<u8> {
    let names = super::args::values(matches, "names").map(String::as_str);
    for name in names.chain(value(matches, "builder")) {
        if name == NAME {
            let text = "ERROR: the builder `default` is this program and cannot be removed";
            return Err(Error::new(Kind::Usage, text));
        }
        out::talk(format_args!("{name} removed"));
    }
    Ok(0)
}

fn inspect(_: &ArgMatches, _: &mut Session) -> Result<u8> {
    out::text(format!(
        "Name:   {NAME}\nDriver: coracle\n\nNodes:\nName:             {NAME}\nEndpoint:         {NAME}\n\
         Status:           running\nBuildKit version: {VERSION}\nPlatforms:        {}\n",
        platforms()
    ))?;
    Ok(0)
}

fn ls(matches: &ArgMatches, session: &mut Session) -> Result<u8> {
    let table = vec!["Name", "DriverEndpoint", "Status", "Buildkit", "Platforms"];
    let default = format::Default {
        table,
        quiet: "Name",
    };
    let format = format::Format::choose(session, matches, "", default);
    let has_template = value(matches, "format").is_some_and(|f| !f.starts_with("table"));
    let rows = [
        Row {
            name: if has_template { NAME } else { "default*" },
            driver: "coracle",
            status: "",
            version: "",
            platforms: String::new(),
        },
        Row {
            name: if has_template { NAME } else { " \\_ default" },
            driver: if has_template { NAME } else { " \\_ default" },
            status: "running",
            version: VERSION,
            platforms: platforms(),
        },
    ];
    out::text(format.render(&rows, "*ls.lsContext")?)?;
    Ok(0)
}

/// What steps can run for, this machine's own first.
fn platforms() -> String {
    let own = Platform::host().to_string();
    let kernel = crate::container::limits::kernel();
    let others = [
        "linux/amd64",
        "linux/arm64",
        "linux/arm/v7",
        "linux/386",
        "linux/riscv64",
        "linux/ppc64le",
        "linux/s390x",
    ];
    let others = others.into_iter().filter(|platform| {
        let runs = Platform::parse(platform).is_ok_and(|p| emulator::runs(&p, kernel));
        *platform != own && runs
    });
    let mut all = vec![own.clone()];
    all.extend(others.map(str::to_owned));
    all.join(", ")
}
