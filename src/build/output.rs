//! A result outside of the store: its files in a folder, or as one tar.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::built::Built;
use super::copy;
use super::source::{At, Tree, Visitor};
use crate::error::{Context, Kind, Result};
use crate::grammar::dockerfile::ignore::Patterns;
use crate::grammar::platform::Platform;
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

/// Writes the files of what was built below `folder`, as the caller's own: modes and times are the image's, owners are not,
/// and what only root can make is left out. What is there is overwritten, nothing is removed. Of several images each has a
/// folder of its own.
pub(crate) fn local(store: &Store, built: &Built, folder: &Path) -> Result<()> {
    if let [only] = built.images.as_slice() {
        return local_one(store, &only.config, folder);
    }
    let mut images = built.images.iter();
    images.try_for_each(|image| {
        local_one(
            store,
            &image.config,
            &folder.join(folder_of(&image.platform)),
        )
    })
}

fn local_one(store: &Store, config: &ImageConfig, folder: &Path) -> Result<()> {
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

/// Writes the files of an image as one tar, without an entry for the root; of several images each below a folder.
pub(crate) fn tar(
    store: &Store,
    built: &Built,
    latest: Option<i64>,
    out: &mut dyn FnMut(&[u8]) -> Result<()>,
) -> Result<()> {
    let scratch = store::scratch_folder(store)?;
    let written = gather(store, built, &scratch.join("root")).and_then(|root| {
        let options = Options {
            latest,
            ..Options::default()
        };
        Changes::of(&root, &[], &options)?.write(out)
    });
    store::remove_scratch(&scratch);
    written
}

/// Copies the files to be written below a folder; returns where they are.
fn gather(store: &Store, built: &Built, root: &Path) -> Result<PathBuf> {
    if let [only] = built.images.as_slice() {
        return copy::extract(&tree(store, &only.config), "/", root);
    }
    let images = built.images.iter();
    let trees: Vec<_> = images
        .map(|image| (folder_of(&image.platform), tree(store, &image.config)))
        .collect();
    copy::gather(&trees, root)
}

/// `linux_amd64`: the folder of one platform among several.
fn folder_of(platform: &Platform) -> String {
    platform.to_string().replace('/', "_")
}
