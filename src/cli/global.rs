//! The flags before the verb: docker's and podman's. Of those that choose a daemon: [`super::endpoint`].

use super::Session;

/// What the flags before the verb ask for.
pub(super) enum Parsed {
    /// The verb follows after that many words.
    Go(Box<Session>, usize),
    /// `--help`.
    Help,
    /// `--version`.
    Version,
}

/// Why the flags before the verb are wrong.
#[derive(Debug, PartialEq)]
pub(super) enum Refused {
    /// No such flag, or it lacks its value.
    Flag(String),
    /// A value is wrong.
    Value(String),
}

/// Name, short name, takes a value.
const FLAGS: &[(&str, char, bool)] = &[
    ("cgroup-manager", '\0', true),
    ("config", '\0', true),
    ("connection", '\0', true),
    ("context", 'c', true),
    ("debug", 'D', false),
    ("events-backend", '\0', true),
    ("help", 'h', false),
    ("host", 'H', true),
    ("log-level", 'l', true),
    ("remote", 'r', false),
    ("root", '\0', true),
    ("runroot", '\0', true),
    ("storage-driver", '\0', true),
    ("tls", '\0', false),
    ("tlscacert", '\0', true),
    ("tlscert", '\0', true),
    ("tlskey", '\0', true),
    ("tlsverify", '\0', false),
    ("url", '\0', true),
    ("version", 'v', false),
];

/// Returns the name to speak under: that of a link named `docker` or `podman`, else our own.
pub(super) fn program(argv0: &str) -> &'static str {
    match argv0.rsplit('/').next() {
        Some("docker") => "docker",
        Some("podman") => "podman",
        _ => "coracle",
    }
}

/// Reads the flags at the beginning of `words`.
pub(super) fn parse(program: &'static str, words: &[String]) -> Result<Parsed, Refused> {
    let mut session = Session::new(program);
    let mut wanted = None;
    let mut at = 0;
    while let Some(word) = words.get(at) {
        at += 1;
        if let Some(long) = word.strip_prefix("--") {
            if long.is_empty() {
                break;
            }
            let (name, given) = match long.split_once('=') {
                Some((name, value)) => (name, Some(value)),
                None => (long, None),
            };
            let Some(&(name, _, takes)) = FLAGS.iter().find(|f| f.0 == name) else {
                return Err(Refused::Flag(format!("unknown flag: --{name}")));
            };
            let value = match (given, takes) {
                (Some(value), _) => value,
                (None, false) => "true",
                (None, true) => {
                    at += 1;
                    let missing = || Refused::Flag(format!("flag needs an argument: --{name}"));
                    words.get(at - 1).ok_or_else(missing)?
                }
            };
            wanted = set(&mut session, name, value)?.or(wanted);
        } else if word.len() > 1 && word.starts_with('-') {
            wanted = cluster(&mut session, &word[1..], words, &mut at)?.or(wanted);
        } else {
            at -= 1;
            break;
        }
    }
    match wanted {
        Some("help") => Ok(Parsed::Help),
        Some(_) => Ok(Parsed::Version),
        None => Ok(Parsed::Go(Box::new(session), at)),
    }
}

/// Reads `-Dl debug`: the letters of one word, and the next word where the last letter wants one.
fn cluster(
    session: &mut Session,
    letters: &str,
    words: &[String],
    at: &mut usize,
) -> Result<Option<&'static str>, Refused> {
    let mut wanted = None;
    for (i, letter) in letters.char_indices() {
        let here = &letters[i..];
        let Some(&(name, _, takes)) = FLAGS.iter().find(|f| f.1 == letter) else {
            return Err(Refused::Flag(format!(
                "unknown shorthand flag: {letter:?} in -{here}"
            )));
        };
        if !takes {
            wanted = set(session, name, "true")?.or(wanted);
            continue;
        }
        let joined = &here[letter.len_utf8()..];
        let value = if joined.is_empty() {
            *at += 1;
            words.get(*at - 1).map(String::as_str).ok_or_else(|| {
                Refused::Flag(format!("flag needs an argument: {letter:?} in -{here}"))
            })?
        } else {
            joined.strip_prefix('=').unwrap_or(joined)
        };
        return Ok(set(session, name, value)?.or(wanted));
    }
    Ok(wanted)
}

/// Notes one flag; returns its name when it is a whole command by itself.
fn set(
    session: &mut Session,
    name: &'static str,
    value: &str,
) -> Result<Option<&'static str>, Refused> {
    let is_on = !matches!(value, "0" | "f" | "F" | "false" | "FALSE" | "False");
    match name {
        "help" | "version" if is_on => return Ok(Some(name)),
        "debug" => session.debug = is_on,
        "log-level" => match value {
            "debug" | "trace" => session.debug = true,
            "info" | "warn" | "warning" | "error" | "fatal" | "panic" => {}
            _ => {
                return Err(Refused::Value(format!(
                    "Unable to parse logging level: {value}"
                )));
            }
        },
        "host" | "url" => session.host = Some(value.to_owned()),
        "context" | "connection" => session.context = Some(value.to_owned()),
        "root" => session.options.root = Some(value.into()),
        "runroot" => session.options.runroot = Some(value.into()),
        "storage-driver" => session.storage_driver = Some(value.to_owned()),
        "config" => session.config_dir = Some(value.into()),
        _ => {}
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Parsed, Refused> {
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        parse("coracle", &words)
    }

    #[test]
    fn flags_before_the_verb_are_read_and_end_at_the_verb() {
        for (line, debug, root, used) in [
            ("ps -D", false, None, 0),
            ("-D ps", true, None, 1),
            ("--debug=false ps", false, None, 1),
            ("-l debug ps", true, None, 2),
            ("-Dl=info ps", true, None, 1),
            ("-Hunix:///x -c ctx --tls ps", false, None, 4),
            ("--root /a --runroot=/b ps", false, Some("/a"), 3),
            (
                "--log-level error --storage-driver vfs info",
                false,
                None,
                4,
            ),
        ] {
            let Ok(Parsed::Go(session, at)) = read(line) else {
                panic!("{line}")
            };
            assert_eq!(session.debug, debug, "{line}");
            assert_eq!(
                session.options.root.as_deref(),
                root.map(std::path::Path::new),
                "{line}"
            );
            assert_eq!(at, used, "{line}");
        }
    }

    #[test]
    fn wrong_flags_before_the_verb_have_dockers_words() {
        let flag = |s: &str| Refused::Flag(s.to_owned());
        for (line, want) in [
            ("--foo ps", flag("unknown flag: --foo")),
            ("-Dx ps", flag("unknown shorthand flag: 'x' in -x")),
            ("--config", flag("flag needs an argument: --config")),
            ("-c", flag("flag needs an argument: 'c' in -c")),
            (
                "-l foo ps",
                Refused::Value("Unable to parse logging level: foo".to_owned()),
            ),
        ] {
            assert_eq!(read(line).err(), Some(want), "{line}");
        }
    }

    #[test]
    fn help_and_version_win_over_the_verb() {
        assert!(matches!(read("-v ps"), Ok(Parsed::Version)));
        assert!(matches!(read("-D --help ps"), Ok(Parsed::Help)));
    }

    #[test]
    fn a_link_named_docker_speaks_as_docker() {
        for (argv0, want) in [
            ("/usr/local/bin/docker", "docker"),
            ("podman", "podman"),
            ("./target/debug/coracle", "coracle"),
            ("dockerd", "coracle"),
        ] {
            assert_eq!(program(argv0), want);
        }
    }
}
