//! The fields of `--mount`, with the rules and texts of docker's CLI (opts/mount.go).

use std::collections::BTreeMap;

use super::{Spec, Type, invalid, usage};
use crate::error::{Error, Result};
use crate::grammar::{go, units};

/// Collects the fields of one `--mount`.
#[derive(Default)]
pub(super) struct Long {
    spec: Spec,
    kind: String,
    /// Which of `volume`, `bind`, `tmpfs`, `image` had an option of their own.
    families: [bool; 4],
    tmpfs_size: i64,
    tmpfs_mode: u32,
}

const FAMILIES: [&str; 4] = ["volume", "bind", "tmpfs", "image"];

impl Long {
    /// Returns a mount of docker's default type without fields.
    pub(super) fn new() -> Long {
        Long {
            kind: "volume".to_owned(),
            ..Long::default()
        }
    }

    /// Takes one field, `key=value` or a switch.
    pub(super) fn set(&mut self, field: &str) -> Result<()> {
        let (key, value) = match field.split_once('=') {
            Some((key, value)) => (key.to_lowercase(), value),
            None => {
                let key = field.to_lowercase();
                const SWITCHES: &[&str] = &[
                    "readonly",
                    "ro",
                    "volume-nocopy",
                    "bind-nonrecursive",
                    "bind-create-src",
                ];
                if !SWITCHES.contains(&key.as_str()) {
                    return Err(usage(format!(
                        "invalid field '{field}' must be a key=value pair"
                    )));
                }
                (key, "true")
            }
        };
        let spec = &mut self.spec;
        match key.as_str() {
            "type" => self.kind = value.to_lowercase(),
            "source" | "src" => spec.source = value.to_owned(),
            "target" | "dst" | "destination" => spec.target = value.to_owned(),
            "readonly" | "ro" => spec.read_only = boolean(&key, value)?,
            // macOS only; nothing to do on Linux
            "consistency" => {}
            "bind-propagation" => spec.propagation = value.to_lowercase(),
            "bind-nonrecursive" => {
                spec.recursive = if boolean(&key, value)? {
                    "disabled"
                } else {
                    ""
                }
                .to_owned();
            }
            "bind-recursive" => match value {
                "enabled" => spec.recursive.clear(),
                "disabled" | "writable" | "readonly" => spec.recursive = value.to_owned(),
                _ => {
                    let text = format!("invalid value for {key}: {value}");
                    return Err(usage(
                        text + " (must be \"enabled\", \"disabled\", \"writable\", or \"readonly\")",
                    ));
                }
            },
            "bind-create-src" => spec.create_source = boolean(&key, value)?,
            "volume-subpath" | "image-subpath" => spec.subpath = value.to_owned(),
            "volume-nocopy" => spec.no_copy = boolean(&key, value)?,
            "volume-label" => insert(&mut spec.labels, value),
            "volume-driver" => spec.driver = value.to_owned(),
            "volume-opt" => insert(&mut spec.driver_options, value),
            "tmpfs-size" => {
                self.tmpfs_size = units::bytes(value).map_err(|_| bad_value(&key, value))?
            }
            "tmpfs-mode" => {
                self.tmpfs_mode =
                    u32::from_str_radix(value, 8).map_err(|_| bad_value(&key, value))?;
            }
            _ => return Err(usage(format!("unexpected key '{key}' in '{field}'"))),
        }
        let family = key.split('-').next().unwrap_or_default();
        let options = FAMILIES
            .iter()
            .zip(&mut self.families)
            .find(|(name, _)| **name == family);
        // `bind-recursive=enabled` is the default and makes no bind options
        if let Some((_, given)) = options.filter(|_| key != "bind-recursive" || value != "enabled")
        {
            *given = true;
        }
        Ok(())
    }

    /// Checks the whole as docker's CLI and then its daemon do.
    pub(super) fn finish(mut self) -> Result<Spec> {
        if self.kind.is_empty() {
            return Err(usage("type is required"));
        }
        if self.spec.target.is_empty() {
            return Err(usage("target is required"));
        }
        for (family, given) in FAMILIES.iter().zip(self.families) {
            if given && self.kind != *family {
                let kind = &self.kind;
                return Err(usage(format!(
                    "cannot mix '{family}-*' options with mount type '{kind}'"
                )));
            }
        }
        let needs = |recursive: &str, what: &str| {
            usage(format!(
                "option 'bind-recursive={recursive}' requires '{what}' to be specified in conjunction"
            ))
        };
        match self.spec.recursive.as_str() {
            kind @ ("writable" | "readonly") if !self.spec.read_only => {
                return Err(needs(kind, "readonly"));
            }
            "readonly" if self.spec.propagation != "rprivate" => {
                return Err(needs("readonly", "bind-propagation=rprivate"));
            }
            _ => {}
        }
        self.spec.kind = match self.kind.as_str() {
            "bind" => Type::Bind,
            "volume" => Type::Volume,
            "tmpfs" => Type::Tmpfs,
            "image" => Type::Image,
            kind => {
                return Err(invalid(format!("invalid mount config for type \"{kind}\""))
                    .because("mount type unknown"));
            }
        };
        if self.spec.kind == Type::Tmpfs {
            self.spec.tmpfs_options = self.tmpfs_options();
        }
        self.spec.check()?;
        self.spec.tidy()
    }

    fn tmpfs_options(&self) -> String {
        let mut words = Vec::new();
        if self.spec.read_only {
            words.push("ro".to_owned());
        }
        if self.tmpfs_mode != 0 {
            words.push(format!("mode={:o}", self.tmpfs_mode));
        }
        if self.tmpfs_size != 0 {
            words.push(format!("size={}", self.tmpfs_size));
        }
        words.join(",")
    }
}

fn insert(map: &mut BTreeMap<String, String>, text: &str) {
    let (key, value) = text.split_once('=').unwrap_or((text, ""));
    map.insert(key.to_owned(), value.to_owned());
}

fn boolean(key: &str, value: &str) -> Result<bool> {
    go::boolean(value).ok_or_else(|| bad_value(key, value))
}

fn bad_value(key: &str, value: &str) -> Error {
    usage(format!("invalid value for {key}: {value}"))
}
