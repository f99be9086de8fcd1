//! Content keys: what a step is made from, as one digest. Equal keys mean equal results.
//!
//! A key covers the key of the step before, what the step does, and the content of what it takes; never times, secrets or
//! proxies. The keys are our own: BuildKit's are digests of its own structures.

use crate::grammar::go;
use crate::store::sum::Sum;

/// Changes when a key's meaning does.
const VERSION: &str = "coracle-build-2";

/// A key being put together; keeps what went into it for `--explain`.
#[derive(Debug)]
pub(super) struct Key {
    sum: Sum,
    inputs: Vec<String>,
}

impl Key {
    /// Begins a key; `parent`: that of the step before.
    pub(super) fn new(parent: &str) -> Key {
        let mut key = Key {
            sum: Sum::new(),
            inputs: Vec::new(),
        };
        key.feed(VERSION);
        key.feed(parent);
        key
    }

    /// Adds a text; its length goes first, so that no two lists of texts are one.
    fn feed(&mut self, text: &str) {
        self.sum.update((text.len() as u64).to_le_bytes());
        self.sum.update(text);
    }

    /// Adds a named input.
    pub(super) fn add(&mut self, name: &str, value: &str) {
        self.feed(name);
        self.feed(value);
        self.inputs.push(format!("{name} {value}"));
    }

    /// Adds a list as one named input, each text with its end.
    pub(super) fn add_all<'t>(&mut self, name: &str, values: impl IntoIterator<Item = &'t String>) {
        let quoted: Vec<String> = values.into_iter().map(|value| go::quote(value)).collect();
        self.add(name, &quoted.join(" "));
    }

    /// Returns the key, 64 hex digits, and what went into it.
    pub(super) fn finish(self) -> (String, Vec<String>) {
        let digest = self.sum.finish();
        (digest["sha256:".len()..].to_owned(), self.inputs)
    }
}

/// Says what is other in `now` than in `before`: lines of `name value`.
pub(super) fn difference(before: &[String], now: &[String]) -> Option<String> {
    let name = |line: &str| line.split(' ').next().unwrap_or_default().to_owned();
    for line in now {
        if before.contains(line) {
            continue;
        }
        let name = name(line);
        let old = before.iter().find(|l| l.split(' ').next() == Some(&name));
        return Some(match old {
            Some(old) => format!("{name} was {}, is {}", rest(old), rest(line)),
            None => format!("{name} {} is new", rest(line)),
        });
    }
    let gone = before.iter().find(|line| !now.contains(line))?;
    Some(format!("{} is gone", name(gone)))
}

fn rest(line: &str) -> &str {
    line.split_once(' ').map_or("", |(_, rest)| rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_knows_where_one_text_ends() {
        let key = |a: &str, b: &str| {
            let mut key = Key::new("");
            key.add(a, b);
            key.finish().0
        };
        assert_eq!(key("a", "b"), key("a", "b"));
        assert_ne!(key("a", "bc"), key("ab", "c"));
        assert_eq!(key("a", "b").len(), 64);
        let list = |words: &[&str]| {
            let words: Vec<String> = words.iter().map(|w| (*w).to_owned()).collect();
            let mut key = Key::new("");
            key.add_all("argv", &words);
            key.finish().0
        };
        assert_ne!(list(&["a b", "c"]), list(&["a", "b c"]));
        assert_ne!(list(&["a\" \"b"]), list(&["a", "b"]));
    }

    #[test]
    fn a_difference_is_told_by_name() {
        let lines = |list: &[&str]| list.iter().map(|l| (*l).to_owned()).collect::<Vec<_>>();
        let before = lines(&["argv make", "env A=1"]);
        let say = |now: &[&str]| difference(&before, &lines(now));
        assert_eq!(say(&["argv make", "env A=1"]), None);
        assert_eq!(
            say(&["argv make all", "env A=1"]).unwrap(),
            "argv was make, is make all"
        );
        assert_eq!(
            say(&["argv make", "env A=1", "user x"]).unwrap(),
            "user x is new"
        );
        assert_eq!(say(&["argv make"]).unwrap(), "env is gone");
    }
}
