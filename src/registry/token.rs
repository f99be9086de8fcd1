//! What a registry wants to see before it answers: the challenge of a 401, as a value.

/// A `WWW-Authenticate` header that we can answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Challenge {
    /// Name and password with each request (RFC 7617).
    Basic,
    /// A token from `realm` (distribution, "Token Authentication Specification").
    Bearer {
        realm: String,
        service: Option<String>,
        scope: Option<String>,
    },
}

impl Challenge {
    /// Returns the best challenge of a response's headers: a token is preferred.
    pub(super) fn choose<'a>(headers: impl Iterator<Item = &'a str>) -> Option<Challenge> {
        let all: Vec<Challenge> = headers.flat_map(parse).collect();
        let bearer = all.iter().find(|c| matches!(c, Challenge::Bearer { .. }));
        bearer.or_else(|| all.first()).cloned()
    }
}

/// Reads the challenges of one header; unknown schemes are left out (RFC 9110, section 11.6.1).
fn parse(header: &str) -> Vec<Challenge> {
    let mut found: Vec<(String, Vec<(String, String)>)> = Vec::new();
    let mut rest = header.trim_start();
    while !rest.is_empty() {
        let end = rest.find([' ', '=', ',']).unwrap_or(rest.len());
        let (word, tail) = rest.split_at(end);
        let after = tail.trim_start();
        if let (Some(value), Some((_, parameters))) = (after.strip_prefix('='), found.last_mut()) {
            let (value, tail) = take_value(value.trim_start());
            parameters.push((word.to_ascii_lowercase(), value));
            rest = tail;
        } else if !word.is_empty() {
            found.push((word.to_ascii_lowercase(), Vec::new()));
            rest = after;
        } else {
            // a stray separator; always moves on
            rest = &tail[tail.chars().next().map_or(0, char::len_utf8)..];
        }
        rest = rest.trim_start_matches([' ', ',', '\t']);
    }
    found
        .into_iter()
        .filter_map(|(scheme, parameters)| challenge(&scheme, &parameters))
        .collect()
}

fn challenge(scheme: &str, parameters: &[(String, String)]) -> Option<Challenge> {
    let get = |name: &str| {
        parameters
            .iter()
            .find(|(k, _)| k == name)
            .map(|(_, v)| v.clone())
    };
    match scheme {
        "basic" => Some(Challenge::Basic),
        "bearer" => Some(Challenge::Bearer {
            realm: get("realm")?,
            service: get("service"),
            scope: get("scope"),
        }),
        _ => None,
    }
}

/// Takes a token or a quoted string.
fn take_value(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find([',', ' ']).unwrap_or(text.len());
        return (text[..end].to_owned(), &text[end..]);
    };
    let (mut value, mut escaped) = (String::new(), false);
    for (at, c) in quoted.char_indices() {
        match c {
            _ if escaped => {
                value.push(c);
                escaped = false;
            }
            '\\' => escaped = true,
            '"' => return (value, &quoted[at + 1..]),
            c => value.push(c),
        }
    }
    (value, "")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn bearer(realm: &str, service: Option<&str>, scope: Option<&str>) -> Option<Challenge> {
        let own = |t: &str| t.to_owned();
        Some(Challenge::Bearer {
            realm: own(realm),
            service: service.map(own),
            scope: scope.map(own),
        })
    }

    #[test]
    fn headers_of_real_registries() {
        for (header, expected) in [
            (r#"Basic realm="basic-realm""#, Some(Challenge::Basic)),
            (
                r#"Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:library/x:pull",error="insufficient_scope""#,
                bearer(
                    "https://auth.docker.io/token",
                    Some("registry.docker.io"),
                    Some("repository:library/x:pull"),
                ),
            ),
            (
                r#"bearer realm=https://a/b , service=x"#,
                bearer("https://a/b", Some("x"), None),
            ),
            (
                r#"Bearer scope="a,b:pull,push", realm="r\"q""#,
                bearer("r\"q", None, Some("a,b:pull,push")),
            ),
            (
                r#"Basic realm="a", Bearer realm="b""#,
                bearer("b", None, None),
            ),
            (r#"Negotiate, NTLM"#, None),
            (r#"Bearer service="no-realm""#, None),
            ("", None),
        ] {
            assert_eq!(
                Challenge::choose([header].into_iter()),
                expected,
                "{header}"
            );
        }
    }

    proptest! {
        #[test]
        fn any_header_ends(header in "[ -~]{0,80}") {
            Challenge::choose([header.as_str()].into_iter());
        }
    }
}
