//! What scripts and CI files that were written for docker look at; texts and statuses are docker 26's.

use std::net::TcpListener;

use super::build::Bench;
use crate::support::image::{Layer, Tar, shell};
use crate::support::{self, Sandbox, registry};

/// Daemons and CI agents ignore the ends of their children, and what they start inherits that.
#[test]
fn a_caller_that_ignores_its_children_is_served() {
    busybox!(sandbox, image);
    let mut shell = sandbox.command("/bin/bash");
    let line = r#"trap '' CHLD; "$0" run --rm "$1" echo ok; "$0" ps -aq"#;
    shell.args(["-c", line]).arg(support::program()).arg(&image);
    let output = shell.output().unwrap();
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "ok\n",
        "{output:?}"
    );
}

#[test]
fn builds_end_as_they_do_with_buildkit() {
    let Some(b) = Bench::new() else {
        return support::skipped("no registry or busybox");
    };
    b.write("dir/f", "f");
    let fails = |file: &str, args: &[&str], want: &str| {
        let output = b.build(file, args);
        assert_eq!(output.code, 1, "{}", output.stderr);
        assert!(output.stderr.contains(want), "{}", output.stderr);
    };
    fails(
        "FROM %B\nCOPY nodir/* /x/\n",
        &[],
        "ERROR: failed to solve: lstat /nodir: no such file or directory",
    );
    fails(
        "FROM %B\nCOPY --from=%B /nodir/* /x/\n",
        &[],
        "ERROR: failed to solve: lstat /nodir: no such file or directory",
    );
    fails(
        "FROM %B\n",
        &["--network", "nosuchnet"],
        "ERROR: network mode \"nosuchnet\" not supported by buildkit - you can define a custom network for your builder using the network driver-opt in buildx create\n",
    );
    let checked = format!(
        "FROM %B\nADD --checksum=sha256:{} dir/f /x\n",
        "0".repeat(64)
    );
    let want = "ERROR: failed to solve: checksum can't be specified for non-HTTP sources";
    fails(&checked, &[], want);
    // the host's network only where it was allowed, and of what is built at all
    let host = "FROM %B AS a\nRUN --network=host true\nFROM %B\nRUN true\n";
    let want = "ERROR: failed to solve: failed to load LLB: network.host is not allowed";
    fails(host, &["--target", "a"], want);
    for flags in [
        &["--target", "a", "--allow", "network.host"][..],
        &["--target", "a", "--network", "host"],
        &[],
    ] {
        assert_eq!(b.build(host, flags).code, 0, "{flags:?}");
    }
    // a step is no container, and has the limit for itself alone
    let file = "FROM %B\nCOPY dir/*.zip dir/f /x/\nRUN test ! -e /.dockerenv -a ! -L /etc/mtab -a $(ulimit -n) = 5\n";
    let made = b.build(file, &["--ulimit", "nofile=5"]);
    assert_eq!(made.code, 0, "{}", made.stderr);
    let quiet = b
        .sandbox
        .coracle(["build", "-q", "--ulimit", "nofile=5", "ctx"])
        .ok();
    let words = [
        "build",
        "--progress",
        "quiet",
        "--ulimit",
        "nofile=5",
        "ctx",
    ];
    let same = b.sandbox.coracle(words).output();
    assert_eq!(
        (same.stdout.as_str(), same.stderr.as_str()),
        (quiet.as_str(), "")
    );
    assert!(quiet.starts_with("sha256:"), "{quiet}");
    let words = [
        "build",
        "-q",
        "-o",
        "type=local,dest=out",
        "--ulimit",
        "nofile=5",
        "ctx",
    ];
    assert_eq!(b.sandbox.coracle(words).ok(), "\n");
}

#[test]
fn a_base_for_one_platform_is_the_base_for_any() {
    let Some(b) = Bench::new() else {
        return support::skipped("no registry or busybox");
    };
    let registry = registry::get().unwrap();
    let layer = Layer::from_tar(&Tar::default().file("f", 0o644, "x").finish());
    let name = format!("alone-{:x}:1", std::process::id());
    let name = registry.push(&name, &[layer], shell());
    b.write("new", "new");
    let file = format!("FROM {name}\nCOPY new /\n");
    let own = match std::env::consts::ARCH {
        "aarch64" => "amd64",
        _ => "arm64",
    };
    let output = b.build(&file, &["--platform", &format!("linux/{own}"), "-t", "any"]);
    assert_eq!(output.code, 0, "{}", output.stderr);
    let words = ["image", "inspect", "-f", "{{.Os}}/{{.Architecture}}", "any"];
    assert_eq!(b.sandbox.coracle(words).ok(), format!("linux/{own}\n"));
    let refused = b
        .sandbox
        .docker(["pull", "--platform", &format!("linux/{own}"), &name]);
    let refused = refused.fails(1);
    assert!(
        refused.contains("was found but does not match the specified platform"),
        "{refused}"
    );
}

