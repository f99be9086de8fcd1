//! Facts turned into sentences: what this host allows, what Coracle does about it, and what an administrator could run.
//!
//! Every check is a pure function of [`Facts`], so that each sentence can be tested on a host that is not like it.

use serde::Serialize;

use super::facts::{Cgroup, Facts};
use super::filesystem::FileSystem;
use super::probe::{Probe, Try};
use super::storage::{Driver, Rung};
use super::userns::Blocker;
use crate::error::Result;

/// How well one thing stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// As it should be.
    Ok,
    /// Containers run, and something is slower or less.
    Degraded,
    /// Containers do not run without it.
    Missing,
}

impl State {
    /// Returns its word; colour is never needed to tell states apart.
    pub fn word(self) -> &'static str {
        match self {
            State::Ok => "ok",
            State::Degraded => "degraded",
            State::Missing => "missing",
        }
    }
}

/// One line of the report.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Check {
    /// What was looked at.
    pub name: &'static str,
    /// How it stands.
    pub state: State,
    /// What was found.
    pub found: String,
    /// What Coracle does about it; empty when there is nothing to do.
    pub does: String,
    /// What someone could do, with the exact command; `None` when nothing needs to be done.
    pub fix: Option<String>,
}

impl Check {
    fn new(name: &'static str, state: State, found: impl Into<String>) -> Check {
        Check {
            name,
            state,
            found: found.into(),
            does: String::new(),
            fix: None,
        }
    }

    fn does(mut self, does: impl Into<String>) -> Check {
        self.does = does.into();
        self
    }

    fn fix(mut self, fix: impl Into<String>) -> Check {
        self.fix = Some(fix.into());
        self
    }
}

/// Returns all checks, those that containers cannot do without first.
pub fn examine(facts: &Facts) -> Vec<Check> {
    let mut checks = match &facts.probe {
        Ok(probe) => isolation(facts, probe),
        Err(e) => vec![Check::new("probe", State::Missing, e.to_string())],
    };
    checks.push(storage(facts));
    if let Ok(probe) = &facts.probe {
        checks.push(layers(facts, probe));
        checks.push(sharing(facts, probe));
        checks.push(own_program(probe));
    }
    checks.extend([
        room(&facts.store, facts.quota_bytes),
        runtime(facts),
        cgroup(&facts.cgroup),
        supervisor(facts.has_seccomp_notify, facts.ptrace_scope),
        ports(facts.first_port),
        ping(facts.ping_groups),
    ]);
    checks
}

/// Returns the worst state.
pub fn verdict(checks: &[Check]) -> State {
    checks
        .iter()
        .map(|check| check.state)
        .max()
        .unwrap_or(State::Ok)
}

fn isolation(facts: &Facts, probe: &Probe) -> Vec<Check> {
    let blocked = |check: Check, cause: &str| match facts.switches.blocker() {
        Some(Blocker { cause: why, remedy }) => Check {
            found: format!("{cause}; {why}"),
            ..check
        }
        .fix(remedy),
        None => check,
    };
    let missing = |name, cause: &String| {
        let does = "no container can run; images can be pulled and looked at";
        blocked(Check::new(name, State::Missing, cause).does(does), cause)
    };
    let needed = |name, tried: &Try, found: &str| match tried {
        Ok(()) => Check::new(name, State::Ok, found),
        Err(cause) => missing(name, cause),
    };
    vec![
        needed("user namespace", &probe.userns, "can be made, your one id is its root"),
        needed("nested namespace", &probe.nested_userns, "each container is apart from the others"),
        needed("mounts", &probe.mount, "can be made in a user namespace"),
        match &probe.proc {
            Err(cause) if probe.mount.is_ok() => Check::new("processes", State::Missing, cause)
                .does("no container can run: it must not see the processes of the host")
                .fix(
                    "inside a container, start that one with --security-opt systempaths=unconfined (docker) or \
                     --security-opt unmask=ALL (podman)",
                ),
            tried => needed("processes", tried, "a container sees its own processes only"),
        },
        match &probe.netns {
            Err(cause) if probe.userns.is_ok() => Check::new("network namespace", State::Degraded, cause)
                .does("only `--network host` works"),
            tried => needed("network namespace", tried, "can be made"),
        },
        networks(facts, probe),
    ]
}

