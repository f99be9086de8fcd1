//! Mounts: mount(2) where it suffices (it is the faster one), the descriptor calls for what must not follow a path twice.
//!
//! These functions run in the child between fork and exec and answer with a bare errno; [`super::spawn::Op::error`] makes
//! the sentence.

#![allow(unsafe_code)]

use std::ffi::{CStr, CString};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;

type Step<T = ()> = Result<T, Errno>;

const OPEN_TREE_CLONE: libc::c_uint = 1;
const AT_RECURSIVE: libc::c_uint = 0x8000;
const MOVE_MOUNT_F_EMPTY_PATH: libc::c_uint = 4;
const MOVE_MOUNT_T_EMPTY_PATH: libc::c_uint = 0x40;
const FSCONFIG_SET_FLAG: libc::c_uint = 0;
const FSCONFIG_SET_STRING: libc::c_uint = 1;
const FSCONFIG_CMD_CREATE: libc::c_uint = 6;

/// MOUNT_ATTR_RDONLY of mount_setattr(2); the low bits equal MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC.
pub(crate) const ATTR_RDONLY: u64 = 1;

/// struct mount_attr, mount_setattr(2).
#[repr(C)]
struct MountAttr {
    attr_set: u64,
    attr_clr: u64,
    propagation: u64,
    userns_fd: u64,
}

fn check(result: libc::c_long) -> Step<libc::c_long> {
    if result < 0 {
        Err(Errno::last())
    } else {
        Ok(result)
    }
}

fn new_fd(result: libc::c_long) -> Step<OwnedFd> {
    super::fd::owned(result, String::new).map_err(|e| e.errno())
}

/// mount(2).
pub(crate) fn mount(source: &CStr, target: &CStr, fstype: &CStr, flags: u64, data: &CStr) -> Step {
    // SAFETY: C strings; the kernel copies them.
    check(
        unsafe {
            libc::mount(
                source.as_ptr(),
                target.as_ptr(),
                fstype.as_ptr(),
                flags,
                data.as_ptr().cast(),
            )
        }
        .into(),
    )
    .map(drop)
}

/// A detached copy of the mount at `path` (open_tree(2)), or of the part `below` it: a container may have written that one,
/// so links in it stay inside `path` (openat2(2), RESOLVE_IN_ROOT).
pub(crate) fn clone_tree(path: &CStr, below: &CStr, recursive: bool) -> Step<OwnedFd> {
    use nix::fcntl::{AT_FDCWD, OFlag, OpenHow, ResolveFlag, open, openat2};
    let flags = OPEN_TREE_CLONE
        | libc::O_CLOEXEC as libc::c_uint
        | if recursive { AT_RECURSIVE } else { 0 };
    let clone = |at: BorrowedFd<'_>, path: &CStr, flags: libc::c_uint| {
        // SAFETY: a live descriptor, a C string and numbers; the call returns a descriptor.
        new_fd(unsafe { libc::syscall(libc::SYS_open_tree, at.as_raw_fd(), path.as_ptr(), flags) })
    };
    if below.is_empty() {
        return clone(AT_FDCWD, path, flags);
    }
    let look = OFlag::O_PATH | OFlag::O_CLOEXEC;
    let root = open(
        path,
        look | OFlag::O_DIRECTORY,
        nix::sys::stat::Mode::empty(),
    )?;
    let how = OpenHow::new()
        .flags(look)
        .resolve(ResolveFlag::RESOLVE_IN_ROOT | ResolveFlag::RESOLVE_NO_MAGICLINKS);
    let part = openat2(&root, below, how)?;
    clone(
        part.as_fd(),
        c"",
        flags | libc::AT_EMPTY_PATH as libc::c_uint,
    )
}

/// A detached new file system (fsopen(2), fsconfig(2), fsmount(2)). An option with an empty value is a flag.
pub(crate) fn new_tree(fstype: &CStr, options: &[(CString, CString)]) -> Step<OwnedFd> {
    // SAFETY: C strings that outlive the calls; each call returns a descriptor or a status.
    unsafe {
        let fs = new_fd(libc::syscall(libc::SYS_fsopen, fstype.as_ptr(), 1))?;
        let config =
            |command: libc::c_uint, key: *const libc::c_char, value: *const libc::c_char| {
                check(libc::syscall(
                    libc::SYS_fsconfig,
                    fs.as_raw_fd(),
                    command,
                    key,
                    value,
                    0,
                ))
            };
        for (key, value) in options {
            if value.is_empty() {
                config(FSCONFIG_SET_FLAG, key.as_ptr(), std::ptr::null())?;
            } else {
                config(FSCONFIG_SET_STRING, key.as_ptr(), value.as_ptr())?;
            }
        }
        config(FSCONFIG_CMD_CREATE, std::ptr::null(), std::ptr::null())?;
        new_fd(libc::syscall(libc::SYS_fsmount, fs.as_raw_fd(), 1, 0))
    }
}

