//! `--filter key=value`: of one key any value may match, of different keys all must (docker's api/types/filters).

use std::collections::BTreeMap;

use crate::error::{Error, Kind, Result};

/// The filters of one command.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filters {
    values: BTreeMap<String, Vec<String>>,
}

impl Filters {
    /// Parses the arguments of `--filter` and refuses keys that are not in `accepted`.
    pub fn parse<S: AsRef<str>>(arguments: &[S], accepted: &[&str]) -> Result<Filters> {
        let filters = Filters::parse_any(arguments)?;
        let mut keys = filters.values.keys();
        match keys.find(|key| !accepted.contains(&key.as_str())) {
            Some(key) if key.is_empty() => Err(invalid("invalid filter".to_owned())),
            Some(key) => Err(invalid(format!("invalid filter '{key}'"))),
            None => Ok(filters),
        }
    }

    /// Parses the arguments of `--filter`, whatever their keys. An empty argument counts for nothing.
    pub fn parse_any<S: AsRef<str>>(arguments: &[S]) -> Result<Filters> {
        let mut filters = Filters::default();
        for argument in arguments
            .iter()
            .map(AsRef::as_ref)
            .filter(|argument| !argument.is_empty())
        {
            let (key, value) = argument.split_once('=').ok_or_else(|| {
                Error::new(Kind::Usage, "bad format of filter (expected name=value)")
            })?;
            filters.add(&key.trim().to_lowercase(), value.trim());
        }
        Ok(filters)
    }

    /// Adds one value.
    pub fn add(&mut self, key: &str, value: &str) {
        let values = self.values.entry(key.to_owned()).or_default();
        if !values.iter().any(|known| known == value) {
            values.push(value.to_owned());
        }
    }

    /// Returns the values for a key; none when it was not given.
    pub fn get(&self, key: &str) -> &[String] {
        self.values.get(key).map_or(&[], Vec::as_slice)
    }

    /// Says whether a key was given.
    pub fn has(&self, key: &str) -> bool {
        self.values.contains_key(key)
    }

    /// Says whether no filter was given.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Says whether `actual` passes: the key was not given, or one of its values satisfies `matches`.
    pub fn any(&self, key: &str, matches: impl Fn(&str) -> bool) -> bool {
        !self.has(key) || self.get(key).iter().any(|value| matches(value))
    }

    /// Says whether `actual` is one of the values.
    pub fn exact(&self, key: &str, actual: &str) -> bool {
        self.any(key, |value| value == actual)
    }

    /// Says whether `actual` begins with one of the values, as ids do.
    pub fn prefix(&self, key: &str, actual: &str) -> bool {
        self.any(key, |value| actual.starts_with(value))
    }

    /// Says whether one of the values is found in `actual`; a value is a regular expression, and one that is none matches
    /// only itself.
    pub fn pattern(&self, key: &str, actual: &str) -> bool {
        self.any(key, |value| {
            value == actual
                || regex_lite::Regex::new(value).is_ok_and(|regex| regex.is_match(actual))
        })
    }

    /// Says whether `labels` has all values (`key` or `key=value`) of the filter `key`; here all must match.
    pub fn labels(&self, key: &str, labels: &BTreeMap<String, String>) -> bool {
        self.get(key)
            .iter()
            .all(|wanted| match wanted.split_once('=') {
                Some((name, value)) => labels.get(name).is_some_and(|actual| actual == value),
                None => labels.contains_key(wanted),
            })
    }

    /// Says whether `labels` has none of the values of `label!` (prune).
    pub fn labels_absent(&self, labels: &BTreeMap<String, String>) -> bool {
        !self.has("label!") || !self.labels("label!", labels)
    }

