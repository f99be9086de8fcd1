//! /etc/hosts, /etc/hostname and /etc/resolv.conf of a container, as docker writes them (libnetwork 26).
//!
//! They are made at each start, since the host's name servers may have changed since the last one, and live in the
//! container's memory.

use crate::error::{Error, Kind, Result};
use crate::store::containers::Record;
use crate::store::networks::Endpoint;

/// Names below /etc and texts.
pub(crate) type Files = Vec<(String, String)>;

/// The three files' texts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EtcFiles {
    /// /etc/hosts.
    pub hosts: String,
    /// /etc/hostname.
    pub hostname: String,
    /// /etc/resolv.conf.
    pub resolv_conf: String,
}

/// What the host's own files say.
#[derive(Debug, Clone, Default)]
pub(crate) struct HostFiles {
    /// /etc/hosts.
    pub hosts: String,
    /// /etc/resolv.conf, or systemd-resolved's own where that names only its stub.
    pub resolv_conf: String,
}

/// How the container reaches the network, as far as names are concerned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reach {
    /// `--network host`: it is the host.
    Host,
    /// Another container's.
    Shared,
    /// None at all.
    None,
    /// Networks of its own; the line with its own address is added when it has one.
    Own {
        /// Where the host is; `None` where it is out of reach.
        host: Option<String>,
        /// The gateways' name servers.
        servers: Vec<String>,
        /// One of them knows containers by name.
        is_named: bool,
    },
}

/// Names of the host that programs expect: docker desktop's and podman's.
const HOST_NAMES: &str = "host.docker.internal host.containers.internal";

/// Docker's first lines of /etc/hosts.
const LOCAL: &str = "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\nfe00::0\tip6-localnet\n\
                     ff00::0\tip6-mcastprefix\nff02::1\tip6-allnodes\nff02::2\tip6-allrouters\n";

/// Returns the texts. `hostname`: the container's.
pub(crate) fn make(
    record: &Record,
    hostname: &str,
    reach: &Reach,
    host: &HostFiles,
) -> Result<EtcFiles> {
    Ok(EtcFiles {
        hosts: hosts(record, hostname, reach, host)?,
        hostname: format!("{hostname}\n"),
        resolv_conf: resolv_conf(record, reach, host),
    })
}

impl HostFiles {
    /// Reads what a container with this reach needs of them. A missing file counts as empty.
    pub(crate) fn read(reach: &Reach) -> HostFiles {
        let read = |path: &str| fs_err::read_to_string(path).unwrap_or_default();
        let mut resolv_conf = read("/etc/resolv.conf");
        // Docker does the same: behind the stub of systemd-resolved stand the real servers.
        if servers(&resolv_conf).eq(["127.0.0.53"]) {
            let real = read("/run/systemd/resolve/resolv.conf");
            if servers(&real).next().is_some() {
                resolv_conf = real;
            }
        }
        HostFiles {
            hosts: match reach {
                Reach::Host => read("/etc/hosts"),
                _ => String::new(),
            },
            resolv_conf,
        }
    }
}

impl EtcFiles {
    /// Returns them by their names.
    pub(crate) fn files(self) -> Files {
        [
            ("hosts", self.hosts),
            ("hostname", self.hostname),
            ("resolv.conf", self.resolv_conf),
        ]
        .map(|(name, text)| (name.to_owned(), text))
        .into()
    }
}

