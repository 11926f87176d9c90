//! intercom.v1: the extension of [`gst`](crate::gst) with login, presence, calls and resume.
//!
//! Asked for by the WebSocket subprotocol [`SUBPROTOCOL`]. Every message is one JSON object whose
//! `type` names it; a request may carry `id`, any JSON string or number, which its answer repeats.
//! What is not found here is a message of `gst`, spoken on the same connection. Unknown fields are
//! ignored.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::gst::{self, ParseError};

/// The name by which a WebSocket asks for this protocol (RFC 6455, 1.9).
pub const SUBPROTOCOL: &str = "intercom.v1";

/// A client's message, less those of [`gst`].
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "type", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum ClientMessage<'a> {
    /// The first message: who this is. Not counted.
    Hello {
        /// One installation of an account: its peer id stays the same.
        #[serde(skip_serializing_if = "Option::is_none")]
        instance: Option<Cow<'a, str>>,
        /// Whether somebody is there who can answer a call.
        #[serde(skip_serializing_if = "is_true")]
        calls: bool,
        /// How it proves that.
        #[serde(flatten, skip_serializing_if = "Proof::is_none")]
        proof: Proof<'a>,
    },
    /// How many messages came in since the welcome. Not counted.
    Ack {
        /// Messages, acks not among them.
        received: u64,
    },
    /// Asks for all accounts that may be seen.
    ListAccounts,
    /// Rings an account.
    OfferCall {
        /// Its name.
        to: Cow<'a, str>,
        /// What the caller will send.
        media: Media,
    },
    /// Accepts or rejects a ringing call.
    AnswerCall {
        /// Which one.
        call_id: Cow<'a, str>,
        /// Whether to talk.
        accept: bool,
        /// What the callee will send, if it accepts.
        #[serde(skip_serializing_if = "Option::is_none")]
        media: Option<Media>,
        /// Why not, if it does not.
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<RejectReason>,
    },
    /// Names the producer that carries this side's media.
    AttachPeer {
        /// An accepted call.
        call_id: Cow<'a, str>,
        /// A producer of one's own account.
        peer_id: Cow<'a, str>,
    },
    /// Says what is sent from now on.
    UpdateCall {
        /// An accepted call.
        call_id: Cow<'a, str>,
        /// What is sent.
        media: Media,
    },
    /// Ends a call, or cancels it while it rings.
    EndCall {
        /// Which one.
        call_id: Cow<'a, str>,
        /// Why.
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<HangUpReason>,
    },
    /// Goes into a room; one that nobody is in is there from then on.
    JoinRoom {
        /// Which one.
        room: Cow<'a, str>,
    },
    /// Leaves it.
    LeaveRoom {
        /// Which one.
        room: Cow<'a, str>,
    },
    /// Asks who else is in it.
    ListRoom {
        /// One that the asker is in.
        room: Cow<'a, str>,
    },
    /// Says something to somebody in a room.
    RoomMessage {
        /// One that both are in.
        room: Cow<'a, str>,
        /// A peer id.
        to: Cow<'a, str>,
        /// Anything.
        text: Cow<'a, str>,
    },
    /// Asks for STUN and TURN servers.
    GetIceServers,
    /// Leaves for good.
    Logout,
}

/// How a client proves who it is.
#[derive(Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Proof<'a> {
    /// A person's name and password.
    Login(Password<'a>),
    /// A device's or program's token.
    Token(Cow<'a, str>),
    /// A new account, where that is allowed.
    Register(Registration<'a>),
    /// The connection that broke.
    Resume(Resume<'a>),
    /// What came with the upgrade: a cookie, a token in header or path, a ticket.
    None,
}

/// Name and password.
#[derive(Clone, Serialize, Deserialize)]
pub struct Password<'a> {
    /// The account's name.
    #[serde(borrow)]
    pub name: Cow<'a, str>,
    /// Its password.
    #[serde(borrow)]
    pub password: Cow<'a, str>,
}

/// A new account.
#[derive(Clone, Serialize, Deserialize)]
pub struct Registration<'a> {
    /// The name that it wants.
    #[serde(borrow)]
    pub name: Cow<'a, str>,
    /// Its password.
    #[serde(borrow)]
    pub password: Cow<'a, str>,
    /// An invitation, where one is needed.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub invite: Option<Cow<'a, str>>,
}

/// The connection that broke.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Resume<'a> {
    /// The token of the last `welcome` or `resumed`.
    #[serde(borrow)]
    pub resume_token: Cow<'a, str>,
    /// How many messages came in since the welcome, acks not among them.
    pub received: u64,
}

