//! The image `host`: the machine's own root with a throw-away layer over it. Try anything, nothing is changed.
//!
//! What the kernel takes, measured on Linux 6.18 as a plain user in a user namespace:
//! - overlay with `lowerdir=/` is refused (EINVAL, "failed to clone lowerpath"): the mounts below `/` are locked there.
//!   A folder with no mount below it is taken, so each folder of `/` gets an overlay of its own.
//! - an upper layer inside the lower folder is refused (ELOOP), so the overlay of the folder that holds the store has its
//!   upper layer on another one (`/var/tmp`).
//! - files of root's show as nobody's. A folder of root's cannot be written to (EACCES) and neither it nor its files can
//!   be copied up (EOVERFLOW). But a folder that is there in the upper layer too has the upper one's owner: files in it can
//!   be made, replaced and deleted. So the upper layers get the same folders three levels down before the first start
//!   (1,800 folders: 20 ms), and /etc, whose files people edit in place, is copied whole.
//!
//! /proc, /sys and /dev are the container's; /run, /tmp and folders that the user may not read begin empty; a folder with
//! mounts below is shown read-only.

use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use crate::container::plan::{Mount, Source, Submounts};
use crate::error::Result;
use crate::image::config::{ContainerConfig, ImageConfig};
use crate::store::containers::Record;
use crate::store::paths::Paths;

/// The word that means it, in place of an image's name, as the record's image id, and as its driver.
pub(crate) const NAME: &str = "host";

/// Made by the container's own setup.
const OF_THE_CONTAINER: [&str; 3] = ["proc", "sys", "dev"];

/// Begin empty: sockets and other people's temporary files are nothing to try things on.
const EMPTY: [&str; 2] = ["run", "tmp"];

/// Folders that get a writable twin down to this level.
const LEVELS: u32 = 3;

/// Larger files of /etc are not copied.
const LARGEST: u64 = 1 << 20;

/// Returns the image's configuration: a shell.
pub(crate) fn image() -> ImageConfig {
    let architecture = if cfg!(target_arch = "aarch64") {
        "arm64"
    } else {
        "amd64"
    };
    ImageConfig {
        architecture: architecture.to_owned(),
        os: "linux".to_owned(),
        config: ContainerConfig {
            cmd: Some(vec!["/bin/sh".to_owned()]),
            ..ContainerConfig::default()
        },
        ..ImageConfig::default()
    }
}

/// What becomes of one entry of `/`.
#[derive(Debug, PartialEq)]
enum Part {
    /// The same symbolic link.
    Link(PathBuf),
    /// An empty folder with this mode.
    Empty(u32),
    /// The folder with a writable layer in `<base>/upper` and `<base>/work`.
    Overlay(PathBuf),
    /// The folder as it is, read-only.
    ReadOnly,
}

/// Returns where the upper layer of the folder that holds the store lies; the record's `writable`.
pub(crate) fn elsewhere(paths: &Paths, id: &str) -> Option<PathBuf> {
    let top = top_of(&paths.data)?;
    ["/var/tmp", "/tmp"]
        .map(Path::new)
        .into_iter()
        .find(|d| top_of(d).is_some_and(|t| t != top) && d.is_dir())
        .map(|d| d.join(format!("coracle-{id}")))
}

/// Returns the trees that hold the container's files, for a look at its users.
pub(crate) fn stack(record: &Record, paths: &Paths) -> Vec<PathBuf> {
    vec![dir(record, paths).join("upper"), "/".into()]
}

/// Makes the root's skeleton and the upper layers.
pub(super) fn prepare(record: &Record, paths: &Paths) -> Result<()> {
    let root = dir(record, paths).join("root");
    if let Some(elsewhere) = &record.writable {
        // In a folder that is everybody's: made here, by us, or not at all.
        std::fs::DirBuilder::new().mode(0o700).create(elsewhere)?;
    }
    for (name, part) in parts(record, paths)? {
        let at = root.join(&name);
        match part {
            Part::Link(target) => std::os::unix::fs::symlink(target, at)?,
            Part::Empty(mode) => std::fs::DirBuilder::new().mode(mode).create(&at)?,
            Part::ReadOnly => fs_err::create_dir(at)?,
            Part::Overlay(base) => {
                fs_err::create_dir(at)?;
                fs_err::create_dir_all(base.join("work").join(&name))?;
                let upper = base.join("upper").join(&name);
                fs_err::create_dir_all(&upper)?;
                let how = if name == "etc" {
                    Twin::WithFiles
                } else {
                    Twin::Folders(LEVELS - 1)
                };
                twin(&Path::new("/").join(&name), &upper, how);
            }
        }
    }
    // Sticky for all, which the mask of the caller may have taken away.
    fs_err::set_permissions(
        root.join("tmp"),
        std::os::unix::fs::PermissionsExt::from_mode(0o1777),
    )?;
    Ok(())
}

/// Returns the mounts of the host's folders.
pub(crate) fn mounts(record: &Record, paths: &Paths) -> Result<Vec<Mount>> {
    let one = |(name, part): (String, Part)| {
        let path = Path::new("/").join(&name);
        let source = match &part {
            Part::Overlay(base) => Source::Overlay {
                lower: vec![path.clone()],
                upper: base.join("upper").join(&name),
                work: base.join("work").join(&name),
            },
            Part::ReadOnly => Source::Bind {
                path: path.clone(),
                below: String::new(),
                copy_up: false,
            },
            Part::Link(_) | Part::Empty(_) => return None,
        };
        let read_only = part == Part::ReadOnly;
        let destination = path.to_string_lossy().into_owned();
        Some(Mount {
            destination,
            source,
            read_only,
            flags: 0,
            submounts: if read_only {
                Submounts::Same
            } else {
                Submounts::Absent
            },
            propagation: 0,
        })
    };
    Ok(parts(record, paths)?.into_iter().filter_map(one).collect())
}

