//! What a folder changes about the layers below it: the entries of its tar, in order, from metadata alone.
//!
//! The rules are those of BuildKit's differ over overlayfs and of containerd's tar writer (buildkit util/overlay,
//! containerd archive/tar.go, continuity fs/diff.go): what is as below is left out, a changed path brings its folders,
//! a hidden name is one whiteout, the first name of an inode is the file and the others are links to it.
//!
//! Reads only. What the tree needs to become the tree of a layer is noted down as [`Fix`]es, for [`super::normalise`].

use std::collections::{BTreeSet, HashMap};
use std::ffi::{CStr, CString};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::OsStringExt;

use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, readlinkat};
use nix::sys::stat::{FileStat, fstatat};

use super::merged::join;
use super::open::open_anyway;
use super::owners::{Meta, Owners, meta};
use super::same::Below;
use crate::error::{Error, Kind, Result};
use crate::image::stack::{self, Found, Part};
use crate::image::tar::{Entry, EntryType, is_mark, show};
use crate::store::ids::{Ids, What};
use crate::sys::{copy, overlay, sentence};

/// Deeper or longer than any program can name at once; descriptors and the stack are bounded by it.
const LONGEST: usize = libc::PATH_MAX as usize;

/// What happened to a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeKind {
    /// Not below.
    Added,
    /// Below, and other.
    Modified,
    /// Below, and hidden.
    Deleted,
    /// As below.
    Same,
}

/// One step towards the tree of a layer; the steps come in an order in which they can be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fix {
    /// Nothing of it is in the tar.
    Remove(Vec<u8>),
    /// It becomes a whiteout.
    Hide(Vec<u8>),
    /// Attributes of a folder that say something to an overlay.
    Unmark(Vec<u8>, Vec<CString>),
    /// The mode that it must have, and its record.
    Keep(Vec<u8>, u32, Ids),
    /// Seconds and nanoseconds of its change.
    Time(Vec<u8>, (i64, u32)),
}

/// The result.
#[derive(Debug, Default)]
pub(super) struct Survey {
    pub(super) entries: Vec<Entry>,
    /// Records that do not lie on the files themselves.
    pub(super) aside: Vec<(Vec<u8>, Ids)>,
    pub(super) fixes: Vec<Fix>,
    /// Path and what happened to it, for what the folder itself holds.
    pub(super) changes: Vec<(ChangeKind, Vec<u8>)>,
}

/// A folder on the way down, not in the tar unless something below it is.
struct Above {
    path: Vec<u8>,
    meta: Meta,
    is_written: bool,
}

/// The walk.
pub(super) struct Walk<'a> {
    pub(super) owners: &'a Owners,
    /// Of the layers below, the uppermost first.
    pub(super) lower_owners: &'a [Owners],
    /// Times later than this become this.
    pub(super) latest: Option<i64>,
    /// Paths that are mounted over: an empty file or folder there is only the mount's point.
    pub(super) points: &'a [Vec<u8>],
    above: Vec<Above>,
    /// Inode -> the first name in the tar.
    first: HashMap<u64, Vec<u8>>,
    /// Inode -> names that are as below, until a changed one comes.
    waiting: HashMap<u64, Vec<(Vec<u8>, Meta)>>,
    survey: Survey,
}

impl<'a> Walk<'a> {
    pub(super) fn new(
        owners: &'a Owners,
        lower_owners: &'a [Owners],
        latest: Option<i64>,
        points: &'a [Vec<u8>],
    ) -> Self {
        Walk {
            owners,
            lower_owners,
            latest,
            points,
            above: Vec::new(),
            first: HashMap::new(),
            waiting: HashMap::new(),
            survey: Survey::default(),
        }
    }

    /// Surveys the tree `root` over the folder `base`. `hides`: nothing of `base` shows through.
    pub(super) fn run(
        mut self,
        root: BorrowedFd<'_>,
        base: &[Part],
        hides: bool,
    ) -> Result<Survey> {
        self.folder(root, base, b"", hides)?;
        Ok(self.survey)
    }

