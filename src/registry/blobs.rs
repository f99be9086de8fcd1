//! Blobs as streams: one network thread moves all of them, each into its own bounded channel.
//!
//! ```text
//!  HTTP body ──▶ network thread: sha256, partial file ──▶ 16 chunks ──▶ Body::chunk (a layer's own thread)
//! ```
//! A full channel stops the reading of its body, and so the server. A blob over 1 MiB is also appended to a partial
//! file, whose owner is whoever holds the layer's staging lock. Killed at any line, the file holds a prefix of the blob:
//! the next pull hashes and replays it and asks for the rest by Range. It is only ever trusted through the digest.

use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use reqwest::Response;
use reqwest::header::CONTENT_RANGE;
use tokio::sync::{mpsc, oneshot};

use super::client::{Remote, mismatch};
use super::failure::{Failure, Phase};
use super::host::{Ask, Host, Patience};
use crate::error::{Error, Kind, Result};
use crate::store::sum::Sum;

/// Chunks between the network and a layer.
const DEPTH: usize = 16;
/// Smaller blobs are cheaper fetched again than kept.
const WORTH_KEEPING: u64 = 1 << 20;
/// Progress that makes earlier trouble forgotten.
const PROGRESS: u64 = 1 << 20;
const REPLAY_BLOCK: usize = 256 << 10;

/// What happens to a blob while it moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moved {
    /// This many of its bytes are here.
    Bytes(u64),
    /// The registry or the network is given a rest.
    Waiting(Duration),
    /// All bytes are here and match the digest.
    Verified,
}

/// A blob to fetch.
pub struct Blob<'a> {
    /// `sha256:...`.
    pub digest: String,
    /// Bytes that the manifest promises.
    pub size: u64,
    /// Where to keep the prefix; None keeps nothing.
    pub partial: Option<PathBuf>,
    /// Told of progress, on the network thread.
    pub watch: Box<dyn Fn(Moved) + Send + 'a>,
}

/// The reading end of a blob.
pub struct Body {
    chunks: mpsc::Receiver<Vec<u8>>,
    verdict: oneshot::Receiver<Result<()>>,
}

impl Body {
    /// Returns the next bytes; None at the end, which is good or bad: see [`Body::verdict`].
    pub fn chunk(&mut self) -> Option<Vec<u8>> {
        self.chunks.blocking_recv()
    }

    /// Reads what is left and returns whether the blob was whole and matched its digest.
    pub fn verdict(mut self) -> Result<()> {
        while self.chunk().is_some() {}
        self.verdict
            .blocking_recv()
            .unwrap_or_else(|_| Err(given_up()))
    }
}

fn given_up() -> Error {
    Error::new(Kind::Network, "transfer given up")
}

/// Hands blobs to the network thread; cheap to clone, one for each layer thread.
#[derive(Clone)]
pub struct Fetcher<'a>(mpsc::UnboundedSender<Order<'a>>);

struct Order<'a> {
    blob: Blob<'a>,
    chunks: mpsc::Sender<Vec<u8>>,
    verdict: oneshot::Sender<Result<()>>,
}

impl<'a> Fetcher<'a> {
    /// Begins to fetch; the body may be dropped at any time, which ends the transfer.
    pub fn fetch(&self, blob: Blob<'a>) -> Body {
        let (chunks, receiver) = mpsc::channel(DEPTH);
        let (verdict, judged) = oneshot::channel();
        // with the network thread gone the body ends at once and its verdict says so
        let _ = self.0.send(Order {
            blob,
            chunks,
            verdict,
        });
        Body {
            chunks: receiver,
            verdict: judged,
        }
    }
}

/// The other end of the fetchers, for [`Remote::serve`].
pub struct Orders<'a>(mpsc::UnboundedReceiver<Order<'a>>);

/// Returns a pair for one pull.
pub fn orders<'a>() -> (Fetcher<'a>, Orders<'a>) {
    let (sender, receiver) = mpsc::unbounded_channel();
    (Fetcher(sender), Orders(receiver))
}

