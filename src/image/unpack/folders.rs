//! The folders of a tree by path, opened once each and below the root alone.
//!
//! The cache is emptied whenever something that exists is replaced: a path may then lead elsewhere.

use std::collections::HashMap;
use std::ffi::CString;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::rc::Rc;

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, OFlag, openat, readlinkat};
use nix::sys::stat::Mode;

use crate::sys::SysError;
use crate::sys::path::{Links, make_folders, open_in_root};

/// Folders held open; eight layers at once must stay below the usual limit of 1,024 descriptors.
const MOST: usize = 96;

/// Mode of a folder that no entry names, as docker makes it.
const IMPLIED: Mode = Mode::from_bits_truncate(0o755);

/// An open folder (O_PATH).
#[derive(Debug)]
pub(crate) struct Folder {
    fd: OwnedFd,
    /// Where it really lies, when links led to it.
    real: Option<Vec<u8>>,
}

impl Folder {
    /// Says whether its path led through links.
    pub(super) fn is_linked(&self) -> bool {
        self.real.is_some()
    }

    /// Returns the real path of `name` in it; `path` is how it was called.
    pub(super) fn real_path(&self, path: &[u8]) -> Vec<u8> {
        let name = crate::image::tar::split(path).1;
        match &self.real {
            None => path.to_vec(),
            Some(folder) if folder.is_empty() => name.to_vec(),
            Some(folder) => [&folder[..], b"/", name].concat(),
        }
    }
}

impl AsFd for Folder {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// The cache.
#[derive(Debug)]
pub(crate) struct Folders {
    root: OwnedFd,
    known: HashMap<Vec<u8>, Rc<Folder>>,
    implied: u64,
}

impl Folders {
    /// Returns the cache over the tree `root`.
    pub(crate) fn new(root: OwnedFd) -> Folders {
        Folders {
            root,
            known: HashMap::new(),
            implied: 0,
        }
    }

    /// Returns the folder at `path`; ENOENT when there is none.
    pub(crate) fn find(&mut self, path: &[u8]) -> nix::Result<Rc<Folder>> {
        if let Some(folder) = self.known.get(path) {
            return Ok(folder.clone());
        }
        let flags = OFlag::O_PATH | OFlag::O_DIRECTORY;
        let open = |links| {
            open_in_root(self.root.as_fd(), path, flags, Mode::empty(), links).map_err(errno)
        };
        let folder = match open(Links::Refuse) {
            Ok(fd) => Folder { fd, real: None },
            Err(Errno::ELOOP) => {
                let fd = open(Links::Follow)?;
                let real = self.real(fd.as_fd()).unwrap_or_else(|| path.to_vec());
                Folder {
                    fd,
                    real: Some(real),
                }
            }
            Err(e) => return Err(e),
        };
        if self.known.len() >= MOST {
            self.known.clear();
        }
        let folder = Rc::new(folder);
        self.known.insert(path.to_vec(), folder.clone());
        Ok(folder)
    }

    /// Returns the folder at `path`, made with what is missing of it.
    pub(super) fn get(&mut self, path: &[u8]) -> nix::Result<Rc<Folder>> {
        match self.find(path) {
            Err(Errno::ENOENT) => {
                make_folders(self.root.as_fd(), path, IMPLIED).map_err(errno)?;
                // a bound, not a count: most of them may have been there
                self.implied += 1 + path.iter().filter(|b| **b == b'/').count() as u64;
                self.find(path)
            }
            result => result,
        }
    }

    /// Returns at most how many folders were made that no entry named.
    pub(super) fn implied(&self) -> u64 {
        self.implied
    }

    /// Opens what is at `path` for reading; the last name is not followed.
    pub(super) fn open(&self, path: &[u8], flags: OFlag) -> nix::Result<OwnedFd> {
        let flags = flags | OFlag::O_RDONLY | OFlag::O_NOFOLLOW;
        open_in_root(self.root.as_fd(), path, flags, Mode::empty(), Links::Follow).map_err(errno)
    }

    /// Forgets all, since something was replaced.
    pub(crate) fn forget(&mut self) {
        self.known.clear();
    }

    /// Where a folder lies below the root, from /proc.
    fn real(&self, folder: BorrowedFd<'_>) -> Option<Vec<u8>> {
        let path = |fd: BorrowedFd<'_>| {
            let link = CString::new(format!("/proc/self/fd/{}", fd.as_raw_fd())).ok()?;
            readlinkat(AT_FDCWD, link.as_c_str()).ok()
        };
        let (root, folder) = (path(self.root.as_fd())?, path(folder)?);
        let below = folder.as_bytes().strip_prefix(root.as_bytes())?;
        Some(below.strip_prefix(b"/").unwrap_or(below).to_vec())
    }
}

fn errno(e: SysError) -> Errno {
    e.errno()
}

/// Opens a folder's entry again for listing and attributes.
pub(super) fn reopen(folder: BorrowedFd<'_>) -> nix::Result<OwnedFd> {
    openat(
        folder,
        c".",
        OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC,
        Mode::empty(),
    )
}
