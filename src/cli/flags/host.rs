//! The flags that say what the host gives a container: docker's `HostConfig`.

use std::collections::BTreeMap;

use clap::ArgMatches;
use regex_lite::Regex;

use super::run::usage;
use super::table::{IGNORED, MISSED, REFUSED, Row};
use crate::cli::args::{is_given, is_set, many, typed, value, values};
use crate::container::plan_make::network::is_network;
use crate::error::{Error, Kind, Result};
use crate::grammar::{go, mount, units};
use crate::identity::Mode;
use crate::network::plan::Tool;
use crate::store::containers::{DeviceMapping, HostConfig, LogConfig, RestartPolicy, Ulimit};
use crate::store::networks::Wish;

/// Docker's size of /dev/shm.
const SHM_SIZE: i64 = 64 << 20;

/// Reads the flags of `HostConfig`, but for the networks. `warnings` gets what docker's daemon answers beside its yes.
pub(super) fn config(
    matches: &ArgMatches,
    networks: &[Wish],
    warnings: &mut Vec<String>,
) -> Result<HostConfig> {
    let texts = |name| values(matches, name).cloned().collect::<Vec<_>>();
    let int = |name| typed::<i64>(matches, name).copied();
    let pairs = |name| {
        many::<(String, String)>(matches, name)
            .cloned()
            .collect::<BTreeMap<_, _>>()
    };
    let auto_remove = is_set(matches, "rm");
    let restart_policy = restart(value(matches, "restart").unwrap_or_default())?;
    if auto_remove && restart_policy.name != "no" {
        return Err(usage("Conflicting options: --restart and --rm"));
    }
    let mut dns_options = texts("dns-option");
    dns_options.extend(texts("dns-opt"));
    let mut host = HostConfig {
        binds: binds(matches)?,
        network_mode: networks[0].network.clone(),
        port_bindings: publish(matches)?,
        publish_all_ports: is_set(matches, "publish-all"),
        restart_policy,
        auto_remove,
        cap_add: capabilities(matches, "cap-add"),
        cap_drop: capabilities(matches, "cap-drop"),
        dns: texts("dns"),
        dns_options,
        dns_search: texts("dns-search"),
        extra_hosts: texts("add-host"),
        links: many::<String>(matches, "link").cloned().collect(),
        group_add: texts("group-add"),
        ipc_mode: namespace(
            matches,
            "ipc",
            &["", "none", "private", "shareable", "host"],
            |mode| Error::new(Kind::Invalid, format!("invalid IPC mode: {mode}")),
        )?,
        cgroupns_mode: namespace(matches, "cgroupns", &["", "private", "host"], |_| {
            usage("--cgroupns: invalid CGROUP mode")
        })?,
        oom_score_adj: int("oom-score-adj").unwrap_or(0),
        pid_mode: namespace(matches, "pid", &["", "private", "host"], |_| {
            usage("--pid: invalid PID mode")
        })?,
        privileged: is_set(matches, "privileged"),
        readonly_rootfs: is_set(matches, "read-only"),
        security_opt: security(matches)?,
        uts_mode: namespace(matches, "uts", &["", "private", "host"], |_| {
            usage("--uts: invalid UTS mode")
        })?,
        shm_size: int("shm-size").filter(|n| *n != 0).unwrap_or(SHM_SIZE),
        sysctls: pairs("sysctl"),
        ulimits: ulimits(matches),
        tmpfs: tmpfs(matches)?,
        devices: devices(matches)?,
        init: is_set(matches, "init"),
        log_config: log(matches, pairs("log-opt"))?,
        memory: int("memory").unwrap_or(0),
        memory_swap: int("memory-swap").unwrap_or(0),
        memory_reservation: int("memory-reservation").unwrap_or(0),
        nano_cpus: int("cpus").unwrap_or(0),
        cpu_period: int("cpu-period").unwrap_or(0),
        cpu_quota: int("cpu-quota").unwrap_or(0),
        cpu_shares: int("cpu-shares").unwrap_or(0),
        cpuset_cpus: value(matches, "cpuset-cpus").unwrap_or_default().to_owned(),
        pids_limit: int("pids-limit").unwrap_or(0),
        container_id_file: value(matches, "cidfile").unwrap_or_default().to_owned(),
        identity: identity(value(matches, "identity"))?,
        volumes_from: texts("volumes-from"),
        annotations: pairs("annotation"),
        ignored: ignored(matches, warnings)?,
    };
    if host.ipc_mode.is_empty() {
        host.ipc_mode = "private".to_owned();
    }
    if host.cgroupns_mode.is_empty() {
        host.cgroupns_mode = "private".to_owned();
    }
    for mode in [&mut host.pid_mode, &mut host.uts_mode] {
        if mode == "private" {
            mode.clear();
        }
    }
    check(&host)?;
    host.memory_swap = swap(host.memory, host.memory_swap)?;
    networking(&mut host, warnings);
    Ok(host)
}

