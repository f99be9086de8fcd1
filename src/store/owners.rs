//! Where the recorded owner of a file is kept, and how it is found again.
//!
//! Three places, tried in this order; a file that none of them knows is root's (0:0) with its own mode:
//!
//! ```text
//! regular files, folders, device placeholders   user attribute user.coracle.ids, the text of ids.rs
//! symbolic links, FIFOs, sockets                attribute security.capability, see `Mark`
//! where neither may or can be set               the container's file `owners`, see `Sidecar`
//! ```
//! The first two live in the inode: they follow renames, hard links and an overlay's copy-up, and a kill at any line
//! leaves the old value or the new one. The third is for file systems without such attributes and for the user's own
//! trees that are mounted into a container, where we leave no attribute behind.
//!
//! A layer has its own `owners` beside its tree ([`super::ids::parse_owners`]): by path, for the same reasons.
//!
//! Whoever packs a tree asks [`owner_of`] for each entry and writes neither `user.coracle.*` nor a mark into the tar.

use std::collections::HashMap;
use std::ffi::{CStr, CString};
use std::fmt;
use std::os::fd::{AsRawFd, BorrowedFd};

use nix::errno::Errno;

use super::ids::{self, Ids, What};
use crate::sys::stat::{self, Statx};
use crate::sys::xattr;

/// The attribute that carries a [`Mark`].
pub const MARK: &CStr = c"security.capability";

/// Owner and group in the form of a file capability (vfs_ns_cap_data, capabilities(7)), on what can have no user
/// attribute. The kernel reads this attribute when a regular file is executed and never else, root of a user namespace
/// may set it on anything (Linux 4.14), and overlays copy it up; so it is the one place in a link's inode that is ours.
///
/// ```text
/// 4 bytes  revision and flags        2 (or 3, with 4 bytes more: whose namespace), no flags
/// 4 bytes  permitted,   low word     owner
/// 4 bytes  inheritable, low word     group
/// 4 bytes  permitted,   high word    0x00c0ac1e
/// 4 bytes  inheritable, high word    0
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
}

const REVISION: u32 = 0x0200_0000;
const MAGIC: u32 = 0x00c0_ac1e;

impl Mark {
    /// Returns the attribute's value.
    pub fn to_bytes(self) -> [u8; 20] {
        let mut bytes = [0; 20];
        for (at, word) in [REVISION, self.uid, self.gid, MAGIC, 0]
            .into_iter()
            .enumerate()
        {
            bytes[at * 4..at * 4 + 4].copy_from_slice(&word.to_le_bytes());
        }
        bytes
    }

    /// Returns what a value says; `None` when it is a file capability or nothing of ours.
    pub fn parse(bytes: &[u8]) -> Option<Mark> {
        if !matches!(bytes.len(), 20 | 24) {
            return None;
        }
        let mut words = bytes
            .chunks_exact(4)
            .map(|c| u32::from_le_bytes([c[0], c[1], c[2], c[3]]));
        let revision = words.next()? >> 24;
        let mark = Mark {
            uid: words.next()?,
            gid: words.next()?,
        };
        let is_ours =
            matches!(revision, 2 | 3) && words.next() == Some(MAGIC) && words.next() == Some(0);
        is_ours.then_some(mark)
    }
}

/// What kind of place a file has for its record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// `user.coracle.ids`.
    Text,
    /// [`Mark`].
    Mark,
    /// None in its inode: devices of the host's, and what is no file.
    Nowhere,
}

impl Place {
    /// By the type bits of a mode.
    pub fn of(mode: u32) -> Place {
        match mode & libc::S_IFMT {
            libc::S_IFREG | libc::S_IFDIR => Place::Text,
            libc::S_IFLNK | libc::S_IFIFO | libc::S_IFSOCK => Place::Mark,
            _ => Place::Nowhere,
        }
    }

