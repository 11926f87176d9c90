//! Login, calls and a connection that outlives its socket, as a stranger with intercom.v1 has them.
#![allow(clippy::unwrap_used)]
mod common;

use std::time::{Duration, Instant};

use common::{Client, Stranger, tcp};
use intercom_signaller::{Config, Ice, Level, Registration, Server};
use serde_json::{Value, json};
use tempfile::NamedTempFile;
use tokio::time::{interval, timeout};
use tokio_tungstenite::tungstenite::Message;

const EXTENDED: (&str, &str) = ("Sec-WebSocket-Protocol", "intercom.v1");
const PASSWORD: &str = "correct horse battery";

/// One person at one WebSocket.
struct Person {
    client: Client,
    peer: String,
    resume_token: String,
    /// Messages that count.
    received: u64,
}

async fn open_house() -> Stranger {
    Stranger::start_with(|config| {
        config.registration = Registration::Open;
        config.anonymous = Level::Deny;
    })
    .await
}

async fn socket(server: &Stranger) -> Client {
    Client::upgrade(tcp(server.plain()).await, "/", &[EXTENDED]).await.unwrap()
}

/// Says hello and hears what comes of it.
async fn hello(client: &mut Client, hello: Value) -> Value {
    let mut message = json!({"type": "hello"});
    message.as_object_mut().unwrap().extend(hello.as_object().unwrap().clone());
    client.send(&message).await;
    client.next().await
}

async fn enter(server: &Stranger, proof: Value) -> Person {
    let mut client = socket(server).await;
    let welcome = hello(&mut client, proof).await;
    assert_eq!(welcome["type"], "welcome", "{welcome}");
    let text = |field: &str| welcome[field].as_str().unwrap().to_owned();
    let (peer, resume_token) = (text("peerId"), text("resumeToken"));
    Person { client, peer, resume_token, received: 0 }
}

async fn new_account(server: &Stranger, name: &str) -> Person {
    enter(server, json!({"register": {"name": name, "password": PASSWORD}, "instance": "tablet"}))
        .await
}

/// Another server in the place of one that stops.
async fn start_anew(server: Stranger) -> Stranger {
    let Stranger { server: first, data } = server;
    first.stop().await;
    let mut config: Config = common::config(&data);
    config.anonymous = Level::Deny;
    Stranger { server: Server::start(config).await.unwrap(), data }
}

fn login(name: &str) -> Value {
    json!({"login": {"name": name, "password": PASSWORD}})
}

impl Person {
    async fn say(&mut self, message: Value) {
        self.client.send(&message).await;
    }

    /// The next message that counts.
    async fn next(&mut self) -> Value {
        loop {
            let message = self.client.next().await;
            if message["type"] != "ack" {
                self.received += 1;
                return message;
            }
        }
    }

    /// The next message of this type; presence and others before it are dropped.
    async fn hear(&mut self, kind: &str) -> Value {
        loop {
            let message = self.next().await;
            if message["type"] == kind {
                return message;
            }
            assert_ne!(message["type"], "error", "{message}");
        }
    }

    async fn error(&mut self) -> String {
        loop {
            let message = self.next().await;
            if message["type"] == "error" {
                return message["code"].as_str().unwrap().to_owned();
            }
        }
    }

    /// Goes on with a new socket, as a client that lost its old one.
    async fn come_back(self, server: &Stranger) -> (Self, Value) {
        let mut client = socket(server).await;
        let resume = json!({"resumeToken": self.resume_token, "received": self.received});
        let resumed = hello(&mut client, json!({"resume": resume})).await;
        assert_eq!(resumed["type"], "resumed", "{resumed}");
        let resume_token = resumed["resumeToken"].as_str().unwrap().to_owned();
        let received = if resumed["reset"] == true { 0 } else { self.received };
        (Self { client, resume_token, received, ..self }, resumed)
    }
}

