//! Login, resume and calls in virtual time, against a server that is played by hand.

#![allow(clippy::unwrap_used)]
mod common;

use std::time::Duration;

use common::{ALL, SOUND, WELCOME, World, call, session};
use intercom_client::state::{
    ACK_AFTER, ACK_EVERY, HELLO_DEADLINE, Input, LEAVE_DEADLINE, Output, RENEW_AGAIN, RETRY,
    RETRY_LATER,
};
use intercom_client::{
    CallEnd, CallEvent, CallId, Command, Config, EndReason, Event, HangUpReason, Login, Lost,
    Media, PeerId, PermanentError, Private, RejectReason, Role, Target,
};
use proptest::prelude::*;
use serde_json::{Value, json};

fn ended(reason: CallEnd) -> CallEvent {
    CallEvent::Ended { call: call(), reason }
}

fn held(media: Media, peers: &[&str], connected: bool) -> Value {
    json!({"callId": "c", "with": "door", "outgoing": false, "stage": "held", "media": media,
        "peers": peers, "connected": connected})
}

fn candidate(id: &str, text: &str) -> Command {
    let candidate = Private::from(format!("candidate:{text}"));
    Command::Candidate { session_id: session(id), candidate, sdp_m_line_index: 0 }
}

#[test]
fn a_token_is_not_said_again_and_a_password_is() {
    let mut world = World::new(Role::Listener, Login::Token("ict_secret".into()));
    world.open();
    assert_eq!(world.written(), [json!({"type": "hello", "instance": "tablet"})]);

    let login = Login::Password { name: "ann".into(), password: "pass word".into() };
    let mut world = World::new(Role::Listener, login);
    world.open();
    let login = json!({"name": "ann", "password": "pass word"});
    assert_eq!(world.written(), [json!({"type": "hello", "instance": "tablet", "login": login})]);
}

#[test]
fn who_cannot_answer_says_so() {
    let server = "wss://localhost".parse().unwrap();
    let login = Login::Token("ict_secret".into());
    let config = Config { login, ..Config::new(server, Role::Producer) };
    let mut world = World::begin(&config);
    world.open();
    assert_eq!(world.written(), [json!({"type": "hello", "calls": false})]);
}

#[test]
fn secrets_are_not_in_debug_output() {
    let config = World::online(Role::Producer).state;
    let text = format!("{config:?} {:?}", Login::Token("ict_secret".into()));
    assert!(!text.contains("ict_secret") && !text.contains("t1\""), "{text}");
}

#[test]
fn a_welcome_tells_who_one_is() {
    let mut world = World::new(Role::Producer, Login::Token("ict_secret".into()));
    world.open();
    world.outputs();
    world.say_text(WELCOME);
    let outputs = world.outputs();
    let (peer_id, account) = (PeerId::new("me").unwrap(), Some("ann".to_owned()));
    let connected = Output::Event(Event::Connected { peer_id, account });
    let register = r#"{"type":"setPeerStatus","roles":["producer"],"meta":null,"id":1}"#;
    assert!(outputs.contains(&Output::Write(register.into())), "{outputs:?}");
    assert!(!outputs.contains(&connected), "it is not known yet whether it is taken");
    world.say(json!({"type": "done", "id": 1}));
    assert_eq!(world.outputs(), [connected]);
}

#[test]
fn a_producer_that_may_not_produce_is_told_so() {
    let mut world = World::online(Role::Producer);
    let details = "you may only watch";
    world.say(json!({"type": "error", "code": "watchOnly", "details": details, "id": 1}));
    let refused = PermanentError::NotRegistered(details.into());
    assert_eq!(world.outputs(), [Output::Event(Event::Failed(refused)), Output::Close]);
}

#[test]
fn a_stock_server_gets_the_stock_protocol() {
    let mut world = World::new(Role::Listener, Login::Token("ict_secret".into()));
    world.input(Input::Opened { extended: false });
    assert_eq!(world.types(), [] as [&str; 0]);
    world.say(json!({"type": "welcome", "peerId": "me"}));
    assert_eq!(world.types(), ["setProtocolVersion", "setPeerStatus", "list"]);
    world.command(Command::Call { to: "door".into(), media: ALL });
    assert!(
        matches!(&world.calls()[..], [CallEvent::Refused { code, .. }] if code == "notLoggedIn")
    );
    world.advance(Duration::from_secs(60));
    assert_eq!(world.types(), [] as [&str; 0], "no acks");
}

