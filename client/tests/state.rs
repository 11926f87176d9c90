//! The client's state machine in virtual time: no socket, no clock, no task.

#![allow(clippy::unwrap_used)]
mod common;

use std::time::Duration;

use common::{World, session};
use intercom_client::state::{
    ANSWER_DEADLINE, CONNECT_DEADLINE, Input, Output, PING_EVERY, PONG_DEADLINE, RETRY,
    STABLE_AFTER,
};
use intercom_client::{
    Command, EndReason, Event, Lost, PeerId, PermanentError, Private, Role, SdpKind, SessionId,
    Target,
};
use proptest::prelude::*;

const SDP: &str = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:0\r\n";

fn peer(id: &str) -> PeerId {
    PeerId::new(id).unwrap()
}

fn door(id: &str) -> String {
    format!(r#"{{"id":"{id}","meta":{{"name":"door"}}}}"#)
}

fn asks_for(written: &[String]) -> Vec<&str> {
    written
        .iter()
        .filter_map(|text| {
            text.strip_prefix(r#"{"type":"startSession","peerId":""#)?.strip_suffix("\"}")
        })
        .collect()
}

#[test]
fn it_registers_at_every_welcome() {
    let mut world = World::stock(Role::Producer);
    for _ in 0..3 {
        world.greet();
        let outputs = world.outputs();
        let register = r#"{"type":"setPeerStatus","roles":["producer"],"meta":null}"#;
        let list = Output::Write(r#"{"type":"list"}"#.into());
        assert_eq!(outputs[outputs.len() - 2..], [Output::Write(register.into()), list]);
        world.say_text(r#"{"type":"list","producers":[]}"#);
        let connected = Output::Event(Event::Connected { peer_id: peer("me"), account: None });
        assert_eq!(world.outputs(), [connected]);
        world.input(Input::Lost(Lost::Network("reset".into())));
        world.outputs();
        world.advance_deaf(RETRY.1);
        assert_eq!(world.outputs(), [Output::Connect]);
    }
}

#[test]
fn a_producer_that_is_not_taken_is_told_so() {
    let mut world = World::stock_online(Role::Producer);
    world.say_text(r#"{"type":"error","details":"you may only watch"}"#);
    let refused = PermanentError::NotRegistered("you may only watch".into());
    assert_eq!(world.outputs(), [Output::Event(Event::Failed(refused)), Output::Close]);
}

#[test]
fn a_server_that_says_nothing_is_given_up() {
    let mut world = World::stock(Role::Producer);
    world.advance_deaf(CONNECT_DEADLINE);
    assert!(matches!(
        &world.outputs()[..],
        [Output::Drop, Output::Event(Event::Disconnected { reason: Lost::ConnectTimeout(_), .. })]
    ));
    world.advance_deaf(RETRY.1);
    world.outputs();
    world.input(Input::Opened { extended: false });
    world.advance_deaf(CONNECT_DEADLINE);
    assert!(world.outputs().contains(&Output::Drop), "no welcome came");
}

#[test]
fn a_half_open_connection_is_noticed() {
    let mut world = World::stock_online(Role::Producer);
    world.advance(Duration::from_secs(60));
    let alive = world.outputs();
    assert!(alive.iter().all(|output| *output == Output::Ping), "{alive:?}");
    assert!(alive.len() >= 9, "one every {PING_EVERY:?} at most");
    world.advance_deaf(PING_EVERY + PONG_DEADLINE);
    let outputs = world.outputs();
    assert!(
        matches!(
            &outputs[..],
            [
                Output::Ping,
                Output::Drop,
                Output::Event(Event::Disconnected { reason: Lost::Silent, .. })
            ]
        ),
        "{outputs:?}"
    );
}

#[test]
fn a_restarting_server_is_tried_again_at_once() {
    let mut world = World::stock_online(Role::Producer);
    world.advance(STABLE_AFTER);
    world.input(Input::Lost(Lost::Closed { code: 1012, reason: String::new() }));
    world.outputs();
    world.advance_deaf(RETRY.0);
    assert_eq!(world.outputs(), [Output::Connect]);
}

#[test]
fn what_cannot_be_mended_ends_the_client() {
    let mut world = World::stock(Role::Producer);
    let error = PermanentError::Refused { status: 401, details: "log in first".into() };
    world.input(Input::Failed(error.clone()));
    assert_eq!(world.outputs(), [Output::Event(Event::Failed(error)), Output::Close]);
    world.advance_deaf(Duration::from_secs(3600));
    world.input(Input::Opened { extended: false });
    assert_eq!(world.outputs(), []);
}

#[test]
fn a_wanted_peer_id_must_be_there_at_the_first_look_only() {
    let mut world = World::consumer_of(Target::PeerId(peer("x")), &door("a"));
    let missing = Event::Failed(PermanentError::UnknownPeer("x".into()));
    assert!(world.events().contains(&missing));

    let mut world = World::consumer_of(Target::PeerId(peer("a")), &door("a"));
    assert_eq!(asks_for(&world.texts()), ["a"]);
    world.input(Input::Lost(Lost::Silent));
    world.advance_deaf(RETRY.1);
    world.greet();
    world.say_text(r#"{"type":"list","producers":[]}"#);
    let events = world.events();
    assert!(!events.iter().any(|event| matches!(event, Event::Failed(_))), "{events:?}");
}

#[test]
fn a_consumer_asks_for_the_named_producer_when_it_appears() {
    let mut world = World::consumer_of(Target::Name("door".into()), "");
    assert_eq!(world.texts(), [] as [String; 0]);
    world.say_text(
        r#"{"type":"peerStatusChanged","roles":["producer"],"meta":{"name":"gate"},"peerId":"g"}"#,
    );
    assert!(asks_for(&world.texts()).is_empty());
    world.say_text(
        r#"{"type":"peerStatusChanged","roles":["producer"],"meta":{"name":"door"},"peerId":"d"}"#,
    );
    assert_eq!(asks_for(&world.texts()), ["d"]);
    world.say_text(r#"{"type":"sessionStarted","peerId":"d","sessionId":"s"}"#);
    let started = Event::SessionStarted { session_id: session("s"), peer_id: peer("d") };
    assert_eq!(world.events(), [started]);
}

#[test]
fn of_two_with_one_name_the_newer_is_asked_and_the_other_after_a_failure() {
    let both = format!("{},{}", door("old"), door("new"));
    let mut world = World::consumer_of(Target::Name("door".into()), &both);
    assert_eq!(asks_for(&world.texts()), ["new"]);
    world.advance_deaf(ANSWER_DEADLINE + Duration::from_secs(1));
    assert_eq!(asks_for(&world.texts()), ["old"]);
}

#[test]
fn it_asks_again_after_a_session_and_never_during_one() {
    let mut world = World::consumer_of(Target::First, &door("d"));
    world.say_text(r#"{"type":"sessionStarted","peerId":"d","sessionId":"s"}"#);
    world.outputs();
    world.advance(Duration::from_secs(60));
    let outputs = world.outputs();
    assert!(!outputs.iter().any(|output| matches!(output, Output::Write(_))));
    world.say_text(r#"{"type":"endSession","sessionId":"s"}"#);
    let ended = Event::SessionEnded { session_id: session("s"), reason: EndReason::Remote(None) };
    assert_eq!(world.events(), [ended]);
    world.advance_deaf(Duration::from_millis(500));
    assert_eq!(asks_for(&world.texts()), ["d"]);
}

#[test]
fn a_session_outlives_its_server() {
    let mut world = World::consumer_of(Target::First, &door("d"));
    world.say_text(r#"{"type":"sessionStarted","peerId":"d","sessionId":"s"}"#);
    world.input(Input::Lost(Lost::Network("reset".into())));
    world.outputs();
    world.advance_deaf(RETRY.1);
    world.greet();
    world.say_text(&format!(r#"{{"type":"list","producers":[{}]}}"#, door("d2")));
    world.command(Command::Candidate {
        session_id: session("s"),
        candidate: Private::from("candidate:1".to_owned()),
        sdp_m_line_index: 0,
    });
    let outputs = world.outputs();
    let strange = |output: &Output| match output {
        Output::Write(text) => text.contains("startSession") || text.contains("\"s\""),
        Output::Event(Event::SessionEnded { .. }) => true,
        _ => false,
    };
    assert!(!outputs.iter().any(strange), "{outputs:?}");
    // Its end is known from the media, and then the new producer is asked.
    world.command(Command::End { session_id: session("s") });
    world.advance_deaf(Duration::from_millis(500));
    assert_eq!(asks_for(&world.texts()), ["d2"]);
}

#[test]
fn foreign_sessions_are_neither_heard_nor_kept() {
    let mut world = World::consumer_of(Target::First, &door("d"));
    world.say_text(r#"{"type":"sessionStarted","peerId":"d","sessionId":"mine"}"#);
    world.outputs();
    world.say_text(r#"{"type":"endSession","sessionId":"other"}"#);
    world.say_text(r#"{"type":"peer","sessionId":"other","ice":{"candidate":"candidate:1","sdpMLineIndex":0}}"#);
    assert_eq!(world.outputs(), []);
    world.say_text(r#"{"type":"sessionStarted","peerId":"d","sessionId":"second"}"#);
    assert_eq!(world.texts(), [r#"{"type":"endSession","sessionId":"second"}"#]);
}

#[test]
fn a_bad_answer_ends_its_session_only() {
    let mut world = World::stock_online(Role::Producer);
    for id in ["a", "b"] {
        world.say_text(&format!(
            r#"{{"type":"startSession","peerId":"c","sessionId":"{id}","offer":null}}"#
        ));
        let (session_id, sdp) = (session(id), Private::from(SDP.to_owned()));
        world.command(Command::Describe { session_id, kind: SdpKind::Offer, sdp });
    }
    world.outputs();
    world.say_text(r#"{"type":"peer","sessionId":"a","sdp":{"type":"answer","sdp":""}}"#);
    let outputs = world.outputs();
    assert!(outputs.contains(&Output::Write(r#"{"type":"endSession","sessionId":"a"}"#.into())));
    assert!(matches!(
        outputs.last(),
        Some(Output::Event(Event::SessionEnded { reason: EndReason::BadDescription(_), .. }))
    ));
    world.say_text(&format!(
        r#"{{"type":"peer","sessionId":"b","sdp":{{"type":"answer","sdp":{}}}}}"#,
        serde_json::to_string(SDP).unwrap()
    ));
    assert!(matches!(&world.events()[..], [Event::Description { kind: SdpKind::Answer, .. }]));
}

#[test]
fn an_answer_must_fit_the_offer() {
    let mut world = World::stock_online(Role::Producer);
    world.say_text(r#"{"type":"startSession","peerId":"c","sessionId":"s"}"#);
    let two = format!("{SDP}m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:1\r\n");
    let (session_id, sdp) = (session("s"), Private::from(two));
    world.command(Command::Describe { session_id, kind: SdpKind::Offer, sdp });
    world.outputs();
    world.say_text(&format!(
        r#"{{"type":"peer","sessionId":"s","sdp":{{"type":"answer","sdp":{}}}}}"#,
        serde_json::to_string(SDP).unwrap()
    ));
    let reason = EndReason::MisfitAnswer { offer: 2, answer: 1 };
    assert_eq!(world.events(), [Event::SessionEnded { session_id: session("s"), reason }]);
}

#[test]
fn an_answer_to_nothing_is_passed_over() {
    let mut world = World::stock_online(Role::Producer);
    world.say_text(r#"{"type":"startSession","peerId":"c","sessionId":"s"}"#);
    world.outputs();
    let answer = format!(
        r#"{{"type":"peer","sessionId":"s","sdp":{{"type":"answer","sdp":{}}}}}"#,
        serde_json::to_string(SDP).unwrap()
    );
    world.say_text(&answer);
    assert_eq!(world.outputs(), [], "there was no offer yet");
    let (session_id, sdp) = (session("s"), Private::from(SDP.to_owned()));
    world.command(Command::Describe { session_id, kind: SdpKind::Offer, sdp });
    world.outputs();
    world.say_text(&answer);
    assert!(matches!(&world.events()[..], [Event::Description { kind: SdpKind::Answer, .. }]));
    world.say_text(&answer);
    assert_eq!(world.outputs(), [], "one has come already");
}

#[test]
fn empty_candidates_do_not_pass() {
    let mut world = World::stock_online(Role::Producer);
    world.say_text(r#"{"type":"startSession","peerId":"c","sessionId":"s"}"#);
    world.outputs();
    for candidate in ["", "nonsense", "candidate:1\\u0000"] {
        world.say_text(&format!(
            r#"{{"type":"peer","sessionId":"s","ice":{{"candidate":"{candidate}","sdpMLineIndex":0}}}}"#
        ));
    }
    assert_eq!(world.outputs(), []);
}

#[test]
fn closing_ends_what_is_live_and_says_goodbye_last() {
    let mut world = World::stock_online(Role::Producer);
    world.say_text(r#"{"type":"startSession","peerId":"c","sessionId":"s"}"#);
    world.outputs();
    world.command(Command::Close);
    let end = Output::Write(r#"{"type":"endSession","sessionId":"s"}"#.into());
    assert_eq!(world.outputs(), [end, Output::Close]);
    world.say_text(r#"{"type":"startSession","peerId":"c","sessionId":"t"}"#);
    assert_eq!(world.outputs(), []);
}

#[test]
fn a_refused_request_is_told() {
    let mut world = World::stock_online(Role::Producer);
    world.say_text(r#"{"type":"list","producers":[]}"#);
    world.outputs();
    world.say_text(r#"{"type":"error","details":"only watching is allowed"}"#);
    let (code, details) = (String::new(), "only watching is allowed".to_owned());
    assert_eq!(world.events(), [Event::Refused { code, details }]);
}

#[test]
fn nothing_that_must_stay_private_is_in_debug_output() {
    let private = Private::from("a=ice-pwd:secret".to_owned());
    let event = Event::Description { session_id: session("s"), kind: SdpKind::Offer, sdp: private };
    assert!(!format!("{event:?}").contains("secret"));
}

/// Something that a server or a user may do at any time.
#[derive(Clone, Debug)]
enum Step {
    Wait(u64),
    Opened,
    Welcome,
    List(Vec<u8>),
    Appears(u8),
    Leaves(u8),
    Started(u8, u8),
    Ended(u8),
    Offer(u8, bool),
    Error,
    Lost,
    LocalEnd(u8),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0u64..12_000).prop_map(Step::Wait),
        Just(Step::Opened),
        Just(Step::Welcome),
        prop::collection::vec(0u8..3, 0..3).prop_map(Step::List),
        (0u8..3).prop_map(Step::Appears),
        (0u8..3).prop_map(Step::Leaves),
        (0u8..3, 0u8..6).prop_map(|(p, s)| Step::Started(p, s)),
        (0u8..6).prop_map(Step::Ended),
        (0u8..6, any::<bool>()).prop_map(|(s, good)| Step::Offer(s, good)),
        Just(Step::Error),
        Just(Step::Lost),
        (0u8..6).prop_map(Step::LocalEnd),
    ]
}

fn take(world: &mut World, step: &Step) {
    let status = |id: &u8, roles: &str| {
        format!(r#"{{"type":"peerStatusChanged","roles":[{roles}],"peerId":"p{id}"}}"#)
    };
    match step {
        Step::Wait(ms) => world.advance_deaf(Duration::from_millis(*ms)),
        Step::Opened => world.input(Input::Opened { extended: false }),
        Step::Welcome => world.say_text(r#"{"type":"welcome","peerId":"me"}"#),
        Step::List(ids) => {
            let peers: Vec<_> = ids.iter().map(|id| format!(r#"{{"id":"p{id}"}}"#)).collect();
            world.say_text(&format!(r#"{{"type":"list","producers":[{}]}}"#, peers.join(",")));
        }
        Step::Appears(id) => world.say_text(&status(id, "\"producer\"")),
        Step::Leaves(id) => world.say_text(&status(id, "")),
        Step::Started(p, s) => {
            world.say_text(&format!(
                r#"{{"type":"sessionStarted","peerId":"p{p}","sessionId":"s{s}"}}"#
            ));
        }
        Step::Ended(s) => world.say_text(&format!(r#"{{"type":"endSession","sessionId":"s{s}"}}"#)),
        Step::Offer(s, good) => {
            let sdp = serde_json::to_string(if *good { SDP } else { "" }).unwrap();
            world.say_text(&format!(
                r#"{{"type":"peer","sessionId":"s{s}","sdp":{{"type":"offer","sdp":{sdp}}}}}"#
            ));
        }
        Step::Error => world.say_text(r#"{"type":"error","details":"no"}"#),
        Step::Lost => world.input(Input::Lost(Lost::Silent)),
        Step::LocalEnd(s) => {
            world.command(Command::End { session_id: session(&format!("s{s}")) });
        }
    }
}

proptest! {
    /// Whatever happens: one session at a time, nothing asked for while one is live, every event
    /// about a session between its start and its end, and never a timeout that lies still.
    #[test]
    fn a_consumer_never_has_two_sessions(steps in prop::collection::vec(step(), 0..120)) {
        let mut world = World::stock(Role::Consumer(Target::First));
        let mut live: Option<SessionId> = None;
        for step in &steps {
            take(&mut world, step);
            if let Step::LocalEnd(s) = step
                && live.as_ref().is_some_and(|id| id.as_str() == format!("s{s}"))
            {
                live = None;
            }
            for output in world.outputs() {
                match output {
                    Output::Event(Event::SessionStarted { session_id, .. }) => {
                        prop_assert_eq!(live.replace(session_id), None);
                    }
                    Output::Event(Event::SessionEnded { session_id, .. }) => {
                        prop_assert_eq!(live.take(), Some(session_id));
                    }
                    Output::Event(Event::Description { session_id, .. }) => {
                        prop_assert_eq!(live.as_ref(), Some(&session_id));
                    }
                    Output::Write(text) if text.contains("startSession") => {
                        prop_assert!(live.is_none());
                    }
                    Output::Event(Event::Disconnected { retry_in, .. }) => {
                        prop_assert!(retry_in <= RETRY.1);
                    }
                    _ => {}
                }
            }
            prop_assert!(world.state.poll_timeout().is_none_or(|due| due > world.now));
        }
    }

    /// A server may say anything.
    #[test]
    fn no_text_of_the_server_does_harm(texts in prop::collection::vec(".{0,200}", 0..20)) {
        let mut world = World::stock_online(Role::Producer);
        for text in &texts {
            world.say_text(text);
            prop_assert_eq!(world.outputs(), vec![]);
        }
    }
}
