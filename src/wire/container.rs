//! Docker's words for a container: what `inspect` prints (keys, order and nulls of API 1.45) and the columns of `ps`.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use jiff::Timestamp;
use serde::Serialize;

use super::config::Config;
use super::host_config::HostConfig;
use super::network::NetworkSettings;
use super::{columns, network, port, time};
use crate::grammar::go;
use crate::grammar::reference::Reference;
use crate::grammar::units::human_size;
use crate::store::containers::{Health, MountPoint, Record, State, Status};
use crate::store::images::Name;

/// One element of `docker inspect CONTAINER`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Details<'a> {
    id: &'a str,
    created: &'a str,
    path: &'a str,
    args: Vec<&'a str>,
    state: StateView<'a>,
    image: &'a str,
    resolv_conf_path: String,
    hostname_path: String,
    hosts_path: String,
    log_path: String,
    name: String,
    restart_count: u32,
    driver: &'a str,
    platform: &'a str,
    mount_label: &'static str,
    process_label: &'static str,
    app_armor_profile: &'static str,
    #[serde(rename = "ExecIDs")]
    exec_ids: Option<Vec<&'a str>>,
    host_config: HostConfig<'a>,
    graph_driver: GraphDriver,
    #[serde(skip_serializing_if = "Option::is_none")]
    size_rw: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    size_root_fs: Option<u64>,
    mounts: Vec<Mount<'a>>,
    config: Config<'a>,
    network_settings: NetworkSettings<'a>,
}

/// `State` of a container.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct StateView<'a> {
    status: Status,
    running: bool,
    paused: bool,
    restarting: bool,
    #[serde(rename = "OOMKilled")]
    oom_killed: bool,
    dead: bool,
    pid: i32,
    exit_code: i32,
    error: &'a str,
    started_at: &'a str,
    finished_at: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    health: Option<&'a Health>,
    /// Not docker's: how user ids are provided.
    #[serde(skip_serializing_if = "str::is_empty")]
    identity: &'a str,
}

/// `GraphDriver`: where the files are.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct GraphDriver {
    pub(super) data: Option<GraphData>,
    pub(super) name: String,
}

/// Folders of an overlay; `LowerDir` has the uppermost first.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GraphData {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) lower_dir: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) merged_dir: String,
    pub(super) upper_dir: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) work_dir: String,
}

/// One element of `Mounts`: docker's members of our mount point.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Mount<'a> {
    #[serde(rename = "Type")]
    kind: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    name: &'a str,
    source: &'a str,
    destination: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    driver: &'a str,
    mode: &'a str,
    #[serde(rename = "RW")]
    rw: bool,
    propagation: &'a str,
}

/// What `inspect` needs beside the record and the state.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    /// The container's folder in the store.
    pub(crate) dir: &'a Path,
    /// Folders of the layers, the uppermost first.
    pub(crate) lower: &'a [std::path::PathBuf],
    /// Bytes in the writable layer and in the whole root, when asked for (`-s`).
    pub(crate) size: Option<(u64, u64)>,
}

