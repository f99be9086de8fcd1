use std::cell::Cell;
use std::fmt::Write as _;

use super::*;

/// A container's folder of one test.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Folder {
        static NEXT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let n = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let dir = std::env::temp_dir().join(format!("coracle-logs-{}-{n}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        Folder(dir)
    }

    fn write(&self, name: &str, lines: &[&str]) {
        std::fs::write(self.0.join(name), text(lines)).unwrap();
    }

    fn append(&self, lines: &[&str]) {
        let mut file = std::fs::OpenOptions::new()
            .append(true)
            .create(true)
            .open(self.0.join("log"))
            .unwrap();
        std::io::Write::write_all(&mut file, text(lines).as_bytes()).unwrap();
    }

    fn read(&self, options: Options) -> Vec<String> {
        let mut got = Vec::new();
        read(&self.0, options, || true, collect(&mut got)).unwrap();
        got
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).ok();
    }
}

/// Entries whose second of the time is their number.
fn text(lines: &[&str]) -> String {
    let mut text = String::new();
    for line in lines {
        let second = line.parse::<u32>().unwrap_or(0);
        writeln!(
            text,
            r#"{{"log":"{line}\n","stream":"stdout","time":"2026-01-01T00:00:{second:02}.5Z"}}"#
        )
        .unwrap();
    }
    text
}

fn collect(to: &mut Vec<String>) -> impl FnMut(Event<'_>) -> Result<()> {
    |event| {
        if let Event::Entry(e) = event {
            to.push(e.log.trim_end().to_owned());
        }
        Ok(())
    }
}

fn at(second: &str) -> Option<Timestamp> {
    Some(format!("2026-01-01T00:00:{second}Z").parse().unwrap())
}

#[test]
fn a_container_that_never_ran_has_an_empty_log() {
    let f = Folder::new();
    assert!(f.read(Options::default()).is_empty());
    assert!(
        f.read(Options {
            tail: Some(3),
            follow: true,
            ..Options::default()
        })
        .is_empty()
    );
}

#[test]
fn tail_and_times_choose_lines_over_rotated_files() {
    let f = Folder::new();
    f.write("log.2", &["1", "2", "3"]);
    f.write("log.1", &["4", "5"]);
    f.write("log", &["6", "7"]);
    for (tail, since, until, want) in [
        (None, None, None, "1 2 3 4 5 6 7"),
        (Some(0), None, None, ""),
        (Some(1), None, None, "7"),
        (Some(2), None, None, "6 7"),
        (Some(3), None, None, "5 6 7"),
        (Some(6), None, None, "2 3 4 5 6 7"),
        (Some(100), None, None, "1 2 3 4 5 6 7"),
        (None, at("03"), None, "3 4 5 6 7"),
        (None, at("03.6"), at("06"), "4 5"),
        (None, None, at("04.5"), "1 2 3 4"),
        (Some(3), at("06"), None, "6 7"),
    ] {
        let got = f.read(Options {
            tail,
            since,
            until,
            follow: false,
        });
        assert_eq!(got.join(" "), want, "{tail:?} {since:?} {until:?}");
    }
}

#[test]
fn tail_looks_through_lines_longer_than_a_block() {
    let f = Folder::new();
    let long = "x".repeat(200_000);
    f.write("log", &["1", &long, "2"]);
    let lengths = |tail| {
        f.read(Options {
            tail,
            ..Options::default()
        })
        .iter()
        .map(String::len)
        .collect::<Vec<_>>()
    };
    assert_eq!(lengths(Some(2)), [200_000, 1]);
    assert_eq!(lengths(None), [1, 200_000, 1]);
}

#[test]
fn broken_lines_are_passed_over_and_half_lines_wait_for_their_end() {
    let f = Folder::new();
    std::fs::write(
        f.0.join("log"),
        format!(
            "{}{{\"log\":\"br\n{}{{\"log\":\"half",
            text(&["1"]),
            text(&["2"])
        ),
    )
    .unwrap();
    assert_eq!(f.read(Options::default()), ["1", "2"]);
}

