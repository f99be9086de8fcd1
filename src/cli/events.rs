//! `coracle events`: what happens, as it happens.
//!
//! Nothing keeps a journal, so that a start pays for none: of the past (`--since`) there is what the containers' own records
//! tell, their making, last start and last end.

use std::time::Duration;

use clap::{ArgMatches, Command};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::args::{opt, value};
use super::{Session, Verb, filter};
use crate::error::{Error, Kind, Result};
use crate::grammar::filter::Filters;
use crate::grammar::template::Template;
use crate::store::Store;
use crate::store::containers::Status;
use crate::store::events::Event;
use crate::ui::out;
use crate::wire::{event, go, json, time};

pub(super) const VERB: Verb = Verb {
    path: &["events"],
    aliases: &[&["system", "events"]],
    about: "Get real time events from the server",
    args: |command: Command| {
        command
            .arg(filter::arg("Filter output based on conditions provided"))
            .arg(opt("format", None, "string", "Format output using a custom template: 'json' prints in JSON format, 'TEMPLATE' by a Go template"))
            .arg(opt("since", None, "string", "Show all events created since timestamp"))
            .arg(opt("until", None, "string", "Stream events until this timestamp"))
    },
    run,
};

fn run(matches: &ArgMatches, session: &mut Session) -> Result<u8> {
    // docker passes over keys that it does not know
    let filters = filter::read_any(matches)?;
    let print = Printer::new(value(matches, "format").unwrap_or_default())?;
    let now = Timestamp::now();
    let moment = |flag| {
        value(matches, flag)
            .map(|text| time::moment(text, now))
            .transpose()
    };
    let (since, until) = (moment("since")?, moment("until")?);
    let store = session.store()?;
    let listener = store.listen()?;
    let is_wanted = |e: &Event| passes(&filters, e);
    if let Some(since) = since {
        let end = until.unwrap_or(now).min(now);
        let past = past(store)?;
        let past = past.iter().filter(|e| (since..=end).contains(&at(e)));
        past.filter(|e| is_wanted(e))
            .try_for_each(|e| print.print(e))?;
    }
    loop {
        let left = until.map(|until| until.duration_since(Timestamp::now()));
        if left.is_some_and(|left| !left.is_positive()) {
            return Ok(0);
        }
        let left = left.map_or(PollTimeout::NONE, |left| {
            let left = Duration::try_from(left).unwrap_or_default() + Duration::from_millis(1);
            PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX)
        });
        // a signal ends us as any program; the socket that stays is taken by the next event
        let _ = poll(
            &mut [PollFd::new(listener.as_fd(), PollFlags::POLLIN)],
            left,
        );
        while let Some(event) = listener.next()? {
            if is_wanted(&event) {
                print.print(&event)?;
            }
        }
    }
}

fn at(event: &Event) -> Timestamp {
    Timestamp::from_nanosecond(event.nanoseconds.into()).unwrap_or_default()
}

/// What the records of containers tell of the past, in its order.
fn past(store: &Store) -> Result<Vec<Event>> {
    let mut all = Vec::new();
    for found in store.containers().list()? {
        let (record, state) = (&found.record, &found.state);
        let mut add = |action: &str, when: &str, more: &[(&str, &str)]| {
            let Ok(when) = when.parse::<Timestamp>() else {
                return; // it never was
            };
            let mut event = Event::of(record, action, more);
            event.nanoseconds = i64::try_from(when.as_nanosecond()).unwrap_or_default();
            all.push(event);
        };
        add("create", &record.created, &[]);
        if state.status != Status::Created {
            add("start", &state.started_at, &[]);
        }
        if state.finished_at > state.started_at {
            let code = state.exit_code.to_string();
            add("die", &state.finished_at, &[("exitCode", &code)]);
        }
    }
    all.sort_by_key(|e| e.nanoseconds);
    Ok(all)
}

/// Docker's daemon/events/filter.go: names also match the beginning of an id.
fn passes(filters: &Filters, event: &Event) -> bool {
    let attribute = |name: &str| event.attributes.get(name).map_or("", String::as_str);
    let is = |kind: &str, key: &str| {
        let is_kind = event.kind == kind;
        filters.any(key, |wanted| {
            is_kind && (event.id.starts_with(wanted) || attribute("name") == wanted)
                || attribute(kind) == wanted
        })
    };
    // `exec_create` is every `exec_create: COMMAND`, `health_status` each of its kinds
    let action = event
        .action
        .split_once(':')
        .map_or(&event.action[..], |(name, _)| name);
    let is_image = |wanted: &str| {
        let of = match &event.kind[..] {
            "image" => attribute("name"),
            _ => attribute("image"),
        };
        let without_tag = of.rsplit_once(':').map_or(of, |(name, _)| name);
        event.kind == "image" && event.id == wanted || of == wanted || without_tag == wanted
    };
    filters.any("event", |wanted| wanted == action || wanted == event.action)
        && filters.exact("type", &event.kind)
        && filters.any("scope", |wanted| wanted == "local")
        && is("container", "container")
        && is("network", "network")
        && is("volume", "volume")
        && filters.any("image", is_image)
        && filters.labels("label", &event.attributes)
        && ["config", "daemon", "node", "plugin", "secret", "service"]
            .iter()
            .all(|key| !filters.has(key))
}

/// How an event is shown.
enum Printer {
    Line(TimeZone),
    Json,
    Template(Template),
}

impl Printer {
    fn new(format: &str) -> Result<Printer> {
        Ok(match format {
            "" => Printer::Line(TimeZone::system()),
            "json" | "{{json .}}" => Printer::Json,
            text => Printer::Template(
                Template::parse(text)
                    .map_err(|e| Error::new(Kind::Usage, "Error parsing format").because(e))?,
            ),
        })
    }

    fn print(&self, shown: &Event) -> Result<()> {
        let text = match self {
            Printer::Line(zone) => event::line(shown, zone),
            Printer::Json => json::compact(&event::object(shown)),
            Printer::Template(template) => go::fill(template, &event::object(shown), &go::EVENT)
                .or_else(|_| go::fill(template, &event::go_object(shown), &go::EVENT))
                .map_err(|e| Error::new(Kind::Usage, "template").because(e))?,
        };
        out::line(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_choose_as_dockers() {
        let more = [("image", "debian:12"), ("name", "web"), ("k", "v")];
        let start = Event::new("container", "start", "abcdef", &more);
        let exec = Event::new("container", "exec_create: true ", "abcdef", &more);
        let tag = Event::new("image", "tag", "sha256:1", &[("name", "web:1")]);
        let connect = Event::new(
            "network",
            "connect",
            "n1",
            &[("container", "abcdef"), ("name", "net")],
        );
        let all = [&start, &exec, &tag, &connect];
        for (given, want) in [
            (&["event=start"][..], "y..."),
            (&["event=exec_create"], ".y.."),
            (&["event=start", "event=tag"], "y.y."),
            (&["type=network"], "...y"),
            (&["container=web"], "yy.."),
            (&["container=abc"], "yy.."),
            (&["container=abcdef"], "yy.y"),
            (&["network=net"], "...y"),
            (&["image=debian"], "yy.."),
            (&["image=web"], "..y."),
            (&["label=k=v"], "yy.."),
            (&["label=k=w"], "...."),
            (&["daemon=x"], "...."),
            (&["nonsense=x"], "yyyy"),
            (&[], "yyyy"),
        ] {
            let filters = Filters::parse_any(given).unwrap();
            let got: String = all
                .iter()
                .map(|e| if passes(&filters, e) { 'y' } else { '.' })
                .collect();
            assert_eq!(got, want, "{given:?}");
        }
    }
}
