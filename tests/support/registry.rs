//! A registry on a free loopback port: Debian's docker-registry, one per test process, over one folder of images that
//! is filled once on a machine and kept.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::image::{self, Layer, Tar};

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// A running registry.
pub struct Registry {
    port: u16,
}

/// Returns this process's registry, started at the first call; `None` where docker-registry is not installed.
pub fn get() -> Option<&'static Registry> {
    static ONE: OnceLock<Option<Registry>> = OnceLock::new();
    ONE.get_or_init(|| start(cache().join("registry"))).as_ref()
}

/// Starts another one over an empty folder, for tests that break it.
pub fn start(folder: PathBuf) -> Option<Registry> {
    start_with(folder, "", "")
}

/// As [`start`] with more members of its configuration's `http` (JSON, each after a comma) and more lines at the end.
pub fn start_with(folder: PathBuf, http: &str, more: &str) -> Option<Registry> {
    if !["/usr/bin/docker-registry", "/usr/local/bin/docker-registry"]
        .iter()
        .any(|p| std::path::Path::new(p).exists())
    {
        return None;
    }
    std::fs::create_dir_all(&folder).unwrap();
    // the port is free now; nobody else on this machine takes it within the next milliseconds
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let config = folder.join(format!("serve-{}-{port}.yml", std::process::id()));
    std::fs::write(
        &config,
        format!(
            "version: 0.1\nlog: {{level: error, accesslog: {{disabled: true}}}}\n\
             storage: {{filesystem: {{rootdirectory: {}}}, delete: {{enabled: true}}}}\n\
             http: {{addr: \"127.0.0.1:{port}\"{http}}}\n{more}\n",
            folder.display()
        ),
    )
    .unwrap();
    // The registry dies with the thread that started it: one that lasts as long as the process.
    std::thread::spawn(move || {
        let child = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "docker-registry", "serve"])
            .arg(&config)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        if let Ok(mut child) = child {
            child.wait().ok();
        }
    });
    let registry = Registry { port };
    let end = Instant::now() + Duration::from_secs(20);
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(
            Instant::now() < end,
            "docker-registry does not listen on {port}"
        );
        std::thread::sleep(Duration::from_millis(5));
    }
    Some(registry)
}

/// The folder that is kept between runs.
fn cache() -> PathBuf {
    std::env::var_os("CORACLE_TEST_CACHE").map_or_else(
        || PathBuf::from(format!("/var/tmp/coracle-tests-{}", nix::unistd::getuid())),
        PathBuf::from,
    )
}

impl Registry {
    /// `127.0.0.1:PORT`.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Returns the full name of a busybox image, pushed when it is not there.
    pub fn busybox(&self) -> Option<String> {
        // the version is in the name, so that a change here makes a new one
        self.once("busybox:1", || {
            Some(vec![Layer::from_tar(&image::busybox_root()?)])
        })
    }

    /// Returns the full name of a small image of two layers, pushed when it is not there.
    pub fn push_small(&self, name: &str) -> Option<String> {
        self.once(name, || {
            let file = |path: &str, byte| {
                Layer::from_tar(
                    &Tar::default()
                        .file(path, 0o644, vec![byte; 300_000])
                        .finish(),
                )
            };
            Some(vec![file("one", 1), file("two", 2)])
        })
    }

    /// Returns the full name of a minimal Debian, pushed when it is not there; `None` when `tests/run` has not made one.
    pub fn debian(&self) -> Option<String> {
        self.once("debian:stable", || {
            Some(vec![Layer::from_tar(
                &std::fs::read(cache().join("debian.tar")).ok()?,
            )])
        })
    }

    /// As [`Registry::debian`], with Python and a C compiler.
    pub fn workshop(&self) -> Option<String> {
        self.once("workshop:1", || {
            let tar = std::fs::read(cache().join("workshop.tar")).ok()?;
            Some(vec![Layer::from_tar(&tar)])
        })
    }

    fn once(&self, name: &str, layers: impl FnOnce() -> Option<Vec<Layer>>) -> Option<String> {
        let full = format!("{}/{name}", self.address());
        let (repository, tag) = name.split_once(':').unwrap();
        // only one test pushes; the others wait for it
        let lock = std::fs::File::create(cache().join("registry/lock")).ok()?;
        let _lock = nix::fcntl::Flock::lock(lock, nix::fcntl::FlockArg::LockExclusive).ok()?;
        let (status, _, _) = self.request(
            "HEAD",
            &format!("/v2/{repository}/manifests/{tag}"),
            MANIFEST,
            &[],
        );
        if status != 200 {
            self.push(name, &layers()?, image::shell());
        }
        Some(full)
    }

    /// Pushes an image of these layers; `config` is the configuration's `config` member. Returns its full name.
    pub fn push(&self, name: &str, layers: &[Layer], config: Value) -> String {
        let (repository, tag) = name.split_once(':').unwrap();
        let manifest = self.push_parts(repository, layers, config);
        self.put_manifest(repository, tag, MANIFEST, &manifest);
        format!("{}/{name}", self.address())
    }

