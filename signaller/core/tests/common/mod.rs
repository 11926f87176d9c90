//! Named peers around a hub, in virtual time.
#![allow(clippy::unwrap_used, dead_code, unreachable_pub)]

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use signaller_core::{
    Access, CloseReason, ConnId, Hub, Input, Limits, Notice, Output, Payload, PeerId, Refusal,
    Request, Rng, Role, SessionId, Status,
};

pub struct World {
    pub hub: Hub,
    pub now: Instant,
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
        Self { hub, now: Instant::now(), peers: BTreeMap::new() }
    }

    /// Somebody connects who may do everything, and is welcomed.
    pub fn peer(self, name: &'static str) -> Self {
        self.guest(name, Access::Full)
    }

    pub fn guest(mut self, name: &'static str, access: Access) -> Self {
        let conn = ConnId(self.peers.len() as u64 + 1);
        let peer = Peer { conn, id: "?".into(), inbox: VecDeque::new(), closed: None };
        self.peers.insert(name, peer);
        self.input(Input::Connected { conn, access });
        let Notice::Welcome { peer } = &*self.next(name) else { panic!("not welcomed") };
        self.peers.get_mut(name).unwrap().id = peer.clone();
        self
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
        let status = Status { roles: roles.to_vec(), meta: meta.map(Into::into) };
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
        self.input(Input::Request { conn, request });
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
                Output::Notify { conn, notice } => self.of(conn).inbox.push_back(notice),
                Output::Close { conn, reason } => self.of(conn).closed = Some(reason),
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
    let status = Status { roles: roles.to_vec(), meta: meta.map(Into::into) };
    Notice::StatusChanged { peer, status: Arc::new(status) }
}
