//! Builds for several platforms, and annotations: recorded from BuildKit 0.13 with the containerd store.

use serde_json::{Value, json};

use super::build::Bench;
use crate::support::image::{Layer, Tar, configuration, shell};
use crate::support::{self, Sandbox, registry};

/// What is made on the machine that builds, for another one: one step for both, one for each.
const CROSS: &str = "FROM --platform=$BUILDPLATFORM %B AS build
RUN echo common > /common
ARG TARGETARCH
RUN echo $TARGETARCH > /out
FROM scratch
COPY --from=build /out /common /
";

fn json_of(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap()
}

/// The names of the steps that a build showed, sorted.
fn shown(stderr: &str) -> Vec<String> {
    let names = stderr.lines().filter_map(|line| line.split_once(' '));
    let names = names
        .map(|(_, name)| name)
        .filter(|name| name.starts_with("[linux/"));
    let mut names: Vec<String> = names
        .filter(|name| !name.contains("internal"))
        .map(|name| name.split('@').next().unwrap().to_owned())
        .collect();
    names.sort();
    names.dedup();
    names
}

#[test]
fn several_platforms_make_one_index_and_share_what_is_equal() {
    let Some(b) = Bench::new() else {
        return support::skipped("no registry or busybox");
    };
    let archive = b.sandbox.work().join("o.tar");
    let output = format!("type=oci,dest={}", archive.display());
    let words = [
        "--platform",
        "linux/amd64,linux/arm64",
        "--annotation",
        "index:a=1",
        "--annotation",
        "manifest:b=2",
        "--annotation",
        "c=3",
        "--annotation",
        "manifest[linux/arm64]:d=4",
        "--annotation",
        "manifest-descriptor:e=5",
        "--annotation",
        "index-descriptor:f=6",
        "-t",
        "mp:1",
        "--output",
        &output,
    ];
    let made = b.build(CROSS, &words);
    assert_eq!(made.code, 0, "{}", made.stderr);
    let base = &b.base;
    assert_eq!(
        shown(&made.stderr),
        [
            "[linux/amd64 build 2/3] RUN echo common > /common".to_owned(),
            "[linux/amd64 build 3/3] RUN echo amd64 > /out".to_owned(),
            "[linux/amd64 stage-1 1/1] COPY --from=build /out /common /".to_owned(),
            "[linux/amd64->arm64 build 3/3] RUN echo arm64 > /out".to_owned(),
            "[linux/arm64 stage-1 1/1] COPY --from=build /out /common /".to_owned(),
            format!("[linux/amd64 build 1/3] FROM {base}"),
        ]
        .into_iter()
        .collect::<std::collections::BTreeSet<_>>()
        .into_iter()
        .collect::<Vec<_>>()
    );
    let files = members(&archive);
    let blob = |digest: &Value| {
        let hex = digest.as_str().unwrap().trim_start_matches("sha256:");
        json_of(&files[&format!("blobs/sha256/{hex}")])
    };
    let top = json_of(&files["index.json"]);
    assert_eq!(top["manifests"].as_array().unwrap().len(), 1);
    assert_eq!(
        top["manifests"][0]["annotations"],
        json!({ "f": "6", "io.containerd.image.name": "docker.io/library/mp:1", "org.opencontainers.image.ref.name": "1" })
    );
    let index = blob(&top["manifests"][0]["digest"]);
    assert_eq!(index["annotations"], json!({ "a": "1" }));
    for (at, architecture) in ["amd64", "arm64"].iter().enumerate() {
        let entry = &index["manifests"][at];
        let platform = json!({ "architecture": architecture, "os": "linux" });
        assert_eq!(entry["platform"], platform);
        assert_eq!(entry["annotations"], json!({ "e": "5" }));
        let manifest = blob(&entry["digest"]);
        let mut annotations = json!({ "b": "2", "c": "3" });
        if *architecture == "arm64" {
            annotations["d"] = json!("4");
        }
        assert_eq!(manifest["annotations"], annotations);
        assert_eq!(
            blob(&manifest["config"]["digest"])["architecture"],
            *architecture
        );
    }
    // files: a folder for each
    let folder = b.sandbox.work().join("files");
    let to = folder.display().to_string();
    let made = b.build(CROSS, &["--platform", "linux/amd64,linux/arm64", "-o", &to]);
    assert_eq!(made.code, 0, "{}", made.stderr);
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    assert_eq!(
        read("linux_arm64/out") + &read("linux_amd64/out"),
        "arm64\namd64\n"
    );
    let tar = b.sandbox.work().join("files.tar");
    let to = format!("type=tar,dest={}", tar.display());
    let made = b.build(CROSS, &["--platform", "linux/amd64,linux/arm64", "-o", &to]);
    assert_eq!(made.code, 0, "{}", made.stderr);
    assert_eq!(members(&tar)["linux_arm64/out"], b"arm64\n");
}

