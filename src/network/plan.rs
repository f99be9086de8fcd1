//! What a container's network is to be: serialisable data, made by a pure function from its record and the networks.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Kind, Result};
use crate::grammar::units;
use crate::store::networks::{Endpoint, Network, Rung};

/// A network namespace of the container's own with everything that leads into and out of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NetworkPlan {
    /// The networks; the first one that is not internal has the default route. At least one, unless a program is the network.
    pub attachments: Vec<Attachment>,
    /// A program that is the network instead: there are no attachments then.
    #[serde(default)]
    pub program: Option<Program>,
    /// Published ports.
    pub ports: Vec<Port>,
    /// Name servers that the gateway asks (`--dns`); empty for the host's own.
    pub servers: Vec<IpAddr>,
    /// The container's own program answers questions about names, at a port 53 that it exposes or publishes: docker's
    /// 127.0.0.11 is not taken.
    #[serde(default)]
    pub is_name_server: bool,
    /// More names of other containers, which only this one knows: name and id.
    #[serde(default)]
    pub links: Vec<(String, String)>,
    /// How new gateways are to work; `None` for the best that this host has.
    #[serde(default)]
    pub rung: Option<Rung>,
    /// What stands behind the container's address in its /etc/hosts.
    pub own_names: String,
}

/// Somebody else's program that makes a network in a container's namespace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Program {
    /// Which one.
    pub tool: Tool,
    /// Where it is.
    pub path: PathBuf,
    /// What its user wants it to be told besides: podman's `--network pasta:OPTION,OPTION`.
    pub options: Vec<String>,
}

/// The programs that are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tool {
    /// pasta(1), of passt.
    Pasta,
    /// slirp4netns(1).
    Slirp4netns,
}

impl Tool {
    /// Returns the tool of a network mode, `pasta` or `slirp4netns`, and its options behind a colon.
    pub fn of(mode: &str) -> Option<(Tool, Vec<String>)> {
        let (name, options) = mode.split_once(':').unwrap_or((mode, ""));
        let tool = match name {
            "pasta" => Tool::Pasta,
            "slirp4netns" => Tool::Slirp4netns,
            _ => return None,
        };
        let options = options.split(',').filter(|o| !o.is_empty());
        Some((tool, options.map(str::to_owned).collect()))
    }

    /// Returns the address at which it answers questions about names, by asking the host's servers.
    pub fn name_server(self) -> &'static str {
        match self {
            Tool::Pasta => "169.254.1.1",
            Tool::Slirp4netns => "10.0.2.3",
        }
    }

    /// Returns the Debian package that has it.
    pub fn package(self) -> &'static str {
        match self {
            Tool::Pasta => "passt",
            Tool::Slirp4netns => "slirp4netns",
        }
    }
}

impl std::fmt::Display for Tool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Tool::Pasta => "pasta",
            Tool::Slirp4netns => "slirp4netns",
        })
    }
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

/// The option of a network, or of a container's place in one, that answers sooner at the cost of a processor: for how
/// long a relay goes on looking for traffic after the last before it sleeps.
pub const BUSY_POLL: &str = "coracle.busy-poll";
/// The longest that it may be: more is a processor that never rests.
const BUSY_POLL_MOST: Duration = Duration::from_secs(1);

/// Reads [`BUSY_POLL`] from options; zero without it.
pub fn busy_poll(options: &BTreeMap<String, String>) -> Result<Duration> {
    let Some(text) = options.get(BUSY_POLL) else {
        return Ok(Duration::ZERO);
    };
    let invalid = || {
        let text = format!("invalid value for option {BUSY_POLL}: {text:?}");
        Error::new(Kind::Usage, text).hint("give a time of up to 1s, such as 200us")
    };
    let time = units::duration(text)
        .ok()
        .and_then(|ns| u64::try_from(ns).ok());
    let time = time.map(Duration::from_nanos).ok_or_else(invalid)?;
    (time <= BUSY_POLL_MOST).then_some(time).ok_or_else(invalid)
}

/// Docker's option of a network for the largest packet on its links, in bytes.
const MTU: &str = "com.docker.network.driver.mtu";

/// What links have without it. The kernel moves larger pieces over a veth pair anyway.
pub(super) const ETHERNET: u32 = 1500;

/// Reads [`MTU`] from a network's options; [`ETHERNET`] without it, or with 0.
pub fn mtu(options: &BTreeMap<String, String>) -> Result<u32> {
    let invalid = |text: String| Err(Error::new(Kind::Invalid, text));
    let Some(text) = options.get(MTU) else {
        return Ok(ETHERNET);
    };
    match text.parse::<i64>() {
        Ok(0) => Ok(ETHERNET),
        // RFC 791; what a veth takes
        Ok(mtu @ 68..=65_535) => Ok(mtu as u32),
        Ok(mtu) if mtu < 0 => invalid(format!("invalid MTU number: {mtu}")),
        Ok(_) => invalid("invalid argument".to_owned()),
        Err(_) => invalid(format!(
            "failed to parse {MTU} value: {text} (strconv.Atoi: parsing {text:?}: invalid syntax)"
        )),
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_networks_mtu_is_dockers() {
        let read = |text: &str| {
            mtu(&[(MTU.to_owned(), text.to_owned())].into()).map_err(|e| e.to_string())
        };
        assert_eq!((read("1400"), read("0")), (Ok(1400), Ok(1500)));
        assert_eq!(read("-4"), Err("invalid MTU number: -4".to_owned()));
        assert_eq!(read("10"), Err("invalid argument".to_owned()));
        let text = "failed to parse com.docker.network.driver.mtu value: abc \
                    (strconv.Atoi: parsing \"abc\": invalid syntax)";
        assert_eq!(read("abc"), Err(text.to_owned()));
    }

    #[test]
    fn busy_polling_is_a_time_of_up_to_a_second() {
        let read = |text: &str| busy_poll(&[(BUSY_POLL.to_owned(), text.to_owned())].into()).ok();
        assert_eq!(read("200us"), Some(Duration::from_micros(200)));
        assert_eq!(read("0"), Some(Duration::ZERO));
        for wrong in ["", "1", "-1ms", "2s", "yes"] {
            assert_eq!(read(wrong), None, "{wrong:?}");
        }
        assert_eq!(busy_poll(&BTreeMap::new()).ok(), Some(Duration::ZERO));
    }
}
