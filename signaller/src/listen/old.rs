//! Doors of dialects that have no login on the wire: who may come through, and as whom.
//!
//! A pure function of the request's head and of what the server's owner chose; all of them are shut
//! unless he did. Which token is good, the gate says.

use std::fmt;
use std::str::FromStr;

use axum::http::{HeaderMap, StatusCode};
use signaller_core::{Access, AccountName};

use super::admission::{FOREIGN_ORIGIN, Policy, is_of_this_machine};
use crate::link::{Link, Side};

/// A dialect without a login.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Old {
    /// HELLO, SESSION, ROOM.
    Simple,
    /// One browser, one program.
    Relay,
}

/// As whom its clients come in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum OldLogin {
    /// Not at all.
    #[default]
    Off,
    /// As guests that may do everything, if they run on this machine.
    Local,
    /// As the account whose token is in the path or in the query.
    Token,
    /// As this account, all of them.
    Account(AccountName),
}

/// How one of them is served.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OldDoor {
    /// As whom its clients come in.
    pub login: OldLogin,
    /// Whether its own port takes plain text from other machines.
    pub plain: bool,
}

/// All of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct OldDoors {
    pub(crate) simple: OldDoor,
    pub(crate) relay: OldDoor,
}

/// Where somebody knocked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Port {
    /// On a path of the main port, or of the one without TLS.
    Shared,
    /// On one that speaks nothing else.
    Own,
}

/// What comes of an upgrade request.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// As whom without a token, or why not.
    Enter(Result<As, String>),
    /// Plain text on the main port, from somewhere else.
    BelongsOnTls,
    Refuse(StatusCode, String),
}

/// As whom somebody comes in who shows nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum As {
    Guest(Access),
    Account(AccountName),
}

impl Old {
    /// Which one a path of the main port leads to, and what follows its name.
    pub(crate) fn at(path: &str) -> Option<(Self, &str)> {
        [Self::Simple, Self::Relay].into_iter().find_map(|old| {
            let rest = path.strip_prefix('/')?.strip_prefix(old.name())?;
            (rest.is_empty() || rest.starts_with('/')).then_some((old, rest))
        })
    }

    /// As its flags and its path have it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Simple => "simple",
            Self::Relay => "relay",
        }
    }
}

impl OldDoors {
    pub(crate) fn door(&self, old: Old) -> &OldDoor {
        match old {
            Old::Simple => &self.simple,
            Old::Relay => &self.relay,
        }
    }

    /// Decides on one upgrade request. `policy` knows which pages may connect.
    pub(crate) fn judge(
        &self,
        old: Old,
        port: Port,
        policy: &Policy,
        link: Link,
        headers: &HeaderMap,
    ) -> Verdict {
        let (door, name) = (self.door(old), old.name());
        let is_local = is_of_this_machine(link, headers);
        if !policy.origin_passes(link, headers) {
            return Verdict::Refuse(StatusCode::FORBIDDEN, FOREIGN_ORIGIN.to_owned());
        }
        if link.side == Side::MainPlain && !is_local {
            match port {
                Port::Shared => return Verdict::BelongsOnTls,
                Port::Own if door.plain => {}
                Port::Own => return Verdict::Refuse(StatusCode::FORBIDDEN, no_plain(name)),
            }
        }
        Verdict::Enter(match &door.login {
            OldLogin::Off => {
                let words = format!(
                    "This server has no {name} signalling; start it with --{name}-login local, \
                     token or account:NAME to change that."
                );
                return Verdict::Refuse(StatusCode::UNAUTHORIZED, words);
            }
            // Who comes through a proxy may come from anywhere, and not every proxy says that it is one.
            OldLogin::Local if is_local && link.side != Side::Plain => Ok(As::Guest(Access::Full)),
            OldLogin::Local => Err(format!(
                "Only programs on this machine may use {name} signalling without a token; start \
                 the server with --{name}-login token or account:NAME to change that."
            )),
            OldLogin::Token => {
                Err(format!("The {name} signalling of this server needs a token: ?token=TOKEN."))
            }
            OldLogin::Account(account) => Ok(As::Account(account.clone())),
        })
    }
}

fn no_plain(name: &str) -> String {
    format!(
        "Plain text is for programs on this machine; use wss, or start the server with \
         --{name}-plain to change that."
    )
}

impl FromStr for OldLogin {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "off" => Ok(Self::Off),
            "local" => Ok(Self::Local),
            "token" => Ok(Self::Token),
            _ => match text.strip_prefix("account:").map(AccountName::parse) {
                Some(Ok(name)) => Ok(Self::Account(name)),
                Some(Err(fault)) => Err(fault.to_string()),
                None => Err("it is off, local, token or account:NAME".to_owned()),
            },
        }
    }
}

