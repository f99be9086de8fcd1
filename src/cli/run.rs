//! `coracle run`.

use clap::ArgMatches;

use super::args;
use super::flags::run::{self, Form};
use super::streams::{self, Attached};
use super::{Session, Verb, making, session};
use crate::container::{attach, start};
use crate::error::{Error, Result};
use crate::store::containers::Record;
use crate::ui::out;

pub(super) const VERB: Verb = Verb {
    path: &["run"],
    aliases: &[&["container", "run"]],
    about: "Create and run a new container from an image",
    args: |command| run::args(command, Form::Run),
    run,
};

fn run(matches: &ArgMatches, session: &mut Session) -> Result<u8> {
    let parsed = match making::parse(matches, Form::Run, session)? {
        Ok(parsed) => parsed,
        Err(status) => return Ok(status),
    };
    let request = &parsed.request;
    if parsed.detach && args::is_given(matches, "attach") {
        out::talk("conflicting options: cannot specify both --attach and --detach");
        return Ok(1);
    }
    let attach = request.attach;
    if let Err(e) = streams::check_terminal(attach[0], request.tty) {
        out::talk(e);
        return Ok(1);
    }
    let (sig_proxy, keys) = (parsed.sig_proxy, parsed.detach_keys.clone());
    let pid_file = parsed.pid_file.clone();
    let record = making::make(session, parsed)?;
    let how = Attached {
        tty: record.config.tty,
        stdin: attach[0],
        keys: keys.as_deref(),
        sig_proxy,
        outlives: !record.host.auto_remove,
    };
    let started = launch(session, &record, attach, pid_file.as_deref());
    if !attach[1] && !attach[2] {
        out::line(&record.id)?;
    }
    match started {
        Err(e) => Ok(not_started(session, &record, &e)),
        Ok(_) if attach == [false; 3] => Ok(0),
        Ok(process) => Ok(streams::relay(process, how, session)?.quietly()),
    }
}

fn launch(
    session: &Session,
    record: &Record,
    attach: [bool; 3],
    pid_file: Option<&str>,
) -> Result<attach::Session> {
    let mut process = start::start(session.store()?, record, attach, session::DOOR)?;
    let pid = process.wait_started()?;
    if let Some(path) = pid_file {
        fs_err::write(path, pid.to_string())?;
    }
    Ok(process)
}

/// The container is there and its program is not: docker says why without pointing at its help.
fn not_started(session: &Session, record: &Record, error: &Error) -> u8 {
    if record.host.auto_remove
        && let Ok(store) = session.store()
    {
        // the monitor did so already, unless it was never reached
        store.containers().remove(&record.id).ok();
    }
    let program = session.program;
    out::talk(format_args!(
        "{program}: {}.",
        session::bare_sentence(error)
    ));
    error.kind().exit_code()
}
