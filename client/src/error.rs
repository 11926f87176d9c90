//! What can go wrong, sorted by who must act: [`PermanentError`] the owner, [`Lost`] nobody, the
//! client tries again.

use std::path::PathBuf;

/// What trying again cannot mend. The text is one sentence that says what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PermanentError {
    /// The server's address is not one.
    #[error("bad server address {uri:?}: {reason}; write it as wss://HOST:PORT")]
    BadUri {
        /// What was given.
        uri: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The CA file cannot be read or has no certificate in it.
    #[error("CA file {path:?}: {reason}")]
    CaFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// No CA file was given and the system has no trusted roots.
    #[error("this system has no trusted certificates: install ca-certificates or give a CA file")]
    NoSystemRoots,
    /// The server's certificate cannot be verified.
    #[error("the server's certificate is not accepted: {0}")]
    CertificateInvalid(String),
    /// The server refused the upgrade with 401 or 403.
    #[error("the server refuses this client ({status}): {details}")]
    Refused {
        /// 401 or 403.
        status: u16,
        /// The server's own sentence.
        details: String,
    },
    /// The server does not let this client in.
    #[error("the server does not let this client in ({code}): {details}")]
    NotAdmitted {
        /// The server's word for programs, such as `badLogin`.
        code: String,
        /// The server's own sentence.
        details: String,
    },
    /// The server does not take this client as a producer.
    #[error("the server does not take this producer: {0}")]
    NotRegistered(String),
    /// The server let this client in, and closed the connection for good.
    #[error("the server has closed this connection for good: {0}")]
    Dismissed(String),
    /// A name and a password were given, and the server knows no accounts.
    #[error("this server does not know logins by name and password: it is no intercom-signaller")]
    NoLogins,
    /// A token or password must not travel in the clear.
    #[error("a token or password would be sent unencrypted to {0}; use wss://")]
    Unencrypted(String),
    /// The token cannot be one.
    #[error("the token is not one: it has spaces or other characters that none has")]
    BadToken,
    /// The file with the token cannot be used.
    #[error("token file {path:?}: {reason}")]
    TokenFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The instance cannot be one.
    #[error("bad instance {0:?}: it has 1 to 64 printable characters")]
    BadInstance(String),
    /// The wanted peer is not on the server.
    #[error("no producer has the peer id {0:?}")]
    UnknownPeer(String),
}

/// Why a connection was lost or not made. The client tries again by itself.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Lost {
    /// No TCP connection, or it broke.
    #[error("{0}")]
    Network(String),
    /// TLS failed for another reason than an unverifiable certificate.
    #[error("TLS: {0}")]
    Tls(String),
    /// The server's certificate is not valid yet: a clock that is not set yet looks like this.
    #[error("the server's certificate is not valid yet: is this machine's clock set?")]
    ClockBehind,
    /// The upgrade was answered with this HTTP status.
    #[error("the server answers with HTTP status {0}: is it a signaller, and the path right?")]
    Http(u16),
    /// The server lets nobody in just now, in its own words.
    #[error("the server lets nobody in just now: {0}")]
    NotNow(String),
    /// Not a WebSocket, or not our protocol on it.
    #[error("protocol: {0}")]
    Protocol(String),
    /// No connection within the deadline.
    #[error("no connection within {} s", .0.as_secs())]
    ConnectTimeout(std::time::Duration),
    /// Nothing heard, not even the answer to a ping.
    #[error("the server has gone silent")]
    Silent,
    /// The server closed the connection.
    #[error("closed by the server ({code}{}{reason})", if .reason.is_empty() { "" } else { ": " })]
    Closed {
        /// The WebSocket close code; 1005 if none was given.
        code: u16,
        /// The server's own words, maybe empty.
        reason: String,
    },
}

impl Lost {
    /// The server said that it is about to come back (going away 1001, service restart 1012).
    pub(crate) fn is_restart(&self) -> bool {
        matches!(self, Self::Closed { code: 1001 | 1012, .. })
    }
}
