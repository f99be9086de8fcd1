//! The files of a container by path, as its programs see them: of a running one through its own root, of another through
//! its layers, with its volumes where they are mounted.
//!
//! Links are read and followed here, below the container's root; the kernel follows none.

use std::ffi::{CStr, CString};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{OFlag, open, openat, readlinkat};
use nix::sys::stat::{Mode, fstat, futimens, mkdirat};
use nix::sys::time::TimeSpec;

use super::files::Trees;
use crate::error::{Context, Error, Kind, Result};
use crate::image::pack::owners::Owners;
use crate::image::stack::{self, Folder, Found as Entry, Part};
use crate::store::Store;
use crate::store::containers::{Found, Status};
use crate::store::ids;
use crate::sys::{process, xattr};

/// Links followed for one path, as the kernel's MAXSYMLINKS.
const MOST_LINKS: u32 = 40;

/// Number of a layer that is none: a volume.
const VOLUME: usize = usize::MAX;

const FOLDER: OFlag = OFlag::O_PATH
    .union(OFlag::O_DIRECTORY)
    .union(OFlag::O_CLOEXEC);

/// A container's files.
pub(crate) struct View {
    roots: Folder,
    /// Of each layer.
    pub(crate) owners: Vec<Owners>,
    /// The container's own tree, when it does not run: what is written goes there.
    own: Option<PathBuf>,
    /// Names of the mount point, folder or file of the host.
    volumes: Vec<(Vec<CString>, PathBuf)>,
}

/// Where a path leads.
pub(crate) struct Spot {
    /// The folder that holds it.
    pub(crate) parent: Folder,
    /// The names from the root on, without links; empty for the root.
    pub(crate) names: Vec<CString>,
    /// What is there.
    pub(crate) entry: Option<Entry>,
}

impl Spot {
    /// The path below the root, without links.
    pub(crate) fn path(&self) -> Vec<u8> {
        self.names
            .iter()
            .map(|name| name.to_bytes())
            .collect::<Vec<_>>()
            .join(&b'/')
    }
}

impl View {
    /// Opens the files of a container.
    pub(crate) fn of(store: &Store, container: &Found) -> Result<View> {
        let state = &container.state;
        if matches!(state.status, Status::Running | Status::Paused) && state.pid > 0 {
            let root = living_root(state.pid, state.pid_start)?;
            return Ok(View {
                roots: vec![Part { layer: 0, fd: root }],
                owners: Vec::new(),
                own: None,
                volumes: Vec::new(),
            });
        }
        let trees = Trees::of(store, &container.record)?;
        let volumes = container.record.mounts.iter();
        let volumes = volumes.filter(|mount| matches!(mount.kind.as_str(), "bind" | "volume"));
        Ok(View {
            roots: stack::roots(trees.shown()),
            own: Some(trees.paths[0].clone()),
            volumes: volumes
                .map(|mount| {
                    (
                        names(mount.destination.as_bytes()),
                        PathBuf::from(&mount.source),
                    )
                })
                .collect(),
            owners: trees.owners,
        })
    }

    /// Finds `path`; a link at its end is followed when `follows`. `None` when a folder on the way is missing.
    pub(crate) fn find(&self, path: &str, follows: bool) -> Option<Spot> {
        let mut way: Vec<Folder> = vec![duplicate(&self.roots)?];
        let mut seen: Vec<CString> = Vec::new();
        let mut left = names(path.as_bytes());
        left.reverse();
        let mut links = 0;
        while let Some(name) = left.pop() {
            if name.as_c_str() == c".." {
                if seen.pop().is_some() {
                    way.pop();
                }
                continue;
            }
            let is_last = left.is_empty();
            let here = way.last()?;
            let entry = self.step(here, &seen, &name);
            if let Some(Entry::Other(part, stat)) = &entry
                && stat.st_mode & libc::S_IFMT == libc::S_IFLNK
                && (!is_last || follows)
            {
                links += 1;
                if links > MOST_LINKS {
                    return None;
                }
                let target = readlinkat(&here[*part].fd, name.as_c_str())
                    .ok()?
                    .into_vec();
                if target.starts_with(b"/") {
                    way.truncate(1);
                    seen.clear();
                }
                left.extend(names(&target).into_iter().rev());
                continue;
            }
            seen.push(name);
            match entry {
                entry if is_last => {
                    return Some(Spot {
                        parent: way.pop()?,
                        names: seen,
                        entry,
                    });
                }
                Some(Entry::Folder(parts)) => way.push(parts),
                _ => return None,
            }
        }
        let here = way.pop()?;
        Some(Spot {
            parent: way.pop().unwrap_or_default(),
            names: seen,
            entry: Some(Entry::Folder(here)),
        })
    }

