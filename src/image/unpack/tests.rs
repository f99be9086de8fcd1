//! Odd, hostile and ordinary tars: what lies in the tree, and that the very same tar comes out again.

use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::PathBuf;

use proptest::prelude::*;

use super::*;
use crate::image::regenerate::regenerate;
use crate::image::tar::build::{H, Tar};
use crate::store::blobs::digest_of;
use crate::store::ids;
use crate::sys::xattr;

/// A folder to unpack into, gone when dropped. Beside it lies a file that nobody may touch.
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
        std::fs::write(dir.join("outside"), "untouched").unwrap();
        Layer { dir }
    }

    /// Unpacks a tar, and checks that the very same tar comes out again.
    fn of(tar: &[u8]) -> Layer {
        let layer = Layer::try_of(tar, &Limits::default()).unwrap();
        assert!(layer.again() == tar, "another tar came out");
        layer
    }

    fn try_of(tar: &[u8], limits: &Limits) -> Result<Layer> {
        let made = Layer::empty();
        let mut chunks = tar.chunks(5000).map(<[u8]>::to_vec);
        let unpacked = layer(|| chunks.next(), &made.path(), limits);
        made.check_outside();
        let unpacked = unpacked?;
        assert_eq!(unpacked.diff_id, digest_of(tar));
        assert_eq!(unpacked.tar_size, tar.len() as u64);
        Ok(made)
    }

    fn again(&self) -> Vec<u8> {
        let mut tar = Vec::new();
        regenerate(&self.path(), &mut |bytes| {
            tar.extend_from_slice(bytes);
            Ok(())
        })
        .unwrap();
        tar
    }

    fn check_outside(&self) {
        let names: Vec<_> = std::fs::read_dir(&self.dir)
            .unwrap()
            .map(|e| e.unwrap().file_name())
            .collect();
        assert_eq!(names.len(), 2, "{names:?}");
        assert_eq!(
            std::fs::read_to_string(self.dir.join("outside")).unwrap(),
            "untouched"
        );
        assert_eq!(
            std::fs::metadata(self.dir.join("outside")).unwrap().nlink(),
            1
        );
    }

    fn path(&self) -> PathBuf {
        self.dir.join("layer")
    }

    fn at(&self, path: &str) -> PathBuf {
        self.path().join("tree").join(path)
    }

    fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.at(path)).unwrap()
    }

    fn stat(&self, path: &str) -> std::fs::Metadata {
        std::fs::symlink_metadata(self.at(path)).unwrap()
    }

    fn mode(&self, path: &str) -> u32 {
        self.stat(path).mode() & 0o7777
    }

    fn ids(&self, path: &str) -> Option<String> {
        self.attribute(path, ids::NAME)
    }

    fn attribute(&self, path: &str, name: &std::ffi::CStr) -> Option<String> {
        let file = std::fs::File::open(self.at(path)).unwrap();
        xattr::get(&file, name)
            .unwrap()
            .map(|v| String::from_utf8(v).unwrap())
    }

    fn is_whiteout(&self, path: &str) -> bool {
        let stat = self.stat(path);
        stat.file_type().is_char_device() && stat.rdev() == 0
    }

    fn is_opaque(&self, path: &str) -> bool {
        self.attribute(path, c"user.overlay.opaque").as_deref() == Some("y")
    }

    /// Everything in the tree, with what a file holds.
    fn list(&self) -> Vec<String> {
        let mut all = Vec::new();
        let mut waiting = vec![self.at("")];
        while let Some(folder) = waiting.pop() {
            for entry in std::fs::read_dir(&folder).unwrap() {
                let path = entry.unwrap().path();
                let name = path
                    .strip_prefix(self.at(""))
                    .unwrap()
                    .to_string_lossy()
                    .into_owned();
                let stat = std::fs::symlink_metadata(&path).unwrap();
                if stat.is_dir() {
                    waiting.push(path);
                    all.push(format!("{name}/"));
                } else if stat.is_symlink() {
                    all.push(format!(
                        "{name} -> {}",
                        std::fs::read_link(&path).unwrap().display()
                    ));
                } else if stat.is_file() {
                    all.push(format!(
                        "{name}={}",
                        String::from_utf8_lossy(&std::fs::read(&path).unwrap())
                    ));
                } else {
                    all.push(format!("{name}!"));
                }
            }
        }
        all.sort();
        all
    }
}

impl Drop for Layer {
    fn drop(&mut self) {
        // as the user would, in a plain shell: no permission may be missing
        std::fs::remove_dir_all(&self.dir).unwrap();
    }
}

