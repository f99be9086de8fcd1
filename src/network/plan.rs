//! What a container's network is to be: serialisable data, made by a pure function from its record and the networks.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::store::networks::{Endpoint, Network, Rung};

/// A network namespace of the container's own with everything that leads into and out of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NetworkPlan {
    /// The networks; the first one that is not internal has the default route. At least one.
    pub attachments: Vec<Attachment>,
    /// Published ports.
    pub ports: Vec<Port>,
    /// Name servers that the gateway asks (`--dns`); empty for the host's own.
    pub servers: Vec<IpAddr>,
    /// How new gateways are to work; `None` for the best that this host has.
    #[serde(default)]
    pub rung: Option<Rung>,
    /// What stands behind the container's address in its /etc/hosts.
    pub own_names: String,
}

/// A place in one network, before it has an address.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Attachment {
    /// The network.
    pub network: Network,
    /// What other containers of the network may call this one.
    pub names: Vec<String>,
    /// `--ip`.
    pub address: Option<IpAddr>,
    /// `--ip6`.
    pub address6: Option<IpAddr>,
    /// `--mac-address`.
    pub mac: Option<[u8; 6]>,
    /// What it had when it ran last.
    pub last: Option<Endpoint>,
}

/// What a published port carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
}

impl std::fmt::Display for Protocol {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Protocol::Tcp => "tcp",
            Protocol::Udp => "udp",
        })
    }
}

/// One published port.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Port {
    /// In the container.
    pub inside: u16,
    /// TCP or UDP.
    pub protocol: Protocol,
    /// On the host; `None` for every address of both versions.
    pub address: Option<IpAddr>,
    /// First and last port on the host to choose from; (0, 0) for any.
    pub outside: (u16, u16),
}
