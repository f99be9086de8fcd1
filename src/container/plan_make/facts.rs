//! What a plan is made from beside the record: asked once, before the thinking.

use std::collections::BTreeMap;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use crate::container::limits::{self, Limits};
use crate::container::links::Link;
use crate::container::plan::{Mount, Root};
use crate::container::user::{Accounts, Needs};
use crate::container::{layered, rootfs};
use crate::error::{Error, Kind, Result};
use crate::network::plan::Program;
use crate::store::containers::Record;
use crate::store::networks::{Network, Rung};
use crate::store::paths::Paths;

use super::mounts;

/// The host, the user and the container's files, as far as a plan depends on them.
#[derive(Debug, Clone)]
pub(crate) struct Facts {
    /// The user's two folders.
    pub paths: Paths,
    /// The root, as its driver assembles it.
    pub root: Root,
    /// Mounts that belong to the root, below the user's.
    pub root_mounts: Vec<Mount>,
    /// Permissions of the image's folders on which a tmpfs is mounted.
    pub tmpfs_modes: BTreeMap<String, u32>,
    /// The container's /etc/passwd and /etc/group.
    pub accounts: Accounts,
    /// What the image and the kernel say about identities.
    pub needs: Needs,
    /// The host's name.
    pub hostname: String,
    /// The kernel's major and minor version.
    pub kernel: (u32, u32),
    /// Containers named by `container:NAME` modes: pid and start time of the first process.
    pub others: BTreeMap<String, (i32, u64)>,
    /// The networks that the record wants, in its order.
    pub networks: Vec<Network>,
    /// Containers that it is linked to.
    pub links: Vec<Link>,
    /// The program that is the network.
    pub network_program: Option<Program>,
    /// How new gateways are to work, where the user says it.
    pub rung: Option<Rung>,
    /// Device nodes: (host path, path inside).
    pub devices: Vec<(PathBuf, String)>,
    /// Who runs programs of another processor.
    pub handler: Option<String>,
    /// The caller's own hard limits for each resource that the record limits.
    pub hard_limits: BTreeMap<u32, u64>,
    /// How the limits are held; its warnings are the creator's to tell.
    pub limits: Limits,
    /// Rows and columns of the caller's terminal; (0, 0) unknown.
    pub window: (u16, u16),
}

impl Facts {
    /// Asks for all that a record needs. `user`: whom the process is to be. `layer`: the store's folder of a layer by its
    /// diff id. `other`: pid and start time of the first process of a running container by the name that the user gave.
    /// `network`: a network by its name.
    pub(crate) fn gather(
        record: &Record,
        user: &str,
        paths: &Paths,
        layer: &dyn Fn(&str) -> PathBuf,
        other: &dyn Fn(&str) -> Result<(i32, u64)>,
        network: &dyn Fn(&str) -> Result<Network>,
    ) -> Result<Facts> {
        let kernel = limits::kernel();
        let root = rootfs::root(record, paths, layer)?;
        let stack = rootfs::stack(&root, record, paths);
        let mut wanted = vec![user];
        wanted.extend(record.host.group_add.iter().map(String::as_str));
        let mut others = BTreeMap::new();
        for mode in [
            &record.host.network_mode,
            &record.host.pid_mode,
            &record.host.ipc_mode,
        ] {
            if let Some(name) = mode.strip_prefix("container:") {
                others.insert(name.to_owned(), other(name)?);
            }
        }
        Ok(Facts {
            paths: paths.clone(),
            accounts: Accounts::of_layers(&stack, &wanted),
            needs: Needs {
                escalates: !matches!(user, "" | "0" | "root" | "0:0") && escalates(&stack),
                has_bus: layered::mode(&stack, "/usr/bin/dbus-daemon").is_some(),
                adds_groups: false,
                is_host: record.driver == rootfs::host::NAME,
                kernel,
            },
            tmpfs_modes: tmpfs_modes(record, &stack),
            root_mounts: rootfs::mounts(record, paths)?,
            root,
            hostname: nix::unistd::gethostname()
                .map(|h| h.to_string_lossy().into_owned())
                .unwrap_or_default(),
            kernel,
            others,
            networks: super::network::wishes(record)
                .iter()
                .map(|wish| network(&wish.network))
                .collect::<Result<_>>()?,
            links: Vec::new(),
            network_program: super::network::program(&record.host.network_mode)?,
            rung: crate::host::paths::forced_rung()
                .map(|name| Rung::named(&name))
                .transpose()?,
            devices: devices(record)?,
            handler: crate::host::emulator::handler(&record.platform, kernel),
            hard_limits: hard_limits(record),
            limits: limits::here(record, kernel)?,
            window: (0, 0),
        })
    }
}

