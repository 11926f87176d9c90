//! Sessions: who may have one with whom, what passes in it, how it ends.

use std::sync::Arc;
use std::time::Instant;

use super::Hub;
use super::registration::may_produce;
use crate::accounts::{AccountName, Right};
use crate::facts::Fact;
use crate::ids::{CallId, ConnId, PeerId, SessionId};
use crate::peers::Peer;
use crate::sessions::Session;
use crate::timers::Due;
use crate::words::{Notice, Payload, Refusal, Role, Text};

const NO_LONGER: &str = "this is no longer allowed";

impl Hub {
    pub(super) fn start_session(
        &mut self,
        now: Instant,
        asker: ConnId,
        peer: &PeerId,
        offer: Option<Text>,
    ) -> Result<(), Refusal> {
        let session = self.session_with(asker, peer)?;
        self.open_session(now, session, offer);
        Ok(())
    }

    /// The session that somebody may have with a peer. Whoever asks a producer consumes; whoever
    /// asks a passive consumer produces.
    pub(super) fn session_with(
        &mut self,
        asker: ConnId,
        peer: &PeerId,
    ) -> Result<Session, Refusal> {
        let no_such_peer = || Refusal::NoSuchPeer(peer.clone());
        let Some(from) = self.peers.peer(asker) else { return Err(no_such_peer()) };
        let Some((other, to)) = self.peers.find(peer) else { return Err(no_such_peer()) };
        let is_producer = to.status.is(Role::Producer);
        let ends = [(other, to), (asker, from)];
        let [(producer, sends), (consumer, receives)] =
            if is_producer { ends } else { [ends[1], ends[0]] };
        let joint = self.call_carried_by(sends, receives);
        if joint.is_none() && !self.sees(asker, to.account()) {
            return Err(no_such_peer());
        }
        if !is_producer {
            may_send_to(from, to)?;
        }
        if other == asker {
            return Err(Refusal::OnlyOneEnd(peer.clone()));
        }
        let session = Session { producer, consumer, asker, call: joint };
        if let Err((of, right)) = self.permit(&session) {
            let asker = from.account().cloned();
            self.record(Fact::Forbidden { asker, of: of.clone(), right });
            return Err(Refusal::Forbidden { of, right });
        }
        // Who may not have one does not learn whether others have.
        self.check_session_count((asker, from), (other, to))?;
        Ok(session)
    }

    pub(super) fn relay(
        &mut self,
        conn: ConnId,
        id: SessionId,
        payload: Payload,
    ) -> Result<(), Refusal> {
        let Some(session) = self.sessions.session(id) else { return Ok(()) };
        let Some(other) = session.other(conn) else { return Ok(()) };
        let from_producer = conn == session.producer;
        if !from_producer && matches!(payload, Payload::Offer(_)) {
            return self.refuse_offer(conn, other);
        }
        if from_producer {
            self.spoke(id);
        }
        self.notify(other, Notice::Relayed { session: id, payload });
        Ok(())
    }

    /// Ends a session at the wish of one end; the other is told.
    pub(super) fn end_by(
        &mut self,
        conn: ConnId,
        id: SessionId,
        error: Option<Text>,
    ) -> Result<(), Refusal> {
        if let Some(other) = self.sessions.session(id).and_then(|session| session.other(conn)) {
            self.forget_session(id);
            self.notify(other, Notice::SessionEnded { session: id, error });
        }
        Ok(())
    }

    /// Ends a session because of what one end said in it; both are told.
    pub(super) fn spoil(
        &mut self,
        conn: ConnId,
        id: SessionId,
        fault: &Text,
    ) -> Result<(), Refusal> {
        if self.sessions.session(id).is_some_and(|session| session.has(conn)) {
            self.end_for_both(id, Some(fault));
        }
        Ok(())
    }

