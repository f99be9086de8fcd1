//! The build cache: which layer a step's key stands for, what was found out about contents, and the folders of cache mounts.
//!
//! ```text
//! <data>/builds/                    made by the first build
//!     steps/<key>                   Step, JSON; written after its layer is there
//!     contents/<key>                a digest: of what a COPY took from layers, which never change
//!     stats/<key>                   digests of a context's files, by what stat(2) says of them   (build/context.rs)
//!     mounts/<key>/data             a cache mount's files; mounts/<key>/lock is held by `sharing=locked` and `private`
//!     mounts/<key>/about            its id, for listings
//! ```
//! Keys are 64 hex digits. A layer that a step stands for is a root of the garbage collection; `builder prune` takes the
//! records away, and with them the layers that no image needs. Killed at any line: a temporary file, overwritten or swept.

use std::io::ErrorKind;
use std::path::PathBuf;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use crate::error::{Context, Kind, Result};
use crate::store::{Store, folder, record};

/// What a key stands for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Step {
    /// `sha256:...` of the layer.
    pub diff_id: String,
    /// When it was made: RFC 3339 with nanoseconds as BuildKit prints it.
    pub created: String,
    /// The step before, its key; empty for none.
    pub parent: String,
    /// What it did, for listings.
    pub about: String,
    /// What went into the key, a line each, for `--explain`.
    pub inputs: Vec<String>,
}

/// A step as a listing shows it.
#[derive(Debug, Clone)]
pub struct Listed {
    /// Its key, or that of a mount.
    pub key: String,
    /// What it is; `None` for a cache mount.
    pub step: Option<Step>,
    /// What it says about itself.
    pub about: String,
    /// Bytes.
    pub size: u64,
    /// When it was last used.
    pub used: SystemTime,
    /// When it was made.
    pub made: SystemTime,
    /// An image needs its layer as well.
    pub is_shared: bool,
}

/// The door to the build cache.
#[derive(Debug)]
pub struct Builds<'a> {
    store: &'a Store,
}

impl<'a> Builds<'a> {
    pub(super) fn new(store: &'a Store) -> Builds<'a> {
        Builds { store }
    }

    fn path(&self, part: &str, key: &str) -> PathBuf {
        self.store.data("builds").join(part).join(key)
    }

    /// Returns what a key stands for, when its layer is there; notes that it was used.
    pub fn step(&self, key: &str) -> Result<Option<Step>> {
        let path = self.path("steps", key);
        let Some(step) = record::read::<Step>(&path)? else {
            return Ok(None);
        };
        if !self.store.layers().has(&step.diff_id) {
            return Ok(None);
        }
        if let Ok(file) = std::fs::File::open(&path) {
            // only the order of pruning depends on it
            file.set_modified(SystemTime::now()).ok();
        }
        Ok(Some(step))
    }

    /// Notes what a key stands for. Its layer is there.
    pub fn put_step(&self, key: &str, step: &Step) -> Result<()> {
        self.write("steps", key, &serde_json::to_vec(step).unwrap_or_default())
    }

    /// Returns the steps that came after `parent`, the latest first: why another one was not found.
    pub fn after(&self, parent: &str, about: &str) -> Result<Option<Step>> {
        let mut found: Option<(SystemTime, Step)> = None;
        for (key, used) in self.keys("steps")? {
            let Some(step) = record::read::<Step>(&self.path("steps", &key))? else {
                continue;
            };
            let is_it = step.parent == parent || step.about == about;
            if is_it && found.as_ref().is_none_or(|(at, _)| *at < used) {
                found = Some((used, step));
            }
        }
        Ok(found.map(|(_, step)| step))
    }

    /// Returns a remembered digest.
    pub fn content(&self, key: &str) -> Option<String> {
        let text = std::fs::read_to_string(self.path("contents", key)).ok()?;
        text.starts_with("sha256:").then_some(text)
    }

    /// Remembers a digest.
    pub fn put_content(&self, key: &str, digest: &str) -> Result<()> {
        self.write("contents", key, digest.as_bytes())
    }

    /// Returns what is remembered about a context's files; empty when nothing is.
    pub fn stats(&self, key: &str) -> Vec<u8> {
        std::fs::read(self.path("stats", key)).unwrap_or_default()
    }

    /// Remembers what was found out about a context's files.
    pub fn put_stats(&self, key: &str, bytes: &[u8]) -> Result<()> {
        self.write("stats", key, bytes)
    }

    /// Returns the folder of a cache mount, made when missing; what is in it is `data`.
    pub fn mount(&self, key: &str, about: &str) -> Result<PathBuf> {
        let path = self.path("mounts", key);
        if !path.is_dir() {
            self.make("mounts")?;
            folder(&path).context(Kind::System, || format!("cannot make `{}`", path.display()))?;
            record::write_bytes_new(&path.join("about"), about.as_bytes()).or_else(
                |e| match path.join("about").exists() {
                    true => Ok(()),
                    false => Err(e),
                },
            )?;
        }
        Ok(path)
    }

    fn make(&self, part: &str) -> Result<()> {
        let path = self.store.data("builds").join(part);
        folder(&path).context(Kind::System, || format!("cannot make `{}`", path.display()))
    }

    /// Writes beside and renames; two builds that write one key write the same.
    fn write(&self, part: &str, key: &str, bytes: &[u8]) -> Result<()> {
        let path = self.path(part, key);
        let temporary = path.with_extension(super::random_hex::<4>()?);
        if let Err(e) = std::fs::write(&temporary, bytes) {
            if e.kind() != ErrorKind::NotFound {
                return Err(e).context(Kind::System, || {
                    format!("cannot write `{}`", path.display())
                });
            }
            self.make(part)?;
            std::fs::write(&temporary, bytes).context(Kind::System, || {
                format!("cannot write `{}`", path.display())
            })?;
        }
        std::fs::rename(&temporary, &path).context(Kind::System, || {
            format!("cannot write `{}`", path.display())
        })
    }

    fn keys(&self, part: &str) -> Result<Vec<(String, SystemTime)>> {
        let path = self.store.data("builds").join(part);
        let entries = match std::fs::read_dir(&path) {
            Ok(entries) => entries,
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(e) => {
                return Err(e)
                    .context(Kind::System, || format!("cannot list `{}`", path.display()));
            }
        };
        let mut all = Vec::new();
        for entry in entries.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if let (true, Ok(meta)) = (super::containers::is_id(&name), entry.metadata()) {
                all.push((name, meta.modified().unwrap_or(SystemTime::UNIX_EPOCH)));
            }
        }
        Ok(all)
    }

