//! What an instruction does to a stage: its environment, its configuration, its history, and the steps that make layers
//! (dockerfile2llb/convert.go).

use std::collections::BTreeMap;

use super::mode::Mode;
use super::plan::{Command, CopyOp, Op, Origin, RunOp, Step};
use crate::error::Kind;
use crate::grammar::dockerfile::instruction::{self, Health, Instruction};
use crate::grammar::dockerfile::words::Lexer;
use crate::grammar::dockerfile::{Fault, Lines, Run, Transfer, parse_trigger};
use crate::grammar::{go, port, units};
use crate::image::config::{Empty, Healthcheck, History, ImageConfig};

/// BuildKit's comment of its history entries.
const COMMENT: &str = "buildkit.dockerfile.v0";

/// Variables that every RUN gets and nothing remembers.
pub(super) const PROXIES: [&str; 10] = [
    "HTTP_PROXY",
    "http_proxy",
    "HTTPS_PROXY",
    "https_proxy",
    "FTP_PROXY",
    "ftp_proxy",
    "NO_PROXY",
    "no_proxy",
    "ALL_PROXY",
    "all_proxy",
];

/// A stage on its way down its instructions.
#[derive(Debug, Clone)]
pub(super) struct State {
    /// Configuration and history so far.
    pub(super) image: ImageConfig,
    /// What RUN and expansion see: the image's ENV, and ARG.
    pub(super) env: Vec<(String, String)>,
    /// ARGs of this stage in order of declaration.
    pub(super) args: Vec<(String, Option<String>)>,
    cmd_set: bool,
    exposed: BTreeMap<String, Empty>,
}

/// What is the same for all stages.
pub(super) struct Globals<'a> {
    pub(super) escape: char,
    /// `--build-arg`.
    pub(super) build_args: &'a BTreeMap<String, String>,
    /// ARGs before the first FROM, and the platform's.
    pub(super) meta: &'a [(String, String)],
}

impl State {
    /// Begins on an image.
    pub(super) fn on(image: ImageConfig) -> State {
        let mut state = State {
            env: Vec::new(),
            args: Vec::new(),
            cmd_set: false,
            exposed: image.config.exposed_ports.clone(),
            image,
        };
        state.image.config.hostname.clear();
        if !state
            .image
            .config
            .env
            .iter()
            .any(|e| e.starts_with("PATH="))
        {
            state
                .image
                .config
                .env
                .insert(0, crate::container::plan_make::DEFAULT_PATH.to_owned());
        }
        for variable in state.image.config.env.clone() {
            let (name, value) = variable.split_once('=').unwrap_or((&variable, ""));
            state.set(name, value);
        }
        state
    }

    /// Begins on the end of another stage, whose ARGs stay in the environment.
    pub(super) fn on_stage(parent: &State) -> State {
        State {
            args: Vec::new(),
            cmd_set: false,
            ..parent.clone()
        }
    }

    /// A variable set again moves to the end (llb.EnvList).
    fn set(&mut self, name: &str, value: &str) {
        self.env.retain(|(n, _)| n != name);
        self.env.push((name.to_owned(), value.to_owned()));
    }

    fn value(&self, name: &str) -> Option<&str> {
        let found = self.env.iter().find(|(n, _)| n == name);
        found.map(|(_, value)| value.as_str())
    }

    /// Says whether its steps know for which platform the image is.
    pub(super) fn knows_target(&self) -> bool {
        ["TARGETPLATFORM", "TARGETARCH"]
            .iter()
            .any(|name| self.value(name).is_some())
    }

    fn history(&mut self, created_by: String, has_layer: bool) {
        self.image.history.push(History {
            created: None,
            created_by: Some(created_by),
            author: None,
            comment: Some(COMMENT.to_owned()),
            empty_layer: !has_layer,
        });
    }

    fn shell(&self) -> Vec<String> {
        match self.image.config.shell.as_ref().filter(|s| !s.is_empty()) {
            Some(shell) => shell.clone(),
            None => vec!["/bin/sh".to_owned(), "-c".to_owned()],
        }
    }

    fn expand(&self, text: &str, globals: &Globals<'_>) -> Result<String, String> {
        let lexer = Lexer {
            escape: globals.escape,
            ..Lexer::default()
        };
        lexer.word(text, &self.env).map(|e| e.text)
    }

