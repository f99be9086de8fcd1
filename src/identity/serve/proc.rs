//! What paths below /proc mean: what is a process's belongs to whom the process is, and its links (`cwd`, `root`, `exe`,
//! `fd/N`) lead to files that may be anybody's.

use nix::errno::Errno;

use super::files::Last;
use super::worker::{Asked, Worker};
use crate::identity::credentials::{Credentials, cap};
use crate::identity::permission;
use crate::sys::task;

/// Whose folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Whose {
    Asker,
    /// A number of the container's.
    Process(i32),
}

/// A path into a process's folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Below {
    pub(super) whose: Whose,
    /// Length of `/proc/PID`.
    pub(super) folder: usize,
    /// Length of the path up to and with a link of the process's.
    pub(super) link: Option<usize>,
}

impl Below {
    /// Whether a link of the process's is followed.
    pub(super) fn leads_on(&self, path: &[u8], last: Last) -> bool {
        self.link
            .is_some_and(|end| end < path.len() || last == Last::Follow)
    }
}

/// Returns what an absolute path says; `None` when it is not into a process's folder.
pub(super) fn parse(path: &[u8]) -> Option<Below> {
    if !path.starts_with(b"/proc/") {
        return None;
    }
    let (name, folder) = part(path, 5);
    let whose = match name {
        b"self" | b"thread-self" => Whose::Asker,
        _ => Whose::Process(std::str::from_utf8(name).ok()?.parse().ok()?),
    };
    let mut at = folder;
    if let (b"task", end) = part(path, at) {
        at = part(path, end).1;
    }
    let link = match part(path, at) {
        (b"cwd" | b"root" | b"exe", end) => Some(end),
        (b"fd", end) => match part(path, end) {
            (b"", _) => None,
            (_, end) => Some(end),
        },
        _ => None,
    };
    Some(Below {
        whose,
        folder,
        link,
    })
}

/// The name after the slash at `at`, and where it ends; an empty one where there is none.
fn part(path: &[u8], at: usize) -> (&[u8], usize) {
    let rest = path.get(at + 1..).unwrap_or_default();
    let len = rest.iter().position(|b| *b == b'/').unwrap_or(rest.len());
    (&rest[..len], path.len().min(at + 1 + len))
}

impl Worker {
    /// Who the process is; `None` for the kernel's and, with `--pid host`, for others', of which we may ask nothing.
    pub(super) fn owner_of(&mut self, asked: &Asked<'_>, whose: Whose) -> Option<Credentials> {
        match whose {
            Whose::Asker => self.credentials(asked).ok(),
            Whose::Process(_) if self.has_other_pids(asked) => None,
            Whose::Process(pid) => {
                let pid = task::pid_here(self.shared.pids(), pid)?;
                self.credentials_of(pid as u32).ok().flatten()
            }
        }
    }

    /// EACCES where the links of another's process may not be followed (proc_fd_access_allowed).
    pub(super) fn may_lead_on(
        &mut self,
        asked: &Asked<'_>,
        who: &Credentials,
        below: &Below,
    ) -> Result<(), Errno> {
        let Whose::Process(pid) = below.whose else {
            return Ok(());
        };
        let is_own = task::pid_there(self.shared.pids(), asked.tid as i32) == Some(pid);
        if is_own || who.has(cap::DAC_OVERRIDE) {
            return Ok(());
        }
        match self.owner_of(asked, below.whose) {
            Some(owner) if !permission::trace(&who.user.fs, &who.group.fs, &owner) => {
                Err(Errno::EACCES)
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_into_a_process_and_perhaps_through_a_link() {
        use Whose::{Asker, Process};
        for (path, expected) in [
            ("/proc/self", Some((Asker, 10, None))),
            ("/proc/thread-self/status", Some((Asker, 17, None))),
            ("/proc/self/fd", Some((Asker, 10, None))),
            ("/proc/self/fd/0", Some((Asker, 10, Some(15)))),
            ("/proc/12/cwd/x", Some((Process(12), 8, Some(12)))),
            ("/proc/12/task/13/root", Some((Process(12), 8, Some(21)))),
            ("/proc/12/task/13", Some((Process(12), 8, None))),
            ("/proc/12/cwdx", Some((Process(12), 8, None))),
            ("/proc/version", None),
            ("/proc/", None),
            ("/etc/proc/1", None),
        ] {
            let found = parse(path.as_bytes()).map(|b| (b.whose, b.folder, b.link));
            assert_eq!(found, expected, "{path}");
        }
        let below = parse(b"/proc/self/cwd").unwrap();
        assert!(below.leads_on(b"/proc/self/cwd", Last::Follow));
        assert!(!below.leads_on(b"/proc/self/cwd", Last::Itself));
    }
}
