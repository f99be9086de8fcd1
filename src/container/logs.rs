//! The read side of a container's log: docker's json-file format, one object per line, `log` with `log.1`, `log.2`, ...
//! beside it when it is rotated (the highest number is the oldest).
//!
//! Only the monitor writes here. A reader that follows keeps its place by the file it has open: after a rotation it reads
//! that file to its end, then the younger ones. It sleeps until the container's folder changes, and looks up at least
//! twice a second, since a killed monitor and a network file system tell nothing.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::fs::File;
use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::os::fd::AsFd;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use serde::Deserialize;

use crate::error::{Context, Kind, Result};

/// What to read.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Options {
    /// Go on until the container ends.
    pub(crate) follow: bool,
    /// Nothing older.
    pub(crate) since: Option<Timestamp>,
    /// Nothing younger.
    pub(crate) until: Option<Timestamp>,
    /// Of what is there at the start only the last lines; `None` for all.
    pub(crate) tail: Option<u64>,
}

/// One line of the log file.
#[derive(Debug, Deserialize)]
pub(crate) struct Entry<'a> {
    /// What the program wrote: a line with its end, or a piece of one.
    #[serde(borrow, default)]
    pub(crate) log: Cow<'a, str>,
    /// `stdout` or `stderr`.
    #[serde(borrow, default)]
    pub(crate) stream: Cow<'a, str>,
    /// RFC 3339 with up to nine digits of the second.
    #[serde(borrow, default)]
    pub(crate) time: Cow<'a, str>,
    /// `--log-opt labels=,env=`: shown by `--details`.
    #[serde(default)]
    pub(crate) attrs: std::collections::BTreeMap<String, String>,
}

/// What a reader of entries gets.
pub(crate) enum Event<'a> {
    /// One entry.
    Entry(&'a Entry<'a>),
    /// There is nothing more for now: write out what is buffered.
    Pause,
}

