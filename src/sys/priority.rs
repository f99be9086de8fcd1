//! Going last: for work that nobody waits for.
#![expect(unsafe_code, reason = "ioprio_set(2)")]

/// ioprio_set(2): this very process.
const IOPRIO_WHO_PROCESS: libc::c_int = 1;
/// Idle class, in the upper three bits of sixteen.
const IDLE: libc::c_int = 3 << 13;

/// Gives the calling process the lowest CPU and disk priority, as far as the kernel allows.
pub(crate) fn lowest() {
    // SAFETY: plain system calls with numbers; a refusal leaves the priority as it is.
    unsafe {
        libc::setpriority(libc::PRIO_PROCESS, 0, 19);
        libc::syscall(libc::SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, IDLE);
    }
}
