//! The image configuration (OCI image-spec, config.md) with docker's additions (Healthcheck, OnBuild, Shell).
//!
//! Our own types and not oci-spec's, since that has no room for docker's additions and they must survive a round trip.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Kind, Result};
use crate::grammar::platform::Platform;
use crate::grammar::reference::check_digest;

/// A whole image configuration document.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ImageConfig {
    /// RFC 3339 time of creation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<String>,
    /// Who made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// CPU architecture in Go's words (`amd64`).
    #[serde(default)]
    pub architecture: String,
    /// CPU variant (`v8`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
    /// Operating system in Go's words (`linux`).
    #[serde(default)]
    pub os: String,
    /// How to run it.
    #[serde(default, deserialize_with = "null_default")]
    pub config: ContainerConfig,
    /// The layers by digest of their uncompressed tar, the lowest first.
    #[serde(default)]
    pub rootfs: RootFs,
    /// How it was made, the oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub history: Vec<History>,
}

impl ImageConfig {
    /// Returns what it is for.
    pub fn platform(&self) -> Platform {
        let variant = self.variant.as_deref().unwrap_or_default();
        Platform::new(&self.os, &self.architecture, variant)
    }

    /// Says that it is for `platform`, unless a machine of that one runs it as it is.
    pub fn set_platform(&mut self, platform: &Platform) {
        if !platform.matches(&self.platform()) {
            self.os.clone_from(&platform.os);
            self.architecture.clone_from(&platform.architecture);
            self.variant = Some(platform.variant.clone()).filter(|v| !v.is_empty());
        }
    }

    /// Refuses ids of layers that are none: they become names of folders.
    pub fn check(&self) -> Result<()> {
        let is_id = |id: &&String| id.starts_with("sha256:") && check_digest(id).is_ok();
        match self.rootfs.diff_ids.iter().find(|id| !is_id(id)) {
            None => Ok(()),
            Some(id) => Err(Error::new(
                Kind::Corrupt,
                format!("cannot use the layer id `{id}`"),
            )),
        }
    }
}

/// `rootfs` of an image configuration.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct RootFs {
    /// Always `layers`.
    #[serde(rename = "type", default)]
    pub kind: String,
    /// `sha256:...` of each uncompressed layer, the lowest first.
    #[serde(default)]
    pub diff_ids: Vec<String>,
}

/// One step of an image's making.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct History {
    /// RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<String>,
    /// The command.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_by: Option<String>,
    /// Who made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// A free text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// The step made no layer.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub empty_layer: bool,
}

/// How a container runs: `config` of an image, and with a request's overrides `Config` of a container (`docker inspect`).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ContainerConfig {
    /// Host name; empty until a container is made.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub hostname: String,
    /// NIS domain name.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub domainname: String,
    /// `user[:group]`, names or numbers; empty means root.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub user: String,
    /// The starting command attached stdin, stdout, stderr.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub attach_stdin: bool,
    /// See `attach_stdin`.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub attach_stdout: bool,
    /// See `attach_stdin`.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub attach_stderr: bool,
    /// `80/tcp` -> {}.
    #[serde(
        skip_serializing_if = "BTreeMap::is_empty",
        deserialize_with = "null_default"
    )]
    pub exposed_ports: BTreeMap<String, Empty>,
    /// A pseudo terminal is the program's stdio.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub tty: bool,
    /// stdin is a pipe that stays open (`-i`).
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub open_stdin: bool,
    /// stdin closes when the first attached client leaves.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub stdin_once: bool,
    /// `KEY=value`.
    #[serde(
        skip_serializing_if = "Vec::is_empty",
        deserialize_with = "null_default"
    )]
    pub env: Vec<String>,
    /// Arguments of the entrypoint, or the command itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cmd: Option<Vec<String>>,
    /// The program and its first arguments.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entrypoint: Option<Vec<String>>,
    /// Health check of the image or request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub healthcheck: Option<Healthcheck>,
    /// Name of the image as the user wrote it (containers only).
    #[serde(skip_serializing_if = "String::is_empty")]
    pub image: String,
    /// Paths that get an anonymous volume.
    #[serde(
        skip_serializing_if = "BTreeMap::is_empty",
        deserialize_with = "null_default"
    )]
    pub volumes: BTreeMap<String, Empty>,
    /// Directory the program starts in; empty means `/`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub working_dir: String,
    /// Build triggers.
    #[serde(
        skip_serializing_if = "Vec::is_empty",
        deserialize_with = "null_default"
    )]
    pub on_build: Vec<String>,
    /// User's labels.
    #[serde(
        skip_serializing_if = "BTreeMap::is_empty",
        deserialize_with = "null_default"
    )]
    pub labels: BTreeMap<String, String>,
    /// Signal that asks the program to end (`SIGTERM` when absent).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stop_signal: Option<String>,
    /// CMD is one of BuildKit's, which writes this with each.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub args_escaped: bool,
    /// Seconds between the stop signal and SIGKILL (10 when absent).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stop_timeout: Option<i64>,
    /// Shell of the shell forms of RUN, CMD and ENTRYPOINT.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shell: Option<Vec<String>>,
}

/// JSON's `{}`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Empty {}

/// A health check; the times are nanoseconds, 0 means the default (30 s, 30 s, 0 s, 5 s; 3 retries).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Healthcheck {
    /// `["NONE"]`, `["CMD", ...]` or `["CMD-SHELL", text]`; empty inherits.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub test: Vec<String>,
    /// Between two checks, ns.
    #[serde(skip_serializing_if = "is_zero")]
    pub interval: i64,
    /// Of one check, ns.
    #[serde(skip_serializing_if = "is_zero")]
    pub timeout: i64,
    /// Failures before this time after the start do not count, ns.
    #[serde(skip_serializing_if = "is_zero")]
    pub start_period: i64,
    /// Between two checks during the start period, ns.
    #[serde(skip_serializing_if = "is_zero")]
    pub start_interval: i64,
    /// Consecutive failures until unhealthy.
    #[serde(skip_serializing_if = "is_zero")]
    pub retries: i64,
}

fn is_zero(n: &i64) -> bool {
    *n == 0
}

/// Go writes `null` for an empty map or list.
pub(crate) fn null_default<'de, D: serde::Deserializer<'de>, T: Default + Deserialize<'de>>(
    d: D,
) -> Result<T, D::Error> {
    Ok(Option::<T>::deserialize(d)?.unwrap_or_default())
}
