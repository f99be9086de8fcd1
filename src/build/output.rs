//! A result outside of the store: its files in a folder, or as one tar.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::copy;
use super::source::{At, Tree, Visitor};
use crate::error::{Context, Kind, Result};
use crate::grammar::dockerfile::ignore::Patterns;
use crate::image::config::ImageConfig;
use crate::image::pack::owners::Meta;
use crate::image::pack::{Changes, Options};
use crate::image::tar::EntryType;
use crate::store::{self, Store};

/// The trees of an image's layers, the uppermost first.
fn tree(store: &Store, config: &ImageConfig) -> Tree {
    let layers = config.rootfs.diff_ids.iter().rev();
    Tree::layers(layers.map(|layer| store.layers().tree(layer)).collect())
}

/// Writes the files of an image below `folder`, as the caller's own: modes and times are the image's, owners are not, and
/// what only root can make is left out. What is there is overwritten, nothing is removed.
pub(crate) fn local(store: &Store, config: &ImageConfig, folder: &Path) -> Result<()> {
    if !folder.exists() {
        fs_err::create_dir_all(folder)?;
        fs_err::set_permissions(folder, std::fs::Permissions::from_mode(0o700))?;
    }
    let tree = tree(store, config);
    let root = tree.locate("/")?.expect("every tree has a root");
    let mut writer = Writer {
        folder: folder.to_owned(),
    };
    tree.walk(&root, &Patterns::default(), &mut writer)
}

struct Writer {
    folder: PathBuf,
}

impl Visitor for Writer {
    fn folder(&mut self, path: &str, _meta: &Meta) -> Result<()> {
        let path = self.folder.join(path);
        match fs_err::symlink_metadata(&path) {
            Ok(meta) if meta.is_dir() => return Ok(()),
            Ok(_) => fs_err::remove_file(&path)?,
            Err(_) => {}
        }
        Ok(fs_err::create_dir(&path)?)
    }

    fn leave(&mut self, path: &str, meta: &Meta) -> Result<()> {
        if path.is_empty() {
            return Ok(());
        }
        let path = self.folder.join(path);
        let mode = std::fs::Permissions::from_mode(meta.mode & 0o7777);
        set_time(&path, meta)?;
        Ok(fs_err::set_permissions(&path, mode)?)
    }

    fn other(&mut self, path: &str, meta: &Meta, at: At<'_>) -> Result<()> {
        let path = self.folder.join(path);
        if fs_err::symlink_metadata(&path).is_ok_and(|m| !m.is_dir()) {
            fs_err::remove_file(&path)?;
        }
        match meta.kind {
            EntryType::File => {
                let mut from = at.open()?;
                let mut to = fs_err::File::create(&path)?;
                std::io::copy(&mut from, &mut to).context(Kind::System, || {
                    format!("cannot write `{}`", path.display())
                })?;
                drop(to);
                set_time(&path, meta)?;
                let mode = std::fs::Permissions::from_mode(meta.mode & 0o7777);
                Ok(fs_err::set_permissions(&path, mode)?)
            }
            EntryType::Symlink => {
                use std::os::unix::ffi::OsStringExt;
                let text = std::ffi::OsString::from_vec(at.link()?);
                Ok(fs_err::os::unix::fs::symlink(text, &path)?)
            }
            _ => Ok(()),
        }
    }
}

fn set_time(path: &Path, meta: &Meta) -> Result<()> {
    let since = std::time::Duration::new(meta.mtime.0.max(0).unsigned_abs(), meta.mtime.1);
    let time = std::time::SystemTime::UNIX_EPOCH + since;
    let file = fs_err::File::open(path)?;
    // a file system without times is no reason to stop
    file.file().set_modified(time).ok();
    Ok(())
}

/// Writes the files of an image as one tar, without an entry for the root.
pub(crate) fn tar(
    store: &Store,
    config: &ImageConfig,
    latest: Option<i64>,
    out: &mut dyn FnMut(&[u8]) -> Result<()>,
) -> Result<()> {
    let folder = store::scratch_folder(store)?;
    let made = copy::extract(&tree(store, config), "/", &folder.join("root"));
    let written = made.and_then(|made| {
        let options = Options {
            latest,
            ..Options::default()
        };
        Changes::of(&made, &[], &options)?.write(out)
    });
    store::remove_scratch(&folder);
    written
}
