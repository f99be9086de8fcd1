use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::store::scratch::Scratch;
use crate::store::{new_id, now};

/// A record of that id and name, and nothing else.
pub(crate) fn record(id: &str, name: &str) -> Record {
    Record {
        id: id.to_owned(),
        name: name.to_owned(),
        created: now(),
        ..Record::default()
    }
}

fn make(s: &Scratch, name: &str) -> String {
    let id = new_id().unwrap();
    s.store.containers().create(&record(&id, name)).unwrap();
    id
}

#[test]
fn a_container_is_found_by_id_name_and_prefix() {
    let s = Scratch::new();
    let id = make(&s, "web");
    let c = s.store.containers();
    for word in [id.as_str(), "web", "/web", &id[..12], &id[..1]] {
        let found = c.find(word).unwrap();
        assert_eq!((found.id(), found.name()), (id.as_str(), "web"), "{word}");
        assert_eq!(found.state.status, Status::Created);
        assert!(!found.is_running);
    }
    for word in ["we", "webb", "", "x/y", "../web"] {
        let e = c.find(word).unwrap_err();
        assert_eq!(e.kind(), Kind::NotFound);
        assert_eq!(e.to_string(), format!("No such container: {word}"));
    }
}

#[test]
fn a_prefix_of_two_ids_is_ambiguous_and_a_name_goes_before_a_prefix() {
    let s = Scratch::new();
    let c = s.store.containers();
    let (a, b) = (format!("{:0<64}", "ab1"), format!("{:0<64}", "ab2"));
    c.create(&record(&a, "one")).unwrap();
    c.create(&record(&b, "two")).unwrap();
    let e = c.find("ab").unwrap_err();
    assert_eq!(e.to_string(), "multiple IDs found with provided prefix: ab");
    assert_eq!(c.find("ab2").unwrap().name(), "two");
    c.rename(&a, "ab2").unwrap();
    assert_eq!(c.find("ab2").unwrap().id(), a);
}

#[test]
fn a_taken_name_is_refused_in_dockers_words_and_leaves_nothing() {
    let s = Scratch::new();
    let c = s.store.containers();
    let first = make(&s, "web");
    let second = new_id().unwrap();
    let e = c.create(&record(&second, "web")).unwrap_err();
    assert_eq!(e.kind(), Kind::Conflict);
    assert_eq!(
        e.to_string(),
        format!(
            "Conflict. The container name \"/web\" is already in use by container \"{first}\". You have to remove (or rename) that container to be able to reuse that name."
        )
    );
    assert!(!c.path(&second).exists());
    assert_eq!(c.find("web").unwrap().id(), first);
}

#[test]
fn a_container_with_a_layer_that_is_gone_is_not_made() {
    let s = Scratch::new();
    let mut r = record(&new_id().unwrap(), "web");
    r.layers = vec![format!("sha256:{}", new_id().unwrap())];
    assert_eq!(
        s.store.containers().create(&r).unwrap_err().kind(),
        Kind::NotFound
    );
    assert!(s.store.containers().list().unwrap().is_empty());
    make(&s, "web");
}

#[test]
fn renaming_speaks_as_docker_does() {
    let s = Scratch::new();
    let c = s.store.containers();
    let (a, b) = (make(&s, "one"), make(&s, "two"));
    for (new, text) in [
        ("one", "Renaming a container with the same name as its current name".to_owned()),
        (
            "a b",
            "Error when allocating new name: Invalid container name (/a b), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed"
                .to_owned(),
        ),
        (
            "two",
            format!(
                "Error when allocating new name: Conflict. The container name \"/two\" is already in use by container \"{b}\". You have to remove (or rename) that container to be able to reuse that name."
            ),
        ),
    ] {
        assert_eq!(c.rename(&a, new).unwrap_err().to_string(), text);
    }
    c.rename(&a, "/three").unwrap();
    assert_eq!(c.find(&a).unwrap().name(), "three");
    assert_eq!(c.record(&a).unwrap().name, "three");
    assert!(c.find("one").is_err());
    // the record still says "one": a removal finds the true name all the same
    c.remove(&a).unwrap();
    make(&s, "three");
    make(&s, "one");
}

