//! A plain file by http or https: what ADD and a build's context by address need. Nothing is asked again, no login is sent.

use std::io::Write;

use reqwest::{Client, Method, Response};

use super::Settings;
use super::client::runtime;
use super::http::{self, Verify};
use crate::error::{Context, Error, Kind, Result};

/// What a server says about a file beside its bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct About {
    /// The ETag as it came.
    pub(crate) etag: Option<String>,
    /// Last-Modified, seconds since 1970.
    pub(crate) modified: Option<i64>,
}

impl About {
    fn of(answer: &Response) -> About {
        let header = |name: &str| {
            let value = answer.headers().get(name)?;
            value.to_str().ok().map(str::to_owned)
        };
        let time = header("Last-Modified");
        About {
            etag: header("ETag"),
            modified: time.and_then(|text| {
                let time = jiff::fmt::rfc2822::parse(&text).ok()?;
                Some(time.timestamp().as_second())
            }),
        }
    }
}

/// Asks for what the server says about a file, without its bytes.
pub(crate) fn ask(settings: &Settings, url: &str) -> Result<About> {
    let client = client(settings, url)?;
    runtime()?.block_on(async {
        let answer = send(&client, Method::HEAD, url).await?;
        Ok(About::of(&answer))
    })
}

/// Fetches a file.
pub(crate) fn fetch(settings: &Settings, url: &str, into: &mut dyn Write) -> Result<About> {
    let client = client(settings, url)?;
    runtime()?.block_on(async {
        let mut answer = send(&client, Method::GET, url).await?;
        let about = About::of(&answer);
        let cannot = || format!("cannot fetch {url}");
        while let Some(bytes) = answer.chunk().await.context(Kind::Network, cannot)? {
            into.write_all(&bytes).context(Kind::System, cannot)?;
        }
        Ok(about)
    })
}

fn client(settings: &Settings, url: &str) -> Result<Client> {
    let host = url.split("://").nth(1).unwrap_or_default();
    let host = host.split(['/', '?', '#']).next().unwrap_or_default();
    http::client(settings, host, Verify::Roots)
}

async fn send(client: &Client, method: Method, url: &str) -> Result<Response> {
    let answer = client
        .request(method, url)
        .send()
        .await
        .context(Kind::Network, || format!("cannot fetch {url}"))?;
    let status = answer.status().as_u16();
    match status {
        200..300 => Ok(answer),
        // BuildKit's words
        _ => Err(Error::new(
            Kind::Network,
            format!("invalid response status {status}"),
        )),
    }
}
