//! Image names as docker understands them: the grammar of distribution/reference, with docker.io's defaults.
//!
//! ```text
//! reference  = [registry "/"] repository [":" tag] ["@" digest]
//! registry   = host [":" port]          first component that has a "." or ":", an upper case letter, or is "localhost"
//! repository = component {"/" component}        component = [a-z0-9]+ {("." | "_" | "__" | "-"+) [a-z0-9]+}
//! tag        = [A-Za-z0-9_][A-Za-z0-9_.-]{0,127}
//! ```

use std::fmt;

use crate::error::{Error, Kind, Result};

/// The registry of a name that has none.
pub const DEFAULT_REGISTRY: &str = "docker.io";
/// The tag of a name that has neither tag nor digest.
pub const DEFAULT_TAG: &str = "latest";

const LEGACY_REGISTRY: &str = "index.docker.io";
const OFFICIAL_PREFIX: &str = "library/";
const REPOSITORY_MAX: usize = 255;

/// A parsed image name. Its `Display` is the canonical form: `docker.io/library/debian:12`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Reference {
    registry: String,
    repository: String,
    tag: Option<String>,
    digest: Option<String>,
}

impl Reference {
    /// Parses what a user typed. A missing tag stays missing: see [`Reference::or_latest`].
    pub fn parse(text: &str) -> Result<Reference> {
        if is_hex(text, 64) {
            return Err(refuse(format!(
                "invalid repository name ({text}), cannot specify 64-byte hexadecimal strings"
            )));
        }
        let (registry, remainder) = split_registry(text);
        let before_tag = remainder.split(':').next().unwrap_or_default();
        if before_tag.to_lowercase() != before_tag {
            return Err(refuse(format!(
                "invalid reference format: repository name ({before_tag}) must be lowercase"
            )));
        }
        let (name, digest) = split_optional(&remainder, '@');
        let (repository, tag) = split_optional(name, ':');
        if !is_repository(repository)
            || !tag.is_none_or(is_tag)
            || !digest.is_none_or(looks_like_digest)
        {
            return Err(refuse("invalid reference format"));
        }
        let (registry, repository) = match registry {
            registry if is_registry(&registry) => (registry, repository.to_owned()),
            // as in Go's expression, a first component that is no host may still be a component of the path
            registry if is_repository(&registry) => {
                (String::new(), format!("{registry}/{repository}"))
            }
            _ => return Err(refuse("invalid reference format")),
        };
        if repository.len() > REPOSITORY_MAX {
            return Err(refuse(
                "repository name must not be more than 255 characters",
            ));
        }
        digest.map_or(Ok(()), check_digest)?;
        Ok(Reference {
            registry,
            repository,
            tag: tag.map(str::to_owned),
            digest: digest.map(str::to_owned),
        })
    }

    /// Returns the host (and port) of the registry. Empty only for names such as `a_b.c/d`, which docker can tag but not
    /// pull.
    pub fn registry(&self) -> &str {
        &self.registry
    }

    /// Returns the path within the registry: `library/debian`.
    pub fn repository(&self) -> &str {
        &self.repository
    }

    /// Returns the tag as given.
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// Returns the digest as given: `sha256:...`.
    pub fn digest(&self) -> Option<&str> {
        self.digest.as_deref()
    }

    /// Returns what a registry is asked for: the digest, else the tag, else `latest`.
    pub fn asked(&self) -> &str {
        self.digest().or(self.tag()).unwrap_or(DEFAULT_TAG)
    }

    /// Returns registry and repository: `docker.io/library/debian`.
    pub fn name(&self) -> String {
        if self.registry.is_empty() {
            return self.repository.clone();
        }
        format!("{}/{}", self.registry, self.repository)
    }

    /// Returns docker's short form of [`Reference::name`]: `debian`.
    pub fn familiar_name(&self) -> String {
        if self.registry != DEFAULT_REGISTRY {
            return self.name();
        }
        match self.repository.strip_prefix(OFFICIAL_PREFIX) {
            // a short name of 64 hexadecimal digits would read as an id
            Some(short) if !short.contains('/') && !is_hex(short, 64) => short.to_owned(),
            _ => self.repository.clone(),
        }
    }

    /// Returns docker's short display form: `debian:12`.
    pub fn familiar(&self) -> String {
        self.familiar_name() + &self.suffix()
    }

    /// Returns it with tag `latest` when it has neither tag nor digest (docker's `TagNameOnly`).
    pub fn or_latest(mut self) -> Reference {
        if self.tag.is_none() && self.digest.is_none() {
            self.tag = Some(DEFAULT_TAG.to_owned());
        }
        self
    }

    /// Returns the same name with this tag and no digest.
    pub fn with_tag(&self, tag: &str) -> Result<Reference> {
        if !is_tag(tag) {
            return Err(refuse("invalid tag format"));
        }
        Ok(Reference {
            tag: Some(tag.to_owned()),
            digest: None,
            ..self.clone()
        })
    }

