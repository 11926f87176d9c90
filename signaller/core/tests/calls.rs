//! A call from ring to hang-up, and every race in it.

#![allow(clippy::unwrap_used)]
mod common;

use std::time::Duration;

use common::{BOTH, World, named, phone_of};
use signaller_core::{
    Account, AccountStatus, Answer, CallId, CallStage, Circle, CloseReason, EndCause, EndReason,
    Fact, Input, Kind, Limits, Media, Notice, Refusal, RejectCause, Request, Right, RingingCall,
    Role, SecondLogin,
};

const RING: Duration = Duration::from_secs(30);

fn ann_and_bob() -> World {
    World::new().phone("ann", "ann").phone("bob", "bob")
}

#[test]
fn a_call_is_rung_accepted_and_hung_up() {
    let mut world = ann_and_bob();
    world.offer("ann", "bob");
    let Notice::CallRinging { call, to } = &*world.next("ann") else { panic!() };
    let call = *call;
    assert_eq!(*to, named("bob"));
    // Should the server be killed now, it is known what rang.
    let ringing = RingingCall { call, caller: named("ann"), callee: named("bob") };
    assert_eq!(world.facts, [Fact::CallRings(ringing)]);
    world.expect(
        "bob",
        &Notice::IncomingCall { call, from: named("ann"), media: BOTH, offer: None },
    );
    world.clear();

    let media = Media { audio: true, video: false };
    let answer = Answer::Accept(media);
    world.ask("bob", Request::AnswerCall { call, answer });
    world.expect("ann", &Notice::CallAccepted { call, from: named("bob"), media, answer: None });
    world.expect(
        "bob",
        &Notice::CallAccepted { call, from: named("ann"), media: BOTH, answer: None },
    );
    world.expect_silence();

    world.now += Duration::from_secs(5);
    world.hang_up("bob", call);
    world.expect_call_end(call, &["ann", "bob"], EndReason::Hangup);
    let Some(Fact::CallEnded(ended)) = world.facts.last() else { panic!() };
    assert_eq!(ended.talked, Some(Duration::from_secs(5)));
    assert_eq!((&ended.caller, &ended.callee), (&named("ann"), &named("bob")));
}

#[test]
fn a_call_makes_both_busy_from_the_ring_to_the_end() {
    let mut world = ann_and_bob().phone("eve", "eve");
    let free = Some((AccountStatus::Available, true));
    let busy = Some((AccountStatus::Busy, true));
    assert_eq!(world.sees("eve", "ann"), free);
    let call = world.ring("ann", "bob");
    assert_eq!((world.sees("eve", "ann"), world.sees("eve", "bob")), (busy, busy));
    world.accept("bob", call);
    assert_eq!((world.sees("eve", "ann"), world.sees("eve", "bob")), (busy, busy));
    world.hang_up("ann", call);
    assert_eq!((world.sees("eve", "ann"), world.sees("eve", "bob")), (free, free));
}

#[test]
fn others_are_told_of_presence_as_it_changes() {
    use AccountStatus::{Available, Busy, Disconnected};
    let mut world = World::new().phone("eve", "eve").account("bob", Kind::User).phone("ann", "ann");
    world.log_in("bob", "bob");
    assert_eq!(world.presence("eve"), [("bob".to_owned(), Available, true)]);
    let call = world.ring("ann", "bob");
    world.accept("bob", call);
    assert_eq!(world.presence("eve"), []); // busy from the ring on, and no news after that
    world.clear();
    world.leave("bob");
    let mut seen = world.presence("eve");
    seen.sort_by(|one, other| one.0.cmp(&other.0));
    seen.dedup_by(|later, first| later.0 == first.0 && later.1 == Available);
    assert_eq!(seen.first(), Some(&("ann".to_owned(), Available, true)));
    assert_eq!(seen.last(), Some(&("bob".to_owned(), Disconnected, false)));
    assert!(seen.iter().all(|(_, status, _)| *status != Busy), "{seen:?}");
}

