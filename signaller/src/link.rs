//! Where a request came in: what the listener knows of it and every answer may depend on.

use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use signaller_core::Access;

/// Which of our doors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// TLS on the main port.
    Tls,
    /// Plain text on the main port.
    MainPlain,
    /// The listener of `--plain`.
    Plain,
}

impl Side {
    /// The scheme under which a browser reached it.
    pub(crate) fn scheme(self) -> &'static str {
        match self {
            Self::Tls => "https",
            Self::MainPlain | Self::Plain => "http",
        }
    }
}

/// Both ends of a socket. IPv4 addresses are IPv4 addresses, also on a dual-stack listener.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Link {
    pub(crate) side: Side,
    pub(crate) local: IpAddr,
    pub(crate) remote: IpAddr,
}

/// How a connection came in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Way {
    pub(crate) remote: IpAddr,
    pub(crate) is_encrypted: bool,
    /// What it speaks, as the API calls it.
    pub(crate) protocol: &'static str,
    pub(crate) since: Instant,
}

/// A request that is no upgrade, as its door sees it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Visit {
    pub(crate) link: Link,
    pub(crate) page: Page,
    /// What those without a login may do.
    pub(crate) guests: Option<Access>,
    /// It is surely from a program of this machine.
    pub(crate) is_local: bool,
}

/// Which page made a browser send a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Page {
    /// None, or one of which the browser does not tell.
    Unknown,
    /// Ours, or one that the owner listed.
    Allowed,
    /// Somebody else's.
    Foreign,
}

impl Link {
    pub(crate) fn new(side: Side, local: SocketAddr, remote: SocketAddr) -> Self {
        Self { side, local: local.ip().to_canonical(), remote: remote.ip().to_canonical() }
    }

    /// What becomes of it with an upgrade.
    pub(crate) fn way(self, protocol: &'static str) -> Way {
        let is_encrypted = self.side == Side::Tls;
        Way { remote: self.remote, is_encrypted, protocol, since: Instant::now() }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn mapped_addresses_are_canonical() {
        let mapped: SocketAddr = "[::ffff:192.168.1.7]:5000".parse().unwrap();
        let link = Link::new(Side::Tls, mapped, "[::1]:1".parse().unwrap());
        assert_eq!(link.local, "192.168.1.7".parse::<IpAddr>().unwrap());
        assert_eq!(link.remote, "::1".parse::<IpAddr>().unwrap());
    }
}
