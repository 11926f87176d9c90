//! What a client is told before it starts. Text becomes types here and is not checked again.

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use secrecy::SecretString;
use serde_json::value::RawValue;
use url::{Host, Position, Url};

use crate::error::PermanentError;
use crate::ids::PeerId;

/// More is no token; a device file has no end.
const MAX_TOKEN_FILE: u64 = 4096;

/// Everything a client needs to know.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where the server is.
    pub server: ServerUri,
    /// Whose signature on the server's certificate counts.
    pub trust: Trust,
    /// Who the client is there.
    pub login: Login,
    /// Which installation of the account it is: account and instance together have one peer id that
    /// stays the same. Without one the peer id is another at each start.
    pub instance: Option<Instance>,
    /// Whether somebody is here who can answer a call. Only then does the account's phone ring here,
    /// and only then does the client hear of calls and presence. For a client that only carries
    /// media, `false`: its account is not callable because of it.
    pub calls: bool,
    /// What the client does there.
    pub role: Role,
    /// What others see of it in lists: any JSON value, by convention an object with a `name`.
    pub meta: Option<Box<RawValue>>,
}

/// Who a client is.
///
/// With a token or a password it asks for the extension `intercom.v1`: its connection then outlives
/// its socket. A server that does not know it, a stock one, is spoken to in the stock protocol.
#[derive(Clone, Debug, Default)]
pub enum Login {
    /// Nobody in particular: what the server allows guests.
    #[default]
    Guest,
    /// A device or a program.
    Token(SecretString),
    /// A person.
    Password {
        /// The account's name.
        name: String,
        /// Its password.
        password: SecretString,
    },
}

/// One installation of an account: 1 to 64 printable characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instance(String);

/// Whose certificates are accepted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Trust {
    /// Those signed by the system's trusted authorities.
    #[default]
    System,
    /// Those signed by an authority in this PEM file, and no others.
    CaFile(PathBuf),
}

/// What a client does on the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Role {
    /// Offers media to whoever asks.
    Producer,
    /// Takes media from one producer, and again when a session has ended.
    Consumer(Target),
    /// Waits until a producer starts a session towards it; takes one at a time.
    Callee,
    /// Only hears who is there.
    Listener,
}

/// Which producer a consumer wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// The one with this id. If it is not there at the first connection, that is an error.
    PeerId(PeerId),
    /// One of the account of this name; if none of it produces, one whose meta has this `name`. The
    /// one that came last, if several do.
    Name(String),
    /// Whichever is there first.
    First,
    /// That of the other side of the call that this client holds, for as long as it does.
    Call,
}

/// A checked `ws://` or `wss://` address.
#[derive(Clone, PartialEq, Eq)]
pub struct ServerUri {
    url: Url,
    host: Host,
    port: u16,
}

impl Config {
    /// A guest with this role, who trusts the system's authorities and says nothing of itself.
    pub fn new(server: ServerUri, role: Role) -> Self {
        let (trust, login) = (Trust::default(), Login::default());
        Self { server, trust, login, instance: None, calls: false, role, meta: None }
    }
}

impl Login {
    /// Reads a token: the first line of a file.
    ///
    /// # Errors
    /// The file cannot be read, or there is none in it.
    pub fn token_file(path: &Path) -> Result<Self, PermanentError> {
        let bad = |reason: String| PermanentError::TokenFile { path: path.into(), reason };
        let mut text = String::new();
        File::open(path)
            .and_then(|file| file.take(MAX_TOKEN_FILE).read_to_string(&mut text))
            .map_err(|error| bad(format!("cannot be read: {error}")))?;
        let token = text.lines().next().unwrap_or_default().trim();
        if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(bad("its first line is not a token".into()));
        }
        Ok(Self::Token(token.into()))
    }

    /// Whether the extension is asked for.
    pub(crate) fn is_somebody(&self) -> bool {
        !matches!(self, Self::Guest)
    }
}

impl Instance {
    /// As it is written on the wire.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Instance {
    type Err = PermanentError;

