//! What is sent to a registry: blobs in one piece, continued where a broken connection left them, and manifests
//! (OCI distribution-spec, "Pushing Blobs").
//!
//! Only the repository's own host takes them, never a mirror. A broken upload leaves a session there, which the registry
//! clears by itself; a blob that is whole is found by the next push.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::time::Duration;

use futures_util::stream;
use reqwest::header::{LOCATION, RANGE};
use reqwest::{Method, Response};

use super::client::{Remote, quiet};
use super::failure::Failure;
use super::host::{Ask, Host, Patience, Payload};
use crate::error::{Error, Kind, Result};

/// Bytes that are read from the disk at once.
const CHUNK: u64 = 128 << 10;
const OCTETS: &str = "application/octet-stream";

/// How an upload begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Start {
    /// The registry has linked the blob from the other repository: there is nothing to send.
    Mounted,
    /// Where to send it.
    Session(String),
}

/// What happens to a blob while it is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sent {
    /// This many of its bytes.
    Bytes(u64),
    /// The registry or the network is given a rest.
    Waiting(Duration),
}

impl Remote {
    /// Says whether the repository has the blob.
    pub fn has_blob(&self, digest: &str) -> Result<bool> {
        let path = format!("/v2/{}/blobs/{digest}", self.own().endpoint.repository);
        let ask = Ask {
            method: Method::HEAD,
            ..Ask::get(&path, "*/*")
        };
        match self.send_own(&ask) {
            Ok(_) => Ok(true),
            Err(failure) if failure.is_missing() => Ok(false),
            Err(failure) => Err(refused(failure)),
        }
    }

    /// Begins an upload. `from`: a digest and a repository of the same registry that should have it.
    pub fn start(&self, from: Option<(&str, &str)>) -> Result<Start> {
        let mut path = format!("/v2/{}/blobs/uploads/", self.own().endpoint.repository);
        if let Some((digest, repository)) = from {
            path += &format!("?mount={digest}&from={}", escaped(repository));
        }
        let answer = self.runtime.block_on(self.begin(&path)).map_err(refused)?;
        if answer.status() == 201 {
            return Ok(Start::Mounted);
        }
        Ok(Start::Session(location(&answer).map_err(refused)?))
    }

    /// Sends a blob, the first `size` bytes of `file`, to where [`Remote::start`] said.
    pub fn upload(
        &self,
        session: String,
        digest: &str,
        (file, size): (&File, u64),
        watch: &(dyn Fn(Sent) + Sync),
    ) -> Result<()> {
        let done = async {
            let mut session = session;
            let mut offset = 0;
            let mut patience = Patience::midway();
            while offset < size {
                let failure = match self.part(&session, file, (offset, size), watch).await {
                    Ok(next) => {
                        session = next;
                        break;
                    }
                    Err(failure) => failure,
                };
                let wait = patience.next(None).filter(|_| patience.covers(&failure));
                let Some(wait) = wait else {
                    return Err(failure);
                };
                watch(Sent::Waiting(wait));
                tokio::time::sleep(wait).await;
                let before = offset;
                (session, offset) = self.resumed(session).await?;
                if offset > before {
                    patience.renew();
                }
            }
            self.close(&session, digest).await
        };
        match self.runtime.block_on(done) {
            Ok(()) => Ok(()),
            // the answer to the last request may have been lost, and the session with it
            Err(_) if self.has_blob(digest).unwrap_or(false) => Ok(()),
            Err(failure) => Err(refused(failure)),
        }
    }

    /// Sends a manifest under `name`, a tag or its digest.
    pub fn put_manifest(&self, name: &str, media_type: &str, bytes: &[u8]) -> Result<()> {
        let path = format!("/v2/{}/manifests/{name}", self.own().endpoint.repository);
        let ask = Ask {
            method: Method::PUT,
            payload: Some(Payload {
                media_type,
                size: bytes.len() as u64,
                range: None,
                make: &|| bytes.to_vec().into(),
            }),
            ..Ask::get(&path, "*/*")
        };
        self.send_own(&ask).map(drop).map_err(refused)
    }

    fn own(&self) -> &Host {
        self.hosts.last().expect("a name has its own host")
    }

    fn send_own(&self, ask: &Ask<'_>) -> Result<Response, Failure> {
        let mut patience = Patience::long();
        self.runtime
            .block_on(self.own().send(ask, &mut patience, &quiet))
    }

    async fn begin(&self, path: &str) -> Result<Response, Failure> {
        let ask = Ask {
            method: Method::POST,
            payload: Some(NOTHING),
            ..Ask::get(path, "*/*")
        };
        self.own().send(&ask, &mut Patience::long(), &quiet).await
    }

