//! A tar's entries to files, by folder descriptors only.
//!
//! Relies on running in a thread of its own (see [`Writer::new`]). Every file belongs to us, folders are kept with
//! u+rwx and files with u+r, so that the user can remove and read them; what the tar says instead is recorded
//! (store/ids.rs). Set-id bits and times come last: writing clears the first and changes the second.

use std::collections::BTreeMap;
use std::ffi::{CStr, CString};
use std::io::Write;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::rc::Rc;

use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, open, openat};
use nix::sched::{CloneFlags, unshare};
use nix::sys::stat::{
    Mode, SFlag, UtimensatFlags, fchmod, fstat, fstatat, futimens, mkdirat, mknodat, umask,
    utimensat,
};
use nix::sys::time::TimeSpec;
use nix::unistd::{ftruncate, symlinkat};

use super::body::{Spread, write_all};
use super::entries::{Entries, private_file};
use super::folders::{Folder, Folders, reopen};
use super::keep::Keep;
use super::{Limits, too_large};
use crate::error::{Context, Error, Kind, Result};
use crate::image::capabilities;
use crate::image::tar::{Entry, EntryType, Sink, show};
use crate::store::ids::{self, Ids, What};
use crate::sys::{sentence, xattr};

pub(super) const CREATE: OFlag = OFlag::O_WRONLY
    .union(OFlag::O_CREAT)
    .union(OFlag::O_EXCL)
    .union(OFlag::O_NOFOLLOW)
    .union(OFlag::O_CLOEXEC);

/// What was written.
#[derive(Debug)]
pub(super) struct Done {
    /// Entries of the tar.
    pub(super) entries: u64,
    /// Bytes of plain files.
    pub(super) bytes: u64,
    /// File capabilities that files are to get, by real path.
    pub(super) capabilities: BTreeMap<Vec<u8>, Vec<u8>>,
}

/// The writer of one layer.
pub(super) struct Writer {
    limits: Limits,
    done: Done,
    /// Bytes that sparse files claim to have.
    sparse_bytes: u64,
    pub(super) folders: Folders,
    keep: Keep,
    entries: Entries,
    /// The folder of the layer.
    layer: std::path::PathBuf,
    /// Records that are no attributes, by real path.
    pub(super) owners: BTreeMap<Vec<u8>, Ids>,
    /// The file system has user attributes, as far as known.
    has_attributes: bool,
    /// The umask is not in the way: a mode given at creation is the mode.
    is_umask_free: bool,
    file: Option<OpenFile>,
    /// Mode and time of folders, set when nothing more is written into them.
    ends: Vec<FolderEnd>,
    /// Hard links before their targets: path, target.
    pub(super) pending: Vec<(Vec<u8>, Vec<u8>)>,
}

/// The file that is being written.
struct OpenFile {
    fd: OwnedFd,
    path: Vec<u8>,
    /// Set at the end, when it differs from that at creation.
    mode: Option<Mode>,
    time: TimeSpec,
    sparse: Option<Spread>,
}

struct FolderEnd {
    path: Vec<u8>,
    mode: Option<Mode>,
    time: TimeSpec,
}

impl Writer {
    /// Begins a layer in the folder `layer`. Gives the calling thread a umask of its own, 0, for good.
    pub(super) fn new(layer: &Path, limits: &Limits) -> Result<Writer> {
        let is_umask_free = unshare(CloneFlags::CLONE_FS).is_ok();
        if is_umask_free {
            umask(Mode::empty());
        }
        let cannot = || format!("cannot unpack into `{}`", layer.display());
        let flags = OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let top = open(layer, flags, Mode::empty()).context(Kind::System, cannot)?;
        let tree = make_root(top.as_fd()).context(Kind::System, cannot)?;
        Ok(Writer {
            limits: *limits,
            done: Done {
                entries: 0,
                bytes: 0,
                capabilities: BTreeMap::new(),
            },
            sparse_bytes: 0,
            folders: Folders::new(tree),
            keep: Keep::new(top),
            entries: Entries::new(&layer.join("entries"))?,
            layer: layer.to_owned(),
            owners: BTreeMap::new(),
            has_attributes: true,
            is_umask_free,
            file: None,
            ends: Vec::new(),
            pending: Vec::new(),
        })
    }

