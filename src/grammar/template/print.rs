//! Go's fmt: printing values, `printf`.

use serde_json::{Number, Value};

use super::Rules;
use super::value::{Shape, Val, keys, type_name};
use crate::grammar::go::{quote, quote_in};
use crate::grammar::units::general;

/// Wider than this is refused, as in Go.
const WIDEST: usize = 1_000_000;

/// Prints as `%v`.
pub(super) fn plain(val: &Val<'_>, rules: &Rules<'_>) -> String {
    Format::default().val(val, 'v', rules)
}

/// `fmt.Sprint`: a space between two operands of which neither is a text.
pub(super) fn sprint(args: &[Val<'_>], rules: &Rules<'_>) -> String {
    let mut out = String::new();
    for (index, arg) in args.iter().enumerate() {
        if index > 0 && arg.text().is_none() && args[index - 1].text().is_none() {
            out.push(' ');
        }
        out += &plain(arg, rules);
    }
    out
}

/// `fmt.Sprintln`.
pub(super) fn sprintln(args: &[Val<'_>], rules: &Rules<'_>) -> String {
    let words: Vec<String> = args.iter().map(|arg| plain(arg, rules)).collect();
    words.join(" ") + "\n"
}

/// `fmt.Sprintf`.
pub(super) fn sprintf(format: &str, args: &[Val<'_>], rules: &Rules<'_>) -> String {
    let mut printer = Printer {
        args,
        next: 0,
        reordered: false,
        rest: format,
    };
    let mut out = String::new();
    while let Some(start) = printer.rest.find('%') {
        out += &printer.rest[..start];
        printer.rest = &printer.rest[start + 1..];
        out += &printer.verb(rules);
    }
    out += printer.rest;
    if !printer.reordered && printer.next < args.len() {
        let extra = args[printer.next..].iter().map(|arg| match arg.json() {
            Value::Null => "<nil>".to_owned(),
            value => format!("{}={}", type_name(value), plain(arg, rules)),
        });
        out += &format!("%!(EXTRA {})", extra.collect::<Vec<_>>().join(", "));
    }
    out
}

struct Printer<'p, 'a> {
    args: &'p [Val<'a>],
    next: usize,
    /// An explicit index was used, so unused arguments are no mistake.
    reordered: bool,
    rest: &'p str,
}

impl Printer<'_, '_> {
    /// Prints one verb, after its `%`.
    fn verb(&mut self, rules: &Rules<'_>) -> String {
        let mut format = Format::default();
        while let Some(flag) = self.take(|c| "+-# 0".contains(c)) {
            match flag {
                '+' => format.plus = true,
                '-' => format.minus = true,
                '#' => format.sharp = true,
                ' ' => format.space = true,
                _ => format.zero = true,
            }
        }
        let mut wrong = String::new();
        let mut bad_index = self.index();
        match self.count() {
            Count::None => {}
            Count::Some(width) => {
                format.minus |= width < 0;
                format.width = width.unsigned_abs() as usize;
            }
            Count::Bad => wrong += "%!(BADWIDTH)",
        }
        if self.take(|c| c == '.').is_some() {
            bad_index |= self.index();
            match self.count() {
                Count::None => format.precision = Some(0),
                Count::Some(digits) if digits >= 0 => format.precision = Some(digits as usize),
                Count::Some(_) | Count::Bad => wrong += "%!(BADPREC)",
            }
        }
        bad_index |= self.index();
        let Some(verb) = self.take(|_| true) else {
            return wrong + "%!(NOVERB)";
        };
        if verb == '%' {
            return wrong + "%";
        }
        if bad_index {
            return wrong + &format!("%!{verb}(BADINDEX)");
        }
        let Some(arg) = self.args.get(self.next) else {
            return wrong + &format!("%!{verb}(MISSING)");
        };
        self.next += 1;
        wrong + &format.val(arg, verb, rules)
    }

    fn take(&mut self, test: impl Fn(char) -> bool) -> Option<char> {
        let c = self.rest.chars().next().filter(|c| test(*c))?;
        self.rest = &self.rest[c.len_utf8()..];
        Some(c)
    }

    /// Reads `[n]`; says whether it is a bad one.
    fn index(&mut self) -> bool {
        let Some(inside) = self.rest.strip_prefix('[') else {
            return false;
        };
        self.reordered = true;
        let Some((digits, rest)) = inside.split_once(']') else {
            self.rest = "";
            return true;
        };
        self.rest = rest;
        match digits.parse::<usize>() {
            Ok(number) if (1..=self.args.len()).contains(&number) => {
                self.next = number - 1;
                false
            }
            _ => true,
        }
    }

    /// Reads a width or precision: digits, or `*` for an argument.
    fn count(&mut self) -> Count {
        if self.take(|c| c == '*').is_some() {
            let number = self.args.get(self.next).and_then(|arg| arg.json().as_i64());
            self.next += 1;
            return match number {
                Some(number) if number.unsigned_abs() <= WIDEST as u64 => Count::Some(number),
                _ => Count::Bad,
            };
        }
        let digits = self.rest.len()
            - self
                .rest
                .trim_start_matches(|c: char| c.is_ascii_digit())
                .len();
        let (digits, rest) = self.rest.split_at(digits);
        self.rest = rest;
        match digits.parse::<i64>() {
            Ok(number) if number <= WIDEST as i64 => Count::Some(number),
            _ if digits.is_empty() => Count::None,
            _ => Count::Bad,
        }
    }
}

enum Count {
    None,
    Some(i64),
    Bad,
}

/// Flags, width and precision of one verb.
#[derive(Clone, Copy, Default)]
struct Format {
    plus: bool,
    minus: bool,
    sharp: bool,
    space: bool,
    zero: bool,
    width: usize,
    precision: Option<usize>,
}

impl Format {
    fn val(&self, val: &Val<'_>, verb: char, rules: &Rules<'_>) -> String {
        match val {
            Val::Json(value, shape) => self.value(value, *shape, verb, rules),
            _ => self.value(&Value::Null, Shape::Struct, verb, rules),
        }
    }

    fn value(&self, value: &Value, shape: Shape, verb: char, rules: &Rules<'_>) -> String {
        if verb == 'T' {
            return self.pad(type_name(value));
        }
        let printed = match value {
            Value::Null => match (shape, verb) {
                (Shape::Map, _) => Some("map[]".to_owned()),
                (Shape::List, _) => Some("[]".to_owned()),
                (Shape::Struct, 'v') => Some(self.pad("<nil>")),
                _ => return format!("%!{verb}(<nil>)"),
            },
            Value::Bool(value) => matches!(verb, 't' | 'v').then(|| self.pad(&value.to_string())),
            Value::Number(number) if number.is_f64() => {
                self.float(number.as_f64().unwrap_or(0.0), verb)
            }
            Value::Number(number) => self.integer(number, verb),
            Value::String(text) => self.text(text, verb),
            Value::Array(items) => {
                let items = items
                    .iter()
                    .map(|item| self.value(item, rules.element(), verb, rules));
                Some(format!("[{}]", items.collect::<Vec<_>>().join(" ")))
            }
            Value::Object(_) => Some(self.object(value, shape, verb, rules)),
        };
        printed.unwrap_or_else(|| {
            let plain = Format::default().value(value, shape, 'v', rules);
            format!("%!{verb}({}={plain})", type_name(value))
        })
    }

    fn object(&self, value: &Value, shape: Shape, verb: char, rules: &Rules<'_>) -> String {
        let member = |key: &String| {
            let printed = self.value(&value[key], rules.child(key, shape), verb, rules);
            match shape {
                Shape::Struct if self.plus => format!("{key}:{printed}"),
                Shape::Struct => printed,
                _ => format!(
                    "{}:{printed}",
                    self.text(key, verb).unwrap_or_else(|| key.clone())
                ),
            }
        };
        let members = keys(value, shape)
            .into_iter()
            .map(member)
            .collect::<Vec<_>>()
            .join(" ");
        if shape == Shape::Struct {
            format!("{{{members}}}")
        } else {
            format!("map[{members}]")
        }
    }

    fn text(&self, text: &str, verb: char) -> Option<String> {
        let shown = text
            .char_indices()
            .nth(self.precision.unwrap_or(usize::MAX))
            .map_or(text.len(), |(at, _)| at);
        let text = &text[..shown];
        let hex = |text: &str| text.bytes().map(|b| format!("{b:02x}")).collect::<String>();
        match verb {
            'v' if self.sharp => Some(self.pad(&quote(text))),
            's' | 'v' => Some(self.pad(text)),
            'q' if self.sharp && !text.contains('`') => Some(self.pad(&format!("`{text}`"))),
            'q' => Some(self.pad(&quote(text))),
            'x' => Some(self.pad(&hex(text))),
            'X' => Some(self.pad(&hex(text).to_uppercase())),
            _ => None,
        }
    }

    fn integer(&self, number: &Number, verb: char) -> Option<String> {
        let (negative, size) = match number.as_i64() {
            Some(number) => (number < 0, number.unsigned_abs()),
            None => (false, number.as_u64()?),
        };
        let sharp = |prefix: &'static str| if self.sharp { prefix } else { "" };
        let (prefix, digits) = match verb {
            'd' | 'v' => ("", size.to_string()),
            'b' => (sharp("0b"), format!("{size:b}")),
            'o' => (sharp("0"), format!("{size:o}")),
            'O' => ("0o", format!("{size:o}")),
            'x' => (sharp("0x"), format!("{size:x}")),
            'X' => (sharp("0X"), format!("{size:X}")),
            'U' => ("U+", format!("{size:04X}")),
            'c' | 'q' => {
                let c = u32::try_from(size)
                    .ok()
                    .and_then(char::from_u32)
                    .filter(|_| !negative);
                let c = c.unwrap_or(char::REPLACEMENT_CHARACTER).to_string();
                return Some(self.pad(&if verb == 'c' { c } else { quote_in('\'', &c) }));
            }
            _ => return None,
        };
        let digits = format!("{digits:0>width$}", width = self.precision.unwrap_or(1));
        Some(self.number(
            negative,
            &format!("{prefix}{digits}"),
            self.precision.is_none(),
        ))
    }

    fn float(&self, number: f64, verb: char) -> Option<String> {
        let size = number.abs();
        let digits = match verb {
            'e' | 'E' => exponent(&format!("{size:.*e}", self.precision.unwrap_or(6))),
            'f' | 'F' => format!("{size:.*}", self.precision.unwrap_or(6)),
            'g' | 'G' | 'v' => match self.precision {
                Some(precision) => general(size, precision),
                None => shortest(size),
            },
            _ => return None,
        };
        let digits = if verb.is_uppercase() {
            digits.to_uppercase()
        } else {
            digits
        };
        Some(self.number(number.is_sign_negative(), &digits, true))
    }

    /// Adds the sign and fills up, with zeros after the sign where asked.
    fn number(&self, negative: bool, digits: &str, may_fill: bool) -> String {
        let sign = match (negative, self.plus, self.space) {
            (true, ..) => "-",
            (_, true, _) => "+",
            (_, _, true) => " ",
            _ => "",
        };
        if self.zero && may_fill && !self.minus {
            return format!(
                "{sign}{digits:0>width$}",
                width = self.width.saturating_sub(sign.len())
            );
        }
        Format {
            zero: false,
            ..*self
        }
        .pad(&format!("{sign}{digits}"))
    }

    fn pad(&self, text: &str) -> String {
        let width = self.width;
        match (self.minus, self.zero) {
            (true, _) => format!("{text:<width$}"),
            (_, true) => format!("{text:0>width$}"),
            _ => format!("{text:>width$}"),
        }
    }
}

/// Rewrites Rust's exponent (`1e8`) as Go's (`1e+08`).
fn exponent(text: &str) -> String {
    let Some((mantissa, power)) = text.split_once('e') else {
        return text.to_owned();
    };
    let (sign, power) = power
        .strip_prefix('-')
        .map_or(('+', power), |power| ('-', power));
    format!("{mantissa}e{sign}{power:0>2}")
}

/// `%g` with as many digits as needed to read the number back; from 1e6 on and below 1e-4 with an exponent.
fn shortest(number: f64) -> String {
    let scientific = format!("{number:e}");
    let power: i32 = scientific
        .split_once('e')
        .and_then(|(_, power)| power.parse().ok())
        .unwrap_or(0);
    if (-4..6).contains(&power) {
        number.to_string()
    } else {
        exponent(&scientific)
    }
}
