//! The kinds of arguments that docker's commands have (spf13/pflag's, which its users know), made of clap's.
//!
//! Every value may begin with `-`, a boolean may be written `--rm=false`, and of two occurrences the last one wins.

use clap::builder::ValueRange;
use clap::{Arg, ArgAction, ArgMatches};

use crate::grammar::go;

/// A boolean: `--name`, `--name=true`, `-n`.
pub(crate) fn flag(name: &'static str, short: impl Into<Option<char>>, help: &'static str) -> Arg {
    short_of(Arg::new(name).long(name), short.into())
        .num_args(0..=1)
        .require_equals(true)
        .default_missing_value("true")
        .value_parser(boolean)
        .action(ArgAction::Set)
        .hide_possible_values(true)
        .help(help)
}

/// One value: `--name value`, `--name=value`, `-n value`. `kind` is docker's word for its type in the help.
pub(crate) fn opt(
    name: &'static str,
    short: impl Into<Option<char>>,
    kind: &'static str,
    help: &'static str,
) -> Arg {
    short_of(Arg::new(name).long(name), short.into())
        .value_name(kind)
        .allow_hyphen_values(true)
        .action(ArgAction::Set)
        .help(help)
}

/// A value that may be given several times.
pub(crate) fn list(
    name: &'static str,
    short: impl Into<Option<char>>,
    kind: &'static str,
    help: &'static str,
) -> Arg {
    opt(name, short, kind, help).action(ArgAction::Append)
}

/// A whole number.
pub(crate) fn int(name: &'static str, short: impl Into<Option<char>>, help: &'static str) -> Arg {
    opt(name, short, "int", help).value_parser(go::integer)
}

/// The words after the flags, `count` of them. Flags may stand between them.
pub(crate) fn operands(name: &'static str, count: impl Into<ValueRange>) -> Arg {
    let count = count.into();
    let required = count.min_values() > 0;
    // clap takes an operand of exactly one value as often as it is given; of a range it takes no more
    let range = if count.max_values() == 1 {
        (0..=1).into()
    } else {
        count
    };
    Arg::new(name)
        .num_args(range)
        .required(required)
        .action(ArgAction::Append)
}

/// The words of a command line in a command line: nothing after the first one is a flag of ours. `shown` is how the help
/// writes them (`IMAGE [COMMAND] [ARG...]`).
pub(crate) fn command_line(
    name: &'static str,
    count: impl Into<ValueRange>,
    shown: &'static str,
) -> Arg {
    operands(name, count)
        .trailing_var_arg(true)
        .value_name(shown)
}

/// Says whether a [`flag`] was given and not `=false`. Flags that were not built count as not given, here and below: `run`
/// builds only those that its words can mean.
pub(crate) fn is_set(matches: &ArgMatches, name: &str) -> bool {
    typed::<bool>(matches, name).copied().unwrap_or(false)
}

/// Returns the value of an [`opt`].
pub(crate) fn value<'a>(matches: &'a ArgMatches, name: &str) -> Option<&'a str> {
    typed::<String>(matches, name).map(String::as_str)
}

/// Returns the values of a [`list`] or of [`operands`] in the order given.
pub(crate) fn values<'a>(
    matches: &'a ArgMatches,
    name: &str,
) -> impl Iterator<Item = &'a String> + use<'a> {
    many::<String>(matches, name)
}

/// Returns the value of a flag whose parser makes a `T`.
pub(crate) fn typed<'a, T: Clone + Send + Sync + 'static>(
    matches: &'a ArgMatches,
    name: &str,
) -> Option<&'a T> {
    matches.try_get_one::<T>(name).ok().flatten()
}

/// Returns the values of a flag whose parser makes a `T`, in the order given.
pub(crate) fn many<'a, T: Clone + Send + Sync + 'static>(
    matches: &'a ArgMatches,
    name: &str,
) -> impl Iterator<Item = &'a T> + use<'a, T> {
    let found = matches.try_get_many::<T>(name).ok().flatten();
    found.unwrap_or_default()
}

/// Reads `key=value` arguments; without `=` the value is empty.
pub(crate) fn pairs(
    matches: &ArgMatches,
    flag: &str,
) -> std::collections::BTreeMap<String, String> {
    values(matches, flag)
        .map(|text| text.split_once('=').unwrap_or((text, "")))
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect()
}

/// Says whether a flag was given in any form.
pub(crate) fn is_given(matches: &ArgMatches, name: &str) -> bool {
    matches.try_contains_id(name).unwrap_or(false)
}

fn short_of(arg: Arg, short: Option<char>) -> Arg {
    match short {
        Some(c) => arg.short(c),
        None => arg,
    }
}

/// Go's strconv.ParseBool, in its words.
fn boolean(text: &str) -> Result<bool, String> {
    go::boolean(text).ok_or_else(|| format!("strconv.ParseBool: parsing {text:?}: invalid syntax"))
}

/// Says in docker's words how many operands a range wants: `requires exactly 1 argument`.
pub(crate) fn wants(count: ValueRange) -> String {
    let (min, max) = (count.min_values(), count.max_values());
    let arguments = |n: usize| if n == 1 { "argument" } else { "arguments" };
    match (min, max) {
        (0, 0) => "accepts no arguments".to_owned(),
        (n, m) if n == m => format!("requires exactly {n} {}", arguments(n)),
        (n, usize::MAX) => format!("requires at least {n} {}", arguments(n)),
        (0, m) => format!("requires at most {m} {}", arguments(m)),
        (n, m) => format!("requires at least {n} and at most {m} arguments"),
    }
}

/// The help flag: `-h` too, unless the verb has another use for it.
pub(super) fn help(is_short_taken: bool) -> Arg {
    short_of(
        Arg::new("help").long("help"),
        (!is_short_taken).then_some('h'),
    )
    .action(ArgAction::Help)
    .hide(true)
}
