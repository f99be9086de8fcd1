//! Shell words: quotes, escapes, `$v`, `${v:-w}` and the pattern forms, with BuildKit's texts (shell/lex.go).

use super::pattern::Pattern;
use crate::grammar::go;

/// Where variables have their values.
pub trait Lookup {
    /// Returns a variable's value; `None` when it is not set.
    fn get(&self, name: &str) -> Option<&str>;
}

/// No variable is set.
#[derive(Debug, Clone, Copy)]
pub struct Nothing;

impl Lookup for Nothing {
    fn get(&self, _name: &str) -> Option<&str> {
        None
    }
}

impl<S: AsRef<str>> Lookup for [(S, S)] {
    /// The last one of a name counts.
    fn get(&self, name: &str) -> Option<&str> {
        self.iter()
            .rev()
            .find(|(n, _)| n.as_ref() == name)
            .map(|(_, value)| value.as_ref())
    }
}

impl<S: AsRef<str>> Lookup for Vec<(S, S)> {
    fn get(&self, name: &str) -> Option<&str> {
        Lookup::get(self.as_slice(), name)
    }
}

/// How words are read.
#[derive(Debug, Clone, Copy)]
pub struct Lexer {
    /// The file's escape character.
    pub escape: char,
    /// Quotes are text.
    pub skip_quotes: bool,
    /// Quotes work, and stay in the result.
    pub raw_quotes: bool,
    /// Escape characters stay in the result.
    pub raw_escapes: bool,
    /// Variables without a value stay as they are written.
    pub keep_unset: bool,
}

impl Default for Lexer {
    fn default() -> Lexer {
        Lexer {
            escape: '\\',
            skip_quotes: false,
            raw_quotes: false,
            raw_escapes: false,
            keep_unset: false,
        }
    }
}

/// An expanded word.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Expanded {
    /// The text.
    pub text: String,
    /// Variables that were asked for and have no value, in order.
    pub unset: Vec<String>,
}

impl Lexer {
    /// Expands one word. The error is BuildKit's sentence.
    pub fn word(&self, word: &str, values: &(impl Lookup + ?Sized)) -> Result<Expanded, String> {
        let reader = self.read(word, values)?;
        Ok(Expanded {
            text: reader.text,
            unset: reader.unset,
        })
    }

    /// Expands, and cuts at blanks outside of quotes, those of unquoted values included.
    pub fn words(
        &self,
        text: &str,
        values: &(impl Lookup + ?Sized),
    ) -> Result<Vec<String>, String> {
        Ok(self.read(text, values)?.words.finish())
    }

    fn read(&self, word: &str, values: &(impl Lookup + ?Sized)) -> Result<Done, String> {
        let mut reader = Reader {
            lexer: *self,
            rest: word.chars().peekable(),
            values,
            unset: Vec::new(),
            depth: 0,
        };
        match reader.until(None, self.raw_escapes) {
            Ok((text, words)) => Ok(Done {
                text,
                words,
                unset: reader.unset,
            }),
            Err(e) => Err(format!("failed to process {}: {e}", go::quote(word))),
        }
    }
}

struct Done {
    text: String,
    words: Words,
    unset: Vec<String>,
}

/// A text cut at blanks.
#[derive(Default)]
struct Words {
    done: Vec<String>,
    word: String,
    is_open: bool,
}

impl Words {
    fn quoted(&mut self, text: &str) {
        self.word += text;
        self.is_open = true;
    }

    fn plain(&mut self, c: char) {
        if c.is_whitespace() {
            self.end();
        } else {
            self.word.push(c);
            self.is_open = true;
        }
    }

    fn end(&mut self) {
        if std::mem::take(&mut self.is_open) {
            self.done.push(std::mem::take(&mut self.word));
        }
    }

    fn finish(mut self) -> Vec<String> {
        self.end();
        self.done
    }
}

/// `${a:-${b:-...}}` deeper than this is refused: each level is one of our stack's.
const DEEPEST: usize = 64;

struct Reader<'a, L: ?Sized> {
    lexer: Lexer,
    rest: std::iter::Peekable<std::str::Chars<'a>>,
    values: &'a L,
    unset: Vec<String>,
    depth: usize,
}

