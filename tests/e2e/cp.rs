//! `cp`: docker's rules for where files go, both directions, of running and of stopped containers.

use std::path::Path;

use crate::support::Sandbox;

/// The host's side: `f`, `d/g`, `d/sub/s`, links `lf` to the file and `ld` to the folder.
fn host(sandbox: &Sandbox) {
    let work = sandbox.work();
    std::fs::create_dir_all(work.join("d/sub")).unwrap();
    for (path, text) in [("f", "f\n"), ("d/g", "g\n"), ("d/sub/s", "s\n")] {
        std::fs::write(work.join(path), text).unwrap();
    }
    std::os::unix::fs::symlink("f", work.join("lf")).unwrap();
    std::os::unix::fs::symlink("d", work.join("ld")).unwrap();
    std::process::Command::new("chmod")
        .args(["-R", "a+rwX"])
        .arg(&work)
        .status()
        .unwrap();
}

fn cp(sandbox: &Sandbox, words: &[&str]) -> (i32, String) {
    let mut all = vec!["cp"];
    all.extend(words);
    let done = sandbox.docker(all).current_dir(sandbox.work()).output();
    (done.code, done.stderr)
}

/// Recorded from docker 26: words, exit status, the end of what it says.
fn into_a_container(sandbox: &Sandbox) {
    let here = sandbox.work();
    let lstat = format!(
        "lstat {}/nosuch: no such file or directory\n",
        here.display()
    );
    let cases: [(&[&str], i32, &str); 24] = [
        (&["f", "c1:/t/new"], 0, ""),
        (&["f", "c1:/t/new/"], 1, "no such directory\n"),
        (
            &["f", "c1:/t/no/such"],
            1,
            "Error response from daemon: Could not find the file /t/no in container c1\n",
        ),
        (&["f", "c1:/t/nodir/"], 1, "no such directory\n"),
        (&["f", "c1:/t/ex"], 0, ""),
        (&["f", "c1:/t/ex/"], 0, ""),
        (&["f", "c1:/t/lk"], 0, ""),
        (&["f", "c1:/t/dang"], 0, ""),
        (&["d", "c1:/t/d1"], 0, ""),
        (&["d", "c1:/t/d1"], 0, ""),
        (&["d/.", "c1:/t/d2"], 0, ""),
        (&["d/.", "c1:/t/d2"], 0, ""),
        (&["d", "c1:/t/file"], 1, "cannot copy directory\n"),
        (&["d/", "c1:/t/d4"], 0, ""),
        (&["lf", "c1:/t/lf"], 0, ""),
        (&["-L", "lf", "c1:/t/lf2"], 0, ""),
        (&["ld", "c1:/t/ld"], 0, ""),
        (&["-L", "ld", "c1:/t/ld2"], 0, ""),
        (&["ld/", "c1:/t/ld3"], 0, ""),
        (&["nosuch", "c1:/t"], 1, &lstat),
        (
            &["f", "nosuch:/t"],
            1,
            "Error response from daemon: No such container: nosuch\n",
        ),
        (
            &["f", "f2"],
            1,
            "must specify at least one container source\n",
        ),
        (
            &["c1:/t", "c1:/q"],
            1,
            "copying between containers is not supported\n",
        ),
        (&["f", "c1:t/rel"], 0, ""),
    ];
    for (words, code, text) in cases {
        assert_eq!(cp(sandbox, words), (code, text.to_owned()), "{words:?}");
    }
}

const TREE: &str = "/t\n/t/d1\n/t/d1/d\n/t/d1/d/g\n/t/d1/d/sub\n/t/d1/d/sub/s\n/t/d1/g\n/t/d1/sub\n/t/d1/sub/s\n/t/d2\n\
    /t/d2/g\n/t/d2/sub\n/t/d2/sub/s\n/t/d4\n/t/d4/g\n/t/d4/sub\n/t/d4/sub/s\n/t/dang\n/t/ex\n/t/ex/f\n/t/file\n/t/ld\n\
    /t/ld2\n/t/ld2/g\n/t/ld2/sub\n/t/ld2/sub/s\n/t/ld3\n/t/ld3/g\n/t/ld3/sub\n/t/ld3/sub/s\n/t/lf\n/t/lf2\n/t/lk\n\
    /t/new\n/t/rel\n";

fn out_of_a_container(sandbox: &Sandbox) {
    let work = sandbox.work();
    let missing = format!(
        "invalid output path: directory \"{}/nod\" does not exist\n",
        work.display()
    );
    let cases: [(&[&str], i32, &str); 13] = [
        (&["c1:/t/file", "out"], 0, ""),
        (&["c1:/t/file", "nod/"], 1, "no such directory\n"),
        (&["c1:/t/file", "nod/x"], 1, &missing),
        (&["c1:/t/ex", "exo"], 0, ""),
        (&["c1:/t/ex", "exo"], 0, ""),
        (&["c1:/t/ex/.", "exo2"], 0, ""),
        (&["c1:/t/lk", "lko"], 0, ""),
        (&["-L", "c1:/t/lk", "lko2"], 0, ""),
        (&["c1:/t/lk/", "lko3"], 0, ""),
        (
            &["c1:/t/nosuch", "x"],
            1,
            "Error response from daemon: Could not find the file /t/nosuch in container c1\n",
        ),
        (&["c1:/t/file", "d"], 0, ""),
        (&["c1:/t", "f"], 1, "cannot copy directory\n"),
        (
            &["c1:", "x"],
            1,
            "Error response from daemon: bad parameter: pathcannot be empty\n",
        ),
    ];
    for (words, code, text) in cases {
        assert_eq!(cp(sandbox, words), (code, text.to_owned()), "{words:?}");
    }
    for (path, text) in [
        ("out", "in\n"),
        ("exo/f", "f\n"),
        ("exo/ex/f", "f\n"),
        ("exo2/f", "f\n"),
        ("lko2/f", "f\n"),
        ("lko3/f", "f\n"),
        ("d/file", "in\n"),
    ] {
        assert_eq!(
            std::fs::read_to_string(work.join(path)).unwrap(),
            text,
            "{path}"
        );
    }
    assert_eq!(
        std::fs::read_link(work.join("lko")).unwrap(),
        Path::new("/t/ex")
    );
}

