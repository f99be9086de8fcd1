//! Answers to the calls that make files: what another than root makes is made here and labelled with its maker, and what is
//! made in a folder that hands its group on gets that.

use std::ffi::{CStr, CString};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, OFlag, open, readlinkat};
use nix::sys::socket::{UnixAddr, bind};
use nix::sys::stat::{Mode, mkdirat, umask};
use nix::unistd::{fchdir, symlinkat};

use super::enter::{Spot, WRITE};
use super::files::{File, Last, seen};
use super::search::Way;
use super::worker::{Asked, CONTINUE, Outcome, Worker, value};
use crate::identity::acl::Acl;
use crate::identity::calls::Call;
use crate::identity::credentials::{Credentials, cap};
use crate::store::ids::{Ids, What};
use crate::sys::stat::{EVERYTHING, statx_here, statx_of};

/// Something that is about to be made.
pub(super) struct New {
    /// User and group.
    owner: (u32, u32),
    /// Its maker's.
    umask: u32,
    /// What its folder hands on.
    list: Option<Acl>,
    /// Whether a set-gid program may be of that group (mode_strip_sgid).
    is_in_group: bool,
}

impl New {
    /// The mode that it gets: a list that is handed on takes the place of the umask (posix_acl_create).
    pub(super) fn bits(&self, mode: u32) -> Mode {
        let mode = match mode & 0o2010 == 0o2010 && !self.is_in_group {
            true => mode & !0o2000,
            false => mode,
        };
        Mode::from_bits_truncate(match &self.list {
            Some(list) => mode & 0o7000 | list.clone().masked(mode).mode(),
            None => mode & 0o7777 & !self.umask,
        })
    }
}

impl Worker {
    pub(super) fn make(&mut self, asked: &Asked<'_>) -> Outcome {
        let (a, here) = (asked.args, libc::AT_FDCWD);
        match asked.call {
            Call::Mkdir => self.folder(asked, here, a[0], a[1]),
            Call::Mkdirat => self.folder(asked, asked.int(0), a[1], a[2]),
            Call::Symlink => self.link(asked, a[0], here, a[1]),
            Call::Symlinkat => self.link(asked, a[0], asked.int(1), a[2]),
            Call::Mknod => self.node(asked, here, a[0], a[1], a[2]),
            Call::Mknodat => self.node(asked, asked.int(0), a[1], a[2], a[3]),
            Call::Creat => {
                let flags = libc::O_CREAT | libc::O_WRONLY | libc::O_TRUNC;
                self.open(asked, here, a[0], flags, a[1])
            }
            Call::Open => self.open(asked, here, a[0], asked.int(1), a[2]),
            Call::Openat => self.open(asked, asked.int(0), a[1], asked.int(2), a[3]),
            Call::Openat2 => self.open2(asked),
            _ => self.bind(asked),
        }
    }

    /// Returns what is to be made; `None` where the kernel makes or refuses it by itself.
    fn place(
        &mut self,
        asked: &Asked<'_>,
        dirfd: i32,
        path: u64,
    ) -> Result<Option<(Spot, New)>, Errno> {
        let who = self.credentials(asked)?;
        let name = self.name(asked, dirfd, path, false)?;
        if name.to_bytes().ends_with(b"/") && !matches!(asked.call, Call::Mkdir | Call::Mkdirat) {
            self.may_walk(&who, &name, Last::Itself)?;
            return Ok(None); // which the kernel refuses
        }
        if who.makes_root_files() && self.new_in(&who, &parent(&name)).is_none() {
            return Ok(None);
        }
        let Some(spot) = self.may_add(&who, &name)? else {
            return Ok(None);
        };
        let new = self.new_at(&who, &spot.folder);
        Ok(new.map(|new| (spot, new)))
    }

    /// What a new file in a folder will be; `None` for root's, which need no record.
    pub(super) fn new_in(&mut self, who: &Credentials, folder: &CStr) -> Option<New> {
        let owner = self.maker(who, folder);
        self.new_of(who, folder, owner)
    }

