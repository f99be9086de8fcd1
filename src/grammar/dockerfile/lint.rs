//! The rules of `--check`, by their names and in their words (linter/ruleset.go). A rule that needs an image's
//! configuration is the builder's.

use std::collections::BTreeMap;

use super::ignore::Patterns;
use super::instruction::{Instruction, Step};
use super::lines::{Lines, Warning};
use super::words::{Lexer, Nothing};
use super::{Dockerfile, Stage, suggest};
use crate::grammar::go;

/// All rules and what each says; the last is checked only where `experimental` says so.
const RULES: [(&str, &str); 22] = [
    ("StageNameCasing", "Stage names should be lowercase"),
    (
        "FromAsCasing",
        "The 'as' keyword should match the case of the 'from' keyword",
    ),
    (
        "NoEmptyContinuation",
        "Empty continuation lines will become errors in a future release",
    ),
    (
        "ConsistentInstructionCasing",
        "All commands within the Dockerfile should use the same casing (either upper or lower)",
    ),
    ("DuplicateStageName", "Stage names should be unique"),
    (
        "ReservedStageName",
        "Reserved words should not be used as stage names",
    ),
    (
        "JSONArgsRecommended",
        "JSON arguments recommended for ENTRYPOINT/CMD to prevent unintended behavior related to OS signals",
    ),
    (
        "MaintainerDeprecated",
        "The MAINTAINER instruction is deprecated, use a label instead to define an image author",
    ),
    ("UndefinedArgInFrom", "FROM command must use declared ARGs"),
    (
        "WorkdirRelativePath",
        "Relative workdir without an absolute workdir declared within the build can have unexpected results if the base image changes",
    ),
    (
        "UndefinedVar",
        "Variables should be defined before their use",
    ),
    (
        "MultipleInstructionsDisallowed",
        "Multiple instructions of the same type should not be used in the same stage",
    ),
    (
        "LegacyKeyValueFormat",
        "Legacy key/value format with whitespace separator should not be used",
    ),
    (
        "InvalidBaseImagePlatform",
        "Base image platform does not match expected target platform",
    ),
    (
        "RedundantTargetPlatform",
        "Setting platform to predefined $TARGETPLATFORM in FROM is redundant as this is the default behavior",
    ),
    (
        "SecretsUsedInArgOrEnv",
        "Sensitive data should not be used in the ARG or ENV commands",
    ),
    (
        "InvalidDefaultArgInFrom",
        "Default value for global ARG results in an empty or invalid base image name",
    ),
    (
        "FromPlatformFlagConstDisallowed",
        "FROM --platform flag should not use a constant value",
    ),
    (
        "CopyIgnoredFile",
        "Attempting to Copy file that is excluded by .dockerignore",
    ),
    (
        "ExposeProtoCasing",
        "Protocol in EXPOSE instruction should be lowercase",
    ),
    (
        "ExposeInvalidFormat",
        "IP address and host-port mapping should not be used in EXPOSE instruction. This will become an error in a future release",
    ),
    (
        "InvalidDefinitionDescription",
        "Comment for build stage or argument should follow the format: `# <arg/stage name> <description>`. If this is not intended to be a description comment, add an empty line or comment between the instruction and the comment.",
    ),
];

/// Variables that need no declaration before a FROM.
const PLATFORM: [&str; 9] = [
    "BUILDPLATFORM",
    "BUILDOS",
    "BUILDARCH",
    "BUILDVARIANT",
    "TARGETPLATFORM",
    "TARGETOS",
    "TARGETARCH",
    "TARGETVARIANT",
    "TARGETSTAGE",
];

/// `# check=skip=A,B;error=true`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    skip: Vec<String>,
    experimental: Vec<String>,
    /// A warning fails the build.
    pub is_error: bool,
}