impl Remote {
    /// Is the network thread: moves blobs until every fetcher is gone.
    pub fn serve(&self, orders: Orders<'_>) {
        let mut orders = orders.0;
        let mut moving = FuturesUnordered::new();
        let mut is_closed = false;
        self.runtime.block_on(std::future::poll_fn(|cx| {
            while !is_closed {
                match orders.poll_recv(cx) {
                    Poll::Ready(Some(order)) => moving.push(self.fulfil(order)),
                    Poll::Ready(None) => is_closed = true,
                    Poll::Pending => break,
                }
            }
            while let Poll::Ready(Some(())) = Pin::new(&mut moving).poll_next_unpin(cx) {}
            if is_closed && moving.is_empty() {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        }));
    }

    async fn fulfil(&self, order: Order<'_>) {
        let Order {
            blob,
            chunks,
            verdict,
        } = order;
        let result = self.transfer(&blob, &chunks).await;
        drop(chunks);
        // a layer that gave up does not listen any more
        let _ = verdict.send(result);
    }

    async fn transfer(&self, blob: &Blob<'_>, chunks: &mpsc::Sender<Vec<u8>>) -> Result<()> {
        let mut sink = Sink::new(blob, chunks);
        sink.replay().await?;
        let first = self.active.get();
        for (index, host) in self.hosts.iter().enumerate().skip(first) {
            match sink.fill_from(host).await {
                Ok(()) => break,
                Err(failure) if index + 1 == self.hosts.len() || sink.is_broken => {
                    return Err(failure.into());
                }
                // a mirror that has the manifest need not have the blob
                Err(_) => {}
            }
        }
        sink.finish()
    }
}

/// Where the bytes of one blob go: hash, partial file, channel.
struct Sink<'a> {
    blob: &'a Blob<'a>,
    chunks: &'a mpsc::Sender<Vec<u8>>,
    hash: Sum,
    offset: u64,
    partial: Option<File>,
    /// The bytes themselves are wrong; no other host is asked.
    is_broken: bool,
}

impl<'a> Sink<'a> {
    fn new(blob: &'a Blob<'a>, chunks: &'a mpsc::Sender<Vec<u8>>) -> Sink<'a> {
        Sink {
            blob,
            chunks,
            hash: Sum::new(),
            offset: 0,
            partial: None,
            is_broken: false,
        }
    }

    fn partial_path(&self) -> Option<&'a Path> {
        self.blob
            .partial
            .as_deref()
            .filter(|_| self.blob.size > WORTH_KEEPING)
    }

    /// Sends what a killed pull left, and opens the file for the rest. A file that cannot be used is done without.
    async fn replay(&mut self) -> Result<()> {
        let Some(path) = self.partial_path() else {
            return Ok(());
        };
        if let Ok(mut old) = File::open(path) {
            let length = old.metadata().map_or(0, |m| m.len());
            if length > self.blob.size {
                self.discard_partial();
            } else {
                let mut left = length;
                while left > 0 {
                    let mut block = vec![0; REPLAY_BLOCK.min(left as usize)];
                    if old.read_exact(&mut block).is_err() {
                        break;
                    }
                    left -= block.len() as u64;
                    self.push(block).await?;
                }
            }
        }
        let options = File::options()
            .append(true)
            .create(true)
            .mode(0o600)
            .open(path);
        // a short read above would make a hole: the file must hold exactly what was replayed
        self.partial = options
            .ok()
            .filter(|f| f.metadata().is_ok_and(|m| m.len() == self.offset));
        Ok(())
    }

    /// Hashes and hands on bytes that follow the last ones.
    async fn push(&mut self, bytes: Vec<u8>) -> Result<()> {
        self.hash.update(&bytes);
        self.offset += bytes.len() as u64;
        (self.blob.watch)(Moved::Bytes(self.offset));
        self.chunks.send(bytes).await.map_err(|_| given_up())
    }

