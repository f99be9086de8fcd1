//! Layers and history to an image in the store.

use std::sync::Arc;
use std::time::Instant;

use oci_client::manifest::{IMAGE_LAYER_MEDIA_TYPE, OCI_IMAGE_MEDIA_TYPE};

use super::built::{Built, Image};
use super::document;
use super::exchange::{self, Record};
use super::plan::{Plan, Stage};
use super::progress::{Board, End, Work};
use super::request::Request;
use super::solve::Outcome;
use crate::error::{Error, Kind, Result};
use crate::grammar::annotation::Place;
use crate::grammar::platform::Platform;
use crate::grammar::reference::Reference;
use crate::image::archive::write::Member;
use crate::image::config::ImageConfig;
use crate::image::index::{Annotations, Index, Part};
use crate::image::save::{self, One, Saved};
use crate::store::blobs::digest_of;
use crate::store::images::Name;
use crate::store::{self, Store};

/// Writes the images and their names.
pub(super) fn export(
    store: &Store,
    request: &Request,
    board: &Board<'_>,
    plan: &Plan,
    outcomes: &[Arc<Outcome>],
    records: &[Record],
) -> Result<Built> {
    let work = board.begin("exporting to image");
    let since = Instant::now();
    let mut images = Vec::new();
    for ((platform, target), outcome) in plan.targets.iter().zip(outcomes) {
        let own = records.iter().filter(|r| outcome.keys.contains(&r.key));
        let own: Vec<Record> = own.cloned().collect();
        let stage = &plan.stages[*target];
        images.push(image(store, request, platform, stage, outcome, &own)?);
    }
    let index = match images.as_slice() {
        [_] => None,
        several => Some(index(request, several)),
    };
    if index.is_none() && (has(request, Place::Index) || has(request, Place::IndexDescriptor)) {
        let text = "index annotations not supported for single platform export";
        work.end(End::Failed(text.to_owned()));
        let text = format!("ERROR: failed to solve: {text}");
        return Err(Error::new(Kind::Usage, text));
    }
    work.status("exporting layers", 0, since);
    let built = Built { images, index };
    if request.write_image {
        write(store, request, &built, &work, since)?;
    }
    work.end(End::Done);
    Ok(built)
}

fn has(request: &Request, place: Place) -> bool {
    request
        .annotations
        .iter()
        .any(|a| a.places.contains(&place))
}

fn image(
    store: &Store,
    request: &Request,
    platform: &Platform,
    stage: &Stage,
    outcome: &Outcome,
    records: &[Record],
) -> Result<Image> {
    let config = finished(request, stage, outcome);
    let inline = match is_inline(request) {
        true => Some(exchange::text(records)),
        false => None,
    };
    let extra = inline.as_deref().map(|text| (exchange::MEMBER, text));
    let document = document::bytes(&config, extra);
    let id = digest_of(&document);
    let annotations = annotations(request, Place::Manifest, platform);
    Ok(Image {
        platform: platform.clone(),
        manifest: manifest(store, &document, &id, &config, &annotations)?,
        id,
        config,
        document,
    })
}

fn index(request: &Request, images: &[Image]) -> Index {
    let part = |image: &Image| {
        let annotations = annotations(request, Place::ManifestDescriptor, &image.platform);
        let kind = OCI_IMAGE_MEDIA_TYPE;
        Part::new(kind, &image.manifest, &image.platform, &annotations)
    };
    Index {
        parts: images.iter().map(part).collect(),
        annotations: of_all(request, Place::Index),
    }
}

/// The annotations of one document of the image for `platform`.
fn annotations(request: &Request, place: Place, platform: &Platform) -> Annotations {
    let all = request.annotations.iter();
    all.filter(|a| a.is_for(place, platform))
        .map(|a| (a.key.clone(), a.value.clone()))
        .collect()
}

/// The annotations of a document that there is once.
fn of_all(request: &Request, place: Place) -> Annotations {
    let all = request.annotations.iter();
    all.filter(|a| a.places.contains(&place))
        .map(|a| (a.key.clone(), a.value.clone()))
        .collect()
}

fn write(
    store: &Store,
    request: &Request,
    built: &Built,
    work: &Work<'_>,
    since: Instant,
) -> Result<()> {
    let blobs = store.blobs();
    for image in &built.images {
        blobs.put(&image.id, &image.document)?;
        blobs.put(&digest_of(&image.manifest), &image.manifest)?;
        work.status(format!("writing image {}", image.id), 0, since);
    }
    let index = built.index.as_ref().map(Index::bytes);
    if let Some(index) = &index {
        blobs.put(&digest_of(index), index)?;
        work.status(
            format!("exporting manifest list {}", digest_of(index)),
            0,
            since,
        );
    }
    let main = &built.images[built.main()];
    let mut size = 0;
    for layer in &main.config.rootfs.diff_ids {
        size += store.layers().size(layer)?;
    }
    let known = store.images().names()?;
    let name = |name: &str| Name {
        name: name.to_owned(),
        manifest: digest_of(&main.manifest),
        config: main.id.clone(),
        size,
        created: main.config.created.clone().unwrap_or_default(),
        tagged: store::now(),
        digest: String::new(),
        index: index.as_deref().map(digest_of).unwrap_or_default(),
    };
    let wanted: Vec<Name> = match request.tags.is_empty() {
        true if known.iter().any(|n| n.config == main.id) => Vec::new(),
        true => vec![name("")],
        false => request.tags.iter().map(|tag| name(tag)).collect(),
    };
    // a rebuild that changes nothing writes nothing
    let annotations = annotations(request, Place::Manifest, &main.platform);
    let is_same = |k: &Name, n: &Name| {
        (&k.name, &k.config, &k.index) == (&n.name, &n.config, &n.index)
            // a push gives the manifest another form, with compressed layers
            && save::annotations(store, &k.manifest).ok() == Some(annotations.clone())
    };
    let is_new = |n: &Name| !known.iter().any(|k| is_same(k, n));
    let fresh: Vec<Name> = wanted.into_iter().filter(is_new).collect();
    if !fresh.is_empty() {
        store.images().put_all(fresh)?;
    }
    for tag in &request.tags {
        work.status(format!("naming to {tag}"), 0, since);
    }
    Ok(())
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
fn manifest(
    store: &Store,
    config: &[u8],
    id: &str,
    image: &ImageConfig,
    annotations: &Annotations,
) -> Result<Vec<u8>> {
    let mut layers = Vec::new();
    for layer in &image.rootfs.diff_ids {
        let size = save::tar_size(store, layer)?;
        layers.push(save::descriptor(IMAGE_LAYER_MEDIA_TYPE, layer, size));
    }
    let size = config.len() as u64;
    Ok(save::annotated_manifest(id, size, &layers, annotations))
}

/// The members of an archive of what was built.
pub(crate) fn archive(store: &Store, request: &Request, built: &Built) -> Result<Vec<Member>> {
    let names: Result<Vec<Reference>> = request.tags.iter().map(|t| Reference::parse(t)).collect();
    let one = |image: &Image| One {
        config: image.document.clone(),
        annotations: annotations(request, Place::Manifest, &image.platform),
    };
    let place = match built.index {
        Some(_) => Place::IndexDescriptor,
        None => Place::ManifestDescriptor,
    };
    let saved = Saved {
        images: built.images.iter().map(one).collect(),
        main: built.main(),
        index: built.index.clone(),
        names: names?,
        annotations: of_all(request, place),
    };
    save::of_all(store, vec![saved])
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
