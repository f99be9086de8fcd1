//! Whole-file locks that the kernel drops when their holder dies.
//!
//! They are open file description locks (fcntl(2), `F_OFD_SETLK`, Linux 3.15): like flock(2) they live as long as the
//! description and pass through fork and exec, and unlike flock they can be asked about without being taken, so that a
//! `ps` that looks at a monitor's lock never makes the monitor's own try fail.
//!
//! A lock file may be unlinked by its holder ([`Lock::remove`]). Whoever waited then holds a lock on a file that has no
//! name any more; so after each success the inode of the descriptor is compared with that of the name, and the work
//! starts again when they differ.

use std::fs::{File, OpenOptions};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl, openat};
use nix::sys::stat::Mode;

use super::{Result, SysError};

/// A held lock; dropped with the last copy of its descriptor.
#[derive(Debug)]
pub struct Lock {
    file: File,
    path: PathBuf,
}

impl Lock {
    /// Takes the lock of the file `path`, which is made (0600) when missing; sleeps until it is free.
    pub fn wait(path: &Path) -> Result<Lock> {
        loop {
            let file = open(path)?;
            match set(&file, FcntlArg::F_OFD_SETLKW(&exclusive())) {
                Err(Errno::EINTR) => continue,
                Err(e) => return Err(failed("F_OFD_SETLKW", path, e)),
                Ok(()) if is_named(&file, path) => {
                    return Ok(Lock {
                        file,
                        path: path.to_owned(),
                    });
                }
                Ok(()) => continue,
            }
        }
    }

    /// Takes the lock as [`Lock::wait`] does, or returns `None` at once when another holds it.
    pub fn attempt(path: &Path) -> Result<Option<Lock>> {
        loop {
            let file = open(path)?;
            match set(&file, FcntlArg::F_OFD_SETLK(&exclusive())) {
                Err(Errno::EAGAIN | Errno::EACCES) => return Ok(None),
                Err(Errno::EINTR) => continue,
                Err(e) => return Err(failed("F_OFD_SETLK", path, e)),
                Ok(()) if is_named(&file, path) => {
                    return Ok(Some(Lock {
                        file,
                        path: path.to_owned(),
                    }));
                }
                Ok(()) => continue,
            }
        }
    }

    /// Says whether another open description holds the lock of `path`; a missing file is not locked. Takes nothing.
    pub fn is_held(path: &Path) -> Result<bool> {
        Lock::is_held_at(nix::fcntl::AT_FDCWD, path)
    }

    /// As [`Lock::is_held`], with a path that begins at the folder `dir`: a listing asks for many locks of one folder.
    pub(crate) fn is_held_at(dir: BorrowedFd<'_>, path: &Path) -> Result<bool> {
        held_at(dir, path).map(|file| file.is_some())
    }

    /// Replaces the text in the lock file, in place.
    pub fn note(&self, text: &str) -> Result<()> {
        self.file
            .set_len(text.len() as u64)
            .map_err(|e| io("ftruncate", &self.path, &e))?;
        self.file
            .write_all_at(text.as_bytes(), 0)
            .map_err(|e| io("write", &self.path, &e))
    }

    /// Takes the text of the lock file `path` away, whoever holds the lock.
    pub(crate) fn forget_note(path: &Path) {
        if let Ok(file) = OpenOptions::new().write(true).open(path) {
            // of a holder that is about to end nobody reads it any more
            file.set_len(0).ok();
        }
    }

    /// As [`Lock::is_held_at`], and reads the holder's text: how many bytes of `buffer` it is. `None`: nobody holds the lock.
    pub(crate) fn noted_at(
        dir: BorrowedFd<'_>,
        path: &Path,
        buffer: &mut [u8],
    ) -> Result<Option<usize>> {
        let Some(file) = held_at(dir, path)? else {
            return Ok(None);
        };
        let length = nix::unistd::read(&file, buffer).map_err(|e| failed("read", path, e))?;
        Ok(Some(length))
    }

    /// Says whether the lock file still has its name.
    pub(crate) fn is_named(&self) -> bool {
        is_named(&self.file, &self.path)
    }

    /// Removes the lock file's name, then lets the lock go.
    pub fn remove(self) -> Result<()> {
        nix::unistd::unlink(&self.path).map_err(|e| failed("unlink", &self.path, e))
    }

    /// Returns the path of the lock file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Gives the descriptor away, to be kept through an exec.
    pub fn into_fd(self) -> OwnedFd {
        self.file.into()
    }

    /// Takes back a lock that came through an exec as `fd`; it is still held, by the same description.
    pub fn from_fd(fd: OwnedFd, path: PathBuf) -> Lock {
        Lock {
            file: fd.into(),
            path,
        }
    }
}

