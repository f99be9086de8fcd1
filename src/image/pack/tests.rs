//! What a folder of changes becomes: the tars that BuildKit 0.13 wrote for the same changes (`recorded/`, made from
//! `recorded/Dockerfile` with the containerd store), and what an overlay alone can leave.

use std::ffi::CString;
use std::io::Read;
use std::os::fd::AsFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use nix::sys::stat::{Mode, SFlag, mknod};

use super::*;
use crate::image::regenerate::regenerate;
use crate::image::tar::tests::entries;
use crate::store::blobs::digest_of;
use crate::store::ids::{self, Ids};
use crate::store::owners::{Key, Sidecar};
use crate::store::scratch::Scratch;
use crate::sys::{stat, xattr};

const BASE: &[u8] = include_bytes!("recorded/base.tar.gz");
const REPLACED: &[u8] = include_bytes!("recorded/replaced.tar.gz");
const ODD: &[u8] = include_bytes!("recorded/odd.tar.gz");
const LINK: &[u8] = include_bytes!("recorded/link.tar.gz");

fn plain(gzip: &[u8]) -> Vec<u8> {
    let mut tar = Vec::new();
    flate2::read::GzDecoder::new(gzip)
        .read_to_end(&mut tar)
        .unwrap();
    tar
}

/// A store, and folders to make trees in.
struct World {
    scratch: Scratch,
}

impl World {
    fn new() -> World {
        World {
            scratch: Scratch::new(),
        }
    }

    fn store(&self) -> &Store {
        &self.scratch.store
    }

    fn folder(&self, name: &str) -> PathBuf {
        let path = self.store().data("containers").join(name).join("upper");
        std::fs::create_dir_all(&path).unwrap();
        path
    }

    /// Unpacks a layer; returns its tree.
    fn unpacked(&self, name: &str, tar: &[u8]) -> PathBuf {
        let folder = self.store().data("containers").join(name);
        std::fs::create_dir_all(&folder).unwrap();
        let mut once = Some(tar.to_vec());
        layer(|| once.take(), &folder, &Limits::default()).unwrap();
        folder.join("tree")
    }
}

fn tar_of(tree: &Path, lowers: &[PathBuf], options: &Options) -> Vec<u8> {
    let mut tar = Vec::new();
    let changes = Changes::of(tree, lowers, options).unwrap();
    changes
        .write(&mut |bytes| {
            tar.extend_from_slice(bytes);
            Ok(())
        })
        .unwrap();
    tar
}

/// The names of a tar: folders with a slash, links with their target.
fn names(tar: &[u8]) -> Vec<String> {
    let text = |b: &[u8]| String::from_utf8_lossy(b).into_owned();
    let one = |e: Entry| match e.kind {
        crate::image::tar::EntryType::Folder => format!("{}/", text(&e.path)),
        crate::image::tar::EntryType::HardLink => format!("{} = {}", text(&e.path), text(&e.link)),
        _ => text(&e.path),
    };
    entries(tar).into_iter().map(one).collect()
}

fn write(path: PathBuf, text: &str, mtime: i64) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, text).unwrap();
    touch(&path, mtime);
}

fn touch(path: &Path, mtime: i64) {
    let time = nix::sys::time::TimeSpec::new(mtime, 0);
    nix::sys::stat::utimensat(
        nix::fcntl::AT_FDCWD,
        path,
        &time,
        &time,
        nix::sys::stat::UtimensatFlags::NoFollowSymlink,
    )
    .unwrap();
}

fn mark(path: &Path, name: &std::ffi::CStr, value: &[u8]) {
    xattr::set(std::fs::File::open(path).unwrap(), name, value).unwrap();
}

#[test]
fn a_tree_packs_to_the_very_tar_that_buildkit_wrote() {
    let w = World::new();
    let base = w.unpacked("base", &plain(BASE));
    let cases = [
        ("base", BASE, vec![]),
        ("replaced", REPLACED, vec![base.clone()]),
        ("odd", ODD, vec![base.clone()]),
        ("link", LINK, vec![base]),
    ];
    for (name, gzip, lowers) in cases {
        let tar = plain(gzip);
        let tree = w.unpacked(&format!("{name}-again"), &tar);
        assert!(tar_of(&tree, &lowers, &Options::default()) == tar, "{name}");
    }
}

/// The upper folder of `RUN rm -rf /r/s && mkdir /r/s && ...` as overlayfs leaves it.
fn replaced_upper(w: &World) -> PathBuf {
    let upper = w.folder("step");
    write(upper.join("r/s/new"), "new\n", 1_012_709_106);
    write(upper.join("r/s/same"), "keep\n", 981_173_106);
    std::fs::create_dir(upper.join("r/s/t")).unwrap();
    mknod(&upper.join("r/n"), SFlag::S_IFCHR, Mode::empty(), 0).unwrap();
    mark(&upper.join("r/s"), c"user.overlay.opaque", b"y");
    mark(&upper.join("r"), c"user.overlay.impure", b"y");
    for (path, time) in [
        ("r/s/t", 981_173_106),
        ("r/s", 981_173_106),
        ("r", 1_012_709_106),
    ] {
        touch(&upper.join(path), time);
    }
    upper
}

