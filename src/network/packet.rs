//! IP packets read and made by hand: a SYN, its refusal, and echoes (RFC 791, 793, 792, 4443).
//!
//! Everything here comes from a container that may write any bytes it likes: every read is checked.

use std::net::{IpAddr, SocketAddr};

use crate::grammar::subnet::octets;
use crate::sys::inet::Version;

/// What a container's packet begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Beginning {
    /// A connection from .. to ..
    Connection(SocketAddr, SocketAddr),
    /// An echo request from .. to .., with its identifier; the second is where the ICMP message begins.
    Echo(IpAddr, IpAddr, u16, usize),
}

/// Why something cannot be reached, as ICMP says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unreachable {
    /// No way to the network.
    Network,
    /// The host does not answer.
    Host,
    /// Nobody listens.
    Port,
    /// Somebody forbids it.
    Forbidden,
}

const TCP: u8 = libc::IPPROTO_TCP as u8;

/// Source, destination, protocol and where the transport header begins. IPv6 with extension headers is not read.
fn header(packet: &[u8]) -> Option<(IpAddr, IpAddr, u8, usize)> {
    match packet.first()? >> 4 {
        4 => {
            let length = usize::from(packet[0] & 15) * 4;
            if length < 20 || packet.len() < length {
                return None;
            }
            Some((v4(packet, 12)?, v4(packet, 16)?, packet[9], length))
        }
        6 => Some((v6(packet, 8)?, v6(packet, 24)?, *packet.get(6)?, 40)),
        _ => None,
    }
}

fn v4(packet: &[u8], at: usize) -> Option<IpAddr> {
    let bytes: [u8; 4] = packet.get(at..at + 4)?.try_into().ok()?;
    Some(IpAddr::from(bytes))
}

fn v6(packet: &[u8], at: usize) -> Option<IpAddr> {
    let bytes: [u8; 16] = packet.get(at..at + 16)?.try_into().ok()?;
    Some(IpAddr::from(bytes))
}

fn half(packet: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(packet.get(at..at + 2)?.try_into().ok()?))
}

/// Reads a captured packet.
pub(super) fn read(packet: &[u8]) -> Option<Beginning> {
    let (from, to, protocol, at) = header(packet)?;
    if protocol == TCP {
        if packet.len() < at + 20 {
            return None;
        }
        let end = |address, port| Some(SocketAddr::new(address, half(packet, port)?));
        return Some(Beginning::Connection(end(from, at)?, end(to, at + 2)?));
    }
    // id and sequence number
    if packet.len() < at + 8 {
        return None;
    }
    Some(Beginning::Echo(from, to, half(packet, at + 4)?, at))
}

/// Takes the headers off a datagram as a raw socket gives it (raw(7), ipv6(7)): its source's port, and its bytes.
pub(super) fn strip(version: Version, packet: &[u8]) -> Option<(u16, &[u8])> {
    let at = match version {
        Version::V4 => usize::from(packet.first()? & 15) * 4,
        Version::V6 => 0,
    };
    let length = usize::from(half(packet, at + 4)?);
    Some((half(packet, at)?, packet.get(at + 8..at + length)?))
}

