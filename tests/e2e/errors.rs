//! What docker refuses is refused with its words and its exit status.

use crate::support::{Output, Sandbox};

/// One command line and docker's answer to it. `%I` is the image, `%R` the registry.
struct Case {
    line: &'static str,
    code: i32,
    /// Parts of stderr (or, where docker says so, of stdout).
    says: &'static [&'static str],
}

const fn case(line: &'static str, code: i32, says: &'static [&'static str]) -> Case {
    Case { line, code, says }
}

fn check(sandbox: &Sandbox, image: &str, cases: &[Case]) {
    let registry = image.split('/').next().unwrap();
    let mut wrong = Vec::new();
    for case in cases {
        let words: Vec<String> = words(case.line, image, registry);
        let Output {
            code,
            stdout,
            stderr,
            ..
        } = sandbox.docker(&words).output();
        let text = format!("{stdout}{stderr}");
        let missing: Vec<String> = case
            .says
            .iter()
            .map(|part| part.replace("%I", image).replace("%R", registry))
            .filter(|part| !text.contains(part.as_str()))
            .collect();
        if code != case.code || !missing.is_empty() {
            let wanted = case.code;
            wrong.push(format!(
                "docker {}\n   status {code}, docker's {wanted}\n   said:   {text}\n   missing: {missing:#?}",
                case.line
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {} differ:\n{}",
        wrong.len(),
        cases.len(),
        wrong.join("\n")
    );
}

/// Splits at blanks; single quotes hold a word together.
fn words(line: &str, image: &str, registry: &str) -> Vec<String> {
    let line = line.replace("%I", image).replace("%R", registry);
    let mut words = Vec::new();
    for (n, part) in line.split('\'').enumerate() {
        if n % 2 == 1 {
            words.push(part.to_owned());
        } else {
            words.extend(part.split_whitespace().map(str::to_owned));
        }
    }
    words
}

#[test]
fn run_refuses_as_docker_does() {
    busybox!(sandbox, image);
    check(
        &sandbox,
        &image,
        &[
            case(
                "run",
                1,
                &[
                    "\"docker run\" requires at least 1 argument.",
                    "See 'docker run --help'.",
                ],
            ),
            case(
                "run --nosuchflag %I",
                125,
                &["unknown flag: --nosuchflag", "See 'docker run --help'."],
            ),
            case(
                "run --rm %I nosuch",
                127,
                &["exec: \"nosuch\": executable file not found in $PATH"],
            ),
            case(
                "run --rm %I /nosuch",
                127,
                &[
                    "docker: Error response from daemon: ",
                    "\"/nosuch\"",
                    "no such file or directory",
                ],
            ),
            case(
                "run --rm %I /etc/passwd",
                126,
                &["exec: \"/etc/passwd\": permission denied"],
            ),
            case("run --rm %I /etc", 126, &["exec: \"/etc\": is a directory"]),
            case(
                "run --rm Bad//Name true",
                125,
                &[
                    "docker: invalid reference format",
                    "See 'docker run --help'.",
                ],
            ),
            case(
                "run --rm -w rel %I pwd",
                125,
                &[
                    "docker: Error response from daemon: the working directory 'rel' is invalid, it needs to be an absolute path.",
                ],
            ),
            case(
                "run --rm -u nosuch %I id",
                125,
                &["unable to find user nosuch: no matching entries in passwd file"],
            ),
            case(
                "run --rm -u root:nosuch %I id",
                125,
                &["unable to find group nosuch: no matching entries in group file"],
            ),
            case(
                "run --rm -v rel:/x:bad %I true",
                125,
                &["docker: Error response from daemon: invalid mode: bad."],
            ),
            case(
                "run --rm -v /etc:relative %I true",
                125,
                &[
                    "invalid volume specification: '/etc:relative': invalid mount config for type \"bind\": invalid mount path: \
             'relative' mount path must be absolute.",
                ],
            ),
            case(
                "run --rm --mount type=bind,source=/nosuch,target=/x %I true",
                125,
                &[
                    "docker: Error response from daemon: invalid mount config for type \"bind\": bind source path does not \
             exist: /nosuch.",
                ],
            ),
            case(
                "run --rm --network nosuch %I true",
                125,
                &["docker: Error response from daemon: network nosuch not found."],
            ),
            case(
                "run --rm --network container:nosuch %I true",
                125,
                &["No such container: nosuch."],
            ),
            case(
                "run --rm -p 99999:80 %I true",
                125,
                &[
                    "docker: Invalid hostPort: 99999.",
                    "See 'docker run --help'.",
                ],
            ),
            case(
                "run --rm --memory 1 %I true",
                125,
                &["Minimum memory limit allowed is 6MB."],
            ),
            case(
                "run --rm --restart always %I true",
                125,
                &["docker: Conflicting options: --restart and --rm."],
            ),
            case(
                "run --rm --name 'a b' %I true",
                125,
                &["Invalid container name (a b), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed."],
            ),
            case(
                "run --rm --cap-add NOPE %I true",
                125,
                &["invalid CapAdd: unknown capability: \"CAP_NOPE\"."],
            ),
            case(
                "run --rm --ulimit foo=1 %I true",
                125,
                &["invalid argument \"foo=1\" for \"--ulimit\" flag: invalid ulimit type: foo"],
            ),
            case(
                "run --rm --security-opt foo %I true",
                125,
                &["docker: Invalid --security-opt: \"foo\"."],
            ),
            case(
                "run --rm --pull never %R/nosuch:1 true",
                125,
                &["docker: Error response from daemon: No such image: %R/nosuch:1."],
            ),
            case(
                "run --rm %R/nosuch:1 true",
                125,
                &[
                    "Unable to find image '%R/nosuch:1' locally",
                    "docker: Error response from daemon: manifest for %R/nosuch:1 not found: manifest unknown",
                ],
            ),
        ],
    );
}

#[test]
fn names_of_nothing_are_refused_as_docker_does() {
    busybox!(sandbox, image);
    check(
        &sandbox,
        &image,
        &[
            case(
                "nosuchverb",
                1,
                &[
                    "docker: 'nosuchverb' is not a docker command.",
                    "See 'docker --help'",
                ],
            ),
            case(
                "exec nosuch true",
                1,
                &["Error response from daemon: No such container: nosuch"],
            ),
            case(
                "stop nosuch",
                1,
                &["Error response from daemon: No such container: nosuch"],
            ),
            case("kill nosuch", 1, &["No such container: nosuch"]),
            case(
                "start nosuch",
                1,
                &[
                    "Error response from daemon: No such container: nosuch\nError: failed to start containers: nosuch",
                ],
            ),
            case("restart nosuch", 1, &["No such container: nosuch"]),
            case(
                "wait nosuch",
                1,
                &["Error response from daemon: No such container: nosuch"],
            ),
            case(
                "logs nosuch",
                1,
                &["Error response from daemon: No such container: nosuch"],
            ),
            case(
                "attach nosuch",
                1,
                &["Error response from daemon: No such container: nosuch"],
            ),
            case(
                "rm nosuch",
                1,
                &["Error response from daemon: No such container: nosuch"],
            ),
            case(
                "rm -f nosuch",
                0,
                &["Error response from daemon: No such container: nosuch"],
            ),
            case(
                "inspect nosuch",
                1,
                &["[]", "Error: No such object: nosuch"],
            ),
            case(
                "inspect --type container nosuch",
                1,
                &[
                    "[]",
                    "Error response from daemon: No such container: nosuch",
                ],
            ),
            case(
                "rename nosuch x",
                1,
                &[
                    "Error response from daemon: No such container: nosuch\nError: failed to rename container named nosuch",
                ],
            ),
            case(
                "rmi nosuch",
                1,
                &["Error response from daemon: No such image: nosuch:latest"],
            ),
            case(
                "tag nosuch:1 foo:1",
                1,
                &["Error response from daemon: No such image: nosuch:1"],
            ),
            case(
                "volume inspect nosuch",
                1,
                &[
                    "[]",
                    "Error response from daemon: get nosuch: no such volume",
                ],
            ),
            case(
                "volume rm nosuch",
                1,
                &["Error response from daemon: get nosuch: no such volume"],
            ),
            case(
                "pull %R/nosuch:1",
                1,
                &[
                    "Error response from daemon: manifest for %R/nosuch:1 not found: manifest unknown",
                ],
            ),
        ],
    );
}

#[test]
fn what_does_not_fit_a_containers_state_is_refused_as_docker_does() {
    busybox!(sandbox, image);
    let id = sandbox
        .coracle(["run", "-d", "--name", "h1", &image, "sleep", "1000"])
        .ok()
        .trim()
        .to_owned();
    check(
        &sandbox,
        &image,
        &[
            case(
                "run -d --name h1 %I true",
                125,
                &[
                    "docker: Error response from daemon: Conflict. The container name \"/h1\" is already in use by container",
                    "You have to remove (or rename) that container to be able to reuse that name.",
                ],
            ),
            case(
                "rm h1",
                1,
                &[
                    "Error response from daemon: cannot remove container \"/h1\": container is running: stop the container \
             before removing or force remove",
                ],
            ),
            case("kill -s FOO h1", 1, &["invalid signal: FOO"]),
            case(
                "rename h1 h1",
                1,
                &[
                    "Error response from daemon: Renaming a container with the same name as its current name",
                    "Error: failed to rename container named h1",
                ],
            ),
            case(
                "exec h1 nosuch",
                126,
                &[
                    "OCI runtime exec failed: exec failed: unable to start container process: exec: \"nosuch\": executable file \
             not found in $PATH",
                ],
            ),
            case(
                "exec h1 /etc/passwd",
                126,
                &["exec: \"/etc/passwd\": permission denied"],
            ),
            case(
                "exec -u nosuch h1 id",
                126,
                &["unable to find user nosuch: no matching entries in passwd file"],
            ),
            case(
                "exec -w /nosuch h1 pwd",
                126,
                &["/nosuch", "no such file or directory"],
            ),
            case("stop -t 0 h1", 0, &["h1"]),
            case("stop h1", 0, &["h1"]),
        ],
    );
    let not_running = format!("container {id} is not running");
    for line in [
        ["exec", "h1", "true"].as_slice(),
        &["kill", "h1"],
        &["top", "h1"],
    ] {
        let output = sandbox.docker(line).output();
        assert_eq!(output.code, 1, "{line:?}");
        assert!(
            output.stderr.contains(&not_running),
            "{line:?}: {}",
            output.stderr
        );
    }
}

#[test]
fn a_daemon_elsewhere_is_refused_and_one_of_this_machine_is_not_missed() {
    let sandbox = Sandbox::new();
    let elsewhere = "cannot use the daemon at `ssh://prod`: containers run on this machine, without a daemon; \
                     leave out the host or context, unset DOCKER_HOST, or `coracle context use default`\n";
    assert_eq!(
        sandbox.coracle(["-H", "ssh://prod", "ps"]).fails(1),
        elsewhere
    );
    let by_variable = || {
        sandbox
            .coracle(["ps", "-q"])
            .env("DOCKER_HOST", "ssh://prod")
    };
    assert_eq!(by_variable().fails(1), elsewhere);
    assert_eq!(
        sandbox.coracle(["-c", "nope", "ps"]).fails(1),
        "context \"nope\": context not found\n"
    );
    assert_eq!(
        sandbox
            .coracle(["-c", "default", "-H", "unix:///x", "ps"])
            .fails(1),
        "conflicting options: cannot specify both --host and --context\n"
    );
    let docker = sandbox.home().join(".docker");
    std::fs::create_dir_all(&docker).unwrap();
    let chosen = r#"{"auths": {}, "currentContext": "nope"}"#;
    std::fs::write(docker.join("config.json"), chosen).unwrap();
    crate::support::open_up(&docker);
    let gone = "context \"nope\": context not found\n";
    assert_eq!(sandbox.coracle(["ps"]).fails(1), gone);
    sandbox.coracle(["context", "use", "default"]).ok();
    sandbox.coracle(["ps"]).ok();
    let kept = std::fs::read_to_string(docker.join("config.json")).unwrap();
    assert!(kept.contains("auths") && !kept.contains("nope"), "{kept}");
    for ours in [["-H", "unix:///run/user/1/docker.sock"], ["-c", "default"]] {
        sandbox.coracle([&ours[..], &["ps"]].concat()).ok();
        sandbox
            .coracle([&ours[..], &["ps"]].concat())
            .env("DOCKER_CONTEXT", "default")
            .ok();
    }
}
