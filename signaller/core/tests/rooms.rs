//! Rooms: who is in one together, and who hears of it.
#![allow(clippy::unwrap_used)]
mod common;

use std::time::Duration;

use common::{World, named};
use signaller_core::{
    Access, Circle, CloseReason, Limits, Notice, PeerId, Rate, Refusal, Request, RoomId,
};

const TOO_FAST: Refusal = Refusal::TooFast("messages");

fn hall() -> RoomId {
    RoomId::parse("hall").unwrap()
}

fn joined(peers: &[PeerId]) -> Notice {
    Notice::RoomJoined { room: hall(), peers: peers.to_vec() }
}

fn came(peer: PeerId) -> Notice {
    Notice::RoomPeerJoined { room: hall(), peer }
}

fn left(peer: PeerId) -> Notice {
    Notice::RoomPeerLeft { room: hall(), peer }
}

fn join(world: &mut World, name: &str) {
    world.ask(name, Request::JoinRoom { room: hall() });
}

fn say(world: &mut World, from: &str, to: PeerId) {
    world.ask(from, Request::RoomMessage { room: hall(), to, text: "good day".into() });
}

#[test]
fn who_is_in_a_room_hears_who_comes_says_something_and_goes() {
    let mut world = World::new().peer("a").peer("b").peer("outsider");
    let (a, b) = (world.id("a"), world.id("b"));
    join(&mut world, "a");
    world.expect("a", &joined(&[]));
    join(&mut world, "b");
    world.expect("b", &joined(std::slice::from_ref(&a)));
    world.expect("a", &came(b.clone()));
    // Once more is no news.
    join(&mut world, "b");
    world.expect("b", &joined(std::slice::from_ref(&a)));
    say(&mut world, "a", b.clone());
    let text = "good day".into();
    world.expect("b", &Notice::RoomMessage { room: hall(), from: a.clone(), text });
    world.ask("b", Request::ListRoom { room: hall() });
    world.expect("b", &Notice::RoomPeers { room: hall(), peers: vec![a] });
    world.ask("b", Request::LeaveRoom { room: hall() });
    world.expect("a", &left(b.clone()));
    join(&mut world, "b");
    world.clear();
    world.leave("b");
    world.expect("a", &left(b));
    world.expect_silence();
}

#[test]
fn who_is_not_in_a_room_has_no_say_there() {
    let mut world = World::new().peer("a").peer("b");
    join(&mut world, "a");
    world.clear();
    let a = world.id("a");
    say(&mut world, "b", a);
    world.expect_refusal("b", Refusal::NoSuchRoom);
    for request in [Request::ListRoom { room: hall() }, Request::LeaveRoom { room: hall() }] {
        world.ask("b", request);
        world.expect_refusal("b", Refusal::NoSuchRoom);
    }
    let b = world.id("b");
    say(&mut world, "a", b.clone());
    world.expect_refusal("a", Refusal::NotInRoom(b));
    say(&mut world, "a", "nobody".into());
    world.expect_refusal("a", Refusal::NoSuchPeer("nobody".into()));
    world.expect_silence();
}

#[test]
fn there_are_bounds() {
    let limits = Limits { rooms_per_peer: 2, peers_per_room: 1, ..Limits::default() };
    let mut world = World::with(limits).peer("a").peer("b").guest("watcher", Access::Watch);
    join(&mut world, "watcher");
    world.expect_refusal("watcher", Refusal::WatchOnly);
    join(&mut world, "a");
    world.clear();
    join(&mut world, "b");
    world.expect_refusal("b", Refusal::RoomFull { max: 1 });
    for (room, fits) in [("attic", true), ("shed", false)] {
        world.ask("a", Request::JoinRoom { room: RoomId::parse(room).unwrap() });
        let refused = Notice::Refused(Refusal::TooManyRooms { max: 2 });
        assert_eq!(*world.next("a") == refused, !fits, "{room}");
    }
    for _ in 0..200 {
        join(&mut world, "a");
    }
    let last = world.heard("a").pop();
    assert_eq!(last, Some(Notice::Refused(Refusal::TooFast("rooms"))));
    world.advance(Duration::from_secs(1));
    join(&mut world, "a");
    world.expect("a", &joined(&[]));
}