#[test]
fn whoever_cannot_be_called_is_not() {
    let mut world = ann_and_bob().phone("eve", "eve").stock("camera", "door");
    world = world.account("away", Kind::User).phone("hermit", "hermit");
    world.allow("hermit", |account| account.rights.see = Circle::Nobody);
    world.allow("eve", |account| account.rights.call = Circle::Nobody);
    world.clear();

    for (to, refusal) in [
        ("ann", Refusal::Oneself),
        ("nobody", Refusal::NoSuchAccount(named("nobody"))),
        ("hermit", Refusal::NoSuchAccount(named("hermit"))),
        ("away", Refusal::NotCallable(named("away"))),
        ("door", Refusal::NotCallable(named("door"))),
        ("eve", Refusal::Forbidden { of: named("eve"), right: Right::Call }),
    ] {
        world.offer("ann", to);
        world.expect_refusal("ann", refusal);
        world.expect_silence();
    }
    // Who could not be told how it goes on cannot begin it.
    world.offer("camera", "ann");
    world.expect_refusal("camera", Refusal::NotLoggedIn);
}

#[test]
fn guests_have_no_calls() {
    let mut world = ann_and_bob().peer("guest");
    world.clear();
    world.offer("guest", "bob");
    world.expect_refusal("guest", Refusal::NotLoggedIn);
    world.ask("guest", Request::ListAccounts);
    world.expect_refusal("guest", Refusal::NotLoggedIn);
    world.expect_silence();
}

#[test]
fn a_busy_callee_does_not_ring() {
    let mut world = ann_and_bob().phone("eve", "eve");
    world.ring("ann", "bob");
    for busy in ["ann", "bob"] {
        world.offer("eve", busy);
        world.expect_refusal("eve", Refusal::Busy(named(busy)));
    }
    world.offer("ann", "eve");
    world.expect_refusal("ann", Refusal::InCall);
    world.expect_silence();
    let missed = world
        .facts
        .iter()
        .filter(|fact| matches!(fact, Fact::CallEnded(ended) if ended.reason == EndReason::Busy));
    assert_eq!(missed.count(), 2);
}

#[test]
fn of_two_crossing_calls_the_second_is_busy() {
    let mut world = ann_and_bob();
    let call = world.ring("ann", "bob");
    world.offer("bob", "ann");
    world.expect_refusal("bob", Refusal::Busy(named("ann")));
    world.accept("bob", call);
    assert!(matches!(world.heard("ann")[..], [Notice::CallAccepted { .. }]));
}

#[test]
fn nobody_answers() {
    let mut world = ann_and_bob();
    let call = world.ring("ann", "bob");
    world.advance(RING - Duration::from_millis(1));
    world.expect_silence();
    world.advance(Duration::from_millis(1));
    world.expect_call_end(call, &["ann", "bob"], EndReason::NoAnswer);
}

#[test]
fn a_call_is_rejected_or_the_device_is_taken() {
    for (cause, reason) in
        [(RejectCause::Rejected, EndReason::Rejected), (RejectCause::Busy, EndReason::Busy)]
    {
        let mut world = ann_and_bob().phone("tablet", "bob");
        let call = world.ring("ann", "bob");
        world.ask("bob", Request::AnswerCall { call, answer: Answer::Reject(cause) });
        world.expect_call_end(call, &["ann", "bob", "tablet"], reason);
    }
}

#[test]
fn the_first_accept_wins() {
    let mut world = ann_and_bob().phone("tablet", "bob");
    let call = world.ring("ann", "bob");
    world.accept("tablet", call);
    world.accept("bob", call);
    let elsewhere = Notice::CallEnded { call, reason: EndReason::AnsweredElsewhere };
    let late = Notice::Refused(Refusal::BadState("does not ring any more"));
    assert_eq!(world.heard("bob"), [elsewhere, late]);
    assert!(matches!(world.heard("tablet")[..], [Notice::CallAccepted { .. }]));
    // The one that lost the race can still put the phone down for the other.
    world.clear();
    world.hang_up("bob", call);
    world.expect_call_end(call, &["ann", "tablet"], EndReason::Hangup);
}

