//! Many datagrams in one call: recvmmsg(2) and sendmmsg(2), with the original destination, a source of our choice, and
//! datagrams of one flow joined by the kernel (UDP_GRO, UDP_SEGMENT; Linux 5.0 and 4.18, plain datagrams before).

#![allow(unsafe_code)]

use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsRawFd, BorrowedFd};

use nix::errno::Errno;

use super::inet::Raw;

/// Datagrams in one call.
const MOST: usize = 32;
/// Bytes of one, or of several joined.
const LARGEST: usize = 65_536;
/// Control bytes of one, enough for an address and a segment size.
const CONTROL: usize = 128;
/// Segments that the kernel takes in one send (UDP_MAX_SEGMENTS is 64 before Linux 6.9).
const SEGMENTS: usize = 64;

#[repr(C, align(8))]
#[derive(Clone, Copy)]
struct Control([u8; CONTROL]);

/// Room for datagrams, 2 MiB of address space of which only what is used costs memory.
pub(crate) struct Batch {
    bytes: Vec<u8>,
    names: Vec<Raw>,
    controls: Vec<Control>,
    lengths: Vec<usize>,
    control_lengths: Vec<usize>,
}

/// One that came, or several of one size.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Received<'a> {
    /// Its bytes, those of joined ones one behind the other.
    pub(crate) bytes: &'a [u8],
    /// Its source.
    pub(crate) from: SocketAddr,
    /// Where it was sent to; `None` unless asked for (`inet::set_original_destination`).
    pub(crate) to: Option<SocketAddr>,
    /// Bytes of each joined one (the last may be shorter); 0 for a single one.
    pub(crate) segment: u16,
}

/// One to send.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Outgoing<'a> {
    /// Its bytes.
    pub(crate) bytes: &'a [u8],
    /// Where to.
    pub(crate) to: SocketAddr,
    /// The source address (a transparent socket's may be any); `None` leaves it to the kernel.
    pub(crate) from: Option<IpAddr>,
    /// As in [`Received`].
    pub(crate) segment: u16,
}

impl Batch {
    /// Makes an empty one.
    pub(crate) fn new() -> Batch {
        Batch {
            bytes: vec![0; MOST * LARGEST],
            names: (0..MOST).map(|_| Raw::empty()).collect(),
            controls: vec![Control([0; CONTROL]); MOST],
            lengths: vec![0; MOST],
            control_lengths: vec![0; MOST],
        }
    }

    /// Takes what waits on a socket; returns how many there are, and whether more may wait.
    pub(crate) fn receive(&mut self, fd: BorrowedFd<'_>) -> nix::Result<(usize, bool)> {
        let mut slices: [libc::iovec; MOST] = [libc::iovec {
            iov_base: std::ptr::null_mut(),
            iov_len: LARGEST,
        }; MOST];
        // SAFETY: all zeroes is a valid mmsghdr.
        let mut messages: [libc::mmsghdr; MOST] = unsafe { std::mem::zeroed() };
        let base = self.bytes.as_mut_ptr();
        for (i, message) in messages.iter_mut().enumerate() {
            // SAFETY: each slice is its own part of `bytes`.
            slices[i].iov_base = unsafe { base.add(i * LARGEST) }.cast();
            self.names[i] = Raw::empty();
            let header = &mut message.msg_hdr;
            header.msg_name = (&raw mut self.names[i].storage).cast();
            header.msg_namelen = self.names[i].length;
            header.msg_iov = &raw mut slices[i];
            header.msg_iovlen = 1;
            header.msg_control = (&raw mut self.controls[i]).cast();
            header.msg_controllen = CONTROL as _;
        }
        // SAFETY: every pointer in the headers points into `self` or `slices`, which outlive the call.
        let n = unsafe {
            libc::recvmmsg(
                fd.as_raw_fd(),
                messages.as_mut_ptr(),
                MOST as u32,
                libc::MSG_DONTWAIT as _,
                std::ptr::null_mut(),
            )
        };
        let n = Errno::result(n)? as usize;
        for (i, message) in messages[..n].iter().enumerate() {
            self.lengths[i] = message.msg_len as usize;
            self.control_lengths[i] = message.msg_hdr.msg_controllen;
        }
        Ok((n, n == MOST))
    }

