//! Who a process is: `--user` by the container's own /etc/passwd and /etc/group.

use std::path::PathBuf;

use crate::error::Result;
use crate::grammar::user;

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
    /// Home folder: that of the first entry with this id, else `/`.
    pub home: String,
}

impl Identity {
    /// Returns how the kernel is to make the program this user.
    pub(crate) fn user(&self) -> User {
        match (self.uid, self.gid) {
            (0, 0) => User::Root,
            (uid, gid) => User::Native { uid, gid },
        }
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
        let of = |spec: &str| accounts.find(spec, &[]).map(|i| (i.user(), i.home));
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
    fn without_the_files_numbers_still_work() {
        let none = Accounts::default();
        assert_eq!(
            none.find("", &[]).unwrap(),
            Identity {
                uid: 0,
                gid: 0,
                home: "/".to_owned()
            }
        );
        assert!(none.find("root", &[]).is_err());
    }
}
