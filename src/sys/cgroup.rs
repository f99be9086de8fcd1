//! Control groups, version 2 (cgroups(7), cgroup-v2.rst): the part of the tree that is ours, and groups below it.
//!
//! Only files are read and written here; what a setting means is the caller's matter.

use std::path::{Path, PathBuf};

/// Where the unified hierarchy is mounted: alone, or beside version 1.
const MOUNTS: [&str; 2] = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"];

/// A group below which this process may make groups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Subtree {
    /// Its folder.
    pub(crate) path: PathBuf,
    /// Controllers that groups below it can use.
    pub(crate) controllers: Vec<String>,
}

impl Subtree {
    /// Finds the uppermost group of this process's own that it may change and move processes within; `None` where
    /// nobody has delegated one, as in a login session without a user manager, or version 1 has the controllers.
    pub(crate) fn find() -> Option<Subtree> {
        let root = mount()?;
        let mut best = None;
        let mut here = own().ok()?;
        // A process is moved by who may write both ends and their common ancestor: so all groups on the way must be ours.
        while here.starts_with(root) && is_ours(&here) {
            best = Some(here.clone());
            if !here.pop() {
                break;
            }
        }
        let path = best?;
        let controllers = usable(&path);
        Some(Subtree { path, controllers })
    }

    /// Returns whether groups below it can use all of `controllers`.
    pub(crate) fn has(&self, controllers: &[&str]) -> bool {
        controllers
            .iter()
            .all(|c| self.controllers.iter().any(|have| have == c))
    }
}

fn mount() -> Option<&'static Path> {
    MOUNTS
        .iter()
        .map(Path::new)
        .find(|m| m.join("cgroup.controllers").exists())
}

/// Returns the folder of this process's own group.
pub(crate) fn own() -> std::io::Result<PathBuf> {
    let text = fs_err::read_to_string("/proc/self/cgroup")?;
    let path = text.lines().find_map(|l| l.strip_prefix("0::"));
    path.and_then(folder)
        .ok_or_else(|| std::io::Error::from(std::io::ErrorKind::Unsupported))
}

/// Returns the folder of a group by its path in /proc/PID/cgroup.
pub(crate) fn folder(path: &str) -> Option<PathBuf> {
    Some(mount()?.join(path.trim_start_matches('/')))
}

fn is_ours(group: &Path) -> bool {
    let may_write = |path: &Path| nix::unistd::access(path, nix::unistd::AccessFlags::W_OK).is_ok();
    may_write(group)
        && may_write(&group.join("cgroup.procs"))
        && may_write(&group.join("cgroup.subtree_control"))
}

/// What is on for its children already, or can be put on: that is refused while the group itself has processes, but the
/// root of a hierarchy ("no internal processes").
fn usable(group: &Path) -> Vec<String> {
    let words = |file: &str| -> Vec<String> {
        let text = fs_err::read_to_string(group.join(file)).unwrap_or_default();
        text.split_whitespace().map(str::to_owned).collect()
    };
    let is_root = !group.join("cgroup.type").exists();
    match is_root || words("cgroup.procs").is_empty() {
        true => words("cgroup.controllers"),
        false => words("cgroup.subtree_control"),
    }
}

/// Makes `path` (one level per missing folder), with `controllers` on in every group above it from `top` on.
pub(crate) fn make(top: &Path, path: &Path, controllers: &[&str]) -> std::io::Result<()> {
    let below = path
        .strip_prefix(top)
        .map_err(|e| std::io::Error::other(e.to_string()))?;
    let mut here = top.to_owned();
    for name in below {
        for controller in controllers {
            write(
                &here.join("cgroup.subtree_control"),
                &format!("+{controller}"),
            )?;
        }
        here.push(name);
        match fs_err::create_dir(&here) {
            Err(e) if e.kind() != std::io::ErrorKind::AlreadyExists => return Err(e),
            _ => {}
        }
    }
    Ok(())
}

/// Writes one setting.
pub(crate) fn set(group: &Path, file: &str, value: &str) -> std::io::Result<()> {
    write(&group.join(file), value)
}

/// Moves a process in.
pub(crate) fn enter(group: &Path, pid: i32) -> std::io::Result<()> {
    write(&group.join("cgroup.procs"), &pid.to_string())
}

/// Freezes or thaws all processes of a group and waits until that is so, at most two seconds.
pub(crate) fn freeze(group: &Path, freeze: bool) -> std::io::Result<()> {
    let value = if freeze { "1" } else { "0" };
    write(&group.join("cgroup.freeze"), value)?;
    let wanted = format!("frozen {value}");
    for _ in 0..200 {
        if read(group, "cgroup.events").is_some_and(|t| t.lines().any(|l| l == wanted)) {
            return Ok(());
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    Err(std::io::Error::from(std::io::ErrorKind::TimedOut))
}

/// Returns a file's text without the final newline; `None` where the controller is off.
pub(crate) fn read(group: &Path, file: &str) -> Option<String> {
    fs_err::read_to_string(group.join(file))
        .ok()
        .map(|t| t.trim_end().to_owned())
}

/// Removes an empty group; one that is gone already is no error.
pub(crate) fn remove(group: &Path) -> std::io::Result<()> {
    match fs_err::remove_dir(group) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(()),
        done => done,
    }
}

/// Never creates: a file that is missing means that the kernel or the controller is.
fn write(path: &Path, text: &str) -> std::io::Result<()> {
    use std::io::Write;
    fs_err::OpenOptions::new()
        .write(true)
        .open(path)?
        .write_all(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where the tests may (as root, or in a delegated group), a group is made, entered, frozen and removed.
    #[test]
    #[expect(clippy::disallowed_methods, reason = "a process to put into the group")]
    fn a_group_lives() {
        let Some(top) = Subtree::find() else { return };
        let path = top
            .path
            .join(format!("coracle-test-{}", std::process::id()))
            .join("inner");
        make(&top.path, &path, &[]).unwrap();
        let mut child = std::process::Command::new("sleep")
            .arg("10")
            .spawn()
            .unwrap();
        enter(&path, child.id() as i32).unwrap();
        assert_eq!(
            read(&path, "cgroup.procs").as_deref(),
            Some(child.id().to_string().as_str())
        );
        freeze(&path, true).unwrap();
        freeze(&path, false).unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(read(&path, "no.such"), None);
        assert!(set(&path, "no.such", "1").is_err());
        remove(&path).unwrap();
        remove(&path).unwrap();
        remove(path.parent().unwrap()).unwrap();
    }
}
