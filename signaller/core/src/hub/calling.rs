//! Calls from ring to hang-up, and the presence that follows from them.
//!
//! Every race has one winner, the input that comes first: a call that is over is unknown to what
//! comes later.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Hub;
use crate::accounts::{AccountName, Right};
use crate::calls::{Call, Side};
use crate::facts::{EndedCall, Fact, OpenCall, OpenSession, OpenSide, RingingCall};
use crate::ids::{CallId, ConnId, PeerId, SessionId};
use crate::limits::weight;
use crate::peers::Peer;
use crate::sessions::Session;
use crate::timers::Due;
use crate::words::{
    AccountStatus, Act, Answer, CallStage, CallView, Description, EndCause, EndReason, Media,
    Medium, Notice, Refusal, RejectCause, Role, Seen, Snapshot, Text,
};

/// What a side sends that says so only in its description.
const ALL: Media = Media { audio: true, video: true };

const NOT_ACCEPTED: Refusal = Refusal::BadState("has not been accepted yet");
const NOT_RINGING: Refusal = Refusal::BadState("does not ring any more");
const HELD_ELSEWHERE: Refusal = Refusal::BadState("is held by another connection of your account");

impl Hub {
    pub(super) fn list_accounts(&mut self, conn: ConnId) -> Result<(), Refusal> {
        self.account_of(conn)?;
        let accounts = self.seen_by(conn);
        self.answer(conn, Notice::Accounts(accounts));
        Ok(())
    }

    pub(super) fn offer_call(
        &mut self,
        now: Instant,
        conn: ConnId,
        to: &AccountName,
        media: Media,
        offer: Option<Arc<Description>>,
    ) -> Result<(), Refusal> {
        let from = self.account_of(conn)?;
        self.check_call(now, conn, &from, to)?;
        let id = self.rng.call_id();
        let caller = Side::new(from.clone(), Some(conn), media);
        let caller = Side { description: offer, ..caller };
        let callee = Side::new(to.clone(), None, Media::default());
        self.calls.insert(id, Call { caller, callee, rang: now, accepted: None });
        self.timers.set(Due::Ring(id), now + self.limits.ring);
        self.answer(conn, Notice::CallRinging { call: id, to: to.clone() });
        for ringing in self.peers.callable(to) {
            self.ring(ringing, id);
        }
        self.publish(&from);
        self.publish(to);
        self.record(Fact::CallRings(RingingCall { call: id, caller: from, callee: to.clone() }));
        Ok(())
    }

    pub(super) fn answer_call(
        &mut self,
        now: Instant,
        conn: ConnId,
        id: CallId,
        answer: Answer,
        description: Option<Arc<Description>>,
    ) -> Result<(), Refusal> {
        let account = self.account_of(conn)?;
        let call = self.own_call(&account, id)?;
        if call.accepted.is_some() {
            return Err(NOT_RINGING);
        }
        if call.callee.account != account {
            return Err(Refusal::BadState("is for the other side to answer"));
        }
        match answer {
            Answer::Accept(media) => self.accept(now, conn, id, media, description),
            Answer::Reject(RejectCause::Rejected) => self.end_call(now, id, EndReason::Rejected),
            Answer::Reject(RejectCause::Busy) => self.end_call(now, id, EndReason::Busy),
        }
        Ok(())
    }

    /// What is said of a call by the name of its other side: an account is in one call at most.
    pub(super) fn described_call(
        &mut self,
        now: Instant,
        conn: ConnId,
        with: &AccountName,
        act: Act,
    ) -> Result<(), Refusal> {
        let account = self.account_of(conn)?;
        let own = self.calls.of(&account).filter(|(_, call)| call.is_between(&account, with));
        let id = own.map(|(id, _)| id).ok_or(Refusal::NoSuchCall);
        match act {
            Act::Offer(offer) => self.offer_call(now, conn, with, ALL, Some(offer)),
            Act::Accept(answer) => {
                self.answer_call(now, conn, id?, Answer::Accept(ALL), Some(answer))
            }
            Act::Reject => {
                self.answer_call(now, conn, id?, Answer::Reject(RejectCause::Rejected), None)
            }
            Act::End => self.hang_up(now, conn, id?, EndCause::Hangup),
            Act::Candidate(candidate) => self.pass_candidate(conn, &account, id?, candidate),
        }
    }

