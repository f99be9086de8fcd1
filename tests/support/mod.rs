//! What the end-to-end tests stand on: a [`Sandbox`] (a user's home, store and runtime folder of its own), the program
//! in it, a loopback registry with real images, and a terminal.
//!
//! Everything has a time limit; a sandbox removes what it made and fails its test when a process of ours is left.

#![allow(dead_code, unreachable_pub)] // every test binary uses another part of it

pub mod image;
pub mod pty;
pub mod registry;
pub mod world;

use std::ffi::{OsStr, OsString};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// The longest that one command may take.
const LIMIT: Duration = Duration::from_secs(60);

/// One user's world: `home`, `run` and a mark in the environment by which processes are found again.
pub struct Sandbox {
    root: PathBuf,
}

static NEXT: AtomicU32 = AtomicU32::new(0);

impl Sandbox {
    /// Makes an empty one.
    pub fn new() -> Sandbox {
        // not in /tmp: a tmpfs there may lack user attributes, and the store belongs on a disk
        let name = format!(
            "ct-{}-{}",
            std::process::id(),
            NEXT.fetch_add(1, Ordering::Relaxed)
        );
        let root = Path::new("/var/tmp").join(name);
        force_remove(&root);
        for folder in ["home", "run", "work"] {
            std::fs::create_dir_all(root.join(folder)).unwrap();
        }
        set_mode(&root.join("run"), 0o700);
        Sandbox { root }
    }

    /// Makes one whose store holds `busybox:1`, already pulled; `None` when tests cannot have a registry here.
    pub fn with_busybox() -> Option<(Sandbox, String)> {
        let registry = registry::get()?;
        let sandbox = Sandbox::new();
        let name = registry.busybox()?;
        sandbox.coracle(["pull", "-q", &name]).ok();
        Some((sandbox, name))
    }

    /// A folder for the test's own files; also the working folder of its commands.
    pub fn work(&self) -> PathBuf {
        self.root.join("work")
    }

    /// The home folder.
    pub fn home(&self) -> PathBuf {
        self.root.join("home")
    }

    /// The store.
    pub fn data(&self) -> PathBuf {
        self.root.join("home/.local/share/coracle")
    }

    /// The runtime folder.
    pub fn runtime(&self) -> PathBuf {
        self.root.join("run/coracle")
    }

    /// Returns a command of ours with these arguments.
    pub fn coracle<I, S>(&self, args: I) -> Coracle
    where
        I: IntoIterator<Item = S>,
        S: AsRef<OsStr>,
    {
        let args = args.into_iter().map(|a| a.as_ref().to_owned()).collect();
        Coracle {
            command: self.command(program()),
            args,
            stdin: Vec::new(),
            limit: LIMIT,
        }
    }

    /// The same under the name `docker`, so that texts can be compared as they are.
    pub fn docker<I, S>(&self, args: I) -> Coracle
    where
        I: IntoIterator<Item = S>,
        S: AsRef<OsStr>,
    {
        let link = self.root.join("docker");
        // there already after the first call
        std::os::unix::fs::symlink(program(), &link).ok();
        let args = args.into_iter().map(|a| a.as_ref().to_owned()).collect();
        Coracle {
            command: self.command(link),
            args,
            stdin: Vec::new(),
            limit: LIMIT,
        }
    }

