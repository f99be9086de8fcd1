//! The storage ladder: how a container's root is put together here.
//!
//! 1. `overlay`: the kernel's, with `userxattr`, in our user namespace (Linux 5.11).
//! 2. `fuse-overlayfs`: where that fails and the program and /dev/fuse are there.
//! 3. `copy`: a copy of the layers per container; always possible.
//!
//! The best rung is remembered in `<runtime>/host`, for this boot, this program and the store's device: two reads on the
//! way of `run`. A worse rung is not remembered, so that an administrator's change is noticed at once.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::filesystem::FileSystem;
use super::probe::{self, Probe};
use super::{explain_userns, paths};
use crate::error::{Context, Error, Kind, Result};
use crate::store::paths::Paths;

/// The way a root is put together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Driver {
    /// The kernel's overlay with `userxattr`.
    Overlay,
    /// This `fuse-overlayfs` program.
    Fuse(PathBuf),
    /// A copy per container.
    Copy,
}

impl Driver {
    /// Returns its name, as recorded with a container and given to `--storage-driver`.
    pub fn name(&self) -> &'static str {
        match self {
            Driver::Overlay => "overlay",
            Driver::Fuse(_) => "fuse-overlayfs",
            Driver::Copy => "copy",
        }
    }
}

/// What new containers use.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rung {
    /// The way.
    pub driver: Driver,
    /// Folder for the containers' writable parts when the store's own file system cannot hold them (a network file
    /// system, or an overlay): `<writable>/<container id>/`. `None`: beside the container's record.
    pub writable: Option<PathBuf>,
}

/// A driver that a user may name.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Forced {
    Overlay,
    Fuse,
    Copy,
}

/// What is remembered between commands.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Remembered {
    boot_id: String,
    program: String,
    store: PathBuf,
    device: u64,
    rung: Rung,
}

/// Returns the rung for new containers: the forced one (`--storage-driver`, else CORACLE_STORAGE_DRIVER), else the best
/// that works. Makes the data folder when it is missing.
pub fn rung(paths: &Paths, forced: Option<&str>) -> Result<Rung> {
    let named = forced.map(str::to_owned).or_else(paths::forced_driver);
    let forced = named.as_deref().map(parse).transpose()?;
    if forced == Some(Forced::Copy) {
        return Ok(Rung {
            driver: Driver::Copy,
            writable: None,
        });
    }
    if forced == Some(Forced::Fuse) {
        let program = fuse_program().map_err(|cause| cannot("fuse-overlayfs", cause))?;
        return Ok(Rung {
            driver: Driver::Fuse(program),
            writable: writable_for_fuse(paths)?,
        });
    }
    let file = paths.runtime.join("host");
    let key = |rung| -> Result<Remembered> { remembered(paths, rung) };
    if let Some(known) = recall(&file)
        && key(known.rung.clone()).is_ok_and(|now| now == known)
    {
        return Ok(known.rung);
    }
    let rung = climb(paths, forced)?;
    if rung.driver == Driver::Overlay {
        // lost when it cannot be written: the next command probes again
        let _ = remember(&file, &key(rung.clone())?);
    }
    Ok(rung)
}

fn parse(name: &str) -> Result<Forced> {
    match name {
        "overlay" | "overlay2" => Ok(Forced::Overlay),
        "fuse-overlayfs" => Ok(Forced::Fuse),
        "copy" | "vfs" => Ok(Forced::Copy),
        _ => Err(
            Error::new(Kind::Usage, format!("unknown storage driver `{name}`"))
                .hint("the drivers are overlay, fuse-overlayfs and copy"),
        ),
    }
}

/// Finds the best rung by trying.
fn climb(paths: &Paths, forced: Option<Forced>) -> Result<Rung> {
    make_data(paths)?;
    let on_store = probe::ask(&paths.data, &paths.data)?;
    if forced.is_none() {
        // no rung helps then, and the reason is better told here than by the first unshare of a container
        on_store.userns.as_ref().map_err(|cause| {
            Error::new(Kind::Host, "cannot make a container on this host")
                .because(cause)
                .hint(explain_userns())
        })?;
    }
    let network = FileSystem::of(&paths.data)?.is_network();
    if on_store.overlay.is_ok() && !network {
        return Ok(Rung {
            driver: Driver::Overlay,
            writable: None,
        });
    }
    if on_store.mount.is_ok()
        && let Some(writable) = local_writable(paths)
    {
        return Ok(Rung {
            driver: Driver::Overlay,
            writable: Some(writable),
        });
    }
    if on_store.overlay.is_ok() {
        return Ok(Rung {
            driver: Driver::Overlay,
            writable: None,
        });
    }
    if forced == Some(Forced::Overlay) {
        let cause = on_store.overlay.err().unwrap_or_default();
        return Err(cannot("overlay", cause));
    }
    let driver = fuse_program().map_or(Driver::Copy, Driver::Fuse);
    Ok(Rung {
        driver,
        writable: None,
    })
}

fn cannot(driver: &str, cause: String) -> Error {
    Error::new(
        Kind::Host,
        format!("cannot use the storage driver `{driver}`"),
    )
    .because(cause)
    .hint("`coracle doctor` tells what this host allows")
}

pub(super) fn make_data(paths: &Paths) -> Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new()
        .mode(0o700)
        .recursive(true)
        .create(&paths.data)
        .context(Kind::System, || {
            format!("cannot make the store `{}`", paths.data.display())
        })
}