#[test]
fn a_password_is_for_servers_that_know_accounts() {
    let login = Login::Password { name: "ann".into(), password: "pass word".into() };
    let mut world = World::new(Role::Listener, login);
    world.input(Input::Opened { extended: false });
    assert_eq!(world.events(), [Event::Failed(PermanentError::NoLogins)]);
}

#[test]
fn a_bad_login_is_final() {
    for code in ["badLogin", "notLoggedIn", "forbidden", "badInstance"] {
        let mut world = World::new(Role::Listener, Login::Token("ict_secret".into()));
        world.open();
        world.outputs();
        world.say(json!({"type": "error", "code": code, "details": "no"}));
        let error = PermanentError::NotAdmitted { code: code.into(), details: "no".into() };
        assert_eq!(world.outputs(), [Output::Event(Event::Failed(error)), Output::Close]);
        world.advance(Duration::from_secs(3600));
        assert_eq!(world.outputs(), []);
    }
}

#[test]
fn a_server_that_lets_nobody_in_just_now_is_asked_ever_more_rarely() {
    let mut world = World::new(Role::Listener, Login::Token("ict_secret".into()));
    let mut waits = Vec::new();
    for _ in 0..8 {
        world.open();
        world.say(json!({"type": "error", "code": "tooManyFailures", "details": "wait"}));
        let events = world.events();
        let [Event::Disconnected { reason: Lost::NotNow(words), retry_in }] = &events[..] else {
            panic!("{events:?}")
        };
        assert_eq!(words, "wait");
        waits.push(*retry_in);
        world.advance(*retry_in);
        assert_eq!(world.outputs(), [Output::Connect]);
    }
    assert!(waits[0] >= RETRY_LATER.0 / 2 && waits[7] >= RETRY_LATER.1 / 2, "{waits:?}");
}

#[test]
fn no_answer_to_hello_is_a_lost_connection() {
    let mut world = World::new(Role::Listener, Login::Token("ict_secret".into()));
    world.open();
    world.outputs();
    world.advance(HELLO_DEADLINE);
    let events = world.events();
    assert!(
        matches!(&events[..], [Event::Disconnected { reason: Lost::ConnectTimeout(_), .. }]),
        "{events:?}"
    );
}

#[test]
fn whoever_is_dismissed_does_not_come_back() {
    for (code, is_final) in
        [(4401, true), (4409, true), (4403, false), (1001, false), (1008, false)]
    {
        let mut world = World::listener();
        world.input(Input::Lost(Lost::Closed { code, reason: "words".into() }));
        let failed = Event::Failed(PermanentError::Dismissed("words".into()));
        assert_eq!(world.events().contains(&failed), is_final, "{code}");
    }
}

#[test]
fn acks_follow_after_a_number_or_a_time() {
    let mut world = World::listener();
    let presence = json!({"type": "presence", "name": "bob", "kind": "user", "status": "available",
        "callable": true});
    for _ in 0..ACK_EVERY {
        assert_eq!(world.types(), [] as [&str; 0]);
        world.say(presence.clone());
    }
    assert_eq!(world.written(), [json!({"type": "ack", "received": ACK_EVERY})]);
    world.say(json!({"type": "ack", "received": 3}));
    world.say_text("not even JSON");
    world.say(presence);
    world.advance(ACK_AFTER - Duration::from_millis(1));
    assert_eq!(world.types(), [] as [&str; 0]);
    world.advance(Duration::from_millis(1));
    assert_eq!(world.written(), [json!({"type": "ack", "received": ACK_EVERY + 2})]);
    world.advance(Duration::from_secs(60));
    assert_eq!(world.types(), [] as [&str; 0]);
}

