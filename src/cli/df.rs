//! `coracle system df`.

use std::collections::BTreeMap;

use clap::{ArgMatches, Command};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::args::{flag, is_set};
use super::format::{self, Format};
use super::{Session, Verb};
use crate::error::{Error, Kind, Result};
use crate::grammar::template::{Rules, Template};
use crate::grammar::units::human_size;
use crate::store::Store;
use crate::store::usage::{ContainerUsage, ImageUsage, Usage, VolumeUsage, usage};
use crate::ui::out;
use crate::wire::columns::{Row, Width, object};
use crate::wire::container::ImageNames;
use crate::wire::{container, image, json as write, volume};

/// `system df`.
pub(super) const VERB: Verb = Verb {
    path: &["system", "df"],
    aliases: &[],
    about: "Show docker disk usage",
    args: |command: Command| {
        command.arg(format::list_arg()).arg(flag(
            "verbose",
            'v',
            "Show detailed information on space usage",
        ))
    },
    run,
};

/// One row of `system df`.
struct Line {
    kind: &'static str,
    total: usize,
    active: usize,
    bytes: u64,
    reclaimable: u64,
}

impl Line {
    /// Returns the bytes that a prune would give back, and how much of all that is.
    fn reclaimable(&self) -> String {
        let size = human_size(self.reclaimable as f64, 4);
        match (self.reclaimable * 100).checked_div(self.bytes) {
            Some(percent) => format!("{size} ({percent}%)"),
            None => size,
        }
    }
}

impl Row for Line {
    const COLUMNS: &'static [(&'static str, &'static str)] = &[
        ("Active", "ACTIVE"),
        ("Reclaimable", "RECLAIMABLE"),
        ("Size", "SIZE"),
        ("TotalCount", "TOTAL"),
        ("Type", "TYPE"),
    ];

    fn column(&self, name: &str) -> String {
        match name {
            "Type" => self.kind.to_owned(),
            "TotalCount" => self.total.to_string(),
            "Active" => self.active.to_string(),
            "Size" => human_size(self.bytes as f64, 4),
            "Reclaimable" => self.reclaimable(),
            _ => String::new(),
        }
    }
}

/// Sums the usage up as docker does (cli/command/formatter/disk_usage.go).
fn summary(usage: &Usage) -> [Line; 4] {
    let used_images = usage.images.iter().filter(|image| image.containers > 0);
    let used_bytes: u64 = used_images
        .clone()
        .map(|image| image.bytes - image.shared_bytes)
        .sum();
    let containers = &usage.containers;
    let idle = containers
        .iter()
        .filter(|container| !container.found.is_running);
    let unused = usage.volumes.iter().filter(|volume| volume.links == 0);
    [
        Line {
            kind: "Images",
            total: usage.images.len(),
            active: used_images.count(),
            bytes: usage.layer_bytes,
            reclaimable: usage.layer_bytes.saturating_sub(used_bytes),
        },
        Line {
            kind: "Containers",
            total: containers.len(),
            active: containers.len() - idle.clone().count(),
            bytes: containers.iter().map(|container| container.bytes).sum(),
            reclaimable: idle.map(|container| container.bytes).sum(),
        },
        Line {
            kind: "Local Volumes",
            total: usage.volumes.len(),
            active: usage.volumes.len() - unused.clone().count(),
            bytes: usage.volumes.iter().map(|volume| volume.bytes).sum(),
            reclaimable: unused.map(|volume| volume.bytes).sum(),
        },
        Line {
            kind: "Build Cache",
            total: 0,
            active: 0,
            bytes: 0,
            reclaimable: 0,
        },
    ]
}

fn run(matches: &ArgMatches, session: &mut Session) -> Result<u8> {
    let table = vec!["Type", "TotalCount", "Active", "Size", "Reclaimable"];
    let format = Format::choose(
        session,
        matches,
        "",
        format::Default {
            table,
            quiet: "Type",
        },
    );
    let store = session.store()?;
    let usage = usage(store)?;
    if is_set(matches, "verbose") {
        out::text(verbose(&Details::new(store, &usage)?, &format)?)?;
        return Ok(0);
    }
    let mut lines = summary(&usage);
    lines[3] = cache(store)?;
    out::text(format.render(&lines, "*formatter.diskUsageImagesContext")?)?;
    Ok(0)
}

