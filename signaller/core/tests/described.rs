//! Calls that carry descriptions themselves, and what becomes of one between two ends of which only
//! one takes them.
#![allow(clippy::unwrap_used)]
mod common;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use common::{BOTH, World, named, phone_of};
use proptest::prelude::*;
use signaller_core::{
    AccountStatus, Act, CallId, CloseReason, Description, EndReason, Fact, Identity, Limits,
    Medium, Notice, Rate, Refusal, Request, SecondLogin,
};

/// A connection that takes descriptions, as those of RoomRTC do.
fn liner_of(account: &str) -> Identity {
    let phone = phone_of(account);
    Identity { medium: Medium::Descriptions, resumes: false, is_exclusive: true, ..phone }
}

trait Liners {
    fn liner(self, name: &'static str) -> Self;
    fn say(&mut self, name: &str, with: &str, act: Act);
    fn liner_rings(&mut self, from: &str, to: &str) -> CallId;
}

impl Liners for World {
    fn liner(mut self, name: &'static str) -> Self {
        self.allow(name, |_| ());
        self.connect(name, liner_of(name));
        self.welcomed(name);
        self.clear();
        self
    }

    fn say(&mut self, name: &str, with: &str, act: Act) {
        self.ask(name, Request::Described { with: named(with), act });
    }

