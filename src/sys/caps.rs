//! Capabilities: their names and numbers (capabilities(7), include/uapi/linux/capability.h). A set is a bit mask.

/// The names without `CAP_`, by number.
static NAMES: [&str; 41] = [
    "CHOWN",
    "DAC_OVERRIDE",
    "DAC_READ_SEARCH",
    "FOWNER",
    "FSETID",
    "KILL",
    "SETGID",
    "SETUID",
    "SETPCAP",
    "LINUX_IMMUTABLE",
    "NET_BIND_SERVICE",
    "NET_BROADCAST",
    "NET_ADMIN",
    "NET_RAW",
    "IPC_LOCK",
    "IPC_OWNER",
    "SYS_MODULE",
    "SYS_RAWIO",
    "SYS_CHROOT",
    "SYS_PTRACE",
    "SYS_PACCT",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_NICE",
    "SYS_RESOURCE",
    "SYS_TIME",
    "SYS_TTY_CONFIG",
    "MKNOD",
    "LEASE",
    "AUDIT_WRITE",
    "AUDIT_CONTROL",
    "SETFCAP",
    "MAC_OVERRIDE",
    "MAC_ADMIN",
    "SYSLOG",
    "WAKE_ALARM",
    "BLOCK_SUSPEND",
    "AUDIT_READ",
    "PERFMON",
    "BPF",
    "CHECKPOINT_RESTORE",
];

/// All that this program knows. A kernel may know fewer; then the rest has no effect.
pub(crate) const ALL: u64 = (1 << NAMES.len()) - 1;

/// Returns the number of a capability named with or without `CAP_`, in any case; `None` for an unknown name.
pub(crate) fn number(name: &str) -> Option<u32> {
    let short = match name.get(..4) {
        Some(p) if p.eq_ignore_ascii_case("CAP_") => &name[4..],
        _ => name,
    };
    NAMES
        .iter()
        .position(|n| n.eq_ignore_ascii_case(short))
        .map(|i| i as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_with_and_without_prefix() {
        for (text, want) in [
            ("CAP_CHOWN", Some(0)),
            ("chown", Some(0)),
            ("Cap_Net_Raw", Some(13)),
            ("CHECKPOINT_RESTORE", Some(40)),
            ("CAP_", None),
            ("CAP_CAP_CHOWN", None),
            ("", None),
            ("é", None),
        ] {
            assert_eq!(number(text), want, "{text}");
        }
    }

    #[test]
    fn every_number_has_a_name_of_its_own() {
        let all = NAMES
            .iter()
            .fold(0, |set, name| set | 1 << number(name).unwrap());
        assert_eq!(all, ALL);
    }
}
