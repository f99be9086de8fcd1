//! `coracle build`.

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::sync::atomic::Ordering;

use clap::{ArgMatches, Command};
use oci_client::manifest::OCI_IMAGE_MEDIA_TYPE;
use serde_json::json;

use super::args::{flag, is_set, list, operands, opt, value, values};
use super::{Session, Verb, variable};
use crate::build::exchange;
use crate::build::request::{Named, Request, Secret};
use crate::error::{Error, Kind, Result};
use crate::grammar::annotation::Annotation;
use crate::grammar::platform::Platform;
use crate::grammar::reference::Reference;
use crate::grammar::{csv, units};
use crate::image::index::platform_value;
use crate::store::containers::Ulimit;
use crate::ui::build::{Shown, Style};
use crate::ui::out;

mod call;
mod cancel;
mod context;
mod output;

pub(super) const VERB: Verb = Verb {
    path: &["build"],
    aliases: &[
        &["image", "build"],
        &["buildx", "build"],
        &["buildx", "b"],
        &["builder", "build"],
    ],
    about: "Start a build",
    args,
    run,
};

fn args(command: Command) -> Command {
    let command = command
        .arg(operands("context", 1).value_name("PATH | URL | -"))
        .arg(list(
            "add-host",
            None,
            "strings",
            "Add a custom host-to-IP mapping (format: \"host:ip\")",
        ))
        .arg(list(
            "allow",
            None,
            "strings",
            "Allow extra privileged entitlement (e.g., \"network.host\", \"security.insecure\")",
        ))
        .arg(list(
            "annotation",
            None,
            "stringArray",
            "Add annotation to the image",
        ))
        .arg(list(
            "attest",
            None,
            "stringArray",
            "Attestation parameters (only \"false\" is known)",
        ))
        .arg(list(
            "build-arg",
            None,
            "stringArray",
            "Set build-time variables",
        ))
        .arg(list(
            "build-context",
            None,
            "stringArray",
            "Additional build contexts (e.g., name=path)",
        ))
        .arg(opt(
            "builder",
            None,
            "string",
            "Has no effect: there is one builder",
        ))
        .arg(list(
            "cache-from",
            None,
            "stringArray",
            "External cache sources",
        ))
        .arg(list(
            "cache-to",
            None,
            "stringArray",
            "Cache export destinations",
        ))
        .arg(opt(
            "call",
            None,
            "string",
            "Set method for evaluating build (\"build\", \"check\", \"outline\", \"targets\"), and \",format=json\"",
        ))
        .arg(opt("cgroup-parent", None, "string", "Has no effect"))
        .arg(flag("check", None, "Shorthand for \"--call=check\""))
        .arg(flag("explain", None, "Say why each step was not cached"))
        .arg(opt(
            "file",
            'f',
            "string",
            "Name of the Dockerfile (default: \"PATH/Dockerfile\")",
        ))
        .arg(opt(
            "iidfile",
            None,
            "string",
            "Write the image ID to a file",
        ))
        .arg(list(
            "label",
            None,
            "stringArray",
            "Set metadata for an image",
        ))
        .arg(flag(
            "load",
            None,
            "Put the result into the store (the default)",
        ))
        .arg(opt(
            "metadata-file",
            None,
            "string",
            "Write build result metadata to a file",
        ))
        .arg(opt(
            "network",
            None,
            "string",
            "Set the networking mode for the \"RUN\" instructions during build",
        ))
        .arg(flag(
            "no-cache",
            None,
            "Do not use cache when building the image",
        ))
        .arg(list(
            "no-cache-filter",
            None,
            "stringArray",
            "Do not cache specified stages",
        ))
        .arg(opt(
            "on-error",
            None,
            "string",
            "What to do when a step fails (\"shell\": open one in the state in which it failed)",
        ))
        .arg(list(
            "output",
            'o',
            "stringArray",
            "Output destination (format: \"type=local,dest=path\")",
        ))
        .arg(list(
            "platform",
            None,
            "stringArray",
            "Set target platform for build",
        ))
        .arg(opt(
            "progress",
            None,
            "string",
            "Set type of progress output (\"auto\", \"plain\", \"tty\", \"quiet\", \"rawjson\")",
        ))
        .arg(opt(
            "provenance",
            None,
            "string",
            "Shorthand for \"--attest=type=provenance\"",
        ))
        .arg(flag(
            "pull",
            None,
            "Always attempt to pull all referenced images",
        ))
        .arg(flag(
            "push",
            None,
            "Shorthand for \"--output=type=registry\"",
        ))
        .arg(flag(
            "quiet",
            'q',
            "Suppress the build output and print image ID on success",
        ))
        .arg(flag("rm", None, "Has no effect: nothing is left"))
        .arg(flag("force-rm", None, "Has no effect: nothing is left"))
        .arg(flag("squash", None, "Has no effect"))
        .arg(flag("compress", None, "Has no effect"))
        .arg(opt(
            "sbom",
            None,
            "string",
            "Shorthand for \"--attest=type=sbom\"",
        ))
        .arg(list(
            "secret",
            None,
            "stringArray",
            "Secret to expose to the build (format: \"id=mysecret[,src=/local/secret]\")",
        ))
        .arg(opt(
            "shm-size",
            None,
            "bytes",
            "Shared memory size for build containers",
        ))
        .arg(list(
            "ssh",
            None,
            "stringArray",
            "SSH agent socket or keys to expose to the build",
        ))
        .arg(list(
            "tag",
            't',
            "stringArray",
            "Name and optionally a tag (format: \"name:tag\")",
        ))
        .arg(opt(
            "target",
            None,
            "string",
            "Set the target build stage to build",
        ))
        .arg(list("ulimit", None, "ulimit", "Ulimit options"));
    // limits of the classic builder's, which no step needs
    [
        "cpu-period",
        "cpu-quota",
        "cpu-shares",
        "cpuset-cpus",
        "cpuset-mems",
        "memory",
        "memory-swap",
        "isolation",
        "security-opt",
    ]
    .into_iter()
    .fold(command, |command, name| {
        let short = match name {
            "cpu-shares" => Some('c'),
            "memory" => Some('m'),
            _ => None,
        };
        command.arg(list(name, short, "string", "Has no effect").hide(true))
    })
}

