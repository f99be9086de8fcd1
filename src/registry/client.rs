//! One repository on its hosts, mirrors first; blocking doors over a current-thread runtime that lives as long.

use std::cell::Cell;
use std::time::Duration;

use oci_client::manifest::{
    IMAGE_MANIFEST_LIST_MEDIA_TYPE, IMAGE_MANIFEST_MEDIA_TYPE, OCI_IMAGE_INDEX_MEDIA_TYPE,
    OCI_IMAGE_MEDIA_TYPE,
};
use reqwest::Method;
use reqwest::header::CONTENT_TYPE;
use serde::Deserialize;
use tokio::runtime::{Builder, Runtime};

use super::Settings;
use super::auth::{self, Credential};
use super::failure::Failure;
use super::host::{self, Ask, Host, Patience};
use super::mirrors::{Endpoint, HUB, Registries};
use crate::error::{Context, Error, Kind, Result};
use crate::grammar::reference::Reference;
use crate::store::blobs::digest_of;

/// Largest manifest, index or image configuration: the limit that registries and containerd have.
pub const DOCUMENT_LIMIT: usize = 4 << 20;
/// Largest page of tags.
const TAGS_LIMIT: usize = 4 << 20;

/// A repository that can be asked.
pub struct Remote {
    pub(super) runtime: Runtime,
    pub(super) hosts: Vec<Host>,
    /// Index of the host that answered last; its blobs are asked for there first.
    pub(super) active: Cell<usize>,
    familiar: String,
    familiar_name: String,
}

/// A manifest or index as the registry sent it.
#[derive(Debug, Clone)]
pub struct Manifest {
    /// The very bytes that the digest is of.
    pub bytes: Vec<u8>,
    /// `sha256:...`, computed here.
    pub digest: String,
    /// What the registry says that it is; empty when it does not.
    pub media_type: String,
}

impl Remote {
    /// Finds out where `reference` lies. Nothing is sent yet.
    pub fn open(settings: &Settings, reference: &Reference) -> Result<Remote> {
        let by_digest = reference.digest().is_some();
        let registries = Registries::read(settings)?;
        let endpoints =
            registries.endpoints(reference.registry(), reference.repository(), by_digest)?;
        Ok(Remote {
            runtime: runtime()?,
            hosts: endpoints
                .into_iter()
                .map(|e| Host::new(settings, e))
                .collect(),
            active: Cell::new(0),
            familiar: reference.familiar(),
            familiar_name: reference.familiar_name(),
        })
    }

    /// Asks for the digest of `tag` only; None when the registry does not say. Costs no pull in Docker Hub's counting.
    pub fn digest(&self, tag: &str) -> Result<Option<String>> {
        let answer = self
            .runtime
            .block_on(self.on_hosts(async |host: &Host, patience| {
                let path = format!("/v2/{}/manifests/{tag}", host.endpoint.repository);
                let accepted = accept();
                let ask = Ask {
                    method: Method::HEAD,
                    ..Ask::get(&path, &accepted)
                };
                let answer = host.send(&ask, patience, &quiet).await?;
                let header = answer.headers().get("Docker-Content-Digest");
                Ok(header.and_then(|h| h.to_str().ok()).map(str::to_owned))
            }));
        answer.map_err(|f| self.explain(f))
    }

    /// Fetches the manifest or index called `name`, a tag or a digest. `waiting` is told before each further try.
    pub fn manifest(&self, name: &str, waiting: &dyn Fn(Duration)) -> Result<Manifest> {
        let answer = self
            .runtime
            .block_on(self.on_hosts(async |host: &Host, patience| {
                let path = format!("/v2/{}/manifests/{name}", host.endpoint.repository);
                let answer = host
                    .send(&Ask::get(&path, &accept()), patience, waiting)
                    .await?;
                let header = answer
                    .headers()
                    .get(CONTENT_TYPE)
                    .and_then(|h| h.to_str().ok());
                let media_type = header
                    .unwrap_or_default()
                    .split(';')
                    .next()
                    .unwrap_or_default()
                    .trim()
                    .to_owned();
                let stated = answer.headers().get("Docker-Content-Digest");
                let stated = stated.and_then(|h| h.to_str().ok()).map(str::to_owned);
                let bytes =
                    host::read(answer, DOCUMENT_LIMIT, &format!("manifest `{name}`")).await?;
                let digest = digest_of(&bytes);
                let expected = if name.contains(':') {
                    Some(name.to_owned())
                } else {
                    stated
                };
                match expected {
                    Some(expected) if expected.starts_with("sha256:") && expected != digest => {
                        Err(mismatch(&format!("manifest `{name}`"), &expected, &digest).into())
                    }
                    Some(expected) if name.contains(':') && expected != digest => {
                        let text = format!("cannot verify `{expected}`");
                        Err(Error::new(Kind::Invalid, text)
                            .because("only sha256 digests are supported")
                            .into())
                    }
                    _ => Ok(Manifest {
                        bytes,
                        digest,
                        media_type,
                    }),
                }
            }));
        answer.map_err(|f| self.explain(f))
    }

