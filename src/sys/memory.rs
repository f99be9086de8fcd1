//! Giving memory back: a monitor that only waits should weigh little.
//!
//! Nearly all of an idle monitor is our own program's text, which is counted to the only process that maps it: 3.4 MiB with
//! Linux 6.18, which maps whole large folios at the first touch. madvise(2) lets it go, but the very return from the call
//! touches it again. So the letting go and the wait both happen in a few instructions of their own, in a page of their own.
//! Measured: Pss 3,616 KiB before, below 300 KiB after.

#![allow(unsafe_code)]

use std::os::fd::{AsRawFd, OwnedFd};

use nix::poll::{PollFd, PollTimeout};

use super::{Result, SysError};

// idle(ranges, count, fds, nfds, timeout) -> what ppoll(2) returns, or the negative errno
#[cfg(target_arch = "x86_64")]
std::arch::global_asm!(
    ".pushsection .rodata.coracle_idle,\"a\"",
    ".globl coracle_idle_begin, coracle_idle_end",
    "coracle_idle_begin:",
    "push rbx",
    "push r12",
    "push r13",
    "push r14",
    "push r15",
    "mov rbx, rdi",
    "mov r12, rsi",
    "mov r13, rdx",
    "mov r14, rcx",
    "mov r15, r8",
    "2:",
    "test r12, r12",
    "jz 3f",
    "mov rdi, [rbx]", // madvise(address, length, MADV_DONTNEED)
    "mov rsi, [rbx + 8]",
    "mov edx, 4",
    "mov eax, 28",
    "syscall",
    "add rbx, 16",
    "dec r12",
    "jmp 2b",
    "3:",
    "mov rdi, r13", // ppoll(fds, nfds, timeout, NULL, 0)
    "mov rsi, r14",
    "mov rdx, r15",
    "xor r10d, r10d",
    "xor r8d, r8d",
    "mov eax, 271",
    "syscall",
    "pop r15",
    "pop r14",
    "pop r13",
    "pop r12",
    "pop rbx",
    "ret",
    "coracle_idle_end:",
    ".popsection"
);

#[cfg(target_arch = "aarch64")]
std::arch::global_asm!(
    ".pushsection .rodata.coracle_idle,\"a\"",
    ".balign 4",
    ".globl coracle_idle_begin, coracle_idle_end",
    "coracle_idle_begin:",
    "mov x9, x0",
    "mov x10, x1",
    "mov x11, x2",
    "mov x12, x3",
    "mov x13, x4",
    "2:",
    "cbz x10, 3f",
    "ldp x0, x1, [x9], #16",
    "mov x2, #4",
    "mov x8, #233",
    "svc #0",
    "sub x10, x10, #1",
    "b 2b",
    "3:",
    "mov x0, x11",
    "mov x1, x12",
    "mov x2, x13",
    "mov x3, #0",
    "mov x4, #0",
    "mov x8, #73",
    "svc #0",
    "ret",
    "coracle_idle_end:",
    ".popsection"
);

unsafe extern "C" {
    static coracle_idle_begin: u8;
    static coracle_idle_end: u8;
}

type Idle = unsafe extern "C" fn(
    *const [usize; 2],
    usize,
    *mut libc::pollfd,
    usize,
    *const libc::timespec,
) -> isize;

impl Drop for Nap {
    fn drop(&mut self) {
        // SAFETY: the mapping is this value's own, and nobody executes it: the thread that would is here.
        unsafe { libc::munmap(self.idle as *mut libc::c_void, 1) };
    }
}

/// A place to wait outside our own program's text.
pub(crate) struct Nap {
    idle: Idle,
    /// Address and length of what may be let go.
    ranges: Vec<[usize; 2]>,
}

impl Nap {
    /// Prepares one, and gives the heap's free pages back.
    pub(crate) fn new() -> Result<Nap> {
        Nap::by(&super::fd::open(
            c"/proc",
            libc::O_PATH | libc::O_DIRECTORY,
        )?)
    }

