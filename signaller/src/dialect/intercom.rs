//! intercom.v1 (`docs/ref/intercom.md`) ↔ the core.
//!
//! What it shares with the stock protocol is said in that one's words. Login and resume are over
//! before a message gets here.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::SystemTime;

use intercom_protocol::intercom::{
    self as wire, ClientMessage, FromClient, Proof, ServerMessage, Tagged,
};
use secrecy::{ExposeSecret, SecretString};
use serde_json::value::RawValue;
use signaller_core::{
    AccountName, AccountStatus, Answer, CallId, CallStage, CallView, EndCause, EndReason, Kind,
    Media, Notice, PeerId, Refusal, RejectCause, Request, RoomId, Seen, Text,
};

use super::Said;
use super::gst::Gst;
use crate::ice::{Ice, IceServers};

/// Whose connection it is, and what its welcome says besides.
#[derive(Debug)]
pub(crate) struct Me {
    /// Its account; `None` for a guest.
    pub(crate) account: Option<(AccountName, Kind)>,
    /// What brings it back; `None` for a guest.
    pub(crate) resume_token: Option<SecretString>,
    /// Where its STUN and TURN servers come from.
    pub(crate) ice: Arc<Ice>,
}

impl Me {
    /// Their credentials are good from now on: a connection may outlive many of them.
    fn ice_servers(&self) -> IceServers {
        let account = self.account.as_ref().map(|(account, _)| account);
        self.ice.servers(account, SystemTime::now())
    }
}

/// One connection's side of the protocol.
#[derive(Debug)]
pub(crate) struct Intercom {
    gst: Gst,
    me: Me,
}

impl Intercom {
    pub(super) fn new(me: Me) -> Self {
        Self { gst: Gst::newest(), me }
    }

