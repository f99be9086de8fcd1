//! A container's changes as a new image.
//!
//! The container stays what it is: its upper folder is copied into the layer, by unpacking the tar that its survey
//! writes. Killed at any line: a draft, swept later; a container that was paused for it stays paused.

use super::{files, stop};
use crate::error::Result;
use crate::grammar::reference::Reference;
use crate::image::config::{History, ImageConfig, RootFs};
use crate::image::pack::EMPTY_DIFF_ID;
use crate::image::{change, import};
use crate::store::containers::{Found, Record, Status};
use crate::store::{Store, now};

/// What to make of the container.
#[derive(Debug, Default)]
pub(crate) struct Request {
    /// `-a`.
    pub(crate) author: String,
    /// `-m`.
    pub(crate) message: String,
    /// Instructions of a Dockerfile (`-c`).
    pub(crate) changes: Vec<String>,
    /// The container stands still meanwhile.
    pub(crate) pause: bool,
    /// The name to give the image.
    pub(crate) name: Option<Reference>,
}

/// Commits; returns the image's id.
pub(crate) fn commit(store: &Store, container: &Found, request: &Request) -> Result<String> {
    let record = &container.record;
    // before anything is paused or copied
    let mut config = record.config.clone();
    change::apply(&mut config, &request.changes)?;
    let pause = request.pause && container.is_running && container.state.status == Status::Running;
    if pause {
        stop::pause(store, container, true)?;
    }
    let made = files::changes(store, container).and_then(|changes| changes.commit(store));
    if pause {
        let paused = store.containers().find(container.id())?;
        // somebody else may have thawed it
        if paused.state.status == Status::Paused {
            stop::pause(store, &paused, false)?;
        }
    }
    let layer = made?;
    let mut image = base(store, record);
    let time = now();
    let text = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    image.created = Some(time.clone());
    image.author = text(&request.author);
    image.history.push(History {
        created: Some(time),
        created_by: text(&record.config.cmd.clone().unwrap_or_default().join(" ")),
        author: text(&request.author),
        comment: text(&request.message),
        empty_layer: layer.diff_id == EMPTY_DIFF_ID,
    });
    if layer.diff_id != EMPTY_DIFF_ID {
        image.rootfs.diff_ids.push(layer.diff_id);
    }
    // what belongs to this container alone
    config.hostname.clear();
    config.domainname.clear();
    (
        config.attach_stdin,
        config.attach_stdout,
        config.attach_stderr,
    ) = (false, false, false);
    (config.tty, config.open_stdin, config.stdin_once) = (false, false, false);
    image.config = config;
    import::keep(store, &image, request.name.as_ref())
}

/// The image that the container was made of, as far as it is still known.
fn base(store: &Store, record: &Record) -> ImageConfig {
    let (os, rest) = record.platform.split_once('/').unwrap_or(("linux", ""));
    let (architecture, variant) = rest.split_once('/').unwrap_or((rest, ""));
    let known = store.images().config(&record.image_id).unwrap_or_default();
    ImageConfig {
        os: os.to_owned(),
        architecture: architecture.to_owned(),
        variant: Some(variant.to_owned()).filter(|v| !v.is_empty()),
        rootfs: RootFs {
            kind: "layers".to_owned(),
            diff_ids: record.layers.clone(),
        },
        history: known.history,
        ..ImageConfig::default()
    }
}
