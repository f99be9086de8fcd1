//! What an expression of a template can be, and what it would have been in Go.

use std::borrow::Cow;

use serde_json::Value;

use super::{Objects, Rules};

/// The value of an expression.
#[derive(Debug, Clone)]
pub(super) enum Val<'a> {
    /// Nothing: the missing key of a map. Prints `<no value>`.
    Missing,
    /// The word `nil`.
    Nil,
    /// Part of the data or a result.
    Json(Cow<'a, Value>, Shape),
}

/// What an object or `null` would have been in Go; says nothing about other values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    Map,
    List,
    Struct,
}

impl<'a> Val<'a> {
    /// Wraps a result.
    pub(super) fn new(value: impl Into<Value>) -> Val<'a> {
        Val::Json(Cow::Owned(value.into()), Shape::Struct)
    }

    /// Returns the JSON in it; nothing counts as `null`.
    pub(super) fn json(&self) -> &Value {
        match self {
            Val::Json(value, _) => value,
            _ => &Value::Null,
        }
    }

    /// Returns its text, if it is one.
    pub(super) fn text(&self) -> Option<&str> {
        self.json().as_str()
    }

    /// Says whether `if` takes it for true: not zero, not empty.
    pub(super) fn is_true(&self) -> bool {
        match self {
            Val::Json(value, shape) => match &**value {
                Value::Null => false,
                Value::Bool(value) => *value,
                Value::Number(number) => number.as_f64() != Some(0.0),
                Value::String(text) => !text.is_empty(),
                Value::Array(items) => !items.is_empty(),
                Value::Object(map) => *shape == Shape::Struct || !map.is_empty(),
            },
            _ => false,
        }
    }

    /// Returns the value of a key.
    pub(super) fn member(&self, key: &str, rules: &Rules<'_>) -> Option<Val<'a>> {
        let Val::Json(value, shape) = self else {
            return None;
        };
        let child = match value {
            Cow::Borrowed(value) => Cow::Borrowed(value.get(key)?),
            Cow::Owned(value) => Cow::Owned(value.get(key)?.clone()),
        };
        Some(Val::Json(child, rules.child(key, *shape)))
    }

    /// Returns the item at an index of a list.
    pub(super) fn item(&self, index: usize, rules: &Rules<'_>) -> Option<Val<'a>> {
        let Val::Json(value, _) = self else {
            return None;
        };
        let child = match value {
            Cow::Borrowed(value) => Cow::Borrowed(value.get(index)?),
            Cow::Owned(value) => Cow::Owned(value.get(index)?.clone()),
        };
        Some(Val::Json(child, rules.element()))
    }
}

impl Rules<'_> {
    /// Returns the shape of the root.
    pub(super) fn root(&self) -> Shape {
        if matches!(self.objects, Objects::Maps) {
            Shape::Map
        } else {
            Shape::Struct
        }
    }

    /// Returns the shape of a list's items or a map's values.
    pub(super) fn element(&self) -> Shape {
        self.root()
    }

    /// Returns the shape of the value of `key` in an object of shape `parent`.
    pub(super) fn child(&self, key: &str, parent: Shape) -> Shape {
        match self.objects {
            Objects::Structs { maps, .. } if parent == Shape::Struct && maps.contains(&key) => {
                Shape::Map
            }
            Objects::Structs { lists, .. } if parent == Shape::Struct && lists.contains(&key) => {
                Shape::List
            }
            _ => self.element(),
        }
    }
}

/// Returns the keys of an object in Go's order: sorted for a map, as declared for a struct.
pub(super) fn keys(value: &Value, shape: Shape) -> Vec<&String> {
    let mut keys: Vec<&String> = value
        .as_object()
        .map_or_else(Vec::new, |map| map.keys().collect());
    if shape != Shape::Struct {
        keys.sort();
    }
    keys
}

/// Returns the name of the type that Go would have decoded `value` into.
pub(super) fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "<nil>",
        Value::Bool(_) => "bool",
        Value::Number(number) if number.is_f64() => "float64",
        Value::Number(_) => "int",
        Value::String(_) => "string",
        Value::Array(_) => "[]interface {}",
        Value::Object(_) => "map[string]interface {}",
    }
}
