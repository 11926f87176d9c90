//! gst: the stock JSON protocol of `gst-webrtc-signalling-server`, versions 1.0 and 1.1.
//!
//! Spoken by `webrtcsink`, `webrtcsrc`, `playbin3 uri=gstwebrtc://…`, gstwebrtc-api and our own
//! client. Compatible field for field with `gst-plugin-webrtc-signalling-protocol` 0.15, less its
//! `newPeer`, an internal event that must not be decodable.
//!
//! Every message is one JSON object whose `type` names it. Unknown fields are ignored. Free-form
//! parts ([`Meta`], [`Sdp::raw`], [`Ice::raw`]) keep the JSON text they came with, so that relaying
//! prints none of them again.

use std::borrow::Cow;
use std::fmt::{self, Write};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// What a peer says about itself, any JSON value; `None` is `null` on the wire.
pub type Meta<'a> = Option<Cow<'a, RawValue>>;

/// A `peer` message without its payload, about: the id is a UUID.
const ENVELOPE_LEN: usize = 96;

/// What a registered peer does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Role {
    /// Sends media to whoever asks for a session.
    Producer,
    /// Hears of every other peer's status.
    Listener,
    /// Waits for a producer to start a session towards it.
    Consumer,
}

/// A client's message to the server.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "type", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum ClientMessage<'a> {
    /// Announces the protocol's version; the first message of a 1.1 client.
    SetProtocolVersion {
        /// The version spoken from here on.
        version: Version,
    },
    /// Registers the peer, or changes what it is registered as.
    SetPeerStatus {
        /// What it does from now on; empty means nothing.
        roles: Vec<Role>,
        /// What others see of it in lists.
        meta: Meta<'a>,
    },
    /// Asks for a session with a producer or a passive consumer.
    StartSession {
        /// The other end.
        peer_id: Cow<'a, str>,
        /// SDP of a consumer that wants to offer and hear an answer.
        #[serde(skip_serializing_if = "Option::is_none")]
        offer: Option<Cow<'a, str>>,
    },
    /// Ends a session.
    EndSession {
        /// The session that ends.
        session_id: Cow<'a, str>,
    },
    /// Ends a session and says why (1.1).
    #[serde(rename = "endSessionV1_1")]
    EndSessionV1_1 {
        /// The session that ends.
        session_id: Cow<'a, str>,
        /// What went wrong, in words; `None` for a normal end.
        #[serde(skip_serializing_if = "Option::is_none")]
        error: Option<Cow<'a, str>>,
    },
    /// Passes a description or a candidate to the other end of a session.
    Peer(PeerMessage<'a>),
    /// Asks for all producers.
    List,
    /// Asks for all passive consumers.
    ListConsumers,
}

/// The server's message to a client.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "type", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum ServerMessage<'a> {
    /// The first message on every connection.
    Welcome {
        /// The id under which others reach this peer.
        peer_id: Cow<'a, str>,
    },
    /// A peer registered, changed or (with no roles) left. Sent to listeners.
    PeerStatusChanged {
        /// What it does now.
        roles: Vec<Role>,
        /// What it says about itself.
        meta: Meta<'a>,
        /// Who.
        peer_id: Cow<'a, str>,
        /// Whose it is, where there are accounts. The stock server has none.
        #[serde(skip_serializing_if = "Option::is_none")]
        account: Option<Cow<'a, str>>,
    },
    /// To a producer: a consumer wants a session; offer to it, or answer its offer.
    StartSession {
        /// The consumer.
        peer_id: Cow<'a, str>,
        /// The new session.
        session_id: Cow<'a, str>,
        /// The consumer's offer, if it makes one.
        offer: Option<Cow<'a, str>>,
        /// The call that it is part of.
        #[serde(skip_serializing_if = "Option::is_none")]
        call_id: Option<Cow<'a, str>>,
    },
    /// To a consumer: its session exists, an offer will follow.
    SessionStarted {
        /// The producer.
        peer_id: Cow<'a, str>,
        /// The new session.
        session_id: Cow<'a, str>,
    },
    /// A session is over.
    EndSession {
        /// The session that ended.
        session_id: Cow<'a, str>,
    },
    /// A session is over, and why; only to peers that announced 1.1.
    #[serde(rename = "endSessionV1_1")]
    EndSessionV1_1 {
        /// The session that ended.
        session_id: Cow<'a, str>,
        /// What went wrong, in words; `None` for a normal end.
        #[serde(skip_serializing_if = "Option::is_none")]
        error: Option<Cow<'a, str>>,
    },
    /// A description or a candidate of the other end.
    Peer(PeerMessage<'a>),
    /// All producers.
    List {
        /// In no particular order.
        producers: Vec<Listed<'a>>,
    },
    /// All passive consumers.
    ListConsumers {
        /// In no particular order.
        consumers: Vec<Listed<'a>>,
    },
    /// A request was refused. Fatal to stock GStreamer clients.
    Error {
        /// One sentence for a person.
        details: Cow<'a, str>,
    },
}

