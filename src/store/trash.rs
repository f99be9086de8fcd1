//! Removal in two steps: a rename into `trash/`, which is the removal, and the emptying, which may take its time.
//!
//! ```text
//! <data>/trash/<16 hex digits>     whatever was renamed here: a container's folder, a layer, a volume
//! <data>/trash/.lock               held by whoever empties; nobody waits for it
//! ```
//! Killed at any line: what is in the trash stays there for the next one that empties it.
//!
//! A container's program decides the shape of what lies here: folders nested a thousand deep, folders without any
//! permission (the kernel's own `work/work` has mode 0000), symbolic links to everywhere. So the walk goes by folder
//! descriptors, follows no link, gives itself the permissions it needs, holds few descriptors, and never enters a mount.

use std::cell::RefCell;
use std::ffi::{CStr, CString};
use std::io::ErrorKind;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use nix::dir::{Dir, Type};
use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, AtFlags, OFlag, openat, renameat};
use nix::sys::stat::{FchmodatFlags, Mode, fchmodat, fstat, fstatat};
use nix::unistd::{UnlinkatFlags, unlinkat};

use crate::error::{Context, Error, Kind, Result};
use crate::store::containers::Record;
use crate::store::{Store, folder, random_hex, record};
use crate::sys::SysError;
use crate::sys::lock::Lock;

/// Folders nested deeper than this below one another are moved up before the walk goes on, to spare descriptors.
const DEPTH: usize = 64;

/// The door to the trash.
#[derive(Debug)]
pub struct Trash<'a> {
    store: &'a Store,
}