fn tar() -> Tar {
    Tar::default()
}

fn refusal(tar: &[u8]) -> String {
    let e = Layer::try_of(tar, &Limits::default())
        .err()
        .expect("it was unpacked");
    assert_eq!(e.kind(), Kind::Corrupt, "{e}");
    let text = e.to_string();
    assert!(
        !text.contains(char::is_control) && text.len() < 500,
        "{text:?}"
    );
    text
}

#[test]
fn an_ordinary_layer_is_as_its_tar_says() {
    let layer = Layer::of(
        &tar()
            .add(H {
                kind: b'5',
                path: b"./",
                mode: 0o755,
                mtime: 7,
                ..H::default()
            })
            .add(H {
                kind: b'5',
                path: b"./d/",
                mode: 0o1777,
                mtime: 1_000_000_000,
                ..H::default()
            })
            .add(H {
                path: b"./d/f",
                mode: 0o664,
                mtime: 1_234_567_890,
                body: &[b'x'; 3000],
                ..H::default()
            })
            .add(H {
                path: b"./d/empty",
                mode: 0o600,
                ..H::default()
            })
            .symlink("./d/l", "f")
            .hard("./d/h", "./d/f")
            .add(H {
                kind: b'6',
                path: b"./d/p",
                mode: 0o622,
                ..H::default()
            })
            .end(),
    );
    assert_eq!(
        (
            layer.mode("d"),
            layer.mode("d/f"),
            layer.mode("d/empty"),
            layer.mode("d/p")
        ),
        (0o1777, 0o664, 0o600, 0o622)
    );
    assert_eq!(
        (
            layer.stat("d/f").mtime(),
            layer.stat("d").mtime(),
            layer.stat("").mtime()
        ),
        (1_234_567_890, 1_000_000_000, 7)
    );
    assert_eq!(layer.stat("d/l").mtime(), 1_700_000_000);
    assert_eq!(
        (
            layer.read("d/f").len(),
            layer.read("d/l").len(),
            layer.stat("d/h").nlink()
        ),
        (3000, 3000, 2)
    );
    assert!(layer.stat("d/p").file_type().is_fifo());
    assert!(!layer.path().join("owners").exists() && !layer.path().join("replaced").exists());
}

/// Trap 1: the umask is 0 while unpacking, and nobody else may notice.
#[test]
fn our_own_files_are_private_and_the_process_keeps_its_umask() {
    let probe = |layer: &Layer| {
        let path = layer.dir.join("layer/probe");
        std::fs::write(&path, "").unwrap();
        std::fs::metadata(path).unwrap().mode() & 0o7777
    };
    let before = probe(&Layer::empty());
    let layer = Layer::of(
        &tar()
            .add(H {
                kind: b'2',
                path: b"l",
                link: b"x",
                ids: (1, 1),
                ..H::default()
            })
            .file("f", b"1")
            .file("f", b"2")
            .end(),
    );
    assert_eq!(probe(&layer), before);
    for (name, mode) in [
        ("entries", 0o600),
        ("owners", 0o600),
        ("replaced", 0o700),
        ("tree", 0o755),
    ] {
        assert_eq!(
            std::fs::metadata(layer.path().join(name)).unwrap().mode() & 0o7777,
            mode,
            "{name}"
        );
    }
}