/// move_mount(2) of a detached tree to a path.
pub(crate) fn attach_at(tree: &OwnedFd, target: &CStr) -> Step {
    // SAFETY: descriptor and C strings.
    check(unsafe {
        libc::syscall(
            libc::SYS_move_mount,
            tree.as_raw_fd(),
            c"".as_ptr(),
            libc::AT_FDCWD,
            target.as_ptr(),
            MOVE_MOUNT_F_EMPTY_PATH,
        )
    })
    .map(drop)
}

/// Sets attributes and propagation of a detached tree and mounts it at `target`, an absolute path inside the current root.
///
/// The target is walked once, by descriptors that cannot leave the root or follow a magic link, and the mount goes to that
/// very descriptor: nothing can be swapped in between (CVE-2021-30465).
pub(crate) fn attach(
    tree: BorrowedFd<'_>,
    target: &CStr,
    attributes: u64,
    recursive: bool,
    propagation: u64,
) -> Step {
    let is_dir = file_type(tree)? == libc::S_IFDIR;
    let place = make_place(target, is_dir)?;
    if attributes != 0 {
        set_attributes(tree, attributes, 0, recursive)?;
    }
    // SAFETY: two live descriptors and empty paths.
    check(unsafe {
        libc::syscall(
            libc::SYS_move_mount,
            tree.as_raw_fd(),
            c"".as_ptr(),
            place.as_raw_fd(),
            c"".as_ptr(),
            MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH,
        )
    })?;
    let propagation = if propagation == 0 {
        libc::MS_PRIVATE | libc::MS_REC
    } else {
        propagation
    };
    set_attributes(
        tree,
        0,
        propagation & !libc::MS_REC,
        propagation & libc::MS_REC != 0,
    )
}

fn set_attributes(tree: BorrowedFd<'_>, set: u64, propagation: u64, recursive: bool) -> Step {
    let attributes = MountAttr {
        attr_set: set,
        attr_clr: 0,
        propagation,
        userns_fd: 0,
    };
    let flags = libc::AT_EMPTY_PATH as libc::c_uint | if recursive { AT_RECURSIVE } else { 0 };
    // SAFETY: a live descriptor and a struct of the size given.
    check(unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            tree.as_raw_fd(),
            c"".as_ptr(),
            flags,
            &raw const attributes,
            std::mem::size_of::<MountAttr>(),
        )
    })
    .map(drop)
}

fn file_type(fd: BorrowedFd<'_>) -> Step<u32> {
    Ok(nix::sys::stat::fstat(fd)?.st_mode & libc::S_IFMT)
}

/// Opens `target` inside the root; makes missing folders, and at the end a folder or an empty file. What a dangling
/// symbolic link points to is made, too (`/etc/resolv.conf -> ../run/...`, as docker does).
fn make_place(target: &CStr, is_dir: bool) -> Step<OwnedFd> {
    let mut path = target.to_bytes().to_vec();
    for _link in 0..10 {
        match open_inside(&c_string(&path)?) {
            Err(Errno::ENOENT) => {}
            other => return other,
        }
        match make_missing(&path, is_dir)? {
            Made::Place(fd) => return Ok(fd),
            Made::Link(to) => path = to,
        }
    }
    Err(Errno::ELOOP)
}

enum Made {
    Place(OwnedFd),
    /// A dangling link is in the way: the whole path with the link replaced by its text.
    Link(Vec<u8>),
}

fn make_missing(path: &[u8], is_dir: bool) -> Step<Made> {
    let mut folder = open_inside(c"/")?;
    let parts: Vec<&[u8]> = path
        .split(|b| *b == b'/')
        .filter(|p| !p.is_empty())
        .collect();
    let mut done = Vec::with_capacity(path.len());
    for (i, part) in parts.iter().enumerate() {
        let parent = done.clone();
        done.push(b'/');
        done.extend_from_slice(part);
        let here = c_string(&done)?;
        folder = match open_inside(&here) {
            Ok(fd) => fd,
            Err(Errno::ENOENT) => {
                if let Ok(text) = nix::fcntl::readlink(here.as_c_str()) {
                    let text = std::os::unix::ffi::OsStrExt::as_bytes(text.as_os_str());
                    let mut whole = if text.starts_with(b"/") {
                        Vec::new()
                    } else {
                        [&parent[..], b"/"].concat()
                    };
                    whole.extend_from_slice(text);
                    for rest in &parts[i + 1..] {
                        whole.push(b'/');
                        whole.extend_from_slice(rest);
                    }
                    return Ok(Made::Link(whole));
                }
                make_one(folder.as_fd(), part, i + 1 < parts.len() || is_dir)?;
                open_inside(&here)?
            }
            Err(e) => return Err(e),
        };
    }
    Ok(Made::Place(folder))
}

fn make_one(folder: BorrowedFd<'_>, name: &[u8], is_dir: bool) -> Step {
    let name = c_string(name)?;
    // SAFETY: a live folder descriptor and a C string.
    let made = unsafe {
        if is_dir {
            libc::mkdirat(folder.as_raw_fd(), name.as_ptr(), 0o755)
        } else {
            libc::mknodat(folder.as_raw_fd(), name.as_ptr(), libc::S_IFREG | 0o644, 0)
        }
    };
    check(made.into()).map(drop)
}

