//! Compressed bytes to plain ones, in bounded blocks: gzip (also of several members), zstd, bzip2, xz, or none, by the
//! first bytes.
//!
//! The first bytes decide and not the media type: registries hold layers whose type lies, and docker looks at the bytes.

use std::io::{BufReader, Read};

use flate2::{Decompress, FlushDecompress, Status};

use crate::error::{Context, Error, Kind, Result};

/// Bytes of a block.
pub(crate) const BLOCK: usize = 256 << 10;

/// The source of compressed bytes; `None` is the end. It is given a block that nobody needs any more, or an empty one: fresh
/// memory for every chunk would cost more than reading it.
type Next<'a> = &'a mut dyn FnMut(Vec<u8>) -> Option<Vec<u8>>;

/// Where plain blocks go, and where empty ones come from.
pub(crate) trait Blocks {
    /// Returns a block to fill: `BLOCK` bytes.
    fn take(&mut self) -> Vec<u8>;

    /// Returns a block that was handed on and is done with, if there is one.
    fn spare(&mut self) -> Vec<u8> {
        Vec::new()
    }

    /// Hands on a filled block, whose length says how much.
    fn put(&mut self, block: Vec<u8>) -> Result<()>;
}

/// Decodes everything.
pub(crate) fn decode(next: Next<'_>, blocks: &mut impl Blocks) -> Result<()> {
    let mut head = Vec::new();
    while head.len() < 4 {
        match next(Vec::new()) {
            Some(chunk) if head.is_empty() => head = chunk,
            Some(chunk) => head.extend_from_slice(&chunk),
            None => break,
        }
    }
    match Form::of(&head) {
        Some(Form::Gzip) => gzip(head, next, blocks),
        Some(Form::Zstd) => zstd(head, next, blocks),
        Some(Form::Bzip2) => {
            let decoder = bzip2::bufread::MultiBzDecoder::new(buffered(head, next));
            read_all(decoder, "bzip2", blocks)
        }
        Some(Form::Xz) => {
            // more than what xz -9 asks for, less than what would hurt
            const MOST_KIB: u32 = 128 << 10;
            let source = buffered(head, next);
            let decoder = lzma_rust2::XzReader::new_mem_limit(source, true, MOST_KIB);
            read_all(decoder, "xz", blocks)
        }
        None => plain(head, next, blocks),
    }
}

/// How bytes are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Gzip,
    Zstd,
    Bzip2,
    Xz,
}

impl Form {
    /// Says what the first bytes show; `None`: not compressed.
    pub(crate) fn of(head: &[u8]) -> Option<Form> {
        // 1 to 9 follows: the size of the blocks
        let is_bzip2 = head.starts_with(b"BZh") && head.get(3).is_some_and(u8::is_ascii_digit);
        match head {
            [0x1f, 0x8b, ..] => Some(Form::Gzip),
            [0xfd, b'7', b'z', b'X', ..] => Some(Form::Xz),
            _ if is_bzip2 => Some(Form::Bzip2),
            _ if is_zstd(head) => Some(Form::Zstd),
            _ => None,
        }
    }
}

/// A file as the chunks of [`decode`], which knows no errors: what ended it early is told by [`Source::finish`].
pub(crate) struct Source<R> {
    input: R,
    failed: Option<std::io::Error>,
}

impl<R: Read> Source<R> {
    pub(crate) fn new(input: R) -> Source<R> {
        Source {
            input,
            failed: None,
        }
    }

    /// Returns the next chunk in `chunk`; `None` at the end.
    pub(crate) fn next(&mut self, mut chunk: Vec<u8>) -> Option<Vec<u8>> {
        chunk.resize(BLOCK, 0);
        match self.input.read(&mut chunk) {
            Ok(0) => None,
            Ok(n) => {
                chunk.truncate(n);
                Some(chunk)
            }
            Err(e) => {
                self.failed = Some(e);
                None
            }
        }
    }

    /// Says whether it was read to its end.
    pub(crate) fn finish(self, what: impl FnOnce() -> String) -> Result<()> {
        self.failed.map_or(Ok(()), Err).context(Kind::System, what)
    }
}

/// A zstd frame, or one that only carries a remark (RFC 8878, 3.1.2).
fn is_zstd(head: &[u8]) -> bool {
    head.starts_with(&[0x28, 0xb5, 0x2f, 0xfd])
        || (head.len() >= 4 && head[0] & 0xf0 == 0x50 && head[1..4] == [0x2a, 0x4d, 0x18])
}

fn plain(mut chunk: Vec<u8>, next: Next<'_>, blocks: &mut impl Blocks) -> Result<()> {
    loop {
        if !chunk.is_empty() {
            blocks.put(chunk)?;
        }
        match next(blocks.spare()) {
            Some(following) => chunk = following,
            None => return Ok(()),
        }
    }
}

