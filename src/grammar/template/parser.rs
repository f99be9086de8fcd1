//! Makes nodes of tokens (Go's text/template/parse/parse.go).

use std::collections::BTreeMap;

use super::funcs;
use super::lexer::{Kind, Token, tokens};
use super::node::{Branch, Call, Command, Node, Number, Pipe, Term, Word};
use crate::grammar::go::unquote;

/// Deeper nesting of blocks and parentheses is refused, so that neither we nor the evaluator run out of stack.
const DEEPEST: usize = 100;

/// The main template and those it defines.
pub(super) type Parsed = (Vec<Node>, BTreeMap<String, Vec<Node>>);
/// The line, and what is wrong there.
type Problem = (usize, String);
type Result<T> = std::result::Result<T, Problem>;

/// Parses a whole text.
pub(super) fn parse(text: &str) -> Result<Parsed> {
    let mut parser = Parser {
        text,
        tokens: tokens(text),
        at: 0,
        variables: vec!["$".to_owned()],
        ranges: 0,
        depth: 0,
        action_line: None,
        defined: BTreeMap::new(),
    };
    let main = parser.top()?;
    Ok((main, parser.defined))
}

struct Parser<'a> {
    text: &'a str,
    tokens: Vec<Token>,
    at: usize,
    /// Variables in scope.
    variables: Vec<String>,
    /// How many `range`s we are in.
    ranges: usize,
    depth: usize,
    /// Line of the current action's `{{`.
    action_line: Option<usize>,
    defined: BTreeMap<String, Vec<Node>>,
}

/// What ended a list of nodes.
#[derive(Debug, PartialEq, Eq)]
enum Stop {
    End,
    Else,
    /// `{{else if` or `{{else with`, which goes on as if that word had come in an action of its own.
    ElseBranch,
}