/// Writes the checksum of what begins at `at`, at `place` in it.
fn seal(packet: &mut [u8], at: usize, place: usize, pseudo: Option<(IpAddr, IpAddr, u8)>) {
    packet[at + place..at + place + 2].fill(0);
    let body = &packet[at..];
    let mut sum = add(0, body);
    if let Some((from, to, protocol)) = pseudo {
        sum = add(add(sum, &octets(from)), &octets(to));
        sum += u32::from(protocol) + body.len() as u32;
    }
    while sum >> 16 != 0 {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    packet[at + place..at + place + 2].copy_from_slice(&(!(sum as u16)).to_be_bytes());
}

fn add(sum: u32, bytes: &[u8]) -> u32 {
    let pairs = bytes.chunks(2);
    pairs.fold(sum, |sum, pair| {
        sum + u32::from(pair[0]) * 256 + u32::from(*pair.get(1).unwrap_or(&0))
    })
}

/// An IP header; the kernel fills in the checksum and the id of IPv4.
fn envelope(from: IpAddr, to: IpAddr, protocol: u8, length: usize) -> Vec<u8> {
    let addresses = [octets(from), octets(to)].concat();
    let mut head = match from {
        IpAddr::V4(_) => {
            let total = (20 + length) as u16;
            let mut head = vec![0x45, 0, 0, 0, 0, 0, 0, 0, 64, protocol, 0, 0];
            head[2..4].copy_from_slice(&total.to_be_bytes());
            head
        }
        IpAddr::V6(_) => {
            let mut head = vec![0x60, 0, 0, 0, 0, 0, protocol, 64];
            head[4..6].copy_from_slice(&(length as u16).to_be_bytes());
            head
        }
    };
    head.extend(addresses);
    head
}

/// Answers a SYN as a host does where nobody listens.
pub(super) fn reset(syn: &[u8]) -> Option<Vec<u8>> {
    let (from, to, _, at) = header(syn)?;
    let sequence = u32::from_be_bytes(syn.get(at + 4..at + 8)?.try_into().ok()?);
    let mut packet = envelope(to, from, TCP, 20);
    let begin = packet.len();
    packet.extend(&syn[at + 2..at + 4]);
    packet.extend(&syn[at..at + 2]);
    packet.extend([0; 4]);
    packet.extend(sequence.wrapping_add(1).to_be_bytes());
    packet.extend([0x50, 0x14, 0, 0, 0, 0, 0, 0]); // RST and ACK
    seal(&mut packet, begin, 16, Some((to, from, TCP)));
    Some(packet)
}

/// Tells the sender of `packet` that it cannot arrive, in the name of `reporter`.
pub(super) fn unreachable(packet: &[u8], reporter: IpAddr, why: Unreachable) -> Option<Vec<u8>> {
    let (from, _, _, at) = header(packet)?;
    let (kind, code, most) = match (from, why) {
        (IpAddr::V4(_), Unreachable::Network) => (3, 0, at + 8),
        (IpAddr::V4(_), Unreachable::Host) => (3, 1, at + 8),
        (IpAddr::V4(_), Unreachable::Port) => (3, 3, at + 8),
        (IpAddr::V4(_), Unreachable::Forbidden) => (3, 13, at + 8),
        (IpAddr::V6(_), Unreachable::Network) => (1, 0, 1232),
        (IpAddr::V6(_), Unreachable::Host) => (1, 3, 1232),
        (IpAddr::V6(_), Unreachable::Port) => (1, 4, 1232),
        (IpAddr::V6(_), Unreachable::Forbidden) => (1, 1, 1232),
    };
    let cited = &packet[..packet.len().min(most)];
    let body = [&[kind, code, 0, 0, 0, 0, 0, 0], cited].concat();
    Some(icmp(reporter, from, &body))
}

/// The packet of a datagram that an unreachable message can cite: headers only.
pub(super) fn datagram(from: SocketAddr, to: SocketAddr) -> Vec<u8> {
    let mut packet = envelope(from.ip(), to.ip(), libc::IPPROTO_UDP as u8, 8);
    packet.extend(from.port().to_be_bytes());
    packet.extend(to.port().to_be_bytes());
    packet.extend([0, 8, 0, 0]);
    packet
}

/// An echo's answer: `message` is an ICMP echo message of either kind, whose identifier is replaced.
pub(super) fn echo_reply(from: IpAddr, to: IpAddr, id: u16, message: &[u8]) -> Option<Vec<u8>> {
    let kind = if from.is_ipv4() { 0 } else { 129 };
    let mut body = vec![kind, 0, 0, 0];
    body.extend(id.to_be_bytes());
    body.extend(message.get(6..)?);
    Some(icmp(from, to, &body))
}

fn icmp(from: IpAddr, to: IpAddr, body: &[u8]) -> Vec<u8> {
    let (protocol, pseudo) = match from {
        IpAddr::V4(_) => (libc::IPPROTO_ICMP as u8, None),
        IpAddr::V6(_) => {
            let protocol = libc::IPPROTO_ICMPV6 as u8;
            (protocol, Some((from, to, protocol)))
        }
    };
    let mut packet = envelope(from, to, protocol, body.len());
    let begin = packet.len();
    packet.extend(body);
    seal(&mut packet, begin, 2, pseudo);
    packet
}

/// Says whether a container may reach an address through the host: global and private ones, nothing that is the host's own
/// business. A container with CAP_NET_RAW can write any address into a frame, and a capture sees what the kernel would
/// refuse as a martian.
pub(super) fn is_reachable(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(a) => {
            let first = a.octets()[0];
            first != 0 && first != 127 && first < 224
        }
        IpAddr::V6(a) => {
            let is_link_local = a.segments()[0] & 0xffc0 == 0xfe80;
            let is_embedded = a.to_ipv4().is_some(); // ::, ::1, ::a.b.c.d and ::ffff:a.b.c.d
            !(a.is_multicast() || is_link_local || is_embedded)
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().expect(text)
    }

    /// One's complement sum over everything that a receiver checks; 0 when it is right.
    fn check(packet: &[u8], at: usize, protocol: Option<u8>) -> u16 {
        let (from, to, ..) = header(packet).expect("a header");
        let mut sum = add(0, &packet[at..]);
        if let Some(protocol) = protocol {
            sum = add(add(sum, &octets(from)), &octets(to));
            sum += u32::from(protocol) + (packet.len() - at) as u32;
        }
        while sum >> 16 != 0 {
            sum = (sum & 0xffff) + (sum >> 16);
        }
        !(sum as u16)
    }

    fn syn(from: &str, to: &str) -> Vec<u8> {
        let (from, to): (SocketAddr, SocketAddr) =
            (from.parse().expect(from), to.parse().expect(to));
        let mut p = envelope(from.ip(), to.ip(), TCP, 20);
        p.extend(from.port().to_be_bytes());
        p.extend(to.port().to_be_bytes());
        p.extend([0, 0, 0, 9, 0, 0, 0, 0, 0x50, 2, 1, 2, 3, 4, 5, 6]);
        p
    }

    #[test]
    fn a_syn_is_completed_and_refused() {
        for (from, to) in [
            ("10.0.0.2:40000", "1.2.3.4:80"),
            ("[fd00::2]:40000", "[2001:db8::1]:80"),
        ] {
            let packet = syn(from, to);
            let at = packet.len() - 20;
            let (from, to) = (from.parse().expect("from"), to.parse().expect("to"));
            assert_eq!(read(&packet), Some(Beginning::Connection(from, to)));
            let refusal = reset(&packet).expect("a reset");
            assert_eq!(read(&refusal), Some(Beginning::Connection(to, from)));
            assert_eq!(check(&refusal, at, Some(TCP)), 0);
            assert_eq!(refusal[at + 8..at + 12], [0, 0, 0, 10]);
        }
    }

    #[test]
    fn a_raw_sockets_datagram_loses_its_headers() {
        let udp = [0x12, 0x34, 0, 53, 0, 10, 0, 0, b'h', b'i', 0, 0]; // and padding
        assert_eq!(strip(Version::V6, &udp), Some((0x1234, &b"hi"[..])));
        let mut whole = vec![0x46];
        whole.resize(24, 0);
        whole.extend(udp);
        assert_eq!(strip(Version::V4, &whole), Some((0x1234, &b"hi"[..])));
        let too_long = [0, 1, 0, 2, 0, 99, 0, 0, b'h'];
        let too_short = [0, 1, 0, 2, 0, 7, 0, 0, b'h'];
        assert_eq!(strip(Version::V6, &too_long), None);
        assert_eq!(strip(Version::V6, &too_short), None);
    }

    #[test]
    fn what_cannot_be_reached_is_cited() {
        let packet = syn("10.0.0.2:40000", "1.2.3.4:80");
        let told = unreachable(&packet, address("10.0.0.1"), Unreachable::Host).expect("told");
        assert_eq!(told[20..22], [3, 1]);
        assert_eq!(told[28..], packet[..28]);
        assert_eq!(check(&told, 20, None), 0);
        let packet = datagram(
            "[fd00::2]:1".parse().expect("from"),
            "[2001:db8::1]:2".parse().expect("to"),
        );
        let told = unreachable(&packet, address("fd00::1"), Unreachable::Port).expect("told");
        assert_eq!(told[40..42], [1, 4]);
        assert_eq!(check(&told, 40, Some(58)), 0);
    }

    #[test]
    fn an_echo_is_answered_with_its_identifier_and_bytes() {
        let message = [8, 0, 1, 2, 3, 4, 0, 1, b'x', b'y'];
        let reply =
            echo_reply(address("1.2.3.4"), address("10.0.0.2"), 77, &message).expect("a reply");
        assert_eq!(reply[20], 0);
        assert_eq!(reply[24..30], [0, 77, 0, 1, b'x', b'y']);
        assert_eq!(check(&reply, 20, None), 0);
    }

    #[test]
    fn the_hosts_own_addresses_are_out_of_reach() {
        for (text, want) in [
            ("1.1.1.1", true),
            ("10.0.0.1", true),
            ("127.0.0.1", false),
            ("127.9.9.9", false),
            ("0.0.0.0", false),
            ("0.1.2.3", false),
            ("224.0.0.1", false),
            ("240.0.0.1", false),
            ("255.255.255.255", false),
            ("2001:db8::1", true),
            ("fd00::1", true),
            ("::1", false),
            ("::", false),
            ("::ffff:127.0.0.1", false),
            ("::ffff:1.1.1.1", false),
            ("::7f00:1", false),
            ("fe80::1", false),
            ("ff02::1", false),
        ] {
            assert_eq!(is_reachable(address(text)), want, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_packet_makes_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..128)) {
            let _ = read(&bytes);
            let _ = reset(&bytes);
            let _ = unreachable(&bytes, IpAddr::from([1, 2, 3, 4]), Unreachable::Port);
            let _ = strip(Version::V4, &bytes);
            let _ = strip(Version::V6, &bytes);
        }
    }
}
