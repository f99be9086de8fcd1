//! Docker's words for networks: `network ls`, `network inspect`, and a container's `NetworkSettings`.

use std::collections::BTreeMap;

use serde::Serialize;

use super::columns;
use crate::store::containers::{Record, State};
use crate::store::networks::{self, Endpoint, Wish};

/// One network of docker's `network inspect`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Network<'a> {
    name: &'a str,
    id: &'a str,
    created: &'a str,
    scope: &'static str,
    driver: &'a str,
    #[serde(rename = "EnableIPv6")]
    enable_ipv6: bool,
    #[serde(rename = "IPAM")]
    ipam: Ipam,
    internal: bool,
    attachable: bool,
    ingress: bool,
    config_from: ConfigFrom,
    config_only: bool,
    containers: BTreeMap<&'a str, Member<'a>>,
    options: BTreeMap<&'a str, &'a str>,
    labels: &'a BTreeMap<String, String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Ipam {
    driver: &'static str,
    options: Option<BTreeMap<String, String>>,
    config: Option<Vec<Pool>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Pool {
    subnet: String,
    #[serde(rename = "IPRange", skip_serializing_if = "Option::is_none")]
    range: Option<String>,
    gateway: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct ConfigFrom {
    network: &'static str,
}

/// A running container on a network.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Member<'a> {
    name: &'a str,
    #[serde(rename = "EndpointID")]
    endpoint_id: &'a str,
    mac_address: &'a str,
    #[serde(rename = "IPv4Address")]
    ipv4_address: String,
    #[serde(rename = "IPv6Address")]
    ipv6_address: String,
}

/// What docker says of its default network.
const BRIDGE_OPTIONS: [(&str, &str); 6] = [
    ("com.docker.network.bridge.default_bridge", "true"),
    ("com.docker.network.bridge.enable_icc", "true"),
    ("com.docker.network.bridge.enable_ip_masquerade", "true"),
    ("com.docker.network.bridge.host_binding_ipv4", "0.0.0.0"),
    ("com.docker.network.bridge.name", "docker0"),
    ("com.docker.network.driver.mtu", "1500"),
];

impl<'a> Network<'a> {
    /// Returns docker's form of a network with those of `running` that are on it.
    pub(crate) fn new(
        network: &'a networks::Network,
        running: impl Iterator<Item = (&'a Record, &'a State)>,
    ) -> Network<'a> {
        // the default network has IPv6 only where the host has, and docker's has none
        let shown = |p: &&networks::Pool| network.ipv6 || p.gateway.is_ipv4();
        let pools = network.pools.iter().filter(shown).map(|p| Pool {
            subnet: p.subnet.to_string(),
            range: p.range.map(|r| r.to_string()),
            gateway: p.gateway.to_string(),
        });
        let pools: Vec<_> = pools.collect();
        let own = network.options.iter();
        let own = own.map(|(k, v)| (k.as_str(), v.as_str()));
        let options = BRIDGE_OPTIONS.into_iter().filter(|_| network.is_default());
        Network {
            name: &network.name,
            id: &network.id,
            created: &network.created,
            scope: "local",
            driver: &network.driver,
            enable_ipv6: network.ipv6,
            ipam: Ipam {
                driver: "default",
                options: (!network.is_built_in()).then(BTreeMap::new),
                config: (!pools.is_empty()).then_some(pools),
            },
            internal: network.internal,
            attachable: network.attachable,
            ingress: false,
            config_from: ConfigFrom { network: "" },
            config_only: false,
            containers: running
                .filter_map(|(r, s)| Some((r.id.as_str(), Member::new(network, r, s)?)))
                .collect(),
            options: own.chain(options).collect(),
            labels: &network.labels,
        }
    }
}

impl<'a> Member<'a> {
    fn new(
        network: &networks::Network,
        record: &'a Record,
        state: &'a State,
    ) -> Option<Member<'a>> {
        let place = state.networks.iter().find(|e| e.network_id == network.id);
        let is_on = place.is_some() || names(record).any(|n| n == network.name);
        let of = |address: Option<std::net::IpAddr>, prefix: u8| {
            address.map_or(String::new(), |a| format!("{a}/{prefix}"))
        };
        is_on.then(|| Member {
            name: &record.name,
            endpoint_id: place.map_or("", |e| e.id.as_str()),
            mac_address: place.map_or("", |e| e.mac.as_str()),
            ipv4_address: place.map_or(String::new(), |e| of(e.address, e.prefix)),
            ipv6_address: place.map_or(String::new(), |e| of(e.address6, e.prefix6)),
        })
    }
}

