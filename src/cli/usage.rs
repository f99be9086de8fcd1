//! Clap's refusals of a command line, said in docker's words and with its exit statuses: 125 for a wrong flag, 1 for a wrong
//! number of operands.

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, ArgMatches, Command};

use super::{Verb, args, help};
use crate::error::Result;
use crate::ui::out;

/// Tells the user why the words after the verb cannot be read, or prints the help where that was asked for; returns the
/// exit status.
pub(super) fn refuse(
    error: &clap::Error,
    verb: &Verb,
    command: &Command,
    program: &str,
    spelled: &[String],
    words: &[String],
) -> Result<u8> {
    let name = format!("{program} {}", spelled.join(" "));
    if error.kind() == ErrorKind::DisplayHelp {
        out::text(help::verb(program, spelled, verb, command))?;
        return Ok(0);
    }
    match wrong_flag(error, command, words) {
        Some(text) => {
            out::talk(format_args!("{text}\nSee '{name} --help'."));
            Ok(125)
        }
        None => {
            wrong_count(&name, verb, command, program, spelled);
            Ok(1)
        }
    }
}

/// Tells the user that too few or too many operands were given, which clap does not count where each is an occurrence of
/// its own; returns the exit status then.
pub(super) fn refuse_count(
    matches: &ArgMatches,
    verb: &Verb,
    command: &Command,
    program: &str,
    spelled: &[String],
) -> Option<u8> {
    let given = |arg: &Arg| {
        matches
            .get_raw(arg.get_id().as_str())
            .map_or(0, |v| v.len())
    };
    let count: usize = command.get_positionals().map(given).sum();
    let wanted = operand_count(command);
    if (wanted.min_values()..=wanted.max_values()).contains(&count) {
        return None;
    }
    let name = format!("{program} {}", spelled.join(" "));
    wrong_count(&name, verb, command, program, spelled);
    Some(1)
}

fn wrong_count(name: &str, verb: &Verb, command: &Command, program: &str, spelled: &[String]) {
    out::talk(format_args!(
        "\"{name}\" {}.\nSee '{name} --help'.\n\nUsage:  {}\n\n{}",
        args::wants(operand_count(command)),
        help::usage(program, spelled, &verb.whole()),
        verb.about
    ));
}

/// Returns docker's sentence for a wrong flag, `None` when the operands are wrong.
pub(super) fn wrong_flag(
    error: &clap::Error,
    command: &Command,
    words: &[String],
) -> Option<String> {
    let text_of = |kind| match error.get(kind) {
        Some(ContextValue::String(s)) => Some(s.as_str()),
        _ => None,
    };
    let named = text_of(ContextKind::InvalidArg).unwrap_or_default();
    match error.kind() {
        ErrorKind::UnknownArgument => unknown(named, words),
        ErrorKind::MissingRequiredArgument => None,
        ErrorKind::ValueValidation | ErrorKind::InvalidValue => {
            let value = text_of(ContextKind::InvalidValue).unwrap_or_default();
            let arg = command.get_arguments().find(|a| a.to_string() == named)?;
            match std::error::Error::source(error) {
                Some(why) => Some(format!(
                    "invalid argument {value:?} for \"{}\" flag: {why}",
                    spelling(arg)
                )),
                None => Some(missing(words)),
            }
        }
        _ => named.starts_with('-').then(|| missing(words)),
    }
}

/// A flag that nobody knows; `None` when it is an operand too many.
fn unknown(named: &str, words: &[String]) -> Option<String> {
    if let Some(long) = named.strip_prefix("--") {
        let name = long.split('=').next().unwrap_or(long);
        return Some(format!("unknown flag: --{name}"));
    }
    let letter = named.strip_prefix('-')?.chars().next()?;
    let from_letter = |w: &String| Some(w[w.find(letter)?..].to_owned());
    let cluster = words
        .iter()
        .filter(|w| w.starts_with('-') && !w.starts_with("--"))
        .find_map(from_letter)
        .unwrap_or_else(|| letter.to_string());
    Some(format!("unknown shorthand flag: {letter:?} in -{cluster}"))
}

/// A flag without its value: it must be the last word, since any word is taken for a value.
fn missing(words: &[String]) -> String {
    let last = words.last().map_or("", String::as_str);
    match last.chars().last() {
        Some(letter) if !last.starts_with("--") => {
            format!("flag needs an argument: {letter:?} in -{letter}")
        }
        _ => format!("flag needs an argument: {last}"),
    }
}

/// `-m, --memory`.
fn spelling(arg: &Arg) -> String {
    let long = arg.get_long().unwrap_or_default();
    match arg.get_short() {
        Some(short) => format!("-{short}, --{long}"),
        None => format!("--{long}"),
    }
}

