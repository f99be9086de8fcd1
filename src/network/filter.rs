//! Which packets of a bridge a relay wants to see: those of its own container that begin something (classic BPF).

use std::net::IpAddr;

use crate::grammar::subnet::octets;
use crate::sys::inet::{Instruction, Version};

/// Where a jump goes.
#[derive(Clone, Copy)]
enum To {
    Next,
    Accept,
    Reject,
    /// This many instructions on.
    Skip(u8),
}

/// An instruction whose jumps have no distance yet.
struct Step(u16, To, To, u32);

const LOAD_WORD: u16 = 0x20;
const LOAD_HALF: u16 = 0x28;
const LOAD_BYTE: u16 = 0x30;
const LOAD_BYTE_BEHIND_X: u16 = 0x50;
const X_IS_HEADER_LENGTH: u16 = 0xb1;
const X_IS: u16 = 0x01;
const AND: u16 = 0x54;
const IF_EQUAL: u16 = 0x15;
const IF_SET: u16 = 0x45;
const RETURN: u16 = 0x06;
/// SKF_AD_OFF + SKF_AD_PKTTYPE: 0 is a packet to this host.
const PACKET_TYPE: u32 = (-0x1000i32 + 4) as u32;
/// SKF_NET_OFF: the network header, wherever a socket's own view begins.
const NETWORK: u32 = -0x10_0000i32 as u32;

const TCP: u32 = libc::IPPROTO_TCP as u32;

fn load(code: u16, at: u32) -> Step {
    Step(code, To::Next, To::Next, at)
}

fn must_be(value: u32) -> Step {
    Step(IF_EQUAL, To::Next, To::Reject, value)
}

/// Accepts the SYNs and the echo requests of `address` that are meant for the gateway's hardware address.
pub(super) fn beginnings_of(address: IpAddr) -> Vec<Instruction> {
    let mut steps = vec![load(LOAD_WORD, PACKET_TYPE), must_be(0)];
    steps.extend(is_from(address, 0));
    let version = Version::of(address);
    let (protocol, echo_protocol, echo, behind_header) = match version {
        Version::V4 => {
            // a first fragment or a whole packet
            steps.push(load(LOAD_HALF, 6));
            steps.push(Step(IF_SET, To::Reject, To::Next, 0x1fff));
            (9, libc::IPPROTO_ICMP, 8, load(X_IS_HEADER_LENGTH, 0))
        }
        Version::V6 => (6, libc::IPPROTO_ICMPV6, 128, load(X_IS, 40)),
    };
    steps.extend([
        behind_header,
        load(LOAD_BYTE, protocol),
        Step(IF_EQUAL, To::Skip(3), To::Next, TCP),
        must_be(echo_protocol as u32),
        load(LOAD_BYTE_BEHIND_X, 0),
        Step(IF_EQUAL, To::Accept, To::Reject, echo),
        load(LOAD_BYTE_BEHIND_X, 13),
        load(AND, 0x16),
        Step(IF_EQUAL, To::Accept, To::Reject, 0x02),
    ]);
    assemble(&steps)
}

/// Accepts the datagrams of `address` that are meant for the gateway's hardware address, on a raw socket.
pub(super) fn datagrams_of(address: IpAddr) -> Vec<Instruction> {
    let mut steps = vec![load(LOAD_WORD, PACKET_TYPE), must_be(0)];
    steps.extend(is_from(address, NETWORK));
    assemble(&steps)
}

/// Compares the source; the network header begins at `base`.
fn is_from(address: IpAddr, base: u32) -> impl Iterator<Item = Step> {
    let source = match Version::of(address) {
        Version::V4 => 12,
        Version::V6 => 8,
    };
    let words: Vec<u32> = octets(address)
        .chunks(4)
        .map(|word| word.try_into().map_or(0, u32::from_be_bytes))
        .collect();
    (0..).step_by(4).zip(words).flat_map(move |(at, word)| {
        [
            load(LOAD_WORD, base.wrapping_add(source + at)),
            must_be(word),
        ]
    })
}

/// Accepts nothing: for sockets that only send.
pub(super) fn nothing() -> Vec<Instruction> {
    vec![(RETURN, 0, 0, 0)]
}

