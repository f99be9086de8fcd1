//! The functions of templates: Go's and docker's. `and` and `or` are the evaluator's, since they do not look at all
//! arguments.

use std::borrow::Cow;
use std::cmp::Ordering;

use serde_json::Value;

use super::Rules;
use super::print::{plain, sprint, sprintf, sprintln};
use super::value::{Shape, Val, keys, type_name};
use crate::grammar::go;

/// What a parameter takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Param {
    Any,
    Text,
    Int,
    Texts,
}

/// A function that looks at all its arguments.
pub(super) struct Function {
    name: &'static str,
    /// The parameters that must be there.
    pub(super) params: &'static [Param],
    /// What any further arguments are; `None` if there can be none.
    pub(super) rest: Option<Param>,
    /// Computes the result; the evaluator has checked number and types of the arguments.
    pub(super) run: for<'a> fn(&[Val<'a>], &Rules<'_>) -> Result<Val<'a>, String>,
}

const fn function(
    name: &'static str,
    params: &'static [Param],
    rest: Option<Param>,
    run: for<'a> fn(&[Val<'a>], &Rules<'_>) -> Result<Val<'a>, String>,
) -> Function {
    Function {
        name,
        params,
        rest,
        run,
    }
}

const FUNCTIONS: &[Function] = {
    use Param::{Any, Int, Text, Texts};
    &[
        // Go's
        function("call", &[Any], Some(Any), call),
        function("eq", &[Any], Some(Any), eq),
        function("ge", &[Any, Any], None, |a, _| {
            Ok(Val::new(compare(a)? != Ordering::Less))
        }),
        function("gt", &[Any, Any], None, |a, _| {
            Ok(Val::new(compare(a)? == Ordering::Greater))
        }),
        function("html", &[], Some(Any), |a, r| {
            Ok(Val::new(html(&joined(a, r))))
        }),
        function("index", &[Any], Some(Any), index),
        function("js", &[], Some(Any), |a, r| Ok(Val::new(js(&joined(a, r))))),
        function("le", &[Any, Any], None, |a, _| {
            Ok(Val::new(compare(a)? != Ordering::Greater))
        }),
        function("len", &[Any], None, len),
        function("lt", &[Any, Any], None, |a, _| {
            Ok(Val::new(compare(a)? == Ordering::Less))
        }),
        function("ne", &[Any, Any], None, |a, r| {
            Ok(Val::new(!eq(a, r)?.is_true()))
        }),
        function("not", &[Any], None, |a, _| Ok(Val::new(!a[0].is_true()))),
        function("print", &[], Some(Any), |a, r| Ok(Val::new(sprint(a, r)))),
        function("printf", &[Text], Some(Any), |a, r| {
            Ok(Val::new(sprintf(text(a, 0), &a[1..], r)))
        }),
        function("println", &[], Some(Any), |a, r| {
            Ok(Val::new(sprintln(a, r)))
        }),
        function("slice", &[Any], Some(Any), slice),
        function("urlquery", &[], Some(Any), |a, r| {
            Ok(Val::new(go::query_escape(&joined(a, r))))
        }),
        // docker's
        function("join", &[Texts, Text], None, join),
        function("json", &[Any], None, |a, r| {
            Ok(Val::new(
                without(a[0].json().clone(), r.omitted).to_string(),
            ))
        }),
        function("lower", &[Text], None, |a, _| {
            Ok(Val::new(text(a, 0).to_lowercase()))
        }),
        function("pad", &[Text, Int, Int], None, pad),
        function("split", &[Text, Text], None, split),
        function("title", &[Text], None, |a, _| {
            Ok(Val::new(title(text(a, 0))))
        }),
        function("truncate", &[Text, Int], None, truncate),
        function("upper", &[Text], None, |a, _| {
            Ok(Val::new(text(a, 0).to_uppercase()))
        }),
    ]
};

/// Go's `omitempty`: members of these names are not there when they are zero.
fn without(mut value: Value, omitted: &[&str]) -> Value {
    match &mut value {
        Value::Object(map) if !omitted.is_empty() => {
            let is_zero = |v: &Value| v.is_null() || *v == "" || *v == 0;
            map.retain(|key, v| !(omitted.contains(&key.as_str()) && is_zero(v)));
            map.values_mut()
                .for_each(|v| *v = without(v.take(), omitted));
        }
        Value::Array(all) => all.iter_mut().for_each(|v| *v = without(v.take(), omitted)),
        _ => {}
    }
    value
}

