//! Answers to calls about processes: capabilities, the limit that carries the tag, signals, who is at the other end of a
//! socket.

use std::os::fd::{AsFd, OwnedFd};

use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, openat};
use nix::sys::socket::{getsockopt, sockopt};
use nix::sys::stat::Mode;

use super::Shared;
use super::worker::{Asked, CONTINUE, Outcome, Worker, value};
use crate::identity::calls::Call;
use crate::identity::credentials::{Credentials, cap};
use crate::identity::permission;
use crate::sys::seccomp::Arch;
use crate::sys::task;

/// _LINUX_CAPABILITY_VERSION_3, of headers and of 64-bit sets.
const VERSION: u32 = 0x2008_0522;
/// What is said of a peer that is gone: nobody.
const NOBODY: u32 = 65534;

impl Worker {
    pub(super) fn process(&mut self, asked: &Asked<'_>) -> Outcome {
        match asked.call {
            Call::Capget => self.capget(asked),
            Call::Capset => self.capset(asked),
            Call::Getrlimit => self.no_limit(asked, 0, asked.args[1]),
            Call::Setrlimit => self.no_limit(asked, asked.args[1], 0),
            Call::Prlimit => {
                self.may_limit(asked)?;
                self.no_limit(asked, asked.args[2], asked.args[3])
            }
            Call::Kill | Call::Sigqueue => self.kill(asked),
            Call::Ptrace | Call::Peek | Call::Schedule | Call::Setpriority | Call::IoprioSet => {
                self.meddle(asked)
            }
            _ => self.peer(asked),
        }
    }

    /// RLIMIT_LOCKS has no meaning: everybody sees it unlimited, and nobody changes it.
    fn no_limit(&mut self, asked: &Asked<'_>, new: u64, old: u64) -> Outcome {
        let is_narrow = matches!(asked.arch, Arch::I386 | Arch::Arm);
        let size = match is_narrow && asked.call != Call::Prlimit {
            true => 8,
            false => 16,
        };
        let tracee = self.tracee(asked)?;
        if new != 0 {
            tracee.read(new, &mut [0; 16][..size])?;
        }
        if old != 0 {
            tracee.write(old, &[0xff; 16][..size])?;
        }
        value(0)
    }

    /// EPERM for another's process (check_prlimit_permission).
    fn may_limit(&mut self, asked: &Asked<'_>) -> Result<(), Errno> {
        let Some(target) = self.another(asked, asked.int(0)) else {
            return Ok(());
        };
        let who = self.credentials(asked)?;
        let is_own = permission::trace(&who.user.real, &who.group.real, &target);
        match is_own || who.user.real == 0 {
            true => Ok(()),
            false => Err(Errno::EPERM),
        }
    }

    fn capget(&mut self, asked: &Asked<'_>) -> Outcome {
        let who = self.credentials(asked)?;
        if who.is_root() || asked.args[1] == 0 {
            return CONTINUE;
        }
        let tracee = self.tracee(asked)?;
        let mut header = [0; 8];
        tracee.read(asked.args[0], &mut header)?;
        let word =
            |n: usize| u32::from_ne_bytes(header[n * 4..n * 4 + 4].try_into().expect("four bytes"));
        let (version, pid) = (word(0), word(1) as i32);
        // another process's are the kernel's to tell
        if version != VERSION
            || pid != 0 && self.shared.number_inside(asked.tid, "NSpid:") != Some(pid)
        {
            return CONTINUE;
        }
        let sets = [who.effective, who.permitted, who.inheritable];
        let low = sets.iter().map(|set| *set as u32);
        let high = sets.iter().map(|set| (set >> 32) as u32);
        let bytes: Vec<u8> = low.chain(high).flat_map(u32::to_ne_bytes).collect();
        tracee.write(asked.args[1], &bytes)?;
        value(0)
    }

    /// Noted, and done by the kernel as well: natively every process has what the container has.
    fn capset(&mut self, asked: &Asked<'_>) -> Outcome {
        let mut sets = [0; 24];
        if self.tracee(asked)?.read(asked.args[1], &mut sets).is_err() {
            return CONTINUE;
        }
        let word = |n: usize| {
            u64::from(u32::from_ne_bytes(
                sets[n * 4..n * 4 + 4].try_into().expect("four bytes"),
            ))
        };
        let [effective, permitted, inheritable] = [0, 1, 2].map(|n| word(n) | word(n + 3) << 32);
        self.change(asked, |who| {
            let every = who.bounding | who.permitted | who.inheritable;
            who.set_capabilities(effective & every, permitted & every, inheritable & every)
        })?;
        CONTINUE
    }