fn run(matches: &ArgMatches, session: &mut Session) -> Result<u8> {
    let fail = |text: String| {
        out::talk(text);
        Ok(1)
    };
    let mut request = match request(matches, session) {
        Ok(request) => request,
        Err(e) => return fail(format!("ERROR: {e}")),
    };
    let scratch = match context::open(matches, session, &mut request) {
        Ok(scratch) => scratch,
        Err(e) => return fail(plain(&e)),
    };
    let outputs = output::parse(matches, &mut request)
        .and_then(|all| output::check(&all, value(matches, "iidfile").is_some()).map(|()| all));
    let outputs = match outputs {
        Ok(outputs) => outputs,
        Err(e) => return fail(format!("ERROR: {e}")),
    };
    let style = match style(matches, is_set(matches, "quiet")) {
        Ok(style) => style,
        Err(e) => return fail(format!("ERROR: {e}")),
    };
    let store = session.store()?;
    let (method, is_json) = match call::parse(value(matches, "call").unwrap_or_default()) {
        Ok((None, is_json)) if is_set(matches, "check") => (Some(call::Method::Check), is_json),
        Ok(call) => call,
        Err(e) => return fail(format!("ERROR: {e}")),
    };
    if let Some(method) = method {
        return call::answer(session, &request, method, is_json);
    }
    cancel::watch(request.canceled.clone())?;
    let quiet = style == Style::Quiet;
    let shown = Shown::new(style, "coracle");
    let built = crate::build::build(store, &request, &shown);
    shown.finish(built.is_err());
    drop(scratch);
    let built = match built {
        Ok(built) => built,
        Err(e) => {
            out::talk(plain(&e));
            return Ok(match request.canceled.load(Ordering::Relaxed) {
                0 => 1,
                signal => 128 + u8::try_from(signal).unwrap_or_default(),
            });
        }
    };
    if let Err(e) = output::write(session, &request, &built, &outputs) {
        return fail(plain(&e));
    }
    if let Some(path) = value(matches, "iidfile") {
        fs_err::write(path, built.id())?;
    }
    if let Some(path) = value(matches, "metadata-file") {
        fs_err::write(path, metadata(&built, &request)?)?;
    }
    if quiet {
        // what has gone to files alone has no id, and docker prints an empty line then
        out::line(if output::has_id(&outputs) {
            built.id()
        } else {
            String::new()
        })?;
    }
    Ok(0)
}

