//! Subnets in CIDR notation, and which addresses of one may be given away.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde::{Deserialize, Serialize};

/// `172.17.0.0/16`: all bits behind the prefix are zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Subnet {
    address: IpAddr,
    prefix: u8,
}

impl Subnet {
    /// Returns the subnet that holds `address`; `None` for a prefix longer than the address.
    pub fn new(address: IpAddr, prefix: u8) -> Option<Subnet> {
        (prefix <= bits(address)).then(|| Subnet {
            address: from_number(address, number(address) & mask(address, prefix)),
            prefix,
        })
    }

    /// Returns its first address.
    pub fn address(&self) -> IpAddr {
        self.address
    }

    /// Returns the number of leading bits that its addresses share.
    pub fn prefix(&self) -> u8 {
        self.prefix
    }

    /// Says whether the address is one of it.
    pub fn contains(&self, address: IpAddr) -> bool {
        address.is_ipv4() == self.address.is_ipv4()
            && number(address) & mask(address, self.prefix) == number(self.address)
    }

    /// Says whether the two share an address.
    pub fn overlaps(&self, other: &Subnet) -> bool {
        self.contains(other.address) || other.contains(self.address)
    }

    /// Returns the `n`-th address, 0 being the subnet's own; `None` beyond the end.
    pub fn nth(&self, n: u128) -> Option<IpAddr> {
        let found = number(self.address).checked_add(n)?;
        let address = from_number(self.address, found);
        (found <= u128::MAX >> (128 - bits(self.address)) && self.contains(address))
            .then_some(address)
    }

    /// Returns the addresses that may belong to somebody: not the subnet's own, nor its broadcast address.
    pub fn hosts(&self) -> impl Iterator<Item = IpAddr> + '_ {
        (1u128..)
            .map_while(|n| self.nth(n))
            .filter(|a| !self.is_reserved(*a))
    }

    /// Says whether the address is the subnet's own or its broadcast address.
    pub fn is_reserved(&self, address: IpAddr) -> bool {
        let last = number(self.address) | !mask(self.address, self.prefix) & all(self.address);
        let free = u32::from(self.prefix) + 1 < u32::from(bits(self.address));
        address == self.address || free && self.address.is_ipv4() && number(address) == last
    }

    /// The netmask as bytes.
    pub fn mask(&self) -> Vec<u8> {
        octets(from_number(self.address, mask(self.address, self.prefix)))
    }
}

/// Returns the bytes of an address.
pub fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(a) => a.octets().to_vec(),
        IpAddr::V6(a) => a.octets().to_vec(),
    }
}

fn bits(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

fn all(address: IpAddr) -> u128 {
    u128::MAX >> (128 - bits(address))
}

fn mask(address: IpAddr, prefix: u8) -> u128 {
    let host = bits(address) - prefix;
    let low = if host == 128 {
        u128::MAX
    } else {
        (1u128 << host) - 1
    };
    all(address) & !low
}

fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(a) => u32::from(a).into(),
        IpAddr::V6(a) => a.into(),
    }
}

fn from_number(like: IpAddr, n: u128) -> IpAddr {
    match like {
        IpAddr::V4(_) => Ipv4Addr::from(n as u32).into(),
        IpAddr::V6(_) => Ipv6Addr::from(n).into(),
    }
}

impl std::str::FromStr for Subnet {
    type Err = String;

    /// Parses `address/prefix`; bits behind the prefix are cut off, as docker does. The error is Go's.
    fn from_str(text: &str) -> Result<Subnet, String> {
        let invalid = || format!("invalid CIDR address: {text}");
        let (address, prefix) = text.split_once('/').ok_or_else(invalid)?;
        if prefix.is_empty() || !prefix.bytes().all(|b| b.is_ascii_digit()) {
            return Err(invalid());
        }
        let (address, prefix) = (address.parse(), prefix.parse());
        let (Ok(address), Ok(prefix)) = (address, prefix) else {
            return Err(invalid());
        };
        Subnet::new(address, prefix).ok_or_else(invalid)
    }
}

impl TryFrom<String> for Subnet {
    type Error = String;

    fn try_from(text: String) -> Result<Subnet, String> {
        text.parse()
    }
}

impl From<Subnet> for String {
    fn from(subnet: Subnet) -> String {
        subnet.to_string()
    }
}

impl std::fmt::Display for Subnet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

