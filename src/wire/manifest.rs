//! A manifest or index as `docker manifest inspect` prints it: indented by tabs, members in the order of docker's structs.

use serde::Serialize;
use serde_json::Value;

/// Docker's order; what it does not name comes behind.
const ORDER: &[&str] = &[
    "schemaVersion",
    "mediaType",
    "artifactType",
    "config",
    "layers",
    "manifests",
    "subject",
    "size",
    "digest",
    "urls",
    "platform",
    "architecture",
    "os",
    "os.version",
    "os.features",
    "variant",
    "features",
    "annotations",
];

/// Returns the document's text without a line end.
pub(crate) fn text(document: Value) -> String {
    let mut out = Vec::new();
    let style = serde_json::ser::PrettyFormatter::with_indent(b"\t");
    let mut to = serde_json::Serializer::with_formatter(&mut out, style);
    ordered(document)
        .serialize(&mut to)
        .expect("JSON has string keys and goes to memory");
    String::from_utf8(out).expect("serde_json writes UTF-8")
}

fn ordered(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let mut all: Vec<(String, Value)> = map.into_iter().collect();
            let rank = |key: &str| ORDER.iter().position(|k| *k == key).unwrap_or(ORDER.len());
            all.sort_by_key(|(key, _)| rank(key));
            Value::Object(all.into_iter().map(|(k, v)| (k, ordered(v))).collect())
        }
        Value::Array(all) => Value::Array(all.into_iter().map(ordered).collect()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Docker 26's text for a manifest whose members came in another order.
    #[test]
    fn members_are_in_dockers_order() {
        let sent = r#"{"config":{"digest":"sha256:aa","mediaType":"c","size":2},"layers":[],"mediaType":"m","schemaVersion":2}"#;
        assert_eq!(
            text(serde_json::from_str(sent).unwrap()),
            "{\n\t\"schemaVersion\": 2,\n\t\"mediaType\": \"m\",\n\t\"config\": {\n\t\t\"mediaType\": \"c\",\n\t\t\"size\": 2,\n\t\t\"digest\": \"sha256:aa\"\n\t},\n\t\"layers\": []\n}"
        );
    }
}