#[test]
fn an_index_is_pushed_pulled_elsewhere_and_removed_as_one() {
    let Some(b) = Bench::new() else {
        return support::skipped("no registry or busybox");
    };
    let registry = registry::get().unwrap();
    let name = format!("{}/mp-{:x}:1", registry.address(), std::process::id());
    let iid = b.sandbox.work().join("iid");
    let meta = b.sandbox.work().join("meta");
    let words = [
        "--platform=linux/amd64,linux/arm64",
        "--annotation=k=v",
        "-t",
        &name,
        "--iidfile",
        iid.to_str().unwrap(),
        "--metadata-file",
        meta.to_str().unwrap(),
    ];
    let made = b.build(CROSS, &words);
    assert_eq!(made.code, 0, "{}", made.stderr);
    let meta = json_of(&std::fs::read(&meta).unwrap());
    let id = std::fs::read_to_string(&iid).unwrap();
    assert_eq!(meta["containerimage.digest"], id.as_str());
    assert_eq!(
        meta["containerimage.descriptor"]["mediaType"],
        "application/vnd.oci.image.index.v1+json"
    );
    // one name, and what runs here is this machine's
    let listed = b.sandbox.coracle(["images", "-q", &name]).ok();
    assert_eq!(listed.lines().count(), 1, "{listed}");
    let words = ["create", "--platform", "linux/arm64", &name, "x"];
    let made = b.sandbox.coracle(words).ok();
    let to = b.sandbox.work().join("arm.tar");
    b.sandbox
        .coracle(["export", "-o", to.to_str().unwrap(), made.trim()])
        .ok();
    assert_eq!(members(&to)["out"], b"arm64\n");
    b.sandbox.coracle(["rm", made.trim()]).ok();
    let pushed = b.sandbox.coracle(["push", "-q", &name]).ok();
    assert_eq!(pushed, format!("{name}\n"));
    for (platform, says) in [("linux/arm64", "arm64"), ("linux/amd64", "amd64")] {
        let other = Sandbox::new();
        other
            .coracle(["pull", "-q", "--platform", platform, &name])
            .ok();
        let format = "{{.Architecture}}";
        let found = other
            .coracle(["image", "inspect", "-f", format, &name])
            .ok();
        assert_eq!(found, format!("{says}\n"));
        let made = other
            .coracle(["create", "--platform", platform, &name, "x"])
            .ok();
        let tar = other.work().join("export.tar");
        let to = tar.to_str().unwrap();
        other.coracle(["export", "-o", to, made.trim()]).ok();
        assert_eq!(members(&tar)["out"], format!("{says}\n").as_bytes());
    }
    // again: nothing is built, nothing sent, the same digest
    let before = b.sandbox.coracle(["push", &name]).ok();
    let made = b.build(
        CROSS,
        &[
            "--platform=linux/amd64,linux/arm64",
            "--annotation=k=v",
            "-t",
            &name,
        ],
    );
    assert!(
        !made.stderr.contains("] RUN echo common > /common\n#5 DONE"),
        "{}",
        made.stderr
    );
    let after = b.sandbox.coracle(["push", &name]).ok();
    let digest = |told: &str| told.lines().last().unwrap().to_owned();
    assert_eq!(digest(&before), digest(&after));
    // it goes as one
    b.sandbox.coracle(["rmi", &name]).ok();
    b.sandbox.coracle(["rmi", &b.base]).ok();
    let list = |folder: &str| {
        std::fs::read_dir(b.sandbox.data().join(folder))
            .unwrap()
            .flatten()
    };
    // what is young may be another build's
    for entry in list("layers").chain(list("blobs")) {
        let file = std::fs::File::open(entry.path()).unwrap();
        file.set_modified(std::time::SystemTime::UNIX_EPOCH)
            .unwrap();
    }
    b.sandbox.coracle(["builder", "prune", "-af"]).ok();
    assert_eq!((list("layers").count(), list("blobs").count()), (0, 0));
}

#[test]
fn refusals_are_buildkits() {
    let Some(b) = Bench::new() else {
        return support::skipped("no registry or busybox");
    };
    let file = "FROM scratch\nCOPY Dockerfile /\n";
    for (words, says) in [
        (
            &["--annotation", "index:a=1"][..],
            "ERROR: failed to solve: index annotations not supported for single platform export",
        ),
        (
            &["--annotation", "foo:a=1"],
            "ERROR: unknown annotation type \"foo\"",
        ),
        (
            &[
                "--platform=linux/amd64,linux/arm64",
                "-o",
                "type=docker,dest=x",
            ],
            "ERROR: docker exporter does not support exporting manifest lists, use the oci exporter instead",
        ),
    ] {
        let output = b.build(file, words);
        assert_eq!(output.code, 1, "{words:?}");
        assert!(output.stderr.contains(says), "{words:?}: {}", output.stderr);
    }
}

/// A program for another processor: an ELF header that says so, and nothing behind it.
fn foreign_program() -> Vec<u8> {
    let mut elf = vec![0; 120];
    elf[..7].copy_from_slice(b"\x7fELF\x02\x01\x01");
    elf[16..20].copy_from_slice(&[2, 0, 243, 0]); // executable, RISC-V
    elf
}

