//! Sessions of peers whose protocol has no words for them.
#![allow(clippy::unwrap_used)]
mod common;

use std::time::Duration;

use common::{World, named};
use signaller_core::{
    Access, Circle, CloseReason, Identity, Kind, Meaning, Notice, Payload, PeerId, Refusal,
    Request, Right, Role, Status,
};

/// A guest of an old protocol, registered as those are.
fn old(mut world: World, name: &'static str) -> World {
    join(&mut world, name, Identity::guest(Access::Full));
    world
}

fn join(world: &mut World, name: &'static str, identity: Identity) {
    world.connect(name, Identity { verbatim: true, peer: Some(name.into()), ..identity });
    world.welcomed(name);
    world.set(name, &[Role::Producer], None);
}

fn dial(world: &mut World, from: &str, to: &str) {
    world.ask(from, Request::Dial { to: to.into() });
}

fn say(world: &mut World, from: &str, text: &str, meaning: Meaning) {
    world.ask(from, Request::Say { text: text.into(), meaning });
}

fn offer() -> Meaning {
    Meaning::Offer { payload: Payload::Offer("{offer}".into()), sdp: "sdp".into() }
}

#[test]
fn two_of_a_kind_hear_each_other_word_for_word() {
    let mut world = old(old(World::new(), "a"), "b");
    dial(&mut world, "a", "b");
    world.expect("a", &Notice::Dialled { peer: "b".into() });
    world.expect("b", &Notice::DialledBy { peer: "a".into() });
    say(&mut world, "a", "x", Meaning::Harm("bad".into()));
    world.expect("b", &Notice::Said { text: "x".into() });
    say(&mut world, "b", "y", offer());
    world.expect("a", &Notice::Said { text: "y".into() });
    // However long they take.
    world.advance(Duration::from_secs(600));
    assert_eq!((world.hub.session_count(), world.closed("a")), (1, None));
    world.leave("b");
    assert!(matches!(&*world.next("a"), Notice::SessionEnded { error: None, .. }));
    assert_eq!(world.closed("a"), Some(CloseReason::SessionEnded));
    assert_eq!((world.hub.session_count(), world.hub.peer_count()), (0, 0));
    world.expect_silence();
}

#[test]
fn one_has_one_session() {
    let mut world = old(old(old(World::new().peer("phone"), "a"), "b"), "c");
    dial(&mut world, "a", "b");
    world.clear();
    for (from, to, refusal) in [
        ("c", "b", Refusal::PeerBusy("b".into())),
        ("c", "a", Refusal::PeerBusy("a".into())),
        ("a", "c", Refusal::InSession),
        ("b", "c", Refusal::InSession),
        ("c", "d", Refusal::NoSuchPeer("d".into())),
        ("c", "c", Refusal::OnlyOneEnd("c".into())),
    ] {
        dial(&mut world, from, to);
        world.expect_refusal(from, refusal);
    }
    world.start("phone", "a");
    world.expect_refusal("phone", Refusal::PeerBusy("a".into()));
    world.ask("a", Request::JoinRoom { room: signaller_core::RoomId::parse("hall").unwrap() });
    world.expect_refusal("a", Refusal::InSession);
    world.expect_silence();
}

#[test]
fn the_first_word_to_another_kind_says_who_offers() {
    for (meaning, sdp) in [(Meaning::Ask, None), (offer(), Some("sdp".into()))] {
        let mut world = old(World::new().peer("cam").is("cam", &[Role::Producer]), "a");
        let cam = world.id("cam");
        dial(&mut world, "a", cam.as_str());
        world.expect("a", &Notice::Dialled { peer: cam.clone() });
        // What comes too early, and what means nothing, begins nothing.
        say(&mut world, "a", "hm", Meaning::Nothing);
        say(&mut world, "a", "c", Meaning::Payload(Payload::Candidate("c".into())));
        assert_eq!(world.hub.session_count(), 0);
        say(&mut world, "a", "…", meaning);
        let Notice::SessionStarted { session, .. } = *world.next("a") else { panic!() };
        let request =
            Notice::SessionRequested { peer: "a".into(), session, offer: sdp, call: None };
        world.expect("cam", &request);
        say(&mut world, "a", "…", Meaning::Payload(Payload::Answer("{answer}".into())));
        let payload = Payload::Answer("{answer}".into());
        world.expect("cam", &Notice::Relayed { session, payload });
        world.end("cam", session);
        world.expect_end("a", session);
        assert_eq!(world.closed("a"), Some(CloseReason::SessionEnded));
        world.expect_silence();
    }
}

