//! The call that this client takes part in, from ring to hang-up: a value that checks what the
//! server says against what was said before, and remembers what the user wants, so that it can be
//! said again after a new beginning. It knows no media.

use std::borrow::Cow;

use intercom_protocol::intercom::{
    self, ClientMessage, EndReason, HangUpReason, Media, RejectReason, ServerMessage, Stage,
};
use tracing::{debug, info};

use crate::ids::{CallId, PeerId};
use crate::outlet::{Outlet, Request};
use crate::words::{CallEvent, Event};

/// There is one at most: a call makes an account busy.
#[derive(Debug, Default)]
pub(crate) struct Calls {
    current: Option<Call>,
    /// The last one of which the server said that it is over.
    over: Option<CallId>,
}

#[derive(Debug)]
struct Call {
    id: CallId,
    with: String,
    is_outgoing: bool,
    is_accepted: bool,
    /// What the other side sends.
    media: Media,
    /// The other side's producers.
    peers: Vec<PeerId>,
    is_away: bool,
    /// What the user said to it, for when it has to be said again.
    wanted: Wanted,
}

/// What the user said to a call.
#[derive(Debug, Default)]
struct Wanted {
    answer: Option<Answer>,
    end: Option<HangUpReason>,
    attached: Vec<PeerId>,
    media: Option<Media>,
}

#[derive(Clone, Copy, Debug)]
enum Answer {
    Accept(Media),
    Reject(RejectReason),
}

/// What the user says.
impl Calls {
    pub(crate) fn call(&mut self, out: &mut Outlet, to: String, media: Media) {
        if out.is_extended() {
            let message = ClientMessage::OfferCall { to: Cow::Borrowed(&to), media };
            return out.ask(&message, Request::Call(to.clone()));
        }
        refuse(out, to, "notLoggedIn", "calls need a login on a server that knows calls");
    }

    pub(crate) fn accept(&mut self, out: &mut Outlet, id: &CallId, media: Media) {
        self.answer(out, id, Answer::Accept(media));
    }

    pub(crate) fn reject(&mut self, out: &mut Outlet, id: &CallId, reason: RejectReason) {
        self.answer(out, id, Answer::Reject(reason));
    }

    pub(crate) fn hang_up(&mut self, out: &mut Outlet, id: &CallId, reason: HangUpReason) {
        if let Some(call) = self.find(id) {
            call.wanted.end = Some(reason);
        }
        end(out, id, reason);
    }

    pub(crate) fn attach(&mut self, out: &mut Outlet, id: &CallId, peer: PeerId) {
        let Some(call) = self.find(id) else { return too_late(id) };
        attach(out, id, &peer);
        if !call.wanted.attached.contains(&peer) {
            call.wanted.attached.push(peer);
        }
    }

    pub(crate) fn update(&mut self, out: &mut Outlet, id: &CallId, media: Media) {
        let Some(call) = self.find(id) else { return too_late(id) };
        call.wanted.media = Some(media);
        update(out, id, media);
    }

    /// The user leaves: a call that is this client's own ends.
    pub(crate) fn leave(&mut self, out: &mut Outlet) {
        let own = self.current.take().filter(|call| call.is_outgoing || call.is_accepted);
        let Some(mut call) = own else { return };
        end(out, &call.id, HangUpReason::Hangup);
        call.wanted.end = Some(HangUpReason::Hangup);
        self.current = Some(call);
    }

    fn answer(&mut self, out: &mut Outlet, id: &CallId, answer: Answer) {
        let ringing = self.find(id).filter(|call| !call.is_outgoing && !call.is_accepted);
        let Some(call) = ringing else { return too_late(id) };
        call.wanted.answer = Some(answer);
        say_answer(out, id, answer);
    }
}

/// What is known.
impl Calls {
    /// The other side's producers; `None` without a call.
    pub(crate) fn peers(&self) -> Option<&[PeerId]> {
        self.current.as_ref().map(|call| &call.peers[..])
    }
}

