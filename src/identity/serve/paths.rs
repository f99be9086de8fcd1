//! What a path of the asker's means for us.

use std::ffi::CString;
use std::os::fd::AsFd;

use nix::errno::Errno;
use nix::fcntl::{OFlag, openat, readlinkat};
use nix::sys::stat::Mode;
use nix::unistd::{chroot, fchdir};

use super::tracee;
use super::worker::{Asked, Worker};
use crate::identity::calls::Call;
use std::sync::atomic::Ordering;

impl Worker {
    /// Reads the path at `at` of the asker's memory and returns it as we have to say it. An empty one is `dirfd` itself
    /// where `may_be_empty`.
    pub(super) fn name(
        &mut self,
        asked: &Asked<'_>,
        dirfd: i32,
        at: u64,
        may_be_empty: bool,
    ) -> Result<CString, Errno> {
        self.read_path(asked, at)?;
        if self.path.is_empty() && !may_be_empty {
            return Err(Errno::ENOENT);
        }
        self.name_of(asked, dirfd)
    }

    /// Reads the path at `at` of the asker's memory into `self.path`.
    pub(super) fn read_path(&mut self, asked: &Asked<'_>, at: u64) -> Result<(), Errno> {
        // who executes has another memory soon: nothing is opened of who has asked nothing yet
        if matches!(asked.call, Call::Execve | Call::Execveat) && self.held(asked).is_none() {
            tracee::peek_path(asked.tid, at, &mut self.path)?;
            return match asked.lead.listener.is_valid(asked.id) {
                true => Ok(()),
                false => Err(Errno::ESRCH),
            };
        }
        let tracee = self.tracee(asked)?;
        tracee.read_path(at, &mut self.path)
    }

    /// The same for the path in `self.path`.
    pub(super) fn name_of(&mut self, asked: &Asked<'_>, dirfd: i32) -> Result<CString, Errno> {
        let name = self.spelled(asked, dirfd)?;
        self.stand_for(asked, &name)?;
        Ok(name)
    }

    /// The same, to be said from the asker's folder: it need not be our working folder yet.
    pub(super) fn spelled(&mut self, asked: &Asked<'_>, dirfd: i32) -> Result<CString, Errno> {
        let name = if self.path.first() == Some(&b'/') {
            match of_asker(&self.path) {
                Some(own) => own,
                None => {
                    if self.shared.moved.load(Ordering::Relaxed) {
                        self.enter_root(asked)?;
                    }
                    joined(b"", &self.path)
                }
            }
        } else {
            let mut name = match dirfd {
                libc::AT_FDCWD => joined(b"cwd/", &self.path),
                _ => joined(format!("fd/{dirfd}/").as_bytes(), &self.path),
            };
            if self.path.is_empty() {
                name.pop();
            }
            name
        };
        CString::new(name).map_err(|_| Errno::EINVAL)
    }

    /// The name of a descriptor of the asker's.
    pub(super) fn descriptor(&mut self, asked: &Asked<'_>, fd: i32) -> Result<CString, Errno> {
        if fd < 0 && fd != libc::AT_FDCWD {
            return Err(Errno::EBADF);
        }
        self.path.clear();
        self.name_of(asked, fd)
    }

    /// Follows links of ours by hand as far as they lead to what is the asker's own (`/var/log/x` -> `/dev/stdout`).
    pub(super) fn follow_to_own(&mut self, asked: &Asked<'_>, mut name: CString) -> CString {
        for _ in 0..8 {
            let here = nix::fcntl::AT_FDCWD;
            let Ok(target) = readlinkat(here, name.as_c_str()) else {
                break;
            };
            let target = std::os::unix::ffi::OsStringExt::into_vec(target);
            if target.first() != Some(&b'/') {
                break;
            }
            self.path = target;
            match self.name_of(asked, libc::AT_FDCWD) {
                Ok(next) => name = next,
                Err(_) => break,
            }
        }
        name
    }

    /// Takes the asker's root as ours for this question, where it has another than the container's.
    fn enter_root(&mut self, asked: &Asked<'_>) -> Result<(), Errno> {
        let tracee = self.tracee(asked)?;
        let mounts =
            nix::sys::stat::fstatat(&tracee.folder, c"ns/mnt", nix::fcntl::AtFlags::empty())?;
        let is_ours = (mounts.st_dev, mounts.st_ino) == self.shared.mounts;
        if is_ours && readlinkat(&tracee.folder, c"root").is_ok_and(|root| root == "/") {
            return Ok(());
        }
        let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let root = openat(&tracee.folder, c"root", flags, Mode::empty())?;
        fchdir(&root)?;
        let entered = chroot(c".");
        self.standing = None;
        self.stand(asked)?;
        entered?;
        self.is_rooted = true;
        Ok(())
    }

    /// Back to the container's root.
    pub(super) fn leave_root(&mut self) {
        self.is_rooted = false;
        let back = fchdir(self.shared.root.as_fd()).and_then(|()| chroot(c"."));
        debug_assert!(
            back.is_ok(),
            "the way back to the container's root: {back:?}"
        );
        self.rest();
    }
}

/// With room for the zero byte of a C string: one piece of memory for each name.
fn joined(before: &[u8], path: &[u8]) -> Vec<u8> {
    let mut name = Vec::with_capacity(before.len() + path.len() + 1);
    name.extend_from_slice(before);
    name.extend_from_slice(path);
    name
}

/// A path that names what belongs to whoever names it, below the asker's folder in /proc.
pub(super) fn of_asker(path: &[u8]) -> Option<Vec<u8>> {
    for own in [&b"/proc/self"[..], b"/proc/thread-self"] {
        match path.strip_prefix(own) {
            Some(b"") => return Some(b".".to_vec()),
            Some(rest) if rest.starts_with(b"/") => return Some([b".", rest].concat()),
            _ => {}
        }
    }
    let fd = |n: &[u8]| Some([b"fd/", n].concat());
    match path {
        b"/dev/stdin" => fd(b"0"),
        b"/dev/stdout" => fd(b"1"),
        b"/dev/stderr" => fd(b"2"),
        _ => fd(path.strip_prefix(b"/dev/fd/")?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_the_askers_own_is_found_in_its_folder() {
        let own = |path: &str| of_asker(path.as_bytes()).map(|p| String::from_utf8(p).unwrap());
        assert_eq!(own("/proc/self/fd/3").as_deref(), Some("./fd/3"));
        assert_eq!(own("/proc/thread-self").as_deref(), Some("."));
        assert_eq!(own("/dev/stdout").as_deref(), Some("fd/1"));
        assert_eq!(own("/dev/fd/7").as_deref(), Some("fd/7"));
        assert_eq!(own("/proc/selfish"), None);
        assert_eq!(own("/etc/passwd"), None);
    }
}
