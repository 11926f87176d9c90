//! Secrets that we draw: 256 bits each, told once, and kept as their SHA-256.
//!
//! So much chance needs no slow hash, and a lookup by hash tells nobody how much of a guess is right.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rand::TryRngCore;
use rand::rngs::OsRng;
use secrecy::SecretString;
use std::io;

/// What a secret is for; its first letters say so, to people and to programs that look for secrets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    Token,
    Session,
    Resume,
    Invite,
    Ticket,
    /// Nobody is told it.
    Connection,
}

/// How every token begins.
pub(crate) const TOKEN_PREFIX: &str = "ict_";

/// A secret as it is kept.
pub(super) type Hash = Vec<u8>;

impl Purpose {
    fn prefix(self) -> &'static str {
        match self {
            Self::Token => TOKEN_PREFIX,
            Self::Session => "ics_",
            Self::Resume => "icr_",
            Self::Invite => "ici_",
            Self::Ticket => "icx_",
            Self::Connection => "icc_",
        }
    }

    /// A new one.
    pub(super) fn draw(self) -> io::Result<(SecretString, Hash)> {
        let mut bytes = [0; 32];
        OsRng.try_fill_bytes(&mut bytes).map_err(io::Error::other)?;
        let text = format!("{}{}", self.prefix(), URL_SAFE_NO_PAD.encode(bytes));
        let hash = hash(&text);
        Ok((text.into(), hash))
    }

    /// How what somebody says is kept; `None` for what cannot be one of these.
    pub(super) fn hash(self, text: &str) -> Option<Hash> {
        text.starts_with(self.prefix()).then(|| hash(text))
    }
}

fn hash(text: &str) -> Hash {
    digest(&SHA256, text.as_bytes()).as_ref().to_vec()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn a_secret_is_of_one_purpose_and_does_not_print() {
        let (secret, hash) = Purpose::Token.draw().unwrap();
        let text = secret.expose_secret();
        assert!(text.starts_with("ict_") && text.len() == 47, "{text}");
        assert_eq!(Purpose::Token.hash(text), Some(hash));
        assert_eq!(Purpose::Session.hash(text), None);
        assert!(!format!("{secret:?}").contains(&text[4..]));
        assert_ne!(Purpose::Token.draw().unwrap().0.expose_secret(), text);
    }
}
