//! A layer's very own tar, written again from its tree and `entries`: for push and save, and as the proof that a layer
//! is whole.
//!
//! The parser that unpacked the tar runs over `entries` and asks for each payload in its place. A file whose size has
//! changed is noticed at once, changed content by the digest. Reads alone; nothing to be left behind.

use std::collections::HashSet;
use std::ffi::{CStr, CString};
use std::fs::File;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{OFlag, open, openat};
use nix::sys::stat::Mode;

use crate::error::{Context, Error, Kind, Result};
use crate::image::tar::{Entry, Feed, Parser, Sink, show};
use crate::image::unpack::{Folders, REPLACED, number};
use crate::store::Store;
use crate::store::sum::Sum;

const BUFFER: usize = 256 << 10;

/// Writes the tar of the layer in the folder `layer`. `Kind::Corrupt` when the layer is not what it was.
pub fn regenerate(layer: &Path, out: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> {
    let cannot = || format!("cannot read the layer `{}`", layer.display());
    let folder = OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    let tree = open(&layer.join("tree"), folder | OFlag::O_PATH, Mode::empty())
        .context(Kind::System, cannot)?;
    let (replaced, numbers) = replaced(layer).context(Kind::System, cannot)?;
    let file = File::open(layer.join("entries")).context(Kind::System, cannot)?;
    let mut entries = zstd::stream::read::Decoder::new(file).context(Kind::System, cannot)?;
    let mut source = Source {
        folders: Folders::new(tree),
        replaced,
        numbers,
        out,
        buffer: vec![0; BUFFER],
    };
    let mut parser = Parser::new(Feed::Cut);
    let mut buffer = vec![0; BUFFER];
    loop {
        match entries.read(&mut buffer) {
            Ok(0) => break,
            Ok(n) => parser.feed(&buffer[..n], &mut source)?,
            Err(e) => {
                return Err(
                    Error::new(Kind::Corrupt, cannot()).because(format!("its file `entries`: {e}"))
                );
            }
        }
    }
    parser.finish()
}

/// Returns the digest of the tar that [`regenerate`] writes.
pub fn diff_id(layer: &Path) -> Result<String> {
    let mut sum = Sum::new();
    regenerate(layer, &mut |bytes| {
        sum.update(bytes);
        Ok(())
    })?;
    Ok(sum.finish())
}

/// Makes sure that layers are whole before they are used: what was not synced before the last boot is proved (0.2 s for
/// a Debian root) and noted. A damaged one is thrown away, so that a pull brings it again. For others this costs the
/// reading of one small file each.
pub fn prove(store: &Store, diff_ids: &[String]) -> Result<()> {
    let layers = store.layers();
    for id in diff_ids {
        if !layers.has(id) || !layers.is_doubtful(id)? {
            continue;
        }
        let why = match diff_id(&layers.path(id)) {
            Ok(found) if found == *id => {
                layers.proved(id)?;
                continue;
            }
            Ok(found) => format!("its content is {found}"),
            Err(e) if e.kind() == Kind::Corrupt => e.to_string(),
            Err(e) => return Err(e),
        };
        store.trash().put(&layers.path(id))?;
        return Err(Error::new(
            Kind::Corrupt,
            format!("layer {id} was damaged when the machine went down"),
        )
        .because(why)
        .hint("it was removed; pull the image again"));
    }
    Ok(())
}

/// Opens the folder of replaced payloads, where there is one, and lists it.
fn replaced(layer: &Path) -> nix::Result<(Option<OwnedFd>, HashSet<CString>)> {
    let path = layer.join(std::ffi::OsStr::new("replaced"));
    debug_assert_eq!(REPLACED.to_bytes(), b"replaced");
    match open(&path, OFlag::O_DIRECTORY | OFlag::O_CLOEXEC, Mode::empty()) {
        Err(Errno::ENOENT) => Ok((None, HashSet::new())),
        Err(e) => Err(e),
        Ok(fd) => {
            let numbers = crate::sys::copy::entries(std::os::fd::AsFd::as_fd(&fd))?
                .into_iter()
                .collect();
            Ok((Some(fd), numbers))
        }
    }
}

/// Where the bytes come from and go to.
struct Source<'a> {
    folders: Folders,
    replaced: Option<OwnedFd>,
    numbers: HashSet<CString>,
    out: &'a mut dyn FnMut(&[u8]) -> Result<()>,
    buffer: Vec<u8>,
}

