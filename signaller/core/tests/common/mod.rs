//! Named peers around a hub, in virtual time.
#![allow(clippy::unwrap_used, dead_code, unreachable_pub)]

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use signaller_core::{
    Access, Account, AccountName, AccountStatus, Answer, CallId, CloseReason, ConnId, CredentialId,
    EndCause, EndReason, Fact, Hub, Identity, Input, Kind, Limits, Media, Notice, Output, Payload,
    PeerId, Refusal, Request, Rng, Role, SessionId, Status,
};

pub struct World {
    pub hub: Hub,
    pub now: Instant,
    /// What was written down, oldest first.
    pub facts: Vec<Fact>,
    /// Who was probed since the last look.
    pub probed: Vec<&'static str>,
    accounts: BTreeMap<&'static str, Account>,
    connections: u64,
    peers: BTreeMap<&'static str, Peer>,
}

struct Peer {
    conn: ConnId,
    id: PeerId,
    inbox: VecDeque<Arc<Notice>>,
    closed: Option<CloseReason>,
}

impl World {
    pub fn new() -> Self {
        Self::with(Limits::default())
    }

    pub fn with(limits: Limits) -> Self {
        let hub = Hub::new(limits, Rng::from_seed([7; 32]));
        Self {
            hub,
            now: Instant::now(),
            facts: Vec::new(),
            probed: Vec::new(),
            accounts: BTreeMap::new(),
            connections: 0,
            peers: BTreeMap::new(),
        }
    }

    /// Somebody connects who may do everything, and is welcomed.
    pub fn peer(self, name: &'static str) -> Self {
        self.guest(name, Access::Full)
    }

    pub fn guest(mut self, name: &'static str, access: Access) -> Self {
        self.connect(name, Identity::guest(access));
        self.welcomed(name);
        self
    }

    /// An account that is not connected.
    pub fn account(mut self, name: &'static str, kind: Kind) -> Self {
        self.allow(name, |account| account.kind = kind);
        self
    }

    /// A connection of an account whose protocol knows calls; a user unless it is there already.
    pub fn phone(mut self, name: &'static str, account: &'static str) -> Self {
        self.log_in(name, account);
        self.welcomed(name);
        self.clear();
        self
    }

    /// A connection of an account whose protocol does not know calls: a stock element.
    pub fn stock(mut self, name: &'static str, account: &'static str) -> Self {
        self.know(account);
        self.connect(name, proven(account));
        self.welcomed(name);
        self.clear();
        self
    }

    /// Makes or changes an account.
    pub fn allow(&mut self, name: &'static str, change: impl FnOnce(&mut Account)) {
        let account =
            self.accounts.entry(name).or_insert_with(|| Account::new(named(name), Kind::User));
        let kind = account.kind;
        change(account);
        if account.kind != kind {
            account.rights = signaller_core::Rights::of(account.kind);
        }
        let account = account.clone();
        self.input(Input::AccountChanged(account));
    }

    /// Like [`phone`](Self::phone), but what is heard stays to be looked at.
    pub fn log_in(&mut self, name: &'static str, account: &'static str) {
        self.know(account);
        self.connect(name, Identity { peer: Some(name.into()), ..phone_of(account) });
    }

    /// A new connection in the place of the old one.
    pub fn connect(&mut self, name: &'static str, identity: Identity) {
        let conn = ConnId(self.now_conn());
        let peer = Peer { conn, id: "?".into(), inbox: VecDeque::new(), closed: None };
        self.peers.insert(name, peer);
        self.input(Input::Connected { conn, identity });
    }

    pub fn welcomed(&mut self, name: &str) {
        let Notice::Welcome { peer } = &*self.next(name) else { panic!("not welcomed") };
        self.peers.get_mut(name).unwrap().id = peer.clone();
    }

    pub fn offer(&mut self, from: &str, to: &str) {
        self.ask(from, Request::OfferCall { to: named(to), media: BOTH });
    }

    /// A call that rings, of which everybody has heard.
    pub fn ring(&mut self, from: &str, to: &str) -> CallId {
        self.clear();
        self.offer(from, to);
        let Notice::CallRinging { call, .. } = *self.next(from) else { panic!("does not ring") };
        self.clear();
        call
    }