impl Parser<'_> {
    fn peek(&self) -> &Token {
        &self.tokens[self.at]
    }

    /// The last token is given again and again.
    fn next(&mut self) -> Token {
        let token = self.peek().clone();
        if self.at + 1 < self.tokens.len() {
            self.at += 1;
        }
        token
    }

    fn skip_space(&mut self) {
        while self.peek().kind == Kind::Space {
            self.at += 1;
        }
    }

    fn next_word(&mut self) -> Token {
        self.skip_space();
        self.next()
    }

    fn peek_word(&mut self) -> &Token {
        self.skip_space();
        self.peek()
    }

    fn line(&self, position: usize) -> usize {
        1 + self.text[..position.min(self.text.len())]
            .matches('\n')
            .count()
    }

    fn problem<T>(&self, what: impl Into<String>) -> Result<T> {
        let read = &self.tokens[self.at.saturating_sub(1)];
        let position = if self.peek().kind == Kind::Error {
            self.peek().position
        } else {
            read.position
        };
        Err((self.line(position), what.into()))
    }

    fn unexpected<T>(&self, token: &Token, context: &str) -> Result<T> {
        if token.kind == Kind::Error {
            let line = self.line(self.text.len().min(token.position));
            let started = self.action_line.filter(|started| *started != line);
            let extra = match started {
                Some(started) if token.text.ends_with(" action") => {
                    format!(" started at :{started}")
                }
                Some(started) => format!(" in action started at :{started}"),
                None => String::new(),
            };
            return Err((line, format!("{}{extra}", token.text)));
        }
        self.problem(format!("unexpected {} in {context}", shown(token)))
    }

    fn expect_right(&mut self, context: &str) -> Result<()> {
        let token = self.next_word();
        if token.kind == Kind::Right {
            Ok(())
        } else {
            self.unexpected(&token, context)
        }
    }

    /// Runs `inner` one level deeper.
    fn deeper<T>(&mut self, inner: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        if self.depth == DEEPEST {
            return self.problem(format!("exceeded maximum nesting depth ({DEEPEST})"));
        }
        self.depth += 1;
        let result = inner(self);
        self.depth -= 1;
        result
    }

    fn top(&mut self) -> Result<Vec<Node>> {
        let mut nodes = Vec::new();
        while self.peek().kind != Kind::Eof {
            if self.peek().kind == Kind::Left {
                let start = self.at;
                self.next();
                if self.next_word().is("define") {
                    self.definition()?;
                    continue;
                }
                self.at = start;
            }
            match self.text_or_action()? {
                Ok(node) => nodes.push(node),
                Err(Stop::End) => return self.problem("unexpected {{end}}"),
                Err(_) => return self.problem("unexpected {{else}}"),
            }
        }
        Ok(nodes)
    }

    fn definition(&mut self) -> Result<()> {
        let name = self.template_name("define clause")?;
        self.expect_right("define clause")?;
        self.body_of(name, "define clause")
    }

    /// Reads a template's body up to `{{end}}` and keeps it; it sees no variable but `$`.
    fn body_of(&mut self, name: String, context: &str) -> Result<()> {
        let variables = std::mem::replace(&mut self.variables, vec!["$".to_owned()]);
        let ranges = std::mem::take(&mut self.ranges);
        let (body, end) = self.list()?;
        (self.variables, self.ranges) = (variables, ranges);
        if end != Stop::End {
            return self.problem(format!("unexpected {{{{else}}}} in {context}"));
        }
        let is_empty = |nodes: &[Node]| {
            nodes
                .iter()
                .all(|node| matches!(node, Node::Text(text) if text.trim().is_empty()))
        };
        match self.defined.get(&name) {
            Some(earlier) if !is_empty(earlier) && !is_empty(&body) => self.problem(format!(
                "template: multiple definition of template {name:?}"
            )),
            Some(earlier) if !is_empty(earlier) => Ok(()),
            _ => {
                self.defined.insert(name, body);
                Ok(())
            }
        }
    }

    fn template_name(&mut self, context: &str) -> Result<String> {
        let token = self.next_word();
        match token.kind {
            Kind::Quoted | Kind::Raw => self.string(&token),
            _ => self.unexpected(&token, context),
        }
    }

    fn string(&self, token: &Token) -> Result<String> {
        unquote(&token.text).map_or_else(|| self.problem("invalid syntax"), Ok)
    }

    /// Reads nodes up to `{{end}}` or `{{else`.
    fn list(&mut self) -> Result<(Vec<Node>, Stop)> {
        let mut nodes = Vec::new();
        while self.peek().kind != Kind::Eof {
            match self.text_or_action()? {
                Ok(node) => nodes.push(node),
                Err(end) => return Ok((nodes, end)),
            }
        }
        self.problem("unexpected EOF")
    }

    fn text_or_action(&mut self) -> Result<std::result::Result<Node, Stop>> {
        let token = self.next_word();
        match token.kind {
            Kind::Text => Ok(Ok(Node::Text(token.text))),
            Kind::Left => {
                self.action_line = Some(self.line(token.position));
                let result = self.deeper(Self::action)?;
                self.action_line = None;
                Ok(result)
            }
            _ => self.unexpected(&token, "input"),
        }
    }

    fn action(&mut self) -> Result<std::result::Result<Node, Stop>> {
        let token = self.peek_word().clone();
        if token.kind != Kind::Keyword {
            return Ok(Ok(Node::Action(self.pipeline("command", Kind::Right)?)));
        }
        let start = self.at;
        self.next();
        Ok(Ok(match token.text.as_str() {
            "if" => Node::If(self.branch("if")?),
            "with" => Node::With(self.branch("with")?),
            "range" => Node::Range(self.branch("range")?),
            "template" => Node::Template(self.call()?),
            "block" => Node::Template(self.block()?),
            word @ ("break" | "continue") => {
                self.expect_right(&format!("{{{{{word}}}}}"))?;
                if self.ranges == 0 {
                    return self.problem(format!("{{{{{word}}}}} outside {{{{range}}}}"));
                }
                if word == "break" {
                    Node::Break
                } else {
                    Node::Continue
                }
            }
            "end" => {
                self.expect_right("end")?;
                return Ok(Err(Stop::End));
            }
            "else" => {
                let next = self.peek_word();
                if next.is("if") || next.is("with") {
                    return Ok(Err(Stop::ElseBranch));
                }
                self.expect_right("else")?;
                return Ok(Err(Stop::Else));
            }
            _ => {
                self.at = start;
                Node::Action(self.pipeline("command", Kind::Right)?)
            }
        }))
    }

    fn branch(&mut self, context: &str) -> Result<Branch> {
        let scope = self.variables.len();
        let pipe = self.pipeline(context, Kind::Right)?;
        let is_range = usize::from(context == "range");
        self.ranges += is_range;
        let (body, end) = self.list()?;
        self.ranges -= is_range;
        let mut otherwise = Vec::new();
        if end == Stop::ElseBranch && self.peek().is(context) {
            self.next();
            let branch = self.deeper(|parser| parser.branch(context))?;
            otherwise.push(if context == "if" {
                Node::If(branch)
            } else {
                Node::With(branch)
            });
        } else if end != Stop::End {
            let (nodes, end) = self.list()?;
            if end != Stop::End {
                return self.problem("expected end; found {{else}}");
            }
            otherwise = nodes;
        }
        self.variables.truncate(scope);
        Ok(Branch {
            pipe,
            body,
            otherwise,
        })
    }

    fn call(&mut self) -> Result<Call> {
        let context = "template clause";
        let position = self.peek_word().position;
        let name = self.template_name(context)?;
        let pipe = if self.peek_word().kind == Kind::Right {
            self.next();
            None
        } else {
            Some(self.pipeline(context, Kind::Right)?)
        };
        Ok(Call {
            position,
            name,
            pipe,
        })
    }

    fn block(&mut self) -> Result<Call> {
        let context = "block clause";
        let position = self.peek_word().position;
        let name = self.template_name(context)?;
        let pipe = Some(self.pipeline(context, Kind::Right)?);
        self.body_of(name.clone(), context)?;
        Ok(Call {
            position,
            name,
            pipe,
        })
    }

    fn pipeline(&mut self, context: &str, end: Kind) -> Result<Pipe> {
        let position = self.peek_word().position;
        let (variables, assigns) = self.declarations(context)?;
        let mut pipe = Pipe {
            position,
            variables,
            assigns,
            commands: Vec::new(),
        };
        loop {
            let token = self.next_word();
            if token.kind == end {
                break;
            }
            if !begins_operand(&token) {
                return self.unexpected(&token, context);
            }
            self.at -= 1;
            pipe.commands.push(self.command()?);
        }
        if pipe.commands.is_empty() {
            return self.problem(format!("missing value for {context}"));
        }
        let is_value = |command: &Command| {
            use Term::{Bool, Dot, Nil, Number, Text};
            matches!(
                command.words[0].term,
                Bool(_) | Dot | Nil | Number(..) | Text(..)
            )
        };
        if let Some(stage) = pipe.commands[1..].iter().position(is_value) {
            return self.problem(format!(
                "non executable command in pipeline stage {}",
                stage + 2
            ));
        }
        Ok(pipe)
    }

    /// Reads `$x :=`, `$x =` or, in a range, `$i, $x :=`.
    fn declarations(&mut self, context: &str) -> Result<(Vec<String>, bool)> {
        let mut variables = Vec::new();
        while self.peek_word().kind == Kind::Variable {
            let start = self.at;
            let name = self.next().text;
            let sign = self.next_word();
            match sign.kind {
                Kind::Assign | Kind::Declare => {
                    self.variables.push(name.clone());
                    variables.push(name);
                    return Ok((variables, sign.kind == Kind::Assign));
                }
                Kind::Sign if sign.text == "," => {
                    self.variables.push(name.clone());
                    variables.push(name);
                    if context != "range" || variables.len() == 2 {
                        return self.problem(format!("too many declarations in {context}"));
                    }
                    if !matches!(
                        self.peek_word().kind,
                        Kind::Variable | Kind::Right | Kind::RightParen
                    ) {
                        return self.problem("range can only initialize variables");
                    }
                }
                _ => {
                    self.at = start;
                    break;
                }
            }
        }
        Ok((variables, false))
    }

    fn command(&mut self) -> Result<Command> {
        let mut command = Command {
            position: self.peek_word().position,
            words: Vec::new(),
        };
        loop {
            self.skip_space();
            command.words.extend(self.operand()?);
            let token = self.next();
            match token.kind {
                Kind::Space => {}
                Kind::Right | Kind::RightParen => {
                    self.at -= 1;
                    break;
                }
                Kind::Pipe => break,
                _ => return self.unexpected(&token, "operand"),
            }
        }
        if command.words.is_empty() {
            self.problem("empty command")
        } else {
            Ok(command)
        }
    }

    fn operand(&mut self) -> Result<Option<Word>> {
        let Some(mut word) = self.term()? else {
            return Ok(None);
        };
        if self.peek().kind != Kind::Field {
            return Ok(Some(word));
        }
        let position = self.peek().position;
        let mut names = Vec::new();
        while self.peek().kind == Kind::Field {
            names.push(self.next().text.split_off(1));
        }
        match &mut word.term {
            Term::Field(own) | Term::Variable(_, own) => {
                own.append(&mut names);
                word.position = position;
            }
            Term::Bool(_) | Term::Text(..) | Term::Number(..) | Term::Nil | Term::Dot => {
                return self.problem(format!("unexpected . after term {:?}", word.to_string()));
            }
            _ => {
                word = Word {
                    position,
                    term: Term::Chain(Box::new(word), names),
                }
            }
        }
        Ok(Some(word))
    }

    fn term(&mut self) -> Result<Option<Word>> {
        self.skip_space();
        let start = self.at;
        let token = self.next();
        let term = match token.kind {
            Kind::Identifier if !funcs::exists(&token.text) => {
                return self.problem(format!("function {:?} not defined", token.text));
            }
            Kind::Identifier => Term::Function(token.text),
            Kind::Keyword if token.text == "." => Term::Dot,
            Kind::Keyword if token.text == "nil" => Term::Nil,
            Kind::Variable if !self.variables.contains(&token.text) => {
                return self.problem(format!("undefined variable {:?}", token.text));
            }
            Kind::Variable => Term::Variable(token.text, Vec::new()),
            Kind::Field => Term::Field(vec![token.text[1..].to_owned()]),
            Kind::Bool => Term::Bool(token.text == "true"),
            Kind::Number => match number(&token.text) {
                Ok(value) => Term::Number(token.text, value),
                Err(what) => return self.problem(format!("{what}: {:?}", token.text)),
            },
            Kind::Char => match unquote(&token.text).and_then(|text| single(&text)) {
                Some(c) => Term::Number(token.text, Number::Int(i64::from(u32::from(c)))),
                None => {
                    return self.problem(format!("malformed character constant: {}", token.text));
                }
            },
            Kind::Quoted | Kind::Raw => {
                let value = self.string(&token)?;
                Term::Text(token.text, value)
            }
            Kind::LeftParen => {
                let pipe =
                    self.deeper(|p| p.pipeline("parenthesized pipeline", Kind::RightParen))?;
                return Ok(Some(Word {
                    position: pipe.position,
                    term: Term::Pipe(pipe),
                }));
            }
            _ => {
                self.at = start;
                return Ok(None);
            }
        };
        Ok(Some(Word {
            position: token.position,
            term,
        }))
    }
}