fn hosts(record: &Record, hostname: &str, reach: &Reach, host: &HostFiles) -> Result<String> {
    let gateway = match reach {
        Reach::Host | Reach::Shared => Some("127.0.0.1"),
        Reach::Own { host, .. } => host.as_deref(),
        Reach::None => None,
    };
    let mut text = match reach {
        // Docker gives the host's own file, unless names are added.
        Reach::Host if record.host.extra_hosts.is_empty() => host.hosts.clone(),
        _ => LOCAL.to_owned(),
    };
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    for extra in &record.host.extra_hosts {
        text.push_str(&extra_host(extra, gateway)?);
    }
    let is_named = |name: &str| text.split_whitespace().any(|w| w == name);
    let names: Vec<&str> = HOST_NAMES.split(' ').filter(|n| !is_named(n)).collect();
    if let (Some(gateway), false) = (gateway, names.is_empty()) {
        text.push_str(&format!("{gateway}\t{}\n", names.join(" ")));
    }
    if *reach == Reach::Shared {
        let names = own_names(hostname, &record.config.domainname);
        text.push_str(&format!("127.0.0.1\t{names}\n"));
    }
    Ok(text)
}

/// `foo.dom foo` of name `foo` and domain `dom`, also when the name holds the domain.
pub(super) fn own_names(hostname: &str, domainname: &str) -> String {
    let full = if domainname.is_empty() {
        hostname.to_owned()
    } else {
        format!("{hostname}.{domainname}")
    };
    match full.split_once('.') {
        Some((short, _)) => format!("{full} {short}"),
        None => full,
    }
}

/// The lines of /etc/hosts that name a container's own addresses.
pub(crate) fn own_lines(endpoints: &[Endpoint], names: &str) -> String {
    endpoints
        .iter()
        .flat_map(|e| [e.address, e.address6])
        .flatten()
        .map(|address| format!("{address}\t{names}\n"))
        .collect()
}

/// One `--add-host name:address`; the address may be `host-gateway`.
fn extra_host(extra: &str, gateway: Option<&str>) -> Result<String> {
    let (name, address) = extra
        .split_once([':', '='])
        .ok_or_else(|| Error::new(Kind::Usage, format!("bad format for add-host: {extra:?}")))?;
    let address = match (address, gateway) {
        ("host-gateway", Some(gateway)) => gateway,
        ("host-gateway", None) => {
            return Err(Error::new(
                Kind::Invalid,
                "unable to derive the IP value for host-gateway",
            )
            .because("a container without a network cannot reach the host"));
        }
        (address, _) => address.trim_start_matches('[').trim_end_matches(']'),
    };
    Ok(format!("{address}\t{name}\n"))
}

fn servers(resolv_conf: &str) -> impl Iterator<Item = &str> {
    values(resolv_conf, "nameserver")
}

/// The words behind a keyword (resolv.conf(5)).
fn values<'a>(text: &'a str, keyword: &'a str) -> impl Iterator<Item = &'a str> {
    text.lines()
        .filter_map(move |line| {
            let mut words = line.split_whitespace();
            (words.next() == Some(keyword)).then_some(words)
        })
        .flatten()
}

