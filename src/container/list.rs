//! Which containers `ps` shows: docker's filters over the store's truth (daemon/list.go).
//!
//! Values of one key are alternatives, keys and labels all must match. Nothing is read that no filter asks for.

use std::collections::BTreeSet;

use crate::error::{Error, Kind, Result};
use crate::grammar::filter::Filters;
use crate::store::Store;
use crate::store::containers::{Found, Record, State, Status};

/// What to list.
#[derive(Debug, Clone, Default)]
pub(crate) struct Query {
    /// Also those that do not run.
    pub(crate) all: bool,
    /// Only the newest ones, running or not.
    pub(crate) limit: Option<usize>,
    /// `--filter`.
    pub(crate) filters: Filters,
}

/// What `ps --filter` takes.
pub(crate) const KEYS: &[&str] = &[
    "ancestor",
    "before",
    "exited",
    "expose",
    "health",
    "id",
    "is-task",
    "isolation",
    "label",
    "name",
    "network",
    "publish",
    "since",
    "status",
    "volume",
];

const STATES: &[&str] = &[
    "created",
    "restarting",
    "running",
    "removing",
    "paused",
    "exited",
    "dead",
];

const HEALTH: &[&str] = &["none", "starting", "healthy", "unhealthy"];

/// Returns the containers that `query` asks for, the newest first.
///
pub(crate) fn list(store: &Store, query: &Query) -> Result<Vec<Found>> {
    let all = store.containers().list_brief()?;
    if query.filters.is_empty() {
        let all = all
            .into_iter()
            .filter(|f| query.all || query.limit.is_some() || f.is_running);
        return Ok(all.take(query.limit.unwrap_or(usize::MAX)).collect());
    }
    let chosen = Chosen::new(store, query, &all)?;
    let network_id = |name: &str| Some(store.networks().find(name).ok()?.id);
    let wanted: Vec<bool> = all.iter().map(|f| chosen.wants(f, &network_id)).collect();
    let kept = all
        .into_iter()
        .zip(wanted)
        .filter_map(|(found, is_wanted)| is_wanted.then_some(found));
    Ok(kept.take(query.limit.unwrap_or(usize::MAX)).collect())
}

/// The filters, checked and looked up.
struct Chosen<'q> {
    filters: &'q Filters,
    stopped_too: bool,
    exited: Vec<i64>,
    names: Vec<regex_lite::Regex>,
    ancestors: Option<Vec<Ancestor>>,
    before: Option<(String, String)>,
    since: Option<(String, String)>,
    publish: Vec<Range>,
    expose: Vec<Range>,
}

/// An image that a container may come from: itself, or one made of the same layers and more.
struct Ancestor {
    id: String,
    layers: Vec<String>,
}

/// Ports of one protocol.
struct Range {
    first: u16,
    last: u16,
    kind: String,
}

