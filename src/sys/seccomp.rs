//! Seccomp filters: rules about system calls in, a classic BPF program out, and the call that loads it (seccomp(2)).
//!
//! A program is a balanced tree over the ranges of numbers that share an answer, one tree for each instruction set. The
//! kernel walks a filter once for every number when it is loaded, to know which calls it need not ask again (since 5.11),
//! so a list of 400 tests costs a start 121 us where the tree costs 20 or less.

#![allow(unsafe_code)]

use std::collections::BTreeMap;
use std::os::fd::{FromRawFd, OwnedFd};

use nix::errno::Errno;

use super::syscalls::TABLE;

/// What the kernel does with a call. The order of severity is the kernel's, not this list's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    /// Ends the process with SIGSYS.
    KillProcess,
    /// Ends the thread with SIGSYS.
    KillThread,
    /// Sends SIGSYS.
    Trap,
    /// The call fails with this error number.
    Errno(u16),
    /// Asks the listener.
    Notify,
    /// Asks the tracer, with this message.
    Trace(u16),
    /// Done, and written to the audit log.
    Log,
    /// Done.
    Allow,
}

impl Action {
    /// Returns the filter's return value (include/uapi/linux/seccomp.h).
    pub(crate) fn code(self) -> u32 {
        match self {
            Action::KillProcess => 0x8000_0000,
            Action::KillThread => 0,
            Action::Trap => 0x0003_0000,
            Action::Errno(n) => 0x0005_0000 | u32::from(n),
            Action::Notify => 0x7fc0_0000,
            Action::Trace(n) => 0x7ff0_0000 | u32::from(n),
            Action::Log => 0x7ffc_0000,
            Action::Allow => 0x7fff_0000,
        }
    }
}

/// An instruction set as a program can speak it to the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Arch {
    /// 64-bit x86.
    X86_64,
    /// 32-bit x86 (`int 0x80` works from 64-bit programs too).
    I386,
    /// 64-bit x86 with 32-bit pointers: x86_64's with bit 30 in the number.
    X32,
    /// 64-bit ARM.
    Aarch64,
    /// 32-bit ARM.
    Arm,
}

/// Bit 30 marks a call of x32.
const X32_BIT: u32 = 0x4000_0000;

impl Arch {
    /// Returns that of this program.
    pub(crate) const fn native() -> Arch {
        if cfg!(target_arch = "aarch64") {
            Arch::Aarch64
        } else {
            Arch::X86_64
        }
    }

    /// Returns what seccomp_data's `arch` holds (include/uapi/linux/audit.h).
    pub(crate) fn audit(self) -> u32 {
        match self {
            Arch::X86_64 | Arch::X32 => 0xc000_003e,
            Arch::I386 => 0x4000_0003,
            Arch::Aarch64 => 0xc000_00b7,
            Arch::Arm => 0x4000_0028,
        }
    }

    /// Returns the number of a call as seccomp_data's `nr` holds it; `None` where this set does not have the call.
    pub(crate) fn number(self, name: &str) -> Option<u32> {
        let row = TABLE.binary_search_by(|row| row.0.cmp(name)).ok()?;
        let column = match self {
            Arch::X86_64 => 0,
            Arch::I386 => 1,
            Arch::X32 => 2,
            Arch::Aarch64 => 3,
            Arch::Arm => 4,
        };
        let bit = if self == Arch::X32 { X32_BIT } else { 0 };
        u32::try_from(TABLE[row].1[column]).ok().map(|n| n | bit)
    }

    /// Returns whether a machine of the set `native` also runs programs of this one.
    pub(crate) fn runs_on(self, native: Arch) -> bool {
        match native {
            Arch::X86_64 => matches!(self, Arch::X86_64 | Arch::I386 | Arch::X32),
            Arch::Aarch64 => matches!(self, Arch::Aarch64 | Arch::Arm),
            _ => self == native,
        }
    }