#[test]
fn an_opaque_folder_becomes_one_whiteout_for_each_hidden_name() {
    let w = World::new();
    let base = w.unpacked("base", &plain(BASE));
    let upper = replaced_upper(&w);
    let tar = tar_of(&upper, std::slice::from_ref(&base), &Options::default());
    assert_eq!(names(&tar), names(&plain(REPLACED)));
    assert!(tar == plain(REPLACED));
}

#[test]
fn an_adopted_tree_is_the_layer_that_its_tar_unpacks_to() {
    let w = World::new();
    let base = w.unpacked("base", &plain(BASE));
    let upper = replaced_upper(&w);
    let changes = Changes::of(&upper, std::slice::from_ref(&base), &Options::default()).unwrap();
    let unpacked = changes.adopt(w.store()).unwrap();
    assert_eq!(unpacked.diff_id, digest_of(&plain(REPLACED)));
    assert_eq!((unpacked.size, unpacked.files), (4, 9));
    assert!(!upper.exists());

    let folder = w.store().layers().path(&unpacked.diff_id);
    let mut tar = Vec::new();
    regenerate(&folder, &mut |bytes| {
        tar.extend_from_slice(bytes);
        Ok(())
    })
    .unwrap();
    assert!(tar == plain(REPLACED), "another tar comes out again");

    let tree = folder.join("tree");
    let other = w.unpacked("pulled", &plain(REPLACED));
    assert_eq!(listing(&tree), listing(&other));
    assert!(
        !tree.join("r/s/same").exists(),
        "what is as below is not kept"
    );
    let opened = std::fs::File::open(tree.join("r/s")).unwrap();
    assert_eq!(xattr::get(&opened, c"user.overlay.opaque").unwrap(), None);
    let left = std::fs::read_dir(w.store().data("staging"))
        .unwrap()
        .count();
    assert_eq!(left, 0);
}

/// Paths with type, mode, seconds and record of all below a tree.
fn listing(tree: &Path) -> Vec<String> {
    let mut all = Vec::new();
    let mut folders = vec![tree.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let m = std::fs::symlink_metadata(&path).unwrap();
            let record = std::fs::File::open(&path)
                .ok()
                .filter(|_| m.is_file() || m.is_dir())
                .and_then(|f| xattr::get(&f, ids::NAME).unwrap())
                .unwrap_or_default();
            let record = String::from_utf8_lossy(&record).into_owned();
            let time = if m.rdev() == 0 && !m.is_file() && !m.is_dir() {
                0
            } else {
                m.mtime()
            };
            let name = path.strip_prefix(tree).unwrap().display().to_string();
            all.push(format!("{name} {:o} {time} {record}", m.mode()));
            if m.is_dir() {
                folders.push(path);
            }
        }
    }
    all.sort();
    all
}

#[test]
fn what_is_as_below_makes_an_empty_layer() {
    let w = World::new();
    let base = w.unpacked("base", &plain(BASE));
    let upper = w.folder("step");
    write(upper.join("r/s/same"), "keep\n", 981_173_106);
    mark(&upper.join("r/s/same"), c"user.overlay.origin", b"x");
    mark(&upper.join("r/s"), ids::NAME, b"33:42");
    mknod(&upper.join("r/nothing"), SFlag::S_IFCHR, Mode::empty(), 0).unwrap();
    std::os::unix::net::UnixListener::bind(upper.join("socket")).unwrap();
    let changes = Changes::of(&upper, std::slice::from_ref(&base), &Options::default()).unwrap();
    assert_eq!(changes.entries(), []);
    let unpacked = changes.adopt(w.store()).unwrap();
    assert_eq!(unpacked.diff_id, EMPTY_DIFF_ID);
    let tree = w.store().layers().tree(EMPTY_DIFF_ID);
    assert_eq!(listing(&tree), [] as [String; 0]);
    // once more: the layer is there already
    let again = w.folder("again");
    let changes = Changes::of(&again, &[base], &Options::default()).unwrap();
    assert_eq!(changes.adopt(w.store()).unwrap().diff_id, EMPTY_DIFF_ID);
}

#[test]
fn a_whole_root_says_what_is_gone() {
    let w = World::new();
    let base = w.unpacked("base", &plain(BASE));
    let root = w.unpacked("root", &plain(BASE));
    let options = Options {
        form: Form::Whole,
        ..Options::default()
    };
    assert_eq!(
        names(&tar_of(&root, std::slice::from_ref(&base), &options)),
        [] as [&str; 0]
    );
    std::fs::remove_dir_all(root.join("r/z")).unwrap();
    write(root.join("r/s/t/x"), "y\n", 5);
    let tar = tar_of(&root, &[base], &options);
    // `hard` is the same inode, so it changed with it
    assert_eq!(
        names(&tar),
        [
            "r/",
            "r/s/",
            "r/s/hard",
            "r/s/t/",
            "r/s/t/x = r/s/hard",
            "r/.wh.z"
        ]
    );
}

