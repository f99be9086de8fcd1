//! Does what a plan says: a thread per stage, each waiting at the step that needs another stage. The first failure stops
//! all of them.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{Scope, ScopedJoinHandle};
use std::time::Instant;

use super::bases::Finder;
use super::built::Built;
use super::cache;
use super::context::Stats;
use super::copy::{self, Bench};
use super::exchange::Record;
use super::plan::{self, Base, Op, Origin, Plan, Stage, Step};
use super::progress::{Board, End, Progress, Work};
use super::request::Request;
use super::run::{self, Failure, Room};
use super::source::Tree;
use super::{check, document, exchange, export, fetch, mounts, place};
use crate::error::{Error, Kind, Result};
use crate::grammar::dockerfile::ignore::Patterns;
use crate::grammar::dockerfile::{self, Fault, Lines, Warning};
use crate::grammar::go;
use crate::host::storage::{self, Driver, Rung};
use crate::image::pack::{Changes, Options, Settled};
use crate::store::layers::Draft;
use crate::store::{Store, builds};
use crate::sys::thread;

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
    let (warnings, options) = check::lint(store, request, &file)?;
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
    let caches = exchange::import(store, request, &board);
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
        caches,
        failure: Mutex::default(),
        is_over: AtomicBool::new(false),
        context: Mutex::default(),
        records: Mutex::default(),
        froms: Mutex::default(),
        steps: Mutex::default(),
        is_settled: Condvar::new(),
    };
    let outcome = solver.solve();
    let all = std::mem::take(&mut *lock(&solver.records));
    if let Some(stats) = solver.stats {
        stats.write(store);
    }
    let outcomes = outcome?;
    let built = export::export(store, request, &board, &plan, &outcomes, &all)?;
    let is_own = |record: &&Record| outcomes.iter().any(|o| o.keys.contains(&record.key));
    let own: Vec<Record> = all.iter().filter(is_own).cloned().collect();
    exchange::export(store, request, &board, &all, &own)?;
    Ok(built)
}

fn rules(warnings: &[Warning]) -> String {
    let mut rules: Vec<&str> = warnings.iter().map(|w| w.rule).collect();
    rules.dedup();
    rules.join(", ")
}

/// BuildKit's words for a build that was ended from outside.
pub(crate) const CANCELED: &str = "ERROR: failed to solve: Canceled: context canceled";

/// A stage that is done.
#[derive(Debug, Clone)]
pub(super) struct Outcome {
    /// Key of its last step.
    pub(super) key: String,
    /// Keys of its steps, those of the stages that it stands on included.
    pub(super) keys: Vec<String>,
    /// Its layers, the lowest first.
    pub(super) layers: Vec<String>,
    /// When each history entry's layer was made; `None` for entries without one of this build.
    pub(super) times: Vec<Option<String>>,
}

impl Outcome {
    /// A step's result becomes the top.
    fn add(&mut self, step: &Step, key: String, layer: String, created: String) {
        self.layers.push(layer);
        self.times[step.history] = Some(created);
        self.keys.push(key.clone());
        // a layer that knows nothing of those below is one for all bases; what comes after it is not
        self.key = match &step.op {
            Op::Copy(op) if op.is_linked() => {
                let mut both = cache::Key::new(&self.key);
                both.add("link", &key);
                both.finish().0
            }
            _ => key,
        };
    }
}

/// The uppermost layer of a stage, whose digest is computed while the next step runs already.
struct Pending<'s> {
    /// Its diff id once it has that name. It is not renamed while somebody holds this, who uses it as a draft by its path.
    name: Arc<Mutex<Option<String>>>,
    /// Returns the draft when there was a layer like it: the next step may have it mounted.
    thread: ScopedJoinHandle<'s, Result<Option<Draft<'s>>, Stopped>>,
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
    pub(super) stats: Option<Stats>,
    slots: Vec<Slot>,
    /// What `--cache-from` gave.
    caches: Vec<exchange::Cache>,
    failure: Mutex<Option<Error>>,
    is_over: AtomicBool,
    /// The context was shown as loaded.
    context: Mutex<bool>,
    /// Every step that was found or made.
    records: Mutex<Vec<Record>>,
    /// FROM lines that were shown.
    froms: Mutex<BTreeSet<String>>,
    /// Steps by key; `None`: a thread is at it, and another that needs it waits.
    steps: Mutex<BTreeMap<String, Option<builds::Step>>>,
    is_settled: Condvar,
}