impl<'a> Details<'a> {
    /// Returns the whole view; `state` is the truth, not the last claim.
    pub(crate) fn new(record: &'a Record, state: &'a State, place: Place<'_>) -> Details<'a> {
        let command = command(record);
        let started = time::parse(&state.started_at).is_some() || !state.error.is_empty();
        let file = |name: &str| match started {
            true => place.dir.join(name).display().to_string(),
            false => String::new(),
        };
        Details {
            id: &record.id,
            created: &record.created,
            path: command.first().copied().unwrap_or_default(),
            args: command.get(1..).unwrap_or_default().to_vec(),
            state: StateView::from(state),
            image: &record.image_id,
            resolv_conf_path: file("etc/resolv.conf"),
            hostname_path: file("etc/hostname"),
            hosts_path: file("etc/hosts"),
            log_path: if record.host.log_config.driver == "none" {
                String::new()
            } else {
                file("log")
            },
            name: format!("/{}", record.name),
            restart_count: state.restart_count,
            driver: driver_name(&record.driver),
            platform: record.platform.split('/').next().unwrap_or("linux"),
            mount_label: "",
            process_label: "",
            app_armor_profile: "",
            exec_ids: Some(state.execs.keys().map(String::as_str).collect::<Vec<_>>())
                .filter(|l| !l.is_empty()),
            host_config: HostConfig::from(record),
            graph_driver: graph_driver(record, place),
            size_rw: place.size.map(|s| s.0),
            size_root_fs: place.size.map(|s| s.1),
            mounts: record.mounts.iter().map(Mount::from).collect(),
            config: Config::of_container(&record.config),
            network_settings: NetworkSettings::new(record, state, is_up(state)),
        }
    }
}

/// The words of the program as docker's `Path` and `Args`: entrypoint, then command.
fn command(record: &Record) -> Vec<&str> {
    let words = [&record.config.entrypoint, &record.config.cmd];
    words
        .into_iter()
        .flatten()
        .flatten()
        .map(String::as_str)
        .collect()
}

/// Docker's name of the storage driver where it has the same.
pub(super) fn driver_name(ours: &str) -> &str {
    match ours {
        "overlay" => "overlay2",
        other => other,
    }
}

fn graph_driver(record: &Record, place: Place<'_>) -> GraphDriver {
    let writable = record.writable.as_deref().unwrap_or(place.dir);
    let at = |name: &str| writable.join(name).display().to_string();
    let lower: Vec<String> = place
        .lower
        .iter()
        .map(|p| p.display().to_string())
        .collect();
    let data = GraphData {
        lower_dir: lower.join(":"),
        merged_dir: place.dir.join("root").display().to_string(),
        upper_dir: at("upper"),
        work_dir: at("work"),
    };
    GraphDriver {
        data: Some(data),
        name: driver_name(&record.driver).to_owned(),
    }
}

/// Whether docker calls it running: paused and restarting ones count.
fn is_up(state: &State) -> bool {
    matches!(
        state.status,
        Status::Running | Status::Paused | Status::Restarting
    )
}

impl<'a> From<&'a State> for StateView<'a> {
    fn from(s: &'a State) -> StateView<'a> {
        const NEVER: &str = "0001-01-01T00:00:00Z";
        let or_never = |t: &'a str| if t.is_empty() { NEVER } else { t };
        StateView {
            status: s.status,
            running: is_up(s),
            paused: s.status == Status::Paused,
            restarting: s.status == Status::Restarting,
            oom_killed: s.oom_killed,
            dead: s.status == Status::Dead,
            pid: if is_up(s) { s.pid } else { 0 },
            exit_code: s.exit_code,
            error: &s.error,
            started_at: or_never(&s.started_at),
            finished_at: or_never(&s.finished_at),
            health: s.health.as_ref(),
            identity: &s.identity,
        }
    }
}

impl<'a> From<&'a MountPoint> for Mount<'a> {
    fn from(m: &'a MountPoint) -> Mount<'a> {
        Mount {
            kind: &m.kind,
            name: &m.name,
            source: &m.source,
            destination: &m.destination,
            driver: &m.driver,
            mode: &m.mode,
            rw: m.rw,
            propagation: &m.propagation,
        }
    }
}

/// Which image each name means now.
#[derive(Debug, Default)]
pub(crate) struct ImageNames {
    names: Vec<Name>,
    /// What was found: many containers are of few images.
    known: RefCell<HashMap<(String, String), bool>>,
}

impl ImageNames {
    /// Keeps the store's names.
    pub(crate) fn new(names: Vec<Name>) -> ImageNames {
        ImageNames {
            names,
            known: RefCell::default(),
        }
    }