    /// The same of a folder that is open.
    fn new_at(&mut self, who: &Credentials, folder: &File) -> Option<New> {
        self.new_of(who, &folder.own_name(), maker_at(who, folder))
    }

    fn new_of(&self, who: &Credentials, folder: &CStr, owner: (u32, u32)) -> Option<New> {
        let list = self.handed_on(folder);
        (owner != (0, 0) || list.is_some()).then_some(New {
            owner,
            umask: who.umask,
            list,
            is_in_group: who.is_in(owner.1) || who.has(cap::FSETID),
        })
    }

    /// Whom a new file in a folder belongs to.
    fn maker(&mut self, who: &Credentials, folder: &CStr) -> (u32, u32) {
        // a record changes no more of a folder's mode than what its owner may do, so the bit shows without one
        let is_handed_on = statx_here(folder, 0, EVERYTHING)
            .is_ok_and(|stat| u32::from(stat.stx_mode) & libc::S_ISGID != 0);
        let inherited = is_handed_on
            .then(|| self.look(folder, 0).ok())
            .flatten()
            .map(|(stat, ids)| seen(&stat, ids).gid);
        (who.user.fs, inherited.unwrap_or(who.group.fs))
    }

    fn folder(&mut self, asked: &Asked<'_>, dirfd: i32, path: u64, mode: u64) -> Outcome {
        let Some((spot, new)) = self.place(asked, dirfd, path)? else {
            return CONTINUE;
        };
        mkdirat(AT_FDCWD, spot.name.as_c_str(), new.bits(mode as u32))?;
        self.label(&spot.name, Last::Itself, &new)?;
        value(0)
    }

    fn link(&mut self, asked: &Asked<'_>, target: u64, dirfd: i32, path: u64) -> Outcome {
        let Some((spot, new)) = self.place(asked, dirfd, path)? else {
            return CONTINUE;
        };
        let mut text = Vec::new();
        self.tracee(asked)?.read_path(target, &mut text)?;
        let text = CString::new(text).map_err(|_| Errno::EINVAL)?;
        symlinkat(text.as_c_str(), AT_FDCWD, spot.name.as_c_str())?;
        self.label(&spot.name, Last::Itself, &new)?;
        value(0)
    }

    /// A device is an empty file with a record; a FIFO, a socket or a plain file the kernel can make by itself.
    fn node(&mut self, asked: &Asked<'_>, dirfd: i32, path: u64, mode: u64, dev: u64) -> Outcome {
        let (mode, dev) = (mode as u32, dev as u32);
        let is_char = match mode & libc::S_IFMT {
            libc::S_IFCHR if dev != 0 => true, // 0:0 is an overlay's whiteout, which anybody may make
            libc::S_IFBLK => false,
            libc::S_IFCHR => return CONTINUE,
            _ => return self.plain_node(asked, dirfd, path, mode),
        };
        let who = self.credentials(asked)?;
        if !who.has(cap::MKNOD) {
            return Err(Errno::EPERM);
        }
        let name = self.name(asked, dirfd, path, false)?;
        let owner = self.maker(&who, &parent(&name));
        let flags = OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_WRONLY | OFlag::O_CLOEXEC;
        let bits = Mode::from_bits_truncate(mode & 0o7777 & !who.umask | 0o400);
        drop(open(name.as_c_str(), flags, bits)?);
        let mut file = self.file(&name, Last::Itself)?;
        let what = What::Device {
            is_char,
            // the old encoding has 8 bits each, the new one 12 and 20 (include/linux/kdev_t.h, new_decode_dev)
            major: dev >> 8 & 0xfff,
            minor: dev & 0xff | dev >> 12 & 0xfff00,
            mode: (mode & 0o400 == 0).then_some(mode & 0o7777 & !who.umask),
        };
        let ids = Ids {
            uid: owner.0.into(),
            gid: owner.1.into(),
            what,
        };
        self.record_all(&mut file, ids)?;
        value(0)
    }

