//! `--user` against the text of a root's /etc/passwd and /etc/group (moby/sys/user), and `--group-add`.

use crate::error::{Error, Kind, Result};

/// Whom the program runs as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// User id.
    pub uid: u32,
    /// Primary group id.
    pub gid: u32,
    /// All groups for setgroups(2); as with docker the primary one is the first.
    pub groups: Vec<u32>,
    /// Login name, when passwd has the id.
    pub name: Option<String>,
    /// Home folder; `/` when passwd does not have the id. May be empty.
    pub home: String,
}

/// Resolves `spec` (`user`, `uid`, `user:group`, empty for root). A number is always an id, never a name; an id need not be
/// listed. Supplementary groups come only with a listed user and without `:group`.
pub fn lookup(spec: &str, passwd: &str, group: &str) -> Result<User> {
    let mut parts = spec.split(':');
    let user_word = parts.next().unwrap_or_default();
    let group_word = parts.next().unwrap_or_default();
    let id_wanted = if user_word.is_empty() {
        Some(0)
    } else {
        user_word.parse::<i64>().ok()
    };
    let mut listed = accounts(passwd);
    let account = match id_wanted {
        Some(id) => listed.find(|account| account.uid == id),
        None => listed.find(|account| account.name == user_word),
    };
    let uid = match (&account, id_wanted) {
        (Some(account), _) => account.uid,
        (None, Some(id)) => id,
        (None, None) => {
            return Err(missing(format!(
                "unable to find user {user_word}: no matching entries in passwd file"
            )));
        }
    };
    let gid = match group_word {
        "" => account.as_ref().map_or(0, |account| account.gid),
        _ => find_group(group_word, group)?,
    };
    let mut groups = vec![in_range(gid)?];
    if let (Some(account), "") = (&account, group_word) {
        let of_user =
            group_lines(group).filter(|line| line.members.split(',').any(|m| m == account.name));
        for line in of_user {
            push(&mut groups, in_range(line.gid)?);
        }
    }
    // the home folder is looked up by id, so that of two names with one id the first counts
    let first = accounts(passwd).find(|account| account.uid == uid);
    Ok(User {
        uid: in_range(uid)?,
        gid: groups[0],
        groups,
        name: account.map(|account| account.name.to_owned()),
        home: first.map_or("/", |account| account.home).to_owned(),
    })
}

/// Adds the groups of `--group-add` (names or ids) to `user`. Unlike in [`lookup`] a number may also be a name.
pub fn add_groups(user: &mut User, words: &[String], group: &str) -> Result<()> {
    for word in words {
        let known =
            group_lines(group).find(|line| line.name == word || line.gid.to_string() == *word);
        let gid = known
            .map(|line| line.gid)
            .or_else(|| word.parse().ok())
            .ok_or_else(|| {
                missing(format!(
                    "Unable to find group {word}: no matching entries in group file"
                ))
            })?;
        push(&mut user.groups, in_range(gid)?);
    }
    Ok(())
}

fn find_group(word: &str, group: &str) -> Result<i64> {
    let id = word.parse::<i64>().ok();
    let found = group_lines(group).find(|line| match id {
        Some(id) => line.gid == id,
        None => line.name == word,
    });
    found.map(|line| line.gid).or(id).ok_or_else(|| {
        missing(format!(
            "unable to find group {word}: no matching entries in group file"
        ))
    })
}

struct Account<'a> {
    name: &'a str,
    uid: i64,
    gid: i64,
    home: &'a str,
}

struct Group<'a> {
    name: &'a str,
    gid: i64,
    members: &'a str,
}

/// Reads passwd(5). Missing fields are empty, and a number that is none counts as 0.
fn accounts(passwd: &str) -> impl Iterator<Item = Account<'_>> {
    lines(passwd).map(|line| {
        let mut fields = line.split(':').chain(std::iter::repeat(""));
        let mut field = |skip: usize| fields.nth(skip).unwrap_or_default();
        Account {
            name: field(0),
            uid: number(field(1)),
            gid: number(field(0)),
            home: field(1),
        }
    })
}

/// Reads group(5).
fn group_lines(group: &str) -> impl Iterator<Item = Group<'_>> {
    lines(group).map(|line| {
        let mut fields = line.split(':').chain(std::iter::repeat(""));
        let mut field = |skip: usize| fields.nth(skip).unwrap_or_default();
        Group {
            name: field(0),
            gid: number(field(1)),
            members: field(0),
        }
    })
}

fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(str::trim).filter(|line| !line.is_empty())
}

fn number(text: &str) -> i64 {
    text.parse().unwrap_or(0)
}

fn in_range(id: i64) -> Result<u32> {
    u32::try_from(id)
        .ok()
        .filter(|id| *id <= i32::MAX as u32)
        .ok_or_else(|| Error::new(Kind::Invalid, "uids and gids must be in range 0-2147483647"))
}

