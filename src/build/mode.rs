//! The value of `--chmod`: octal digits, or chmod(1)'s words.

/// A `--chmod`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Mode {
    /// These twelve bits.
    Octal(u32),
    /// `u=rwX,go=rX`, checked.
    Symbolic(String),
}

impl Mode {
    /// Reads octal digits or chmod(1)'s words; the error is BuildKit's sentence.
    pub(super) fn parse(text: &str) -> Result<Mode, String> {
        if !text.is_empty() && text.chars().all(|c| c.is_ascii_digit()) {
            return match u32::from_str_radix(text, 8) {
                Ok(mode) if mode <= 0o7777 => Ok(Mode::Octal(mode)),
                _ => Err(bad_mode(text)),
            };
        }
        match symbolic(text, 0, false) {
            Some(_) => Ok(Mode::Symbolic(text.to_owned())),
            None => Err(bad_mode(text)),
        }
    }

    /// Returns the mode that something of mode `old` gets.
    pub(crate) fn apply(&self, old: u32, is_folder: bool) -> u32 {
        match self {
            Mode::Octal(mode) => *mode,
            Mode::Symbolic(text) => symbolic(text, old, is_folder).unwrap_or(old),
        }
    }
}

fn bad_mode(text: &str) -> String {
    format!("invalid chmod parameter: '{text}'. it should be octal string and between 0 and 07777")
}

/// chmod(1)'s words: `[ugoa]*[-+=][rwxXst]*`, by commas. `None` when they are none.
fn symbolic(text: &str, old: u32, is_folder: bool) -> Option<u32> {
    let mut mode = old;
    for clause in text.split(',') {
        let who_end = clause.find(['+', '-', '='])?;
        let who: u32 = clause[..who_end].chars().try_fold(0, |all, c| {
            Some(
                all | match c {
                    'u' => 0o4700,
                    'g' => 0o2070,
                    'o' => 0o1007,
                    'a' => 0o7777,
                    _ => return None,
                },
            )
        })?;
        let who = if who == 0 { 0o7777 } else { who };
        let mut rest = &clause[who_end..];
        while let Some(op) = rest.chars().next() {
            let end = rest[1..]
                .find(['+', '-', '='])
                .map_or(rest.len(), |at| at + 1);
            let bits: u32 = rest[1..end].chars().try_fold(0, |all, c| {
                Some(
                    all | match c {
                        'r' => 0o444,
                        'w' => 0o222,
                        'x' => 0o111,
                        'X' if is_folder || mode & 0o111 != 0 => 0o111,
                        'X' => 0,
                        's' => 0o6000,
                        't' => 0o1000,
                        _ => return None,
                    },
                )
            })?;
            let bits = bits & who;
            mode = match op {
                '+' => mode | bits,
                '-' => mode & !bits,
                '=' => mode & !(who & 0o777) & !(bits & 0o7000) | bits,
                _ => return None,
            };
            rest = &rest[end..];
        }
    }
    Some(mode)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_are_octal_or_symbolic() {
        let mode = |text: &str, old, folder| Mode::parse(text).map(|m| m.apply(old, folder));
        assert_eq!(mode("4755", 0, false), Ok(0o4755));
        assert_eq!(mode("u+x", 0o644, false), Ok(0o744));
        assert_eq!(mode("u=rwX,go=rX", 0o600, false), Ok(0o644));
        assert_eq!(mode("u=rwX,go=rX", 0o700, true), Ok(0o755));
        assert_eq!(mode("a-w+x", 0o666, false), Ok(0o555));
        assert_eq!(mode("g+s", 0o755, true), Ok(0o2755));
        for bad in ["99", "77777", "z", "u+q"] {
            assert_eq!(mode(bad, 0, false), Err(bad_mode(bad)));
        }
    }
}