    /// A call that the second connection accepted.
    pub fn call(&mut self, from: &str, to: &str, by: &str) -> CallId {
        let call = self.ring(from, to);
        self.accept(by, call);
        self.clear();
        call
    }

    pub fn accept(&mut self, name: &str, call: CallId) {
        self.ask(name, Request::AnswerCall { call, answer: Answer::Accept(BOTH) });
    }

    pub fn hang_up(&mut self, name: &str, call: CallId) {
        self.ask(name, Request::EndCall { call, cause: EndCause::Hangup });
    }

    pub fn lose(&mut self, name: &str) {
        self.input(Input::Lost { conn: self.peers[name].conn });
    }

    pub fn resume(&mut self, name: &str, reset: bool) {
        self.input(Input::Resumed { conn: self.peers[name].conn, reset });
    }

    pub fn conn(&self, name: &str) -> ConnId {
        self.peers[name].conn
    }

    /// Forgets what everybody has heard.
    pub fn clear(&mut self) {
        for peer in self.peers.values_mut() {
            peer.inbox.clear();
        }
    }

    /// What somebody heard, presence left out.
    pub fn heard(&mut self, name: &str) -> Vec<Notice> {
        let heard = std::mem::take(&mut self.peers.get_mut(name).unwrap().inbox);
        let all = heard.iter().map(|notice| Notice::clone(notice));
        all.filter(|notice| !matches!(notice, Notice::Presence(_))).collect()
    }

    /// The presence that somebody was told of.
    pub fn presence(&mut self, name: &str) -> Vec<(String, AccountStatus, bool)> {
        let heard = std::mem::take(&mut self.peers.get_mut(name).unwrap().inbox);
        let seen = heard.iter().filter_map(|notice| match &**notice {
            Notice::Presence(seen) => Some(seen),
            _ => None,
        });
        seen.map(|seen| (seen.name.to_string(), seen.status, seen.callable)).collect()
    }

    /// Like [`expect_silence`](Self::expect_silence), presence left out.
    #[track_caller]
    pub fn expect_silence_of_calls(&mut self) {
        let names: Vec<_> = self.peers.keys().copied().collect();
        for name in names {
            assert_eq!(self.heard(name), [], "{name}");
        }
    }

    /// What somebody sees of an account in its list.
    pub fn sees(&mut self, name: &str, account: &str) -> Option<(AccountStatus, bool)> {
        self.ask(name, Request::ListAccounts);
        let last = self.peers.get_mut(name).unwrap().inbox.pop_back().unwrap();
        let Notice::Accounts(accounts) = &*last else { panic!("no list but {last:?}") };
        let seen = accounts.iter().find(|seen| seen.name == named(account));
        seen.map(|seen| (seen.status, seen.callable))
    }

    /// Both heard of the end and are free, and nothing is left of any call.
    #[track_caller]
    pub fn expect_call_end(&mut self, call: CallId, names: &[&str], reason: EndReason) {
        for name in names {
            assert_eq!(self.heard(name), [Notice::CallEnded { call, reason }], "{name}");
        }
        assert_eq!(self.hub.call_count(), 0);
        self.clear();
    }

    fn know(&mut self, account: &'static str) {
        if !self.accounts.contains_key(account) {
            self.allow(account, |_| ());
        }
    }

    fn now_conn(&mut self) -> u64 {
        self.connections += 1;
        self.connections
    }

    /// It registers; what it hears of itself is dropped.
    pub fn is(mut self, name: &'static str, roles: &[Role]) -> Self {
        self.set(name, roles, None);
        for peer in self.peers.values_mut() {
            peer.inbox.clear();
        }
        self
    }

    pub fn set(&mut self, name: &str, roles: &[Role], meta: Option<&str>) {
        let status = Status { roles: roles.to_vec(), meta: meta.map(Into::into), name: None };
        self.ask(name, Request::SetStatus(status));
    }

    pub fn start(&mut self, from: &str, to: &str) {
        let peer = self.id(to);
        self.ask(from, Request::StartSession { peer, offer: None });
    }