fn storage(facts: &Facts) -> Check {
    const NAME: &str = "storage driver";
    let overlay = facts
        .probe
        .as_ref()
        .ok()
        .and_then(|probe| probe.overlay.as_ref().err());
    let why = overlay.map_or_else(String::new, |cause| format!(" ({cause})"));
    match &facts.rung {
        Err(e) => Check::new(NAME, State::Missing, e.to_string()).does("no container can be made"),
        Ok(Rung { driver: Driver::Overlay, writable: None }) => {
            Check::new(NAME, State::Ok, "overlay, by the kernel")
        }
        Ok(Rung { driver: Driver::Overlay, writable: Some(folder) }) => Check::new(
            NAME,
            State::Degraded,
            "overlay, by the kernel; the store's file system cannot hold the writable part of a container",
        )
        .does(format!("containers write to {}, on this machine only", folder.display()))
        .fix("name a folder on a local disk with CORACLE_ROOT"),
        Ok(Rung { driver: Driver::Fuse(program), .. }) => {
            Check::new(NAME, State::Degraded, format!("the kernel's overlay does not work here{why}"))
                .does(format!("each container has a process of {}; files are slower", program.display()))
                .fix(
                    "use Linux 5.11 or later, and a store on ext4, xfs or btrfs (CORACLE_ROOT names another folder)",
                )
        }
        Ok(Rung { driver: Driver::Copy, .. }) => {
            let fuse = facts.fuse.as_ref().err().map_or_else(String::new, |cause| format!("; {cause}"));
            Check::new(NAME, State::Degraded, format!("the kernel's overlay does not work here{why}{fuse}"))
                .does("each container gets a copy of its image")
                .fix("use Linux 5.11 or later and a store on ext4, xfs or btrfs, or: apt install fuse-overlayfs")
        }
    }
}

fn layers(facts: &Facts, probe: &Probe) -> Check {
    const NAME: &str = "layers";
    let (name, is_network) = match &facts.store {
        Ok(fs) => (fs.name(), fs.is_network()),
        Err(e) => return Check::new(NAME, State::Missing, e.to_string()),
    };
    let lacks: Vec<String> = [
        (
            "owners of files go to a list beside each layer",
            &probe.layer_attributes,
        ),
        ("deleted files are marked in another way", &probe.whiteout),
        ("locks are files", &probe.flock),
    ]
    .into_iter()
    .filter_map(|(does, tried)| {
        tried
            .as_ref()
            .err()
            .map(|cause| format!("{does} ({cause})"))
    })
    .collect();
    let found = format!("{} on {name}", facts.paths.data.display());
    let state = if lacks.is_empty() && !is_network {
        State::Ok
    } else {
        State::Degraded
    };
    let check = Check::new(NAME, state, found).does(lacks.join("; "));
    if is_network {
        check.fix("a folder on a local disk is faster: name it with CORACLE_ROOT")
    } else {
        check
    }
}

/// Reflinks matter where containers are copies; elsewhere they are only told.
fn sharing(facts: &Facts, probe: &Probe) -> Check {
    const NAME: &str = "shared blocks";
    let is_copy = matches!(
        &facts.rung,
        Ok(Rung {
            driver: Driver::Copy,
            ..
        })
    );
    match &probe.reflink {
        Ok(()) => Check::new(
            NAME,
            State::Ok,
            "copies of files share their blocks (reflink)",
        ),
        Err(_) if !is_copy => Check::new(NAME, State::Ok, "no reflink here, and none is needed"),
        Err(cause) => Check::new(NAME, State::Degraded, cause)
            .does("the copy of an image takes its full size")
            .fix("put the store on btrfs or xfs (CORACLE_ROOT names a folder)"),
    }
}