const MADE: &str = "mkdir -p /t/ex; ln -s /t/ex /t/lk; ln -s /nowhere /t/dang; echo in >/t/file";

#[test]
fn a_running_container_gets_and_gives_files_by_dockers_rules() {
    busybox!(sandbox, image);
    host(&sandbox);
    let script = format!("{MADE}; echo ready; sleep 1000");
    sandbox
        .coracle(["run", "-d", "--name", "c1", &image, "sh", "-c", &script])
        .ok();
    crate::support::eventually("the files are there", || {
        sandbox.coracle(["logs", "c1"]).ok().contains("ready")
    });
    into_a_container(&sandbox);
    let tree = sandbox
        .coracle(["exec", "c1", "sh", "-c", "find /t | sort"])
        .ok();
    assert_eq!(tree, TREE);
    assert_eq!(
        sandbox
            .coracle(["exec", "c1", "cat", "/nowhere", "/t/d1/d/sub/s"])
            .ok(),
        "f\ns\n"
    );
    out_of_a_container(&sandbox);
    sandbox.coracle(["rm", "-f", "c1"]).ok();
}

#[test]
fn a_stopped_container_gets_and_gives_files_by_the_same_rules() {
    busybox!(sandbox, image);
    host(&sandbox);
    sandbox
        .coracle(["run", "--name", "c0", &image, "sh", "-c", MADE])
        .ok();
    sandbox.coracle(["commit", "c0", "made:1"]).ok();
    // /t lies in a layer below now
    sandbox
        .coracle([
            "create",
            "--name",
            "c1",
            "made:1",
            "sh",
            "-c",
            "find /t | sort; cat /nowhere /t/d1/d/sub/s",
        ])
        .ok();
    into_a_container(&sandbox);
    out_of_a_container(&sandbox);
    let told = sandbox.coracle(["start", "-a", "c1"]).ok();
    assert_eq!(told, format!("{TREE}f\ns\n"));
}

#[test]
fn tars_go_both_ways_and_volumes_are_reached() {
    busybox!(sandbox, image);
    host(&sandbox);
    sandbox
        .coracle([
            "create",
            "--name",
            "c1",
            "-v",
            "vol:/data",
            &image,
            "cat",
            "/data/d/g",
        ])
        .ok();
    let tar = sandbox
        .command("tar")
        .args(["-c", "d"])
        .current_dir(sandbox.work())
        .output()
        .unwrap()
        .stdout;
    let send = |to: &str| sandbox.docker(["cp", "-", to]).stdin(tar.clone()).output();
    assert_eq!(send("c1:/data").code, 0);
    for to in ["c1:/etc/passwd", "c1:/zz"] {
        let done = send(to);
        assert_eq!(
            (done.code, done.stderr),
            (1, format!("destination \"{to}\" must be a directory\n"))
        );
    }
    assert_eq!(sandbox.coracle(["start", "-a", "c1"]).ok(), "g\n");
    for (path, want) in [
        ("/data/d", "d/\nd/g\nd/sub/\nd/sub/s\n"),
        ("/data/d/.", "./\n./g\n./sub/\n./sub/s\n"),
    ] {
        let got = sandbox.coracle(["cp", &format!("c1:{path}"), "-"]).output();
        let list = sandbox.work().join("list.tar");
        std::fs::write(&list, got.stdout).unwrap();
        let names = sandbox.command("tar").arg("-tPf").arg(&list).output();
        assert_eq!(String::from_utf8_lossy(&names.unwrap().stdout), want);
    }
    assert_eq!(
        cp(&sandbox, &["-", "-"]).1,
        "must specify at least one container source\n"
    );
}

/// CVE-2019-14271, CVE-2018-15664 and their like: what a container's links say stays in the container.
#[test]
fn links_of_a_container_lead_nowhere_on_the_host() {
    busybox!(sandbox, image);
    host(&sandbox);
    let outside = sandbox.work().join("outside");
    std::fs::create_dir(&outside).unwrap();
    std::process::Command::new("chmod")
        .arg("a+rwx")
        .arg(&outside)
        .status()
        .unwrap();
    let script = format!(
        "ln -s {0} /abs; ln -s ../../../../../../../../..{0} /rel; echo ready; sleep 1000",
        outside.display()
    );
    sandbox
        .coracle(["run", "-d", "--name", "c1", &image, "sh", "-c", &script])
        .ok();
    crate::support::eventually("the links are there", || {
        sandbox.coracle(["logs", "c1"]).ok().contains("ready")
    });
    for round in ["running", "stopped"] {
        for link in ["abs", "rel"] {
            let (code, text) = cp(&sandbox, &["f", &format!("c1:/{link}/x")]);
            assert_eq!(code, 1, "{round} {link}: {text}");
            let (code, _) = cp(&sandbox, &["f", &format!("c1:/{link}")]);
            assert_eq!(
                std::fs::read_dir(&outside).unwrap().count(),
                0,
                "{round} {link} {code}"
            );
        }
        sandbox.coracle(["kill", "c1"]).output();
    }
}
