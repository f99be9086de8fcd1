//! Docker's words for networks: `network ls`, `network inspect`, and a container's `NetworkSettings`.
//!
//! `bridge`, `host` and `none` always exist; their ids are the sha256 of `network NAME`, so that
//! they are the same on every machine and after every reboot.

use std::collections::BTreeMap;

use serde::Serialize;

use super::columns;
use crate::store::containers::{PortBinding, Record};

/// One network of docker's `network inspect`.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Network {
    /// As the user names it.
    pub(crate) name: &'static str,
    /// 64 hex digits.
    pub(crate) id: &'static str,
    /// RFC 3339.
    pub(crate) created: &'static str,
    /// Always `local`.
    pub(crate) scope: &'static str,
    /// `bridge`, `host` or `null`.
    pub(crate) driver: &'static str,
    #[serde(rename = "EnableIPv6")]
    enable_ipv6: bool,
    #[serde(rename = "IPAM")]
    ipam: Ipam,
    internal: bool,
    attachable: bool,
    ingress: bool,
    config_from: ConfigFrom,
    config_only: bool,
    containers: BTreeMap<String, Member>,
    options: BTreeMap<&'static str, &'static str>,
    labels: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Ipam {
    driver: &'static str,
    options: Option<()>,
    config: Option<()>,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "PascalCase")]
struct ConfigFrom {
    network: &'static str,
}

/// A running container on a network.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Member {
    name: String,
    #[serde(rename = "EndpointID")]
    endpoint_id: &'static str,
    mac_address: &'static str,
    #[serde(rename = "IPv4Address")]
    ipv4_address: &'static str,
    #[serde(rename = "IPv6Address")]
    ipv6_address: &'static str,
}

const BRIDGE: &str = "4bab106e9b34ca3c822a8fa3c08106fa082f28b3573da7d2aa50593a2cb38f4b";
const HOST: &str = "5accd5297b035a9422f48049064e4bdb28b38992a0000c87adc54762614d79bf";
const NONE: &str = "cc1c7fc0365da1714d25b04ddea899cd93c7b540ddbc7743f9e1b24ca50c74e4";

impl Network {
    /// Returns the networks that always exist, in docker's order.
    pub(crate) fn built_in() -> [Network; 3] {
        [
            Network::new("bridge", BRIDGE, "bridge"),
            Network::new("host", HOST, "host"),
            Network::new("none", NONE, "null"),
        ]
    }

    /// Returns the network that `text` names: its name, or the start of its id.
    pub(crate) fn find(text: &str) -> Option<Network> {
        let mut all = Network::built_in().into_iter();
        all.find(|n| n.name == text || (!text.is_empty() && n.id.starts_with(text)))
    }

    fn new(name: &'static str, id: &'static str, driver: &'static str) -> Network {
        Network {
            name,
            id,
            created: "1970-01-01T00:00:00Z",
            scope: "local",
            driver,
            enable_ipv6: false,
            ipam: Ipam {
                driver: "default",
                options: None,
                config: None,
            },
            internal: false,
            attachable: false,
            ingress: false,
            config_from: ConfigFrom { network: "" },
            config_only: false,
            containers: BTreeMap::new(),
            options: BTreeMap::new(),
            labels: BTreeMap::new(),
        }
    }

    /// Adds the running containers of this network.
    pub(crate) fn with_members<'r>(mut self, running: impl Iterator<Item = &'r Record>) -> Network {
        self.containers = running
            .filter(|r| network_name(&r.host.network_mode) == Some(self.name))
            .map(|r| (r.id.clone(), Member::new(&r.name)))
            .collect();
        self
    }
}

impl Member {
    fn new(name: &str) -> Member {
        Member {
            name: name.to_owned(),
            endpoint_id: "",
            mac_address: "",
            ipv4_address: "",
            ipv6_address: "",
        }
    }
}

/// Returns the network of a container by its `NetworkMode`; `None` for one that shares another container's.
pub(crate) fn network_name(mode: &str) -> Option<&str> {
    match mode {
        "" | "default" => Some("bridge"),
        m if m.starts_with("container:") => None,
        m => Some(m),
    }
}