/// What the server says.
impl Calls {
    /// A message about calls; others are not for here.
    pub(crate) fn message(&mut self, out: &mut Outlet, message: ServerMessage<'_>) {
        match message {
            ServerMessage::CallRinging { call_id, to } => {
                self.ringing(out, &call_id, to.into_owned(), true, Media::default());
            }
            ServerMessage::IncomingCall { call_id, from, media } => {
                self.ringing(out, &call_id, from.into_owned(), false, media);
            }
            ServerMessage::CallAccepted { call_id, media, .. } => {
                self.of(&call_id, |call| call.accepted(out, media));
            }
            ServerMessage::CallPeer { call_id, peer_id } => {
                self.of(&call_id, |call| call.peer(out, &peer_id));
            }
            ServerMessage::CallPeerGone { call_id, peer_id } => {
                self.of(&call_id, |call| call.peer_gone(out, &peer_id));
            }
            ServerMessage::CallUpdated { call_id, media } => {
                self.of(&call_id, |call| call.updated(out, media));
            }
            ServerMessage::CallAway { call_id } => self.of(&call_id, |call| call.away(out, true)),
            ServerMessage::CallBack { call_id } => self.of(&call_id, |call| call.away(out, false)),
            ServerMessage::CallEnded { call_id, reason }
                if self.current.as_ref().is_some_and(|call| *call.id.as_str() == *call_id) =>
            {
                self.over = self.current.as_ref().map(|call| call.id.clone());
                self.ended(out, reason);
            }
            _ => {}
        }
    }

    /// The request for a call was refused.
    pub(crate) fn refused(&mut self, out: &mut Outlet, to: String, code: &str, details: &str) {
        refuse(out, to, code, details);
    }

    /// How things stand after a new beginning, and whom the user called in vain or not.
    pub(crate) fn snapshot(
        &mut self,
        out: &mut Outlet,
        call: Option<intercom::Call<'_>>,
        called: Vec<String>,
    ) {
        let call = call.filter(|call| call.stage != Stage::Elsewhere);
        let call = call.filter(|call| !self.is_ghost(out, call));
        let same = self.current.as_ref().zip(call.as_ref());
        if same.is_none_or(|(old, new)| *old.id.as_str() != *new.call_id) {
            self.ended(out, EndReason::Disconnected);
        }
        if let Some(call) = call {
            self.stands(out, &call);
        }
        for to in called {
            if !self.current.as_ref().is_some_and(|call| call.is_outgoing && call.with == to) {
                refuse(out, to, "disconnected", "the connection was lost while calling");
            }
        }
        if let Some(call) = &self.current {
            call.say_again(out);
        }
    }

    /// A server that was killed just when the call ended does not know that: it is told.
    fn is_ghost(&self, out: &mut Outlet, call: &intercom::Call<'_>) -> bool {
        let over = self.over.as_ref().filter(|over| *over.as_str() == *call.call_id);
        if let Some(over) = over {
            end(out, over, HangUpReason::Hangup);
        }
        over.is_some()
    }

    /// Nothing is left of it on the server.
    pub(crate) fn gone(&mut self, out: &mut Outlet, called: Vec<String>) {
        self.snapshot(out, None, called);
    }

    fn ringing(
        &mut self,
        out: &mut Outlet,
        id: &str,
        with: String,
        is_outgoing: bool,
        media: Media,
    ) {
        let Some(id) = CallId::new(id) else {
            return debug!("skipped a call without a usable id");
        };
        if self.find(&id).is_some() {
            return;
        }
        // The server knows one call of an account: the other one's end was not heard.
        self.ended(out, EndReason::Disconnected);
        info!(call = %id, %with, is_outgoing, "ringing");
        let event = if is_outgoing {
            CallEvent::Ringing { call: id.clone(), to: with.clone() }
        } else {
            CallEvent::Incoming { call: id.clone(), from: with.clone(), media }
        };
        self.current = Some(Call {
            id,
            with,
            is_outgoing,
            is_accepted: false,
            media,
            peers: Vec::new(),
            is_away: false,
            wanted: Wanted::default(),
        });
        tell(out, event);
    }

    fn ended(&mut self, out: &mut Outlet, reason: EndReason) {
        if let Some(call) = self.current.take() {
            info!(call = %call.id, ?reason, "call ended");
            tell(out, CallEvent::Ended { call: call.id, reason });
        }
    }

    /// Brings what is known up to what the server knows.
    fn stands(&mut self, out: &mut Outlet, now: &intercom::Call<'_>) {
        self.ringing(out, &now.call_id, now.with.clone().into_owned(), now.outgoing, now.media);
        let Some(call) = &mut self.current else { return };
        if now.stage == Stage::Held {
            call.accepted(out, now.media);
            call.updated(out, now.media);
        }
        for peer in call.peers.clone() {
            if now.peers.iter().all(|there| **there != *peer.as_str()) {
                call.peer_gone(out, peer.as_str());
            }
        }
        for peer in &now.peers {
            call.peer(out, peer);
        }
        call.away(out, !now.connected);
    }

