//! The context of a build: a folder, a tar or a Dockerfile on standard input.

use std::fs::File;
use std::io::Read;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use clap::ArgMatches;
use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::stat::Mode;

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
use crate::sys::path::{Links, open_in_root};

/// Bytes of a Dockerfile or an ignore file that are read.
const LARGEST: u64 = 64 << 20;

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
/// context for one that was unpacked, of which nothing leads out. A link leads no further than to the Dockerfile's own folder
/// and below, as with BuildKit: whoever builds a foreign tree does not want to see own files in an error.
fn read(folder: &Path, base: &Path, file: &str, request: &mut Request) -> Result<()> {
    if file == "-" {
        request.dockerfile_name = "Dockerfile".to_owned();
        std::io::stdin()
            .read_to_end(&mut request.dockerfile)
            .context(
                Kind::System,
                || "cannot read the Dockerfile from standard input",
            )?;
        return ignored(folder, Path::new(".dockerignore"), request).map(drop);
    }
    let path = match file {
        "" => default(folder),
        file => base.join(file),
    };
    request.dockerfile_name = name(&path);
    let parent = path.parent().unwrap_or(Path::new("."));
    let (root, inside) = match path.strip_prefix(base) {
        Ok(inside) if !base.as_os_str().is_empty() => (base, inside.to_owned()),
        _ => (parent, PathBuf::from(name(&path))),
    };
    request.dockerfile = file_in(root, &inside).map_err(|errno| {
        let why = crate::sys::sentence(errno);
        let text = format!(
            "failed to solve: failed to read dockerfile: open {}: {why}",
            request.dockerfile_name
        );
        Error::new(Kind::Usage, text)
    })?;
    let own = inside.with_file_name(format!("{}.dockerignore", name(&path)));
    if ignored(root, &own, request)? {
        return Ok(());
    }
    ignored(folder, Path::new(".dockerignore"), request).map(drop)
}

/// Reads a file of a tree that may be a stranger's.
fn file_in(root: &Path, path: &Path) -> Result<Vec<u8>, Errno> {
    let errno = |e: std::io::Error| Errno::from_raw(e.raw_os_error().unwrap_or(libc::EIO));
    let root = File::open(match root.as_os_str().is_empty() {
        true => Path::new("."),
        false => root,
    });
    let flags = OFlag::O_RDONLY | OFlag::O_NONBLOCK;
    let path = path.as_os_str().as_bytes();
    let root = root.map_err(errno)?;
    let file = open_in_root(root.as_fd(), path, flags, Mode::empty(), Links::Follow);
    let file = File::from(file.map_err(|e| e.errno())?);
    let meta = file.metadata().map_err(errno)?;
    if meta.is_dir() {
        return Err(Errno::EISDIR);
    }
    if !meta.is_file() {
        return Err(Errno::EINVAL); // a device or a pipe has no end
    }
    let mut bytes = Vec::new();
    file.take(LARGEST).read_to_end(&mut bytes).map_err(errno)?;
    Ok(bytes)
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

fn ignored(root: &Path, path: &Path, request: &mut Request) -> Result<bool> {
    match file_in(root, path) {
        Ok(bytes) => {
            request.ignore_size = bytes.len() as u64;
            request.ignore = ignore::lines(&String::from_utf8_lossy(&bytes));
            Ok(true)
        }
        Err(Errno::ENOENT) => Ok(false),
        Err(e) => {
            let text = format!("cannot read `{}`", root.join(path).display());
            Err(Error::new(Kind::System, text).because(crate::sys::sentence(e)))
        }
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
        let root = repository.check_out(&files, keeps)?;
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