/// Returns a folder on this machine's own disk where overlay works over the store's layers, the first of three.
fn local_writable(paths: &Paths) -> Option<PathBuf> {
    local_candidates(paths).into_iter().find(|folder| {
        // a writable part in memory would end where memory ends
        let is_disk = FileSystem::of(folder).is_ok_and(|fs| !fs.is_network() && !fs.is_memory());
        is_disk && probe::ask(&paths.data, folder).is_ok_and(|p: Probe| p.overlay.is_ok())
    })
}

/// fuse-overlayfs writes where it is told to; only a network file system under it is avoided.
fn writable_for_fuse(paths: &Paths) -> Result<Option<PathBuf>> {
    make_data(paths)?;
    if !FileSystem::of(&paths.data)?.is_network() {
        return Ok(None);
    }
    Ok(local_candidates(paths)
        .into_iter()
        .find(|f| FileSystem::of(f).is_ok_and(|fs| !fs.is_network())))
}

/// The folders for writable parts beside the store, made where possible: private ones in /var/tmp and /tmp.
fn local_candidates(paths: &Paths) -> Vec<PathBuf> {
    let uid = nix::unistd::geteuid().as_raw();
    let tmp = ["/var/tmp", "/tmp"].map(|tmp| PathBuf::from(tmp).join(format!("coracle-{uid}")));
    let private = tmp
        .into_iter()
        .filter_map(|folder| paths::private(&folder, uid).ok());
    private
        .chain([paths.runtime.clone()])
        .map(|folder| folder.join("writable"))
        .filter(|f| make(f))
        .collect()
}

fn make(folder: &Path) -> bool {
    fs_err::create_dir_all(folder).is_ok()
}

/// Returns the `fuse-overlayfs` program, or why it cannot be used.
pub(crate) fn fuse_program() -> std::result::Result<PathBuf, String> {
    fs_err::OpenOptions::new()
        .read(true)
        .write(true)
        .open("/dev/fuse")
        .map_err(|e| format!("/dev/fuse cannot be opened: {e}"))?;
    paths::program("fuse-overlayfs")
        .ok_or_else(|| "the program fuse-overlayfs is not installed".to_owned())
}

fn remembered(paths: &Paths, rung: Rung) -> Result<Remembered> {
    Ok(Remembered {
        boot_id: crate::store::containers::boot_id(),
        program: env!("CARGO_PKG_VERSION").to_owned(),
        store: paths.data.clone(),
        device: fs_err::metadata(&paths.data)?.dev(),
        rung,
    })
}

fn recall(file: &Path) -> Option<Remembered> {
    serde_json::from_slice(&fs_err::read(file).ok()?).ok()
}

fn remember(file: &Path, what: &Remembered) -> Result<()> {
    let beside = file.with_extension(std::process::id().to_string());
    let text =
        serde_json::to_vec(what).context(Kind::System, || "cannot remember the storage driver")?;
    fs_err::write(&beside, text)?;
    Ok(fs_err::rename(&beside, file)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scratch(name: &str) -> Paths {
        let base =
            std::env::temp_dir().join(format!("coracle-storage-{}-{name}", std::process::id()));
        fs_err::create_dir_all(base.join("run")).unwrap();
        Paths {
            data: base.join("data"),
            runtime: base.join("run"),
        }
    }

    fn clean(paths: &Paths) {
        fs_err::remove_dir_all(paths.runtime.parent().unwrap()).unwrap();
    }

    #[test]
    fn names_of_drivers() {
        for (name, want) in [
            ("overlay", Some(Forced::Overlay)),
            ("overlay2", Some(Forced::Overlay)),
            ("fuse-overlayfs", Some(Forced::Fuse)),
            ("copy", Some(Forced::Copy)),
            ("vfs", Some(Forced::Copy)),
            ("btrfs", None),
            ("", None),
        ] {
            assert_eq!(parse(name).ok(), want, "{name}");
        }
    }

    #[test]
    fn a_forced_copy_is_not_probed() {
        let paths = scratch("forced");
        let rung = rung(&paths, Some("copy")).unwrap();
        assert_eq!(
            rung,
            Rung {
                driver: Driver::Copy,
                writable: None
            }
        );
        assert!(!paths.data.exists());
        clean(&paths);
    }

    #[test]
    fn a_remembered_rung_holds_for_this_boot_and_this_store_only() {
        let paths = scratch("recall");
        make_data(&paths).unwrap();
        let file = paths.runtime.join("host");
        // a rung that no probe of this machine would give, so that an answer shows where it came from
        let odd = Rung {
            driver: Driver::Overlay,
            writable: Some(PathBuf::from("/odd")),
        };
        let mut known = remembered(&paths, odd.clone()).unwrap();
        remember(&file, &known).unwrap();
        assert_eq!(rung(&paths, None).unwrap(), odd);
        assert_eq!(recall(&file).as_ref(), Some(&known));

        known.boot_id = "another boot".to_owned();
        remember(&file, &known).unwrap();
        let now = recall(&file).unwrap();
        assert!(remembered(&paths, now.rung.clone()).unwrap() != now);
        clean(&paths);
    }

    #[test]
    fn a_broken_memory_counts_as_none() {
        let paths = scratch("broken");
        let file = paths.runtime.join("host");
        assert_eq!(recall(&file), None);
        fs_err::write(&file, "{").unwrap();
        assert_eq!(recall(&file), None);
        clean(&paths);
    }
}