#[test]
fn one_that_waits_for_a_producer_may_offer_to_it() {
    let mut world = old(World::new().peer("screen").is("screen", &[Role::Consumer]), "a");
    let screen = world.id("screen");
    dial(&mut world, "a", screen.as_str());
    world.clear();
    say(&mut world, "a", "…", offer());
    let Notice::SessionStarted { session, .. } = *world.next("screen") else { panic!() };
    world.expect("screen", &Notice::Relayed { session, payload: Payload::Offer("{offer}".into()) });
}

#[test]
fn whoever_was_dialled_and_leaves_takes_the_other_along() {
    let mut world = old(World::new().peer("cam").is("cam", &[Role::Producer]), "a");
    let cam = world.id("cam");
    dial(&mut world, "a", cam.as_str());
    world.clear();
    world.leave("cam");
    assert_eq!(world.closed("a"), Some(CloseReason::SessionEnded));
}

#[test]
fn a_first_word_that_comes_to_nothing_ends_it() {
    let mut world = old(World::new().peer("cam").is("cam", &[Role::Producer]), "a");
    let cam = world.id("cam");
    dial(&mut world, "a", cam.as_str());
    world.set("cam", &[], None);
    world.clear();
    say(&mut world, "a", "…", Meaning::Ask);
    assert!(matches!(&*world.next("a"), Notice::Refused(Refusal::NoMedia { .. })));
    assert_eq!(world.closed("a"), Some(CloseReason::SessionEnded));
}

#[test]
fn a_dial_after_which_nobody_says_anything_ends() {
    for kind in [Role::Producer, Role::Consumer] {
        let mut world = old(World::new().peer("cam").is("cam", &[kind]), "a");
        let cam = world.id("cam");
        dial(&mut world, "a", cam.as_str());
        world.advance(Duration::from_secs(59));
        say(&mut world, "a", "hm", Meaning::Nothing);
        assert_eq!(world.closed("a"), None);
        world.advance(Duration::from_secs(1));
        assert_eq!(world.closed("a"), Some(CloseReason::SessionEnded));
    }
    // Who has said it is waited for no longer than any other.
    let mut world = old(World::new().peer("cam").is("cam", &[Role::Producer]), "a");
    let cam = world.id("cam");
    dial(&mut world, "a", cam.as_str());
    world.advance(Duration::from_secs(50));
    say(&mut world, "a", "…", Meaning::Ask);
    world.advance(Duration::from_secs(59));
    assert_eq!((world.closed("a"), world.hub.session_count()), (None, 1));
    // Nor does anybody keep one of its kind from others in that way.
    let mut world = old(old(old(World::new(), "a"), "b"), "c");
    dial(&mut world, "a", "b");
    world.advance(Duration::from_secs(60));
    let ended = [world.closed("a"), world.closed("b")];
    assert_eq!(ended, [Some(CloseReason::SessionEnded); 2]);
    assert_eq!(world.hub.session_count(), 0);
}

#[test]
fn it_is_watched_as_any_producer_and_silence_ends_it() {
    let mut world = old(World::new().peer("phone"), "a");
    let session = world.session("phone", "a");
    world.advance(Duration::from_secs(61));
    assert!(matches!(&*world.next("a"), Notice::SessionEnded { error: Some(_), .. }));
    assert_eq!(world.closed("a"), Some(CloseReason::SessionEnded));
    assert!(
        matches!(&*world.next("phone"), Notice::SessionEnded { session: same, .. } if *same == session)
    );
    assert_eq!(world.hub.session_count(), 0);
}

#[test]
fn the_name_of_an_account_leads_to_its_own_peers_only() {
    let mut world = World::new().account("door", Kind::Device).account("ann", Kind::User);
    join(&mut world, "kiosk", Identity::account(named("ann")));
    join(&mut world, "door", Identity::account(named("ann")));
    dial(&mut world, "kiosk", "door");
    world.expect_refusal("kiosk", Refusal::NoSuchPeer("door".into()));
    world = world.stock("cam", "door").is("cam", &[Role::Producer]);
    let cam = world.id("cam");
    dial(&mut world, "kiosk", "Door");
    world.expect("kiosk", &Notice::Dialled { peer: cam });
    // To somebody who may not know of the account it is a name like any other.
    world.allow("door", |door| door.rights.see = Circle::Nobody);
    join(&mut world, "eve", Identity::guest(Access::Full));
    dial(&mut world, "eve", "door");
    assert!(!matches!(&*world.next("eve"), Notice::Dialled { peer } if *peer != "door".into()));
}

fn call_itself(world: &mut World, peer: &str, name: &str) {
    let roles = vec![Role::Producer];
    let status = Status { roles, name: Some(name.into()), ..Status::default() };
    world.ask(peer, Request::SetStatus(status));
}

#[track_caller]
fn expect_named(world: &mut World, asker: &str, name: &str, peers: &[PeerId]) {
    world.ask(asker, Request::ListNamed { name: name.into() });
    world.expect(asker, &Notice::Named { name: name.into(), peers: peers.to_vec() });
}

