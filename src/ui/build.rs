//! Shows a build: BuildKit's plain lines, its JSON, its redrawn list, or nothing (util/progress/progressui).

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use base64::prelude::*;
use serde_json::{Map, Value, json};

use crate::build::progress::{End, Event, Progress, Vertex};
use crate::sys::thread;
use crate::ui::out;

mod tty;

/// How to show it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    /// A redrawn list, for a terminal.
    Tty,
    /// Lines.
    Plain,
    /// Nothing.
    Quiet,
    /// One object a line.
    RawJson,
}

/// Silence after which another vertex may take the output over.
const PATIENCE: Duration = Duration::from_secs(5);

/// Lines of a failed step that are shown again at the end.
const LAST_LINES: usize = 10;

/// One vertex as it is known.
#[derive(Debug)]
struct Known {
    name: String,
    /// Its number in the output; 0: not shown yet.
    number: usize,
    started: Instant,
    started_at: jiff::Timestamp,
    /// Lines that wait to be shown.
    waiting: Vec<String>,
    /// Part of a line without its end, and when it began.
    partial: [(Vec<u8>, f64); 2],
    /// The last lines of its output.
    last: Vec<String>,
    end: Option<(End, Instant)>,
    is_shown: bool,
    status: Vec<String>,
}

/// How often a terminal is drawn again though nothing is told: clocks go on.
const TICK: Duration = Duration::from_millis(100);

/// Shows events as they come.
pub(crate) struct Shown {
    style: Style,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    known: BTreeMap<Vertex, Known>,
    next: usize,
    /// Whose block is open.
    current: Option<Vertex>,
    last_word: Option<Instant>,
    warnings: Vec<String>,
    screen: tty::Screen,
    began: Option<Instant>,
    /// The terminal is another's for now, or nothing more will be drawn.
    is_lent: bool,
}

impl Shown {
    /// Begins.
    pub(crate) fn new(style: Style, driver: &str) -> Shown {
        if style == Style::Plain {
            out::talk(format_args!(
                "#0 building with \"default\" instance using {driver} driver"
            ));
        }
        let state = State {
            began: Some(Instant::now()),
            ..State::default()
        };
        let state = Arc::new(Mutex::new(state));
        if style == Style::Tty {
            let state = Arc::downgrade(&state);
            // without a clock it is drawn at each event
            thread::spawn("clock", move || tick(&state)).ok();
        }
        Shown { style, state }
    }

    /// Shows what is still to be shown; `failed`: with the output of the step that failed. `width`: of the terminal.
    pub(crate) fn finish(self, failed: bool) {
        let mut state = lock(&self.state);
        match self.style {
            Style::Plain => state.flush_all(),
            Style::Tty => state.redraw(true),
            _ => {}
        }
        state.is_lent = true;
        if failed {
            state.show_failed();
        } else if self.style == Style::Plain || self.style == Style::Tty {
            state.show_warnings();
        }
    }
}

