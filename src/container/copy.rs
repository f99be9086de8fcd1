//! `cp`: files between the host and a container, by docker's rules (docs, "docker container cp"; moby pkg/archive/copy.go).
//!
//! ```text
//! source: a folder's entry, or with `/.` what is in the folder     ─▶ entries with bodies ─▶ a tar (`-`), or files below
//!         a tar on stdin (`-`)                                                              a folder (image/extract.rs)
//! ```
//! Where it goes: into a folder that exists, else it gets the last name of the destination, whose folder must exist.

use std::ffi::{CStr, CString};
use std::fs::File;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use nix::fcntl::{OFlag, open};
use nix::sys::stat::Mode;

use super::view::{View, names};
use crate::error::{Context, Error, Kind, Result};
use crate::image::decode::{self, Blocks};
use crate::image::extract::{Extract, Owner};
use crate::image::pack::merged::{Merged, TarOut};
use crate::image::pack::owners::Owners;
use crate::image::stack::{Found as Entry, Part};
use crate::image::tar::{Entry as TarEntry, Feed, Parser, Sink, write};
use crate::store::Store;
use crate::store::containers::Found;

/// `-a` and `-L`.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Options {
    /// Owners of the source are kept, into a container.
    pub(crate) archive: bool,
    /// A link at the source's end is followed.
    pub(crate) follow: bool,
}

/// What is known of a destination.
struct Target {
    /// The folder that gets the files.
    folder: OwnedFd,
    /// The name that the source gets there; `None`: its own.
    name: Option<Vec<u8>>,
}

/// Copies from a container to a path of the host. Returns the bytes of the tar that went.
pub(crate) fn from_container(
    store: &Store,
    container: &Found,
    word: &str,
    (source, destination): (&str, &Path),
    options: Options,
) -> Result<u64> {
    let view = View::of(store, container)?;
    let from = Source::inside(&view, word, source, options)?;
    let target = on_host(destination, from.is_folder)?;
    let mut extract = Counted::new(Extract::new(target.folder, Owner::Ours));
    from.walk(target.name.as_deref(), false, &mut extract)?;
    extract.sink.finish()?;
    Ok(extract.bytes)
}

/// Writes what is at a path of a container as a tar.
pub(crate) fn to_tar(
    store: &Store,
    container: &Found,
    word: &str,
    source: &str,
    options: Options,
    out: &mut dyn FnMut(&[u8]) -> Result<()>,
) -> Result<()> {
    let view = View::of(store, container)?;
    let from = Source::inside(&view, word, source, options)?;
    let mut tar = TarOut::new(out);
    // docker's members of a folder's content are `./NAME`; those of the root itself `/NAME`
    let is_here = source == "." || source.ends_with("/.");
    let name = is_here.then_some(&b"."[..]);
    from.walk(name, false, &mut tar)?;
    tar.finish()
}

/// Copies from the host into a container. Returns the bytes of the tar that went.
pub(crate) fn to_container(
    store: &Store,
    container: &Found,
    word: &str,
    (source, destination): (&Path, &str),
    options: Options,
) -> Result<u64> {
    let view = View::of(store, container)?;
    let from = Source::outside(source, options)?;
    let target = in_container(&view, word, destination, from.is_folder)?;
    let owner = if options.archive {
        Owner::Recorded
    } else {
        Owner::Ours
    };
    let mut extract = Counted::new(Extract::new(target.folder, owner));
    from.walk(target.name.as_deref(), options.archive, &mut extract)?;
    extract.sink.finish()?;
    Ok(extract.bytes)
}

/// Unpacks a tar into a folder of a container.
pub(crate) fn from_tar(
    store: &Store,
    container: &Found,
    word: &str,
    tar: File,
    destination: &str,
    options: Options,
) -> Result<()> {
    let view = View::of(store, container)?;
    let folder = match view.find(destination, true) {
        Some(spot) if matches!(spot.entry, Some(Entry::Folder(_))) => view.writable(&spot.names)?,
        _ => {
            let text = format!("destination \"{word}:{destination}\" must be a directory");
            return Err(Error::new(Kind::Usage, text));
        }
    };
    let owner = if options.archive {
        Owner::Recorded
    } else {
        Owner::Ours
    };
    let mut into = Unpack {
        parser: Parser::new(Feed::Whole),
        extract: Extract::new(folder, owner),
    };
    let mut source = decode::Source::new(tar);
    decode::decode(&mut |spare| source.next(spare), &mut into)?;
    source.finish(|| "cannot read the standard input".to_owned())?;
    into.parser.finish()?;
    into.extract.finish()
}