#[test]
fn a_name_lists_whom_it_means_and_no_impostor() {
    let mut world = World::new().account("door", Kind::Device).account("ann", Kind::User);
    world = world.peer("impostor").stock("cam", "door").stock("page", "ann").stock("other", "door");
    join(&mut world, "door", Identity::guest(Access::Full));
    for peer in ["impostor", "other", "cam"] {
        call_itself(&mut world, peer, "door");
    }
    let own = [world.id("cam"), world.id("other")];
    expect_named(&mut world, "page", "door", &own);
    // It finds others, and those that produce.
    expect_named(&mut world, "cam", "door", &own[1..]);
    world.set("other", &[Role::Consumer], None);
    expect_named(&mut world, "page", "Door", &own[..1]);
    // To somebody who may not know of the account it is a name like any other.
    let guests = ["door".into(), world.id("impostor")];
    world = world.peer("guest");
    expect_named(&mut world, "guest", "door", &guests);
    expect_named(&mut world, "guest", "nobody", &[]);
}

#[test]
fn of_an_accounts_producers_the_one_of_its_name_is_meant_first() {
    let mut world = World::new().account("door", Kind::Device).account("ann", Kind::User);
    world = world.stock("hall", "door").stock("cam", "door").stock("page", "ann");
    call_itself(&mut world, "hall", "hall");
    call_itself(&mut world, "cam", "door");
    let producers = [world.id("cam"), world.id("hall")];
    expect_named(&mut world, "page", "door", &producers);
}

#[test]
fn a_peer_that_may_not_be_seen_is_not_in_the_way_of_one_that_may() {
    let mut world = World::new().account("door", Kind::Device).account("ann", Kind::User);
    world.allow("door", |door| door.rights.see = Circle::Nobody);
    join(&mut world, "hall", Identity::account(named("door")));
    world = world.peer("cam");
    call_itself(&mut world, "cam", "hall");
    join(&mut world, "a", Identity::account(named("ann")));
    dial(&mut world, "a", "hall");
    let cam = world.id("cam");
    world.expect("a", &Notice::Dialled { peer: cam });
}

#[test]
fn what_a_producer_calls_itself_leads_to_it_if_nothing_else_does() {
    let mut world = World::new().account("door", Kind::Device).account("ann", Kind::User);
    world.allow("door", |door| door.rights.see = Circle::Nobody);
    world = world.stock("hidden", "door").peer("first").peer("second");
    for peer in ["hidden", "first", "second"] {
        call_itself(&mut world, peer, "cam");
    }
    join(&mut world, "a", Identity::account(named("ann")));
    dial(&mut world, "a", "cam");
    let first = world.id("first");
    world.expect("a", &Notice::Dialled { peer: first });
    // A peer id comes first, and a name that one has given up leads nowhere.
    join(&mut world, "uid", Identity::guest(Access::Full));
    call_itself(&mut world, "second", "uid");
    join(&mut world, "b", Identity::account(named("ann")));
    dial(&mut world, "b", "uid");
    world.expect("b", &Notice::Dialled { peer: "uid".into() });
    world.set("first", &[], None);
    join(&mut world, "c", Identity::account(named("ann")));
    dial(&mut world, "c", "cam");
    world.expect_refusal("c", Refusal::NoSuchPeer("cam".into()));
}

#[test]
fn a_right_that_is_lacking_is_lacking_at_the_dial() {
    let mut world = World::new().account("door", Kind::Device).account("ann", Kind::User);
    world.allow("door", |door| door.rights.watch = Circle::Nobody);
    world = world.stock("cam", "door").is("cam", &[Role::Producer]);
    join(&mut world, "a", Identity::account(named("ann")));
    dial(&mut world, "a", "door");
    assert!(matches!(&*world.next("a"), Notice::Refused(Refusal::Forbidden { .. })));
    assert_eq!(world.closed("a"), None);
}

#[test]
fn what_goes_both_ways_as_it_is_needs_the_right_to_talk_too() {
    for (talk, comes) in [(Circle::Nobody, false), (Circle::Everyone, true)] {
        let mut world = World::new().account("door", Kind::Device).account("ann", Kind::User);
        world.allow("door", |door| {
            (door.rights.watch, door.rights.talk) = (Circle::Everyone, talk.clone());
        });
        join(&mut world, "d", Identity::account(named("door")));
        join(&mut world, "a", Identity::account(named("ann")));
        dial(&mut world, "a", "d");
        let refused = Refusal::Forbidden { of: named("door"), right: Right::Talk };
        assert_eq!(world.hub.session_count(), usize::from(comes));
        assert_eq!(*world.next("a") == Notice::Refused(refused), !comes);
    }
}