impl Options {
    /// Reads the directive's value; the error is BuildKit's sentence.
    pub fn parse(text: &str) -> Result<Options, String> {
        let mut options = Options::default();
        for part in text.splitn(3, ';').filter(|part| !part.trim().is_empty()) {
            let Some((key, value)) = part.split_once('=') else {
                return Err(format!("invalid check option {}", go::quote(part)));
            };
            let list = || {
                value
                    .split(',')
                    .map(|word| word.trim().to_owned())
                    .collect()
            };
            match key.trim() {
                "skip" => options.skip = list(),
                "experimental" => options.experimental = list(),
                "error" => match go::boolean(value.trim()) {
                    Some(is_error) => options.is_error = is_error,
                    None => {
                        return Err(format!("failed to parse check option {}", go::quote(part)));
                    }
                },
                key => return Err(format!("invalid check option {}", go::quote(key))),
            }
        }
        Ok(options)
    }

    /// Whether a rule is checked.
    pub fn checks(&self, rule: &str) -> bool {
        let names = |list: &[String]| list.iter().any(|word| word == "all" || word == rule);
        let is_experimental = rule == "InvalidDefinitionDescription";
        !names(&self.skip) && (!is_experimental || names(&self.experimental))
    }
}

/// Returns what a rule says.
pub fn description(rule: &str) -> &'static str {
    let mut rules = RULES.iter();
    rules
        .find(|(name, _)| *name == rule)
        .map_or("", |(_, text)| text)
}

/// Returns where a rule is explained.
pub fn address(rule: &str) -> String {
    let mut path = String::new();
    let letters: Vec<char> = rule.chars().collect();
    for (i, c) in letters.iter().enumerate() {
        let starts_word = c.is_uppercase()
            && i > 0
            && (letters[i - 1].is_lowercase()
                || letters.get(i + 1).is_some_and(|next| next.is_lowercase()));
        if starts_word {
            path.push('-');
        }
        path.extend(c.to_lowercase());
    }
    format!("https://docs.docker.com/go/dockerfile/rule/{path}/")
}

/// Checks a file. `environment`: the variables of the image that a stage begins with, `None` when they are not known.
/// `ignored`: .dockerignore.
pub fn lint(
    file: &Dockerfile,
    options: &Options,
    ignored: &Patterns,
    environment: &dyn Fn(&str) -> Option<Vec<String>>,
) -> Vec<Warning> {
    let mut linter = Linter {
        file,
        ignored,
        warnings: file.warnings.clone(),
    };
    linter.casing();
    linter.arguments();
    linter.stages(environment);
    let mut warnings = linter.warnings;
    warnings.retain(|warning| options.checks(warning.rule));
    warnings.sort_by_key(|warning| warning.lines);
    warnings
}

struct Linter<'a> {
    file: &'a Dockerfile,
    ignored: &'a Patterns,
    warnings: Vec<Warning>,
}