#[test]
fn cancel_against_accept() {
    // Cancelled first: the accept comes too late.
    let mut world = ann_and_bob();
    let call = world.ring("ann", "bob");
    world.hang_up("ann", call);
    world.expect_call_end(call, &["ann", "bob"], EndReason::Cancelled);
    world.accept("bob", call);
    assert_eq!(world.heard("bob"), [Notice::Refused(Refusal::NoSuchCall)]);
    // Accepted first: the cancel is a hang-up.
    let call = world.ring("ann", "bob");
    world.accept("bob", call);
    world.clear();
    world.hang_up("ann", call);
    world.expect_call_end(call, &["ann", "bob"], EndReason::Hangup);
}

#[test]
fn accept_against_timeout() {
    let mut world = ann_and_bob();
    let call = world.ring("ann", "bob");
    world.advance(RING);
    world.clear();
    world.accept("bob", call);
    assert_eq!(world.heard("bob"), [Notice::Refused(Refusal::NoSuchCall)]);
    let call = world.ring("ann", "bob");
    world.advance(RING - Duration::from_millis(1));
    world.accept("bob", call);
    world.clear();
    world.advance(RING);
    world.expect_silence();
    world.hang_up("ann", call);
    world.expect_call_end(call, &["ann", "bob"], EndReason::Hangup);
}

#[test]
fn the_caller_drops_while_it_rings() {
    let mut world = ann_and_bob();
    let call = world.ring("ann", "bob");
    world.leave("ann");
    assert_eq!(world.heard("bob"), [Notice::CallEnded { call, reason: EndReason::Disconnected }]);
    assert_eq!(world.hub.call_count(), 0);
}

/// It rings on, and is accepted by somebody who hears at once that nobody is there yet.
fn accepted_while_the_caller_is_away() -> (World, CallId) {
    let mut world = ann_and_bob();
    let call = world.ring("ann", "bob");
    world.lose("ann");
    world.expect_silence_of_calls();
    world.accept("bob", call);
    let accepted =
        |from| Notice::CallAccepted { call, from: named(from), media: BOTH, answer: None };
    assert_eq!(world.heard("bob"), [accepted("ann"), Notice::CallAway { call }]);
    assert_eq!(world.heard("ann"), [accepted("bob")]);
    (world, call)
}

#[test]
fn the_caller_is_away_while_it_rings_and_comes_back() {
    let (mut world, call) = accepted_while_the_caller_is_away();
    world.advance(Duration::from_secs(29));
    world.expect_silence();
    world.resume("ann", true);
    let heard = world.heard("ann");
    let [Notice::Snapshot(snapshot)] = &heard[..] else { panic!("{heard:?}") };
    let view = snapshot.call.as_ref().unwrap();
    assert_eq!((view.call, view.stage, view.connected), (call, CallStage::Held, true));
    assert_eq!(world.heard("bob"), [Notice::CallBack { call }]);
    world.advance(Duration::from_secs(60));
    world.expect_silence();
    world.hang_up("ann", call);
    world.expect_call_end(call, &["ann", "bob"], EndReason::Hangup);
}

#[test]
fn the_caller_is_away_while_it_rings_and_does_not_come_back() {
    let (mut world, call) = accepted_while_the_caller_is_away();
    world.advance(Duration::from_secs(30));
    assert_eq!(world.heard("bob"), [Notice::CallEnded { call, reason: EndReason::Disconnected }]);
    assert_eq!(world.closed("ann"), Some(CloseReason::NotBack));
    assert_eq!(world.hub.call_count(), 0);
}

