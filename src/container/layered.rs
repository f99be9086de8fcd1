//! Looks into a stack of layers without mounting it: which file a container sees at a path.
//!
//! Every step goes by folder descriptors of the layers and never follows a link of the kernel's accord, so nothing that
//! an image holds can lead out of its layers.

use std::ffi::CString;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use nix::fcntl::{OFlag, openat, readlinkat};
use nix::sys::stat::{Mode, fstat};

use crate::image::stack::{Folder, Found, roots, step};

/// Files larger than this are not read: those that we look for have some kilobytes.
const LARGEST: u64 = 8 << 20;

/// Links followed for one path, as the kernel's MAXSYMLINKS.
const MOST_LINKS: u32 = 40;

/// Returns the content of the plain file at `path` (absolute, inside); `None` when there is none, or one that is no plain
/// file or larger than 8 MiB. `layers`: the trees, the uppermost first; a missing tree counts as empty.
pub(crate) fn read_file(layers: &[PathBuf], path: &str) -> Option<Vec<u8>> {
    let (folder, name) = parent_of(layers, path)?;
    let Found::Other(part, stat) = step(&folder, &name)? else {
        return None;
    };
    if stat.st_mode & libc::S_IFMT != libc::S_IFREG || stat.st_size as u64 > LARGEST {
        return None;
    }
    let flags = OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC | OFlag::O_NONBLOCK;
    let fd = openat(&folder[part].fd, name.as_c_str(), flags, Mode::empty()).ok()?;
    let mut content = Vec::with_capacity(stat.st_size as usize);
    File::from(fd)
        .take(LARGEST)
        .read_to_end(&mut content)
        .ok()?;
    Some(content)
}

/// Returns the permission bits of what is at `path`; `None` when nothing is.
pub(crate) fn mode(layers: &[PathBuf], path: &str) -> Option<u32> {
    let (folder, name) = parent_of(layers, path)?;
    let stat = match step(&folder, &name)? {
        Found::Other(_, stat) => stat,
        Found::Folder(parts) => fstat(&parts.first()?.fd).ok()?,
    };
    Some(stat.st_mode & 0o7777)
}

/// Walks to the folder that holds the last name of `path`, links followed up to the end.
fn parent_of(layers: &[PathBuf], path: &str) -> Option<(Folder, CString)> {
    let mut way: Vec<Folder> = vec![roots(layers)];
    let mut links = 0;
    let mut left: Vec<CString> = names(Path::new(path));
    left.reverse();
    loop {
        let name = left.pop()?;
        if name.as_c_str() == c".." {
            if way.len() > 1 {
                way.pop();
            }
            continue;
        }
        match step(way.last()?, &name)? {
            Found::Other(part, stat) if stat.st_mode & libc::S_IFMT == libc::S_IFLNK => {
                let target = readlinkat(&way.last()?[part].fd, name.as_c_str()).ok()?;
                let target = PathBuf::from(target);
                links += 1;
                if links > MOST_LINKS {
                    return None;
                }
                if target.is_absolute() {
                    way.truncate(1);
                }
                left.extend(names(&target).into_iter().rev());
            }
            _ if left.is_empty() => return Some((way.pop()?, name)),
            Found::Folder(next) => way.push(next),
            Found::Other(..) => return None,
        }
    }
}

fn names(path: &Path) -> Vec<CString> {
    use std::os::unix::ffi::OsStrExt;
    use std::path::Component;
    let parts = path.components().filter_map(|c| match c {
        Component::Normal(name) => Some(name.as_bytes()),
        Component::ParentDir => Some(&b".."[..]),
        _ => None,
    });
    // a path of a request or of a link of the kernel's holds no NUL
    parts.filter_map(|name| CString::new(name).ok()).collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    /// A stack of two layers in a folder of its own.
    struct Stack(PathBuf);

    impl Stack {
        fn new(name: &str) -> Stack {
            let root = std::env::temp_dir().join(format!("layered-{name}-{}", std::process::id()));
            fs_err::create_dir_all(root.join("up/etc")).unwrap();
            fs_err::create_dir_all(root.join("low/etc")).unwrap();
            Stack(root)
        }

        fn put(&self, path: &str, text: &str) {
            let path = self.0.join(path);
            fs_err::create_dir_all(path.parent().unwrap()).unwrap();
            fs_err::write(path, text).unwrap();
        }

        fn link(&self, path: &str, target: &str) {
            symlink(target, self.0.join(path)).unwrap();
        }

        fn read(&self, path: &str) -> Option<String> {
            let layers = [
                self.0.join("up"),
                self.0.join("missing"),
                self.0.join("low"),
            ];
            read_file(&layers, path).map(|b| String::from_utf8(b).unwrap())
        }
    }

    impl Drop for Stack {
        fn drop(&mut self) {
            // Nothing to do about a folder that stays in /tmp.
            let _ = fs_err::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn the_uppermost_layer_that_has_a_file_gives_it() {
        let s = Stack::new("order");
        s.put("low/etc/passwd", "low");
        s.put("low/etc/group", "low");
        s.put("up/etc/passwd", "up");
        assert_eq!(s.read("/etc/passwd").as_deref(), Some("up"));
        assert_eq!(s.read("/etc/group").as_deref(), Some("low"));
        assert_eq!(s.read("/etc/nosuch"), None);
        assert_eq!(s.read("/etc"), None);
        assert_eq!(s.read("/etc/passwd/x"), None);
    }

    #[test]
    fn whiteouts_and_files_in_the_way_hide_what_is_below() {
        let s = Stack::new("hide");
        s.put("low/etc/passwd", "low");
        s.put("low/opt/a", "low");
        s.put("up/opt", "a file");
        let white = s.0.join("up/etc/passwd");
        let made = nix::sys::stat::mknod(&white, nix::sys::stat::SFlag::S_IFCHR, Mode::empty(), 0);
        if made.is_ok() {
            assert_eq!(s.read("/etc/passwd"), None);
        }
        assert_eq!(s.read("/opt/a"), None);
        assert_eq!(s.read("/opt").as_deref(), Some("a file"));
    }

    #[test]
    fn links_are_followed_inside_the_stack_only() {
        let s = Stack::new("links");
        s.put("low/usr/lib/passwd", "here");
        s.put("outside", "outside");
        s.link("up/etc/passwd", "../usr/lib/passwd");
        s.link("low/etc/group", "/usr/lib/passwd");
        s.link("up/etc/escape", "../../../outside");
        s.link("up/etc/loop", "loop");
        s.link("up/lib", "usr/lib");
        assert_eq!(s.read("/etc/passwd").as_deref(), Some("here"));
        assert_eq!(s.read("/etc/group").as_deref(), Some("here"));
        assert_eq!(s.read("/lib/passwd").as_deref(), Some("here"));
        assert_eq!(s.read("/etc/escape"), None);
        assert_eq!(s.read("/etc/loop"), None);
    }

    #[test]
    #[expect(
        clippy::disallowed_methods,
        reason = "the tests have no call for attributes"
    )]
    fn an_opaque_folder_hides_the_one_below() {
        let s = Stack::new("opaque");
        s.put("low/etc/passwd", "low");
        let set = std::process::Command::new("setfattr")
            .args(["-n", "user.overlay.opaque", "-v", "y"])
            .arg(s.0.join("up/etc"))
            .status();
        if set.is_ok_and(|s| s.success()) {
            assert_eq!(s.read("/etc/passwd"), None);
        }
    }
}