    /// Returns the layers that steps stand for.
    pub fn layers(&self) -> Result<Vec<String>> {
        let mut layers = Vec::new();
        for (key, _) in self.keys("steps")? {
            if let Some(step) = record::read::<Step>(&self.path("steps", &key))? {
                layers.push(step.diff_id);
            }
        }
        Ok(layers)
    }

    /// Returns everything, the least lately used first. `in_images`: layers that images need.
    pub fn list(&self, in_images: &dyn Fn(&str) -> bool) -> Result<Vec<Listed>> {
        let mut all = Vec::new();
        for (key, used) in self.keys("steps")? {
            let Some(step) = record::read::<Step>(&self.path("steps", &key))? else {
                continue;
            };
            let made = step
                .created
                .parse::<jiff::Timestamp>()
                .map(SystemTime::from);
            all.push(Listed {
                size: self.store.layers().size(&step.diff_id).unwrap_or(0),
                is_shared: in_images(&step.diff_id),
                about: step.about.clone(),
                made: made.unwrap_or(used),
                step: Some(step),
                key,
                used,
            });
        }
        for (key, made) in self.keys("mounts")? {
            let path = self.path("mounts", &key);
            let data = path.join("data");
            let used = std::fs::metadata(&data)
                .and_then(|m| m.modified())
                .unwrap_or(made);
            all.push(Listed {
                size: super::size::tree_bytes(&data),
                is_shared: false,
                about: std::fs::read_to_string(path.join("about")).unwrap_or_default(),
                step: None,
                made,
                key,
                used,
            });
        }
        all.sort_by_key(|entry| entry.used);
        Ok(all)
    }

    /// Forgets one of the list; its layer goes with the next collection.
    pub fn forget(&self, entry: &Listed) -> Result<()> {
        let part = if entry.step.is_some() {
            "steps"
        } else {
            "mounts"
        };
        self.store
            .trash()
            .put(&self.path(part, &entry.key))
            .map(drop)
    }

    /// Forgets what was found out about contents: it is found out again.
    pub fn forget_contents(&self) -> Result<()> {
        self.store
            .trash()
            .put(&self.store.data("builds").join("contents"))?;
        let stats = self.store.data("builds").join("stats");
        self.store.trash().put(&stats).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::scratch::Scratch;

    #[test]
    fn a_step_counts_only_while_its_layer_is_there() {
        let s = Scratch::new();
        let builds = s.store.builds();
        let key = "a".repeat(64);
        let step = Step {
            diff_id: format!("sha256:{}", "b".repeat(64)),
            about: "RUN true".to_owned(),
            ..Step::default()
        };
        assert_eq!(builds.step(&key).unwrap(), None);
        builds.put_step(&key, &step).unwrap();
        assert_eq!(builds.step(&key).unwrap(), None);
        std::fs::create_dir_all(s.store.layers().tree(&step.diff_id)).unwrap();
        assert_eq!(builds.step(&key).unwrap().as_ref(), Some(&step));
        assert_eq!(
            builds.layers().unwrap(),
            std::slice::from_ref(&step.diff_id)
        );
        let listed = builds.list(&|_| false).unwrap();
        builds.forget(&listed[0]).unwrap();
        assert_eq!(builds.step(&key).unwrap(), None);
    }
}
