//! Networks without root and without helpers: the kernel speaks TCP and UDP with a container in a gateway namespace of the
//! user's own, and a relay passes the bytes to ordinary sockets of the host. docs/NETWORK.md draws the way of a packet.
//!
//! ```text
//! container            gateway namespace (U0)                relay, main thread (host's network)
//! eth0 --- veth --- bridge, every address local --- sockets made there --- splice --- sockets of the host
//! ```
//! `message`, `link`, `nft`, `filter` and `packet` are pure: bytes in, bytes out.

pub use gateway::TRIES;

mod filter;
mod gateway;
pub(crate) mod join;
mod link;
mod message;
mod nft;
mod packet;
pub mod plan;
pub(crate) mod program;
pub(crate) mod relay;
mod requests;
mod resolver;
