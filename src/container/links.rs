//! `--link NAME[:ALIAS]`: docker's oldest way of telling a container where another is. On the default network by /etc/hosts and by
//! environment variables, as they are at its start; on networks that the user made the alias is one more name.

use std::net::IpAddr;

use crate::error::{Error, Kind, Result};
use crate::store::Store;
use crate::store::containers::{Found, Record};
use crate::store::networks;

/// Another container, as one that is linked to it sees it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Link {
    /// The other's id.
    pub(crate) id: String,
    /// What it is called here.
    pub(crate) alias: String,
    name: String,
    hostname: String,
    /// On the default network; `None` where a name server tells it.
    address: Option<IpAddr>,
    /// `5432/tcp`.
    ports: Vec<String>,
    env: Vec<String>,
}

/// Splits what was given into a container's name and its alias. Docker's texts.
pub(crate) fn parse(text: &str) -> Result<(&str, &str)> {
    let bad = |text: String| Err(Error::new(Kind::Usage, text));
    let parts: Vec<&str> = text.split(':').collect();
    match parts[..] {
        [""] => bad("empty string specified for links".to_owned()),
        [name] | [name, ""] => Ok((name, name)),
        [name, alias] => Ok((name, alias)),
        _ => bad(format!("bad format for links: {text}")),
    }
}

/// Finds those that a record is linked to. On the default network they must run.
pub(super) fn find(store: &Store, record: &Record) -> Result<Vec<Link>> {
    let all = record.host.links.iter();
    all.map(|text| find_one(store, record, text)).collect()
}

/// The container that a link names.
pub(super) fn target(store: &Store, text: &str) -> Result<Found> {
    let (name, _) = parse(text)?;
    store.containers().find(name).map_err(|e| {
        let text = format!("could not get container for {name}: {e}");
        Error::new(e.kind(), text)
    })
}

fn find_one(store: &Store, record: &Record, text: &str) -> Result<Link> {
    let (_, alias) = parse(text)?;
    let other = target(store, text)?;
    let mut link = Link {
        id: other.id().to_owned(),
        alias: alias.to_owned(),
        name: other.name().to_owned(),
        ..Link::default()
    };
    if record.host.network_mode != "bridge" {
        return Ok(link);
    }
    let refused = |text: String| Err(Error::new(Kind::State, text));
    let (own, name) = (&record.name, &link.name);
    if !other.is_running {
        return refused(format!(
            "Cannot link to a non running container: /{name} AS /{own}/{alias}"
        ));
    }
    let mut endpoints = other.state.networks.iter();
    let place = endpoints.find(|e| e.network_id == networks::BRIDGE);
    let Some(address) = place.and_then(|e| e.address.or(e.address6)) else {
        return refused(format!(
            "Cannot link to /{name}, as it does not belong to the default network"
        ));
    };
    let config = &other.record.config;
    link.address = Some(address);
    link.hostname.clone_from(&config.hostname);
    link.ports = config.exposed_ports.keys().cloned().collect();
    link.env.clone_from(&config.env);
    Ok(link)
}

/// Lines of /etc/hosts.
pub(super) fn hosts(links: &[Link]) -> String {
    let line = |link: &Link| {
        let address = link.address?;
        let mut names = vec![link.alias.as_str(), &link.hostname];
        names.extend((link.name != link.alias).then_some(link.name.as_str()));
        Some(format!("{address}\t{}\n", names.join(" ")))
    };
    links.iter().filter_map(line).collect()
}

/// Environment variables, as docker 26 (daemon/links) writes them. `own`: the container's own name.
pub(super) fn environment(own: &str, links: &[Link]) -> Vec<String> {
    let mut all = Vec::new();
    for link in links {
        let Some(address) = link.address else {
            continue;
        };
        let prefix = link.alias.to_uppercase().replace('-', "_");
        let mut ports: Vec<(u16, &str)> = link.ports.iter().filter_map(|p| port(p)).collect();
        ports.sort_unstable();
        if let Some((number, protocol)) = ports.first() {
            all.push(format!("{prefix}_PORT={protocol}://{address}:{number}"));
        }
        for run in runs(&ports) {
            all.extend(run_variables(&prefix, address, run));
        }
        for (number, protocol) in &ports {
            let name = format!("{prefix}_PORT_{number}_{}", protocol.to_uppercase());
            all.extend([
                format!("{name}={protocol}://{address}:{number}"),
                format!("{name}_ADDR={address}"),
                format!("{name}_PORT={number}"),
                format!("{name}_PROTO={protocol}"),
            ]);
        }
        all.push(format!("{prefix}_NAME=/{own}/{}", link.alias));
        let told = link.env.iter().filter_map(|v| v.split_once('='));
        let told = told.filter(|(name, _)| !matches!(*name, "HOME" | "PATH"));
        all.extend(told.map(|(name, value)| format!("{prefix}_ENV_{name}={value}")));
    }
    all
}

