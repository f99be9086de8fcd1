//! Writes the container's log in docker's json-file format, one line of output a JSON object.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;

use crate::container::plan::Log;

/// Docker's copier cuts longer lines into pieces of this many bytes.
const LINE_MAX: usize = 16 * 1024;

/// stdout or stderr.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stream {
    Stdout,
    Stderr,
}

impl Stream {
    fn name(self) -> &'static str {
        match self {
            Stream::Stdout => "stdout",
            Stream::Stderr => "stderr",
        }
    }
}

/// An open log.
pub(super) struct LogFile {
    log: Log,
    /// Opened with the first line: a container that says nothing makes no file.
    file: Option<std::fs::File>,
    size: u64,
    /// What lies between a line's text and its time, for stdout and stderr.
    between: [Vec<u8>; 2],
    /// Begun lines of both.
    begun: [Vec<u8>; 2],
    /// What is about to be written.
    out: Vec<u8>,
}

impl LogFile {
    /// Begins or continues the log.
    pub(super) fn new(log: &Log) -> LogFile {
        LogFile {
            log: log.clone(),
            file: None,
            size: 0,
            between: [Stream::Stdout, Stream::Stderr]
                .map(|stream| between(stream, &log.attributes)),
            begun: [Vec::new(), Vec::new()],
            out: Vec::new(),
        }
    }

    /// Takes a piece of output. A full disk loses log lines, never the container.
    pub(super) fn write(&mut self, stream: Stream, bytes: &[u8]) {
        let time = now();
        let mut rest = bytes;
        while let Some(end) = rest.iter().position(|b| *b == b'\n') {
            let (line, after) = rest.split_at(end + 1);
            let begun = &mut self.begun[stream as usize];
            begun.extend_from_slice(line);
            entries(&mut self.out, begun, &self.between[stream as usize], &time);
            begun.clear();
            rest = after;
            if self.is_full() {
                self.flush();
            }
        }
        let begun = &mut self.begun[stream as usize];
        begun.extend_from_slice(rest);
        while begun.len() >= LINE_MAX {
            entry(
                &mut self.out,
                &begun[..LINE_MAX],
                &self.between[stream as usize],
                &time,
            );
            begun.drain(..LINE_MAX);
        }
        self.flush();
    }

    /// Writes begun lines: the output has ended.
    pub(super) fn finish(&mut self) {
        let time = now();
        for stream in [Stream::Stdout, Stream::Stderr] {
            let begun = std::mem::take(&mut self.begun[stream as usize]);
            if !begun.is_empty() {
                entries(&mut self.out, &begun, &self.between[stream as usize], &time);
            }
        }
        self.flush();
    }

    /// As docker: the entry that reaches the size is the file's last.
    fn is_full(&self) -> bool {
        self.log.max_size > 0 && self.size + self.out.len() as u64 >= self.log.max_size
    }

    fn flush(&mut self) {
        if self.out.is_empty() {
            return;
        }
        self.open();
        if self.log.max_size > 0 && self.size >= self.log.max_size {
            self.rotate();
        }
        if self
            .file
            .as_mut()
            .is_some_and(|file| file.write_all(&self.out).is_ok())
        {
            self.size += self.out.len() as u64;
        }
        self.out.clear();
        self.out.shrink_to(LINE_MAX);
    }

    /// A log that cannot be opened is tried again with the next line.
    fn open(&mut self) {
        if self.file.is_none()
            && let Ok(file) = open(&self.log.path)
        {
            self.size = file.metadata().map_or(0, |m| m.len());
            self.file = Some(file);
        }
    }

    /// `log` -> `log.1` -> `log.2` ...; the oldest goes. A step that fails leaves the log growing.
    fn rotate(&mut self) {
        let numbered = |n: u32| -> PathBuf {
            let mut name = self.log.path.clone().into_os_string();
            name.push(format!(".{n}"));
            name.into()
        };
        let kept = self.log.max_file.max(1) - 1;
        for n in (1..kept).rev() {
            // a number that is not there yet is no failure
            let _ = fs_err::rename(numbered(n), numbered(n + 1));
        }
        let moved = if kept == 0 {
            fs_err::remove_file(&self.log.path)
        } else {
            fs_err::rename(&self.log.path, numbered(1))
        };
        if moved.is_ok() {
            self.file = None;
            self.open();
        }
    }
}

fn open(path: &std::path::Path) -> std::io::Result<std::fs::File> {
    use std::os::unix::fs::OpenOptionsExt;
    std::fs::OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .open(path)
}

fn now() -> String {
    format!("{:.9}", jiff::Timestamp::now())
}

