//! `coracle network create`, `ls`, `rm`, `connect` and `disconnect`.

use clap::{ArgMatches, Command};

use super::args::{flag, is_set, list, many, operands, opt, pairs, typed, value, values};
use super::format::{self, Format};
use super::ps::width;
use super::{Session, Verb, filter, flags};
use crate::container;
use crate::error::{Kind, Result};
use crate::store::Store;
use crate::store::networks::{Request, Wish};
use crate::ui::out;
use crate::wire::{self, network::Row};

/// `network create`.
pub(super) const CREATE: Verb = Verb {
    path: &["network", "create"],
    aliases: &[],
    about: "Create a network",
    args: |command: Command| {
        command
            .arg(operands("name", 1..=1).value_name("NETWORK"))
            .arg(flag(
                "attachable",
                None,
                "Enable manual container attachment",
            ))
            .arg(
                opt("driver", 'd', "string", "Driver to manage the Network")
                    .default_value("bridge"),
            )
            .arg(list(
                "gateway",
                None,
                "strings",
                "IPv4 or IPv6 Gateway for the master subnet",
            ))
            .arg(flag(
                "internal",
                None,
                "Restrict external access to the network",
            ))
            .arg(list(
                "ip-range",
                None,
                "strings",
                "Allocate container ip from a sub-range",
            ))
            .arg(flag("ipv6", None, "Enable IPv6 networking"))
            .arg(list("label", None, "list", "Set metadata on a network"))
            .arg(list("opt", 'o', "map", "Set driver specific options"))
            .arg(list(
                "subnet",
                None,
                "strings",
                "Subnet in CIDR format that represents a network segment",
            ))
    },
    run: create,
};

/// `network rm`.
pub(super) const RM: Verb = Verb {
    path: &["network", "rm"],
    aliases: &[&["network", "remove"]],
    about: "Remove one or more networks",
    args: |command: Command| {
        command
            .arg(operands("names", 1..).value_name("NETWORK [NETWORK...]"))
            .arg(flag(
                "force",
                'f',
                "Do not error if the network does not exist",
            ))
    },
    run: rm,
};

/// `network connect`.
pub(super) const CONNECT: Verb = Verb {
    path: &["network", "connect"],
    aliases: &[],
    about: "Connect a container to a network",
    args: |command: Command| {
        command
            .arg(operands("words", 2..=2).value_name("NETWORK CONTAINER"))
            .arg(list(
                "alias",
                None,
                "strings",
                "Add network-scoped alias for the container",
            ))
            .arg(
                list(
                    "driver-opt",
                    None,
                    "strings",
                    "Driver options for the network",
                )
                .value_parser(flags::driver_option),
            )
            .arg(
                opt(
                    "ip",
                    None,
                    "string",
                    "IPv4 address (e.g., \"172.30.100.104\")",
                )
                .value_parser(flags::address),
            )
            .arg(
                opt(
                    "ip6",
                    None,
                    "string",
                    "IPv6 address (e.g., \"2001:db8::33\")",
                )
                .value_parser(flags::address),
            )
    },
    run: connect,
};

/// `network disconnect`.
pub(super) const DISCONNECT: Verb = Verb {
    path: &["network", "disconnect"],
    aliases: &[],
    about: "Disconnect a container from a network",
    args: |command: Command| {
        command
            .arg(operands("words", 2..=2).value_name("NETWORK CONTAINER"))
            .arg(flag(
                "force",
                'f',
                "Force the container to disconnect from a network",
            ))
    },
    run: disconnect,
};

/// `network ls`.
pub(super) const LS: Verb = Verb {
    path: &["network", "ls"],
    aliases: &[&["network", "list"]],
    about: "List networks",
    args: |command: Command| {
        command
            .arg(filter::arg(
                "Provide filter values (e.g. \"driver=bridge\")",
            ))
            .arg(format::list_arg())
            .arg(flag("no-trunc", None, "Do not truncate the output"))
            .arg(flag("quiet", 'q', "Only display network IDs"))
    },
    run,
};

const KEYS: &[&str] = &["dangling", "driver", "id", "label", "name", "scope", "type"];