#[test]
fn what_the_server_lacks_is_said_again_and_nothing_else() {
    let mut world = World::in_call(); // three to register, and the answer
    world.command(Command::UpdateCall { call: call(), media: ALL });
    assert_eq!(world.types(), ["updateCall"]);
    world.say(json!({"type": "callUpdated", "callId": "c", "media": SOUND}));
    let hello = world.cut();
    let resume = json!({"resumeToken": "t1", "received": 3});
    assert_eq!(hello, json!({"type": "hello", "instance": "tablet", "resume": resume}));
    world.command(Command::UpdateCall { call: call(), media: SOUND });
    assert_eq!(world.types(), [] as [&str; 0], "not before the server has said what it has");

    world.resumed(4);
    let written = world.written();
    let media: Vec<_> = written.iter().map(|message| &message["media"]["video"]).collect();
    assert_eq!(media, [&json!(true), &json!(false)], "{written:?}");
    let hello = world.cut();
    assert_eq!(hello["resume"], json!({"resumeToken": "t2", "received": 3}));
    world.resumed(6);
    assert_eq!(world.types(), [] as [&str; 0]);
}

#[test]
fn a_cut_ends_nothing() {
    let mut world = World::online(Role::Producer);
    world.say(json!({"type": "startSession", "peerId": "p", "sessionId": "s"}));
    world.outputs();
    world.input(Input::Lost(Lost::Silent));
    world.command(candidate("s", "1"));
    world.advance(RETRY.1);
    world.open();
    world.outputs();
    world.resumed(2);
    world.say(json!({"type": "done", "id": 1}));
    let outputs = world.outputs();
    let is_candidate =
        |output: &Output| matches!(output, Output::Write(text) if text.contains("candidate:1"));
    assert!(outputs.iter().any(is_candidate), "{outputs:?}");
    assert!(matches!(outputs.last(), Some(Output::Event(Event::Connected { .. }))));
    world.say(json!({"type": "peer", "sessionId": "s", "ice": {"candidate": "candidate:2",
        "sdpMLineIndex": 0}}));
    assert!(matches!(&world.events()[..], [Event::Candidate { .. }]));
}

#[test]
fn a_server_that_counts_otherwise_is_asked_for_a_new_beginning() {
    let mut world = World::listener();
    for number in 0..300 {
        let to = format!("nobody{number}");
        world.command(Command::Call { to, media: ALL });
    }
    world.outputs();
    let hello = world.cut();
    assert_eq!(hello["resume"]["received"], json!((1_u64 << 53) - 1));
    world.reset(false, &Value::Null, &[]);
    let refused = world.calls();
    assert_eq!(refused.len(), 300);
    assert!(refused.iter().all(|event| matches!(event, CallEvent::Refused { .. })));
}

#[test]
fn a_server_that_was_started_anew_has_forgotten_sessions_but_they_go_on() {
    let mut world = World::online(Role::Producer);
    for id in ["kept", "forgotten"] {
        world.say(json!({"type": "startSession", "peerId": "p", "sessionId": id}));
    }
    world.cut();
    world.reset(true, &Value::Null, &["kept", "strange"]);
    let outputs = world.outputs();
    let strange = r#"{"type":"endSession","sessionId":"strange"}"#;
    assert!(outputs.contains(&Output::Write(strange.into())), "{outputs:?}");
    assert!(
        !outputs.iter().any(|output| matches!(output, Output::Event(Event::SessionEnded { .. })))
    );
    world.command(candidate("kept", "1"));
    world.command(candidate("forgotten", "2"));
    let written = world.written();
    assert_eq!((written.len(), &written[0]["sessionId"]), (1, &json!("kept")));
    world.command(Command::End { session_id: session("forgotten") });
    assert_eq!(world.types(), [] as [&str; 0]);
}