/// What docker's daemon refuses.
fn check(host: &HostConfig) -> Result<()> {
    let invalid = |text: String| Err(Error::new(Kind::Invalid, text));
    if host.memory != 0 && host.memory < 6 << 20 {
        return invalid("Minimum memory limit allowed is 6MB".to_owned());
    }
    if host.annotations.keys().any(String::is_empty) {
        return invalid(
            "invalid Annotations: the empty string is not permitted as an annotation key"
                .to_owned(),
        );
    }
    if !(-1000..=1000).contains(&host.oom_score_adj) {
        return invalid(format!(
            "Invalid value {}, range for oom score adj is [-1000, 1000]",
            host.oom_score_adj
        ));
    }
    if !host.links.is_empty() && !is_network(&host.network_mode) {
        return Err(usage("links are only supported for user-defined networks"));
    }
    if host.network_mode.starts_with("container:") && !host.port_bindings.is_empty() {
        return invalid(
            "conflicting options: port publishing and the container type network mode".to_owned(),
        );
    }
    Ok(())
}

/// Docker's rule for `--memory-swap`: not given means twice the memory.
fn swap(memory: i64, swap: i64) -> Result<i64> {
    let invalid = |text: &str| Err(Error::new(Kind::Invalid, text));
    match (memory, swap) {
        (0, n) if n > 0 => {
            invalid("You should always set the Memory limit when using Memoryswap limit, see usage")
        }
        (m, n) if n > 0 && n < m => {
            invalid("Minimum memoryswap limit should be larger than memory limit, see usage")
        }
        (m, 0) => Ok(m.saturating_mul(2)),
        (_, n) => Ok(n),
    }
}

fn networking(host: &mut HostConfig, warnings: &mut Vec<String>) {
    let is_published = !host.port_bindings.is_empty() || host.publish_all_ports;
    if host.network_mode == "host" && is_published {
        warnings.push("Published ports are discarded when using host network mode".to_owned());
    }
}

/// `--userns`. This user's own ids are all there is, so most modes of docker and podman are the same; with podman's
/// `keep-id[:uid=N,gid=N]` the program is, where nobody else is asked for, who the caller is, or these. Returns that one.
pub(super) fn userns(matches: &ArgMatches) -> Result<Option<String>> {
    let mode = value(matches, "userns").unwrap_or_default();
    let (mode, options) = mode.split_once(':').unwrap_or((mode, ""));
    match mode {
        "" | "host" | "nomap" | "auto" | "private" => return Ok(None),
        "keep-id" => {}
        _ => return Err(usage("--userns: invalid USER mode")),
    }
    let caller = (nix::unistd::getuid(), nix::unistd::getgid());
    let (mut uid, mut gid) = (caller.0.as_raw(), caller.1.as_raw());
    for option in options.split(',').filter(|option| !option.is_empty()) {
        let (name, number) = option.split_once('=').unwrap_or((option, ""));
        let number = || {
            number
                .parse()
                .map_err(|_| usage(format!("--userns: invalid {option}")))
        };
        match name {
            "uid" => uid = number()?,
            "gid" => gid = number()?,
            "size" => {}
            _ => {
                return Err(usage(format!(
                    "--userns: unknown option specified: \"{name}\""
                )));
            }
        }
    }
    Ok(Some(format!("{uid}:{gid}")))
}

