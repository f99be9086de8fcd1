//! `--name=value` words of an instruction, with BuildKit's texts (instructions/bflag.go).

use super::suggest;
use crate::grammar::go;

/// What a flag takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Takes {
    /// One text; twice is an error.
    Text,
    /// Texts.
    Texts,
    /// Nothing, `true` or `false`.
    Boolean,
}

/// The flags that an instruction knows.
pub(super) type Known<'a> = &'a [(&'a str, Takes)];

/// What was given, in order.
#[derive(Debug, Clone, Default)]
pub(super) struct Flags {
    given: Vec<(String, String)>,
}

impl Flags {
    /// Checks the words against what is known.
    pub(super) fn parse(words: &[String], known: Known<'_>) -> Result<Flags, String> {
        let mut flags = Flags::default();
        for word in words {
            let word = word.strip_prefix("--").unwrap_or(word);
            let (name, value) = match word.split_once('=') {
                Some((name, value)) => (name, Some(value)),
                None => (word, None),
            };
            let Some((_, takes)) = known.iter().find(|(known, _)| *known == name) else {
                let names: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
                return Err(suggest::hinted(
                    format!("unknown flag: {name}"),
                    name,
                    &names,
                    true,
                ));
            };
            if *takes != Takes::Texts && flags.has(name) {
                return Err(format!("duplicate flag specified: {name}"));
            }
            let value = match (takes, value) {
                (Takes::Boolean, None) => "true".to_owned(),
                (Takes::Boolean, Some(value)) => match go::boolean(&value.to_lowercase()) {
                    Some(set) => set.to_string(),
                    None => {
                        return Err(format!(
                            "expecting boolean value for flag {name}, not: {value}"
                        ));
                    }
                },
                (_, None) => return Err(format!("missing a value on flag: {name}")),
                (_, Some(value)) => value.to_owned(),
            };
            flags.given.push((name.to_owned(), value));
        }
        Ok(flags)
    }

    /// Whether a flag was given.
    pub(super) fn has(&self, name: &str) -> bool {
        self.given.iter().any(|(given, _)| given == name)
    }

    /// Returns a flag's value; `None` when it was not given or is empty.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        self.texts(name)
            .into_iter()
            .next()
            .filter(|v| !v.is_empty())
    }

    /// Returns all values of a flag.
    pub(super) fn texts(&self, name: &str) -> Vec<String> {
        let values = self.given.iter().filter(|(given, _)| given == name);
        values.map(|(_, value)| value.clone()).collect()
    }

    /// Returns a boolean flag, `None` when it was not given.
    pub(super) fn boolean(&self, name: &str) -> Option<bool> {
        self.text(name).map(|value| value == "true")
    }
}
