//! Record and facts to Plan: pure, so that a change of what a container is given shows as a changed line of a test.
//!
//! [`Facts::gather`] asks the disk and the kernel beforehand; [`plan`] and [`plan_exec`] only think.

use crate::error::{Error, Kind, Result};
use crate::grammar::go::clean;
use crate::grammar::units;
use crate::image::config::{ContainerConfig, Healthcheck};
use crate::store::containers::{HostConfig, Record, State, Ulimit};

use super::control;
use super::limits::group_of;
use super::links;
use super::plan::{self, Join, Namespace, Namespaces, Plan, Process, Start};
use super::user::{self, Identity};
use super::{rootfs, security};
use crate::identity::Mode;

mod facts;
mod log;
mod mounts;
pub(crate) mod network;

pub(crate) use facts::Facts;

/// Docker's PATH for programs of images that say none.
pub(crate) const DEFAULT_PATH: &str =
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// What docker says before an error of its runtime.
const RUNC: &str = "failed to create task for container: failed to create shim task: OCI runtime create failed: \
                    runc create failed";

/// Docker's size of /dev/shm.
const SHM_SIZE: u64 = 64 << 20;

/// One more process for a running container.
#[derive(Debug, Clone, Default)]
pub(crate) struct ExecRequest {
    /// Id of the exec session, 64 hex digits.
    pub id: String,
    /// The program and its arguments.
    pub argv: Vec<String>,
    /// `KEY=value` of `-e` and `--env-file`; later wins.
    pub env: Vec<String>,
    /// `--user`; `None`: the container's.
    pub user: Option<String>,
    /// `--workdir`; `None`: the container's.
    pub working_dir: Option<String>,
    /// `-t`.
    pub tty: bool,
    /// `-i`.
    pub stdin: bool,
    /// `--privileged`.
    pub privileged: bool,
}

/// Returns the plan of a container's first process.
pub(crate) fn plan(record: &Record, facts: &Facts) -> Result<Plan> {
    let options = security::options(&record.host.security_opt)?;
    let confined = security::security(&record.host, &options, facts.kernel)?;
    let (masked_paths, readonly_paths) = security::paths(&record.host, &options);
    let dir = facts.paths.data.join("containers").join(&record.id);
    let start = Start {
        runtime: facts.paths.runtime.join("containers").join(&record.id),
        root: facts.root.clone(),
        read_only: record.host.readonly_rootfs,
        root_point: rootfs::point(&facts.root, &dir),
        etc: Vec::new(),
        namespaces: namespaces(&record.host, facts)?,
        network: network::plan(record, &hostname(record, facts), facts)?,
        hostname: hostname(record, facts),
        domainname: record.config.domainname.clone(),
        shm_size: shm_size(&record.host),
        mounts: mounts::all(record, facts)?,
        sysctls: sysctls(&record.host)?,
        masked_paths,
        readonly_paths,
        devices: facts.devices.clone(),
        handler: facts.handler.clone(),
        bound: false,
        init: record.host.init,
        remove: record.host.auto_remove,
        anonymous_volumes: anonymous_volumes(record),
        restart: record.host.restart_policy.clone(),
        health: health(record.config.healthcheck.as_ref()),
        log: log::log(record, &dir)?,
        group: facts.limits.group.clone(),
        stop_signal: stop_signal(&record.config),
        stop_timeout: record.config.stop_timeout.unwrap_or(10),
        dir,
    };
    Ok(Plan {
        id: record.id.clone(),
        name: record.name.clone(),
        process: first_process(record, facts, confined.capabilities)?,
        kind: plan::Kind::Start(Box::new(start)),
        security: confined,
    })
}

/// Returns the plan of one more process in a running container.
pub(crate) fn plan_exec(
    record: &Record,
    state: &State,
    request: &ExecRequest,
    facts: &Facts,
) -> Result<Plan> {
    if request.argv.is_empty() {
        return Err(Error::new(Kind::Invalid, "No exec command specified"));
    }
    let identity = facts
        .accounts
        .find(request.user.as_deref().unwrap_or(&record.config.user), &[])?;
    let cwd = request
        .working_dir
        .as_deref()
        .filter(|d| !d.is_empty())
        .unwrap_or(&record.config.working_dir);
    let options = security::options(&record.host.security_opt)?;
    let mut confined = security::security(&record.host, &options, facts.kernel)?;
    if request.privileged {
        (confined.capabilities, confined.privileged) = (crate::sys::caps::ALL, true);
    }
    // as the container was started, whatever would be chosen today; but root may have to do with others than the one that it is
    // natively
    let mode = match Mode::parse(&state.identity).unwrap_or(Mode::Off) {
        Mode::Native
            if identity.is_root() && matches!(record.host.identity.as_str(), "" | "auto") =>
        {
            user::mode("full", &identity, facts.needs).unwrap_or(Mode::Native)
        }
        mode => mode,
    };
    let mut extra = record.config.env.clone();
    extra.extend(request.env.iter().cloned());
    let process = Process {
        argv: request.argv.clone(),
        env: environment(record, facts, request.tty, &extra, &identity),
        cwd: working_dir(cwd)?,
        user: identity.user(mode, confined.capabilities),
        tty: request.tty,
        window: facts.window,
        stdin: request.stdin,
        stdin_once: true,
        ..limits(record, facts)?
    };
    Ok(Plan {
        id: record.id.clone(),
        name: record.name.clone(),
        kind: plan::Kind::Join(Join {
            pid: state.pid,
            pid_start: state.pid_start,
            exec_id: request.id.clone(),
            control: control::socket_path(&facts.paths, &record.id),
            group: group_of(state.pid, &record.id),
        }),
        process,
        security: confined,
    })
}

