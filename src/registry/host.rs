//! One host that may hold the image: its scheme, its client, our authorization there, and requests that are repeated
//! when trouble passes.
//!
//! A host belongs to one runtime on one thread, hence the plain cells.

use std::cell::{Cell, OnceCell, RefCell};
use std::hash::{BuildHasher, Hasher};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::{
    ACCEPT, AUTHORIZATION, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, RANGE, RETRY_AFTER,
    WWW_AUTHENTICATE,
};
use reqwest::{Client, Method, RequestBuilder, Response};
use serde::Deserialize;

use super::Settings;
use super::auth::{self, Credential};
use super::failure::{Failure, Phase, one_line, phrase};
use super::http::{self, Verify};
use super::mirrors::Endpoint;
use super::token::Challenge;
use crate::error::{Error, Kind};

/// Largest answer of a token server.
const TOKEN_LIMIT: usize = 1 << 20;
/// Largest error body that is looked at.
const ERROR_LIMIT: usize = 64 << 10;
/// Wait before the second try; each further one is twice as long.
const FIRST_WAIT: Duration = Duration::from_millis(if cfg!(test) { 20 } else { 1000 });
/// Name that we give to token servers.
const CLIENT_ID: &str = "coracle";

/// A host, its repository, and what we learned about it.
pub(super) struct Host {
    pub(super) endpoint: Endpoint,
    settings: Settings,
    http: OnceCell<Client>,
    scheme: Cell<Option<&'static str>>,
    login: RefCell<Login>,
    /// Held while a new token is fetched, so that ten layers with one expired token fetch one.
    renewing: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct Login {
    /// Value of `Authorization`.
    header: Option<String>,
    /// Counts renewals, so that a late 401 for an old token does not discard a new one.
    generation: u32,
    /// Why nothing is known of us.
    trouble: Option<Error>,
}

/// What is asked for.
pub(super) struct Ask<'a> {
    pub(super) method: Method,
    /// After the host, from `/v2/` on; or a whole URL that the host gave us for an upload.
    pub(super) path: &'a str,
    pub(super) accept: &'a str,
    /// First byte that is wanted.
    pub(super) from: Option<u64>,
    /// What is sent.
    pub(super) payload: Option<Payload<'a>>,
}

/// The body of a request.
#[derive(Clone, Copy)]
pub(super) struct Payload<'a> {
    pub(super) media_type: &'a str,
    /// Bytes.
    pub(super) size: u64,
    /// Where they belong in a body that is sent in parts: first and last byte.
    pub(super) range: Option<(u64, u64)>,
    /// Makes the bytes, for each try anew.
    pub(super) make: &'a dyn Fn() -> reqwest::Body,
}

impl<'a> Ask<'a> {
    pub(super) fn get(path: &'a str, accept: &'a str) -> Ask<'a> {
        Ask {
            method: Method::GET,
            path,
            accept,
            from: None,
            payload: None,
        }
    }

    /// Docker's name for the request: `Get "https://host/v2/"`.
    fn what(&self, url: &str) -> String {
        let verb = match self.method {
            Method::HEAD => "Head",
            Method::POST => "Post",
            Method::PATCH => "Patch",
            Method::PUT => "Put",
            _ => "Get",
        };
        format!("{verb} \"{url}\"")
    }
}

/// How often and how long trouble is waited out: 1, 2, 4, 8 s and a little.
pub(super) struct Patience {
    tries: u32,
    limit: u32,
    /// The host has served us before.
    is_midway: bool,
}

impl Patience {
    /// For a host that must answer.
    pub(super) fn long() -> Patience {
        Patience {
            tries: 0,
            limit: 4,
            is_midway: false,
        }
    }

    /// For a host that others can replace.
    pub(super) fn short() -> Patience {
        Patience {
            tries: 0,
            limit: 1,
            is_midway: false,
        }
    }

    /// For what is not simply sent again.
    pub(super) fn none() -> Patience {
        Patience {
            limit: 0,
            ..Patience::long()
        }
    }

    /// For the blobs of an image whose manifest is here.
    pub(super) fn midway() -> Patience {
        Patience {
            is_midway: true,
            ..Patience::long()
        }
    }

    /// Whether another try is due after this failure, patience allowing.
    pub(super) fn covers(&self, failure: &Failure) -> bool {
        if self.is_midway {
            failure.is_passing_midway()
        } else {
            failure.is_passing()
        }
    }

