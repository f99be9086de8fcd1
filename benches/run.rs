//! The table of docs/PERFORMANCE.md: Coracle beside bubblewrap, podman and docker, as Markdown on stdout.
//!
//! ```text
//! benches/run [--peers SCRIPT] [--image NAME] [--rounds N] [--folder DIR] [--only WORD]
//! ```
//! Both sides of a line take turns in one run, by the same unprivileged user (root lends the account coracle-test). Times
//! are medians, for pulls minima. SCRIPT is a program with `SCRIPT sh COMMAND`: a shell where docker and podman stand;
//! podman belongs to the user alice there. Without it the peers' columns are empty. The stores are made in /var/tmp or DIR:
//! a file system with a journal tells more, since ext4 without one looks for free inodes near those just deleted.

#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::zombie_processes
)] // starting processes is what a benchmark does

#[path = "rows/archives.rs"]
mod archives;

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Pause before a measurement, where peers are.
const SETTLE: Duration = Duration::from_millis(150);

/// What the command line says, and what follows from it.
struct Bench {
    program: PathBuf,
    /// Home of our user: a fresh folder.
    home: PathBuf,
    /// The id to run as, when we are root.
    uid: Option<u32>,
    peers: Option<PathBuf>,
    image: String,
    rounds: usize,
    only: Option<String>,
}

fn main() {
    let bench = Bench::from_arguments();
    println!("| what | Coracle | to compare | ratio |\n| --- | --- | --- | --- |");
    bench.pull();
    bench.prepare();
    bench.start();
    bench.detached();
    bench.exec();
    bench.build();
    bench.end();
    bench.lists();
    bench.archives();
    bench.many();
    bench.size();
    bench.clean();
}

impl Bench {
    fn from_arguments() -> Bench {
        let mut bench = Bench {
            program: PathBuf::from(env!("CARGO_BIN_EXE_coracle")),
            home: PathBuf::from(format!("/var/tmp/coracle-bench-{}", std::process::id())),
            uid: None,
            peers: None,
            image: String::new(),
            rounds: 40,
            only: None,
        };
        let mut arguments = std::env::args().skip(1);
        while let Some(word) = arguments.next() {
            match word.as_str() {
                "--peers" => bench.peers = arguments.next().map(PathBuf::from),
                "--image" => bench.image = arguments.next().unwrap_or_default(),
                "--rounds" => {
                    bench.rounds = arguments.next().and_then(|n| n.parse().ok()).unwrap_or(40)
                }
                "--folder" => {
                    let folder = arguments.next().expect("--folder names one");
                    bench.home = Path::new(&folder).join(format!("bench-{}", std::process::id()));
                }
                "--only" => bench.only = arguments.next(),
                _ => {} // cargo's own: --bench
            }
        }
        if bench.image.is_empty() {
            bench.image = if bench.peers.is_some() {
                "127.0.0.1:5000/debian:12".into()
            } else {
                own_registry()
            };
        }
        if nix::unistd::getuid().is_root() {
            let account = nix::unistd::User::from_name("coracle-test").ok().flatten();
            bench.uid = Some(
                account
                    .expect("tests/run makes the account coracle-test")
                    .uid
                    .as_raw(),
            );
        }
        bench.fresh(&bench.home);
        bench
    }

    fn fresh(&self, folder: &Path) {
        std::fs::create_dir_all(folder).expect("a folder in /var/tmp can be made");
        std::os::unix::fs::chown(folder, self.uid, self.uid).expect("it is ours");
    }

    /// A command of our user's with `home` as its home.
    fn at(&self, home: &Path, program: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command
            .args(arguments)
            .env_clear()
            .env("HOME", home)
            .env("PATH", "/usr/bin:/bin")
            .current_dir("/");
        command
            .env("XDG_RUNTIME_DIR", home)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        if let Some(uid) = self.uid {
            command.uid(uid).gid(uid);
        }
        command
    }

    fn ours(&self, arguments: &[&str]) -> Command {
        self.at(&self.home, &self.program, arguments)
    }

