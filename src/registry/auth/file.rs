//! The JSON files that hold credentials: docker's `config.json` and containers' `auth.json` have the same form.

use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use serde::Serialize;
use serde_json::ser::{PrettyFormatter, Serializer};
use serde_json::{Map, Value, json};

use super::in_file;
use crate::error::{Error, Kind, Result};

/// Returns the document; None when there is no such file or it is empty.
pub(super) fn read(path: &Path) -> Result<Option<Value>> {
    let text = match fs_err::read_to_string(path) {
        Ok(text) => text,
        Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        Err(e) => return Err(e.into()),
    };
    if text.trim().is_empty() {
        return Ok(None);
    }
    let value: Value = in_file(path, serde_json::from_str(&text))?;
    if !value.is_object() {
        return in_file(path, Err("not a JSON object"));
    }
    Ok(Some(value))
}

/// Returns the table of credentials, made when absent.
pub(super) fn auths_mut<'a>(
    config: &'a mut Value,
    path: &Path,
) -> Result<&'a mut Map<String, Value>> {
    let object = config.as_object_mut();
    let auths = object.map(|o| o.entry("auths").or_insert_with(|| json!({})));
    in_file(
        path,
        auths
            .and_then(Value::as_object_mut)
            .ok_or("`auths` is not a JSON object"),
    )
}

/// Writes the document beside and renames it: readable for its owner only, or as it was before.
pub(super) fn write(path: &Path, config: &Value) -> Result<()> {
    // a symbolic link into a folder of dotfiles stays one
    let path = &fs_err::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    if let Some(folder) = path.parent() {
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .map_err(|e| {
                Error::new(Kind::System, format!("cannot make {}", folder.display())).because(e)
            })?;
    }
    let mode = fs_err::metadata(path).map_or(0o600, |m| m.permissions().mode() & 0o777);
    let mut text = Vec::new();
    config
        .serialize(&mut Serializer::with_formatter(
            &mut text,
            PrettyFormatter::with_indent(b"\t"),
        ))
        .map_err(|e| Error::new(Kind::System, "cannot write credentials").because(e))?;
    let beside = path.with_extension(format!("tmp{}", std::process::id()));
    let mut options = fs_err::OpenOptions::new();
    options
        .options_mut()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(mode);
    options.open(&beside)?.write_all(&text)?;
    fs_err::rename(&beside, path)?;
    Ok(())
}