#[test]
fn of_much_that_was_missed_the_end_of_a_session_is_still_heard() {
    let mut world = World::online(Role::Producer);
    for id in ["kept", "over"] {
        world.say(json!({"type": "startSession", "peerId": "p", "sessionId": id}));
    }
    world.cut();
    world.say(json!({"type": "resumed", "received": 0, "resumeToken": "t2", "reset": true}));
    assert_eq!(world.types(), ["setProtocolVersion", "setPeerStatus"]);
    world.say(json!({"type": "snapshot", "accounts": [], "call": null, "sessions": ["kept"]}));
    let reason = EndReason::Remote(None);
    assert!(world.events().contains(&Event::SessionEnded { session_id: session("over"), reason }));
}

#[test]
fn too_late_to_resume_is_a_new_login_and_the_end_of_the_call() {
    let mut world = World::in_call();
    world.cut();
    world.say(json!({"type": "error", "code": "cannotResume", "details": "too late"}));
    let outputs = world.outputs();
    assert_eq!(
        outputs,
        [Output::Event(Event::Call(ended(CallEnd::Disconnected))), Output::Drop, Output::Connect]
    );
    world.open();
    assert_eq!(world.written(), [json!({"type": "hello", "instance": "tablet"})]);
    world.say_text(WELCOME);
    assert_eq!(world.types(), ["setProtocolVersion", "setPeerStatus", "list"]);
}

#[test]
fn a_call_comes_is_taken_and_ends() {
    let mut world = World::listener();
    world.say(json!({"type": "incomingCall", "callId": "c", "from": "door", "media": ALL}));
    let incoming = CallEvent::Incoming { call: call(), from: "door".into(), media: ALL };
    assert_eq!(world.calls(), [incoming]);
    world.command(Command::Accept { call: call(), media: SOUND });
    let answer = &world.written()[0];
    assert_eq!((&answer["accept"], &answer["media"]), (&json!(true), &json!(SOUND)));
    world.say(json!({"type": "callAccepted", "callId": "c", "from": "door", "media": ALL}));
    let accepted = CallEvent::Accepted { call: call(), with: "door".into(), media: ALL };
    assert_eq!(world.calls(), [accepted]);
    world.command(Command::AttachPeer { call: call(), peer_id: PeerId::new("mine").unwrap() });
    assert_eq!(world.written()[0]["peerId"], "mine");
    world.say(json!({"type": "callPeer", "callId": "c", "peerId": "theirs"}));
    world.say(json!({"type": "callAway", "callId": "c"}));
    world.say(json!({"type": "callBack", "callId": "c"}));
    world.say(json!({"type": "callPeerGone", "callId": "c", "peerId": "theirs"}));
    let peer_id = PeerId::new("theirs").unwrap();
    assert_eq!(
        world.calls(),
        [
            CallEvent::Peer { call: call(), peer_id: peer_id.clone() },
            CallEvent::Away { call: call() },
            CallEvent::Back { call: call() },
            CallEvent::PeerGone { call: call(), peer_id },
        ]
    );
    world.command(Command::HangUp { call: call(), reason: HangUpReason::Hangup });
    assert_eq!(world.types(), ["endCall"]);
    world.say(json!({"type": "callEnded", "callId": "c", "reason": "hangup"}));
    world.say(json!({"type": "callEnded", "callId": "c", "reason": "hangup"}));
    assert_eq!(world.calls(), [ended(CallEnd::Hangup)]);
}

#[test]
fn a_call_that_does_not_come_about_says_why() {
    let mut world = World::listener();
    world.command(Command::Call { to: "door".into(), media: ALL });
    let id = world.written()[0]["id"].clone();
    world.say(json!({"type": "error", "code": "busy", "details": "door is busy", "id": id}));
    let (code, details) = ("busy".into(), "door is busy".into());
    assert_eq!(world.calls(), [CallEvent::Refused { to: "door".into(), code, details }]);

    world.command(Command::Call { to: "door".into(), media: ALL });
    let id = world.written()[0]["id"].clone();
    world.say(json!({"type": "callRinging", "callId": "c", "to": "door", "id": id}));
    assert_eq!(world.calls(), [CallEvent::Ringing { call: call(), to: "door".into() }]);
    world.say(json!({"type": "callEnded", "callId": "c", "reason": "noAnswer"}));
    assert_eq!(world.calls(), [ended(CallEnd::NoAnswer)]);
}

