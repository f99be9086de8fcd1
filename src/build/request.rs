//! What a build is asked for, free of flags.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};

use crate::grammar::annotation::Annotation;
use crate::grammar::platform::Platform;
use crate::store::containers::Ulimit;

/// One build.
#[derive(Debug, Clone, Default)]
pub(crate) struct Request {
    /// The Dockerfile's bytes.
    pub(crate) dockerfile: Vec<u8>,
    /// Its name as it is shown: `Dockerfile`.
    pub(crate) dockerfile_name: String,
    /// The folder of the context; `None`: there is none.
    pub(crate) context: Option<PathBuf>,
    /// Lines of the ignore file, cleaned.
    pub(crate) ignore: Vec<String>,
    /// Bytes of the ignore file, for the progress.
    pub(crate) ignore_size: u64,
    /// `--build-context`.
    pub(crate) contexts: BTreeMap<String, Named>,
    /// `--build-arg`, already looked up.
    pub(crate) build_args: BTreeMap<String, String>,
    /// `--label`.
    pub(crate) labels: Vec<(String, String)>,
    /// `--target`.
    pub(crate) target: Option<String>,
    /// `--platform`, each once; empty: this machine's.
    pub(crate) platforms: Vec<Platform>,
    /// `--annotation`.
    pub(crate) annotations: Vec<Annotation>,
    /// `--no-cache`.
    pub(crate) no_cache: bool,
    /// `--no-cache-filter`: names of stages, lower case.
    pub(crate) no_cache_filter: Vec<String>,
    /// `--pull`.
    pub(crate) pull: bool,
    /// `--network`: `default`, `none`, `host`.
    pub(crate) network: String,
    /// `--add-host` as `name:address`.
    pub(crate) add_hosts: Vec<String>,
    /// `--shm-size`.
    pub(crate) shm_size: i64,
    /// `--ulimit`.
    pub(crate) ulimits: Vec<Ulimit>,
    /// `--secret` by id.
    pub(crate) secrets: BTreeMap<String, Secret>,
    /// `--ssh` by id: the agent's socket.
    pub(crate) ssh: BTreeMap<String, PathBuf>,
    /// `--allow`: `network.host`, `security.insecure`.
    pub(crate) allow: BTreeSet<String>,
    /// Canonical names of `-t`.
    pub(crate) tags: Vec<String>,
    /// SOURCE_DATE_EPOCH, seconds since 1970.
    pub(crate) epoch: Option<i64>,
    /// `rewrite-timestamp=true` of the output.
    pub(crate) rewrite_timestamp: bool,
    /// `--storage-driver`.
    pub(crate) storage_driver: Option<String>,
    /// Registries and logins.
    pub(crate) settings: crate::registry::Settings,
    /// Write the image into the store; else the caller only takes its layers.
    pub(crate) write_image: bool,
    /// How layers are compressed for a registry; `None`: as it is usual.
    pub(crate) compression: Option<crate::image::push::Compression>,
    /// `--cache-from`.
    pub(crate) cache_from: Vec<super::exchange::From>,
    /// `--cache-to`.
    pub(crate) cache_to: Vec<super::exchange::To>,
    /// The signal by which the build is to end; 0: none has come.
    pub(crate) canceled: Arc<AtomicI32>,
    /// Open a shell in the state of a step that failed.
    pub(crate) shell_on_error: bool,
    /// Say why steps were not cached.
    pub(crate) explain: bool,
}

impl Request {
    /// Whether somebody outside wants it to end.
    pub(crate) fn is_canceled(&self) -> bool {
        self.canceled.load(Ordering::Relaxed) != 0
    }

    /// The platforms to build for.
    pub(crate) fn targets(&self) -> Vec<Platform> {
        match self.platforms.is_empty() {
            true => vec![Platform::host()],
            false => self.platforms.clone(),
        }
    }
}

/// What a name stands for instead of a stage or image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Named {
    /// A folder of the host.
    Folder(PathBuf),
    /// `docker-image://`.
    Image(String),
}

/// Where a secret comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Secret {
    /// A file.
    File(PathBuf),
    /// A variable's value.
    Value(String),
}
