//! `intercom://HOST[:PORT]/NAME`: a producer by one line, for `playbin3` and its like.

use percent_encoding::percent_decode_str;
use url::Url;

/// The signaller's own.
const DEFAULT_PORT: u16 = 8443;

/// Over TLS.
pub(super) const SECURE: &str = "intercom";
/// In the clear, for a server on the same machine.
pub(super) const PLAIN: &str = "intercom+ws";

/// Where a producer is, and which.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct IntercomUri {
    /// `wss://HOST:PORT` or `ws://HOST:PORT`.
    pub(super) server: String,
    /// Account or name; without it and `peer_id`, whichever is there first.
    pub(super) peer: Option<String>,
    pub(super) peer_id: Option<String>,
}

/// Why an address cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}; write it as intercom://HOST/NAME or intercom+ws://127.0.0.1/NAME")]
pub(super) struct UriError(String);

impl IntercomUri {
    /// Whether a text is meant to be one.
    pub(super) fn is_meant(text: &str) -> bool {
        let scheme = text.split_once(':').map(|(scheme, _)| scheme);
        scheme.is_some_and(|scheme| [SECURE, PLAIN].contains(&scheme))
    }
}

impl std::str::FromStr for IntercomUri {
    type Err = UriError;

    fn from_str(text: &str) -> Result<Self, UriError> {
        let bad = |reason: &str| UriError(reason.to_owned());
        let url = Url::parse(text).map_err(|error| UriError(error.to_string()))?;
        let scheme = match url.scheme() {
            SECURE => "wss",
            PLAIN => "ws",
            _ => return Err(bad("it begins with neither")),
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err(bad("user name and password have no place in it"));
        }
        let host = url.host_str().filter(|host| !host.is_empty());
        let host = host.ok_or_else(|| bad("it names no host"))?;
        let port = url.port().unwrap_or(DEFAULT_PORT);
        let peer = percent_decode_str(url.path().trim_start_matches('/')).decode_utf8();
        let peer = peer.map_err(|_| bad("its name is not UTF-8"))?;
        let mut peer_id = None;
        for (key, value) in url.query_pairs() {
            match &*key {
                "peer-id" => peer_id = Some(value.into_owned()),
                _ => return Err(bad("it has a parameter other than peer-id")),
            }
        }
        let peer = (!peer.is_empty()).then(|| peer.into_owned());
        Ok(Self { server: format!("{scheme}://{host}:{port}"), peer, peer_id })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_producer_is_found_by_its_address() {
        for (text, server, peer, peer_id) in [
            ("intercom://door.local/door", "wss://door.local:8443", Some("door"), None),
            ("intercom://h:9000/front%20door", "wss://h:9000", Some("front door"), None),
            ("intercom://h", "wss://h:8443", None, None),
            ("intercom://h/?peer-id=a%2Fb", "wss://h:8443", None, Some("a/b")),
            ("intercom+ws://[::1]:1/x", "ws://[::1]:1", Some("x"), None),
        ] {
            assert!(IntercomUri::is_meant(text), "{text}");
            let found: IntercomUri = text.parse().unwrap();
            assert_eq!(found.server, server, "{text}");
            assert_eq!((found.peer.as_deref(), found.peer_id.as_deref()), (peer, peer_id));
        }
    }

    #[test]
    fn what_is_no_address_is_refused_with_a_hint() {
        for text in [
            "",
            "door",
            "intercom:",
            "intercom:///door",
            "intercom://me:secret@host/door",
            "intercom://host/door?token=secret",
            "intercom://host/%ff",
            "wss://host/door",
        ] {
            let error = text.parse::<IntercomUri>().unwrap_err().to_string();
            assert!(error.contains("intercom://HOST/NAME"), "{text}: {error}");
            assert!(!error.contains("secret"), "{error}");
        }
    }
}