/// An error of the builder has its `ERROR:` behind the box of lines.
fn plain(e: &Error) -> String {
    let text = e.to_string();
    match text.contains("ERROR: ") {
        true => text,
        false => format!("ERROR: {text}"),
    }
}

fn style(matches: &ArgMatches, quiet: bool) -> Result<Style> {
    if quiet {
        return Ok(Style::Quiet);
    }
    let word = value(matches, "progress").map(str::to_owned);
    let word = word
        .or_else(|| variable("BUILDKIT_PROGRESS"))
        .unwrap_or_default();
    match word.as_str() {
        "" | "auto" => Ok(match std::io::stderr().is_terminal() {
            true => Style::Tty,
            false => Style::Plain,
        }),
        "tty" => Ok(Style::Tty),
        "plain" => Ok(Style::Plain),
        "quiet" | "none" => Ok(Style::Quiet),
        "rawjson" => Ok(Style::RawJson),
        word => Err(Error::new(
            Kind::Usage,
            format!("invalid progress mode {word}"),
        )),
    }
}

fn metadata(built: &crate::build::Built, request: &Request) -> Result<String> {
    let reference = format!("default/default/{}", crate::store::random_hex::<12>()?);
    let mut all = BTreeMap::from([("buildx.build.ref", json!(reference))]);
    let digest = json!(built.digest());
    let (media_type, size) = match &built.index {
        Some(index) => (index.media_type(), index.bytes().len()),
        None => (OCI_IMAGE_MEDIA_TYPE, built.images[0].manifest.len()),
    };
    let mut descriptor = json!({ "mediaType": media_type, "digest": digest, "size": size });
    if let [only] = built.images.as_slice() {
        all.insert("containerimage.config.digest", json!(only.id));
        descriptor["platform"] = platform_value(&only.platform);
    }
    all.insert("containerimage.descriptor", descriptor);
    all.insert("containerimage.digest", digest);
    if !request.tags.is_empty() {
        all.insert("image.name", json!(request.tags.join(",")));
    }
    Ok(serde_json::to_string_pretty(&all).unwrap_or_default())
}

