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

/// Below this many free bytes what is removed has to be free at once: on a full disk the next command needs it.
const SHORT: u64 = 2 << 30;

/// Starts a sweeper when something waits in the trash; where room is short, is one. It is a favour: that it cannot be
/// started is no failure.
pub(crate) fn start(store: &Store) {
    if store.trash().is_empty() {
        return;
    }
    if is_short(store) {
        return finish(store);
    }
    let paths = store.paths();
    process::spawn_aside(ROLE, &[paths.data.as_os_str(), paths.runtime.as_os_str()]).ok();
}

/// Returns when the trash is empty: who prunes wants the room, and is told how much there is.
pub(crate) fn finish(store: &Store) {
    if !store.trash().is_empty() {
        // what cannot be removed `system check` tells of
        store.trash().empty_now().ok();
    }
}

/// By the free bytes of the file system; a quota's end is not seen.
fn is_short(store: &Store) -> bool {
    let fs = nix::sys::statvfs::statvfs(&store.paths().data);
    fs.is_ok_and(|fs| fs.blocks_available() * fs.fragment_size() < SHORT)
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
