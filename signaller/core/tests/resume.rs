//! Stable peer ids, lost connections, and calls that outlive the server.

#![allow(clippy::unwrap_used)]
mod common;

use std::time::Duration;

use common::{World, named, phone_of};
use signaller_core::{
    Access, CallId, CallStage, CloseReason, EndReason, Fact, Identity, Input, Limits, Notice,
    OpenCall, Request, Role,
};

const PROBE: Duration = Duration::from_secs(2);

fn holder(name: &str) -> Identity {
    Identity { peer: Some(name.into()), ..Identity::account(named("door")) }
}

/// A door whose first connection holds the peer id `door-1`, and a second that wants it.
fn two_for_one_id() -> World {
    let mut world = World::new().account("door", signaller_core::Kind::Device);
    world.connect("first", holder("door-1"));
    world.welcomed("first");
    assert_eq!(world.id("first"), "door-1".into());
    world.connect("second", holder("door-1"));
    assert_eq!(world.probed, ["first"]);
    world
}

#[test]
fn a_living_holder_keeps_its_peer_id() {
    let mut world = two_for_one_id();
    world.input(Input::Alive { conn: world.conn("first") });
    assert_eq!(world.closed("second"), Some(CloseReason::PeerIdTaken));
    world.advance(PROBE * 2);
    assert_eq!(world.closed("first"), None);
}

#[test]
fn a_peer_id_is_asked_for_within_its_account_only() {
    let mut world = two_for_one_id();
    world.input(Input::Alive { conn: world.conn("first") });
    let guest = Identity::guest(Access::Full);
    let uid = |identity| Identity { peer: Some("uid".into()), ..identity };
    world.connect("guest", uid(guest.clone()));
    world.welcomed("guest");
    world.probed.clear();
    for (name, wanted) in [
        ("bob", Identity { peer: Some("door-1".into()), ..phone_of("bob") }),
        ("stranger", Identity { peer: Some("door-1".into()), ..guest.clone() }),
        ("device", uid(Identity::account(named("door")))),
    ] {
        world.allow("bob", |_| ());
        world.connect(name, wanted);
        assert_eq!(world.closed(name), Some(CloseReason::PeerIdTaken), "{name}");
    }
    assert!(world.probed.is_empty(), "{:?}", world.probed);
    // Of guests nobody knows whether they are the same.
    world.connect("again", uid(guest));
    assert_eq!(world.probed, ["guest"]);
    world.advance(PROBE);
    world.welcomed("again");
}

#[test]
fn a_newcomer_is_answered_or_closed_and_nothing_is_lost() {
    let mut world = two_for_one_id();
    for _ in 0..15 {
        world.ask("second", Request::ListProducers);
    }
    world.ask("second", Request::LogOut);
    world.connect("third", holder("door-1"));
    for _ in 0..17 {
        world.ask("third", Request::ListProducers);
    }
    assert_eq!((world.closed("second"), world.closed("third")), (None, Some(CloseReason::TooFast)));
    world.leave("first");
    world.welcomed("second");
    let answered = world.heard("second");
    assert!(answered.iter().all(|answer| matches!(answer, Notice::Producers(_))), "{answered:?}");
    assert_eq!((answered.len(), world.closed("second")), (15, Some(CloseReason::LoggedOut)));
    assert_eq!(world.hub.peer_count(), 0);
}

#[test]
fn a_silent_holder_is_replaced_and_no_request_is_lost() {
    let mut world = two_for_one_id();
    world.set("second", &[Role::Producer], None);
    world.advance(PROBE - Duration::from_millis(1));
    assert_eq!(world.closed("first"), None);
    world.advance(Duration::from_millis(1));
    assert_eq!(world.closed("first"), Some(CloseReason::Replaced));
    world.welcomed("second");
    assert_eq!(world.id("second"), "door-1".into());
    world.ask("second", Request::ListProducers);
    let Notice::Producers(peers) = &*world.next("second") else { panic!() };
    assert_eq!(peers.len(), 1);
}

