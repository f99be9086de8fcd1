//! What a stub resolver reads and writes: DNS messages (RFC 1035, RFC 3596), hosts(5), resolv.conf(5).

pub mod serve;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

const TYPE_A: u16 = 1;
const TYPE_AAAA: u16 = 28;
const CLASS_IN: u16 = 1;
/// A query, recursion desired.
const FLAGS_QUERY: u16 = 0x0100;
/// Servers that resolv.conf may name (MAXNS).
const MOST_SERVERS: usize = 3;

/// Which addresses are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// A records.
    V4,
    /// AAAA records.
    V6,
}

/// What a server said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// The name exists and has these addresses, perhaps none.
    Addresses(Vec<IpAddr>),
    /// There is no such name.
    NoSuchName,
    /// The answer did not fit; ask by TCP.
    Truncated,
    /// The server could not or would not say.
    Refused,
}

/// Returns a query message; None when `name` cannot be a domain name.
pub fn query(id: u16, name: &str, family: Family) -> Option<Vec<u8>> {
    let mut message = Vec::with_capacity(name.len() + 18);
    for word in [id, FLAGS_QUERY, 1, 0, 0, 0] {
        message.extend(word.to_be_bytes());
    }
    message.extend(encode_name(name)?);
    message.extend(type_of(family).to_be_bytes());
    message.extend(CLASS_IN.to_be_bytes());
    Some(message)
}

fn type_of(family: Family) -> u16 {
    match family {
        Family::V4 => TYPE_A,
        Family::V6 => TYPE_AAAA,
    }
}

fn word(bytes: &[u8], at: usize) -> Option<u16> {
    let two = bytes.get(at..at + 2)?;
    Some(u16::from_be_bytes([two[0], two[1]]))
}

fn encode_name(name: &str) -> Option<Vec<u8>> {
    let name = name.strip_suffix('.').unwrap_or(name);
    if name.is_empty() || name.len() > 253 {
        return None;
    }
    let mut bytes = Vec::with_capacity(name.len() + 2);
    for label in name.split('.') {
        let length = u8::try_from(label.len())
            .ok()
            .filter(|n| (1..=63).contains(n))?;
        bytes.push(length);
        bytes.extend(label.bytes());
    }
    bytes.push(0);
    Some(bytes)
}

/// Reads the answer to `query`, a message of [`query`]; None when it answers something else and should be ignored.
///
/// Aliases are not followed by name: a recursive server sends the whole chain, and nothing else, as its answer.
pub fn answer(query: &[u8], message: &[u8]) -> Option<Answer> {
    let mut at = Cursor {
        bytes: message,
        at: 0,
    };
    let (id, flags) = (at.word()?, at.word()?);
    let (questions, answers) = (at.word()?, at.word()?);
    at.skip(4)?;
    let question = query.get(12..)?;
    let is_reply = flags & 0x8000 != 0;
    let echoed = message.get(12..12 + question.len())?;
    if !is_reply
        || id.to_be_bytes() != query[..2]
        || questions != 1
        || !echoed.eq_ignore_ascii_case(question)
    {
        return None;
    }
    if flags & 0x0200 != 0 {
        return Some(Answer::Truncated);
    }
    match flags & 0xf {
        0 => {}
        3 => return Some(Answer::NoSuchName),
        _ => return Some(Answer::Refused),
    }
    at.skip(question.len())?;
    let mut addresses = Vec::new();
    for _ in 0..answers {
        at.skip_name()?;
        let (kind, class) = (at.word()?, at.word()?);
        at.skip(4)?;
        let length = usize::from(at.word()?);
        let data = at.take(length)?;
        match (kind, class) {
            (TYPE_A, CLASS_IN) => addresses.push(IpAddr::from(<[u8; 4]>::try_from(data).ok()?)),
            (TYPE_AAAA, CLASS_IN) => addresses.push(IpAddr::from(<[u8; 16]>::try_from(data).ok()?)),
            _ => {}
        }
    }
    Some(Answer::Addresses(addresses))
}

struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let part = self.bytes.get(self.at..self.at.checked_add(count)?)?;
        self.at += count;
        Some(part)
    }

    fn skip(&mut self, count: usize) -> Option<()> {
        self.take(count).map(drop)
    }

    fn word(&mut self) -> Option<u16> {
        self.take(2).map(|b| u16::from_be_bytes([b[0], b[1]]))
    }

    /// Passes a name: labels, then a zero or a pointer, which ends it.
    fn skip_name(&mut self) -> Option<()> {
        loop {
            match self.take(1)?[0] {
                0 => return Some(()),
                length @ 1..=63 => self.skip(length.into())?,
                0xc0.. => return self.skip(1),
                _ => return None,
            }
        }
    }
}

