#![no_main]

use coracle::grammar::env;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = env::label_file(bytes, "f");
    if let Ok(variables) = env::file(bytes, "f", |_| None) {
        let merged = env::merge(&variables, &variables);
        assert!(merged.len() <= variables.len());
    }
});
