//! The rules: every input, what it changes, who hears of it and in which order.
//!
//! Three rules hold after every input: a session has exactly two ends, both live; nobody but
//! those two can end it, read it or say something in it; who asks something of a session that it
//! is not part of gets no answer, as if there were none.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use crate::ids::{ConnId, PeerId, Rng, SessionId};
use crate::limits::Limits;
use crate::peers::{Peer, Peers};
use crate::sessions::Sessions;
use crate::words::{Access, CloseReason, Notice, Payload, Refusal, Request, Role, Status, Text};

/// What happens to the hub.
#[derive(Clone, Debug)]
pub enum Input {
    /// Somebody came, and may do this much.
    Connected {
        /// A connection that was never used before.
        conn: ConnId,
        /// What it may do.
        access: Access,
    },
    /// Its socket is gone.
    Disconnected {
        /// Which one.
        conn: ConnId,
    },
    /// It asks for something.
    Request {
        /// Who.
        conn: ConnId,
        /// What.
        request: Request,
    },
    /// It does not read: what is queued for it is all that may be.
    Overflowed {
        /// Which one.
        conn: ConnId,
    },
    /// [`Hub::poll_timeout`]'s time has come.
    Timeout,
    /// The server stops: everybody is closed, later arrivals as well.
    Stopping,
}

/// What the hub wants done, in this order.
#[derive(Clone, Debug)]
pub enum Output {
    /// Tell it.
    Notify {
        /// Whom.
        conn: ConnId,
        /// What; shared by all who are told the same.
        notice: Arc<Notice>,
    },
    /// Close it; the hub has forgotten it already.
    Close {
        /// Which one.
        conn: ConnId,
        /// Why.
        reason: CloseReason,
    },
}

/// All peers and sessions of one server.
#[derive(Debug)]
pub struct Hub {
    limits: Limits,
    rng: Rng,
    peers: Peers,
    sessions: Sessions,
    outputs: VecDeque<Output>,
    stopping: bool,
}

impl Hub {
    /// An empty hub.
    pub fn new(limits: Limits, rng: Rng) -> Self {
        Self {
            limits,
            rng,
            peers: Peers::default(),
            sessions: Sessions::default(),
            outputs: VecDeque::new(),
            stopping: false,
        }
    }

    /// Takes one input; poll the outputs before the next one. Inputs of connections that are gone
    /// change nothing.
    pub fn handle(&mut self, now: Instant, input: Input) {
        match input {
            Input::Connected { conn, access } => self.connected(conn, access),
            Input::Disconnected { conn } => self.leave(conn),
            Input::Request { conn, request } => {
                if let Err(refusal) = self.request(now, conn, request) {
                    self.notify(conn, Notice::Refused(refusal));
                }
            }
            Input::Overflowed { conn } => self.close(conn, CloseReason::TooSlow),
            Input::Timeout => self.end_overdue(now),
            Input::Stopping => self.stop(),
        }
    }

