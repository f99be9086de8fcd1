//! What ends a build from outside: SIGINT and SIGTERM. Its steps are stopped and told as canceled; a build that does not come to
//! an end then (it copies or pulls) is left as a kill would leave it, and the next command cleans up.

use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::Duration;

use nix::sys::signal::{SigSet, Signal};

use crate::build::CANCELED;
use crate::error::Result;
use crate::sys::{SysError, thread};
use crate::ui::out;

/// How long a build may take to stop.
const PATIENCE: Duration = Duration::from_secs(3);

/// Writes the signal into `canceled` when one comes. To be called before any other thread is there: it inherits what is held
/// back here. (Programs of steps, and git, do not: they begin with an empty mask.)
#[expect(
    clippy::disallowed_methods,
    reason = "steps that do not stop are not waited for: the thread that waits for them ends the process"
)]
pub(super) fn watch(canceled: Arc<AtomicI32>) -> Result<()> {
    let signals = SigSet::from_iter([Signal::SIGINT, Signal::SIGTERM]);
    let call = |e| SysError::new("pthread_sigmask()", e);
    signals.thread_block().map_err(call)?;
    thread::spawn("signals", move || {
        let signal = signals.wait().unwrap_or(Signal::SIGINT) as i32;
        canceled.store(signal, Ordering::Relaxed);
        std::thread::sleep(PATIENCE);
        out::talk(CANCELED);
        std::process::exit(128 + signal);
    })?;
    Ok(())
}
