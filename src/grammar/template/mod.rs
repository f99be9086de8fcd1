//! Go's text/template over JSON, as `--format` wants it: the language, its functions, docker's additions, Go's way to print
//! values and Go's error texts.
//!
//! `lexer` cuts a text into tokens, `parser` makes nodes of them, `eval` walks the nodes; `funcs` are the functions, `print`
//! is Go's fmt. Left out: complex numbers, hexadecimal floats, channels and functions as data.
//!
//! JSON does not say which object was a struct and which a map in Go, and the two differ where a key is missing: [`Rules`]
//! tells.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::error::{Error, Kind, Result};

mod eval;
mod funcs;
mod lexer;
mod node;
mod parser;
mod print;
mod value;

/// A parsed template.
#[derive(Debug)]
pub struct Template {
    text: String,
    main: Vec<node::Node>,
    defined: BTreeMap<String, Vec<node::Node>>,
}

/// A method of the data: gets its name and arguments; `None` if there is no such method, else its result or why it failed.
pub type Method<'a> = &'a dyn Fn(&str, &[Value]) -> Option<Result<Value, String>>;

/// What the data would have been in Go.
#[derive(Clone, Copy, Default)]
pub struct Rules<'a> {
    /// What the objects are.
    pub objects: Objects<'a>,
    /// Methods of the root: `.Label "key"`.
    pub method: Option<Method<'a>>,
    /// The data are a table's column names: `upper`, `truncate` and the like leave them as they are.
    pub header: bool,
    /// Names of members that `json` leaves out when they are zero: `null`, an empty text, 0.
    pub omitted: &'a [&'a str],
}

/// What the objects of the data would have been in Go.
#[derive(Clone, Copy, Default)]
pub enum Objects<'a> {
    /// All are maps: a missing key prints `<no value>`.
    #[default]
    Maps,
    /// The root is a struct of this type (`*formatter.ContainerContext`): a missing field is an error that names it.
    Row(&'a str),
    /// All are structs, except the values of fields that are called as in `maps`; `null` in one of those prints `map[]`, in
    /// one of `lists` `[]`. A missing field is an error, as for `docker inspect`.
    Structs {
        /// Names of the fields that are maps.
        maps: &'a [&'a str],
        /// Names of the fields that are lists.
        lists: &'a [&'a str],
    },
}

impl Template {
    /// Parses a template. An error reads `template: :1: unclosed action`.
    pub fn parse(text: &str) -> Result<Template> {
        let (main, defined) = parser::parse(text)
            .map_err(|(line, why)| Error::new(Kind::Usage, format!("template: :{line}: {why}")))?;
        Ok(Template {
            text: text.to_owned(),
            main,
            defined,
        })
    }

    /// Returns what it prints for `data`. An error reads `template: :1:2: executing "" at <.Foo>: can't evaluate ...`.
    pub fn execute(&self, data: &Value, rules: Rules<'_>) -> Result<String> {
        eval::execute(self, data, rules).map_err(|failure| {
            let before = &self.text[..failure.position.min(self.text.len())];
            let line = 1 + before.matches('\n').count();
            let column = before.len() - before.rfind('\n').map_or(0, |at| at + 1);
            let eval::Failure {
                template,
                context,
                why,
                ..
            } = failure;
            let text =
                format!("template: :{line}:{column}: executing {template:?} at <{context}>: {why}");
            Error::new(Kind::Usage, text)
        })
    }
}

#[cfg(test)]
mod tests;