/// Traps 3 and 4: attributes need write permission, writing clears set-id bits.
#[test]
fn modes_owners_and_set_id_bits_survive() {
    let file = |path: &'static [u8], mode, ids| H {
        path,
        mode,
        ids,
        body: b"x",
        ..H::default()
    };
    let layer = Layer::of(
        &tar()
            .add(H {
                kind: b'5',
                path: b"d0",
                mode: 0,
                ..H::default()
            })
            .add(H {
                kind: b'5',
                path: b"d555",
                mode: 0o555,
                ids: (5, 6),
                ..H::default()
            })
            .add(file(b"d555/in", 0o644, (0, 0)))
            .add(H {
                kind: b'5',
                path: b"g",
                mode: 0o2755,
                ..H::default()
            })
            .add(H {
                kind: b'5',
                path: b"g/inner",
                mode: 0o755,
                ..H::default()
            })
            .add(file(b"ro", 0o444, (33, 33)))
            .add(file(b"shadow", 0, (0, 42)))
            .add(file(b"w", 0o200, (0, 0)))
            .add(file(b"sudo", 0o4111, (0, 0)))
            .add(file(b"su", 0o4755, (0, 0)))
            .add(file(b"wall", 0o2755, (0, 5)))
            .add(file(b"all", 0o7777, (0, 0)))
            .add(file(b"plain", 0o644, (0, 0)))
            .add(file(b"far", 0o644, (4_000_000_000, 3_000_000_000)))
            .end(),
    );
    for (path, mode, ids) in [
        ("d0", 0o700, Some("0:0:d:0")),
        ("d555", 0o755, Some("5:6:d:555")),
        ("g", 0o2755, None),
        ("g/inner", 0o755, None),
        ("ro", 0o444, Some("33:33")),
        ("shadow", 0o400, Some("0:42:f:0")),
        ("w", 0o600, Some("0:0:f:200")),
        ("sudo", 0o4511, Some("0:0:f:4111")),
        ("su", 0o4755, None),
        ("wall", 0o2755, Some("0:5")),
        ("all", 0o7777, None),
        ("plain", 0o644, None),
        ("far", 0o644, Some("4000000000:3000000000")),
    ] {
        assert_eq!(
            (layer.mode(path), layer.ids(path).as_deref()),
            (mode, ids),
            "{path}"
        );
    }
}

#[test]
fn devices_are_empty_files_with_a_record_and_links_have_theirs_beside() {
    let layer = Layer::of(
        &tar()
            .add(H {
                kind: b'3',
                path: b"null",
                mode: 0o666,
                device: (1, 3),
                ..H::default()
            })
            .add(H {
                kind: b'4',
                path: b"sda",
                mode: 0o060,
                ids: (0, 6),
                device: (8, 0),
                ..H::default()
            })
            .add(H {
                kind: b'3',
                path: b"zero",
                mode: 0o666,
                device: (0, 0),
                ..H::default()
            })
            .add(H {
                kind: b'2',
                path: b"l",
                link: b"x",
                ids: (1, 2),
                ..H::default()
            })
            .add(H {
                kind: b'6',
                path: b"p",
                ids: (3, 4),
                ..H::default()
            })
            .add(H {
                kind: b'2',
                path: b"gone",
                link: b"x",
                ids: (9, 9),
                ..H::default()
            })
            .file("gone", b"")
            .end(),
    );
    assert_eq!(layer.ids("null").as_deref(), Some("0:0:c:1:3"));
    assert_eq!(
        (layer.ids("sda").as_deref(), layer.mode("sda")),
        (Some("0:6:b:8:0:60"), 0o660)
    );
    assert!(
        layer.stat("zero").is_file(),
        "a device 0:0 of a tar would be a whiteout"
    );
    let owners = std::fs::read(layer.path().join("owners")).unwrap();
    let owners: Vec<_> = ids::parse_owners(&owners)
        .map(|(path, ids)| (path, ids.to_string()))
        .collect();
    assert_eq!(
        owners,
        [(&b"l"[..], "1:2".to_owned()), (&b"p"[..], "3:4".to_owned())]
    );
}

#[test]
fn attributes_of_the_user_are_kept_and_commands_are_not() {
    let layer = Layer::of(
        &tar()
            .pax(
                b'x',
                &[
                    ("SCHILY.xattr.user.mine", b"yes"),
                    ("SCHILY.xattr.user.overlay.opaque", b"y"),
                    ("SCHILY.xattr.user.overlay.redirect", b"/etc"),
                    ("SCHILY.xattr.user.coracle.ids", b"0:0:c:1:1"),
                    ("SCHILY.xattr.user.fuseoverlayfs.opaque", b"y"),
                    ("SCHILY.xattr.trusted.overlay.opaque", b"y"),
                    ("SCHILY.xattr.security.capability", b"x"),
                ],
            )
            .folder("d", 0o755)
            .pax(b'x', &[("SCHILY.xattr.user.mine", b"too")])
            .add(H {
                path: b"f",
                mode: 0o444,
                body: b"x",
                ..H::default()
            })
            .end(),
    );
    let names = xattr::list(std::fs::File::open(layer.at("d")).unwrap()).unwrap();
    assert_eq!(names, [c"user.mine".to_owned()]);
    assert_eq!(layer.attribute("f", c"user.mine").as_deref(), Some("too"));
    assert_eq!(layer.mode("f"), 0o444);
}

