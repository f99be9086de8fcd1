//! The system calls that are answered, by name, and what each asks for, whatever instruction set it comes from.

use crate::sys::seccomp::Arch;

use Call::*;

/// What a call wants. Calls that differ in nothing but their number are one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is named as the call's manual page")]
pub enum Call {
    SetUid,
    SetGid,
    SetReuid,
    SetRegid,
    SetResuid,
    SetResgid,
    SetFsuid,
    SetFsgid,
    SetGroups,
    GetUid,
    GetEuid,
    GetGid,
    GetEgid,
    GetResuid,
    GetResgid,
    GetGroups,
    Capget,
    Capset,
    Prctl,
    Umask,
    Execve,
    Execveat,
    Chown,
    Lchown,
    Fchown,
    Fchownat,
    Chmod,
    Fchmod,
    Fchmodat,
    Fchmodat2,
    Mknod,
    Mknodat,
    Getrlimit,
    Setrlimit,
    Prlimit,
    Getsockopt,
    Kill,
    /// rt_sigqueueinfo(2).
    Sigqueue,
    Ptrace,
    /// process_vm_readv(2) and process_vm_writev(2).
    Peek,
    /// sched_setaffinity(2) and its like: a process, and what it gets.
    Schedule,
    Setpriority,
    IoprioSet,
    Bind,
    Connect,
    Chroot,
    /// A call after which a path may mean something else than for us.
    Move,
    Stat,
    Lstat,
    Fstat,
    Fstatat,
    Statx,
    Access,
    Faccessat,
    Faccessat2,
    Mkdir,
    Mkdirat,
    Symlink,
    Symlinkat,
    Creat,
    Open,
    Openat,
    Openat2,
    Unlink,
    Rmdir,
    Unlinkat,
    Rename,
    Renameat,
    Link,
    Linkat,
    Truncate,
    Chdir,
    Utime,
    Futimesat,
    Utimensat,
    Setxattr,
    Lsetxattr,
    Fsetxattr,
    Getxattr,
    Lgetxattr,
    Fgetxattr,
    Listxattr,
    Llistxattr,
    Flistxattr,
    Removexattr,
    Lremovexattr,
    Fremovexattr,
    Sendmsg,
}

/// Which calls are watched together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Depth {
    /// Ids and the giving of owners.
    Ids,
    /// The showing of owners, and the making of files.
    Files,
    /// What programs say over sockets about themselves.
    Messages,
}

/// When a call is watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum When {
    Always,
    /// This argument has this value.
    Is(u8, u64),
    /// This argument has one of these bits.
    Has(u8, u64),
    /// It fails with this error at once.
    Never(i32),
}

