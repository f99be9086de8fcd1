//! Docker's words for a volume: what `inspect` prints, and the rows of `volume ls`.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;

use super::columns;
use crate::store::volumes::Volume;

/// One element of `docker volume inspect`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Details<'a> {
    created_at: &'a str,
    driver: &'static str,
    labels: Option<&'a BTreeMap<String, String>>,
    mountpoint: String,
    name: &'a str,
    options: Option<&'a BTreeMap<String, String>>,
    scope: &'static str,
}

impl<'a> Details<'a> {
    /// Returns the whole view; `mountpoint` is the folder with the volume's files.
    pub(crate) fn new(volume: &'a Volume, mountpoint: &Path) -> Details<'a> {
        Details {
            created_at: &volume.created,
            driver: "local",
            labels: volume.labels.as_ref(),
            mountpoint: mountpoint.display().to_string(),
            name: &volume.name,
            options: volume.options.as_ref(),
            scope: "local",
        }
    }
}

/// One row of `volume ls`.
#[derive(Debug)]
pub(crate) struct Row<'a> {
    /// What it shows.
    pub(crate) volume: &'a Volume,
    /// The folder with its files.
    pub(crate) mountpoint: std::path::PathBuf,
}

impl columns::Row for Row<'_> {
    const COLUMNS: &'static [(&'static str, &'static str)] = &[
        ("Availability", "AVAILABILITY"),
        ("Driver", "DRIVER"),
        ("Group", "GROUP"),
        ("Labels", "LABELS"),
        ("Links", "LINKS"),
        ("Mountpoint", "MOUNTPOINT"),
        ("Name", "VOLUME NAME"),
        ("Scope", "SCOPE"),
        ("Size", "SIZE"),
        ("Status", "STATUS"),
    ];
    const RAW: &'static [(&'static str, &'static str)] = &[("name", "Name"), ("driver", "Driver")];

    fn column(&self, name: &str) -> String {
        match name {
            "Name" => self.volume.name.clone(),
            "Driver" | "Scope" => "local".to_owned(),
            "Mountpoint" => self.mountpoint.display().to_string(),
            "Labels" => self
                .volume
                .labels
                .as_ref()
                .map(columns::labels)
                .unwrap_or_default(),
            "Availability" | "Group" | "Links" | "Size" | "Status" => "N/A".to_owned(),
            _ => String::new(),
        }
    }

    fn labels(&self) -> Option<&BTreeMap<String, String>> {
        self.volume.labels.as_ref()
    }
}