    /// What a text message says.
    pub(super) fn read(&self, text: &str) -> Said {
        let Tagged { message, id } = match Tagged::<FromClient<'_>>::parse(text) {
            Ok(tagged) => tagged,
            Err(fault) => return unreadable(&fault),
        };
        let request = match message {
            FromClient::Intercom(ClientMessage::Ack { received }) => return Said::Ack(received),
            FromClient::Intercom(message) => Some(request(message).unwrap_or_else(Request::Refuse)),
            FromClient::Gst(message) => self.gst.checked(message),
        };
        Said::Request { request, tag: id.map(|id| id.get().into()) }
    }

    /// The text message that says this.
    pub(super) fn print(&self, notice: &Notice, tag: Option<&Text>) -> Option<String> {
        let id = tag.and_then(|tag| serde_json::from_str::<&RawValue>(tag).ok());
        match self.message(notice) {
            Some(message) => Some(message.print(id)),
            None => {
                let text = self.gst.print(notice)?;
                Some(match id {
                    Some(id) => wire::tag(text, id),
                    None => text,
                })
            }
        }
    }

    /// In the extension's words; `None` for what the stock protocol says.
    fn message<'a>(&'a self, notice: &'a Notice) -> Option<ServerMessage<'a>> {
        Some(match notice {
            Notice::Welcome { peer } => ServerMessage::Welcome {
                peer_id: text(peer),
                account: self.me.account.as_ref().map(|(account, _)| name(account)),
                role: self
                    .me
                    .account
                    .as_ref()
                    .map_or(wire::AccountRole::Guest, |(_, kind)| role(*kind)),
                resume_token: self
                    .me
                    .resume_token
                    .as_ref()
                    .map(|token| wire::Secret(token.expose_secret().into())),
                ice_servers: self.me.ice_servers().servers,
            },
            Notice::Accounts(accounts) => {
                ServerMessage::Accounts { accounts: accounts.iter().map(seen).collect() }
            }
            Notice::Presence(account) => ServerMessage::Presence(seen(account)),
            Notice::AccountGone { account } => ServerMessage::AccountGone { name: name(account) },
            Notice::CallRinging { call, to } => {
                ServerMessage::CallRinging { call_id: id(*call), to: name(to) }
            }
            Notice::IncomingCall { call, from, media, .. } => ServerMessage::IncomingCall {
                call_id: id(*call),
                from: name(from),
                media: media_to_wire(*media),
            },
            Notice::CallAccepted { call, from, media, .. } => ServerMessage::CallAccepted {
                call_id: id(*call),
                from: name(from),
                media: media_to_wire(*media),
            },
            Notice::CallPeer { call, peer } => {
                ServerMessage::CallPeer { call_id: id(*call), peer_id: text(peer) }
            }
            Notice::CallPeerGone { call, peer } => {
                ServerMessage::CallPeerGone { call_id: id(*call), peer_id: text(peer) }
            }
            Notice::CallUpdated { call, media } => {
                ServerMessage::CallUpdated { call_id: id(*call), media: media_to_wire(*media) }
            }
            Notice::CallAway { call } => ServerMessage::CallAway { call_id: id(*call) },
            Notice::CallBack { call } => ServerMessage::CallBack { call_id: id(*call) },
            Notice::CallEnded { call, reason } => {
                ServerMessage::CallEnded { call_id: id(*call), reason: reason_to_wire(*reason) }
            }
            Notice::RoomJoined { room, peers } | Notice::RoomPeers { room, peers } => {
                ServerMessage::Room {
                    room: room.as_str().into(),
                    peers: peers.iter().map(text).collect(),
                }
            }
            Notice::RoomPeerJoined { room, peer } => {
                ServerMessage::RoomPeerJoined { room: room.as_str().into(), peer_id: text(peer) }
            }
            Notice::RoomPeerLeft { room, peer } => {
                ServerMessage::RoomPeerLeft { room: room.as_str().into(), peer_id: text(peer) }
            }
            Notice::RoomMessage { room, from, text: said } => ServerMessage::RoomMessage {
                room: room.as_str().into(),
                from: text(from),
                text: Cow::Borrowed(said),
            },
            Notice::Snapshot(snapshot) => ServerMessage::Snapshot {
                accounts: snapshot.accounts.iter().map(seen).collect(),
                call: snapshot.call.as_ref().map(view),
                sessions: snapshot.sessions.iter().map(|id| id.to_string().into()).collect(),
            },
            Notice::IceServers => {
                let IceServers { servers, ttl } = self.me.ice_servers();
                ServerMessage::IceServers { ice_servers: servers, ttl }
            }
            Notice::Done => ServerMessage::Done,
            Notice::Refused(refusal) => ServerMessage::Error {
                code: code(refusal).into(),
                details: refusal.to_string().into(),
            },
            Notice::StatusChanged { .. }
            | Notice::SessionRequested { .. }
            | Notice::SessionStarted { .. }
            | Notice::SessionEnded { .. }
            | Notice::Relayed { .. }
            | Notice::CallCandidate { .. }
            | Notice::Dialled { .. }
            | Notice::DialledBy { .. }
            | Notice::Said { .. }
            | Notice::Producers(_)
            | Notice::Consumers(_)
            | Notice::Named { .. } => return None,
        })
    }
}

/// The first message of a connection.
#[derive(Debug)]
pub(crate) struct Hello<'a> {
    pub(crate) instance: Option<Cow<'a, str>>,
    pub(crate) calls: bool,
    pub(crate) proof: Proof<'a>,
    pub(crate) tag: Option<Text>,
}

/// Reads it; the error is one sentence.
pub(crate) fn hello(text: &str) -> Result<Hello<'_>, String> {
    let Tagged { message, id } =
        Tagged::<FromClient<'_>>::parse(text).map_err(|fault| fault.to_string())?;
    match message {
        FromClient::Intercom(ClientMessage::Hello { instance, calls, proof }) => {
            Ok(Hello { instance, calls, proof, tag: id.map(|id| id.get().into()) })
        }
        _ => Err("the first message is hello".to_owned()),
    }
}

