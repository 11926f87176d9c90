//! Names for connections, peers, sessions and calls.
//!
//! Peer, session and call ids are UUIDs of version 4 drawn from the generator that the caller seeded:
//! whoever knows one was told.

use std::fmt;
use std::sync::Arc;

use rand::rngs::StdRng;
use rand::{RngCore, SeedableRng};

/// A socket, numbered by whoever accepted it; never used again within one run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnId(pub u64);

/// What somebody logged in with, numbered by whoever keeps it: a token, a web session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CredentialId(pub i64);

/// A registered end, as others name it. Opaque text.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeerId(Arc<str>);

/// One negotiation between a producer and a consumer.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId(u128);

/// One call between two accounts.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallId(u128);

/// Characters of a UUID (RFC 9562, 4).
const LEN: usize = 36;

/// Where ids come from: cryptographically strong, so seed it from the operating system.
pub struct Rng(StdRng);

impl PeerId {
    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for PeerId {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl fmt::Display for PeerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

macro_rules! uuid {
    ($id:ident) => {
        impl $id {
            /// Reads the 36 characters that [`Display`](fmt::Display) writes; `None` for anything
            /// else, which none is called.
            pub fn parse(text: &str) -> Option<Self> {
                parse(text).map(Self)
            }
        }

        impl fmt::Display for $id {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                print(self.0, f)
            }
        }

        impl fmt::Debug for $id {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                print(self.0, f)
            }
        }
    };
}

uuid!(SessionId);
uuid!(CallId);

fn is_hyphen(index: usize) -> bool {
    matches!(index, 8 | 13 | 18 | 23)
}

fn parse(text: &str) -> Option<u128> {
    let mut value = 0_u128;
    for (index, byte) in text.bytes().enumerate() {
        match (is_hyphen(index), byte) {
            (true, b'-') => {}
            (true, _) => return None,
            (_, b'0'..=b'9') => value = value << 4 | u128::from(byte - b'0'),
            (_, b'a'..=b'f') => value = value << 4 | u128::from(byte - b'a' + 10),
            _ => return None,
        }
    }
    (text.len() == LEN).then_some(value)
}

/// Digit by digit: it is part of every message of a session, and formatting numbers shows in a profile.
fn print(bits: u128, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let mut text = [b'-'; LEN];
    let digits = text.iter_mut().enumerate().filter(|(index, _)| !is_hyphen(*index));
    for ((_, digit), shift) in digits.zip((0..u128::BITS).step_by(4).rev()) {
        *digit = b"0123456789abcdef"[(bits >> shift) as usize & 0xf];
    }
    f.write_str(std::str::from_utf8(&text).unwrap_or_default())
}

impl Rng {
    /// A generator that repeats itself for the same seed.
    pub fn from_seed(seed: [u8; 32]) -> Self {
        Self(StdRng::from_seed(seed))
    }

    pub(crate) fn peer_id(&mut self) -> PeerId {
        PeerId(self.session_id().to_string().into())
    }

    pub(crate) fn session_id(&mut self) -> SessionId {
        SessionId(self.uuid())
    }

    pub(crate) fn call_id(&mut self) -> CallId {
        CallId(self.uuid())
    }

    /// Version 4, variant 1 (RFC 9562, 5.4).
    fn uuid(&mut self) -> u128 {
        let random = u128::from(self.0.next_u64()) << 64 | u128::from(self.0.next_u64());
        let version = 0xf << 76;
        let variant = 0b11 << 62;
        random & !(version | variant) | 0x4 << 76 | 0b10 << 62
    }
}

impl fmt::Debug for Rng {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Rng") // its state would tell the ids to come
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_session_id_reads_as_it_prints() {
        let mut rng = Rng::from_seed([1; 32]);
        for _ in 0..100 {
            let id = rng.session_id();
            let text = id.to_string();
            assert_eq!(SessionId::parse(&text), Some(id));
            assert_eq!(&text[14..15], "4");
            assert!("89ab".contains(&text[19..20]));
        }
    }

    #[test]
    fn only_the_one_spelling_is_an_id() {
        let text = Rng::from_seed([1; 32]).session_id().to_string();
        for other in [
            text.to_uppercase(),
            text.replace('-', ""),
            format!("{text}0"),
            text[1..].to_owned(),
            String::new(),
            "é".repeat(18),
        ] {
            assert_eq!(SessionId::parse(&other), None, "{other}");
        }
    }
}