fn parts(record: &Record, paths: &Paths) -> Result<Vec<(String, Part)>> {
    let own = dir(record, paths);
    let mounts = fs_err::read_to_string("/proc/self/mountinfo")?;
    let mut out = Vec::new();
    for entry in fs_err::read_dir("/")?.flatten() {
        let Ok(name) = entry.file_name().into_string() else {
            continue;
        };
        let Ok(kind) = entry.file_type() else {
            continue;
        };
        if OF_THE_CONTAINER.contains(&name.as_str()) || name == "lost+found" {
            continue;
        }
        if kind.is_symlink() {
            out.push((name, Part::Link(fs_err::read_link(entry.path())?)));
        } else if kind.is_dir() {
            let part = folder(&name, &mounts, &own, record.writable.as_deref());
            out.push((name, part));
        }
    }
    out.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(out)
}

fn folder(name: &str, mountinfo: &str, own: &Path, elsewhere: Option<&Path>) -> Part {
    use nix::unistd::{AccessFlags, access};
    let path = Path::new("/").join(name);
    if EMPTY.contains(&name) {
        return Part::Empty(if name == "tmp" { 0o1777 } else { 0o755 });
    }
    if access(&path, AccessFlags::R_OK | AccessFlags::X_OK).is_err() {
        return Part::Empty(0o700);
    }
    let below = format!("{}/", path.display());
    let has_mounts = mountinfo
        .lines()
        .filter_map(|l| l.split(' ').nth(4))
        .any(|at| at.starts_with(&below));
    let base = if own.starts_with(&path) {
        elsewhere
    } else {
        Some(own)
    };
    match base {
        Some(base) if !has_mounts && !base.starts_with(&path) => Part::Overlay(base.to_owned()),
        _ => Part::ReadOnly,
    }
}

/// How much of a folder the upper layer gets before the start.
#[derive(Clone, Copy)]
enum Twin {
    /// Folders, this many levels down.
    Folders(u32),
    /// Everything.
    WithFiles,
}

/// Makes the folders of root's in `from` in `to` too. What cannot be read or made stays as it is on the host: read-only.
fn twin(from: &Path, to: &Path, how: Twin) {
    let Ok(entries) = fs_err::read_dir(from) else {
        return;
    };
    for entry in entries.flatten() {
        let (Ok(meta), name) = (entry.metadata(), entry.file_name()) else {
            continue;
        };
        // The user's own need no twin, and others' are none of ours to change.
        if meta.uid() != 0 {
            continue;
        }
        let inner = match how {
            Twin::Folders(0) => continue,
            Twin::Folders(n) => Twin::Folders(n - 1),
            Twin::WithFiles => Twin::WithFiles,
        };
        let at = to.join(&name);
        if meta.is_dir() {
            let mode = meta.mode() & 0o777 | 0o700;
            if std::fs::DirBuilder::new().mode(mode).create(&at).is_ok() {
                twin(&entry.path(), &at, inner);
            }
        } else if matches!(how, Twin::WithFiles) && meta.is_file() && meta.len() <= LARGEST {
            // A file that only root may read stays root's.
            let _ = std::fs::copy(entry.path(), &at);
        }
    }
}

fn dir(record: &Record, paths: &Paths) -> PathBuf {
    paths.data.join("containers").join(&record.id)
}

/// The first folder of an absolute path.
fn top_of(path: &Path) -> Option<PathBuf> {
    path.components().nth(1).map(|c| Path::new("/").join(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_folder_of_the_root_is_shown_as_the_kernel_allows() {
        let mountinfo = "20 1 8:1 / / rw - ext4 x rw\n21 20 0:5 / /proc rw - proc p rw\n22 20 8:2 / /var/lib/x rw - ext4 y rw\n\
                         23 20 8:3 / /usr rw - ext4 z rw\n";
        let own = Path::new("/home/u/.local/share/coracle/containers/1");
        let alt = Path::new("/var/tmp/coracle-1");
        let of = |name: &str, alt: Option<&Path>| folder(name, mountinfo, own, alt);
        assert_eq!(of("usr", Some(alt)), Part::Overlay(own.to_owned()));
        assert_eq!(of("home", Some(alt)), Part::Overlay(alt.to_owned()));
        assert_eq!(of("home", None), Part::ReadOnly);
        assert_eq!(of("var", Some(alt)), Part::ReadOnly);
        assert_eq!(of("tmp", Some(alt)), Part::Empty(0o1777));
    }

    #[test]
    fn the_layer_over_the_stores_own_folder_lies_on_another() {
        let at = |data: &str| {
            elsewhere(
                &Paths {
                    data: data.into(),
                    runtime: "/r".into(),
                },
                "1",
            )
        };
        assert_eq!(at("/home/u/x"), Some("/var/tmp/coracle-1".into()));
        assert_eq!(at("/var/lib/x"), Some("/tmp/coracle-1".into()));
    }
}
