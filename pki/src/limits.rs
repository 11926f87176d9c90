//! What a CA may vouch for: the name constraints of its certificate, as a type.
//!
//! They are set once, when the CA is made, and phones that trust the CA rely on them; so the
//! defaults hold all that a home or site network uses, and nothing of the public internet.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use thiserror::Error;

use crate::name::{DnsName, Host};

/// Domains that no public registry hands out (RFC 6761, 6762, 8375, ICANN's `internal`, and
/// `lan`, which home routers use).
const DOMAINS: [&str; 5] = ["localhost", "local", "home.arpa", "internal", "lan"];

/// Loopback, RFC 1918, link-local and unique local addresses.
const RANGES: [&str; 8] = [
    "127.0.0.0/8",
    "10.0.0.0/8",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "169.254.0.0/16",
    "::1/128",
    "fe80::/10",
    "fc00::/7",
];

/// The names and addresses that a CA may vouch for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    domains: Vec<DnsName>,
    ranges: Vec<IpRange>,
}

impl Limits {
    /// What every CA of ours may vouch for: `localhost`, `local`, `home.arpa`, `internal`, `lan`,
    /// loopback, RFC 1918, link-local and unique local addresses.
    pub fn private() -> Self {
        Self {
            domains: DOMAINS.iter().filter_map(|text| text.parse().ok()).collect(),
            ranges: RANGES.iter().filter_map(|text| text.parse().ok()).collect(),
        }
    }

    /// [`Limits::private`] and the short name of this machine.
    pub fn for_this_machine() -> Self {
        match crate::machine::host_name() {
            Some(name) => Self::private().with_domain(name.short()),
            None => Self::private(),
        }
    }

    /// Allows a domain and all under it.
    #[must_use]
    pub fn with_domain(mut self, domain: DnsName) -> Self {
        if !self.allows_name(&domain) {
            self.domains.push(domain);
        }
        self
    }

    /// Allows a range of addresses.
    #[must_use]
    pub fn with_range(mut self, range: IpRange) -> Self {
        if !self.ranges.contains(&range) {
            self.ranges.push(range);
        }
        self
    }

    /// Whether a certificate of this CA may carry the name.
    pub fn allows_name(&self, name: &DnsName) -> bool {
        self.domains.iter().any(|domain| name.is_within(domain))
    }

    /// Whether a certificate of this CA may carry the address.
    pub fn allows_ip(&self, ip: IpAddr) -> bool {
        self.ranges.iter().any(|range| range.contains(ip))
    }

    /// Whether a certificate of this CA may carry the name or address.
    pub fn allows(&self, host: &Host) -> bool {
        match host {
            Host::Name(name) => self.allows_name(name),
            Host::Ip(ip) => self.allows_ip(*ip),
        }
    }

    /// The domains, each with all under it.
    pub fn domains(&self) -> &[DnsName] {
        &self.domains
    }

    /// The ranges of addresses.
    pub fn ranges(&self) -> &[IpRange] {
        &self.ranges
    }

    /// What a certificate says; an empty list allows nothing of its kind.
    pub(crate) fn from_parts(domains: Vec<DnsName>, ranges: Vec<IpRange>) -> Self {
        Self { domains, ranges }
    }
}

/// A range of addresses: an address with its host bits zero, and a prefix of 1 to 32 or 128 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct IpRange {
    address: IpAddr,
    prefix: u8,
}

impl IpRange {
    /// The range of one address.
    pub fn single(address: IpAddr) -> Self {
        let address = address.to_canonical();
        Self { address, prefix: bits(address) }
    }

    /// The first address.
    pub fn address(&self) -> IpAddr {
        self.address
    }

    /// How many leading bits all addresses of the range share.
    pub fn prefix(&self) -> u8 {
        self.prefix
    }

    /// Whether the address lies in the range; IPv4 never lies in a range of IPv6.
    pub fn contains(&self, ip: IpAddr) -> bool {
        let ip = ip.to_canonical();
        ip.is_ipv4() == self.address.is_ipv4() && zero_host_bits(ip, self.prefix) == self.address
    }