#[test]
fn what_is_said_in_rooms_is_bounded() {
    let messages = Rate { burst: 4, every: Duration::from_secs(1) };
    let limits = Limits { messages, ..Limits::default() };
    let mut world = World::with(limits).peer("a").peer("b");
    join(&mut world, "a");
    join(&mut world, "b");
    world.clear();
    let (a, b) = (world.id("a"), world.id("b"));
    say(&mut world, "a", b.clone());
    world.ask("a", Request::ListRoom { room: hall() });
    world.expect("a", &Notice::RoomPeers { room: hall(), peers: vec![b.clone()] });
    // A long text counts as several; and what reaches nobody as what does.
    let long = |len: usize| Request::RoomMessage {
        room: hall(),
        to: b.clone(),
        text: "x".repeat(len).into(),
    };
    world.ask("a", long(2048));
    world.expect_refusal("a", TOO_FAST);
    world.ask("a", long(2047));
    say(&mut world, "a", "nobody".into());
    world.expect_refusal("a", TOO_FAST);
    world.ask("a", Request::ListRoom { room: hall() });
    world.expect_refusal("a", TOO_FAST);
    assert_eq!(world.heard("b").len(), 2);
    // Others are heard as before.
    say(&mut world, "b", a);
    assert_eq!(world.heard("a").len(), 1);
    world.advance(Duration::from_secs(1));
    say(&mut world, "a", b.clone());
    assert_eq!(world.heard("b").len(), 1);
    world.expect_silence();
}

/// A page that comes into a room of ten, and gathers on many interfaces.
#[test]
fn what_a_browser_says_at_once_is_not_too_much() {
    let names = ["b", "c", "d", "e", "f", "g", "h", "i", "j"];
    let mut world = World::new().peer("a");
    join(&mut world, "a");
    for name in names {
        world = world.peer(name);
        join(&mut world, name);
    }
    world.clear();
    for name in names {
        let to = world.id(name);
        for len in [8000].into_iter().chain([200; 60]) {
            let text = "x".repeat(len).into();
            world.ask("a", Request::RoomMessage { room: hall(), to: to.clone(), text });
        }
        assert_eq!(world.heard(name).len(), 61);
    }
    world.expect_silence();
}

#[test]
fn a_lost_member_is_waited_for() {
    let mut world = World::new().phone("ann", "ann").phone("bob", "bob");
    join(&mut world, "ann");
    join(&mut world, "bob");
    world.clear();
    world.lose("bob");
    let bob = world.id("bob");
    say(&mut world, "ann", bob.clone());
    assert_eq!(world.heard("bob").len(), 1);
    world.advance(Duration::from_secs(31));
    assert_eq!(world.closed("bob"), Some(CloseReason::NotBack));
    assert_eq!(world.heard("ann"), [left(bob)]);
}

#[test]
fn a_member_that_may_not_be_seen_is_not_there() {
    let mut world = World::new().phone("ann", "ann").phone("bob", "bob").phone("eve", "eve");
    world.allow("ann", |ann| ann.rights.see = Circle::Listed([named("bob")].into()));
    for name in ["ann", "bob", "eve"] {
        join(&mut world, name);
    }
    let (ann, bob, eve) = (world.id("ann"), world.id("bob"), world.id("eve"));
    assert_eq!(world.heard("eve").pop(), Some(joined(std::slice::from_ref(&bob))));
    world.clear();
    say(&mut world, "eve", ann.clone());
    world.expect_refusal("eve", Refusal::NoSuchPeer(ann.clone()));
    // Nor does she speak to those to whom she is not there.
    say(&mut world, "ann", eve.clone());
    world.expect_refusal("ann", Refusal::NoSuchPeer(eve));
    world.expect_silence();
    // From now on, and no longer.
    world.allow("ann", |ann| ann.rights.see = Circle::Users);
    assert_eq!(world.heard("eve"), [came(ann.clone())]);
    world.allow("ann", |ann| ann.rights.see = Circle::Nobody);
    let gone = Notice::AccountGone { account: named("ann") };
    for name in ["bob", "eve"] {
        assert_eq!(world.heard(name), [left(ann.clone()), gone.clone()]);
    }
    // She sees them still, and the end of what nobody sees is no news.
    assert_eq!(world.heard("ann"), []);
    world.leave("ann");
    assert_eq!(world.heard("bob"), []);
    world.leave("bob");
    assert_eq!(world.heard("eve"), [left(bob)]);
}
