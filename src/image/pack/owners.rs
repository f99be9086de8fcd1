//! What a file of a tree really is: type, mode and owner as recorded (store/ids.rs, store/owners.rs), where the file
//! itself does not show them.

use std::collections::BTreeMap;
use std::ffi::{CStr, CString};
use std::os::fd::BorrowedFd;
use std::path::Path;

use nix::errno::Errno;
use nix::sys::stat::FileStat;

use super::open::while_readable;
use crate::image::capabilities;
use crate::image::tar::EntryType;
use crate::store::ids::{self, Ids, What};
use crate::store::owners::{Key, Place, Sidecar};
use crate::sys::{overlay, stat, xattr};

/// The records of one tree that do not lie on the files themselves.
#[derive(Debug, Default)]
pub(crate) struct Owners {
    /// A layer's: by path.
    paths: BTreeMap<Vec<u8>, Ids>,
    /// A container's: by inode.
    files: Sidecar,
    /// Whose the files without a record are that no lower tree has: of a program that natively is another than root.
    makers: Option<[u32; 2]>,
}

impl Owners {
    /// Reads the file `owners` beside the tree of a layer; none is as good as an empty one.
    pub(crate) fn beside(tree: &Path) -> Owners {
        let bytes = std::fs::read(tree.with_file_name("owners")).unwrap_or_default();
        let paths = ids::parse_owners(&bytes).map(|(path, ids)| (path.to_vec(), ids));
        Owners {
            paths: paths.collect(),
            ..Owners::default()
        }
    }

    /// Reads that of the container whose folder is `folder`.
    pub(crate) fn of_container(folder: &Path) -> Owners {
        let bytes = std::fs::read(folder.join(Sidecar::NAME)).unwrap_or_default();
        Owners {
            files: Sidecar::parse(&bytes),
            ..Owners::default()
        }
    }

    /// Says who made what has no record: a user and a group.
    pub(crate) fn made_by(&mut self, makers: Option<[u32; 2]>) {
        self.makers = makers;
    }

    /// Tells the owner of something that no lower tree has.
    pub(super) fn of_new(&self, meta: &mut Meta) {
        if let (false, Some([uid, gid])) = (meta.is_recorded, self.makers) {
            (meta.uid, meta.gid) = (uid.into(), gid.into());
        }
    }

    fn get(&self, at: BorrowedFd<'_>, name: &CStr, path: &[u8]) -> nix::Result<Option<Ids>> {
        if let Some(ids) = self.paths.get(path) {
            return Ok(Some(*ids));
        }
        if self.files.is_empty() {
            return Ok(None);
        }
        let stat = stat::statx(at, name, libc::AT_SYMLINK_NOFOLLOW, stat::EVERYTHING)?;
        let key = Key::of(&stat);
        Ok((self.files.get(&key.within())).or_else(|| self.files.get(&key)))
    }
}

/// What something in a tree is, as a tar would say it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Meta {
    pub(crate) kind: EntryType,
    /// 12 bits.
    pub(crate) mode: u32,
    pub(crate) uid: u64,
    pub(crate) gid: u64,
    pub(crate) major: u32,
    pub(crate) minor: u32,
    pub(crate) size: u64,
    pub(crate) mtime: (i64, u32),
    /// Its inode when it has several names and is no folder.
    pub(crate) inode: Option<u64>,
    /// File capabilities, in the form that a tar has.
    pub(crate) capability: Option<Vec<u8>>,
    /// Owner and mode are recorded.
    pub(crate) is_recorded: bool,
    /// The record does not lie on the file itself.
    pub(crate) is_aside: bool,
    /// Attributes that an overlay or a FUSE one left on it.
    pub(crate) marks: Vec<CString>,
}

/// Reads what `name` in the folder `at` is; `None` for a socket, which no tar holds. `path` is where it lies below the
/// tree of `owners`.
pub(crate) fn meta(
    at: BorrowedFd<'_>,
    name: &CStr,
    stat: &FileStat,
    path: &[u8],
    owners: &Owners,
) -> nix::Result<Option<Meta>> {
    let Some(kind) = kind(stat) else {
        return Ok(None);
    };
    let mut meta = Meta {
        kind,
        mode: stat.st_mode & 0o7777,
        size: if kind == EntryType::File {
            stat.st_size as u64
        } else {
            0
        },
        mtime: (stat.st_mtime, stat.st_mtime_nsec as u32),
        inode: (kind != EntryType::Folder && stat.st_nlink > 1).then_some(stat.st_ino),
        ..Meta::default()
    };
    if matches!(kind, EntryType::Char | EntryType::Block) {
        meta.major = libc::major(stat.st_rdev);
        meta.minor = libc::minor(stat.st_rdev);
    }
    let mut record = owners.get(at, name, path)?;
    meta.is_aside = record.is_some();
    let place = Place::of(stat.st_mode);
    for attribute in xattr::list_at(at, name)? {
        let bytes = attribute.to_bytes();
        if Some(attribute.as_c_str()) == place.attribute() {
            let value = value_of(at, name, &attribute)?;
            if let Some(ids) = value.as_deref().and_then(|value| place.read(value)) {
                (record, meta.is_aside) = (Some(ids), false);
            }
        } else if bytes == capabilities::NAME && kind == EntryType::File {
            let value = value_of(at, name, &attribute)?;
            meta.capability = value.as_deref().and_then(capabilities::portable);
        } else if bytes.starts_with(b"user.overlay.") || bytes.starts_with(b"user.fuseoverlayfs.") {
            meta.marks.push(attribute);
        }
    }
    if let Some(ids) = record {
        meta.is_recorded = true;
        apply(&mut meta, ids);
    }
    Ok(Some(meta))
}

/// An attribute of the user's is read by who may read the file, and a container's program may have taken that away.
fn value_of(at: BorrowedFd<'_>, name: &CStr, attribute: &CStr) -> nix::Result<Option<Vec<u8>>> {
    match xattr::get_at(at, name, attribute) {
        Err(Errno::EACCES) => while_readable(at, name, |path| {
            let mut room = [0; 256];
            let value = xattr::get_by_path(path, attribute, &mut room)?;
            Ok(value.map(<[u8]>::to_vec))
        }),
        value => value,
    }
}

fn kind(stat: &FileStat) -> Option<EntryType> {
    Some(match stat.st_mode & libc::S_IFMT {
        libc::S_IFREG => EntryType::File,
        libc::S_IFDIR => EntryType::Folder,
        libc::S_IFLNK => EntryType::Symlink,
        libc::S_IFIFO => EntryType::Fifo,
        libc::S_IFCHR if !overlay::is_whiteout(stat) => EntryType::Char,
        libc::S_IFBLK => EntryType::Block,
        _ => return None,
    })
}

fn apply(meta: &mut Meta, ids: Ids) {
    (meta.uid, meta.gid) = (ids.uid, ids.gid);
    match ids.what {
        What::Same => {}
        What::File(mode) | What::Folder(mode) => meta.mode = mode,
        What::Device {
            is_char,
            major,
            minor,
            mode,
        } => {
            meta.kind = if is_char {
                EntryType::Char
            } else {
                EntryType::Block
            };
            (meta.major, meta.minor, meta.size) = (major, minor, 0);
            meta.mode = mode.unwrap_or(meta.mode);
        }
    }
}