/// What is copied.
struct Source<'a> {
    parent: Vec<Part>,
    entry: Entry,
    /// Path below the root of the stack.
    inside: Vec<u8>,
    /// Its own name; empty for what is in a folder.
    name: Vec<u8>,
    is_folder: bool,
    owners: &'a [Owners],
}

impl<'a> Source<'a> {
    /// A path of a container.
    fn inside(view: &'a View, word: &str, path: &str, options: Options) -> Result<Source<'a>> {
        if path.is_empty() {
            return Err(Error::new(
                Kind::Invalid,
                "bad parameter: pathcannot be empty",
            ));
        }
        let missing = || {
            let text = format!("Could not find the file {path} in container {word}");
            Error::new(Kind::NotFound, text)
        };
        let follows = options.follow || asserts_folder(path);
        let spot = view.find(path, follows).ok_or_else(missing)?;
        let inside = spot.path();
        let entry = spot.entry.ok_or_else(missing)?;
        let is_folder = matches!(entry, Entry::Folder(_));
        if asserts_folder(path) && !is_folder {
            return Err(missing());
        }
        // a link that is followed keeps its own name
        let name = match is_content(path) {
            true => Vec::new(),
            false => last(path),
        };
        Ok(Source {
            parent: spot.parent,
            entry,
            inside,
            name,
            is_folder,
            owners: &view.owners,
        })
    }

    /// A path of the host.
    fn outside(path: &Path, options: Options) -> Result<Source<'static>> {
        let text = path.to_string_lossy().into_owned();
        let follows = options.follow || asserts_folder(&text);
        let failed = |e: std::io::Error| {
            let why = nix::errno::Errno::from_raw(e.raw_os_error().unwrap_or(0));
            Error::new(
                Kind::Usage,
                format!("lstat {text}: {}", crate::sys::sentence(why)),
            )
        };
        let name = match is_content(&text) {
            true => Vec::new(),
            false => last(&text),
        };
        let real = match follows {
            true => std::fs::canonicalize(path).map_err(failed)?,
            // only the last name may be a link
            false => match (path.parent(), path.file_name()) {
                (Some(parent), Some(last)) => {
                    std::fs::canonicalize(parent).map_err(failed)?.join(last)
                }
                _ => path.to_owned(),
            },
        };
        std::fs::symlink_metadata(&real).map_err(failed)?;
        let above = real.parent().unwrap_or(Path::new("/"));
        let fd = host_folder(above)?;
        let parent = vec![Part { layer: 0, fd }];
        let entry = match real.file_name() {
            None => Some(Entry::Folder(vec![Part {
                layer: 0,
                fd: host_folder(&real)?,
            }])),
            Some(last) => {
                let last = CString::new(last.as_bytes())
                    .context(Kind::Usage, || "cannot read the path")?;
                crate::image::stack::step(&parent, &last)
            }
        };
        let entry = entry.ok_or_else(|| failed(std::io::Error::from_raw_os_error(libc::ENOENT)))?;
        let is_folder = matches!(entry, Entry::Folder(_));
        if asserts_folder(&text) && !is_folder {
            return Err(failed(std::io::Error::from_raw_os_error(libc::ENOTDIR)));
        }
        Ok(Source {
            parent,
            entry,
            inside: real
                .file_name()
                .map(|n| n.as_bytes().to_vec())
                .unwrap_or_default(),
            name,
            is_folder,
            owners: &[],
        })
    }

    /// Walks it into `sink`; its own name there is `name`, else the one that it has.
    fn walk(&self, name: Option<&[u8]>, has_owners: bool, sink: &mut impl Sink) -> Result<()> {
        let shown = name.unwrap_or(&self.name);
        let mut merged = Merged::new(self.owners, sink);
        merged.shows_owners(has_owners);
        match &self.entry {
            Entry::Folder(parts) => {
                merged.folder(&parts[0], &self.inside, shown)?;
                merged.below(parts, &self.inside, shown)
            }
            Entry::Other(..) => {
                let last = crate::image::tar::split(&self.inside).1;
                let last = CString::new(last).context(Kind::Usage, || "cannot read the path")?;
                let last: &CStr = &last;
                merged.one(&self.parent, last, &self.inside, shown)
            }
        }
    }
}

