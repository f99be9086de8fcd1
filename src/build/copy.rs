//! COPY, ADD and WORKDIR: what they take, as one digest, and what they make, in an upper folder.

use std::collections::{HashMap, HashSet};
use std::io::Read;
use std::path::{Path, PathBuf};

use super::context::Stats;
use super::place::{Owner, Place, Seen};
use super::plan::CopyOp;
use super::source::{At, Located, Tree, Visitor, join};
use crate::container::layered;
use crate::error::{Context, Error, Kind, Result};
use crate::grammar::dockerfile::ignore::Patterns;
use crate::grammar::user;
use crate::image::decode;
use crate::image::pack::owners::Meta;
use crate::image::tar::EntryType;
use crate::image::unpack::{self, Limits};
use crate::store::ids::{Ids, What};
use crate::store::sum::Sum;

/// Returns the digest of what a COPY takes from `tree`: names, types, modes, owners, contents, link targets; no times, and
/// not the mode of a folder whose content is taken.
pub(super) fn content(tree: &Tree, op: &CopyOp, stats: Option<&Stats>) -> Result<String> {
    let excludes = excludes(op)?;
    let mut hasher = Hasher {
        sum: Sum::new(),
        stats,
        links: HashMap::new(),
        buffer: vec![0; 256 * 1024],
        is_top: false,
    };
    for word in op.sources.iter().filter(|word| !is_remote(op, word)) {
        for (path, located) in tree.resolve(word, op.parents)? {
            hasher.text(&path);
            hasher.is_top = located.is_folder();
            tree.walk(&located, &excludes, &mut hasher)?;
        }
    }
    Ok(hasher.sum.finish())
}

/// Whether a source of ADD is fetched and not copied.
pub(super) fn is_remote(op: &CopyOp, word: &str) -> bool {
    op.is_add && (super::state::is_url(word) || super::fetch::is_git(word))
}

fn excludes(op: &CopyOp) -> Result<Patterns> {
    Patterns::new(&op.excludes).map_err(|e| Error::new(Kind::Invalid, e))
}

struct Hasher<'a> {
    sum: Sum,
    stats: Option<&'a Stats>,
    links: HashMap<u64, String>,
    buffer: Vec<u8>,
    is_top: bool,
}

impl Hasher<'_> {
    fn text(&mut self, text: &str) {
        self.sum.update((text.len() as u64).to_le_bytes());
        self.sum.update(text);
    }

    fn file(&mut self, meta: &Meta, at: At<'_>) -> Result<String> {
        if meta.size == 0 {
            return Ok(String::new());
        }
        if let Some(known) = self.stats.and_then(|stats| stats.get(at.whole, at.stat)) {
            return Ok(known);
        }
        let mut file = at.open()?;
        let mut sum = Sum::new();
        loop {
            let count = file
                .read(&mut self.buffer)
                .context(Kind::System, || format!("cannot read `/{}`", at.whole))?;
            if count == 0 {
                break;
            }
            sum.update(&self.buffer[..count]);
        }
        let digest = sum.finish();
        if let Some(stats) = self.stats {
            stats.put(at.whole, at.stat, &digest);
        }
        Ok(digest)
    }
}

impl Visitor for Hasher<'_> {
    fn folder(&mut self, path: &str, meta: &Meta) -> Result<()> {
        let mode = match std::mem::take(&mut self.is_top) {
            true => 0,
            false => meta.mode,
        };
        let owner = if path.is_empty() {
            (0, 0)
        } else {
            (meta.uid, meta.gid)
        };
        self.text(&format!("d {path} {mode:o} {} {}", owner.0, owner.1));
        Ok(())
    }

    fn other(&mut self, path: &str, meta: &Meta, at: At<'_>) -> Result<()> {
        let what = match meta.kind {
            EntryType::File => match meta.inode.and_then(|inode| self.links.get(&inode)) {
                Some(first) => format!("link {first}"),
                None => self.file(meta, at)?,
            },
            EntryType::Symlink => String::from_utf8_lossy(&at.link()?).into_owned(),
            _ => format!("{}:{}", meta.major, meta.minor),
        };
        let capability = meta.capability.as_deref().unwrap_or_default();
        self.text(&format!(
            "{:?} {path} {:o} {} {} {capability:?} {what}",
            meta.kind, meta.mode, meta.uid, meta.gid
        ));
        if let Some(inode) = meta.inode {
            self.links.entry(inode).or_insert_with(|| path.to_owned());
        }
        Ok(())
    }
}

