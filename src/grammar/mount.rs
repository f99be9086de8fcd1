//! Mounts: `-v`, `--mount` and `--tmpfs`, with the texts of docker's CLI (opts/mount.go) and daemon (volume/mounts).
//!
//! Nothing here knows whether a path exists, nor the working folder: [`Spec::make_absolute`] takes that.

use std::collections::BTreeMap;

use super::csv;
use super::go::clean;
use crate::error::{Error, Kind, Result};

mod long;

use long::Long;

/// What is mounted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Type {
    /// A folder or file of the host.
    Bind,
    /// A named or anonymous volume.
    #[default]
    Volume,
    /// A file system in memory.
    Tmpfs,
    /// The root of an image, read-only.
    Image,
}

impl Type {
    /// Returns docker's word: `bind`, `volume`, ...
    pub fn name(self) -> &'static str {
        match self {
            Type::Bind => "bind",
            Type::Volume => "volume",
            Type::Tmpfs => "tmpfs",
            Type::Image => "image",
        }
    }
}

/// One mount as the user asked for it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Spec {
    /// What is mounted.
    pub kind: Type,
    /// Path on the host (absolute, or relative if it begins with `.`), volume name or image; empty for an anonymous volume
    /// and a tmpfs.
    pub source: String,
    /// Absolute, clean path in the container.
    pub target: String,
    /// No writing.
    pub read_only: bool,
    /// Third part of `-v` as given (`ro,z`).
    pub mode: String,
    /// `rprivate`, `rslave`, ...; empty when not asked for.
    pub propagation: String,
    /// `bind-recursive`: empty for enabled, else `disabled`, `writable` or `readonly`.
    pub recursive: String,
    /// A missing source folder is made (`-v`, `bind-create-src`).
    pub create_source: bool,
    /// The volume does not get the image's files at first use.
    pub no_copy: bool,
    /// Folder within the volume or image that is mounted.
    pub subpath: String,
    /// Volume driver; empty for `local`.
    pub driver: String,
    /// Driver options of a volume that is made for this mount.
    pub driver_options: BTreeMap<String, String>,
    /// Labels of a volume that is made for this mount.
    pub labels: BTreeMap<String, String>,
    /// Options of a tmpfs in mount(8)'s words (`size=64m,mode=1777`), without docker's defaults: [`tmpfs_options`] adds
    /// those.
    pub tmpfs_options: String,
}

impl Spec {
    /// Puts the absolute path `folder` before a relative source of a bind.
    pub fn make_absolute(&mut self, folder: &str) {
        if self.kind == Type::Bind && self.source.starts_with('.') {
            self.source = clean(&format!("{folder}/{}", self.source));
        }
    }
}

/// Parses `-v [source:]target[:options]`.
pub fn parse_volume(text: &str) -> Result<Spec> {
    if text.is_empty() {
        return Err(usage("invalid empty volume spec"));
    }
    let parts: Vec<&str> = text.split(':').collect();
    if parts.iter().any(|part| part.is_empty()) {
        return Err(usage(format!(
            "invalid spec: {text}: empty section between colons"
        )));
    }
    let (source, target, mode) = match parts[..] {
        [target] => ("", target, ""),
        // a volume without source cannot have options: `/a:ro`
        [_, target] if is_mode(target) => {
            return Err(invalid(format!("invalid volume specification: '{text}'")));
        }
        [source, target] => (source, target, ""),
        [source, target, mode] => (source, target, mode),
        _ => return Err(usage(format!("invalid spec: {text}: too many colons"))),
    };
    if !is_mode(mode) {
        return Err(invalid(format!("invalid mode: {mode}")));
    }
    let mut spec = Spec {
        mode: mode.to_owned(),
        ..Spec::default()
    };
    for word in mode.split(',') {
        match word {
            "ro" => spec.read_only = true,
            "nocopy" => spec.no_copy = true,
            _ if PROPAGATION.contains(&word) => spec.propagation = word.to_owned(),
            _ => {}
        }
    }
    if source.starts_with(['/', '.']) {
        spec.kind = Type::Bind;
        spec.create_source = true;
    }
    spec.source = source.to_owned();
    // docker takes a target without slash as below the root, but only when it stands alone
    spec.target = if source.is_empty() {
        format!("/{target}")
    } else {
        target.to_owned()
    };
    spec.check()
        .map_err(|e| invalid(format!("invalid volume specification: '{text}'")).because(e))?;
    spec.tidy()
}

