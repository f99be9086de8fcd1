//! Does what a plan says: a thread per stage, each waiting at the step that needs another stage. The first failure stops
//! all of them.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::bases::Finder;
use super::cache::{self, Key};
use super::context::Stats;
use super::copy::{self, Bench};
use super::exchange::Record;
use super::plan::{self, Base, CopyOp, Op, Origin, Plan, RunOp, Stage, Step};
use super::progress::{Board, End, Progress, Work};
use super::request::Request;
use super::run::{self, Failure, Room};
use super::source::Tree;
use super::{document, exchange, export, fetch, mounts, place};
use crate::error::{Error, Kind, Result};
use crate::grammar::dockerfile::ignore::Patterns;
use crate::grammar::dockerfile::{self, Dockerfile, Fault, Lines, Warning, lint};
use crate::grammar::go;
use crate::host::storage::{self, Rung};
use crate::image::config::ImageConfig;
use crate::image::pack::{Changes, Options};
use crate::store::{Store, builds};
use crate::sys::thread;

/// Checks the Dockerfile without building: the lint warnings of `--check`, and whether one fails the check.
pub(crate) fn check(store: &Store, request: &Request) -> Result<(Vec<Warning>, bool)> {
    let file = dockerfile::parse(&request.dockerfile).map_err(|f| plan::error(request, &f))?;
    let (warnings, options) = lint(store, request, &file)?;
    Ok((warnings, options.is_error))
}

fn lint(
    store: &Store,
    request: &Request,
    file: &Dockerfile,
) -> Result<(Vec<Warning>, lint::Options)> {
    let whole = |text: String| plan::error(request, &Fault::whole(text));
    let directive = file.directives.check.as_ref().map(|(text, _)| text);
    let given = request.build_args.get("BUILDKIT_DOCKERFILE_CHECK");
    let options = match given.or(directive) {
        Some(text) => lint::Options::parse(text).map_err(whole)?,
        None => lint::Options::default(),
    };
    let ignored = Patterns::new(&request.ignore).map_err(whole)?;
    // only what is here: a check pulls nothing
    let environment = |name: &str| {
        let image = store.images().find(name).ok()?;
        let names = image.config.config.env.iter();
        let mut names: Vec<String> = names
            .map(|e| e.split('=').next().unwrap_or_default().to_owned())
            .collect();
        names.push("PATH".to_owned());
        Some(names)
    };
    let warnings = lint::lint(file, &options, &ignored, &environment);
    Ok((warnings, options))
}

/// What a build made.
#[derive(Debug, Clone)]
pub(crate) struct Built {
    /// `sha256:...` of the configuration.
    pub(crate) id: String,
    /// `sha256:...` of the manifest.
    pub(crate) manifest: String,
    /// The configuration.
    pub(crate) config: ImageConfig,
    /// Its bytes.
    pub(crate) document: Vec<u8>,
}

/// Builds.
pub(crate) fn build(store: &Store, request: &Request, progress: &dyn Progress) -> Result<Built> {
    let board = Board::new(progress);
    let since = Instant::now();
    let work = board.begin(format!(
        "[internal] load build definition from {}",
        request.dockerfile_name
    ));
    work.status(
        "transferring dockerfile:",
        request.dockerfile.len() as u64,
        since,
    );
    work.end(End::Done);
    let file = dockerfile::parse(&request.dockerfile).map_err(|f| plan::error(request, &f))?;
    let (warnings, options) = lint(store, request, &file)?;
    for warning in &warnings {
        board.warn(warning.rule, warning.text.clone(), Some(warning.lines));
    }
    if options.is_error && !warnings.is_empty() {
        let text = "lint violation found for rules: ".to_owned() + &rules(&warnings);
        return Err(plan::error(request, &Fault::whole(text)));
    }
    let finder = Finder::new(store, request, &board);
    let plan = plan::plan(request, &file, &finder)?;
    let work = board.begin("[internal] load .dockerignore");
    work.status("transferring context:", request.ignore_size.max(2), since);
    work.end(End::Done);
    let ignore =
        Patterns::new(&request.ignore).map_err(|text| plan::error(request, &Fault::whole(text)))?;
    exchange::import(store, request, &board);
    let rung = storage::rung(store.paths(), request.storage_driver.as_deref())?;
    let solver = Solver {
        request,
        store,
        plan: &plan,
        board: &board,
        rung,
        ignore,
        stats: request.context.as_ref().map(|c| Stats::read(store, c)),
        slots: plan.stages.iter().map(|_| Slot::default()).collect(),
        failure: Mutex::default(),
        is_over: AtomicBool::new(false),
        context: Mutex::default(),
        records: Mutex::default(),
    };
    let outcome = solver.solve();
    let all = std::mem::take(&mut *lock(&solver.records));
    if let Some(stats) = solver.stats {
        stats.write(store);
    }
    let outcome = outcome?;
    let own: Vec<Record> = all
        .iter()
        .filter(|record| outcome.keys.contains(&record.key))
        .cloned()
        .collect();
    let target = plan.stages[plan.target]
        .as_ref()
        .expect("the target is needed");
    let built = export::export(store, request, &board, target, &outcome, &own)?;
    exchange::export(store, request, &board, &all, &own)?;
    Ok(built)
}