    fn from_str(text: &str) -> Result<Self, PermanentError> {
        let is_printable = text.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ');
        if text.trim() == text && matches!(text.len(), 1..=64) && is_printable {
            Ok(Self(text.to_owned()))
        } else {
            Err(PermanentError::BadInstance(text.into()))
        }
    }
}

impl ServerUri {
    /// Whether the connection is encrypted.
    pub fn is_secure(&self) -> bool {
        self.url.scheme() == "wss"
    }

    /// Whether the server is on this machine.
    pub(crate) fn is_local(&self) -> bool {
        match &self.host {
            Host::Domain(name) => name == "localhost",
            Host::Ipv4(ip) => ip.is_loopback(),
            Host::Ipv6(ip) => ip.is_loopback(),
        }
    }

    /// Host and port to connect to.
    pub(crate) fn address(&self) -> (String, u16) {
        let host = match &self.host {
            Host::Domain(name) => name.clone(),
            Host::Ipv4(ip) => ip.to_string(),
            Host::Ipv6(ip) => ip.to_string(),
        };
        (host, self.port)
    }

    /// The address as it goes into the upgrade request.
    pub(crate) fn request(&self) -> &str {
        self.url.as_str()
    }
}

impl FromStr for ServerUri {
    type Err = PermanentError;

    fn from_str(text: &str) -> Result<Self, PermanentError> {
        let bad = |uri: &str, reason: &str| PermanentError::BadUri {
            uri: uri.to_owned(),
            reason: reason.to_owned(),
        };
        let mut url = Url::parse(text).map_err(|error| bad(text, &error.to_string()))?;
        if !url.username().is_empty() || url.password().is_some() {
            // Not repeated in the message: it may hold a password.
            return Err(bad("with user name", "user name and password have no place in it"));
        }
        // The rest may carry a token.
        let shown =
            if url.has_host() { url[..Position::BeforePath].to_owned() } else { text.to_owned() };
        let bad = |reason: &str| bad(&shown, reason);
        if !matches!(url.scheme(), "ws" | "wss") {
            return Err(bad("it must begin with wss:// or ws://"));
        }
        url.set_fragment(None);
        let host = url.host().ok_or_else(|| bad("it names no host"))?.to_owned();
        let port = url.port_or_known_default().ok_or_else(|| bad("it names no port"))?;
        Ok(Self { host, port, url })
    }
}

impl fmt::Display for ServerUri {
    /// Without path and query, which may carry a token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}:{}", self.url.scheme(), self.host, self.port)
    }
}

impl fmt::Debug for ServerUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ServerUri({self})")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn addresses_are_read_once() {
        for (text, host, port, secure) in [
            ("ws://127.0.0.1:9000", "127.0.0.1", 9000, false),
            ("wss://door.local", "door.local", 443, true),
            ("wss://[::1]:8443/webrtc", "::1", 8443, true),
        ] {
            let uri: ServerUri = text.parse().unwrap();
            assert_eq!(uri.address(), (host.to_owned(), port), "{text}");
            assert_eq!(uri.is_secure(), secure, "{text}");
        }
    }

    #[test]
    fn what_is_no_address_is_refused_with_a_hint() {
        for text in ["", "door.local:8443", "https://door.local:8443", "wss://", "wss://a:b@c"] {
            let error = text.parse::<ServerUri>().unwrap_err();
            assert!(error.to_string().contains("wss://HOST:PORT"), "{text}: {error}");
        }
    }

    #[test]
    fn neither_password_nor_token_is_ever_printed() {
        for text in ["wss://me:secret@host", "x://me:secret@host", "https://host/t/secret?a=secret"]
        {
            let error = text.parse::<ServerUri>().unwrap_err();
            assert!(!error.to_string().contains("secret"), "{error}");
        }
        let uri: ServerUri = "wss://host/t/secret?ticket=secret".parse().unwrap();
        assert!(!format!("{uri} {uri:?}").contains("secret"));
    }
}
