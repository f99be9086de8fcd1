#![no_main]

use coracle::grammar::dns::{self, serve};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|messages: (&[u8], &[u8])| {
    let (query, reply) = messages;
    let question = serve::question(query);
    let records = [
        serve::Record::Address([172, 17, 0, 2].into()),
        serve::Record::Name("web.mynet".to_owned()),
    ];
    let answered = serve::records(query, &records);
    // whatever is understood can be answered, and refused
    assert!(question.is_none() || answered.is_some() && serve::failure(query).is_some());
    let _ = (serve::id(query), serve::no_such_name(query));
    // a server's reply is no more to be trusted than a container's question
    let _ = dns::answer(query, reply);
    let _ = answered.map(|own| dns::answer(query, &own));
});
