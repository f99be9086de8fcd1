//! registries.conf (version 2): which host answers for a name, through which mirrors, and which are blocked.
//!
//! The words are those of containers-registries.conf(5). `unqualified-search-registries` is not used: a short name
//! means docker.io/library, always and without a question. `[aliases]` count, except those of the distributions'
//! `*shortnames.conf`, which would quietly give `fedora` another meaning than docker's.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::Settings;
use crate::error::{Context, Error, Kind, Result};

/// All files together.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Registries {
    registry: Vec<Registry>,
    aliases: BTreeMap<String, String>,
}

#[derive(Debug, Default, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
struct Registry {
    prefix: String,
    location: String,
    insecure: bool,
    blocked: bool,
    mirror_by_digest_only: bool,
    mirror: Vec<Mirror>,
}

#[derive(Debug, Default, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
struct Mirror {
    location: String,
    insecure: bool,
    pull_from_mirror: String,
}

/// One place that may hold an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Endpoint {
    /// `host[:port]` to connect to.
    pub(super) host: String,
    /// Repository path there.
    pub(super) repository: String,
    /// No or bad TLS is acceptable.
    pub(super) insecure: bool,
    /// Registry's name in credential files.
    pub(super) registry: String,
}

/// Docker Hub's host; `docker.io` itself is a web site.
pub(super) const HUB: &str = "registry-1.docker.io";

impl Registries {
    /// Reads the files that exist.
    pub fn read(settings: &Settings) -> Result<Registries> {
        let mut all = Registries::default();
        for path in &settings.registries_conf {
            if let Some(one) = read_file(path)? {
                all.add(one);
                break;
            }
        }
        for folder in &settings.registries_conf_d {
            for path in drop_ins(folder)? {
                if let Some(one) = read_file(&path)? {
                    all.add(one);
                }
            }
        }
        Ok(all)
    }

    /// Reads one file's text.
    fn parse(text: &str) -> Result<Registries, toml::de::Error> {
        let mut one: Registries = toml::from_str(text)?;
        for r in &mut one.registry {
            if r.prefix.is_empty() {
                r.prefix = r.location.clone();
            }
        }
        one.registry.retain(|r| !r.prefix.is_empty());
        Ok(one)
    }

    /// Lays `later` over what is there: a table of the same prefix is replaced.
    fn add(&mut self, later: Registries) {
        self.registry
            .retain(|old| later.registry.iter().all(|new| new.prefix != old.prefix));
        self.registry.extend(later.registry);
        self.aliases.extend(later.aliases);
    }

    /// Returns `text` with its alias, if it is a short name that has one; tag and digest stay.
    pub fn expand(&self, text: &str) -> String {
        let end = text.find('@').unwrap_or(text.len());
        let end = match text[..end].rfind(':') {
            Some(colon) if !text[colon..end].contains('/') => colon,
            _ => end,
        };
        match self.aliases.get(&text[..end]) {
            Some(full) if !full.is_empty() => format!("{full}{}", &text[end..]),
            _ => text.to_owned(),
        }
    }

    /// Returns where `registry/repository` may be fetched from, mirrors first.
    ///
    /// `by_digest` says how it is asked for, since mirrors can be limited to one way.
    pub(super) fn endpoints(
        &self,
        registry: &str,
        repository: &str,
        by_digest: bool,
    ) -> Result<Vec<Endpoint>> {
        let name = format!("{registry}/{repository}");
        let Some(table) = self.table(&name) else {
            return Ok(vec![endpoint(&name, false)]);
        };
        if table.blocked {
            return Err(
                Error::new(Kind::Denied, format!("registry `{registry}` is blocked")).because(
                    format!("registries.conf says so for the prefix `{}`", table.prefix),
                ),
            );
        }
        let rewritten = |location: &str| match location {
            "" => name.clone(),
            _ if table.prefix.starts_with("*.") => format!("{location}/{repository}"),
            _ => format!("{location}{}", &name[table.prefix.len()..]),
        };
        let mut list: Vec<Endpoint> = table
            .mirror
            .iter()
            .filter(|m| m.serves(by_digest, table.mirror_by_digest_only))
            .map(|m| endpoint(&rewritten(&m.location), m.insecure))
            .collect();
        list.push(endpoint(&rewritten(&table.location), table.insecure));
        Ok(list)
    }

    /// The table with the longest prefix.
    fn table(&self, name: &str) -> Option<&Registry> {
        let matching = self.registry.iter().filter(|r| has_prefix(name, &r.prefix));
        matching.max_by_key(|r| r.prefix.len())
    }
}

impl Mirror {
    fn serves(&self, by_digest: bool, digests_only: bool) -> bool {
        match self.pull_from_mirror.as_str() {
            "digest-only" => by_digest,
            "tag-only" => !by_digest,
            "all" => true,
            _ => by_digest || !digests_only,
        }
    }
}

fn has_prefix(name: &str, prefix: &str) -> bool {
    if let Some(domain) = prefix.strip_prefix('*') {
        let host = name.split('/').next().unwrap_or(name);
        return domain.starts_with('.') && host.len() > domain.len() && host.ends_with(domain);
    }
    name.strip_prefix(prefix)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Splits `host/path` and knows where Docker Hub really is.
fn endpoint(name: &str, insecure: bool) -> Endpoint {
    let (registry, repository) = name.split_once('/').unwrap_or((name, ""));
    let host = if registry == "docker.io" {
        HUB
    } else {
        registry
    };
    Endpoint {
        host: host.to_owned(),
        repository: repository.to_owned(),
        insecure,
        registry: registry.to_owned(),
    }
}

fn read_file(path: &Path) -> Result<Option<Registries>> {
    match fs_err::read_to_string(path) {
        Ok(text) => Registries::parse(&text).map(Some).map_err(|e| {
            Error::new(Kind::Usage, format!("cannot read {}", path.display())).because(e.message())
        }),
        // Somebody else's unreadable drop-in is not ours to complain about.
        Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::PermissionDenied) => Ok(None),
        Err(e) => Err(e.into()),
    }
}

