//! `--check` and `--call`: what can be said of a Dockerfile without building it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use super::super::Session;
use super::plain;
use crate::build::outline::{Given, Outline, Target};
use crate::build::request::Request;
use crate::error::{Error, Kind, Result};
use crate::grammar::dockerfile::{Lines, Warning, excerpt, lint};
use crate::ui::out;
use crate::ui::table::{Layout, align};

/// What is asked, as `--call` names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Method {
    Check,
    Targets,
    Outline,
}

/// Reads `METHOD[,format=text|json]`: no method is to build, and the second says that a document is wanted.
pub(super) fn parse(text: &str) -> Result<(Option<Method>, bool)> {
    let invalid = |text: String| Error::new(Kind::Invalid, text);
    let mut words = text.split(',');
    let method = match words.next().unwrap_or_default() {
        "" | "build" => None,
        "check" | "lint" => Some(Method::Check),
        "targets" => Some(Method::Targets),
        "outline" => Some(Method::Outline),
        method => return Err(invalid(format!("cannot evaluate the build by {method}"))),
    };
    let mut is_json = false;
    for word in words {
        is_json = match word {
            "format=json" => true,
            "format=text" => false,
            _ => {
                let text = format!("invalid --call option {word:?}: format=text and format=json");
                return Err(invalid(text + " are known"));
            }
        };
    }
    Ok((method, is_json))
}

/// Answers on standard output; returns the exit status.
pub(super) fn answer(
    session: &Session,
    request: &Request,
    method: Method,
    is_json: bool,
) -> Result<u8> {
    let (text, status) = match said(session, request, method, is_json) {
        Ok(said) => said,
        Err(e) => {
            out::talk(plain(&e));
            return Ok(1);
        }
    };
    out::text(text)?;
    Ok(status)
}

fn said(
    session: &Session,
    request: &Request,
    method: Method,
    is_json: bool,
) -> Result<(String, u8)> {
    let document = |value: Value| format!("{value:#}\n");
    Ok(match method {
        Method::Check => {
            let (warnings, is_error) = crate::build::check(session.store()?, request)?;
            let text = match is_json {
                true => document(warnings_document(request, &warnings)),
                false => warnings_text(request, &warnings),
            };
            (text, (is_error && !warnings.is_empty()).into())
        }
        Method::Targets => {
            let targets = crate::build::outline::targets(request)?;
            let text = match is_json {
                true => document(targets_document(request, targets)),
                false => targets_text(targets),
            };
            (text, 0)
        }
        Method::Outline => {
            let outline = crate::build::outline::outline(request)?;
            let text = match is_json {
                true => document(outline_document(request, outline)),
                false => outline_text(&outline),
            };
            (text, 0)
        }
    })
}

fn warnings_text(request: &Request, warnings: &[Warning]) -> String {
    let mut text = match warnings.len() {
        0 => "Check complete, no warnings found.\n".to_owned(),
        1 => "Check complete, 1 warning has been found!\n".to_owned(),
        count => format!("Check complete, {count} warnings have been found!\n"),
    };
    let file = String::from_utf8_lossy(&request.dockerfile);
    for warning in warnings {
        let excerpt = excerpt::excerpt(&request.dockerfile_name, &file, warning.lines);
        text += &format!(
            "\nWARNING: {} - {}\n{}\n\n{excerpt}",
            warning.rule,
            lint::address(warning.rule),
            warning.text
        );
    }
    text
}

/// Go's tabwriter as BuildKit uses it.
const LAYOUT: Layout = Layout {
    min_width: 0,
    padding: 3,
};

fn targets_text(targets: Vec<Target>) -> String {
    let mut text = "TARGET\tDESCRIPTION\n".to_owned();
    for target in targets {
        let name = match (target.name, target.is_default) {
            (Some(name), true) => format!("{name} (default)"),
            (Some(name), false) => name,
            (None, _) => "(default)".to_owned(),
        };
        text += &format!("{name}\t{}\n", target.description);
    }
    align(&text, LAYOUT)
}