    /// Returns a command of any program in this world.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.env_clear().current_dir(self.work());
        for (name, value) in self.environment() {
            command.env(name, value);
        }
        command
    }

    fn environment(&self) -> Vec<(&'static str, OsString)> {
        let mut all: Vec<(&str, OsString)> = vec![
            ("HOME", self.home().into()),
            ("XDG_RUNTIME_DIR", self.root.join("run").into()),
            (
                "PATH",
                "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin".into(),
            ),
            ("LANG", "C.UTF-8".into()),
            ("TERM", "xterm".into()),
            ("RUST_BACKTRACE", "1".into()),
            ("CORACLE_TEST_MARK", self.root.clone().into()),
        ];
        // by which `tests/run` finds what a run left behind
        all.extend(std::env::var_os("CORACLE_TEST_RUN").map(|run| ("CORACLE_TEST_RUN", run)));
        all
    }

    /// Returns the processes that belong to this sandbox: by the mark in their environment or by an open file in it.
    pub fn processes(&self) -> Vec<String> {
        let mark = format!("CORACLE_TEST_MARK={}", self.root.display());
        let mut found = Vec::new();
        for entry in std::fs::read_dir("/proc").unwrap().flatten() {
            let Some(pid) = entry
                .file_name()
                .to_str()
                .and_then(|n| n.parse::<u32>().ok())
            else {
                continue;
            };
            if pid == std::process::id() {
                continue;
            }
            let proc = entry.path();
            let environment = std::fs::read(proc.join("environ")).unwrap_or_default();
            let marked = environment.split(|b| *b == 0).any(|v| v == mark.as_bytes());
            if marked || links_into(&proc.join("fd"), &self.root) {
                let line = std::fs::read(proc.join("cmdline")).unwrap_or_default();
                // a zombie has neither; what is found here lives
                found.push(format!(
                    "{pid} {}",
                    String::from_utf8_lossy(&line).replace('\0', " ")
                ));
            }
        }
        found
    }

    /// Waits until no process belongs to this sandbox; returns those that stay. Containers end at once; the sweeper of the
    /// trash goes last on the machine and may take its time.
    pub fn wait_until_quiet(&self) -> Vec<String> {
        let start = Instant::now();
        loop {
            let left = self.processes();
            let is_sweeper = |line: &String| line.contains(" __sweep ");
            let limit = if left.iter().all(is_sweeper) { 90 } else { 10 };
            if left.is_empty() || start.elapsed() > Duration::from_secs(limit) {
                return left;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        let ids = self.coracle(["ps", "-aq"]).output().stdout;
        let ids: Vec<&str> = ids.split_whitespace().collect();
        if !ids.is_empty() {
            self.coracle(["rm", "-f", "-v"].iter().chain(&ids)).output();
        }
        let left = self.wait_until_quiet();
        for line in &left {
            let pid = line.split(' ').next().unwrap_or_default();
            Command::new("kill").args(["-9", pid]).status().ok();
        }
        if std::env::var_os("CORACLE_TEST_KEEP").is_some() {
            eprintln!("kept {}", self.root.display());
        } else {
            // as a user would: everything in the store is ours
            let removed = std::fs::remove_dir_all(&self.root);
            if removed.is_err() {
                force_remove(&self.root);
            }
            if !std::thread::panicking() {
                removed.unwrap_or_else(|e| {
                    panic!("rm -rf of {} does not work: {e}", self.root.display())
                });
            }
        }
        if !std::thread::panicking() {
            assert!(left.is_empty(), "processes left: {left:#?}");
        }
    }
}

fn links_into(fds: &Path, root: &Path) -> bool {
    let Ok(entries) = std::fs::read_dir(fds) else {
        return false;
    };
    entries
        .flatten()
        .any(|e| std::fs::read_link(e.path()).is_ok_and(|target| target.starts_with(root)))
}

/// Removes a tree whatever modes are in it.
fn force_remove(root: &Path) {
    if root.exists() {
        open_up(root);
        std::fs::remove_dir_all(root).ok();
    }
}

/// Gives us all permissions on a tree.
pub fn open_up(root: &Path) {
    Command::new("chmod")
        .args(["-R", "u+rwX"])
        .arg(root)
        .stderr(Stdio::null())
        .status()
        .ok();
}

/// Changes a mode.
pub fn set_mode(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

/// The program under test.
pub fn program() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_coracle"))
}

/// One command of ours.
pub struct Coracle {
    command: Command,
    args: Vec<OsString>,
    stdin: Vec<u8>,
    limit: Duration,
}

/// What a command gave.
#[derive(Debug)]
pub struct Output {
    /// Exit status; 128+n for a signal, -1 when it took too long and was killed.
    pub code: i32,
    /// All of stdout, lossy.
    pub stdout: String,
    /// All of stderr, lossy.
    pub stderr: String,
    what: String,
}

impl Coracle {
    /// Sets a variable.
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Coracle {
        self.command.env(name, value);
        self
    }

    /// Removes a variable.
    pub fn env_remove(mut self, name: &str) -> Coracle {
        self.command.env_remove(name);
        self
    }

    /// Sets the working folder.
    pub fn current_dir(mut self, folder: impl AsRef<Path>) -> Coracle {
        self.command.current_dir(folder);
        self
    }

    /// Writes this to its stdin, which then ends.
    pub fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Coracle {
        self.stdin = bytes.into();
        self
    }

    /// Sets another time limit.
    pub fn limit(mut self, limit: Duration) -> Coracle {
        self.limit = limit;
        self
    }

    /// Starts it with pipes, for tests that do something meanwhile.
    pub fn spawn(mut self) -> Child {
        self.command.args(&self.args);
        self.command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        self.command.spawn().unwrap()
    }

    /// Runs it, whatever it says.
    pub fn output(self) -> Output {
        let what = self
            .args
            .iter()
            .map(|a| a.to_string_lossy())
            .collect::<Vec<_>>()
            .join(" ");
        let (limit, input) = (self.limit, self.stdin.clone());
        finish(self.spawn(), input, limit, what)
    }

    /// Runs it; it must succeed. Returns its stdout.
    pub fn ok(self) -> String {
        self.output().expect_code(0).stdout
    }

    /// Runs it; it must fail with this status. Returns its stderr.
    pub fn fails(self, code: i32) -> String {
        self.output().expect_code(code).stderr
    }
}

impl Output {
    /// Asserts the exit status.
    pub fn expect_code(self, code: i32) -> Output {
        assert_eq!(
            self.code, code,
            "coracle {}\n--- stdout\n{}\n--- stderr\n{}",
            self.what, self.stdout, self.stderr
        );
        self
    }
}

/// Waits for a child with a limit, feeding its stdin and reading both streams meanwhile.
pub fn finish(mut child: Child, input: Vec<u8>, limit: Duration, what: String) -> Output {
    let mut stdin = child.stdin.take();
    let writer = std::thread::spawn(move || {
        if let Some(stdin) = stdin.as_mut() {
            stdin.write_all(&input).ok(); // it need not read it
        }
    });
    let stdout = read_all(child.stdout.take());
    let stderr = read_all(child.stderr.take());
    let end = Instant::now() + limit;
    let code = loop {
        if let Some(status) = child.try_wait().unwrap() {
            use std::os::unix::process::ExitStatusExt;
            break status
                .code()
                .unwrap_or_else(|| 128 + status.signal().unwrap_or(0));
        }
        if Instant::now() > end {
            child.kill().ok();
            child.wait().ok();
            break -1;
        }
        std::thread::sleep(Duration::from_millis(2));
    };
    // a process left behind may hold a pipe: what has come until shortly after the end counts
    let stdout = stdout
        .recv_timeout(Duration::from_secs(5))
        .unwrap_or_else(|_| "(stdout is held open)".to_owned());
    let stderr = stderr
        .recv_timeout(Duration::from_secs(5))
        .unwrap_or_else(|_| "(stderr is held open)".to_owned());
    drop(writer);
    Output {
        code,
        stdout,
        stderr,
        what,
    }
}

fn read_all(stream: Option<impl Read + Send + 'static>) -> std::sync::mpsc::Receiver<String> {
    let (send, receive) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut stream) = stream {
            stream.read_to_end(&mut bytes).ok();
        }
        send.send(String::from_utf8_lossy(&bytes).into_owned()).ok();
    });
    receive
}

