//! simple (`docs/ref/simple.md`) ↔ the core: HELLO, SESSION and ROOM.
//!
//! A client's uid is its peer id. It is registered as a producer of that name, so that others find
//! it, and has one session or room at a time; what it says there depends on which. Which of two
//! comes first is the core's to say: what is read here is read as what the client can have known.

use std::sync::{Mutex, MutexGuard, PoisonError};

use intercom_protocol::gst::{Sdp, SdpKind};
use intercom_protocol::sdp;
use intercom_protocol::simple::{
    ClientMessage, OFFER_REQUEST, ServerMessage, Speech, print_ice, print_sdp,
};
use signaller_core::{
    Meaning, Notice, Payload, PeerId, Refusal, Request, Role, RoomId, SessionId, Text,
};

use super::{Over, free_form, named};
use crate::credentials::has_form_of_token;

/// The longest name of a client, in bytes.
const MAX_UID_LEN: usize = 64;

const IN_SESSION: &str = "you are already in a session, reconnect to the server to start a new \
                          session, or use a ROOM for multi-peer sessions";
const IN_ROOM: &str = "invalid msg, already in room";

/// Why a first message is none; words and code are those of the Python server.
const NO_HELLO: Over = Over { code: 1002, words: "invalid protocol" };
pub(super) const BAD_UID: Over = Over { code: 1002, words: "invalid peer uid" };

/// One connection's side of the protocol. Read by its reader while its writer prints.
#[derive(Debug)]
pub(crate) struct Simple {
    uid: String,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    place: Place,
    /// It has to be registered yet.
    is_new: bool,
}

/// Where a client is, as far as it can know.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum Place {
    #[default]
    Nowhere,
    /// It asked for this, and has no answer yet.
    Asking(String),
    /// It asked for this room, and has no answer yet.
    Entering(RoomId),
    Session,
    Room(RoomId),
}

/// The name in the first message, or why there is none.
pub(crate) fn hello(text: &str) -> Result<&str, Over> {
    let ClientMessage::Hello { uid } = ClientMessage::parse(text) else { return Err(NO_HELLO) };
    // Ids of that form are the server's to give: nobody is to take a device's place.
    let is_ours = SessionId::parse(uid).is_some();
    let fits = (1..=MAX_UID_LEN).contains(&uid.len()) && !uid.contains(char::is_control);
    if fits && !is_ours && !has_form_of_token(uid) { Ok(uid) } else { Err(BAD_UID) }
}

impl Simple {
    pub(super) fn new(uid: &str) -> Self {
        Self { uid: uid.to_owned(), state: Mutex::default() }
    }

    /// What a text message asks for.
    pub(super) fn read(&self, text: &str) -> Request {
        let mut state = self.state();
        let place = state.place.clone();
        match (ClientMessage::parse(text), place) {
            (ClientMessage::Session { uid }, Place::Nowhere) => {
                state.place = Place::Asking(uid.to_owned());
                Request::Dial { to: uid.into() }
            }
            (ClientMessage::Room { id }, Place::Nowhere) => match RoomId::parse(id) {
                Ok(room) => {
                    state.place = Place::Entering(room.clone());
                    Request::JoinRoom { room }
                }
                Err(fault) => {
                    state.place = Place::Asking(id.to_owned());
                    Request::Refuse(fault.into())
                }
            },
            (
                ClientMessage::RoomPeerMsg { uid, text },
                Place::Room(room) | Place::Entering(room),
            ) => Request::RoomMessage { room, to: PeerId::from(uid), text: text.into() },
            (ClientMessage::RoomPeerList, Place::Room(room) | Place::Entering(room)) => {
                Request::ListRoom { room }
            }
            (_, Place::Room(_) | Place::Entering(_)) => Request::Refuse(Refusal::InSession),
            (ClientMessage::RoomPeerMsg { .. } | ClientMessage::RoomPeerList, Place::Nowhere) => {
                Request::Refuse(Refusal::NoSuchRoom)
            }
            _ => Request::Say { text: text.into(), meaning: meaning(text) },
        }
    }

    /// What it asks of its own accord: to be known to others.
    pub(super) fn ask(&self) -> Option<Request> {
        let status = named(&self.uid, &[Role::Producer]);
        std::mem::take(&mut self.state().is_new).then_some(Request::SetStatus(status))
    }