#[test]
fn the_only_phone_drops_while_it_rings() {
    let mut world = ann_and_bob().phone("tablet", "bob");
    let call = world.ring("ann", "bob");
    world.leave("bob");
    world.expect_silence_of_calls();
    world.leave("tablet");
    assert_eq!(world.heard("ann"), [Notice::CallEnded { call, reason: EndReason::Disconnected }]);
}

#[test]
fn a_phone_that_comes_while_it_rings_rings_as_well() {
    let mut world = ann_and_bob();
    let call = world.ring("ann", "bob");
    world.log_in("tablet", "bob");
    world.welcomed("tablet");
    let ringing = Notice::IncomingCall { call, from: named("ann"), media: BOTH, offer: None };
    assert_eq!(world.heard("tablet"), [ringing]);
    world.accept("tablet", call);
    assert_eq!(world.hub.call_count(), 1);
}

#[test]
fn the_callee_drops_and_comes_back() {
    let mut world = ann_and_bob();
    let call = world.call("ann", "bob", "bob");
    world.lose("bob");
    assert_eq!(world.heard("ann"), [Notice::CallAway { call }]);
    world.advance(Duration::from_secs(29));
    world.resume("bob", false);
    assert_eq!(world.heard("ann"), [Notice::CallBack { call }]);
    world.advance(Duration::from_secs(60));
    world.expect_silence();
    world.hang_up("bob", call);
    world.expect_call_end(call, &["ann", "bob"], EndReason::Hangup);
}

#[test]
fn the_callee_does_not_come_back() {
    let mut world = ann_and_bob();
    let call = world.call("ann", "bob", "bob");
    world.lose("bob");
    world.clear();
    world.advance(Duration::from_secs(30));
    assert_eq!(world.heard("ann"), [Notice::CallEnded { call, reason: EndReason::Disconnected }]);
    assert_eq!(world.closed("bob"), Some(CloseReason::NotBack));
}

#[test]
fn a_phone_that_fell_off_while_it_rang_hears_it_when_it_is_back() {
    let mut world = ann_and_bob();
    world.lose("bob");
    world.clear();
    let call = world.ring("ann", "bob");
    world.resume("bob", true);
    let heard = world.heard("bob");
    let [Notice::Snapshot(snapshot)] = &heard[..] else { panic!("{heard:?}") };
    let view = snapshot.call.as_ref().unwrap();
    assert_eq!((view.call, view.with.clone(), view.outgoing), (call, named("ann"), false));
}

#[test]
fn logging_out_in_a_call_ends_it() {
    let mut world = ann_and_bob();
    let call = world.call("ann", "bob", "bob");
    world.ask("bob", Request::LogOut);
    assert_eq!(world.heard("ann"), [Notice::CallEnded { call, reason: EndReason::LoggedOut }]);
    assert_eq!(world.closed("bob"), Some(CloseReason::LoggedOut));
    assert_eq!(world.hub.call_count(), 0);
}

#[test]
fn an_account_removed_in_a_call_or_a_ring_ends_it() {
    for accepted in [false, true] {
        let mut world = ann_and_bob();
        let call = world.ring("ann", "bob");
        if accepted {
            world.accept("bob", call);
        }
        world.clear();
        world.input(Input::AccountRemoved(named("bob")));
        let heard = world.heard("ann");
        assert_eq!(heard[0], Notice::CallEnded { call, reason: EndReason::LoggedOut });
        assert_eq!(heard[1], Notice::AccountGone { account: named("bob") });
        assert_eq!(world.closed("bob"), Some(CloseReason::Revoked));
    }
}