impl Linter<'_> {
    fn warn(&mut self, rule: &'static str, lines: Lines, text: impl Into<String>) {
        self.warnings.push(Warning {
            rule,
            text: text.into(),
            lines,
        });
    }

    /// Keywords in one case, that of the majority.
    fn casing(&mut self) {
        let file = self.file;
        let words = file
            .arguments
            .iter()
            .map(|step| (step.keyword.as_str(), step.lines))
            .chain(file.stages.iter().flat_map(|stage| {
                let steps = stage.steps.iter().map(|s| (s.keyword.as_str(), s.lines));
                std::iter::once((stage.keyword.as_str(), stage.lines)).chain(steps)
            }));
        let words: Vec<(&str, Lines)> = words.collect();
        let is_lower = |word: &str| word.chars().all(|c| c.is_lowercase());
        let is_upper = |word: &str| word.chars().all(|c| c.is_uppercase());
        let lower = words.iter().filter(|(word, _)| is_lower(word)).count();
        let upper = words.iter().filter(|(word, _)| is_upper(word)).count();
        let (majority, fits): (&str, &dyn Fn(&str) -> bool) = match lower > upper {
            true => ("lowercase", &is_lower),
            false => ("uppercase", &is_upper),
        };
        for (word, lines) in words.into_iter().filter(|(word, _)| !fits(word)) {
            let text = format!(
                "Command '{word}' should match the case of the command majority ({majority})"
            );
            self.warn("ConsistentInstructionCasing", lines, text);
        }
    }

    /// ARGs before the first FROM, and what FROMs make of them.
    fn arguments(&mut self) {
        let mut defaults: Vec<(String, String)> = Vec::new();
        let mut declared: Vec<String> = PLATFORM.map(str::to_owned).to_vec();
        for step in &self.file.arguments {
            let Instruction::Arg(list) = &step.instruction else {
                continue;
            };
            for (name, value) in list {
                declared.push(name.clone());
                self.secret("ARG", name, step.lines);
                let lexer = Lexer::default();
                let value = value.as_deref().unwrap_or_default();
                let value = lexer.word(value, &defaults).map(|e| e.text);
                defaults.push((name.clone(), value.unwrap_or_default()));
            }
        }
        for name in PLATFORM {
            defaults.push((name.to_owned(), "linux/amd64".to_owned()));
        }
        for stage in &self.file.stages {
            let words = [Some(&stage.base), stage.platform.as_ref()];
            for word in words.into_iter().flatten() {
                let unset = Lexer::default().word(word, &Nothing).map(|e| e.unset);
                for name in unset.unwrap_or_default() {
                    if !declared.contains(&name) {
                        let text = format!("FROM argument '{name}' is not declared");
                        let names: Vec<&str> = declared.iter().map(String::as_str).collect();
                        let text = suggest::hinted(text, &name, &names, true);
                        self.warn("UndefinedArgInFrom", stage.lines, text);
                    }
                }
            }
            let base = Lexer::default()
                .word(&stage.base, &defaults)
                .map(|e| e.text);
            let base = base.unwrap_or_default();
            let is_good = crate::grammar::reference::Reference::parse(&base).is_ok();
            let is_stage = self
                .file
                .stages
                .iter()
                .any(|s| s.name.as_deref() == Some(&base));
            if stage.base.contains('$') && !is_good && !is_stage {
                let text = format!(
                    "Default value for ARG {} results in empty or invalid base image name",
                    stage.base
                );
                self.warn("InvalidDefaultArgInFrom", stage.lines, text);
            }
        }
    }

    fn stages(&mut self, environment: &dyn Fn(&str) -> Option<Vec<String>>) {
        let file = self.file;
        let mut names: Vec<&str> = Vec::new();
        // variables at the end of each stage; `None`: not known
        let mut known: Vec<Option<Vec<String>>> = Vec::new();
        for stage in &file.stages {
            self.from(stage, &names);
            names.extend(stage.name.as_deref());
            let parent = file.stages[..known.len()]
                .iter()
                .rposition(|s| s.name.as_deref() == Some(&stage.base));
            let mut scope = match parent {
                Some(parent) => known[parent].clone(),
                None if stage.base == "scratch" => Some(vec!["PATH".to_owned()]),
                None => environment(&stage.base),
            };
            self.steps(stage, &mut scope);
            known.push(scope);
        }
    }

    fn from(&mut self, stage: &Stage, names: &[&str]) {
        let lines = stage.lines;
        if let Some(name) = &stage.written_name {
            if name.chars().any(char::is_uppercase) {
                self.warn(
                    "StageNameCasing",
                    lines,
                    format!("Stage name '{name}' should be lowercase"),
                );
            }
            let lower = name.to_lowercase();
            if names.contains(&lower.as_str()) {
                let text = format!(
                    "Duplicate stage name {}, stage names should be unique",
                    go::quote(&lower)
                );
                self.warn("DuplicateStageName", lines, text);
            }
            if ["context", "scratch"].contains(&lower.as_str()) {
                let text = format!(
                    "Stage name should not use the same name as reserved stage {}",
                    go::quote(&lower)
                );
                self.warn("ReservedStageName", lines, text);
            }
        }
        let is_upper = |word: &str| word.chars().all(char::is_uppercase);
        if let Some(word) = &stage.written_as
            && is_upper(word) != is_upper(&stage.keyword)
        {
            let text = format!(
                "'{word}' and '{}' keywords' casing do not match",
                stage.keyword
            );
            self.warn("FromAsCasing", lines, text);
        }
        match stage.platform.as_deref() {
            Some("$TARGETPLATFORM" | "${TARGETPLATFORM}") => {
                let platform = stage.platform.clone().unwrap_or_default();
                let text = format!(
                    "Setting platform to predefined {platform} in FROM is redundant as this is the default behavior"
                );
                self.warn("RedundantTargetPlatform", lines, text);
            }
            Some(platform) if !platform.contains('$') => {
                let text = format!(
                    "FROM --platform flag should not use constant value {}",
                    go::quote(platform)
                );
                self.warn("FromPlatformFlagConstDisallowed", lines, text);
            }
            _ => {}
        }
        self.description(&stage.comments, stage.name.as_deref(), lines);
    }

    /// A comment above a stage or ARG that names it is its description.
    fn description(&mut self, comments: &[String], name: Option<&str>, lines: Lines) {
        let (Some(name), Some(last)) = (name, comments.last()) else {
            return;
        };
        if !last.starts_with(&format!("{name} ")) {
            let text =
                format!("Comment for {name} should follow the format: `# {name} <description>`");
            self.warn("InvalidDefinitionDescription", lines, text);
        }
    }

    fn steps(&mut self, stage: &Stage, scope: &mut Option<Vec<String>>) {
        let mut workdir_set = false;
        let mut last: BTreeMap<&str, Lines> = BTreeMap::new();
        let has_shell = stage
            .steps
            .iter()
            .any(|s| matches!(s.instruction, Instruction::Shell(_)));
        for step in &stage.steps {
            self.variables(step, scope);
            let lines = step.lines;
            let single = match &step.instruction {
                Instruction::Cmd(command) | Instruction::Entrypoint(command) => {
                    let keyword = match step.instruction {
                        Instruction::Cmd(_) => "CMD",
                        _ => "ENTRYPOINT",
                    };
                    if command.shell && !has_shell {
                        let text = format!(
                            "JSON arguments recommended for {keyword} to prevent unintended behavior related to OS signals"
                        );
                        self.warn("JSONArgsRecommended", lines, text);
                    }
                    Some(keyword)
                }
                Instruction::Healthcheck(_) => Some("HEALTHCHECK"),
                Instruction::Maintainer(_) => {
                    let text = "Maintainer instruction is deprecated in favor of using label";
                    self.warn("MaintainerDeprecated", lines, text);
                    None
                }
                Instruction::Workdir(path) => {
                    if !path.starts_with('/') && !path.starts_with('$') && !workdir_set {
                        let text = format!(
                            "Relative workdir {} can have unexpected results if the base image changes",
                            go::quote(path)
                        );
                        self.warn("WorkdirRelativePath", lines, text);
                    }
                    workdir_set = true;
                    None
                }
                Instruction::Env(pairs, old) => {
                    self.old_form("ENV", *old, lines);
                    for (name, _) in pairs {
                        self.secret("ENV", name, lines);
                    }
                    None
                }
                Instruction::Label(_, old) => {
                    self.old_form("LABEL", *old, lines);
                    None
                }
                Instruction::Arg(list) => {
                    for (name, _) in list {
                        self.secret("ARG", name, lines);
                        self.description(&step.comments, Some(name), lines);
                    }
                    None
                }
                Instruction::Copy(copy) | Instruction::Add(copy) if copy.from.is_none() => {
                    for source in &copy.sources {
                        self.ignored_source(source, lines);
                    }
                    None
                }
                Instruction::Expose(ports) => {
                    self.ports(ports, lines);
                    None
                }
                _ => None,
            };
            if let Some(keyword) = single
                && let Some(before) = last.insert(keyword, lines)
            {
                let text = format!(
                    "Multiple {keyword} instructions should not be used in the same stage because only the last one will be used"
                );
                self.warn("MultipleInstructionsDisallowed", before, text);
            }
        }
    }

    fn old_form(&mut self, keyword: &str, is_old: bool, lines: Lines) {
        if is_old {
            let text = format!(
                "\"{keyword} key=value\" should be used instead of legacy \"{keyword} key value\" format"
            );
            self.warn("LegacyKeyValueFormat", lines, text);
        }
    }

    fn secret(&mut self, keyword: &str, name: &str, lines: Lines) {
        const WORDS: [&str; 11] = [
            "apikey",
            "auth",
            "credential",
            "credentials",
            "key",
            "password",
            "pword",
            "passwd",
            "secret",
            "token",
            "secrets",
        ];
        let lower = name.to_lowercase();
        let mut parts = lower.split('_');
        let is_public = lower.split('_').any(|part| part == "public");
        if !is_public && parts.any(|part| WORDS.contains(&part)) {
            let text = format!(
                "Do not use ARG or ENV instructions for sensitive data ({keyword} {})",
                go::quote(name)
            );
            self.warn("SecretsUsedInArgOrEnv", lines, text);
        }
    }

    fn ignored_source(&mut self, source: &str, lines: Lines) {
        let path = go::clean(&format!("/{source}"));
        let path = &path[1..];
        let is_plain =
            !path.is_empty() && !path.contains(['*', '?', '[', '$']) && !source.contains("://");
        if is_plain && self.ignored.excludes(path) && !self.ignored.may_return_below(path) {
            let text = format!(
                "Attempting to Copy file {} that is excluded by .dockerignore",
                go::quote(source)
            );
            self.warn("CopyIgnoredFile", lines, text);
        }
    }

    fn ports(&mut self, ports: &[String], lines: Lines) {
        for port in ports.iter().filter(|port| !port.contains('$')) {
            let (number, protocol) = port.split_once('/').unwrap_or((port, ""));
            if number.contains(':') {
                let text = format!(
                    "EXPOSE instruction should not define an IP address or host-port mapping, found '{port}'"
                );
                self.warn("ExposeInvalidFormat", lines, text);
            }
            if protocol.chars().any(char::is_uppercase) {
                let text =
                    format!("Defined protocol '{port}' in EXPOSE instruction should be lowercase");
                self.warn("ExposeProtoCasing", lines, text);
            }
        }
    }

    /// Variables that nobody has declared, in what is expanded.
    fn variables(&mut self, step: &Step, scope: &mut Option<Vec<String>>) {
        let Some(scope) = scope else { return };
        let lexer = Lexer {
            escape: self.file.directives.escape,
            ..Lexer::default()
        };
        for word in expanded(&step.instruction) {
            let unset = lexer.word(word, &Nothing).map(|e| e.unset);
            for name in unset.unwrap_or_default() {
                if !scope.contains(&name) {
                    let text = format!("Usage of undefined variable '${name}'");
                    let names: Vec<&str> = scope.iter().map(String::as_str).collect();
                    let text = suggest::hinted(text, &name, &names, true);
                    self.warn("UndefinedVar", step.lines, text);
                }
            }
        }
        match &step.instruction {
            Instruction::Arg(list) => scope.extend(list.iter().map(|(name, _)| name.clone())),
            Instruction::Env(pairs, _) => scope.extend(pairs.iter().map(|(name, _)| name.clone())),
            _ => {}
        }
    }
}

