//! Where COPY puts files: an upper folder over the layers of a stage. What is there below is looked up, and its folders
//! come up with their metadata; a link in the way is followed inside the root.

use std::collections::{BTreeMap, HashMap};
use std::ffi::CString;
use std::io::{Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{OFlag, open, openat, readlinkat};
use nix::sys::stat::{
    FchmodatFlags, Mode, SFlag, UtimensatFlags, fchmod, fchmodat, futimens, mkdirat, mknodat,
    utimensat,
};
use nix::sys::time::TimeSpec;
use nix::unistd::{UnlinkatFlags, linkat, symlinkat, unlinkat};

use super::source::{At, Tree, cannot, join};
use crate::error::{Context, Error, Kind, Result};
use crate::image::capabilities;
use crate::image::pack::owners::Meta;
use crate::image::stack::Found;
use crate::image::tar::EntryType;
use crate::store::ids::{Ids, What};

/// Links followed for one path.
const MOST_LINKS: usize = 40;

/// Who owns what is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Owner {
    pub(super) uid: u64,
    pub(super) gid: u64,
}

/// An upper folder being filled.
pub(super) struct Place {
    root: OwnedFd,
    below: Tree,
    /// Records that are no attributes, by path.
    aside: Vec<(String, Ids)>,
    /// Where they go: the file `owners` beside the upper folder.
    owners: PathBuf,
    upper: PathBuf,
    /// Folders that are up already, by path, and what they are to be in the end.
    folders: HashMap<String, Option<Meta>>,
    /// Folders in the order of making.
    order: Vec<String>,
    /// Inode of a source -> the first copy.
    links: HashMap<u64, String>,
    /// File capabilities, which only root of a user namespace may set.
    capabilities: BTreeMap<Vec<u8>, Vec<u8>>,
    now: (i64, u32),
    buffer: Vec<u8>,
    has_attributes: bool,
}

/// What a destination is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Seen {
    Nothing,
    Folder,
    Other,
}

impl Place {
    /// `upper`: an empty folder; `lowers`: the layers below, the uppermost first.
    pub(super) fn new(upper: &Path, lowers: Vec<PathBuf>, now: (i64, u32)) -> Result<Place> {
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let root = open(upper, flags, Mode::empty()).context(Kind::System, || {
            format!("cannot open `{}`", upper.display())
        })?;
        Ok(Place {
            root,
            below: Tree::layers(lowers),
            aside: Vec::new(),
            owners: upper.with_file_name("owners"),
            upper: upper.to_owned(),
            folders: HashMap::new(),
            order: Vec::new(),
            links: HashMap::new(),
            capabilities: BTreeMap::new(),
            now,
            buffer: vec![0; 128 * 1024],
            has_attributes: true,
        })
    }

    /// Follows the links of a path, those at its end too. Returns the real path and what is there.
    pub(super) fn resolve(&self, path: &str) -> Result<(String, Seen)> {
        let mut left: Vec<String> = split(path).rev().map(str::to_owned).collect();
        let mut real: Vec<String> = Vec::new();
        let mut links = 0;
        let mut kind = Seen::Folder;
        while let Some(name) = left.pop() {
            if name == ".." {
                real.pop();
                kind = Seen::Folder;
                continue;
            }
            let here = join(&real.join("/"), &name);
            match self.look(&here)? {
                Look::Link(target) => {
                    links += 1;
                    if links > MOST_LINKS {
                        return Err(cannot("write", path, Errno::ELOOP));
                    }
                    if target.starts_with('/') {
                        real.clear();
                    }
                    left.extend(split(&target).rev().map(str::to_owned));
                }
                Look::Kind(found) => {
                    if found == Seen::Other && !left.is_empty() {
                        return Err(not_a_folder(&here));
                    }
                    kind = found;
                    real.push(name);
                }
            }
        }
        Ok((real.join("/"), kind))
    }

