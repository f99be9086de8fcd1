use super::super::tests::{digest, image};
use super::*;
use crate::store::containers::tests::record;
use crate::store::new_id;
use crate::store::scratch::Scratch;

const NAME: &str = "docker.io/library/stx:1";

fn user(s: &Scratch, word: &str, is_running: bool) -> User {
    User {
        container: "74d8c6c9113f6b22540a".to_owned(),
        image: s.store.images().find(word).unwrap().id.clone(),
        is_running,
    }
}

/// The store of most cases: `stx:1` with two layers, by that digest of a registry.
fn stx(s: &Scratch) -> String {
    let name = super::Name {
        digest: digest("index"),
        ..image(s, NAME, "a", &["l1", "l2"])
    };
    let id = name.config.clone();
    s.store.images().put(name).unwrap();
    id
}

#[test]
fn the_last_tag_takes_the_image_with_it() {
    let s = Scratch::new();
    let id = stx(&s);
    let removed = s.store.images().remove("stx:1", false, &[]).unwrap();
    assert_eq!(
        removed.untagged,
        ["stx:1".to_owned(), format!("stx@{}", digest("index"))]
    );
    let chain = gc::chain_ids(&[digest("l1"), digest("l2")]);
    assert_eq!(removed.deleted, [id, chain[1].clone(), chain[0].clone()]);
    assert_eq!(removed.reclaimed, 20);
    assert!(s.store.images().list().unwrap().is_empty());
    for folder in ["blobs", "layers"] {
        assert_eq!(
            std::fs::read_dir(s.store.data(folder)).unwrap().count(),
            0,
            "{folder}"
        );
    }
    assert_eq!(
        s.store
            .images()
            .remove("stx:1", false, &[])
            .unwrap_err()
            .to_string(),
        "No such image: stx:1"
    );
}

#[test]
fn one_of_several_tags_only_loses_its_name() {
    let s = Scratch::new();
    let id = stx(&s);
    s.store.images().tag("stx:1", "stx:2").unwrap();
    s.store.images().tag("stx:1", "other").unwrap();
    let removed = s
        .store
        .images()
        .remove("stx:1", false, &[user(&s, "stx:1", true)])
        .unwrap();
    assert_eq!(
        (removed.untagged, removed.deleted),
        (vec!["stx:1".to_owned()], vec![])
    );
    // the last tag of a repository takes the repository's digest along
    let removed = s.store.images().remove("stx:2", false, &[]).unwrap();
    assert_eq!(
        removed.untagged,
        ["stx:2".to_owned(), format!("stx@{}", digest("index"))]
    );
    let left = s.store.images().find(&id).unwrap();
    assert_eq!(
        (left.names.clone(), left.digests.clone()),
        (vec!["docker.io/library/other:latest".to_owned()], vec![])
    );
}

#[test]
fn an_image_in_use_is_refused_in_dockers_words() {
    let s = Scratch::new();
    let id = stx(&s);
    let short = short_id(&id).to_owned();
    let (stopped, running) = (user(&s, "stx:1", false), user(&s, "stx:1", true));
    for (word, force, user, text) in [
        (
            "stx:1",
            false,
            &stopped,
            format!(
                "conflict: unable to remove repository reference \"stx:1\" (must force) - container 74d8c6c9113f is using its referenced image {short}"
            ),
        ),
        (
            "stx:1",
            false,
            &running,
            format!(
                "conflict: unable to remove repository reference \"stx:1\" (must force) - container 74d8c6c9113f is using its referenced image {short}"
            ),
        ),
        (
            &id,
            false,
            &stopped,
            format!(
                "conflict: unable to delete {short} (must be forced) - image is being used by stopped container 74d8c6c9113f"
            ),
        ),
        (
            &id,
            false,
            &running,
            format!(
                "conflict: unable to delete {short} (cannot be forced) - image is being used by running container 74d8c6c9113f"
            ),
        ),
        (
            &short,
            true,
            &running,
            format!(
                "conflict: unable to delete {short} (cannot be forced) - image is being used by running container 74d8c6c9113f"
            ),
        ),
    ] {
        let e = s
            .store
            .images()
            .remove(word, force, std::slice::from_ref(user))
            .unwrap_err();
        assert_eq!(
            (e.kind(), e.to_string()),
            (Kind::Conflict, text),
            "{word} {force}"
        );
    }
    assert_eq!(s.store.images().list().unwrap().len(), 1);
}

