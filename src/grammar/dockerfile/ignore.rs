//! .dockerignore and `--exclude`: which paths are left out (moby/patternmatcher), and the wildcards of COPY (Go's
//! filepath.Match).

use crate::grammar::go;

/// Patterns, the last match of which decides.
#[derive(Debug, Clone, Default)]
pub struct Patterns {
    patterns: Vec<Pattern>,
    has_exceptions: bool,
}

#[derive(Debug, Clone)]
struct Pattern {
    /// The cleaned text without `!`.
    text: String,
    is_exception: bool,
    /// `None`: no special character, compared as it is.
    regex: Option<regex_lite::Regex>,
}

/// Which patterns match a folder or what lies above it; the way down a tree carries it along.
#[derive(Debug, Clone, Default)]
pub struct Above(Vec<bool>);

/// Returns the patterns of a .dockerignore file.
pub fn lines(text: &str) -> Vec<String> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut patterns = Vec::new();
    for line in text.lines() {
        if line.starts_with('#') {
            continue;
        }
        let line = line.trim();
        if line.is_empty() {
            continue;
        }
        let (mark, rest) = match line.strip_prefix('!') {
            Some(rest) => ("!", rest.trim()),
            None => ("", line),
        };
        let rest = match rest {
            "" => rest.to_owned(),
            rest => clean(rest),
        };
        patterns.push(format!("{mark}{rest}"));
    }
    patterns
}

/// Go's filepath.Clean without the leading slash; `.` for nothing.
fn clean(pattern: &str) -> String {
    match pattern.strip_prefix('/') {
        Some(_) => go::clean(pattern)[1..].to_owned(),
        None => {
            let mut parts: Vec<&str> = Vec::new();
            for part in pattern.split('/') {
                match part {
                    "" | "." => {}
                    ".." if parts.last().is_some_and(|last| *last != "..") => drop(parts.pop()),
                    part => parts.push(part),
                }
            }
            match parts.is_empty() {
                true => ".".to_owned(),
                false => parts.join("/"),
            }
        }
    }
}

impl Patterns {
    /// Reads patterns; the error is BuildKit's sentence.
    pub fn new(list: &[String]) -> Result<Patterns, String> {
        let mut patterns = Patterns::default();
        for text in list {
            let text = text.trim();
            if text.is_empty() {
                continue;
            }
            let (is_exception, rest) = match text.strip_prefix('!') {
                Some("") => return Err("illegal exclusion pattern: \"!\"".to_owned()),
                Some(rest) => (true, rest),
                None => (false, text),
            };
            let rest = clean(rest);
            check(&rest)
                .map_err(|e| format!("invalid excludepatterns: [{}]: {e}", list.join(" ")))?;
            patterns.has_exceptions |= is_exception;
            patterns.patterns.push(Pattern {
                regex: regex(&rest)?,
                text: rest,
                is_exception,
            });
        }
        Ok(patterns)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.patterns.is_empty()
    }

    /// Whether `path` (relative, without leading slash) is left out; `above` is what was returned for its folder. The
    /// second is for what lies in it.
    pub fn check(&self, path: &str, above: &Above) -> (bool, Above) {
        let mut matched = Vec::with_capacity(self.patterns.len());
        let mut is_out = false;
        for (i, pattern) in self.patterns.iter().enumerate() {
            let hit = above.0.get(i).copied().unwrap_or_default() || pattern.matches(path);
            matched.push(hit);
            if hit {
                is_out = !pattern.is_exception;
            }
        }
        (is_out, Above(matched))
    }

    /// Whether `path` is left out, its folders asked too.
    pub fn excludes(&self, path: &str) -> bool {
        let mut above = Above::default();
        let mut is_out = false;
        for (end, _) in path.match_indices('/').chain([(path.len(), "")]) {
            (is_out, above) = self.check(&path[..end], &above);
        }
        is_out
    }

    /// Whether something below a folder that is left out may come in again.
    pub fn may_return_below(&self, folder: &str) -> bool {
        self.has_exceptions
            && self
                .patterns
                .iter()
                .filter(|p| p.is_exception)
                .any(|p| p.reaches_below(folder))
    }
}

impl Pattern {
    fn matches(&self, path: &str) -> bool {
        match &self.regex {
            None => self.text == path,
            Some(regex) => regex.is_match(path),
        }
    }