/// A container's `NetworkSettings`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct NetworkSettings<'a> {
    bridge: &'static str,
    #[serde(rename = "SandboxID")]
    sandbox_id: &'static str,
    sandbox_key: String,
    ports: BTreeMap<&'a str, Option<Vec<PortBinding>>>,
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
    endpoint_id: &'static str,
    gateway: &'static str,
    #[serde(rename = "GlobalIPv6Address")]
    global_ipv6_address: &'static str,
    #[serde(rename = "GlobalIPv6PrefixLen")]
    global_ipv6_prefix_len: u8,
    #[serde(rename = "IPAddress")]
    ip_address: &'static str,
    #[serde(rename = "IPPrefixLen")]
    ip_prefix_len: u8,
    #[serde(rename = "IPv6Gateway")]
    ipv6_gateway: &'static str,
    mac_address: &'static str,
    networks: BTreeMap<&'a str, Endpoint>,
}

/// A container's place in one network.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Endpoint {
    #[serde(rename = "IPAMConfig")]
    ipam_config: Option<()>,
    links: Option<()>,
    aliases: Option<()>,
    mac_address: &'static str,
    #[serde(rename = "NetworkID")]
    network_id: &'static str,
    #[serde(rename = "EndpointID")]
    endpoint_id: &'static str,
    gateway: &'static str,
    #[serde(rename = "IPAddress")]
    ip_address: &'static str,
    #[serde(rename = "IPPrefixLen")]
    ip_prefix_len: u8,
    #[serde(rename = "IPv6Gateway")]
    ipv6_gateway: &'static str,
    #[serde(rename = "GlobalIPv6Address")]
    global_ipv6_address: &'static str,
    #[serde(rename = "GlobalIPv6PrefixLen")]
    global_ipv6_prefix_len: u8,
    driver_opts: Option<()>,
    #[serde(rename = "DNSNames")]
    dns_names: Option<()>,
}

impl<'a> NetworkSettings<'a> {
    /// Returns the settings of `record`; `pid` is that of its first process, 0 when it does not run.
    pub(crate) fn new(record: &'a Record, pid: i32) -> NetworkSettings<'a> {
        let network = network_name(&record.host.network_mode);
        let endpoint = |name: &str| Endpoint {
            network_id: Network::built_in()
                .into_iter()
                .find(|n| n.name == name)
                .map_or("", |n| n.id),
            ..Endpoint::default()
        };
        NetworkSettings {
            bridge: "",
            sandbox_id: "",
            sandbox_key: if pid == 0 {
                String::new()
            } else {
                format!("/proc/{pid}/ns/net")
            },
            ports: if pid == 0 {
                BTreeMap::new()
            } else {
                super::port::published(record)
            },
            hairpin_mode: false,
            link_local_ipv6_address: "",
            link_local_ipv6_prefix_len: 0,
            secondary_ip_addresses: None,
            secondary_ipv6_addresses: None,
            endpoint_id: "",
            gateway: "",
            global_ipv6_address: "",
            global_ipv6_prefix_len: 0,
            ip_address: "",
            ip_prefix_len: 0,
            ipv6_gateway: "",
            mac_address: "",
            networks: network.into_iter().map(|n| (n, endpoint(n))).collect(),
        }
    }
}

/// One row of `network ls`.
#[derive(Debug)]
pub(crate) struct Row {
    /// What it shows.
    pub(crate) network: Network,
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
            "ID" => self.width.id(n.id),
            "Name" => n.name.to_owned(),
            "Driver" => n.driver.to_owned(),
            "Scope" => n.scope.to_owned(),
            "CreatedAt" => super::time::parse(n.created)
                .map(super::time::local)
                .unwrap_or_default(),
            "IPv6" => n.enable_ipv6.to_string(),
            "IPv4" => "true".to_owned(),
            "Internal" => n.internal.to_string(),
            _ => String::new(),
        }
    }

    fn labels(&self) -> Option<&BTreeMap<String, String>> {
        Some(&self.network.labels)
    }
}
