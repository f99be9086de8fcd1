//! The container's root: which of the storage rungs assembles it, and what must lie on the disk for that.
//!
//! ```text
//! <data>/containers/<id>/root            mount point; with the driver `copy` the files themselves
//! <data>/containers/<id>/{upper,work}    writable layer, or under Record::writable
//! ```

use std::path::{Path, PathBuf};

use crate::error::{Error, Kind, Result};
use crate::store::containers::Record;
use crate::store::paths::Paths;
use crate::sys::overlay;

use super::plan::{Mount, Root};

/// Returns how the root of a container comes to be. `layer`: the store's folder of a layer by its diff id.
pub(crate) fn root(
    record: &Record,
    paths: &Paths,
    layer: &dyn Fn(&str) -> PathBuf,
) -> Result<Root> {
    let dir = paths.data.join("containers").join(&record.id);
    let writable = record.writable.clone().unwrap_or_else(|| dir.clone());
    let (upper, work) = (writable.join("upper"), writable.join("work"));
    // The kernel wants the uppermost first, images name the lowest first.
    let lower = || -> Vec<PathBuf> {
        let mut trees = trees(record, layer);
        if trees.is_empty() {
            trees.push(dir.join("empty"));
        }
        trees.extend(base::of(record, paths));
        trees
    };
    match record.driver.as_str() {
        "copy" | host::NAME => Ok(Root::Plain {
            path: dir.join("root"),
        }),
        "fuse-overlayfs" => {
            let program = crate::host::storage::fuse_program().map_err(|cause| {
                Error::new(
                    Kind::Host,
                    format!("cannot mount the root of `{}`", record.name),
                )
                .because(cause)
            })?;
            Ok(Root::Fuse {
                program,
                lower: lower(),
                upper,
                work,
            })
        }
        _ => Ok(Root::Overlay {
            lower: lower(),
            upper,
            work,
            volatile: record.host.auto_remove,
        }),
    }
}

/// Returns the trees of the image's layers, the uppermost first, down to one that hides all below it: overlayfs does not
/// look for an opaque mark at a layer's root.
pub(crate) fn trees(record: &Record, layer: &dyn Fn(&str) -> PathBuf) -> Vec<PathBuf> {
    let mut trees = Vec::with_capacity(record.layers.len());
    for id in record.layers.iter().rev() {
        let tree = layer(id).join("tree");
        // A step that changes nothing makes the same empty layer as the last such one, and overlayfs refuses (ELOOP) a
        // folder that it has already. All that the lower one shows, the upper one shows over it.
        if trees.contains(&tree) {
            continue;
        }
        let is_last = overlay::is_opaque_at(&tree);
        trees.push(tree);
        if is_last {
            break;
        }
    }
    trees
}

/// Returns where the root is mounted, in the container's own mount namespace. The overlay goes over its own upper folder, so
/// that no other is needed.
pub(crate) fn point(root: &Root, dir: &Path) -> PathBuf {
    match root {
        Root::Overlay { upper, .. } => upper.clone(),
        Root::Fuse { .. } | Root::Plain { .. } => dir.join("root"),
    }
}

/// Returns the mounts that the root itself consists of, beside [`Root`].
pub(crate) fn mounts(record: &Record, paths: &Paths) -> Result<Vec<Mount>> {
    if record.driver == host::NAME {
        host::mounts(record, paths)
    } else {
        Ok(Vec::new())
    }
}

/// Returns the trees that hold the container's files, the uppermost first.
pub(crate) fn stack(root: &Root, record: &Record, paths: &Paths) -> Vec<PathBuf> {
    match root {
        _ if record.driver == host::NAME => host::stack(record, paths),
        Root::Overlay { lower, upper, .. } | Root::Fuse { lower, upper, .. } => {
            std::iter::once(upper).chain(lower).cloned().collect()
        }
        Root::Plain { path } => vec![path.clone()],
    }
}

/// Makes what the root needs on the disk; done once, by the container's creator, in the container's own folder.
pub(crate) fn prepare(
    record: &Record,
    paths: &Paths,
    layer: &dyn Fn(&str) -> PathBuf,
) -> Result<()> {
    let dir = paths.data.join("containers").join(&record.id);
    let root = root(record, paths, layer)?;
    if !matches!(root, Root::Overlay { .. }) {
        make(&dir.join("root"))?;
    }
    match root {
        _ if record.driver == host::NAME => host::prepare(record, paths),
        Root::Overlay {
            lower, upper, work, ..
        }
        | Root::Fuse {
            lower, upper, work, ..
        } => {
            if record.layers.is_empty() {
                make(&lower[0])?;
            }
            make(&upper)?;
            // the upper folder is the root's own: its mode is the image's, whatever the caller's umask
            let mode = fs_err::metadata(&lower[0])?.permissions();
            fs_err::set_permissions(&upper, mode)?;
            make(&work)
        }
        Root::Plain { path } => {
            base::make(record, paths)?;
            let mut trees = trees(record, layer);
            trees.extend(base::of(record, paths));
            merge::copy(&trees, &path)
        }
    }
}

