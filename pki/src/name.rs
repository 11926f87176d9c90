//! What a certificate can stand for: a DNS name, an IP address, or either.
//!
//! Text becomes a type here and is not checked again further in. No policy: what a CA may vouch
//! for is the business of [`crate::limits`].

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use thiserror::Error;

/// A DNS name: ASCII, lower case, no trailing dot, no wildcard.
///
/// At most 253 bytes in labels of 1 to 63 letters, digits and inner hyphens (RFC 1123, section
/// 2.1); the last label is not all digits, so that no address passes for a name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DnsName(String);

impl DnsName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether `self` is `domain` or lies under it: the rule of RFC 5280, section 4.2.1.10.
    pub fn is_within(&self, domain: &Self) -> bool {
        let Some(front) = self.0.strip_suffix(&domain.0) else { return false };
        front.is_empty() || front.ends_with('.')
    }

    /// The first label alone: `door` of `door.example.org`.
    pub fn short(&self) -> Self {
        // An all-digit first label cannot stand alone as a name; the whole name can.
        self.0
            .split('.')
            .next()
            .and_then(|label| label.parse().ok())
            .unwrap_or_else(|| self.clone())
    }
}

impl fmt::Display for DnsName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for DnsName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let refuse = |reason| Err(NameError { text: text.to_owned(), reason });
        let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
        if name.is_empty() {
            return refuse(NameFault::Empty);
        }
        if name.parse::<IpAddr>().is_ok() {
            return refuse(NameFault::Address);
        }
        if !name.is_ascii() {
            return refuse(NameFault::NotAscii);
        }
        if name.contains('*') {
            return refuse(NameFault::Wildcard);
        }
        if name.len() > 253 || name.split('.').any(|label| !(1..=63).contains(&label.len())) {
            return refuse(NameFault::Length);
        }
        if !name.split('.').all(is_host_label) {
            return refuse(NameFault::Characters);
        }
        let last = name.rsplit('.').next().unwrap_or_default();
        if last.bytes().all(|b| b.is_ascii_digit()) {
            return refuse(NameFault::Digits);
        }
        Ok(Self(name))
    }
}

fn is_host_label(label: &str) -> bool {
    let inner = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
    label.bytes().all(inner) && !label.starts_with('-') && !label.ends_with('-')
}

/// Text that is not a [`DnsName`].
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{text:?} is not a DNS name: {reason}")]
pub struct NameError {
    text: String,
    reason: NameFault,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
enum NameFault {
    #[error("it is empty")]
    Empty,
    #[error("it is an IP address, which goes to --ip or --ip-range")]
    Address,
    #[error("write it in its ASCII form (xn--…)")]
    NotAscii,
    #[error("wildcards are not supported, give each name by itself")]
    Wildcard,
    #[error("a label has 1 to 63 characters, all together at most 253")]
    Length,
    #[error("a label has only letters, digits and hyphens, none of them at its ends")]
    Characters,
    #[error("its last label cannot be all digits")]
    Digits,
}

/// What a certificate names: one entry of its subjectAltName.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Host {
    /// A name.
    Name(DnsName),
    /// An address.
    Ip(IpAddr),
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => name.fmt(f),
            Self::Ip(ip) => ip.fmt(f),
        }
    }
}

/// An IP address from text; IPv4 written as IPv6 (`::ffff:…`) becomes IPv4.
///
/// # Errors
///
/// Anything else, with a hint for zones (`%eth0`) and ranges.
pub fn parse_ip(text: &str) -> Result<IpAddr, IpError> {
    if text.contains('%') {
        return Err(IpError::Zone(text.to_owned()));
    }
    if text.contains('/') {
        return Err(IpError::Range(text.to_owned()));
    }
    let ip: IpAddr = text.parse().map_err(|_| IpError::NotAnAddress(text.to_owned()))?;
    Ok(ip.to_canonical())
}

/// Text that is not an IP address.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[allow(missing_docs)] // each says itself
pub enum IpError {
    #[error("{0:?} is not an IP address such as 192.168.1.20 or fd00::20")]
    NotAnAddress(String),
    #[error("{0:?} is not an IP address: leave out the zone from % on")]
    Zone(String),
    #[error("{0:?} is a range, and a certificate names single addresses")]
    Range(String),
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn name(text: &str) -> DnsName {
        text.parse().unwrap()
    }

    #[test]
    fn a_name_is_lower_case_without_its_last_dot() {
        assert_eq!(name("Door.Example.ORG.").as_str(), "door.example.org");
        assert_eq!(name("xn--tr-xka.local").as_str(), "xn--tr-xka.local");
        assert_eq!(name("7-zip.local").as_str(), "7-zip.local");
    }

    #[test]
    fn what_is_no_name_is_refused_with_its_reason() {
        let long_label = "a".repeat(64);
        let long_name = ["a".repeat(60).as_str(); 5].join(".");
        for (text, reason) in [
            ("", "empty"),
            (".", "empty"),
            ("192.168.1.1", "--ip"),
            ("::1", "--ip"),
            ("tür.local", "xn--"),
            ("*.local", "wildcards"),
            ("a..b", "1 to 63"),
            (long_label.as_str(), "1 to 63"),
            (long_name.as_str(), "253"),
            ("my_host", "only letters"),
            ("-door.local", "only letters"),
            ("door-.local", "only letters"),
            ("door local", "only letters"),
            ("door\n.local", "only letters"),
            ("https://door", "only letters"),
            ("300.300.300.300", "all digits"),
        ] {
            let error = text.parse::<DnsName>().unwrap_err().to_string();
            assert!(error.contains(reason), "{text:?}: {error}");
            assert!(!error.contains('\n'), "one line: {error:?}");
        }
    }

    #[test]
    fn a_domain_holds_itself_and_what_is_under_it() {
        assert!(name("local").is_within(&name("local")));
        assert!(name("a.b.local").is_within(&name("local")));
        assert!(!name("notlocal").is_within(&name("local")));
        assert!(!name("local").is_within(&name("a.local")));
        assert!(!name("local.example.com").is_within(&name("local")));
    }

    #[test]
    fn the_short_name_is_the_first_label() {
        assert_eq!(name("door.example.org").short(), name("door"));
        assert_eq!(name("door").short(), name("door"));
        assert_eq!(name("12.example.org").short(), name("12.example.org"));
    }

    #[test]
    fn addresses_are_canonical_and_single() {
        assert_eq!(parse_ip("::ffff:10.0.0.1").unwrap(), IpAddr::from([10, 0, 0, 1]));
        assert!(parse_ip("fe80::1%eth0").unwrap_err().to_string().contains("zone"));
        assert!(parse_ip("10.0.0.0/8").unwrap_err().to_string().contains("range"));
        assert!(parse_ip("10.0.0").unwrap_err().to_string().contains("not an IP address"));
    }
}