fn rules(warnings: &[Warning]) -> String {
    let mut rules: Vec<&str> = warnings.iter().map(|w| w.rule).collect();
    rules.dedup();
    rules.join(", ")
}

/// A stage that is done.
#[derive(Debug, Clone)]
pub(super) struct Outcome {
    /// Key of its last step.
    key: String,
    /// Keys of its steps, those of the stages that it stands on included.
    keys: Vec<String>,
    /// Its layers, the lowest first.
    pub(super) layers: Vec<String>,
    /// When each history entry's layer was made; `None` for entries without one of this build.
    pub(super) times: Vec<Option<String>>,
}

/// Where a stage's outcome will be.
#[derive(Debug, Default)]
struct Slot {
    outcome: Mutex<Option<Arc<Outcome>>>,
    is_done: Condvar,
}

/// Everything that the threads share.
pub(super) struct Solver<'a> {
    pub(super) request: &'a Request,
    pub(super) store: &'a Store,
    plan: &'a Plan,
    board: &'a Board<'a>,
    rung: Rung,
    ignore: Patterns,
    stats: Option<Stats>,
    slots: Vec<Slot>,
    failure: Mutex<Option<Error>>,
    is_over: AtomicBool,
    /// The context was shown as loaded.
    context: Mutex<bool>,
    /// Every step that was found or made.
    records: Mutex<Vec<Record>>,
}

