//! Which files and variables speak about registries; found once from the environment, read when needed.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Where everything about registries is written down for this user.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// Folder of docker's `config.json`: `$DOCKER_CONFIG`, else `~/.docker`.
    pub docker_config: Option<PathBuf>,
    /// `$REGISTRY_AUTH_FILE`: named on purpose, so asked first and written by `login`.
    pub auth_file: Option<PathBuf>,
    /// containers-auth.json(5) files, the most important first.
    pub containers_auth: Vec<PathBuf>,
    /// registries.conf candidates; the first that exists counts.
    pub registries_conf: Vec<PathBuf>,
    /// Folders of drop-ins; a later one wins.
    pub registries_conf_d: Vec<PathBuf>,
    /// docker's `certs.d` folders; all that have the registry's name count.
    pub certs_d: Vec<PathBuf>,
    /// `$SSL_CERT_FILE`.
    pub ssl_cert_file: Option<PathBuf>,
    /// `$SSL_CERT_DIR`, a list with colons.
    pub ssl_cert_dir: Vec<PathBuf>,
    /// `$HTTP_PROXY`.
    pub http_proxy: Option<String>,
    /// `$HTTPS_PROXY`.
    pub https_proxy: Option<String>,
    /// `$NO_PROXY`.
    pub no_proxy: Option<String>,
}

impl Settings {
    /// Returns what `get` (an environment) says; an empty variable counts as absent.
    pub fn new(get: impl Fn(&str) -> Option<OsString>) -> Settings {
        let get = |name: &str| get(name).filter(|v| !v.is_empty());
        let path = |name: &str| get(name).map(PathBuf::from);
        let text = |names: [&str; 2]| {
            names
                .iter()
                .find_map(|n| get(n))
                .and_then(|v| v.into_string().ok())
        };
        let home = path("HOME");
        let under_home = |tail: &str| home.as_deref().map(|h| h.join(tail));
        let config = path("XDG_CONFIG_HOME").or_else(|| under_home(".config"));
        let containers = config.as_deref().map(|c| c.join("containers"));
        let runtime = path("XDG_RUNTIME_DIR").map(|r| r.join("containers/auth.json"));
        let user = |name: &str| containers.as_deref().map(|c| c.join(name));
        let system = |name: &str| Some(Path::new("/etc/containers").join(name));
        let present = |list: &[Option<PathBuf>]| list.iter().flatten().cloned().collect::<Vec<_>>();
        Settings {
            docker_config: path("DOCKER_CONFIG").or_else(|| under_home(".docker")),
            auth_file: path("REGISTRY_AUTH_FILE"),
            containers_auth: present(&[runtime, user("auth.json"), None]),
            registries_conf: present(&[
                path("CONTAINERS_REGISTRIES_CONF"),
                user("registries.conf"),
                system("registries.conf"),
            ]),
            registries_conf_d: present(&[
                system("registries.conf.d"),
                user("registries.conf.d"),
                None,
            ]),
            certs_d: present(&[
                under_home(".docker/certs.d"),
                // of docker without root, and of podman
                config.as_deref().map(|c| c.join("docker/certs.d")),
                user("certs.d"),
                Some("/etc/docker/certs.d".into()),
                system("certs.d"),
            ]),
            ssl_cert_file: path("SSL_CERT_FILE"),
            ssl_cert_dir: get("SSL_CERT_DIR")
                .map(|list| std::env::split_paths(&list).collect())
                .unwrap_or_default(),
            http_proxy: text(["HTTP_PROXY", "http_proxy"]),
            https_proxy: text(["HTTPS_PROXY", "https_proxy"]),
            no_proxy: text(["NO_PROXY", "no_proxy"]),
        }
    }

    /// Returns the file that `login` writes.
    pub fn login_file(&self) -> Option<PathBuf> {
        let docker = || self.docker_config.as_deref().map(|d| d.join("config.json"));
        self.auth_file.clone().or_else(docker)
    }

    /// Returns the credential files that exist or may exist, the most important first.
    pub(super) fn auth_files(&self) -> Vec<PathBuf> {
        let docker = self.docker_config.as_deref().map(|d| d.join("config.json"));
        self.auth_file
            .iter()
            .cloned()
            .chain(docker)
            .chain(self.containers_auth.clone())
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(vars: &[(&str, &str)]) -> Settings {
        Settings::new(|n| {
            vars.iter()
                .find(|(k, _)| *k == n)
                .map(|(_, v)| OsString::from(v))
        })
    }

    #[test]
    fn an_empty_environment_still_knows_the_system_files() {
        let s = settings(&[]);
        assert_eq!(s.login_file(), None);
        assert_eq!(
            s.registries_conf,
            [PathBuf::from("/etc/containers/registries.conf")]
        );
    }

    #[test]
    fn docker_config_and_registry_auth_file_name_the_login_file() {
        let home = [("HOME", "/home/ann")];
        assert_eq!(
            settings(&home).login_file(),
            Some("/home/ann/.docker/config.json".into())
        );
        let docker = [("HOME", "/home/ann"), ("DOCKER_CONFIG", "/cfg")];
        assert_eq!(
            settings(&docker).login_file(),
            Some("/cfg/config.json".into())
        );
        let both = [("DOCKER_CONFIG", "/cfg"), ("REGISTRY_AUTH_FILE", "/a.json")];
        assert_eq!(settings(&both).login_file(), Some("/a.json".into()));
        assert_eq!(
            settings(&both).auth_files(),
            [PathBuf::from("/a.json"), PathBuf::from("/cfg/config.json")]
        );
    }

    #[test]
    fn capitals_win_over_small_letters_and_empty_is_absent() {
        let s = settings(&[
            ("HTTPS_PROXY", ""),
            ("https_proxy", "http://p:1"),
            ("NO_PROXY", "a"),
        ]);
        assert_eq!(
            (s.https_proxy.as_deref(), s.no_proxy.as_deref()),
            (Some("http://p:1"), Some("a"))
        );
    }
}
