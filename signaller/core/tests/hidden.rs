//! Whatever anybody sends, whenever sockets break: to somebody who may not see an account it does not
//! exist, and she neither reaches nor disturbs it, even if she knows all names and ids.
#![allow(clippy::unwrap_used)]

use std::time::{Duration, Instant};

use proptest::prelude::*;
use signaller_core::{
    Account, AccountName, Answer, CallId, Circle, ConnId, EndCause, Hub, Identity, Input, Kind,
    Limits, Meaning, Media, Notice, Output, Payload, PeerId, Rate, Refusal, Request, Rng, Role,
    RoomId, SessionId, Status,
};

/// Whose the seats are: two connections each, the second of which rings.
const SEATS: [&str; 6] = ["door", "door", "ann", "ann", "eve", "eve"];
const CAMERA: usize = 0;
const DOOR: usize = 1;
const ANN: usize = 3;
const EVE: usize = 5;
const MEDIA: Media = Media { audio: true, video: true };

#[derive(Clone, Copy, Debug)]
enum Act {
    /// Leaves, and comes again as a new connection.
    Again,
    Lose,
    Resume,
    Status(Role),
    Lists,
    Start(usize),
    EndSession(usize),
    Relay(usize),
    Offer(usize),
    Answer(usize),
    Attach(usize, usize),
    EndCall(usize),
    Join(usize),
    Exit(usize),
    RoomSay(usize, usize),
    ListRoom(usize),
    Dial(usize),
    DialName(usize),
    Say,
    Wait(u64),
}

fn act() -> impl Strategy<Value = Act> {
    let role = prop_oneof![Just(Role::Producer), Just(Role::Consumer), Just(Role::Listener)];
    let (seat, any) = (|| 0..SEATS.len(), || 0..99_usize);
    prop_oneof![
        1 => Just(Act::Again),
        1 => Just(Act::Lose),
        2 => Just(Act::Resume),
        3 => role.prop_map(Act::Status),
        2 => Just(Act::Lists),
        4 => seat().prop_map(Act::Start),
        2 => any().prop_map(Act::EndSession),
        3 => any().prop_map(Act::Relay),
        4 => seat().prop_map(Act::Offer),
        4 => any().prop_map(Act::Answer),
        2 => (any(), seat()).prop_map(|(call, peer)| Act::Attach(call, peer)),
        2 => any().prop_map(Act::EndCall),
        4 => (0..2_usize).prop_map(Act::Join),
        1 => (0..2_usize).prop_map(Act::Exit),
        3 => (0..2_usize, seat()).prop_map(|(room, to)| Act::RoomSay(room, to)),
        1 => (0..2_usize).prop_map(Act::ListRoom),
        2 => seat().prop_map(Act::Dial),
        1 => seat().prop_map(Act::DialName),
        2 => Just(Act::Say),
        1 => (0..40_u64).prop_map(Act::Wait),
    ]
}

struct World {
    hub: Hub,
    now: Instant,
    /// The connection of each seat.
    conns: [ConnId; SEATS.len()],
    next: u64,
    sessions: Vec<SessionId>,
    calls: Vec<CallId>,
}

fn name(seat: usize) -> AccountName {
    AccountName::parse(SEATS[seat]).unwrap()
}

fn room(at: usize) -> RoomId {
    RoomId::parse(["hall", "attic"][at]).unwrap()
}

fn peer(seat: usize) -> PeerId {
    PeerId::from(format!("{}-{seat}", SEATS[seat]).as_str())
}

impl World {
    /// Ann is in a call with the door, and takes its picture.
    fn new() -> Self {
        let rate = Rate { burst: 10_000, every: Duration::from_millis(1) };
        let limits =
            Limits { call_offers: rate, status_changes: rate, changes: rate, ..Limits::default() };
        let mut world = Self {
            hub: Hub::new(limits, Rng::from_seed([6; 32])),
            now: Instant::now(),
            conns: [ConnId(0); SEATS.len()],
            next: 0,
            sessions: Vec::new(),
            calls: Vec::new(),
        };
        for (seat, kind) in [(DOOR, Kind::Device), (ANN, Kind::User), (EVE, Kind::User)] {
            let mut account = Account::new(name(seat), kind);
            if seat == DOOR {
                account.rights.see = Circle::Listed([name(ANN)].into());
            }
            world.input(None, Input::AccountChanged(account));
        }
        for seat in 0..SEATS.len() {
            world.act(seat, Act::Again);
            world.act(seat, Act::Status(Role::Listener));
        }
        world.act(CAMERA, Act::Status(Role::Producer));
        world.act(ANN, Act::Offer(DOOR));
        world.act(DOOR, Act::Answer(0));
        world.act(DOOR, Act::Attach(0, CAMERA));
        world.act(ANN, Act::Start(CAMERA));
        assert_eq!((world.hub.call_count(), world.hub.session_count()), (1, 1));
        world
    }

