//! `--output`: where the result of a build goes.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use clap::ArgMatches;

use super::super::args::{is_set, values};
use super::super::{Session, save};
use crate::build::request::Request;
use crate::build::{self, Built};
use crate::error::{Context, Error, Kind, Result};
use crate::grammar::reference::Reference;
use crate::grammar::{csv, go};
use crate::image::archive::write::{Member, to_file, to_stream};
use crate::image::push::{Compression, Options, Which, push};
use crate::ui::out;
use crate::ui::progress::{Stream, progress};

/// One `--output`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Output {
    /// Into the store.
    Image,
    /// Into the store and to the registry.
    Push,
    /// Files in a folder.
    Local(PathBuf),
    /// Files as a tar; `None`: standard output.
    Tar(Option<PathBuf>),
    /// An archive that docker, podman and skopeo load; `None`: standard output.
    Archive(Option<PathBuf>),
}

/// Reads the flags; sets what the build itself must know.
pub(super) fn parse(matches: &ArgMatches, request: &mut Request) -> Result<Vec<Output>> {
    let mut all = Vec::new();
    for word in values(matches, "output") {
        all.push(one(word, request)?);
    }
    if is_set(matches, "push") {
        all.retain(|output| *output != Output::Image);
        all.push(Output::Push);
    }
    if all.is_empty() || is_set(matches, "load") {
        all.push(Output::Image);
    }
    if all.contains(&Output::Push) && request.tags.is_empty() {
        return Err(Error::new(
            Kind::Usage,
            "tag is needed when pushing to registry",
        ));
    }
    request.write_image = all
        .iter()
        .any(|o| matches!(o, Output::Image | Output::Push));
    Ok(all)
}

fn one(word: &str, request: &mut Request) -> Result<Output> {
    if !word.contains('=') {
        // a lone path is a folder, `-` a tar on standard output
        return Ok(match word {
            "-" => Output::Tar(None),
            path => Output::Local(PathBuf::from(path)),
        });
    }
    let (mut kind, mut dest) = (String::new(), None);
    let mut push = false;
    let on = |value: &str| go::boolean(value).unwrap_or(false);
    for field in csv::fields(word)? {
        let Some((key, value)) = field.split_once('=') else {
            let text = format!("invalid value {field}");
            return Err(Error::new(Kind::Usage, text));
        };
        match key.to_lowercase().as_str() {
            "type" => kind = value.to_owned(),
            "dest" => dest = Some(value.to_owned()),
            "name" => {
                for name in value.split(',').filter(|name| !name.is_empty()) {
                    let name = Reference::parse(name)?;
                    request.tags.push(name.or_latest().to_string());
                }
            }
            "push" => push = on(value),
            "compression" if value == "zstd" => request.compression = Some(Compression::Zstd),
            "rewrite-timestamp" => request.rewrite_timestamp = on(value),
            // compressed bytes are made when they are sent, and types follow from what is asked for
            _ => {}
        }
    }
    let path = dest.clone().filter(|d| d != "-").map(PathBuf::from);
    match (kind.as_str(), dest) {
        ("local", Some(dest)) => Ok(Output::Local(PathBuf::from(dest))),
        ("local", None) => Err(Error::new(Kind::Usage, "dest is required for local output")),
        ("tar", Some(_)) => Ok(Output::Tar(path)),
        ("tar", None) => Ok(Output::Tar(None)),
        ("oci", _) => Ok(Output::Archive(path)),
        ("docker", Some(_)) if request.platforms.len() > 1 => {
            let text = "docker exporter does not support exporting manifest lists, use the oci exporter instead";
            Err(Error::new(Kind::Usage, text))
        }
        ("docker", Some(_)) => Ok(Output::Archive(path)),
        ("docker" | "image", _) if !push => Ok(Output::Image),
        ("registry" | "image", _) => Ok(Output::Push),
        ("" | "cacheonly", _) => Err(Error::new(Kind::Usage, "type is required for output")),
        (kind, _) => Err(Error::new(
            Kind::Usage,
            format!("failed to find output type {kind}"),
        )),
    }
}

/// Whether one of them is an image, and not the files of one.
pub(super) fn has_id(outputs: &[Output]) -> bool {
    let is_files = |o: &Output| matches!(o, Output::Local(_) | Output::Tar(_));
    !outputs.iter().all(is_files)
}

/// Refuses what cannot be written, before the build begins.
pub(super) fn check(outputs: &[Output], has_id_file: bool) -> Result<()> {
    let is_files = |o: &Output| matches!(o, Output::Local(_) | Output::Tar(_));
    if has_id_file && outputs.iter().any(is_files) {
        return Err(Error::new(
            Kind::Usage,
            "local and tar exporters are incompatible with image ID file",
        ));
    }
    let to_stdout = |o: &Output| matches!(o, Output::Tar(None) | Output::Archive(None));
    if outputs.iter().any(to_stdout) && crate::sys::tty::is_terminal(crate::sys::fd::standard(1)) {
        let text = "dest file is required for tar exporter. refusing to write to console";
        return Err(Error::new(Kind::Usage, text));
    }
    Ok(())
}

/// Writes everything but what the build wrote itself.
pub(super) fn write(
    session: &Session,
    request: &Request,
    built: &Built,
    outputs: &[Output],
) -> Result<()> {
    let store = session.store()?;
    for output in outputs {
        match output {
            Output::Image => {}
            Output::Push => {
                let options = Options {
                    settings: session.registries(),
                    compression: request.compression,
                };
                let shown = progress(Stream::Stderr);
                for tag in &request.tags {
                    let tag = Reference::parse(tag)?;
                    push(store, &tag, Which::Tag, &options, shown.as_ref())?;
                }
            }
            Output::Local(folder) => build::output::local(store, built, folder)?,
            Output::Tar(path) => {
                let latest = request.epoch.filter(|_| request.rewrite_timestamp);
                match path {
                    Some(path) => save::beside(path, |file| {
                        let mut file: &File = file;
                        build::output::tar(store, built, latest, &mut |bytes| {
                            file.write_all(bytes).context(Kind::System, || {
                                format!("cannot write `{}`", path.display())
                            })
                        })
                    })?,
                    None => {
                        build::output::tar(store, built, latest, &mut |bytes| out::text(bytes))?
                    }
                }
            }
            Output::Archive(path) => {
                let members = build::archive(store, request, built)?;
                archive(&members, path.as_deref())?;
            }
        }
    }
    Ok(())
}

fn archive(members: &[Member], path: Option<&Path>) -> Result<()> {
    match path {
        Some(path) => save::beside(path, |file| to_file(members, file, 0).map(drop)),
        None => to_stream(members, &mut |bytes| out::text(bytes)),
    }
}
