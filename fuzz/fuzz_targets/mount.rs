#![no_main]

use coracle::grammar::mount;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    for spec in [mount::parse_volume(text), mount::parse_mount(text), mount::parse_tmpfs(text)].into_iter().flatten() {
        assert!(spec.target.starts_with('/') && spec.target.len() > 1);
        assert!(!spec.target.split('/').any(|part| part == ".."));
    }
});
