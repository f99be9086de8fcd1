//! Seccomp filters: rules about system calls in, a classic BPF program out, and the call that loads it (seccomp(2)).
//!
//! A program is a balanced tree over the ranges of numbers that share an answer, one tree for each instruction set. What a
//! filter costs a start is its loading: the kernel checks and translates each instruction, and walks the filter once for
//! every number to know which calls it need not ask again (since 5.11). Measured (Linux 6.18, minimum of 300): an empty
//! filter 26 us, docker's profile as a list of 800 instructions 640 us, as a tree with a return at each leaf (644) 150 us,
//! as it is built here (200) 80 us.

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
#[derive(Debug, Clone, PartialEq, Eq)]
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

/// Classic BPF (linux/bpf_common.h): load a word of seccomp_data, and, jump always, if equal, greater, greater or equal,
/// return.
const LD: u16 = 0x20;
const AND: u16 = 0x54;
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
/// Numbers of their own that x32 has for calls whose structures differ begin here (Linux, syscall_64.tbl).
const X32_OWN: u32 = 512;

/// Returns the program as bytes, 8 an instruction in the host's order; `None` when it has more than [`MAX_INSTRUCTIONS`].
/// A call of an instruction set that is not named ends the thread.
pub(crate) fn assemble(sets: &[Answers]) -> Option<Vec<u8>> {
    let mut program = Program::default();
    let mut entry = program.ret(Action::KillThread);
    for set in sets.iter().filter(|s| s.arch != Arch::X32).rev() {
        let section = program.section(set, sets);
        entry = program.test(JEQ, set.arch.audit(), section, entry);
    }
    program.load(ARCH, entry);
    program.into_bytes()
}

/// A program that is written from its end to its beginning, so that whatever is jumped to is already there.
#[derive(Default)]
struct Program {
    /// The last instruction first.
    reversed: Vec<Insn>,
    /// The newest return of each action.
    returns: Vec<(Action, Label)>,
}

/// An instruction by its distance from the program's end.
type Label = usize;

/// A range of numbers from its first one on, up to the next one's.
type Range = (u32, Leaf);

/// The answer of a range.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Leaf {
    Always(Action),
    /// Depends on the arguments; the range is this one number.
    Judge(u32),
}

/// Neighbouring ranges that are told apart one by one: all numbers from `first` on have `common`, but these.
struct Block {
    first: u32,
    common: Leaf,
    others: Vec<Range>,
}

/// Most exceptions in a block. One more costs every number of the block a step, a block of its own costs one instruction:
/// about 60 steps (measured, Linux 6.18: 0.16 us an instruction, 2.6 ns a step of one of the 900 numbers tried at loading).
const MOST_OTHERS: usize = 6;

impl Program {
    fn push(&mut self, code: u16, k: u32, jt: u8, jf: u8) -> Label {
        self.reversed.push(Insn { code, jt, jf, k });
        self.reversed.len() - 1
    }

    /// Returns a label that a test written next can jump to: this one, or a jump to it where it is out of reach. `spare`:
    /// instructions that may come in between.
    fn reach(&mut self, to: Label, spare: usize) -> Label {
        let distance = self.reversed.len() - to - 1;
        if distance + spare <= usize::from(u8::MAX) {
            return to;
        }
        self.push(JA, distance as u32, 0, 0)
    }

    fn test(&mut self, code: u16, k: u32, yes: Label, no: Label) -> Label {
        if yes == no {
            return yes;
        }
        let yes = self.reach(yes, 1);
        let no = self.reach(no, 0);
        let at = self.reversed.len();
        self.push(code, k, (at - yes - 1) as u8, (at - no - 1) as u8)
    }

    /// An instruction without a jump, with which `then` goes on.
    fn before(&mut self, code: u16, k: u32, then: Label) -> Label {
        let distance = self.reversed.len() - then - 1;
        if distance > 0 {
            self.push(JA, distance as u32, 0, 0);
        }
        self.push(code, k, 0, 0)
    }

    fn load(&mut self, offset: u32, then: Label) -> Label {
        self.before(LD, offset, then)
    }

