//! `--check` and `--call`: what can be said of a Dockerfile without building it.

use super::super::Session;
use super::plain;
use crate::build::request::Request;
use crate::error::Result;
use crate::grammar::dockerfile::{excerpt, lint};
use crate::ui::out;
use crate::ui::table::{Layout, align};

/// `--check`: the warnings, each with its lines.
pub(super) fn check(session: &Session, request: &Request) -> Result<u8> {
    let (warnings, is_error) = match crate::build::check(session.store()?, request) {
        Ok(found) => found,
        Err(e) => {
            out::talk(plain(&e));
            return Ok(1);
        }
    };
    let text = match warnings.len() {
        0 => "Check complete, no warnings found.".to_owned(),
        1 => "Check complete, 1 warning has been found!".to_owned(),
        count => format!("Check complete, {count} warnings have been found!"),
    };
    out::line(text)?;
    let file = String::from_utf8_lossy(&request.dockerfile);
    for warning in &warnings {
        let excerpt = excerpt::excerpt(&request.dockerfile_name, &file, warning.lines);
        let rule = warning.rule;
        let text = format!(
            "\nWARNING: {rule} - {}\n{}\n\n{excerpt}",
            lint::address(rule),
            warning.text
        );
        out::text(text)?;
    }
    Ok((is_error && !warnings.is_empty()).into())
}

/// Go's tabwriter as BuildKit uses it.
const LAYOUT: Layout = Layout {
    min_width: 0,
    padding: 3,
};

/// `--call=targets`: the stages that can be asked for.
pub(super) fn targets(request: &Request) -> Result<u8> {
    let targets = match crate::build::targets(request) {
        Ok(targets) => targets,
        Err(e) => {
            out::talk(plain(&e));
            return Ok(1);
        }
    };
    let mut text = "TARGET\tDESCRIPTION\n".to_owned();
    for target in targets {
        let name = match (target.name, target.is_default) {
            (Some(name), true) => format!("{name} (default)"),
            (Some(name), false) => name,
            (None, _) => "(default)".to_owned(),
        };
        text += &format!("{name}\t{}\n", target.description);
    }
    out::text(align(&text, LAYOUT))?;
    Ok(0)
}

/// `--call=outline`: what a target takes.
pub(super) fn outline(request: &Request) -> Result<u8> {
    let outline = match crate::build::outline(request) {
        Ok(outline) => outline,
        Err(e) => {
            out::talk(plain(&e));
            return Ok(1);
        }
    };
    if !outline.name.is_empty() || !outline.description.is_empty() {
        let mut text = format!("TARGET:\t{}\n", outline.name);
        if !outline.description.is_empty() {
            text += &format!("DESCRIPTION:\t{}\n", outline.description);
        }
        let one = Layout {
            padding: 1,
            ..LAYOUT
        };
        out::text(align(&text, one) + "\n")?;
    }
    if !outline.args.is_empty() {
        let mut text = "BUILD ARG\tVALUE\tDESCRIPTION\n".to_owned();
        for arg in &outline.args {
            text += &format!("{}\n", arg.join("\t"));
        }
        out::text(align(&text, LAYOUT) + "\n")?;
    }
    for (title, all) in [("SECRET", &outline.secrets), ("SSH", &outline.ssh)] {
        if !all.is_empty() {
            let mut text = format!("{title}\tREQUIRED\n");
            for (id, is_required) in all {
                text += &format!("{id}\t{}\n", if *is_required { "true" } else { "" });
            }
            out::text(align(&text, LAYOUT) + "\n")?;
        }
    }
    Ok(0)
}
