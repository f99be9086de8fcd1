//! Where COPY takes files from: a folder of the host, or the stack of layers of a stage or image, seen as one tree.
//!
//! Links are followed by hand and never lead out of the tree, whatever they say.

use std::ffi::{CStr, CString};
use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{OFlag, openat, readlinkat};
use nix::sys::stat::{FileStat, Mode, fstat};

use crate::error::{Error, Kind, Result};
use crate::grammar::dockerfile::ignore::{Above, Glob, Patterns};
use crate::grammar::go;
use crate::image::pack::owners::{Meta, Owners, meta};
use crate::image::stack::{self, Folder, Found, Part};
use crate::image::tar::EntryType;
use crate::sys::sentence;

/// Links followed for one path, as the kernel's MAXSYMLINKS.
const MOST_LINKS: usize = 40;

/// Folders inside of each other, one descriptor and one frame each.
const DEEPEST: usize = 2000;

/// A tree to take files from.
#[derive(Debug)]
pub(super) struct Tree {
    trees: Vec<PathBuf>,
    owners: Vec<Owners>,
    /// A folder of the host: files are root's, whatever the host says, and some names are left out.
    pub(super) host: Option<Host>,
}

/// What is special about a folder of the host.
#[derive(Debug, Default)]
pub(super) struct Host {
    /// .dockerignore.
    pub(super) ignore: Patterns,
    /// All that the build takes from it: BuildKit sends a folder without a match for nobody else.
    pub(super) words: Vec<String>,
}

/// Something in a tree.
pub(super) struct Located {
    /// The folder it is in; empty for the root.
    parent: Folder,
    name: CString,
    /// Its path without links and leading slash.
    pub(super) path: String,
    pub(super) found: Found,
}

impl Located {
    /// Whether it is a folder.
    pub(super) fn is_folder(&self) -> bool {
        matches!(self.found, Found::Folder(_))
    }
}

/// Who is shown what a source holds. Paths are relative to the source, empty for itself.
pub(super) trait Visitor {
    /// A folder, before what is in it. `stat`: of its uppermost part.
    fn folder(&mut self, path: &str, meta: &Meta) -> Result<()>;
    /// Anything else.
    fn other(&mut self, path: &str, meta: &Meta, at: At<'_>) -> Result<()>;
    /// A folder, after what is in it.
    fn leave(&mut self, _path: &str, _meta: &Meta) -> Result<()> {
        Ok(())
    }
}

/// A file by its folder.
#[derive(Clone, Copy)]
pub(super) struct At<'a> {
    pub(super) folder: BorrowedFd<'a>,
    pub(super) name: &'a CStr,
    pub(super) stat: &'a FileStat,
    /// Its path in the tree.
    pub(super) whole: &'a str,
}

impl At<'_> {
    /// Opens a plain file for reading.
    pub(super) fn open(&self) -> Result<File> {
        let flags = OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC | OFlag::O_NONBLOCK;
        openat(self.folder, self.name, flags, Mode::empty())
            .map(File::from)
            .map_err(|e| cannot("read", self.whole, e))
    }

    /// Returns a link's text.
    pub(super) fn link(&self) -> Result<Vec<u8>> {
        use std::os::unix::ffi::OsStringExt;
        readlinkat(self.folder, self.name)
            .map(OsStringExt::into_vec)
            .map_err(|e| cannot("read", self.whole, e))
    }
}

impl Tree {
    /// A folder of the host.
    pub(super) fn folder(path: &Path, ignore: Patterns) -> Tree {
        Tree {
            trees: vec![path.to_owned()],
            owners: vec![Owners::default()],
            host: Some(Host {
                ignore,
                words: Vec::new(),
            }),
        }
    }

    /// Layers, the uppermost first.
    pub(super) fn layers(trees: Vec<PathBuf>) -> Tree {
        Tree {
            owners: trees.iter().map(|tree| Owners::beside(tree)).collect(),
            trees,
            host: None,
        }
    }

    fn roots(&self) -> Folder {
        match self.host {
            None => stack::roots(&self.trees),
            // no mark of an overlay means anything here
            Some(_) => {
                let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
                let fd = nix::fcntl::open(&self.trees[0], flags, Mode::empty());
                fd.into_iter().map(|fd| Part { layer: 0, fd }).collect()
            }
        }
    }