#[test]
fn who_may_no_longer_call_or_see_is_hung_up_on() {
    let narrow = |bob: &mut Account, right| match right {
        Right::Call => bob.rights.call = Circle::Nobody,
        _ => bob.rights.see = Circle::Listed([named("eve")].into()),
    };
    for right in [Right::Call, Right::See] {
        for (accepted, reason) in [(false, EndReason::Rejected), (true, EndReason::Hangup)] {
            let mut world = ann_and_bob();
            let call = world.ring("ann", "bob");
            if accepted {
                world.accept("bob", call);
            }
            // The caller's own rights are another matter.
            world.allow("ann", |ann| ann.rights.call = Circle::Nobody);
            world.clear();
            assert_eq!(world.hub.call_count(), 1);
            world.allow("bob", |bob| narrow(bob, right));
            let ended = Notice::CallEnded { call, reason };
            assert_eq!(world.heard("ann")[0], ended, "{right:?}");
            assert_eq!(world.heard("bob"), [ended], "{right:?}");
            assert_eq!(world.hub.call_count(), 0);
        }
    }
}

#[test]
fn an_admin_who_is_one_no_longer_does_not_talk_on_with_whom_he_cannot_see() {
    let mut world = ann_and_bob().phone("eve", "eve");
    world.allow("ann", |ann| ann.kind = Kind::Admin);
    world.allow("bob", |bob| bob.rights.see = Circle::Listed([named("eve")].into()));
    let call = world.call("ann", "bob", "bob");
    world.allow("ann", |ann| ann.kind = Kind::User);
    assert_eq!(world.heard("bob")[0], Notice::CallEnded { call, reason: EndReason::Hangup });
}

#[test]
fn a_call_that_rings_when_the_server_stops_was_missed() {
    let mut world = ann_and_bob().phone("eve", "eve").phone("mia", "mia");
    let call = world.ring("ann", "bob");
    world.call("eve", "mia", "mia");
    world.now += Duration::from_secs(7);
    world.input(Input::Stopping);
    let Some(Fact::CallEnded(ended)) = world.facts.pop() else { panic!("{:?}", world.facts) };
    assert_eq!((ended.call, ended.talked, ended.rang), (call, None, Duration::from_secs(7)));
    assert_eq!((ended.callee, ended.reason), (named("bob"), EndReason::Disconnected));
    // The other one may go on.
    assert!(!world.facts.iter().any(|fact| matches!(fact, Fact::CallEnded(_))));
}

#[test]
fn media_travel_between_attached_peers_and_end_with_the_call() {
    let mut world = ann_and_bob().stock("camera", "bob").stock("other", "eve").phone("eve", "eve");
    for producer in ["camera", "other"] {
        world.set(producer, &[Role::Producer], None);
    }
    let call = world.ring("ann", "bob");
    let peer = world.id("camera");
    let attach = Request::AttachPeer { call, peer: peer.clone() };
    world.ask("bob", attach.clone());
    world.expect_refusal("bob", Refusal::BadState("has not been accepted yet"));
    world.accept("bob", call);
    world.clear();
    world.ask("bob", Request::AttachPeer { call, peer: world.id("other") });
    world.expect_refusal("bob", Refusal::NotYourProducer(world.id("other")));
    world.ask("bob", attach.clone());
    world.ask("bob", attach);
    assert_eq!(world.heard("ann"), [Notice::CallPeer { call, peer: peer.clone() }]);

    // People cannot be watched, but by whom they talk to.
    let refusal = Refusal::Forbidden { of: named("bob"), right: Right::Watch };
    world.clear();
    world.start("eve", "camera");
    world.expect_refusal("eve", refusal.clone());
    let session = world.session("ann", "camera");
    world.hang_up("ann", call);
    world.expect_end("camera", session);
    world.expect_end("ann", session);
    world.clear();
    world.start("ann", "camera");
    world.expect_refusal("ann", refusal);
}