/// Where on the host the files go.
fn on_host(destination: &Path, is_folder: bool) -> Result<Target> {
    let text = destination.to_string_lossy().into_owned();
    let above = || {
        destination
            .parent()
            .filter(|p| !p.as_os_str().is_empty())
            .unwrap_or(Path::new("."))
    };
    match std::fs::metadata(destination) {
        Ok(meta) if meta.is_dir() => Ok(Target {
            folder: host_folder(destination)?,
            name: None,
        }),
        Ok(_) if is_folder => Err(Error::new(Kind::Usage, "cannot copy directory")),
        Err(_) if asserts_folder(&text) && !is_folder => {
            Err(Error::new(Kind::Usage, "no such directory"))
        }
        found => {
            // a link to nothing yet, or to a file: what it names is made or replaced
            let real = match found {
                Ok(_) => {
                    std::fs::canonicalize(destination).unwrap_or_else(|_| destination.to_owned())
                }
                Err(_) => end_of_links(destination, above()),
            };
            let parent = real
                .parent()
                .filter(|p| !p.as_os_str().is_empty())
                .unwrap_or(Path::new("."));
            Ok(Target {
                folder: host_folder(parent)?,
                name: Some(last(&real.to_string_lossy())),
            })
        }
    }
}

fn end_of_links(path: &Path, above: &Path) -> PathBuf {
    match std::fs::read_link(path) {
        Ok(target) => above.join(target),
        Err(_) => path.to_owned(),
    }
}

/// Where in a container the files go.
fn in_container(view: &View, word: &str, destination: &str, is_folder: bool) -> Result<Target> {
    let refuse = |text: &str| Err(Error::new(Kind::Usage, text));
    let followed = view.find(destination, true);
    match &followed {
        Some(spot) if matches!(spot.entry, Some(Entry::Folder(_))) => {
            return Ok(Target {
                folder: view.writable(&spot.names)?,
                name: None,
            });
        }
        Some(spot) if spot.entry.is_some() => {
            if is_folder {
                return refuse("cannot copy directory");
            }
            if asserts_folder(destination) {
                return refuse("no such directory");
            }
        }
        _ if asserts_folder(destination) && !is_folder => return refuse("no such directory"),
        _ => {}
    }
    let Some(spot) = followed.filter(|spot| !spot.names.is_empty()) else {
        let parent = destination
            .trim_end_matches('/')
            .rsplit_once('/')
            .map_or("", |(parent, _)| parent);
        let text = format!(
            "Could not find the file {}/ in container {word}",
            parent.trim_end_matches('/')
        );
        return Err(Error::new(Kind::NotFound, text.replace("/ in", " in")));
    };
    let (last, above) = spot.names.split_last().expect("it has names");
    Ok(Target {
        folder: view.writable(above)?,
        name: Some(last.to_bytes().to_vec()),
    })
}

fn host_folder(path: &Path) -> Result<OwnedFd> {
    let flags = OFlag::O_DIRECTORY | OFlag::O_RDONLY | OFlag::O_CLOEXEC;
    open(path, flags, Mode::empty())
        .context(Kind::Usage, || format!("cannot open `{}`", path.display()))
}

/// Says whether a path means a folder by its form.
fn asserts_folder(path: &str) -> bool {
    path.ends_with('/') || is_content(path)
}

/// Says whether a path means what is in the folder.
fn is_content(path: &str) -> bool {
    path == "." || path.ends_with("/.") || names(path.as_bytes()).is_empty()
}

/// The last name of a path.
fn last(path: &str) -> Vec<u8> {
    names(path.as_bytes())
        .pop()
        .map(CString::into_bytes)
        .unwrap_or_default()
}

/// Counts what a tar of the entries would be.
struct Counted<S: Sink> {
    sink: S,
    bytes: u64,
}

impl<S: Sink> Counted<S> {
    fn new(sink: S) -> Self {
        Counted {
            sink,
            bytes: write::END.len() as u64,
        }
    }
}

impl<S: Sink> Sink for Counted<S> {
    fn raw(&mut self, bytes: &[u8]) -> Result<()> {
        self.sink.raw(bytes)
    }

    fn begin(&mut self, entry: &TarEntry) -> Result<()> {
        self.bytes += 512 + entry.size.next_multiple_of(512);
        self.sink.begin(entry)
    }

    fn data(&mut self, bytes: &[u8]) -> Result<()> {
        self.sink.data(bytes)
    }

    fn end(&mut self) -> Result<()> {
        self.sink.end()
    }

    fn payload(&mut self, entry: &TarEntry) -> Result<()> {
        self.sink.payload(entry)
    }
}

/// Decoded blocks to the parser.
struct Unpack {
    parser: Parser,
    extract: Extract,
}

impl Blocks for Unpack {
    fn take(&mut self) -> Vec<u8> {
        vec![0; decode::BLOCK]
    }

    fn put(&mut self, block: Vec<u8>) -> Result<()> {
        self.parser.feed(&block, &mut self.extract)
    }
}