    /// The next thing to be done; `None` when nothing is left.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When to hand in [`Input::Timeout`] if nothing else happens before.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.sessions.next_deadline()
    }

    /// How many peers are connected.
    pub fn peer_count(&self) -> usize {
        self.peers.len()
    }

    /// How many sessions are open.
    pub fn session_count(&self) -> usize {
        self.sessions.len()
    }

    fn connected(&mut self, conn: ConnId, access: Access) {
        if self.stopping {
            self.outputs.push_back(Output::Close { conn, reason: CloseReason::Stopping });
            return;
        }
        let peer = self.rng.peer_id();
        self.peers.insert(conn, peer.clone(), access);
        self.notify(conn, Notice::Welcome { peer });
    }

    fn request(&mut self, now: Instant, conn: ConnId, request: Request) -> Result<(), Refusal> {
        if self.peers.peer(conn).is_none() {
            return Ok(()); // closed by the hub, and its socket does not know yet
        }
        match request {
            Request::SetStatus(status) => self.set_status(conn, status),
            Request::StartSession { peer, offer } => self.start_session(now, conn, &peer, offer),
            Request::EndSession { session, error } => {
                self.end_by(conn, session, error);
                Ok(())
            }
            Request::Relay { session, payload } => self.relay(conn, session, payload),
            Request::Spoil { session, fault } => {
                self.spoil(conn, session, &fault);
                Ok(())
            }
            Request::ListProducers => {
                self.notify(conn, Notice::Producers(self.peers.producers()));
                Ok(())
            }
            Request::ListConsumers => {
                self.notify(conn, Notice::Consumers(self.peers.consumers()));
                Ok(())
            }
            Request::Unreadable { fault } => Err(Refusal::Unreadable(fault)),
        }
    }

    fn set_status(&mut self, conn: ConnId, status: Status) -> Result<(), Refusal> {
        let Some(peer) = self.peers.peer(conn) else { return Ok(()) };
        let old = Arc::clone(&peer.status);
        if status == *old {
            // Clients wait for the echo of their own status; for others there is no news.
            if old.is(Role::Listener) {
                self.notify(conn, Notice::StatusChanged { peer: peer.id.clone(), status: old });
            }
            return Ok(());
        }
        self.check_status(peer, &status)?;

        let peer = peer.id.clone();
        if old.is(Role::Producer) && !status.is(Role::Producer) {
            self.end_all_where(conn, Role::Producer);
        }
        if old.is(Role::Consumer) && !status.is(Role::Consumer) {
            self.end_all_where(conn, Role::Consumer);
        }
        let status = Arc::new(status);
        self.peers.set_status(conn, Arc::clone(&status));
        self.broadcast(Notice::StatusChanged { peer, status });
        Ok(())
    }

    fn check_status(&self, peer: &Peer, status: &Status) -> Result<(), Refusal> {
        let max = self.limits.meta_len;
        match status.meta.as_ref().map(|meta| meta.len()) {
            Some(len) if len > max => return Err(Refusal::MetaTooLong { len, max }),
            _ => {}
        }
        if !status.is(Role::Producer) {
            return Ok(());
        }
        if status.is(Role::Consumer) {
            return Err(Refusal::BothEnds(peer.id.clone()));
        }
        may_produce(peer)
    }

    /// Whoever asks a producer consumes; whoever asks a passive consumer produces.
    fn start_session(
        &mut self,
        now: Instant,
        conn: ConnId,
        peer: &PeerId,
        offer: Option<Text>,
    ) -> Result<(), Refusal> {
        let Some(from) = self.peers.peer(conn) else { return Ok(()) };
        let Some((other, to)) = self.peers.find(peer) else {
            return Err(Refusal::NoSuchPeer(peer.clone()));
        };
        let (producer, consumer) = if to.status.is(Role::Producer) {
            (other, conn)
        } else if to.status.is(Role::Consumer) {
            may_produce(from)?;
            (conn, other)
        } else {
            return Err(Refusal::NoMedia {
                from: from.id.clone(),
                from_roles: from.status.roles.clone(),
                to: to.id.clone(),
                to_roles: to.status.roles.clone(),
            });
        };
        if other == conn {
            return Err(Refusal::OnlyOneEnd(peer.clone()));
        }
        self.check_session_count(from, to, other)?;
        self.open_session(now, producer, consumer, offer);
        Ok(())
    }

    fn check_session_count(&self, from: &Peer, to: &Peer, other: ConnId) -> Result<(), Refusal> {
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

    fn open_session(
        &mut self,
        now: Instant,
        producer: ConnId,
        consumer: ConnId,
        offer: Option<Text>,
    ) {
        let session = self.rng.session_id();
        let mut ids = Vec::with_capacity(2);
        for conn in [producer, consumer] {
            let Some(peer) = self.peers.peer_mut(conn) else { return };
            peer.sessions.push(session);
            ids.push(peer.id.clone());
        }
        let [producer_id, consumer_id] = [ids[0].clone(), ids[1].clone()];
        self.sessions.insert(session, producer, consumer, now + self.limits.first_word);
        // The consumer first: it knows its session before the producer's offer can reach it.
        self.notify(consumer, Notice::SessionStarted { peer: producer_id, session });
        self.notify(producer, Notice::SessionRequested { peer: consumer_id, session, offer });
    }

    fn relay(&mut self, conn: ConnId, id: SessionId, payload: Payload) -> Result<(), Refusal> {
        let Some(session) = self.sessions.session(id) else { return Ok(()) };
        let Some(other) = session.other(conn) else { return Ok(()) };
        let from_producer = conn == session.producer;
        if !from_producer && matches!(payload, Payload::Offer(_)) {
            return self.refuse_offer(conn, other);
        }
        if from_producer {
            self.sessions.producer_spoke(id);
        }
        self.notify(other, Notice::Relayed { session: id, payload });
        Ok(())
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

    /// Ends a session at the wish of one end; the other is told.
    fn end_by(&mut self, conn: ConnId, id: SessionId, error: Option<Text>) {
        let Some(other) = self.sessions.session(id).and_then(|session| session.other(conn)) else {
            return;
        };
        self.forget_session(id);
        self.notify(other, Notice::SessionEnded { session: id, error });
    }

    /// Ends a session because of what one end said in it; both are told.
    fn spoil(&mut self, conn: ConnId, id: SessionId, fault: &Text) {
        if self.sessions.session(id).is_some_and(|session| session.has(conn)) {
            self.end_for_both(id, fault);
        }
    }

    fn end_for_both(&mut self, id: SessionId, error: &Text) {
        let Some((producer, consumer)) = self.forget_session(id) else { return };
        for conn in [producer, consumer] {
            let error = Some(Arc::clone(error));
            self.notify(conn, Notice::SessionEnded { session: id, error });
        }
    }

    fn end_all_where(&mut self, conn: ConnId, role: Role) {
        let Some(peer) = self.peers.peer(conn) else { return };
        for id in peer.sessions.clone() {
            let Some(session) = self.sessions.session(id) else { continue };
            let end = if role == Role::Producer { session.producer } else { session.consumer };
            if end == conn {
                self.end_by(conn, id, None);
            }
        }
    }

    fn end_overdue(&mut self, now: Instant) {
        let seconds = self.limits.first_word.as_secs();
        let fault = Text::from(format!("the producer said nothing for {seconds} s"));
        while let Some(id) = self.sessions.overdue(now) {
            self.end_for_both(id, &fault);
        }
    }

    /// Returns the producer and the consumer that it had.
    fn forget_session(&mut self, id: SessionId) -> Option<(ConnId, ConnId)> {
        let session = self.sessions.remove(id)?;
        for conn in [session.producer, session.consumer] {
            if let Some(peer) = self.peers.peer_mut(conn) {
                peer.sessions.retain(|other| *other != id);
            }
        }
        Some((session.producer, session.consumer))
    }

    fn close(&mut self, conn: ConnId, reason: CloseReason) {
        if self.peers.peer(conn).is_some() {
            self.outputs.push_back(Output::Close { conn, reason });
            self.leave(conn);
        }
    }

    fn leave(&mut self, conn: ConnId) {
        self.end_all_where(conn, Role::Producer);
        self.end_all_where(conn, Role::Consumer);
        let Some(peer) = self.peers.remove(conn) else { return };
        let status = Arc::new(Status { roles: Vec::new(), meta: peer.status.meta.clone() });
        self.broadcast(Notice::StatusChanged { peer: peer.id, status });
    }

    /// Nobody hears that the others leave: they all do.
    fn stop(&mut self) {
        self.stopping = true;
        self.sessions.clear();
        for conn in self.peers.drain() {
            self.outputs.push_back(Output::Close { conn, reason: CloseReason::Stopping });
        }
    }

    fn broadcast(&mut self, notice: Notice) {
        let notice = Arc::new(notice);
        for conn in self.peers.listeners() {
            self.outputs.push_back(Output::Notify { conn, notice: Arc::clone(&notice) });
        }
    }

    fn notify(&mut self, conn: ConnId, notice: Notice) {
        self.outputs.push_back(Output::Notify { conn, notice: Arc::new(notice) });
    }
}

fn may_produce(peer: &Peer) -> Result<(), Refusal> {
    match peer.access {
        Access::Full => Ok(()),
        Access::Watch => Err(Refusal::WatchOnly),
    }
}
