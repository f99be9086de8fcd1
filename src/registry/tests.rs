//! The client against a registry that misbehaves: a scripted HTTP server on loopback.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use super::*;
use crate::error::{Kind, Result};
use crate::grammar::reference::Reference;
use crate::store::blobs::digest_of;

mod upload;

/// A request as the script sees it.
struct Seen {
    method: String,
    path: String,
    host: String,
    range: Option<u64>,
    authorization: Option<String>,
    body: String,
}

/// What the script answers.
#[derive(Default)]
struct Reply {
    status: u16,
    headers: Vec<String>,
    body: Vec<u8>,
    /// Closes the connection after so many bytes of the body.
    cut: Option<usize>,
}

fn reply(status: u16, body: impl Into<Vec<u8>>) -> Reply {
    Reply {
        status,
        body: body.into(),
        ..Reply::default()
    }
}

impl Reply {
    fn header(mut self, line: impl Into<String>) -> Reply {
        self.headers.push(line.into());
        self
    }

    fn cut(mut self, at: usize) -> Reply {
        self.cut = Some(at);
        self
    }
}

type Script = dyn Fn(&Seen, usize) -> Reply + Send + Sync;

/// Its threads end with the test process.
struct Server {
    address: String,
    log: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// The script gets each request and how many there were before; `/v2/` is answered with 200 by itself.
    fn start(script: impl Fn(&Seen, usize) -> Reply + Send + Sync + 'static) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("bound").to_string();
        let log = Arc::new(Mutex::new(Vec::new()));
        let script: Arc<Script> = Arc::new(script);
        let seen = Arc::clone(&log);
        crate::sys::thread::spawn("server", move || {
            for stream in listener.incoming().flatten() {
                let (script, seen) = (Arc::clone(&script), Arc::clone(&seen));
                crate::sys::thread::spawn("connection", move || serve(stream, &*script, &seen))
                    .expect("a thread");
            }
        })
        .expect("a thread");
        Server { address, log }
    }

    fn remote(&self) -> Remote {
        let reference = Reference::parse(&format!("{}/team/app:1", self.address)).expect("valid");
        Remote::open(&Settings::default(), &reference).expect("opened")
    }

    fn log(&self) -> Vec<String> {
        self.log.lock().expect("whole").clone()
    }
}

fn serve(stream: TcpStream, script: &Script, log: &Mutex<Vec<String>>) {
    let mut reader = BufReader::new(stream.try_clone().expect("a descriptor"));
    let mut stream = stream;
    while let Some(seen) = request(&mut reader) {
        let answer = if seen.path == "/v2/" && seen.authorization.is_none() {
            reply(200, "{}")
        } else {
            let mut log = log.lock().expect("whole");
            let range = seen.range.map(|r| format!(" {r}-")).unwrap_or_default();
            log.push(format!("{} {}{range}", seen.method, seen.path));
            script(&seen, log.len() - 1)
        };
        let mut head = format!(
            "HTTP/1.1 {} X\r\nContent-Length: {}\r\n",
            answer.status,
            answer.body.len()
        );
        for line in &answer.headers {
            head += &format!("{line}\r\n");
        }
        let body = if seen.method == "HEAD" {
            &[][..]
        } else {
            &answer.body
        };
        let sent = answer.cut.unwrap_or(body.len()).min(body.len());
        let written = stream
            .write_all((head + "\r\n").as_bytes())
            .and_then(|()| stream.write_all(&body[..sent]));
        if written.is_err() || answer.cut.is_some() {
            return;
        }
    }
}

