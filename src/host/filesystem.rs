//! What sort of file system a folder is on, and how much room it has.

use std::path::Path;

use crate::error::{Context, Kind, Result};
use crate::sys::SysError;

/// A file system, as statfs(2) tells it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FileSystem {
    /// The kernel's magic number.
    magic: u32,
    /// Bytes that a plain user may still write.
    pub free_bytes: u64,
    /// Bytes in all.
    pub total_bytes: u64,
    /// Files that may still be made; 0 where the file system does not count them.
    pub free_files: u64,
    /// Files in all; 0 where it does not count them.
    pub total_files: u64,
}

/// Where the bytes are.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Place {
    Disk,
    Memory,
    Network,
    /// A program of some user decides.
    Fuse,
    /// On other file systems.
    Stacked,
}

/// Magic numbers of linux/magic.h and of the drivers outside the kernel, names as in /proc/mounts.
const KNOWN: &[(u32, &str, Place)] = &[
    (0x0000_EF53, "ext4", Place::Disk),
    (0x5846_5342, "xfs", Place::Disk),
    (0x9123_683E, "btrfs", Place::Disk),
    (0xF2F5_2010, "f2fs", Place::Disk),
    (0xCA45_1A4E, "bcachefs", Place::Disk),
    (0x2FC1_2FC1, "zfs", Place::Disk),
    (0x5265_4973, "reiserfs", Place::Disk),
    (0x3153_464A, "jfs", Place::Disk),
    (0x2011_BAB0, "exfat", Place::Disk),
    (0x0000_4D44, "vfat", Place::Disk),
    (0x7366_746E, "ntfs3", Place::Disk),
    (0x0102_1994, "tmpfs", Place::Memory),
    (0x8584_58F6, "ramfs", Place::Memory),
    (0x794C_7630, "overlay", Place::Stacked),
    (0x0000_F15F, "ecryptfs", Place::Stacked),
    (0x6573_5546, "fuse", Place::Fuse),
    (0x0000_6969, "nfs", Place::Network),
    (0xFE53_4D42, "smb2", Place::Network),
    (0xFF53_4D42, "cifs", Place::Network),
    (0x0000_517B, "smb", Place::Network),
    (0x0102_1997, "9p", Place::Network),
    (0x5346_414F, "afs", Place::Network),
    (0x6B41_4653, "kafs", Place::Network),
    (0x00C3_6400, "ceph", Place::Network),
    (0x0BD0_0BD0, "lustre", Place::Network),
    (0x4750_4653, "gpfs", Place::Network),
    (0x1983_0326, "beegfs", Place::Network),
    (0x2003_0528, "orangefs", Place::Network),
    (0xAAD7_AAEA, "panfs", Place::Network),
    (0x0116_1970, "gfs2", Place::Network),
    (0x7461_636F, "ocfs2", Place::Network),
    (0x786F_4256, "vboxsf", Place::Network),
    (0xBACB_ACBC, "vmhgfs", Place::Network),
];

impl FileSystem {
    /// Asks for the one that `path` is on.
    pub fn of(path: &Path) -> Result<FileSystem> {
        let fs = nix::sys::statfs::statfs(path)
            .map_err(|errno| SysError::new("statfs()", errno))
            .context(Kind::System, || {
                format!("cannot look at the file system of `{}`", path.display())
            })?;
        let block = u64::try_from(fs.block_size()).unwrap_or(0);
        Ok(FileSystem {
            // a 32-bit number that some architectures sign-extend
            magic: fs.filesystem_type().0 as u32,
            free_bytes: fs.blocks_available().saturating_mul(block),
            total_bytes: fs.blocks().saturating_mul(block),
            free_files: fs.files_free(),
            total_files: fs.files(),
        })
    }

    /// One for tests of other rooms.
    #[cfg(test)]
    pub(super) fn sample(magic: u32, free_bytes: u64) -> FileSystem {
        FileSystem {
            magic,
            free_bytes,
            total_bytes: free_bytes * 2,
            free_files: 1 << 20,
            total_files: 1 << 21,
        }
    }

    fn known(self) -> Option<&'static (u32, &'static str, Place)> {
        KNOWN.iter().find(|known| known.0 == self.magic)
    }

    /// Returns its name, or the magic number in hex.
    pub fn name(self) -> String {
        self.known()
            .map_or_else(|| format!("{:#x}", self.magic), |known| known.1.to_owned())
    }

    /// Returns whether other machines see it too: locks, sockets and device nodes are then doubtful.
    pub fn is_network(self) -> bool {
        self.known().is_some_and(|known| known.2 == Place::Network)
    }

    /// Returns whether its files take memory.
    pub fn is_memory(self) -> bool {
        self.known().is_some_and(|known| known.2 == Place::Memory)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn network_file_systems_are_told_from_disks() {
        for (magic, name, network, memory) in [
            (0xEF53, "ext4", false, false),
            (0x6969, "nfs", true, false),
            (0x0BD0_0BD0, "lustre", true, false),
            (0x4750_4653, "gpfs", true, false),
            (0xFF53_4D42, "cifs", true, false),
            (0x0102_1994, "tmpfs", false, true),
            (0x794C_7630, "overlay", false, false),
            (0x1234, "0x1234", false, false),
        ] {
            let fs = FileSystem::sample(magic, 0);
            assert_eq!(
                (fs.name().as_str(), fs.is_network(), fs.is_memory()),
                (name, network, memory)
            );
        }
    }

    #[test]
    fn proc_has_no_room_and_tmp_has() {
        assert_eq!(FileSystem::of(Path::new("/proc")).unwrap().free_bytes, 0);
        assert!(FileSystem::of(&std::env::temp_dir()).unwrap().total_bytes > 0);
        assert!(FileSystem::of(Path::new("/no/such")).is_err());
    }
}