/// The functions that leave a table's column names as they are.
const KEEP_HEADERS: &[&str] = &[
    "join", "json", "lower", "split", "title", "truncate", "upper",
];

/// Says whether there is such a function.
pub(super) fn exists(name: &str) -> bool {
    matches!(name, "and" | "or") || find(name).is_some()
}

/// Returns a function; `None` for `and` and `or` too.
pub(super) fn find(name: &str) -> Option<&'static Function> {
    FUNCTIONS.iter().find(|function| function.name == name)
}

impl Function {
    /// Says whether it returns its first argument, whatever that is: see [`Rules::header`].
    pub(super) fn keeps(&self, rules: &Rules<'_>) -> bool {
        rules.header && KEEP_HEADERS.contains(&self.name)
    }
}

fn text<'v>(args: &'v [Val<'_>], index: usize) -> &'v str {
    args[index].text().unwrap_or_default()
}

fn integer(val: &Val<'_>) -> Option<i64> {
    val.json().as_i64()
}

/// The text of `html`, `js` and `urlquery`.
fn joined(args: &[Val<'_>], rules: &Rules<'_>) -> String {
    match args {
        [Val::Json(value, _)] if value.is_string() => text(args, 0).to_owned(),
        _ => sprint(args, rules),
    }
}

fn call<'a>(args: &[Val<'a>], _: &Rules<'_>) -> Result<Val<'a>, String> {
    match &args[0] {
        Val::Json(value, _) if !value.is_null() => {
            Err(format!("non-function of type {}", type_name(value)))
        }
        _ => Err("call of nil".to_owned()),
    }
}

fn eq<'a>(args: &[Val<'a>], _: &Rules<'_>) -> Result<Val<'a>, String> {
    let (first, others) = args
        .split_first()
        .ok_or("missing argument for comparison")?;
    if others.is_empty() {
        return Err("missing argument for comparison".to_owned());
    }
    for other in others {
        let (a, b) = (first.json(), other.json());
        let is_nil = a.is_null() || b.is_null();
        if !is_nil && type_name(a) != type_name(b) {
            return Err("incompatible types for comparison".to_owned());
        }
        if a.is_array() && b.is_array() || a.is_object() && b.is_object() {
            return Err(format!("non-comparable types {}", type_name(a)));
        }
        if a == b {
            return Ok(Val::new(true));
        }
    }
    Ok(Val::new(false))
}

fn compare(args: &[Val<'_>]) -> Result<Ordering, String> {
    let (a, b) = (args[0].json(), args[1].json());
    match (a, b) {
        (Value::String(a), Value::String(b)) => Ok(a.cmp(b)),
        (Value::Number(x), Value::Number(y)) if type_name(a) == type_name(b) => {
            let (whole_x, whole_y) = (x.as_i128(), y.as_i128());
            let order = match (whole_x, whole_y) {
                (Some(x), Some(y)) => Some(x.cmp(&y)),
                _ => x.as_f64().partial_cmp(&y.as_f64()),
            };
            order.ok_or_else(|| "invalid type for comparison".to_owned())
        }
        (Value::String(_) | Value::Number(_), Value::String(_) | Value::Number(_)) => {
            Err("incompatible types for comparison".to_owned())
        }
        _ => Err("invalid type for comparison".to_owned()),
    }
}

fn len<'a>(args: &[Val<'a>], _: &Rules<'_>) -> Result<Val<'a>, String> {
    let length = match (&args[0], args[0].json()) {
        (_, Value::String(text)) => text.len(),
        (_, Value::Array(items)) => items.len(),
        (_, Value::Object(map)) => map.len(),
        (Val::Json(..), Value::Null) => 0,
        (Val::Json(..), value) => return Err(format!("len of type {}", type_name(value))),
        _ => return Err("reflect: call of reflect.Value.Type on zero Value".to_owned()),
    };
    Ok(Val::new(length))
}

fn index<'a>(args: &[Val<'a>], rules: &Rules<'_>) -> Result<Val<'a>, String> {
    let mut item = args[0].clone();
    for index in &args[1..] {
        item = index_once(&item, index, rules)?;
    }
    Ok(item)
}