    fn has_wide_arguments(self) -> bool {
        matches!(self, Arch::X86_64 | Arch::X32 | Arch::Aarch64)
    }
}

/// How an argument is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Test {
    /// Equal.
    Eq(u64),
    /// Not equal.
    Ne(u64),
    /// Less.
    Lt(u64),
    /// Less or equal.
    Le(u64),
    /// Greater.
    Gt(u64),
    /// Greater or equal.
    Ge(u64),
    /// `argument & mask == value`.
    Masked {
        /// Bits looked at.
        mask: u64,
        /// Their value.
        value: u64,
    },
}

/// One answer to one call.
#[derive(Debug, Clone)]
pub(crate) struct Rule {
    /// Argument (0..5) and test; all must hold, none means always.
    pub when: Vec<(u8, Test)>,
    /// The answer.
    pub action: Action,
}

/// The answers of one instruction set.
#[derive(Debug, Clone)]
pub(crate) struct Answers {
    /// The instruction set.
    pub arch: Arch,
    /// By number: the first rule that holds answers; when none holds, `otherwise`.
    pub rules: BTreeMap<u32, Vec<Rule>>,
    /// Answer to calls without a rule.
    pub otherwise: Action,
    /// Calls above this number are newer than the rules...
    pub last: u32,
    /// ...and get this answer.
    pub newer: Action,
}

/// One instruction of classic BPF, as `struct sock_filter`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Insn {
    code: u16,
    jt: u8,
    jf: u8,
    k: u32,
}

const LD: u16 = 0x20; // BPF_LD | BPF_W | BPF_ABS
const AND: u16 = 0x54; // BPF_ALU | BPF_AND | BPF_K
const JA: u16 = 0x05;
const JEQ: u16 = 0x15;
const JGT: u16 = 0x25;
const JGE: u16 = 0x35;
const RET: u16 = 0x06;
/// Offsets in struct seccomp_data.
const NR: u32 = 0;
const ARCH: u32 = 4;
const ARGS: u32 = 16;
/// BPF_MAXINSNS: the kernel refuses a longer program.
pub(crate) const MAX_INSTRUCTIONS: usize = 4096;

fn insn(code: u16, k: u32) -> Insn {
    Insn {
        code,
        jt: 0,
        jf: 0,
        k,
    }
}

fn ret(action: Action) -> Insn {
    insn(RET, action.code())
}

/// Returns the program as bytes, 8 an instruction in the host's order; `None` when it has more than [`MAX_INSTRUCTIONS`].
/// A call of an instruction set that is not named ends the thread.
pub(crate) fn assemble(sets: &[Answers]) -> Option<Vec<u8>> {
    let mut program = vec![insn(LD, ARCH)];
    for set in sets.iter().filter(|s| s.arch != Arch::X32) {
        let body = section(set, sets);
        program.extend(branch(JEQ, set.arch.audit(), body));
    }
    program.push(ret(Action::KillThread));
    (program.len() <= MAX_INSTRUCTIONS).then(|| program.iter().flat_map(|i| i.bytes()).collect())
}

/// The code for one value of `arch`, ending in returns. x86_64's holds x32's.
fn section(set: &Answers, sets: &[Answers]) -> Vec<Insn> {
    let mut body = vec![insn(LD, NR)];
    if set.arch == Arch::X86_64 {
        let x32 = match sets.iter().find(|s| s.arch == Arch::X32) {
            Some(x32) => tree(&ranges(x32), x32),
            None => vec![ret(Action::KillThread)],
        };
        body.extend(branch(JGE, X32_BIT, x32));
    }
    body.extend(tree(&ranges(set), set));
    body
}

/// `body` when the test holds, else on behind it. `body` must end in returns.
fn branch(code: u16, k: u32, body: Vec<Insn>) -> Vec<Insn> {
    let mut out = match u8::try_from(body.len()) {
        Ok(far) => vec![Insn {
            code,
            jt: 0,
            jf: far,
            k,
        }],
        Err(_) => vec![
            Insn {
                code,
                jt: 1,
                jf: 0,
                k,
            },
            insn(JA, body.len() as u32),
        ],
    };
    out.extend(body);
    out
}