/// The protocol's version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Version {
    /// What is spoken when nothing is announced.
    #[serde(rename = "v1_0")]
    V1_0,
    /// Adds `endSessionV1_1`.
    #[serde(rename = "v1_1")]
    V1_1,
}

/// A peer in a list.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Listed<'a> {
    /// Its id.
    #[serde(borrow)]
    pub id: Cow<'a, str>,
    /// What it says about itself.
    #[serde(borrow, default, deserialize_with = "not_null")]
    pub meta: Meta<'a>,
    /// Whose it is, where there are accounts. The stock server has none.
    #[serde(
        borrow,
        default,
        deserialize_with = "borrowed",
        skip_serializing_if = "Option::is_none"
    )]
    pub account: Option<Cow<'a, str>>,
}

/// Something that one end of a session tells the other.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PeerMessage<'a> {
    /// The session it belongs to.
    pub session_id: Cow<'a, str>,
    /// A field of its own: `sdp` or `ice`.
    #[serde(flatten)]
    pub payload: Payload<'a>,
}

/// What travels between the two ends of a session.
#[derive(Clone, Debug)]
pub enum Payload<'a> {
    /// A session description.
    Sdp(Sdp<'a>),
    /// An ICE candidate.
    Ice(Ice<'a>),
}

/// The payload of a [`PeerMessage`] on its way through a server: the text of [`Sdp::raw`] or
/// [`Ice::raw`], known to be JSON since it was read.
#[derive(Clone, Copy, Debug)]
pub enum Relayed<'a> {
    /// A session description.
    Sdp(&'a str),
    /// An ICE candidate.
    Ice(&'a str),
}

/// Offer or answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum SdpKind {
    /// From a producer, or with `startSession` from a consumer.
    Offer,
    /// The reply to an offer.
    Answer,
}

/// A session description.
#[derive(Clone, Debug)]
pub struct Sdp<'a> {
    /// Offer or answer.
    pub kind: SdpKind,
    /// The description itself, RFC 8866 text.
    pub text: Cow<'a, str>,
    /// The JSON object `{type, sdp}` as it came.
    pub raw: Cow<'a, RawValue>,
}

/// An ICE candidate.
#[derive(Clone, Debug)]
pub struct Ice<'a> {
    /// RFC 8839 text beginning with `candidate:`; empty at the end of candidates.
    pub candidate: Cow<'a, str>,
    /// Index of the m-line it belongs to.
    pub sdp_m_line_index: u32,
    /// The JSON object `{candidate, sdpMLineIndex, …}` as it came.
    pub raw: Cow<'a, RawValue>,
}

impl<'a> Sdp<'a> {
    /// A description to be sent.
    pub fn new(kind: SdpKind, text: impl Into<Cow<'a, str>>) -> Self {
        let text = text.into();
        let raw = raw(&SdpFields { kind, sdp: Cow::Borrowed(&text) });
        Self { kind, text, raw }
    }

    /// Reads the `sdp` field of a message.
    pub fn parse(raw: &'a RawValue) -> Result<Self, ParseError> {
        let SdpFields { kind, sdp } = serde_json::from_str(raw.get())?;
        Ok(Self { kind, text: sdp, raw: Cow::Borrowed(raw) })
    }
}

impl<'a> Ice<'a> {
    /// A candidate to be sent.
    pub fn new(candidate: impl Into<Cow<'a, str>>, sdp_m_line_index: u32) -> Self {
        let candidate = candidate.into();
        let raw = raw(&IceFields { candidate: Cow::Borrowed(&candidate), sdp_m_line_index });
        Self { candidate, sdp_m_line_index, raw }
    }