    /// The part before the first special character against the folder's name.
    fn reaches_below(&self, folder: &str) -> bool {
        let plain = self.text.find(['*', '?', '[', '\\']);
        let start = &self.text[..plain.unwrap_or(self.text.len())];
        let below = format!("{folder}/");
        start.starts_with(&below) || plain.is_some() && below.starts_with(start)
    }
}

/// The translation of patternmatcher's `compile`.
fn regex(pattern: &str) -> Result<Option<regex_lite::Regex>, String> {
    if !pattern.contains(['*', '?', '[', '\\']) {
        return Ok(None);
    }
    let mut out = String::from("^");
    let mut chars = pattern.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '*' if chars.peek() == Some(&'*') => {
                chars.next();
                if chars.peek() == Some(&'/') {
                    chars.next();
                }
                out += match chars.peek() {
                    None => "(?s:.*)",
                    Some(_) => "(?s:.*/)?",
                };
            }
            '*' => out += "[^/]*",
            '?' => out += "[^/]",
            '\\' => match chars.next() {
                Some(next) => out += &regex_lite::escape(next.encode_utf8(&mut [0; 4])),
                None => out += "\\\\",
            },
            '[' => {
                out.push('[');
                class(&mut chars, &mut out);
            }
            c => out += &regex_lite::escape(c.encode_utf8(&mut [0; 4])),
        }
    }
    out.push('$');
    regex_lite::Regex::new(&out)
        .map(Some)
        .map_err(|_| format!("invalid excludepatterns: [{pattern}]: syntax error in pattern"))
}

fn class(chars: &mut std::iter::Peekable<std::str::Chars<'_>>, out: &mut String) {
    if chars.peek() == Some(&'^') {
        chars.next();
        out.push('^');
    }
    while let Some(c) = chars.next() {
        match c {
            ']' => {
                out.push(']');
                return;
            }
            '-' => out.push('-'),
            '\\' => {
                let next = chars.next().unwrap_or('\\');
                out.extend(['\\', next].iter().filter(|c| !c.is_alphanumeric()));
                out.extend(Some(next).filter(|c| c.is_alphanumeric()));
            }
            c if c.is_alphanumeric() => out.push(c),
            c => out.extend(['\\', c]),
        }
    }
}

/// Says whether a pattern is one of filepath.Match's.
fn check(pattern: &str) -> Result<(), String> {
    Glob::parse(pattern).map(drop)
}

/// One component of a COPY source with wildcards.
#[derive(Debug, Clone)]
pub struct Glob {
    parts: Vec<Part>,
}

#[derive(Debug, Clone)]
enum Part {
    Any,
    One,
    Text(char),
    Class {
        negated: bool,
        ranges: Vec<(char, char)>,
    },
}

impl Glob {
    /// Reads filepath.Match's language.
    pub fn parse(pattern: &str) -> Result<Glob, String> {
        let bad = || "syntax error in pattern".to_owned();
        let mut parts = Vec::new();
        let mut chars = pattern.chars().peekable();
        while let Some(c) = chars.next() {
            parts.push(match c {
                '*' if matches!(parts.last(), Some(Part::Any)) => continue,
                '*' => Part::Any,
                '?' => Part::One,
                '\\' => Part::Text(chars.next().ok_or_else(bad)?),
                '[' => {
                    let negated = chars.next_if_eq(&'^').is_some();
                    let mut ranges = Vec::new();
                    loop {
                        let mut one = |first: bool| match chars.next() {
                            None => Err(bad()),
                            Some(']') if first && !ranges.is_empty() => Ok(None),
                            Some('-' | ']') => Err(bad()),
                            Some('\\') => chars.next().map(Some).ok_or_else(bad),
                            Some(c) => Ok(Some(c)),
                        };
                        let Some(low) = one(true)? else { break };
                        let high = match chars.next_if_eq(&'-') {
                            Some(_) => match chars.next() {
                                None | Some('-' | ']') => return Err(bad()),
                                Some('\\') => chars.next().ok_or_else(bad)?,
                                Some(c) => c,
                            },
                            None => low,
                        };
                        ranges.push((low, high));
                    }
                    Part::Class { negated, ranges }
                }
                c => Part::Text(c),
            });
        }
        Ok(Glob { parts })
    }

