#![no_main]

use coracle::grammar::platform::Platform;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(platform) = Platform::parse(text) {
        assert!(platform.matches(&platform));
    }
});
