#![no_main]

use coracle::grammar::reference::Reference;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(reference) = Reference::parse(text) {
        assert_eq!(Reference::parse(&reference.to_string()).expect("canonical form"), reference);
        assert_eq!(Reference::parse(&reference.familiar()).expect("short form"), reference);
    }
});
