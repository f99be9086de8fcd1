//! Paths that others wrote, resolved below a root and never out of it.
//!
//! openat2(2) with RESOLVE_IN_ROOT (Linux 5.6) does it in one call: `..` stops at the root, links are read as if the root
//! were `/`. Where the call is missing or forbidden, and for paths longer than the kernel takes, the same walk is done
//! here, folder by folder, with O_NOFOLLOW. Both refuse /proc's magic links.

use std::ffi::{CStr, CString};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;

use nix::errno::Errno;
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, openat, openat2, readlinkat};
use nix::sys::stat::{Mode, fchmod, fstat, mkdirat};

use super::{Result, SysError};

/// Links that one path may lead through, the kernel's MAXSYMLINKS.
const MOST_LINKS: usize = 40;
/// Tries of a walk that renames elsewhere disturb (openat2(2), EAGAIN).
const TRIES: usize = 64;

const FOLDER: OFlag = OFlag::O_PATH
    .union(OFlag::O_DIRECTORY)
    .union(OFlag::O_NOFOLLOW)
    .union(OFlag::O_CLOEXEC);

/// What to do with links on the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Links {
    /// They are followed, below the root.
    Follow,
    /// They are an error: ELOOP.
    Refuse,
}

/// Opens `path` as a program would whose root directory is `root`; always close-on-exec.
///
/// `mode` matters with O_CREAT. An empty path is the root itself. `path` may be longer than PATH_MAX.
pub(crate) fn open_in_root(
    root: BorrowedFd<'_>,
    path: &[u8],
    flags: OFlag,
    mode: Mode,
    links: Links,
) -> Result<OwnedFd> {
    let flags = flags | OFlag::O_CLOEXEC;
    if path.len() < libc::PATH_MAX as usize {
        match in_one_call(root, path, flags, mode, links) {
            Err(Errno::ENOSYS | Errno::EPERM | Errno::E2BIG) => {}
            result => return result.map_err(|e| failed(path, e)),
        }
    }
    walk(root, path, flags, mode, links, None).map_err(|e| failed(path, e))
}

/// Opens (O_PATH) the folder `path` below `root`, and makes what is missing of it with `mode`, whatever the umask. A
/// link that leads to nothing is followed, and what it names is made.
pub(crate) fn make_folders(root: BorrowedFd<'_>, path: &[u8], mode: Mode) -> Result<OwnedFd> {
    let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    walk(root, path, flags, Mode::empty(), Links::Follow, Some(mode)).map_err(|e| failed(path, e))
}

fn in_one_call(
    root: BorrowedFd<'_>,
    path: &[u8],
    flags: OFlag,
    mode: Mode,
    links: Links,
) -> nix::Result<OwnedFd> {
    let mut resolve = ResolveFlag::RESOLVE_IN_ROOT | ResolveFlag::RESOLVE_NO_MAGICLINKS;
    if links == Links::Refuse {
        resolve |= ResolveFlag::RESOLVE_NO_SYMLINKS;
    }
    let mode = if flags.contains(OFlag::O_CREAT) {
        mode
    } else {
        Mode::empty()
    };
    let how = OpenHow::new().flags(flags).mode(mode).resolve(resolve);
    let path = if path.is_empty() { b"." } else { path };
    for _ in 1..TRIES {
        match openat2(root, path, how) {
            Err(Errno::EAGAIN | Errno::EINTR) => {}
            result => return result,
        }
    }
    openat2(root, path, how)
}

