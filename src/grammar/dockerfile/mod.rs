//! The language of Dockerfiles as BuildKit's frontend reads it: text to stages of instructions, every one with its lines.
//!
//! ```text
//! lines.rs        text -> logical lines: directives, continuation, comments, heredocs (parser/parser.go)
//! split.rs        a logical line -> keyword, flags, arguments (parser/line_parsers.go)
//! instruction.rs  arguments -> typed instructions, with BuildKit's texts (instructions/parse.go)
//! flags.rs        `--name=value` before the arguments (instructions/bflag.go)
//! mount.rs        the value of `RUN --mount` (instructions/commands_runmount.go)
//! words.rs        `$v`, `${v:-w}`, quotes and escapes (shell/lex.go); pattern.rs: its patterns
//! ignore.rs       .dockerignore (moby/patternmatcher)
//! lint.rs         the rules of `--check` (linter/ruleset.go)
//! excerpt.rs      the box of lines below an error (util/errdefs/source.go)
//! ```
//! Pure: nothing is read, nothing is looked up. Values keep their variables; [`words`] expands them when a stage is built.

pub mod excerpt;
mod flags;
pub mod ignore;
pub mod instruction;
pub mod lines;
pub mod lint;
pub mod mount;
pub mod pattern;
mod split;
mod suggest;
pub mod words;

#[cfg(test)]
mod tests;

pub use instruction::{Instruction, Run, Step, Transfer};
pub use lines::{Directives, Heredoc, Lines, Warning};

/// A whole file.
#[derive(Debug, Clone)]
pub struct Dockerfile {
    /// `# escape=` and the like.
    pub directives: Directives,
    /// ARG instructions before the first FROM.
    pub arguments: Vec<Step>,
    /// Stages in order; never empty.
    pub stages: Vec<Stage>,
    /// What is odd but no error.
    pub warnings: Vec<Warning>,
}

/// One FROM and what follows it.
#[derive(Debug, Clone)]
pub struct Stage {
    /// The name after AS, in lower case.
    pub name: Option<String>,
    /// The name as it was written.
    pub written_name: Option<String>,
    /// The word `AS` as it was written.
    pub written_as: Option<String>,
    /// The image or stage, not expanded.
    pub base: String,
    /// `--platform`, not expanded.
    pub platform: Option<String>,
    /// FROM's lines.
    pub lines: Lines,
    /// FROM as it was written.
    pub text: String,
    /// The word FROM as it was written.
    pub keyword: String,
    /// The comment lines directly above FROM.
    pub comments: Vec<String>,
    /// Its instructions.
    pub steps: Vec<Step>,
}

/// What is wrong, and where: BuildKit's sentence without `failed to solve: `.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The sentence.
    pub text: String,
    /// Lines of the file, for the box; `None` when it is about the file as a whole.
    pub lines: Option<Lines>,
}

impl Fault {
    /// Returns a fault of the file as a whole.
    pub fn whole(text: impl Into<String>) -> Fault {
        Fault {
            text: text.into(),
            lines: None,
        }
    }

    /// Returns a fault of some lines.
    pub fn at(lines: Lines, text: impl Into<String>) -> Fault {
        Fault {
            text: text.into(),
            lines: Some(lines),
        }
    }

    /// Returns what the parser says: `dockerfile parse error on line 2: ...`.
    pub(crate) fn parse(lines: Lines, text: impl std::fmt::Display) -> Fault {
        Fault::at(
            lines,
            format!("dockerfile parse error on line {}: {text}", lines.first),
        )
    }
}

/// Reads a Dockerfile. Bytes that are not UTF-8 become U+FFFD, as a step of BuildKit sees them; NUL is refused.
pub fn parse(bytes: &[u8]) -> Result<Dockerfile, Fault> {
    let text = String::from_utf8_lossy(bytes);
    let read = lines::read(&text)?;
    let mut file = Dockerfile {
        directives: read.directives,
        arguments: Vec::new(),
        stages: Vec::new(),
        warnings: read.warnings,
    };
    let escape = file.directives.escape;
    for node in &read.nodes {
        match instruction::parse(node, escape)? {
            instruction::Parsed::From(stage) => file.stages.push(*stage),
            instruction::Parsed::Step(step) => match file.stages.last_mut() {
                Some(stage) => stage.steps.push(*step),
                None if matches!(step.instruction, Instruction::Arg(_)) => {
                    file.arguments.push(*step);
                }
                None => return Err(Fault::at(node.lines, "no build stage in current context")),
            },
        }
    }
    if file.stages.is_empty() {
        return Err(Fault::whole("dockerfile contains no stages to build"));
    }
    Ok(file)
}

/// Reads one instruction outside of a file: a trigger of ONBUILD. `lines`: of the FROM that brings it.
pub fn parse_trigger(text: &str, lines: Lines) -> Result<Step, Fault> {
    let read = lines::read(text)?;
    let Some(node) = read.nodes.first() else {
        return Err(Fault::at(lines, "file with no instructions"));
    };
    match instruction::parse(node, '\\')? {
        instruction::Parsed::Step(mut step) => {
            step.lines = lines;
            Ok(*step)
        }
        instruction::Parsed::From(_) => {
            Err(Fault::at(lines, "FROM isn't allowed as an ONBUILD trigger"))
        }
    }
}