    fn liner_rings(&mut self, from: &str, to: &str) -> CallId {
        self.say(from, to, Act::Offer(described("offer")));
        let heard = self.heard(from);
        let [Notice::CallRinging { call, .. }] = heard[..] else { panic!("{heard:?}") };
        call
    }
}

fn described(sdp: &str) -> Arc<Description> {
    Arc::new(Description { sdp: sdp.into(), key: Some("key".into()) })
}

fn candidate(text: &str) -> Act {
    Act::Candidate(text.into())
}

#[test]
fn descriptions_and_candidates_go_through_as_they_came() {
    let mut world = World::new().liner("ann").liner("bob");
    let call = world.liner_rings("ann", "bob");
    let (from, offer) = (named("ann"), Some(described("offer")));
    assert_eq!(world.heard("bob"), [Notice::IncomingCall { call, from, media: BOTH, offer }]);

    // Both may say how they are reached before anybody has answered.
    world.say("ann", "bob", candidate("a1"));
    world.say("bob", "ann", candidate("b1"));
    let passed = |from: &str, text: &str| Notice::CallCandidate {
        call,
        from: named(from),
        candidate: text.into(),
    };
    assert_eq!(world.heard("bob"), [passed("ann", "a1")]);
    assert_eq!(world.heard("ann"), [passed("bob", "b1")]);

    world.say("bob", "ann", Act::Accept(described("answer")));
    let (from, answer) = (named("bob"), Some(described("answer")));
    assert_eq!(world.heard("ann"), [Notice::CallAccepted { call, from, media: BOTH, answer }]);
    let from = named("ann");
    assert_eq!(
        world.heard("bob"),
        [Notice::CallAccepted { call, from, media: BOTH, answer: None }]
    );
    world.say("ann", "bob", candidate("a2"));
    world.say("bob", "ann", candidate("b2"));
    assert_eq!(world.heard("bob"), [passed("ann", "a2")]);
    assert_eq!(world.heard("ann"), [passed("bob", "b2")]);

    world.say("bob", "ann", Act::End);
    world.expect_call_end(call, &["ann", "bob"], EndReason::Hangup);
    for act in [candidate("late"), Act::End, Act::Reject, Act::Accept(described("late"))] {
        world.say("ann", "bob", act);
        assert_eq!(world.heard("ann"), [Notice::Refused(Refusal::NoSuchCall)]);
    }
    assert_eq!(world.heard("bob"), []);
}

#[test]
fn what_is_said_before_anybody_answers_is_bounded() {
    let limits = Limits { ringing_candidates: 3, ..Limits::default() };
    let mut world = World::with(limits).liner("ann").liner("bob");
    world.liner_rings("ann", "bob");
    world.clear();
    let long = "x".repeat(1024);
    let too_fast = Notice::Refused(Refusal::TooFast("candidates of a call that rings"));
    for (text, fits) in [("a1", true), (&*long, true), ("a2", false)] {
        world.say("ann", "bob", candidate(text));
        assert_eq!(world.heard("bob").len(), usize::from(fits), "{text}");
        assert_eq!(world.heard("ann").contains(&too_fast), !fits, "{text}");
    }
    // The other side has as many, and who has taken the call hears whatever comes.
    world.say("bob", "ann", candidate("b1"));
    assert_eq!(world.heard("ann").len(), 1);
    world.say("bob", "ann", Act::Accept(described("answer")));
    world.clear();
    for _ in 0..3 {
        world.say("ann", "bob", candidate(&long));
    }
    assert_eq!((world.heard("bob").len(), world.heard("ann")), (3, vec![]));
}

#[test]
fn candidates_are_bounded_in_a_call_and_none_of_a_browser_is_lost() {
    let mut world = World::new().liner("ann").liner("bob");
    world.liner_rings("ann", "bob");
    world.clear();
    // Of many interfaces, servers and media.
    for _ in 0..200 {
        world.say("ann", "bob", candidate(&"x".repeat(200)));
    }
    assert_eq!((world.heard("bob").len(), world.heard("ann")), (200, vec![]));
    world.say("bob", "ann", Act::Accept(described("answer")));
    world.clear();
    for _ in 0..400 {
        world.say("ann", "bob", candidate(&"x".repeat(60_000)));
    }
    let passed = world.heard("bob").len();
    assert!((1..16).contains(&passed), "{passed}");
    assert_eq!(world.heard("ann").pop(), Some(Notice::Refused(Refusal::TooFast("messages"))));
    assert_eq!((world.closed("ann"), world.closed("bob")), (None, None));
}

#[test]
fn a_call_is_named_by_its_other_side_and_by_no_third() {
    let mut world = World::new().liner("ann").liner("bob").liner("eve");
    let call = world.liner_rings("ann", "bob");
    world.clear();
    for (who, with) in [("eve", "bob"), ("eve", "ann"), ("ann", "eve"), ("bob", "bob")] {
        for act in [candidate("c"), Act::End, Act::Reject, Act::Accept(described("x"))] {
            world.say(who, with, act);
            assert_eq!(world.heard(who), [Notice::Refused(Refusal::NoSuchCall)], "{who} {with}");
        }
    }
    world.say("eve", "bob", Act::Offer(described("offer")));
    assert_eq!(world.heard("eve"), [Notice::Refused(Refusal::Busy(named("bob")))]);
    world.say("ann", "bob", Act::Accept(described("mine")));
    let for_the_other = Refusal::BadState("is for the other side to answer");
    assert_eq!(world.heard("ann"), [Notice::Refused(for_the_other)]);
    world.say("bob", "ann", Act::Reject);
    world.expect_call_end(call, &["ann", "bob"], EndReason::Rejected);
}

#[test]
fn what_is_accepted_on_an_end_of_another_kind_is_incompatible() {
    // Rung by descriptions, accepted where sessions are.
    let mut world = World::new().liner("ann").phone("bob", "bob").phone("tablet", "bob");
    let call = world.liner_rings("ann", "bob");
    let ringing = Notice::IncomingCall { call, from: named("ann"), media: BOTH, offer: None };
    assert_eq!(world.heard("bob"), [ringing]);
    world.clear();
    world.say("ann", "bob", candidate("nobody takes it"));
    world.expect_silence_of_calls();
    world.accept("bob", call);
    let elsewhere = Notice::CallEnded { call, reason: EndReason::AnsweredElsewhere };
    assert_eq!(world.heard("tablet"), [elsewhere]);
    world.expect_call_end(call, &["ann", "bob"], EndReason::Incompatible);

    // And the other way round.
    let call = world.ring("bob", "ann");
    world.say("ann", "bob", Act::Accept(described("answer")));
    world.expect_call_end(call, &["bob", "ann"], EndReason::Incompatible);
    let Some(Fact::CallEnded(ended)) = world.facts.last() else { panic!("{:?}", world.facts) };
    assert_eq!((ended.reason, ended.talked), (EndReason::Incompatible, Some(Duration::ZERO)));
    assert!(!world.facts.iter().any(|fact| matches!(fact, Fact::CallOpen(_))));
    for name in ["ann", "bob"] {
        let free = Some((AccountStatus::Available, true));
        assert_eq!(world.sees(if name == "ann" { "bob" } else { "ann" }, name), free);
    }
}

#[test]
fn of_two_ends_of_one_account_the_one_of_the_callers_kind_can_talk() {
    let mut world = World::new().liner("ann").liner("bob").phone("page", "bob");
    let call = world.liner_rings("ann", "bob");
    let offers = |heard: Vec<Notice>| {
        let [Notice::IncomingCall { offer, .. }] = &heard[..] else { panic!("{heard:?}") };
        offer.is_some()
    };
    assert!(offers(world.heard("bob")) && !offers(world.heard("page")));
    world.say("bob", "ann", Act::Accept(described("answer")));
    assert!(matches!(world.heard("ann")[..], [Notice::CallAccepted { answer: Some(_), .. }]));
    let elsewhere = Notice::CallEnded { call, reason: EndReason::AnsweredElsewhere };
    assert_eq!(world.heard("page"), [elsewhere]);
    // Candidates are for who accepted, and from whom it did.
    world.say("ann", "bob", candidate("a"));
    assert_eq!(world.heard("page"), []);
}

#[test]
fn a_cancel_before_the_accept_of_another_kind() {
    let mut world = World::new().liner("ann").phone("bob", "bob");
    let call = world.liner_rings("ann", "bob");
    world.clear();
    world.say("ann", "bob", Act::End);
    world.expect_call_end(call, &["ann", "bob"], EndReason::Cancelled);
    world.accept("bob", call);
    assert_eq!(world.heard("bob"), [Notice::Refused(Refusal::NoSuchCall)]);
}

#[test]
fn nobody_of_the_other_kind_answers() {
    let mut world = World::new().liner("ann").phone("bob", "bob");
    let call = world.liner_rings("ann", "bob");
    world.clear();
    world.advance(Limits::default().ring);
    world.expect_call_end(call, &["ann", "bob"], EndReason::NoAnswer);
}

#[test]
fn a_break_ends_the_ring_and_the_call() {
    for accepted in [false, true] {
        for leaver in ["ann", "bob"] {
            let mut world = World::new().liner("ann").liner("bob");
            let call = world.liner_rings("ann", "bob");
            if accepted {
                world.say("bob", "ann", Act::Accept(described("answer")));
            }
            world.clear();
            world.lose(leaver);
            let other = if leaver == "ann" { "bob" } else { "ann" };
            world.expect_call_end(call, &[other], EndReason::Disconnected);
        }
    }
}

#[test]
fn a_second_login_of_this_kind_is_refused_whatever_is_said_of_second_logins() {
    for second_login in [SecondLogin::Allow, SecondLogin::Replace, SecondLogin::Refuse] {
        let mut world = World::with(Limits { second_login, ..Limits::default() });
        world = world.liner("ann").phone("page", "bob");
        for (name, account) in [("second", "ann"), ("other", "bob")] {
            world.connect(name, liner_of(account));
            assert_eq!(world.closed(name), Some(CloseReason::LoggedInAlready), "{name}");
        }
        assert_eq!((world.closed("ann"), world.closed("page")), (None, None));
        // Who lost its connection does not keep itself out.
        world.lose("page");
        world.connect("back", liner_of("bob"));
        assert_eq!(world.closed("back"), None);
    }
}

const LINERS: [&str; 3] = ["ann", "bob", "eve"];
const PAGES: [&str; 3] = ["ann's page", "bob's page", "eve's page"];

/// What somebody does at random: who, with whom, and what.
#[derive(Clone, Copy, Debug)]
enum Step {
    Line(usize, usize, u8),
    Page(usize, usize, u8),
    Wait(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..3_usize, 0..3_usize, 0..6_u8).prop_map(|(who, with, what)| Step::Line(who, with, what)),
        4 => (0..3_usize, 0..3_usize, 0..4_u8).prop_map(|(who, with, what)| Step::Page(who, with, what)),
        1 => (1..40_u64).prop_map(Step::Wait),
    ]
}