fn request(matches: &ArgMatches, session: &Session) -> Result<Request> {
    for name in ["attest", "sbom", "provenance"] {
        for word in values(matches, name) {
            if !["false", "disabled=true"]
                .iter()
                .any(|off| word.ends_with(off))
            {
                return Err(
                    Error::new(Kind::Usage, format!("--{name}={word} is not there"))
                        .because("no attestations are made, so that equal content has one digest"),
                );
            }
        }
    }
    let mut request = Request {
        settings: session.registries(),
        storage_driver: session.storage_driver.clone(),
        network: value(matches, "network").unwrap_or("default").to_owned(),
        target: value(matches, "target").map(str::to_owned),
        no_cache: is_set(matches, "no-cache"),
        pull: is_set(matches, "pull"),
        explain: is_set(matches, "explain"),
        shell_on_error: value(matches, "on-error") == Some("shell")
            && std::io::stdin().is_terminal(),
        allow: values(matches, "allow").cloned().collect(),
        ..Request::default()
    };
    if !matches!(request.network.as_str(), "" | "default" | "none" | "host") {
        let text = format!(
            "network mode {:?} not supported by buildkit - you can define a custom network for your builder using the network driver-opt in buildx create",
            request.network
        );
        return Err(Error::new(Kind::Usage, text));
    }
    if request.network == "host" {
        request.allow.insert("network.host".to_owned());
    }
    for word in values(matches, "annotation") {
        request.annotations.push(Annotation::parse(word)?);
    }
    for words in values(matches, "no-cache-filter") {
        let names = words.split(',').map(|word| word.trim().to_lowercase());
        request.no_cache_filter.extend(names);
    }
    if request.no_cache && !request.no_cache_filter.is_empty() {
        let text = "--no-cache and --no-cache-filter cannot currently be used together";
        return Err(Error::new(Kind::Usage, text));
    }
    for tag in values(matches, "tag") {
        let reference = Reference::parse(tag)
            .map_err(|e| Error::new(Kind::Usage, format!("invalid tag {tag:?}: {}", why(&e))))?;
        request.tags.push(reference.or_latest().to_string());
    }
    for word in values(matches, "build-arg") {
        let (name, value) = match word.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (word.as_str(), variable(word)),
        };
        if let Some(value) = value {
            request.build_args.insert(name.to_owned(), value);
        }
    }
    proxies(session, &mut request);
    for word in values(matches, "label") {
        let (key, value) = word.split_once('=').unwrap_or((word, ""));
        request.labels.push((key.to_owned(), value.to_owned()));
    }
    let platforms = values(matches, "platform").flat_map(|list| list.split(','));
    for word in platforms.filter(|word| !word.is_empty()) {
        let platform = Platform::parse(word)?;
        if !request.platforms.contains(&platform) {
            request.platforms.push(platform);
        }
    }
    request.add_hosts = values(matches, "add-host")
        .map(|word| word.replacen('=', ":", 1))
        .collect();
    if let Some(size) = value(matches, "shm-size") {
        request.shm_size = units::bytes(size)?;
    }
    for word in values(matches, "ulimit") {
        let limit = units::ulimit(word)?;
        request.ulimits.push(Ulimit {
            name: limit.name,
            soft: limit.soft,
            hard: limit.hard,
        });
    }
    for word in values(matches, "secret") {
        let (id, secret) = secret(word)?;
        request.secrets.insert(id, secret);
    }
    for word in values(matches, "ssh") {
        let (id, path) = word.split_once('=').unwrap_or((word, ""));
        let path = match path {
            "" => variable("SSH_AUTH_SOCK").unwrap_or_default(),
            path => path.to_owned(),
        };
        if path.is_empty() {
            let text = "invalid empty ssh agent socket: make sure SSH_AUTH_SOCK is set";
            return Err(Error::new(Kind::Usage, text));
        }
        request.ssh.insert(id.to_owned(), PathBuf::from(path));
    }
    for word in values(matches, "build-context") {
        let Some((name, place)) = word.split_once('=') else {
            let text = format!("invalid context value: {word}, expected key=value");
            return Err(Error::new(Kind::Usage, text));
        };
        let named = match place.split_once("://") {
            Some(("docker-image", image)) => Named::Image(image.to_owned()),
            None => Named::Folder(PathBuf::from(place)),
            Some((scheme, _)) => {
                let text = format!("cannot use a context of kind {scheme}");
                return Err(Error::new(Kind::Usage, text));
            }
        };
        request.contexts.insert(name.to_lowercase(), named);
    }
    for word in values(matches, "cache-from") {
        request.cache_from.push(cache_from(word)?);
    }
    for word in values(matches, "cache-to") {
        request.cache_to.push(cache_to(word)?);
    }
    let epoch = request.build_args.get("SOURCE_DATE_EPOCH").cloned();
    let epoch = epoch.or_else(|| variable("SOURCE_DATE_EPOCH"));
    if let Some(text) = epoch.filter(|text| !text.is_empty()) {
        let seconds = text
            .parse()
            .map_err(|_| Error::new(Kind::Usage, format!("invalid SOURCE_DATE_EPOCH: {text}")))?;
        request.epoch = Some(seconds);
        request
            .build_args
            .insert("SOURCE_DATE_EPOCH".to_owned(), text);
    }
    Ok(request)
}

/// The fields of `--cache-from` and `--cache-to`: type, and the others by name.
fn cache_fields(word: &str) -> Result<BTreeMap<String, String>> {
    let mut fields = BTreeMap::new();
    for field in csv::fields(word)? {
        match field.split_once('=') {
            Some((key, value)) => drop(fields.insert(key.to_lowercase(), value.to_owned())),
            // a lone name is an image
            None => {
                fields.insert("type".to_owned(), "registry".to_owned());
                fields.insert("ref".to_owned(), field);
            }
        }
    }
    Ok(fields)
}

