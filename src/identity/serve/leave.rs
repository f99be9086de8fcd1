//! Going while nothing is asked: a container that only waits, as most do, costs no process more than its own and its monitor.
//!
//! What a supervisor knows is on the disk, but for the table of credentials. That goes to the monitor, as text that the
//! monitor does not read, with the listeners and the descriptors of the container. The monitor watches the listeners, and at
//! the next question forks another supervisor, which goes on where this one was. Who knows more stays.

use std::ffi::CStr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use nix::poll::PollTimeout;
use nix::sys::socket::{Shutdown, shutdown};
use nix::unistd::{chroot, fchdir};
use serde::{Deserialize, Serialize};

use super::pool::Lead;
use super::{Begin, Ends, Settings, Shared, Start, inode};
use crate::identity::credentials::Credentials;
use crate::identity::table::{self, Table};
use crate::sys::notify::Listener;
use crate::sys::{self, SysError, socket};

/// More text is not handed over.
const MOST: usize = 1 << 20;

/// What a supervisor that goes leaves to the next one.
#[derive(Debug)]
pub struct Left {
    /// [`Known`], in a sealed memory file.
    known: OwnedFd,
    mounts: OwnedFd,
    root: OwnedFd,
    pids: OwnedFd,
    /// In the order of what is known of them.
    listeners: Vec<Listener>,
    /// Listeners of programs that were started since.
    added: Vec<(Start, Listener)>,
}

#[derive(Serialize, Deserialize)]
struct Known {
    table: table::Known,
    user: (u64, u64),
    ours: Vec<u64>,
    /// Who the programs of the listeners were when they started.
    initial: Vec<Credentials>,
    patience: Patience,
}

impl Known {
    fn text(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("numbers only")
    }
}

/// How long nothing must be asked before a supervisor goes: twice as long each time, for who asks rarely but always.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Patience {
    seconds: u16,
}

impl Patience {
    const FIRST: Patience = Patience { seconds: 1 };
    const LONGEST: u16 = 64;

    fn next(self) -> Patience {
        Patience {
            seconds: (self.seconds * 2).min(Patience::LONGEST),
        }
    }

    pub(super) fn timeout(self) -> PollTimeout {
        PollTimeout::try_from(Duration::from_secs(self.seconds.into())).expect("a minute or so")
    }
}

/// What is there when the first question is answered.
pub(super) struct Scene {
    pub(super) table: Table,
    pub(super) mounts: OwnedFd,
    pub(super) root: OwnedFd,
    pub(super) pids: OwnedFd,
    pub(super) user: (u64, u64),
    pub(super) ours: Vec<u64>,
    pub(super) leads: Vec<Lead>,
    pub(super) patience: Patience,
}

impl Scene {
    /// Enters the container's mounts; `None` where the first process sends no listener.
    pub(super) fn enter(begin: Begin, settings: &Settings) -> Result<Option<Scene>, SysError> {
        match begin {
            Begin::First(ends) => Scene::first(&ends, settings),
            Begin::Again(left) => Scene::again(left).map(Some),
        }
    }

    fn first(ends: &OwnedFd, settings: &Settings) -> Result<Option<Scene>, SysError> {
        let mut nonce = [0; 4];
        sys::random::fill(&mut nonce)?;
        let Some(ends) = socket::receive(ends.as_fd())?.and_then(|message| Ends::of(message.fds))
        else {
            return Ok(None);
        };
        sys::namespace::enter(ends.mounts.as_fd(), libc::CLONE_NEWNS)?;
        let initial = settings.first.credentials();
        Ok(Some(Scene {
            table: Table::new(u32::from_ne_bytes(nonce)),
            mounts: ends.mounts,
            root: sys::fd::open(c"/", libc::O_PATH | libc::O_DIRECTORY)?,
            pids: ends.pids,
            user: inode(&ends.user)?,
            ours: settings.ours.iter().filter_map(mount_id).collect(),
            leads: vec![Lead::new(Listener::new(ends.listener), initial)],
            patience: Patience::FIRST,
        }))
    }

    fn again(left: Left) -> Result<Scene, SysError> {
        let known: Known = serde_json::from_slice(&sys::fd::read_all(left.known)?)
            .map_err(|_| SysError::new("read(memfd)", nix::errno::Errno::EBADMSG))?;
        sys::namespace::enter(left.mounts.as_fd(), libc::CLONE_NEWNS)?;
        fchdir(&left.root)
            .and_then(|()| chroot(c"."))
            .map_err(|e| SysError::new("chroot(container)", e))?;
        let initial = known.initial.into_iter();
        let old = left.listeners.into_iter().zip(initial);
        let new = (left.added.into_iter()).map(|(start, l)| (l, start.credentials()));
        Ok(Scene {
            table: Table::of(known.table),
            mounts: left.mounts,
            root: left.root,
            pids: left.pids,
            user: known.user,
            ours: known.ours,
            leads: old.chain(new).map(|(l, who)| Lead::new(l, who)).collect(),
            patience: known.patience.next(),
        })
    }
}

