use super::interpreter::run;
use super::*;

fn answers(arch: Arch, rules: Vec<(u32, Vec<Rule>)>) -> Answers {
    Answers {
        arch,
        rules: rules.into_iter().collect(),
        otherwise: Action::Errno(1),
        last: 500,
        newer: Action::Errno(38),
    }
}

fn holds(test: Test, value: u64) -> bool {
    match test {
        Test::Eq(v) => value == v,
        Test::Ne(v) => value != v,
        Test::Lt(v) => value < v,
        Test::Le(v) => value <= v,
        Test::Gt(v) => value > v,
        Test::Ge(v) => value >= v,
        Test::Masked { mask, value: v } => value & mask == v,
    }
}

#[test]
fn every_test_of_an_argument_sees_all_64_bits() {
    let edge = [
        0,
        1,
        5,
        0xffff_fffe,
        0xffff_ffff,
        1 << 32,
        (1 << 32) + 5,
        5 << 32,
        u64::MAX,
    ];
    for &v in &edge {
        for test in [
            Test::Eq(v),
            Test::Ne(v),
            Test::Lt(v),
            Test::Le(v),
            Test::Gt(v),
            Test::Ge(v),
            Test::Masked {
                mask: 0x7e02_0000,
                value: 0,
            },
            Test::Masked {
                mask: 0xff00_0000_0000_00ff,
                value: 5,
            },
            Test::Masked {
                mask: 0xffff_ffff,
                value: 5,
            },
        ] {
            let rule = Rule {
                when: vec![(3, test)],
                action: Action::Allow,
            };
            let program = assemble(&[answers(Arch::X86_64, vec![(7, vec![rule])])]).unwrap();
            for &value in &edge {
                let got = run(&program, Arch::X86_64, 7, [9, 9, 9, value, 9, 9]);
                let want = if holds(test, value) {
                    Action::Allow
                } else {
                    Action::Errno(1)
                };
                assert_eq!(got, want.code(), "{test:?} of {value:#x}");
            }
        }
    }
}

#[test]
fn all_tests_of_a_rule_must_hold_and_the_first_rule_that_holds_answers() {
    let rules = vec![
        Rule {
            when: vec![(0, Test::Gt(10)), (1, Test::Ne(3)), (2, Test::Le(7))],
            action: Action::Trap,
        },
        Rule {
            when: vec![(0, Test::Eq(1))],
            action: Action::Log,
        },
        Rule {
            when: vec![],
            action: Action::Trace(9),
        },
        Rule {
            when: vec![(0, Test::Eq(2))],
            action: Action::KillProcess,
        },
    ];
    let program = assemble(&[answers(Arch::Aarch64, vec![(0, rules)])]).unwrap();
    for (args, want) in [
        ([11, 4, 7], Action::Trap),
        ([11, 3, 7], Action::Trace(9)),
        ([11, 4, 8], Action::Trace(9)),
        ([1, 4, 7], Action::Log),
        ([2, 0, 0], Action::Trace(9)),
    ] {
        let got = run(
            &program,
            Arch::Aarch64,
            0,
            [args[0], args[1], args[2], 0, 0, 0],
        );
        assert_eq!(got, want.code(), "{args:?}");
    }
}

#[test]
fn a_32_bit_set_does_not_look_at_the_upper_half() {
    let rule = Rule {
        when: vec![(0, Test::Eq(5))],
        action: Action::Allow,
    };
    let program = assemble(&[answers(Arch::I386, vec![(1, vec![rule])])]).unwrap();
    assert_eq!(
        run(&program, Arch::I386, 1, [5, 0, 0, 0, 0, 0]),
        Action::Allow.code()
    );
    assert_eq!(
        run(&program, Arch::I386, 1, [6, 0, 0, 0, 0, 0]),
        Action::Errno(1).code()
    );
}

#[test]
fn far_jumps_reach_over_a_large_tree() {
    let odd = |n: u32| {
        (
            n,
            vec![Rule {
                when: vec![],
                action: Action::Allow,
            }],
        )
    };
    let rules: Vec<_> = (0..500).filter(|n| n % 2 == 1).map(odd).collect();
    let x32: Vec<_> = (0..500)
        .filter(|n| n % 2 == 1)
        .map(|n| odd(n | X32_BIT))
        .collect();
    let mut sets = vec![
        answers(Arch::X86_64, rules.clone()),
        answers(Arch::I386, rules),
        answers(Arch::X32, x32),
    ];
    sets[2].last |= X32_BIT;
    let program = assemble(&sets).unwrap();
    for nr in 0..600 {
        let want = match nr {
            501.. => Action::Errno(38),
            n if n % 2 == 1 => Action::Allow,
            _ => Action::Errno(1),
        };
        for (arch, bit) in [(Arch::X86_64, 0), (Arch::I386, 0), (Arch::X32, X32_BIT)] {
            assert_eq!(
                run(&program, arch, nr | bit, [0; 6]),
                want.code(),
                "{arch:?} {nr}"
            );
        }
    }
    assert_eq!(
        run(&program, Arch::Arm, 1, [0; 6]),
        Action::KillThread.code()
    );
}

#[test]
fn numbers_are_known_by_name() {
    for (arch, name, want) in [
        (Arch::X86_64, "read", Some(0)),
        (Arch::I386, "read", Some(3)),
        (Arch::X32, "read", Some(X32_BIT)),
        (Arch::X32, "execve", Some(X32_BIT | 520)),
        (Arch::Aarch64, "open", None),
        (Arch::Arm, "cacheflush", Some(983_042)),
        (Arch::X86_64, "nosuch", None),
    ] {
        assert_eq!(arch.number(name), want, "{arch:?} {name}");
    }
    assert!(TABLE.is_sorted_by(|a, b| a.0 < b.0));
}

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "a filter lasts as long as its thread"
)]
fn the_kernel_takes_a_program_and_obeys_it() {
    let deny = Rule {
        when: vec![(0, Test::Eq(0))],
        action: Action::Errno(77),
    };
    let nr = Arch::native().number("getpriority").unwrap();
    let mut set = answers(Arch::native(), vec![(nr, vec![deny])]);
    (set.otherwise, set.newer) = (Action::Allow, Action::Allow);
    let program = assemble(&[set]).unwrap();
    // A filter lasts as long as its thread: in a thread of its own, it does not touch the other tests.
    let seen = std::thread::spawn(move || {
        nix::sys::prctl::set_no_new_privs().unwrap();
        load(&program, Listen::Without).unwrap();
        // SAFETY: plain calls with numbers for arguments.
        unsafe {
            let denied = libc::syscall(libc::SYS_getpriority, 0, 0);
            (
                denied,
                Errno::last_raw(),
                libc::syscall(libc::SYS_getpriority, 1, 0),
            )
        }
    })
    .join()
    .unwrap();
    assert_eq!((seen.0, seen.1), (-1, 77));
    assert!(seen.2 > 0);
}
