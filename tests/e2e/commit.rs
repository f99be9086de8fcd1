//! `commit`, `diff`, `export`, `import`: what a container changed, and images made of it.

use crate::support::{Sandbox, masked};

#[test]
fn diff_lists_what_was_added_changed_and_deleted() {
    busybox!(sandbox, image);
    let script = "mkdir -p /new/sub; echo hi >/new/sub/f; rm /etc/group; echo x >>/etc/passwd; ln -s f /new/l";
    sandbox
        .coracle(["run", "--name", "c1", &image, "sh", "-c", script])
        .ok();
    let expected =
        "C /etc\nD /etc/group\nC /etc/passwd\nA /new\nA /new/l\nA /new/sub\nA /new/sub/f\n";
    assert_eq!(sandbox.coracle(["diff", "c1"]).ok(), expected);
    assert_eq!(sandbox.coracle(["container", "diff", "c1"]).ok(), expected);
    let told = sandbox.docker(["diff", "nosuch"]).fails(1);
    assert_eq!(
        told,
        "Error response from daemon: No such container: nosuch\n"
    );
}

#[test]
fn what_another_than_root_made_is_its_own_in_the_image() {
    busybox!(sandbox, image);
    let script = "echo x >/x; mkdir /d; echo x >>/etc/passwd";
    let run = [
        "run", "--name", "c1", "-u", "33:34", &image, "sh", "-c", script,
    ];
    sandbox.coracle(run).ok();
    let mode = sandbox.coracle(["inspect", "-f", "{{.State.Identity}}", "c1"]);
    assert_eq!(mode.output().stdout.trim(), "native");
    sandbox.coracle(["commit", "c1", "made"]).ok();
    let stat = ["stat", "-c", "%n %u:%g", "/x", "/d", "/etc/passwd"];
    let run = ["run", "--rm", "-u", "0", "made"];
    let told = sandbox.coracle(run.iter().chain(&stat)).ok();
    assert_eq!(told, "/x 33:34\n/d 33:34\n/etc/passwd 0:0\n");
}

/// Docker 26: the points of the user's mounts are the container's; what every container has is not, by every driver.
#[test]
fn points_of_mounts_are_changes_and_what_every_container_has_is_none() {
    busybox!(sandbox, image);
    let folder = sandbox.work().join("given");
    std::fs::create_dir(&folder).unwrap();
    let bind = format!("{}:/a/b", folder.display());
    for driver in ["overlay", "copy"] {
        let name = format!("of-{driver}");
        let script = "touch /data/f; stat -c '%a %s' /.dockerenv; readlink /etc/mtab; \
                      cut -d' ' -f2 /etc/mtab | head -n1";
        let words = ["--storage-driver", driver, "run", "--name", &name];
        let more = [
            "-v",
            "vol:/data",
            "-v",
            &bind,
            "--tmpfs",
            "/t",
            &image,
            "sh",
            "-c",
            script,
        ];
        let told = sandbox.coracle(words.iter().chain(&more)).ok();
        assert_eq!(told, "755 0\n/proc/mounts\n/\n", "{driver}");
        let told = sandbox.coracle(["diff", &name]).ok();
        assert_eq!(told, "A /a\nA /a/b\nA /data\nA /t\n", "{driver}");
        sandbox.coracle(["commit", &name, "made"]).ok();
        let script = "ls -d /data /a/b /t; ls /data";
        let told = sandbox
            .coracle(["run", "--rm", "made", "sh", "-c", script])
            .ok();
        assert_eq!(told, "/a/b\n/data\n/t\n", "{driver}");
    }
}