    /// The text of a step as it is shown: expanded where that is possible, quotes kept.
    fn shown(&self, text: &str, globals: &Globals<'_>) -> String {
        let (keyword, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
        let text = format!("{} {}", keyword.to_uppercase(), rest.trim());
        let lexer = Lexer {
            escape: globals.escape,
            raw_quotes: true,
            raw_escapes: true,
            keep_unset: true,
            ..Lexer::default()
        };
        match lexer.word(text.trim(), &self.env) {
            Ok(expanded) => expanded.text,
            Err(_) => text,
        }
    }

    /// The triggers of the base, as instructions; they are gone from the configuration then.
    pub(super) fn triggers(&mut self, lines: Lines) -> Result<Vec<instruction::Step>, Fault> {
        let triggers = std::mem::take(&mut self.image.config.on_build);
        triggers
            .iter()
            .map(|text| parse_trigger(text, lines))
            .collect()
    }

    /// Applies one instruction; returns the step when it makes a layer.
    pub(super) fn apply(
        &mut self,
        step: &instruction::Step,
        globals: &Globals<'_>,
    ) -> Result<Option<Step>, Fault> {
        let fail = |text: String| Fault::at(step.lines, text);
        let made = self.dispatch(step, globals).map_err(fail)?;
        Ok(made.map(|(op, shown)| Step {
            op,
            shown,
            lines: step.lines,
            history: self.image.history.len() - 1,
            made_for: None,
        }))
    }

    fn dispatch(
        &mut self,
        step: &instruction::Step,
        globals: &Globals<'_>,
    ) -> Result<Option<(Op, String)>, String> {
        match &step.instruction {
            Instruction::Arg(list) => self.arg(list, globals)?,
            Instruction::Env(pairs, _) => self.env(pairs, globals)?,
            Instruction::Label(pairs, _) => self.label(pairs, globals)?,
            Instruction::Cmd(command) => {
                let words = self.command(command);
                self.history(format!("CMD {}", quoted(&words)), false);
                self.image.config.cmd = Some(words).filter(|w| !w.is_empty());
                self.image.config.args_escaped = true;
                self.cmd_set = true;
            }
            Instruction::Entrypoint(command) => {
                let words = self.command(command);
                self.history(format!("ENTRYPOINT {}", quoted(&words)), false);
                self.image.config.entrypoint = Some(words).filter(|w| !w.is_empty());
                if !self.cmd_set {
                    self.image.config.cmd = None;
                }
            }
            Instruction::Expose(ports) => self.expose(ports, globals)?,
            Instruction::Healthcheck(check) => self.healthcheck(check),
            Instruction::Maintainer(author) => {
                let author = self.expand(author, globals).unwrap_or(author.clone());
                self.history(format!("MAINTAINER {author}"), false);
                self.image.author = Some(author);
            }
            Instruction::OnBuild(trigger) => self.image.config.on_build.push(trigger.clone()),
            Instruction::Shell(words) => {
                self.history(format!("SHELL [{}]", words.join(" ")), false);
                self.image.config.shell = Some(words.clone());
            }
            Instruction::StopSignal(signal) => {
                let signal = self.expand(signal, globals)?;
                if units::signal(&signal).is_err() {
                    return Err(format!("invalid signal: {signal}"));
                }
                self.history(format!("STOPSIGNAL {signal}"), false);
                self.image.config.stop_signal = Some(signal);
            }
            Instruction::User(user) => {
                let user = self.expand(user, globals)?;
                self.history(format!("USER {user}"), false);
                self.image.config.user = user;
            }
            Instruction::Volume(paths) => self.volume(paths, globals)?,
            Instruction::Workdir(path) => return self.workdir(path, step, globals),
            Instruction::Run(run) => return self.run(run, step, globals).map(Some),
            Instruction::Copy(transfer) => {
                return self.copy("COPY", transfer, step, globals).map(Some);
            }
            Instruction::Add(transfer) => {
                return self.copy("ADD", transfer, step, globals).map(Some);
            }
        }
        Ok(None)
    }

    fn arg(
        &mut self,
        list: &[(String, Option<String>)],
        globals: &Globals<'_>,
    ) -> Result<(), String> {
        let before = self.clone();
        let mut shown = Vec::new();
        for (name, default) in list {
            let name = before.expand(name, globals)?;
            let default = match default {
                Some(text) => Some(before.expand(text, globals)?),
                None => None,
            };
            shown.push(match &default {
                Some(default) => format!("{name}={default}"),
                None => name.clone(),
            });
            let meta = || {
                let found = globals.meta.iter().rev().find(|(n, _)| *n == name);
                found.map(|(_, value)| value.clone())
            };
            let value = globals
                .build_args
                .get(&name)
                .cloned()
                .or(default)
                .or_else(meta);
            if let Some(value) = &value {
                self.set(&name, value);
            }
            self.args.push((name, value));
        }
        self.history(format!("ARG {}", shown.join(" ")), false);
        Ok(())
    }

    fn env(&mut self, pairs: &[(String, String)], globals: &Globals<'_>) -> Result<(), String> {
        let before = self.clone();
        let mut shown = Vec::new();
        for (name, value) in pairs {
            let name = before.expand(name, globals)?;
            let value = before.expand(value, globals)?;
            shown.push(format!("{name}={value}"));
            self.set(&name, &value);
            let variable = format!("{name}={value}");
            let env = &mut self.image.config.env;
            let same = |e: &String| e.split_once('=').is_some_and(|(n, _)| n == name);
            match env.iter().position(same) {
                Some(at) => env[at] = variable,
                None => env.push(variable),
            }
        }
        self.history(format!("ENV {}", shown.join(" ")), false);
        Ok(())
    }

    fn label(&mut self, pairs: &[(String, String)], globals: &Globals<'_>) -> Result<(), String> {
        let mut shown = Vec::new();
        for (key, value) in pairs {
            let key = self.expand(key, globals)?;
            let value = self.expand(value, globals)?;
            shown.push(format!("{key}={value}"));
            self.image.config.labels.insert(key, value);
        }
        self.history(format!("LABEL {}", shown.join(" ")), false);
        Ok(())
    }

    fn command(&self, command: &instruction::Command) -> Vec<String> {
        match command.shell {
            true => [self.shell(), command.words.clone()].concat(),
            false => command.words.clone(),
        }
    }

    fn expose(&mut self, ports: &[String], globals: &Globals<'_>) -> Result<(), String> {
        let lexer = Lexer {
            escape: globals.escape,
            ..Lexer::default()
        };
        for word in ports {
            for word in lexer.words(word, &self.env)? {
                for key in expose(&word)? {
                    self.exposed.insert(key, Empty {});
                }
            }
        }
        self.image.config.exposed_ports = self.exposed.clone();
        let shown: Vec<String> = self.exposed.keys().map(|k| format!("{k}:{{}}")).collect();
        self.history(format!("EXPOSE map[{}]", shown.join(" ")), false);
        Ok(())
    }

    fn healthcheck(&mut self, check: &Health) {
        let words: Vec<String> = check.test.iter().map(|w| go::quote(w)).collect();
        let duration = |n: i64| go::quote(&go::duration(n));
        let retries = go::quote_in(
            '\'',
            &char::from_u32(check.retries as u32)
                .unwrap_or('\u{fffd}')
                .to_string(),
        );
        self.history(
            format!(
                "HEALTHCHECK &{{[{}] {} {} {} {} {}}}",
                words.join(" "),
                duration(check.interval),
                duration(check.timeout),
                duration(check.start_period),
                duration(check.start_interval),
                retries,
            ),
            false,
        );
        self.image.config.healthcheck = Some(Healthcheck {
            test: check.test.clone(),
            interval: check.interval,
            timeout: check.timeout,
            start_period: check.start_period,
            start_interval: check.start_interval,
            retries: check.retries,
        });
    }

    fn volume(&mut self, paths: &[String], globals: &Globals<'_>) -> Result<(), String> {
        let mut shown = Vec::new();
        for path in paths {
            let path = self.expand(path, globals)?;
            if path.is_empty() {
                return Err("VOLUME specified can not be an empty string".to_owned());
            }
            self.image.config.volumes.insert(path.clone(), Empty {});
            shown.push(path);
        }
        self.history(format!("VOLUME [{}]", shown.join(" ")), false);
        Ok(())
    }

    fn workdir(
        &mut self,
        path: &str,
        step: &instruction::Step,
        globals: &Globals<'_>,
    ) -> Result<Option<(Op, String)>, String> {
        let path = self.expand(path, globals)?;
        let path = self.absolute(&path);
        self.image.config.working_dir = path.clone();
        let has_layer = path != "/";
        self.history(format!("WORKDIR {path}"), has_layer);
        let shown = self.shown(&step.text, globals);
        let user = self.image.config.user.clone();
        let op = match has_layer {
            true => Op::Workdir { path, user },
            false => Op::Nothing,
        };
        Ok(Some((op, shown)))
    }

    /// A path below the working folder, cleaned.
    fn absolute(&self, path: &str) -> String {
        match path.starts_with('/') {
            true => go::clean(path),
            false => go::clean(&format!("{}/{path}", self.image.config.working_dir)),
        }
    }

    fn run(
        &mut self,
        run: &Run,
        step: &instruction::Step,
        globals: &Globals<'_>,
    ) -> Result<(Op, String), String> {
        let mut argv = run.command.words.clone();
        let mut shown = self.shown(&step.text, globals);
        let mut script = None;
        let mut remembered = None;
        if let (true, [first, ..]) = (run.command.shell, run.heredocs.as_slice()) {
            let is_alone = run.heredocs.len() == 1
                && first.descriptor.is_empty()
                && instruction_is_heredoc(&argv[0]);
            if is_alone && first.content.starts_with("#!") {
                let path = format!("/dev/pipes/{}", first.name);
                script = Some((first.name.clone(), first.chomped()));
                argv = [self.shell(), vec![path]].concat();
                remembered = Some(argv.clone());
            } else {
                argv[0] = match is_alone {
                    true => first.chomped(),
                    false => with_bodies(&argv[0], &run.heredocs),
                };
                remembered = Some([self.shell(), argv.clone()].concat());
                argv = remembered.clone().unwrap_or_default();
            }
            let body = first.chomped();
            let mut lines = body.lines();
            let start = lines.next().unwrap_or_default();
            let dots = if lines.next().is_some() { "..." } else { "" };
            if is_alone {
                shown = format!("{shown} ({start}{dots})");
            }
        } else if run.command.shell {
            argv = [self.shell(), argv].concat();
        }
        let text = remembered.unwrap_or_else(|| argv.clone());
        self.history(format!("RUN {} # buildkit", self.with_args(&text)), true);
        let mut mounts = Vec::new();
        for mount in &run.mounts {
            let mut mount = mount.clone();
            let texts = [
                &mut mount.target,
                &mut mount.source,
                &mut mount.from,
                &mut mount.id,
                &mut mount.uid,
                &mut mount.gid,
                &mut mount.mode,
            ];
            for value in texts.into_iter().flatten() {
                *value = self.expand(value, globals)?;
            }
            mount.target = mount.target.map(|target| self.absolute(&target));
            let origin = mount
                .from
                .as_deref()
                .map(|from| Origin::Named(from.to_owned()));
            mounts.push((mount, origin));
        }
        let mut env = self.env.clone();
        let proxies: Vec<(String, String)> = PROXIES
            .iter()
            .filter_map(|name| {
                let value = globals
                    .build_args
                    .get(*name)
                    .or_else(|| globals.build_args.get(&name.to_lowercase()))
                    .or_else(|| globals.build_args.get(&name.to_uppercase()))?;
                Some(((*name).to_owned(), value.clone()))
            })
            .collect();
        env.retain(|(name, _)| !proxies.iter().any(|(proxy, _)| proxy == name));
        Ok((
            Op::Run(Box::new(RunOp {
                command: Command { argv, script },
                env,
                proxies,
                cwd: match self.image.config.working_dir.as_str() {
                    "" => "/".to_owned(),
                    path => path.to_owned(),
                },
                user: self.image.config.user.clone(),
                mounts,
                network: run.network.clone(),
                insecure: run.insecure,
            })),
            shown,
        ))
    }

    /// `|2 A=1 B=2 /bin/sh -c ...`.
    fn with_args(&self, argv: &[String]) -> String {
        let args: Vec<String> = self
            .args
            .iter()
            .filter(|(name, _)| !PROXIES.contains(&name.as_str()))
            .map(|(name, value)| {
                let value = self.value(name).or(value.as_deref()).unwrap_or_default();
                format!("{name}={value}")
            })
            .collect();
        let mut words = Vec::new();
        if !args.is_empty() {
            words.push(format!("|{}", args.len()));
        }
        words.extend(args);
        words.extend(argv.iter().cloned());
        words.join(" ")
    }

    fn copy(
        &mut self,
        keyword: &'static str,
        transfer: &Transfer,
        step: &instruction::Step,
        globals: &Globals<'_>,
    ) -> Result<(Op, String), String> {
        let mut shown = self.shown(&step.text, globals);
        let mut sources = Vec::new();
        for source in &transfer.sources {
            sources.push(self.expand(source, globals)?);
        }
        let destination = self.expand(&transfer.destination, globals)?;
        let expand = |text: &Option<String>| -> Result<Option<String>, String> {
            let text = text.as_ref().map(|text| self.expand(text, globals));
            Ok(text.transpose()?.filter(|t| !t.is_empty()))
        };
        let chown = expand(&transfer.chown)?;
        let chmod = expand(&transfer.chmod)?;
        let checksum = expand(&transfer.checksum)?;
        if checksum.is_some() && !sources.iter().all(|source| is_url(source)) {
            return Err("checksum can't be specified for non-HTTP sources".to_owned());
        }
        if keyword == "COPY" {
            for source in &sources {
                if is_url(source) {
                    return Err("source can't be a URL for COPY".to_owned());
                }
                if source.starts_with("git@") || source.starts_with("git://") {
                    return Err("source can't be a git ref for COPY".to_owned());
                }
            }
        }
        let mut files = Vec::new();
        for heredoc in &transfer.heredocs {
            let text = heredoc.chomped();
            let text = match heredoc.expand {
                true => {
                    let lexer = Lexer {
                        escape: '\\',
                        skip_quotes: true,
                        ..Lexer::default()
                    };
                    lexer.word(&text, &self.env)?.text
                }
                false => text,
            };
            files.push((heredoc.name.clone(), text));
        }
        let mut words = Vec::new();
        if transfer.parents {
            words.push("--parents".to_owned());
        }
        words.extend(chown.as_ref().map(|c| format!("--chown={c}")));
        words.extend(chmod.as_ref().map(|c| format!("--chmod={c}")));
        words.extend(sources.iter().cloned());
        words.extend(files.iter().map(|(name, _)| format!("<<{name}")));
        words.push(destination.clone());
        self.history(format!("{keyword} {} # buildkit", words.join(" ")), true);
        if !files.is_empty() {
            shown = shown.replace(['"', '\''], "");
        }
        if let Some(from) = &transfer.from
            && from.contains('$')
        {
            return Err("variable expansion is not supported for --from, define a new stage with FROM using ARG from global scope as a workaround".to_owned());
        }
        let is_folder = destination.is_empty()
            || destination.ends_with('/')
            || destination.ends_with("/.")
            || destination == ".";
        let op = CopyOp {
            is_add: keyword == "ADD",
            sources,
            files,
            destination: self.absolute(&destination),
            is_folder,
            origin: match &transfer.from {
                None => Origin::Context,
                Some(from) => Origin::Named(from.clone()),
            },
            chown,
            chmod: chmod.map(|mode| Mode::parse(&mode)).transpose()?,
            link: transfer.link,
            parents: transfer.parents,
            excludes: transfer.excludes.clone(),
            checksum,
            keep_git_dir: transfer.keep_git_dir,
            unpack: transfer.unpack,
        };
        Ok((Op::Copy(Box::new(op)), shown))
    }
}

/// Whether a source of ADD comes over http.
pub(super) fn is_url(source: &str) -> bool {
    source.starts_with("http://") || source.starts_with("https://")
}

/// Whether nothing but a heredoc stands on a RUN line.
fn instruction_is_heredoc(line: &str) -> bool {
    let word = line.trim();
    word.starts_with("<<")
        && !word
            .trim_start_matches(['<', '-'])
            .contains([' ', '\t', '<', '>', '|', ';', '&'])
}

/// The line and its bodies, as the shell is to read them.
fn with_bodies(line: &str, heredocs: &[crate::grammar::dockerfile::Heredoc]) -> String {
    let mut text = line.to_owned();
    for heredoc in heredocs {
        text += &format!("\n{}{}", heredoc.content, heredoc.name);
    }
    text
}

/// Go's `%q` of a list.
fn quoted(words: &[String]) -> String {
    let words: Vec<String> = words.iter().map(|w| go::quote(w)).collect();
    format!("[{}]", words.join(" "))
}

/// `80-82/udp` to keys, with go-connections' texts.
fn expose(word: &str) -> Result<Vec<String>, String> {
    let (ports, protocol) = match word.split_once('/') {
        Some((ports, protocol)) => (ports, protocol.to_lowercase()),
        None => (word, "tcp".to_owned()),
    };
    // a host side is dropped, as go-connections' ParsePortSpecs drops it
    let ports = ports.rsplit(':').next().unwrap_or_default();
    let (first, last) =
        port::range(ports).map_err(|_| format!("Invalid containerPort: {ports}"))?;
    if !["tcp", "udp", "sctp"].contains(&protocol.as_str()) {
        return Err(format!("Invalid proto: {protocol}"));
    }
    Ok((first..=last).map(|n| format!("{n}/{protocol}")).collect())
}

/// The kind of all faults of a file.
pub(super) const FAULT: Kind = Kind::Invalid;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_have_go_connections_texts() {
        assert_eq!(expose("80").unwrap(), ["80/tcp"]);
        assert_eq!(expose("53/UDP").unwrap(), ["53/udp"]);
        assert_eq!(expose("1-3").unwrap(), ["1/tcp", "2/tcp", "3/tcp"]);
        assert_eq!(expose("a/foo").unwrap_err(), "Invalid containerPort: a");
        assert_eq!(expose("80/foo").unwrap_err(), "Invalid proto: foo");
        assert_eq!(expose("80-70").unwrap_err(), "Invalid containerPort: 80-70");
    }
}