fn outline_text(outline: &Outline) -> String {
    let mut all = String::new();
    if !outline.name.is_empty() || !outline.description.is_empty() {
        let mut text = format!("TARGET:\t{}\n", outline.name);
        if !outline.description.is_empty() {
            text += &format!("DESCRIPTION:\t{}\n", outline.description);
        }
        let one = Layout {
            padding: 1,
            ..LAYOUT
        };
        all += &(align(&text, one) + "\n");
    }
    if !outline.args.is_empty() {
        let mut text = "BUILD ARG\tVALUE\tDESCRIPTION\n".to_owned();
        for arg in &outline.args {
            text += &format!("{}\t{}\t{}\n", arg.name, arg.value, arg.description);
        }
        all += &(align(&text, LAYOUT) + "\n");
    }
    for (title, given) in [("SECRET", &outline.secrets), ("SSH", &outline.ssh)] {
        if !given.is_empty() {
            let mut text = format!("{title}\tREQUIRED\n");
            for one in given {
                let required = if one.is_required { "true" } else { "" };
                text += &format!("{}\t{required}\n", one.name);
            }
            all += &(align(&text, LAYOUT) + "\n");
        }
    }
    all
}

/// The answer's own members and the Dockerfile (frontend/subrequests/targets, outline: what is empty is left out).
fn targets_document(request: &Request, targets: Vec<Target>) -> Value {
    let targets = targets.into_iter().map(|target| {
        let mut one = Map::new();
        put(&mut one, "name", target.name.unwrap_or_default());
        if target.is_default {
            put(&mut one, "default", true);
        }
        put(&mut one, "description", target.description);
        put(&mut one, "base", target.base);
        put(&mut one, "platform", target.platform.unwrap_or_default());
        put(&mut one, "location", location(target.lines));
        Value::Object(one)
    });
    json!({ "targets": targets.collect::<Vec<_>>(), "sources": [source(request)] })
}

fn outline_document(request: &Request, outline: Outline) -> Value {
    let args = outline.args.into_iter().map(|arg| {
        let mut one = Map::new();
        put(&mut one, "name", arg.name);
        put(&mut one, "description", arg.description);
        put(&mut one, "value", arg.value);
        put(&mut one, "location", location(arg.lines));
        Value::Object(one)
    });
    let given = |all: Vec<Given>| {
        let all = all.into_iter().map(|given| {
            let mut one = Map::new();
            put(&mut one, "name", given.name);
            if given.is_required {
                put(&mut one, "required", true);
            }
            put(&mut one, "location", location(given.lines));
            Value::Object(one)
        });
        all.collect::<Vec<_>>()
    };
    let mut all = Map::new();
    put(&mut all, "name", outline.name);
    put(&mut all, "description", outline.description);
    put(&mut all, "args", args.collect::<Vec<_>>());
    put(&mut all, "secrets", given(outline.secrets));
    put(&mut all, "ssh", given(outline.ssh));
    put(&mut all, "sources", vec![source(request)]);
    Value::Object(all)
}

/// frontend/subrequests/lint.
fn warnings_document(request: &Request, warnings: &[Warning]) -> Value {
    let warnings = warnings.iter().map(|warning| {
        json!({
            "ruleName": warning.rule,
            "description": lint::description(warning.rule),
            "url": lint::address(warning.rule),
            "detail": warning.text,
            "location": location(warning.lines),
        })
    });
    let file = json!({
        "filename": request.dockerfile_name,
        "data": source(request),
        "language": "Dockerfile",
    });
    json!({ "warnings": warnings.collect::<Vec<_>>(), "sources": [file] })
}

/// Puts a member that is not empty.
fn put(object: &mut Map<String, Value>, name: &str, value: impl Into<Value>) {
    let value = value.into();
    if value != "" && value != json!([]) {
        object.insert(name.to_owned(), value);
    }
}

fn source(request: &Request) -> String {
    STANDARD.encode(&request.dockerfile)
}

/// A range for each line (solver/pb.Location).
fn location(lines: Lines) -> Value {
    let lines = lines.first..=lines.last;
    let ranges = lines.map(|line| json!({ "start": { "line": line }, "end": { "line": line } }));
    json!({ "ranges": ranges.collect::<Vec<_>>() })
}