/// Parses `--mount type=bind,source=/a,target=/b,...`.
pub fn parse_mount(text: &str) -> Result<Spec> {
    let mut long = Long::new();
    for field in csv::fields(text)? {
        long.set(&field)?;
    }
    long.finish()
}

/// Parses `--tmpfs target[:options]`.
pub fn parse_tmpfs(text: &str) -> Result<Spec> {
    let (target, options) = text.split_once(':').unwrap_or((text, ""));
    check_target(target)?;
    let words = tmpfs_options(options)?;
    Ok(Spec {
        kind: Type::Tmpfs,
        target: clean(target),
        read_only: words.iter().any(|word| word == "ro"),
        tmpfs_options: options.to_owned(),
        ..Spec::default()
    })
}

/// Returns the words for mount(8) of a tmpfs: docker's defaults (`noexec,nosuid,nodev`) and then `options`, where the last
/// of two opposite words wins (moby `MergeTmpfsOptions`).
pub fn tmpfs_options(options: &str) -> Result<Vec<String>> {
    let given = if options.is_empty() {
        None
    } else {
        Some(options.split(','))
    };
    let all = ["noexec", "nosuid", "nodev"]
        .into_iter()
        .chain(given.into_iter().flatten());
    let mut words: Vec<String> = Vec::new();
    for word in all.filter(|word| *word != "defaults") {
        let key = tmpfs_key(word).ok_or_else(|| {
            let name = word.split('=').next().unwrap_or_default();
            invalid(format!("invalid tmpfs option {name:?}"))
        })?;
        words.retain(|earlier| tmpfs_key(earlier) != Some(key));
        words.push(word.to_owned());
    }
    Ok(words)
}

/// What a tmpfs option decides, so that a later one for the same thing replaces it; `None` for an unknown one.
fn tmpfs_key(word: &str) -> Option<&str> {
    const DATA: &[&str] = &[
        "size",
        "mode",
        "uid",
        "gid",
        "nr_inodes",
        "nr_blocks",
        "mpol",
    ];
    if let Some((key, _)) = word.split_once('=') {
        return DATA.contains(&key).then_some(key);
    }
    if PROPAGATION.contains(&word) || matches!(word, "unbindable" | "runbindable") {
        return Some("propagation");
    }
    match word {
        "ro" | "rw" => Some("ro"),
        "suid" | "dev" | "exec" | "mand" | "atime" | "diratime" | "relatime" | "strictatime" => {
            Some(word)
        }
        "sync" | "async" => Some("sync"),
        "dirsync" | "remount" | "bind" | "rbind" => Some(word),
        _ => word
            .strip_prefix("no")
            .filter(|rest| !rest.starts_with("no"))
            .filter(|rest| {
                matches!(
                    *rest,
                    "suid"
                        | "dev"
                        | "exec"
                        | "mand"
                        | "atime"
                        | "diratime"
                        | "relatime"
                        | "strictatime"
                )
            }),
    }
}

const PROPAGATION: &[&str] = &[
    "private", "rprivate", "slave", "rslave", "shared", "rshared",
];

/// Says whether all words are options of `-v`, at most one of each kind (moby `linuxValidMountMode`; the last two lines are
/// podman's, but for `O`: a throw-away layer over a folder of the host).
fn is_mode(mode: &str) -> bool {
    #[rustfmt::skip]
    const KINDS: &[&[&str]] = &[
        &["rw", "ro"],
        &["z", "Z"],
        PROPAGATION,
        &["nocopy", "copy"],
        &["consistent", "cached", "delegated"],
        &["U"], &["exec", "noexec"], &["dev", "nodev"], &["suid", "nosuid"],
        &["rbind", "bind"], &["idmap"],
    ];
    let words: Vec<&str> = mode.split(',').collect();
    mode.is_empty()
        || words
            .iter()
            .all(|word| KINDS.iter().any(|kind| kind.contains(word)))
            && KINDS
                .iter()
                .all(|kind| words.iter().filter(|word| kind.contains(word)).count() <= 1)
}