    fn ret(&mut self, action: Action) -> Label {
        let known = self
            .returns
            .iter()
            .rev()
            .find(|(a, _)| *a == action)
            .map(|(_, at)| *at);
        // A copy is as cheap as a jump to the old one, and nearer to the tests still to come.
        if let Some(at) = known.filter(|at| self.reversed.len() - at < 200) {
            return at;
        }
        let at = self.push(RET, action.code(), 0, 0);
        self.returns.push((action, at));
        at
    }

    /// The code for one value of `arch`. x86_64's holds x32's.
    fn section(&mut self, set: &Answers, sets: &[Answers]) -> Label {
        let mut entry = self.tree(&blocks(&ranges(set, 0), set), set);
        if set.arch == Arch::X86_64 {
            let x32 = match sets.iter().find(|s| s.arch == Arch::X32) {
                Some(x32) if is_alike(x32, set) => self.like(x32, entry),
                Some(x32) => self.tree(&blocks(&ranges(x32, X32_BIT), x32), x32),
                None => self.ret(Action::KillThread),
            };
            entry = self.test(JGE, X32_BIT, x32, entry);
        }
        self.load(NR, entry)
    }

    /// x32's calls by x86_64's tree, but its own numbers. What x32 does not have the kernel does not do, whatever a filter
    /// says, and kernels before 5.4 did it as x86_64's.
    fn like(&mut self, x32: &Answers, of_x86_64: Label) -> Label {
        let own = Answers {
            rules: x32
                .rules
                .iter()
                .map(|(nr, rules)| (nr & !X32_BIT, rules.clone()))
                .collect(),
            last: x32.last & !X32_BIT,
            ..x32.clone()
        };
        let own = self.tree(&blocks(&ranges(&own, X32_OWN), &own), &own);
        let choice = self.test(JGE, X32_OWN, own, of_x86_64);
        self.before(AND, !X32_BIT, choice)
    }

    /// Looks the number in the accumulator up by halves of the numbers that there are.
    fn tree(&mut self, blocks: &[Block], set: &Answers) -> Label {
        if let [block] = blocks {
            return self.block(block, set);
        }
        let (low, high) = blocks.split_at(middle(blocks, set.last));
        let high_entry = self.tree(high, set);
        let low_entry = self.tree(low, set);
        self.test(JGE, high[0].first, high_entry, low_entry)
    }

    fn block(&mut self, block: &Block, set: &Answers) -> Label {
        let mut entry = self.leaf(block.common, set);
        for (nr, leaf) in block.others.iter().rev() {
            let yes = self.leaf(*leaf, set);
            entry = self.test(JEQ, *nr, yes, entry);
        }
        entry
    }

    fn leaf(&mut self, leaf: Leaf, set: &Answers) -> Label {
        match leaf {
            Leaf::Always(action) => self.ret(action),
            Leaf::Judge(nr) => self.judge(&set.rules[&nr], set),
        }
    }

    /// Tries the rules of one call in their order.
    fn judge(&mut self, rules: &[Rule], set: &Answers) -> Label {
        let mut next = self.ret(set.otherwise);
        for rule in rules.iter().rev() {
            let mut yes = self.ret(rule.action);
            for &(argument, test) in rule.when.iter().rev() {
                yes = self.compare(argument, test, set.arch.has_wide_arguments(), yes, next);
            }
            next = yes;
        }
        next
    }

    fn compare(&mut self, argument: u8, test: Test, wide: bool, yes: Label, no: Label) -> Label {
        let low = ARGS + 8 * u32::from(argument);
        match test {
            Test::Eq(value) => self.masked(low, [u64::MAX, value], wide, yes, no),
            Test::Ne(value) => self.masked(low, [u64::MAX, value], wide, no, yes),
            Test::Masked { mask, value } => self.masked(low, [mask, value], wide, yes, no),
            Test::Gt(value) => self.more(low, JGT, value, wide, yes, no),
            Test::Ge(value) => self.more(low, JGE, value, wide, yes, no),
            Test::Le(value) => self.more(low, JGT, value, wide, no, yes),
            Test::Lt(value) => self.more(low, JGE, value, wide, no, yes),
        }
    }