fn make(dir: &Path) -> Result<()> {
    Ok(fs_err::create_dir_all(dir)?)
}

pub(crate) mod base;
pub(crate) mod host;
mod merge;

#[cfg(test)]
mod tests {
    use super::*;

    fn record(driver: &str) -> Record {
        Record {
            id: "0123".to_owned(),
            layers: vec!["sha256:aa".to_owned(), "sha256:bb".to_owned()],
            driver: driver.to_owned(),
            ..Record::default()
        }
    }

    fn of(record: &Record) -> Root {
        let paths = Paths {
            data: "/d".into(),
            runtime: "/r".into(),
        };
        root(record, &paths, &|id| {
            PathBuf::from(format!("/d/layers/{}", &id[7..]))
        })
        .unwrap()
    }

    fn stack_of(root: &Root) -> Vec<PathBuf> {
        let paths = Paths {
            data: "/d".into(),
            runtime: "/r".into(),
        };
        stack(root, &Record::default(), &paths)
    }

    #[test]
    fn a_layer_that_comes_twice_is_mounted_once() {
        let twice = Record {
            layers: ["sha256:aa", "sha256:bb", "sha256:aa"]
                .map(str::to_owned)
                .into(),
            ..record("overlay")
        };
        let trees = stack_of(&of(&twice));
        let text: Vec<_> = trees[1..].iter().map(|p| p.to_str().unwrap()).collect();
        assert_eq!(text, ["/d/layers/aa/tree", "/d/layers/bb/tree"]);
    }

    #[test]
    fn an_overlay_has_the_last_layer_on_top() {
        let root = of(&record("overlay"));
        let trees = stack_of(&root);
        let text: Vec<_> = trees.iter().map(|p| p.to_str().unwrap()).collect();
        assert_eq!(
            text,
            [
                "/d/containers/0123/upper",
                "/d/layers/bb/tree",
                "/d/layers/aa/tree"
            ]
        );
        let Root::Overlay { work, volatile, .. } = root else {
            panic!()
        };
        assert_eq!((work, volatile), ("/d/containers/0123/work".into(), false));
    }

    #[test]
    fn below_all_layers_of_an_image_lies_what_every_container_has() {
        let whole = Record {
            image_id: "sha256:cc".to_owned(),
            ..record("overlay")
        };
        assert_eq!(stack_of(&of(&whole)).last().unwrap(), Path::new("/d/base"));
    }

    #[test]
    fn a_layer_that_hides_all_below_it_is_the_last_one() {
        let base = std::env::temp_dir().join(format!("rootfs-opaque-{}", std::process::id()));
        fs_err::create_dir_all(base.join("bb/tree")).unwrap();
        let tree = std::fs::File::open(base.join("bb/tree")).unwrap();
        let marked = crate::sys::xattr::set(&tree, c"user.overlay.opaque", b"y").is_ok();
        let found = trees(&record("overlay"), &|id| base.join(&id[7..]));
        fs_err::remove_dir_all(&base).unwrap();
        assert_eq!(found.len(), if marked { 1 } else { 2 });
        assert_eq!(found[0], base.join("bb/tree"));
    }

    #[test]
    fn the_writable_part_may_lie_elsewhere_and_goes_unsynced_with_rm() {
        let mut record = record("overlay");
        record.writable = Some("/local/0123".into());
        record.host.auto_remove = true;
        let Root::Overlay {
            upper,
            work,
            volatile,
            ..
        } = of(&record)
        else {
            panic!()
        };
        assert_eq!(
            (upper, work, volatile),
            ("/local/0123/upper".into(), "/local/0123/work".into(), true)
        );
    }

    #[test]
    fn a_copy_is_a_plain_folder_and_an_image_without_layers_an_empty_one() {
        assert_eq!(
            stack_of(&of(&record("copy"))),
            [PathBuf::from("/d/containers/0123/root")]
        );
        let bare = Record {
            layers: Vec::new(),
            ..record("overlay")
        };
        assert_eq!(
            stack_of(&of(&bare))[1],
            PathBuf::from("/d/containers/0123/empty")
        );
    }
}
