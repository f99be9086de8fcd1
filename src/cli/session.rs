//! What one invocation knows beside its verb's arguments: global flags, where the store is, and the way to the terminal.

use std::cell::OnceCell;
use std::path::PathBuf;

use super::client_config::ClientConfig;
use super::endpoint;
use crate::container::launch::Door;
use crate::error::{Error, Kind, Result};
use crate::host::paths;
use crate::registry::Settings;
use crate::store::Store;
use crate::store::paths::Paths;
use crate::ui::out;

/// A command starts a monitor by forking.
pub(super) const DOOR: Door = Door::Fork(crate::monitor::forked);

/// One invocation.
#[derive(Debug, Default)]
pub(crate) struct Session {
    /// The name that the user called: `coracle`, or `docker` or `podman` through a link of that name.
    pub(crate) program: &'static str,
    /// `-D`, `--debug`, `--log-level debug`.
    pub(crate) debug: bool,
    /// `--root`, `--runroot`.
    pub(crate) options: paths::Options,
    /// `--storage-driver`.
    pub(crate) storage_driver: Option<String>,
    /// `--config`: folder of the client's `config.json`.
    pub(crate) config_dir: Option<PathBuf>,
    /// `-H`, `--host`, podman's `--url`: the daemon.
    pub(super) host: Option<String>,
    /// `-c`, `--context`, podman's `--connection`.
    pub(super) context: Option<String>,
    config: OnceCell<ClientConfig>,
    paths: OnceCell<Paths>,
    store: OnceCell<Store>,
}

impl Session {
    pub(super) fn new(program: &'static str) -> Session {
        Session {
            program,
            ..Session::default()
        }
    }

    /// Returns the folders of the calling user.
    pub(crate) fn paths(&self) -> Result<&Paths> {
        if let Some(paths) = self.paths.get() {
            return Ok(paths);
        }
        let found = paths::paths(&self.options)?;
        Ok(self.paths.get_or_init(|| found))
    }

    /// Returns the folder of docker's own settings.
    pub(super) fn docker_folder(&self) -> Option<PathBuf> {
        let given = self.config_dir.clone();
        given
            .or_else(|| variable("DOCKER_CONFIG").map(Into::into))
            .or_else(|| paths::home().map(|home| home.join(".docker")))
    }

    /// Returns what docker's `config.json` says, read by the first call.
    pub(super) fn client_config(&self) -> &ClientConfig {
        self.config
            .get_or_init(|| ClientConfig::read(self.docker_folder()))
    }

    /// Returns where registries, mirrors and logins are written down for this user.
    pub(crate) fn registries(&self) -> Settings {
        let mut settings = Settings::new(|name| variable(name).map(Into::into));
        if let Some(folder) = &self.config_dir {
            settings.docker_config = Some(folder.clone());
        }
        settings
    }

    /// Returns the store, opened by the first call.
    pub(crate) fn store(&self) -> Result<&Store> {
        if let Some(store) = self.store.get() {
            return Ok(store);
        }
        endpoint::check(self)?;
        let opened = Store::open(self.paths()?.clone())?;
        Ok(self.store.get_or_init(|| opened))
    }

    /// Tells the user of a decision, with `--debug` only.
    pub(crate) fn debug(&self, text: impl FnOnce() -> String) {
        if self.debug {
            out::talk(format_args!("DEBUG: {}", text()));
        }
    }

    /// Does `act` for each of `names`; prints each failure and goes on. Returns the exit status: 1 when any failed.
    pub(crate) fn each<'a>(
        &mut self,
        names: impl IntoIterator<Item = &'a String>,
        mut act: impl FnMut(&mut Session, &str) -> Result<()>,
    ) -> Result<u8> {
        let mut status = 0;
        for name in names {
            if let Err(e) = act(self, name) {
                self.complain(&e);
                status = 1;
            }
        }
        Ok(status)
    }

    /// Prints an error as docker does: what its daemon would have refused is said to come from there.
    pub(crate) fn complain(&self, error: &Error) {
        out::talk(sentence(error, self.program));
    }
}

/// Returns a variable of the environment; `None` when it is not set or no text.
#[expect(
    clippy::disallowed_methods,
    reason = "the one place where the command line reads the environment"
)]
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Returns the whole environment as `KEY=value`, sorted; what is no text is left out.
#[expect(clippy::disallowed_methods, reason = "as above, for --env-host")]
pub(crate) fn variables() -> Vec<String> {
    let text = |word: std::ffi::OsString| word.into_string().ok();
    let all = std::env::vars_os().filter_map(|(key, value)| Some((text(key)?, text(value)?)));
    let mut all: Vec<String> = all.map(|(key, value)| format!("{key}={value}")).collect();
    all.sort();
    all
}

/// Returns the error's line. Scripts search for docker's prefix; where docker has no word for a failure, we speak.
pub(crate) fn sentence(error: &Error, program: &str) -> String {
    match error.kind() {
        Kind::Host | Kind::Corrupt | Kind::System => {
            format!("{program}: {error}")
        }
        _ => bare_sentence(error),
    }
}

/// The same without our name, for lines that begin with it anyway.
pub(crate) fn bare_sentence(error: &Error) -> String {
    match error.kind() {
        Kind::Invalid
        | Kind::NotFound
        | Kind::Conflict
        | Kind::State
        | Kind::CannotInvoke
        | Kind::CommandNotFound
        // docker's daemon is the one who talks to registries
        | Kind::Network
        | Kind::Denied => format!("Error response from daemon: {error}"),
        Kind::Usage | Kind::Host | Kind::Corrupt | Kind::System => {
            error.to_string()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_of_the_engine_has_dockers_prefix() {
        let cases = [
            (
                Kind::NotFound,
                "Error response from daemon: No such container: x",
            ),
            (Kind::Usage, "No such container: x"),
            (Kind::Host, "docker: No such container: x"),
        ];
        for (kind, want) in cases {
            let error = Error::new(kind, "No such container: x");
            assert_eq!(sentence(&error, "docker"), want);
        }
    }
}
