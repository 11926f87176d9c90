//! STUN and TURN servers for clients, with TURN credentials that are good for a while.
//!
//! The server itself never speaks to them. Credentials are those of coturn's `use-auth-secret`
//! (draft-uberti-behave-turn-rest-00): an expiry time as the user name, signed with a secret that
//! both servers know.

use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use intercom_protocol::intercom::IceServer;
use intercom_settings::secret;
use secrecy::ExposeSecret;
use signaller_core::AccountName;

/// How long a TURN credential is good. A session that runs does not need it any longer.
const TTL: Duration = Duration::from_secs(12 * 3600);

/// STUN and TURN servers, as the owner set them up.
#[derive(Clone, Debug, Default)]
pub struct Ice {
    stun: Vec<String>,
    turn: Vec<String>,
    /// What the TURN server knows as `static-auth-secret`.
    turn_secret: Option<hmac::Key>,
}

/// STUN and TURN servers for one client, and how long their credentials are good.
#[derive(Clone, Debug, Default)]
pub(crate) struct IceServers {
    pub(crate) servers: Vec<IceServer>,
    /// Seconds.
    pub(crate) ttl: Option<u32>,
}

/// Why there are none.
#[derive(Debug, thiserror::Error)]
pub enum IceError {
    /// Half of what is needed.
    #[error("--turn-server needs --turn-secret-file, and the other way round")]
    Half,
    /// The secret cannot be read.
    #[error("cannot read {}: {source}", file.display())]
    Unreadable {
        /// Its file.
        file: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// There is no secret.
    #[error("{} holds no secret", .0.display())]
    Empty(PathBuf),
}

impl Ice {
    /// Reads the secret, if there is to be one.
    ///
    /// # Errors
    /// See [`IceError`].
    pub fn read(
        stun: Vec<String>,
        turn: Vec<String>,
        secret_file: Option<&Path>,
    ) -> Result<Self, IceError> {
        if turn.is_empty() != secret_file.is_none() {
            return Err(IceError::Half);
        }
        let turn_secret = secret_file.map(read_secret).transpose()?;
        Ok(Self { stun, turn, turn_secret })
    }

    /// The servers for one client; its account turns up in the TURN server's log.
    pub(crate) fn servers(&self, account: Option<&AccountName>, now: SystemTime) -> IceServers {
        let who = account.map_or("guest", AccountName::as_str);
        let mut servers = Vec::new();
        if !self.stun.is_empty() {
            servers.push(IceServer { urls: self.stun.clone(), username: None, credential: None });
        }
        let Some(secret) = self.turn_secret.as_ref().filter(|_| !self.turn.is_empty()) else {
            return IceServers { servers, ttl: None };
        };
        let expires = now.duration_since(UNIX_EPOCH).unwrap_or_default() + TTL;
        let username = format!("{}:{who}", expires.as_secs());
        let credential = BASE64.encode(hmac::sign(secret, username.as_bytes()).as_ref());
        servers.push(IceServer {
            urls: self.turn.clone(),
            username: Some(username),
            credential: Some(credential),
        });
        IceServers { servers, ttl: u32::try_from(TTL.as_secs()).ok() }
    }
}

/// `stun:HOST:PORT` (RFC 7064); GStreamer's spelling with slashes is understood as well.
pub(crate) fn stun_url(text: &str) -> Result<String, String> {
    let text = text.replacen("stun://", "stun:", 1);
    url(&text, &["stun:", "stuns:"], "stun:HOST:3478")
}

/// `turn:HOST:PORT?transport=udp` (RFC 7065).
pub(crate) fn turn_url(text: &str) -> Result<String, String> {
    url(text, &["turn:", "turns:"], "turn:HOST:3478")
}

fn url(text: &str, schemes: &[&str], example: &str) -> Result<String, String> {
    let host = schemes.iter().find_map(|scheme| text.strip_prefix(scheme));
    let is_host = |host: &str| {
        !host.is_empty() && !host.starts_with('/') && !host.contains(char::is_whitespace)
    };
    match host.filter(|host| is_host(host)) {
        Some(_) => Ok(text.to_owned()),
        None => Err(format!("such an address looks like {example}")),
    }
}

fn read_secret(file: &Path) -> Result<hmac::Key, IceError> {
    let secret = secret::from_file(file)
        .map_err(|source| IceError::Unreadable { file: file.into(), source })?;
    match secret.expose_secret().trim() {
        "" => Err(IceError::Empty(file.into())),
        secret => Ok(key(secret)),
    }
}

fn key(secret: &str) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret.as_bytes())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_credential_is_what_coturn_computes() {
        let ice = Ice {
            stun: vec!["stun:turn.lan:3478".into()],
            turn: vec!["turn:turn.lan:3478".into()],
            turn_secret: Some(key("north")),
        };
        let now = UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        let IceServers { servers, ttl } = ice.servers(AccountName::parse("ann").ok().as_ref(), now);
        assert_eq!((servers.len(), ttl), (2, Some(43_200)));
        assert_eq!(servers[1].username.as_deref(), Some("1700043200:ann"));
        // printf 1700043200:ann | openssl dgst -sha1 -hmac north -binary | base64
        assert_eq!(servers[1].credential.as_deref(), Some("Y815wedbqVOoE/qJ5d8csukTVCk="));
    }

    #[test]
    fn addresses() {
        assert!(stun_url("stun:turn.lan:3478").is_ok() && turn_url("turns:turn.lan").is_ok());
        assert_eq!(stun_url("stun://turn.lan:3478").as_deref(), Ok("stun:turn.lan:3478"));
        for text in ["", "stun:", "turn.lan:3478", "stun:///x", "turn:turn.lan"] {
            assert!(stun_url(text).is_err(), "{text}");
        }
        assert!(matches!(Ice::read(vec![], vec!["turn:x".into()], None), Err(IceError::Half)));
    }

    #[test]
    fn without_a_secret_there_is_no_turn() {
        let ice = Ice { turn: vec!["turn:turn.lan:3478".into()], ..Ice::default() };
        assert!(ice.servers(None, UNIX_EPOCH).servers.is_empty());
    }
}
