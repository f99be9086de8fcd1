//! What a monitor tells those who listen (`store::events`): docker's events of a container's life, in docker's order.

use std::time::Duration;

use crate::store::Store;
use crate::store::containers::{MountPoint, State};
use crate::store::events::Event;
use crate::store::networks::Endpoint;

/// The program runs.
pub(super) fn started(store: &Store, id: &str, state: &State) {
    moved(store, id, &[], &state.networks);
    volumes(store, id, "mount");
    store.tell_of(id, "start", &[]);
}

/// The program has ended; `state` still says where it was. `was_stopped`: somebody asked for it.
pub(super) fn ended(store: &Store, id: &str, state: &State, end: End) {
    moved(store, id, &state.networks, &[]);
    volumes(store, id, "unmount");
    if end.was_stopped {
        store.tell_of(id, "stop", &[]);
    }
    let (code, seconds) = (end.code.to_string(), end.took.as_secs().to_string());
    let more = [("exitCode", &code[..]), ("execDuration", &seconds)];
    store.tell_of(id, "die", &more);
}

/// How a program ended.
#[derive(Debug, Clone, Copy)]
pub(super) struct End {
    pub(super) code: i32,
    pub(super) took: Duration,
    pub(super) was_stopped: bool,
}

/// It is on other networks now than before.
pub(super) fn moved(store: &Store, id: &str, before: &[Endpoint], now: &[Endpoint]) {
    let is_on =
        |all: &[Endpoint], one: &Endpoint| all.iter().any(|e| e.network_id == one.network_id);
    for endpoint in before.iter().filter(|e| !is_on(now, e)) {
        store.tell(|| Some(Event::of_endpoint(id, "disconnect", endpoint)));
    }
    for endpoint in now.iter().filter(|e| !is_on(before, e)) {
        store.tell(|| Some(Event::of_endpoint(id, "connect", endpoint)));
    }
}

/// A signal was sent.
pub(super) fn signalled(store: &Store, id: &str, signal: i32) {
    store.tell_of(id, "kill", &[("signal", &signal.to_string())]);
}

fn volumes(store: &Store, id: &str, action: &str) {
    let mut mounts: Vec<MountPoint> = Vec::new();
    store.tell(|| {
        mounts = store.containers().record(id).ok()?.mounts;
        None
    });
    for mount in mounts.iter().filter(|m| m.kind == "volume") {
        let is_writable = mount.rw.to_string();
        let place = [
            ("destination", &mount.destination[..]),
            ("propagation", &mount.propagation),
            ("read/write", &is_writable),
        ];
        let mut more = vec![("container", id), ("driver", "local")];
        if action == "mount" {
            more.extend(place);
        }
        store.tell(|| Some(Event::new("volume", action, &mount.name, &more)));
    }
}
