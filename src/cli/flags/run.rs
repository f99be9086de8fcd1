//! `run` and `create`: flags to a [`Request`] and to what the verb itself has to do.
//!
//! Errors of the kind `Usage` are those that docker's client finds while it puts the flags together; all others are those
//! that its daemon answers.

use std::collections::BTreeMap;

use clap::{ArgMatches, Command};

use super::text::{Mount, Stream};
use super::{host, table};
use crate::cli::args::{is_set, many, typed, value, values};
use crate::cli::{variable, variables};
use crate::container::request::Request;
use crate::error::{Context, Error, Kind, Result};
use crate::grammar::{env, mount};
use crate::image::config::Healthcheck;
use crate::store::containers::MountPoint;
use crate::store::volumes;

/// Which verb the flags are of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// `run`.
    Run,
    /// `create`: the same without `-d` and what only an attached run has.
    Create,
}

/// When an image is pulled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pull {
    Always,
    Missing,
    Never,
    /// podman's: like `Always`, but what is here will do when the registry cannot be reached.
    Newer,
}

/// What the flags say.
#[derive(Debug, Clone)]
pub(crate) struct Parsed {
    /// The container.
    pub(crate) request: Request,
    /// `--pull`.
    pub(crate) pull: Pull,
    /// `-q`: no progress of the pull.
    pub(crate) quiet: bool,
    /// `--replace`.
    pub(crate) replace: bool,
    /// `-d`.
    pub(crate) detach: bool,
    /// `--sig-proxy`.
    pub(crate) sig_proxy: bool,
    /// `--detach-keys`; `None` when not given.
    pub(crate) detach_keys: Option<String>,
    /// `--pidfile`.
    pub(crate) pid_file: Option<String>,
    /// `--http-proxy`: the proxies of the client's config.json are the container's too.
    pub(crate) proxies: bool,
    /// What the user asked for and will not get.
    pub(crate) warnings: Vec<String>,
    /// The same where nobody will miss it.
    pub(crate) notes: Vec<String>,
}

/// Adds those flags of `form` that `words` can mean.
///
/// All 110 cost clap 0.15 to 0.2 ms, 326,000 instructions and 40 page faults among them; the few that a `run` has, a third.
pub(crate) fn args_for(command: Command, form: Form, words: &[String]) -> Command {
    match form {
        Form::Run => table::run(command, |row| table::may_mean(words, row)),
        Form::Create => table::create(command, |row| table::may_mean(words, row)),
    }
}

/// Adds the flags of `form`.
pub(crate) fn args(command: Command, form: Form) -> Command {
    match form {
        Form::Run => table::run(command, |_| true),
        Form::Create => table::create(command, |_| true),
    }
}

/// Turns the flags into a request.
pub(crate) fn parse(matches: &ArgMatches, form: Form) -> Result<Parsed> {
    let is_run = form == Form::Run;
    let detach = is_run && is_set(matches, "detach");
    let mut words = values(matches, "IMAGE").cloned();
    let image = words.next().unwrap_or_default();
    let cmd: Vec<String> = words.collect();

    let mut warnings = Vec::new();
    let (mounts, volumes) = mounts(matches)?;
    let networks = host::networks(matches)?;
    let kept = host::userns(matches)?;
    let request = Request {
        image,
        name: text(matches, "name")
            .map(|name| name.strip_prefix('/').map(str::to_owned).unwrap_or(name)),
        platform: text(matches, "platform")
            .or_else(|| variable("DOCKER_DEFAULT_PLATFORM"))
            .filter(|p| !p.is_empty()),
        cmd: (!cmd.is_empty()).then_some(cmd),
        entrypoint: value(matches, "entrypoint").map(|e| match e {
            "" => Vec::new(),
            program => vec![program.to_owned()],
        }),
        env: environment(matches)?,
        clear_env: is_set(matches, "unsetenv-all"),
        user: text(matches, "user").or(kept),
        working_dir: text(matches, "workdir"),
        hostname: text(matches, "hostname"),
        domainname: text(matches, "domainname"),
        labels: labels(matches)?,
        expose: host::expose(matches)?,
        tty: is_set(matches, "tty"),
        open_stdin: is_set(matches, "interactive"),
        attach: attach(matches, detach),
        stop_signal: text(matches, "stop-signal"),
        stop_timeout: typed::<i64>(matches, "stop-timeout").copied(),
        healthcheck: health(matches)?,
        mounts,
        volumes,
        host: host::config(matches, &networks, &mut warnings)?,
        networks,
    };
    let notes = request
        .host
        .ignored
        .iter()
        .map(|(flag, value)| format!("--{flag} {value} has no effect here"))
        .filter(|note| !warnings.contains(note))
        .collect();
    Ok(Parsed {
        pull: pull(value(matches, "pull"))?,
        quiet: is_set(matches, "quiet"),
        replace: is_set(matches, "replace"),
        detach,
        sig_proxy: !is_run || typed::<bool>(matches, "sig-proxy") != Some(&false),
        detach_keys: if is_run {
            text(matches, "detach-keys")
        } else {
            None
        },
        pid_file: text(matches, "pidfile"),
        proxies: typed::<bool>(matches, "http-proxy") != Some(&false),
        warnings,
        notes,
        request,
    })
}

