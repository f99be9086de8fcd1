//! `pull` through a proxy that misbehaves: between a real registry and the program.

#![expect(
    clippy::disallowed_methods,
    reason = "a proxy's threads are the test's own"
)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::json;

use crate::support::image::{Layer, Tar};
use crate::support::{Sandbox, eventually, registry, skipped};

/// What the proxy does to one answer.
#[derive(Clone, Copy)]
enum Trouble {
    /// Nothing.
    None,
    /// Closes the connection after so many bytes of the body.
    Cut(usize),
    /// Answers itself, with this status.
    Status(u16),
    /// Changes the byte at this place of the body.
    Flip(usize),
    /// Hides the Range from the registry, which then sends everything.
    Whole,
    /// Sends the body in small pieces with a pause after each.
    Slow(Duration),
}

struct Proxy {
    address: String,
    log: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    /// `choose` gets the request (`GET /v2/... 123-`, the number being the Range's) and how many of its kind there were:
    /// blobs are counted apart from everything else.
    fn start(
        registry: &str,
        choose: impl Fn(&str, usize) -> Trouble + Send + Sync + 'static,
    ) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (log, registry) = (Arc::new(Mutex::new(Vec::new())), registry.to_owned());
        let (choose, seen) = (Arc::new(choose), Arc::clone(&log));
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let (choose, seen, registry) =
                    (Arc::clone(&choose), Arc::clone(&seen), registry.clone());
                std::thread::spawn(move || {
                    // a client that goes away ends its connection, nothing else
                    relay(client, &registry, &*choose, &seen).ok();
                });
            }
        });
        Proxy { address, log }
    }

    /// The requests for blobs over 1 MiB, which are the layers here.
    fn blobs(&self) -> Vec<String> {
        self.log
            .lock()
            .unwrap()
            .iter()
            .filter(|l| l.contains("/blobs/"))
            .cloned()
            .collect()
    }
}

/// One request per connection: the answer says so.
fn relay(
    mut client: TcpStream,
    registry: &str,
    choose: &(dyn Fn(&str, usize) -> Trouble + Send + Sync),
    log: &Mutex<Vec<String>>,
) -> std::io::Result<()> {
    let mut reader = BufReader::new(client.try_clone()?);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head)? == 0 {
            return Ok(());
        }
    }
    let header = |name: &str| {
        let mut lines = head.lines().filter_map(|l| l.split_once(": "));
        lines
            .find(|(n, _)| n.eq_ignore_ascii_case(name))
            .map(|(_, v)| v.to_owned())
    };
    let first = head.lines().next().unwrap_or_default();
    let range = header("range")
        .map(|r| r.replace("bytes=", " "))
        .unwrap_or_default();
    let asked = first.replace(" HTTP/1.1", &range);
    let trouble = {
        let mut log = log.lock().unwrap();
        let kind = |l: &String| l.contains("/blobs/") == asked.contains("/blobs/");
        let before = log.iter().filter(|l| kind(l)).count();
        log.push(asked.clone());
        choose(&asked, before)
    };
    if let Trouble::Status(status) = trouble {
        return client.write_all(
            format!("HTTP/1.1 {status} X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                .as_bytes(),
        );
    }
    let accept = header("accept").unwrap_or_default();
    let mut upstream = TcpStream::connect(registry)?;
    let range = match (trouble, header("range")) {
        (Trouble::Whole, _) | (_, None) => String::new(),
        (_, Some(range)) => format!("Range: {range}\r\n"),
    };
    let method_and_path = first.trim_end_matches(" HTTP/1.1");
    write!(
        upstream,
        "{method_and_path} HTTP/1.1\r\nHost: {registry}\r\nAccept: {accept}\r\n{range}Connection: close\r\n\r\n"
    )?;
    let mut answer = BufReader::new(upstream);
    let mut line = Vec::new();
    while line != b"\r\n" {
        line.clear();
        if answer.read_until(b'\n', &mut line)? == 0 {
            return Ok(());
        }
        client.write_all(&line)?;
    }
    body(&mut answer, &mut client, trouble)
}

