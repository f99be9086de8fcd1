//! Who a process is: `--user` by the container's own /etc/passwd and /etc/group.

use std::path::PathBuf;

use crate::error::{Error, Kind, Result};
use crate::grammar::user;
use crate::identity::{Mode, serve};

use super::layered;
use super::plan::User;

/// The two files' texts; empty when a file is missing.
#[derive(Debug, Clone, Default)]
pub(crate) struct Accounts {
    passwd: String,
    group: String,
}

/// The user of a process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Identity {
    /// User id inside.
    pub uid: u32,
    /// Group id inside.
    pub gid: u32,
    /// All groups, the primary one first.
    pub groups: Vec<u32>,
    /// Home folder: that of the first entry with this id, else `/`.
    pub home: String,
}

impl Identity {
    /// Says whether it is root of the container.
    pub(crate) fn is_root(&self) -> bool {
        (self.uid, self.gid) == (0, 0)
    }

    /// Returns how the program becomes this user. `capabilities`: the container's bounding set.
    pub(crate) fn user(&self, mode: Mode, capabilities: u64) -> User {
        match (self.uid, self.gid) {
            (uid, gid) if mode.is_supervised() => User::Supervised {
                mode,
                start: serve::Start {
                    uid,
                    gid,
                    groups: self.groups.clone(),
                    capabilities,
                },
            },
            (0, 0) => User::Root,
            (uid, gid) => User::Native { uid, gid },
        }
    }
}

/// What speaks for one mode or another.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Needs {
    /// The image has a program by which another than root becomes root (sudo, doas).
    pub escalates: bool,
    /// The image has a message bus, whose clients say over sockets who they are.
    pub has_bus: bool,
    /// `--group-add`.
    pub adds_groups: bool,
    /// The root is the host's own.
    pub is_host: bool,
    /// Kernel's major and minor version.
    pub kernel: (u32, u32),
}

/// The first kernel with all that a supervisor needs (SECCOMP_ADDFD_FLAG_SEND).
const SUPERVISED_SINCE: (u32, u32) = (5, 14);

/// As `auto`, but who makes a file is recorded with it, where the kernel can: for steps of a build.
pub(crate) const RECORDED: &str = "recorded";

/// Returns the mode for `--identity WANTED`: where the user is one other id and stays it, the kernel does it alone.
pub(crate) fn mode(wanted: &str, who: &Identity, needs: Needs) -> Result<Mode> {
    let can = needs.kernel >= SUPERVISED_SINCE;
    let is_one = (who.uid, who.gid) != (0, 0) && !needs.escalates && !needs.adds_groups;
    match Mode::parse(wanted) {
        Some(mode) if mode.is_supervised() && !can => {
            let (major, minor) = SUPERVISED_SINCE;
            let text = format!("--identity {wanted} needs Linux {major}.{minor}");
            Err(Error::new(Kind::Host, text).hint("`--identity auto` takes what this kernel has"))
        }
        Some(mode) => Ok(mode),
        None if wanted == RECORDED && can && !needs.is_host => Ok(Mode::Full),
        None if (who.uid, who.gid) != (0, 0) && (is_one || !can) => Ok(Mode::Native),
        None if can && !needs.is_host && needs.has_bus => Ok(Mode::Messages),
        None if can && !needs.is_host => Ok(Mode::Full),
        None => Ok(Mode::Off),
    }
}

impl Accounts {
    /// Reads them from a stack of layers, the uppermost first. `wanted`: the words that will be looked up; without any,
    /// nobody needs the groups.
    pub(crate) fn of_layers(layers: &[PathBuf], wanted: &[&str]) -> Accounts {
        let read = |path| {
            let bytes = layered::read_file(layers, path).unwrap_or_default();
            String::from_utf8_lossy(&bytes).into_owned()
        };
        let group = match wanted.iter().all(|w| w.is_empty()) {
            true => String::new(),
            false => read("/etc/group"),
        };
        Accounts {
            passwd: read("/etc/passwd"),
            group,
        }
    }