    /// Returns the same name with this digest and no tag.
    pub fn with_digest(&self, digest: &str) -> Result<Reference> {
        check_digest(digest)?;
        Ok(Reference {
            tag: None,
            digest: Some(digest.to_owned()),
            ..self.clone()
        })
    }

    fn suffix(&self) -> String {
        let tag = self
            .tag
            .as_ref()
            .map_or(String::new(), |tag| format!(":{tag}"));
        let digest = self
            .digest
            .as_ref()
            .map_or(String::new(), |digest| format!("@{digest}"));
        tag + &digest
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.name(), self.suffix())
    }
}

/// Checks a digest: a known algorithm (`sha256`, `sha384`, `sha512`) and as many lower case hex digits as it makes.
pub fn check_digest(text: &str) -> Result<()> {
    let Some((algorithm, hex)) = text
        .split_once(':')
        .filter(|(a, h)| !a.is_empty() && !h.is_empty())
    else {
        return Err(refuse("invalid checksum digest format"));
    };
    let length = match algorithm {
        "sha256" => 64,
        "sha384" => 96,
        "sha512" => 128,
        _ => return Err(refuse("unsupported digest algorithm")),
    };
    if hex.len() != length {
        return Err(refuse("invalid checksum digest length"));
    }
    if !is_hex(hex, length) {
        return Err(refuse("invalid checksum digest format"));
    }
    Ok(())
}

fn refuse(text: impl Into<String>) -> Error {
    Error::new(Kind::Invalid, text)
}

/// Splits off the registry and puts docker.io's defaults in (distribution/reference `splitDockerDomain`).
fn split_registry(text: &str) -> (String, String) {
    let (registry, remainder) = match text.split_once('/') {
        Some((LEGACY_REGISTRY, rest)) => (DEFAULT_REGISTRY, rest),
        Some((first, rest)) if names_a_host(first) => (first, rest),
        _ => (DEFAULT_REGISTRY, text),
    };
    if registry == DEFAULT_REGISTRY && !remainder.contains('/') {
        return (registry.to_owned(), format!("{OFFICIAL_PREFIX}{remainder}"));
    }
    (registry.to_owned(), remainder.to_owned())
}

fn names_a_host(first: &str) -> bool {
    first == "localhost" || first.contains(['.', ':']) || first.to_lowercase() != first
}

fn split_optional(text: &str, separator: char) -> (&str, Option<&str>) {
    match text.split_once(separator) {
        Some((before, after)) => (before, Some(after)),
        None => (text, None),
    }
}

fn is_registry(text: &str) -> bool {
    let (host, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, port)) => {
            if address.is_empty() || !address.bytes().all(|b| b.is_ascii_hexdigit() || b == b':') {
                return false;
            }
            match port.strip_prefix(':') {
                Some(port) => (None, Some(port)),
                None if port.is_empty() => (None, None),
                None => return false,
            }
        }
        None => {
            let (host, port) = split_optional(text, ':');
            (Some(host), port)
        }
    };
    let digits = |port: &str| !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit());
    host.is_none_or(|host| host.split('.').all(is_host_label)) && port.is_none_or(digits)
}

fn is_host_label(label: &str) -> bool {
    let inside = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
    !label.is_empty()
        && label.bytes().all(inside)
        && !label.starts_with('-')
        && !label.ends_with('-')
}

fn is_repository(text: &str) -> bool {
    text.split('/').all(is_component)
}

fn is_component(text: &str) -> bool {
    let is_word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let mut rest = text;
    loop {
        let after = rest.trim_start_matches(is_word);
        if after.len() == rest.len() {
            return false;
        }
        if after.is_empty() {
            return true;
        }
        let next = after.trim_start_matches(|c: char| !is_word(c));
        let separator = &after[..after.len() - next.len()];
        if !matches!(separator, "." | "_" | "__") && separator.bytes().any(|b| b != b'-') {
            return false;
        }
        rest = next;
    }
}

fn is_tag(text: &str) -> bool {
    let is_word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    let mut bytes = text.bytes();
    text.len() <= 128
        && bytes.next().is_some_and(is_word)
        && bytes.all(|b| is_word(b) || b == b'.' || b == b'-')
}

/// The looser form that the whole reference's expression asks for; [`check_digest`] then says what is wrong with it.
fn looks_like_digest(text: &str) -> bool {
    let Some((algorithm, hex)) = text.split_once(':') else {
        return false;
    };
    let is_part = |part: &str| {
        part.starts_with(|c: char| c.is_ascii_alphabetic())
            && part.bytes().all(|b| b.is_ascii_alphanumeric())
    };
    algorithm.split(['+', '.', '-', '_']).all(is_part)
        && hex.len() >= 32
        && hex.bytes().all(|b| b.is_ascii_hexdigit())
}

