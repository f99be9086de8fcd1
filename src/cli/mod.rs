//! The command line: finds the verb, builds the flags of that verb alone, and runs it.
//!
//! Docker's tree has some 150 commands with 1,500 flags; making them all costs clap 1 to 2 ms, which is half of what a
//! whole `run` may take. So the words up to the verb are matched by hand against [`COMMANDS`], and clap sees one verb.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{ArgMatches, Command};

use self::flags::run::Form;
use crate::error::{Error, Result};
use crate::ui::out;

pub(crate) use session::{Session, variable, variables};

pub(crate) mod args;
pub(crate) mod flags;
mod global;
mod help;
mod session;
mod update;
mod usage;

mod attach;
mod build;
mod builder;
mod buildx;
mod check;
mod client_config;
mod commit;
mod completion;
mod context;
mod cp;
mod create;
mod df;
mod diff;
mod doctor;
mod endpoint;
mod events;
mod exec;
mod export;
mod filter;
mod format;
mod history;
mod image;
mod images;
mod import;
mod info;
mod inspect;
mod kill;
mod load;
mod login;
mod logout;
mod logs;
mod making;
mod manifest;
mod network;
mod pause;
mod port;
mod prune;
mod ps;
mod pull;
mod push;
mod rename;
mod restart;
mod rm;
mod rmi;
mod run;
mod save;
mod start;
mod stats;
mod stop;
mod streams;
mod tag;
mod top;
mod version;
mod volume;
mod wait;

/// Every command. The order is that of the help.
#[rustfmt::skip] // one a line, so that two branches can add theirs
static COMMANDS: &[&Verb] = &[
    &login::VERB,
    &logout::VERB,
    &build::VERB,
    &builder::DU,
    &builder::PRUNE,
    &buildx::CREATE,
    &buildx::INSPECT,
    &buildx::LS,
    &buildx::RM,
    &buildx::USE,
    &buildx::VERSION_VERB,
    &context::INSPECT,
    &context::LS,
    &context::SHOW,
    &context::USE,
    &manifest::INSPECT,
    &pull::VERB,
    &attach::VERB,
    &completion::VERB,
    &create::VERB,
    &exec::VERB,
    &events::VERB,
    &kill::VERB,
    &pause::PAUSE,
    &pause::UNPAUSE,
    &restart::VERB,
    &rm::VERB,
    &run::VERB,
    &start::VERB,
    &stop::VERB,
    &stats::VERB,
    &update::VERB,
    &wait::VERB,
    &rename::VERB,
    &rmi::VERB,
    &tag::VERB,
    &save::VERB,
    &load::VERB,
    &push::VERB,
    &commit::VERB,
    &import::VERB,
    &export::VERB,
    &diff::VERB,
    &network::CONNECT,
    &network::CREATE,
    &network::DISCONNECT,
    &network::RM,
    &cp::VERB,
    &volume::CREATE,
    &volume::LS,
    &volume::RM,
    &df::VERB,
    &check::VERB,
    &prune::CONTAINER,
    &prune::IMAGE,
    &prune::NETWORK,
    &prune::VOLUME,
    &prune::SYSTEM,
    &ps::VERB,
    &images::VERB,
    &history::VERB,
    &logs::VERB,
    &inspect::ANY,
    &inspect::CONTAINER,
    &inspect::IMAGE,
    &inspect::NETWORK,
    &inspect::VOLUME,
    &network::LS,
    &port::VERB,
    &top::VERB,
    &info::VERB,
    &version::VERB,
    &doctor::VERB,
];

/// Docker's groups that need a daemon which goes on for ever.
const NOT_HERE: &[&str] = &[
    "config", "node", "plugin", "secret", "service", "stack", "swarm",
];

/// One command.
pub(crate) struct Verb {
    /// Its words, the shortest spelling that docker has: `["run"]`, `["volume", "ls"]`.
    pub(crate) path: &'static [&'static str],
    /// Its other spellings: `["container", "run"]`.
    pub(crate) aliases: &'static [&'static [&'static str]],
    /// One line for the help, docker's.
    pub(crate) about: &'static str,
    /// Adds its flags and operands (see [`args`]).
    pub(crate) args: fn(Command) -> Command,
    /// Does it; returns the exit status.
    pub(crate) run: fn(&ArgMatches, &mut Session) -> Result<u8>,
}

impl Verb {
    /// All spellings, in the order of docker's help: those of a management group first.
    fn spellings(&self) -> Vec<&'static [&'static str]> {
        let mut all = vec![self.path];
        all.extend(self.aliases);
        all.sort_by_key(|path| path.len() == 1);
        all
    }

    /// Its clap command, flags and all, without the words before it.
    fn command(&self) -> Command {
        self.command_with(self.args)
    }

    /// Its clap command for reading `words`: of `run` and `create`, whose start must take no time, with no other flags.
    fn command_for(&self, words: &[String]) -> Command {
        let form = match self.path {
            ["run"] => Form::Run,
            ["create"] => Form::Create,
            _ => return self.command(),
        };
        self.command_with(|command| flags::run::args_for(command, form, words))
    }

    /// Its clap command with what clap itself adds, for texts.
    fn whole(&self) -> Command {
        let mut command = self.command();
        command.build();
        command
    }

    fn command_with(&self, args: impl FnOnce(Command) -> Command) -> Command {
        let name = *self.path.last().expect("a verb has a word");
        let command = Command::new(name)
            .about(self.about)
            .no_binary_name(true)
            .disable_help_flag(true)
            .disable_version_flag(true)
            .args_override_self(true);
        let command = args(command);
        let help = args::help(command.get_arguments().any(|a| a.get_short() == Some('h')));
        command.arg(help)
    }
}