/// Where a step works.
pub(super) struct Bench<'a> {
    /// An empty folder for what changes.
    pub(super) upper: &'a Path,
    /// A folder for what is needed on the way.
    pub(super) scratch: &'a Path,
    /// The layers below, the uppermost first.
    pub(super) lowers: &'a [PathBuf],
    /// The time of the step.
    pub(super) now: (i64, u32),
}

/// What ADD fetched: the word, and the file or folder that it became.
pub(super) struct Fetched {
    pub(super) word: String,
    pub(super) path: PathBuf,
    pub(super) name: String,
    /// A plain file's time; `None` for a folder, which keeps its own.
    pub(super) mtime: Option<i64>,
}

/// Puts the files where they belong. Returns warnings.
pub(super) fn copy(
    bench: &Bench<'_>,
    tree: &Tree,
    op: &CopyOp,
    fetched: &[Fetched],
) -> Result<Vec<String>> {
    // a linked layer knows nothing of what it will lie on
    let lowers = if op.is_linked() { &[] } else { bench.lowers };
    let mut warnings = Vec::new();
    let owner = match &op.chown {
        None => None,
        Some(spec) => Some(chown(spec, lowers, op.is_linked(), &mut warnings)?),
    };
    let mut copier = Copier {
        place: Place::new(bench.upper, lowers.to_vec(), bench.now)?,
        op,
        owner,
        keeps: false,
        is_top: false,
        base: String::new(),
        timed: HashSet::new(),
    };
    let excludes = excludes(op)?;
    for word in &op.sources {
        if let Some(fetched) = fetched.iter().find(|f| f.word == *word) {
            copier.fetched(fetched, bench)?;
            continue;
        }
        let found = tree.resolve(word, op.parents)?;
        if found.is_empty() {
            warnings.push(format!("{word:?} matches nothing"));
        }
        for (path, located) in found {
            if op.parents {
                copier.parents(tree, word, &path, &located, &excludes)?;
            } else if located.is_folder() {
                copier.folder_of(tree, &located, &excludes)?;
            } else if !copier.archive(tree, &located, bench)? {
                let name = path.rsplit('/').next().unwrap_or_default();
                copier.file_at(tree, &located, name, &excludes)?;
            }
        }
    }
    for (name, text) in &op.files {
        copier.text(name, text, bench.now)?;
    }
    copier.place.finish()?;
    Ok(warnings)
}

struct Copier<'a> {
    place: Place,
    op: &'a CopyOp,
    owner: Option<Owner>,
    /// Owners and modes are those of the source: what an archive holds.
    keeps: bool,
    /// The next folder shown is the source itself.
    is_top: bool,
    /// Where a walk's paths begin.
    base: String,
    /// Folders that have the time of a source.
    timed: HashSet<String>,
}

