//! Networks: what the user made, and who is on them now.
//!
//! ```text
//! <data>/networks/<name>          Network, JSON; made by link(2), which fails when the name is taken
//! <runtime>/networks/members      who is on which network, JSON; written under the lock    networks/members.rs
//! <runtime>/networks/lock         held while somebody joins or leaves: well under a millisecond
//! ```
//! `bridge`, `host` and `none` always exist and have no file. A network is a few numbers: it costs nothing while nobody is on
//! it, and the kernel's part of it lives as long as one of its members.

pub mod members;

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::net::IpAddr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::error::{Context, Error, Kind, Result};
use crate::grammar::subnet::{self, Subnet};
use crate::store::containers::has_ended;
use crate::store::events::Event;
use crate::store::{Store, folder, new_id, random_hex, record};

/// Id of `bridge`: sha256 of `network bridge`, the same on every machine.
pub const BRIDGE: &str = "4bab106e9b34ca3c822a8fa3c08106fa082f28b3573da7d2aa50593a2cb38f4b";
/// Id of `host`.
pub const HOST: &str = "5accd5297b035a9422f48049064e4bdb28b38992a0000c87adc54762614d79bf";
/// Id of `none`.
pub const NONE: &str = "cc1c7fc0365da1714d25b04ddea899cd93c7b540ddbc7743f9e1b24ca50c74e4";

/// How a gateway's kernel hands what containers begin to their relays; docs/NETWORK.md draws both.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Rung {
    /// By rules of nf_tables.
    #[default]
    Tproxy,
    /// Without nf_tables: the kernel's answers find no way back, and relays make both ends of each connection.
    AnyIp,
}

impl Rung {
    /// Returns the one of a name, `tproxy` or `anyip`.
    pub fn named(name: &str) -> Result<Rung> {
        match name {
            "tproxy" => Ok(Rung::Tproxy),
            "anyip" => Ok(Rung::AnyIp),
            _ => Err(
                Error::new(Kind::Usage, format!("unknown way of networks: `{name}`"))
                    .hint("CORACLE_NETWORK_RUNG is `tproxy` or `anyip`; without it the best that works is taken"),
            ),
        }
    }
}

/// A part of a network's addresses, of one version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pool {
    /// All of them.
    pub subnet: Subnet,
    /// The gateway's.
    pub gateway: IpAddr,
    /// Those that are given away without being asked for; `None` for all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub range: Option<Subnet>,
}

/// A network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Network {
    /// Its name.
    pub name: String,
    /// 64 hex digits.
    pub id: String,
    /// RFC 3339 with nanoseconds, UTC.
    pub created: String,
    /// `bridge`, `host` or `null`.
    pub driver: String,
    /// At most one pool of each version; the IPv4 one first. Empty for `host` and `none`.
    pub pools: Vec<Pool>,
    /// No way out.
    #[serde(default)]
    pub internal: bool,
    /// `--attachable`: shown, nothing more.
    #[serde(default)]
    pub attachable: bool,
    /// `--ipv6`.
    #[serde(default)]
    pub ipv6: bool,
    /// `--opt`.
    #[serde(default)]
    pub options: BTreeMap<String, String>,
    /// `--label`.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
}

impl Network {
    fn built_in(name: &str, id: &str, driver: &str) -> Network {
        Network {
            name: name.to_owned(),
            id: id.to_owned(),
            created: "1970-01-01T00:00:00Z".to_owned(),
            driver: driver.to_owned(),
            pools: Vec::new(),
            internal: false,
            attachable: false,
            ipv6: false,
            options: BTreeMap::new(),
            labels: BTreeMap::new(),
        }
    }

    /// Says whether it always exists.
    pub fn is_built_in(&self) -> bool {
        [BRIDGE, HOST, NONE].contains(&self.id.as_str())
    }

    /// The default network, whose name server knows no containers (docker's legacy).
    pub fn is_default(&self) -> bool {
        self.id == BRIDGE
    }
}

/// Returns the three that always exist, in docker's order. The default network has IPv6 addresses of its own, which its
/// containers get where the host has a way out by IPv6.
pub fn built_in() -> [Network; 3] {
    let pool = |text: &str, gateway: &str| Pool {
        subnet: text.parse().expect("a constant"),
        gateway: gateway.parse().expect("a constant"),
        range: None,
    };
    let mut bridge = Network::built_in("bridge", BRIDGE, "bridge");
    bridge.pools = vec![
        pool("172.17.0.0/16", "172.17.0.1"),
        pool("fd00:c0ac:1e::/64", "fd00:c0ac:1e::1"),
    ];
    [
        bridge,
        Network::built_in("host", HOST, "host"),
        Network::built_in("none", NONE, "null"),
    ]
}

