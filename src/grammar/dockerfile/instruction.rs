//! Arguments to typed instructions, with BuildKit's texts (instructions/parse.go).

use super::flags::{Flags, Known, Takes};
use super::lines::{Heredoc, Lines, Node};
use super::mount::{self, Mount};
use super::split::{self, NOT_STRINGS};
use super::{Fault, Stage, suggest};
use crate::grammar::{go, units};

/// All keywords, in the order in which a mistyped one is compared.
pub(super) const KEYWORDS: [&str; 18] = [
    "ADD",
    "ARG",
    "CMD",
    "COPY",
    "ENTRYPOINT",
    "ENV",
    "EXPOSE",
    "FROM",
    "HEALTHCHECK",
    "LABEL",
    "MAINTAINER",
    "ONBUILD",
    "RUN",
    "SHELL",
    "STOPSIGNAL",
    "USER",
    "VOLUME",
    "WORKDIR",
];

/// One instruction of a stage.
#[derive(Debug, Clone)]
pub struct Step {
    /// What to do.
    pub instruction: Instruction,
    /// Where it stands.
    pub lines: Lines,
    /// The logical line as it was written, continuation joined.
    pub text: String,
    /// The keyword as it was written.
    pub keyword: String,
    /// The comment lines directly above it.
    pub comments: Vec<String>,
}

/// What an instruction says; values are not expanded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Instruction {
    /// Names and defaults.
    Arg(Vec<(String, Option<String>)>),
    /// Default arguments.
    Cmd(Command),
    /// The program.
    Entrypoint(Command),
    /// Names and values, quotes kept. The second: it was written in the old form.
    Env(Vec<(String, String)>, bool),
    /// Ports, sorted.
    Expose(Vec<String>),
    /// `HEALTHCHECK NONE` has the test `["NONE"]`.
    Healthcheck(Health),
    /// Keys and values, quotes kept. The second: it was written in the old form.
    Label(Vec<(String, String)>, bool),
    /// The author.
    Maintainer(String),
    /// The trigger's text.
    OnBuild(String),
    /// A command.
    Run(Run),
    /// The shell's words.
    Shell(Vec<String>),
    /// A signal.
    StopSignal(String),
    /// A user.
    User(String),
    /// Folders.
    Volume(Vec<String>),
    /// A folder.
    Workdir(String),
    /// Files of the context, archives, downloads.
    Add(Transfer),
    /// Files of the context or of a stage.
    Copy(Transfer),
}

/// A command in one of its two forms.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Command {
    /// Shell form: one word, the text. Exec form: the words.
    pub words: Vec<String>,
    /// Whether a shell reads it.
    pub shell: bool,
}

/// HEALTHCHECK; times in nanoseconds, 0 where nothing is said.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Health {
    /// `NONE`, `CMD` or `CMD-SHELL`, and the words.
    pub test: Vec<String>,
    /// `--interval`.
    pub interval: i64,
    /// `--timeout`.
    pub timeout: i64,
    /// `--start-period`.
    pub start_period: i64,
    /// `--start-interval`.
    pub start_interval: i64,
    /// `--retries`.
    pub retries: i64,
}

/// RUN.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Run {
    /// The command; in shell form the first line only, heredocs apart.
    pub command: Command,
    /// Bodies.
    pub heredocs: Vec<Heredoc>,
    /// `--mount`, not expanded.
    pub mounts: Vec<Mount>,
    /// `--network`: `default`, `none` or `host`.
    pub network: Option<String>,
    /// `--security=insecure`.
    pub insecure: bool,
    /// `--device`: CDI names.
    pub devices: Vec<String>,
}

/// COPY and ADD.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Transfer {
    /// Sources, heredocs left out.
    pub sources: Vec<String>,
    /// Bodies that become files.
    pub heredocs: Vec<Heredoc>,
    /// The last word.
    pub destination: String,
    /// `--from`; `None` for the context.
    pub from: Option<String>,
    /// `--chown`.
    pub chown: Option<String>,
    /// `--chmod`.
    pub chmod: Option<String>,
    /// `--link`.
    pub link: bool,
    /// `--parents`.
    pub parents: bool,
    /// `--exclude`.
    pub excludes: Vec<String>,
    /// `--checksum` of ADD.
    pub checksum: Option<String>,
    /// `--keep-git-dir` of ADD.
    pub keep_git_dir: bool,
    /// `--unpack` of ADD.
    pub unpack: Option<bool>,
}