fn binds(matches: &ArgMatches) -> Result<Vec<String>> {
    let mut binds = Vec::new();
    for given in volumes(matches) {
        let spec = mount::parse_volume(given)?;
        if spec.source.is_empty() {
            continue;
        }
        let is_relative = spec.kind == mount::Type::Bind && spec.source.starts_with('.');
        binds.push(if is_relative {
            let mut absolute = spec.clone();
            absolute.make_absolute(&super::run::working_folder()?);
            given.replacen(&spec.source, &absolute.source, 1)
        } else {
            given.clone()
        });
    }
    Ok(binds)
}

/// `-v`; the very same once more, as scripts have it, is one.
pub(super) fn volumes(matches: &ArgMatches) -> Vec<&String> {
    let mut all: Vec<&String> = Vec::new();
    for given in values(matches, "volume") {
        if !all.contains(&given) {
            all.push(given);
        }
    }
    all
}

/// `--network` with what belongs to the first of them; at least one.
pub(super) fn networks(matches: &ArgMatches) -> Result<Vec<Wish>> {
    let given = ["network", "net"]
        .into_iter()
        .flat_map(|name| many::<Wish>(matches, name));
    let mut all: Vec<Wish> = given.cloned().collect();
    if all.is_empty() {
        all.push(Wish::default());
    }
    for wish in &mut all {
        match wish.network.as_str() {
            "" | "default" | "private" => "bridge".clone_into(&mut wish.network),
            "container:" => return Err(usage("invalid container format container:<name|id>")),
            _ => {}
        }
    }
    let first = &mut all[0];
    let aliases = ["network-alias", "net-alias"];
    first.aliases.extend(
        aliases
            .into_iter()
            .flat_map(|n| values(matches, n))
            .cloned(),
    );
    first.address = first.address.or(typed(matches, "ip").copied());
    first.address6 = first.address6.or(typed(matches, "ip6").copied());
    first.mac = first.mac.or(typed(matches, "mac-address").copied());
    let is_program = |w: &Wish| Tool::of(&w.network).is_some();
    let is_own = !["bridge", "host", "none"].contains(&first.network.as_str())
        && !first.network.starts_with("container:")
        && !is_program(first);
    if !is_own && !first.aliases.is_empty() {
        return Err(usage(
            "network-scoped aliases are only supported for user-defined networks",
        ));
    }
    let is_single = |w: &Wish| {
        matches!(w.network.as_str(), "host" | "none")
            || w.network.starts_with("container:")
            || is_program(w)
    };
    if all.len() > 1 && all.iter().any(is_single) {
        return Err(usage(
            "conflicting options: cannot attach both user-defined and non-user-defined network-modes",
        ));
    }
    Ok(all)
}

/// `-P`, `-p` and `--expose` together.
fn publish(
    matches: &ArgMatches,
) -> Result<BTreeMap<String, Vec<crate::store::containers::PortBinding>>> {
    super::ports::publish(values(matches, "publish"))
}

/// The ports of `--expose` and of `-p`.
pub(super) fn expose(matches: &ArgMatches) -> Result<Vec<String>> {
    super::ports::expose(values(matches, "expose"), values(matches, "publish"))
}

/// `CAP_X` or `ALL`.
fn capabilities(matches: &ArgMatches, name: &str) -> Vec<String> {
    let upper = values(matches, name).map(|c| c.to_ascii_uppercase());
    upper
        .map(|c| match c.as_str() {
            "ALL" | "CAP_ALL" => "ALL".to_owned(),
            known if known.starts_with("CAP_") => c,
            short => format!("CAP_{short}"),
        })
        .collect()
}

fn namespace(
    matches: &ArgMatches,
    name: &str,
    known: &[&str],
    refuse: impl Fn(&str) -> Error,
) -> Result<String> {
    let mode = value(matches, name).unwrap_or_default();
    let is_other = mode
        .strip_prefix("container:")
        .is_some_and(|id| !id.is_empty() && !matches!(name, "uts" | "cgroupns"));
    if known.contains(&mode) || is_other {
        Ok(mode.to_owned())
    } else {
        Err(refuse(mode))
    }
}

/// `key=value`, as docker's client writes them; its daemon checks the rest.
fn security(matches: &ArgMatches) -> Result<Vec<String>> {
    values(matches, "security-opt")
        .map(
            |given| match given.split_once('=').or_else(|| given.split_once(':')) {
                Some((key, value)) => Ok(format!("{key}={value}")),
                None if matches!(given.as_str(), "no-new-privileges" | "writable-cgroups") => {
                    Ok(given.clone())
                }
                None => Err(usage(format!("Invalid --security-opt: {given:?}"))),
            },
        )
        .collect()
}

