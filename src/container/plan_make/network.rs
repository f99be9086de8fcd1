//! The network of a container that has one of its own.

use std::net::IpAddr;

use super::Facts;
use crate::error::{Error, Kind, Result};
use crate::network::join;
use crate::network::plan::{Attachment, NetworkPlan, Port, Protocol};
use crate::store::containers::{PortBinding, Record};
use crate::store::networks::{Network, Wish};

/// Says whether a mode is a network, and not the host's, another container's, or none.
pub(crate) fn is_network(mode: &str) -> bool {
    !(matches!(mode, "host" | "none") || mode.starts_with("container:"))
}

/// Returns the networks that a record wants; records of before there were any have only a mode.
pub(crate) fn wishes(record: &Record) -> Vec<Wish> {
    match record.networks.is_empty() && is_network(&record.host.network_mode) {
        false => record.networks.clone(),
        true => vec![Wish {
            network: match record.host.network_mode.as_str() {
                "" | "default" => "bridge".to_owned(),
                name => name.to_owned(),
            },
            ..Wish::default()
        }],
    }
}

/// Returns the plan of a record's networks, `None` for those that are none.
pub(super) fn plan(record: &Record, hostname: &str, facts: &Facts) -> Result<Option<NetworkPlan>> {
    let wishes = wishes(record);
    if wishes.is_empty() {
        return Ok(None);
    }
    let attachments = wishes
        .iter()
        .zip(&facts.networks)
        .map(|(wish, network)| attachment(record, hostname, wish, network))
        .collect();
    let servers = record.host.dns.iter().filter_map(|s| s.parse().ok());
    Ok(Some(NetworkPlan {
        attachments,
        ports: ports(record)?,
        servers: servers.collect(),
        rung: facts.rung,
        own_names: crate::container::etc_files::own_names(hostname, &record.config.domainname),
    }))
}

/// A record's place in a network.
pub(crate) fn attachment(
    record: &Record,
    hostname: &str,
    wish: &Wish,
    network: &Network,
) -> Attachment {
    let mut network = network.clone();
    network.options.extend(wish.options.clone());
    Attachment {
        names: match network.is_default() {
            true => Vec::new(),
            false => join::names(&record.name, &record.id, hostname, &wish.aliases),
        },
        network,
        address: wish.address,
        address6: wish.address6,
        mac: wish.mac,
        last: None,
    }
}

fn ports(record: &Record) -> Result<Vec<Port>> {
    let mut all = Vec::new();
    let any = [PortBinding::default()];
    let exposed = record.config.exposed_ports.keys();
    let exposed = exposed.filter(|_| record.host.publish_all_ports);
    let exposed = exposed.filter(|p| !record.host.port_bindings.contains_key(*p));
    let bound = record.host.port_bindings.iter();
    let wanted = bound.map(|(p, b)| (p, &b[..]));
    for (key, bindings) in wanted.chain(exposed.map(|p| (p, &any[..]))) {
        let Some((inside, protocol)) = inside(key) else {
            continue; // `sctp`, which an image may expose
        };
        for binding in bindings {
            all.push(Port {
                inside,
                protocol,
                address: address(&binding.host_ip)?,
                outside: range(&binding.host_port)?,
            });
        }
    }
    Ok(all)
}

fn inside(key: &str) -> Option<(u16, Protocol)> {
    let (number, protocol) = key.split_once('/').unwrap_or((key, "tcp"));
    let protocol = match protocol {
        "tcp" => Protocol::Tcp,
        "udp" => Protocol::Udp,
        _ => return None,
    };
    Some((number.parse().ok()?, protocol))
}

fn address(text: &str) -> Result<Option<IpAddr>> {
    match text {
        "" => Ok(None),
        _ => match text.parse() {
            Ok(address) => Ok(Some(address)),
            Err(_) => Err(Error::new(
                Kind::Invalid,
                format!("invalid IP address: {text}"),
            )),
        },
    }
}

fn range(text: &str) -> Result<(u16, u16)> {
    match text {
        "" => Ok((0, 0)),
        _ => crate::grammar::port::range(text),
    }
}
