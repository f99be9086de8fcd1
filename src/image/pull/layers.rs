//! The layers of a pull: the network on the calling thread, each missing layer on one of a few others.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use oci_client::manifest::OciDescriptor;

use crate::error::{Error, Kind, Result};
use crate::image::progress::{Progress, Step};
use crate::image::unpack;
use crate::registry::{Blob, Fetcher, Moved, Remote, orders};
use crate::store::Store;
use crate::store::layers::{Source, Stage, Staging};
use crate::sys::thread;

/// Layers in flight: each costs two or three threads and about 2 MiB.
const MOST_WORKERS: usize = 8;

/// A layer that is missing.
pub(super) struct Layer<'a> {
    pub(super) blob: &'a OciDescriptor,
    pub(super) diff_id: &'a str,
    /// As it is shown.
    pub(super) id: &'a str,
}

/// The first failure among the layers; the others stop when they see it.
#[derive(Default)]
struct Failure(Mutex<Option<Error>>);

impl Failure {
    fn is_set(&self) -> bool {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .is_some()
    }

    fn set(&self, e: Error) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get_or_insert(e);
    }

    fn into_result(self) -> Result<()> {
        self.0
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner)
            .map_or(Ok(()), Err)
    }
}

/// What the layers' threads share.
pub(super) struct Layers<'a> {
    pub(super) store: &'a Store,
    pub(super) progress: &'a dyn Progress,
    /// Registry and repository that they come from.
    pub(super) repository: &'a str,
}

impl<'a> Layers<'a> {
    /// Runs the network on this thread and the layers on others until all are there or one has failed.
    pub(super) fn fetch(&self, remote: &Remote, missing: &[Layer<'_>]) -> Result<()> {
        if missing.is_empty() {
            return Ok(());
        }
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let workers = missing.len().min((cores + 1).max(4)).min(MOST_WORKERS);
        let (fetcher, orders) = orders();
        let next = AtomicUsize::new(0);
        let failure = Failure::default();
        std::thread::scope(|scope| {
            for _ in 0..workers {
                let (fetcher, next, failure) = (fetcher.clone(), &next, &failure);
                let work = move || {
                    while let Some(layer) = missing.get(next.fetch_add(1, Ordering::Relaxed)) {
                        if failure.is_set() {
                            break;
                        }
                        if let Err(e) = self.layer(layer, &fetcher, failure) {
                            failure.set(e);
                        }
                    }
                };
                if let Err(e) = thread::spawn_scoped(scope, "layer", work) {
                    failure.set(e.into());
                }
            }
            drop(fetcher);
            remote.serve(orders);
        });
        failure.into_result()
    }

    /// Brings one layer into the store.
    fn layer(&self, layer: &Layer<'_>, fetcher: &Fetcher<'a>, failure: &Failure) -> Result<()> {
        let staging = match self.store.layers().stage(layer.diff_id)? {
            Stage::Present => {
                self.progress.layer(layer.id, Step::Done);
                return Ok(());
            }
            Stage::Make(staging) => staging,
        };
        let partial = self.store.blobs().partial(&layer.blob.digest);
        let was_resumed = fs_err::metadata(&partial).is_ok_and(|m| m.len() > 0);
        match self.attempt(layer, staging, fetcher, failure) {
            Err(e) if e.kind() == Kind::Corrupt && was_resumed && !failure.is_set() => {}
            other => return other,
        }
        // The old prefix may have been the wrong part (a power cut): once more without it.
        match self.store.layers().stage(layer.diff_id)? {
            Stage::Present => Ok(()),
            Stage::Make(staging) => self.attempt(layer, staging, fetcher, failure),
        }
    }

    /// Fetches and unpacks one layer into its staging folder and publishes it.
    fn attempt(
        &self,
        layer: &Layer<'_>,
        staging: Staging<'_>,
        fetcher: &Fetcher<'a>,
        failure: &Failure,
    ) -> Result<()> {
        let partial = self.store.blobs().partial(&layer.blob.digest);
        let size = layer.blob.size as u64;
        // the layer's thread ends before the network thread does, so the watch owns what it needs
        let (progress, id) = (self.progress, layer.id.to_owned());
        let watch = move |moved| match moved {
            Moved::Bytes(done) => progress.layer(&id, Step::Downloading(done, size)),
            Moved::Waiting(wait) => progress.layer(&id, Step::Retrying(wait)),
            Moved::Verified => progress.layer(&id, Step::Downloaded),
        };
        let mut body = fetcher.fetch(Blob {
            digest: layer.blob.digest.clone(),
            size,
            partial: Some(partial.clone()),
            watch: Box::new(watch),
        });
        let next = || if failure.is_set() { None } else { body.chunk() };
        let unpacked = unpack::layer(next, staging.path(), &unpack::Limits::default());
        let outcome = match unpacked {
            Ok(unpacked) => body.verdict().map(|()| unpacked),
            // A damaged body shows first as damaged gzip or tar; its digest is the better word for it.
            Err(e) if e.kind() == Kind::Corrupt && !failure.is_set() => {
                Err(body.verdict().err().unwrap_or(e))
            }
            Err(e) => Err(e),
        };
        let unpacked = outcome.inspect_err(|e| {
            // what a cut connection left is good for the next try; anything else is not
            if e.kind() != Kind::Network && !failure.is_set() {
                let _ = fs_err::remove_file(&partial);
            }
        })?;
        if unpacked.diff_id != layer.diff_id {
            let _ = fs_err::remove_file(&partial);
            return Err(Error::new(
                Kind::Corrupt,
                format!("layer {} is not what the image says", layer.blob.digest),
            )
            .because(format!(
                "its content is {}, the configuration wants {}",
                unpacked.diff_id, layer.diff_id
            )));
        }
        staging.publish(&unpacked, Some(source(self.repository, layer.blob)))?;
        // gone or never made: both fine, and a leftover is swept later
        let _ = fs_err::remove_file(&partial);
        self.progress.layer(layer.id, Step::Done);
        Ok(())
    }
}

/// Where the layer is, so that a push can mount or send the same blob again.
pub(super) fn source(repository: &str, blob: &OciDescriptor) -> Source {
    Source {
        repository: repository.to_owned(),
        digest: blob.digest.clone(),
        size: blob.size as u64,
        media_type: blob.media_type.clone(),
    }
}
