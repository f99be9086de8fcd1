//! Docker's words for times and sizes (github.com/docker/go-units), and the two ways it prints a time.

use jiff::Timestamp;

/// Returns the time of an RFC 3339 text, `None` for docker's "never" (year 1), an empty or a broken text.
pub(crate) fn parse_time(text: &str) -> Option<Timestamp> {
    if text.starts_with("0001-") {
        return None;
    }
    text.parse().ok()
}

/// Returns `{{.CreatedAt}}` of `ps` and `images`: `2026-11-24 18:12:10 +0000 UTC` in the local zone.
///
/// The zone file is only read when the host says that it is not on UTC.
pub(crate) fn local_time(at: Timestamp) -> String {
    at.to_zoned(jiff::tz::TimeZone::system())
        .strftime("%Y-%m-%d %H:%M:%S %z %Z")
        .to_string()
}

/// Returns how long `seconds` are in words: `Less than a second`, `About a minute`, `2 weeks`.
pub(crate) fn duration(seconds: i64) -> String {
    let (minutes, hours) = (seconds / 60, (seconds as f64 / 3600.0).round() as i64);
    match seconds {
        i64::MIN..=0 => "Less than a second".to_owned(),
        1 => "1 second".to_owned(),
        2..=59 => format!("{seconds} seconds"),
        60..=119 => "About a minute".to_owned(),
        120..=3599 => format!("{minutes} minutes"),
        _ => match hours {
            1 => "About an hour".to_owned(),
            2..=47 => format!("{hours} hours"),
            48..=335 => format!("{} days", hours / 24),
            336..=1439 => format!("{} weeks", hours / 24 / 7),
            1440..=17519 => format!("{} months", hours / 24 / 30),
            _ => format!("{} years", (seconds as f64 / 3600.0) as i64 / 24 / 365),
        },
    }
}

/// Returns `duration` of what lies between `from` and `now`.
pub(crate) fn since(from: Timestamp, now: Timestamp) -> String {
    duration(
        now.as_second()
            - from.as_second()
            - i64::from(now.subsec_nanosecond() < from.subsec_nanosecond()),
    )
}

/// Returns a size in powers of 1000 with three digits: `173MB`, `1.5kB`, `0B`.
pub(crate) fn size(bytes: u64) -> String {
    size_with(bytes, 3)
}

/// Returns a size with at most `digits` significant digits, as Go's `%.*g` does.
pub(crate) fn size_with(bytes: u64, digits: usize) -> String {
    scaled(
        bytes,
        1000.0,
        digits,
        &["B", "kB", "MB", "GB", "TB", "PB", "EB"],
    )
}

/// Returns a size in powers of 1024: `23.54GiB`.
pub(crate) fn binary_size(bytes: u64) -> String {
    scaled(
        bytes,
        1024.0,
        4,
        &["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"],
    )
}

fn scaled(bytes: u64, base: f64, digits: usize, units: &[&str]) -> String {
    let (mut n, mut unit) = (bytes as f64, 0);
    while n >= base && unit + 1 < units.len() {
        n /= base;
        unit += 1;
    }
    format!("{}{}", significant(n, digits), units[unit])
}

/// Go's `%.{digits}g` for numbers from 0 to 1024: significant digits, no trailing zeros, an exponent when too large.
fn significant(n: f64, digits: usize) -> String {
    if n == 0.0 {
        return "0".to_owned();
    }
    let scientific = format!("{n:.*e}", digits - 1);
    let (mantissa, exponent) = scientific
        .split_once('e')
        .expect("{:e} always has an exponent");
    let exponent: i32 = exponent.parse().expect("{:e} writes a number");
    let trim = |s: &str| match s.contains('.') {
        true => s.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => s.to_owned(),
    };
    if exponent < -4 || exponent >= digits as i32 {
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{}e{sign}{:02}", trim(mantissa), exponent.abs());
    }
    trim(&format!(
        "{n:.*}",
        (digits as i32 - 1 - exponent).max(0) as usize
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_go_units_words() {
        const H: i64 = 3600;
        const D: i64 = 24 * H;
        for (seconds, want) in [
            (-5, "Less than a second"),
            (0, "Less than a second"),
            (1, "1 second"),
            (45, "45 seconds"),
            (60, "About a minute"),
            (119, "About a minute"),
            (120, "2 minutes"),
            (59 * 60 + 59, "59 minutes"),
            (H, "About an hour"),
            (89 * 60, "About an hour"),
            (90 * 60, "2 hours"),
            (3 * H, "3 hours"),
            (47 * H, "47 hours"),
            (48 * H, "2 days"),
            (D * 7, "7 days"),
            (D * 13 + 5 * H, "13 days"),
            (D * 14, "2 weeks"),
            (D * 59, "8 weeks"),
            (D * 60, "2 months"),
            (D * 365, "12 months"),
            (D * 365 * 2, "2 years"),
            (D * 365 * 57, "57 years"),
        ] {
            assert_eq!(duration(seconds), want, "{seconds}");
        }
    }

    #[test]
    fn sizes_are_go_units_words() {
        for (bytes, want) in [
            (0, "0B"),
            (51, "51B"),
            (999, "999B"),
            (1000, "1kB"),
            (1500, "1.5kB"),
            (12_345, "12.3kB"),
            (173_313_053, "173MB"),
            (429_891_266, "430MB"),
            (999_900, "1e+03kB"),
            (2_000_000_000, "2GB"),
        ] {
            assert_eq!(size(bytes), want, "{bytes}");
        }
        assert_eq!(size_with(173_313_053, 4), "173.3MB");
        assert_eq!(size_with(429_891_266, 4), "429.9MB");
        assert_eq!(binary_size(25_276_510_208), "23.54GiB");
        assert_eq!(binary_size(104_857_600), "100MiB");
    }

    #[test]
    fn times_are_read_from_docker_texts() {
        assert_eq!(parse_time("0001-01-01T00:00:00Z"), None);
        assert_eq!(parse_time(""), None);
        assert_eq!(
            parse_time("2026-11-24T18:12:10.069101037Z").map(|t| t.as_second()),
            Some(1_795_543_930)
        );
    }
}
