//! Which images `images` shows: docker's filters over the store's names (daemon/images/images.go).

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::error::{Error, Kind, Result};
use crate::grammar::reference::Reference;
use crate::store::Store;
use crate::store::images::Listed;

/// Values by key, in the order given.
pub(crate) type Filters = BTreeMap<String, Vec<String>>;

const KEYS: &[&str] = &["before", "dangling", "label", "reference", "since", "until"];

/// Returns the images that fit all of `filters`, the newest first, each with the names that fit `reference`.
///
/// `moment` reads the time that `until` names.
pub(crate) fn list(
    store: &Store,
    filters: &Filters,
    moment: impl Fn(&str) -> Result<Timestamp>,
) -> Result<Vec<Listed>> {
    let mut all = store.images().list()?;
    if filters.is_empty() {
        return Ok(all);
    }
    if let Some(key) = filters.keys().find(|k| !KEYS.contains(&k.as_str())) {
        return Err(invalid(format!("invalid filter '{key}'")));
    }
    if let Some(values) = filters.get("dangling") {
        let dangling = truth(values)?;
        all.retain(|i| is_dangling(i, dangling));
    }
    let last = |key: &str| filters.get(key).and_then(|v| v.last());
    if let Some(word) = last("before") {
        let bound = created(&find(store, word)?);
        all.retain(|i| {
            created(i)
                .zip(bound)
                .is_some_and(|(made, bound)| made < bound)
        });
    }
    if let Some(word) = last("since") {
        let bound = created(&find(store, word)?);
        all.retain(|i| created(i) > bound);
    }
    if let Some(text) = last("until") {
        let bound = moment(text).map_err(|e| invalid(e.to_string()))?;
        all.retain(|i| created(i).is_some_and(|made| made < bound));
    }
    if let Some(patterns) = filters.get("reference") {
        all.retain_mut(|i| keep_names(i, patterns));
    }
    if let Some(wanted) = filters.get("label") {
        keep_labelled(store, &mut all, wanted)?;
    }
    Ok(all)
}

fn invalid(text: String) -> Error {
    Error::new(Kind::Invalid, text)
}

fn find(store: &Store, word: &str) -> Result<Listed> {
    store
        .images()
        .look_up(word)?
        .ok_or_else(|| crate::store::images::no_such(word))
}

/// `None`: the image does not say when it was made, which docker counts as before everything.
fn created(image: &Listed) -> Option<Timestamp> {
    image.created.parse().ok()
}

/// One value, docker's booleans only.
fn truth(values: &[String]) -> Result<bool> {
    let word = |v: &String| match v.as_str() {
        "1" | "true" | "True" => Some(true),
        "0" | "false" | "False" => Some(false),
        _ => None,
    };
    let all: Option<Vec<bool>> = values.iter().map(word).collect();
    match all.as_deref() {
        Some([first, rest @ ..]) if rest.iter().all(|v| v == first) => Ok(*first),
        _ => Err(invalid(format!(
            "invalid filter 'dangling=[{}]'",
            values.join(" ")
        ))),
    }
}

/// An image that only a digest names counts as dangling and as not dangling.
fn is_dangling(image: &Listed, wanted: bool) -> bool {
    match wanted {
        true => image.names.is_empty(),
        false => !image.names.is_empty() || !image.digests.is_empty(),
    }
}

/// Keeps the names that fit one of `patterns`; says whether there are any.
fn keep_names(image: &mut Listed, patterns: &[String]) -> bool {
    let fits = |name: &String| {
        let Ok(reference) = Reference::parse(name) else {
            return false;
        };
        let (whole, short) = (reference.familiar(), reference.familiar_name());
        patterns
            .iter()
            .any(|p| is_match(p, &whole) || is_match(p, &short))
    };
    image.names.retain(fits);
    image.digests.retain(fits);
    !image.names.is_empty() || !image.digests.is_empty()
}

fn keep_labelled(store: &Store, all: &mut Vec<Listed>, wanted: &[String]) -> Result<()> {
    let mut kept = Vec::new();
    for image in all.drain(..) {
        let labels = store.images().config(&image.id)?.config.labels;
        let has = |w: &String| match w.split_once('=') {
            Some((key, value)) => labels.get(key).is_some_and(|v| v == value),
            None => labels.contains_key(w),
        };
        if wanted.iter().all(has) {
            kept.push(image);
        }
    }
    *all = kept;
    Ok(())
}