impl Copier<'_> {
    fn new_owner(&self) -> Owner {
        self.owner.unwrap_or_default()
    }

    fn changed(&self, meta: &Meta) -> Meta {
        let mut meta = meta.clone();
        if self.keeps {
            return meta;
        }
        if let Some(owner) = self.owner {
            (meta.uid, meta.gid) = (owner.uid, owner.gid);
        }
        if let Some(mode) = &self.op.chmod
            && meta.kind != EntryType::Symlink
        {
            meta.mode = mode.apply(meta.mode, meta.kind == EntryType::Folder);
        }
        meta
    }

    /// The destination as a folder, made when it is not there.
    fn destination(&mut self) -> Result<String> {
        let (path, _) = self.place.resolve(&self.op.destination)?;
        self.place.make_folder(&path, self.new_owner())?;
        Ok(path)
    }

    /// The content of a folder goes into the destination.
    fn folder_of(&mut self, tree: &Tree, located: &Located, excludes: &Patterns) -> Result<()> {
        self.base = self.destination()?;
        self.is_top = true;
        tree.walk(located, excludes, self)
    }

    /// A file goes to the destination, or into it when that is a folder.
    fn file_at(
        &mut self,
        tree: &Tree,
        located: &Located,
        name: &str,
        excludes: &Patterns,
    ) -> Result<()> {
        self.base = self.file_target(name)?;
        // a folder that an earlier source gave its time changes once more
        if let Some((parent, _)) = self.base.rsplit_once('/')
            && self.timed.contains(parent)
        {
            let now = self.place.now();
            self.place.change_folder(parent, |meta| meta.mtime = now);
        }
        tree.walk(located, excludes, self)
    }

    fn file_target(&mut self, name: &str) -> Result<String> {
        let (path, seen) = self.place.resolve(&self.op.destination)?;
        let target = match self.op.is_folder || seen == Seen::Folder {
            true => join(&path, name),
            false => path,
        };
        // a link at the very end is written through
        let (target, seen) = self.place.resolve(&target)?;
        if seen == Seen::Folder {
            let text = format!("cannot copy a file over the folder /{target}");
            return Err(Error::new(Kind::Invalid, text));
        }
        Ok(target)
    }

    /// `--parents`: the source's path goes on below the destination, from `/./` on where the word has it.
    fn parents(
        &mut self,
        tree: &Tree,
        word: &str,
        path: &str,
        located: &Located,
        excludes: &Patterns,
    ) -> Result<()> {
        let path = path.trim_start_matches('/');
        let skip = match word.find("/./") {
            Some(at) => word[..at]
                .split('/')
                .filter(|p| !p.is_empty() && *p != ".")
                .count(),
            None => 0,
        };
        let kept: Vec<&str> = path.split('/').skip(skip).collect();
        let before: Vec<&str> = path.split('/').take(skip).collect();
        let destination = self.destination()?;
        let mut target = destination;
        let mut source = before.join("/");
        let last = if located.is_folder() {
            kept.len()
        } else {
            kept.len() - 1
        };
        for name in &kept[..last] {
            target = join(&target, name);
            source = join(&source, name);
            if let Some(parent) = tree.locate(&source)? {
                let meta = self.changed(&tree.meta_of(&parent)?);
                let owner = self.new_owner();
                self.place.copy_folder(&target, &meta, owner)?;
            }
        }
        if !located.is_folder() {
            target = join(&target, kept[kept.len() - 1]);
        }
        self.base = target;
        self.is_top = located.is_folder();
        tree.walk(located, excludes, self)
    }

    fn text(&mut self, name: &str, text: &str, now: (i64, u32)) -> Result<()> {
        let target = self.file_target(name)?;
        let meta = self.changed(&Meta {
            kind: EntryType::File,
            mode: 0o644,
            mtime: now,
            ..Meta::default()
        });
        let owner = self.new_owner();
        self.place.write(&target, text.as_bytes(), &meta, owner)
    }

    /// ADD of a tar, compressed or not: known by its content. False: it is none.
    fn archive(&mut self, tree: &Tree, located: &Located, bench: &Bench<'_>) -> Result<bool> {
        if !self.op.is_add || self.op.unpack == Some(false) {
            return Ok(false);
        }
        let Some(file) = tree.open(located)? else {
            return Ok(false);
        };
        self.unpack(file, bench)
    }

    fn unpack(&mut self, mut file: std::fs::File, bench: &Bench<'_>) -> Result<bool> {
        let mut head = [0; 512];
        let count = fill(&mut file, &mut head)?;
        if !looks_packed(&head[..count]) {
            return Ok(false);
        }
        let folder = bench
            .scratch
            .join(format!("archive-{}", crate::store::random_hex::<4>()?));
        fs_err::create_dir(&folder)?;
        let mut source = decode::Source::new(head[..count].chain(file));
        let unpacked = unpack::layer_from(|spare| source.next(spare), &folder, &Limits::default());
        source.finish(|| "cannot read the archive".to_owned())?;
        if unpacked.is_err() {
            // compressed, and no tar: it is copied as it is
            crate::store::trash::remove_tree(&folder)?;
            return Ok(false);
        }
        self.base = self.destination()?;
        self.keeps = true;
        let tree = Tree::layers(vec![folder.join("tree")]);
        let root = tree.locate("/")?.expect("the tree of an archive is there");
        self.is_top = true;
        let done = tree.walk(&root, &Patterns::default(), self);
        self.keeps = false;
        done.map(|()| true)
    }

    fn fetched(&mut self, fetched: &Fetched, bench: &Bench<'_>) -> Result<()> {
        let Some(mtime) = fetched.mtime else {
            let tree = Tree::folder(&fetched.path, Patterns::default());
            let root = tree
                .locate("/")?
                .ok_or_else(|| super::source::not_found(&fetched.word))?;
            return self.folder_of(&tree, &root, &Patterns::default());
        };
        if self.op.unpack == Some(true)
            && self.unpack(fs_err::File::open(&fetched.path)?.into(), bench)?
        {
            return Ok(());
        }
        let target = self.file_target(&fetched.name)?;
        let meta = self.changed(&Meta {
            kind: EntryType::File,
            mode: 0o600,
            mtime: (mtime, 0),
            ..Meta::default()
        });
        let bytes = fs_err::read(&fetched.path)?;
        let owner = self.new_owner();
        self.place.write(&target, &bytes, &meta, owner)
    }
}

