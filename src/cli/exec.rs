//! `coracle exec`.

use clap::{ArgMatches, Command};

use super::args::{command_line, flag, is_set, opt, value, values};
use super::flags::run::{environment, environment_args};
use super::streams::{self, Attached};
use super::{Session, Verb, session};
use crate::container::plan_make::ExecRequest;
use crate::container::start;
use crate::error::{Kind, Result};
use crate::store;
use crate::ui::out;

pub(super) const VERB: Verb = Verb {
    path: &["exec"],
    aliases: &[&["container", "exec"]],
    about: "Execute a command in a running container",
    args,
    run,
};

fn args(command: Command) -> Command {
    environment_args(command)
        .arg(flag(
            "detach",
            'd',
            "Detached mode: run command in the background",
        ))
        .arg(opt(
            "detach-keys",
            None,
            "string",
            "Override the key sequence for detaching a container",
        ))
        .arg(flag(
            "interactive",
            'i',
            "Keep STDIN open even if not attached",
        ))
        .arg(flag(
            "privileged",
            None,
            "Give extended privileges to the command",
        ))
        .arg(flag("tty", 't', "Allocate a pseudo-TTY"))
        .arg(opt(
            "user",
            'u',
            "string",
            "Username or UID (format: \"<name|uid>[:<group|gid>]\")",
        ))
        .arg(opt(
            "workdir",
            'w',
            "string",
            "Working directory inside the container",
        ))
        .arg(command_line("CONTAINER", 2.., "CONTAINER COMMAND [ARG...]"))
}

fn run(matches: &ArgMatches, session: &mut Session) -> Result<u8> {
    let mut words = values(matches, "CONTAINER").cloned();
    let name = words.next().unwrap_or_default();
    let text = |flag: &str| {
        value(matches, flag)
            .filter(|v| !v.is_empty())
            .map(str::to_owned)
    };
    let detach = is_set(matches, "detach");
    let request = ExecRequest {
        id: store::new_id()?,
        argv: words.collect(),
        env: environment(matches)?,
        user: text("user"),
        working_dir: text("workdir"),
        tty: is_set(matches, "tty"),
        stdin: is_set(matches, "interactive") && !detach,
        privileged: is_set(matches, "privileged"),
    };
    let store = session.store()?;
    let container = store.containers().find(&name)?;
    start::check_exec(&container.record, &container.state)?;
    streams::check_terminal(request.stdin, request.tty)?;
    let wanted = [request.stdin, !detach, !detach];
    let started = start::exec(store, &container, &request, wanted, session::DOOR)
        .and_then(|mut process| process.wait_started().map(|_| process));
    let process = match started {
        Ok(process) => process,
        // the container has ended in this moment
        Err(e) if detach || e.kind() == Kind::State => return Err(e),
        Err(e) => {
            // the runtime's own words: docker's daemon adds none, and an unknown user is one of its reasons
            out::talk(&e);
            return Ok(match e.kind() {
                Kind::Invalid => 126,
                kind => kind.exit_code(),
            });
        }
    };
    if detach {
        return Ok(0);
    }
    let how = Attached {
        tty: request.tty,
        stdin: request.stdin,
        keys: value(matches, "detach-keys"),
        // docker's exec passes no signal on
        sig_proxy: false,
        joins: false,
        outlives: false,
    };
    let code = streams::relay(process, how, session)?.aloud();
    let text = code.to_string();
    let more = [("execID", &request.id[..]), ("exitCode", &text)];
    let store = session.store()?;
    store.tell_of(container.id(), "exec_die", &more);
    Ok(code)
}