    pub(super) fn attach_peer(
        &mut self,
        conn: ConnId,
        id: CallId,
        peer: &PeerId,
    ) -> Result<(), Refusal> {
        let (account, far) = self.held_call(conn, id)?;
        let is_own = self.peers.find(peer).is_some_and(|(_, peer)| {
            peer.account() == Some(&account) && peer.status.is(Role::Producer)
        });
        if !is_own {
            return Err(Refusal::NotYourProducer(peer.clone()));
        }
        let side = self.calls.call_mut(id).and_then(|call| call.side_mut(&account));
        if let Some(side) = side.filter(|side| !side.peers.contains(peer)) {
            side.peers.push(peer.clone());
            self.notify_all(far, Notice::CallPeer { call: id, peer: peer.clone() });
            self.record_open(id);
        }
        Ok(())
    }

    pub(super) fn update_call(
        &mut self,
        conn: ConnId,
        id: CallId,
        media: Media,
    ) -> Result<(), Refusal> {
        let (account, far) = self.held_call(conn, id)?;
        if let Some(side) = self.calls.call_mut(id).and_then(|call| call.side_mut(&account)) {
            side.media = media;
        }
        self.notify_all(far, Notice::CallUpdated { call: id, media });
        self.record_open(id);
        Ok(())
    }

    /// Any connection of the two accounts may hang up: who put the phone down in another room uses
    /// the tablet.
    pub(super) fn hang_up(
        &mut self,
        now: Instant,
        conn: ConnId,
        id: CallId,
        cause: EndCause,
    ) -> Result<(), Refusal> {
        let account = self.account_of(conn)?;
        let call = self.own_call(&account, id)?;
        let reason = match (call.accepted, cause) {
            (Some(_), EndCause::Hangup) => EndReason::Hangup,
            (_, EndCause::MediaFailed) => EndReason::MediaFailed,
            (None, EndCause::Hangup) if call.caller.account == account => EndReason::Cancelled,
            (None, EndCause::Hangup) => EndReason::Rejected,
        };
        self.end_call(now, id, reason);
        Ok(())
    }

    pub(super) fn nobody_answered(&mut self, now: Instant, id: CallId) {
        self.end_call(now, id, EndReason::NoAnswer);
    }

    /// A connection of an account is gone for good: a call that it held ends, and one that only it
    /// could have answered.
    pub(super) fn leave_call(
        &mut self,
        now: Instant,
        conn: ConnId,
        account: &AccountName,
        reason: EndReason,
    ) {
        if let Some(id) = self.call_that_needs(conn, account) {
            self.end_call(now, id, reason);
        }
    }

    /// Tells a connection that will be closed how its call will have ended.
    pub(super) fn tell_end_of_call(&mut self, conn: ConnId, reason: EndReason) {
        let account = self.peers.peer(conn).and_then(Peer::account);
        if let Some(call) = account.and_then(|account| self.call_that_needs(conn, account)) {
            self.notify(conn, Notice::CallEnded { call, reason });
        }
    }

    /// A peer no longer produces: it carries no side of a call either.
    pub(super) fn detach(&mut self, peer: &PeerId, account: Option<&AccountName>) {
        let Some(account) = account else { return };
        let Some((id, call)) = self.calls.of(account) else { return };
        let far = call.sides(account).and_then(|(_, far)| far.conn);
        let Some(side) = self.calls.call_mut(id).and_then(|call| call.side_mut(account)) else {
            return;
        };
        if side.peers.contains(peer) {
            side.peers.retain(|other| other != peer);
            self.notify_all(far, Notice::CallPeerGone { call: id, peer: peer.clone() });
            self.record_open(id);
        }
    }