/// Returns the addresses of `name` in the text of a hosts file.
pub fn hosts(text: &str, name: &str) -> Vec<IpAddr> {
    let name = name.strip_suffix('.').unwrap_or(name);
    let lines = text
        .lines()
        .map(|line| line.split('#').next().unwrap_or_default());
    let found = lines.filter_map(|line| {
        let mut words = line.split_whitespace();
        let address = words.next()?.parse().ok()?;
        words
            .any(|word| word.eq_ignore_ascii_case(name))
            .then_some(address)
    });
    found.collect()
}

/// What resolv.conf says, with its defaults.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolv {
    /// Servers in their order; never empty.
    pub servers: Vec<IpAddr>,
    /// Domains to try a name in.
    pub search: Vec<String>,
    /// A name with so many dots is tried as it is first.
    pub ndots: usize,
    /// Seconds to wait for an answer.
    pub timeout: u64,
    /// Rounds over all servers.
    pub attempts: u32,
}

/// Reads the text of a resolv.conf; what it does not say or says wrongly has its default.
pub fn resolv(text: &str) -> Resolv {
    let mut conf = Resolv {
        servers: Vec::new(),
        search: Vec::new(),
        ndots: 1,
        timeout: 5,
        attempts: 2,
    };
    for line in text.lines() {
        let mut words = line.split_whitespace();
        match words.next() {
            Some("nameserver") => {
                // a zone (`fe80::1%eth0`) would need the interface's index; such a server is passed over
                conf.servers
                    .extend(words.next().and_then(|w| w.parse::<IpAddr>().ok()));
            }
            // of several lines the last one counts
            Some("search") => conf.search = words.map(str::to_owned).collect(),
            Some("domain") => conf.search = words.take(1).map(str::to_owned).collect(),
            Some("options") => words.for_each(|word| conf.option(word)),
            _ => {}
        }
    }
    conf.servers.truncate(MOST_SERVERS);
    if conf.servers.is_empty() {
        conf.servers.push(IpAddr::V4(Ipv4Addr::LOCALHOST));
    }
    conf
}

impl Resolv {
    fn option(&mut self, word: &str) {
        let Some((key, value)) = word.split_once(':') else {
            return;
        };
        let Ok(value) = value.parse::<u32>() else {
            return;
        };
        match key {
            "ndots" => self.ndots = value.min(15) as usize,
            "timeout" => self.timeout = value.clamp(1, 30).into(),
            "attempts" => self.attempts = value.clamp(1, 5),
            _ => {}
        }
    }

    /// Returns the full names to ask for, in order.
    pub fn names(&self, name: &str) -> Vec<String> {
        if let Some(absolute) = name.strip_suffix('.') {
            return vec![absolute.to_owned()];
        }
        let searched = self
            .search
            .iter()
            .map(|domain| format!("{name}.{}", domain.trim_matches('.')));
        let mut names: Vec<String> = searched.filter(|full| !full.ends_with('.')).collect();
        let is_first = name.matches('.').count() >= self.ndots;
        names.insert(if is_first { 0 } else { names.len() }, name.to_owned());
        names
    }
}