fn pull(word: Option<&str>) -> Result<Pull> {
    match word {
        None | Some("missing" | "") => Ok(Pull::Missing),
        Some("always") => Ok(Pull::Always),
        Some("never") => Ok(Pull::Never),
        Some("newer") => Ok(Pull::Newer),
        Some(other) => Err(usage(format!(
            "invalid pull option: '{other}': must be one of \"always\", \"missing\" or \"never\""
        ))),
    }
}

/// Without `-a` and `-d` everything is attached, stdin with `-i` only.
fn attach(matches: &ArgMatches, detach: bool) -> [bool; 3] {
    let given: Vec<Stream> = many::<Stream>(matches, "attach").copied().collect();
    if detach {
        [false; 3]
    } else if given.is_empty() {
        [is_set(matches, "interactive"), true, true]
    } else {
        [Stream::Stdin, Stream::Stdout, Stream::Stderr].map(|stream| given.contains(&stream))
    }
}

/// Adds `-e` and `--env-file`.
pub(crate) fn environment_args(command: Command) -> Command {
    table::environment(command)
}

/// The env-files' variables, and after them those of `-e`, so that these win.
pub(crate) fn environment(matches: &ArgMatches) -> Result<Vec<String>> {
    let mut all = Vec::new();
    if is_set(matches, "env-host") {
        all.extend(variables());
    }
    // a name alone takes the image's variable away
    all.extend(values(matches, "unsetenv").cloned());
    for path in values(matches, "env-file") {
        let bytes = read(path)?;
        all.extend(env::file(&bytes, path, variable)?);
    }
    all.extend(values(matches, "env").cloned());
    Ok(all)
}

fn labels(matches: &ArgMatches) -> Result<BTreeMap<String, String>> {
    let mut all = BTreeMap::new();
    for path in values(matches, "label-file") {
        all.extend(env::label_file(&read(path)?, path)?);
    }
    all.extend(many::<(String, String)>(matches, "label").cloned());
    Ok(all)
}

/// Reads a file that a flag names; errors have Go's words, which docker prints.
fn read(path: &str) -> Result<Vec<u8>> {
    std::fs::read(path).map_err(|e| {
        let errno = nix::errno::Errno::from_raw(e.raw_os_error().unwrap_or(libc::EIO));
        usage(format!("open {path}")).because(crate::sys::sentence(errno))
    })
}

/// The mounts, and what `--mount volume-label,volume-opt` says of volumes that are to be made.
fn mounts(matches: &ArgMatches) -> Result<(Vec<MountPoint>, Vec<volumes::Request>)> {
    let mut specs = Vec::new();
    for volume in host::volumes(matches) {
        specs.push(mount::parse_volume(volume)?);
    }
    for mount in many::<Mount>(matches, "mount") {
        specs.push(mount.clone()?);
    }
    let mut folder = None;
    for spec in &mut specs {
        if spec.kind == mount::Type::Bind && spec.source.starts_with('.') {
            if folder.is_none() {
                folder = Some(working_folder()?);
            }
            spec.make_absolute(folder.as_deref().unwrap_or("/"));
        }
    }
    let mut volumes = Vec::new();
    for spec in &specs {
        volumes.extend(volume(spec)?);
    }
    Ok((specs.into_iter().map(point).collect(), volumes))
}