fn run(matches: &ArgMatches, session: &mut Session) -> Result<u8> {
    let table = vec!["ID", "Name", "Driver", "Scope"];
    let format = Format::choose(
        session,
        matches,
        "networksFormat",
        format::Default { table, quiet: "ID" },
    );
    let filters = filter::read(matches, KEYS)?;
    filters.check_words("type", &["builtin", "custom"])?;
    let dangling = filters.boolean("dangling")?;
    let store = session.store()?;
    let used = used(store)?;
    let networks = store.networks().list()?.into_iter().filter(|n| {
        let kind = if n.is_built_in() { "builtin" } else { "custom" };
        filters.exact("driver", &n.driver)
            && filters.prefix("id", &n.id)
            && filters.pattern("name", &n.name)
            && filters.exact("scope", "local")
            && filters.exact("type", kind)
            && filters.labels("label", &n.labels)
            && dangling.is_none_or(|wanted| wanted == (!n.is_built_in() && !used.contains(&n.name)))
    });
    let rows: Vec<Row> = networks
        .map(|network| Row {
            network,
            width: width(matches),
        })
        .collect();
    out::text(format.render(&rows, "*network.networkContext")?)?;
    Ok(0)
}

/// Names of the networks that a running container is on.
pub(super) fn used(store: &Store) -> Result<Vec<String>> {
    let all = store.containers().list()?;
    let running = all.iter().filter(|f| f.is_running);
    let names = running.flat_map(|f| wire::network::names(&f.record));
    Ok(names.map(str::to_owned).collect())
}

fn create(matches: &ArgMatches, session: &mut Session) -> Result<u8> {
    let texts = |name| values(matches, name).cloned().collect();
    let request = Request {
        name: value(matches, "name").unwrap_or_default().to_owned(),
        driver: value(matches, "driver").unwrap_or_default().to_owned(),
        subnets: texts("subnet"),
        gateways: texts("gateway"),
        ranges: texts("ip-range"),
        internal: is_set(matches, "internal"),
        attachable: is_set(matches, "attachable"),
        ipv6: is_set(matches, "ipv6"),
        options: pairs(matches, "opt"),
        labels: pairs(matches, "label"),
    };
    crate::network::plan::busy_poll(&request.options)?;
    crate::network::plan::mtu(&request.options)?;
    let network = session.store()?.networks().create(request)?;
    out::line(network.id)?;
    Ok(0)
}

fn rm(matches: &ArgMatches, session: &mut Session) -> Result<u8> {
    let force = is_set(matches, "force");
    session.each(values(matches, "names"), |session, name| {
        let networks = session.store()?.networks();
        match networks.find(name).and_then(|n| networks.remove(&n)) {
            Err(e) if force && e.kind() == Kind::NotFound => Ok(()),
            Err(e) => Err(e),
            Ok(()) => out::line(name),
        }
    })
}

fn connect(matches: &ArgMatches, session: &mut Session) -> Result<u8> {
    let (network, container) = pair(matches);
    let store = session.store()?;
    let network = store.networks().find(network)?;
    let wish = Wish {
        network: network.name.clone(),
        aliases: values(matches, "alias").cloned().collect(),
        address: typed(matches, "ip").copied(),
        address6: typed(matches, "ip6").copied(),
        options: many(matches, "driver-opt").cloned().collect(),
        ..Wish::default()
    };
    crate::network::plan::busy_poll(&wish.options)?;
    let container = store.containers().find(container)?;
    container::network::connect(store, &container, &network, wish)?;
    Ok(0)
}

fn disconnect(matches: &ArgMatches, session: &mut Session) -> Result<u8> {
    let (network, container) = pair(matches);
    let store = session.store()?;
    let network = store.networks().find(network)?;
    let container = store.containers().find(container)?;
    container::network::disconnect(store, &container, &network)?;
    Ok(0)
}

fn pair(matches: &ArgMatches) -> (&str, &str) {
    let mut words = values(matches, "words").map(String::as_str);
    let both = (words.next(), words.next());
    (both.0.unwrap_or_default(), both.1.unwrap_or_default())
}
