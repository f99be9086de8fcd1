//! What is asked of the kernel, in the network namespace that the calling thread is in: whole messages, one answer.

use super::message::{Message, batch, transaction};
use crate::sys::netlink::{Family, Netlink, Refused};
use crate::sys::{self, SysError};

/// The index of `lo`.
pub(super) const LOOPBACK: u32 = 1;

/// Links, addresses and routes, one after the other up to the first that is refused.
pub(super) fn route(messages: Vec<Message>) -> sys::Result<()> {
    answer(Netlink::open(Family::Route)?.exchange(&batch(messages.clone()), messages.len()))
}

/// Rules, all of them or none.
pub(super) fn netfilter(netlink: &Netlink, messages: Vec<Message>) -> sys::Result<Option<Refused>> {
    netlink.exchange(&transaction(messages.clone()), messages.len())
}

/// A refusal is an error.
pub(super) fn answer(result: sys::Result<Option<Refused>>) -> sys::Result<()> {
    match result? {
        Some(refused) => Err(refused.into()),
        None => Ok(()),
    }
}

/// The index of a link.
pub(super) fn index_of(name: &str) -> sys::Result<u32> {
    nix::net::if_::if_nametoindex(name)
        .map_err(|e| SysError::new(format!("if_nametoindex({name:?})"), e))
}
