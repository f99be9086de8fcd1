//! What a link may leave to its hardware (linux/ethtool.h, netdevice(7)).

#![allow(unsafe_code)]

use std::os::fd::AsRawFd;

use nix::errno::Errno;

use super::fd::number;
use super::inet::{self, Kind, Version};
use super::{Result, SysError};

const SIOCETHTOOL: libc::c_ulong = 0x8946;
const GET_SET_INFO: u32 = 0x37;
const GET_STRINGS: u32 = 0x1b;
const SET_FEATURES: u32 = 0x3b;
const FEATURES: u32 = 4;
const NAME: usize = 32;

#[repr(C)]
struct Request {
    link: [u8; libc::IFNAMSIZ],
    data: *mut u32,
    // struct ifreq is larger than what is used of it
    rest: [u64; 1],
}

/// Forbids a feature by its name in `ethtool -k`, on a link of the calling thread's network namespace.
pub(crate) fn forbid(link: &str, feature: &str) -> Result<()> {
    let cannot = |e| SysError::new(format!("ioctl(SIOCETHTOOL, {link:?}, {feature:?})"), e);
    let count = ask(link, &mut [GET_SET_INFO, 0, 1 << FEATURES, 0, 0])?[4] as usize;
    let mut names = vec![0u32; 3 + count * NAME / 4];
    names[..3].copy_from_slice(&[GET_STRINGS, FEATURES, count as u32]);
    let names = ask(link, &mut names)?;
    let bytes: Vec<u8> = names[3..].iter().flat_map(|w| w.to_ne_bytes()).collect();
    let is_it = |name: &[u8]| name.split(|b| *b == 0).next() == Some(feature.as_bytes());
    let bit = bytes.chunks(NAME).position(is_it);
    let bit = bit.ok_or_else(|| cannot(Errno::ENOTSUP))?;
    let blocks = count.div_ceil(32);
    // which bits are meant, which of them are wanted: none
    let mut wanted = vec![0u32; 2 + blocks * 2];
    wanted[..2].copy_from_slice(&[SET_FEATURES, blocks as u32]);
    wanted[2 + bit / 32 * 2] = 1 << (bit % 32);
    ask(link, &mut wanted).map(drop)
}

/// The kernel writes its answer over `data`, which must have room for it.
fn ask<'a>(link: &str, data: &'a mut [u32]) -> Result<&'a [u32]> {
    let socket = inet::socket(Version::V4, Kind::Datagram)?;
    let mut request = Request {
        link: [0; libc::IFNAMSIZ],
        data: data.as_mut_ptr(),
        rest: [0],
    };
    for (to, from) in request.link[..libc::IFNAMSIZ - 1]
        .iter_mut()
        .zip(link.bytes())
    {
        *to = from;
    }
    // SAFETY: `request` begins as struct ifreq does and outlives the call; each command's answer is as long as its question.
    let r = unsafe { libc::ioctl(socket.as_raw_fd(), SIOCETHTOOL as _, &raw mut request) };
    number(r.into(), || format!("ioctl(SIOCETHTOOL, {link:?})"))?;
    Ok(data)
}