/// Returns the names of the networks of a container; none for one that shares another container's.
pub(crate) fn names(record: &Record) -> impl Iterator<Item = &str> {
    let mode = match record.host.network_mode.as_str() {
        "" | "default" => "bridge",
        mode => mode,
    };
    let by_mode = record.networks.is_empty() && !mode.starts_with("container:");
    let wishes = record.networks.iter().map(|w| w.network.as_str());
    wishes.chain(by_mode.then_some(mode))
}

/// A container's `NetworkSettings`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct NetworkSettings<'a> {
    bridge: &'static str,
    #[serde(rename = "SandboxID")]
    sandbox_id: &'a str,
    sandbox_key: String,
    ports: super::port::Ports<'a>,
    hairpin_mode: bool,
    #[serde(rename = "LinkLocalIPv6Address")]
    link_local_ipv6_address: &'static str,
    #[serde(rename = "LinkLocalIPv6PrefixLen")]
    link_local_ipv6_prefix_len: u8,
    #[serde(rename = "SecondaryIPAddresses")]
    secondary_ip_addresses: Option<()>,
    #[serde(rename = "SecondaryIPv6Addresses")]
    secondary_ipv6_addresses: Option<()>,
    #[serde(rename = "EndpointID")]
    endpoint_id: &'a str,
    gateway: String,
    #[serde(rename = "GlobalIPv6Address")]
    global_ipv6_address: String,
    #[serde(rename = "GlobalIPv6PrefixLen")]
    global_ipv6_prefix_len: u8,
    #[serde(rename = "IPAddress")]
    ip_address: String,
    #[serde(rename = "IPPrefixLen")]
    ip_prefix_len: u8,
    #[serde(rename = "IPv6Gateway")]
    ipv6_gateway: String,
    mac_address: &'a str,
    networks: BTreeMap<&'a str, Place<'a>>,
}

/// A container's place in one network.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Place<'a> {
    #[serde(rename = "IPAMConfig")]
    ipam_config: Option<Wanted>,
    links: Option<()>,
    aliases: Option<&'a [String]>,
    mac_address: &'a str,
    #[serde(rename = "NetworkID")]
    network_id: String,
    #[serde(rename = "EndpointID")]
    endpoint_id: &'a str,
    gateway: String,
    #[serde(rename = "IPAddress")]
    ip_address: String,
    #[serde(rename = "IPPrefixLen")]
    ip_prefix_len: u8,
    #[serde(rename = "IPv6Gateway")]
    ipv6_gateway: String,
    #[serde(rename = "GlobalIPv6Address")]
    global_ipv6_address: String,
    #[serde(rename = "GlobalIPv6PrefixLen")]
    global_ipv6_prefix_len: u8,
    driver_opts: Option<()>,
    #[serde(rename = "DNSNames")]
    dns_names: Option<&'a [String]>,
}

#[derive(Debug, Serialize)]
struct Wanted {
    #[serde(rename = "IPv4Address", skip_serializing_if = "Option::is_none")]
    address: Option<String>,
    #[serde(rename = "IPv6Address", skip_serializing_if = "Option::is_none")]
    address6: Option<String>,
}

fn text<T: ToString>(value: Option<T>) -> String {
    value.map(|v| v.to_string()).unwrap_or_default()
}

