//! `prune`: removes what nobody uses, with the caller's say over each thing.

use std::collections::HashSet;
use std::time::Duration;

use crate::error::Result;
use crate::image::config::ImageConfig;
use crate::store::containers::Found;
use crate::store::images::Listed;
use crate::store::size::tree_bytes;
use crate::store::volumes::Volume;
use crate::store::{Store, gc};

/// What a prune removed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Ids of containers, names of volumes.
    pub gone: Vec<String>,
    /// Bytes.
    pub bytes: u64,
}

/// What a prune of images removed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PrunedImages {
    /// What happened, in docker's order.
    pub gone: Vec<Gone>,
    /// Bytes of the layers.
    pub bytes: u64,
}

/// One thing that a prune of images did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Gone {
    /// A name went, in docker's short form.
    Untagged(String),
    /// An image or layer went: `sha256:...`.
    Deleted(String),
}

/// Which images a prune is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// Those without a name.
    Dangling,
    /// All that no container uses.
    Unused,
}

/// Removes the containers that do not run and that `wanted` says yes to.
pub fn containers(store: &Store, wanted: impl Fn(&Found) -> bool) -> Result<Pruned> {
    let mut pruned = Pruned::default();
    for found in store.containers().list()? {
        if found.is_running || !wanted(&found) {
            continue;
        }
        let bytes = writable_bytes(store, &found);
        // somebody may have started or removed it just now
        if store.containers().remove(found.id()).is_ok() {
            pruned.gone.push(found.record.id);
            pruned.bytes += bytes;
        }
    }
    Ok(pruned)
}

/// Returns the bytes that a container wrote (docker's `SizeRw`).
pub fn writable_bytes(store: &Store, found: &Found) -> u64 {
    let folder = found
        .record
        .writable
        .clone()
        .unwrap_or_else(|| store.containers().path(found.id()));
    tree_bytes(&folder.join("upper"))
}

/// Removes the volumes that no container mounts and that `wanted` says yes to. One with options stays, as with docker: it says
/// where something else is.
pub fn volumes(store: &Store, wanted: impl Fn(&Volume) -> bool) -> Result<Pruned> {
    let mut pruned = Pruned::default();
    let users = store.volumes().users()?;
    let used: HashSet<&str> = users.iter().map(|user| user.volume.as_str()).collect();
    for volume in store.volumes().list()? {
        let has_options = volume.options.as_ref().is_some_and(|o| !o.is_empty());
        if used.contains(volume.name.as_str()) || has_options || !wanted(&volume) {
            continue;
        }
        let bytes = tree_bytes(&store.volumes().path(&volume.name));
        if store.volumes().remove(&volume.name, &users).is_ok() {
            pruned.gone.push(volume.name);
            pruned.bytes += bytes;
        }
    }
    Ok(pruned)
}

/// Removes the images that no container uses and that `wanted` says yes to, then what interrupted pulls left.
pub fn images(
    store: &Store,
    which: Which,
    wanted: impl Fn(&Listed, &ImageConfig) -> bool,
) -> Result<PrunedImages> {
    let mut pruned = PrunedImages::default();
    let users = store.containers().image_users()?;
    for image in store.images().list()? {
        let is_dangling = image.names.is_empty();
        // an image whose configuration is broken is for `system check`
        let Ok(config) = store.images().config(&image.id) else {
            continue;
        };
        if (which == Which::Dangling && !is_dangling) || !wanted(&image, &config) {
            continue;
        }
        for word in words(&image) {
            // in use, or gone with the name before
            let Ok(removed) = store.images().remove(&word, false, &users) else {
                continue;
            };
            pruned
                .gone
                .extend(removed.untagged.into_iter().map(Gone::Untagged));
            pruned
                .gone
                .extend(removed.deleted.into_iter().map(Gone::Deleted));
            pruned.bytes += removed.reclaimed;
        }
    }
    let grace = Duration::from_secs(600);
    pruned.bytes += gc::prune_unreferenced(store, grace)?;
    let partial = gc::remove_partial(store, grace)?;
    pruned.bytes += partial.iter().map(|(_, size)| size).sum::<u64>();
    Ok(pruned)
}

