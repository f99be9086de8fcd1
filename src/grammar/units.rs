//! Sizes, times, signals and limits, in docker's notation (docker/go-units, moby/sys/signal, Go's time package).

use super::go;
use crate::error::{Error, Kind, Result};

/// Parses a size with binary units (`64m`, `1.5GiB`, `512`) into bytes: `--memory`, `--shm-size`, `tmpfs-size`.
pub fn bytes(text: &str) -> Result<i64> {
    let invalid = || usage(format!("invalid size: '{text}'"));
    let end = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let number: f64 = text[..end].parse().map_err(|_| invalid())?;
    let unit = text[end..]
        .strip_prefix(' ')
        .unwrap_or(&text[end..])
        .to_ascii_lowercase();
    let unit = unit.strip_suffix('b').unwrap_or(&unit);
    let power = match unit.strip_suffix('i').unwrap_or(unit) {
        "" => 0,
        "k" => 1,
        "m" => 2,
        "g" => 3,
        "t" => 4,
        "p" => 5,
        _ => return Err(invalid()),
    };
    let size = number * 1024f64.powi(power);
    // 2^63, exactly
    if size >= 9_223_372_036_854_775_808.0 {
        Err(invalid())
    } else {
        Ok(size as i64)
    }
}

/// Prints a size with decimal units and at most `digits` significant digits: 3 as `docker images`, 4 as `docker pull`.
pub fn human_size(bytes: f64, digits: usize) -> String {
    scale(
        bytes,
        1000.0,
        digits,
        &["B", "kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB"],
    )
}

/// Prints a size with binary units and four digits, as `docker stats`: `1.944GiB`.
pub fn binary_size(bytes: f64) -> String {
    scale(
        bytes,
        1024.0,
        4,
        &["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB", "ZiB", "YiB"],
    )
}

fn scale(mut size: f64, base: f64, digits: usize, units: &[&str]) -> String {
    let mut unit = 0;
    while size >= base && unit + 1 < units.len() {
        size /= base;
        unit += 1;
    }
    general(size, digits) + units[unit]
}

/// C's `%.<digits>g`: significant digits without trailing zeros, or an exponent if the number has more digits before the
/// point than that.
pub(crate) fn general(number: f64, digits: usize) -> String {
    let trim = |text: &str| match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text.to_owned(),
    };
    let digits = digits.max(1);
    let scientific = format!("{number:.*e}", digits - 1);
    let Some((mantissa, exponent)) = scientific.split_once('e') else {
        return scientific;
    };
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if exponent < -4 || exponent >= digits as i32 {
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{}e{sign}{:02}", trim(mantissa), exponent.abs());
    }
    trim(&format!(
        "{number:.*}",
        (digits as i32 - 1 - exponent).max(0) as usize
    ))
}

/// Parses a duration (`1m30s`, `100ms`, `1.5h`) into nanoseconds, with the texts of Go's `time.ParseDuration`.
pub fn duration(text: &str) -> Result<i64> {
    let invalid = || usage(format!("time: invalid duration {text:?}"));
    let negative = text.starts_with('-');
    let mut rest = text.strip_prefix(['-', '+']).unwrap_or(text);
    if rest == "0" {
        return Ok(0);
    }
    if rest.is_empty() {
        return Err(invalid());
    }
    let mut total: i128 = 0;
    while !rest.is_empty() {
        let end = rest
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(rest.len());
        let (number, after) = rest.split_at(end);
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if whole.len() + fraction.len() == 0 || fraction.contains('.') || whole.len() > 19 {
            return Err(invalid());
        }
        let end = after
            .find(|c: char| c.is_ascii_digit() || c == '.')
            .unwrap_or(after.len());
        let (unit, after) = after.split_at(end);
        let scale = match unit {
            "" => return Err(usage(format!("time: missing unit in duration {text:?}"))),
            _ => unit_nanoseconds(unit).ok_or_else(|| {
                usage(format!("time: unknown unit {unit:?} in duration {text:?}"))
            })?,
        };
        // digits beyond the 18th are below a nanosecond even for hours
        let fraction = &fraction[..fraction.len().min(18)];
        let decimals = 10i128.pow(fraction.len() as u32);
        let fraction = fraction.parse().unwrap_or(0) * scale / decimals;
        total = total.saturating_add(whole.parse().unwrap_or(0) * scale + fraction);
        rest = after;
    }
    i64::try_from(if negative { -total } else { total }).map_err(|_| invalid())
}

