//! Docker's words for an image: what `inspect` prints, the rows of `images`, and those of `history`.

use std::path::PathBuf;

use jiff::Timestamp;
use serde::Serialize;

use super::config::Config;
use super::container::{GraphData, GraphDriver};
use super::{columns, time};
use crate::grammar::reference::Reference;
use crate::grammar::units::human_size;
use crate::image::config::ImageConfig;
use crate::store::images::{Image, Listed};

/// One element of `docker image inspect`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Details<'a> {
    id: &'a str,
    repo_tags: Vec<String>,
    repo_digests: Vec<String>,
    parent: &'static str,
    comment: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    created: Option<&'a str>,
    docker_version: &'static str,
    author: &'a str,
    config: Config<'a>,
    architecture: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    variant: Option<&'a str>,
    os: &'a str,
    size: u64,
    graph_driver: GraphDriver,
    #[serde(rename = "RootFS")]
    root_fs: RootFs<'a>,
    metadata: Metadata<'a>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct RootFs<'a> {
    #[serde(rename = "Type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    layers: &'a [String],
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Metadata<'a> {
    last_tag_time: &'a str,
}

impl<'a> Details<'a> {
    /// Returns the whole view; `trees` are the folders of the layers, the lowest first.
    pub(crate) fn new(image: &'a Image, trees: &[PathBuf]) -> Details<'a> {
        let config: &ImageConfig = &image.config;
        let comment = config.history.last().and_then(|h| h.comment.as_deref());
        Details {
            id: &image.id,
            repo_tags: familiar(&image.names),
            repo_digests: familiar(&image.digests),
            parent: "",
            comment: comment.unwrap_or_default(),
            created: config.created.as_deref(),
            docker_version: "",
            author: config.author.as_deref().unwrap_or_default(),
            config: Config::of_image(&config.config),
            architecture: &config.architecture,
            variant: config.variant.as_deref(),
            os: &config.os,
            size: image.size,
            graph_driver: graph_driver(trees),
            root_fs: RootFs {
                kind: "layers",
                layers: &config.rootfs.diff_ids,
            },
            metadata: Metadata {
                last_tag_time: &image.tagged,
            },
        }
    }
}

/// Returns names as docker shows them: `debian:12` for `docker.io/library/debian:12`.
fn familiar(names: &[String]) -> Vec<String> {
    let short =
        |name: &String| Reference::parse(name).map_or_else(|_| name.clone(), |r| r.familiar());
    names.iter().map(short).collect()
}

fn graph_driver(trees: &[PathBuf]) -> GraphDriver {
    let text = |path: &PathBuf| path.display().to_string();
    let data = trees.split_last().map(|(top, below)| GraphData {
        lower_dir: below.iter().rev().map(text).collect::<Vec<_>>().join(":"),
        merged_dir: String::new(),
        upper_dir: text(top),
        work_dir: String::new(),
    });
    GraphDriver {
        data,
        name: "overlay2".to_owned(),
    }
}

const NONE: &str = "<none>";

/// One row of `images`: a name of an image, or the image where it has none.
#[derive(Debug, Clone)]
pub(crate) struct Row<'a> {
    image: &'a Listed,
    repository: String,
    tag: String,
    digest: String,
    now: Timestamp,
    width: columns::Width,
    containers: Option<usize>,
}

/// Whether `images` has a row for each digest of a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Digests {
    /// `--digests`: one row for each tag and digest.
    Shown,
    /// Only a format asks for them: digests without a tag share a row.
    Asked,
    /// Nobody asks.
    Hidden,
}

/// Returns the rows of `image` in docker's order (formatter/image.go): each tag, then what only digests name.
pub(crate) fn rows(
    image: &Listed,
    digests: Digests,
    now: Timestamp,
    width: columns::Width,
) -> Vec<Row<'_>> {
    let row = |repository: &str, tag: &str, digest: &str| Row {
        image,
        repository: repository.to_owned(),
        tag: tag.to_owned(),
        digest: digest.to_owned(),
        now,
        width,
        containers: None,
    };
    let by_digest: Vec<(String, &str)> = image
        .digests
        .iter()
        .filter_map(|d| d.split_once('@'))
        .map(|(name, digest)| (short_name(name), digest))
        .collect();
    let mut rows = Vec::new();
    let mut tagged = Vec::new();
    for name in &image.names {
        let (repository, tag) = name.rsplit_once(':').unwrap_or((name, ""));
        let repository = short_name(repository);
        let same = by_digest
            .iter()
            .filter(|(r, _)| digests != Digests::Hidden && *r == repository);
        let before = rows.len();
        rows.extend(same.map(|(_, digest)| row(&repository, tag, digest)));
        if rows.len() == before {
            rows.push(row(&repository, tag, NONE));
        }
        tagged.push(repository);
    }
    let mut seen: Vec<&str> = Vec::new();
    for (repository, digest) in by_digest.iter().filter(|(r, _)| !tagged.contains(r)) {
        match digests {
            Digests::Shown => rows.push(row(repository, NONE, digest)),
            _ if seen.contains(&repository.as_str()) => {}
            _ => rows.push(row(repository, NONE, NONE)),
        }
        seen.push(repository);
    }
    if rows.is_empty() {
        rows.push(row(NONE, NONE, NONE));
    }
    rows
}