    fn folder(
        &mut self,
        dir: BorrowedFd<'_>,
        base: &[Part],
        path: &[u8],
        mut hides: bool,
    ) -> Result<()> {
        let fixes = self.survey.fixes.len();
        let cannot = |e| cannot(path, e);
        let mut own: BTreeSet<CString> = copy::entries(dir).map_err(cannot)?.into_iter().collect();
        let mut hidden = BTreeSet::new();
        for mark in own.iter().filter(|name| is_mark(name.to_bytes())) {
            // fuse-overlayfs writes them, and a file of that name could mean nothing else in a tar
            match &mark.to_bytes()[4..] {
                b".wh..opq" => hides = true,
                name => drop(hidden.insert(CString::new(name).map_err(|_| cannot(Errno::EINVAL))?)),
            }
            self.survey.fixes.push(Fix::Remove(join(path, mark)));
        }
        own.retain(|name| !is_mark(name.to_bytes()));
        let mut all: BTreeSet<&CString> = own.iter().chain(&hidden).collect();
        let below = if hides {
            stack::names(base).map_err(cannot)?
        } else {
            BTreeSet::new()
        };
        all.extend(&below);
        for name in all {
            let path = join(path, name);
            if own.contains(name) {
                self.name(dir, base, name, path, hides)?;
            } else if stack::step(base, name).is_some() {
                self.survey.fixes.push(Fix::Hide(path.clone()));
                self.whiteout(path);
            }
        }
        // what was done in it changed its time
        if self.survey.fixes.len() > fixes
            && let Some(above) = self.above.last()
        {
            let time = Fix::Time(path.to_vec(), self.time(above.meta.mtime));
            self.survey.fixes.push(time);
        }
        Ok(())
    }