#[test]
fn a_commit_is_an_image_with_the_changes_and_the_new_configuration() {
    busybox!(sandbox, image);
    let script = "mkdir /made; echo hi >/made/f; chmod 000 /made/f; rm -r /home; mkdir /home; ln /made/f /made/g";
    sandbox
        .coracle(["run", "--name", "c1", &image, "sh", "-c", script])
        .ok();
    let words = [
        "commit",
        "-a",
        "Me <a@b>",
        "-m",
        "a message",
        "-c",
        "CMD [\"cat\",\"/made/f\"]",
        "-c",
        "ENV X=1",
        "c1",
        "mine:1",
    ];
    let id = sandbox.coracle(words).ok();
    assert_eq!(masked(&id), "sha256:<id>\n");
    assert_eq!(sandbox.coracle(["run", "--rm", "mine:1"]).ok(), "hi\n");
    assert_eq!(
        sandbox
            .coracle([
                "run",
                "--rm",
                "mine:1",
                "sh",
                "-c",
                "echo $X; ls -A /home; stat -c %h /made/g"
            ])
            .ok(),
        "1\n2\n"
    );
    let shown = sandbox
        .coracle([
            "inspect",
            "-f",
            "{{.Author}}|{{.Comment}}|{{len .RootFS.Layers}}",
            "mine:1",
        ])
        .ok();
    assert_eq!(shown, "Me <a@b>|a message|2\n");
    // the container goes on, and what it changed is still its own
    assert!(sandbox.coracle(["diff", "c1"]).ok().contains("A /made/f\n"));
    // the same tree is the same layer, though time has passed
    sandbox.coracle(["commit", "c1", "mine:2"]).ok();
    let layers = |name: &str| {
        sandbox
            .coracle(["inspect", "-f", "{{json .RootFS.Layers}}", name])
            .ok()
    };
    assert_eq!(layers("mine:1"), layers("mine:2"));
    // and it saves and loads
    let file = sandbox.work().join("a.tar");
    let file = file.to_str().unwrap();
    sandbox.coracle(["save", "-o", file, "mine:1"]).ok();
    let other = Sandbox::new();
    other.coracle(["load", "-i", file]).ok();
    assert_eq!(other.coracle(["run", "--rm", "mine:1"]).ok(), "hi\n");
}

#[test]
fn a_running_container_is_committed_and_runs_on() {
    busybox!(sandbox, image);
    sandbox
        .coracle([
            "run",
            "-d",
            "--name",
            "c1",
            &image,
            "sh",
            "-c",
            "echo 1 >/f; sleep 1000",
        ])
        .ok();
    crate::support::eventually("the file is there", || {
        sandbox.coracle(["diff", "c1"]).ok().contains("A /f")
    });
    let id = sandbox.coracle(["commit", "c1"]).ok();
    assert_eq!(
        sandbox
            .coracle(["run", "--rm", id.trim(), "cat", "/f"])
            .ok(),
        "1\n"
    );
    assert_eq!(
        sandbox
            .coracle(["inspect", "-f", "{{.State.Status}}", "c1"])
            .ok(),
        "running\n"
    );
    sandbox
        .coracle(["commit", "--pause=false", "c1", "mine:1"])
        .ok();
    sandbox.coracle(["rm", "-f", "c1"]).ok();
    for (change, text) in [
        (
            "RUN x",
            "Error response from daemon: RUN is not a valid change command\n",
        ),
        (
            "FOO",
            "Error response from daemon: FOO is not a valid change command\n",
        ),
    ] {
        sandbox.coracle(["create", "--name", "d1", &image]).ok();
        assert_eq!(
            sandbox.docker(["commit", "-c", change, "d1"]).fails(1),
            text
        );
        sandbox.coracle(["rm", "d1"]).ok();
    }
}

#[test]
fn an_export_imports_as_one_layer() {
    busybox!(sandbox, image);
    sandbox
        .coracle([
            "run",
            "--name",
            "c1",
            &image,
            "sh",
            "-c",
            "echo hi >/f; rm /etc/group",
        ])
        .ok();
    let file = sandbox.work().join("root.tar");
    let file = file.to_str().unwrap();
    sandbox.coracle(["export", "-o", file, "c1"]).ok();
    let id = sandbox
        .coracle([
            "import",
            "-c",
            "CMD cat /f",
            "-m",
            "imported",
            file,
            "root:1",
        ])
        .ok();
    assert_eq!(masked(&id), "sha256:<id>\n");
    assert_eq!(sandbox.coracle(["run", "--rm", "root:1"]).ok(), "hi\n");
    let look = [
        "run",
        "--rm",
        "root:1",
        "sh",
        "-c",
        "ls /etc/group 2>/dev/null; ls -d /etc",
    ];
    assert_eq!(sandbox.coracle(look).ok(), "/etc\n");
    // compressed, from a pipe
    let gzip = zstd::encode_all(&std::fs::read(file).unwrap()[..], 1).unwrap();
    let id = sandbox.coracle(["import", "-"]).stdin(gzip).ok();
    assert_eq!(
        sandbox
            .coracle(["run", "--rm", id.trim(), "cat", "/f"])
            .ok(),
        "hi\n"
    );
    assert_eq!(
        sandbox.docker(["import", "/nonexist"]).fails(1),
        "open /nonexist: no such file or directory\n"
    );
    let told = sandbox.docker(["import", "-"]).stdin("hello\n").fails(1);
    assert!(!told.is_empty());
    let left = std::fs::read_dir(sandbox.data().join("staging"))
        .unwrap()
        .count();
    assert_eq!(left, 0);
}