impl Spec {
    /// Refuses what docker's daemon refuses (moby `validateMountConfigImpl`).
    fn check(&self) -> Result<()> {
        self.problem().map_err(|e| {
            invalid(format!(
                "invalid mount config for type \"{}\"",
                self.kind.name()
            ))
            .because(e)
        })
    }

    fn problem(&self) -> Result<()> {
        check_target(&self.target)?;
        match self.kind {
            Type::Bind => {
                if self.source.is_empty() {
                    return Err(invalid("field Source must not be empty"));
                }
                if self.no_copy {
                    return Err(invalid("field VolumeOptions must not be specified"));
                }
                if !self.propagation.is_empty() && !PROPAGATION.contains(&self.propagation.as_str())
                {
                    return Err(invalid(format!(
                        "invalid propagation mode: {}",
                        self.propagation
                    )));
                }
                if !self.source.starts_with(['/', '.']) {
                    return Err(not_absolute(&self.source));
                }
            }
            Type::Volume => {
                if !self.propagation.is_empty() {
                    return Err(invalid("field BindOptions must not be specified"));
                }
                if self.source.is_empty() && self.read_only {
                    return Err(invalid(
                        "must not set ReadOnly mode when using anonymous volumes",
                    ));
                }
                check_subpath(&self.subpath)?;
            }
            Type::Tmpfs if !self.source.is_empty() => {
                return Err(invalid("field Source must not be specified"));
            }
            Type::Tmpfs => {}
            Type::Image if self.source.is_empty() => {
                return Err(invalid("field Source must not be empty"));
            }
            Type::Image => check_subpath(&self.subpath)?,
        }
        Ok(())
    }

    fn tidy(mut self) -> Result<Spec> {
        self.target = clean(&self.target);
        if self.kind == Type::Bind && self.source.starts_with('/') {
            self.source = clean(&self.source);
        }
        if self.kind == Type::Volume && !self.source.is_empty() {
            check_volume_name(&self.source)?;
        }
        Ok(self)
    }
}

fn check_target(target: &str) -> Result<()> {
    if !target.starts_with('/') {
        return Err(not_absolute(target));
    }
    if clean(target) == "/" {
        return Err(invalid("invalid specification: destination can't be '/'"));
    }
    Ok(())
}

fn check_subpath(subpath: &str) -> Result<()> {
    let mut depth = 0;
    let stays_inside = subpath.split('/').all(|part| {
        depth += match part {
            "" | "." => 0,
            ".." => -1,
            _ => 1,
        };
        depth >= 0
    });
    if subpath.starts_with('/') || !stays_inside {
        return Err(invalid("subpath must be a relative path within the volume"));
    }
    Ok(())
}

/// Checks the name of a volume (docker's local driver).
pub fn check_volume_name(name: &str) -> Result<()> {
    if name.len() < 2 {
        let text = format!("create {name}: volume name is too short");
        return Err(invalid(
            text + ", names should be at least two alphanumeric characters",
        ));
    }
    let inside = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-');
    if !name.bytes().all(inside) || !name.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        return Err(invalid(format!(
            "create {name}: \"{name}\" includes invalid characters for a local volume name, only \
             \"[a-zA-Z0-9][a-zA-Z0-9_.-]\" are allowed. If you intended to pass a host directory, use absolute path"
        )));
    }
    Ok(())
}

fn not_absolute(path: &str) -> Error {
    invalid(format!(
        "invalid mount path: '{path}' mount path must be absolute"
    ))
}

fn usage(text: impl Into<String>) -> Error {
    Error::new(Kind::Usage, text)
}

fn invalid(text: impl Into<String>) -> Error {
    Error::new(Kind::Invalid, text)
}

#[cfg(test)]
mod tests;
