//! Request to record: how a container runs is decided here, once, from what was meant and what the image says.
//!
//! The record is written first and its name last (`store::containers`), then the root's folders and the volumes are made:
//! a killed creator leaves either nothing or a container whose missing parts the next start makes.

use std::collections::BTreeMap;

use crate::container::{limits, links, request::Request, rootfs, security};
use crate::error::{Error, Kind, Result};
use crate::grammar::{env, go, units};
use crate::host::storage::Rung;
use crate::image::config::{ContainerConfig, Empty, Healthcheck, ImageConfig};
use crate::network::plan::Tool;
use crate::store::containers::{HostConfig, Record};
use crate::store::networks::Wish;
use crate::store::{self, Store};

pub(crate) mod mounts;
mod names;

/// The image that a container is made from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct From<'a> {
    /// `sha256:...` of its configuration.
    pub(crate) id: &'a str,
    /// Its configuration.
    pub(crate) config: &'a ImageConfig,
}

/// Tries of a random name before a digit is put behind it.
const NAME_TRIES: usize = 6;

/// Makes a container that is not running. `rung`: how its root is put together on this host.
///
/// `Kind::Conflict` when the name is taken, with docker's text.
pub(crate) fn create(
    store: &Store,
    mut request: Request,
    image: From<'_>,
    rung: &Rung,
) -> Result<Record> {
    let id = store::new_id()?;
    let name = request.name.take();
    let mut host = std::mem::take(&mut request.host);
    resolve_others(store, &mut host)?;
    check(&host)?;
    host.security_opt = host
        .security_opt
        .iter()
        .map(|opt| security::self_contained(opt))
        .collect::<Result<_>>()?;
    let mut config = merge(&request, &image.config.config)?;
    config.hostname = hostname(store, &config, &host, &id)?;
    check_published(&host)?;
    let networks = networks(store, &mut host, std::mem::take(&mut request.networks))?;
    for volume in std::mem::take(&mut request.volumes) {
        // their options say where they lie
        store.volumes().create(volume)?;
    }
    let mut mounts = mounts::resolve(store, &request.mounts, &config, &host)?;
    mounts::check_sources(&mounts)?;
    mounts.sort_by(|a, b| a.destination.cmp(&b.destination));
    let is_host = image.id == rootfs::host::NAME;
    let mut record = Record {
        created: store::now(),
        image_id: image.id.to_owned(),
        platform: platform(image.config),
        layers: image.config.rootfs.diff_ids.clone(),
        config,
        host,
        networks,
        is_off_all: false,
        mounts,
        driver: if is_host {
            rootfs::host::NAME
        } else {
            rung.driver.name()
        }
        .to_owned(),
        writable: match is_host {
            true => rootfs::host::elsewhere(store.paths(), &id),
            false => rung.writable.as_ref().map(|folder| folder.join(&id)),
        },
        id,
        name: String::new(),
    };
    for link in &record.host.links {
        links::target(store, link)?;
    }
    put(store, &mut record, name)?;
    let made = rootfs::prepare(&record, store.paths(), &|layer| store.layer_path(layer))
        .and_then(|()| mounts::make_volumes(store, &record.mounts));
    if let Err(e) = made {
        // the first error is the one to tell
        store.containers().remove(&record.id).ok();
        return Err(e);
    }
    Ok(record)
}

/// Writes the record; without a name, under a random one.
fn put(store: &Store, record: &mut Record, name: Option<String>) -> Result<()> {
    if let Some(name) = name {
        record.name = name;
        return store.containers().create(record);
    }
    for attempt in 0.. {
        record.name = names::random()?;
        if attempt >= NAME_TRIES {
            record.name += &(attempt - NAME_TRIES).to_string();
        }
        match store.containers().create(record) {
            Err(e) if e.kind() == Kind::Conflict && attempt < 10 * NAME_TRIES => {}
            other => return other,
        }
    }
    unreachable!("the loop ends by its own return")
}