    /// Finds what a path leads to, links followed, `..` and absolute links kept inside. `None` when nothing is there or it
    /// is left out.
    pub(super) fn locate(&self, path: &str) -> Result<Option<Located>> {
        let mut left: Vec<String> = names(path).rev().collect();
        let mut way: Vec<(Folder, CString)> = Vec::new();
        let mut here = self.roots();
        let mut links = 0;
        while let Some(name) = left.pop() {
            if name == ".." {
                if let Some((parent, _)) = way.pop() {
                    here = parent;
                }
                continue;
            }
            let Ok(name) = CString::new(name) else {
                return Ok(None);
            };
            match stack::step(&here, &name) {
                None => return Ok(None),
                Some(Found::Folder(next)) => {
                    way.push((std::mem::replace(&mut here, next), name));
                }
                Some(Found::Other(part, stat)) if is_link(&stat) => {
                    links += 1;
                    if links > MOST_LINKS {
                        return Err(cannot("read", path, Errno::ELOOP));
                    }
                    let target = readlinkat(&here[part].fd, name.as_c_str())
                        .map_err(|e| cannot("read", path, e))?;
                    let target = target.to_string_lossy().into_owned();
                    if target.starts_with('/')
                        && let Some((root, _)) = way.drain(..).next()
                    {
                        here = root;
                    }
                    left.extend(names(&target).rev());
                }
                Some(other) if left.is_empty() => {
                    let path = joined(&way, Some(&name));
                    if self.is_out(&path) {
                        return Ok(None);
                    }
                    return Ok(Some(Located {
                        parent: here,
                        name,
                        path,
                        found: other,
                    }));
                }
                Some(_) => return Ok(None),
            }
        }
        let path = joined(&way, None);
        let is_out = self.is_out(&path)
            && !self
                .host
                .as_ref()
                .is_some_and(|h| h.ignore.may_return_below(&path));
        if is_out {
            return Ok(None);
        }
        let (parent, name) = way.pop().unwrap_or_default();
        Ok(Some(Located {
            parent,
            name,
            path,
            found: Found::Folder(here),
        }))
    }

    /// Opens a plain file; `None` for anything else.
    pub(super) fn open(&self, located: &Located) -> Result<Option<File>> {
        match &located.found {
            Found::Other(part, stat) if stat.st_mode & libc::S_IFMT == libc::S_IFREG => {
                let at = At {
                    folder: located.parent[*part].fd.as_fd(),
                    name: &located.name,
                    stat,
                    whole: &located.path,
                };
                at.open().map(Some)
            }
            _ => Ok(None),
        }
    }

    /// The path on the host of something that can be mounted as it is: a folder of the host of which nothing is left out.
    pub(super) fn as_it_is(&self, path: &str) -> Result<Option<PathBuf>> {
        match &self.host {
            Some(host) if host.ignore.is_empty() => {
                let clean = go::clean(&format!("/{path}"));
                let located = self.locate(&clean)?.ok_or_else(|| not_found(&clean))?;
                Ok(Some(self.trees[0].join(&located.path)))
            }
            _ => Ok(None),
        }
    }

    /// The folders of the layers that together are a folder, the uppermost first; `None` for what is none, or none of theirs.
    pub(super) fn folders_of(&self, path: &str) -> Result<Option<Vec<PathBuf>>> {
        if self.host.is_some() {
            return Ok(None);
        }
        let clean = go::clean(&format!("/{path}"));
        let located = self.locate(&clean)?.ok_or_else(|| not_found(&clean))?;
        let Found::Folder(parts) = &located.found else {
            return Ok(None);
        };
        let mut folders: Vec<PathBuf> = Vec::new();
        for part in parts {
            let folder = self.trees[part.layer].join(&located.path);
            // an overlay takes no folder twice
            if !folders.contains(&folder) {
                folders.push(folder);
            }
        }
        Ok(Some(folders).filter(|all| !all.is_empty()))
    }

    /// Finds a path none of whose folders is a link; a link at its end is what is found.
    pub(super) fn locate_plain(&self, path: &str) -> Result<Option<Located>> {
        let mut here = self.roots();
        let mut left = names(path).peekable();
        let mut done = String::new();
        while let Some(name) = left.next() {
            done = join(&done, &name);
            let name = CString::new(name).map_err(|_| cannot("read", path, Errno::EINVAL))?;
            match (stack::step(&here, &name), left.peek()) {
                (Some(Found::Folder(next)), Some(_)) => here = next,
                (Some(found), None) => {
                    return Ok(Some(Located {
                        parent: here,
                        name,
                        path: done,
                        found,
                    }));
                }
                _ => return Ok(None),
            }
        }
        Ok(Some(Located {
            parent: Folder::new(),
            name: CString::default(),
            path: done,
            found: Found::Folder(here),
        }))
    }

