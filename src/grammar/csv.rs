//! One line of comma separated fields (RFC 4180), as Go's encoding/csv reads it: `--mount`, `--network`, `--gpus`.

use crate::error::{Error, Kind, Result};

/// Returns the fields of the first record, with Go's error texts. Lines after it are not read.
pub fn fields(text: &str) -> Result<Vec<String>> {
    let text = text.trim_start_matches(['\n']);
    if text.is_empty() {
        return Err(Error::new(Kind::Usage, "EOF"));
    }
    let mut cursor = Cursor {
        rest: text,
        line: 1,
        column: 1,
    };
    let mut fields = Vec::new();
    loop {
        let (field, more) = if cursor.eat('"') {
            cursor.quoted()?
        } else {
            cursor.bare()?
        };
        fields.push(field);
        if !more {
            return Ok(fields);
        }
    }
}

/// Where we are; line and column (in bytes) count from 1, for error texts.
struct Cursor<'a> {
    rest: &'a str,
    line: usize,
    column: usize,
}

impl<'a> Cursor<'a> {
    fn eat(&mut self, c: char) -> bool {
        let found = self.rest.starts_with(c);
        if found {
            self.take(c.len_utf8());
        }
        found
    }

    fn take(&mut self, bytes: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at(bytes);
        self.rest = rest;
        match taken.rfind('\n') {
            Some(at) => {
                self.line += taken.matches('\n').count();
                self.column = taken.len() - at;
            }
            None => self.column += taken.len(),
        }
        taken
    }

    /// Reads an unquoted field and says whether a comma followed.
    fn bare(&mut self) -> Result<(String, bool)> {
        let end = self.rest.find([',', '\n']).unwrap_or(self.rest.len());
        if let Some(quote) = self.rest[..end].find('"') {
            return Err(self.error(self.column + quote, "bare \" in non-quoted-field"));
        }
        let field = self.take(end).trim_end_matches('\r').to_owned();
        Ok((field, self.eat(',')))
    }

    /// Reads a field after its opening quote and says whether a comma followed.
    fn quoted(&mut self) -> Result<(String, bool)> {
        const QUOTE: &str = "extraneous or missing \" in quoted-field";
        let mut field = String::new();
        loop {
            let Some(end) = self.rest.find('"') else {
                self.take(self.rest.len());
                return Err(self.error(self.column, QUOTE));
            };
            field += self.take(end);
            self.take(1);
            if self.eat('"') {
                field.push('"');
            } else if self.eat(',') {
                return Ok((field, true));
            } else if matches!(
                self.rest.trim_start_matches('\r').chars().next(),
                None | Some('\n')
            ) {
                return Ok((field, false));
            } else {
                return Err(self.error(self.column - 1, QUOTE));
            }
        }
    }

    fn error(&self, column: usize, what: &str) -> Error {
        let record = if self.line > 1 {
            "record on line 1; "
        } else {
            ""
        };
        let text = format!(
            "{record}parse error on line {}, column {column}: {what}",
            self.line
        );
        Error::new(Kind::Usage, text)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn fields_are_those_of_go() {
        let cases: &[(&str, &str)] = &[
            ("a,b", "a|b"),
            ("a,", "a|"),
            ("\"a,b\",c", "a,b|c"),
            ("\"a\"\"b\"", "a\"b"),
            ("a\nb", "a"),
            ("\"a\nb\",c", "a\nb|c"),
            ("", "! EOF"),
            (
                "type=bind,src=\"/tmp\"",
                "! parse error on line 1, column 15: bare \" in non-quoted-field",
            ),
            (
                "type=bind,\"src=/tmp,dst=/x",
                "! parse error on line 1, column 27: extraneous or missing \" in quoted-field",
            ),
            (
                "type=bind,\"src=/tmp\"x,dst=/x",
                "! parse error on line 1, column 20: extraneous or missing \" in quoted-field",
            ),
        ];
        for (text, expected) in cases {
            let got = fields(text).map_or_else(|e| format!("! {e}"), |f| f.join("|"));
            assert_eq!(&got, expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_answered(text in "[a,\"\r\n=é]{0,12}") {
            let _ = fields(&text);
        }
    }
}
