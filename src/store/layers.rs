//! Layers: each an unpacked tree under the digest of its tar.
//!
//! ```text
//! <data>/layers/<hex>/          0700; complete by definition: it appeared by one rename
//!     tree/                     the files: a lower folder of overlays
//!     entries                   zstd of every byte of the tar that is not payload of a plain file
//!     replaced/<number>         payload of the entry of that number, where a later entry took its place (odd tars)
//!     owners                    recorded owners of what has no user attributes (ids.rs)
//!     layer                     Record, JSON
//!     going                     held by who decides whether the layer may go (gc.rs)
//! <data>/staging/<hex>/         the same, being made by the holder of the lock
//! <data>/staging/<hex>.lock     held while a layer is made; dropped by the kernel with its holder
//! <data>/staging/draft-<random> the same of a layer whose diff id is not known yet, and draft-<random>.lock
//! ```
//! Whoever wants a layer takes its lock first ([`Layers::stage`]); when another process is unpacking it, that means
//! waiting for it, and usually finding the layer made. The lock file is unlinked only after the rename, so whoever gets
//! the lock next sees either the whole layer or none.
//!
//! Killed at any line: staging/<hex> and its lock file, which the next one that wants the layer throws away.
//!
//! Nothing is synced on the way of a pull: syncfs(2) costs up to 1.5 s and waits for other programs' data too. So a layer
//! carries the boot in which it was made until somebody has synced it; after a crash an unsynced layer of an older boot
//! is proved by writing its tar again (image::regenerate) before its first use.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use serde::{Deserialize, Serialize};

use crate::error::{Context, Kind, Result};
use crate::store::{Store, folder, hex_of, random_hex, record, trash};
use crate::sys::lock::Lock;

/// The door to the layers.
#[derive(Debug)]
pub struct Layers<'a> {
    store: &'a Store,
}

/// What is written down about a layer.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LayerRecord {
    /// Bytes of its plain files.
    pub size: u64,
    /// Entries of its tar.
    pub files: u64,
    /// Bytes of its tar.
    pub tar_size: u64,
    /// Where it came from, so that a push can mount or send the same compressed blob again.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<Source>,
    /// /proc/sys/kernel/random/boot_id when it was made.
    pub boot_id: String,
    /// It is known to be on the disk.
    pub synced: bool,
}

/// A compressed form of a layer in a registry.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// `docker.io/library/debian`.
    pub repository: String,
    /// `sha256:...` of the compressed blob.
    pub digest: String,
    /// Its bytes.
    pub size: u64,
    /// Its media type.
    pub media_type: String,
}

/// What an unpacker made in a staging folder.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Unpacked {
    /// `sha256:...` of the tar.
    pub diff_id: String,
    /// Bytes of the plain files.
    pub size: u64,
    /// Entries of the tar.
    pub files: u64,
    /// Bytes of the tar.
    pub tar_size: u64,
}

/// The answer to the wish for a layer.
#[derive(Debug)]
pub enum Stage<'a> {
    /// It is there.
    Present,
    /// It is to be made by the caller, who now holds its lock.
    Make(Staging<'a>),
}

