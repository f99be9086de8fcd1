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
mod tests;
