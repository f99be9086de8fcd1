//! Image names: which name means which manifest and configuration.
//!
//! ```text
//! <data>/names           JSON lines, sorted by name: one Name each
//! <data>/names.lock      held for the rewrite (temp + rename) of that file
//! <data>/blobs/<hex>     manifests and configurations, verbatim (blobs.rs)
//! ```
//! One file and not one per name: a listing of 1,000 names takes 0.5 ms instead of 5, and many names change in one rename.
//! A name is written last, after the blobs and layers that it needs, so a name always points to whole things.
//!
//! An image is known by the digest of its configuration, as in docker. When a name moves to another image, the old image
//! stays: under `repository@digest` when a registry knows it by that, else under no name at all (docker's `<none>`).

mod remove;

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::ops::Deref;

use serde::{Deserialize, Serialize};

use crate::error::{Context, Error, Kind, Result};
use crate::grammar::platform::Platform;
use crate::grammar::reference::Reference;
use crate::image::config::ImageConfig;
use crate::store::events::Event;
use crate::store::{Store, record};
use crate::sys::lock::Lock;

pub use remove::{Removed, User};

/// One line of the file `names`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Name {
    /// Canonical: `docker.io/library/debian:12`, or `docker.io/library/debian@sha256:...`; empty: none.
    pub name: String,
    /// `sha256:...` of the manifest of the platform.
    pub manifest: String,
    /// `sha256:...` of the configuration: the image's id.
    pub config: String,
    /// Bytes of the unpacked layers.
    pub size: u64,
    /// RFC 3339 time of the image's making; empty when it does not say.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub created: String,
    /// RFC 3339 time when it got this name here.
    pub tagged: String,
    /// Digest by which the registry knows it: that of the index, else of the manifest; empty when it came from none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub digest: String,
    /// Digest of an index of which every image is here: what was built for several platforms; empty: none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub index: String,
}

impl Name {
    /// Returns the repository of the name; empty when it has no name.
    fn repository(&self) -> &str {
        repository(&self.name)
    }

    /// Returns `repository@digest`, by which a registry knows it.
    fn by_digest(&self) -> Option<String> {
        (!self.name.is_empty() && !self.digest.is_empty())
            .then(|| format!("{}@{}", self.repository(), self.digest))
    }

    fn is_tag(&self) -> bool {
        !self.name.is_empty() && !self.name.contains('@')
    }
}

/// Returns a canonical name without tag and digest.
fn repository(name: &str) -> &str {
    let name = name.split('@').next().unwrap_or_default();
    match name.rsplit_once(':') {
        // a colon before a slash belongs to the registry's port
        Some((repository, tag)) if !tag.contains('/') => repository,
        _ => name,
    }
}

/// An image as a listing shows it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listed {
    /// `sha256:...` of the configuration.
    pub id: String,
    /// `sha256:...` of the manifest.
    pub manifest: String,
    /// Canonical names with tags, sorted; empty for an image that is dangling or was pulled by digest.
    pub names: Vec<String>,
    /// Canonical `repository@sha256:...`, sorted.
    pub digests: Vec<String>,
    /// Bytes of the unpacked layers.
    pub size: u64,
    /// RFC 3339; empty when unknown.
    pub created: String,
    /// RFC 3339 time of the last tagging here.
    pub tagged: String,
    /// Digest of the index of which it is one image; empty: none.
    pub index: String,
}

/// An image with its configuration.
#[derive(Debug, Clone)]
pub struct Image {
    /// What a listing shows.
    pub listed: Listed,
    /// How to run it.
    pub config: ImageConfig,
}

impl Deref for Image {
    type Target = Listed;

    fn deref(&self) -> &Listed {
        &self.listed
    }
}

/// The door to the images' names.
#[derive(Debug)]
pub struct Images<'a> {
    store: &'a Store,
}

