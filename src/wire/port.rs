//! Docker's words for ports: `{{.Ports}}` of `ps`, the lines of `port`, and `NetworkSettings.Ports`.

use std::collections::BTreeMap;

use crate::store::containers::{PortBinding, Record, State};

/// Ports by docker's key (`80/tcp`), exposed ones without a binding as `None`.
pub(crate) type Ports<'a> = BTreeMap<&'a str, Option<Vec<PortBinding>>>;

/// Returns the ports of a running container. On the host's own network nothing is published.
///
/// What is bound, its state says. Until it does, a binding without address counts for both families, as docker's does.
pub(crate) fn published<'a>(record: &'a Record, state: &'a State) -> Ports<'a> {
    if record.host.network_mode == "host" {
        return BTreeMap::new();
    }
    let exposed = record
        .config
        .exposed_ports
        .keys()
        .map(|p| (p.as_str(), None));
    let bound = record
        .host
        .port_bindings
        .iter()
        .filter(|(_, bindings)| !bindings.is_empty());
    let is_bound = state
        .ports
        .iter()
        .map(|(p, b)| (p.as_str(), Some(b.clone())));
    exposed
        .chain(bound.map(|(port, bindings)| (port.as_str(), Some(both_families(bindings)))))
        .chain(is_bound)
        .collect()
}

fn both_families(bindings: &[PortBinding]) -> Vec<PortBinding> {
    let at = |ip: &str, port: &str| PortBinding {
        host_ip: ip.to_owned(),
        host_port: port.to_owned(),
    };
    let each = |b: &PortBinding| match b.host_ip.as_str() {
        "" => vec![at("0.0.0.0", &b.host_port), at("::", &b.host_port)],
        ip => vec![at(ip, &b.host_port)],
    };
    bindings.iter().flat_map(each).collect()
}

/// One port as the list of docker's API has it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Port<'a> {
    private: u16,
    kind: &'a str,
    public: u16,
    ip: &'a str,
}

/// Returns `{{.Ports}}` of `ps`: sorted, neighbours joined to ranges (`127.0.0.1:9000-9002->9000-9002/tcp, 7000/tcp`).
pub(crate) fn summary(ports: &Ports) -> String {
    let mut list: Vec<Port> = Vec::new();
    for (key, bindings) in ports {
        let (number, kind) = key.split_once('/').unwrap_or((key, "tcp"));
        let private = number.parse().unwrap_or(0);
        match bindings {
            None => list.push(Port {
                private,
                kind,
                public: 0,
                ip: "",
            }),
            Some(bindings) => list.extend(bindings.iter().map(|b| Port {
                private,
                kind,
                public: b.host_port.parse().unwrap_or(0),
                ip: &b.host_ip,
            })),
        }
    }
    list.sort_by_key(|p| (p.private, p.ip, p.public, p.kind));
    join(&list)
}

/// `DisplayablePorts` of docker's CLI (cli/command/formatter/container.go): groups of one address and protocol whose
/// private and public numbers both run on become ranges; those where the two differ stay single and come last.
fn join(list: &[Port]) -> String {
    let mut groups: BTreeMap<String, (u16, u16)> = BTreeMap::new();
    let (mut ranges, mut singles) = (Vec::new(), Vec::new());
    let mut order: Vec<String> = Vec::new();
    for port in list {
        let mut key = port.kind.to_owned();
        if !port.ip.is_empty() {
            if port.public != port.private {
                singles.push(format!(
                    "{}:{}->{}/{}",
                    port.ip, port.public, port.private, port.kind
                ));
                continue;
            }
            key = format!("{}/{}", port.ip, port.kind);
        }
        match groups.get_mut(&key) {
            None => {
                groups.insert(key.clone(), (port.private, port.private));
                order.push(key);
            }
            Some(group) if group.1 + 1 == port.private => group.1 = port.private,
            Some(group) => {
                ranges.push(range(&key, *group));
                *group = (port.private, port.private);
            }
        }
    }
    ranges.extend(order.iter().map(|key| range(key, groups[key])));
    ranges.extend(singles);
    ranges.join(", ")
}