    /// Ends all sessions in which a connection has this role.
    pub(super) fn end_all_where(&mut self, conn: ConnId, role: Role) {
        let Some(peer) = self.peers.peer(conn) else { return };
        for id in peer.sessions.clone() {
            let Some(session) = self.sessions.session(id) else { continue };
            let end = if role == Role::Producer { session.producer } else { session.consumer };
            if end == conn {
                let _ = self.end_by(conn, id, None); // never refused
            }
        }
    }

    pub(super) fn end_all_of_call(&mut self, call: CallId) {
        for id in self.sessions.all_where(|session| session.call == Some(call)) {
            self.end_for_both(id, None);
        }
    }

    /// Ends what a change of rights no longer allows.
    pub(super) fn end_forbidden(&mut self) {
        let fault = Text::from(NO_LONGER);
        for id in self.sessions.all_where(|session| self.permit(session).is_err()) {
            self.end_for_both(id, Some(&fault));
        }
    }

    /// The first word in a session, or a later one.
    pub(super) fn spoke(&mut self, id: SessionId) {
        if self.sessions.spoke(id) {
            self.timers.cancel(Due::FirstWord(id));
        }
    }

    pub(super) fn nobody_spoke(&mut self, id: SessionId) {
        let is_verbatim = self.sessions.session(id).is_some_and(|ends| self.is_verbatim(ends));
        let silence =
            if is_verbatim { "nobody said anything" } else { "the producer said nothing" };
        let seconds = self.limits.first_word.as_secs();
        let fault = Text::from(format!("{silence} for {seconds} s"));
        self.end_for_both(id, Some(&fault));
    }

    /// Puts back a session that two ends had before the server was started.
    pub(super) fn restore_session(&mut self, id: SessionId, session: Session) {
        for conn in [session.producer, session.consumer] {
            if let Some(peer) = self.peers.peer_mut(conn) {
                peer.sessions.push(id);
            }
        }
        self.sessions.insert(id, session, false);
    }

    /// Whose right is lacking for a session, and which; none if it belongs to a call.
    fn permit(&self, session: &Session) -> Result<(), (AccountName, Right)> {
        let rights = match session.asker == session.consumer {
            // What goes through as it is goes both ways.
            true if self.is_verbatim(session) => &[Right::Watch, Right::Talk][..],
            true => &[Right::Watch],
            false => &[Right::Talk],
        };
        let asker = self.peers.peer(session.asker).and_then(Peer::account);
        let asked = session.other(session.asker).and_then(|conn| self.peers.peer(conn));
        let Some(asked) = asked.and_then(Peer::account) else { return Ok(()) };
        let allows = |right| self.accounts.allow(right, asked, asker);
        let lacking = rights.iter().find(|right| !(allows(**right) && allows(Right::See)));
        match lacking.filter(|_| session.call.is_none()) {
            Some(right) => Err((asked.clone(), *right)),
            None => Ok(()),
        }
    }

    /// The call between the accounts of two peers, if the first one was attached to it.
    fn call_carried_by(&self, producer: &Peer, consumer: &Peer) -> Option<CallId> {
        let (id, call) = self.calls.of(producer.account()?)?;
        call.carries(&producer.id, producer.account()?, consumer.account()?).then_some(id)
    }

    fn check_session_count(
        &self,
        (asker, from): (ConnId, &Peer),
        (other, to): (ConnId, &Peer),
    ) -> Result<(), Refusal> {
        if from.identity.has_one_place() && self.is_taken(asker) {
            return Err(Refusal::InSession);
        }
        if to.identity.has_one_place() && self.is_taken(other) {
            return Err(Refusal::PeerBusy(to.id.clone()));
        }
        let max = self.limits.sessions_per_peer;
        for peer in [from, to] {
            if peer.sessions.len() >= max {
                return Err(Refusal::TooManySessions { peer: peer.id.clone(), max });
            }
        }
        let max = self.limits.sessions_per_pair;
        let sessions = from.sessions.iter().filter_map(|id| self.sessions.session(*id));
        if sessions.filter(|session| session.has(other)).count() >= max {
            return Err(Refusal::TooManyTogether { peer: to.id.clone(), max });
        }
        Ok(())
    }

