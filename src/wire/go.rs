//! What our JSON would be in docker's Go program, for the templates of `inspect`, `info` and `version`.
//!
//! A Go template sees structs: fields that JSON leaves out are there with their zero value, some have another name than
//! their JSON key (`.ID`, `.APIVersion`), and docker tries the raw JSON when the structs do not fit.

use serde::Serialize;
use serde_json::{Map, Value};

use crate::error::Result;
use crate::grammar::template::{Objects, Rules, Template};

/// What JSON does not say of one type.
pub(crate) struct Shape {
    /// Fields that are maps.
    maps: &'static [&'static str],
    /// Fields that are lists.
    lists: &'static [&'static str],
    /// Fields that JSON leaves out when they are zero: path with `*` for every element, and the zero.
    left_out: &'static [(&'static str, Zero)],
}

/// Go's zero value.
#[derive(Debug, Clone, Copy)]
enum Zero {
    /// A pointer, map or list.
    Nil,
    /// A string.
    Empty,
    /// A number.
    Number,
}

/// `docker inspect` of a container.
pub(crate) const CONTAINER: Shape = Shape {
    maps: &[
        "ExposedPorts",
        "Volumes",
        "Labels",
        "PortBindings",
        "Annotations",
        "Tmpfs",
        "Sysctls",
        "StorageOpt",
        "Ports",
        "Networks",
        "Data",
        "DriverOpts",
    ],
    lists: &[
        "Args",
        "Env",
        "Cmd",
        "Entrypoint",
        "OnBuild",
        "Shell",
        "Binds",
        "VolumesFrom",
        "CapAdd",
        "CapDrop",
        "Dns",
        "DnsOptions",
        "DnsSearch",
        "ExtraHosts",
        "GroupAdd",
        "Links",
        "SecurityOpt",
        "Devices",
        "Ulimits",
        "Mounts",
        "MaskedPaths",
        "ReadonlyPaths",
        "ExecIDs",
        "DeviceCgroupRules",
        "DeviceRequests",
        "Aliases",
        "DNSNames",
        "SecondaryIPAddresses",
        "SecondaryIPv6Addresses",
        "DNS",
        "DNSOptions",
    ],
    left_out: &[
        ("State/Health", Zero::Nil),
        ("Config/Healthcheck", Zero::Nil),
        ("Config/ExposedPorts", Zero::Nil),
        ("Config/StopSignal", Zero::Empty),
        ("Config/StopTimeout", Zero::Nil),
        ("Config/Shell", Zero::Nil),
        ("Config/Healthcheck/Interval", Zero::Number),
        ("Config/Healthcheck/Timeout", Zero::Number),
        ("Config/Healthcheck/StartPeriod", Zero::Number),
        ("Config/Healthcheck/StartInterval", Zero::Number),
        ("Config/Healthcheck/Retries", Zero::Number),
        ("HostConfig/Annotations", Zero::Nil),
        ("HostConfig/StorageOpt", Zero::Nil),
        ("HostConfig/Tmpfs", Zero::Nil),
        ("HostConfig/Sysctls", Zero::Nil),
        ("HostConfig/Mounts", Zero::Nil),
        ("HostConfig/Init", Zero::Nil),
        ("Mounts/*/Name", Zero::Empty),
        ("Mounts/*/Driver", Zero::Empty),
        ("SizeRw", Zero::Nil),
        ("SizeRootFs", Zero::Nil),
    ],
};

/// `docker image inspect`.
pub(crate) const IMAGE: Shape = Shape {
    maps: &["ExposedPorts", "Volumes", "Labels", "Data"],
    lists: &[
        "RepoTags",
        "RepoDigests",
        "Env",
        "Cmd",
        "Entrypoint",
        "OnBuild",
        "Shell",
        "Layers",
    ],
    left_out: &[
        ("Created", Zero::Empty),
        ("Variant", Zero::Empty),
        ("Config/Healthcheck", Zero::Nil),
        ("Config/ExposedPorts", Zero::Nil),
        ("Config/StopSignal", Zero::Empty),
        ("Config/StopTimeout", Zero::Nil),
        ("Config/Shell", Zero::Nil),
        ("RootFS/Layers", Zero::Nil),
    ],
};