fn is_hex(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(text: &str) -> String {
        match Reference::parse(text) {
            Ok(r) => format!("{r} {}", r.familiar()),
            Err(e) => format!("! {e}"),
        }
    }

    #[test]
    fn names_are_read_as_docker_reads_them() {
        let a = |n| "a".repeat(n);
        let cases: &[(&str, &str)] = &[
            ("debian", "docker.io/library/debian debian"),
            ("debian:12", "docker.io/library/debian:12 debian:12"),
            ("library/debian", "docker.io/library/debian debian"),
            ("docker.io/debian", "docker.io/library/debian debian"),
            ("index.docker.io/debian", "docker.io/library/debian debian"),
            ("index.docker.io/a/b", "docker.io/a/b a/b"),
            ("a/b:c", "docker.io/a/b:c a/b:c"),
            ("docker.io/library/a/b", "docker.io/library/a/b library/a/b"),
            ("localhost/x", "localhost/x localhost/x"),
            (
                "localhost:5000/x:1",
                "localhost:5000/x:1 localhost:5000/x:1",
            ),
            ("quay.io/a/b/c", "quay.io/a/b/c quay.io/a/b/c"),
            ("Foo/bar", "Foo/bar Foo/bar"),
            ("FOO/bar:1", "FOO/bar:1 FOO/bar:1"),
            ("[::1]:5000/x", "[::1]:5000/x [::1]:5000/x"),
            ("[::1]/x", "[::1]/x [::1]/x"),
            ("foo_bar.x/y", "foo_bar.x/y foo_bar.x/y"),
            ("foo--bar", "docker.io/library/foo--bar foo--bar"),
            ("foo__bar", "docker.io/library/foo__bar foo__bar"),
            ("foo:T", "docker.io/library/foo:T foo:T"),
            (
                "Foo",
                "! invalid reference format: repository name (library/Foo) must be lowercase",
            ),
            (
                "localhost/Foo/x",
                "! invalid reference format: repository name (Foo/x) must be lowercase",
            ),
            (
                "É",
                "! invalid reference format: repository name (library/É) must be lowercase",
            ),
            ("", "! invalid reference format"),
            ("a:b:c", "! invalid reference format"),
            ("foo@sha256:12", "! invalid reference format"),
            ("-foo", "! invalid reference format"),
            ("foo-", "! invalid reference format"),
            ("foo___bar", "! invalid reference format"),
            ("foo._bar", "! invalid reference format"),
            ("foo/", "! invalid reference format"),
            ("/foo", "! invalid reference format"),
            ("foo//bar", "! invalid reference format"),
            ("host:/x", "! invalid reference format"),
            ("foo:", "! invalid reference format"),
            ("foo:-", "! invalid reference format"),
            ("é", "! invalid reference format"),
            (&format!("foo:{}", a(129)), "! invalid reference format"),
            (
                &format!("foo@md5:{}", a(32)),
                "! unsupported digest algorithm",
            ),
            (
                &format!("foo@sha256:{}", a(63)),
                "! invalid checksum digest length",
            ),
            (
                &format!("foo:T@sha256:{}", "A".repeat(64)),
                "! invalid checksum digest format",
            ),
            (
                &format!("h.x/{}", a(256)),
                "! repository name must not be more than 255 characters",
            ),
            (
                &a(64),
                &format!(
                    "! invalid repository name ({}), cannot specify 64-byte hexadecimal strings",
                    a(64)
                ),
            ),
        ];
        for (text, expected) in cases {
            assert_eq!(&parse(text), expected, "{text}");
        }
    }

    #[test]
    fn tag_and_digest_are_kept_apart() {
        let digest = format!("sha256:{}", "0f".repeat(32));
        let both = Reference::parse(&format!("a/b:1@{digest}")).unwrap();
        assert_eq!(
            (both.tag(), both.digest()),
            (Some("1"), Some(digest.as_str()))
        );
        assert_eq!(both.familiar(), format!("a/b:1@{digest}"));
        assert_eq!(both.with_tag("2").unwrap().familiar(), "a/b:2");
        assert_eq!(
            both.with_digest(&digest).unwrap().to_string(),
            format!("docker.io/a/b@{digest}")
        );
        assert_eq!(both.clone().or_latest(), both);
        assert_eq!(
            Reference::parse("a").unwrap().or_latest().familiar(),
            "a:latest"
        );
        assert_eq!(
            both.with_tag("-").unwrap_err().to_string(),
            "invalid tag format"
        );
    }

    proptest! {
        #[test]
        fn any_text_is_answered(text in "\\PC*") {
            let _ = Reference::parse(&text);
        }

        #[test]
        fn both_forms_read_back(text in "([a-zL]{1,4}[.:][a-z0-9]{1,3}/)?[a-z0-9._-]{1,6}(/[a-z0-9_]{1,5}){0,2}(:[a-zA-Z0-9._-]{1,5})?") {
            if let Ok(reference) = Reference::parse(&text) {
                prop_assert_eq!(&Reference::parse(&reference.to_string()).unwrap(), &reference);
                prop_assert_eq!(&Reference::parse(&reference.familiar()).unwrap(), &reference);
            }
        }
    }
}
