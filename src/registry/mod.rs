//! Registries: whom to ask for an image, as whom, over which connection; and the bytes that come back.
//!
//! tokio is a guest here: every door is a blocking function that makes a current-thread runtime and drops it before it
//! returns. oci-client gives the words (manifests, descriptors, error codes); the requests are made with reqwest, the
//! client that oci-client uses itself, since its own `Client` (0.18) hides response headers (Retry-After), reads a
//! manifest without a limit, knows no client certificates and no identity tokens, and asks `/v2/` before each blob of a
//! registry without logins.
//!
//! Nothing here is on disk but the credentials that `login` writes (by rename, mode 0600).

pub mod auth;
mod blobs;
mod client;
pub(crate) mod download;
mod failure;
mod host;
mod http;
pub mod mirrors;
mod names;
mod settings;
mod token;
mod upload;

pub use blobs::{Blob, Body, Fetcher, Moved, Orders, orders};
pub(crate) use client::quiet;
pub use client::{DOCUMENT_LIMIT, Manifest, Remote, check_login};
pub use settings::Settings;
pub use upload::{Sent, Start};

#[cfg(test)]
mod tests;