/// The server's message, less those of [`gst`].
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum ServerMessage<'a> {
    /// The answer to the first `hello` of a connection. Not counted.
    Welcome {
        /// The id under which others reach this peer.
        #[serde(borrow)]
        peer_id: Cow<'a, str>,
        /// The account's name; `None` for a guest.
        #[serde(borrow)]
        account: Option<Cow<'a, str>>,
        /// What the account may do.
        role: AccountRole,
        /// What `hello.resume` takes; guests have nothing to come back to.
        #[serde(borrow)]
        resume_token: Option<Secret<'a>>,
        /// For the peer connections.
        ice_servers: Vec<IceServer>,
    },
    /// The connection goes on where it broke. Not counted.
    Resumed {
        /// How many messages had come in, acks not among them: the client repeats the others.
        received: u64,
        /// What the next `hello.resume` takes; the old one is good until the first ack.
        #[serde(borrow)]
        resume_token: Secret<'a>,
        /// Messages were lost: both counts begin anew, and a `snapshot` follows.
        #[serde(default, skip_serializing_if = "is_false")]
        reset: bool,
        /// With `reset`: the server was started anew and has forgotten sessions that no call owns.
        #[serde(default, skip_serializing_if = "is_false")]
        restarted: bool,
    },
    /// How many messages came in. Not counted.
    Ack {
        /// Messages, acks not among them.
        received: u64,
    },
    /// Accounts that may be seen.
    Accounts {
        /// In the order of their names.
        #[serde(borrow)]
        accounts: Vec<Account<'a>>,
    },
    /// An account came, went, got busy or free.
    Presence(#[serde(borrow)] Account<'a>),
    /// An account was removed or may no longer be seen.
    AccountGone {
        /// Which one.
        #[serde(borrow)]
        name: Cow<'a, str>,
    },
    /// To the caller: it rings.
    CallRinging {
        /// The new call.
        #[serde(borrow)]
        call_id: Cow<'a, str>,
        /// The callee.
        #[serde(borrow)]
        to: Cow<'a, str>,
    },
    /// To the callee: somebody rings.
    IncomingCall {
        /// The new call.
        #[serde(borrow)]
        call_id: Cow<'a, str>,
        /// The caller.
        #[serde(borrow)]
        from: Cow<'a, str>,
        /// What the caller will send.
        media: Media,
    },
    /// To both: the call has begun.
    CallAccepted {
        /// Which one.
        #[serde(borrow)]
        call_id: Cow<'a, str>,
        /// The other side.
        #[serde(borrow)]
        from: Cow<'a, str>,
        /// What the other side sends.
        media: Media,
    },
    /// The other side's media are to be had from this peer.
    CallPeer {
        /// Which call.
        #[serde(borrow)]
        call_id: Cow<'a, str>,
        /// What `startSession` takes.
        #[serde(borrow)]
        peer_id: Cow<'a, str>,
    },
    /// They are no longer.
    CallPeerGone {
        /// Which call.
        #[serde(borrow)]
        call_id: Cow<'a, str>,
        /// The one of the `callPeer`.
        #[serde(borrow)]
        peer_id: Cow<'a, str>,
    },
    /// The other side sends something else.
    CallUpdated {
        /// Which call.
        #[serde(borrow)]
        call_id: Cow<'a, str>,
        /// What it sends.
        media: Media,
    },
    /// The other side lost its connection and may come back.
    CallAway {
        /// Which call.
        #[serde(borrow)]
        call_id: Cow<'a, str>,
    },
    /// The other side is back.
    CallBack {
        /// Which call.
        #[serde(borrow)]
        call_id: Cow<'a, str>,
    },
    /// A call is over.
    CallEnded {
        /// Which one.
        #[serde(borrow)]
        call_id: Cow<'a, str>,
        /// Why; the same for both sides.
        reason: EndReason,
    },
    /// The answer to `joinRoom` and `listRoom`.
    Room {
        /// Which one.
        #[serde(borrow)]
        room: Cow<'a, str>,
        /// The others in there.
        #[serde(borrow)]
        peers: Vec<Cow<'a, str>>,
    },
    /// Somebody came into a room.
    RoomPeerJoined {
        /// Which one.
        #[serde(borrow)]
        room: Cow<'a, str>,
        /// Who.
        #[serde(borrow)]
        peer_id: Cow<'a, str>,
    },
    /// Somebody left a room.
    RoomPeerLeft {
        /// Which one.
        #[serde(borrow)]
        room: Cow<'a, str>,
        /// Who.
        #[serde(borrow)]
        peer_id: Cow<'a, str>,
    },
    /// Somebody in a room says something, to nobody else.
    RoomMessage {
        /// Which one.
        #[serde(borrow)]
        room: Cow<'a, str>,
        /// Who.
        #[serde(borrow)]
        from: Cow<'a, str>,
        /// As it was said.
        #[serde(borrow)]
        text: Cow<'a, str>,
    },
    /// After `resumed` with `reset`: how things stand.
    Snapshot {
        /// As in `accounts`.
        #[serde(borrow)]
        accounts: Vec<Account<'a>>,
        /// The call that this account takes part in.
        #[serde(borrow)]
        call: Option<Call<'a>>,
        /// Sessions that this peer is an end of, as ids.
        #[serde(borrow)]
        sessions: Vec<Cow<'a, str>>,
    },
    /// STUN and TURN servers.
    IceServers {
        /// As WebRTC's `RTCConfiguration` has them.
        ice_servers: Vec<IceServer>,
        /// Seconds until they should be asked for again; `None` for never.
        ttl: Option<u32>,
    },
    /// A request that has no other answer was carried out.
    Done,
    /// The answer to `logout`; the connection is closed then. Not counted.
    LoggedOut,
    /// A request was refused and changed nothing.
    Error {
        /// A word for programs.
        #[serde(borrow)]
        code: Cow<'a, str>,
        /// One sentence for a person.
        #[serde(borrow)]
        details: Cow<'a, str>,
    },
}

