//! The filter that stops the watched calls (seccomp_unotify(2)). All others pass at the price of the kernel's own cache.
//!
//! The programs are compiled ahead (share/identity-*.bpf, kept in step by a test): to make one takes 0.26 to 0.47 ms, once for
//! each start, and the program would wait for it.

use std::collections::BTreeMap;

use super::calls::{Depth, ROWS, When, numbers};
use crate::sys::seccomp::{Action, Answers, Arch, Rule, Test, assemble};

use super::Mode;

#[cfg(target_arch = "x86_64")]
const MESSAGES: &[u8] = include_bytes!("../../share/identity-messages-x86_64.bpf");
#[cfg(target_arch = "x86_64")]
const FULL: &[u8] = include_bytes!("../../share/identity-full-x86_64.bpf");
#[cfg(target_arch = "x86_64")]
const IDS: &[u8] = include_bytes!("../../share/identity-ids-x86_64.bpf");
#[cfg(target_arch = "aarch64")]
const MESSAGES: &[u8] = include_bytes!("../../share/identity-messages-aarch64.bpf");
#[cfg(target_arch = "aarch64")]
const FULL: &[u8] = include_bytes!("../../share/identity-full-aarch64.bpf");
#[cfg(target_arch = "aarch64")]
const IDS: &[u8] = include_bytes!("../../share/identity-ids-aarch64.bpf");

/// Returns the program of a mode; `None` where nothing is watched.
pub fn program(mode: Mode) -> Option<&'static [u8]> {
    match mode {
        Mode::Messages => Some(MESSAGES),
        Mode::Full => Some(FULL),
        Mode::Ids => Some(IDS),
        Mode::Native | Mode::Off => None,
    }
}

/// Makes a program for machines of the set `native`.
#[cfg_attr(not(test), expect(dead_code, reason = "what it makes is compiled in"))]
fn compile(depth: Depth, native: Arch) -> Option<Vec<u8>> {
    let sets: Vec<Answers> = [Arch::X86_64, Arch::I386, Arch::Aarch64, Arch::Arm]
        .into_iter()
        .filter(|arch| arch.runs_on(native))
        .map(|arch| answers(arch, depth))
        .chain(none_of_x32(native))
        .collect();
    assemble(&sets)
}

fn answers(arch: Arch, depth: Depth) -> Answers {
    let mut rules: BTreeMap<u32, Vec<Rule>> = BTreeMap::new();
    for (name, _, its_depth, when) in ROWS.iter().filter(|row| row.2 <= depth) {
        debug_assert!(*its_depth <= depth);
        for (nr, _) in numbers(arch, name) {
            rules.entry(nr).or_default().extend(rules_of(*when));
        }
    }
    Answers {
        arch,
        rules,
        otherwise: Action::Allow,
        last: u32::MAX - 1,
        newer: Action::Allow,
    }
}

fn rules_of(when: When) -> Vec<Rule> {
    let notify = |when| {
        vec![Rule {
            when,
            action: Action::Notify,
        }]
    };
    match when {
        When::Always => notify(vec![]),
        // of the value that counts the kernel looks at the low 32 bits too
        When::Is(argument, value) => notify(vec![(
            argument,
            Test::Masked {
                mask: 0xffff_ffff,
                value,
            },
        )]),
        // any one of the bits is enough
        When::Has(argument, bits) => (0..64)
            .filter(|bit| bits >> bit & 1 == 1)
            .flat_map(|bit| {
                let mask = 1 << bit;
                notify(vec![(argument, Test::Masked { mask, value: mask })])
            })
            .collect(),
        When::Never(errno) => vec![Rule {
            when: vec![],
            action: Action::Errno(errno as u16),
        }],
    }
}