fn between(stream: Stream, attributes: &BTreeMap<String, String>) -> Vec<u8> {
    let mut out = format!("\",\"stream\":\"{}\",", stream.name()).into_bytes();
    for (n, (name, value)) in attributes.iter().enumerate() {
        out.extend_from_slice(if n == 0 { b"\"attrs\":{\"" } else { b",\"" });
        escape(&mut out, name.as_bytes());
        out.extend_from_slice(b"\":\"");
        escape(&mut out, value.as_bytes());
        out.push(b'"');
    }
    if !attributes.is_empty() {
        out.extend_from_slice(b"},");
    }
    out.extend_from_slice(b"\"time\":\"");
    out
}

fn entries(out: &mut Vec<u8>, line: &[u8], between: &[u8], time: &str) {
    for piece in line.chunks(LINE_MAX) {
        entry(out, piece, between, time);
    }
}

fn entry(out: &mut Vec<u8>, text: &[u8], between: &[u8], time: &str) {
    out.extend_from_slice(b"{\"log\":\"");
    for chunk in text.utf8_chunks() {
        escape(out, chunk.valid().as_bytes());
        if !chunk.invalid().is_empty() {
            out.extend_from_slice(b"\\ufffd");
        }
    }
    out.extend_from_slice(between);
    out.extend_from_slice(time.as_bytes());
    out.extend_from_slice(b"\"}\n");
}

/// As docker's jsonlog: quotes, backslashes, control characters, and what HTML would take for markup.
fn escape(out: &mut Vec<u8>, text: &[u8]) {
    let mut plain = 0;
    for (i, byte) in text.iter().enumerate() {
        let special = match byte {
            b'"' => "\\\"",
            b'\\' => "\\\\",
            b'\n' => "\\n",
            b'\r' => "\\r",
            b'\t' => "\\t",
            0..0x20 | b'<' | b'>' | b'&' => "",
            _ => continue,
        };
        out.extend_from_slice(&text[plain..i]);
        plain = i + 1;
        if special.is_empty() {
            out.extend_from_slice(format!("\\u{byte:04x}").as_bytes());
        } else {
            out.extend_from_slice(special.as_bytes());
        }
    }
    out.extend_from_slice(&text[plain..]);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry_of(text: &[u8]) -> String {
        entry_with(text, [])
    }

    fn entry_with<const N: usize>(text: &[u8], attributes: [(&str, &str); N]) -> String {
        let attributes = attributes.map(|(k, v)| (k.to_owned(), v.to_owned())).into();
        let mut out = Vec::new();
        entry(&mut out, text, &between(Stream::Stderr, &attributes), "T");
        String::from_utf8(out).expect("JSON is text")
    }

    #[test]
    fn an_entry_is_what_docker_writes() {
        assert_eq!(
            entry_of(b"a\"b\\<&>\x01\x7f\xff\xc3\xa9\t\n"),
            "{\"log\":\"a\\\"b\\\\\\u003c\\u0026\\u003e\\u0001\x7f\\ufffd\u{e9}\\t\\n\",\"stream\":\"stderr\",\"time\":\"T\"}\n"
        );
    }

    /// Recorded from docker 26 with `--log-opt labels=a,b`.
    #[test]
    fn attributes_come_before_the_time() {
        assert_eq!(
            entry_with(b"x\n", [("b", "c d,e=f"), ("a", "<")]),
            "{\"log\":\"x\\n\",\"stream\":\"stderr\",\"attrs\":{\"a\":\"\\u003c\",\"b\":\"c d,e=f\"},\"time\":\"T\"}\n"
        );
    }

    #[test]
    fn lines_are_split_at_newlines_and_at_16_kib_and_rotated() {
        let folder = std::env::temp_dir().join(format!("coracle-log-{}", std::process::id()));
        fs_err::create_dir_all(&folder).expect("folder");
        let log = Log {
            path: folder.join("log"),
            max_size: 40_000,
            max_file: 2,
            attributes: BTreeMap::new(),
        };
        let mut file = LogFile::new(&log);
        file.write(Stream::Stdout, b"one\ntw");
        file.write(Stream::Stdout, b"o\nthree");
        file.finish();
        let text = fs_err::read_to_string(&log.path).expect("read");
        let lines: Vec<serde_json::Value> = text
            .lines()
            .map(|l| serde_json::from_str(l).expect("JSON"))
            .collect();
        let logs: Vec<&str> = lines.iter().filter_map(|l| l["log"].as_str()).collect();
        assert_eq!(logs, ["one\n", "two\n", "three"]);
        file.write(Stream::Stderr, &[b'x'; 40_000]);
        for text in [b'y', b'z'] {
            file.write(Stream::Stderr, &[text; 40_000]);
        }
        assert!(folder.join("log.1").exists() && !folder.join("log.2").exists());
        // many lines in one piece are not one file
        file.write(Stream::Stdout, &b"line\n".repeat(5_000));
        for name in ["log", "log.1"] {
            let size = fs_err::metadata(folder.join(name)).expect("a file").len();
            assert!(size < 90_000, "{name}: {size}");
        }
        fs_err::remove_dir_all(&folder).expect("cleanup");
    }
}