fn index_once<'a>(item: &Val<'a>, index: &Val<'a>, rules: &Rules<'_>) -> Result<Val<'a>, String> {
    let Val::Json(value, shape) = item else {
        return Err("index of untyped nil".to_owned());
    };
    match &**value {
        Value::Array(items) => {
            let at = position(index, items.len(), true)?;
            item.item(at, rules)
                .ok_or_else(|| format!("index out of range: {at}"))
        }
        Value::String(text) => {
            let at = position(index, text.len(), true)?;
            Ok(Val::new(text.as_bytes()[at]))
        }
        Value::Object(map) => {
            let key = index.text().ok_or_else(|| match index {
                Val::Json(value, _) => {
                    format!("value has type {}; should be string", type_name(value))
                }
                _ => "value is nil; should be of type string".to_owned(),
            })?;
            Ok(item
                .member(key, rules)
                .unwrap_or_else(|| zero_like(map.values().next())))
        }
        // a map or list of Go that is empty
        Value::Null if *shape == Shape::Map => Ok(zero_like(None)),
        Value::Null if *shape == Shape::List => {
            Err(format!("index out of range: {}", plain(index, rules)))
        }
        Value::Null => Err("index of untyped nil".to_owned()),
        other => Err(format!("can't index item of type {}", type_name(other))),
    }
}

/// What Go gives for a missing key: the zero value of the map's type, which another value of the map shows. Most maps are of
/// texts.
fn zero_like<'a>(other: Option<&Value>) -> Val<'a> {
    match other {
        Some(Value::Array(_)) => Val::Json(Cow::Owned(Value::Null), Shape::List),
        Some(Value::Object(_)) => Val::Missing,
        Some(Value::Number(_)) => Val::new(0),
        Some(Value::Bool(_)) => Val::new(false),
        _ => Val::new(""),
    }
}

/// Checks an index of a text or list.
fn position(index: &Val<'_>, length: usize, must_exist: bool) -> Result<usize, String> {
    let number = match index {
        Val::Json(value, _) if value.is_i64() || value.is_u64() => integer(index),
        Val::Json(value, _) => {
            return Err(format!(
                "cannot index slice/array with type {}",
                type_name(value)
            ));
        }
        _ => return Err("cannot index slice/array with nil".to_owned()),
    };
    let number = number.unwrap_or(i64::MAX);
    let at = usize::try_from(number)
        .ok()
        .filter(|at| *at < length || !must_exist && *at == length);
    at.ok_or_else(|| format!("index out of range: {number}"))
}

fn slice<'a>(args: &[Val<'a>], _: &Rules<'_>) -> Result<Val<'a>, String> {
    let (item, indexes) = (args[0].json(), &args[1..]);
    if indexes.len() > 3 {
        return Err(format!("too many slice indexes: {}", indexes.len()));
    }
    let length = match item {
        Value::String(_) if indexes.len() == 3 => {
            return Err("cannot 3-index slice a string".to_owned());
        }
        Value::String(text) => text.len(),
        Value::Array(items) => items.len(),
        Value::Null => return Err("slice of untyped nil".to_owned()),
        other => return Err(format!("can't slice item of type {}", type_name(other))),
    };
    let mut bounds = [0, length, length];
    for (bound, index) in bounds.iter_mut().zip(indexes) {
        *bound = position(index, length, false)?;
    }
    let [from, to, limit] = bounds;
    if from > to {
        return Err(format!("invalid slice index: {from} > {to}"));
    }
    if to > limit {
        return Err(format!("invalid slice index: {to} > {limit}"));
    }
    Ok(match item {
        Value::Array(items) => Val::new(items[from..to].to_vec()),
        // Go cuts bytes; a character that is cut in two becomes a replacement sign
        _ => Val::new(String::from_utf8_lossy(&text(args, 0).as_bytes()[from..to]).into_owned()),
    })
}

fn join<'a>(args: &[Val<'a>], _: &Rules<'_>) -> Result<Val<'a>, String> {
    let items = args[0].json().as_array().map_or(&[][..], Vec::as_slice);
    let words: Vec<&str> = items.iter().filter_map(Value::as_str).collect();
    Ok(Val::new(words.join(text(args, 1))))
}

fn split<'a>(args: &[Val<'a>], _: &Rules<'_>) -> Result<Val<'a>, String> {
    let (whole, separator) = (text(args, 0), text(args, 1));
    let parts: Vec<Value> = if separator.is_empty() {
        whole.chars().map(|c| c.to_string().into()).collect()
    } else {
        whole.split(separator).map(Value::from).collect()
    };
    Ok(Val::new(parts))
}

