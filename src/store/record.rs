//! Small files: JSON records written beside their place and renamed into it.
//!
//! A record has one writer (its creator, its monitor, the holder of its lock), so the temporary name is fixed, and what
//! a killed writer left there is overwritten by the next. Nothing is synced: after a power cut a record may be empty, and
//! an empty one counts as absent.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, OFlag, openat};
use nix::sys::stat::Mode;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{Context, Error, Kind, Result};

/// Returns the record at `path`; `None` when it is missing or empty (also: only NUL bytes, as XFS leaves after a crash).
pub(crate) fn read<T: DeserializeOwned>(path: &Path) -> Result<Option<T>> {
    match read_bytes(path)? {
        None => Ok(None),
        Some(bytes) => parse(path, &bytes).map(Some),
    }
}

/// Returns the bytes of the file at `path`; `None` when there are none.
pub(crate) fn read_bytes(path: &Path) -> Result<Option<Vec<u8>>> {
    match std::fs::read(path) {
        Ok(bytes) if bytes.iter().all(|b| *b == 0) => Ok(None),
        Ok(bytes) => Ok(Some(bytes)),
        Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
        Err(e) => Err(e).context(Kind::System, || format!("cannot read `{}`", path.display())),
    }
}

/// A folder whose records are read one after the other: paths begin at its descriptor, and one buffer serves all, so that
/// a record costs open, read and close. A listing of 1,000 containers reads 2,000.
pub(crate) struct Folder {
    dir: OwnedFd,
    path: PathBuf,
    buffer: Vec<u8>,
}

impl Folder {
    /// Opens the folder at `path`; `None` when there is none.
    pub(crate) fn open(path: PathBuf) -> Result<Option<Folder>> {
        let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        match openat(AT_FDCWD, &path, flags, Mode::empty()) {
            Ok(dir) => Ok(Some(Folder {
                dir,
                path,
                buffer: vec![0; 16 << 10],
            })),
            Err(Errno::ENOENT) => Ok(None),
            Err(e) => Err(e).context(Kind::System, || format!("cannot open `{}`", path.display())),
        }
    }

    /// Returns the record at `name`, a path below the folder, as [`read`] does.
    pub(crate) fn read<T: DeserializeOwned>(&mut self, name: &str) -> Result<Option<T>> {
        let cannot = || format!("cannot read `{}`", self.path.join(name).display());
        let file = match openat(
            &self.dir,
            name,
            OFlag::O_RDONLY | OFlag::O_CLOEXEC,
            Mode::empty(),
        ) {
            Ok(file) => file,
            Err(Errno::ENOENT | Errno::ENOTDIR) => return Ok(None),
            Err(e) => return Err(e).context(Kind::System, cannot),
        };
        let length = nix::unistd::read(&file, &mut self.buffer).context(Kind::System, cannot)?;
        if length == self.buffer.len() {
            // a record that large is rare enough to be read again
            return read(&self.path.join(name));
        }
        match &self.buffer[..length] {
            bytes if bytes.iter().all(|b| *b == 0) => Ok(None),
            bytes => parsed(bytes, || self.path.join(name)).map(Some),
        }
    }
}

/// Returns what the bytes of the record at `path` say.
pub(crate) fn parse<T: DeserializeOwned>(path: &Path, bytes: &[u8]) -> Result<T> {
    parsed(bytes, || path.to_owned())
}

fn parsed<T: DeserializeOwned>(bytes: &[u8], path: impl Fn() -> PathBuf) -> Result<T> {
    // a text is checked once as a whole, bytes would be again for each string
    let value = std::str::from_utf8(bytes)
        .map_err(|e| e.to_string())
        .and_then(|text| serde_json::from_str(text).map_err(|e| e.to_string()));
    value.map_err(|e| {
        let text = format!("cannot understand `{}`", path().display());
        Error::new(Kind::Corrupt, text)
            .because(e)
            .hint("`coracle system check --repair` removes what cannot be used")
    })
}

/// Writes a record: temporary file beside `path`, then rename.
pub(crate) fn write<T: Serialize>(path: &Path, value: &T) -> Result<()> {
    write_text(path, &json(path, value)?)
}

/// Writes a record to a new file at `path` without a rename, for folders that nobody looks into yet.
pub(crate) fn write_new<T: Serialize>(path: &Path, value: &T) -> Result<()> {
    put(path, json(path, value)?.as_bytes(), true)
}

/// Writes bytes to a new file at `path`, for files that the caller renames.
pub(crate) fn write_bytes_new(path: &Path, bytes: &[u8]) -> Result<()> {
    put(path, bytes, true)
}

/// Writes a record beside `path`, for [`publish`]; where there is no room for two, over what is there.
pub(crate) fn prepare<T: Serialize>(path: &Path, value: &T) -> Result<()> {
    write_or_over(path, &json(path, value)?).map(drop)
}

/// Writes a text: temporary file beside `path`, then rename. Where there is no room for two, over what is there: how a
/// container on a full disk ended is to be known.
pub(crate) fn write_text(path: &Path, text: &str) -> Result<()> {
    match write_or_over(path, text)? {
        Written::Beside => publish(path),
        Written::Over => Ok(()),
    }
}

enum Written {
    /// Under the temporary name.
    Beside,
    /// In place.
    Over,
}

