//! Text to logical lines: directives, continuation, comments, heredocs.

use super::words::{self, Lexer};
use super::{Fault, split};

/// The longest line that BuildKit's scanner takes, in bytes.
const LONGEST_LINE: usize = 65535;

/// A range of lines, both counted from 1 and inclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Lines {
    /// First line.
    pub first: usize,
    /// Last line, heredoc bodies included.
    pub last: usize,
}

/// What the first comments say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Directives {
    /// `# syntax=`, and its line.
    pub syntax: Option<(String, Lines)>,
    /// `# escape=`.
    pub escape: char,
    /// `# check=`, and its line.
    pub check: Option<(String, Lines)>,
}

/// Something odd that is no error: a lint rule's name, its sentence, where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// The rule of `--check`.
    pub rule: &'static str,
    /// The sentence.
    pub text: String,
    /// Where.
    pub lines: Lines,
}

/// A here-document of RUN, COPY or ADD.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Heredoc {
    /// The delimiter, without quotes: the file's name.
    pub name: String,
    /// The descriptor before `<<`; empty for none.
    pub descriptor: String,
    /// Whether variables in the body expand: the delimiter has no quotes.
    pub expand: bool,
    /// `<<-`: leading tabs of the body are taken away.
    pub chomp: bool,
    /// The body as it stands in the file, each line with its end.
    pub content: String,
}

impl Heredoc {
    /// Returns the body as a file of COPY has it: without leading tabs where `<<-` says so.
    pub fn chomped(&self) -> String {
        if !self.chomp {
            return self.content.clone();
        }
        self.content
            .split_inclusive('\n')
            .map(|line| line.trim_start_matches('\t'))
            .collect()
    }
}

/// A logical line.
#[derive(Debug, Clone)]
pub struct Node {
    /// The keyword as written.
    pub keyword: String,
    /// `--name=value` words, unquoted.
    pub flags: Vec<String>,
    /// The rest of the line.
    pub rest: String,
    /// The whole logical line, continuation joined.
    pub text: String,
    /// Where.
    pub lines: Lines,
    /// The bodies.
    pub heredocs: Vec<Heredoc>,
    /// The comment lines directly above it, without `#`.
    pub comments: Vec<String>,
}

/// What [`read`] returns.
#[derive(Debug)]
pub(super) struct Read {
    pub(super) directives: Directives,
    pub(super) nodes: Vec<Node>,
    pub(super) warnings: Vec<Warning>,
}

/// Cuts a file into logical lines.
pub(super) fn read(text: &str) -> Result<Read, Fault> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    check_bytes(text)?;
    if text.is_empty() {
        return Err(Fault::whole("the Dockerfile cannot be empty"));
    }
    let directives = directives(text)?;
    let mut scanner = Scanner {
        lines: text.split_inclusive('\n'),
        number: 0,
    };
    let mut read = Read {
        directives,
        nodes: Vec::new(),
        warnings: Vec::new(),
    };
    let mut comments = Vec::new();
    while let Some(line) = scanner.next() {
        if let Some(comment) = comment(line) {
            comments.push(comment.to_owned());
            continue;
        }
        let line = trim_end_of_line(line).trim_start_matches(is_blank);
        if line.is_empty() {
            comments.clear();
            continue;
        }
        let node = scanner.logical(line, &mut read, std::mem::take(&mut comments))?;
        read.nodes.extend(node);
    }
    if read.nodes.is_empty() {
        return Err(Fault::whole("file with no instructions"));
    }
    Ok(read)
}

/// BuildKit gives a NUL to execve(2), which refuses it without a word about where it is; here its line is told.
fn check_bytes(text: &str) -> Result<(), Fault> {
    for (number, line) in (1..).zip(text.split('\n')) {
        let here = Lines {
            first: number,
            last: number,
        };
        if line.contains('\0') {
            return Err(Fault::at(here, "a NUL byte"));
        }
        if line.len() > LONGEST_LINE {
            let text = format!("dockerfile line greater than max allowed size of {LONGEST_LINE}");
            return Err(Fault::at(here, text));
        }
    }
    Ok(())
}

struct Scanner<'a> {
    lines: std::str::SplitInclusive<'a, char>,
    number: usize,
}

impl<'a> Scanner<'a> {
    fn next(&mut self) -> Option<&'a str> {
        let line = self.lines.next()?;
        self.number += 1;
        Some(line)
    }

    /// Reads the rest of a logical line that begins with `line`, and its heredocs. `None`: nothing but a continuation.
    fn logical(
        &mut self,
        line: &str,
        read: &mut Read,
        comments: Vec<String>,
    ) -> Result<Option<Node>, Fault> {
        let escape = read.directives.escape;
        let first = self.number;
        let (start, mut more) = continuation(line, escape);
        let mut text = start.to_owned();
        let mut has_empty = false;
        while more {
            let Some(next) = self.next() else { break };
            if comment(next).is_some() {
                continue;
            }
            let next = trim_end_of_line(next);
            if next.trim_matches(is_blank).is_empty() {
                has_empty = true;
                continue;
            }
            let (part, goes_on) = continuation(next, escape);
            text.push_str(part);
            more = goes_on;
        }
        let here = |last| Lines { first, last };
        if has_empty {
            read.warnings.push(Warning {
                rule: "NoEmptyContinuation",
                text: "Empty continuation line".to_owned(),
                lines: here(self.number),
            });
        }
        if text.trim().is_empty() {
            return Ok(None);
        }
        let (keyword, flags, rest) = split::command(&text);
        let mut node = Node {
            keyword,
            flags,
            rest,
            text,
            lines: here(self.number),
            heredocs: Vec::new(),
            comments,
        };
        if may_have_heredocs(&node) && node.text.contains("<<") {
            node.heredocs =
                heredocs(&node.text).map_err(|text| Fault::at(here(self.number), text))?;
            for at in 0..node.heredocs.len() {
                let Some(content) = self.body(&node.heredocs[at]) else {
                    return Err(Fault::at(here(self.number), "unterminated heredoc"));
                };
                node.heredocs[at].content = content;
            }
            node.lines = here(self.number);
        }
        Ok(Some(node))
    }

    /// Returns the lines up to the delimiter; `None` when it does not come.
    fn body(&mut self, heredoc: &Heredoc) -> Option<String> {
        let mut content = String::new();
        loop {
            let line = self.next()?;
            let mut end = trim_end_of_line(line);
            if heredoc.chomp {
                end = end.trim_start_matches('\t');
            }
            if end == heredoc.name {
                return Some(content);
            }
            content.push_str(line);
        }
    }
}

fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\u{b}' | '\u{c}' | '\r')
}

fn trim_end_of_line(line: &str) -> &str {
    line.trim_end_matches(['\r', '\n'])
}

fn comment(line: &str) -> Option<&str> {
    line.trim_start_matches(is_blank)
        .strip_prefix('#')
        .map(str::trim)
}

/// A line without its escape character at the end, and whether the next one belongs to it. A doubled one is text.
fn continuation(line: &str, escape: char) -> (&str, bool) {
    let cut = line.trim_end_matches([' ', '\t']);
    match cut.strip_suffix(escape) {
        Some(before) if !before.ends_with(escape) => (before, true),
        _ => (line, false),
    }
}

fn directives(text: &str) -> Result<Directives, Fault> {
    let mut found = Directives {
        syntax: None,
        escape: '\\',
        check: None,
    };
    let mut seen: Vec<String> = Vec::new();
    for (number, line) in (1..).zip(text.split('\n')) {
        let here = Lines {
            first: number,
            last: number,
        };
        let line = line.trim_start_matches(is_blank);
        let Some((name, value)) = line.strip_prefix('#').and_then(|rest| rest.split_once('='))
        else {
            break;
        };
        let name = name.trim().to_ascii_lowercase();
        let value = value.trim();
        let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic())
            && name.chars().all(|c| c.is_ascii_alphanumeric());
        if !is_name || value.is_empty() {
            break;
        }
        if !["syntax", "escape", "check"].contains(&name.as_str()) {
            break;
        }
        if seen.contains(&name) {
            return Err(Fault::at(
                here,
                format!("only one {name} parser directive can be used"),
            ));
        }
        match name.as_str() {
            "escape" => found.escape = escape(value, here)?,
            "syntax" => found.syntax = Some((value.to_owned(), here)),
            _ => found.check = Some((value.to_owned(), here)),
        }
        seen.push(name);
    }
    Ok(found)
}

fn escape(value: &str, here: Lines) -> Result<char, Fault> {
    match value {
        "\\" => Ok('\\'),
        "`" => Ok('`'),
        _ => Err(Fault::at(
            here,
            format!("invalid escape token '{value}' does not match ` or \\"),
        )),
    }
}

fn may_have_heredocs(node: &Node) -> bool {
    let mut words = node.text.split_whitespace().map(str::to_ascii_lowercase);
    let mut word = words.next().unwrap_or_default();
    if word == "onbuild" {
        word = words.next().unwrap_or_default();
    }
    if !["add", "copy", "run"].contains(&word.as_str()) {
        return false;
    }
    // JSON form has no heredocs
    !(split::json_list(&node.rest).is_ok_and(|list| list.is_some()))
}

/// The heredocs that the words of a line begin, in their order.
fn heredocs(line: &str) -> Result<Vec<Heredoc>, String> {
    let lexer = Lexer {
        escape: '\\',
        raw_quotes: true,
        raw_escapes: true,
        keep_unset: true,
        ..Lexer::default()
    };
    let words = lexer.words(line, &words::Nothing)?;
    let mut found = Vec::new();
    for word in words {
        found.extend(heredoc(&word)?);
    }
    Ok(found)
}

/// `^(\d*)<<(-?)([^<]*)$`, and its name by the rules of a shell's word.
pub(super) fn heredoc(word: &str) -> Result<Option<Heredoc>, String> {
    let rest = word.trim_start_matches(|c: char| c.is_ascii_digit());
    let descriptor = &word[..word.len() - rest.len()];
    let Some(rest) = rest.strip_prefix("<<") else {
        return Ok(None);
    };
    let (chomp, rest) = match rest.strip_prefix('-') {
        Some(rest) => (true, rest.trim_start()),
        None => (false, rest),
    };
    if rest.is_empty() || rest.contains('<') {
        return Ok(None);
    }
    let lexer = Lexer {
        escape: '\\',
        keep_unset: true,
        ..Lexer::default()
    };
    let names = lexer.words(rest, &words::Nothing)?;
    let [name] = names.as_slice() else {
        return Ok(None);
    };
    let raw = Lexer {
        raw_quotes: true,
        ..lexer
    };
    Ok(Some(Heredoc {
        name: name.clone(),
        descriptor: descriptor.to_owned(),
        expand: raw.word(rest, &words::Nothing)?.text == *name,
        chomp,
        content: String::new(),
    }))
}
