//! How much a container wrote.

use std::collections::HashSet;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::store::Store;
use crate::store::containers::Record;

/// Returns the bytes of the files in the container's writable layer, each file once; what cannot be read counts for nothing.
pub(crate) fn writable(store: &Store, record: &Record) -> u64 {
    let own = store.containers().path(&record.id);
    of_tree(&record.writable.as_deref().unwrap_or(&own).join("upper"))
}

fn of_tree(top: &Path) -> u64 {
    let (mut total, mut seen, mut folders) = (0, HashSet::new(), vec![top.to_owned()]);
    while let Some(folder) = folders.pop() {
        let Ok(entries) = std::fs::read_dir(&folder) else {
            continue;
        };
        for entry in entries.flatten() {
            let Ok(meta) = entry.metadata() else { continue };
            if meta.is_dir() {
                folders.push(entry.path());
            } else if meta.nlink() == 1 || seen.insert((meta.dev(), meta.ino())) {
                total += meta.len();
            }
        }
    }
    total
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::scratch::Scratch;

    #[test]
    fn hard_links_count_once_and_nothing_outside_counts() {
        let s = Scratch::new();
        let record = Record {
            id: "a".repeat(64),
            ..Record::default()
        };
        let upper = s.store.containers().path(&record.id).join("upper");
        assert_eq!(writable(&s.store, &record), 0);
        std::fs::create_dir_all(upper.join("d")).unwrap();
        std::fs::write(upper.join("d/f"), "12345").unwrap();
        std::fs::hard_link(upper.join("d/f"), upper.join("g")).unwrap();
        std::os::unix::fs::symlink("/usr", upper.join("l")).unwrap();
        assert_eq!(writable(&s.store, &record), 5 + "/usr".len() as u64);
    }
}