/// Waits until `is_true`, at most 10 seconds; fails with `what` else.
pub fn eventually(what: &str, mut is_true: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(10);
    while !is_true() {
        assert!(Instant::now() < end, "not within 10 seconds: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Says that the calling test was not done, and why; `tests/run` counts these.
pub fn skipped(why: &str) {
    eprintln!("skipped: {why}");
    if let Some(path) = std::env::var_os("CORACLE_TEST_SKIPS") {
        let file = std::fs::OpenOptions::new()
            .append(true)
            .create(true)
            .open(path);
        if let Ok(mut file) = file {
            writeln!(file, "{why}").ok();
        }
    }
}

/// Replaces ids and times, so that output can stand in a test.
pub fn masked(text: &str) -> String {
    let mut out = String::new();
    let mut word = String::new();
    for c in text.chars().chain(['\n']) {
        if c.is_ascii_hexdigit() {
            word.push(c);
            continue;
        }
        let is_id =
            (word.len() == 12 || word.len() == 64) && word.chars().any(|c| c.is_ascii_digit());
        out.push_str(if is_id { "<id>" } else { &word });
        word.clear();
        out.push(c);
    }
    out.pop();
    out
}

/// Starts the test with a sandbox that has busybox, or says that it was skipped and returns.
#[macro_export]
macro_rules! busybox {
    ($sandbox:ident, $image:ident) => {
        let Some(($sandbox, $image)) = $crate::support::Sandbox::with_busybox() else {
            return $crate::support::skipped(
                "no loopback registry (packages docker-registry, busybox-static)",
            );
        };
    };
}
