//! What a pull (or push, or load) tells while it runs; `ui` shows it, an API would send it.

use std::time::Duration;

/// Listens. Called from several threads.
pub trait Progress: Sync {
    /// A line of its own: `12: Pulling from debian`.
    fn line(&self, text: &str);
    /// A layer, known by twelve digits of its blob's digest, has come to `step`.
    fn layer(&self, id: &str, step: Step);
}

/// Where a layer is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// It is missing here and will be fetched.
    Queued,
    /// The store has it.
    Exists,
    /// Bytes that are here, of all; what is here is mostly unpacked too.
    Downloading(u64, u64),
    /// The registry or the network is given a rest.
    Retrying(Duration),
    /// All bytes are here and match the digest.
    Downloaded,
    /// It is in the store.
    Done,
    /// Another process has just put it there.
    Waiting,
    /// Bytes of an archive's layer that were read, of all.
    Loading(u64, u64),
    /// Bytes of the tar of a root that were read, of all.
    Importing(u64, u64),
    /// A push has it to send, or to find there.
    Preparing,
    /// Bytes that were sent, of all.
    Pushing(u64, u64),
    /// The registry has it now.
    Pushed,
    /// The repository had it.
    Known,
    /// Another repository of the registry had it.
    Mounted(String),
}

impl Step {
    /// Returns how many bytes are done, of how many, for what is shown as a bar.
    pub(crate) fn bytes(&self) -> Option<(u64, u64)> {
        match *self {
            Step::Downloading(done, total)
            | Step::Pushing(done, total)
            | Step::Loading(done, total)
            | Step::Importing(done, total) => Some((done, total)),
            _ => None,
        }
    }

    /// Returns docker's word for it.
    pub fn word(&self) -> String {
        match self {
            Step::Queued => "Pulling fs layer".to_owned(),
            Step::Exists => "Already exists".to_owned(),
            Step::Downloading(..) => "Downloading".to_owned(),
            Step::Retrying(wait) => match wait.as_secs_f64().ceil() as u64 {
                1 => "Retrying in 1 second".to_owned(),
                n => format!("Retrying in {n} seconds"),
            },
            Step::Downloaded => "Download complete".to_owned(),
            Step::Done => "Pull complete".to_owned(),
            Step::Waiting => "Waiting".to_owned(),
            Step::Loading(..) => "Loading layer".to_owned(),
            Step::Importing(..) => "Importing".to_owned(),
            Step::Preparing => "Preparing".to_owned(),
            Step::Pushing(..) => "Pushing".to_owned(),
            Step::Pushed => "Pushed".to_owned(),
            Step::Known => "Layer already exists".to_owned(),
            Step::Mounted(repository) => format!("Mounted from {repository}"),
        }
    }
}

/// Listens to nothing.
pub struct Silent;

impl Progress for Silent {
    fn line(&self, _: &str) {}
    fn layer(&self, _: &str, _: Step) {}
}
