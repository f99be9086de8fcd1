//! A request that did not bring what was asked for: by whose fault, and whether another try may help.

use std::error::Error as _;
use std::io;
use std::time::Duration;

use nix::errno::Errno;
use serde::Deserialize;

use crate::error::{Error, Kind};
use crate::sys::sentence;

/// Why a request failed.
#[derive(Debug)]
pub(super) enum Failure {
    /// The server answered with an error.
    Answer {
        what: String,
        status: u16,
        code: String,
        message: String,
        retry_after: Option<Duration>,
    },
    /// No answer, or one that was cut.
    Connection {
        what: String,
        why: String,
        /// When it failed.
        phase: Phase,
    },
    /// Nothing that another try could change.
    Final(Error),
}

/// How far a connection came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// No such name, no way there, nobody listens.
    Reaching,
    /// Somebody listens and does not speak TLS with us.
    Greeting,
    /// It was there.
    Speaking,
}

/// The body of an error (OCI distribution-spec, "Error Codes").
#[derive(Deserialize)]
struct Envelope {
    errors: Vec<Problem>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Problem {
    code: String,
    message: String,
}

impl Failure {
    /// Returns the failure that a status and its body tell of. `what` is the request as docker writes it.
    pub(super) fn answer(
        what: String,
        status: u16,
        body: &[u8],
        retry_after: Option<Duration>,
    ) -> Failure {
        let problem = serde_json::from_slice::<Envelope>(body)
            .ok()
            .and_then(|e| e.errors.into_iter().next());
        let Problem { code, message } = problem.unwrap_or_default();
        Failure::Answer {
            what,
            status,
            code,
            message,
            retry_after,
        }
    }

    /// Returns the failure of a request that got no answer.
    pub(super) fn connection(what: String, host: &str, e: &reqwest::Error) -> Failure {
        let cause = io_cause(e);
        let phase = phase(e, cause);
        let why = match cause {
            _ if e.is_timeout() => "no answer in time".to_owned(),
            Some(io) => match tls_words(&io.to_string()) {
                Some(words) => words,
                None if e.is_connect() => format!("dial tcp {host}: connect: {}", io_text(io)),
                None => io_text(io),
            },
            None if e.is_connect() => format!("dial tcp: {}", deepest(e)),
            None => deepest(e),
        };
        // the registry has read our hello and wants none of us: with TLS 1.3 it says so after the greeting
        let phase = if why.starts_with(REMOTE) {
            Phase::Greeting
        } else {
            phase
        };
        Failure::Connection { what, why, phase }
    }

    /// Whether waiting and asking again may help.
    pub(super) fn is_passing(&self) -> bool {
        match self {
            Failure::Answer { status, .. } => matches!(status, 408 | 429 | 500 | 502 | 503 | 504),
            // a name that does not exist or a closed port will be the same in a second
            Failure::Connection { phase, .. } => *phase == Phase::Speaking,
            Failure::Final(_) => false,
        }
    }

    /// The same for a host that has served us before: a registry that restarts, a network that comes back.
    pub(super) fn is_passing_midway(&self) -> bool {
        self.is_passing() || matches!(self, Failure::Connection { .. })
    }

    /// Whether the registry refused us rather than the request.
    pub(super) fn is_denied(&self) -> bool {
        match self {
            Failure::Answer { status, code, .. } => *status == 403 || code == "DENIED",
            Failure::Final(e) => e.kind() == Kind::Denied,
            Failure::Connection { .. } => false,
        }
    }

    /// Whether it serves only whom it knows.
    pub(super) fn asks_for_login(&self) -> bool {
        matches!(self, Failure::Answer { status: 401, .. })
    }

    /// Whether the registry does not have it.
    pub(super) fn is_missing(&self) -> bool {
        matches!(self, Failure::Answer { status: 404, .. })
    }