/// A range of numbers from its first one on, up to the next one's.
type Range = (u32, Leaf);

/// The answer of a range.
#[derive(Clone, Copy, PartialEq)]
enum Leaf {
    Always(Action),
    /// Depends on the arguments; the range is this one number.
    Judge(u32),
}

fn ranges(set: &Answers) -> Vec<Range> {
    let first = if set.arch == Arch::X32 { X32_BIT } else { 0 };
    let mut out: Vec<Range> = Vec::new();
    let mut next = first;
    let mut put = |from: u32, leaf: Leaf| {
        if out.last().is_none_or(|(_, before)| *before != leaf) {
            out.push((from, leaf));
        }
    };
    for (&nr, rules) in set.rules.range(..=set.last) {
        if nr > next {
            put(next, Leaf::Always(set.otherwise));
        }
        match rules.first() {
            Some(r) if r.when.is_empty() => put(nr, Leaf::Always(r.action)),
            _ => put(nr, Leaf::Judge(nr)),
        }
        next = nr + 1;
    }
    if next <= set.last {
        put(next, Leaf::Always(set.otherwise));
    }
    put(set.last + 1, Leaf::Always(set.newer));
    out
}

/// Looks the number in the accumulator up by halves.
fn tree(ranges: &[Range], set: &Answers) -> Vec<Insn> {
    if let [(_, leaf)] = ranges {
        return match *leaf {
            Leaf::Always(action) => vec![ret(action)],
            Leaf::Judge(nr) => judge(&set.rules[&nr], set),
        };
    }
    let (low, high) = ranges.split_at(ranges.len() / 2);
    let low = tree(low, set);
    let mut out = match u8::try_from(low.len()) {
        Ok(far) => vec![Insn {
            code: JGE,
            jt: far,
            jf: 0,
            k: high[0].0,
        }],
        Err(_) => vec![
            Insn {
                code: JGE,
                jt: 0,
                jf: 1,
                k: high[0].0,
            },
            insn(JA, low.len() as u32),
        ],
    };
    out.extend(low);
    out.extend(tree(high, set));
    out
}

/// Tries the rules of one call in their order.
fn judge(rules: &[Rule], set: &Answers) -> Vec<Insn> {
    let mut out = Vec::new();
    for rule in rules {
        let mut body = vec![ret(rule.action)];
        for &(argument, test) in rule.when.iter().rev() {
            body = compare(argument, test, set.arch.has_wide_arguments(), body);
        }
        out.extend(body);
        if rule.when.is_empty() {
            return out;
        }
    }
    out.push(ret(set.otherwise));
    out
}

/// `body` when the test of the argument holds, else on behind it.
fn compare(argument: u8, test: Test, wide: bool, body: Vec<Insn>) -> Vec<Insn> {
    let low_word = ARGS + 8 * u32::from(argument);
    let (low, high) = (insn(LD, low_word), insn(LD, low_word + 4));
    let split = |v: u64| (v as u32, (v >> 32) as u32);
    // Six tests of six instructions and a return: a body never comes near to 255, the reach of a jump.
    let n = body.len() as u8;
    let jump = |code, k, jt, jf| Insn { code, jt, jf, k };
    let mut out = match test {
        Test::Eq(v) => {
            return compare(
                argument,
                Test::Masked {
                    mask: u64::MAX,
                    value: v,
                },
                wide,
                body,
            );
        }
        Test::Masked { mask, value } => {
            let ((ml, mh), (vl, vh)) = (split(mask), split(value));
            let mut lows = vec![low];
            if ml != u32::MAX {
                lows.push(insn(AND, ml));
            }
            lows.push(jump(JEQ, vl, 0, n));
            if !wide || (mh == 0 && vh == 0) {
                lows
            } else {
                let mut all = vec![high];
                if mh != u32::MAX {
                    all.push(insn(AND, mh));
                }
                all.push(jump(JEQ, vh, 0, n + lows.len() as u8));
                all.extend(lows);
                all
            }
        }
        Test::Ne(v) if wide => {
            let (vl, vh) = split(v);
            vec![high, jump(JEQ, vh, 0, 2), low, jump(JEQ, vl, n, 0)]
        }
        Test::Ne(v) => vec![low, jump(JEQ, v as u32, n, 0)],
        Test::Gt(v) => more(JGT, v, true, wide, [low, high], n),
        Test::Ge(v) => more(JGE, v, true, wide, [low, high], n),
        Test::Le(v) => more(JGT, v, false, wide, [low, high], n),
        Test::Lt(v) => more(JGE, v, false, wide, [low, high], n),
    };
    out.extend(body);
    out
}

