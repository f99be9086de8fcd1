//! Published and exposed ports: `-p [[ip:][host]:]container[/protocol]` and `--expose` (docker/go-connections nat).

use std::net::IpAddr;

use crate::error::{Error, Kind, Result};

/// One published port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mapping {
    /// Port in the container.
    pub container: u16,
    /// `tcp`, `udp` or `sctp`.
    pub protocol: String,
    /// Address on the host without brackets; empty for all.
    pub host_ip: String,
    /// Port on the host (`80`) or a range to choose from (`8000-8002`); empty for any.
    pub host_port: String,
}

impl Mapping {
    /// Returns docker's key: `80/tcp`.
    pub fn key(&self) -> String {
        format!("{}/{}", self.container, self.protocol)
    }
}

/// Parses one `-p`; a range of container ports gives several mappings. Also takes the long form
/// `target=80,published=8080,protocol=udp`.
pub fn parse_publish(text: &str) -> Result<Vec<Mapping>> {
    if text.contains('=') {
        return parse_short(&from_long(text)?);
    }
    parse_short(text)
}

fn parse_short(text: &str) -> Result<Vec<Mapping>> {
    let mut parts = text.rsplitn(3, ':');
    let (container, protocol) = split_protocol(parts.next().unwrap_or_default());
    let host = parts.next().unwrap_or_default();
    let host_ip = address(parts.next().unwrap_or_default())?;
    if container.is_empty() {
        return Err(usage(format!("No port specified: {text}<empty>")));
    }
    let invalid = |what: &str, port: &str| usage(format!("Invalid {what}: {port}"));
    let (first, last) = range(container).map_err(|_| invalid("containerPort", container))?;
    let host_range = match host {
        "" => None,
        _ => Some(range(host).map_err(|_| invalid("hostPort", host))?),
    };
    if first != last && host_range.is_some_and(|(low, high)| high - low != last - first) {
        return Err(usage(format!(
            "Invalid ranges specified for container and host Ports: {container} and {host}"
        )));
    }
    let protocol = protocol.to_lowercase();
    if !matches!(protocol.as_str(), "tcp" | "udp" | "sctp") {
        return Err(invalid("proto", &protocol));
    }
    let host_port = |offset: u16| match host_range {
        None => String::new(),
        Some((low, high)) if first == last && low != high => format!("{low}-{high}"),
        // cannot overflow: both ranges have the same length
        Some((low, _)) => (low + offset).to_string(),
    };
    let mapping = |container: u16| Mapping {
        container,
        protocol: protocol.clone(),
        host_ip: host_ip.clone(),
        host_port: host_port(container - first),
    };
    Ok((first..=last).map(mapping).collect())
}

/// Parses one `--expose` into keys: `80-81/udp` gives `80/udp`, `81/udp`.
pub fn parse_expose(text: &str) -> Result<Vec<String>> {
    if text.contains(':') {
        return Err(usage(format!("invalid port format for --expose: {text}")));
    }
    let (ports, protocol) = split_protocol(text);
    let (first, last) = range(ports).map_err(|e| {
        usage(format!(
            "invalid range format for --expose: {text}, error: {e}"
        ))
    })?;
    Ok((first..=last)
        .map(|port| format!("{port}/{protocol}"))
        .collect())
}

/// Parses `80` or `80-82`, both ends included.
pub fn range(text: &str) -> Result<(u16, u16)> {
    if text.is_empty() {
        return Err(usage("Empty string specified for ports."));
    }
    let mut ends = text.split('-');
    let first = number(ends.next().unwrap_or_default())?;
    let last = ends.next().map_or(Ok(first), number)?;
    if last < first {
        return Err(usage(format!(
            "Invalid range specified for the Port: {text}"
        )));
    }
    Ok((first, last))
}

/// Splits `80/udp` in port and protocol; `tcp` when there is none. What comes after a second slash does not count.
fn split_protocol(text: &str) -> (&str, &str) {
    let mut parts = text.split('/');
    let port = parts.next().unwrap_or_default();
    let protocol = parts.next().filter(|protocol| !protocol.is_empty());
    (port, protocol.unwrap_or("tcp"))
}

fn number(text: &str) -> Result<u16> {
    let problem = |why: &str| usage(format!("strconv.ParseUint: parsing {text:?}: {why}"));
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
        return Err(problem("invalid syntax"));
    }
    text.parse().map_err(|_| problem("value out of range"))
}

/// Checks an address and takes its brackets away. docker before 28 wants brackets around IPv6, later ones do not.
fn address(text: &str) -> Result<String> {
    if text.starts_with('[') && !text.ends_with(']') {
        let why = format!("address {text}:: missing ']' in address");
        return Err(usage(format!("Invalid ip address {text}: {why}")));
    }
    let bare = text
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .unwrap_or(text);
    if !bare.is_empty() && bare.parse::<IpAddr>().is_err() {
        return Err(usage(format!("Invalid ip address: {bare}")));
    }
    Ok(bare.to_owned())
}