#[test]
fn what_belongs_to_another_call_is_not_heard() {
    let mut world = World::in_call();
    for message in [
        json!({"type": "callEnded", "callId": "x", "reason": "hangup"}),
        json!({"type": "callAway", "callId": "x"}),
        json!({"type": "callPeer", "callId": "x", "peerId": "p"}),
        json!({"type": "callAccepted", "callId": "c", "from": "door", "media": ALL}),
        json!({"type": "incomingCall", "callId": "c", "from": "door", "media": ALL}),
    ] {
        world.say(message.clone());
        assert_eq!(world.calls(), [], "{message}");
    }
    let late = CallId::new("x").unwrap();
    world.command(Command::Accept { call: late.clone(), media: ALL });
    world.command(Command::Reject { call: late, reason: RejectReason::Busy });
    assert_eq!(world.types(), [] as [&str; 0]);
}

#[test]
fn an_accepted_call_outlives_the_server() {
    let mut world = World::in_call();
    world.say(json!({"type": "callPeer", "callId": "c", "peerId": "theirs"}));
    world.cut();
    world.reset(true, &held(ALL, &["theirs"], true), &[]);
    assert_eq!(world.calls(), []);
    world.cut();
    world.reset(true, &held(SOUND, &["other"], false), &[]);
    let peer = |id| PeerId::new(id).unwrap();
    assert_eq!(
        world.calls(),
        [
            CallEvent::Updated { call: call(), media: SOUND },
            CallEvent::PeerGone { call: call(), peer_id: peer("theirs") },
            CallEvent::Peer { call: call(), peer_id: peer("other") },
            CallEvent::Away { call: call() },
        ]
    );
}

#[test]
fn a_ring_does_not_outlive_the_server() {
    let mut world = World::listener();
    world.say(json!({"type": "incomingCall", "callId": "c", "from": "door", "media": ALL}));
    world.cut();
    world.reset(true, &Value::Null, &[]);
    assert!(world.calls().contains(&ended(CallEnd::Disconnected)));
}

#[test]
fn what_was_said_to_a_call_is_said_again_to_a_server_that_lost_it() {
    let ringing = json!({"callId": "c", "with": "door", "outgoing": false, "stage": "ringing",
        "media": ALL, "peers": [], "connected": true});
    let mut world = World::listener();
    world.say(json!({"type": "incomingCall", "callId": "c", "from": "door", "media": ALL}));
    world.command(Command::Accept { call: call(), media: SOUND });
    world.cut();
    world.reset(false, &ringing, &[]);
    assert!(world.types().contains(&"answerCall".to_owned()));

    let mut world = World::in_call();
    world.command(Command::AttachPeer { call: call(), peer_id: PeerId::new("mine").unwrap() });
    world.command(Command::UpdateCall { call: call(), media: ALL });
    world.cut();
    world.reset(false, &held(ALL, &[], true), &[]);
    let types = world.types();
    assert_eq!(types[types.len() - 2..], ["attachPeer", "updateCall"]);

    world.command(Command::HangUp { call: call(), reason: HangUpReason::Hangup });
    world.cut();
    world.reset(true, &held(ALL, &[], true), &[]);
    assert_eq!(world.types().last().map(String::as_str), Some("endCall"));
}

#[test]
fn presence_is_told_and_asked_for_again_after_a_new_login() {
    let mut world = World::listener();
    world.command(Command::ListAccounts);
    assert_eq!(world.types(), ["listAccounts"]);
    let bob = json!({"name": "bob", "kind": "user", "status": "busy", "callable": true});
    world.say(json!({"type": "accounts", "accounts": [bob]}));
    world.say(json!({"type": "accountGone", "name": "bob"}));
    let events = world.events();
    let [Event::Accounts(accounts), Event::AccountGone { name }] = &events[..] else {
        panic!("{events:?}")
    };
    assert_eq!((&*accounts[0].name, &**name), ("bob", "bob"));
    world.cut();
    world.say(json!({"type": "error", "code": "cannotResume", "details": "too late"}));
    world.open();
    world.outputs();
    world.say_text(WELCOME);
    assert!(world.types().contains(&"listAccounts".to_owned()));
}