/// Docker's layout, with its comments: what was overridden is said at the end.
fn resolv_conf(record: &Record, reach: &Reach, host: &HostFiles) -> String {
    let given = &record.host;
    let text = &host.resolv_conf;
    let mut overrides = Vec::new();
    let mut choose = |what, given: &[String], own: Vec<&str>| -> Vec<String> {
        if given.is_empty() {
            return own.into_iter().map(str::to_owned).collect();
        }
        overrides.push(what);
        given.to_vec()
    };
    // A server on the loopback interface is none where there is no way to the host; a gateway can ask it.
    let is_reachable = |s: &&str| *reach != Reach::None || !is_loopback(s);
    let hosts_servers: Vec<&str> = servers(text).filter(is_reachable).collect();
    let (own_servers, is_named) = match reach {
        Reach::Own {
            servers, is_named, ..
        } => (servers.iter().map(String::as_str).collect(), *is_named),
        _ => (hosts_servers.clone(), false),
    };
    // The last line counts (resolv.conf(5)).
    let last = |keyword: &'static str| -> Vec<&str> {
        let line = text
            .lines()
            .rev()
            .find(|l| l.split_whitespace().next() == Some(keyword));
        line.map(|l| values(l, keyword).collect())
            .unwrap_or_default()
    };
    // where containers have names, the gateway is asked, and it asks those that were given
    let nameservers = match is_named {
        true => choose("", &[], own_servers),
        false => choose("nameservers", &given.dns, own_servers),
    };
    let search = choose("search", &given.dns_search, last("search"));
    let mut options = choose("options", &given.dns_options, last("options"));
    let has_ndots = options.iter().any(|o| o.starts_with("ndots:"));
    if is_named && !has_ndots {
        options.push("ndots:0".to_owned());
    }
    let mut out = String::from(
        "# Generated by Docker Engine.\n# This file can be edited; Docker Engine will not make further changes once it\n\
         # has been modified.\n\n",
    );
    nameservers
        .iter()
        .for_each(|s| out.push_str(&format!("nameserver {s}\n")));
    if !(search.is_empty() || search == ["."]) {
        out.push_str(&format!("search {}\n", search.join(" ")));
    }
    if !options.is_empty() {
        out.push_str(&format!("options {}\n", options.join(" ")));
    }
    let how = match reach {
        Reach::Host => "",
        Reach::Own { .. } if is_named => " (internal resolver)",
        _ => " (legacy)",
    };
    out.push_str(&format!(
        "\n# Based on host file: '/etc/resolv.conf'{how}\n"
    ));
    if is_named {
        let asked = match given.dns.is_empty() {
            true => hosts_servers.join(" "),
            false => given.dns.join(" "),
        };
        out.push_str(&format!("# ExtServers: [{asked}]\n"));
    }
    out.push_str(&format!("# Overrides: [{}]\n", overrides.join(" ")));
    if options.iter().any(|o| o.starts_with("ndots:")) {
        let from = match (has_ndots, given.dns_options.is_empty()) {
            (false, _) => "internal",
            (true, true) => "host",
            (true, false) => "override",
        };
        out.push_str(&format!("# Option ndots from: {from}\n"));
    }
    out
}

