//! `coracle start`.

use clap::{ArgMatches, Command};

use super::args::{flag, is_set, operands, opt, value, values};
use super::streams::{self, Attached};
use super::{Session, Verb, session};
use crate::container::{attach, start};
use crate::error::{Error, Kind, Result};
use crate::store::Store;
use crate::store::containers::Found;
use crate::ui::out;

pub(super) const VERB: Verb = Verb {
    path: &["start"],
    aliases: &[&["container", "start"]],
    about: "Start one or more stopped containers",
    args,
    run,
};

fn args(command: Command) -> Command {
    command
        .arg(flag(
            "attach",
            'a',
            "Attach STDOUT/STDERR and forward signals",
        ))
        .arg(opt(
            "detach-keys",
            None,
            "string",
            "Override the key sequence for detaching a container",
        ))
        .arg(flag("interactive", 'i', "Attach container's STDIN"))
        .arg(operands("CONTAINER", 1..))
}

fn run(matches: &ArgMatches, session: &mut Session) -> Result<u8> {
    let names: Vec<&String> = values(matches, "CONTAINER").collect();
    let stdin = is_set(matches, "interactive");
    if is_set(matches, "attach") || stdin {
        if names.len() > 1 {
            return Err(Error::new(
                Kind::Usage,
                "you cannot start and attach multiple containers at once",
            ));
        }
        return attached(session, names[0], stdin, value(matches, "detach-keys"));
    }
    let mut failed = Vec::new();
    for name in names {
        match one(session, name) {
            Ok(()) => out::line(name)?,
            Err(e) => {
                session.complain(&e);
                failed.push(name.as_str());
            }
        }
    }
    if failed.is_empty() {
        return Ok(0);
    }
    out::talk(format_args!(
        "Error: failed to start containers: {}",
        failed.join(", ")
    ));
    Ok(1)
}

/// Starts a container and leaves it to itself; one that runs stays as it is.
pub(super) fn one(session: &Session, name: &str) -> Result<()> {
    /// How often and long a monitor is waited for that begins or ends.
    const TRIES: u32 = 500;
    const PAUSE: std::time::Duration = std::time::Duration::from_millis(10);
    let store = session.store()?;
    let mut container = store.containers().find(name)?;
    for attempt in 1.. {
        if container.is_running {
            break;
        }
        let started = start::start(store, &container.record, [false; 3], session::DOOR)
            .and_then(|mut process| process.wait_started());
        match started {
            Err(e)
                if e.kind() == Kind::State
                    && attempt < TRIES
                    && (is_of_a_monitor(&e) || is_held(store, &container)) =>
            {
                std::thread::sleep(PAUSE);
                container = store.containers().find(container.id())?;
            }
            started => return started.map(drop),
        }
    }
    Ok(())
}

/// One lived when we tried, whatever has become of it since.
fn is_of_a_monitor(e: &Error) -> bool {
    e.to_string().contains("its monitor lives")
}

fn is_held(store: &Store, container: &Found) -> bool {
    store.containers().is_held(container.id()).unwrap_or(false)
}

fn attached(session: &Session, name: &str, stdin: bool, keys: Option<&str>) -> Result<u8> {
    let store = session.store()?;
    let container = store.containers().find(name)?;
    let config = &container.record.config;
    let how = Attached {
        tty: config.tty,
        stdin: stdin && config.open_stdin,
        keys,
        sig_proxy: !config.tty,
        joins: container.is_running,
        outlives: container.is_running || !container.record.host.auto_remove,
    };
    let wanted = [how.stdin, true, true];
    let running = match container.is_running {
        true => attach::connect(store.paths(), container.id(), wanted)?,
        false => None,
    };
    let process = match running {
        Some(process) => process,
        None => {
            let mut process = start::start(store, &container.record, wanted, session::DOOR)?;
            process.wait_started()?;
            process
        }
    };
    Ok(streams::relay(process, how, session)?.quietly())
}
