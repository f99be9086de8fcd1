//! The redrawn list of a build on a terminal: what is done in blue, what failed in red, the last words of what runs.

use std::time::Instant;

use crate::build::progress::End;
use crate::sys::{fd, tty};
use crate::ui::out;

/// One vertex.
pub(super) struct Row {
    pub(super) name: String,
    pub(super) end: Option<End>,
    pub(super) seconds: f64,
    pub(super) status: Vec<String>,
    pub(super) log: Vec<String>,
}

/// Lines of a running step that are shown.
const LOG_LINES: usize = 6;

/// What stands on the terminal.
#[derive(Default)]
pub(super) struct Screen {
    lines: usize,
    drawn: Option<Instant>,
}

impl Screen {
    /// Draws over what was drawn before, twice in a tick at most.
    pub(super) fn draw(&mut self, rows: &[Row], seconds: f64, is_end: bool) {
        let soon = self.drawn.is_some_and(|at| at.elapsed() < super::TICK / 2);
        if soon && !is_end {
            return;
        }
        self.drawn = Some(Instant::now());
        let (height, width) = match tty::window(fd::standard(2)) {
            (0, _) | (_, 0) => (24, 80),
            (rows, columns) => (usize::from(rows), usize::from(columns)),
        };
        let lines = lines(rows, seconds, is_end, width, height);
        let mut text = String::from("\x1b[?25l");
        if self.lines > 0 {
            text += &format!("\x1b[{}A", self.lines);
        }
        for line in &lines {
            text += &format!("\r{line}\x1b[K\n");
        }
        text += "\x1b[J";
        if is_end {
            text += "\x1b[?25h";
        }
        self.lines = lines.len();
        // where stderr is closed there is nobody to draw for
        out::error_text(text).ok();
    }
}

fn lines(rows: &[Row], seconds: f64, is_end: bool, width: usize, height: usize) -> Vec<String> {
    let done = rows.iter().filter(|row| row.end.is_some()).count();
    let finished = if is_end && done == rows.len() {
        " FINISHED"
    } else {
        ""
    };
    let head = format!(
        "[+] Building {seconds:.1}s ({done}/{}){finished}",
        rows.len()
    );
    let mut lines = vec![format!("\x1b[1m{}\x1b[0m", cut(&head, width))];
    for row in rows {
        let mark = match &row.end {
            Some(End::Cached) => "CACHED ",
            Some(End::Failed(_)) => "ERROR ",
            Some(End::Canceled) => "CANCELED ",
            _ => "",
        };
        let time = if row.end == Some(End::Cached) {
            0.0
        } else {
            row.seconds
        };
        let time = format!("{time:.1}s");
        let room = width.saturating_sub(time.len() + 1);
        let name = cut(&format!(" => {mark}{}", row.name), room);
        let pad = room.saturating_sub(name.chars().count());
        let line = format!("{name}{} {time}", " ".repeat(pad));
        lines.push(match row.end {
            None => line,
            Some(End::Failed(_)) => format!("\x1b[31m{line}\x1b[0m"),
            Some(_) => format!("\x1b[34m{line}\x1b[0m"),
        });
        for status in &row.status {
            lines.push(cut(&format!(" => => {status}"), width));
        }
        let skip = row.log.len().saturating_sub(LOG_LINES);
        for log in &row.log[skip..] {
            lines.push(format!(
                "\x1b[2m{}\x1b[0m",
                cut(&format!(" => => # {log}"), width)
            ));
        }
    }
    if !is_end && lines.len() >= height {
        // what moves is at the end
        let gone = lines.len() + 1 - height;
        lines.drain(1..=gone);
    }
    lines
}

fn cut(text: &str, width: usize) -> String {
    text.chars().take(width).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_has_its_time_at_the_right() {
        let row = Row {
            name: "[1/2] RUN true".to_owned(),
            end: Some(End::Cached),
            seconds: 1.0,
            status: Vec::new(),
            log: Vec::new(),
        };
        let lines = lines(&[row], 0.1, true, 40, 24);
        assert_eq!(lines[0], "\x1b[1m[+] Building 0.1s (1/1) FINISHED\x1b[0m");
        assert_eq!(
            lines[1],
            "\x1b[34m => CACHED [1/2] RUN true           0.0s\x1b[0m"
        );
    }
}
