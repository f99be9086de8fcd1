//! The recorded owner and mode of a file in a layer or a container, where they are not what the file itself has.
//!
//! Every file belongs to the user who runs us, and is kept such that this user can read and remove it. What its tar or
//! its container's program says instead is written beside it: in the extended attribute [`NAME`] of files and folders,
//! in the sidecar file `owners` for what has no user attributes (links, FIFOs, file systems without them).
//!
//! ```text
//! 33:33              owner and group
//! 0:42:f:0           a file of mode 0, kept with u+r
//! 0:0:d:555          a folder of mode 0555, kept with u+rwx
//! 0:6:b:8:0          a block device 8:0, kept as an empty file; a fourth number is its mode, octal
//! ```
//! A line of `owners` is that text, a space, the path below the layer's root, and a NUL.

use std::ffi::CStr;
use std::fmt;
use std::os::fd::AsFd;

use nix::errno::Errno;

use crate::sys::xattr;

/// The extended attribute.
pub const NAME: &CStr = c"user.coracle.ids";

/// One record.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Ids {
    /// Owner.
    pub uid: u64,
    /// Group.
    pub gid: u64,
    /// What the file itself does not show.
    pub what: What,
}

/// What is different about the file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum What {
    /// Nothing: type and mode are those of the file.
    #[default]
    Same,
    /// A file of this mode (12 bits).
    File(u32),
    /// A folder of this mode (12 bits).
    Folder(u32),
    /// A device; `mode` is absent when the file has it.
    Device {
        /// Character device, else block device.
        is_char: bool,
        /// Major number.
        major: u32,
        /// Minor number.
        minor: u32,
        /// 12 bits.
        mode: Option<u32>,
    },
}

impl Ids {
    /// Returns the type and mode to report of a file whose own is `kept`. A recorded mode counts as long as the file has
    /// the mode that it was kept with: whoever changed that meant the new one.
    pub fn mode(&self, kept: u32) -> u32 {
        let (kind, bits) = (kept & !0o7777, kept & 0o7777);
        match self.what {
            What::File(mode) if bits == mode | 0o400 => kind | mode,
            What::Folder(mode) if bits == mode | 0o700 => kind | mode,
            What::Device { is_char, mode, .. } => {
                let kind = if is_char {
                    libc::S_IFCHR
                } else {
                    libc::S_IFBLK
                };
                kind | mode.filter(|mode| bits == mode | 0o400).unwrap_or(bits)
            }
            _ => kept,
        }
    }

    /// Records it in an attribute of an open file or folder, where there is something to record. `false`: there can be none
    /// on this one, or, as `has_attributes` remembers, on any; it must stand beside the tree.
    pub(crate) fn keep_on(&self, file: impl AsFd, has_attributes: &mut bool) -> nix::Result<bool> {
        if self.is_plain() {
            return Ok(true);
        }
        if !*has_attributes {
            return Ok(false);
        }
        match xattr::set(file, NAME, self.to_string().as_bytes()) {
            Ok(()) => Ok(true),
            Err(Errno::EOPNOTSUPP) => {
                *has_attributes = false;
                Ok(false)
            }
            // no room for attributes on this one, but perhaps for a file
            Err(Errno::ENOSPC | Errno::EDQUOT | Errno::E2BIG) => Ok(false),
            Err(e) => Err(e),
        }
    }

    /// Says whether there is nothing to record.
    pub fn is_plain(&self) -> bool {
        *self == Ids::default()
    }

    /// Returns what a record says; `None` when it is none.
    pub fn parse(text: &[u8]) -> Option<Ids> {
        let mut parts = std::str::from_utf8(text).ok()?.split(':');
        let uid = parts.next()?.parse().ok()?;
        let gid = parts.next()?.parse().ok()?;
        let octal = |text: &str| {
            u32::from_str_radix(text, 8)
                .ok()
                .filter(|mode| *mode <= 0o7777)
        };
        let what = match parts.next() {
            None => What::Same,
            Some("f") => What::File(octal(parts.next()?)?),
            Some("d") => What::Folder(octal(parts.next()?)?),
            Some(kind @ ("c" | "b")) => What::Device {
                is_char: kind == "c",
                major: parts.next()?.parse().ok()?,
                minor: parts.next()?.parse().ok()?,
                mode: match parts.next() {
                    None => None,
                    Some(mode) => Some(octal(mode)?),
                },
            },
            Some(_) => return None,
        };
        parts.next().is_none().then_some(Ids { uid, gid, what })
    }
}

impl fmt::Display for Ids {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.uid, self.gid)?;
        match self.what {
            What::Same => Ok(()),
            What::File(mode) => write!(f, ":f:{mode:o}"),
            What::Folder(mode) => write!(f, ":d:{mode:o}"),
            What::Device {
                is_char,
                major,
                minor,
                mode,
            } => {
                write!(f, ":{}:{major}:{minor}", if is_char { 'c' } else { 'b' })?;
                mode.map_or(Ok(()), |mode| write!(f, ":{mode:o}"))
            }
        }
    }
}

/// Returns the records of an `owners` file: path below the root, record.
pub fn parse_owners(bytes: &[u8]) -> impl Iterator<Item = (&[u8], Ids)> {
    bytes.split(|b| *b == 0).filter_map(|line| {
        let space = line.iter().position(|b| *b == b' ')?;
        Some((&line[space + 1..], Ids::parse(&line[..space])?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_read_as_it_was_written() {
        for text in [
            "33:33",
            "0:42:f:0",
            "0:0:d:555",
            "0:6:b:8:0",
            "0:5:c:5:2:666",
            "4294967294:0:f:4111",
        ] {
            assert_eq!(Ids::parse(text.as_bytes()).unwrap().to_string(), text);
        }
    }

    #[test]
    fn a_recorded_mode_counts_until_somebody_changes_the_files() {
        let mode = |text: &str, kept| Ids::parse(text.as_bytes()).unwrap().mode(kept);
        assert_eq!(mode("0:42:f:0", 0o100_400), 0o100_000);
        assert_eq!(mode("0:42:f:0", 0o100_640), 0o100_640);
        assert_eq!(mode("0:0:d:555", 0o040_755), 0o040_555);
        assert_eq!(mode("0:0:d:555", 0o040_750), 0o040_750);
        assert_eq!(mode("0:6:b:8:0", 0o100_660), 0o060_660);
        assert_eq!(mode("0:5:c:5:2:66", 0o100_466), 0o020_066);
        assert_eq!(mode("7:7", 0o104_755), 0o104_755);
    }

    #[test]
    fn what_is_no_record_is_none() {
        for text in [
            "",
            "0",
            "a:b",
            "0:0:f",
            "0:0:f:9",
            "0:0:x:1",
            "0:0:c:1",
            "0:0:f:77777",
            "0:0:f:0:0",
            "-1:0",
        ] {
            assert_eq!(Ids::parse(text.as_bytes()), None, "{text}");
        }
        assert_eq!(Ids::parse(b"\xff:0"), None);
    }

    #[test]
    fn owners_are_lines_with_any_bytes_in_their_names() {
        let all: Vec<_> = parse_owners(b"1:2 a b\nc\x000:5 \xff\0broken\0").collect();
        let ids = |uid, gid| Ids {
            uid,
            gid,
            what: What::Same,
        };
        assert_eq!(
            all,
            [(&b"a b\nc"[..], ids(1, 2)), (&b"\xff"[..], ids(0, 5))]
        );
    }
}
