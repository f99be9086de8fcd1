//! Docker's words for a builder: the rows of `buildx ls`.

use super::columns;

/// One row of `buildx ls`: a builder, or its node.
#[derive(Debug)]
pub(crate) struct Row {
    /// Name, with what the table draws before and after it.
    pub(crate) name: &'static str,
    /// Driver of a builder, endpoint of a node.
    pub(crate) driver: &'static str,
    /// Of a node.
    pub(crate) status: &'static str,
    /// Of a node.
    pub(crate) version: &'static str,
    /// Of a node.
    pub(crate) platforms: String,
}

impl columns::Row for Row {
    const COLUMNS: &'static [(&'static str, &'static str)] = &[
        ("Buildkit", "BUILDKIT"),
        ("DriverEndpoint", "DRIVER/ENDPOINT"),
        ("Name", "NAME/NODE"),
        ("Platforms", "PLATFORMS"),
        ("Status", "STATUS"),
    ];

    fn column(&self, name: &str) -> String {
        match name {
            "Name" => self.name.to_owned(),
            "DriverEndpoint" => self.driver.to_owned(),
            "Status" => self.status.to_owned(),
            "Buildkit" => self.version.to_owned(),
            "Platforms" => self.platforms.clone(),
            _ => String::new(),
        }
    }
}