    /// Ends the layer.
    pub(super) fn finish(mut self) -> Result<Done> {
        self.pending_links()?;
        for end in std::mem::take(&mut self.ends) {
            self.end_folder(&end).map_err(|e| cannot(&end.path, e))?;
        }
        self.entries.finish()?;
        write_owners(&self.layer, &self.owners)?;
        self.keep.finish().context(Kind::System, || {
            format!("cannot unpack into `{}`", self.layer.display())
        })?;
        Ok(self.done)
    }

    fn check_limits(&self) -> Result<()> {
        let files = self.done.entries + self.folders.implied();
        if files > self.limits.files {
            return Err(
                Error::new(Kind::Corrupt, "cannot unpack the layer").because(format!(
                    "it holds more than {} files, the limit for one layer",
                    self.limits.files
                )),
            );
        }
        if self.sparse_bytes > self.limits.bytes {
            return Err(too_large(self.limits.bytes));
        }
        Ok(())
    }

    fn make(&mut self, entry: &Entry) -> nix::Result<()> {
        if crate::image::tar::is_mark(&entry.path) {
            return self.mark(entry);
        }
        if entry.path.is_empty() {
            // only the root itself may have no name
            return if entry.kind == EntryType::Folder {
                self.root(entry)
            } else {
                Err(Errno::EINVAL)
            };
        }
        let folder = self.folders.get(entry.folder())?;
        let name = CString::new(entry.name()).map_err(|_| Errno::EINVAL)?;
        match entry.kind {
            EntryType::File => self.plain_file(entry, &folder, &name),
            EntryType::HardLink => {
                if !self.hard_link(&entry.path, &entry.link)? {
                    self.pending.push((entry.path.clone(), entry.link.clone()));
                }
                Ok(())
            }
            EntryType::Symlink => {
                let text = CString::new(&entry.link[..]).map_err(|_| Errno::EINVAL)?;
                self.place(&folder, &name, &entry.path, || {
                    symlinkat(text.as_c_str(), &*folder, name.as_c_str())
                })?;
                self.end_nameless(entry, &folder, &name)
            }
            EntryType::Fifo => {
                let mode = Mode::from_bits_truncate(entry.mode & 0o777);
                self.place(&folder, &name, &entry.path, || {
                    mknodat(&*folder, name.as_c_str(), SFlag::S_IFIFO, mode, 0)
                })?;
                self.end_nameless(entry, &folder, &name)
            }
            EntryType::Char | EntryType::Block => self.device(entry, &folder, &name),
            EntryType::Folder => self.folder(entry, &folder, &name),
        }
    }

    /// Runs `create`; when the name is taken, once more after what has it is gone.
    fn place<T>(
        &mut self,
        folder: &Folder,
        name: &CStr,
        path: &[u8],
        create: impl Fn() -> nix::Result<T>,
    ) -> nix::Result<T> {
        match create() {
            Err(Errno::EEXIST) => {
                self.discard(folder, name, path)?;
                create()
            }
            result => result,
        }
    }

    pub(super) fn discard(&mut self, folder: &Folder, name: &CStr, path: &[u8]) -> nix::Result<()> {
        if !self.owners.is_empty() || !self.done.capabilities.is_empty() {
            let real = folder.real_path(path);
            forget(&mut self.owners, &real);
            forget(&mut self.done.capabilities, &real);
        }
        self.keep.discard(&mut self.folders, folder.as_fd(), name)
    }