    fn kill(&mut self, asked: &Asked<'_>) -> Outcome {
        let who = self.credentials(asked)?;
        let pid = asked.int(0);
        if who.has(cap::KILL) || !self.shared.table.has_others() || self.has_other_pids(asked) {
            return CONTINUE;
        }
        if pid <= 0 && asked.call == Call::Kill && (0..=64).contains(&asked.int(1)) {
            return self.kill_all(asked, &who, pid);
        }
        match task::pid_here(self.shared.pids(), pid) {
            Some(target) if !self.may_kill(asked, &who, target) => Err(Errno::EPERM),
            _ => CONTINUE,
        }
    }

    fn may_kill(&self, asked: &Asked<'_>, who: &Credentials, target: i32) -> bool {
        // the shell's `fg` of a program that another now is
        if asked.int(1) == libc::SIGCONT && is_same_session(asked.tid, target) {
            return true;
        }
        let target = self.credentials_of(target as u32).ok().flatten();
        target.is_none_or(|target| permission::kill(who, &target))
    }

    /// A signal to a group of processes, or to all (-1): to those among them that it may be sent to. By us only where there are
    /// others too, since a signal that we send comes from no process of the container's.
    fn kill_all(&mut self, asked: &Asked<'_>, who: &Credentials, pid: i32) -> Outcome {
        let group = match pid {
            -1 => None,
            0 => self.group_of(asked.tid as i32),
            _ => pid.checked_neg(),
        };
        if pid != -1 && group.is_none() {
            return CONTINUE; // the kernel says what is wrong
        }
        let pids = self.shared.pids();
        let own = task::pid_there(pids, asked.tid as i32);
        let is_meant = |target: i32| match (group, task::pid_there(pids, target)) {
            (_, None) => false,
            (Some(group), _) => self.group_of(target) == Some(group),
            (None, inside) => inside != Some(1) && inside != own,
        };
        let all: Vec<i32> = (self.shared.processes().into_iter())
            .filter(|target| is_meant(*target))
            .collect();
        let may = |target: &i32| self.may_kill(asked, who, *target);
        if all.iter().all(may) {
            return CONTINUE;
        }
        let mut is_sent = false;
        for target in all.iter().copied().filter(may) {
            // its number may be another's by now, so what is opened is asked once more
            let Ok(process) = task::open(target) else {
                continue;
            };
            if is_meant(target) {
                is_sent |= crate::sys::process::signal(process.as_fd(), asked.int(1)).is_ok();
            }
        }
        // to all processes nobody's refusal is an error (kill_something_info)
        match is_sent || group.is_none() {
            true => value(0),
            false => Err(Errno::EPERM),
        }
    }

    /// The process group that a process is in, by its number in the container.
    fn group_of(&self, target: i32) -> Option<i32> {
        self.shared.number_inside(target as u32, "NSpgid:")
    }

    /// Whether another's process may be traced, looked into, and its scheduling changed.
    fn meddle(&mut self, asked: &Asked<'_>) -> Outcome {
        let (is_schedule, pid) = match asked.call {
            Call::Ptrace => (false, asked.int(1)),
            Call::Peek => (false, asked.int(0)),
            Call::Schedule => (true, asked.int(0)),
            // PRIO_PROCESS, IOPRIO_WHO_PROCESS
            Call::Setpriority if asked.int(0) == 0 => (true, asked.int(1)),
            Call::IoprioSet if asked.int(0) == 1 => (true, asked.int(1)),
            _ => return CONTINUE,
        };
        let Some(target) = self.another(asked, pid) else {
            return CONTINUE;
        };
        let who = self.credentials(asked)?;
        let may = match is_schedule {
            true => permission::schedule(&who, &target),
            // to root the container is open as it is to its user
            false => {
                who.user.real == 0 || permission::trace(&who.user.real, &who.group.real, &target)
            }
        };
        match may {
            true => CONTINUE,
            false => Err(Errno::EPERM),
        }
    }

    /// Who another process is; `None` for the asker itself, for none of ours, and while there is only root.
    fn another(&mut self, asked: &Asked<'_>, pid: i32) -> Option<Credentials> {
        if pid <= 0 || !self.shared.table.has_others() || self.has_other_pids(asked) {
            return None;
        }
        let pids = self.shared.pids();
        let target = task::pid_here(pids, pid)?;
        if task::pid_there(pids, asked.tid as i32) == task::pid_there(pids, target) {
            return None;
        }
        self.credentials_of(target as u32).ok().flatten()
    }