/// Whether a program is there by which another than root becomes root. `su` is everywhere and asks for a password.
fn escalates(stack: &[PathBuf]) -> bool {
    ["/usr/bin/sudo", "/usr/bin/doas", "/usr/local/bin/sudo"]
        .iter()
        .any(|path| layered::mode(stack, path).is_some_and(|mode| mode & 0o4000 != 0))
}

fn tmpfs_modes(record: &Record, stack: &[PathBuf]) -> BTreeMap<String, u32> {
    mounts::tmpfs_paths(record)
        .filter_map(|path| Some((path.clone(), layered::mode(stack, &path)?)))
        .collect()
}

/// Number of a resource by docker's name for it.
pub(super) fn resource(name: &str) -> Option<u32> {
    Some(match name {
        "cpu" => libc::RLIMIT_CPU,
        "fsize" => libc::RLIMIT_FSIZE,
        "data" => libc::RLIMIT_DATA,
        "stack" => libc::RLIMIT_STACK,
        "core" => libc::RLIMIT_CORE,
        "rss" => libc::RLIMIT_RSS,
        "nproc" => libc::RLIMIT_NPROC,
        "nofile" => libc::RLIMIT_NOFILE,
        "memlock" => libc::RLIMIT_MEMLOCK,
        "as" => libc::RLIMIT_AS,
        "locks" => libc::RLIMIT_LOCKS,
        "sigpending" => libc::RLIMIT_SIGPENDING,
        "msgqueue" => libc::RLIMIT_MSGQUEUE,
        "nice" => libc::RLIMIT_NICE,
        "rtprio" => libc::RLIMIT_RTPRIO,
        "rttime" => libc::RLIMIT_RTTIME,
        _ => return None,
    })
}

/// From /proc/self/limits and not from getrlimit(2), for which there is no safe call by number.
fn hard_limits(record: &Record) -> BTreeMap<u32, u64> {
    if record.host.ulimits.is_empty() {
        return BTreeMap::new();
    }
    let text = fs_err::read_to_string("/proc/self/limits").unwrap_or_default();
    parse_limits(&text)
}

/// Rows are `Max open files  1024  4096  files`, in the order of the resources' names in the kernel.
fn parse_limits(text: &str) -> BTreeMap<u32, u64> {
    const ROWS: [(&str, &str); 16] = [
        ("Max cpu time", "cpu"),
        ("Max file size", "fsize"),
        ("Max data size", "data"),
        ("Max stack size", "stack"),
        ("Max core file size", "core"),
        ("Max resident set", "rss"),
        ("Max processes", "nproc"),
        ("Max open files", "nofile"),
        ("Max locked memory", "memlock"),
        ("Max address space", "as"),
        ("Max file locks", "locks"),
        ("Max pending signals", "sigpending"),
        ("Max msgqueue size", "msgqueue"),
        ("Max nice priority", "nice"),
        ("Max realtime priority", "rtprio"),
        ("Max realtime timeout", "rttime"),
    ];
    let row = |&(title, name): &(&str, &str)| {
        let rest = text.lines().find_map(|l| l.strip_prefix(title))?;
        let hard = match rest.split_whitespace().nth(1)? {
            "unlimited" => u64::MAX,
            n => n.parse().ok()?,
        };
        Some((resource(name)?, hard))
    };
    ROWS.iter().filter_map(row).collect()
}

