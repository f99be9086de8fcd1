//! Container names: `containers/names/<name>` is a symbolic link whose text is the container's id, its 32 bytes in base64:
//! a text below 60 bytes lies in the inode itself on ext4, which makes a `ps` of a thousand a fifth faster and saves a block
//! a container. A link with the id in hexadecimal digits is understood too.
//!
//! Making a link can destroy nothing, so it needs no lock: symlink(2) fails when the name is there. Everything that
//! *destroys* a link (removal, rename, the takeover of a name that points nowhere) holds `names/.lock` for the few
//! microseconds between its last look and the change; so what it looked at is what it changes.
//!
//! A name counts only when its container's record is there. The link is made last and the container's folder goes first,
//! so a name without a container is what a killed `rm` left (or a power cut), and is free for the next who wants it: ids
//! never come back.

use std::io::ErrorKind;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::{OFlag, readlinkat};
use nix::sys::stat::Mode;

use crate::error::{Context, Error, Kind, Result};
use crate::store::{Store, record};
use crate::sys::lock::Lock;

/// Returns docker's refusal of a name that is not `[a-zA-Z0-9][a-zA-Z0-9_.-]+`.
pub(crate) fn check(name: &str) -> Result<()> {
    if is_name(name) {
        return Ok(());
    }
    Err(Error::new(
        Kind::Invalid,
        format!("Invalid container name ({name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed"),
    ))
}

/// Says whether `name` is at least two characters of `[a-zA-Z0-9][a-zA-Z0-9_.-]+`.
pub(crate) fn is_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes
        .next()
        .is_some_and(|first| first.is_ascii_alphanumeric())
        && name.len() > 1
        && name.len() <= 255
        && bytes.all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-'))
}

/// Says whether `text` is a whole id.
pub(crate) fn is_id(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

/// The folder of names.
pub(crate) struct Names<'a> {
    store: &'a Store,
}

impl<'a> Names<'a> {
    pub(crate) fn new(store: &'a Store) -> Names<'a> {
        Names { store }
    }

    /// Gives `name` to the container `id`, whose record is written. This is the step that makes a container exist.
    pub(crate) fn claim(&self, name: &str, id: &str) -> Result<()> {
        loop {
            match symlink(text_of(id), self.path(name)) {
                Ok(()) => return Ok(()),
                Err(e) if e.kind() == ErrorKind::AlreadyExists => {}
                Err(e) => {
                    return Err(e)
                        .context(Kind::System, || format!("cannot give the name `{name}`"));
                }
            }
            match self.owner(name)? {
                None => {}
                Some(other) if other == id => return Ok(()),
                Some(other) if self.is_whole(&other)? => return Err(conflict(name, &other)),
                Some(_) => self.free_dangling(name)?,
            }
        }
    }

    /// Moves the container `id` from `old` to the new name `new`, in one step.
    pub(crate) fn rename(&self, id: &str, old: &str, new: &str) -> Result<()> {
        loop {
            let lock = self.lock()?;
            if self.owner(old)?.as_deref() != Some(id) {
                return Err(Error::new(
                    Kind::NotFound,
                    format!("No such container: {old}"),
                ));
            }
            match self.owner(new)? {
                Some(other) if self.is_whole(&other)? => return Err(conflict(new, &other)),
                // the lock is ours: nobody else removes it, and nobody can make it while it is there
                Some(_) => unlink(self.path(new))?,
                None => {}
            }
            match rename_to_free(&self.path(old), &self.path(new)) {
                Ok(()) => return Ok(()),
                // somebody made the name just now
                Err(e) if e.kind() == ErrorKind::AlreadyExists => drop(lock),
                Err(e) => {
                    return Err(e).context(Kind::System, || {
                        format!("cannot rename container `{old}` to `{new}`")
                    });
                }
            }
        }
    }

    /// Takes the name of the removed container `id` away, `hint` being its most likely name.
    pub(crate) fn release(&self, id: &str, hint: &str) -> Result<()> {
        let _lock = self.lock()?;
        match self.of(id, hint)? {
            Some(name) => unlink(self.path(&name)),
            None => Ok(()),
        }
    }

    /// Returns the id that `name` points to, whether or not that container is there.
    pub(crate) fn owner(&self, name: &str) -> Result<Option<String>> {
        if !is_name(name) {
            return Ok(None);
        }
        match std::fs::read_link(self.path(name)) {
            // a text that is no id is as good as dangling
            Ok(text) => Ok(Some(id_of(&text.to_string_lossy()))),
            Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::InvalidInput) => Ok(None),
            Err(e) => Err(e).context(Kind::System, || format!("cannot look up the name `{name}`")),
        }
    }

    /// Returns the name of the container `id`; `None` when no name points to it. One readlink when `hint` is right.
    pub(crate) fn of(&self, id: &str, hint: &str) -> Result<Option<String>> {
        if self.owner(hint)?.as_deref() == Some(id) {
            return Ok(Some(hint.to_owned()));
        }
        Ok(self
            .all()?
            .into_iter()
            .find(|(_, owner)| owner == id)
            .map(|(name, _)| name))
    }