/// A text that `Debug` does not show.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret<'a>(#[serde(borrow)] pub Cow<'a, str>);

impl std::fmt::Debug for Secret<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("…")
    }
}

/// What one side of a call sends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Media {
    /// Sound.
    #[serde(default)]
    pub audio: bool,
    /// A picture.
    #[serde(default)]
    pub video: bool,
}

/// An account as another sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account<'a> {
    /// Its name.
    #[serde(borrow)]
    pub name: Cow<'a, str>,
    /// What it is for.
    pub kind: AccountRole,
    /// What people are shown instead of the name.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub label: Option<Cow<'a, str>>,
    /// Whether it is there.
    pub status: Status,
    /// Whether it could answer a call.
    pub callable: bool,
}

/// A call in a snapshot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Call<'a> {
    /// Which one.
    #[serde(borrow)]
    pub call_id: Cow<'a, str>,
    /// The other side.
    #[serde(borrow)]
    pub with: Cow<'a, str>,
    /// Whether this side rang the other.
    pub outgoing: bool,
    /// How far it has come.
    pub stage: Stage,
    /// What the other side sends.
    pub media: Media,
    /// The other side's producers.
    #[serde(borrow)]
    pub peers: Vec<Cow<'a, str>>,
    /// Whether the other side is connected.
    pub connected: bool,
}

/// How far a call has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Stage {
    /// It rings.
    Ringing,
    /// It was accepted, and this connection holds it.
    Held,
    /// It is another connection's of the same account.
    Elsewhere,
}

/// What an account may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum AccountRole {
    /// No account.
    Guest,
    /// A person.
    User,
    /// A door, a camera, a robot.
    Device,
    /// A person who looks after the others.
    Admin,
}

/// Whether an account is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Status {
    /// It has no connection.
    Disconnected,
    /// It has one.
    Available,
    /// It is in a call.
    Busy,
}

/// Why a callee does not talk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum RejectReason {
    /// Not now.
    #[default]
    Rejected,
    /// The device is taken.
    Busy,
}

/// Why a side ends a call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum HangUpReason {
    /// It hangs up.
    #[default]
    Hangup,
    /// No media came through.
    MediaFailed,
}

/// Why a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "docs/ref/intercom.md says what each means")]
pub enum EndReason {
    Hangup,
    Rejected,
    Busy,
    NoAnswer,
    Cancelled,
    Disconnected,
    MediaFailed,
    AnsweredElsewhere,
    LoggedOut,
    Incompatible,
}

impl std::fmt::Display for EndReason {
    /// As on the wire.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.serialize(f)
    }
}

/// As WebRTC's `RTCIceServer`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IceServer {
    /// `stun:` and `turn:` addresses (RFC 7064, 7065).
    pub urls: Vec<String>,
    /// For TURN.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// For TURN; good for a while.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential: Option<String>,
}

