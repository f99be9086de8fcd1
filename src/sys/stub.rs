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

#[cfg(target_arch = "x86_64")]
std::arch::global_asm!(
    ".pushsection .rodata.coracle_init,\"a\"",
    ".balign 8",
    ".globl coracle_init_begin, coracle_init_end, coracle_init_fd, coracle_init_op",
    "coracle_init_begin:",
    "mov edi, dword ptr [rip + coracle_init_fd]", // fcntl(fd, F_SETFD, FD_CLOEXEC)
    "mov esi, 2",
    "mov edx, 1",
    "mov eax, 72",
    "syscall",
    "test eax, eax",
    "js 9f",
    "push -1", // rbp: a full signal mask; argc is at rbp + 8
    "mov rbp, rsp",
    "mov edi, 2", // rt_sigprocmask(SIG_SETMASK, all)
    "mov rsi, rbp",
    "xor edx, edx",
    "mov r10d, 8",
    "mov eax, 14",
    "syscall",
    "mov eax, 57", // fork()
    "syscall",
    "test eax, eax",
    "js 9f",
    "jz 6f",
    "mov r12d, eax",
    "mov edi, dword ptr [rip + coracle_init_fd]", // close(fd)
    "mov eax, 3",
    "syscall",
    "2:",
    "mov rdi, rbp", // rt_sigtimedwait(all)
    "xor esi, esi",
    "xor edx, edx",
    "mov r10d, 8",
    "mov eax, 128",
    "syscall",
    "test eax, eax",
    "js 2b",
    "cmp eax, 17",
    "je 3f",
    "mov edi, r12d", // kill(child, signal)
    "mov esi, eax",
    "mov eax, 62",
    "syscall",
    "jmp 2b",
    "3:",
    "push 0", // wait4(-1, &status, WNOHANG, 0)
    "mov rdi, -1",
    "mov rsi, rsp",
    "mov edx, 1",
    "xor r10d, r10d",
    "mov eax, 61",
    "syscall",
    "pop rbx",
    "test eax, eax",
    "jle 2b",
    "cmp eax, r12d",
    "jne 3b",
    "mov edi, ebx", // exit_group(status)
    "and edi, 127",
    "jz 4f",
    "add edi, 128",
    "jmp 5f",
    "4:",
    "mov edi, ebx",
    "shr edi, 8",
    "and edi, 255",
    "5:",
    "mov eax, 231",
    "syscall",
    "6:",
    "xor edi, edi", // setpgid(0, 0)
    "xor esi, esi",
    "mov eax, 109",
    "syscall",
    "mov eax, 39", // ioctl(0, TIOCSPGRP, &getpid())
    "syscall",
    "push rax",
    "xor edi, edi",
    "mov esi, 0x5410",
    "mov rdx, rsp",
    "mov eax, 16",
    "syscall",
    "push 0", // rt_sigprocmask(SIG_SETMASK, none)
    "mov edi, 2",
    "mov rsi, rsp",
    "xor edx, edx",
    "mov r10d, 8",
    "mov eax, 14",
    "syscall",
    "mov rdi, [rbp + 16]", // execve(argv[0], &argv[1], envp)
    "lea rsi, [rbp + 24]",
    "mov rcx, [rbp + 8]",
    "lea rdx, [rbp + rcx*8 + 24]",
    "mov eax, 59",
    "syscall",
    "neg eax", // write(fd, {op, errno}, 8)
    "shl rax, 32",
    "mov ecx, dword ptr [rip + coracle_init_op]",
    "or rax, rcx",
    "push rax",
    "mov edi, dword ptr [rip + coracle_init_fd]",
    "mov rsi, rsp",
    "mov edx, 8",
    "mov eax, 1",
    "syscall",
    "9:",
    "mov edi, 127", // exit_group(127)
    "mov eax, 231",
    "syscall",
    ".balign 4",
    "coracle_init_fd: .long 0",
    "coracle_init_op: .long 0",
    "coracle_init_end:",
    ".popsection"
);

