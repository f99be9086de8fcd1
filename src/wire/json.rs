//! JSON text as Go's encoder writes it: 4 blanks of indent for `inspect`, `<`, `>` and `&` escaped in the rows of lists.

use serde::Serialize;

/// Adds `value` as an element of an indented list: a line end, then lines that begin with at least 4 blanks.
pub(crate) fn indent_into<T: Serialize>(text: &mut String, value: &T) {
    let mut out = Vec::with_capacity(8192);
    let style = serde_json::ser::PrettyFormatter::with_indent(b"    ");
    let mut to = serde_json::Serializer::with_formatter(&mut out, style);
    value
        .serialize(&mut to)
        .expect("wire types have string keys and write to memory");
    // a line end is never part of a JSON string
    for line in String::from_utf8(out)
        .expect("serde_json writes UTF-8")
        .lines()
    {
        text.push_str("\n    ");
        text.push_str(line);
    }
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
    }

    #[test]
    fn elements_of_a_list_are_indented_by_four() {
        let mut text = String::new();
        indent_into(&mut text, &serde_json::json!({"A": [], "B": {"c": "x\ny"}}));
        assert_eq!(
            text,
            "\n    {\n        \"A\": [],\n        \"B\": {\n            \"c\": \"x\\ny\"\n        }\n    }"
        );
    }
}