/// What a node is.
pub(super) enum Parsed {
    From(Box<Stage>),
    Step(Box<Step>),
}

/// Reads one node.
pub(super) fn parse(node: &Node, escape: char) -> Result<Parsed, Fault> {
    let keyword = node.keyword.to_ascii_uppercase();
    let args = arguments(&keyword, node, escape).map_err(|e| Fault::at(node.lines, e))?;
    let fail = |text: String| Fault::parse(node.lines, text);
    if keyword == "FROM" {
        return stage(node, &args.words)
            .map(|s| Parsed::From(Box::new(s)))
            .map_err(fail);
    }
    let instruction = instruction(&keyword, node, args).map_err(|failure| match failure {
        Failure::Parse(text) => fail(text),
        Failure::Later(text) => Fault::at(node.lines, text),
    })?;
    Ok(Parsed::Step(Box::new(Step {
        instruction,
        lines: node.lines,
        text: node.text.clone(),
        keyword: node.keyword.clone(),
        comments: node.comments.clone(),
    })))
}

/// BuildKit finds some mistakes after parsing; their sentences have no line number of their own.
enum Failure {
    Parse(String),
    Later(String),
}

impl From<String> for Failure {
    fn from(text: String) -> Failure {
        Failure::Parse(text)
    }
}

/// Arguments as the line parsers leave them.
#[derive(Default)]
struct Arguments {
    words: Vec<String>,
    pairs: Vec<(String, String)>,
    old_form: bool,
    json: bool,
}

fn arguments(keyword: &str, node: &Node, escape: char) -> Result<Arguments, String> {
    let rest = node.rest.as_str();
    let words = |words| Arguments {
        words,
        ..Arguments::default()
    };
    Ok(match keyword {
        "ADD" | "COPY" | "VOLUME" => match split::json_list(rest) {
            Ok(Some(list)) => Arguments {
                json: true,
                ..words(list)
            },
            Err(e) => return Err(e),
            Ok(None) => words(split::fields(rest)),
        },
        "CMD" | "ENTRYPOINT" | "RUN" | "SHELL" => maybe_json(rest)?,
        "HEALTHCHECK" => {
            let (kind, command) = match rest.find(char::is_whitespace) {
                Some(at) => (&rest[..at], rest[at..].trim_start()),
                None => (rest, ""),
            };
            let mut args = maybe_json(command)?;
            if !kind.is_empty() {
                args.words.insert(0, kind.to_owned());
            }
            args
        }
        "ENV" | "LABEL" => {
            let (pairs, old_form) = split::pairs(keyword, rest, escape)?;
            Arguments {
                pairs,
                old_form,
                ..Arguments::default()
            }
        }
        "ARG" => words(split::words(rest, escape)),
        "FROM" | "EXPOSE" => words(split::fields(rest)),
        _ if rest.is_empty() => Arguments::default(),
        _ => words(vec![rest.to_owned()]),
    })
}

fn maybe_json(rest: &str) -> Result<Arguments, String> {
    Ok(match split::json_list(rest)? {
        Some(list) => Arguments {
            words: list,
            json: true,
            ..Arguments::default()
        },
        None if rest.is_empty() => Arguments::default(),
        None => Arguments {
            words: vec![rest.to_owned()],
            ..Arguments::default()
        },
    })
}