    fn plain_node(&mut self, asked: &Asked<'_>, dirfd: i32, path: u64, mode: u32) -> Outcome {
        let Some((spot, new)) = self.place(asked, dirfd, path)? else {
            return CONTINUE;
        };
        let kind = nix::sys::stat::SFlag::from_bits_truncate(mode & libc::S_IFMT);
        nix::sys::stat::mknodat(AT_FDCWD, spot.name.as_c_str(), kind, new.bits(mode), 0)?;
        self.label(&spot.name, Last::Itself, &new)?;
        value(0)
    }

    pub(super) fn open(
        &mut self,
        asked: &Asked<'_>,
        dirfd: i32,
        path: u64,
        flags: i32,
        mode: u64,
    ) -> Outcome {
        let who = self.credentials(asked)?;
        let is_nameless = flags & libc::O_TMPFILE == libc::O_TMPFILE;
        let makes = flags & libc::O_CREAT != 0 || is_nameless;
        let reads = !makes && flags & libc::O_ACCMODE == libc::O_RDONLY;
        // a status is other than the kernel's where there is anybody but root
        if reads && self.shared.table.has_others() {
            if self.read_path(asked, path).is_err() {
                return CONTINUE; // the kernel says what is wrong
            }
            if let Some(pid) = self.status_of(asked)
                && !self.has_other_pids(asked)
            {
                return self.status(asked, pid, flags);
            }
            return self.may_open_read(asked, &who, dirfd, flags);
        }
        if !makes {
            return self.may_open(asked, &who, (dirfd, path), flags);
        }
        let Ok(name) = self.name(asked, dirfd, path, false) else {
            return CONTINUE;
        };
        if is_nameless {
            let way = Way::Named(&name, Last::Follow);
            return self.nameless(asked, &who, (&name, way), (flags, mode as u32));
        }
        let judged = |worker: &mut Worker| worker.may_open(asked, &who, (dirfd, path), flags);
        self.create(asked, &who, &name, (flags, mode as u32), judged)
    }

    /// Makes the file of an open where there is none yet; of one that is there `judged` says whether it may be opened.
    pub(super) fn create(
        &mut self,
        asked: &Asked<'_>,
        who: &Credentials,
        name: &CStr,
        (flags, mode): (i32, u32),
        judged: impl FnOnce(&mut Worker) -> Outcome,
    ) -> Outcome {
        if name.to_bytes().ends_with(b"/") {
            self.may_come(who, name)?;
            return CONTINUE; // which the kernel refuses, whatever is there
        }
        if who.makes_root_files() && self.new_in(who, &parent(name)).is_none() {
            return CONTINUE;
        }
        let follows = flags & (libc::O_EXCL | libc::O_NOFOLLOW) == 0;
        let spot = match self.spot(who, name)? {
            Some(spot) if follows => self.led_on(asked, who, spot)?,
            spot => spot,
        };
        let Some(spot) = spot else {
            return CONTINUE; // the kernel says what is wrong
        };
        let Some(new) = self.new_at(who, &spot.folder) else {
            return CONTINUE;
        };
        let is_new = flags & libc::O_EXCL != 0;
        if let Err(e) = self.may_change_in(who, &spot.folder) {
            // one that is there may be opened all the same
            return match self.look(&spot.name, libc::AT_SYMLINK_NOFOLLOW) {
                Ok(_) if is_new => Err(Errno::EEXIST),
                Ok(_) if !follows || self.look(&spot.name, 0).is_ok() => judged(self),
                _ => Err(e),
            };
        }
        // O_EXCL does not follow a last link, so what is made is where the name says
        let wanted = OFlag::from_bits_truncate(flags)
            | OFlag::O_EXCL
            | OFlag::O_CREAT
            | OFlag::O_CLOEXEC
            | OFlag::O_NOCTTY;
        let fd = match open(spot.name.as_c_str(), wanted, new.bits(mode)) {
            Err(e) if is_new => return Err(e),
            Err(_) => return judged(self), // it is there, or the kernel says what is wrong
            Ok(fd) => fd,
        };
        let file = self.label_made(fd, &new)?;
        match is_new {
            false => CONTINUE, // to give a descriptor away costs five times as much as to open the file again
            true => give(asked, &file.fd, flags),
        }
    }