fn assemble(steps: &[Step]) -> Vec<Instruction> {
    let end = steps.len();
    let distance = |at: usize, to: To| match to {
        To::Next => 0,
        To::Skip(n) => n,
        To::Accept => (end - at - 1) as u8,
        To::Reject => (end - at) as u8,
    };
    let steps = steps.iter().enumerate();
    let mut all: Vec<Instruction> = steps
        .map(|(at, s)| (s.0, distance(at, s.1), distance(at, s.2), s.3))
        .collect();
    all.push((RETURN, 0, 0, 0xffff));
    all.push((RETURN, 0, 0, 0));
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A BPF machine for the few instructions used here; packet type 0.
    fn run(program: &[Instruction], packet: &[u8]) -> bool {
        let (mut a, mut x, mut at) = (0u32, 0usize, 0);
        loop {
            let (code, yes, no, k) = program[at];
            at += 1;
            let byte = |i: usize| packet.get(i).copied().map(u32::from);
            let k = match k {
                PACKET_TYPE => k,
                k if k >= NETWORK => k - NETWORK,
                k => k,
            };
            let read = match code {
                LOAD_WORD if k == PACKET_TYPE => Some(0),
                LOAD_WORD => (0..4).try_fold(0, |w, i| Some(w << 8 | byte(k as usize + i)?)),
                LOAD_HALF => (0..2).try_fold(0, |w, i| Some(w << 8 | byte(k as usize + i)?)),
                LOAD_BYTE => byte(k as usize),
                LOAD_BYTE_BEHIND_X => byte(x + k as usize),
                _ => Some(a),
            };
            let Some(value) = read else { return false };
            a = value;
            match code {
                X_IS_HEADER_LENGTH => x = (packet[k as usize] & 15) as usize * 4,
                X_IS => x = k as usize,
                AND => a &= k,
                IF_EQUAL => at += usize::from(if a == k { yes } else { no }),
                IF_SET => at += usize::from(if a & k != 0 { yes } else { no }),
                RETURN => return k != 0,
                _ => {}
            }
        }
    }

    fn v4(source: [u8; 4], protocol: u8, transport: &[u8]) -> Vec<u8> {
        let mut p = vec![0; 20];
        p[0] = 0x45;
        p[9] = protocol;
        p[12..16].copy_from_slice(&source);
        p.extend(transport);
        p
    }

    fn tcp(flags: u8) -> Vec<u8> {
        let mut t = vec![0; 20];
        t[13] = flags;
        t
    }

    #[test]
    fn only_what_begins_something_is_seen() {
        let own = [10, 0, 0, 2];
        let program = beginnings_of(IpAddr::from(own));
        let mut fragment = v4(own, 6, &tcp(2));
        fragment[7] = 1;
        for (packet, want) in [
            (v4(own, 6, &tcp(0x02)), true),
            (v4(own, 6, &tcp(0xc2)), true), // with ECN
            (v4(own, 6, &tcp(0x12)), false),
            (v4(own, 6, &tcp(0x10)), false),
            (v4(own, 6, &tcp(0x06)), false),
            (v4([10, 0, 0, 3], 6, &tcp(0x02)), false),
            (v4(own, 17, &[0; 8]), false),
            (v4(own, 1, &[8, 0, 0, 0]), true),
            (v4(own, 1, &[0, 0, 0, 0]), false),
            (fragment, false),
            (v4(own, 6, &[0; 4]), false),
            (vec![0x45], false),
        ] {
            assert_eq!(run(&program, &packet), want, "{packet:?}");
        }
    }

    #[test]
    fn a_raw_socket_sees_its_own_containers_datagrams() {
        let own = [10, 0, 0, 2];
        let program = datagrams_of(IpAddr::from(own));
        assert!(run(&program, &v4(own, 17, &[0; 8])));
        assert!(!run(&program, &v4([10, 0, 0, 3], 17, &[0; 8])));
        assert!(program.len() < 8, "one comparison for IPv4");
    }

    #[test]
    fn the_same_for_ipv6() {
        let own: IpAddr = "fd00::2".parse().expect("address");
        let program = beginnings_of(own);
        let packet = |source: &str, next: u8, transport: &[u8]| {
            let mut p = vec![0; 40];
            p[0] = 0x60;
            p[6] = next;
            p[8..24].copy_from_slice(&octets(source.parse().expect("address")));
            p.extend(transport);
            p
        };
        assert!(run(&program, &packet("fd00::2", 6, &tcp(2))));
        assert!(run(&program, &packet("fd00::2", 58, &[128, 0])));
        assert!(!run(&program, &packet("fd00::2", 58, &[135, 0])));
        assert!(!run(&program, &packet("fd00::3", 6, &tcp(2))));
    }
}
