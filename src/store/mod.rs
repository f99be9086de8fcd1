//! The disk: owns every path under the store and the runtime folder. Starts no process, uses no network, prints nothing.
//!
//! ```text
//! <data>/                       0700; every folder of ours is 0700, every file 0600, whatever the umask
//!     version                   "1"; made last by the first command, so that a version file means a whole tree
//!     names, names.lock         image names, JSON lines            images.rs
//!     blobs/                    manifests and configurations       blobs.rs
//!     builds/                   the build cache                    builds.rs
//!     layers/<diff id>/         unpacked layers                    layers.rs
//!     staging/                  what is being made                 layers.rs, volumes.rs
//!     partial/                  bodies that are being fetched      blobs.rs
//!     containers/<id>/          config, state, log, upper, ...     containers.rs
//!     containers/names/<name>   symbolic link: the id              containers/names.rs
//!     volumes/<name>/           volume, data/                      volumes.rs
//!     networks/<name>           subnets and labels                 networks.rs
//!     base/                     what lies under every container    (container/rootfs/base.rs)
//!     trash/<random>            whole trees, renamed here          trash.rs
//! <runtime>/                    0700, of this host and boot; may vanish at any time
//!     containers/<id>/lock      held by the living monitor         containers/life.rs
//!     containers/<id>/ctl       its control socket                 (the monitor's)
//!     networks/                 who is on which network            networks/members.rs
//! ```
//!
//! # Locks
//! No lock is held while bytes move or a container runs, but the two that say "I live": a monitor's, and that of a layer
//! being unpacked. The kernel drops them with their holder.
//!
//! | lock | held for | over what |
//! | --- | --- | --- |
//! | `names.lock` | the rewrite of one small file | every change of `names`, and the choice of what an `rmi` may delete |
//! | `containers/names/.lock` | a readlink and an unlink | whatever *destroys* a name; making one is a lone symlink(2) |
//! | `<runtime>/containers/<id>/lock` | the life of a monitor | the right to write `state` |
//! | `staging/*.lock` | the unpacking of one layer | its staging folder and partial body |
//! | `layers/<hex>/going` | a look at the containers' records | the decision whether a layer may go |
//! | `trash/.lock` | the emptying of the trash | nothing but saving work |
//!
//! # Killed at any line
//! Each change has one step that makes it so; before it nothing happened, after it the rest is tidying:
//!
//! | change | that step | left behind when killed before / after it |
//! | --- | --- | --- |
//! | create a container | symlink(names/NAME) | a folder without name: not listed, swept later / nothing |
//! | rename a container | rename(names/OLD, names/NEW) | nothing / nothing |
//! | remove a container | rename(containers/ID, trash/) | nothing / a name that points nowhere: free for the next, swept later |
//! | write a state | rename(state.tmp, state) | state.tmp, overwritten by the next / nothing |
//! | tag, pull's end | rename(names.tmp, names) | names.tmp, overwritten by the next / nothing |
//! | delete an image | rename(names.tmp, names) | nothing / blobs and layers without a root: swept by prune |
//! | create a volume | rename(staging/X, volumes/NAME) | staging/X, swept later / nothing |
//! | remove a volume | rename(volumes/NAME, trash/) | nothing / nothing |
//!
//! A power cut may lose what was written in the last seconds: an empty or missing record counts as absent, everywhere.

pub mod blobs;
pub mod builds;
pub mod check;
pub mod containers;
pub mod events;
pub mod gc;
pub mod ids;
pub mod images;
pub mod layers;
pub mod networks;
pub mod owners;
pub mod paths;
pub mod prune;
pub(crate) mod record;
pub mod size;
pub mod sum;
pub mod trash;
pub mod usage;
pub mod volumes;

use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::error::{Context, Error, Kind, Result};
use crate::store::blobs::Blobs;
use crate::store::containers::Containers;
use crate::store::images::Images;
use crate::store::layers::Layers;
use crate::store::networks::Networks;
use crate::store::paths::Paths;
use crate::store::trash::Trash;
use crate::store::volumes::Volumes;

/// The form of the tree that this program writes; another number means that a newer program was here.
const VERSION: &str = "1";

/// The folders that exist from the first command on.
const FOLDERS: [&str; 8] = [
    "blobs",
    "layers",
    "staging",
    "partial",
    "containers",
    "containers/names",
    "volumes",
    "trash",
];

/// The store of one user.
#[derive(Debug, Clone)]
pub struct Store {
    paths: Paths,
}