impl<L: Lookup + ?Sized> Reader<'_, L> {
    /// Reads up to `stop` (eaten), or to the end when there is none.
    fn until(&mut self, stop: Option<char>, raw_escapes: bool) -> Result<(String, Words), String> {
        let mut text = String::new();
        let mut words = Words::default();
        while let Some(&c) = self.rest.peek() {
            if Some(c) == stop {
                self.rest.next();
                return Ok((text, words));
            }
            match c {
                '$' => {
                    let value = self.dollar()?;
                    value.chars().for_each(|c| words.plain(c));
                    text += &value;
                }
                '\'' | '"' if !self.lexer.skip_quotes => {
                    let value = match c {
                        '"' => self.double_quoted(raw_escapes)?,
                        _ => self.single_quoted()?,
                    };
                    words.quoted(&value);
                    text += &value;
                }
                _ => {
                    self.rest.next();
                    if c != self.lexer.escape {
                        words.plain(c);
                        text.push(c);
                        continue;
                    }
                    if raw_escapes {
                        words.quoted(c.encode_utf8(&mut [0; 4]));
                        text.push(c);
                    }
                    let Some(next) = self.rest.next() else { break };
                    words.quoted(next.encode_utf8(&mut [0; 4]));
                    text.push(next);
                }
            }
        }
        match stop {
            None => Ok((text, words)),
            Some(stop) => Err(format!(
                "unexpected end of statement while looking for matching {stop}"
            )),
        }
    }

    fn single_quoted(&mut self) -> Result<String, String> {
        let mut text = String::new();
        let raw = self.lexer.raw_quotes;
        text.extend(self.rest.next().filter(|_| raw));
        loop {
            match self.rest.next() {
                None => {
                    return Err(
                        "unexpected end of statement while looking for matching single-quote"
                            .to_owned(),
                    );
                }
                Some('\'') => {
                    text.extend(raw.then_some('\''));
                    return Ok(text);
                }
                Some(c) => text.push(c),
            }
        }
    }

    fn double_quoted(&mut self, raw_escapes: bool) -> Result<String, String> {
        let mut text = String::new();
        let raw = self.lexer.raw_quotes;
        text.extend(self.rest.next().filter(|_| raw));
        loop {
            match self.rest.peek().copied() {
                None => {
                    return Err(
                        "unexpected end of statement while looking for matching double-quote"
                            .to_owned(),
                    );
                }
                Some('"') => {
                    self.rest.next();
                    text.extend(raw.then_some('"'));
                    return Ok(text);
                }
                Some('$') => text += &self.dollar()?,
                Some(c) => {
                    self.rest.next();
                    if c != self.lexer.escape {
                        text.push(c);
                        continue;
                    }
                    if raw_escapes {
                        text.push(c);
                    }
                    match self.rest.peek().copied() {
                        None => {}
                        Some(next) if ['"', '$', c].contains(&next) => {
                            self.rest.next();
                            text.push(next);
                        }
                        Some(_) if raw_escapes => {}
                        Some(_) => text.push(c),
                    }
                }
            }
        }
    }

    fn dollar(&mut self) -> Result<String, String> {
        self.rest.next();
        if self.rest.peek() != Some(&'{') {
            let name = self.name();
            if name.is_empty() {
                return Ok("$".to_owned());
            }
            return Ok(self.value_or(&name, || format!("${name}")));
        }
        self.rest.next();
        match self.rest.peek() {
            None => return Err("syntax error: missing '}'".to_owned()),
            Some('{' | '}' | ':') => return Err("syntax error: bad substitution".to_owned()),
            Some(_) => {}
        }
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err("syntax error: too many nested substitutions".to_owned());
        }
        let value = self.braced();
        self.depth -= 1;
        value
    }

    /// What stands after `${`.
    fn braced(&mut self) -> Result<String, String> {
        let name = self.name();
        match self.rest.next() {
            None => Err("syntax error: missing '}'".to_owned()),
            Some('}') => Ok(self.value_or(&name, || format!("${{{name}}}"))),
            Some('/') => self.replaced(&name),
            Some(':') => match self.rest.next() {
                None => Err("syntax error: missing '}'".to_owned()),
                Some(c @ ('-' | '+' | '?')) => self.modified(&name, c, true),
                Some(c) => Err(format!("unsupported modifier (:{c}) in substitution")),
            },
            Some(c @ ('-' | '+' | '?' | '#' | '%')) => self.modified(&name, c, false),
            Some(c) => Err(format!("unsupported modifier ({c}) in substitution")),
        }
    }

    /// `null_is_unset`: a colon stands before the modifier.
    fn modified(&mut self, name: &str, c: char, null_is_unset: bool) -> Result<String, String> {
        let is_pattern = matches!(c, '#' | '%');
        let word = self.part('}', is_pattern)?;
        let found = self.values.get(name).map(str::to_owned);
        let usable = found
            .clone()
            .filter(|value| !(null_is_unset && value.is_empty()));
        if found.is_none() {
            // a default makes the question harmless
            if !matches!(c, '-' | '+' | '?') {
                self.unset.push(name.to_owned());
            }
            if self.lexer.keep_unset {
                let colon = if null_is_unset { ":" } else { "" };
                return Ok(format!("${{{name}{colon}{c}{word}}}"));
            }
        }
        Ok(match (c, usable) {
            ('-', None) => word,
            ('+', None) => String::new(),
            ('+', Some(_)) => word,
            ('?', None) => {
                let why = match (word.as_str(), found) {
                    ("", None) => "is not allowed to be unset",
                    ("", Some(_)) => "is not allowed to be empty",
                    (word, _) => word,
                };
                return Err(format!("{name}: {why}"));
            }
            ('#' | '%', value) => {
                let value = value.unwrap_or_default();
                let (greedy, pattern) = match word.strip_prefix(c) {
                    Some(rest) => (true, rest),
                    None => (false, word.as_str()),
                };
                let pattern = Pattern::parse(pattern);
                match c {
                    '#' => value[pattern.prefix(&value, greedy)..].to_owned(),
                    _ => value[..pattern.suffix(&value, greedy)].to_owned(),
                }
            }
            (_, Some(value)) => value,
            (_, None) => String::new(),
        })
    }

    fn replaced(&mut self, name: &str) -> Result<String, String> {
        let all = self.rest.peek() == Some(&'/');
        if all {
            self.rest.next();
        }
        let pattern = self.part('/', true)?;
        let with = self.part('}', true)?;
        let Some(value) = self.values.get(name) else {
            self.unset.push(name.to_owned());
            let slash = if all { "//" } else { "/" };
            return Ok(match self.lexer.keep_unset {
                true => format!("${{{name}{slash}{pattern}/{with}}}"),
                false => String::new(),
            });
        };
        Ok(Pattern::parse(&pattern).replace(value, &with, all))
    }

    /// Reads up to `stop`; a missing one is a missing brace.
    fn part(&mut self, stop: char, raw_escapes: bool) -> Result<String, String> {
        let read = self.until(Some(stop), raw_escapes);
        match read {
            Ok((text, _)) => Ok(text),
            Err(_) if self.rest.peek().is_none() => Err("syntax error: missing '}'".to_owned()),
            Err(e) => Err(e),
        }
    }

    fn value_or(&mut self, name: &str, written: impl Fn() -> String) -> String {
        match self.values.get(name) {
            Some(value) => value.to_owned(),
            None => {
                self.unset.push(name.to_owned());
                match self.lexer.keep_unset {
                    true => written(),
                    false => String::new(),
                }
            }
        }
    }

    /// A name, a row of digits, or one special character of the shell's.
    fn name(&mut self) -> String {
        let mut name = String::new();
        while let Some(&c) = self.rest.peek() {
            let first = name.chars().next();
            let fits = match first {
                None if c == '_' || c.is_alphanumeric() => true,
                None if "@*#?-$!0".contains(c) => {
                    self.rest.next();
                    return c.to_string();
                }
                Some(first) if first.is_ascii_digit() => c.is_ascii_digit(),
                Some(_) => c == '_' || c.is_alphanumeric(),
                None => false,
            };
            if !fits {
                break;
            }
            name.push(c);
            self.rest.next();
        }
        name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values() -> Vec<(&'static str, &'static str)> {
        vec![
            ("p", "/usr/lib/a.tar.gz"),
            ("empty", ""),
            ("x", "y"),
            ("two", "a b"),
            ("ref", "$1-${x}"),
        ]
    }

    fn word(text: &str) -> Result<String, String> {
        Lexer::default().word(text, &values()).map(|e| e.text)
    }

    #[test]
    fn words_expand_as_buildkit_expands_them() {
        for (text, want) in [
            ("plain", "plain"),
            ("$x${x}z$nothing", "yyz"),
            ("\"q \"\"two\"\" x\"", "q two x"),
            ("'$x'\"$x\"", "$xy"),
            ("\\$x \\a \"\\a\\$\\\"\\\\\"", "$x a \\a$\"\\"),
            ("$", "$"),
            ("a$ b", "a$ b"),
            ("$1a", "a"),
            ("${x:-w}${empty:-w}${empty-w}${none-w}${none:-w}", "ywww"),
            ("${x:+w}${empty:+w}${empty+w}${none+w}", "ww"),
            ("${none:-${x}$x}", "yy"),
            ("${none:-\"a } b\"}", "a } b"),
            ("${p#*/}", "usr/lib/a.tar.gz"),
            ("${p##*/}", "a.tar.gz"),
            ("${p%.*}", "/usr/lib/a.tar"),
            ("${p%%.*}", "/usr/lib/a"),
            ("${p/a/X}", "/usr/lib/X.tar.gz"),
            ("${p//a/X}", "/usr/lib/X.tXr.gz"),
            ("${p//\\//-}", "-usr-lib-a.tar.gz"),
            ("${p/?r*/!}", "/u!"),
            ("${p#none}", "/usr/lib/a.tar.gz"),
            ("${none#p}", ""),
            ("${x:?m}${x?m}", "yy"),
            ("${p//u/$ref}", "/-sr/lib/a.tar.gz"),
        ] {
            assert_eq!(word(text).as_deref(), Ok(want), "{text}");
        }
    }

    #[test]
    fn wrong_words_have_buildkits_sentences() {
        for (text, want) in [
            ("${x!y}", "unsupported modifier (!) in substitution"),
            ("${x:#y}", "unsupported modifier (:#) in substitution"),
            ("${none:?need it}", "none: need it"),
            ("${none?}", "none: is not allowed to be unset"),
            ("${empty:?}", "empty: is not allowed to be empty"),
            ("${x", "syntax error: missing '}'"),
            ("${x:-", "syntax error: missing '}'"),
            ("${", "syntax error: missing '}'"),
            ("${}", "syntax error: bad substitution"),
            ("${:x}", "syntax error: bad substitution"),
            (
                "\"b",
                "unexpected end of statement while looking for matching double-quote",
            ),
            (
                "'b",
                "unexpected end of statement while looking for matching single-quote",
            ),
        ] {
            let want = format!("failed to process {}: {want}", go::quote(text));
            assert_eq!(word(text), Err(want), "{text}");
        }
        assert!(word(&"${a:-".repeat(100_000)).is_err());
    }

    #[test]
    fn values_outside_of_quotes_are_cut_at_blanks() {
        let words = |text| Lexer::default().words(text, &values()).unwrap();
        assert_eq!(words("$two\"$two\" c"), ["a", "ba b", "c"]);
        assert_eq!(words("'' x"), ["", "x"]);
    }

    #[test]
    fn unset_variables_are_told_and_can_stay() {
        let unset = Lexer::default().word("$a ${b} ${c:-d} ${e#f}", &values());
        assert_eq!(unset.unwrap().unset, ["a", "b", "e"]);
        let lexer = Lexer {
            keep_unset: true,
            ..Lexer::default()
        };
        let kept = lexer.word("$a ${b} ${c:-d} $x", &values()).unwrap().text;
        assert_eq!(kept, "$a ${b} ${c:-d} y");
    }
}
