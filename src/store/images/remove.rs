//! `rmi`: which names go, whether the image goes with them, and who is in the way (docker's rules).

use crate::error::{Error, Kind, Result};
use crate::grammar::reference::Reference;
use crate::store::images::{Images, Listed, Name, look_up, no_such, repository};
use crate::store::{gc, short_id};

/// A container that uses an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The container's id.
    pub container: String,
    /// `sha256:...` of the image's configuration.
    pub image: String,
    /// It runs.
    pub is_running: bool,
}

/// What an `rmi` did, in docker's order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Removed {
    /// Names that went, in docker's short form.
    pub untagged: Vec<String>,
    /// `sha256:...` of the image, then the chain ids of the layers that went with it, the topmost first.
    pub deleted: Vec<String>,
    /// Bytes of the layers that went.
    pub reclaimed: u64,
}

/// What is to be done to the names.
#[derive(Debug, Default, PartialEq, Eq)]
struct Decision {
    /// Canonical names, as shown; those that stand in the file go.
    untag: Vec<String>,
    /// No name is left: the image goes.
    delete: bool,
}

impl Images<'_> {
    /// Removes the name or image that `word` means. `users` are all containers.
    ///
    /// `Kind::NotFound` or `Kind::Conflict` with docker's texts.
    pub fn remove(&self, word: &str, force: bool, users: &[User]) -> Result<Removed> {
        let _lock = self.lock()?;
        let mut names = self.names()?;
        let image = look_up(&names, word).ok_or_else(|| no_such(word))?;
        let decision = decide(word, &image, force, users)?;
        let line = names.iter().find(|name| name.config == image.id).cloned();
        names.retain(|name| name.config != image.id || !goes(name, &decision));
        let of_image = names.iter_mut().filter(|name| name.config == image.id);
        for name in of_image.filter(|name| has_lost_digest(name, &decision)) {
            name.digest.clear();
        }
        if !decision.delete && !names.iter().any(|name| name.config == image.id) {
            names.extend(line.map(|line| Name {
                name: String::new(),
                digest: String::new(),
                ..line
            }));
        }
        let config = self.config(&image.id);
        self.write(names.clone())?;
        // docker names it by its id here
        for _ in &decision.untag {
            self.tell("untag", &image.id, &image.id);
        }
        let mut removed = Removed {
            untagged: decision.untag.iter().map(|name| familiar(name)).collect(),
            ..Removed::default()
        };
        if decision.delete {
            self.tell("delete", &image.id, &image.id);
            removed.deleted.push(image.id.clone());
            // without its configuration nothing says which layers were its own: prune finds them
            if let Ok(config) = config {
                let gone = gc::drop_image(self.store, &names, &image, &config)?;
                removed.deleted.extend(gone.chain_ids);
                removed.reclaimed = gone.bytes;
            }
        }
        Ok(removed)
    }
}

fn goes(name: &Name, decision: &Decision) -> bool {
    decision.delete || decision.untag.contains(&name.name)
}

/// Says whether a tag stays of which the digest was removed, by which it was known as well.
fn has_lost_digest(name: &Name, decision: &Decision) -> bool {
    name.is_tag()
        && name
            .by_digest()
            .is_some_and(|d| decision.untag.contains(&d))
}

/// Returns a canonical name in docker's short form.
fn familiar(name: &str) -> String {
    Reference::parse(name).map_or_else(|_| name.to_owned(), |r| r.familiar())
}

/// Decides as docker's ImageService.ImageDelete does.
fn decide(word: &str, image: &Listed, force: bool, users: &[User]) -> Result<Decision> {
    let mut references: Vec<&str> = image
        .names
        .iter()
        .chain(&image.digests)
        .map(String::as_str)
        .collect();
    references.sort_unstable();
    let single = is_single(image);
    if is_id_prefix(&image.id, word) {
        if !single {
            // several repositories: only force takes them all
            refuse(image, force, users, !references.is_empty())?;
        }
        refuse(image, force, users, false)?;
        return Ok(Decision {
            untag: owned(&references),
            delete: true,
        });
    }
    if !force
        && single
        && let Some(user) = users.iter().find(|user| user.image == image.id)
    {
        return Err(Error::new(
            Kind::Conflict,
            format!(
                "conflict: unable to remove repository reference {word:?} (must force) - container {} is using its referenced image {}",
                short_id(&user.container),
                short_id(&image.id)
            ),
        ));
    }
    let (untag, left) = untag(word, image, &references);
    if left {
        return Ok(Decision {
            untag,
            delete: false,
        });
    }
    // only force comes this far with a user: a running one keeps the image, nameless, and docker says no word
    let delete = refuse(image, force, users, false).is_ok();
    Ok(Decision { untag, delete })
}

/// Returns the names that go with `word`, and whether any other is left.
fn untag(word: &str, image: &Listed, references: &[&str]) -> (Vec<String>, bool) {
    let Ok(reference) = Reference::parse(word) else {
        return (Vec::new(), !references.is_empty());
    };
    let reference = reference.or_latest();
    let repo = reference.name();
    let name = match reference.digest() {
        Some(digest) => format!("{repo}@{digest}"),
        None => reference.to_string(),
    };
    let mut gone = vec![name.clone()];
    let other_tag = image
        .names
        .iter()
        .any(|other| *other != name && repository(other) == repo);
    if reference.digest().is_none() && !other_tag {
        gone.extend(
            image
                .digests
                .iter()
                .filter(|digest| repository(digest) == repo)
                .cloned(),
        );
    }
    let left = references
        .iter()
        .any(|other| !gone.iter().any(|name| name == other));
    (gone, left)
}

/// Refuses what docker refuses: a running user always, names in several repositories and a stopped user unless forced.
fn refuse(image: &Listed, force: bool, users: &[User], several: bool) -> Result<()> {
    let user = |running: bool| {
        users
            .iter()
            .find(|user| user.image == image.id && user.is_running == running)
            .map(|user| &user.container)
    };
    if let Some(id) = user(true) {
        return Err(conflict(
            image,
            "cannot be forced",
            &format!("image is being used by running container {}", short_id(id)),
        ));
    }
    if force {
        return Ok(());
    }
    if several {
        return Err(conflict(
            image,
            "must be forced",
            "image is referenced in multiple repositories",
        ));
    }
    match user(false) {
        Some(id) => Err(conflict(
            image,
            "must be forced",
            &format!("image is being used by stopped container {}", short_id(id)),
        )),
        None => Ok(()),
    }
}

fn conflict(image: &Listed, how: &str, why: &str) -> Error {
    Error::new(
        Kind::Conflict,
        format!(
            "conflict: unable to delete {} ({how}) - {why}",
            short_id(&image.id)
        ),
    )
}

/// Says whether an image has at most one tag, and all its names are of one repository (docker's isSingleReference).
fn is_single(image: &Listed) -> bool {
    if image.names.len() + image.digests.len() <= 1 {
        return true;
    }
    let mut repositories: Vec<&str> = image.digests.iter().map(|name| repository(name)).collect();
    repositories.dedup();
    match image.names.as_slice() {
        [] => repositories.len() == 1,
        [tag] => repositories == [repository(tag)],
        _ => false,
    }
}

/// Says whether `word` is the beginning of the id, and not a name.
fn is_id_prefix(id: &str, word: &str) -> bool {
    let hex = id.strip_prefix("sha256:").unwrap_or(id);
    hex.starts_with(word) || (word.starts_with("sha256:") && id.starts_with(word))
}

fn owned(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[cfg(test)]
mod tests;