impl std::fmt::Debug for IceServer {
    /// Without its credential.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IceServer").field("urls", &self.urls).finish_non_exhaustive()
    }
}

/// A message and the `id` that its answer repeats.
#[derive(Clone, Debug)]
pub struct Tagged<'a, T> {
    /// What is said.
    pub message: T,
    /// A JSON string or number, as it came.
    pub id: Option<Cow<'a, RawValue>>,
}

/// What a client of this protocol may say.
#[derive(Clone, Debug)]
pub enum FromClient<'a> {
    /// In the extension's words.
    Intercom(ClientMessage<'a>),
    /// In those of the stock protocol.
    Gst(gst::ClientMessage<'a>),
}

/// What the server may say.
#[derive(Clone, Debug)]
pub enum FromServer<'a> {
    /// In the extension's words.
    Intercom(ServerMessage<'a>),
    /// In those of the stock protocol.
    Gst(gst::ServerMessage<'a>),
}

impl<'a> Tagged<'a, FromClient<'a>> {
    /// Reads one text message of a client.
    ///
    /// # Errors
    /// See [`ParseError`].
    pub fn parse(text: &'a str) -> Result<Self, ParseError> {
        let fields: Fields<'a> = serde_json::from_str(text)?;
        let id = id(fields.id)?;
        let message = match &*fields.kind {
            "hello" => ClientMessage::Hello {
                instance: fields.instance.clone(),
                calls: fields.calls.unwrap_or(true),
                proof: fields.proof()?,
            },
            "ack" => ClientMessage::Ack { received: need(fields.received, "received")? },
            "listAccounts" => ClientMessage::ListAccounts,
            "offerCall" => ClientMessage::OfferCall {
                to: need(fields.to, "to")?,
                media: need(fields.media, "media")?,
            },
            "answerCall" => ClientMessage::AnswerCall {
                call_id: need(fields.call_id, "callId")?,
                accept: need(fields.accept, "accept")?,
                media: fields.media,
                reason: fields.reason.map(read).transpose()?,
            },
            "attachPeer" => ClientMessage::AttachPeer {
                call_id: need(fields.call_id, "callId")?,
                peer_id: need(fields.peer_id, "peerId")?,
            },
            "updateCall" => ClientMessage::UpdateCall {
                call_id: need(fields.call_id, "callId")?,
                media: need(fields.media, "media")?,
            },
            "endCall" => ClientMessage::EndCall {
                call_id: need(fields.call_id, "callId")?,
                reason: fields.reason.map(read).transpose()?,
            },
            "joinRoom" => ClientMessage::JoinRoom { room: need(fields.room, "room")? },
            "leaveRoom" => ClientMessage::LeaveRoom { room: need(fields.room, "room")? },
            "listRoom" => ClientMessage::ListRoom { room: need(fields.room, "room")? },
            "roomMessage" => ClientMessage::RoomMessage {
                room: need(fields.room, "room")?,
                to: need(fields.to, "to")?,
                text: need(fields.text, "text")?,
            },
            "getIceServers" => ClientMessage::GetIceServers,
            "logout" => ClientMessage::Logout,
            _ => {
                let message = FromClient::Gst(gst::ClientMessage::parse(text)?);
                return Ok(Self { message, id });
            }
        };
        Ok(Self { message: FromClient::Intercom(message), id })
    }
}

impl<'a> Tagged<'a, FromServer<'a>> {
    /// Reads one text message of the server.
    ///
    /// # Errors
    /// See [`ParseError`].
    pub fn parse(text: &'a str) -> Result<Self, ParseError> {
        let Head { kind, id: tag } = serde_json::from_str(text)?;
        let id = id(tag)?;
        let message = if SERVER_TYPES.contains(&&*kind) {
            FromServer::Intercom(serde_json::from_str(text)?)
        } else {
            FromServer::Gst(gst::ServerMessage::parse(text)?)
        };
        Ok(Self { message, id })
    }
}

impl ClientMessage<'_> {
    /// The message as JSON text.
    pub fn print(&self, id: Option<&RawValue>) -> String {
        print(self, id)
    }
}

impl ServerMessage<'_> {
    /// The message as JSON text.
    pub fn print(&self, id: Option<&RawValue>) -> String {
        print(self, id)
    }
}

impl Proof<'_> {
    fn is_none(&self) -> bool {
        matches!(self, Self::None)
    }
}

