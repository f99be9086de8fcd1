//! Credentials: who we are to a registry. Read from docker's and containers' files and from credential helpers.
//!
//! Asked in this order: `$REGISTRY_AUTH_FILE`, docker's `config.json`, `auth.json` in the runtime folder, `auth.json`
//! in the configuration folder (containers-auth.json(5)). Within one file a helper for the very registry comes before
//! the general store, and that before `auths`. `login` and `logout` edit one file by rename and keep every key in it
//! that they do not know.

use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use super::Settings;
use crate::error::{Context, Error, Kind, Result};

mod file;
mod helper;

/// Docker Hub's key in credential files, older than its present host name.
pub const HUB_KEY: &str = "https://index.docker.io/v1/";

/// What proves who we are.
#[derive(Clone, PartialEq, Eq)]
pub enum Credential {
    /// A name and a password or access token, for Basic and for the token server.
    Password {
        /// Name of the account.
        user: String,
        /// Password or access token.
        secret: String,
    },
    /// An OAuth2 refresh token, for the token server only.
    Identity(String),
    /// A token for the registry itself.
    Registry(String),
}

impl std::fmt::Debug for Credential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Credential::Password { user, .. } => write!(f, "Password({user}, ...)"),
            Credential::Identity(_) => f.write_str("Identity(...)"),
            Credential::Registry(_) => f.write_str("Registry(...)"),
        }
    }
}

/// Where `login` left a credential.
#[derive(Debug, PartialEq, Eq)]
pub enum Saved {
    /// In this file, in the clear (base64).
    File(PathBuf),
    /// With this helper's help.
    Helper(String),
}

/// Returns docker's key for a registry host as the user wrote it: no scheme, no path, Docker Hub's own form.
pub fn key(server: &str) -> String {
    let bare = server
        .strip_prefix("https://")
        .or_else(|| server.strip_prefix("http://"));
    let host = bare.unwrap_or(server).split('/').next().unwrap_or_default();
    match host {
        "" | "docker.io" | "index.docker.io" | "registry-1.docker.io" => HUB_KEY.to_owned(),
        host => host.to_owned(),
    }
}

/// Returns the credential for `registry/repository`; None means: ask anonymously. What cannot be read is an error only where
/// nothing else has it.
pub fn find(settings: &Settings, registry: &str, repository: &str) -> Result<Option<Credential>> {
    let mut answer = Ok(None);
    for path in settings.auth_files() {
        let config = file::read(&path);
        let found = config.and_then(|config| match config {
            Some(config) => find_in(&path, &config, registry, repository),
            None => Ok(None),
        });
        match found {
            Ok(None) => {}
            Ok(found) => return Ok(found),
            Err(e) => answer = answer.and(Err(e)),
        }
    }
    answer
}

/// Stores a credential as `login` does.
pub fn save(settings: &Settings, key: &str, credential: &Credential) -> Result<Saved> {
    let path = login_file(settings)?;
    let mut config = file::read(&path)?.unwrap_or_else(|| json!({}));
    if let Some(name) = helper_for(&config, key) {
        helper::store(&name, key, credential)?;
        // docker leaves an empty entry, by which `docker info` knows that somebody is logged in
        file::auths_mut(&mut config, &path)?.insert(key.to_owned(), json!({}));
        file::write(&path, &config)?;
        return Ok(Saved::Helper(name));
    }
    file::auths_mut(&mut config, &path)?.insert(key.to_owned(), entry(credential));
    file::write(&path, &config)?;
    Ok(Saved::File(path))
}

/// Forgets the credential of `key` as `logout` does; returns other files that still have one.
pub fn erase(settings: &Settings, key: &str) -> Result<Vec<PathBuf>> {
    let path = login_file(settings)?;
    if let Some(mut config) = file::read(&path)? {
        if let Some(name) = helper_for(&config, key) {
            helper::erase(&name, key)?;
        }
        if config.get("auths").is_some() {
            let auths = file::auths_mut(&mut config, &path)?;
            let before = auths.len();
            auths.retain(|k, _| self::key(k) != key);
            if auths.len() != before {
                file::write(&path, &config)?;
            }
        }
    }
    let others = settings
        .auth_files()
        .into_iter()
        .filter(|other| *other != path);
    let left = others.filter(|other| match file::read(other) {
        Ok(Some(config)) => {
            auths(&config).is_some_and(|all| all.keys().any(|k| self::key(k) == key))
        }
        _ => false,
    });
    Ok(left.collect())
}

/// Goes back to docker's default context in `config.json` at `path`, whose context then nobody has chosen.
pub fn leave_context(path: &Path) -> Result<()> {
    if let Some(mut config) = file::read(path)?
        && config
            .as_object_mut()
            .is_some_and(|members| members.remove("currentContext").is_some())
    {
        file::write(path, &config)?;
    }
    Ok(())
}