impl Store {
    /// Opens the store, and makes its folders on the first call of all. One read of a small file when they are there.
    ///
    /// The runtime folder is made by whoever first locks something in it.
    pub fn open(paths: Paths) -> Result<Store> {
        let version = paths.data.join("version");
        match std::fs::read_to_string(&version) {
            Ok(text) if text.trim_end() == VERSION => {}
            Ok(text) if text.trim().is_empty() => make(&paths)?,
            Ok(text) => {
                return Err(Error::new(
                    Kind::Host,
                    format!(
                        "the store `{}` has version {}",
                        paths.data.display(),
                        text.trim()
                    ),
                )
                .because(format!("this program knows version {VERSION}"))
                .hint("use a newer coracle, or another folder with --root"));
            }
            Err(e) if e.kind() == ErrorKind::NotFound => make(&paths)?,
            Err(e) => {
                return Err(e).context(Kind::Host, || {
                    format!("cannot read the store `{}`", paths.data.display())
                });
            }
        }
        Ok(Store { paths })
    }

    /// Returns a store that was opened before, by whoever started this process for it.
    pub(crate) fn known(paths: Paths) -> Store {
        Store { paths }
    }

    /// Returns the two folders.
    pub fn paths(&self) -> &Paths {
        &self.paths
    }

    /// Returns the door to the containers.
    pub fn containers(&self) -> Containers<'_> {
        Containers::new(self)
    }

    /// Returns the door to the images' names.
    pub fn images(&self) -> Images<'_> {
        Images::new(self)
    }

    /// Returns the door to the blobs.
    pub fn blobs(&self) -> Blobs<'_> {
        Blobs::new(self)
    }

    /// Returns the door to the build cache.
    pub fn builds(&self) -> builds::Builds<'_> {
        builds::Builds::new(self)
    }

    /// Returns the door to the layers.
    pub fn layers(&self) -> Layers<'_> {
        Layers::new(self)
    }

    /// Returns the door to the volumes.
    pub fn volumes(&self) -> Volumes<'_> {
        Volumes::new(self)
    }

    /// Returns the door to the networks.
    pub fn networks(&self) -> Networks<'_> {
        Networks::new(self)
    }

    /// Returns the door to the trash.
    pub fn trash(&self) -> Trash<'_> {
        Trash::new(self)
    }

    /// Makes a file without a name in the store (open(2), O_TMPFILE): gone with its descriptor, whoever is killed.
    pub fn spool(&self) -> Result<std::fs::File> {
        use std::os::unix::fs::OpenOptionsExt;
        let folder = self.data("staging");
        std::fs::File::options()
            .read(true)
            .write(true)
            .custom_flags(libc::O_TMPFILE)
            .mode(0o600)
            .open(&folder)
            .context(Kind::System, || {
                format!("cannot write in `{}`", folder.display())
            })
    }

    /// Returns the folder of a layer, `layers/<hex>`: no colon, since a list of lower folders is separated by them. A draft
    /// ([`layers::Draft::id`]) still lies in `staging/`.
    pub(crate) fn layer_path(&self, diff_id: &str) -> PathBuf {
        if layers::is_draft(diff_id) {
            return self.data("staging").join(diff_id);
        }
        self.data("layers").join(hex_of(diff_id))
    }

    /// Returns the file of a manifest or configuration, `blobs/<hex>`.
    pub(crate) fn blob_path(&self, digest: &str) -> PathBuf {
        self.data("blobs").join(hex_of(digest))
    }

    /// Returns `<data>/NAME`.
    pub(crate) fn data(&self, name: impl AsRef<Path>) -> PathBuf {
        self.paths.data.join(name)
    }
}

/// Makes the tree; two commands that do so at once do no harm.
fn make(paths: &Paths) -> Result<()> {
    let cannot = || format!("cannot make the store `{}`", paths.data.display());
    folder(&paths.data).context(Kind::Host, cannot)?;
    for name in FOLDERS {
        folder(&paths.data.join(name)).context(Kind::Host, cannot)?;
    }
    // what removals need: a file system without a free inode has no room for them later
    for name in ["names.lock", "containers/names/.lock", "trash/.lock"] {
        let path = paths.data.join(name);
        let mut lock = std::fs::OpenOptions::new();
        lock.write(true).create(true).truncate(false).mode(0o600);
        lock.open(path).context(Kind::Host, cannot)?;
    }
    // each writes a file of its own: of two that share one, the second finds it renamed away
    let version = paths.data.join("version");
    let temporary = version.with_extension(random_hex::<4>()?);
    record::write_bytes_new(&temporary, format!("{VERSION}\n").as_bytes())
        .context(Kind::Host, cannot)?;
    std::fs::rename(&temporary, &version).context(Kind::Host, cannot)
}

/// Makes an empty folder in `staging/` for the work of one command; swept when its maker could not remove it.
pub fn scratch_folder(store: &Store) -> Result<PathBuf> {
    let path = store
        .data("staging")
        .join(format!("scratch-{}", random_hex::<8>()?));
    folder(&path).context(Kind::System, || format!("cannot make `{}`", path.display()))?;
    Ok(path)
}

/// Removes what [`scratch_folder`] made; what stays is swept.
pub fn remove_scratch(path: &Path) {
    trash::remove_tree(path).ok();
}