/// `container:NAME` modes keep the id, so that a rename of the other does not break them.
fn resolve_others(store: &Store, host: &mut HostConfig) -> Result<()> {
    for mode in [
        &mut host.network_mode,
        &mut host.pid_mode,
        &mut host.ipc_mode,
    ] {
        if let Some(other) = mode.strip_prefix("container:") {
            *mode = format!("container:{}", store.containers().find(other)?.id());
        }
    }
    Ok(())
}

/// What docker's daemon refuses, whatever the image.
fn check(host: &HostConfig) -> Result<()> {
    security::capabilities(host)?;
    security::options(&host.security_opt)?;
    limits::check(host)
}

/// Checks the networks that a container is to be on, and names them as they are called. Docker's words.
fn networks(store: &Store, host: &mut HostConfig, wishes: Vec<Wish>) -> Result<Vec<Wish>> {
    if host.network_mode.starts_with("container:") || Tool::of(&host.network_mode).is_some() {
        return Ok(Vec::new());
    }
    let by_mode = Wish {
        network: match host.network_mode.as_str() {
            "" => "bridge".to_owned(),
            name => name.to_owned(),
        },
        ..Wish::default()
    };
    let wishes = if wishes.is_empty() {
        vec![by_mode]
    } else {
        wishes
    };
    let mut all = Vec::new();
    for mut wish in wishes {
        let network = store.networks().find(&wish.network)?;
        if network.is_built_in() && (wish.address.is_some() || wish.address6.is_some()) {
            let text = format!(
                "invalid config for network {}: invalid endpoint settings:\n* user specified IP address is supported on user defined networks only",
                network.name
            );
            return Err(Error::new(Kind::Invalid, text));
        }
        for address in [wish.address, wish.address6].into_iter().flatten() {
            if !network.pools.iter().any(|p| p.subnet.contains(address)) {
                let text = format!(
                    "invalid config for network {}: invalid endpoint settings:\nno configured subnet or ip-range contain the IP address {address}",
                    network.name
                );
                return Err(Error::new(Kind::Invalid, text));
            }
        }
        if all.is_empty() {
            host.network_mode.clone_from(&network.name);
        }
        if !network.pools.is_empty() {
            wish.network = network.name;
            all.push(wish);
        }
    }
    Ok(all)
}

/// What a relay cannot carry.
fn check_published(host: &HostConfig) -> Result<()> {
    match host.port_bindings.keys().find(|k| k.ends_with("/sctp")) {
        None => Ok(()),
        Some(port) => Err(Error::new(
            Kind::Invalid,
            format!("cannot publish port {port}: protocol not supported"),
        )
        .hint("TCP and UDP can be published")),
    }
}

fn hostname(
    store: &Store,
    config: &ContainerConfig,
    host: &HostConfig,
    id: &str,
) -> Result<String> {
    let conflict = |with: &str| {
        Error::new(
            Kind::Invalid,
            format!("conflicting options: hostname and the {with} mode"),
        )
    };
    let own = || {
        nix::unistd::gethostname()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default()
    };
    if let Some(other) = host.network_mode.strip_prefix("container:") {
        if !config.hostname.is_empty() {
            return Err(conflict("network"));
        }
        return Ok(store.containers().record(other)?.config.hostname);
    }
    if host.uts_mode == "host" && !config.hostname.is_empty() {
        return Err(conflict("UTS"));
    }
    Ok(match config.hostname.as_str() {
        "" if host.network_mode == "host" => own(),
        "" => id[..12].to_owned(),
        name => name.to_owned(),
    })
}