/// Returns the account's name that is stored for `key`, for the prompt of `login`.
pub fn user(settings: &Settings, key: &str) -> Option<String> {
    match find(settings, registry_of(key), "") {
        Ok(Some(Credential::Password { user, .. })) => Some(user),
        _ => None,
    }
}

/// Returns the registry's name in references for a credential key.
pub fn registry_of(key: &str) -> &str {
    if key == HUB_KEY { "docker.io" } else { key }
}

fn login_file(settings: &Settings) -> Result<PathBuf> {
    settings.login_file().ok_or_else(|| {
        Error::new(Kind::Host, "no place for credentials: HOME is not set")
            .hint("set HOME, DOCKER_CONFIG or REGISTRY_AUTH_FILE")
    })
}

/// One file's answer.
fn find_in(
    path: &Path,
    config: &Value,
    registry: &str,
    repository: &str,
) -> Result<Option<Credential>> {
    let host_key = key(registry);
    let helper = helper_for(config, &host_key);
    let helped = helper.map_or(Ok(None), |name| helper::get(&name, &host_key));
    if let Ok(Some(found)) = helped {
        return Ok(Some(found));
    }
    let Some(auths) = auths(config) else {
        return helped;
    };
    for candidate in candidates(registry, repository) {
        let exact = auths.get(&candidate);
        let entry = exact.or_else(|| {
            // keys with a scheme or a version path, which both docker and podman accept
            let same = |k: &String| candidate == registry && key(k) == host_key && !is_namespace(k);
            auths.iter().find(|(k, _)| same(k)).map(|(_, v)| v)
        });
        if let Some(found) = in_file(path, entry.map(decode).transpose())?.flatten() {
            return Ok(Some(found));
        }
    }
    helped
}

fn auths(config: &Value) -> Option<&Map<String, Value>> {
    config.get("auths").and_then(Value::as_object)
}

/// Whether a key names a part of a registry (`quay.io/team`), which counts for that part only.
fn is_namespace(key: &str) -> bool {
    let path = key
        .split_once("://")
        .map_or(key, |(_, rest)| rest)
        .split_once('/')
        .map(|(_, p)| p);
    !matches!(path, None | Some("" | "v1" | "v1/" | "v2" | "v2/"))
}

/// Keys that may hold it, the most special first: `host/a/b`, `host/a`, `host`.
fn candidates(registry: &str, repository: &str) -> Vec<String> {
    let full = format!("{registry}/{repository}");
    let mut list: Vec<String> = Vec::new();
    if !repository.is_empty() {
        list.push(full.clone());
    }
    list.extend(
        full.rmatch_indices('/')
            .map(|(at, _)| full[..at].to_owned()),
    );
    list.dedup();
    list
}

fn helper_for(config: &Value, key: &str) -> Option<String> {
    let own = config
        .get("credHelpers")
        .and_then(|h| h.get(key).or_else(|| h.get(registry_of(key))));
    let name = own
        .or_else(|| config.get("credsStore"))
        .and_then(Value::as_str)?;
    (!name.is_empty()).then(|| name.to_owned())
}

fn entry(credential: &Credential) -> Value {
    match credential {
        Credential::Password { user, secret } => {
            json!({ "auth": STANDARD.encode(format!("{user}:{secret}")) })
        }
        Credential::Identity(token) => json!({ "identitytoken": token }),
        Credential::Registry(token) => json!({ "registrytoken": token }),
    }
}

/// Reads one entry of `auths`; an empty one is nobody.
fn decode(entry: &Value) -> Result<Option<Credential>> {
    let text = |name: &str| {
        entry
            .get(name)
            .and_then(Value::as_str)
            .filter(|t| !t.is_empty())
    };
    if let Some(token) = text("identitytoken") {
        return Ok(Some(Credential::Identity(token.to_owned())));
    }
    if let Some(token) = text("registrytoken") {
        return Ok(Some(Credential::Registry(token.to_owned())));
    }
    if let Some(auth) = text("auth") {
        let bad = || Error::new(Kind::Usage, "invalid auth entry");
        let plain = STANDARD.decode(auth).map_err(|_| bad())?;
        let plain = String::from_utf8(plain).map_err(|_| bad())?;
        let (user, secret) = plain.split_once(':').ok_or_else(bad)?;
        // old versions of docker padded the secret with NULs
        let secret = secret.trim_end_matches('\0').to_owned();
        return Ok(Some(Credential::Password {
            user: user.to_owned(),
            secret,
        }));
    }
    let (Some(user), Some(secret)) = (text("username"), text("password")) else {
        return Ok(None);
    };
    Ok(Some(Credential::Password {
        user: user.to_owned(),
        secret: secret.to_owned(),
    }))
}

/// Adds the file's name to an error about its content.
fn in_file<T>(path: &Path, result: Result<T, impl std::fmt::Display>) -> Result<T> {
    result.context(Kind::Usage, || {
        format!("cannot read credentials in {}", path.display())
    })
}

#[cfg(test)]
mod tests;
