//! What forbids user namespaces, and the line with which an administrator allows them.

use std::path::Path;

/// The switches that decide whether a plain user may make a user namespace, as far as they exist here.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Switches {
    /// /proc/self/ns/user exists: the kernel was built with CONFIG_USER_NS.
    pub(crate) is_built_in: bool,
    /// user.max_user_namespaces.
    pub(crate) max_user_namespaces: Option<u64>,
    /// kernel.unprivileged_userns_clone (Debian and its children, before Linux 5.10 off by default).
    pub(crate) unprivileged_userns_clone: Option<u64>,
    /// kernel.apparmor_restrict_unprivileged_userns (Ubuntu 23.10 and later).
    pub(crate) apparmor_restrict: Option<u64>,
    /// A seccomp filter is on this process (`Seccomp: 2` in proc_pid_status(5)).
    pub(crate) is_filtered: bool,
    /// Kind of container that this process is in, if any.
    pub(crate) within: Option<String>,
    /// SELinux is enforcing.
    pub(crate) is_selinux_enforcing: bool,
}

/// A reason and its remedy.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Blocker {
    /// Why, as a clause.
    pub(crate) cause: String,
    /// What to do, as a clause, with the exact command.
    pub(crate) remedy: String,
}

impl Switches {
    /// Reads them.
    pub(crate) fn read() -> Switches {
        Switches {
            is_built_in: Path::new("/proc/self/ns/user").exists(),
            max_user_namespaces: number("/proc/sys/user/max_user_namespaces"),
            unprivileged_userns_clone: number("/proc/sys/kernel/unprivileged_userns_clone"),
            apparmor_restrict: number("/proc/sys/kernel/apparmor_restrict_unprivileged_userns"),
            is_filtered: seccomp_mode(&text("/proc/self/status")) == Some(2),
            within: container_kind(),
            is_selinux_enforcing: number("/sys/fs/selinux/enforce") == Some(1),
        }
    }

    /// Returns the most likely reason why a user namespace cannot be made or has no power, the surest first; `None` when
    /// none of the switches forbids it.
    pub(crate) fn blocker(&self) -> Option<Blocker> {
        let blocker = |cause: String, remedy: String| Some(Blocker { cause, remedy });
        if !self.is_built_in {
            return blocker(
                "this kernel was built without user namespaces (CONFIG_USER_NS)".to_owned(),
                "boot a kernel that has them, as every distribution's own does".to_owned(),
            );
        }
        if self.max_user_namespaces == Some(0) {
            return blocker(
                "user.max_user_namespaces is 0".to_owned(),
                sysctl("user.max_user_namespaces=15000"),
            );
        }
        if self.unprivileged_userns_clone == Some(0) {
            return blocker(
                "kernel.unprivileged_userns_clone is 0".to_owned(),
                sysctl("kernel.unprivileged_userns_clone=1"),
            );
        }
        if self.apparmor_restrict == Some(1) {
            return blocker(
                "AppArmor takes away the power of user namespaces (kernel.apparmor_restrict_unprivileged_userns is 1)"
                    .to_owned(),
                format!(
                    "an administrator can allow this program alone: {}",
                    apparmor_profile(&std::env::current_exe().unwrap_or_else(|_| "/usr/bin/coracle".into()))
                ),
            );
        }
        if let Some(within) = &self.within {
            return blocker(
                format!("this is already inside a container ({within}), which forbids it"),
                "start that container with --security-opt seccomp=unconfined --security-opt apparmor=unconfined \
                 --security-opt systempaths=unconfined"
                    .to_owned(),
            );
        }
        if self.is_filtered {
            return blocker(
                "a seccomp filter is on this process and may forbid it".to_owned(),
                "start from a session without it (for a systemd unit: RestrictNamespaces=no)"
                    .to_owned(),
            );
        }
        if self.is_selinux_enforcing {
            return blocker(
                "SELinux may forbid it (user_namespace create)".to_owned(),
                "`ausearch -m avc -ts recent` tells; an administrator can allow it with `setsebool` or a local module"
                    .to_owned(),
            );
        }
        None
    }
}

/// Returns one clause for the hint of an error: why user namespaces cannot be used here and what to do about it. To be
/// called when one could not be made.
pub fn explain_userns() -> String {
    match Switches::read().blocker() {
        Some(Blocker { cause, remedy }) => format!("{cause}; {remedy}"),
        None => "no known switch forbids user namespaces here; inside a chroot they cannot be made, and \
                 user.max_user_namespaces may be used up; `coracle doctor` tells more"
            .to_owned(),
    }
}

fn sysctl(setting: &str) -> String {
    format!(
        "an administrator can run: echo {setting} >/etc/sysctl.d/60-coracle.conf && sysctl -w {setting}"
    )
}