    /// What lies at a path without links in its folders.
    fn look(&self, path: &str) -> Result<Look> {
        let name = CString::new(path).map_err(|_| cannot("write", path, Errno::EINVAL))?;
        if self.folders.contains_key(path) {
            return Ok(Look::Kind(Seen::Folder));
        }
        let flags = nix::fcntl::AtFlags::AT_SYMLINK_NOFOLLOW;
        match nix::sys::stat::fstatat(&self.root, name.as_c_str(), flags) {
            Ok(stat) => {
                return Ok(match stat.st_mode & libc::S_IFMT {
                    libc::S_IFDIR => Look::Kind(Seen::Folder),
                    libc::S_IFLNK => Look::Link(
                        readlinkat(&self.root, name.as_c_str())
                            .map_err(|e| cannot("read", path, e))?
                            .to_string_lossy()
                            .into_owned(),
                    ),
                    _ => Look::Kind(Seen::Other),
                });
            }
            Err(Errno::ENOENT | Errno::ENOTDIR) => {}
            Err(e) => return Err(cannot("read", path, e)),
        }
        self.below.look(path)
    }

    /// Makes a folder and its missing parents; folders of the layers below come up with their metadata. `path` has no
    /// links. New ones are `owner`'s.
    pub(super) fn make_folder(&mut self, path: &str, owner: Owner) -> Result<()> {
        let mut here = String::new();
        for name in split(path) {
            here = join(&here, name);
            if self.folders.contains_key(&here) {
                continue;
            }
            let meta = match self.below.locate_plain(&here)? {
                Some(located) if located.is_folder() => self.below.meta_of(&located)?,
                Some(_) => return Err(not_a_folder(&here)),
                None => Meta {
                    kind: EntryType::Folder,
                    mode: 0o755,
                    uid: owner.uid,
                    gid: owner.gid,
                    mtime: self.now,
                    ..Meta::default()
                },
            };
            self.mkdir(&here, meta)?;
        }
        Ok(())
    }

    fn mkdir(&mut self, path: &str, meta: Meta) -> Result<()> {
        let name = c_path(path)?;
        match mkdirat(&self.root, name.as_c_str(), Mode::S_IRWXU) {
            Ok(()) => {}
            Err(Errno::EEXIST) => {
                if let Look::Link(_) | Look::Kind(Seen::Other) = self.look(path)? {
                    return Err(not_a_folder(path));
                }
            }
            Err(e) => return Err(cannot("make", path, e)),
        }
        if self.folders.insert(path.to_owned(), Some(meta)).is_none() {
            self.order.push(path.to_owned());
        }
        Ok(())
    }

    /// Makes a folder that is a copy of another one. `path`: without links but perhaps at its end.
    pub(super) fn copy_folder(&mut self, path: &str, meta: &Meta, owner: Owner) -> Result<()> {
        if let Some((parent, _)) = path.rsplit_once('/') {
            self.make_folder(parent, owner)?;
        }
        match self.look(path)? {
            Look::Link(_) | Look::Kind(Seen::Other) => {
                return Err(Error::new(
                    Kind::Invalid,
                    format!("cannot copy to non-directory: /{path}"),
                ));
            }
            Look::Kind(_) => {}
        }
        self.mkdir(path, meta.clone())
    }

    /// The time of the step.
    pub(super) fn now(&self) -> (i64, u32) {
        self.now
    }

    /// Changes what a folder that is there will be in the end.
    pub(super) fn change_folder(&mut self, path: &str, change: impl FnOnce(&mut Meta)) {
        if let Some(Some(meta)) = self.folders.get_mut(path) {
            change(meta);
        }
    }

