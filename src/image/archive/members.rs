//! The members of an archive by name, found by reading its headers alone; contents are read from where they lie.
//!
//! What an archive says is not trusted: names lead nowhere but to its own members, links are followed a few times, small
//! documents are small.

use std::collections::HashMap;
use std::fs::File;
use std::os::unix::fs::FileExt;

use crate::error::{Context, Error, Kind, Result};
use crate::image::tar::{Entry, EntryType, Feed, Parser, Sink, split};

/// Largest document that is read whole: `manifest.json` of a thousand images is smaller.
const LARGEST_DOCUMENT: u64 = 32 << 20;
const MOST_MEMBERS: usize = 1 << 20;
const MOST_LINKS: u32 = 16;
const BLOCK: usize = 512;

/// An archive.
#[derive(Debug)]
pub(crate) struct Members {
    file: File,
    members: HashMap<Vec<u8>, Member>,
}

#[derive(Debug, Clone)]
enum Member {
    /// Where its bytes lie.
    File(Span),
    /// Another member: archives of docker before 25 and of podman name a layer twice so.
    Link(Vec<u8>),
}

/// Bytes of the archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) offset: u64,
    pub(crate) size: u64,
}

impl Members {
    /// Reads the headers of the tar in `file`, which must be seekable.
    pub(crate) fn read(file: File) -> Result<Members> {
        let length = file.metadata().context(Kind::System, cannot)?.len();
        let mut index = Index {
            members: HashMap::new(),
            entry: Entry::default(),
            skip: 0,
            is_full: false,
        };
        let mut parser = Parser::new(Feed::Cut);
        let mut block = [0; BLOCK];
        let mut offset = 0;
        while offset < length && !index.is_full {
            let most = BLOCK.min(usize::try_from(length - offset).unwrap_or(BLOCK));
            file.read_exact_at(&mut block[..most], offset)
                .context(Kind::System, cannot)?;
            offset += most as u64;
            index.skip = 0;
            parser
                .feed(&block[..most], &mut index)
                .map_err(no_archive)?;
            if index.skip > 0 {
                let span = Span {
                    offset,
                    size: index.skip,
                };
                index.put(Member::File(span));
                // bodies are whole blocks in the file, and the parser wants to see the padding
                let end = offset + index.skip;
                if end > length {
                    return Err(truncated());
                }
                let padding = (end.next_multiple_of(BLOCK as u64) - end) as usize;
                parser.feed(&block.map(|_| 0)[..padding], &mut index)?;
                offset = end + padding as u64;
            }
        }
        if index.is_full {
            return Err(Error::new(Kind::Corrupt, cannot())
                .because(format!("it has more than {MOST_MEMBERS} members")));
        }
        parser.finish().map_err(|_| truncated())?;
        Ok(Members {
            file,
            members: index.members,
        })
    }

    /// Returns where a member's bytes lie; `None` when there is no such file.
    pub(crate) fn span(&self, name: &str) -> Option<Span> {
        let mut name = crate::image::tar::clean(name.as_bytes())?;
        for _ in 0..MOST_LINKS {
            match self.members.get(&name)? {
                Member::File(span) => return Some(*span),
                Member::Link(target) => name = target.clone(),
            }
        }
        None
    }

    /// Returns a small member whole; `None` when there is none.
    pub(crate) fn document(&self, name: &str) -> Result<Option<Vec<u8>>> {
        let Some(span) = self.span(name) else {
            return Ok(None);
        };
        if span.size > LARGEST_DOCUMENT {
            return Err(Error::new(
                Kind::Corrupt,
                format!("cannot read `{name}` of the archive"),
            )
            .because(format!("{} bytes are too many for it", span.size)));
        }
        let mut bytes = vec![0; span.size as usize];
        self.file
            .read_exact_at(&mut bytes, span.offset)
            .context(Kind::System, cannot)?;
        Ok(Some(bytes))
    }

    /// Reads `span` in chunks, each into the block that is given; the closure returns `None` at its end.
    pub(crate) fn chunks(&self, span: Span) -> impl FnMut(Vec<u8>) -> Option<Vec<u8>> + '_ {
        const CHUNK: u64 = 256 << 10;
        let mut done = 0;
        move |mut chunk| {
            let size = CHUNK.min(span.size - done);
            chunk.resize(size as usize, 0);
            // a file that became shorter ends the layer in its middle, which its digest tells
            self.file
                .read_exact_at(&mut chunk, span.offset + done)
                .ok()?;
            done += size;
            (size > 0).then_some(chunk)
        }
    }
}

