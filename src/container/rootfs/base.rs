//! What docker lays under every container beside its image: `/.dockerenv`, by which programs find out where they are, and
//! `/etc/mtab`. One folder for all containers, the lowest of their layers: it costs a `run` no file of its own, gives way
//! to whatever an image has there, and is no part of what a container has changed.
//!
//! ```text
//! <data>/base/{.dockerenv,etc/mtab}      appears by one rename; killed before it: a folder in staging/, swept later
//! ```

use std::fs::{DirBuilder, Permissions};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt, symlink};
use std::path::PathBuf;

use crate::error::{Error, Result};
use crate::store::containers::Record;
use crate::store::paths::Paths;
use crate::store::random_hex;

/// Returns the folder for a container of this record; `None` for a step of a build, which has no image, and which docker
/// gives nothing either.
pub(crate) fn of(record: &Record, paths: &Paths) -> Option<PathBuf> {
    (!record.image_id.is_empty()).then(|| paths.data.join("base"))
}

/// Makes the folder, unless it is there.
pub(crate) fn make(record: &Record, paths: &Paths) -> Result<()> {
    let Some(base) = of(record, paths) else {
        return Ok(());
    };
    if base.is_dir() {
        return Ok(());
    }
    let draft = paths
        .data
        .join("staging")
        .join(format!("base-{}", random_hex::<8>()?));
    for folder in [draft.clone(), draft.join("etc")] {
        DirBuilder::new().mode(0o700).create(&folder)?;
        fs_err::set_permissions(&folder, Permissions::from_mode(0o755))?;
    }
    let mark = draft.join(".dockerenv");
    fs_err::write(&mark, "")?;
    fs_err::set_permissions(&mark, Permissions::from_mode(0o755))?;
    symlink("/proc/mounts", draft.join("etc/mtab"))?;
    match fs_err::rename(&draft, &base) {
        // somebody else was faster
        Err(_) if base.is_dir() => Ok(fs_err::remove_dir_all(&draft)?),
        Err(e) => Err(Error::from(e)),
        Ok(()) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::scratch::Scratch;

    #[test]
    fn a_container_has_it_and_a_step_of_a_build_has_not() {
        let s = Scratch::new();
        let paths = s.store.paths();
        let step = Record::default();
        assert_eq!(of(&step, paths), None);
        make(&step, paths).unwrap();
        assert!(!paths.data.join("base").exists());
        let container = Record {
            image_id: "sha256:aa".to_owned(),
            ..Record::default()
        };
        for _ in 0..2 {
            make(&container, paths).unwrap();
        }
        let base = of(&container, paths).unwrap();
        // docker 26: an empty file of mode 755, and a link
        let mark = base.join(".dockerenv").metadata().unwrap();
        assert_eq!((mark.len(), mark.permissions().mode() & 0o7777), (0, 0o755));
        let mtab = base.join("etc/mtab").read_link().unwrap();
        assert_eq!(mtab, PathBuf::from("/proc/mounts"));
        let etc = base.join("etc").metadata().unwrap();
        assert_eq!(etc.permissions().mode() & 0o7777, 0o755);
        assert_eq!(paths.data.join("staging").read_dir().unwrap().count(), 0);
    }
}
