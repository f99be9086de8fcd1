//! Progress of a pull: a bar per layer on a terminal, docker's plain lines elsewhere.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::out;
use crate::grammar::units::human_size;
use crate::image::progress::{Progress, Step};
use crate::sys::fd::standard;
use crate::sys::tty::window;

/// Which descriptor the progress goes to: `pull` reports on stdout, a `run` that has to pull on stderr.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stream {
    /// stdout.
    Stdout,
    /// stderr.
    Stderr,
}

/// Times a second that the bars are drawn.
const RATE: u8 = 20;
const BAR_WIDTH: usize = 50;
/// Columns that a layer's line needs beside the bar.
const BESIDE_BAR: usize = 48;

/// Returns what fits `stream`.
pub(crate) fn progress(stream: Stream) -> Box<dyn Progress> {
    let bars = match stream {
        Stream::Stdout => ProgressDrawTarget::stdout_with_hz(RATE),
        Stream::Stderr => ProgressDrawTarget::stderr_with_hz(RATE),
    };
    if bars.is_hidden() {
        return Box::new(Lines(stream));
    }
    let fd = match stream {
        Stream::Stdout => standard(1),
        Stream::Stderr => standard(2),
    };
    // a terminal that does not know its size is taken for the classic one
    let width = match window(fd) {
        (_, 0) => 80,
        (_, columns) => usize::from(columns),
    };
    let multi = MultiProgress::with_draw_target(bars);
    Box::new(Bars {
        stream,
        width,
        multi,
        layers: Mutex::default(),
    })
}

fn print(stream: Stream, text: &str) {
    match stream {
        // a full disk behind stdout must not end a pull that works
        Stream::Stdout => drop(out::line(text)),
        Stream::Stderr => out::talk(text),
    }
}

/// Docker's lines where no terminal is: each step once, no numbers.
struct Lines(Stream);

impl Progress for Lines {
    fn line(&self, text: &str) {
        print(self.0, text);
    }

    fn layer(&self, id: &str, step: Step) {
        match step {
            step if step.bytes().is_some() => {}
            Step::Downloaded => {
                print(self.0, &format!("{id}: Verifying Checksum"));
                print(self.0, &format!("{id}: {}", step.word()));
            }
            step => print(self.0, &format!("{id}: {}", step.word())),
        }
    }
}

/// A bar for each layer, in the order of the image.
struct Bars {
    stream: Stream,
    width: usize,
    multi: MultiProgress,
    layers: Mutex<HashMap<String, Layer>>,
}

struct Layer {
    bar: ProgressBar,
    drawn: Option<Instant>,
}

impl Progress for Bars {
    fn line(&self, text: &str) {
        // lines after the layers follow them; only the layers themselves are drawn again
        let mut layers = self.layers();
        for (_, layer) in layers.drain().filter(|(_, layer)| !layer.bar.is_finished()) {
            layer.bar.abandon();
        }
        print(self.stream, text);
    }

    fn layer(&self, id: &str, step: Step) {
        let mut layers = self.layers();
        let layer = layers.entry(id.to_owned()).or_insert_with(|| {
            let bar = self.multi.add(ProgressBar::no_length());
            bar.set_style(ProgressStyle::with_template("{msg}").expect("a valid template"));
            Layer { bar, drawn: None }
        });
        if let Some((done, total)) = step.bytes() {
            let interval = Duration::from_secs(1) / u32::from(RATE);
            if done < total && layer.drawn.is_some_and(|at| at.elapsed() < interval) {
                return;
            }
            layer.drawn = Some(Instant::now());
        }
        let words = words(&step, self.width.saturating_sub(BESIDE_BAR));
        let text = match id {
            "" => words,
            id => format!("{id}: {words}"),
        };
        match step {
            Step::Loading(done, total) | Step::Importing(done, total) if done == total => {
                layer.bar.abandon_with_message(text)
            }
            Step::Done | Step::Exists | Step::Pushed | Step::Known | Step::Mounted(_) => {
                layer.bar.abandon_with_message(text)
            }
            _ => layer.bar.set_message(text),
        }
        if layer.drawn.is_none() {
            layer.bar.tick();
        }
    }
}

impl Bars {
    fn layers(&self) -> MutexGuard<'_, HashMap<String, Layer>> {
        self.layers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// `Downloading [==>   ]   3.2MB/27MB`, with a bar as wide as fits.
fn words(step: &Step, room: usize) -> String {
    let Some((done, total)) = step.bytes() else {
        return step.word();
    };
    let width = room.min(BAR_WIDTH);
    let numbers = format!("{:>8}/{}", size(done), size(total));
    if width < 10 || total == 0 {
        return format!("{} {numbers}", step.word());
    }
    let filled = (done.min(total) as u128 * width as u128 / u128::from(total)) as usize;
    let (full, empty) = ("=".repeat(filled), " ".repeat(width - filled));
    format!("{} [{full}>{empty}] {numbers}", step.word())
}

fn size(bytes: u64) -> String {
    human_size(bytes as f64, 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_go_units() {
        for (bytes, text) in [
            (0, "0B"),
            (999, "999B"),
            (1000, "1kB"),
            (3_202_000, "3.202MB"),
            (63_893_000, "63.89MB"),
            (532_700, "532.7kB"),
            (100, "100B"),
        ] {
            assert_eq!(size(bytes), text);
        }
    }

    #[test]
    fn a_bar_fits_its_room_or_is_left_out() {
        let half = Step::Downloading(500, 1000);
        assert_eq!(words(&half, 10), "Downloading [=====>     ]     500B/1kB");
        assert_eq!(words(&half, 9), "Downloading     500B/1kB");
        assert_eq!(
            words(&Step::Downloading(1000, 1000), 200)
                .matches('=')
                .count(),
            BAR_WIDTH
        );
        assert_eq!(words(&Step::Done, 200), "Pull complete");
    }

    #[test]
    fn retries_tell_whole_seconds() {
        let word = |ms| Step::Retrying(Duration::from_millis(ms)).word();
        assert_eq!(word(900), "Retrying in 1 second");
        assert_eq!(word(1100), "Retrying in 2 seconds");
    }
}