fn range(key: &str, (first, last): (u16, u16)) -> String {
    let numbers = if first == last {
        first.to_string()
    } else {
        format!("{first}-{last}")
    };
    match key.rsplit_once('/') {
        Some((ip, kind)) => format!("{ip}:{numbers}->{numbers}/{kind}"),
        None => format!("{numbers}/{key}"),
    }
}

/// Returns the lines of `docker port`: `80/tcp -> 0.0.0.0:8081`, sorted by the text of the port.
pub(crate) fn lines(ports: &Ports) -> Vec<String> {
    let mut keys: Vec<&&str> = ports.keys().collect();
    keys.sort_by_key(|k| {
        let (number, kind) = k.split_once('/').unwrap_or((k, "tcp"));
        (number.parse::<u16>().unwrap_or(0), kind)
    });
    keys.into_iter()
        .flat_map(|k| {
            addresses(ports, k)
                .into_iter()
                .map(move |a| format!("{k} -> {a}"))
        })
        .collect()
}

/// Returns the host addresses of one port (`80/tcp`), empty when it is not published.
pub(crate) fn addresses(ports: &Ports, key: &str) -> Vec<String> {
    let bindings = ports.get(key).and_then(Option::as_ref);
    let address = |b: &PortBinding| match b.host_ip.contains(':') {
        true => format!("[{}]:{}", b.host_ip, b.host_port),
        false => format!("{}:{}", b.host_ip, b.host_port),
    };
    bindings.into_iter().flatten().map(address).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(mode: &str, exposed: &[&str], bound: &[(&str, &str, &str)]) -> Record {
        let mut record = Record::default();
        record.host.network_mode = mode.to_owned();
        record.config.exposed_ports = exposed
            .iter()
            .map(|p| ((*p).to_owned(), Default::default()))
            .collect();
        for (port, ip, public) in bound {
            let b = PortBinding {
                host_ip: (*ip).to_owned(),
                host_port: (*public).to_owned(),
            };
            record
                .host
                .port_bindings
                .entry((*port).to_owned())
                .or_default()
                .push(b);
        }
        record
    }

    #[test]
    fn ports_are_listed_as_docker_lists_them() {
        let rich = record(
            "bridge",
            &["53/udp", "7000/tcp", "80/tcp"],
            &[
                ("53/udp", "", "32768"),
                ("80/tcp", "", "8081"),
                ("9000/tcp", "127.0.0.1", "9000"),
                ("9001/tcp", "127.0.0.1", "9001"),
                ("9002/tcp", "127.0.0.1", "9002"),
            ],
        );
        let none = State::default();
        let ports = published(&rich, &none);
        assert_eq!(
            summary(&ports),
            "7000/tcp, 127.0.0.1:9000-9002->9000-9002/tcp, 0.0.0.0:32768->53/udp, :::32768->53/udp, \
             0.0.0.0:8081->80/tcp, :::8081->80/tcp"
        );
        assert_eq!(
            lines(&ports),
            [
                "53/udp -> 0.0.0.0:32768",
                "53/udp -> [::]:32768",
                "80/tcp -> 0.0.0.0:8081",
                "80/tcp -> [::]:8081",
                "9000/tcp -> 127.0.0.1:9000",
                "9001/tcp -> 127.0.0.1:9001",
                "9002/tcp -> 127.0.0.1:9002"
            ]
        );
        assert_eq!(addresses(&ports, "80/udp"), Vec::<String>::new());
        assert_eq!(
            summary(&published(
                &record("bridge", &["1/tcp", "2/tcp", "4/tcp"], &[]),
                &none
            )),
            "1-2/tcp, 4/tcp"
        );
        assert_eq!(
            summary(&published(
                &record("host", &["1/tcp"], &[("80/tcp", "", "80")]),
                &none
            )),
            ""
        );
        // any port of the host: the state says which it became
        let any = record("bridge", &["80/tcp"], &[("80/tcp", "127.0.0.1", "")]);
        let mut bound = State::default();
        let at = PortBinding {
            host_ip: "127.0.0.1".to_owned(),
            host_port: "40001".to_owned(),
        };
        bound.ports.insert("80/tcp".to_owned(), vec![at]);
        assert_eq!(
            lines(&published(&any, &bound)),
            ["80/tcp -> 127.0.0.1:40001"]
        );
    }
}