fn stage(node: &Node, args: &[String]) -> Result<Stage, String> {
    let flags = Flags::parse(&node.flags, &[("platform", Takes::Text)])?;
    let (base, name) = match args {
        [base] => (base, None),
        [base, word, name] if word.eq_ignore_ascii_case("as") => (base, Some((word, name))),
        _ => return Err("FROM requires either one or three arguments".to_owned()),
    };
    let lower = name.map(|(_, name)| name.to_lowercase());
    if let (Some(lower), Some((_, name))) = (&lower, name)
        && !is_stage_name(lower)
    {
        return Err(format!(
            "invalid name for build stage: {}, name can't start with a number or contain symbols",
            go::quote(name)
        ));
    }
    Ok(Stage {
        name: lower,
        written_name: name.map(|(_, name)| name.clone()),
        written_as: name.map(|(word, _)| word.clone()),
        base: base.clone(),
        platform: flags.text("platform"),
        lines: node.lines,
        text: node.text.clone(),
        keyword: node.keyword.clone(),
        comments: node.comments.clone(),
        steps: Vec::new(),
    })
}

fn is_stage_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase())
        && name
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_.".contains(c))
}

fn instruction(keyword: &str, node: &Node, args: Arguments) -> Result<Instruction, Failure> {
    let flags = |known: Known<'_>| Flags::parse(&node.flags, known);
    let at_least_one = |is_empty: bool| match is_empty {
        true => Err(format!("{keyword} requires at least one argument")),
        false => Ok(()),
    };
    let exactly_one = |words: &[String]| match words {
        [word] => Ok(word.clone()),
        _ => Err(format!("{keyword} requires exactly one argument")),
    };
    Ok(match keyword {
        "ADD" | "COPY" => {
            let transfer = transfer(keyword, node, args)?;
            match keyword {
                "ADD" => Instruction::Add(transfer),
                _ => Instruction::Copy(transfer),
            }
        }
        "RUN" => Instruction::Run(run(node, args)?),
        "HEALTHCHECK" => Instruction::Healthcheck(healthcheck(node, args)?),
        "ARG" => {
            at_least_one(args.words.is_empty())?;
            flags(&[])?;
            Instruction::Arg(build_args(&args.words)?)
        }
        "ENV" | "LABEL" => {
            at_least_one(args.pairs.is_empty())?;
            flags(&[])?;
            if args.pairs.iter().any(|(name, _)| name.is_empty()) {
                return Err(format!("{keyword} names can not be blank").into());
            }
            match keyword {
                "ENV" => Instruction::Env(args.pairs, args.old_form),
                _ => Instruction::Label(args.pairs, args.old_form),
            }
        }
        "CMD" | "ENTRYPOINT" => {
            flags(&[])?;
            let command = Command {
                shell: !args.json && !args.words.is_empty(),
                words: args.words,
            };
            match keyword {
                "CMD" => Instruction::Cmd(command),
                _ => Instruction::Entrypoint(command),
            }
        }
        "EXPOSE" => {
            at_least_one(args.words.is_empty())?;
            flags(&[])?;
            let mut ports = args.words;
            ports.sort();
            Instruction::Expose(ports)
        }
        "MAINTAINER" => {
            flags(&[])?;
            Instruction::Maintainer(exactly_one(&args.words)?)
        }
        "ONBUILD" => Instruction::OnBuild(on_build(node)?),
        "SHELL" => {
            flags(&[])?;
            at_least_one(args.words.is_empty())?;
            if !args.json {
                return Err("SHELL requires the arguments to be in JSON form"
                    .to_owned()
                    .into());
            }
            Instruction::Shell(args.words)
        }
        "STOPSIGNAL" => {
            flags(&[])?;
            Instruction::StopSignal(exactly_one(&args.words)?)
        }
        "USER" => {
            flags(&[])?;
            Instruction::User(exactly_one(&args.words)?)
        }
        "VOLUME" => {
            at_least_one(args.words.is_empty())?;
            flags(&[])?;
            if args.words.iter().any(|v| v.trim().is_empty()) {
                return Err("VOLUME specified can not be an empty string"
                    .to_owned()
                    .into());
            }
            Instruction::Volume(args.words.iter().map(|v| v.trim().to_owned()).collect())
        }
        "WORKDIR" => {
            flags(&[])?;
            Instruction::Workdir(exactly_one(&args.words)?)
        }
        _ => {
            let text = format!("unknown instruction: {}", node.keyword);
            return Err(suggest::hinted(text, &node.keyword, &KEYWORDS, false).into());
        }
    })
}

