//! Random bytes of the kernel.
#![expect(unsafe_code, reason = "getrandom(2)")]

use nix::errno::Errno;

use super::{Result, SysError};

/// Fills `bytes` with random bytes, good for keys (getrandom(2); blocks only before the machine's first seeding).
pub fn fill(bytes: &mut [u8]) -> Result<()> {
    let mut done = 0;
    while done < bytes.len() {
        let rest = &mut bytes[done..];
        // SAFETY: `rest` is a writable buffer of the length given, and the call keeps no pointer to it.
        let n = unsafe { libc::getrandom(rest.as_mut_ptr().cast(), rest.len(), 0) };
        match usize::try_from(n) {
            Ok(n) => done += n,
            Err(_) if Errno::last() == Errno::EINTR => {}
            Err(_) => return Err(SysError::last(format!("getrandom({})", rest.len()))),
        }
    }
    Ok(())
}