impl<'a> Layers<'a> {
    pub(super) fn new(store: &'a Store) -> Layers<'a> {
        Layers { store }
    }

    /// Returns the folder of a layer, there or not.
    pub fn path(&self, diff_id: &str) -> PathBuf {
        self.store.layer_path(diff_id)
    }

    /// Returns the tree of a layer, there or not: a lower folder for an overlay.
    pub fn tree(&self, diff_id: &str) -> PathBuf {
        self.path(diff_id).join("tree")
    }

    /// Says whether the layer is there.
    pub fn has(&self, diff_id: &str) -> bool {
        self.tree(diff_id).is_dir()
    }

    /// Marks a layer as one that may go; the mark ends with the lock. `None` when it is not there, or another process is
    /// at it.
    pub(crate) fn begin_to_go(&self, diff_id: &str) -> Result<Option<Lock>> {
        match Lock::attempt(&self.going(diff_id)) {
            Ok(lock) => Ok(lock.filter(|_| self.has(diff_id))),
            Err(e) if e.errno() == nix::errno::Errno::ENOENT => Ok(None),
            Err(e) => Err(e.into()),
        }
    }

    /// Says whether the layer is there to stay, for one whose own mark is written already: nobody is about to remove it.
    pub(crate) fn stays(&self, diff_id: &str) -> bool {
        let mark = self.going(diff_id);
        // In this order: one that was removed between the two looks has no mark any more. A mark whose maker was killed is
        // nobody's.
        let is_going = mark.exists() && Lock::is_held(&mark).unwrap_or(true);
        !is_going && self.has(diff_id)
    }

    fn going(&self, diff_id: &str) -> PathBuf {
        self.path(diff_id).join("going")
    }

    /// Returns the bytes of a layer's plain files; 0 when it is not known.
    pub fn size(&self, diff_id: &str) -> Result<u64> {
        Ok(self.record(diff_id)?.size)
    }

    /// Returns what is written down about a layer; a record that a power cut emptied is as one that says nothing.
    pub fn record(&self, diff_id: &str) -> Result<LayerRecord> {
        Ok(record::read(&self.path(diff_id).join("layer"))?.unwrap_or_default())
    }

    /// Returns the diff ids of all layers, in no order.
    pub fn list(&self) -> Result<Vec<String>> {
        let path = self.store.data("layers");
        let cannot = || format!("cannot list `{}`", path.display());
        let mut all = Vec::new();
        for entry in std::fs::read_dir(&path).context(Kind::System, cannot)? {
            let name = entry.context(Kind::System, cannot)?.file_name();
            if let Some(hex) = name
                .to_str()
                .filter(|name| crate::store::containers::is_id(name))
            {
                all.push(format!("sha256:{hex}"));
            }
        }
        Ok(all)
    }

    /// Takes the right to make a layer; waits while another process makes it.
    pub fn stage(&self, diff_id: &str) -> Result<Stage<'a>> {
        if self.has(diff_id) {
            return Ok(Stage::Present);
        }
        let path = self.store.data("staging").join(hex_of(diff_id));
        let lock = Lock::wait(&path.with_extension("lock"))?;
        if self.has(diff_id) {
            // its maker was just done
            lock.remove()?;
            return Ok(Stage::Present);
        }
        // left by one that was killed: we hold its lock
        self.store.trash().put(&path)?;
        let staging = Staging {
            store: self.store,
            diff_id: diff_id.to_owned(),
            path,
            lock: Some(lock),
        };
        folder(&staging.path).context(Kind::System, || {
            format!("cannot make `{}`", staging.path.display())
        })?;
        Ok(Stage::Make(staging))
    }

    /// Takes a place to make a layer in whose diff id is not known yet: a commit's, a build step's, an import's.
    pub fn draft(&self) -> Result<Draft<'a>> {
        let name = format!("{DRAFT}{}", random_hex::<8>()?);
        let path = self.store.data("staging").join(name);
        let lock = Lock::wait(&path.with_extension("lock"))?;
        let draft = Draft(Staging {
            store: self.store,
            diff_id: String::new(),
            path,
            lock: Some(lock),
        });
        folder(draft.path()).context(Kind::System, || {
            format!("cannot make `{}`", draft.path().display())
        })?;
        Ok(draft)
    }

    /// Notes one more place from which the layer can be had.
    pub fn add_source(&self, diff_id: &str, source: Source) -> Result<()> {
        let mut record = self.record(diff_id)?;
        if record.sources.contains(&source) {
            return Ok(());
        }
        record.sources.push(source);
        record::write(&self.path(diff_id).join("layer"), &record)
    }

    /// Says whether a layer may have lost bytes: it was made in an older boot, and nobody is known to have synced it.
    pub fn is_doubtful(&self, diff_id: &str) -> Result<bool> {
        if is_draft(diff_id) {
            return Ok(false); // its maker is at it
        }
        let record = self.record(diff_id)?;
        Ok(!record.synced && record.boot_id != boot_id())
    }

    /// Notes that a layer was proved whole in this boot.
    pub fn proved(&self, diff_id: &str) -> Result<()> {
        let record = LayerRecord {
            boot_id: boot_id().to_owned(),
            ..self.record(diff_id)?
        };
        record::write(&self.path(diff_id).join("layer"), &record)
    }

    /// Writes everything to the disk (seconds, perhaps), then notes that the layers of this boot are there. For the
    /// process that empties the trash, never on anybody's way.
    pub fn sync(&self) -> Result<()> {
        let mut fresh = Vec::new();
        for diff_id in self.list()? {
            let record = self.record(&diff_id)?;
            if !record.synced && record.boot_id == boot_id() {
                fresh.push((diff_id, record));
            }
        }
        if fresh.is_empty() {
            return Ok(());
        }
        let path = self.store.data("layers");
        let cannot = || format!("cannot sync `{}`", path.display());
        let dir = std::fs::File::open(&path).context(Kind::System, cannot)?;
        nix::unistd::syncfs(&dir).context(Kind::System, cannot)?;
        for (diff_id, record) in fresh {
            if self.has(&diff_id) {
                let record = LayerRecord {
                    synced: true,
                    ..record
                };
                record::write(&self.path(&diff_id).join("layer"), &record)?;
            }
        }
        Ok(())
    }
}

