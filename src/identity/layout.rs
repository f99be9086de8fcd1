//! `struct stat` of each instruction set, and statx(2)'s, as bytes. Pure.

use crate::sys::seccomp::Arch;
use crate::sys::stat::Statx;

/// What is shown in the place of the file's own.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shown {
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) mode: u32,
    /// Major and minor number of a device.
    pub(super) rdev: (u32, u32),
}

/// Returns the bytes that stat(2) and its kin would have written; `None` for a set whose layout is not known here.
pub(super) fn stat(arch: Arch, stat: &Statx, shown: &Shown) -> Option<Vec<u8>> {
    let dev = nix::sys::stat::makedev(stat.stx_dev_major.into(), stat.stx_dev_minor.into());
    let rdev = nix::sys::stat::makedev(shown.rdev.0.into(), shown.rdev.1.into());
    let mut b = Bytes::default();
    match arch {
        Arch::X86_64 => {
            b.long(dev).long(stat.stx_ino).long(stat.stx_nlink.into());
            b.word(shown.mode).word(shown.uid).word(shown.gid).word(0);
            b.long(rdev)
                .long(stat.stx_size)
                .long(stat.stx_blksize.into())
                .long(stat.stx_blocks);
            b.times(stat).long(0).long(0).long(0);
        }
        Arch::Aarch64 => {
            b.long(dev).long(stat.stx_ino);
            b.word(shown.mode)
                .word(stat.stx_nlink)
                .word(shown.uid)
                .word(shown.gid);
            b.long(rdev)
                .long(0)
                .long(stat.stx_size)
                .word(stat.stx_blksize)
                .word(0)
                .long(stat.stx_blocks);
            b.times(stat).long(0);
        }
        // struct stat64
        Arch::I386 => {
            b.long(dev).word(0).word(stat.stx_ino as u32);
            b.word(shown.mode)
                .word(stat.stx_nlink)
                .word(shown.uid)
                .word(shown.gid);
            b.long(rdev)
                .word(0)
                .long(stat.stx_size)
                .word(stat.stx_blksize)
                .long(stat.stx_blocks);
            for time in [&stat.stx_atime, &stat.stx_mtime, &stat.stx_ctime] {
                b.word(time.tv_sec as u32).word(time.tv_nsec);
            }
            b.long(stat.stx_ino);
        }
        Arch::X32 | Arch::Arm => return None,
    }
    Some(b.0)
}

/// Returns the bytes of a `struct statx`.
pub(super) fn statx(stat: &Statx, shown: &Shown) -> Vec<u8> {
    let mut bytes = crate::sys::stat::bytes(stat).to_vec();
    let mut put = |at: usize, word: u32| bytes[at..at + 4].copy_from_slice(&word.to_ne_bytes());
    put(20, shown.uid);
    put(24, shown.gid);
    put(128, shown.rdev.0);
    put(132, shown.rdev.1);
    bytes[28..30].copy_from_slice(&(shown.mode as u16).to_ne_bytes());
    bytes
}

#[derive(Default)]
struct Bytes(Vec<u8>);

impl Bytes {
    fn long(&mut self, value: u64) -> &mut Bytes {
        self.0.extend(value.to_ne_bytes());
        self
    }

    fn word(&mut self, value: u32) -> &mut Bytes {
        self.0.extend(value.to_ne_bytes());
        self
    }

    fn times(&mut self, stat: &Statx) -> &mut Bytes {
        for time in [&stat.stx_atime, &stat.stx_mtime, &stat.stx_ctime] {
            self.long(time.tv_sec as u64).long(time.tv_nsec.into());
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::stat::{EVERYTHING, statx as ask};

    fn passwd() -> (Statx, Shown) {
        let folder = std::fs::File::open("/etc").unwrap();
        let file = ask(std::os::fd::AsFd::as_fd(&folder), c"passwd", 0, EVERYTHING).unwrap();
        let shown = Shown {
            uid: 33,
            gid: 44,
            mode: file.stx_mode.into(),
            rdev: (0, 0),
        };
        (file, shown)
    }

    #[test]
    fn the_kernels_own_answer_but_for_the_owner() {
        let (file, shown) = passwd();
        let mut real = nix::sys::stat::stat("/etc/passwd").unwrap();
        (real.st_uid, real.st_gid) = (33, 44);
        let made = stat(Arch::native(), &file, &shown).unwrap();
        assert_eq!(made.len(), std::mem::size_of_val(&real));
        assert_eq!(made, crate::sys::stat::bytes(&real));
    }

    #[test]
    fn layouts_have_the_kernels_sizes() {
        let (file, shown) = passwd();
        let len = |arch| stat(arch, &file, &shown).map(|b| b.len());
        assert_eq!(len(Arch::X86_64), Some(144));
        assert_eq!(len(Arch::Aarch64), Some(128));
        assert_eq!(len(Arch::I386), Some(96));
        assert_eq!(statx(&file, &shown).len(), 256);
        assert_eq!(statx(&file, &shown)[20..28], [33, 0, 0, 0, 44, 0, 0, 0]);
    }
}
