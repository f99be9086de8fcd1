//! One header block of 512 bytes (tar(5), POSIX.1-2017 pax, "ustar Interchange Format").

use super::pax::Pax;
use super::{Entry, EntryType, LONGEST_PATH, Sparse, bad, clean, show};
use crate::error::Result;

/// A block.
pub(super) type Block = [u8; super::BLOCK];

/// The long name and the long link of GNU blocks before the header.
type LongNames = (Option<Vec<u8>>, Option<Vec<u8>>);

/// Which kind of tar wrote the header.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    V7,
    Ustar,
    Star,
    Gnu,
}

fn form(block: &Block) -> Form {
    match (&block[257..263], &block[263..265], &block[508..512]) {
        (b"ustar\0", _, b"tar\0") => Form::Star,
        (b"ustar\0", _, _) => Form::Ustar,
        (b"ustar ", b" \0", _) => Form::Gnu,
        _ => Form::V7,
    }
}

/// Returns the type byte.
pub(super) fn kind(block: &Block) -> u8 {
    block[156]
}

/// Checks the checksum; some old tars summed signed bytes.
pub(super) fn check(block: &Block) -> Result<()> {
    let want = number(&block[148..156])?;
    let (mut unsigned, mut signed) = (0i64, 0i64);
    for (at, byte) in block.iter().enumerate() {
        let byte = if (148..156).contains(&at) {
            b' '
        } else {
            *byte
        };
        unsigned += i64::from(byte);
        signed += i64::from(byte as i8);
    }
    if want == unsigned || want == signed {
        Ok(())
    } else {
        Err(bad("wrong checksum in a header"))
    }
}

/// Returns the bytes that follow the header.
pub(super) fn size(block: &Block) -> Result<u64> {
    u64::try_from(number(&block[124..136])?).map_err(|_| bad("a negative size"))
}

/// Returns the entry of a header and of what the blocks before it said.
pub(super) fn entry(block: &Block, pax: Pax, long: LongNames) -> Result<Entry> {
    let mut entry = Entry {
        mode: number(&block[100..108])? as u32 & 0o7777,
        uid: id(pax.uid, &block[108..116])?,
        gid: id(pax.gid, &block[116..124])?,
        size: match pax.size {
            Some(size) => size,
            None => size(block)?,
        },
        xattrs: pax.xattrs,
        ..Entry::default()
    };
    (entry.mtime, entry.mtime_nsec) = match pax.mtime {
        Some(time) => time,
        None => (number(&block[136..148])?, 0),
    };
    let path = long.0.or(pax.path).unwrap_or_else(|| name(block));
    entry.kind = entry_type(kind(block), &path)?;
    if matches!(entry.kind, EntryType::Char | EntryType::Block) {
        entry.major = number(&block[329..337]).unwrap_or(0) as u32;
        entry.minor = number(&block[337..345]).unwrap_or(0) as u32;
    }
    let has_body = entry.kind == EntryType::File;
    if !has_body {
        entry.size = 0;
    }
    let path = match pax.sparse {
        Some(sparse) if has_body && kind(block) != b'S' => {
            entry.sparse = Some(match sparse.numbers {
                Some(numbers) => {
                    Sparse::new(numbers, sparse.real_size.unwrap_or(entry.size), entry.size)?
                }
                None => Sparse::in_body(sparse.real_size.unwrap_or(entry.size)),
            });
            sparse.name.unwrap_or(path)
        }
        _ => path,
    };
    entry.path = inside(&path, "an entry")?;
    let link = long
        .1
        .or(pax.link)
        .unwrap_or_else(|| text(&block[157..257]).to_vec());
    entry.link = match entry.kind {
        EntryType::HardLink => inside(&link, "a hard link")?,
        EntryType::Symlink => link,
        _ => Vec::new(),
    };
    Ok(entry)
}

/// Returns the path below the root, or why there is none.
fn inside(path: &[u8], what: &str) -> Result<Vec<u8>> {
    if path.len() > LONGEST_PATH {
        return Err(bad(format!(
            "a path of {} bytes, {} at most",
            path.len(),
            LONGEST_PATH
        )));
    }
    clean(path).ok_or_else(|| bad(format!("{what} leads out of the image: {}", show(path))))
}

fn entry_type(kind: u8, path: &[u8]) -> Result<EntryType> {
    Ok(match kind {
        // before POSIX a folder was a file whose name ends in a slash
        0 if path.ends_with(b"/") => EntryType::Folder,
        0 | b'0' | b'7' | b'S' => EntryType::File,
        b'1' => EntryType::HardLink,
        b'2' => EntryType::Symlink,
        b'3' => EntryType::Char,
        b'4' => EntryType::Block,
        b'5' => EntryType::Folder,
        b'6' => EntryType::Fifo,
        other => {
            return Err(bad(format!(
                "{} is of an unknown type `{}`",
                show(path),
                other.escape_ascii()
            )));
        }
    })
}

/// The name in the header itself.
fn name(block: &Block) -> Vec<u8> {
    let name = text(&block[..100]);
    let prefix = match form(block) {
        Form::Ustar => text(&block[345..500]),
        Form::Star => text(&block[345..476]),
        Form::V7 | Form::Gnu => b"",
    };
    if prefix.is_empty() {
        name.to_vec()
    } else {
        [prefix, b"/", name].concat()
    }
}

fn id(pax: Option<i64>, field: &[u8]) -> Result<u64> {
    let id = match pax {
        Some(id) => id,
        None => number(field)?,
    };
    Ok(u64::try_from(id).unwrap_or(0))
}

/// Returns the bytes before the first NUL.
pub(super) fn text(field: &[u8]) -> &[u8] {
    &field[..field.iter().position(|b| *b == 0).unwrap_or(field.len())]
}

/// Returns a number field: octal digits, or base 256 (the first bit set; two's complement).
pub(super) fn number(field: &[u8]) -> Result<i64> {
    let too_large = || bad("a number in a header is too large");
    let Some(first) = field.first().filter(|b| **b & 0x80 != 0) else {
        return octal(field);
    };
    let flip = if first & 0x40 != 0 { 0xff } else { 0 };
    let mut value = 0u64;
    for (at, byte) in field.iter().enumerate() {
        let byte = if at == 0 {
            (byte ^ flip) & 0x7f
        } else {
            byte ^ flip
        };
        if value >> 56 != 0 {
            return Err(too_large());
        }
        value = value << 8 | u64::from(byte);
    }
    let value = i64::try_from(value).map_err(|_| too_large())?;
    Ok(if flip == 0 { value } else { !value })
}

fn octal(field: &[u8]) -> Result<i64> {
    let is_blank = |b: &u8| matches!(b, b' ' | 0);
    let start = field
        .iter()
        .position(|b| !is_blank(b))
        .unwrap_or(field.len());
    let digits = text(&field[start..]);
    let end = digits
        .iter()
        .rposition(|b| !is_blank(b))
        .map_or(0, |at| at + 1);
    let mut value = 0i64;
    for digit in &digits[..end] {
        if !(b'0'..=b'7').contains(digit) {
            return Err(bad("a number in a header is not octal"));
        }
        value = value << 3 | i64::from(digit - b'0'); // 12 digits at most
    }
    Ok(value)
}
