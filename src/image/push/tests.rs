//! What is decided without a registry; the rest is tested end to end.

use super::*;

fn blob(media_type: &str) -> OciDescriptor {
    OciDescriptor {
        media_type: media_type.to_owned(),
        digest: "sha256:aa".to_owned(),
        ..OciDescriptor::default()
    }
}

#[test]
fn the_images_own_blobs_are_kept_when_they_are_compressed_as_asked() {
    let gzip = blob("application/vnd.docker.image.rootfs.diff.tar.gzip");
    let zstd = blob("application/vnd.oci.image.layer.v1.tar+zstd");
    let plain = blob("application/vnd.oci.image.layer.v1.tar");
    let cases = [
        (vec![gzip.clone(), zstd.clone()], None, true),
        (vec![gzip.clone()], Some(Compression::Gzip), true),
        (vec![gzip.clone()], Some(Compression::Zstd), false),
        (vec![zstd], Some(Compression::Zstd), true),
        (vec![gzip, plain], None, false),
        (vec![], None, true),
    ];
    for (index, (layers, asked, is_kept)) in (0..).zip(cases) {
        let count = layers.len();
        let manifest = OciImageManifest {
            layers,
            ..OciImageManifest::default()
        };
        assert_eq!(
            originals(&manifest, count, asked).is_some(),
            is_kept,
            "case {index}"
        );
    }
}

/// The bytes that docker 26 pushes for the same image, but for the digests of its compressor.
#[test]
fn a_new_manifest_has_dockers_form() {
    let value = json!({ "schemaVersion": 2, "layers": [descriptor("a", "b", 1)] });
    let text = String::from_utf8(indented(&value)).unwrap();
    let expected = "{\n   \"schemaVersion\": 2,\n   \"layers\": [\n      {\n         \"mediaType\": \"a\",\n         \
        \"digest\": \"b\",\n         \"size\": 1\n      }\n   ]\n}";
    assert_eq!(text, expected);
}

#[test]
fn a_layer_compresses_to_the_same_bytes_again_and_a_damaged_one_is_refused() {
    use crate::image::tar::build::Tar;
    use crate::store::layers::Stage;
    let s = crate::store::scratch::Scratch::new();
    let tar = Tar::default().file("f", &[b'x'; 5000]).end();
    let id = digest_of(&tar);
    let Stage::Make(staging) = s.store.layers().stage(&id).unwrap() else {
        panic!("it is there")
    };
    let mut once = Some(tar);
    let unpacked =
        crate::image::unpack::layer(|| once.take(), staging.path(), &Default::default()).unwrap();
    staging.publish(&unpacked, None).unwrap();
    for compression in [Compression::Gzip, Compression::Zstd] {
        let (a, b) = (
            blob::compress(&s.store, &id, compression).unwrap(),
            blob::compress(&s.store, &id, compression).unwrap(),
        );
        assert_eq!((&a.digest, a.size), (&b.digest, b.size));
        assert_eq!(compression_of(&a.media_type), Some(compression));
    }
    std::fs::write(s.store.layers().tree(&id).join("f"), [b'y'; 5000]).unwrap();
    let e = blob::compress(&s.store, &id, Compression::Gzip).unwrap_err();
    assert_eq!(e.kind(), Kind::Corrupt);
}