fn body(answer: &mut impl Read, client: &mut TcpStream, trouble: Trouble) -> std::io::Result<()> {
    let mut buffer = vec![
        0;
        if matches!(trouble, Trouble::Slow(_)) {
            16 << 10
        } else {
            64 << 10
        }
    ];
    let mut at = 0;
    loop {
        let length = answer.read(&mut buffer)?;
        if length == 0 {
            return Ok(());
        }
        let piece = &mut buffer[..length];
        match trouble {
            Trouble::Cut(end) if at + length > end => return client.write_all(&piece[..end - at]),
            Trouble::Flip(place) if (at..at + length).contains(&place) => piece[place - at] ^= 1,
            Trouble::Slow(pause) => std::thread::sleep(pause),
            _ => {}
        }
        client.write_all(piece)?;
        at += length;
    }
}

/// Bytes that gzip cannot make much smaller.
fn noise(length: usize, seed: u64) -> Vec<u8> {
    let mut state = seed;
    let step = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    std::iter::repeat_with(step).take(length).collect()
}

/// Pushes an image with one layer of some MiB; returns `repository:tag`.
fn big(registry: &registry::Registry) -> &'static str {
    let layer = Layer::from_tar(
        &Tar::default()
            .file("big", 0o644, noise(6 << 20, 1))
            .finish(),
    );
    registry.push("trouble:1", &[layer], json!({}));
    "trouble:1"
}

/// Nothing half-done lies in the store.
fn is_clean(sandbox: &Sandbox) -> bool {
    ["staging", "partial"].iter().all(|folder| {
        let entries = std::fs::read_dir(sandbox.data().join(folder));
        entries.map_or(0, |d| d.flatten().count()) == 0
    })
}

#[test]
fn cut_connections_limits_and_forgotten_ranges_are_outlived() {
    let Some(registry) = registry::get() else {
        return skipped("no registry");
    };
    let name = big(registry);
    let proxy = Proxy::start(&registry.address(), |asked, n| match n {
        // the configuration comes first and is small
        _ if !asked.contains("/blobs/") && n == 1 => Trouble::Status(503),
        1 => Trouble::Cut(2 << 20),
        2 => Trouble::Status(429),
        3 => Trouble::Cut(1 << 20),
        4 => Trouble::Whole,
        _ => Trouble::None,
    });
    let sandbox = Sandbox::new();
    let text = sandbox
        .coracle(["pull", &format!("{}/{name}", proxy.address)])
        .ok();
    assert!(text.contains(": Retrying in "), "{text}");
    assert!(text.contains(": Pull complete\n"), "{text}");
    let ranges: Vec<String> = proxy.blobs()[1..]
        .iter()
        .map(|l| l.split(' ').skip(2).collect())
        .collect();
    assert_eq!(ranges, ["", "2097152-", "2097152-", "3145728-"]);
    assert!(is_clean(&sandbox));
}

#[test]
fn a_flipped_byte_leaves_nothing_behind() {
    let Some(registry) = registry::get() else {
        return skipped("no registry");
    };
    let name = big(registry);
    let proxy = Proxy::start(&registry.address(), |asked, n| match n {
        1.. if asked.contains("/blobs/") => Trouble::Flip(3 << 20),
        _ => Trouble::None,
    });
    let sandbox = Sandbox::new();
    let text = sandbox
        .coracle(["pull", &format!("{}/{name}", proxy.address)])
        .fails(1);
    assert!(
        text.contains(" does not match its digest: expected sha256:"),
        "{text}"
    );
    assert_eq!(text.trim_end().lines().count(), 1, "{text}");
    assert!(is_clean(&sandbox));
    assert_eq!(sandbox.coracle(["images", "-q"]).ok(), "");
}

