//! Through which doors a WebSocket may come, and what it may do without a login. A pure function of
//! the request's head.
//!
//! Keeps other web sites out of a browser's reach by the Origin check. Fails closed. Who somebody
//! is, is found out behind it.

use axum::http::{HeaderMap, StatusCode, header};
use signaller_core::Access;
use url::Url;

use crate::link::{Link, Page, Side, Visit};

/// What those without a login may do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Level {
    /// Nothing
    #[default]
    Deny,
    /// List, listen, consume
    Watch,
    /// Produce as well
    Full,
}

/// What the server's owner allows.
#[derive(Clone, Debug, Default)]
pub(crate) struct Policy {
    pub(crate) anonymous: Level,
    pub(crate) local_peers: Level,
    /// Besides our own.
    pub(crate) allowed_origins: Vec<url::Origin>,
}

/// What comes of an upgrade request.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// This much without a login, or why nothing.
    Guest(Result<Access, &'static str>),
    /// Plain text on the main port is for local peers; others belong on its TLS side.
    BelongsOnTls,
    Refuse(StatusCode, &'static str),
}

const ANONYMOUS_DENIED: &str = "This server admits nobody without a login; \
     start it with --anonymous watch or --anonymous full to change that.";
const LOCAL_PEERS_DENIED: &str = "This server admits no local peers without a login; \
     start it with --local-peers watch or --local-peers full to change that.";
pub(super) const FOREIGN_ORIGIN: &str = "Pages of this origin may not connect: \
     start the server with --allowed-origin ORIGIN to change that.";

impl Policy {
    /// Decides on one upgrade request.
    pub(crate) fn judge(&self, link: Link, headers: &HeaderMap) -> Verdict {
        if link.side == Side::MainPlain {
            if !is_local_peer(link, headers) {
                return Verdict::BelongsOnTls;
            }
            return admit(self.local_peers, LOCAL_PEERS_DENIED);
        }
        if !self.origin_passes(link, headers) {
            return Verdict::Refuse(StatusCode::FORBIDDEN, FOREIGN_ORIGIN);
        }
        admit(self.anonymous, ANONYMOUS_DENIED)
    }

    /// What is to be known of a request that is no upgrade. Who comes through a proxy may come from
    /// anywhere, and not every proxy says that it is one.
    pub(crate) fn visit(&self, link: Link, headers: &HeaderMap) -> Visit {
        let page = match headers.contains_key(header::ORIGIN) {
            _ if !self.origin_passes(link, headers) => Page::Foreign,
            true => Page::Allowed,
            false => Page::Unknown,
        };
        let guests = self.anonymous.access();
        let is_local = link.side != Side::Plain && is_local_peer(link, headers);
        Visit { link, page, guests, is_local }
    }

    /// Whether cookies count. A request without an Origin, which no page makes, cannot be told from
    /// one that a page was made to send.
    pub(crate) fn takes_cookies(link: Link, headers: &HeaderMap) -> bool {
        link.side != Side::MainPlain && headers.contains_key(header::ORIGIN)
    }

    /// No Origin, our own, or one that the owner listed.
    pub(super) fn origin_passes(&self, link: Link, headers: &HeaderMap) -> bool {
        let mut origins = headers.get_all(header::ORIGIN).iter();
        let Some(origin) = origins.next() else { return true };
        let Some(origin) = origin.to_str().ok().and_then(|text| Url::parse(text).ok()) else {
            return false;
        };
        let origin = origin.origin();
        let is_ours = || own_origin(link, headers).is_some_and(|own| own == origin);
        origins.next().is_none()
            && origin.is_tuple()
            && (self.allowed_origins.contains(&origin) || is_ours())
    }
}

impl Level {
    fn access(self) -> Option<Access> {
        match self {
            Self::Deny => None,
            Self::Watch => Some(Access::Watch),
            Self::Full => Some(Access::Full),
        }
    }
}

fn admit(level: Level, denied: &'static str) -> Verdict {
    Verdict::Guest(level.access().ok_or(denied))
}

fn is_local_peer(link: Link, headers: &HeaderMap) -> bool {
    is_of_this_machine(link, headers) && !headers.contains_key(header::ORIGIN)
}

/// Both ends are, and no proxy says that it is in between.
pub(super) fn is_of_this_machine(link: Link, headers: &HeaderMap) -> bool {
    link.local.is_loopback()
        && link.remote.is_loopback()
        && !headers.keys().any(|name| is_of_a_proxy(name.as_str()))
}

/// Behind a proxy every client seems to be local.
fn is_of_a_proxy(header: &str) -> bool {
    header.starts_with("x-forwarded-") || ["forwarded", "x-real-ip", "via"].contains(&header)
}

fn own_origin(link: Link, headers: &HeaderMap) -> Option<url::Origin> {
    let host = headers.get(header::HOST)?.to_str().ok()?;
    let own = Url::parse(&format!("{}://{host}", link.side.scheme())).ok()?;
    // Without a certificate a name proves nothing: a foreign page's name may lead here as well.
    let is_believed = link.side == Side::Tls
        || own.host().is_some_and(|host| match host {
            url::Host::Domain(name) => name == "localhost",
            url::Host::Ipv4(_) | url::Host::Ipv6(_) => true,
        });
    is_believed.then(|| own.origin())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const LAN: &str = "192.168.1.7";

    fn judge(policy: &Policy, side: Side, remote: &str, head: &[(&'static str, &str)]) -> Verdict {
        let mut headers = HeaderMap::new();
        for (name, value) in head {
            headers.append(*name, value.parse().unwrap());
        }
        let local = if remote == LAN { LAN } else { "127.0.0.1" };
        let link = Link { side, local: local.parse().unwrap(), remote: remote.parse().unwrap() };
        policy.judge(link, &headers)
    }

    fn open() -> Policy {
        Policy {
            anonymous: Level::Full,
            local_peers: Level::Full,
            allowed_origins: vec![Url::parse("https://pages.example").unwrap().origin()],
        }
    }

    #[test]
    fn a_visit_knows_its_page_and_whether_it_is_local() {
        let visit = |side, remote: &str, head: &[(&'static str, &str)]| {
            let headers = head.iter().map(|(name, value)| {
                (header::HeaderName::from_static(name), value.parse().unwrap())
            });
            let remote = remote.parse().unwrap();
            open().visit(Link { side, local: remote, remote }, &headers.collect())
        };
        let host = ("host", "door.local");
        for (origin, page) in [
            ("https://door.local", Page::Allowed),
            ("https://pages.example", Page::Allowed),
            ("https://evil.example", Page::Foreign),
        ] {
            assert_eq!(visit(Side::Tls, LAN, &[host, ("origin", origin)]).page, page, "{origin}");
        }
        assert_eq!(visit(Side::Tls, LAN, &[host]).page, Page::Unknown);
        assert!(visit(Side::Tls, "::1", &[host]).is_local);
        assert!(!visit(Side::Tls, "::1", &[host, ("x-forwarded-for", "::1")]).is_local);
        assert!(!visit(Side::Tls, LAN, &[host]).is_local);
        assert!(!visit(Side::Plain, "::1", &[host]).is_local);
    }

    fn is_forbidden(verdict: &Verdict) -> bool {
        matches!(verdict, Verdict::Refuse(StatusCode::FORBIDDEN, _))
    }

    #[test]
    fn nobody_is_admitted_unless_the_owner_says_so() {
        let closed = Policy::default();
        for (side, flag) in [
            (Side::Tls, "--anonymous"),
            (Side::Plain, "--anonymous"),
            (Side::MainPlain, "--local-peers"),
        ] {
            let Verdict::Guest(Err(words)) = judge(&closed, side, "127.0.0.1", &[]) else {
                panic!("{side:?} admits")
            };
            assert!(words.contains(flag), "{words}");
        }
    }

    #[test]
    fn levels_become_access() {
        let watch = Policy { anonymous: Level::Watch, ..Policy::default() };
        assert_eq!(judge(&watch, Side::Tls, LAN, &[]), Verdict::Guest(Ok(Access::Watch)));
        assert_eq!(judge(&open(), Side::Tls, LAN, &[]), Verdict::Guest(Ok(Access::Full)));
    }

    #[test]
    fn plain_text_on_the_main_port_is_for_local_peers_only() {
        let local = judge(&open(), Side::MainPlain, "127.0.0.1", &[]);
        assert_eq!(local, Verdict::Guest(Ok(Access::Full)));
        assert_eq!(judge(&open(), Side::MainPlain, "::1", &[]), Verdict::Guest(Ok(Access::Full)));
        assert_eq!(judge(&open(), Side::MainPlain, LAN, &[]), Verdict::BelongsOnTls);
        for name in
            ["forwarded", "x-forwarded-for", "x-forwarded-server", "x-real-ip", "via", "origin"]
        {
            let verdict = judge(&open(), Side::MainPlain, "127.0.0.1", &[(name, "http://x")]);
            assert_eq!(verdict, Verdict::BelongsOnTls, "{name}");
        }
    }

    #[test]
    fn pages_of_our_own_origin_may_connect() {
        for (side, host, origin) in [
            (Side::Tls, "door.local:8443", "https://door.local:8443"),
            (Side::Tls, "door.local", "https://door.local:443"),
            (Side::Tls, "[::1]:8443", "https://[::1]:8443"),
            (Side::Tls, "Door.Local:8443", "https://door.local:8443"),
            (Side::Plain, "127.0.0.1:9000", "http://127.0.0.1:9000"),
            (Side::Tls, "door.local:8443", "https://pages.example"),
        ] {
            let verdict = judge(&open(), side, LAN, &[("host", host), ("origin", origin)]);
            assert_eq!(verdict, Verdict::Guest(Ok(Access::Full)), "{host} {origin}");
        }
    }

    #[test]
    fn pages_of_other_origins_may_not() {
        for (side, host, origin) in [
            (Side::Tls, "door.local:8443", "https://evil.example"),
            (Side::Tls, "door.local:8443", "http://door.local:8443"),
            (Side::Tls, "door.local:8443", "https://door.local"),
            (Side::Tls, "door.local:8443", "https://door.local:8444"),
            (Side::Tls, "door.local:8443", "null"),
            (Side::Tls, "door.local:8443", ""),
            (Side::Tls, "door.local:8443", "file:///etc/passwd"),
            (Side::Plain, "127.0.0.1:9000", "https://127.0.0.1:9000"),
            (Side::Plain, "evil.example:9000", "http://evil.example:9000"),
            (Side::Tls, "", "https://door.local:8443"),
        ] {
            let verdict = judge(&open(), side, LAN, &[("host", host), ("origin", origin)]);
            assert!(is_forbidden(&verdict), "{host} {origin}");
        }
        let twice = [
            ("host", "door.local"),
            ("origin", "https://door.local"),
            ("origin", "https://evil.example"),
        ];
        assert!(is_forbidden(&judge(&open(), Side::Tls, LAN, &twice)));
    }
}