    /// Where an open makes its file: a last link that leads to nothing leads to where it is made. `None`: the kernel says what is
    /// wrong.
    fn led_on(
        &mut self,
        asked: &Asked<'_>,
        who: &Credentials,
        mut spot: Spot,
    ) -> Result<Option<Spot>, Errno> {
        /// MAXSYMLINKS.
        const MOST: usize = 40;
        for _ in 0..=MOST {
            let Ok(target) = readlinkat(AT_FDCWD, spot.name.as_c_str()) else {
                return Ok(Some(spot));
            };
            if self.look(&spot.name, 0).is_ok() {
                return Ok(Some(spot));
            }
            let target = target.into_vec();
            let name = match target.as_slice() {
                [.., b'/'] => return Ok(None),
                [b'/', ..] => {
                    self.path = target;
                    self.name_of(asked, AT_FDCWD.as_raw_fd())?
                }
                _ => below(&spot.folder.own_name(), &target),
            };
            match self.spot(who, &name)? {
                Some(next) => spot = next,
                None => return Ok(None),
            }
        }
        Err(Errno::ELOOP)
    }

    /// The socket of another than root's in the file system: bound by the kernel of the asker's own descriptor.
    fn bind(&mut self, asked: &Asked<'_>) -> Outcome {
        let who = self.credentials(asked)?;
        if who.makes_root_files() {
            return CONTINUE;
        }
        let Some(name) = self.socket(asked)? else {
            return CONTINUE;
        };
        if name.to_bytes().ends_with(b"/") {
            self.may_walk(&who, &name, Last::Itself)?;
            return CONTINUE; // which the kernel refuses
        }
        let spot = match self.may_add(&who, &name) {
            Err(Errno::EEXIST) => return Err(Errno::EADDRINUSE),
            spot => spot?,
        };
        let Some(spot) = spot else {
            return CONTINUE;
        };
        let new = New {
            owner: maker_at(&who, &spot.folder),
            umask: who.umask,
            list: None,
            is_in_group: true,
        };
        let socket = self.copy_of(asked, asked.int(0))?;
        let address = UnixAddr::new(last(&name))?;
        fchdir(&spot.folder.fd)?;
        umask(Mode::from_bits_truncate(who.umask));
        let bound = bind(socket.as_raw_fd(), &address);
        umask(Mode::empty());
        self.rest();
        bound?;
        self.label(&spot.name, Last::Itself, &new)?;
        value(0)
    }

    /// Our name for the socket in the file system that the address of a call names (unix(7)).
    fn socket(&mut self, asked: &Asked<'_>) -> Result<Option<CString>, Errno> {
        let len = asked.args[2] as usize;
        if !(3..=110).contains(&len) {
            return Ok(None);
        }
        let mut address = vec![0; len];
        self.tracee(asked)?.read(asked.args[1], &mut address)?;
        let family = u16::from_ne_bytes([address[0], address[1]]);
        let text = address[2..].split(|b| *b == 0).next().unwrap_or_default();
        if i32::from(family) != libc::AF_UNIX || text.is_empty() {
            return Ok(None);
        }
        self.path = text.to_vec();
        self.name_of(asked, libc::AT_FDCWD).map(Some)
    }

