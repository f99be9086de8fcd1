//! Docker's words for `info`: counts of the store and facts of the host.

use std::collections::BTreeMap;

use serde::Serialize;

/// What `info` is made of.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    /// Stable name of this store, in the form of a UUID.
    pub(crate) id: String,
    /// Containers that run, are paused, and do not run.
    pub(crate) containers: [usize; 3],
    /// Images.
    pub(crate) images: usize,
    /// Docker's name of the storage driver.
    pub(crate) driver: String,
    /// Lines about it.
    pub(crate) driver_status: Vec<[String; 2]>,
    /// Version of the control groups, `1` or `2`.
    pub(crate) cgroup_version: String,
    /// Whether limits can be set.
    pub(crate) has_limits: bool,
    /// uname's release.
    pub(crate) kernel: String,
    /// `PRETTY_NAME` and `VERSION_ID` of the distribution.
    pub(crate) system: [String; 2],
    /// uname's machine.
    pub(crate) machine: String,
    /// Processors.
    pub(crate) processors: usize,
    /// Bytes of memory.
    pub(crate) memory: u64,
    /// Folder of the store.
    pub(crate) root: String,
    /// Host name.
    pub(crate) name: String,
    /// Ours.
    pub(crate) version: String,
    /// `HTTP_PROXY`, `HTTPS_PROXY`, `NO_PROXY`.
    pub(crate) proxies: [String; 3],
    /// Of the command line.
    pub(crate) debug: bool,
    /// RFC 3339.
    pub(crate) now: String,
}

