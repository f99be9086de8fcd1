use serde_json::Value;

use super::*;
use crate::container::security::DEFAULT_CAPABILITIES;
use crate::sys::seccomp::interpreter::run;
use crate::sys::syscalls::TABLE;

const ALLOW: u32 = 0x7fff_0000;
const EPERM: u32 = 0x0005_0001;
const ENOSYS: u32 = 0x0005_0026;

fn facts(capabilities: u64, arch: Arch) -> Facts {
    Facts {
        capabilities,
        kernel: (6, 1),
        arch,
    }
}

fn with_caps(names: &[&str]) -> u64 {
    names.iter().fold(DEFAULT_CAPABILITIES, |s, n| {
        s | 1 << caps::number(n).unwrap()
    })
}

fn sets(native: Arch) -> Vec<(Arch, u32)> {
    match native {
        Arch::X86_64 => vec![(Arch::X86_64, 0), (Arch::I386, 0), (Arch::X32, 0x4000_0000)],
        _ => vec![(Arch::Aarch64, 0), (Arch::Arm, 0)],
    }
}

/// The profile as plain JSON, asked without any of the compiler's types.
struct Oracle<'a> {
    entries: Vec<&'a Value>,
    arch: Arch,
    last: u32,
    last_x86_64: u32,
}