    /// The text message that says this; `None` for what the protocol has no words for.
    pub(super) fn print(&self, notice: &Notice) -> Option<String> {
        let mut state = self.state();
        let message = match notice {
            Notice::Welcome { .. } => {
                state.is_new = true;
                ServerMessage::Hello
            }
            Notice::Dialled { .. } => {
                state.place = Place::Session;
                ServerMessage::SessionOk
            }
            Notice::DialledBy { .. } | Notice::SessionStarted { .. } => {
                state.place = Place::Session;
                return None;
            }
            Notice::SessionRequested { offer, .. } => {
                state.place = Place::Session;
                return Some(requested(offer.as_ref()));
            }
            Notice::Said { text } => ServerMessage::Text(text),
            Notice::Relayed { payload, .. } => return Some(relayed(payload)),
            Notice::SessionEnded { error: Some(error), .. } => {
                ServerMessage::Error { words: error }
            }
            Notice::RoomJoined { room, peers } => {
                state.place = Place::Room(room.clone());
                ServerMessage::RoomOk { uids: uids(peers) }
            }
            Notice::RoomPeers { peers, .. } => ServerMessage::RoomPeerList { uids: uids(peers) },
            Notice::RoomPeerJoined { peer, .. } => {
                ServerMessage::RoomPeerJoined { uid: peer.as_str() }
            }
            Notice::RoomPeerLeft { peer, .. } => ServerMessage::RoomPeerLeft { uid: peer.as_str() },
            Notice::RoomMessage { from, text, .. } => {
                ServerMessage::RoomPeerMsg { uid: from.as_str(), text }
            }
            Notice::Refused(refusal) => {
                return Some(
                    ServerMessage::Error { words: &refused(&mut state.place, refusal) }.print(),
                );
            }
            _ => return None,
        };
        Some(message.print())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The words of the Python server, where it has some. Who asked for a place is nowhere then.
fn refused(place: &mut Place, refusal: &Refusal) -> String {
    let asked = match place {
        Place::Asking(asked) => Some(std::mem::take(asked)),
        Place::Entering(room) => Some(room.to_string()),
        Place::Nowhere | Place::Session | Place::Room(_) => None,
    };
    if asked.is_some() {
        *place = Place::Nowhere;
    }
    let asked = asked.unwrap_or_default();
    match refusal {
        Refusal::NoSuchPeer(peer) => format!("peer '{peer}' not found"),
        Refusal::PeerBusy(peer)
        | Refusal::TooManySessions { peer, .. }
        | Refusal::TooManyTogether { peer, .. } => format!("peer '{peer}' busy"),
        Refusal::NotInRoom(peer) => format!("peer '{peer}' is not in the room"),
        Refusal::BadRoom(_) => format!("invalid room id '{asked}'"),
        Refusal::InSession if matches!(place, Place::Room(_)) => IN_ROOM.to_owned(),
        Refusal::InSession => IN_SESSION.to_owned(),
        other => other.to_string(),
    }
}

fn meaning(text: &str) -> Meaning {
    let harm = |fault: String| Meaning::Harm(fault.into());
    match Speech::parse(text) {
        Speech::Sdp(sdp) => {
            if let Err(fault) = sdp::check(&sdp.text) {
                return harm(fault.to_string());
            }
            if let Err(fault) = free_form::check(&sdp.raw) {
                return harm(format!("not readable: {fault}"));
            }
            let raw = sdp.raw.get().into();
            match sdp.kind {
                SdpKind::Offer => {
                    Meaning::Offer { payload: Payload::Offer(raw), sdp: sdp.text.into() }
                }
                SdpKind::Answer => Meaning::Payload(Payload::Answer(raw)),
            }
        }
        Speech::Ice(ice) => match free_form::check(&ice.raw) {
            Ok(()) => Meaning::Payload(Payload::Candidate(ice.raw.get().into())),
            Err(fault) => harm(format!("not readable: {fault}")),
        },
        Speech::OfferRequest => Meaning::Ask,
        Speech::Other => Meaning::Nothing,
    }
}

/// Somebody wants its media: it is to offer, or to answer.
fn requested(offer: Option<&Text>) -> String {
    match offer {
        Some(offer) => print_sdp(Sdp::new(SdpKind::Offer, &**offer).raw),
        None => OFFER_REQUEST.to_owned(),
    }
}

fn relayed(payload: &Payload) -> String {
    match payload {
        Payload::Offer(raw) | Payload::Answer(raw) => print_sdp(raw),
        Payload::Candidate(raw) => print_ice(raw),
    }
}

fn uids(peers: &[PeerId]) -> Vec<&str> {
    peers.iter().map(PeerId::as_str).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        let long = format!("HELLO {}", "a".repeat(65));
        for (text, uid) in [
            ("HELLO 4711", Ok("4711")),
            ("HELLO tür {\"a\":1}", Ok("tür")),
            ("HELLO ", Err(BAD_UID)),
            ("HELLO a\u{1b}[2J", Err(BAD_UID)),
            ("HELLO 00000000-0000-4000-8000-000000000000", Err(BAD_UID)),
            (&long, Err(BAD_UID)),
            ("SESSION a", Err(NO_HELLO)),
            ("{}", Err(NO_HELLO)),
        ] {
            assert_eq!(hello(text), uid, "{text}");
        }
    }
}
