//! Which images `images` shows: docker's filters over the store's names (daemon/images/images.go).

use jiff::Timestamp;

use crate::error::{Error, Kind, Result};
use crate::grammar::filter::{Filters, matches_reference};
use crate::grammar::reference::Reference;
use crate::store::Store;
use crate::store::images::Listed;

/// What `images --filter` takes.
pub(crate) const KEYS: &[&str] = &["before", "dangling", "label", "reference", "since", "until"];

/// Returns the images that fit all of `filters`, the newest first, each with the names that fit `reference`.
///
/// `moment` reads the time that `until` names.
pub(crate) fn list(
    store: &Store,
    filters: &Filters,
    moment: impl Fn(&str) -> Result<Timestamp>,
) -> Result<Vec<Listed>> {
    let mut all = store.images().list()?;
    if filters.is_empty() {
        return Ok(all);
    }
    if let Some(dangling) = filters.boolean("dangling")? {
        all.retain(|i| is_dangling(i, dangling));
    }
    let last = |key: &str| filters.get(key).last();
    if let Some(word) = last("before") {
        let bound = created(&find(store, word)?);
        all.retain(|i| {
            created(i)
                .zip(bound)
                .is_some_and(|(made, bound)| made < bound)
        });
    }
    if let Some(word) = last("since") {
        let bound = created(&find(store, word)?);
        all.retain(|i| created(i) > bound);
    }
    if let Some(text) = last("until") {
        let bound = moment(text).map_err(|e| invalid(e.to_string()))?;
        all.retain(|i| created(i).is_some_and(|made| made < bound));
    }
    if filters.has("reference") {
        all.retain_mut(|i| keep_names(i, filters.get("reference")));
    }
    if filters.has("label") {
        keep_labelled(store, &mut all, filters)?;
    }
    Ok(all)
}

fn invalid(text: String) -> Error {
    Error::new(Kind::Invalid, text)
}

fn find(store: &Store, word: &str) -> Result<Listed> {
    store
        .images()
        .look_up(word)?
        .ok_or_else(|| crate::store::images::no_such(word))
}

/// `None`: the image does not say when it was made, which docker counts as before everything.
fn created(image: &Listed) -> Option<Timestamp> {
    image.created.parse().ok()
}

/// An image that only a digest names counts as dangling and as not dangling.
fn is_dangling(image: &Listed, wanted: bool) -> bool {
    match wanted {
        true => image.names.is_empty(),
        false => !image.names.is_empty() || !image.digests.is_empty(),
    }
}

/// Keeps the names that fit one of `patterns`; says whether there are any.
fn keep_names(image: &mut Listed, patterns: &[String]) -> bool {
    let fits = |name: &String| {
        let Ok(reference) = Reference::parse(name) else {
            return false;
        };
        let (whole, short) = (reference.familiar(), reference.familiar_name());
        patterns
            .iter()
            .any(|p| matches_reference(p, &whole) || matches_reference(p, &short))
    };
    image.names.retain(fits);
    image.digests.retain(fits);
    !image.names.is_empty() || !image.digests.is_empty()
}

/// Reads the configuration of each image, which nothing else here needs.
fn keep_labelled(store: &Store, all: &mut Vec<Listed>, filters: &Filters) -> Result<()> {
    let mut kept = Vec::new();
    for image in all.drain(..) {
        if filters.labels("label", &store.images().config(&image.id)?.config.labels) {
            kept.push(image);
        }
    }
    *all = kept;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reference_keeps_the_names_that_fit() {
        let image = || Listed {
            names: vec![
                "docker.io/library/debian:12".to_owned(),
                "docker.io/me/x:1".to_owned(),
            ],
            digests: vec![format!(
                "docker.io/library/debian@sha256:{}",
                "a".repeat(64)
            )],
            ..Listed::default()
        };
        for (patterns, want) in [
            (vec!["debian"], (true, 1, 1)),
            (vec!["debian:12"], (true, 1, 0)),
            (vec!["me/*"], (true, 1, 0)),
            (vec!["debian:*", "me/x"], (true, 2, 0)),
            (vec!["nope"], (false, 0, 0)),
        ] {
            let mut image = image();
            let patterns: Vec<String> = patterns.iter().map(|p| (*p).to_owned()).collect();
            let kept = keep_names(&mut image, &patterns);
            assert_eq!(
                (kept, image.names.len(), image.digests.len()),
                want,
                "{patterns:?}"
            );
        }
    }
}
