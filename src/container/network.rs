//! Connecting containers to networks and taking them off, whether they run or not.

use crate::error::{Error, Kind, Result};
use crate::network::join;
use crate::store::Store;
use crate::store::containers::{Found, Record};
use crate::store::networks::{Network, Wish};

use super::control::{Ask, Client};
use super::etc_change::{self, Texts};
use super::etc_files::Files;
use super::plan_make::network::{attachment, is_network, wishes};

/// Puts a container on one more network. Docker's words where it cannot be.
pub(crate) fn connect(
    store: &Store,
    container: &Found,
    network: &Network,
    wish: Wish,
) -> Result<()> {
    let record = &container.record;
    check(record, network)?;
    let mut all = wishes(record);
    if all.iter().any(|w| w.network == network.name) {
        let text = format!(
            "endpoint with name {} already exists in network {}",
            container.name(),
            network.name
        );
        return Err(Error::new(Kind::Denied, text));
    }
    if network.is_default() && !wish.aliases.is_empty() {
        let text = "invalid endpoint settings:\nnetwork-scoped alias is supported only for containers in user defined networks";
        return Err(Error::new(Kind::Invalid, text));
    }
    let before = all.clone();
    all.push(Wish {
        network: network.name.clone(),
        ..wish.clone()
    });
    if container.is_running {
        let mut named = record.clone();
        container.name().clone_into(&mut named.name);
        let place = attachment(&named, &record.config.hostname, &wish, network);
        // here, and not where the container's connections or its output would wait with us
        drop(join::hold(
            store.paths(),
            std::slice::from_ref(&place),
            container.id(),
        )?);
        let ask = |etc| Ask::Connect(Box::new(place), etc);
        rewire(store, container, ask, &before, &all)?;
    }
    store.containers().set_networks(container.id(), all)
}

/// Takes a container off a network.
pub(crate) fn disconnect(store: &Store, container: &Found, network: &Network) -> Result<()> {
    let record = &container.record;
    check(record, network)?;
    let mut all = wishes(record);
    let before = all.clone();
    all.retain(|w| w.network != network.name);
    if all.len() == before.len() {
        let text = format!(
            "container {} is not connected to the network {}",
            container.id(),
            network.name
        );
        return Err(Error::new(Kind::Denied, text));
    }
    if container.is_running {
        let ask = |etc| Ask::Disconnect(network.id.clone(), etc);
        rewire(store, container, ask, &before, &all)?;
    }
    store.containers().set_networks(container.id(), all)
}

fn check(record: &Record, network: &Network) -> Result<()> {
    let mode = record.host.network_mode.as_str();
    let refuse = |text: &str| Err(Error::new(Kind::Denied, text));
    if mode.starts_with("container:") {
        return refuse(
            "container sharing network namespace with another container or host cannot be connected to any other network",
        );
    }
    if mode == "host" || network.name == "host" {
        return refuse(
            "container cannot be disconnected from host network or connected to host network",
        );
    }
    let is_off = !is_network(mode) && record.networks.is_empty() && !record.is_off_all;
    if network.name == "none" || is_off {
        return refuse(
            "container cannot be connected to multiple networks with one of the networks in private (none) mode",
        );
    }
    Ok(())
}

/// Lets a running container's monitor change its networks, and then what its files say of them.
fn rewire(
    store: &Store,
    container: &Found,
    ask: impl FnOnce(Files) -> Ask,
    before: &[Wish],
    after: &[Wish],
) -> Result<()> {
    let record = &container.record;
    let old = Texts::of(store, record, &container.state, before)?;
    let made = etc_change::files(store, record, after)?;
    let Some(client) = Client::connect(store.paths(), container.id())? else {
        return Ok(()); // it has just ended: its next start sees the record
    };
    client.change(&ask(made))?;
    let state = store.containers().state(container.id())?;
    let new = Texts::of(store, record, &state, after)?;
    match etc_change::change(record, &state, &old, &new) {
        // it has ended meanwhile
        Err(e) if e.kind() == Kind::State => Ok(()),
        other => other,
    }
}