    /// The attribute's name.
    pub fn attribute(self) -> Option<&'static CStr> {
        match self {
            Place::Text => Some(ids::NAME),
            Place::Mark => Some(MARK),
            Place::Nowhere => None,
        }
    }

    /// What an attribute's value says.
    pub fn read(self, value: &[u8]) -> Option<Ids> {
        match self {
            Place::Text => Ids::parse(value),
            Place::Mark => Mark::parse(value).map(|m| Ids {
                uid: m.uid.into(),
                gid: m.gid.into(),
                what: What::Same,
            }),
            Place::Nowhere => None,
        }
    }

    /// The attribute's value for a record.
    pub fn write(self, ids: &Ids) -> Vec<u8> {
        let narrow = |id: u64| u32::try_from(id).unwrap_or(u32::MAX - 1);
        match self {
            Place::Text => ids.to_string().into_bytes(),
            Place::Mark => Mark {
                uid: narrow(ids.uid),
                gid: narrow(ids.gid),
            }
            .to_bytes()
            .into(),
            Place::Nowhere => Vec::new(),
        }
    }
}

/// A file, known over the container's restarts: its device, its inode and, since numbers are used again, its birth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Key {
    /// Device number; 0 is the container's root's.
    pub dev: u64,
    /// Inode number.
    pub ino: u64,
    /// Seconds and nanoseconds; 0 where the file system does not tell.
    pub born: (i64, u32),
}

impl Key {
    /// The key of a file of which [`stat::EVERYTHING`] was asked.
    pub(crate) fn of(stat: &Statx) -> Key {
        let has_birth = stat.stx_mask & libc::STATX_BTIME != 0;
        Key {
            dev: nix::sys::stat::makedev(stat.stx_dev_major.into(), stat.stx_dev_minor.into()),
            ino: stat.stx_ino,
            born: match has_birth {
                true => (stat.stx_btime.tv_sec, stat.stx_btime.tv_nsec),
                false => (0, 0),
            },
        }
    }

    /// The same of a file of a container's own root: an overlay has another device number at each mount, and its upper folder
    /// yet another.
    pub(crate) fn within(self) -> Key {
        Key { dev: 0, ..self }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}:{}:{}.{:09}",
            self.dev, self.ino, self.born.0, self.born.1
        )
    }
}

/// The container's file `owners`: a line for each change, appended by one write(2); the last line of a file counts, and a
/// torn one is none.
///
/// ```text
/// 33:33 2049:827906:1764345600.123456789
/// ```
/// The record (ids.rs), a space, device, inode and birth; `0:0` takes a record away. Only entries outside of the inodes.
#[derive(Debug, Default)]
pub struct Sidecar {
    known: HashMap<Key, Ids>,
}

impl Sidecar {
    /// Its name in a container's folder.
    pub const NAME: &str = "owners";

    /// Reads the file's content.
    pub fn parse(bytes: &[u8]) -> Sidecar {
        let mut sidecar = Sidecar::default();
        for (key, ids) in bytes.split(|b| *b == b'\n').filter_map(line) {
            sidecar.set(key, ids);
        }
        sidecar
    }

    /// Returns the record of a file.
    pub fn get(&self, key: &Key) -> Option<Ids> {
        self.known.get(key).copied()
    }

    /// Sets or takes away a record, in memory; [`Sidecar::line`] is what is to be appended.
    pub fn set(&mut self, key: Key, ids: Ids) {
        if ids.is_plain() {
            self.known.remove(&key);
        } else {
            self.known.insert(key, ids);
        }
    }

    /// Says whether nothing is recorded.
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// The line that says so in the file.
    pub fn line(key: &Key, ids: &Ids) -> String {
        format!("{ids} {key}\n")
    }
}

fn line(line: &[u8]) -> Option<(Key, Ids)> {
    let (ids, key) = std::str::from_utf8(line).ok()?.split_once(' ')?;
    let mut parts = key.splitn(3, ':');
    let dev = parts.next()?.parse().ok()?;
    let ino = parts.next()?.parse().ok()?;
    let (seconds, nanoseconds) = parts.next()?.split_once('.')?;
    let key = Key {
        dev,
        ino,
        // nine digits, or the line was torn
        born: (
            seconds.parse().ok()?,
            (nanoseconds.len() == 9).then(|| nanoseconds.parse().ok())??,
        ),
    };
    Some((key, Ids::parse(ids.as_bytes())?))
}

