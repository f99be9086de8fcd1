//! `coracle run`.

use clap::ArgMatches;

use super::args;
use super::flags::run::{self, Form};
use super::streams::{self, Attached};
use super::{Session, Verb, making, session};
use crate::container::{attach, start};
use crate::error::{Error, Kind, Result};
use crate::grammar::csv;
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
        joins: false,
        outlives: !record.host.auto_remove,
    };
    let started =
        check_gpus(matches).and_then(|()| launch(session, &record, attach, pid_file.as_deref()));
    if !attach[1] && !attach[2] {
        out::line(&record.id)?;
    }
    match started {
        Err(e) => Ok(not_started(session, &record, &e)),
        Ok(_) if attach == [false; 3] => Ok(0),
        Ok(process) => Ok(streams::relay(process, how, session)?.quietly()),
    }
}

/// `--gpus` where there is none: docker's refusal, so that a script does not go on without.
fn check_gpus(matches: &ArgMatches) -> Result<()> {
    if !args::is_given(matches, "gpus") || has_gpu() {
        return Ok(());
    }
    let asked = args::value(matches, "gpus").unwrap_or_default();
    Err(Error::new(
        Kind::Invalid,
        format!(
            "could not select device driver \"\" with capabilities: [[{}]]",
            gpu_capabilities(asked)?
        ),
    ))
}

fn has_gpu() -> bool {
    let devices = std::fs::read_dir("/dev").into_iter().flatten().flatten();
    devices
        .map(|device| device.file_name())
        .any(|name| name.as_encoded_bytes().starts_with(b"nvidia"))
}

/// What `--gpus` wants of a driver, as docker's client asks for it: words between blanks, `gpu` the last.
fn gpu_capabilities(asked: &str) -> Result<String> {
    let mut all = Vec::new();
    for field in csv::fields(asked)? {
        if let Some(words) = field.strip_prefix("capabilities=") {
            all.extend(words.split(',').map(str::to_owned));
        }
    }
    all.push("gpu".to_owned());
    Ok(all.join(" "))
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
        session::bare_sentence(error).trim_end_matches('.')
    ));
    error.kind().exit_code()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Docker 26's.
    #[test]
    fn a_gpu_is_asked_for_by_what_it_must_do() {
        for (asked, want) in [
            ("all", "gpu"),
            ("2", "gpu"),
            ("device=0", "gpu"),
            ("all,capabilities=utility", "utility gpu"),
            ("\"device=0,1\",capabilities=utility", "utility gpu"),
            ("\"capabilities=compute,utility\"", "compute utility gpu"),
        ] {
            assert_eq!(gpu_capabilities(asked).unwrap(), want, "{asked}");
        }
    }
}
