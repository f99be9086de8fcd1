//! Docker's `HostConfig` as `inspect` prints it: keys, order and nulls of API 1.45, also of what has no effect here.

use std::collections::BTreeMap;

use serde::Serialize;

use super::config::null_if_empty;
use crate::container::links;
use crate::container::security::{MASKED_PATHS, READONLY_PATHS};
use crate::store::containers as store;

type Nothing = Option<()>;

/// `HostConfig` of `docker inspect`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct HostConfig<'a> {
    binds: Option<&'a [String]>,
    #[serde(rename = "ContainerIDFile")]
    container_id_file: &'a str,
    log_config: &'a store::LogConfig,
    network_mode: &'a str,
    port_bindings: &'a BTreeMap<String, Vec<store::PortBinding>>,
    restart_policy: &'a store::RestartPolicy,
    auto_remove: bool,
    volume_driver: &'a str,
    volumes_from: Option<&'a [String]>,
    console_size: [u32; 2],
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    annotations: &'a BTreeMap<String, String>,
    cap_add: Option<&'a [String]>,
    cap_drop: Option<&'a [String]>,
    cgroupns_mode: &'a str,
    dns: &'a [String],
    dns_options: &'a [String],
    dns_search: &'a [String],
    extra_hosts: Option<&'a [String]>,
    group_add: Option<&'a [String]>,
    ipc_mode: &'a str,
    cgroup: &'a str,
    links: Option<Vec<String>>,
    oom_score_adj: i64,
    pid_mode: &'a str,
    privileged: bool,
    publish_all_ports: bool,
    readonly_rootfs: bool,
    security_opt: Option<Vec<&'a str>>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    tmpfs: &'a BTreeMap<String, String>,
    #[serde(rename = "UTSMode")]
    uts_mode: &'a str,
    userns_mode: &'a str,
    shm_size: i64,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    sysctls: &'a BTreeMap<String, String>,
    runtime: &'a str,
    isolation: &'a str,
    cpu_shares: i64,
    memory: i64,
    nano_cpus: i64,
    cgroup_parent: &'a str,
    blkio_weight: u16,
    blkio_weight_device: [(); 0],
    blkio_device_read_bps: [(); 0],
    blkio_device_write_bps: [(); 0],
    #[serde(rename = "BlkioDeviceReadIOps")]
    blkio_device_read_iops: [(); 0],
    #[serde(rename = "BlkioDeviceWriteIOps")]
    blkio_device_write_iops: [(); 0],
    cpu_period: i64,
    cpu_quota: i64,
    cpu_realtime_period: i64,
    cpu_realtime_runtime: i64,
    cpuset_cpus: &'a str,
    cpuset_mems: &'a str,
    devices: &'a [store::DeviceMapping],
    device_cgroup_rules: Nothing,
    device_requests: Nothing,
    memory_reservation: i64,
    memory_swap: i64,
    memory_swappiness: Nothing,
    oom_kill_disable: bool,
    pids_limit: Option<i64>,
    ulimits: &'a [store::Ulimit],
    cpu_count: i64,
    cpu_percent: i64,
    #[serde(rename = "IOMaximumIOps")]
    io_maximum_iops: u64,
    #[serde(rename = "IOMaximumBandwidth")]
    io_maximum_bandwidth: u64,
    masked_paths: Option<&'a [&'a str]>,
    readonly_paths: Option<&'a [&'a str]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    init: Option<bool>,
}

/// `/db:/web/database`: the other, and its name below the container's own.
fn links(record: &store::Record) -> Option<Vec<String>> {
    let own = &record.name;
    let link = |text: &String| {
        let (name, alias) = links::parse(text).ok()?;
        Some(format!("/{name}:/{own}/{alias}"))
    };
    let all: Vec<String> = record.host.links.iter().filter_map(link).collect();
    (!all.is_empty()).then_some(all)
}