    /// Copies anything but a folder.
    pub(super) fn copy(&mut self, path: &str, meta: &Meta, at: At<'_>, owner: Owner) -> Result<()> {
        let name = self.clear(path, owner)?;
        if let Some(first) = meta.inode.and_then(|inode| self.links.get(&inode)) {
            let first = c_path(first)?;
            let flags = nix::fcntl::AtFlags::empty();
            return linkat(
                &self.root,
                first.as_c_str(),
                &self.root,
                name.as_c_str(),
                flags,
            )
            .map_err(|e| cannot("link", path, e));
        }
        match meta.kind {
            EntryType::File => {
                let file = self.create(path, &name)?;
                if meta.size > 0 {
                    let mut from = at.open()?;
                    let size = self.pour(path, &mut from, file.as_fd())?;
                    if size < meta.size {
                        let text = format!("`/{}` became shorter while it was read", at.whole);
                        return Err(Error::new(Kind::State, text));
                    }
                }
                if let Some(capability) = &meta.capability {
                    self.capabilities
                        .insert(path.as_bytes().to_vec(), capability.clone());
                }
                self.end_file(path, file, meta)?;
            }
            EntryType::Symlink => {
                let text =
                    CString::new(at.link()?).map_err(|_| cannot("link", path, Errno::EINVAL))?;
                symlinkat(text.as_c_str(), &self.root, name.as_c_str())
                    .map_err(|e| cannot("link", path, e))?;
                self.end_nameless(path, &name, meta)?;
            }
            EntryType::Fifo => {
                let mode = Mode::from_bits_truncate(meta.mode & 0o777);
                mknodat(&self.root, name.as_c_str(), SFlag::S_IFIFO, mode, 0)
                    .and_then(|()| {
                        // the umask took some of it
                        let follow = FchmodatFlags::FollowSymlink;
                        fchmodat(&self.root, name.as_c_str(), mode, follow)
                    })
                    .map_err(|e| cannot("make", path, e))?;
                self.end_nameless(path, &name, meta)?;
            }
            EntryType::Char | EntryType::Block => {
                // an empty file with a record, as unpacking keeps devices
                let file = self.create(path, &name)?;
                self.end_file(path, file, meta)?;
            }
            _ => {
                let text = format!("cannot copy `/{}`: it is no file", at.whole);
                return Err(Error::new(Kind::Invalid, text));
            }
        }
        if let Some(inode) = meta.inode {
            self.links.insert(inode, path.to_owned());
        }
        Ok(())
    }

    /// Writes a file of some bytes.
    pub(super) fn write(
        &mut self,
        path: &str,
        bytes: &[u8],
        meta: &Meta,
        owner: Owner,
    ) -> Result<()> {
        let name = self.clear(path, owner)?;
        let file = self.create(path, &name)?;
        let mut writer = std::fs::File::from(file);
        writer
            .write_all(bytes)
            .context(Kind::System, || format!("cannot write `/{path}`"))?;
        self.end_file(path, OwnedFd::from(writer), meta)
    }

    /// Makes the way to a path and takes away what this step itself put there before.
    fn clear(&mut self, path: &str, owner: Owner) -> Result<CString> {
        if let Some((parent, _)) = path.rsplit_once('/') {
            self.make_folder(parent, owner)?;
        }
        let name = c_path(path)?;
        match unlinkat(&self.root, name.as_c_str(), UnlinkatFlags::NoRemoveDir) {
            Ok(()) | Err(Errno::ENOENT) => {
                self.aside.retain(|(other, _)| other != path);
                Ok(name)
            }
            Err(e) => Err(cannot("replace", path, e)),
        }
    }

    fn create(&self, path: &str, name: &CString) -> Result<OwnedFd> {
        let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW;
        openat(
            &self.root,
            name.as_c_str(),
            flags | OFlag::O_CLOEXEC,
            Mode::S_IRUSR | Mode::S_IWUSR,
        )
        .map_err(|e| cannot("make", path, e))
    }

    fn pour(
        &mut self,
        path: &str,
        from: &mut std::fs::File,
        to: std::os::fd::BorrowedFd<'_>,
    ) -> Result<u64> {
        let cannot = || format!("cannot copy `/{path}`");
        let mut to = std::fs::File::from(to.try_clone_to_owned().context(Kind::System, cannot)?);
        let mut size = 0;
        loop {
            let count = from.read(&mut self.buffer).context(Kind::System, cannot)?;
            if count == 0 {
                return Ok(size);
            }
            to.write_all(&self.buffer[..count])
                .context(Kind::System, cannot)?;
            size += count as u64;
        }
    }