/// `docker network inspect`.
pub(crate) const NETWORK: Shape = Shape {
    maps: &["Containers", "Options", "Labels"],
    lists: &["Config"],
    left_out: &[],
};

/// `docker volume inspect`.
pub(crate) const VOLUME: Shape = Shape {
    maps: &["Labels", "Options"],
    lists: &[],
    left_out: &[("Status", Zero::Nil)],
};

/// `docker events`.
pub(crate) const EVENT: Shape = Shape {
    maps: &["Attributes"],
    lists: &[],
    left_out: &[],
};

/// `docker version`.
pub(crate) const VERSION: Shape = Shape {
    maps: &["Details"],
    lists: &["Components"],
    left_out: &[],
};

/// `docker info`.
pub(crate) const INFO: Shape = Shape {
    maps: &["Runtimes", "IndexConfigs"],
    lists: &[
        "DriverStatus",
        "Volume",
        "Network",
        "Authorization",
        "Log",
        "Labels",
        "SecurityOptions",
        "Warnings",
        "InsecureRegistryCIDRs",
        "Mirrors",
        "CDISpecDirs",
        "Plugins",
    ],
    left_out: &[],
};

/// Names of Go fields that differ from their JSON keys.
const NAMES: &[(&str, &str)] = &[
    ("Id", "ID"),
    ("ApiVersion", "APIVersion"),
    ("Dns", "DNS"),
    ("DnsOptions", "DNSOptions"),
    ("DnsSearch", "DNSSearch"),
    ("HostIp", "HostIP"),
    ("CpuShares", "CPUShares"),
    ("CpuPeriod", "CPUPeriod"),
    ("CpuQuota", "CPUQuota"),
    ("CpuCfsPeriod", "CPUCfsPeriod"),
    ("CpuCfsQuota", "CPUCfsQuota"),
    ("BridgeNfIp6tables", "BridgeNfIP6tables"),
];

/// Returns what `template` prints for `object`: as docker's structs, with Go's names, and at last as bare JSON.
pub(crate) fn fill<T: Serialize>(template: &Template, object: &T, shape: &Shape) -> Result<String> {
    let bare = serde_json::to_value(object).expect("wire types have string keys");
    let omitted: Vec<&str> = shape
        .left_out
        .iter()
        .map(|(path, _)| path.rsplit('/').next().unwrap_or_default())
        .collect();
    let rules = || Rules {
        omitted: &omitted,
        objects: Objects::Structs {
            maps: shape.maps,
            lists: shape.lists,
        },
        ..Rules::default()
    };
    let mut whole = bare.clone();
    for (path, zero) in shape.left_out {
        add_zero(&mut whole, path, *zero);
    }
    if let Ok(text) = template.execute(&whole, rules()) {
        return Ok(text);
    }
    if let Ok(text) = template.execute(&renamed(whole), rules()) {
        return Ok(text);
    }
    template.execute(&bare, rules())
}

fn add_zero(value: &mut Value, path: &str, zero: Zero) {
    let Some((first, rest)) = path.split_once('/') else {
        if let Value::Object(map) = value
            && !map.contains_key(path)
        {
            map.insert(path.to_owned(), zero.value());
        }
        return;
    };
    match (first, value) {
        ("*", Value::Array(all)) => all.iter_mut().for_each(|v| add_zero(v, rest, zero)),
        (key, Value::Object(map)) => {
            if let Some(inner) = map.get_mut(key) {
                add_zero(inner, rest, zero);
            }
        }
        _ => {}
    }
}

impl Zero {
    fn value(self) -> Value {
        match self {
            Zero::Nil => Value::Null,
            Zero::Empty => Value::from(""),
            Zero::Number => Value::from(0),
        }
    }
}

fn renamed(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let name = |key: String| match NAMES.iter().find(|(json, _)| *json == key) {
                Some((_, go)) => (*go).to_owned(),
                None => key,
            };
            Value::Object(
                map.into_iter()
                    .map(|(k, v)| (name(k), renamed(v)))
                    .collect::<Map<_, _>>(),
            )
        }
        Value::Array(all) => Value::Array(all.into_iter().map(renamed).collect()),
        other => other,
    }
}
