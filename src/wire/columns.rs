//! What the rows of docker's lists have in common: named columns with headers, cut or whole texts.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// One row of a list. A column is made when a format asks for it, so that nothing costs that nobody sees.
pub(crate) trait Row {
    /// Name and header of each column that `--format json` prints, in docker's order (by name).
    const COLUMNS: &'static [(&'static str, &'static str)];
    /// Columns that only a template can ask for.
    const MORE: &'static [(&'static str, &'static str)] = &[];

    /// Label and column of each line of `--format raw`.
    const RAW: &'static [(&'static str, &'static str)] = &[];

    /// Returns the text of the column `name`, one of `COLUMNS` or `MORE`.
    fn column(&self, name: &str) -> String;

    /// Returns what `{{.Label "k"}}` looks in.
    fn labels(&self) -> Option<&BTreeMap<String, String>> {
        None
    }
}

/// Returns the row as the object that templates and `json` see: all its columns.
pub(crate) fn object<R: Row>(row: &R, with_more: bool) -> Map<String, Value> {
    let more: &[(&str, &str)] = if with_more { R::MORE } else { &[] };
    R::COLUMNS
        .iter()
        .chain(more)
        .map(|(name, _)| ((*name).to_owned(), Value::String(row.column(name))))
        .collect()
}

/// Returns the header of the column `name`.
pub(crate) fn header<R: Row>(name: &str) -> Option<&'static str> {
    R::COLUMNS
        .iter()
        .chain(R::MORE)
        .find(|(n, _)| *n == name)
        .map(|(_, header)| *header)
}

/// Whether texts are cut to docker's widths or whole (`--no-trunc`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Width {
    /// Ids have 12 digits, long texts end with `…`.
    Cut,
    /// Everything is whole.
    Full,
}

impl Width {
    /// Returns an id, cut to 12 digits.
    pub(crate) fn id(self, id: &str) -> String {
        match self {
            Width::Cut => {
                let digits = id.strip_prefix("sha256:").unwrap_or(id);
                digits.chars().take(12).collect()
            }
            Width::Full => id.to_owned(),
        }
    }

    /// Returns `text`, cut to `most` characters the last of which is then `…`.
    pub(crate) fn ellipsis(self, text: &str, most: usize) -> String {
        if self == Width::Full || text.chars().count() <= most {
            return text.to_owned();
        }
        text.chars().take(most - 1).chain(['…']).collect()
    }
}

/// Returns labels as `ps` and `volume ls` show them: `a=z,k=v`.
pub(crate) fn labels(labels: &BTreeMap<String, String>) -> String {
    let pairs: Vec<String> = labels.iter().map(|(k, v)| format!("{k}={v}")).collect();
    pairs.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grammar::go::quote;

    #[test]
    fn commands_are_cut_before_they_are_quoted() {
        let cut = |t: &str| quote(&Width::Cut.ellipsis(t, 20));
        assert_eq!(
            cut("sh -c 'echo out; echo err >&2'"),
            "\"sh -c 'echo out; ec…\""
        );
        assert_eq!(cut("sh -c 'a\nb'"), "\"sh -c 'a\\nb'\"");
    }
}
