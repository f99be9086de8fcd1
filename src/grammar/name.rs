//! Names of containers, and the key sequence that detaches.

use crate::error::{Error, Kind, Result};

/// Checks the name of a container; a leading slash does not belong to it. Returns the name.
pub fn container(text: &str) -> Result<&str> {
    let name = text.strip_prefix('/').unwrap_or(text);
    let inside = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-');
    if name.len() < 2
        || !name.bytes().all(inside)
        || !name.starts_with(|c: char| c.is_ascii_alphanumeric())
    {
        let rule = "only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed";
        return Err(Error::new(
            Kind::Invalid,
            format!("Invalid container name ({text}), {rule}"),
        ));
    }
    Ok(name)
}

/// The bytes of `ctrl-p,ctrl-q`.
pub const DETACH_KEYS: &[u8] = &[16, 17];

/// Parses `--detach-keys` (`ctrl-p,ctrl-q`, `a`, `DEL`) into the bytes that a terminal sends. An empty text has no keys: it
/// cannot be detached from.
pub fn detach_keys(text: &str) -> Result<Vec<u8>> {
    if text.is_empty() {
        return Ok(Vec::new());
    }
    text.split(',').map(detach_key).collect()
}

/// One key, as in moby/term's ToBytes.
fn detach_key(key: &str) -> Result<u8> {
    let control = key.strip_prefix("ctrl-").map(str::as_bytes);
    match (key.as_bytes(), control) {
        ([byte], _) => Ok(*byte),
        (b"DEL", _) => Ok(127),
        (_, Some([letter @ (b'a'..=b'z' | b'@' | b'['..=b'_')])) => Ok(*letter & 0x1f),
        _ => Err(Error::new(
            Kind::Usage,
            format!("Unknown character: '{key}'"),
        )),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn container_names_follow_dockers_rule() {
        for name in ["ab", "a_b.", "0-", "A9"] {
            assert_eq!(container(name).unwrap(), name);
        }
        assert_eq!(container("/ab").unwrap(), "ab");
        for name in ["a", "", "-a", ".a", "a b", "a/b", "é", "/"] {
            let expected = format!(
                "Invalid container name ({name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed"
            );
            assert_eq!(container(name).unwrap_err().to_string(), expected);
        }
    }

    #[test]
    fn keys_become_the_bytes_of_a_terminal() {
        let cases: &[(&str, &[u8])] = &[
            ("ctrl-p,ctrl-q", DETACH_KEYS),
            ("a", b"a"),
            ("ctrl-a", &[1]),
            ("ctrl-@", &[0]),
            ("ctrl-[", &[27]),
            ("ctrl-\\", &[28]),
            ("ctrl-]", &[29]),
            ("ctrl-^", &[30]),
            ("ctrl-_", &[31]),
            ("a,b", b"ab"),
            ("DEL", &[127]),
            (" ", b" "),
            ("", b""),
        ];
        for (text, expected) in cases {
            assert_eq!(&detach_keys(text).unwrap(), expected, "{text}");
        }
        for text in [
            "ctrl-A", "CTRL-a", "ctrl-1", ",", "a,,b", "del", "ab", "é", "ctrl-?", "esc", "ctrl-",
        ] {
            assert!(detach_keys(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_answered(text in "\\PC{0,12}|(ctrl-|[a-z,@])*") {
            let _ = (container(&text), detach_keys(&text));
        }
    }
}