/// Devices that a privileged container gets where the caller may open them. Docker gives all of the host's; here most
/// belong to root and would be dead files.
const PRIVILEGED_DEVICES: [&str; 4] = ["/dev/fuse", "/dev/net/tun", "/dev/kvm", "/dev/vhost-net"];

fn devices(record: &Record) -> Result<Vec<(PathBuf, String)>> {
    let mut out = Vec::new();
    for device in &record.host.devices {
        let inside = match device.path_in_container.as_str() {
            "" => &device.path_on_host,
            path => path,
        };
        let found = add_device(Path::new(&device.path_on_host), inside, &mut out);
        found.map_err(|cause| {
            let text = format!(
                "error gathering device information while adding custom device {:?}",
                device.path_on_host
            );
            // Docker's CLI takes any "no such file or directory" for the program's: exit 127.
            let kind = if cause.starts_with("no such file") {
                Kind::CommandNotFound
            } else {
                Kind::Invalid
            };
            Error::new(kind, text).because(cause)
        })?;
    }
    if record.host.privileged {
        for path in PRIVILEGED_DEVICES {
            let may_open = fs_err::OpenOptions::new()
                .read(true)
                .write(true)
                .open(path)
                .is_ok();
            if may_open && !out.iter().any(|(_, inside)| inside == path) {
                out.push((path.into(), path.to_owned()));
            }
        }
    }
    Ok(out)
}

/// A node, or all nodes below a folder.
fn add_device(host: &Path, inside: &str, out: &mut Vec<(PathBuf, String)>) -> Result<(), String> {
    let kind = match fs_err::metadata(host) {
        Ok(meta) => meta.file_type(),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            return Err("no such file or directory".to_owned());
        }
        Err(e) => return Err(e.to_string()),
    };
    if kind.is_char_device() || kind.is_block_device() {
        out.push((host.to_owned(), inside.to_owned()));
        return Ok(());
    }
    if !kind.is_dir() {
        return Err("not a device node".to_owned());
    }
    for entry in fs_err::read_dir(host).map_err(|e| e.to_string())?.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        // Files that are no devices are left out, as docker does in a folder.
        let _ = add_device(
            &entry.path(),
            &format!("{}/{name}", inside.trim_end_matches('/')),
            out,
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hard_limits_are_those_of_this_process() {
        let all = parse_limits(&fs_err::read_to_string("/proc/self/limits").unwrap());
        assert_eq!(all.len(), 16);
        let nofile =
            nix::sys::resource::getrlimit(nix::sys::resource::Resource::RLIMIT_NOFILE).unwrap();
        assert_eq!(all[&libc::RLIMIT_NOFILE], nofile.1);
    }

    #[test]
    fn a_device_is_a_node_or_the_nodes_of_a_folder() {
        let with = |path: &str, inside: &str| {
            let mut record = Record::default();
            record
                .host
                .devices
                .push(crate::store::containers::DeviceMapping {
                    path_on_host: path.to_owned(),
                    path_in_container: inside.to_owned(),
                    cgroup_permissions: "rwm".to_owned(),
                });
            devices(&record)
        };
        assert_eq!(
            with("/dev/null", "/dev/x").unwrap(),
            [("/dev/null".into(), "/dev/x".to_owned())]
        );
        assert_eq!(with("/dev/null", "").unwrap()[0].1, "/dev/null");
        let text = "error gathering device information while adding custom device \"/dev/nope\": no such file or directory";
        assert_eq!(with("/dev/nope", "").unwrap_err().to_string(), text);
        assert!(
            with("/etc/passwd", "")
                .unwrap_err()
                .to_string()
                .ends_with("not a device node")
        );
    }
}