    /// The text of a link; `None` for anything else.
    pub(super) fn link_of(&self, located: &Located) -> Result<Option<String>> {
        match &located.found {
            Found::Other(part, stat) if is_link(stat) => {
                let text = readlinkat(&located.parent[*part].fd, located.name.as_c_str())
                    .map_err(|e| cannot("read", &located.path, e))?;
                Ok(Some(text.to_string_lossy().into_owned()))
            }
            _ => Ok(None),
        }
    }

    fn is_out(&self, path: &str) -> bool {
        match &self.host {
            Some(host) => !path.is_empty() && !host.ignore.is_empty() && host.ignore.excludes(path),
            None => false,
        }
    }

    /// Finds what a word of COPY means: one path, or those that its wildcards match, in the order of bytes. Nothing for a
    /// wildcard is no error where the folder before it is there.
    pub(super) fn resolve(&self, word: &str, deep: bool) -> Result<Vec<(String, Located)>> {
        let clean = go::clean(&format!("/{word}"));
        if !Glob::is_special(&clean) {
            let found = self.locate(&clean)?.ok_or_else(|| not_found(&clean))?;
            return Ok(vec![(clean, found)]);
        }
        let mut paths = vec![String::new()];
        for part in names(&clean) {
            let mut next = Vec::new();
            for path in &paths {
                if deep && part == "**" {
                    next.push(path.clone());
                    self.below(path, &mut next)?;
                } else if Glob::is_special(&part) {
                    let glob = Glob::parse(&part).map_err(|e| Error::new(Kind::Invalid, e))?;
                    let names = self.children(path)?;
                    let names = names.into_iter().filter(|name| glob.matches(name));
                    next.extend(names.map(|name| format!("{path}/{name}")));
                } else {
                    next.push(format!("{path}/{part}"));
                }
            }
            paths = next;
        }
        paths.sort();
        paths.dedup();
        let mut all = Vec::new();
        for path in paths {
            match self.locate(&path)? {
                Some(found) => all.push((path, found)),
                None if self.is_out(path.trim_start_matches('/')) => {}
                // a name that the pattern found and that leads nowhere: a dangling link
                None if self.has_name(&path)? => return Err(not_found(&path)),
                None => {}
            }
        }
        if all.is_empty() && !deep && !self.has_head(&clean)? {
            let text = format!("lstat {}: no such file or directory", head(&clean));
            return Err(Error::new(Kind::Invalid, text));
        }
        Ok(all)
    }

    /// Whether BuildKit finds the folder before a wildcard that matches nothing. Of a context it sends what the build's
    /// words match, so the folder is only there where another word leads into it.
    fn has_head(&self, clean: &str) -> Result<bool> {
        let folder = head(clean);
        if folder.is_empty() {
            return Ok(true);
        }
        let is_there = self.locate(folder)?.is_some();
        let Some(host) = &self.host else {
            return Ok(is_there);
        };
        let is_sent = host
            .words
            .iter()
            .map(|word| go::clean(&format!("/{word}")))
            .filter(|word| word != clean)
            .any(|word| leads_to(head(&word), folder) || leads_to(folder, head(&word)));
        Ok(is_there && (is_sent || host.words.is_empty()))
    }

    fn has_name(&self, path: &str) -> Result<bool> {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        Ok(self.children(folder)?.iter().any(|n| n == name))
    }

    fn children(&self, path: &str) -> Result<Vec<String>> {
        match self.locate(path)?.map(|l| l.found) {
            Some(Found::Folder(folder)) => Ok(stack::names(&folder)
                .map_err(|e| cannot("list", path, e))?
                .into_iter()
                .filter_map(|name| name.into_string().ok())
                .collect()),
            _ => Ok(Vec::new()),
        }
    }

    fn below(&self, path: &str, all: &mut Vec<String>) -> Result<()> {
        for name in self.children(path)? {
            let child = format!("{path}/{name}");
            if self.locate(&child)?.is_some_and(|l| l.is_folder()) {
                all.push(child.clone());
                self.below(&child, all)?;
            }
        }
        Ok(())
    }