/// Returns what `localhost` and every name below it mean, whatever servers say (RFC 6761, section 6.3).
pub fn loopback(name: &str) -> Option<[IpAddr; 2]> {
    let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
    let is_it = name == "localhost" || name.ends_with(".localhost");
    is_it.then_some([
        IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(Ipv6Addr::LOCALHOST),
    ])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// An answer to `query` with these flags and records, each (type, data), all under a pointer to the question.
    fn reply(query: &[u8], flags: u16, records: &[(u16, &[u8])]) -> Vec<u8> {
        let mut message = query.to_vec();
        message[2..4].copy_from_slice(&flags.to_be_bytes());
        message[6..8].copy_from_slice(&(records.len() as u16).to_be_bytes());
        for (kind, data) in records {
            message.extend([0xc0, 12]);
            message.extend(kind.to_be_bytes());
            message.extend([0, 1, 0, 0, 0, 60]);
            message.extend((data.len() as u16).to_be_bytes());
            message.extend(*data);
        }
        message
    }

    #[test]
    fn a_query_is_what_rfc_1035_draws() {
        let expected =
            b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x01r\x02io\x00\x00\x1c\x00\x01";
        assert_eq!(
            query(0x1234, "r.io.", Family::V6).as_deref(),
            Some(&expected[..])
        );
        for name in ["", ".", "a..b", &"x".repeat(64), &"ab.".repeat(90)] {
            assert_eq!(query(1, name, Family::V4), None, "{name}");
        }
    }

    #[test]
    fn answers_are_read_past_aliases() {
        let ask = query(7, "r.io", Family::V4).expect("a name");
        let cname: (u16, &[u8]) = (5, b"\x01x\x00");
        let message = reply(
            &ask,
            0x8180,
            &[cname, (1, &[10, 0, 0, 1]), (1, &[10, 0, 0, 2])],
        );
        let addresses = ["10.0.0.1", "10.0.0.2"].map(|a| a.parse().expect("an address"));
        assert_eq!(
            answer(&ask, &message),
            Some(Answer::Addresses(addresses.to_vec()))
        );
        assert_eq!(
            answer(&ask, &reply(&ask, 0x8183, &[])),
            Some(Answer::NoSuchName)
        );
        assert_eq!(
            answer(&ask, &reply(&ask, 0x8182, &[])),
            Some(Answer::Refused)
        );
        assert_eq!(
            answer(&ask, &reply(&ask, 0x8380, &[])),
            Some(Answer::Truncated)
        );
        assert_eq!(
            answer(&ask, &reply(&ask, 0x8180, &[])),
            Some(Answer::Addresses(vec![]))
        );
    }

    #[test]
    fn what_answers_another_question_is_ignored() {
        let ask = query(7, "r.io", Family::V4).expect("a name");
        for other in [
            query(8, "r.io", Family::V4),
            query(7, "s.io", Family::V4),
            query(7, "r.io", Family::V6),
        ] {
            let other = other.expect("a name");
            assert_eq!(
                answer(&ask, &reply(&other, 0x8180, &[(1, &[10, 0, 0, 1])])),
                None
            );
        }
        // the question itself, reflected
        assert_eq!(answer(&ask, &ask), None);
        let mut cut = reply(&ask, 0x8180, &[(1, &[10, 0, 0, 1])]);
        cut.pop();
        assert_eq!(answer(&ask, &cut), None);
    }

    #[test]
    fn hosts_files_and_localhost() {
        let text = "127.0.0.1 localhost\n# 1.1.1.1 r.io\n10.1.1.1\tr.io R2.io # r3.io\nbad r.io\n::1 r.io\n";
        let found = |name: &str| {
            hosts(text, name)
                .iter()
                .map(IpAddr::to_string)
                .collect::<Vec<_>>()
        };
        assert_eq!(found("R.io."), ["10.1.1.1", "::1"]);
        assert_eq!(found("r2.io"), ["10.1.1.1"]);
        assert_eq!(found("r3.io"), [""; 0]);
        assert!(loopback("a.LocalHost.").is_some() && loopback("localhost.io").is_none());
    }

    #[test]
    fn resolv_conf_has_defaults_and_a_search_list() {
        let empty = resolv("");
        assert_eq!(
            (
                empty.servers.len(),
                empty.ndots,
                empty.timeout,
                empty.attempts
            ),
            (1, 1, 5, 2)
        );
        let text = "nameserver 10.0.0.53\nnameserver fe80::1%eth0\nnameserver ::1\ndomain old.io\n\
                    search corp.io lab.io.\noptions ndots:2 timeout:99 rotate attempts:0\n";
        let conf = resolv(text);
        assert_eq!(
            conf.servers,
            ["10.0.0.53", "::1"].map(|a| a.parse::<IpAddr>().expect("an address"))
        );
        assert_eq!((conf.ndots, conf.timeout, conf.attempts), (2, 30, 1));
        assert_eq!(conf.names("r.io"), ["r.io.corp.io", "r.io.lab.io", "r.io"]);
        assert_eq!(
            conf.names("a.r.io"),
            ["a.r.io", "a.r.io.corp.io", "a.r.io.lab.io"]
        );
        assert_eq!(conf.names("r.io."), ["r.io"]);
    }

    proptest! {
        #[test]
        fn no_message_and_no_file_panics(
            message in proptest::collection::vec(any::<u8>(), 0..120),
            text in "[ -~\n]{0,120}",
        ) {
            let ask = query(7, "r.io", Family::V4).expect("a name");
            let mut shaped = reply(&ask, 0x8180, &[]);
            shaped[7] = 3;
            shaped.extend(&message);
            answer(&ask, &message);
            answer(&ask, &shaped);
            hosts(&text, "r.io");
            resolv(&text).names("r.io");
        }
    }
}
