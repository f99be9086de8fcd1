//! The log: how long it is, and what docker's driver writes with each line for `--log-opt labels=,env=,tag=`
//! (docs.docker.com/engine/logging/drivers/json-file).

use std::collections::BTreeMap;
use std::path::Path;

use regex_lite::Regex;
use serde_json::json;

use crate::container::plan::Log;
use crate::error::{Error, Kind, Result};
use crate::grammar::template::{Rules, Template};
use crate::grammar::units;
use crate::store::containers::{LogConfig, Record};
use crate::store::short_id;

/// Returns where output is written, and what with each line; `None` where it is not kept.
pub(super) fn log(record: &Record, dir: &Path) -> Result<Option<Log>> {
    let log = &record.host.log_config;
    if log.driver == "none" {
        return Ok(None);
    }
    let option = |name: &str| option(log, name);
    // what docker's driver of that name keeps when nothing is said; its others keep all
    let (size, files) = match log.driver.as_str() {
        "local" => (20 << 20, 5),
        _ => (0, 1),
    };
    let max_size = match option("max-size") {
        Some("-1") => 0,
        None => size,
        Some(size) => u64::try_from(units::bytes(size)?).unwrap_or(0),
    };
    let max_file = match option("max-file") {
        Some(n) => (n.parse().ok().filter(|n| *n > 0))
            .ok_or_else(|| refused("max-file cannot be less than 1"))?,
        None => files,
    };
    Ok(Some(Log {
        path: dir.join("log"),
        max_size,
        max_file,
        attributes: attributes(record)?,
    }))
}

/// One that says nothing was not given.
fn option<'a>(log: &'a LogConfig, name: &str) -> Option<&'a str> {
    let value = log.config.get(name)?.as_str();
    (!value.is_empty()).then_some(value)
}

fn refused(why: impl std::fmt::Display) -> Error {
    Error::new(Kind::Invalid, "failed to create task for container")
        .because(format!("failed to initialize logging driver: {why}"))
}

/// Labels and variables that were asked for, and the tag.
fn attributes(record: &Record) -> Result<BTreeMap<String, String>> {
    let log = &record.host.log_config;
    let mut all = BTreeMap::new();
    if log.driver != "json-file" {
        return Ok(all);
    }
    let labels = record
        .config
        .labels
        .iter()
        .map(|(k, v)| (k.as_str(), v.as_str()));
    let env = record
        .config
        .env
        .iter()
        .filter_map(|pair| pair.split_once('='));
    for (kind, pairs) in [
        ("labels", labels.collect::<Vec<_>>()),
        ("env", env.collect()),
    ] {
        let names = option(log, kind);
        let regex = option(log, &format!("{kind}-regex"));
        let regex = regex.map(Regex::new).transpose().map_err(refused)?;
        let is_wanted = |name: &str| {
            names.is_some_and(|names| names.split(',').any(|n| !n.is_empty() && n == name))
                || regex.as_ref().is_some_and(|r| r.is_match(name))
        };
        let wanted = pairs.into_iter().filter(|(name, _)| is_wanted(name));
        all.extend(wanted.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }
    if let Some(tag) = option(log, "tag") {
        let template = Template::parse(tag).map_err(refused)?;
        let program = record
            .config
            .entrypoint
            .iter()
            .chain(&record.config.cmd)
            .flatten();
        let command: Vec<&str> = program.map(String::as_str).collect();
        let data = json!({
            "ID": short_id(&record.id),
            "FullID": record.id,
            "Name": record.name,
            // as docker cuts it, with the name of the sum
            "ImageID": record.image_id.get(..12).unwrap_or_default(),
            "ImageFullID": record.image_id,
            "ImageName": record.config.image,
            "DaemonName": "docker",
            "Command": command.join(" "),
        });
        let tag = template.execute(&data, Rules::default()).map_err(refused)?;
        all.insert("tag".to_owned(), tag);
    }
    Ok(all)
}