    /// Returns the image as the user wrote it, or its id once those words mean another image or none.
    pub(crate) fn shown<'r>(&self, record: &'r Record) -> &'r str {
        let (word, id) = (record.config.image.as_str(), record.image_id.as_str());
        let is_id = id.starts_with(word)
            || id
                .strip_prefix("sha256:")
                .is_some_and(|hex| hex.starts_with(word));
        if !word.is_empty() && (is_id || self.means(word, id)) {
            word
        } else {
            id
        }
    }

    fn means(&self, word: &str, id: &str) -> bool {
        let mut known = self.known.borrow_mut();
        let key = (word.to_owned(), id.to_owned());
        *known.entry(key).or_insert_with(|| self.look_up(word, id))
    }

    fn look_up(&self, word: &str, id: &str) -> bool {
        let Ok(reference) = Reference::parse(word) else {
            return false;
        };
        let mut of_image = self.names.iter().filter(|n| n.config == id);
        match reference.digest() {
            Some(digest) => of_image.any(|n| n.digest == digest || n.manifest == digest),
            None => {
                let canonical = reference.or_latest().to_string();
                of_image.any(|n| n.name == canonical)
            }
        }
    }
}

/// One row of `ps`; each column is made when a format asks for it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Row<'a> {
    /// What it is.
    pub(crate) record: &'a Record,
    /// Its true state.
    pub(crate) state: &'a State,
    /// As the user wrote it while that name still means this image, else the id.
    pub(crate) image: &'a str,
    /// Bytes in the writable layer and in the whole root, when asked for.
    pub(crate) size: Option<(u64, u64)>,
    /// The time of the listing.
    pub(crate) now: Timestamp,
    /// Whether ids, commands and mounts are cut to docker's widths.
    pub(crate) width: columns::Width,
}

impl columns::Row for Row<'_> {
    const COLUMNS: &'static [(&'static str, &'static str)] = &[
        ("Command", "COMMAND"),
        ("CreatedAt", "CREATED AT"),
        ("ID", "CONTAINER ID"),
        ("Image", "IMAGE"),
        ("Labels", "LABELS"),
        ("LocalVolumes", "LOCAL VOLUMES"),
        ("Mounts", "MOUNTS"),
        ("Names", "NAMES"),
        ("Networks", "NETWORKS"),
        ("Ports", "PORTS"),
        ("RunningFor", "CREATED"),
        ("Size", "SIZE"),
        ("State", "STATE"),
        ("Status", "STATUS"),
    ];
    const MORE: &'static [(&'static str, &'static str)] =
        &[("HealthStatus", "HEALTH STATUS"), ("Platform", "PLATFORM")];

    const RAW: &'static [(&'static str, &'static str)] = &[
        ("container_id", "ID"),
        ("image", "Image"),
        ("command", "Command"),
        ("created_at", "CreatedAt"),
        ("state", "State"),
        ("status", "Status"),
        ("names", "Names"),
        ("labels", "Labels"),
        ("ports", "Ports"),
    ];

    fn column(&self, name: &str) -> String {
        match name {
            "ID" => self.width.id(&self.record.id),
            "Image" => self.image_text(),
            "Command" => go::quote(&self.width.ellipsis(&command_line(self.record), 20)),
            "CreatedAt" => time::parse(&self.record.created)
                .map(time::local)
                .unwrap_or_default(),
            "RunningFor" => self.running_for(),
            "Ports" if is_up(self.state) => {
                port::summary(&port::published(self.record, self.state))
            }
            "State" => state_word(self.state).to_owned(),
            "Status" => status_text(self.state, self.now),
            "Size" => self.size_text(),
            "Names" => self.record.name.clone(),
            "Labels" => columns::labels(&self.record.config.labels),
            "Mounts" => self.mounts(),
            "LocalVolumes" => self
                .record
                .mounts
                .iter()
                .filter(|m| m.driver == "local")
                .count()
                .to_string(),
            "Networks" => network::names(self.record).collect::<Vec<_>>().join(","),
            "HealthStatus" => self
                .state
                .health
                .as_ref()
                .map(|h| h.status.clone())
                .unwrap_or_default(),
            "Platform" => self.record.platform.clone(),
            _ => String::new(),
        }
    }

    fn labels(&self) -> Option<&BTreeMap<String, String>> {
        Some(&self.record.config.labels)
    }
}