    /// Fetches a small blob whole, an image configuration for example. `waiting` is told before each further try.
    pub fn document(&self, digest: &str, size: u64, waiting: &dyn Fn(Duration)) -> Result<Vec<u8>> {
        let what = format!("configuration {digest}");
        if size > DOCUMENT_LIMIT as u64 {
            let why = format!("{size} bytes are more than {DOCUMENT_LIMIT}");
            return Err(Error::new(Kind::Corrupt, what).because(why));
        }
        let answer = self
            .runtime
            .block_on(self.on_hosts(async |host: &Host, patience| {
                let path = format!("/v2/{}/blobs/{digest}", host.endpoint.repository);
                let ask = Ask::get(&path, "*/*");
                let answer = host.send(&ask, patience, waiting).await?;
                let bytes = host::read(answer, size as usize, &what).await?;
                match digest_of(&bytes) {
                    found if found == digest => Ok(bytes),
                    found => Err(mismatch(&what, digest, &found).into()),
                }
            }));
        answer.map_err(|f| self.explain(f))
    }

    /// Lists the repository's tags in the registry's order.
    pub fn tags(&self) -> Result<Vec<String>> {
        #[derive(Deserialize)]
        struct Page {
            tags: Option<Vec<String>>,
        }
        let answer = self
            .runtime
            .block_on(self.on_hosts(async |host: &Host, patience| {
                let mut all: Vec<String> = Vec::new();
                let mut path = format!("/v2/{}/tags/list", host.endpoint.repository);
                loop {
                    let answer = host.send(&Ask::get(&path, "*/*"), patience, &quiet).await?;
                    let has_more = answer.headers().contains_key("Link");
                    let body = host::read(answer, TAGS_LIMIT, "list of tags").await?;
                    let page: Page = serde_json::from_slice(&body)
                        .context(Kind::Network, || "cannot read the list of tags")?;
                    let tags = page.tags.unwrap_or_default();
                    let last = tags.last().cloned();
                    all.extend(tags);
                    match last {
                        // asked by name and not by the link's text, which could point anywhere
                        Some(last) if has_more && is_tag(&last) => {
                            path =
                                format!("/v2/{}/tags/list?last={last}", host.endpoint.repository);
                        }
                        _ => return Ok(all),
                    }
                }
            }));
        answer.map_err(|f| self.explain(f))
    }

    /// Asks one host after the other, from the active one on; the last one's failure is told.
    async fn on_hosts<T>(
        &self,
        ask: impl AsyncFn(&Host, &mut Patience) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let last = self.hosts.len() - 1;
        for (index, host) in self.hosts.iter().enumerate().skip(self.active.get()) {
            let mut patience = if index == last {
                Patience::long()
            } else {
                Patience::short()
            };
            match ask(host, &mut patience).await {
                Ok(answer) => {
                    self.active.set(index);
                    return Ok(answer);
                }
                Err(failure) if index == last => return Err(failure),
                Err(_) => {}
            }
        }
        unreachable!("a name always has its own host as the last one")
    }

    /// Puts a failure into docker's words for this image.
    fn explain(&self, failure: Failure) -> Error {
        if failure.is_missing() {
            let words = failure.words("manifest unknown: manifest unknown");
            return if words.starts_with("name unknown") {
                Error::new(
                    Kind::NotFound,
                    format!("repository {} not found", self.familiar_name),
                )
                .because(words)
            } else {
                Error::new(
                    Kind::NotFound,
                    format!("manifest for {} not found", self.familiar),
                )
                .because(words)
            };
        }
        if failure.is_denied() && !matches!(failure, Failure::Final(_)) {
            let words = failure.words("denied: requested access to the resource is denied");
            let text = format!(
                "pull access denied for {}, repository does not exist or may require 'docker login'",
                self.familiar_name
            );
            return Error::new(Kind::Denied, text).because(words);
        }
        failure.into()
    }
}

/// Asks the registry of `key` whether it accepts `credential`.
pub fn check_login(settings: &Settings, key: &str, credential: &Credential) -> Result<()> {
    let registry = auth::registry_of(key);
    let host = if registry == "docker.io" {
        HUB
    } else {
        registry
    };
    let known = Registries::read(settings)?.endpoints(registry, "", false)?;
    let endpoint = Endpoint {
        host: host.to_owned(),
        repository: String::new(),
        insecure: known.last().is_some_and(|e| e.insecure),
        registry: registry.to_owned(),
    };
    let host = Host::new(settings, endpoint);
    Ok(runtime()?.block_on(host.check_login(credential))?)
}

pub(super) fn mismatch(what: &str, expected: &str, found: &str) -> Error {
    Error::new(Kind::Corrupt, format!("{what} does not match its digest"))
        .because(format!("expected {expected}, got {found}"))
        .hint("the registry or something on the way damaged it; try again")
}

pub(super) fn runtime() -> Result<Runtime> {
    Builder::new_current_thread()
        .enable_all()
        .build()
        .context(Kind::System, || "cannot start the network side")
}

fn accept() -> String {
    [
        OCI_IMAGE_INDEX_MEDIA_TYPE,
        IMAGE_MANIFEST_LIST_MEDIA_TYPE,
        OCI_IMAGE_MEDIA_TYPE,
        IMAGE_MANIFEST_MEDIA_TYPE,
    ]
    .join(", ")
}

/// Tells nobody that there is a wait.
pub(crate) fn quiet(_: Duration) {}

fn is_tag(text: &str) -> bool {
    text.bytes()
        .all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b))
}