    /// Forgets earlier trouble, since there was progress.
    pub(super) fn renew(&mut self) {
        self.tries = 0;
    }

    /// Returns how long to wait before the next try; None when there is none. A server's own wish counts; one for more than a
    /// minute is for the user to wait out.
    pub(super) fn next(&mut self, wish: Option<Duration>) -> Option<Duration> {
        const LONGEST: Duration = Duration::from_secs(60);
        if self.tries == self.limit || wish.is_some_and(|w| w > LONGEST) {
            return None;
        }
        self.tries += 1;
        let own = (FIRST_WAIT * (1 << (self.tries - 1))).mul_f64(0.75 + 0.5 * chance());
        Some(wish.map_or(own, |w| w.max(own / 4)))
    }
}

/// A number in 0..1 that differs from process to process and call to call: many pulls must not come back at once.
fn chance() -> f64 {
    let random = std::hash::RandomState::new().build_hasher().finish();
    (random >> 11) as f64 / (1u64 << 53) as f64
}

impl Host {
    pub(super) fn new(settings: &Settings, endpoint: Endpoint) -> Host {
        Host {
            endpoint,
            settings: settings.clone(),
            http: OnceCell::new(),
            scheme: Cell::new(None),
            login: RefCell::default(),
            renewing: tokio::sync::Mutex::new(()),
        }
    }

    /// No or bad TLS is acceptable.
    fn is_lax(&self) -> bool {
        self.endpoint.insecure || is_loopback(&self.endpoint.host)
    }

    /// Returns the client, made at the first use: the roots cost time that a cached image need not pay.
    fn http(&self) -> Result<&Client, Failure> {
        if let Some(client) = self.http.get() {
            return Ok(client);
        }
        let verify = if self.is_lax() {
            Verify::Nothing
        } else {
            Verify::Roots
        };
        let client = http::client(&self.settings, &self.endpoint.host, verify)?;
        Ok(self.http.get_or_init(|| client))
    }

