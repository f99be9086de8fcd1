//! A tar's entries into a folder that is in use: `cp`. Unlike a layer's unpacking nothing is kept to write the tar again,
//! and what is there already counts.
//!
//! No link is followed on the way to an entry, whoever made it: what a tar or a container holds cannot lead out of the
//! folder.

use std::ffi::{CStr, CString};
use std::os::fd::{AsFd, OwnedFd};

use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, openat};
use nix::sys::stat::{
    FileStat, Mode, SFlag, UtimensatFlags, fchmod, fstatat, futimens, mkdirat, mknodat, utimensat,
};
use nix::sys::time::TimeSpec;
use nix::unistd::{UnlinkatFlags, linkat, symlinkat, unlinkat};

use crate::error::{Error, Kind, Result};
use crate::image::tar::{Entry, EntryType, Sink, is_mark, show, split};
use crate::store::ids::{self, Ids, What};
use crate::store::owners::Place;
use crate::sys::path::{Links, open_in_root};
use crate::sys::{overlay, sentence, xattr};

/// Whose the files are to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Owner {
    /// Ours, without a word: on the host, and root's in a container.
    Ours,
    /// As the tar says, recorded (`cp -a` into a container).
    Recorded,
}

/// The extraction.
pub(crate) struct Extract {
    root: OwnedFd,
    owner: Owner,
    file: Option<(OwnedFd, Mode, TimeSpec)>,
    /// Folders, whose modes and times are set when nothing more comes.
    ends: Vec<(OwnedFd, Mode, TimeSpec)>,
    path: Vec<u8>,
}

impl Extract {
    /// Begins to extract into `root`.
    pub(crate) fn new(root: OwnedFd, owner: Owner) -> Extract {
        Extract {
            root,
            owner,
            file: None,
            ends: Vec::new(),
            path: Vec::new(),
        }
    }

    /// Sets what was left for the end.
    pub(crate) fn finish(self) -> Result<()> {
        for (folder, mode, time) in self.ends.iter().rev() {
            let set = fchmod(folder, *mode).and_then(|()| futimens(folder, time, time));
            set.map_err(|e| cannot(&self.path, e))?;
        }
        Ok(())
    }

    fn make(&mut self, entry: &Entry) -> Result<()> {
        let failed = |e| cannot(&entry.path, e);
        let folder = self.folder(entry.folder()).map_err(failed)?;
        let name = CString::new(entry.name()).map_err(|_| failed(Errno::EINVAL))?;
        let there = match fstatat(&folder, name.as_c_str(), AtFlags::AT_SYMLINK_NOFOLLOW) {
            Ok(stat) => Some(stat),
            Err(Errno::ENOENT) => None,
            Err(e) => return Err(failed(e)),
        };
        if entry.kind == EntryType::Folder {
            return self.make_folder(entry, &folder, &name, there);
        }
        if let Some(there) = there {
            if there.st_mode & libc::S_IFMT == libc::S_IFDIR {
                return Err(overwrite("directory", "non-directory", &entry.path));
            }
            unlinkat(&folder, name.as_c_str(), UnlinkatFlags::NoRemoveDir).map_err(failed)?;
        }
        self.make_other(entry, &folder, &name).map_err(failed)
    }

    fn make_folder(
        &mut self,
        entry: &Entry,
        folder: &OwnedFd,
        name: &CStr,
        there: Option<FileStat>,
    ) -> Result<()> {
        let failed = |e| cannot(&entry.path, e);
        let is_hidden = there.as_ref().is_some_and(overlay::is_whiteout);
        if is_hidden {
            unlinkat(folder, name, UnlinkatFlags::NoRemoveDir).map_err(failed)?;
        }
        match there.filter(|_| !is_hidden) {
            None => mkdirat(folder, name, Mode::S_IRWXU).map_err(failed)?,
            Some(stat) if stat.st_mode & libc::S_IFMT != libc::S_IFDIR => {
                return Err(overwrite("non-directory", "directory", &entry.path));
            }
            Some(_) => {}
        }
        let flags = OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let fd = openat(folder, name, flags, Mode::empty()).map_err(failed)?;
        if is_hidden {
            // what the whiteout hid stays hidden
            xattr::set(&fd, c"user.overlay.opaque", b"y").map_err(failed)?;
        }
        self.record(entry, &fd).map_err(failed)?;
        let mode = Mode::from_bits_truncate(entry.mode | 0o700);
        self.ends.push((fd, mode, time(entry)));
        Ok(())
    }

