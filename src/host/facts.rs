//! What this host is and allows, gathered for `doctor`, `info` and error texts. Nothing here is on the way of `run`.

use std::path::{Path, PathBuf};

use super::filesystem::FileSystem;
use super::probe::{self, Probe, Try};
use super::storage::{self, Rung};
use super::userns::{Switches, number, text};
use crate::error::Result;
use crate::store::paths::Paths;

/// Everything that was found.
#[derive(Debug, Clone)]
pub struct Facts {
    /// Kernel release (`6.18.4`).
    pub kernel: String,
    /// `PRETTY_NAME` of os-release(5).
    pub distribution: String,
    /// Machine as uname(2) names it (`x86_64`).
    pub machine: String,
    /// The two folders.
    pub paths: Paths,
    /// Tries on the store; the error says why they could not be made.
    pub probe: Result<Probe>,
    /// What new containers use.
    pub rung: Result<Rung>,
    /// The store's file system.
    pub store: Result<FileSystem>,
    /// Bytes that the user's quota still allows there; `None` without a quota.
    pub quota_bytes: Option<u64>,
    /// The runtime folder's file system.
    pub runtime: Result<FileSystem>,
    /// fuse-overlayfs, or why it cannot be used.
    pub fuse: std::result::Result<PathBuf, String>,
    /// CORACLE_NETWORK_RUNG.
    pub network_rung: Option<String>,
    /// Programs that can be a container's network.
    pub network_programs: Vec<PathBuf>,
    /// Control groups.
    pub cgroup: Cgroup,
    /// Seccomp can ask a supervisor (Linux 5.0).
    pub has_seccomp_notify: bool,
    /// net.ipv4.ping_group_range.
    pub ping_groups: Option<(u64, u64)>,
    /// The first port that we may bind: net.ipv4.ip_unprivileged_port_start, 0 for root.
    pub first_port: Option<u64>,
    /// kernel.yama.ptrace_scope; `None` without Yama.
    pub ptrace_scope: Option<u64>,
    /// What may forbid user namespaces.
    pub(crate) switches: Switches,
}

/// The control groups of this process.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Cgroup {
    /// 2, 1 (also for a mixture), or 0 when none are mounted.
    pub version: u8,
    /// Its group below the unified hierarchy's root (`/user.slice/...`).
    pub path: String,
    /// Why no group can be made below it; `Ok` when that is possible.
    pub delegated: Option<String>,
    /// Controllers that a group below it could use.
    pub controllers: Vec<String>,
}

/// Gathers all facts, with tries in a process of their own; a few milliseconds. Makes the data folder when missing.
pub fn gather(paths: &Paths, forced_driver: Option<&str>) -> Facts {
    let rung = storage::rung(paths, forced_driver);
    let probe = storage::make_data(paths).and_then(|()| {
        let writable = rung.as_ref().ok().and_then(|rung| rung.writable.clone());
        probe::ask(&paths.data, writable.as_deref().unwrap_or(&paths.data))
    });
    let (kernel, machine) = system();
    Facts {
        kernel,
        distribution: pretty_name(&text("/etc/os-release")),
        machine,
        probe,
        rung,
        store: FileSystem::of(&paths.data),
        quota_bytes: quota(&paths.data),
        runtime: FileSystem::of(&paths.runtime),
        fuse: storage::fuse_program(),
        network_rung: super::paths::forced_rung(),
        network_programs: ["pasta", "slirp4netns"]
            .iter()
            .filter_map(|name| super::paths::program(name))
            .collect(),
        cgroup: Cgroup::read(),
        has_seccomp_notify: text("/proc/sys/kernel/seccomp/actions_avail").contains("user_notif"),
        ping_groups: range(&text("/proc/sys/net/ipv4/ping_group_range")),
        first_port: match nix::unistd::geteuid().is_root() {
            true => Some(0),
            false => number("/proc/sys/net/ipv4/ip_unprivileged_port_start"),
        },
        ptrace_scope: number("/proc/sys/kernel/yama/ptrace_scope"),
        switches: Switches::read(),
        paths: paths.clone(),
    }
}

fn system() -> (String, String) {
    match nix::sys::utsname::uname() {
        Ok(name) => (
            name.release().to_string_lossy().into_owned(),
            name.machine().to_string_lossy().into_owned(),
        ),
        Err(_) => Default::default(),
    }
}

/// `PRETTY_NAME` in the text of os-release(5).
fn pretty_name(os_release: &str) -> String {
    let value = os_release
        .lines()
        .find_map(|line| line.strip_prefix("PRETTY_NAME="));
    value.map_or_else(
        || "Linux".to_owned(),
        |value| value.trim_matches(['"', '\'']).to_owned(),
    )
}