#[test]
fn a_holder_that_leaves_makes_room_at_once() {
    let mut world = two_for_one_id();
    world.leave("first");
    world.welcomed("second");
    world.advance(PROBE * 2);
    assert_eq!(world.closed("second"), None);
}

#[test]
fn a_newcomer_that_leaves_does_not_push_anybody_out() {
    let mut world = two_for_one_id();
    world.leave("second");
    world.advance(PROBE * 2);
    assert_eq!(world.closed("first"), None);
    assert_eq!(world.hub.peer_count(), 1);
}

#[test]
fn a_newcomer_that_is_lost_before_its_welcome_has_nothing_to_come_back_to() {
    let mut world = two_for_one_id();
    world.connect("third", Identity { resumes: true, ..holder("door-1") });
    world.lose("third");
    assert_eq!(world.closed("third"), Some(CloseReason::NotBack));
}

#[test]
fn of_an_account_only_so_many_are_waited_for() {
    let limits = Limits { away_per_account: 2, ..Limits::default() };
    let world = World::with(limits).phone("a", "ann").phone("b", "ann").phone("c", "ann");
    let mut world = world.phone("d", "ann").phone("bob", "bob");
    for name in ["bob", "b", "a", "c"] {
        world.lose(name);
    }
    // The one that came first; those that are there, and those of others, stay.
    let closed = ["a", "b", "c", "d", "bob"].map(|name| world.closed(name));
    assert_eq!(closed, [Some(CloseReason::NotBack), None, None, None, None]);
}

#[test]
fn of_two_newcomers_one_gets_the_id() {
    let mut world = two_for_one_id();
    world.connect("third", holder("door-1"));
    world.advance(PROBE * 3);
    assert_eq!(world.closed("first"), Some(CloseReason::Replaced));
    // The second lives, and says so when it is probed for the third.
    world.welcomed("second");
    assert_eq!(world.probed.last(), Some(&"second"));
}

#[test]
fn a_restarted_program_takes_the_place_of_its_lost_connection() {
    let mut world = World::new().phone("bob", "bob");
    world.lose("bob");
    world.connect("again", Identity { peer: Some("bob".into()), ..phone_of("bob") });
    assert_eq!(world.closed("bob"), Some(CloseReason::Replaced));
    world.welcomed("again");
    assert!(world.probed.is_empty());
}

#[test]
fn what_cannot_come_back_is_gone_at_once() {
    let mut world = World::new().phone("ann", "ann").stock("camera", "door");
    world.lose("camera");
    assert_eq!(world.hub.peer_count(), 1);
}

#[test]
fn a_lost_connection_keeps_its_sessions_until_the_grace_is_over() {
    let mut world = World::new().phone("viewer", "door").phone("camera", "door");
    world.set("camera", &[Role::Producer], None);
    world.clear();
    let session = world.session("viewer", "camera");
    world.relay("camera", session, signaller_core::Payload::Candidate("c".into()));
    world.clear();
    world.lose("camera");
    world.advance(Duration::from_secs(29));
    assert_eq!(world.hub.session_count(), 1);
    world.resume("camera", false);
    world.lose("camera");
    world.advance(Duration::from_secs(30));
    world.expect_end("viewer", session);
}

/// What was written down of a call in which ann watches bob's camera.
fn written_down() -> (OpenCall, signaller_core::SessionId) {
    let mut world = World::new().phone("ann", "ann").phone("bob", "bob").phone("camera", "bob");
    world.set("camera", &[Role::Producer], None);
    let call = world.call("ann", "bob", "bob");
    world.ask("bob", Request::AttachPeer { call, peer: world.id("camera") });
    world.clear();
    let session = world.session("ann", "camera");
    let open = world.facts.iter().rev().find_map(|fact| match fact {
        Fact::CallOpen(open) => Some(open.clone()),
        _ => None,
    });
    (open.unwrap(), session)
}

