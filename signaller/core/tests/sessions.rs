//! Sessions begin, carry and end between two peers.
#![allow(clippy::unwrap_used)]
mod common;

use common::{World, changed};
use signaller_core::{
    Access, CloseReason, ConnId, Identity, Input, Limits, Notice, Payload, Refusal, Request, Role,
    SessionId,
};
use std::time::Duration;

const TOO_FAST: Refusal = Refusal::TooFast("sessions or changes of a call");

fn door_and_phone() -> World {
    World::new().peer("door").peer("phone").is("door", &[Role::Producer])
}

#[test]
fn both_ends_hear_of_a_session_and_of_each_other() {
    let mut world = door_and_phone();
    let offer = Some("v=0".into());
    world.ask("phone", Request::StartSession { peer: world.id("door"), offer: offer.clone() });
    let Notice::SessionStarted { peer, session } = (*world.next("phone")).clone() else { panic!() };
    assert_eq!(peer, world.id("door"));
    let phone = world.id("phone");
    let requested = Notice::SessionRequested { peer: phone, session, offer, call: None };
    world.expect("door", &requested);
    for (from, to, payload) in [
        ("door", "phone", Payload::Offer("o".into())),
        ("phone", "door", Payload::Answer("a".into())),
        ("door", "phone", Payload::Candidate("c".into())),
        ("phone", "door", Payload::Candidate("d".into())),
    ] {
        world.relay(from, session, payload.clone());
        world.expect(to, &Notice::Relayed { session, payload });
    }
    world.expect_silence();
}

#[test]
fn whoever_asks_a_passive_consumer_produces() {
    let mut world = World::new().peer("speaker").peer("phone").is("speaker", &[Role::Consumer]);
    world.start("phone", "speaker");
    let Notice::SessionStarted { peer, .. } = (*world.next("speaker")).clone() else { panic!() };
    assert_eq!(peer, world.id("phone"));
    assert!(matches!(*world.next("phone"), Notice::SessionRequested { .. }));
}

#[test]
fn either_end_ends_it_and_the_other_hears_why() {
    let mut world = door_and_phone();
    for (from, to) in [("door", "phone"), ("phone", "door")] {
        let session = world.session("phone", "door");
        let error = Some("no camera".into());
        world.ask(from, Request::EndSession { session, error: error.clone() });
        world.expect(to, &Notice::SessionEnded { session, error });
        world.end(from, session);
        world.relay(from, session, Payload::Candidate("late".into()));
        world.expect_silence();
    }
}

#[test]
fn leaving_ends_sessions_before_listeners_hear_of_it() {
    let mut world = door_and_phone().peer("page").is("page", &[Role::Listener]);
    let (one, two) = (world.session("phone", "door"), world.session("page", "door"));
    world.leave("door");
    world.expect_end("phone", one);
    world.expect_end("page", two);
    world.expect("page", &changed(world.id("door"), &[], None));
    world.expect_silence();
    assert_eq!(world.hub.session_count(), 0);
}

#[test]
fn a_role_that_is_given_up_ends_its_sessions_only() {
    let mut world = door_and_phone().is("phone", &[Role::Producer]);
    let (seen, shown) = (world.session("phone", "door"), world.session("door", "phone"));
    world.set("door", &[Role::Listener], None);
    world.expect_end("phone", seen);
    assert!(matches!(*world.next("door"), Notice::StatusChanged { .. }));
    world.expect_silence();
    world.end("door", shown);
    world.expect_end("phone", shown);
}

#[test]
fn what_cannot_be_is_refused() {
    let mut world = door_and_phone().peer("idle");
    world.ask("phone", Request::StartSession { peer: "nobody".into(), offer: None });
    world.expect_refusal("phone", Refusal::NoSuchPeer("nobody".into()));
    world.start("door", "door");
    world.expect_refusal("door", Refusal::OnlyOneEnd(world.id("door")));
    world.start("phone", "idle");
    assert!(matches!(&*world.next("phone"), Notice::Refused(Refusal::NoMedia { .. })));
    let session = world.session("phone", "door");
    world.relay("phone", session, Payload::Offer("o".into()));
    let (consumer, producer) = (world.id("phone"), world.id("door"));
    world.expect_refusal("phone", Refusal::OfferFromConsumer { consumer, producer });
    world.expect_silence();
}

#[test]
fn an_outsider_is_not_even_answered() {
    let mut world = door_and_phone().peer("mallory");
    let session = world.session("phone", "door");
    world.end("mallory", session);
    world.relay("mallory", session, Payload::Offer("o".into()));
    world.ask("mallory", Request::Spoil { session, fault: "empty".into() });
    let unknown = SessionId::parse("00000000-0000-4000-8000-000000000000").unwrap();
    world.end("mallory", unknown);
    world.relay("mallory", unknown, Payload::Candidate("c".into()));
    world.expect_silence();
    assert_eq!(world.hub.session_count(), 1);
}

