//! `coracle attach`.

use clap::{ArgMatches, Command};

use super::args::{flag, is_set, operands, opt, value};
use super::streams::{self, Attached};
use super::{Session, Verb};
use crate::container::attach;
use crate::error::{Error, Kind, Result};
use crate::store::containers::Status;

pub(super) const VERB: Verb = Verb {
    path: &["attach"],
    aliases: &[&["container", "attach"]],
    about: "Attach local standard input, output, and error streams to a running container",
    args,
    run,
};

fn args(command: Command) -> Command {
    command
        .arg(opt(
            "detach-keys",
            None,
            "string",
            "Override the key sequence for detaching a container",
        ))
        .arg(flag("no-stdin", None, "Do not attach STDIN"))
        .arg(flag(
            "sig-proxy",
            None,
            "Proxy all received signals to the process (default true)",
        ))
        .arg(operands("CONTAINER", 1))
}

fn run(matches: &ArgMatches, session: &mut Session) -> Result<u8> {
    let name = value(matches, "CONTAINER").unwrap_or_default();
    let store = session.store()?;
    let container = store.containers().find(name)?;
    let refuse = |text| Err(Error::new(Kind::Usage, text));
    match container.state.status {
        Status::Running => {}
        Status::Paused => {
            return refuse("You cannot attach to a paused container, unpause it first");
        }
        Status::Restarting => {
            return refuse("You cannot attach to a restarting container, wait until it is running");
        }
        _ => return refuse(STOPPED),
    }
    let config = &container.record.config;
    let stdin = !is_set(matches, "no-stdin");
    streams::check_terminal(stdin, config.tty)?;
    let how = Attached {
        tty: config.tty,
        stdin: stdin && config.open_stdin,
        keys: value(matches, "detach-keys"),
        // a terminal sends the program its own, and who closes a window leaves (docker's rule)
        sig_proxy: !config.tty && matches.get_one::<bool>("sig-proxy") != Some(&false),
        joins: true,
        outlives: true,
    };
    let wanted = [how.stdin, true, true];
    match attach::connect(store.paths(), container.id(), wanted)? {
        Some(process) => Ok(streams::relay(process, how, session)?.aloud()),
        None => refuse(STOPPED),
    }
}

const STOPPED: &str = "You cannot attach to a stopped container, start it first";