    /// Somebody who could answer came while it rings.
    pub(super) fn ring_newcomer(&mut self, conn: ConnId, account: &AccountName) {
        let knows_calls = self.peers.peer(conn).is_some_and(|peer| peer.identity.calls);
        let Some((id, call)) = self.calls.of(account).filter(|_| knows_calls) else { return };
        if call.accepted.is_none() && call.callee.account == *account {
            self.ring(conn, id);
        }
    }

    /// Tells the other side of the accepted call that a connection holds.
    pub(super) fn tell_far_side(&mut self, conn: ConnId, notice: impl Fn(CallId) -> Notice) {
        let Some(account) = self.peers.peer(conn).and_then(Peer::account) else { return };
        let Some((id, call)) = self.calls.of(account) else { return };
        let Some((own, far)) = call.sides(account) else { return };
        if call.accepted.is_some() && own.conn == Some(conn) {
            let far = far.conn;
            self.notify_all(far, notice(id));
        }
    }

    /// Brings back a call that was accepted before the server was started. A side whose end is not
    /// known any more has no way back.
    pub(super) fn restore(&mut self, now: Instant, open: OpenCall) {
        let OpenCall { call: id, caller, callee, sessions } = open;
        let is_free = |side: &OpenSide| self.calls.of(&side.account).is_none();
        if !is_free(&caller) || !is_free(&callee) {
            // An account is in one call at most: this one has ended, and that was not written down.
            let ended = silent(id, &caller.account, &callee.account, EndReason::Disconnected);
            self.record(Fact::CallEnded(EndedCall { talked: Some(Duration::ZERO), ..ended }));
            return;
        }
        let [caller, callee] = [caller, callee].map(|side| {
            let conn = self.peers.find(&side.peer).map(|(conn, _)| conn);
            Side { peers: side.attached, ..Side::new(side.account, conn, side.media) }
        });
        let is_whole = caller.conn.is_some() && callee.conn.is_some();
        let accounts = [caller.account.clone(), callee.account.clone()];
        self.calls.insert(id, Call { caller, callee, rang: now, accepted: Some(now) });
        for account in &accounts {
            self.publish(account);
        }
        for OpenSession { session, producer, consumer } in sessions {
            let ends = (self.peers.find(&producer), self.peers.find(&consumer));
            if let (Some((producer, _)), Some((consumer, _))) = ends {
                let ends = Session { producer, consumer, asker: consumer, call: Some(id) };
                self.restore_session(session, ends);
            }
        }
        if !is_whole {
            self.end_call(now, id, EndReason::Disconnected);
        }
        self.end_forbidden_call(now, &accounts[0]);
    }

    /// Ends an account's call if its callee no longer lets itself be called, or seen, by the caller.
    pub(super) fn end_forbidden_call(&mut self, now: Instant, account: &AccountName) {
        let Some((id, call)) = self.calls.of(account) else { return };
        let (caller, callee) = (&call.caller.account, &call.callee.account);
        let allows = |right| self.accounts.allow(right, callee, Some(caller));
        if !allows(Right::See) || !allows(Right::Call) {
            let reason = match call.accepted {
                Some(_) => EndReason::Hangup,
                None => EndReason::Rejected,
            };
            self.end_call(now, id, reason);
        }
    }

    /// Writes down what rings when the server stops: nobody will answer it any more.
    pub(super) fn record_ringing(&mut self, now: Instant) {
        for (id, call) in self.calls.drain() {
            if call.accepted.is_none() {
                let (caller, callee) = (&call.caller.account, &call.callee.account);
                let ended = silent(id, caller, callee, EndReason::Disconnected);
                let rang = now.duration_since(call.rang);
                self.record(Fact::CallEnded(EndedCall { rang, ..ended }));
            }
        }
    }