#[test]
fn a_note_says_what_the_files_say_or_is_not_there() {
    let s = Scratch::new();
    let c = s.store.containers();
    let id = make(&s, "web");
    let lock = c.hold(&id).unwrap();
    let state = State {
        status: Status::Running,
        pid: 1,
        started_at: now(),
        ..State::default()
    };
    c.write_state(&id, &state).unwrap();
    let shown = || {
        let found = c.list_brief().unwrap().remove(0);
        (found.record, found.state, found.is_running)
    };
    let files = shown();
    c.note(&id, &lock, &state).unwrap();
    assert_eq!(shown(), files);
    // it is what is read
    let noted = State {
        pid: 7,
        ..state.clone()
    };
    c.note(&id, &lock, &noted).unwrap();
    assert_eq!(shown().1.pid, 7);
    c.rename(&id, "other").unwrap();
    assert_eq!((shown().0.name.as_str(), shown().1.pid), ("other", 7));
    // half of two is none
    let path = c.runtime(&id).join("lock");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("\"pid\":7", "\"pid\":8")).unwrap();
    assert_eq!(shown().1.pid, 1);
    // what changes the record takes it away
    c.note(&id, &lock, &noted).unwrap();
    c.set_networks(&id, Vec::new()).unwrap();
    assert_eq!(
        (shown().0.host.network_mode.as_str(), shown().1.pid),
        ("none", 1)
    );
    // nobody believes it when its writer is gone, nor the next one's at once
    c.note(&id, &lock, &noted).unwrap();
    drop(lock);
    assert_eq!(shown().1.status, Status::Exited);
    let _next = c.hold(&id).unwrap();
    assert_eq!(shown().1.pid, 1);
}

#[test]
fn the_state_is_corrected_when_its_monitor_is_dead() {
    let s = Scratch::new();
    let c = s.store.containers();
    let id = make(&s, "web");
    let lock = c.hold(&id).unwrap();
    assert_eq!(c.hold(&id).unwrap_err().kind(), Kind::State);
    let state = State {
        status: Status::Running,
        pid: 1,
        pid_start: 5,
        boot_id: boot_id(),
        started_at: now(),
        ..State::default()
    };
    c.write_state(&id, &state).unwrap();
    let found = c.find("web").unwrap();
    assert!(found.is_running && found.orphan.is_none());
    assert_eq!(found.state, state);
    assert_eq!(c.remove(&id).unwrap_err().kind(), Kind::State);
    drop(lock);
    let found = c.find("web").unwrap();
    assert!(!found.is_running);
    assert_eq!(
        (found.state.status, found.state.exit_code),
        (Status::Exited, 137)
    );
    assert_eq!(
        found.orphan,
        Some(Orphan {
            pid: 1,
            pid_start: 5
        })
    );
    assert!(found.state.finished_at >= state.started_at);
    c.remove(&id).unwrap();
    assert!(!c.runtime(&id).exists());
}

#[test]
fn a_removed_container_cannot_be_held() {
    let s = Scratch::new();
    let c = s.store.containers();
    let id = make(&s, "web");
    c.remove(&id).unwrap();
    assert_eq!(c.hold(&id).unwrap_err().kind(), Kind::NotFound);
    assert!(!c.runtime(&id).exists());
    assert_eq!(c.remove(&id).unwrap_err().kind(), Kind::NotFound);
}

#[test]
fn files_are_private() {
    use std::os::unix::fs::PermissionsExt;
    let s = Scratch::new();
    let c = s.store.containers();
    let id = make(&s, "web");
    c.write_state(&id, &State::default()).unwrap();
    let mode =
        |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o7777;
    assert_eq!(mode(&c.path(&id)), 0o700);
    assert_eq!(mode(&c.path(&id).join("config")), 0o600);
    assert_eq!(mode(&c.path(&id).join("state")), 0o600);
}