    /// Whether a text has special characters at all.
    pub fn is_special(text: &str) -> bool {
        text.contains(['*', '?', '[', '\\'])
    }

    /// Whether a whole name matches.
    pub fn matches(&self, name: &str) -> bool {
        let name: Vec<char> = name.chars().collect();
        // the classic walk with one place to go back to: linear for every pattern but the product at worst
        let (mut p, mut n) = (0, 0);
        let mut back: Option<(usize, usize)> = None;
        loop {
            match self.parts.get(p) {
                Some(Part::Any) => {
                    back = Some((p + 1, n));
                    p += 1;
                    continue;
                }
                Some(part) if n < name.len() && part.fits(name[n]) => {
                    (p, n) = (p + 1, n + 1);
                    continue;
                }
                None if n == name.len() => return true,
                _ => {}
            }
            match back {
                Some((at, from)) if from < name.len() => {
                    back = Some((at, from + 1));
                    (p, n) = (at, from + 1);
                }
                _ => return false,
            }
        }
    }
}

impl Part {
    fn fits(&self, c: char) -> bool {
        match self {
            Part::Any => false,
            Part::One => c != '/',
            Part::Text(text) => *text == c,
            Part::Class { negated, ranges } => {
                ranges.iter().any(|(low, high)| (*low..=*high).contains(&c)) != *negated
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn excluded(text: &str, path: &str) -> bool {
        Patterns::new(&lines(text)).unwrap().excludes(path)
    }

    #[test]
    fn the_last_match_decides() {
        for (text, path, want) in [
            ("d", "d/sub/x", true),
            ("./d\n", "d", true),
            ("/d/", "d/x", true),
            ("d/sub/..", "d/x", true),
            ("*\n!d/sub", "d/one", true),
            ("*\n!d/sub", "d/sub/two", false),
            ("*\n!d/sub", "d", true),
            ("d/**\n!**/two", "d/sub/two", false),
            ("d/**\n!**/two", "d/sub/one", true),
            ("d/**", "d", false),
            ("**/*.go", "a/b/x.go", true),
            ("**/*.go", "x.go", true),
            ("*.go", "a/x.go", false),
            ("a?c", "abc", true),
            ("a?c", "a/c", false),
            ("[a-c]x", "bx", true),
            ("[^a]x", "ax", false),
            ("a\\*", "a*", true),
            ("a\\*", "ab", false),
            ("# x\n  y  \n", "y", true),
            ("A", "a", false),
            ("a.c", "abc", false),
            ("!x\nx", "x", true),
            ("**/node_modules", "a/node_modules/b/c", true),
        ] {
            assert_eq!(excluded(text, path), want, "{text:?} {path}");
        }
    }

    #[test]
    fn a_bad_pattern_has_buildkits_sentence() {
        let e = Patterns::new(&["[".to_owned()]).unwrap_err();
        assert_eq!(e, "invalid excludepatterns: [[]: syntax error in pattern");
    }

    #[test]
    fn folders_left_out_are_walked_only_where_something_may_return() {
        let patterns = Patterns::new(&lines("*\n!d/sub\n!e/*.c")).unwrap();
        assert!(patterns.may_return_below("d"));
        assert!(patterns.may_return_below("e"));
        assert!(!patterns.may_return_below("node_modules"));
        let wide = Patterns::new(&lines("*\n!**/x")).unwrap();
        assert!(wide.may_return_below("node_modules"));
    }

    #[test]
    fn wildcards_are_gos() {
        for (pattern, name, want) in [
            ("*.txt", "a.txt", true),
            ("a[[]1].txt", "a[1].txt", true),
            ("[de]", "d", true),
            ("[^de]", "d", false),
            ("a\\*", "a*", true),
            ("*a*b", "xaxbxb", true),
            ("*a*b", "xaxbx", false),
            ("?", "ä", true),
            ("", "", true),
        ] {
            assert_eq!(
                Glob::parse(pattern).unwrap().matches(name),
                want,
                "{pattern} {name}"
            );
        }
        for bad in ["[", "[]", "[a", "a\\", "[-a]", "[a-]"] {
            assert!(Glob::parse(bad).is_err(), "{bad}");
        }
    }
}