    /// Reads the `ice` field of a message.
    pub fn parse(raw: &'a RawValue) -> Result<Self, ParseError> {
        let IceFields { candidate, sdp_m_line_index } = serde_json::from_str(raw.get())?;
        Ok(Self { candidate, sdp_m_line_index, raw: Cow::Borrowed(raw) })
    }
}

impl Relayed<'_> {
    /// The `peer` message as JSON text. The payload is copied, not printed again, and the id is
    /// one of the server's own: nothing in it needs escaping.
    pub fn print(self, session_id: impl fmt::Display) -> String {
        let (field, raw) = match self {
            Self::Sdp(raw) => ("sdp", raw),
            Self::Ice(raw) => ("ice", raw),
        };
        let mut text = String::with_capacity(ENVELOPE_LEN + raw.len());
        let written =
            write!(text, r#"{{"type":"peer","sessionId":"{session_id}","{field}":{raw}}}"#);
        written.expect("a String takes everything");
        text
    }
}

impl<'a> ClientMessage<'a> {
    /// Reads one text message of a client.
    pub fn parse(text: &'a str) -> Result<Self, ParseError> {
        let fields: Fields<'a> = serde_json::from_str(text)?;
        Ok(match &*fields.kind {
            "setProtocolVersion" => {
                Self::SetProtocolVersion { version: need(fields.version, "version")? }
            }
            "setPeerStatus" => {
                Self::SetPeerStatus { roles: need(fields.roles, "roles")?, meta: fields.meta }
            }
            "startSession" => {
                Self::StartSession { peer_id: need(fields.peer_id, "peerId")?, offer: fields.offer }
            }
            "endSession" => Self::EndSession { session_id: need(fields.session_id, "sessionId")? },
            "endSessionV1_1" => Self::EndSessionV1_1 {
                session_id: need(fields.session_id, "sessionId")?,
                error: fields.error,
            },
            "peer" => Self::Peer(fields.peer_message()?),
            "list" => Self::List,
            "listConsumers" => Self::ListConsumers,
            other => return Err(ParseError::UnknownType(other.into())),
        })
    }

    /// The message as JSON text.
    pub fn print(&self) -> String {
        print(self)
    }
}

impl<'a> ServerMessage<'a> {
    /// Reads one text message of the server.
    pub fn parse(text: &'a str) -> Result<Self, ParseError> {
        let fields: Fields<'a> = serde_json::from_str(text)?;
        Ok(match &*fields.kind {
            "welcome" => Self::Welcome { peer_id: need(fields.peer_id, "peerId")? },
            "peerStatusChanged" => Self::PeerStatusChanged {
                roles: need(fields.roles, "roles")?,
                meta: fields.meta,
                peer_id: need(fields.peer_id, "peerId")?,
                account: fields.account,
            },
            "startSession" => Self::StartSession {
                peer_id: need(fields.peer_id, "peerId")?,
                session_id: need(fields.session_id, "sessionId")?,
                offer: fields.offer,
                call_id: fields.call_id,
            },
            "sessionStarted" => Self::SessionStarted {
                peer_id: need(fields.peer_id, "peerId")?,
                session_id: need(fields.session_id, "sessionId")?,
            },
            "endSession" => Self::EndSession { session_id: need(fields.session_id, "sessionId")? },
            "endSessionV1_1" => Self::EndSessionV1_1 {
                session_id: need(fields.session_id, "sessionId")?,
                error: fields.error,
            },
            "peer" => Self::Peer(fields.peer_message()?),
            "list" => Self::List { producers: need(fields.producers, "producers")? },
            "listConsumers" => {
                Self::ListConsumers { consumers: need(fields.consumers, "consumers")? }
            }
            "error" => Self::Error { details: need(fields.details, "details")? },
            other => return Err(ParseError::UnknownType(other.into())),
        })
    }

    /// The message as JSON text.
    pub fn print(&self) -> String {
        print(self)
    }
}

