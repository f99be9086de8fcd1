//! Programs for another processor. Since Linux 6.7 the kernel's table of handlers (binfmt_misc) belongs to a user namespace, so
//! that a container can be given an entry of its own for its image's processor, and nobody has to be root for it. The emulator
//! is one of the host's: a static `qemu-*` of qemu-user-static in the caller's PATH.

use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::paths;
use crate::grammar::platform::Platform;

/// Where the host's own entries are seen.
const TABLE: &str = "/proc/sys/fs/binfmt_misc";

/// A processor as ELF(5) says it: its name in images, qemu's, the class, the order of bytes, the machine.
type Machine = (&'static str, &'static str, u8, u8, u16);

const MACHINES: [Machine; 9] = [
    ("386", "i386", 1, 1, 3),
    ("amd64", "x86_64", 2, 1, 62),
    ("arm", "arm", 1, 1, 40),
    ("arm64", "aarch64", 2, 1, 183),
    ("loong64", "loongarch64", 2, 1, 258),
    ("mips64le", "mips64el", 2, 1, 8),
    ("ppc64le", "ppc64le", 2, 1, 21),
    ("riscv64", "riscv64", 2, 1, 243),
    ("s390x", "s390x", 2, 2, 22),
];

/// Whether programs of `platform` run in a container here: by themselves, by the host's handler, or by one of its own.
pub(crate) fn runs(platform: &Platform, kernel: (u32, u32)) -> bool {
    let by_host = || machine(platform).is_some_and(has_handler);
    Platform::host().matches(platform)
        || by_host()
        || handler(&platform.to_string(), kernel).is_some()
}

fn machine(platform: &Platform) -> Option<&'static Machine> {
    MACHINES.iter().find(|m| m.0 == platform.architecture)
}

/// Returns the line that tells the kernel who runs programs of `platform` in a container (binfmt-misc.rst). `None` where this
/// machine runs them itself, the host has a handler for them, the kernel (major, minor) is too old, or there is no emulator.
pub(crate) fn handler(platform: &str, kernel: (u32, u32)) -> Option<String> {
    let platform = Platform::parse(platform).ok()?;
    if kernel < (6, 7) || Platform::host().matches(&platform) {
        return None;
    }
    let machine = machine(&platform)?;
    if has_handler(machine) {
        return None;
    }
    let names = [
        format!("qemu-{}-static", machine.1),
        format!("qemu-{}", machine.1),
    ];
    let program = names
        .iter()
        .filter_map(|name| paths::program(name))
        .find(|p| is_static(p))?;
    line(machine, program)
}

/// `:name:M:offset:magic:mask:interpreter:flags`. F: the interpreter is opened now, for it is not in the container. P: programs
/// are told the name under which they were called. Of the machine's own bits only the kind of its system does not count.
fn line(machine: &Machine, program: PathBuf) -> Option<String> {
    let (_, name, ..) = machine;
    let magic = header(machine);
    let mut mask = [0xff; 20];
    mask[7] = 0;
    // ET_DYN is ET_EXEC and one bit more
    mask[if machine.3 == 1 { 16 } else { 17 }] = 0xfe;
    let program = program.into_os_string().into_string().ok()?;
    if program.contains([':', '\n']) {
        return None;
    }
    Some(format!(
        ":qemu-{name}:M::{}:{}:{program}:FP",
        escape(&magic),
        escape(&mask)
    ))
}

/// The first 20 bytes of a program.
fn header((_, _, class, order, machine): &Machine) -> [u8; 20] {
    let mut header = *b"\x7fELF\0\0\x01\0\0\0\0\0\0\0\0\0\0\0\0\0";
    (header[4], header[5]) = (*class, *order);
    let half = |n: u16| {
        if *order == 1 {
            n.to_le_bytes()
        } else {
            n.to_be_bytes()
        }
    };
    header[16..18].copy_from_slice(&half(2));
    header[18..].copy_from_slice(&half(*machine));
    header
}

fn escape(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("\\x{b:02x}")).collect()
}

/// Whether the host's table has an entry that works in another root.
fn has_handler(machine: &Machine) -> bool {
    let Ok(entries) = fs_err::read_dir(TABLE) else {
        return false;
    };
    let texts = entries.filter_map(|entry| fs_err::read_to_string(entry.ok()?.path()).ok());
    texts.into_iter().any(|text| serves(&text, machine))
}

