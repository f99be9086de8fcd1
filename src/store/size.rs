//! How many bytes lie below a folder.

use std::collections::HashSet;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Returns the bytes of all files below `path`, those with several names counted once (docker's `SizeRw`).
///
/// A folder that cannot be listed counts as empty: the number is for people.
pub fn tree_bytes(path: &Path) -> u64 {
    let mut bytes = 0;
    let mut seen = HashSet::new();
    let mut folders: Vec<PathBuf> = vec![path.to_owned()];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = std::fs::read_dir(&folder) else {
            continue;
        };
        for entry in entries.flatten() {
            // of the link itself, not of what it points to
            let Ok(meta) = entry.metadata() else { continue };
            if meta.is_dir() {
                folders.push(entry.path());
            } else if meta.nlink() == 1 || seen.insert((meta.dev(), meta.ino())) {
                bytes += meta.size();
            }
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::scratch::Scratch;

    #[test]
    fn hard_links_count_once_and_links_are_not_followed() {
        let s = Scratch::new();
        let dir = s.store.data("layers");
        std::fs::create_dir(dir.join("d")).unwrap();
        std::fs::write(dir.join("d/a"), [0; 5000]).unwrap();
        std::fs::hard_link(dir.join("d/a"), dir.join("b")).unwrap();
        std::os::unix::fs::symlink("d", dir.join("l")).unwrap();
        assert_eq!(tree_bytes(&dir), 5001);
        assert_eq!(tree_bytes(&dir.join("nowhere")), 0);
    }
}
