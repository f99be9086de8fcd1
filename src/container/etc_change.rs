//! /etc/hosts and /etc/resolv.conf of a running container follow its networks, as docker's do: our lines come and go, what the
//! container wrote there itself stays.

use std::io::{Read, Seek, SeekFrom, Write};
use std::os::fd::{AsFd, OwnedFd};

use nix::fcntl::OFlag;
use nix::sys::stat::Mode;

use super::etc_files::{self, EtcFiles, Files, HostFiles};
use super::links;
use super::start::own_reach;
use super::view;
use crate::error::{Context, Kind, Result};
use crate::store::Store;
use crate::store::containers::{Record, State};
use crate::store::networks::Wish;
use crate::sys::path::{self, Links};

/// The two files as we would write them for these networks.
pub(super) struct Texts {
    hosts: String,
    resolv_conf: String,
}

impl Texts {
    /// `state`: of the running container, with its addresses.
    pub(super) fn of(
        store: &Store,
        record: &Record,
        state: &State,
        wishes: &[Wish],
    ) -> Result<Texts> {
        let made = make(store, record, wishes)?;
        let config = &record.config;
        let names = etc_files::own_names(&config.hostname, &config.domainname);
        Ok(Texts {
            hosts: made.hosts + &etc_files::own_lines(&state.networks, &names),
            resolv_conf: made.resolv_conf,
        })
    }
}

/// Returns the files of a later start, without the container's own addresses.
pub(super) fn files(store: &Store, record: &Record, wishes: &[Wish]) -> Result<Files> {
    let mut made = make(store, record, wishes)?;
    // of those that are still there
    made.hosts += &links::hosts(&links::find(store, record).unwrap_or_default());
    Ok(made.files())
}

fn make(store: &Store, record: &Record, wishes: &[Wish]) -> Result<EtcFiles> {
    let networks = wishes.iter().map(|w| store.networks().find(&w.network));
    let networks = networks.collect::<Result<Vec<_>>>()?;
    let reach = own_reach(networks.iter());
    let host = HostFiles::read(&reach);
    etc_files::make(record, &record.config.hostname, &reach, &host)
}

/// Changes the files of a running container; one that a mount of the user's covers is his.
pub(super) fn change(record: &Record, state: &State, old: &Texts, new: &Texts) -> Result<()> {
    let root = view::living_root(state.pid, state.pid_start)?;
    let edit = |name: &str, edited: &dyn Fn(&str) -> Option<String>| {
        let is_covered = record
            .mounts
            .iter()
            .any(|m| m.destination == format!("/etc/{name}"));
        match is_covered {
            true => Ok(()),
            false => rewrite(&root, name, edited),
        }
    };
    edit("hosts", &|text| Some(merged(text, &old.hosts, &new.hosts)))?;
    edit("resolv.conf", &|text| {
        (text == old.resolv_conf).then(|| new.resolv_conf.clone())
    })
}

/// Returns the files of a running container as they are, by name, for one that shares its network: docker's have the same. Of
/// what is no plain text of a usual size nothing is taken.
pub(super) fn shared(pid: i32, start: u64) -> Result<Files> {
    const MOST: u64 = 1 << 20;
    let root = view::living_root(pid, start)?;
    let read = |name: &str| {
        let flags = OFlag::O_RDONLY | OFlag::O_NONBLOCK;
        let at = format!("etc/{name}");
        let links = Links::Refuse;
        let fd =
            path::open_in_root(root.as_fd(), at.as_bytes(), flags, Mode::empty(), links).ok()?;
        let file = std::fs::File::from(fd);
        let mut text = String::new();
        let is_plain = file.metadata().is_ok_and(|m| m.is_file() && m.len() < MOST);
        let is_read = is_plain && file.take(MOST).read_to_string(&mut text).is_ok();
        is_read.then(|| (name.to_owned(), text))
    };
    let names = ["hosts", "hostname", "resolv.conf"];
    Ok(names.into_iter().filter_map(read).collect())
}

/// In place: the file is a mount.
fn rewrite(root: &OwnedFd, name: &str, edited: &dyn Fn(&str) -> Option<String>) -> Result<()> {
    let cannot = || format!("cannot change /etc/{name} in the container");
    let flags = OFlag::O_RDWR | OFlag::O_NONBLOCK;
    let at = format!("etc/{name}");
    let fd = path::open_in_root(
        root.as_fd(),
        at.as_bytes(),
        flags,
        Mode::empty(),
        Links::Refuse,
    )
    .context(Kind::System, cannot)?;
    let mut file = std::fs::File::from(fd);
    let mut text = String::new();
    // a container that put something else there has what it wants
    let is_ours =
        file.metadata().is_ok_and(|m| m.is_file()) && file.read_to_string(&mut text).is_ok();
    let Some(new) = edited(&text).filter(|new| is_ours && *new != text) else {
        return Ok(());
    };
    file.seek(SeekFrom::Start(0))
        .and_then(|_| file.write_all(new.as_bytes()))
        .and_then(|()| file.set_len(new.len() as u64))
        .context(Kind::System, cannot)
}

/// `text` without the lines that only `old` has, and with those that only `new` has at its end.
fn merged(text: &str, old: &str, new: &str) -> String {
    let is_in = |text: &str, line: &str| text.lines().any(|l| l == line);
    let kept = text.lines().filter(|l| !is_in(old, l) || is_in(new, l));
    let added = new.lines().filter(|l| !is_in(old, l) && !is_in(text, l));
    kept.chain(added).flat_map(|l| [l, "\n"]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_ours_come_and_go_and_others_stay() {
        let old = "127.0.0.1\tlocalhost\n172.17.0.1\thost\n172.17.0.2\tc\n";
        let new = "127.0.0.1\tlocalhost\n172.18.0.1\thost\n172.18.0.2\tc\n";
        let edited = "127.0.0.1\tlocalhost\n172.17.0.1\thost\n10.1.1.1 mine\n172.17.0.2\tc";
        assert_eq!(
            merged(edited, old, new),
            "127.0.0.1\tlocalhost\n10.1.1.1 mine\n172.18.0.1\thost\n172.18.0.2\tc\n"
        );
        assert_eq!(merged(old, old, new), new);
        assert_eq!(merged("", old, old), "");
    }
}
