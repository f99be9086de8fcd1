//! Docker's words for an event: a line of `events`, its JSON, and what a template sees.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Map, Value, json};

use crate::store::events::Event;

/// Returns the line that `docker events` prints: `TIME TYPE ACTION ID (name=value, ...)`.
pub(crate) fn line(event: &Event, zone: &TimeZone) -> String {
    let at = Timestamp::from_nanosecond(event.nanoseconds.into()).unwrap_or_default();
    let at = at.to_zoned(zone.clone());
    let at = match at.offset().is_zero() {
        true => at.strftime("%Y-%m-%dT%H:%M:%S.%9fZ"),
        false => at.strftime("%Y-%m-%dT%H:%M:%S.%9f%:z"),
    };
    let head = format!("{at} {} {} {}", event.kind, event.action, event.id);
    let attributes: Vec<String> = event
        .attributes
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    match attributes.is_empty() {
        true => head,
        false => format!("{head} ({})", attributes.join(", ")),
    }
}

/// Returns the JSON object of docker's API, with what older clients read first.
pub(crate) fn object(event: &Event) -> Value {
    named(event, ["status", "id", "from", "scope", "time", "timeNano"])
}

/// The same with the names of Go's fields.
pub(crate) fn go_object(event: &Event) -> Value {
    let mut all = named(event, ["Status", "ID", "From", "Scope", "Time", "TimeNano"]);
    if let Value::Object(map) = &mut all {
        for name in ["Status", "ID", "From"] {
            map.entry(name).or_insert_with(|| "".into());
        }
    }
    all
}

fn named(event: &Event, names: [&str; 6]) -> Value {
    let [status, id, from, scope, time, nanoseconds] = names;
    let mut map = Map::new();
    let mut put = |name: &str, value: Value| drop(map.insert(name.to_owned(), value));
    if matches!(&event.kind[..], "container" | "image") {
        put(status, json!(event.action));
        put(id, json!(event.id));
    }
    if event.kind == "container"
        && let Some(image) = event.attributes.get("image")
    {
        put(from, json!(image));
    }
    put("Type", json!(event.kind));
    put("Action", json!(event.action));
    put(
        "Actor",
        json!({"ID": event.id, "Attributes": event.attributes}),
    );
    put(scope, json!("local"));
    put(time, json!(event.nanoseconds / 1_000_000_000));
    put(nanoseconds, json!(event.nanoseconds));
    Value::Object(map)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As recorded of docker 26.
    #[test]
    fn lines_and_json_are_dockers() {
        let mut event = Event::new("container", "create", "5b1f", &[("k", "v"), ("name", "e1")]);
        event.attributes.insert("image".into(), "h:5/d:12".into());
        event.nanoseconds = 1_795_942_133_263_481_738;
        assert_eq!(
            line(&event, &TimeZone::UTC),
            "2026-11-29T08:48:53.263481738Z container create 5b1f (image=h:5/d:12, k=v, name=e1)"
        );
        let east = TimeZone::fixed(jiff::tz::offset(9));
        assert!(line(&event, &east).starts_with("2026-11-29T17:48:53.263481738+09:00 "));
        let want = concat!(
            r#"{"status":"create","id":"5b1f","from":"h:5/d:12","Type":"container","Action":"create","#,
            r#""Actor":{"ID":"5b1f","Attributes":{"image":"h:5/d:12","k":"v","name":"e1"}},"#,
            r#""scope":"local","time":1795942133,"timeNano":1795942133263481738}"#
        );
        assert_eq!(object(&event).to_string(), want);
        let made = Event::new("network", "create", "n", &[]);
        assert!(
            object(&made)
                .to_string()
                .starts_with(r#"{"Type":"network","#)
        );
        assert_eq!(go_object(&made)["Status"], "");
    }
}