    /// Whether a socket in the file system may be connected to: by who may write it.
    pub(super) fn connect(&mut self, asked: &Asked<'_>) -> Outcome {
        if !self.shared.table.has_others() {
            return CONTINUE;
        }
        let who = self.credentials(asked)?;
        if who.has(cap::DAC_OVERRIDE) {
            return CONTINUE;
        }
        let Some(name) = self.socket(asked)? else {
            return CONTINUE;
        };
        match self.file(&name, Last::Follow) {
            Ok(file) => self.may_use(&who, &file, Way::Named(&name, Last::Follow), WRITE),
            Err(_) => {
                self.may_walk(&who, &name, Last::Follow)?;
                CONTINUE // the kernel says what is wrong
            }
        }
    }

    /// Records with a file that was made what there is to record.
    pub(super) fn label(&mut self, name: &CStr, last: Last, new: &New) -> Result<(), Errno> {
        let mut file = self.file(name, last)?;
        self.label_opened(&mut file, new)
    }

    /// The same with one that came into being by this opening, and has no record yet.
    pub(super) fn label_made(&mut self, fd: OwnedFd, new: &New) -> Result<File, Errno> {
        let stat = statx_of(&fd)?;
        let ids = None;
        let mut file = File { fd, stat, ids };
        self.label_opened(&mut file, new)?;
        Ok(file)
    }

    fn label_opened(&mut self, file: &mut File, new: &New) -> Result<(), Errno> {
        self.record(file, new.owner.0, new.owner.1)?;
        match &new.list {
            Some(list) => self.inherit(file, list),
            None => Ok(()),
        }
    }
}

/// Whom a new file in an open folder belongs to.
fn maker_at(who: &Credentials, folder: &File) -> (u32, u32) {
    let gid = match u32::from(folder.stat.stx_mode) & libc::S_ISGID {
        0 => who.group.fs,
        _ => folder.seen().gid,
    };
    (who.user.fs, gid)
}

/// Gives the asker a descriptor as the call's result.
pub(super) fn give(asked: &Asked<'_>, fd: &OwnedFd, flags: i32) -> Outcome {
    let closes = flags & libc::O_CLOEXEC != 0;
    (asked.lead.listener).answer_with(asked.id, fd.as_fd(), closes)?;
    Ok(None)
}

/// A descriptor's name in our own folder of the host's /proc, from an asker's folder.
pub(super) fn own_name(fd: &OwnedFd) -> CString {
    CString::new(format!("../self/fd/{}", fd.as_raw_fd())).expect("digits hold no zero byte")
}

/// A name below a folder of ours.
pub(super) fn below(folder: &CStr, name: &[u8]) -> CString {
    CString::new([folder.to_bytes(), b"/", name].concat()).expect("parts of C strings")
}

/// The folder of a path of ours.
pub(super) fn parent(name: &CStr) -> CString {
    let path = trimmed(name);
    let folder = match path.iter().rposition(|b| *b == b'/') {
        Some(0) => &b"/"[..],
        Some(at) => &path[..at],
        None => b".",
    };
    CString::new(folder).expect("a part of a C string")
}

/// A path of ours without slashes behind it.
pub(super) fn bare(name: &CStr) -> CString {
    CString::new(trimmed(name)).expect("a part of a C string")
}

/// The last name of a path of ours.
pub(super) fn last(name: &CStr) -> &[u8] {
    let path = trimmed(name);
    path.rsplit(|b| *b == b'/').next().unwrap_or(path)
}

fn trimmed(name: &CStr) -> &[u8] {
    let mut path = name.to_bytes();
    while let [rest @ .., b'/'] = path {
        if rest.is_empty() {
            break;
        }
        path = rest;
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_has_a_folder_and_a_name() {
        let parts = |path: &CStr| {
            (
                parent(path).into_string().unwrap(),
                String::from_utf8(last(path).to_vec()).unwrap(),
            )
        };
        let of = |folder: &str, name: &str| (folder.to_owned(), name.to_owned());
        assert_eq!(parts(c"cwd/a"), of("cwd", "a"));
        assert_eq!(parts(c"cwd/a/b//"), of("cwd/a", "b"));
        assert_eq!(parts(c"/a"), of("/", "a"));
        assert_eq!(parts(c"/x/y"), of("/x", "y"));
    }
}