fn push(groups: &mut Vec<u32>, gid: u32) {
    if !groups.contains(&gid) {
        groups.push(gid);
    }
}

fn missing(text: String) -> Error {
    Error::new(Kind::Invalid, text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PASSWD: &str = "root:x:0:0:root:/root:/bin/bash\ngames:x:5:60:games:/usr/games:/usr/sbin/nologin\n\
        dup:x:77:78::/d1:/bin/sh\ndup:x:79:80::/d2:/bin/sh\n1001:x:55:56::/h1001:/bin/sh\nnohome:x:90:90:::\n\
        bad:line\nneg:x:-5:3::/n:/bin/sh\nspace :x:91:91::/s:/bin/sh\nsgid:x:92:nope::/q:/bin/sh\n";
    const GROUP: &str = "root:x:0:\ntty:x:5:\ngames:x:60:\ng1:x:500:dup,games\ng2:x:501:games\n502:x:503:\n\
        g3:x:504:games\ng3:x:505:games\n";

    fn show(result: Result<User>) -> String {
        match result {
            Ok(u) => {
                let groups = u
                    .groups
                    .iter()
                    .map(u32::to_string)
                    .collect::<Vec<_>>()
                    .join(",");
                format!("{} {} {groups} {}", u.uid, u.gid, u.home)
            }
            Err(e) => format!("! {e}"),
        }
    }

    #[test]
    fn users_are_found_as_docker_finds_them() {
        let cases = [
            ("", "0 0 0 /root"),
            ("0", "0 0 0 /root"),
            ("root", "0 0 0 /root"),
            ("games", "5 60 60,500,501,504,505 /usr/games"),
            ("+5", "5 60 60,500,501,504,505 /usr/games"),
            ("games:", "5 60 60,500,501,504,505 /usr/games"),
            ("games:root", "5 0 0 /usr/games"),
            ("games:12345", "5 12345 12345 /usr/games"),
            ("games:g1", "5 500 500 /usr/games"),
            ("1234", "1234 0 0 /"),
            ("1234:5678", "1234 5678 5678 /"),
            ("1234:g1", "1234 500 500 /"),
            ("12:34:56", "12 34 34 /"),
            (":games", "0 60 60 /root"),
            (":5", "0 5 5 /root"),
            ("dup", "77 78 78,500 /d1"),
            ("77", "77 78 78,500 /d1"),
            ("1001", "1001 0 0 /"),
            ("55", "55 56 56 /h1001"),
            ("nohome", "90 90 90 "),
            ("bad", "0 0 0 /root"),
            ("space ", "91 91 91 /s"),
            ("sgid", "92 0 0 /q"),
            (
                "nope",
                "! unable to find user nope: no matching entries in passwd file",
            ),
            (
                "nope:root",
                "! unable to find user nope: no matching entries in passwd file",
            ),
            (
                "games:nope",
                "! unable to find group nope: no matching entries in group file",
            ),
            ("-1", "! uids and gids must be in range 0-2147483647"),
            ("neg", "! uids and gids must be in range 0-2147483647"),
            (
                "2147483648",
                "! uids and gids must be in range 0-2147483647",
            ),
        ];
        for (spec, expected) in cases {
            assert_eq!(show(lookup(spec, PASSWD, GROUP)), expected, "{spec}");
        }
        assert_eq!(show(lookup("1000", "", "")), "1000 0 0 /");
        assert_eq!(
            lookup("dup", PASSWD, GROUP).unwrap().name.as_deref(),
            Some("dup")
        );
    }

    #[test]
    fn groups_are_added() {
        let add = |words: &[&str]| {
            let mut user = lookup("5", PASSWD, GROUP).unwrap();
            let words: Vec<String> = words.iter().map(|w| (*w).to_owned()).collect();
            let added = add_groups(&mut user, &words, GROUP);
            show(added.map(|()| user))
        };
        assert_eq!(
            add(&["g1", "tty", "99999"]),
            "5 60 60,500,501,504,505,5,99999 /usr/games"
        );
        assert_eq!(add(&["502"]), "5 60 60,500,501,504,505,503 /usr/games");
        assert_eq!(
            add(&["nope"]),
            "! Unable to find group nope: no matching entries in group file"
        );
        assert_eq!(
            add(&["-1"]),
            "! uids and gids must be in range 0-2147483647"
        );
    }

    proptest! {
        #[test]
        fn any_text_is_answered(spec in "[a-c0-9:+-]{0,6}|\\PC{0,6}", passwd in "([abx0-9:\n]|\\PC){0,40}", group in "[abx0-9:,\n-]{0,40}") {
            if let Ok(mut user) = lookup(&spec, &passwd, &group) {
                let _ = add_groups(&mut user, &[spec], &group);
            }
        }
    }
}