/// Makes a folder (0700) and its missing parents; an existing one is as good.
pub(crate) fn folder(path: &Path) -> std::io::Result<()> {
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
}

/// Returns `N` random bytes as hex digits: ids of containers (32 bytes), names in the trash (8).
pub fn random_hex<const N: usize>() -> Result<String> {
    let mut bytes = [0u8; N];
    crate::sys::random::fill(&mut bytes)?;
    Ok(hex(&bytes))
}

/// Returns bytes as lower case hex digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let digit = |n: u8| char::from(b"0123456789abcdef"[usize::from(n)]);
    let digits = bytes.iter().flat_map(|b| [digit(b >> 4), digit(b & 15)]);
    let mut text = String::with_capacity(2 * bytes.len());
    text.extend(digits);
    text
}

/// Returns a new container, exec or anonymous volume id: 64 lower case hex digits.
pub fn new_id() -> Result<String> {
    random_hex::<32>()
}

/// Returns a digest without `sha256:`. What is no such digest becomes a name that never exists, so it leads nowhere.
fn hex_of(digest: &str) -> &str {
    match digest.strip_prefix("sha256:") {
        Some(hex) if containers::is_id(hex) => hex,
        _ => "no-digest",
    }
}

/// Returns the first twelve digits of an id, with or without `sha256:`.
pub fn short_id(id: &str) -> &str {
    let hex = id.strip_prefix("sha256:").unwrap_or(id);
    hex.get(..12).unwrap_or(hex)
}

/// Returns the time of now as [`time_text`] writes it.
pub fn now() -> String {
    time_text(jiff::Timestamp::now())
}

/// Returns a time as docker writes it: RFC 3339 in UTC, always with nine digits of nanoseconds.
pub fn time_text(time: jiff::Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%S.%9fZ").to_string()
}

/// The folders of a test's own store, gone when dropped.
#[cfg(test)]
pub(crate) mod scratch {
    use super::{Paths, Store, random_hex};

    pub(crate) struct Scratch {
        pub(crate) store: Store,
        dir: std::path::PathBuf,
    }

    impl Scratch {
        pub(crate) fn new() -> Scratch {
            let dir =
                std::env::temp_dir().join(format!("coracle-store-{}", random_hex::<8>().unwrap()));
            let paths = Paths {
                data: dir.join("data"),
                runtime: dir.join("run"),
            };
            Scratch {
                store: Store::open(paths).unwrap(),
                dir,
            }
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            std::fs::remove_dir_all(&self.dir).ok();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn every_folder_is_the_users_alone_and_opening_again_changes_nothing() {
        let s = scratch::Scratch::new();
        for name in FOLDERS {
            let mode = std::fs::metadata(s.store.data(name))
                .unwrap()
                .permissions()
                .mode();
            assert_eq!(mode & 0o7777, 0o700, "{name}");
        }
        let version = std::fs::metadata(s.store.data("version")).unwrap();
        assert_eq!(version.permissions().mode() & 0o7777, 0o600);
        Store::open(s.store.paths().clone()).unwrap();
    }

    #[test]
    fn many_first_commands_at_once_make_one_store() {
        let s = scratch::Scratch::new();
        let version = s.store.data("version");
        for _ in 0..20 {
            std::fs::remove_file(&version).unwrap();
            std::thread::scope(|scope| {
                for _ in 0..8 {
                    scope.spawn(|| Store::open(s.store.paths().clone()).unwrap());
                }
            });
            assert_eq!(std::fs::read_to_string(&version).unwrap(), "1\n");
        }
    }

    #[test]
    fn a_store_of_a_newer_program_is_left_alone() {
        let s = scratch::Scratch::new();
        std::fs::write(s.store.data("version"), "2\n").unwrap();
        let e = Store::open(s.store.paths().clone()).unwrap_err();
        assert_eq!(e.kind(), Kind::Host);
        assert!(e.to_string().contains("has version 2"), "{e}");
    }

    #[test]
    fn a_version_file_emptied_by_a_power_cut_is_made_again() {
        let s = scratch::Scratch::new();
        std::fs::write(s.store.data("version"), "").unwrap();
        Store::open(s.store.paths().clone()).unwrap();
        assert_eq!(
            std::fs::read_to_string(s.store.data("version")).unwrap(),
            "1\n"
        );
    }

    #[test]
    fn ids_are_64_hex_digits_and_differ() {
        let (a, b) = (new_id().unwrap(), new_id().unwrap());
        assert_eq!(a.len(), 64);
        assert!(
            a.bytes()
                .all(|c| c.is_ascii_digit() || (b'a'..=b'f').contains(&c))
        );
        assert_ne!(a, b);
        assert_eq!(short_id("sha256:0123456789abcdef"), "0123456789ab");
        assert_eq!(short_id("abc"), "abc");
    }

    #[test]
    fn times_have_nine_digits_of_nanoseconds() {
        assert_eq!(now().len(), "2026-01-02T03:04:05.123456789Z".len());
    }
}