    /// What something is.
    pub(super) fn meta_of(&self, located: &Located) -> Result<Meta> {
        match &located.found {
            Found::Folder(folder) if located.parent.is_empty() => {
                let stat = folder
                    .first()
                    .map(|part| fstat(&part.fd))
                    .transpose()
                    .map_err(|e| cannot("read", &located.path, e))?;
                Ok(Meta {
                    kind: EntryType::Folder,
                    mode: stat.map_or(0o755, |s| s.st_mode & 0o7777),
                    mtime: stat.map_or((0, 0), |s| (s.st_mtime, s.st_mtime_nsec as u32)),
                    ..Meta::default()
                })
            }
            Found::Folder(folder) => {
                let layer = folder[0].layer;
                let part = part_of(&located.parent, layer);
                let stat = fstat(&folder[0].fd).map_err(|e| cannot("read", &located.path, e))?;
                Ok(self
                    .meta(part, &located.name, &stat, &located.path)?
                    .unwrap_or_default())
            }
            Found::Other(part, stat) => Ok(self
                .meta(&located.parent[*part], &located.name, stat, &located.path)?
                .unwrap_or_default()),
        }
    }

    fn meta(&self, part: &Part, name: &CStr, stat: &FileStat, path: &str) -> Result<Option<Meta>> {
        let owners = &self.owners[part.layer];
        if self.host.is_none() {
            return meta(part.fd.as_fd(), name, stat, path.as_bytes(), owners)
                .map_err(|e| cannot("read", path, e));
        }
        let kind = match stat.st_mode & libc::S_IFMT {
            libc::S_IFDIR => EntryType::Folder,
            libc::S_IFLNK => EntryType::Symlink,
            libc::S_IFIFO => EntryType::Fifo,
            libc::S_IFCHR => EntryType::Char,
            libc::S_IFBLK => EntryType::Block,
            // BuildKit's client sends a socket as an empty file
            _ => EntryType::File,
        };
        let is_plain = stat.st_mode & libc::S_IFMT == libc::S_IFREG;
        Ok(Some(Meta {
            kind,
            mode: stat.st_mode & 0o7777,
            size: if is_plain { stat.st_size as u64 } else { 0 },
            mtime: (stat.st_mtime, stat.st_mtime_nsec as u32),
            inode: (kind != EntryType::Folder && stat.st_nlink > 1).then_some(stat.st_ino),
            major: libc::major(stat.st_rdev),
            minor: libc::minor(stat.st_rdev),
            ..Meta::default()
        }))
    }

    /// Shows what lies at a place to `visitor`, itself first. `excludes` are relative to it.
    pub(super) fn walk(
        &self,
        located: &Located,
        excludes: &Patterns,
        visitor: &mut dyn Visitor,
    ) -> Result<()> {
        let meta = self.meta_of(located)?;
        match &located.found {
            Found::Other(part, stat) => visitor.other(
                "",
                &meta,
                At {
                    folder: located.parent[*part].fd.as_fd(),
                    name: &located.name,
                    stat,
                    whole: &located.path,
                },
            ),
            Found::Folder(folder) => {
                visitor.folder("", &meta)?;
                let above = self.above(&located.path);
                let mut walk = Walk {
                    tree: self,
                    visitor: &mut *visitor,
                    excludes,
                    waiting: Vec::new(),
                };
                walk.inside(folder, "", &located.path, &above, &Above::default(), 0)?;
                visitor.leave("", &meta)
            }
        }
    }

    /// Which patterns of the ignore file match a folder.
    fn above(&self, path: &str) -> Above {
        let Some(host) = &self.host else {
            return Above::default();
        };
        let mut above = Above::default();
        if path.is_empty() {
            return above;
        }
        for (end, _) in path.match_indices('/').chain([(path.len(), "")]) {
            above = host.ignore.check(&path[..end], &above).1;
        }
        above
    }
}

struct Walk<'a> {
    tree: &'a Tree,
    visitor: &'a mut dyn Visitor,
    excludes: &'a Patterns,
    /// Folders that are left out unless something below them is not.
    waiting: Vec<(String, Meta)>,
}

