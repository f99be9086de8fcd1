//! Values of flags that docker's client checks while it reads the flags: an error here names the flag.

use std::net::IpAddr;

use crate::error::{Error, Kind, Result};
use crate::grammar::{env, mount, units};
use crate::network::plan::{self, Tool};
use crate::store::networks::Wish;

/// One of the three streams of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stream {
    Stdin,
    Stdout,
    Stderr,
}

/// A mount, or what docker's daemon would say about it.
pub(super) type Mount = Result<mount::Spec>;

pub(super) fn stream(text: &str) -> Result<Stream> {
    match text.to_ascii_lowercase().as_str() {
        "stdin" => Ok(Stream::Stdin),
        "stdout" => Ok(Stream::Stdout),
        "stderr" => Ok(Stream::Stderr),
        _ => Err(usage("valid streams are STDIN, STDOUT and STDERR")),
    }
}

/// `-e`: with the host's value where it has none of its own.
pub(super) fn variable(text: &str) -> Result<String> {
    env::variable(text, crate::cli::variable)
}

pub(super) fn label(text: &str) -> Result<(String, String)> {
    env::label(text)
}

/// `key=value`, or a key alone.
pub(super) fn pair(text: &str) -> Result<(String, String)> {
    let (key, value) = text.split_once('=').unwrap_or((text, ""));
    Ok((key.to_owned(), value.to_owned()))
}

/// `--mount`. What docker's client does not check must come out as an answer of the engine, so it travels on.
pub(super) fn mount(text: &str) -> Result<Mount> {
    match mount::parse_mount(text) {
        Err(e) if e.kind() == Kind::Usage => Err(e),
        other => Ok(other),
    }
}

/// `--add-host`: `name:address`, `name=address`, `name:[v6]`; returns `name:address`.
pub(super) fn host(text: &str) -> Result<String> {
    let (name, address) = text
        .split_once('=')
        .or_else(|| text.split_once(':'))
        .filter(|(name, _)| !name.is_empty())
        .ok_or_else(|| usage(format!("bad format for add-host: {text:?}")))?;
    if address == "host-gateway" {
        return Ok(format!("{name}:{address}"));
    }
    let bare = address
        .strip_prefix('[')
        .and_then(|a| a.strip_suffix(']'))
        .unwrap_or(address);
    match bare.parse::<IpAddr>() {
        Ok(_) => Ok(format!("{name}:{bare}")),
        Err(_) => Err(usage(format!(
            "invalid IP address in add-host: {address:?}"
        ))),
    }
}

/// `--dns`.
pub(super) fn ip(text: &str) -> Result<String> {
    match text.trim().parse::<IpAddr>() {
        Ok(address) => Ok(address.to_string()),
        Err(_) => Err(usage(format!(
            "IP address is not correctly formatted: {text}"
        ))),
    }
}

/// `--link`: a container's name and what it is called in this one.
pub(super) fn link(text: &str) -> Result<String> {
    crate::container::links::parse(text).map(|_| text.to_owned())
}

/// `--network`: a mode or a network's name, alone or as `name=...,alias=...,ip=...`.
pub(super) fn network(text: &str) -> Result<Wish> {
    if !text.contains('=') || Tool::of(text).is_some() {
        return Ok(Wish {
            network: text.to_owned(),
            ..Wish::default()
        });
    }
    let mut wish = Wish::default();
    for field in crate::grammar::csv::fields(text)? {
        let (key, value) = field
            .split_once('=')
            .ok_or_else(|| usage(format!("invalid field {field}")))?;
        match key.trim().to_ascii_lowercase().as_str() {
            "name" => value.clone_into(&mut wish.network),
            "alias" => wish.aliases.push(value.to_owned()),
            "ip" => wish.address = Some(address(value)?),
            "ip6" => wish.address6 = Some(address(value)?),
            "mac-address" => wish.mac = Some(mac(value)?),
            "driver-opt" => {
                let (name, value) = option(value)
                    .ok_or_else(|| usage("invalid key value pair format in driver options"))?;
                wish.options.insert(name, value);
            }
            "link-local-ip" | "gw-priority" => {}
            _ => return Err(usage(format!("invalid field key {key}"))),
        }
    }
    plan::busy_poll(&wish.options)?;
    match wish.network.as_str() {
        "" => Err(usage("network name/id is not specified")),
        _ => Ok(wish),
    }
}

/// `--driver-opt` of `network connect`.
pub(crate) fn driver_option(text: &str) -> Result<(String, String)> {
    option(text).ok_or_else(|| usage("invalid key/value pair format in driver options"))
}

fn option(text: &str) -> Option<(String, String)> {
    let (name, value) = text.split_once('=')?;
    Some((name.trim().to_lowercase(), value.trim().to_owned()))
}

/// `--ip`, `--ip6`.
pub(crate) fn address(text: &str) -> Result<IpAddr> {
    text.parse()
        .map_err(|_| usage(format!("invalid IP address: {text}")))
}

/// `--mac-address`: six bytes, with colons or dashes.
pub(super) fn mac(text: &str) -> Result<[u8; 6]> {
    let invalid = || usage(format!("{text} is not a valid mac address"));
    let mut parts = text.split([':', '-']);
    let mut mac = [0; 6];
    for byte in &mut mac {
        let part = parts.next().filter(|p| p.len() == 2).ok_or_else(invalid)?;
        *byte = u8::from_str_radix(part, 16).map_err(|_| invalid())?;
    }
    match parts.next() {
        None => Ok(mac),
        Some(_) => Err(invalid()),
    }
}

/// `--sysctl`: only what belongs to a namespace of the container.
pub(super) fn sysctl(text: &str) -> Result<(String, String)> {
    const ALLOWED: &[&str] = &[
        "kernel.msgmax",
        "kernel.msgmnb",
        "kernel.msgmni",
        "kernel.sem",
        "kernel.shmall",
        "kernel.shmmax",
        "kernel.shmmni",
        "kernel.shm_rmid_forced",
    ];
    let refuse = || usage(format!("sysctl '{text}' is not allowed"));
    let (key, value) = text.split_once('=').ok_or_else(refuse)?;
    if ALLOWED.contains(&key) || key.starts_with("net.") || key.starts_with("fs.mqueue.") {
        Ok((key.to_owned(), value.to_owned()))
    } else {
        Err(refuse())
    }
}

pub(super) fn ulimit(text: &str) -> Result<units::Ulimit> {
    units::ulimit(text)
}

pub(super) fn cpus(text: &str) -> Result<i64> {
    units::cpus(text)
}

/// A size; `-1` is without limit (`--memory-swap`).
pub(super) fn bytes(text: &str) -> Result<i64> {
    if text == "-1" {
        Ok(-1)
    } else {
        units::bytes(text)
    }
}

/// Bytes, and no `-1` for all that there are.
pub(super) fn size(text: &str) -> Result<i64> {
    units::bytes(text)
}

pub(super) fn duration(text: &str) -> Result<i64> {
    units::duration(text)
}

fn usage(text: impl Into<String>) -> Error {
    Error::new(Kind::Usage, text)
}
