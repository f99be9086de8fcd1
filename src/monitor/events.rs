//! What a monitor tells those who listen (`store::events`): docker's events of a container's life, in docker's order.

use std::time::Duration;

use crate::store::Store;
use crate::store::containers::{Record, State};
use crate::store::events::Event;
use crate::store::networks::Endpoint;

/// The program runs.
pub(super) fn started(store: &Store, id: &str, state: &State) {
    store.tell(|| {
        let record = store.containers().record(id).ok();
        let of = |record: &Record| {
            let mut all = moves(id, &[], &state.networks);
            all.extend(volumes(record, "mount"));
            all.push(Event::of(record, "start", &[]));
            all
        };
        record.as_ref().map(of).unwrap_or_default()
    });
}

/// The program has ended; `state` still says where it was.
pub(super) fn ended(store: &Store, id: &str, state: &State, end: End) {
    store.tell(|| {
        let record = store.containers().record(id).ok();
        let (code, seconds) = (end.code.to_string(), end.took.as_secs().to_string());
        let of = |record: &Record| {
            let mut all = moves(id, &state.networks, &[]);
            all.extend(volumes(record, "unmount"));
            all.extend(end.was_stopped.then(|| Event::of(record, "stop", &[])));
            let more = [("exitCode", &code[..]), ("execDuration", &seconds)];
            all.push(Event::of(record, "die", &more));
            all
        };
        record.as_ref().map(of).unwrap_or_default()
    });
}

/// How a program ended.
#[derive(Debug, Clone, Copy)]
pub(super) struct End {
    pub(super) code: i32,
    pub(super) took: Duration,
    /// Somebody asked for it.
    pub(super) was_stopped: bool,
}

/// It is on other networks now than before.
pub(super) fn moved(store: &Store, id: &str, before: &[Endpoint], now: &[Endpoint]) {
    store.tell(|| moves(id, before, now));
}

fn moves(id: &str, before: &[Endpoint], now: &[Endpoint]) -> Vec<Event> {
    let is_on =
        |all: &[Endpoint], one: &Endpoint| all.iter().any(|e| e.network_id == one.network_id);
    let left = before.iter().filter(|e| !is_on(now, e));
    let joined = now.iter().filter(|e| !is_on(before, e));
    left.map(|e| Event::of_endpoint(id, "disconnect", e))
        .chain(joined.map(|e| Event::of_endpoint(id, "connect", e)))
        .collect()
}

/// A signal was sent.
pub(super) fn signalled(store: &Store, id: &str, signal: i32) {
    store.tell_of(id, "kill", &[("signal", &signal.to_string())]);
}

fn volumes(record: &Record, action: &str) -> Vec<Event> {
    let mounts = record.mounts.iter().filter(|m| m.kind == "volume");
    let told = mounts.map(|mount| {
        let is_writable = mount.rw.to_string();
        let place = [
            ("destination", &mount.destination[..]),
            ("propagation", &mount.propagation),
            ("read/write", &is_writable),
        ];
        let mut more = vec![("container", &record.id[..]), ("driver", "local")];
        if action == "mount" {
            more.extend(place);
        }
        Event::new("volume", action, &mount.name, &more)
    });
    told.collect()
}