#[test]
fn a_port_that_is_taken_is_named_with_who_has_it() {
    busybox!(sandbox, image);
    let taken = TcpListener::bind("0.0.0.0:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let publish = format!("{port}:80");
    let words = ["run", "--name", "c1", "-p", &publish, &image, "true"];
    let told = sandbox.docker(words).fails(125);
    assert!(
        told.starts_with("docker: Error response from daemon: driver failed programming external connectivity on endpoint c1 ("),
        "{told}"
    );
    let why = format!("): listen tcp4 0.0.0.0:{port}: bind: address already in use; ");
    assert!(told.contains(&why), "{told}");
    drop(taken);
    let words = [
        "run", "-d", "--name", "first", "-p", &publish, &image, "sleep", "100",
    ];
    sandbox.coracle(words).ok();
    let told = sandbox.docker(["start", "c1"]).fails(1);
    let why = format!("): Bind for 0.0.0.0:{port} failed: port is already allocated\n");
    assert!(told.contains(&why), "{told}");
    sandbox.coracle(["rm", "-f", "first"]).ok();
}

#[test]
fn a_limit_of_open_files_is_the_programs_alone() {
    busybox!(sandbox, image);
    for user in ["0", "1000", "0:5"] {
        let words = [
            "run", "--rm", "--user", user, "--ulimit", "nofile=5", &image,
        ];
        let told = sandbox
            .coracle(words.into_iter().chain(["sh", "-c", "ulimit -n"]))
            .ok();
        assert_eq!(told, "5\n", "{user}");
    }
}

#[test]
fn volumes_have_the_options_of_the_local_driver() {
    busybox!(sandbox, image);
    let folder = sandbox.work().join("there");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("z"), "").unwrap();
    let device = format!("device={}", folder.display());
    let make = |name: &str, options: [&str; 3]| {
        let options = options.iter().flat_map(|o| ["--opt", o]);
        sandbox
            .coracle(["volume", "create", name].into_iter().chain(options))
            .ok();
    };
    make("tm", ["type=tmpfs", "device=tmpfs", "o=size=1m,uid=1000"]);
    make("bi", ["type=none", "o=bind", &device]);
    make("ro", ["type=none", "o=bind,ro", &device]);
    let run = |mount: &str, script: &str| {
        let words = ["run", "--rm", "-v", mount, &image, "sh", "-c", script];
        sandbox.coracle(words).output().stdout
    };
    let script =
        "grep -o ' /t tmpfs rw,relatime,size=1024k' /proc/mounts; stat -c %a /t; touch /t/x; ls /t";
    let want = " /t tmpfs rw,relatime,size=1024k\n1777\nx\n";
    for _ in 0..2 {
        assert_eq!(run("tm:/t", script), want);
    }
    assert_eq!(run("bi:/t", "ls /t; touch /t/new"), "z\n");
    assert_eq!(
        run("ro:/t", "ls /t; touch /t/f || echo refused"),
        "new\nz\nrefused\n"
    );
}