/// The build cache's line: what no image needs as well.
fn cache(store: &Store) -> Result<Line> {
    let all = super::builder::listed(store)?;
    let own = all.iter().filter(|entry| !entry.is_shared);
    let bytes = own.map(|entry| entry.size).sum();
    Ok(Line {
        kind: "Build Cache",
        total: all.len(),
        active: 0,
        bytes,
        reclaimable: bytes,
    })
}

/// The rows of the verbose report.
struct Details<'a> {
    images: Vec<ImageLine<'a>>,
    containers: Vec<ContainerLine<'a>>,
    volumes: Vec<VolumeLine<'a>>,
}

impl<'a> Details<'a> {
    fn new(store: &'a Store, usage: &'a Usage) -> Result<Details<'a>> {
        let now = Timestamp::now();
        let rows = |usage: &'a ImageUsage| {
            image::rows(&usage.image, image::Digests::Hidden, now, Width::Cut)
                .into_iter()
                .map(move |row| ImageLine { row, usage })
        };
        let names = ImageNames::new(store.images().names()?);
        let container = |usage: &'a ContainerUsage| {
            let (record, state) = (&usage.found.record, &usage.found.state);
            let image = names.shown(record);
            let row = container::Row {
                record,
                state,
                image,
                size: None,
                now,
                width: Width::Cut,
            };
            ContainerLine {
                row,
                bytes: usage.bytes,
            }
        };
        let volume = |usage: &'a VolumeUsage| VolumeLine {
            row: volume::Row {
                volume: &usage.volume,
                mountpoint: store.volumes().mountpoint(&usage.volume),
            },
            usage,
        };
        Ok(Details {
            images: usage.images.iter().flat_map(rows).collect(),
            containers: usage.containers.iter().map(container).collect(),
            volumes: usage.volumes.iter().map(volume).collect(),
        })
    }

    /// Returns all rows as one object, which is what a format sees.
    fn object(&self) -> Value {
        json!({
            "Images": self.images.iter().map(|row| object(row, false)).collect::<Vec<_>>(),
            "Containers": self.containers.iter().map(|row| object(row, false)).collect::<Vec<_>>(),
            "Volumes": self.volumes.iter().map(|row| object(row, false)).collect::<Vec<_>>(),
            "BuildCache": [],
        })
    }
}

struct ImageLine<'a> {
    row: image::Row<'a>,
    usage: &'a ImageUsage,
}

impl Row for ImageLine<'_> {
    const COLUMNS: &'static [(&'static str, &'static str)] = image::Row::COLUMNS;

    fn column(&self, name: &str) -> String {
        match name {
            "SharedSize" => human_size(self.usage.shared_bytes as f64, 4),
            "UniqueSize" => human_size((self.usage.bytes - self.usage.shared_bytes) as f64, 4),
            "Containers" => self.usage.containers.to_string(),
            name => self.row.column(name),
        }
    }
}

struct ContainerLine<'a> {
    row: container::Row<'a>,
    bytes: u64,
}

impl Row for ContainerLine<'_> {
    const COLUMNS: &'static [(&'static str, &'static str)] = container::Row::COLUMNS;

    fn column(&self, name: &str) -> String {
        match name {
            "Size" => human_size(self.bytes as f64, 3),
            name => self.row.column(name),
        }
    }

    fn labels(&self) -> Option<&BTreeMap<String, String>> {
        self.row.labels()
    }
}

struct VolumeLine<'a> {
    row: volume::Row<'a>,
    usage: &'a VolumeUsage,
}

