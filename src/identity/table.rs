//! Sets of credentials by number, and the tag by which the kernel carries the number with each process.
//!
//! The tag is the soft limit of RLIMIT_LOCKS, which has had no meaning since Linux 2.4.25: limits belong to a whole
//! process, are copied by fork, kept by exec, and another process may read and set them (prlimit(2)). So nothing is to be
//! remembered for each process and nothing cleaned up after it, and an orphan's orphan has the right ids. Programs never
//! see it: calls about this limit are answered by the supervisor.
//!
//! ```text
//! bits 63..48   0x0c0a
//! bits 47..24   the container's nonce: a tag of another container means nothing here
//! bits 23..0    the number
//! ```

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

use nix::errno::Errno;
use serde::{Deserialize, Serialize};

use super::credentials::Credentials;

const MAGIC: u64 = 0x0c0a;
const MOST: usize = 1 << 20;
/// Bytes of all sets together: a container that invents sets gets ENOMEM, not our memory.
const MOST_BYTES: usize = 32 << 20;

/// What a tag's number stands for.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Entry {
    /// These credentials.
    Have(Credentials),
    /// An execve(2) was let through that, if it succeeds, changes them: only the process itself shows whether it did.
    Executing {
        /// Before, and after a failure.
        before: Credentials,
        /// After a success.
        after: Credentials,
        /// Device and inode of the program, when it is a set-id one: only running it gives its ids.
        program: Option<(u64, u64)>,
        /// Where the process's arguments were (proc_pid_stat(5), arg_start): an exec moves them.
        arguments: u64,
    },
}

impl Entry {
    fn is_root(&self) -> bool {
        match self {
            Entry::Have(who) => who.is_root(),
            Entry::Executing { before, after, .. } => before.is_root() && after.is_root(),
        }
    }
}

/// What a table says, to be written down.
#[derive(Debug, Serialize, Deserialize)]
pub struct Known {
    nonce: u32,
    /// In the order of their numbers.
    entries: Vec<Entry>,
}

/// All sets of one container.
#[derive(Debug)]
pub struct Table {
    nonce: u64,
    inner: Mutex<Inner>,
    has_others: AtomicBool,
}

#[derive(Debug, Default)]
struct Inner {
    entries: Vec<Arc<Entry>>,
    numbers: HashMap<Arc<Entry>, u32>,
    bytes: usize,
}

impl Table {
    /// An empty one. `nonce`: any 24 bits that other containers do not have.
    pub fn new(nonce: u32) -> Table {
        Table {
            nonce: u64::from(nonce) & 0xff_ffff,
            inner: Mutex::default(),
            has_others: AtomicBool::new(false),
        }
    }

    /// One that says what another one said.
    pub fn of(known: Known) -> Table {
        let table = Table::new(known.nonce);
        for entry in known.entries {
            // as many as there were: each gets the number that it had
            let _ = table.tag(entry);
        }
        table
    }

    /// All that it says.
    pub fn known(&self) -> Known {
        let inner = self.inner.lock().expect("no panic while it was held");
        Known {
            nonce: self.nonce as u32,
            entries: inner.entries.iter().map(|e| (**e).clone()).collect(),
        }
    }

    /// Returns the tag of an entry; a new one gets a number. ENOMEM when there are too many.
    pub fn tag(&self, entry: Entry) -> Result<u64, Errno> {
        let mut inner = self.inner.lock().expect("no panic while it was held");
        let number = match inner.numbers.get(&entry) {
            Some(number) => *number,
            None => {
                if !entry.is_root() {
                    self.has_others.store(true, Relaxed);
                }
                inner.add(entry)?
            }
        };
        Ok(MAGIC << 48 | self.nonce << 24 | u64::from(number))
    }

    /// Whether anybody has ever been another than root.
    pub fn has_others(&self) -> bool {
        self.has_others.load(Relaxed)
    }

    /// Returns what a limit says; `None` when it is no tag of ours.
    pub fn entry(&self, limit: u64) -> Option<Arc<Entry>> {
        if limit >> 48 != MAGIC || limit >> 24 & 0xff_ffff != self.nonce {
            return None;
        }
        let inner = self.inner.lock().expect("no panic while it was held");
        inner.entries.get((limit & 0xff_ffff) as usize).cloned()
    }
}

impl Inner {
    fn add(&mut self, entry: Entry) -> Result<u32, Errno> {
        let bytes = match &entry {
            Entry::Have(c) => 4 * c.groups.len(),
            Entry::Executing { before, after, .. } => {
                4 * (before.groups.len() + after.groups.len())
            }
        };
        self.bytes += bytes + 256;
        if self.entries.len() >= MOST || self.bytes > MOST_BYTES {
            return Err(Errno::ENOMEM);
        }
        let number = self.entries.len() as u32;
        let entry = Arc::new(entry);
        self.entries.push(Arc::clone(&entry));
        self.numbers.insert(entry, number);
        Ok(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn have(uid: u32) -> Entry {
        Entry::Have(Credentials::new(uid, 0, &[], 0))
    }

    #[test]
    fn equal_sets_share_a_tag_and_another_containers_tag_is_none() {
        let (one, other) = (Table::new(1), Table::new(2));
        let tag = one.tag(have(33)).unwrap();
        assert_eq!(one.tag(have(33)), Ok(tag));
        assert_ne!(one.tag(have(34)), Ok(tag));
        assert_eq!(one.entry(tag).as_deref(), Some(&have(33)));
        assert_eq!(other.entry(tag), None);
        for limit in [0, u64::MAX, 8 << 20, tag + 99] {
            assert_eq!(one.entry(limit), None, "{limit:#x}");
        }
        assert!(
            tag < u64::MAX >> 1,
            "above what 32-bit calls show as infinity"
        );
    }

    #[test]
    fn a_table_that_was_written_down_says_the_same() {
        let table = Table::new(7);
        let executing = Entry::Executing {
            before: Credentials::new(33, 33, &[4, 5], 1),
            after: Credentials::new(0, 33, &[4, 5], u64::MAX),
            program: Some((1, u64::MAX)),
            arguments: 4096,
        };
        let entries = [have(0), executing, have(33)];
        let tags = entries.clone().map(|e| table.tag(e).unwrap());
        let text = serde_json::to_vec(&table.known()).unwrap();
        let again = Table::of(serde_json::from_slice(&text).unwrap());
        for (tag, entry) in tags.into_iter().zip(&entries) {
            assert_eq!(again.entry(tag).as_deref(), Some(entry));
        }
        assert_eq!(again.tag(have(34)), table.tag(have(34)));
        assert!(again.has_others());
    }

    #[test]
    fn endless_sets_end() {
        let table = Table::new(0);
        let many = (0..).find(|n| {
            let mut c = Credentials::new(*n, 0, &[], 0);
            c.groups = vec![*n; 60_000];
            table.tag(Entry::Have(c)).is_err()
        });
        assert!(many.unwrap() < 200);
        assert_eq!(table.tag(have(1)), Err(Errno::ENOMEM));
    }
}
