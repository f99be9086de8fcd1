//! GNU's sparse files: a map of where the stored bytes lie in a file that is mostly holes.
//!
//! The body stays in `entries`; the tree holds the expanded file, whose holes cost nothing.

use super::header::{self, Block};
use super::{BLOCK, bad};
use crate::error::Result;

/// A map larger than this is hostile; Go has the same limit.
const LARGEST_MAP: u64 = 1 << 20;

/// Where the bytes of a sparse file lie.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Sparse {
    /// Offset and length of each stored part, ascending.
    pub(crate) parts: Vec<(u64, u64)>,
    /// Bytes of the expanded file.
    pub(crate) real_size: u64,
    /// The parts are told at the head of the body.
    pub(super) is_map_in_body: bool,
}

impl Sparse {
    /// Returns the map `numbers` (offset, length, offset, ...) over `stored` bytes, if it is one.
    pub(super) fn new(numbers: Vec<u64>, real_size: u64, stored: u64) -> Result<Sparse> {
        let malformed = || bad("a malformed sparse map");
        let mut parts = Vec::with_capacity(numbers.len() / 2);
        let (mut end, mut sum) = (0u64, 0u64);
        if !numbers.len().is_multiple_of(2) {
            return Err(malformed());
        }
        for pair in numbers.chunks_exact(2) {
            let (offset, length) = (pair[0], pair[1]);
            if offset < end {
                return Err(malformed());
            }
            end = offset
                .checked_add(length)
                .filter(|end| *end <= real_size)
                .ok_or_else(malformed)?;
            sum += length; // not above `end`
            parts.push((offset, length));
        }
        if sum != stored || real_size > i64::MAX as u64 {
            return Err(malformed());
        }
        Ok(Sparse {
            parts,
            real_size,
            is_map_in_body: false,
        })
    }

    /// Returns a map that is still to be read from the head of the body.
    pub(super) fn in_body(real_size: u64) -> Sparse {
        Sparse {
            parts: Vec::new(),
            real_size,
            is_map_in_body: true,
        }
    }
}

/// The map of an old GNU header: four pairs in the header, 21 in each extension block.
#[derive(Debug, Default)]
pub(super) struct OldMap {
    numbers: Vec<u64>,
    real_size: u64,
    is_extended: bool,
    blocks: u64,
}

impl OldMap {
    pub(super) fn new(block: &Block) -> Result<OldMap> {
        if &block[257..265] != b"ustar  \0" {
            return Err(bad("a sparse file in a tar that is not GNU's"));
        }
        let real_size =
            u64::try_from(header::number(&block[483..495])?).map_err(|_| bad("a negative size"))?;
        let mut map = OldMap {
            real_size,
            ..OldMap::default()
        };
        map.pairs(&block[386..482])?;
        map.is_extended = block[482] != 0;
        Ok(map)
    }

    pub(super) fn is_complete(&self) -> bool {
        !self.is_extended
    }

    /// Takes an extension block; returns whether it was the last.
    pub(super) fn extend(&mut self, block: &Block) -> Result<bool> {
        self.blocks += 1;
        if self.blocks * BLOCK as u64 > LARGEST_MAP {
            return Err(bad("a sparse map of more than 1 MiB"));
        }
        self.pairs(&block[..504])?;
        self.is_extended = block[504] != 0;
        Ok(self.is_complete())
    }

    pub(super) fn finish(self, stored: u64) -> Result<Sparse> {
        Sparse::new(self.numbers, self.real_size, stored)
    }

    /// Pairs of 12 byte numbers; the first that begins with a NUL ends them.
    fn pairs(&mut self, fields: &[u8]) -> Result<()> {
        for pair in fields.chunks_exact(24) {
            if pair[0] == 0 {
                break;
            }
            for field in [&pair[..12], &pair[12..]] {
                let number = header::number(field)?;
                self.numbers
                    .push(u64::try_from(number).map_err(|_| bad("a malformed sparse map"))?);
            }
        }
        Ok(())
    }
}

/// The map at the head of a PAX 1.0 sparse body: decimal lines, the first one counting the pairs, padded to a block.
#[derive(Debug, Default)]
pub(super) struct MapReader {
    numbers: Vec<u64>,
    /// Digits of the number that is being read.
    digits: Vec<u8>,
    count: Option<u64>,
    size: u64,
}

impl MapReader {
    /// Takes bytes up to the end of a block at most; all of them, padding included.
    pub(super) fn feed(&mut self, bytes: &[u8]) -> Result<usize> {
        let room = BLOCK - (self.size % BLOCK as u64) as usize;
        let used = bytes.len().min(room);
        self.size += used as u64;
        if self.size > LARGEST_MAP {
            return Err(bad("a sparse map of more than 1 MiB"));
        }
        for byte in &bytes[..used] {
            if self.has_all() {
                break; // padding
            }
            match byte {
                b'\n' => self.number()?,
                digit if digit.is_ascii_digit() && self.digits.len() < 20 => {
                    self.digits.push(*digit)
                }
                _ => return Err(bad("a malformed sparse map")),
            }
        }
        Ok(used)
    }

    fn number(&mut self) -> Result<()> {
        let text = String::from_utf8(std::mem::take(&mut self.digits)).unwrap_or_default();
        let number: u64 = text.parse().map_err(|_| bad("a malformed sparse map"))?;
        match self.count {
            None if number > LARGEST_MAP => Err(bad("a sparse map of more than 1 MiB")),
            None => {
                self.count = Some(number);
                Ok(())
            }
            Some(_) => {
                self.numbers.push(number);
                Ok(())
            }
        }
    }

    fn has_all(&self) -> bool {
        self.count
            .is_some_and(|count| self.numbers.len() as u64 == 2 * count)
    }

    /// Says whether the map and its padding have been taken.
    pub(super) fn is_complete(&self) -> bool {
        self.has_all() && self.size.is_multiple_of(BLOCK as u64)
    }

    /// Bytes of the body that the map took.
    pub(super) fn size(&self) -> u64 {
        self.size
    }

    pub(super) fn numbers(self) -> Vec<u64> {
        self.numbers
    }
}
