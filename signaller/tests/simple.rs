//! Clients of GStreamer's examples, as strangers: the exchanges in `vectors/simple`, their way to
//! clients of other protocols, and who is let in.
#![allow(clippy::unwrap_used)]
mod common;

use std::collections::BTreeMap;
use std::future::pending;
use std::net::SocketAddr;

use common::{Client, SDP, Stranger, http, recorded, tcp};
use futures_util::future::select_all;
use intercom_signaller::{Level, MAX_MESSAGE_LEN, OldDoor, OldLogin, Server, StartError};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio_tungstenite::tungstenite::Message;

const ENDED: (u16, &str) = (1000, "your session has ended");
const CANDIDATE: &str =
    r#"{"candidate":"candidate:1 1 UDP 1 192.0.2.1 9 typ host","sdpMLineIndex":0}"#;

/// One client of the protocol.
struct Peer(Client);

impl Peer {
    async fn open(server: &Stranger) -> Self {
        Self(Client::upgrade(tcp(server.main()).await, "/simple", &[]).await.unwrap())
    }

    async fn new(server: &Stranger, uid: &str) -> Self {
        let mut peer = Self::open(server).await;
        peer.say(&format!("HELLO {uid}")).await;
        assert_eq!(peer.hear().await, "HELLO");
        peer
    }

    async fn say(&mut self, text: &str) {
        self.0.send_raw(Message::text(text)).await;
    }

    async fn hear(&mut self) -> String {
        match self.0.next_raw().await {
            Some(Message::Text(text)) => text.to_string(),
            other => panic!("expected a message, got {other:?}"),
        }
    }

    /// What it is asked, and what it answers.
    async fn asks(&mut self, text: &str, answer: &str) {
        self.say(text).await;
        assert_eq!(self.hear().await, answer);
    }

    /// The next that comes.
    async fn is_closed(&mut self) -> (u16, String) {
        match self.0.next_raw().await {
            Some(Message::Close(Some(frame))) => (frame.code.into(), frame.reason.to_string()),
            other => panic!("expected a Close frame, got {other:?}"),
        }
    }

    async fn is_over(&mut self) {
        let (code, words) = self.is_closed().await;
        assert_eq!((code, &*words), ENDED);
    }
}

async fn open() -> Stranger {
    Stranger::start_with(|config| config.simple = door(OldLogin::Local)).await
}

fn door(login: OldLogin) -> OldDoor {
    OldDoor { login, plain: false }
}

fn sdp(kind: &str) -> String {
    json!({"sdp": {"type": kind, "sdp": SDP}}).to_string()
}

/// The same, as the stock protocol has it.
fn relayed(session: &str, kind: &str) -> Value {
    json!({"type": "peer", "sessionId": session, "sdp": {"type": kind, "sdp": SDP}})
}

fn candidate(session: &str) -> Value {
    let ice: Value = serde_json::from_str(CANDIDATE).unwrap();
    json!({"type": "peer", "sessionId": session, "ice": ice})
}

#[tokio::test]
async fn the_server_answers_as_recorded() {
    for vector in recorded::<Value>("simple") {
        let name = vector["name"].as_str().unwrap();
        let server = open().await;
        let mut peers = BTreeMap::new();
        for step in vector["steps"].as_array().unwrap() {
            play(step, &server, &mut peers, name).await;
        }
    }
}

async fn play(step: &Value, server: &Stranger, peers: &mut BTreeMap<String, Peer>, name: &str) {
    let who = step["from"].as_str().or(step["to"].as_str()).unwrap().to_owned();
    if step["leave"] == true {
        drop(peers.remove(&who));
        return;
    }
    if !peers.contains_key(&who) {
        peers.insert(who.clone(), Peer::open(server).await);
    }
    let peer = peers.get_mut(&who).unwrap();
    if let Some(text) = step["send"].as_str() {
        peer.say(text).await;
    } else if let Some(text) = step["hear"].as_str() {
        assert_eq!(peer.hear().await, text, "{name}");
    } else {
        let mut peer = peers.remove(&who).unwrap();
        let (code, words) = tokio::select! {
            closed = peer.is_closed() => closed,
            heard = live(peers) => panic!("{name}: somebody else heard {heard}"),
        };
        assert_eq!((json!(code), json!(words)), (step["closed"].clone(), step["words"].clone()));
    }
}