/// A layer that is being made; dropped before it is published, nothing of it stays.
#[derive(Debug)]
pub struct Staging<'a> {
    store: &'a Store,
    diff_id: String,
    path: PathBuf,
    lock: Option<Lock>,
}

impl Staging<'_> {
    /// Returns the folder to make the layer in; it exists and is empty.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Makes the layer appear under its diff id. The caller has compared the digest.
    pub fn publish(mut self, unpacked: &Unpacked, source: Option<Source>) -> Result<()> {
        let record = LayerRecord {
            size: unpacked.size,
            files: unpacked.files,
            tar_size: unpacked.tar_size,
            sources: source.into_iter().collect(),
            boot_id: boot_id().to_owned(),
            synced: false,
        };
        record::write_new(&self.path.join("layer"), &record)?;
        let target = self.store.layer_path(&self.diff_id);
        // only a folder without a tree can lie there: damaged by hand, and in the way of the rename
        self.store.trash().put(&target)?;
        std::fs::rename(&self.path, &target).context(Kind::System, || {
            format!("cannot make `{}`", target.display())
        })?;
        match self.lock.take() {
            Some(lock) => Ok(lock.remove()?),
            None => Ok(()),
        }
    }
}

/// A layer that is being made and has no name yet; dropped before it is published, nothing of it stays.
#[derive(Debug)]
pub struct Draft<'a>(Staging<'a>);

/// Begin of a draft's name.
const DRAFT: &str = "draft-";

/// Says whether an id is a draft's, of a layer that has no diff id yet.
pub(crate) fn is_draft(id: &str) -> bool {
    let rest = id.strip_prefix(DRAFT);
    rest.is_some_and(|hex| hex.len() == 16 && hex.bytes().all(|b| b.is_ascii_hexdigit()))
}

impl Draft<'_> {
    /// Returns by which id the layer is known until it has its diff id: [`Layers::tree`] and containers take it.
    pub(crate) fn id(&self) -> String {
        let name = self.path().file_name().unwrap_or_default();
        name.to_string_lossy().into_owned()
    }

    /// Returns the folder to make the layer in; it exists and is empty.
    pub fn path(&self) -> &Path {
        &self.0.path
    }

    /// Makes the layer appear under the diff id that it turned out to have. When another process was faster, its layer
    /// stays and this one goes.
    pub fn publish(self, unpacked: &Unpacked, source: Option<Source>) -> Result<()> {
        self.publish_or_return(unpacked, source).map(drop)
    }

    /// The same; returns the draft when there is a layer like it, for somebody may have it mounted.
    pub(crate) fn publish_or_return(
        self,
        unpacked: &Unpacked,
        source: Option<Source>,
    ) -> Result<Option<Self>> {
        match self.0.store.layers().stage(&unpacked.diff_id)? {
            Stage::Present => Ok(Some(self)),
            Stage::Make(staging) => {
                // rename(2) takes an empty folder's place
                std::fs::rename(self.path(), staging.path()).context(Kind::System, || {
                    format!("cannot make `{}`", staging.path().display())
                })?;
                staging.publish(unpacked, source)?;
                Ok(None)
            }
        }
    }
}

impl Drop for Staging<'_> {
    fn drop(&mut self) {
        if let Some(lock) = self.lock.take() {
            // Removed and not thrown away: the disk may be full. What cannot be removed is thrown away by the next.
            trash::remove_tree(&self.path).ok();
            // a lock file that stays is swept later
            lock.remove().ok();
        }
    }
}