impl fmt::Display for OldLogin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Off => f.write_str("off"),
            Self::Local => f.write_str("local"),
            Self::Token => f.write_str("token"),
            Self::Account(name) => write!(f, "account:{name}"),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const HERE: &str = "127.0.0.1";
    const LAN: &str = "192.168.1.7";

    fn judge(login: &str, plain: bool, at: (Port, Side, &str), head: &[(&str, &str)]) -> Verdict {
        let door = OldDoor { login: login.parse().unwrap(), plain };
        let doors = OldDoors { simple: door, ..OldDoors::default() };
        let (port, side, remote) = at;
        let address = remote.parse().unwrap();
        let link = Link { side, local: address, remote: address };
        let mut headers = HeaderMap::new();
        for (name, value) in head {
            let name: axum::http::HeaderName = name.parse().unwrap();
            headers.append(name, value.parse().unwrap());
        }
        doors.judge(Old::Simple, port, &Policy::default(), link, &headers)
    }

    fn enters(verdict: &Verdict) -> bool {
        matches!(verdict, Verdict::Enter(Ok(_)))
    }

    #[test]
    fn paths() {
        assert_eq!(Old::at("/simple"), Some((Old::Simple, "")));
        assert_eq!(Old::at("/simple/t/x"), Some((Old::Simple, "/t/x")));
        assert_eq!(Old::at("/relay/door"), Some((Old::Relay, "/door")));
        for path in ["/", "/simpleton", "/ws", "simple", "/t/simple"] {
            assert_eq!(Old::at(path), None, "{path}");
        }
    }

    #[test]
    fn nothing_is_open_unless_the_owner_says_so() {
        for port in [Port::Shared, Port::Own] {
            for side in [Side::Tls, Side::MainPlain, Side::Plain] {
                let verdict = judge("off", true, (port, side, HERE), &[]);
                let Verdict::Refuse(StatusCode::UNAUTHORIZED, words) = verdict else {
                    panic!("{port:?} {side:?}: {verdict:?}")
                };
                assert!(words.contains("--simple-login"), "{words}");
            }
        }
    }

    #[test]
    fn local_is_of_this_machine_and_through_no_proxy() {
        for port in [Port::Shared, Port::Own] {
            assert!(enters(&judge("local", false, (port, Side::Tls, HERE), &[])));
            assert!(enters(&judge("local", false, (port, Side::MainPlain, "::1"), &[])));
            assert!(!enters(&judge("local", true, (port, Side::Tls, LAN), &[])));
            assert!(!enters(&judge("local", true, (port, Side::MainPlain, LAN), &[])));
            assert!(!enters(&judge("local", false, (port, Side::Plain, HERE), &[])));
            let proxied = [("x-forwarded-for", "::1")];
            assert!(!enters(&judge("local", false, (port, Side::Tls, HERE), &proxied)));
        }
    }

    #[test]
    fn plain_text_from_elsewhere_is_chosen_on_purpose_and_on_its_own_port_only() {
        let login = "account:door";
        for (port, plain, verdict) in [
            (Port::Shared, true, Verdict::BelongsOnTls),
            (Port::Own, true, Verdict::Enter(Ok(As::Account(AccountName::parse("door").unwrap())))),
            (Port::Own, false, Verdict::Refuse(StatusCode::FORBIDDEN, no_plain("simple"))),
        ] {
            assert_eq!(judge(login, plain, (port, Side::MainPlain, LAN), &[]), verdict);
        }
        assert!(enters(&judge(login, false, (Port::Own, Side::Tls, LAN), &[])));
    }

    #[test]
    fn foreign_pages_stay_outside() {
        let head = [("host", "localhost:8443"), ("origin", "https://evil.example")];
        for login in ["local", "token", "account:door"] {
            let verdict = judge(login, true, (Port::Own, Side::MainPlain, HERE), &head);
            assert!(matches!(verdict, Verdict::Refuse(StatusCode::FORBIDDEN, _)), "{login}");
        }
        let own = [("host", "localhost:9000"), ("origin", "http://localhost:9000")];
        assert!(enters(&judge("local", false, (Port::Own, Side::MainPlain, HERE), &own)));
    }

    #[test]
    fn logins_are_printed_as_they_are_read() {
        for text in ["off", "local", "token", "account:door"] {
            assert_eq!(text.parse::<OldLogin>().unwrap().to_string(), text);
        }
        for text in ["", "on", "account:", "account:a b", "Local"] {
            assert!(text.parse::<OldLogin>().is_err(), "{text}");
        }
    }
}