impl std::fmt::Debug for Proof<'_> {
    /// Never what is proven with.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Login(_) => "Login",
            Self::Token(_) => "Token",
            Self::Register(_) => "Register",
            Self::Resume(_) => "Resume",
            Self::None => "None",
        })
    }
}

/// Repeats a tag behind the `type` of a message of [`gst`] that answers a request.
pub fn tag(mut message: String, id: &RawValue) -> String {
    if message.ends_with('}') {
        message.pop();
        message.push_str(",\"id\":");
        message.push_str(id.get());
        message.push('}');
    }
    message
}

/// Types of [`ServerMessage`]: those that are not also in [`gst`], and those that say more here.
pub const SERVER_TYPES: [&str; 24] = [
    "welcome",
    "resumed",
    "ack",
    "accounts",
    "presence",
    "accountGone",
    "callRinging",
    "incomingCall",
    "callAccepted",
    "callPeer",
    "callPeerGone",
    "callUpdated",
    "callAway",
    "callBack",
    "callEnded",
    "room",
    "roomPeerJoined",
    "roomPeerLeft",
    "roomMessage",
    "snapshot",
    "iceServers",
    "done",
    "loggedOut",
    "error",
];

#[derive(Deserialize)]
struct Head<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    id: Option<&'a RawValue>,
}

/// All fields of all client messages, in one flat pass that borrows from the text.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Fields<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "gst::borrowed")]
    instance: Option<Cow<'a, str>>,
    #[serde(borrow)]
    login: Option<Password<'a>>,
    #[serde(borrow, default, deserialize_with = "gst::borrowed")]
    token: Option<Cow<'a, str>>,
    #[serde(borrow)]
    register: Option<Registration<'a>>,
    #[serde(borrow)]
    resume: Option<Resume<'a>>,
    received: Option<u64>,
    #[serde(borrow, default, deserialize_with = "gst::borrowed")]
    to: Option<Cow<'a, str>>,
    media: Option<Media>,
    #[serde(borrow, default, deserialize_with = "gst::borrowed")]
    call_id: Option<Cow<'a, str>>,
    #[serde(borrow, default, deserialize_with = "gst::borrowed")]
    peer_id: Option<Cow<'a, str>>,
    #[serde(borrow, default, deserialize_with = "gst::borrowed")]
    room: Option<Cow<'a, str>>,
    #[serde(borrow, default, deserialize_with = "gst::borrowed")]
    text: Option<Cow<'a, str>>,
    accept: Option<bool>,
    calls: Option<bool>,
    #[serde(borrow)]
    reason: Option<&'a RawValue>,
}

impl<'a> Fields<'a> {
    fn proof(self) -> Result<Proof<'a>, ParseError> {
        let proofs = [
            self.login.map(Proof::Login),
            self.token.map(Proof::Token),
            self.register.map(Proof::Register),
            self.resume.map(Proof::Resume),
        ];
        let mut given = proofs.into_iter().flatten();
        match (given.next(), given.next()) {
            (Some(_), Some(_)) => {
                Err(ParseError::Missing("only one of login, token, register and resume"))
            }
            (proof, None) => Ok(proof.unwrap_or(Proof::None)),
            (None, Some(_)) => Ok(Proof::None),
        }
    }
}

/// Longer ones would fill the replay buffer with nothing.
const MAX_ID_LEN: usize = 64;

fn id(raw: Option<&RawValue>) -> Result<Option<Cow<'_, RawValue>>, ParseError> {
    let Some(raw) = raw.filter(|raw| raw.get() != "null") else { return Ok(None) };
    let is_plain =
        raw.get().starts_with(|first: char| first == '"' || first == '-' || first.is_ascii_digit());
    if is_plain && raw.get().len() <= MAX_ID_LEN {
        Ok(Some(Cow::Borrowed(raw)))
    } else {
        Err(ParseError::Missing("id, a number or a string of at most 62 bytes"))
    }
}

fn read<'a, T: Deserialize<'a>>(raw: &'a RawValue) -> Result<T, ParseError> {
    Ok(serde_json::from_str(raw.get())?)
}

fn need<T>(field: Option<T>, name: &'static str) -> Result<T, ParseError> {
    field.ok_or(ParseError::Missing(name))
}

fn is_false(value: &bool) -> bool {
    !value
}

fn is_true(value: &bool) -> bool {
    *value
}

fn print(message: &impl Serialize, id: Option<&RawValue>) -> String {
    let text =
        serde_json::to_string(message).expect("a message has only strings, numbers and valid JSON");
    match id {
        Some(id) => tag(text, id),
        None => text,
    }
}
