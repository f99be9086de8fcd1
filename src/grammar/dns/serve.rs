//! The other side of DNS: a question read, an answer written (RFC 1035). Whoever asks may be hostile.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

const HEADER: usize = 12;
const TYPE_PTR: u16 = 12;
/// Seconds that an answer may be kept; docker's.
const TTL: u32 = 600;

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Question {
    /// The IPv4 addresses of a name, in lower case and without a last dot.
    V4(String),
    /// The IPv6 addresses of a name.
    V6(String),
    /// The name of an address.
    Name(IpAddr),
    /// Anything else about this name.
    Other(String),
}

/// What is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Record {
    /// An address.
    Address(IpAddr),
    /// A name.
    Name(String),
}

/// Returns the one question of a query; `None` for whatever is no plain query: others may make sense of it.
pub fn question(query: &[u8]) -> Option<Question> {
    let word = |at| super::word(query, at);
    let is_response = word(2)? & 0x8000 != 0;
    let operation = word(2)? & 0x7800;
    if is_response || operation != 0 || word(4)? != 1 {
        return None;
    }
    let (name, end) = name(query)?;
    let (kind, class) = (word(end)?, word(end + 2)?);
    if class != super::CLASS_IN {
        return Some(Question::Other(name));
    }
    Some(match kind {
        super::TYPE_A => Question::V4(name),
        super::TYPE_AAAA => Question::V6(name),
        TYPE_PTR => reverse(&name).map_or(Question::Other(name), Question::Name),
        _ => Question::Other(name),
    })
}

/// Says whether a message can be a question at all: it has a header, which says so.
pub fn is_query(message: &[u8]) -> bool {
    message.len() >= HEADER && message[2] & 0x80 == 0
}

/// Returns the id by which a query and its answer know each other.
pub fn id(message: &[u8]) -> Option<u16> {
    super::word(message, 0)
}

/// The name of the first question, and where it ends. A question has nothing to point back to.
fn name(query: &[u8]) -> Option<(String, usize)> {
    let (mut at, mut text) = (HEADER, String::new());
    loop {
        let length = usize::from(*query.get(at)?);
        at += 1;
        match length {
            0 => return Some((text, at)),
            1..=63 => {
                let label = query.get(at..at + length)?;
                if !text.is_empty() {
                    text.push('.');
                }
                text.push_str(&String::from_utf8_lossy(label).to_lowercase());
                at += length;
            }
            _ => return None,
        }
        if text.len() > 1024 {
            return None;
        }
    }
}

/// `2.0.17.172.in-addr.arpa` and its like of IPv6.
fn reverse(name: &str) -> Option<IpAddr> {
    if let Some(text) = name.strip_suffix(".in-addr.arpa") {
        let mut parts: Vec<u8> = Vec::new();
        for part in text.split('.') {
            parts.push(part.parse().ok()?);
        }
        let [d, c, b, a] = parts.try_into().ok()?;
        return Some(Ipv4Addr::new(a, b, c, d).into());
    }
    let text = name.strip_suffix(".ip6.arpa")?;
    let mut value: u128 = 0;
    let mut count = 0;
    for digit in text.rsplit('.') {
        value = value << 4 | u128::from_str_radix(digit, 16).ok().filter(|d| *d < 16)?;
        count += 1;
        if count > 32 {
            return None;
        }
    }
    (count == 32).then(|| Ipv6Addr::from(value).into())
}

/// Returns how many bytes an answer by UDP may have: 512, or what the question says (RFC 6891, 6.2.3).
pub fn room(query: &[u8]) -> usize {
    const PLAIN: usize = 512;
    const OPT: u16 = 41;
    let said = || {
        let (_, end) = name(query)?;
        // behind the one question: the root's name, the type, and in place of a class the size
        let additional = query.get(end + 4..)?;
        let is_size = additional.first() == Some(&0) && super::word(additional, 1) == Some(OPT);
        is_size.then(|| super::word(additional, 3)).flatten()
    };
    said().map_or(PLAIN, |size| PLAIN.max(size.into()))
}

