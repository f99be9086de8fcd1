//! Headers, byte for byte as Go's archive/tar writes them for containerd and docker: so a layer made here has the digest
//! that BuildKit would have given it (archive/tar/writer.go, format.go; Go 1.22).
//!
//! ustar where everything fits, else a PAX block with only the records that need it before a ustar header of the rest.
//! No names of users and groups, whole seconds, device numbers always written.

use std::collections::BTreeMap;

use super::{BLOCK, Entry, EntryType};

/// The two zero blocks at the end; nothing pads a layer to tar's 10,240.
pub(crate) const END: [u8; 2 * BLOCK] = [0; 2 * BLOCK];

const NAME: usize = 100;
const PREFIX: usize = 155;

/// What a PAX block says, by key: Go sorts them.
type Records = BTreeMap<Vec<u8>, Vec<u8>>;

/// Returns the blocks that come before the entry's body. Nanoseconds and sparse maps are not written.
pub(crate) fn header(entry: &Entry) -> Vec<u8> {
    let mut name = entry.path.clone();
    if entry.kind == EntryType::Folder {
        name.push(b'/');
    }
    let records = records(entry, &name);
    let split = split(&name);
    let is_ustar = match records.len() {
        0 => true,
        1 => records.contains_key(&b"path"[..]) && split.is_some(),
        _ => false,
    };
    let mut out = Vec::with_capacity(4 * BLOCK);
    if is_ustar {
        let (prefix, name) = split.unwrap_or((b"", &name));
        out.extend_from_slice(&block(entry, name, prefix, &entry.link));
    } else {
        pax(&records, &name, &mut out);
        out.extend_from_slice(&block(entry, &ascii(&name), b"", &ascii(&entry.link)));
    }
    out
}

/// Returns how many zeros follow a body of `size` bytes.
pub(crate) fn padding(size: u64) -> usize {
    (size.next_multiple_of(BLOCK as u64) - size) as usize
}

/// The records that the entry needs.
fn records(entry: &Entry, name: &[u8]) -> Records {
    let mut records = Records::new();
    let mut text = |key: &[u8], text: &[u8]| {
        if text.len() > NAME || !text.is_ascii() {
            records.insert(key.to_vec(), text.to_vec());
        }
    };
    text(b"path", name);
    text(b"linkpath", &entry.link);
    let mut number = |key: &[u8], value: i128, width: usize| {
        if octal(value, width).is_none() {
            records.insert(key.to_vec(), value.to_string().into_bytes());
        }
    };
    number(b"uid", entry.uid.into(), 8);
    number(b"gid", entry.gid.into(), 8);
    number(b"size", entry.size.into(), 12);
    number(b"mtime", entry.mtime.into(), 12);
    for (name, value) in &entry.xattrs {
        records.insert([b"SCHILY.xattr.", &name[..]].concat(), value.clone());
    }
    records
}

/// A PAX block: its own header, the records, padding.
fn pax(records: &Records, name: &[u8], out: &mut Vec<u8>) {
    let mut body = Vec::new();
    for (key, value) in records {
        body.extend_from_slice(&record(key, value));
    }
    let (folder, last) = match name.iter().rposition(|b| *b == b'/') {
        Some(at) => (&name[..at], &name[at + 1..]),
        None => (&b""[..], name),
    };
    let parts = [folder, b"PaxHeaders.0", last];
    let parts: Vec<&[u8]> = parts.into_iter().filter(|p| !p.is_empty()).collect();
    let mut own = ascii(&parts.join(&b'/'));
    own.truncate(NAME);
    while own.ends_with(b"/") {
        own.pop();
    }
    let mut block = [0; BLOCK];
    put(&mut block[..NAME], &own);
    numbers(&mut block, [0, 0, 0, body.len() as i128, 0]);
    block[156] = b'x';
    finish(&mut block);
    out.extend_from_slice(&block);
    out.extend_from_slice(&body);
    out.resize(out.len() + padding(body.len() as u64), 0);
}

/// `LENGTH KEY=VALUE\n`, the length counting itself.
fn record(key: &[u8], value: &[u8]) -> Vec<u8> {
    let rest = key.len() + value.len() + 3;
    let mut length = rest;
    while rest + length.to_string().len() != length {
        length = rest + length.to_string().len();
    }
    [length.to_string().as_bytes(), b" ", key, b"=", value, b"\n"].concat()
}

/// The header itself; numbers that do not fit are 0 and stand in the records.
fn block(entry: &Entry, name: &[u8], prefix: &[u8], link: &[u8]) -> [u8; BLOCK] {
    let mut block = [0; BLOCK];
    put(&mut block[..NAME], name);
    numbers(
        &mut block,
        [
            entry.mode.into(),
            entry.uid.into(),
            entry.gid.into(),
            entry.size.into(),
            entry.mtime.into(),
        ],
    );
    block[156] = match entry.kind {
        EntryType::File => b'0',
        EntryType::HardLink => b'1',
        EntryType::Symlink => b'2',
        EntryType::Char => b'3',
        EntryType::Block => b'4',
        EntryType::Folder => b'5',
        EntryType::Fifo => b'6',
    };
    put(&mut block[157..257], link);
    number(&mut block[329..337], entry.major.into());
    number(&mut block[337..345], entry.minor.into());
    put(&mut block[345..345 + PREFIX], prefix);
    finish(&mut block);
    block
}

/// Mode, owner, group, size, time.
fn numbers(block: &mut [u8; BLOCK], values: [i128; 5]) {
    for (range, value) in [100..108, 108..116, 116..124, 124..136, 136..148]
        .into_iter()
        .zip(values)
    {
        number(&mut block[range], value);
    }
}