fn own_program(probe: &Probe) -> Check {
    const NAME: &str = "program in memory";
    match &probe.memfd_exec {
        Ok(()) => Check::new(
            NAME,
            State::Ok,
            "Coracle's own file stays out of reach of containers",
        ),
        Err(cause) => Check::new(NAME, State::Missing, cause)
            .does("no container can run: it could reach Coracle's own file")
            .fix("an administrator can run: sysctl -w vm.memfd_noexec=1"),
    }
}

fn room(store: &Result<FileSystem>, quota_bytes: Option<u64>) -> Check {
    const NAME: &str = "room";
    const LITTLE: u64 = 1 << 30;
    let fs = match store {
        Ok(fs) => fs,
        Err(e) => return Check::new(NAME, State::Degraded, e.to_string()),
    };
    let left = quota_bytes.map_or(fs.free_bytes, |quota| quota.min(fs.free_bytes));
    let quota = quota_bytes.map_or_else(String::new, |quota| {
        format!(", {} within your quota", bytes(quota))
    });
    let found = format!(
        "{} of {} free{quota}",
        bytes(fs.free_bytes),
        bytes(fs.total_bytes)
    );
    if left < LITTLE {
        return Check::new(NAME, State::Degraded, found)
            .does("a pull that does not fit ends with an error and leaves nothing")
            .fix(
                "`coracle system prune` frees what nothing uses; CORACLE_ROOT names another folder",
            );
    }
    if fs.total_files > 0 && fs.free_files < 20_000 {
        return Check::new(
            NAME,
            State::Degraded,
            format!("{found}, but only {} files may be made", fs.free_files),
        )
        .does("a Debian image alone has 10,000 files")
        .fix("`coracle system prune` frees what nothing uses; CORACLE_ROOT names another folder");
    }
    Check::new(NAME, State::Ok, found)
}

fn runtime(facts: &Facts) -> Check {
    const NAME: &str = "runtime folder";
    let path = facts.paths.runtime.display();
    match &facts.runtime {
        Err(e) => Check::new(NAME, State::Missing, e.to_string()),
        Ok(fs) if fs.is_network() => {
            Check::new(NAME, State::Degraded, format!("{path} on {}", fs.name()))
                .does("sockets and locks of other machines lie in the same folder")
                .fix("name a folder of this machine with CORACLE_RUNROOT")
        }
        Ok(fs) => Check::new(
            NAME,
            State::Ok,
            format!("{path} on {}, yours alone", fs.name()),
        ),
    }
}

fn cgroup(cgroup: &Cgroup) -> Check {
    const NAME: &str = "control groups";
    let does = "CPU and process limits are held in other ways; a memory limit is not, and a warning says so";
    match (cgroup.version, &cgroup.delegated) {
        (2, None) => {
            let list = cgroup.controllers.join(" ");
            Check::new(NAME, State::Ok, format!("version 2, {} is yours, controllers: {list}", cgroup.path))
        }
        (2, Some(cause)) => Check::new(NAME, State::Degraded, format!("version 2, not yours: {cause}")).does(does).fix(
            "log in through systemd (it delegates user@UID.service), or run under: systemd-run --user --scope -p \
             Delegate=yes",
        ),
        (1, _) => Check::new(NAME, State::Degraded, "version 1, which cannot be given to a plain user")
            .does(does)
            .fix("an administrator can boot with systemd.unified_cgroup_hierarchy=1"),
        _ => Check::new(NAME, State::Degraded, "none are mounted").does(does),
    }
}

fn supervisor(has_notify: bool, ptrace_scope: Option<u64>) -> Check {
    const NAME: &str = "seccomp supervisor";
    if !has_notify {
        return Check::new(
            NAME,
            State::Degraded,
            "this kernel cannot ask a supervisor about a system call (Linux 5.0)",
        )
        .does("programs in containers see one user only");
    }
    if ptrace_scope == Some(3) {
        return Check::new(
            NAME,
            State::Degraded,
            "kernel.yama.ptrace_scope is 3: nobody may look into a process",
        )
        .does("programs in containers see one user only")
        .fix("an administrator can boot with kernel.yama.ptrace_scope=2 in /etc/sysctl.d");
    }
    Check::new(
        NAME,
        State::Ok,
        "the kernel can ask a supervisor about system calls",
    )
}

