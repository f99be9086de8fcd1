//! What the user meant, free of flags: the one argument of `create`.

use std::collections::BTreeMap;

use crate::image::config::Healthcheck;
use crate::store::containers::{HostConfig, MountPoint};
use crate::store::networks::Wish;
use crate::store::volumes;

/// A container to be made. `None` means: as the image says.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// Image reference or id (prefix) as the user wrote it.
    pub image: String,
    /// `--name`, already checked by grammar.
    pub name: Option<String>,
    /// `--platform`.
    pub platform: Option<String>,
    /// Words after the image: replaces CMD.
    pub cmd: Option<Vec<String>>,
    /// `--entrypoint`; an empty list clears the image's, and both forms clear the image's CMD.
    pub entrypoint: Option<Vec<String>>,
    /// `KEY=value` of `-e` and `--env-file`, already looked up on the host; later wins.
    pub env: Vec<String>,
    /// `--unsetenv-all`: nothing of the image's.
    pub clear_env: bool,
    /// `--user`.
    pub user: Option<String>,
    /// `--workdir`.
    pub working_dir: Option<String>,
    /// `--hostname`.
    pub hostname: Option<String>,
    /// `--domainname`.
    pub domainname: Option<String>,
    /// `--label`, `--label-file`.
    pub labels: BTreeMap<String, String>,
    /// `--expose`: `80/tcp`.
    pub expose: Vec<String>,
    /// `-t`.
    pub tty: bool,
    /// `-i`.
    pub open_stdin: bool,
    /// Which of stdin, stdout, stderr the command attaches.
    pub attach: [bool; 3],
    /// `--stop-signal`.
    pub stop_signal: Option<String>,
    /// `--stop-timeout`, seconds.
    pub stop_timeout: Option<i64>,
    /// `--health-*` (fields left 0 or empty inherit the image's); `["NONE"]` for `--no-healthcheck`.
    pub healthcheck: Option<Healthcheck>,
    /// `-v`, `--mount` in the order given. A volume's name is empty for an anonymous one; `source` is absolute for binds,
    /// empty for volumes until `create` resolves it.
    pub mounts: Vec<MountPoint>,
    /// Named volumes among the mounts that get labels or options when they are made.
    pub volumes: Vec<volumes::Request>,
    /// `--network` with what belongs to it, in order; empty for modes that are no networks.
    pub networks: Vec<Wish>,
    /// Everything else, docker's HostConfig.
    pub host: HostConfig,
}