    /// A session that both ends have heard of.
    pub fn session(&mut self, consumer: &str, producer: &str) -> SessionId {
        self.start(consumer, producer);
        let Notice::SessionStarted { session, .. } = *self.next(consumer) else { panic!() };
        let Notice::SessionRequested { session: same, .. } = *self.next(producer) else { panic!() };
        assert_eq!(session, same);
        session
    }

    pub fn relay(&mut self, from: &str, session: SessionId, payload: Payload) {
        self.ask(from, Request::Relay { session, payload });
    }

    pub fn end(&mut self, from: &str, session: SessionId) {
        self.ask(from, Request::EndSession { session, error: None });
    }

    pub fn ask(&mut self, name: &str, request: Request) {
        let conn = self.peers[name].conn;
        self.input(Input::Request { conn, request, tag: None });
    }

    pub fn leave(&mut self, name: &str) {
        self.input(Input::Disconnected { conn: self.peers[name].conn });
    }

    pub fn overflow(&mut self, name: &str) {
        self.input(Input::Overflowed { conn: self.peers[name].conn });
    }

    pub fn advance(&mut self, by: Duration) {
        let until = self.now + by;
        while let Some(at) = self.hub.poll_timeout().filter(|at| *at <= until) {
            self.now = at;
            self.input(Input::Timeout);
        }
        self.now = until;
    }

    pub fn input(&mut self, input: Input) {
        self.hub.handle(self.now, input);
        while let Some(output) = self.hub.poll_output() {
            match output {
                Output::Notify { conn, notice, .. } => {
                    let peer = self.of(conn);
                    assert_eq!(peer.closed, None, "a notice to somebody who is closed");
                    peer.inbox.push_back(notice);
                }
                Output::Close { conn, reason } => self.of(conn).closed = Some(reason),
                Output::Probe { conn } => {
                    let name = self.peers.iter().find(|(_, peer)| peer.conn == conn).unwrap().0;
                    self.probed.push(name);
                }
                Output::Record(fact) => self.facts.push(fact),
            }
        }
    }

    pub fn id(&self, name: &str) -> PeerId {
        self.peers[name].id.clone()
    }

    pub fn closed(&self, name: &str) -> Option<CloseReason> {
        self.peers[name].closed
    }

    pub fn next(&mut self, name: &str) -> Arc<Notice> {
        let notice = self.peers.get_mut(name).unwrap().inbox.pop_front();
        notice.unwrap_or_else(|| panic!("{name} hears nothing"))
    }

    #[track_caller]
    pub fn expect(&mut self, name: &str, notice: &Notice) {
        assert_eq!(&*self.next(name), notice, "{name}");
    }

    #[track_caller]
    pub fn expect_refusal(&mut self, name: &str, refusal: Refusal) {
        self.expect(name, &Notice::Refused(refusal));
    }

    #[track_caller]
    pub fn expect_end(&mut self, name: &str, session: SessionId) {
        self.expect(name, &Notice::SessionEnded { session, error: None });
    }

    /// Nobody has anything left to hear.
    #[track_caller]
    pub fn expect_silence(&self) {
        for (name, peer) in &self.peers {
            assert!(peer.inbox.is_empty(), "{name} hears {:?}", peer.inbox);
        }
    }

    fn of(&mut self, conn: ConnId) -> &mut Peer {
        self.peers.values_mut().find(|peer| peer.conn == conn).unwrap()
    }
}

pub fn changed(peer: PeerId, roles: &[Role], meta: Option<&str>) -> Notice {
    let status = Status { roles: roles.to_vec(), meta: meta.map(Into::into), name: None };
    Notice::StatusChanged { peer, status: Arc::new(status), account: None }
}

pub const BOTH: Media = Media { audio: true, video: true };

pub fn named(account: &str) -> AccountName {
    AccountName::parse(account).unwrap()
}

pub fn phone_of(account: &str) -> Identity {
    Identity { calls: true, resumes: true, ..proven(account) }
}

/// Somebody who has shown what the account logs in with.
fn proven(account: &str) -> Identity {
    Identity { credential: Some(CredentialId(0)), ..Identity::account(named(account)) }
}