    fn plain_file(&mut self, entry: &Entry, folder: &Rc<Folder>, name: &CStr) -> nix::Result<()> {
        let what = if entry.mode & 0o400 == 0 {
            What::File(entry.mode)
        } else {
            What::Same
        };
        let ids = Ids {
            uid: entry.uid,
            gid: entry.gid,
            what,
        };
        // user attributes need write permission: a labelled 0444 gets its mode at the end
        let is_labelled = !ids.is_plain() || user_xattrs(entry).next().is_some();
        let first = entry.mode & 0o777 | if is_labelled { 0o600 } else { 0o400 };
        let last = entry.mode | 0o400;
        let create = || openat(&**folder, name, CREATE, Mode::from_bits_truncate(first));
        let fd = self.place(folder, name, &entry.path, create)?;
        self.record(Some(fd.as_fd()), folder, &entry.path, ids)?;
        set_xattrs(fd.as_fd(), entry);
        let capability = entry
            .xattrs
            .iter()
            .find(|(name, _)| name == capabilities::NAME);
        if let Some(value) = capability.and_then(|(_, value)| capabilities::portable(value)) {
            self.done
                .capabilities
                .insert(folder.real_path(&entry.path), value);
        }
        if entry.is_cut() {
            let inode = fstat(&fd)?.st_ino;
            if folder.is_linked() {
                let way = self.folders.find(entry.folder());
                if way.is_ok_and(|way| Rc::ptr_eq(&way, folder)) {
                    self.keep.remember_linked(inode, entry.index, &entry.path);
                } else {
                    // it took the place of what may have been a link on its own way
                    self.keep.second_name(folder.as_fd(), name, entry.index)?;
                }
            } else {
                self.keep.remember(inode, entry.index);
            }
        }
        self.file = Some(OpenFile {
            fd,
            path: entry.path.clone(),
            mode: (!self.is_umask_free || first != last).then(|| Mode::from_bits_truncate(last)),
            time: time(entry),
            sparse: entry.sparse.as_ref().map(Spread::new),
        });
        Ok(())
    }

    /// A device cannot be made by a user: an empty file with a record.
    fn device(&mut self, entry: &Entry, folder: &Rc<Folder>, name: &CStr) -> nix::Result<()> {
        let mode = entry.mode & 0o777 | 0o600;
        let create = || openat(&**folder, name, CREATE, Mode::from_bits_truncate(mode));
        let fd = self.place(folder, name, &entry.path, create)?;
        let what = What::Device {
            is_char: entry.kind == EntryType::Char,
            major: entry.major,
            minor: entry.minor,
            mode: (mode != entry.mode).then_some(entry.mode),
        };
        self.record(
            Some(fd.as_fd()),
            folder,
            &entry.path,
            Ids {
                uid: entry.uid,
                gid: entry.gid,
                what,
            },
        )?;
        if !self.is_umask_free {
            fchmod(&fd, Mode::from_bits_truncate(mode))?;
        }
        futimens(&fd, &time(entry), &time(entry))
    }

    fn folder(&mut self, entry: &Entry, folder: &Rc<Folder>, name: &CStr) -> nix::Result<()> {
        let mode = Mode::from_bits_truncate((entry.mode | 0o700) & 0o1777);
        let mut is_opaque = false;
        let mut is_known = false;
        if let Err(e) = mkdirat(&**folder, name, mode) {
            if e != Errno::EEXIST {
                return Err(e);
            }
            let there =
                fstatat(&**folder, name, AtFlags::AT_SYMLINK_NOFOLLOW)?.st_mode & libc::S_IFMT;
            is_known = there == libc::S_IFDIR;
            if !is_known {
                // a whiteout, then a folder of that name: it hides the lower one
                is_opaque = self.is_whiteout(folder, name)?;
                self.discard(folder, name, &entry.path)?;
                mkdirat(&**folder, name, mode)?;
            }
        }
        let ids = folder_ids(entry);
        if is_known
            || is_opaque
            || !ids.is_plain()
            || !entry.xattrs.is_empty()
            || !self.is_umask_free
        {
            let fd = openat(
                &**folder,
                name,
                OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC,
                Mode::empty(),
            )?;
            if is_known || !self.is_umask_free {
                fchmod(&fd, mode)?;
            }
            self.relabel(&fd, folder, entry, ids, is_known)?;
            if is_opaque {
                self.set_opaque(fd.as_fd())?;
            }
        }
        self.ends.push(FolderEnd {
            path: entry.path.clone(),
            mode: set_id(entry),
            time: time(entry),
        });
        Ok(())
    }