fn build_args(words: &[String]) -> Result<Vec<(String, Option<String>)>, String> {
    let pair = |word: &String| match word.split_once('=') {
        Some(("", _)) => Err("ARG names can not be blank".to_owned()),
        Some((name, value)) => Ok((name.to_owned(), Some(value.to_owned()))),
        None => Ok((word.clone(), None)),
    };
    words.iter().map(pair).collect()
}

fn transfer(keyword: &str, node: &Node, mut args: Arguments) -> Result<Transfer, String> {
    if args.words.len() < 2 {
        return Err(format!(
            "{keyword} requires at least two arguments, but only one was provided. Destination could not be determined"
        ));
    }
    const COMMON: [(&str, Takes); 5] = [
        ("chown", Takes::Text),
        ("chmod", Takes::Text),
        ("link", Takes::Boolean),
        ("exclude", Takes::Texts),
        ("parents", Takes::Boolean),
    ];
    let mut known = COMMON.to_vec();
    known.extend(match keyword {
        "COPY" => vec![("from", Takes::Text)],
        _ => vec![
            ("keep-git-dir", Takes::Boolean),
            ("checksum", Takes::Text),
            ("unpack", Takes::Boolean),
        ],
    });
    if keyword == "ADD" {
        known.retain(|(name, _)| *name != "parents");
    }
    let flags = Flags::parse(&node.flags, &known)?;
    let destination = args.words.pop().expect("there are two words at least");
    let mut sources = Vec::new();
    for word in args.words {
        // by name: a heredoc's delimiter with blanks is several fields
        let is_heredoc = !args.json && word.contains("<<") && !node.heredocs.is_empty();
        if !is_heredoc {
            sources.push(word);
        }
    }
    Ok(Transfer {
        sources: if node.heredocs.is_empty() {
            sources
        } else {
            plain_words(node, &destination)?
        },
        heredocs: node.heredocs.clone(),
        destination,
        from: flags.text("from"),
        chown: flags.text("chown"),
        chmod: flags.text("chmod"),
        link: flags.boolean("link").unwrap_or_default(),
        parents: flags.boolean("parents").unwrap_or_default(),
        excludes: flags.texts("exclude"),
        checksum: flags.text("checksum"),
        keep_git_dir: flags.boolean("keep-git-dir").unwrap_or_default(),
        unpack: flags.boolean("unpack"),
    })
}

/// The sources among the words of a line with heredocs, whose delimiters may be quoted and hold blanks.
fn plain_words(node: &Node, destination: &str) -> Result<Vec<String>, String> {
    let mut words = split::words(&node.rest, '\\');
    if words.last().is_some_and(|last| last == destination) {
        words.pop();
    }
    let mut plain = Vec::new();
    for word in words {
        if super::lines::heredoc(&word)?.is_none() {
            plain.push(word);
        }
    }
    Ok(plain)
}

fn run(node: &Node, args: Arguments) -> Result<Run, Failure> {
    let flags = Flags::parse(
        &node.flags,
        &[
            ("mount", Takes::Texts),
            ("network", Takes::Text),
            ("security", Takes::Text),
            ("device", Takes::Texts),
        ],
    )?;
    let network = flags.text("network");
    if let Some(mode) = &network
        && !["default", "none", "host"].contains(&mode.as_str())
    {
        let text = format!("invalid network mode {}", go::quote(mode));
        return Err(Failure::Parse(text));
    }
    let security = flags.text("security");
    if let Some(mode) = &security
        && !["insecure", "sandbox"].contains(&mode.as_str())
    {
        let text = format!("security {} is not valid", go::quote(mode));
        return Err(Failure::Parse(text));
    }
    let mounts: Result<Vec<Mount>, String> = flags
        .texts("mount")
        .iter()
        .map(|value| mount::parse(value))
        .collect();
    Ok(Run {
        command: Command {
            shell: !args.json,
            words: match args.words.is_empty() && !args.json {
                true => vec![String::new()],
                false => args.words,
            },
        },
        heredocs: node.heredocs.clone(),
        mounts: mounts.map_err(Failure::Later)?,
        network,
        insecure: security.as_deref() == Some("insecure"),
        devices: flags.texts("device"),
    })
}