fn ulimits(matches: &ArgMatches) -> Vec<Ulimit> {
    let mut all: BTreeMap<String, Ulimit> = BTreeMap::new();
    for limit in many::<units::Ulimit>(matches, "ulimit") {
        let limit = Ulimit {
            name: limit.name.clone(),
            hard: limit.hard,
            soft: limit.soft,
        };
        all.insert(limit.name.clone(), limit);
    }
    all.into_values().collect()
}

fn tmpfs(matches: &ArgMatches) -> Result<BTreeMap<String, String>> {
    let mut all = BTreeMap::new();
    for given in values(matches, "tmpfs") {
        let spec = mount::parse_tmpfs(given)?;
        all.insert(spec.target, spec.tmpfs_options);
    }
    Ok(all)
}

fn devices(matches: &ArgMatches) -> Result<Vec<DeviceMapping>> {
    values(matches, "device")
        .map(|given| device(given))
        .collect()
}

/// `host[:container][:rwm]`.
fn device(given: &str) -> Result<DeviceMapping> {
    let is_mode = |text: &str| !text.is_empty() && text.chars().all(|c| "rwm".contains(c));
    let parts: Vec<&str> = given.split(':').collect();
    let (source, target, mode) = match parts[..] {
        [source] => (source, source, "rwm"),
        [source, mode] if is_mode(mode) => (source, source, mode),
        [source, target] => (source, target, "rwm"),
        [_, _, mode] if !is_mode(mode) => return Err(usage(format!("bad mode specified: {mode}"))),
        [source, target, mode] => (source, target, mode),
        _ => return Err(usage(format!("bad format for path: {given}"))),
    };
    for path in [source, target] {
        if !path.starts_with('/') {
            return Err(usage(format!("{path} is not an absolute path")));
        }
    }
    Ok(DeviceMapping {
        path_on_host: source.to_owned(),
        path_in_container: go::clean(target),
        cgroup_permissions: mode.to_owned(),
    })
}

pub(super) fn restart(text: &str) -> Result<RestartPolicy> {
    let invalid =
        |text: String| Error::new(Kind::Invalid, format!("invalid restart policy: {text}"));
    let (name, count) = match text.split_once(':') {
        Some((name, count)) => (name, Some(count)),
        None => (text, None),
    };
    let maximum = match count {
        None => 0,
        Some(count) => count.parse::<i64>().map_err(|_| {
            usage("invalid restart policy format: maximum retry count must be an integer")
        })?,
    };
    match name {
        "" if count.is_some() => {
            return Err(usage(
                "invalid restart policy format: no policy provided before colon",
            ));
        }
        "" | "no" | "always" | "unless-stopped" if maximum != 0 => {
            return Err(invalid(
                "maximum retry count can only be used with 'on-failure'".to_owned(),
            ));
        }
        "" | "no" | "always" | "unless-stopped" | "on-failure" => {}
        other => {
            return Err(invalid(format!(
                "unknown policy '{other}'; use one of 'no', 'always', 'on-failure', or 'unless-stopped'"
            )));
        }
    }
    Ok(RestartPolicy {
        name: if name.is_empty() {
            "no".to_owned()
        } else {
            name.to_owned()
        },
        maximum_retry_count: u32::try_from(maximum)
            .map_err(|_| invalid("maximum retry count cannot be negative".to_owned()))?,
    })
}