fn is_loopback(server: &str) -> bool {
    let bare = server.split('%').next().unwrap_or(server);
    bare.parse::<std::net::IpAddr>()
        .is_ok_and(|a| a.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "# Generated by Docker Engine.\n# This file can be edited; Docker Engine will not make further \
                        changes once it\n# has been modified.\n\n";

    fn host() -> HostFiles {
        HostFiles {
            hosts: "127.0.0.1\tlocalhost\n10.0.0.1 box host.docker.internal host.containers.internal".to_owned(),
            resolv_conf: "# c\nnameserver 127.0.0.53\nnameserver 10.255.255.53\nsearch old\nsearch a.b c\noptions ndots:5\n"
                .to_owned(),
        }
    }

    fn record(hosts: &[&str], dns: &[&str]) -> Record {
        let list = |l: &[&str]| l.iter().map(|s| (*s).to_owned()).collect();
        let mut record = Record::default();
        record.host.extra_hosts = list(hosts);
        record.host.dns = list(dns);
        record
    }

    fn own(is_named: bool) -> Reach {
        Reach::Own {
            host: Some("172.17.0.1".to_owned()),
            servers: vec!["172.17.0.1".to_owned()],
            is_named,
        }
    }

    #[test]
    fn the_network_of_the_host_has_the_hosts_own_file_unless_names_are_added() {
        let made = make(&record(&[], &[]), "vm", &Reach::Host, &host()).unwrap();
        assert_eq!(made.hosts, format!("{}\n", host().hosts));
        assert_eq!(made.hostname, "vm\n");
        let made = make(
            &record(&["a:1.2.3.4", "b:host-gateway"], &[]),
            "vm",
            &Reach::Host,
            &host(),
        )
        .unwrap();
        let want = format!("{LOCAL}1.2.3.4\ta\n127.0.0.1\tb\n127.0.0.1\t{HOST_NAMES}\n");
        assert_eq!(made.hosts, want);
    }

    #[test]
    fn a_container_finds_its_own_name_where_it_has_an_address() {
        let own = own(false);
        let made = |name: &str, domain: &str, reach: &Reach| {
            let mut record = record(&["b:host-gateway", "c:::1", "d:[::2]"], &[]);
            record.config.domainname = domain.to_owned();
            make(&record, name, reach, &host())
                .unwrap()
                .hosts
                .strip_prefix(LOCAL)
                .unwrap()
                .to_owned()
        };
        let added = format!("172.17.0.1\tb\n::1\tc\n::2\td\n172.17.0.1\t{HOST_NAMES}\n");
        assert_eq!(made("foo", "dom.x", &own), added);
        assert_eq!(own_names("foo", "dom.x"), "foo.dom.x foo");
        assert_eq!(own_names("foo.bar.com", ""), "foo.bar.com foo");
        assert_eq!(own_names("foo", ""), "foo");
        assert!(made("foo", "", &Reach::Shared).ends_with("127.0.0.1\tfoo\n"));
    }

    #[test]
    fn without_a_network_there_is_no_way_to_the_host() {
        let made = make(&record(&["a:1.2.3.4"], &[]), "x", &Reach::None, &host()).unwrap();
        assert_eq!(made.hosts, format!("{LOCAL}1.2.3.4\ta\n"));
        let e = make(
            &record(&["a:host-gateway"], &[]),
            "x",
            &Reach::None,
            &host(),
        )
        .unwrap_err();
        assert!(
            e.to_string()
                .starts_with("unable to derive the IP value for host-gateway")
        );
    }

    /// Texts of docker 26.
    #[test]
    fn name_servers_are_the_hosts_or_those_given() {
        let text =
            |record: &Record, reach: Reach| make(record, "x", &reach, &host()).unwrap().resolv_conf;
        assert_eq!(
            text(&record(&[], &[]), Reach::Host),
            format!(
                "{HEAD}nameserver 127.0.0.53\nnameserver 10.255.255.53\nsearch a.b c\noptions ndots:5\n\n\
                 # Based on host file: '/etc/resolv.conf'\n# Overrides: []\n# Option ndots from: host\n"
            )
        );
        assert_eq!(
            text(&record(&[], &[]), Reach::None),
            format!(
                "{HEAD}nameserver 10.255.255.53\nsearch a.b c\noptions ndots:5\n\n\
                 # Based on host file: '/etc/resolv.conf' (legacy)\n# Overrides: []\n# Option ndots from: host\n"
            )
        );
        let mut all = record(&[], &["9.9.9.9", "8.8.8.8"]);
        all.host.dns_search = vec!["s.x".to_owned()];
        all.host.dns_options = vec!["ndots:2".to_owned()];
        assert_eq!(
            text(&all, Reach::Host),
            format!(
                "{HEAD}nameserver 9.9.9.9\nnameserver 8.8.8.8\nsearch s.x\noptions ndots:2\n\n\
                 # Based on host file: '/etc/resolv.conf'\n# Overrides: [nameservers search options]\n\
                 # Option ndots from: override\n"
            )
        );
        // a gateway is asked, and asks those that are given where it has names of its own to tell
        assert!(text(&all, own(false)).contains("\nnameserver 9.9.9.9\nnameserver 8.8.8.8\n"));
        assert!(text(&record(&[], &[]), own(false)).contains("\nnameserver 172.17.0.1\n"));
        let mut plain = record(&[], &["9.9.9.9"]);
        plain.host.dns_options = vec!["timeout:1".to_owned()];
        assert_eq!(
            text(&plain, own(true)),
            format!(
                "{HEAD}nameserver 172.17.0.1\nsearch a.b c\noptions timeout:1 ndots:0\n\n\
                 # Based on host file: '/etc/resolv.conf' (internal resolver)\n# ExtServers: [9.9.9.9]\n\
                 # Overrides: [options]\n# Option ndots from: internal\n"
            )
        );
        all.host.dns_search = vec![".".to_owned()];
        assert!(!text(&all, Reach::Shared).contains("\nsearch"));
    }
}
