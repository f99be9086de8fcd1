//! How much a container wrote.

use crate::store::Store;
use crate::store::containers::Record;
use crate::store::size::tree_bytes;

/// Returns the bytes of the files in the container's writable layer, each file once; what cannot be read counts for nothing.
pub(crate) fn writable(store: &Store, record: &Record) -> u64 {
    let own = store.containers().path(&record.id);
    tree_bytes(&record.writable.as_deref().unwrap_or(&own).join("upper"))
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