    /// Writes an accepted call down as it now is.
    pub(super) fn record_open(&mut self, id: CallId) {
        let Some(call) = self.calls.call(id).filter(|call| call.accepted.is_some()) else { return };
        let (Some(caller), Some(callee)) =
            (self.open_side(&call.caller), self.open_side(&call.callee))
        else {
            return;
        };
        let sessions = self.sessions.all_where(|session| session.call == Some(id));
        let sessions = sessions.into_iter().filter_map(|session| self.open_session_of(session));
        let sessions = sessions.collect();
        self.record(Fact::CallOpen(OpenCall { call: id, caller, callee, sessions }));
    }

    /// How things stand for one connection.
    pub(super) fn snapshot(&self, conn: ConnId) -> Snapshot {
        let Some(peer) = self.peers.peer(conn) else { return Snapshot::default() };
        Snapshot {
            accounts: self.seen_by(conn),
            call: peer.account().and_then(|account| self.view(conn, account)),
            sessions: peer.sessions.clone(),
        }
    }

    /// Tells those who may know if an account came, went, got busy or free.
    pub(super) fn publish(&mut self, name: &AccountName) {
        let Some(seen) = self.seen(name) else { return };
        let first =
            || Seen { status: AccountStatus::Disconnected, callable: false, ..seen.clone() };
        if *self.published.entry(name.clone()).or_insert_with(first) == seen {
            return;
        }
        self.published.insert(name.clone(), seen.clone());
        let others = self.peers.all_callable().into_iter().filter(|conn| {
            self.peers.peer(*conn).and_then(Peer::account) != Some(name)
                && self.sees(*conn, Some(name))
        });
        let others: Vec<_> = others.collect();
        self.notify_all(others, Notice::Presence(seen));
    }

    /// An account as those see it who may.
    pub(super) fn seen(&self, name: &AccountName) -> Option<Seen> {
        let account = self.accounts.account(name)?;
        let status = if self.calls.of(name).is_some() {
            AccountStatus::Busy
        } else if self.peers.of(name).is_empty() {
            AccountStatus::Disconnected
        } else {
            AccountStatus::Available
        };
        Some(Seen {
            name: name.clone(),
            kind: account.kind,
            label: account.label.clone(),
            status,
            callable: !self.peers.callable(name).is_empty(),
        })
    }

    /// All accounts that a connection may see, its own not included.
    pub(super) fn seen_by(&self, conn: ConnId) -> Vec<Seen> {
        self.presence(self.peers.peer(conn).and_then(Peer::account))
    }

    fn view(&self, conn: ConnId, account: &AccountName) -> Option<CallView> {
        let (call, state) = self.calls.of(account)?;
        let (own, far) = state.sides(account)?;
        let stage = match (state.accepted, own.conn) {
            (Some(_), Some(holder)) if holder == conn => CallStage::Held,
            (Some(_), _) => CallStage::Elsewhere,
            (None, Some(holder)) if holder != conn => CallStage::Elsewhere,
            (None, _) => CallStage::Ringing,
        };
        Some(CallView {
            call,
            with: far.account.clone(),
            outgoing: state.caller.account == *account,
            stage,
            media: far.media,
            peers: far.peers.clone(),
            connected: !far.conn.is_some_and(|conn| self.is_away(conn)),
        })
    }

    fn is_away(&self, conn: ConnId) -> bool {
        self.peers.peer(conn).is_none_or(|peer| peer.is_away)
    }

    /// The account of somebody who can be told what a call brings.
    fn account_of(&self, conn: ConnId) -> Result<AccountName, Refusal> {
        let peer = self.peers.peer(conn).filter(|peer| peer.identity.calls);
        peer.and_then(Peer::account).cloned().ok_or(Refusal::NotLoggedIn)
    }

    fn own_call(&self, account: &AccountName, id: CallId) -> Result<&Call, Refusal> {
        let call = self.calls.call(id).filter(|call| call.sides(account).is_some());
        call.ok_or(Refusal::NoSuchCall)
    }