fn gzip(mut chunk: Vec<u8>, next: Next<'_>, blocks: &mut impl Blocks) -> Result<()> {
    const WINDOW_BITS: u8 = 15;
    let mut inflate = Decompress::new_gzip(WINDOW_BITS);
    let mut block = blocks.take();
    let mut filled = 0;
    let mut member = Member::Inside;
    loop {
        let mut input = &chunk[..];
        while !input.is_empty() {
            if member != Member::Inside {
                // zeros may follow the last member (gzip(1) ignores them too), anything else is one more member
                let zeros = input.iter().take_while(|b| **b == 0).count();
                if zeros > 0 {
                    member = Member::Zeros;
                    input = &input[zeros..];
                    continue;
                }
                if member == Member::Zeros {
                    return Err(broken("bytes after the end of the gzip data"));
                }
                inflate = Decompress::new_gzip(WINDOW_BITS);
                member = Member::Inside;
            }
            let (in_before, out_before) = (inflate.total_in(), inflate.total_out());
            let status = inflate
                .decompress(input, &mut block[filled..], FlushDecompress::None)
                .map_err(|_| broken("broken gzip data"))?;
            let used = (inflate.total_in() - in_before) as usize;
            let made = (inflate.total_out() - out_before) as usize;
            input = &input[used..];
            filled += made;
            if filled == block.len() {
                blocks.put(block)?;
                block = blocks.take();
                filled = 0;
            } else if status != Status::StreamEnd && used == 0 && made == 0 {
                return Err(broken("broken gzip data"));
            }
            if status == Status::StreamEnd {
                member = Member::Between;
            }
        }
        match next(chunk) {
            Some(following) => chunk = following,
            None if member == Member::Inside => return Err(broken("the gzip data end early")),
            None => break,
        }
    }
    block.truncate(filled);
    if block.is_empty() {
        Ok(())
    } else {
        blocks.put(block)
    }
}

/// Where in a gzip stream we are.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Member {
    Inside,
    /// A member has ended.
    Between,
    /// Zeros have followed one.
    Zeros,
}

fn zstd(head: Vec<u8>, next: Next<'_>, blocks: &mut impl Blocks) -> Result<()> {
    let broken_zstd = |e: std::io::Error| broken(&format!("broken zstd data ({e})"));
    let source = buffered(head, next);
    let mut decoder = zstd::stream::read::Decoder::with_buffer(source).map_err(broken_zstd)?;
    // a frame may ask for a window of gigabytes; docker's limit is zstd's own default, 128 MiB
    decoder.window_log_max(27).map_err(broken_zstd)?;
    read_all(decoder, "zstd", blocks)
}

fn buffered(head: Vec<u8>, next: Next<'_>) -> BufReader<Chunks<'_>> {
    let chunks = Chunks {
        chunk: head,
        at: 0,
        next,
    };
    BufReader::with_capacity(BLOCK, chunks)
}

fn read_all(mut decoder: impl Read, form: &str, blocks: &mut impl Blocks) -> Result<()> {
    loop {
        let mut block = blocks.take();
        let mut filled = 0;
        while filled < block.len() {
            let read = decoder.read(&mut block[filled..]);
            match read.map_err(|e| broken(&format!("broken {form} data ({e})")))? {
                0 => break,
                n => filled += n,
            }
        }
        let is_last = filled < block.len();
        block.truncate(filled);
        if filled > 0 {
            blocks.put(block)?;
        }
        if is_last {
            return Ok(());
        }
    }
}

/// The chunks as a reader.
struct Chunks<'a> {
    chunk: Vec<u8>,
    at: usize,
    next: Next<'a>,
}

impl Read for Chunks<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        while self.at == self.chunk.len() {
            self.at = 0;
            match (self.next)(std::mem::take(&mut self.chunk)) {
                Some(chunk) => self.chunk = chunk,
                None => return Ok(0),
            }
        }
        let n = buffer.len().min(self.chunk.len() - self.at);
        buffer[..n].copy_from_slice(&self.chunk[self.at..self.at + n]);
        self.at += n;
        Ok(n)
    }
}

