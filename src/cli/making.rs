//! What `run` and `create` share: flags to a container that is there and does not run yet.

use std::io::Write;
use std::path::PathBuf;

use clap::ArgMatches;

use super::Session;
use super::flags::run::{self, Form, Parsed};
use super::image::{self, Wanted};
use crate::container::request::Request;
use crate::container::{create, limits, remove, rootfs};
use crate::error::{Context, Error, Kind, Result};
use crate::host::storage;
use crate::store::containers::Record;
use crate::ui::out;

/// Reads the flags; tells the user what is wrong with them and returns the exit status instead.
pub(super) fn parse(
    matches: &ArgMatches,
    form: Form,
    session: &Session,
) -> Result<Result<Parsed, u8>> {
    let (program, verb) = match form {
        Form::Run => (session.program, "run"),
        Form::Create => (session.program, "create"),
    };
    match run::parse(matches, form) {
        Ok(parsed) => Ok(Ok(parsed)),
        Err(e) if e.kind() == Kind::Usage => {
            out::talk(format_args!(
                "{program}: {e}.\nSee '{program} {verb} --help'."
            ));
            Ok(Err(125))
        }
        Err(e) => Err(e),
    }
}

/// Makes the container, pulling its image when that is missing.
pub(super) fn make(session: &Session, parsed: Parsed) -> Result<Record> {
    for note in &parsed.notes {
        session.debug(|| note.clone());
    }
    let mut request = parsed.request;
    if parsed.proxies {
        add_proxies(session, &mut request);
    }
    let cidfile = CidFile::reserve(&request.host.container_id_file)?;
    let store = session.store()?;
    let (id, config) = if request.image == rootfs::host::NAME {
        (rootfs::host::NAME.to_owned(), rootfs::host::image())
    } else {
        let wanted = Wanted {
            word: &request.image,
            platform: request.platform.as_deref(),
            pull: parsed.pull,
            quiet: parsed.quiet,
        };
        let found = image::find(session, wanted)?;
        (found.id.clone(), found.config)
    };
    let rung = storage::rung(store.paths(), session.storage_driver.as_deref())?;
    if parsed.replace
        && let Some(name) = &request.name
    {
        replace(session, name)?;
    }
    let from = create::From {
        id: &id,
        config: &config,
    };
    let record = create::create(store, request, from, &rung)?;
    cidfile.write(&record.id)?;
    for warning in parsed
        .warnings
        .into_iter()
        .chain(limits::warnings(&record.host))
    {
        out::warn(warning);
    }
    Ok(record)
}

/// The proxies of the client's config.json, unless the user says otherwise.
fn add_proxies(session: &Session, request: &mut Request) {
    for variable in session.client_config().proxy_variables() {
        let name = variable.split('=').next();
        if !request.env.iter().any(|own| own.split('=').next() == name) {
            request.env.push(variable);
        }
    }
}

fn replace(session: &Session, name: &str) -> Result<()> {
    let store = session.store()?;
    let options = remove::Options {
        force: true,
        volumes: true,
    };
    match store.containers().find(name) {
        Ok(found) if found.name() == name => remove::remove(store, &found, options),
        Ok(_) => Ok(()),
        Err(e) if e.kind() == Kind::NotFound => Ok(()),
        Err(e) => Err(e),
    }
}

/// `--cidfile`: the file must not be there, and gets the id of a container that was made.
struct CidFile {
    path: PathBuf,
    file: Option<std::fs::File>,
    is_written: bool,
}

impl CidFile {
    fn reserve(path: &str) -> Result<CidFile> {
        let mut reserved = CidFile {
            path: PathBuf::from(path),
            file: None,
            is_written: false,
        };
        if path.is_empty() {
            return Ok(reserved);
        }
        let made = std::fs::File::create_new(path).map_err(|e| match e.kind() {
            std::io::ErrorKind::AlreadyExists => Error::new(
                Kind::Usage,
                format!("container ID file found, make sure the other container isn't running or delete {path}"),
            ),
            _ => {
                let errno = nix::errno::Errno::from_raw(e.raw_os_error().unwrap_or(libc::EIO));
                Error::new(Kind::Usage, "failed to create the container ID file")
                    .because(format!("open {path}: {}", crate::sys::sentence(errno)))
            }
        })?;
        reserved.file = Some(made);
        Ok(reserved)
    }

    fn write(mut self, id: &str) -> Result<()> {
        if let Some(file) = &mut self.file {
            file.write_all(id.as_bytes()).context(Kind::System, || {
                format!(
                    "cannot write the container's id to `{}`",
                    self.path.display()
                )
            })?;
            self.is_written = true;
        }
        Ok(())
    }
}

impl Drop for CidFile {
    fn drop(&mut self) {
        if self.file.is_some() && !self.is_written {
            // an empty file that stays would only be in the way of the next try
            std::fs::remove_file(&self.path).ok();
        }
    }
}
