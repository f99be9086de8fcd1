#![no_main]

use coracle::grammar::dockerfile::{self, ignore, words};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);
    let _ = words::Lexer::default().word(&text, &vec![("a", "b c"), ("empty", "")]);
    if let Ok(patterns) = ignore::Patterns::new(&ignore::lines(&text)) {
        patterns.excludes("a/b/c");
    }
    match dockerfile::parse(bytes) {
        Ok(file) => assert!(!file.stages.is_empty()),
        Err(fault) => {
            fault.lines.map(|lines| dockerfile::excerpt::excerpt("f", &text, lines));
        }
    }
});
