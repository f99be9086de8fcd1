//! `coracle login`.

use std::io::Read;

use clap::{ArgMatches, Command};

use super::args::{flag, is_set, operands, opt, value, values};
use super::{Session, Verb};
use crate::error::{Context, Error, Kind, Result};
use crate::registry::auth::{self, Credential, Saved};
use crate::registry::{Settings, check_login};
use crate::ui::{ask, out};

pub(super) const VERB: Verb = Verb {
    path: &["login"],
    aliases: &[],
    about: "Log in to a registry",
    args,
    run,
};

fn args(command: Command) -> Command {
    command
        .arg(operands("server", 0..=1).value_name("[SERVER]"))
        .arg(opt("password", 'p', "string", "Password"))
        .arg(flag("password-stdin", None, "Take the password from stdin"))
        .arg(opt("username", 'u', "string", "Username"))
}

fn run(matches: &ArgMatches, session: &mut Session) -> Result<u8> {
    let settings = session.registries();
    let key = auth::key(values(matches, "server").next().map_or("", String::as_str));
    let user = value(matches, "username").unwrap_or_default();
    let secret = given_secret(matches, user)?;
    if user.is_empty() && secret.is_none() && again(&settings, &key)? {
        return Ok(0);
    }
    let credential = match secret {
        Some(secret) if !user.is_empty() && !secret.is_empty() => Credential::Password {
            user: user.to_owned(),
            secret,
        },
        secret => prompt(&settings, &key, user, secret)?,
    };
    check_login(&settings, &key, &credential)?;
    finish(&settings, &key, &credential)
}

/// The password of `-p` or of stdin; None when neither is used.
fn given_secret(matches: &ArgMatches, user: &str) -> Result<Option<String>> {
    let password = value(matches, "password").map(str::to_owned);
    let from_stdin = is_set(matches, "password-stdin");
    if password.is_some() {
        out::talk("WARNING! Using --password via the CLI is insecure. Use --password-stdin.");
        if from_stdin {
            return Err(Error::new(
                Kind::Usage,
                "--password and --password-stdin are mutually exclusive",
            ));
        }
    }
    if !from_stdin {
        return Ok(password);
    }
    if user.is_empty() {
        return Err(Error::new(
            Kind::Usage,
            "Must provide --username with --password-stdin",
        ));
    }
    let mut text = String::new();
    std::io::stdin()
        .read_to_string(&mut text)
        .context(Kind::System, || "cannot read the password from stdin")?;
    let text = text.strip_suffix('\n').unwrap_or(&text);
    Ok(Some(text.strip_suffix('\r').unwrap_or(text).to_owned()))
}

/// Tries what an earlier login left; false when there is nothing or it is not accepted any more.
fn again(settings: &Settings, key: &str) -> Result<bool> {
    let Some(credential) = auth::find(settings, auth::registry_of(key), "")? else {
        return Ok(false);
    };
    out::line("Authenticating with existing credentials...")?;
    match check_login(settings, key, &credential) {
        Ok(()) => finish(settings, key, &credential).map(|_| true),
        Err(e) if e.kind() == Kind::Denied => {
            out::line(format_args!(
                "Login did not succeed, error: Error response from daemon: {e}"
            ))?;
            Ok(false)
        }
        Err(e) => Err(e),
    }
}

/// Asks on the terminal for what is missing.
fn prompt(
    settings: &Settings,
    key: &str,
    user: &str,
    secret: Option<String>,
) -> Result<Credential> {
    if !ask::is_possible() {
        return Err(Error::new(
            Kind::Usage,
            "Error: Cannot perform an interactive login from a non TTY device",
        ));
    }
    let mut user = user.to_owned();
    if user.is_empty() {
        if key == auth::HUB_KEY {
            out::line(
                "Log in with your Docker ID or email address to push and pull images from Docker Hub.",
            )?;
        }
        let known = auth::user(settings, key).unwrap_or_default();
        let default = if known.is_empty() {
            String::new()
        } else {
            format!(" ({known})")
        };
        user = ask::line(&format!("Username{default}: "))?
            .trim()
            .to_owned();
        if user.is_empty() {
            user = known;
        }
        if user.is_empty() {
            return Err(Error::new(Kind::Usage, "Error: Non-null Username Required"));
        }
    }
    let secret = match secret {
        Some(secret) if !secret.is_empty() => secret,
        _ => ask::secret("Password: ")?,
    };
    if secret.is_empty() {
        return Err(Error::new(Kind::Usage, "Error: Password Required"));
    }
    Ok(Credential::Password { user, secret })
}

/// Keeps what the registry has accepted.
fn finish(settings: &Settings, key: &str, credential: &Credential) -> Result<u8> {
    if let Saved::File(path) = auth::save(settings, key, credential)? {
        out::talk(format_args!(
            "WARNING! Your password will be stored unencrypted in {}.\n\
             Configure a credential helper to remove this warning. See\n\
             https://docs.docker.com/engine/reference/commandline/login/#credentials-store\n",
            path.display()
        ));
    }
    out::line("Login Succeeded")?;
    Ok(0)
}
