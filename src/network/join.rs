//! Joining networks: under the lock of the members' list addresses are chosen and the living are asked for their namespaces.

use std::fs::File;
use std::net::{IpAddr, Ipv6Addr};
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use super::gateway::{self, Origin, Place};
use super::plan::Attachment;
use crate::error::Result;
use crate::store::networks::members::{Member, Members};
use crate::store::networks::{Endpoint, Network, Rung};
use crate::store::paths::Paths;
use crate::store::{new_id, short_id};
use crate::sys::inet;

/// The longest that a newcomer waits for an address that it asks for, while who had it delivers last words: longer than
/// these may take.
const PATIENCE: Duration = Duration::from_secs(6);
/// The same for the address that the container had before; then it gets another one.
const GRACE: Duration = Duration::from_millis(300);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(2);

/// Holds the list of members as soon as nobody who has ended answers for the addresses that a container is to have.
pub(crate) fn hold(paths: &Paths, attachments: &[Attachment], id: &str) -> Result<Members> {
    let start = Instant::now();
    loop {
        let members = Members::hold(paths)?;
        let is_parting = |a: &Attachment, addresses: [Option<IpAddr>; 2]| {
            let mut addresses = addresses.into_iter().flatten();
            addresses.any(|address| members.is_parting(&a.network.id, id, address))
        };
        let is_wanted = |a: &Attachment| is_parting(a, [a.address, a.address6]);
        let is_usual = |a: &Attachment| {
            let last = a.last.as_ref();
            last.is_some_and(|last| is_parting(a, [last.address, last.address6]))
        };
        let wait = match attachments.iter().any(is_wanted) {
            true => PATIENCE,
            false if attachments.iter().any(is_usual) => GRACE,
            false => Duration::ZERO,
        };
        if start.elapsed() >= wait {
            return Ok(members);
        }
        drop(members);
        std::thread::sleep(LOOK);
    }
}

/// Returns the user namespace of whoever is on any network; `None` when nobody is.
pub(crate) fn user_namespace(members: &Members) -> Option<OwnedFd> {
    // one that ended between the question and the open is no candidate
    let mut living = members.list().iter().filter(|m| m.is_alive());
    living.find_map(|m| File::open(m.user_namespace()).ok().map(OwnedFd::from))
}

/// A container that joins.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Newcomer<'a> {
    /// Its id.
    pub(crate) id: &'a str,
    /// Whether the gateways of others can be entered: they belong to our user namespace.
    pub(crate) is_of_the_family: bool,
    /// How a gateway that it makes is to work; `None` for the best that works.
    pub(crate) rung: Option<Rung>,
}

/// Chooses a place in each network. Docker's words where an address cannot be had.
pub(super) fn places(
    members: &Members,
    attachments: &[Attachment],
    who: Newcomer<'_>,
) -> Result<Vec<Place>> {
    let place = |a: &Attachment| place(members, a, who);
    attachments.iter().map(place).collect()
}

fn place(members: &Members, attachment: &Attachment, who: Newcomer<'_>) -> Result<Place> {
    let network = &attachment.network;
    let others: Vec<&Member> = members
        .list()
        .iter()
        .filter(|m| {
            who.is_of_the_family
                && m.endpoint.network_id == network.id
                && m.container != who.id
                && m.is_alive()
        })
        .collect();
    let host = others
        .iter()
        .find_map(|m| Some((m, File::open(m.network_namespace()).ok()?)));
    let has_v6 = match &host {
        Some((other, _)) => other.endpoint.gateway6.is_some(),
        None => network.ipv6 || attachment.address6.is_some() || !network.internal && reaches_v6(),
    };
    let endpoint = endpoint(members, attachment, who.id, has_v6)?;
    Ok(Place {
        network: network.clone(),
        endpoint,
        origin: match host {
            Some((other, file)) => Origin::Join(file.into(), other.rung),
            None => Origin::Make(who.rung),
        },
    })
}

/// Whether this host has a way out by IPv6.
fn reaches_v6() -> bool {
    // an address of documentation: nothing is sent
    inet::source_for(IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1))).is_some()
}

fn endpoint(
    members: &Members,
    attachment: &Attachment,
    id: &str,
    has_v6: bool,
) -> Result<Endpoint> {
    let network: &Network = &attachment.network;
    let last = attachment.last.clone().unwrap_or_default();
    let mut made = Endpoint {
        network: network.name.clone(),
        network_id: network.id.clone(),
        id: new_id()?,
        names: attachment.names.clone(),
        ..Endpoint::default()
    };
    for pool in &network.pools {
        let is_v4 = pool.gateway.is_ipv4();
        if !is_v4 && !has_v6 {
            continue;
        }
        let (wanted, before) = match is_v4 {
            true => (attachment.address, last.address),
            false => (attachment.address6, last.address6),
        };
        let address = members.free(&network.id, pool, id, wanted, before)?;
        let prefix = pool.subnet.prefix();
        if is_v4 {
            (made.address, made.prefix) = (Some(address), prefix);
            made.gateway = Some(pool.gateway);
        } else {
            (made.address6, made.prefix6) = (Some(address), prefix);
            made.gateway6 = Some(pool.gateway);
        }
    }
    let seed = made.address.or(made.address6);
    let mac = attachment.mac.or(seed.map(gateway::mac_of));
    made.mac = mac.map(gateway::mac_text).unwrap_or_default();
    Ok(made)
}

/// What others of a user-made network may call a container: its name, its short id, its aliases (docker's DNSNames).
pub(crate) fn names(name: &str, id: &str, hostname: &str, aliases: &[String]) -> Vec<String> {
    let mut all = vec![name.to_owned()];
    all.extend(aliases.iter().cloned());
    all.push(short_id(id).to_owned());
    all.push(hostname.to_owned());
    let mut seen = Vec::new();
    all.retain(|n| {
        !n.is_empty() && !seen.contains(n) && {
            seen.push(n.clone());
            true
        }
    });
    all
}