fn number(field: &mut [u8], value: i128) {
    let text = octal(value, field.len()).unwrap_or_else(|| "0".repeat(field.len() - 1));
    field[..text.len()].copy_from_slice(text.as_bytes());
}

/// Returns the digits for a field of that width, whose last byte is NUL; `None` when they do not fit.
fn octal(value: i128, width: usize) -> Option<String> {
    let text = format!("{value:0digits$o}", digits = width - 1);
    (value >= 0 && text.len() < width).then_some(text)
}

/// Magic and checksum.
fn finish(block: &mut [u8; BLOCK]) {
    block[257..265].copy_from_slice(b"ustar\x0000");
    block[148..156].fill(b' ');
    let sum: u32 = block.iter().map(|b| u32::from(*b)).sum();
    block[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
}

/// As much of a text as fits. A cut that ends in a slash would make a folder of a file for old readers, so Go takes the
/// slashes away.
fn put(field: &mut [u8], text: &[u8]) {
    let length = text.len().min(field.len());
    field[..length].copy_from_slice(&text[..length]);
    if text.len() > field.len() && field.last() == Some(&b'/') {
        let kept = field[..length - 1].iter().rposition(|b| *b != b'/');
        field[kept.map_or(0, |at| at + 1)..].fill(0);
    }
}

fn ascii(text: &[u8]) -> Vec<u8> {
    text.iter().copied().filter(u8::is_ascii).collect()
}

/// Splits a name of more than 100 bytes at a slash, when both parts fit.
fn split(name: &[u8]) -> Option<(&[u8], &[u8])> {
    if name.len() <= NAME || !name.is_ascii() {
        return None;
    }
    let length = if name.len() > PREFIX + 1 {
        PREFIX + 1
    } else if name.ends_with(b"/") {
        name.len() - 1
    } else {
        name.len()
    };
    let at = name[..length].iter().rposition(|b| *b == b'/')?;
    let rest = name.len() - at - 1;
    (at > 0 && at <= PREFIX && rest > 0 && rest <= NAME).then(|| (&name[..at], &name[at + 1..]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::tar::tests::entries;

    fn file(path: &str) -> Entry {
        Entry {
            path: path.as_bytes().to_vec(),
            mode: 0o644,
            mtime: 981_173_106,
            ..Entry::default()
        }
    }

    #[test]
    fn what_is_written_reads_back_the_same() {
        let n = "n".repeat(120);
        let cases = [
            file("a"),
            file(&format!("dir/{}/{}", "d".repeat(90), "f".repeat(90))),
            file(&format!("deep/{n}/{n}")),
            file("m/ü/plain"),
            Entry {
                kind: EntryType::Folder,
                mode: 0o1777,
                ..file("m/ü")
            },
            Entry {
                uid: 3_000_000,
                gid: 4_000_000,
                mtime: -315_619_200,
                ..file("big")
            },
            Entry {
                kind: EntryType::Symlink,
                link: format!("/{n}").into_bytes(),
                mode: 0o777,
                ..file("l")
            },
            Entry {
                kind: EntryType::Char,
                major: 1,
                minor: 3,
                ..file("null")
            },
            Entry {
                xattrs: vec![(b"security.capability".to_vec(), vec![1, 0, 0, 2, 0xff])],
                ..file("ping")
            },
        ];
        for (index, case) in (0..).zip(&cases) {
            let tar = [&header(case)[..], &END].concat();
            let case = Entry {
                index: 0,
                ..case.clone()
            };
            assert_eq!(entries(&tar), [case], "case {index}");
        }
    }

    /// The bytes that Go wrote, as BuildKit's layers have them.
    #[test]
    fn fields_are_those_of_go() {
        let h = header(&file("a"));
        assert_eq!(h.len(), BLOCK);
        assert_eq!(&h[100..108], b"0000644\0");
        assert_eq!(&h[136..148], b"07236701562\0");
        assert_eq!(&h[257..265], b"ustar\x0000");
        assert_eq!(&h[329..345], b"0000000\x000000000\0");
        assert!(h[265..329].iter().all(|b| *b == 0), "no names");

        let h = header(&file("m/ü/plain"));
        assert_eq!(&h[..26], b"m//PaxHeaders.0/plain\0\0\0\0\0");
        assert_eq!(&h[BLOCK..BLOCK + 19], "19 path=m/ü/plain\n".as_bytes());
        assert_eq!(&h[2 * BLOCK..2 * BLOCK + 9], b"m//plain\0");
        assert_eq!(
            &h[329..345],
            &[0; 16],
            "the block's own header has no devices"
        );
        let folder = Entry {
            kind: EntryType::Folder,
            ..file("m/ü")
        };
        assert_eq!(&header(&folder)[..17], b"m//PaxHeaders.0\0\0");
    }

    #[test]
    fn names_over_a_hundred_bytes_use_the_prefix_where_they_can_be_split() {
        let (d, f) = ("d".repeat(90), "f".repeat(90));
        let h = header(&file(&format!("{d}/{f}")));
        assert_eq!(h.len(), BLOCK);
        assert_eq!(&h[..90], f.as_bytes());
        assert_eq!(&h[345..435], d.as_bytes());
        let n = "n".repeat(120);
        assert_eq!(header(&file(&format!("{n}/{n}"))).len(), 3 * BLOCK);
        // a record beside the name's needs PAX, and then the name is told there too
        let big = Entry {
            uid: 3_000_000,
            ..file(&format!("{d}/{f}"))
        };
        let text = String::from_utf8_lossy(&header(&big)[BLOCK..2 * BLOCK]).into_owned();
        assert!(
            text.contains("path=") && text.contains("uid=3000000\n"),
            "{text}"
        );
    }
}