#[test]
fn twenty_threads_that_want_one_name_make_one_container() {
    let s = Scratch::new();
    // a dangling name makes all of them take it over at once
    std::os::unix::fs::symlink(new_id().unwrap(), s.store.data("containers/names/web")).unwrap();
    let made: usize = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..20)
            .map(|_| {
                scope.spawn(|| {
                    s.store
                        .containers()
                        .create(&record(&new_id().unwrap(), "web"))
                        .is_ok()
                })
            })
            .collect();
        threads
            .into_iter()
            .map(|t| usize::from(t.join().unwrap()))
            .sum()
    });
    assert_eq!(made, 1);
    assert_eq!(s.store.containers().list().unwrap().len(), 1);
}

/// One step of a history; numbers choose a name of five or a container of those there are.
#[derive(Debug, Clone)]
enum Step {
    Create(usize),
    Rename(usize, usize),
    Remove(usize),
    /// Killed before the name was made.
    HalfCreate(usize),
    /// Killed after the folder went to the trash.
    HalfRemove(usize),
    Sweep,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..5usize).prop_map(Step::Create),
        2 => (0..8usize, 0..5usize).prop_map(|(a, b)| Step::Rename(a, b)),
        2 => (0..8usize).prop_map(Step::Remove),
        1 => (0..5usize).prop_map(Step::HalfCreate),
        1 => (0..8usize).prop_map(Step::HalfRemove),
        1 => Just(Step::Sweep),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn names_and_containers_agree_with_a_map(steps in proptest::collection::vec(step(), 1..40)) {
        let s = Scratch::new();
        let c = s.store.containers();
        let name = |i: usize| format!("name{i}");
        let mut model: BTreeMap<String, String> = BTreeMap::new();
        for step in steps {
            match step {
                Step::Create(i) => {
                    let id = new_id().unwrap();
                    let made = c.create(&record(&id, &name(i)));
                    prop_assert_eq!(made.is_ok(), !model.contains_key(&name(i)));
                    if made.is_ok() {
                        model.insert(name(i), id);
                    }
                }
                Step::Rename(at, to) => {
                    let Some((old, id)) = model.iter().nth(at).map(|(n, i)| (n.clone(), i.clone())) else { continue };
                    let renamed = c.rename(&id, &name(to));
                    prop_assert_eq!(renamed.is_ok(), !model.contains_key(&name(to)));
                    if renamed.is_ok() {
                        model.remove(&old);
                        model.insert(name(to), id);
                    }
                }
                Step::Remove(at) => {
                    let Some((old, id)) = model.iter().nth(at).map(|(n, i)| (n.clone(), i.clone())) else { continue };
                    c.remove(&id).unwrap();
                    model.remove(&old);
                }
                Step::HalfCreate(i) => {
                    let id = new_id().unwrap();
                    std::fs::create_dir(c.path(&id)).unwrap();
                    crate::store::record::write_new(&c.path(&id).join("config"), &record(&id, &name(i))).unwrap();
                }
                Step::HalfRemove(at) => {
                    let Some((old, id)) = model.iter().nth(at).map(|(n, i)| (n.clone(), i.clone())) else { continue };
                    s.store.trash().put(&c.path(&id)).unwrap();
                    model.remove(&old);
                }
                Step::Sweep => {
                    crate::store::gc::sweep(&s.store, std::time::Duration::ZERO).unwrap();
                    prop_assert_eq!(crate::store::check::check(&s.store, crate::store::check::Mode::Look).unwrap(), vec![]);
                }
            }
            let listed: BTreeMap<String, String> =
                c.list().unwrap().into_iter().map(|f| (f.record.name, f.record.id)).collect();
            prop_assert_eq!(&listed, &model);
            for i in 0..5 {
                let found = c.find(&name(i)).ok().map(|f| f.record.id);
                prop_assert_eq!(found.as_ref(), model.get(&name(i)));
            }
        }
    }
}
