//! simple: the words of GStreamer's example clients (webrtc-sendrecv, multiparty-sendrecv) and of the
//! Python server that they come with.
//!
//! Plain text: a command and its words. What is no command is for the other end of a session, which
//! hears it as it is; [`Speech`] says what it means to others.

use std::fmt;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::gst::{Ice, Sdp};

/// A client's message to the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientMessage<'a> {
    /// The first message: under which name others reach this client.
    Hello {
        /// The name, the second word; what some clients say of themselves behind it is not kept.
        uid: &'a str,
    },
    /// Asks for a session.
    Session {
        /// With whom; empty if that was left out. May have white space, and is nobody then.
        uid: &'a str,
    },
    /// Goes into a room.
    Room {
        /// Which one; empty if that was left out.
        id: &'a str,
    },
    /// Says something to somebody in the room.
    RoomPeerMsg {
        /// To whom.
        uid: &'a str,
        /// What; may be empty.
        text: &'a str,
    },
    /// Asks who else is in the room.
    RoomPeerList,
    /// For the other end of the session.
    Text(&'a str),
}

/// The server's message to a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServerMessage<'a> {
    /// The answer to `HELLO`.
    Hello,
    /// The session is there.
    SessionOk,
    /// The answer to `ROOM`.
    RoomOk {
        /// Who is in there already.
        uids: Vec<&'a str>,
    },
    /// Somebody came into the room.
    RoomPeerJoined {
        /// Who.
        uid: &'a str,
    },
    /// Somebody left it.
    RoomPeerLeft {
        /// Who.
        uid: &'a str,
    },
    /// Somebody in the room says something, to nobody else.
    RoomPeerMsg {
        /// Who.
        uid: &'a str,
        /// What.
        text: &'a str,
    },
    /// The answer to `ROOM_PEER_LIST`.
    RoomPeerList {
        /// All others.
        uids: Vec<&'a str>,
    },
    /// Something cannot be done.
    Error {
        /// What, for a person.
        words: &'a str,
    },
    /// From the other end of the session.
    Text(&'a str),
}

