#![no_main]

use std::os::unix::fs::DirBuilderExt;

use coracle::error::Kind;
use coracle::image::regenerate::regenerate;
use coracle::image::unpack::{Limits, layer};
use libfuzzer_sys::fuzz_target;

// A layer: whatever it holds, nothing beside the tree is touched, and what is accepted comes out again byte for byte.
fuzz_target!(|bytes: &[u8]| {
    let tar = with_sums(bytes);
    let top = std::env::temp_dir().join(format!("coracle-fuzz-{}", std::process::id()));
    std::fs::remove_dir_all(&top).ok();
    let made = top.join("layer");
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&made).unwrap();
    let mut once = Some(tar.clone());
    match layer(|| once.take(), &made, &Limits { bytes: 1 << 22, files: 2000 }) {
        Ok(_) if is_compressed(&tar) => {}
        Ok(_) => {
            let mut again = Vec::new();
            regenerate(&made, &mut |part| {
                again.extend_from_slice(part);
                Ok(())
            })
            .unwrap();
            assert!(again == tar);
        }
        Err(e) => assert_eq!(e.kind(), Kind::Corrupt, "{e}"),
    }
    assert_eq!(std::fs::read_dir(&top).unwrap().count(), 1);
});

/// Gives each block that looks like a header its checksum, which no mutation would find.
fn with_sums(bytes: &[u8]) -> Vec<u8> {
    let mut tar = bytes.to_vec();
    for block in tar.chunks_exact_mut(512).filter(|block| block[257..].starts_with(b"ustar")) {
        block[148..156].fill(b' ');
        let sum: u32 = block.iter().map(|b| u32::from(*b)).sum();
        block[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    }
    tar
}

fn is_compressed(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0x1f, 0x8b]) || bytes.get(1..4) == Some(&[0xb5, 0x2f, 0xfd]) || bytes.get(1..4) == Some(&[0x2a, 0x4d, 0x18])
}
