//! JSON text as Go's encoder writes it: 4 blanks of indent for `inspect`, `<`, `>` and `&` escaped in the rows of lists.

use serde::Serialize;

/// Returns `value` with an indent of 4, as `docker inspect` prints it; without a final line end.
pub(crate) fn indented<T: Serialize>(value: &T) -> String {
    let mut out = Vec::with_capacity(8192);
    let style = serde_json::ser::PrettyFormatter::with_indent(b"    ");
    let mut to = serde_json::Serializer::with_formatter(&mut out, style);
    value
        .serialize(&mut to)
        .expect("wire types have string keys and write to memory");
    String::from_utf8(out).expect("serde_json writes UTF-8")
}

/// Returns `value` in one line.
pub(crate) fn compact<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).expect("wire types have string keys and write to memory")
}

/// Returns `value` in one line with `<`, `>` and `&` as escapes, as Go's json.Marshal does (`ps --format json`).
pub(crate) fn for_html<T: Serialize>(value: &T) -> String {
    compact(value)
        .replace('&', "\\u0026")
        .replace('<', "\\u003c")
        .replace('>', "\\u003e")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_escaped_as_go_does() {
        assert_eq!(
            for_html(&"80->80 & <none>"),
            r#""80-\u003e80 \u0026 \u003cnone\u003e""#
        );
        assert_eq!(
            indented(&serde_json::json!([{"A": [], "B": {"c": 1}}])),
            "[\n    {\n        \"A\": [],\n        \"B\": {\n            \"c\": 1\n        }\n    }\n]"
        );
    }
}
