//! Questions on a terminal.

use std::io::{ErrorKind, Read};

use super::out;
use crate::error::{Error, Kind, Result};
use crate::sys::fd::standard;
use crate::sys::tty::{RawMode, is_terminal};

/// Says whether somebody is there to answer.
pub(crate) fn is_possible() -> bool {
    is_terminal(standard(0)) && is_terminal(standard(1))
}

/// Asks for a line; what is typed is seen.
pub(crate) fn line(prompt: &str) -> Result<String> {
    out::text(prompt)?;
    let mut text = String::new();
    std::io::stdin().read_line(&mut text).map_err(unreadable)?;
    Ok(text.trim_end_matches(['\n', '\r']).to_owned())
}

/// Asks for a secret; what is typed is not seen. The terminal is itself again whatever happens: Ctrl-C is read as a key
/// here and not sent as a signal.
pub(crate) fn secret(prompt: &str) -> Result<String> {
    out::text(prompt)?;
    let raw = RawMode::enter(standard(0))?;
    let typed = keys(std::io::stdin().lock().bytes());
    drop(raw);
    out::text("\n")?;
    typed
}

/// Reads keys up to Enter, with backspace (DEL, ^H) and ^U.
fn keys(bytes: impl Iterator<Item = std::io::Result<u8>>) -> Result<String> {
    let mut typed: Vec<u8> = Vec::new();
    for byte in bytes {
        match byte.map_err(unreadable)? {
            b'\r' | b'\n' | 4 => break,
            3 => return Err(Error::new(Kind::Usage, "canceled")),
            8 | 127 => {
                // one character, however many bytes
                while typed.pop().is_some_and(|b| b & 0xc0 == 0x80) {}
            }
            21 => typed.clear(),
            other => typed.push(other),
        }
    }
    String::from_utf8(typed).map_err(|_| Error::new(Kind::Usage, "the answer is not valid UTF-8"))
}

fn unreadable(e: std::io::Error) -> Error {
    let error = Error::new(Kind::System, "cannot read the terminal");
    if e.kind() == ErrorKind::UnexpectedEof {
        error
    } else {
        error.because(e)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_edit_and_end() {
        let type_in = |text: &str| keys(text.bytes().map(Ok)).map_err(|e| e.to_string());
        assert_eq!(type_in("sesame\r").as_deref(), Ok("sesame"));
        assert_eq!(type_in("ab\u{7f}c\nrest").as_deref(), Ok("ac"));
        assert_eq!(type_in("aé\u{7f}b\r").as_deref(), Ok("ab"));
        assert_eq!(type_in("wrong\u{15}right").as_deref(), Ok("right"));
        assert_eq!(type_in("half\u{3}\r"), Err("canceled".to_owned()));
    }
}