    /// Returns the user that `user[:group]` means, an empty one is root; the groups to add must be known or numbers. The
    /// one mapped id has no supplementary groups of its own: the caller's stay.
    pub(crate) fn find(&self, spec: &str, more_groups: &[String]) -> Result<Identity> {
        let mut found = user::lookup(spec, &self.passwd, &self.group)?;
        user::add_groups(&mut found, more_groups, &self.group)?;
        let home = if found.home.is_empty() {
            "/".to_owned()
        } else {
            found.home
        };
        Ok(Identity {
            uid: found.uid,
            gid: found.gid,
            groups: found.groups,
            home,
        })
    }
}

#[cfg(test)]
impl Accounts {
    /// Takes them from texts.
    pub(crate) fn of_texts(passwd: &str, group: &str) -> Accounts {
        Accounts {
            passwd: passwd.to_owned(),
            group: group.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_id_is_native_and_both_zero_is_root() {
        let accounts = Accounts::of_texts(
            "root:x:0:0::/root:\nwww:x:33:33::/var/www:\nnohome:x:6:6:::\n",
            "audio:x:29:\n",
        );
        let of = |spec: &str| {
            accounts
                .find(spec, &[])
                .map(|i| (i.user(Mode::Native, 0), i.home))
        };
        assert_eq!(of("").unwrap(), (User::Root, "/root".to_owned()));
        assert_eq!(
            of("www").unwrap(),
            (User::Native { uid: 33, gid: 33 }, "/var/www".to_owned())
        );
        assert_eq!(
            of("0:audio").unwrap(),
            (User::Native { uid: 0, gid: 29 }, "/root".to_owned())
        );
        assert_eq!(of("6").unwrap().1, "/");
        assert!(of("nosuch").is_err());
        assert!(accounts.find("", &["nosuch".to_owned()]).is_err());
        assert!(
            accounts
                .find("", &["audio".to_owned(), "77".to_owned()])
                .is_ok()
        );
    }

    #[test]
    fn the_kernel_alone_is_enough_for_one_id_that_stays() {
        let who = |uid| Identity {
            uid,
            gid: uid,
            groups: vec![uid],
            home: "/".to_owned(),
        };
        let new = Needs {
            kernel: (6, 1),
            ..Needs::default()
        };
        let sudo = Needs {
            escalates: true,
            ..new
        };
        let bus = Needs {
            has_bus: true,
            ..new
        };
        let old = Needs {
            kernel: (5, 10),
            ..sudo
        };
        let host = Needs {
            is_host: true,
            ..new
        };
        for (wanted, uid, needs, expected) in [
            ("auto", 0, new, Mode::Full),
            ("", 0, new, Mode::Full),
            ("auto", 0, bus, Mode::Messages),
            ("auto", 1000, bus, Mode::Native),
            (RECORDED, 0, bus, Mode::Full),
            ("auto", 0, old, Mode::Off),
            ("auto", 0, host, Mode::Off),
            ("auto", 1000, new, Mode::Native),
            ("auto", 1000, sudo, Mode::Full),
            ("auto", 1000, old, Mode::Native),
            ("full", 1000, new, Mode::Full),
            (RECORDED, 1000, new, Mode::Full),
            (RECORDED, 1000, old, Mode::Native),
            ("off", 0, new, Mode::Off),
            ("ids", 0, new, Mode::Ids),
            ("native", 1000, sudo, Mode::Native),
        ] {
            assert_eq!(
                mode(wanted, &who(uid), needs).unwrap(),
                expected,
                "{wanted} {uid} {needs:?}"
            );
        }
        let adds = Needs {
            adds_groups: true,
            ..new
        };
        assert_eq!(mode("auto", &who(5), adds).unwrap(), Mode::Full);
        assert!(mode("full", &who(0), old).is_err());
    }

    #[test]
    fn without_the_files_numbers_still_work() {
        let none = Accounts::default();
        assert_eq!(
            none.find("", &[]).unwrap(),
            Identity {
                uid: 0,
                gid: 0,
                groups: vec![0],
                home: "/".to_owned()
            }
        );
        assert!(none.find("root", &[]).is_err());
    }
}
