//! Layers and history to an image in the store.

use std::time::Instant;

use oci_client::manifest::IMAGE_LAYER_MEDIA_TYPE;

use super::document;
use super::exchange::{self, Record};
use super::plan::Stage;
use super::progress::{Board, End};
use super::request::Request;
use super::solve::{Built, Outcome};
use crate::error::Result;
use crate::grammar::reference::Reference;
use crate::image::archive::write::Member;
use crate::image::config::ImageConfig;
use crate::image::save;
use crate::store::blobs::digest_of;
use crate::store::images::Name;
use crate::store::{self, Store};

/// Writes the image and its names.
pub(super) fn export(
    store: &Store,
    request: &Request,
    board: &Board<'_>,
    stage: &Stage,
    outcome: &Outcome,
    records: &[Record],
) -> Result<Built> {
    let work = board.begin("exporting to image");
    let since = Instant::now();
    let image = finished(request, stage, outcome);
    let inline = match is_inline(request) {
        true => Some(exchange::text(records)),
        false => None,
    };
    let extra = inline.as_deref().map(|text| (exchange::MEMBER, text));
    let config = document::bytes(&image, extra);
    let id = digest_of(&config);
    let manifest = manifest(store, &config, &id, &image)?;
    let digest = digest_of(&manifest);
    work.status("exporting layers", 0, since);
    let built = Built {
        id: id.clone(),
        manifest: digest.clone(),
        config: image.clone(),
        document: config.clone(),
    };
    if !request.write_image {
        work.end(End::Done);
        return Ok(built);
    }
    let blobs = store.blobs();
    blobs.put(&id, &config)?;
    blobs.put(&digest, &manifest)?;
    work.status(format!("writing image {id}"), 0, since);
    let mut size = 0;
    for layer in &image.rootfs.diff_ids {
        size += store.layers().size(layer)?;
    }
    let known = store.images().names()?;
    let name = |name: &str| Name {
        name: name.to_owned(),
        manifest: digest.clone(),
        config: id.clone(),
        size,
        created: image.created.clone().unwrap_or_default(),
        tagged: store::now(),
        digest: String::new(),
    };
    let wanted: Vec<Name> = match request.tags.is_empty() {
        true if known.iter().any(|n| n.config == id) => Vec::new(),
        true => vec![name("")],
        false => request.tags.iter().map(|tag| name(tag)).collect(),
    };
    // a rebuild that changes nothing writes nothing
    let is_new = |n: &Name| {
        !known
            .iter()
            .any(|k| k.name == n.name && k.config == n.config)
    };
    let fresh: Vec<Name> = wanted.into_iter().filter(is_new).collect();
    if !fresh.is_empty() {
        store.images().put_all(fresh)?;
    }
    for tag in &request.tags {
        work.status(format!("naming to {tag}"), 0, since);
    }
    work.end(End::Done);
    Ok(built)
}

/// The image carries the records of its steps.
fn is_inline(request: &Request) -> bool {
    let asked = request.build_args.get("BUILDKIT_INLINE_CACHE");
    request.cache_to.contains(&exchange::To::Inline)
        || asked.is_some_and(|word| crate::grammar::go::boolean(word) == Some(true))
}

/// The configuration with its layers, labels and times.
fn finished(request: &Request, stage: &Stage, outcome: &Outcome) -> ImageConfig {
    let mut image = stage.image.clone();
    for (key, value) in &request.labels {
        image.config.labels.insert(key.clone(), value.clone());
    }
    image.rootfs.kind = "layers".to_owned();
    image.rootfs.diff_ids = outcome.layers.clone();
    let times = times(&outcome.times, stage.inherited, image.created.as_deref());
    for (entry, time) in image.history.iter_mut().zip(&times).skip(stage.inherited) {
        entry.created = Some(time.clone());
    }
    image.created = image
        .history
        .last()
        .and_then(|h| h.created.clone())
        .or(image.created);
    if let Some(epoch) = request.epoch {
        clamp(&mut image, epoch, stage.inherited);
    }
    image
}

/// An entry without a layer has the time of the layer before it; those before the first new one have that one's.
fn times(known: &[Option<String>], inherited: usize, base: Option<&str>) -> Vec<String> {
    let first = known.iter().skip(inherited).flatten().next();
    let mut last = first
        .map(String::as_str)
        .or(base)
        .unwrap_or("1970-01-01T00:00:00Z")
        .to_owned();
    known
        .iter()
        .map(|time| {
            if let Some(time) = time {
                last.clone_from(time);
            }
            last.clone()
        })
        .collect()
}

/// SOURCE_DATE_EPOCH: nothing of ours is later.
fn clamp(image: &mut ImageConfig, epoch: i64, inherited: usize) {
    let Ok(epoch) = jiff::Timestamp::from_second(epoch) else {
        return;
    };
    let text = document::time(epoch);
    for entry in image.history.iter_mut().skip(inherited) {
        let time = entry
            .created
            .as_ref()
            .and_then(|t| t.parse::<jiff::Timestamp>().ok());
        if time.is_none_or(|t| t > epoch) {
            entry.created = Some(text.clone());
        }
    }
    image.created = Some(text);
}

/// The manifest, with the layers as they are here: not compressed.
fn manifest(store: &Store, config: &[u8], id: &str, image: &ImageConfig) -> Result<Vec<u8>> {
    let mut layers = Vec::new();
    for layer in &image.rootfs.diff_ids {
        let size = save::tar_size(store, layer)?;
        layers.push(save::descriptor(IMAGE_LAYER_MEDIA_TYPE, layer, size));
    }
    Ok(save::uncompressed_manifest(
        id,
        config.len() as u64,
        &layers,
    ))
}

/// The members of an archive of what was built.
pub(crate) fn archive(store: &Store, request: &Request, built: &Built) -> Result<Vec<Member>> {
    let names: Result<Vec<Reference>> = request.tags.iter().map(|t| Reference::parse(t)).collect();
    save::of_one(store, built.document.clone(), names?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_without_layers_take_the_time_of_the_layer_before() {
        let known = |list: &[&str]| -> Vec<Option<String>> {
            list.iter()
                .map(|t| (!t.is_empty()).then(|| (*t).to_owned()))
                .collect()
        };
        assert_eq!(
            times(&known(&["b", "", "1", "", "2", ""]), 1, Some("b")),
            ["b", "b", "1", "1", "2", "2"]
        );
        assert_eq!(times(&known(&["", "1"]), 0, None), ["1", "1"]);
        assert_eq!(times(&known(&["b", ""]), 1, Some("b")), ["b", "b"]);
    }
}
