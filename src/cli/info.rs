//! `coracle info`: the store and the host, in docker's words. `coracle doctor` says more about the host.

use clap::{ArgMatches, Command};
use jiff::Timestamp;

use super::version::{VERSION, architecture};
use super::{Session, Verb, args, format};
use crate::container::stats::memory_of_host;
use crate::error::Result;
use crate::host::facts::Cgroup;
use crate::host::filesystem::FileSystem;
use crate::host::storage;
use crate::store::Store;
use crate::store::containers::Status;
use crate::ui::out;
use crate::wire::go;
use crate::wire::info::{Facts, Info};

pub(super) const VERB: Verb = Verb {
    path: &["info"],
    aliases: &[&["system", "info"]],
    about: "Display system-wide information",
    args: |command: Command| command.arg(format::object_arg()),
    run,
};

fn run(matches: &ArgMatches, session: &mut Session) -> Result<u8> {
    let info = Info::new(facts(session)?, architecture());
    match args::value(matches, "format").unwrap_or_default() {
        "" => out::line(info.text())?,
        text => out::line(format::of_object(text, &info, &go::INFO)?)?,
    }
    Ok(0)
}

fn facts(session: &Session) -> Result<Facts> {
    let store = session.store()?;
    let paths = session.paths()?;
    let uname = nix::sys::utsname::uname().ok();
    let named = |part: fn(&nix::sys::utsname::UtsName) -> &std::ffi::OsStr| {
        uname
            .as_ref()
            .map(|u| part(u).to_string_lossy().into_owned())
            .unwrap_or_default()
    };
    let cgroup = Cgroup::read();
    let (driver, driver_status) = driver(session)?;
    Ok(Facts {
        id: id(&paths.data.to_string_lossy()),
        containers: counts(store)?,
        images: store.images().list()?.len(),
        driver,
        driver_status,
        cgroup_version: cgroup.version.to_string(),
        has_limits: cgroup.version == 2 && cgroup.delegated.is_none(),
        kernel: named(|u| u.release()),
        system: ["PRETTY_NAME", "VERSION_ID"].map(os_release),
        machine: named(|u| u.machine()),
        processors: std::thread::available_parallelism().map_or(1, usize::from),
        memory: memory_of_host(),
        root: paths.data.display().to_string(),
        name: named(|u| u.nodename()),
        version: VERSION.to_owned(),
        proxies: ["HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"].map(proxy),
        debug: session.debug,
        now: Timestamp::now().to_string(),
    })
}

/// How many containers run, are paused, and do not run.
fn counts(store: &Store) -> Result<[usize; 3]> {
    let mut counts = [0; 3];
    for found in store.containers().list()? {
        let place = match found.state.status {
            Status::Running | Status::Restarting => 0,
            Status::Paused => 1,
            _ => 2,
        };
        counts[place] += 1;
    }
    Ok(counts)
}

fn driver(session: &Session) -> Result<(String, Vec<[String; 2]>)> {
    let paths = session.paths()?;
    let line = |name: &str, value: String| [name.to_owned(), value];
    let mut status = Vec::new();
    if let Ok(store) = FileSystem::of(&paths.data) {
        // docker's name for all of ext2, ext3 and ext4
        let name = if store.name().starts_with("ext") {
            "extfs".to_owned()
        } else {
            store.name()
        };
        status.push(line("Backing Filesystem", name));
    }
    let name = match storage::rung(paths, session.storage_driver.as_deref()) {
        Ok(rung) if rung.driver.name() == "overlay" => {
            status.push(line("Supports d_type", "true".to_owned()));
            status.push(line("Using metacopy", "false".to_owned()));
            status.push(line("Native Overlay Diff", "false".to_owned()));
            status.push(line("userxattr", "true".to_owned()));
            "overlay2".to_owned()
        }
        Ok(rung) => rung.driver.name().to_owned(),
        // `doctor` says why
        Err(_) => "none".to_owned(),
    };
    Ok((name, status))
}

/// The same for one store on one machine, always.
fn id(data: &str) -> String {
    let machine = std::fs::read_to_string("/etc/machine-id").unwrap_or_default();
    let sum = crate::store::sum::sum_of(format!("{}\n{data}", machine.trim()));
    let hex: String = sum.iter().take(16).map(|b| format!("{b:02x}")).collect();
    [
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..],
    ]
    .join("-")
}

fn os_release(key: &str) -> String {
    let text = std::fs::read_to_string("/etc/os-release").unwrap_or_default();
    let value = text
        .lines()
        .find_map(|l| l.strip_prefix(key)?.strip_prefix('='));
    value
        .unwrap_or_default()
        .trim_matches(['"', '\''])
        .to_owned()
}

/// A proxy of the environment, under either spelling.
fn proxy(name: &str) -> String {
    let either = super::variable(name).or_else(|| super::variable(&name.to_lowercase()));
    either.unwrap_or_default()
}
