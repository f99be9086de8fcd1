//! Confinement: capabilities, seccomp, no_new_privs, masked and read-only paths, from docker's flags.

use crate::error::{Error, Kind, Result};
use crate::grammar::go;
use crate::store::containers::HostConfig;
use crate::sys::caps;

use super::plan::Security;
use super::seccomp;

/// Docker's 14: CHOWN, DAC_OVERRIDE, FOWNER, FSETID, KILL, SETGID, SETUID, SETPCAP, NET_BIND_SERVICE, NET_RAW,
/// SYS_CHROOT, MKNOD, AUDIT_WRITE, SETFCAP.
pub(crate) const DEFAULT_CAPABILITIES: u64 = 0xa804_25fb;

/// Hidden in every container that does not ask otherwise (docker 26, HostConfig.MaskedPaths).
pub(crate) const MASKED_PATHS: [&str; 11] = [
    "/proc/asound",
    "/proc/acpi",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/sys/firmware",
    "/sys/devices/virtual/powercap",
];

/// Read-only in every container that does not ask otherwise (docker 26, HostConfig.ReadonlyPaths).
pub(crate) const READONLY_PATHS: [&str; 5] = [
    "/proc/bus",
    "/proc/fs",
    "/proc/irq",
    "/proc/sys",
    "/proc/sysrq-trigger",
];

/// What `--security-opt` asks for.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Options {
    /// `seccomp=`.
    pub seccomp: Profile,
    /// `no-new-privileges`.
    pub no_new_privileges: bool,
    /// `systempaths=unconfined`: no masks, nothing read-only.
    pub open_paths: bool,
    /// podman's `mask=`: hidden as well.
    pub mask: Vec<String>,
    /// podman's `unmask=`: neither hidden nor read-only; `ALL` for all.
    pub unmask: Vec<String>,
}

/// Which seccomp profile.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) enum Profile {
    /// The built-in one.
    #[default]
    Builtin,
    /// None.
    Unconfined,
    /// The user's, as JSON text.
    Json(String),
}

/// Reads `--security-opt` values; each must be one that docker or podman takes.
pub(crate) fn options(given: &[String]) -> Result<Options> {
    let mut options = Options::default();
    for opt in given {
        options.add(opt)?;
    }
    Ok(options)
}

impl Options {
    fn add(&mut self, opt: &str) -> Result<()> {
        let invalid = || Error::new(Kind::Invalid, format!("invalid --security-opt 2: {opt:?}"));
        let separator = if opt.contains('=') { '=' } else { ':' };
        let (key, value) = match opt.split_once(separator) {
            Some((key, value)) => (key, value),
            None if opt == "no-new-privileges" => (opt, "true"),
            // Docker's own word for "no security labels".
            None if opt == "disable" => return Ok(()),
            None => {
                return Err(Error::new(
                    Kind::Usage,
                    format!("Invalid --security-opt: {opt:?}"),
                ));
            }
        };
        match key {
            "seccomp" => self.seccomp = Profile::read(value)?,
            "no-new-privileges" => {
                self.no_new_privileges = go::boolean(value).ok_or_else(invalid)?
            }
            "systempaths" if value == "unconfined" => self.open_paths = true,
            "mask" => self.mask.extend(value.split(':').map(str::to_owned)),
            "unmask" => self
                .unmask
                .extend(value.split([':', ',']).map(str::to_owned)),
            // No label can be set by a user without a security module's leave; nothing to do is right for most hosts.
            "apparmor" | "label" | "proc-opts" | "writable-cgroups" => {}
            _ => return Err(invalid()),
        }
        Ok(())
    }

    fn is_unmasked(&self, path: &str) -> bool {
        self.unmask
            .iter()
            .any(|u| u == "ALL" || u == "all" || u.trim_end_matches('/') == path)
    }
}

impl Profile {
    fn read(value: &str) -> Result<Profile> {
        Ok(match value {
            "unconfined" => Profile::Unconfined,
            "builtin" | "default" => Profile::Builtin,
            json if json.trim_start().starts_with('{') => Profile::Json(json.to_owned()),
            path => Profile::Json(read_profile(path)?),
        })
    }
}

fn read_profile(path: &str) -> Result<String> {
    fs_err::read_to_string(path).map_err(|e| {
        let cause = match e.kind() {
            std::io::ErrorKind::NotFound => "no such file or directory".to_owned(),
            _ => e.to_string(),
        };
        Error::new(
            Kind::Usage,
            format!("opening seccomp profile ({path}) failed"),
        )
        .because(format!("open {path}: {cause}"))
    })
}