    /// Returns one of those received last; `None` when its source is no internet address.
    pub(crate) fn get(&self, i: usize) -> Option<Received<'_>> {
        let mut got = Received {
            bytes: &self.bytes[i * LARGEST..][..self.lengths[i]],
            from: self.names[i].address()?,
            to: None,
            segment: 0,
        };
        for (level, kind, data) in controls(&self.controls[i].0[..self.control_lengths[i]]) {
            match (level, kind) {
                (libc::SOL_IP, libc::IP_ORIGDSTADDR)
                | (libc::IPPROTO_IPV6, libc::IPV6_ORIGDSTADDR) => got.to = address(data),
                (libc::SOL_UDP, libc::UDP_GRO) => {
                    let size = data.get(..4).and_then(|d| d.try_into().ok());
                    got.segment = size.map_or(0, |d| i32::from_ne_bytes(d) as u16);
                }
                _ => {}
            }
        }
        // a single one that happens to be told with its size
        if usize::from(got.segment) >= got.bytes.len() {
            got.segment = 0;
        }
        Some(got)
    }
}

/// Walks control messages (cmsg(3)).
fn controls(mut bytes: &[u8]) -> impl Iterator<Item = (i32, i32, &[u8])> {
    const HEADER: usize = std::mem::size_of::<libc::cmsghdr>();
    std::iter::from_fn(move || {
        let length = usize::from_ne_bytes(bytes.get(..8)?.try_into().ok()?);
        let level = i32::from_ne_bytes(bytes.get(8..12)?.try_into().ok()?);
        let kind = i32::from_ne_bytes(bytes.get(12..16)?.try_into().ok()?);
        let data = bytes.get(HEADER..length)?;
        bytes = bytes.get((length + 7) & !7..).unwrap_or_default();
        Some((level, kind, data))
    })
}

fn address(data: &[u8]) -> Option<SocketAddr> {
    let mut raw = Raw::empty();
    let n = data.len().min(raw.length as usize);
    // SAFETY: at most the storage's size is copied; every byte pattern is a valid storage.
    unsafe { std::ptr::copy_nonoverlapping(data.as_ptr(), (&raw mut raw.storage).cast(), n) };
    raw.address()
}

/// Sends as many as the socket takes, in order. One that cannot be sent is left out, as the network would. Those of one
/// size and one way go joined: the host's stack is passed once for all of them.
pub(crate) fn send(fd: BorrowedFd<'_>, list: &[Outgoing<'_>]) {
    for part in list.chunks(MOST) {
        let borders = borders(part);
        send_part(fd, part, &borders);
    }
}

/// Where each message of a list ends that joins what can be joined (UDP_SEGMENT: all of one size, the last may be shorter).
fn borders(list: &[Outgoing<'_>]) -> Vec<usize> {
    const MOST_BYTES: usize = 65_000;
    let mut ends = Vec::with_capacity(list.len());
    let mut at = 0;
    while at < list.len() {
        let first = &list[at];
        let (size, mut bytes, mut end) = (first.bytes.len(), first.bytes.len(), at + 1);
        while let Some(next) = list.get(end)
            && first.segment == 0
            && (next.to, next.from, next.segment) == (first.to, first.from, 0)
            && list[end - 1].bytes.len() == size
            && (1..=size).contains(&next.bytes.len())
            && bytes + next.bytes.len() <= MOST_BYTES
        {
            bytes += next.bytes.len();
            end += 1;
        }
        ends.push(end);
        at = end;
    }
    ends
}

fn send_part(fd: BorrowedFd<'_>, list: &[Outgoing<'_>], ends: &[usize]) {
    // SAFETY: all zeroes is a valid mmsghdr.
    let mut messages: [libc::mmsghdr; MOST] = unsafe { std::mem::zeroed() };
    let mut controls = [Control([0; CONTROL]); MOST];
    let mut slices: [libc::iovec; MOST] = [libc::iovec {
        iov_base: std::ptr::null_mut(),
        iov_len: 0,
    }; MOST];
    for (slice, out) in slices.iter_mut().zip(list) {
        slice.iov_base = out.bytes.as_ptr().cast_mut().cast();
        slice.iov_len = out.bytes.len();
    }
    let starts = || std::iter::once(0).chain(ends.iter().copied());
    let names: Vec<Raw> = starts()
        .take(ends.len())
        .map(|at| Raw::new(list[at].to))
        .collect();
    for (i, (start, end)) in starts().zip(ends).enumerate() {
        let mut first = list[start];
        if end - start > 1 {
            first.segment = first.bytes.len() as u16;
        }
        let length = write_controls(&mut controls[i].0, &first);
        let header = &mut messages[i].msg_hdr;
        header.msg_name = names[i].as_ptr().cast_mut().cast();
        header.msg_namelen = names[i].length;
        header.msg_iov = &raw mut slices[start];
        header.msg_iovlen = (end - start) as _;
        if length > 0 {
            header.msg_control = (&raw mut controls[i]).cast();
            header.msg_controllen = length as _;
        }
    }
    let mut done = 0;
    while done < ends.len() {
        // SAFETY: the headers point into arrays of this function, which outlive the call, and are only read.
        let n = unsafe {
            libc::sendmmsg(
                fd.as_raw_fd(),
                messages[done..].as_mut_ptr(),
                (ends.len() - done) as u32,
                libc::MSG_NOSIGNAL | libc::MSG_DONTWAIT,
            )
        };
        match Errno::result(n) {
            Ok(n) if n > 0 => done += n as usize,
            Err(Errno::EAGAIN) => return,
            Err(Errno::EINTR) => {}
            // one by one where they cannot go joined (another MTU, an old kernel), else lost
            _ => {
                let start = if done == 0 { 0 } else { ends[done - 1] };
                one_by_one(fd, &list[start..ends[done]]);
                done += 1;
            }
        }
    }
}