    /// Docker's form of the registry's words: `manifest unknown: manifest unknown`.
    pub(super) fn words(&self, default: &str) -> String {
        match self {
            Failure::Answer { code, message, .. } if !code.is_empty() => {
                format!(
                    "{}: {}",
                    code.to_lowercase().replace('_', " "),
                    one_line(message)
                )
            }
            _ => default.to_owned(),
        }
    }
}

impl From<Error> for Failure {
    fn from(e: Error) -> Failure {
        Failure::Final(e)
    }
}

impl From<Failure> for Error {
    fn from(f: Failure) -> Error {
        match f {
            Failure::Final(e) => e,
            Failure::Connection { what, why, .. } => {
                let hint = tls_hint(&why);
                let error = Error::new(Kind::Network, what).because(why);
                hint.map_or(error.clone(), |hint| error.hint(hint))
            }
            Failure::Answer {
                ref what, status, ..
            } => {
                let kind = match status {
                    401 | 403 => Kind::Denied,
                    404 => Kind::NotFound,
                    _ => Kind::Network,
                };
                let text = f.words(&format!(
                    "received unexpected HTTP status: {}",
                    phrase(status)
                ));
                let error = Error::new(kind, what.clone()).because(text);
                match status {
                    429 => error.hint("the registry limits requests; log in or try again later"),
                    _ => error,
                }
            }
        }
    }
}

/// `429 Too Many Requests`.
pub(super) fn phrase(status: u16) -> String {
    let name = reqwest::StatusCode::from_u16(status)
        .ok()
        .and_then(|s| s.canonical_reason());
    format!("{status} {}", name.unwrap_or_default())
        .trim_end()
        .to_owned()
}

fn phase(e: &reqwest::Error, cause: Option<&io::Error>) -> Phase {
    use io::ErrorKind::{ConnectionRefused, HostUnreachable, NetworkUnreachable, TimedOut};
    let nobody = |io: &io::Error| {
        matches!(
            io.kind(),
            ConnectionRefused | HostUnreachable | NetworkUnreachable | TimedOut
        )
    };
    match cause {
        _ if !e.is_connect() => Phase::Speaking,
        Some(io) if !nobody(io) => Phase::Greeting,
        _ => Phase::Reaching,
    }
}

const UNKNOWN_AUTHORITY: &str = "x509: certificate signed by unknown authority";
const REMOTE: &str = "remote error: tls: ";
const NOT_TLS: &str = "http: server gave HTTP response to HTTPS client";

/// Go's words for what rustls says: people and scripts know them.
fn tls_words(rustls: &str) -> Option<String> {
    if rustls.contains("InvalidContentType") {
        return Some(NOT_TLS.to_owned());
    }
    if let Some(alert) = rustls.strip_prefix("received fatal alert: ") {
        return Some(format!("{REMOTE}{}", spaced(alert)));
    }
    let why = rustls.strip_prefix("invalid peer certificate: ")?;
    let why = match why {
        "UnknownIssuer" => UNKNOWN_AUTHORITY.to_owned(),
        _ if why.contains("expired") || why.contains("not valid yet") => {
            format!(
                "x509: certificate has expired or is not yet valid: {}",
                one_line(why)
            )
        }
        _ => format!("x509: {}", one_line(why)),
    };
    Some(format!("tls: failed to verify certificate: {why}"))
}

/// `CertificateRequired` to `certificate required`.
fn spaced(name: &str) -> String {
    let mut words = String::new();
    for c in name.chars() {
        if c.is_uppercase() && !words.is_empty() {
            words.push(' ');
        }
        words.push(c.to_ascii_lowercase());
    }
    words
}

fn tls_hint(why: &str) -> Option<&'static str> {
    if why.starts_with(REMOTE) && why.contains("certificate") {
        return Some(
            "it asks for a client's: put client.cert and client.key into ~/.docker/certs.d/HOST:PORT",
        );
    }
    if why.ends_with(UNKNOWN_AUTHORITY) {
        return Some(
            "put the authority's certificate into ~/.docker/certs.d/HOST:PORT/ca.crt or name it in SSL_CERT_FILE",
        );
    }
    (why == NOT_TLS).then_some("a registry without TLS needs `insecure = true` in registries.conf")
}