#[cfg(target_arch = "aarch64")]
std::arch::global_asm!(
    ".pushsection .rodata.coracle_init,\"a\"",
    ".balign 8",
    ".globl coracle_init_begin, coracle_init_end, coracle_init_fd, coracle_init_op",
    "coracle_init_begin:",
    "mov x19, sp", // x19: argc
    "ldr w0, coracle_init_fd",
    "mov x1, #2",
    "mov x2, #1",
    "mov x8, #25",
    "svc #0",
    "tbnz w0, #31, 9f",
    "mov x9, #-1", // x20: a full signal mask
    "str x9, [sp, #-16]!",
    "mov x20, sp",
    "mov x0, #2",
    "mov x1, x20",
    "mov x2, #0",
    "mov x3, #8",
    "mov x8, #135",
    "svc #0",
    "mov x0, #17", // clone(SIGCHLD)
    "mov x1, #0",
    "mov x2, #0",
    "mov x3, #0",
    "mov x4, #0",
    "mov x8, #220",
    "svc #0",
    "tbnz w0, #31, 9f",
    "cbz w0, 6f",
    "mov w21, w0",
    "ldr w0, coracle_init_fd",
    "mov x8, #57",
    "svc #0",
    "2:",
    "mov x0, x20",
    "mov x1, #0",
    "mov x2, #0",
    "mov x3, #8",
    "mov x8, #137",
    "svc #0",
    "tbnz w0, #31, 2b",
    "cmp w0, #17",
    "b.eq 3f",
    "mov w1, w0",
    "mov w0, w21",
    "mov x8, #129",
    "svc #0",
    "b 2b",
    "3:",
    "str xzr, [sp, #-16]!",
    "mov x0, #-1",
    "mov x1, sp",
    "mov x2, #1",
    "mov x3, #0",
    "mov x8, #260",
    "svc #0",
    "ldr x22, [sp], #16",
    "cmp w0, #0",
    "b.le 2b",
    "cmp w0, w21",
    "b.ne 3b",
    "and w0, w22, #127",
    "cbz w0, 4f",
    "add w0, w0, #128",
    "b 5f",
    "4:",
    "ubfx w0, w22, #8, #8",
    "5:",
    "mov x8, #94",
    "svc #0",
    "6:",
    "mov x0, #0",
    "mov x1, #0",
    "mov x8, #154",
    "svc #0",
    "mov x8, #172",
    "svc #0",
    "str x0, [sp, #-16]!",
    "mov x0, #0",
    "mov x1, #0x5410",
    "mov x2, sp",
    "mov x8, #29",
    "svc #0",
    "str xzr, [sp, #-16]!",
    "mov x0, #2",
    "mov x1, sp",
    "mov x2, #0",
    "mov x3, #8",
    "mov x8, #135",
    "svc #0",
    "ldr x9, [x19]",
    "ldr x0, [x19, #8]",
    "add x1, x19, #16",
    "add x2, x19, x9, lsl #3",
    "add x2, x2, #16",
    "mov x8, #221",
    "svc #0",
    "neg w3, w0",
    "ldr w2, coracle_init_op",
    "stp w2, w3, [sp, #-16]!",
    "ldr w0, coracle_init_fd",
    "mov x1, sp",
    "mov x2, #8",
    "mov x8, #64",
    "svc #0",
    "9:",
    "mov x0, #127",
    "mov x8, #94",
    "svc #0",
    ".balign 4",
    "coracle_init_fd: .long 0",
    "coracle_init_op: .long 0",
    "coracle_init_end:",
    ".popsection"
);

unsafe extern "C" {
    static coracle_stub_begin: u8;
    static coracle_stub_end: u8;
    static coracle_stub_fd: u8;
    static coracle_stub_op: u8;
    static coracle_init_begin: u8;
    static coracle_init_end: u8;
    static coracle_init_fd: u8;
    static coracle_init_op: u8;
}

/// Which of the two programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Last {
    /// Becomes the program.
    Exec,
    /// Stays as the container's first process and has the program as its child: passes signals on, reaps what is orphaned,
    /// ends with the program's status (`--init`, docker's tini).
    Init,
}

const BASE: u64 = 0x40_0000;
const HEADERS: usize = 64 + 56;

#[cfg(target_arch = "x86_64")]
const MACHINE: u16 = 62; // EM_X86_64
#[cfg(target_arch = "aarch64")]
const MACHINE: u16 = 183; // EM_AARCH64

/// Returns the sealed memfd. `report` is the number that the report pipe will have in the child, `op` the index that the
/// report of a failed execve carries.
pub(super) fn make(last: Last, report: RawFd, op: u32) -> Result<OwnedFd> {
    super::fd::sealed(c"init", &image(last, report, op), true)
}

/// The program's bytes and where its two numbers lie.
fn program(last: Last) -> (&'static [u8], usize, usize) {
    // SAFETY: each four symbols delimit one read-only object of this binary, made by the assembler above.
    unsafe {
        let (begin, end, fd, op) = match last {
            Last::Exec => (
                &raw const coracle_stub_begin,
                &raw const coracle_stub_end,
                &raw const coracle_stub_fd,
                &raw const coracle_stub_op,
            ),
            Last::Init => (
                &raw const coracle_init_begin,
                &raw const coracle_init_end,
                &raw const coracle_init_fd,
                &raw const coracle_init_op,
            ),
        };
        let offset = |p: *const u8| p as usize - begin as usize;
        (
            std::slice::from_raw_parts(begin, offset(end)),
            offset(fd),
            offset(op),
        )
    }
}

fn image(last: Last, report: RawFd, op: u32) -> Vec<u8> {
    let (code, fd_at, op_at) = program(last);
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
        for (last, most) in [(Last::Exec, 400), (Last::Init, 600)] {
            let elf = image(last, 0x1122, 0x3344);
            assert!(elf.len() < most, "{} bytes", elf.len());
            assert!(
                elf.windows(8)
                    .any(|w| w == [0x22, 0x11, 0, 0, 0x44, 0x33, 0, 0])
            );
        }
    }
}
