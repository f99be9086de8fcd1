//! The flags of `update`: those of `run` that can change later.

use clap::{ArgMatches, Command};

use super::host;
use super::table;
use crate::cli::args::{is_given, typed, value};
use crate::container::update::Change;
use crate::error::{Error, Kind, Result};

/// Docker's list; some have no effect here, as in `run`.
const NAMES: [&str; 14] = [
    "blkio-weight",
    "cpu-period",
    "cpu-quota",
    "cpu-rt-period",
    "cpu-rt-runtime",
    "cpu-shares",
    "cpus",
    "cpuset-cpus",
    "cpuset-mems",
    "memory",
    "memory-reservation",
    "memory-swap",
    "pids-limit",
    "restart",
];

/// Adds the flags.
pub(crate) fn args(command: Command) -> Command {
    table::some(command, &NAMES)
}

/// Reads them.
pub(crate) fn parse(matches: &ArgMatches) -> Result<Change> {
    if !NAMES.iter().any(|name| is_given(matches, name)) {
        let text = "you must provide one or more flags when using this command";
        return Err(Error::new(Kind::Usage, text));
    }
    // docker's: 0 is as good as nothing
    let int = |name| typed::<i64>(matches, name).copied().filter(|n| *n != 0);
    let text = |name| value(matches, name).filter(|text| !text.is_empty());
    Ok(Change {
        memory: int("memory"),
        memory_swap: int("memory-swap"),
        memory_reservation: int("memory-reservation"),
        nano_cpus: int("cpus"),
        cpu_period: int("cpu-period"),
        cpu_quota: int("cpu-quota"),
        cpu_shares: int("cpu-shares"),
        cpuset_cpus: text("cpuset-cpus").map(str::to_owned),
        pids_limit: int("pids-limit"),
        restart: text("restart").map(host::restart).transpose()?,
    })
}