    fn end_file(&mut self, path: &str, file: OwnedFd, meta: &Meta) -> Result<()> {
        let kept = meta.mode | 0o400;
        let what = match meta.kind {
            EntryType::Char | EntryType::Block => What::Device {
                is_char: meta.kind == EntryType::Char,
                major: meta.major,
                minor: meta.minor,
                mode: (kept != meta.mode).then_some(meta.mode),
            },
            _ if kept != meta.mode => What::File(meta.mode),
            _ => What::Same,
        };
        self.record(path, Some(&file), meta, what)?;
        fchmod(&file, Mode::from_bits_truncate(kept)).map_err(|e| cannot("change", path, e))?;
        let time = time(meta.mtime);
        futimens(&file, &time, &time).map_err(|e| cannot("change", path, e))
    }

    fn end_nameless(&mut self, path: &str, name: &CString, meta: &Meta) -> Result<()> {
        self.record(path, None, meta, What::Same)?;
        let time = time(meta.mtime);
        let flags = UtimensatFlags::NoFollowSymlink;
        utimensat(&self.root, name.as_c_str(), &time, &time, flags)
            .map_err(|e| cannot("change", path, e))
    }

    fn record(&mut self, path: &str, fd: Option<&OwnedFd>, meta: &Meta, what: What) -> Result<()> {
        let ids = Ids {
            uid: meta.uid,
            gid: meta.gid,
            what,
        };
        let kept = match fd {
            Some(fd) => ids
                .keep_on(fd, &mut self.has_attributes)
                .map_err(|e| cannot("record the owner of", path, e))?,
            None => ids.is_plain(),
        };
        if !kept {
            self.aside.push((path.to_owned(), ids));
        }
        Ok(())
    }

    /// Gives folders their modes, owners and times, and writes the records that are no attributes.
    pub(super) fn finish(mut self) -> Result<()> {
        for path in std::mem::take(&mut self.order).into_iter().rev() {
            let Some(Some(meta)) = self.folders.remove(&path) else {
                continue;
            };
            let name = c_path(&path)?;
            let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
            let fd = openat(&self.root, name.as_c_str(), flags, Mode::empty())
                .map_err(|e| cannot("open", &path, e))?;
            let kept = meta.mode | 0o700;
            let what = match kept == meta.mode {
                true => What::Same,
                false => What::Folder(meta.mode),
            };
            self.record(&path, Some(&fd), &meta, what)?;
            fchmod(&fd, Mode::from_bits_truncate(kept)).map_err(|e| cannot("change", &path, e))?;
            let time = time(meta.mtime);
            futimens(&fd, &time, &time).map_err(|e| cannot("change", &path, e))?;
        }
        if !self.capabilities.is_empty() {
            capabilities::set(&self.upper, &self.capabilities);
        }
        if self.aside.is_empty() {
            return Ok(());
        }
        let mut text = Vec::new();
        for (path, ids) in &self.aside {
            text.extend_from_slice(format!("{ids} {path}\0").as_bytes());
        }
        Ok(fs_err::write(&self.owners, text)?)
    }
}

/// What is at a path.
pub(super) enum Look {
    Link(String),
    Kind(Seen),
}

impl Tree {
    /// What lies at a path whose folders are no links.
    fn look(&self, path: &str) -> Result<Look> {
        let Some(located) = self.locate_plain(path)? else {
            return Ok(Look::Kind(Seen::Nothing));
        };
        Ok(match &located.found {
            Found::Folder(_) => Look::Kind(Seen::Folder),
            Found::Other(..) => match self.link_of(&located)? {
                Some(target) => Look::Link(target),
                None => Look::Kind(Seen::Other),
            },
        })
    }
}

/// The time of now, as files have it.
pub(super) fn now() -> (i64, u32) {
    let now = jiff::Timestamp::now();
    (now.as_second(), now.subsec_nanosecond().unsigned_abs())
}

fn split(path: &str) -> impl DoubleEndedIterator<Item = &str> {
    path.split('/').filter(|p| !p.is_empty() && *p != ".")
}

fn c_path(path: &str) -> Result<CString> {
    CString::new(path).map_err(|_| cannot("make", path, Errno::EINVAL))
}

fn time((seconds, nanoseconds): (i64, u32)) -> TimeSpec {
    TimeSpec::new(seconds, i64::from(nanoseconds))
}

/// BuildKit's words; the path is that in the image.
fn not_a_folder(path: &str) -> Error {
    Error::new(Kind::Invalid, format!("mkdir /{path}: not a directory"))
}