/// Which way networks take, and why.
fn networks(facts: &Facts, probe: &Probe) -> Check {
    const NAME: &str = "networks";
    const LOAD: &str = "an administrator can run: modprobe nft_tproxy af_packet veth bridge";
    const FULL: &str = "containers have addresses, names and published ports of their own";
    let forced = facts.network_rung.as_deref();
    let (tproxy, any_ip) = (&probe.gateway, &probe.unruled_gateway);
    let programs = || {
        let names = facts.network_programs.iter().filter_map(|p| p.file_name());
        let modes = names.map(|n| format!("`--network {}`, ", n.to_string_lossy()));
        modes.collect::<String>()
    };
    match (forced, tproxy, any_ip) {
        (None | Some("tproxy"), Ok(()), _) => Check::new(
            NAME,
            State::Ok,
            format!("{FULL}: tproxy, by nf_tables in a namespace of yours"),
        ),
        (Some("anyip"), _, Ok(())) => Check::new(
            NAME,
            State::Ok,
            format!("{FULL}: anyip, without nf_tables, as CORACLE_NETWORK_RUNG says"),
        ),
        (None, Err(cause), Ok(())) => Check::new(
            NAME,
            State::Degraded,
            format!("{FULL}: anyip, since nf_tables cannot be used ({cause})"),
        )
        .does("UDP is slower, and packets of connections that have ended get no answer")
        .fix(LOAD),
        (Some(name), ..) if !["tproxy", "anyip"].contains(&name) => Check::new(
            NAME,
            State::Missing,
            format!("CORACLE_NETWORK_RUNG is `{name}`"),
        )
        .does("no container with a network can start")
        .fix("set it to `tproxy` or `anyip`, or not at all"),
        (_, Err(cause), _) | (_, _, Err(cause)) => Check::new(NAME, State::Degraded, cause)
            .does(format!(
                "only {}`--network host`, `none` and `container:NAME` work",
                programs()
            ))
            .fix(LOAD),
        (Some(_), Ok(()), Ok(())) => unreachable!("both names are above"),
    }
}

fn ports(first: Option<u64>) -> Check {
    const NAME: &str = "low ports";
    match first {
        Some(0) => Check::new(NAME, State::Ok, "every port can be bound"),
        first => {
            let first = first.unwrap_or(1024);
            Check::new(
                NAME,
                State::Degraded,
                format!("ports below {first} are for root"),
            )
            .does(format!("publish ports from {first} on"))
            .fix("an administrator can run: sysctl -w net.ipv4.ip_unprivileged_port_start=0")
        }
    }
}

fn ping(groups: Option<(u64, u64)>) -> Check {
    const NAME: &str = "ping";
    let gid = u64::from(nix::unistd::getegid().as_raw());
    match groups {
        Some((low, high)) if (low..=high).contains(&gid) => {
            Check::new(NAME, State::Ok, "ICMP echo sockets are allowed")
        }
        _ => Check::new(
            NAME,
            State::Degraded,
            "ICMP echo sockets are not for your group (net.ipv4.ping_group_range)",
        )
        .does("`ping` in a container with `--network host` needs them; all else works")
        .fix("an administrator can run: sysctl -w net.ipv4.ping_group_range='0 2147483647'"),
    }
}

/// A size for people: `12.3 GiB`.
fn bytes(n: u64) -> String {
    let units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
    let power = (n.max(1).ilog2() / 10).min(5);
    if power == 0 {
        return format!("{n} B");
    }
    #[expect(
        clippy::cast_precision_loss,
        reason = "one digit after the point is shown"
    )]
    let value = n as f64 / (1u64 << (10 * power)) as f64;
    format!("{value:.1} {}", units[power as usize])
}

#[cfg(test)]
mod tests;