fn c_string(bytes: &[u8]) -> Step<CString> {
    CString::new(bytes).map_err(|_| Errno::EINVAL)
}

/// openat2(2) with O_PATH: `/` is the container's root already, so symbolic links stay inside; magic links are refused.
fn open_inside(path: &CStr) -> Step<OwnedFd> {
    use nix::fcntl::{AT_FDCWD, OFlag, OpenHow, ResolveFlag, openat2};
    let how = OpenHow::new()
        .flags(OFlag::O_PATH | OFlag::O_CLOEXEC)
        .resolve(ResolveFlag::RESOLVE_NO_MAGICLINKS);
    openat2(AT_FDCWD, path, how)
}

/// Errs with ELOOP or ENOTDIR when `path` is not a folder itself.
pub(crate) fn is_real_dir(path: &CStr) -> Step {
    let stat = nix::sys::stat::lstat(path)?;
    match stat.st_mode & libc::S_IFMT {
        libc::S_IFDIR => Ok(()),
        libc::S_IFLNK => Err(Errno::ELOOP),
        _ => Err(Errno::ENOTDIR),
    }
}

/// Hides `path`. Done before anything of the user's is mounted, so `/dev/null` is the one that we bound ourselves
/// (CVE-2025-31133).
pub(crate) fn mask(path: &CStr) -> Step {
    let stat = nix::sys::stat::lstat(path)?;
    if stat.st_mode & libc::S_IFMT == libc::S_IFDIR {
        let flags = libc::MS_RDONLY | libc::MS_NOSUID | libc::MS_NODEV | libc::MS_NOEXEC;
        return mount(c"tmpfs", path, c"tmpfs", flags, c"size=0k");
    }
    mount(c"/dev/null", path, c"", libc::MS_BIND, c"")
}

/// Binds `path` over itself, read-only.
pub(crate) fn read_only(path: &CStr) -> Step {
    mount(path, path, c"", libc::MS_BIND | libc::MS_REC, c"")?;
    let flags = libc::MS_BIND | libc::MS_REMOUNT | libc::MS_RDONLY;
    let strict = flags | libc::MS_NOSUID | libc::MS_NODEV | libc::MS_NOEXEC;
    mount(c"", path, c"", strict, c"")
}

/// pivot_root(".", "."): the old root ends up on top of the new one and is let go (pivot_root(2), NOTES).
pub(crate) fn pivot() -> Step {
    // SAFETY: C strings.
    unsafe {
        check(libc::syscall(
            libc::SYS_pivot_root,
            c".".as_ptr(),
            c".".as_ptr(),
        ))?;
        check(libc::umount2(c".".as_ptr(), libc::MNT_DETACH).into())?;
        check(libc::chdir(c"/".as_ptr()).into()).map(drop)
    }
}

/// Makes the mount at `/` read-only.
pub(crate) fn read_only_root() -> Step {
    let root = open_inside(c"/")?;
    match set_attributes(root.as_fd(), ATTR_RDONLY, 0, false) {
        Err(Errno::ENOSYS) => mount(
            c"",
            c"/",
            c"",
            libc::MS_BIND | libc::MS_REMOUNT | libc::MS_RDONLY,
            c"",
        ),
        other => other,
    }
}

/// chdir(2) to a path inside, made when missing, and a check that the kernel sees us below `/`: a descriptor of the host's
/// that leaked in could otherwise become the working directory (CVE-2024-21626).
pub(crate) fn work_dir(path: &CStr) -> Step {
    // SAFETY: C string.
    let change = || check(unsafe { libc::chdir(path.as_ptr()) }.into());
    match change() {
        Err(Errno::ENOENT) => {
            make_place(path, true)?;
            change()?;
        }
        other => {
            other?;
        }
    }
    is_below_root()
}

/// As [`work_dir`], for a folder that must be there.
pub(crate) fn enter_dir(path: &CStr) -> Step {
    // SAFETY: C string.
    check(unsafe { libc::chdir(path.as_ptr()) }.into())?;
    is_below_root()
}

fn is_below_root() -> Step {
    // the kernel writes "(unreachable)/..." for a directory outside the root; libc's getcwd would say ENOENT
    let mut buffer = [0u8; libc::PATH_MAX as usize];
    // SAFETY: the kernel writes at most the buffer's length.
    check(unsafe { libc::syscall(libc::SYS_getcwd, buffer.as_mut_ptr(), buffer.len()) })?;
    if buffer[0] == b'/' {
        Ok(())
    } else {
        Err(Errno::EXDEV)
    }
}

/// Says whether execve(2) has a chance: a regular file that we may execute. A folder is EISDIR.
pub(crate) fn is_executable(path: &CStr) -> Step {
    let stat = nix::sys::stat::stat(path)?;
    match stat.st_mode & libc::S_IFMT {
        libc::S_IFDIR => return Err(Errno::EISDIR),
        libc::S_IFREG => {}
        _ => return Err(Errno::EACCES),
    }
    // root may read everything, but execute only what somebody may execute: access(2) knows
    // SAFETY: C string.
    check(unsafe { libc::access(path.as_ptr(), libc::X_OK) }.into()).map(drop)
}