    /// The same where /proc is not the one that shows us: `proc` is.
    pub(crate) fn by(proc: &OwnedFd) -> Result<Nap> {
        // SAFETY: the two symbols delimit one read-only object of this binary.
        let code = unsafe {
            let begin = &raw const coracle_idle_begin;
            std::slice::from_raw_parts(begin, &raw const coracle_idle_end as usize - begin as usize)
        };
        // a file's page and not one that we write and then execute: that is forbidden on some hosts
        let page = super::fd::sealed(c"idle", code, true)?;
        // SAFETY: a new private mapping of our own file; the function never unmaps it.
        let address = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                code.len(),
                libc::PROT_READ | libc::PROT_EXEC,
                libc::MAP_PRIVATE,
                page.as_raw_fd(),
                0,
            )
        };
        if address == libc::MAP_FAILED {
            return Err(SysError::last("mmap(PROT_EXEC)"));
        }
        // SAFETY: the page holds exactly that function, in this architecture's instructions and calling convention.
        let idle = unsafe { std::mem::transmute::<*mut libc::c_void, Idle>(address) };
        let nap = Nap {
            idle,
            ranges: own_text(proc),
        };
        // SAFETY: the allocator's own call.
        unsafe { libc::malloc_trim(0) };
        Ok(nap)
    }

    /// poll(2), with our program's pages let go meanwhile. They come back by themselves, from the page cache.
    pub(crate) fn poll(&self, fds: &mut [PollFd<'_>], timeout: PollTimeout) -> nix::Result<i32> {
        let milliseconds = i64::from(i32::from(timeout));
        let time = (milliseconds >= 0).then(|| libc::timespec {
            tv_sec: milliseconds / 1000,
            tv_nsec: milliseconds % 1000 * 1_000_000,
        });
        let time = time.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
        // SAFETY: the ranges are read-only mappings of our own file, whose pages are clean copies; PollFd is a pollfd; all
        // pointers live until the return.
        let r = unsafe {
            (self.idle)(
                self.ranges.as_ptr(),
                self.ranges.len(),
                fds.as_mut_ptr().cast(),
                fds.len(),
                time,
            )
        };
        if r < 0 {
            Err(nix::errno::Errno::from_raw(-r as i32))
        } else {
            Ok(r as i32)
        }
    }
}

/// Where our program's constants and text are mapped: no page of them can differ from the file. What is mapped read-only
/// behind the text (RELRO) was written at the start and must stay.
fn own_text(proc: &OwnedFd) -> Vec<[usize; 2]> {
    use nix::fcntl::{OFlag, openat, readlinkat};
    let flags = OFlag::O_RDONLY | OFlag::O_CLOEXEC;
    let maps = openat(proc, c"self/maps", flags, nix::sys::stat::Mode::empty());
    let maps = maps.map(|fd| std::io::read_to_string(std::fs::File::from(fd)).unwrap_or_default());
    let (Ok(maps), Ok(program)) = (maps, readlinkat(proc, c"self/exe")) else {
        return Vec::new();
    };
    let program = program.to_string_lossy();
    let parse = |text: &str| usize::from_str_radix(text, 16).ok();
    let mut ranges = Vec::new();
    for line in maps.lines().filter(|line| line.ends_with(&*program)) {
        let mut words = line.split_ascii_whitespace();
        let range = words.next().and_then(|r| r.split_once('-'));
        if let Some((Some(begin), Some(end))) = range.map(|(a, b)| (parse(a), parse(b))) {
            ranges.push([begin, end - begin]);
        }
        if words.next() == Some("r-xp") {
            return ranges;
        }
    }
    Vec::new() // not laid out as we know it
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nap_ends_by_time_and_by_a_descriptor() {
        use std::os::fd::AsFd;
        let nap = Nap::new().expect("a page");
        let (read, write) = super::super::fd::pipe().expect("pipe");
        let mut fds = [PollFd::new(read.as_fd(), nix::poll::PollFlags::POLLIN)];
        assert_eq!(nap.poll(&mut fds, PollTimeout::from(5u8)), Ok(0));
        nix::unistd::write(&write, b"x").expect("write");
        assert_eq!(nap.poll(&mut fds, PollTimeout::NONE), Ok(1));
        assert_eq!(fds[0].any(), Some(true));
    }
}