/// The answer to a hello that is not good.
pub(crate) fn refused(code: &str, details: &str, tag: Option<&str>) -> String {
    let id = tag.and_then(|tag| serde_json::from_str::<&RawValue>(tag).ok());
    ServerMessage::Error { code: code.into(), details: details.into() }.print(id)
}

/// The answer to one that brings a connection back.
pub(crate) fn resumed(received: u64, resume_token: &str, reset: bool, restarted: bool) -> String {
    let resume_token = wire::Secret(resume_token.into());
    ServerMessage::Resumed { received, resume_token, reset, restarted }.print(None)
}

pub(super) fn ack(received: u64) -> String {
    ServerMessage::Ack { received }.print(None)
}

pub(super) fn logged_out() -> String {
    ServerMessage::LoggedOut.print(None)
}

/// The word for programs of each refusal.
fn code(refusal: &Refusal) -> &'static str {
    match refusal {
        Refusal::Unreadable(_) => "unreadable",
        Refusal::BothEnds(_) => "bothEnds",
        Refusal::OfferFromConsumer { .. } => "offerFromConsumer",
        Refusal::OnlyOneEnd(_) => "onlyOneEnd",
        Refusal::MetaTooLong { .. } => "metaTooLong",
        Refusal::TooFast(_) => "tooFast",
        Refusal::NotLoggedIn => "notLoggedIn",
        Refusal::NoSuchCall => "noSuchCall",
        Refusal::BadState(_) => "badState",
        Refusal::NotYourProducer(_) => "notYourProducer",
        Refusal::BadName(_) => "badName",
        Refusal::BadRoom(_) => "badRoom",
        Refusal::NoSuchRoom => "noSuchRoom",
        Refusal::PeerBusy(_) => "busy",
        Refusal::InSession => "inSession",
        Refusal::NotInRoom(_) => "notInRoom",
        Refusal::TooManyRooms { .. } => "tooManyRooms",
        Refusal::RoomFull { .. } => "roomFull",
        Refusal::NoSuchAccount(_) => "noSuchAccount",
        Refusal::Forbidden { .. } => "forbidden",
        Refusal::Busy(_) => "busy",
        Refusal::InCall => "inCall",
        Refusal::NotCallable(_) => "notCallable",
        Refusal::Oneself => "oneself",
        Refusal::NoSuchPeer(_) => "noSuchPeer",
        Refusal::NoMedia { .. } => "noMedia",
        Refusal::TooManySessions { .. } => "tooManySessions",
        Refusal::TooManyTogether { .. } => "tooManyTogether",
        Refusal::WatchOnly => "watchOnly",
    }
}

fn request(message: ClientMessage<'_>) -> Result<Request, Refusal> {
    Ok(match message {
        ClientMessage::Hello { .. } => {
            return Err(Refusal::Unreadable("hello was said already".into()));
        }
        ClientMessage::Ack { .. } => return Err(Refusal::Unreadable("not a request".into())),
        ClientMessage::ListAccounts => Request::ListAccounts,
        ClientMessage::OfferCall { to, media } => {
            Request::OfferCall { to: AccountName::parse(&to)?, media: media_from_wire(media) }
        }
        ClientMessage::AnswerCall { call_id, accept, media, reason } => Request::AnswerCall {
            call: call(&call_id)?,
            answer: if accept {
                Answer::Accept(media_from_wire(media.unwrap_or_default()))
            } else {
                Answer::Reject(match reason.unwrap_or_default() {
                    wire::RejectReason::Rejected => RejectCause::Rejected,
                    wire::RejectReason::Busy => RejectCause::Busy,
                })
            },
        },
        ClientMessage::AttachPeer { call_id, peer_id } => {
            Request::AttachPeer { call: call(&call_id)?, peer: PeerId::from(&*peer_id) }
        }
        ClientMessage::UpdateCall { call_id, media } => {
            Request::UpdateCall { call: call(&call_id)?, media: media_from_wire(media) }
        }
        ClientMessage::EndCall { call_id, reason } => Request::EndCall {
            call: call(&call_id)?,
            cause: match reason.unwrap_or_default() {
                wire::HangUpReason::Hangup => EndCause::Hangup,
                wire::HangUpReason::MediaFailed => EndCause::MediaFailed,
            },
        },
        ClientMessage::JoinRoom { room } => Request::JoinRoom { room: RoomId::parse(&room)? },
        ClientMessage::LeaveRoom { room } => Request::LeaveRoom { room: RoomId::parse(&room)? },
        ClientMessage::ListRoom { room } => Request::ListRoom { room: RoomId::parse(&room)? },
        ClientMessage::RoomMessage { room, to, text } => Request::RoomMessage {
            room: RoomId::parse(&room)?,
            to: PeerId::from(&*to),
            text: text.into(),
        },
        ClientMessage::GetIceServers => Request::AskIceServers,
        ClientMessage::Logout => Request::LogOut,
    })
}

