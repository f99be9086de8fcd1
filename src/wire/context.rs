//! Docker's words for a context: what `context inspect` prints, and the rows of `context ls`.

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::columns;

/// The one context's name.
pub(crate) const NAME: &str = "default";

/// One element of `docker context inspect`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Details {
    name: &'static str,
    metadata: Map<String, Value>,
    endpoints: Value,
    #[serde(rename = "TLSMaterial")]
    tls_material: Map<String, Value>,
    storage: Value,
}

impl Default for Details {
    fn default() -> Details {
        Details {
            name: NAME,
            metadata: Map::new(),
            endpoints: json!({"docker": {"Host": "", "SkipTLSVerify": false}}),
            tls_material: Map::new(),
            storage: json!({"MetadataPath": "<IN MEMORY>", "TLSPath": "<IN MEMORY>"}),
        }
    }
}

/// The one row of `context ls`.
#[derive(Debug)]
pub(crate) struct Row {
    /// In a table the current context has a star.
    pub(crate) is_table: bool,
}

impl columns::Row for Row {
    const COLUMNS: &'static [(&'static str, &'static str)] = &[
        ("ContextType", "TYPE"),
        ("Current", "CURRENT"),
        ("Description", "DESCRIPTION"),
        ("DockerEndpoint", "DOCKER ENDPOINT"),
        ("Error", "ERROR"),
        ("Name", "NAME"),
    ];

    fn column(&self, name: &str) -> String {
        match name {
            "Name" if self.is_table => format!("{NAME} *"),
            "Name" => NAME.to_owned(),
            "Description" => "This machine, without a daemon".to_owned(),
            "Current" => "true".to_owned(),
            "ContextType" => "moby".to_owned(),
            _ => String::new(),
        }
    }
}
