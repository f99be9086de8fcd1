//! `--filter`.

use clap::{Arg, ArgMatches};

use super::args;
use crate::error::Result;
use crate::grammar::filter::Filters;

/// The flag; a value without `=` is refused by name, as docker does.
pub(super) fn arg(help: &'static str) -> Arg {
    args::list("filter", 'f', "filter", help).value_parser(|text: &str| {
        match text.is_empty() || text.contains('=') {
            true => Ok(text.to_owned()),
            false => Err("bad format of filter (expected name=value)".to_owned()),
        }
    })
}

/// Returns the filters given; a key that is not one of `accepted` is refused.
pub(super) fn read(matches: &ArgMatches, accepted: &[&str]) -> Result<Filters> {
    let given: Vec<&String> = args::values(matches, "filter").collect();
    Filters::parse(&given, accepted)
}

/// Returns the filters given, whatever their keys.
pub(super) fn read_any(matches: &ArgMatches) -> Result<Filters> {
    Filters::parse_any(&args::values(matches, "filter").collect::<Vec<_>>())
}