/// Sends joined datagrams apart.
fn one_by_one(fd: BorrowedFd<'_>, joined: &[Outgoing<'_>]) {
    if let [single] = joined
        && single.segment == 0
    {
        return;
    }
    for out in joined {
        let size = match out.segment {
            0 => out.bytes.len(),
            size => size.into(),
        };
        for bytes in out.bytes.chunks(size) {
            let single = Outgoing {
                bytes,
                segment: 0,
                ..*out
            };
            send_part(fd, &[single], &[1]);
        }
    }
}

/// Splits what holds more joined datagrams than the kernel takes in one send.
pub(crate) fn split<'a>(out: Outgoing<'a>) -> impl Iterator<Item = Outgoing<'a>> {
    let size = match out.segment {
        0 => out.bytes.len().max(1),
        segment => usize::from(segment) * SEGMENTS,
    };
    let empty = out.bytes.is_empty().then_some(out);
    let parts = out.bytes.chunks(size).map(move |bytes| Outgoing {
        bytes,
        segment: if bytes.len() <= out.segment.into() {
            0
        } else {
            out.segment
        },
        ..out
    });
    empty.into_iter().chain(parts)
}

fn write_controls(to: &mut [u8; CONTROL], out: &Outgoing<'_>) -> usize {
    let mut at = 0;
    let mut put = |level: i32, kind: i32, data: &[u8]| {
        let length = 16 + data.len();
        to[at..at + 8].copy_from_slice(&length.to_ne_bytes());
        to[at + 8..at + 12].copy_from_slice(&level.to_ne_bytes());
        to[at + 12..at + 16].copy_from_slice(&kind.to_ne_bytes());
        to[at + 16..at + length].copy_from_slice(data);
        at += (length + 7) & !7;
    };
    match out.from {
        // struct in_pktinfo: interface, source, destination
        Some(IpAddr::V4(source)) => put(
            libc::SOL_IP,
            libc::IP_PKTINFO,
            &[&[0; 4][..], &source.octets(), &[0; 4]].concat(),
        ),
        // struct in6_pktinfo: source, interface
        Some(IpAddr::V6(source)) => put(
            libc::IPPROTO_IPV6,
            libc::IPV6_PKTINFO,
            &[&source.octets()[..], &[0; 4]].concat(),
        ),
        None => {}
    }
    if out.segment > 0 {
        put(libc::SOL_UDP, libc::UDP_SEGMENT, &out.segment.to_ne_bytes());
    }
    at
}

