//! `coracle cp`.

use std::fs::File;
use std::path::Path;

use clap::{ArgMatches, Command};

use super::args::{flag, is_set, operands, values};
use super::save::check_output;
use super::{Session, Verb};
use crate::container::copy::{self, Options};
use crate::error::{Error, Kind, Result};
use crate::grammar::units::human_size;
use crate::sys::fd::{duplicate, standard};
use crate::ui::out;

pub(super) const VERB: Verb = Verb {
    path: &["cp"],
    aliases: &[&["container", "cp"]],
    about: "Copy files/folders between a container and the local filesystem",
    args,
    run,
};

fn args(command: Command) -> Command {
    command
        .arg(operands("paths", 2).value_name("CONTAINER:SRC_PATH DEST_PATH|-\n\tSRC_PATH|- CONTAINER:DEST_PATH"))
        .arg(flag("archive", 'a', "Archive mode (copy all uid/gid information)"))
        .arg(flag("follow-link", 'L', "Always follow symbol link in SRC_PATH"))
        .arg(flag("quiet", 'q', "Suppress progress output during copy. Progress output is automatically suppressed if no terminal is attached"))
}

fn run(matches: &ArgMatches, session: &mut Session) -> Result<u8> {
    let mut paths = values(matches, "paths");
    let (source, destination) = (
        paths.next().expect("clap counted"),
        paths.next().expect("clap counted"),
    );
    let options = Options {
        archive: is_set(matches, "archive"),
        follow: is_set(matches, "follow-link"),
    };
    let find = |word: &str| session.store()?.containers().find(word);
    let (bytes, shown) = match (split(source), split(destination)) {
        ((Some(_), _), (Some(_), _)) => {
            return Err(usage("copying between containers is not supported"));
        }
        ((None, _), (None, _)) => return Err(usage("must specify at least one container source")),
        ((Some(word), path), (None, "-")) => {
            let store = session.store()?;
            copy::to_tar(store, &find(word)?, word, path, options, &mut |bytes| {
                out::text(bytes)
            })?;
            return Ok(0);
        }
        ((Some(word), path), (None, to)) => {
            let absolute = absolute(to)?;
            check_output(Path::new(&absolute), "")?;
            let store = session.store()?;
            let bytes =
                copy::from_container(store, &find(word)?, word, (path, Path::new(to)), options)?;
            (bytes, absolute)
        }
        ((None, "-"), (Some(word), path)) => {
            let tar = File::from(duplicate(standard(0))?);
            // docker's daemon is the one who reads it
            copy::from_tar(session.store()?, &find(word)?, word, tar, path, options)
                .map_err(|e| e.reclassify(Kind::Corrupt, Kind::Invalid))?;
            return Ok(0);
        }
        ((None, from), (Some(word), path)) => {
            let from = absolute(from)?;
            let store = session.store()?;
            let bytes =
                copy::to_container(store, &find(word)?, word, (Path::new(&from), path), options)?;
            (bytes, destination.clone())
        }
    };
    if !is_set(matches, "quiet") && crate::sys::tty::is_terminal(standard(1)) {
        let size = human_size(bytes as f64, 3);
        out::talk(format_args!("Successfully copied {size} to {shown}"));
    }
    Ok(0)
}

/// Splits `CONTAINER:PATH`; a path of the host that holds a colon begins with `/` or `.`.
fn split(word: &str) -> (Option<&str>, &str) {
    match word.split_once(':') {
        Some((container, path)) if !container.is_empty() && !word.starts_with(['/', '.']) => {
            (Some(container), path)
        }
        _ => (None, word),
    }
}

/// Makes a path absolute and keeps a slash or dot at its end, which mean something.
fn absolute(path: &str) -> Result<String> {
    if path.starts_with('/') {
        return Ok(path.to_owned());
    }
    let here = std::env::current_dir()?;
    Ok(format!("{}/{path}", here.display()))
}

fn usage(text: &str) -> Error {
    Error::new(Kind::Usage, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_colon_after_a_slash_or_dot_names_no_container() {
        for (word, container, path) in [
            ("c:/x", Some("c"), "/x"),
            ("c:", Some("c"), ""),
            ("./a:b", None, "./a:b"),
            ("/a:b", None, "/a:b"),
            ("file", None, "file"),
            (":x", None, ":x"),
            ("-", None, "-"),
        ] {
            assert_eq!(split(word), (container, path), "{word}");
        }
    }
}