    /// Returns the value of a yes-or-no filter (`dangling`); `None` when it was not given.
    pub fn boolean(&self, key: &str) -> Result<Option<bool>> {
        let is = |word: &str| self.get(key).iter().any(|value| value == word);
        let (yes, no) = (is("1") || is("true"), is("0") || is("false"));
        match (self.has(key), yes, no) {
            (false, ..) => Ok(None),
            (true, true, false) => Ok(Some(true)),
            (true, false, true) => Ok(Some(false)),
            _ => Err(invalid(format!(
                "invalid filter '{key}=[{}]'",
                self.get(key).join(" ")
            ))),
        }
    }

    /// Refuses a value of `key` that is not one of `words`.
    pub fn check_words(&self, key: &str, words: &[&str]) -> Result<()> {
        match self
            .get(key)
            .iter()
            .find(|value| !words.contains(&value.as_str()))
        {
            Some(value) => Err(invalid(format!("invalid filter '{key}={value}'"))),
            None => Ok(()),
        }
    }

    /// Returns the values of `key` as whole numbers (`exited`).
    pub fn integers(&self, key: &str) -> Result<Vec<i64>> {
        let parse = |value: &String| {
            value.parse().map_err(|_| {
                let why = format!("strconv.Atoi: parsing {value:?}: invalid syntax");
                invalid(format!("invalid filter '{key}={value}'")).because(why)
            })
        };
        self.get(key).iter().map(parse).collect()
    }
}

/// Says whether a familiar image name (`debian:12`) matches a `reference` filter: a shell pattern for name, name and tag,
/// or either without its registry and folders (distribution/reference `FamiliarMatch`).
pub fn matches_reference(pattern: &str, familiar: &str) -> bool {
    let without_tag = match familiar.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => name,
        _ => familiar,
    };
    glob(pattern.as_bytes(), familiar.as_bytes())
        || glob(pattern.as_bytes(), without_tag.as_bytes())
}

/// Go's `path.Match`: `*` and `?` do not match a slash.
fn glob(pattern: &[u8], text: &[u8]) -> bool {
    // where to go on when a `*` must take one byte more
    let mut retry: Option<(usize, usize)> = None;
    let (mut p, mut t) = (0, 0);
    while t < text.len() || p < pattern.len() {
        if p < pattern.len() && pattern[p] == b'*' {
            retry = Some((p, t + 1));
            p += 1;
            continue;
        }
        if let Some(used) = (t < text.len())
            .then(|| one(&pattern[p..], text[t]))
            .flatten()
        {
            (p, t) = (p + used, t + 1);
            continue;
        }
        match retry {
            Some((star, next)) if next <= text.len() && text[next - 1] != b'/' => {
                retry = Some((star, next + 1));
                (p, t) = (star + 1, next);
            }
            _ => return false,
        }
    }
    true
}

/// Matches one byte against the head of a pattern and returns how many bytes of the pattern that took.
fn one(pattern: &[u8], byte: u8) -> Option<usize> {
    match pattern {
        [] => None,
        [b'?', ..] => (byte != b'/').then_some(1),
        [b'\\', escaped, ..] => (*escaped == byte).then_some(2),
        [b'[', set @ ..] => {
            let (negated, set) = match set {
                [b'^', rest @ ..] => (true, rest),
                _ => (false, set),
            };
            let end = set.iter().position(|b| *b == b']').filter(|end| *end > 0)?;
            let mut found = false;
            let mut members = &set[..end];
            while let [first, rest @ ..] = members {
                (found, members) = match rest {
                    [b'-', last, rest @ ..] => (found || (*first..=*last).contains(&byte), rest),
                    _ => (found || *first == byte, rest),
                };
            }
            (found != negated).then_some(pattern.len() - set.len() + end + 1)
        }
        [literal, ..] => (*literal == byte).then_some(1),
    }
}