fn unit_nanoseconds(unit: &str) -> Option<i128> {
    Some(match unit {
        "ns" => 1,
        // U+00B5 and U+03BC
        "us" | "µs" | "μs" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        _ => return None,
    })
}

/// Prints a time span as `docker ps` does: `About a minute`, `2 hours`, `3 weeks`. A negative one counts as none.
pub fn human_duration(seconds: i64) -> String {
    let minutes = seconds / 60;
    let hours = (seconds + 1800) / 3600;
    match (seconds, minutes, hours) {
        (..1, ..) => "Less than a second".to_owned(),
        (1, ..) => "1 second".to_owned(),
        (..60, ..) => format!("{seconds} seconds"),
        (_, 1, _) => "About a minute".to_owned(),
        (_, ..60, _) => format!("{minutes} minutes"),
        (.., 1) => "About an hour".to_owned(),
        (.., ..48) => format!("{hours} hours"),
        (.., ..336) => format!("{} days", hours / 24),
        (.., ..1440) => format!("{} weeks", hours / 24 / 7),
        (.., ..17520) => format!("{} months", hours / 24 / 30),
        _ => format!("{} years", seconds / 3600 / 24 / 365),
    }
}

/// Numbers on all architectures that we build for (x86-64, arm64, arm, riscv64); signal(7).
#[rustfmt::skip]
const SIGNALS: &[(&str, i32)] = &[
    ("HUP", 1), ("INT", 2), ("QUIT", 3), ("ILL", 4), ("TRAP", 5), ("ABRT", 6), ("IOT", 6), ("BUS", 7),
    ("FPE", 8), ("KILL", 9), ("USR1", 10), ("SEGV", 11), ("USR2", 12), ("PIPE", 13), ("ALRM", 14),
    ("TERM", 15), ("STKFLT", 16), ("CHLD", 17), ("CLD", 17), ("CONT", 18), ("STOP", 19), ("TSTP", 20),
    ("TTIN", 21), ("TTOU", 22), ("URG", 23), ("XCPU", 24), ("XFSZ", 25), ("VTALRM", 26), ("PROF", 27),
    ("WINCH", 28), ("IO", 29), ("POLL", 29), ("PWR", 30), ("SYS", 31), ("RTMIN", 34), ("RTMAX", 64),
];

/// Parses a signal: `9`, `KILL`, `sigkill`, `SIGRTMIN+3`, `RTMAX-2`. Returns 1 to 64.
pub fn signal(text: &str) -> Result<i32> {
    let invalid = |what: &str| Error::new(Kind::Invalid, format!("{what} {text}"));
    if let Ok(number) = text.parse::<i32>() {
        return match number {
            0 => Err(invalid("invalid signal:")),
            1..=64 => Ok(number),
            _ => Err(invalid("the linux daemon does not support signal")),
        };
    }
    let upper = text.to_ascii_uppercase();
    let name = upper.strip_prefix("SIG").unwrap_or(&upper);
    let real_time = |offset: &str, base: i32, sign: i32| {
        let offset: i32 = offset
            .parse()
            .ok()
            .filter(|_| offset.starts_with(|c: char| c.is_ascii_digit()))?;
        (1..=15 - i32::from(sign < 0))
            .contains(&offset)
            .then_some(base + sign * offset)
    };
    let number = match (name.strip_prefix("RTMIN+"), name.strip_prefix("RTMAX-")) {
        (Some(offset), _) => real_time(offset, 34, 1),
        (_, Some(offset)) => real_time(offset, 64, -1),
        _ => SIGNALS
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, number)| *number),
    };
    number.ok_or_else(|| invalid("invalid signal:"))
}