fn healthcheck(node: &Node, args: Arguments) -> Result<Health, String> {
    let mut words = args.words.into_iter();
    let Some(kind) = words.next() else {
        return Err("HEALTHCHECK requires at least one argument".to_owned());
    };
    let words: Vec<String> = words.collect();
    let mut check = Health::default();
    match kind.to_uppercase().as_str() {
        "NONE" if !words.is_empty() => {
            return Err("HEALTHCHECK NONE takes no arguments".to_owned());
        }
        "NONE" => {
            Flags::parse(&node.flags, &[])?;
            check.test = vec!["NONE".to_owned()];
            return Ok(check);
        }
        "CMD" => {}
        _ => {
            return Err(format!(
                "Unknown type {} in HEALTHCHECK (try CMD)",
                go::quote(&kind.to_uppercase())
            ));
        }
    }
    const TIMES: [&str; 4] = ["interval", "timeout", "start-period", "start-interval"];
    let mut known: Vec<(&str, Takes)> = TIMES.map(|name| (name, Takes::Text)).to_vec();
    known.push(("retries", Takes::Text));
    let flags = Flags::parse(&node.flags, &known)?;
    if words.iter().all(String::is_empty) {
        return Err("Missing command after HEALTHCHECK CMD".to_owned());
    }
    check.test = vec![if args.json { "CMD" } else { "CMD-SHELL" }.to_owned()];
    check.test.extend(words);
    let time = |name: &str| -> Result<i64, String> {
        let Some(text) = flags.text(name) else {
            return Ok(0);
        };
        let time = units::duration(&text).map_err(|e| e.to_string())?;
        match time {
            0 => Ok(0),
            // container.MinimumDuration
            time if time < 1_000_000 => Err(format!(
                "Interval {} cannot be less than 1ms",
                go::quote(name)
            )),
            time => Ok(time),
        }
    };
    check.interval = time("interval")?;
    check.timeout = time("timeout")?;
    check.start_period = time("start-period")?;
    check.start_interval = time("start-interval")?;
    if let Some(text) = flags.text("retries") {
        check.retries = go::integer(&text)?;
        if check.retries < 1 {
            return Err(format!(
                "--retries must be at least 1 (not {})",
                check.retries
            ));
        }
    }
    Ok(check)
}

fn on_build(node: &Node) -> Result<String, String> {
    let word = node.rest.split_whitespace().next().unwrap_or_default();
    match word.to_ascii_uppercase().as_str() {
        "" => return Err("ONBUILD requires at least one argument".to_owned()),
        "ONBUILD" => {
            return Err("Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed".to_owned());
        }
        word @ ("MAINTAINER" | "FROM") => {
            return Err(format!("{word} isn't allowed as an ONBUILD trigger"));
        }
        _ => {}
    }
    let text = node.text.trim();
    let mut trigger = text[node.keyword.len()..].trim_start().to_owned();
    for heredoc in &node.heredocs {
        trigger += &format!("\n{}{}", heredoc.content, heredoc.name);
    }
    check_trigger(&trigger)?;
    Ok(trigger)
}

/// A trigger's own mistakes are told when it is written, not when it fires.
fn check_trigger(text: &str) -> Result<(), String> {
    let nowhere = Lines { first: 1, last: 1 };
    match super::parse_trigger(text, nowhere) {
        Ok(_) => Ok(()),
        Err(fault) if fault.text.contains(NOT_STRINGS) => Err(NOT_STRINGS.to_owned()),
        Err(fault) => match fault.text.split_once(": ") {
            Some((prefix, text)) if prefix.starts_with("dockerfile parse error") => {
                Err(text.to_owned())
            }
            _ => Err(fault.text),
        },
    }
}
