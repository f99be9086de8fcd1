//! `coracle save`.

use std::fs::File;
use std::io::{Seek, SeekFrom};
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use clap::{ArgMatches, Command};
use nix::fcntl::{FcntlArg, OFlag, fcntl};

use super::args::{operands, opt, value, values};
use super::{Session, Verb};
use crate::error::{Context, Error, Kind, Result};
use crate::grammar::platform::Platform;
use crate::image::archive::write::{Member, to_file, to_stream};
use crate::image::save::members;
use crate::store::random_hex;
use crate::sys::fd::{duplicate, standard};
use crate::ui::out;

pub(super) const VERB: Verb = Verb {
    path: &["save"],
    aliases: &[&["image", "save"]],
    about: "Save one or more images to a tar archive (streamed to STDOUT by default)",
    args,
    run,
};

fn args(command: Command) -> Command {
    command
        .arg(operands("images", 1..).value_name("IMAGE [IMAGE...]"))
        .arg(opt(
            "output",
            'o',
            "string",
            "Write to a file, instead of STDOUT",
        ))
        .arg(opt(
            "platform",
            None,
            "string",
            "Save only the given platform variant",
        ))
}

fn run(matches: &ArgMatches, session: &mut Session) -> Result<u8> {
    let words: Vec<String> = values(matches, "images").cloned().collect();
    let platform = value(matches, "platform")
        .map(Platform::parse)
        .transpose()?;
    let output = value(matches, "output").filter(|path| !path.is_empty());
    match output {
        Some(path) => check_output(Path::new(path), "failed to save image: ")?,
        None if crate::sys::tty::is_terminal(standard(1)) => {
            return Err(Error::new(
                Kind::Usage,
                "cowardly refusing to save to a terminal. Use the -o flag or redirect",
            ));
        }
        None => {}
    }
    let members = members(session.store()?, &words, platform.as_ref())?;
    match output {
        Some(path) => to_path(&members, Path::new(path))?,
        None => to_stdout(&members)?,
    }
    Ok(0)
}

/// Refuses what a file could not be put at, in docker's words, which begin with `what`.
pub(super) fn check_output(path: &Path, what: &str) -> Result<()> {
    let parent = path.parent().filter(|p| !p.as_os_str().is_empty());
    let refuse = |why: String| {
        let text = format!("{what}invalid output path: {why}");
        Err(Error::new(Kind::Usage, text))
    };
    if let Some(parent) = parent.filter(|p| !p.exists()) {
        return refuse(format!("directory {parent:?} does not exist"));
    }
    match fs_err::metadata(path).map(|m| m.file_type()) {
        Ok(t) if t.is_char_device() || t.is_block_device() => refuse(format!(
            "{path:?} must be a directory or a regular file: got a device"
        )),
        _ => Ok(()),
    }
}

/// Writes the archive beside its place and then there: a broken save leaves what was there.
fn to_path(members: &[Member], path: &Path) -> Result<()> {
    beside(path, |file| to_file(members, file, 0).map(drop))
}

/// Makes the file `path` of what `write` writes: in a file beside it, which takes its place when it is whole.
pub(super) fn beside(path: &Path, write: impl FnOnce(&File) -> Result<()>) -> Result<()> {
    let temporary: PathBuf = path.with_file_name(format!(".coracle-{}", random_hex::<6>()?));
    let file = File::options()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&temporary)
        .context(Kind::Usage, || format!("cannot write `{}`", path.display()))?;
    let done = write(&file).and_then(|()| {
        fs_err::rename(&temporary, path)
            .context(Kind::Usage, || format!("cannot write `{}`", path.display()))
    });
    if done.is_err() {
        fs_err::remove_file(&temporary).ok(); // the first error is the one to tell
    }
    done
}

/// A file behind stdout is written as a file is, from where it stands.
fn to_stdout(members: &[Member]) -> Result<()> {
    let stdout = standard(1);
    let flags = fcntl(stdout.as_fd(), FcntlArg::F_GETFL).map(OFlag::from_bits_truncate);
    let mut file = File::from(duplicate(stdout)?);
    let is_plain = file.metadata().is_ok_and(|m| m.is_file())
        && flags.is_ok_and(|flags| !flags.contains(OFlag::O_APPEND));
    if !is_plain {
        return to_stream(members, &mut |bytes| out::text(bytes));
    }
    let cannot = || "cannot write to the standard output";
    let start = file.stream_position().context(Kind::System, cannot)?;
    let end = to_file(members, &file, start)?;
    file.seek(SeekFrom::Start(end))
        .context(Kind::System, cannot)?;
    Ok(())
}
