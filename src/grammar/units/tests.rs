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