#[test]
fn a_killed_pull_is_continued_where_it_was() {
    let Some(registry) = registry::get() else {
        return skipped("no registry");
    };
    let name = big(registry);
    let proxy = Proxy::start(&registry.address(), |asked, n| match n {
        1 if asked.contains("/blobs/") => Trouble::Slow(Duration::from_millis(10)),
        _ => Trouble::None,
    });
    let sandbox = Sandbox::new();
    let image = format!("{}/{name}", proxy.address);
    let mut child = sandbox.coracle(["pull", &image]).spawn();
    let kept = || {
        let entries = std::fs::read_dir(sandbox.data().join("partial"));
        let sizes = entries
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|e| e.metadata().ok());
        sizes.map(|m| m.len()).max().unwrap_or(0)
    };
    eventually("a megabyte is kept", || kept() > 1 << 20);
    child.kill().unwrap();
    child.wait().unwrap();
    let length = kept();
    sandbox.coracle(["pull", &image]).ok();
    let last = proxy.blobs().pop().unwrap();
    assert!(
        last.ends_with(&format!(" {length}-")),
        "{last} after {length} bytes"
    );
    assert!(is_clean(&sandbox));
}

#[test]
fn an_up_to_date_pull_asks_for_one_digest_and_no_blob() {
    let Some(registry) = registry::get() else {
        return skipped("no registry");
    };
    let name = big(registry);
    let proxy = Proxy::start(&registry.address(), |_, _| Trouble::None);
    let sandbox = Sandbox::new();
    let image = format!("{}/{name}", proxy.address);
    sandbox.coracle(["pull", "-q", &image]).ok();
    let before = proxy.log.lock().unwrap().len();
    sandbox.coracle(["pull", "-q", &image]).ok();
    let log = proxy.log.lock().unwrap()[before..].to_vec();
    assert_eq!(log, ["GET /v2/", "HEAD /v2/trouble/manifests/1"]);
}

#[test]
fn layers_that_are_here_are_not_fetched_again() {
    let Some(registry) = registry::get() else {
        return skipped("no registry");
    };
    big(registry);
    let shared = Layer::from_tar(
        &Tar::default()
            .file("big", 0o644, noise(6 << 20, 1))
            .finish(),
    );
    let own = Layer::from_tar(&Tar::default().file("own", 0o644, "x").finish());
    registry.push("trouble:2", &[shared, own], json!({}));
    let proxy = Proxy::start(&registry.address(), |_, _| Trouble::None);
    let sandbox = Sandbox::new();
    sandbox
        .coracle(["pull", "-q", &format!("{}/trouble:1", proxy.address)])
        .ok();
    let before = proxy.blobs().len();
    let text = sandbox
        .coracle(["pull", &format!("{}/trouble:2", proxy.address)])
        .ok();
    assert_eq!(text.matches(": Already exists\n").count(), 1, "{text}");
    assert_eq!(text.matches(": Pull complete\n").count(), 1, "{text}");
    // its configuration and its one new layer
    assert_eq!(proxy.blobs().len() - before, 2);
}

#[test]
fn all_tags_are_pulled_and_none_may_be_given() {
    let Some(registry) = registry::get() else {
        return skipped("no registry");
    };
    for (tag, text) in [("tags:1", "one"), ("tags:2", "two")] {
        registry.push(
            tag,
            &[Layer::from_tar(
                &Tar::default().file("f", 0o644, text).finish(),
            )],
            json!({}),
        );
    }
    let sandbox = Sandbox::new();
    let image = format!("{}/tags", registry.address());
    let text = sandbox.coracle(["pull", "-a", &image]).ok();
    let status = format!("Status: Downloaded newer image for {image}\n{image}\n");
    assert!(
        text.contains("1: Pulling from tags\n") && text.contains("2: Pulling from tags\n"),
        "{text}"
    );
    assert!(text.ends_with(&status), "{text}");
    assert_eq!(sandbox.coracle(["images", "-q"]).ok().lines().count(), 2);
    let text = sandbox
        .coracle(["pull", "-a", &format!("{image}:1")])
        .fails(1);
    assert_eq!(text, "tag can't be used with --all-tags/-a\n");
}