/// A canonical repository as docker shows it; without parsing, since a listing has many.
fn short_name(name: &str) -> String {
    match name.strip_prefix("docker.io/") {
        Some(path) => path.strip_prefix("library/").unwrap_or(path).to_owned(),
        None => name.to_owned(),
    }
}

impl columns::Row for Row<'_> {
    const COLUMNS: &'static [(&'static str, &'static str)] = &[
        ("Containers", "CONTAINERS"),
        ("CreatedAt", "CREATED AT"),
        ("CreatedSince", "CREATED"),
        ("Digest", "DIGEST"),
        ("ID", "IMAGE ID"),
        ("Repository", "REPOSITORY"),
        ("SharedSize", "SHARED SIZE"),
        ("Size", "SIZE"),
        ("Tag", "TAG"),
        ("UniqueSize", "UNIQUE SIZE"),
        ("VirtualSize", "SIZE"),
    ];

    const RAW: &'static [(&'static str, &'static str)] = &[
        ("repository", "Repository"),
        ("tag", "Tag"),
        ("image_id", "ID"),
        ("created_at", "CreatedAt"),
        ("virtual_size", "Size"),
    ];

    fn column(&self, name: &str) -> String {
        match name {
            "ID" => self.width.id(&self.image.id),
            "Repository" => self.repository.clone(),
            "Tag" => self.tag.clone(),
            "Digest" => self.digest.clone(),
            "CreatedSince" => time::ago(self.created(), self.now),
            "CreatedAt" => time::local(self.created()),
            "Size" => human_size(self.image.size as f64, 3),
            "VirtualSize" => human_size(self.image.size as f64, 4),
            "Containers" => self
                .containers
                .map_or_else(|| "N/A".to_owned(), |n| n.to_string()),
            "SharedSize" | "UniqueSize" => "N/A".to_owned(),
            _ => String::new(),
        }
    }
}

impl Row<'_> {
    /// An image that does not say when it was made is as old as Unix, as in docker.
    fn created(&self) -> Timestamp {
        time::parse(&self.image.created).unwrap_or(Timestamp::UNIX_EPOCH)
    }
}

/// One row of `history`.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    id: String,
    created: Timestamp,
    created_by: String,
    size: u64,
    comment: String,
    now: Timestamp,
    width: columns::Width,
    numbers: Numbers,
}

/// How `history` prints sizes and times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Numbers {
    /// `173MB`, `2 weeks ago`.
    Human,
    /// `--human=false`: bytes, RFC 3339.
    Plain,
}

/// Returns the steps of an image's making, the newest first; `sizes` are the layers' bytes, the lowest first.
pub(crate) fn steps(
    image: &Image,
    sizes: &[u64],
    now: Timestamp,
    width: columns::Width,
    numbers: Numbers,
) -> Vec<Step> {
    let mut sizes = sizes.iter();
    let mut steps: Vec<Step> = image
        .config
        .history
        .iter()
        .map(|h| Step {
            id: "<missing>".to_owned(),
            created: h
                .created
                .as_deref()
                .and_then(time::parse)
                .unwrap_or(Timestamp::UNIX_EPOCH),
            created_by: h.created_by.clone().unwrap_or_default(),
            size: if h.empty_layer {
                0
            } else {
                sizes.next().copied().unwrap_or(0)
            },
            comment: h.comment.clone().unwrap_or_default(),
            now,
            width,
            numbers,
        })
        .collect();
    steps.reverse();
    if let Some(first) = steps.first_mut() {
        first.id = width.id(&image.id);
    }
    steps
}

impl columns::Row for Step {
    const COLUMNS: &'static [(&'static str, &'static str)] = &[
        ("Comment", "COMMENT"),
        ("CreatedAt", "CREATED AT"),
        ("CreatedBy", "CREATED BY"),
        ("CreatedSince", "CREATED"),
        ("ID", "IMAGE"),
        ("Size", "SIZE"),
    ];

    fn column(&self, name: &str) -> String {
        match name {
            "ID" => self.id.clone(),
            "CreatedAt" => time::local_rfc3339(self.created),
            "CreatedSince" if self.numbers == Numbers::Plain => time::local_rfc3339(self.created),
            "CreatedSince" => time::ago(self.created, self.now),
            "CreatedBy" => self.width.ellipsis(&self.created_by.replace('\t', " "), 45),
            "Size" if self.numbers == Numbers::Plain => self.size.to_string(),
            "Size" => human_size(self.size as f64, 3),
            "Comment" => self.comment.clone(),
            _ => String::new(),
        }
    }
}
