#![no_main]

use coracle::grammar::filter::{Filters, matches_reference};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|texts: (&str, &str)| {
    let (filter, name) = texts;
    let _ = matches_reference(filter, name);
    if let Ok(filters) = Filters::parse(&[filter], &["name", "exited", "dangling"]) {
        let _ = (filters.pattern("name", name), filters.integers("exited"), filters.boolean("dangling"));
    }
});