/// Returns the answer to `query`, whose name exists and has these records, perhaps none. What has no place in `room` bytes is
/// left out, and the answer says so: whoever wants all asks by TCP.
pub fn records(query: &[u8], records: &[Record], room: usize) -> Option<Vec<u8>> {
    const TRUNCATED: u8 = 0x02;
    let mut message = head(query, 0, 0)?;
    for (count, record) in (1u16..).zip(records) {
        let end = message.len();
        // the name is that of the question
        message.extend([0xc0, HEADER as u8]);
        let (kind, data) = match record {
            Record::Address(IpAddr::V4(a)) => (super::TYPE_A, a.octets().to_vec()),
            Record::Address(IpAddr::V6(a)) => (super::TYPE_AAAA, a.octets().to_vec()),
            Record::Name(name) => (TYPE_PTR, super::encode_name(name)?),
        };
        message.extend(kind.to_be_bytes());
        message.extend(super::CLASS_IN.to_be_bytes());
        message.extend(TTL.to_be_bytes());
        message.extend((data.len() as u16).to_be_bytes());
        message.extend(data);
        if message.len() > room {
            message.truncate(end);
            message[2] |= TRUNCATED;
            break;
        }
        message[6..8].copy_from_slice(&count.to_be_bytes());
    }
    Some(message)
}

/// Returns the answer that there is no such name.
pub fn no_such_name(query: &[u8]) -> Option<Vec<u8>> {
    head(query, 3, 0)
}

/// Returns the answer that nobody could be asked.
pub fn failure(query: &[u8]) -> Option<Vec<u8>> {
    head(query, 2, 0)
}

/// The header of an answer and the question again.
fn head(query: &[u8], code: u16, answers: u16) -> Option<Vec<u8>> {
    let (_, end) = name(query)?;
    let mut message = query.get(..end + 4)?.to_vec();
    // a response; "recursion desired" is repeated, and "recursion available"
    let flags = 0x8080 | super::word(query, 2)? & 0x0100 | code;
    message[2..4].copy_from_slice(&flags.to_be_bytes());
    for (at, count) in [(4, 1), (6, answers), (8, 0), (10, 0)] {
        message[at..at + 2].copy_from_slice(&u16::to_be_bytes(count));
    }
    Some(message)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{Answer, Family, answer, query};
    use super::*;

    #[test]
    fn a_question_is_understood_and_its_answer_too() {
        let asked = query(7, "WEB.x", Family::V4).expect("a query");
        assert_eq!(question(&asked), Some(Question::V4("web.x".to_owned())));
        assert_eq!(id(&asked), Some(7));
        let address: IpAddr = [172, 18, 0, 2].into();
        let told = records(&asked, &[Record::Address(address)], 512).expect("an answer");
        assert_eq!(
            answer(&asked, &told),
            Some(Answer::Addresses(vec![address]))
        );
        let told = no_such_name(&asked).expect("an answer");
        assert_eq!(answer(&asked, &told), Some(Answer::NoSuchName));
        let told = failure(&asked).expect("an answer");
        assert_eq!(answer(&asked, &told), Some(Answer::Refused));
        // an answer is no question
        assert_eq!(question(&told), None);
    }

    #[test]
    fn an_answer_that_is_too_long_says_so_and_has_what_fits() {
        let mut asked = query(7, "web", Family::V4).expect("a query");
        let all: Vec<_> = (0..100)
            .map(|n| Record::Address([10, 0, 0, n].into()))
            .collect();
        let count = |told: &[u8]| (told[2] & 2 != 0, u16::from_be_bytes([told[6], told[7]]));
        assert_eq!(room(&asked), 512);
        let told = records(&asked, &all, room(&asked)).expect("an answer");
        // a header and a question of 21 bytes, records of 16
        assert_eq!((count(&told), told.len()), ((true, 30), 21 + 30 * 16));
        assert_eq!(
            count(&records(&asked, &all, 65_535).expect("all")),
            (false, 100)
        );
        // the size that this asker takes
        asked[11] = 1;
        asked.extend([0, 0, 41, 0x06, 0x40, 0, 0, 0, 0, 0, 0]);
        assert_eq!(room(&asked), 1600);
    }

    #[test]
    fn addresses_are_asked_for_their_names() {
        for (text, want) in [
            ("2.0.17.172.in-addr.arpa", Some("172.17.0.2")),
            ("0.17.172.in-addr.arpa", None),
            ("300.0.17.172.in-addr.arpa", None),
            (
                "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.d.f.ip6.arpa",
                Some("fd00::1"),
            ),
            ("1.ip6.arpa", None),
            ("x", None),
        ] {
            assert_eq!(reverse(text).map(|a| a.to_string()).as_deref(), want);
        }
    }

    proptest! {
        #[test]
        fn no_query_makes_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
            let _ = question(&bytes);
            let _ = no_such_name(&bytes);
            let _ = records(&bytes, &[Record::Name("a.b".to_owned())], room(&bytes));
        }
    }
}