/// `docker info --format json`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Info {
    #[serde(rename = "ID")]
    id: String,
    containers: usize,
    containers_running: usize,
    containers_paused: usize,
    containers_stopped: usize,
    images: usize,
    driver: String,
    driver_status: Vec<[String; 2]>,
    plugins: Plugins,
    memory_limit: bool,
    swap_limit: bool,
    cpu_cfs_period: bool,
    cpu_cfs_quota: bool,
    #[serde(rename = "CPUShares")]
    cpu_shares: bool,
    #[serde(rename = "CPUSet")]
    cpu_set: bool,
    pids_limit: bool,
    #[serde(rename = "IPv4Forwarding")]
    ipv4_forwarding: bool,
    bridge_nf_iptables: bool,
    bridge_nf_ip6tables: bool,
    debug: bool,
    #[serde(rename = "NFd")]
    nfd: i32,
    oom_kill_disable: bool,
    #[serde(rename = "NGoroutines")]
    ngoroutines: i32,
    system_time: String,
    logging_driver: &'static str,
    cgroup_driver: &'static str,
    cgroup_version: String,
    #[serde(rename = "NEventsListener")]
    nevents_listener: i32,
    kernel_version: String,
    operating_system: String,
    #[serde(rename = "OSVersion")]
    os_version: String,
    #[serde(rename = "OSType")]
    os_type: &'static str,
    architecture: String,
    index_server_address: &'static str,
    registry_config: RegistryConfig,
    #[serde(rename = "NCPU")]
    ncpu: usize,
    mem_total: u64,
    generic_resources: Option<()>,
    docker_root_dir: String,
    http_proxy: String,
    https_proxy: String,
    no_proxy: String,
    name: String,
    labels: [String; 0],
    experimental_build: bool,
    server_version: String,
    runtimes: BTreeMap<&'static str, Runtime>,
    default_runtime: &'static str,
    swarm: Swarm,
    live_restore_enabled: bool,
    isolation: &'static str,
    init_binary: &'static str,
    containerd_commit: Commit,
    runc_commit: Commit,
    init_commit: Commit,
    security_options: Vec<&'static str>,
    #[serde(rename = "CDISpecDirs")]
    cdi_spec_dirs: [String; 0],
    warnings: Option<()>,
    client_info: ClientInfo,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Plugins {
    volume: [&'static str; 1],
    network: [&'static str; 3],
    authorization: Option<()>,
    log: [&'static str; 3],
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct RegistryConfig {
    #[serde(rename = "AllowNondistributableArtifactsCIDRs")]
    allow_cidrs: Option<()>,
    #[serde(rename = "AllowNondistributableArtifactsHostnames")]
    allow_hostnames: Option<()>,
    #[serde(rename = "InsecureRegistryCIDRs")]
    insecure_registry_cidrs: [&'static str; 1],
    index_configs: BTreeMap<&'static str, Index>,
    mirrors: Option<()>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Index {
    name: &'static str,
    mirrors: [String; 0],
    secure: bool,
    official: bool,
}

#[derive(Debug, Serialize)]
struct Runtime {
    path: &'static str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Swarm {
    #[serde(rename = "NodeID")]
    node_id: &'static str,
    node_addr: &'static str,
    local_node_state: &'static str,
    control_available: bool,
    error: &'static str,
    remote_managers: Option<()>,
}

#[derive(Debug, Default, Serialize)]
struct Commit {
    #[serde(rename = "ID")]
    id: &'static str,
    #[serde(rename = "Expected")]
    expected: &'static str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct ClientInfo {
    debug: bool,
    version: String,
    git_commit: &'static str,
    go_version: &'static str,
    os: &'static str,
    arch: &'static str,
    build_time: &'static str,
    context: &'static str,
    plugins: [String; 0],
    warnings: Option<()>,
}

const SECURITY: [&str; 3] = [
    "name=seccomp,profile=builtin",
    "name=rootless",
    "name=cgroupns",
];

impl Info {
    /// Returns the whole view; `arch` is the architecture in Go's words.
    pub(crate) fn new(facts: Facts, arch: &'static str) -> Info {
        let [running, paused, stopped] = facts.containers;
        let [http_proxy, https_proxy, no_proxy] = facts.proxies;
        let [operating_system, os_version] = facts.system;
        let index = Index {
            name: "docker.io",
            mirrors: [],
            secure: true,
            official: true,
        };
        Info {
            id: facts.id,
            containers: running + paused + stopped,
            containers_running: running,
            containers_paused: paused,
            containers_stopped: stopped,
            images: facts.images,
            driver: facts.driver,
            driver_status: facts.driver_status,
            plugins: Plugins {
                volume: ["local"],
                network: ["bridge", "host", "null"],
                authorization: None,
                log: ["json-file", "local", "none"],
            },
            memory_limit: facts.has_limits,
            swap_limit: facts.has_limits,
            cpu_cfs_period: facts.has_limits,
            cpu_cfs_quota: facts.has_limits,
            cpu_shares: facts.has_limits,
            cpu_set: facts.has_limits,
            pids_limit: facts.has_limits,
            ipv4_forwarding: true,
            bridge_nf_iptables: false,
            bridge_nf_ip6tables: false,
            debug: false,
            nfd: 0,
            oom_kill_disable: false,
            ngoroutines: 0,
            system_time: facts.now,
            logging_driver: "json-file",
            cgroup_driver: if facts.has_limits { "cgroupfs" } else { "none" },
            cgroup_version: facts.cgroup_version,
            nevents_listener: 0,
            kernel_version: facts.kernel,
            operating_system,
            os_version,
            os_type: "linux",
            architecture: facts.machine,
            index_server_address: "https://index.docker.io/v1/",
            registry_config: RegistryConfig {
                allow_cidrs: None,
                allow_hostnames: None,
                insecure_registry_cidrs: ["127.0.0.0/8"],
                index_configs: [("docker.io", index)].into(),
                mirrors: None,
            },
            ncpu: facts.processors,
            mem_total: facts.memory,
            generic_resources: None,
            docker_root_dir: facts.root,
            http_proxy,
            https_proxy,
            no_proxy,
            name: facts.name,
            labels: [],
            experimental_build: false,
            server_version: facts.version.clone(),
            runtimes: [("runc", Runtime { path: "coracle" })].into(),
            default_runtime: "runc",
            swarm: Swarm {
                node_id: "",
                node_addr: "",
                local_node_state: "inactive",
                control_available: false,
                error: "",
                remote_managers: None,
            },
            live_restore_enabled: true,
            isolation: "",
            init_binary: "docker-init",
            containerd_commit: Commit::default(),
            runc_commit: Commit::default(),
            init_commit: Commit::default(),
            security_options: SECURITY.to_vec(),
            cdi_spec_dirs: [],
            warnings: None,
            client_info: ClientInfo {
                debug: facts.debug,
                version: facts.version,
                git_commit: "",
                go_version: "",
                os: "linux",
                arch,
                build_time: "",
                context: "default",
                plugins: [],
                warnings: None,
            },
        }
    }

    /// Returns what `docker info` prints.
    pub(crate) fn text(&self) -> String {
        let mut lines = vec![
            "Client:".to_owned(),
            format!(" Version:    {}", self.client_info.version),
            format!(" Context:    {}", self.client_info.context),
            format!(" Debug Mode: {}", self.client_info.debug),
            String::new(),
            "Server:".to_owned(),
            format!(" Containers: {}", self.containers),
            format!("  Running: {}", self.containers_running),
            format!("  Paused: {}", self.containers_paused),
            format!("  Stopped: {}", self.containers_stopped),
            format!(" Images: {}", self.images),
            format!(" Server Version: {}", self.server_version),
            format!(" Storage Driver: {}", self.driver),
        ];
        lines.extend(
            self.driver_status
                .iter()
                .map(|[name, value]| format!("  {name}: {value}")),
        );
        lines.extend([
            format!(" Logging Driver: {}", self.logging_driver),
            format!(" Cgroup Driver: {}", self.cgroup_driver),
            format!(" Cgroup Version: {}", self.cgroup_version),
            " Plugins:".to_owned(),
            format!("  Volume: {}", self.plugins.volume.join(" ")),
            format!("  Network: {}", self.plugins.network.join(" ")),
            format!("  Log: {}", self.plugins.log.join(" ")),
            format!(" Swarm: {}", self.swarm.local_node_state),
            format!(
                " Runtimes: {}",
                self.runtimes.keys().copied().collect::<Vec<_>>().join(" ")
            ),
            format!(" Default Runtime: {}", self.default_runtime),
            format!(" Init Binary: {}", self.init_binary),
            " Security Options:".to_owned(),
            "  seccomp".to_owned(),
            "   Profile: builtin".to_owned(),
            "  rootless".to_owned(),
            "  cgroupns".to_owned(),
            format!(" Kernel Version: {}", self.kernel_version),
            format!(" Operating System: {}", self.operating_system),
            format!(" OSType: {}", self.os_type),
            format!(" Architecture: {}", self.architecture),
            format!(" CPUs: {}", self.ncpu),
            format!(
                " Total Memory: {}",
                crate::grammar::units::binary_size(self.mem_total as f64)
            ),
            format!(" Name: {}", self.name),
            format!(" ID: {}", self.id),
            format!(" Docker Root Dir: {}", self.docker_root_dir),
            format!(" Debug Mode: {}", self.debug),
        ]);
        let proxies = [
            ("HTTP", &self.http_proxy),
            ("HTTPS", &self.https_proxy),
            ("No", &self.no_proxy),
        ];
        lines.extend(
            proxies
                .iter()
                .filter(|(_, p)| !p.is_empty())
                .map(|(n, p)| format!(" {n} Proxy: {p}")),
        );
        lines.extend([
            format!(" Experimental: {}", self.experimental_build),
            " Insecure Registries:".to_owned(),
            format!("  {}", self.registry_config.insecure_registry_cidrs[0]),
            format!(" Live Restore Enabled: {}", self.live_restore_enabled),
            String::new(),
        ]);
        lines.join("\n")
    }
}