    fn step(&self, here: &[Part], above: &[CString], name: &CStr) -> Option<Entry> {
        let is_it = |point: &[CString]| {
            point.len() == above.len() + 1
                && point.starts_with(above)
                && point.last().is_some_and(|last| last.as_c_str() == name)
        };
        if let Some((_, source)) = self.volumes.iter().find(|(point, _)| is_it(point))
            && let Ok(fd) = open(source, FOLDER, Mode::empty())
        {
            return Some(Entry::Folder(vec![Part { layer: VOLUME, fd }]));
        }
        stack::step(here, name)
    }

    /// Returns the folder at `names`, which exists, as one that can be written into: of a container that does not run its
    /// own tree gets it, made with the modes and owners of those below.
    pub(crate) fn writable(&self, names: &[CString]) -> Result<OwnedFd> {
        let path = names
            .iter()
            .map(|n| n.to_string_lossy())
            .collect::<Vec<_>>()
            .join("/");
        let failed = || format!("cannot write into `/{path}` of the container");
        let spot = self.find(&path, false);
        let folder = match spot.and_then(|spot| spot.entry) {
            Some(Entry::Folder(parts)) => parts,
            _ => return Err(Error::new(Kind::System, failed()).because("it is gone")),
        };
        let top = &folder[0];
        match &self.own {
            Some(own) if top.layer != VOLUME => {
                self.copy_up(own, names).context(Kind::System, failed)
            }
            _ => reopen(top.fd.as_fd()).context(Kind::System, failed),
        }
    }

    fn copy_up(&self, own: &Path, names: &[CString]) -> nix::Result<OwnedFd> {
        let mut up = open(own, OFlag::O_DIRECTORY | OFlag::O_CLOEXEC, Mode::empty())?;
        let mut below = duplicate(&self.roots).ok_or(Errno::EMFILE)?;
        for name in names {
            let Some(Entry::Folder(parts)) = stack::step(&below, name) else {
                return Err(Errno::ENOENT);
            };
            let flags = OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
            up = match openat(&up, name.as_c_str(), flags, Mode::empty()) {
                Err(Errno::ENOENT) => {
                    let stat = fstat(&parts[0].fd)?;
                    let mode = Mode::from_bits_truncate(stat.st_mode & 0o7777);
                    mkdirat(&up, name.as_c_str(), mode | Mode::S_IRWXU)?;
                    let made = openat(&up, name.as_c_str(), flags, Mode::empty())?;
                    nix::sys::stat::fchmod(&made, mode | Mode::S_IRWXU)?;
                    if let Some(record) = xattr::get(reopen(parts[0].fd.as_fd())?, ids::NAME)? {
                        xattr::set(&made, ids::NAME, &record)?;
                    }
                    let time = TimeSpec::new(stat.st_mtime, stat.st_mtime_nsec);
                    futimens(&made, &time, &time)?;
                    made
                }
                opened => opened?,
            };
            below = parts;
        }
        Ok(up)
    }
}

/// The root of a living process; it is no other process that has its number now.
pub(super) fn living_root(pid: i32, start: u64) -> Result<OwnedFd> {
    let failed = || "cannot look into the container";
    let _alive = process::open_pid(pid, start)?
        .ok_or_else(|| Error::new(Kind::State, failed()).because("it has just ended"))?;
    let path = PathBuf::from(format!("/proc/{pid}/root"));
    let root = open(&path, FOLDER, Mode::empty());
    match process::open_pid(pid, start)? {
        Some(_) => root.context(Kind::System, failed),
        None => Err(Error::new(Kind::State, failed()).because("it has just ended")),
    }
}

fn reopen(folder: std::os::fd::BorrowedFd<'_>) -> nix::Result<OwnedFd> {
    openat(
        folder,
        c".",
        OFlag::O_DIRECTORY | OFlag::O_RDONLY | OFlag::O_CLOEXEC,
        Mode::empty(),
    )
}

fn duplicate(folder: &[Part]) -> Option<Folder> {
    let part = |part: &Part| {
        let fd = part.fd.try_clone().ok()?;
        Some(Part {
            layer: part.layer,
            fd,
        })
    };
    folder.iter().map(part).collect()
}

/// The names of a path; `.` is none.
pub(crate) fn names(path: &[u8]) -> Vec<CString> {
    let names = path
        .split(|b| *b == b'/')
        .filter(|name| !matches!(*name, b"" | b"."));
    names.filter_map(|name| CString::new(name).ok()).collect()
}