/// A call between the two, accepted.
async fn call(from: &mut Person, to: &mut Person, name: &str) -> Value {
    from.say(json!({"type": "offerCall", "to": name, "media": {"audio": true}})).await;
    let call = to.hear("incomingCall").await["callId"].clone();
    to.say(json!({"type": "answerCall", "callId": call, "accept": true, "media": {"video": true}}))
        .await;
    assert_eq!(to.hear("callAccepted").await["media"], json!({"audio": true, "video": false}));
    assert_eq!(from.hear("callAccepted").await["media"], json!({"audio": false, "video": true}));
    call
}

#[tokio::test]
async fn a_stranger_registers_logs_in_and_is_called() {
    let server = open_house().await;
    let mut ann = new_account(&server, "ann").await;
    let mut bob = new_account(&server, "Bob").await;
    let call = call(&mut ann, &mut bob, "bob").await;
    bob.say(json!({"type": "endCall", "callId": call, "id": "7"})).await;
    for person in [&mut ann, &mut bob] {
        let ended = person.hear("callEnded").await;
        assert_eq!((&ended["callId"], &ended["reason"]), (&call, &json!("hangup")));
    }
    let done = bob.hear("done").await;
    assert_eq!(done["id"], "7");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_no_longer_call_is_hung_up_on_within_a_second() {
    let server = open_house().await;
    let mut ann = new_account(&server, "ann").await;
    let mut bob = new_account(&server, "bob").await;
    call(&mut ann, &mut bob, "bob").await;
    server.run("rights set bob call nobody");
    let start = Instant::now();
    for person in [&mut ann, &mut bob] {
        assert_eq!(person.hear("callEnded").await["reason"], "hangup");
    }
    // On a busy machine within three times that.
    assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
    // Nobody rings who could not be rung.
    ann.say(json!({"type": "offerCall", "to": "bob", "media": {}})).await;
    assert_eq!(ann.error().await, "forbidden");
}

#[tokio::test]
async fn every_request_is_answered_under_its_id() {
    let server = open_house().await;
    let mut ann = new_account(&server, "ann").await;
    for (request, answer) in [
        ("listAccounts", "accounts"),
        ("list", "list"),
        ("listConsumers", "listConsumers"),
        ("getIceServers", "iceServers"),
    ] {
        ann.say(json!({"type": request, "id": 12})).await;
        let message = ann.hear(answer).await;
        assert_eq!(message["id"], 12, "{message}");
    }
    ann.say(json!({"type": "offerCall", "to": "nobody", "media": {}, "id": "a"})).await;
    let error = ann.next().await;
    assert_eq!((&error["code"], &error["id"]), (&json!("noSuchAccount"), &json!("a")));
}

/// A connection lives for longer than they are good.
#[tokio::test]
async fn turn_credentials_are_new_whenever_they_are_asked_for() {
    let secret = NamedTempFile::new().unwrap();
    std::fs::write(&secret, "north").unwrap();
    let turn = vec!["turn:turn.example.org".to_owned()];
    let server = Stranger::start_with(|config| {
        config.registration = Registration::Open;
        config.ice = Ice::read(vec![], turn, Some(secret.path())).unwrap();
    })
    .await;
    let mut ann = new_account(&server, "ann").await;
    let mut expiry = async || {
        ann.say(json!({"type": "getIceServers"})).await;
        let answer = ann.hear("iceServers").await;
        assert_eq!(answer["ttl"], 43_200);
        let username = answer["iceServers"][0]["username"].as_str().unwrap().to_owned();
        username.strip_suffix(":ann").unwrap().parse::<u64>().unwrap()
    };
    let first = expiry().await;
    // They are exact to a second.
    let mut ticks = interval(Duration::from_millis(100));
    let later = async {
        while expiry().await == first {
            ticks.tick().await;
        }
    };
    timeout(Duration::from_secs(10), later).await.unwrap();
}

#[tokio::test]
async fn who_does_not_prove_who_it_is_does_not_get_in() {
    let server = open_house().await;
    drop(new_account(&server, "ann").await);
    for (proof, code) in [
        (json!({}), "notLoggedIn"),
        (json!({"token": "ict_wrong"}), "badLogin"),
        (json!({"resume": {"resumeToken": "icr_wrong", "received": 0}}), "cannotResume"),
        (json!({"register": {"name": "ann", "password": PASSWORD}}), "nameTaken"),
        (json!({"register": {"name": "a b", "password": PASSWORD}}), "badName"),
        (json!({"register": {"name": "new", "password": "short"}}), "badPassword"),
        (json!({"instance": "\u{7}", "token": "x"}), "badInstance"),
        (json!({"login": {"name": "ann", "password": "wrong wrong wrong"}}), "badLogin"),
    ] {
        let mut client = socket(&server).await;
        let answer = hello(&mut client, proof.clone()).await;
        assert_eq!((&answer["type"], &answer["code"]), (&json!("error"), &json!(code)), "{proof}");
        assert_eq!(client.closed().await.0, 4401, "{proof}");
    }
    for first in [json!({"type": "list"}), json!(7), json!({"type": "hello", "token": 7})] {
        let mut client = socket(&server).await;
        client.send(&first).await;
        assert_eq!(client.next().await["code"], "noHello", "{first}");
        assert_eq!(client.closed().await.0, 4401);
    }
}

#[tokio::test]
async fn without_the_extension_a_stranger_is_turned_away_at_the_door() {
    let server = open_house().await;
    for (path, headers) in [
        ("/", vec![]),
        ("/t/ict_wrong/cam", vec![]),
        ("/ws", vec![("Authorization", "Bearer ict_wrong")]),
        ("/ws?ticket=icx_wrong", vec![]),
    ] {
        let refused = Client::open(tcp(server.plain()).await, path, &headers).await;
        let Err((status, words)) = refused else { panic!("{path} lets in") };
        assert_eq!((status, words.lines().count()), (401, 1), "{path}: {words}");
    }
    // What is shown and not good is refused where guests are welcome, too.
    let server = Stranger::start().await;
    let refused = Client::open(tcp(server.plain()).await, "/t/ict_wrong", &[]).await;
    assert_eq!(refused.err().unwrap().0, 401);
}

#[tokio::test]
async fn strangers_of_one_address_wait_in_small_numbers() {
    let server = open_house().await;
    let mut waiting = Vec::new();
    for _ in 0..8 {
        waiting.push(socket(&server).await);
    }
    let upgrade = || async { Client::upgrade(tcp(server.plain()).await, "/", &[EXTENDED]).await };
    assert_eq!(upgrade().await.err().unwrap().0, 429);
    let mut first = waiting.remove(0);
    assert_eq!(hello(&mut first, json!({})).await["code"], "notLoggedIn");
    first.closed().await;
    assert!(upgrade().await.is_ok());
}

#[tokio::test]
async fn a_peer_id_belongs_to_account_and_instance() {
    let server = open_house().await;
    let ann = new_account(&server, "ann").await;
    let (tablet, token) = (ann.peer.clone(), ann.resume_token.clone());
    let with = |instance: &str| {
        let mut proof = login("ann");
        proof["instance"] = json!(instance);
        proof
    };
    let phone = enter(&server, with("phone")).await;
    assert_ne!(phone.peer, tablet);
    drop(ann);
    let again = enter(&server, with("tablet")).await;
    assert_eq!(again.peer, tablet);
    assert_ne!(again.resume_token, token);
}

#[tokio::test]
async fn what_was_said_in_between_follows() {
    let server = open_house().await;
    let mut ann = new_account(&server, "ann").await;
    let mut bob = new_account(&server, "bob").await;
    let call = call(&mut ann, &mut bob, "bob").await;

    let counted = bob.received;
    drop(bob.client);
    assert_eq!(ann.hear("callAway").await["callId"], call);
    for audio in [false, true, false] {
        ann.say(json!({"type": "updateCall", "callId": call, "media": {"audio": audio}})).await;
    }
    ann.say(json!({"type": "list", "id": 1})).await;
    ann.hear("list").await;

    let bob = Person { client: socket(&server).await, received: counted, ..bob };
    let (mut bob, resumed) = bob.come_back(&server).await;
    assert_eq!(resumed.get("reset"), None);
    assert_eq!(resumed["received"], 1); // the answer to the call
    for audio in [false, true, false] {
        let updated = bob.next().await;
        assert_eq!(updated["media"]["audio"], audio, "{updated}");
    }
    assert_eq!(ann.hear("callBack").await["callId"], call);
    bob.say(json!({"type": "endCall", "callId": call})).await;
    assert_eq!(ann.hear("callEnded").await["reason"], "hangup");
}

#[tokio::test]
async fn a_newer_socket_takes_the_place_of_one_that_hangs() {
    let server = open_house().await;
    let mut ann = new_account(&server, "ann").await;
    let (token, received) = (ann.resume_token.clone(), ann.received);
    let mut newer = socket(&server).await;
    let resume = json!({"resume": {"resumeToken": token, "received": received}});
    assert_eq!(hello(&mut newer, resume.clone()).await["type"], "resumed");
    assert_eq!(ann.client.closed().await.0, 4409);
    // The old token is good until the new one has arrived.
    let mut newest = socket(&server).await;
    assert_eq!(hello(&mut newest, resume.clone()).await["type"], "resumed");
    newest.send(&json!({"type": "ack", "received": 0})).await;
    newest.send(&json!({"type": "list"})).await;
    assert_eq!(newest.next().await["type"], "list");
    let answer = loop {
        let mut late = socket(&server).await;
        let answer = hello(&mut late, resume.clone()).await;
        if answer["type"] == "error" {
            break answer;
        }
    };
    assert_eq!(answer["code"], "cannotResume");
}

#[tokio::test]
async fn both_ends_say_what_came_in() {
    let server = open_house().await;
    let mut ann = new_account(&server, "ann").await;
    for _ in 0..16 {
        ann.say(json!({"type": "list"})).await;
    }
    loop {
        let message = ann.client.next().await;
        if message["type"] == "ack" {
            assert!(message["received"].as_u64().unwrap() <= 16);
            break;
        }
        assert_eq!(message["type"], "list");
    }
}

#[tokio::test]
async fn what_came_in_is_said_after_a_while_however_little_it_was() {
    let server = open_house().await;
    let mut ann = new_account(&server, "ann").await;
    ann.say(json!({"type": "list"})).await;
    ann.hear("list").await;
    // After 5 s.
    let acknowledged = async {
        loop {
            let message = ann.client.next().await;
            if message["type"] == "ack" {
                break message["received"].clone();
            }
        }
    };
    assert_eq!(timeout(Duration::from_secs(30), acknowledged).await.unwrap(), 1);
}

#[tokio::test]
async fn who_says_nothing_does_not_keep_its_place() {
    let server = open_house().await;
    let start = Instant::now();
    let mut silent = socket(&server).await;
    // After 10 s.
    let closed = timeout(Duration::from_secs(60), silent.closed()).await.unwrap();
    assert_eq!(closed, (4401, "no hello within 10 s".to_owned()));
    assert!(start.elapsed() >= Duration::from_secs(10), "{:?}", start.elapsed());
}

#[tokio::test]
async fn guesses_in_a_hello_are_slowed_down() {
    let server = open_house().await;
    let mut wrong = 0;
    // Each has to wait twice as long as the one before: no machine is so busy that it does not.
    loop {
        let mut client = socket(&server).await;
        let answer = hello(&mut client, login("nobody")).await;
        assert_eq!(client.closed().await.0, 4401);
        match answer["code"].as_str() {
            Some("badLogin") => wrong += 1,
            Some("tooManyFailures") => break,
            _ => panic!("{answer}"),
        }
        assert!(wrong < 10, "{wrong} guesses, and none of them waits");
    }
    assert!(wrong >= 3, "three are free");
}

#[tokio::test]
async fn logging_out_is_for_good() {
    let server = open_house().await;
    let mut ann = new_account(&server, "ann").await;
    ann.say(json!({"type": "logout"})).await;
    assert_eq!(ann.client.next().await["type"], "loggedOut");
    assert_eq!(ann.client.closed().await.0, 1000);
    let mut client = socket(&server).await;
    let resume = json!({"resumeToken": ann.resume_token, "received": 0});
    assert_eq!(hello(&mut client, json!({"resume": resume})).await["code"], "cannotResume");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_loses_token_or_account_hears_how_the_call_ended_before_it_is_closed() {
    let server = open_house().await;
    let mut ann = new_account(&server, "ann").await;
    let mut bob = new_account(&server, "bob").await;
    let mut door = enter(&server, json!({"token": server.device("door")})).await;
    let tokens: Value = serde_json::from_str(&server.run("token list door --json")).unwrap();
    for (name, person, command) in [
        ("door", &mut door, format!("token revoke {}", tokens[0]["id"])),
        ("bob", &mut bob, "account remove bob".to_owned()),
    ] {
        let call = call(&mut ann, person, name).await;
        server.run(&command);
        for person in [&mut *person, &mut ann] {
            let ended = person.hear("callEnded").await;
            assert_eq!((&ended["callId"], &ended["reason"]), (&call, &json!("loggedOut")));
        }
        assert_eq!(person.client.closed().await.0, 4401, "{name}");
    }
}

#[tokio::test]
async fn a_close_frame_is_a_farewell() {
    let server = open_house().await;
    let mut ann = new_account(&server, "ann").await;
    let mut bob = new_account(&server, "bob").await;
    let call = call(&mut ann, &mut bob, "bob").await;
    bob.client.send_raw(Message::Close(None)).await;
    let ended = ann.hear("callEnded").await;
    assert_eq!((&ended["callId"], &ended["reason"]), (&call, &json!("disconnected")));
}

#[tokio::test]
async fn a_call_outlives_the_server() {
    let server = open_house().await;
    let mut ann = new_account(&server, "ann").await;
    let mut bob = new_account(&server, "bob").await;
    let call = call(&mut ann, &mut bob, "bob").await;
    let server = start_anew(server).await;
    assert_eq!(ann.client.closed().await.0, 1001);
    let (mut ann, resumed) = ann.come_back(&server).await;
    assert_eq!((&resumed["reset"], &resumed["received"]), (&json!(true), &json!(0)));
    assert_eq!(resumed["restarted"], true);
    let snapshot = ann.hear("snapshot").await;
    assert_eq!(snapshot["call"]["callId"], call);
    assert_eq!(snapshot["call"]["connected"], false);
    let (mut bob, _) = bob.come_back(&server).await;
    assert_eq!(bob.hear("snapshot").await["call"]["with"], "ann");
    assert_eq!(ann.hear("callBack").await["callId"], call);
    ann.say(json!({"type": "endCall", "callId": call})).await;
    assert_eq!(bob.hear("callEnded").await["reason"], "hangup");
    // It is not there again after another start.
    ann.say(json!({"type": "offerCall", "to": "bob", "media": {}})).await;
    bob.hear("incomingCall").await;
}

#[tokio::test]
async fn who_comes_back_while_the_server_stops_is_told_to_come_again() {
    let server = open_house().await;
    let mut ann = new_account(&server, "ann").await;
    // Open already: nobody listens any more when it says hello.
    let mut newer = socket(&server).await;
    let resume = json!({"resume": {"resumeToken": ann.resume_token, "received": ann.received}});
    let Stranger { server: first, data } = server;
    let returns = async {
        assert_eq!(ann.client.closed().await.0, 1001);
        newer.send(&json!({"type": "hello", "resume": resume["resume"]})).await;
        match newer.next_raw().await {
            Some(Message::Close(Some(frame))) => assert_eq!(u16::from(frame.code), 1001),
            other => panic!("{other:?}"),
        }
    };
    tokio::join!(first.stop(), returns);
    let mut config: Config = common::config(&data);
    config.anonymous = Level::Deny;
    let server = Stranger { server: Server::start(config).await.unwrap(), data };
    let resumed = hello(&mut socket(&server).await, resume).await;
    assert_eq!((&resumed["type"], &resumed["restarted"]), (&json!("resumed"), &json!(true)));
}

#[tokio::test]
async fn a_new_beginning_that_was_not_heard_of_is_one_still() {
    let server = open_house().await;
    let mut ann = new_account(&server, "ann").await;
    ann.say(json!({"type": "list"})).await;
    ann.hear("list").await;
    let server = start_anew(server).await;
    let resume = json!({"resume": {"resumeToken": ann.resume_token, "received": 1}});
    for _ in 0..2 {
        let resumed = hello(&mut socket(&server).await, resume.clone()).await;
        assert_eq!((&resumed["reset"], &resumed["restarted"]), (&json!(true), &json!(true)));
    }
    let mut ann = ann.come_back(&server).await.0;
    ann.hear("snapshot").await;
    ann.say(json!({"type": "list"})).await;
    ann.hear("list").await;
    assert_eq!(ann.come_back(&server).await.1.get("reset"), None);
}

#[tokio::test]
async fn where_nobody_can_answer_nothing_rings() {
    let server = open_house().await;
    let ann = new_account(&server, "ann").await;
    let mut door = new_account(&server, "door").await;
    let mut proof = login("door");
    proof["instance"] = json!("camera");
    proof["calls"] = json!(false);
    let camera = enter(&server, proof).await;
    door.say(json!({"type": "logout"})).await;
    door.client.closed().await;
    let (mut camera, server) = (camera, start_anew(server).await);
    camera.client.closed().await;
    let (camera, _) = camera.come_back(&server).await;
    let (mut ann, _) = ann.come_back(&server).await;
    let snapshot = ann.hear("snapshot").await;
    let door = json!({"name": "door", "kind": "user", "status": "available", "callable": false});
    assert_eq!(snapshot["accounts"], json!([door]));
    ann.say(json!({"type": "offerCall", "to": "door", "media": {}})).await;
    assert_eq!(ann.error().await, "notCallable");
    drop(camera);
}

#[tokio::test]
async fn outsiders_neither_hear_nor_end_a_call() {
    let server = open_house().await;
    let mut ann = new_account(&server, "ann").await;
    let mut bob = new_account(&server, "bob").await;
    let mut eve = new_account(&server, "eve").await;
    let call = call(&mut ann, &mut bob, "bob").await;
    for message in [
        json!({"type": "endCall", "callId": call}),
        json!({"type": "answerCall", "callId": call, "accept": true}),
        json!({"type": "attachPeer", "callId": call, "peerId": eve.peer}),
        json!({"type": "updateCall", "callId": call, "media": {}}),
        json!({"type": "endCall", "callId": "no id"}),
    ] {
        eve.say(message.clone()).await;
        assert_eq!(eve.error().await, "noSuchCall", "{message}");
    }
    eve.say(json!({"type": "listAccounts"})).await;
    let accounts = eve.hear("accounts").await;
    assert_eq!(accounts["accounts"][0]["status"], "busy");
    ann.say(json!({"type": "endCall", "callId": call})).await;
    assert_eq!(bob.hear("callEnded").await["callId"], call);
}
