//! `coracle inspect`: all that is known of containers, images, networks and volumes, as docker's JSON.

use clap::{ArgMatches, Command};
use serde::Serialize;

use super::args::{self, flag, operands, opt};
use super::{Session, Verb, format};
use crate::container::size;
use crate::error::{Error, Kind, Result};
use crate::grammar::template::Template;
use crate::store::Store;
use crate::store::containers::Found;
use crate::ui::out;
use crate::wire::container::{self, Place};
use crate::wire::network::Network;
use crate::wire::{go, image, json, volume};

/// `inspect`, which looks for whatever has that name.
pub(super) const ANY: Verb = Verb {
    path: &["inspect"],
    aliases: &[],
    about: "Return low-level information on Docker objects",
    args: |command: Command| {
        command
            .arg(operands("name", 1..).value_name("NAME|ID [NAME|ID...]"))
            .arg(format::object_arg())
            .arg(flag(
                "size",
                's',
                "Display total file sizes if the type is container",
            ))
            .arg(opt(
                "type",
                None,
                "string",
                "Return JSON for specified type",
            ))
    },
    run: |matches, session| {
        let kind = match args::value(matches, "type").unwrap_or_default() {
            "" => None,
            text => match Noun::ALL.into_iter().find(|n| n.word() == text) {
                Some(noun) => Some(noun),
                None => {
                    let text = format!("{text:?} is not a valid value for --type");
                    return Err(Error::new(Kind::Usage, text));
                }
            },
        };
        run(matches, session, kind)
    },
};

/// `container inspect`.
pub(super) const CONTAINER: Verb = Verb {
    path: &["container", "inspect"],
    aliases: &[],
    about: "Display detailed information on one or more containers",
    args: |command: Command| {
        command
            .arg(operands("name", 1..).value_name("CONTAINER [CONTAINER...]"))
            .arg(format::object_arg())
            .arg(flag("size", 's', "Display total file sizes"))
    },
    run: |matches, session| run(matches, session, Some(Noun::Container)),
};

/// `image inspect`.
pub(super) const IMAGE: Verb = Verb {
    path: &["image", "inspect"],
    aliases: &[],
    about: "Display detailed information on one or more images",
    args: |command: Command| {
        command
            .arg(operands("name", 1..).value_name("IMAGE [IMAGE...]"))
            .arg(format::object_arg())
    },
    run: |matches, session| run(matches, session, Some(Noun::Image)),
};

/// `network inspect`.
pub(super) const NETWORK: Verb = Verb {
    path: &["network", "inspect"],
    aliases: &[],
    about: "Display detailed information on one or more networks",
    args: |command: Command| {
        command
            .arg(operands("name", 1..).value_name("NETWORK [NETWORK...]"))
            .arg(format::object_arg())
            .arg(flag("verbose", 'v', "Verbose output for diagnostics"))
    },
    run: |matches, session| run(matches, session, Some(Noun::Network)),
};

/// `volume inspect`.
pub(super) const VOLUME: Verb = Verb {
    path: &["volume", "inspect"],
    aliases: &[],
    about: "Display detailed information on one or more volumes",
    args: |command: Command| {
        command
            .arg(operands("name", 1..).value_name("VOLUME [VOLUME...]"))
            .arg(format::object_arg())
    },
    run: |matches, session| run(matches, session, Some(Noun::Volume)),
};

/// What can be inspected, in the order in which a name is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Noun {
    Container,
    Image,
    Network,
    Volume,
}

impl Noun {
    const ALL: [Noun; 4] = [Noun::Container, Noun::Image, Noun::Network, Noun::Volume];

    fn word(self) -> &'static str {
        match self {
            Noun::Container => "container",
            Noun::Image => "image",
            Noun::Network => "network",
            Noun::Volume => "volume",
        }
    }
}

/// Docker's exit status for a format that cannot be parsed.
const NOT_A_TEMPLATE: u8 = 64;

fn run(matches: &ArgMatches, session: &mut Session, noun: Option<Noun>) -> Result<u8> {
    let mut printer = match Printer::new(args::value(matches, "format").unwrap_or_default()) {
        Ok(printer) => printer,
        Err(e) => {
            session.complain(&e);
            return Ok(NOT_A_TEMPLATE);
        }
    };
    let wants_size = matches.try_contains_id("size").is_ok() && args::is_set(matches, "size");
    let mut errors = Vec::new();
    for name in args::values(matches, "name") {
        let store = session.store()?;
        let shown = match noun {
            Some(noun) => show(store, noun, name, wants_size, &mut printer),
            None => show_any(store, name, wants_size, &mut printer),
        };
        match shown {
            Ok(()) => {}
            // a template that does not fit ends the command, as in docker
            Err(e) if printer.has_failed => {
                errors.push(e);
                break;
            }
            Err(e) => errors.push(e),
        }
    }
    out::text(printer.finish())?;
    for error in &errors {
        session.complain(error);
    }
    Ok(u8::from(!errors.is_empty()))
}