/// One line that installs a profile which changes nothing but to allow user namespaces.
fn apparmor_profile(program: &Path) -> String {
    format!(
        "printf 'abi <abi/4.0>,\\nprofile coracle \"{}\" flags=(unconfined) {{ userns, }}\\n' \
         >/etc/apparmor.d/coracle && apparmor_parser -r /etc/apparmor.d/coracle",
        program.display()
    )
}

/// Kind of container that this process is in, by the marks that the common ones leave.
fn container_kind() -> Option<String> {
    // systemd's convention: container managers set it for the first process, most for all
    if let Some(kind) = super::paths::container_variable() {
        return Some(kind);
    }
    let marks = [
        ("/run/.containerenv", "podman"),
        ("/.dockerenv", "docker"),
        ("/.singularity.d", "apptainer"),
    ];
    let marked = marks.into_iter().find(|(path, _)| Path::new(path).exists());
    marked
        .map(|(_, kind)| kind.to_owned())
        .or_else(|| cgroup_kind(&text("/proc/1/cgroup")))
}

/// Kind of container by the cgroup of the first process (proc_pid_cgroup(5)).
fn cgroup_kind(cgroups: &str) -> Option<String> {
    let words = [
        ("docker", "docker"),
        ("kubepods", "kubernetes"),
        ("lxc", "lxc"),
        ("libpod", "podman"),
    ];
    words
        .into_iter()
        .find(|(word, _)| cgroups.contains(word))
        .map(|(_, kind)| kind.to_owned())
}

/// The seccomp mode in the text of proc_pid_status(5).
fn seccomp_mode(status: &str) -> Option<u8> {
    status
        .lines()
        .find_map(|line| line.strip_prefix("Seccomp:"))?
        .trim()
        .parse()
        .ok()
}

/// The text of a small file of the kernel's; empty when it cannot be read.
pub(super) fn text(path: &str) -> String {
    fs_err::read(path)
        .map(|bytes| String::from_utf8_lossy(&bytes).trim().to_owned())
        .unwrap_or_default()
}

/// The number in a file of the kernel's.
pub(super) fn number(path: &str) -> Option<u64> {
    text(path).parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open() -> Switches {
        Switches {
            is_built_in: true,
            max_user_namespaces: Some(10_000),
            ..Switches::default()
        }
    }

    #[test]
    fn each_switch_has_its_reason_and_its_line() {
        let cases = [
            (
                Switches {
                    is_built_in: false,
                    ..open()
                },
                "CONFIG_USER_NS",
                "boot a kernel",
            ),
            (
                Switches {
                    max_user_namespaces: Some(0),
                    ..open()
                },
                "user.max_user_namespaces is 0",
                "sysctl -w user.max_user_namespaces=15000",
            ),
            (
                Switches {
                    unprivileged_userns_clone: Some(0),
                    ..open()
                },
                "kernel.unprivileged_userns_clone is 0",
                "sysctl -w kernel.unprivileged_userns_clone=1",
            ),
            (
                Switches {
                    apparmor_restrict: Some(1),
                    ..open()
                },
                "apparmor_restrict_unprivileged_userns is 1",
                "apparmor_parser -r /etc/apparmor.d/coracle",
            ),
            (
                Switches {
                    within: Some("docker".to_owned()),
                    is_filtered: true,
                    ..open()
                },
                "inside a container (docker)",
                "seccomp=unconfined",
            ),
            (
                Switches {
                    is_filtered: true,
                    ..open()
                },
                "seccomp filter",
                "RestrictNamespaces",
            ),
            (
                Switches {
                    is_selinux_enforcing: true,
                    ..open()
                },
                "SELinux",
                "ausearch",
            ),
        ];
        for (switches, cause, remedy) in cases {
            let found = switches.blocker().unwrap();
            assert!(found.cause.contains(cause), "{found:?}");
            assert!(found.remedy.contains(remedy), "{found:?}");
        }
        assert_eq!(open().blocker(), None);
        assert_eq!(
            Switches {
                apparmor_restrict: Some(0),
                ..open()
            }
            .blocker(),
            None
        );
    }

    #[test]
    fn words_of_the_kernel() {
        assert_eq!(
            seccomp_mode("Name:\tsh\nSeccomp:\t2\nSeccomp_filters:\t1\n"),
            Some(2)
        );
        assert_eq!(seccomp_mode("Name:\tsh\n"), None);
        assert_eq!(
            cgroup_kind("0::/kubepods/besteffort/pod1"),
            Some("kubernetes".to_owned())
        );
        assert_eq!(cgroup_kind("0::/init.scope"), None);
    }
}