    /// Fetches from the present offset to the end.
    async fn fill_from(&mut self, host: &Host) -> Result<(), Failure> {
        let path = format!(
            "/v2/{}/blobs/{}",
            host.endpoint.repository, self.blob.digest
        );
        let what = format!("blob {}", self.blob.digest);
        let mut patience = Patience::midway();
        let watch = &self.blob.watch;
        let waiting = |wait: Duration| watch(Moved::Waiting(wait));
        let mut marker = self.offset;
        let mut by_range = true;
        while self.offset < self.blob.size || self.blob.size == 0 {
            let from = (self.offset > 0 && by_range).then_some(self.offset);
            let ask = Ask {
                from,
                ..Ask::get(&path, "*/*")
            };
            let answer = match host.send(&ask, &mut patience, &waiting).await {
                // some caches answer so to every Range: all of it again, then
                Err(Failure::Answer { status: 416, .. }) if from.is_some() => {
                    by_range = false;
                    continue;
                }
                other => other?,
            };
            let failure = match self.copy(answer).await {
                Ok(()) if self.offset == self.blob.size => return Ok(()),
                Ok(()) => Failure::Connection {
                    what: what.clone(),
                    why: "unexpected EOF".to_owned(),
                    phase: Phase::Speaking,
                },
                Err(failure) => failure,
            };
            if self.is_broken || !patience.covers(&failure) {
                return Err(failure);
            }
            if self.offset >= marker + PROGRESS {
                marker = self.offset;
                patience.renew();
            }
            let Some(wait) = patience.next(None) else {
                return Err(failure);
            };
            waiting(wait);
            tokio::time::sleep(wait).await;
        }
        Ok(())
    }

    /// Copies one answer's body. A server that ignores the Range sends everything again.
    async fn copy(&mut self, mut answer: Response) -> Result<(), Failure> {
        let what = format!("blob {}", self.blob.digest);
        let host = answer.url().host_str().unwrap_or_default().to_owned();
        let mut skip = match answer.status().as_u16() {
            206 => self.check_range(&answer)?,
            _ => {
                self.check_length(&answer)?;
                self.offset
            }
        };
        loop {
            let chunk = answer
                .chunk()
                .await
                .map_err(|e| Failure::connection(what.clone(), &host, &e))?;
            let Some(chunk) = chunk else { return Ok(()) };
            let known = skip.min(chunk.len() as u64);
            skip -= known;
            let bytes = &chunk[known as usize..];
            if bytes.is_empty() {
                continue;
            }
            if self.offset + bytes.len() as u64 > self.blob.size {
                self.is_broken = true;
                self.discard_partial();
                let why = format!(
                    "more than the {} bytes that the manifest says",
                    self.blob.size
                );
                return Err(Error::new(Kind::Corrupt, format!("{what} is too long"))
                    .because(why)
                    .into());
            }
            self.keep(bytes);
            self.push(bytes.to_vec())
                .await
                .inspect_err(|_| self.is_broken = true)?;
        }
    }

    /// A whole answer that is announced to be too short: no other try brings more.
    fn check_length(&self, answer: &Response) -> Result<(), Failure> {
        match answer.content_length() {
            Some(length) if length < self.blob.size => {
                let text = format!("blob {} is too short", self.blob.digest);
                let why = format!(
                    "the registry has {length} bytes, the manifest says {}",
                    self.blob.size
                );
                Err(Error::new(Kind::Corrupt, text).because(why).into())
            }
            _ => Ok(()),
        }
    }

    /// Returns how many bytes of a 206 we have already.
    fn check_range(&mut self, answer: &Response) -> Result<u64, Failure> {
        let header = answer
            .headers()
            .get(CONTENT_RANGE)
            .and_then(|h| h.to_str().ok())
            .unwrap_or_default();
        let start = header
            .strip_prefix("bytes ")
            .and_then(|r| r.split('-').next()?.trim().parse::<u64>().ok());
        match start {
            None => Ok(0),
            Some(start) if start <= self.offset => Ok(self.offset - start),
            Some(start) => {
                self.is_broken = true;
                let why = format!("asked for byte {}, got byte {start}", self.offset);
                Err(Error::new(
                    Kind::Network,
                    format!("blob {} has a gap", self.blob.digest),
                )
                .because(why)
                .into())
            }
        }
    }

    /// Appends to the partial file; on a full disk the pull itself will say so, so this only stops keeping.
    fn keep(&mut self, bytes: &[u8]) {
        if let Some(file) = &mut self.partial
            && file.write_all(bytes).is_err()
        {
            self.discard_partial();
        }
    }

    fn discard_partial(&mut self) {
        self.partial = None;
        if let Some(path) = self.partial_path() {
            // not there is as good as removed
            let _ = std::fs::remove_file(path);
        }
    }

    fn finish(mut self) -> Result<()> {
        let found = std::mem::take(&mut self.hash).finish();
        if found == self.blob.digest {
            (self.blob.watch)(Moved::Verified);
            return Ok(());
        }
        self.discard_partial();
        Err(mismatch(
            &format!("blob {}", self.blob.digest),
            &self.blob.digest,
            &found,
        ))
    }
}