impl AsFd for Lock {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

/// Opens a lock file that another open description has locked.
fn held_at(dir: BorrowedFd<'_>, path: &Path) -> Result<Option<OwnedFd>> {
    let file = match openat(dir, path, OFlag::O_RDWR | OFlag::O_CLOEXEC, Mode::empty()) {
        Ok(file) => file,
        Err(Errno::ENOENT | Errno::ENOTDIR) => return Ok(None),
        Err(e) => return Err(failed("open", path, e)),
    };
    let mut query = exclusive();
    fcntl(&file, FcntlArg::F_OFD_GETLK(&mut query)).map_err(|e| failed("F_OFD_GETLK", path, e))?;
    let is_held = query.l_type != libc::F_UNLCK as libc::c_short;
    Ok(is_held.then_some(file))
}

fn open(path: &Path) -> Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
        .map_err(|e| io("open", path, &e))
}

/// A write lock over the whole file, however long it grows.
fn exclusive() -> libc::flock {
    libc::flock {
        l_type: libc::F_WRLCK as libc::c_short,
        l_whence: libc::SEEK_SET as libc::c_short,
        l_start: 0,
        l_len: 0,
        l_pid: 0,
    }
}

fn set(file: &File, arg: FcntlArg<'_>) -> nix::Result<()> {
    fcntl(file, arg).map(drop)
}

fn is_named(file: &File, path: &Path) -> bool {
    match (file.metadata(), std::fs::symlink_metadata(path)) {
        (Ok(ours), Ok(named)) => (ours.dev(), ours.ino()) == (named.dev(), named.ino()),
        _ => false,
    }
}

fn failed(call: &str, path: &Path, errno: Errno) -> SysError {
    SysError::new(format!("{call}({path:?})"), errno)
}

fn io(call: &str, path: &Path, e: &std::io::Error) -> SysError {
    failed(call, path, Errno::from_raw(e.raw_os_error().unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Scratch(PathBuf);

    impl Scratch {
        fn new(name: &str) -> Scratch {
            let name = format!("coracle-lock-{}-{name}", std::process::id());
            let dir = std::env::temp_dir().join(name);
            std::fs::create_dir_all(&dir).expect("a temp dir");
            Scratch(dir)
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            std::fs::remove_dir_all(&self.0).ok();
        }
    }

    #[test]
    fn a_second_description_is_refused_until_the_first_is_dropped() {
        let scratch = Scratch::new("second");
        let path = scratch.0.join("l");
        let first = Lock::attempt(&path).unwrap().unwrap();
        assert!(Lock::attempt(&path).unwrap().is_none());
        assert!(Lock::is_held(&path).unwrap());
        drop(first);
        assert!(!Lock::is_held(&path).unwrap());
        assert!(Lock::attempt(&path).unwrap().is_some());
    }

    #[test]
    fn asking_takes_nothing_and_makes_nothing() {
        let scratch = Scratch::new("ask");
        let path = scratch.0.join("l");
        assert!(!Lock::is_held(&path).unwrap());
        assert!(!path.exists());
    }

    #[test]
    fn a_waiter_on_an_unlinked_file_ends_up_with_the_named_one() {
        let scratch = Scratch::new("unlinked");
        let path = scratch.0.join("l");
        let first = Lock::wait(&path).unwrap();
        let second = std::thread::scope(|scope| {
            let waiter = scope.spawn(|| Lock::wait(&path).unwrap());
            std::thread::sleep(std::time::Duration::from_millis(50));
            first.remove().unwrap();
            waiter.join().unwrap()
        });
        assert!(is_named(&second.file, &path));
        assert!(Lock::attempt(&path).unwrap().is_none());
    }

    #[test]
    fn a_note_is_read_while_its_holder_lives() {
        let scratch = Scratch::new("note");
        let path = scratch.0.join("l");
        let mut buffer = [0; 16];
        let mut noted = || {
            let dir = nix::fcntl::AT_FDCWD;
            let length = Lock::noted_at(dir, &path, &mut buffer).unwrap()?;
            Some(String::from_utf8_lossy(&buffer[..length]).into_owned())
        };
        assert_eq!(noted(), None);
        let lock = Lock::wait(&path).unwrap();
        for text in ["a long one", "short"] {
            lock.note(text).unwrap();
            assert_eq!(noted().as_deref(), Some(text));
        }
        Lock::forget_note(&path);
        assert_eq!(noted().as_deref(), Some(""));
        lock.note("last").unwrap();
        drop(lock);
        assert_eq!(noted(), None);
    }
}
