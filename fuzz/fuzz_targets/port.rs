#![no_main]

use coracle::grammar::port;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let _ = (port::parse_publish(text), port::parse_expose(text));
});