fn first_process(record: &Record, facts: &Facts, capabilities: u64) -> Result<Process> {
    let config = &record.config;
    let identity = facts.accounts.find(&config.user, &record.host.group_add)?;
    let needs = user::Needs {
        adds_groups: !record.host.group_add.is_empty(),
        ..facts.needs
    };
    let wanted = match record.host.identity.as_str() {
        "" | "auto" => config.labels.get("coracle.identity"),
        _ => None,
    };
    let wanted = wanted.unwrap_or(&record.host.identity);
    let mode = user::mode(wanted, &identity, needs)?;
    let argv: Vec<String> = config
        .entrypoint
        .iter()
        .flatten()
        .chain(config.cmd.iter().flatten())
        .cloned()
        .collect();
    if argv.is_empty() {
        return Err(Error::new(Kind::Invalid, "no command specified"));
    }
    Ok(Process {
        argv,
        env: environment(record, facts, config.tty, &config.env, &identity),
        cwd: working_dir(&config.working_dir)?,
        user: identity.user(mode, capabilities),
        tty: config.tty,
        window: facts.window,
        stdin: config.open_stdin,
        stdin_once: config.stdin_once,
        ..limits(record, facts)?
    })
}

/// The part of a process that the container decides for all of its processes.
fn limits(record: &Record, facts: &Facts) -> Result<Process> {
    let score = record.host.oom_score_adj;
    if !(-1000..=1000).contains(&score) {
        let text = format!("Invalid value {score}, range for oom score adj is [-1000, 1000]");
        return Err(Error::new(Kind::Invalid, text));
    }
    Ok(Process {
        argv: Vec::new(),
        env: Vec::new(),
        cwd: String::new(),
        user: plan::User::Root,
        tty: false,
        window: (0, 0),
        stdin: false,
        stdin_once: false,
        rlimits: rlimits(record, facts)?,
        oom_score_adj: (score != 0).then_some(score as i32),
        cpus: facts.limits.cpus.clone(),
    })
}

/// Docker's order: its own defaults, then the container's, then HOME of the user (moby, CreateDaemonEnvironment; runc).
fn environment(
    record: &Record,
    facts: &Facts,
    tty: bool,
    own: &[String],
    identity: &Identity,
) -> Vec<String> {
    let hostname = hostname(record, facts);
    let mut env = vec![DEFAULT_PATH.to_owned(), format!("HOSTNAME={hostname}")];
    if tty {
        env.push("TERM=xterm".to_owned());
    }
    env.extend(links::environment(&record.name, &facts.links));
    for variable in own {
        let (name, is_set) = match variable.split_once('=') {
            Some((name, _)) => (name, true),
            None => (variable.as_str(), false),
        };
        let at = env
            .iter()
            .position(|e| e.split_once('=').is_some_and(|(n, _)| n == name));
        match (at, is_set) {
            (Some(i), true) => env[i] = variable.clone(),
            (None, true) => env.push(variable.clone()),
            // `-e NAME` of a variable that the caller does not have takes a default away.
            (Some(i), false) => drop(env.remove(i)),
            (None, false) => {}
        }
    }
    env.retain(|e| e != "HOME=");
    if !env.iter().any(|e| e.starts_with("HOME=")) {
        env.push(format!("HOME={}", identity.home));
    }
    env
}

fn hostname(record: &Record, facts: &Facts) -> String {
    match record.config.hostname.as_str() {
        "" if record.host.network_mode == "host" => facts.hostname.clone(),
        "" => record.id.chars().take(12).collect(),
        name => name.to_owned(),
    }
}

/// Returns the folder as an absolute path without `.`, `..` and doubled slashes, as Go's path.Clean.
fn working_dir(path: &str) -> Result<String> {
    if path.is_empty() {
        return Ok("/".to_owned());
    }
    if !path.starts_with('/') {
        let text =
            format!("the working directory '{path}' is invalid, it needs to be an absolute path");
        return Err(Error::new(Kind::Invalid, text));
    }
    Ok(clean(path))
}

