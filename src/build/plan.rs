//! A Dockerfile and the configurations of its bases to stages of steps: everything that can be wrong with a file is found
//! here, before anything runs.

use std::collections::BTreeMap;

use super::mode::Mode;
use super::request::{Named, Request};
use super::state::{FAULT, Globals, State};
use crate::error::{Error, Result};
use crate::grammar::dockerfile::mount::Mount;
use crate::grammar::dockerfile::words::Lexer;
use crate::grammar::dockerfile::{Dockerfile, Fault, Instruction, Lines, excerpt};
use crate::grammar::platform::Platform;
use crate::image::config::ImageConfig;

/// What is to be done.
#[derive(Debug)]
pub(crate) struct Plan {
    /// Stages in the order of the file; those that nobody needs are `None`.
    pub(crate) stages: Vec<Option<Stage>>,
    /// The stage that becomes the image.
    pub(crate) target: usize,
    /// Names of stages are shown.
    pub(crate) shows_stages: bool,
}

/// One stage.
#[derive(Debug)]
pub(crate) struct Stage {
    /// `stage-0` or its name.
    pub(crate) name: String,
    /// What it begins with.
    pub(crate) base: Base,
    /// What makes layers.
    pub(crate) steps: Vec<Step>,
    /// The configuration at its end; history entries of its own have no time yet.
    pub(crate) image: ImageConfig,
    /// How many history entries came with the base.
    pub(crate) inherited: usize,
    /// Its platform.
    pub(crate) platform: Platform,
}

/// What a stage begins with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Base {
    /// Nothing.
    Scratch,
    /// An image, by its id.
    Image {
        /// As it is shown.
        name: String,
        /// `sha256:...` of its configuration.
        id: String,
        /// Its layers.
        diff_ids: Vec<String>,
    },
    /// Another stage.
    Stage(usize),
}

/// Something that makes a layer.
#[derive(Debug)]
pub(crate) struct Step {
    /// What to do.
    pub(crate) op: Op,
    /// How it is shown, without the place in its stage.
    pub(crate) shown: String,
    /// Where it stands.
    pub(crate) lines: Lines,
    /// Its history entry.
    pub(crate) history: usize,
}

/// What a step does.
#[derive(Debug)]
pub(crate) enum Op {
    /// `WORKDIR /`: counted, and nothing to do.
    Nothing,
    /// Makes a folder.
    Workdir {
        /// Absolute.
        path: String,
        /// Whose.
        user: String,
    },
    /// Runs a program.
    Run(Box<RunOp>),
    /// Puts files somewhere.
    Copy(Box<CopyOp>),
}

/// RUN.
#[derive(Debug)]
pub(crate) struct RunOp {
    /// The program.
    pub(crate) command: Command,
    /// Its environment without proxies and HOME.
    pub(crate) env: Vec<(String, String)>,
    /// Proxies, which no key and no history knows.
    pub(crate) proxies: Vec<(String, String)>,
    /// Absolute.
    pub(crate) cwd: String,
    /// USER.
    pub(crate) user: String,
    /// Mounts, expanded, and where their content comes from (`None`: the kind says).
    pub(crate) mounts: Vec<(Mount, Option<Origin>)>,
    /// `--network`.
    pub(crate) network: Option<String>,
    /// `--security=insecure`.
    pub(crate) insecure: bool,
}

/// A program and its arguments.
#[derive(Debug, Clone)]
pub(crate) struct Command {
    /// The words.
    pub(crate) argv: Vec<String>,
    /// A script that is mounted at /dev/pipes: name and text.
    pub(crate) script: Option<(String, String)>,
}