    /// Returns all names with the ids they point to.
    pub(crate) fn all(&self) -> Result<Vec<(String, String)>> {
        let folder = self.store.data("containers/names");
        let cannot = || format!("cannot list `{}`", folder.display());
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let mut listing = match Dir::open(&folder, flags, Mode::empty()) {
            Ok(listing) => listing,
            Err(Errno::ENOENT) => return Ok(Vec::new()),
            Err(e) => return Err(e).context(Kind::System, cannot),
        };
        let mut found: Vec<String> = Vec::new();
        for entry in listing.iter() {
            let entry = entry.context(Kind::System, cannot)?;
            found.extend(
                entry
                    .file_name()
                    .to_str()
                    .ok()
                    .filter(|name| is_name(name))
                    .map(str::to_owned),
            );
        }
        let mut all = Vec::with_capacity(found.len());
        for name in found {
            match readlinkat(&listing, name.as_str()) {
                Ok(text) => all.push((name, id_of(&text.to_string_lossy()))),
                // released meanwhile, or not a link of ours
                Err(Errno::ENOENT | Errno::EINVAL) => {}
                Err(e) => return Err(e).context(Kind::System, cannot),
            }
        }
        Ok(all)
    }

    /// Removes `name` if it still points to no container.
    pub(crate) fn free_dangling(&self, name: &str) -> Result<()> {
        let _lock = self.lock()?;
        match self.owner(name)? {
            Some(other) if !self.is_whole(&other)? => unlink(self.path(name)),
            _ => Ok(()),
        }
    }

    /// Says whether the container that a name points to has a record.
    pub(crate) fn is_whole(&self, id: &str) -> Result<bool> {
        if !is_id(id) {
            return Ok(false);
        }
        Ok(record::read_bytes(&self.store.data("containers").join(id).join("config"))?.is_some())
    }

    /// Held while a link is destroyed, or a record changed.
    pub(super) fn lock(&self) -> Result<Lock> {
        Ok(Lock::wait(&self.store.data("containers/names/.lock"))?)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.store.data("containers/names").join(name)
    }
}

/// Returns the text of a link to the container `id`.
fn text_of(id: &str) -> String {
    let byte = |at: usize| u8::from_str_radix(id.get(at..at + 2)?, 16).ok();
    let bytes: Option<Vec<u8>> = (0..id.len()).step_by(2).map(byte).collect();
    bytes.map_or_else(|| id.to_owned(), |bytes| URL_SAFE_NO_PAD.encode(bytes))
}

/// Returns the id that a link's text means; what is no such text stays as it is.
fn id_of(text: &str) -> String {
    match URL_SAFE_NO_PAD.decode(text) {
        Ok(bytes) if bytes.len() == 32 => crate::store::hex(&bytes),
        _ => text.to_owned(),
    }
}

fn unlink(path: PathBuf) -> Result<()> {
    match std::fs::remove_file(&path) {
        Ok(()) => Ok(()),
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(()),
        Err(e) => Err(e).context(Kind::System, || {
            format!("cannot remove `{}`", path.display())
        }),
    }
}

/// renameat2(2) with RENAME_NOREPLACE; where the file system lacks it, link and unlink, between which both names stand.
fn rename_to_free(old: &std::path::Path, new: &std::path::Path) -> std::io::Result<()> {
    use nix::fcntl::{AT_FDCWD, RenameFlags, renameat2};
    match renameat2(AT_FDCWD, old, AT_FDCWD, new, RenameFlags::RENAME_NOREPLACE) {
        Ok(()) => Ok(()),
        Err(Errno::EINVAL | Errno::ENOSYS) => {
            symlink(std::fs::read_link(old)?, new)?;
            std::fs::remove_file(old)
        }
        Err(e) => Err(e.into()),
    }
}

fn conflict(name: &str, other: &str) -> Error {
    Error::new(
        Kind::Conflict,
        format!(
            "Conflict. The container name \"/{name}\" is already in use by container \"{other}\". \
             You have to remove (or rename) that container to be able to reuse that name."
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_links_text_is_short_and_means_the_id() {
        let id = crate::store::new_id().unwrap();
        assert_eq!(text_of(&id).len(), 43);
        assert_eq!(id_of(&text_of(&id)), id);
        assert_eq!(id_of(&id), id);
        assert_eq!(id_of("nonsense"), "nonsense");
        assert_eq!(text_of("ä"), "ä");
    }

    #[test]
    fn names_are_dockers() {
        for (name, good) in [
            ("ab", true),
            ("a_.-9", true),
            ("9a", true),
            ("a", false),
            ("", false),
            (".lock", false),
            ("-a", false),
            ("a b", false),
            ("a/b", false),
            ("ä1", false),
        ] {
            assert_eq!(is_name(name), good, "{name}");
        }
        assert_eq!(
            check("x").unwrap_err().to_string(),
            "Invalid container name (x), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed"
        );
    }
}