#[test]
fn files_that_nobody_may_read_are_read_and_kept_readable() {
    let w = World::new();
    let upper = w.folder("step");
    write(upper.join("d/secret"), "s", 7);
    touch(&upper.join("d"), 8);
    let mode = |path: &Path, mode| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap()
    };
    mode(&upper.join("d/secret"), 0);
    mode(&upper.join("d"), 0o500);
    let tar = tar_of(&upper, &[], &Options::default());
    let modes: Vec<u32> = entries(&tar).iter().map(|e| e.mode).collect();
    assert_eq!(modes, [0o500, 0]);
    let seen = std::fs::metadata(upper.join("d")).unwrap().mode();
    assert_eq!(seen & 0o7777, 0o500, "a tree that stays keeps its modes");
    let changes = Changes::of(&upper, &[], &Options::default()).unwrap();
    let unpacked = changes.adopt(w.store()).unwrap();
    assert_eq!(unpacked.diff_id, digest_of(&tar));
    let tree = w.store().layers().tree(&unpacked.diff_id);
    assert_eq!(
        listing(&tree),
        ["d 40700 8 0:0:d:500", "d/secret 100400 7 0:0:f:0"]
    );
}

#[test]
fn what_is_recorded_beside_a_container_s_files_is_found_whatever_their_device_was() {
    let w = World::new();
    let folder = w.folder("container");
    let mut text = String::new();
    // an overlay's own files, and those of a root that is no overlay
    for (name, is_within) in [("a", true), ("b", false)] {
        write(folder.join(name), "", 7);
        let path = CString::new(folder.join(name).into_os_string().into_encoded_bytes()).unwrap();
        let key = Key::of(&stat::statx_here(&path, 0, stat::EVERYTHING).unwrap());
        let ids = Ids::parse(b"7:8").unwrap();
        text += &Sidecar::line(&if is_within { key.within() } else { key }, &ids);
    }
    std::fs::write(folder.join(Sidecar::NAME), text).unwrap();
    let owners = super::owners::Owners::of_container(&folder);
    let at = std::fs::File::open(&folder).unwrap();
    for (name, expected) in [(c"a", (7, 8)), (c"b", (7, 8)), (c"owners", (0, 0))] {
        let seen = nix::sys::stat::fstatat(&at, name, nix::fcntl::AtFlags::empty()).unwrap();
        let meta = super::owners::meta(at.as_fd(), name, &seen, name.to_bytes(), &owners);
        let meta = meta.unwrap().unwrap();
        assert_eq!((meta.uid, meta.gid), expected, "{name:?}");
    }
}

#[test]
fn later_times_are_clamped_in_the_tar_and_on_the_disk() {
    let w = World::new();
    let upper = w.folder("step");
    write(upper.join("d/new"), "s", 2000);
    write(upper.join("d/old"), "s", 10);
    symlink("x", upper.join("d/link")).unwrap();
    let options = Options {
        latest: Some(1000),
        ..Options::default()
    };
    let tar = tar_of(&upper, &[], &options);
    let times: Vec<i64> = entries(&tar).iter().map(|e| e.mtime).collect();
    assert_eq!(times, [1000, 1000, 1000, 10]);
    let adopted = Changes::of(&upper, &[], &options)
        .unwrap()
        .adopt(w.store())
        .unwrap();
    let tree = w.store().layers().tree(&adopted.diff_id);
    for (path, time) in [
        ("d", 1000),
        ("d/new", 1000),
        ("d/link", 1000),
        ("d/old", 10),
    ] {
        let seen = std::fs::symlink_metadata(tree.join(path)).unwrap().mtime();
        assert_eq!(seen, time, "{path}");
    }
}

#[test]
fn the_marks_of_a_fuse_overlay_are_understood() {
    let w = World::new();
    let base = w.unpacked("base", &plain(BASE));
    let upper = w.folder("step");
    std::fs::create_dir_all(upper.join("r/s")).unwrap();
    std::fs::create_dir_all(upper.join("r/z")).unwrap();
    std::fs::write(upper.join("r/s/.wh..wh..opq"), "").unwrap();
    mark(&upper.join("r/s"), c"user.fuseoverlayfs.opaque", b"y");
    std::fs::write(upper.join("r/z/.wh.z"), "").unwrap();
    let changes = Changes::of(&upper, &[base], &Options::default()).unwrap();
    let mut tar = Vec::new();
    changes
        .write(&mut |b| {
            tar.extend_from_slice(b);
            Ok(())
        })
        .unwrap();
    let expected = [
        "r/",
        "r/s/",
        "r/s/.wh.hard",
        "r/s/.wh.l",
        "r/s/.wh.p",
        "r/s/.wh.same",
        "r/s/.wh.t",
        "r/z/",
        "r/z/.wh.z",
    ];
    assert_eq!(names(&tar), expected);
    let unpacked = changes.adopt(w.store()).unwrap();
    assert_eq!(unpacked.diff_id, digest_of(&tar));
    let other = w.unpacked("pulled", &tar);
    let tree = w.store().layers().tree(&unpacked.diff_id);
    assert_eq!(listing(&tree), listing(&other));
}
