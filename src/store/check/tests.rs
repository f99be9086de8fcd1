use std::process::{Command, Stdio};

use super::*;
use crate::store::containers::tests::record as container;
use crate::store::images::tests::{digest, image};
use crate::store::paths::Paths;
use crate::store::scratch::Scratch;
use crate::store::{new_id, volumes};

fn full(s: &Scratch) -> String {
    let name = image(s, "docker.io/library/debian:12", "a", &["l1"]);
    s.store.images().put(name).unwrap();
    let id = new_id().unwrap();
    let mut record = container(&id, "web");
    record.layers = vec![digest("l1")];
    s.store.containers().create(&record).unwrap();
    s.store
        .containers()
        .write_state(&id, &State::default())
        .unwrap();
    s.store
        .volumes()
        .create(volumes::Request {
            name: Some("v1".to_owned()),
            ..Default::default()
        })
        .unwrap();
    id
}

/// Breaks a whole store by `hurt`; returns what a look finds, after seeing that a repair leaves nothing to find.
fn hurt(hurt: impl FnOnce(&Scratch, &str)) -> Vec<String> {
    let s = Scratch::new();
    let id = full(&s);
    assert_eq!(check(&s.store, Mode::Look).unwrap(), []);
    hurt(&s, &id);
    let found = check_older(&s.store, Mode::Look, Duration::ZERO).unwrap();
    let repaired = check_older(&s.store, Mode::Repair, Duration::ZERO).unwrap();
    assert_eq!(found.len(), repaired.len());
    assert!(
        repaired.iter().all(|finding| finding.repaired),
        "{repaired:?}"
    );
    s.store.trash().empty().unwrap();
    assert_eq!(
        check_older(&s.store, Mode::Look, Duration::ZERO).unwrap(),
        []
    );
    found.into_iter().map(|finding| finding.text).collect()
}

#[test]
fn what_is_broken_is_told_and_repaired() {
    let texts = hurt(|s, _| std::fs::write(s.store.data("names"), "{\n").unwrap());
    assert!(
        texts[0].starts_with("a line cannot be understood"),
        "{texts:?}"
    );

    let texts = hurt(|s, id| {
        std::fs::write(s.store.blob_path(&digest("manifest of a")), "other bytes").unwrap();
        s.store.containers().remove(id).unwrap();
        s.store.trash().empty().unwrap();
    });
    let want = format!(
        "image `docker.io/library/debian:12`: its manifest {} has changed",
        short_id(&digest("manifest of a"))
    );
    assert_eq!(texts, [want]);

    let texts =
        hurt(|s, id| std::fs::write(s.store.containers().path(id).join("state"), "{").unwrap());
    assert!(texts[0].starts_with("cannot understand"), "{texts:?}");

    let texts = hurt(|s, _| {
        std::fs::set_permissions(s.store.data("blobs"), PermissionsExt::from_mode(0o755)).unwrap();
    });
    assert_eq!(texts, ["the folder has mode 0755 instead of 0700"]);

    let texts = hurt(|s, _| std::fs::write(s.store.data("volumes/v1/volume"), "{").unwrap());
    assert!(texts[0].starts_with("cannot understand"), "{texts:?}");
}

#[test]
fn a_container_with_a_broken_record_is_kept_for_the_user() {
    let s = Scratch::new();
    let id = full(&s);
    let path = s.store.containers().path(&id);
    std::fs::write(path.join("config"), "{").unwrap();
    std::fs::create_dir(path.join("upper")).unwrap();
    assert!(s.store.containers().list().unwrap().is_empty());
    check_older(&s.store, Mode::Repair, Duration::ZERO).unwrap();
    assert!(s.store.data("lost").join(&id).join("upper").exists());
    assert_eq!(
        check_older(&s.store, Mode::Look, Duration::ZERO).unwrap(),
        []
    );
}

