//! Go's notation, which docker's command line takes and its texts show: strconv, path and net/url.

/// `url.QueryEscape`.
pub(crate) fn query_escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                out.push(byte.into())
            }
            b' ' => out.push('+'),
            _ => out += &format!("%{byte:02X}"),
        }
    }
    out
}

/// `strconv.ParseBool`; `None` for what it refuses.
pub(crate) fn boolean(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

/// `strconv.ParseInt`, or its error text.
pub(crate) fn integer(text: &str) -> Result<i64, String> {
    text.parse().map_err(|e: std::num::ParseIntError| {
        use std::num::IntErrorKind::{NegOverflow, PosOverflow};
        let why = match e.kind() {
            PosOverflow | NegOverflow => "value out of range",
            _ => "invalid syntax",
        };
        format!("strconv.ParseInt: parsing {}: {why}", quote(text))
    })
}

/// Returns an absolute path without `.`, `..`, double and trailing slashes (Go's `path.Clean`). Text only: a link is not
/// followed, so use it for names, never to decide what may be reached.
pub(crate) fn clean(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            _ => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

/// `time.Duration.String`: `1m0s`, `1.5s`, `300ms`. `ns`: nanoseconds.
pub(crate) fn duration(ns: i64) -> String {
    let sign = if ns < 0 { "-" } else { "" };
    let all = ns.unsigned_abs();
    let unit = |size: u64, name: &str| {
        let digits = format!("{:0width$}", all % size, width = size.ilog10() as usize);
        let fraction = digits.trim_end_matches('0');
        let dot = if fraction.is_empty() { "" } else { "." };
        format!("{sign}{}{dot}{fraction}{name}", all / size)
    };
    match all {
        0 => "0s".to_owned(),
        1..1_000 => format!("{sign}{all}ns"),
        1_000..1_000_000 => unit(1_000, "µs"),
        1_000_000..1_000_000_000 => unit(1_000_000, "ms"),
        _ => {
            let seconds = all / 1_000_000_000;
            let digits = format!("{:09}", all % 1_000_000_000);
            let fraction = digits.trim_end_matches('0');
            let dot = if fraction.is_empty() { "" } else { "." };
            let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
            let mut text = sign.to_owned();
            if hours > 0 {
                text += &format!("{hours}h");
            }
            if seconds >= 60 {
                text += &format!("{minutes}m");
            }
            text + &format!("{}{dot}{fraction}s", seconds % 60)
        }
    }
}

/// `strconv.Quote`.
pub(crate) fn quote(text: &str) -> String {
    quote_in('"', text)
}

/// `strconv.Quote` or `strconv.QuoteRune`.
pub(crate) fn quote_in(mark: char, text: &str) -> String {
    let mut out = String::from(mark);
    for c in text.chars() {
        match c {
            '\\' => out += "\\\\",
            _ if c == mark => out.extend(['\\', c]),
            '\u{7}' => out += "\\a",
            '\u{8}' => out += "\\b",
            '\u{c}' => out += "\\f",
            '\n' => out += "\\n",
            '\r' => out += "\\r",
            '\t' => out += "\\t",
            '\u{b}' => out += "\\v",
            _ if c.is_ascii_control() => out += &format!("\\x{:02x}", c as u32),
            _ if c.is_control() => out += &format!("\\u{:04x}", c as u32),
            _ => out.push(c),
        }
    }
    out.push(mark);
    out
}

/// `strconv.Unquote` of a text in double, single or back quotes. `None` when an escape is wrong.
pub(crate) fn unquote(text: &str) -> Option<String> {
    let quote = text.chars().next()?;
    let inside = text.get(1..text.len().checked_sub(1)?)?;
    if quote == '`' {
        return Some(inside.replace('\r', ""));
    }
    let mut bytes = Vec::new();
    let mut chars = inside.chars();
    while let Some(c) = chars.next() {
        if c == '\\' {
            unescape(&mut chars, quote, &mut bytes)?
        } else {
            push(&mut bytes, c)
        }
    }
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// Reads what comes after a backslash.
fn unescape(chars: &mut std::str::Chars<'_>, quote: char, bytes: &mut Vec<u8>) -> Option<()> {
    let c = chars.next()?;
    let mut code = |head: &str, count: usize, radix: u32| {
        let digits: String = head.chars().chain(chars.by_ref().take(count)).collect();
        let all = digits.len() == head.len() + count && !digits.starts_with('+');
        u32::from_str_radix(&digits, radix).ok().filter(|_| all)
    };
    let code = match c {
        'a' => 7,
        'b' => 8,
        'f' => 12,
        'n' => 10,
        'r' => 13,
        't' => 9,
        'v' => 11,
        '\\' => 92,
        '\'' | '"' if c == quote => c as u32,
        'u' => code("", 4, 16)?,
        'U' => code("", 8, 16)?,
        // these two are bytes, not characters, but in a character constant
        'x' | '0'..='7' => {
            let code = if c == 'x' {
                code("", 2, 16)?
            } else {
                code(&c.to_string(), 2, 8)?
            };
            let byte = u8::try_from(code).ok()?;
            if quote == '\'' {
                push(bytes, char::from(byte))
            } else {
                bytes.push(byte)
            }
            return Some(());
        }
        _ => return None,
    };
    push(bytes, char::from_u32(code)?);
    Some(())
}

fn push(bytes: &mut Vec<u8>, c: char) {
    bytes.extend(c.encode_utf8(&mut [0; 4]).bytes());
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_and_answers_are_refused_in_gos_words() {
        assert_eq!((boolean("T"), boolean("yes")), (Some(true), None));
        assert_eq!(integer("+5"), Ok(5));
        let refused = |text: &str| integer(text).unwrap_err();
        assert_eq!(
            refused("x"),
            "strconv.ParseInt: parsing \"x\": invalid syntax"
        );
        let large = "99999999999999999999";
        assert_eq!(
            refused(large),
            format!("strconv.ParseInt: parsing \"{large}\": value out of range")
        );
    }

    #[test]
    fn paths_are_cleaned_as_text() {
        for (path, expected) in [
            ("/", "/"),
            ("", "/"),
            ("//a/./b/", "/a/b"),
            ("/a/../../b", "/b"),
        ] {
            assert_eq!(clean(path), expected, "{path}");
        }
    }

    #[test]
    fn texts_are_quoted() {
        assert_eq!(quote("a\"b\\\u{1b}[0m\n'é"), "\"a\\\"b\\\\\\x1b[0m\\n'é\"");
        assert_eq!(quote_in('\'', "'"), "'\\''");
        assert_eq!(unquote("`a\\`").as_deref(), Some("a\\"));
        assert_eq!(
            unquote("\"\\x41\\u00e9\\101\\t\"").as_deref(),
            Some("AéA\t")
        );
        for bad in ["", "\"", "\"\\q\"", "\"\\u12\"", "\"\\ud800\"", "\"\\'\""] {
            assert_eq!(unquote(bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn what_is_quoted_reads_back(text in "\\PC{0,8}|[\n\t\"'\\\\a\u{1}]{0,8}") {
            prop_assert_eq!(unquote(&quote(&text)), Some(text));
        }

        #[test]
        fn any_text_is_answered(text in "(\"|'|`|\\\\|[a-f0-9xuU]|é){0,12}") {
            let _ = (unquote(&text), integer(&text), clean(&text));
        }
    }
}
