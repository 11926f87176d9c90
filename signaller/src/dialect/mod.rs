//! The wire's words ↔ the core's words, one file a protocol, the same functions in each.
//!
//! No sockets here: text in, a request out; a notice in, text out. Time counts for TURN credentials only.

mod free_form;
mod gst;
mod intercom;
mod relay;
pub(crate) mod roomrtc;
pub(crate) mod simple;

use signaller_core::{AccountName, CloseReason, Notice, Request, Role, Status, Text};

#[cfg(test)]
pub(crate) use gst::Gst;
pub(crate) use intercom::{Hello, Me, hello, refused, resumed};

/// One connection's side of its protocol. Read by its reader while its writer prints.
#[derive(Debug)]
pub(crate) enum Dialect {
    /// The stock protocol.
    Gst(gst::Gst),
    /// The same with the extension.
    Intercom(intercom::Intercom),
    /// Lines, for a program of another house.
    RoomRtc(roomrtc::RoomRtc),
    /// One program and one page.
    Relay(Box<relay::Relay>),
    /// HELLO, SESSION and ROOM.
    Simple(simple::Simple),
}

/// Why a dialect wants its connection closed: a code of RFC 6455, 7.4, and words for a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Over {
    pub(crate) code: u16,
    pub(crate) words: &'static str,
}

/// What a text message says.
#[derive(Debug)]
pub(crate) enum Said {
    /// Something for the hub, or `None` if all is done already.
    Request {
        /// What.
        request: Option<Request>,
        /// What its answer repeats.
        tag: Option<Text>,
    },
    /// So many messages came in at the other end.
    Ack(u64),
}

impl Dialect {
    /// The stock protocol.
    pub(crate) fn gst() -> Self {
        Self::Gst(gst::Gst::default())
    }

    /// The extended one, for somebody who is known already.
    pub(crate) fn intercom(me: Me) -> Self {
        Self::Intercom(intercom::Intercom::new(me))
    }

    /// The one of a program and a page that meet under a name.
    pub(crate) fn relay(name: &str, account: Option<AccountName>) -> Self {
        Self::Relay(Box::new(relay::Relay::new(name, account)))
    }

    /// The one of HELLO, for somebody who has said it.
    pub(crate) fn simple(uid: &str) -> Self {
        Self::Simple(simple::Simple::new(uid))
    }

    /// roomrtc, for somebody who is known already.
    pub(crate) fn roomrtc() -> Self {
        Self::RoomRtc(roomrtc::RoomRtc::default())
    }

    /// Whether both ends count messages, so that none is lost when a socket breaks.
    pub(crate) fn counts(&self) -> bool {
        matches!(self, Self::Intercom(_))
    }

    /// Whether what follows a login is not its own until the hub has welcomed it: it may be another login.
    pub(crate) fn awaits_welcome(&self) -> bool {
        matches!(self, Self::RoomRtc(_))
    }

    /// The text message that says how many came in.
    pub(crate) fn ack(received: u64) -> String {
        intercom::ack(received)
    }

    /// The last words of a login, if the protocol has any for this reason.
    pub(crate) fn farewell(&self, reason: CloseReason) -> Option<String> {
        match self {
            Self::Intercom(_) if reason == CloseReason::LoggedOut => Some(intercom::logged_out()),
            Self::RoomRtc(_) => roomrtc::farewell(reason),
            Self::Gst(_) | Self::Intercom(_) | Self::Relay(_) | Self::Simple(_) => None,
        }
    }

    /// The protocol's own Close frame for a reason of the hub, if it has one.
    pub(crate) fn parting(&self, reason: CloseReason) -> Option<Over> {
        match (self, reason) {
            (Self::Simple(_), CloseReason::PeerIdTaken) => Some(simple::BAD_UID),
            _ => None,
        }
    }

    /// Reads a text message.
    pub(crate) fn read(&self, text: &str) -> Said {
        match self {
            Self::Gst(gst) => Said::Request { request: gst.read(text), tag: None },
            Self::Intercom(intercom) => intercom.read(text),
            Self::RoomRtc(roomrtc) => roomrtc.read(text),
            Self::Simple(simple) => Said::Request { request: Some(simple.read(text)), tag: None },
            Self::Relay(relay) => {
                relay.read(text);
                Said::Request { request: None, tag: None }
            }
        }
    }

    /// Whether it has something to ask of its own accord.
    pub(crate) fn asks(&self) -> bool {
        matches!(self, Self::Relay(_) | Self::Simple(_))
    }

    /// What it asks of the hub of its own accord, in this order, since something was read or printed.
    pub(crate) fn ask(&self) -> Option<Request> {
        match self {
            Self::Relay(relay) => relay.ask(),
            Self::Simple(simple) => simple.ask(),
            Self::Gst(_) | Self::Intercom(_) | Self::RoomRtc(_) => None,
        }
    }

    /// Why the connection is to be closed, if it is.
    pub(crate) fn over(&self) -> Option<Over> {
        match self {
            Self::Relay(relay) => relay.over(),
            Self::Gst(_) | Self::Intercom(_) | Self::RoomRtc(_) | Self::Simple(_) => None,
        }
    }

    /// The text message that says this; `None` for what the protocol has no words for.
    pub(crate) fn print(&self, notice: &Notice, tag: Option<&Text>) -> Option<String> {
        match self {
            Self::Gst(gst) => gst.print(notice),
            Self::Intercom(intercom) => intercom.print(notice, tag),
            Self::RoomRtc(roomrtc) => roomrtc.print(notice, tag),
            Self::Relay(relay) => relay.print(notice),
            Self::Simple(simple) => simple.print(notice),
        }
    }

    /// The text message that follows what was printed.
    pub(crate) fn more(&self) -> Option<String> {
        match self {
            Self::Relay(relay) => relay.more(),
            Self::Gst(_) | Self::Intercom(_) | Self::RoomRtc(_) | Self::Simple(_) => None,
        }
    }
}

/// Registered under a name, for a client that says no more about itself.
fn named(name: &str, roles: &[Role]) -> Status {
    let meta = serde_json::json!({ "name": name }).to_string();
    Status { roles: roles.to_vec(), meta: Some(meta.into()), name: Some(name.into()) }
}
