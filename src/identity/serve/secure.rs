//! Programs with more rights than who starts them: to the kernel both are one user, so it does not tell the program
//! (AT_SECURE, getauxval(3)), and its C library would load what the environment names. So what it would not have heeded is taken
//! from the environment that the call gives.

use nix::errno::Errno;

use super::tracee::Tracee;
use super::worker::{Asked, Worker};
use crate::sys::seccomp::Arch;

/// More variables are not looked at: the kernel takes a quarter of a stack of them, 2 MiB.
const MOST: usize = 1 << 18;

/// What C libraries leave alone in such a program, beside all that begins with `LD_` and `MALLOC_` (glibc's unsecvars.h).
const UNSAFE: &[&[u8]] = &[
    b"GCONV_PATH",
    b"GETCONF_DIR",
    b"GLIBC_TUNABLES",
    b"HOSTALIASES",
    b"LOCALDOMAIN",
    b"LOCPATH",
    b"NIS_PATH",
    b"NLSPATH",
    b"RESOLV_HOST_CONF",
    b"RES_OPTIONS",
    b"TMPDIR",
    b"TZDIR",
];

impl Worker {
    /// Takes from the list of variables at `at` of the asker's memory what is not for such a program.
    pub(super) fn make_secure(&mut self, asked: &Asked<'_>, at: u64) -> Result<(), Errno> {
        let tracee = self.tracee(asked)?;
        let width = match asked.arch {
            Arch::I386 | Arch::Arm => 4,
            _ => 8,
        };
        let all = pointers(&tracee, at, width)?;
        let mut text = Vec::new();
        let mut kept = all.clone();
        kept.retain(|pointer| {
            // of one that is too long the beginning is there; one that cannot be read the kernel refuses
            let _ = tracee.read_path(*pointer, &mut text);
            !is_unsafe(&text)
        });
        if kept.len() == all.len() {
            return Ok(());
        }
        let bytes: Vec<u8> = (kept.iter().chain([&0]))
            .flat_map(|pointer| pointer.to_le_bytes()[..width].to_vec())
            .collect();
        tracee.write(at, &bytes)
    }
}

/// A list of pointers that ends with 0; none at all where there is no list.
fn pointers(tracee: &Tracee, at: u64, width: usize) -> Result<Vec<u64>, Errno> {
    let mut all = Vec::new();
    while at != 0 && all.len() < MOST {
        let mut bytes = [0; 8];
        tracee.read(at + (all.len() * width) as u64, &mut bytes[..width])?;
        match u64::from_le_bytes(bytes) {
            0 => break,
            pointer => all.push(pointer),
        }
    }
    Ok(all)
}

/// Whether a variable (`NAME=value`) is not for a program with more rights than who starts it.
fn is_unsafe(variable: &[u8]) -> bool {
    let end = variable.iter().position(|b| *b == b'=');
    let name = &variable[..end.unwrap_or(variable.len())];
    name.starts_with(b"LD_") || name.starts_with(b"MALLOC_") || UNSAFE.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_c_library_loads_is_unsafe_and_the_rest_is_not() {
        for (variable, expected) in [
            (&b"LD_PRELOAD=/tmp/x.so"[..], true),
            (b"LD_LIBRARY_PATH=", true),
            (b"LD_AUDIT", true),
            (b"GCONV_PATH=/tmp", true),
            (b"TMPDIR=/x", true),
            (b"TMPDIRS=/x", false),
            (b"PATH=LD_PRELOAD=1", false),
            (b"BUILD_ID=3", false),
            (b"", false),
        ] {
            assert_eq!(is_unsafe(variable), expected, "{}", variable.escape_ascii());
        }
    }
}