impl<'a> Oracle<'a> {
    fn new(profile: &'a Value, facts: Facts, arch: Arch) -> Oracle<'a> {
        let all = profile["syscalls"].as_array().unwrap();
        let last_of = |arch: Arch| {
            all.iter()
                .flat_map(|e| list(&e["names"]))
                .filter_map(|n| arch.number(&n))
                .max()
                .unwrap()
        };
        let (last, last_x86_64) = (last_of(arch), last_of(Arch::X86_64));
        let has_cap = |c: &String| facts.capabilities >> caps::number(c).unwrap() & 1 == 1;
        let go = if facts.arch == Arch::X86_64 {
            "amd64"
        } else {
            "arm64"
        };
        let is_wanted = |e: &&Value| {
            let (inc, exc) = (&e["includes"], &e["excludes"]);
            list(&inc["caps"]).iter().all(has_cap)
                && !list(&exc["caps"]).iter().any(has_cap)
                && (inc["arches"].is_null() || list(&inc["arches"]).iter().any(|a| a == go))
        };
        let mut entries: Vec<&Value> = all.iter().filter(is_wanted).collect();
        entries.sort_by_key(|e| e["args"].is_null());
        Oracle {
            entries,
            arch,
            last,
            last_x86_64,
        }
    }

    fn verdicts(&self, nr: u32) -> Vec<u32> {
        let of = |arch: Arch, nr: u32| -> Vec<&str> {
            TABLE
                .iter()
                .map(|r| r.0)
                .filter(|n| arch.number(n) == Some(nr))
                .collect()
        };
        let mut names = of(self.arch, nr);
        if self.arch == Arch::X32 && names.is_empty() {
            // Judged as x86_64's call of the number, which the kernel does not do under x32.
            names = of(Arch::X86_64, nr & !0x4000_0000)
                .into_iter()
                .filter(|_| nr & 0xfff < 512)
                .collect();
        }
        let has_name = |e: &&&Value| {
            list(&e["names"])
                .iter()
                .any(|n| names.contains(&n.as_str()))
        };
        let mine: Vec<&Value> = self.entries.iter().filter(has_name).copied().collect();
        // x32's calls below its own are judged by x86_64's tree, up to its end.
        let is_like = self.arch == Arch::X32 && nr & 0xfff < 512;
        let last = if is_like {
            self.last_x86_64 | 0x4000_0000
        } else {
            self.last
        };
        let one = |args| match mine.iter().find(|e| self.holds(e, args)) {
            _ if nr > last => ENOSYS,
            None => EPERM,
            Some(e) if e["action"] == "SCMP_ACT_ALLOW" => ALLOW,
            Some(e) => 0x0005_0000 | e["errnoRet"].as_u64().unwrap() as u32,
        };
        ARGUMENTS.into_iter().map(one).collect()
    }

    fn holds(&self, entry: &Value, args: [u64; 6]) -> bool {
        entry["args"].as_array().into_iter().flatten().all(|a| {
            let wide = !matches!(self.arch, Arch::I386 | Arch::Arm);
            let given = args[a["index"].as_u64().unwrap() as usize];
            let given = if wide { given } else { given & 0xffff_ffff };
            let value = a["value"].as_u64().unwrap();
            match a["op"].as_str().unwrap() {
                "SCMP_CMP_EQ" => given == value,
                "SCMP_CMP_MASKED_EQ" => given & value == a["valueTwo"].as_u64().unwrap(),
                other => panic!("{other}"),
            }
        })
    }
}

fn list(v: &Value) -> Vec<String> {
    v.as_array()
        .into_iter()
        .flatten()
        .map(|x| x.as_str().unwrap().to_owned())
        .collect()
}

/// Arguments that fall on both sides of each test in the profile.
const ARGUMENTS: [[u64; 6]; 12] = [
    [0; 6],
    [8, 0, 0, 0, 0, 0],
    [9, 0, 0, 0, 0, 0],
    [40, 0, 0, 0, 0, 0],
    [1 << 32 | 40, 0, 0, 0, 0, 0],
    [1 << 32 | 8, 0, 0, 0, 0, 0],
    [0x20000, 0, 0, 0, 0, 0],
    [0x20008, 0, 0, 0, 0, 0],
    [0xffff_ffff, 0, 0, 0, 0, 0],
    [u64::MAX, 0, 0, 0, 0, 0],
    [0x1000_0000, 0x1000_0000, 0, 0, 0, 0],
    [0x0120_0011, 0, 0, 0, 0, 0],
];

#[test]
fn the_program_says_what_the_profile_says_for_every_call() {
    let profile: Value = serde_json::from_str(DEFAULT).unwrap();
    for native in [Arch::X86_64, Arch::Aarch64] {
        for caps in [
            DEFAULT_CAPABILITIES,
            0,
            caps::ALL,
            with_caps(&["SYS_ADMIN"]),
            with_caps(&["SYS_PTRACE", "BPF", "SYS_TIME"]),
        ] {
            let facts = facts(caps, native);
            let program = compile(DEFAULT, facts).unwrap();
            assert!(
                program.len() / 8 < 1500,
                "{} instructions",
                program.len() / 8
            );
            for (arch, bit) in sets(native) {
                let private = if arch == Arch::Arm {
                    983_040..983_050
                } else {
                    0..0
                };
                let oracle = Oracle::new(&profile, facts, arch);
                for nr in (0..700).chain(private) {
                    let got: Vec<u32> = ARGUMENTS
                        .into_iter()
                        .map(|args| run(&program, arch, nr | bit, args))
                        .collect();
                    assert_eq!(
                        got,
                        oracle.verdicts(nr | bit),
                        "{arch:?} {nr} caps {caps:x}"
                    );
                }
            }
        }
    }
}

/// Set CORACLE_BLESS=1 to write them anew after a change of the profile or the compiler.
#[test]
#[expect(clippy::disallowed_methods, reason = "a switch of the developer's")]
fn the_programs_compiled_ahead_are_those_of_the_profile() {
    for (native, name) in [(Arch::X86_64, "x86_64"), (Arch::Aarch64, "aarch64")] {
        let path = format!("{}/share/seccomp-{name}.bpf", env!("CARGO_MANIFEST_DIR"));
        let fresh = compile(DEFAULT, facts(DEFAULT_CAPABILITIES, native)).unwrap();
        if std::env::var_os("CORACLE_BLESS").is_some() {
            fs_err::write(&path, &fresh).unwrap();
        }
        assert_eq!(
            fs_err::read(&path).unwrap(),
            fresh,
            "{path} is old: run with CORACLE_BLESS=1"
        );
        assert!(
            fresh.len() / 8 < 300,
            "{name}: {} instructions",
            fresh.len() / 8
        );
    }
}

/// What docker 26 answered inside a default container and with capabilities (perl's syscall).
#[test]
fn some_calls_by_name_get_dockers_answers() {
    let admin = with_caps(&["SYS_ADMIN"]);
    let x = Arch::X86_64;
    for (caps, arch, name, first, want) in [
        (DEFAULT_CAPABILITIES, x, "read", 0, ALLOW),
        (DEFAULT_CAPABILITIES, x, "clone", 0x1000_0000, EPERM),
        (DEFAULT_CAPABILITIES, x, "clone", 17, ALLOW),
        (DEFAULT_CAPABILITIES, x, "clone3", 0, ENOSYS),
        (DEFAULT_CAPABILITIES, x, "unshare", 0x1000_0000, EPERM),
        (DEFAULT_CAPABILITIES, x, "mount", 0, EPERM),
        (DEFAULT_CAPABILITIES, x, "keyctl", 0, EPERM),
        (DEFAULT_CAPABILITIES, x, "add_key", 0, EPERM),
        (DEFAULT_CAPABILITIES, x, "personality", 0xffff_ffff, ALLOW),
        (DEFAULT_CAPABILITIES, x, "personality", 0x40000, EPERM),
        (DEFAULT_CAPABILITIES, x, "ptrace", 0, ALLOW),
        (DEFAULT_CAPABILITIES, x, "bpf", 0, EPERM),
        (DEFAULT_CAPABILITIES, x, "io_uring_setup", 0, EPERM),
        (DEFAULT_CAPABILITIES, x, "socket", 40, EPERM),
        (DEFAULT_CAPABILITIES, x, "socket", 2, ALLOW),
        (DEFAULT_CAPABILITIES, x, "chroot", 0, ALLOW),
        (DEFAULT_CAPABILITIES, x, "userfaultfd", 0, EPERM),
        (DEFAULT_CAPABILITIES, x, "perf_event_open", 0, EPERM),
        (DEFAULT_CAPABILITIES, x, "open_by_handle_at", 0, EPERM),
        (DEFAULT_CAPABILITIES, x, "statmount", 0, ENOSYS),
        (DEFAULT_CAPABILITIES, x, "mseal", 0, ENOSYS),
        (DEFAULT_CAPABILITIES, Arch::I386, "mount", 0, EPERM),
        (DEFAULT_CAPABILITIES, Arch::I386, "socketcall", 1, ALLOW),
        (DEFAULT_CAPABILITIES, Arch::X32, "keyctl", 0, EPERM),
        (DEFAULT_CAPABILITIES, Arch::X32, "execve", 0, ALLOW),
        (admin, x, "mount", 0, ALLOW),
        (admin, x, "clone", 0x1000_0000, ALLOW),
        (admin, x, "clone3", 0, ALLOW),
        (admin, x, "unshare", 0, ALLOW),
        (admin, x, "keyctl", 0, EPERM),
        (0, x, "chroot", 0, EPERM),
    ] {
        let program = default(facts(caps, x)).unwrap();
        let got = run(
            &program,
            arch,
            arch.number(name).unwrap(),
            [first, 0, 0, 0, 0, 0],
        );
        assert_eq!(got, want, "{name}({first:#x}) with {caps:x}");
    }
}

#[test]
fn a_profile_of_ones_own_may_allow_by_default_and_use_every_action() {
    let json = r#"{"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_ARM", "SCMP_ARCH_PPC"],
        "syscalls": [
          {"name": "mkdir", "action": "SCMP_ACT_ERRNO", "args": []},
          {"names": ["rmdir", "nosuchcall"], "action": "SCMP_ACT_ERRNO", "errnoRet": 13},
          {"names": ["unlink"], "action": "SCMP_ACT_KILL_PROCESS"},
          {"names": ["link"], "action": "SCMP_ACT_LOG", "args": [{"index": 1, "value": 3, "op": "SCMP_CMP_GT"}]},
          {"names": ["rename"], "action": "SCMP_ACT_TRACE", "errnoRet": 4, "includes": {"minKernel": "4.8"}},
          {"names": ["chmod"], "action": "SCMP_ACT_TRAP", "includes": {"minKernel": "9.0"}}]}"#;
    let program = compile(json, facts(0, Arch::X86_64)).unwrap();
    for (name, second, want) in [
        ("mkdir", 0, 0x0005_0001),
        ("rmdir", 0, 0x0005_000d),
        ("unlink", 0, 0x8000_0000),
        ("link", 4, 0x7ffc_0000),
        ("link", 3, ALLOW),
        ("rename", 0, 0x7ff0_0004),
        ("chmod", 0, ALLOW),
        ("mseal", 0, ALLOW),
    ] {
        let nr = Arch::X86_64.number(name).unwrap();
        assert_eq!(
            run(&program, Arch::X86_64, nr, [0, second, 0, 0, 0, 0]),
            want,
            "{name}"
        );
    }
}

#[test]
fn a_wrong_profile_is_refused_in_one_sentence() {
    for (json, want) in [
        (
            "{",
            "Decoding seccomp profile failed: EOF while parsing an object at line 1 column 1",
        ),
        (
            r#"{"defaultAction": "SCMP_ACT_FOO"}"#,
            "string SCMP_ACT_FOO is not a valid action for seccomp",
        ),
        (
            r#"{"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86"],
               "archMap": [{"architecture": "SCMP_ARCH_X86_64"}]}"#,
            "'architectures' and 'archMap' were specified in the seccomp profile, use either 'architectures' or 'archMap'",
        ),
        (
            r#"{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["read"], "action": "SCMP_ACT_LOG",
                "args": [{"index": 6, "value": 0, "op": "SCMP_CMP_EQ"}]}]}"#,
            "a seccomp rule compares argument 6 of a system call: they are numbered 0 to 5",
        ),
    ] {
        assert_eq!(
            compile(json, facts(0, Arch::X86_64))
                .unwrap_err()
                .to_string(),
            want
        );
    }
}
