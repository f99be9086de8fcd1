//! The records of a PAX extended header: `LENGTH KEY=VALUE\n` (POSIX.1-2017, pax).

use super::bad;
use crate::error::Result;

/// What the records say about the next entry; a record with an empty value says nothing.
#[derive(Debug, Default)]
pub(super) struct Pax {
    pub(super) path: Option<Vec<u8>>,
    pub(super) link: Option<Vec<u8>>,
    pub(super) size: Option<u64>,
    pub(super) uid: Option<i64>,
    pub(super) gid: Option<i64>,
    pub(super) mtime: Option<(i64, u32)>,
    pub(super) xattrs: Vec<(Vec<u8>, Vec<u8>)>,
    /// GNU's sparse files, one of the forms that we know.
    pub(super) sparse: Option<PaxSparse>,
}

/// GNU's sparse forms 0.0, 0.1 and 1.0.
#[derive(Debug, Default)]
pub(super) struct PaxSparse {
    /// Offset, length, offset, ...; `None` when the map is at the head of the body (1.0).
    pub(super) numbers: Option<Vec<u64>>,
    pub(super) real_size: Option<u64>,
    pub(super) name: Option<Vec<u8>>,
}

/// The sparse records as they come.
#[derive(Default)]
struct Raw {
    major: Vec<u8>,
    minor: Vec<u8>,
    name: Option<Vec<u8>>,
    size: Option<u64>,
    map: Option<Vec<u64>>,
    pairs: Vec<u64>,
}

/// Reads all records of a block.
pub(super) fn parse(mut bytes: &[u8]) -> Result<Pax> {
    let mut pax = Pax::default();
    let mut raw = Raw::default();
    while !bytes.is_empty() && bytes[0] != 0 {
        let (key, value, rest) = record(bytes)?;
        bytes = rest;
        take(&mut pax, &mut raw, key, value)?;
    }
    pax.sparse = raw.finish()?;
    Ok(pax)
}

/// Splits off the first record.
fn record(bytes: &[u8]) -> Result<(&[u8], &[u8], &[u8])> {
    let malformed = || bad("a malformed PAX record");
    let space = bytes
        .iter()
        .take(20)
        .position(|b| *b == b' ')
        .ok_or_else(malformed)?;
    let length = usize::try_from(decimal(&bytes[..space])?).map_err(|_| malformed())?;
    if length < space + 3 || length > bytes.len() || bytes[length - 1] != b'\n' {
        return Err(malformed());
    }
    let text = &bytes[space + 1..length - 1];
    let equals = text
        .iter()
        .position(|b| *b == b'=')
        .filter(|at| *at > 0)
        .ok_or_else(malformed)?;
    let (key, value) = (&text[..equals], &text[equals + 1..]);
    // as in Go: what names something cannot hold a NUL
    let is_name = matches!(
        key,
        b"path" | b"linkpath" | b"uname" | b"gname" | b"GNU.sparse.name"
    );
    if key.contains(&0) || (is_name && value.contains(&0)) {
        return Err(malformed());
    }
    Ok((key, value, &bytes[length..]))
}

fn take(pax: &mut Pax, raw: &mut Raw, key: &[u8], value: &[u8]) -> Result<()> {
    let text = (!value.is_empty()).then(|| value.to_vec());
    match key {
        b"path" => pax.path = text,
        b"linkpath" => pax.link = text,
        b"size" => pax.size = optional(value, decimal)?,
        b"uid" => pax.uid = optional(value, integer)?,
        b"gid" => pax.gid = optional(value, integer)?,
        b"mtime" => pax.mtime = optional(value, time)?,
        b"GNU.sparse.major" => raw.major = value.to_vec(),
        b"GNU.sparse.minor" => raw.minor = value.to_vec(),
        b"GNU.sparse.name" => raw.name = text,
        b"GNU.sparse.size" | b"GNU.sparse.realsize" => {
            raw.size = optional(value, decimal)?.or(raw.size)
        }
        b"GNU.sparse.map" => raw.map = optional(value, numbers)?,
        b"GNU.sparse.offset" | b"GNU.sparse.numbytes" => {
            let is_offset = key == b"GNU.sparse.offset";
            if is_offset != raw.pairs.len().is_multiple_of(2) {
                return Err(bad("a malformed sparse map"));
            }
            raw.pairs.push(decimal(value)?);
        }
        _ => {
            if let Some(name) = key.strip_prefix(b"SCHILY.xattr.") {
                pax.xattrs.retain(|(known, _)| known != name);
                pax.xattrs.push((name.to_vec(), value.to_vec()));
            }
        }
    }
    Ok(())
}

impl Raw {
    /// Decides the form, in Go's order; an unknown version is a plain file.
    fn finish(self) -> Result<Option<PaxSparse>> {
        let numbers = if self.pairs.is_empty() {
            self.map
        } else {
            Some(self.pairs)
        };
        let is_in_body = match (&self.major[..], &self.minor[..]) {
            (b"0", b"0" | b"1") => false,
            (b"1", b"0") => true,
            (b"", b"") if numbers.is_some() => false,
            _ => return Ok(None),
        };
        let numbers = if is_in_body {
            None
        } else {
            Some(numbers.unwrap_or_default())
        };
        Ok(Some(PaxSparse {
            numbers,
            real_size: self.size,
            name: self.name,
        }))
    }
}

fn optional<T>(value: &[u8], parse: impl Fn(&[u8]) -> Result<T>) -> Result<Option<T>> {
    if value.is_empty() {
        Ok(None)
    } else {
        parse(value).map(Some)
    }
}

fn decimal(text: &[u8]) -> Result<u64> {
    u64::try_from(integer(text)?).map_err(|_| bad("a negative number in a PAX record"))
}

fn integer(text: &[u8]) -> Result<i64> {
    std::str::from_utf8(text)
        .ok()
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| bad("a bad number in a PAX record"))
}

fn numbers(text: &[u8]) -> Result<Vec<u64>> {
    text.split(|b| *b == b',').map(decimal).collect()
}

/// Reads `-12.5`: seconds, and nanoseconds that always count upwards; digits beyond the ninth are cut off.
fn time(text: &[u8]) -> Result<(i64, u32)> {
    let (whole, fraction) = match text.iter().position(|b| *b == b'.') {
        Some(at) => (&text[..at], &text[at + 1..]),
        None => (text, &b""[..]),
    };
    let seconds = integer(whole)?;
    let mut nanoseconds = 0u32;
    for at in 0..9 {
        let digit = fraction.get(at).copied().unwrap_or(b'0');
        if !digit.is_ascii_digit() {
            return Err(bad("a bad time in a PAX record"));
        }
        nanoseconds = nanoseconds * 10 + u32::from(digit - b'0');
    }
    if whole.starts_with(b"-") && nanoseconds > 0 {
        return Ok((seconds.saturating_sub(1), 1_000_000_000 - nanoseconds));
    }
    Ok((seconds, nanoseconds))
}