    /// SO_PEERCRED.
    fn peer(&mut self, asked: &Asked<'_>) -> Outcome {
        if asked.int(1) != libc::SOL_SOCKET {
            return CONTINUE;
        }
        let Ok(socket) = self.copy_of(asked, asked.int(0)) else {
            return CONTINUE;
        };
        let Ok(peer) = getsockopt(&socket, sockopt::PeerCredentials) else {
            return CONTINUE;
        };
        // no peer, or one outside: what the kernel says is right
        if peer.pid() <= 0 || peer.uid() != 0 {
            return CONTINUE;
        }
        let (uid, gid) = match self.credentials_of(peer.pid() as u32) {
            Ok(Some(who)) if is_alive(&socket) => (who.user.effective, who.group.effective),
            _ => (NOBODY, NOBODY),
        };
        let pid = task::pid_there(self.shared.pids(), peer.pid()).unwrap_or(0) as u32;
        let tracee = self.tracee(asked)?;
        let mut room = [0; 4];
        tracee.read(asked.args[4], &mut room)?;
        let room = u32::from_ne_bytes(room).min(12) as usize;
        let bytes: Vec<u8> = [pid, uid, gid]
            .iter()
            .flat_map(|w| w.to_ne_bytes())
            .collect();
        tracee.write(asked.args[3], &bytes[..room])?;
        tracee.write(asked.args[4], &(room as u32).to_ne_bytes())?;
        value(0)
    }

    /// A copy of a descriptor of the asker's.
    pub(super) fn copy_of(&self, asked: &Asked<'_>, number: i32) -> Result<OwnedFd, Errno> {
        let fd = task::descriptor_of(asked.tid, number)?;
        match asked.lead.listener.is_valid(asked.id) {
            true => Ok(fd),
            false => Err(Errno::ESRCH),
        }
    }
}

fn is_same_session(tid: u32, target: i32) -> bool {
    let session = |pid: i32| nix::unistd::getsid(Some(nix::unistd::Pid::from_raw(pid)));
    matches!((session(tid as i32), session(target)), (Ok(one), Ok(other)) if one == other)
}

/// Whether the process that made the connection is still there, and its number not another's. Before Linux 6.5 nobody
/// can tell.
fn is_alive(socket: &OwnedFd) -> bool {
    match task::peer_of(socket.as_fd()) {
        Ok(peer) => crate::sys::process::is_running(peer.as_fd()),
        Err(Errno::ENOPROTOOPT) => true,
        Err(_) => false,
    }
}

impl Shared {
    pub(super) fn pids(&self) -> std::os::fd::BorrowedFd<'_> {
        self.pids.as_fd()
    }

    /// The last of the numbers that a line of a process's status says: the innermost pid namespace's.
    fn number_inside(&self, tid: u32, line: &str) -> Option<i32> {
        let status = self.proc_text(tid, "status")?;
        let numbers = status.lines().find_map(|l| l.strip_prefix(line))?;
        numbers.split_ascii_whitespace().last()?.parse().ok()
    }

    /// The host's processes, by their numbers.
    fn processes(&self) -> Vec<i32> {
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let Ok(mut all) = nix::dir::Dir::openat(&self.proc, c".", flags, Mode::empty()) else {
            return Vec::new();
        };
        all.iter()
            .flatten()
            .filter_map(|entry| entry.file_name().to_str().ok()?.parse().ok())
            .collect()
    }

    /// A text of a process's folder in the host's /proc.
    pub(super) fn proc_text(&self, tid: u32, file: &str) -> Option<String> {
        let path = format!("{tid}/{file}");
        let flags = OFlag::O_RDONLY | OFlag::O_CLOEXEC;
        let fd = openat(&self.proc, path.as_str(), flags, Mode::empty()).ok()?;
        std::io::read_to_string(std::fs::File::from(fd)).ok()
    }

    /// Device and inode of what a link in a process's folder leads to.
    pub(super) fn proc_inode(&self, tid: u32, link: &str) -> Option<(u64, u64)> {
        let path = format!("{tid}/{link}");
        let stat = nix::sys::stat::fstatat(&self.proc, path.as_str(), AtFlags::empty()).ok()?;
        Some((stat.st_dev, stat.st_ino))
    }
}
