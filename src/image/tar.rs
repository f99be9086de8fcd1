//! A tar stream, pushed in as it comes: ustar, PAX, GNU, star and the oldest form, sparse files of all four kinds.
//!
//! What a layer may hold is what docker unpacks, so the reading follows Go's archive/tar wherever a tar can be read in
//! two ways: global PAX records say nothing, a GNU long name wins over a PAX path, links and folders have no body
//! whatever their size says, what follows the two zero blocks is not looked at.
//!
//! The parser also defines what a layer's file `entries` is: every byte of the stream but the payload of plain files in
//! the tree ([`Entry::is_cut`]). Fed with a tar it hands both out apart; fed with `entries` ([`Feed::Cut`]) it asks
//! for each payload in its place. One rule decides for both ways, so the two cannot disagree.

#[cfg(test)]
pub(crate) mod build;
mod header;
mod pax;
mod sparse;
#[cfg(test)]
pub(crate) mod tests;
pub(crate) mod write;

use crate::error::{Error, Kind, Result};
use header::Block;
use pax::Pax;
pub(crate) use sparse::Sparse;
use sparse::{MapReader, OldMap};

/// A name or PAX block larger than this is hostile; Go has the same limit.
const LARGEST_META: u64 = 1 << 20;
/// A path longer than this is hostile: resolving it folder by folder for each entry would take for ever.
const LONGEST_PATH: usize = 16 << 10;
const BLOCK: usize = 512;

/// What an entry is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum EntryType {
    /// A plain file; also contiguous and sparse ones.
    #[default]
    File,
    /// A further name of an earlier entry.
    HardLink,
    /// A symbolic link.
    Symlink,
    /// A character device.
    Char,
    /// A block device.
    Block,
    /// A folder.
    Folder,
    /// A named pipe.
    Fifo,
}

/// One entry of a tar.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Its number in the tar, from 0.
    pub(crate) index: u64,
    pub(crate) kind: EntryType,
    /// Below the root: no slash at either end, no `.`, no `..`; empty is the root. Any bytes but NUL.
    pub(crate) path: Vec<u8>,
    /// Hard link: as `path`. Symbolic link: its text.
    pub(crate) link: Vec<u8>,
    /// 12 bits.
    pub(crate) mode: u32,
    pub(crate) uid: u64,
    pub(crate) gid: u64,
    /// Seconds since 1970.
    pub(crate) mtime: i64,
    pub(crate) mtime_nsec: u32,
    /// Bytes of the body in the tar.
    pub(crate) size: u64,
    pub(crate) major: u32,
    pub(crate) minor: u32,
    pub(crate) sparse: Option<Sparse>,
    /// Extended attributes by whole name.
    pub(crate) xattrs: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Entry {
    /// Says whether the body is kept in the tree alone and cut out of `entries`.
    pub(crate) fn is_cut(&self) -> bool {
        self.kind == EntryType::File
            && self.size > 0
            && self.sparse.is_none()
            && !is_mark(&self.path)
    }

    /// The folder that holds it.
    pub(crate) fn folder(&self) -> &[u8] {
        split(&self.path).0
    }

    /// Its last name; empty for the root.
    pub(crate) fn name(&self) -> &[u8] {
        split(&self.path).1
    }
}

/// Splits a path into folder and name.
pub(crate) fn split(path: &[u8]) -> (&[u8], &[u8]) {
    match path.iter().rposition(|b| *b == b'/') {
        Some(at) => (&path[..at], &path[at + 1..]),
        None => (b"", path),
    }
}

/// Says whether a path is a mark for the unpacker and no file: a whiteout, or the private matter of aufs.
pub(crate) fn is_mark(path: &[u8]) -> bool {
    split(path).1.starts_with(b".wh.") || path.starts_with(b".wh..wh.")
}

/// Takes what the parser finds, in the stream's order.
pub(crate) trait Sink {
    /// Bytes that belong to `entries`.
    fn raw(&mut self, bytes: &[u8]) -> Result<()>;

    /// An entry begins.
    fn begin(&mut self, entry: &Entry) -> Result<()>;

    /// Bytes of its body.
    fn data(&mut self, bytes: &[u8]) -> Result<()>;

    /// The entry is complete, but for padding.
    fn end(&mut self) -> Result<()>;

    /// The body of `entry`, which was cut out, belongs here.
    fn payload(&mut self, entry: &Entry) -> Result<()>;
}

/// What the parser is fed with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Feed {
    /// A tar.
    Whole,
    /// A tar without the payloads: `entries`.
    Cut,
}

#[derive(Debug)]
enum State {
    /// At the beginning of a header.
    Header,
    /// In the body of a name or PAX block.
    Meta {
        left: u64,
        kind: u8,
        bytes: Vec<u8>,
    },
    /// In the extension blocks of an old GNU sparse header.
    OldMap(OldMap),
    /// In the map at the head of a PAX 1.0 sparse body.
    Map(MapReader),
    /// In a body that stays in `entries`.
    Inline(u64),
    /// In a body that is cut out.
    Payload(u64),
    Padding(u64),
    /// After one zero block.
    Zero,
    /// After two.
    Tail,
}

