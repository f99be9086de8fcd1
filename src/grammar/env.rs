//! Environment variables and labels: `-e`, `--env-file`, `-l`, `--label-file`, and how they meet the image's.
//!
//! In these files a line is `KEY=value` or `KEY`; the value is taken as it stands: no quotes, escapes or expansion.

use std::collections::BTreeMap;

use crate::error::{Error, Kind, Result};

/// Returns the variables of an env-file in order. `name` is the file's, for errors. A key without `=` gets the value that
/// `lookup` finds on the host, and is left out if there is none.
pub fn file(
    bytes: &[u8],
    name: &str,
    lookup: impl Fn(&str) -> Option<String>,
) -> Result<Vec<String>> {
    let mut variables = Vec::new();
    for (key, value) in lines(bytes, name)? {
        let value = value.map(str::to_owned).or_else(|| lookup(key));
        variables.extend(value.map(|value| format!("{key}={value}")));
    }
    Ok(variables)
}

/// Returns the labels of a label-file. As with docker a key without `=` is no label.
pub fn label_file(bytes: &[u8], name: &str) -> Result<BTreeMap<String, String>> {
    let pairs = lines(bytes, name)?.into_iter();
    Ok(pairs
        .filter_map(|(key, value)| Some((key.to_owned(), value?.to_owned())))
        .collect())
}

/// Returns the variable of one `-e`. `KEY` gets the host's value; if there is none it stays `KEY`, which in [`merge`] takes
/// the image's variable away.
pub fn variable(text: &str, lookup: impl Fn(&str) -> Option<String>) -> Result<String> {
    let key = key(text);
    if key.is_empty() {
        return Err(Error::new(
            Kind::Usage,
            format!("invalid environment variable: {text}"),
        ));
    }
    if key.len() < text.len() {
        return Ok(text.to_owned());
    }
    Ok(lookup(key).map_or_else(|| text.to_owned(), |value| format!("{key}={value}")))
}

/// Returns key and value of one `-l`.
pub fn label(text: &str) -> Result<(String, String)> {
    let (key, value) = text.split_once('=').unwrap_or((text, ""));
    if key.is_empty() {
        return Err(Error::new(
            Kind::Usage,
            format!("invalid label '{text}': empty name"),
        ));
    }
    if key.trim_start().contains([' ', '\t']) {
        return Err(Error::new(
            Kind::Usage,
            format!("label '{key}' contains whitespaces"),
        ));
    }
    Ok((key.to_owned(), value.to_owned()))
}

/// Returns the variables that a program starts with: each key once, in docker's order. A later item of `overrides` beats an
/// earlier one, and all of them beat `base`; an item without `=` takes its key away.
pub fn merge(overrides: &[String], base: &[String]) -> Vec<String> {
    let mut merged: Vec<&String> = Vec::new();
    for item in overrides {
        match merged.iter_mut().find(|seen| key(seen) == key(item)) {
            Some(seen) => *seen = item,
            None => merged.push(item),
        }
    }
    let given = merged.len();
    for item in base {
        if !merged[..given].iter().any(|seen| key(seen) == key(item)) {
            merged.push(item);
        }
    }
    merged
        .into_iter()
        .filter(|item| item.contains('='))
        .cloned()
        .collect()
}

fn key(variable: &str) -> &str {
    variable.split('=').next().unwrap_or_default()
}

/// Returns keys and values of a file (docker's pkg/kvfile).
fn lines<'a>(bytes: &'a [u8], name: &str) -> Result<Vec<(&'a str, Option<&'a str>)>> {
    let mut pairs = Vec::new();
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    for (index, line) in bytes.split(|&b| b == b'\n').enumerate() {
        let line = std::str::from_utf8(line).map_err(|_| not_utf8(name, index + 1, line))?;
        let line = line.strip_suffix('\r').unwrap_or(line).trim_start();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (key, value) = line
            .split_once('=')
            .map_or((line, None), |(key, value)| (key, Some(value)));
        if key.contains([' ', '\t']) {
            return Err(poor(format!("variable '{key}' contains whitespaces")));
        }
        if key.is_empty() {
            return Err(poor(format!("no variable name on line '{line}'")));
        }
        pairs.push((key, value));
    }
    Ok(pairs)
}