    fn of(&mut self, id: &str, then: impl FnOnce(&mut Call)) {
        match self.current.as_mut().filter(|call| call.id.as_str() == id) {
            Some(call) => then(call),
            None => debug!("skipped what belongs to no call of ours"),
        }
    }

    fn find(&mut self, id: &CallId) -> Option<&mut Call> {
        self.current.as_mut().filter(|call| call.id == *id)
    }
}

/// Steps of one call; what is known already is not told again.
impl Call {
    fn accepted(&mut self, out: &mut Outlet, media: Media) {
        if std::mem::replace(&mut self.is_accepted, true) {
            return;
        }
        info!(call = %self.id, with = %self.with, "call accepted");
        self.media = media;
        let (call, with) = (self.id.clone(), self.with.clone());
        tell(out, CallEvent::Accepted { call, with, media });
    }

    fn peer(&mut self, out: &mut Outlet, peer: &str) {
        let Some(peer_id) = PeerId::new(peer).filter(|peer| !self.peers.contains(peer)) else {
            return;
        };
        self.peers.push(peer_id.clone());
        tell(out, CallEvent::Peer { call: self.id.clone(), peer_id });
    }

    fn peer_gone(&mut self, out: &mut Outlet, peer: &str) {
        let Some(index) = self.peers.iter().position(|known| known.as_str() == peer) else {
            return;
        };
        let peer_id = self.peers.remove(index);
        tell(out, CallEvent::PeerGone { call: self.id.clone(), peer_id });
    }

    fn updated(&mut self, out: &mut Outlet, media: Media) {
        if std::mem::replace(&mut self.media, media) != media {
            tell(out, CallEvent::Updated { call: self.id.clone(), media });
        }
    }

    fn away(&mut self, out: &mut Outlet, is_away: bool) {
        if std::mem::replace(&mut self.is_away, is_away) != is_away {
            let call = self.id.clone();
            tell(out, if is_away { CallEvent::Away { call } } else { CallEvent::Back { call } });
        }
    }

    /// What the user said, for a server that perhaps did not hear it.
    fn say_again(&self, out: &mut Outlet) {
        let Wanted { answer, end: ending, attached, media } = &self.wanted;
        if let Some(reason) = ending {
            return end(out, &self.id, *reason);
        }
        if let Some(answer) = answer.filter(|_| !self.is_accepted) {
            return say_answer(out, &self.id, answer);
        }
        for peer in attached {
            attach(out, &self.id, peer);
        }
        if let Some(media) = media {
            update(out, &self.id, *media);
        }
    }
}

fn say_answer(out: &mut Outlet, id: &CallId, answer: Answer) {
    let (media, reason) = match answer {
        Answer::Accept(media) => (Some(media), None),
        Answer::Reject(reason) => (None, Some(reason)),
    };
    let call_id = Cow::Borrowed(id.as_str());
    let message = ClientMessage::AnswerCall { call_id, accept: media.is_some(), media, reason };
    out.ask(&message, Request::Other);
}

fn end(out: &mut Outlet, id: &CallId, reason: HangUpReason) {
    let call_id = Cow::Borrowed(id.as_str());
    out.ask(&ClientMessage::EndCall { call_id, reason: Some(reason) }, Request::HangUp);
}

fn attach(out: &mut Outlet, id: &CallId, peer: &PeerId) {
    let (call_id, peer_id) = (Cow::Borrowed(id.as_str()), Cow::Borrowed(peer.as_str()));
    out.ask(&ClientMessage::AttachPeer { call_id, peer_id }, Request::Other);
}

fn update(out: &mut Outlet, id: &CallId, media: Media) {
    let call_id = Cow::Borrowed(id.as_str());
    out.ask(&ClientMessage::UpdateCall { call_id, media }, Request::Other);
}

fn refuse(out: &mut Outlet, to: String, code: &str, details: &str) {
    tell(out, CallEvent::Refused { to, code: code.to_owned(), details: details.to_owned() });
}

fn tell(out: &mut Outlet, event: CallEvent) {
    out.tell(Event::Call(event));
}

fn too_late(id: &CallId) {
    debug!(call = %id, "too late for this call");
}
