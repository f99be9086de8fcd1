//! The context of a build: a folder, a tar or a Dockerfile on standard input.

use std::io::Read;
use std::path::{Path, PathBuf};

use clap::ArgMatches;

use super::super::Session;
use super::super::args::value;
use crate::build::fetch::Repository;
use crate::build::request::Request;
use crate::error::{Context, Error, Kind, Result};
use crate::grammar::dockerfile::ignore;
use crate::image::decode;
use crate::image::unpack::{self, Limits};
use crate::registry::download;
use crate::store;

/// A folder of the store's that goes when dropped.
pub(super) struct Scratch(Option<PathBuf>);

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Some(path) = &self.0 {
            // the sweep takes what stays
            store::remove_scratch(path);
        }
    }
}

/// Finds the context and the Dockerfile.
pub(super) fn open(
    matches: &ArgMatches,
    session: &Session,
    request: &mut Request,
) -> Result<Scratch> {
    let word = value(matches, "context").unwrap_or_default();
    let file = value(matches, "file").unwrap_or_default();
    if word == "-" {
        return stdin(file, session, request);
    }
    if let Some(scratch) = remote(word, file, session, request)? {
        return Ok(scratch);
    }
    let folder = PathBuf::from(word);
    if !folder.is_dir() {
        let text = format!("unable to prepare context: path {word:?} not found");
        return Err(Error::new(Kind::Usage, text));
    }
    let folder = fs_err::canonicalize(folder)?;
    read(&folder, Path::new(""), file, request)?;
    request.context = Some(folder);
    Ok(Scratch(None))
}

/// Reads the Dockerfile and the ignore file of a context. `-f` is relative to where the user is, `base` beside the
/// context for one that was unpacked.
fn read(folder: &Path, base: &Path, file: &str, request: &mut Request) -> Result<()> {
    if file == "-" {
        request.dockerfile_name = "Dockerfile".to_owned();
        std::io::stdin()
            .read_to_end(&mut request.dockerfile)
            .context(
                Kind::System,
                || "cannot read the Dockerfile from standard input",
            )?;
        return ignored(&folder.join(".dockerignore"), request).map(drop);
    }
    let path = match file {
        "" => default(folder),
        file => base.join(file),
    };
    request.dockerfile_name = name(&path);
    request.dockerfile = std::fs::read(&path).map_err(|e| {
        let why = match e.kind() {
            std::io::ErrorKind::NotFound => "no such file or directory".to_owned(),
            _ => e.to_string(),
        };
        let text = format!(
            "failed to solve: failed to read dockerfile: open {}: {why}",
            request.dockerfile_name
        );
        Error::new(Kind::Usage, text)
    })?;
    let own = path.with_file_name(format!("{}.dockerignore", name(&path)));
    if ignored(&own, request)? {
        return Ok(());
    }
    ignored(&folder.join(".dockerignore"), request).map(drop)
}

fn default(folder: &Path) -> PathBuf {
    let usual = folder.join("Dockerfile");
    let other = folder.join("Containerfile");
    match !usual.exists() && other.exists() {
        true => other,
        false => usual,
    }
}

fn name(path: &Path) -> String {
    path.file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default()
}

fn ignored(path: &Path, request: &mut Request) -> Result<bool> {
    match std::fs::read(path) {
        Ok(bytes) => {
            request.ignore_size = bytes.len() as u64;
            request.ignore = ignore::lines(&String::from_utf8_lossy(&bytes));
            Ok(true)
        }
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(e) => Err(e).context(Kind::System, || format!("cannot read `{}`", path.display())),
    }
}

/// A tar is the context; anything else is the Dockerfile of a build without one.
fn stdin(file: &str, session: &Session, request: &mut Request) -> Result<Scratch> {
    if file == "-" {
        let text = "invalid argument: can't use stdin for both build context and dockerfile";
        return Err(Error::new(Kind::Usage, text));
    }
    let mut bytes = Vec::new();
    std::io::stdin().read_to_end(&mut bytes).context(
        Kind::System,
        || "cannot read the context from standard input",
    )?;
    of_bytes(bytes, file, session, request)
}

fn of_bytes(
    bytes: Vec<u8>,
    file: &str,
    session: &Session,
    request: &mut Request,
) -> Result<Scratch> {
    if !is_archive(&bytes) {
        request.dockerfile = bytes;
        request.dockerfile_name = "Dockerfile".to_owned();
        return Ok(Scratch(None));
    }
    let folder = store::scratch_folder(session.store()?)?;
    let scratch = Scratch(Some(folder.clone()));
    let mut blocks = Some(bytes);
    unpack::layer(|| blocks.take(), &folder, &Limits::default())?;
    let tree = folder.join("tree");
    read(&tree, &tree, file, request)?;
    request.context = Some(tree);
    Ok(scratch)
}

/// A repository, or a tar or Dockerfile at an address; `None` for a path.
fn remote(
    word: &str,
    file: &str,
    session: &Session,
    request: &mut Request,
) -> Result<Option<Scratch>> {
    let address = match word.starts_with("github.com/") {
        true => format!("https://{word}"),
        false => word.to_owned(),
    };
    if let Some(repository) = Repository::parse(&address) {
        let folder = store::scratch_folder(session.store()?)?;
        let scratch = Scratch(Some(folder.clone()));
        let keeps = request
            .build_args
            .contains_key("BUILDKIT_CONTEXT_KEEP_GIT_DIR");
        let files = folder.join("files");
        repository.check_out(&files, keeps)?;
        let root = files.join(&repository.folder);
        read(&root, &root, file, request)?;
        request.context = Some(root);
        return Ok(Some(scratch));
    }
    if !(word.starts_with("http://") || word.starts_with("https://")) {
        return Ok(None);
    }
    let mut bytes = Vec::new();
    download::fetch(&session.registries(), word, &mut bytes)?;
    of_bytes(bytes, file, session, request).map(Some)
}

/// Compressed, or with the magic of a tar.
fn is_archive(bytes: &[u8]) -> bool {
    decode::Form::of(bytes).is_some() || bytes.get(257..262) == Some(b"ustar")
}
