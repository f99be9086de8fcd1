//! The flags of `run` and `create`, as data.

use clap::builder::ValueParser;
use clap::{Arg, ArgAction, Command};

use super::text;
use crate::cli::args;

/// What a flag's value is; docker's words for the help.
#[derive(Debug, Clone, Copy)]
pub(super) enum Type {
    Flag,
    Text(&'static str),
    List,
    Int,
    Bytes,
    Duration,
    /// Given once, with its own parser.
    One(&'static str, fn() -> ValueParser),
    /// Given several times, with its own parser.
    Many(&'static str, fn() -> ValueParser),
}

use Type::{Bytes, Duration, Flag, Int, List, Many, One, Text};

const STRING: Type = Text("string");

pub(super) type Row = (&'static str, char, Type, &'static str);

/// Flags of both verbs that have an effect.
const COMMON: &[Row] = &[
    (
        "add-host",
        NO,
        Many("list", || ValueParser::new(text::host)),
        "Add a custom host-to-IP mapping (host:ip)",
    ),
    (
        "annotation",
        NO,
        Many("map", || ValueParser::new(text::pair)),
        "Add an annotation to the container",
    ),
    (
        "attach",
        'a',
        Many("list", || ValueParser::new(text::stream)),
        "Attach to STDIN, STDOUT or STDERR",
    ),
    ("cap-add", NO, List, "Add Linux capabilities"),
    ("cap-drop", NO, List, "Drop Linux capabilities"),
    (
        "cgroupns",
        NO,
        STRING,
        "Cgroup namespace to use (host|private)",
    ),
    ("cidfile", NO, STRING, "Write the container ID to the file"),
    (
        "cpu-period",
        NO,
        Int,
        "Limit CPU CFS (Completely Fair Scheduler) period",
    ),
    (
        "cpu-quota",
        NO,
        Int,
        "Limit CPU CFS (Completely Fair Scheduler) quota",
    ),
    ("cpu-shares", 'c', Int, "CPU shares (relative weight)"),
    (
        "cpus",
        NO,
        One("decimal", || ValueParser::new(text::cpus)),
        "Number of CPUs",
    ),
    (
        "cpuset-cpus",
        NO,
        STRING,
        "CPUs in which to allow execution (0-3, 0,1)",
    ),
    ("device", NO, List, "Add a host device to the container"),
    (
        "dns",
        NO,
        Many("list", || ValueParser::new(text::ip)),
        "Set custom DNS servers",
    ),
    ("dns-option", NO, List, "Set DNS options"),
    ("dns-search", NO, List, "Set custom DNS search domains"),
    ("domainname", NO, STRING, "Container NIS domain name"),
    (
        "entrypoint",
        NO,
        STRING,
        "Overwrite the default ENTRYPOINT of the image",
    ),
    (
        "env",
        'e',
        Many("list", || ValueParser::new(text::variable)),
        "Set environment variables",
    ),
    (
        "env-file",
        NO,
        List,
        "Read in a file of environment variables",
    ),
    ("expose", NO, List, "Expose a port or a range of ports"),
    ("group-add", NO, List, "Add additional groups to join"),
    ("health-cmd", NO, STRING, "Command to run to check health"),
    (
        "health-interval",
        NO,
        Duration,
        "Time between running the check (ms|s|m|h) (default 0s)",
    ),
    (
        "health-retries",
        NO,
        Int,
        "Consecutive failures needed to report unhealthy",
    ),
    (
        "health-start-interval",
        NO,
        Duration,
        "Time between running the check during the start period (ms|s|m|h) (default 0s)",
    ),
    (
        "health-start-period",
        NO,
        Duration,
        "Start period for the container to initialize before starting health-retries countdown (ms|s|m|h) (default 0s)",
    ),
    (
        "health-timeout",
        NO,
        Duration,
        "Maximum time to allow one check to run (ms|s|m|h) (default 0s)",
    ),
    ("hostname", 'h', STRING, "Container host name"),
    (
        "identity",
        NO,
        STRING,
        "How user ids other than root are provided (\"auto\", \"native\", \"messages\", \"full\", \"ids\", \"off\")",
    ),
    (
        "init",
        NO,
        Flag,
        "Run an init inside the container that forwards signals and reaps processes",
    ),
    (
        "interactive",
        'i',
        Flag,
        "Keep STDIN open even if not attached",
    ),
    ("ipc", NO, STRING, "IPC mode to use"),
    (
        "label",
        'l',
        Many("list", || ValueParser::new(text::label)),
        "Set meta data on a container",
    ),
    (
        "label-file",
        NO,
        List,
        "Read in a line delimited file of labels",
    ),
    ("log-driver", NO, STRING, "Logging driver for the container"),
    (
        "log-opt",
        NO,
        Many("list", || ValueParser::new(text::pair)),
        "Log driver options",
    ),
    ("memory", 'm', Bytes, "Memory limit"),
    ("memory-reservation", NO, Bytes, "Memory soft limit"),
    (
        "memory-swap",
        NO,
        Bytes,
        "Swap limit equal to memory plus swap: '-1' to enable unlimited swap",
    ),
    (
        "mount",
        NO,
        Many("mount", || ValueParser::new(text::mount)),
        "Attach a filesystem mount to the container",
    ),
    ("name", NO, STRING, "Assign a name to the container"),
    (
        "ip",
        NO,
        One("string", || ValueParser::new(text::address)),
        "IPv4 address (e.g., 172.30.100.104)",
    ),
    (
        "ip6",
        NO,
        One("string", || ValueParser::new(text::address)),
        "IPv6 address (e.g., 2001:db8::33)",
    ),
    (
        "mac-address",
        NO,
        One("string", || ValueParser::new(text::mac)),
        "Container MAC address (e.g., 92:d0:c6:0a:29:33)",
    ),
    (
        "link",
        NO,
        Many("list", || ValueParser::new(text::link)),
        "Add link to another container",
    ),
    (
        "network-alias",
        NO,
        List,
        "Add network-scoped alias for the container",
    ),
    (
        "network",
        NO,
        Many("network", || ValueParser::new(text::network)),
        "Connect a container to a network",
    ),
    (
        "no-healthcheck",
        NO,
        Flag,
        "Disable any container-specified HEALTHCHECK",
    ),
    (
        "oom-score-adj",
        NO,
        Int,
        "Tune host's OOM preferences (-1000 to 1000)",
    ),
    ("pid", NO, STRING, "PID namespace to use"),
    (
        "pids-limit",
        NO,
        Int,
        "Tune container pids limit (set -1 for unlimited)",
    ),
    ("platform", NO, STRING, "Set the platform of the image"),
    (
        "privileged",
        NO,
        Flag,
        "Give extended privileges to this container",
    ),
    (
        "publish",
        'p',
        List,
        "Publish a container's port(s) to the host",
    ),
    (
        "publish-all",
        'P',
        Flag,
        "Publish all exposed ports to random ports",
    ),
    (
        "pull",
        NO,
        STRING,
        "Pull image before running (\"always\", \"missing\", \"never\") (default \"missing\")",
    ),
    ("quiet", 'q', Flag, "Suppress the pull output"),
    (
        "read-only",
        NO,
        Flag,
        "Mount the container's root filesystem as read only",
    ),
    (
        "replace",
        NO,
        Flag,
        "Remove a container of the same name first",
    ),
    (
        "restart",
        NO,
        STRING,
        "Restart policy to apply when a container exits (default \"no\")",
    ),
    (
        "rm",
        NO,
        Flag,
        "Automatically remove the container when it exits",
    ),
    ("security-opt", NO, List, "Security Options"),
    (
        "shm-size",
        NO,
        One("bytes", || ValueParser::new(text::size)),
        "Size of /dev/shm",
    ),
    ("stop-signal", NO, STRING, "Signal to stop the container"),
    (
        "stop-timeout",
        NO,
        Int,
        "Timeout (in seconds) to stop a container",
    ),
    (
        "sysctl",
        NO,
        Many("map", || ValueParser::new(text::sysctl)),
        "Sysctl options",
    ),
    ("tmpfs", NO, List, "Mount a tmpfs directory"),
    ("tty", 't', Flag, "Allocate a pseudo-TTY"),
    (
        "ulimit",
        NO,
        Many("ulimit", || ValueParser::new(text::ulimit)),
        "Ulimit options",
    ),
    (
        "user",
        'u',
        STRING,
        "Username or UID (format: <name|uid>[:<group|gid>])",
    ),
    ("userns", NO, STRING, "User namespace to use"),
    ("uts", NO, STRING, "UTS namespace to use"),
    ("volume", 'v', List, "Bind mount a volume"),
    (
        "volumes-from",
        NO,
        List,
        "Mount volumes from the specified container(s)",
    ),
    (
        "workdir",
        'w',
        STRING,
        "Working directory inside the container",
    ),
];

/// Flags that docker or podman have and that change nothing here. Each is noted in the record and told with `--debug`.
pub(super) const IGNORED: &[Row] = &[
    ("blkio-weight", NO, Text("uint16"), ""),
    ("blkio-weight-device", NO, List, ""),
    ("cgroup-conf", NO, List, ""),
    ("cgroup-parent", NO, STRING, ""),
    ("chrootdirs", NO, List, ""),
    ("cpu-rt-period", NO, Int, ""),
    ("cpu-rt-runtime", NO, Int, ""),
    ("cpuset-mems", NO, STRING, ""),
    ("device-cgroup-rule", NO, List, ""),
    ("device-read-bps", NO, List, ""),
    ("device-read-iops", NO, List, ""),
    ("device-write-bps", NO, List, ""),
    ("device-write-iops", NO, List, ""),
    ("disable-content-trust", NO, Flag, ""),
    ("gidmap", NO, List, ""),
    ("isolation", NO, STRING, ""),
    ("kernel-memory", NO, Bytes, ""),
    ("link-local-ip", NO, List, ""),
    ("memory-swappiness", NO, Int, ""),
    ("oom-kill-disable", NO, Flag, ""),
    ("personality", NO, STRING, ""),
    ("rdt-class", NO, STRING, ""),
    ("runtime", NO, STRING, ""),
    ("storage-opt", NO, List, ""),
    ("subgidname", NO, STRING, ""),
    ("subuidname", NO, STRING, ""),
    ("uidmap", NO, List, ""),
    ("volume-driver", NO, STRING, ""),
    // podman's
    ("authfile", NO, STRING, ""),
    ("cgroups", NO, STRING, ""),
    ("group-entry", NO, STRING, ""),
    ("health-on-failure", NO, STRING, ""),
    ("hostuser", NO, List, ""),
    ("image-volume", NO, STRING, ""),
    ("no-hostname", NO, Flag, ""),
    ("no-hosts", NO, Flag, ""),
    ("passwd", NO, Flag, ""),
    ("passwd-entry", NO, STRING, ""),
    ("sdnotify", NO, STRING, ""),
    ("systemd", NO, STRING, ""),
    ("tls-verify", NO, Flag, ""),
];

/// Flags whose effect somebody may miss: they have none here yet, and a warning says so.
pub(super) const MISSED: &[Row] = &[
    ("gpus", NO, Text("gpu-request"), ""),
    ("preserve-fds", NO, Int, ""),
    ("requires", NO, List, ""),
    ("rmi", NO, Flag, ""),
    ("secret", NO, List, ""),
    ("timeout", NO, Int, ""),
    ("tz", NO, STRING, ""),
    ("umask", NO, STRING, ""),
    ("use-api-socket", NO, Flag, ""),
];

/// Flags without which the container would be another one: refused.
pub(super) const REFUSED: &[Row] = &[("pod", NO, STRING, ""), ("rootfs", NO, Flag, "")];

/// podman's flags that have an effect.
const PODMAN: &[Row] = &[
    ("env-host", NO, Flag, ""),
    ("http-proxy", NO, Flag, ""),
    ("pidfile", NO, STRING, ""),
    ("unsetenv", NO, List, ""),
    ("unsetenv-all", NO, Flag, ""),
];

/// Flags of `run` alone.
const RUN: &[Row] = &[
    (
        "detach",
        'd',
        Flag,
        "Run container in background and print container ID",
    ),
    (
        "detach-keys",
        NO,
        STRING,
        "Override the key sequence for detaching a container",
    ),
    (
        "sig-proxy",
        NO,
        Flag,
        "Proxy received signals to the process (default true)",
    ),
];

const NO: char = '\0';

/// Adds the flags of `create` that `wanted` says yes to.
pub(super) fn create(command: Command, wanted: impl Fn(&Row) -> bool) -> Command {
    command
        .args(COMMON.iter().filter(|row| wanted(row)).map(arg))
        .args(
            hidden()
                .filter(|row| wanted(row))
                .map(|row| arg(row).hide(true)),
        )
        .arg(args::command_line("IMAGE", 1.., "IMAGE [COMMAND] [ARG...]"))
}

/// Adds the flags of `run` that `wanted` says yes to.
pub(super) fn run(command: Command, wanted: impl Fn(&Row) -> bool) -> Command {
    let own = RUN.iter().filter(|row| wanted(row)).map(arg);
    create(command.args(own), &wanted)
}

/// Adds the flags of these names, each as `create` has it.
pub(super) fn some(command: Command, names: &[&str]) -> Command {
    let is_wanted = |row: &&Row| names.contains(&row.0);
    let ignored = IGNORED.iter().filter(is_wanted);
    command
        .args(COMMON.iter().filter(is_wanted).map(arg))
        .args(ignored.map(|row| arg(row).hide(true)))
}

/// Says whether one of `words` can be the flag. It may be a word of the container's command as well: one flag more does no
/// harm.
pub(super) fn may_mean(words: &[String], row: &Row) -> bool {
    let &(name, short, ..) = row;
    words.iter().any(|word| match word.strip_prefix("--") {
        Some(long) => long
            .strip_prefix(name)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('=')),
        None => short != NO && word.starts_with('-') && word.contains(short),
    })
}

/// Adds `-e` and `--env-file`, which `exec` has too.
pub(super) fn environment(command: Command) -> Command {
    let is_env = |row: &&Row| matches!(row.0, "env" | "env-file");
    command.args(COMMON.iter().filter(is_env).map(arg))
}

/// Flags that the help does not show: those without effect, and second names.
fn hidden() -> impl Iterator<Item = &'static Row> {
    let lists = [IGNORED, MISSED, REFUSED, PODMAN, ALIASES];
    lists.into_iter().flatten()
}

/// Second names of flags, which docker does not show.
const ALIASES: &[Row] = &[
    ("dns-opt", NO, List, ""),
    (
        "net",
        NO,
        Many("network", || ValueParser::new(text::network)),
        "",
    ),
    ("net-alias", NO, List, ""),
];

fn arg(row: &Row) -> Arg {
    let &(name, short, kind, help) = row;
    let short = (short != NO).then_some(short);
    match kind {
        Flag => args::flag(name, short, help),
        Text(word) => args::opt(name, short, word, help),
        List => args::list(name, short, "list", help),
        Int => args::int(name, short, help),
        Bytes => args::opt(name, short, "bytes", help).value_parser(text::bytes),
        Duration => args::opt(name, short, "duration", help).value_parser(text::duration),
        One(word, parser) => args::opt(name, short, word, help).value_parser(parser()),
        Many(word, parser) => args::opt(name, short, word, help)
            .value_parser(parser())
            .action(ArgAction::Append),
    }
}