#[test]
fn an_id_in_two_repositories_goes_only_by_force() {
    let s = Scratch::new();
    let id = stx(&s);
    s.store.images().tag("stx:1", "sty:2").unwrap();
    let e = s.store.images().remove(&id, false, &[]).unwrap_err();
    assert_eq!(
        e.to_string(),
        format!(
            "conflict: unable to delete {} (must be forced) - image is referenced in multiple repositories",
            short_id(&id)
        )
    );
    let removed = s
        .store
        .images()
        .remove(&id, true, &[user(&s, &id, false)])
        .unwrap();
    assert_eq!(
        removed.untagged,
        [
            "stx:1".to_owned(),
            format!("stx@{}", digest("index")),
            "sty:2".to_owned()
        ]
    );
    assert_eq!(removed.deleted[0], id);
}

#[test]
fn force_with_a_running_container_leaves_the_image_without_a_name() {
    let s = Scratch::new();
    let id = stx(&s);
    let removed = s
        .store
        .images()
        .remove("stx:1", true, &[user(&s, "stx:1", true)])
        .unwrap();
    assert_eq!(removed.untagged[0], "stx:1");
    assert!(removed.deleted.is_empty());
    let left = s.store.images().find(&id).unwrap();
    assert!(left.names.is_empty() && left.digests.is_empty());
    assert_eq!(
        s.store.images().remove(&id, false, &[]).unwrap().deleted[0],
        id
    );
}

#[test]
fn layers_of_other_images_and_of_containers_stay() {
    let s = Scratch::new();
    stx(&s);
    s.store
        .images()
        .put(image(&s, "docker.io/library/base:1", "b", &["l1"]))
        .unwrap();
    let mut used = record(&new_id().unwrap(), "web");
    used.layers = vec![digest("l1"), digest("l2")];
    s.store.containers().create(&used).unwrap();
    let removed = s.store.images().remove("stx:1", false, &[]).unwrap();
    assert_eq!(removed.deleted.len(), 1);
    assert!(s.store.layer_path(&digest("l2")).exists());
    s.store.containers().remove(&used.id).unwrap();
    gc::prune_unreferenced(&s.store, std::time::Duration::ZERO).unwrap();
    assert!(!s.store.layer_path(&digest("l2")).exists());
    assert!(s.store.layer_path(&digest("l1")).exists());
    assert_eq!(std::fs::read_dir(s.store.data("blobs")).unwrap().count(), 2);
}

#[test]
fn a_container_that_was_made_beside_an_rmi_has_its_layers() {
    let s = Scratch::new();
    let (alive, done) = std::sync::mpsc::sync_channel::<()>(0);
    let done = std::sync::Mutex::new(done);
    // also when this thread panics
    let is_done =
        || done.lock().unwrap().try_recv() == Err(std::sync::mpsc::TryRecvError::Disconnected);
    let (mut made, mut refused) = (0, 0);
    std::thread::scope(|scope| {
        // two that remove the image whenever it is there, with a view of the users that is always late
        for _ in 0..2 {
            scope.spawn(|| {
                while !is_done() {
                    s.store.images().remove("stx:1", false, &[]).ok();
                    gc::prune_unreferenced(&s.store, std::time::Duration::ZERO).ok();
                }
            });
        }
        scope.spawn(|| {
            while !is_done() {
                s.store.trash().empty().ok();
            }
        });
        let alive = alive;
        for _ in 0..300 {
            // a layer appears whole, by one rename, as Staging::publish makes it
            for layer in ["l1", "l2"]
                .map(digest)
                .iter()
                .filter(|layer| !s.store.layers().has(layer))
            {
                let staged = s
                    .store
                    .data("staging")
                    .join(format!("test-{}", short_id(layer)));
                std::fs::create_dir_all(staged.join("tree")).unwrap();
                std::fs::rename(staged, s.store.layer_path(layer)).ok();
            }
            let mut record = record(&new_id().unwrap(), "web");
            record.layers = vec![digest("l1"), digest("l2")];
            match s.store.containers().create(&record) {
                Ok(()) => {
                    made += 1;
                    // at every look, not only after a while
                    for _ in 0..20 {
                        for layer in &record.layers {
                            let has = s.store.layers().has(layer);
                            assert!(has, "container {made} lost a layer");
                        }
                        std::thread::yield_now();
                    }
                    s.store.containers().remove(&record.id).unwrap();
                }
                Err(e) => {
                    assert_eq!(e.kind(), Kind::NotFound, "{e}");
                    refused += 1;
                }
            }
        }
        drop(alive);
    });
    assert!(made > 0, "{made} made, {refused} refused");
}

/// Docker 26: `Untagged: stx@sha256:...`, and the tag stays with no digest.
#[test]
fn a_digest_goes_alone_and_the_tag_stays() {
    let s = Scratch::new();
    let id = stx(&s);
    let word = format!("stx@{}", digest("index"));
    let removed = s.store.images().remove(&word, false, &[]).unwrap();
    assert_eq!((removed.untagged, removed.deleted), (vec![word], vec![]));
    let left = s.store.images().find("stx:1").unwrap();
    assert_eq!(left.id, id);
    assert!(left.digests.is_empty());
}