    /// Pushes the blobs of an image and returns its manifest.
    pub fn push_parts(&self, repository: &str, layers: &[Layer], config: Value) -> Vec<u8> {
        self.push_documents(repository, layers, &image::configuration(layers, config))
    }

    /// Pushes the blobs of an image with this very configuration and returns its manifest.
    pub fn push_documents(&self, repository: &str, layers: &[Layer], config: &[u8]) -> Vec<u8> {
        self.put_blob(repository, config);
        let mut descriptors = Vec::new();
        for layer in layers {
            self.put_blob(repository, &layer.blob);
            descriptors.push(json!({
                "mediaType": "application/vnd.oci.image.layer.v1.tar+gzip",
                "digest": image::digest(&layer.blob),
                "size": layer.blob.len(),
            }));
        }
        serde_json::to_vec(&json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": {
                "mediaType": "application/vnd.oci.image.config.v1+json",
                "digest": image::digest(config),
                "size": config.len(),
            },
            "layers": descriptors,
        }))
        .unwrap()
    }

    /// Pushes an index of manifests, each with its platform (`os/architecture`).
    /// An entry of the platform "" says none. The index is in another as well, with `-around` behind its tag.
    pub fn push_index(&self, name: &str, manifests: &[(&str, Vec<u8>)]) -> String {
        let (repository, tag) = name.split_once(':').unwrap();
        let mut list = Vec::new();
        for (platform, manifest) in manifests {
            self.put_manifest(repository, &image::digest(manifest), MANIFEST, manifest);
            let mut entry = json!({
                "mediaType": MANIFEST,
                "digest": image::digest(manifest),
                "size": manifest.len(),
            });
            if let Some((os, architecture)) = platform.split_once('/') {
                entry["platform"] = json!({"os": os, "architecture": architecture});
            }
            list.push(entry);
        }
        let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": list});
        let index = serde_json::to_vec(&index).unwrap();
        self.put_manifest(repository, tag, INDEX, &index);
        // the same once more, in another
        let around = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [{
            "mediaType": INDEX, "digest": image::digest(&index), "size": index.len(),
        }]});
        let around = serde_json::to_vec(&around).unwrap();
        self.put_manifest(repository, &format!("{tag}-around"), INDEX, &around);
        format!("{}/{name}", self.address())
    }

    /// Stores one blob.
    pub fn put_blob(&self, repository: &str, bytes: &[u8]) {
        let (status, headers, body) =
            self.request("POST", &format!("/v2/{repository}/blobs/uploads/"), "", &[]);
        assert_eq!(status, 202, "{}", String::from_utf8_lossy(&body));
        let location = headers
            .iter()
            .find(|(name, _)| name == "location")
            .expect("an upload has a location")
            .1
            .clone();
        let path = location
            .strip_prefix(&format!("http://{}", self.address()))
            .unwrap_or(&location);
        let joint = if path.contains('?') { '&' } else { '?' };
        let target = format!("{path}{joint}digest={}", image::digest(bytes));
        let (status, _, body) = self.request("PUT", &target, "application/octet-stream", bytes);
        assert_eq!(status, 201, "{}", String::from_utf8_lossy(&body));
    }

    /// Stores one manifest under a tag or digest.
    pub fn put_manifest(&self, repository: &str, tag: &str, media_type: &str, bytes: &[u8]) {
        let (status, _, body) = self.request(
            "PUT",
            &format!("/v2/{repository}/manifests/{tag}"),
            media_type,
            bytes,
        );
        assert_eq!(status, 201, "{}", String::from_utf8_lossy(&body));
    }

    /// One HTTP request on a connection of its own: status, headers (lower case names), body.
    pub fn request(
        &self,
        method: &str,
        path: &str,
        media_type: &str,
        body: &[u8],
    ) -> (u16, Vec<(String, String)>, Vec<u8>) {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(60)))
            .unwrap();
        let (accept, content) = if body.is_empty() {
            (media_type, "")
        } else {
            ("*/*", media_type)
        };
        let head = format!(
            "{method} {path} HTTP/1.0\r\nHost: {}\r\nAccept: {accept}\r\nContent-Type: {content}\r\n\
             Content-Length: {}\r\n\r\n",
            self.address(),
            body.len()
        );
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(body).unwrap();
        let mut reader = BufReader::new(stream);
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        let status = line
            .split(' ')
            .nth(1)
            .and_then(|s| s.parse().ok())
            .unwrap_or(0);
        let mut headers = Vec::new();
        loop {
            line.clear();
            reader.read_line(&mut line).unwrap();
            let Some((name, value)) = line.trim_end().split_once(':') else {
                break;
            };
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        let mut body = Vec::new();
        reader.read_to_end(&mut body).unwrap();
        (status, headers, body)
    }
}
