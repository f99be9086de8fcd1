//! The folders on the way to a file: who is not above permissions must be allowed to search each of them.
//!
//! A way is gone name by name, as the kernel goes it; where a link lies on it, what counts is the way to where it leads.

use std::ffi::{CStr, CString};
use std::os::unix::ffi::OsStrExt;

use nix::errno::Errno;
use nix::fcntl::readlink;

use super::enter::SEARCH;
use super::files::{File, Last, seen};
use super::make::{below, parent};
use super::proc;
use super::worker::{Asked, Worker};
use crate::identity::credentials::Credentials;
use crate::store::ids::Ids;
use crate::sys::stat::{Statx, statx_here};

/// What a file shows, and its record.
pub(super) type Found = (Statx, Option<Ids>);

/// How a file was come to.
#[derive(Debug, Clone, Copy)]
pub(super) enum Way<'a> {
    /// By this name of ours.
    Named(&'a CStr, Last),
    /// By rules of its own, from the root on.
    FromRoot,
    /// By rules of its own, from an open folder.
    FromFolder,
    /// It is held open: no way leads to it.
    Held,
}

impl Worker {
    /// EACCES where the asker may not search a folder on the way.
    pub(super) fn asker_may_walk(
        &mut self,
        asked: &Asked<'_>,
        name: &CStr,
        last: Last,
    ) -> Result<(), Errno> {
        match self.walker(asked)? {
            Some(who) => self.may_walk(&who, name, last),
            None => Ok(()),
        }
    }

    /// Who asks, where it must be allowed to search; asks nobody while there is only root.
    pub(super) fn walker(&mut self, asked: &Asked<'_>) -> Result<Option<Credentials>, Errno> {
        if !self.shared.table.has_others() {
            return Ok(None);
        }
        let who = self.credentials(asked)?;
        Ok(Some(who).filter(|who| !who.searches_all()))
    }

    /// Goes the way as [`Worker::may_walk`] and returns what is at its end; `None` where the kernel says what is wrong.
    pub(super) fn walk(
        &mut self,
        who: &Credentials,
        name: &CStr,
        last: Last,
    ) -> Result<Option<Found>, Errno> {
        let is_followed = last == Last::Follow;
        if !self.may_come(who, name)?.0 {
            let flags = if is_followed {
                0
            } else {
                libc::AT_SYMLINK_NOFOLLOW
            };
            return Ok(self.look(name, flags).ok());
        }
        match self.look(name, libc::AT_SYMLINK_NOFOLLOW).ok() {
            Some((stat, _)) if is_followed && kind(&stat) == libc::S_IFLNK => {
                let file = self.may_follow(who, name)?;
                Ok(file.map(|file| (file.stat, file.ids)))
            }
            found => Ok(found),
        }
    }

    pub(super) fn may_reach(
        &mut self,
        who: &Credentials,
        file: &File,
        way: Way<'_>,
    ) -> Result<(), Errno> {
        match way {
            Way::Named(name, last) => self.may_walk(who, name, last),
            Way::FromRoot => self.may_search_real(who, file, usize::MAX),
            // where it begins was reached already
            Way::FromFolder => self.may_search_real(who, file, 1),
            Way::Held => Ok(()),
        }
    }

    /// EACCES where a folder on the way may not be searched, ENOTDIR where it is none; what is not there is the kernel's to say.
    pub(super) fn may_walk(
        &mut self,
        who: &Credentials,
        name: &CStr,
        last: Last,
    ) -> Result<(), Errno> {
        if self.may_come(who, name)?.0 && last == Last::Follow && is_link(name) {
            self.may_follow(who, name)?;
        }
        Ok(())
    }

    /// The same as far as the last name; returns whether there is a way on which anything is asked, and the last folder on it.
    pub(super) fn may_come(
        &mut self,
        who: &Credentials,
        name: &CStr,
    ) -> Result<(bool, Option<Found>), Errno> {
        let path = name.to_bytes();
        let Some(begin) = beginning(path).filter(|begin| *begin < path.len()) else {
            return Ok((false, None)); // the asker's own, which it holds
        };
        if who.searches_all() {
            return Ok((false, None));
        }
        let mut found = None;
        for (nth, folder) in folders(path, begin).enumerate() {
            let folder = CString::new(folder).expect("a part of a C string");
            // what the asker holds it need not come to
            let is_held = nth == 0 && begin > 0;
            let flags = if is_held {
                0
            } else {
                libc::AT_SYMLINK_NOFOLLOW
            };
            found = self.may_pass(who, &folder, flags)?;
        }
        Ok((true, found))
    }

    fn may_pass(
        &mut self,
        who: &Credentials,
        name: &CStr,
        flags: i32,
    ) -> Result<Option<Found>, Errno> {
        let Ok((stat, ids)) = self.look(name, flags) else {
            return Ok(None);
        };
        match kind(&stat) {
            libc::S_IFLNK => {
                let Some(file) = self.may_follow(who, name)? else {
                    return Ok(None);
                };
                if !file.is_folder() {
                    return Err(Errno::ENOTDIR);
                }
                self.may_search(who, &file.own_name(), &file.stat, file.ids)?;
                Ok(Some((file.stat, file.ids)))
            }
            libc::S_IFDIR => {
                self.may_search(who, name, &stat, ids)?;
                Ok(Some((stat, ids)))
            }
            _ => Err(Errno::ENOTDIR),
        }
    }