/// What everybody heard of the calls so far.
#[derive(Default)]
struct Heard {
    /// The newest.
    call: Option<CallId>,
    /// Those that were rung from a line.
    from_lines: BTreeSet<CallId>,
    ends: BTreeSet<(CallId, &'static str)>,
}

impl Heard {
    fn listen(&mut self, world: &mut World) {
        let all: Vec<_> = LINERS.into_iter().chain(PAGES).collect();
        let heard: Vec<_> = all.iter().map(|name| (*name, world.heard(name))).collect();
        for (name, notices) in &heard {
            if let Some(call) = notices.iter().find_map(rings) {
                self.call = Some(call);
                if LINERS.contains(name) {
                    self.from_lines.insert(call);
                }
            }
        }
        for (name, notices) in heard {
            let takes_descriptions = LINERS.contains(&name);
            for notice in notices {
                match notice {
                    Notice::CallRinging { .. } | Notice::Refused(_) => {}
                    Notice::IncomingCall { call, offer, .. } => {
                        let is_from_a_line = self.from_lines.contains(&call);
                        assert_eq!(offer.is_some(), takes_descriptions && is_from_a_line);
                    }
                    Notice::CallAccepted { call, answer, .. } => {
                        assert_eq!(takes_descriptions, self.from_lines.contains(&call));
                        assert!(takes_descriptions || answer.is_none());
                    }
                    Notice::CallCandidate { .. } => assert!(takes_descriptions, "{name}"),
                    Notice::CallEnded { call, .. } => {
                        assert!(self.ends.insert((call, name)), "{name} hears of an end twice");
                    }
                    other => panic!("{name} hears {other:?}"),
                }
            }
        }
    }
}

fn rings(notice: &Notice) -> Option<CallId> {
    match notice {
        Notice::CallRinging { call, .. } => Some(*call),
        _ => None,
    }
}

proptest! {
    /// Whoever does what, and whatever crosses: descriptions and candidates get to those only who take
    /// them, both ends of an accepted call do or neither does, and nobody hears of an end twice.
    #[test]
    fn only_ends_of_one_kind_meet(steps in proptest::collection::vec(step(), 1..60)) {
        let rate = Rate { burst: 1000, every: Duration::from_millis(1) };
        let limits = Limits { call_offers: rate, ..Limits::default() };
        let mut world = World::with(limits).liner("ann").liner("bob").liner("eve");
        for (page, account) in PAGES.into_iter().zip(LINERS) {
            world = world.phone(page, account);
        }
        world.clear();
        let mut heard = Heard::default();
        for step in steps {
            match step {
                Step::Line(who, with, what) => world.say(LINERS[who], LINERS[with], match what {
                    0 | 1 => Act::Offer(described("offer")),
                    2 => Act::Accept(described("answer")),
                    3 => Act::Reject,
                    4 => Act::End,
                    _ => candidate("c"),
                }),
                Step::Page(who, with, what) => match (what, heard.call) {
                    (0, _) | (_, None) => world.offer(PAGES[who], LINERS[with]),
                    (1 | 2, Some(call)) => world.accept(PAGES[who], call),
                    (_, Some(call)) => world.hang_up(PAGES[who], call),
                },
                Step::Wait(seconds) => world.advance(Duration::from_secs(seconds)),
            }
            heard.listen(&mut world);
        }
    }
}

#[test]
fn what_a_call_carries_is_in_no_log() {
    let act = Act::Offer(described("v=0"));
    assert!(!format!("{act:?}").contains("v=0") && !format!("{act:?}").contains("key"));
}
