//! Credential helpers: programs `docker-credential-NAME` with a verb as argument, JSON or a key on stdin, JSON on stdout
//! (docker-credential-helpers, README "Development").

use std::io::{ErrorKind, Write};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use super::Credential;
use crate::error::{Error, Kind, Result};

/// User name by which a helper says that the secret is an identity token.
const TOKEN_USER: &str = "<token>";

/// Returns what the helper holds for `server`; None when it holds nothing or is not installed (a `config.json` copied
/// from a desktop names one, and public images need none).
pub(super) fn get(name: &str, server: &str) -> Result<Option<Credential>> {
    let Some(answer) = call(name, "get", server)? else {
        return Ok(None);
    };
    if !answer.is_ok {
        // the helpers' own sentence; the library they share never changed it
        if answer.text.contains("credentials not found") {
            return Ok(None);
        }
        return Err(refused(name, &answer.text));
    }
    let value: Value =
        serde_json::from_str(&answer.text).map_err(|e| refused(name, &e.to_string()))?;
    let text = |key: &str| {
        value
            .get(key)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    let (user, secret) = (text("Username"), text("Secret"));
    Ok(match (user.as_str(), secret.as_str()) {
        (_, "") => None,
        (TOKEN_USER, _) => Some(Credential::Identity(secret)),
        _ => Some(Credential::Password { user, secret }),
    })
}

/// Gives a credential to the helper.
pub(super) fn store(name: &str, server: &str, credential: &Credential) -> Result<()> {
    let (user, secret) = match credential {
        Credential::Password { user, secret } => (user.as_str(), secret),
        Credential::Identity(token) | Credential::Registry(token) => (TOKEN_USER, token),
    };
    let message = json!({ "ServerURL": server, "Username": user, "Secret": secret }).to_string();
    must(name, call(name, "store", &message)?)
}

/// Makes the helper forget.
pub(super) fn erase(name: &str, server: &str) -> Result<()> {
    must(name, call(name, "erase", server)?)
}

fn must(name: &str, answer: Option<Answer>) -> Result<()> {
    match answer {
        Some(answer) if answer.is_ok => Ok(()),
        Some(answer) => Err(refused(name, &answer.text)),
        None => Err(refused(name, "executable file not found in $PATH")),
    }
}

fn refused(name: &str, why: &str) -> Error {
    Error::new(
        Kind::Host,
        format!("credential helper `docker-credential-{name}`"),
    )
    .because(match why.trim() {
        "" => "it failed without a word".to_owned(),
        why => why.replace('\n', " "),
    })
}

struct Answer {
    is_ok: bool,
    text: String,
}

/// Runs the helper; None when there is none of that name.
fn call(name: &str, verb: &str, input: &str) -> Result<Option<Answer>> {
    if name.contains('/') {
        return Err(refused(name, "its name has a slash"));
    }
    #[allow(
        clippy::disallowed_methods,
        reason = "credential helpers are programs by definition"
    )]
    let mut command = Command::new(format!("docker-credential-{name}"));
    command
        .arg(verb)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(refused(name, &e.to_string())),
    };
    if let Some(mut stdin) = child.stdin.take() {
        // a helper that answers without reading is no error
        let _ = stdin.write_all(input.as_bytes());
    }
    let output = child
        .wait_with_output()
        .map_err(|e| refused(name, &e.to_string()))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let text = match (output.status.success(), text.trim().is_empty()) {
        (false, true) => String::from_utf8_lossy(&output.stderr).into_owned(),
        _ => text,
    };
    Ok(Some(Answer {
        is_ok: output.status.success(),
        text,
    }))
}