impl<'a> Place<'a> {
    fn new(wish: Option<&'a Wish>, network: &str, place: Option<&'a Endpoint>) -> Place<'a> {
        let wanted = wish.filter(|w| w.address.is_some() || w.address6.is_some());
        let built_in = networks::built_in().into_iter();
        let known = || built_in.clone().find(|n| n.name == network).map(|n| n.id);
        let none = Endpoint::default();
        let e = place.unwrap_or(&none);
        Place {
            ipam_config: wanted.map(|w| Wanted {
                address: w.address.map(|a| a.to_string()),
                address6: w.address6.map(|a| a.to_string()),
            }),
            links: None,
            aliases: wish.map(|w| &w.aliases[..]).filter(|a| !a.is_empty()),
            mac_address: place.map_or("", |e| e.mac.as_str()),
            network_id: place
                .map(|e| e.network_id.clone())
                .or_else(known)
                .unwrap_or_default(),
            endpoint_id: place.map_or("", |e| e.id.as_str()),
            gateway: text(e.gateway),
            ip_address: text(e.address),
            ip_prefix_len: e.prefix,
            ipv6_gateway: text(e.gateway6),
            global_ipv6_address: text(e.address6),
            global_ipv6_prefix_len: e.prefix6,
            driver_opts: None,
            dns_names: place.map(|e| &e.names[..]).filter(|n| !n.is_empty()),
        }
    }
}

impl<'a> NetworkSettings<'a> {
    /// Returns the settings of `record`; `is_up`: it runs.
    pub(crate) fn new(record: &'a Record, state: &'a State, is_up: bool) -> NetworkSettings<'a> {
        let place = |name: &str| state.networks.iter().find(|e| e.network == name);
        // docker repeats the default network's here, and no other's
        let default = place("bridge");
        let none = Endpoint::default();
        let e = default.unwrap_or(&none);
        let wish = |name: &str| record.networks.iter().find(|w| w.network == name);
        NetworkSettings {
            bridge: "",
            sandbox_id: "",
            sandbox_key: match is_up {
                true => format!("/proc/{}/ns/net", state.pid),
                false => String::new(),
            },
            ports: match is_up {
                true => super::port::published(record, state),
                false => BTreeMap::new(),
            },
            hairpin_mode: false,
            link_local_ipv6_address: "",
            link_local_ipv6_prefix_len: 0,
            secondary_ip_addresses: None,
            secondary_ipv6_addresses: None,
            endpoint_id: default.map_or("", |e| e.id.as_str()),
            gateway: text(e.gateway),
            global_ipv6_address: text(e.address6),
            global_ipv6_prefix_len: e.prefix6,
            ip_address: text(e.address),
            ip_prefix_len: e.prefix,
            ipv6_gateway: text(e.gateway6),
            mac_address: default.map_or("", |e| e.mac.as_str()),
            networks: names(record)
                .map(|n| (n, Place::new(wish(n), n, place(n))))
                .collect(),
        }
    }
}

/// One row of `network ls`.
#[derive(Debug)]
pub(crate) struct Row {
    /// What it shows.
    pub(crate) network: networks::Network,
    /// Whether ids are cut.
    pub(crate) width: columns::Width,
}

impl columns::Row for Row {
    const COLUMNS: &'static [(&'static str, &'static str)] = &[
        ("CreatedAt", "CREATED AT"),
        ("Driver", "DRIVER"),
        ("ID", "NETWORK ID"),
        ("IPv6", "IPV6"),
        ("Internal", "INTERNAL"),
        ("Labels", "LABELS"),
        ("Name", "NAME"),
        ("Scope", "SCOPE"),
    ];
    const MORE: &'static [(&'static str, &'static str)] = &[("IPv4", "IPV4")];
    const RAW: &'static [(&'static str, &'static str)] = &[
        ("network_id", "ID"),
        ("name", "Name"),
        ("driver", "Driver"),
        ("scope", "Scope"),
    ];

    fn column(&self, name: &str) -> String {
        let n = &self.network;
        match name {
            "ID" => self.width.id(&n.id),
            "Name" => n.name.clone(),
            "Driver" => n.driver.clone(),
            "Scope" => "local".to_owned(),
            "CreatedAt" => super::time::parse(&n.created)
                .map(super::time::local)
                .unwrap_or_default(),
            "IPv6" => n.ipv6.to_string(),
            "IPv4" => "true".to_owned(),
            "Internal" => n.internal.to_string(),
            "Labels" => columns::labels(&n.labels),
            _ => String::new(),
        }
    }

    fn labels(&self) -> Option<&BTreeMap<String, String>> {
        Some(&self.network.labels)
    }
}