    /// Returns `https` or `http`. A lax host is asked which one it speaks: loopback registries are mostly plain.
    async fn scheme(&self) -> Result<&'static str, Failure> {
        if let Some(scheme) = self.scheme.get() {
            return Ok(scheme);
        }
        let order: &[&str] = match (self.is_lax(), is_loopback(&self.endpoint.host)) {
            (false, _) => &["https"],
            (true, true) => &["http", "https"],
            (true, false) => &["https", "http"],
        };
        if let [only] = *order {
            self.scheme.set(Some(only));
            return Ok(only);
        }
        let mut first = None;
        for &scheme in order {
            match self.speaks(scheme).await {
                Ok(true) => {
                    self.scheme.set(Some(scheme));
                    return Ok(scheme);
                }
                Ok(false) => {}
                // nobody listens: the other scheme has the same port
                Err(
                    f @ Failure::Connection {
                        phase: Phase::Reaching,
                        ..
                    },
                ) => return Err(f),
                Err(f) => first = first.or(Some(f)),
            }
        }
        let silent = || {
            Error::new(
                Kind::Network,
                format!("`{}` is no registry", self.endpoint.host),
            )
        };
        Err(first.unwrap_or_else(|| silent().into()))
    }

    /// Asks `/v2/` in one scheme. Go's TLS servers answer plain HTTP with a 400.
    async fn speaks(&self, scheme: &str) -> Result<bool, Failure> {
        let url = format!("{scheme}://{}/v2/", self.endpoint.host);
        let ask = Ask::get("/v2/", "*/*");
        match self.http()?.get(&url).send().await {
            Ok(answer) => Ok(answer.status() != 400),
            Err(e) => Err(Failure::connection(ask.what(&url), &self.endpoint.host, &e)),
        }
    }

    /// Sends a request until it succeeds, `patience` ends or another try cannot help. `waiting` is told of each wait.
    pub(super) async fn send(
        &self,
        ask: &Ask<'_>,
        patience: &mut Patience,
        waiting: &dyn Fn(Duration),
    ) -> Result<Response, Failure> {
        loop {
            let failure = match self.send_once(ask).await {
                Ok(answer) => return Ok(answer),
                Err(failure) if failure.is_denied() || failure.asks_for_login() => {
                    let trouble = self.login.borrow().trouble.clone();
                    return Err(trouble.map_or(failure, Failure::Final));
                }
                Err(failure) => failure,
            };
            let wish = match &failure {
                Failure::Answer { retry_after, .. } => *retry_after,
                _ => None,
            };
            let wait = if patience.covers(&failure) {
                patience.next(wish)
            } else {
                None
            };
            let Some(wait) = wait else {
                return Err(failure);
            };
            waiting(wait);
            tokio::time::sleep(wait).await;
        }
    }

    /// One try; a 401 renews the authorization and asks once more.
    async fn send_once(&self, ask: &Ask<'_>) -> Result<Response, Failure> {
        let base = format!("{}://{}", self.scheme().await?, self.endpoint.host);
        let url = match ask.path.starts_with('/') {
            true => format!("{base}{}", ask.path),
            false => ask.path.to_owned(),
        };
        // another host gets no credentials of this one
        let is_ours = url
            .strip_prefix(&base)
            .is_some_and(|rest| rest.starts_with('/'));
        let mut renewed = false;
        loop {
            let (header, generation) = {
                let login = self.login.borrow();
                (login.header.clone(), login.generation)
            };
            let mut request = self
                .http()?
                .request(ask.method.clone(), &url)
                .header(ACCEPT, ask.accept);
            if let Some(from) = ask.from {
                request = request.header(RANGE, format!("bytes={from}-"));
            }
            if let Some(payload) = &ask.payload {
                request = with_payload(request, payload);
            }
            let header = header.filter(|_| is_ours);
            let answer = self
                .deliver(authorize(request, header.as_deref()), ask.what(&url))
                .await?;
            let status = answer.status().as_u16();
            match status {
                200..=299 => return Ok(answer),
                401 if !renewed && is_ours => {
                    renewed = true;
                    self.renew(&answer, generation, ask.what(&url)).await?;
                }
                // with a token in hand a 401 means that the token does not cover this repository
                401 if self.is_bearer() => {
                    let denied = br#"{"errors":[{"code":"DENIED","message":"requested access to the resource is denied"}]}"#;
                    return Err(Failure::answer(ask.what(&url), 403, denied, None));
                }
                _ => return Err(answer_failure(answer, ask.what(&url)).await),
            }
        }
    }

    async fn deliver(&self, request: RequestBuilder, what: String) -> Result<Response, Failure> {
        request.send().await.map_err(|e| {
            let mut failure = Failure::connection(what, &self.endpoint.host, &e);
            let has_proxy =
                self.settings.https_proxy.is_some() && !is_loopback(&self.endpoint.host);
            if let Failure::Connection { why, .. } = &mut failure
                && has_proxy
                && e.is_connect()
            {
                // it may have a password in it
                why.push_str(" (by the proxy of HTTPS_PROXY, unless NO_PROXY names this host)");
            }
            failure
        })
    }

    fn is_bearer(&self) -> bool {
        self.login
            .borrow()
            .header
            .as_deref()
            .is_some_and(|h| h.starts_with("Bearer "))
    }

    /// Answers a 401's challenge, unless somebody did since `generation`.
    async fn renew(&self, answer: &Response, generation: u32, what: String) -> Result<(), Failure> {
        let headers = answer.headers().get_all(WWW_AUTHENTICATE);
        let challenge = Challenge::choose(headers.iter().filter_map(|h| h.to_str().ok()));
        let _one_at_a_time = self.renewing.lock().await;
        if self.login.borrow().generation != generation {
            return Ok(());
        }
        let Endpoint {
            registry,
            repository,
            ..
        } = &self.endpoint;
        // public images need none: what is wrong with ours matters where nobody may go without
        let (credential, trouble) = match auth::find(&self.settings, registry, repository) {
            Ok(credential) => (credential, None),
            Err(e) => (None, Some(e)),
        };
        self.login.borrow_mut().trouble = trouble;
        let scope = format!("repository:{}:pull", self.endpoint.repository);
        let header = self
            .prove(challenge, credential.as_ref(), Some(&scope), what)
            .await?;
        let mut login = self.login.borrow_mut();
        login.header = Some(header);
        login.generation += 1;
        Ok(())
    }

    /// Returns the `Authorization` that answers `challenge`.
    async fn prove(
        &self,
        challenge: Option<Challenge>,
        credential: Option<&Credential>,
        scope: Option<&str>,
        what: String,
    ) -> Result<String, Failure> {
        let denied =
            |why: &str| Failure::Final(Error::new(Kind::Denied, what.clone()).because(why));
        match (challenge, credential) {
            (_, Some(Credential::Registry(token))) => Ok(format!("Bearer {token}")),
            (Some(Challenge::Basic), Some(Credential::Password { user, secret })) => {
                Ok(basic(user, secret))
            }
            (Some(Challenge::Basic), _) => Err(denied("no basic auth credentials")),
            (
                Some(Challenge::Bearer {
                    realm,
                    service,
                    scope: asked,
                }),
                credential,
            ) => {
                // the challenge of the very request names what it needs; else our own scope does
                let scope = if scope.is_some() {
                    asked.as_deref().or(scope)
                } else {
                    None
                };
                let token = self
                    .token(&realm, service.as_deref(), scope, credential)
                    .await?;
                Ok(format!("Bearer {token}"))
            }
            (None, _) => Err(denied("the registry asks for a login of an unknown kind")),
        }
    }

    /// Fetches a token from the server that the challenge names.
    async fn token(
        &self,
        realm: &str,
        service: Option<&str>,
        scope: Option<&str>,
        credential: Option<&Credential>,
    ) -> Result<String, Failure> {
        let what = format!("Get \"{realm}\"");
        let url = reqwest::Url::parse(realm).map_err(|e| {
            Error::new(Kind::Network, "cannot use the registry's token server").because(e)
        })?;
        if credential.is_some() && url.scheme() != "https" && self.scheme.get() == Some("https") {
            let text = format!(
                "the registry wants your password sent in the clear to `{}`",
                one_line(realm)
            );
            return Err(Error::new(Kind::Denied, text).into());
        }
        let mut fields: Vec<(&str, &str)> = Vec::new();
        fields.extend(service.map(|s| ("service", s)));
        // several scopes come as one text with blanks
        fields.extend(
            scope
                .into_iter()
                .flat_map(str::split_whitespace)
                .map(|s| ("scope", s)),
        );
        fields.push(("client_id", CLIENT_ID));
        let request = self.token_request(url, fields, credential)?;
        let answer = self.deliver(request, what.clone()).await?;
        if matches!(answer.status().as_u16(), 400 | 401 | 403) && credential.is_some() {
            let denied = Error::new(Kind::Denied, what);
            return Err(denied
                .because("unauthorized: incorrect username or password")
                .into());
        }
        if !answer.status().is_success() {
            return Err(answer_failure(answer, what).await);
        }
        let body = read(answer, TOKEN_LIMIT, &what).await?;
        let Token {
            token,
            access_token,
        } = serde_json::from_slice(&body)
            .map_err(|e| Error::new(Kind::Network, what.clone()).because(e))?;
        let found = token
            .filter(|t| !t.is_empty())
            .or(access_token)
            .filter(|t| is_header_text(t));
        found.ok_or_else(|| {
            Error::new(Kind::Network, what)
                .because("the answer has no token")
                .into()
        })
    }

    fn token_request<'f>(
        &self,
        mut url: reqwest::Url,
        mut fields: Vec<(&'f str, &'f str)>,
        credential: Option<&'f Credential>,
    ) -> Result<RequestBuilder, Failure> {
        let http = self.http()?;
        if let Some(Credential::Identity(token)) = credential {
            fields.extend([("grant_type", "refresh_token"), ("refresh_token", token)]);
            let mut form = reqwest::Url::parse("form:").expect("a constant URL");
            form.query_pairs_mut().extend_pairs(fields);
            let body = form.query().unwrap_or_default().to_owned();
            let form_type = "application/x-www-form-urlencoded";
            return Ok(http.post(url).header("Content-Type", form_type).body(body));
        }
        if let Some(Credential::Password { user, .. }) = credential {
            fields.push(("account", user));
        }
        url.query_pairs_mut().extend_pairs(fields);
        Ok(match credential {
            Some(Credential::Password { user, secret }) => {
                http.get(url).header(AUTHORIZATION, basic(user, secret))
            }
            _ => http.get(url),
        })
    }

    /// Asks whether the registry accepts `credential`, as `login` does.
    pub(super) async fn check_login(&self, credential: &Credential) -> Result<(), Failure> {
        let url = format!("{}://{}/v2/", self.scheme().await?, self.endpoint.host);
        let ask = Ask::get("/v2/", "*/*");
        let answer = self.deliver(self.http()?.get(&url), ask.what(&url)).await?;
        match answer.status().as_u16() {
            200..=299 => return Ok(()),
            401 => {}
            _ => return Err(answer_failure(answer, ask.what(&url)).await),
        }
        let headers = answer.headers().get_all(WWW_AUTHENTICATE);
        let challenge = Challenge::choose(headers.iter().filter_map(|h| h.to_str().ok()));
        let header = self
            .prove(challenge, Some(credential), None, ask.what(&url))
            .await?;
        let request = authorize(self.http()?.get(&url), Some(&header));
        let answer = self.deliver(request, ask.what(&url)).await?;
        if answer.status().is_success() {
            return Ok(());
        }
        let text = format!(
            "login attempt to {url} failed with status: {}",
            phrase(answer.status().as_u16())
        );
        Err(Error::new(Kind::Denied, text).into())
    }
}