/// Names, and what they ask for.
pub(super) const ROWS: &[(&str, Call, Depth, When)] = &[
    ("setuid", SetUid, Depth::Ids, When::Always),
    ("setgid", SetGid, Depth::Ids, When::Always),
    ("setreuid", SetReuid, Depth::Ids, When::Always),
    ("setregid", SetRegid, Depth::Ids, When::Always),
    ("setresuid", SetResuid, Depth::Ids, When::Always),
    ("setresgid", SetResgid, Depth::Ids, When::Always),
    ("setfsuid", SetFsuid, Depth::Ids, When::Always),
    ("setfsgid", SetFsgid, Depth::Ids, When::Always),
    ("setgroups", SetGroups, Depth::Ids, When::Always),
    ("getuid", GetUid, Depth::Ids, When::Always),
    ("geteuid", GetEuid, Depth::Ids, When::Always),
    ("getgid", GetGid, Depth::Ids, When::Always),
    ("getegid", GetEgid, Depth::Ids, When::Always),
    ("getresuid", GetResuid, Depth::Ids, When::Always),
    ("getresgid", GetResgid, Depth::Ids, When::Always),
    ("getgroups", GetGroups, Depth::Ids, When::Always),
    ("capget", Capget, Depth::Ids, When::Always),
    ("capset", Capset, Depth::Ids, When::Always),
    ("prctl", Prctl, Depth::Ids, When::Is(0, 8)), // PR_SET_KEEPCAPS
    ("prctl", Prctl, Depth::Ids, When::Is(0, 24)), // PR_CAPBSET_DROP
    ("prctl", Prctl, Depth::Ids, When::Is(0, 47)), // PR_CAP_AMBIENT
    ("umask", Umask, Depth::Ids, When::Always),
    ("execve", Execve, Depth::Ids, When::Always),
    ("execveat", Execveat, Depth::Ids, When::Always),
    ("chown", Chown, Depth::Ids, When::Always),
    ("lchown", Lchown, Depth::Ids, When::Always),
    ("fchown", Fchown, Depth::Ids, When::Always),
    ("fchownat", Fchownat, Depth::Ids, When::Always),
    ("chmod", Chmod, Depth::Ids, When::Always),
    ("fchmod", Fchmod, Depth::Ids, When::Always),
    ("fchmodat", Fchmodat, Depth::Ids, When::Always),
    ("fchmodat2", Fchmodat2, Depth::Ids, When::Always),
    ("mknod", Mknod, Depth::Ids, When::Always),
    ("mknodat", Mknodat, Depth::Ids, When::Always),
    ("getrlimit", Getrlimit, Depth::Ids, When::Is(0, TAG)),
    ("ugetrlimit", Getrlimit, Depth::Ids, When::Is(0, TAG)),
    ("setrlimit", Setrlimit, Depth::Ids, When::Is(0, TAG)),
    ("prlimit64", Prlimit, Depth::Ids, When::Is(1, TAG)),
    ("getsockopt", Getsockopt, Depth::Ids, When::Is(2, 17)), // SO_PEERCRED; the level is looked at later
    ("kill", Kill, Depth::Ids, When::Always),
    ("rt_sigqueueinfo", Sigqueue, Depth::Ids, When::Always),
    ("ptrace", Ptrace, Depth::Ids, When::Is(0, 16)), // PTRACE_ATTACH
    ("ptrace", Ptrace, Depth::Ids, When::Is(0, 0x4206)), // PTRACE_SEIZE
    ("process_vm_readv", Peek, Depth::Ids, When::Always),
    ("process_vm_writev", Peek, Depth::Ids, When::Always),
    ("sched_setaffinity", Schedule, Depth::Ids, When::Always),
    ("sched_setscheduler", Schedule, Depth::Ids, When::Always),
    ("sched_setparam", Schedule, Depth::Ids, When::Always),
    ("sched_setattr", Schedule, Depth::Ids, When::Always),
    ("setpriority", Setpriority, Depth::Ids, When::Always),
    ("ioprio_set", IoprioSet, Depth::Ids, When::Always),
    ("chroot", Chroot, Depth::Ids, When::Always),
    ("pivot_root", Move, Depth::Ids, When::Always),
    ("setns", Move, Depth::Ids, When::Always),
    ("unshare", Move, Depth::Ids, When::Always),
    ("clone", Move, Depth::Ids, When::Has(0, 0x1002_0000)), // CLONE_NEWUSER, CLONE_NEWNS
    // its flags lie in memory; every C library falls back to clone
    ("clone3", Move, Depth::Ids, When::Never(libc::ENOSYS)),
    // its operations pass no filter; every program falls back
    (
        "io_uring_setup",
        Move,
        Depth::Ids,
        When::Never(libc::ENOSYS),
    ),
    // their arguments lie in memory (Linux 6.13); whoever knows them knows the older ones too
    (
        "setxattrat",
        Setxattr,
        Depth::Files,
        When::Never(libc::ENOSYS),
    ),
    (
        "getxattrat",
        Getxattr,
        Depth::Files,
        When::Never(libc::ENOSYS),
    ),
    (
        "listxattrat",
        Listxattr,
        Depth::Files,
        When::Never(libc::ENOSYS),
    ),
    (
        "removexattrat",
        Removexattr,
        Depth::Files,
        When::Never(libc::ENOSYS),
    ),
    ("bind", Bind, Depth::Files, When::Always),
    ("connect", Connect, Depth::Files, When::Always),
    ("stat", Stat, Depth::Files, When::Always),
    ("lstat", Lstat, Depth::Files, When::Always),
    ("fstat", Fstat, Depth::Files, When::Always),
    ("newfstatat", Fstatat, Depth::Files, When::Always),
    ("stat64", Stat, Depth::Files, When::Always),
    ("lstat64", Lstat, Depth::Files, When::Always),
    ("fstat64", Fstat, Depth::Files, When::Always),
    ("fstatat64", Fstatat, Depth::Files, When::Always),
    ("statx", Statx, Depth::Files, When::Always),
    ("access", Access, Depth::Files, When::Always),
    ("faccessat", Faccessat, Depth::Files, When::Always),
    ("faccessat2", Faccessat2, Depth::Files, When::Always),
    ("mkdir", Mkdir, Depth::Files, When::Always),
    ("mkdirat", Mkdirat, Depth::Files, When::Always),
    ("symlink", Symlink, Depth::Files, When::Always),
    ("symlinkat", Symlinkat, Depth::Files, When::Always),
    ("creat", Creat, Depth::Files, When::Always),
    ("open", Open, Depth::Files, When::Always),
    ("openat", Openat, Depth::Files, When::Always),
    ("openat2", Openat2, Depth::Files, When::Always),
    ("unlink", Unlink, Depth::Files, When::Always),
    ("rmdir", Rmdir, Depth::Files, When::Always),
    ("unlinkat", Unlinkat, Depth::Files, When::Always),
    ("rename", Rename, Depth::Files, When::Always),
    ("renameat", Renameat, Depth::Files, When::Always),
    ("renameat2", Renameat, Depth::Files, When::Always),
    ("link", Link, Depth::Files, When::Always),
    ("linkat", Linkat, Depth::Files, When::Always),
    ("truncate", Truncate, Depth::Files, When::Always),
    ("chdir", Chdir, Depth::Files, When::Always),
    ("utime", Utime, Depth::Files, When::Always),
    ("utimes", Utime, Depth::Files, When::Always),
    ("futimesat", Futimesat, Depth::Files, When::Always),
    ("utimensat", Utimensat, Depth::Files, When::Always),
    ("utimensat_time64", Utimensat, Depth::Files, When::Always),
    ("setxattr", Setxattr, Depth::Files, When::Always),
    ("lsetxattr", Lsetxattr, Depth::Files, When::Always),
    ("fsetxattr", Fsetxattr, Depth::Files, When::Always),
    ("getxattr", Getxattr, Depth::Files, When::Always),
    ("lgetxattr", Lgetxattr, Depth::Files, When::Always),
    ("fgetxattr", Fgetxattr, Depth::Files, When::Always),
    ("listxattr", Listxattr, Depth::Files, When::Always),
    ("llistxattr", Llistxattr, Depth::Files, When::Always),
    ("flistxattr", Flistxattr, Depth::Files, When::Always),
    ("removexattr", Removexattr, Depth::Files, When::Always),
    ("lremovexattr", Lremovexattr, Depth::Files, When::Always),
    ("fremovexattr", Fremovexattr, Depth::Files, When::Always),
    ("sendmsg", Sendmsg, Depth::Messages, When::Always),
];