#[test]
fn a_spoilt_session_ends_for_both() {
    let mut world = door_and_phone();
    let (session, other) = (world.session("phone", "door"), world.session("phone", "door"));
    world.ask("phone", Request::Spoil { session, fault: "empty".into() });
    for name in ["door", "phone"] {
        world.expect(name, &Notice::SessionEnded { session, error: Some("empty".into()) });
    }
    world.expect_silence();
    world.end("phone", other);
    world.expect_end("door", other);
}

#[test]
fn sessions_are_bounded() {
    let limits = Limits { sessions_per_peer: 3, sessions_per_pair: 2, ..Limits::default() };
    let mut world = World::with(limits).peer("door").peer("a").peer("b").peer("c");
    world = world.is("door", &[Role::Producer]);
    world.session("a", "door");
    world.session("a", "door");
    world.start("a", "door");
    world.expect_refusal("a", Refusal::TooManyTogether { peer: world.id("door"), max: 2 });
    let third = world.session("b", "door");
    world.start("c", "door");
    world.expect_refusal("c", Refusal::TooManySessions { peer: world.id("door"), max: 3 });
    world.end("b", third);
    world.expect_end("door", third);
    world.session("c", "door");
}

#[test]
fn who_has_one_session_at_most_is_busy_in_it() {
    let mut world = World::new().peer("a").peer("b").peer("other").is("other", &[Role::Producer]);
    for (name, role) in [("cam", Role::Producer), ("page", Role::Listener)] {
        world.connect(name, Identity { is_single: true, ..Identity::guest(Access::Full) });
        world.welcomed(name);
        world = world.is(name, &[role]);
    }
    let session = world.session("page", "cam");
    world.start("a", "cam");
    world.expect_refusal("a", Refusal::PeerBusy(world.id("cam")));
    world.start("page", "other");
    world.expect_refusal("page", Refusal::InSession);
    // Unlike one without words for sessions it stays, and is free again.
    world.end("page", session);
    world.expect_end("cam", session);
    world.session("b", "cam");
    world.session("page", "other");
}

#[test]
fn a_session_without_a_first_word_ends() {
    let mut world = door_and_phone();
    let (silent, spoken) = (world.session("phone", "door"), world.session("phone", "door"));
    world.relay("door", spoken, Payload::Offer("o".into()));
    world.next("phone");
    world.relay("phone", silent, Payload::Candidate("c".into()));
    world.next("door");
    world.advance(Duration::from_secs(59));
    world.expect_silence();
    world.advance(Duration::from_secs(1));
    for name in ["phone", "door"] {
        let Notice::SessionEnded { session, error: Some(_) } = *world.next(name) else { panic!() };
        assert_eq!(session, silent);
    }
    world.advance(Duration::from_secs(3600));
    world.expect_silence();
    assert_eq!((world.hub.session_count(), world.hub.poll_timeout()), (1, None));
}

#[test]
fn who_does_not_read_is_closed_and_partners_go_on() {
    let mut world = door_and_phone();
    let session = world.session("phone", "door");
    world.overflow("phone");
    assert_eq!(world.closed("phone"), Some(CloseReason::TooSlow));
    world.expect_end("door", session);
    world.ask("phone", Request::ListProducers);
    world.leave("phone");
    world.expect_silence();
}

#[test]
fn the_end_of_the_server_closes_everybody() {
    let mut world = door_and_phone();
    world.session("phone", "door");
    world.input(Input::Stopping);
    for name in ["door", "phone"] {
        assert_eq!(world.closed(name), Some(CloseReason::Stopping));
    }
    world.expect_silence();
    world.input(Input::Disconnected { conn: ConnId(1) });
    assert_eq!((world.hub.peer_count(), world.hub.session_count()), (0, 0));
}

#[test]
fn a_loop_of_sessions_is_slowed_and_a_wall_of_devices_is_not() {
    let mut world = door_and_phone();
    let loops = |world: &mut World| {
        world.start("phone", "door");
        match *world.next("phone") {
            Notice::SessionStarted { session, .. } => world.end("phone", session),
            ref refused => {
                assert_eq!(*refused, Notice::Refused(TOO_FAST));
                return false;
            }
        }
        true
    };
    assert_eq!((0..1000).filter(|_| loops(&mut world)).count(), 120);
    world.now += Duration::from_secs(1);
    assert_eq!((0..1000).filter(|_| loops(&mut world)).count(), 10);

    // Sixteen devices, each of which has to be asked again every other second.
    let devices = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o", "p"];
    let mut world = World::new().peer("wall");
    for name in devices {
        world = world.peer(name).is(name, &[Role::Producer]);
    }
    for _ in 0..60 {
        for name in devices {
            let session = world.session("wall", name);
            world.end("wall", session);
        }
        world.clear();
        world.now += Duration::from_secs(2);
    }
}