fn request(reader: &mut BufReader<TcpStream>) -> Option<Seen> {
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.split(' ');
    let mut seen = Seen {
        method: words.next()?.to_owned(),
        path: words.next()?.to_owned(),
        host: String::new(),
        range: None,
        authorization: None,
        body: String::new(),
    };
    let mut length = 0;
    loop {
        line.clear();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else {
            break;
        };
        match name.to_ascii_lowercase().as_str() {
            "range" => {
                seen.range = value
                    .strip_prefix("bytes=")?
                    .strip_suffix('-')?
                    .parse()
                    .ok()
            }
            "host" => seen.host = value.to_owned(),
            "authorization" => seen.authorization = Some(value.to_owned()),
            "content-length" => length = value.parse().ok()?,
            _ => {}
        }
    }
    let mut body = vec![0; length];
    std::io::Read::read_exact(reader, &mut body).ok()?;
    seen.body = String::from_utf8(body).ok()?;
    Some(seen)
}

/// Three MiB that are not all alike.
fn content() -> Vec<u8> {
    (0..3u32 << 20)
        .map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect()
}

struct Fetched {
    result: Result<()>,
    bytes: Vec<u8>,
    waits: usize,
}

/// Fetches one blob as a layer would.
fn fetch(remote: &Remote, digest: &str, size: usize, partial: Option<PathBuf>) -> Fetched {
    let waits = Mutex::new(0);
    let (fetcher, orders) = orders();
    let watch = |moved| {
        if let Moved::Waiting(_) = moved {
            *waits.lock().expect("whole") += 1;
        }
    };
    let blob = Blob {
        digest: digest.to_owned(),
        size: size as u64,
        partial,
        watch: Box::new(watch),
    };
    let (result, bytes) = std::thread::scope(|scope| {
        let layer = crate::sys::thread::spawn_scoped(scope, "layer", move || {
            let mut body = fetcher.fetch(blob);
            drop(fetcher);
            let mut bytes = Vec::new();
            while let Some(chunk) = body.chunk() {
                bytes.extend(chunk);
            }
            (body.verdict(), bytes)
        })
        .expect("a thread");
        remote.serve(orders);
        layer.join().expect("no panic")
    });
    Fetched {
        result,
        bytes,
        waits: waits.into_inner().expect("whole"),
    }
}

/// The part of `content` that a Range asks for, as a good server sends it.
fn part(content: &[u8], seen: &Seen) -> Reply {
    match seen.range {
        None => reply(200, content),
        Some(from) => reply(206, &content[from as usize..]).header(format!(
            "Content-Range: bytes {from}-{}/{}",
            content.len() - 1,
            content.len()
        )),
    }
}

fn partial_file(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("coracle-partial-{name}-{}", std::process::id()))
}

#[test]
fn cut_connections_are_continued_by_range() {
    let all = content();
    let digest = digest_of(&all);
    let bytes = all.clone();
    let server = Server::start(move |seen, n| match n {
        0 => part(&bytes, seen).cut(1 << 20),
        1 => part(&bytes, seen).cut(1 << 20),
        _ => part(&bytes, seen),
    });
    let fetched = fetch(&server.remote(), &digest, all.len(), None);
    fetched.result.expect("whole in the end");
    assert!(fetched.bytes == all && fetched.waits == 2);
    let ranges: Vec<String> = server
        .log()
        .iter()
        .map(|l| l.split(' ').skip(2).collect())
        .collect();
    assert_eq!(ranges, ["", "1048576-", "2097152-"]);
}

#[test]
fn a_server_that_ignores_the_range_costs_traffic_only() {
    let all = content();
    let digest = digest_of(&all);
    let bytes = all.clone();
    let server = Server::start(move |_, n| match n {
        0 => reply(200, &bytes[..]).cut(1_500_000),
        _ => reply(200, &bytes[..]),
    });
    let fetched = fetch(&server.remote(), &digest, all.len(), None);
    fetched.result.expect("whole in the end");
    assert!(fetched.bytes == all);
}

#[test]
fn a_server_that_refuses_every_range_costs_traffic_only() {
    let all = content();
    let digest = digest_of(&all);
    let bytes = all.clone();
    let server = Server::start(move |seen, _| match seen.range {
        Some(_) => reply(416, ""),
        None => reply(200, &bytes[..]),
    });
    let partial = partial_file("refused");
    fs_err::write(&partial, &all[..2_000_000]).expect("writable");
    let fetched = fetch(&server.remote(), &digest, all.len(), Some(partial.clone()));
    fetched.result.expect("whole in the end");
    fs_err::remove_file(&partial).expect("ours");
    assert!(fetched.bytes == all);
    assert_eq!(server.log().len(), 2);
}