#[derive(Deserialize)]
struct Token {
    token: Option<String>,
    access_token: Option<String>,
}

fn authorize(request: RequestBuilder, header: Option<&str>) -> RequestBuilder {
    match header {
        Some(header) => request.header(AUTHORIZATION, header),
        None => request,
    }
}

fn with_payload(request: RequestBuilder, payload: &Payload<'_>) -> RequestBuilder {
    let mut request = request
        .header(CONTENT_TYPE, payload.media_type)
        .header(CONTENT_LENGTH, payload.size);
    if let Some((first, last)) = payload.range {
        request = request.header(CONTENT_RANGE, format!("{first}-{last}"));
    }
    request.body((payload.make)())
}

fn basic(user: &str, secret: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{secret}")))
}

fn is_header_text(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| (0x21..0x7f).contains(&b))
}

/// Whether a `host[:port]` is this very machine.
pub(super) fn is_loopback(host: &str) -> bool {
    if let Some(rest) = host.strip_prefix('[') {
        return rest.starts_with("::1]");
    }
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    let is_address = name
        .parse::<std::net::Ipv4Addr>()
        .is_ok_and(|a| a.is_loopback());
    is_address || name == "localhost" || name.ends_with(".localhost")
}

/// Reads a whole small body; a longer one is refused.
pub(super) async fn read(
    mut answer: Response,
    limit: usize,
    what: &str,
) -> Result<Vec<u8>, Failure> {
    let host = answer.url().host_str().unwrap_or_default().to_owned();
    let mut body = Vec::new();
    let cut = |e: reqwest::Error| Failure::connection(what.to_owned(), &host, &e);
    while let Some(chunk) = answer.chunk().await.map_err(cut)? {
        if body.len() + chunk.len() > limit {
            let text = format!("the answer is longer than {limit} bytes");
            return Err(Error::new(Kind::Corrupt, what.to_owned())
                .because(text)
                .into());
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// Turns an unsuccessful answer into a failure, with as much of its body as is sensible.
async fn answer_failure(mut answer: Response, what: String) -> Failure {
    let status = answer.status().as_u16();
    let seconds = answer
        .headers()
        .get(RETRY_AFTER)
        .and_then(|h| h.to_str().ok()?.trim().parse().ok());
    let mut body = Vec::new();
    while let Ok(Some(chunk)) = answer.chunk().await {
        body.extend_from_slice(&chunk);
        if body.len() > ERROR_LIMIT {
            break;
        }
    }
    Failure::answer(what, status, &body, seconds.map(Duration::from_secs))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_is_an_address_or_the_name_not_a_prefix() {
        for (host, expected) in [
            ("127.0.0.1:5000", true),
            ("127.8.9.1", true),
            ("localhost:5000", true),
            ("registry.localhost", true),
            ("[::1]:5000", true),
            ("[::10]:5000", false),
            ("127.0.0.1.example.com", false),
            ("localhost.example.com:5000", false),
            ("10.0.0.1:5000", false),
        ] {
            assert_eq!(is_loopback(host), expected, "{host}");
        }
    }

    #[test]
    fn waits_double_with_some_chance_and_then_end() {
        let mut patience = Patience::long();
        for factor in [1, 2, 4, 8] {
            let (wait, expected) = (
                patience.next(None).expect("a try is left"),
                FIRST_WAIT * factor,
            );
            assert!(
                wait >= expected.mul_f64(0.75) && wait <= expected.mul_f64(1.25),
                "{wait:?}"
            );
        }
        assert_eq!(patience.next(None), None);
        patience.renew();
        assert_eq!(
            patience.next(Some(Duration::from_secs(3))),
            Some(Duration::from_secs(3))
        );
        assert_eq!(
            patience.next(Some(Duration::from_secs(60))),
            Some(Duration::from_secs(60))
        );
        assert_eq!(patience.next(Some(Duration::from_secs(61))), None);
    }
}