    /// The root's own entry.
    fn root(&mut self, entry: &Entry) -> nix::Result<()> {
        let root = self.folders.get(b"")?;
        let fd = reopen(root.as_fd())?;
        fchmod(&fd, Mode::from_bits_truncate((entry.mode | 0o700) & 0o1777))?;
        self.relabel(&fd, &root, entry, folder_ids(entry), true)?;
        self.ends.push(FolderEnd {
            path: Vec::new(),
            mode: set_id(entry),
            time: time(entry),
        });
        Ok(())
    }

    /// Gives a folder its record and attributes, in the place of those that an earlier entry gave it.
    fn relabel(
        &mut self,
        fd: &OwnedFd,
        folder: &Folder,
        entry: &Entry,
        ids: Ids,
        is_known: bool,
    ) -> nix::Result<()> {
        if is_known {
            xattr::remove(fd, ids::NAME)?;
            self.owners.remove(&folder.real_path(&entry.path));
        }
        self.record(Some(fd.as_fd()), folder, &entry.path, ids)?;
        set_xattrs(fd.as_fd(), entry);
        Ok(())
    }

    /// Ends what has no descriptor to write through: links and FIFOs.
    fn end_nameless(&mut self, entry: &Entry, folder: &Folder, name: &CStr) -> nix::Result<()> {
        utimensat(
            folder,
            name,
            &time(entry),
            &time(entry),
            UtimensatFlags::NoFollowSymlink,
        )?;
        let ids = Ids {
            uid: entry.uid,
            gid: entry.gid,
            what: What::Same,
        };
        self.record(None, folder, &entry.path, ids)
    }

    /// Records owner and mode, in an attribute where there can be one.
    fn record(
        &mut self,
        fd: Option<BorrowedFd<'_>>,
        folder: &Folder,
        path: &[u8],
        ids: Ids,
    ) -> nix::Result<()> {
        let kept = match fd {
            Some(fd) => ids.keep_on(fd, &mut self.has_attributes)?,
            None => ids.is_plain(),
        };
        if !kept {
            self.owners.insert(folder.real_path(path), ids);
        }
        Ok(())
    }

    fn end_folder(&self, end: &FolderEnd) -> nix::Result<()> {
        let fd = match self.folders.open(&end.path, OFlag::O_DIRECTORY) {
            // something else took its place
            Err(Errno::ENOENT | Errno::ENOTDIR | Errno::ELOOP) => return Ok(()),
            fd => fd?,
        };
        if let Some(mode) = end.mode {
            fchmod(&fd, mode)?;
        }
        futimens(&fd, &end.time, &end.time)
    }

    fn end_file(&mut self, file: OpenFile) -> nix::Result<()> {
        if let Some(spread) = file.sparse {
            ftruncate(&file.fd, spread.real_size)?;
        }
        if let Some(mode) = file.mode {
            fchmod(&file.fd, mode)?;
        }
        futimens(&file.fd, &file.time, &file.time)
    }
}

impl Sink for Writer {
    fn raw(&mut self, bytes: &[u8]) -> Result<()> {
        self.entries.write(bytes)
    }

    fn begin(&mut self, entry: &Entry) -> Result<()> {
        self.done.entries += 1;
        if let Some(sparse) = &entry.sparse {
            self.sparse_bytes = self.sparse_bytes.saturating_add(sparse.real_size);
        }
        self.check_limits()?;
        self.make(entry).map_err(|e| cannot(&entry.path, e))?;
        self.check_limits()
    }

    fn data(&mut self, bytes: &[u8]) -> Result<()> {
        let Some(file) = &mut self.file else {
            return Ok(());
        };
        self.done.bytes += bytes.len() as u64;
        let written = match &mut file.sparse {
            None => write_all(file.fd.as_fd(), bytes),
            Some(spread) => spread.write(file.fd.as_fd(), bytes),
        };
        written.map_err(|e| cannot(&file.path, e))
    }

    fn end(&mut self) -> Result<()> {
        let Some(file) = self.file.take() else {
            return Ok(());
        };
        let path = file.path.clone();
        self.end_file(file).map_err(|e| cannot(&path, e))
    }

    fn payload(&mut self, _: &Entry) -> Result<()> {
        Ok(()) // a whole tar is fed in
    }
}