/// Docker's drivers that write to a file here are one and the same; those that send elsewhere are refused.
fn log(matches: &ArgMatches, config: BTreeMap<String, String>) -> Result<LogConfig> {
    let driver = match value(matches, "log-driver").unwrap_or_default() {
        "" | "json-file" | "k8s-file" => "json-file",
        "local" => "local",
        "none" if !config.is_empty() => return Err(usage("invalid logging opts for driver none")),
        "none" => "none",
        other => {
            return Err(Error::new(
                Kind::Invalid,
                format!("error looking up logging plugin {other}: plugin {other:?} not found"),
            )
            .hint("json-file, local and none are here"));
        }
    };
    const KNOWN: &[&str] = &[
        "max-size",
        "max-file",
        "compress",
        "labels",
        "labels-regex",
        "env",
        "env-regex",
        "tag",
        "mode",
        "max-buffer-size",
        "path",
    ];
    if let Some(key) = config.keys().find(|k| !KNOWN.contains(&k.as_str())) {
        return Err(Error::new(
            Kind::Invalid,
            format!("unknown log opt '{key}' for {driver} log driver"),
        ));
    }
    let (mode, invalid) = (config.get("mode").map(String::as_str), |text| {
        Err(Error::new(Kind::Invalid, text))
    });
    if let Some(other) = mode.filter(|mode| !matches!(*mode, "" | "blocking" | "non-blocking")) {
        return invalid(format!("logger: logging mode not supported: {other}"));
    }
    if config.contains_key("max-buffer-size") && mode != Some("non-blocking") {
        return invalid(
            "logger: max-buffer-size option is only supported with 'mode=non-blocking'".to_owned(),
        );
    }
    Ok(LogConfig {
        driver: driver.to_owned(),
        config,
    })
}

fn identity(mode: Option<&str>) -> Result<String> {
    match mode {
        None => Ok("auto".to_owned()),
        Some(mode) if mode == "auto" || Mode::parse(mode).is_some() => Ok(mode.to_owned()),
        Some(_) => Err(usage(
            "--identity: must be one of \"auto\", \"native\", \"messages\", \"full\", \"ids\" or \"off\"",
        )),
    }
}

/// Those of `rows` that were given, with their values.
fn given(matches: &ArgMatches, rows: &[Row]) -> BTreeMap<String, String> {
    rows.iter()
        .filter(|row| is_given(matches, row.0))
        .map(|row| {
            let raw = matches.get_raw(row.0).unwrap_or_default();
            let texts: Vec<_> = raw.map(|v| v.to_string_lossy().into_owned()).collect();
            (row.0.to_owned(), texts.join(" "))
        })
        .collect()
}

/// What docker refuses of flags that have no effect here: a script that is wrong there is wrong here.
fn well_formed(matches: &ArgMatches) -> Result<()> {
    let invalid = |text: String| Err(Error::new(Kind::Invalid, text));
    match value(matches, "isolation").unwrap_or_default() {
        "" | "default" => {}
        other => {
            return invalid(format!(
                "Invalid isolation: {other:?} - linux only supports 'default'"
            ));
        }
    }
    match value(matches, "runtime").unwrap_or_default() {
        "" | "runc" | "crun" | "io.containerd.runc.v2" => {}
        other => return invalid(format!("unknown or invalid runtime name: {other}")),
    }
    if let Some(n) = typed::<i64>(matches, "memory-swappiness").filter(|n| !(-1..=100).contains(*n))
    {
        return Err(usage(format!(
            "invalid value: {n}. Valid memory swappiness range is 0-100."
        )));
    }
    match values(matches, "storage-opt").find_map(|option| match option.split_once('=') {
        Some(("size", _)) => None,
        other => Some(other),
    }) {
        Some(Some((key, _))) => return invalid(format!("Unknown option {key}")),
        Some(None) => return Err(usage("invalid storage option.")),
        None => {}
    }
    let is_rule = |rule: &str| {
        let form = Regex::new(r"^[acb] ([0-9]+|\*):([0-9]+|\*) [rwm]{1,3}$");
        form.is_ok_and(|form| form.is_match(rule))
    };
    if let Some(rule) = values(matches, "device-cgroup-rule").find(|rule| !is_rule(rule)) {
        return Err(usage(format!(
            "invalid argument {rule:?} for \"--device-cgroup-rule\" flag: invalid device cgroup format '{rule}'"
        )));
    }
    Ok(())
}

/// Flags that have no effect; those that somebody may miss are warned of, and those that nobody could do without refused.
fn ignored(matches: &ArgMatches, warnings: &mut Vec<String>) -> Result<BTreeMap<String, String>> {
    if let Some((flag, _)) = given(matches, REFUSED).into_iter().next() {
        return Err(usage(format!("--{flag} cannot be had yet")));
    }
    well_formed(matches)?;
    let mut all = given(matches, MISSED);
    warnings.extend(
        all.iter()
            .map(|(flag, value)| format!("--{flag} {value} has no effect here")),
    );
    all.extend(given(matches, IGNORED));
    Ok(all)
}