/// The request over the image's configuration (moby's `runconfig.Merge`).
fn merge(request: &Request, image: &ContainerConfig) -> Result<ContainerConfig> {
    let mut labels = image.labels.clone();
    labels.extend(request.labels.clone());
    let mut exposed = image.exposed_ports.clone();
    exposed.extend(request.expose.iter().map(|port| (port.clone(), Empty {})));
    let mut volumes = image.volumes.clone();
    let anonymous = request.mounts.iter().filter(|m| m.anonymous);
    volumes.extend(anonymous.map(|m| (m.destination.clone(), Empty {})));
    // a CMD belongs to the entrypoint that it was written for
    let (entrypoint, inherited) = match &request.entrypoint {
        Some(own) => (Some(own.clone()).filter(|e| !e.is_empty()), None),
        None => (image.entrypoint.clone(), image.cmd.clone()),
    };
    let cmd = request.cmd.clone().or(inherited);
    if entrypoint
        .iter()
        .flatten()
        .chain(cmd.iter().flatten())
        .next()
        .is_none()
    {
        return Err(Error::new(Kind::Invalid, "no command specified"));
    }
    let text = |own: &Option<String>, image: &str| own.clone().unwrap_or_else(|| image.to_owned());
    Ok(ContainerConfig {
        hostname: request.hostname.clone().unwrap_or_default(),
        domainname: request.domainname.clone().unwrap_or_default(),
        user: text(&request.user, &image.user),
        args_escaped: false,
        attach_stdin: request.attach[0],
        attach_stdout: request.attach[1],
        attach_stderr: request.attach[2],
        exposed_ports: exposed,
        tty: request.tty,
        open_stdin: request.open_stdin,
        stdin_once: request.open_stdin && request.attach[0],
        env: match request.clear_env {
            true => environment(&request.env, &[]),
            false => environment(&request.env, &image.env),
        },
        cmd,
        entrypoint,
        healthcheck: health(request.healthcheck.as_ref(), image.healthcheck.as_ref()),
        image: request.image.clone(),
        volumes,
        working_dir: working_dir(&text(&request.working_dir, &image.working_dir))?,
        on_build: Vec::new(),
        labels,
        stop_signal: stop_signal(request.stop_signal.as_ref(), image.stop_signal.as_ref())?,
        stop_timeout: request.stop_timeout,
        shell: image.shell.clone(),
    })
}

/// A variable without a value stays in the record, as with docker: it takes the start's own default away (`-e HOSTNAME`).
fn environment(own: &[String], image: &[String]) -> Vec<String> {
    let merged = env::merge(own, image);
    let is_set = |name: &String| merged.iter().any(|v| v.split('=').next() == Some(name));
    let mut all: Vec<String> = Vec::new();
    for name in own.iter().filter(|v| !v.contains('=')) {
        if !is_set(name) && !all.contains(name) {
            all.push(name.clone());
        }
    }
    all.extend(merged);
    all
}

fn health(own: Option<&Healthcheck>, image: Option<&Healthcheck>) -> Option<Healthcheck> {
    let (Some(own), Some(image)) = (own, image) else {
        return own.or(image).cloned();
    };
    let or = |own: i64, image: i64| if own == 0 { image } else { own };
    Some(Healthcheck {
        test: if own.test.is_empty() {
            image.test.clone()
        } else {
            own.test.clone()
        },
        interval: or(own.interval, image.interval),
        timeout: or(own.timeout, image.timeout),
        start_period: or(own.start_period, image.start_period),
        start_interval: or(own.start_interval, image.start_interval),
        retries: or(own.retries, image.retries),
    })
}

fn working_dir(path: &str) -> Result<String> {
    match path {
        "" => Ok(String::new()),
        _ if path.starts_with('/') => Ok(go::clean(path)),
        _ => Err(Error::new(
            Kind::Invalid,
            format!("the working directory '{path}' is invalid, it needs to be an absolute path"),
        )),
    }
}

fn stop_signal(own: Option<&String>, image: Option<&String>) -> Result<Option<String>> {
    if let Some(name) = own {
        units::signal(name)
            .map_err(|_| Error::new(Kind::Invalid, format!("invalid signal: {name}")))?;
    }
    Ok(own.or(image).cloned())
}

fn platform(image: &ImageConfig) -> String {
    let parts = [
        image.os.as_str(),
        image.architecture.as_str(),
        image.variant.as_deref().unwrap_or_default(),
    ];
    let parts: Vec<_> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    parts.join("/")
}

/// The labels of a volume that a container's creation makes.
type Labels = BTreeMap<String, String>;

#[cfg(test)]
mod tests;
