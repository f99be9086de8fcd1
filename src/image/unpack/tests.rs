//! Odd, hostile and ordinary tars: what lies in the tree, and that the very same tar comes out again.

use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::PathBuf;

use super::*;
use crate::image::regenerate::regenerate;
use crate::store::blobs::digest_of;
use crate::store::ids::{self, Ids};

/// A folder to unpack into, gone when dropped.
struct Layer {
    dir: PathBuf,
}

impl Layer {
    fn empty() -> Layer {
        let name = format!(
            "coracle-unpack-{}",
            crate::store::random_hex::<8>().unwrap()
        );
        let dir = std::env::temp_dir().join(name);
        std::fs::create_dir_all(dir.join("layer")).unwrap();
        Layer { dir }
    }

    fn of(tar: &[u8]) -> Result<Layer> {
        Layer::limited(tar, &Limits::default())
    }

    fn limited(tar: &[u8], limits: &Limits) -> Result<Layer> {
        let layer = Layer::empty();
        let mut chunks = tar.chunks(5000).map(<[u8]>::to_vec);
        let unpacked = layer_of(&mut chunks, &layer.path(), limits)?;
        assert_eq!(unpacked.diff_id, digest_of(tar));
        assert_eq!(unpacked.tar_size, tar.len() as u64);
        Ok(layer)
    }

    fn path(&self) -> PathBuf {
        self.dir.join("layer")
    }
}

fn layer_of(
    chunks: &mut (dyn Iterator<Item = Vec<u8>> + Send),
    path: &Path,
    limits: &Limits,
) -> Result<Unpacked> {
    layer(move || chunks.next(), path, limits)
}

impl Drop for Layer {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.dir).ok();
    }
}

/// The tars of this machine's registry, where it has one.
#[test]
#[ignore = "needs /tmp/reg, and some seconds"]
fn the_tars_of_real_images_come_out_bit_for_bit() {
    for name in ["debian.tar", "py.tar", "gcc.tar"] {
        let path = Path::new("/tmp/reg").join(name);
        let Ok(mut file) = std::fs::File::open(&path) else {
            continue;
        };
        let layer = Layer::empty();
        let next = move || {
            let mut chunk = vec![0; 64 << 10];
            let n = std::io::Read::read(&mut file, &mut chunk).unwrap();
            chunk.truncate(n);
            (n > 0).then_some(chunk)
        };
        let start = std::time::Instant::now();
        let unpacked = super::layer(next, &layer.path(), &Limits::default()).unwrap();
        let took = start.elapsed();
        let again = crate::image::regenerate::diff_id(&layer.path()).unwrap();
        assert_eq!(again, unpacked.diff_id, "{name}");
        eprintln!(
            "{name}: {unpacked:?} in {took:?}, again in {:?}",
            start.elapsed() - took
        );
    }
}