/// A container's place in a network, as it was given.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoint {
    /// The network's name.
    pub network: String,
    /// The network's id.
    pub network_id: String,
    /// 64 hex digits.
    pub id: String,
    /// Hardware address, `02:42:ac:11:00:02`.
    pub mac: String,
    /// IPv4 address.
    pub address: Option<IpAddr>,
    /// Its prefix length.
    pub prefix: u8,
    /// IPv4 gateway.
    pub gateway: Option<IpAddr>,
    /// IPv6 address.
    pub address6: Option<IpAddr>,
    /// Its prefix length.
    pub prefix6: u8,
    /// IPv6 gateway.
    pub gateway6: Option<IpAddr>,
    /// What other containers of the network may call it.
    pub names: Vec<String>,
}

/// A network that a container is to be on, as it was asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Wish {
    /// The network's name or id.
    pub network: String,
    /// `--network-alias`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<String>,
    /// `--ip`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<IpAddr>,
    /// `--ip6`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address6: Option<IpAddr>,
    /// `--mac-address`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mac: Option<[u8; 6]>,
    /// `driver-opt`: beside the network's own options.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub options: BTreeMap<String, String>,
}

/// A network that is to be.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// Its name.
    pub name: String,
    /// `--driver`; empty for `bridge`.
    pub driver: String,
    /// `--subnet`, with `--gateway` and `--ip-range` of the same position.
    pub subnets: Vec<String>,
    /// `--gateway`.
    pub gateways: Vec<String>,
    /// `--ip-range`.
    pub ranges: Vec<String>,
    /// `--internal`.
    pub internal: bool,
    /// `--attachable`.
    pub attachable: bool,
    /// `--ipv6`.
    pub ipv6: bool,
    /// `--opt`.
    pub options: BTreeMap<String, String>,
    /// `--label`.
    pub labels: BTreeMap<String, String>,
}

/// The door to the networks.
#[derive(Debug)]
pub struct Networks<'a> {
    store: &'a Store,
}

impl<'a> Networks<'a> {
    pub(super) fn new(store: &'a Store) -> Networks<'a> {
        Networks { store }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.store.data("networks").join(name)
    }

    /// Returns all, the built-in ones among them, sorted by name.
    pub fn list(&self) -> Result<Vec<Network>> {
        let mut all = self.made()?;
        let [bridge, host, none] = built_in();
        let bridge = self.placed(bridge, &host_routes(), &all);
        all.extend([bridge, host, none]);
        all.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(all)
    }

    /// Those that the user made.
    fn made(&self) -> Result<Vec<Network>> {
        let mut all = Vec::new();
        let folder = self.store.data("networks");
        let cannot = || format!("cannot list `{}`", folder.display());
        let entries = match std::fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(all),
            Err(e) => return Err(e).context(Kind::System, cannot),
        };
        for entry in entries {
            let path = entry.context(Kind::System, cannot)?.path();
            // one that vanishes meanwhile, or that a power cut emptied, is not there
            all.extend(record::read::<Network>(&path)?);
        }
        Ok(all)
    }

    /// The default network where it is now, or else beside what the host reaches by its own routes: containers would not.
    fn placed(&self, mut bridge: Network, routes: &[Subnet], made: &[Network]) -> Network {
        let members = members::read(self.store.paths()).unwrap_or_default();
        let mut living = members
            .iter()
            .filter(|m| m.endpoint.network_id == BRIDGE && m.is_alive());
        let now = living.find_map(|m| Subnet::new(m.endpoint.gateway?, m.endpoint.prefix));
        let is_free = |s: &Subnet| !routes.iter().any(|r| r.overlaps(s));
        let pool = &mut bridge.pools[0];
        if let Some(place) = now {
            *pool = first_is_gateway(place);
        } else if !is_free(&pool.subnet) {
            let taken: Vec<Subnet> = subnets(made).collect();
            let mut all = subnet::pools();
            let free = all.find(|s| is_free(s) && !taken.iter().any(|t| t.overlaps(s)));
            *pool = free.map_or(pool.clone(), first_is_gateway);
        }
        bridge
    }

    /// Returns the network of a name, an id, or the beginning of one; `Kind::NotFound` with docker's text.
    pub fn find(&self, word: &str) -> Result<Network> {
        match built_in().into_iter().find(|n| n.name == word) {
            Some(bridge) if bridge.is_default() => {
                let routes = host_routes();
                let is_alone = !routes.iter().any(|r| r.overlaps(&bridge.pools[0].subnet));
                let made = if is_alone { Vec::new() } else { self.made()? };
                return Ok(self.placed(bridge, &routes, &made));
            }
            Some(other) => return Ok(other),
            None => {}
        }
        let all = self.list()?;
        let named = all.iter().find(|n| n.name == word || n.id == word);
        if let Some(found) = named {
            return Ok(found.clone());
        }
        let mut short = all.iter().filter(|n| n.id.starts_with(word));
        match (short.next(), short.next()) {
            (Some(found), None) if !word.is_empty() => Ok(found.clone()),
            (Some(_), Some(_)) if !word.is_empty() => Err(Error::new(
                Kind::Invalid,
                format!("network {word} is ambiguous (2 matches found based on ID prefix)"),
            )),
            _ => Err(no_such(word)),
        }
    }