/// The parser.
#[derive(Debug)]
pub(crate) struct Parser {
    feed: Feed,
    state: State,
    /// The beginning of a block whose end has not come yet.
    part: Vec<u8>,
    /// What PAX and GNU blocks said about the next entry.
    pax: Pax,
    long_name: Option<Vec<u8>>,
    long_link: Option<Vec<u8>>,
    entry: Entry,
    count: u64,
}

impl Parser {
    /// Returns a parser at the beginning of a stream.
    pub(crate) fn new(feed: Feed) -> Parser {
        Parser {
            feed,
            state: State::Header,
            part: Vec::new(),
            pax: Pax::default(),
            long_name: None,
            long_link: None,
            entry: Entry::default(),
            count: 0,
        }
    }

    /// Takes the next bytes, as many as they are.
    pub(crate) fn feed(&mut self, mut bytes: &[u8], sink: &mut impl Sink) -> Result<()> {
        while !bytes.is_empty() {
            let used = self.step(bytes, sink)?;
            bytes = &bytes[used..];
        }
        Ok(())
    }

    /// Says that nothing follows. A missing end mark and missing last padding are fine, as in Go.
    pub(crate) fn finish(&self) -> Result<()> {
        match self.state {
            State::Header | State::Zero if self.part.is_empty() => Ok(()),
            State::Padding(_) | State::Tail => Ok(()),
            _ => Err(bad("it ends in the middle of an entry")),
        }
    }

    /// Takes some of the bytes (not none) and returns how many.
    fn step(&mut self, bytes: &[u8], sink: &mut impl Sink) -> Result<usize> {
        match &mut self.state {
            State::Header | State::Zero | State::OldMap(_) => self.block(bytes, sink),
            State::Meta {
                left, bytes: held, ..
            } => {
                let used = at_most(*left, bytes);
                held.extend_from_slice(&bytes[..used]);
                sink.raw(&bytes[..used])?;
                *left -= used as u64;
                if *left == 0 {
                    self.meta()?;
                }
                Ok(used)
            }
            State::Map(map) => {
                let used = map.feed(bytes)?;
                sink.raw(&bytes[..used])?;
                if map.is_complete() {
                    self.mapped(sink)?;
                }
                Ok(used)
            }
            State::Inline(left) => {
                let used = at_most(*left, bytes);
                sink.raw(&bytes[..used])?;
                sink.data(&bytes[..used])?;
                *left -= used as u64;
                if *left == 0 {
                    self.body_is_over(sink)?;
                }
                Ok(used)
            }
            State::Payload(left) => {
                let used = at_most(*left, bytes);
                sink.data(&bytes[..used])?;
                *left -= used as u64;
                if *left == 0 {
                    self.body_is_over(sink)?;
                }
                Ok(used)
            }
            State::Padding(left) => {
                let used = at_most(*left, bytes);
                sink.raw(&bytes[..used])?;
                *left -= used as u64;
                if *left == 0 {
                    self.state = State::Header;
                }
                Ok(used)
            }
            State::Tail => {
                sink.raw(bytes)?;
                Ok(bytes.len())
            }
        }
    }

    /// Gathers one block and reads it.
    fn block(&mut self, bytes: &[u8], sink: &mut impl Sink) -> Result<usize> {
        let used = at_most((BLOCK - self.part.len()) as u64, bytes);
        if used == BLOCK {
            let block: &Block = bytes[..BLOCK].try_into().expect("one block");
            sink.raw(block)?;
            self.read(block, sink)?;
            return Ok(used);
        }
        self.part.extend_from_slice(&bytes[..used]);
        if let Ok(block) = Block::try_from(&self.part[..]) {
            self.part.clear();
            sink.raw(&block)?;
            self.read(&block, sink)?;
        }
        Ok(used)
    }

    fn read(&mut self, block: &Block, sink: &mut impl Sink) -> Result<()> {
        if let State::OldMap(map) = &mut self.state {
            if map.extend(block)? {
                let sparse = std::mem::take(map).finish(self.entry.size)?;
                self.entry.sparse = Some(sparse);
                self.begin(self.entry.size, sink)?;
            }
            return Ok(());
        }
        let is_zero = block.iter().all(|b| *b == 0);
        match (&self.state, is_zero) {
            (State::Zero, true) => self.state = State::Tail,
            (State::Zero, false) => return Err(bad("a lone zero block")),
            (_, true) => self.state = State::Zero,
            (_, false) => self.header(block, sink)?,
        }
        Ok(())
    }

