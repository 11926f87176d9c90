//! The hub itself: inputs, outputs, and which rule takes which input.
//!
//! The rules are in six parts: `membership` (who comes, goes and comes back), `registration` (who
//! is registered as what, and who sees it), `negotiation` (sessions), `dialling` (sessions of those who
//! have no words for them), `gathering` (rooms) and `calling` (calls and presence); `overview` looks
//! and changes nothing. Three rules hold after every input: a session
//! has exactly two ends; nobody but those two can end it, read it or say something in it; who asks
//! something of a session or a call that it is not part of gets the answer that an unknown one would
//! get.

mod calling;
mod dialling;
mod gathering;
mod membership;
mod negotiation;
mod overview;
mod registration;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use crate::accounts::{Account, AccountName, Accounts};
use crate::calls::Calls;
use crate::facts::{Fact, OpenCall};
use crate::ids::{ConnId, CredentialId, PeerId, Rng};
use crate::limits::{Limits, Meter, weight};
use crate::peers::{Identity, Peers};
use crate::rooms::Rooms;
use crate::sessions::Sessions;
use crate::timers::{Due, Timers};
use crate::words::{Act, CloseReason, Notice, Refusal, Request, Seen, Text};

use membership::Newcomer;
pub use overview::{EndView, Overview, PeerView, SessionView};

/// What happens to the hub.
#[derive(Clone, Debug)]
pub enum Input {
    /// Somebody came.
    Connected {
        /// A connection that was never used before.
        conn: ConnId,
        /// As whom, proven by whoever lets it in.
        identity: Identity,
    },
    /// Its socket broke. Who can come back is waited for.
    Lost {
        /// Which one.
        conn: ConnId,
    },
    /// It has a socket again.
    Resumed {
        /// Which one.
        conn: ConnId,
        /// Notices were lost on the way: it is told how things stand.
        reset: bool,
    },
    /// It is gone for good.
    Disconnected {
        /// Which one.
        conn: ConnId,
    },
    /// It was probed, and lives.
    Alive {
        /// Which one.
        conn: ConnId,
    },
    /// It asks for something.
    Request {
        /// Who.
        conn: ConnId,
        /// What.
        request: Request,
        /// What its answer repeats.
        tag: Option<Text>,
    },
    /// It does not read: what is queued for it is all that may be.
    Overflowed {
        /// Which one.
        conn: ConnId,
    },
    /// An account was made or changed. A connection of one that is not known waits a while for it.
    AccountChanged(Account),
    /// An account was removed.
    AccountRemoved(AccountName),
    /// A token or a web session is no longer good.
    Revoked(CredentialId),
    /// Somebody in charge wants a connection closed.
    Cut {
        /// Which one.
        conn: ConnId,
    },
    /// A call that was accepted before the server was started. Its ends are connected and lost
    /// already, so that they may come back.
    Restored(OpenCall),
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
        /// The tag of the request that this answers.
        tag: Option<Text>,
    },
    /// Find out whether it lives; [`Input::Alive`] says so.
    Probe {
        /// Which one.
        conn: ConnId,
    },
    /// Close it; the hub has forgotten it already.
    Close {
        /// Which one.
        conn: ConnId,
        /// Why.
        reason: CloseReason,
    },
    /// Write it down.
    Record(Fact),
}

/// All accounts, peers, sessions and calls of one server.
#[derive(Debug)]
pub struct Hub {
    limits: Limits,
    rng: Rng,
    accounts: Accounts,
    peers: Peers,
    sessions: Sessions,
    calls: Calls,
    rooms: Rooms,
    /// To whom those speak who have not said anything yet.
    dialled: BTreeMap<ConnId, PeerId>,
    /// Those whose connection ends with the session that has ended.
    over: Vec<ConnId>,
    timers: Timers,
    /// Those who cannot be welcomed yet.
    newcomers: BTreeMap<ConnId, Newcomer>,
    /// The last ones first.
    revoked: VecDeque<CredentialId>,
    /// Of each account that ever called.
    call_offers: HashMap<AccountName, Meter>,
    /// What others were last told of an account.
    published: HashMap<AccountName, Seen>,
    outputs: VecDeque<Output>,
    /// Of the request at hand, until something answers it.
    tag: Option<Text>,
    stopping: bool,
}

