//! Whatever anybody says, and whoever leaves: a peer without words for sessions is in one thing at a
//! time, is heard by its other end only, and is gone when that is over.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use signaller_core::{
    Access, CloseReason, ConnId, Hub, Identity, Input, Limits, Meaning, Notice, Output, Payload,
    PeerId, Rate, Request, Rng, Role, RoomId, Status,
};

/// The first four are old, the others are not.
const SEATS: usize = 6;
const OLD: usize = 4;

#[derive(Clone, Copy, Debug)]
enum Act {
    /// Comes again as a new connection, whether it was there or not.
    Again,
    Dial(usize),
    Start(usize),
    Say(u8),
    EndAll,
    Join,
    Wait(u64),
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        1 => Just(Act::Again),
        6 => (0..SEATS).prop_map(Act::Dial),
        3 => (0..SEATS).prop_map(Act::Start),
        8 => (0..4_u8).prop_map(Act::Say),
        1 => Just(Act::EndAll),
        1 => Just(Act::Join),
        1 => (0..70_u64).prop_map(Act::Wait),
    ]
}

struct World {
    hub: Hub,
    now: Instant,
    next: u64,
    conns: [ConnId; SEATS],
    rooms: BTreeMap<ConnId, usize>,
}

fn peer(seat: usize) -> PeerId {
    PeerId::from(format!("p{seat}").as_str())
}

impl World {
    fn new() -> Self {
        let rate = Rate { burst: 10_000, every: Duration::from_millis(1) };
        let limits = Limits { status_changes: rate, changes: rate, ..Limits::default() };
        let mut world = Self {
            hub: Hub::new(limits, Rng::from_seed([9; 32])),
            now: Instant::now(),
            next: 0,
            conns: [ConnId(0); SEATS],
            rooms: BTreeMap::new(),
        };
        for seat in 0..SEATS {
            world.act(seat, Act::Again);
        }
        world
    }

    fn act(&mut self, seat: usize, act: Act) {
        let request = match act {
            Act::Again => return self.come_again(seat),
            Act::Wait(seconds) => {
                self.now += Duration::from_secs(seconds);
                return self.input(None, Input::Timeout);
            }
            Act::EndAll => return self.end_all(seat),
            // Only old ones have a word for it.
            Act::Dial(_) | Act::Say(_) if seat >= OLD => return,
            Act::Dial(to) => Request::Dial { to: peer(to).as_str().into() },
            Act::Start(_) if seat < OLD => return,
            Act::Start(with) => Request::StartSession { peer: peer(with), offer: None },
            Act::Say(what) => Request::Say { text: "good day".into(), meaning: meaning(what) },
            Act::Join => Request::JoinRoom { room: RoomId::parse("hall").unwrap() },
        };
        self.input(Some(seat), Input::Request { conn: self.conns[seat], request, tag: None });
    }

    fn come_again(&mut self, seat: usize) {
        self.input(None, Input::Disconnected { conn: self.conns[seat] });
        self.next += 1;
        let conn = ConnId(self.next);
        self.conns[seat] = conn;
        let guest = Identity::guest(Access::Full);
        let identity = Identity { peer: Some(peer(seat)), verbatim: seat < OLD, ..guest };
        self.input(None, Input::Connected { conn, identity });
        let status = Status { roles: vec![Role::Producer], ..Status::default() };
        let request = Request::SetStatus(status);
        self.input(None, Input::Request { conn, request, tag: None });
    }

    /// Those that are not old say so.
    fn end_all(&mut self, seat: usize) {
        let sessions = self.hub.overview().sessions;
        for session in sessions.into_iter().filter(|_| seat >= OLD) {
            let request = Request::EndSession { session: session.session, error: None };
            self.input(None, Input::Request { conn: self.conns[seat], request, tag: None });
        }
    }

    fn input(&mut self, by: Option<usize>, input: Input) {
        let before = self.hub.overview().sessions;
        self.hub.handle(self.now, input);
        while let Some(output) = self.hub.poll_output() {
            match output {
                Output::Notify { conn, notice, .. } => match &*notice {
                    Notice::Said { .. } => {
                        let ends = [Some(self.seat(conn)), by].map(|seat| peer(seat.unwrap()));
                        let is_theirs = before.iter().any(|session| {
                            let both = [&session.producer.peer, &session.consumer.peer];
                            ends[0] != ends[1] && ends.iter().all(|end| both.contains(&end))
                        });
                        assert!(is_theirs, "{ends:?} {before:?}");
                    }
                    Notice::RoomJoined { .. } => *self.rooms.entry(conn).or_default() += 1,
                    _ => {}
                },
                Output::Close { conn, reason } => {
                    assert_eq!(reason, CloseReason::SessionEnded);
                    assert!(self.seat(conn) < OLD, "closed for a session of many");
                }
                Output::Probe { .. } | Output::Record(_) => {}
            }
        }
        self.check();
    }

    fn seat(&self, conn: ConnId) -> usize {
        self.conns.iter().position(|other| *other == conn).unwrap()
    }

    fn check(&self) {
        let overview = self.hub.overview();
        assert_eq!(overview.sessions.len(), self.hub.session_count(), "an end is gone");
        for seat in 0..OLD {
            let is_end = |session: &&signaller_core::SessionView| {
                [&session.producer.peer, &session.consumer.peer].contains(&&peer(seat))
            };
            let sessions = overview.sessions.iter().filter(is_end).count();
            let is_in_room = self.rooms.contains_key(&self.conns[seat]);
            assert!(sessions + usize::from(is_in_room) <= 1, "{seat} is in two things");
        }
    }
}

fn meaning(what: u8) -> Meaning {
    match what {
        0 => Meaning::Ask,
        1 => Meaning::Offer { payload: Payload::Offer("o".into()), sdp: "o".into() },
        2 => Meaning::Payload(Payload::Candidate("c".into())),
        _ => Meaning::Harm("harm".into()),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn an_old_peer_is_in_one_thing_and_ends_with_it(
        acts in prop::collection::vec((0..SEATS, act()), 0..80)
    ) {
        let mut world = World::new();
        for (seat, act) in acts {
            world.act(seat, act);
        }
    }
}
