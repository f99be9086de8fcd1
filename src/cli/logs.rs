//! `coracle logs`: what a container printed.

use clap::{ArgMatches, Command};
use jiff::Timestamp;

use super::args::{self, flag, operands, opt};
use super::{Session, Verb};
use crate::container::logs::{self, Entry, Event, Options};
use crate::error::{Error, Kind, Result};
use crate::grammar::go::query_escape;
use crate::store::containers::Status;
use crate::ui::out;
use crate::wire::time;

pub(super) const VERB: Verb = Verb {
    path: &["logs"],
    aliases: &[&["container", "logs"]],
    about: "Fetch the logs of a container",
    args: |command: Command| {
        command
            .arg(operands("container", 1).value_name("CONTAINER"))
            .arg(flag("details", None, "Show extra details provided to logs"))
            .arg(flag("follow", 'f', "Follow log output"))
            .arg(opt("since", None, "string", "Show logs since timestamp (e.g. \"2013-01-02T13:23:37Z\") or relative (e.g. \"42m\" for 42 minutes)"))
            .arg(opt("tail", 'n', "string", "Number of lines to show from the end of the logs (default \"all\")"))
            .arg(flag("timestamps", 't', "Show timestamps"))
            .arg(opt("until", None, "string", "Show logs before a timestamp (e.g. \"2013-01-02T13:23:37Z\") or relative (e.g. \"42m\" for 42 minutes)"))
    },
    run,
};

fn run(matches: &ArgMatches, session: &mut Session) -> Result<u8> {
    let options = options(matches)?;
    let store = session.store()?;
    let found = store
        .containers()
        .find(args::value(matches, "container").unwrap_or_default())?;
    if found.record.host.log_config.driver == "none" {
        return Err(Error::new(
            Kind::State,
            "configured logging driver does not support reading",
        ));
    }
    let id = found.record.id;
    let mut printer = Printer {
        timestamps: args::is_set(matches, "timestamps"),
        details: args::is_set(matches, "details"),
        is_error: false,
        buffer: Vec::new(),
    };
    let has_ended = || {
        !store
            .containers()
            .state(&id)
            .is_ok_and(|s| is_alive(s.status))
    };
    logs::read(&store.containers().path(&id), options, has_ended, |event| {
        printer.take(event)
    })?;
    Ok(0)
}

/// A container between two tries of its restart policy will print more.
fn is_alive(status: Status) -> bool {
    matches!(
        status,
        Status::Running | Status::Paused | Status::Restarting
    )
}

fn options(matches: &ArgMatches) -> Result<Options> {
    let now = Timestamp::now();
    let moment = |name: &str| {
        let text = args::value(matches, name).filter(|t| !t.is_empty());
        text.map(|t| time::moment(t, now))
            .transpose()
            .map_err(|e| Error::new(Kind::Usage, format!("invalid value for {name:?}")).because(e))
    };
    Ok(Options {
        follow: args::is_set(matches, "follow"),
        since: moment("since")?,
        until: moment("until")?,
        // docker takes whatever is no number for `all`
        tail: args::value(matches, "tail").and_then(|n| n.parse().ok()),
    })
}

/// Writes entries to the stream that they came from, many at once.
struct Printer {
    timestamps: bool,
    details: bool,
    is_error: bool,
    buffer: Vec<u8>,
}

impl Printer {
    /// So much is kept before it is written.
    const BUFFER: usize = 64 * 1024;

    fn take(&mut self, event: Event<'_>) -> Result<()> {
        let Event::Entry(entry) = event else {
            return self.flush();
        };
        let is_error = entry.stream == "stderr";
        if is_error != self.is_error || self.buffer.len() > Self::BUFFER {
            self.flush()?;
            self.is_error = is_error;
        }
        self.add(entry);
        Ok(())
    }

    fn add(&mut self, entry: &Entry<'_>) {
        if self.timestamps {
            self.buffer.extend(logs::fixed_time(&entry.time).bytes());
            self.buffer.push(b' ');
        }
        if self.details {
            let pairs: Vec<String> = entry
                .attrs
                .iter()
                .map(|(k, v)| format!("{}={}", query_escape(k), query_escape(v)))
                .collect();
            self.buffer.extend(pairs.join(",").bytes());
            self.buffer.push(b' ');
        }
        self.buffer.extend(entry.log.bytes());
    }

    fn flush(&mut self) -> Result<()> {
        let bytes = std::mem::take(&mut self.buffer);
        if bytes.is_empty() {
            return Ok(());
        }
        if self.is_error {
            out::error_text(bytes)
        } else {
            out::text(bytes)
        }
    }
}