fn poor(what: String) -> Error {
    Error::new(Kind::Usage, format!("poorly formatted environment: {what}"))
}

fn not_utf8(name: &str, number: usize, line: &[u8]) -> Error {
    let bytes = line.iter().map(u8::to_string).collect::<Vec<_>>().join(" ");
    let text = format!("env file {name} contains invalid utf8 bytes at line {number}: [{bytes}]");
    Error::new(Kind::Usage, text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn host(key: &str) -> Option<String> {
        (key == "HOME").then(|| "/home/me".to_owned())
    }

    fn read(bytes: &[u8]) -> String {
        file(bytes, "f", host).map_or_else(|e| format!("! {e}"), |v| v.join("|"))
    }

    #[test]
    fn an_env_file_is_read_as_it_stands() {
        let cases: &[(&[u8], &str)] = &[
            (
                b"\xef\xbb\xbfA=1\n  B= x y \n#c\n\nHOME\nNOPE\nD=\"q\"\nE=\r\n\tF=1\n",
                "A=1|B= x y |HOME=/home/me|D=\"q\"|E=|F=1",
            ),
            (b"A=a=b", "A=a=b"),
            (
                b"A B=1\n",
                "! poorly formatted environment: variable 'A B' contains whitespaces",
            ),
            (
                b"G =1",
                "! poorly formatted environment: variable 'G ' contains whitespaces",
            ),
            (
                b"=1\n",
                "! poorly formatted environment: no variable name on line '=1'",
            ),
            (
                b"A=\xff\n",
                "! env file f contains invalid utf8 bytes at line 1: [65 61 255]",
            ),
        ];
        for (text, expected) in cases {
            assert_eq!(&read(text), expected);
        }
    }

    #[test]
    fn labels_need_an_equals_sign_only_on_the_command_line_not() {
        let labels = label_file(b"A=1\nHOME\nB= x\n", "f").unwrap();
        assert_eq!(
            labels.into_iter().collect::<Vec<_>>(),
            [("A".into(), "1".into()), ("B".into(), " x".into())]
        );
        assert_eq!(label("X").unwrap(), ("X".into(), String::new()));
        assert_eq!(label(" A=1").unwrap(), (" A".into(), "1".into()));
        assert_eq!(
            label("=x").unwrap_err().to_string(),
            "invalid label '=x': empty name"
        );
        assert_eq!(
            label("A B=1").unwrap_err().to_string(),
            "label 'A B' contains whitespaces"
        );
    }

    #[test]
    fn one_variable_may_come_from_the_host() {
        assert_eq!(variable("A=", host).unwrap(), "A=");
        assert_eq!(variable("HOME", host).unwrap(), "HOME=/home/me");
        assert_eq!(variable("NOPE", host).unwrap(), "NOPE");
        assert_eq!(
            variable("=x", host).unwrap_err().to_string(),
            "invalid environment variable: =x"
        );
    }

    #[test]
    fn a_variable_overrides_and_takes_away() {
        let list = |items: &[&str]| items.iter().map(|i| (*i).to_owned()).collect::<Vec<_>>();
        let merged = merge(
            &list(&["A=0", "HOME", "A=1"]),
            &list(&["PATH=/bin", "A=9", "HOME=/"]),
        );
        assert_eq!(merged, ["A=1", "PATH=/bin"]);
    }

    proptest! {
        #[test]
        fn any_bytes_are_answered(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            let _ = file(&bytes, "f", host);
            let _ = label_file(&bytes, "f");
        }
    }
}