/// Returns the words that `rmi` would be given to be rid of an image: its names, else its id.
fn words(image: &Listed) -> Vec<String> {
    let mut words: Vec<String> = image.names.iter().chain(&image.digests).cloned().collect();
    words.sort();
    if words.is_empty() {
        words.push(image.id.clone());
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::containers::tests::record;
    use crate::store::images::Name;
    use crate::store::images::tests::{digest, image};
    use crate::store::scratch::Scratch;
    use crate::store::volumes::Request;
    use crate::store::{containers::MountPoint, new_id};

    #[test]
    fn containers_that_run_stay() {
        let s = Scratch::new();
        let (a, b) = (new_id().unwrap(), new_id().unwrap());
        s.store.containers().create(&record(&a, "aa")).unwrap();
        s.store.containers().create(&record(&b, "bb")).unwrap();
        std::fs::create_dir(s.store.containers().path(&a).join("upper")).unwrap();
        std::fs::write(s.store.containers().path(&a).join("upper/f"), [0; 50]).unwrap();
        let _lock = s.store.containers().hold(&b).unwrap();
        let pruned = containers(&s.store, |_| true).unwrap();
        assert_eq!(
            pruned,
            Pruned {
                gone: vec![a],
                bytes: 50
            }
        );
        assert_eq!(containers(&s.store, |_| true).unwrap(), Pruned::default());
    }

    #[test]
    fn what_an_interrupted_pull_left_goes_with_the_images_unless_it_is_new() {
        let s = Scratch::new();
        let sum = |n: u8| format!("sha256:{}", crate::store::hex(&[n; 32]));
        for (n, age) in [(1, 3_600), (2, 0)] {
            let (mut file, _) = s.store.blobs().open_partial(&sum(n)).unwrap();
            std::io::Write::write_all(&mut file, &[0; 70]).unwrap();
            let then = std::time::SystemTime::now() - Duration::from_secs(age);
            file.set_modified(then).unwrap();
        }
        assert_eq!(
            crate::store::usage::usage(&s.store).unwrap().layer_bytes,
            140
        );
        let pruned = images(&s.store, Which::Dangling, |_, _| true).unwrap();
        assert_eq!(pruned.bytes, 70);
        let is_there = |n| s.store.blobs().partial(&sum(n)).exists();
        assert_eq!((is_there(1), is_there(2)), (false, true));
    }

    #[test]
    fn volumes_that_are_mounted_or_not_wanted_stay() {
        let s = Scratch::new();
        let make = |name: &str| {
            s.store.volumes().create(Request {
                name: Some(name.to_owned()),
                ..Request::default()
            })
        };
        make("used").unwrap();
        make("free").unwrap();
        make("kept").unwrap();
        let options = [("type", "none"), ("o", "bind"), ("device", "/tmp")];
        let elsewhere = Request {
            name: Some("elsewhere".to_owned()),
            options: options.map(|(k, v)| (k.to_owned(), v.to_owned())).into(),
            ..Request::default()
        };
        s.store.volumes().create(elsewhere).unwrap();
        let mut r = record(&new_id().unwrap(), "web");
        r.mounts = vec![MountPoint {
            kind: "volume".to_owned(),
            name: "used".to_owned(),
            ..MountPoint::default()
        }];
        s.store.containers().create(&r).unwrap();
        let pruned = volumes(&s.store, |v| v.name != "kept").unwrap();
        assert_eq!(pruned.gone, ["free"]);
        assert_eq!(s.store.volumes().list().unwrap().len(), 3);
    }

    #[test]
    fn dangling_images_go_by_default_and_unused_ones_when_asked() {
        let s = Scratch::new();
        const NAME: &str = "docker.io/library/a:1";
        let (old, new) = (
            image(&s, NAME, "old", &["l1", "l2"]),
            image(&s, NAME, "new", &["l1"]),
        );
        let by_digest = Name {
            digest: digest("i"),
            ..image(
                &s,
                &format!("docker.io/library/b@{}", digest("i")),
                "b",
                &["l1"],
            )
        };
        for name in [&old, &new, &by_digest] {
            s.store.images().put(name.clone()).unwrap();
        }
        let pruned = images(&s.store, Which::Dangling, |_, _| true).unwrap();
        let chain = gc::chain_ids(&[digest("l1"), digest("l2")]);
        assert_eq!(
            pruned.gone,
            [
                Gone::Deleted(old.config),
                Gone::Deleted(chain[1].clone()),
                Gone::Untagged(format!("b@{}", digest("i"))),
                Gone::Deleted(by_digest.config),
            ]
        );
        assert_eq!(pruned.bytes, 10);
        let mut r = record(&new_id().unwrap(), "web");
        r.image_id = new.config.clone();
        s.store.containers().create(&r).unwrap();
        assert!(
            images(&s.store, Which::Unused, |_, _| true)
                .unwrap()
                .gone
                .is_empty()
        );
        s.store.containers().remove(&r.id).unwrap();
        assert!(
            images(&s.store, Which::Unused, |_, _| false)
                .unwrap()
                .gone
                .is_empty()
        );
        let pruned = images(&s.store, Which::Unused, |_, _| true).unwrap();
        assert_eq!(
            pruned.gone[..2],
            [Gone::Untagged("a:1".to_owned()), Gone::Deleted(new.config)]
        );
    }
}