    /// One name of the tree itself.
    fn name(
        &mut self,
        dir: BorrowedFd<'_>,
        base: &[Part],
        name: &CStr,
        path: Vec<u8>,
        hides: bool,
    ) -> Result<()> {
        if path.len() >= LONGEST {
            return Err(cannot(&path, Errno::ENAMETOOLONG));
        }
        let failed = |e| cannot(&path, e);
        let stat = fstatat(dir, name, AtFlags::AT_SYMLINK_NOFOLLOW).map_err(failed)?;
        let lower = stack::step(base, name);
        if overlay::is_whiteout(&stat) {
            match lower {
                Some(_) => self.whiteout(path),
                None => self.survey.fixes.push(Fix::Remove(path)),
            }
            return Ok(());
        }
        let Some(mut meta) = meta(dir, name, &stat, &path, self.owners).map_err(failed)? else {
            self.survey.fixes.push(Fix::Remove(path)); // a socket
            return Ok(());
        };
        if lower.is_none() {
            self.owners.of_new(&mut meta);
        }
        if lower.is_none()
            && self.points.contains(&path)
            && is_empty(dir, name, &meta).map_err(failed)?
        {
            self.survey.fixes.push(Fix::Remove(path));
            return Ok(());
        }
        let below = lower.as_ref().map(|found| Below {
            base,
            found,
            owners: self.lower_owners,
        });
        let kind = match below {
            None => ChangeKind::Added,
            Some(below) if below.is_same(dir, name, &path, &meta).map_err(failed)? => {
                ChangeKind::Same
            }
            Some(_) => ChangeKind::Modified,
        };
        self.survey.changes.push((kind, path.clone()));
        if meta.kind == EntryType::Folder {
            return self.sub_folder(dir, name, path, (stat, meta), kind, lower, hides);
        }
        if kind == ChangeKind::Same && !hides {
            self.survey.fixes.push(Fix::Remove(path));
            return Ok(());
        }
        self.other(dir, name, path, stat, meta, kind)
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "one step of the walk: what is, and what is below it"
    )]
    fn sub_folder(
        &mut self,
        dir: BorrowedFd<'_>,
        name: &CStr,
        path: Vec<u8>,
        (stat, meta): (FileStat, Meta),
        kind: ChangeKind,
        lower: Option<Found>,
        hides: bool,
    ) -> Result<()> {
        let failed = |e| cannot(&path, e);
        if meta
            .marks
            .iter()
            .any(|m| m.as_c_str() == c"user.overlay.redirect")
        {
            return Err(failed(Errno::EOPNOTSUPP));
        }
        let fixes = self.survey.fixes.len();
        let inner = open_anyway(dir, name, OFlag::O_DIRECTORY).map_err(failed)?;
        let is_opaque = overlay::is_opaque(&inner)
            || meta
                .marks
                .iter()
                .any(|m| m.as_c_str() == c"user.fuseoverlayfs.opaque");
        let below = match lower {
            Some(Found::Folder(parts)) => parts,
            _ => Vec::new(),
        };
        if !meta.marks.is_empty() {
            let marks = meta.marks.clone();
            self.survey.fixes.push(Fix::Unmark(path.clone(), marks));
        }
        self.keep(&path, &stat, &meta, 0o700);
        self.above.push(Above {
            path: path.clone(),
            meta,
            is_written: false,
        });
        if kind != ChangeKind::Same {
            self.write_above();
        }
        self.folder(inner.as_fd(), &below, &path, hides || is_opaque)?;
        if self.above.pop().is_some_and(|above| !above.is_written) {
            // nothing in it or about it is in the tar
            self.survey.fixes.truncate(fixes);
            self.survey.fixes.push(Fix::Remove(path));
        }
        Ok(())
    }

    /// Anything that is no folder; as below only where nothing shows through, for the sake of links.
    fn other(
        &mut self,
        dir: BorrowedFd<'_>,
        name: &CStr,
        path: Vec<u8>,
        stat: FileStat,
        meta: Meta,
        kind: ChangeKind,
    ) -> Result<()> {
        let linked = meta.inode.and_then(|inode| self.first.get(&inode).cloned());
        if kind == ChangeKind::Same && linked.is_none() {
            if let Some(inode) = meta.inode {
                self.waiting
                    .entry(inode)
                    .or_default()
                    .push((path.clone(), meta));
            }
            self.survey.fixes.push(Fix::Remove(path));
            return Ok(());
        }
        self.keep(&path, &stat, &meta, 0o400);
        self.write_above();
        let mut entry = self.entry(&path, &meta);
        if let Some(first) = linked {
            link(&mut entry, first);
            self.survey.entries.push(entry);
            return Ok(());
        }
        if entry.kind == EntryType::Symlink {
            entry.link = readlinkat(dir, name)
                .map_err(|e| cannot(&path, e))?
                .into_vec();
        }
        self.survey.entries.push(entry);
        if let Some(inode) = meta.inode {
            self.first.insert(inode, path.clone());
            self.late_links(inode, &path);
        }
        Ok(())
    }

    /// Names of the same inode that came before and looked as below: links to this one now, as containerd writes them.
    fn late_links(&mut self, inode: u64, first: &[u8]) {
        for (path, meta) in self.waiting.remove(&inode).unwrap_or_default() {
            let mut entry = self.entry(&path, &meta);
            link(&mut entry, first.to_vec());
            self.survey
                .fixes
                .retain(|fix| *fix != Fix::Remove(path.clone()));
            self.survey.entries.push(entry);
        }
    }

    fn whiteout(&mut self, path: Vec<u8>) {
        self.survey
            .changes
            .push((ChangeKind::Deleted, path.clone()));
        self.write_above();
        let (folder, name) = crate::image::tar::split(&path);
        let mut hidden = folder.to_vec();
        if !folder.is_empty() {
            hidden.push(b'/');
        }
        hidden.extend_from_slice(b".wh.");
        hidden.extend_from_slice(name);
        self.survey.entries.push(Entry {
            index: self.survey.entries.len() as u64,
            path: hidden,
            ..Entry::default()
        });
    }

    /// Writes the folders above that are not written yet.
    fn write_above(&mut self) {
        for at in 0..self.above.len() {
            if !std::mem::replace(&mut self.above[at].is_written, true) {
                let entry = self.entry(&self.above[at].path, &self.above[at].meta);
                self.survey.entries.push(entry);
            }
        }
    }

    fn entry(&self, path: &[u8], meta: &Meta) -> Entry {
        let name = crate::image::capabilities::NAME.to_vec();
        Entry {
            index: self.survey.entries.len() as u64,
            kind: meta.kind,
            path: path.to_vec(),
            mode: meta.mode,
            uid: meta.uid,
            gid: meta.gid,
            mtime: self.time(meta.mtime).0,
            size: meta.size,
            major: meta.major,
            minor: meta.minor,
            xattrs: meta
                .capability
                .clone()
                .map(|value| (name, value))
                .into_iter()
                .collect(),
            ..Entry::default()
        }
    }

    fn time(&self, time: (i64, u32)) -> (i64, u32) {
        match self.latest {
            Some(latest) if time.0 >= latest => (latest, 0),
            _ => time,
        }
    }

    /// Notes what the file needs so that we can always use it: `needed` permission bits, its record, its time.
    fn keep(&mut self, path: &[u8], stat: &FileStat, meta: &Meta, needed: u32) {
        let mode = stat.st_mode & 0o7777;
        let what = match meta.kind {
            EntryType::File => What::File(meta.mode),
            EntryType::Folder => What::Folder(meta.mode),
            _ => What::Same,
        };
        if mode & needed != needed && what != What::Same {
            let ids = Ids {
                uid: meta.uid,
                gid: meta.gid,
                what,
            };
            self.survey
                .fixes
                .push(Fix::Keep(path.to_vec(), mode | needed, ids));
        }
        if self.latest.is_some_and(|latest| meta.mtime.0 >= latest) {
            self.survey
                .fixes
                .push(Fix::Time(path.to_vec(), self.time(meta.mtime)));
        }
        if meta.is_aside {
            let what = match meta.kind {
                EntryType::Char | EntryType::Block => What::Device {
                    is_char: meta.kind == EntryType::Char,
                    major: meta.major,
                    minor: meta.minor,
                    mode: Some(meta.mode),
                },
                _ if meta.mode == mode => What::Same,
                _ => what,
            };
            let ids = Ids {
                uid: meta.uid,
                gid: meta.gid,
                what,
            };
            self.survey.aside.push((path.to_vec(), ids));
        }
    }
}