#[test]
fn a_call_opens_what_was_attached_to_it_and_nothing_else() {
    let mut world = ann_and_bob().stock("camera", "bob").stock("bedroom", "bob");
    world = world.stock("speaker", "bob").stock("mic", "ann").stock("other", "ann");
    for producer in ["camera", "bedroom"] {
        world.set(producer, &[Role::Producer], None);
    }
    for talker in ["mic", "other"] {
        world.set(talker, &[Role::Producer], None);
    }
    world.set("speaker", &[Role::Consumer], None);
    let call = world.call("ann", "bob", "bob");
    world.ask("bob", Request::AttachPeer { call, peer: world.id("camera") });
    world.ask("ann", Request::AttachPeer { call, peer: world.id("mic") });
    world.clear();
    for (from, to, right) in [("ann", "bedroom", Right::Watch), ("other", "speaker", Right::Talk)] {
        world.start(from, to);
        world.expect_refusal(from, Refusal::Forbidden { of: named("bob"), right });
    }
    let seen = world.session("ann", "camera");
    world.start("mic", "speaker");
    let Notice::SessionRequested { session: heard, .. } = *world.next("mic") else { panic!() };
    world.clear();
    world.hang_up("bob", call);
    for (session, ends) in [(seen, ["ann", "camera"]), (heard, ["mic", "speaker"])] {
        for name in ends {
            let end = Notice::SessionEnded { session, error: None };
            assert!(world.heard(name).contains(&end), "{name}");
        }
    }
    assert_eq!(world.hub.session_count(), 0);
}

#[test]
fn what_may_be_watched_anyway_is_watched_on_after_a_call() {
    let mut world = ann_and_bob().stock("camera", "bob");
    world.set("camera", &[Role::Producer], None);
    world.allow("bob", |bob| bob.rights.watch = Circle::Users);
    let call = world.call("ann", "bob", "bob");
    world.session("ann", "camera");
    world.hang_up("bob", call);
    assert_eq!(world.hub.session_count(), 1);
}

#[test]
fn a_carrier_that_goes_is_told_and_the_call_goes_on() {
    let mut world = ann_and_bob().stock("camera", "bob").stock("second", "bob");
    for producer in ["camera", "second"] {
        world.set(producer, &[Role::Producer], None);
    }
    let call = world.call("ann", "bob", "bob");
    for producer in ["camera", "second"] {
        world.ask("bob", Request::AttachPeer { call, peer: world.id(producer) });
    }
    world.clear();
    world.leave("camera");
    assert_eq!(world.heard("ann"), [Notice::CallPeerGone { call, peer: world.id("camera") }]);
    world.set("second", &[], None);
    assert_eq!(world.heard("ann"), [Notice::CallPeerGone { call, peer: world.id("second") }]);
    assert_eq!(world.hub.call_count(), 1);
}

#[test]
fn only_who_holds_a_side_says_what_it_sends() {
    let mut world = ann_and_bob().phone("tablet", "bob");
    let call = world.call("ann", "bob", "bob");
    let media = Media::default();
    world.ask("bob", Request::UpdateCall { call, media });
    assert_eq!(world.heard("ann"), [Notice::CallUpdated { call, media }]);
    world.ask("tablet", Request::UpdateCall { call, media });
    let elsewhere = Refusal::BadState("is held by another connection of your account");
    world.expect_refusal("tablet", elsewhere);
    world.ask("ann", Request::EndCall { call, cause: EndCause::MediaFailed });
    world.expect_call_end(call, &["ann", "bob"], EndReason::MediaFailed);
}

