//! `coracle logout`.

use clap::{ArgMatches, Command};

use super::args::{operands, values};
use super::{Session, Verb};
use crate::error::Result;
use crate::registry::auth;
use crate::ui::out;

pub(super) const VERB: Verb = Verb {
    path: &["logout"],
    aliases: &[],
    about: "Log out from a registry",
    args: |command: Command| command.arg(operands("server", 0..=1).value_name("[SERVER]")),
    run,
};

fn run(matches: &ArgMatches, session: &mut Session) -> Result<u8> {
    let settings = session.registries();
    let server = values(matches, "server").next().map_or("", String::as_str);
    let key = auth::key(server);
    out::line(format_args!("Removing login credentials for {key}"))?;
    match auth::erase(&settings, &key) {
        Ok(others) => {
            for path in others {
                out::warn(format_args!(
                    "{} still has credentials for {key}",
                    path.display()
                ));
            }
        }
        // docker's words; the exit status stays 0
        Err(e) => out::warn(format_args!("could not erase credentials:\n{key}: {e}")),
    }
    Ok(0)
}