impl Row<'_> {
    /// Docker cuts an image that is an id to 12 digits, and a digest off a name.
    fn image_text(&self) -> String {
        let image = self.image;
        if image.is_empty() {
            return "<no image>".to_owned();
        }
        if self.width == columns::Width::Full {
            return image.to_owned();
        }
        if let Some(digits) = image.strip_prefix("sha256:") {
            return self.width.id(digits);
        }
        let id = self.record.image_id.trim_start_matches("sha256:");
        match image.len() >= 12 && id.starts_with(image) {
            true => self.width.id(image),
            false => image.split('@').next().unwrap_or(image).to_owned(),
        }
    }

    fn running_for(&self) -> String {
        time::ago(
            time::parse(&self.record.created).unwrap_or_default(),
            self.now,
        )
    }

    fn size_text(&self) -> String {
        match self.size {
            None | Some((0, 0)) => "0B".to_owned(),
            Some((rw, 0)) => size(rw),
            Some((rw, all)) => format!("{} (virtual {})", size(rw), size(all)),
        }
    }

    fn mounts(&self) -> String {
        let name = |m: &MountPoint| {
            if m.name.is_empty() {
                m.source.clone()
            } else {
                m.name.clone()
            }
        };
        let names: Vec<String> = self
            .record
            .mounts
            .iter()
            .map(|m| self.width.ellipsis(&name(m), 15))
            .collect();
        names.join(",")
    }
}

fn size(bytes: u64) -> String {
    human_size(bytes as f64, 3)
}

/// `Path` and `Args` in one line; arguments with blanks are shown in single quotes, as docker's list does.
fn command_line(record: &Record) -> String {
    let words = command(record);
    let mut line = words.first().copied().unwrap_or_default().to_owned();
    for word in words.get(1..).unwrap_or_default() {
        match word.contains(' ') {
            true => line.extend([" '", word, "'"]),
            false => line.extend([" ", word]),
        }
    }
    line
}

/// Returns docker's `State.Status` word.
pub(crate) fn state_word(state: &State) -> &'static str {
    match state.status {
        Status::Created => "created",
        Status::Running => "running",
        Status::Paused => "paused",
        Status::Restarting => "restarting",
        Status::Removing => "removing",
        Status::Exited => "exited",
        Status::Dead => "dead",
    }
}

/// Returns `{{.Status}}` of `ps`: `Up 2 minutes (healthy)`, `Exited (0) 3 seconds ago`, `Created`.
pub(crate) fn status_text(state: &State, now: Timestamp) -> String {
    let since = |t: &str| time::since(time::parse(t).unwrap_or(now), now);
    match state.status {
        Status::Created => "Created".to_owned(),
        Status::Running => match state.health.as_ref().map(|h| h.status.as_str()) {
            None | Some("" | "none") => format!("Up {}", since(&state.started_at)),
            Some("starting") => format!("Up {} (health: starting)", since(&state.started_at)),
            Some(health) => format!("Up {} ({health})", since(&state.started_at)),
        },
        Status::Paused => format!("Up {} (Paused)", since(&state.started_at)),
        Status::Restarting => format!(
            "Restarting ({}) {} ago",
            state.exit_code,
            since(&state.finished_at)
        ),
        Status::Removing => "Removal In Progress".to_owned(),
        Status::Exited => format!(
            "Exited ({}) {} ago",
            state.exit_code,
            since(&state.finished_at)
        ),
        Status::Dead => "Dead".to_owned(),
    }
}
