//! What a listing shows of a container that lives, as a text in its monitor's lock file.
//!
//! A listing asks for the lock anyway: a note there spares it the record and the state, two thirds of a `ps` of a thousand. The
//! monitor writes one when nothing happens, so that a start pays nothing, and takes it away before the state changes; whoever
//! changes the record takes it away afterwards. So a note is what the two files say, or not there.
//!
//! ```text
//! <runtime>/containers/<id>/lock   8 hex digits (CRC-32 of what follows), JSON; or empty
//! ```
//! It is written in place, so a reader may see half of two: then the sum is wrong, and the files are read.

use std::os::fd::BorrowedFd;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::shelf::{Brief, Containers};
use super::{Health, Record, State};
use crate::error::Result;
use crate::store::record;
use crate::sys::lock::Lock;

/// The longest that is read; what would be longer is not written.
pub(super) const MOST: usize = 16 << 10;

#[derive(Serialize, Deserialize)]
struct Note {
    brief: Brief,
    state: State,
}

impl Containers<'_> {
    /// Writes the note of a container whose lock the caller, its monitor, holds; `state` is as it was last written.
    pub(crate) fn note(&self, id: &str, lock: &Lock, state: &State) -> Result<()> {
        // no record changes meanwhile
        let _names = self.names().lock()?;
        let Some(brief) = record::read(&self.path(id).join("config"))? else {
            return Ok(());
        };
        let mut state = state.clone();
        if let Some(health) = &mut state.health {
            // pages of output that no listing shows
            *health = Health {
                status: std::mem::take(&mut health.status),
                ..Health::default()
            };
        }
        let text = serde_json::to_string(&Note { brief, state });
        let text = text.unwrap_or_default();
        if text.len() + 8 < MOST {
            lock.note(&format!("{:08x}{text}", sum(text.as_bytes())))?;
        }
        Ok(())
    }

    /// Takes the note away that a monitor may have written: the record has changed.
    pub(super) fn drop_note(&self, id: &str) {
        Lock::forget_note(&self.lock_path(id));
    }
}

/// Returns what the note in a lock file below `dir` says; `None` when nobody holds the lock, or there is no note.
pub(super) fn read(dir: BorrowedFd<'_>, lock: &Path, buffer: &mut [u8]) -> Option<(Record, State)> {
    let length = Lock::noted_at(dir, lock, buffer).ok()??;
    let (digits, text) = buffer.get(..length)?.split_at_checked(8)?;
    let digits = std::str::from_utf8(digits).ok()?;
    if u32::from_str_radix(digits, 16) != Ok(sum(text)) {
        return None;
    }
    let note: Note = serde_json::from_str(std::str::from_utf8(text).ok()?).ok()?;
    Some((note.brief.into(), note.state))
}

fn sum(text: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(text);
    crc.sum()
}