#[test]
fn whiteouts_of_every_form() {
    let layer = Layer::of(
        &tar()
            .file("d/.wh.gone", b"")
            .file("d/.wh.again", b"with a body")
            .file("d/again", b"here")
            .file("d/.wh.folder", b"")
            .folder("d/folder", 0o755)
            .file("o/.wh..wh..opq", b"")
            .file("o/in", b"x")
            .folder("late", 0o755)
            .file(".wh.late", b"")
            .file("kept", b"kept")
            .file(".wh.kept", b"")
            .folder("d/.wh.as-folder", 0o755)
            .file(".wh..wh.plnk/123.456", b"aufs")
            .folder(".wh..wh.aufs", 0o700)
            .file("d/.wh..wh.orph", b"")
            .end(),
    );
    for path in ["d/gone", "d/as-folder"] {
        assert!(layer.is_whiteout(path), "{path}");
    }
    assert_eq!(
        (layer.read("d/again").as_str(), layer.read("kept").as_str()),
        ("here", "kept")
    );
    for (path, want) in [
        ("d", false),
        ("d/folder", true),
        ("o", true),
        ("late", true),
    ] {
        assert_eq!(layer.is_opaque(path), want, "{path}");
    }
    assert_eq!(
        std::fs::read_dir(layer.at("")).unwrap().count(),
        4,
        "{:?}",
        layer.list()
    );
    let root = Layer::of(&tar().file(".wh..wh..opq", b"").end());
    assert!(root.is_opaque(""));
    for name in [".wh.", "d/.wh..", "d/.wh..."] {
        assert!(
            refusal(&tar().file(name, b"").end()).contains("invalid argument"),
            "{name}"
        );
    }
}

/// Traps 6 and 7, and their kin: a link on the way is followed below the root alone.
#[test]
fn links_on_the_way_stay_inside() {
    for (name, tar, want) in [
        (
            "usr merge",
            tar()
                .folder("usr/lib", 0o755)
                .symlink("lib", "usr/lib")
                .file("lib/x", b"1"),
            "usr/lib/x",
        ),
        (
            "absolute, there",
            tar()
                .folder("etc", 0o755)
                .symlink("esc", "/etc")
                .file("esc/x", b"1"),
            "etc/x",
        ),
        (
            "absolute, missing",
            tar().symlink("esc", "/etc").file("esc/x", b"1"),
            "etc/x",
        ),
        (
            "upwards",
            tar()
                .symlink("a/esc", "../../../../tmp")
                .file("a/esc/x", b"1"),
            "tmp/x",
        ),
        (
            "through a link",
            tar()
                .symlink("a", "/b")
                .symlink("b", "../c")
                .file("a/x", b"1"),
            "c/x",
        ),
        (
            "implied below",
            tar().symlink("a", "b/c").file("a/d/x", b"1"),
            "b/c/d/x",
        ),
        (
            "/proc",
            tar().symlink("a", "/proc/self/root").file("a/x", b"1"),
            "proc/self/root/x",
        ),
    ] {
        let layer = Layer::of(&tar.end());
        assert_eq!(layer.read(want), "1", "{name}");
    }
}

#[test]
fn the_last_name_is_never_followed() {
    let outside = "../outside";
    for (name, tar) in [
        ("file", tar().symlink("f", outside).file("f", b"1")),
        ("empty file", tar().symlink("f", outside).file("f", b"")),
        (
            "folder",
            tar().symlink("f", "..").add(H {
                kind: b'5',
                path: b"f",
                mode: 0o777,
                ids: (1, 1),
                ..H::default()
            }),
        ),
        (
            "device",
            tar().symlink("f", outside).add(H {
                kind: b'3',
                path: b"f",
                ..H::default()
            }),
        ),
        ("link", tar().symlink("f", outside).symlink("f", "x")),
        (
            "fifo",
            tar().symlink("f", outside).add(H {
                kind: b'6',
                path: b"f",
                ..H::default()
            }),
        ),
        (
            "hard link",
            tar().file("g", b"g").symlink("f", outside).hard("f", "g"),
        ),
        ("whiteout", tar().symlink("f", outside).file(".wh.f", b"")),
        (
            "opaque",
            tar().symlink("f", "../..").file("f/.wh..wh..opq", b""),
        ),
        ("times", tar().folder("f", 0o755).symlink("f", "..")),
    ] {
        let layer = Layer::of(&tar.end());
        layer.check_outside();
        assert_ne!(layer.stat("").mode() & 0o7777, 0o777, "{name}");
    }
}

