#![no_main]

use coracle::grammar::name;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let _ = name::detach_keys(text);
    if let Ok(name) = name::container(text) {
        assert!(!name.contains('/') && name != "." && name != "..");
    }
});