/// A stage's thread ends early: the failure is written down, or another one's is.
struct Stopped;

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // a thread that panics takes the build along anyway
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Solver<'_> {
    fn solve(&self) -> Result<Vec<Arc<Outcome>>> {
        let count = self.plan.stages.len();
        if count == 1 {
            let _ = self.stage(0);
        } else {
            std::thread::scope(|scope| -> Result<()> {
                for index in 0..count {
                    thread::spawn_scoped(scope, "stage", move || drop(self.stage(index)))?;
                }
                Ok(())
            })?;
        }
        if let Some(e) = lock(&self.failure).take() {
            return Err(e);
        }
        let targets = self.plan.targets.iter();
        let outcomes = targets.map(|(_, target)| lock(&self.slots[*target].outcome).clone());
        let outcomes: Option<Vec<_>> = outcomes.collect();
        outcomes.ok_or_else(|| Error::new(Kind::State, "the build was stopped"))
    }

    fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Relaxed)
    }

    /// As `is_over`, and ends the build where that is wanted from outside. To be asked where no lock is held.
    fn is_unwanted(&self) -> bool {
        if self.request.is_canceled() && !self.is_over() {
            self.fail(Error::new(Kind::State, CANCELED));
        }
        self.is_over()
    }

    fn fail(&self, error: Error) -> Stopped {
        lock(&self.failure).get_or_insert(error);
        self.is_over.store(true, Ordering::Relaxed);
        for slot in &self.slots {
            // so that nobody waits for what does not come; the lock makes sure that none has just looked
            drop(lock(&slot.outcome));
            slot.is_done.notify_all();
        }
        drop(lock(&self.steps));
        self.is_settled.notify_all();
        Stopped
    }

    /// Takes a step upon this thread, or returns what another thread made of it.
    fn claim(&self, key: &str) -> Result<Option<builds::Step>, Stopped> {
        let mut steps = lock(&self.steps);
        loop {
            match steps.get(key) {
                None => {
                    steps.insert(key.to_owned(), None);
                    return Ok(None);
                }
                Some(Some(step)) => return Ok(Some(step.clone())),
                Some(None) if self.is_over() => return Err(Stopped),
                Some(None) => {
                    steps = self
                        .is_settled
                        .wait(steps)
                        .unwrap_or_else(PoisonError::into_inner);
                }
            }
        }
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
        let stage = &self.plan.stages[index];
        let mut outcome = self.base(stage)?;
        std::thread::scope(|scope| {
            let mut pending = None;
            let mut steps = stage.steps.iter().enumerate();
            let done = steps.try_for_each(|(number, step)| {
                outcome.times.resize(step.history + 1, None);
                self.step(scope, stage, number, step, &mut outcome, &mut pending)
            });
            // a layer on its way counts, whatever became of the step after it
            let named = self.await_name(&mut outcome, &mut pending);
            done.and(named)
        })?;
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
                let text = self.name(stage, 0, &format!("FROM {name}"), None);
                if lock(&self.froms).insert(text.clone()) {
                    self.board.begin(text).end(End::Cached);
                }
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
    fn name(&self, stage: &Stage, number: usize, text: &str, made_for: Option<&str>) -> String {
        let from = usize::from(matches!(stage.base, Base::Image { .. }));
        let all = stage.steps.len() + from;
        let number = number + from;
        let width = all.to_string().len();
        let place = format!("{number:width$}/{all}");
        let mut words = Vec::new();
        if self.plan.shows_platforms() {
            let arrow = made_for.map_or(String::new(), |to| format!("->{to}"));
            words.push(format!("{}{arrow}", stage.platform));
        }
        if self.plan.shows_stages {
            words.push(stage.name.clone());
        }
        words.push(place);
        format!("[{}] {text}", words.join(" "))
    }

    fn step<'s, 'e: 's>(
        &'e self,
        scope: &'s Scope<'s, 'e>,
        stage: &Stage,
        number: usize,
        step: &'e Step,
        outcome: &mut Outcome,
        pending: &mut Option<Pending<'s>>,
    ) -> Result<(), Stopped> {
        let fail = |e: Error| self.fail(self.located(step.lines, &e));
        if self.is_unwanted() {
            return Err(Stopped);
        }
        if matches!(step.op, Op::Nothing) {
            return Ok(());
        }
        self.wait_for(&step.op)?;
        let name = self.name(stage, number + 1, &step.shown, step.made_for.as_deref());
        let key = match self.key(step, outcome) {
            Ok(key) => key,
            Err(e) => {
                let e = match e.kind() {
                    Kind::NotFound => {
                        Error::new(e.kind(), format!("failed to compute cache key: {e}"))
                    }
                    _ => e,
                };
                self.board.begin(name).end(End::Failed(e.to_string()));
                return Err(fail(e));
            }
        };
        let (key, inputs) = key.finish();
        if let Some(made) = self.claim(&key)? {
            self.await_name(outcome, pending)?;
            outcome.add(step, key, made.diff_id, made.created);
            return Ok(());
        }
        let work = self.board.begin(name);
        if !self.is_uncached(stage)
            && let Some(known) = self.known(&key, &work).map_err(fail)?
        {
            work.end(End::Cached);
            self.await_name(outcome, pending)?;
            outcome.add(
                step,
                key.clone(),
                known.diff_id.clone(),
                known.created.clone(),
            );
            self.note(key, known);
            return Ok(());
        }
        self.explain(stage, outcome, step, &inputs, &work);
        match self.perform(stage, step, outcome, pending, &work) {
            Ok(settled) => {
                work.end(End::Done);
                self.await_name(outcome, pending)?;
                let record = builds::Step {
                    diff_id: settled.id(),
                    created: document::time(jiff::Timestamp::now()),
                    parent: outcome.key.clone(),
                    about: step.shown.clone(),
                    inputs,
                };
                outcome.add(step, key.clone(), settled.id(), record.created.clone());
                *pending = Some(self.name_it(scope, step, settled, key, record)?);
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

    /// What a key stands for, here or in a cache that was given; of that only the layers are fetched that are needed.
    fn known(&self, key: &str, work: &Work<'_>) -> Result<Option<builds::Step>> {
        if let Some(step) = self.store.builds().step(key)? {
            return Ok(Some(step));
        }
        for cache in &self.caches {
            match cache.step(self.store, &self.request.settings, key) {
                Ok(None) => {}
                Ok(step) => return Ok(step),
                // as good as no cache
                Err(e) => work.log(
                    2,
                    format!("not from the cache that was given: {e}\n").as_bytes(),
                ),
            }
        }
        Ok(None)
    }

    /// A step is done, for this build and whoever waits for it.
    fn note(&self, key: String, record: builds::Step) {
        lock(&self.steps).insert(key.clone(), Some(record.clone()));
        self.is_settled.notify_all();
        lock(&self.records).push(Record { key, step: record });
    }

    /// Gives a layer its digest and name and the step its record, beside what comes after it.
    fn name_it<'s, 'e: 's>(
        &'e self,
        scope: &'s Scope<'s, 'e>,
        step: &'e Step,
        settled: Settled<'e>,
        key: String,
        mut record: builds::Step,
    ) -> Result<Pending<'s>, Stopped> {
        let name = Arc::<Mutex<Option<String>>>::default();
        let named = name.clone();
        let body = move || -> Result<Option<Draft<'s>>> {
            let unpacked = settled.measure()?;
            let mut named = lock(&named);
            let left = settled.name(&unpacked)?;
            *named = Some(unpacked.diff_id.clone());
            drop(named);
            record.diff_id = unpacked.diff_id;
            self.store.builds().put_step(&key, &record)?;
            self.note(key, record);
            Ok(left)
        };
        let fail = |e: Error| self.fail(self.located(step.lines, &e));
        let body = move || body().map_err(|e| self.fail(self.located(step.lines, &e)));
        let thread = thread::spawn_scoped(scope, "digest", body).map_err(|e| fail(e.into()))?;
        Ok(Pending { name, thread })
    }

    /// Waits for the name of the uppermost layer, which nobody has mounted any more.
    fn await_name(
        &self,
        outcome: &mut Outcome,
        pending: &mut Option<Pending<'_>>,
    ) -> Result<(), Stopped> {
        let Some(pending) = pending.take() else {
            return Ok(());
        };
        // nobody uses the draft any more
        drop(thread::joined(pending.thread)?);
        let name = lock(&pending.name).take();
        let top = outcome.layers.last_mut().expect("it is the uppermost");
        *top = name.expect("a thread that did not fail has named it");
        Ok(())
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

    /// Says whether the kernel mounts overlays here.
    pub(super) fn has_overlay(&self) -> bool {
        self.rung.driver == Driver::Overlay
    }

    /// The trees of some layers, the uppermost first.
    fn trees(&self, layers: &[String]) -> Vec<PathBuf> {
        let layers = layers.iter().rev();
        layers
            .map(|layer| self.store.layers().tree(layer))
            .collect()
    }

    pub(super) fn layers_of(&self, origin: &Origin) -> Option<Vec<String>> {
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
                    let mut tree = Tree::folder(folder, self.ignore.clone());
                    if let Some(host) = &mut tree.host {
                        host.words = self.plan.words_of_the_context();
                    }
                    Ok(tree)
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

    /// Makes a step's layer, which has no name yet.
    fn perform(
        &self,
        stage: &Stage,
        step: &Step,
        outcome: &mut Outcome,
        pending: &mut Option<Pending<'_>>,
        work: &Work<'_>,
    ) -> Result<Settled<'_>, Failure> {
        let canceled = |Stopped| Failure::Canceled;
        let draft = pending.as_ref().map(|pending| pending.name.clone());
        let mut held = draft.as_ref().map(|name| lock(name));
        if held.as_ref().is_some_and(|name| name.is_some()) {
            held = None;
            self.await_name(outcome, pending).map_err(canceled)?;
        }
        let mut room = Room::new(self.store, &self.rung, &stage.image, &outcome.layers)?;
        let mut lowers = self.trees(&outcome.layers);
        let mut is_linked = false;
        match &step.op {
            Op::Run(op) => {
                let mut ready = mounts::ready(self, &room, op)?;
                run::script(&room, op, &mut ready)?;
                let held = RefCell::new(held.take());
                let started = || {
                    // a shell may follow, which mounts the layers once more
                    if !self.request.shell_on_error {
                        *held.borrow_mut() = None;
                    }
                };
                let bench = run::Bench {
                    lowers: &lowers,
                    work,
                    started: &started,
                    is_unwanted: &|| self.is_unwanted(),
                };
                run::run(&mut room, op, self.request, &ready, &bench)?;
                drop(held);
                self.await_name(outcome, pending).map_err(canceled)?;
                lowers = self.trees(&outcome.layers);
            }
            Op::Copy(op) => {
                is_linked = op.is_linked();
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
        let below = if is_linked { &[] } else { lowers.as_slice() };
        let changes = Changes::of(&room.upper, below, &options)?;
        let settled = changes.settle(self.store)?;
        drop(held);
        Ok(settled)
    }
}
