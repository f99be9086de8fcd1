//! Clap's refusals of a command line, said in docker's words and with its exit statuses: 125 for a wrong flag, 1 for a wrong
//! number of operands.

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, Command};

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
            out::talk(format_args!(
                "\"{name}\" {}.\nSee '{name} --help'.\n\nUsage:  {}\n\n{}",
                args::wants(operand_count(command)),
                help::usage(program, spelled, command),
                verb.about
            ));
            Ok(1)
        }
    }
}

/// Returns docker's sentence for a wrong flag, `None` when the operands are wrong.
fn wrong_flag(error: &clap::Error, command: &Command, words: &[String]) -> Option<String> {
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
    for range in command.get_positionals().filter_map(Arg::get_num_args) {
        min += range.min_values();
        max = max.saturating_add(range.max_values());
    }
    clap::builder::ValueRange::new(min..=max)
}