/// Go's path.Match: `*` and `?` stop at a slash, `[a-z]` and `[^a-z]` are classes, a backslash makes the next one plain. A
/// broken pattern fits nothing.
pub(crate) fn is_match(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), text.chars().collect());
    match_from(&pattern, &text)
}

fn match_from(pattern: &[char], text: &[char]) -> bool {
    match pattern {
        [] => text.is_empty(),
        ['*', rest @ ..] => {
            let most = text.iter().position(|c| *c == '/').unwrap_or(text.len());
            (0..=most).any(|n| match_from(rest, &text[n..]))
        }
        ['[', rest @ ..] => match (class(rest), text) {
            (Some((fits, after)), [c, text @ ..]) => fits(*c) && match_from(after, text),
            _ => false,
        },
        ['?', rest @ ..] => matches!(text, [c, text @ ..] if *c != '/' && match_from(rest, text)),
        ['\\', plain, rest @ ..] | [plain, rest @ ..] => {
            matches!(text, [c, text @ ..] if c == plain && match_from(rest, text))
        }
    }
}

/// Reads a class after its `[`: whether a character is in it, and what follows its `]`.
fn class(pattern: &[char]) -> Option<(impl Fn(char) -> bool, &[char])> {
    let (is_negated, mut rest) = match pattern {
        ['^', rest @ ..] => (true, rest),
        rest => (false, rest),
    };
    let mut ranges = Vec::new();
    loop {
        let (first, after) = match rest {
            [']', after @ ..] if !ranges.is_empty() => {
                let fits =
                    move |c: char| ranges.iter().any(|(a, b)| (*a..=*b).contains(&c)) != is_negated;
                return Some((fits, after));
            }
            ['\\', c, after @ ..] | [c, after @ ..] => (*c, after),
            [] => return None,
        };
        let (last, after) = match after {
            ['-', '\\', c, after @ ..] | ['-', c, after @ ..] => (*c, after),
            after => (first, after),
        };
        ranges.push((first, last));
        rest = after;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_gos() {
        for (pattern, text, want) in [
            ("debian", "debian", true),
            ("deb*", "debian", true),
            ("*:12", "127.0.0.1:5000/debian:12", false),
            ("*/*", "127.0.0.1:5000/debian:12", true),
            ("127.0.0.1:5000/*", "127.0.0.1:5000/debian", true),
            ("*", "a/b", false),
            ("a?c", "abc", true),
            ("a?c", "a/c", false),
            ("[a-c]x", "bx", true),
            ("[^a-c]x", "bx", false),
            ("[^a-c]x", "dx", true),
            ("[a", "a", false),
            ("\\*", "*", true),
            ("\\*", "x", false),
            ("", "", true),
            ("*a*b*", "xxaxxbxx", true),
        ] {
            assert_eq!(is_match(pattern, text), want, "{pattern} {text}");
        }
    }

    #[test]
    fn reference_keeps_the_names_that_fit() {
        let image = || Listed {
            names: vec![
                "docker.io/library/debian:12".to_owned(),
                "docker.io/me/x:1".to_owned(),
            ],
            digests: vec![format!(
                "docker.io/library/debian@sha256:{}",
                "a".repeat(64)
            )],
            ..Listed::default()
        };
        for (patterns, want) in [
            (vec!["debian"], (true, 1, 1)),
            (vec!["debian:12"], (true, 1, 0)),
            (vec!["me/*"], (true, 1, 0)),
            (vec!["debian:*", "me/x"], (true, 2, 0)),
            (vec!["nope"], (false, 0, 0)),
        ] {
            let mut image = image();
            let patterns: Vec<String> = patterns.iter().map(|p| (*p).to_owned()).collect();
            let kept = keep_names(&mut image, &patterns);
            assert_eq!(
                (kept, image.names.len(), image.digests.len()),
                want,
                "{patterns:?}"
            );
        }
    }

    #[test]
    fn dangling_takes_one_truth() {
        let words = |w: &[&str]| w.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>();
        assert!(truth(&words(&["true", "1"])).unwrap());
        assert!(!truth(&words(&["false"])).unwrap());
        assert_eq!(
            truth(&words(&["x"])).unwrap_err().to_string(),
            "invalid filter 'dangling=[x]'"
        );
    }
}
