//! Manifests, indexes and configurations by digest, byte for byte as they came: a push must send the same bytes.
//!
//! ```text
//! <data>/blobs/<hex>         temp + rename, 0600
//! <data>/partial/<hex>       the fetched prefix of a layer's compressed body, append only; belongs to whoever holds the
//!                            staging lock of its layer (layers.rs), and is gone with the layer's rename
//! ```
//! Killed at any line: a temporary file, swept later. A power cut may leave an empty or half file; since every read
//! checks the digest, such a one counts as absent and is fetched again.

use std::fs::{File, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

use crate::error::{Context, Error, Kind, Result};
use crate::store::{Store, hex_of, random_hex, record, sum};

/// The door to the blobs.
#[derive(Debug)]
pub struct Blobs<'a> {
    store: &'a Store,
}

impl<'a> Blobs<'a> {
    pub(super) fn new(store: &'a Store) -> Blobs<'a> {
        Blobs { store }
    }

    /// Keeps `bytes`, whose digest is `digest` (`Kind::Corrupt` when it is not). What is there already stays.
    pub fn put(&self, digest: &str, bytes: &[u8]) -> Result<()> {
        if digest_of(bytes) != digest {
            return Err(Error::new(Kind::Corrupt, format!("cannot keep {digest}"))
                .because(format!("its content is {}", digest_of(bytes))));
        }
        if self.get(digest)?.is_some() {
            return Ok(());
        }
        let path = self.store.blob_path(digest);
        // two pulls may bring the same blob: each writes its own file, and the second rename does no harm
        let temporary = path.with_extension(random_hex::<4>()?);
        record::write_bytes_new(&temporary, bytes)?;
        std::fs::rename(&temporary, &path).context(Kind::System, || {
            format!("cannot write `{}`", path.display())
        })
    }

    /// Returns the bytes of a blob; `None` when it is missing or not what its digest says.
    pub fn get(&self, digest: &str) -> Result<Option<Vec<u8>>> {
        let path = self.store.blob_path(digest);
        match std::fs::read(&path) {
            Ok(bytes) if digest_of(&bytes) == digest => Ok(Some(bytes)),
            Ok(_) => Ok(None),
            Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
            Err(e) => Err(e).context(Kind::System, || format!("cannot read `{}`", path.display())),
        }
    }

    /// Returns the bytes of a blob that an image needs; `Kind::Corrupt` when they are missing or damaged.
    pub fn need(&self, digest: &str) -> Result<Vec<u8>> {
        self.get(digest)?.ok_or_else(|| {
            Error::new(
                Kind::Corrupt,
                format!("blob {digest} is missing or damaged"),
            )
            .hint("pull the image again")
        })
    }

    /// Returns where the fetched prefix of a layer's body is kept while it moves.
    pub fn partial(&self, digest: &str) -> PathBuf {
        self.store.data("partial").join(hex_of(digest))
    }

    /// Opens (or makes, 0600) that file for reading and appending; returns how many bytes it holds.
    pub fn open_partial(&self, digest: &str) -> Result<(File, u64)> {
        let path = self.partial(digest);
        let file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .mode(0o600)
            .open(&path);
        let length = file.and_then(|file| Ok((file.metadata()?.len(), file)));
        let (length, file) =
            length.context(Kind::System, || format!("cannot open `{}`", path.display()))?;
        Ok((file, length))
    }
}

/// Returns `sha256:...` of some bytes.
pub fn digest_of(bytes: &[u8]) -> String {
    sum::text(&sum::sum_of(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::scratch::Scratch;
    use std::io::Write;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_blob_comes_back_as_it_went_in_and_is_private() {
        let s = Scratch::new();
        let bytes = b"{\"schemaVersion\": 2}\n ";
        let digest = digest_of(bytes);
        s.store.blobs().put(&digest, bytes).unwrap();
        s.store.blobs().put(&digest, bytes).unwrap();
        assert_eq!(
            s.store.blobs().get(&digest).unwrap().as_deref(),
            Some(&bytes[..])
        );
        let mode = std::fs::metadata(s.store.blob_path(&digest))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o7777, 0o600);
        assert_eq!(
            std::fs::read_dir(s.store.data("blobs")).unwrap().count(),
            1,
            "a temporary file is left"
        );
    }

    #[test]
    fn a_blob_that_is_not_its_digest_is_refused_and_a_damaged_one_is_absent() {
        let s = Scratch::new();
        let digest = digest_of(b"right");
        let e = s.store.blobs().put(&digest, b"wrong").unwrap_err();
        assert_eq!(e.kind(), Kind::Corrupt);
        for damaged in ["", "righ", "right."] {
            std::fs::write(s.store.blob_path(&digest), damaged).unwrap();
            assert_eq!(s.store.blobs().get(&digest).unwrap(), None, "{damaged:?}");
            assert_eq!(
                s.store.blobs().need(&digest).unwrap_err().kind(),
                Kind::Corrupt
            );
        }
        s.store.blobs().put(&digest, b"right").unwrap();
        assert!(s.store.blobs().get(&digest).unwrap().is_some());
    }

    #[test]
    fn what_is_no_digest_leads_nowhere() {
        let s = Scratch::new();
        assert_eq!(s.store.blobs().get("sha256:../version").unwrap(), None);
        assert!(
            s.store
                .blobs()
                .partial("sha256:../../x")
                .ends_with("partial/no-digest")
        );
    }

    #[test]
    fn a_partial_grows_from_where_it_was() {
        let s = Scratch::new();
        let digest = digest_of(b"x");
        let (mut file, length) = s.store.blobs().open_partial(&digest).unwrap();
        assert_eq!(length, 0);
        file.write_all(b"abc").unwrap();
        drop(file);
        assert_eq!(s.store.blobs().open_partial(&digest).unwrap().1, 3);
    }
}