#[test]
fn a_killed_pulls_prefix_is_replayed_and_the_rest_asked_for() {
    let all = content();
    let digest = digest_of(&all);
    let bytes = all.clone();
    let server = Server::start(move |seen, _| part(&bytes, seen));
    let partial = partial_file("replay");
    fs_err::write(&partial, &all[..2_000_000]).expect("writable");
    let fetched = fetch(&server.remote(), &digest, all.len(), Some(partial.clone()));
    fetched.result.expect("whole");
    let kept = fs_err::read(&partial).expect("kept until the layer is there");
    fs_err::remove_file(&partial).expect("ours");
    assert!(fetched.bytes == all && kept == all);
    assert!(server.log()[0].ends_with(" 2000000-"), "{:?}", server.log());
}

#[test]
fn a_whole_prefix_needs_no_request_and_a_wrong_one_is_thrown_away() {
    let all = content();
    let digest = digest_of(&all);
    let server = Server::start(|_, _| reply(500, ""));
    let partial = partial_file("whole");
    fs_err::write(&partial, &all).expect("writable");
    fetch(&server.remote(), &digest, all.len(), Some(partial.clone()))
        .result
        .expect("whole");
    assert_eq!(server.log(), Vec::<String>::new());
    let mut wrong = all.clone();
    wrong[7] ^= 1;
    fs_err::write(&partial, &wrong).expect("writable");
    let e = fetch(&server.remote(), &digest, all.len(), Some(partial.clone()))
        .result
        .expect_err("wrong");
    assert_eq!(e.kind(), Kind::Corrupt);
    assert!(!partial.exists());
}

#[test]
fn a_flipped_byte_is_refused_and_nothing_kept() {
    let all = content();
    let digest = digest_of(&all);
    let mut wrong = all.clone();
    wrong[2_500_000] ^= 1;
    let found = digest_of(&wrong);
    let server = Server::start(move |seen, _| part(&wrong, seen));
    let partial = partial_file("flipped");
    let e = fetch(&server.remote(), &digest, all.len(), Some(partial.clone()))
        .result
        .expect_err("wrong");
    assert!(!partial.exists());
    assert_eq!(
        e.to_string(),
        format!(
            "blob {digest} does not match its digest: expected {digest}, got {found}; \
             the registry or something on the way damaged it; try again"
        )
    );
}

#[test]
fn a_body_longer_than_its_descriptor_is_refused_at_the_first_byte_too_many() {
    let all = content();
    let digest = digest_of(&all[..2_000_000]);
    let server = Server::start(move |seen, _| part(&all, seen));
    let e = fetch(&server.remote(), &digest, 2_000_000, None)
        .result
        .expect_err("too long");
    let text =
        format!("blob {digest} is too long: more than the 2000000 bytes that the manifest says");
    assert_eq!(e.to_string(), text);
}

#[test]
fn passing_trouble_is_waited_out_and_lasting_trouble_told() {
    let all = content();
    let digest = digest_of(&all);
    let bytes = all.clone();
    let server = Server::start(move |seen, n| match n {
        0 => reply(429, "").header("Retry-After: 0"),
        1 => reply(503, ""),
        2 => reply(502, "<html>"),
        _ => part(&bytes, seen),
    });
    let fetched = fetch(&server.remote(), &digest, all.len(), None);
    fetched.result.expect("whole in the end");
    assert_eq!(fetched.waits, 3);
    let down = Server::start(|_, _| reply(503, ""));
    let e = fetch(&down.remote(), &digest, all.len(), None)
        .result
        .expect_err("down");
    assert_eq!(down.log().len(), 5);
    let url = format!("http://{}/v2/team/app/blobs/{digest}", down.address);
    assert_eq!(
        e.to_string(),
        format!("Get \"{url}\": received unexpected HTTP status: 503 Service Unavailable")
    );
}

