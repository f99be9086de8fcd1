//! Builds: caching by content, what may not be reached, what is refused with its line, what a killed one leaves.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::support::{self, Output, Sandbox};

/// A sandbox with busybox and a context to fill.
pub(crate) struct Bench {
    pub(crate) sandbox: Sandbox,
    pub(crate) base: String,
}

impl Bench {
    pub(crate) fn new() -> Option<Bench> {
        let (sandbox, base) = Sandbox::with_busybox()?;
        std::fs::create_dir(sandbox.work().join("ctx")).unwrap();
        Some(Bench { sandbox, base })
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.sandbox.work().join("ctx").join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// Builds this Dockerfile (`%B`: the base) of the context.
    pub(crate) fn build(&self, file: &str, args: &[&str]) -> Output {
        self.write("Dockerfile", &file.replace("%B", &self.base));
        let mut words = vec!["build", "--progress", "plain"];
        words.extend(args);
        words.push("ctx");
        self.sandbox.coracle(words).output()
    }

    /// What `sh -c script` prints in the image `name`.
    pub(crate) fn run(&self, name: &str, script: &str) -> String {
        let words = ["run", "--rm", "--network", "none", name, "sh", "-c", script];
        self.sandbox.coracle(words).ok()
    }
}

macro_rules! bench {
    () => {
        match Bench::new() {
            Some(bench) => bench,
            None => return support::skipped("no registry or busybox"),
        }
    };
}

/// The numbers of the steps that ran, in the order of the file.
pub(crate) fn ran(output: &Output) -> Vec<String> {
    assert_eq!(output.code, 0, "{}", output.stderr);
    let text = output.stderr.as_str();
    let mut names = std::collections::BTreeMap::new();
    let mut done = Vec::new();
    for line in text.lines() {
        let Some((number, rest)) = line.strip_prefix('#').and_then(|l| l.split_once(' ')) else {
            continue;
        };
        if rest.starts_with('[') && !rest.starts_with("[internal]") {
            names.insert(number.to_owned(), rest.to_owned());
        }
        if rest.starts_with("DONE ")
            && let Some(name) = names.get(number)
        {
            done.push(name.split(']').next().unwrap()[1..].to_owned());
        }
    }
    done.sort();
    done
}

pub(crate) fn leftovers(sandbox: &Sandbox) -> Vec<String> {
    let mut found = Vec::new();
    for folder in ["containers", "staging"] {
        let entries = std::fs::read_dir(sandbox.data().join(folder)).unwrap();
        found.extend(
            entries
                .flatten()
                .map(|e| e.file_name().to_string_lossy().into_owned())
                .filter(|name| name != "names"),
        );
    }
    found
}

/// A linked layer is one for all bases and contents below it; what follows is not.
#[test]
fn what_follows_a_linked_copy_depends_on_what_is_before_it() {
    let b = bench!();
    let file = "FROM %B\nCOPY one /one\nCOPY --link two /two\nRUN cat /one > /list\n";
    b.write("one", "first");
    b.write("two", "2");
    b.build(file, &["-t", "t"]);
    b.write("one", "second");
    assert_eq!(ran(&b.build(file, &["-t", "t"])), ["2/4", "4/4"]);
    assert_eq!(b.run("t", "cat /list"), "second");
    // where an argument ends counts
    for (words, want) in [(r#""a b","c""#, "a b/c\n"), (r#""a","b c""#, "a/b c\n")] {
        let file = format!("FROM %B\nRUN [\"sh\",\"-c\",\"echo $0/$1 > /list\",{words}]\n");
        b.build(&file, &["-t", "t"]);
        assert_eq!(b.run("t", "cat /list"), want);
    }
}

#[test]
fn a_step_runs_again_when_what_it_takes_has_other_content() {
    let b = bench!();
    let file = "FROM %B\nCOPY src /src\nRUN cat /src/a > /out\nCOPY other /other\n";
    b.write("src/a", "one");
    b.write("other", "x");
    assert_eq!(ran(&b.build(file, &["-t", "t"])), ["2/4", "3/4", "4/4"]);
    let first = b
        .sandbox
        .coracle(["image", "inspect", "-f", "{{.Id}}", "t"])
        .ok();
    assert!(ran(&b.build(file, &["-t", "t"])).is_empty());
    assert_eq!(
        b.sandbox
            .coracle(["image", "inspect", "-f", "{{.Id}}", "t"])
            .ok(),
        first
    );
    // times do not count, content does
    let touched = std::fs::File::open(b.path("src/a")).unwrap();
    touched
        .set_modified(std::time::SystemTime::UNIX_EPOCH)
        .unwrap();
    assert!(ran(&b.build(file, &[])).is_empty());
    b.write("other", "y");
    assert_eq!(ran(&b.build(file, &[])), ["4/4"]);
    b.write("src/a", "two");
    assert_eq!(ran(&b.build(file, &["-t", "t"])), ["2/4", "3/4", "4/4"]);
    assert_eq!(b.run("t", "cat /out"), "two");
    // back to the old content: the old layers are still there
    b.write("src/a", "one");
    b.write("other", "x");
    assert!(ran(&b.build(file, &[])).is_empty());
    assert_eq!(ran(&b.build(file, &["--no-cache"])), ["2/4", "3/4", "4/4"]);
    assert_eq!(leftovers(&b.sandbox), [""; 0]);
}

#[test]
fn a_consumer_of_a_stage_is_keyed_by_what_it_takes() {
    let b = bench!();
    let file = "FROM %B AS one\nARG A\nRUN echo $A > /log && echo same > /out\nFROM %B\nCOPY --from=one /out /\nRUN --mount=from=one,source=/out,target=/m cat /m > /copy\n";
    b.build(file, &["--build-arg", "A=1"]);
    assert_eq!(ran(&b.build(file, &["--build-arg", "A=2"])), ["one 2/2"]);
}

#[test]
fn what_has_no_part_in_a_step_does_not_run_it_again() {
    let b = bench!();
    let file = "FROM %B\nLABEL a=1\nRUN --mount=type=secret,id=s,required=true cat /run/secrets/s > /dev/null\n";
    b.write("s", "1");
    let secret = format!("id=s,src={}", b.path("s").display());
    assert_eq!(ran(&b.build(file, &["--secret", &secret])), ["stage-0 2/2"]);
    b.write("s", "2");
    let other = file.replace("a=1", "a=2");
    let args = [
        "--secret",
        &secret,
        "--build-arg",
        "HTTP_PROXY=http://x",
        "--build-arg",
        "UNUSED=1",
    ];
    assert!(ran(&b.build(&other, &args)).is_empty());
    let missing = b.build(&file.replace("/dev/null", "/x"), &[]);
    assert_eq!(missing.code, 1);
    assert!(
        missing.stderr.contains("secret s: not found"),
        "{}",
        missing.stderr
    );
}

#[test]
fn stages_that_nobody_needs_are_not_built() {
    let b = bench!();
    let file =
        "FROM %B AS bad\nRUN exit 3\nFROM nowhere.invalid/x AS worse\nFROM %B AS good\nRUN true\n";
    assert_eq!(ran(&b.build(file, &[])), ["good 2/2"]);
    assert_eq!(b.build(file, &["--target", "bad"]).code, 1);
    let none = b.build(file, &["--target", "nope"]);
    assert!(
        none.stderr
            .contains("target stage \"nope\" could not be found"),
        "{}",
        none.stderr
    );
}

#[test]
fn a_failing_step_shows_its_words_and_its_lines() {
    let b = bench!();
    let output = b.build(
        "FROM %B\n# c\nRUN echo hello && \\\n    exit 7\nRUN true\n",
        &[],
    );
    assert_eq!(output.code, 1);
    assert_eq!(output.stdout, "");
    let end = "
------
Dockerfile:3
--------------------
   2 |     # c
   3 | >>> RUN echo hello && \\
   4 | >>>     exit 7
   5 |     RUN true
--------------------
ERROR: failed to solve: process \"/bin/sh -c echo hello &&     exit 7\" did not complete successfully: exit code: 7
";
    assert!(output.stderr.ends_with(end), "{}", output.stderr);
    let says = output
        .stderr
        .split("------\n > [2/3] RUN echo hello &&     exit 7:\n")
        .nth(1)
        .unwrap();
    assert!(says.lines().next().unwrap().ends_with(" hello"), "{says}");
    assert_eq!(leftovers(&b.sandbox), [""; 0]);
    assert_eq!(
        b.sandbox
            .coracle(["images", "-aq", "--filter", "dangling=true"])
            .ok(),
        ""
    );
}

#[test]
fn a_failing_stage_stops_the_other() {
    let b = bench!();
    let file = "FROM %B AS slow\nRUN sleep 600\nFROM %B AS bad\nRUN sleep 0.3; exit 1\nFROM %B\nCOPY --from=slow / /\nCOPY --from=bad / /\n";
    let output = b.build(file, &[]);
    assert_eq!(output.code, 1);
    assert!(output.stderr.contains("CANCELED"), "{}", output.stderr);
    assert!(b.sandbox.wait_until_quiet().is_empty());
}

#[test]
fn nothing_outside_of_the_context_can_be_taken() {
    let b = bench!();
    for (name, target) in [
        ("up", "../../../../../../etc/passwd"),
        ("abs", "/etc/passwd"),
        ("dir", "/etc"),
    ] {
        std::os::unix::fs::symlink(target, b.path(name)).unwrap();
    }
    for source in ["up", "abs", "dir/passwd", "../../etc/passwd", "nothing"] {
        let output = b.build(&format!("FROM %B\nCOPY {source} /x\n"), &[]);
        assert_eq!(output.code, 1, "{source}");
        assert!(
            output.stderr.contains(": not found"),
            "{source}: {}",
            output.stderr
        );
        assert!(
            output.stderr.contains("   2 | >>> COPY"),
            "{source}: {}",
            output.stderr
        );
    }
    // a link inside of what is taken stays a link
    b.write("tree/file", "1");
    std::os::unix::fs::symlink("/etc/passwd", b.path("tree/link")).unwrap();
    assert_eq!(b.build("FROM %B\nCOPY tree /tree\n", &["-t", "t"]).code, 0);
    assert_eq!(b.run("t", "readlink /tree/link"), "/etc/passwd\n");
}

#[test]
fn links_of_the_image_lead_inside_of_it() {
    let b = bench!();
    b.write("f", "new");
    let file = "FROM %B\nRUN mkdir -p /real /w && ln -s ../../../real /w/rel && ln -s /real /abs && ln -s /real/dangling /w/file\nCOPY f /w/rel/a\nCOPY f /abs/\nCOPY f /w/file\n";
    assert_eq!(b.build(file, &["-t", "t"]).code, 0);
    let listed = b.run("t", "ls /real; readlink /w/file; cat /w/file");
    assert_eq!(listed, "a\ndangling\nf\n/real/dangling\nnew");
}

#[test]
fn odd_files_of_a_context() {
    let b = bench!();
    b.write("tree/plain", "1");
    std::os::unix::net::UnixListener::bind(b.path("tree/socket")).unwrap();
    nix::unistd::mkfifo(&b.path("tree/fifo"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    assert_eq!(b.build("FROM %B\nCOPY tree /t\n", &["-t", "t"]).code, 0);
    let listed = b.run("t", "cd /t; stat -c '%n %F' *");
    assert_eq!(
        listed,
        "fifo fifo\nplain regular file\nsocket regular empty file\n"
    );
    if nix::unistd::geteuid().is_root() {
        return; // root may read everything
    }
    b.write("closed", "1");
    support::set_mode(&b.path("closed"), 0);
    let output = b.build("FROM %B\nCOPY closed /x\n", &[]);
    assert_eq!(output.code, 1);
    assert!(
        output.stderr.contains("cannot read `/closed`"),
        "{}",
        output.stderr
    );
}

#[test]
fn wrong_files_are_refused_with_their_line() {
    let b = bench!();
    let long = format!("FROM %B\nRUN {}\n", "x".repeat(65_536));
    let huge = format!("FROM %B\n{}", "# x\n".repeat(2_600_000));
    for (file, says) in [
        ("ARG A=1\n", "dockerfile contains no stages to build"),
        ("", "the Dockerfile cannot be empty"),
        (
            "FROM %B\nRUNN x\n",
            "dockerfile parse error on line 2: unknown instruction: RUNN (did you mean RUN?)",
        ),
        ("FROM %B\nRUN a\0b\n", "   2 | >>> RUN a"),
        (
            "FROM %B AS a\nCOPY --from=a / /\n",
            "circular dependency detected on stage: a",
        ),
        (
            "FROM %B AS a\nCOPY --from=b / /\nFROM a AS b\n",
            "circular dependency detected on stage: ",
        ),
        ("FROM %B\nCOPY --from=7 / /\n", "invalid stage index 7"),
        ("FROM $X\n", "base name ($X) should not be blank"),
        (
            "FROM %B\nUSER nosuch\nRUN true\n",
            "unable to find user nosuch",
        ),
        (
            "FROM %B\nENV a=${x!y}\n",
            "failed to process \"${x!y}\": unsupported modifier (!) in substitution",
        ),
        (
            &long,
            "dockerfile line greater than max allowed size of 65535",
        ),
        ("\u{1}\u{2}\u{3}ELF\n", "unknown instruction"),
    ] {
        let output = b.build(file, &[]);
        assert_eq!(output.code, 1, "{file:.60}");
        let text = output.stderr;
        assert!(
            text.contains("ERROR: failed to solve: "),
            "{file:.60}: {text}"
        );
        assert!(text.contains(says), "{file:.60}: {text}");
    }
    assert_eq!(b.build(&huge, &[]).code, 0, "a file of 10 MB");
    let output = b.sandbox.coracle(["build", "nowhere"]).output();
    assert_eq!(
        output.stderr,
        "ERROR: unable to prepare context: path \"nowhere\" not found\n"
    );
    let output = b
        .sandbox
        .coracle(["build", "-f", "nowhere", "ctx"])
        .output();
    let says = "ERROR: failed to solve: failed to read dockerfile: open nowhere: no such file or directory\n";
    assert_eq!(output.stderr, says);
    let output = b.sandbox.coracle(["build", "-t", "UP:x", "ctx"]).output();
    assert_eq!(
        output.stderr,
        "ERROR: invalid tag \"UP:x\": repository name must be lowercase\n"
    );
}

#[test]
fn a_killed_build_leaves_nothing_and_goes_on_where_it_was() {
    let b = bench!();
    let file = "FROM %B\nRUN echo one > /one\nRUN test -e /one && echo begun && sleep 600\n";
    b.write("Dockerfile", &file.replace("%B", &b.base));
    let mut child = b
        .sandbox
        .coracle(["build", "--progress", "plain", "ctx"])
        .spawn();
    wait_for_text(child.stderr.as_mut().unwrap(), "begun");
    // the digest of the step before is computed beside this one
    let steps = b.sandbox.data().join("builds/steps");
    support::eventually("the first step's record", || {
        let mut entries = std::fs::read_dir(&steps).into_iter().flatten().flatten();
        // not one that is being written
        entries.any(|entry| entry.path().extension().is_none())
    });
    child.kill().unwrap();
    child.wait().unwrap();
    // its step ends with it
    assert_eq!(b.sandbox.wait_until_quiet(), [""; 0]);
    assert_eq!(b.sandbox.coracle(["ps", "-aq"]).ok(), "");
    let output = b.build(&file.replace("sleep 600", "true"), &[]);
    assert_eq!(ran(&output), ["3/3"]);
}

/// Recorded from docker 26; the exit status is a shell's for the signal.
#[test]
fn a_build_that_is_interrupted_stops_its_steps_and_says_so() {
    use nix::sys::signal::{Signal, kill};
    let b = bench!();
    let file = format!("FROM {}\nRUN echo begun && sleep 600\n", b.base);
    b.write("Dockerfile", &file);
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
        let words = ["build", "--progress", "plain", "ctx"];
        let mut child = b.sandbox.coracle(words).spawn();
        wait_for_text(child.stderr.as_mut().unwrap(), "begun");
        let pid = nix::unistd::Pid::from_raw(child.id() as i32);
        kill(pid, signal).unwrap();
        let limit = Duration::from_secs(30);
        let output = support::finish(child, Vec::new(), limit, format!("{signal}"));
        assert_eq!(output.code, 128 + signal as i32, "{}", output.stderr);
        let last = output.stderr.lines().rev().take(2).collect::<Vec<_>>();
        assert_eq!(
            last[0],
            "ERROR: failed to solve: Canceled: context canceled"
        );
        assert!(last[1].ends_with(" CANCELED"), "{}", output.stderr);
        assert_eq!(b.sandbox.wait_until_quiet(), [""; 0]);
        assert_eq!(leftovers(&b.sandbox), [""; 0]);
    }
}

fn wait_for_text(from: &mut impl std::io::Read, text: &str) {
    let mut seen = Vec::new();
    let mut byte = [0];
    while from.read(&mut byte).unwrap() == 1 {
        seen.push(byte[0]);
        if seen.ends_with(text.as_bytes())
            && seen.ends_with(format!(" {text}").as_bytes())
            && seen.contains(&b'#')
        {
            let line = String::from_utf8_lossy(&seen);
            // the step's name holds the word too
            if line
                .lines()
                .last()
                .unwrap()
                .split(' ')
                .nth(1)
                .is_some_and(|w| w.contains('.'))
            {
                return;
            }
        }
    }
    panic!("no {text:?} in {}", String::from_utf8_lossy(&seen));
}

#[test]
fn a_context_on_standard_input() {
    let b = bench!();
    let file = format!("FROM {}\nRUN true\n", b.base);
    b.sandbox
        .coracle(["build", "-t", "t", "-"])
        .stdin(file.as_bytes())
        .ok();
    b.write("Dockerfile", &format!("FROM {}\nCOPY a /a\n", b.base));
    b.write("a", "from tar");
    let tar = std::process::Command::new("tar")
        .arg("-C")
        .arg(b.path(""))
        .args(["-cz", "."])
        .output()
        .unwrap();
    b.sandbox
        .coracle(["build", "-t", "t", "-"])
        .stdin(tar.stdout)
        .ok();
    assert_eq!(b.run("t", "cat /a"), "from tar");
    b.sandbox
        .coracle(["build", "-t", "t", "-f", "-", "ctx"])
        .stdin(format!("FROM {}\nCOPY a /b\n", b.base))
        .ok();
    assert_eq!(b.run("t", "cat /b"), "from tar");
}

#[test]
fn an_ignore_file_leaves_out() {
    let b = bench!();
    for name in ["d/one", "d/sub/two", "e", "Dockerfile"] {
        b.write(name, name);
    }
    b.write(".dockerignore", "*\n!d/sub\n");
    let file = "FROM %B\nCOPY . /t\n";
    b.build(file, &["-t", "t"]);
    assert_eq!(
        b.run("t", "cd /t; find . | sort"),
        ".\n./d\n./d/sub\n./d/sub/two\n"
    );
    b.write("Dockerfile.dockerignore", "d\n*ignore\n");
    b.build(file, &["-t", "t"]);
    assert_eq!(b.run("t", "cd /t; find . | sort"), ".\n./Dockerfile\n./e\n");
}

#[test]
fn results_outside_of_the_store() {
    let b = bench!();
    let file = "FROM scratch\nCOPY a /d/a\n";
    b.write("a", "1");
    support::set_mode(&b.path("a"), 0o640);
    assert_eq!(b.build(file, &["-o", "out"]).code, 0);
    let out = b.sandbox.work().join("out");
    assert_eq!(std::fs::read_to_string(out.join("d/a")).unwrap(), "1");
    assert_eq!(mode(&out.join("d/a")), 0o640);
    assert_eq!(b.build(file, &["-o", "type=tar,dest=out.tar"]).code, 0);
    let list = std::process::Command::new("tar")
        .arg("-tf")
        .arg(b.sandbox.work().join("out.tar"))
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&list.stdout), "d/\nd/a\n");
    assert_eq!(
        b.sandbox.coracle(["images", "-aq"]).ok().lines().count(),
        1,
        "the base alone"
    );
    let args = [
        "--iidfile",
        "id",
        "--metadata-file",
        "meta",
        "-q",
        "-t",
        "t:1",
        "-t",
        "t:2",
    ];
    let id = b.build(file, &args).stdout;
    let read = |name: &str| std::fs::read_to_string(b.sandbox.work().join(name)).unwrap();
    assert_eq!(read("id"), id.trim());
    let meta: serde_json::Value = serde_json::from_str(&read("meta")).unwrap();
    assert_eq!(meta["containerimage.config.digest"], id.trim());
    assert_eq!(
        meta["image.name"],
        "docker.io/library/t:1,docker.io/library/t:2"
    );
}

fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

#[test]
fn equal_content_has_one_digest_when_the_clock_is_left_out() {
    let b = bench!();
    let file = "FROM %B\nCOPY a /a\nRUN mkdir /d && echo 1 > /d/f\n";
    b.write("a", "1");
    let args = [
        "-q",
        "--no-cache",
        "--build-arg",
        "SOURCE_DATE_EPOCH=1000000000",
        "-o",
        "type=image,rewrite-timestamp=true",
    ];
    let first = b.build(file, &args);
    std::thread::sleep(Duration::from_millis(1100));
    let second = b.build(file, &args);
    assert_eq!(first.code, 0, "{}", first.stderr);
    assert_eq!(first.stdout, second.stdout);
    let created = [
        "image",
        "inspect",
        "-f",
        "{{.Created}}",
        first.stdout.trim(),
    ];
    assert_eq!(b.sandbox.coracle(created).ok(), "2001-09-09T01:46:40Z\n");
}

#[test]
fn a_cache_folder_stays_between_builds() {
    let b = bench!();
    let file =
        "FROM %B\nRUN --mount=type=cache,target=/c echo %N >> /c/log && cat /c/log > /seen\n";
    assert_eq!(b.build(&file.replace("%N", "1"), &[]).code, 0);
    assert_eq!(b.build(&file.replace("%N", "2"), &["-t", "t"]).code, 0);
    assert_eq!(
        b.run("t", "cat /seen; test -e /c || echo gone"),
        "1\n2\ngone\n"
    );
}

#[test]
fn progress_for_programs_is_json() {
    let b = bench!();
    b.write("Dockerfile", &format!("FROM {}\nRUN echo hi\n", b.base));
    let output = b
        .sandbox
        .coracle(["build", "--progress", "rawjson", "ctx"])
        .output();
    assert_eq!(output.code, 0, "{}", output.stderr);
    let mut kinds = std::collections::BTreeSet::new();
    for line in output.stderr.lines() {
        let value: serde_json::Value = serde_json::from_str(line).unwrap();
        kinds.extend(value.as_object().unwrap().keys().cloned());
    }
    let want = ["logs", "statuses", "vertexes"];
    assert_eq!(kinds.into_iter().collect::<Vec<_>>(), want);
}

/// Another user, who has the base alone.
fn another(b: &Bench) -> Sandbox {
    let other = Sandbox::new();
    other.coracle(["pull", "-q", &b.base]).ok();
    other
}

/// Builds the bench's context as that user.
fn build_from(other: &Sandbox, cache: &str, b: &Bench) -> Output {
    let context = b.path("").display().to_string();
    let words = ["--progress", "plain", "--cache-from", cache, &context];
    other.coracle([&["build"], &words[..]].concat()).output()
}

#[test]
fn a_cache_goes_to_a_folder_or_a_registry_and_comes_back() {
    let b = bench!();
    let registry = b.base.split('/').next().unwrap().to_owned();
    let file = "FROM %B AS one\nRUN echo 1 > /one\nFROM %B\nCOPY --from=one /one /two\nRUN cat /two > /three\n";
    let folder = b.sandbox.work().join("cache").display().to_string();
    let name = format!("{registry}/cache-{}:1", std::process::id());
    for (to, from, steps) in [
        (
            format!("type=local,dest={folder},mode=max"),
            format!("type=local,src={folder}"),
            0,
        ),
        (
            format!("type=registry,ref={name},mode=max"),
            format!("type=registry,ref={name}"),
            0,
        ),
        // the first stage is not part of the result
        (format!("type=registry,ref={name}"), name.clone(), 1),
    ] {
        let made = b.build(file, &["-t", "t", "--cache-to", &to]);
        assert_eq!(made.code, 0, "{}", made.stderr);
        let images = b.sandbox.coracle(["images", "-a"]).ok();
        assert!(!images.contains("cache-"), "{images}");
        let output = build_from(&another(&b), &from, &b);
        assert_eq!(ran(&output).len(), steps, "{to}: {}", output.stderr);
    }
    let missing = b.build(file, &["--cache-from", &format!("{registry}/nowhere:1")]);
    assert_eq!(missing.code, 0, "{}", missing.stderr);
}

#[test]
fn of_a_cache_only_what_is_hit_is_fetched() {
    let b = bench!();
    let registry = b.base.split('/').next().unwrap().to_owned();
    let name = format!("{registry}/lazy-{:x}:1", std::process::id());
    let to = format!("type=registry,ref={name},mode=max");
    let file = "FROM %B\nRUN echo 1 > /one\nRUN echo 2 > /two\n";
    let made = b.build(file, &["--cache-to", &to]);
    assert_eq!(made.code, 0, "{}", made.stderr);
    let other = another(&b);
    let layers = || {
        std::fs::read_dir(other.data().join("layers"))
            .unwrap()
            .count()
    };
    let before = layers();
    b.write(
        "Dockerfile",
        &format!("FROM {}\nRUN echo 1 > /one\n", b.base),
    );
    assert_eq!(ran(&build_from(&other, &name, &b)), [""; 0]);
    assert_eq!(layers(), before + 1);
    assert_eq!(other.coracle(["images", "-aq"]).ok().lines().count(), 2);
}

#[test]
fn a_file_says_what_it_can_build_and_what_it_takes() {
    let b = bench!();
    let file = "# who is the one\nARG who=me\nFROM scratch AS one\n# two is last\nFROM one AS two\nARG x\nRUN --mount=type=secret,id=s true\n";
    let output = b.build(file, &["--call", "targets"]);
    assert_eq!(
        output.stdout,
        "TARGET          DESCRIPTION\none             \ntwo (default)   is last\n"
    );
    let output = b.build(file, &["--call=outline", "--build-arg", "x=1"]);
    let want = "TARGET:      two\nDESCRIPTION: is last\n\nBUILD ARG   VALUE   DESCRIPTION\nx           1       \n\nSECRET   REQUIRED\ns        \n\n";
    assert_eq!(output.stdout, want);
    // the documents are BuildKit 0.13's
    let line = |line: usize| serde_json::json!({"ranges": [{"start": {"line": line}, "end": {"line": line}}]});
    let read = |call: &str| -> serde_json::Value {
        let output = b.build(file, &["--call", call]);
        let mut document: serde_json::Value = serde_json::from_str(&output.stdout).unwrap();
        assert!(document["sources"].take().is_array());
        document
    };
    let want = serde_json::json!({"targets": [
        {"name": "one", "base": "scratch", "location": line(3)},
        {"name": "two", "default": true, "description": "is last", "base": "one", "location": line(5)},
    ], "sources": null});
    assert_eq!(read("targets,format=json"), want);
    let want = serde_json::json!({
        "name": "two", "description": "is last",
        "args": [{"name": "x", "location": line(6)}],
        "secrets": [{"name": "s", "location": line(7)}],
        "sources": null,
    });
    assert_eq!(read("outline,format=json"), want);
    let bad = b.build(file, &["--call", "outline,format=xml"]);
    assert_eq!(bad.code, 1);
    assert!(bad.stderr.contains("format=json"), "{}", bad.stderr);
}

#[test]
fn a_check_names_its_rules_and_builds_nothing() {
    let b = bench!();
    let output = b.build("FROM %B AS Bad\nWORKDIR rel\nCMD x\n", &["--check"]);
    assert_eq!(output.code, 0, "{}", output.stderr);
    let want = "Check complete, 3 warnings have been found!

WARNING: StageNameCasing - https://docs.docker.com/go/dockerfile/rule/stage-name-casing/
Stage name 'Bad' should be lowercase
";
    assert!(output.stdout.starts_with(want), "{}", output.stdout);
    assert!(
        output.stdout.contains("   2 | >>> WORKDIR rel"),
        "{}",
        output.stdout
    );
    let file = "FROM scratch AS Bad\n";
    let output = b.build(file, &["--call", "check,format=json"]);
    let document: serde_json::Value = serde_json::from_str(&output.stdout).unwrap();
    let want = serde_json::json!([{
        "ruleName": "StageNameCasing",
        "description": "Stage names should be lowercase",
        "url": "https://docs.docker.com/go/dockerfile/rule/stage-name-casing/",
        "detail": "Stage name 'Bad' should be lowercase",
        "location": {"ranges": [{"start": {"line": 1}, "end": {"line": 1}}]},
    }]);
    assert_eq!(document["warnings"], want);
    assert_eq!(
        b.build("# check=error=true\nFROM %B AS Bad\n", &["--check"])
            .code,
        1
    );
    assert_eq!(
        b.build("# check=skip=all\nFROM %B AS Bad\n", &["--check"])
            .stdout,
        "Check complete, no warnings found.\n"
    );
}

#[test]
fn the_cache_is_listed_and_pruned() {
    let b = bench!();
    let file = "FROM %B\nRUN --mount=type=cache,target=/c echo 1 > /c/f && echo 2 > /f\n";
    assert_eq!(b.build(file, &["-t", "t"]).code, 0);
    let listed = b.sandbox.coracle(["buildx", "du", "--verbose"]).ok();
    assert!(listed.contains("Description:\tRUN --mount"), "{listed}");
    assert!(listed.contains("Type:\t\texec.cachemount"), "{listed}");
    // recorded from docker 26: what no record has chooses none
    let misspelt = ["builder", "prune", "-af", "--filter", "util=24h"];
    assert_eq!(b.sandbox.coracle(misspelt).ok(), "Total:\t0B\n");
    assert!(b.sandbox.coracle(["buildx", "du"]).ok().contains("true"));
    b.sandbox.coracle(["builder", "prune", "-af"]).ok();
    assert!(!b.sandbox.coracle(["buildx", "du"]).ok().contains("true"));
    assert_eq!(b.run("t", "cat /f"), "2\n", "an image keeps its layers");
    assert_eq!(ran(&b.build(file, &[])), ["stage-0 2/2"]);
    // docker's `system prune` takes it as well, and with a label nothing of it, which has none
    let system = |more: &[&str]| {
        b.sandbox
            .coracle(["system", "prune", "-af"].iter().chain(more))
    };
    assert!(
        !system(&["--filter", "label=x"])
            .ok()
            .contains("build cache")
    );
    let told = system(&[]).ok();
    assert!(told.contains("Deleted build cache objects:\n"), "{told}");
    assert!(!b.sandbox.coracle(["buildx", "du"]).ok().contains("true"));
}

/// BuildKit's: what a cache folder begins as a copy of is a part of what it is.
#[test]
fn a_cache_that_begins_as_a_copy_is_another_one() {
    let b = bench!();
    let file = "FROM %B AS seed\nRUN mkdir /s && echo seeded > /s/f\nFROM %B\n\
                RUN --mount=type=cache,target=/c echo 1 > /c/x\n\
                RUN --mount=type=cache,target=/c,from=seed,source=/s cp /c/f /f && ! test -e /c/x\n";
    let built = b.build(file, &["-t", "t"]);
    assert_eq!(built.code, 0, "{}", built.stderr);
    assert_eq!(b.run("t", "cat /f"), "seeded\n");
}