/// Collects what the headers say.
struct Index {
    members: HashMap<Vec<u8>, Member>,
    entry: Entry,
    /// Bytes of the body that follows.
    skip: u64,
    is_full: bool,
}

impl Index {
    fn put(&mut self, member: Member) {
        let path = std::mem::take(&mut self.entry.path);
        self.members.insert(path, member);
        self.is_full = self.members.len() > MOST_MEMBERS;
    }
}

impl Sink for Index {
    fn raw(&mut self, _: &[u8]) -> Result<()> {
        Ok(())
    }

    fn begin(&mut self, entry: &Entry) -> Result<()> {
        self.entry = entry.clone();
        match entry.kind {
            EntryType::HardLink => self.put(Member::Link(entry.link.clone())),
            EntryType::Symlink => {
                let path = [split(&entry.path).0, b"/", &entry.link].concat();
                // one that leads out leads nowhere
                if let Some(target) =
                    crate::image::tar::clean(path.strip_prefix(b"/").unwrap_or(&path))
                {
                    self.put(Member::Link(target));
                }
            }
            EntryType::File if !entry.is_cut() => {
                self.put(Member::File(Span { offset: 0, size: 0 }))
            }
            _ => {}
        }
        Ok(())
    }

    fn data(&mut self, _: &[u8]) -> Result<()> {
        Ok(())
    }

    fn end(&mut self) -> Result<()> {
        Ok(())
    }

    fn payload(&mut self, entry: &Entry) -> Result<()> {
        self.skip = entry.size;
        Ok(())
    }
}

fn cannot() -> &'static str {
    "cannot read the archive"
}

fn truncated() -> Error {
    Error::new(Kind::Corrupt, cannot()).because("unexpected EOF")
}

fn no_archive(e: Error) -> Error {
    Error::new(Kind::Corrupt, cannot()).because(e)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::tar::build::{H, Tar};

    fn members(tar: &[u8]) -> Result<Members> {
        let path = std::env::temp_dir().join(crate::store::random_hex::<8>().unwrap());
        std::fs::write(&path, tar).unwrap();
        let file = File::open(&path).unwrap();
        std::fs::remove_file(path).unwrap();
        Members::read(file)
    }

    #[test]
    fn members_are_found_by_name_and_through_links() {
        let tar = Tar::default()
            .folder("blobs", 0o755)
            .file("./blobs/a", &[b'a'; 700])
            .symlink("old/layer.tar", "../blobs/a")
            .hard("again", "old/layer.tar")
            .symlink("out", "../../etc/passwd")
            .symlink("loop", "loop")
            .file("empty", b"")
            .end();
        let m = members(&tar).unwrap();
        for name in ["blobs/a", "/blobs/a", "old/layer.tar", "again"] {
            assert_eq!(m.document(name).unwrap().unwrap(), [b'a'; 700], "{name}");
        }
        assert_eq!(m.document("empty").unwrap().unwrap(), b"");
        for name in ["blobs", "out", "loop", "../blobs/a", "none"] {
            assert_eq!(m.document(name).unwrap(), None, "{name}");
        }
        let mut next = m.chunks(m.span("again").unwrap());
        assert_eq!(next(Vec::new()).map(|c| c.len()), Some(700));
        assert_eq!(next(Vec::new()), None);
    }

    #[test]
    fn damage_is_told() {
        let tar = Tar::default().file("a", &[1; 2000]).end();
        for cut in [100, 512, 1500, 2511] {
            let e = members(&tar[..cut]).unwrap_err().to_string();
            assert!(e.starts_with("cannot read the archive: "), "{cut}: {e}");
        }
        let e = members(b"hello\n").unwrap_err().to_string();
        assert_eq!(e, "cannot read the archive: unexpected EOF");
        let escape = Tar::default()
            .add(H {
                path: b"../x",
                body: b"x",
                ..H::default()
            })
            .end();
        assert!(members(&escape).is_err());
        let huge = Tar::default()
            .add(H {
                path: b"x",
                size: Some(1 << 40),
                ..H::default()
            })
            .end();
        assert!(members(&huge).is_err());
    }
}