impl Hub {
    /// An empty hub.
    pub fn new(limits: Limits, rng: Rng) -> Self {
        Self {
            limits,
            rng,
            accounts: Accounts::default(),
            peers: Peers::default(),
            sessions: Sessions::default(),
            calls: Calls::default(),
            rooms: Rooms::default(),
            dialled: BTreeMap::new(),
            over: Vec::new(),
            timers: Timers::default(),
            newcomers: BTreeMap::new(),
            revoked: VecDeque::new(),
            call_offers: HashMap::new(),
            published: HashMap::new(),
            outputs: VecDeque::new(),
            tag: None,
            stopping: false,
        }
    }

    /// Takes one input; poll the outputs before the next one. Inputs of connections that are gone
    /// change nothing.
    pub fn handle(&mut self, now: Instant, input: Input) {
        match input {
            Input::Request { conn, request, tag } => self.requested(now, conn, request, tag),
            Input::Connected { conn, identity } => self.connected(now, conn, identity),
            Input::Lost { conn } => self.lost(now, conn),
            Input::Resumed { conn, reset } => self.resumed(conn, reset),
            Input::Disconnected { conn } => self.disconnected(now, conn),
            Input::Alive { conn } => self.alive(conn),
            Input::Overflowed { conn } => self.close(now, conn, CloseReason::TooSlow),
            Input::AccountChanged(account) => self.account_changed(now, account),
            Input::AccountRemoved(name) => self.account_removed(now, &name),
            Input::Revoked(credential) => self.revoked(now, credential),
            Input::Cut { conn } => self.close(now, conn, CloseReason::Cut),
            Input::Restored(call) => self.restore(now, call),
            Input::Timeout => self.time_passed(now),
            Input::Stopping => self.stop(now),
        }
        self.close_those_over(now);
    }

