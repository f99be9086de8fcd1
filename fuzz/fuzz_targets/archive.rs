#![no_main]

use std::io::Write;

use coracle::image::load::{Options, load};
use coracle::image::progress::Silent;
use coracle::store::Store;
use coracle::store::paths::Paths;
use libfuzzer_sys::fuzz_target;

// An archive of images: whatever it says, loading ends, nothing beside the store is touched, and what is refused leaves
// no layer being made. The bytes are the documents of a docker archive, of an OCI layout, or a whole tar.
fuzz_target!(|bytes: &[u8]| {
    let top = std::env::temp_dir().join(format!("coracle-fuzz-archive-{}", std::process::id()));
    std::fs::remove_dir_all(&top).ok();
    std::fs::create_dir_all(&top).unwrap();
    let store = Store::open(Paths { data: top.join("data"), runtime: top.join("run") }).unwrap();
    let Some((form, rest)) = bytes.split_first() else { return };
    let tar = match form % 3 {
        0 => rest.to_vec(),
        1 => archive(&[("manifest.json", rest), ("c", br#"{"rootfs":{"diff_ids":[]}}"#), ("l", rest)]),
        _ => archive(&[("index.json", rest), ("oci-layout", b"{}")]),
    };
    let path = top.join("archive");
    std::fs::File::create(&path).unwrap().write_all(&tar).unwrap();
    let _ = load(&store, std::fs::File::open(&path).unwrap(), &Options::default(), &Silent);
    assert_eq!(std::fs::read_dir(top.join("data/staging")).unwrap().count(), 0);
});

/// A tar of these files.
fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut tar = Vec::new();
    for (name, body) in files {
        let mut block = [0u8; 512];
        block[..name.len()].copy_from_slice(name.as_bytes());
        block[100..108].copy_from_slice(b"0000644\0");
        block[124..136].copy_from_slice(format!("{:011o}\0", body.len()).as_bytes());
        block[156] = b'0';
        block[257..265].copy_from_slice(b"ustar\x0000");
        block[148..156].fill(b' ');
        let sum: u32 = block.iter().map(|b| u32::from(*b)).sum();
        block[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
        tar.extend_from_slice(&block);
        tar.extend_from_slice(body);
        tar.resize(tar.len().next_multiple_of(512), 0);
    }
    tar.extend_from_slice(&[0; 1024]);
    tar
}