/// Reads an entry as the kernel shows it.
fn serves(entry: &str, machine: &Machine) -> bool {
    let value = |name: &str| entry.lines().find_map(|line| line.strip_prefix(name));
    let wanted: String = header(machine).iter().map(|b| format!("{b:02x}")).collect();
    entry.starts_with("enabled\n")
        && value("flags: ").is_some_and(|flags| flags.contains('F'))
        && value("magic ").is_some_and(|magic| magic.get(..40) == Some(&wanted))
}

/// Whether a program needs no loader and no libraries, which a container has not: ELF(5), no PT_INTERP.
fn is_static(program: &Path) -> bool {
    fn read(file: &fs_err::File, at: u64, into: &mut [u8]) -> Option<()> {
        file.file().read_exact_at(into, at).ok()
    }
    let has_loader = || -> Option<bool> {
        const PT_INTERP: u32 = 3;
        let file = fs_err::File::open(program).ok()?;
        let mut header = [0; 64];
        read(&file, 0, &mut header)?;
        if !header.starts_with(b"\x7fELF\x02") {
            return None;
        }
        let first = u64::from_ne_bytes(header[32..40].try_into().ok()?);
        let size = u16::from_ne_bytes([header[54], header[55]]);
        let count = u16::from_ne_bytes([header[56], header[57]]);
        for at in 0..count.min(64) {
            let mut kind = [0; 4];
            read(
                &file,
                first.checked_add(u64::from(at) * u64::from(size))?,
                &mut kind,
            )?;
            if u32::from_ne_bytes(kind) == PT_INTERP {
                return Some(true);
            }
        }
        Some(false)
    };
    has_loader() == Some(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine(name: &str) -> &'static Machine {
        super::machine(&Platform::new("linux", name, "")).unwrap()
    }

    /// From qemu's scripts/qemu-binfmt-conf.sh.
    #[test]
    fn lines_are_what_qemu_registers() {
        let zeros = r"\x00".repeat(8);
        let ones = |n| r"\xff".repeat(n);
        assert_eq!(
            line(machine("arm64"), "/q/qemu-aarch64-static".into()).unwrap(),
            format!(
                r":qemu-aarch64:M::\x7f\x45\x4c\x46\x02\x01\x01\x00{zeros}\x02\x00\xb7\x00:{}\x00{}\xfe{}:/q/qemu-aarch64-static:FP",
                ones(7),
                ones(8),
                ones(3)
            )
        );
        assert_eq!(
            line(machine("s390x"), "/q".into()).unwrap(),
            format!(
                r":qemu-s390x:M::\x7f\x45\x4c\x46\x02\x02\x01\x00{zeros}\x00\x02\x00\x16:{}\x00{}\xfe{}:/q:FP",
                ones(7),
                ones(9),
                ones(2)
            )
        );
        assert_eq!(line(machine("arm"), "/a:b".into()), None);
    }

    #[test]
    fn an_entry_of_the_hosts_counts_where_it_works_in_a_container() {
        let text = |state: &str, flags: &str| {
            format!(
                "{state}\ninterpreter /usr/bin/qemu-aarch64-static\nflags: {flags}\noffset 0\n\
                 magic 7f454c460201010000000000000000000200b700\nmask ffffffffffffff00fffffffffffffffffeffffff\n"
            )
        };
        assert!(serves(&text("enabled", "POCF"), machine("arm64")));
        assert!(!serves(&text("enabled", "POC"), machine("arm64")));
        assert!(!serves(&text("disabled", "F"), machine("arm64")));
        assert!(!serves(&text("enabled", "F"), machine("riscv64")));
    }

    #[test]
    fn what_runs_here_needs_nobody() {
        assert_eq!(handler(&Platform::host().to_string(), (6, 7)), None);
        assert_eq!(handler("linux/arm64", (6, 6)), None);
        assert_eq!(handler("", (6, 7)), None);
        assert!(runs(&Platform::host(), (3, 8)));
        assert!(!runs(&Platform::new("linux", "sparc64", ""), (3, 8)));
    }

    #[test]
    fn a_program_with_a_loader_is_not_static() {
        // this one is static
        assert!(is_static(&std::env::current_exe().unwrap()));
        assert!(!is_static(Path::new("/bin/sh")));
        assert!(!is_static(Path::new("/etc/passwd")));
    }
}