    fn act(&mut self, seat: usize, act: Act) {
        let conn = self.conns[seat];
        let session = |at: usize| self.sessions.get(at % self.sessions.len().max(1)).copied();
        let call = |at: usize| self.calls.get(at % self.calls.len().max(1)).copied();
        let request = match act {
            Act::Again => return self.come_again(seat),
            Act::Lose => return self.input(Some(seat), Input::Lost { conn }),
            Act::Resume => return self.input(Some(seat), Input::Resumed { conn, reset: true }),
            Act::Wait(seconds) => return self.wait(Duration::from_secs(seconds)),
            // What the door says to eve by itself it does not hide.
            Act::Offer(to) | Act::RoomSay(_, to) if SEATS[seat] == "door" && SEATS[to] == "eve" => {
                None
            }
            Act::Offer(to) => Some(Request::OfferCall { to: name(to), media: MEDIA }),
            Act::Status(role) => {
                Some(Request::SetStatus(Status { roles: vec![role], ..Status::default() }))
            }
            Act::Lists => {
                for request in [Request::ListProducers, Request::ListConsumers] {
                    self.input(Some(seat), Input::Request { conn, request, tag: None });
                }
                Some(Request::ListAccounts)
            }
            Act::Start(with) => Some(Request::StartSession { peer: peer(with), offer: None }),
            Act::EndSession(at) => {
                session(at).map(|session| Request::EndSession { session, error: None })
            }
            Act::Relay(at) => session(at).map(|session| {
                let payload = Payload::Candidate("c".into());
                Request::Relay { session, payload }
            }),
            Act::Answer(at) => {
                call(at).map(|call| Request::AnswerCall { call, answer: Answer::Accept(MEDIA) })
            }
            Act::Attach(at, with) => {
                call(at).map(|call| Request::AttachPeer { call, peer: peer(with) })
            }
            Act::Join(at) => Some(Request::JoinRoom { room: room(at) }),
            Act::Exit(at) => Some(Request::LeaveRoom { room: room(at) }),
            Act::ListRoom(at) => Some(Request::ListRoom { room: room(at) }),
            Act::RoomSay(at, to) => {
                let text = "good day".into();
                Some(Request::RoomMessage { room: room(at), to: peer(to), text })
            }
            Act::Dial(to) => Some(Request::Dial { to: peer(to).as_str().into() }),
            Act::DialName(to) => Some(Request::Dial { to: SEATS[to].into() }),
            Act::Say => Some(Request::Say { text: "good day".into(), meaning: Meaning::Ask }),
            Act::EndCall(at) => {
                call(at).map(|call| Request::EndCall { call, cause: EndCause::Hangup })
            }
        };
        if let Some(request) = request {
            self.input(Some(seat), Input::Request { conn, request, tag: None });
        }
    }

    fn come_again(&mut self, seat: usize) {
        self.input(Some(seat), Input::Disconnected { conn: self.conns[seat] });
        self.next += 1;
        let conn = ConnId(self.next);
        self.conns[seat] = conn;
        let (peer, calls) = (Some(peer(seat)), seat % 2 == 1);
        let identity = Identity { peer, calls, resumes: true, ..Identity::account(name(seat)) };
        self.input(Some(seat), Input::Connected { conn, identity });
    }

    fn wait(&mut self, time: Duration) {
        let until = self.now + time;
        while let Some(at) = self.hub.poll_timeout().filter(|at| *at <= until) {
            self.now = at;
            self.input(None, Input::Timeout);
        }
        self.now = until;
    }

    fn input(&mut self, by: Option<usize>, input: Input) {
        self.hub.handle(self.now, input);
        while let Some(output) = self.hub.poll_output() {
            if let Output::Notify { conn, notice, .. } = output {
                self.heard(by, conn, &notice);
            }
        }
    }

    fn heard(&mut self, by: Option<usize>, conn: ConnId, notice: &Notice) {
        match notice {
            Notice::SessionStarted { session, .. } => self.sessions.push(*session),
            Notice::CallRinging { call, .. } => self.calls.push(*call),
            _ => {}
        }
        let seat = self.conns.iter().position(|other| *other == conn);
        let to = seat.map_or("nobody", |seat| SEATS[seat]);
        let by = by.map_or("time", |seat| SEATS[seat]);
        // What she said herself comes back with the answer that an unknown one gets.
        let is_unknown =
            matches!(notice, Notice::Refused(Refusal::NoSuchPeer(_) | Refusal::NoSuchAccount(_)))
                || matches!(notice, Notice::Refused(Refusal::NotYourProducer(_)));
        if to == "eve" && !(by == "eve" && is_unknown) {
            let said = format!("{notice:?}");
            assert!(!said.contains("door"), "eve heard {said}");
        }
        if to == "door" && by == "eve" {
            let is_news = matches!(
                notice,
                Notice::Presence(_)
                    | Notice::StatusChanged { .. }
                    | Notice::RoomPeerJoined { .. }
                    | Notice::RoomPeerLeft { .. }
            );
            assert!(is_news, "eve made the door hear {notice:?}");
        }
    }
}

proptest! {
    #[test]
    fn what_is_hidden_is_neither_heard_of_nor_reached(
        acts in prop::collection::vec((0..SEATS.len(), act()), 0..60)
    ) {
        let mut world = World::new();
        for (seat, act) in acts {
            world.act(seat, act);
        }
    }
}
