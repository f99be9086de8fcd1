//! `coracle import`.

use std::fs::File;
use std::io::Seek;

use clap::{ArgMatches, Command};

use super::args::{list, operands, opt, value, values};
use super::commit::image_name;
use super::{Session, Verb};
use crate::error::{Context, Kind, Result};
use crate::grammar::platform::Platform;
use crate::image::import::{Request, import};
use crate::registry::download::fetch;
use crate::sys::fd::{duplicate, standard};
use crate::ui::out;
use crate::ui::progress::{Stream, progress};

pub(super) const VERB: Verb = Verb {
    path: &["import"],
    aliases: &[&["image", "import"]],
    about: "Import the contents from a tarball to create a filesystem image",
    args,
    run,
};

fn args(command: Command) -> Command {
    command
        .arg(operands("names", 1..=2).value_name("file|URL|- [REPOSITORY[:TAG]]"))
        .arg(list(
            "change",
            'c',
            "list",
            "Apply Dockerfile instruction to the created image",
        ))
        .arg(opt(
            "message",
            'm',
            "string",
            "Set commit message for imported image",
        ))
        .arg(opt(
            "platform",
            None,
            "string",
            "Set platform if server is multi-platform capable",
        ))
}

fn run(matches: &ArgMatches, session: &mut Session) -> Result<u8> {
    let mut names = values(matches, "names");
    let source = names.next().expect("clap counted");
    let request = Request {
        changes: values(matches, "change").cloned().collect(),
        message: value(matches, "message").unwrap_or_default().to_owned(),
        platform: value(matches, "platform")
            .map(Platform::parse)
            .transpose()?,
        name: names
            .next()
            .map(|name| image_name(name))
            .transpose()?
            .flatten(),
    };
    let input = match source.as_str() {
        "-" => File::from(duplicate(standard(0))?),
        url if url.starts_with("http://") || url.starts_with("https://") => {
            let mut file = session.store()?.spool()?;
            fetch(&session.registries(), url, &mut file)?;
            file.rewind()
                .context(Kind::System, || "cannot read what was fetched")?;
            file
        }
        path => super::load::open(path)?,
    };
    let told = progress(Stream::Stderr);
    // docker's daemon is the one who reads it
    let id = import(session.store()?, input, &request, told.as_ref())
        .map_err(|e| e.reclassify(Kind::Corrupt, Kind::Invalid))?;
    drop(told);
    let name = request.name.map(|n| n.familiar());
    let name = name.as_deref().unwrap_or(&id);
    session.store()?.images().tell("import", &id, name);
    out::line(id)?;
    Ok(0)
}