#[test]
fn a_token_that_expires_in_mid_pull_is_renewed_once() {
    let all = content();
    let digest = digest_of(&all);
    let bytes = all.clone();
    let server = Server::start(move |seen, n| {
        let challenge = "WWW-Authenticate: Bearer realm=\"http://ADDRESS/token\",service=\"s\",scope=\"repository:team/app:pull\"";
        match (seen.path.as_str(), seen.authorization.as_deref()) {
            (path, None) if path.starts_with("/token?") => {
                reply(200, format!("{{\"token\": \"t{n}\"}}"))
            }
            (_, Some("Bearer t1")) if seen.range.is_none() => part(&bytes, seen).cut(1 << 20),
            (_, Some("Bearer t4")) => part(&bytes, seen),
            _ => reply(401, "").header(challenge.replace("ADDRESS", &seen.host)),
        }
    });
    let fetched = fetch(&server.remote(), &digest, all.len(), None);
    fetched.result.expect("whole in the end");
    assert!(fetched.bytes == all);
    let blob = format!("GET /v2/team/app/blobs/{digest}");
    let token =
        "GET /token?service=s&scope=repository%3Ateam%2Fapp%3Apull&client_id=coracle".to_owned();
    let later = format!("{blob} 1048576-");
    assert_eq!(
        server.log(),
        [
            blob.clone(),
            token.clone(),
            blob,
            later.clone(),
            token,
            later
        ]
    );
}

#[test]
fn missing_and_denied_images_are_told_in_dockers_words() {
    let server = Server::start(
        |seen, _| match seen.path.rsplit('/').next().unwrap_or_default() {
            "1" => reply(
                404,
                r#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}"#,
            ),
            "2" => reply(
                404,
                r#"{"errors":[{"code":"NAME_UNKNOWN","message":"repository name not known to registry"}]}"#,
            ),
            "3" => reply(
                403,
                r#"{"errors":[{"code":"DENIED","message":"requested access to the resource is denied"}]}"#,
            ),
            "4" => reply(401, "").header("WWW-Authenticate: Basic realm=\"x\""),
            _ => reply(404, "<html>gone</html>"),
        },
    );
    let name = format!("{}/team/app", server.address);
    let remote = server.remote();
    for (tag, kind, text) in [
        (
            "1",
            Kind::NotFound,
            format!("manifest for {name}:1 not found: manifest unknown: manifest unknown"),
        ),
        (
            "2",
            Kind::NotFound,
            format!(
                "repository {name} not found: name unknown: repository name not known to registry"
            ),
        ),
        (
            "3",
            Kind::Denied,
            format!(
                "pull access denied for {name}, repository does not exist or may require 'docker login': \
                 denied: requested access to the resource is denied"
            ),
        ),
        (
            "4",
            Kind::Denied,
            format!(
                "Get \"http://{}/v2/team/app/manifests/4\": no basic auth credentials",
                server.address
            ),
        ),
        (
            "5",
            Kind::NotFound,
            format!("manifest for {name}:1 not found: manifest unknown: manifest unknown"),
        ),
    ] {
        let e = remote.manifest(tag, &quiet).expect_err("refused");
        assert_eq!((e.kind(), e.to_string()), (kind, text), "{tag}");
    }
}

#[test]
fn a_manifest_is_checked_against_its_digest_and_limited() {
    let server = Server::start(
        |seen, _| match seen.path.rsplit('/').next().unwrap_or_default() {
            "huge" => reply(200, vec![b' '; DOCUMENT_LIMIT + 1]),
            "lying" => {
                reply(200, "{}").header(format!("Docker-Content-Digest: {}", digest_of(b"other")))
            }
            "typed" => reply(200, "{}").header("Content-Type: a/b; charset=utf-8"),
            _ => reply(200, "{}"),
        },
    );
    let remote = server.remote();
    assert_eq!(
        remote.manifest("typed", &quiet).expect("good").media_type,
        "a/b"
    );
    let text = |name: &str| {
        remote
            .manifest(name, &quiet)
            .expect_err("refused")
            .to_string()
    };
    assert_eq!(
        text("huge"),
        "manifest `huge`: the answer is longer than 4194304 bytes"
    );
    assert!(
        text("lying").starts_with("manifest `lying` does not match its digest: expected sha256:")
    );
    let other = digest_of(b"other");
    assert!(text(&other).starts_with(&format!("manifest `{other}` does not match its digest")));
    assert_eq!(
        remote
            .manifest(&digest_of(b"{}"), &quiet)
            .expect("good")
            .bytes,
        b"{}"
    );
}