fn show_any(store: &Store, name: &str, wants_size: bool, printer: &mut Printer) -> Result<()> {
    for noun in Noun::ALL {
        match show(store, noun, name, wants_size, printer) {
            Err(e) if e.kind() == Kind::NotFound => {}
            Ok(()) if noun != Noun::Container && wants_size => {
                out::warn(format_args!("--size ignored for {}", noun.word()));
                return Ok(());
            }
            other => return other,
        }
    }
    Err(Error::new(
        Kind::Usage,
        format!("Error: No such object: {name}"),
    ))
}

fn show(
    store: &Store,
    noun: Noun,
    name: &str,
    wants_size: bool,
    printer: &mut Printer,
) -> Result<()> {
    match noun {
        Noun::Container => {
            let found = store.containers().find(name)?;
            let lower = trees(store, found.record.layers.iter().rev());
            let size = if wants_size {
                Some(sizes(store, &found)?)
            } else {
                None
            };
            let dir = store.containers().path(found.id());
            let place = Place {
                dir: &dir,
                lower: &lower,
                size,
            };
            printer.add(
                &container::Details::new(&found.record, &found.state, place),
                &go::CONTAINER,
            )
        }
        Noun::Image => {
            let found = store.images().find(name)?;
            let trees = trees(store, found.config.rootfs.diff_ids.iter());
            printer.add(&image::Details::new(&found, &trees), &go::IMAGE)
        }
        Noun::Network => {
            let network = store.networks().find(name)?;
            let all = store.containers().list()?;
            let running = all.iter().filter(|f| f.is_running);
            let running = running.map(|f| (&*f.record, &f.state));
            printer.add(&Network::new(&network, running), &go::NETWORK)
        }
        Noun::Volume => {
            let volume = store.volumes().find(name)?;
            let mountpoint = store.volumes().mountpoint(&volume);
            printer.add(&volume::Details::new(&volume, &mountpoint), &go::VOLUME)
        }
    }
}

fn trees<'a>(store: &Store, layers: impl Iterator<Item = &'a String>) -> Vec<std::path::PathBuf> {
    layers.map(|l| store.layers().tree(l)).collect()
}

fn sizes(store: &Store, found: &Found) -> Result<(u64, u64)> {
    let written = size::writable(store, &found.record);
    let image = store
        .images()
        .look_up(&found.record.image_id)?
        .map_or(0, |i| i.size);
    Ok((written, written + image))
}

/// Collects what was found and prints it at once.
struct Printer {
    style: Style,
    text: String,
    has_failed: bool,
}

enum Style {
    /// A list with an indent of 4.
    Indented,
    /// `--format json`: a list in one line.
    Compact,
    /// One text per object.
    Template(Template),
}

impl Printer {
    fn new(format: &str) -> Result<Printer> {
        let style = match format {
            "" => Style::Indented,
            "json" => Style::Compact,
            text => Style::Template(Template::parse(text).map_err(unfit)?),
        };
        Ok(Printer {
            style,
            text: String::new(),
            has_failed: false,
        })
    }

    fn add<T: Serialize>(&mut self, object: &T, shape: &go::Shape) -> Result<()> {
        match &self.style {
            Style::Template(template) => {
                let filled = go::fill(template, object, shape).map_err(|e| {
                    self.has_failed = true;
                    unfit(e)
                })?;
                self.text.push_str(&filled);
                self.text.push('\n');
            }
            style => {
                if !self.text.is_empty() {
                    self.text.push(',');
                }
                match style {
                    Style::Indented => json::indent_into(&mut self.text, object),
                    _ => self.text.push_str(&json::compact(object)),
                }
            }
        }
        Ok(())
    }

    fn finish(self) -> String {
        match (self.style, self.text) {
            // docker ends an empty answer with a line end, too
            (Style::Template(_), text) if text.is_empty() => "\n".to_owned(),
            (Style::Template(_), text) => text,
            (_, text) if text.is_empty() => "[]\n".to_owned(),
            (Style::Indented, text) => format!("[{text}\n]\n"),
            (Style::Compact, text) => format!("[{text}]\n"),
        }
    }
}

fn unfit(e: Error) -> Error {
    Error::new(Kind::Usage, "template parsing error").because(e)
}
