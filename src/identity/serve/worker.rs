//! One thread of the supervisor: takes a question apart, finds who asks, and has it answered.

use std::cell::RefCell;
use std::ffi::CStr;
use std::os::fd::AsFd;
use std::rc::Rc;
use std::sync::OnceLock;
use std::sync::atomic::Ordering;

use nix::errno::Errno;
use nix::unistd::fchdir;

use super::pool::Lead;
use super::tracee::Tracee;
use super::{ByNumber, Shared};
use crate::identity::calls::{Call, Ids, Numbers};
use crate::identity::credentials::{Credentials, cap};
use crate::identity::table::Entry;
use crate::sys::notify::{Answer, Question};
use crate::sys::seccomp::Arch;
use crate::sys::task;

/// RLIMIT_LOCKS carries the tag.
const TAG: u32 = 10;
/// Askers whose folders are kept open.
const MOST_TRACEES: usize = 32;
/// Tags that a thread remembers.
const MOST_KNOWN: usize = 16;

/// A call, decoded.
pub(super) struct Asked<'a> {
    pub(super) lead: &'a Lead,
    pub(super) id: u64,
    pub(super) tid: u32,
    pub(super) arch: Arch,
    pub(super) call: Call,
    pub(super) ids: Ids,
    pub(super) args: [u64; 6],
}

impl Asked<'_> {
    /// An argument as an id of the call's width.
    pub(super) fn uid(&self, n: usize) -> u32 {
        self.ids.read(self.args[n])
    }

    /// An argument as a descriptor or flags.
    pub(super) fn int(&self, n: usize) -> i32 {
        self.args[n] as i32
    }

    /// Bytes of an id in memory.
    pub(super) fn id_size(&self) -> usize {
        match self.ids {
            Ids::Wide => 4,
            Ids::Narrow => 2,
        }
    }
}

/// What came of a question: `None` when it was answered on the way.
pub(super) type Outcome = Result<Option<Answer>, Errno>;

/// The kernel does it.
pub(super) const CONTINUE: Outcome = Ok(Some(Answer::Continue));

/// The call returns this number.
pub(super) fn value(n: impl Into<i64>) -> Outcome {
    Ok(Some(Answer::Value(n.into())))
}

pub(super) struct Worker {
    pub(super) shared: &'static Shared,
    /// With the number of execs before the opening.
    tracees: ByNumber<u32, (u32, Rc<Tracee>)>,
    /// Who has which tag, as the table says it for ever: threads do not wait for each other at it.
    known: RefCell<ByNumber<u64, Credentials>>,
    /// Whose folder in the host's /proc we are in; our own where it is nobody's.
    pub(super) standing: Option<u32>,
    /// We are in another root than the container's.
    pub(super) is_rooted: bool,
    /// The last chown(2) changed an owner: most come in runs.
    pub(super) gives_away: bool,
    pub(super) path: Vec<u8>,
}

impl Worker {
    pub(super) fn new(shared: &'static Shared) -> Result<Worker, Errno> {
        task::own_folders()?;
        fchdir(&shared.own)?;
        Ok(Worker {
            shared,
            tracees: ByNumber::default(),
            known: RefCell::default(),
            standing: None,
            is_rooted: false,
            gives_away: false,
            path: Vec::new(),
        })
    }

    /// Gives back what was held open for askers.
    pub(super) fn rest(&mut self) {
        self.tracees.clear();
        self.known.take();
        self.step_home();
    }

    fn step_home(&mut self) {
        self.standing = None;
        let home = fchdir(&self.shared.own);
        debug_assert!(home.is_ok(), "the way to our own folder: {home:?}");
    }

    /// Answers one question.
    pub(super) fn answer(&mut self, lead: &Lead, question: &Question) {
        let outcome = match decode(lead, question) {
            Some(asked) => self.try_answer(&asked),
            None => CONTINUE,
        };
        if self.is_rooted {
            self.leave_root();
        }
        let answer = match outcome {
            Ok(Some(answer)) => answer,
            Ok(None) => return,
            Err(errno) => Answer::Fail(errno),
        };
        lead.listener.answer(question.id, answer);
    }

    fn try_answer(&mut self, asked: &Asked<'_>) -> Outcome {
        if self.shared.moved.load(Ordering::Relaxed)
            && self.is_elsewhere(asked)
            && !self.counts_elsewhere(asked)
        {
            return CONTINUE;
        }
        match self.dispatch(asked) {
            // the asker has executed another program since we opened its memory (a thread's exec makes it its process's first),
            // whatever was made of that
            outcome
                if outcome == Err(Errno::ESTALE) || outcome == CONTINUE && self.is_gone(asked) =>
            {
                self.forget(asked.tid);
                match self.dispatch(asked) {
                    Err(Errno::ESTALE) => Err(Errno::EFAULT),
                    outcome => outcome,
                }
            }
            // a knock came when we had begun to work already
            Err(Errno::EINTR) => self.dispatch(asked),
            // a process cannot be looked into before its first program: what it does until then is our own doing
            Err(Errno::ESRCH) => CONTINUE,
            outcome => outcome,
        }
    }