    /// Sends the bytes from `offset` on, in one request; returns where the upload goes on.
    async fn part(
        &self,
        session: &str,
        file: &File,
        (offset, size): (u64, u64),
        watch: &(dyn Fn(Sent) + Sync),
    ) -> Result<String, Failure> {
        let (told, heard) = tokio::sync::mpsc::unbounded_channel();
        let make = || body(file, offset, size, told.clone());
        let ask = Ask {
            method: Method::PATCH,
            payload: Some(Payload {
                media_type: OCTETS,
                size: size - offset,
                range: (offset > 0).then_some((offset, size - 1)),
                make: &make,
            }),
            ..Ask::get(session, "*/*")
        };
        // one try: what arrived of a broken one is asked for
        let mut once = Patience::none();
        let answer = listen(self.own().send(&ask, &mut once, &quiet), heard, watch).await?;
        location(&answer)
    }

    /// Asks how much of a broken upload arrived; begins a new one when the session is gone.
    async fn resumed(&self, session: String) -> Result<(String, u64), Failure> {
        match self
            .own()
            .send(&Ask::get(&session, "*/*"), &mut Patience::midway(), &quiet)
            .await
        {
            Ok(answer) => {
                let range = answer.headers().get(RANGE).and_then(|r| r.to_str().ok());
                let last = range.and_then(|r| r.rsplit_once('-')?.1.parse::<u64>().ok());
                // `0-0` is what distribution says of nothing
                let offset = last.filter(|last| *last > 0).map_or(0, |last| last + 1);
                Ok((location(&answer).unwrap_or(session), offset))
            }
            Err(failure) if failure.is_missing() => {
                let path = format!("/v2/{}/blobs/uploads/", self.own().endpoint.repository);
                Ok((location(&self.begin(&path).await?)?, 0))
            }
            Err(failure) => Err(failure),
        }
    }

    async fn close(&self, session: &str, digest: &str) -> Result<(), Failure> {
        let mark = if session.contains('?') { '&' } else { '?' };
        let url = format!("{session}{mark}digest={}", escaped(digest));
        let ask = Ask {
            method: Method::PUT,
            payload: Some(NOTHING),
            ..Ask::get(&url, "*/*")
        };
        self.own()
            .send(&ask, &mut Patience::midway(), &quiet)
            .await?;
        Ok(())
    }
}

const NOTHING: Payload<'static> = Payload {
    media_type: OCTETS,
    size: 0,
    range: None,
    make: &|| reqwest::Body::from(Vec::new()),
};

/// The bytes `offset..size` of a file as a body; tells how far it came.
fn body(
    file: &File,
    offset: u64,
    size: u64,
    told: tokio::sync::mpsc::UnboundedSender<u64>,
) -> reqwest::Body {
    let chunks = stream::unfold((file.try_clone(), offset), move |(file, at)| {
        let told = told.clone();
        async move {
            if at == size {
                return None;
            }
            let mut chunk = vec![0; CHUNK.min(size - at) as usize];
            let read = match &file {
                Ok(file) => file.read_exact_at(&mut chunk, at),
                Err(e) => Err(std::io::Error::from(e.kind())),
            };
            let at = at + chunk.len() as u64;
            told.send(at).ok(); // nobody listens when the request is over
            Some((read.map(|()| chunk), (file, at)))
        }
    });
    reqwest::Body::wrap_stream(chunks)
}

/// Waits for `sending`, and tells of what it sent meanwhile.
async fn listen<T>(
    sending: impl Future<Output = T>,
    mut heard: tokio::sync::mpsc::UnboundedReceiver<u64>,
    watch: &(dyn Fn(Sent) + Sync),
) -> T {
    let mut sending = std::pin::pin!(sending);
    std::future::poll_fn(|cx| {
        while let std::task::Poll::Ready(Some(bytes)) = heard.poll_recv(cx) {
            watch(Sent::Bytes(bytes));
        }
        sending.as_mut().poll(cx)
    })
    .await
}

/// Where an upload goes on: as the registry says, below its own root or as a whole URL.
fn location(answer: &Response) -> Result<String, Failure> {
    let said = answer.headers().get(LOCATION).and_then(|l| l.to_str().ok());
    let url = said.and_then(|said| answer.url().join(said).ok());
    let url = url.filter(|url| matches!(url.scheme(), "http" | "https"));
    url.map(String::from).ok_or_else(|| {
        Error::new(Kind::Network, "cannot push to the registry")
            .because("it does not say where an upload goes on")
            .into()
    })
}

fn escaped(text: &str) -> String {
    text.replace('/', "%2F").replace(':', "%3A")
}

/// docker's word for a registry that does not let us.
fn refused(failure: Failure) -> Error {
    if failure.is_denied() && !matches!(failure, Failure::Final(_)) {
        let words = failure.words("denied: requested access to the resource is denied");
        return Error::new(Kind::Denied, words);
    }
    failure.into()
}
