//! What is remembered about the files of a context: their digests, by what stat(2) says of them, so that a build of an
//! unchanged context opens no file.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use nix::sys::stat::FileStat;

use super::cache::Key;
use crate::store::Store;

/// A file whose last change is younger than this when it is read may change again within one tick of the kernel's clock
/// and show the same times: it is not remembered.
const TICK_NS: i128 = 20_000_000;

/// Digests of one context's files.
#[derive(Debug)]
pub(super) struct Stats {
    key: String,
    known: HashMap<String, (String, String)>,
    fresh: Mutex<Vec<(String, String, String)>>,
    is_used: AtomicBool,
}

impl Stats {
    /// Reads what is remembered about the folder.
    pub(super) fn read(store: &Store, folder: &Path) -> Stats {
        let mut key = Key::new("stats");
        key.add("folder", &folder.to_string_lossy());
        let key = key.finish().0;
        let bytes = store.builds().stats(&key);
        let text = String::from_utf8_lossy(&bytes);
        let known = text.split('\0').filter_map(|line| {
            let (stat, rest) = line.split_once(' ')?;
            let (digest, path) = rest.split_once(' ')?;
            Some((path.to_owned(), (stat.to_owned(), digest.to_owned())))
        });
        Stats {
            known: known.collect(),
            key,
            fresh: Mutex::default(),
            is_used: AtomicBool::new(false),
        }
    }

    /// Returns the digest of a file that is as it was.
    pub(super) fn get(&self, path: &str, stat: &FileStat) -> Option<String> {
        self.is_used.store(true, Ordering::Relaxed);
        let (then, digest) = self.known.get(path)?;
        (*then == signature(stat)).then(|| digest.clone())
    }

    /// Remembers the digest of a file.
    pub(super) fn put(&self, path: &str, stat: &FileStat, digest: &str) {
        let changed = i128::from(stat.st_ctime) * 1_000_000_000 + i128::from(stat.st_ctime_nsec);
        let now = jiff::Timestamp::now().as_nanosecond();
        if now - changed > TICK_NS
            && let Ok(mut fresh) = self.fresh.lock()
        {
            fresh.push((path.to_owned(), signature(stat), digest.to_owned()));
        }
    }

    /// Writes down what is new; that it cannot is no failure of the build.
    pub(super) fn write(self, store: &Store) {
        let fresh = self.fresh.into_inner().unwrap_or_default();
        if fresh.is_empty() {
            return;
        }
        let mut all = self.known;
        for (path, stat, digest) in fresh {
            all.insert(path, (stat, digest));
        }
        let mut text = String::new();
        for (path, (stat, digest)) in &all {
            text += &format!("{stat} {digest} {path}\0");
        }
        store.builds().put_stats(&self.key, text.as_bytes()).ok();
    }
}

/// What changes when a file does: nobody can set ctime.
fn signature(stat: &FileStat) -> String {
    format!(
        "{}:{}:{}:{}.{}:{}.{}",
        stat.st_dev,
        stat.st_ino,
        stat.st_size,
        stat.st_mtime,
        stat.st_mtime_nsec,
        stat.st_ctime,
        stat.st_ctime_nsec
    )
}