impl Row for VolumeLine<'_> {
    const COLUMNS: &'static [(&'static str, &'static str)] = volume::Row::COLUMNS;

    fn column(&self, name: &str) -> String {
        match name {
            "Links" => self.usage.links.to_string(),
            "Size" => human_size(self.usage.bytes as f64, 3),
            name => self.row.column(name),
        }
    }
}

/// Returns the verbose report: docker's tables, or one object for a format.
fn verbose(details: &Details<'_>, format: &Format) -> Result<String> {
    match format {
        Format::Json => Ok(write::for_html(&details.object()) + "\n"),
        Format::Template(text) => {
            let failed = |e: Error| Error::new(Kind::Usage, "template parsing error").because(e);
            let template = Template::parse(text).map_err(failed)?;
            Ok(template
                .execute(&details.object(), Rules::default())
                .map_err(failed)?
                + "\n")
        }
        _ => tables(details),
    }
}

fn tables(details: &Details<'_>) -> Result<String> {
    let images = [
        "Repository",
        "Tag",
        "ID",
        "CreatedSince",
        "Size",
        "SharedSize",
        "UniqueSize",
        "Containers",
    ];
    let containers = [
        "ID",
        "Image",
        "Command",
        "LocalVolumes",
        "Size",
        "RunningFor",
        "Status",
        "Names",
    ];
    let volumes = ["Name", "Links", "Size"];
    Ok(format!(
        "Images space usage:\n\n{}\nContainers space usage:\n\n{}\nLocal Volumes space usage:\n\n{}\n\
         Build cache usage: 0B\n\n\
         CACHE ID   CACHE TYPE   SIZE      CREATED   LAST USED   USAGE     SHARED\n",
        Format::Table(images.to_vec()).render(&details.images, "")?,
        Format::Table(containers.to_vec()).render(&details.containers, "")?,
        Format::Table(volumes.to_vec()).render(&details.volumes, "")?,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sums_are_dockers() {
        let image = |bytes, shared_bytes, containers| ImageUsage {
            image: Default::default(),
            bytes,
            shared_bytes,
            containers,
        };
        let volume = |bytes, links| VolumeUsage {
            volume: Default::default(),
            bytes,
            links,
        };
        let usage = Usage {
            layer_bytes: 429_900_000,
            images: vec![
                image(173_000_000, 173_000_000, 14),
                image(429_900_000, 173_000_000, 0),
            ],
            containers: vec![],
            volumes: vec![volume(10, 1), volume(30, 0)],
        };
        let lines = summary(&usage).map(|line| {
            ["Type", "TotalCount", "Active", "Size", "Reclaimable"]
                .map(|name| line.column(name))
                .join(" ")
        });
        assert_eq!(
            lines,
            [
                "Images 2 1 429.9MB 429.9MB (100%)",
                "Containers 0 0 0B 0B",
                "Local Volumes 2 1 40B 30B (75%)",
                "Build Cache 0 0 0B 0B",
            ]
        );
    }

    #[test]
    fn the_verbose_report_of_an_empty_store_has_dockers_heads() {
        let details = Details {
            images: vec![],
            containers: vec![],
            volumes: vec![],
        };
        let text = verbose(&details, &Format::Table(vec![])).unwrap();
        assert_eq!(
            text,
            "Images space usage:\n\nREPOSITORY   TAG       IMAGE ID   CREATED   SIZE      SHARED SIZE   UNIQUE SIZE   CONTAINERS\n\n\
             Containers space usage:\n\nCONTAINER ID   IMAGE     COMMAND   LOCAL VOLUMES   SIZE      CREATED   STATUS    NAMES\n\n\
             Local Volumes space usage:\n\nVOLUME NAME   LINKS     SIZE\n\n\
             Build cache usage: 0B\n\nCACHE ID   CACHE TYPE   SIZE      CREATED   LAST USED   USAGE     SHARED\n"
        );
        let text = verbose(&details, &Format::Json).unwrap();
        assert_eq!(
            text,
            "{\"Images\":[],\"Containers\":[],\"Volumes\":[],\"BuildCache\":[]}\n"
        );
    }
}
