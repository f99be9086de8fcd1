//! Where builds take things from and bring them to: addresses, repositories, standard input, registries, terminals.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::build::{Bench, ran};
use crate::support::pty::Terminal;
use crate::support::{self, Sandbox, eventually, image, registry};

/// One file of a server: its head's lines and its body.
type Page = (String, Vec<u8>);

/// A server of a few files; the paths that it was asked for.
struct Server {
    address: String,
    pages: Arc<Mutex<std::collections::HashMap<String, Page>>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Server {
    fn start() -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let server = Server {
            address,
            pages: Arc::default(),
            asked: Arc::default(),
        };
        let (pages, asked) = (server.pages.clone(), server.asked.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (pages, asked) = (pages.clone(), asked.clone());
                std::thread::spawn(move || answer(stream, &pages, &asked));
            }
        });
        server
    }

    fn put(&self, path: &str, head: &str, body: impl Into<Vec<u8>>) {
        let page = (head.to_owned(), body.into());
        self.pages.lock().unwrap().insert(path.to_owned(), page);
    }

    fn gets(&self, path: &str) -> usize {
        let asked = self.asked.lock().unwrap();
        asked
            .iter()
            .filter(|line| **line == format!("GET {path}"))
            .count()
    }
}

fn answer(
    mut stream: TcpStream,
    pages: &Mutex<std::collections::HashMap<String, Page>>,
    asked: &Mutex<Vec<String>>,
) {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read(&mut byte) {
            Ok(1) => head.push(byte[0]),
            _ => return,
        }
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let mut words = head.split(' ');
    let (method, path) = (words.next().unwrap(), words.next().unwrap());
    asked.lock().unwrap().push(format!("{method} {path}"));
    let page = pages.lock().unwrap().get(path).cloned();
    let (status, (lines, body)) = match page {
        Some(page) => ("200 OK", page),
        None => ("404 Not Found", (String::new(), b"none".to_vec())),
    };
    let length = body.len();
    let text = format!(
        "HTTP/1.1 {status}\r\n{lines}Content-Length: {length}\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(text.as_bytes()).ok();
    if method == "GET" {
        stream.write_all(&body).ok();
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut child = Command::new("gzip")
        .arg("-nc")
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let bytes = bytes.to_vec();
    let writer = std::thread::spawn(move || stdin.write_all(&bytes).unwrap());
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    output.stdout
}

macro_rules! bench {
    () => {
        match Bench::new() {
            Some(bench) => bench,
            None => return support::skipped("no registry or busybox"),
        }
    };
}

#[test]
fn add_takes_files_by_http_and_asks_again_on_every_build() {
    let b = bench!();
    let server = Server::start();
    let tar = image::Tar::default().file("in", 0o644, "side").finish();
    let modified = "Last-Modified: Sun, 09 Sep 2001 01:46:40 GMT\r\n";
    server.put("/dated?q=1", modified, "dated\n");
    server.put("/plain", "", "plain\n");
    server.put("/a.tgz", "ETag: \"1\"\r\n", gzip(&tar));
    let sum = |text: &str| image::digest(text.as_bytes());
    let at = &server.address;
    let file = format!(
        "FROM %B\nADD {at}/dated?q=1 {at}/plain /got/\nADD --checksum={} {at}/plain /sum\nADD {at}/a.tgz /packed\nADD --unpack=true {at}/a.tgz /open/\n",
        sum("plain\n")
    );
    assert_eq!(ran(&b.build(&file, &["-t", "t"])).len(), 4);
    let script = "stat -c '%n %a %u:%g %Y' /got/* /sum; cat /got/*; ls /open; head -c 2 /packed | od -An -tx1";
    let want = "/got/dated 600 0:0 1000000000
/got/plain 600 0:0 0
/sum 600 0:0 0
dated
plain
in
 1f 8b
";
    assert_eq!(b.run("t", script), want);
    // nothing changed; then one did, of which the server says nothing but its bytes
    assert_eq!(ran(&b.build(&file, &[])), [""; 0]);
    server.put("/dated?q=1", modified, "same date, not looked at\n");
    assert_eq!(ran(&b.build(&file, &[])), [""; 0]);
    server.put("/plain", "", "other\n");
    let output = b.build(&file, &[]);
    let says = format!("digest mismatch {}: {}", sum("other\n"), sum("plain\n"));
    assert_eq!(output.code, 1);
    assert!(output.stderr.contains(&says), "{}", output.stderr);
    assert!(
        output.stderr.contains("   3 | >>> ADD --checksum"),
        "{}",
        output.stderr
    );
    let output = b.build(&format!("FROM %B\nADD {at}/none /\n"), &[]);
    assert_eq!(output.code, 1);
    assert!(output.stderr.contains("404"), "{}", output.stderr);
    assert!(server.gets("/plain") > 1);
}

/// A repository with one commit, a tag, and a folder in it, served by git's own daemon.
struct Repository {
    address: String,
    daemon: std::process::Child,
}

impl Repository {
    fn start(sandbox: &Sandbox, files: &[(&str, &str)]) -> Option<Repository> {
        let root = sandbox.work().join("repositories");
        let folder = root.join("r.git");
        for (name, text) in files {
            let path = folder.join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            match text.strip_prefix("-> ") {
                Some(target) => std::os::unix::fs::symlink(target, path).unwrap(),
                None => std::fs::write(path, text).unwrap(),
            }
        }
        let git = |words: &[&str]| {
            let mut command = Command::new("git");
            command.args([
                "-c",
                "user.name=x",
                "-c",
                "user.email=x@y",
                "-c",
                "init.defaultBranch=main",
            ]);
            command
                .args(words)
                .current_dir(&folder)
                .env("HOME", sandbox.work());
            for name in ["GIT_AUTHOR_DATE", "GIT_COMMITTER_DATE"] {
                command.env(name, "2001-09-09T01:46:40Z");
            }
            command.output().is_ok_and(|done| done.status.success())
        };
        if !(git(&["init", "-q"]) && git(&["add", "."]) && git(&["commit", "-qm", "1"])) {
            return None;
        }
        assert!(git(&["tag", "v1"]));
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let daemon = Command::new("git")
            .args([
                "daemon",
                "--export-all",
                "--reuseaddr",
                "--listen=127.0.0.1",
            ])
            .arg(format!("--port={port}"))
            .arg(format!("--base-path={}", root.display()))
            .env("HOME", sandbox.work())
            .process_group(0)
            .spawn()
            .ok()?;
        eventually("git's daemon", || {
            TcpStream::connect(("127.0.0.1", port)).is_ok()
        });
        Some(Repository {
            address: format!("git://127.0.0.1:{port}/r.git"),
            daemon,
        })
    }
}

impl Drop for Repository {
    fn drop(&mut self) {
        let group = nix::unistd::Pid::from_raw(self.daemon.id() as i32);
        nix::sys::signal::killpg(group, nix::sys::signal::Signal::SIGKILL).ok();
        self.daemon.wait().ok();
    }
}

#[test]
fn repositories_are_sources_and_contexts() {
    let b = bench!();
    let dockerfile = format!("FROM {}\nCOPY a /a\n", b.base);
    let files = [
        ("a", "top\n"),
        ("sub/a", "sub\n"),
        ("Dockerfile", dockerfile.as_str()),
        ("sub/Dockerfile", dockerfile.as_str()),
        ("evil", "-> /etc"),
        ("sub/up", "-> ../../.."),
        ("df/Dockerfile", "-> /etc/hostname"),
    ];
    let Some(repository) = Repository::start(&b.sandbox, &files) else {
        return support::skipped("no git");
    };
    let at = &repository.address;
    let file = format!(
        "FROM %B\nADD {at} /all\nADD {at}#v1:sub /sub\nADD --keep-git-dir=true {at}#main /kept\n"
    );
    assert_eq!(ran(&b.build(&file, &["-t", "t"])).len(), 3);
    let script = "cd /; stat -c '%n %a %u:%g %Y' all/a; cat all/a sub/a; test ! -e all/.git && test -e kept/.git && echo kept";
    let want = "all/a 644 0:0 1000000000\ntop\nsub\nkept\n";
    assert_eq!(b.run("t", script), want);
    assert_eq!(ran(&b.build(&file, &[])), [""; 0]);
    for (context, says) in [(at.clone(), "top\n"), (format!("{at}#v1:sub"), "sub\n")] {
        b.sandbox.coracle(["build", "-t", "t", &context]).ok();
        assert_eq!(b.run("t", "cat /a"), says);
    }
    // a folder of the host is no folder of the repository, also not by its own links
    let outside = "../".repeat(20) + b.sandbox.work().to_str().unwrap();
    for subdir in [outside.as_str(), "..", "sub/../..", "evil", "sub/up"] {
        let output = b.build(&format!("FROM %B\nADD {at}#v1:{subdir} /x/\n"), &[]);
        assert_eq!(output.code, 1, "{subdir}: {}", output.stderr);
        let text = output.stderr;
        let is_told = text.contains("invalid subdir") || text.contains("contains non-directory");
        assert!(is_told, "{subdir}: {text}");
        b.sandbox
            .coracle(["build", &format!("{at}#v1:{subdir}")])
            .fails(1);
    }
    let text = b.build(&format!("FROM %B\nADD {at}#v1:nodir /x/\n"), &[]);
    assert!(
        text.stderr.contains("invalid subdir /nodir"),
        "{}",
        text.stderr
    );
    // nor are its files shown in errors
    let text = b
        .sandbox
        .coracle(["build", &format!("{at}#v1:df")])
        .fails(1);
    let want = "failed to read dockerfile: open Dockerfile: no such file or directory";
    assert!(text.contains(want), "{text}");
    let none = b
        .sandbox
        .coracle(["build", &format!("{at}#nosuch")])
        .fails(1);
    assert!(
        none.contains("repository does not contain ref nosuch"),
        "{none}"
    );
}

#[test]
fn contexts_at_addresses() {
    let b = bench!();
    let server = Server::start();
    let dockerfile = format!("FROM {}\nCOPY a /a\n", b.base);
    let tar = image::Tar::default()
        .file("Dockerfile", 0o644, &dockerfile)
        .file("a", 0o644, "of a tar\n");
    server.put("/c.tgz", "", gzip(&tar.finish()));
    server.put(
        "/Dockerfile",
        "",
        format!("FROM {}\nRUN echo alone > /a\n", b.base),
    );
    for (path, says) in [("/c.tgz", "of a tar\n"), ("/Dockerfile", "alone\n")] {
        let context = format!("{}{path}", server.address);
        b.sandbox.coracle(["build", "-t", "t", &context]).ok();
        assert_eq!(b.run("t", "cat /a"), says);
    }
    b.sandbox
        .coracle(["build", &format!("{}/none", server.address)])
        .fails(1);
    let left = std::fs::read_dir(b.sandbox.data().join("staging")).unwrap();
    assert_eq!(left.count(), 0);
}

#[test]
fn archives_of_every_compression_are_added_and_loaded() {
    let b = bench!();
    let tar = image::Tar::default().file("in", 0o640, "side\n").finish();
    b.sandbox.coracle(["tag", &b.base, "base:1"]).ok();
    let saved = b.sandbox.work().join("saved.tar");
    b.sandbox
        .coracle(["save", "-o", saved.to_str().unwrap(), "base:1"])
        .ok();
    let mut seen = 0;
    for program in ["gzip", "bzip2", "xz", "zstd"] {
        let pack = |from: &Path, to: &Path| {
            let file = std::fs::File::create(to).unwrap();
            Command::new(program)
                .arg("-c")
                .stdin(std::fs::File::open(from).unwrap())
                .stdout(file)
                .status()
                .is_ok_and(|status| status.success())
        };
        let plain = b.sandbox.work().join("plain.tar");
        std::fs::write(&plain, &tar).unwrap();
        if !pack(&plain, &b.path("archive")) {
            continue; // no such program
        }
        seen += 1;
        let output = b.build("FROM %B\nADD archive /in/\n", &["-t", "t"]);
        assert_eq!(output.code, 0, "{program}: {}", output.stderr);
        assert_eq!(
            b.run("t", "stat -c %a /in/in; cat /in/in"),
            "640\nside\n",
            "{program}"
        );
        let packed = b.sandbox.work().join("packed");
        assert!(pack(&saved, &packed));
        let other = Sandbox::new();
        let words = ["load", "-i", packed.to_str().unwrap()];
        assert_eq!(
            other.coracle(words).ok(),
            "Loaded image: base:1\n",
            "{program}"
        );
        let id = other
            .coracle(["import", b.path("archive").to_str().unwrap(), "i:1"])
            .ok();
        assert!(id.starts_with("sha256:"), "{program}");
    }
    assert!(seen > 0);
}

#[test]
fn a_push_of_a_build_reaches_the_registry_in_every_compression() {
    let b = bench!();
    let registry = registry::get().unwrap();
    for (tag, output) in [
        ("gz", None),
        ("zst", Some("type=image,push=true,compression=zstd")),
    ] {
        let name = format!("{}/made-{:x}:{tag}", registry.address(), std::process::id());
        let mut words = vec!["-t", &name];
        match output {
            None => words.push("--push"),
            Some(output) => words.extend(["--output", output]),
        }
        let output = b.build("FROM %B\nRUN echo pushed > /a\n", &words);
        assert_eq!(output.code, 0, "{}", output.stderr);
        let other = Sandbox::new();
        assert_eq!(
            other.coracle(["run", "--rm", &name, "cat", "/a"]).ok(),
            "pushed\n"
        );
        let repository = name
            .rsplit_once(':')
            .unwrap()
            .0
            .rsplit_once('/')
            .unwrap()
            .1
            .to_owned();
        let accept = "application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json";
        let path = format!("/v2/{repository}/manifests/{tag}");
        let (status, _, body) = registry.request("GET", &path, accept, b"");
        let text = String::from_utf8(body).unwrap();
        assert_eq!(status, 200, "{text}");
        assert_eq!(text.contains("tar+zstd"), tag == "zst", "{text}");
    }
    let output = b.build("FROM %B\n", &["--push"]);
    assert_eq!(
        output.stderr,
        "ERROR: tag is needed when pushing to registry\n"
    );
}

#[test]
fn a_failed_step_opens_a_shell_on_a_terminal() {
    let b = bench!();
    let file = format!("FROM {}\nRUN echo begun > /half; exit 3\n", b.base);
    b.write("Dockerfile", &file);
    let words = ["build", "--progress", "plain", "--on-error", "shell", "ctx"];
    let mut terminal = Terminal::start(b.sandbox.coracle(words), 40, 120);
    terminal.expect("# ");
    terminal.send("echo state: $(cat /half)\n");
    terminal.expect("state: begun");
    terminal.send("exit\n");
    let (code, screen) = terminal.finish();
    assert_eq!(code, 1, "{screen}");
    assert!(screen.contains("exit code: 3"), "{screen}");
}

/// A way to a registry that stands still after some bytes until it is opened.
struct Gate {
    address: String,
    seen: Arc<AtomicU64>,
    is_open: Arc<AtomicBool>,
}

impl Gate {
    const MOST: u64 = 1 << 20;

    fn to(target: String) -> Gate {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let gate = Gate {
            address: listener.local_addr().unwrap().to_string(),
            seen: Arc::default(),
            is_open: Arc::default(),
        };
        let (seen, is_open) = (gate.seen.clone(), gate.is_open.clone());
        std::thread::spawn(move || {
            for from in listener.incoming().flatten() {
                let Ok(to) = TcpStream::connect(&target) else {
                    continue;
                };
                let (mut back, mut client) = (to.try_clone().unwrap(), from.try_clone().unwrap());
                std::thread::spawn(move || std::io::copy(&mut back, &mut client));
                let (seen, is_open) = (seen.clone(), is_open.clone());
                std::thread::spawn(move || pass(from, to, &seen, &is_open));
            }
        });
        gate
    }
}

fn pass(mut from: TcpStream, mut to: TcpStream, seen: &AtomicU64, is_open: &AtomicBool) {
    let mut buffer = vec![0; 64 << 10];
    while let Ok(n) = from.read(&mut buffer) {
        let all = seen.fetch_add(n as u64, Ordering::SeqCst);
        while all > Gate::MOST && !is_open.load(Ordering::SeqCst) {
            std::thread::sleep(Duration::from_millis(5));
        }
        if n == 0 || to.write_all(&buffer[..n]).is_err() {
            break;
        }
    }
    to.shutdown(std::net::Shutdown::Both).ok();
}

#[test]
fn a_push_that_was_killed_is_done_by_the_next_one() {
    let b = bench!();
    let registry = registry::get().unwrap();
    let gate = Gate::to(registry.address());
    let noise: Vec<u8> = (0..4_000_000_u64)
        .map(|n| (n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 29) as u8)
        .collect();
    std::fs::write(b.path("noise"), noise).unwrap();
    let repository = format!("killed-{:x}", std::process::id());
    let name = format!("{}/{repository}:1", gate.address);
    let output = b.build("FROM %B\nCOPY noise /noise\n", &["-t", &name]);
    assert_eq!(output.code, 0, "{}", output.stderr);
    let mut child = b.sandbox.coracle(["push", &name]).spawn();
    eventually("bytes of the layer", || {
        gate.seen.load(Ordering::SeqCst) > Gate::MOST
    });
    child.kill().unwrap();
    child.wait().unwrap();
    gate.is_open.store(true, Ordering::SeqCst);
    let missing = Sandbox::new();
    let direct = format!("{}/{repository}:1", registry.address());
    missing.coracle(["pull", "-q", &direct]).fails(1);
    b.sandbox.coracle(["push", "-q", &name]).ok();
    missing.coracle(["pull", "-q", &direct]).ok();
    let size = missing
        .coracle(["run", "--rm", &direct, "stat", "-c", "%s", "/noise"])
        .ok();
    assert_eq!(size, "4000000\n");
    let left = std::fs::read_dir(b.sandbox.data().join("staging")).unwrap();
    assert_eq!(left.count(), 0);
}

#[test]
fn two_stores_with_one_clock_make_one_digest() {
    let b = bench!();
    b.write("src/a", "1");
    let file = "FROM %B\nCOPY src /src\nRUN mkdir /made && date > /dev/null && echo x > /made/x\nADD src/a /b\n";
    let name = format!(
        "{}/epoch-{:x}:1",
        registry::get().unwrap().address(),
        std::process::id()
    );
    let mut digests = Vec::new();
    for wait in [0, 1100] {
        std::thread::sleep(Duration::from_millis(wait));
        let other = Sandbox::new();
        b.write("Dockerfile", &file.replace("%B", &b.base));
        let archive = other.work().join("o.tar");
        let output = format!("type=oci,dest={},rewrite-timestamp=true", archive.display());
        let context = b.path("").display().to_string();
        let words = [
            "build",
            "-t",
            &name,
            "--output",
            &output,
            "--build-arg",
            "SOURCE_DATE_EPOCH=1000000000",
            &context,
        ];
        other.coracle(words).ok();
        digests.push(image::digest(&std::fs::read(&archive).unwrap()));
    }
    assert_eq!(
        digests[0], digests[1],
        "the archives are the same to the byte"
    );
}

#[test]
fn a_secret_stays_nowhere() {
    let b = bench!();
    b.write("s", "geheim-0815");
    let secret = format!("id=s,src={}", b.path("s").display());
    let file = "FROM %B\nRUN --mount=type=secret,id=s --mount=type=secret,id=s,env=TOKEN test \"$(cat /run/secrets/s)\" = \"$TOKEN\" && touch /seen\n";
    b.write(".dockerignore", "s\n");
    let output = b.build(file, &["-t", "t", "--secret", &secret]);
    assert_eq!(output.code, 0, "{}", output.stderr);
    let archive = b.sandbox.work().join("a.tar");
    b.sandbox
        .coracle(["save", "-o", archive.to_str().unwrap(), "t"])
        .ok();
    let holds = |path: &Path| {
        let bytes = std::fs::read(path).unwrap_or_default();
        bytes.windows(11).any(|w| w == b"geheim-0815")
    };
    assert!(!holds(&archive), "the image");
    let mut folders = vec![b.sandbox.data(), b.sandbox.runtime()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            match entry.file_type().unwrap() {
                kind if kind.is_dir() => folders.push(entry.path()),
                kind if kind.is_file() => assert!(!holds(&entry.path()), "{:?}", entry.path()),
                _ => {}
            }
        }
    }
    assert_eq!(
        b.run("t", "ls /run /dev/pipes 2>&1 || true"),
        "ls: /run: No such file or directory\nls: /dev/pipes: No such file or directory\n"
    );
}

#[test]
fn a_context_of_many_files() {
    let b = bench!();
    for folder in 0..20 {
        let path = b.path(&format!("many/{folder}"));
        std::fs::create_dir_all(&path).unwrap();
        for file in 0..1000 {
            std::fs::File::create(path.join(file.to_string())).unwrap();
        }
    }
    let file = "FROM %B\nCOPY many /many\n";
    let output = b.build(file, &["-t", "t"]);
    assert_eq!(output.code, 0, "{}", output.stderr);
    assert_eq!(b.run("t", "find /many -type f | wc -l"), "20000\n");
    assert_eq!(ran(&b.build(file, &[])), [""; 0]);
}

#[test]
fn a_stages_tree_is_mounted_and_what_is_written_there_is_lost() {
    let b = bench!();
    let file = "FROM %B AS one
RUN mkdir -p /t/d && echo 1 > /t/a && echo 2 > /t/d/b && ln -s a /t/l
FROM one AS two
RUN echo 3 > /t/c && rm /t/d/b
FROM %B
RUN --mount=from=two,source=/t,target=/m find /m | sort > /seen && cat /m/l >> /seen && ! touch /m/x 2> /dev/null
RUN --mount=from=two,source=/t,target=/m,rw echo new > /m/a && rm /m/c && ls /m >> /seen
RUN --mount=from=two,target=/m cat /m/t/a /m/t/c >> /seen; ls /m/t/d >> /seen
";
    let output = b.build(file, &["-t", "t"]);
    assert_eq!(output.code, 0, "{}", output.stderr);
    let want = "/m\n/m/a\n/m/c\n/m/d\n/m/l\n1\na\nd\nl\n1\n3\n";
    assert_eq!(b.run("t", "cat /seen; test ! -e /m"), want);
    assert!(super::build::leftovers(&b.sandbox).is_empty());
}