/// Trap 8: a hard link to a link is a second name of the link.
#[test]
fn hard_links_link_the_thing_itself() {
    let layer = Layer::of(
        &tar()
            .symlink("s", "/etc/passwd")
            .hard("h", "s")
            .file("f", b"1")
            .hard("./g", "/f")
            .hard("f", "f")
            .end(),
    );
    assert_eq!(layer.stat("s").ino(), layer.stat("h").ino());
    assert!(layer.stat("h").is_symlink());
    assert_eq!(layer.stat("f").ino(), layer.stat("g").ino());
    for (tar, want) in [
        (
            tar().hard("h", "/etc/passwd"),
            "`etc/passwd`, which is not in the layer",
        ),
        (tar().hard("h", "../outside"), "leads out of the image"),
        (
            tar().symlink("up", "..").hard("h", "up/outside"),
            "not in the layer",
        ),
        (
            tar().symlink("root", "/").hard("h", "root/etc/passwd"),
            "not in the layer",
        ),
        (tar().folder("d", 0o755).hard("h", "d"), "cannot unpack `h`"),
        (tar().file("d/f", b"").hard("d", "d/f"), "cannot unpack `d`"),
        (tar().hard("h", ""), "cannot unpack `h`"),
    ] {
        let text = refusal(&tar.end());
        assert!(text.contains(want), "{text} has no `{want}`");
    }
}

#[test]
fn hard_links_may_come_before_their_targets() {
    let layer = Layer::of(
        &tar()
            .hard("early", "d/f")
            .hard("1", "2")
            .hard("2", "3")
            .hard("3", "d/f")
            .hard("won", "d/f")
            .file("won", b"another")
            .file("d/f", b"content")
            .hard("b", "early")
            .end(),
    );
    assert_eq!(layer.stat("d/f").nlink(), 6);
    assert_eq!(
        (layer.read("1"), layer.read("won")),
        ("content".to_owned(), "another".to_owned())
    );
}

/// Traps 2 and 9: what takes a name removes what had it, and the very same tar comes out all the same.
#[test]
fn a_name_that_comes_twice_means_the_last() {
    for (name, tar, want) in [
        (
            "file",
            tar().file("f", b"1").file("f", b"22").file("f", b"3"),
            &["f=3"][..],
        ),
        (
            "file by nothing",
            tar().file("f", b"1").file("f", b""),
            &["f="],
        ),
        (
            "a hard-linked name",
            tar()
                .file("f", b"first")
                .hard("h", "f")
                .file("f", b"second"),
            &["f=second", "h=first"],
        ),
        (
            "the other name",
            tar()
                .file("f", b"first")
                .hard("h", "f")
                .file("h", b"second"),
            &["f=first", "h=second"],
        ),
        (
            "both",
            tar()
                .file("f", b"1")
                .hard("h", "f")
                .file("h", b"2")
                .file("f", b"3"),
            &["f=3", "h=2"],
        ),
        (
            "the same link twice",
            tar().file("f", b"1").hard("h", "f").hard("h", "f"),
            &["f=1", "h=1"],
        ),
        (
            "folder by file",
            tar().file("d/e/f", b"1").file("d/g", b"2").file("d", b"3"),
            &["d=3"],
        ),
        (
            "file by folder",
            tar().file("d", b"1").file("d/f", b"2"),
            &[],
        ),
        (
            "file by a named folder",
            tar().file("d", b"1").folder("d", 0o700).file("d/f", b"2"),
            &["d/", "d/f=2"],
        ),
        (
            "folder by link",
            tar()
                .file("d/f", b"1")
                .folder("e", 0o755)
                .symlink("d", "e")
                .file("d/f", b"2"),
            &["d -> e", "e/", "e/f=2"],
        ),
        (
            "link by folder",
            tar()
                .file("e/f", b"1")
                .symlink("d", "e")
                .folder("d", 0o755)
                .file("d/f", b"2"),
            &["d/", "d/f=2", "e/", "e/f=1"],
        ),
        (
            "file through a link that goes",
            tar()
                .folder("e", 0o755)
                .symlink("d", "e")
                .file("d/f", b"1")
                .folder("d", 0o755)
                .file("d/f", b"2"),
            &["d/", "d/f=2", "e/", "e/f=1"],
        ),
        (
            "file through a link in a folder that goes",
            tar()
                .folder("e", 0o755)
                .symlink("a/d", "../e")
                .file("a/d/f", b"1")
                .file("a", b"2"),
            &["a=2", "e/", "e/f=1"],
        ),
        (
            "file through a link whose target goes",
            tar()
                .folder("e", 0o755)
                .symlink("d", "e")
                .file("d/f", b"1")
                .file("e", b"2")
                .symlink("d", "x"),
            &["d -> x", "e=2"],
        ),
        (
            "one file by two spellings",
            tar()
                .folder("e", 0o755)
                .symlink("d", "e")
                .file("d/f", b"1")
                .file("e/f", b"2")
                .file("d/f", b"3"),
            &["d -> e", "e/", "e/f=3"],
        ),
        (
            "device by file",
            tar()
                .add(H {
                    kind: b'3',
                    path: b"f",
                    ids: (1, 1),
                    ..H::default()
                })
                .file("f", b"1"),
            &["f=1"],
        ),
        (
            "whiteout by file",
            tar().file(".wh.f", b"").file("f", b"1"),
            &["f=1"],
        ),
    ] {
        if want.is_empty() {
            assert!(refusal(&tar.end()).contains("not a directory"), "{name}");
            continue;
        }
        let layer = Layer::of(&tar.end());
        assert_eq!(layer.list(), want, "{name}");
        for path in ["f", "d", "a"] {
            if std::fs::symlink_metadata(layer.at(path)).is_ok_and(|m| m.is_file()) {
                assert_eq!(layer.ids(path), None, "{name}: the record of another");
            }
        }
    }
}

