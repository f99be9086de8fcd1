//! Help in docker's layout: grouped commands, types of flags, wrapped at 80 columns.

use std::collections::BTreeMap;
use std::fmt::Write;

use clap::{Arg, Command};

use super::{COMMANDS, Verb};

/// Columns where the help is wrapped. Docker takes the terminal's width; scripts see 80.
const WIDTH: usize = 79;

/// The commands that docker's help shows first.
const COMMON: &[&str] = &[
    "run", "exec", "ps", "build", "pull", "push", "images", "login", "logout", "search", "version",
    "info",
];

/// What the management groups are about; a group shows up when the table has a verb of it.
const GROUPS: &[(&str, &str)] = &[
    ("builder", "Manage builds"),
    ("buildx", "Docker Buildx"),
    ("compose", "Define and run multi-container applications"),
    ("container", "Manage containers"),
    ("context", "Manage contexts"),
    ("image", "Manage images"),
    ("manifest", "Manage image manifests and manifest lists"),
    ("network", "Manage networks"),
    ("system", "Manage Coracle"),
    ("volume", "Manage volumes"),
];

const GLOBAL: &str = "\
Global Options:
      --config string           Location of client config files (default
                                \"~/.docker\")
  -c, --context string          Accepted and ignored: there is no daemon
  -D, --debug                   Enable debug mode
  -H, --host list               Accepted and ignored: there is no daemon
  -l, --log-level string        Set the logging level (\"debug\", \"info\",
                                \"warn\", \"error\", \"fatal\") (default \"info\")
      --root string             Folder of images, containers and volumes
      --runroot string          Folder of locks and sockets
      --storage-driver string   How layers are put together (\"overlay\",
                                \"fuse-overlayfs\", \"copy\")
  -v, --version                 Print version information and quit
";

/// The help of the program.
pub(super) fn root(program: &str) -> String {
    let mut text = format!(
        "\nUsage:  {program} [OPTIONS] COMMAND\n\nContainers and images for one user: no daemon, no root, no subordinate ids\n"
    );
    let single = |name: &str| COMMANDS.iter().find(|v| v.path == [name]);
    let common: Vec<_> = COMMON
        .iter()
        .filter_map(|n| Some((n.to_string(), single(n)?.about)))
        .collect();
    let groups: Vec<_> = GROUPS
        .iter()
        .filter(|(name, _)| !members(&[name.to_string()]).is_empty())
        .map(|(name, about)| (name.to_string(), *about))
        .collect();
    let mut others: Vec<_> = COMMANDS
        .iter()
        .filter(|v| v.path.len() == 1 && !COMMON.contains(&v.path[0]))
        .map(|v| (v.path[0].to_owned(), v.about))
        .collect();
    others.sort();
    section(&mut text, "Common Commands", &common);
    section(&mut text, "Management Commands", &groups);
    section(&mut text, "Commands", &others);
    text.push('\n');
    text.push_str(GLOBAL);
    // writing to a String cannot fail
    let _ = writeln!(
        text,
        "\nRun '{program} COMMAND --help' for more information on a command."
    );
    text
}

/// The help of a management group.
pub(super) fn group(program: &str, spelled: &[String]) -> String {
    let name = spelled.join(" ");
    let about = GROUPS.iter().find(|g| g.0 == name).map_or("", |g| g.1);
    let mut text = format!("\nUsage:  {program} {name} COMMAND\n\n{about}\n");
    section(&mut text, "Commands", &members(spelled));
    let _ = writeln!(
        text,
        "\nRun '{program} {name} COMMAND --help' for more information on a command."
    );
    text
}

/// The verbs below a group: the first spelling of each.
fn members(group: &[String]) -> Vec<(String, &'static str)> {
    let mut found = BTreeMap::new();
    for verb in COMMANDS {
        let spelling = verb
            .spellings()
            .into_iter()
            .find(|p| p.len() > group.len() && p[..group.len()] == *group);
        if let Some(path) = spelling {
            found.insert(path[group.len()].to_owned(), verb.about);
        }
    }
    found.into_iter().collect()
}

fn section(text: &mut String, title: &str, entries: &[(String, &str)]) {
    if entries.is_empty() {
        return;
    }
    let width = entries.iter().map(|e| e.0.len()).max().unwrap_or(0).max(9);
    let _ = writeln!(text, "\n{title}:");
    for (name, about) in entries {
        let _ = writeln!(text, "  {name:width$}   {about}");
    }
}

/// The help of a verb.
pub(super) fn verb(program: &str, spelled: &[String], verb: &Verb, command: &Command) -> String {
    let mut text = format!(
        "\nUsage:  {}\n\n{}\n",
        usage(program, spelled, command),
        verb.about
    );
    if !verb.aliases.is_empty() {
        let names: Vec<_> = verb
            .spellings()
            .iter()
            .map(|p| format!("{program} {}", p.join(" ")))
            .collect();
        let _ = writeln!(text, "\nAliases:\n  {}", names.join(", "));
    }
    let options = options(command);
    if !options.is_empty() {
        let _ = write!(text, "\nOptions:\n{options}");
    }
    text
}

/// `coracle rm [OPTIONS] CONTAINER [CONTAINER...]`.
pub(super) fn usage(program: &str, spelled: &[String], command: &Command) -> String {
    let mut words = vec![program.to_owned()];
    words.extend_from_slice(spelled);
    if shown(command).next().is_some() {
        words.push("[OPTIONS]".to_owned());
    }
    words.extend(command.get_positionals().map(operand));
    words.join(" ")
}

fn operand(arg: &Arg) -> String {
    let name = arg.get_id().as_str();
    if let Some(value_name) = arg.get_value_names().and_then(<[_]>::first)
        && value_name.as_str() != name
    {
        return value_name.to_string();
    }
    let range = arg.get_num_args().unwrap_or_default();
    match (range.min_values(), range.max_values()) {
        (0 | 1, 1) if arg.is_required_set() => name.to_owned(),
        (0, 1) => format!("[{name}]"),
        (0, _) => format!("[{name}...]"),
        (n, m) if n == m => vec![name; n].join(" "),
        (n, _) => format!("{} [{name}...]", vec![name; n].join(" ")),
    }
}

/// The flags that the help shows.
fn shown(command: &Command) -> impl Iterator<Item = &Arg> {
    command
        .get_opts()
        .chain(
            command
                .get_arguments()
                .filter(|a| !a.is_positional() && !takes_value(a)),
        )
        .filter(|a| !a.is_hide_set() && a.get_long().is_some())
}

fn takes_value(arg: &Arg) -> bool {
    arg.get_num_args().is_none_or(|r| r.takes_values())
}

fn options(command: &Command) -> String {
    let mut flags: BTreeMap<&str, (String, String)> = BTreeMap::new();
    for arg in shown(command) {
        let long = arg.get_long().unwrap_or_default();
        let mut left = match arg.get_short() {
            Some(short) => format!("  -{short}, --{long}"),
            None => format!("      --{long}"),
        };
        if let Some(kind) = arg.get_value_names().and_then(<[_]>::first)
            && arg.get_num_args().is_none_or(|r| r.min_values() > 0)
        {
            let _ = write!(left, " {kind}");
        }
        let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
        flags.insert(long, (left, help));
    }
    let column = flags.values().map(|f| f.0.len()).max().unwrap_or(0) + 3;
    let mut text = String::new();
    for (left, help) in flags.values() {
        let mut lines = wrapped(help, WIDTH.saturating_sub(column).max(24)).into_iter();
        let _ = writeln!(text, "{left:column$}{}", lines.next().unwrap_or_default());
        for line in lines {
            let _ = writeln!(text, "{:column$}{line}", "");
        }
    }
    text
}

/// Breaks lines that are longer than `width` at their last blank before it, and keeps what blanks there are.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for mut line in text.lines() {
        while line.len() > width {
            let place = line.get(..=width).and_then(|start| start.rfind(' '));
            let Some(place) = place.or_else(|| line.find(' ')) else {
                break;
            };
            lines.push(line[..place].trim_end().to_owned());
            line = &line[place + 1..];
        }
        lines.push(line.to_owned());
    }
    lines
}