/// Docker's default pools: 172.17 to 172.31 of 65,536 addresses each, then 192.168 in parts of 4,096.
pub fn pools() -> impl Iterator<Item = Subnet> {
    let large = (17..=31).map(|n| (Ipv4Addr::new(172, n, 0, 0), 16));
    let small = (0..16).map(|n| (Ipv4Addr::new(192, 168, n * 16, 0), 20));
    large
        .chain(small)
        .filter_map(|(address, prefix)| Subnet::new(address.into(), prefix))
}

/// The destinations of the routes in /proc/net/route (proc_net(5)), without that to everywhere.
pub fn routed(table: &str) -> Vec<Subnet> {
    let number = |text: &str| u32::from_str_radix(text, 16).ok();
    let route = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        // as the kernel has them: bytes in network order, read as a number of this machine
        let address = Ipv4Addr::from(number(words.get(1)?)?.to_ne_bytes());
        let mask = u32::from_be_bytes(number(words.get(7)?)?.to_ne_bytes());
        Subnet::new(address.into(), mask.leading_ones() as u8).filter(|s| s.prefix() > 0)
    };
    table.lines().skip(1).filter_map(route).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn subnet(text: &str) -> Subnet {
        text.parse().expect(text)
    }

    fn address(text: &str) -> IpAddr {
        text.parse().expect(text)
    }

    #[test]
    fn a_subnet_is_cut_to_its_prefix() {
        for (text, want) in [
            ("172.18.5.6/16", Ok("172.18.0.0/16")),
            ("10.0.0.0/8", Ok("10.0.0.0/8")),
            ("0.0.0.0/0", Ok("0.0.0.0/0")),
            ("fd00:1::5/64", Ok("fd00:1::/64")),
            ("::/0", Ok("::/0")),
            ("10.0.0.0", Err("invalid CIDR address: 10.0.0.0")),
            ("10.0.0.0/33", Err("invalid CIDR address: 10.0.0.0/33")),
            ("10.0.0.0/+8", Err("invalid CIDR address: 10.0.0.0/+8")),
            ("10.0.0/8", Err("invalid CIDR address: 10.0.0/8")),
            ("x/8", Err("invalid CIDR address: x/8")),
        ] {
            let got = text.parse::<Subnet>().map(|s| s.to_string());
            assert_eq!(got, want.map(str::to_owned).map_err(str::to_owned));
        }
    }

    #[test]
    #[cfg(target_endian = "little")]
    fn routes_are_read_as_the_kernel_tells_them() {
        let table = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n\
                     eth0\t00000000\t0163630A\t0003\t0\t0\t0\t00000000\t0\t0\t0\n\
                     docker0\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0\n\
                     tun0\t0000000A\t00000000\t0001\t0\t0\t0\t000000FF\t0\t0\t0\nodd\n";
        let found: Vec<String> = routed(table).iter().map(Subnet::to_string).collect();
        assert_eq!(found, ["172.17.0.0/16", "10.0.0.0/8"]);
    }

    #[test]
    fn addresses_are_in_or_out() {
        let s = subnet("172.17.0.0/16");
        assert!(s.contains(address("172.17.255.255")) && !s.contains(address("172.18.0.0")));
        assert!(!s.contains(address("::")));
        assert!(s.overlaps(&subnet("172.0.0.0/8")) && !s.overlaps(&subnet("172.18.0.0/16")));
        assert_eq!(s.nth(2), Some(address("172.17.0.2")));
        assert_eq!(s.nth(65_536), None);
        assert!(s.is_reserved(address("172.17.255.255")) && s.is_reserved(address("172.17.0.0")));
        let small: Vec<_> = subnet("10.0.0.0/30").hosts().collect();
        assert_eq!(small, [address("10.0.0.1"), address("10.0.0.2")]);
        assert_eq!(subnet("10.0.0.0/31").hosts().count(), 1);
        assert_eq!(subnet("fd00::/126").hosts().count(), 3);
        assert_eq!(subnet("255.255.255.0/24").hosts().count(), 254);
    }

    #[test]
    fn the_pools_are_dockers() {
        let all: Vec<_> = pools().map(|s| s.to_string()).collect();
        assert_eq!((all.len(), all[0].as_str()), (31, "172.17.0.0/16"));
        assert_eq!(all[15], "192.168.0.0/20");
        assert_eq!(all[30], "192.168.240.0/20");
    }

    proptest! {
        #[test]
        fn nothing_makes_the_parser_panic(text in "\\PC{0,40}") {
            if let Ok(s) = text.parse::<Subnet>() {
                prop_assert_eq!(s.to_string().parse::<Subnet>(), Ok(s));
                prop_assert!(s.contains(s.address()));
            }
        }
    }
}
