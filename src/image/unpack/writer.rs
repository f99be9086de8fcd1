//! A tar's entries to files, by folder descriptors only.
//!
//! Relies on running in a thread of its own (see [`Writer::new`]). Every file belongs to us, folders are kept with
//! u+rwx and files with u+r, so that the user can remove and read them; what the tar says instead is recorded
//! (store/ids.rs). Set-id bits and times come last: writing clears the first and changes the second.

use std::collections::BTreeMap;
use std::ffi::{CStr, CString};
use std::fs::File;
use std::io::Write;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
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
use nix::sys::uio::pwrite;
use nix::unistd::{ftruncate, linkat, symlinkat};

use super::folders::{Folder, Folders, reopen};
use super::keep::Keep;
use super::{Limits, too_large};
use crate::error::{Context, Error, Kind, Result};
use crate::image::tar::{Entry, EntryType, Sink, Sparse, show, split};
use crate::store::ids::{self, Ids, What};
use crate::sys::{sentence, xattr};

const OPAQUE: &CStr = c"user.overlay.opaque";
const WHITEOUT: &CStr = c"user.overlay.whiteout";
const CREATE: OFlag = OFlag::O_WRONLY
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
}

/// The writer of one layer.
pub(super) struct Writer {
    limits: Limits,
    done: Done,
    /// Bytes that sparse files claim to have.
    sparse_bytes: u64,
    folders: Folders,
    keep: Keep,
    entries: Entries,
    /// The folder of the layer.
    layer: std::path::PathBuf,
    /// Records that are no attributes, by real path.
    owners: BTreeMap<Vec<u8>, Ids>,
    /// The file system has user attributes, as far as known.
    has_attributes: bool,
    /// The umask is not in the way: a mode given at creation is the mode.
    is_umask_free: bool,
    file: Option<OpenFile>,
    /// Mode and time of folders, set when nothing more is written into them.
    ends: Vec<FolderEnd>,
    /// Hard links before their targets: path, target.
    pending: Vec<(Vec<u8>, Vec<u8>)>,
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
        if !self.owners.is_empty() {
            let mut text = Vec::new();
            for (path, ids) in &self.owners {
                text.extend_from_slice(format!("{ids} ").as_bytes());
                text.extend_from_slice(path);
                text.push(0);
            }
            let path = self.layer.join("owners");
            let written = private_file(&path).and_then(|mut file| file.write_all(&text));
            written.context(Kind::System, || {
                format!("cannot write `{}`", path.display())
            })?;
        }
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