/// Returns this boot's id; the same for all callers of a process.
pub fn boot_id() -> &'static str {
    static BOOT: OnceLock<String> = OnceLock::new();
    BOOT.get_or_init(|| {
        std::fs::read_to_string("/proc/sys/kernel/random/boot_id")
            .unwrap_or_default()
            .trim()
            .to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::scratch::Scratch;
    use std::sync::atomic::{AtomicU32, Ordering};

    fn id(digit: char) -> String {
        format!("sha256:{}", String::from(digit).repeat(64))
    }

    fn make(s: &Scratch, diff_id: &str) {
        let Stage::Make(staging) = s.store.layers().stage(diff_id).unwrap() else {
            panic!("it is there")
        };
        std::fs::create_dir(staging.path().join("tree")).unwrap();
        let unpacked = Unpacked {
            diff_id: diff_id.to_owned(),
            size: 7,
            files: 2,
            tar_size: 1024,
        };
        staging.publish(&unpacked, None).unwrap();
    }

    fn is_empty(s: &Scratch, folder: &str) -> bool {
        std::fs::read_dir(s.store.data(folder))
            .unwrap()
            .next()
            .is_none()
    }

    #[test]
    fn a_layer_appears_whole_and_leaves_nothing_in_staging() {
        let s = Scratch::new();
        assert!(!s.store.layers().has(&id('a')));
        make(&s, &id('a'));
        assert!(s.store.layers().has(&id('a')));
        assert_eq!(s.store.layers().size(&id('a')).unwrap(), 7);
        assert_eq!(s.store.layers().list().unwrap(), [id('a')]);
        assert!(is_empty(&s, "staging"));
        assert!(matches!(
            s.store.layers().stage(&id('a')).unwrap(),
            Stage::Present
        ));
    }

    #[test]
    fn a_layer_given_up_leaves_nothing() {
        let s = Scratch::new();
        let Stage::Make(staging) = s.store.layers().stage(&id('a')).unwrap() else {
            panic!()
        };
        std::fs::create_dir_all(staging.path().join("tree/x")).unwrap();
        drop(staging);
        assert!(is_empty(&s, "staging") && is_empty(&s, "layers") && s.store.trash().is_empty());
    }

    #[test]
    fn what_a_killed_one_left_is_thrown_away() {
        let s = Scratch::new();
        let left = s.store.data("staging").join("a".repeat(64));
        std::fs::create_dir_all(left.join("tree/half")).unwrap();
        std::fs::write(left.with_extension("lock"), "").unwrap();
        make(&s, &id('a'));
        assert!(!s.store.layers().tree(&id('a')).join("half").exists());
        assert!(is_empty(&s, "staging"));
    }

    #[test]
    fn a_draft_becomes_the_layer_that_it_turned_out_to_be_and_the_first_one_stays() {
        let s = Scratch::new();
        for text in ["first", "second"] {
            let draft = s.store.layers().draft().unwrap();
            std::fs::create_dir(draft.path().join("tree")).unwrap();
            std::fs::write(draft.path().join("tree/f"), text).unwrap();
            let unpacked = Unpacked {
                diff_id: id('c'),
                ..Unpacked::default()
            };
            draft.publish(&unpacked, None).unwrap();
        }
        let made = s.store.layers().tree(&id('c'));
        assert_eq!(std::fs::read_to_string(made.join("f")).unwrap(), "first");
        drop(s.store.layers().draft().unwrap());
        assert!(is_empty(&s, "staging") && s.store.trash().is_empty());
    }

    #[test]
    fn of_many_that_want_a_layer_one_makes_it() {
        let s = Scratch::new();
        let made = AtomicU32::new(0);
        std::thread::scope(|scope| {
            for _ in 0..32 {
                scope.spawn(|| match s.store.layers().stage(&id('b')).unwrap() {
                    Stage::Present => assert!(s.store.layers().has(&id('b'))),
                    Stage::Make(staging) => {
                        made.fetch_add(1, Ordering::Relaxed);
                        std::fs::create_dir(staging.path().join("tree")).unwrap();
                        std::thread::sleep(std::time::Duration::from_millis(30));
                        staging.publish(&Unpacked::default(), None).unwrap();
                    }
                });
            }
        });
        assert_eq!(made.into_inner(), 1);
        assert!(is_empty(&s, "staging"));
    }

    #[test]
    fn a_layer_of_an_older_boot_is_doubtful_until_synced_or_proved() {
        let s = Scratch::new();
        for digit in ['a', 'b'] {
            make(&s, &id(digit));
        }
        let layers = s.store.layers();
        assert!(!layers.is_doubtful(&id('a')).unwrap());
        layers.sync().unwrap();
        for (diff_id, record) in [(id('a'), true), (id('b'), false)].map(|(i, synced)| {
            let record = LayerRecord {
                boot_id: "older".to_owned(),
                synced,
                ..layers.record(&i).unwrap()
            };
            (i, record)
        }) {
            record::write(&layers.path(&diff_id).join("layer"), &record).unwrap();
            assert_eq!(layers.is_doubtful(&diff_id).unwrap(), !record.synced);
        }
        layers.proved(&id('b')).unwrap();
        assert!(!layers.is_doubtful(&id('b')).unwrap());
        // a power cut may have emptied the record itself
        std::fs::write(layers.path(&id('b')).join("layer"), "").unwrap();
        assert!(layers.is_doubtful(&id('b')).unwrap());
    }

    #[test]
    fn sources_are_kept_once() {
        let s = Scratch::new();
        make(&s, &id('a'));
        let source = Source {
            repository: "docker.io/library/debian".to_owned(),
            ..Source::default()
        };
        for _ in 0..2 {
            s.store
                .layers()
                .add_source(&id('a'), source.clone())
                .unwrap();
        }
        assert_eq!(s.store.layers().record(&id('a')).unwrap().sources, [source]);
    }
}