#[test]
fn a_name_is_an_account_before_it_is_what_a_guest_calls_itself() {
    let mut world = World::online(Role::Consumer(Target::Name("Door".into())));
    let spoof = json!({"id": "spoof", "meta": {"name": "Door"}});
    let real = json!({"id": "real", "meta": {"name": "x"}, "account": "door"});
    world.say(json!({"type": "list", "producers": [real, spoof]}));
    let asked = world.written();
    assert_eq!(asked[0]["peerId"], "real");
    let id = asked[0]["id"].clone();
    world.say(json!({"type": "error", "code": "forbidden", "details": "no", "id": id}));
    let refused = Event::Refused { code: "forbidden".into(), details: "no".into() };
    assert_eq!(world.events(), [refused]);
}

#[test]
fn who_follows_a_call_takes_its_producer_and_nobody_elses() {
    let mut world = World::online(Role::Consumer(Target::Call));
    world.say(json!({"type": "list", "producers": [{"id": "stranger", "meta": null}]}));
    world.say(json!({"type": "incomingCall", "callId": "c", "from": "door", "media": ALL}));
    world.command(Command::Accept { call: call(), media: SOUND });
    world.say(json!({"type": "callAccepted", "callId": "c", "from": "door", "media": ALL}));
    assert_eq!(world.types(), ["answerCall"]);
    world.say(json!({"type": "callPeer", "callId": "c", "peerId": "theirs"}));
    let asked = world.written();
    assert_eq!(
        (&asked[0]["type"], &asked[0]["peerId"]),
        (&json!("startSession"), &json!("theirs"))
    );
    world.say(json!({"type": "sessionStarted", "peerId": "theirs", "sessionId": "s"}));
    world.say(json!({"type": "callPeerGone", "callId": "c", "peerId": "theirs"}));
    let is_end = |event: &Event| matches!(event, Event::SessionEnded { .. });
    assert!(!world.events().iter().any(is_end), "it is the server that says so");
    world.say(json!({"type": "callEnded", "callId": "c", "reason": "hangup"}));
    assert!(world.events().iter().any(is_end));
    world.advance(Duration::from_secs(30));
    assert!(!world.types().contains(&"startSession".to_owned()));
}

#[test]
fn leaving_hangs_up() {
    let mut world = World::in_call();
    world.command(Command::Close);
    assert_eq!(world.types(), ["endCall"]);

    let mut world = World::in_call();
    world.command(Command::LogOut);
    assert_eq!(world.types(), ["endCall", "logout"]);
    world.say(json!({"type": "callEnded", "callId": "c", "reason": "hangup"}));
    world.say(json!({"type": "loggedOut"}));
    assert_eq!(world.outputs(), [Output::Close]);

    let mut world = World::listener();
    world.command(Command::LogOut);
    world.outputs();
    world.advance(LEAVE_DEADLINE);
    assert_eq!(world.outputs(), [Output::Close]);
}

/// In a call, between two connections; then the user leaves.
fn left_without_connection(command: Command) -> World {
    let mut world = World::in_call();
    world.input(Input::Lost(Lost::Network("reset".into())));
    world.outputs();
    world.command(command);
    assert_eq!(world.outputs(), [Output::Connect], "at once, not after the wait");
    world
}

#[test]
fn who_leaves_without_a_connection_hangs_up_all_the_same() {
    let mut world = left_without_connection(Command::Close);
    world.open();
    assert_eq!(world.types(), ["hello"]);
    world.resumed(4);
    let outputs = world.outputs();
    assert!(matches!(&outputs[..], [Output::Write(end), Output::Close] if end.contains("endCall")));

    let mut world = left_without_connection(Command::LogOut);
    world.open();
    world.outputs();
    world.resumed(4);
    assert_eq!(world.types(), ["endCall", "logout"]);
    world.say(json!({"type": "loggedOut"}));
    assert_eq!(world.outputs(), [Output::Close]);
}