fn cache_field(fields: &BTreeMap<String, String>, name: &str) -> Result<String> {
    fields.get(name).cloned().ok_or_else(|| {
        Error::new(
            Kind::Usage,
            format!("{name} is required for a cache of this type"),
        )
    })
}

fn cache_from(word: &str) -> Result<exchange::From> {
    let fields = cache_fields(word)?;
    match fields.get("type").map(String::as_str) {
        Some("registry") => Ok(exchange::From::Registry(cache_field(&fields, "ref")?)),
        Some("local") => Ok(exchange::From::Local(cache_field(&fields, "src")?.into())),
        kind => Err(unknown_cache(kind)),
    }
}

fn cache_to(word: &str) -> Result<exchange::To> {
    let fields = cache_fields(word)?;
    let all = fields.get("mode").is_some_and(|mode| mode == "max");
    match fields.get("type").map(String::as_str) {
        Some("inline") => Ok(exchange::To::Inline),
        Some("registry") => Ok(exchange::To::Registry {
            name: cache_field(&fields, "ref")?,
            all,
        }),
        Some("local") => Ok(exchange::To::Local {
            folder: cache_field(&fields, "dest")?.into(),
            all,
        }),
        kind => Err(unknown_cache(kind)),
    }
}

fn unknown_cache(kind: Option<&str>) -> Error {
    let kind = kind.unwrap_or_default();
    Error::new(Kind::Usage, format!("cannot use a cache of type {kind:?}"))
        .because("registry, local and inline are known")
}

/// The reason alone, in the words of docker's client, which does not say what the name is short for.
fn why(e: &Error) -> String {
    let text = e.to_string();
    let why = text
        .strip_prefix("invalid reference format: ")
        .unwrap_or(&text);
    match why.contains("must be lowercase") {
        true => "repository name must be lowercase".to_owned(),
        false => why.to_owned(),
    }
}

/// The proxies of the client's config.json.
fn proxies(session: &Session, request: &mut Request) {
    for word in session.client_config().proxy_variables() {
        if let Some((name, value)) = word.split_once('=') {
            let args = &mut request.build_args;
            args.entry(name.to_owned())
                .or_insert_with(|| value.to_owned());
        }
    }
}

/// `id=x,src=path` or `id=x,env=NAME`.
fn secret(word: &str) -> Result<(String, Secret)> {
    let mut id = String::new();
    let mut source = None;
    let mut env = None;
    let mut kind = String::new();
    for field in csv::fields(word)? {
        let Some((key, value)) = field.split_once('=') else {
            let text = format!("invalid field '{field}' must be a key=value pair");
            return Err(Error::new(Kind::Usage, text));
        };
        match key.to_lowercase().as_str() {
            "type" => kind = value.to_owned(),
            "id" => id = value.to_owned(),
            "source" | "src" => source = Some(value.to_owned()),
            "env" => env = Some(value.to_owned()),
            _ => {
                let text = format!("unexpected key '{key}' in '{field}'");
                return Err(Error::new(Kind::Usage, text));
            }
        }
    }
    if kind == "env" && env.is_none() {
        env = source.take().or_else(|| Some(id.clone()));
    }
    let secret = match (source, env) {
        (Some(path), _) => Secret::File(PathBuf::from(path)),
        (None, Some(name)) => Secret::Value(variable(&name).unwrap_or_default()),
        // neither: a variable of that name, else a file
        (None, None) => match variable(&id) {
            Some(value) => Secret::Value(value),
            None => Secret::File(PathBuf::from(&id)),
        },
    };
    if let Secret::File(path) = &secret
        && !path.exists()
    {
        let text = format!(
            "could not parse secrets: [{word}]: failed to stat {}",
            path.display()
        );
        return Err(Error::new(Kind::Usage, text).because("no such file or directory"));
    }
    Ok((id, secret))
}