#[test]
fn identity_tokens_are_posted_and_passwords_sent_as_basic() {
    let server = Server::start(|seen, _| {
        if seen.path.starts_with("/token") {
            let good = match seen.method.as_str() {
                "POST" => seen
                    .body
                    .contains("grant_type=refresh_token&refresh_token=refresh%2Fme"),
                _ => {
                    seen.authorization.as_deref() == Some("Basic YW5uOnNlc2FtZQ==")
                        && seen.path.contains("account=ann")
                }
            };
            return reply(if good { 200 } else { 401 }, r#"{"access_token": "good"}"#);
        }
        match seen.authorization.as_deref() {
            Some("Bearer good") => reply(200, "{}"),
            _ => reply(401, "").header(format!(
                "WWW-Authenticate: Bearer realm=\"http://{}/token\"",
                seen.host
            )),
        }
    });
    let folder = std::env::temp_dir().join(format!("coracle-login-{}", std::process::id()));
    fs_err::create_dir_all(&folder).expect("writable");
    let settings = Settings {
        docker_config: Some(folder.clone()),
        ..Settings::default()
    };
    let reference = Reference::parse(&format!("{}/team/app:1", server.address)).expect("valid");
    for credential in [
        auth::Credential::Identity("refresh/me".to_owned()),
        auth::Credential::Password {
            user: "ann".to_owned(),
            secret: "sesame".to_owned(),
        },
    ] {
        auth::save(&settings, &server.address, &credential).expect("saved");
        let remote = Remote::open(&settings, &reference).expect("opened");
        remote
            .manifest("1", &quiet)
            .unwrap_or_else(|e| panic!("{credential:?}: {e}"));
    }
    let wrong = auth::Credential::Password {
        user: "ann".to_owned(),
        secret: "wrong".to_owned(),
    };
    auth::save(&settings, &server.address, &wrong).expect("saved");
    let e = Remote::open(&settings, &reference)
        .expect("opened")
        .manifest("1", &quiet)
        .expect_err("wrong");
    fs_err::remove_dir_all(&folder).expect("ours");
    assert!(
        e.to_string()
            .ends_with("unauthorized: incorrect username or password"),
        "{e}"
    );
}

#[test]
fn a_credential_that_cannot_be_read_matters_only_where_one_is_needed() {
    let server = Server::start(|seen, _| {
        let address = seen.host.clone();
        match (seen.path.as_str(), seen.authorization.as_deref()) {
            (path, _) if path.starts_with("/token") => reply(200, r#"{"token":"anybody"}"#),
            (path, Some("Bearer anybody")) if path.contains("/open/") => reply(200, "{}"),
            (_, Some(_)) => reply(403, ""),
            (_, None) => reply(401, "").header(format!(
                "WWW-Authenticate: Bearer realm=\"http://{address}/token\""
            )),
        }
    });
    let folder = std::env::temp_dir().join(format!("coracle-trouble-{}", std::process::id()));
    fs_err::create_dir_all(&folder).expect("writable");
    fs_err::write(folder.join("config.json"), "{broken").expect("writable");
    let settings = Settings {
        docker_config: Some(folder.clone()),
        ..Settings::default()
    };
    let ask = |name: &str| {
        let reference = Reference::parse(&format!("{}/{name}", server.address)).expect("valid");
        let remote = Remote::open(&settings, &reference).expect("opened");
        remote.manifest("1", &quiet).map(|m| m.bytes)
    };
    assert_eq!(ask("open/app").expect("nobody may"), b"{}");
    let e = ask("closed/app").expect_err("nobody may not").to_string();
    fs_err::remove_dir_all(&folder).expect("ours");
    let path = folder.join("config.json");
    assert!(
        e.starts_with(&format!("cannot read credentials in {}: ", path.display())),
        "{e}"
    );
}

#[test]
fn a_limit_of_more_than_a_minute_is_told_at_once_and_a_short_one_waited_out() {
    let server = Server::start(|_, n| match n {
        0 => reply(429, "").header("Retry-After: 86400".to_owned()),
        1 => reply(429, "").header("Retry-After: 0".to_owned()),
        _ => reply(200, "{}"),
    });
    let waits = std::cell::Cell::new(0);
    let ask = || {
        server
            .remote()
            .manifest("1", &|_| waits.set(waits.get() + 1))
    };
    let e = ask().expect_err("a day").to_string();
    assert!(e.contains("Too Many Requests"), "{e}");
    assert_eq!(waits.get(), 0);
    ask().expect("a moment");
    assert_eq!(waits.get(), 1);
}

#[test]
fn a_blob_that_is_announced_too_short_is_no_blob() {
    let all = content();
    let server = Server::start(|_, _| reply(200, "<html>log in</html>"));
    let fetched = fetch(&server.remote(), &digest_of(&all), all.len(), None);
    let e = fetched.result.expect_err("too short").to_string();
    assert!(e.contains("is too short: the registry has 19 bytes"), "{e}");
    assert_eq!(fetched.waits, 0);
}

#[test]
fn a_mirror_is_asked_first_and_its_silence_costs_little() {
    let hub = Server::start(|seen, _| match seen.method.as_str() {
        "HEAD" => reply(200, "").header(format!("Docker-Content-Digest: {}", digest_of(b"{}"))),
        _ => reply(200, "{}"),
    });
    let mirror = Server::start(|_, n| {
        if n == 0 {
            reply(200, "{}")
        } else {
            reply(404, "")
        }
    });
    let conf = std::env::temp_dir().join(format!("coracle-mirrors-{}.conf", std::process::id()));
    let text = format!(
        "[[registry]]\nlocation = \"{0}\"\n[[registry.mirror]]\nlocation = \"{1}/cache\"\n\
         [[registry.mirror]]\nlocation = \"127.0.0.1:1\"\n",
        hub.address, mirror.address
    );
    fs_err::write(&conf, text).expect("writable");
    let settings = Settings {
        registries_conf: vec![conf.clone()],
        ..Settings::default()
    };
    let reference = Reference::parse(&format!("{}/team/app:1", hub.address)).expect("valid");
    let remote = Remote::open(&settings, &reference).expect("opened");
    remote.manifest("1", &quiet).expect("from the mirror");
    remote
        .manifest("1", &quiet)
        .expect("from the registry itself");
    assert_eq!(remote.digest("1").expect("told"), Some(digest_of(b"{}")));
    fs_err::remove_file(&conf).expect("ours");
    assert_eq!(mirror.log(), ["GET /v2/cache/team/app/manifests/1"; 2]);
    assert_eq!(
        hub.log(),
        [
            "GET /v2/team/app/manifests/1",
            "HEAD /v2/team/app/manifests/1"
        ]
    );
}

#[test]
fn tags_are_listed_over_pages() {
    let server = Server::start(|seen, _| match seen.path.as_str() {
        "/v2/team/app/tags/list" => reply(200, r#"{"name":"team/app","tags":["1","2"]}"#)
            .header("Link: </v2/team/app/tags/list?last=2>; rel=\"next\""),
        "/v2/team/app/tags/list?last=2" => reply(200, r#"{"name":"team/app","tags":["3"]}"#),
        _ => reply(404, ""),
    });
    assert_eq!(server.remote().tags().expect("listed"), ["1", "2", "3"]);
}
