//! The stock protocol (`docs/ref/gst.md`) ↔ the core.
//!
//! Holds what is a matter of this protocol alone: the version that a peer announced, and the checks
//! of what goes on as it came. Who may do what is the core's to say.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use intercom_protocol::gst::{self, ClientMessage, PeerMessage, SdpKind, ServerMessage, Version};
use intercom_protocol::sdp;
use serde::Deserialize;
use serde_json::value::RawValue;
use signaller_core::{Listed, Notice, Payload, PeerId, Request, Role, SessionId, Status, Text};

use super::free_form;

/// One connection's side of the protocol. Read by its reader while its writer prints.
#[derive(Debug, Default)]
pub(crate) struct Gst {
    v1_1: AtomicBool,
}

impl Gst {
    /// For a peer that knows the newest version without announcing it.
    pub(super) fn newest() -> Self {
        Self { v1_1: AtomicBool::new(true) }
    }

    /// What a text message asks for; `None` when nothing is left for the hub to do.
    pub(crate) fn read(&self, text: &str) -> Option<Request> {
        match ClientMessage::parse(text) {
            Ok(message) => self.checked(message),
            Err(fault) => Some(Request::Unreadable { fault: fault.to_string() }),
        }
    }

    /// What a message asks for, once all of it that others will hear can be read by them.
    pub(super) fn checked(&self, message: ClientMessage<'_>) -> Option<Request> {
        match passed_on(&message).map(free_form::check) {
            Some(Err(fault)) => {
                Some(Request::Unreadable { fault: format!("not readable: {fault}") })
            }
            _ => self.request(message),
        }
    }

    /// The text message that says this; `None` for what this protocol has no words for: a stock
    /// client that hears a word it does not know gives up.
    pub(crate) fn print(&self, notice: &Notice) -> Option<String> {
        let message = match notice {
            Notice::Relayed { session, payload } => return Some(relayed(payload).print(session)),
            Notice::Welcome { peer } => ServerMessage::Welcome { peer_id: id(peer) },
            Notice::StatusChanged { peer, status, account } => ServerMessage::PeerStatusChanged {
                roles: status.roles.iter().copied().map(role_to_wire).collect(),
                meta: meta(status),
                peer_id: id(peer),
                account: account.as_ref().map(|name| Cow::Borrowed(name.as_str())),
            },
            Notice::SessionRequested { peer, session, offer, call } => {
                ServerMessage::StartSession {
                    peer_id: id(peer),
                    session_id: session.to_string().into(),
                    offer: offer.as_deref().map(Cow::Borrowed),
                    call_id: call.map(|call| call.to_string().into()),
                }
            }
            Notice::SessionStarted { peer, session } => ServerMessage::SessionStarted {
                peer_id: id(peer),
                session_id: session.to_string().into(),
            },
            Notice::SessionEnded { session, error } => self.session_ended(*session, error.as_ref()),
            Notice::Producers(peers) => ServerMessage::List { producers: listed(peers) },
            Notice::Consumers(peers) => ServerMessage::ListConsumers { consumers: listed(peers) },
            Notice::Refused(refusal) => {
                ServerMessage::Error { details: refusal.to_string().into() }
            }
            _ => return None,
        };
        Some(message.print())
    }

    fn request(&self, message: ClientMessage<'_>) -> Option<Request> {
        Some(match message {
            ClientMessage::SetProtocolVersion { version } => {
                self.v1_1.store(version == Version::V1_1, Ordering::Relaxed);
                return None;
            }
            ClientMessage::SetPeerStatus { roles, meta } => Request::SetStatus(Status {
                roles: roles_from_wire(&roles),
                name: meta.as_deref().and_then(name),
                meta: meta.map(|meta| meta.get().into()),
            }),
            ClientMessage::StartSession { peer_id, offer } => start_session(&peer_id, offer),
            ClientMessage::EndSession { session_id } => {
                Request::EndSession { session: SessionId::parse(&session_id)?, error: None }
            }
            ClientMessage::EndSessionV1_1 { session_id, error } => Request::EndSession {
                session: SessionId::parse(&session_id)?,
                error: error.map(Into::into),
            },
            ClientMessage::Peer(PeerMessage { session_id, payload }) => {
                relay(SessionId::parse(&session_id)?, &payload)
            }
            ClientMessage::List => Request::ListProducers,
            ClientMessage::ListConsumers => Request::ListConsumers,
        })
    }