fn io_cause(e: &reqwest::Error) -> Option<&io::Error> {
    let mut next = e.source();
    let mut found = None;
    while let Some(cause) = next {
        found = cause.downcast_ref::<io::Error>().or(found);
        next = cause.source();
    }
    found
}

fn io_text(e: &io::Error) -> String {
    match e.raw_os_error() {
        Some(number) => sentence(Errno::from_raw(number)),
        None if e.kind() == io::ErrorKind::UnexpectedEof => "unexpected EOF".to_owned(),
        None => one_line(&e.to_string()),
    }
}

/// The last sentence of the chain, which is the most concrete one.
fn deepest(e: &reqwest::Error) -> String {
    let mut text = e.to_string();
    let mut next = e.source();
    while let Some(cause) = next {
        text = cause.to_string();
        next = cause.source();
    }
    one_line(&text)
}

/// Text from outside as part of one line: no control characters, not endless.
pub(super) fn one_line(text: &str) -> String {
    text.trim()
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(300)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_become_docker_sentences_of_the_right_kind() {
        let get = || "Get \"https://r.io/v2/\"".to_owned();
        let unknown = br#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest\nunknown","detail":{"Tag":"13"}}]}"#;
        for (status, body, kind, text) in [
            (
                404,
                &unknown[..],
                Kind::NotFound,
                "Get \"https://r.io/v2/\": manifest unknown: manifest unknown",
            ),
            (
                500,
                b"<html>",
                Kind::Network,
                "Get \"https://r.io/v2/\": received unexpected HTTP status: 500 Internal Server Error",
            ),
            (
                403,
                b"",
                Kind::Denied,
                "Get \"https://r.io/v2/\": received unexpected HTTP status: 403 Forbidden",
            ),
        ] {
            let e = Error::from(Failure::answer(get(), status, body, None));
            assert_eq!((e.kind(), e.to_string().as_str()), (kind, text));
        }
    }

    #[test]
    fn tls_trouble_has_gos_words_and_a_way_out() {
        let told = |rustls: &str| {
            let why = tls_words(rustls)?;
            let what = "Get \"https://r.io/v2/\"".to_owned();
            Some(
                Error::from(Failure::Connection {
                    what,
                    why,
                    phase: Phase::Greeting,
                })
                .to_string(),
            )
        };
        let unknown = "Get \"https://r.io/v2/\": tls: failed to verify certificate: x509: certificate signed by unknown \
                       authority; put the authority's certificate into ~/.docker/certs.d/HOST:PORT/ca.crt or name it in \
                       SSL_CERT_FILE";
        assert_eq!(
            told("invalid peer certificate: UnknownIssuer").as_deref(),
            Some(unknown)
        );
        let plain = told("received corrupt message of type InvalidContentType").expect("known");
        assert!(
            plain.contains(
                "http: server gave HTTP response to HTTPS client; a registry without TLS"
            ),
            "{plain}"
        );
        let asked = told("received fatal alert: CertificateRequired").expect("known");
        assert!(
            asked.contains("remote error: tls: certificate required; it asks for a client's"),
            "{asked}"
        );
        assert_eq!(told("connection reset"), None);
    }

    #[test]
    fn only_passing_trouble_is_tried_again() {
        let passing = |status| Failure::answer(String::new(), status, b"", None).is_passing();
        let list = [400, 401, 403, 404, 408, 429, 500, 501, 502, 503, 504];
        let yes: Vec<u16> = list.into_iter().filter(|s| passing(*s)).collect();
        assert_eq!(yes, [408, 429, 500, 502, 503, 504]);
    }
}