/// COPY and ADD.
#[derive(Debug, Clone)]
pub(crate) struct CopyOp {
    /// ADD: archives and addresses have a meaning.
    pub(crate) is_add: bool,
    /// Expanded.
    pub(crate) sources: Vec<String>,
    /// Heredocs: name and text.
    pub(crate) files: Vec<(String, String)>,
    /// Absolute and cleaned.
    pub(crate) destination: String,
    /// It was written as a folder.
    pub(crate) is_folder: bool,
    /// Where the sources are.
    pub(crate) origin: Origin,
    /// `--chown`.
    pub(crate) chown: Option<String>,
    /// `--chmod`.
    pub(crate) chmod: Option<Mode>,
    /// `--link`.
    pub(crate) link: bool,
    /// `--parents`.
    pub(crate) parents: bool,
    /// `--exclude`.
    pub(crate) excludes: Vec<String>,
    /// `--checksum`.
    pub(crate) checksum: Option<String>,
    /// `--keep-git-dir`.
    pub(crate) keep_git_dir: bool,
    /// `--unpack`.
    pub(crate) unpack: Option<bool>,
}

/// Where files come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The build's context.
    Context,
    /// A word that was not looked up yet; none is left in a plan.
    Named(String),
    /// A stage.
    Stage(usize),
    /// An image, by name; its layers.
    Image(String, Vec<String>),
    /// A folder of the host (`--build-context`).
    Folder(std::path::PathBuf),
}

/// A base's configuration.
#[derive(Debug, Clone)]
pub(crate) struct BaseImage {
    /// `sha256:...` of its configuration.
    pub(crate) id: String,
    /// Its configuration.
    pub(crate) config: ImageConfig,
    /// How FROM is shown.
    pub(crate) shown: String,
}

/// Who finds bases.
pub(crate) trait Bases {
    /// Finds an image of that platform, pulling it where needed.
    fn find(&self, name: &str, platform: &Platform) -> Result<BaseImage>;
}

/// Makes an error of a fault: its sentence, after the box of its lines where it has some.
pub(crate) fn error(request: &Request, fault: &Fault) -> Error {
    let text = format!("ERROR: failed to solve: {}", fault.text);
    Error::new(FAULT, with_box(request, fault.lines, text))
}

/// The box of lines, then the text.
pub(crate) fn with_box(request: &Request, lines: Option<Lines>, text: String) -> String {
    match lines {
        Some(lines) => {
            let file = String::from_utf8_lossy(&request.dockerfile);
            let file = excerpt::excerpt(&request.dockerfile_name, &file, lines);
            format!("{file}{text}")
        }
        None => text,
    }
}

/// Says what is to be done. Errors have their box.
pub(crate) fn plan(request: &Request, file: &Dockerfile, bases: &dyn Bases) -> Result<Plan> {
    let planner = Planner::new(request, file, bases)?;
    planner.plan()
}

struct Planner<'a> {
    request: &'a Request,
    file: &'a Dockerfile,
    bases: &'a dyn Bases,
    /// ARGs before the first FROM, platforms among them.
    meta: Vec<(String, String)>,
    /// Expanded bases.
    names: Vec<String>,
    target: usize,
}