/// Draws until the build has ended.
fn tick(state: &Weak<Mutex<State>>) {
    loop {
        std::thread::sleep(TICK);
        let Some(state) = state.upgrade() else {
            return;
        };
        lock(&state).redraw(false);
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Progress for Shown {
    fn event(&self, event: Event) {
        let mut state = lock(&self.state);
        if self.style == Style::RawJson {
            state.json(&event);
        }
        state.take(event);
        match self.style {
            Style::Plain => state.show(),
            Style::Tty => state.redraw(false),
            _ => {}
        }
    }
}

impl State {
    fn take(&mut self, event: Event) {
        match event {
            Event::Begin(vertex, name) => {
                self.known.insert(
                    vertex,
                    Known {
                        name,
                        number: 0,
                        started: Instant::now(),
                        started_at: jiff::Timestamp::now(),
                        waiting: Vec::new(),
                        partial: Default::default(),
                        last: Vec::new(),
                        end: None,
                        is_shown: false,
                        status: Vec::new(),
                    },
                );
            }
            Event::Status {
                vertex,
                id,
                current,
                total,
                seconds,
                is_done,
            } => {
                if let Some(known) = self.known.get_mut(&vertex) {
                    let text = status(&id, current, total, seconds, is_done);
                    known.status.push(text.clone());
                    known.waiting.push(text);
                }
            }
            Event::Log(vertex, stream, bytes) => {
                if let Some(known) = self.known.get_mut(&vertex) {
                    known.log(stream, &bytes);
                }
            }
            Event::Warning { rule, text, lines } => {
                let place = lines.map_or(String::new(), |l| format!(" (line {})", l.first));
                self.warnings.push(match rule.as_str() {
                    "" => format!("{text}{place}"),
                    rule => format!("{rule}: {text}{place}"),
                });
            }
            Event::Lend(is_lent) => self.is_lent = is_lent,
            Event::End(vertex, end) => {
                if let Some(known) = self.known.get_mut(&vertex) {
                    known.end_partial();
                    known.end = Some((end, Instant::now()));
                }
            }
        }
    }

    /// Plain: the block of one vertex after the other; a silent one gives way.
    fn show(&mut self) {
        loop {
            let silent = self.last_word.is_none_or(|at| at.elapsed() > PATIENCE);
            let vertex = match self.current {
                Some(vertex) if self.has_word(vertex) || !silent => vertex,
                _ => match self.next_vertex() {
                    Some(vertex) => vertex,
                    None => return,
                },
            };
            if self.current.is_some_and(|current| current != vertex) {
                self.leave();
            }
            if !self.block(vertex) {
                return;
            }
        }
    }

    fn has_word(&self, vertex: Vertex) -> bool {
        let known = &self.known[&vertex];
        !known.waiting.is_empty() || known.end.is_some()
    }

    /// Ended ones by their end, then those that have something to say.
    fn next_vertex(&self) -> Option<Vertex> {
        let open = || self.known.iter().filter(|(_, known)| !known.is_shown);
        let ended = open()
            .filter_map(|(vertex, known)| known.end.as_ref().map(|(_, at)| (at, vertex)))
            .min();
        ended
            .map(|(_, vertex)| *vertex)
            .or_else(|| open().find(|(_, k)| !k.waiting.is_empty()).map(|(v, _)| *v))
    }

    /// Writes what one vertex has to say; false when there is nothing more for now.
    fn block(&mut self, vertex: Vertex) -> bool {
        let is_current = self.current == Some(vertex);
        let Some(known) = self.known.get_mut(&vertex) else {
            return false;
        };
        if known.waiting.is_empty() && known.end.is_none() {
            return false;
        }
        if known.number == 0 {
            self.next += 1;
            known.number = self.next;
        }
        let number = known.number;
        let mut text = String::new();
        if !is_current {
            text += &format!("\n#{number} {}\n", known.name);
        }
        for line in known.waiting.drain(..) {
            text += &format!("#{number} {line}\n");
        }
        self.last_word = Some(Instant::now());
        let ended = known.end.clone();
        if let Some((end, at)) = ended {
            known.is_shown = true;
            let seconds = at.duration_since(known.started).as_secs_f64();
            text += &match end {
                End::Done => format!("#{number} DONE {seconds:.1}s\n"),
                End::Cached => format!("#{number} CACHED\n"),
                End::Failed(why) => format!("#{number} ERROR: {}\n", last_line(&why)),
                End::Canceled => format!("#{number} CANCELED\n"),
            };
            self.current = None;
            out::talk(text.trim_end_matches('\n'));
            return true;
        }
        self.current = Some(vertex);
        out::talk(text.trim_end_matches('\n'));
        true
    }

    fn leave(&mut self) {
        if let Some(known) = self.current.and_then(|vertex| self.known.get(&vertex)) {
            out::talk(format_args!("#{} ...", known.number));
        }
        self.current = None;
    }

    fn flush_all(&mut self) {
        self.last_word = None;
        self.show();
    }

    fn show_failed(&mut self) {
        let failed = self
            .known
            .values()
            .find(|known| matches!(known.end, Some((End::Failed(_), _))));
        let Some(known) = failed else { return };
        let mut text = format!("------\n > {}:\n", known.name);
        for line in &known.last {
            text += &format!("{line}\n");
        }
        out::talk(text + "------");
    }

    fn show_warnings(&mut self) {
        let count = self.warnings.len();
        if count == 0 {
            return;
        }
        let noun = if count == 1 { "warning" } else { "warnings" };
        let mut text = format!("\n {count} {noun} found:\n");
        for warning in &self.warnings {
            text += &format!(" - {warning}\n");
        }
        out::talk(text.trim_end_matches('\n'));
    }

    fn redraw(&mut self, is_end: bool) {
        if self.is_lent {
            return;
        }
        let began = self.began.unwrap_or_else(Instant::now);
        let rows: Vec<tty::Row> = self
            .known
            .values()
            .map(|known| {
                let until = known.end.as_ref().map_or_else(Instant::now, |(_, at)| *at);
                tty::Row {
                    name: known.name.clone(),
                    end: known.end.as_ref().map(|(end, _)| end.clone()),
                    seconds: until.duration_since(known.started).as_secs_f64(),
                    status: known.status.clone(),
                    log: match known.end {
                        None => known.last.clone(),
                        Some(_) => Vec::new(),
                    },
                }
            })
            .collect();
        self.screen
            .draw(&rows, began.elapsed().as_secs_f64(), is_end);
    }

    fn json(&mut self, event: &Event) {
        let now = jiff::Timestamp::now().to_string();
        let digest = |vertex: &Vertex| {
            crate::store::blobs::digest_of(format!("vertex {}", vertex.0).as_bytes())
        };
        let object = match event {
            Event::Begin(vertex, name) => json!({"vertexes": [{
                "digest": digest(vertex), "name": name, "started": now,
            }]}),
            Event::End(vertex, end) => {
                let known = &self.known[vertex];
                let mut object = Map::new();
                object.insert("digest".into(), json!(digest(vertex)));
                object.insert("name".into(), json!(known.name));
                object.insert("started".into(), json!(known.started_at.to_string()));
                object.insert("completed".into(), json!(now));
                match end {
                    End::Cached => drop(object.insert("cached".into(), json!(true))),
                    End::Failed(why) => drop(object.insert("error".into(), json!(last_line(why)))),
                    End::Canceled => {
                        drop(object.insert("error".into(), json!("context canceled")));
                    }
                    End::Done => {}
                }
                json!({"vertexes": [Value::Object(object)]})
            }
            Event::Status {
                vertex,
                id,
                current,
                total,
                is_done,
                ..
            } => {
                let mut object = Map::new();
                object.insert("id".into(), json!(id));
                object.insert("vertex".into(), json!(digest(vertex)));
                if *total > 0 {
                    object.insert("total".into(), json!(total));
                }
                object.insert("current".into(), json!(current));
                object.insert("timestamp".into(), json!(now));
                if *is_done {
                    object.insert("completed".into(), json!(now));
                }
                json!({"statuses": [Value::Object(object)]})
            }
            Event::Log(vertex, stream, bytes) => json!({"logs": [{
                "vertex": digest(vertex),
                "stream": stream,
                "data": BASE64_STANDARD.encode(bytes),
                "timestamp": now,
            }]}),
            Event::Warning { rule, text, .. } => json!({"warnings": [{
                "short": BASE64_STANDARD.encode(format!("{rule}: {text}")),
            }]}),
            Event::Lend(_) => return,
        };
        out::talk(object);
    }
}

impl Known {
    fn log(&mut self, stream: u8, bytes: &[u8]) {
        let index = usize::from(stream == 2);
        let now = self.started.elapsed().as_secs_f64();
        for part in bytes.split_inclusive(|b| *b == b'\n') {
            let (partial, since) = &mut self.partial[index];
            if partial.is_empty() {
                *since = now;
            }
            partial.extend_from_slice(part);
            if partial.ends_with(b"\n") {
                self.end_line(index);
            }
        }
    }

    fn end_line(&mut self, index: usize) {
        let (bytes, since) = std::mem::take(&mut self.partial[index]);
        if bytes.is_empty() {
            return;
        }
        let text = String::from_utf8_lossy(&bytes);
        let line = format!("{since:.3} {}", text.trim_end_matches(['\n', '\r']));
        if self.last.len() == LAST_LINES {
            self.last.remove(0);
        }
        self.last.push(line.clone());
        self.waiting.push(line);
    }

    fn end_partial(&mut self) {
        self.end_line(0);
        self.end_line(1);
    }
}

/// An error with a box is its last line here: the box comes at the end.
fn last_line(text: &str) -> &str {
    text.lines().last().unwrap_or_default()
}

/// `ID[ CURRENT[ / TOTAL]][ 0.4s][ done]`.
fn status(id: &str, current: u64, total: u64, seconds: f64, is_done: bool) -> String {
    let mut text = id.to_owned();
    if current > 0 {
        text += &format!(" {}", size(current));
        if total > 0 {
            text += &format!(" / {}", size(total));
        }
    }
    if seconds >= 0.05 {
        text += &format!(" {seconds:.1}s");
    }
    if is_done {
        text += " done";
    }
    text
}

/// Decimal, at most two digits after the point.
fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "kB", "MB", "GB", "TB"];
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= 1000.0 && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    let text = format!("{value:.2}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    format!("{text}{}", UNITS[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_statuses_are_buildkits() {
        assert_eq!(size(2), "2B");
        assert_eq!(size(30_010_000), "30.01MB");
        assert_eq!(size(366), "366B");
        assert_eq!(size(1500), "1.5kB");
        assert_eq!(
            status("transferring dockerfile:", 366, 0, 0.0, true),
            "transferring dockerfile: 366B done"
        );
        assert_eq!(status("x", 0, 0, 0.42, false), "x 0.4s");
    }
}