    fn dispatch(&mut self, asked: &Asked<'_>) -> Outcome {
        use Call::*;
        match asked.call {
            SetUid | SetGid | SetReuid | SetRegid | SetResuid | SetResgid | SetFsuid | SetFsgid
            | SetGroups | GetUid | GetEuid | GetGid | GetEgid | GetResuid | GetResgid
            | GetGroups | Umask | Prctl => self.ids(asked),
            Capget | Capset | Getrlimit | Setrlimit | Prlimit | Getsockopt | Kill | Sigqueue
            | Ptrace | Peek | Schedule | Setpriority | IoprioSet => self.process(asked),
            Execve | Execveat => {
                let outcome = self.exec(asked);
                // a vfork's child had its parent's memory, which lives on
                self.shared.execs(asked.tid).fetch_add(1, Ordering::Release);
                outcome
            }
            Chown | Lchown | Fchown | Fchownat | Chmod | Fchmod | Fchmodat | Fchmodat2 => {
                self.owners(asked)
            }
            Stat | Lstat | Fstat | Fstatat | Statx | Access | Faccessat | Faccessat2 => {
                self.show(asked)
            }
            Mknod | Mknodat | Mkdir | Mkdirat | Symlink | Symlinkat | Creat | Open | Openat
            | Openat2 | Bind => self.make(asked),
            Connect => self.connect(asked),
            Unlink | Rmdir | Unlinkat | Rename | Renameat | Link | Linkat | Truncate | Chdir => {
                self.enter(asked)
            }
            Utime | Futimesat | Utimensat => self.touch(asked),
            Sendmsg => self.send(asked),
            Setxattr | Lsetxattr | Fsetxattr | Getxattr | Lgetxattr | Fgetxattr | Listxattr
            | Llistxattr | Flistxattr | Removexattr | Lremovexattr | Fremovexattr => {
                self.attributes(asked)
            }
            Chroot if !self.credentials(asked)?.has(cap::SYS_CHROOT) => Err(Errno::EPERM),
            Move | Chroot => {
                self.shared.moved.store(true, Ordering::Relaxed);
                CONTINUE
            }
        }
    }

    /// The asker's folder and memory.
    pub(super) fn tracee(&mut self, asked: &Asked<'_>) -> Result<Rc<Tracee>, Errno> {
        if let Some(tracee) = self.held(asked) {
            return Ok(Rc::clone(tracee));
        }
        let execs = self.shared.execs(asked.tid).load(Ordering::Acquire);
        self.forget(asked.tid);
        let shared = self.shared;
        let open = || Tracee::open(shared.proc.as_fd(), asked.tid);
        let tracee = match open() {
            Err(Errno::EMFILE | Errno::ENFILE) => {
                self.tracees.clear();
                open()?
            }
            tracee => tracee.map_err(|_| Errno::ESRCH)?,
        };
        let tracee = Rc::new(tracee);
        if !asked.lead.listener.is_valid(asked.id) {
            return Err(Errno::ESRCH);
        }
        if self.tracees.len() >= MOST_TRACEES {
            self.rest();
        }
        self.tracees.insert(asked.tid, (execs, Rc::clone(&tracee)));
        Ok(tracee)
    }

    /// The same where they are open already.
    pub(super) fn held(&self, asked: &Asked<'_>) -> Option<&Rc<Tracee>> {
        let execs = self.shared.execs(asked.tid).load(Ordering::Acquire);
        let (before, tracee) = self.tracees.get(&asked.tid)?;
        (*before == execs).then_some(tracee)
    }

    fn is_gone(&self, asked: &Asked<'_>) -> bool {
        self.held(asked).is_some_and(|tracee| tracee.is_gone())
    }

    /// Forgets what was opened for a thread that is another one now.
    pub(super) fn forget(&mut self, tid: u32) {
        self.tracees.remove(&tid);
        if self.standing == Some(tid) {
            self.step_home();
        }
    }

    /// Makes the asker's folder our working folder.
    pub(super) fn stand(&mut self, asked: &Asked<'_>) -> Result<(), Errno> {
        let tracee = self.tracee(asked)?;
        if self.standing != Some(asked.tid) {
            fchdir(&tracee.folder)?;
            self.standing = Some(asked.tid);
        }
        Ok(())
    }

    /// The same where a name of ours begins there. Otherwise our own folder is as good: names of our descriptors begin in either,
    /// and not in that of another asker, who may be gone.
    pub(super) fn stand_for(&mut self, asked: &Asked<'_>, name: &CStr) -> Result<(), Errno> {
        if name.to_bytes().first() != Some(&b'/') {
            return self.stand(asked);
        }
        if self.standing.is_some_and(|tid| tid != asked.tid) {
            self.step_home();
        }
        Ok(())
    }