#[test]
fn leftovers_are_told_and_swept_but_not_what_is_young_or_held() {
    let texts = hurt(|s, id| {
        std::fs::create_dir(s.store.containers().path(&new_id().unwrap())).unwrap();
        s.store.trash().put(&s.store.containers().path(id)).unwrap();
        std::fs::write(s.store.data("names.tmp"), "").unwrap();
        std::fs::create_dir(s.store.data("staging/volume-1")).unwrap();
    });
    assert_eq!(texts.len(), 5, "{texts:?}");

    let s = Scratch::new();
    std::fs::create_dir(s.store.data("staging/layer")).unwrap();
    let lock = crate::sys::lock::Lock::attempt(&s.store.data("staging/layer.lock"))
        .unwrap()
        .unwrap();
    assert_eq!(
        check_older(&s.store, Mode::Repair, Duration::ZERO).unwrap(),
        []
    );
    assert!(s.store.data("staging/layer").exists());
    drop(lock);
    std::fs::create_dir(s.store.containers().path(&new_id().unwrap())).unwrap();
    assert_eq!(check(&s.store, Mode::Look).unwrap(), []);
    assert_eq!(
        check_older(&s.store, Mode::Look, Duration::ZERO)
            .unwrap()
            .len(),
        3
    );
}

/// Where the process to be killed finds its store.
const VICTIM: &str = "CORACLE_TEST_VICTIM";

/// Not a test: the process that [`kills_at_random_moments_leave_only_what_a_sweep_clears`] kills.
#[test]
#[ignore = "it works until it is killed"]
fn victim() {
    #[expect(
        clippy::disallowed_methods,
        reason = "the test that starts it says where the store is"
    )]
    let Ok(dir) = std::env::var(VICTIM) else {
        return;
    };
    let dir = PathBuf::from(dir);
    let s = Store::open(Paths {
        data: dir.join("data"),
        runtime: dir.join("run"),
    })
    .unwrap();
    let image = s
        .images()
        .look_up("debian:12")
        .unwrap()
        .expect("the test put it");
    std::fs::write(dir.join("ready"), "").unwrap();
    loop {
        let (a, b) = (new_id().unwrap(), new_id().unwrap());
        let c = s.containers();
        c.create(&container(&a, "one")).ok();
        c.create(&container(&b, "two")).ok();
        for found in c.list().unwrap() {
            c.write_state(found.id(), &State::default()).ok();
            c.rename(
                found.id(),
                if found.name() == "one" {
                    "three"
                } else {
                    "four"
                },
            )
            .ok();
            c.remove(found.id()).ok();
        }
        s.images().tag(&image.id, "tagged:1").unwrap();
        s.images().remove("tagged:1", false, &[]).unwrap();
        s.volumes()
            .create(volumes::Request {
                name: Some("vol".to_owned()),
                ..Default::default()
            })
            .unwrap();
        s.volumes().remove("vol", &[]).unwrap();
        s.trash().empty().unwrap();
    }
}

#[test]
fn kills_at_random_moments_leave_only_what_a_sweep_clears() {
    let s = Scratch::new();
    s.store
        .images()
        .put(image(&s, "docker.io/library/debian:12", "a", &["l1"]))
        .unwrap();
    let dir = s.store.paths().data.parent().unwrap().to_owned();
    let mut cut_short = 0;
    for round in 0..200_u64 {
        #[expect(
            clippy::disallowed_methods,
            reason = "the test needs a process to kill"
        )]
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "store::check::tests::victim",
                "--ignored",
                "--nocapture",
            ])
            .env(VICTIM, &dir)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        while !dir.join("ready").exists() {
            std::thread::sleep(Duration::from_micros(200));
        }
        // spread over several of its loops
        std::thread::sleep(Duration::from_micros(round * 7919 % 5_000));
        child.kill().unwrap();
        assert!(!child.wait().unwrap().success());
        std::fs::remove_file(dir.join("ready")).unwrap();
        // nothing is broken, whenever it was; the next command just works
        let found = check_older(&s.store, Mode::Look, Duration::ZERO).unwrap();
        assert!(
            found
                .iter()
                .all(|finding| finding.weight == Weight::Leftover),
            "{round}: {found:?}"
        );
        cut_short += usize::from(!found.is_empty());
        let id = new_id().unwrap();
        for old in s.store.containers().list().unwrap() {
            s.store.containers().remove(old.id()).unwrap();
        }
        s.store.containers().create(&container(&id, "one")).unwrap();
        s.store.containers().remove(&id).unwrap();
        assert!(s.store.images().look_up("debian:12").unwrap().is_some());
        gc::sweep(&s.store, Duration::ZERO).unwrap();
        s.store.trash().empty().unwrap();
        assert_eq!(
            check_older(&s.store, Mode::Look, Duration::ZERO).unwrap(),
            [],
            "{round}"
        );
    }
    assert!(
        cut_short > 20,
        "the kills came too early or too late to cut anything short: {cut_short}"
    );
}
