//! Messages between a command and a monitor, on the launch socket and on the control socket alike (SOCK_SEQPACKET; a
//! message is one JSON value of at most 64 KiB; descriptors travel with it by SCM_RIGHTS).

use serde::{Deserialize, Serialize};

use crate::error::Error;

/// From a command to a monitor.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ask {
    /// First message on a launch socket, with the plan's sealed memfd. `attach`: stdin, stdout, stderr.
    Launch {
        /// Streams that the launching command wants; answered by `Streams` before `Started`.
        attach: [bool; 3],
    },
    /// Give me the streams (answered by `Streams`), then tell me the exit.
    Attach {
        /// stdin, stdout, stderr.
        streams: [bool; 3],
    },
    /// Tell me the exit (`Exited`), nothing else.
    Wait,
    /// Tell me when the container is gone from the store (for `--rm`), or exited.
    WaitRemoved,
    /// Send a signal to the container's first process (or to the exec session's process).
    Kill {
        /// Signal number.
        signal: i32,
    },
    /// Stop: `signal`, then SIGKILL after `timeout` seconds (-1 never); answered by `Exited`. Cancels the restart policy.
    Stop {
        /// Signal number.
        signal: i32,
        /// Seconds.
        timeout: i64,
    },
    /// Freeze (true) or thaw (false) all processes; answered by `Done` or `Failed`.
    Pause(bool),
    /// An exec monitor of this container: it tells its pid and joiner, so that the container's end does not wait for it.
    Exec {
        /// Exec id.
        id: String,
        /// Pid of the exec monitor.
        monitor: i32,
    },
}

/// From a monitor to a command.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tell {
    /// The streams asked for travel with this message in this order, those not there are left out: stdin (the write end of
    /// the container's stdin pipe, or the pty's master), stdout (a pipe's read end), stderr (absent for a pty).
    Streams {
        /// Which of the three come along.
        streams: [bool; 3],
    },
    /// The program was executed.
    Started {
        /// Pid in the host's pid namespace.
        pid: i32,
    },
    /// The program ended.
    Exited {
        /// 0..255.
        code: i32,
    },
    /// It could not be done; for a launch: the program was not started.
    Failed(Error),
    /// Done.
    Done,
}