impl<'a> Images<'a> {
    pub(super) fn new(store: &'a Store) -> Images<'a> {
        Images { store }
    }

    /// Returns all images, the newest first.
    pub fn list(&self) -> Result<Vec<Listed>> {
        Ok(group(&self.names()?))
    }

    /// Returns the image that `word` means: a name, a digest reference, a whole id, or the unique beginning of an id.
    ///
    /// `Kind::NotFound` with docker's text when there is none.
    pub fn find(&self, word: &str) -> Result<Image> {
        let listed = self.look_up(word)?.ok_or_else(|| no_such(word))?;
        let config = self.config(&listed.id)?;
        Ok(Image { listed, config })
    }

    /// Returns the image that `word` means without its configuration; `None` when there is none.
    pub fn look_up(&self, word: &str) -> Result<Option<Listed>> {
        Ok(look_up(&self.names()?, word))
    }

    /// Returns the configuration of that id.
    pub fn config(&self, id: &str) -> Result<ImageConfig> {
        let path = self.blob(id);
        record::read(&path)?.ok_or_else(|| {
            Error::new(
                Kind::Corrupt,
                format!(
                    "the configuration of image {} is missing",
                    super::short_id(id)
                ),
            )
            .because(format!("no file `{}`", path.display()))
            .hint("pull the image again")
        })
    }

    /// Returns manifest and configuration of each image of an index that was made here.
    pub(crate) fn of_index(&self, index: &str) -> Result<Vec<(String, String)>> {
        if index.is_empty() {
            return Ok(Vec::new());
        }
        let read = |digest: &str| -> Result<serde_json::Value> {
            let bytes = self.store.blobs().need(digest)?;
            record::parse(&self.blob(digest), &bytes)
        };
        let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
        let index = read(index)?;
        let parts = index["manifests"].as_array().into_iter().flatten();
        let images = parts.map(|part| {
            let manifest = text(&part["digest"]);
            let config = text(&read(&manifest)?["config"]["digest"]);
            Ok((manifest, config))
        });
        images.collect()
    }

    /// Returns the image for `platform` that a registry or a build here has under the same name as another one: it was pulled
    /// beside that, or made with it.
    pub(crate) fn sibling(&self, of: &Listed, platform: &Platform) -> Result<Option<Image>> {
        let names = self.names()?;
        let known = names
            .iter()
            .filter(|n| n.config == of.id && !n.digest.is_empty());
        let digests: Vec<&str> = known.map(|name| name.digest.as_str()).collect();
        let pulled = names
            .iter()
            .filter(|n| digests.contains(&n.digest.as_str()));
        let mut ids: Vec<String> = pulled.map(|name| name.config.clone()).collect();
        ids.extend(self.of_index(&of.index)?.into_iter().map(|(_, id)| id));
        for id in ids {
            let config = self.config(&id)?;
            if platform.matches(&config.platform()) {
                let listed = Listed {
                    id,
                    ..Listed::default()
                };
                return Ok(Some(Image { listed, config }));
            }
        }
        Ok(None)
    }

    /// Writes a name: the last step of a pull, load or build. Another image of that name loses it and stays.
    ///
    /// `Kind::NotFound` when a layer or blob that it needs was removed meanwhile; the caller fetches it again.
    pub fn put(&self, name: Name) -> Result<()> {
        self.put_all(vec![name])
    }

    /// Writes many names in one rename, as [`Images::put`] writes one.
    pub fn put_all(&self, fresh: Vec<Name>) -> Result<()> {
        let _lock = self.lock()?;
        // an rmi chooses what to delete under this lock, so what is there now stays
        for name in &fresh {
            self.check_whole(name)?;
        }
        let mut names = self.names()?;
        for name in fresh {
            replace(&mut names, name);
        }
        self.write(names)
    }

    /// Gives the image that `source` means one more name. `Kind::NotFound`, `Kind::Invalid` with docker's texts.
    pub fn tag(&self, source: &str, target: &str) -> Result<()> {
        if !is_whole_id(source) {
            parse_for_tag(source)?;
        }
        let target = parse_for_tag(target)?;
        if target.digest().is_some() {
            return Err(Error::new(
                Kind::Usage,
                "refusing to create a tag with a digest reference",
            ));
        }
        if target.familiar_name() == "sha256" {
            return Err(Error::new(
                Kind::Invalid,
                "refusing to create an ambiguous tag using digest algorithm as name",
            ));
        }
        let target = target.or_latest();
        let (familiar, target) = (target.familiar(), target.to_string());
        let _lock = self.lock()?;
        let mut names = self.names()?;
        let image = look_up(&names, source).ok_or_else(|| no_such(source))?;
        let known = names
            .iter()
            .find(|name| name.config == image.id)
            .cloned()
            .unwrap_or_default();
        // the registry knows it by its digest only in the repositories that it came from
        let digest = image
            .digests
            .iter()
            .find_map(|d| {
                d.split_once('@')
                    .filter(|(repo, _)| *repo == repository(&target))
            })
            .map(|(_, digest)| digest.to_owned())
            .unwrap_or_default();
        replace(
            &mut names,
            Name {
                name: target,
                tagged: super::now(),
                digest,
                ..known
            },
        );
        self.write(names)?;
        self.tell("tag", &image.id, &familiar);
        Ok(())
    }

    /// Tells what happened to the image of an id, under a name.
    pub(crate) fn tell(&self, action: &str, id: &str, name: &str) {
        self.store
            .tell(|| Some(Event::new("image", action, id, &[("name", name)])));
    }

    /// Returns all names in the order of the file.
    pub fn names(&self) -> Result<Vec<Name>> {
        let path = self.store.data("names");
        let text = match std::fs::read(&path) {
            Ok(text) => text,
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(e) => {
                return Err(e)
                    .context(Kind::System, || format!("cannot read `{}`", path.display()));
            }
        };
        text.split(|b| *b == b'\n')
            .filter(|line| line.iter().any(|b| *b != 0))
            .map(|line| record::parse(&path, line))
            .collect()
    }

    /// Drops the lines that cannot be understood or that `is_good` refuses, for a repair.
    pub(crate) fn keep(&self, is_good: impl Fn(&Name) -> bool) -> Result<()> {
        let _lock = self.lock()?;
        let text = record::read_bytes(&self.store.data("names"))?.unwrap_or_default();
        let lines = text.split(|b| *b == b'\n');
        let names = lines.filter_map(|line| serde_json::from_slice(line).ok());
        self.write(names.filter(is_good).collect())
    }

    fn write(&self, mut names: Vec<Name>) -> Result<()> {
        names.sort_by(|a, b| (&a.name, &a.config).cmp(&(&b.name, &b.config)));
        names.dedup_by(|a, b| a.name == b.name && a.config == b.config);
        let path = self.store.data("names");
        let mut text = String::new();
        for name in &names {
            text += &serde_json::to_string(name).context(Kind::System, || {
                format!("cannot write `{}`", path.display())
            })?;
            text.push('\n');
        }
        record::write_text(&path, &text)
    }

    fn check_whole(&self, name: &Name) -> Result<()> {
        let gone = |what: &str| {
            Error::new(Kind::NotFound, format!("cannot tag `{}`", name.name))
                .because(format!("{what} was removed meanwhile"))
                .hint("try again")
        };
        let mut images = self.of_index(&name.index)?;
        images.push((name.manifest.clone(), name.config.clone()));
        for (manifest, config) in images {
            if !self.blob(&manifest).exists() {
                return Err(gone("its manifest"));
            }
            let config: ImageConfig =
                record::read(&self.blob(&config))?.ok_or_else(|| gone("its configuration"))?;
            let mut layers = config.rootfs.diff_ids.iter();
            if let Some(layer) = layers.find(|layer| !self.store.layers().has(layer)) {
                return Err(gone(&format!("layer {}", super::short_id(layer))));
            }
        }
        Ok(())
    }

    /// Takes the lock of the names; held for no longer than a rewrite.
    pub(crate) fn lock(&self) -> Result<Lock> {
        Ok(Lock::wait(&self.store.data("names.lock"))?)
    }

    fn blob(&self, digest: &str) -> std::path::PathBuf {
        self.store.blob_path(digest)
    }
}

/// Docker's words for an image that is not there, or for a word that cannot be an image's.
pub fn no_such(word: &str) -> Error {
    let shown = match Reference::parse(word) {
        Ok(reference) => reference.or_latest().familiar(),
        Err(_) if is_whole_id(word) => word.to_owned(),
        Err(e) => return e,
    };
    Error::new(Kind::NotFound, format!("No such image: {shown}"))
}

fn is_whole_id(word: &str) -> bool {
    crate::store::containers::is_id(word.strip_prefix("sha256:").unwrap_or(word))
}

/// Parses a name for `tag`, which docker's client does in words of its own.
fn parse_for_tag(word: &str) -> Result<Reference> {
    Reference::parse(word).map_err(|e| {
        let text = format!("Error parsing reference: {word:?} is not a valid repository/tag");
        Error::new(Kind::Usage, text).because(e)
    })
}

/// Puts a name into the list; another image that had it keeps a line of its own.
fn replace(names: &mut Vec<Name>, fresh: Name) {
    if let Some(at) = names
        .iter()
        .position(|name| name.name == fresh.name && !name.name.is_empty())
    {
        let old = names.remove(at);
        let still_named = names.iter().any(|name| name.config == old.config);
        if old.config != fresh.config && (!still_named || old.by_digest().is_some()) {
            let name = old.by_digest().unwrap_or_default();
            if !names
                .iter()
                .any(|other| other.name == name && other.config == old.config)
            {
                names.push(Name { name, ..old });
            }
        }
    }
    // an image that has a name again is not dangling any more
    names.retain(|name| !(name.name.is_empty() && name.config == fresh.config));
    names.push(fresh);
}

/// Groups the names by image, the newest image first.
fn group(names: &[Name]) -> Vec<Listed> {
    let mut by_id: BTreeMap<&str, Listed> = BTreeMap::new();
    for name in names {
        let listed = by_id.entry(&name.config).or_insert_with(|| Listed {
            id: name.config.clone(),
            manifest: name.manifest.clone(),
            size: name.size,
            created: name.created.clone(),
            ..Listed::default()
        });
        if name.is_tag() {
            listed.names.push(name.name.clone());
        }
        listed.digests.extend(name.by_digest());
        if !name.index.is_empty() {
            listed.index.clone_from(&name.index);
        }
        listed.tagged = std::mem::take(&mut listed.tagged).max(name.tagged.clone());
    }
    let mut all: Vec<Listed> = by_id.into_values().collect();
    for listed in &mut all {
        listed.names.sort();
        listed.digests.sort();
        listed.digests.dedup();
    }
    all.sort_by(|a, b| b.created.cmp(&a.created).then_with(|| a.id.cmp(&b.id)));
    all
}

/// Finds the image that `word` means, in docker's order: name, digest, id, beginning of an id.
fn look_up(names: &[Name], word: &str) -> Option<Listed> {
    let config = by_reference(names, word).or_else(|| by_id(names, word))?;
    let of_image: Vec<Name> = names
        .iter()
        .filter(|name| name.config == config)
        .cloned()
        .collect();
    group(&of_image).pop()
}

fn by_reference<'n>(names: &'n [Name], word: &str) -> Option<&'n str> {
    let reference = Reference::parse(word).ok()?.or_latest();
    let Some(digest) = reference.digest() else {
        let canonical = reference.to_string();
        return names
            .iter()
            .find(|name| name.name == canonical)
            .map(|name| name.config.as_str());
    };
    // a tag beside a digest says nothing that the digest does not
    let repository = reference.name();
    names
        .iter()
        .find(|name| {
            name.repository() == repository && (name.digest == digest || name.manifest == digest)
        })
        .map(|name| name.config.as_str())
}

fn by_id<'n>(names: &'n [Name], word: &str) -> Option<&'n str> {
    let hex = word.strip_prefix("sha256:").unwrap_or(word);
    if hex.is_empty() || !hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
        return None;
    }
    let mut found = None;
    for name in names {
        let ours = name.config.strip_prefix("sha256:").unwrap_or(&name.config);
        if !ours.starts_with(hex) {
            continue;
        }
        if found.is_some_and(|other| other != name.config) {
            return None;
        }
        found = Some(name.config.as_str());
    }
    found
}

#[cfg(test)]
pub(crate) mod tests;