/// Trap 5.
#[test]
fn a_folder_has_the_time_and_mode_of_its_last_entry() {
    let folder = |mode, mtime, ids| H {
        kind: b'5',
        path: b"d",
        mode,
        mtime,
        ids,
        ..H::default()
    };
    let layer = Layer::of(
        &tar()
            .add(folder(0o555, 1, (7, 7)))
            .file("d/a", b"1")
            .add(folder(0o2711, 99, (0, 0)))
            .file("d/b", b"2")
            .file("implied/deep/f", b"3")
            .end(),
    );
    assert_eq!(
        (layer.stat("d").mtime(), layer.mode("d"), layer.ids("d")),
        (99, 0o2711, None)
    );
    assert_eq!(
        (layer.mode("implied"), layer.mode("implied/deep")),
        (0o755, 0o755)
    );
}

#[test]
fn names_may_be_long_and_any_bytes() {
    let deep = ["a234567890"; 480].join("/");
    assert!(deep.len() > 5000);
    let component = "n".repeat(255);
    let layer = Layer::of(
        &tar()
            .long(b'L', deep.as_bytes())
            .file("", b"deep")
            .pax(
                b'x',
                &[("path", format!("{component}/{component}").as_bytes())],
            )
            .file("", b"wide")
            .add(H {
                path: b"\xff\xfe\n\x1b[31m",
                body: b"bytes",
                ..H::default()
            })
            .add(H {
                kind: b'2',
                path: b"l",
                link: b"\xff",
                ..H::default()
            })
            .end(),
    );
    assert_eq!(layer.read(&format!("{component}/{component}")), "wide");
    let name = std::os::unix::ffi::OsStrExt::from_bytes(b"\xff\xfe\n\x1b[31m");
    assert_eq!(
        std::fs::read(layer.at("").join::<&std::ffi::OsStr>(name)).unwrap(),
        b"bytes"
    );
    for tar in [
        tar().long(b'L', &[b'x'; 4000]).file("", b""),
        tar().long(b'L', &[b'x'; 256]).folder("", 0o755),
        tar().file("f", b"").long(b'K', &[b'x'; 300]).hard("h", ""),
    ] {
        let text = refusal(&tar.end());
        assert!(text.contains("longer than the file system takes"), "{text}");
    }
    assert!(
        refusal(&tar().long(b'K', &[b'x'; 5000]).symlink("l", "").end()).contains("longer than")
    );
}

#[test]
fn what_has_no_name_or_no_place_is_refused() {
    for (tar, want) in [
        (tar().file(".", b"x"), "cannot unpack"),
        (tar().symlink("./", "x"), "cannot unpack"),
        (tar().file("f", b"").file("f/g", b""), "not a directory"),
        (tar().symlink("f", "f").file("f/g", b""), "symbolic link"),
        (tar().symlink("l", ""), "cannot unpack `l`"),
        (tar().file("../x", b""), "leads out of the image"),
        (
            tar().add(H {
                kind: b'V',
                path: b"volume",
                ..H::default()
            }),
            "unknown type `v`",
        ),
    ] {
        let text = refusal(&tar.end());
        assert!(text.to_lowercase().contains(want), "{text} has no `{want}`");
    }
}