/// Reads the log in the container's folder `dir` and gives each wanted entry to `each`.
///
/// `has_ended` says whether the container is down for good; it is only asked when following.
pub(crate) fn read(
    dir: &Path,
    options: Options,
    has_ended: impl Fn() -> bool,
    mut each: impl FnMut(Event<'_>) -> Result<()>,
) -> Result<()> {
    // the watch stands before the first read, so that no change falls between
    let watch = if options.follow {
        Watch::new(dir)
    } else {
        None
    };
    let mut reader = Reader::open(dir, options.tail)?;
    loop {
        let ended = !options.follow || has_ended();
        if reader.drain(&options, &mut each)? == Drained::PastUntil || ended {
            return each(Event::Pause);
        }
        each(Event::Pause)?;
        if options.until.is_some_and(|u| u < Timestamp::now()) {
            return Ok(());
        }
        Watch::sleep(watch.as_ref());
    }
}

/// Whether the reader met an entry younger than `until`.
#[derive(PartialEq, Eq)]
enum Drained {
    End,
    PastUntil,
}

/// A place in the log.
struct Reader {
    dir: PathBuf,
    /// Files still to be read, the oldest first; the last one is that which grows.
    files: VecDeque<File>,
    /// Bytes read from the first file that make no whole line yet.
    rest: Vec<u8>,
}

impl Reader {
    fn open(dir: &Path, tail: Option<u64>) -> Result<Reader> {
        let mut files = open_all(dir)?;
        if let Some(lines) = tail {
            seek_to_tail(&mut files, lines).context(Kind::System, || cannot_read(dir))?;
        }
        Ok(Reader {
            dir: dir.to_owned(),
            files,
            rest: Vec::new(),
        })
    }

    /// Gives out all entries that are there now.
    fn drain(
        &mut self,
        options: &Options,
        each: &mut impl FnMut(Event<'_>) -> Result<()>,
    ) -> Result<Drained> {
        loop {
            while let Some(file) = self.files.front_mut() {
                if drain_file(file, &mut self.rest, options, each)
                    .or_else(|e| cannot(e, &self.dir))?
                    == Drained::PastUntil
                {
                    return Ok(Drained::PastUntil);
                }
                if self.files.len() == 1 {
                    break;
                }
                self.rest.clear();
                self.files.pop_front();
            }
            if !self.take_younger()? {
                return Ok(Drained::End);
            }
        }
    }

    /// Opens the files that are younger than the one at hand. Says whether there are any.
    fn take_younger(&mut self) -> Result<bool> {
        let path = self.dir.join("log");
        let Some(file) = self.files.front_mut() else {
            self.files = open_all(&self.dir)?;
            return Ok(!self.files.is_empty());
        };
        let Ok(named) = File::open(&path) else {
            return Ok(false);
        };
        if same_file(file, &named) {
            let cut = file
                .metadata()
                .is_ok_and(|m| m.len() < file.stream_position().unwrap_or(0));
            if cut {
                // rotation with one file only: it was emptied under us
                file.rewind()
                    .context(Kind::System, || cannot_read(&self.dir))?;
                self.rest.clear();
            }
            return Ok(cut);
        }
        let mut all = open_all(&self.dir)?;
        let place = all.iter().position(|f| same_file(file, f));
        all.drain(..place.unwrap_or(0));
        match place {
            // the file at hand keeps its place; what is behind it is new
            Some(_) => {
                all.pop_front();
                self.files.extend(all);
            }
            None => {
                self.files = all;
                self.rest.clear();
            }
        }
        Ok(true)
    }
}

fn cannot<T>(e: ReadError, dir: &Path) -> Result<T> {
    match e {
        ReadError::Io(e) => Err(e).context(Kind::System, || cannot_read(dir)),
        ReadError::Other(e) => Err(e),
    }
}

fn cannot_read(dir: &Path) -> String {
    format!("cannot read the log in `{}`", dir.display())
}

/// A read failed, or the receiver of the entries did.
enum ReadError {
    Io(std::io::Error),
    Other(crate::error::Error),
}

/// Opens `log` and its rotated ones, the oldest first; none when nothing was ever logged.
fn open_all(dir: &Path) -> Result<VecDeque<File>> {
    let mut files: VecDeque<File> = VecDeque::new();
    for n in 0.. {
        let path = if n == 0 {
            dir.join("log")
        } else {
            dir.join(format!("log.{n}"))
        };
        match File::open(&path) {
            // a rotation in this moment shows the same file a second time, one number higher
            Ok(file)
                if files
                    .front()
                    .is_some_and(|younger| same_file(younger, &file)) => {}
            Ok(file) => files.push_front(file),
            // in the middle of a rotation `log` is missing for a moment
            Err(e) if e.kind() == ErrorKind::NotFound && n == 0 => {}
            Err(e) if e.kind() == ErrorKind::NotFound => break,
            Err(e) => {
                return Err(e)
                    .context(Kind::System, || format!("cannot read `{}`", path.display()));
            }
        }
    }
    Ok(files)
}

fn same_file(a: &File, b: &File) -> bool {
    matches!((a.metadata(), b.metadata()), (Ok(a), Ok(b)) if (a.dev(), a.ino()) == (b.dev(), b.ino()))
}

/// Gives out the entries from the file's place to its end; `rest` keeps a last line without end.
fn drain_file(
    file: &mut File,
    rest: &mut Vec<u8>,
    options: &Options,
    each: &mut impl FnMut(Event<'_>) -> Result<()>,
) -> Result<Drained, ReadError> {
    let mut block = vec![0; 128 * 1024];
    loop {
        let n = match file.read(&mut block) {
            Ok(0) => return Ok(Drained::End),
            Ok(n) => n,
            Err(e) if e.kind() == ErrorKind::Interrupted => continue,
            Err(e) => return Err(ReadError::Io(e)),
        };
        let Some(end) = block[..n].iter().rposition(|b| *b == b'\n') else {
            rest.extend_from_slice(&block[..n]);
            continue;
        };
        // only a line that lies across two blocks is copied
        let mut whole = &block[..=end];
        if !rest.is_empty() {
            let first = whole
                .iter()
                .position(|b| *b == b'\n')
                .expect("`end` is the place of one");
            rest.extend_from_slice(&whole[..=first]);
            whole = &whole[first + 1..];
            if give(rest, options, each)? == Drained::PastUntil {
                return Ok(Drained::PastUntil);
            }
            rest.clear();
        }
        if give(whole, options, each)? == Drained::PastUntil {
            return Ok(Drained::PastUntil);
        }
        rest.extend_from_slice(&block[end + 1..n]);
    }
}

/// Gives out the entries of whole lines. A line that a killed monitor left broken is passed over.
fn give(
    lines: &[u8],
    options: &Options,
    each: &mut impl FnMut(Event<'_>) -> Result<()>,
) -> Result<Drained, ReadError> {
    for line in lines.split(|b| *b == b'\n').filter(|l| !l.is_empty()) {
        let Ok(entry) = serde_json::from_slice::<Entry>(line) else {
            continue;
        };
        if options.since.is_some() || options.until.is_some() {
            let time: Option<Timestamp> = entry.time.parse().ok();
            if time.zip(options.until).is_some_and(|(t, until)| t > until) {
                return Ok(Drained::PastUntil);
            }
            if time.zip(options.since).is_some_and(|(t, since)| t < since) {
                continue;
            }
        }
        each(Event::Entry(&entry)).map_err(ReadError::Other)?;
    }
    Ok(Drained::End)
}

/// Drops files and moves into the first one left, so that `lines` lines remain to be read.
fn seek_to_tail(files: &mut VecDeque<File>, lines: u64) -> std::io::Result<()> {
    let mut wanted = lines;
    let mut keep = 0;
    for file in files.iter_mut().rev() {
        keep += 1;
        let (place, found) = tail_of(file, wanted)?;
        file.seek(SeekFrom::Start(place))?;
        wanted -= found;
        if wanted == 0 {
            break;
        }
    }
    files.drain(..files.len() - keep);
    Ok(())
}

/// Returns where the last `wanted` lines of a file begin, and how many lines those are when it has fewer.
fn tail_of(file: &File, wanted: u64) -> std::io::Result<(u64, u64)> {
    let mut at = file.metadata()?.len();
    let end = at;
    if wanted == 0 {
        return Ok((end, 0));
    }
    let mut block = vec![0; 64 * 1024];
    let mut found = 0;
    while at > 0 {
        let n = at.min(block.len() as u64);
        at -= n;
        let block = &mut block[..n as usize];
        file.read_exact_at(block, at)?;
        for i in (0..block.len()).rev().filter(|&i| block[i] == b'\n') {
            let place = at + i as u64 + 1;
            if place == end {
                continue; // the end of the last line begins no line
            }
            found += 1;
            if found == wanted {
                return Ok((place, found));
            }
        }
    }
    Ok((0, (found + u64::from(end > 0)).min(wanted)))
}

/// Wakes the reader when something happens in the container's folder.
struct Watch(Inotify);

impl Watch {
    /// Returns `None` where the kernel gives no watch (too many for this user): the reader then looks by time.
    fn new(dir: &Path) -> Option<Watch> {
        let inotify = Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK).ok()?;
        let what = AddWatchFlags::IN_MODIFY
            | AddWatchFlags::IN_CREATE
            | AddWatchFlags::IN_MOVED_TO
            | AddWatchFlags::IN_DELETE_SELF
            | AddWatchFlags::IN_MOVE_SELF;
        inotify.add_watch(dir, what).ok()?;
        Some(Watch(inotify))
    }

    /// Sleeps until something happens, at most half a second.
    fn sleep(watch: Option<&Watch>) {
        let Some(Watch(inotify)) = watch else {
            return std::thread::sleep(std::time::Duration::from_millis(100));
        };
        let mut fds = [PollFd::new(inotify.as_fd(), PollFlags::POLLIN)];
        // a signal or a failure only means that we look again too early
        let _ = poll(&mut fds, PollTimeout::from(500u16));
        let _ = inotify.read_events();
    }
}

/// Returns `time` with nine digits of the second, as `logs -t` prints it.
pub(crate) fn fixed_time(time: &str) -> String {
    let Some(body) = time.strip_suffix('Z') else {
        return time.to_owned();
    };
    let (seconds, fraction) = body.split_once('.').unwrap_or((body, ""));
    format!("{seconds}.{fraction:0<9}Z")
}

#[cfg(test)]
mod tests;