/// Two numbers with white space between.
fn range(text: &str) -> Option<(u64, u64)> {
    let mut numbers = text.split_whitespace().map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

/// Bytes left under the user's quota (quotactl(2)), where the store's file system has one.
fn quota(folder: &Path) -> Option<u64> {
    use nix::sys::quota::{QuotaType, quotactl_get};
    let device = device_of(&text("/proc/self/mountinfo"), folder)?;
    let uid = i32::try_from(nix::unistd::geteuid().as_raw()).ok()?;
    let quota = quotactl_get(QuotaType::USRQUOTA, &device, uid).ok()?;
    // limits are in units of 1024 bytes; 0 is none
    let limit = quota
        .blocks_hard_limit()
        .filter(|limit| *limit > 0)?
        .saturating_mul(1024);
    Some(limit.saturating_sub(quota.occupied_space().unwrap_or(0)))
}

/// The device under `folder`: that of the mount with the longest mount point, in the text of proc_pid_mountinfo(5).
fn device_of(mountinfo: &str, folder: &Path) -> Option<PathBuf> {
    let mounts = mountinfo.lines().filter_map(|line| {
        let (before, after) = line.split_once(" - ")?;
        let point = PathBuf::from(before.split(' ').nth(4)?);
        folder
            .starts_with(&point)
            .then(|| (point, after.split(' ').nth(1).map(PathBuf::from)))
    });
    // of two mounts at one point the later hides the earlier, and max_by_key returns the last of equals
    let (_, device) = mounts.max_by_key(|(point, _)| point.as_os_str().len())?;
    device.filter(|device| device.is_absolute())
}

impl Cgroup {
    pub(crate) fn read() -> Cgroup {
        let unified = [
            Path::new("/sys/fs/cgroup"),
            Path::new("/sys/fs/cgroup/unified"),
        ]
        .into_iter()
        .find(|root| root.join("cgroup.controllers").exists());
        let own = text("/proc/self/cgroup");
        let version = match unified {
            Some(root) if root == Path::new("/sys/fs/cgroup") => 2,
            _ if own.is_empty() => 0,
            _ => 1,
        };
        let path = own_group(&own).unwrap_or("/").to_owned();
        let Some(root) = unified else {
            let none = Some("control groups version 2 are not mounted".to_owned());
            return Cgroup {
                version,
                path,
                delegated: none,
                controllers: Vec::new(),
            };
        };
        let folder = root.join(path.trim_start_matches('/'));
        let controllers = text(&folder.join("cgroup.controllers").to_string_lossy());
        Cgroup {
            version,
            delegated: make_group(&folder).err(),
            controllers: controllers.split_whitespace().map(str::to_owned).collect(),
            path,
        }
    }
}

/// The path of the unified hierarchy in the text of proc_pid_cgroup(5).
fn own_group(cgroups: &str) -> Option<&str> {
    cgroups.lines().find_map(|line| line.strip_prefix("0::"))
}

/// Makes a group and removes it again.
fn make_group(folder: &Path) -> Try {
    let group = folder.join(format!("coracle-probe-{}", std::process::id()));
    nix::unistd::mkdir(&group, nix::sys::stat::Mode::S_IRWXU).map_err(|errno| {
        format!(
            "mkdir in {}: {}",
            folder.display(),
            crate::sys::sentence(errno)
        )
    })?;
    let _ = fs_err::remove_dir(&group); // an empty group that stays is harmless
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_device_is_that_of_the_longest_mount_point() {
        let text = "22 1 254:0 / / rw - ext4 /dev/vda rw\n\
                    30 22 254:1 / /home rw,nosuid shared:1 - xfs /dev/vdb rw\n\
                    31 22 0:5 / /proc rw - proc proc rw";
        let device = |folder: &str| device_of(text, Path::new(folder));
        assert_eq!(device("/home/bob/x"), Some(PathBuf::from("/dev/vdb")));
        assert_eq!(device("/homeless"), Some(PathBuf::from("/dev/vda")));
        assert_eq!(device("/proc/1"), None);
        assert_eq!(device_of("", Path::new("/")), None);
    }

    #[test]
    fn words_of_the_system() {
        assert_eq!(
            pretty_name("NAME=x\nPRETTY_NAME=\"Debian GNU/Linux 13\"\n"),
            "Debian GNU/Linux 13"
        );
        assert_eq!(pretty_name(""), "Linux");
        assert_eq!(range("1\t0"), Some((1, 0)));
        assert_eq!(range("0 2147483647\n"), Some((0, 2_147_483_647)));
        assert_eq!(range("x"), None);
        assert_eq!(own_group("9:cpu:/a\n0::/user.slice\n"), Some("/user.slice"));
        assert_eq!(own_group("9:cpu:/a\n"), None);
    }
}