    /// Its id; `None` if an end is gone.
    pub(super) fn open_session(
        &mut self,
        now: Instant,
        session: Session,
        offer: Option<Text>,
    ) -> Option<SessionId> {
        let id = self.rng.session_id();
        let producer = self.add_end(session.producer, id)?;
        let consumer = self.add_end(session.consumer, id)?;
        let is_verbatim = self.is_verbatim(&session);
        self.sessions.insert(id, session, true);
        self.timers.set(Due::FirstWord(id), now + self.limits.first_word);
        if is_verbatim {
            let (asker, asked) = (consumer.0.clone(), producer.0.clone());
            self.answer(session.consumer, Notice::Dialled { peer: asked });
            self.notify(session.producer, Notice::DialledBy { peer: asker });
        } else {
            self.tell_ends(id, session, [producer.0, consumer.0], offer);
        }
        let (producer, consumer, call) = (producer.1, consumer.1, session.call);
        self.record(Fact::SessionStarted { session: id, producer, consumer, call });
        if let Some(call) = call {
            self.record_open(call);
        }
        Some(id)
    }

    /// Whether both ends hear what is said as it is.
    pub(super) fn is_verbatim(&self, session: &Session) -> bool {
        [session.producer, session.consumer]
            .into_iter()
            .all(|conn| self.peers.peer(conn).is_some_and(|peer| peer.identity.verbatim))
    }

    fn add_end(&mut self, conn: ConnId, id: SessionId) -> Option<(PeerId, Option<AccountName>)> {
        let peer = self.peers.peer_mut(conn)?;
        peer.sessions.push(id);
        Some((peer.id.clone(), peer.account().cloned()))
    }

    /// The consumer first: it knows its session before the producer's offer can reach it.
    fn tell_ends(
        &mut self,
        id: SessionId,
        session: Session,
        [sends, receives]: [PeerId; 2],
        offer: Option<Text>,
    ) {
        let Session { producer, consumer, asker, call } = session;
        for (conn, notice) in [
            (consumer, Notice::SessionStarted { peer: sends, session: id }),
            (producer, Notice::SessionRequested { peer: receives, session: id, offer, call }),
        ] {
            if conn == asker {
                self.answer(conn, notice);
            } else {
                self.notify(conn, notice);
            }
        }
    }

    fn refuse_offer(&self, consumer: ConnId, producer: ConnId) -> Result<(), Refusal> {
        let (Some(consumer), Some(producer)) =
            (self.peers.peer(consumer), self.peers.peer(producer))
        else {
            return Ok(());
        };
        Err(Refusal::OfferFromConsumer {
            consumer: consumer.id.clone(),
            producer: producer.id.clone(),
        })
    }

    fn end_for_both(&mut self, id: SessionId, error: Option<&Text>) {
        let Some(session) = self.forget_session(id) else { return };
        for conn in [session.producer, session.consumer] {
            let error = error.map(Arc::clone);
            self.notify(conn, Notice::SessionEnded { session: id, error });
        }
    }

    fn forget_session(&mut self, id: SessionId) -> Option<Session> {
        let session = self.sessions.remove(id)?;
        self.timers.cancel(Due::FirstWord(id));
        for conn in [session.producer, session.consumer] {
            if let Some(peer) = self.peers.peer_mut(conn) {
                peer.sessions.retain(|other| *other != id);
                if peer.identity.verbatim {
                    self.over.push(conn);
                }
            }
        }
        Some(session)
    }
}

/// Without being asked: who consumes takes what comes.
fn may_send_to(from: &Peer, to: &Peer) -> Result<(), Refusal> {
    if to.status.is(Role::Consumer) {
        return may_produce(from);
    }
    Err(Refusal::NoMedia {
        from: from.id.clone(),
        from_roles: from.status.roles.clone(),
        to: to.id.clone(),
        to_roles: to.status.roles.clone(),
    })
}
