//! A stack of layer trees seen as one, without mounting it: the rules of overlayfs by folder descriptors. The uppermost may be a
//! container's own, with marks of fuse-overlayfs: files `.wh.NAME` and `.wh..wh..opq`, which no layer has.
//!
//! No link of a layer is ever followed here, so nothing that an image holds can lead out of its layers.

use std::collections::BTreeSet;
use std::ffi::{CStr, CString};
use std::os::fd::OwnedFd;
use std::path::PathBuf;

use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, open, openat};
use nix::sys::stat::{FileStat, Mode, fstatat};

use crate::sys::{copy, overlay};

/// A folder's part in one layer.
#[derive(Debug)]
pub(crate) struct Part {
    /// Number of the layer, 0 the uppermost.
    pub(crate) layer: usize,
    /// Opened with O_PATH.
    pub(crate) fd: OwnedFd,
}

/// One folder as a container sees it: its part in each layer that has one, the uppermost first.
pub(crate) type Folder = Vec<Part>;

/// What the stack has under a name.
#[derive(Debug)]
pub(crate) enum Found {
    /// A folder, merged.
    Folder(Folder),
    /// Anything else: the index of its part in the folder asked, and what it is.
    Other(usize, FileStat),
}

const FOLDER: OFlag = OFlag::O_PATH
    .union(OFlag::O_DIRECTORY)
    .union(OFlag::O_NOFOLLOW)
    .union(OFlag::O_CLOEXEC);

/// Opens the roots of `trees`, the uppermost first; a missing tree counts as empty. A tree whose root hides what is
/// below it (an opaque mark at the root of a layer) is the last one.
pub(crate) fn roots(trees: &[PathBuf]) -> Folder {
    let mut parts = Folder::new();
    for (layer, tree) in trees.iter().enumerate() {
        let Ok(fd) = open(tree, FOLDER & !OFlag::O_NOFOLLOW, Mode::empty()) else {
            continue;
        };
        let is_last = overlay::is_opaque(&fd);
        parts.push(Part { layer, fd });
        if is_last {
            break;
        }
    }
    parts
}

/// Looks one name up the way that overlayfs does: the uppermost layer that has it decides; folders merge down to the
/// first one that is opaque or to a layer that has something else there.
pub(crate) fn step(folder: &[Part], name: &CStr) -> Option<Found> {
    let mut parts = Folder::new();
    for (index, dir) in folder.iter().enumerate() {
        let stat = match fstatat(&dir.fd, name, AtFlags::AT_SYMLINK_NOFOLLOW) {
            Ok(stat) => stat,
            Err(Errno::ENOENT) if is_marked(dir, &[b".wh.", name.to_bytes()].concat()) => break,
            Err(Errno::ENOENT) => continue,
            Err(_) => break,
        };
        match stat.st_mode & libc::S_IFMT {
            _ if overlay::is_whiteout(&stat) => break,
            libc::S_IFDIR => {
                let fd = openat(&dir.fd, name, FOLDER, Mode::empty()).ok()?;
                let layer = dir.layer;
                let part = Part { layer, fd };
                let is_last = index + 1 == folder.len()
                    || overlay::is_opaque(&part.fd)
                    || is_marked(&part, b".wh..wh..opq");
                parts.push(part);
                if is_last {
                    break;
                }
            }
            _ if !parts.is_empty() => break,
            _ => return Some(Found::Other(index, stat)),
        }
    }
    (!parts.is_empty()).then_some(Found::Folder(parts))
}

/// Whether the uppermost layer has a mark of this name there.
fn is_marked(part: &Part, mark: &[u8]) -> bool {
    let flags = AtFlags::AT_SYMLINK_NOFOLLOW;
    part.layer == 0 && CString::new(mark).is_ok_and(|mark| fstatat(&part.fd, &*mark, flags).is_ok())
}

/// Returns the names in a folder, those that a whiteout hides left out.
pub(crate) fn names(folder: &[Part]) -> nix::Result<BTreeSet<CString>> {
    let mut shown = BTreeSet::new();
    let mut hidden = BTreeSet::new();
    for part in folder {
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let dir = openat(&part.fd, c".", flags, Mode::empty())?;
        let mut marked = Vec::new();
        for name in copy::entries(std::os::fd::AsFd::as_fd(&dir))? {
            let stat = fstatat(&dir, name.as_c_str(), AtFlags::AT_SYMLINK_NOFOLLOW)?;
            if let Some(below) = name.to_bytes().strip_prefix(b".wh.") {
                marked.extend(CString::new(below));
            } else if shown.contains(&name) || hidden.contains(&name) {
            } else if overlay::is_whiteout(&stat) {
                hidden.insert(name);
            } else {
                shown.insert(name);
            }
        }
        hidden.extend(marked);
    }
    Ok(shown)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::scratch::Scratch;

    /// What fuse-overlayfs leaves where it can make no device nodes.
    #[test]
    fn marks_of_fuse_overlayfs_hide_what_is_below() {
        let s = Scratch::new();
        let trees = [s.store.data("upper"), s.store.data("lower")];
        for (tree, files) in [
            (
                &trees[0],
                &[".wh.gone", "there", "d/.wh..wh..opq", "d/new", "e/.wh.old"][..],
            ),
            (&trees[1], &["gone", "there", "d/old", "e/old", "e/kept"]),
        ] {
            for file in files {
                let path = tree.join(file);
                fs_err::create_dir_all(path.parent().unwrap()).unwrap();
                fs_err::write(path, "").unwrap();
            }
        }
        let roots = roots(&trees);
        let names_of = |folder: &[Part]| -> Vec<String> {
            let names = names(folder).unwrap().into_iter();
            names.map(|n| n.into_string().unwrap()).collect()
        };
        let inside = |name: &CStr| match step(&roots, name) {
            Some(Found::Folder(parts)) => parts,
            other => panic!("{other:?}"),
        };
        assert_eq!(names_of(&roots), ["d", "e", "there"]);
        assert!(step(&roots, c"gone").is_none());
        assert!(matches!(step(&roots, c"there"), Some(Found::Other(0, _))));
        assert_eq!(names_of(&inside(c"d")), ["new"]);
        assert_eq!(names_of(&inside(c"e")), ["kept"]);
        assert!(step(&inside(c"e"), c"old").is_none());
    }
}
