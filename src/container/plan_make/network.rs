//! The network of a container that has one of its own.

use std::net::IpAddr;

use super::Facts;
use crate::error::{Error, Kind, Result};
use crate::host;
use crate::network::join;
use crate::network::plan::{Attachment, NetworkPlan, Port, Program, Protocol, Tool};
use crate::store::containers::{PortBinding, Record};
use crate::store::networks::{Network, Wish};

/// Says whether a mode is a network, and not the host's, another container's, a program's, or none.
pub(crate) fn is_network(mode: &str) -> bool {
    let is_other = matches!(mode, "host" | "none") || mode.starts_with("container:");
    !is_other && Tool::of(mode).is_none()
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
    if wishes.is_empty() && facts.network_program.is_none() {
        return Ok(None);
    }
    let attachments = wishes
        .iter()
        .zip(&facts.networks)
        .map(|(wish, network)| attachment(record, hostname, wish, network))
        .collect();
    let servers = record.host.dns.iter().filter_map(|s| s.parse().ok());
    let mut open = record.config.exposed_ports.keys();
    let mut published = record.host.port_bindings.keys();
    let is_53 = |key: &String| inside(key).is_some_and(|(number, _)| number == 53);
    Ok(Some(NetworkPlan {
        attachments,
        is_name_server: open.any(is_53) || published.any(is_53),
        program: facts.network_program.clone(),
        ports: ports(record)?,
        servers: servers.collect(),
        links: facts
            .links
            .iter()
            .map(|l| (l.alias.clone(), l.id.clone()))
            .collect(),
        rung: facts.rung,
        own_names: crate::container::etc_files::own_names(hostname, &record.config.domainname),
    }))
}

/// Returns the program that a mode says is the network; the error says what it lacks on this host.
pub(super) fn program(mode: &str) -> Result<Option<Program>> {
    let Some((tool, options)) = Tool::of(mode) else {
        return Ok(None);
    };
    let lacks = |what: &str, fix: String| {
        Error::new(Kind::Host, format!("`--network {tool}` needs {what}")).hint(format!(
            "{fix}; without --network no program is needed, and --network host shares the host's"
        ))
    };
    let path = host::paths::program(&tool.to_string()).ok_or_else(|| {
        let fix = format!("install it (Debian: apt install {})", tool.package());
        lacks(&format!("the program {tool}, which is not installed"), fix)
    })?;
    let mut tun = fs_err::OpenOptions::new();
    if let Err(e) = tun.read(true).write(true).open("/dev/net/tun") {
        let fix = "an administrator can run: modprobe tun; chmod 666 /dev/net/tun".to_owned();
        return Err(lacks("the device /dev/net/tun", fix).because(e));
    }
    Ok(Some(Program {
        tool,
        path,
        options,
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