/// What a text in a session means.
#[derive(Clone, Debug)]
pub enum Speech<'a> {
    /// `{"sdp": {type, sdp}}`
    Sdp(Sdp<'a>),
    /// `{"ice": {candidate, sdpMLineIndex, …}}`
    Ice(Ice<'a>),
    /// That the other end is to offer.
    OfferRequest,
    /// Something that these clients agree on among themselves.
    Other,
}

/// Asks the other end of a session for its offer.
pub const OFFER_REQUEST: &str = "OFFER_REQUEST";

impl<'a> ClientMessage<'a> {
    /// Reads a text message. Each is something.
    pub fn parse(text: &'a str) -> Self {
        let (command, rest) = word(text);
        match command {
            "HELLO" => Self::Hello { uid: word(rest).0 },
            "SESSION" => Self::Session { uid: rest.trim_end() },
            "ROOM" => Self::Room { id: rest.trim_end() },
            "ROOM_PEER_MSG" => {
                let (uid, text) = word(rest);
                Self::RoomPeerMsg { uid, text }
            }
            "ROOM_PEER_LIST" if rest.is_empty() => Self::RoomPeerList,
            _ => Self::Text(text),
        }
    }

    /// The message as text.
    pub fn print(&self) -> String {
        match self {
            Self::Hello { uid } => format!("HELLO {uid}"),
            Self::Session { uid } => format!("SESSION {uid}"),
            Self::Room { id } => format!("ROOM {id}"),
            Self::RoomPeerMsg { uid, text } => format!("ROOM_PEER_MSG {uid} {text}"),
            Self::RoomPeerList => "ROOM_PEER_LIST".to_owned(),
            Self::Text(text) => (*text).to_owned(),
        }
    }
}

impl<'a> ServerMessage<'a> {
    /// Reads a text message. Each is something.
    pub fn parse(text: &'a str) -> Self {
        let (command, rest) = word(text);
        let uids = || rest.split_whitespace().collect();
        match command {
            "HELLO" if rest.is_empty() => Self::Hello,
            "SESSION_OK" if rest.is_empty() => Self::SessionOk,
            "ROOM_OK" => Self::RoomOk { uids: uids() },
            "ROOM_PEER_JOINED" => Self::RoomPeerJoined { uid: word(rest).0 },
            "ROOM_PEER_LEFT" => Self::RoomPeerLeft { uid: word(rest).0 },
            "ROOM_PEER_MSG" => {
                let (uid, text) = word(rest);
                Self::RoomPeerMsg { uid, text }
            }
            "ROOM_PEER_LIST" => Self::RoomPeerList { uids: uids() },
            "ERROR" => Self::Error { words: rest },
            _ => Self::Text(text),
        }
    }

    /// The message as text. A list without names ends with a space, as the Python server has it.
    pub fn print(&self) -> String {
        match self {
            Self::Hello => "HELLO".to_owned(),
            Self::SessionOk => "SESSION_OK".to_owned(),
            Self::RoomOk { uids } => format!("ROOM_OK {}", uids.join(" ")),
            Self::RoomPeerJoined { uid } => format!("ROOM_PEER_JOINED {uid}"),
            Self::RoomPeerLeft { uid } => format!("ROOM_PEER_LEFT {uid}"),
            Self::RoomPeerMsg { uid, text } => format!("ROOM_PEER_MSG {uid} {text}"),
            Self::RoomPeerList { uids } => format!("ROOM_PEER_LIST {}", uids.join(" ")),
            Self::Error { words } => format!("ERROR {words}"),
            Self::Text(text) => (*text).to_owned(),
        }
    }
}

impl<'a> Speech<'a> {
    /// What a text in a session means.
    pub fn parse(text: &'a str) -> Self {
        if text == OFFER_REQUEST {
            return Self::OfferRequest;
        }
        match serde_json::from_str(text) {
            Ok(Fields { sdp: Some(raw), ice: None }) => {
                Sdp::parse(raw).map_or(Self::Other, Self::Sdp)
            }
            Ok(Fields { sdp: None, ice: Some(raw) }) => {
                Ice::parse(raw).map_or(Self::Other, Self::Ice)
            }
            _ => Self::Other,
        }
    }
}

/// The text that says so; `sdp` and `ice` are JSON objects as they came.
pub fn print_sdp(raw: impl fmt::Display) -> String {
    format!(r#"{{"sdp":{raw}}}"#)
}

/// The same for a candidate.
pub fn print_ice(raw: impl fmt::Display) -> String {
    format!(r#"{{"ice":{raw}}}"#)
}

#[derive(Deserialize)]
struct Fields<'a> {
    #[serde(borrow)]
    sdp: Option<&'a RawValue>,
    #[serde(borrow)]
    ice: Option<&'a RawValue>,
}

/// The first word, and what follows the white space behind it.
fn word(text: &str) -> (&str, &str) {
    match text.split_once(char::is_whitespace) {
        Some((word, rest)) => (word, rest.trim_start()),
        None => (text, ""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_read() {
        use ClientMessage as M;
        for (text, message) in [
            ("HELLO 4711", M::Hello { uid: "4711" }),
            (r#"HELLO 4711 {"a": 1}"#, M::Hello { uid: "4711" }),
            ("HELLO", M::Hello { uid: "" }),
            ("SESSION  door ", M::Session { uid: "door" }),
            ("SESSION a b", M::Session { uid: "a b" }),
            ("SESSION", M::Session { uid: "" }),
            ("ROOM a b", M::Room { id: "a b" }),
            ("ROOM_PEER_MSG 7 {\"sdp\": 1}", M::RoomPeerMsg { uid: "7", text: "{\"sdp\": 1}" }),
            ("ROOM_PEER_MSG 7", M::RoomPeerMsg { uid: "7", text: "" }),
            ("ROOM_PEER_LIST", M::RoomPeerList),
            ("SESSIONS x", M::Text("SESSIONS x")),
            (" HELLO 1", M::Text(" HELLO 1")),
            ("hello 1", M::Text("hello 1")),
            ("", M::Text("")),
        ] {
            assert_eq!(M::parse(text), message, "{text:?}");
        }
    }

    #[test]
    fn a_text_in_a_session_means_something() {
        let sdp = r#"{"sdp":{"type":"offer","sdp":"v=0","x":1}}"#;
        assert!(matches!(Speech::parse(sdp), Speech::Sdp(sdp) if sdp.text == "v=0"));
        let ice = r#"{"ice": {"candidate":"candidate:1","sdpMLineIndex":0,"sdpMid":"0"}}"#;
        let Speech::Ice(read) = Speech::parse(ice) else { panic!("no candidate") };
        assert_eq!(print_ice(read.raw.get()), ice.replace(": {", ":{"));
        assert!(matches!(Speech::parse("OFFER_REQUEST"), Speech::OfferRequest));
        for other in ["", "{}", r#"{"sdp":1}"#, r#"{"sdp":{"type":"rollback","sdp":""}}"#, "hi"] {
            assert!(matches!(Speech::parse(other), Speech::Other), "{other}");
        }
    }
}
