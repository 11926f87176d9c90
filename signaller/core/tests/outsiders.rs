//! Whatever anybody sends: a session has two live ends, only they hear or end it.
#![allow(clippy::unwrap_used)]

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use proptest::prelude::*;
use signaller_core::{
    Access, ConnId, Hub, Identity, Input, Limits, Notice, Output, Payload, PeerId, Request, Rng,
    Role, SessionId, Status,
};

#[derive(Clone, Debug)]
enum Act {
    Connect,
    Leave(usize),
    Status(usize, Vec<Role>),
    Start(usize, usize),
    End(usize, usize),
    Say(usize, usize, u8),
    Spoil(usize, usize),
    Overflow(usize),
    Wait(u64),
}

fn act() -> impl Strategy<Value = Act> {
    let role = prop_oneof![Just(Role::Producer), Just(Role::Consumer), Just(Role::Listener)];
    prop_oneof![
        1 => Just(Act::Connect),
        1 => (0..6_usize).prop_map(Act::Leave),
        3 => (0..6_usize, prop::collection::vec(role, 0..3)).prop_map(|(c, r)| Act::Status(c, r)),
        6 => (0..6_usize, 0..6_usize).prop_map(|(a, b)| Act::Start(a, b)),
        2 => (0..6_usize, 0..99_usize).prop_map(|(c, s)| Act::End(c, s)),
        6 => (0..6_usize, 0..99_usize, 0..3_u8).prop_map(|(c, s, k)| Act::Say(c, s, k)),
        1 => (0..6_usize, 0..99_usize).prop_map(|(c, s)| Act::Spoil(c, s)),
        1 => (0..6_usize).prop_map(Act::Overflow),
        1 => (0..90_u64).prop_map(Act::Wait),
    ]
}

/// What the connections know, told from their notices alone.
#[derive(Default)]
struct Witness {
    live: Vec<ConnId>,
    ids: HashMap<ConnId, PeerId>,
    ever: Vec<SessionId>,
    ends: HashMap<SessionId, HashSet<ConnId>>,
    /// The same, before the last input.
    before: HashMap<SessionId, HashSet<ConnId>>,
}

impl Witness {
    /// `by`: who acted, with which session.
    fn see(&mut self, output: Output, by: Option<ConnId>, said: Option<SessionId>) {
        let (conn, notice) = match output {
            Output::Close { conn, .. } => return self.gone(conn),
            Output::Notify { conn, notice, .. } => (conn, notice),
            Output::Probe { .. } | Output::Record(_) => return,
        };
        assert!(self.live.contains(&conn), "a notice to somebody who is gone");
        match &*notice {
            Notice::Welcome { peer } => {
                assert!(self.ids.insert(conn, peer.clone()).is_none(), "welcomed twice");
            }
            Notice::SessionStarted { session, .. } => {
                assert!(self.ends.insert(*session, HashSet::from([conn])).is_none());
                self.ever.push(*session);
            }
            Notice::SessionRequested { session, .. } => {
                assert!(self.ends.get_mut(session).unwrap().insert(conn), "with oneself");
            }
            Notice::Relayed { session, .. } => {
                let ends = &self.ends[session];
                let by = by.unwrap();
                assert_eq!(said, Some(*session));
                assert!(ends.contains(&conn) && ends.contains(&by) && conn != by);
            }
            Notice::SessionEnded { session, .. } => {
                assert!(self.ends.get_mut(session).unwrap().remove(&conn), "ended for an outsider");
                if let (Some(by), Some(said)) = (by, said) {
                    assert!(said == *session && self.before[session].contains(&by));
                }
            }
            _ => {}
        }
    }

    fn gone(&mut self, conn: ConnId) {
        self.live.retain(|live| *live != conn);
    }

    /// Sessions of which some end heard the end, or is gone, are over.
    fn open(&self) -> usize {
        let open = |ends: &&HashSet<ConnId>| {
            ends.len() == 2 && ends.iter().all(|conn| self.live.contains(conn))
        };
        self.ends.values().filter(open).count()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn sessions_belong_to_their_ends(acts in prop::collection::vec(act(), 0..120)) {
        let limits = Limits { sessions_per_peer: 6, sessions_per_pair: 3, ..Limits::default() };
        let mut hub = Hub::new(limits, Rng::from_seed([3; 32]));
        let (mut witness, mut now, mut next) = (Witness::default(), Instant::now(), 0);
        for act in [Act::Connect, Act::Connect, Act::Connect].into_iter().chain(acts) {
            let conn = |index: usize| {
                witness.live.get(index % witness.live.len().max(1)).copied().unwrap_or(ConnId(0))
            };
            let session = |index: usize| {
                let unknown = SessionId::parse("00000000-0000-4000-8000-000000000000").unwrap();
                witness.ever.get(index % witness.ever.len().max(1)).copied().unwrap_or(unknown)
            };
            let (mut by, mut said) = (None, None);
            let mut ask = |conn: ConnId, request: Request| {
                by = Some(conn);
                said = match &request {
                    Request::EndSession { session, .. }
                    | Request::Relay { session, .. }
                    | Request::Spoil { session, .. } => Some(*session),
                    _ => None,
                };
                Input::Request { conn, request, tag: None }
            };
            let input = match act {
                Act::Connect => {
                    next += 1;
                    witness.live.push(ConnId(next));
                    Input::Connected { conn: ConnId(next), identity: Identity::guest(Access::Full) }
                }
                Act::Leave(c) => {
                    let conn = conn(c);
                    witness.gone(conn);
                    Input::Disconnected { conn }
                }
                Act::Overflow(c) => Input::Overflowed { conn: conn(c) },
                Act::Status(c, roles) => {
                    ask(conn(c), Request::SetStatus(Status { roles, ..Status::default() }))
                }
                Act::Start(a, b) => {
                    let peer = witness.ids.get(&conn(b)).cloned().unwrap_or("?".into());
                    ask(conn(a), Request::StartSession { peer, offer: None })
                }
                Act::End(c, s) => {
                    ask(conn(c), Request::EndSession { session: session(s), error: None })
                }
                Act::Spoil(c, s) => {
                    ask(conn(c), Request::Spoil { session: session(s), fault: "f".into() })
                }
                Act::Say(c, s, kind) => {
                    let payload = match kind {
                        0 => Payload::Offer("o".into()),
                        1 => Payload::Answer("a".into()),
                        _ => Payload::Candidate("c".into()),
                    };
                    ask(conn(c), Request::Relay { session: session(s), payload })
                }
                Act::Wait(seconds) => {
                    now += Duration::from_secs(seconds);
                    Input::Timeout
                }
            };
            witness.before = witness.ends.clone();
            // The one who ends a session hears nothing of it, but knows.
            if let Input::Request { conn, request: Request::EndSession { session, .. }, .. } = &input
                && let Some(ends) = witness.ends.get_mut(session)
                && ends.contains(conn)
            {
                ends.remove(conn);
            }
            if let Input::Request { request: Request::SetStatus(_), .. } = &input {
                by = None;
            }
            hub.handle(now, input);
            let mut closed = Vec::new();
            while let Some(output) = hub.poll_output() {
                if let Output::Close { conn, .. } = output {
                    closed.push(conn);
                }
                witness.see(output, by, said);
            }
            // Ends that gave a role up know that its sessions are over, though nobody told them.
            for ends in witness.ends.values_mut() {
                if ends.len() < 2 {
                    ends.clear();
                }
            }
            prop_assert_eq!(hub.session_count(), witness.open());
            prop_assert_eq!(hub.peer_count(), witness.live.len());
        }
    }
}