    fn make_other(&mut self, entry: &Entry, folder: &OwnedFd, name: &CStr) -> nix::Result<()> {
        match entry.kind {
            EntryType::HardLink => {
                let (of, target) = split(&entry.link);
                let target = CString::new(target).map_err(|_| Errno::EINVAL)?;
                let of = self.folder(of)?;
                return linkat(&of, target.as_c_str(), folder, name, AtFlags::empty());
            }
            EntryType::Symlink => symlinkat(entry.link.as_slice(), folder, name)?,
            EntryType::Fifo => {
                let mode = Mode::from_bits_truncate(entry.mode & 0o777);
                mknodat(folder, name, SFlag::S_IFIFO, mode, 0)?;
            }
            // nobody but root makes devices; in a container a file stands for one
            EntryType::Char | EntryType::Block if self.owner == Owner::Ours => return Ok(()),
            _ => {
                let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_CLOEXEC;
                let fd = openat(folder, name, flags, Mode::S_IRUSR | Mode::S_IWUSR)?;
                self.record(entry, &fd)?;
                let mode = Mode::from_bits_truncate(entry.mode | 0o400);
                self.file = Some((fd, mode, time(entry)));
                return Ok(());
            }
        }
        let time = time(entry);
        utimensat(folder, name, &time, &time, UtimensatFlags::NoFollowSymlink)
    }

    /// Records owner and mode, as far as the file itself cannot have them.
    fn record(&self, entry: &Entry, fd: &OwnedFd) -> nix::Result<()> {
        let is_device = matches!(entry.kind, EntryType::Char | EntryType::Block);
        let what = match entry.kind {
            EntryType::File if entry.mode & 0o400 == 0 => What::File(entry.mode),
            EntryType::Folder if entry.mode & 0o700 != 0o700 => What::Folder(entry.mode),
            _ if is_device => What::Device {
                is_char: entry.kind == EntryType::Char,
                major: entry.major,
                minor: entry.minor,
                mode: Some(entry.mode),
            },
            _ => What::Same,
        };
        let ids = Ids {
            uid: entry.uid,
            gid: entry.gid,
            what,
        };
        if self.owner == Owner::Ours || ids.is_plain() {
            return Ok(());
        }
        xattr::set(fd, ids::NAME, &Place::Text.write(&ids))
    }

    /// Opens a folder below the root, made with what is missing of it; a link on the way is an error.
    fn folder(&self, path: &[u8]) -> nix::Result<OwnedFd> {
        let flags = OFlag::O_DIRECTORY | OFlag::O_RDONLY;
        let open = |path: &[u8]| {
            open_in_root(self.root.as_fd(), path, flags, Mode::empty(), Links::Refuse)
                .map_err(|e| e.errno())
        };
        match open(path) {
            Err(Errno::ENOENT) if !path.is_empty() => {
                let (above, name) = split(path);
                let name = CString::new(name).map_err(|_| Errno::EINVAL)?;
                let above = self.folder(above)?;
                mkdirat(&above, name.as_c_str(), Mode::from_bits_truncate(0o755))?;
                open(path)
            }
            result => result,
        }
    }
}

impl Sink for Extract {
    fn raw(&mut self, _: &[u8]) -> Result<()> {
        Ok(())
    }

    fn begin(&mut self, entry: &Entry) -> Result<()> {
        self.path.clone_from(&entry.path);
        if entry.path.is_empty() || is_mark(&entry.path) {
            return Ok(()); // the folder itself is there, and marks mean something to layers alone
        }
        self.make(entry)
    }

    fn data(&mut self, bytes: &[u8]) -> Result<()> {
        let Some((fd, ..)) = &self.file else {
            return Ok(());
        };
        crate::sys::fd::write_all(fd.as_fd(), bytes).map_err(|e| cannot(&self.path, e.errno()))
    }

    fn end(&mut self) -> Result<()> {
        let Some((fd, mode, time)) = self.file.take() else {
            return Ok(());
        };
        let set = fchmod(&fd, mode).and_then(|()| futimens(&fd, &time, &time));
        set.map_err(|e| cannot(&self.path, e))
    }

    fn payload(&mut self, _: &Entry) -> Result<()> {
        Ok(())
    }
}

fn time(entry: &Entry) -> TimeSpec {
    TimeSpec::new(entry.mtime, i64::from(entry.mtime_nsec))
}

/// docker's words (moby pkg/archive, NoOverwriteDirNonDir).
fn overwrite(old: &str, new: &str, path: &[u8]) -> Error {
    let path = String::from_utf8_lossy(path);
    let text = format!("cannot overwrite {old} {path:?} with {new} {path:?}");
    Error::new(Kind::Invalid, text)
}