impl<'a> Trash<'a> {
    pub(super) fn new(store: &'a Store) -> Trash<'a> {
        Trash { store }
    }

    /// Removes `path` (of the store's file system) from where it is; one rename. Returns whether there was anything.
    pub fn put(&self, path: &Path) -> Result<bool> {
        let target = self.store.data("trash").join(random_hex::<8>()?);
        match std::fs::rename(path, &target) {
            Ok(()) => Ok(true),
            Err(e)
                if e.kind() == ErrorKind::NotFound && std::fs::symlink_metadata(path).is_err() =>
            {
                Ok(false)
            }
            Err(e) if e.kind() == ErrorKind::NotFound => {
                // somebody removed trash/ itself
                folder(&self.store.data("trash"))?;
                std::fs::rename(path, &target).context(Kind::System, || cannot(path))?;
                Ok(true)
            }
            Err(e) => Err(e).context(Kind::System, || cannot(path)),
        }
    }

    /// Says whether anything waits to be emptied.
    pub fn is_empty(&self) -> bool {
        std::fs::read_dir(self.store.data("trash"))
            .map(|mut entries| !entries.any(|e| e.is_ok_and(|e| e.file_name() != ".lock")))
            .unwrap_or(true)
    }

    /// Empties the trash, also of what arrives meanwhile. Returns false at once when another process is at it.
    ///
    /// This takes seconds for a big image: meant for a process of its own with low priority.
    pub fn empty(&self) -> Result<bool> {
        let trash = self.store.data("trash");
        folder(&trash)?;
        loop {
            let Some(lock) = Lock::attempt(&trash.join(".lock"))? else {
                return Ok(false);
            };
            self.empty_locked(&trash)?;
            drop(lock);
            // what came between our last look and the drop of the lock was left to us by whoever saw the lock
            if self.is_empty() {
                return Ok(true);
            }
        }
    }

    /// As [`Trash::empty`], but waits for another who is at it.
    pub fn empty_now(&self) -> Result<()> {
        let trash = self.store.data("trash");
        folder(&trash)?;
        let _lock = Lock::wait(&trash.join(".lock"))?;
        self.empty_locked(&trash)
    }

    /// Empties the trash until it is empty, but for what cannot be removed, which is the error at the end.
    fn empty_locked(&self, trash: &Path) -> Result<()> {
        let cannot = || format!("cannot empty the trash `{}`", trash.display());
        let top = open_folder(AT_FDCWD, &c_path(trash)?).context(Kind::System, cannot)?;
        let device = fstat(&top).context(Kind::System, cannot)?.st_dev;
        let mut failure = None;
        let mut given_up: Vec<CString> = Vec::new();
        loop {
            let mut names: Vec<CString> = names(top.as_fd())
                .context(Kind::System, cannot)?
                .into_iter()
                .map(|(name, _)| name)
                .collect();
            names.retain(|name| name.as_bytes() != b".lock" && !given_up.contains(name));
            if names.is_empty() {
                return failure.map_or(Ok(()), Err);
            }
            for name in names {
                self.empty_elsewhere(trash, &name);
                if let Err(e) = Walk::new(top.as_fd(), device).remove_all(&name) {
                    failure = Some(Error::new(Kind::System, cannot()).because(e));
                    given_up.push(name);
                }
            }
        }
    }

    /// Removes the writable folder on another file system that the record of a thrown away container names.
    ///
    /// Only what [`Trash::put`] named is asked: a folder that was moved up has whatever a container wrote into it.
    fn empty_elsewhere(&self, trash: &Path, name: &CStr) {
        let Ok(name) = name.to_str() else { return };
        if name.len() != 16 || !name.bytes().all(|b| b.is_ascii_hexdigit()) {
            return;
        }
        // a record that cannot be read names nothing that could be removed
        let Ok(Some(record)) = record::read::<Record>(&trash.join(name).join("config")) else {
            return;
        };
        if let Some(writable) = record.writable
            && writable
                .file_name()
                .is_some_and(|name| name == record.id.as_str())
        {
            // the folder is node-local and may be gone, or another node's
            remove_tree(&writable).ok();
        }
    }
}

fn cannot(path: &Path) -> String {
    format!("cannot remove `{}`", path.display())
}

/// Removes `path` and all that is below it, on its own file system; a missing one is fine.
pub(crate) fn remove_tree(path: &Path) -> Result<()> {
    let parent = path.parent().unwrap_or(Path::new("/"));
    let Some(name) = path.file_name() else {
        return Err(Error::new(Kind::System, cannot(path)).because("it has no name"));
    };
    let top = match open_folder(AT_FDCWD, &c_path(parent)?) {
        Ok(top) => top,
        Err(e) if e.errno() == Errno::ENOENT => return Ok(()),
        Err(e) => return Err(e).context(Kind::System, || cannot(path)),
    };
    let name = CString::new(name.as_bytes()).context(Kind::System, || cannot(path))?;
    let device = match fstatat(&top, name.as_c_str(), AtFlags::AT_SYMLINK_NOFOLLOW) {
        Ok(stat) => stat.st_dev,
        Err(Errno::ENOENT) => return Ok(()),
        Err(e) => return Err(e).context(Kind::System, || cannot(path)),
    };
    Walk::new(top.as_fd(), device)
        .remove_all(&name)
        .context(Kind::System, || cannot(path))
}

/// One removal: the folder at its top, where too deep folders are moved to, and the file system it stays on.
struct Walk<'a> {
    top: BorrowedFd<'a>,
    device: u64,
    /// Folders that were too deep, now at the top.
    moved: RefCell<Vec<CString>>,
}