fn unreadable(fault: &impl ToString) -> Said {
    Said::Request { request: Some(Request::Unreadable { fault: fault.to_string() }), tag: None }
}

/// What is no id is nobody's call.
fn call(text: &str) -> Result<CallId, Refusal> {
    CallId::parse(text).ok_or(Refusal::NoSuchCall)
}

fn seen(account: &Seen) -> wire::Account<'_> {
    wire::Account {
        name: name(&account.name),
        kind: role(account.kind),
        label: account.label.as_deref().map(Cow::Borrowed),
        status: match account.status {
            AccountStatus::Disconnected => wire::Status::Disconnected,
            AccountStatus::Available => wire::Status::Available,
            AccountStatus::Busy => wire::Status::Busy,
        },
        callable: account.callable,
    }
}

fn view(view: &CallView) -> wire::Call<'_> {
    wire::Call {
        call_id: id(view.call),
        with: name(&view.with),
        outgoing: view.outgoing,
        stage: match view.stage {
            CallStage::Ringing => wire::Stage::Ringing,
            CallStage::Held => wire::Stage::Held,
            CallStage::Elsewhere => wire::Stage::Elsewhere,
        },
        media: media_to_wire(view.media),
        peers: view.peers.iter().map(text).collect(),
        connected: view.connected,
    }
}

fn role(kind: Kind) -> wire::AccountRole {
    match kind {
        Kind::User => wire::AccountRole::User,
        Kind::Device => wire::AccountRole::Device,
        Kind::Admin => wire::AccountRole::Admin,
    }
}

fn reason_to_wire(reason: EndReason) -> wire::EndReason {
    match reason {
        EndReason::Hangup => wire::EndReason::Hangup,
        EndReason::Rejected => wire::EndReason::Rejected,
        EndReason::Busy => wire::EndReason::Busy,
        EndReason::NoAnswer => wire::EndReason::NoAnswer,
        EndReason::Cancelled => wire::EndReason::Cancelled,
        EndReason::Disconnected => wire::EndReason::Disconnected,
        EndReason::MediaFailed => wire::EndReason::MediaFailed,
        EndReason::AnsweredElsewhere => wire::EndReason::AnsweredElsewhere,
        EndReason::LoggedOut => wire::EndReason::LoggedOut,
        EndReason::Incompatible => wire::EndReason::Incompatible,
    }
}

fn media_from_wire(media: wire::Media) -> Media {
    Media { audio: media.audio, video: media.video }
}

fn media_to_wire(media: Media) -> wire::Media {
    wire::Media { audio: media.audio, video: media.video }
}

fn name(account: &AccountName) -> Cow<'_, str> {
    Cow::Borrowed(account.as_str())
}

fn text(peer: &PeerId) -> Cow<'_, str> {
    Cow::Borrowed(peer.as_str())
}

fn id(call: CallId) -> Cow<'static, str> {
    call.to_string().into()
}