/// They answer pings, and hear nothing.
async fn live(peers: &mut BTreeMap<String, Peer>) -> String {
    let heard: Vec<_> = peers.values_mut().map(|peer| Box::pin(peer.hear())).collect();
    if heard.is_empty() {
        return pending().await;
    }
    select_all(heard).await.0
}

#[tokio::test]
async fn anything_passes_between_two_of_a_kind_before_and_after_the_answer() {
    let server = open().await;
    let (mut a, mut b) = (Peer::new(&server, "a").await, Peer::new(&server, "b").await);
    // Without waiting for the answer.
    a.say("SESSION b").await;
    a.say("first").await;
    assert_eq!(a.hear().await, "SESSION_OK");
    assert_eq!(b.hear().await, "first");
    for text in [r#"{"sdp":{"type":"answer","sdp":""}}"#, "HELLO b", "ROOM x", "", "\u{0}", "ERROR"]
    {
        a.say(text).await;
        assert_eq!(b.hear().await, text);
        b.say(text).await;
        assert_eq!(a.hear().await, text);
    }
    drop(b);
    a.is_over().await;
    server.is_unharmed().await;
}

#[tokio::test]
async fn a_free_client_is_not_disturbed_by_what_it_says_to_nobody() {
    let server = open().await;
    let mut a = Peer::new(&server, "a").await;
    a.say("good day").await;
    a.say("OFFER_REQUEST").await;
    a.say("HELLO again").await;
    a.asks("ROOM_PEER_LIST", "ERROR you are not in this room").await;
    a.asks("SESSION", "ERROR peer '' not found").await;
    a.asks("SESSION a", "ERROR a session needs two peers, and a asked for one with itself").await;
    a.asks("ROOM", "ERROR invalid room id ''").await;
    a.asks("ROOM hall", "ROOM_OK ").await;
}

#[tokio::test]
async fn what_breaks_the_frame_ends_the_connection() {
    let server = open().await;
    let long = "x".repeat(MAX_MESSAGE_LEN + 1);
    for (message, code) in [(Message::binary(&b"HELLO"[..]), 1003), (Message::text(long), 1009)] {
        let mut peer = Peer::new(&server, "a").await;
        peer.0.send_raw(message).await;
        assert_eq!(peer.is_closed().await.0, code);
    }
    server.is_unharmed().await;
}

#[tokio::test]
async fn the_stream_of_a_stock_producer_is_taken_by_asking_for_its_offer() {
    let server = open().await;
    let (mut door, mut a) = (server.producer("door").await, Peer::new(&server, "a").await);
    a.asks(&format!("SESSION {}", door.id), "SESSION_OK").await;
    a.say("OFFER_REQUEST").await;
    let request = door.next().await;
    assert_eq!((&request["type"], &request["peerId"]), (&json!("startSession"), &json!("a")));
    assert_eq!(request["offer"], Value::Null);
    let session = request["sessionId"].as_str().unwrap().to_owned();
    door.send(&relayed(&session, "offer")).await;
    let offer: Value = serde_json::from_str(&a.hear().await).unwrap();
    assert_eq!(offer, json!({"sdp": {"type": "offer", "sdp": SDP}}));
    a.say(&sdp("answer")).await;
    assert_eq!(door.next().await, relayed(&session, "answer"));
    a.say(&format!(r#"{{"ice":{CANDIDATE}}}"#)).await;
    assert_eq!(door.next().await, candidate(&session));
    door.send(&candidate(&session)).await;
    assert_eq!(a.hear().await, format!(r#"{{"ice":{CANDIDATE}}}"#));
    // What others do not know goes nowhere, and an offer is the producer's.
    a.say("good day").await;
    a.say(&sdp("offer")).await;
    assert!(a.hear().await.starts_with("ERROR cannot forward offer"));
    drop(a);
    assert_eq!(door.next().await, json!({"type": "endSession", "sessionId": session}));
}

#[tokio::test]
async fn an_offer_of_its_own_comes_with_the_session() {
    let server = open().await;
    let (mut door, mut a) = (server.producer("door").await, Peer::new(&server, "a").await);
    a.say(&format!("SESSION {}", door.id)).await;
    a.say(&sdp("offer")).await;
    a.say(&format!(r#"{{"ice":{CANDIDATE}}}"#)).await;
    assert_eq!(a.hear().await, "SESSION_OK");
    let request = door.next().await;
    assert_eq!((&request["type"], &request["offer"]), (&json!("startSession"), &json!(SDP)));
    let session = request["sessionId"].as_str().unwrap().to_owned();
    assert_eq!(door.next().await, candidate(&session));
    door.send(&relayed(&session, "answer")).await;
    let answer: Value = serde_json::from_str(&a.hear().await).unwrap();
    assert_eq!(answer["sdp"]["type"], "answer");
    door.send(&json!({"type": "endSession", "sessionId": session})).await;
    a.is_over().await;
}

#[tokio::test]
async fn a_description_that_could_harm_a_stock_producer_ends_the_session() {
    let server = open().await;
    let mut door = server.producer("door").await;
    let bad = r#"{"sdp":{"type":"answer","sdp":""}}"#;
    let mut a = Peer::new(&server, "a").await;
    a.asks(&format!("SESSION {}", door.id), "SESSION_OK").await;
    a.say("OFFER_REQUEST").await;
    assert_eq!(door.next().await["type"], "startSession");
    a.asks(bad, "ERROR the session description is empty").await;
    a.is_over().await;
    assert_eq!(door.next().await["type"], "endSession");
    // As the first word it does not even begin one.
    let mut b = Peer::new(&server, "b").await;
    b.asks(&format!("SESSION {}", door.id), "SESSION_OK").await;
    b.asks(bad, "ERROR the session description is empty").await;
    b.is_over().await;
    door.hears_nothing().await;
}

#[tokio::test]
async fn whom_one_was_about_to_speak_to_may_leave() {
    let server = open().await;
    let (door, mut a) = (server.producer("door").await, Peer::new(&server, "a").await);
    a.asks(&format!("SESSION {}", door.id), "SESSION_OK").await;
    drop(door);
    a.is_over().await;
}

#[tokio::test]
async fn a_stock_consumer_finds_and_watches_it() {
    let server = open().await;
    let (mut a, mut phone) = (Peer::new(&server, "a \t {}").await, server.client().await);
    // Registered as soon as it is welcome, and asked in its own time.
    let listed = loop {
        phone.send(&json!({"type": "list"})).await;
        let list = phone.next().await;
        if list["producers"] != json!([]) {
            break list;
        }
    };
    assert_eq!(listed["producers"], json!([{"id": "a", "meta": {"name": "a"}}]));
    phone.send(&json!({"type": "startSession", "peerId": "a"})).await;
    let session = phone.next().await["sessionId"].as_str().unwrap().to_owned();
    assert_eq!(a.hear().await, "OFFER_REQUEST");
    a.say(&sdp("offer")).await;
    assert_eq!(phone.next().await, relayed(&session, "offer"));
    phone.send(&relayed(&session, "answer")).await;
    let answer: Value = serde_json::from_str(&a.hear().await).unwrap();
    assert_eq!(answer, json!({"sdp": {"type": "answer", "sdp": SDP}}));
    let mut other = server.client().await;
    other.send(&json!({"type": "startSession", "peerId": "a"})).await;
    assert_eq!(other.error().await, "peer a is busy");
    phone.send(&json!({"type": "endSession", "sessionId": session})).await;
    a.is_over().await;
}

#[tokio::test]
async fn a_consumers_offer_is_the_first_that_it_hears() {
    let server = open().await;
    let (mut a, mut phone) = (Peer::new(&server, "a").await, server.client().await);
    a.asks("SESSION nobody", "ERROR peer 'nobody' not found").await;
    phone.send(&json!({"type": "startSession", "peerId": "a", "offer": SDP})).await;
    let session = phone.next().await["sessionId"].as_str().unwrap().to_owned();
    let offer: Value = serde_json::from_str(&a.hear().await).unwrap();
    assert_eq!(offer, json!({"sdp": {"type": "offer", "sdp": SDP}}));
    a.say(&sdp("answer")).await;
    assert_eq!(phone.next().await, relayed(&session, "answer"));
    drop(phone);
    a.is_over().await;
}

#[tokio::test]
async fn rooms_are_those_of_the_extended_protocol() {
    let server = open().await;
    let mut a = Peer::new(&server, "a").await;
    a.asks("ROOM hall", "ROOM_OK ").await;
    let extended = [("Sec-WebSocket-Protocol", "intercom.v1")];
    let mut page = Client::upgrade(tcp(server.plain()).await, "/", &extended).await.unwrap();
    page.send(&json!({"type": "hello"})).await;
    let id = page.next().await["peerId"].as_str().unwrap().to_owned();
    page.send(&json!({"type": "joinRoom", "room": "hall"})).await;
    assert_eq!(page.next().await, json!({"type": "room", "room": "hall", "peers": ["a"]}));
    assert_eq!(a.hear().await, format!("ROOM_PEER_JOINED {id}"));
    a.say(&format!("ROOM_PEER_MSG {id} good day")).await;
    let said = json!({"type": "roomMessage", "room": "hall", "from": "a", "text": "good day"});
    assert_eq!(page.next().await, said);
    page.send(&json!({"type": "roomMessage", "room": "hall", "to": "a", "text": "hi"})).await;
    assert_eq!(a.hear().await, format!("ROOM_PEER_MSG {id} hi"));
    drop(a);
    let left = json!({"type": "roomPeerLeft", "room": "hall", "peerId": "a"});
    assert_eq!(page.next().await, left);
}

/// Its own port, which is the last one.
async fn with_port(door: OldDoor) -> (Stranger, SocketAddr) {
    let server = Stranger::start_with(|config| {
        config.old_ports.simple = Some("127.0.0.1:0".parse().unwrap());
        config.simple = door;
        config.anonymous = Level::Deny;
    })
    .await;
    let address = server.server.addresses().last().unwrap();
    assert_eq!(address.scheme, "simple");
    let socket = address.socket;
    (server, socket)
}

#[tokio::test]
async fn a_port_of_its_own_says_that_it_works_and_nothing_else() {
    let (server, port) = with_port(door(OldLogin::Local)).await;
    let get =
        async |path: &str| http(tcp(port).await, &format!("GET {path} HTTP/1.1\r\nHost: x")).await;
    let health = get("/health").await;
    assert!(health.starts_with("HTTP/1.1 200") && health.ends_with("\r\n\r\nOK\n"), "{health}");
    assert!(get("/").await.starts_with("HTTP/1.1 404"));
    let mut a = Peer(Client::upgrade(tcp(port).await, "/", &[]).await.unwrap());
    a.asks("HELLO a", "HELLO").await;
    let mut b = Peer(Client::upgrade(server.tls_at(port).await, "/", &[]).await.unwrap());
    b.asks("HELLO b", "HELLO").await;
    a.asks("SESSION b", "SESSION_OK").await;
    a.say("good day").await;
    assert_eq!(b.hear().await, "good day");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn plain_text_from_another_machine_is_chosen_on_purpose() {
    // The server takes whoever says so for somebody on another machine.
    let afar = [("x-forwarded-for", "192.0.2.1")];
    for plain in [false, true] {
        let (server, port) = with_port(OldDoor { login: OldLogin::Token, plain }).await;
        let path = format!("/?token={}", server.device("cam"));
        let come = Client::upgrade(tcp(port).await, &path, &afar).await;
        let mut peer = Peer(if plain {
            come.unwrap()
        } else {
            let (status, words) = come.err().unwrap();
            assert!(status == 403 && words.contains("--simple-plain"), "{status} {words}");
            Client::upgrade(server.tls_at(port).await, &path, &afar).await.unwrap()
        });
        peer.asks("HELLO cam", "HELLO").await;
    }
}

#[tokio::test]
async fn nobody_comes_in_unless_the_owner_says_as_whom() {
    let closed = Stranger::start().await;
    let refused = async |socket, path: &str, words: &str| {
        let (status, body) = Client::upgrade(socket, path, &[]).await.err().unwrap();
        assert!(status == 401 && body.contains(words), "{status} {body}");
    };
    refused(closed.tls().await, "/simple", "--simple-login").await;
    refused(tcp(closed.main()).await, "/simple", "--simple-login").await;
    let local = open().await;
    refused(tcp(local.plain()).await, "/simple", "on this machine").await;
    let (token, port) = with_port(door(OldLogin::Token)).await;
    refused(tcp(port).await, "/", "?token=TOKEN").await;
    refused(tcp(port).await, "/?token=wrong", "not good").await;
    refused(token.tls().await, "/simple/t/wrong", "not good").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_says_who_it_is_and_an_account_leads_to_its_own_producer() {
    let (server, port) = with_port(door(OldLogin::Token)).await;
    let (door, phone) = (server.device("door"), server.device("phone"));
    let mut camera =
        Client::open(tcp(server.plain()).await, &format!("/t/{door}"), &[]).await.unwrap();
    camera.send(&json!({"type": "setPeerStatus", "roles": ["producer"], "meta": null})).await;
    camera.hears_nothing().await;
    for (socket, path) in [
        (tcp(port).await, format!("/?token={phone}")),
        (tcp(port).await, format!("/t/{phone}")),
        (server.tls().await, format!("/simple/t/{phone}")),
    ] {
        let mut a = Peer(Client::upgrade(socket, &path, &[]).await.unwrap());
        // The name of an account is no name for somebody else.
        a.asks("HELLO door", "HELLO").await;
        a.asks("SESSION door", "SESSION_OK").await;
        a.say("OFFER_REQUEST").await;
        let request = camera.next().await;
        assert_eq!(
            (&request["type"], &request["peerId"]),
            (&json!("startSession"), &json!("door"))
        );
        drop(a);
        assert_eq!(camera.next().await["type"], "endSession");
    }
    drop(camera);
    let mut a = Peer(Client::upgrade(tcp(port).await, &format!("/t/{phone}"), &[]).await.unwrap());
    a.asks("HELLO b", "HELLO").await;
    a.asks("SESSION door", "ERROR peer 'door' not found").await;
    server.run("account remove phone");
    assert_eq!(a.is_closed().await.0, 4401);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everybody_may_be_one_account_that_exists() {
    let data = TempDir::new().unwrap();
    let config = |data: &TempDir, login: &OldLogin| {
        let mut config = common::config(data);
        (config.simple, config.anonymous) = (door(login.clone()), Level::Deny);
        config
    };
    let kiosk: OldLogin = "account:kiosk".parse().unwrap();
    let error = Server::start(config(&data, &kiosk)).await.expect_err("it started");
    assert!(matches!(error, StartError::NoAccount { .. }) && error.exit_code() == 2, "{error}");
    // Accounts are there from the first start on.
    let server = Server::start(config(&data, &OldLogin::Off)).await.unwrap();
    let house = Stranger { server, data };
    house.device("kiosk");
    let token = house.device("door");
    let Stranger { server, data } = house;
    server.stop().await;
    let server = Server::start(config(&data, &kiosk)).await.unwrap();
    let house = Stranger { server, data };
    let path = format!("/t/{token}");
    let mut camera = Client::open(tcp(house.plain()).await, &path, &[]).await.unwrap();
    camera.send(&json!({"type": "setPeerStatus", "roles": ["producer"], "meta": null})).await;
    camera.hears_nothing().await;
    let mut a = Peer::new(&house, "a").await;
    // A guest would not find it.
    a.asks("SESSION door", "SESSION_OK").await;
    a.say("OFFER_REQUEST").await;
    assert_eq!(camera.next().await["peerId"], "a");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_an_admin_who_has_shown_nothing() {
    let data = TempDir::new().unwrap();
    let users = data.path().join("users.txt");
    std::fs::write(&users, "kiosk:correct horse battery\nann:correct horse battery\n").unwrap();
    let mut config = common::config(&data);
    let first = Server::start(config.clone()).await.unwrap();
    let house = Stranger { server: first, data };
    house.run(&format!("account import-roomrtc {}", users.display()));
    let Stranger { server, data } = house;
    server.stop().await;
    config.simple = door("account:kiosk".parse().unwrap());
    let server = Server::start(config.clone()).await.unwrap();
    let house = Stranger { server, data };
    let mut a = Peer::new(&house, "a").await;
    house.run("account role kiosk admin");
    assert_eq!(a.is_closed().await.0, 4401);
    let mut late = Peer::open(&house).await;
    late.say("HELLO late").await;
    assert_eq!(late.is_closed().await.0, 4401);
    let Stranger { server, data } = house;
    server.stop().await;
    let error = Server::start(config).await.expect_err("it started");
    assert!(matches!(error, StartError::AdminAccount { .. }) && error.exit_code() == 2, "{error}");
    drop(data);
}