/// Writes the sidecar `owners` of the layer in `folder`, where there is anything to say (store/ids.rs).
pub(crate) fn write_owners(folder: &Path, owners: &BTreeMap<Vec<u8>, Ids>) -> Result<()> {
    if owners.is_empty() {
        return Ok(());
    }
    let mut text = Vec::new();
    for (path, ids) in owners {
        text.extend_from_slice(format!("{ids} ").as_bytes());
        text.extend_from_slice(path);
        text.push(0);
    }
    let path = folder.join("owners");
    let written = private_file(&path).and_then(|mut file| file.write_all(&text));
    written.context(Kind::System, || {
        format!("cannot write `{}`", path.display())
    })
}

/// Makes the tree's root, 0755 whatever the folders above it would have it inherit.
fn make_root(layer: BorrowedFd<'_>) -> nix::Result<OwnedFd> {
    let mode = Mode::from_bits_truncate(0o755);
    mkdirat(layer, c"tree", mode)?;
    let tree = openat(
        layer,
        c"tree",
        OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC,
        Mode::empty(),
    )?;
    // a default ACL would change the mode of every file below
    xattr::remove(&tree, c"system.posix_acl_default")?;
    fchmod(&tree, mode)?;
    openat(
        &tree,
        c".",
        OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC,
        Mode::empty(),
    )
}

/// Drops what is known about a path and all below it.
fn forget<T>(known: &mut BTreeMap<Vec<u8>, T>, path: &[u8]) {
    known.remove(path);
    let below = [path, b"/"].concat();
    let from_there = known.range(below.clone()..).map(|(path, _)| path);
    let gone: Vec<Vec<u8>> = from_there
        .take_while(|path| path.starts_with(&below))
        .cloned()
        .collect();
    for path in gone {
        known.remove(&path);
    }
}

fn folder_ids(entry: &Entry) -> Ids {
    let what = if entry.mode & 0o700 == 0o700 {
        What::Same
    } else {
        What::Folder(entry.mode)
    };
    Ids {
        uid: entry.uid,
        gid: entry.gid,
        what,
    }
}

/// Mode of a folder with set-id bits, which its content would inherit if it had them at once.
fn set_id(entry: &Entry) -> Option<Mode> {
    (entry.mode & 0o6000 != 0).then(|| Mode::from_bits_truncate(entry.mode | 0o700))
}

fn time(entry: &Entry) -> TimeSpec {
    TimeSpec::new(entry.mtime, i64::from(entry.mtime_nsec))
}

/// The user attributes of an entry, but those that would be commands to us or to an overlay. The rest is in `entries`.
fn user_xattrs(entry: &Entry) -> impl Iterator<Item = (&[u8], &[u8])> {
    const COMMANDS: [&[u8]; 3] = [b"user.overlay.", b"user.coracle.", b"user.fuseoverlayfs."];
    let all = entry
        .xattrs
        .iter()
        .map(|(name, value)| (&name[..], &value[..]));
    all.filter(|(name, _)| {
        name.starts_with(b"user.") && !COMMANDS.iter().any(|c| name.starts_with(c))
    })
}

fn set_xattrs(fd: BorrowedFd<'_>, entry: &Entry) {
    for (name, value) in user_xattrs(entry) {
        if let Ok(name) = CString::new(name) {
            // docker goes on without them too; a push sends them from `entries`
            xattr::set(fd, &name, value).ok();
        }
    }
}

/// The error of one entry: what its bytes are to blame for is `Kind::Corrupt`.
pub(super) fn cannot(path: &[u8], e: Errno) -> Error {
    let text = format!("cannot unpack {}", show(path));
    let why = format!("{} ({e:?})", sentence(e));
    match e {
        Errno::ENAMETOOLONG => Error::new(Kind::Corrupt, text)
            .because("a name in it is longer than the file system takes"),
        Errno::ENOTDIR
        | Errno::ELOOP
        | Errno::EINVAL
        | Errno::EPERM
        | Errno::EMLINK
        | Errno::ENOENT
        | Errno::EISDIR => Error::new(Kind::Corrupt, text).because(why),
        Errno::ENOSPC | Errno::EDQUOT => Error::new(Kind::System, text)
            .because(why)
            .hint("free some space, or move the store with --root"),
        _ => Error::new(Kind::System, text).because(why),
    }
}
