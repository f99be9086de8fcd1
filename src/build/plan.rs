//! A Dockerfile and the configurations of its bases to stages of steps: everything that can be wrong with a file is found
//! here, before anything runs.

use std::collections::BTreeMap;

use super::mode::Mode;
use super::planner::Planner;
use super::request::Request;
use super::state::FAULT;
use crate::error::{Error, Result};
use crate::grammar::dockerfile::mount::Mount;
use crate::grammar::dockerfile::{Dockerfile, Fault, Lines, excerpt};
use crate::grammar::platform::Platform;
use crate::image::config::ImageConfig;

/// What is to be done.
#[derive(Debug)]
pub(crate) struct Plan {
    /// Stages that are needed, each behind those that it needs.
    pub(crate) stages: Vec<Stage>,
    /// The stages that become images, one for each platform, in the order asked for.
    pub(crate) targets: Vec<(Platform, usize)>,
    /// Names of stages are shown.
    pub(crate) shows_stages: bool,
}

impl Plan {
    /// Names of platforms are shown.
    pub(crate) fn shows_platforms(&self) -> bool {
        self.targets.len() > 1
    }

    /// Returns all that is taken from the context: words of COPY and ADD, paths of mounts.
    pub(crate) fn words_of_the_context(&self) -> Vec<String> {
        let mut all = Vec::new();
        for step in self.stages.iter().flat_map(|stage| &stage.steps) {
            match &step.op {
                Op::Copy(copy) if copy.origin == Origin::Context => {
                    all.extend(copy.sources.iter().cloned());
                }
                Op::Run(run) => {
                    let taken = run.mounts.iter();
                    let taken = taken.filter(|(_, from)| *from == Some(Origin::Context));
                    all.extend(taken.map(|(mount, _)| mount.source.clone().unwrap_or_default()));
                }
                _ => {}
            }
        }
        all
    }

    /// Takes over the stages of a plan for one platform; one that is there already is not done again.
    fn join(&mut self, platform: &Platform, other: Single) {
        let mut places: BTreeMap<usize, usize> = BTreeMap::new();
        for (index, mut stage) in other.stages {
            stage.renumber(&|index| places[&index]);
            let known = self.stages.iter().position(|known| *known == stage);
            let place = known.unwrap_or_else(|| {
                self.stages.push(stage);
                self.stages.len() - 1
            });
            places.insert(index, place);
        }
        self.targets.push((platform.clone(), places[&other.target]));
        self.shows_stages |= other.shows_stages;
    }
}

/// What is to be done for one platform: stages by their place in the file, each behind those that it needs.
pub(super) struct Single {
    pub(super) stages: Vec<(usize, Stage)>,
    pub(super) target: usize,
    pub(super) shows_stages: bool,
}

/// One stage.
#[derive(Debug, PartialEq)]
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

impl Stage {
    /// Gives the stages that it names other numbers.
    fn renumber(&mut self, place: &dyn Fn(usize) -> usize) {
        if let Base::Stage(index) = &mut self.base {
            *index = place(*index);
        }
        for step in &mut self.steps {
            let origins: Vec<&mut Origin> = match &mut step.op {
                Op::Copy(copy) => vec![&mut copy.origin],
                Op::Run(run) => run
                    .mounts
                    .iter_mut()
                    .filter_map(|(_, o)| o.as_mut())
                    .collect(),
                Op::Nothing | Op::Workdir { .. } => Vec::new(),
            };
            for origin in origins {
                if let Origin::Stage(index) = origin {
                    *index = place(*index);
                }
            }
        }
    }
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
#[derive(Debug, PartialEq)]
pub(crate) struct Step {
    /// What to do.
    pub(crate) op: Op,
    /// How it is shown, without the place in its stage.
    pub(crate) shown: String,
    /// Where it stands.
    pub(crate) lines: Lines,
    /// Its history entry.
    pub(crate) history: usize,
    /// The architecture that it makes something for, where it knows it and it is another than its stage's.
    pub(crate) made_for: Option<String>,
}

/// What a step does.
#[derive(Debug, PartialEq)]
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
#[derive(Debug, PartialEq)]
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
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Command {
    /// The words.
    pub(crate) argv: Vec<String>,
    /// A script that is mounted at /dev/pipes: name and text.
    pub(crate) script: Option<(String, String)>,
}

/// COPY and ADD.
#[derive(Debug, Clone, PartialEq)]
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

impl CopyOp {
    /// Its layer knows nothing of those below. `--chmod` switches `--link` off, as in BuildKit.
    pub(super) fn is_linked(&self) -> bool {
        self.link && self.chmod.is_none()
    }

    /// Takes these things from somewhere, as they are: no flag changes them.
    pub(crate) fn taking(origin: Origin, sources: Vec<String>) -> CopyOp {
        CopyOp {
            is_add: false,
            sources,
            files: Vec::new(),
            destination: String::new(),
            is_folder: true,
            origin,
            chown: None,
            chmod: None,
            link: false,
            parents: false,
            excludes: Vec::new(),
            checksum: None,
            keep_git_dir: false,
            unpack: None,
        }
    }
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
    let mut plan = Plan {
        stages: Vec::new(),
        targets: Vec::new(),
        shows_stages: false,
    };
    let mut images = BTreeMap::new();
    for platform in request.targets() {
        let planner = Planner::new(request, file, bases, platform.clone())?;
        let single = planner.plan(&mut images)?;
        plan.join(&platform, single);
    }
    entitle(request, &plan)?;
    Ok(plan)
}

/// A step gets more of the host only where the caller says so (BuildKit's entitlements).
fn entitle(request: &Request, plan: &Plan) -> Result<()> {
    for step in plan.stages.iter().flat_map(|stage| &stage.steps) {
        let Op::Run(run) = &step.op else { continue };
        let wanted = [
            ("network.host", run.network.as_deref() == Some("host")),
            ("security.insecure", run.insecure),
        ];
        let mut refused = wanted
            .iter()
            .filter(|(name, is_wanted)| *is_wanted && !request.allow.contains(*name));
        if let Some((name, _)) = refused.next() {
            let text = format!("failed to load LLB: {name} is not allowed");
            return Err(error(request, &Fault::whole(text)));
        }
    }
    Ok(())
}
