//! What happens is told to whoever listens at that moment (`coracle events`): a listener is a datagram socket in
//! `<runtime>/events/`, a folder that is there only while somebody listens; its name begins with the store that it listens to, since
//! a user's stores have one runtime folder. With nobody there an event costs one failed open of
//! that folder, and nothing is written anywhere: what was before is known from the containers' own records.
//!
//! Names and attributes are docker's (api/types/events of moby 26).

use std::collections::BTreeMap;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use serde::{Deserialize, Serialize};

use super::containers::Record;
use super::networks::Endpoint;
use super::{Store, folder, random_hex};
use crate::error::{Context, Kind, Result};
use crate::sys::socket;

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// `container`, `image`, `volume` or `network`.
    pub kind: String,
    /// `start`, `die`, `exec_create: true`, ...
    pub action: String,
    /// Whom it happened to: the id of a container, image or network, the name of a volume.
    pub id: String,
    /// Labels and more.
    pub attributes: BTreeMap<String, String>,
    /// Nanoseconds since 1970.
    pub nanoseconds: i64,
}

/// More attributes.
pub(crate) type More<'a> = &'a [(&'a str, &'a str)];

impl Event {
    pub(crate) fn new(kind: &str, action: &str, id: &str, more: More<'_>) -> Event {
        let more = more.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
        Event {
            kind: kind.to_owned(),
            action: action.to_owned(),
            id: id.to_owned(),
            attributes: more.collect(),
            nanoseconds: i64::try_from(jiff::Timestamp::now().as_nanosecond()).unwrap_or(i64::MAX),
        }
    }

    /// Docker's attributes of a container: its labels, the name of its image and its own.
    pub(crate) fn of(record: &Record, action: &str, more: More<'_>) -> Event {
        let mut event = Event::new("container", action, &record.id, more);
        let labels = record.config.labels.iter();
        event
            .attributes
            .extend(labels.map(|(k, v)| (k.clone(), v.clone())));
        event
            .attributes
            .insert("image".to_owned(), record.config.image.clone());
        event
            .attributes
            .insert("name".to_owned(), record.name.clone());
        event
    }

    /// A container comes to a network (`connect`), or leaves it (`disconnect`).
    pub(crate) fn of_endpoint(container: &str, action: &str, endpoint: &Endpoint) -> Event {
        let more = [
            ("container", container),
            ("name", &endpoint.network),
            ("type", "bridge"),
        ];
        Event::new("network", action, &endpoint.network_id, &more)
    }
}

impl Store {
    fn listeners(&self) -> PathBuf {
        self.paths().runtime.join("events")
    }

    /// What the names of this store's listeners begin with: its folder, whatever the path by which it is known.
    fn mark(&self) -> String {
        std::fs::metadata(&self.paths().data)
            .map(|m| format!("{:x}-{:x}-", m.dev(), m.ino()))
            .unwrap_or_default()
    }

    /// Whether somebody listens: for what has to be read before it is gone.
    pub(crate) fn is_heard(&self) -> bool {
        self.listeners().exists()
    }

    /// Tells events, which are made only when somebody listens. Nothing here can fail for the one who tells.
    pub(crate) fn tell<E: IntoIterator<Item = Event>>(&self, events: impl FnOnce() -> E) {
        let Ok(listeners) = std::fs::read_dir(self.listeners()) else {
            return;
        };
        let mark = self.mark();
        let is_ours = |l: &std::fs::DirEntry| l.file_name().to_string_lossy().starts_with(&mark);
        let ours = listeners.flatten().filter(is_ours);
        let listeners: Vec<PathBuf> = ours.map(|l| l.path()).collect();
        if !listeners.is_empty() {
            events().into_iter().for_each(|e| self.send(&listeners, &e));
        }
    }

    fn send(&self, listeners: &[PathBuf], event: &Event) {
        let Ok(bytes) = serde_json::to_vec(event) else {
            return;
        };
        for listener in listeners {
            let told = socket::tell(listener, &bytes);
            if told.is_err_and(|e| e.errno() == Errno::ECONNREFUSED) {
                // it was ended by a signal; the folder stays while there are others
                let _ = std::fs::remove_file(listener);
                let _ = std::fs::remove_dir(self.listeners());
            }
        }
    }

    /// Tells what happened to a container, whose record is read only when somebody listens.
    pub(crate) fn tell_of(&self, id: &str, action: &str, more: More<'_>) {
        self.tell(|| Some(Event::of(&self.containers().record(id).ok()?, action, more)));
    }

    /// Begins to listen.
    pub fn listen(&self) -> Result<Listener> {
        let name = self.mark() + &random_hex::<8>()?;
        let path = self.listeners().join(name);
        loop {
            folder(&self.listeners()).context(Kind::System, || {
                format!("cannot make `{}`", self.listeners().display())
            })?;
            match socket::datagrams_at(&path) {
                Ok(fd) => return Ok(Listener { fd, path }),
                // the last one has just left
                Err(e) if e.errno() == Errno::ENOENT => {}
                Err(e) => return Err(e.into()),
            }
        }
    }
}

/// Hears what happens, until it is dropped.
#[derive(Debug)]
pub struct Listener {
    fd: OwnedFd,
    path: PathBuf,
}

impl Listener {
    /// To be waited for.
    pub fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    /// Returns the next event that was told; `None` when there is none now.
    pub fn next(&self) -> Result<Option<Event>> {
        let bytes = socket::hear(self.fd.as_fd())?;
        // what is not of this version's form is not for it
        Ok(bytes.and_then(|b| serde_json::from_slice(&b).ok()))
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
        // while others listen it stays
        let _ = std::fs::remove_dir(self.path.parent().unwrap_or(Path::new("")));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::scratch::Scratch;

    #[test]
    fn who_listens_hears_and_a_killed_listener_is_forgotten() {
        let scratch = Scratch::new();
        let store = &scratch.store;
        store.tell(|| -> Option<Event> { unreachable!("nobody listens") });
        let (first, second) = (store.listen().unwrap(), store.listen().unwrap());
        let event = Event::new("volume", "create", "v", &[("driver", "local")]);
        store.tell(|| Some(event.clone()));
        for listener in [&first, &second] {
            assert_eq!(listener.next().unwrap().as_ref(), Some(&event));
            assert_eq!(listener.next().unwrap(), None);
        }
        // of another store with the same runtime folder nothing is heard
        let other = Scratch::new();
        let paths = crate::store::paths::Paths {
            data: other.store.paths().data.clone(),
            runtime: store.paths().runtime.clone(),
        };
        Store::known(paths).tell(|| -> Option<Event> { unreachable!("nobody listens there") });
        assert_eq!(second.next().unwrap(), None);
        drop(first);
        // its socket stays, as kill -9 leaves it
        let left = second.path.with_extension("left");
        std::fs::rename(&second.path, &left).unwrap();
        drop(second);
        store.tell(|| Some(event.clone()));
        assert!(!left.exists());
        drop(store.listen().unwrap());
        assert!(!store.listeners().exists());
    }
}