    /// The same for the way to where a link leads; returns what is there.
    fn may_follow(&mut self, who: &Credentials, link: &CStr) -> Result<Option<File>, Errno> {
        match self.file(link, Last::Follow) {
            Ok(file) => {
                self.may_search_real(who, &file, usize::MAX)?;
                Ok(Some(file))
            }
            // it leads to nothing, and perhaps by a folder that is closed; a circle of links is none of these
            Err(Errno::ENOENT | Errno::ENOTDIR) => {
                let Ok(target) = readlink(link) else {
                    return Ok(None);
                };
                let name = match target.as_bytes() {
                    target if target.starts_with(b"/") => {
                        CString::new(target).expect("a path has no zero byte")
                    }
                    target => below(&parent(link), target),
                };
                self.may_walk(who, &name, Last::Follow)?;
                Ok(None)
            }
            Err(_) => Ok(None),
        }
    }

    /// The same for up to `most` folders above an open file, the nearest first.
    fn may_search_real(
        &mut self,
        who: &Credentials,
        file: &File,
        most: usize,
    ) -> Result<(), Errno> {
        let Ok(path) = readlink(file.own_name().as_c_str()) else {
            return Ok(());
        };
        let path = path.as_bytes();
        if path.first() != Some(&b'/') {
            return Ok(()); // a pipe, a socket
        }
        let all: Vec<&[u8]> = folders(path, 0).collect();
        for folder in all.into_iter().rev().take(most) {
            let folder = CString::new(folder).expect("a path has no zero byte");
            if let Ok((stat, ids)) = self.look(&folder, 0) {
                self.may_search(who, &folder, &stat, ids)?;
            }
        }
        Ok(())
    }

    fn may_search(
        &mut self,
        who: &Credentials,
        name: &CStr,
        stat: &Statx,
        ids: Option<Ids>,
    ) -> Result<(), Errno> {
        // what is nobody's of ours is the kernel's to judge
        let is_ours = stat.stx_uid == 0 || ids.is_some();
        match kind(stat) == libc::S_IFDIR && is_ours {
            true => self.allowed(who, name, &seen(stat, ids), SEARCH),
            false => Ok(()),
        }
    }
}

pub(super) fn kind(stat: &Statx) -> u32 {
    u32::from(stat.stx_mode) & libc::S_IFMT
}

pub(super) fn is_link(name: &CStr) -> bool {
    statx_here(name, libc::AT_SYMLINK_NOFOLLOW, libc::STATX_TYPE)
        .is_ok_and(|stat| kind(&stat) == libc::S_IFLNK)
}

/// Length of the part of a name of ours that the asker holds, as its root, its working folder or a descriptor; `None` where
/// all of it is the asker's own.
fn beginning(path: &[u8]) -> Option<usize> {
    let part = |from: usize| {
        let rest = path.get(from..)?;
        Some(from + rest.iter().position(|b| *b == b'/').unwrap_or(rest.len()))
    };
    if path.starts_with(b"/") {
        return Some(proc::parse(path).and_then(|below| below.link).unwrap_or(0));
    }
    let own = path.strip_prefix(b"./").map_or(0, |_| 2);
    let own = path.strip_prefix(b"../self/").map_or(own, |_| 8);
    match part(own).map(|end| (&path[own..end], end))? {
        (b"fd", end) => part(end + 1),
        (b"cwd" | b"root" | b"exe", end) => Some(end),
        _ => None,
    }
}

/// The folders that a path leads through, from where it begins.
fn folders(path: &[u8], begin: usize) -> impl Iterator<Item = &[u8]> {
    let end = path.iter().rposition(|b| *b != b'/').unwrap_or(0);
    (begin..end)
        .filter(move |at| path[*at] == b'/' && (*at == begin || path[*at - 1] != b'/'))
        .map(|at| &path[..at.max(1)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_way_begins_with_what_the_asker_holds() {
        for (path, expected) in [
            ("/a/b//c", Some(&["/", "/a", "/a/b"][..])),
            ("/a/", Some(&["/"])),
            ("/", Some(&[])),
            ("cwd", None),
            ("cwd/a", Some(&["cwd"])),
            ("cwd/../b/c", Some(&["cwd", "cwd/..", "cwd/../b"])),
            ("fd/3", None),
            ("fd/3/a/b", Some(&["fd/3", "fd/3/a"])),
            ("./fd/3", None),
            ("./root/etc/shadow", Some(&["./root", "./root/etc"])),
            ("./status", None),
            (".", None),
            ("../self/fd/9/a", Some(&["../self/fd/9"])),
            ("/proc/7/fd/3", None),
            (
                "/proc/7/root/etc/x",
                Some(&["/proc/7/root", "/proc/7/root/etc"]),
            ),
            ("/proc/7/task/8/cwd/x", Some(&["/proc/7/task/8/cwd"])),
            ("/proc/version", Some(&["/", "/proc"])),
        ] {
            let path = path.as_bytes();
            let begin = beginning(path).filter(|begin| *begin < path.len());
            let found: Option<Vec<&str>> = begin.map(|begin| {
                folders(path, begin)
                    .map(|f| std::str::from_utf8(f).unwrap())
                    .collect()
            });
            assert_eq!(found.as_deref(), expected, "{}", path.escape_ascii());
        }
    }
}
