//! How a list is printed: `--format`, `--quiet`, and the formats in the client's `config.json`.
//!
//! Docker's own tables go the short way, column by column; only a user's template is parsed and sees whole rows.

use clap::Arg;
use serde::Serialize;
use serde_json::Value;

use super::args::opt;
use super::{Session, args};
use crate::error::{Error, Kind, Result};
use crate::grammar::template::{Objects, Rules, Template};
use crate::ui::table::{Layout, align};
use crate::wire::columns::{Row, header, object};
use crate::wire::{go, json};

/// `--format` of a list.
pub(super) fn list_arg() -> Arg {
    opt(
        "format",
        None,
        "string",
        "Format output using a custom template:\n\
         'table':            Print output in table format with column headers (default)\n\
         'table TEMPLATE':   Print output in table format using the given Go template\n\
         'json':             Print in JSON format\n\
         'TEMPLATE':         Print output using the given Go template.\n\
         Refer to https://docs.docker.com/go/formatting/ for more information about formatting output with templates",
    )
}

/// `--format` of an object.
pub(super) fn object_arg() -> Arg {
    opt(
        "format",
        'f',
        "string",
        "Format output using a custom template:\n\
         'json':             Print in JSON format\n\
         'TEMPLATE':         Print output using the given Go template.\n\
         Refer to https://docs.docker.com/go/formatting/ for more information about formatting output with templates",
    )
}