fn namespaces(host: &HostConfig, facts: &Facts) -> Result<Namespaces> {
    let other = |mode: &str| -> Result<Option<Namespace>> {
        let Some(name) = mode.strip_prefix("container:") else {
            return Ok(None);
        };
        match facts.others.get(name) {
            Some(&(pid, start)) => Ok(Some(Namespace::Of(pid, start))),
            None => Err(Error::new(
                Kind::NotFound,
                format!("No such container: {name}"),
            )),
        }
    };
    let private = |mode: &str| match mode {
        "host" => Namespace::Host,
        _ => Namespace::New,
    };
    Ok(Namespaces {
        net: match host.network_mode.as_str() {
            "host" => Namespace::Host,
            mode => other(mode)?.unwrap_or(Namespace::New),
        },
        pid: other(&host.pid_mode)?.unwrap_or_else(|| private(&host.pid_mode)),
        ipc: other(&host.ipc_mode)?.unwrap_or_else(|| private(&host.ipc_mode)),
        uts: private(&host.uts_mode),
        cgroup: private(&host.cgroupns_mode),
    })
}

/// 0 for `--ipc none`: no /dev/shm at all.
fn shm_size(host: &HostConfig) -> u64 {
    match host.shm_size {
        _ if host.ipc_mode == "none" => 0,
        size if size > 0 => size as u64,
        _ => SHM_SIZE,
    }
}

fn anonymous_volumes(record: &Record) -> Vec<String> {
    record
        .mounts
        .iter()
        .filter(|m| m.anonymous)
        .map(|m| m.name.clone())
        .collect()
}

/// Sysctls that belong to a namespace of the container's (docker's list); one of the host's would be the host's.
fn sysctls(host: &HostConfig) -> Result<Vec<(String, String)>> {
    host.sysctls
        .iter()
        .map(|(name, value)| {
            let refused = |why: &str| {
                let text = format!("{RUNC}: sysctl {name:?} not allowed in {why}: unknown");
                Error::new(Kind::Invalid, text)
            };
            let is_net = name.starts_with("net.");
            let is_ipc = name.starts_with("fs.mqueue.")
                || [
                    "kernel.msgmax",
                    "kernel.msgmnb",
                    "kernel.msgmni",
                    "kernel.sem",
                ]
                .contains(&name.as_str())
                || name.starts_with("kernel.shm");
            match () {
                () if is_net && host.network_mode == "host" => {
                    Err(refused("host network namespace"))
                }
                () if is_ipc && host.ipc_mode == "host" => Err(refused("host ipc namespace")),
                () if is_net || is_ipc => Ok((name.clone(), value.clone())),
                () => Err(Error::new(
                    Kind::Usage,
                    format!("sysctl '{name}={value}' is not allowed"),
                )),
            }
        })
        .collect()
}

/// `--ulimit`, and `--pids-limit` where a limit of processes has to hold it.
fn rlimits(record: &Record, facts: &Facts) -> Result<Vec<(u32, u64, u64)>> {
    let given = record.host.ulimits.iter().map(|u| rlimit(u, facts));
    let mut all = given.collect::<Result<Vec<_>>>()?;
    if let Some(most) = facts.limits.processes {
        match all
            .iter_mut()
            .find(|(resource, ..)| *resource == libc::RLIMIT_NPROC)
        {
            Some((_, soft, hard)) => (*soft, *hard) = ((*soft).min(most), (*hard).min(most)),
            None => all.push((libc::RLIMIT_NPROC, most, most)),
        }
    }
    Ok(all)
}

/// Limits by docker's names (setrlimit(2)).
fn rlimit(limit: &Ulimit, facts: &Facts) -> Result<(u32, u64, u64)> {
    let resource = facts::resource(&limit.name)
        .ok_or_else(|| Error::new(Kind::Usage, format!("invalid ulimit type: {}", limit.name)))?;
    let number = |n: i64| u64::try_from(n).unwrap_or(u64::MAX);
    // Nobody but root may raise a hard limit; the most that we have is nearer to the wish than an error.
    let own = facts
        .hard_limits
        .get(&resource)
        .copied()
        .unwrap_or(u64::MAX);
    let hard = number(limit.hard).min(own);
    Ok((resource, number(limit.soft).min(hard), hard))
}

fn health(check: Option<&Healthcheck>) -> Option<Healthcheck> {
    const SECOND: i64 = 1_000_000_000;
    let check = check.filter(|c| !c.test.is_empty() && c.test[0] != "NONE")?;
    let or = |n: i64, default: i64| if n == 0 { default } else { n };
    Some(Healthcheck {
        test: check.test.clone(),
        interval: or(check.interval, 30 * SECOND),
        timeout: or(check.timeout, 30 * SECOND),
        start_period: check.start_period,
        start_interval: or(check.start_interval, 5 * SECOND),
        retries: or(check.retries, 3),
    })
}

/// A request's was checked; of an image's that is none nothing is said, as in docker.
pub(super) fn stop_signal(config: &ContainerConfig) -> i32 {
    let name = config.stop_signal.as_deref().unwrap_or_default();
    units::signal(name).unwrap_or(libc::SIGTERM)
}

#[cfg(test)]
mod tests;