#[test]
fn who_leaves_hangs_up_on_a_server_that_was_started_anew() {
    let mut world = left_without_connection(Command::Close);
    world.input(Input::Lost(Lost::Network("refused".into())));
    assert_eq!(world.outputs(), [Output::Drop]);
    world.advance(RETRY.0);
    assert_eq!(world.outputs(), [Output::Connect]);
    world.open();
    world.outputs();
    world.reset(true, &held(ALL, &[], true), &[]);
    let outputs = world.outputs();
    assert!(
        matches!(&outputs[..], [.., Output::Write(end), Output::Close] if end.contains("endCall"))
    );
}

#[test]
fn who_leaves_does_not_wait_for_a_server_that_does_not_come_back() {
    let mut world = left_without_connection(Command::Close);
    world.advance(LEAVE_DEADLINE);
    assert_eq!(world.outputs().last(), Some(&Output::Close));

    let mut world = World::listener();
    world.say(json!({"type": "ack", "received": 3}));
    world.input(Input::Lost(Lost::Network("reset".into())));
    world.outputs();
    world.command(Command::Close);
    assert_eq!(world.outputs(), [Output::Close], "there is nothing to say");

    let mut world = left_without_connection(Command::Close);
    world.open();
    world.outputs();
    world.say(json!({"type": "error", "code": "cannotResume", "details": "too late"}));
    assert_eq!(world.outputs().last(), Some(&Output::Close));
}

/// A message or a cut.
#[derive(Clone, Debug)]
enum Step {
    ClientSays,
    ServerSays,
    /// The newest messages of either side are lost with the socket.
    Cut {
        of_client: usize,
        of_server: usize,
    },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => Just(Step::ClientSays),
        6 => Just(Step::ServerSays),
        1 => (0usize..8, 0usize..8)
            .prop_map(|(of_client, of_server)| Step::Cut { of_client, of_server }),
    ]
}

/// The other end, as the reference has it.
#[derive(Default)]
struct Server {
    sent: Vec<String>,
    received: Vec<String>,
    confirmed: usize,
    /// On their way to the client.
    wire: Vec<String>,
}

