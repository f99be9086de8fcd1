//! Tars for tests, byte by byte: what no tar program would write.

/// A tar that grows.
#[derive(Clone, Default)]
pub(crate) struct Tar(pub(crate) Vec<u8>);

/// One header; `..H::default()` is a file of root's, 0644, made in 2023.
#[derive(Clone)]
pub(crate) struct H<'a> {
    pub(crate) kind: u8,
    pub(crate) path: &'a [u8],
    pub(crate) link: &'a [u8],
    pub(crate) mode: u32,
    pub(crate) ids: (u64, u64),
    pub(crate) mtime: i64,
    /// Said in the header; `None` is the body's.
    pub(crate) size: Option<u64>,
    pub(crate) body: &'a [u8],
    pub(crate) device: (u32, u32),
    pub(crate) magic: &'a [u8],
}

impl Default for H<'_> {
    fn default() -> Self {
        H {
            kind: b'0',
            path: b"",
            link: b"",
            mode: 0o644,
            ids: (0, 0),
            mtime: 1_700_000_000,
            size: None,
            body: b"",
            device: (0, 0),
            magic: b"ustar\x0000",
        }
    }
}

impl Tar {
    pub(crate) fn add(mut self, h: H<'_>) -> Tar {
        self.0.extend_from_slice(&header(&h));
        self.0.extend_from_slice(h.body);
        self.pad()
    }

    pub(crate) fn file(self, path: &str, body: &[u8]) -> Tar {
        self.add(H {
            path: path.as_bytes(),
            body,
            ..H::default()
        })
    }

    pub(crate) fn folder(self, path: &str, mode: u32) -> Tar {
        self.add(H {
            kind: b'5',
            path: path.as_bytes(),
            mode,
            ..H::default()
        })
    }

    pub(crate) fn symlink(self, path: &str, link: &str) -> Tar {
        self.add(H {
            kind: b'2',
            path: path.as_bytes(),
            link: link.as_bytes(),
            mode: 0o777,
            ..H::default()
        })
    }

    pub(crate) fn hard(self, path: &str, link: &str) -> Tar {
        self.add(H {
            kind: b'1',
            path: path.as_bytes(),
            link: link.as_bytes(),
            ..H::default()
        })
    }

    /// A PAX header (`x`, or `g`) of these records.
    pub(crate) fn pax(self, kind: u8, records: &[(&str, &[u8])]) -> Tar {
        let mut body = Vec::new();
        for (key, value) in records {
            let rest = key.len() + value.len() + 3;
            let mut length = rest + 1;
            while rest + length.to_string().len() != length {
                length = rest + length.to_string().len();
            }
            body.extend_from_slice(format!("{length} {key}=").as_bytes());
            body.extend_from_slice(value);
            body.push(b'\n');
        }
        self.add(H {
            kind,
            path: b"PaxHeaders/x",
            body: &body,
            ..H::default()
        })
    }

    /// A GNU long name (`L`) or link (`K`).
    pub(crate) fn long(self, kind: u8, text: &[u8]) -> Tar {
        let body = [text, b"\0"].concat();
        self.add(H {
            kind,
            path: b"././@LongLink",
            body: &body,
            magic: b"ustar  \0",
            ..H::default()
        })
    }

    pub(crate) fn raw(mut self, bytes: &[u8]) -> Tar {
        self.0.extend_from_slice(bytes);
        self
    }

    fn pad(mut self) -> Tar {
        self.0.resize(self.0.len().next_multiple_of(512), 0);
        self
    }

    /// The two zero blocks.
    pub(crate) fn end(self) -> Vec<u8> {
        self.raw(&[0; 1024]).0
    }
}

/// Returns the header's block.
pub(crate) fn header(h: &H<'_>) -> [u8; 512] {
    let mut block = [0u8; 512];
    block[..h.path.len().min(100)].copy_from_slice(&h.path[..h.path.len().min(100)]);
    block[157..157 + h.link.len().min(100)].copy_from_slice(&h.link[..h.link.len().min(100)]);
    number(&mut block[100..108], i64::from(h.mode));
    number(&mut block[108..116], h.ids.0 as i64);
    number(&mut block[116..124], h.ids.1 as i64);
    number(
        &mut block[124..136],
        h.size.unwrap_or(h.body.len() as u64) as i64,
    );
    number(&mut block[136..148], h.mtime);
    block[156] = h.kind;
    block[257..265].copy_from_slice(h.magic);
    number(&mut block[329..337], i64::from(h.device.0));
    number(&mut block[337..345], i64::from(h.device.1));
    sum(&mut block);
    block
}

/// Octal where it fits, else base 256.
fn number(field: &mut [u8], value: i64) {
    let text = format!("{value:0width$o}", width = field.len() - 1);
    if value >= 0 && text.len() < field.len() {
        field[..text.len()].copy_from_slice(text.as_bytes());
        return;
    }
    let length = field.len();
    field.fill(if value < 0 { 0xff } else { 0 });
    field[length.saturating_sub(8)..].copy_from_slice(&value.to_be_bytes());
    field[0] = if value < 0 { 0xff } else { 0x80 };
}

/// Writes the checksum anew.
pub(crate) fn sum(block: &mut [u8; 512]) {
    block[148..156].fill(b' ');
    let sum: u32 = block.iter().map(|b| u32::from(*b)).sum();
    block[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
}