fn port(key: &str) -> Option<(u16, &str)> {
    let (number, protocol) = key.split_once('/').unwrap_or((key, "tcp"));
    Some((number.parse().ok()?, protocol))
}

/// Three ports and more one behind the other are told as a range, too.
fn runs<'p, 'a>(ports: &'p [(u16, &'a str)]) -> impl Iterator<Item = &'p [(u16, &'a str)]> {
    let follows = |a: &(u16, &str), b: &(u16, &str)| a.0.checked_add(1) == Some(b.0);
    ports.chunk_by(follows).filter(|run| run.len() > 2)
}

fn run_variables(prefix: &str, address: IpAddr, run: &[(u16, &str)]) -> Vec<String> {
    let [(first, protocol), .., (last, last_protocol)] = run else {
        return Vec::new();
    };
    let begin = format!("{prefix}_PORT_{first}_{}", protocol.to_uppercase());
    let end = format!("{prefix}_PORT_{first}_{}", last_protocol.to_uppercase());
    vec![
        format!("{begin}_START={protocol}://{address}:{first}"),
        format!("{begin}_ADDR={address}"),
        format!("{begin}_PROTO={protocol}"),
        format!("{begin}_PORT_START={first}"),
        format!("{end}_END={last_protocol}://{address}:{last}"),
        format!("{end}_PORT_END={last}"),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link() -> Link {
        let list = |l: &[&str]| l.iter().map(|s| (*s).to_owned()).collect();
        Link {
            id: "1".repeat(64),
            alias: "my-db".to_owned(),
            name: "db".to_owned(),
            hostname: "1393c0533320".to_owned(),
            address: Some([172, 17, 0, 2].into()),
            ports: list(&["5432/tcp", "99/udp"]),
            env: list(&["PASS=a=b", "HOME=/x", "PATH=/y"]),
        }
    }

    #[test]
    fn links_are_a_name_and_perhaps_another() {
        assert_eq!(parse("db").unwrap(), ("db", "db"));
        assert_eq!(parse("db:x").unwrap(), ("db", "x"));
        let told = |text| parse(text).unwrap_err().to_string();
        assert_eq!(told("a:b:c"), "bad format for links: a:b:c");
        assert_eq!(told(""), "empty string specified for links");
    }

    #[test]
    fn the_other_is_told_by_name_and_by_variables() {
        assert_eq!(hosts(&[link()]), "172.17.0.2\tmy-db 1393c0533320 db\n");
        assert_eq!(
            environment("web", &[link()]),
            [
                "MY_DB_PORT=udp://172.17.0.2:99",
                "MY_DB_PORT_99_UDP=udp://172.17.0.2:99",
                "MY_DB_PORT_99_UDP_ADDR=172.17.0.2",
                "MY_DB_PORT_99_UDP_PORT=99",
                "MY_DB_PORT_99_UDP_PROTO=udp",
                "MY_DB_PORT_5432_TCP=tcp://172.17.0.2:5432",
                "MY_DB_PORT_5432_TCP_ADDR=172.17.0.2",
                "MY_DB_PORT_5432_TCP_PORT=5432",
                "MY_DB_PORT_5432_TCP_PROTO=tcp",
                "MY_DB_NAME=/web/my-db",
                "MY_DB_ENV_PASS=a=b",
            ]
        );
        let mut range = link();
        range.ports = ["1/tcp", "2/tcp", "3/tcp"].map(str::to_owned).into();
        let told = environment("web", &[range]);
        assert!(told.contains(&"MY_DB_PORT_1_TCP_START=tcp://172.17.0.2:1".to_owned()));
        assert!(told.contains(&"MY_DB_PORT_1_TCP_PORT_END=3".to_owned()));
    }
}