/// The server after a restart: everybody who was in the call is expected back.
fn restarted(open: &OpenCall) -> World {
    let mut world = World::new().phone("ann", "ann").phone("bob", "bob").phone("camera", "bob");
    for name in ["ann", "bob", "camera"] {
        world.lose(name);
    }
    world.input(Input::Restored(open.clone()));
    world.clear();
    world
}

#[test]
fn a_call_outlives_the_server() {
    let (open, session) = written_down();
    let mut world = restarted(&open);
    assert_eq!((world.hub.call_count(), world.hub.session_count()), (1, 1));
    world.resume("ann", true);
    let heard = world.heard("ann");
    let [Notice::Snapshot(snapshot)] = &heard[..] else { panic!("{heard:?}") };
    let view = snapshot.call.clone().unwrap();
    assert_eq!((view.call, view.with, view.stage), (open.call, named("bob"), CallStage::Held));
    assert_eq!((view.peers, view.connected), (vec!["camera".into()], false));
    assert_eq!(snapshot.sessions, [session]);
    world.resume("bob", true);
    world.resume("camera", true);
    assert!(world.heard("ann").contains(&Notice::CallBack { call: open.call }));
    world.clear();
    world.advance(Duration::from_secs(60));
    world.expect_silence();

    world.hang_up("bob", open.call);
    world.expect_end("camera", session);
    world.expect_end("ann", session);
    world.expect_call_end(open.call, &["ann", "bob"], EndReason::Hangup);
}

#[test]
fn a_side_that_does_not_come_back_after_a_restart_ends_the_call() {
    let (open, _) = written_down();
    let mut world = restarted(&open);
    world.resume("ann", true);
    world.clear();
    world.advance(Duration::from_secs(30));
    let heard = world.heard("ann");
    let ended = Notice::CallEnded { call: open.call, reason: EndReason::Disconnected };
    assert!(heard.contains(&ended), "{heard:?}");
    assert_eq!((world.hub.call_count(), world.hub.session_count()), (0, 0));
}

#[test]
fn a_call_of_somebody_unknown_is_not_brought_back() {
    let (mut open, _) = written_down();
    open.callee.peer = "unheard-of".into();
    let mut world = restarted(&open);
    assert_eq!(world.hub.call_count(), 0);
    assert!(matches!(world.facts.last(), Some(Fact::CallEnded(_))));
    world.resume("ann", true);
    let heard = world.heard("ann");
    assert!(
        matches!(&heard[..], [Notice::Snapshot(snapshot)] if snapshot.call.is_none()),
        "{heard:?}"
    );
}

#[test]
fn of_two_calls_of_one_account_one_has_ended() {
    let (open, _) = written_down();
    let mut world = restarted(&open);
    let stale = OpenCall {
        call: CallId::parse("00000000-0000-4000-8000-000000000000").unwrap(),
        ..open.clone()
    };
    world.facts.clear();
    world.input(Input::Restored(stale.clone()));
    assert_eq!(world.hub.call_count(), 1);
    let [Fact::CallEnded(ended)] = &world.facts[..] else { panic!("{:?}", world.facts) };
    assert_eq!((ended.call, ended.reason), (stale.call, EndReason::Disconnected));
    assert!(ended.talked.is_some());
}

#[test]
fn a_call_that_is_no_longer_allowed_is_not_brought_back() {
    let (open, _) = written_down();
    let mut world = World::new().phone("ann", "ann").phone("bob", "bob").phone("camera", "bob");
    for name in ["ann", "bob", "camera"] {
        world.lose(name);
    }
    world.allow("bob", |bob| bob.rights.call = signaller_core::Circle::Nobody);
    world.input(Input::Restored(open));
    assert_eq!((world.hub.call_count(), world.hub.session_count()), (0, 0));
    let Some(Fact::CallEnded(ended)) = world.facts.last() else { panic!("{:?}", world.facts) };
    assert_eq!(ended.reason, EndReason::Hangup);
}