/// The named volume that a mount asks for with more than its name.
fn volume(spec: &mount::Spec) -> Result<Option<volumes::Request>> {
    if !matches!(spec.driver.as_str(), "" | "local") {
        let (name, driver) = (&spec.source, &spec.driver);
        let text = format!("create {name}: error looking up volume plugin {driver}");
        return Err(
            Error::new(Kind::NotFound, text).because(format!("plugin \"{driver}\" not found"))
        );
    }
    let is_plain = spec.driver_options.is_empty() && spec.labels.is_empty();
    if spec.kind != mount::Type::Volume || spec.source.is_empty() || is_plain {
        return Ok(None);
    }
    Ok(Some(volumes::Request {
        name: Some(spec.source.clone()),
        labels: spec.labels.clone(),
        options: spec.driver_options.clone(),
    }))
}

pub(super) fn working_folder() -> Result<String> {
    let folder = std::env::current_dir().context(
        Kind::System,
        || "cannot find the current folder, which a relative path of -v starts from",
    )?;
    folder.into_os_string().into_string().map_err(|raw| {
        usage(format!("the current folder {raw:?} is not valid UTF-8")).hint("use an absolute path")
    })
}

/// A mount as the record keeps it. What only the store knows (the data folder of a volume) is filled in by `create`.
fn point(spec: mount::Spec) -> MountPoint {
    let is_volume = spec.kind == mount::Type::Volume;
    MountPoint {
        kind: spec.kind.name().to_owned(),
        anonymous: is_volume && spec.source.is_empty(),
        copy: is_volume && !spec.no_copy,
        driver: if is_volume {
            "local".to_owned()
        } else {
            String::new()
        },
        name: if is_volume {
            spec.source.clone()
        } else {
            String::new()
        },
        source: if is_volume {
            String::new()
        } else {
            spec.source
        },
        destination: spec.target,
        rw: !spec.read_only,
        propagation: match (spec.kind, spec.propagation.as_str()) {
            (mount::Type::Bind, "") => "rprivate".to_owned(),
            _ => spec.propagation,
        },
        mode: spec.mode,
        subpath: spec.subpath,
        create_source: spec.create_source,
        recursive: spec.recursive,
        tmpfs_options: spec.tmpfs_options,
    }
}

fn health(matches: &ArgMatches) -> Result<Option<Healthcheck>> {
    let time = |name| typed::<i64>(matches, name).copied().unwrap_or(0);
    let check = Healthcheck {
        test: match value(matches, "health-cmd") {
            None | Some("") => Vec::new(),
            Some(command) => vec!["CMD-SHELL".to_owned(), command.to_owned()],
        },
        interval: time("health-interval"),
        timeout: time("health-timeout"),
        start_period: time("health-start-period"),
        start_interval: time("health-start-interval"),
        retries: time("health-retries"),
    };
    let is_asked = check != Healthcheck::default();
    if is_set(matches, "no-healthcheck") {
        if is_asked {
            return Err(usage("--no-healthcheck conflicts with --health-* options"));
        }
        return Ok(Some(Healthcheck {
            test: vec!["NONE".to_owned()],
            ..Healthcheck::default()
        }));
    }
    for (name, number) in [
        ("interval", check.interval),
        ("timeout", check.timeout),
        ("retries", check.retries),
        ("start-period", check.start_period),
        ("start-interval", check.start_interval),
    ] {
        if number < 0 {
            return Err(usage(format!("--health-{name} cannot be negative")));
        }
    }
    for (name, time) in [
        ("Interval", check.interval),
        ("Timeout", check.timeout),
        ("StartPeriod", check.start_period),
        ("StartInterval", check.start_interval),
    ] {
        if time != 0 && time < 1_000_000 {
            return Err(Error::new(
                Kind::Invalid,
                format!("{name} in Healthcheck cannot be less than 1ms"),
            ));
        }
    }
    Ok(is_asked.then_some(check))
}

fn text(matches: &ArgMatches, name: &str) -> Option<String> {
    value(matches, name)
        .filter(|v| !v.is_empty())
        .map(str::to_owned)
}

pub(super) fn usage(text: impl Into<String>) -> Error {
    Error::new(Kind::Usage, text)
}