    /// Makes one. Docker's texts for names, drivers and subnets that cannot be.
    pub fn create(&self, request: Request) -> Result<Network> {
        self.create_beside(request, &host_routes())
    }

    fn create_beside(&self, request: Request, routes: &[Subnet]) -> Result<Network> {
        check_name(&request.name)?;
        match request.driver.as_str() {
            "" | "default" | "bridge" => {}
            "host" | "null" | "none" => {
                let text = format!(
                    "only one instance of {:?} network is allowed",
                    request.driver
                );
                return Err(Error::new(Kind::Invalid, text));
            }
            other => {
                return Err(
                    Error::new(Kind::NotFound, format!("plugin {other:?} not found"))
                        .hint("only networks of the driver `bridge` can be made"),
                );
            }
        }
        let others = self.list()?;
        let pools = pools(&request, &others, routes)?;
        let network = Network {
            id: new_id()?,
            created: crate::store::now(),
            driver: "bridge".to_owned(),
            pools,
            internal: request.internal,
            attachable: request.attachable,
            ipv6: request.ipv6,
            options: request.options,
            labels: request.labels,
            name: request.name,
        };
        self.write(&network)?;
        self.tell("create", &network);
        Ok(network)
    }

    fn tell(&self, action: &str, network: &Network) {
        let more = [("name", &network.name[..]), ("type", &network.driver)];
        self.store
            .tell(|| Some(Event::new("network", action, &network.id, &more)));
    }

    fn write(&self, network: &Network) -> Result<()> {
        let cannot = || format!("cannot make the network `{}`", network.name);
        folder(&self.store.data("networks")).context(Kind::System, cannot)?;
        let bytes = serde_json::to_vec(network).context(Kind::System, cannot)?;
        let temporary = self
            .store
            .data("staging")
            .join(format!("network-{}", random_hex::<8>()?));
        record::write_bytes_new(&temporary, &bytes).context(Kind::System, cannot)?;
        let linked = std::fs::hard_link(&temporary, self.path(&network.name));
        let _ = std::fs::remove_file(&temporary); // swept with the rest of staging
        match linked {
            Err(e) if e.kind() == ErrorKind::AlreadyExists => Err(Error::new(
                Kind::Conflict,
                format!("network with name {} already exists", network.name),
            )),
            other => other.context(Kind::System, cannot),
        }
    }

    /// Removes one that nobody is on. Docker's texts.
    pub fn remove(&self, network: &Network) -> Result<()> {
        if network.is_built_in() {
            return Err(Error::new(
                Kind::Denied,
                format!(
                    "{} is a pre-defined network and cannot be removed",
                    network.name
                ),
            ));
        }
        let users = members::read(self.store.paths())?;
        // a relay may live on for a moment after its container
        let is_active = |m: &members::Member| {
            m.endpoint.network_id == network.id
                && m.is_alive()
                && !has_ended(self.store.paths(), &m.container)
        };
        if users.iter().any(is_active) {
            return Err(Error::new(
                Kind::Denied,
                format!(
                    "error while removing network: network {} id {} has active endpoints",
                    network.name, network.id
                ),
            ));
        }
        match std::fs::remove_file(self.path(&network.name)) {
            Err(e) if e.kind() == ErrorKind::NotFound => return Err(no_such(&network.name)),
            other => other.context(Kind::System, || {
                format!("cannot remove the network `{}`", network.name)
            })?,
        }
        self.tell("destroy", network);
        Ok(())
    }
}

fn no_such(word: &str) -> Error {
    Error::new(Kind::NotFound, format!("network {word} not found"))
}

fn check_name(name: &str) -> Result<()> {
    if built_in().iter().any(|n| n.name == name) || name == "default" {
        let text = format!("operation is not permitted on predefined {name} network");
        return Err(Error::new(Kind::Denied, text));
    }
    let is_word = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
    let begins = name.starts_with(|c: char| c.is_ascii_alphanumeric());
    if begins && name.chars().all(is_word) {
        return Ok(());
    }
    let text = match name.trim() {
        "" => "invalid network name: name is empty".to_owned(),
        _ => format!(
            "invalid network name {name:?}: only letters, digits, `_`, `.` and `-`, and a letter or digit first"
        ),
    };
    Err(Error::new(Kind::Invalid, text))
}

fn subnets(networks: &[Network]) -> impl Iterator<Item = Subnet> {
    networks
        .iter()
        .flat_map(|n| n.pools.iter().map(|p| p.subnet))
}