fn operand_count(command: &Command) -> clap::builder::ValueRange {
    let (mut min, mut max) = (0_usize, 0_usize);
    for arg in command.get_positionals() {
        let Some(range) = arg.get_num_args() else {
            continue;
        };
        min += range.min_values().max(arg.is_required_set().into());
        max = max.saturating_add(range.max_values());
    }
    clap::builder::ValueRange::new(min..=max)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(verb: &Verb, line: &[&str]) -> String {
        let words: Vec<String> = line.iter().map(ToString::to_string).collect();
        let mut command = verb.command();
        let error = command.try_get_matches_from_mut(&words).unwrap_err();
        wrong_flag(&error, &command, &words).unwrap_or_else(|| args::wants(operand_count(&command)))
    }

    #[test]
    fn wrong_flags_have_dockers_words() {
        let run = &crate::cli::run::VERB;
        for (line, want) in [
            (&["--foo"][..], "unknown flag: --foo"),
            (&["--foo=1", "x"], "unknown flag: --foo"),
            (&["-xyz"], "unknown shorthand flag: 'x' in -xyz"),
            (&["-itx", "img"], "unknown shorthand flag: 'x' in -x"),
            (&["--name"], "flag needs an argument: --name"),
            (&["-e"], "flag needs an argument: 'e' in -e"),
            (&["-ite"], "flag needs an argument: 'e' in -e"),
            (&["-h"], "flag needs an argument: 'h' in -h"),
            (
                &["-d=maybe", "x"],
                "invalid argument \"maybe\" for \"-d, --detach\" flag: strconv.ParseBool: parsing \"maybe\": invalid syntax",
            ),
            (
                &["--rm=x"],
                "invalid argument \"x\" for \"--rm\" flag: strconv.ParseBool: parsing \"x\": invalid syntax",
            ),
            (
                &["--cpus=x"],
                "invalid argument \"x\" for \"--cpus\" flag: failed to parse x as a rational number",
            ),
            (
                &["-m", "1q", "i"],
                "invalid argument \"1q\" for \"-m, --memory\" flag: invalid size: '1q'",
            ),
            (
                &["--pids-limit=z"],
                "invalid argument \"z\" for \"--pids-limit\" flag: strconv.ParseInt: parsing \"z\": invalid syntax",
            ),
            (
                &["-e", "=x", "i"],
                "invalid argument \"=x\" for \"-e, --env\" flag: invalid environment variable: =x",
            ),
            (
                &["-l", "", "i"],
                "invalid argument \"\" for \"-l, --label\" flag: invalid label '': empty name",
            ),
            (
                &["--add-host", "foo:bar", "i"],
                "invalid argument \"foo:bar\" for \"--add-host\" flag: invalid IP address in add-host: \"bar\"",
            ),
            (
                &["--dns", "foo", "i"],
                "invalid argument \"foo\" for \"--dns\" flag: IP address is not correctly formatted: foo",
            ),
            (
                &["--sysctl", "foo=bar", "i"],
                "invalid argument \"foo=bar\" for \"--sysctl\" flag: sysctl 'foo=bar' is not allowed",
            ),
            (
                &["--ulimit", "nofile=2:1", "i"],
                "invalid argument \"nofile=2:1\" for \"--ulimit\" flag: ulimit soft limit must be less than or equal to hard limit: 2 > 1",
            ),
            (
                &["-a", "foo", "i"],
                "invalid argument \"foo\" for \"-a, --attach\" flag: valid streams are STDIN, STDOUT and STDERR",
            ),
            (
                &["--mount", "source=/x", "i"],
                "invalid argument \"source=/x\" for \"--mount\" flag: target is required",
            ),
            (&[], "requires at least 1 argument"),
        ] {
            assert_eq!(said(run, line), want, "{line:?}");
        }
    }

    #[test]
    fn wrong_numbers_of_operands_are_counted() {
        for (verb, line, want) in [
            (
                &crate::cli::version::VERB,
                &["x"][..],
                "accepts no arguments",
            ),
            (
                &crate::cli::attach::VERB,
                &[],
                "requires exactly 1 argument",
            ),
            (
                &crate::cli::attach::VERB,
                &["a", "b"],
                "requires exactly 1 argument",
            ),
            (
                &crate::cli::exec::VERB,
                &["a"],
                "requires at least 2 arguments",
            ),
            (&crate::cli::rm::VERB, &[], "requires at least 1 argument"),
        ] {
            assert_eq!(said(verb, line), want, "{:?} {line:?}", verb.path);
        }
    }
}
