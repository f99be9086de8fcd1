//! The last step before the container's program: a program of about 200 bytes in a sealed memfd.
//!
//! It is what `/proc/self/exe` and `/proc/PID/exe` name until the container's program runs, so a container that asks us to
//! execute `#!/proc/self/exe` or that watches /proc for our own binary only ever meets a sealed memfd (CVE-2019-5736; here
//! container root owns our binary's file, so read-only tricks would not do).
//!
//! Arguments: argv[0] is the path to execute, argv[1..] the real argv. It makes the report descriptor close-on-exec,
//! executes, and on failure writes the 8 byte report {op, errno} and exits 127. Entered a second time, through
//! `#!/proc/self/exe`, the report descriptor is gone: it then exits 127 at once instead of executing itself for ever.

#![allow(unsafe_code)]

use std::os::fd::{OwnedFd, RawFd};

use super::Result;

#[cfg(target_arch = "x86_64")]
std::arch::global_asm!(
    ".pushsection .rodata.coracle_stub,\"a\"",
    ".balign 8",
    ".globl coracle_stub_begin, coracle_stub_end, coracle_stub_fd, coracle_stub_op",
    "coracle_stub_begin:",
    "mov edi, dword ptr [rip + coracle_stub_fd]", // fcntl(fd, F_SETFD, FD_CLOEXEC)
    "mov esi, 2",
    "mov edx, 1",
    "mov eax, 72",
    "syscall",
    "test eax, eax",
    "js 9f",
    "mov rdi, [rsp + 8]", // execve(argv[0], &argv[1], envp)
    "lea rsi, [rsp + 16]",
    "mov rcx, [rsp]",
    "lea rdx, [rsp + rcx*8 + 16]",
    "mov eax, 59",
    "syscall",
    "neg eax", // write(fd, {op, errno}, 8)
    "shl rax, 32",
    "mov ecx, dword ptr [rip + coracle_stub_op]",
    "or rax, rcx",
    "push rax",
    "mov edi, dword ptr [rip + coracle_stub_fd]",
    "mov rsi, rsp",
    "mov edx, 8",
    "mov eax, 1",
    "syscall",
    "9:",
    "mov edi, 127", // exit_group(127)
    "mov eax, 231",
    "syscall",
    ".balign 4",
    "coracle_stub_fd: .long 0",
    "coracle_stub_op: .long 0",
    "coracle_stub_end:",
    ".popsection"
);

#[cfg(target_arch = "aarch64")]
std::arch::global_asm!(
    ".pushsection .rodata.coracle_stub,\"a\"",
    ".balign 8",
    ".globl coracle_stub_begin, coracle_stub_end, coracle_stub_fd, coracle_stub_op",
    "coracle_stub_begin:",
    "ldr w0, coracle_stub_fd",
    "mov x1, #2",
    "mov x2, #1",
    "mov x8, #25",
    "svc #0",
    "tbnz w0, #31, 9f",
    "ldr x9, [sp]",
    "ldr x0, [sp, #8]",
    "add x1, sp, #16",
    "add x2, sp, x9, lsl #3",
    "add x2, x2, #16",
    "mov x8, #221",
    "svc #0",
    "neg w3, w0",
    "ldr w2, coracle_stub_op",
    "stp w2, w3, [sp, #-16]!",
    "ldr w0, coracle_stub_fd",
    "mov x1, sp",
    "mov x2, #8",
    "mov x8, #64",
    "svc #0",
    "9:",
    "mov x0, #127",
    "mov x8, #94",
    "svc #0",
    ".balign 4",
    "coracle_stub_fd: .long 0",
    "coracle_stub_op: .long 0",
    "coracle_stub_end:",
    ".popsection"
);

unsafe extern "C" {
    static coracle_stub_begin: u8;
    static coracle_stub_end: u8;
    static coracle_stub_fd: u8;
    static coracle_stub_op: u8;
}

const BASE: u64 = 0x40_0000;
const HEADERS: usize = 64 + 56;

#[cfg(target_arch = "x86_64")]
const MACHINE: u16 = 62; // EM_X86_64
#[cfg(target_arch = "aarch64")]
const MACHINE: u16 = 183; // EM_AARCH64

/// Returns the sealed memfd. `report` is the number that the report pipe will have in the child, `op` the index that the
/// report of a failed execve carries.
pub(super) fn make(report: RawFd, op: u32) -> Result<OwnedFd> {
    super::fd::sealed(c"init", &image(report, op), true)
}

fn image(report: RawFd, op: u32) -> Vec<u8> {
    // SAFETY: the four symbols delimit one read-only object of this binary, made by the assembler above.
    let (code, fd_at, op_at) = unsafe {
        let begin = &raw const coracle_stub_begin;
        let offset = |p: *const u8| p as usize - begin as usize;
        (
            std::slice::from_raw_parts(begin, offset(&raw const coracle_stub_end)),
            offset(&raw const coracle_stub_fd),
            offset(&raw const coracle_stub_op),
        )
    };
    let size = (HEADERS + code.len()) as u64;
    let mut elf = Vec::with_capacity(size as usize);
    elf.extend([0x7f, b'E', b'L', b'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    let (half, word, long) = (u16::to_le_bytes, u32::to_le_bytes, u64::to_le_bytes);
    elf.extend(half(2)); // ET_EXEC
    elf.extend(half(MACHINE));
    elf.extend(word(1));
    elf.extend(long(BASE + HEADERS as u64)); // entry
    elf.extend(long(64)); // program headers
    elf.extend(long(0));
    elf.extend(word(0));
    for n in [64, 56, 1, 0, 0, 0] {
        elf.extend(half(n));
    }
    elf.extend(word(1)); // PT_LOAD
    elf.extend(word(5)); // read, execute
    for n in [0, BASE, BASE, size, size, 0x1_0000] {
        elf.extend(long(n));
    }
    elf.extend(code);
    elf[HEADERS + fd_at..][..4].copy_from_slice(&report.to_le_bytes());
    elf[HEADERS + op_at..][..4].copy_from_slice(&op.to_le_bytes());
    elf
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_small_and_carries_its_two_numbers() {
        let elf = image(0x1122, 0x3344);
        assert!(elf.len() < 400, "{} bytes", elf.len());
        assert!(
            elf.windows(8)
                .any(|w| w == [0x22, 0x11, 0, 0, 0x44, 0x33, 0, 0])
        );
    }
}