impl<'a> Walk<'a> {
    fn new(top: BorrowedFd<'a>, device: u64) -> Walk<'a> {
        Walk {
            top,
            device,
            moved: RefCell::default(),
        }
    }

    /// Removes `name` of the folder at the top, and what was moved there on the way.
    fn remove_all(&self, name: &CStr) -> Result<(), SysError> {
        self.remove(self.top, name, 0)?;
        while let Some(name) = self.next_moved() {
            self.remove(self.top, &name, 0)?;
        }
        Ok(())
    }

    fn next_moved(&self) -> Option<CString> {
        self.moved.borrow_mut().pop()
    }

    fn remove(&self, parent: BorrowedFd<'_>, name: &CStr, depth: usize) -> Result<(), SysError> {
        match unlinkat(parent, name, UnlinkatFlags::NoRemoveDir) {
            Ok(()) | Err(Errno::ENOENT) => return Ok(()),
            Err(Errno::EISDIR | Errno::EPERM) => {}
            Err(e) => return Err(failed("unlinkat", name, e)),
        }
        if depth >= DEPTH {
            return self.move_up(parent, name);
        }
        let dir = self.enter(parent, name)?;
        for (child, kind) in names(dir.as_fd()).map_err(|e| failed("getdents", name, e))? {
            if kind == Some(Type::Directory) {
                self.remove(dir.as_fd(), &child, depth + 1)?;
                continue;
            }
            match unlinkat(&dir, child.as_c_str(), UnlinkatFlags::NoRemoveDir) {
                Ok(()) | Err(Errno::ENOENT) => {}
                // a file system that does not tell types
                Err(Errno::EISDIR | Errno::EPERM) => self.remove(dir.as_fd(), &child, depth + 1)?,
                Err(e) => return Err(failed("unlinkat", &child, e)),
            }
        }
        drop(dir);
        match unlinkat(parent, name, UnlinkatFlags::RemoveDir) {
            Ok(()) | Err(Errno::ENOENT) => Ok(()),
            Err(e) => Err(failed("rmdir", name, e)),
        }
    }

    /// Opens a folder with the permission to list and to change it; refuses one that is a mount.
    fn enter(&self, parent: BorrowedFd<'_>, name: &CStr) -> Result<OwnedFd, SysError> {
        let stat = fstatat(parent, name, AtFlags::AT_SYMLINK_NOFOLLOW)
            .map_err(|e| failed("fstatat", name, e))?;
        if stat.st_dev != self.device {
            return Err(failed("enter a mount", name, Errno::EXDEV));
        }
        if stat.st_mode & 0o700 != 0o700 {
            // a race with a symbolic link put in its place is harmless: all in the trash is ours alone
            fchmodat(parent, name, Mode::S_IRWXU, FchmodatFlags::FollowSymlink)
                .map_err(|e| failed("fchmodat", name, e))?;
        }
        open_folder(parent, name)
    }

    /// Moves a too deep folder to the top, where it is removed as a tree of its own.
    fn move_up(&self, parent: BorrowedFd<'_>, name: &CStr) -> Result<(), SysError> {
        let stat = fstatat(parent, name, AtFlags::AT_SYMLINK_NOFOLLOW)
            .map_err(|e| failed("fstatat", name, e))?;
        if stat.st_mode & 0o700 != 0o700 {
            // moving a folder changes its `..`, which needs write permission on the folder itself
            fchmodat(parent, name, Mode::S_IRWXU, FchmodatFlags::FollowSymlink)
                .map_err(|e| failed("fchmodat", name, e))?;
        }
        let hex = random_hex::<8>().map_err(|_| failed("getrandom", name, Errno::EIO))?;
        let fresh = CString::new(format!(".deep-{hex}")).expect("hex digits hold no NUL");
        renameat(parent, name, self.top, fresh.as_c_str())
            .map_err(|e| failed("renameat", name, e))?;
        self.moved.borrow_mut().push(fresh);
        Ok(())
    }
}

fn open_folder<F: AsFd>(parent: F, name: &CStr) -> Result<OwnedFd, SysError> {
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    openat(parent, name, flags, Mode::empty()).map_err(|e| failed("openat", name, e))
}

/// Lists a folder at once, so that no listing is open while the folder changes.
fn names(dir: BorrowedFd<'_>) -> nix::Result<Vec<(CString, Option<Type>)>> {
    let mut listing = Dir::openat(
        dir,
        ".",
        OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC,
        Mode::empty(),
    )?;
    let mut all = Vec::new();
    for entry in listing.iter() {
        let entry = entry?;
        if !matches!(entry.file_name().to_bytes(), b"." | b"..") {
            all.push((entry.file_name().to_owned(), entry.file_type()));
        }
    }
    Ok(all)
}

fn c_path(path: &Path) -> Result<CString> {
    CString::new(path.as_os_str().as_bytes()).context(Kind::System, || cannot(path))
}

fn failed(call: &str, name: &CStr, errno: Errno) -> SysError {
    SysError::new(format!("{call}({:?})", name.to_string_lossy()), errno)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::scratch::Scratch;
    use std::os::unix::fs::{PermissionsExt, symlink};

    #[test]
    fn what_is_thrown_away_is_gone_at_once_and_emptied_later() {
        let s = Scratch::new();
        let tree = s.store.data("layers/x");
        std::fs::create_dir_all(tree.join("a/b")).unwrap();
        std::fs::write(tree.join("a/b/c"), "x").unwrap();
        assert!(s.store.trash().put(&tree).unwrap());
        assert!(!tree.exists());
        assert!(!s.store.trash().is_empty());
        assert!(!s.store.trash().put(&tree).unwrap());
        assert!(s.store.trash().empty().unwrap());
        assert!(s.store.trash().is_empty());
    }

    #[test]
    fn folders_without_permissions_are_removed_and_links_are_not_followed() {
        let s = Scratch::new();
        let outside = s.store.data("outside");
        std::fs::create_dir(&outside).unwrap();
        std::fs::write(outside.join("keep"), "x").unwrap();
        let tree = s.store.data("layers/x");
        std::fs::create_dir_all(tree.join("work/work/in")).unwrap();
        symlink(&outside, tree.join("work/work/link")).unwrap();
        symlink(&outside, tree.join("link")).unwrap();
        std::fs::set_permissions(tree.join("work/work/in"), PermissionsExt::from_mode(0o000))
            .unwrap();
        std::fs::set_permissions(tree.join("work/work"), PermissionsExt::from_mode(0o000)).unwrap();
        s.store.trash().put(&tree).unwrap();
        assert!(s.store.trash().empty().unwrap());
        assert!(s.store.trash().is_empty());
        assert!(outside.join("keep").exists());
        assert_eq!(
            std::fs::metadata(&outside).unwrap().permissions().mode() & 0o7777,
            0o755
        );
    }

    #[test]
    fn a_chain_of_two_thousand_folders_is_removed_with_few_descriptors() {
        let s = Scratch::new();
        let start = s.store.data("layers/deep");
        std::fs::create_dir(&start).unwrap();
        let mut here = open_folder(AT_FDCWD, &c_path(&start).unwrap()).unwrap();
        for _ in 0..2000 {
            nix::sys::stat::mkdirat(&here, "d", Mode::S_IRWXU).unwrap();
            here = open_folder(here.as_fd(), c"d").unwrap();
        }
        s.store.trash().put(&start).unwrap();
        assert!(s.store.trash().empty().unwrap());
        assert!(s.store.trash().is_empty());
    }

    #[test]
    fn a_writable_folder_elsewhere_goes_along_but_nothing_that_a_container_names() {
        let s = Scratch::new();
        let elsewhere = s.store.data("elsewhere");
        let put = |at: &str, id: &str, writable: &Path| {
            std::fs::create_dir_all(writable).unwrap();
            let dir = s.store.data(at);
            std::fs::create_dir_all(&dir).unwrap();
            let record = Record {
                id: id.to_owned(),
                writable: Some(writable.to_owned()),
                ..Record::default()
            };
            record::write(&dir.join("config"), &record).unwrap();
        };
        put("trash/0123456789abcdef", "id1", &elsewhere.join("id1"));
        put("trash/0123456789abcdee", "id2", &elsewhere.join("other"));
        put(
            "trash/.deep-0123456789abcdef",
            "id3",
            &elsewhere.join("id3"),
        );
        assert!(s.store.trash().empty().unwrap());
        assert!(!elsewhere.join("id1").exists());
        assert!(elsewhere.join("other").exists() && elsewhere.join("id3").exists());
    }

    #[test]
    fn only_one_empties_and_the_other_does_not_wait() {
        let s = Scratch::new();
        let _held = Lock::attempt(&s.store.data("trash/.lock"))
            .unwrap()
            .unwrap();
        assert!(!s.store.trash().empty().unwrap());
    }
}