    /// Runs one of ours that must succeed; returns its stdout.
    fn ok(&self, arguments: &[&str]) -> String {
        let output = self
            .ours(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .output()
            .expect("it starts");
        assert!(
            output.status.success(),
            "{arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    fn wants(&self, word: &str) -> bool {
        self.only.as_deref().is_none_or(|only| word.contains(only))
    }

    /// Milliseconds that each of `steps` takes in the peer's world; `None` without peers. `timed` is what counts;
    /// where it fails there is no time.
    fn peer(&self, name: &str, before: &str, timed: &str, after: &str) -> Option<f64> {
        let script = self.peers.as_ref()?;
        let timed = format!(
            "{before} >/dev/null 2>&1; a=$EPOCHREALTIME; {timed} >/dev/null 2>&1 || exit 1; b=$EPOCHREALTIME; \
             {after} >/dev/null 2>&1; echo $((${{b/.}}-${{a/.}}))"
        );
        let command = if name == "podman" {
            as_alice(&timed)
        } else {
            timed
        };
        let output = Command::new(script)
            .arg("sh")
            .arg(command)
            .output()
            .expect("the peers' script starts");
        let text = String::from_utf8_lossy(&output.stdout);
        text.lines()
            .last()?
            .trim()
            .parse::<f64>()
            .ok()
            .map(|us| us / 1000.0)
    }

    /// One line of the table: ours and others in turn.
    fn compare(&self, what: &str, sides: &mut [(&str, &mut dyn FnMut() -> Option<f64>)]) {
        let mut times: Vec<Vec<f64>> = vec![Vec::new(); sides.len()];
        for round in 0..self.rounds + 2 {
            for (n, (name, side)) in sides.iter_mut().enumerate() {
                // a peer that takes 100 ms and more needs fewer rounds for a median
                let is_peer = matches!(*name, "podman" | "docker");
                let is_slow = is_peer && round > self.rounds / 2;
                if self.peers.is_some() {
                    // what a peer tidies after its end, and what the kernel does, is not the next one's time
                    std::thread::sleep(SETTLE);
                }
                if let Some(time) = (!is_slow).then(&mut *side).flatten()
                    && round >= 2
                {
                    times[n].push(time);
                }
            }
        }
        let medians: Vec<f64> = times.iter_mut().map(|t| median(t)).collect();
        for (n, (name, _)) in sides.iter().enumerate().skip(1) {
            line(what, medians[0], name, medians[n]);
        }
    }

    fn pull(&self) {
        if !self.wants("pull") {
            return;
        }
        let mut images = vec![self.image.clone()];
        if self.peers.is_some() {
            images.push(self.image.replace("debian:12", "dev:1"));
        }
        let roots = format!("/var/tmp/oracle/alice/pull{}", std::process::id());
        for image in images {
            let (mut ours, mut podman) = (Vec::new(), Vec::new());
            for round in 0..7 {
                // a fresh folder each: creating files where many were just deleted is slow on some file systems
                let home = self.home.with_extension(format!("pull{round}"));
                self.fresh(&home);
                ours.push(time(&mut self.at(
                    &home,
                    &self.program,
                    &["pull", "-q", &image],
                )));
                std::fs::remove_dir_all(&home).expect("everything in the store can be removed");
                // as fresh: a folder for each image too, and all are removed in the end
                let tag = image.replace([':', '/'], "-");
                let root = format!("{roots}-{tag}-{round}");
                let pull = format!("podman --root {root} --runroot {root}.run pull -q {image}");
                podman.extend(self.peer("podman", "true", &pull, "true"));
            }
            let least = |times: &[f64]| times.iter().copied().fold(f64::NAN, f64::min);
            line(
                &format!("pull {image} (minimum of 7)"),
                least(&ours),
                "podman",
                least(&podman),
            );
        }
        let clear = format!("podman unshare sh -c 'rm -rf {roots}-*'");
        self.peer("podman", "true", "true", &clear);
    }

    /// One image, everywhere.
    fn prepare(&self) {
        self.ok(&["pull", "-q", &self.image]);
        let image = &self.image;
        self.peer("podman", "true", &format!("podman pull -q {image}"), "true");
        self.peer("docker", "true", &format!("docker pull -q {image}"), "true");
    }

    fn start(&self) {
        let layers = self.home.join(".local/share/coracle/layers");
        let layer = std::fs::read_dir(layers)
            .expect("an image was pulled")
            .flatten()
            .next()
            .expect("it has a layer");
        let root = layer.path().join("tree");
        let root = root.to_str().expect("a plain path").to_owned();
        for network in ["none", "host"] {
            let what = format!("run --rm --network {network} IMAGE true");
            if !self.wants(&what) {
                continue;
            }
            let flags = ["run", "--rm", "--network", network, &self.image, "true"];
            let text = flags.join(" ");
            let mut bubble = vec![
                "--unshare-all",
                "--ro-bind",
                &root,
                "/",
                "--proc",
                "/proc",
                "--dev",
                "/dev",
                "true",
            ];
            if network == "host" {
                bubble.insert(1, "--share-net");
            }
            self.compare(
                &what,
                &mut [
                    ("coracle", &mut || Some(time(&mut self.ours(&flags)))),
                    ("bwrap", &mut || {
                        Some(time(&mut self.at(
                            &self.home,
                            Path::new("/usr/bin/bwrap"),
                            &bubble,
                        )))
                    }),
                    ("podman", &mut || {
                        self.peer("podman", "true", &format!("podman {text}"), "true")
                    }),
                    ("docker", &mut || {
                        self.peer("docker", "true", &format!("docker {text}"), "true")
                    }),
                ],
            );
        }
    }

    fn detached(&self) {
        let text = format!(
            "run -d --name bench-b --network none {} sleep 1000",
            self.image
        );
        let arguments: Vec<&str> = text.split(' ').collect();
        if self.wants("run -d") {
            self.compare(
                "run -d --network none IMAGE sleep",
                &mut [
                    ("coracle", &mut || {
                        let took = time(&mut self.ours(&arguments));
                        self.ok(&["rm", "-f", "bench-b"]);
                        Some(took)
                    }),
                    ("podman", &mut || {
                        self.peer(
                            "podman",
                            "true",
                            &format!("podman {text}"),
                            "podman rm -f -t 0 bench-b",
                        )
                    }),
                    ("docker", &mut || {
                        self.peer(
                            "docker",
                            "true",
                            &format!("docker {text}"),
                            "docker rm -f bench-b",
                        )
                    }),
                ],
            );
        }
    }

    /// Eight steps over a context of 200 files: nothing cached, all cached; and two stages that sleep side by side.
    fn build(&self) {
        if !self.wants("build") {
            return;
        }
        let context = self.home.join("context");
        let files = context.join("src");
        std::fs::create_dir_all(&files).expect("the context is made");
        for n in 0..200u32 {
            let text = format!("{n}\n").repeat(1000);
            std::fs::write(files.join(n.to_string()), text).expect("a file is made");
        }
        let from = format!("FROM {}\n", self.image);
        let steps = "ENV A=1\nWORKDIR /app\nCOPY src /app/src\nRUN echo 1 > /one\n\
                     RUN cat /app/src/* | md5sum > /sum\nCOPY Dockerfile /app/\nRUN echo 2 > /two\n\
                     RUN echo 3 > /three\nCMD [\"sh\"]\n";
        let write = |name: &str, text: String| {
            std::fs::write(context.join(name), text).expect("a Dockerfile is made");
        };
        write("Dockerfile", format!("{from}{steps}"));
        let two = "RUN sleep 2; echo 1 > /out\n";
        write(
            "Two",
            format!(
                "{from}{two}FROM {} AS two\n{two}FROM {}\nCOPY --from=0 /out /a\nCOPY --from=two /out /b\n",
                self.image, self.image
            ),
        );
        let folder = context.display().to_string();
        let readable = Command::new("chmod")
            .args(["-R", "a+rX"])
            .args([&self.home, &context])
            .status();
        assert!(
            readable.is_ok_and(|s| s.success()),
            "the peers read the context"
        );
        for (what, more) in [
            ("nothing cached", "--no-cache"),
            ("all cached", "--no-cache=false"),
        ] {
            let peer = |name: &str, form: &str| {
                self.peer(
                    name,
                    "true",
                    &format!("{name} build -q {more} {form} {folder}"),
                    "true",
                )
            };
            self.compare(
                &format!("build, 8 steps, {what}"),
                &mut [
                    ("", &mut || {
                        Some(time(
                            &mut self.ours(&["build", "-q", more, "-t", "bench", &folder]),
                        ))
                    }),
                    ("podman", &mut || peer("podman", "--layers")),
                    ("docker", &mut || peer("docker", "")),
                ],
            );
        }
        let two = format!("{folder}/Two");
        let took = time(&mut self.ours(&["build", "-q", "--no-cache", "-f", &two, &folder]));
        println!("| build, two stages of 2 s | {took:.0} ms | | |");
    }

    fn exec(&self) {
        if !self.wants("exec") {
            return;
        }
        let text = format!(
            "run -d --name bench-e --network none {} sleep 1000",
            self.image
        );
        self.ok(&text.split(' ').collect::<Vec<_>>());
        self.peer("podman", "true", &format!("podman {text}"), "true");
        self.peer("docker", "true", &format!("docker {text}"), "true");
        self.compare(
            "exec C true",
            &mut [
                ("coracle", &mut || {
                    Some(time(&mut self.ours(&["exec", "bench-e", "true"])))
                }),
                ("podman", &mut || {
                    self.peer("podman", "true", "podman exec bench-e true", "true")
                }),
                ("docker", &mut || {
                    self.peer("docker", "true", "docker exec bench-e true", "true")
                }),
            ],
        );
        self.ok(&["rm", "-f", "bench-e"]);
        self.peer("podman", "true", "podman rm -f -t 0 bench-e", "true");
        self.peer("docker", "true", "docker rm -f bench-e", "true");
    }

    fn end(&self) {
        let text = format!(
            "run -d --name bench-s --network none {} sleep 1000",
            self.image
        );
        let arguments: Vec<&str> = text.split(' ').collect();
        for (verb, after) in [("stop -t 0", "rm bench-s"), ("rm -f", "true")] {
            if !self.wants(verb) {
                continue;
            }
            let ours: Vec<&str> = verb.split(' ').chain(["bench-s"]).collect();
            // podman waits ten seconds for a program that ignores SIGTERM, as sleep does as process 1
            let podman = if verb == "rm -f" {
                "podman rm -f -t 0 bench-s".to_owned()
            } else {
                format!("podman {verb} bench-s")
            };
            let peer = |name: &str, timed: &str| {
                let after = if after == "true" {
                    after.to_owned()
                } else {
                    format!("{name} {after}")
                };
                self.peer(name, &format!("{name} {text}"), timed, &after)
            };
            self.compare(
                verb,
                &mut [
                    ("coracle", &mut || {
                        self.ok(&arguments);
                        let took = time(&mut self.ours(&ours));
                        if after != "true" {
                            self.ok(&["rm", "bench-s"]);
                        }
                        Some(took)
                    }),
                    ("podman", &mut || peer("podman", &podman)),
                    ("docker", &mut || {
                        peer("docker", &format!("docker {verb} bench-s"))
                    }),
                ],
            );
        }
    }

    fn lists(&self) {
        if !self.wants("ps images inspect") {
            return;
        }
        for n in 0..20 {
            self.ok(&["tag", &self.image, &format!("bench{n}:1")]);
        }
        for n in 0..50 {
            self.ok(&[
                "run",
                "-d",
                "--name",
                &format!("bench-l{n}"),
                "--network",
                "none",
                &self.image,
                "sleep",
                "1000",
            ]);
        }
        for verb in [["ps"].as_slice(), &["images"], &["inspect", "bench-l7"]] {
            self.compare(
                &format!("{} (50 containers, 20 images)", verb[0]),
                &mut [
                    ("coracle", &mut || Some(time(&mut self.ours(verb)))),
                    ("/bin/true", &mut || {
                        Some(time(&mut self.at(&self.home, Path::new("/bin/true"), &[])))
                    }),
                ],
            );
        }
        self.memory();
        self.remove_all();
    }

    /// Proportional set size of the monitors that run now.
    fn memory(&self) {
        let mut sizes: Vec<f64> = Vec::new();
        std::thread::sleep(Duration::from_secs(2)); // they give memory back when idle
        for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
            let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
            if String::from_utf8_lossy(&line).contains("__monitor") {
                let rollup =
                    std::fs::read_to_string(entry.path().join("smaps_rollup")).unwrap_or_default();
                let pss = rollup.lines().find_map(|l| l.strip_prefix("Pss:"));
                sizes
                    .extend(pss.and_then(|v| v.trim().trim_end_matches(" kB").parse::<f64>().ok()));
            }
        }
        let count = sizes.len();
        println!(
            "| memory of a monitor beside {count} others, median Pss | {:.0} KiB | 1,024 KiB | |",
            median(&mut sizes)
        );
    }

    fn many(&self) {
        if !self.wants("1000 containers") {
            return;
        }
        let start = |n: usize| {
            let name = format!("bench-m{n}");
            let arguments = ["run", "-d", "--name", &name, "--network", "none"];
            let program = [&self.image, "sleep", "9999"];
            time(&mut self.ours(&[&arguments[..], &program[..]].concat()))
        };
        let of =
            |starts: std::ops::Range<usize>| median(&mut starts.map(start).collect::<Vec<_>>());
        let first = of(0..50);
        (50..900).for_each(|n| {
            start(n);
        });
        let (last, against) = (of(900..950), "the first 50");
        line(
            "run -d, number 901 to 950, without a pause",
            last,
            against,
            first,
        );
        // What those before still do (their supervisors go a second after the last question) is over.
        std::thread::sleep(Duration::from_secs(3));
        line(
            "run -d, the last 50 of 1,000",
            of(950..1000),
            against,
            first,
        );
        let mut ps: Vec<f64> = (0..self.rounds)
            .map(|_| time(&mut self.ours(&["ps"])))
            .collect();
        line(
            "ps with 1,000 containers",
            median(&mut ps),
            "to reach",
            30.0,
        );
        self.memory();
        let ids = self.ok(&["ps", "-aq"]);
        let arguments: Vec<&str> = ["rm", "-f"]
            .into_iter()
            .chain(ids.split_whitespace())
            .collect();
        line(
            "rm -f of 1,000",
            time(&mut self.ours(&arguments)),
            "to reach",
            5000.0,
        );
    }

    fn size(&self) {
        let bytes = std::fs::metadata(&self.program).map_or(0, |m| m.len());
        #[allow(clippy::cast_precision_loss)] // two digits are shown
        let mib = bytes as f64 / f64::from(1 << 20);
        println!("| the binary | {mib:.2} MiB | 12 MiB | {:.2} |", mib / 12.0);
    }

    fn remove_all(&self) {
        let ids = self.ok(&["ps", "-aq"]);
        let arguments: Vec<&str> = ["rm", "-f"]
            .into_iter()
            .chain(ids.split_whitespace())
            .collect();
        if arguments.len() > 2 {
            self.ok(&arguments);
        }
    }

    fn clean(&self) {
        self.remove_all();
        std::thread::sleep(Duration::from_secs(1)); // the sweeper of the trash ends
        std::fs::remove_dir_all(&self.home).expect("everything in the store can be removed");
    }
}

/// Milliseconds from the start of a command to its end; it must succeed.
fn time(command: &mut Command) -> f64 {
    let start = Instant::now();
    let status = command.status().expect("it starts");
    let took = start.elapsed();
    assert!(status.success(), "{command:?}: {status}");
    took.as_secs_f64() * 1000.0
}

fn median(times: &mut [f64]) -> f64 {
    times.sort_by(f64::total_cmp);
    times.get(times.len() / 2).copied().unwrap_or(f64::NAN)
}

fn line(what: &str, ours: f64, name: &str, other: f64) {
    if other.is_nan() {
        println!("| {what} | {ours:.2} ms | {name}: not there | |");
    } else {
        println!(
            "| {what} | {ours:.2} ms | {name} {other:.2} ms | {:.3} |",
            ours / other
        );
    }
}

/// The same for podman's user in the peers' world, with a control group of his own.
fn as_alice(command: &str) -> String {
    let quoted = command.replace('\'', "'\\''");
    format!(
        "unshare -m bash -c 'mount -t cgroup2 cgroup2 /sys/fs/cgroup; mkdir -p /sys/fs/cgroup/alice; \
         chown -R alice /sys/fs/cgroup/alice; echo $$ >/sys/fs/cgroup/alice/cgroup.procs; \
         exec setpriv --reuid alice --regid alice --init-groups env -i HOME=/var/tmp/oracle/alice USER=alice \
         XDG_RUNTIME_DIR=/run/user/1001 PATH=/usr/sbin:/usr/bin:/sbin:/bin bash -c \"$1\"' _ '{quoted}'"
    )
}

/// Starts the tests' registry on a free port and returns its Debian image's name; it ends with this process.
fn own_registry() -> String {
    let cache = PathBuf::from(format!(
        "/var/tmp/coracle-tests-{}/registry",
        nix::unistd::getuid()
    ));
    assert!(
        cache
            .join("docker/registry/v2/repositories/debian")
            .exists(),
        "run tests/run first, or name an --image"
    );
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .and_then(|l| l.local_addr())
        .expect("a free port")
        .port();
    let config = std::env::temp_dir().join(format!("coracle-bench-{port}.yml"));
    let text = format!(
        "version: 0.1\nlog: {{level: error, accesslog: {{disabled: true}}}}\n\
         storage: {{filesystem: {{rootdirectory: {}}}}}\nhttp: {{addr: \"127.0.0.1:{port}\"}}\n",
        cache.display()
    );
    std::fs::write(&config, text).expect("/tmp can be written");
    Command::new("setpriv")
        .args(["--pdeathsig", "KILL", "docker-registry", "serve"])
        .arg(config)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("docker-registry is installed");
    while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
        std::thread::sleep(Duration::from_millis(5));
    }
    format!("127.0.0.1:{port}/debian:stable")
}
