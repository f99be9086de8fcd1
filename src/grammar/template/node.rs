//! The parsed template. A node's `Display` is Go's, which error texts quote.

use std::fmt;

/// One step of a template; positions are byte offsets in its text.
#[derive(Debug)]
pub(super) enum Node {
    /// Text to copy.
    Text(String),
    /// `{{pipe}}`.
    Action(Pipe),
    /// `{{if}}`.
    If(Branch),
    /// `{{with}}`.
    With(Branch),
    /// `{{range}}`.
    Range(Branch),
    /// `{{template "name" pipe}}`.
    Template(Call),
    /// `{{break}}`.
    Break,
    /// `{{continue}}`.
    Continue,
}

/// A condition or list and what depends on it.
#[derive(Debug)]
pub(super) struct Branch {
    pub(super) pipe: Pipe,
    pub(super) body: Vec<Node>,
    pub(super) otherwise: Vec<Node>,
}

/// A call of another template.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) position: usize,
    pub(super) name: String,
    pub(super) pipe: Option<Pipe>,
}

/// `$x := a | b | c`.
#[derive(Debug)]
pub(super) struct Pipe {
    pub(super) position: usize,
    /// Variables with their `$`.
    pub(super) variables: Vec<String>,
    /// `=` and not `:=`.
    pub(super) assigns: bool,
    pub(super) commands: Vec<Command>,
}

/// A function or value with its arguments; never empty.
#[derive(Debug)]
pub(super) struct Command {
    pub(super) position: usize,
    pub(super) words: Vec<Word>,
}

/// One operand.
#[derive(Debug)]
pub(super) struct Word {
    pub(super) position: usize,
    pub(super) term: Term,
}

#[derive(Debug)]
pub(super) enum Term {
    Dot,
    Nil,
    Bool(bool),
    /// As written, and its value.
    Number(String, Number),
    /// As written, and its value.
    Text(String, String),
    /// `.A.B`.
    Field(Vec<String>),
    /// `$x.A.B`: the name with its `$`, and the fields.
    Variable(String, Vec<String>),
    Function(String),
    /// `(pipe)`.
    Pipe(Pipe),
    /// `(pipe).A.B`.
    Chain(Box<Word>, Vec<String>),
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Number {
    Int(i64),
    Float(f64),
    /// A whole number above the greatest `int`: an error when it is used.
    TooLarge,
}

fn fields(f: &mut fmt::Formatter<'_>, names: &[String]) -> fmt::Result {
    names.iter().try_for_each(|name| write!(f, ".{name}"))
}

impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.term {
            Term::Dot => f.write_str("."),
            Term::Nil => f.write_str("nil"),
            Term::Bool(value) => write!(f, "{value}"),
            Term::Number(written, _) | Term::Text(written, _) => f.write_str(written),
            Term::Field(names) => fields(f, names),
            Term::Variable(name, names) => {
                f.write_str(name)?;
                fields(f, names)
            }
            Term::Function(name) => f.write_str(name),
            Term::Pipe(pipe) => write!(f, "({pipe})"),
            Term::Chain(word, names) => {
                write!(f, "{word}")?;
                fields(f, names)
            }
        }
    }
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, word) in self.words.iter().enumerate() {
            write!(f, "{}{word}", if index > 0 { " " } else { "" })?;
        }
        Ok(())
    }
}

impl fmt::Display for Pipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.variables.is_empty() {
            let sign = if self.assigns { "=" } else { ":=" };
            write!(f, "{} {sign} ", self.variables.join(", "))?;
        }
        for (index, command) in self.commands.iter().enumerate() {
            write!(f, "{}{command}", if index > 0 { " | " } else { "" })?;
        }
        Ok(())
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{{{template {:?}", self.name)?;
        if let Some(pipe) = &self.pipe {
            write!(f, " {pipe}")?;
        }
        f.write_str("}}")
    }
}