/// The `*.conf` files of a folder in alphabetical order.
fn drop_ins(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = match fs_err::read_dir(folder) {
        Ok(entries) => entries,
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => {
            return Err(e).context(Kind::System, || "cannot list drop-ins of registries.conf");
        }
    };
    let mut files: Vec<PathBuf> = entries.filter_map(|e| Some(e.ok()?.path())).collect();
    files.retain(|path| {
        let name = path
            .file_name()
            .and_then(|n| n.to_str())
            .unwrap_or_default();
        name.ends_with(".conf") && !name.ends_with("shortnames.conf")
    });
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONF: &str = r#"
        unqualified-search-registries = ["quay.io"]
        short-name-mode = "enforcing"
        [[registry]]
        location = "docker.io"
        [[registry.mirror]]
        location = "mirror.local:5000/hub"
        insecure = true
        [[registry.mirror]]
        location = "digests.local"
        pull-from-mirror = "digest-only"
        [[registry]]
        prefix = "docker.io/secret"
        blocked = true
        [[registry]]
        prefix = "old.example.com/team"
        location = "new.example.com/archive/team"
        [[registry]]
        prefix = "*.corp.example"
        location = "proxy.corp.example:8443/cache"
        [[registry]]
        location = "10.0.0.7:5000"
        insecure = true
        [aliases]
        tools = "registry.example.com/infra/tools"
    "#;

    fn conf() -> Registries {
        Registries::parse(CONF).expect("valid")
    }

    fn places(registry: &str, repository: &str, by_digest: bool) -> Vec<String> {
        let list = conf()
            .endpoints(registry, repository, by_digest)
            .expect("not blocked");
        list.iter()
            .map(|e| {
                format!(
                    "{}/{}{}",
                    e.host,
                    e.repository,
                    if e.insecure { " insecure" } else { "" }
                )
            })
            .collect()
    }

    #[test]
    fn the_longest_prefix_says_where_a_name_lies() {
        let hub = "registry-1.docker.io/library/debian";
        let mirror = "mirror.local:5000/hub/library/debian insecure";
        assert_eq!(places("docker.io", "library/debian", false), [mirror, hub]);
        let all = [mirror, "digests.local/library/debian", hub];
        assert_eq!(places("docker.io", "library/debian", true), all);
        let moved = ["new.example.com/archive/team/app"];
        assert_eq!(places("old.example.com", "team/app", false), moved);
        assert_eq!(
            places("old.example.com", "teams/app", false),
            ["old.example.com/teams/app"]
        );
        let cached = ["proxy.corp.example:8443/cache/x"];
        assert_eq!(places("a.corp.example", "x", false), cached);
        assert_eq!(places("corp.example", "x", false), ["corp.example/x"]);
        assert_eq!(
            places("10.0.0.7:5000", "x", false),
            ["10.0.0.7:5000/x insecure"]
        );
        assert_eq!(places("10.0.0.7", "x", false), ["10.0.0.7/x"]);
    }

    #[test]
    fn a_blocked_prefix_is_refused_with_its_reason() {
        let e = conf()
            .endpoints("docker.io", "secret/app", false)
            .expect_err("blocked");
        let text = "registry `docker.io` is blocked: registries.conf says so for the prefix `docker.io/secret`";
        assert_eq!(e.to_string(), text);
    }

    #[test]
    fn an_alias_stands_for_the_whole_short_name_only() {
        let full = "registry.example.com/infra/tools";
        for (text, expected) in [
            ("tools", full.to_owned()),
            ("tools:2", format!("{full}:2")),
            ("tools@sha256:ab", format!("{full}@sha256:ab")),
            ("tools/x", "tools/x".to_owned()),
            ("debian:12", "debian:12".to_owned()),
            ("localhost:5000/tools", "localhost:5000/tools".to_owned()),
        ] {
            assert_eq!(conf().expand(text), expected, "{text}");
        }
    }

    #[test]
    fn a_later_file_replaces_a_table_of_the_same_prefix() {
        let mut all = conf();
        let later = "[[registry]]\nlocation = \"docker.io\"\n[aliases]\ntools = \"a.b/c\"";
        all.add(Registries::parse(later).expect("valid"));
        assert_eq!(
            all.endpoints("docker.io", "library/x", false)
                .expect("open")
                .len(),
            1
        );
        assert_eq!(all.expand("tools"), "a.b/c");
    }

    #[test]
    fn a_version_1_or_broken_file_is_named() {
        let folder = std::env::temp_dir().join(format!("coracle-conf-{}", std::process::id()));
        fs_err::create_dir_all(&folder).expect("writable");
        let path = folder.join("registries.conf");
        fs_err::write(&path, "[[registry]\n").expect("writable");
        let settings = Settings {
            registries_conf: vec![path.clone()],
            ..Settings::default()
        };
        let text = Registries::read(&settings).expect_err("broken").to_string();
        fs_err::remove_dir_all(&folder).expect("ours");
        assert!(
            text.starts_with(&format!("cannot read {}: ", path.display())),
            "{text}"
        );
    }
}