fn pad<'a>(args: &[Val<'a>], _: &Rules<'_>) -> Result<Val<'a>, String> {
    const WIDEST: usize = 1_000_000;
    let word = text(args, 0);
    let spaces = |index: usize| {
        let count = integer(&args[index]).unwrap_or(0);
        let count =
            usize::try_from(count).map_err(|_| "strings: negative Repeat count".to_owned())?;
        if count > WIDEST {
            Err("strings: Repeat output length overflow".to_owned())
        } else {
            Ok(" ".repeat(count))
        }
    };
    if word.is_empty() {
        return Ok(Val::new(""));
    }
    Ok(Val::new(format!("{}{word}{}", spaces(1)?, spaces(2)?)))
}

fn truncate<'a>(args: &[Val<'a>], _: &Rules<'_>) -> Result<Val<'a>, String> {
    let (word, length) = (text(args, 0), integer(&args[1]).unwrap_or(0));
    let length = usize::try_from(length)
        .map_err(|_| format!("runtime error: slice bounds out of range [:{length}]"))?;
    // bytes, as docker counts; never half a character
    let end = (0..=length.min(word.len()))
        .rev()
        .find(|at| word.is_char_boundary(*at));
    Ok(Val::new(&word[..end.unwrap_or(0)]))
}

/// Go's `strings.Title`: the first letter of each word large.
fn title(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut inside_word = false;
    for c in text.chars() {
        if inside_word {
            out.push(c)
        } else {
            out.extend(c.to_uppercase())
        }
        inside_word = c.is_alphanumeric() || c == '_' || !c.is_ascii() && !c.is_whitespace();
    }
    out
}

fn html(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\0' => out.push(char::REPLACEMENT_CHARACTER),
            '"' => out += "&#34;",
            '\'' => out += "&#39;",
            '&' => out += "&amp;",
            '<' => out += "&lt;",
            '>' => out += "&gt;",
            _ => out.push(c),
        }
    }
    out
}

fn js(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' | '\'' | '"' => out.extend(['\\', c]),
            '<' | '>' | '&' | '=' => out += &format!("\\u{:04X}", c as u32),
            _ if c.is_control() => out += &format!("\\u{:04X}", c as u32),
            _ => out.push(c),
        }
    }
    out
}

/// Says why an argument does not suit a parameter; `written` is the literal, if it is one.
pub(super) fn mismatch(param: Param, val: &Val<'_>, written: Option<&str>) -> Option<String> {
    let value = val.json();
    let (fits, expected) = match param {
        Param::Any => (true, ""),
        Param::Text => (value.is_string(), "string"),
        Param::Int => (value.is_i64() || value.is_u64(), "int"),
        Param::Texts => {
            let is_empty = matches!(val, Val::Json(..)) && value.is_null();
            let texts = value
                .as_array()
                .is_some_and(|items| items.iter().all(Value::is_string));
            (is_empty || texts, "[]string")
        }
    };
    if fits {
        return None;
    }
    Some(match (written, param, val) {
        (Some(written), Param::Texts, _) => {
            format!("can't handle {written} for arg of type []string")
        }
        (Some("nil"), ..) => format!("cannot assign nil to {expected}"),
        (Some(written), Param::Int, _) => format!("expected integer; found {written}"),
        (Some(written), ..) => format!("expected {expected}; found {written}"),
        (_, _, Val::Json(value, _)) if !value.is_null() => {
            format!(
                "wrong type for value; expected {expected}; got {}",
                type_name(value)
            )
        }
        _ => format!("invalid value; expected {expected}"),
    })
}

/// Returns keys and values of a map, or indexes and items of a list or number, for `range`; `None` if it has none such.
pub(super) fn entries<'a>(
    val: &Val<'a>,
    rules: &Rules<'_>,
) -> Option<Box<dyn Iterator<Item = (Val<'a>, Val<'a>)> + 'a>> {
    let Val::Json(value, _) = val else {
        return Some(Box::new(std::iter::empty()));
    };
    match &**value {
        Value::Null => Some(Box::new(std::iter::empty())),
        Value::Array(items) => {
            let pairs =
                (0..items.len()).filter_map(|at| Some((Val::new(at), val.item(at, rules)?)));
            Some(Box::new(pairs.collect::<Vec<_>>().into_iter()))
        }
        // in Go's order, also for what is a struct in our eyes: docker falls back to maps there
        Value::Object(_) => {
            let names = keys(value, Shape::Map);
            let pairs = names
                .into_iter()
                .filter_map(|key| Some((Val::new(key.as_str()), val.member(key, rules)?)));
            Some(Box::new(pairs.collect::<Vec<_>>().into_iter()))
        }
        Value::Number(number) => {
            let count = number.as_i64()?;
            Some(Box::new((0..count).map(|at| (Val::new(at), Val::new(at)))))
        }
        _ => None,
    }
}