fn invalid(text: String) -> Error {
    Error::new(Kind::Invalid, text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const KEYS: &[&str] = &[
        "name", "label", "label!", "id", "status", "exited", "dangling",
    ];

    fn parse(arguments: &[&str]) -> Filters {
        Filters::parse(arguments, KEYS).unwrap()
    }

    #[test]
    fn bad_filters_are_refused_in_dockers_words() {
        let cases = [
            ("x", "bad format of filter (expected name=value)"),
            ("=x", "invalid filter"),
            ("foo=bar", "invalid filter 'foo'"),
        ];
        for (argument, expected) in cases {
            assert_eq!(
                Filters::parse(&[argument], KEYS).unwrap_err().to_string(),
                expected
            );
        }
        assert_eq!(
            parse(&["status=foo"])
                .check_words("status", &["exited"])
                .unwrap_err()
                .to_string(),
            "invalid filter 'status=foo'"
        );
        assert_eq!(
            parse(&["exited=x"])
                .integers("exited")
                .unwrap_err()
                .to_string(),
            "invalid filter 'exited=x': strconv.Atoi: parsing \"x\": invalid syntax"
        );
        assert_eq!(
            parse(&["dangling=x"])
                .boolean("dangling")
                .unwrap_err()
                .to_string(),
            "invalid filter 'dangling=[x]'"
        );
    }

    #[test]
    fn values_of_one_key_are_alternatives() {
        let filters = parse(&[" STATUS = running ", "status=exited", "name=^we", ""]);
        assert!(filters.exact("status", "running") && filters.exact("status", "exited"));
        assert!(!filters.exact("status", "paused"));
        assert!(filters.pattern("name", "web") && !filters.pattern("name", "aweb"));
        assert!(filters.exact("absent", "x"));
        assert!(parse(&["id=ab"]).prefix("id", "abc") && !parse(&["id=bc"]).prefix("id", "abc"));
        assert!(
            parse(&["name=["]).pattern("name", "[") && !parse(&["name=["]).pattern("name", "a")
        );
        assert_eq!(
            parse(&["dangling=1", "dangling=true"])
                .boolean("dangling")
                .unwrap(),
            Some(true)
        );
        assert_eq!(
            parse(&["exited=0", "exited=137"])
                .integers("exited")
                .unwrap(),
            [0, 137]
        );
    }

    #[test]
    fn labels_must_all_match() {
        let labels = BTreeMap::from([
            ("a".to_owned(), "1".to_owned()),
            ("b".to_owned(), String::new()),
        ]);
        let cases = [
            (&["label=a"][..], true),
            (&["label=a=1", "label=b"], true),
            (&["label=a=2"], false),
            (&["label=a", "label=c"], false),
            (&[], true),
        ];
        for (arguments, expected) in cases {
            assert_eq!(
                parse(arguments).labels("label", &labels),
                expected,
                "{arguments:?}"
            );
        }
        assert!(
            parse(&["label!=c"]).labels_absent(&labels)
                && !parse(&["label!=a"]).labels_absent(&labels)
        );
    }

    #[test]
    fn image_names_match_shell_patterns() {
        let cases = [
            ("debian", "debian:12", true),
            ("debian:12", "debian:12", true),
            ("deb*", "debian:12", true),
            ("*:12", "debian:12", true),
            ("debian:1?", "debian:12", true),
            ("debian:[0-9]2", "debian:12", true),
            ("debian:[^1]2", "debian:12", false),
            ("*", "localhost:5000/debian:12", false),
            ("*/*", "localhost:5000/debian:12", true),
            ("*/debian", "localhost:5000/debian:12", true),
            ("debian", "localhost:5000/debian:12", false),
            ("bian", "debian:12", false),
            ("", "debian:12", false),
            ("a**b", "ab", true),
            ("debian\\:12", "debian:12", true),
        ];
        for (pattern, name, expected) in cases {
            assert_eq!(
                matches_reference(pattern, name),
                expected,
                "{pattern} {name}"
            );
        }
    }

    proptest! {
        #[test]
        fn any_text_is_answered(text in "\\PC{0,12}|[*?\\[\\]a/^-]{0,8}", name in "[ab/:]{0,8}") {
            let _ = matches_reference(&text, &name);
            if let Ok(filters) = Filters::parse(&[format!("name={text}")], KEYS) {
                let _ = filters.pattern("name", &name);
            }
        }
    }
}