/// The words of an instruction whose variables the builder expands.
fn expanded(instruction: &Instruction) -> Vec<&str> {
    match instruction {
        Instruction::Arg(list) => list.iter().filter_map(|(_, v)| v.as_deref()).collect(),
        Instruction::Env(pairs, _) => pairs.iter().map(|(_, v)| v.as_str()).collect(),
        Instruction::Label(pairs, _) => pairs
            .iter()
            .flat_map(|(k, v)| [k.as_str(), v.as_str()])
            .collect(),
        Instruction::Copy(copy) | Instruction::Add(copy) => {
            let flags = [&copy.chown, &copy.chmod].into_iter().flatten();
            let words = copy.sources.iter().chain([&copy.destination]).chain(flags);
            words.map(String::as_str).collect()
        }
        Instruction::Expose(words) | Instruction::Volume(words) => {
            words.iter().map(String::as_str).collect()
        }
        Instruction::StopSignal(word) | Instruction::User(word) | Instruction::Workdir(word) => {
            vec![word]
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(text: &str) -> Vec<String> {
        let file = super::super::parse(text.as_bytes()).unwrap();
        let ignored = Patterns::new(&["secret.txt".to_owned()]).unwrap();
        let warnings = lint(&file, &Options::default(), &ignored, &|_| Some(Vec::new()));
        warnings
            .iter()
            .map(|w| format!("{} {}", w.lines.first, w.rule))
            .collect()
    }

    #[test]
    fn each_rule_finds_its_case() {
        for (text, want) in [
            ("FROM b AS Bad", "1 StageNameCasing"),
            ("FROM b as x", "1 FromAsCasing"),
            ("FROM b\nRUN a \\\n\n b", "2 NoEmptyContinuation"),
            ("FROM b\nrun x\nRUN y", "2 ConsistentInstructionCasing"),
            ("FROM b AS x\nFROM b AS x", "2 DuplicateStageName"),
            ("FROM b AS scratch", "1 ReservedStageName"),
            ("FROM b\nCMD x", "2 JSONArgsRecommended"),
            ("FROM b\nMAINTAINER x", "2 MaintainerDeprecated"),
            ("FROM b:${NO:-x}$WHAT", "1 UndefinedArgInFrom"),
            ("FROM b\nWORKDIR x", "2 WorkdirRelativePath"),
            ("FROM b\nLABEL a=$x", "2 UndefinedVar"),
            (
                "FROM b\nCMD [\"a\"]\nCMD [\"b\"]",
                "2 MultipleInstructionsDisallowed",
            ),
            ("FROM b\nENV a b", "2 LegacyKeyValueFormat"),
            (
                "FROM --platform=$TARGETPLATFORM b",
                "1 RedundantTargetPlatform",
            ),
            ("FROM b\nARG API_TOKEN", "2 SecretsUsedInArgOrEnv"),
            ("ARG X\nFROM $X", "2 InvalidDefaultArgInFrom"),
            (
                "FROM --platform=linux/amd64 b",
                "1 FromPlatformFlagConstDisallowed",
            ),
            ("FROM b\nCOPY secret.txt /", "2 CopyIgnoredFile"),
            ("FROM b\nEXPOSE 80/TCP", "2 ExposeProtoCasing"),
            ("FROM b\nEXPOSE 1.2.3.4:80:80", "2 ExposeInvalidFormat"),
        ] {
            assert_eq!(rules(text), [want], "{text}");
        }
    }

    #[test]
    fn a_good_file_has_no_warning() {
        let text = "ARG V=1\nFROM b:$V AS x\nARG A=1\nENV B=$A\nWORKDIR /w\nWORKDIR sub\nCOPY . .\nCMD [\"a\"]\n";
        assert_eq!(rules(text), [""; 0]);
    }

    #[test]
    fn rules_can_be_left_out() {
        let options = Options::parse("skip=StageNameCasing,FromAsCasing;error=true").unwrap();
        assert!(!options.checks("FromAsCasing") && options.checks("UndefinedVar"));
        assert!(options.is_error && !options.checks("InvalidDefinitionDescription"));
        assert!(!Options::parse("skip=all").unwrap().checks("UndefinedVar"));
        assert!(Options::parse("what").is_err());
    }

    #[test]
    fn rules_are_explained_at() {
        let of = |rule| address(rule).rsplit('/').nth(1).unwrap().to_owned();
        assert_eq!(of("StageNameCasing"), "stage-name-casing");
        assert_eq!(of("JSONArgsRecommended"), "json-args-recommended");
        assert_eq!(of("SecretsUsedInArgOrEnv"), "secrets-used-in-arg-or-env");
    }
}