impl Visitor for Copier<'_> {
    fn folder(&mut self, path: &str, meta: &Meta) -> Result<()> {
        if std::mem::take(&mut self.is_top) {
            if !self.keeps {
                let base = self.base.clone();
                let mtime = meta.mtime;
                self.place.change_folder(&base, |meta| meta.mtime = mtime);
                self.timed.insert(base);
            }
            return Ok(());
        }
        let meta = self.changed(meta);
        let owner = self.new_owner();
        self.place
            .copy_folder(&join(&self.base, path), &meta, owner)
    }

    fn other(&mut self, path: &str, meta: &Meta, at: At<'_>) -> Result<()> {
        let meta = self.changed(meta);
        let owner = self.new_owner();
        let target = match path {
            "" => self.base.clone(),
            path => join(&self.base, path),
        };
        self.place.copy(&target, &meta, at, owner)
    }
}

fn fill(file: &mut std::fs::File, buffer: &mut [u8]) -> Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        let count = file.read(&mut buffer[filled..])?;
        if count == 0 {
            break;
        }
        filled += count;
    }
    Ok(filled)
}

/// gzip, zstd, or a tar's magic.
fn looks_packed(head: &[u8]) -> bool {
    decode::Form::of(head).is_some() || head.get(257..262) == Some(b"ustar")
}

/// `user[:group]` by the accounts of the destination. A name that nobody has is root, as in BuildKit, with a warning.
fn chown(
    spec: &str,
    lowers: &[PathBuf],
    is_linked: bool,
    warnings: &mut Vec<String>,
) -> Result<Owner> {
    let (user, group) = match spec.split_once(':') {
        Some((user, group)) => (user, Some(group)),
        None => (spec, None),
    };
    let is_number = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    if is_linked && !(is_number(user) && group.is_none_or(is_number)) {
        return Err(Error::new(Kind::Invalid, "invalid user index: -1"));
    }
    let read = |path: &str| {
        let bytes = layered::read_file(lowers, path).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    };
    let (passwd, groups) = match is_linked {
        true => (String::new(), String::new()),
        false => (read("/etc/passwd"), read("/etc/group")),
    };
    let mut owner = Owner::default();
    if !user.is_empty() {
        match user::lookup(user, &passwd, &groups) {
            Ok(found) => {
                owner.uid = found.uid.into();
                owner.gid = match user.parse::<u64>() {
                    // a number is both
                    Ok(number) => number,
                    Err(_) => found.gid.into(),
                };
            }
            Err(_) => warnings.push(format!("nobody is called {user:?}: its files are root's")),
        }
    }
    if let Some(group) = group {
        match user::lookup(&format!("0:{group}"), &passwd, &groups) {
            Ok(found) => owner.gid = found.gid.into(),
            Err(_) => {
                owner.gid = 0;
                warnings.push(format!(
                    "no group is called {group:?}: its files are root's"
                ));
            }
        }
    }
    Ok(owner)
}