/// Follows, and does one of `steps` whenever the reader has come to the end.
fn follow(f: &Folder, tail: Option<u64>, steps: &[&dyn Fn()]) -> Vec<String> {
    let (step, got) = (Cell::new(0), &mut Vec::new());
    let has_ended = || step.get() > steps.len();
    read(
        &f.0,
        Options {
            follow: true,
            tail,
            ..Options::default()
        },
        has_ended,
        |event| {
            match event {
                Event::Entry(e) => got.push(e.log.trim_end().to_owned()),
                Event::Pause => {
                    if let Some(act) = steps.get(step.get()) {
                        act();
                    }
                    step.set(step.get() + 1);
                }
            }
            Ok(())
        },
    )
    .unwrap();
    std::mem::take(got)
}

#[test]
fn following_survives_rotations() {
    let f = Folder::new();
    f.write("log", &["1"]);
    let rotate = |to: &str| std::fs::rename(f.0.join("log"), f.0.join(to)).unwrap();
    let got = follow(
        &f,
        None,
        &[
            &|| f.append(&["2"]),
            // what was written before the rotation is still read from the renamed file
            &|| {
                f.append(&["3"]);
                rotate("log.1");
                f.append(&["4"]);
            },
            // two rotations at once
            &|| {
                f.append(&["5"]);
                std::fs::rename(f.0.join("log.1"), f.0.join("log.2")).unwrap();
                rotate("log.1");
                f.append(&["6"]);
                std::fs::rename(f.0.join("log.2"), f.0.join("log.3")).unwrap();
                std::fs::rename(f.0.join("log.1"), f.0.join("log.2")).unwrap();
                rotate("log.1");
                f.append(&["7"]);
            },
            &|| f.append(&["8"]),
        ],
    );
    assert_eq!(got, ["1", "2", "3", "4", "5", "6", "7", "8"]);
}

#[test]
fn following_survives_a_file_cut_to_nothing_and_a_first_file() {
    let f = Folder::new();
    let got = follow(
        &f,
        Some(1),
        &[
            &|| f.append(&["1", "2"]),
            &|| std::fs::write(f.0.join("log"), text(&["3"])).unwrap(),
            &|| f.append(&["4"]),
        ],
    );
    assert_eq!(got, ["1", "2", "3", "4"]);
}

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "nothing forks here, and other tests may"
)]
fn a_writer_wakes_the_reader_at_once() {
    let f = Folder::new();
    f.write("log", &["1"]);
    let dir = f.0.clone();
    let writer = std::thread::spawn(move || {
        std::thread::sleep(std::time::Duration::from_millis(50));
        let mut file = std::fs::OpenOptions::new()
            .append(true)
            .open(dir.join("log"))
            .unwrap();
        std::io::Write::write_all(&mut file, text(&["2"]).as_bytes()).unwrap();
        std::time::Instant::now()
    });
    let (ended, mut seen) = (Cell::new(false), None);
    read(
        &f.0,
        Options {
            follow: true,
            ..Options::default()
        },
        || ended.get(),
        |event| {
            if let Event::Entry(Entry { log, .. }) = event
                && log == "2\n"
            {
                seen = Some(std::time::Instant::now());
                ended.set(true);
            }
            Ok(())
        },
    )
    .unwrap();
    let late = seen
        .unwrap()
        .saturating_duration_since(writer.join().unwrap());
    assert!(late < std::time::Duration::from_millis(200), "{late:?}");
}

#[test]
fn a_receiver_that_fails_ends_the_reading() {
    let f = Folder::new();
    f.write("log", &["1", "2"]);
    let full = || Err(crate::error::Error::new(Kind::System, "full"));
    let e = read(&f.0, Options::default(), || true, |_| full()).unwrap_err();
    assert_eq!(e.to_string(), "full");
}

#[test]
fn times_are_shown_with_nine_digits() {
    for (given, want) in [
        (
            "2026-11-24T18:12:10.0685Z",
            "2026-11-24T18:12:10.068500000Z",
        ),
        ("2026-11-24T18:12:10Z", "2026-11-24T18:12:10.000000000Z"),
        (
            "2026-11-24T18:12:10.068499141Z",
            "2026-11-24T18:12:10.068499141Z",
        ),
    ] {
        assert_eq!(fixed_time(given), want);
    }
}