/// Returns the name of a signal without `SIG`: `TERM`; `None` for the nameless real-time ones.
pub fn signal_name(number: i32) -> Option<&'static str> {
    SIGNALS
        .iter()
        .find(|(_, known)| *known == number)
        .map(|(name, _)| *name)
}

/// A resource limit of `--ulimit`; -1 means unlimited.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ulimit {
    /// One of docker's names: `nofile`, `core`, ...
    pub name: String,
    /// The limit in force.
    pub soft: i64,
    /// The limit that the soft one may be raised to.
    pub hard: i64,
}

/// The names that `--ulimit` knows (setrlimit(2)'s, without `as`: docker leaves that out).
pub const ULIMIT_NAMES: &[&str] = &[
    "core",
    "cpu",
    "data",
    "fsize",
    "locks",
    "memlock",
    "msgqueue",
    "nice",
    "nofile",
    "nproc",
    "rss",
    "rtprio",
    "rttime",
    "sigpending",
    "stack",
];

/// Parses `name=soft[:hard]`.
pub fn ulimit(text: &str) -> Result<Ulimit> {
    let (name, limits) = text
        .split_once('=')
        .ok_or_else(|| usage(format!("invalid ulimit argument: {text}")))?;
    if !ULIMIT_NAMES.contains(&name) {
        return Err(usage(format!("invalid ulimit type: {name}")));
    }
    let (soft, hard) = match limits.split(':').collect::<Vec<_>>()[..] {
        [soft] => (integer(soft)?, integer(soft)?),
        [soft, hard] => {
            let hard = integer(hard)?;
            (integer(soft)?, hard)
        }
        _ => {
            return Err(usage(format!(
                "too many limit value arguments - {limits}, can only have up to two, `soft[:hard]`"
            )));
        }
    };
    let order = "ulimit soft limit must be less than or equal to hard limit:";
    if hard != -1 && soft == -1 {
        return Err(usage(format!("{order} soft: -1 (unlimited), hard: {hard}")));
    }
    if hard != -1 && soft > hard {
        return Err(usage(format!("{order} {soft} > {hard}")));
    }
    Ok(Ulimit {
        name: name.to_owned(),
        soft,
        hard,
    })
}

fn integer(text: &str) -> Result<i64> {
    go::integer(text).map_err(usage)
}

/// Parses `--cpus` (`1.5`, `1/2`) into units of 1e-9 processors.
pub fn cpus(text: &str) -> Result<i64> {
    let invalid = || usage(format!("failed to parse {text} as a rational number"));
    let (above, below) = text.split_once('/').unwrap_or((text, "1"));
    let (above, above_scale) = decimal(above).ok_or_else(invalid)?;
    let below: i128 = below
        .parse::<u32>()
        .ok()
        .filter(|n| *n != 0)
        .ok_or_else(invalid)?
        .into();
    if text.contains('/') && above_scale != 1 {
        return Err(invalid());
    }
    let (nano, rest) = (
        above * 1_000_000_000 / (above_scale * below),
        above * 1_000_000_000 % (above_scale * below),
    );
    if rest != 0 {
        return Err(usage("value is too precise"));
    }
    i64::try_from(nano).map_err(|_| invalid())
}

/// Reads `[+-]digits[.digits]` as a fraction: its digits and a power of ten.
fn decimal(text: &str) -> Option<(i128, i128)> {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    let digits = format!("{whole}{fraction}");
    if digits.is_empty() || digits.len() > 25 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let number: i128 = digits.parse().ok()?;
    let number = if text.starts_with('-') {
        -number
    } else {
        number
    };
    Some((number, 10i128.pow(fraction.len() as u32)))
}