/// Takes one report of ICMP from a socket's error queue: where the datagram went, and what is wrong there.
pub(crate) fn take_report(fd: BorrowedFd<'_>) -> Option<(SocketAddr, Errno)> {
    let mut raw = Raw::empty();
    let mut control = Control([0; CONTROL]);
    let mut byte = [0u8; 1];
    let mut slice = libc::iovec {
        iov_base: byte.as_mut_ptr().cast(),
        iov_len: 1,
    };
    // SAFETY: all zeroes is a valid msghdr.
    let mut header: libc::msghdr = unsafe { std::mem::zeroed() };
    header.msg_name = (&raw mut raw.storage).cast();
    header.msg_namelen = raw.length;
    header.msg_iov = &raw mut slice;
    header.msg_iovlen = 1;
    header.msg_control = (&raw mut control).cast();
    header.msg_controllen = CONTROL as _;
    let flags = libc::MSG_ERRQUEUE | libc::MSG_DONTWAIT;
    // SAFETY: every pointer points to a value of this function.
    let r = unsafe { libc::recvmsg(fd.as_raw_fd(), &raw mut header, flags) };
    Errno::result(r).ok()?;
    let to = raw.address()?;
    for (level, kind, data) in controls(&control.0[..header.msg_controllen as usize]) {
        if matches!(
            (level, kind),
            (libc::SOL_IP, libc::IP_RECVERR) | (libc::IPPROTO_IPV6, libc::IPV6_RECVERR)
        ) {
            // struct sock_extended_err begins with the errno
            let errno = data.get(..4)?.try_into().ok()?;
            return Some((to, Errno::from_raw(u32::from_ne_bytes(errno) as i32)));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd;

    use super::super::inet::{self, Kind, Version};
    use super::*;

    fn bound() -> (std::os::fd::OwnedFd, SocketAddr) {
        let fd = inet::socket(Version::V4, Kind::Datagram).expect("socket");
        inet::bind(fd.as_fd(), "127.0.0.1:0".parse().expect("address")).expect("bind");
        let at = inet::local_address(fd.as_fd()).expect("name");
        (fd, at)
    }

    #[test]
    fn datagrams_keep_their_borders_also_when_joined() {
        let ((a, from), (b, to)) = (bound(), bound());
        inet::set(b.as_fd(), inet::JOIN_DATAGRAMS, 1).expect("UDP_GRO");
        let bytes = vec![7u8; 2500];
        let out = |bytes, segment| Outgoing {
            bytes,
            to,
            from: None,
            segment,
        };
        send(
            a.as_fd(),
            &[out(&bytes[..], 1000), out(&[], 0), out(b"x", 0)],
        );
        let mut batch = Batch::new();
        let mut sizes = Vec::new();
        while let Ok((n, _)) = batch.receive(b.as_fd()) {
            for i in 0..n {
                let got = batch.get(i).expect("an address");
                assert_eq!(got.from, from);
                match got.segment {
                    0 => sizes.push(got.bytes.len()),
                    size => sizes.extend(got.bytes.chunks(size.into()).map(<[u8]>::len)),
                }
            }
        }
        assert_eq!(sizes, [1000, 1000, 500, 0, 1]);
    }

    #[test]
    fn what_has_one_size_and_one_way_is_joined() {
        let bytes = vec![0; 70_000];
        let out = |length: usize, port: u16| Outgoing {
            bytes: &bytes[..length],
            to: ([127, 0, 0, 1], port).into(),
            from: None,
            segment: 0,
        };
        let ends = |list: &[(usize, u16)]| {
            let list: Vec<_> = list
                .iter()
                .map(|&(length, port)| out(length, port))
                .collect();
            borders(&list)
        };
        assert_eq!(ends(&[(9, 1), (9, 1), (4, 1), (4, 1)]), [3, 4]);
        assert_eq!(ends(&[(9, 1), (10, 1), (9, 2), (9, 1)]), [1, 2, 3, 4]);
        assert_eq!(ends(&[(9, 1), (0, 1), (0, 1)]), [1, 2, 3]);
        assert_eq!(ends(&[(30_000, 1), (30_000, 1), (30_000, 1)]), [2, 3]);
    }

    #[test]
    fn too_many_joined_ones_are_sent_in_parts() {
        let bytes = vec![0; 100 * 10 + 5];
        let out = Outgoing {
            bytes: &bytes,
            to: "127.0.0.1:9".parse().expect("address"),
            from: None,
            segment: 10,
        };
        let parts: Vec<_> = split(out).map(|p| (p.bytes.len(), p.segment)).collect();
        assert_eq!(parts, [(640, 10), (365, 10)]);
        let single = Outgoing {
            bytes: &[],
            segment: 0,
            ..out
        };
        assert_eq!(split(single).count(), 1);
    }

    #[test]
    fn a_closed_port_is_reported() {
        let (a, _) = bound();
        inet::set_error_queue(a.as_fd(), Version::V4).expect("IP_RECVERR");
        let (b, gone) = bound();
        drop(b);
        inet::send_to(a.as_fd(), b"x", gone).expect("sent");
        assert_eq!(take_report(a.as_fd()), Some((gone, Errno::ECONNREFUSED)));
        assert_eq!(take_report(a.as_fd()), None);
    }
}
