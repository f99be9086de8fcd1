//! What happens in a build, as events: BuildKit's vertices, statuses, logs and warnings. `ui` shows them.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use crate::grammar::dockerfile::Lines;

/// A vertex: one line of the graph. Numbers are the order of making, not that of printing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Vertex(pub(crate) usize);

/// How a vertex ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum End {
    /// It did its work.
    Done,
    /// Its result was there.
    Cached,
    /// It failed.
    Failed(String),
    /// Another one failed first.
    Canceled,
}

/// One event.
#[derive(Debug, Clone)]
pub(crate) enum Event {
    /// A vertex begins.
    Begin(Vertex, String),
    /// A vertex says how far it is: id, done, total (0: unknown), whether it is complete.
    Status {
        /// Whose.
        vertex: Vertex,
        /// What, `transferring context:`.
        id: String,
        /// Bytes done.
        current: u64,
        /// Bytes in all; 0 when unknown.
        total: u64,
        /// Seconds that it took so far.
        seconds: f64,
        /// Complete.
        is_done: bool,
    },
    /// Output of a step: 1 stdout, 2 stderr.
    Log(Vertex, u8, Vec<u8>),
    /// A lint warning.
    Warning {
        /// The rule's name.
        rule: String,
        /// The sentence.
        text: String,
        /// Where; `None` for the file as a whole.
        lines: Option<Lines>,
    },
    /// The terminal is lent to a program of a step, or given back.
    Lend(bool),
    /// A vertex ends.
    End(Vertex, End),
}

/// Where events go. Called by many threads.
pub(crate) trait Progress: Sync {
    /// Takes one event.
    fn event(&self, event: Event);
}

/// Makes vertices.
pub(crate) struct Board<'a> {
    progress: &'a dyn Progress,
    next: AtomicUsize,
}

impl<'a> Board<'a> {
    /// Begins with nothing.
    pub(crate) fn new(progress: &'a dyn Progress) -> Board<'a> {
        Board {
            progress,
            next: AtomicUsize::new(0),
        }
    }

    /// Begins a vertex; it ends as canceled when it is dropped without a word.
    pub(crate) fn begin(&self, name: impl Into<String>) -> Work<'a> {
        let vertex = Vertex(self.next.fetch_add(1, Ordering::Relaxed));
        self.progress.event(Event::Begin(vertex, name.into()));
        Work {
            vertex,
            progress: self.progress,
            is_open: true,
        }
    }

    /// Tells a warning.
    pub(crate) fn warn(&self, rule: &str, text: impl Into<String>, lines: Option<Lines>) {
        self.progress.event(Event::Warning {
            rule: rule.to_owned(),
            text: text.into(),
            lines,
        });
    }
}

/// A vertex at work.
pub(crate) struct Work<'a> {
    vertex: Vertex,
    progress: &'a dyn Progress,
    is_open: bool,
}

impl Work<'_> {
    /// Tells output.
    pub(crate) fn log(&self, stream: u8, bytes: &[u8]) {
        self.progress
            .event(Event::Log(self.vertex, stream, bytes.to_vec()));
    }

    /// Tells a status that took `since` until now.
    pub(crate) fn status(&self, id: impl Into<String>, bytes: u64, since: Instant) {
        self.progress.event(Event::Status {
            vertex: self.vertex,
            id: id.into(),
            current: bytes,
            total: 0,
            seconds: since.elapsed().as_secs_f64(),
            is_done: true,
        });
    }

    /// Gives the terminal away, or takes it back.
    pub(crate) fn lend(&self, is_lent: bool) {
        self.progress.event(Event::Lend(is_lent));
    }

    /// Ends it.
    pub(crate) fn end(mut self, end: End) {
        self.is_open = false;
        self.progress.event(Event::End(self.vertex, end));
    }
}

impl Drop for Work<'_> {
    fn drop(&mut self) {
        if self.is_open {
            self.progress.event(Event::End(self.vertex, End::Canceled));
        }
    }
}