fn write_or_over(path: &Path, text: &str) -> Result<Written> {
    let cannot = || format!("cannot write `{}`", path.display());
    match put_bytes(&temporary(path), text.as_bytes(), false) {
        Ok(()) => Ok(Written::Beside),
        Err(e) if matches!(e.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded) => {
            let over = write_over(path, text).map(|()| Written::Over);
            over.or(Err(e)).context(Kind::System, cannot)
        }
        Err(e) => Err(e).context(Kind::System, cannot),
    }
}

/// Writes over a file, as far as it has room of its own. Readers see the old or the new: both are less than a page.
fn write_over(path: &Path, text: &str) -> std::io::Result<()> {
    let file = OpenOptions::new().write(true).open(path)?;
    if text.len() as u64 > (file.metadata()?.blocks() * 512).min(4096) {
        return Err(ErrorKind::StorageFull.into());
    }
    file.write_all_at(text.as_bytes(), 0)?;
    file.set_len(text.len() as u64)
}

/// Makes the record that was prepared beside `path` the one that is read, unless it is already.
pub(crate) fn publish(path: &Path) -> Result<()> {
    match std::fs::rename(temporary(path), path) {
        Err(e) if e.kind() != ErrorKind::NotFound => Err(e),
        _ => Ok(()),
    }
    .context(Kind::System, || {
        format!("cannot write `{}`", path.display())
    })
}

fn json<T: Serialize>(path: &Path, value: &T) -> Result<String> {
    serde_json::to_string(value).context(Kind::System, || {
        format!("cannot write `{}`", path.display())
    })
}

fn put(path: &Path, bytes: &[u8], new: bool) -> Result<()> {
    put_bytes(path, bytes, new).context(Kind::System, || {
        format!("cannot write `{}`", path.display())
    })
}

fn put_bytes(path: &Path, bytes: &[u8], new: bool) -> std::io::Result<()> {
    let mut how = OpenOptions::new();
    how.write(true)
        .mode(0o600)
        .create(true)
        .truncate(!new)
        .create_new(new);
    let written = how.open(path).and_then(|mut file| file.write_all(bytes));
    if written.is_err() && !new {
        // a full disk: the half written temporary file would only stand in the way
        std::fs::remove_file(path).ok();
    }
    written
}

/// Returns the name that a record is written under before it is renamed: `state` -> `state.tmp`.
pub(crate) fn temporary(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".tmp");
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::scratch::Scratch;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn empty_and_missing_and_nul_records_are_absent() {
        let s = Scratch::new();
        let path = s.store.data("r");
        assert_eq!(read::<Vec<i32>>(&path).unwrap(), None);
        for absent in ["", "\0\0\0\0"] {
            std::fs::write(&path, absent).unwrap();
            assert_eq!(read::<Vec<i32>>(&path).unwrap(), None);
        }
        assert_eq!(read::<Vec<i32>>(&path.join("below-a-file")).unwrap(), None);
    }

    #[test]
    fn a_broken_record_names_its_file() {
        let s = Scratch::new();
        let path = s.store.data("r");
        std::fs::write(&path, "{").unwrap();
        let e = read::<Vec<i32>>(&path).unwrap_err();
        assert_eq!(e.kind(), Kind::Corrupt);
        assert!(
            e.to_string()
                .starts_with(&format!("cannot understand `{}`", path.display())),
            "{e}"
        );
    }

    #[test]
    fn without_room_for_a_second_file_a_record_is_written_over() {
        let s = Scratch::new();
        let path = s.store.data("r");
        std::fs::write(&path, "x".repeat(600)).unwrap();
        for text in ["\"short\"".to_owned(), format!("\"{}\"", "y".repeat(500))] {
            write_over(&path, &text).unwrap();
            assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        }
        let before = std::fs::read(&path).unwrap();
        write_over(&path, &"z".repeat(5000)).unwrap_err();
        assert_eq!(std::fs::read(&path).unwrap(), before);
        write_over(&s.store.data("none"), "").unwrap_err();
    }

    #[test]
    fn a_folder_reads_its_records_whatever_their_size() {
        let s = Scratch::new();
        let long: Vec<u64> = (0..10_000).collect();
        write(&s.store.data("long"), &long).unwrap();
        write(&s.store.data("short"), &[7_u64]).unwrap();
        std::fs::write(s.store.data("empty"), "").unwrap();
        let mut folder = Folder::open(s.store.data("")).unwrap().unwrap();
        for (name, want) in [
            ("long", Some(long)),
            ("short", Some(vec![7])),
            ("empty", None),
            ("short/x", None),
        ] {
            assert_eq!(folder.read::<Vec<u64>>(name).unwrap(), want, "{name}");
        }
        assert!(Folder::open(s.store.data("nowhere")).unwrap().is_none());
    }

    #[test]
    fn a_record_is_private_and_replaces_a_leftover() {
        let s = Scratch::new();
        let path = s.store.data("r");
        std::fs::write(
            temporary(&path),
            "left by a killed writer, and longer than the new text",
        )
        .unwrap();
        std::fs::set_permissions(temporary(&path), PermissionsExt::from_mode(0o600)).unwrap();
        write(&path, &vec![1, 2]).unwrap();
        assert_eq!(read::<Vec<i32>>(&path).unwrap(), Some(vec![1, 2]));
        assert_eq!(
            std::fs::metadata(&path).unwrap().permissions().mode() & 0o7777,
            0o600
        );
        assert!(!temporary(&path).exists());
    }
}