/// Says whether a file or folder holds nothing.
fn is_empty(dir: BorrowedFd<'_>, name: &CStr, meta: &Meta) -> nix::Result<bool> {
    match meta.kind {
        EntryType::File => Ok(meta.size == 0),
        EntryType::Folder => {
            let inner = open_anyway(dir, name, OFlag::O_DIRECTORY)?;
            Ok(copy::entries(inner.as_fd())?.is_empty())
        }
        // /etc/mtab, as every container has it
        EntryType::Symlink => Ok(readlinkat(dir, name)?.as_encoded_bytes() == b"/proc/mounts"),
        _ => Ok(false),
    }
}

/// Makes an entry a link to the file `first`.
fn link(entry: &mut Entry, first: Vec<u8>) {
    entry.kind = EntryType::HardLink;
    entry.link = first;
    entry.size = 0;
    (entry.major, entry.minor) = (0, 0);
}

pub(super) fn cannot(path: &[u8], e: Errno) -> Error {
    let text = format!("cannot make a layer of {}", show(path));
    match e {
        Errno::ENAMETOOLONG => Error::new(Kind::Invalid, text).because("its path is too long"),
        Errno::EMFILE => Error::new(Kind::Host, text)
            .because("too many folders inside one another")
            .hint("raise the limit of open files (ulimit -n)"),
        Errno::EOPNOTSUPP => Error::new(Kind::Invalid, text).because(
            "the folder was moved by an overlay with redirect_dir, which is not supported",
        ),
        e => Error::new(Kind::System, text).because(format!("{} ({e:?})", sentence(e))),
    }
}