/// The walk by hand. `make`: the mode of folders to make where one is missing.
fn walk(
    root: BorrowedFd<'_>,
    path: &[u8],
    flags: OFlag,
    mode: Mode,
    links: Links,
    make: Option<Mode>,
) -> nix::Result<OwnedFd> {
    let mut way = Way {
        root,
        names: Vec::new(),
        here: None,
    };
    let mut left = parts(path)?;
    left.reverse();
    let mut seen_links = 0;
    while let Some(name) = left.pop() {
        if name.as_bytes() == b".." {
            way.leave()?;
            continue;
        }
        let is_last = left.is_empty();
        let looked = openat(
            way.fd(),
            name.as_c_str(),
            OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC,
            Mode::empty(),
        );
        let found = match looked {
            Ok(found) => found,
            Err(Errno::ENOENT) if is_last && flags.contains(OFlag::O_CREAT) => {
                return openat(way.fd(), name.as_c_str(), flags | OFlag::O_NOFOLLOW, mode);
            }
            Err(Errno::ENOENT) => {
                let mode = make.ok_or(Errno::ENOENT)?;
                way.make(&name, mode)?;
                continue;
            }
            Err(e) => return Err(e),
        };
        if fstat(&found)?.st_mode & libc::S_IFMT == libc::S_IFLNK
            && !(is_last && flags.contains(OFlag::O_NOFOLLOW))
        {
            seen_links += 1;
            if links == Links::Refuse || seen_links > MOST_LINKS {
                return Err(Errno::ELOOP);
            }
            let target = readlinkat(&found, c"")?;
            if target.as_bytes().starts_with(b"/") {
                way.restart();
            }
            left.extend(parts(target.as_bytes())?.into_iter().rev());
        } else if is_last && make.is_none() {
            return openat(way.fd(), name.as_c_str(), flags | OFlag::O_NOFOLLOW, mode);
        } else {
            way.enter(&name)?;
        }
    }
    openat(
        way.fd(),
        c".",
        flags & !OFlag::O_CREAT & !OFlag::O_EXCL,
        Mode::empty(),
    )
}

/// Where the walk is. Only the present folder is held open, so that a deep path costs two descriptors; a `..`, which
/// only links and odd paths hold, walks again from the root through names that are known to be folders.
struct Way<'a> {
    root: BorrowedFd<'a>,
    names: Vec<CString>,
    here: Option<OwnedFd>,
}

impl Way<'_> {
    fn fd(&self) -> BorrowedFd<'_> {
        self.here.as_ref().map_or(self.root, |fd| fd.as_fd())
    }

    fn restart(&mut self) {
        self.names.clear();
        self.here = None;
    }

    fn enter(&mut self, name: &CStr) -> nix::Result<()> {
        self.here = Some(openat(self.fd(), name, FOLDER, Mode::empty())?);
        self.names.push(name.to_owned());
        Ok(())
    }

    fn make(&mut self, name: &CStr, mode: Mode) -> nix::Result<()> {
        mkdirat(self.fd(), name, mode)?;
        let made = openat(
            self.fd(),
            name,
            OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC,
            Mode::empty(),
        )?;
        fchmod(&made, mode)?;
        self.enter(name)
    }

    fn leave(&mut self) -> nix::Result<()> {
        self.names.pop();
        let names = std::mem::take(&mut self.names);
        self.here = None;
        names.iter().try_for_each(|name| self.enter(name))
    }
}

/// Returns the names in a path; `.` and empty ones mean nothing.
fn parts(path: &[u8]) -> nix::Result<Vec<CString>> {
    path.split(|b| *b == b'/')
        .filter(|name| !matches!(*name, b"" | b"."))
        .map(|name| CString::new(name).map_err(|_| Errno::EINVAL))
        .collect()
}