    /// A stock client that hears `endSessionV1_1` without having asked for it gives up.
    fn session_ended<'a>(&self, session: SessionId, error: Option<&'a Text>) -> ServerMessage<'a> {
        let session_id = session.to_string().into();
        if self.v1_1.load(Ordering::Relaxed) {
            let error = error.map(|error| Cow::Borrowed(&**error));
            ServerMessage::EndSessionV1_1 { session_id, error }
        } else {
            ServerMessage::EndSession { session_id }
        }
    }
}

/// What a peer calls itself.
fn name(meta: &RawValue) -> Option<Text> {
    #[derive(Deserialize)]
    struct Named<'a> {
        #[serde(borrow)]
        name: Cow<'a, str>,
    }
    serde_json::from_str(meta.get()).ok().map(|Named { name }| name.into())
}

/// What of it others will hear as it came.
fn passed_on<'a>(message: &'a ClientMessage<'_>) -> Option<&'a RawValue> {
    match message {
        ClientMessage::SetPeerStatus { meta, .. } => meta.as_deref(),
        ClientMessage::Peer(PeerMessage { payload: gst::Payload::Sdp(sdp), .. }) => Some(&sdp.raw),
        ClientMessage::Peer(PeerMessage { payload: gst::Payload::Ice(ice), .. }) => Some(&ice.raw),
        _ => None,
    }
}

fn start_session(peer_id: &str, offer: Option<Cow<'_, str>>) -> Request {
    match offer.as_deref().map(sdp::check) {
        Some(Err(fault)) => Request::Unreadable { fault: fault.to_string() },
        _ => Request::StartSession { peer: PeerId::from(peer_id), offer: offer.map(Into::into) },
    }
}

fn relay(session: SessionId, payload: &gst::Payload<'_>) -> Request {
    let payload = match payload {
        gst::Payload::Sdp(sdp) => {
            if let Err(fault) = sdp::check(&sdp.text) {
                return Request::Spoil { session, fault: fault.to_string().into() };
            }
            let raw = Arc::from(sdp.raw.get());
            match sdp.kind {
                SdpKind::Offer => Payload::Offer(raw),
                SdpKind::Answer => Payload::Answer(raw),
            }
        }
        gst::Payload::Ice(ice) => Payload::Candidate(ice.raw.get().into()),
    };
    Request::Relay { session, payload }
}

fn relayed(payload: &Payload) -> gst::Relayed<'_> {
    match payload {
        Payload::Offer(text) | Payload::Answer(text) => gst::Relayed::Sdp(text),
        Payload::Candidate(text) => gst::Relayed::Ice(text),
    }
}

fn listed(peers: &[Listed]) -> Vec<gst::Listed<'_>> {
    peers
        .iter()
        .map(|Listed { peer, status, account }| gst::Listed {
            id: id(peer),
            meta: meta(status),
            account: account.as_ref().map(|name| Cow::Borrowed(name.as_str())),
        })
        .collect()
}

fn id(peer: &PeerId) -> Cow<'_, str> {
    Cow::Borrowed(peer.as_str())
}

fn meta(status: &Status) -> gst::Meta<'_> {
    status.meta.as_deref().map(|text| Cow::Borrowed(raw(text)))
}

/// The text was a raw value when it came in.
fn raw(text: &str) -> &RawValue {
    serde_json::from_str(text).unwrap_or(RawValue::NULL)
}

fn roles_from_wire(roles: &[gst::Role]) -> Vec<Role> {
    let mut distinct = Vec::new();
    for role in roles.iter().copied().map(role_from_wire) {
        if !distinct.contains(&role) {
            distinct.push(role);
        }
    }
    distinct
}

fn role_from_wire(role: gst::Role) -> Role {
    match role {
        gst::Role::Producer => Role::Producer,
        gst::Role::Listener => Role::Listener,
        gst::Role::Consumer => Role::Consumer,
    }
}

fn role_to_wire(role: Role) -> gst::Role {
    match role {
        Role::Producer => gst::Role::Producer,
        Role::Listener => gst::Role::Listener,
        Role::Consumer => gst::Role::Consumer,
    }
}
