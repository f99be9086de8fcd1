//! ROLE `__capabilities`. Gives files of a layer the file capabilities that their tar says (capabilities(7)).
//!
//! Only root of a user namespace may, and a process with threads cannot enter one; so a layer that has any (`ping`, as a
//! rule) costs one process: the calling user, root in a user namespace of its own, no other namespace. The kernel notes
//! whose namespace it was (version 3 of the attribute, Linux 4.14): the capabilities count in containers of this user
//! and mean nothing on the host. Where it cannot be done the files have none: root in a container does not need them,
//! and a push sends them from `entries`.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io::Read;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::ExitCode;

use nix::fcntl::{OFlag, open};
use nix::sys::stat::{Mode, fstat};

use crate::sys::path::{Links, open_in_root};
use crate::sys::{fd, namespace, process, xattr};

/// argv[1] of this role. Its stdin: the tree's path, then for each file its attribute in hex digits, a space and its path;
/// each ends in a NUL.
pub const ROLE: &str = "__capabilities";

/// Name of the attribute in a tar and on a file.
pub(super) const NAME: &[u8] = b"security.capability";

/// Sets the attributes of the files of `tree`, by path, in a process of that role. A favour: nothing fails with it.
pub(crate) fn set(tree: &Path, files: &BTreeMap<Vec<u8>, Vec<u8>>) {
    let mut orders = [tree.as_os_str().as_bytes(), b"\0"].concat();
    for (path, value) in files {
        let hex: String = value.iter().map(|b| format!("{b:02x}")).collect();
        orders.extend_from_slice(hex.as_bytes());
        orders.push(b' ');
        orders.extend_from_slice(path);
        orders.push(0);
    }
    if let Ok(orders) = fd::sealed(c"capabilities", &orders, false) {
        // see the module's text: without user namespaces there are no containers either
        process::spawn_role(ROLE, orders).ok();
    }
}

/// The role.
pub fn main() -> ExitCode {
    let mut orders = Vec::new();
    // the memfd's offset is where its writer left it
    let mut stdin = match std::fs::File::open("/proc/self/fd/0") {
        Ok(stdin) => stdin,
        Err(_) => return ExitCode::FAILURE,
    };
    if stdin.read_to_end(&mut orders).is_err() || namespace::become_root().is_err() {
        return ExitCode::FAILURE;
    }
    let mut lines = orders.split(|b| *b == 0).filter(|line| !line.is_empty());
    let Some(tree) = lines.next() else {
        return ExitCode::FAILURE;
    };
    let Ok(tree) = open(
        OsStr::from_bytes(tree),
        OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC,
        Mode::empty(),
    ) else {
        return ExitCode::FAILURE;
    };
    let flags = OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK;
    for (value, path) in lines.filter_map(order) {
        let file = open_in_root(tree.as_fd(), path, flags, Mode::empty(), Links::Refuse);
        let is_plain =
            |file: &OwnedFd| fstat(file).is_ok_and(|s| s.st_mode & libc::S_IFMT == libc::S_IFREG);
        if let Some(file) = file.ok().filter(|file| is_plain(file)) {
            // each for itself: a file system without such attributes refuses all
            xattr::set(&file, c"security.capability", &value).ok();
        }
    }
    ExitCode::SUCCESS
}

/// Reads one line of the orders.
fn order(line: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let space = line.iter().position(|b| *b == b' ')?;
    let digits = std::str::from_utf8(&line[..space]).ok()?;
    let bytes = (0..digits.len() / 2)
        .map(|at| u8::from_str_radix(digits.get(2 * at..2 * at + 2)?, 16).ok());
    Some((bytes.collect::<Option<_>>()?, &line[space + 1..]))
}

/// Returns the attribute of a tar as root of a namespace may set it: version 2, without the number of some other
/// machine's root (linux/capability.h, `vfs_ns_cap_data`). `None` when it is none.
pub(super) fn portable(value: &[u8]) -> Option<Vec<u8>> {
    const V2: (u8, usize) = (2, 20);
    const V3: (u8, usize) = (3, 24);
    let version = (*value.get(3)?, value.len());
    if version != V2 && version != V3 {
        return None;
    }
    let mut plain = value[..V2.1].to_vec();
    plain[3] = V2.0;
    Some(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_versions_become_the_one_that_may_be_set() {
        let v2 = [
            1, 0, 0, 2, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        ];
        let mut v3 = [&v2[..], &[0xe8, 3, 0, 0]].concat();
        v3[3] = 3;
        assert_eq!(portable(&v2).as_deref(), Some(&v2[..]));
        assert_eq!(portable(&v3).as_deref(), Some(&v2[..]));
        for other in [&b""[..], &v2[..19], &v3[..20], b"x"] {
            assert_eq!(portable(other), None);
        }
    }

    #[test]
    fn an_order_is_read_as_written() {
        assert_eq!(order(b"0100ff a b"), Some((vec![1, 0, 255], &b"a b"[..])));
        assert_eq!(order(b"zz a"), None);
        assert_eq!(order(b"00"), None);
    }
}
