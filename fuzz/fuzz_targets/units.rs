#![no_main]

use coracle::grammar::units;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let _ = (units::duration(text), units::signal(text), units::ulimit(text), units::cpus(text));
    if let Ok(bytes) = units::bytes(text) {
        assert!(bytes >= 0);
        let _ = (units::human_size(bytes as f64, 3), units::binary_size(bytes as f64));
    }
});
