//! Rules of the house that a compiler does not check: who may call whom, where `unsafe` and printing live, file sizes.

#![allow(clippy::disallowed_methods, clippy::print_stdout, clippy::print_stderr)] // a test is not the program

use std::path::{Path, PathBuf};

/// The rooms, the lowest first; rooms of one line may not name each other, except where `SIDEWAYS` says so.
const LAYERS: &[&[&str]] = &[
    &["sys", "error", "grammar"],
    &["store"],
    &["host"],
    &["identity"],
    &["registry"],
    &["image"],
    &["network"],
    &["container"],
    &["build"],
    &["monitor"],
    &["wire"],
    &["ui"],
    &["cli"],
];

/// (room, room of a higher or the same layer that it may name, why).
const SIDEWAYS: &[(&str, &str, &str)] = &[
    ("error", "sys", "an error takes a failed system call's text"),
    ("grammar", "error", "a parser returns errors"),
    (
        "store",
        "image",
        "records hold the OCI configuration's words (image::config)",
    ),
];

fn sources() -> Vec<PathBuf> {
    let mut found = Vec::new();
    collect(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("src"),
        &mut found,
    );
    assert!(found.len() > 20, "the sources were not found");
    found
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
}

/// `src/store/images.rs` -> `store`.
fn room(path: &Path) -> String {
    let inner = path
        .strip_prefix(Path::new(env!("CARGO_MANIFEST_DIR")).join("src"))
        .unwrap();
    let first = inner
        .components()
        .next()
        .unwrap()
        .as_os_str()
        .to_string_lossy()
        .into_owned();
    first.strip_suffix(".rs").unwrap_or(&first).to_owned()
}

fn height(room: &str) -> Option<usize> {
    LAYERS.iter().position(|layer| layer.contains(&room))
}

/// Whether a file holds unit tests only (`#[cfg(test)] mod tests;`).
fn is_tests(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name == "tests.rs")
}

/// A file's lines before its unit tests, with their numbers.
fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    (1..)
        .zip(text.lines())
        .take_while(|(_, line)| line.trim() != "#[cfg(test)]")
}

/// The rooms that one line names: `crate::a::...` and `use crate::{a, b::c}` on one line.
fn named(line: &str) -> Vec<String> {
    let code = line.split("//").next().unwrap_or_default();
    let mut rooms = Vec::new();
    for (_, rest) in code
        .match_indices("crate::")
        .map(|(at, word)| (at, &code[at + word.len()..]))
    {
        if let Some(group) = rest.strip_prefix('{') {
            let mut depth = 0;
            let mut word = String::new();
            for c in group.chars() {
                match c {
                    '{' => depth += 1,
                    '}' if depth == 0 => break,
                    '}' => depth -= 1,
                    ',' if depth == 0 => rooms.push(std::mem::take(&mut word)),
                    c if depth == 0 => word.push(c),
                    _ => {}
                }
            }
            rooms.push(word);
        } else {
            rooms.push(
                rest.chars()
                    .take_while(|c| c.is_alphanumeric() || *c == '_')
                    .collect(),
            );
        }
    }
    let first = |word: &String| {
        word.trim()
            .split("::")
            .next()
            .unwrap_or_default()
            .to_owned()
    };
    rooms
        .iter()
        .map(first)
        .filter(|word| height(word).is_some())
        .collect()
}

#[test]
fn calls_go_down() {
    let mut wrong = Vec::new();
    for path in sources().into_iter().filter(|p| !is_tests(p)) {
        let from = room(&path);
        let Some(own) = height(&from) else { continue }; // main and lib name all
        let text = std::fs::read_to_string(&path).unwrap();
        for (number, line) in lines(&text) {
            for to in named(line) {
                let allowed = to == from
                    || height(&to).is_some_and(|other| other < own)
                    || SIDEWAYS.iter().any(|(a, b, _)| *a == from && *b == to);
                if !allowed {
                    wrong.push(format!("{}:{number}: {from} names {to}", path.display()));
                }
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "a lower room names a higher one:\n{}",
        wrong.join("\n")
    );
}

#[test]
fn unsafe_code_is_in_sys_alone() {
    let mut wrong = Vec::new();
    for path in sources().into_iter().filter(|p| room(p) != "sys") {
        let text = std::fs::read_to_string(&path).unwrap();
        for (number, line) in (1..).zip(text.lines()) {
            let code = line.split("//").next().unwrap_or_default();
            if code.split_whitespace().any(|w| w == "unsafe") || code.contains("allow(unsafe_code")
            {
                wrong.push(format!("{}:{number}: {line}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn only_ui_prints() {
    let mut wrong = Vec::new();
    for path in sources()
        .into_iter()
        .filter(|p| room(p) != "ui" && !is_tests(p))
    {
        let text = std::fs::read_to_string(&path).unwrap();
        for (number, line) in lines(&text) {
            let code = line.split("//").next().unwrap_or_default();
            if ["println!", "print!(", "dbg!("]
                .iter()
                .any(|word| code.contains(word))
            {
                wrong.push(format!("{}:{number}: {line}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn only_main_paths_and_the_command_line_read_the_environment() {
    let allowed = |path: &Path| {
        matches!(room(path).as_str(), "main" | "cli" | "ui") || path.ends_with("host/paths.rs")
    };
    let mut wrong = Vec::new();
    for path in sources()
        .into_iter()
        .filter(|p| !allowed(p) && !is_tests(p))
    {
        let text = std::fs::read_to_string(&path).unwrap();
        for (number, line) in lines(&text) {
            let code = line.split("//").next().unwrap_or_default();
            if code.contains("env::var") {
                wrong.push(format!("{}:{number}: {line}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn files_are_rooms_not_halls() {
    const MOST: usize = 700;
    let long: Vec<String> = sources()
        .into_iter()
        .map(|path| {
            (
                std::fs::read_to_string(&path).unwrap().lines().count(),
                path,
            )
        })
        .filter(|(count, path)| *count > MOST && !is_tests(path))
        .map(|(count, path)| format!("{count} {}", path.display()))
        .collect();
    assert!(
        long.is_empty(),
        "more than {MOST} lines:\n{}",
        long.join("\n")
    );
}

#[test]
fn every_file_says_what_it_is_for() {
    let silent: Vec<String> = sources()
        .into_iter()
        .filter(|path| !is_tests(path))
        .filter(|path| !std::fs::read_to_string(path).unwrap().starts_with("//!"))
        .map(|path| path.display().to_string())
        .collect();
    assert!(
        silent.is_empty(),
        "no //! on the first line:\n{}",
        silent.join("\n")
    );
}