    /// An accepted call that this very connection holds: its account, and who holds the other side.
    fn held_call(
        &self,
        conn: ConnId,
        id: CallId,
    ) -> Result<(AccountName, Option<ConnId>), Refusal> {
        let account = self.account_of(conn)?;
        let call = self.own_call(&account, id)?;
        if call.accepted.is_none() {
            return Err(NOT_ACCEPTED);
        }
        match call.sides(&account) {
            Some((own, far)) if own.conn == Some(conn) => Ok((account, far.conn)),
            _ => Err(HELD_ELSEWHERE),
        }
    }

    fn check_call(
        &mut self,
        now: Instant,
        conn: ConnId,
        from: &AccountName,
        to: &AccountName,
    ) -> Result<(), Refusal> {
        let offers = self.call_offers.entry(from.clone()).or_default();
        if !offers.take(now, self.limits.call_offers) {
            return Err(Refusal::TooFast("calls"));
        }
        if from == to {
            return Err(Refusal::Oneself);
        }
        if !self.sees(conn, Some(to)) {
            return Err(Refusal::NoSuchAccount(to.clone()));
        }
        if !self.accounts.allow(Right::Call, to, Some(from)) {
            let fact =
                Fact::Forbidden { asker: Some(from.clone()), of: to.clone(), right: Right::Call };
            self.record(fact);
            return Err(Refusal::Forbidden { of: to.clone(), right: Right::Call });
        }
        if self.calls.of(from).is_some() {
            // Of two calls that cross, the second finds its callee calling.
            let is_crossing = self.calls.of(from).is_some_and(|(_, call)| call.sides(to).is_some());
            return Err(if is_crossing { Refusal::Busy(to.clone()) } else { Refusal::InCall });
        }
        if self.calls.of(to).is_some() {
            let call = self.rng.call_id();
            self.record(Fact::CallEnded(silent(call, from, to, EndReason::Busy)));
            return Err(Refusal::Busy(to.clone()));
        }
        if self.peers.callable(to).is_empty() {
            let call = self.rng.call_id();
            self.record(Fact::CallEnded(silent(call, from, to, EndReason::Disconnected)));
            return Err(Refusal::NotCallable(to.clone()));
        }
        Ok(())
    }

    fn accept(
        &mut self,
        now: Instant,
        conn: ConnId,
        id: CallId,
        media: Media,
        answer: Option<Arc<Description>>,
    ) {
        let Some(call) = self.calls.call_mut(id) else { return };
        call.accepted = Some(now);
        call.callee.conn = Some(conn);
        call.callee.media = media;
        let offer = call.caller.description.take();
        let (caller, callee) = (call.caller.clone(), call.callee.clone());
        self.timers.cancel(Due::Ring(id));
        let is_heard_by_both = offer.is_some() == answer.is_some();
        if is_heard_by_both {
            let from = callee.account.clone();
            self.notify_all(caller.conn, Notice::CallAccepted { call: id, from, media, answer });
            let (from, media) = (caller.account, caller.media);
            self.answer(conn, Notice::CallAccepted { call: id, from, media, answer: None });
            if caller.conn.is_some_and(|conn| self.is_away(conn)) {
                self.notify(conn, Notice::CallAway { call: id });
            }
        }
        let mut others = self.peers.callable(&callee.account);
        others.retain(|other| *other != conn);
        let reason = EndReason::AnsweredElsewhere;
        self.notify_all(others, Notice::CallEnded { call: id, reason });
        if is_heard_by_both {
            self.record_open(id);
        } else {
            self.end_call(now, id, EndReason::Incompatible);
        }
    }

    /// Tells somebody who could answer that it rings.
    fn ring(&mut self, conn: ConnId, id: CallId) {
        let Some(call) = self.calls.call(id) else { return };
        let Side { account: from, media, description, .. } = call.caller.clone();
        let offer = description.filter(|_| self.peers.medium(conn) == Medium::Descriptions);
        self.notify(conn, Notice::IncomingCall { call: id, from, media, offer });
    }

