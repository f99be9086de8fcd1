//! Cuts a template into tokens (Go's text/template/parse/lex.go).

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Outside of actions.
    Text,
    /// `{{`.
    Left,
    /// `}}`.
    Right,
    Space,
    Pipe,
    Assign,
    Declare,
    LeftParen,
    RightParen,
    /// `.A`.
    Field,
    /// `$x`.
    Variable,
    Identifier,
    /// `if`, `range`, ... and `.`, `nil`: Go's words for its keyword tokens.
    Keyword,
    Bool,
    Number,
    /// `'a'`.
    Char,
    /// `"a"`.
    Quoted,
    /// `` `a` ``.
    Raw,
    /// Any other printable sign.
    Sign,
    /// What is wrong; the last token.
    Error,
    /// The end; the last token.
    Eof,
}

/// A piece of the template.
#[derive(Debug, Clone)]
pub(super) struct Token {
    pub(super) kind: Kind,
    /// Byte offset of its beginning.
    pub(super) position: usize,
    /// As written; for an error what is wrong.
    pub(super) text: String,
}

impl Token {
    /// Says whether it is this keyword.
    pub(super) fn is(&self, keyword: &str) -> bool {
        self.kind == Kind::Keyword && self.text == keyword
    }
}

const KEYWORDS: &[&str] = &[
    "block", "break", "continue", "define", "else", "end", "if", "nil", "range", "template", "with",
];

/// Returns the tokens; the last one is an error or the end.
pub(super) fn tokens(text: &str) -> Vec<Token> {
    let mut lexer = Lexer {
        text,
        start: 0,
        at: 0,
        parens: 0,
        tokens: Vec::new(),
    };
    match lexer.text() {
        Ok(()) => lexer.emit(Kind::Eof),
        Err(what) => lexer.tokens.push(Token {
            kind: Kind::Error,
            position: lexer.start,
            text: what,
        }),
    }
    lexer.tokens
}

struct Lexer<'a> {
    text: &'a str,
    /// Beginning of the current token.
    start: usize,
    at: usize,
    parens: usize,
    tokens: Vec<Token>,
}

type Lexed = Result<(), String>;