#[test]
fn sparse_files_are_expanded_with_their_holes() {
    for (name, tar) in crate::image::tar::tests::sparse_forms() {
        let layer = Layer::of(&tar);
        let content = std::fs::read(layer.at("s")).unwrap();
        assert_eq!(content.len(), 2 << 20, "{name}");
        assert_eq!(
            (&content[1 << 20..][..3], &content[(2 << 20) - 2..]),
            (&b"abc"[..], &b"de"[..]),
            "{name}"
        );
        assert_eq!(content.iter().filter(|b| **b != 0).count(), 5);
        assert!(
            layer.stat("s").blocks() < 64,
            "{name}: the holes are filled"
        );
    }
}

/// Trap 11.
#[test]
fn bombs_stop_at_the_limits() {
    let limits = Limits {
        bytes: 1 << 20,
        files: 100,
    };
    let many = (0..200).fold(tar(), |tar, n| tar.file(&format!("f{n}"), b""));
    let deep = tar()
        .file(&["d"; 40].join("/"), b"")
        .file(&["e"; 40].join("/"), b"")
        .file(&["f"; 40].join("/"), b"");
    let sparse = tar()
        .pax(
            b'x',
            &[("GNU.sparse.size", b"1048577"), ("GNU.sparse.map", b"0,0")],
        )
        .file("s", b"");
    for (name, tar, want) in [
        (
            "zeros",
            tar().file("z", &[0; 2 << 20]),
            "more than 1048576 bytes",
        ),
        (
            "a tail of zeros",
            tar().raw(&[0; 2 << 20]),
            "more than 1048576 bytes",
        ),
        ("holes", sparse, "more than 1048576 bytes"),
        ("files", many, "more than 100 files"),
        ("implied folders", deep, "more than 100 files"),
    ] {
        let e = Layer::try_of(&tar.end(), &limits).err().expect(name);
        assert_eq!(e.kind(), Kind::Corrupt, "{name}");
        assert!(e.to_string().contains(want), "{name}: {e}");
    }
}

#[test]
fn cut_or_damaged_bytes_are_told_by_the_first_who_notices() {
    let packed = {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        std::io::Write::write_all(&mut gzip, &tar().file("f", &[7; 100_000]).end()).unwrap();
        gzip.finish().unwrap()
    };
    for (bytes, want) in [
        (&packed[..packed.len() - 9], "cannot decompress the layer"),
        (&tar().file("f", b"1").0[..700], "cannot read"),
        (b"<html>404", "cannot read the layer's tar"),
    ] {
        let made = Layer::empty();
        let mut once = Some(bytes.to_vec());
        let outcome = layer(|| once.take(), &made.path(), &Limits::default());
        match outcome {
            Err(e) => assert!(e.to_string().contains(want), "{e}"),
            Ok(_) => assert_eq!(want, "cannot read", "padding may be cut"),
        }
    }
}

/// Trap 23: a power cut.
#[test]
fn a_layer_that_lost_bytes_is_noticed() {
    let packed = tar().file("d/f", b"content").file("g", b"more").end();
    for (name, damage) in [
        (
            "truncated",
            &(|l: &Layer| std::fs::write(l.at("d/f"), "").unwrap()) as &dyn Fn(&Layer),
        ),
        ("longer", &|l| {
            std::fs::write(l.at("d/f"), "content and").unwrap()
        }),
        ("missing", &|l| std::fs::remove_file(l.at("g")).unwrap()),
        ("a folder missing", &|l| {
            std::fs::remove_dir_all(l.at("d")).unwrap()
        }),
        ("a link instead", &|l| {
            std::fs::rename(l.at("g"), l.at("h")).unwrap();
            std::os::unix::fs::symlink("h", l.at("g")).unwrap();
        }),
        ("entries empty", &|l| {
            std::fs::write(l.path().join("entries"), "").unwrap()
        }),
        ("entries cut", &|l| {
            let entries = std::fs::read(l.path().join("entries")).unwrap();
            std::fs::write(l.path().join("entries"), &entries[..entries.len() / 2]).unwrap();
        }),
        ("zeros", &|l| std::fs::write(l.at("d/f"), [0; 7]).unwrap()),
    ] {
        let layer = Layer::of(&packed);
        damage(&layer);
        let again = crate::image::regenerate::diff_id(&layer.path());
        match again {
            Ok(found) => assert_ne!(found, digest_of(&packed), "{name}"),
            Err(e) => assert_eq!(e.kind(), Kind::Corrupt, "{name}: {e}"),
        }
    }
}