impl<'a> From<&'a store::Record> for HostConfig<'a> {
    fn from(record: &'a store::Record) -> HostConfig<'a> {
        let h = &record.host;
        let (masked_paths, readonly_paths) = hidden_paths(h);
        HostConfig {
            binds: null_if_empty(&h.binds),
            container_id_file: &h.container_id_file,
            log_config: &h.log_config,
            network_mode: &h.network_mode,
            port_bindings: &h.port_bindings,
            restart_policy: &h.restart_policy,
            auto_remove: h.auto_remove,
            volume_driver: "",
            volumes_from: null_if_empty(&h.volumes_from),
            console_size: [0, 0],
            annotations: &h.annotations,
            cap_add: null_if_empty(&h.cap_add),
            cap_drop: null_if_empty(&h.cap_drop),
            cgroupns_mode: &h.cgroupns_mode,
            dns: &h.dns,
            dns_options: &h.dns_options,
            dns_search: &h.dns_search,
            extra_hosts: null_if_empty(&h.extra_hosts),
            group_add: null_if_empty(&h.group_add),
            ipc_mode: &h.ipc_mode,
            cgroup: "",
            links: links(record),
            oom_score_adj: h.oom_score_adj,
            pid_mode: &h.pid_mode,
            privileged: h.privileged,
            publish_all_ports: h.publish_all_ports,
            readonly_rootfs: h.readonly_rootfs,
            security_opt: security_opt(h),
            tmpfs: &h.tmpfs,
            uts_mode: &h.uts_mode,
            userns_mode: "",
            shm_size: h.shm_size,
            sysctls: &h.sysctls,
            runtime: "runc",
            isolation: "",
            cpu_shares: h.cpu_shares,
            memory: h.memory,
            nano_cpus: h.nano_cpus,
            cgroup_parent: "",
            blkio_weight: 0,
            blkio_weight_device: [],
            blkio_device_read_bps: [],
            blkio_device_write_bps: [],
            blkio_device_read_iops: [],
            blkio_device_write_iops: [],
            cpu_period: h.cpu_period,
            cpu_quota: h.cpu_quota,
            cpu_realtime_period: 0,
            cpu_realtime_runtime: 0,
            cpuset_cpus: &h.cpuset_cpus,
            cpuset_mems: "",
            devices: &h.devices,
            device_cgroup_rules: None,
            device_requests: None,
            memory_reservation: h.memory_reservation,
            memory_swap: h.memory_swap,
            memory_swappiness: None,
            oom_kill_disable: false,
            pids_limit: (h.pids_limit != 0).then_some(h.pids_limit),
            ulimits: &h.ulimits,
            cpu_count: 0,
            cpu_percent: 0,
            io_maximum_iops: 0,
            io_maximum_bandwidth: 0,
            masked_paths,
            readonly_paths,
            init: h.init.then_some(true),
        }
    }
}

/// Docker adds `label=disable` for a privileged container, and tells `systempaths=unconfined` by the two path lists only.
fn security_opt(h: &store::HostConfig) -> Option<Vec<&str>> {
    let added = h
        .privileged
        .then_some("label=disable")
        .filter(|o| !h.security_opt.iter().any(|s| s == o));
    let shown: Vec<&str> = h
        .security_opt
        .iter()
        .map(String::as_str)
        .filter(|o| *o != UNCONFINED_PATHS)
        .chain(added)
        .collect();
    (!shown.is_empty()).then_some(shown)
}

const UNCONFINED_PATHS: &str = "systempaths=unconfined";

type Paths<'a> = Option<&'a [&'a str]>;

fn hidden_paths(h: &store::HostConfig) -> (Paths<'static>, Paths<'static>) {
    if h.privileged {
        (None, None)
    } else if h.security_opt.iter().any(|o| o == UNCONFINED_PATHS) {
        (Some(&[]), Some(&[]))
    } else {
        (Some(&MASKED_PATHS), Some(&READONLY_PATHS))
    }
}
