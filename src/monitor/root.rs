//! What a root needs beside mounts: its mount point, and the helper of the fuse rung.

use crate::container::plan::{Root, Start};
use crate::error::{Context, Error, Kind, Result};
use crate::sys;

/// Makes the root's mount point usable; for fuse-overlayfs starts it in a mount namespace that the container's is copied
/// from.
pub(super) fn prepare(start: &Start) -> Result<()> {
    let Root::Fuse {
        program,
        lower,
        upper,
        work,
    } = &start.root
    else {
        return Ok(());
    };
    sys::namespace::new_mounts()?;
    let mut options = b"lowerdir=".to_vec();
    use std::os::unix::ffi::OsStrExt;
    for (i, layer) in lower.iter().enumerate() {
        if i > 0 {
            options.push(b':');
        }
        options.extend(layer.as_os_str().as_bytes());
    }
    for (key, folder) in [(&b",upperdir="[..], upper), (b",workdir=", work)] {
        options.extend(key);
        options.extend(folder.as_os_str().as_bytes());
    }
    #[expect(
        clippy::disallowed_methods,
        reason = "the fuse rung's helper program; the monitor has one thread"
    )]
    let status = std::process::Command::new(program)
        .arg("-o")
        .arg(std::ffi::OsStr::from_bytes(&options))
        .arg(&start.root_point)
        .status()
        .context(Kind::Host, || format!("cannot start {}", program.display()))?;
    if status.success() {
        return Ok(());
    }
    Err(
        Error::new(Kind::Host, "cannot mount the layers with fuse-overlayfs")
            .because(status)
            .hint("`--storage-driver copy` works everywhere"),
    )
}

/// Ends what `prepare` started: the last unmount ends fuse-overlayfs.
pub(super) fn release(start: &Start) {
    if matches!(start.root, Root::Fuse { .. }) {
        // our mount namespace goes with us, and its mounts with it
        let _ = nix::mount::umount2(&start.root_point, nix::mount::MntFlags::MNT_DETACH);
    }
}
