//! The container's cgroup, where the host has delegated a part of the tree.

use crate::container::plan::Start;
use crate::error::{Context, Kind, Result};
use crate::sys::cgroup;

/// Makes the group and runs `fork` in it, so that the child is born there and its cgroup namespace begins there; the
/// monitor itself goes back to where it was, since its memory is not the container's.
pub(super) fn within<T>(start: &Start, fork: impl FnOnce() -> T) -> Result<T> {
    let Some(group) = &start.group else {
        return Ok(fork());
    };
    let failed = || format!("cannot make the control group {}", group.path.display());
    let controllers: Vec<&str> = group.controllers.iter().map(String::as_str).collect();
    cgroup::make(&group.top, &group.path, &controllers).context(Kind::Host, failed)?;
    for (file, value) in &group.settings {
        match cgroup::set(&group.path, file, value) {
            // a kernel without swap accounting has no such file
            Err(_) if file == "memory.swap.max" => {}
            done => done.context(Kind::Host, failed)?,
        }
    }
    let home = cgroup::own().context(Kind::Host, failed)?;
    let own = std::process::id() as i32;
    cgroup::enter(&group.path, own).context(Kind::Host, failed)?;
    let born = fork();
    cgroup::enter(&home, own).context(Kind::Host, failed)?;
    Ok(born)
}

/// Removes the group; one that is not empty yet stays for the next start or the next boot.
pub(super) fn release(start: &Start) {
    if let Some(group) = &start.group {
        let _ = cgroup::remove(&group.path);
    }
}
