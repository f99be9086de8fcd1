//! Docker's words for what a container uses: the rows of `stats`.

use super::columns::{self, Width};
use crate::container::stats::Usage;
use crate::grammar::units::{binary_size, human_size};

/// One row of `stats`.
#[derive(Debug)]
pub(crate) struct Row {
    /// As the user called it, else its short id.
    pub(crate) called: String,
    /// Its whole id.
    pub(crate) id: String,
    /// Its name.
    pub(crate) name: String,
    /// What it used until now.
    pub(crate) usage: Usage,
    /// Percent of one processor since the last look.
    pub(crate) cpu: f64,
    /// How its id is shown.
    pub(crate) width: Width,
}

impl columns::Row for Row {
    const COLUMNS: &'static [(&'static str, &'static str)] = &[
        ("BlockIO", "BLOCK I/O"),
        ("CPUPerc", "CPU %"),
        ("Container", "CONTAINER"),
        ("ID", "CONTAINER ID"),
        ("MemPerc", "MEM %"),
        ("MemUsage", "MEM USAGE / LIMIT"),
        ("Name", "NAME"),
        ("NetIO", "NET I/O"),
        ("PIDs", "PIDS"),
    ];

    #[allow(clippy::cast_precision_loss)] // two digits are shown
    fn column(&self, name: &str) -> String {
        let u = &self.usage;
        let sizes =
            |[a, b]: [u64; 2]| format!("{} / {}", human_size(a as f64, 3), human_size(b as f64, 3));
        match name {
            "BlockIO" => sizes(u.disk),
            "NetIO" => sizes(u.network),
            "CPUPerc" => format!("{:.2}%", self.cpu),
            "MemPerc" if u.limit == 0 => "0.00%".to_owned(),
            "MemPerc" => format!("{:.2}%", u.memory as f64 / u.limit as f64 * 100.0),
            "MemUsage" => format!(
                "{} / {}",
                binary_size(u.memory as f64),
                binary_size(u.limit as f64)
            ),
            "Container" => self.called.clone(),
            "ID" => self.width.id(&self.id),
            "Name" => self.name.clone(),
            "PIDs" => u.processes.to_string(),
            _ => String::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::columns::Row as _;

    /// As docker 26 printed it.
    #[test]
    fn columns_are_dockers() {
        let row = Row {
            called: "st1".into(),
            id: "753bc564179b0000".into(),
            name: "st1".into(),
            usage: Usage {
                cpu: 0,
                memory: 588 << 10,
                limit: 25_275_896_545,
                network: [486, 0],
                disk: [0, 1_500_000],
                processes: 1,
            },
            cpu: 63.914,
            width: Width::Cut,
        };
        for (name, want) in [
            ("ID", "753bc564179b"),
            ("CPUPerc", "63.91%"),
            ("MemUsage", "588KiB / 23.54GiB"),
            ("MemPerc", "0.00%"),
            ("NetIO", "486B / 0B"),
            ("BlockIO", "0B / 1.5MB"),
            ("PIDs", "1"),
        ] {
            assert_eq!(row.column(name), want);
        }
    }
}