impl Walk<'_> {
    fn inside(
        &mut self,
        folder: &[Part],
        path: &str,
        whole: &str,
        ignored: &Above,
        excluded: &Above,
        depth: usize,
    ) -> Result<()> {
        if depth > DEEPEST {
            return Err(cannot("read", whole, Errno::ENAMETOOLONG));
        }
        let names = stack::names(folder).map_err(|e| cannot("list", whole, e))?;
        for name in names {
            let shown = name.to_string_lossy().into_owned();
            let (path, whole) = (join(path, &shown), join(whole, &shown));
            let Some(found) = stack::step(folder, &name) else {
                continue;
            };
            let (out_by_file, ignored) = match &self.tree.host {
                Some(host) => host.ignore.check(&whole, ignored),
                None => (false, Above::default()),
            };
            let (out_by_flag, excluded) = self.excludes.check(&path, excluded);
            let is_out = out_by_file || out_by_flag;
            match found {
                Found::Other(part, stat) => {
                    if is_out {
                        continue;
                    }
                    let part = &folder[part];
                    let Some(meta) = self.tree.meta(part, &name, &stat, &whole)? else {
                        continue;
                    };
                    self.flush()?;
                    let at = At {
                        folder: part.fd.as_fd(),
                        name: &name,
                        stat: &stat,
                        whole: &whole,
                    };
                    self.visitor.other(&path, &meta, at)?;
                }
                Found::Folder(inside) => {
                    if is_out && !self.may_return(&whole, &path) {
                        continue;
                    }
                    let stat = fstat(&inside[0].fd).map_err(|e| cannot("read", &whole, e))?;
                    let part = part_of(folder, inside[0].layer);
                    let meta = self
                        .tree
                        .meta(part, &name, &stat, &whole)?
                        .unwrap_or_default();
                    let mark = self.waiting.len();
                    self.waiting.push((path.clone(), meta.clone()));
                    if !is_out {
                        self.flush()?;
                    }
                    self.inside(&inside, &path, &whole, &ignored, &excluded, depth + 1)?;
                    if self.waiting.len() > mark {
                        self.waiting.truncate(mark);
                    } else {
                        self.visitor.leave(&path, &meta)?;
                    }
                }
            }
        }
        Ok(())
    }

    fn may_return(&self, whole: &str, path: &str) -> bool {
        let by_file = self.tree.host.as_ref();
        by_file.is_some_and(|h| h.ignore.may_return_below(whole))
            || self.excludes.may_return_below(path)
    }

    fn flush(&mut self) -> Result<()> {
        for (path, meta) in std::mem::take(&mut self.waiting) {
            self.visitor.folder(&path, &meta)?;
        }
        Ok(())
    }
}

/// The part of a folder that one layer has.
fn part_of(folder: &[Part], layer: usize) -> &Part {
    let found = folder.iter().find(|part| part.layer == layer);
    found.expect("a folder's part lies in a part of its parent")
}

fn is_link(stat: &FileStat) -> bool {
    stat.st_mode & libc::S_IFMT == libc::S_IFLNK
}

fn names(path: &str) -> impl DoubleEndedIterator<Item = String> + '_ {
    path.split('/')
        .filter(|part| !part.is_empty() && *part != ".")
        .map(str::to_owned)
}

fn joined(way: &[(Folder, CString)], last: Option<&CString>) -> String {
    let names = way.iter().map(|(_, name)| name).chain(last);
    let names: Vec<_> = names.map(|name| name.to_string_lossy()).collect();
    names.join("/")
}

/// A path below another one.
pub(super) fn join(path: &str, name: &str) -> String {
    match path {
        "" => name.to_owned(),
        path => format!("{path}/{name}"),
    }
}

/// The folders of a clean path before its first wildcard, empty for the root; of one without wildcards the whole path.
fn head(clean: &str) -> &str {
    let mut end = 0;
    for part in clean.split_inclusive('/') {
        if Glob::is_special(part) {
            break;
        }
        end += part.len();
    }
    clean[..end].trim_end_matches('/')
}

/// Whether `path` is `folder` or below it.
fn leads_to(folder: &str, path: &str) -> bool {
    path.strip_prefix(folder)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// BuildKit's words, without the id of what it looked in.
pub(super) fn not_found(path: &str) -> Error {
    Error::new(
        Kind::NotFound,
        format!(
            "failed to calculate checksum of ref: {}: not found",
            go::quote(path)
        ),
    )
}

pub(super) fn cannot(what: &str, path: &str, e: Errno) -> Error {
    Error::new(
        Kind::System,
        format!("cannot {what} `/{}`", path.trim_start_matches('/')),
    )
    .because(sentence(e))
}

#[cfg(test)]
mod tests;