    /// From a certificate: address and mask, 4 or 16 bytes each.
    pub(crate) fn from_mask(bytes: &[u8]) -> Option<Self> {
        let (address, mask) = bytes.split_at_checked(bytes.len() / 2)?;
        let (address, mask) = (ip_from(address)?, ip_from(mask)?);
        let prefix = to_u128(mask).leading_ones().min(u32::from(bits(mask)));
        let range = Self { address, prefix: u8::try_from(prefix).ok()? };
        let all_ones = to_ip(u128::MAX, mask);
        (zero_host_bits(all_ones, range.prefix) == mask && range.contains(address)).then_some(range)
    }
}

impl fmt::Display for IpRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

impl FromStr for IpRange {
    type Err = RangeError;

    fn from_str(text: &str) -> Result<Self, RangeError> {
        let unreadable = || RangeError::NotARange(text.to_owned());
        let (address, prefix) = text.split_once('/').unwrap_or((text, ""));
        let address: IpAddr = address.parse().map_err(|_| unreadable())?;
        if address != address.to_canonical() {
            return Err(RangeError::Mapped(text.to_owned()));
        }
        let prefix = match prefix {
            "" if text.contains('/') => return Err(unreadable()),
            "" => bits(address),
            digits => digits.parse().map_err(|_| unreadable())?,
        };
        if prefix > bits(address) {
            return Err(RangeError::Prefix { text: text.to_owned(), bits: bits(address) });
        }
        if prefix == 0 {
            return Err(RangeError::Everything(text.to_owned()));
        }
        let first = zero_host_bits(address, prefix);
        if first != address {
            return Err(RangeError::HostBits { text: text.to_owned(), first, prefix });
        }
        Ok(Self { address, prefix })
    }
}

fn bits(ip: IpAddr) -> u8 {
    if ip.is_ipv4() { 32 } else { 128 }
}

fn zero_host_bits(ip: IpAddr, prefix: u8) -> IpAddr {
    let mask = u128::MAX.checked_shl(128 - u32::from(prefix)).unwrap_or(0);
    to_ip(to_u128(ip) & mask, ip)
}

/// The address in the leading bits.
fn to_u128(ip: IpAddr) -> u128 {
    match ip {
        IpAddr::V4(ip) => u128::from(ip.to_bits()) << 96,
        IpAddr::V6(ip) => ip.to_bits(),
    }
}

/// The inverse of [`to_u128`], of the same kind as `like`.
fn to_ip(value: u128, like: IpAddr) -> IpAddr {
    let bytes = value.to_be_bytes();
    match like {
        IpAddr::V4(_) => IpAddr::from([bytes[0], bytes[1], bytes[2], bytes[3]]),
        IpAddr::V6(_) => IpAddr::from(bytes),
    }
}

/// An address from the 4 or 16 bytes that certificates carry.
pub(crate) fn ip_from(bytes: &[u8]) -> Option<IpAddr> {
    match bytes.len() {
        4 => <[u8; 4]>::try_from(bytes).ok().map(IpAddr::from),
        16 => <[u8; 16]>::try_from(bytes).ok().map(IpAddr::from),
        _ => None,
    }
}

