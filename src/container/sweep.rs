//! The sweeper: one process of low priority that clears what killed commands left and empties the trash, then ends.
//!
//! It runs in the caller's namespaces with the caller's rights. Whoever removes something starts one and goes on; a second
//! one sees the first one's lock and ends. Killed at any line: what is left is for the next one.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use crate::store::paths::Paths;
use crate::store::{Store, gc};
use crate::sys::{priority, process};

/// First argument of the role; the others are the data and the runtime folder.
pub const ROLE: &str = "__sweep";

/// Starts a sweeper when something waits in the trash. It is a favour: that it cannot be started is no failure.
pub(crate) fn start(store: &Store) {
    if store.trash().is_empty() {
        return;
    }
    let paths = store.paths();
    process::spawn_aside(ROLE, &[paths.data.as_os_str(), paths.runtime.as_os_str()]).ok();
}

/// The role.
pub fn main(args: &[OsString]) -> ExitCode {
    let [data, runtime] = args else {
        return ExitCode::FAILURE;
    };
    // the terminal's signals are not for us, and everybody else goes first; neither is worth stopping for
    process::leave_terminal();
    priority::lowest();
    let paths = Paths {
        data: PathBuf::from(data),
        runtime: PathBuf::from(runtime),
    };
    let Ok(store) = Store::open(paths) else {
        return ExitCode::FAILURE;
    };
    // nobody reads what this process says: `system check` tells what is left
    let swept = gc::sweep(&store, gc::GRACE).is_ok();
    let emptied = store.trash().empty();
    // the one who empties is the only one of us at this time
    let synced = !matches!(emptied, Ok(true)) || store.layers().sync().is_ok();
    match emptied {
        Ok(_) if swept && synced => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}
