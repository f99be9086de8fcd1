#![no_main]

use coracle::grammar::template::{Objects, Rules, Template};
use libfuzzer_sys::fuzz_target;
use serde_json::json;

fuzz_target!(|text: &str| {
    let Ok(template) = Template::parse(text) else { return };
    // `range 999999999` and `%999999d` are slow as they should be
    if text.contains("range") || text.contains(|c: char| c.is_ascii_digit()) {
        return;
    }
    let data = json!({"A": "text", "B": [1, 2.5, null], "C": {"d": true}, "D": null});
    let structs = Objects::Structs { maps: &["C"], lists: &["D"] };
    for objects in [Objects::Maps, structs, Objects::Row("*formatter.Context")] {
        let _ = template.execute(&data, Rules { objects, ..Rules::default() });
    }
});