impl<'a> Planner<'a> {
    fn new(
        request: &'a Request,
        file: &'a Dockerfile,
        bases: &'a dyn Bases,
    ) -> Result<Planner<'a>> {
        let mut planner = Planner {
            request,
            file,
            bases,
            meta: Vec::new(),
            names: Vec::new(),
            target: 0,
        };
        planner.target = planner.find_target()?;
        planner.meta = planner.meta_args()?;
        for (index, stage) in file.stages.iter().enumerate() {
            let fail = |text: String| error(request, &Fault::at(stage.lines, text));
            let name = planner.expand(&stage.base).map_err(fail)?;
            if name.is_empty() && index <= planner.target {
                let text = format!("base name ({}) should not be blank", stage.base);
                return Err(fail(text));
            }
            planner.names.push(name);
        }
        Ok(planner)
    }

    fn find_target(&self) -> Result<usize> {
        let last = self.file.stages.len() - 1;
        let Some(target) = self.request.target.as_deref().filter(|t| !t.is_empty()) else {
            return Ok(last);
        };
        let lower = target.to_lowercase();
        let by_name = self
            .file
            .stages
            .iter()
            .rposition(|s| s.name.as_deref() == Some(&lower));
        let by_index = || target.parse::<usize>().ok().filter(|i| *i <= last);
        by_name.or_else(by_index).ok_or_else(|| {
            let text = format!("target stage {target:?} could not be found");
            error(self.request, &Fault::whole(text))
        })
    }

    fn platform(&self) -> Platform {
        self.request.platform.clone().unwrap_or_else(Platform::host)
    }

    fn meta_args(&self) -> Result<Vec<(String, String)>> {
        let mut meta = Vec::new();
        for (prefix, platform) in [("BUILD", Platform::host()), ("TARGET", self.platform())] {
            meta.push((format!("{prefix}PLATFORM"), platform.to_string()));
            meta.push((format!("{prefix}OS"), platform.os.clone()));
            meta.push((format!("{prefix}ARCH"), platform.architecture.clone()));
            meta.push((format!("{prefix}VARIANT"), platform.variant.clone()));
        }
        let stage = &self.file.stages[self.target];
        let stage = stage.name.clone().unwrap_or_else(|| "default".to_owned());
        meta.push(("TARGETSTAGE".to_owned(), stage));
        for step in &self.file.arguments {
            let Instruction::Arg(list) = &step.instruction else {
                continue;
            };
            for (name, default) in list {
                let given = self.request.build_args.get(name).cloned();
                let value = match (given, default) {
                    (Some(given), _) => Some(given),
                    (None, Some(default)) => {
                        let lexer = self.lexer();
                        let text = lexer
                            .word(default, &meta)
                            .map_err(|text| error(self.request, &Fault::at(step.lines, text)))?;
                        Some(text.text)
                    }
                    (None, None) => None,
                };
                if let Some(value) = value {
                    meta.push((name.clone(), value));
                }
            }
        }
        Ok(meta)
    }

    fn lexer(&self) -> Lexer {
        Lexer {
            escape: self.file.directives.escape,
            ..Lexer::default()
        }
    }

    fn expand(&self, text: &str) -> Result<String, String> {
        self.lexer().word(text, &self.meta).map(|e| e.text)
    }

    /// The stage that a FROM of stage `index` means: an earlier one, the name as it is written.
    fn parent(&self, index: usize) -> Option<usize> {
        let name = &self.names[index];
        self.file.stages[..index]
            .iter()
            .rposition(|s| s.name.as_deref() == Some(name))
    }

    /// The stage that `--from=word` in stage `index` means.
    fn source(&self, word: &str, index: usize, lines: Lines) -> Result<Option<usize>> {
        if self.request.contexts.contains_key(&word.to_lowercase()) {
            return Ok(None);
        }
        if word.chars().all(|c| c.is_ascii_digit()) && !word.is_empty() {
            return match word.parse::<usize>() {
                Ok(n) if n < index => Ok(Some(n)),
                _ => {
                    let text = format!("invalid stage index {word}");
                    Err(error(self.request, &Fault::at(lines, text)))
                }
            };
        }
        let lower = word.to_lowercase();
        Ok(self
            .file
            .stages
            .iter()
            .rposition(|s| s.name.as_deref() == Some(&lower)))
    }

    /// What stage `index` needs, and where it says so.
    fn needs(&self, index: usize) -> Result<Vec<(usize, Lines)>> {
        let stage = &self.file.stages[index];
        let mut needs: Vec<(usize, Lines)> = self
            .parent(index)
            .map(|p| (p, stage.lines))
            .into_iter()
            .collect();
        for step in &stage.steps {
            let words: Vec<&str> = match &step.instruction {
                Instruction::Copy(t) => t.from.as_deref().into_iter().collect(),
                Instruction::Run(r) => r.mounts.iter().filter_map(|m| m.from.as_deref()).collect(),
                _ => Vec::new(),
            };
            for word in words {
                if let Some(other) = self.source(word, index, step.lines)? {
                    needs.push((other, step.lines));
                }
            }
        }
        Ok(needs)
    }

    /// Stages in an order in which each comes after those that it needs.
    fn order(&self) -> Result<Vec<usize>> {
        let mut done = vec![false; self.file.stages.len()];
        let mut order = Vec::new();
        let mut way: Vec<(usize, Lines)> = Vec::new();
        self.visit(self.target, &mut done, &mut order, &mut way)?;
        Ok(order)
    }

    fn visit(
        &self,
        index: usize,
        done: &mut [bool],
        order: &mut Vec<usize>,
        way: &mut Vec<(usize, Lines)>,
    ) -> Result<()> {
        if done[index] {
            return Ok(());
        }
        for (other, lines) in self.needs(index)? {
            let on_way = way.iter().any(|(i, _)| *i == other) || other == index;
            way.push((index, lines));
            if on_way {
                let name = self.name(other);
                let text = format!("circular dependency detected on stage: {name}");
                let edges: String = way
                    .iter()
                    .map(|(_, lines)| with_box(self.request, Some(*lines), String::new()))
                    .collect();
                return Err(Error::new(
                    FAULT,
                    format!("{edges}ERROR: failed to solve: {text}"),
                ));
            }
            self.visit(other, done, order, way)?;
            way.pop();
        }
        done[index] = true;
        order.push(index);
        Ok(())
    }

    fn name(&self, index: usize) -> String {
        match &self.file.stages[index].name {
            Some(name) => name.clone(),
            None => format!("stage-{index}"),
        }
    }

    fn plan(&self) -> Result<Plan> {
        let order = self.order()?;
        let mut states: BTreeMap<usize, State> = BTreeMap::new();
        let mut stages: Vec<Option<Stage>> = (0..self.file.stages.len()).map(|_| None).collect();
        let mut images: BTreeMap<String, BaseImage> = BTreeMap::new();
        let mut has_sources = self.file.stages.len() > 1;
        for index in order {
            let (stage, state) = self.stage(index, &states, &mut images, &mut has_sources)?;
            stages[index] = Some(stage);
            states.insert(index, state);
        }
        Ok(Plan {
            stages,
            target: self.target,
            shows_stages: has_sources,
        })
    }

    fn image(
        &self,
        name: &str,
        platform: &Platform,
        images: &mut BTreeMap<String, BaseImage>,
        lines: Lines,
    ) -> Result<BaseImage> {
        let key = format!("{name} {platform}");
        if let Some(found) = images.get(&key) {
            return Ok(found.clone());
        }
        let found = self
            .bases
            .find(name, platform)
            .map_err(|e| error(self.request, &Fault::at(lines, e.to_string())))?;
        images.insert(key, found.clone());
        Ok(found)
    }

    fn stage(
        &self,
        index: usize,
        states: &BTreeMap<usize, State>,
        images: &mut BTreeMap<String, BaseImage>,
        has_sources: &mut bool,
    ) -> Result<(Stage, State)> {
        let written = &self.file.stages[index];
        let fail = |text: String| error(self.request, &Fault::at(written.lines, text));
        let platform = match &written.platform {
            None => self.platform(),
            Some(text) => {
                let text = self.expand(text).map_err(fail)?;
                Platform::parse(&text)
                    .map_err(|e| fail(format!("failed to parse platform {text}: {e}")))?
            }
        };
        let name = self.names[index].clone();
        let named = self.request.contexts.get(&name.to_lowercase());
        let (base, mut state) = match (self.parent(index), named) {
            (Some(parent), None) => (Base::Stage(parent), State::on_stage(&states[&parent])),
            (None, None) if name == "scratch" => {
                let mut image = ImageConfig {
                    architecture: platform.architecture.clone(),
                    os: platform.os.clone(),
                    variant: Some(platform.variant.clone()).filter(|v| !v.is_empty()),
                    ..ImageConfig::default()
                };
                image.config.working_dir = "/".to_owned();
                (Base::Scratch, State::on(image))
            }
            (_, Some(Named::Folder(_))) => {
                return Err(fail(format!(
                    "the context {name} is a folder and no image to begin with"
                )));
            }
            (_, named) => {
                let name = match named {
                    Some(Named::Image(image)) => image.clone(),
                    _ => name,
                };
                let found = self.image(&name, &platform, images, written.lines)?;
                let base = Base::Image {
                    name: found.shown.clone(),
                    id: found.id.clone(),
                    diff_ids: found.config.rootfs.diff_ids.clone(),
                };
                (base, State::on(padded(found.config)))
            }
        };
        let globals = Globals {
            escape: self.file.directives.escape,
            build_args: &self.request.build_args,
            meta: &self.meta,
        };
        let inherited = match &base {
            Base::Stage(_) => 0,
            _ => state.image.history.len(),
        };
        let fault = |fault: Fault| error(self.request, &fault);
        let mut steps = Vec::new();
        let triggers = state.triggers(written.lines).map_err(fault)?;
        for step in triggers.iter().chain(&written.steps) {
            if let Some(mut made) = state.apply(step, &globals).map_err(fault)? {
                self.resolve(&mut made, index, &platform, images, has_sources)?;
                steps.push(made);
            }
        }
        let stage = Stage {
            name: self.name(index),
            base,
            steps,
            image: state.image.clone(),
            inherited,
            platform,
        };
        Ok((stage, state))
    }

    /// Puts stages, images and folders in the place of names.
    fn resolve(
        &self,
        step: &mut Step,
        index: usize,
        platform: &Platform,
        images: &mut BTreeMap<String, BaseImage>,
        has_sources: &mut bool,
    ) -> Result<()> {
        let lines = step.lines;
        let mut resolve = |origin: &mut Origin| -> Result<()> {
            let Origin::Named(word) = origin else {
                return Ok(());
            };
            *origin = match self.request.contexts.get(&word.to_lowercase()) {
                Some(Named::Folder(path)) => Origin::Folder(path.clone()),
                Some(Named::Image(name)) => {
                    let found = self.image(name, platform, images, lines)?;
                    Origin::Image(name.clone(), found.config.rootfs.diff_ids)
                }
                None => match self.source(word, index, lines)? {
                    Some(stage) => Origin::Stage(stage),
                    None if word == "scratch" => Origin::Image(word.clone(), Vec::new()),
                    None => {
                        *has_sources = true;
                        let found = self.image(word, platform, images, lines)?;
                        Origin::Image(word.clone(), found.config.rootfs.diff_ids)
                    }
                },
            };
            Ok(())
        };
        match &mut step.op {
            Op::Copy(copy) => resolve(&mut copy.origin),
            Op::Run(run) => {
                let has_mounts = !run.mounts.is_empty();
                let mut origins = run.mounts.iter_mut().filter_map(|(_, o)| o.as_mut());
                let resolved = origins.try_for_each(&mut resolve);
                *has_sources |= has_mounts;
                resolved
            }
            _ => Ok(()),
        }
    }
}

/// BuildKit fills the history of a base that has fewer entries than layers from the top, which shifts every later
/// entry; here the missing ones come at the bottom.
fn padded(mut config: ImageConfig) -> ImageConfig {
    let with_layer = config.history.iter().filter(|h| !h.empty_layer).count();
    for _ in with_layer..config.rootfs.diff_ids.len() {
        config.history.insert(
            0,
            crate::image::config::History {
                created: config.created.clone(),
                comment: Some("buildkit.exporter.image.v0".to_owned()),
                ..Default::default()
            },
        );
    }
    config
}