fn begins_operand(token: &Token) -> bool {
    use Kind::{Bool, Char, Field, Identifier, LeftParen, Number, Quoted, Raw, Variable};
    let kinds = [
        Bool, Char, Field, Identifier, LeftParen, Number, Quoted, Raw, Variable,
    ];
    kinds.contains(&token.kind) || token.is(".") || token.is("nil")
}

/// How error texts show a token.
fn shown(token: &Token) -> String {
    match token.kind {
        Kind::Eof => "EOF".to_owned(),
        Kind::Keyword => format!("<{}>", token.text),
        _ if token.text.len() > 10 => {
            let head: String = token.text.chars().take(10).collect();
            format!("{head:?}...")
        }
        _ => format!("{:?}", token.text),
    }
}

fn single(text: &str) -> Option<char> {
    let mut chars = text.chars();
    chars.next().filter(|_| chars.next().is_none())
}

/// Reads a number in any of Go's notations but complex and hexadecimal floats.
fn number(text: &str) -> std::result::Result<Number, &'static str> {
    const ILLEGAL: &str = "illegal number syntax";
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let prefix: String = unsigned.chars().take(2).collect::<String>().to_lowercase();
    let (radix, digits) = match prefix.as_str() {
        "0x" => (16, &unsigned[2..]),
        "0o" => (8, &unsigned[2..]),
        "0b" => (2, &unsigned[2..]),
        _ if unsigned.starts_with('0') && unsigned.len() > 1 => (8, &unsigned[1..]),
        _ => (10, unsigned),
    };
    let digits: String = digits.chars().filter(|c| *c != '_').collect();
    if let Ok(value) =
        i128::from_str_radix(&digits, radix).map(|v| if text.starts_with('-') { -v } else { v })
        && !digits.starts_with(['+', '-'])
    {
        let whole = i64::try_from(value).map(Number::Int);
        let unsigned = u64::try_from(value).map(|_| Number::TooLarge);
        return whole.or(unsigned).map_err(|_| "integer overflow");
    }
    let is_whole = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    if is_whole && radix == 10 {
        return Err("integer overflow");
    }
    let decimal: String = text.chars().filter(|c| *c != '_').collect();
    let looks_decimal =
        unsigned.contains(|c: char| c.is_ascii_digit()) && radix != 16 && radix != 2;
    match decimal.parse::<f64>() {
        Ok(value) if looks_decimal && value.is_finite() => Ok(Number::Float(value)),
        _ => Err(ILLEGAL),
    }
}