/// Where this host's own routes lead; none where it does not say.
fn host_routes() -> Vec<Subnet> {
    subnet::routed(&std::fs::read_to_string("/proc/net/route").unwrap_or_default())
}

/// The pools that are asked for, or docker's next free one that no route of the host leads to; and with `--ipv6` one of IPv6.
fn pools(request: &Request, others: &[Network], routes: &[Subnet]) -> Result<Vec<Pool>> {
    let taken: Vec<Subnet> = subnets(others).collect();
    let mut pools = asked(request)?;
    if pools
        .iter()
        .any(|p| taken.iter().any(|t| t.overlaps(&p.subnet)))
    {
        return Err(Error::new(
            Kind::Denied,
            "Pool overlaps with other one on this address space",
        ));
    }
    let has = |pools: &[Pool], v4| pools.iter().any(|p| p.subnet.address().is_ipv4() == v4);
    if !has(&pools, true) {
        let is_free = |s: &Subnet| !taken.iter().chain(routes).any(|t| t.overlaps(s));
        let free = subnet::pools().find(is_free);
        let free = free.ok_or_else(|| {
            Error::new(
                Kind::Invalid,
                "could not find an available, non-overlapping IPv4 address pool among the defaults to assign to the network",
            )
        })?;
        pools.push(first_is_gateway(free));
    }
    if request.ipv6 && !has(&pools, false) {
        pools.push(first_is_gateway(unique_local(&taken)?));
    }
    pools.sort_by_key(|p| p.subnet.address().is_ipv6());
    if pools.len() > 2
        || pools.len() == 2
            && pools[0].subnet.address().is_ipv4() == pools[1].subnet.address().is_ipv4()
    {
        let text = "bridge driver doesn't support multiple subnets";
        return Err(
            Error::new(Kind::Invalid, text).hint("give one --subnet of IPv4 and one of IPv6")
        );
    }
    Ok(pools)
}

/// Docker's client refuses what does not fit together, its daemon what is no network.
fn asked(request: &Request) -> Result<Vec<Pool>> {
    let invalid = |text: String| Err(Error::new(Kind::Invalid, text));
    let most = request.ranges.len().max(request.gateways.len());
    if most > request.subnets.len() {
        let text = "every ip-range or gateway must have a corresponding subnet";
        return invalid(text.to_owned());
    }
    let mut problems = Vec::new();
    let mut network = |what: &str, text: &str| match text.parse::<Subnet>() {
        Ok(subnet) => {
            let whole = subnet.to_string();
            if whole != text {
                problems.push(format!("invalid {what} {text}: it should be {whole}"));
            }
            Some(subnet)
        }
        Err(_) => {
            problems.push(format!(
                "invalid {what} {text}: invalid CIDR block notation"
            ));
            None
        }
    };
    let mut pools: Vec<Pool> = Vec::new();
    for text in &request.subnets {
        let Some(subnet) = network("subnet", text) else {
            continue;
        };
        if pools.iter().any(|p| p.subnet.overlaps(&subnet)) {
            let text = "multiple overlapping subnet configuration is not supported";
            return invalid(text.to_owned());
        }
        pools.push(first_is_gateway(subnet));
    }
    for text in &request.ranges {
        let Some(range) = network("ip-range", text) else {
            continue;
        };
        match pools
            .iter_mut()
            .find(|p| p.subnet.contains(range.address()))
        {
            Some(pool) => pool.range = Some(range),
            None => return invalid(format!("no matching subnet for range {text}")),
        }
    }
    for text in &request.gateways {
        let gateway = text.parse::<IpAddr>().ok();
        let pool = gateway.and_then(|g| pools.iter_mut().find(|p| p.subnet.contains(g)));
        match (gateway, pool) {
            (Some(gateway), Some(pool)) => pool.gateway = gateway,
            _ => return invalid(format!("no matching subnet for gateway {text}")),
        }
    }
    if problems.is_empty() {
        return Ok(pools);
    }
    invalid(format!("invalid network config:\n{}", problems.join("\n")))
}

/// The gateway is the first address, as with docker.
fn first_is_gateway(subnet: Subnet) -> Pool {
    let gateway = subnet.nth(1).unwrap_or(subnet.address());
    Pool {
        subnet,
        gateway,
        range: None,
    }
}

/// A random /64 of fd00::/8 (RFC 4193).
fn unique_local(taken: &[Subnet]) -> Result<Subnet> {
    loop {
        let mut bytes = [0u8; 16];
        crate::sys::random::fill(&mut bytes[1..6])?;
        bytes[0] = 0xfd;
        if let Some(subnet) = Subnet::new(IpAddr::from(bytes), 64)
            && !taken.iter().any(|t| t.overlaps(&subnet))
        {
            return Ok(subnet);
        }
    }
}

#[cfg(test)]
mod tests;