    /// Who asks.
    pub(super) fn credentials(&mut self, asked: &Asked<'_>) -> Result<Credentials, Errno> {
        match self.credentials_of(asked.tid)? {
            Some(known) => Ok(known),
            None => {
                // its first question: from now on others know it too, and its children have it from it
                let initial = asked.lead.initial.clone();
                let _ = self.tag(asked.tid, Entry::Have(initial.clone()));
                Ok(initial)
            }
        }
    }

    /// Who a process is; `None` when it has no tag: it is none of the container's.
    pub(super) fn credentials_of(&self, tid: u32) -> Result<Option<Credentials>, Errno> {
        let limit = task::soft_limit(tid, TAG)?;
        if let Some(known) = self.known.borrow().get(&limit) {
            return Ok(Some(known.clone()));
        }
        match self.shared.table.entry(limit).as_deref() {
            None => Ok(None),
            Some(Entry::Have(credentials)) => {
                let mut known = self.known.borrow_mut();
                if known.len() >= MOST_KNOWN {
                    known.clear();
                }
                known.insert(limit, credentials.clone());
                Ok(Some(credentials.clone()))
            }
            Some(Entry::Executing {
                before,
                after,
                program,
                arguments,
            }) => {
                let new = match self.has_executed(tid, *program, *arguments) {
                    true => after.clone(),
                    false => before.clone(),
                };
                // the thread may have gone
                let _ = self.tag(tid, Entry::Have(new.clone()));
                Ok(Some(new))
            }
        }
    }

    /// Says who a process is from now on.
    pub(super) fn tag(&self, tid: u32, entry: Entry) -> Result<(), Errno> {
        task::set_soft_limit(tid, TAG, self.shared.table.tag(entry)?)
    }

    /// Changes who asks; nothing is changed where `change` fails.
    pub(super) fn change<T>(
        &mut self,
        asked: &Asked<'_>,
        change: impl FnOnce(&mut Credentials) -> Result<T, Errno>,
    ) -> Result<T, Errno> {
        let _alone = self
            .shared
            .changing
            .lock()
            .expect("no panic while it was held");
        let old = self.credentials(asked)?;
        let mut new = old.clone();
        let result = change(&mut new)?;
        if new != old {
            self.tag(asked.tid, Entry::Have(new))?;
        }
        Ok(result)
    }

    /// Whether the asker is in a user namespace of its own, whose ids are the kernel's business.
    fn is_elsewhere(&mut self, asked: &Asked<'_>) -> bool {
        self.differs(asked, c"ns/user", self.shared.user)
    }

    /// What is asked of us from there all the same: nobody touches the limit that carries the tag, and another than root stays
    /// that one to the container's processes.
    fn counts_elsewhere(&mut self, asked: &Asked<'_>) -> bool {
        use Call::*;
        match asked.call {
            Getrlimit | Setrlimit | Prlimit => true,
            Kill | Sigqueue | Schedule | Setpriority | IoprioSet => {
                self.credentials(asked).is_ok_and(|who| !who.is_root())
            }
            _ => false,
        }
    }

    /// Whether the asker may mean another process than we by a number.
    pub(super) fn has_other_pids(&mut self, asked: &Asked<'_>) -> bool {
        let ours = nix::sys::stat::fstat(&self.shared.pids);
        let is_moved = self.shared.moved.load(Ordering::Relaxed);
        is_moved
            && ours.is_ok_and(|ours| self.differs(asked, c"ns/pid", (ours.st_dev, ours.st_ino)))
    }

    fn differs(&mut self, asked: &Asked<'_>, link: &CStr, ours: (u64, u64)) -> bool {
        let Ok(tracee) = self.tracee(asked) else {
            return false;
        };
        let theirs = nix::sys::stat::fstatat(&tracee.folder, link, nix::fcntl::AtFlags::empty());
        theirs.is_ok_and(|stat| (stat.st_dev, stat.st_ino) != ours)
    }
}

fn decode<'a>(lead: &'a Lead, question: &Question) -> Option<Asked<'a>> {
    let arch = question.arch()?;
    let named = numbers(arch)?.get(question.nr)?;
    if question.tid == 0 {
        return None; // in no pid namespace below ours: nothing of ours
    }
    Some(Asked {
        lead,
        id: question.id,
        tid: question.tid,
        arch,
        call: named.call,
        ids: named.ids,
        args: question.args,
    })
}

/// The calls of an instruction set: a table that is made when it is first asked for.
pub(super) fn numbers(arch: Arch) -> Option<&'static Numbers> {
    static NATIVE: OnceLock<Numbers> = OnceLock::new();
    static COMPAT: OnceLock<Numbers> = OnceLock::new();
    let native = Arch::native();
    if arch == native {
        return Some(NATIVE.get_or_init(|| Numbers::of(native)));
    }
    let is_compat = matches!(
        (native, arch),
        (Arch::X86_64, Arch::I386) | (Arch::Aarch64, Arch::Arm)
    );
    is_compat.then(|| COMPAT.get_or_init(|| Numbers::of(arch)))
}