fn failed(path: &[u8], errno: Errno) -> SysError {
    SysError::new(format!("open_in_root(\"{}\")", path.escape_ascii()), errno)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{MetadataExt, symlink};
    use std::path::PathBuf;

    struct Tree(PathBuf, OwnedFd);

    impl Tree {
        fn new(name: &str) -> Tree {
            let dir =
                std::env::temp_dir().join(format!("coracle-path-{}-{name}", std::process::id()));
            std::fs::remove_dir_all(&dir).ok();
            let root = dir.join("root");
            std::fs::create_dir_all(root.join("a/b")).unwrap();
            std::fs::create_dir_all(dir.join("outside")).unwrap();
            std::fs::write(dir.join("outside/secret"), "s").unwrap();
            std::fs::write(root.join("a/f"), "in").unwrap();
            symlink("/a", root.join("abs")).unwrap();
            symlink("../../../../a/b/../f", root.join("up")).unwrap();
            symlink("../outside", root.join("out")).unwrap();
            symlink("loop", root.join("loop")).unwrap();
            symlink("not/yet", root.join("dangling")).unwrap();
            let fd = openat(nix::fcntl::AT_FDCWD, &root, FOLDER, Mode::empty()).unwrap();
            Tree(dir, fd)
        }

        /// Both ways must say the same.
        fn open(&self, path: &str, flags: OFlag, links: Links) -> Result<u64, Errno> {
            let one = in_one_call(self.1.as_fd(), path.as_bytes(), flags, Mode::empty(), links);
            let hand = walk(
                self.1.as_fd(),
                path.as_bytes(),
                flags,
                Mode::empty(),
                links,
                None,
            );
            let inode = |r: nix::Result<OwnedFd>| r.map(|fd| fstat(&fd).unwrap().st_ino);
            let (one, hand) = (inode(one), inode(hand));
            assert!(
                one == hand || one == Err(Errno::ENOSYS),
                "{path}: {one:?} {hand:?}"
            );
            hand
        }
    }

    impl Drop for Tree {
        fn drop(&mut self) {
            std::fs::remove_dir_all(&self.0).ok();
        }
    }

    #[test]
    fn links_and_dots_stay_below_the_root() {
        let t = Tree::new("stay");
        let at = |path: &str| {
            Ok(std::fs::metadata(t.0.join("root").join(path))
                .unwrap()
                .ino())
        };
        for (path, want) in [
            ("", at(".")),
            ("/", at(".")),
            ("..", at(".")),
            ("../../..", at(".")),
            ("a/b/..", at("a")),
            ("/a/f", at("a/f")),
            ("abs/f", at("a/f")),
            ("up", at("a/f")),
            ("abs/../abs/b/../f", at("a/f")),
            ("out", Err(Errno::ENOENT)),
            ("out/secret", Err(Errno::ENOENT)),
            ("../outside/secret", Err(Errno::ENOENT)),
            ("loop", Err(Errno::ELOOP)),
            ("a/f/x", Err(Errno::ENOTDIR)),
        ] {
            assert_eq!(t.open(path, OFlag::O_PATH, Links::Follow), want, "{path}");
        }
        assert_eq!(
            t.open("abs/f", OFlag::O_PATH, Links::Refuse),
            Err(Errno::ELOOP)
        );
        assert_eq!(
            t.open("abs", OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW, Links::Follow),
            Err(Errno::ENOTDIR)
        );
    }

    #[test]
    fn missing_folders_are_made_where_links_point() {
        let t = Tree::new("make");
        let root = t.0.join("root");
        make_folders(t.1.as_fd(), b"x/y/../z", Mode::from_bits_truncate(0o750)).unwrap();
        assert_eq!(
            std::fs::metadata(root.join("x/z")).unwrap().mode() & 0o7777,
            0o750
        );
        make_folders(t.1.as_fd(), b"dangling/deep", Mode::S_IRWXU).unwrap();
        assert!(root.join("not/yet/deep").is_dir());
        make_folders(t.1.as_fd(), b"out/deep", Mode::S_IRWXU).unwrap();
        assert!(root.join("outside/deep").is_dir() && !t.0.join("outside/deep").exists());
        assert_eq!(
            make_folders(t.1.as_fd(), b"a/f/x", Mode::S_IRWXU)
                .unwrap_err()
                .errno(),
            Errno::ENOTDIR
        );
        assert_eq!(
            make_folders(t.1.as_fd(), b"loop/x", Mode::S_IRWXU)
                .unwrap_err()
                .errno(),
            Errno::ELOOP
        );
    }

    #[test]
    fn a_path_longer_than_the_kernel_takes_is_walked() {
        let t = Tree::new("long");
        let long = ["name"; 1100].join("/").into_bytes();
        assert!(long.len() > libc::PATH_MAX as usize);
        make_folders(t.1.as_fd(), &long, Mode::S_IRWXU).unwrap();
        open_in_root(
            t.1.as_fd(),
            &long,
            OFlag::O_DIRECTORY,
            Mode::empty(),
            Links::Follow,
        )
        .unwrap();
        let file = [&long[..], b"/f"].concat();
        let create = OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_WRONLY;
        open_in_root(t.1.as_fd(), &file, create, Mode::S_IRUSR, Links::Follow).unwrap();
        open_in_root(
            t.1.as_fd(),
            &file,
            OFlag::O_RDONLY,
            Mode::empty(),
            Links::Refuse,
        )
        .unwrap();
    }
}