    fn discard(&mut self, folder: &Folder, name: &CStr, path: &[u8]) -> nix::Result<()> {
        if !self.owners.is_empty() {
            let real = folder.real_path(path);
            let below = [&real[..], b"/"].concat();
            self.owners
                .retain(|known, _| *known != real && !known.starts_with(&below));
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
        if entry.is_cut() {
            let inode = fstat(&fd)?.st_ino;
            if folder.is_linked() {
                self.keep.remember_linked(inode, entry.index, &entry.path);
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
        if ids.is_plain() {
            return Ok(());
        }
        if let Some(fd) = fd.filter(|_| self.has_attributes) {
            match xattr::set(fd, ids::NAME, ids.to_string().as_bytes()) {
                Ok(()) => return Ok(()),
                Err(Errno::EOPNOTSUPP) => self.has_attributes = false,
                // no room for attributes on this one, but perhaps for a file
                Err(Errno::ENOSPC | Errno::EDQUOT | Errno::E2BIG) => {}
                Err(e) => return Err(e),
            }
        }
        self.owners.insert(folder.real_path(path), ids);
        Ok(())
    }

    /// A whiteout or an opaque mark; what aufs left behind says nothing.
    fn mark(&mut self, entry: &Entry) -> nix::Result<()> {
        let name = entry.name();
        if name == b".wh..wh..opq" {
            let folder = self.folders.get(entry.folder())?;
            let fd = reopen(folder.as_fd())?;
            return self.set_opaque(fd.as_fd());
        }
        let Some(hidden) = name
            .strip_prefix(b".wh.")
            .filter(|_| !entry.path.starts_with(b".wh..wh."))
        else {
            return Ok(());
        };
        if hidden.starts_with(b".wh.") {
            return Ok(());
        }
        if matches!(hidden, b"" | b"." | b"..") {
            return Err(Errno::EINVAL);
        }
        let folder = self.folders.get(entry.folder())?;
        let hidden = CString::new(hidden).map_err(|_| Errno::EINVAL)?;
        match mknodat(
            &*folder,
            hidden.as_c_str(),
            SFlag::S_IFCHR,
            Mode::empty(),
            0,
        ) {
            Err(Errno::EEXIST) => self.hide_below(&folder, &hidden),
            Err(Errno::EPERM | Errno::EOPNOTSUPP | Errno::ENOSYS) => {
                self.hide_by_attribute(&folder, &hidden)
            }
            result => result,
        }
    }

    /// A whiteout of what this very layer has: it means the lower one, which only a folder does not hide already.
    fn hide_below(&mut self, folder: &Folder, name: &CStr) -> nix::Result<()> {
        let stat = fstatat(folder, name, AtFlags::AT_SYMLINK_NOFOLLOW)?;
        if stat.st_mode & libc::S_IFMT != libc::S_IFDIR {
            return Ok(());
        }
        let fd = openat(
            folder,
            name,
            OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC,
            Mode::empty(),
        )?;
        self.set_opaque(fd.as_fd())
    }

    /// The form of a whiteout where no device can be made (overlayfs.rst, Linux 6.7); `.wh.NAME` where no attribute can.
    fn hide_by_attribute(&mut self, folder: &Folder, name: &CStr) -> nix::Result<()> {
        let fd = match openat(folder, name, CREATE, Mode::S_IRUSR | Mode::S_IWUSR) {
            Err(Errno::EEXIST) => return self.hide_below(folder, name),
            fd => fd?,
        };
        let parent = reopen(folder.as_fd())?;
        let marked = xattr::set(&fd, WHITEOUT, b"y").and_then(|()| {
            match xattr::get(&parent, OPAQUE)?.as_deref() {
                Some(b"y") => Ok(()),
                _ => xattr::set(&parent, OPAQUE, b"x"),
            }
        });
        if marked.is_ok() {
            return Ok(());
        }
        let text = CString::new([b".wh.", name.to_bytes()].concat()).map_err(|_| Errno::EINVAL)?;
        nix::fcntl::renameat(folder, name, folder, text.as_c_str())
    }

    fn is_whiteout(&self, folder: &Folder, name: &CStr) -> nix::Result<bool> {
        let stat = fstatat(folder, name, AtFlags::AT_SYMLINK_NOFOLLOW)?;
        if crate::sys::overlay::is_whiteout(&stat) {
            return Ok(true);
        }
        if stat.st_mode & libc::S_IFMT != libc::S_IFREG || stat.st_size != 0 {
            return Ok(false);
        }
        let fd = openat(
            folder,
            name,
            OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC | OFlag::O_NONBLOCK,
            Mode::empty(),
        )?;
        Ok(xattr::get(&fd, WHITEOUT)?.is_some())
    }

    fn set_opaque(&self, folder: BorrowedFd<'_>) -> nix::Result<()> {
        match xattr::set(folder, OPAQUE, b"y") {
            Err(Errno::EOPNOTSUPP) => {
                match openat(folder, c".wh..wh..opq", CREATE, Mode::S_IRUSR) {
                    Err(Errno::EEXIST) => Ok(()),
                    fd => fd.map(drop),
                }
            }
            result => result,
        }
    }

    /// Makes a hard link; false when the target is not there (yet).
    fn hard_link(&mut self, path: &[u8], target: &[u8]) -> nix::Result<bool> {
        if path == target {
            return Ok(true);
        }
        let (name, target_name) = (last(path)?, last(target)?);
        let folder = self.folders.get(split(path).0)?;
        let of = match self.folders.find(split(target).0) {
            Err(Errno::ENOENT) => return Ok(false),
            of => of?,
        };
        let there = match fstatat(&*of, target_name.as_c_str(), AtFlags::AT_SYMLINK_NOFOLLOW) {
            Err(Errno::ENOENT) => return Ok(false),
            stat => stat?,
        };
        // a link to a link is a second name of the link itself: nothing is followed
        let link = || {
            linkat(
                &*of,
                target_name.as_c_str(),
                &*folder,
                name.as_c_str(),
                AtFlags::empty(),
            )
        };
        match link() {
            Err(Errno::EEXIST) => {
                let taken = fstatat(&*folder, name.as_c_str(), AtFlags::AT_SYMLINK_NOFOLLOW)?;
                if taken.st_ino == there.st_ino {
                    return Ok(true); // by another spelling, or once more
                }
                self.discard(&folder, &name, path)?;
                link()?;
            }
            result => result?,
        }
        let real = of.real_path(target);
        if let Some(ids) = self.owners.get(&real).copied() {
            self.owners.insert(folder.real_path(path), ids);
        }
        Ok(true)
    }

    /// Makes the links that came before their targets, in their order and then backwards, for chains.
    fn pending_links(&mut self) -> Result<()> {
        let mut left = Vec::new();
        for (path, target) in std::mem::take(&mut self.pending) {
            if !self.late_link(&path, &target)? {
                left.push((path, target));
            }
        }
        for (path, target) in left.into_iter().rev() {
            if !self.late_link(&path, &target)? {
                return Err(
                    Error::new(Kind::Corrupt, format!("cannot unpack {}", show(&path))).because(
                        format!(
                            "it is a hard link to {}, which is not in the layer",
                            show(&target)
                        ),
                    ),
                );
            }
        }
        Ok(())
    }

    fn late_link(&mut self, path: &[u8], target: &[u8]) -> Result<bool> {
        // what has the name came after the link, and wins
        let done = match self.is_taken(path) {
            Ok(false) => self.hard_link(path, target),
            other => other,
        };
        done.map_err(|e| cannot(path, e))
    }

    fn is_taken(&mut self, path: &[u8]) -> nix::Result<bool> {
        let folder = self.folders.get(split(path).0)?;
        match fstatat(
            &*folder,
            last(path)?.as_c_str(),
            AtFlags::AT_SYMLINK_NOFOLLOW,
        ) {
            Err(Errno::ENOENT) => Ok(false),
            stat => stat.map(|_| true),
        }
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

/// Spreads the body of a sparse file over its parts.
struct Spread {
    parts: std::vec::IntoIter<(u64, u64)>,
    /// Where the next byte goes, and how many go there.
    at: u64,
    left: u64,
    real_size: i64,
}

impl Spread {
    fn new(sparse: &Sparse) -> Spread {
        let real_size = i64::try_from(sparse.real_size).unwrap_or(i64::MAX);
        Spread {
            parts: sparse.parts.clone().into_iter(),
            at: 0,
            left: 0,
            real_size,
        }
    }

    fn write(&mut self, fd: BorrowedFd<'_>, mut bytes: &[u8]) -> nix::Result<()> {
        while !bytes.is_empty() {
            while self.left == 0 {
                // the parser has checked that the parts hold all bytes
                (self.at, self.left) = self.parts.next().ok_or(Errno::EINVAL)?;
            }
            let part = &bytes[..bytes
                .len()
                .min(usize::try_from(self.left).unwrap_or(usize::MAX))];
            let n = match pwrite(fd, part, self.at as i64) {
                Err(Errno::EINTR) => continue,
                n => n?,
            };
            self.at += n as u64;
            self.left -= n as u64;
            bytes = &bytes[n..];
        }
        Ok(())
    }
}

/// The file `entries`, which is compressed as it is written.
struct Entries {
    path: std::path::PathBuf,
    encoder: zstd::stream::write::Encoder<'static, File>,
    /// Headers are short, and each call of the encoder costs something.
    buffer: Vec<u8>,
}

impl Entries {
    const LEVEL: i32 = 3;
    const BUFFER: usize = 128 << 10;

    fn new(path: &Path) -> Result<Entries> {
        let cannot = || format!("cannot write `{}`", path.display());
        let file = private_file(path).context(Kind::System, cannot)?;
        let mut encoder = zstd::stream::write::Encoder::new(file, Entries::LEVEL)
            .context(Kind::System, cannot)?;
        encoder
            .include_checksum(true)
            .context(Kind::System, cannot)?;
        Ok(Entries {
            path: path.to_owned(),
            encoder,
            buffer: Vec::with_capacity(Entries::BUFFER),
        })
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        if self.buffer.len() + bytes.len() > Entries::BUFFER {
            self.encoder
                .write_all(&self.buffer)
                .map_err(|e| self.cannot(e))?;
            self.buffer.clear();
        }
        if bytes.len() > Entries::BUFFER {
            return self.encoder.write_all(bytes).map_err(|e| self.cannot(e));
        }
        self.buffer.extend_from_slice(bytes);
        Ok(())
    }

    fn finish(mut self) -> Result<()> {
        self.encoder
            .write_all(&self.buffer)
            .map_err(|e| self.cannot(e))?;
        let path = self.path;
        self.encoder
            .finish()
            .map(drop)
            .map_err(|e| cannot_write(&path, e))
    }

    fn cannot(&self, e: std::io::Error) -> Error {
        cannot_write(&self.path, e)
    }
}

fn cannot_write(path: &Path, e: std::io::Error) -> Error {
    Error::new(Kind::System, format!("cannot write `{}`", path.display())).because(e)
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

/// Makes a file of our own: 0600, since the umask is 0 here.
fn private_file(path: &Path) -> std::io::Result<File> {
    File::options()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
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

fn last(path: &[u8]) -> nix::Result<CString> {
    let name = split(path).1;
    if name.is_empty() {
        return Err(Errno::EINVAL);
    }
    CString::new(name).map_err(|_| Errno::EINVAL)
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

fn write_all(fd: BorrowedFd<'_>, mut bytes: &[u8]) -> nix::Result<()> {
    while !bytes.is_empty() {
        match nix::unistd::write(fd, bytes) {
            Ok(n) => bytes = &bytes[n..],
            Err(Errno::EINTR) => {}
            Err(e) => return Err(e),
        }
    }
    Ok(())
}

/// The error of one entry: what its bytes are to blame for is `Kind::Corrupt`.
fn cannot(path: &[u8], e: Errno) -> Error {
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