/// WORKDIR: the folder and its missing parents, USER's.
pub(super) fn workdir(bench: &Bench<'_>, path: &str, user: &str) -> Result<()> {
    let mut ignored = Vec::new();
    let owner = match user {
        "" => Owner::default(),
        user => chown(user, bench.lowers, false, &mut ignored)?,
    };
    let mut place = Place::new(bench.upper, bench.lowers.to_vec(), bench.now)?;
    let (path, seen) = place.resolve(path)?;
    match seen {
        Seen::Folder => Ok(()),
        Seen::Nothing | Seen::Other => {
            place.make_folder(&path, owner)?;
            place.finish()
        }
    }
}

/// Copies what `source` leads to into `folder`, which is made; returns the copy's path.
pub(super) fn extract(tree: &Tree, source: &str, folder: &Path) -> Result<PathBuf> {
    let clean = crate::grammar::go::clean(&format!("/{source}"));
    let located = tree
        .locate(&clean)?
        .ok_or_else(|| super::source::not_found(&clean))?;
    let (place, top) = empty_place(folder)?;
    put(place, tree, &located, "x")?.finish()?;
    Ok(top)
}

/// Copies whole trees, each below a folder of its name; returns where those are.
pub(super) fn gather(trees: &[(String, Tree)], folder: &Path) -> Result<PathBuf> {
    let (mut place, top) = empty_place(folder)?;
    for (name, tree) in trees {
        let root = tree.locate("/")?.expect("every tree has a root");
        place = put(place, tree, &root, &format!("x/{name}"))?;
    }
    place.finish()?;
    Ok(top)
}

/// A place in a new folder, and where `x` in it lies.
fn empty_place(folder: &Path) -> Result<(Place, PathBuf)> {
    let upper = folder.join("upper");
    fs_err::create_dir_all(&upper)?;
    let top = upper.join("x");
    Ok((Place::new(&upper, Vec::new(), (0, 0))?, top))
}

/// Copies what lies somewhere to `target`, with its owners.
fn put(place: Place, tree: &Tree, located: &Located, target: &str) -> Result<Place> {
    let op = CopyOp {
        is_folder: located.is_folder(),
        destination: format!("/{target}"),
        ..CopyOp::taking(super::plan::Origin::Context, Vec::new())
    };
    let mut copier = Copier {
        place,
        op: &op,
        owner: None,
        keeps: true,
        is_top: false,
        base: String::new(),
        timed: HashSet::new(),
    };
    match located.is_folder() {
        true => copier.folder_of(tree, located, &Patterns::default())?,
        false => copier.file_at(tree, located, "x", &Patterns::default())?,
    }
    Ok(copier.place)
}
/// Records an owner on a file or folder of ours.
pub(super) fn own(path: &Path, uid: u64, gid: u64) -> Result<()> {
    let ids = Ids {
        uid,
        gid,
        what: What::Same,
    };
    let file = fs_err::File::open(path)?;
    let cannot = || {
        Error::new(
            Kind::System,
            format!("cannot record the owner of `{}`", path.display()),
        )
    };
    match ids.keep_on(file.file(), &mut true) {
        Ok(true) => Ok(()),
        Ok(false) => Err(cannot().because("its file system has no attributes")),
        Err(e) => Err(cannot().because(crate::sys::sentence(e))),
    }
}