/// What the words of a command line lead to.
enum Found {
    /// A verb, spelled with that many words.
    Verb(&'static Verb, usize),
    /// A management group (`container`), spelled with that many words, and no known verb of it.
    Group(usize),
    /// Nothing.
    Nothing,
}

/// Runs one command.
pub fn main(args: Vec<OsString>) -> ExitCode {
    // a caller that ignores its children's ends would have us ignore ours
    crate::sys::process::expect_children();
    crate::sys::process::keep_own_access();
    let mut words = Vec::with_capacity(args.len());
    for arg in args {
        match arg.into_string() {
            Ok(word) => words.push(word),
            Err(raw) => {
                out::talk(format_args!("argument {raw:?} is not valid UTF-8"));
                return ExitCode::from(125);
            }
        }
    }
    ExitCode::from(dispatch(&words).unwrap_or_else(|e| {
        // the terminal itself failed
        out::talk(&e);
        1
    }))
}

fn dispatch(words: &[String]) -> Result<u8> {
    let program = global::program(words.first().map_or("", String::as_str));
    let rest = words.get(1..).unwrap_or_default();
    let (mut session, used) = match global::parse(program, rest) {
        Ok(global::Parsed::Go(session, used)) => (*session, used),
        Ok(global::Parsed::Help) => return out::text(help::root(program)).map(|()| 0),
        Ok(global::Parsed::Version) => {
            return out::line(format_args!("{program} version {}", version::VERSION)).map(|()| 0);
        }
        Err(global::Refused::Flag(text)) => {
            out::talk(format_args!(
                "{text}\nSee '{program} --help'.\n{}",
                help::root(program)
            ));
            return Ok(125);
        }
        Err(global::Refused::Value(text)) => {
            out::talk(text);
            return Ok(1);
        }
    };
    let rest = &rest[used..];
    match rest.first().map(String::as_str) {
        None => {
            out::talk(help::root(program).trim_end());
            Ok(0)
        }
        Some("help") => asked_help(program, &rest[1..]),
        Some(_) => run_words(&mut session, rest),
    }
}

fn run_words(session: &mut Session, words: &[String]) -> Result<u8> {
    let program = session.program;
    match find(words) {
        Found::Verb(verb, used) => run_verb(verb, session, &words[..used], &words[used..]),
        Found::Group(used) => {
            let text = help::group(program, &words[..used]);
            match words.get(used).map(String::as_str) {
                Some("--help" | "-h") => out::text(text).map(|()| 0),
                other => {
                    out::talk(text.trim_end());
                    Ok(other.is_some().into())
                }
            }
        }
        Found::Nothing if NOT_HERE.contains(&words[0].as_str()) => {
            let word = &words[0];
            let what = if word == "plugin" {
                "are no plugins"
            } else {
                "is no swarm"
            };
            out::talk(format_args!(
                "{program} {word}: there {what} here: no daemon runs, and containers are this machine's alone"
            ));
            Ok(1)
        }
        Found::Nothing => {
            let word = &words[0];
            out::talk(format_args!(
                "{program}: '{word}' is not a {program} command.\nSee '{program} --help'"
            ));
            Ok(1)
        }
    }
}

fn asked_help(program: &'static str, words: &[String]) -> Result<u8> {
    match find(words) {
        Found::Verb(verb, used) => {
            out::text(help::verb(program, &words[..used], verb, &verb.command()))?;
        }
        Found::Group(used) => out::text(help::group(program, &words[..used]))?,
        Found::Nothing if words.is_empty() => out::text(help::root(program))?,
        Found::Nothing => {
            out::talk(format_args!("unknown help topic: {}", words.join(" ")));
            return Ok(1);
        }
    }
    Ok(0)
}

/// Finds the verb with the longest spelling that `words` begin with.
fn find(words: &[String]) -> Found {
    for used in (1..=words.len().min(3)).rev() {
        let is_it = |path: &[&str]| path == &words[..used];
        let verb = COMMANDS
            .iter()
            .find(|v| is_it(v.path) || v.aliases.iter().any(|a| is_it(a)));
        if let Some(verb) = verb {
            return Found::Verb(verb, used);
        }
    }
    for used in (1..=words.len().min(2)).rev() {
        let is_in = |path: &[&str]| path.len() > used && path[..used] == words[..used];
        if COMMANDS
            .iter()
            .any(|v| is_in(v.path) || v.aliases.iter().any(|a| is_in(a)))
        {
            return Found::Group(used);
        }
    }
    Found::Nothing
}

fn run_verb(
    verb: &Verb,
    session: &mut Session,
    spelled: &[String],
    words: &[String],
) -> Result<u8> {
    let mut command = verb.command_for(words);
    let program = session.program;
    let matches = match command.try_get_matches_from_mut(words) {
        Ok(matches) => matches,
        Err(e) => return usage::refuse(&e, verb, &verb.whole(), program, spelled, words),
    };
    if let Some(status) = usage::refuse_count(&matches, verb, &command, program, spelled) {
        return Ok(status);
    }
    match (verb.run)(&matches, session) {
        Ok(status) => Ok(status),
        Err(e) => Ok(fail(&e, verb, session)),
    }
}

/// Tells the user of an error that ended a verb; returns the exit status.
fn fail(error: &Error, verb: &Verb, session: &Session) -> u8 {
    let program = session.program;
    match verb.path {
        ["run"] => {
            let text = session::bare_sentence(error);
            let text = text.trim_end_matches('.');
            out::talk(format_args!(
                "{program}: {text}.\nSee '{program} run --help'."
            ));
            error.kind().exit_code()
        }
        _ => {
            session.complain(error);
            1
        }
    }
}

#[cfg(test)]
mod generated;
#[cfg(test)]
mod tests;
