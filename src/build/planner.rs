//! One platform's plan: bases are found, stages are put in order, and instructions become steps.

use std::collections::BTreeMap;

use super::plan::{Base, BaseImage, Bases, Op, Origin, Single, Stage, Step, error, with_box};
use super::request::{Named, Request};
use super::state::{FAULT, Globals, State};
use crate::error::{Error, Result};
use crate::grammar::dockerfile::words::Lexer;
use crate::grammar::dockerfile::{Dockerfile, Fault, Instruction, Lines};
use crate::grammar::platform::Platform;
use crate::image::config::ImageConfig;

pub(super) struct Planner<'a> {
    request: &'a Request,
    file: &'a Dockerfile,
    bases: &'a dyn Bases,
    platform: Platform,
    /// ARGs before the first FROM, platforms among them.
    meta: Vec<(String, String)>,
    /// Expanded bases.
    names: Vec<String>,
    pub(super) target: usize,
}

impl<'a> Planner<'a> {
    pub(super) fn new(
        request: &'a Request,
        file: &'a Dockerfile,
        bases: &'a dyn Bases,
        platform: Platform,
    ) -> Result<Planner<'a>> {
        let mut planner = Planner {
            request,
            file,
            bases,
            platform,
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

    fn meta_args(&self) -> Result<Vec<(String, String)>> {
        let mut meta = Vec::new();
        for (prefix, platform) in [("BUILD", &Platform::host()), ("TARGET", &self.platform)] {
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
    pub(super) fn order(&self) -> Result<Vec<usize>> {
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

    /// `images`: those that were looked up already.
    pub(super) fn plan(&self, images: &mut BTreeMap<String, BaseImage>) -> Result<Single> {
        let order = self.order()?;
        let mut states: BTreeMap<usize, State> = BTreeMap::new();
        let mut stages = Vec::new();
        let mut has_sources = self.file.stages.len() > 1;
        for index in order {
            let (stage, state) = self.stage(index, &states, images, &mut has_sources)?;
            stages.push((index, stage));
            states.insert(index, state);
        }
        Ok(Single {
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
            None => self.platform.clone(),
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
                let mut found = self.image(&name, &platform, images, written.lines)?;
                if !self.request.platforms.is_empty() || written.platform.is_some() {
                    // an image for one platform alone is taken for any, and what is made of it is said to be for that one
                    found.config.set_platform(&platform);
                }
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
                made.made_for = self.made_for(&platform, &state);
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

    fn made_for(&self, platform: &Platform, state: &State) -> Option<String> {
        let target = &self.platform;
        let is_other = target.architecture != platform.architecture && state.knows_target();
        let variant = Some(&target.variant).filter(|v| !v.is_empty());
        is_other.then(|| match variant {
            Some(variant) => format!("{}/{variant}", target.architecture),
            None => target.architecture.clone(),
        })
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