/// Text that is not an [`IpRange`].
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[allow(missing_docs)] // each says itself
pub enum RangeError {
    #[error("{0:?} is not a range of addresses such as 203.0.113.0/24 or 2001:db8::/32")]
    NotARange(String),
    #[error("{text:?} is not a range of addresses: its prefix has at most {bits} bits")]
    Prefix { text: String, bits: u8 },
    #[error("{text:?} is not a range of addresses: it begins at {first}/{prefix}")]
    HostBits { text: String, first: IpAddr, prefix: u8 },
    #[error("{0:?} is every address there is: give the ranges that you use")]
    Everything(String),
    #[error("{0:?} is IPv4 written as IPv6: write it as IPv4")]
    Mapped(String),
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn range(text: &str) -> IpRange {
        text.parse().unwrap()
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn the_private_limits_hold_every_constant() {
        let limits = Limits::private();
        assert_eq!(limits.domains().len(), DOMAINS.len());
        assert_eq!(limits.ranges().len(), RANGES.len());
    }

    #[test]
    fn private_names_and_addresses_are_allowed_and_public_ones_are_not() {
        let limits = Limits::private().with_domain("door".parse().unwrap());
        for name in ["localhost", "pi.local", "a.b.home.arpa", "x.internal", "nas.lan", "door"] {
            assert!(limits.allows_name(&name.parse().unwrap()), "{name}");
        }
        for name in ["example.com", "arpa", "notlocal", "door.example.com", "local.de"] {
            assert!(!limits.allows_name(&name.parse().unwrap()), "{name}");
        }
        for text in ["127.0.0.1", "10.255.255.255", "172.31.0.1", "192.168.0.9", "169.254.1.1"] {
            assert!(limits.allows_ip(ip(text)), "{text}");
        }
        for text in ["::1", "fe80::1", "febf::1", "fd00::1", "fc00::1", "::ffff:10.0.0.1"] {
            assert!(limits.allows_ip(ip(text)), "{text}");
        }
        for text in ["8.8.8.8", "172.32.0.1", "192.0.2.2", "::2", "fec0::1", "2001:db8::1", "::"] {
            assert!(!limits.allows_ip(ip(text)), "{text}");
        }
    }

    #[test]
    fn what_is_already_allowed_is_not_added_again() {
        let limits = Limits::private().with_domain("door.local".parse().unwrap());
        assert_eq!(limits, Limits::private());
    }

    #[test]
    fn a_range_prints_as_it_is_read() {
        for text in ["203.0.113.0/24", "2001:db8::/32", "128.0.0.0/1", "10.0.0.1/32", "::1/128"] {
            assert_eq!(range(text).to_string(), text);
        }
        assert_eq!(range("203.0.113.7").to_string(), "203.0.113.7/32");
        assert_eq!(range("2001:db8::7"), IpRange::single(ip("2001:db8::7")));
    }

    #[test]
    fn what_is_no_range_is_refused_with_its_reason() {
        for (text, reason) in [
            ("", "not a range"),
            ("10.0.0.0/", "not a range"),
            ("10.0.0/8", "not a range"),
            ("10.0.0.0/8/8", "not a range"),
            ("10.0.0.0/-1", "not a range"),
            ("10.0.0.0/33", "at most 32"),
            ("fc00::/129", "at most 128"),
            ("192.168.1.7/24", "192.168.1.0/24"),
            ("0.0.0.0/0", "every address"),
            ("::/0", "every address"),
            ("::ffff:10.0.0.0/104", "IPv4"),
        ] {
            let error = text.parse::<IpRange>().unwrap_err().to_string();
            assert!(error.contains(reason), "{text:?}: {error}");
        }
    }

    #[test]
    fn a_mask_becomes_its_prefix() {
        let bytes = [10, 0, 0, 0, 255, 0, 0, 0];
        assert_eq!(IpRange::from_mask(&bytes), Some(range("10.0.0.0/8")));
        let mut bytes = [0; 32];
        (bytes[0], bytes[16]) = (0xfc, 0xfe);
        assert_eq!(IpRange::from_mask(&bytes), Some(range("fc00::/7")));
        assert_eq!(IpRange::from_mask(&[10, 0, 0, 0, 255, 0, 255, 0]), None, "a hole in the mask");
        assert_eq!(IpRange::from_mask(&[10, 0, 0, 1, 255, 0, 0, 0]), None, "host bits");
        assert_eq!(IpRange::from_mask(&[10, 0, 0]), None, "odd length");
        assert_eq!(IpRange::from_mask(&[]), None, "nothing");
    }
}