fn mount_id(at: impl AsRef<CStr>) -> Option<u64> {
    let (at, flags) = (at.as_ref(), libc::AT_SYMLINK_NOFOLLOW);
    let stat = sys::stat::statx_here(at, flags, sys::stat::EVERYTHING).ok()?;
    Some(stat.stx_mnt_id)
}

impl Begin {
    /// The descriptors that it consists of.
    pub(super) fn needs(&self) -> Vec<BorrowedFd<'_>> {
        match self {
            Begin::First(ends) => vec![ends.as_fd()],
            Begin::Again(left) => {
                let own = [&left.known, &left.mounts, &left.root, &left.pids];
                let own = own.into_iter().map(AsFd::as_fd);
                own.chain(left.all().map(AsFd::as_fd)).collect()
            }
        }
    }
}

impl Left {
    /// Receives what a supervisor that goes sends: its listeners, one a message, and at last all else.
    ///
    /// # Errors
    /// It ended before all was sent.
    pub fn receive(control: &OwnedFd) -> Result<Left, SysError> {
        let mut listeners = Vec::new();
        loop {
            let gone = || SysError::new("recvmsg(supervisor)", nix::errno::Errno::ECONNRESET);
            let mut fds = socket::receive(control.as_fd())?.ok_or_else(gone)?.fds;
            match (fds.len(), fds.pop()) {
                (1, Some(listener)) => listeners.push(Listener::new(listener)),
                (4, Some(pids)) => {
                    let [known, mounts, root] = fds.try_into().map_err(|_| gone())?;
                    return Ok(Left {
                        known,
                        mounts,
                        root,
                        pids,
                        listeners,
                        added: Vec::new(),
                    });
                }
                _ => return Err(gone()),
            }
        }
    }

    /// One more program's.
    pub fn add(&mut self, start: Start, listener: OwnedFd) {
        self.added.push((start, Listener::new(listener)));
    }

    fn all(&self) -> impl Iterator<Item = &Listener> {
        self.listeners
            .iter()
            .chain(self.added.iter().map(|(_, l)| l))
    }

    /// Numbers of what becomes readable when somebody asks; not of those whose programs have all ended.
    pub fn interests(&self) -> Vec<RawFd> {
        let asking = self.all().filter(|l| l.has_askers());
        asking.map(|l| l.as_fd().as_raw_fd()).collect()
    }

    /// Whether somebody asks.
    pub fn is_asked(&self) -> bool {
        self.all().any(Listener::is_asked)
    }
}

impl Shared {
    /// Tries to go. `false`: more is known than can be handed over, or somebody asks right now.
    ///
    /// # Errors
    /// Half of it was handed over: the container is lost.
    pub(super) fn leave(
        &'static self,
        control: &OwnedFd,
        patience: Patience,
    ) -> Result<bool, SysError> {
        let is_saved = || {
            self.beside
                .lock()
                .expect("no panic while it was held")
                .is_saved()
        };
        if self.moved.load(Ordering::Relaxed) || !is_saved() {
            return Ok(false);
        }
        let Some(leads) = self.part() else {
            return Ok(false);
        };
        let mut known = Known {
            table: self.table.known(),
            user: self.user,
            ours: self.ours.clone(),
            initial: leads.iter().map(|l| l.initial.clone()).collect(),
            patience,
        };
        let is_asked = leads.iter().any(|l| l.listener.is_asked());
        if is_asked || leads.is_empty() || known.text().len() > MOST || !is_saved() {
            self.go_on();
            return Ok(false);
        }
        // the monitor, which would send one more listener now, sees that we are about to go
        shutdown(control.as_raw_fd(), Shutdown::Read)
            .map_err(|e| SysError::new("shutdown(SHUT_RD)", e))?;
        let mut last = Vec::new();
        while let Some(message) = socket::receive(control.as_fd())? {
            last.extend(Lead::of(message));
        }
        known.initial.extend(last.iter().map(|l| l.initial.clone()));
        for lead in leads.iter().map(Arc::as_ref).chain(&last) {
            socket::send(control.as_fd(), b"l", &[lead.listener.as_fd()])?;
        }
        let text = sys::fd::sealed(c"identity", &known.text(), false)?;
        let fds = [&text, &self.mount_namespace, &self.root, &self.pids];
        socket::send(control.as_fd(), b"!", &fds.map(AsFd::as_fd))?;
        Ok(true)
    }
}