/// How a list is printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Format {
    /// Docker's own table of these columns.
    Table(Vec<&'static str>),
    /// One column without header.
    Quiet(&'static str),
    /// `table TEMPLATE`.
    TableTemplate(String),
    /// `TEMPLATE`.
    Template(String),
    /// One object per line.
    Json,
    /// `{{json .}}`: as `json`, but with the columns that docker only looks for when a template wants them.
    WholeJson,
    /// `raw`: one `label: column` per line.
    Raw,
}

/// What a list looks like when the user does not say.
pub(super) struct Default {
    /// Columns of the table.
    pub(super) table: Vec<&'static str>,
    /// The column of `--quiet`.
    pub(super) quiet: &'static str,
}

impl Format {
    /// Returns the format that the user asks for by `--format`, or else by `setting` of the client's `config.json`.
    pub(super) fn choose(
        session: &Session,
        matches: &clap::ArgMatches,
        setting: &str,
        default: Default,
    ) -> Format {
        // not every list has the flag
        let is_quiet = matches!(matches.try_get_one::<bool>("quiet"), Ok(Some(true)));
        let given = args::value(matches, "format").unwrap_or_default();
        if given.is_empty() && is_quiet {
            return Format::Quiet(default.quiet);
        }
        let text = match given {
            "" => session.client_config().format(setting).to_owned(),
            given => given.to_owned(),
        };
        Format::parse(&text, is_quiet, default)
    }

    fn parse(text: &str, is_quiet: bool, default: Default) -> Format {
        match text.trim_matches(' ') {
            "" | "table" if is_quiet => Format::Quiet(default.quiet),
            "" | "table" => Format::Table(default.table),
            "json" => Format::Json,
            "{{json .}}" | "{{ json . }}" => Format::WholeJson,
            "raw" => Format::Raw,
            text => match text.strip_prefix("table") {
                Some(template) => Format::TableTemplate(unescape(template.trim_start_matches(' '))),
                None => Format::Template(unescape(text)),
            },
        }
    }

    /// Says whether anything that is printed may need the column `name`.
    pub(super) fn wants(&self, name: &str) -> bool {
        match self {
            Format::Table(columns) => columns.contains(&name),
            Format::Quiet(column) => *column == name,
            Format::Json | Format::WholeJson => true,
            Format::Raw => name != "Size",
            Format::TableTemplate(text) | Format::Template(text) => {
                text.contains(&format!(".{name}"))
                    || text.contains("json .}")
                    || text.contains("json . }")
            }
        }
    }

    /// Returns the text of the whole list. `go_type` is the row's type in docker's error texts.
    pub(super) fn render<R: Row>(&self, rows: &[R], go_type: &str) -> Result<String> {
        match self {
            Format::Table(columns) => Ok(table(columns, rows)),
            Format::Quiet(column) => Ok(lines(rows.iter().map(|r| r.column(column)))),
            Format::Json | Format::WholeJson => Ok(lines(
                rows.iter().map(|r| json::for_html(&object(r, false))),
            )),
            Format::Raw => Ok(raw(rows)),
            Format::Template(text) => Ok(lines(filled(&parse(text)?, rows, go_type)?.into_iter())),
            Format::TableTemplate(text) => {
                let template = parse(text)?;
                let head = heading::<R>(&template, go_type)?;
                let rows = filled(&template, rows, go_type)?;
                Ok(align(
                    &lines(std::iter::once(head).chain(rows)),
                    Layout::LIST,
                ))
            }
        }
    }
}

/// Docker takes the two letters `\t` for a tab, since shells do not.
fn unescape(text: &str) -> String {
    text.replace("\\t", "\t").replace("\\n", "\n")
}

fn lines(rows: impl Iterator<Item = String>) -> String {
    let mut text = String::new();
    for row in rows {
        text.push_str(&row);
        text.push('\n');
    }
    text
}

fn table<R: Row>(columns: &[&str], rows: &[R]) -> String {
    let head: Vec<&str> = columns
        .iter()
        .map(|c| header::<R>(c).unwrap_or_default())
        .collect();
    let cells = |r: &R| {
        columns
            .iter()
            .map(|c| r.column(c))
            .collect::<Vec<_>>()
            .join("\t")
    };
    align(
        &lines(std::iter::once(head.join("\t")).chain(rows.iter().map(cells))),
        Layout::LIST,
    )
}

fn raw<R: Row>(rows: &[R]) -> String {
    let line = |r: &R, (label, column): &(&str, &str)| match r.column(column) {
        empty if empty.is_empty() => format!("{label}:"),
        text => format!("{label}: {text}"),
    };
    let block = |r: &R| lines(R::RAW.iter().map(|l| line(r, l)));
    lines(rows.iter().map(block))
}

fn parse(text: &str) -> Result<Template> {
    Template::parse(text)
        .map_err(|e| Error::new(Kind::Usage, "failed to parse template").because(e))
}

/// Returns each row's text.
fn filled<R: Row>(template: &Template, rows: &[R], go_type: &str) -> Result<Vec<String>> {
    let fill = |row: &R| {
        let label = |method: &str, arguments: &[Value]| match (method, arguments, row.labels()) {
            ("Label", [Value::String(key)], Some(labels)) => Some(Ok(Value::String(
                labels.get(key).cloned().unwrap_or_default(),
            ))),
            _ => None,
        };
        let rules = Rules {
            objects: Objects::Row(go_type),
            method: Some(&label),
            header: false,
            omitted: &[],
        };
        execute(template, &Value::Object(object(row, true)), rules)
    };
    rows.iter().map(fill).collect()
}

/// Returns the template filled with the headers of its columns.
fn heading<R: Row>(template: &Template, go_type: &str) -> Result<String> {
    let label = |method: &str, arguments: &[Value]| match (method, arguments) {
        ("Label", [Value::String(key)]) => {
            let last = key.rsplit('.').next().unwrap_or_default();
            Some(Ok(Value::String(last.replace(['-', '_'], " "))))
        }
        _ => None,
    };
    let columns = R::COLUMNS.iter().chain(R::MORE);
    let heads = columns.map(|(name, head)| ((*name).to_owned(), Value::String((*head).to_owned())));
    let rules = Rules {
        objects: Objects::Row(go_type),
        method: Some(&label),
        header: true,
        omitted: &[],
    };
    execute(template, &Value::Object(heads.collect()), rules)
}

fn execute(template: &Template, data: &Value, rules: Rules<'_>) -> Result<String> {
    template
        .execute(data, rules)
        .map_err(|e| Error::new(Kind::Usage, "failed to execute template").because(e))
}

/// Returns `object` as `info` and `version` print it for a `--format`: `json`, or a template.
pub(super) fn of_object<T: Serialize>(text: &str, object: &T, shape: &go::Shape) -> Result<String> {
    if text == "json" {
        return Ok(json::compact(object));
    }
    let unfit = |e| Error::new(Kind::Usage, "template parsing error").because(e);
    go::fill(&Template::parse(text).map_err(unfit)?, object, shape).map_err(unfit)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    struct Pet(BTreeMap<String, String>);

    impl Row for Pet {
        const COLUMNS: &'static [(&'static str, &'static str)] =
            &[("ID", "PET ID"), ("Names", "NAMES")];
        const MORE: &'static [(&'static str, &'static str)] = &[("Age", "AGE")];
        const RAW: &'static [(&'static str, &'static str)] = &[("id", "ID"), ("age", "Age")];

        fn column(&self, name: &str) -> String {
            match name {
                "ID" => "6df4460f0e0d".to_owned(),
                "Names" => "<cat>".to_owned(),
                _ => String::new(),
            }
        }

        fn labels(&self) -> Option<&BTreeMap<String, String>> {
            Some(&self.0)
        }
    }

    fn default() -> Default {
        Default {
            table: vec!["ID", "Names"],
            quiet: "ID",
        }
    }

    fn render(format: &str) -> String {
        let labels = [("com.x.my-key".to_owned(), "v".to_owned())];
        match Format::parse(format, false, default())
            .render(&[Pet(labels.into())], "*formatter.Pet")
        {
            Ok(text) => text,
            Err(e) => format!("error: {e}"),
        }
    }

    #[test]
    fn formats_print_what_docker_prints() {
        for (format, want) in [
            ("", "PET ID         NAMES\n6df4460f0e0d   <cat>\n"),
            ("table", "PET ID         NAMES\n6df4460f0e0d   <cat>\n"),
            (
                "json",
                "{\"ID\":\"6df4460f0e0d\",\"Names\":\"\\u003ccat\\u003e\"}\n",
            ),
            (
                "{{json .}}",
                "{\"ID\":\"6df4460f0e0d\",\"Names\":\"\\u003ccat\\u003e\"}\n",
            ),
            ("raw", "id: 6df4460f0e0d\nage:\n\n"),
            ("pretty", "pretty\n"),
            (
                "{{.ID}}: {{.Label \"com.x.my-key\"}}|{{.Age}}",
                "6df4460f0e0d: v|\n",
            ),
            ("{{.ID}}\\t{{.Names}}", "6df4460f0e0d\t<cat>\n"),
            ("table{{.ID}}", "PET ID\n6df4460f0e0d\n"),
            (
                "table {{.ID}} {{.Names}}",
                "PET ID NAMES\n6df4460f0e0d <cat>\n",
            ),
            (
                "table {{.ID}}\\t{{.Label \"com.x.my-key\"}}\\t{{upper .Names}}",
                "PET ID         my key    NAMES\n6df4460f0e0d   v         <CAT>\n",
            ),
            (
                "{{.ID",
                "error: failed to parse template: template: :1: unclosed action",
            ),
            (
                "{{.Nope}}",
                "error: failed to execute template: template: :1:2: executing \"\" at <.Nope>: can't evaluate field \
                 Nope in type *formatter.Pet",
            ),
        ] {
            assert_eq!(render(format), want, "{format}");
        }
    }

    #[test]
    fn a_format_says_which_columns_it_needs() {
        for (format, wants) in [
            ("", false),
            ("json", true),
            ("{{.Size}}", true),
            ("{{json .}}", true),
            ("{{.ID}}", false),
        ] {
            assert_eq!(
                Format::parse(format, false, default()).wants("Size"),
                wants,
                "{format}"
            );
        }
        assert_eq!(Format::parse("table", true, default()), Format::Quiet("ID"));
    }
}