impl Source<'_> {
    fn open(&mut self, entry: &Entry) -> nix::Result<File> {
        let flags = OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
        if let Some(replaced) = &self.replaced {
            let number = number(entry.index);
            if self.numbers.contains(&number) {
                return Ok(openat(replaced, number.as_c_str(), flags, Mode::empty())?.into());
            }
        }
        let name = CString::new(entry.name()).map_err(|_| Errno::EINVAL)?;
        let folder = self.folders.find(entry.folder())?;
        let name: &CStr = &name;
        Ok(openat(&*folder, name, flags, Mode::empty())?.into())
    }
}

impl Sink for Source<'_> {
    fn raw(&mut self, bytes: &[u8]) -> Result<()> {
        (self.out)(bytes)
    }

    fn begin(&mut self, _: &Entry) -> Result<()> {
        Ok(())
    }

    fn data(&mut self, _: &[u8]) -> Result<()> {
        Ok(()) // came as raw bytes
    }

    fn end(&mut self) -> Result<()> {
        Ok(())
    }

    fn payload(&mut self, entry: &Entry) -> Result<()> {
        let cannot = || format!("cannot read {} of the layer", show(&entry.path));
        let mut file = match self.open(entry) {
            Err(
                e @ (Errno::ENOENT | Errno::ENOTDIR | Errno::ELOOP | Errno::EINVAL | Errno::ENXIO),
            ) => {
                return Err(Error::new(Kind::Corrupt, cannot()).because(crate::sys::sentence(e)));
            }
            file => file.context(Kind::System, cannot)?,
        };
        let mut left = entry.size;
        loop {
            let n = file.read(&mut self.buffer).context(Kind::System, cannot)?;
            if n as u64 > left || (n == 0 && left > 0) {
                return Err(Error::new(Kind::Corrupt, cannot()).because("its size has changed"));
            }
            if n == 0 {
                return Ok(());
            }
            (self.out)(&self.buffer[..n])?;
            left -= n as u64;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::tar::build::Tar;
    use crate::image::unpack::{Limits, layer};
    use crate::store::layers::{LayerRecord, Stage};
    use crate::store::record;
    use crate::store::scratch::Scratch;

    fn pulled(s: &Scratch) -> String {
        let tar = Tar::default().file("f", b"content").end();
        let id = crate::store::blobs::digest_of(&tar);
        let Stage::Make(staging) = s.store.layers().stage(&id).unwrap() else {
            panic!("it is there")
        };
        let mut once = Some(tar);
        let unpacked = layer(|| once.take(), staging.path(), &Limits::default()).unwrap();
        staging.publish(&unpacked, None).unwrap();
        id
    }

    fn change(s: &Scratch, id: &str, change: impl FnOnce(&mut LayerRecord)) {
        let mut record = s.store.layers().record(id).unwrap();
        change(&mut record);
        record::write(&s.store.layers().path(id).join("layer"), &record).unwrap();
    }

    fn truncate(s: &Scratch, id: &str) {
        std::fs::write(s.store.layers().tree(id).join("f"), "").unwrap();
    }

    /// The machine went down before the layer was on the disk.
    #[test]
    fn a_layer_of_an_older_boot_is_proved_once_and_thrown_away_when_damaged() {
        let s = Scratch::new();
        let id = pulled(&s);
        let ids = [id.clone()];
        change(&s, &id, |r| r.boot_id = "older".to_owned());
        prove(&s.store, &ids).unwrap();
        assert!(!s.store.layers().is_doubtful(&id).unwrap());

        change(&s, &id, |r| r.boot_id = "older".to_owned());
        truncate(&s, &id);
        let e = prove(&s.store, &ids).unwrap_err();
        assert_eq!(e.kind(), Kind::Corrupt);
        assert!(
            e.to_string()
                .contains("its size has changed; it was removed; pull the image again"),
            "{e}"
        );
        assert!(!s.store.layers().has(&id));
        assert_eq!(pulled(&s), id);
        prove(&s.store, &ids).unwrap();
    }

    #[test]
    fn a_layer_of_this_boot_or_a_synced_one_is_not_read() {
        let s = Scratch::new();
        let id = pulled(&s);
        truncate(&s, &id); // nobody may look
        prove(&s.store, std::slice::from_ref(&id)).unwrap();
        change(&s, &id, |r| {
            (r.boot_id, r.synced) = ("older".to_owned(), true)
        });
        prove(&s.store, &[id]).unwrap();
    }

    #[test]
    fn a_layer_without_a_tree_is_left_to_others_to_report() {
        let s = Scratch::new();
        prove(&s.store, &[format!("sha256:{}", "a".repeat(64))]).unwrap();
    }
}