/// Returns the record of an entry of a layer's or an upper folder's tree.
///
/// `entry`: the entry itself, opened with O_PATH and O_NOFOLLOW. Needs /proc. The mode to report is
/// [`Ids::mode`] of the file's own.
pub fn owner_of(entry: BorrowedFd<'_>, sidecar: &Sidecar) -> Result<Ids, Errno> {
    let stat = stat::statx_of(entry)?;
    let place = Place::of(stat.stx_mode.into());
    if let Some(name) = place.attribute() {
        let path = CString::new(format!("/proc/self/fd/{}", entry.as_raw_fd()))
            .expect("digits hold no zero byte");
        let mut value = [0; 64];
        let found = xattr::get_by_path(&path, name, &mut value)?;
        if let Some(ids) = found.and_then(|value| place.read(value)) {
            return Ok(ids);
        }
    }
    Ok(sidecar.get(&Key::of(&stat)).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(uid: u64, gid: u64) -> Ids {
        Ids {
            uid,
            gid,
            what: What::Same,
        }
    }

    #[test]
    fn a_mark_is_read_in_both_revisions_and_a_capability_is_none() {
        let mark = Mark {
            uid: 1000,
            gid: 4_294_967_294,
        };
        let mut bytes = mark.to_bytes().to_vec();
        assert_eq!(Mark::parse(&bytes), Some(mark));
        bytes[3] = 3;
        bytes.extend(1500u32.to_le_bytes());
        assert_eq!(Mark::parse(&bytes), Some(mark));
        // cap_net_raw=ep, as `ping` has it
        let ping = [
            1, 0, 0, 2, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        ];
        assert_eq!(Mark::parse(&ping), None);
        assert_eq!(Mark::parse(&bytes[..19]), None);
    }

    #[test]
    fn the_last_whole_line_of_a_file_counts() {
        let key = |ino| Key {
            dev: 2049,
            ino,
            born: (17, 5),
        };
        let mut text = Sidecar::line(&key(1), &ids(33, 33));
        text += &Sidecar::line(&key(2), &ids(5, 6));
        text += &Sidecar::line(&key(1), &ids(34, 0));
        text += &Sidecar::line(&key(2), &ids(0, 0));
        let torn = Sidecar::line(&key(1), &ids(99, 99));
        for cut in 0..torn.len() - 1 {
            let sidecar = Sidecar::parse(
                [text.as_bytes(), &torn.as_bytes()[..cut]]
                    .concat()
                    .as_slice(),
            );
            assert_eq!(sidecar.get(&key(1)), Some(ids(34, 0)), "{cut}");
            assert_eq!(sidecar.get(&key(2)), None);
        }
    }

    #[test]
    fn owners_are_found_in_attributes_and_beside_them() {
        let folder = std::env::temp_dir().join(format!("coracle-owners-{}", std::process::id()));
        fs_err::create_dir_all(&folder).unwrap();
        fs_err::write(folder.join("file"), "").unwrap();
        std::os::unix::fs::symlink("nowhere", folder.join("link")).unwrap();
        let open = |name: &str| {
            let path = CString::new(folder.join(name).to_str().unwrap()).unwrap();
            crate::sys::fd::open(&path, libc::O_PATH | libc::O_NOFOLLOW).unwrap()
        };
        let (file, link) = (open("file"), open("link"));
        use std::os::fd::AsFd;
        let stat = stat::statx_of(&link).unwrap();
        let mut sidecar = Sidecar::default();
        assert_eq!(owner_of(link.as_fd(), &sidecar), Ok(ids(0, 0)));
        sidecar.set(Key::of(&stat), ids(8, 9));
        assert_eq!(owner_of(link.as_fd(), &sidecar), Ok(ids(8, 9)));
        let writable = fs_err::File::open(folder.join("file")).unwrap();
        if xattr::set(&writable, ids::NAME, b"33:34").is_ok() {
            assert_eq!(owner_of(file.as_fd(), &sidecar), Ok(ids(33, 34)));
        }
        fs_err::remove_dir_all(&folder).unwrap();
    }
}