/// Returns the option as a container's record keeps it: a profile's file is replaced by its text, as docker's CLI does,
/// so that a later start does not depend on the file.
pub(crate) fn self_contained(opt: &str) -> Result<String> {
    let Some(path) = opt
        .strip_prefix("seccomp=")
        .or_else(|| opt.strip_prefix("seccomp:"))
    else {
        return Ok(opt.to_owned());
    };
    if matches!(path, "unconfined" | "builtin" | "default") || path.starts_with('{') {
        return Ok(opt.to_owned());
    }
    let text = read_profile(path)?;
    let json: serde_json::Value = serde_json::from_str(&text).map_err(|e| {
        Error::new(
            Kind::Usage,
            format!("compacting json for seccomp profile ({path}) failed"),
        )
        .because(go_json_error(&e))
    })?;
    Ok(format!("seccomp={json}"))
}

/// A text that ends too early is what users meet; for the rest our parser's words are as good as Go's.
fn go_json_error(e: &serde_json::Error) -> String {
    match e.is_eof() {
        true => "unexpected end of JSON input".to_owned(),
        false => e.to_string(),
    }
}

/// Returns the bounding set of `--cap-add`, `--cap-drop` and `--privileged`, with docker's rules: with either `ALL` the
/// other list is taken from or added to everything or nothing; a name in both lists is kept.
pub(crate) fn capabilities(host: &HostConfig) -> Result<u64> {
    let (add, add_all) = set(&host.cap_add, "CapAdd")?;
    let (drop, drop_all) = set(&host.cap_drop, "CapDrop")?;
    Ok(if host.privileged {
        caps::ALL
    } else if add_all {
        caps::ALL & !drop
    } else if drop_all {
        add
    } else {
        DEFAULT_CAPABILITIES & !drop | add
    })
}

/// A list of names as a set, and whether `ALL` was among them.
fn set(names: &[String], list: &str) -> Result<(u64, bool)> {
    let (mut bits, mut all) = (0, false);
    for name in names {
        if name.eq_ignore_ascii_case("ALL") || name.eq_ignore_ascii_case("CAP_ALL") {
            all = true;
            continue;
        }
        let number = caps::number(name).ok_or_else(|| {
            let upper = name.to_uppercase();
            let full = if upper.starts_with("CAP_") {
                upper
            } else {
                format!("CAP_{upper}")
            };
            Error::new(
                Kind::Invalid,
                format!("invalid {list}: unknown capability: {full:?}"),
            )
        })?;
        bits |= 1 << number;
    }
    Ok((bits, all))
}

/// Returns the confinement of a container's processes. `kernel` is the running one's version (uname(2)).
pub(crate) fn security(
    host: &HostConfig,
    options: &Options,
    kernel: (u32, u32),
) -> Result<Security> {
    let capabilities = capabilities(host)?;
    let facts = seccomp::Facts {
        capabilities,
        kernel,
        arch: crate::sys::seccomp::Arch::native(),
    };
    let program = match &options.seccomp {
        Profile::Unconfined => None,
        Profile::Json(json) => Some(seccomp::compile(json, facts)?),
        Profile::Builtin if host.privileged => None,
        Profile::Builtin => Some(seccomp::default(facts)?),
    };
    Ok(Security {
        capabilities,
        seccomp: program,
        no_new_privs: options.no_new_privileges,
        privileged: host.privileged,
    })
}