/// An image for this machine and for another in the registry, both with a `sh` for the other.
fn two_processors(name: &str) -> String {
    let registry = registry::get().unwrap();
    let name = format!("{name}-{:x}:1", std::process::id());
    let repository = name.split(':').next().unwrap();
    let mut manifests = Vec::new();
    for (architecture, platform) in [("amd64", "linux/amd64"), ("riscv64", "linux/riscv64")] {
        let tar = Tar::default().file("bin/sh", 0o755, foreign_program());
        let layer = Layer::from_tar(&tar.file(architecture, 0o644, "x").finish());
        let mut config = json_of(&configuration(std::slice::from_ref(&layer), shell()));
        config["architecture"] = json!(architecture);
        let config = config.to_string();
        let manifest = registry.push_documents(repository, &[layer], config.as_bytes());
        manifests.push((platform, manifest));
    }
    registry.push_index(&name, &manifests)
}

/// Linux 6.7: a user namespace has its own table of handlers.
#[test]
fn an_emulator_in_the_path_runs_programs_of_another_processor() {
    let Some(b) = Bench::new() else {
        return support::skipped("no registry or busybox");
    };
    let table = ["-t", "binfmt_misc", "none", "/proc/sys/fs/binfmt_misc"];
    let mut mount = std::process::Command::new("unshare");
    let mount = mount.args(["-Urm", "mount"]).args(table).status();
    if !mount.is_ok_and(|status| status.success()) {
        return support::skipped("binfmt_misc is not for user namespaces before Linux 6.7");
    }
    let folder = b.sandbox.work().join("emulators");
    std::fs::create_dir(&folder).unwrap();
    let Some(program) = crate::identity::program(&folder, "emulator") else {
        return;
    };
    std::fs::rename(program, folder.join("qemu-riscv64-static")).unwrap();
    let path = format!("{}:/usr/bin:/bin", folder.display());
    let name = two_processors("emulated");
    let words = [
        "run",
        "--rm",
        "--platform",
        "linux/riscv64",
        &name,
        "sh",
        "-c",
        "a b",
    ];
    let run = b.sandbox.coracle(words).env("PATH", &path).output();
    assert_eq!(
        (run.stdout.as_str(), run.code),
        ("/bin/sh|sh|-c|a b\n", 0),
        "{}",
        run.stderr
    );
    // the table of the host and of other containers is as it was
    let run = b.sandbox.coracle(words).output();
    assert_eq!(run.code, 126, "{}", run.stdout);
    let file = format!("FROM {name}\nRUN one two\n");
    b.write("Dockerfile", &file);
    let context = b.path("").display().to_string();
    let words = [
        "build",
        "--progress=plain",
        "--platform=linux/riscv64",
        &context,
    ];
    let built = b.sandbox.coracle(words).env("PATH", &path).output();
    assert_eq!(built.code, 0, "{}", built.stderr);
    assert!(
        built.stderr.contains("/bin/sh|/bin/sh|-c|one two"),
        "{}",
        built.stderr
    );
}

#[test]
fn a_base_of_another_processor_leaves_the_tag_and_its_programs_are_told() {
    let Some(b) = Bench::new() else {
        return support::skipped("no registry or busybox");
    };
    if std::path::Path::new("/proc/sys/fs/binfmt_misc/qemu-riscv64").exists() {
        return support::skipped("this host runs programs of other processors");
    }
    let name = two_processors("two");
    b.sandbox.coracle(["pull", "-q", &name]).ok();
    let id = b.sandbox.coracle(["images", "-q", &name]).ok();
    let file = format!("FROM {name}\nRUN true\n");
    let output = b.build(&file, &["--platform=linux/riscv64"]);
    assert_eq!(output.code, 1);
    let says = "this host runs no programs for linux/riscv64: install qemu-user-static (a static qemu in your PATH is enough from Linux 6.7 on), or make that step on this machine (FROM --platform=$BUILDPLATFORM)";
    assert!(output.stderr.contains(says), "{}", output.stderr);
    assert_eq!(b.sandbox.coracle(["images", "-q", &name]).ok(), id);
    // without a program it is built
    let file = format!("FROM {name}\nCOPY Dockerfile /\n");
    let output = b.build(&file, &["--platform=linux/riscv64", "-t", "foreign"]);
    assert_eq!(output.code, 0, "{}", output.stderr);
    let format = "{{.Architecture}}";
    let found = b
        .sandbox
        .coracle(["image", "inspect", "-f", format, "foreign"])
        .ok();
    assert_eq!(found, "riscv64\n");
}

/// The plain files of a tar.
fn members(path: &std::path::Path) -> std::collections::BTreeMap<String, Vec<u8>> {
    use std::io::Read;
    let mut archive = tar::Archive::new(std::fs::File::open(path).unwrap());
    let mut all = std::collections::BTreeMap::new();
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let name = entry.path().unwrap().display().to_string();
        let mut content = Vec::new();
        entry.read_to_end(&mut content).unwrap();
        if entry.header().entry_type().is_file() {
            all.insert(name, content);
        }
    }
    all
}