    fn header(&mut self, block: &Block, sink: &mut impl Sink) -> Result<()> {
        header::check(block)?;
        let kind = header::kind(block);
        if matches!(kind, b'L' | b'K' | b'x' | b'g') {
            let size = header::size(block)?;
            if size > LARGEST_META {
                return Err(bad("a name or PAX block of more than 1 MiB"));
            }
            if kind == b'x' {
                self.pax = Pax::default(); // the last one counts
            }
            if size > 0 {
                self.state = State::Meta {
                    left: size,
                    kind,
                    bytes: Vec::new(),
                };
            }
            return Ok(());
        }
        let pax = std::mem::take(&mut self.pax);
        let names = (self.long_name.take(), self.long_link.take());
        self.entry = header::entry(block, pax, names)?;
        self.entry.index = self.count;
        self.count += 1;
        if kind == b'S' {
            let map = OldMap::new(block)?;
            if map.is_complete() {
                self.entry.sparse = Some(map.finish(self.entry.size)?);
            } else {
                self.state = State::OldMap(map);
                return Ok(());
            }
        } else if self.entry.sparse.as_ref().is_some_and(|s| s.is_map_in_body) {
            self.state = State::Map(MapReader::default());
            return Ok(());
        }
        self.begin(self.entry.size, sink)
    }

    /// The map of a PAX 1.0 sparse file has been read from its body; the data follow.
    fn mapped(&mut self, sink: &mut impl Sink) -> Result<()> {
        let State::Map(map) = std::mem::replace(&mut self.state, State::Header) else {
            return Ok(());
        };
        let data = self
            .entry
            .size
            .checked_sub(map.size())
            .ok_or_else(|| bad("a sparse map larger than its file"))?;
        let real_size = self.entry.sparse.as_ref().map_or(0, |s| s.real_size);
        self.entry.sparse = Some(Sparse::new(map.numbers(), real_size, data)?);
        self.begin(data, sink)
    }

    /// The entry is known; `body` bytes follow.
    fn begin(&mut self, body: u64, sink: &mut impl Sink) -> Result<()> {
        sink.begin(&self.entry)?;
        if body == 0 {
            return self.body_is_over(sink);
        }
        if !self.entry.is_cut() {
            self.state = State::Inline(body);
        } else if self.feed == Feed::Whole {
            self.state = State::Payload(body);
        } else {
            sink.payload(&self.entry)?;
            self.body_is_over(sink)?;
        }
        Ok(())
    }

    fn body_is_over(&mut self, sink: &mut impl Sink) -> Result<()> {
        sink.end()?;
        self.state = after(self.entry.size);
        Ok(())
    }

    /// A name or PAX block is complete.
    fn meta(&mut self) -> Result<()> {
        let State::Meta { kind, bytes, .. } = std::mem::replace(&mut self.state, State::Header)
        else {
            return Ok(());
        };
        self.state = after(bytes.len() as u64);
        match kind {
            b'L' => self.long_name = Some(header::text(&bytes).to_vec()),
            b'K' => self.long_link = Some(header::text(&bytes).to_vec()),
            b'x' => self.pax = pax::parse(&bytes)?,
            _ => {}
        }
        Ok(())
    }
}

/// The state after a body of `size` bytes.
fn after(size: u64) -> State {
    match size % BLOCK as u64 {
        0 => State::Header,
        over => State::Padding(BLOCK as u64 - over),
    }
}

fn at_most(left: u64, bytes: &[u8]) -> usize {
    left.min(bytes.len() as u64) as usize
}

/// Returns the error of a layer that is no proper tar.
pub(crate) fn bad(why: impl Into<String>) -> Error {
    Error::new(Kind::Corrupt, "cannot read the layer's tar").because(why.into())
}

/// Returns a path for a message: no control characters, not endless.
pub(crate) fn show(path: &[u8]) -> String {
    const MOST: usize = 200;
    let text = String::from_utf8_lossy(&path[..path.len().min(MOST)]);
    let text: String = text.chars().flat_map(char::escape_debug).collect();
    if path.len() > MOST {
        format!("`{text}...`")
    } else {
        format!("`{text}`")
    }
}

/// Returns `path` as it lies below the root: lexically cleaned, as docker does. `None` when it leads out.
pub(crate) fn clean(path: &[u8]) -> Option<Vec<u8>> {
    let is_absolute = path.starts_with(b"/");
    let mut cleaned: Vec<u8> = Vec::with_capacity(path.len());
    for name in path.split(|b| *b == b'/') {
        match name {
            b"" | b"." => {}
            b".." if cleaned.is_empty() && is_absolute => {}
            b".." if cleaned.is_empty() => return None,
            b".." => cleaned.truncate(split(&cleaned).0.len()),
            name => {
                if !cleaned.is_empty() {
                    cleaned.push(b'/');
                }
                cleaned.extend_from_slice(name);
            }
        }
    }
    Some(cleaned)
}