/// Why a text is not a message.
#[derive(Debug, thiserror::Error)]
pub enum ParseError {
    /// Not JSON, or a field of the wrong type.
    #[error("not a message: {0}")]
    Json(#[from] serde_json::Error),
    /// A `type` that the protocol does not have.
    #[error("unknown message type {0:?}")]
    UnknownType(String),
    /// The named field is missing.
    #[error("missing field `{0}`")]
    Missing(&'static str),
}

/// All fields of all messages. One flat pass borrows from the text; serde's own tagged enums
/// would buffer every value and lose the raw parts.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Fields<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(borrow, default, deserialize_with = "borrowed")]
    peer_id: Option<Cow<'a, str>>,
    #[serde(borrow, default, deserialize_with = "borrowed")]
    session_id: Option<Cow<'a, str>>,
    #[serde(borrow, default, deserialize_with = "borrowed")]
    offer: Option<Cow<'a, str>>,
    #[serde(borrow, default, deserialize_with = "borrowed")]
    error: Option<Cow<'a, str>>,
    #[serde(borrow, default, deserialize_with = "borrowed")]
    details: Option<Cow<'a, str>>,
    #[serde(borrow, default, deserialize_with = "borrowed")]
    account: Option<Cow<'a, str>>,
    #[serde(borrow, default, deserialize_with = "borrowed")]
    call_id: Option<Cow<'a, str>>,
    #[serde(default)]
    version: Option<Version>,
    #[serde(default)]
    roles: Option<Vec<Role>>,
    #[serde(borrow, default, deserialize_with = "not_null")]
    meta: Meta<'a>,
    #[serde(borrow)]
    sdp: Option<&'a RawValue>,
    #[serde(borrow)]
    ice: Option<&'a RawValue>,
    #[serde(borrow)]
    producers: Option<Vec<Listed<'a>>>,
    #[serde(borrow)]
    consumers: Option<Vec<Listed<'a>>>,
}

impl<'a> Fields<'a> {
    fn peer_message(self) -> Result<PeerMessage<'a>, ParseError> {
        let session_id = need(self.session_id, "sessionId")?;
        let payload = match (self.sdp, self.ice) {
            (Some(raw), None) => Payload::Sdp(Sdp::parse(raw)?),
            (None, Some(raw)) => Payload::Ice(Ice::parse(raw)?),
            (Some(_), Some(_)) => return Err(ParseError::Missing("sdp or ice, not both")),
            (None, None) => return Err(ParseError::Missing("sdp or ice")),
        };
        Ok(PeerMessage { session_id, payload })
    }
}

#[derive(Serialize, Deserialize)]
struct SdpFields<'a> {
    #[serde(rename = "type")]
    kind: SdpKind,
    #[serde(borrow)]
    sdp: Cow<'a, str>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct IceFields<'a> {
    #[serde(borrow)]
    candidate: Cow<'a, str>,
    sdp_m_line_index: u32,
}

impl Serialize for Payload<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeMap;
        let mut map = serializer.serialize_map(Some(1))?;
        match self {
            Self::Sdp(sdp) => map.serialize_entry("sdp", &sdp.raw)?,
            Self::Ice(ice) => map.serialize_entry("ice", &ice.raw)?,
        }
        map.end()
    }
}

fn need<T>(field: Option<T>, name: &'static str) -> Result<T, ParseError> {
    field.ok_or(ParseError::Missing(name))
}

/// serde borrows a `Cow<str>`, but not one inside an `Option`.
pub(crate) fn borrowed<'de, D: serde::Deserializer<'de>>(
    d: D,
) -> Result<Option<Cow<'de, str>>, D::Error> {
    #[derive(Deserialize)]
    struct Borrowed<'a>(#[serde(borrow)] Cow<'a, str>);
    Ok(Option::<Borrowed<'de>>::deserialize(d)?.map(|Borrowed(text)| text))
}

/// A raw value keeps `null` as a value; on this wire it means nothing was said.
fn not_null<'de, D: serde::Deserializer<'de>>(d: D) -> Result<Meta<'de>, D::Error> {
    let raw = Option::<&'de RawValue>::deserialize(d)?;
    Ok(raw.filter(|raw| raw.get() != "null").map(Cow::Borrowed))
}

fn raw<'a>(value: &impl Serialize) -> Cow<'a, RawValue> {
    Cow::Owned(serde_json::value::to_raw_value(value).expect("strings and numbers always print"))
}

fn print(message: &impl Serialize) -> String {
    serde_json::to_string(message).expect("a message has only strings, numbers and valid JSON")
}
