//! First use of a volume: the image's content of the mount point is copied into it.
//!
//! Runs in the child between fork and exec, before the root is entered, and allocates: that child is the copy of a process
//! with one thread. Sources are walked by descriptors below the container's root and never followed out of it.

#![allow(unsafe_code)]

use std::ffi::{CStr, CString};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, openat};
use nix::sys::stat::{FileStat, Mode, SFlag, fchmod, fstatat, mkdirat, utimensat};
use nix::sys::time::TimeSpec;

use super::{Result, SysError};

/// Copies the content of the folder `from` (below the current directory, a container's root) into the folder `to`, with
/// modes, times, links and user extended attributes. Does nothing when `from` is no folder or `to` is not empty.
pub(crate) fn up(from: &CStr, to: &CStr) -> Result<()> {
    let call = |e| SysError::new(format!("copy({from:?}, {to:?})"), e);
    let folder = OFlag::O_DIRECTORY | OFlag::O_RDONLY | OFlag::O_CLOEXEC;
    let to = nix::fcntl::open(to, folder, Mode::empty()).map_err(call)?;
    if !entries(to.as_fd()).map_err(call)?.is_empty() {
        return Ok(());
    }
    match open_in_root(from) {
        Ok(from) => {
            copy_folder(from.as_fd(), to.as_fd()).map_err(call)?;
            finish_folder(from.as_fd(), to.as_fd()).map_err(call)
        }
        Err(Errno::ENOENT | Errno::ENOTDIR) => Ok(()),
        Err(e) => Err(call(e)),
    }
}

/// openat2(2), RESOLVE_IN_ROOT at the current directory.
fn open_in_root(path: &CStr) -> nix::Result<OwnedFd> {
    use nix::fcntl::{OpenHow, ResolveFlag, openat2};
    let how = OpenHow::new()
        .flags(OFlag::O_DIRECTORY | OFlag::O_RDONLY | OFlag::O_CLOEXEC)
        .resolve(ResolveFlag::RESOLVE_IN_ROOT | ResolveFlag::RESOLVE_NO_MAGICLINKS);
    openat2(nix::fcntl::AT_FDCWD, path, how)
}

/// The names in a folder.
pub(crate) fn entries(folder: BorrowedFd<'_>) -> nix::Result<Vec<CString>> {
    let fd = super::fd::duplicate(folder).map_err(|e| e.errno())?;
    let mut names = Vec::new();
    for entry in nix::dir::Dir::from_fd(fd)?.iter() {
        let entry = entry?;
        if !matches!(entry.file_name().to_bytes(), b"." | b"..") {
            names.push(entry.file_name().to_owned());
        }
    }
    Ok(names)
}

fn copy_folder(from: BorrowedFd<'_>, to: BorrowedFd<'_>) -> nix::Result<()> {
    for name in entries(from)? {
        let stat = fstatat(from, name.as_c_str(), AtFlags::AT_SYMLINK_NOFOLLOW)?;
        match SFlag::from_bits_truncate(stat.st_mode & libc::S_IFMT) {
            SFlag::S_IFDIR => {
                mkdirat(to, name.as_c_str(), Mode::S_IRWXU)?;
                let open = |at: BorrowedFd<'_>| {
                    openat(
                        at,
                        name.as_c_str(),
                        OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC,
                        Mode::empty(),
                    )
                };
                let (inner_from, inner_to) = (open(from)?, open(to)?);
                copy_folder(inner_from.as_fd(), inner_to.as_fd())?;
                finish_folder(inner_from.as_fd(), inner_to.as_fd())?;
            }
            _ => copy_entry(from, to, &name, &stat)?,
        }
    }
    Ok(())
}

/// Copies one entry that is no folder. Sockets are of no use to another process and devices cannot be made: left out.
pub(crate) fn copy_entry(
    from: BorrowedFd<'_>,
    to: BorrowedFd<'_>,
    name: &CStr,
    stat: &FileStat,
) -> nix::Result<()> {
    match SFlag::from_bits_truncate(stat.st_mode & libc::S_IFMT) {
        SFlag::S_IFREG => copy_file(from, to, name, stat),
        SFlag::S_IFLNK => {
            let text = nix::fcntl::readlinkat(from, name)?;
            nix::unistd::symlinkat(text.as_os_str(), to, name)?;
            set_times(to, name, stat)
        }
        SFlag::S_IFIFO => nix::unistd::mkfifoat(to, name, Mode::from_bits_truncate(stat.st_mode)),
        _ => Ok(()),
    }
}

fn copy_file(
    from: BorrowedFd<'_>,
    to: BorrowedFd<'_>,
    name: &CStr,
    stat: &FileStat,
) -> nix::Result<()> {
    let read = openat(
        from,
        name,
        OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC,
        Mode::empty(),
    )?;
    let write = openat(
        to,
        name,
        OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_CLOEXEC,
        Mode::S_IRUSR | Mode::S_IWUSR,
    )?;
    let mut source = std::fs::File::from(read);
    let mut target = std::fs::File::from(write);
    std::io::copy(&mut source, &mut target)
        .map_err(|e| Errno::from_raw(e.raw_os_error().unwrap_or(libc::EIO)))?;
    copy_attributes(source.as_fd(), target.as_fd());
    fchmod(
        target.as_fd(),
        Mode::from_bits_truncate(stat.st_mode & 0o7777),
    )?;
    set_times(to, name, stat)
}

/// Gives a copied folder its attributes, mode and times; the last step, since making entries changes the times.
pub(crate) fn finish_folder(from: BorrowedFd<'_>, to: BorrowedFd<'_>) -> nix::Result<()> {
    let stat = nix::sys::stat::fstat(from)?;
    copy_attributes(from, to);
    // a folder of the store stays usable for its owner, as everywhere
    fchmod(to, Mode::from_bits_truncate(stat.st_mode & 0o7777 | 0o700))?;
    nix::sys::stat::futimens(to, &times(&stat).0, &times(&stat).1)
}

fn times(stat: &FileStat) -> (TimeSpec, TimeSpec) {
    (
        TimeSpec::new(stat.st_atime, stat.st_atime_nsec),
        TimeSpec::new(stat.st_mtime, stat.st_mtime_nsec),
    )
}

fn set_times(at: BorrowedFd<'_>, name: &CStr, stat: &FileStat) -> nix::Result<()> {
    let (access, modification) = times(stat);
    utimensat(
        at,
        name,
        &access,
        &modification,
        nix::sys::stat::UtimensatFlags::NoFollowSymlink,
    )
}

/// Copies `user.coracle.*`: recorded owners and modes. Best effort: a file system without user attributes has none.
fn copy_attributes(from: BorrowedFd<'_>, to: BorrowedFd<'_>) {
    let mut value = [0u8; 256];
    let name = c"user.coracle.ids";
    // SAFETY: live descriptors, a C string and a buffer with its length.
    unsafe {
        let n = libc::fgetxattr(
            from.as_raw_fd(),
            name.as_ptr(),
            value.as_mut_ptr().cast(),
            value.len(),
        );
        if n > 0 {
            libc::fsetxattr(
                to.as_raw_fd(),
                name.as_ptr(),
                value.as_ptr().cast(),
                n as usize,
                0,
            );
        }
    }
}
