//! Where things lie.

use std::path::PathBuf;

/// The two folders of one user. Every other path of the store is relative to one of them.
#[derive(Debug, Clone)]
pub struct Paths {
    /// `$XDG_DATA_HOME/coracle` (default `~/.local/share/coracle`): images, containers, volumes. Relocatable.
    pub data: PathBuf,
    /// `$XDG_RUNTIME_DIR/coracle` or `/tmp/coracle-UID`: locks and sockets of this host and boot; may vanish at any time.
    pub runtime: PathBuf,
}