fn broken(why: &str) -> Error {
    Error::new(Kind::Corrupt, "cannot decompress the layer").because(why)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    struct Collect(Vec<u8>, usize);

    impl Blocks for Collect {
        fn take(&mut self) -> Vec<u8> {
            vec![0; self.1]
        }

        fn put(&mut self, block: Vec<u8>) -> Result<()> {
            assert!(!block.is_empty());
            self.0.extend_from_slice(&block);
            Ok(())
        }
    }

    /// Decodes in chunks of `chunk` bytes into blocks of `block`.
    fn run(bytes: &[u8], chunk: usize, block: usize) -> Result<Vec<u8>> {
        let mut chunks = bytes.chunks(chunk).map(<[u8]>::to_vec);
        let mut collect = Collect(Vec::new(), block);
        decode(&mut |_| chunks.next(), &mut collect)?;
        Ok(collect.0)
    }

    fn gz(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    /// What bzip2(1) and xz(1) make of `hello` and a new line.
    const BZIP2: &[u8] = &[
        0x42, 0x5a, 0x68, 0x39, 0x31, 0x41, 0x59, 0x26, 0x53, 0x59, 0xc1, 0xc0, 0x80, 0xe2, 0x00,
        0x00, 0x01, 0x41, 0x00, 0x00, 0x10, 0x02, 0x44, 0xa0, 0x00, 0x30, 0xcd, 0x00, 0xc3, 0x46,
        0x29, 0x97, 0x17, 0x72, 0x45, 0x38, 0x50, 0x90, 0xc1, 0xc0, 0x80, 0xe2,
    ];
    const XZ: &[u8] = &[
        0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00, 0x00, 0x04, 0xe6, 0xd6, 0xb4, 0x46, 0x02, 0x00, 0x21,
        0x01, 0x16, 0x00, 0x00, 0x00, 0x74, 0x2f, 0xe5, 0xa3, 0x01, 0x00, 0x05, 0x68, 0x65, 0x6c,
        0x6c, 0x6f, 0x0a, 0x00, 0x00, 0x00, 0xa5, 0x60, 0x97, 0xf1, 0x94, 0xf6, 0xfd, 0xe0, 0x00,
        0x01, 0x1e, 0x06, 0xc1, 0x2f, 0xa4, 0x1d, 0x1f, 0xb6, 0xf3, 0x7d, 0x01, 0x00, 0x00, 0x00,
        0x00, 0x04, 0x59, 0x5a,
    ];

    fn text() -> Vec<u8> {
        (0..40_000u32).flat_map(|n| (n * n).to_le_bytes()).collect()
    }

    #[test]
    fn every_form_comes_out_as_it_went_in_whatever_the_chunks() {
        let text = text();
        let (a, b) = text.split_at(70_001);
        let skippable = [
            &[0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3],
            &zstd::encode_all(a, 3).unwrap()[..],
        ]
        .concat();
        for (name, packed, want) in [
            ("plain", text.clone(), &text[..]),
            ("empty", Vec::new(), b""),
            ("short", b"ab".to_vec(), b"ab"),
            ("gzip", gz(&text), &text),
            ("gzip of nothing", gz(b""), b""),
            ("two members", [gz(a), gz(b)].concat(), &text),
            (
                "an empty member between",
                [gz(a), gz(b""), gz(b)].concat(),
                &text,
            ),
            ("zeros behind", [gz(&text), vec![0; 1000]].concat(), &text),
            ("zstd", zstd::encode_all(&text[..], 3).unwrap(), &text),
            (
                "two frames",
                [
                    zstd::encode_all(a, 3).unwrap(),
                    zstd::encode_all(b, 3).unwrap(),
                ]
                .concat(),
                &text,
            ),
            ("a remark first", skippable, a),
            ("bzip2", BZIP2.to_vec(), b"hello\n"),
            ("two of bzip2", [BZIP2, BZIP2].concat(), b"hello\nhello\n"),
            ("xz", XZ.to_vec(), b"hello\n"),
            ("two of xz", [XZ, XZ].concat(), b"hello\nhello\n"),
        ] {
            for chunk in [1, 7, 4096, 1 << 20] {
                for block in [1000, 1 << 20] {
                    assert!(
                        run(&packed, chunk, block).unwrap() == want,
                        "{name}, {chunk} in {block}"
                    );
                }
            }
        }
    }

    #[test]
    fn damage_is_told_in_one_line() {
        let packed = gz(&text());
        let mut flipped = packed.clone();
        flipped[packed.len() / 2] ^= 0x40;
        let mut wrong_sum = packed.clone();
        wrong_sum[packed.len() - 6] ^= 1;
        let frame = zstd::encode_all(&text()[..], 3).unwrap();
        for (bytes, want) in [
            (packed[..packed.len() - 1].to_vec(), "end early"),
            (packed[..100].to_vec(), "end early"),
            (flipped, "broken gzip"),
            (wrong_sum, "broken gzip"),
            ([&packed[..], b"garbage"].concat(), "broken gzip"),
            (
                [&packed[..], &[0; 10], b"garbage"].concat(),
                "bytes after the end",
            ),
            (frame[..frame.len() - 1].to_vec(), "broken zstd"),
            ([&frame[..], b"garbage"].concat(), "broken zstd"),
        ] {
            for chunk in [1, 1 << 20] {
                let e = run(&bytes, chunk, 1 << 16).unwrap_err();
                assert_eq!(e.kind(), Kind::Corrupt);
                assert!(e.to_string().contains(want), "{e} has no `{want}`");
            }
        }
    }
}