    fn masked(
        &mut self,
        low: u32,
        [mask, value]: [u64; 2],
        wide: bool,
        yes: Label,
        no: Label,
    ) -> Label {
        let mut entry = self.word(low, mask as u32, value as u32, yes, no);
        if wide && (mask >> 32, value >> 32) != (0, 0) {
            entry = self.word(
                low + 4,
                (mask >> 32) as u32,
                (value >> 32) as u32,
                entry,
                no,
            );
        }
        entry
    }

    fn word(&mut self, offset: u32, mask: u32, value: u32, yes: Label, no: Label) -> Label {
        let mut entry = self.test(JEQ, value, yes, no);
        if mask != u32::MAX {
            entry = self.before(AND, mask, entry);
        }
        self.load(offset, entry)
    }

    /// Whether the argument is more than `value` (JGT), or not less (JGE).
    fn more(
        &mut self,
        low: u32,
        code: u16,
        value: u64,
        wide: bool,
        yes: Label,
        no: Label,
    ) -> Label {
        let last = self.test(code, value as u32, yes, no);
        let low_word = self.load(low, last);
        if !wide {
            return low_word;
        }
        // The upper word decides, unless it is equal.
        let high = (value >> 32) as u32;
        let equal = self.test(JEQ, high, low_word, no);
        let entry = self.test(JGT, high, yes, equal);
        self.load(low + 4, entry)
    }

    fn into_bytes(self) -> Option<Vec<u8>> {
        let program = self.reversed.iter().rev();
        (self.reversed.len() <= MAX_INSTRUCTIONS).then(|| program.flat_map(|i| i.bytes()).collect())
    }
}

/// Whether x32's calls below its own numbers have x86_64's answers.
fn is_alike(x32: &Answers, x86_64: &Answers) -> bool {
    let below = x32.rules.range(..X32_BIT | X32_OWN);
    x32.otherwise == x86_64.otherwise
        && x32.newer == x86_64.newer
        && below
            .into_iter()
            .all(|(nr, rules)| x86_64.rules.get(&(nr & !X32_BIT)) == Some(rules))
}

/// The ranges from the number `from` on.
fn ranges(set: &Answers, from: u32) -> Vec<Range> {
    let mut out: Vec<Range> = Vec::new();
    let mut next = from;
    let mut put = |from: u32, leaf: Leaf| {
        if out.last().is_none_or(|(_, before)| *before != leaf) {
            out.push((from, leaf));
        }
    };
    for (&nr, rules) in set.rules.range(from..) {
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
    put(
        next.max(set.last.saturating_add(1)),
        Leaf::Always(set.newer),
    );
    out
}

/// Gathers ranges: the long ones of one answer, and short ones in between as exceptions.
fn blocks(ranges: &[Range], set: &Answers) -> Vec<Block> {
    let mut out: Vec<Block> = Vec::new();
    let mut common = None;
    for (i, &(first, leaf)) in ranges.iter().enumerate() {
        let len = ranges.get(i + 1).map_or(u32::MAX, |next| next.0 - first);
        let is_short = len <= 2;
        if let Some(block) = out.last_mut() {
            if common == Some(leaf) {
                continue;
            }
            if common.is_none() && !is_short {
                (common, block.common) = (Some(leaf), leaf);
                continue;
            }
            if is_short && block.others.len() + len as usize <= MOST_OTHERS {
                block
                    .others
                    .extend((first..first + len).map(|nr| (nr, leaf)));
                continue;
            }
        }
        let others = if is_short {
            (first..first + len).map(|nr| (nr, leaf)).collect()
        } else {
            Vec::new()
        };
        common = (!is_short).then_some(leaf);
        out.push(Block {
            first,
            common: common.unwrap_or(Leaf::Always(set.otherwise)),
            others,
        });
    }
    out
}

/// Where to part the blocks so that both sides have about as many numbers.
fn middle(blocks: &[Block], last: u32) -> usize {
    let first = blocks[0].first;
    let half = first
        + (last
            .saturating_add(1)
            .min(blocks[blocks.len() - 1].first + 1)
            - first)
            / 2;
    let at = blocks.partition_point(|b| b.first <= half);
    at.clamp(1, blocks.len() - 1)
}

/// One instruction of classic BPF, as `struct sock_filter`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Insn {
    code: u16,
    jt: u8,
    jf: u8,
    k: u32,
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