    /// Who takes no descriptions has no use for it either, and hears nothing.
    fn pass_candidate(
        &mut self,
        conn: ConnId,
        account: &AccountName,
        id: CallId,
        candidate: Text,
    ) -> Result<(), Refusal> {
        let call = self.own_call(account, id)?;
        let Some((own, far)) = call.sides(account) else { return Err(Refusal::NoSuchCall) };
        if own.conn.is_some_and(|holder| holder != conn) {
            return Err(HELD_ELSEWHERE);
        }
        let mut to = self.peers.described(&far.account);
        to.retain(|conn| far.conn.is_none_or(|holder| holder == *conn));
        if call.accepted.is_none() {
            self.count_candidate(account, id, &candidate)?;
        }
        let from = account.clone();
        self.notify_all(to, Notice::CallCandidate { call: id, from, candidate });
        Ok(())
    }

    fn count_candidate(
        &mut self,
        account: &AccountName,
        id: CallId,
        candidate: &str,
    ) -> Result<(), Refusal> {
        let max = self.limits.ringing_candidates;
        let call = self.calls.call_mut(id).ok_or(Refusal::NoSuchCall)?;
        let side = call.side_mut(account).ok_or(Refusal::NoSuchCall)?;
        let candidates = side.candidates.saturating_add(weight(candidate));
        if candidates > max {
            return Err(Refusal::TooFast("candidates of a call that rings"));
        }
        side.candidates = candidates;
        Ok(())
    }

    fn end_call(&mut self, now: Instant, id: CallId, reason: EndReason) {
        let Some(call) = self.calls.remove(id) else { return };
        self.timers.cancel(Due::Ring(id));
        self.end_all_of_call(id);
        let Call { caller, callee, rang, accepted } = call;
        let callee_conns = match (accepted, callee.conn) {
            (Some(_), conn) => conn.into_iter().collect(),
            (None, _) => self.peers.callable(&callee.account),
        };
        let told = caller.conn.into_iter().chain(callee_conns);
        let told: Vec<_> = told.filter(|conn| self.peers.peer(*conn).is_some()).collect();
        self.notify_all(told, Notice::CallEnded { call: id, reason });
        self.publish(&caller.account);
        self.publish(&callee.account);
        let answered = accepted.unwrap_or(now);
        self.record(Fact::CallEnded(EndedCall {
            call: id,
            caller: caller.account,
            callee: callee.account,
            rang: answered.duration_since(rang),
            talked: accepted.map(|accepted| now.duration_since(accepted)),
            reason,
        }));
    }

    /// The call that ends with a connection: it holds it, or nobody else could answer it.
    fn call_that_needs(&self, conn: ConnId, account: &AccountName) -> Option<CallId> {
        let (id, call) = self.calls.of(account)?;
        let (own, _) = call.sides(account)?;
        let is_last = || self.peers.callable(account).iter().all(|other| *other == conn);
        (own.conn == Some(conn) || own.conn.is_none() && is_last()).then_some(id)
    }

    fn open_side(&self, side: &Side) -> Option<OpenSide> {
        let peer = self.peers.peer(side.conn?)?.id.clone();
        let (account, media, attached) = (side.account.clone(), side.media, side.peers.clone());
        Some(OpenSide { account, peer, media, attached })
    }

    fn open_session_of(&self, session: SessionId) -> Option<OpenSession> {
        let ends = self.sessions.session(session)?;
        let id = |conn| self.peers.peer(conn).map(|peer| peer.id.clone());
        Some(OpenSession { session, producer: id(ends.producer)?, consumer: id(ends.consumer)? })
    }
}

/// A call in which nobody said a word, and that rang for no time.
fn silent(
    call: CallId,
    caller: &AccountName,
    callee: &AccountName,
    reason: EndReason,
) -> EndedCall {
    let (caller, callee) = (caller.clone(), callee.clone());
    EndedCall { call, caller, callee, rang: Duration::ZERO, talked: None, reason }
}