/// Rewrites `target=80,published=8080` as `8080:80/tcp`.
fn from_long(text: &str) -> Result<String> {
    let (mut target, mut published, mut protocol) = ("", "", "tcp");
    for field in text.split(',') {
        match field.split_once('=').filter(|(key, _)| !key.is_empty()) {
            Some(("target", value)) => target = value,
            Some(("published", value)) => published = value,
            Some(("protocol", value)) => protocol = value,
            Some(_) => {}
            None => {
                let text = "invalid publish opts format (should be name=value but got";
                return Err(usage(format!("{text} '{field}')")));
            }
        }
    }
    Ok(format!("{published}:{target}/{protocol}"))
}

fn usage(text: impl Into<String>) -> Error {
    Error::new(Kind::Usage, text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn publish(text: &str) -> String {
        let show = |m: &Mapping| format!("{}|{}>{}", m.host_ip, m.host_port, m.key());
        match parse_publish(text) {
            Ok(list) => list.iter().map(show).collect::<Vec<_>>().join(" "),
            Err(e) => format!("! {e}"),
        }
    }

    #[test]
    fn ports_are_published_as_docker_does() {
        let cases = [
            ("80", "|>80/tcp"),
            ("80:80", "|80>80/tcp"),
            ("127.0.0.1:80:80", "127.0.0.1|80>80/tcp"),
            ("127.0.0.1::80", "127.0.0.1|>80/tcp"),
            ("::80", "|>80/tcp"),
            (":80", "|>80/tcp"),
            (":80:80", "|80>80/tcp"),
            ("80/udp", "|>80/udp"),
            ("80/UDP", "|>80/udp"),
            ("80:80/sctp", "|80>80/sctp"),
            ("80/", "|>80/tcp"),
            ("80:80/tcp/udp", "|80>80/tcp"),
            ("8000-8002:80", "|8000-8002>80/tcp"),
            ("80-80:80", "|80>80/tcp"),
            ("8000-8001:80-81", "|8000>80/tcp |8001>81/tcp"),
            ("80-82", "|>80/tcp |>81/tcp |>82/tcp"),
            ("[::1]:80:80", "::1|80>80/tcp"),
            ("[::1]::80", "::1|>80/tcp"),
            ("::1:80:80", "::1|80>80/tcp"),
            (
                "127.0.0.1:80-81:80-81/udp",
                "127.0.0.1|80>80/udp 127.0.0.1|81>81/udp",
            ),
            ("080:80", "|80>80/tcp"),
            ("0:80", "|0>80/tcp"),
            ("target=80,published=8080,protocol=udp", "|8080>80/udp"),
            (
                "target=80,x",
                "! invalid publish opts format (should be name=value but got 'x')",
            ),
            ("80/foo", "! Invalid proto: foo"),
            (
                "8000-8003:80-82",
                "! Invalid ranges specified for container and host Ports: 80-82 and 8000-8003",
            ),
            (
                "80:80-81",
                "! Invalid ranges specified for container and host Ports: 80-81 and 80",
            ),
            (
                "[::1]:80",
                "! Invalid ip address [:: address [::: missing ']' in address",
            ),
            (
                "[::1:80:80",
                "! Invalid ip address [::1: address [::1:: missing ']' in address",
            ),
            ("localhost:80:80", "! Invalid ip address: localhost"),
            ("65536", "! Invalid containerPort: 65536"),
            ("82-80", "! Invalid containerPort: 82-80"),
            (" 80", "! Invalid containerPort:  80"),
            ("80-", "! Invalid containerPort: 80-"),
            ("70000:80", "! Invalid hostPort: 70000"),
            ("", "! No port specified: <empty>"),
            ("80:", "! No port specified: 80:<empty>"),
            ("/", "! No port specified: /<empty>"),
        ];
        for (text, expected) in cases {
            assert_eq!(publish(text), expected, "{text}");
        }
    }

    #[test]
    fn ports_are_exposed_as_docker_does() {
        let range = "! invalid range format for --expose:";
        let cases = [
            ("80", "80/tcp"),
            ("80/udp", "80/udp"),
            ("80-82/tcp", "80/tcp 81/tcp 82/tcp"),
            ("80/foo", "80/foo"),
            ("80/", "80/tcp"),
            (
                "x",
                &format!("{range} x, error: strconv.ParseUint: parsing \"x\": invalid syntax"),
            ),
            (
                "65536",
                &format!(
                    "{range} 65536, error: strconv.ParseUint: parsing \"65536\": value out of range"
                ),
            ),
            (
                "-",
                &format!("{range} -, error: strconv.ParseUint: parsing \"\": invalid syntax"),
            ),
            (
                "82-80",
                &format!("{range} 82-80, error: Invalid range specified for the Port: 82-80"),
            ),
            (
                "",
                &format!("{range} , error: Empty string specified for ports."),
            ),
            ("80:80", "! invalid port format for --expose: 80:80"),
        ];
        for (text, expected) in cases {
            let got = parse_expose(text).map_or_else(|e| format!("! {e}"), |keys| keys.join(" "));
            assert_eq!(got, expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_answered(text in "[0-9:./=a,\\[\\]-]{0,16}", other in "\\PC{0,10}") {
            for text in [text, other] {
                let _ = (parse_publish(&text), parse_expose(&text));
            }
        }
    }
}