    /// The next thing to be done; `None` when nothing is left.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When to hand in [`Input::Timeout`] if nothing else happens before.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.timers.next()
    }

    /// How many peers are connected.
    pub fn peer_count(&self) -> usize {
        self.peers.len()
    }

    /// How many sessions are open.
    pub fn session_count(&self) -> usize {
        self.sessions.len()
    }

    /// How many calls ring or were accepted.
    pub fn call_count(&self) -> usize {
        self.calls.len()
    }

    fn requested(&mut self, now: Instant, conn: ConnId, request: Request, tag: Option<Text>) {
        if self.newcomers.contains_key(&conn) {
            self.asked_early(conn, request, tag);
            return;
        }
        if self.peers.peer(conn).is_none() {
            return; // closed by the hub, and its socket does not know yet
        }
        self.tag = tag;
        match self.request(now, conn, request) {
            Ok(()) if self.tag.is_some() => self.answer(conn, Notice::Done),
            Ok(()) => {}
            Err(refusal) => self.answer(conn, Notice::Refused(refusal)),
        }
        self.tag = None;
    }

    fn request(&mut self, now: Instant, conn: ConnId, request: Request) -> Result<(), Refusal> {
        if let Request::StartSession { .. }
        | Request::Dial { .. }
        | Request::AttachPeer { .. }
        | Request::UpdateCall { .. } = request
        {
            self.count_change(now, conn, "sessions or changes of a call")?;
        }
        if let Some(weight) = weight_of(&request) {
            self.count_message(now, conn, weight)?;
        }
        match request {
            Request::SetStatus(status) => self.set_status(now, conn, status),
            Request::ListProducers => self.list_producers(conn),
            Request::ListConsumers => self.list_consumers(conn),
            Request::ListNamed { name } => self.list_named(conn, name),
            Request::StartSession { peer, offer } => self.start_session(now, conn, &peer, offer),
            Request::EndSession { session, error } => self.end_by(conn, session, error),
            Request::Relay { session, payload } => self.relay(conn, session, payload),
            Request::Spoil { session, fault } => self.spoil(conn, session, &fault),
            Request::Dial { to } => self.dial(now, conn, &to),
            Request::Say { text, meaning } => self.say(now, conn, text, meaning),
            Request::JoinRoom { room } => self.join_room(now, conn, room),
            Request::LeaveRoom { room } => self.leave_room(conn, &room),
            Request::ListRoom { room } => self.list_room(conn, room),
            Request::RoomMessage { room, to, text } => self.room_message(conn, room, to, text),
            Request::ListAccounts => self.list_accounts(conn),
            Request::OfferCall { to, media } => self.offer_call(now, conn, &to, media, None),
            Request::AnswerCall { call, answer } => self.answer_call(now, conn, call, answer, None),
            Request::AttachPeer { call, peer } => self.attach_peer(conn, call, &peer),
            Request::UpdateCall { call, media } => self.update_call(conn, call, media),
            Request::EndCall { call, cause } => self.hang_up(now, conn, call, cause),
            Request::Described { with, act } => self.described_call(now, conn, &with, act),
            Request::AskIceServers => {
                self.answer(conn, Notice::IceServers);
                Ok(())
            }
            Request::LogOut => {
                self.close(now, conn, CloseReason::LoggedOut);
                self.tag = None;
                Ok(())
            }
            Request::Refuse(refusal) => Err(refusal),
            Request::Unreadable { fault } => Err(Refusal::Unreadable(fault)),
        }
    }

    /// What gives others work is counted together, whatever it is.
    fn count_change(
        &mut self,
        now: Instant,
        conn: ConnId,
        what: &'static str,
    ) -> Result<(), Refusal> {
        let rate = self.limits.changes;
        let has_room = self.peers.peer_mut(conn).is_none_or(|peer| peer.changes.take(now, rate));
        if has_room { Ok(()) } else { Err(Refusal::TooFast(what)) }
    }

    /// And what others have to read.
    fn count_message(&mut self, now: Instant, conn: ConnId, weight: u32) -> Result<(), Refusal> {
        let rate = self.limits.messages;
        let peer = self.peers.peer_mut(conn);
        let has_room = peer.is_none_or(|peer| peer.messages.take_many(now, rate, weight));
        if has_room { Ok(()) } else { Err(Refusal::TooFast("messages")) }
    }

    fn time_passed(&mut self, now: Instant) {
        while let Some(due) = self.timers.pop(now) {
            match due {
                Due::FirstWord(session) => self.nobody_spoke(session),
                Due::Dialled(conn) => self.said_nothing(conn),
                Due::Ring(call) => self.nobody_answered(now, call),
                Due::Grace(conn) => self.close(now, conn, CloseReason::NotBack),
                Due::Newcomer(conn) => self.waited_enough(now, conn),
            }
        }
    }

    /// Tells the one whose request is at hand; the first answer carries its tag.
    fn answer(&mut self, conn: ConnId, notice: Notice) {
        let tag = self.tag.take();
        self.outputs.push_back(Output::Notify { conn, notice: Arc::new(notice), tag });
    }

    fn notify(&mut self, conn: ConnId, notice: Notice) {
        self.notify_all([conn], notice);
    }

    fn notify_all(&mut self, conns: impl IntoIterator<Item = ConnId>, notice: Notice) {
        let notice = Arc::new(notice);
        for conn in conns {
            let notice = Arc::clone(&notice);
            self.outputs.push_back(Output::Notify { conn, notice, tag: None });
        }
    }

    fn record(&mut self, fact: Fact) {
        self.outputs.push_back(Output::Record(fact));
    }
}

/// As how many messages a request counts, if it is one.
fn weight_of(request: &Request) -> Option<u32> {
    match request {
        Request::RoomMessage { text, .. }
        | Request::Described { act: Act::Candidate(text), .. } => Some(weight(text)),
        Request::ListRoom { .. } => Some(1),
        _ => None,
    }
}