fn usage(text: impl Into<String>) -> Error {
    Error::new(Kind::Usage, text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn show<T: std::fmt::Display>(result: Result<T>) -> String {
        result.map_or_else(|e| format!("! {e}"), |v| v.to_string())
    }

    #[test]
    fn sizes_are_binary() {
        let cases = [
            ("64m", "67108864"),
            ("64M", "67108864"),
            ("64MiB", "67108864"),
            ("64mb", "67108864"),
            ("64 m", "67108864"),
            ("1.5g", "1610612736"),
            ("6mi", "6291456"),
            ("6Ib", "6"),
            ("512", "512"),
            ("1p", "1125899906842624"),
            ("", "! invalid size: ''"),
            ("x", "! invalid size: 'x'"),
            ("1x", "! invalid size: '1x'"),
            ("-1", "! invalid size: '-1'"),
            ("1e3", "! invalid size: '1e3'"),
            ("1..5m", "! invalid size: '1..5m'"),
            (".", "! invalid size: '.'"),
            (" 6m", "! invalid size: ' 6m'"),
            ("6m ", "! invalid size: '6m '"),
            ("99999999999g", "! invalid size: '99999999999g'"),
        ];
        for (text, expected) in cases {
            assert_eq!(show(bytes(text)), expected, "{text}");
        }
    }

    #[test]
    fn sizes_are_printed_with_significant_digits() {
        let three = [
            (0.0, "0B"),
            (999.0, "999B"),
            (1000.0, "1kB"),
            (172_890_000.0, "173MB"),
            (4.26e6, "4.26MB"),
        ];
        for (size, expected) in three {
            assert_eq!(human_size(size, 3), expected);
        }
        assert_eq!(human_size(999_900.0, 3), "1e+03kB");
        assert_eq!(human_size(28_231_234.0, 4), "28.23MB");
        assert_eq!(binary_size(2_087_325_696.0), "1.944GiB");
        assert_eq!(binary_size(1023.0), "1023B");
    }

    #[test]
    fn durations_are_those_of_go() {
        let cases = [
            ("1s", "1000000000"),
            ("1m30s", "90000000000"),
            ("1.5h", "5400000000000"),
            ("1h1h", "7200000000000"),
            (".5s", "500000000"),
            ("1.s", "1000000000"),
            ("1µs", "1000"),
            ("-1s", "-1000000000"),
            ("+5s", "5000000000"),
            ("0", "0"),
            ("1", "! time: missing unit in duration \"1\""),
            ("x", "! time: invalid duration \"x\""),
            ("", "! time: invalid duration \"\""),
            ("1d", "! time: unknown unit \"d\" in duration \"1d\""),
            ("1s ", "! time: unknown unit \"s \" in duration \"1s \""),
            // found by fuzzing: 37 digits times an hour
            (
                "9999999999999999999.999999999999999999h",
                "! time: invalid duration \"9999999999999999999.999999999999999999h\"",
            ),
            ("9999999h", "! time: invalid duration \"9999999h\""),
            ("s", "! time: invalid duration \"s\""),
            ("1..s", "! time: invalid duration \"1..s\""),
        ];
        for (text, expected) in cases {
            assert_eq!(show(duration(text)), expected, "{text}");
        }
    }

    #[test]
    fn spans_are_printed_as_words() {
        let hour = 3600;
        let day = 24 * hour;
        let cases = [
            (-5, "Less than a second"),
            (0, "Less than a second"),
            (1, "1 second"),
            (59, "59 seconds"),
            (60, "About a minute"),
            (120, "2 minutes"),
            (3599, "59 minutes"),
            (hour, "About an hour"),
            (hour + 1800, "2 hours"),
            (2 * day - 1801, "47 hours"),
            (2 * day, "2 days"),
            (14 * day, "2 weeks"),
            (60 * day, "2 months"),
            (730 * day, "2 years"),
        ];
        for (seconds, expected) in cases {
            assert_eq!(human_duration(seconds), expected, "{seconds}");
        }
    }

    #[test]
    fn signals_have_names_and_numbers() {
        let cases = [
            ("TERM", "15"),
            ("SIGTERM", "15"),
            ("sigkill", "9"),
            ("+9", "9"),
            ("64", "64"),
            ("IOT", "6"),
            ("RTMIN", "34"),
            ("SIGRTMIN+3", "37"),
            ("RTMIN+15", "49"),
            ("RTMAX-14", "50"),
            ("0", "! invalid signal: 0"),
            ("65", "! the linux daemon does not support signal 65"),
            ("RTMIN+0", "! invalid signal: RTMIN+0"),
            ("RTMIN+16", "! invalid signal: RTMIN+16"),
            ("RTMAX-15", "! invalid signal: RTMAX-15"),
            ("SIGFOO", "! invalid signal: SIGFOO"),
            ("", "! invalid signal: "),
        ];
        for (text, expected) in cases {
            assert_eq!(show(signal(text)), expected, "{text}");
        }
        assert_eq!(
            (signal_name(15), signal_name(6), signal_name(37)),
            (Some("TERM"), Some("ABRT"), None)
        );
    }

    #[test]
    fn ulimits_have_a_soft_and_a_hard_limit() {
        let order = "ulimit soft limit must be less than or equal to hard limit:";
        let cases = [
            ("nofile=1024", "nofile 1024 1024"),
            ("nofile=1024:2048", "nofile 1024 2048"),
            ("memlock=-1:-1", "memlock -1 -1"),
            ("nofile=5:-1", "nofile 5 -1"),
            ("nofile=+5", "nofile 5 5"),
            ("nofile", "! invalid ulimit argument: nofile"),
            ("as=1", "! invalid ulimit type: as"),
            ("=", "! invalid ulimit type: "),
            ("nofile=2048:1024", &format!("! {order} 2048 > 1024")),
            (
                "nofile=-1:5",
                &format!("! {order} soft: -1 (unlimited), hard: 5"),
            ),
            (
                "nofile=1:x",
                "! strconv.ParseInt: parsing \"x\": invalid syntax",
            ),
            (
                "nofile=99999999999999999999",
                "! strconv.ParseInt: parsing \"99999999999999999999\": value out of range",
            ),
            (
                "nofile=1:2:3",
                "! too many limit value arguments - 1:2:3, can only have up to two, `soft[:hard]`",
            ),
        ];
        for (text, expected) in cases {
            let got = ulimit(text).map(|u| format!("{} {} {}", u.name, u.soft, u.hard));
            assert_eq!(show(got), expected, "{text}");
        }
    }

    #[test]
    fn cpus_are_exact() {
        let cases = [
            ("1.5", "1500000000"),
            (".5", "500000000"),
            ("1.", "1000000000"),
            ("1/2", "500000000"),
            ("0.123456789", "123456789"),
            ("-1", "-1000000000"),
            ("0.0000000001", "! value is too precise"),
            ("x", "! failed to parse x as a rational number"),
            ("", "! failed to parse  as a rational number"),
        ];
        for (text, expected) in cases {
            assert_eq!(show(cpus(text)), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_answered(text in "[0-9a-zA-Z.:=/+ µ-]{0,30}", other in "\\PC{0,10}") {
            for text in [text, other] {
                let _ = (bytes(&text), duration(&text), signal(&text), ulimit(&text), cpus(&text));
            }
        }

        #[test]
        fn any_number_is_printed(number in any::<f64>(), digits in 0usize..20, seconds in any::<i32>()) {
            let _ = (human_size(number, digits), binary_size(number), human_duration(seconds.into()));
        }
    }
}