#[test]
fn a_file_that_replaces_the_link_it_came_through_comes_out_again() {
    let packed = tar().symlink("d", "..").file("d/d", b"content").end();
    let layer = Layer::of(&packed);
    assert_eq!(layer.list(), ["d=content"]);
    assert!(layer.again() == packed);
}

#[test]
fn a_deep_folder_is_replaced_without_recursion() {
    let deep = ["d"; 3000].join("/");
    let layer = Layer::of(
        &tar()
            .long(b'L', deep.as_bytes())
            .file("", b"deep")
            .file("d", b"flat")
            .end(),
    );
    assert_eq!(layer.list(), ["d=flat"]);
    assert_eq!(
        std::fs::read(layer.path().join("replaced/0")).unwrap(),
        b"deep"
    );
    assert_eq!(
        std::fs::read_dir(layer.path().join("replaced"))
            .unwrap()
            .count(),
        1
    );
}

/// One entry of a tar made at random, out of few names so that they meet.
fn entry() -> impl Strategy<Value = (u8, String, String, u32, Vec<u8>)> {
    let name = prop::sample::select(vec![
        "a",
        "b",
        "c",
        "..",
        ".",
        "",
        ".wh.a",
        ".wh..wh..opq",
        ".wh.b",
        "outside",
    ]);
    let path = || prop::collection::vec(name.clone(), 1..4).prop_map(|names| names.join("/"));
    let link = prop_oneof![
        path(),
        path().prop_map(|p| format!("/{p}")),
        path().prop_map(|p| format!("../../{p}"))
    ];
    let kind = prop::sample::select(b"0000122234556".to_vec());
    (
        kind,
        path(),
        link,
        0..0o10000u32,
        prop::collection::vec(any::<u8>(), 0..40),
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    /// Whatever a tar holds: nothing outside is touched, all can be removed, and what is accepted comes out again.
    #[test]
    fn any_tar_stays_inside_and_comes_out_again(entries in prop::collection::vec(entry(), 0..14)) {
        let mut made = tar();
        for (kind, path, link, mode, body) in &entries {
            let body: &[u8] = if *kind == b'0' { body } else { b"" };
            made = made.add(H { kind: *kind, path: path.as_bytes(), link: link.as_bytes(), mode: *mode, body, ..H::default() });
        }
        let made = made.end();
        match Layer::try_of(&made, &Limits::default()) {
            Ok(layer) => prop_assert!(layer.again() == made),
            Err(e) => prop_assert_eq!(e.kind(), Kind::Corrupt, "{}", e),
        }
    }
}

/// Unpacks a file, and returns what came and the CPU seconds that it took.
fn unpack_file(path: &Path, made: &Layer) -> (Unpacked, f64) {
    let mut file = std::fs::File::open(path).unwrap();
    let next = move || {
        let mut chunk = vec![0; 64 << 10];
        let n = std::io::Read::read(&mut file, &mut chunk).unwrap();
        chunk.truncate(n);
        (n > 0).then_some(chunk)
    };
    let cpu = || {
        use nix::sys::resource::{UsageWho, getrusage};
        let usage = getrusage(UsageWho::RUSAGE_SELF).unwrap();
        let seconds = |t: nix::sys::time::TimeVal| t.tv_sec() as f64 + t.tv_usec() as f64 / 1e6;
        seconds(usage.user_time()) + seconds(usage.system_time())
    };
    let before = cpu();
    let unpacked = layer(next, &made.path(), &Limits::default()).unwrap();
    (unpacked, cpu() - before)
}

/// With the tars (or layer blobs) of real images named in CORACLE_TEST_LAYERS, separated by colons.
#[test]
#[ignore = "needs layers of real images"]
#[expect(
    clippy::disallowed_methods,
    reason = "the layers are named in the environment"
)]
#[expect(clippy::print_stderr, reason = "the times are what one runs it for")]
fn real_layers_come_out_bit_for_bit() {
    let paths = std::env::var("CORACLE_TEST_LAYERS").unwrap();
    for path in paths.split(':') {
        let made = Layer::empty();
        let start = std::time::Instant::now();
        let (unpacked, cpu) = unpack_file(Path::new(path), &made);
        let took = start.elapsed();
        let again = crate::image::regenerate::diff_id(&made.path()).unwrap();
        assert_eq!(again, unpacked.diff_id, "{path}");
        eprintln!(
            "{path}: {unpacked:?}\n  {took:.2?}, CPU {cpu:.2} s, again in {:.2?}",
            start.elapsed() - took
        );
    }
}