#[test]
fn a_flood_of_changes_is_slowed_and_a_hammered_button_is_not() {
    let mut world = ann_and_bob().stock("camera", "bob");
    world.set("camera", &[Role::Producer], None);
    let call = world.call("ann", "bob", "bob");
    let mute = Request::UpdateCall { call, media: Media::default() };
    // Eight times a second, for a minute.
    for _ in 0..8 * 60 {
        world.ask("bob", mute.clone());
        world.now += Duration::from_millis(125);
    }
    assert_eq!(world.heard("bob"), []);
    world.clear();
    let attach = Request::AttachPeer { call, peer: world.id("camera") };
    for request in [mute, attach] {
        for _ in 0..500 {
            world.ask("bob", request.clone());
        }
        let heard = world.heard("bob");
        let too_fast = Notice::Refused(Refusal::TooFast("sessions or changes of a call"));
        assert!(heard.len() >= 380 && heard.iter().all(|notice| *notice == too_fast), "{heard:?}");
    }
    assert!(world.facts.len() < 620, "{}", world.facts.len());
    // Whoever is slowed can hang up.
    world.clear();
    world.hang_up("bob", call);
    world.expect_call_end(call, &["ann", "bob"], EndReason::Hangup);
}

#[test]
fn outsiders_do_not_know_of_a_call() {
    let mut world = ann_and_bob().phone("eve", "eve").phone("root", "root");
    world.allow("root", |account| account.kind = Kind::Admin);
    world.clear();
    let call = world.call("ann", "bob", "bob");
    for outsider in ["eve", "root"] {
        for request in [
            Request::EndCall { call, cause: EndCause::Hangup },
            Request::AnswerCall { call, answer: Answer::Accept(BOTH) },
            Request::AttachPeer { call, peer: world.id(outsider) },
            Request::UpdateCall { call, media: BOTH },
        ] {
            world.ask(outsider, request);
            world.expect_refusal(outsider, Refusal::NoSuchCall);
        }
    }
    world.expect_silence();
}

#[test]
fn a_flood_of_calls_is_slowed() {
    let mut world = ann_and_bob();
    let refused = |world: &mut World| {
        world.offer("ann", "nobody");
        *world.next("ann") == Notice::Refused(Refusal::TooFast("calls"))
    };
    assert_eq!((0..12).filter(|_| refused(&mut world)).count(), 2);
    // It is the account that is slowed: another connection of it begins with nothing.
    world.leave("ann");
    world = world.phone("ann", "ann");
    assert!(refused(&mut world));
    world.now += Duration::from_secs(3);
    assert!(!refused(&mut world));
}

#[test]
fn a_second_login_is_refused_replaces_or_is_allowed() {
    for (second_login, first, second) in [
        (SecondLogin::Allow, None, None),
        (SecondLogin::Refuse, None, Some(CloseReason::LoggedInAlready)),
        (SecondLogin::Replace, Some(CloseReason::LoggedInElsewhere), None),
    ] {
        let mut world = World::with(Limits { second_login, ..Limits::default() });
        world = world.phone("bob", "bob").account("door", Kind::Device).phone("d1", "door");
        world.log_in("tablet", "bob");
        assert_eq!((world.closed("bob"), world.closed("tablet")), (first, second));
        // A device is one login, however many elements it has.
        world.connect("d2", phone_of("door"));
        assert_eq!((world.closed("d1"), world.closed("d2")), (None, None));
    }
}

#[test]
fn a_request_is_answered_under_its_tag_once() {
    let mut world = ann_and_bob();
    let conn = world.conn("ann");
    let mut tags = |request| {
        let tag = Some("7".into());
        world.hub.handle(world.now, Input::Request { conn, request, tag });
        let mut tags = Vec::new();
        while let Some(output) = world.hub.poll_output() {
            if let signaller_core::Output::Notify { tag: Some(tag), notice, .. } = output {
                tags.push((tag, notice));
            }
        }
        assert_eq!(tags.len(), 1, "{tags:?}");
        tags.remove(0).1
    };
    assert!(matches!(*tags(Request::ListAccounts), Notice::Accounts(_)));
    let offer = || Request::OfferCall { to: named("bob"), media: BOTH };
    let Notice::CallRinging { call, .. } = *tags(offer()) else { panic!() };
    assert!(matches!(*tags(offer()), Notice::Refused(Refusal::Busy(_))));
    assert_eq!(*tags(Request::EndCall { call, cause: EndCause::Hangup }), Notice::Done);
}
