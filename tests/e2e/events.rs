//! `events`: what is told, by whom, and in docker's order (recorded of docker 26).

use std::time::Duration;

use crate::support::{Sandbox, eventually, finish};

/// Listens while `act` runs, and says what was heard.
fn heard(sandbox: &Sandbox, flags: &[&str], act: impl FnOnce()) -> String {
    let words = ["events"].iter().chain(flags);
    let listener = sandbox.coracle(words.copied()).spawn();
    let pid = nix::unistd::Pid::from_raw(listener.id() as i32);
    let folder = sandbox.runtime().join("events");
    eventually("it listens", || {
        std::fs::read_dir(&folder).is_ok_and(|mut all| all.next().is_some())
    });
    act();
    std::thread::sleep(Duration::from_millis(100));
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).unwrap();
    let what = "events".to_owned();
    finish(listener, Vec::new(), Duration::from_secs(10), what).stdout
}

#[test]
fn what_happens_is_told_to_who_listens() {
    busybox!(sandbox, image);
    let act = |words: &str| {
        let words: Vec<&str> = words
            .split(' ')
            .map(|w| if w == "IMAGE" { &image } else { w })
            .collect();
        sandbox.coracle(words).ok();
    };
    let format = "{{.Type}} {{.Action}} {{.Actor.Attributes.name}}{{with .Actor.Attributes.exitCode}} {{.}}{{end}}{{with .Actor.Attributes.signal}} {{.}}{{end}}";
    let got = heard(&sandbox, &["--format", format], || {
        for line in [
            "run --rm --name one -l k=v IMAGE true",
            "create --name two IMAGE sleep 1000",
            "start two",
            "exec two sh -c true",
            "pause two",
            "unpause two",
            "rename two three",
            "kill -s USR1 three",
            "stop -t 0 three",
            "restart -t 0 three",
            "tag IMAGE other:1",
            "rmi other:1",
            "kill three",
            "rm three",
            "volume create vol",
            "volume rm vol",
        ] {
            act(line);
        }
    });
    let id = sandbox.coracle(["inspect", "-f", "{{.Id}}", &image]).ok();
    let got = got.replace(id.trim(), "ID");
    let want = [
        "container create one",
        "network connect bridge",
        "container start one",
        "network disconnect bridge",
        "container die one 0",
        "container destroy one",
        "container create two",
        "network connect bridge",
        "container start two",
        "container exec_create: sh -c true two",
        "container exec_start: sh -c true two",
        "container exec_die two 0",
        "container pause two",
        "container unpause two",
        "container rename three",
        "container kill three 10",
        "container kill three 9",
        "network disconnect bridge",
        "container stop three",
        "container die three 137",
        "network connect bridge",
        "container start three",
        "container restart three",
        "image tag other:1",
        "image untag ID",
        "container kill three 9",
        "network disconnect bridge",
        "container die three 137",
        "container destroy three",
        "volume create <no value>",
        "volume destroy <no value>",
    ];
    assert_eq!(got.lines().collect::<Vec<_>>(), want);
}

#[test]
fn filters_json_and_the_past() {
    busybox!(sandbox, image);
    let run = |name: &str| {
        sandbox
            .coracle([
                "run", "--name", name, "-l", "k=v", &image, "sh", "-c", "exit 3",
            ])
            .fails(3);
    };
    let flags = [
        "--format",
        "{{json .}}",
        "--filter",
        "event=start",
        "--filter",
        "container=second",
    ];
    let got = heard(&sandbox, &flags, || {
        ["first", "second"].into_iter().for_each(run)
    });
    let event: serde_json::Value = serde_json::from_str(got.trim()).expect("one event");
    assert_eq!(
        (&event["status"], &event["from"]),
        (&"start".into(), &image.clone().into())
    );
    assert_eq!(event["Actor"]["Attributes"]["k"], "v");
    // what a signal has ended is forgotten with the next event
    run("third");
    assert!(!sandbox.runtime().join("events").exists());
    let past = sandbox
        .coracle([
            "events",
            "--since",
            "10m",
            "--until",
            "0s",
            "--filter",
            "container=first",
        ])
        .ok();
    let actions: Vec<&str> = past.lines().filter_map(|l| l.split(' ').nth(2)).collect();
    assert_eq!(actions, ["create", "start", "die"]);
    // recorded from docker 26: an unknown key filters nothing
    let past = ["--since", "10m", "--until", "0s"];
    let unknown = [&["events", "--filter", "nonsense=1"][..], &past].concat();
    assert_eq!(
        sandbox.coracle(unknown).ok().lines().count(),
        sandbox
            .coracle([&["events"][..], &past].concat())
            .ok()
            .lines()
            .count(),
    );
}