/// x32 is gone from every distribution: its calls are not there.
fn none_of_x32(native: Arch) -> Option<Answers> {
    let nothing = Action::Errno(libc::ENOSYS as u16);
    (native == Arch::X86_64).then(|| Answers {
        arch: Arch::X32,
        rules: BTreeMap::new(),
        otherwise: nothing,
        last: u32::MAX - 1,
        newer: nothing,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::seccomp::interpreter::run;

    fn ask(mode: Mode, name: &str, args: [u64; 6]) -> u32 {
        let native = Arch::native();
        run(
            program(mode).unwrap(),
            native,
            native.number(name).unwrap(),
            args,
        )
    }

    /// Set CORACLE_BLESS=1 to write them anew after a change of the calls or the compiler.
    #[test]
    #[expect(clippy::disallowed_methods, reason = "a switch of the developer's")]
    fn the_programs_compiled_ahead_are_those_of_the_calls() {
        let all = [
            ("messages", Depth::Messages),
            ("full", Depth::Files),
            ("ids", Depth::Ids),
        ];
        for (name, depth) in all {
            for (machine, arch) in [("x86_64", Arch::X86_64), ("aarch64", Arch::Aarch64)] {
                let root = env!("CARGO_MANIFEST_DIR");
                let path = format!("{root}/share/identity-{name}-{machine}.bpf");
                let program = compile(depth, arch).unwrap();
                if std::env::var_os("CORACLE_BLESS").is_some() {
                    fs_err::write(&path, &program).unwrap();
                }
                assert_eq!(
                    fs_err::read(&path).unwrap(),
                    program,
                    "{path} is old: run with CORACLE_BLESS=1"
                );
            }
        }
    }

    #[test]
    fn each_mode_stops_what_it_needs() {
        let (notify, allow) = (Action::Notify.code(), Action::Allow.code());
        for name in ["setuid", "getgroups", "execve", "fchownat"] {
            assert_eq!(ask(Mode::Ids, name, [0; 6]), notify, "{name}");
        }
        for name in ["newfstatat", "statx", "mkdirat", "faccessat"] {
            assert_eq!(ask(Mode::Ids, name, [0; 6]), allow, "{name}");
            assert_eq!(ask(Mode::Full, name, [0; 6]), notify, "{name}");
        }
        for name in ["read", "write", "close", "mmap", "futex", "lseek"] {
            assert_eq!(ask(Mode::Messages, name, [0; 6]), allow, "{name}");
        }
        assert_eq!(ask(Mode::Full, "sendmsg", [0; 6]), allow);
        assert_eq!(ask(Mode::Messages, "sendmsg", [0; 6]), notify);
        assert_eq!(program(Mode::Off), None);
        assert_eq!(program(Mode::Native), None);
    }

    #[test]
    fn arguments_decide_where_they_can() {
        let (notify, allow) = (Action::Notify.code(), Action::Allow.code());
        assert_eq!(ask(Mode::Ids, "prlimit64", [0, 10, 0, 0, 0, 0]), notify);
        assert_eq!(
            ask(Mode::Ids, "prlimit64", [0, 0xf_0000_000a, 0, 0, 0, 0]),
            notify
        );
        assert_eq!(ask(Mode::Ids, "prlimit64", [0, 7, 0, 0, 0, 0]), allow);
        assert_eq!(
            ask(Mode::Ids, "clone", [0x1000_0011, 0, 0, 0, 0, 0]),
            notify
        );
        assert_eq!(ask(Mode::Ids, "clone", [0x11, 0, 0, 0, 0, 0]), allow);
        let enosys = Action::Errno(libc::ENOSYS as u16).code();
        assert_eq!(ask(Mode::Ids, "clone3", [0; 6]), enosys);
        assert_eq!(ask(Mode::Full, "io_uring_setup", [0; 6]), enosys);
    }

    #[test]
    #[cfg(target_arch = "x86_64")]
    fn other_instruction_sets_are_stopped_too() {
        let program = program(Mode::Full).unwrap();
        assert_eq!(run(program, Arch::I386, 213, [0; 6]), Action::Notify.code());
        assert_eq!(run(program, Arch::I386, 3, [0; 6]), Action::Allow.code());
        let x32 = run(program, Arch::X86_64, 0x4000_0069, [0; 6]);
        assert_eq!(x32, Action::Errno(libc::ENOSYS as u16).code());
    }
}