impl<'a> Lexer<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += c.len_utf8();
        Some(c)
    }

    fn accept(&mut self, set: &str) -> bool {
        let found = self.peek().is_some_and(|c| set.contains(c));
        if found {
            self.at += 1;
        }
        found
    }

    fn skip_while(&mut self, test: impl Fn(char) -> bool) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start_matches(test).len();
    }

    fn emit(&mut self, kind: Kind) {
        let text = self.text[self.start..self.at].to_owned();
        self.tokens.push(Token {
            kind,
            position: self.start,
            text,
        });
        self.start = self.at;
    }

    /// Reads to the end of the template, action by action.
    fn text(&mut self) -> Lexed {
        while let Some(offset) = self.rest().find("{{") {
            let text_end = self.at + offset;
            let trims = trims_left(&self.text[text_end + 2..]);
            let text = &self.text[self.at..text_end];
            let text = if trims {
                text.trim_end_matches(is_space)
            } else {
                text
            };
            self.at += text.len();
            if !text.is_empty() {
                self.emit(Kind::Text);
            }
            self.start = text_end;
            self.at = text_end + 2;
            let marker = if trims { 2 } else { 0 };
            if self.text[self.at + marker..].starts_with("/*") {
                self.at += marker;
                self.comment()?;
            } else {
                self.emit(Kind::Left);
                self.at += marker;
                self.start = self.at;
                self.action()?;
            }
        }
        self.at = self.text.len();
        if self.start < self.at {
            self.emit(Kind::Text);
        }
        Ok(())
    }

    fn comment(&mut self) -> Lexed {
        let end = self.rest().find("*/").ok_or("unclosed comment")?;
        self.at += end + 2;
        let trims = self
            .at_right()
            .ok_or("comment ends before closing delimiter")?;
        self.right(trims);
        Ok(())
    }

    /// Says whether `}}` comes next, and if so whether it has a trim marker.
    fn at_right(&self) -> Option<bool> {
        let rest = self.rest();
        if rest
            .strip_prefix(is_space)
            .is_some_and(|rest| rest.starts_with("-}}"))
        {
            return Some(true);
        }
        rest.starts_with("}}").then_some(false)
    }

    /// Steps over `}}` and, with a marker, the white space after it.
    fn right(&mut self, trims: bool) {
        self.at += if trims { 4 } else { 2 };
        if trims {
            self.skip_while(is_space);
        }
        self.start = self.at;
    }

    /// Reads to the action's `}}`.
    fn action(&mut self) -> Lexed {
        loop {
            if let Some(trims) = self.at_right() {
                if self.parens > 0 {
                    return Err("unclosed left paren".to_owned());
                }
                let position = self.at;
                self.right(trims);
                self.tokens.push(Token {
                    kind: Kind::Right,
                    position,
                    text: "}}".to_owned(),
                });
                return Ok(());
            }
            self.inside()?;
        }
    }

    fn inside(&mut self) -> Lexed {
        let Some(c) = self.next() else {
            return Err("unclosed action".to_owned());
        };
        match c {
            _ if is_space(c) => {
                // leaves the last space when it belongs to a trim marker
                while self.peek().is_some_and(is_space) && self.at_right().is_none() {
                    self.at += 1;
                }
                self.emit(Kind::Space);
            }
            '=' => self.emit(Kind::Assign),
            ':' if self.accept("=") => self.emit(Kind::Declare),
            ':' => return Err("expected :=".to_owned()),
            '|' => self.emit(Kind::Pipe),
            '"' => self.quoted('"', "unterminated quoted string", Kind::Quoted)?,
            '\'' => self.quoted('\'', "unterminated character constant", Kind::Char)?,
            '`' => {
                let end = self
                    .rest()
                    .find('`')
                    .ok_or("unterminated raw quoted string")?;
                self.at += end + 1;
                self.emit(Kind::Raw);
            }
            '$' => self.name(Kind::Variable)?,
            '.' if !self.peek().is_some_and(|c| c.is_ascii_digit()) => self.name(Kind::Field)?,
            '.' | '+' | '-' | '0'..='9' => self.number()?,
            '(' => {
                self.parens += 1;
                self.emit(Kind::LeftParen);
            }
            ')' => {
                self.parens = self.parens.checked_sub(1).ok_or("unexpected right paren")?;
                self.emit(Kind::RightParen);
            }
            _ if is_word(c) => self.name(Kind::Identifier)?,
            ' '..='~' => self.emit(Kind::Sign),
            _ => {
                return Err(format!(
                    "unrecognized character in action: {}",
                    code_point(c)
                ));
            }
        }
        Ok(())
    }

    fn quoted(&mut self, quote: char, unterminated: &str, kind: Kind) -> Lexed {
        loop {
            let mut c = self.next();
            let escaped = c == Some('\\');
            if escaped {
                c = self.next();
            }
            match c {
                None | Some('\n') => return Err(unterminated.to_owned()),
                Some(c) if c == quote && !escaped => break,
                Some(_) => {}
            }
        }
        self.emit(kind);
        Ok(())
    }

    /// Reads the rest of a field, variable or word.
    fn name(&mut self, kind: Kind) -> Lexed {
        self.skip_while(is_word);
        if !self.at_terminator() {
            return Err(format!(
                "bad character {}",
                self.peek().map_or(String::new(), code_point)
            ));
        }
        let kind = match &self.text[self.start..self.at] {
            "." => Kind::Keyword,
            "true" | "false" => Kind::Bool,
            word if kind == Kind::Identifier && KEYWORDS.contains(&word) => Kind::Keyword,
            _ => kind,
        };
        self.emit(kind);
        Ok(())
    }

    fn at_terminator(&self) -> bool {
        self.rest().starts_with("}}")
            || self
                .peek()
                .is_none_or(|c| is_space(c) || ".,|:()".contains(c))
    }

    fn number(&mut self) -> Lexed {
        self.at = self.start;
        self.accept("+-");
        let mut digits = "0123456789_";
        if self.accept("0") {
            for (prefix, set) in [
                ("xX", "0123456789abcdefABCDEF_"),
                ("oO", "01234567_"),
                ("bB", "01_"),
            ] {
                if self.accept(prefix) {
                    digits = set;
                    break;
                }
            }
        }
        self.skip_while(|c| digits.contains(c));
        if self.accept(".") {
            self.skip_while(|c| digits.contains(c));
        }
        if digits.len() == 11 && self.accept("eE") {
            self.accept("+-");
            self.skip_while(|c| digits.contains(c));
        }
        self.accept("i");
        if self.peek().is_some_and(is_word) {
            self.next();
            return Err(format!(
                "bad number syntax: {:?}",
                &self.text[self.start..self.at]
            ));
        }
        self.emit(Kind::Number);
        Ok(())
    }
}

/// Says whether an action begins with `{{- `, so that the white space before it goes.
fn trims_left(after: &str) -> bool {
    after
        .strip_prefix('-')
        .is_some_and(|rest| rest.starts_with(is_space))
}

fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r' | '\n')
}

fn is_word(c: char) -> bool {
    c == '_' || c.is_alphanumeric()
}

/// Go's `%#U`.
fn code_point(c: char) -> String {
    let code = format!("U+{:04X}", c as u32);
    if c.is_control() {
        code
    } else {
        format!("{code} '{c}'")
    }
}