impl<'q> Chosen<'q> {
    fn new(store: &Store, query: &'q Query, all: &[Found]) -> Result<Chosen<'q>> {
        let filters = &query.filters;
        check(filters)?;
        // docker passes over what is no regular expression
        let names = filters
            .get("name")
            .iter()
            .filter_map(|v| regex_lite::Regex::new(v).ok());
        let ancestors = filters
            .has("ancestor")
            .then(|| ancestors(store, filters.get("ancestor")));
        Ok(Chosen {
            filters,
            stopped_too: query.all || query.limit.is_some() || filters.has("status"),
            exited: filters.integers("exited")?,
            names: names.collect(),
            ancestors: ancestors.transpose()?,
            before: bound(store, all, filters.get("before"))?,
            since: bound(store, all, filters.get("since"))?,
            publish: ranges("publish", filters.get("publish"))?,
            expose: ranges("expose", filters.get("expose"))?,
        })
    }

    fn wants(&self, found: &Found, network_id: &dyn Fn(&str) -> Option<String>) -> bool {
        let Found { record, state, .. } = found;
        let f = self.filters;
        (self.stopped_too || found.is_running)
            && f.prefix("id", &record.id)
            && self.wants_name(record)
            && f.any("is-task", |v| !is_true(v))
            && self.is_between(record)
            && self.wants_exit(state)
            && f.exact("status", word(state.status))
            && f.exact("health", health(state))
            && f.any("volume", |v| mounts(record, v))
            && self.wants_ancestor(record)
            && f.any("network", |v| is_on(record, v, network_id))
            && self.wants_port(record, found.is_running)
            && f.labels("label", &record.config.labels)
    }

    /// A name is looked for with and without docker's leading slash.
    fn wants_name(&self, record: &Record) -> bool {
        let slashed = format!("/{}", record.name);
        !self.filters.has("name")
            || self
                .filters
                .get("name")
                .iter()
                .any(|v| v.trim_start_matches('/') == record.name)
            || self
                .names
                .iter()
                .any(|r| r.is_match(&record.name) || r.is_match(&slashed))
    }

    fn is_between(&self, record: &Record) -> bool {
        let place = (&record.created, &record.id);
        self.before
            .as_ref()
            .is_none_or(|(time, id)| (place.0, id) < (time, place.1))
            && self
                .since
                .as_ref()
                .is_none_or(|(time, id)| (place.0, place.1) > (time, id) && place.1 != id)
    }

    fn wants_exit(&self, state: &State) -> bool {
        self.exited.is_empty()
            || (state.status == Status::Exited && self.exited.contains(&i64::from(state.exit_code)))
    }

    fn wants_ancestor(&self, record: &Record) -> bool {
        let comes_from = |a: &Ancestor| {
            a.id == record.image_id
                || (!a.layers.is_empty() && record.layers.starts_with(&a.layers))
        };
        self.ancestors
            .as_ref()
            .is_none_or(|all| all.iter().any(comes_from))
    }

    fn wants_port(&self, record: &Record, is_running: bool) -> bool {
        let bound = &record.host.port_bindings;
        let public = || {
            bound.iter().flat_map(|(port, to)| {
                let kind = port.split_once('/').map_or("tcp", |(_, kind)| kind);
                to.iter()
                    .filter_map(move |b| Some((b.host_port.parse().ok()?, kind)))
            })
        };
        let private = || {
            bound
                .keys()
                .chain(record.config.exposed_ports.keys())
                .filter_map(|p| port(p))
        };
        (self.publish.is_empty() || is_running && public().any(|p| within(&self.publish, p)))
            && (self.expose.is_empty() || private().any(|p| within(&self.expose, p)))
    }
}

/// Refuses values that docker refuses, in its words.
fn check(filters: &Filters) -> Result<()> {
    filters.check_words("status", STATES)?;
    filters.boolean("is-task")?;
    match filters
        .get("health")
        .iter()
        .find(|v| !HEALTH.contains(&v.as_str()))
    {
        Some(value) => Err(invalid(format!(
            "unrecognized filter value for health: {value}"
        ))),
        None => Ok(()),
    }
}

fn invalid(text: String) -> Error {
    Error::new(Kind::Invalid, text)
}

fn is_true(value: &str) -> bool {
    ["1", "true", "True"].contains(&value)
}

/// Returns the time of creation and the id of the container that `before` or `since` names; the last one counts.
fn bound(store: &Store, all: &[Found], words: &[String]) -> Result<Option<(String, String)>> {
    let Some(word) = words.last() else {
        return Ok(None);
    };
    let id = store.containers().id_of(word)?;
    let found = all.iter().find(|f| f.record.id == id);
    Ok(found.map(|f| (f.record.created.clone(), id)))
}

/// Looks the images up; a word that means none fits nothing.
fn ancestors(store: &Store, words: &[String]) -> Result<Vec<Ancestor>> {
    let mut seen = BTreeSet::new();
    let mut found = Vec::new();
    for word in words {
        match store.images().find(word) {
            Ok(image) if seen.insert(image.id.clone()) => {
                found.push(Ancestor {
                    id: image.id.clone(),
                    layers: image.config.rootfs.diff_ids.clone(),
                });
            }
            Ok(_) => {}
            Err(e) if e.kind() == Kind::NotFound => {}
            Err(e) => return Err(e),
        }
    }
    Ok(found)
}

fn ranges(key: &str, values: &[String]) -> Result<Vec<Range>> {
    let wrong = |value: &str, number: &str| {
        invalid(format!(
            "error while looking up for {key} {value}: strconv.ParseUint: parsing {number:?}: invalid syntax"
        ))
    };
    let range = |value: &String| {
        let (numbers, kind) = value.split_once('/').unwrap_or((value, "tcp"));
        let (first, last) = numbers.split_once('-').unwrap_or((numbers, numbers));
        Ok(Range {
            first: first.parse().map_err(|_| wrong(value, first))?,
            last: last.parse().map_err(|_| wrong(value, last))?,
            kind: kind.to_owned(),
        })
    };
    values.iter().map(range).collect()
}

fn port(text: &str) -> Option<(u16, &str)> {
    let (number, kind) = text.split_once('/').unwrap_or((text, "tcp"));
    Some((number.parse().ok()?, kind))
}

fn within(ranges: &[Range], (number, kind): (u16, &str)) -> bool {
    ranges
        .iter()
        .any(|r| (r.first..=r.last).contains(&number) && r.kind == kind)
}

fn word(status: Status) -> &'static str {
    match status {
        Status::Created => "created",
        Status::Running => "running",
        Status::Paused => "paused",
        Status::Restarting => "restarting",
        Status::Removing => "removing",
        Status::Exited => "exited",
        Status::Dead => "dead",
    }
}

fn health(state: &State) -> &str {
    state
        .health
        .as_ref()
        .map(|h| h.status.as_str())
        .filter(|s| !s.is_empty())
        .unwrap_or("none")
}

/// Says whether a mount has that volume name, host path or destination.
fn mounts(record: &Record, value: &str) -> bool {
    record.mounts.iter().any(|m| {
        m.destination == value
            || (if m.name.is_empty() {
                &m.source
            } else {
                &m.name
            }) == value
    })
}

fn is_on(record: &Record, value: &str, network_id: &dyn Fn(&str) -> Option<String>) -> bool {
    let is_id =
        |name: &str| !value.is_empty() && network_id(name).is_some_and(|id| id.starts_with(value));
    let mut names: Vec<&str> = record.networks.iter().map(|w| w.network.as_str()).collect();
    if names.is_empty() {
        names.push(match record.host.network_mode.as_str() {
            "" | "default" => "bridge",
            name => name,
        });
    }
    names.into_iter().any(|name| name == value || is_id(name))
}

#[cfg(test)]
mod tests;
