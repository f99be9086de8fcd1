#![no_main]

use coracle::grammar::user;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|texts: (&str, &str, &str)| {
    let (spec, passwd, group) = texts;
    if let Ok(mut user) = user::lookup(spec, passwd, group) {
        let _ = user::add_groups(&mut user, &[spec.to_owned()], group);
    }
});