/// RLIMIT_LOCKS.
const TAG: u64 = 10;

/// Width of the ids in a call's arguments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ids {
    /// 32 bits.
    Wide,
    /// 16 bits: the first calls of 32-bit sets; -1 is 0xffff.
    Narrow,
}

impl Ids {
    /// Returns an argument as an id.
    pub fn read(self, argument: u64) -> u32 {
        match self {
            Ids::Wide => argument as u32,
            Ids::Narrow if argument as u16 == u16::MAX => u32::MAX,
            Ids::Narrow => u32::from(argument as u16),
        }
    }
}

/// A call of one instruction set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Named {
    /// What it asks for.
    pub call: Call,
    /// How wide its ids are.
    pub ids: Ids,
}

/// The calls of one instruction set by number.
#[derive(Debug)]
pub struct Numbers {
    calls: Vec<Option<Named>>,
}

impl Numbers {
    /// Those of `arch`.
    pub(crate) fn of(arch: Arch) -> Numbers {
        let mut calls = vec![None; 512];
        for (name, call, ..) in ROWS {
            for (nr, ids) in numbers(arch, name) {
                if let Some(slot) = calls.get_mut(nr as usize) {
                    *slot = Some(Named { call: *call, ids });
                }
            }
        }
        Numbers { calls }
    }

    /// What a number asks for.
    pub fn get(&self, nr: u32) -> Option<Named> {
        self.calls.get(nr as usize).copied().flatten()
    }
}

/// The numbers of a call: 32-bit sets have two of those that take ids.
pub(super) fn numbers(arch: Arch, name: &str) -> Vec<(u32, Ids)> {
    let wide = arch.number(&format!("{name}32")).map(|nr| (nr, Ids::Wide));
    let ids = if wide.is_some() {
        Ids::Narrow
    } else {
        Ids::Wide
    };
    let plain = arch.number(name).map(|nr| (nr, ids));
    plain.into_iter().chain(wide).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_means_the_same_in_every_set() {
        let of = |arch, nr| Numbers::of(arch).get(nr);
        let wide = |call| {
            Some(Named {
                call,
                ids: Ids::Wide,
            })
        };
        assert_eq!(of(Arch::X86_64, 105), wide(SetUid));
        assert_eq!(of(Arch::I386, 213), wide(SetUid));
        assert_eq!(
            of(Arch::I386, 23),
            Some(Named {
                call: SetUid,
                ids: Ids::Narrow
            })
        );
        assert_eq!(of(Arch::Aarch64, 146), wide(SetUid));
        assert_eq!(of(Arch::X86_64, 262), wide(Fstatat));
        assert_eq!(of(Arch::I386, 300), wide(Fstatat));
        assert_eq!(of(Arch::X86_64, 0), None);
        assert_eq!(of(Arch::X86_64, u32::MAX), None);
    }

    #[test]
    fn narrow_ids_have_their_own_minus_one() {
        assert_eq!(Ids::Narrow.read(0xffff), u32::MAX);
        assert_eq!(Ids::Narrow.read(0x1_0021), 33);
        assert_eq!(Ids::Wide.read(0xffff_ffff_0000_0021), 33);
    }
}
