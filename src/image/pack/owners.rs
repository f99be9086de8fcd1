//! What a file of a tree really is: type, mode and owner as recorded (store/ids.rs), where the file itself does not show
//! them.

use std::collections::BTreeMap;
use std::ffi::{CStr, CString};
use std::os::fd::BorrowedFd;
use std::path::Path;

use nix::sys::stat::FileStat;

use crate::image::capabilities;
use crate::image::tar::EntryType;
use crate::store::ids::{self, Ids, What};
use crate::sys::{overlay, xattr};

/// The sidecar records of one tree: owners of what has no attributes, by path.
#[derive(Debug, Default)]
pub(crate) struct Owners(BTreeMap<Vec<u8>, Ids>);

impl Owners {
    /// Reads the file `owners` beside a tree; none is as good as an empty one.
    pub(crate) fn beside(tree: &Path) -> Owners {
        let bytes = std::fs::read(tree.with_file_name("owners")).unwrap_or_default();
        Owners(
            ids::parse_owners(&bytes)
                .map(|(path, ids)| (path.to_vec(), ids))
                .collect(),
        )
    }

    fn get(&self, path: &[u8]) -> Option<Ids> {
        self.0.get(path).copied()
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
    /// Its record does not lie on the file itself.
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
    let mut record = owners.get(path);
    meta.is_aside = record.is_some();
    // the kernel has no user attributes on anything else
    if matches!(kind, EntryType::File | EntryType::Folder) {
        for attribute in xattr::list_at(at, name)? {
            let bytes = attribute.to_bytes();
            if attribute.as_c_str() == ids::NAME {
                let value = xattr::get_at(at, name, ids::NAME)?;
                record = value.as_deref().and_then(Ids::parse).or(record);
            } else if bytes == capabilities::NAME {
                let value = xattr::get_at(at, name, &attribute)?;
                meta.capability = value.as_deref().and_then(capabilities::portable);
            } else if bytes.starts_with(b"user.overlay.")
                || bytes.starts_with(b"user.fuseoverlayfs.")
            {
                meta.marks.push(attribute);
            }
        }
    }
    if let Some(ids) = record {
        apply(&mut meta, ids);
    }
    Ok(Some(meta))
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