/// A stage's thread ends early: the failure is written down, or another one's is.
struct Stopped;

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // a thread that panics takes the build along anyway
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Solver<'_> {
    fn solve(&self) -> Result<Arc<Outcome>> {
        let needed: Vec<usize> = (0..self.plan.stages.len())
            .filter(|i| self.plan.stages[*i].is_some())
            .collect();
        if let [only] = needed.as_slice() {
            let _ = self.stage(*only);
        } else {
            std::thread::scope(|scope| -> Result<()> {
                for &index in &needed {
                    thread::spawn_scoped(scope, "stage", move || drop(self.stage(index)))?;
                }
                Ok(())
            })?;
        }
        if let Some(e) = lock(&self.failure).take() {
            return Err(e);
        }
        let outcome = lock(&self.slots[self.plan.target].outcome).clone();
        outcome.ok_or_else(|| Error::new(Kind::State, "the build was stopped"))
    }

    fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Relaxed)
    }

    fn fail(&self, error: Error) -> Stopped {
        lock(&self.failure).get_or_insert(error);
        self.is_over.store(true, Ordering::Relaxed);
        for slot in &self.slots {
            // so that nobody waits for what does not come; the lock makes sure that none has just looked
            drop(lock(&slot.outcome));
            slot.is_done.notify_all();
        }
        Stopped
    }

    /// Waits for a stage.
    fn outcome(&self, index: usize) -> Result<Arc<Outcome>, Stopped> {
        let slot = &self.slots[index];
        let mut outcome = lock(&slot.outcome);
        loop {
            if let Some(done) = &*outcome {
                return Ok(done.clone());
            }
            if self.is_over() {
                return Err(Stopped);
            }
            outcome = slot
                .is_done
                .wait(outcome)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn stage(&self, index: usize) -> Result<(), Stopped> {
        let stage = self.plan.stages[index]
            .as_ref()
            .expect("only needed stages run");
        let mut outcome = self.base(stage)?;
        for (number, step) in stage.steps.iter().enumerate() {
            outcome.times.resize(step.history + 1, None);
            self.step(stage, number, step, &mut outcome)?;
        }
        outcome.times.resize(stage.image.history.len(), None);
        let slot = &self.slots[index];
        *lock(&slot.outcome) = Some(Arc::new(outcome));
        slot.is_done.notify_all();
        Ok(())
    }

    fn base(&self, stage: &Stage) -> Result<Outcome, Stopped> {
        let platform = stage.platform.to_string();
        match &stage.base {
            Base::Stage(parent) => Ok((*self.outcome(*parent)?).clone()),
            Base::Scratch => Ok(Outcome {
                key: format!("scratch {platform}"),
                keys: Vec::new(),
                layers: Vec::new(),
                times: Vec::new(),
            }),
            Base::Image { name, id, diff_ids } => {
                let text = format!("FROM {name}");
                let work = self.board.begin(self.name(stage, 0, &text));
                work.end(End::Cached);
                let history = &stage.image.history[..stage.inherited];
                Ok(Outcome {
                    key: id.clone(),
                    keys: Vec::new(),
                    layers: diff_ids.clone(),
                    times: history.iter().map(|entry| entry.created.clone()).collect(),
                })
            }
        }
    }

    /// `[stage-name i/n] INSTRUCTION`; `number` counts the steps from 1, FROM is 0.
    fn name(&self, stage: &Stage, number: usize, text: &str) -> String {
        let from = usize::from(matches!(stage.base, Base::Image { .. }));
        let all = stage.steps.len() + from;
        let number = number + from;
        let width = all.to_string().len();
        let place = format!("{number:width$}/{all}");
        match self.plan.shows_stages {
            true => format!("[{} {place}] {text}", stage.name),
            false => format!("[{place}] {text}"),
        }
    }

    fn step(
        &self,
        stage: &Stage,
        number: usize,
        step: &Step,
        outcome: &mut Outcome,
    ) -> Result<(), Stopped> {
        let fail = |e: Error| self.fail(self.located(step.lines, &e));
        if self.is_over() {
            return Err(Stopped);
        }
        if matches!(step.op, Op::Nothing) {
            return Ok(());
        }
        self.wait_for(&step.op)?;
        let work = self.board.begin(self.name(stage, number + 1, &step.shown));
        let key = match self.key(step, outcome) {
            Ok(key) => key,
            Err(e) => {
                let e = match e.kind() {
                    Kind::NotFound => {
                        Error::new(e.kind(), format!("failed to compute cache key: {e}"))
                    }
                    _ => e,
                };
                work.end(End::Failed(e.to_string()));
                return Err(fail(e));
            }
        };
        let (key, inputs) = key.finish();
        if !self.is_uncached(stage)
            && let Some(known) = self.store.builds().step(&key).map_err(fail)?
        {
            self.note(step, outcome, key, known);
            work.end(End::Cached);
            return Ok(());
        }
        self.explain(stage, outcome, step, &inputs, &work);
        match self.perform(stage, step, outcome, &work) {
            Ok(diff_id) => {
                let record = builds::Step {
                    diff_id,
                    created: document::time(jiff::Timestamp::now()),
                    parent: outcome.key.clone(),
                    about: step.shown.clone(),
                    inputs,
                };
                self.store.builds().put_step(&key, &record).map_err(fail)?;
                self.note(step, outcome, key, record);
                work.end(End::Done);
                Ok(())
            }
            Err(Failure::Canceled) => {
                work.end(End::Canceled);
                Err(Stopped)
            }
            Err(Failure::Exit(code)) => {
                let Op::Run(run) = &step.op else {
                    unreachable!("only programs have exit codes")
                };
                let text = format!(
                    "process {} did not complete successfully: exit code: {code}",
                    go::quote(&run.command.argv.join(" "))
                );
                work.end(End::Failed(text.clone()));
                Err(fail(Error::new(Kind::State, text)))
            }
            Err(Failure::Other(e)) => {
                work.end(End::Failed(e.to_string()));
                Err(fail(e))
            }
        }
    }

    /// A step's result becomes the top of its stage.
    fn note(&self, step: &Step, outcome: &mut Outcome, key: String, record: builds::Step) {
        outcome.layers.push(record.diff_id.clone());
        outcome.times[step.history] = Some(record.created.clone());
        outcome.keys.push(key.clone());
        outcome.key.clone_from(&key);
        lock(&self.records).push(Record { key, step: record });
    }

    fn located(&self, lines: Lines, e: &Error) -> Error {
        let text = format!("ERROR: failed to solve: {e}");
        Error::new(e.kind(), plan::with_box(self.request, Some(lines), text))
    }

    fn is_uncached(&self, stage: &Stage) -> bool {
        self.request.no_cache || self.request.no_cache_filter.contains(&stage.name)
    }

    /// Says which input is another one than last time.
    fn explain(
        &self,
        stage: &Stage,
        outcome: &Outcome,
        step: &Step,
        inputs: &[String],
        work: &Work<'_>,
    ) {
        if !self.request.explain {
            return;
        }
        let why = match self.store.builds().after(&outcome.key, &step.shown) {
            _ if self.is_uncached(stage) => "--no-cache says so".to_owned(),
            Ok(Some(before)) if before.parent != outcome.key => {
                "a step before it was not cached".to_owned()
            }
            Ok(Some(before)) => cache::difference(&before.inputs, inputs)
                .unwrap_or_else(|| "its layer is gone".to_owned()),
            _ => "it was never run".to_owned(),
        };
        work.log(2, format!("not cached: {why}\n").as_bytes());
    }

    /// Waits for the stages that a step takes from.
    fn wait_for(&self, op: &Op) -> Result<(), Stopped> {
        let origins: Vec<&Origin> = match op {
            Op::Copy(copy) => vec![&copy.origin],
            Op::Run(run) => run.mounts.iter().filter_map(|(_, o)| o.as_ref()).collect(),
            _ => Vec::new(),
        };
        for origin in origins {
            if let Origin::Stage(index) = origin {
                self.outcome(*index)?;
            }
        }
        Ok(())
    }

    /// The trees of some layers, the uppermost first.
    fn trees(&self, layers: &[String]) -> Vec<PathBuf> {
        let layers = layers.iter().rev();
        layers
            .map(|layer| self.store.layers().tree(layer))
            .collect()
    }

    fn layers_of(&self, origin: &Origin) -> Option<Vec<String>> {
        match origin {
            Origin::Stage(index) => self.outcome(*index).ok().map(|o| o.layers.clone()),
            Origin::Image(_, layers) => Some(layers.clone()),
            _ => None,
        }
    }

    /// Where files come from, as a tree.
    pub(super) fn tree(&self, origin: &Origin) -> Result<Tree> {
        match origin {
            Origin::Context | Origin::Named(_) => match &self.request.context {
                Some(folder) => {
                    self.show_context();
                    Ok(Tree::folder(folder, self.ignore.clone()))
                }
                None => Ok(Tree::layers(Vec::new())),
            },
            Origin::Folder(folder) => Ok(Tree::folder(folder, Patterns::default())),
            Origin::Stage(_) | Origin::Image(..) => {
                let layers = self.layers_of(origin).unwrap_or_default();
                Ok(Tree::layers(self.trees(&layers)))
            }
        }
    }

    fn show_context(&self) {
        let mut shown = lock(&self.context);
        if !std::mem::replace(&mut *shown, true) {
            let work = self.board.begin("[internal] load build context");
            work.status("transferring context:", 2, Instant::now());
            work.end(End::Done);
        }
    }

    /// The digest of what a step takes from somewhere; of layers it is remembered.
    fn content(&self, op: &CopyOp) -> Result<String> {
        if op.sources.is_empty() {
            return Ok(String::new());
        }
        let remembered = self.layers_of(&op.origin).map(|layers| {
            let mut key = Key::new("content");
            for layer in &layers {
                key.add("layer", layer);
            }
            for text in op.sources.iter().chain(&op.excludes) {
                key.add("text", text);
            }
            key.add("parents", &op.parents.to_string());
            key.finish().0
        });
        if let Some(digest) = remembered
            .as_ref()
            .and_then(|key| self.store.builds().content(key))
        {
            return Ok(digest);
        }
        let tree = self.tree(&op.origin)?;
        let stats = self.stats.as_ref().filter(|_| op.origin == Origin::Context);
        let digest = copy::content(&tree, op, stats)?;
        if let Some(key) = remembered {
            self.store.builds().put_content(&key, &digest)?;
        }
        Ok(digest)
    }

    fn key(&self, step: &Step, outcome: &Outcome) -> Result<Key> {
        match &step.op {
            Op::Nothing => unreachable!("it has no key"),
            Op::Workdir { path, user } => {
                let mut key = Key::new(&outcome.key);
                key.add("workdir", path);
                key.add("user", user);
                Ok(key)
            }
            Op::Copy(op) => {
                let mut key = match copy::is_linked(op) {
                    true => Key::new("link"),
                    false => Key::new(&outcome.key),
                };
                self.copy_key(op, &mut key)?;
                Ok(key)
            }
            Op::Run(op) => self.run_key(op, Key::new(&outcome.key)),
        }
    }

    fn copy_key(&self, op: &CopyOp, key: &mut Key) -> Result<()> {
        key.add("add", &op.is_add.to_string());
        key.add("sources", &op.sources.join(" "));
        key.add("destination", &op.destination);
        key.add("folder", &op.is_folder.to_string());
        key.add("chown", op.chown.as_deref().unwrap_or_default());
        key.add("chmod", &format!("{:?}", op.chmod));
        key.add(
            "flags",
            &format!("{} {} {:?}", op.parents, op.keep_git_dir, op.unpack),
        );
        key.add("excludes", &op.excludes.join(" "));
        for (name, text) in &op.files {
            key.add("file", &format!("{name} {text}"));
        }
        for word in op.sources.iter().filter(|word| copy::is_remote(op, word)) {
            key.add("remote", &fetch::identity(self.request, op, word)?);
        }
        key.add("content", &self.content(op)?);
        Ok(())
    }

    fn run_key(&self, op: &RunOp, mut key: Key) -> Result<Key> {
        let request = self.request;
        key.add("argv", &op.command.argv.join(" "));
        key.add("words", &op.command.argv.len().to_string());
        if let Some((name, text)) = &op.command.script {
            key.add("script", &format!("{name} {text}"));
        }
        for (name, value) in &op.env {
            key.add("env", &format!("{name}={value}"));
        }
        key.add("cwd", &op.cwd);
        key.add("user", &op.user);
        let network = op.network.as_deref().unwrap_or(&request.network);
        key.add("network", network);
        key.add("insecure", &op.insecure.to_string());
        key.add("shm-size", &request.shm_size.to_string());
        key.add("ulimits", &format!("{:?}", request.ulimits));
        for host in &request.add_hosts {
            let name = host.split(':').next().unwrap_or_default();
            key.add("add-host", name);
        }
        for (wanted, origin) in &op.mounts {
            use crate::grammar::dockerfile::mount::Kind as Mounted;
            let mut shown = wanted.clone();
            if wanted.kind == Mounted::Cache {
                // which folder it is and who else uses it is nobody's business but the host's
                (shown.id, shown.sharing) = (None, Default::default());
            }
            key.add("mount", &format!("{shown:?}"));
            if wanted.kind == Mounted::Bind {
                let source = wanted.source.clone().unwrap_or_else(|| "/".to_owned());
                let origin = origin.clone().unwrap_or(Origin::Context);
                key.add("content", &self.content(&taking(origin, source))?);
            }
        }
        Ok(key)
    }

    /// Makes a step's layer; returns its diff id.
    fn perform(
        &self,
        stage: &Stage,
        step: &Step,
        outcome: &Outcome,
        work: &Work<'_>,
    ) -> Result<String, Failure> {
        let mut room = Room::new(self.store, &self.rung, &stage.image, &outcome.layers)?;
        let lowers = self.trees(&outcome.layers);
        let mut below = lowers.as_slice();
        match &step.op {
            Op::Run(op) => {
                let mut ready = mounts::ready(self, &room, op)?;
                run::script(&room, op, &mut ready)?;
                run::run(&mut room, op, self.request, &ready, &lowers, work, &|| {
                    self.is_over()
                })?;
            }
            Op::Copy(op) => {
                if copy::is_linked(op) {
                    below = &[];
                }
                let scratch = room.scratch()?;
                let bench = Bench {
                    upper: &room.upper,
                    scratch: &scratch,
                    lowers: &lowers,
                    now: place::now(),
                };
                let tree = self.tree(&op.origin)?;
                let fetched = fetch::fetch(self.request, op, &scratch)?;
                for warning in copy::copy(&bench, &tree, op, &fetched)? {
                    self.board.warn("", warning, Some(step.lines));
                }
            }
            Op::Workdir { path, user } => {
                let scratch = room.scratch()?;
                let bench = Bench {
                    upper: &room.upper,
                    scratch: &scratch,
                    lowers: &lowers,
                    now: place::now(),
                };
                copy::workdir(&bench, path, user)?;
            }
            Op::Nothing => {}
        }
        let options = Options {
            latest: self
                .request
                .epoch
                .filter(|_| self.request.rewrite_timestamp),
            ..Options::default()
        };
        let changes = Changes::of(&room.upper, below, &options)?;
        Ok(changes.adopt(self.store)?.diff_id)
    }
}

/// What a bind mount takes, as a COPY would.
fn taking(origin: Origin, source: String) -> CopyOp {
    CopyOp {
        is_add: false,
        sources: vec![source],
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
