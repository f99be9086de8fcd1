//! Docker's `Config`: how an image or a container runs, as `inspect` prints it (keys, order and nulls of API 1.45).

use std::collections::BTreeMap;

use serde::Serialize;

use crate::image::config::{ContainerConfig, Empty, Healthcheck};

/// `Config` of `docker inspect`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Config<'a> {
    hostname: &'a str,
    domainname: &'a str,
    user: &'a str,
    attach_stdin: bool,
    attach_stdout: bool,
    attach_stderr: bool,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    exposed_ports: &'a BTreeMap<String, Empty>,
    tty: bool,
    open_stdin: bool,
    stdin_once: bool,
    env: Option<&'a [String]>,
    cmd: Option<&'a [String]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    healthcheck: Option<&'a Healthcheck>,
    image: &'a str,
    volumes: Option<&'a BTreeMap<String, Empty>>,
    working_dir: &'a str,
    entrypoint: Option<&'a [String]>,
    on_build: Option<&'a [String]>,
    labels: Option<&'a BTreeMap<String, String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stop_signal: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stop_timeout: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    shell: Option<&'a [String]>,
}

impl<'a> Config<'a> {
    /// Returns an image's `Config`, where docker writes null for no labels.
    pub(crate) fn of_image(c: &'a ContainerConfig) -> Config<'a> {
        Config {
            hostname: &c.hostname,
            domainname: &c.domainname,
            user: &c.user,
            attach_stdin: c.attach_stdin,
            attach_stdout: c.attach_stdout,
            attach_stderr: c.attach_stderr,
            exposed_ports: &c.exposed_ports,
            tty: c.tty,
            open_stdin: c.open_stdin,
            stdin_once: c.stdin_once,
            env: null_if_empty(&c.env),
            cmd: c.cmd.as_deref(),
            healthcheck: c.healthcheck.as_ref(),
            image: &c.image,
            volumes: (!c.volumes.is_empty()).then_some(&c.volumes),
            working_dir: &c.working_dir,
            entrypoint: c.entrypoint.as_deref(),
            on_build: null_if_empty(&c.on_build),
            labels: (!c.labels.is_empty()).then_some(&c.labels),
            stop_signal: c.stop_signal.as_deref(),
            stop_timeout: c.stop_timeout,
            shell: c.shell.as_deref(),
        }
    }

    /// Returns a container's `Config`, where docker writes `{}` for no labels.
    pub(crate) fn of_container(c: &'a ContainerConfig) -> Config<'a> {
        Config {
            labels: Some(&c.labels),
            ..Config::of_image(c)
        }
    }
}

/// Go writes null for a slice that was never made.
pub(super) fn null_if_empty<T>(list: &[T]) -> Option<&[T]> {
    (!list.is_empty()).then_some(list)
}