#[test]
fn what_was_asked_for_and_is_not_there_is_refused() {
    busybox!(sandbox, image);
    let folder = sandbox.work().display().to_string();
    let bind = format!("{folder}:/etc/passwd");
    let onto = format!("error mounting \"{folder}\" to rootfs at \"/etc/passwd\": not a directory");
    let mut cases = vec![
        (
            vec!["run", "--rm", "-v", &bind, &image, "true"],
            125,
            onto.as_str(),
        ),
        (
            vec!["run", "--rm", "--tmpfs", "/etc/passwd", &image, "true"],
            125,
            "error mounting \"tmpfs\" to rootfs at \"/etc/passwd\": not a directory",
        ),
        (
            vec!["login", "-u", "a", "--password-stdin", "127.0.0.1:1"],
            1,
            "Error: Cannot perform an interactive login from a non TTY device",
        ),
        (
            vec!["swarm", "init"],
            1,
            "docker swarm: there is no swarm here",
        ),
        (
            vec!["plugin", "ls"],
            1,
            "docker plugin: there are no plugins here",
        ),
        (
            vec!["context", "use", "x"],
            1,
            "context \"x\": context not found: ",
        ),
        (vec!["import", "-"], 1, "Error response from daemon: "),
        (vec!["cp", "-", "c1:/"], 1, "Error response from daemon: "),
        (
            vec!["run", "--name", "c1", &image],
            125,
            "You have to remove (or rename) that container to be able to reuse that name.\nSee 'docker run --help'.\n",
        ),
    ];
    let has_gpu = std::fs::read_dir("/dev").unwrap().flatten();
    if !has_gpu
        .into_iter()
        .any(|e| e.file_name().to_string_lossy().starts_with("nvidia"))
    {
        cases.push((
            vec!["run", "--rm", "--gpus", "all", &image, "true"],
            125,
            "docker: Error response from daemon: could not select device driver \"\" with capabilities: [[gpu]].\n",
        ));
    }
    sandbox.coracle(["create", "--name", "c1", &image]).ok();
    for (words, code, want) in cases {
        let input = match words[0] {
            "login" => "",
            _ => "junkjunk",
        };
        let told = sandbox.docker(&words).stdin(input).fails(code);
        assert!(told.contains(want), "{words:?}: {told}");
    }
}

/// Docker's structs leave these members out, and so does `json`, though a template may ask for each.
#[test]
fn json_of_a_part_has_the_members_that_docker_prints() {
    busybox!(sandbox, image);
    sandbox.coracle(["create", "--name", "c1", &image]).ok();
    for (format, absent) in [
        (
            "{{json .Config}}",
            ["Healthcheck", "StopSignal", "StopTimeout", "Shell"],
        ),
        (
            "{{json .HostConfig}}",
            ["Annotations", "StorageOpt", "Sysctls", "Init"],
        ),
    ] {
        let told = sandbox.coracle(["inspect", "-f", format, "c1"]).ok();
        for name in absent {
            assert!(!told.contains(&format!("\"{name}\"")), "{name}: {told}");
        }
    }
    let format = "[{{.Config.StopSignal}}] {{.HostConfig.Init}}";
    assert_eq!(
        sandbox.coracle(["inspect", "-f", format, "c1"]).ok(),
        "[] <nil>\n"
    );
}

#[test]
fn there_is_one_builder_and_one_context() {
    let sandbox = Sandbox::new();
    let says = |words: &str| sandbox.docker(words.split(' ')).ok();
    for (words, want) in [
        (
            "buildx create --use --name mine --driver docker-container",
            "mine\n",
        ),
        ("buildx use mine", ""),
        ("buildx rm mine", ""),
        ("buildx ls --format {{.Name}}", "default\ndefault\n"),
        ("context show", "default\n"),
        ("context use default", "default\n"),
        ("context ls -q", "default\n"),
    ] {
        assert_eq!(says(words), want, "{words}");
    }
    for (words, want) in [
        ("buildx version", "coracle/buildx "),
        (
            "buildx inspect mine --bootstrap",
            "Name:   default\nDriver: coracle\n\nNodes:\n",
        ),
        (
            "buildx ls",
            "NAME/NODE     DRIVER/ENDPOINT   STATUS    BUILDKIT",
        ),
        ("context ls", "NAME        DESCRIPTION "),
    ] {
        assert!(says(words).starts_with(want), "{words}: {}", says(words));
    }
}

#[test]
fn a_manifest_is_shown_as_the_registry_has_it() {
    busybox!(sandbox, image);
    let told = sandbox.coracle(["manifest", "inspect", &image]).ok();
    assert!(
        told.starts_with("{\n\t\"schemaVersion\": 2,\n\t\"mediaType\": "),
        "{told}"
    );
    assert!(
        told.contains("\n\t\"layers\": [\n\t\t{\n\t\t\t\"mediaType\": "),
        "{told}"
    );
    let missing = format!("{image}-not");
    let told = sandbox.docker(["manifest", "inspect", &missing]).fails(1);
    assert_eq!(told, format!("no such manifest: {missing}\n"));
    // by digest: the tag has brought it
    sandbox.coracle(["pull", "-q", &image]).ok();
    let format = "{{index .RepoDigests 0}}";
    let digest = sandbox
        .coracle(["image", "inspect", "-f", format, &image])
        .ok();
    let digest = digest.trim();
    let told = sandbox.coracle(["pull", digest]).ok();
    assert!(
        told.contains(&format!("Status: Image is up to date for {digest}\n")),
        "{told}"
    );
}