/// Falls through when `argument > v` (JGT) or `>= v` (JGE) is `wanted`, else jumps over the `n` instructions behind.
fn more(code: u16, v: u64, wanted: bool, wide: bool, [low, high]: [Insn; 2], n: u8) -> Vec<Insn> {
    let (vl, vh) = (v as u32, (v >> 32) as u32);
    let (yes, no) = if wanted { (0, n) } else { (n, 0) };
    let last = Insn {
        code,
        jt: yes,
        jf: no,
        k: vl,
    };
    if !wide {
        return vec![low, last];
    }
    // high > vh: more; high == vh: the low word decides; else: not more
    vec![
        high,
        Insn {
            code: JGT,
            jt: yes + 3,
            jf: 0,
            k: vh,
        },
        Insn {
            code: JEQ,
            jt: 0,
            jf: no + 2,
            k: vh,
        },
        low,
        last,
    ]
}

impl Insn {
    fn bytes(self) -> [u8; 8] {
        let [c0, c1] = self.code.to_ne_bytes();
        let [k0, k1, k2, k3] = self.k.to_ne_bytes();
        [c0, c1, self.jt, self.jf, k0, k1, k2, k3]
    }
}

/// Whether a filter brings a listener for [`Action::Notify`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Listen {
    /// No.
    Without,
    /// Yes; once a notification is received, only fatal signals interrupt the call (needs Linux 5.19, else EINVAL).
    Killable,
    /// Yes (Linux 5.0).
    Plain,
}

/// Loads a program of [`assemble`] for the calling thread and its children, without allocating: it is called between
/// fork and exec. Needs CAP_SYS_ADMIN in the thread's user namespace or no_new_privs. Returns the listener, if asked for.
pub(crate) fn load(program: &[u8], listen: Listen) -> Result<Option<OwnedFd>, Errno> {
    const SET_MODE_FILTER: libc::c_uint = 1;
    const NEW_LISTENER: libc::c_ulong = 1 << 3;
    const WAIT_KILLABLE_RECV: libc::c_ulong = 1 << 5;
    let flags = match listen {
        Listen::Without => 0,
        Listen::Plain => NEW_LISTENER,
        Listen::Killable => NEW_LISTENER | WAIT_KILLABLE_RECV,
    };
    let len = u16::try_from(program.len() / 8).map_err(|_| Errno::EINVAL)?;
    let filter = libc::sock_fprog {
        len,
        filter: program.as_ptr().cast_mut().cast(),
    };
    // SAFETY: the kernel copies len * 8 bytes from filter, all of them inside `program`, and needs no alignment.
    let r = unsafe { libc::syscall(libc::SYS_seccomp, SET_MODE_FILTER, flags, &raw const filter) };
    match (Errno::result(r)?, listen) {
        (_, Listen::Without) => Ok(None),
        // SAFETY: with NEW_LISTENER the result is a new descriptor that nobody else has.
        (fd, _) => Ok(Some(unsafe { OwnedFd::from_raw_fd(fd as i32) })),
    }
}

#[cfg(test)]
pub(crate) mod interpreter;

#[cfg(test)]
mod tests;
