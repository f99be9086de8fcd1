//! `--user`: who the program is, by the container's own /etc/passwd and /etc/group (moby/sys/user, GetExecUser).

use std::path::PathBuf;

use crate::error::{Error, Kind, Result};

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
    /// Reads them from a stack of layers, the uppermost first.
    pub(crate) fn of_layers(layers: &[PathBuf]) -> Accounts {
        let read = |path| {
            let bytes = layered::read_file(layers, path).unwrap_or_default();
            String::from_utf8_lossy(&bytes).into_owned()
        };
        Accounts {
            passwd: read("/etc/passwd"),
            group: read("/etc/group"),
        }
    }

    /// Takes them from texts.
    pub(crate) fn of_texts(passwd: &str, group: &str) -> Accounts {
        Accounts {
            passwd: passwd.to_owned(),
            group: group.to_owned(),
        }
    }

    /// Returns the user that `user[:group]` means; an empty one is root. Numbers need not be known, names do.
    pub(crate) fn find(&self, spec: &str) -> Result<Identity> {
        let mut parts = spec.split(':');
        let (user, group) = (parts.next().unwrap_or(""), parts.next().unwrap_or(""));
        let (uid, own_gid) = self.user(user)?;
        let gid = if group.is_empty() {
            own_gid
        } else {
            self.group(group)?
        };
        let home = self
            .entries(&self.passwd)
            .find(|e| e.id == Some(uid))
            .and_then(|e| e.rest.get(2).copied());
        let home = home.filter(|h| !h.is_empty()).unwrap_or("/").to_owned();
        Ok(Identity { uid, gid, home })
    }

    fn user(&self, name: &str) -> Result<(u32, u32)> {
        let number = number(name);
        let wanted = if name.is_empty() {
            Some(0)
        } else {
            number.and_then(in_range)
        };
        let found = self
            .entries(&self.passwd)
            .find(|e| e.id.is_some() && (e.is(name) || e.id == wanted));
        match (found, number) {
            (Some(e), _) => Ok((
                e.id.unwrap_or(0),
                e.rest.first().and_then(|g| g.parse().ok()).unwrap_or(0),
            )),
            (None, _) if name.is_empty() => Ok((0, 0)),
            (None, Some(n)) => Ok((in_range(n).ok_or_else(out_of_range)?, 0)),
            (None, None) => Err(unknown("unable to find user", name, "passwd")),
        }
    }

    fn group(&self, name: &str) -> Result<u32> {
        let number = number(name);
        let wanted = number.and_then(in_range);
        let is_it = |e: &Entry| e.is(name) || (wanted.is_some() && e.id == wanted);
        match (
            self.entries(&self.group).find(is_it).and_then(|e| e.id),
            number,
        ) {
            (Some(gid), _) => Ok(gid),
            (None, Some(n)) => in_range(n).ok_or_else(out_of_range),
            (None, None) => Err(unknown("unable to find group", name, "group")),
        }
    }

    /// Returns the numbers of `--group-add`.
    pub(crate) fn groups(&self, names: &[String]) -> Result<Vec<u32>> {
        let one = |name: &String| {
            self.group(name).map_err(|e| match number(name) {
                Some(_) => e,
                None => unknown("Unable to find group", name, "group"),
            })
        };
        names.iter().map(one).collect()
    }

    /// The lines of the form `name:password:id:...`.
    fn entries<'a>(&self, text: &'a str) -> impl Iterator<Item = Entry<'a>> {
        text.lines().filter_map(|line| {
            let mut fields = line.trim().split(':');
            let name = fields
                .next()
                .filter(|n| !n.is_empty() && !n.starts_with('#'))?;
            let id = fields.nth(1)?.parse().ok();
            Some(Entry {
                name,
                id,
                rest: fields.collect(),
            })
        })
    }
}

/// One line of passwd or group.
struct Entry<'a> {
    name: &'a str,
    id: Option<u32>,
    /// passwd: gid, comment, home, shell. group: members.
    rest: Vec<&'a str>,
}

impl Entry<'_> {
    fn is(&self, name: &str) -> bool {
        self.name == name
    }
}

fn number(text: &str) -> Option<i64> {
    text.parse().ok()
}

fn in_range(n: i64) -> Option<u32> {
    u32::try_from(n).ok().filter(|n| *n <= i32::MAX as u32)
}

fn out_of_range() -> Error {
    Error::new(Kind::Invalid, "uids and gids must be in range 0-2147483647")
}

fn unknown(what: &str, name: &str, file: &str) -> Error {
    Error::new(Kind::Invalid, format!("{what} {name}"))
        .because(format!("no matching entries in {file} file"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str = "root:x:0:0:root:/root:/bin/bash\ndaemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin\n\
                          # comment\nbroken\nwww-data:x:33:33::/var/www:/bin/sh\n77:x:500:501::/odd:\nnohome:x:600:600:::\n";
    const GROUP: &str = "root:x:0:\ndaemon:x:1:\nbin:x:2:\naudio:x:29:www-data\n";

    /// The answers of docker 26 (`docker run --user ... id`).
    #[test]
    fn users_are_found_by_name_and_number_as_docker_does() {
        let accounts = Accounts::of_texts(PASSWD, GROUP);
        for (spec, want) in [
            ("", "0:0 /root"),
            ("root", "0:0 /root"),
            ("daemon", "1:1 /usr/sbin"),
            ("1", "1:1 /usr/sbin"),
            ("1:", "1:1 /usr/sbin"),
            ("4242", "4242:0 /"),
            ("4242:4243", "4242:4243 /"),
            ("www-data:daemon", "33:1 /var/www"),
            ("1:2:3", "1:2 /usr/sbin"),
            (":daemon", "0:1 /root"),
            ("77", "500:501 /odd"),
            ("nohome", "600:600 /"),
            (
                "nosuch",
                "unable to find user nosuch: no matching entries in passwd file",
            ),
            (
                "0:nosuch",
                "unable to find group nosuch: no matching entries in group file",
            ),
            ("-1", "uids and gids must be in range 0-2147483647"),
            ("2147483648", "uids and gids must be in range 0-2147483647"),
            ("4294967296", "uids and gids must be in range 0-2147483647"),
            ("0:-1", "uids and gids must be in range 0-2147483647"),
        ] {
            let got = match accounts.find(spec) {
                Ok(i) => format!("{}:{} {}", i.uid, i.gid, i.home),
                Err(e) => e.to_string(),
            };
            assert_eq!(got, want, "{spec}");
        }
    }

    #[test]
    fn without_the_files_numbers_still_work() {
        let none = Accounts::default();
        assert_eq!(
            none.find("").unwrap(),
            Identity {
                uid: 0,
                gid: 0,
                home: "/".to_owned()
            }
        );
        assert_eq!(
            none.find("5:6").unwrap().user(),
            User::Native { uid: 5, gid: 6 }
        );
        assert!(none.find("root").is_err());
    }

    #[test]
    fn groups_to_add_must_be_known_or_numbers() {
        let accounts = Accounts::of_texts(PASSWD, GROUP);
        let list =
            |l: &[&str]| accounts.groups(&l.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>());
        assert_eq!(list(&["77", "audio"]).unwrap(), [77, 29]);
        let text = "Unable to find group nosuch: no matching entries in group file";
        assert_eq!(list(&["nosuch"]).unwrap_err().to_string(), text);
    }
}