impl Server {
    fn hears(&mut self, outputs: Vec<Output>) {
        for output in outputs {
            if let Output::Write(text) = output
                && !text.contains(r#""type":"ack""#)
                && !text.contains(r#""type":"hello""#)
            {
                self.received.push(text);
            }
        }
    }
}

proptest! {
    /// Wherever sockets break: what either side says arrives once and in order.
    #[test]
    fn nothing_is_lost_or_heard_twice(steps in prop::collection::vec(step(), 0..150)) {
        let mut world = World::online(Role::Producer);
        world.say(json!({"type": "startSession", "peerId": "p", "sessionId": "s"}));
        world.outputs();
        let mut server = Server::default();
        let (mut said, mut heard) = (0_usize, Vec::new());
        let (counted_by_client, counted_by_server) = (1_usize, 2_usize);
        let deliver = |world: &mut World, server: &mut Server, heard: &mut Vec<String>| {
            for text in std::mem::take(&mut server.wire) {
                world.say_text(&text);
                for output in world.outputs() {
                    match output {
                        Output::Event(Event::Candidate { candidate, .. }) => {
                            heard.push(candidate.into_inner());
                        }
                        other => server.hears(vec![other]),
                    }
                }
            }
        };
        for step in steps {
            match step {
                Step::ClientSays => {
                    world.command(candidate("s", &said.to_string()));
                    said += 1;
                    server.hears(world.outputs());
                }
                Step::ServerSays => {
                    let text = json!({"type": "peer", "sessionId": "s", "ice": {
                        "candidate": format!("candidate:{}", server.sent.len()),
                        "sdpMLineIndex": 0}}).to_string();
                    server.sent.push(text.clone());
                    server.wire.push(text);
                }
                Step::Cut { of_client, of_server } => {
                    let arrives = server.wire.len().saturating_sub(of_server);
                    server.wire.truncate(arrives);
                    deliver(&mut world, &mut server, &mut heard);
                    // What it has said that it has, it has.
                    let arrived = server.received.len().saturating_sub(of_client);
                    server.received.truncate(arrived.max(server.confirmed));
                    server.confirmed = server.received.len();
                    let hello = world.cut();
                    let has = hello["resume"]["received"].as_u64().unwrap() as usize;
                    server.wire = server.sent[has - counted_by_client..].to_vec();
                    world.resumed((server.received.len() + counted_by_server) as u64);
                    server.hears(world.outputs());
                }
            }
        }
        deliver(&mut world, &mut server, &mut heard);
        let numbers = |count: usize| (0..count).map(|number| format!("candidate:{number}"));
        prop_assert!(heard.iter().cloned().eq(numbers(server.sent.len())), "{heard:?}");
        prop_assert_eq!(server.received.len(), said);
        for (number, text) in server.received.iter().enumerate() {
            prop_assert!(text.contains(&format!("candidate:{number}\"")), "{text}");
        }
    }
}

#[test]
fn a_call_that_a_killed_server_believes_to_go_on_is_over() {
    let mut world = World::in_call();
    world.say(json!({"type": "callEnded", "callId": "c", "reason": "hangup"}));
    assert_eq!(world.calls(), [ended(CallEnd::Hangup)]);
    world.cut();
    world.reset(true, &held(ALL, &["door-1"], true), &[]);
    let outputs = world.outputs();
    let calls = outputs.iter().filter(|output| matches!(output, Output::Event(Event::Call(_))));
    assert_eq!(calls.count(), 0, "{outputs:?}");
    let Some(Output::Write(last)) = outputs.last() else { panic!("{outputs:?}") };
    let last: Value = serde_json::from_str(last).unwrap();
    assert_eq!((&last["type"], &last["callId"]), (&json!("endCall"), &json!("c")));
}

/// How often new ones were asked for; whether it was `getIceServers` and nothing else.
fn renewals(world: &mut World) -> usize {
    let written = world.written();
    let asks = |message: &&Value| message["type"] == "getIceServers";
    let other = |message: &&Value| !asks(message) && message["type"] != "ack";
    assert_eq!(written.iter().find(other), None);
    written.iter().filter(asks).count()
}

#[test]
fn turn_credentials_are_renewed_before_they_expire() {
    let mut world = World::new(Role::Listener, Login::Token("ict_secret".into()));
    world.open();
    world.outputs();
    let turn = json!([{"urls": ["turn:t"], "username": "1:ann", "credential": "c"}]);
    world.say(json!({"type": "welcome", "peerId": "me", "account": "ann", "role": "user",
        "resumeToken": "t1", "iceServers": turn}));
    world.outputs();
    world.advance(Duration::ZERO);
    assert_eq!(renewals(&mut world), 1, "the welcome does not say how long they are good");
    let hour = Duration::from_secs(3600);
    let answer = json!({"type": "iceServers", "iceServers": turn, "ttl": 36_000});
    world.say(answer.clone());
    world.outputs();
    world.advance(9 * hour - Duration::from_secs(1));
    assert_eq!(renewals(&mut world), 0);
    world.advance(Duration::from_secs(1));
    assert_eq!(renewals(&mut world), 1);

    // The answer did not come, and then there was no connection for longer than they are good.
    world.advance(RENEW_AGAIN);
    assert_eq!(renewals(&mut world), 1);
    world.say(answer);
    world.input(Input::Lost(Lost::Network("reset".into())));
    world.now += 20 * hour;
    world.input(Input::Timeout);
    world.outputs();
    world.open();
    world.outputs();
    world.resumed(0);
    world.outputs();
    world.advance(Duration::ZERO);
    assert_eq!(renewals(&mut world), 1);
    // These do not change.
    world.say(json!({"type": "iceServers", "iceServers": [{"urls": ["stun:s"]}], "ttl": null}));
    world.outputs();
    world.advance(20 * hour);
    assert_eq!(renewals(&mut world), 0);
}

#[test]
fn what_does_not_expire_is_not_asked_for_again() {
    let mut world = World::listener();
    world.advance(Duration::from_secs(24 * 3600));
    assert_eq!(renewals(&mut world), 0);
}