/// Returns the paths to mask and the paths to make read-only.
pub(crate) fn paths(host: &HostConfig, options: &Options) -> (Vec<String>, Vec<String>) {
    let keep = |list: &[&str]| -> Vec<String> {
        if host.privileged || options.open_paths {
            return Vec::new();
        }
        list.iter()
            .filter(|p| !options.is_unmasked(p))
            .map(|p| (*p).to_owned())
            .collect()
    };
    let mut masked = keep(&MASKED_PATHS);
    masked.extend(options.mask.iter().filter(|p| p.starts_with('/')).cloned());
    (masked, keep(&READONLY_PATHS))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(add: &[&str], drop: &[&str]) -> HostConfig {
        let list = |l: &[&str]| l.iter().map(|s| (*s).to_owned()).collect();
        HostConfig {
            cap_add: list(add),
            cap_drop: list(drop),
            ..HostConfig::default()
        }
    }

    /// Each row was asked of docker 26 (`grep CapBnd /proc/self/status`).
    #[test]
    fn capabilities_are_added_and_dropped_as_docker_does() {
        for (add, drop, want) in [
            (&[][..], &[][..], 0xa804_25fb),
            (&["chown"], &["ALL"], 0x1),
            (&["all"], &["chown"], caps::ALL & !1),
            (&["ALL"], &["ALL"], caps::ALL),
            (&["chown"], &["chown"], 0xa804_25fb),
            (&["ALL", "NET_RAW"], &["ALL"], caps::ALL),
            (
                &["CAP_SYS_ADMIN"],
                &["mknod"],
                0xa804_25fb | 1 << 21 & !(1 << 27),
            ),
        ] {
            let want = if drop == ["mknod"] {
                want & !(1 << 27)
            } else {
                want
            };
            assert_eq!(
                capabilities(&host(add, drop)).unwrap(),
                want,
                "+{add:?} -{drop:?}"
            );
        }
        let docker = "AUDIT_WRITE CHOWN DAC_OVERRIDE FOWNER FSETID KILL MKNOD NET_BIND_SERVICE NET_RAW SETFCAP SETGID \
                      SETPCAP SETUID SYS_CHROOT";
        let set = docker
            .split_whitespace()
            .fold(0, |s, n| s | 1 << caps::number(n).unwrap());
        assert_eq!(set, DEFAULT_CAPABILITIES);
        let privileged = HostConfig {
            privileged: true,
            ..host(&[], &["ALL"])
        };
        assert_eq!(capabilities(&privileged).unwrap(), caps::ALL);
    }

    #[test]
    fn unknown_capabilities_are_refused_in_dockers_words() {
        let e = capabilities(&host(&["FOO"], &[])).unwrap_err();
        assert_eq!(
            e.to_string(),
            "invalid CapAdd: unknown capability: \"CAP_FOO\""
        );
        let e = capabilities(&host(&[], &["foo"])).unwrap_err();
        assert_eq!(
            e.to_string(),
            "invalid CapDrop: unknown capability: \"CAP_FOO\""
        );
    }

    #[test]
    fn security_options_are_read_or_refused_as_docker_does() {
        let read = |o: &str| options(&[o.to_owned()]);
        assert_eq!(
            read("seccomp=unconfined").unwrap().seccomp,
            Profile::Unconfined
        );
        assert_eq!(
            read("seccomp:unconfined").unwrap().seccomp,
            Profile::Unconfined
        );
        assert_eq!(read("seccomp=builtin").unwrap().seccomp, Profile::Builtin);
        assert!(read("no-new-privileges").unwrap().no_new_privileges);
        assert!(read("no-new-privileges:true").unwrap().no_new_privileges);
        assert!(!read("no-new-privileges=false").unwrap().no_new_privileges);
        for fine in [
            "label=disable",
            "apparmor=unconfined",
            "label=type:x_t",
            "disable",
        ] {
            assert_eq!(read(fine).unwrap(), Options::default(), "{fine}");
        }
        for (bad, text) in [
            ("foo", "Invalid --security-opt: \"foo\""),
            ("foo=bar", "invalid --security-opt 2: \"foo=bar\""),
            (
                "no-new-privileges=x",
                "invalid --security-opt 2: \"no-new-privileges=x\"",
            ),
            (
                "systempaths=foo",
                "invalid --security-opt 2: \"systempaths=foo\"",
            ),
            (
                "seccomp=/nope",
                "opening seccomp profile (/nope) failed: open /nope: no such file or directory",
            ),
        ] {
            assert_eq!(read(bad).unwrap_err().to_string(), text);
        }
    }

    #[test]
    fn paths_are_masked_unless_asked_otherwise() {
        let with = |o: &str| paths(&HostConfig::default(), &options(&[o.to_owned()]).unwrap());
        assert_eq!(with("label=disable").0.len(), 11);
        assert_eq!(with("systempaths=unconfined"), (vec![], vec![]));
        assert_eq!(with("unmask=ALL"), (vec![], vec![]));
        let (masked, readonly) = with("unmask=/proc/acpi:/proc/sys/");
        assert!(
            !masked.contains(&"/proc/acpi".to_owned())
                && !readonly.contains(&"/proc/sys".to_owned())
        );
        assert_eq!((masked.len(), readonly.len()), (10, 4));
        assert_eq!(with("mask=/a:/b").0[11..], ["/a", "/b"]);
        let privileged = HostConfig {
            privileged: true,
            ..HostConfig::default()
        };
        assert_eq!(paths(&privileged, &Options::default()), (vec![], vec![]));
    }

    #[test]
    fn a_privileged_container_has_no_filter_unless_asked_for() {
        let host = HostConfig {
            privileged: true,
            ..HostConfig::default()
        };
        assert!(
            security(&host, &Options::default(), (6, 1))
                .unwrap()
                .seccomp
                .is_none()
        );
        assert!(
            security(&HostConfig::default(), &Options::default(), (6, 1))
                .unwrap()
                .seccomp
                .is_some()
        );
    }
}