fn cannot(path: &[u8], e: Errno) -> Error {
    Error::new(Kind::Usage, format!("cannot write {}", show(path)))
        .because(format!("{} ({e:?})", sentence(e)))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{MetadataExt, symlink};

    use super::*;
    use crate::image::tar::build::{H, Tar};
    use crate::image::tar::{Feed, Parser};

    struct Folder(std::path::PathBuf);

    impl Folder {
        fn new() -> Folder {
            let path = std::env::temp_dir().join(crate::store::random_hex::<8>().unwrap());
            std::fs::create_dir_all(path.join("in")).unwrap();
            Folder(path)
        }

        fn extract(&self, tar: &[u8]) -> Result<()> {
            let root = std::fs::File::open(self.0.join("in")).unwrap();
            let mut extract = Extract::new(root.into(), Owner::Recorded);
            Parser::new(Feed::Whole).feed(tar, &mut extract)?;
            extract.finish()
        }

        fn at(&self, name: &str) -> std::path::PathBuf {
            self.0.join("in").join(name)
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            std::fs::remove_dir_all(&self.0).ok();
        }
    }

    #[test]
    fn what_is_there_is_merged_and_replaced() {
        let f = Folder::new();
        std::fs::create_dir(f.at("d")).unwrap();
        std::fs::write(f.at("d/old"), "old").unwrap();
        std::fs::write(f.at("d/file"), "longer than before").unwrap();
        std::fs::hard_link(f.at("d/file"), f.at("other")).unwrap();
        let tar = Tar::default()
            .folder("d", 0o750)
            .file("d/file", b"new")
            .symlink("l", "/etc/passwd")
            .hard("d/hard", "d/file")
            .file("deep/er/f", b"x")
            .end();
        f.extract(&tar).unwrap();
        assert_eq!(std::fs::read_to_string(f.at("d/file")).unwrap(), "new");
        assert_eq!(std::fs::read_to_string(f.at("d/old")).unwrap(), "old");
        assert_eq!(
            std::fs::read_to_string(f.at("other")).unwrap(),
            "longer than before"
        );
        let meta = std::fs::metadata(f.at("d")).unwrap();
        assert_eq!((meta.mode() & 0o7777, meta.mtime()), (0o750, 1_700_000_000));
        assert_eq!(std::fs::metadata(f.at("d/hard")).unwrap().nlink(), 2);
        assert!(f.at("deep/er/f").exists());
    }

    #[test]
    fn no_link_leads_out_whoever_made_it() {
        let f = Folder::new();
        std::fs::create_dir(f.0.join("outside")).unwrap();
        symlink("../outside", f.at("theirs")).unwrap();
        for tar in [
            Tar::default().file("theirs/f", b"x").end(),
            Tar::default()
                .symlink("own", "../outside")
                .file("own/f", b"x")
                .end(),
            Tar::default()
                .symlink("a", "..")
                .hard("h", "a/outside")
                .end(),
        ] {
            assert!(f.extract(&tar).is_err());
            assert_eq!(std::fs::read_dir(f.0.join("outside")).unwrap().count(), 0);
        }
        // a link itself is replaced, not followed
        let tar = Tar::default().file("theirs", b"x").end();
        f.extract(&tar).unwrap();
        assert!(std::fs::symlink_metadata(f.at("theirs")).unwrap().is_file());
    }

    #[test]
    fn a_file_and_a_folder_do_not_take_each_others_place() {
        let f = Folder::new();
        std::fs::create_dir(f.at("d")).unwrap();
        std::fs::write(f.at("f"), "").unwrap();
        let e = f
            .extract(&Tar::default().file("d", b"x").end())
            .unwrap_err();
        assert_eq!(
            e.to_string(),
            "cannot overwrite directory \"d\" with non-directory \"d\""
        );
        let e = f
            .extract(&Tar::default().folder("f", 0o755).end())
            .unwrap_err();
        assert_eq!(
            e.to_string(),
            "cannot overwrite non-directory \"f\" with directory \"f\""
        );
    }

    #[test]
    fn owners_are_recorded() {
        let f = Folder::new();
        let tar = Tar::default()
            .add(H {
                path: b"f",
                ids: (33, 42),
                mode: 0,
                body: b"x",
                ..H::default()
            })
            .end();
        f.extract(&tar).unwrap();
        let file = std::fs::File::open(f.at("f")).unwrap();
        let record = xattr::get(&file, ids::NAME).unwrap();
        if record.is_some() {
            assert_eq!(record.as_deref(), Some(&b"33:42:f:0"[..]));
        }
    }
}
