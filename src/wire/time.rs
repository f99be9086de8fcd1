//! Docker's ways with times: what it prints of them, and the texts that `--since`, `--until` and `until=` take.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use crate::error::{Error, Kind, Result};
use crate::grammar::units;

/// Returns the time of an RFC 3339 text, `None` for docker's "never" (year 1), an empty or a broken text.
pub(crate) fn parse(text: &str) -> Option<Timestamp> {
    if text.starts_with("0001-") {
        return None;
    }
    text.parse().ok()
}

/// Returns `{{.CreatedAt}}` of `ps` and `images`: `2026-11-24 18:12:10 +0000 UTC`, in the local zone.
///
/// This reads the zone's file; nothing else here does.
pub(crate) fn local(at: Timestamp) -> String {
    at.to_zoned(TimeZone::system())
        .strftime("%Y-%m-%d %H:%M:%S %z %Z")
        .to_string()
}

/// Returns `{{.CreatedAt}}` of `history`: RFC 3339 with whole seconds, in the local zone.
pub(crate) fn local_rfc3339(at: Timestamp) -> String {
    let zoned = at.to_zoned(TimeZone::system());
    let form = if zoned.offset().is_zero() {
        "%Y-%m-%dT%H:%M:%SZ"
    } else {
        "%Y-%m-%dT%H:%M:%S%:z"
    };
    zoned.strftime(form).to_string()
}

/// Returns in words how much time lies between `from` and `now`: `2 minutes`.
pub(crate) fn since(from: Timestamp, now: Timestamp) -> String {
    units::human_duration(now.duration_since(from).as_secs())
}

/// Returns in words how long ago `from`, cut to a whole second, was: `2 minutes ago`.
///
/// Docker's API has whole seconds for the times of creation.
pub(crate) fn ago(from: Timestamp, now: Timestamp) -> String {
    format!(
        "{} ago",
        units::human_duration(now.as_second() - from.as_second())
    )
}

/// Returns the moment that a user names: a duration before `now` (`10m`), seconds since 1970 (`1136073845.5`), or a date
/// with or without time and zone (`2026-01-02`, `2026-01-02T15:04`, `2026-01-02T15:04:05.5Z`).
pub(crate) fn moment(text: &str, now: Timestamp) -> Result<Timestamp> {
    let unclear = || {
        Error::new(
            Kind::Usage,
            format!("failed to parse value as time or duration: {text:?}"),
        )
    };
    // a bare 0 is 1970 to docker
    if text != "0"
        && let Ok(nanoseconds) = units::duration(text)
    {
        return now
            .checked_sub(jiff::SignedDuration::from_nanos(nanoseconds))
            .map_err(|_| unclear());
    }
    if let Some(at) = seconds(text).or_else(|| text.parse().ok()) {
        return Ok(at);
    }
    // a zone needs seconds in RFC 3339, but docker takes `15:04Z`
    if let Some(at) = text.strip_suffix('Z').and_then(civil) {
        return at
            .to_zoned(TimeZone::UTC)
            .map(|z| z.timestamp())
            .map_err(|_| unclear());
    }
    let local = civil(text).ok_or_else(unclear)?;
    local
        .to_zoned(TimeZone::system())
        .map(|z| z.timestamp())
        .map_err(|_| unclear())
}

fn seconds(text: &str) -> Option<Timestamp> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if !fraction.bytes().all(|b| b.is_ascii_digit()) || fraction.len() > 9 {
        return None;
    }
    let nanoseconds = format!("{fraction:0<9}").parse().ok()?;
    Timestamp::new(whole.parse().ok()?, nanoseconds).ok()
}

fn civil(text: &str) -> Option<DateTime> {
    let (date, time) = text.split_once('T').unwrap_or((text, "00:00"));
    let time = if time.contains(':') {
        time.to_owned()
    } else {
        format!("{time}:00")
    };
    format!("{date}T{time}").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_from_docker_texts() {
        assert_eq!(parse("0001-01-01T00:00:00Z"), None);
        assert_eq!(parse(""), None);
        let second = |t: &str| parse(t).map(|t| t.as_second());
        assert_eq!(
            second("2026-11-24T18:12:10.069101037Z"),
            Some(1_795_543_930)
        );
    }

    #[test]
    fn ages_round_as_dockers_do() {
        let at = |t: &str| t.parse::<Timestamp>().unwrap();
        let (from, now) = (at("2026-01-01T00:00:00.9Z"), at("2026-01-01T00:00:02.1Z"));
        assert_eq!(since(from, now), "1 second");
        assert_eq!(ago(from, now), "2 seconds ago");
    }

    #[test]
    fn moments_are_durations_seconds_and_dates() {
        let now: Timestamp = "2026-01-02T00:00:00Z".parse().unwrap();
        for (text, want) in [
            ("10m", "2026-01-01T23:50:00Z"),
            ("1h30m", "2026-01-01T22:30:00Z"),
            ("0", "1970-01-01T00:00:00Z"),
            ("1136073845", "2006-01-01T00:04:05Z"),
            ("1136073845.5", "2006-01-01T00:04:05.5Z"),
            ("1136073845.000000001", "2006-01-01T00:04:05.000000001Z"),
            ("2013-05-06T07:08:09Z", "2013-05-06T07:08:09Z"),
            ("2013-05-06T07:08:09.25+02:00", "2013-05-06T05:08:09.25Z"),
            ("2013-05-06T07:08Z", "2013-05-06T07:08:00Z"),
        ] {
            assert_eq!(moment(text, now).unwrap().to_string(), want, "{text}");
        }
        for text in ["abc", "", "2013-13-01", "1.a", "1.0000000001"] {
            let e = moment(text, now).unwrap_err().to_string();
            assert_eq!(
                e,
                format!("failed to parse value as time or duration: {text:?}")
            );
        }
    }
}
