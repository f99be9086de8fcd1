#![no_main]

use coracle::grammar::csv;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let _ = csv::fields(text);
});
